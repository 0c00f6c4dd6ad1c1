//! Words that copies are not valid any more, kept for a moment because whom they are for, or how, is not
//! known yet: while a client's transaction may change what the client is told and how, and while the client
//! to which it redirects is looked for or on its way from worker to worker.
//!
//! What is kept is bounded: when it becomes too much, one word stands for all, that no copy of anything is
//! valid.

use std::collections::BTreeMap;
use std::sync::Arc;

use shards::copies::Tracker;
use shards::watch::ClientId;

use crate::tracking::mode::{ClientTracking, TrackingMode};

/// Bytes that are kept for one client at a time: as much as other workers change in the few round trips that
/// it takes.
const KEPT_BYTES_MAX: usize = 1 << 20;
/// Bytes of a key beside its text.
const KEY_BYTES: usize = 64;

/// What is not valid any more: copies of these keys, or all.
pub type Copies = Option<Arc<[Box<[u8]>]>>;

/// What is not valid any more, in order.
#[derive(Debug, Default)]
pub struct KeptCopies {
    copies: Vec<Copies>,
    bytes: usize,
}

impl KeptCopies {
    /// Keeps one more.
    pub fn add(&mut self, copies: Copies) {
        if self.bytes > KEPT_BYTES_MAX {
            return;
        }
        let keys = copies.iter().flat_map(|keys| keys.iter());
        self.bytes += KEY_BYTES + keys.map(|key| key.len() + KEY_BYTES).sum::<usize>();
        if self.bytes > KEPT_BYTES_MAX {
            self.copies = vec![None];
        } else {
            self.copies.push(copies);
        }
    }

    /// All that was kept.
    pub fn into_all(self) -> Vec<Copies> {
        self.copies
    }
}

/// What has come for a client while a transaction of its own is under way that has commands of the session
/// among its commands. The data commands of that have run, as the client that they will find, before those of
/// the session do; so what the client wants to be told, in which protocol and by whom, is known at the end.
#[derive(Debug)]
pub struct KeptInExec {
    /// The client.
    pub id: ClientId,
    /// What it tracked before.
    before: Option<Box<ClientTracking>>,
    /// What it has tracked meanwhile, and does so no more. There are no more of these than commands.
    between: Vec<ClientTracking>,
    /// It tracked by prefixes before, or may do so from one of the commands on.
    pub may_have_prefixes: bool,
    notes: Vec<Option<(Box<[u8]>, ClientId)>>,
    /// Of all keys, those that it has prefixes for are told.
    changed: BTreeMap<Box<[u8]>, ClientId>,
    bytes: usize,
}

impl KeptInExec {
    /// Nothing yet.
    pub fn new(id: ClientId, before: Option<Box<ClientTracking>>, may_have_prefixes: bool) -> KeptInExec {
        let (between, notes, changed) = Default::default();
        KeptInExec { id, before, between, may_have_prefixes, notes, changed, bytes: 0 }
    }

    /// One of the commands has changed what the client tracks: until then it was this.
    pub fn tracked(&mut self, until_now: &ClientTracking) {
        if until_now.mode != TrackingMode::Prefixes {
            self.between.push(until_now.clone());
        }
    }

    /// A key that it has read was changed by this client.
    pub fn add_change(&mut self, key: Box<[u8]>, by: ClientId) {
        if self.has_room_for(&key) {
            self.notes.push(Some((key, by)));
        }
    }

    /// No copy is valid any more.
    pub fn add_flush(&mut self) {
        if self.has_room_for(&[]) {
            self.notes.push(None);
        }
    }

    /// A key of the node was changed by this client. The first change counts.
    pub fn add_changed(&mut self, key: &[u8], by: ClientId) {
        if !self.changed.contains_key(key) && self.has_room_for(key) {
            self.changed.insert(key.into(), by);
        }
    }

    fn has_room_for(&mut self, key: &[u8]) -> bool {
        let had_room = self.bytes <= KEPT_BYTES_MAX;
        self.bytes += key.len() + KEY_BYTES;
        let has_room = self.bytes <= KEPT_BYTES_MAX;
        if had_room && !has_room {
            self.notes = vec![None];
            self.changed.clear();
        }
        has_room
    }

