//! A set of byte strings of any number: what is behind a large set.
//!
//! This file must not know pages.

use super::records::MemberRecord;
use super::remains::Remains;
use super::table::Table;

/// Byte strings, each once. Every method that looks for a member is given the same keyed hash.
#[derive(Clone, Debug, Default)]
pub struct Members {
    table: Table<MemberRecord>,
}

impl Members {
    /// An empty set, prepared for so many members with so many bytes in all. Bounded: what is announced may
    /// be wrong.
    pub fn with_capacity(members: usize, bytes: usize) -> Members {
        let mut table = Table::default();
        table.reserve(members, bytes);
        Members { table }
    }

    /// The number of members.
    #[inline]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// No member at all.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it is a member. `hash` is that of `member`.
    #[inline]
    pub fn contains(&self, hash: u64, member: &[u8]) -> bool {
        self.table.find(hash, member).is_some()
    }

    /// Adds a member, and says whether it is new.
    pub fn insert(&mut self, member: &[u8], hash_of: impl Fn(&[u8]) -> u64) -> bool {
        let hash = hash_of(member);
        if self.table.find(hash, member).is_some() {
            return false;
        }
        self.table.insert(hash, [member, b"", b""], hash_of);
        true
    }

    /// Removes a member, and says whether it was one.
    pub fn remove(&mut self, member: &[u8], hash_of: impl Fn(&[u8]) -> u64) -> bool {
        match self.table.find(hash_of(member), member) {
            None => false,
            Some(place) => {
                self.table.remove(place, hash_of);
                true
            }
        }
    }

    /// All members, in no order that a caller may rely on.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.table.iter()
    }

    /// Visits some members from `cursor` on: at least `budget` (0 means 1) and at most some dozen more,
    /// unless it comes to the end. Returns the next cursor. 0 is where a scan begins, and when it comes back
    /// the scan is over.
    ///
    /// A member that is there during a whole scan is visited whatever happens to others meanwhile. It may be
    /// visited twice when many are removed meanwhile (Redis: `dictScan`). Any number is a valid cursor.
    pub fn scan(&self, cursor: u64, budget: usize, visit: impl FnMut(&[u8])) -> u64 {
        self.table.scan(cursor, budget, visit)
    }

    /// A member drawn by chance; `random` gives uniform numbers. All are equally likely but for one page in
    /// ten thousand, whose members are drawn some percent too rarely, and unless the set was prepared for
    /// hundreds of times as many as it has.
    pub fn random(&self, random: &mut impl FnMut() -> u64) -> Option<&[u8]> {
        Some(self.table.get(self.table.random(random)?))
    }

    /// Removes a member drawn as by [`Members::random`], after `take` has seen it.
    pub fn pop_random<T>(
        &mut self,
        random: &mut impl FnMut() -> u64,
        hash_of: impl Fn(&[u8]) -> u64,
        take: impl FnOnce(&[u8]) -> T,
    ) -> Option<T> {
        let place = self.table.random(random)?;
        let taken = take(self.table.get(place));
        self.table.remove(place, hash_of);
        Some(taken)
    }

    /// Bytes of memory, as asked of the allocator. Constant time.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Members>() + self.table.memory_bytes()
    }

    /// Takes the set apart, so that a large one can be freed in steps.
    pub fn into_remains(self) -> Remains {
        Remains::of_members(self.table)
    }

    /// Panics unless all is in its place.
    #[cfg(test)]
    pub(super) fn check(&self, hash_of: impl Fn(&[u8]) -> u64) {
        self.table.check(hash_of);
    }
}
