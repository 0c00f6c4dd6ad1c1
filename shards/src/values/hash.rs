//! Hashes as their commands see them, whichever way they are stored: a listpack of fields, each followed by
//! its value, inside the key's entry, or [`Fields`].
//!
//! When a listpack becomes [`Fields`] is Redis 7.2's rule (hashTypeTryConversion, hashTypeSet). This file
//! must not know arguments or replies.

use crate::encoding::limits::Limits;
use crate::encoding::listpack::{self, Listpack, Value as Element, Wanted};
use crate::encoding::member_table::{Field, FieldExpire, Fields};
use crate::encoding::splice::Splice;
use crate::entry::{EntryRef, Expire, NewValue, Packing, Value};
use crate::error::CommandError;
use crate::expires::is_over;
use crate::key::Key;
use crate::keyspace::{EntryMut, Keyspace};
use crate::object::{DataType, Object};

/// So many fields whose time is over are removed when a command meets them, some dozen microseconds. Of a
/// hash that has more the rest is hidden, and left to the next command and to active expiry.
const EXPIRE_ON_ACCESS_MAX: usize = 64;

/// When a hash may be packed. A copy of the limits, so that it can be used while an entry is borrowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PackedLimits {
    entries_max: u64,
    value_bytes_max: u64,
}

impl PackedLimits {
    #[inline]
    pub(crate) fn of(limits: &Limits) -> PackedLimits {
        PackedLimits { entries_max: limits.hash_entries_max, value_bytes_max: limits.hash_value_bytes_max }
    }

    /// Whether these fields and values, one after the other, may be put into a packed hash of so many bytes:
    /// judged by what is put in alone, as if no field were named twice or there already.
    fn admit<'p>(self, packed_len: usize, mut pairs: impl Pairs<'p>) -> bool {
        let mut bytes = 0;
        pairs.len() as u64 <= self.entries_max
            && pairs.all(|(field, value)| {
                bytes += field.len() + value.len();
                self.admits_lens(field.len(), value.len())
            })
            && listpack::has_room(packed_len, bytes)
    }

    #[inline]
    fn admits_lens(self, field_len: usize, value_len: usize) -> bool {
        field_len.max(value_len) as u64 <= self.value_bytes_max
    }
}

/// Fields with their values, of which the number is known.
pub(crate) trait Pairs<'p>: ExactSizeIterator<Item = (&'p [u8], &'p [u8])> + Clone {
    /// Bytes of all fields and values.
    fn bytes(self) -> usize {
        self.map(|(field, value)| field.len() + value.len()).sum()
    }
}

impl<'p, I: ExactSizeIterator<Item = (&'p [u8], &'p [u8])> + Clone> Pairs<'p> for I {}

/// A hash to be read.
#[derive(Clone, Copy)]
pub(crate) enum HashRef<'a> {
    /// OBJECT ENCODING listpack.
    Packed(Listpack<'a>),
    /// OBJECT ENCODING hashtable.
    Fields(LiveFields<'a>),
}

/// Fields without those whose time is over and that have not been removed yet.
#[derive(Clone, Copy)]
pub(crate) struct LiveFields<'a> {
    fields: &'a Fields,
    now_ms: u64,
}

impl<'a> LiveFields<'a> {
    /// Their number.
    #[inline]
    pub(crate) fn len(self) -> usize {
        match self.hides() {
            false => self.fields.len(),
            true => self.fields.len() - self.fields.over_len(self.now_ms),
        }
    }

    /// True when there is something that must not be seen.
    #[inline]
    pub(crate) fn hides(self) -> bool {
        self.fields.next_expire_ms().is_some_and(|at_ms| is_over(at_ms, self.now_ms))
    }

    /// True when at least half of what is stored is hidden, so that draws would mostly miss.
    pub(crate) fn is_sparse(self) -> bool {
        self.len() * 2 <= self.fields.len()
    }

    #[inline]
    fn is_live(self, field: &Field<'_>) -> bool {
        field.expire_ms.is_none_or(|at_ms| !is_over(at_ms, self.now_ms))
    }

