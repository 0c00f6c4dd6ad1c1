//! Client-side caching: which clients hold copies of which keys of this shard, and what they have to be told.
//!
//! A key is remembered for a client by the shard that owns it, in the same step in which a reading command
//! sees the key, so no change can come between. The first change of the key is noted for each of these
//! clients, which are forgotten with it. As in Redis a key has no database here, and what is remembered of a
//! client that has gone stays until its keys change. Clients that ask for prefixes (BCAST) are not known
//! here: while there are any, all changed keys are noted.
//!
//! A transaction that runs on entries of other shards leaves the remembering to the owners
//! ([`Shard::replay`]), which still hold its locks then.
//!
//! Why no copy stays that is older than a change: whoever runs the commands tells a client of a change after
//! the change, and behind all replies that the client awaits. So a reply with the old value is either there
//! already or in front. It needs no order between messages of different shards, and a slot can take what is
//! remembered along to another one. This file must not know connections, protocols or modes of tracking.

use std::collections::HashMap;

use crate::command::flags;
use crate::copies::{AwayRead, AwayReads, ChangedByClient, Tracker, TrackingNote};
use crate::event::Change;
use crate::shard::{Call, Shard};
use crate::watch::ClientId;

/// How many keys are forgotten for each one that is remembered above the limit: it is reached again however
/// far off it is.
const FORGOTTEN_PER_KEY: usize = 2;

impl Shard {
    /// Remembers the keys of a reading command that has run, for the client that keeps copies of them.
    #[cold]
    pub(super) fn remember_keys(&mut self, call: Call<'_>) {
        if !call.command.spec.has(flags::READONLY) {
            return;
        }
        let mut positions = Vec::new();
        call.command.spec.key_positions(call.args, &mut positions);
        let tracker = Tracker { client: call.caller.client, at: call.caller.at };
        let env = self.env_mut();
        for position in positions {
            let key = call.args.get(position.index);
            match &env.away {
                Some(changes) => env.tracking.away.push((key.into(), tracker, changes.len())),
                None => {
                    env.tracking.remember(key, tracker);
                    env.tracking.forget_some(FORGOTTEN_PER_KEY, &mut env.random);
                }
            }
        }
    }

    /// What the transaction that has just run has read and its owners have to remember. Called before the end
    /// of its being away.
    pub(crate) fn take_away_reads(&mut self) -> AwayReads {
        let env = self.env_mut();
        let mut reads = AwayReads::new();
        if env.tracking.away.is_empty() {
            return reads;
        }
        let changes = env.away.iter().flatten().enumerate();
        let changes = changes.filter(|(_, (.., change))| *change != Change::Aside);
        let last_change: HashMap<&[u8], usize> =
            changes.map(|(number, (_, key, _))| (&**key, number)).collect();
        for (key, tracker, number) in std::mem::take(&mut env.tracking.away) {
            let is_before_change = last_change.get(&*key).is_some_and(|&change| change >= number);
            let read = AwayRead { key: key.clone(), tracker, is_before_change };
            reads.entry(key).or_default().push(read);
        }
        reads
    }

    /// Does what a transaction elsewhere has left to the owner of keys: what it has read is remembered,
    /// before or behind its changes.
    pub(crate) fn replay<'k>(
        &mut self,
        reads: &[AwayRead],
        changed: impl IntoIterator<Item = (&'k [u8], bool)>,
        by: ClientId,
    ) {
        let env = self.env_mut();
        for read in reads.iter().filter(|read| read.is_before_change) {
            env.tracking.remember(&read.key, read.tracker);
        }
        for (key, is_removal) in changed {
            if env.tracking.is_on() {
                env.tracking.changed(key, is_removal, by);
            }
        }
        for read in reads.iter().filter(|read| !read.is_before_change) {
            env.tracking.remember(&read.key, read.tracker);
            env.tracking.forget_some(FORGOTTEN_PER_KEY, &mut env.random);
        }
    }

    /// Limits the number of remembered keys (directive tracking-table-max-keys, as far as it is this
    /// shard's); 0 for no limit. The excess is forgotten by [`Shard::limit_tracking`].
    pub fn set_tracked_keys_max(&mut self, keys_max: usize) {
        self.env_mut().tracking.keys_max = keys_max;
    }

    /// Forgets up to `budget` keys that are above the limit. True when more are left.
    pub fn limit_tracking(&mut self, budget: usize) -> bool {
        let env = self.env_mut();
        env.tracking.forget_some(budget, &mut env.random);
        env.tracking.is_over_limit()
    }

