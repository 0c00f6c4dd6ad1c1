//! When keys expire: for each part of a table the times of its entries in order, and for each database an
//! agenda of the parts by their first time. Active expiry and the `volatile-*` policies find by them what the
//! tables would have to be searched for.
//!
//! A time is kept with the tag of its entry, by which the entry is found in its part; so there is nothing to
//! be kept right when words or entries move. The times are exact: every entry with an expire has one. The
//! agenda is a lower bound: a part may be listed for an earlier time than its first, which is found out when
//! that time comes. A part whose last time goes keeps nothing, whenever that is ([`Agenda::settle`]).
//!
//! The fields of hashes have times as well (HEXPIRE). A part keeps for each such hash the first time of its
//! fields, in a list of its own ([`PartExpires::fields`]), which an agenda of its own lists.
//!
//! **Invariant:** a part with times is listed once, under [`PartExpires::listed_ms`], which is not later than
//! its first time unless it was put off; nothing else is listed. This file must not know entries, tables or
//! databases.

use std::collections::{BTreeSet, VecDeque};

use crate::slot::SlotId;

/// Times from here on (in the year 10889) are kept as this one; whether such an entry has expired is seen on
/// the entry.
const TIME_MS_MAX: u64 = (1 << 48) - 1;

/// What stands in `listed_ms` of a part that is not listed.
const UNLISTED: u64 = u64::MAX;

/// Room for further times that a part makes at the least.
const GROWTH_MIN: usize = 4;

/// The form in which a time is kept and compared.
#[inline]
pub(crate) fn kept_ms(at_ms: u64) -> u64 {
    at_ms.min(TIME_MS_MAX)
}

/// True when a time is over. Clocks are read in whole milliseconds, so while one shows the very number of the
/// time, the time may not have come yet for who counts from a moment within a millisecond: a key may live
/// longer than it was given, by less than a millisecond, but never shorter (Redis: keyIsExpired).
#[inline]
pub(crate) fn is_over(at_ms: u64, now_ms: u64) -> bool {
    at_ms < now_ms
}

/// One time of a part, and the tag of the entry that it belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Due {
    /// In milliseconds since 1970, as [`kept_ms`] gives it.
    pub(crate) at_ms: u64,
    /// The entry's tag in its part.
    pub(crate) tag: u16,
}

impl Due {
    fn packed(at_ms: u64, tag: u16) -> u64 {
        kept_ms(at_ms) << 16 | u64::from(tag)
    }

    fn unpacked(item: u64) -> Due {
        Due { at_ms: item >> 16, tag: item as u16 }
    }
}

/// The times of one part. One machine word while there are none.
#[derive(Default)]
pub(crate) struct PartExpires(Option<Box<Times>>);

struct Times {
    /// Sorted. A new time usually is the last one, and the first one is removed first.
    items: VecDeque<u64>,
    listed_ms: u64,
    /// Of a part's own times: those of its hashes' fields. Here, so that a part without any pays nothing.
    fields: PartExpires,
}

impl PartExpires {
    /// These times, in any order, listed as `other` was: half of a part that is split, when `other` is the
    /// part.
    pub(crate) fn of(mut times: Vec<(u64, u16)>, listed_like: &PartExpires) -> PartExpires {
        let listed_ms = listed_like.listed_ms();
        if times.is_empty() && listed_ms == UNLISTED {
            return PartExpires(None);
        }
        let mut items: Vec<u64> = times.drain(..).map(|(at_ms, tag)| Due::packed(at_ms, tag)).collect();
        items.sort_unstable();
        PartExpires(Some(Box::new(Times { items: items.into(), listed_ms, fields: PartExpires(None) })))
    }

    /// The first times of the fields of the part's hashes.
    pub(crate) fn fields(&self) -> &PartExpires {
        self.0.as_ref().map_or(&PartExpires(None), |times| &times.fields)
    }

    /// The same to be changed, if there are any.
    pub(crate) fn fields_mut(&mut self) -> Option<&mut PartExpires> {
        self.0.as_mut().map(|times| &mut times.fields)
    }

    /// The same to be added to.
    pub(crate) fn fields_to_fill(&mut self) -> &mut PartExpires {
        &mut self.0.get_or_insert_with(Times::boxed).fields
    }

