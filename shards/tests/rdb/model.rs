//! A value as a user sees it, whatever it is stored in, and how tests load and save values.

use std::collections::{BTreeMap, BTreeSet};

use ahash::RandomState;
use shards::encoding::intset::Intset;
use shards::encoding::limits::Limits;
use shards::encoding::listpack::{self, Listpack};
use shards::encoding::sorted_pack::SortedPack;
use shards::entry::{Entry, Packing, Value};
use shards::object::Object;
use shards::random::Random;
use shards::rdb::error::RdbError;
use shards::rdb::load::load_value;
use shards::rdb::loaded::{Loaded, Making};
use shards::rdb::save::{SaveOptions, ValueSaver};
use shards::rdb::sink::Sink;
use shards::rdb::value_type::ValueType;
use shards::rdb::version::WriteVersion;

pub(crate) type Text = Vec<u8>;

/// A value as a user sees it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Model {
    String(Text),
    List(Vec<Text>),
    Set(BTreeSet<Text>),
    /// Values and expires.
    Hash(BTreeMap<Text, (Text, Option<u64>)>),
    SortedSet(Vec<(f64, Text)>),
    /// Only that it is one.
    Stream,
}

impl Model {
    pub(crate) fn of(value: Value<'_>) -> Model {
        let texts = |bytes| Listpack::new(bytes).iter().map(text).collect::<Vec<Text>>();
        match value {
            Value::Str(string) => Model::String(string.bytes(&mut itoa::Buffer::new()).to_vec()),
            Value::Packed(Packing::List, bytes) => Model::List(texts(bytes)),
            Value::Packed(Packing::Set, bytes) => Model::Set(texts(bytes).into_iter().collect()),
            Value::Packed(Packing::Ints, bytes) => {
                Model::Set(Intset::new(bytes).iter().map(|int| int.to_string().into_bytes()).collect())
            }
            Value::Packed(Packing::Hash, bytes) => {
                let texts = texts(bytes);
                let pairs = texts.chunks(2).map(|pair| (pair[0].clone(), (pair[1].clone(), None)));
                Model::Hash(pairs.collect())
            }
            Value::Packed(Packing::SortedSet, bytes) => {
                let items = SortedPack::new(bytes).items();
                Model::SortedSet(items.map(|(member, score)| (score, text(member))).collect())
            }
            Value::Object(Object::List(list)) => {
                let mut texts = Vec::new();
                list.range(0, list.len(), |value| texts.push(text(value)));
                Model::List(texts)
            }
            Value::Object(Object::Set(members)) => Model::Set(members.iter().map(<[u8]>::to_vec).collect()),
            Value::Object(Object::Hash(fields)) => {
                let pairs = fields
                    .iter()
                    .map(|field| (field.field.to_vec(), (field.value.to_vec(), field.expire_ms)));
                Model::Hash(pairs.collect())
            }
            Value::Object(Object::SortedSet(set)) => {
                let items = set.items(0..set.len());
                Model::SortedSet(items.map(|item| (item.score, item.member.to_vec())).collect())
            }
            Value::Object(Object::Stream(_)) => Model::Stream,
        }
    }

    /// The value in the form that says it element by element.
    pub(crate) fn spelled_out(&self) -> (ValueType, Vec<u8>) {
        let mut out = Vec::new();
        let mut sink = Sink::new(&mut out, true);
        let form = match self {
            Model::String(text) => {
                sink.text(text);
                ValueType::String
            }
            Model::List(texts) => {
                sink.length(texts.len() as u64);
                texts.iter().for_each(|text| sink.text(text));
                ValueType::List
            }
            Model::Set(texts) => {
                sink.length(texts.len() as u64);
                texts.iter().for_each(|text| sink.text(text));
                ValueType::Set
            }
            Model::Hash(fields) => {
                sink.length(fields.len() as u64);
                for (field, (value, expire_ms)) in fields {
                    sink.text(field);
                    sink.text(value);
                    sink.time_ms(expire_ms.map_or(-1, |at_ms| at_ms as i64));
                }
                ValueType::HashExpiresValkey
            }
            Model::SortedSet(items) => {
                sink.length(items.len() as u64);
                for (score, member) in items {
                    sink.text(member);
                    sink.double(*score);
                }
                ValueType::SortedSet
            }
            Model::Stream => unreachable!("no test spells a stream out"),
        };
        (form, out)
    }

