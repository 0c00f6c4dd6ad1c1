//! When the fields of a hash end: (time, hash of the field) in order, counted.
//!
//! Sorted runs of up to [`RUN_LEN_MAX`] elements in a B-tree: 16 bytes an element and little more, and to
//! count the elements up to a time takes a step for each run, not for each element. This file must not know
//! fields.

use std::collections::BTreeMap;

/// The time in milliseconds since 1970, and the hash.
pub(super) type FieldEnding = (u64, u64);

/// Elements of a run. An insert moves up to so many.
const RUN_LEN_MAX: usize = 256;

/// The endings, in order; equal ones as often as they were added.
#[derive(Clone, Debug, Default)]
pub(super) struct ExpireIndex {
    /// None is empty. All elements of a run are its key or more, and less than the key of the next one.
    runs: BTreeMap<FieldEnding, Vec<FieldEnding>>,
    len: usize,
}

impl ExpireIndex {
    /// The number of endings.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The first ending.
    #[inline]
    pub(super) fn first(&self) -> Option<FieldEnding> {
        self.runs.first_key_value()?.1.first().copied()
    }

    /// The last ending.
    pub(super) fn last(&self) -> Option<FieldEnding> {
        self.runs.last_key_value()?.1.last().copied()
    }

    /// The number of endings before `now_ms`.
    pub(super) fn count_before(&self, now_ms: u64) -> usize {
        let begun = self.runs.values().take_while(|run| run.first().is_some_and(|first| first.0 < now_ms));
        let counts = begun.map(|run| match run.last() {
            Some(last) if last.0 >= now_ms => run.partition_point(|ending| ending.0 < now_ms),
            _ => run.len(),
        });
        counts.sum()
    }

    /// Adds an ending.
    pub(super) fn add(&mut self, ending: FieldEnding) {
        self.len += 1;
        let Some((_, run)) = self.runs.range_mut(..=ending).next_back() else {
            // Nothing is before it, and with the smallest key nothing ever will be.
            self.runs.insert((0, 0), vec![ending]);
            return;
        };
        let at = run.partition_point(|other| *other <= ending);
        run.insert(at, ending);
        if run.len() <= RUN_LEN_MAX {
            return;
        }
        // Times mostly come in ascending order: then the run that is left is a full one.
        let middle = if at + 1 == run.len() { at } else { run.len() / 2 };
        let split_at = (middle..run.len()).find(|&at| run[at - 1] != run[at]);
        if let Some(split_at) = split_at {
            let behind = run.split_off(split_at);
            run.shrink_to_fit();
            self.runs.insert(behind[0], behind);
        }
    }

    /// Removes an ending that is there.
    pub(super) fn remove(&mut self, ending: FieldEnding) {
        let (&key, run) =
            self.runs.range_mut(..=ending).next_back().expect("every time of a field is in the index");
        let at = run.binary_search(&ending).expect("every time of a field is in its run");
        run.remove(at);
        self.len -= 1;
        if run.is_empty() {
            self.runs.remove(&key);
        }
    }

    /// Frees a run, and says whether there was one.
    pub(super) fn free_run(&mut self) -> bool {
        let run = self.runs.pop_first();
        self.len -= run.as_ref().map_or(0, |(_, run)| run.len());
        run.is_some()
    }

    /// Bytes of memory, by estimate: runs are from half full to full, and so are nodes of the tree.
    pub(super) fn memory_bytes(&self) -> usize {
        let run_bytes = (size_of::<FieldEnding>() + size_of::<Vec<FieldEnding>>()) * 3 / 2;
        self.len * size_of::<FieldEnding>() * 5 / 4 + self.runs.len() * run_bytes
    }

    /// All endings, in order.
    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = FieldEnding> {
        for (key, run) in &self.runs {
            assert!(!run.is_empty() && run.is_sorted() && run[0] >= *key, "a run that begins before its key");
        }
        self.runs.values().flatten().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn endings_stay_sorted_and_counted_while_they_come_and_go() {
        for (seed, times) in [(1, 40), (2, 100_000)] {
            let (mut index, mut model, mut random) = (ExpireIndex::default(), Vec::new(), Random::new(seed));
            let steps = if cfg!(miri) { 2_000 } else { 40_000 };
            for step in 0..steps {
                let grow = random.below(10) < if step % 10_000 < 6_000 { 8 } else { 2 };
                if grow || model.is_empty() {
                    let at_ms = if random.one_in(2) { step as u64 } else { random.bits() % times };
                    let ending = (at_ms, random.bits() % 4);
                    index.add(ending);
                    model.push(ending);
                } else {
                    index.remove(model.swap_remove(random.below(model.len())));
                }
                if step % 512 == 0 {
                    model.sort_unstable();
                    assert_eq!(index.iter().collect::<Vec<_>>(), model);
                    let now_ms = random.bits() % times;
                    let count = model.iter().filter(|ending| ending.0 < now_ms).count();
                    assert_eq!(index.count_before(now_ms), count);
                    let ends = (model.first().copied(), model.last().copied());
                    assert_eq!((index.len(), index.first(), index.last()), (model.len(), ends.0, ends.1));
                }
            }
            while index.free_run() {}
            assert_eq!((index.len(), index.first()), (0, None));
        }
    }

    #[test]
    fn times_in_ascending_order_fill_their_runs() {
        let mut index = ExpireIndex::default();
        (0..100 * RUN_LEN_MAX as u64).for_each(|at_ms| index.add((at_ms, 7)));
        assert_eq!(index.runs.len(), 100);
    }
}
