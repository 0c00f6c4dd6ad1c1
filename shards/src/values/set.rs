//! Sets as commands see them, whichever of their three encodings they have, and when one becomes another.
//!
//! A set of few integers is an intset, one of few short members a listpack, any other a table (Redis 7.2:
//! t_set.c). It never goes back by itself; only commands that make a set anew choose again. This file must
//! not know arguments or replies.

use crate::encoding::intset::{self, Intset};
use crate::encoding::limits::Limits;
use crate::encoding::listpack::{self, Listpack, Wanted};
use crate::encoding::member_table::Members;
use crate::encoding::splice::Splice;
use crate::entry::{EntryRef, Expire, NewValue, Packing, Value};
use crate::keyspace::EntryMut;
use crate::num;
use crate::object::Object;

/// A member: an integer, or text that may spell one all the same.
pub(crate) use crate::encoding::listpack::Value as Member;

/// Intsets end here, whatever set-max-intset-entries says (Redis: intsetMaxEntries).
const INTSET_ENTRIES_MAX: u64 = 1 << 30;
/// An integer takes no more bytes than this in a listpack.
const INT_BYTES_MAX: usize = 10;

/// When a set changes its encoding.
#[derive(Clone, Copy)]
pub(crate) struct Rules {
    ints_max: u64,
    packed_max: u64,
    member_bytes_max: u64,
}

impl Rules {
    pub(crate) fn of(limits: &Limits) -> Rules {
        Rules {
            ints_max: limits.set_intset_entries_max.min(INTSET_ENTRIES_MAX),
            packed_max: limits.set_entries_max,
            member_bytes_max: limits.set_value_bytes_max,
        }
    }

    /// Whether so many members are too many for this packing.
    fn is_over(&self, packing: Packing, len: usize) -> bool {
        len as u64 > if packing == Packing::Ints { self.ints_max } else { self.packed_max }
    }
}

