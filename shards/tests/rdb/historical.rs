//! Forms that servers have not written for long, and those of servers that are not at hand, made by hand
//! after their descriptions.

use std::collections::BTreeMap;

use shards::encoding::listpack::{self, Value};
use shards::rdb::error::RdbError;
use shards::rdb::sink::Sink;
use shards::rdb::value_type::ValueType;

use crate::model::{Model, Text, load};

/// An element of a ziplist: its encoding with its data, and the text that it stands for.
pub(crate) fn ziplist_elements() -> Vec<(Vec<u8>, Text)> {
    let ints: [(&[u8], &str); 9] = [
        (b"\xf1", "0"),
        (b"\xfd", "12"),
        (b"\xfe\xff", "-1"),
        (b"\xc0\x2c\x01", "300"),
        (b"\xf0\x70\x11\x01", "70000"),
        (b"\xf0\x00\x00\x80", "-8388608"),
        (b"\xd0\x00\x00\x00\x80", "-2147483648"),
        (b"\xe0\x00\xf2\x05\x2a\x01\x00\x00\x00", "5000000000"),
        (b"\xe0\x00\x00\x00\x00\x00\x00\x00\x80", "-9223372036854775808"),
    ];
    let mut elements: Vec<_> = ints.map(|(bytes, text)| (bytes.to_vec(), text.into())).to_vec();
    for len in [0usize, 5, 63, 64, 300, 16383, 16384] {
        let text = vec![b'a' + (len % 26) as u8; len];
        let head = match len {
            0..0x40 => vec![len as u8],
            0x40..0x4000 => vec![0x40 | (len >> 8) as u8, len as u8],
            _ => [&[0x80][..], &(len as u32).to_be_bytes()].concat(),
        };
        elements.push(([head, text.clone()].concat(), text));
    }
    elements
}

/// A ziplist of encoded elements.
pub(crate) fn ziplist(elements: &[Vec<u8>]) -> Vec<u8> {
    let (mut body, mut previous, mut last_at) = (Vec::new(), 0usize, 10);
    for element in elements {
        last_at = 10 + body.len();
        let start = body.len();
        match previous {
            0..254 => body.push(previous as u8),
            _ => {
                body.push(254);
                body.extend_from_slice(&(previous as u32).to_le_bytes());
            }
        }
        body.extend_from_slice(element);
        previous = body.len() - start;
    }
    let total = (body.len() + 11) as u32;
    let count = elements.len() as u16;
    let header = [&total.to_le_bytes()[..], &(last_at as u32).to_le_bytes(), &count.to_le_bytes()].concat();
    [header, body, vec![0xff]].concat()
}

/// A zipmap of these pairs, each value with some free bytes behind it.
pub(crate) fn zipmap(pairs: &[(Text, Text)], free: u8) -> Vec<u8> {
    let length = |len: usize| match len {
        0..254 => vec![len as u8],
        _ => [&[254][..], &(len as u32).to_le_bytes()].concat(),
    };
    let mut bytes = vec![pairs.len().min(254) as u8];
    for (field, value) in pairs {
        bytes.extend([length(field.len()), field.clone(), length(value.len()), vec![free]].concat());
        bytes.extend([&value[..], &vec![b'?'; usize::from(free)]].concat());
    }
    bytes.push(0xff);
    bytes
}

pub(crate) fn written(write: impl FnOnce(&mut Sink<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut Sink::new(&mut out, false));
    out
}

pub(crate) fn pack(texts: &[&str]) -> Vec<u8> {
    listpack::new(&texts.iter().map(|text| Value::of(text.as_bytes())).collect::<Vec<_>>())
}

/// All of a value that is a single string.
fn one(bytes: &[u8]) -> Vec<u8> {
    written(|sink| sink.raw_text(bytes))
}

/// A value, and what it stands for.
type Case = (ValueType, Vec<u8>, Model);

/// All of them.
pub(crate) fn values() -> Vec<Case> {
    [packed_values(), sorted_sets(), hashes_of_later_servers()].concat()
}

