//! Digests of values and of whole databases, as DEBUG DIGEST and DEBUG DIGEST-VALUE show them: what is equal
//! has equal digests, however it is stored and in whatever order.
//!
//! Two operations make them. What has an order is *mixed* in: the digest is xored with the SHA-1 of the bytes
//! and then becomes its own SHA-1. What has none is only *added* by xor. So the keys of a database can be
//! added up shard by shard (Redis: computeDatasetDigest). Scores are taken as text in their shortest form, as
//! Redis does since 7.2, and that a field has a time to live counts, as since 7.4; how long anything lives
//! does not. This file must not know commands and replies.

use sha1::{Digest as _, Sha1};

use crate::db::Db;
use crate::encoding::stream::{Stream, StreamId};
use crate::entry::EntryRef;
use crate::expires::is_over;
use crate::num::format_shortest;
use crate::object::DataType;
use crate::values::hash::HashRef;
use crate::values::list::{End, ListRef};
use crate::values::set::SetRef;
use crate::values::sorted_set::View;
use crate::values::stream::stream_of;

/// Bytes of a digest.
pub(crate) const DIGEST_BYTES: usize = 20;

/// What stands for something. Nothing at all has the default.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Digest([u8; DIGEST_BYTES]);

impl Digest {
    /// The digest with these bytes.
    pub(crate) fn of_bytes(bytes: [u8; DIGEST_BYTES]) -> Digest {
        Digest(bytes)
    }

    /// Its bytes.
    pub(crate) fn bytes(self) -> [u8; DIGEST_BYTES] {
        self.0
    }

    /// 40 digits, as DEBUG shows it.
    pub(crate) fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Adds something, in whatever order with others.
    fn add(&mut self, bytes: &[u8]) {
        self.join(Digest(Sha1::digest(bytes).into()));
    }

    /// Adds what another digest stands for as if its parts had been added here.
    pub(crate) fn join(&mut self, other: Digest) {
        self.0.iter_mut().zip(other.0).for_each(|(byte, more)| *byte ^= more);
    }

    /// Adds something that comes behind all before it.
    pub(crate) fn mix(&mut self, bytes: &[u8]) {
        self.add(bytes);
        self.0 = Sha1::digest(self.0).into();
    }
}

/// The digest of the keys of a database without its number; `None` for a database without keys. Keys and
/// fields whose time is over are not there.
///
/// Every key is read in one go, as Redis does: about two microseconds for a small string or collection, so a
/// million of them hold their shard up for two seconds, and big values as long as reading them takes.
pub(crate) fn of_keys(db: &Db, now_ms: u64) -> Option<Digest> {
    let (mut sum, mut is_empty) = (Digest::default(), true);
    for entry in db.entries() {
        if is_gone(entry, now_ms) {
            continue;
        }
        is_empty = false;
        let mut digest = Digest::default();
        digest.mix(entry.key());
        mix_value(&mut digest, entry, now_ms);
        sum.add(&digest.0);
    }
    (!is_empty).then_some(sum)
}

/// The digest of a value, and of whether it has a time to live.
pub(crate) fn of_value(entry: EntryRef<'_>, now_ms: u64) -> Digest {
    let mut digest = Digest::default();
    if !is_gone(entry, now_ms) {
        mix_value(&mut digest, entry, now_ms);
    }
    digest
}

/// The digest of all databases, from those of their keys.
pub(crate) fn of_databases(databases: impl Iterator<Item = (u32, Digest)>) -> Digest {
    let mut all = Digest::default();
    for (number, keys) in databases {
        all.mix(&number.to_be_bytes());
        all.join(keys);
    }
    all
}

fn is_gone(entry: EntryRef<'_>, now_ms: u64) -> bool {
    let is_expired = entry.expire_ms().is_some_and(|at_ms| is_over(at_ms, now_ms));
    // A hash of which nothing is left but fields whose time is over is no key any more.
    is_expired || entry.data_type() == DataType::Hash && HashRef::of(entry, now_ms).is_empty()
}

/// Redis's numbers of the types (OBJ_STRING and so on).
const fn type_number(data_type: DataType) -> u32 {
    match data_type {
        DataType::String => 0,
        DataType::List => 1,
        DataType::Set => 2,
        DataType::SortedSet => 3,
        DataType::Hash => 4,
        DataType::Stream => 6,
    }
}

fn mix_value(digest: &mut Digest, entry: EntryRef<'_>, now_ms: u64) {
    let text = &mut itoa::Buffer::new();
    digest.mix(&type_number(entry.data_type()).to_be_bytes());
    match entry.data_type() {
        DataType::String => digest.mix(entry.string().bytes(text)),
        DataType::List => ListRef::of(entry).scan(End::Head, |element| {
            digest.mix(element.bytes(text));
            std::ops::ControlFlow::Continue(())
        }),
        DataType::Set => SetRef::of(entry).iter().for_each(|member| digest.add(member.bytes(text))),
        DataType::SortedSet => {
            let set = View::of(entry);
            set.visit(0..set.len(), false, |member, score| {
                let mut item = Digest::default();
                item.mix(member.bytes(text));
                item.mix(&format_shortest(score));
                digest.add(&item.0);
            });
        }
        DataType::Hash => add_fields(digest, entry, now_ms),
        DataType::Stream => mix_entries(digest, stream_of(entry)),
    }
    if entry.expire_ms().is_some() {
        digest.add(b"!!expire!!");
    }
}

fn add_fields(digest: &mut Digest, entry: EntryRef<'_>, now_ms: u64) {
    let mut add = |field: &[u8], value: &[u8], has_expire: bool| {
        let mut item = Digest::default();
        item.mix(field);
        item.mix(value);
        if has_expire {
            item.add(b"!!hexpire!!");
        }
        digest.add(&item.0);
    };
    match HashRef::of(entry, now_ms) {
        HashRef::Fields(fields) => {
            fields.iter().for_each(|field| add(field.field, field.value, field.expire_ms.is_some()));
        }
        packed @ HashRef::Packed(_) => packed.each(|field, value| {
            let (field_text, value_text) = (&mut itoa::Buffer::new(), &mut itoa::Buffer::new());
            add(field.bytes(field_text), value.bytes(value_text), false);
        }),
    }
}

/// Only the entries count, not the groups nor what was ever added.
fn mix_entries(digest: &mut Digest, stream: &Stream) {
    for entry in stream.log.range(StreamId::MIN, StreamId::MAX) {
        digest.mix(format!("{}.{}", entry.id.ms, entry.id.seq).as_bytes());
        for (field, value) in entry.fields() {
            digest.mix(field.bytes(&mut itoa::Buffer::new()));
            digest.mix(value.bytes(&mut itoa::Buffer::new()));
        }
    }
}
