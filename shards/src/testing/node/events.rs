//! What has happened in a simulated node, in numbers.

/// How often things happened that a simulation must not miss.
#[derive(Clone, Copy, Default, Debug)]
pub struct Events {
    /// Transactions started.
    pub transactions: usize,
    /// EXEC on one shard at once, without a transaction.
    pub direct_execs: usize,
    /// WATCH on the only shard at once, without a transaction.
    pub direct_watches: usize,
    /// Commands of the session that have run inside EXEC, with their replies at once.
    pub session_items: usize,
    /// Those whose replies had to be waited for.
    pub awaited_items: usize,
    /// Commands that had waited for credit or for room and have gone on.
    pub ready: usize,
    /// EXEC that did not run because of WATCH.
    pub broken_watches: usize,
    /// Locks granted.
    pub grants: usize,
    /// Locks refused.
    pub refused: usize,
    /// Lent entries that came home unused.
    pub lent_in_vain: usize,
    /// Commands that had to wait for a lock.
    pub parked: usize,
    /// Slots that have left and arrived, and requests to move one that were refused.
    pub moves: usize,
    /// Requests to move a slot that was being moved already.
    pub refused_moves: usize,
    /// Requests that had to wait for a slot.
    pub awaited_slot: usize,
    /// Transactions that had to wait for a slot.
    pub deferred: usize,
    /// Connections that were closed with requests under way.
    pub closed_busy: usize,
    /// Keys that were removed because their time was over.
    pub expired: usize,
    /// Messages that were with all their subscribers at once.
    pub published_at_once: usize,
    /// Messages that had to go to other workers.
    pub published: usize,
    /// PUBLISH that had to wait for other replies, or for messages to another sequencer.
    pub held_messages: usize,
    /// Times that a subscriber has got a message.
    pub told: usize,
    /// Replies that have come for a place and were held by a gate.
    pub held_replies: usize,
    /// Requests that were taken up and whose replies nobody wanted.
    pub unwanted: usize,
    /// Requests on keys or of the session that were put off until all replies before them were there.
    pub put_off: usize,
    /// Commands that can have several keys and had one, which ran or were sent to their shard while replies
    /// before theirs were awaited.
    pub one_key_at_once: usize,
    /// The same with several keys in one slot.
    pub one_slot_at_once: usize,
    /// Snapshots that have ended and were what they should be.
    pub snapshots: usize,
}

impl Events {
    /// Adds what has happened elsewhere.
    pub fn add(&mut self, other: &Events) {
        self.snapshots += other.snapshots;
        self.transactions += other.transactions;
        self.direct_execs += other.direct_execs;
        self.direct_watches += other.direct_watches;
        self.session_items += other.session_items;
        self.awaited_items += other.awaited_items;
        self.ready += other.ready;
        self.broken_watches += other.broken_watches;
        self.grants += other.grants;
        self.refused += other.refused;
        self.lent_in_vain += other.lent_in_vain;
        self.parked += other.parked;
        self.moves += other.moves;
        self.refused_moves += other.refused_moves;
        self.awaited_slot += other.awaited_slot;
        self.deferred += other.deferred;
        self.closed_busy += other.closed_busy;
        self.expired += other.expired;
        self.published_at_once += other.published_at_once;
        self.published += other.published;
        self.held_messages += other.held_messages;
        self.told += other.told;
        self.held_replies += other.held_replies;
        self.unwanted += other.unwanted;
        self.put_off += other.put_off;
        self.one_key_at_once += other.one_key_at_once;
        self.one_slot_at_once += other.one_slot_at_once;
    }
}