    #[inline]
    fn get(self, hash: u64, field: &[u8]) -> Option<Field<'a>> {
        self.fields.get(hash, field).filter(|field| self.is_live(field))
    }

    /// Each of them.
    pub(crate) fn iter(self) -> impl Iterator<Item = Field<'a>> {
        self.fields.iter().filter(move |field| self.is_live(field))
    }

    /// Visits some of them from `cursor` on and returns the next cursor; see [`Fields::scan`].
    pub(crate) fn scan(self, cursor: u64, budget: usize, mut visit: impl FnMut(Field<'_>)) -> u64 {
        self.fields.scan(cursor, budget, |field| {
            if self.is_live(&field) {
                visit(field);
            }
        })
    }

    /// One drawn by chance; `None` when that is a hidden one, or there is none at all.
    pub(crate) fn random(self, random: &mut impl FnMut() -> u64) -> Option<Field<'a>> {
        self.fields.random(random).filter(|field| self.is_live(field))
    }
}

impl<'a> HashRef<'a> {
    /// The hash in an entry, whose type was checked.
    #[inline]
    pub(crate) fn of(entry: EntryRef<'a>, now_ms: u64) -> HashRef<'a> {
        match entry.value() {
            Value::Packed(Packing::Hash, bytes) => HashRef::Packed(Listpack::new(bytes)),
            Value::Object(Object::Hash(fields)) => HashRef::Fields(LiveFields { fields, now_ms }),
            other => unreachable!("the type was checked, and it is no hash: {other:?}"),
        }
    }

    /// The number of fields.
    #[inline]
    pub(crate) fn len(self) -> usize {
        match self {
            HashRef::Packed(list) => list.len() / 2,
            HashRef::Fields(fields) => fields.len(),
        }
    }

    /// No field at all.
    #[inline]
    pub(crate) fn is_empty(self) -> bool {
        match self {
            HashRef::Packed(list) => list.len() == 0,
            HashRef::Fields(live) => live.fields.is_over(live.now_ms),
        }
    }

    /// The value of a field.
    #[inline]
    pub(crate) fn get(self, field: &[u8], hash_of: impl Fn(&[u8]) -> u64) -> Option<Element<'a>> {
        match self {
            HashRef::Packed(list) => {
                let at = list.find(&Wanted::new(field), listpack::HEADER_LEN, 1)?;
                list.iter_from(at).nth(1)
            }
            HashRef::Fields(fields) => Some(Element::Str(fields.get(hash_of(field), field)?.value)),
        }
    }

    /// When a field ends, in milliseconds since 1970; `Some(None)` for a field that has no expire.
    pub(crate) fn expire_ms(self, field: &[u8], hash_of: impl Fn(&[u8]) -> u64) -> Option<Option<u64>> {
        match self {
            HashRef::Packed(_) => self.get(field, hash_of).map(|_| None),
            HashRef::Fields(fields) => Some(fields.get(hash_of(field), field)?.expire_ms),
        }
    }

    /// True when the time of some field is over.
    #[inline]
    fn hides(self) -> bool {
        match self {
            HashRef::Packed(_) => false,
            HashRef::Fields(live) => live.hides(),
        }
    }

    /// Every field with its value, until `visit` says that it is enough.
    #[inline]
    pub(crate) fn each_until(self, mut visit: impl FnMut(Element<'a>, Element<'a>) -> bool) {
        match self {
            HashRef::Packed(list) => {
                let mut elements = list.iter();
                while let (Some(field), Some(value)) = (elements.next(), elements.next()) {
                    if visit(field, value) {
                        return;
                    }
                }
            }
            HashRef::Fields(fields) => {
                for field in fields.iter() {
                    if visit(Element::Str(field.field), Element::Str(field.value)) {
                        return;
                    }
                }
            }
        }
    }

    /// Every field with its value.
    #[inline]
    pub(crate) fn each(self, mut visit: impl FnMut(Element<'a>, Element<'a>)) {
        self.each_until(|field, value| {
            visit(field, value);
            false
        });
    }
}