    /// True when there is no time and nothing is kept, as [`Agenda::settle`] leaves it.
    pub(crate) fn is_unused(&self) -> bool {
        self.0.is_none()
    }

    /// The number of times.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |times| times.items.len())
    }

    /// Time `index` in the order of the times.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<Due> {
        self.0.as_ref()?.items.get(index).map(|&item| Due::unpacked(item))
    }

    /// Adds the time of an entry.
    pub(crate) fn add(&mut self, at_ms: u64, tag: u16) {
        let item = Due::packed(at_ms, tag);
        let items = &mut self.0.get_or_insert_with(Times::boxed).items;
        if items.len() == items.capacity() {
            items.reserve_exact((items.len() / 4).max(GROWTH_MIN));
        }
        if items.back().is_none_or(|&last| last <= item) {
            items.push_back(item);
        } else {
            items.insert(items.partition_point(|&other| other <= item), item);
        }
    }

    /// Removes the time of an entry.
    pub(crate) fn remove(&mut self, at_ms: u64, tag: u16) {
        let item = Due::packed(at_ms, tag);
        let items = &mut self.0.as_mut().expect("a part with an entry that expires has times").items;
        if items.front() == Some(&item) {
            items.pop_front();
        } else {
            let at = items.partition_point(|&other| other < item);
            // The time of another entry must not go in its place.
            let removed = items.remove(at);
            assert_eq!(removed, Some(item), "the time of an entry that expires is in its part");
        }
        if items.len() < items.capacity() / 4 {
            items.shrink_to(items.len() + items.len() / 2);
        }
    }

    /// Under which time the agenda lists the part.
    #[inline]
    pub(crate) fn listed_ms(&self) -> u64 {
        self.0.as_ref().map_or(UNLISTED, |times| times.listed_ms)
    }

    /// Bytes of memory that the times take.
    pub(crate) fn memory_bytes(&self) -> usize {
        let own = |times: &Times| size_of::<Times>() + times.items.capacity() * size_of::<u64>();
        self.0.as_ref().map_or(0, |times| own(times) + times.fields.memory_bytes())
    }
}

impl Times {
    fn boxed() -> Box<Times> {
        Box::new(Times { items: VecDeque::new(), listed_ms: UNLISTED, fields: PartExpires(None) })
    }
}

/// The parts of one database that have expires, by the time at which they are to be looked at.
#[derive(Default)]
pub(crate) struct Agenda {
    parts: BTreeSet<(u64, SlotId, u32)>,
}

impl Agenda {
    /// The part that is to be looked at first, and when.
    #[inline]
    pub(crate) fn first(&self) -> Option<(u64, SlotId, u32)> {
        self.parts.first().copied()
    }

    /// Lists a part anew if its first time has become earlier than its place in the list.
    #[inline]
    pub(crate) fn list(&mut self, slot: SlotId, part: u32, expires: &mut PartExpires) {
        let first_ms = expires.get(0).map_or(UNLISTED, |first| first.at_ms);
        if first_ms < expires.listed_ms() {
            self.list_at(slot, part, expires, first_ms);
        }
    }

    /// Lists a part anew at its first time, but not before `not_before_ms`; one without times no more.
    pub(crate) fn correct(&mut self, slot: SlotId, part: u32, expires: &mut PartExpires, not_before_ms: u64) {
        match expires.get(0) {
            Some(first) => self.list_at(slot, part, expires, first.at_ms.max(not_before_ms)),
            None => self.settle(slot, part, expires),
        }
    }

    /// A time of the part has gone. With its last one goes all that is kept for it.
    #[inline]
    pub(crate) fn settle(&mut self, slot: SlotId, part: u32, expires: &mut PartExpires) {
        if expires.len() == 0 {
            self.unlist(slot, part, expires);
            if expires.fields().is_unused() {
                expires.0 = None;
            }
        }
    }

    /// Takes a part off the list.
    pub(crate) fn unlist(&mut self, slot: SlotId, part: u32, expires: &mut PartExpires) {
        if let Some(times) = &mut expires.0
            && times.listed_ms != UNLISTED
        {
            self.parts.remove(&(times.listed_ms, slot, part));
            times.listed_ms = UNLISTED;
            // An empty tree keeps a node.
            if self.parts.is_empty() {
                self.parts = BTreeSet::new();
            }
        }
    }