fn packed_values() -> Vec<Case> {
    let elements = ziplist_elements();
    let encoded: Vec<Vec<u8>> = elements.iter().map(|(bytes, _)| bytes.clone()).collect();
    let texts: Vec<Text> = elements.iter().map(|(_, text)| text.clone()).collect();
    let pairs: Vec<(Text, Text)> = texts.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
    let hash = |pairs: &[(Text, Text)]| {
        Model::Hash(pairs.iter().map(|(field, value)| (field.clone(), (value.clone(), None))).collect())
    };
    let nodes = written(|sink| {
        sink.length(3);
        sink.raw_text(&ziplist(&encoded[..3]));
        sink.raw_text(&ziplist(&[]));
        sink.raw_text(&ziplist(&encoded[3..]));
    });
    let long_pairs = vec![(vec![b'f'; 300], vec![b'v'; 254]), (b"12".to_vec(), b"-7".to_vec())];
    let values: Vec<Value<'_>> = texts.iter().map(|text| Value::of(text)).collect();
    vec![
        (ValueType::ListZiplist, one(&ziplist(&encoded)), Model::List(texts.clone())),
        (ValueType::ListQuicklist, nodes, Model::List(texts.clone())),
        (ValueType::HashZiplist, one(&ziplist(&encoded)), hash(&pairs)),
        (ValueType::HashZiplist, one(&ziplist(&encoded[..6])), hash(&pairs[..3])),
        (ValueType::HashZipmap, one(&zipmap(&pairs, 3)), hash(&pairs)),
        (ValueType::HashZipmap, one(&zipmap(&long_pairs, 0)), hash(&long_pairs)),
        (ValueType::SetListpack, one(&listpack::new(&values)), Model::Set(texts.into_iter().collect())),
    ]
}

/// Sorted sets with their scores as text.
fn sorted_sets() -> Vec<Case> {
    let scored: Vec<Vec<u8>> =
        [&b"\x01a"[..], b"\x04-inf", b"\x01b", b"\xf2", b"\xf3", b"\x042.50", b"\x01c", b"\x03inf"]
            .map(<[u8]>::to_vec)
            .to_vec();
    let scores = vec![
        (f64::NEG_INFINITY, b"a".to_vec()),
        (1.0, b"b".to_vec()),
        (2.5, b"2".to_vec()),
        (f64::INFINITY, b"c".to_vec()),
    ];
    let old_scores = written(|sink| {
        sink.length(4);
        for (member, score) in [(b"c", &b"\xfe"[..]), (b"2", b"\x042.50"), (b"b", b"\x011"), (b"a", b"\xff")]
        {
            sink.raw_text(member);
            sink.bytes(score);
        }
    });
    vec![
        (ValueType::SortedSetZiplist, one(&ziplist(&scored)), Model::SortedSet(scores.clone())),
        (ValueType::SortedSetText, old_scores, Model::SortedSet(scores)),
    ]
}

/// Hashes as Redis 7.4 and 8.10 write them.
fn hashes_of_later_servers() -> Vec<Case> {
    let expires = [("f", Some(1000)), ("g", None), ("h", Some(5000))];
    let with_expires =
        Model::Hash(expires.map(|(field, at_ms)| (field.as_bytes().to_vec(), (b"v".to_vec(), at_ms))).into());
    let relative = written(|sink| {
        sink.time_ms(1000);
        sink.length(3);
        for (field, at_ms) in expires {
            sink.length(at_ms.map_or(0, |at_ms| at_ms - 1000 + 1));
            sink.text(field.as_bytes());
            sink.text(b"v");
        }
    });
    let packed = written(|sink| {
        sink.time_ms(1000);
        sink.raw_text(&pack(&["f", "v", "1000", "h", "v", "5000", "g", "v", "0"]));
    });
    let template = [&b"\x00"[..], &one(&pack(&["f", "gg"])), &one(&pack(&["5", "v", "12"]))].concat();
    let of_template = Model::Hash(
        [("f", "v"), ("gg", "12")].map(|(field, value)| (field.into(), (value.into(), None))).into(),
    );
    vec![
        (ValueType::HashExpires, relative, with_expires.clone()),
        (ValueType::HashExpiresListpack, packed, with_expires),
        (ValueType::HashTemplateListpack, template, of_template.clone()),
        (ValueType::HashTemplate, b"\x01\x02\x01f\x02gg\x01v\xc0\x0c".to_vec(), of_template),
    ]
}

