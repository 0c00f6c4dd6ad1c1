//! Sets made at once: from records in order, and from records of several sources in any order.

use super::SortedSet;
use super::index::{Index, leading};
use super::run::{Key, Run};
use super::tree::{LEAF_BYTES_MAX, LEAF_RECORDS_MAX, Tree};

/// Records of a leaf that is built: some room is left for what is inserted later.
const BUILT_RECORDS_MAX: usize = LEAF_RECORDS_MAX * 7 / 8;

/// Builds a set from records in ascending order.
#[derive(Debug, Default)]
pub struct Builder {
    tree: Tree,
    index: Index,
    /// The leaf that is being filled.
    run: Run,
    len: usize,
}

impl Builder {
    /// Appends a member. It must come after all that were appended: by score, then by bytes. False if it does
    /// not, and then it is not appended, so that foreign input can be checked. That no member comes twice is
    /// not checked.
    pub fn push(&mut self, hash: u64, member: &[u8], score: f64) -> bool {
        debug_assert!(!score.is_nan(), "a score is a place in an order");
        let key = Key { score, member };
        let before = match self.run.len() {
            0 if self.len == 0 => None,
            0 => unreachable!("a new leaf is begun with its first record"),
            len => Some(self.run.key(len - 1)),
        };
        if before.is_some_and(|before| !before.is_less(&key)) {
            return false;
        }
        let len = self.run.len();
        if len == BUILT_RECORDS_MAX || (len > 0 && self.run.member_bytes() + member.len() > LEAF_BYTES_MAX) {
            self.end_leaf();
        }
        self.run.insert(self.run.len(), &key, leading(hash));
        self.len += 1;
        true
    }

    fn end_leaf(&mut self) {
        let leaf = self.tree.append_leaf(std::mem::take(&mut self.run));
        for hash in self.tree.leaf(leaf).run.hashes() {
            self.index.insert(hash, leaf);
        }
    }

    /// The set.
    pub fn finish(mut self) -> SortedSet {
        self.end_leaf();
        self.tree.finish();
        SortedSet { tree: self.tree, index: self.index, len: self.len }
    }
}

/// Collects members in any order, finds those that it already has, and makes a set of all at the end. Faster
/// than inserting into a set, because the order is made once (ZUNIONSTORE, and sources that are not sorted).
#[derive(Debug, Default)]
pub struct Union {
    index: Index,
    records: Vec<Record>,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    score: f64,
    hash: u32,
    len: u32,
    start: usize,
}

impl Union {
    /// The score of a member, to be read and changed. `None` for one that is new, and is now in with `score`.
    pub fn add(&mut self, hash: u64, member: &[u8], score: f64) -> Option<&mut f64> {
        let hash = leading(hash);
        let found = self.index.find(hash, |number| {
            let record = &self.records[number as usize];
            (member_of(&self.bytes, record) == member).then_some(number)
        });
        if let Some(number) = found {
            return Some(&mut self.records[number as usize].score);
        }
        let number = u32::try_from(self.records.len()).expect("memory ends before 2^32 records");
        self.index.insert(hash, number);
        let (len, start) = (member.len() as u32, self.bytes.len());
        self.records.push(Record { score, hash, len, start });
        self.bytes.extend_from_slice(member);
        None
    }

    /// The number of members.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// No member at all.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The set of all members.
    pub fn finish(mut self) -> SortedSet {
        self.index = Index::default();
        let bytes = self.bytes;
        let key = |record: &Record| Key { score: record.score, member: member_of(&bytes, record) };
        self.records.sort_unstable_by(|left, right| key(left).compare(&key(right)));
        let mut builder = Builder::default();
        for record in &self.records {
            let in_order =
                builder.push(u64::from(record.hash) << 32, member_of(&bytes, record), record.score);
            assert!(in_order, "just sorted");
        }
        builder.finish()
    }
}

fn member_of<'a>(bytes: &'a [u8], record: &Record) -> &'a [u8] {
    &bytes[record.start..record.start + record.len as usize]
}
