//! Walks over all keys of a database in several calls (SCAN), and the choice of a key at random.
//!
//! A walk goes through the slots in ascending order, and through a slot's table in the order of its hashes.
//! So its cursor stays right whatever happens between two calls: tables grow, split and shrink, and a slot
//! with all its keys may move to another shard. Every key that is there from the first call to the last is
//! seen.
//!
//! One call of a client goes on from shard to shard until it has seen enough: `router::walk` says where to
//! ask next. Each shard answers with an ordinary command of its own, and stops where the slots of another one
//! begin.

use crate::args::Args;
use crate::entry::EntryRef;
use crate::expires;
use crate::key::DbIndex;
use crate::keyspace::Keyspace;
use crate::num;
use crate::reply::Reply;
use crate::slot::{SLOT_COUNT, SlotId};
use crate::table::ScanPosition;

/// Bits of a cursor that hold the slot: the lowest ones, so that the owner of a cursor is known without its
/// table.
const SLOT_BITS: u32 = SLOT_COUNT.ilog2();

/// The option that says how many keys a call is to see.
pub const COUNT: &[u8] = b"COUNT";

/// How far a walk has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cursor {
    slot: SlotId,
    position: ScanPosition,
}

impl Cursor {
    /// Where every walk begins. It is the number 0, which at the end of a walk is no cursor.
    pub const START: Cursor = Cursor { slot: SlotId::FIRST, position: ScanPosition::START };

    /// The beginning of a slot.
    pub fn at(slot: SlotId) -> Cursor {
        Cursor { slot, ..Cursor::START }
    }

    /// The slot that it is in.
    pub fn slot(self) -> SlotId {
        self.slot
    }

    /// As clients see it.
    pub fn number(self) -> u64 {
        self.position.to_bits() << SLOT_BITS | u64::from(self.slot.number())
    }

    /// The cursor of a number; every number is one.
    pub fn of_number(number: u64) -> Cursor {
        let position = ScanPosition::from_bits(number >> SLOT_BITS);
        Cursor { slot: SlotId::new((number & (SLOT_COUNT as u64 - 1)) as u16), position }
    }

    /// The cursor that a client sends; `None` for what is none.
    pub fn parse(text: &[u8]) -> Option<Cursor> {
        parse_number(text).map(Cursor::of_number)
    }
}

/// The number of a cursor that a client sends; `None` for what is none (Redis: parseScanCursorOrReply, by
/// strtoul: it takes a sign, and nothing at all for 0).
pub fn parse_number(text: &[u8]) -> Option<u64> {
    let text = &text[..memchr::memchr(0, text).unwrap_or(text.len())];
    if text.is_empty() {
        return Some(0);
    }
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let number = digits.iter().try_fold(0u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })?;
    Some(if is_negative { number.wrapping_neg() } else { number })
}

/// The slot in which a command that walks begins. One whose cursor is none may begin anywhere: its handler
/// refuses it.
pub fn first_slot(args: Args<'_>) -> SlotId {
    Cursor::parse(args.get(1)).unwrap_or(Cursor::START).slot
}

/// How many keys a call is to see when it does not say so (Redis).
const COUNT_DEFAULT: usize = 10;

/// The COUNT of a command that walks, as far as it makes sense.
pub fn count_of(args: Args<'_>) -> usize {
    let mut count = COUNT_DEFAULT;
    // Options come in pairs of a word and its value; the last one counts.
    for at in (2..args.len().saturating_sub(1)).step_by(2) {
        if args[at].eq_ignore_ascii_case(COUNT) {
            count =
                num::parse_i64(args.get(at + 1)).and_then(|count| usize::try_from(count).ok()).unwrap_or(1);
        }
    }
    count.max(1)
}

impl Keyspace<'_> {
    /// Visits about `count` keys of the selected database from `from` on, and returns where to go on; `None`
    /// at the end of the last slot. It stops at a slot that is not wholly here: of another shard, or with
    /// keys that a transaction has borrowed. Keys whose time is over are counted, but removed instead of
    /// visited.
    pub fn walk(
        &mut self,
        from: Cursor,
        count: usize,
        mut visit: impl FnMut(EntryRef<'_>),
    ) -> Option<Cursor> {
        let now_ms = self.now_ms();
        let selected = self.selected();
        let mut expired: Vec<Box<[u8]>> = Vec::new();
        let mut is_over = |entry: EntryRef<'_>| {
            let is_over = entry.expire_ms().is_some_and(|at_ms| expires::is_over(at_ms, now_ms));
            if is_over {
                expired.push(entry.key().into());
            }
            is_over
        };
        let (mut slot, mut position, mut left) = (from.slot.index(), from.position, count);
        let mut with_keys = self.db().first_slot_from(slot);
        let next = loop {
            if slot == SLOT_COUNT {
                break None;
            }
            let here = Cursor { slot: SlotId::new(slot as u16), position };
            if !self.is_whole(selected, here.slot) {
                break Some(here);
            }
            if with_keys < slot {
                with_keys = self.db().first_slot_from(slot);
            }
            let table = if with_keys == slot { self.db().table(here.slot) } else { None };
            let next = match table {
                None => None,
                Some(_) if left == 0 => break Some(here),
                Some(table) => {
                    let (seen, next) = table.scan(position, left, |entry| {
                        if !is_over(entry) {
                            visit(entry);
                        }
                    });
                    left = left.saturating_sub(seen);
                    next
                }
            };
            match next {
                Some(next) => position = next,
                None => (slot, position) = (slot + 1, ScanPosition::START),
            }
        };
        for key in expired {
            let key = self.key(&key);
            self.peek(&key);
        }
        next
    }
}

/// Writes the reply of a call: the cursor to go on with, and the keys, which `keys` holds as elements.
pub fn write_reply(reply: &mut Reply, cursor: u64, key_count: usize, keys: &Reply) {
    let mut text = itoa::Buffer::new();
    reply.array(2);
    reply.bulk(text.format(cursor).as_bytes());
    reply.array(key_count);
    reply.append(keys.bytes(), keys.blobs());
}

impl Keyspace<'_> {
    /// True for a slot of a database whose keys are all on this shard.
    fn is_whole(&self, db: DbIndex, slot: SlotId) -> bool {
        let env = self.env();
        // A transaction on lent entries runs where all that it needs has been brought together.
        env.owned.contains(slot) && !env.lent.contains(&(db, slot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_as_redis_reads_them() {
        let number = |text: &[u8]| Cursor::parse(text).map(Cursor::number);
        for (text, expected) in [
            ("0", Some(0)),
            ("", Some(0)),
            ("00", Some(0)),
            ("+5", Some(5)),
            ("5\0x", Some(5)),
            ("16384", Some(16384)),
            ("18446744073709551616", None),
            ("-", None),
            ("+", None),
            (" 0", None),
            ("0 ", None),
            ("0x10", None),
            ("1.5", None),
            ("a", None),
        ] {
            assert_eq!(number(text.as_bytes()), expected, "{text:?}");
        }
        assert!(number(b"18446744073709551615").is_some() && number(b"-1").is_some());
    }

    #[test]
    fn the_low_bits_of_a_cursor_are_its_slot() {
        for number in [0, 1, 16383, 16384, 77 << 14 | 5, 0xffff << 14 | 16383, u64::MAX] {
            let cursor = Cursor::of_number(number);
            assert_eq!(u64::from(cursor.slot().number()), number & 16383);
            assert_eq!(Cursor::of_number(cursor.number()), cursor);
        }
        assert_eq!(Cursor::START.number(), 0);
    }
}
