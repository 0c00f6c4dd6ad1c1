//! The lock table of one shard: which keys transactions hold or await, and who waits for them.
//!
//! Keys are known by a 64-bit fingerprint: two keys with the same one merely wait for each other without need
//! (as in Ren et al., "Very Lightweight Locking", VLDB 2013). The table is empty while no transaction over several
//! shards is under way, and then costs single-key commands one comparison.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::TxId;

/// A key in the lock table: the keyed hash, mixed with the database.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Fingerprint(pub u64);

/// What [`LockTable::request`] answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// All locks are held.
    Granted,
    /// An earlier transaction is in the way; [`LockTable::next_granted`] will name this one later.
    Waiting,
    /// A later transaction already holds a lock in conflict: waiting for it could close a circle.
    Refused,
}

/// What a transaction locks on this shard.
#[derive(Clone, Debug)]
pub enum Scope {
    /// These keys; `true` for those that it may write. No fingerprint twice.
    Keys(Vec<(Fingerprint, bool)>),
    /// Everything.
    Whole,
}

impl Scope {
    /// The scope of these keys; a key that appears twice is locked once, to be written if either is.
    pub fn keys(mut keys: Vec<(Fingerprint, bool)>) -> Scope {
        keys.sort_unstable_by_key(|&(key, write)| (key, !write));
        keys.dedup_by_key(|&mut (key, _)| key);
        Scope::Keys(keys)
    }

    fn conflicts(&self, other: &Scope) -> bool {
        match (self, other) {
            (Scope::Whole, _) | (_, Scope::Whole) => true,
            (Scope::Keys(mine), Scope::Keys(theirs)) => mine.iter().any(|&(key, write)| {
                let found = theirs.binary_search_by_key(&key, |&(key, _)| key);
                found.is_ok_and(|index| write || theirs[index].1)
            }),
        }
    }
}

struct Holder {
    scope: Scope,
    granted: bool,
}

/// Granted locks and parked commands of one key.
struct KeyState<P> {
    readers: u32,
    writer: bool,
    parked: VecDeque<P>,
}

/// One per shard. `P` is a command that waits for a lock, `S` names the connection that it came from.
pub struct LockTable<P, S> {
    /// All transactions here, by number.
    txns: BTreeMap<TxId, Holder>,
    /// Keys with a granted lock.
    keys: HashMap<Fingerprint, KeyState<P>>,
    /// Commands that wait for a lock on the whole shard.
    parked_whole: VecDeque<P>,
    whole_granted: bool,
    /// For each connection with parked commands: how many, and where the last one waits, so that the next one of
    /// the same connection does not overtake it.
    parked_of: HashMap<S, (u32, Option<Fingerprint>)>,
    /// How many transactions are not granted yet.
    waiting: usize,
}

impl<P, S: std::hash::Hash + Eq + Copy> Default for LockTable<P, S> {
    fn default() -> Self {
        LockTable {
            txns: BTreeMap::new(),
            keys: HashMap::new(),
            parked_whole: VecDeque::new(),
            whole_granted: false,
            parked_of: HashMap::new(),
            waiting: 0,
        }
    }
}

impl<P, S: std::hash::Hash + Eq + Copy> LockTable<P, S> {
    /// True when nobody holds, awaits or waits for anything.
    #[inline]
    pub fn is_idle(&self) -> bool {
        self.txns.is_empty()
    }

    /// The number of transactions that hold or await locks here.
    pub fn transactions(&self) -> usize {
        self.txns.len()
    }

    /// Asks for the locks of a transaction.
    pub fn request(&mut self, txid: TxId, scope: Scope) -> Outcome {
        if self.waiting == 0 && self.nothing_granted_conflicts(&scope) {
            self.txns.insert(txid, Holder { scope, granted: false });
            self.waiting += 1;
            self.grant(txid);
            return Outcome::Granted;
        }
        let later = self.txns.range(txid..).any(|(_, other)| other.granted && other.scope.conflicts(&scope));
        if later {
            return Outcome::Refused;
        }
        let free = !self.txns.range(..txid).any(|(_, other)| other.scope.conflicts(&scope));
        self.txns.insert(txid, Holder { scope, granted: false });
        self.waiting += 1;
        if free {
            self.grant(txid);
            Outcome::Granted
        } else {
            Outcome::Waiting
        }
    }