/// A set to be read.
#[derive(Clone, Copy)]
pub(crate) enum SetRef<'a> {
    Ints(Intset<'a>),
    Packed(Listpack<'a>),
    Table(&'a Members),
}

impl<'a> SetRef<'a> {
    /// The set in an entry that is known to hold one.
    #[inline]
    pub(crate) fn of(entry: EntryRef<'a>) -> SetRef<'a> {
        match entry.value() {
            Value::Packed(packing, bytes) => SetRef::packed(packing, bytes),
            Value::Object(Object::Set(members)) => SetRef::Table(members),
            _ => unreachable!("the type was looked at: Keyspace::read_typed"),
        }
    }

    #[inline]
    fn packed(packing: Packing, bytes: &'a [u8]) -> SetRef<'a> {
        match packing {
            Packing::Ints => SetRef::Ints(Intset::new(bytes)),
            _ => SetRef::Packed(Listpack::new(bytes)),
        }
    }

    /// Number of members.
    #[inline]
    pub(crate) fn len(self) -> usize {
        match self {
            SetRef::Ints(ints) => ints.len(),
            SetRef::Packed(list) => list.len(),
            SetRef::Table(members) => members.len(),
        }
    }

    #[inline]
    pub(crate) fn is_empty(self) -> bool {
        match self {
            SetRef::Ints(ints) => ints.is_empty(),
            SetRef::Packed(list) => list.is_empty(),
            SetRef::Table(members) => members.is_empty(),
        }
    }

    /// Whether the text is a member.
    #[inline]
    pub(crate) fn contains(self, text: &[u8], hash_of: impl Fn(&[u8]) -> u64) -> bool {
        match self {
            SetRef::Ints(ints) => num::parse_i64(text).is_some_and(|int| ints.contains(int)),
            SetRef::Packed(list) => list.find(&Wanted::new(text), listpack::HEADER_LEN, 0).is_some(),
            SetRef::Table(members) => members.contains(hash_of(text), text),
        }
    }

    /// Whether what is a member of another set is one of this.
    pub(crate) fn contains_member(self, member: Member<'_>, hash_of: impl Fn(&[u8]) -> u64) -> bool {
        match (self, member) {
            (SetRef::Ints(ints), Member::Int(int)) => ints.contains(int),
            _ => self.contains(member.bytes(&mut itoa::Buffer::new()), hash_of),
        }
    }

    /// All members, those of an intset ascending. The text of a table's member may spell an integer.
    pub(crate) fn iter(self) -> impl Iterator<Item = Member<'a>> {
        let (mut ints, mut packed, mut table) = (None, None, None);
        match self {
            SetRef::Ints(set) => ints = Some(set.iter()),
            SetRef::Packed(list) => packed = Some(list.iter()),
            SetRef::Table(members) => table = Some(members.iter()),
        }
        let ints = ints.into_iter().flatten().map(Member::Int);
        let table = table.into_iter().flatten().map(Member::Str);
        ints.chain(packed.into_iter().flatten()).chain(table)
    }
}

/// A set that no key holds yet.
pub(crate) enum NewSet {
    Packed(Packing, Vec<u8>),
    Table(Box<Members>),
}

impl NewSet {
    /// An empty intset.
    pub(crate) fn ints() -> NewSet {
        NewSet::Packed(Packing::Ints, intset::EMPTY.to_vec())
    }

    /// An empty listpack.
    pub(crate) fn listpack() -> NewSet {
        NewSet::Packed(Packing::Set, listpack::EMPTY.to_vec())
    }

    /// An empty table.
    pub(crate) fn table() -> NewSet {
        NewSet::Table(Box::default())
    }

    /// An empty set in the encoding for `first` and so many members in all (Redis: setTypeCreate).
    pub(crate) fn for_members(first: &[u8], count: usize, rules: &Rules) -> NewSet {
        if !rules.is_over(Packing::Ints, count) && num::parse_i64(first).is_some() {
            NewSet::ints()
        } else if !rules.is_over(Packing::Set, count) {
            NewSet::listpack()
        } else {
            NewSet::Table(Box::new(Members::with_capacity(count, count * first.len())))
        }
    }

    /// The set to be read.
    pub(crate) fn view(&self) -> SetRef<'_> {
        match self {
            NewSet::Packed(packing, bytes) => SetRef::packed(*packing, bytes),
            NewSet::Table(members) => SetRef::Table(members),
        }
    }

    /// Adds a member; false if it is one already.
    pub(crate) fn add(&mut self, member: Member<'_>, rules: &Rules, hash_of: impl Fn(&[u8]) -> u64) -> bool {
        let added = match self {
            NewSet::Packed(packing, bytes) => add_packed(bytes, *packing, member, rules, hash_of),
            NewSet::Table(members) => {
                return members.insert(member.bytes(&mut itoa::Buffer::new()), hash_of);
            }
        };
        match added {
            Added::AlreadyIn => false,
            Added::In => true,
            Added::As(set) => {
                *self = set;
                true
            }
        }
    }

    /// The same set as an intset if all its members are integers and not too many (Redis:
    /// maybeConvertToIntset).
    pub(crate) fn settled(self, rules: &Rules) -> NewSet {
        let set = self.view();
        if matches!(set, SetRef::Ints(_)) || rules.is_over(Packing::Ints, set.len()) {
            return self;
        }
        let int_of = |member| match parsed(member) {
            Member::Int(int) => Some(int),
            Member::Str(_) => None,
        };
        let Some(mut ints) = set.iter().map(int_of).collect::<Option<Vec<i64>>>() else { return self };
        // In order each goes to the end.
        ints.sort_unstable();
        let mut bytes = intset::EMPTY.to_vec();
        ints.into_iter().for_each(|int| _ = intset::insert(&mut bytes, int));
        NewSet::Packed(Packing::Ints, bytes)
    }

    /// Gives the set away as a value for a key.
    pub(crate) fn into_value<R>(self, give: impl FnOnce(NewValue<'_>) -> R) -> R {
        match self {
            NewSet::Packed(packing, bytes) => give(NewValue::Packed(packing, &bytes)),
            NewSet::Table(members) => give(NewValue::Object(Box::new(Object::Set(*members)))),
        }
    }
}

/// Makes a packed set a table if it cannot hold so many members (Redis: setTypeMaybeConvert).
pub(crate) fn prepare(entry: &mut EntryMut<'_>, count: usize, rules: &Rules, hash_of: impl Fn(&[u8]) -> u64) {
    let Value::Packed(packing, bytes) = entry.view().value() else { return };
    if rules.is_over(packing, count) {
        let table = table_with(SetRef::packed(packing, bytes), None, count, hash_of);
        table.into_value(|value| entry.replace(value, Expire::Keep));
    }
}

/// Adds a member to a key's set; false if it is one already.
#[inline]
pub(crate) fn add(
    entry: &mut EntryMut<'_>,
    text: &[u8],
    rules: &Rules,
    hash_of: impl Fn(&[u8]) -> u64,
) -> bool {
    let Value::Packed(packing, _) = entry.view().value() else {
        return entry.with_object(|object| members_of(object).insert(text, hash_of));
    };
    match entry.with_packed(|pack| add_packed(pack, packing, Member::Str(text), rules, hash_of)) {
        Added::AlreadyIn => false,
        Added::In => true,
        Added::As(set) => {
            set.into_value(|value| entry.replace(value, Expire::Keep));
            true
        }
    }
}

/// Removes a member of a key's set; false if it is none. The set may be empty afterwards.
#[inline]
pub(crate) fn remove(entry: &mut EntryMut<'_>, text: &[u8], hash_of: impl Fn(&[u8]) -> u64) -> bool {
    match SetRef::of(entry.view()) {
        SetRef::Ints(_) => {
            num::parse_i64(text).is_some_and(|int| entry.with_packed(|pack| intset::remove(pack, int)))
        }
        SetRef::Packed(list) => {
            let position = list.find(&Wanted::new(text), listpack::HEADER_LEN, 0);
            if let Some(position) = position {
                entry.with_packed(|pack| listpack::remove(pack, position, 1));
            }
            position.is_some()
        }
        SetRef::Table(_) => entry.with_object(|object| members_of(object).remove(text, hash_of)),
    }
}

/// The table of a large set.
pub(crate) fn members_of(object: &mut Object) -> &mut Members {
    match object {
        Object::Set(members) => members,
        _ => unreachable!("the type was looked at: Keyspace::write_typed"),
    }
}

/// What became of a member that was to be added to a packed set.
enum Added {
    AlreadyIn,
    In,
    /// The set with the member has another encoding.
    As(NewSet),
}

/// Redis: setTypeAddAux.
fn add_packed(
    pack: &mut impl Splice,
    packing: Packing,
    member: Member<'_>,
    rules: &Rules,
    hash_of: impl Fn(&[u8]) -> u64,
) -> Added {
    let member = parsed(member);
    if packing != Packing::Ints {
        return append(pack, member, rules, hash_of);
    }
    let Member::Int(int) = member else {
        return Added::As(mixed(Intset::new(pack.bytes()), member, rules, hash_of));
    };
    if !intset::insert(pack, int) {
        return Added::AlreadyIn;
    }
    let ints = Intset::new(pack.bytes());
    if rules.is_over(Packing::Ints, ints.len()) {
        return Added::As(table_with(SetRef::Ints(ints), None, 0, hash_of));
    }
    Added::In
}

fn append(
    pack: &mut impl Splice,
    member: Member<'_>,
    rules: &Rules,
    hash_of: impl Fn(&[u8]) -> u64,
) -> Added {
    let mut text = itoa::Buffer::new();
    let list = Listpack::new(pack.bytes());
    if list.find(&Wanted::new(member.bytes(&mut text)), listpack::HEADER_LEN, 0).is_some() {
        return Added::AlreadyIn;
    }
    if rules.is_over(Packing::Set, list.len() + 1)
        || member.len() as u64 > rules.member_bytes_max
        || !listpack::has_room(pack.bytes().len(), member.len())
    {
        return Added::As(table_with(SetRef::Packed(list), Some(member), 1, hash_of));
    }
    listpack::append(pack, &[member]);
    Added::In
}

/// A set of integers with the first member that is none.
fn mixed(ints: Intset<'_>, member: Member<'_>, rules: &Rules, hash_of: impl Fn(&[u8]) -> u64) -> NewSet {
    // The longest of them is the first or the last.
    let ends = [0, ints.len().wrapping_sub(1)].into_iter().filter_map(|index| ints.get(index));
    let int_bytes_max = ends.map(num::digits10_i64).max().unwrap_or(0);
    if rules.is_over(Packing::Set, ints.len() + 1)
        || member.len().max(int_bytes_max) as u64 > rules.member_bytes_max
        || !listpack::has_room(ints.len() * INT_BYTES_MAX, member.len())
    {
        return table_with(SetRef::Ints(ints), Some(member), 1, hash_of);
    }
    let members: Vec<_> = ints.iter().map(Member::Int).chain([member]).collect();
    NewSet::Packed(Packing::Set, listpack::new(&members))
}

/// A table of all members and one more, with room for some others.
fn table_with(
    set: SetRef<'_>,
    member: Option<Member<'_>>,
    more: usize,
    hash_of: impl Fn(&[u8]) -> u64,
) -> NewSet {
    let bytes = set.iter().map(Member::len).sum();
    let mut table = Members::with_capacity(set.len() + more, bytes);
    for member in set.iter().chain(member) {
        table.insert(member.bytes(&mut itoa::Buffer::new()), &hash_of);
    }
    NewSet::Table(Box::new(table))
}

/// The member as an integer if it spells one.
#[inline]
fn parsed(member: Member<'_>) -> Member<'_> {
    match member {
        Member::Str(text) => Member::of(text),
        int @ Member::Int(_) => int,
    }
}