#[test]
fn historical_and_foreign_forms_are_read() {
    for (form, bytes, model) in values() {
        let entry = load(form, &bytes).unwrap_or_else(|error| panic!("{form:?}: {error}"));
        assert_eq!(Model::of(entry.unwrap().view().value()), model, "{form:?}");
    }
}

#[test]
fn empty_collections_are_told_as_such() {
    let zero = written(|sink| sink.length(0));
    let empty_ziplist = one(&ziplist(&[]));
    let empty_listpack = one(&listpack::EMPTY);
    let time = written(|sink| sink.time_ms(0));
    let nodes = written(|sink| {
        sink.length(1);
        sink.length(2);
        sink.raw_text(&listpack::EMPTY);
    });
    for (form, bytes) in [
        (ValueType::List, &zero),
        (ValueType::Set, &zero),
        (ValueType::Hash, &zero),
        (ValueType::SortedSet, &zero),
        (ValueType::SortedSetText, &zero),
        (ValueType::HashExpiresValkey, &zero),
        (ValueType::HashExpires, &[time.clone(), zero.clone()].concat()),
        (ValueType::HashExpiresListpack, &[time, empty_listpack.clone()].concat()),
        (ValueType::ListQuicklist, &zero),
        (ValueType::ListQuicklist2, &zero),
        (ValueType::ListQuicklist2, &nodes),
        (ValueType::ListZiplist, &empty_ziplist),
        (ValueType::HashZiplist, &empty_ziplist),
        (ValueType::SortedSetZiplist, &empty_ziplist),
        (ValueType::HashZipmap, &one(b"\x00\xff")),
        (ValueType::HashListpack, &empty_listpack),
        (ValueType::SetListpack, &empty_listpack),
        (ValueType::SortedSetListpack, &empty_listpack),
        (ValueType::SetIntset, &one(b"\x02\0\0\0\0\0\0\0")),
    ] {
        let loaded = load(form, bytes).unwrap_or_else(|error| panic!("{form:?}: {error}"));
        assert!(loaded.is_none(), "{form:?}");
    }
}

#[test]
fn contradictions_are_refused() {
    let twice = |write: fn(&mut Sink<'_>)| {
        written(|sink| {
            sink.length(2);
            write(sink);
            write(sink);
        })
    };
    let scored = |score: f64| {
        written(|sink| {
            sink.length(1);
            sink.text(b"m");
            sink.double(score);
        })
    };
    let container = written(|sink| {
        sink.length(1);
        sink.length(3);
        sink.text(b"v");
    });
    for (form, bytes) in [
        (ValueType::Set, twice(|sink| sink.text(b"m"))),
        (ValueType::Set, twice(|sink| sink.text(b"12"))),
        (ValueType::Hash, twice(|sink| (0..2).for_each(|_| sink.text(b"f")))),
        (ValueType::SortedSet, twice(|sink| [sink.text(b"m"), sink.double(1.0)].into_iter().collect())),
        (ValueType::SortedSet, scored(f64::NAN)),
        (ValueType::SetListpack, one(&pack(&["a", "b", "a"]))),
        (ValueType::HashListpack, one(&pack(&["a", "b", "a", "c"]))),
        (ValueType::HashListpack, one(&pack(&["a", "b", "c"]))),
        (ValueType::HashZipmap, one(&zipmap(&[(b"f".to_vec(), vec![]), (b"f".to_vec(), vec![])], 0))),
        (ValueType::HashZiplist, one(&ziplist(&[b"\x01f".to_vec()]))),
        (ValueType::SortedSetListpack, one(&pack(&["a", "2", "b", "1"]))),
        (ValueType::SortedSetListpack, one(&pack(&["a", "1", "a", "2"]))),
        (ValueType::SortedSetListpack, one(&pack(&["a", "nan"]))),
        (ValueType::SetIntset, one(b"\x02\0\0\0\x02\0\0\0\x05\0\x04\0")),
        (ValueType::HashExpiresListpack, [vec![0; 8], one(&pack(&["f", "v", "-1"]))].concat()),
        (ValueType::HashExpiresListpack, [vec![0; 8], one(&pack(&["f", "v", "soon"]))].concat()),
        (ValueType::HashExpiresListpack, [vec![0; 8], one(&pack(&["f", "v"]))].concat()),
        (ValueType::ListQuicklist2, container),
        (ValueType::String, [one(b"text"), vec![0]].concat()),
        (ValueType::List, [written(|sink| sink.length(0)), vec![0]].concat()),
    ] {
        check_corrupt(form, &bytes);
    }
}