    /// What has to be told now that the client tracks like this, and to whom in its place. When in the
    /// transaction a change has come is not known, so what the client has wanted before and meanwhile counts
    /// as well: it is told too much, if anything. Who tracks by prefixes is told of changes when all is over,
    /// so what was meanwhile does not count.
    pub fn into_told(self, after: Option<&ClientTracking>) -> Vec<(Option<Tracker>, Copies)> {
        let KeptInExec { id, before, between, notes, changed, .. } = self;
        let states = || after.into_iter().chain(between.iter().rev()).chain(before.as_deref());
        let mut told = Vec::new();
        for note in notes {
            let wanting = match &note {
                Some((_, by)) => states().find(|tracking| tracking.wants_change(*by == id)),
                None => states().next(),
            };
            if let Some(tracking) = wanting {
                told.push((tracking.redirect, note.map(|(key, _)| Arc::from([key]))));
            }
        }
        let mut at_the_end = after.into_iter().chain(before.as_deref());
        if let Some(tracking) = at_the_end.find(|tracking| tracking.mode == TrackingMode::Prefixes) {
            for prefix in &tracking.prefixes {
                let keys = changed.range(Box::from(&prefix[..])..);
                let keys = keys.take_while(|(key, _)| key.starts_with(prefix));
                let keys = keys.filter(|&(_, by)| !(tracking.is_noloop && *by == id));
                let keys: Arc<[Box<[u8]>]> = keys.map(|(key, _)| key.clone()).collect();
                if !keys.is_empty() {
                    told.push((tracking.redirect, Some(keys)));
                }
            }
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracking::mode::TrackingChange;

    const OWN: ClientId = ClientId(1);
    const OTHER: ClientId = ClientId(2);

    fn tracking(mode: TrackingMode, is_noloop: bool, prefixes: &[&str]) -> Box<ClientTracking> {
        let prefixes = prefixes.iter().map(|prefix| prefix.as_bytes().to_vec()).collect();
        TrackingChange::On { mode, is_noloop, prefixes }.apply(None, None).expect("it is on")
    }

    /// A line for each word: its keys, or `all`.
    fn words(told: Vec<(Option<Tracker>, Copies)>) -> String {
        let text = |keys: &[Box<[u8]>]| {
            keys.iter().map(|key| String::from_utf8_lossy(key)).collect::<Vec<_>>().join(" ")
        };
        let lines = told.iter().map(|(_, copies)| copies.as_ref().map_or("all".into(), |keys| text(keys)));
        lines.collect::<Vec<_>>().join(" | ")
    }

    fn kept(before: Option<Box<ClientTracking>>) -> KeptInExec {
        let mut kept = KeptInExec::new(OWN, before, true);
        kept.add_change((*b"own").into(), OWN);
        kept.add_flush();
        kept.add_change((*b"other").into(), OTHER);
        for (key, by) in [("b2", OTHER), ("b1", OWN), ("a", OWN), ("b2", OWN)] {
            kept.add_changed(key.as_bytes(), by);
        }
        kept
    }

    #[test]
    fn what_the_client_wants_before_or_behind_its_transaction_is_told() {
        let reads = || Some(tracking(TrackingMode::Reads, false, &[]));
        let noloop = || Some(tracking(TrackingMode::OptIn, true, &[]));
        let prefix = || Some(tracking(TrackingMode::Prefixes, false, &["b"]));
        let prefixes = || Some(tracking(TrackingMode::Prefixes, true, &["a", "b", "c"]));
        for (before, after, expected) in [
            (None, None, ""),
            (None, reads(), "own | all | other"),
            (reads(), None, "own | all | other"),
            (None, noloop(), "all | other"),
            (noloop(), reads(), "own | all | other"),
            (None, prefix(), "all | b1 b2"),
            (None, prefixes(), "all | b2"),
            (reads(), prefix(), "own | all | other | b1 b2"),
            (prefix(), noloop(), "all | other | b1 b2"),
        ] {
            let told = kept(before.clone()).into_told(after.as_deref());
            assert_eq!(words(told), expected, "{before:?} {after:?}");
        }
    }

    #[test]
    fn what_the_client_has_wanted_meanwhile_is_told_but_for_prefixes() {
        let mut in_exec = kept(None);
        in_exec.tracked(&tracking(TrackingMode::Reads, false, &[]));
        in_exec.tracked(&tracking(TrackingMode::Prefixes, false, &["b"]));
        assert_eq!(words(in_exec.into_told(None)), "own | all | other");
        let mut in_exec = kept(None);
        in_exec.tracked(&tracking(TrackingMode::Reads, false, &[]));
        let after = tracking(TrackingMode::Reads, true, &[]);
        assert_eq!(words(in_exec.into_told(Some(&after))), "own | all | other");
    }

    #[test]
    fn too_much_becomes_one_word_for_all() {
        let long: Box<[u8]> = vec![b'k'; KEPT_BYTES_MAX / 4].into();
        let mut copies = KeptCopies::default();
        let reads = tracking(TrackingMode::Reads, false, &[]);
        let mut in_exec = KeptInExec::new(OWN, None, true);
        for _ in 0..3 {
            copies.add(Some(Arc::from([long.clone()])));
            in_exec.add_change(long.clone(), OTHER);
        }
        in_exec.add_changed(b"by prefix", OTHER);
        for _ in 0..3 {
            copies.add(Some(Arc::from([long.clone()])));
            in_exec.add_change(long.clone(), OTHER);
            in_exec.add_changed(&long, OTHER);
        }
        assert_eq!(copies.into_all(), [None]);
        assert!(in_exec.changed.is_empty());
        assert_eq!(words(in_exec.into_told(Some(&reads))), "all");
    }
}
