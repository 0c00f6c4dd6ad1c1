//! A map from fields to values, byte strings both, of any number: what is behind a large hash. A field may
//! have an expire (HEXPIRE).
//!
//! What a record looks like is in `records.rs`. The fields that have an expire are also in an index, ordered
//! by time, by their hashes: 16 bytes each.
//!
//! This file must not know pages, nor what time it is.

use super::expire_index::ExpireIndex;
use super::records::{Field, FieldRecord, HAS_EXPIRE, LONG_FIELD, layout, parse};
use super::remains::Remains;
use super::table::{RecordPlace, Table};

/// Head, length and expire.
const FRONT_LEN_MAX: usize = 1 + 8 + 8;

/// What becomes of a field's expire when its value is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldExpire {
    /// It stays; a new field has none (HINCRBY).
    Keep,
    /// There is none any more (HSET).
    Clear,
    /// From now on it is this, in milliseconds since 1970 (HSETEX).
    At(u64),
}

/// What lies before the field in a record.
struct Front {
    bytes: [u8; FRONT_LEN_MAX],
    len: usize,
}

impl Front {
    fn new(field_len: usize, expire_ms: Option<u64>) -> Front {
        let mut front = Front { bytes: [0; FRONT_LEN_MAX], len: 1 };
        if field_len < usize::from(LONG_FIELD) {
            front.bytes[0] = field_len as u8;
        } else {
            front.bytes[0] = LONG_FIELD;
            front.push(field_len as u64);
        }
        if let Some(at_ms) = expire_ms {
            front.bytes[0] |= HAS_EXPIRE;
            front.push(at_ms);
        }
        front
    }

    fn push(&mut self, number: u64) {
        self.bytes[self.len..self.len + 8].copy_from_slice(&number.to_le_bytes());
        self.len += 8;
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Fields, each once, with values. Every method that looks for a field is given the same keyed hash.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    table: Table<FieldRecord>,
    /// Expire and hash of the fields that have an expire.
    expires: ExpireIndex,
}

impl Fields {
    /// An empty map, prepared for so many fields with so many bytes of fields and values in all. Bounded:
    /// what is announced may be wrong.
    pub fn with_capacity(fields: usize, bytes: usize) -> Fields {
        let mut map = Fields::default();
        map.table.reserve(fields, bytes.saturating_add(fields));
        map
    }

    /// The number of fields, whatever their expires.
    #[inline]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// No field at all.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Finds a field. `hash` is that of `field`.
    #[inline]
    pub fn get(&self, hash: u64, field: &[u8]) -> Option<Field<'_>> {
        Some(parse(self.table.get(self.table.find(hash, field)?)))
    }

    /// Gives a field a value, and says whether the field is new.
    pub fn set(
        &mut self,
        field: &[u8],
        value: &[u8],
        expire: FieldExpire,
        hash_of: impl Fn(&[u8]) -> u64,
    ) -> bool {
        let hash = hash_of(field);
        let Some(place) = self.table.find(hash, field) else {
            let expire_ms = if let FieldExpire::At(at_ms) = expire { Some(at_ms) } else { None };
            let front = Front::new(field.len(), expire_ms);
            self.table.insert(hash, [front.as_slice(), field, value], hash_of);
            self.reindex(hash, None, expire_ms);
            return true;
        };
        let old = parse(self.table.get(place));
        let (old_len, old_expire_ms) = (old.value.len(), old.expire_ms);
        let expire_ms = match expire {
            FieldExpire::Keep => old_expire_ms,
            FieldExpire::Clear => None,
            FieldExpire::At(at_ms) => Some(at_ms),
        };
        if old_len == value.len() && old_expire_ms == expire_ms {
            let record = self.table.get_mut(place);
            let at = record.len() - old_len;
            record[at..].copy_from_slice(value);
        } else {
            let front = Front::new(field.len(), expire_ms);
            self.table.replace(place, [front.as_slice(), field, value], &hash_of);
            self.reindex(hash, old_expire_ms, expire_ms);
        }
        false
    }

    /// Gives a field an expire, or takes it away, and says whether there is such a field. Costs a copy of the
    /// value, unless one expire replaces another.
    pub fn set_expire(
        &mut self,
        field: &[u8],
        expire_ms: Option<u64>,
        hash_of: impl Fn(&[u8]) -> u64,
    ) -> bool {
        let hash = hash_of(field);
        let Some(place) = self.table.find(hash, field) else { return false };
        let old_expire_ms = parse(self.table.get(place)).expire_ms;
        match (old_expire_ms, expire_ms) {
            (None, None) => {}
            (Some(_), Some(at_ms)) => {
                let record = self.table.get_mut(place);
                let (expire_at, field_at, _) = layout(record);
                let expire_at = expire_at.expect("the field has an expire");
                record[expire_at..field_at].copy_from_slice(&at_ms.to_le_bytes());
            }
            _ => {
                let value = parse(self.table.get(place)).value.to_vec();
                let front = Front::new(field.len(), expire_ms);
                self.table.replace(place, [front.as_slice(), field, &value], &hash_of);
            }
        }
        self.reindex(hash, old_expire_ms, expire_ms);
        true
    }

