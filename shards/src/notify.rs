//! The events that somebody has asked to be told of (`notify-keyspace-events`), in the order in which they
//! happened.
//!
//! Whoever runs commands on a shard fetches them soon after: their number is bounded by the work done
//! between. While a class of events is not asked for, an event of it costs one comparison.
//!
//! *Order.* Only the owner of a key tells of it: what a transaction does to entries that other shards have
//! lent is noted where it runs, goes home with the entries, and stands among the owner's notices between what
//! its commands have done to the key before and afterwards. So the notices of one key are in the order of its
//! changes wherever these were made, also when its slot goes to another shard ([`crate::router::slot_move`]).
//! This file must not know who is told.

use crate::event::Event;
use crate::key::DbIndex;
use crate::spare::Trim;

/// A set of classes of events.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Classes(u64);

impl Classes {
    /// From the letters of `notify-keyspace-events`; `K` and `E`, which are no classes, are passed over.
    pub fn of_letters(letters: &[u8]) -> Classes {
        const ALL: &[u8] = b"g$lshzxet";
        let bits = |letters: &[u8]| letters.iter().fold(0, |bits, &letter| bits | bit(letter));
        let all = if letters.contains(&b'A') { bits(ALL) } else { 0 };
        let no_classes = b"AKEd";
        let named = letters.iter().filter(|letter| !no_classes.contains(letter));
        Classes(named.fold(all, |bits, &letter| bits | bit(letter)))
    }

    #[inline]
    fn has(self, class: u8) -> bool {
        self.0 & bit(class) != 0
    }
}

/// Each class has a bit of its own: their letters differ in the low six bits, but for `d` (events of modules,
/// of which there are none).
#[inline]
const fn bit(class: u8) -> u64 {
    1 << (class & 63)
}

/// Something that has happened to a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice {
    /// The key's database.
    pub db: DbIndex,
    /// The key.
    pub key: Box<[u8]>,
    /// What has happened.
    pub event: Event,
}

/// The notices of one shard that nobody has fetched yet.
#[derive(Debug, Default)]
pub struct Notices {
    classes: Classes,
    list: Vec<Notice>,
}

impl Trim for Notices {
    fn trim(&mut self) {
        self.list.trim();
    }
}

impl Notices {
    /// Chooses the classes that are asked for from now on.
    pub fn ask_for(&mut self, classes: Classes) {
        self.classes = classes;
    }

    /// Notes an event, if its class is asked for.
    #[inline]
    pub fn tell(&mut self, db: DbIndex, key: &[u8], event: Event) {
        if self.classes.has(event.class) {
            self.push(db, key, event);
        }
    }

    #[cold]
    fn push(&mut self, db: DbIndex, key: &[u8], event: Event) {
        self.list.push(Notice { db, key: key.into(), event });
    }

    /// The number of notices so far: the place of the next one.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Takes out the notices from this place on, in order.
    pub(crate) fn split_off(&mut self, place: usize) -> Vec<Notice> {
        self.list.split_off(place)
    }

    /// Adds what was noted elsewhere, whatever is asked for by now.
    pub(crate) fn append(&mut self, mut noted: Vec<Notice>) {
        self.list.append(&mut noted);
    }

    /// Puts back what was taken and is to be fetched again, in front of what has happened since.
    pub(crate) fn put_back(&mut self, mut early: Vec<Notice>) {
        early.append(&mut self.list);
        self.list = early;
    }

    /// Nothing has happened since the last call of [`Notices::take`].
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What has happened since the last call, in order.
    pub fn take(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event;

    #[test]
    fn letters_ask_for_their_classes_and_no_others() {
        let letters = b"g$lshzxetnm";
        for &asked in letters {
            let classes = Classes::of_letters(&[b'K', asked]);
            for &class in letters {
                assert_eq!(classes.has(class), class == asked, "{} and {}", asked as char, class as char);
            }
        }
        let all = Classes::of_letters(b"AKE");
        let of_all: Vec<u8> = letters.iter().copied().filter(|&class| all.has(class)).collect();
        assert_eq!(of_all, b"g$lshzxet");
        assert_eq!(Classes::of_letters(b"KEd"), Classes::default());
        assert!(Classes::of_letters(b"KAm").has(b'm'));
        assert!(!Classes::of_letters(b"KEAg$lshzxetdnm").has(event::UNTOLD.class));
    }

    #[test]
    fn only_what_is_asked_for_is_noted_in_order() {
        let mut notices = Notices::default();
        notices.tell(DbIndex(0), b"a", event::SET);
        assert!(notices.is_empty());
        notices.ask_for(Classes::of_letters(b"E$g"));
        notices.tell(DbIndex(0), b"a", event::SET);
        notices.tell(DbIndex(0), b"a", event::EXPIRED);
        notices.tell(DbIndex(3), b"b", event::DEL);
        let noted: Vec<_> = notices.take().into_iter().map(|notice| (notice.db.0, notice.event)).collect();
        assert_eq!((noted, notices.is_empty()), (vec![(0, event::SET), (3, event::DEL)], true));
    }

    #[test]
    fn what_is_put_back_comes_first_and_what_was_noted_elsewhere_last() {
        let mut notices = Notices::default();
        notices.ask_for(Classes::of_letters(b"Eg$"));
        notices.tell(DbIndex(0), b"a", event::SET);
        notices.tell(DbIndex(0), b"a", event::DEL);
        let elsewhere = notices.split_off(1);
        let early = notices.take();
        notices.tell(DbIndex(0), b"a", event::APPEND);
        notices.ask_for(Classes::default());
        notices.append(elsewhere);
        notices.put_back(early);
        let noted: Vec<Event> = notices.take().into_iter().map(|notice| notice.event).collect();
        assert_eq!(noted, [event::SET, event::APPEND, event::DEL]);
    }
}
