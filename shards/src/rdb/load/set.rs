//! Sets out of their bytes: member by member, an intset or a listpack.

use std::borrow::Cow;

use super::distinct::are_distinct;
use crate::encoding::intset::{self, Intset};
use crate::encoding::listpack::{self, Listpack, Value};
use crate::encoding::member_table::Members;
use crate::entry::Packing;
use crate::object::Object;
use crate::rdb::error::RdbError;
use crate::rdb::loaded::{Loaded, Making};
use crate::rdb::source::Source;
use crate::values::set::{NewSet, Rules};

/// A set that is being read member by member.
#[derive(Default)]
pub(super) struct SetLoader {
    /// Members to come; `None` until it is said how many.
    left: Option<u64>,
    /// There is one once its first member is.
    set: Option<NewSet>,
    scratch: Vec<u8>,
}

impl SetLoader {
    /// Reads a part to its end.
    pub(super) fn feed(&mut self, source: &mut Source<'_>, making: Making<'_>) -> Result<(), RdbError> {
        let (rules, hash_of) = (Rules::of(making.limits), making.hash_of());
        let mut left = match self.left {
            Some(left) => left,
            None => source.length()?,
        };
        while left > 0 && !source.is_at_end() {
            let start = *source;
            let member = source.text()?.read(&mut self.scratch)?;
            let set = self.set.get_or_insert_with(|| {
                // Each member takes a byte at least: no more of them are there than bytes.
                let count = left.min(start.rest().len() as u64) as usize;
                NewSet::for_members(member, count, &rules)
            });
            if !set.add(Value::Str(member), &rules, &hash_of) {
                return Err(start.corrupt("Duplicate set members detected"));
            }
            left -= 1;
        }
        self.left = Some(left);
        Ok(())
    }

    /// The set, of which all parts have come.
    pub(super) fn finish(self) -> Result<Option<Loaded<'static>>, RdbError> {
        if self.left != Some(0) {
            return Err(RdbError::Incomplete { needed: 1 });
        }
        Ok(self.set.map(|set| match set {
            NewSet::Packed(packing, bytes) => Loaded::Packed(packing, Cow::Owned(bytes)),
            NewSet::Table(members) => Loaded::Object(Box::new(Object::Set(*members))),
        }))
    }
}

/// A set that is all of an intset.
pub(super) fn of_intset<'a>(
    bytes: Cow<'a, [u8]>,
    making: Making<'_>,
) -> Result<Option<Loaded<'a>>, &'static str> {
    // An intset of any width without members.
    if let [2 | 4 | 8, 0, 0, 0, 0, 0, 0, 0] = *bytes {
        return Ok(None);
    }
    let count = intset::validate(&bytes).map_err(|intset::Corrupt| "Intset integrity check failed.")?;
    if count as u64 <= making.limits.set_intset_entries_max {
        return Ok(Some(Loaded::Packed(Packing::Ints, bytes)));
    }
    Ok(Some(table(Intset::new(&bytes).iter().map(Value::Int), count, bytes.len(), making)))
}

/// A set that is all of a listpack.
pub(super) fn of_listpack<'a>(
    bytes: Cow<'a, [u8]>,
    making: Making<'_>,
) -> Result<Option<Loaded<'a>>, &'static str> {
    const REASON: &str = "Set listpack integrity check failed.";
    let count = listpack::validate(&bytes).map_err(|listpack::Corrupt| REASON)?;
    let list = Listpack::new(&bytes);
    if count == 0 {
        return Ok(None);
    }
    if !are_distinct(list, 1) {
        return Err(REASON);
    }
    let stays = count as u64 <= making.limits.set_entries_max
        && list.iter().all(|member| member.len() as u64 <= making.limits.set_value_bytes_max);
    if stays {
        return Ok(Some(Loaded::Packed(Packing::Set, bytes)));
    }
    Ok(Some(table(list.iter(), count, bytes.len(), making)))
}

/// A set too large to be packed. Its members are different.
fn table<'m>(
    members: impl Iterator<Item = Value<'m>>,
    count: usize,
    bytes: usize,
    making: Making<'_>,
) -> Loaded<'static> {
    let hash_of = making.hash_of();
    let mut table = Members::with_capacity(count, bytes);
    members.for_each(|member| _ = table.insert(member.bytes(&mut itoa::Buffer::new()), &hash_of));
    Loaded::Object(Box::new(Object::Set(table)))
}
