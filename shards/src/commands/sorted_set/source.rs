//! The sets that are united, intersected or subtracted: sorted sets, and plain sets, whose members all have
//! the score 1.

use std::ops::ControlFlow;

use crate::encoding::intset::Intset;
use crate::encoding::listpack::{HEADER_LEN, Listpack, Wanted};
use crate::encoding::member_table::Members;
use crate::encoding::sorted_pack::SortedPack;
use crate::entry::{EntryRef, Packing, Value};
use crate::num;
use crate::object::Object;
use crate::values::sorted_set::View;

/// The score of the members of a plain set.
const SET_SCORE: f64 = 1.0;

/// One of them.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    /// A key that is not there.
    Missing,
    SortedSet(View<'a>),
    Ints(Intset<'a>),
    PackedSet(Listpack<'a>),
    Set(&'a Members),
}

impl<'a> Source<'a> {
    /// The value of a key; `None` when it is of another type.
    pub(super) fn of(entry: Option<EntryRef<'a>>) -> Option<Source<'a>> {
        let Some(entry) = entry else { return Some(Source::Missing) };
        match entry.value() {
            Value::Packed(Packing::SortedSet, bytes) => {
                Some(Source::SortedSet(View::Packed(SortedPack::new(bytes))))
            }
            Value::Object(Object::SortedSet(set)) => Some(Source::SortedSet(View::Tree(set))),
            Value::Packed(Packing::Ints, bytes) => Some(Source::Ints(Intset::new(bytes))),
            Value::Packed(Packing::Set, bytes) => Some(Source::PackedSet(Listpack::new(bytes))),
            Value::Object(Object::Set(members)) => Some(Source::Set(members)),
            _ => None,
        }
    }

    /// The number of members.
    pub(super) fn len(self) -> usize {
        match self {
            Source::Missing => 0,
            Source::SortedSet(set) => set.len(),
            Source::Ints(ints) => ints.len(),
            Source::PackedSet(pack) => pack.len(),
            Source::Set(members) => members.len(),
        }
    }

    /// The score of a member with this hash.
    pub(super) fn score(self, hash: u64, member: &[u8]) -> Option<f64> {
        let is_in = match self {
            Source::Missing => false,
            Source::SortedSet(set) => return set.score(&|_: &[u8]| hash, member),
            Source::Ints(ints) => num::parse_i64(member).is_some_and(|int| ints.contains(int)),
            Source::PackedSet(pack) => pack.find(&Wanted::new(member), HEADER_LEN, 0).is_some(),
            Source::Set(members) => members.contains(hash, member),
        };
        is_in.then_some(SET_SCORE)
    }

    /// Hands all members with their scores to `visit` until that breaks off.
    pub(super) fn each(self, mut visit: impl FnMut(&[u8], f64) -> ControlFlow<()>) {
        let mut text = itoa::Buffer::new();
        // Whoever broke off knows it.
        let _: ControlFlow<()> = match self {
            Source::Missing => ControlFlow::Continue(()),
            Source::SortedSet(View::Packed(pack)) => {
                pack.items().try_for_each(|(member, score)| visit(member.bytes(&mut text), score))
            }
            Source::SortedSet(View::Tree(set)) => {
                set.items(0..set.len()).try_for_each(|item| visit(item.member, item.score))
            }
            Source::Ints(ints) => {
                ints.iter().try_for_each(|int| visit(text.format(int).as_bytes(), SET_SCORE))
            }
            Source::PackedSet(pack) => {
                pack.iter().try_for_each(|member| visit(member.bytes(&mut text), SET_SCORE))
            }
            Source::Set(members) => members.iter().try_for_each(|member| visit(member, SET_SCORE)),
        };
    }
}