    /// True when a command on this key must wait.
    pub fn blocks(&self, key: Fingerprint, write: bool) -> bool {
        self.whole_granted
            || self.keys.get(&key).is_some_and(|state| state.writer || (write && state.readers > 0))
    }

    /// Where a command of `source` must wait although its own keys are free: behind the parked commands that came
    /// before it on the same connection.
    pub fn behind(&self, source: S) -> Option<Option<Fingerprint>> {
        self.parked_of.get(&source).map(|&(_, place)| place)
    }

    /// Parks a command until `key` (or, with `None`, the whole shard) is released.
    pub fn park(&mut self, key: Option<Fingerprint>, source: S, command: P) {
        let place = key.filter(|key| self.keys.contains_key(key));
        match place.and_then(|key| self.keys.get_mut(&key)) {
            Some(state) => state.parked.push_back(command),
            None => self.parked_whole.push_back(command),
        }
        let parked = self.parked_of.entry(source).or_insert((0, place));
        *parked = (parked.0 + 1, place);
    }

    /// A parked command has been taken up again.
    pub fn unpark(&mut self, source: S) {
        if let Some(parked) = self.parked_of.get_mut(&source) {
            parked.0 -= 1;
            if parked.0 == 0 {
                self.parked_of.remove(&source);
            }
        }
    }

    /// Ends a transaction, granted or not, and moves the commands that waited for its locks to `freed`, oldest first.
    /// The caller runs them (or parks them again), then asks [`LockTable::next_granted`].
    pub fn release(&mut self, txid: TxId, freed: &mut VecDeque<P>) {
        let Some(holder) = self.txns.remove(&txid) else { return };
        if !holder.granted {
            self.waiting -= 1;
            return;
        }
        match holder.scope {
            Scope::Whole => {
                self.whole_granted = false;
                freed.append(&mut self.parked_whole);
            }
            Scope::Keys(keys) => {
                for (key, write) in keys {
                    let Some(state) = self.keys.get_mut(&key) else { continue };
                    if write {
                        state.writer = false;
                    } else {
                        state.readers -= 1;
                    }
                    freed.append(&mut state.parked);
                    if state.readers == 0 {
                        self.keys.remove(&key);
                    }
                }
                // A command behind another one of its connection may have been parked without a key.
                if !self.whole_granted {
                    freed.append(&mut self.parked_whole);
                }
            }
        }
    }

    /// Grants the next waiting transaction that nothing is in the way of any more.
    pub fn next_granted(&mut self) -> Option<TxId> {
        if self.waiting == 0 {
            return None;
        }
        let free = self.txns.iter().find(|&(&txid, holder)| {
            let mut earlier = self.txns.range(..txid);
            !holder.granted && !earlier.any(|(_, other)| other.scope.conflicts(&holder.scope))
        });
        let txid = *free?.0;
        self.grant(txid);
        Some(txid)
    }

    /// The common case of a request, answered from the keys alone.
    fn nothing_granted_conflicts(&self, scope: &Scope) -> bool {
        match scope {
            Scope::Whole => self.txns.is_empty(),
            Scope::Keys(keys) => !keys.iter().any(|&(key, write)| self.blocks(key, write)),
        }
    }

