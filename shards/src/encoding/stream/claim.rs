//! Claiming: pending entries get another owner, one by one (XCLAIM) or by a walk along the list (XAUTOCLAIM).
//!
//! This file must not know commands and replies.

use super::consumers::ConsumerId;
use super::groups::{Group, Pending};
use super::id::StreamId;
use super::log::Log;

/// Entries that one XAUTOCLAIM looks at for each that it may claim.
const LOOKS_PER_CLAIM: u64 = 10;

/// How an entry is claimed.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// The new owner.
    pub to: ConsumerId,
    /// Only what was idle for so long at least; 0 takes everything.
    pub idle_ms_min: u64,
    /// The time of delivery from now on, Unix time in milliseconds (IDLE, TIME; else now).
    pub delivered_ms: u64,
    /// The number of deliveries from now on (RETRYCOUNT).
    pub deliveries: Option<u64>,
    /// Do not count this as a delivery (JUSTID).
    pub keep_deliveries: bool,
    /// Claim an entry that is not pending too (FORCE).
    pub force: bool,
}

/// What became of an entry that should be claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// It belongs to the new owner.
    Yes,
    /// Nothing has changed: it is not pending, or was not idle long enough, or there is no such entry.
    No,
    /// It is no longer in the stream, and so no longer pending.
    Dropped,
}

/// How pending entries are claimed by a walk along the list.
#[derive(Clone, Copy, Debug)]
pub struct AutoClaim {
    /// The new owner.
    pub to: ConsumerId,
    /// Only what was idle for so long at least; 0 takes everything.
    pub idle_ms_min: u64,
    /// The first id to look at.
    pub from: StreamId,
    /// Claim and drop no more than this. It looks at ten times as many entries at most.
    pub count: u64,
    /// Do not count this as a delivery (JUSTID).
    pub keep_deliveries: bool,
}

/// What an XAUTOCLAIM did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AutoClaimed {
    /// Where the next one goes on; `0-0` if the list has come to its end.
    pub cursor: StreamId,
    /// What belongs to the new owner.
    pub claimed: Vec<StreamId>,
    /// What was no longer in the stream, and is no longer pending.
    pub dropped: Vec<StreamId>,
}

impl Group {
    /// Claims the entry `id`.
    pub fn claim(&mut self, log: &Log, id: StreamId, claim: Claim, now_ms: u64) -> Claimed {
        if !log.contains(id) {
            return if self.acknowledge(id) { Claimed::Dropped } else { Claimed::No };
        }
        // An entry that becomes pending by force counts as delivered once, and then again by being claimed.
        let pending = match self.pending.get(id) {
            Some(pending) if pending.idle_ms(now_ms) < claim.idle_ms_min => return Claimed::No,
            Some(pending) => *pending,
            None if claim.force => Pending { delivered_ms: now_ms, deliveries: 1, consumer: claim.to },
            None => return Claimed::No,
        };
        let counted = pending.deliveries.wrapping_add(u64::from(!claim.keep_deliveries));
        let deliveries = claim.deliveries.unwrap_or(counted);
        self.give(id, Pending { delivered_ms: claim.delivered_ms, deliveries, consumer: claim.to }, now_ms);
        Claimed::Yes
    }

    /// Claims what was idle for long enough, in the order of ids.
    pub fn auto_claim(&mut self, log: &Log, claim: AutoClaim, now_ms: u64) -> AutoClaimed {
        let AutoClaim { to, idle_ms_min, from, count, keep_deliveries } = claim;
        let mut done = AutoClaimed::default();
        let (mut looks, mut left) = (count.saturating_mul(LOOKS_PER_CLAIM), count);
        let mut next = self.next_pending(from);
        while let Some((id, pending)) = next.filter(|_| looks > 0 && left > 0) {
            looks -= 1;
            if !log.contains(id) {
                self.acknowledge(id);
                done.dropped.push(id);
                left -= 1;
            } else if pending.idle_ms(now_ms) >= idle_ms_min {
                let deliveries = pending.deliveries.wrapping_add(u64::from(!keep_deliveries));
                self.give(id, Pending { delivered_ms: now_ms, deliveries, consumer: to }, now_ms);
                done.claimed.push(id);
                left -= 1;
            }
            next = id.next().and_then(|from| self.next_pending(from));
        }
        done.cursor = next.map_or(StreamId::MIN, |(id, _)| id);
        done
    }

    fn next_pending(&self, from: StreamId) -> Option<(StreamId, Pending)> {
        self.pending.range(from..).next().copied()
    }

    /// Makes an entry pending like this, whoever owned it before.
    fn give(&mut self, id: StreamId, pending: Pending, now_ms: u64) {
        let before = self.pending.insert(id, pending).map(|pending| pending.consumer);
        if before != Some(pending.consumer) {
            if let Some(before) = before {
                self.consumers.get_mut(before).pending.remove(id);
            }
            self.consumers.get_mut(pending.consumer).pending.insert(id, ());
        }
        self.consumers.get_mut(pending.consumer).touch_active(now_ms);
    }
}
