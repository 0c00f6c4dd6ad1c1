//! How lists are stored: a listpack inside the entry while it is small, a quicklist when it is not, and when
//! it becomes the one or the other.
//!
//! The limits are those of Redis 7.2 (listTypeTryConversionRaw): a list that would exceed
//! `list-max-listpack-size` by what is about to be added becomes a quicklist, before anything is added; a
//! quicklist that has lost elements becomes a listpack when it is one node of at most half of the limit. This
//! file must not know replies or commands.

use std::ops::{ControlFlow, Range};

use crate::args::Args;
use crate::encoding::limits::Limits;
use crate::encoding::listpack::{self, HEADER_LEN, Listpack, Value, Wanted};
use crate::encoding::quicklist::{self, Direction, Quicklist};
use crate::encoding::splice::Splice;
use crate::entry::{self, EntryRef, Expire, Kind, NewValue, Packing};
use crate::error::CommandError;
use crate::key::Key;
use crate::keyspace::{EntryMut, Keyspace};
use crate::object::{DataType, Object};

/// So many elements are put into a listpack in one move, each move being of all bytes behind them.
const BATCH_LEN: usize = 16;

/// Bytes that a listpack takes for an element beside its text, at the most.
const ELEMENT_OVERHEAD_BYTES: usize = 10;

/// An end of a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    /// Index 0: LEFT.
    Head,
    /// Index -1: RIGHT.
    Tail,
}

/// When lists change how they are stored.
#[derive(Clone, Copy)]
pub(crate) struct ListLimits {
    node: quicklist::Limits,
    compress_depth: usize,
}

impl ListLimits {
    /// Those that are configured.
    #[inline]
    pub(crate) fn of(limits: &Limits) -> ListLimits {
        let node = quicklist::Limits::of_fill(limits.list_fill);
        ListLimits { node, compress_depth: limits.list_compress_depth as usize }
    }
}