    /// Whether all changed keys are noted for [`Shard::take_changed_keys`].
    #[inline]
    pub fn set_broadcasting(&mut self, is_broadcasting: bool) {
        self.env_mut().tracking.set_broadcasting(is_broadcasting);
    }

    /// True when [`Shard::take_tracking_notes`] has something.
    #[inline]
    pub fn has_tracking_notes(&self) -> bool {
        !self.env().tracking.notes.is_empty()
    }

    /// What clients have to be told since the last call, in order. Whoever runs commands fetches it after
    /// each, and once a turn.
    pub fn take_tracking_notes(&mut self) -> Vec<TrackingNote> {
        std::mem::take(&mut self.env_mut().tracking.notes)
    }

    /// True when [`Shard::take_changed_keys`] has something.
    #[inline]
    pub fn has_changed_keys(&self) -> bool {
        !self.env().tracking.changed.is_empty()
    }

    /// The changed keys since the last call, as often as they have changed. To be fetched once a turn.
    pub fn take_changed_keys(&mut self) -> Vec<ChangedByClient> {
        std::mem::take(&mut self.env_mut().tracking.changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::OwnedArgs;
    use crate::caller::Caller;
    use crate::commands::FAMILIES;
    use crate::copies::{ConnectionId, TrackedKeys};

    use crate::reply::Reply;
    use crate::shard::ShardConfig;
    use crate::slot::{ShardId, SlotId};

    const WRITER: ClientId = ClientId(9);

    fn tracker(client: u64) -> Tracker {
        let at = ConnectionId { worker: ShardId(client as u16 % 2), index: client as u32 };
        Tracker { client: ClientId(client), at }
    }

    fn noted(client: u64, key: &str, by: u64) -> TrackingNote {
        TrackingNote::Changed { tracker: tracker(client), key: key.as_bytes().into(), by: ClientId(by) }
    }

    fn remembering(pairs: &[(&str, u64)]) -> TrackedKeys {
        let mut tracking = TrackedKeys::default();
        for &(key, client) in pairs {
            tracking.remember(key.as_bytes(), tracker(client));
        }
        tracking
    }

    fn shard() -> Shard {
        Shard::new(&ShardConfig {
            id: ShardId(0),
            databases: 2,
            hash_seeds: [1, 2, 3, 4],
            random_seed: 5,
            string_len_max: 512 << 20,
            registry: crate::testing::registry(),
        })
    }

    /// Runs a command for a client that keeps copies if `tracks`.
    fn run(shard: &mut Shard, client: u64, tracks: bool, line: &str) {
        let args: OwnedArgs = line.split(' ').collect();
        let mut rows = FAMILIES.iter().copied().flatten();
        let command = rows.find(|row| row.spec.name.as_bytes() == &args.as_args()[0]).unwrap();
        let Tracker { client, at } = tracker(client);
        let caller = Caller { at, keeps_copies: tracks, ..Caller::new(client) };
        let call = Call { command, key: None, caller, args: args.as_args() };
        shard.execute(call, &mut Reply::default());
    }

    #[test]
    fn the_first_change_of_a_key_is_noted_for_each_of_its_clients_who_are_forgotten() {
        let mut tracking = remembering(&[("a", 1), ("a", 2), ("a", 1), ("b", 1)]);
        assert_eq!((tracking.keys(), tracking.items(), tracking.is_on()), (2, 3, true));
        tracking.changed(b"a", false, WRITER);
        tracking.changed(b"a", false, WRITER);
        tracking.changed(b"other", false, WRITER);
        assert_eq!(tracking.notes, [noted(1, "a", 9), noted(2, "a", 9)]);
        assert_eq!((tracking.keys(), tracking.items()), (1, 1));
        tracking.changed(b"b", true, WRITER);
        assert_eq!((tracking.keys(), tracking.items(), tracking.is_on()), (0, 0, false));
    }

    #[test]
    fn only_what_reading_commands_read_is_remembered_for_clients_that_track() {
        let mut shard = shard();
        for (client, tracks, line) in
            [(1, true, "mget a b"), (2, false, "get a"), (3, true, "set c 1"), (4, true, "exists a")]
        {
            run(&mut shard, client, tracks, line);
        }
        assert_eq!((shard.env().tracking.keys(), shard.env().tracking.items()), (2, 3));
        run(&mut shard, 9, false, "mset a 1 b 1 c 1");
        assert_eq!(shard.take_tracking_notes(), [noted(1, "a", 9), noted(4, "a", 9), noted(1, "b", 9)]);
        assert!(!shard.has_tracking_notes());
    }

    #[test]
    fn a_key_that_a_reader_finds_expired_is_invalidated_before_it_is_remembered_again() {
        let mut shard = shard();
        shard.set_broadcasting(true);
        run(&mut shard, 9, false, "set a 1 px 10");
        run(&mut shard, 1, true, "get a");
        shard.set_now(11);
        run(&mut shard, 2, true, "get a");
        assert_eq!(shard.take_tracking_notes(), [noted(1, "a", 2)]);
        // Of what goes by itself nobody is the author for those who track by prefixes.
        let a = || Box::from(&b"a"[..]);
        assert_eq!(shard.take_changed_keys(), [(a(), WRITER), (a(), ClientId(0))]);
        run(&mut shard, 9, false, "set a 1");
        assert_eq!(shard.take_tracking_notes(), [noted(2, "a", 9)]);
    }

    #[test]
    fn changed_keys_are_noted_only_while_somebody_wants_all() {
        let mut shard = shard();
        run(&mut shard, 9, false, "set a 1");
        shard.set_broadcasting(true);
        run(&mut shard, 9, false, "set b 1");
        shard.set_broadcasting(false);
        run(&mut shard, 9, false, "set c 1");
        assert_eq!(shard.take_changed_keys(), [(Box::from(&b"b"[..]), WRITER)]);
    }

    #[test]
    fn a_flush_is_noted_once_and_forgets_everything() {
        let mut shard = shard();
        run(&mut shard, 1, true, "get a");
        run(&mut shard, 9, false, "flushall");
        run(&mut shard, 9, false, "set a 1");
        assert_eq!(shard.take_tracking_notes(), [TrackingNote::Flushed]);
        run(&mut shard, 1, true, "get a");
        shard.env_mut().tracking.is_flush_told_elsewhere = true;
        run(&mut shard, 9, false, "flushdb");
        assert_eq!((shard.take_tracking_notes(), shard.env().tracking.keys()), (vec![], 0));
    }

    #[test]
    fn keys_above_the_limit_are_forgotten_with_a_note() {
        let mut shard = shard();
        let keys: Vec<String> = (0..50).map(|index| format!("k{index}")).collect();
        run(&mut shard, 1, true, &format!("mget {}", keys.join(" ")));
        assert!(!shard.limit_tracking(100));
        assert_eq!(shard.env().tracking.keys(), 50);
        shard.set_tracked_keys_max(20);
        assert!(shard.limit_tracking(10));
        assert!(!shard.limit_tracking(100));
        assert_eq!((shard.env().tracking.keys(), shard.take_tracking_notes().len()), (20, 30));
        run(&mut shard, 1, true, "get more");
        assert_eq!((shard.env().tracking.keys(), shard.take_tracking_notes().len()), (20, 1));
    }

    #[test]
    fn what_is_remembered_of_a_slot_can_be_moved() {
        let mut tracking = remembering(&[("a", 1), ("a", 2), ("b", 1)]);
        let mut other = remembering(&[("c", 1)]);
        other.put(tracking.take_slots(&[SlotId::of(b"a")].into_iter().collect()));
        assert_eq!((tracking.keys(), tracking.items()), (1, 1));
        assert_eq!((other.keys(), other.items()), (2, 3));
        tracking.changed(b"a", false, WRITER);
        other.changed(b"a", false, WRITER);
        assert_eq!((tracking.notes.len(), other.notes), (0, vec![noted(1, "a", 9), noted(2, "a", 9)]));
    }

    #[test]
    fn the_owner_learns_whether_a_transaction_has_read_before_or_behind_its_last_change() {
        let mut shard = shard();
        shard.env_mut().away = Some(Vec::new());
        for line in ["get a", "set a 1", "get a", "set b 1", "get b", "get c"] {
            run(&mut shard, 1, true, line);
        }
        let mut reads = shard.take_away_reads();
        shard.env_mut().away = None;
        assert_eq!((shard.env().tracking.keys(), shard.has_tracking_notes()), (0, false));
        let of_a = reads.remove(&b"a"[..]).unwrap();
        shard.replay(&of_a, [(&b"a"[..], false)], ClientId(1));
        assert_eq!(shard.take_tracking_notes(), [noted(1, "a", 1)]);
        for key in [&b"b"[..], b"c"] {
            let of_key = reads.remove(key).unwrap();
            shard.replay(&of_key, (key == b"b").then_some((key, false)), ClientId(1));
        }
        assert_eq!((shard.env().tracking.keys(), shard.has_tracking_notes()), (3, false));
    }
}
