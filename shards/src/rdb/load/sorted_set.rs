//! Sorted sets out of their bytes: member by member, or packed.

use std::borrow::Cow;

use super::ziplist;
use crate::encoding::listpack::Value;
use crate::encoding::sorted_pack::{self, SortedPack};
use crate::encoding::sorted_set::Union;
use crate::entry::Packing;
use crate::object::Object;
use crate::rdb::error::RdbError;
use crate::rdb::loaded::{Loaded, Making};
use crate::rdb::source::Source;
use crate::rdb::value_type::ValueType;

/// A sorted set that is being read member by member.
#[derive(Debug)]
pub(super) struct SortedSetLoader {
    form: ValueType,
    /// Members to come; `None` until it is said how many.
    left: Option<u64>,
    /// Redis writes the highest first, but no order is asked for.
    members: Union,
    member_len_max: usize,
    scratch: Vec<u8>,
}

impl SortedSetLoader {
    /// Nothing of the set has come.
    pub(super) fn new(form: ValueType) -> SortedSetLoader {
        SortedSetLoader {
            form,
            left: None,
            members: Union::default(),
            member_len_max: 0,
            scratch: Vec::new(),
        }
    }

    /// Reads a part to its end.
    pub(super) fn feed(&mut self, source: &mut Source<'_>, making: Making<'_>) -> Result<(), RdbError> {
        let hash_of = making.hash_of();
        let mut left = match self.left {
            Some(left) => left,
            None => source.length()?,
        };
        while left > 0 && !source.is_at_end() {
            let start = *source;
            let member = source.text()?.read(&mut self.scratch)?;
            let score = match self.form {
                ValueType::SortedSetText => source.score_text()?,
                _ => source.double()?,
            };
            if score.is_nan() {
                return Err(start.corrupt("Zset with NAN score detected"));
            }
            if self.members.add(hash_of(member), member, score).is_some() {
                return Err(start.corrupt("Duplicate zset fields detected"));
            }
            self.member_len_max = self.member_len_max.max(member.len());
            left -= 1;
        }
        self.left = Some(left);
        Ok(())
    }

    /// The set, of which all parts have come.
    pub(super) fn finish(self, making: Making<'_>) -> Result<Option<Loaded<'static>>, RdbError> {
        if self.left != Some(0) {
            return Err(RdbError::Incomplete { needed: 1 });
        }
        if self.members.is_empty() {
            return Ok(None);
        }
        let set = self.members.finish();
        if may_be_packed(set.len(), self.member_len_max, making) {
            let items = set.items(0..set.len()).map(|item| (item.member, item.score));
            return Ok(Some(Loaded::Packed(Packing::SortedSet, Cow::Owned(sorted_pack::new(items)))));
        }
        Ok(Some(Loaded::Object(Box::new(Object::SortedSet(set)))))
    }
}

fn may_be_packed(len: usize, member_len_max: usize, making: Making<'_>) -> bool {
    let limits = making.limits;
    len as u64 <= limits.sorted_set_entries_max && member_len_max as u64 <= limits.sorted_set_value_bytes_max
}

/// A sorted set that is all of a listpack.
pub(super) fn of_listpack<'a>(
    bytes: Cow<'a, [u8]>,
    making: Making<'_>,
) -> Result<Option<Loaded<'a>>, &'static str> {
    let corrupt = |sorted_pack::Corrupt| "Zset listpack integrity check failed.";
    let count = sorted_pack::validate(&bytes).map_err(corrupt)?;
    if count == 0 {
        return Ok(None);
    }
    let pack = SortedPack::new(&bytes);
    let member_len_max = pack.items().map(|(member, _)| Value::len(member)).max().unwrap_or(0);
    if may_be_packed(count, member_len_max, making) {
        return Ok(Some(Loaded::Packed(Packing::SortedSet, bytes)));
    }
    Ok(Some(Loaded::Object(Box::new(Object::SortedSet(pack.to_sorted_set(making.hash_of()))))))
}

/// A sorted set that is all of a ziplist.
pub(super) fn of_ziplist(bytes: &[u8], making: Making<'_>) -> Result<Option<Loaded<'static>>, &'static str> {
    let corrupt = |ziplist::Corrupt| "Zset ziplist integrity check failed.";
    let (pack, _) = ziplist::to_listpack(bytes).map_err(corrupt)?;
    of_listpack(Cow::Owned(pack), making)
}
