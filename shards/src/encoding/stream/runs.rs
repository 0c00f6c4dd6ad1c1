//! A sorted map in runs: short sorted arrays, in a ring of their own. It holds the blocks of a stream and the
//! pending entries of its groups, whose keys nearly always come in ascending order and go from the front.
//!
//! What is appended in order fills its run to the last place, so an element costs its own bytes and next to
//! nothing else, where a B-tree stays half empty. A single element is two allocations of its own size.
//! Finding is two binary searches. No step is long: inserting and removing move at most a run, and the ring
//! holds a `1/RUN_LEN_MAX` of the elements. The file must not know what it holds.

use std::collections::VecDeque;
use std::ops::{Bound, RangeBounds};

/// Elements of a full run. Removing from the front of a run moves the rest of it, so runs are short; 64 of 40
/// bytes are moved in less time than a miss of the cache takes.
const RUN_LEN_MAX: usize = 64;
/// Neighbours that have no more than this together become one run, so that runs are a quarter full at least
/// on average, however elements are removed.
const MERGED_LEN_MAX: usize = RUN_LEN_MAX / 2;

/// A sorted map from `K` to `V`.
#[derive(Clone, Debug)]
pub(super) struct Runs<K, V> {
    /// No run is empty, and all keys of a run are less than those of the next.
    runs: VecDeque<Vec<(K, V)>>,
    len: usize,
    /// Elements that the runs have room for.
    room: usize,
}

/// Where an element is, or would be. Valid until the next change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct RunPlace {
    run: usize,
    at: usize,
}

impl<K, V> Default for Runs<K, V> {
    fn default() -> Runs<K, V> {
        Runs { runs: VecDeque::new(), len: 0, room: 0 }
    }
}

