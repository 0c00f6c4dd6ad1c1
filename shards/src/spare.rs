//! Memory that is kept for its next use, and its bound: what one large command has needed does not stay.
//!
//! Queues, buffers and tables that live as long as their worker keep their memory when they become empty, so
//! that the usual turn allocates nothing. Whoever owns one trims it when the unusual turn is over: in the
//! cron of the worker, or where the memory is put aside.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, Hash};

/// What one queue, buffer or table may keep while it does not need it, in bytes: more than a turn of a busy
/// worker needs, and with some dozens of them about a megabyte for each worker.
pub const SPARE_BYTES_MAX: usize = 64 << 10;

/// One with room for this many times its content has memory to spare. Less would be given back and asked for
/// again in turns.
const SPARE_PART_MIN: usize = 4;

/// What can give back memory that it does not need.
pub trait Trim {
    /// Gives back what is over [`SPARE_BYTES_MAX`] and has not been needed lately. Takes time in proportion
    /// to what is in use, and only when it has become a quarter of what was.
    fn trim(&mut self);
}

/// The new capacity of something with so many elements of so many bytes, if it is to change.
fn trimmed(len: usize, capacity: usize, element_bytes: usize) -> Option<usize> {
    let is_sparse = len <= capacity / SPARE_PART_MIN;
    let spare_bytes = (capacity - len) * element_bytes;
    (is_sparse && spare_bytes > SPARE_BYTES_MAX).then_some(2 * len)
}

impl<T> Trim for Vec<T> {
    #[inline]
    fn trim(&mut self) {
        if let Some(capacity) = trimmed(self.len(), self.capacity(), size_of::<T>()) {
            self.shrink_to(capacity);
        }
    }
}

impl<T> Trim for VecDeque<T> {
    #[inline]
    fn trim(&mut self) {
        if let Some(capacity) = trimmed(self.len(), self.capacity(), size_of::<T>()) {
            self.shrink_to(capacity);
        }
    }
}

impl<K: Eq + Hash, V, S: BuildHasher> Trim for HashMap<K, V, S> {
    #[inline]
    fn trim(&mut self) {
        if let Some(capacity) = trimmed(self.len(), self.capacity(), size_of::<(K, V)>()) {
            self.shrink_to(capacity);
        }
    }
}

impl<K: Eq + Hash, S: BuildHasher> Trim for HashSet<K, S> {
    #[inline]
    fn trim(&mut self) {
        if let Some(capacity) = trimmed(self.len(), self.capacity(), size_of::<K>()) {
            self.shrink_to(capacity);
        }
    }
}

/// The entries that an emptied table keeps room for.
const SPARE_ENTRIES: usize = 16;

/// Gives the memory of a table back that is less than a quarter full, so that many entries leave nothing
/// behind when they have gone. Called after each removal it moves every entry a few times at most.
pub fn shrink_emptied<K: Eq + Hash, V, S: BuildHasher>(table: &mut HashMap<K, V, S>) {
    if table.capacity() > 2 * SPARE_ENTRIES && table.len() < table.capacity() / 4 {
        table.shrink_to(table.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_burst_has_needed_is_given_back_and_the_content_stays() {
        let mut list: Vec<u64> = (0..1_000_000).collect();
        list.trim();
        assert!(list.capacity() >= 1_000_000);
        list.truncate(100);
        list.trim();
        assert!(list.capacity() * 8 <= SPARE_BYTES_MAX && list.iter().copied().eq(0..100));
        let mut queue: VecDeque<u64> = (0..1_000_000).collect();
        queue.drain(..999_900);
        queue.trim();
        assert!(queue.capacity() * 8 <= SPARE_BYTES_MAX && queue.iter().copied().eq(999_900..1_000_000));
        let mut table: HashMap<u64, u64> = (0..1_000_000).map(|number| (number, number)).collect();
        table.retain(|&number, _| number < 100);
        table.trim();
        assert!(table.capacity() * 16 <= SPARE_BYTES_MAX && (0..100).all(|number| table[&number] == number));
    }

    #[test]
    fn what_is_within_the_bound_stays() {
        let mut list: Vec<u8> = Vec::with_capacity(SPARE_BYTES_MAX);
        list.trim();
        assert_eq!(list.capacity(), SPARE_BYTES_MAX);
    }

    #[test]
    fn entries_that_have_gone_leave_no_memory_behind() {
        let mut names: HashMap<String, ()> = HashMap::new();
        let name = |number: usize| number.to_string();
        (0..10_000).for_each(|number| _ = names.insert(name(number), ()));
        for number in 0..10_000 {
            names.remove(&name(number));
            shrink_emptied(&mut names);
            assert!(names.capacity() <= (names.len() * 8).max(8 * SPARE_ENTRIES), "{}", names.len());
        }
        assert!(names.capacity() <= 2 * SPARE_ENTRIES);
    }
}