    /// Some value of some type and size.
    pub(crate) fn random(random: &mut Random) -> Model {
        let count_max = [1, 5, 30, 200, 1500][random.below(5)];
        let count = 1 + random.below(count_max);
        match random.below(5) {
            0 => Model::String(random_text(random, 100_000)),
            1 => Model::List((0..count).map(|_| random_text(random, 10_000)).collect()),
            2 if random.one_in(2) => Model::Set((0..count).map(|_| random_int(random)).collect()),
            2 => Model::Set((0..count).map(|_| random_text(random, 1000)).collect()),
            3 => {
                let expires = random.one_in(2);
                let mut pair = || {
                    let expire_ms = (expires && random.one_in(3)).then(|| 1 + random.bits() % (1 << 45));
                    (random_text(random, 300), (random_text(random, 1000), expire_ms))
                };
                Model::Hash((0..count).map(|_| pair()).collect())
            }
            _ => {
                let members: BTreeSet<Text> = (0..count).map(|_| random_text(random, 300)).collect();
                let mut items: Vec<_> =
                    members.into_iter().map(|member| (random_score(random), member)).collect();
                items.sort_by(|a, b| a.partial_cmp(b).unwrap());
                Model::SortedSet(items)
            }
        }
    }
}

fn text(value: listpack::Value<'_>) -> Text {
    value.bytes(&mut itoa::Buffer::new()).to_vec()
}

fn random_int(random: &mut Random) -> Text {
    let bits = random.bits() as i64;
    (bits >> random.below(64)).to_string().into_bytes()
}

fn random_text(random: &mut Random, len_max: usize) -> Text {
    match random.below(20) {
        0 => Vec::new(),
        1 => {
            let len = random.below(len_max);
            vec![b'x'; len]
        }
        2 => {
            let len = random.below(len_max);
            (0..len).map(|_| random.below(256) as u8).collect()
        }
        3..10 => random_int(random),
        _ => {
            let len = random.below(30);
            (0..len).map(|_| b'a' + random.below(3) as u8).collect()
        }
    }
}

fn random_score(random: &mut Random) -> f64 {
    match random.below(4) {
        0 => random.below(10) as f64,
        1 => random.below(1000) as f64 / 8.0 - 50.0,
        2 => [f64::INFINITY, f64::NEG_INFINITY, 0.1, 1e300][random.below(4)],
        _ => f64::from_bits(random.bits() & !(1 << 62)),
    }
}

pub(crate) fn with_making<R>(run: impl FnOnce(Making<'_>) -> R) -> R {
    let limits = Limits::default();
    run(Making { limits: &limits, hasher: &RandomState::with_seeds(1, 2, 3, 4) })
}

/// The value in these bytes, as a key's.
pub(crate) fn load(form: ValueType, bytes: &[u8]) -> Result<Option<Entry>, RdbError> {
    with_making(|making| Ok(load_value(form, bytes, 0, making)?.map(entry)))
}

pub(crate) fn entry(loaded: Loaded<'_>) -> Entry {
    loaded.give(|value| Entry::new(b"key", value, None))
}

pub(crate) fn options(version: WriteVersion, compress: bool) -> SaveOptions {
    SaveOptions { version, compress, drop_field_expires_at_ms: None }
}

/// A value's form and bytes, written in pieces of about this size.
pub(crate) fn save(entry: &Entry, options: SaveOptions, budget_bytes: usize) -> (ValueType, Vec<u8>) {
    let value = entry.view().value();
    let mut saver = ValueSaver::new(value, options).expect("the version holds it");
    let mut out = Vec::new();
    while !saver.write_some(value, budget_bytes, &mut out) {}
    (saver.form(), out)
}