    fn grant(&mut self, txid: TxId) {
        let Some(holder) = self.txns.get_mut(&txid) else { return };
        holder.granted = true;
        self.waiting -= 1;
        match &holder.scope {
            Scope::Whole => self.whole_granted = true,
            Scope::Keys(keys) => {
                for &(key, write) in keys {
                    let state = self.keys.entry(key).or_insert_with(|| KeyState {
                        readers: 0,
                        writer: false,
                        parked: VecDeque::new(),
                    });
                    if write {
                        state.writer = true;
                    } else {
                        state.readers += 1;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Table = LockTable<&'static str, u32>;

    fn scope(keys: &[(u64, bool)]) -> Scope {
        Scope::keys(keys.iter().map(|&(key, write)| (Fingerprint(key), write)).collect())
    }

    fn released(table: &mut Table, txid: u64) -> Vec<&'static str> {
        let mut freed = VecDeque::new();
        table.release(TxId(txid), &mut freed);
        freed.into()
    }

    #[test]
    fn a_later_transaction_waits_and_an_earlier_one_is_refused() {
        let mut table = Table::default();
        assert_eq!(table.request(TxId(5), scope(&[(1, true)])), Outcome::Granted);
        assert_eq!(table.request(TxId(6), scope(&[(1, false)])), Outcome::Waiting);
        assert_eq!(table.request(TxId(4), scope(&[(1, false)])), Outcome::Refused);
        assert_eq!(table.request(TxId(3), scope(&[(2, true)])), Outcome::Granted);
        assert_eq!(table.next_granted(), None);
        assert!(released(&mut table, 5).is_empty());
        assert_eq!(table.next_granted(), Some(TxId(6)));
        assert_eq!(table.next_granted(), None);
    }

    #[test]
    fn readers_share_and_writers_do_not() {
        let mut table = Table::default();
        assert_eq!(table.request(TxId(1), scope(&[(1, false)])), Outcome::Granted);
        assert_eq!(table.request(TxId(2), scope(&[(1, false)])), Outcome::Granted);
        assert_eq!(table.request(TxId(3), scope(&[(1, true), (1, false)])), Outcome::Waiting);
        assert!(!table.blocks(Fingerprint(1), false));
        assert!(table.blocks(Fingerprint(1), true));
        released(&mut table, 1);
        assert_eq!(table.next_granted(), None);
        released(&mut table, 2);
        assert_eq!(table.next_granted(), Some(TxId(3)));
        assert!(table.blocks(Fingerprint(1), false));
    }

    #[test]
    fn a_transaction_that_only_waits_does_not_hold_up_single_commands() {
        let mut table = Table::default();
        table.request(TxId(1), scope(&[(1, true)]));
        table.request(TxId(2), scope(&[(1, true), (2, true)]));
        assert!(table.blocks(Fingerprint(1), false));
        assert!(!table.blocks(Fingerprint(2), true));
    }

    #[test]
    fn the_whole_shard_conflicts_with_everything() {
        let mut table = Table::default();
        assert_eq!(table.request(TxId(1), scope(&[(1, false)])), Outcome::Granted);
        assert_eq!(table.request(TxId(2), Scope::Whole), Outcome::Waiting);
        assert!(!table.blocks(Fingerprint(9), false));
        assert_eq!(table.request(TxId(3), scope(&[(7, false)])), Outcome::Waiting);
        released(&mut table, 1);
        assert_eq!(table.next_granted(), Some(TxId(2)));
        assert!(table.blocks(Fingerprint(9), false));
        table.park(None, 7, "GET 9");
        assert_eq!(released(&mut table, 2), ["GET 9"]);
        assert_eq!(table.next_granted(), Some(TxId(3)));
    }

    #[test]
    fn parked_commands_come_back_in_order_and_a_connection_cannot_overtake_itself() {
        let mut table = Table::default();
        table.request(TxId(1), scope(&[(1, true)]));
        assert_eq!(table.behind(7), None);
        table.park(Some(Fingerprint(1)), 7, "GET 1");
        assert_eq!(table.behind(7), Some(Some(Fingerprint(1))));
        table.park(Some(Fingerprint(1)), 7, "GET 2");
        assert_eq!(released(&mut table, 1), ["GET 1", "GET 2"]);
        table.unpark(7);
        table.unpark(7);
        assert_eq!(table.behind(7), None);
        assert!(table.is_idle());
    }

    #[test]
    fn a_cancelled_transaction_frees_those_that_waited_behind_it() {
        let mut table = Table::default();
        table.request(TxId(1), scope(&[(1, true)]));
        table.request(TxId(2), scope(&[(1, true), (2, true)]));
        table.request(TxId(3), scope(&[(2, true)]));
        assert_eq!(table.next_granted(), None);
        released(&mut table, 2);
        assert_eq!(table.next_granted(), Some(TxId(3)));
    }
}