impl<K: Ord + Copy, V> Runs<K, V> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Bytes of memory held, without what values point to.
    pub(super) fn memory_bytes(&self) -> usize {
        self.room * size_of::<(K, V)>() + self.runs.capacity() * size_of::<Vec<(K, V)>>()
    }

    pub(super) fn get(&self, key: K) -> Option<&V> {
        let place = self.find(key).ok()?;
        Some(&self.runs[place.run][place.at].1)
    }

    pub(super) fn get_mut(&mut self, key: K) -> Option<&mut V> {
        let place = self.find(key).ok()?;
        Some(&mut self.runs[place.run][place.at].1)
    }

    pub(super) fn first(&self) -> Option<&(K, V)> {
        self.runs.front()?.first()
    }

    pub(super) fn first_mut(&mut self) -> Option<(K, &mut V)> {
        self.runs.front_mut()?.first_mut().map(|(key, value)| (*key, value))
    }

    pub(super) fn last(&self) -> Option<&(K, V)> {
        self.runs.back()?.last()
    }

    pub(super) fn last_mut(&mut self) -> Option<(K, &mut V)> {
        self.runs.back_mut()?.last_mut().map(|(key, value)| (*key, value))
    }

    /// The element with the greatest key that is at most `key`.
    pub(super) fn floor_mut(&mut self, key: K) -> Option<(K, &mut V)> {
        let place = match self.find(key) {
            Ok(place) => place,
            Err(place) => self.before(place)?,
        };
        let (key, value) = &mut self.runs[place.run][place.at];
        Some((*key, value))
    }

    /// The greatest key that is at most `key`.
    pub(super) fn floor_key(&self, key: K) -> Option<K> {
        let place = match self.find(key) {
            Ok(place) => place,
            Err(place) => self.before(place)?,
        };
        Some(self.runs[place.run][place.at].0)
    }

    /// Inserts an element and returns the value that the key had.
    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let place = match self.find(key) {
            Ok(place) => return Some(std::mem::replace(&mut self.runs[place.run][place.at].1, value)),
            Err(place) => self.make_room(place),
        };
        let run = &mut self.runs[place.run];
        if run.len() == run.capacity() {
            // Doubling by hand: a vector's own growth starts at four elements and passes the limit.
            let more = run.len().clamp(1, RUN_LEN_MAX - run.len());
            run.reserve_exact(more);
            self.room += more;
        }
        run.insert(place.at, (key, value));
        self.len += 1;
        None
    }

    /// Removes an element and returns its value.
    pub(super) fn remove(&mut self, key: K) -> Option<V> {
        let place = self.find(key).ok()?;
        let run = &mut self.runs[place.run];
        let (_, value) = run.remove(place.at);
        self.len -= 1;
        if run.is_empty() {
            self.room -= run.capacity();
            self.runs.remove(place.run);
        } else {
            self.merge_around(place.run);
        }
        if self.runs.len() * 4 < self.runs.capacity() {
            self.runs.shrink_to(self.runs.len() * 2);
        }
        Some(value)
    }

    /// Takes out the last run of elements. None when none are left.
    pub(super) fn pop_run(&mut self) -> Option<Vec<(K, V)>> {
        let run = self.runs.pop_back()?;
        self.room -= run.capacity();
        self.len -= run.len();
        if self.runs.is_empty() {
            self.runs = VecDeque::new();
        }
        Some(run)
    }

    /// Drops `budget` elements and up to a run more, and returns how many. Zero when none are left.
    pub(super) fn free_some(&mut self, budget: usize) -> usize {
        let mut freed = 0;
        while freed < budget {
            let Some(run) = self.pop_run() else { break };
            freed += run.len();
        }
        freed
    }

    /// The elements with keys in `range`, from both ends. An empty range if its ends are the wrong way round.
    pub(super) fn range(&self, range: impl RangeBounds<K>) -> Iter<'_, K, V> {
        let place = |found: Result<RunPlace, RunPlace>, behind: bool| match found {
            Ok(place) if behind => RunPlace { at: place.at + 1, ..place },
            Ok(place) | Err(place) => place,
        };
        let front = match range.start_bound() {
            Bound::Included(&key) => place(self.find(key), false),
            Bound::Excluded(&key) => place(self.find(key), true),
            Bound::Unbounded => RunPlace { run: 0, at: 0 },
        };
        let back = match range.end_bound() {
            Bound::Included(&key) => place(self.find(key), true),
            Bound::Excluded(&key) => place(self.find(key), false),
            Bound::Unbounded => RunPlace { run: self.runs.len(), at: 0 },
        };
        Iter { runs: &self.runs, front, back: back.max(front) }
    }

    pub(super) fn iter(&self) -> Iter<'_, K, V> {
        self.range(..)
    }

    /// Where `key` is, or where it belongs: never before a run's first element, unless it is the first of
    /// all.
    fn find(&self, key: K) -> Result<RunPlace, RunPlace> {
        // Keys come at the end and go from the front, so those runs are asked first.
        let begins_by = |run: &Vec<(K, V)>| run[0].0 <= key;
        let run = match self.runs.len() {
            0 | 1 => 0,
            len if begins_by(&self.runs[len - 1]) => len - 1,
            _ if !begins_by(&self.runs[1]) => 0,
            _ => self.runs.partition_point(begins_by) - 1,
        };
        let Some(elements) = self.runs.get(run) else { return Err(RunPlace { run: 0, at: 0 }) };
        match elements.last() {
            Some((greatest, _)) if *greatest < key => Err(RunPlace { run, at: elements.len() }),
            _ => match elements.binary_search_by(|(other, _)| other.cmp(&key)) {
                Ok(at) => Ok(RunPlace { run, at }),
                Err(at) => Err(RunPlace { run, at }),
            },
        }
    }

    fn before(&self, place: RunPlace) -> Option<RunPlace> {
        match (place.run, place.at) {
            (run, at @ 1..) => Some(RunPlace { run, at: at - 1 }),
            (0, 0) => None,
            (run, 0) => Some(RunPlace { run: run - 1, at: self.runs[run - 1].len() - 1 }),
        }
    }

    /// Makes sure that one more element fits at `place`, and returns where it goes.
    fn make_room(&mut self, place: RunPlace) -> RunPlace {
        let Some(run) = self.runs.get_mut(place.run) else {
            self.runs.reserve_exact(1);
            self.runs.push_back(Vec::new());
            return place;
        };
        if run.len() < RUN_LEN_MAX {
            return place;
        }
        // A run that is appended to stays full; any other is halved.
        if place.at == run.len() {
            self.runs.insert(place.run + 1, Vec::new());
            return RunPlace { run: place.run + 1, at: 0 };
        }
        let half = run.split_off(RUN_LEN_MAX / 2);
        self.room += half.capacity();
        self.runs.insert(place.run + 1, half);
        match place.at.checked_sub(RUN_LEN_MAX / 2) {
            Some(at) if at > 0 => RunPlace { run: place.run + 1, at },
            _ => place,
        }
    }

    /// Joins `run` with a neighbour if both together are short.
    fn merge_around(&mut self, run: usize) {
        let len = |index: usize| self.runs.get(index).map_or(RUN_LEN_MAX, Vec::len);
        let into = if len(run) + len(run + 1) <= MERGED_LEN_MAX {
            run
        } else if run > 0 && len(run - 1) + len(run) <= MERGED_LEN_MAX {
            run - 1
        } else {
            return;
        };
        let mut joined = self.runs.remove(into + 1).expect("a neighbour has a length");
        let run = &mut self.runs[into];
        self.room -= joined.capacity() + run.capacity();
        run.reserve_exact(joined.len());
        run.append(&mut joined);
        run.shrink_to_fit();
        self.room += run.capacity();
    }

    /// Panics if an invariant is broken.
    #[cfg(test)]
    pub(super) fn check(&self) {
        let elements: Vec<&(K, V)> = self.runs.iter().flatten().collect();
        assert_eq!(elements.len(), self.len);
        assert!(elements.is_sorted_by(|a, b| a.0 < b.0), "keys are in order");
        assert!(self.runs.iter().all(|run| (1..=RUN_LEN_MAX).contains(&run.len())));
        assert_eq!(self.runs.iter().map(Vec::capacity).sum::<usize>(), self.room);
    }
}

/// Elements in the order of their keys.
#[derive(Clone, Debug)]
pub(super) struct Iter<'a, K, V> {
    runs: &'a VecDeque<Vec<(K, V)>>,
    front: RunPlace,
    /// Behind the last element.
    back: RunPlace,
}