/// Looks a hash up to read it; `None` when there is none. It has no field whose time is over.
///
/// # Errors
/// `WrongType` when the key holds another type.
#[inline]
pub(crate) fn read<R>(
    keys: &mut Keyspace<'_>,
    key: &Key<'_>,
    look: impl FnOnce(HashRef<'_>) -> R,
) -> Result<Option<R>, CommandError> {
    let now_ms = keys.now_ms();
    let Some(entry) = keys.read_typed(key, DataType::Hash)? else { return Ok(None) };
    let hash = HashRef::of(entry, now_ms);
    if !hash.hides() {
        return Ok(Some(look(hash)));
    }
    keys.expire_fields(key, EXPIRE_ON_ACCESS_MAX);
    Ok(keys.view(key).map(|entry| look(HashRef::of(entry, now_ms))))
}

/// Looks a hash up to change it; `None` when there is none. It has no field whose time is over. Whoever
/// leaves it without fields removes the key.
///
/// # Errors
/// `WrongType` when the key holds another type.
#[inline]
pub(crate) fn write<R>(
    keys: &mut Keyspace<'_>,
    key: &Key<'_>,
    change: impl FnOnce(&mut HashMut<'_>) -> R,
) -> Result<Option<R>, CommandError> {
    let limits = PackedLimits::of(keys.limits());
    let now_ms = keys.now_ms();
    let Some(entry) = keys.write_typed(key, DataType::Hash)? else { return Ok(None) };
    let mut hash = HashMut { entry, limits, now_ms, ended: Vec::new() };
    if !hash.view().hides() {
        return Ok(Some(change(&mut hash)));
    }
    keys.expire_fields(key, EXPIRE_ON_ACCESS_MAX);
    let Some(entry) = keys.write(key) else { return Ok(None) };
    let mut hash = HashMut { entry, limits, now_ms, ended: Vec::new() };
    let result = change(&mut hash);
    let ended = hash.ended;
    keys.fields_ended(key, &ended);
    Ok(Some(result))
}

/// Adds a hash of these fields for a key that is not there, and tells how many there are.
pub(crate) fn add<'p>(keys: &mut Keyspace<'_>, key: &Key<'_>, pairs: impl Pairs<'p>) -> usize {
    if PackedLimits::of(keys.limits()).admit(listpack::EMPTY.len(), pairs.clone()) {
        let mut packed = listpack::EMPTY.to_vec();
        for (field, value) in pairs {
            set_packed(&mut packed, field, value);
        }
        keys.add(key, NewValue::Packed(Packing::Hash, &packed), Expire::Clear);
        return Listpack::new(&packed).len() / 2;
    }
    let hash_of = keys.hash_of();
    let mut fields = Fields::with_capacity(pairs.len(), pairs.clone().bytes());
    for (field, value) in pairs {
        fields.set(field, value, FieldExpire::Clear, &hash_of);
    }
    let len = fields.len();
    keys.add(key, NewValue::Object(Box::new(Object::Hash(fields))), Expire::Clear);
    len
}

/// A hash to be changed.
pub(crate) struct HashMut<'a> {
    entry: EntryMut<'a>,
    limits: PackedLimits,
    now_ms: u64,
    /// Fields that were hidden because their time was over, and had to be removed to be set again.
    ended: Vec<Vec<u8>>,
}

