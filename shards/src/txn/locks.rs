//! The lock table of one shard: which keys transactions hold or await, and who waits for them.
//!
//! Keys are known by a 64-bit fingerprint: two keys with the same one merely wait for each other without need
//! (as in Ren et al., "Very Lightweight Locking", VLDB 2013). The table is empty while no transaction over
//! several shards is under way, and then costs single-key commands one comparison.
//!
//! Each key has its transactions in a queue, in the order of their numbers. So what a request or a release
//! costs depends on how many transactions want the same keys, not on how many there are.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

use crate::slot::{SLOT_COUNT, SlotId};
use crate::spare::Trim;
use crate::txn::call::TxId;

/// A key in the lock table: the keyed hash, mixed with the database, and the key's slot in the low 14 bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Fingerprint(pub u64);

impl Fingerprint {
    /// The fingerprint of a key with this hash in this slot.
    pub fn new(hash: u64, slot: SlotId) -> Fingerprint {
        Fingerprint(hash & !SLOT_MASK | u64::from(slot.number()))
    }

    /// Stands for a slot as a whole; the chance that a key has the same one is as small as for two keys.
    pub fn of_slot(slot: SlotId) -> Fingerprint {
        Fingerprint::new(u64::MAX, slot)
    }

    fn slot(self) -> u64 {
        self.0 & SLOT_MASK
    }
}

const SLOT_MASK: u64 = SLOT_COUNT as u64 - 1;

/// What [`LockTable::request`] answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LockOutcome {
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
}

struct Holder {
    scope: Scope,
    granted: bool,
}

/// A transaction that holds or awaits a key.
#[derive(Clone, Copy)]
struct Claim {
    txid: TxId,
    write: bool,
    granted: bool,
}

/// One key: who holds and awaits it, and the commands that are parked until it is released.
struct KeyState<P> {
    /// In the order of their numbers.
    claims: Vec<Claim>,
    /// How many of them are granted readers.
    readers: u32,
    /// One of them is a granted writer.
    writer: bool,
    /// Empty unless the key is locked.
    parked: VecDeque<P>,
}

impl<P> KeyState<P> {
    fn claims_before(&self, txid: TxId) -> impl Iterator<Item = &Claim> {
        self.claims.iter().take_while(move |claim| claim.txid < txid)
    }

    /// True when an earlier transaction is in the way of this claim, or a parked command is that waits for
    /// one: a stream of readers would else keep a writing command out for ever.
    fn must_wait(&self, txid: TxId, write: bool) -> bool {
        let fair = !self.parked.is_empty();
        self.claims_before(txid).any(|claim| write || claim.write || (fair && claim.granted))
    }

    /// True when a later transaction holds a lock in conflict.
    fn is_held_later(&self, txid: TxId, write: bool) -> bool {
        let later = self.claims.iter().rev().take_while(|claim| claim.txid > txid);
        later.into_iter().any(|claim| claim.granted && (write || claim.write))
    }

    fn is_locked(&self) -> bool {
        self.writer || self.readers > 0
    }
}

/// Fingerprints are hashes already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, bytes: &[u8]) {
        unreachable!("fingerprints are hashed as numbers, not as {bytes:?}");
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// One per shard. `P` is a command that waits for a lock, `S` names the connection that it came from.
pub struct LockTable<P, S> {
    /// All transactions here, by number.
    txns: BTreeMap<TxId, Holder>,
    /// Keys that transactions hold or await.
    keys: HashMap<Fingerprint, KeyState<P>, BuildHasherDefault<AsItIs>>,
    /// Transactions that hold or await the whole shard.
    wholes: BTreeSet<TxId>,
    /// Commands that wait for a lock on the whole shard.
    parked_whole: VecDeque<P>,
    whole_granted: bool,
    /// For each connection with parked commands: how many, and where the last one waits, so that the next one
    /// of the same connection does not overtake it.
    parked_of: HashMap<S, (u32, Option<Fingerprint>)>,
    /// Transactions that a release may have made way for.
    candidates: Vec<TxId>,
    /// Empty queues of claims, kept for their memory.
    spare: Vec<Vec<Claim>>,
}

/// Empty queues that a shard keeps for the keys of the next transactions.
const SPARE_QUEUES_MAX: usize = 256;
/// A queue with room for more claims than this is not kept.
const SPARE_CLAIMS_MAX: usize = 8;