/// A list to be read.
#[derive(Clone, Copy)]
pub(crate) enum ListRef<'a> {
    Packed(Listpack<'a>),
    Large(&'a Quicklist),
}

impl<'a> ListRef<'a> {
    #[inline]
    pub(crate) fn of(entry: EntryRef<'a>) -> ListRef<'a> {
        match entry.value() {
            entry::Value::Packed(Packing::List, bytes) => ListRef::Packed(Listpack::new(bytes)),
            entry::Value::Object(Object::List(list)) => ListRef::Large(list),
            _ => unreachable!("the type was looked at: Keyspace::read_typed"),
        }
    }

    /// Number of elements.
    #[inline]
    pub(crate) fn len(self) -> usize {
        match self {
            ListRef::Packed(list) => list.len(),
            ListRef::Large(list) => list.len(),
        }
    }

    /// What `read` makes of the element with this index, which may be negative; `None` if there is none.
    pub(crate) fn get<R>(self, index: i64, read: impl FnOnce(Value<'_>) -> R) -> Option<R> {
        match self {
            ListRef::Packed(list) => list.get(index).map(read),
            ListRef::Large(list) => list.get(index_from_head(index, list.len())?, read),
        }
    }

    /// Shows the elements with these indices, all of which exist, from the head on.
    #[inline]
    pub(crate) fn range(self, indices: Range<usize>, visit: impl FnMut(Value<'_>)) {
        match self {
            ListRef::Packed(list) => {
                let Some(position) = list.position(indices.start as i64) else { return };
                list.iter_from(position).take(indices.len()).for_each(visit);
            }
            ListRef::Large(list) => list.range(indices.start, indices.len(), visit),
        }
    }

    /// Shows up to `count` elements from an end on.
    pub(crate) fn show_some(self, end: End, count: usize, mut visit: impl FnMut(Value<'_>)) {
        let mut left = count;
        if left == 0 {
            return;
        }
        self.scan(end, |value| {
            visit(value);
            left -= 1;
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
    }

    /// Shows the elements from an end on, until `visit` has seen enough.
    pub(crate) fn scan(self, end: End, mut visit: impl FnMut(Value<'_>) -> ControlFlow<()>) {
        match (self, end) {
            (ListRef::Packed(list), End::Head) => _ = list.iter().try_for_each(visit),
            (ListRef::Packed(list), End::Tail) => _ = list.iter().rev().try_for_each(visit),
            (ListRef::Large(list), End::Head) => list.scan(0, Direction::Forward, &mut visit),
            (ListRef::Large(list), End::Tail) => {
                list.scan(list.len() - 1, Direction::Backward, &mut visit);
            }
        }
    }
}

/// Looks up a list to read it.
///
/// # Errors
/// `WrongType` when the key holds another type.
#[inline]
pub(crate) fn read<'a>(
    keys: &'a mut Keyspace<'_>,
    key: &Key<'_>,
) -> Result<Option<ListRef<'a>>, CommandError> {
    Ok(keys.read_typed(key, DataType::List)?.map(ListRef::of))
}

/// Looks up a list to change it.
///
/// # Errors
/// `WrongType` when the key holds another type.
#[inline]
pub(crate) fn write<'a>(
    keys: &'a mut Keyspace<'_>,
    key: &Key<'_>,
) -> Result<Option<ListMut<'a>>, CommandError> {
    let limits = ListLimits::of(keys.limits());
    Ok(keys.write_typed(key, DataType::List)?.map(|entry| ListMut { entry, limits }))
}

/// Adds a list for a key that is not there, of the arguments from `first` on, pushed one after the other to
/// this end.
pub(crate) fn add(keys: &mut Keyspace<'_>, key: &Key<'_>, end: End, args: Args<'_>, first: usize) {
    let limits = ListLimits::of(keys.limits());
    with_new(limits, end, args, first, |list| keys.add(key, list, Expire::Clear));
}

/// Puts a list of all arguments in the place of whatever a key holds. It is a listpack if all of it is one
/// node (Redis: LIST_CONV_AUTO).
pub(crate) fn replace(keys: &mut Keyspace<'_>, key: &Key<'_>, args: Args<'_>) {
    let limits = ListLimits::of(keys.limits());
    if limits.node.allow_all(text_bytes(args, 0), args.len()) {
        return with_new(limits, End::Tail, args, 0, |list| keys.set(key, list, Expire::Clear));
    }
    let mut list = Quicklist::new(limits.node, limits.compress_depth);
    push_large(&mut list, End::Tail, args, 0);
    match list.to_listpack(limits.node.of_one_node()) {
        Some(pack) => keys.set(key, NewValue::Packed(Packing::List, &pack), Expire::Clear),
        None => keys.set(key, NewValue::Object(Box::new(Object::List(list))), Expire::Clear),
    }
}

/// Makes a list of the arguments from `first` on, pushed one after the other.
#[inline]
fn with_new(limits: ListLimits, end: End, args: Args<'_>, first: usize, put: impl FnOnce(NewValue<'_>)) {
    let (bytes, count) = (text_bytes(args, first), args.len() - first);
    if limits.node.are_exceeded(listpack::EMPTY.len() + bytes, count) {
        let mut list = Quicklist::new(limits.node, limits.compress_depth);
        push_large(&mut list, end, args, first);
        put(NewValue::Object(Box::new(Object::List(list))));
    } else {
        let mut pack = Vec::with_capacity(listpack::EMPTY.len() + bytes + count * ELEMENT_OVERHEAD_BYTES);
        pack.extend_from_slice(&listpack::EMPTY);
        push_packed(&mut pack, end, args, first);
        put(NewValue::Packed(Packing::List, &pack));
    }
}

/// Adds a list of one element for a key that is not there.
pub(crate) fn add_one(keys: &mut Keyspace<'_>, key: &Key<'_>, text: &[u8]) {
    let limits = ListLimits::of(keys.limits());
    if limits.node.are_exceeded(listpack::EMPTY.len() + text.len(), 1) {
        let mut list = Quicklist::new(limits.node, limits.compress_depth);
        list.push_back(text);
        keys.add(key, NewValue::Object(Box::new(Object::List(list))), Expire::Clear);
    } else {
        let pack = listpack::new(&[Value::of(text)]);
        keys.add(key, NewValue::Packed(Packing::List, &pack), Expire::Clear);
    }
}

/// A list that may be changed. Whoever has taken all elements out removes the key; whoever has taken some
/// calls [`ListMut::settle`].
pub(crate) struct ListMut<'a> {
    entry: EntryMut<'a>,
    limits: ListLimits,
}

impl ListMut<'_> {
    /// The list as readers see it.
    #[inline]
    pub(crate) fn view(&self) -> ListRef<'_> {
        ListRef::of(self.entry.view())
    }

    /// Pushes the arguments from `first` on, one after the other, and gives the number of elements.
    #[inline]
    pub(crate) fn push_args(&mut self, end: End, args: Args<'_>, first: usize) -> usize {
        if self.is_packed() {
            self.expect_growth(text_bytes(args, first), args.len() - first);
        }
        self.change(
            |pack| {
                push_packed(pack, end, args, first);
                Listpack::new(pack.bytes()).len()
            },
            |list| {
                push_large(list, end, args, first);
                list.len()
            },
        )
    }

    /// Pushes one element. Room for it was asked for by [`ListMut::expect_growth`].
    pub(crate) fn push(&mut self, end: End, text: &[u8]) {
        self.change(
            |pack| match end {
                End::Head => listpack::prepend(pack, &[Value::of(text)]),
                End::Tail => listpack::append(pack, &[Value::of(text)]),
            },
            |list| match end {
                End::Head => list.push_front(text),
                End::Tail => list.push_back(text),
            },
        );
    }

    /// Takes an element from an end and shows it to `take`. Gives the number of those that are left.
    #[inline]
    pub(crate) fn pop(&mut self, end: End, take: impl FnOnce(Value<'_>)) -> usize {
        const NOT_EMPTY: &str = "a list without elements does not exist";
        if self.is_packed() {
            return self.entry.with_packed(|pack| {
                let list = Listpack::new(pack.bytes());
                let position = match end {
                    End::Head => HEADER_LEN,
                    End::Tail => list.position(-1).expect(NOT_EMPTY),
                };
                take(list.iter_from(position).next().expect(NOT_EMPTY));
                let left = list.len() - 1;
                listpack::remove(pack, position, 1);
                left
            });
        }
        self.with_large(|list| {
            match end {
                End::Head => list.pop_front(take),
                End::Tail => list.pop_back(take),
            }
            .expect(NOT_EMPTY);
            list.len()
        })
    }

    /// Puts a text in the place of the element with this index; false if there is none.
    pub(crate) fn replace(&mut self, index: i64, text: &[u8]) -> bool {
        self.change(
            |pack| {
                let position = Listpack::new(pack.bytes()).position(index);
                position.inspect(|&at| listpack::replace(pack, at, 1, &[Value::of(text)])).is_some()
            },
            |list| index_from_head(index, list.len()).is_some_and(|index| list.replace(index, text)),
        )
    }

    /// Inserts a text before the element with this index, which exists, or behind it.
    pub(crate) fn insert(&mut self, index: usize, is_behind: bool, text: &[u8]) {
        self.change(
            |pack| {
                let list = Listpack::new(pack.bytes());
                let behind = index + usize::from(is_behind);
                let position = list.position(behind as i64).unwrap_or(list.end());
                listpack::insert(pack, position, &[Value::of(text)]);
            },
            |list| list.insert(index, is_behind, text),
        );
    }

    /// Removes the elements with these indices, all of which exist.
    pub(crate) fn remove_range(&mut self, indices: Range<usize>) {
        if indices.is_empty() {
            return;
        }
        let (start, count) = (indices.start, indices.len());
        self.change(
            |pack| listpack::remove_range(pack, start as i64, count),
            |list| list.remove_range(start, count),
        );
    }

    /// Removes up to `count_max` elements that are this text, from an end on, and gives the number of those
    /// removed.
    pub(crate) fn remove_matching(&mut self, text: &[u8], count_max: usize, end: End) -> usize {
        let direction = match end {
            End::Head => Direction::Forward,
            End::Tail => Direction::Backward,
        };
        self.change(
            |pack| remove_matching_packed(pack, &Wanted::new(text), count_max, end),
            |list| list.remove_matching(text, count_max, direction),
        )
    }

    /// Makes the list a quicklist if it would be too large for a listpack with so many more bytes and
    /// elements.
    pub(crate) fn expect_growth(&mut self, more_bytes: usize, more_count: usize) {
        let ListRef::Packed(pack) = self.view() else { return };
        let pack_bytes = pack.end() + 1;
        if !self.limits.node.are_exceeded(pack_bytes + more_bytes, pack.len() + more_count) {
            return;
        }
        let mut list = Quicklist::new(self.limits.node, self.limits.compress_depth);
        if let entry::Value::Packed(_, bytes) = self.entry.view().value() {
            list.push_listpack(bytes);
        }
        self.entry.replace(NewValue::Object(Box::new(Object::List(list))), Expire::Keep);
    }

    /// Makes the list a listpack if it has become small enough, after elements were taken out.
    #[inline]
    pub(crate) fn settle(&mut self) {
        let ListRef::Large(list) = self.view() else { return };
        if let Some(pack) = list.to_listpack(self.limits.node.of_one_node().halves()) {
            self.entry.replace(NewValue::Packed(Packing::List, &pack), Expire::Keep);
        }
    }

    #[inline]
    fn is_packed(&self) -> bool {
        matches!(self.entry.view().kind(), Kind::Packed(_))
    }

    #[inline]
    fn change<R>(
        &mut self,
        packed: impl FnOnce(&mut entry::PackedMut<'_>) -> R,
        large: impl FnOnce(&mut Quicklist) -> R,
    ) -> R {
        if self.is_packed() { self.entry.with_packed(packed) } else { self.with_large(large) }
    }

    #[inline]
    fn with_large<R>(&mut self, change: impl FnOnce(&mut Quicklist) -> R) -> R {
        self.entry.with_object(|object| match object {
            Object::List(list) => change(list),
            _ => unreachable!("the type was looked at: Keyspace::write_typed"),
        })
    }
}

/// The index from the head on of an element that exists; -1 is the last one.
fn index_from_head(index: i64, len: usize) -> Option<usize> {
    let index = if index < 0 { index + len as i64 } else { index };
    usize::try_from(index).ok().filter(|&index| index < len)
}

/// What the limits are compared with: bytes of text, however they will be encoded.
#[inline]
fn text_bytes(args: Args<'_>, first: usize) -> usize {
    args.iter_from(first).map(<[u8]>::len).sum()
}

fn push_large(list: &mut Quicklist, end: End, args: Args<'_>, first: usize) {
    match end {
        End::Head => args.iter_from(first).for_each(|text| list.push_front(text)),
        End::Tail => args.iter_from(first).for_each(|text| list.push_back(text)),
    }
}

fn push_packed(pack: &mut impl Splice, end: End, args: Args<'_>, first: usize) {
    let mut values = [Value::Int(0); BATCH_LEN];
    for start in (first..args.len()).step_by(BATCH_LEN) {
        let count = BATCH_LEN.min(args.len() - start);
        let batch = &mut values[..count];
        for (value, index) in batch.iter_mut().zip(start..) {
            *value = Value::of(args.get(index));
        }
        match end {
            End::Head => {
                batch.reverse();
                listpack::prepend(pack, batch);
            }
            End::Tail => listpack::append(pack, batch),
        }
    }
}

/// Two passes over the elements, however many of them go: removing each on its own would take time that grows
/// with the square of the listpack's size.
fn remove_matching_packed(pack: &mut impl Splice, wanted: &Wanted<'_>, count_max: usize, end: End) -> usize {
    let list = Listpack::new(pack.bytes());
    let found = list.iter().filter(|&value| wanted.is(value)).count();
    let removed = found.min(count_max);
    if removed == 0 {
        return 0;
    }
    let going = match end {
        End::Head => 0..removed,
        End::Tail => found - removed..found,
    };
    let mut kept = Vec::with_capacity(list.end() - HEADER_LEN);
    let (mut iter, mut seen) = (list.iter(), 0);
    loop {
        let start = iter.position();
        let Some(value) = iter.next() else { break };
        let is_match = wanted.is(value);
        if !(is_match && going.contains(&seen)) {
            kept.extend_from_slice(&pack.bytes()[start..iter.position()]);
        }
        seen += usize::from(is_match);
    }
    let rest = listpack::from_elements(&kept, list.len() - removed);
    let old_len = pack.bytes().len();
    pack.splice(0..old_len, &rest);
    removed
}

#[cfg(test)]
mod tests {
    use crate::encoding::limits::Limits;
    use crate::random::Random;
    use crate::testing::{Sandbox, check_in};

    fn sandbox_with(list_fill: i32, list_compress_depth: u32) -> Sandbox {
        let mut sandbox = Sandbox::new();
        sandbox.shard_mut().set_limits(Limits { list_fill, list_compress_depth, ..Limits::default() });
        sandbox
    }

    #[track_caller]
    fn check_encoding(list_fill: i32, script: &str, encoding: &str) {
        let mut sandbox = sandbox_with(list_fill, 0);
        sandbox.run(script);
        check_in(&mut sandbox, "OBJECT ENCODING l", encoding);
    }

    #[test]
    fn a_list_is_a_quicklist_once_a_push_would_exceed_the_limit() {
        check_encoding(4, "RPUSH l 1 2 3 4", "listpack");
        check_encoding(4, "RPUSH l 1 2 3 4 5", "quicklist");
        check_encoding(4, "RPUSH l 1 2 3 4 | LPUSH l 5", "quicklist");
        check_encoding(0, "RPUSH l 1", "listpack");
        // The limit of 4096 bytes counts the text, not its encoding, of what is added.
        check_encoding(-1, "RPUSH l \"x\"*4089", "listpack");
        check_encoding(-1, "RPUSH l \"x\"*4090", "quicklist");
        check_encoding(-1, "RPUSH l \"x\"*4000 | RPUSH l \"x\"*82", "listpack");
        check_encoding(-1, "RPUSH l \"x\"*4000 | RPUSH l \"x\"*86", "quicklist");
    }

    #[test]
    fn a_quicklist_is_a_listpack_again_at_half_of_the_limit() {
        let five = "RPUSH l 1 2 3 4 5";
        for (script, encoding) in [
            ("LPOP l 2", "quicklist"),
            // Two nodes of one element each.
            ("LPOP l 3", "quicklist"),
            ("RPOP l 3", "listpack"),
            ("LPOP l | RPOP l | LPOP l", "listpack"),
            ("LREM l 0 1 | LREM l 0 2", "quicklist"),
            ("LREM l 0 5 | LREM l 0 1", "quicklist"),
            ("LREM l 0 5 | LREM l 0 1 | LREM l 0 3", "listpack"),
            ("LTRIM l 1 3", "quicklist"),
            ("LTRIM l 0 1", "listpack"),
            ("RPOPLPUSH l m | RPOPLPUSH l m", "quicklist"),
            ("RPOPLPUSH l m | RPOPLPUSH l m | RPOPLPUSH l m", "listpack"),
            ("LMPOP 1 l RIGHT COUNT 3", "listpack"),
        ] {
            check_encoding(4, &format!("{five} | {script}"), encoding);
        }
        check_encoding(4, "RPUSH l 1 2 3 4 5 | LTRIM l 0 1 | RPUSH l 3 4", "listpack");
    }

    #[test]
    fn attempts_to_add_convert_even_when_nothing_is_added() {
        check_encoding(4, "RPUSH l 1 2 3 4 | LINSERT l BEFORE none x", "quicklist");
        check_encoding(4, "RPUSH l 1 2 3 4 | LSET l 9 x", "quicklist");
        check_encoding(4, "RPUSH l 1 2 3 4 | LSET l 0 x", "quicklist");
        check_encoding(-1, "RPUSH l a | LSET l 0 \"x\"*4090", "quicklist");
        check_encoding(-1, "RPUSH l a | LSET l 0 \"x\"*4090 | LSET l 0 b", "listpack");
    }

    #[test]
    fn a_move_to_the_same_list_is_counted_after_the_pop() {
        check_encoding(4, "RPUSH l 1 2 3 4 | RPOPLPUSH l l", "listpack");
        check_encoding(4, "RPUSH m 1 | RPUSH l 1 2 3 4 | RPOPLPUSH m l", "quicklist");
        check_encoding(-2, "RPUSH m 5 | RPUSH l \"x\"*8177 | RPOPLPUSH m l", "listpack");
        check_encoding(-2, "RPUSH m 5 | RPUSH l \"x\"*8178 | RPOPLPUSH m l", "quicklist");
    }

    #[test]
    fn a_conversion_keeps_elements_and_expire() {
        let mut sandbox = sandbox_with(2, 0);
        check_in(
            &mut sandbox,
            "RPUSH l a 1 | EXPIRE l 9 | RPUSH l b | LRANGE l 0 -1 | TTL l",
            ":2 | :1 | :3 | [a 1 b] | :9",
        );
        check_in(
            &mut sandbox,
            "LPOP l 2 | OBJECT ENCODING l | LRANGE l 0 -1 | TTL l",
            "[a 1] | listpack | [b] | :9",
        );
    }

    /// A command that some thousand of keep a list about as long as the limits of the test.
    fn random_command(random: &mut Random) -> String {
        let mut below = |limit: u64| random.bits() % limit;
        let index = below(24) as i64 - 12;
        let value = match below(3) {
            0 => below(5).to_string(),
            1 => format!("v{}", below(4)),
            _ => format!("\"{}\"*{}", ["x", "yz"][below(2) as usize], below(900)),
        };
        let end = ["LEFT", "RIGHT"][below(2) as usize];
        match below(17) {
            0 | 1 => format!("LPUSH l {value} a {value}"),
            2 | 3 => format!("RPUSH l {value} 5"),
            4 => format!("LPOP l {}", below(4)),
            5 => format!("RPOP l {}", below(4)),
            6 => format!("LINSERT l BEFORE v1 {value}"),
            7 => format!("LINSERT l AFTER 3 {value}"),
            8 => format!("LREM l {} {value}", index / 4),
            9 => format!("LSET l {index} {value}"),
            10 => format!("LTRIM l {} {}", below(3), -1 - below(3) as i64),
            11 => format!(
                "LPOS l {value} RANK {} COUNT 0 MAXLEN {}",
                [-2, -1, 1, 2][below(4) as usize],
                below(9)
            ),
            12 => format!("LINDEX l {index}"),
            13 => format!("LMOVE l {} {end} RIGHT", ["l", "m"][below(2) as usize]),
            14 => format!("LMOVE m l LEFT {end}"),
            15 => format!("LMPOP 2 m l {end} COUNT {}", 1 + below(4)),
            _ => format!("LRANGE l {index} {}", below(20) as i64 - 8),
        }
    }

    #[test]
    fn replies_do_not_depend_on_the_encoding() {
        for seed in 0..20 {
            let mut random = Random::new(seed);
            let mut sandboxes = [(128, 0), (1, 0), (4, 0), (4, 1), (9, 2), (-1, 0), (-1, 1)]
                .map(|(fill, depth)| sandbox_with(fill, depth));
            for step in 0..300 {
                let command = random_command(&mut random);
                let script = format!("{command} | LLEN l | LRANGE l 0 -1 | LRANGE m 0 -1");
                let [first, others @ ..] = &mut sandboxes;
                let expected = first.run(&script);
                for (index, other) in others.iter_mut().enumerate() {
                    assert_eq!(
                        other.run(&script),
                        expected,
                        "seed {seed}, step {step}, limits {index}: {command}"
                    );
                }
            }
        }
    }
}