fn check_corrupt(form: ValueType, bytes: &[u8]) {
    let error = load(form, bytes).map(|entry| entry.is_some()).unwrap_err();
    assert!(matches!(error, RdbError::Corrupt { .. }), "{form:?} {bytes:?}: {error}");
}

#[test]
fn fields_that_come_twice_and_impossible_times_are_refused() {
    let many: BTreeMap<usize, String> = (0..300).map(|at| (at, format!("member{}", at % 299))).collect();
    let many_fields = written(|sink| {
        sink.length(300);
        many.values().for_each(|text| (0..2).for_each(|_| sink.text(text.as_bytes())));
    });
    let long_twice = written(|sink| {
        sink.length(3);
        for field in [&b"f"[..], b"f", &[b'x'; 100]] {
            sink.text(field);
            sink.text(b"v");
        }
    });
    let before_1970 = written(|sink| {
        sink.length(1);
        sink.text(b"f");
        sink.text(b"v");
        sink.time_ms(-2);
    });
    let behind_time = written(|sink| {
        sink.time_ms(i64::MAX);
        sink.length(1);
        sink.length(u64::MAX);
        sink.text(b"f");
        sink.text(b"v");
    });
    check_corrupt(ValueType::Hash, &long_twice);
    check_corrupt(ValueType::Hash, &many_fields);
    check_corrupt(ValueType::HashExpiresValkey, &before_1970);
    check_corrupt(ValueType::HashExpires, &behind_time);
}

/// Each number of a ziplist and of a zipmap is checked against what it speaks of.
#[test]
fn a_changed_head_is_refused() {
    let elements: Vec<Vec<u8>> =
        [&b"\x01a"[..], b"\xf3", b"\x03abc", b"\xc0\x2c\x01"].map(<[u8]>::to_vec).to_vec();
    let good = ziplist(&elements);
    let load = |bytes: &[u8]| load(ValueType::ListZiplist, &written(|sink| sink.raw_text(bytes)));
    assert!(load(&good).is_ok());
    for at in (0..10).chain([10, 13, good.len() - 1]) {
        let mut changed = good.clone();
        changed[at] ^= 1;
        assert!(load(&changed).is_err(), "byte {at}");
    }
    for len in 0..good.len() {
        assert!(load(&good[..len]).is_err(), "{len} bytes");
    }
    let good = zipmap(&[(b"f".to_vec(), b"v".to_vec()), (b"g".to_vec(), b"w".to_vec())], 1);
    let load =
        |bytes: &[u8]| crate::model::load(ValueType::HashZipmap, &written(|sink| sink.raw_text(bytes)));
    assert!(load(&good).is_ok());
    for len in 0..good.len() {
        assert!(load(&good[..len]).is_err(), "{len} bytes");
    }
    let wrong_count = [&[3][..], &good[1..]].concat();
    assert!(load(&wrong_count).is_err());
    let unknown_count = [&[254][..], &good[1..]].concat();
    assert!(load(&unknown_count).is_ok());
}
