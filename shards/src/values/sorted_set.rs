//! A sorted set whatever its encoding: how it is read, when it is packed, and what is common to changes.
//!
//! This file must not know arguments or replies.

use std::ops::{ControlFlow, Range};

use crate::encoding::listpack::Value as Member;
use crate::encoding::sorted_pack::{self, SortedPack};
use crate::encoding::sorted_set::{LexBound, ScoreBound, SortedSet};
use crate::entry::{EntryRef, Expire, NewValue, Packing, Value};
use crate::event::{self, Event};
use crate::key::Key;
use crate::keyspace::{EntryMut, Keyspace};
use crate::object::Object;

/// A sorted set to be read.
#[derive(Clone, Copy)]
pub(crate) enum View<'a> {
    /// OBJECT ENCODING listpack.
    Packed(SortedPack<'a>),
    /// OBJECT ENCODING skiplist.
    Tree(&'a SortedSet),
}

impl<'a> View<'a> {
    /// The value of an entry that is known to hold a sorted set.
    #[inline]
    pub(crate) fn of(entry: EntryRef<'a>) -> View<'a> {
        match entry.value() {
            Value::Packed(Packing::SortedSet, bytes) => View::Packed(SortedPack::new(bytes)),
            Value::Object(Object::SortedSet(set)) => View::Tree(set),
            _ => unreachable!("the type was looked at: read_typed, write_typed"),
        }
    }

    /// The number of members.
    pub(crate) fn len(self) -> usize {
        match self {
            View::Packed(pack) => pack.len(),
            View::Tree(set) => set.len(),
        }
    }

    /// The score of a member.
    pub(crate) fn score(self, hash_of: &impl Fn(&[u8]) -> u64, member: &[u8]) -> Option<f64> {
        match self {
            View::Packed(pack) => pack.find(member).map(|place| place.score),
            View::Tree(set) => set.score(hash_of(member), member),
        }
    }

    /// The rank of a member, the lowest being 0, and its score.
    pub(crate) fn rank(self, hash_of: &impl Fn(&[u8]) -> u64, member: &[u8]) -> Option<(usize, f64)> {
        match self {
            View::Packed(pack) => pack.rank(member),
            View::Tree(set) => {
                let place = set.find(hash_of(member), member)?;
                Some((set.rank(place), place.score()))
            }
        }
    }

    /// The ranks of the members with scores from `min` to `max`.
    pub(crate) fn score_ranks(self, min: ScoreBound, max: ScoreBound) -> Range<usize> {
        match self {
            View::Packed(pack) => pack.score_ranks(min, max),
            View::Tree(set) => set.score_ranks(min, max),
        }
    }

    /// The ranks of the members from `min` to `max`, all of which have the same score if that is to mean
    /// something.
    pub(crate) fn lex_ranks(self, min: LexBound<'_>, max: LexBound<'_>, reversed: bool) -> Range<usize> {
        match self {
            View::Packed(pack) => pack.lex_ranks(min, max, reversed),
            View::Tree(set) => set.lex_ranks(min, max),
        }
    }

    /// Hands the members of these ranks, which all exist, to `visit`, in order or from the last to the first.
    pub(crate) fn visit(self, ranks: Range<usize>, reversed: bool, mut visit: impl FnMut(Member<'a>, f64)) {
        match (self, reversed) {
            (View::Packed(pack), false) => {
                pack.items_of(ranks).for_each(|(member, score)| visit(member, score));
            }
            (View::Packed(pack), true) => {
                pack.items_reversed(ranks).for_each(|(member, score)| visit(member, score));
            }
            (View::Tree(set), false) => {
                set.items(ranks).for_each(|item| visit(Member::Str(item.member), item.score));
            }
            (View::Tree(set), true) => {
                set.items(ranks).rev().for_each(|item| visit(Member::Str(item.member), item.score));
            }
        }
    }

    /// Hands the members of these ranks, which all exist, to `visit`, in order, until that breaks off.
    pub(crate) fn visit_until(
        self,
        ranks: Range<usize>,
        mut visit: impl FnMut(Member<'a>, f64) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        match self {
            View::Packed(pack) => pack.items_of(ranks).try_for_each(|(member, score)| visit(member, score)),
            View::Tree(set) => {
                set.items(ranks).try_for_each(|item| visit(Member::Str(item.member), item.score))
            }
        }
    }
}

/// When a set is packed: zset-max-listpack-entries and zset-max-listpack-value.
#[derive(Clone, Copy)]
pub(crate) struct PackLimits {
    entries_max: u64,
    member_bytes_max: u64,
}

impl PackLimits {
    /// As they are now.
    #[inline]
    pub(crate) fn of(keys: &Keyspace<'_>) -> PackLimits {
        let limits = keys.limits();
        PackLimits {
            entries_max: limits.sorted_set_entries_max,
            member_bytes_max: limits.sorted_set_value_bytes_max,
        }
    }

    /// Whether so many members may be packed, the longest of this length in bytes.
    pub(crate) fn allow(self, len: usize, member_bytes: usize) -> bool {
        len as u64 <= self.entries_max && member_bytes as u64 <= self.member_bytes_max
    }
}

/// The sorted set of an entry that is known to be in no packed encoding.
#[inline]
pub(crate) fn tree_of(object: &mut Object) -> &mut SortedSet {
    match object {
        Object::SortedSet(set) => set,
        _ => unreachable!("the type was looked at: write_typed"),
    }
}

/// Makes a packed set an object.
pub(crate) fn convert(entry: &mut EntryMut<'_>, hash_of: &impl Fn(&[u8]) -> u64) {
    if let View::Packed(pack) = View::of(entry.view()) {
        let set = pack.to_sorted_set(hash_of);
        entry.replace(NewValue::Object(Box::new(Object::SortedSet(set))), Expire::Keep);
    }
}

/// Removes the members of these ranks, which all exist, and returns whether any is left.
pub(crate) fn remove_ranks(entry: &mut EntryMut<'_>, ranks: Range<usize>) -> bool {
    match View::of(entry.view()) {
        View::Packed(pack) => {
            let left = pack.len() - ranks.len();
            // The last ones need no edit: their key goes with them.
            if left > 0 {
                entry.with_packed(|pack| sorted_pack::remove_ranks(pack, ranks));
            }
            left > 0
        }
        View::Tree(set) => {
            let left = set.len() - ranks.len();
            if left > 0 {
                entry.with_object(|object| tree_of(object).remove_ranks(ranks));
            }
            left > 0
        }
    }
}

/// Ends a removal: tells of it, or removes the key of which nothing is left.
pub(crate) fn removed(keys: &mut Keyspace<'_>, key: &Key<'_>, event: Event, is_anything_left: bool) {
    if is_anything_left {
        keys.changed(key, event);
    } else {
        keys.notify(key, event);
        keys.delete(key, keys.freeing_by_server());
        keys.changed(key, event::DEL);
    }
}