    /// Removes a field, and says whether there was one.
    pub fn remove(&mut self, field: &[u8], hash_of: impl Fn(&[u8]) -> u64) -> bool {
        let hash = hash_of(field);
        let Some(place) = self.table.find(hash, field) else { return false };
        self.remove_at(place, hash, hash_of);
        true
    }

    fn remove_at(&mut self, place: RecordPlace, hash: u64, hash_of: impl Fn(&[u8]) -> u64) {
        let expire_ms = parse(self.table.get(place)).expire_ms;
        self.table.remove(place, &hash_of);
        self.reindex(hash, expire_ms, None);
    }

    /// Tells the index of a field whose expire in the table has changed from `old_ms` to `new_ms`.
    fn reindex(&mut self, hash: u64, old_ms: Option<u64>, new_ms: Option<u64>) {
        if old_ms == new_ms {
            return;
        }
        if let Some(old_ms) = old_ms {
            self.expires.remove((old_ms, hash));
        }
        if let Some(at_ms) = new_ms {
            self.expires.add((at_ms, hash));
        }
    }

    /// A field that an element of the index stands for.
    fn find_expiring(&self, hash: u64, at_ms: u64, hash_of: impl Fn(&[u8]) -> u64) -> Option<RecordPlace> {
        self.table.find_by(hash, |record| {
            let field = parse(record);
            field.expire_ms == Some(at_ms) && hash_of(field.field) == hash
        })
    }

    /// When the next field ends, in milliseconds since 1970; `None` when no field has an expire.
    pub fn next_expire_ms(&self) -> Option<u64> {
        self.expires.first().map(|(at_ms, _)| at_ms)
    }

    /// How many fields have an expire before `now_ms`. Cheap: a step for some hundred of them.
    pub fn over_len(&self, now_ms: u64) -> usize {
        self.expires.count_before(now_ms)
    }

    /// True when every field has an expire, all before `now_ms`.
    pub fn is_over(&self, now_ms: u64) -> bool {
        self.expires.len() == self.len() && self.expires.last().is_none_or(|(at_ms, _)| at_ms < now_ms)
    }

    /// Removes up to `budget` fields whose expire is before `now_ms`, in the order of their expires, after
    /// `visit` has seen each. Returns how many: as many as `budget` means that there may be more.
    pub fn remove_expired(
        &mut self,
        now_ms: u64,
        budget: usize,
        hash_of: impl Fn(&[u8]) -> u64,
        mut visit: impl FnMut(Field<'_>),
    ) -> usize {
        let mut removed = 0;
        while removed < budget {
            let Some((at_ms, hash)) = self.expires.first().filter(|(at_ms, _)| *at_ms < now_ms) else {
                break;
            };
            let place = self.find_expiring(hash, at_ms, &hash_of);
            let place = place.expect("the index holds expires of fields in the table only");
            visit(parse(self.table.get(place)));
            self.remove_at(place, hash, &hash_of);
            removed += 1;
        }
        removed
    }

    /// All fields, in no order that a caller may rely on.
    pub fn iter(&self) -> impl Iterator<Item = Field<'_>> {
        self.table.iter().map(parse)
    }

    /// Visits some fields from `cursor` on and returns the next cursor; see [`super::Members::scan`].
    pub fn scan(&self, cursor: u64, budget: usize, mut visit: impl FnMut(Field<'_>)) -> u64 {
        self.table.scan(cursor, budget, |record| visit(parse(record)))
    }

    /// A field drawn by chance, whatever its expire; see [`super::Members::random`].
    pub fn random(&self, random: &mut impl FnMut() -> u64) -> Option<Field<'_>> {
        Some(parse(self.table.get(self.table.random(random)?)))
    }

    /// Bytes of memory, as asked of the allocator; the index by estimate. Constant time.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Fields>() + self.table.memory_bytes() + self.expires.memory_bytes()
    }

    /// Takes the map apart, so that a large one can be freed in steps.
    pub fn into_remains(self) -> Remains {
        Remains::of_fields(self.table, self.expires)
    }

    /// Panics unless table and index agree and all is in its place.
    #[cfg(test)]
    pub(super) fn check(&self, hash_of: impl Fn(&[u8]) -> u64) {
        self.table.check(&hash_of);
        let with_expire = self.iter().filter_map(|field| Some((field.expire_ms?, hash_of(field.field))));
        let mut expected: Vec<_> = with_expire.collect();
        expected.sort_unstable();
        assert_eq!(self.expires.iter().collect::<Vec<_>>(), expected);
        assert_eq!(self.expires.len(), expected.len());
    }
}