impl HashMut<'_> {
    /// The hash as readers see it.
    #[inline]
    pub(crate) fn view(&self) -> HashRef<'_> {
        HashRef::of(self.entry.view(), self.now_ms)
    }

    /// Removes a field that is about to be set, if its time is over.
    #[inline]
    fn end_hidden(&mut self, field: &[u8], hash_of: impl Fn(&[u8]) -> u64) {
        if let HashRef::Fields(live) = self.view()
            && live.hides()
            && live.get(hash_of(field), field).is_none()
            && self.with_fields(|fields| fields.remove(field, hash_of))
        {
            self.ended.push(field.to_vec());
        }
    }

    /// Sets fields, one after the other, and tells how many are new. They lose their expires.
    #[inline]
    pub(crate) fn set_all<'p>(&mut self, pairs: impl Pairs<'p>, hash_of: impl Fn(&[u8]) -> u64) -> usize {
        if self.view().hides() {
            pairs.clone().for_each(|(field, _)| self.end_hidden(field, &hash_of));
        }
        if let HashRef::Packed(list) = self.view() {
            if self.limits.admit(list.end() + 1, pairs.clone()) {
                return self.set_all_packed(pairs, hash_of);
            }
            self.unpack(pairs.len(), pairs.clone().bytes(), &hash_of);
        }
        self.with_fields(|fields| {
            let set = |(field, value)| fields.set(field, value, FieldExpire::Clear, &hash_of);
            pairs.map(set).filter(|is_new| *is_new).count()
        })
    }

    #[inline]
    fn set_all_packed<'p>(&mut self, pairs: impl Pairs<'p>, hash_of: impl Fn(&[u8]) -> u64) -> usize {
        let new = self.entry.with_packed(|packed| {
            pairs.map(|(field, value)| set_packed(packed, field, value)).filter(|is_new| *is_new).count()
        });
        self.unpack_if_too_long(hash_of);
        new
    }

    /// Sets a field, whose expire stays. What becomes of its value may be longer than what was there.
    pub(crate) fn set(&mut self, field: &[u8], value: &[u8], hash_of: impl Fn(&[u8]) -> u64) {
        self.end_hidden(field, &hash_of);
        if let HashRef::Packed(list) = self.view() {
            let fits = self.limits.admits_lens(field.len(), value.len())
                && listpack::has_room(list.end() + 1, field.len() + value.len());
            if fits {
                self.entry.with_packed(|packed| set_packed(packed, field, value));
                return self.unpack_if_too_long(hash_of);
            }
            self.unpack(1, field.len() + value.len(), &hash_of);
        }
        self.with_fields(|fields| fields.set(field, value, FieldExpire::Keep, hash_of));
    }

    /// Gives a field that is there an expire, or takes it away; in milliseconds since 1970. A packed hash has
    /// no room for expires.
    pub(crate) fn set_expire(
        &mut self,
        field: &[u8],
        expire_ms: Option<u64>,
        hash_of: impl Fn(&[u8]) -> u64,
    ) {
        if matches!(self.view(), HashRef::Packed(_)) {
            if expire_ms.is_none() {
                return;
            }
            self.unpack(0, 0, &hash_of);
        }
        self.with_fields(|fields| fields.set_expire(field, expire_ms, hash_of));
    }

    /// Removes a field, and says whether there was one.
    pub(crate) fn remove(&mut self, field: &[u8], hash_of: impl Fn(&[u8]) -> u64) -> bool {
        match self.view() {
            HashRef::Packed(list) => {
                let found = list.find(&Wanted::new(field), listpack::HEADER_LEN, 1);
                if let Some(at) = found {
                    self.entry.with_packed(|packed| listpack::remove(packed, at, 2));
                }
                found.is_some()
            }
            HashRef::Fields(live) if live.hides() && live.get(hash_of(field), field).is_none() => false,
            HashRef::Fields(_) => self.with_fields(|fields| fields.remove(field, hash_of)),
        }
    }

    /// Redis looks at the number of fields after each change, so that lowered limits hold from then on.
    #[inline]
    fn unpack_if_too_long(&mut self, hash_of: impl Fn(&[u8]) -> u64) {
        if self.view().len() as u64 > self.limits.entries_max {
            self.unpack(0, 0, hash_of);
        }
    }

    /// Makes [`Fields`] of a packed hash, prepared for some more fields with so many bytes.
    #[cold]
    fn unpack(&mut self, more_fields: usize, more_bytes: usize, hash_of: impl Fn(&[u8]) -> u64) {
        let HashRef::Packed(list) = self.view() else { return };
        let bytes = list.end() - listpack::HEADER_LEN;
        let mut fields = Fields::with_capacity(list.len() / 2 + more_fields, bytes + more_bytes);
        HashRef::Packed(list).each(|field, value| {
            let (field_text, value_text) = (&mut itoa::Buffer::new(), &mut itoa::Buffer::new());
            let (field, value) = (field.bytes(field_text), value.bytes(value_text));
            fields.set(field, value, FieldExpire::Clear, &hash_of);
        });
        self.entry.replace(NewValue::Object(Box::new(Object::Hash(fields))), Expire::Keep);
    }

    /// Changes a hash that is not packed.
    #[inline]
    fn with_fields<R>(&mut self, change: impl FnOnce(&mut Fields) -> R) -> R {
        self.entry.with_object(|object| match object {
            Object::Hash(fields) => change(fields),
            other => unreachable!("the type was checked, and it is no hash: {:?}", other.data_type()),
        })
    }
}

/// Sets a field of a packed hash, and says whether it is new.
#[inline]
fn set_packed(packed: &mut impl Splice, field: &[u8], value: &[u8]) -> bool {
    let list = Listpack::new(packed.bytes());
    match list.find(&Wanted::new(field), listpack::HEADER_LEN, 1) {
        Some(at) => {
            let mut elements = list.iter_from(at);
            elements.skip_some(1);
            listpack::replace(packed, elements.position(), 1, &[Element::of(value)]);
            false
        }
        None => {
            listpack::append(packed, &[Element::of(field), Element::of(value)]);
            true
        }
    }
}