    #[cold]
    fn list_at(&mut self, slot: SlotId, part: u32, expires: &mut PartExpires, at_ms: u64) {
        let Some(times) = &mut expires.0 else { return };
        if times.listed_ms != UNLISTED {
            self.parts.remove(&(times.listed_ms, slot, part));
        }
        times.listed_ms = at_ms;
        self.parts.insert((at_ms, slot, part));
    }

    /// The number of parts that are listed.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.parts.len()
    }

    /// True when the part is listed where it says.
    #[cfg(test)]
    pub(crate) fn has(&self, slot: SlotId, part: u32, expires: &PartExpires) -> bool {
        self.parts.contains(&(expires.listed_ms(), slot, part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn all(expires: &PartExpires) -> Vec<(u64, u16)> {
        (0..expires.len()).map(|index| expires.get(index).unwrap()).map(|due| (due.at_ms, due.tag)).collect()
    }

    #[test]
    fn times_stay_sorted_and_exact_while_they_come_and_go() {
        let (mut expires, mut model, mut random) = (PartExpires::default(), Vec::new(), Random::new(3));
        for step in 0..if cfg!(miri) { 300 } else { 20_000 } {
            let grow = random.below(10) < if step % 4000 < 2000 { 7 } else { 3 };
            if grow || model.is_empty() {
                let time = (random.bits() % 50, (random.bits() % 4) as u16);
                expires.add(time.0, time.1);
                model.push(time);
            } else {
                let (at_ms, tag) = model.swap_remove(random.below(model.len()));
                expires.remove(at_ms, tag);
            }
            if step % 64 == 0 {
                model.sort_unstable();
                assert_eq!(all(&expires), model);
            }
        }
    }

    #[test]
    fn times_that_do_not_fit_come_last_and_can_be_removed() {
        let mut expires = PartExpires::default();
        for at_ms in [u64::MAX, TIME_MS_MAX, TIME_MS_MAX - 1, TIME_MS_MAX + 1] {
            expires.add(at_ms, 7);
        }
        assert_eq!(expires.get(0), Some(Due { at_ms: TIME_MS_MAX - 1, tag: 7 }));
        for at_ms in [u64::MAX, TIME_MS_MAX - 1, TIME_MS_MAX + 1, TIME_MS_MAX] {
            expires.remove(at_ms, 7);
        }
        assert_eq!(expires.len(), 0);
    }

    #[test]
    fn memory_follows_the_number_of_times() {
        let mut expires = PartExpires::default();
        assert!(size_of::<PartExpires>() == 8 && expires.memory_bytes() == 0);
        for count in 1..=4096 {
            expires.add(count, 0);
            assert!(expires.memory_bytes() <= 88 + count as usize * 10, "{count}");
        }
        (1..=4090).for_each(|count| expires.remove(count, 0));
        assert!(expires.memory_bytes() < 400, "{}", expires.memory_bytes());
    }

    #[test]
    fn a_part_is_listed_for_its_first_time_or_earlier_and_once() {
        let (mut agenda, mut expires, slot) = (Agenda::default(), PartExpires::default(), SlotId::new(5));
        for (at_ms, first_ms) in [(700, 700), (800, 700), (600, 600)] {
            expires.add(at_ms, 1);
            agenda.list(slot, 2, &mut expires);
            assert_eq!((agenda.first(), agenda.len()), (Some((first_ms, slot, 2)), 1));
        }
        expires.remove(600, 1);
        assert_eq!(agenda.first(), Some((600, slot, 2)), "the list is a lower bound");
        agenda.correct(slot, 2, &mut expires, 0);
        assert_eq!((agenda.first(), agenda.len()), (Some((700, slot, 2)), 1));
        agenda.correct(slot, 2, &mut expires, 750);
        assert_eq!(agenda.first(), Some((750, slot, 2)), "put off");
        expires.remove(700, 1);
        expires.remove(800, 1);
        agenda.correct(slot, 2, &mut expires, 0);
        assert_eq!((agenda.first(), expires.memory_bytes()), (None, 0));
    }
}