impl<P, S: std::hash::Hash + Eq + Copy> Default for LockTable<P, S> {
    fn default() -> Self {
        LockTable {
            txns: BTreeMap::new(),
            keys: HashMap::default(),
            wholes: BTreeSet::new(),
            parked_whole: VecDeque::new(),
            whole_granted: false,
            parked_of: HashMap::new(),
            candidates: Vec::new(),
            spare: Vec::new(),
        }
    }
}

impl<P, S: std::hash::Hash + Eq + Copy> Trim for LockTable<P, S> {
    fn trim(&mut self) {
        self.keys.trim();
        self.parked_whole.trim();
        self.parked_of.trim();
        self.candidates.trim();
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
    pub fn request(&mut self, txid: TxId, scope: Scope) -> LockOutcome {
        if self.is_held_later(txid, &scope) {
            return LockOutcome::Refused;
        }
        match &scope {
            Scope::Whole => _ = self.wholes.insert(txid),
            Scope::Keys(keys) => {
                for &(key, write) in keys {
                    let state = self.keys.entry(key).or_insert_with(|| KeyState {
                        claims: self.spare.pop().unwrap_or_default(),
                        readers: 0,
                        writer: false,
                        parked: VecDeque::new(),
                    });
                    let place = state.claims.partition_point(|claim| claim.txid < txid);
                    state.claims.insert(place, Claim { txid, write, granted: false });
                }
            }
        }
        let must_wait = self.must_wait(txid, &scope);
        self.txns.insert(txid, Holder { scope, granted: false });
        if must_wait {
            return LockOutcome::Waiting;
        }
        self.grant(txid);
        LockOutcome::Granted
    }

    fn is_held_later(&self, txid: TxId, scope: &Scope) -> bool {
        match scope {
            Scope::Whole => self.txns.range(txid..).any(|(_, other)| other.granted),
            Scope::Keys(keys) => {
                // A granted lock on the whole shard leaves no room for a second one, so it is the first.
                let whole = self.whole_granted && self.wholes.first().is_some_and(|&whole| whole > txid);
                let held = |&(key, write): &(Fingerprint, bool)| {
                    self.keys.get(&key).is_some_and(|state| state.is_held_later(txid, write))
                };
                whole || keys.iter().any(held)
            }
        }
    }

    fn must_wait(&self, txid: TxId, scope: &Scope) -> bool {
        match scope {
            Scope::Whole => self.txns.range(..txid).next().is_some(),
            Scope::Keys(keys) => {
                let whole = self.wholes.first().is_some_and(|&whole| whole < txid);
                let waits = |&(key, write): &(Fingerprint, bool)| {
                    self.keys.get(&key).is_some_and(|state| state.must_wait(txid, write))
                };
                whole || keys.iter().any(waits)
            }
        }
    }

    /// True while a transaction has the whole shard to itself.
    pub fn is_whole_granted(&self) -> bool {
        self.whole_granted
    }

    /// True when a command on this key must wait.
    pub fn blocks(&self, key: Fingerprint, write: bool) -> bool {
        self.whole_granted
            || self.keys.get(&key).is_some_and(|state| state.writer || (write && state.readers > 0))
    }

    /// True when a transaction holds or awaits this key.
    pub fn is_claimed(&self, key: Fingerprint) -> bool {
        self.keys.contains_key(&key)
    }

    /// True when a transaction holds or awaits a key of this slot. Looks at all keys that are locked.
    pub fn is_slot_claimed(&self, slot: SlotId) -> bool {
        self.keys.keys().any(|key| key.slot() == u64::from(slot.number()))
    }

    /// The commands that wait for a lock.
    pub fn parked(&self) -> impl Iterator<Item = &P> {
        self.keys.values().flat_map(|state| &state.parked).chain(&self.parked_whole)
    }

    /// Where a command of `source` must wait although its own keys are free: behind the parked commands that
    /// came before it on the same connection.
    pub fn behind(&self, source: S) -> Option<Option<Fingerprint>> {
        self.parked_of.get(&source).map(|&(_, place)| place)
    }

    /// Parks a command until `key` (or, with `None`, the whole shard) is released.
    pub fn park(&mut self, key: Option<Fingerprint>, source: S, command: P) {
        let locked = key.and_then(|key| self.keys.get_mut(&key)).filter(|state| state.is_locked());
        let place = key.filter(|_| locked.is_some());
        match locked {
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

    /// Ends a transaction, granted or not, and moves the commands that waited for its locks to `freed`,
    /// oldest first for each key. The caller runs them (or parks them again), then asks
    /// [`LockTable::next_granted`].
    pub fn release(&mut self, txid: TxId, freed: &mut VecDeque<P>) {
        let Some(Holder { scope, granted }) = self.txns.remove(&txid) else { return };
        match scope {
            Scope::Whole => {
                self.wholes.remove(&txid);
                if granted {
                    self.whole_granted = false;
                    freed.append(&mut self.parked_whole);
                }
                let waiting = self.txns.iter().filter(|(_, other)| !other.granted);
                self.candidates.extend(waiting.map(|(&txid, _)| txid));
            }
            Scope::Keys(keys) => {
                for (key, write) in keys {
                    self.release_key(txid, key, write, granted, freed);
                }
                self.candidates.extend(self.wholes.first());
            }
        }
    }

    fn release_key(
        &mut self,
        txid: TxId,
        key: Fingerprint,
        write: bool,
        granted: bool,
        freed: &mut VecDeque<P>,
    ) {
        let Some(state) = self.keys.get_mut(&key) else { return };
        if let Ok(place) = state.claims.binary_search_by_key(&txid, |claim| claim.txid) {
            state.claims.remove(place);
        }
        if granted {
            if write {
                state.writer = false;
            } else {
                state.readers -= 1;
            }
            freed.append(&mut state.parked);
        }
        // Only the readers at the head of the queue can get the key now, or the writer at its head.
        let readers = state.claims.iter().take_while(|claim| !claim.write);
        let head = readers.chain(state.claims.first().filter(|claim| claim.write));
        self.candidates.extend(head.filter(|claim| !claim.granted).map(|claim| claim.txid));
        if state.claims.is_empty() {
            let state = self.keys.remove(&key);
            self.spare.extend(state.map(|state| state.claims).filter(|claims| {
                claims.capacity() <= SPARE_CLAIMS_MAX && self.spare.len() < SPARE_QUEUES_MAX
            }));
        }
    }

    /// Grants the next waiting transaction that nothing is in the way of any more.
    pub fn next_granted(&mut self) -> Option<TxId> {
        while let Some(txid) = self.candidates.pop() {
            let Some(holder) = self.txns.get(&txid).filter(|holder| !holder.granted) else { continue };
            if !self.must_wait(txid, &holder.scope) {
                self.grant(txid);
                return Some(txid);
            }
        }
        None
    }

    fn grant(&mut self, txid: TxId) {
        let Some(holder) = self.txns.get_mut(&txid) else { return };
        holder.granted = true;
        match &holder.scope {
            Scope::Whole => self.whole_granted = true,
            Scope::Keys(keys) => {
                for (key, write) in keys {
                    let Some(state) = self.keys.get_mut(key) else { continue };
                    if let Ok(place) = state.claims.binary_search_by_key(&txid, |claim| claim.txid) {
                        state.claims[place].granted = true;
                    }
                    if *write {
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
    use crate::random::Random;

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
        assert_eq!(table.request(TxId(5), scope(&[(1, true)])), LockOutcome::Granted);
        assert_eq!(table.request(TxId(6), scope(&[(1, false)])), LockOutcome::Waiting);
        assert_eq!(table.request(TxId(4), scope(&[(1, false)])), LockOutcome::Refused);
        assert_eq!(table.request(TxId(3), scope(&[(2, true)])), LockOutcome::Granted);
        assert_eq!(table.next_granted(), None);
        assert!(released(&mut table, 5).is_empty());
        assert_eq!(table.next_granted(), Some(TxId(6)));
        assert_eq!(table.next_granted(), None);
    }

    #[test]
    fn readers_share_and_writers_do_not() {
        let mut table = Table::default();
        assert_eq!(table.request(TxId(1), scope(&[(1, false)])), LockOutcome::Granted);
        assert_eq!(table.request(TxId(2), scope(&[(1, false)])), LockOutcome::Granted);
        assert_eq!(table.request(TxId(3), scope(&[(1, true), (1, false)])), LockOutcome::Waiting);
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
        assert_eq!(table.request(TxId(1), scope(&[(1, false)])), LockOutcome::Granted);
        assert_eq!(table.request(TxId(2), Scope::Whole), LockOutcome::Waiting);
        assert!(!table.blocks(Fingerprint(9), false));
        assert_eq!(table.request(TxId(3), scope(&[(7, false)])), LockOutcome::Waiting);
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

    #[test]
    fn readers_that_come_later_queue_behind_a_parked_writer() {
        let mut table = Table::default();
        table.request(TxId(2), scope(&[(1, false)]));
        table.park(Some(Fingerprint(1)), 7, "SET 1");
        assert_eq!(table.request(TxId(3), scope(&[(1, false), (2, true)])), LockOutcome::Waiting);
        // To wait for a later one could close a circle.
        assert_eq!(table.request(TxId(1), scope(&[(1, false)])), LockOutcome::Granted);
        assert_eq!(released(&mut table, 1), ["SET 1"]);
        table.unpark(7);
        table.park(Some(Fingerprint(1)), 7, "SET 1");
        assert_eq!(table.next_granted(), None);
        assert_eq!(released(&mut table, 2), ["SET 1"]);
        table.unpark(7);
        assert_eq!(table.next_granted(), Some(TxId(3)));
    }

    #[test]
    fn a_command_that_meets_a_whole_lock_waits_for_it_even_if_its_key_is_awaited() {
        let mut table = Table::default();
        table.request(TxId(1), Scope::Whole);
        table.request(TxId(2), scope(&[(1, true)]));
        assert!(table.blocks(Fingerprint(1), false));
        table.park(Some(Fingerprint(1)), 7, "GET 1");
        assert_eq!(released(&mut table, 1), ["GET 1"]);
    }

    /// What is in the way of whom, said plainly: all pairs of transactions are looked at.
    fn conflict(a: &Scope, b: &Scope) -> bool {
        match (a, b) {
            (Scope::Keys(a), Scope::Keys(b)) => {
                let pairs = a.iter().flat_map(|one| b.iter().map(move |other| (one, other)));
                pairs.into_iter().any(|(one, other)| one.0 == other.0 && (one.1 || other.1))
            }
            _ => true,
        }
    }

    #[test]
    fn the_queues_of_keys_agree_with_a_look_at_all_pairs() {
        let mut random = Random::new(1);
        let mut table = Table::default();
        let mut model: Vec<(u64, Scope, bool)> = Vec::new();
        let mut outcomes = [0; 3];
        for _ in 0..20_000 {
            let txid = random.below(1000) as u64;
            let keys: Vec<_> =
                (0..=random.below(3)).map(|_| (random.below(8) as u64, random.one_in(2))).collect();
            let wanted = if random.one_in(20) { Scope::Whole } else { scope(&keys) };
            if model.len() < 12 && model.iter().all(|(other, ..)| *other != txid) {
                let in_way = |other: &&(u64, Scope, bool)| conflict(&other.1, &wanted);
                let later = model.iter().filter(in_way).any(|other| other.0 > txid && other.2);
                let earlier = model.iter().filter(in_way).any(|other| other.0 < txid);
                let expected = match (later, earlier) {
                    (true, _) => LockOutcome::Refused,
                    (false, true) => LockOutcome::Waiting,
                    (false, false) => LockOutcome::Granted,
                };
                assert_eq!(table.request(TxId(txid), wanted.clone()), expected);
                outcomes[expected as usize] += 1;
                if expected != LockOutcome::Refused {
                    model.push((txid, wanted, expected == LockOutcome::Granted));
                }
            } else {
                let (ended, ..) = model.swap_remove(random.below(model.len()));
                released(&mut table, ended);
                let mut granted: Vec<u64> =
                    std::iter::from_fn(|| table.next_granted()).map(|id| id.0).collect();
                granted.sort_unstable();
                let is_free = |one: &&(u64, Scope, bool)| {
                    !one.2 && !model.iter().any(|other| other.0 < one.0 && conflict(&other.1, &one.1))
                };
                let mut expected: Vec<u64> = model.iter().filter(is_free).map(|one| one.0).collect();
                expected.sort_unstable();
                assert_eq!(granted, expected);
                for one in &mut model {
                    one.2 |= granted.contains(&one.0);
                }
            }
            assert_eq!((table.transactions(), table.is_idle()), (model.len(), model.is_empty()));
        }
        assert!(outcomes.iter().all(|&count| count > 500), "{outcomes:?}");
    }
}