impl<K, V> Iter<'_, K, V> {
    /// Leaves out all that is left.
    pub(super) fn end(&mut self) {
        self.front = self.back;
    }
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = &'a (K, V);

    fn next(&mut self) -> Option<&'a (K, V)> {
        if self.front < self.back && self.front.at == self.runs[self.front.run].len() {
            self.front = RunPlace { run: self.front.run + 1, at: 0 };
        }
        if self.front >= self.back {
            return None;
        }
        let element = &self.runs[self.front.run][self.front.at];
        self.front.at += 1;
        Some(element)
    }
}

impl<K, V> DoubleEndedIterator for Iter<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front < self.back && self.front.at == self.runs[self.front.run].len() {
            self.front = RunPlace { run: self.front.run + 1, at: 0 };
        }
        if self.front >= self.back {
            return None;
        }
        if self.back.at == 0 {
            let run = self.back.run - 1;
            self.back = RunPlace { run, at: self.runs[run].len() };
        }
        self.back.at -= 1;
        Some(&self.runs[self.back.run][self.back.at])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::random::Random;

    #[test]
    #[cfg_attr(miri, ignore = "minutes, and no other bytes than in smaller tests")]
    fn what_comes_in_order_fills_its_runs() {
        let mut runs = Runs::default();
        for key in 0..10_000u64 {
            assert_eq!(runs.insert(key, ()), None);
        }
        runs.check();
        let bytes = runs.memory_bytes();
        assert!(bytes < 10_000 * (8 + 1), "{bytes} bytes");
        for key in 0..9_990 {
            assert_eq!(runs.remove(key), Some(()));
        }
        runs.check();
        assert!(runs.memory_bytes() < 2_000, "{} bytes", runs.memory_bytes());
    }

    #[test]
    fn few_elements_take_little_memory() {
        let mut runs = Runs::default();
        runs.insert(1u64, 1u64);
        assert_eq!(runs.memory_bytes(), 16 + 24);
        runs.remove(1);
        assert_eq!(runs.memory_bytes(), 0);
    }

    #[test]
    fn random_removals_leave_no_crowd_of_short_runs() {
        let mut random = Random::new(3);
        let mut runs: Runs<usize, ()> = Runs::default();
        let keys = if cfg!(miri) { 2_000 } else { 64_000 };
        for key in 0..keys {
            runs.insert(key, ());
        }
        for key in 0..keys {
            if !random.one_in(50) {
                runs.remove(key);
            }
        }
        runs.check();
        assert!(runs.runs.len() <= 2 * runs.len() / MERGED_LEN_MAX + 2, "{} runs", runs.runs.len());
    }

    #[test]
    fn freeing_takes_steps_of_the_budget() {
        let mut runs = Runs::default();
        for key in 0..1000u64 {
            runs.insert(key, key);
        }
        assert_eq!(runs.free_some(100), 40 + 64, "1000 are 15 full runs and one of 40");
        runs.check();
        while runs.free_some(100) > 0 {}
        assert_eq!(runs.len(), 0);
        runs.check();
    }

    #[test]
    fn a_random_history_agrees_with_a_btree_map() {
        for seed in 0..if cfg!(miri) { 2 } else { 40 } {
            let mut random = Random::new(seed);
            let keys = [10, 300, 3000][seed as usize % 3];
            let (mut runs, mut model) = (Runs::default(), BTreeMap::new());
            for step in 0..4000 {
                let key = random.below(keys);
                if random.below(8) < [5, 3][step / 1000 % 2] {
                    assert_eq!(runs.insert(key, step), model.insert(key, step), "seed {seed}");
                } else {
                    assert_eq!(runs.remove(key), model.remove(&key), "seed {seed}");
                }
                assert_eq!(runs.get(key), model.get(&key), "seed {seed}");
                assert_eq!(runs.floor_key(key), model.range(..=key).next_back().map(|(key, _)| *key));
                if step % 50 == 0 {
                    runs.check();
                    let (a, b) = (random.below(keys), random.below(keys));
                    let found: Vec<_> = runs.range(a..b).copied().collect();
                    let expected: Vec<_> = match a < b {
                        true => model.range(a..b).map(|(key, value)| (*key, *value)).collect(),
                        false => Vec::new(),
                    };
                    assert_eq!(found, expected, "seed {seed} {a}..{b}");
                    let back: Vec<_> =
                        runs.range((Bound::Excluded(a), Bound::Unbounded)).rev().copied().collect();
                    let expected: Vec<_> =
                        model.range(a + 1..).rev().map(|(key, value)| (*key, *value)).collect();
                    assert_eq!(back, expected, "seed {seed} {a}..");
                    let mut both = runs.iter();
                    let met =
                        std::iter::from_fn(|| both.next().and_then(|a| Some((a.0, both.next_back()?.0))));
                    let keys: Vec<usize> = model.keys().copied().collect();
                    let expected = keys.iter().copied().zip(keys.iter().rev().copied()).take(keys.len() / 2);
                    assert!(met.eq(expected), "seed {seed}");
                }
            }
        }
    }
}
