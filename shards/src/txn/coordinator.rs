//! The coordinator's side of transactions: one per worker, for the connections of that worker.

use std::collections::HashMap;

use super::merge::{Parts, merge};
use super::{Lent, Outbox, OwnedCall, Part, Ticket, TxId, TxnKey, TxnMessage};
use crate::args::{Args, OwnedArgs};
use crate::command::flags;
use crate::command::keys::{KeyPosition, RO};
use crate::reply::Reply;
use crate::shard::Shard;
use crate::slot::{ShardId, SlotId};

/// How a command over several shards is carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// Each shard runs the command on its own keys; the replies are merged (`request_policy:multi_shard`).
    Split,
    /// All entries are brought to the coordinator's shard and the command runs there.
    Gather,
    /// Every shard runs the whole command (`request_policy:all_shards`).
    All,
}

/// A transaction under way.
struct Txn {
    ticket: Ticket,
    call: OwnedCall,
    method: Method,
    /// The participants; the order is that of `keys`, `lent` and `replies`.
    shards: Vec<ShardId>,
    keys: Vec<Vec<TxnKey>>,
    /// For each key of a `Split`, in the order of the command, its participant.
    part_of_key: Vec<usize>,
    /// Lent entries, or `None` while the grant is missing.
    granted: Vec<Option<Lent>>,
    /// Replies of a `Split` or `All`.
    replies: Vec<Option<Reply>>,
}

/// One per worker.
pub struct Coordinator {
    shard: ShardId,
    clock: u64,
    txns: HashMap<TxId, Txn>,
}

impl Coordinator {
    /// The coordinator of the worker that owns `shard`.
    pub fn new(shard: ShardId) -> Coordinator {
        Coordinator { shard, clock: 0, txns: HashMap::new() }
    }

    /// The number of transactions under way.
    pub fn transactions(&self) -> usize {
        self.txns.len()
    }

    /// Starts a transaction. `owner` is the slot map. The result comes by [`Coordinator::handle`], with `ticket`.
    pub fn start(
        &mut self,
        method: Method,
        call: OwnedCall,
        ticket: Ticket,
        shard_count: usize,
        owner: impl Fn(SlotId) -> ShardId,
        shard: &Shard,
        out: &mut Outbox,
    ) {
        let mut positions = Vec::new();
        call.command.spec.key_positions(call.args.as_args(), &mut positions);
        let may_write = call.command.spec.has(flags::WRITE);
        let mut shards: Vec<ShardId> = Vec::new();
        let mut keys: Vec<Vec<TxnKey>> = Vec::new();
        let mut part_of_key = Vec::new();
        for position in &positions {
            let bytes = call.args.as_args().get(position.index);
            let at = owner(SlotId::of(bytes));
            let part = shards.iter().position(|&known| known == at).unwrap_or_else(|| {
                shards.push(at);
                keys.push(Vec::new());
                shards.len() - 1
            });
            let write = may_write && position.flags & RO == 0;
            part_of_key.push(part);
            let known = keys[part].iter_mut().find(|key| method == Method::Gather && key.bytes == bytes);
            match known {
                Some(key) => key.write |= write,
                None => keys[part].push(TxnKey { db: call.db, bytes: bytes.to_vec(), write }),
            }
        }
        if method == Method::All {
            shards = (0..shard_count).map(|shard| ShardId(shard as u16)).collect();
            keys = vec![Vec::new(); shard_count];
        }
        let granted = shards.iter().map(|_| None).collect();
        let replies = shards.iter().map(|_| None).collect();
        let txn = Txn { ticket, call, method, shards, keys, part_of_key, granted, replies };
        self.lock(txn, &positions, shard, out);
    }

    fn lock(&mut self, txn: Txn, positions: &[KeyPosition], shard: &Shard, out: &mut Outbox) {
        self.clock = self.clock.max(shard.latest_txid().0 >> 16) + 1;
        let txid = TxId(self.clock << 16 | u64::from(self.shard.0));
        let mut calls = match txn.method {
            Method::Split => split(&txn, positions),
            _ => Vec::new(),
        };
        for (part, &shard) in txn.shards.iter().enumerate().rev() {
            let message = match txn.method {
                Method::Split => {
                    Part::Run(txn.keys[part].clone(), calls.pop().expect("one call for each participant"))
                }
                Method::Gather => Part::Lend(txn.keys[part].clone()),
                Method::All => Part::Whole(txn.call.clone()),
            };
            out.push((shard, TxnMessage::Lock(txid, message)));
        }
        self.txns.insert(txid, txn);
    }

    /// Handles a message to this coordinator. A finished transaction's ticket and reply are returned.
    pub fn handle(
        &mut self,
        from: ShardId,
        message: TxnMessage,
        shard: &mut Shard,
        out: &mut Outbox,
    ) -> Option<(Ticket, Reply)> {
        match message {
            TxnMessage::Granted(txid, lent) => {
                let Some(txn) = self.txns.get_mut(&txid) else {
                    // Cancelled meanwhile: what was lent goes home.
                    out.push((from, TxnMessage::Cancel(txid, lent)));
                    return None;
                };
                let part = txn.part(from)?;
                txn.granted[part] = Some(lent);
                if txn.granted.iter().any(Option::is_none) {
                    return None;
                }
                if txn.method == Method::Gather {
                    let txn = self.txns.remove(&txid)?;
                    return Some(run_gathered(txid, txn, shard, out));
                }
                out.extend(txn.shards.iter().map(|&shard| (shard, TxnMessage::Run(txid))));
                None
            }
            TxnMessage::Refused(txid, latest) => {
                self.clock = self.clock.max(latest.0 >> 16);
                let mut txn = self.txns.remove(&txid)?;
                for part in 0..txn.shards.len() {
                    let lent = txn.granted[part].take();
                    // Those that have lent entries get them back now; those whose grant is still on its way get
                    // theirs when it arrives, unless they only wait or lend nothing.
                    if txn.shards[part] == from {
                        continue;
                    }
                    if lent.is_some() || txn.method != Method::Gather {
                        let lent = lent.unwrap_or_default();
                        out.push((txn.shards[part], TxnMessage::Cancel(txid, lent)));
                    }
                }
                let mut positions = Vec::new();
                txn.call.command.spec.key_positions(txn.call.args.as_args(), &mut positions);
                self.lock(txn, &positions, shard, out);
                None
            }
            TxnMessage::Done(txid, reply) => {
                let txn = self.txns.get_mut(&txid)?;
                let part = txn.part(from)?;
                txn.replies[part] = Some(reply);
                if txn.replies.iter().any(Option::is_none) {
                    return None;
                }
                let txn = self.txns.remove(&txid)?;
                let replies: Vec<Reply> = txn.replies.into_iter().flatten().collect();
                let mut reply = Reply::new(txn.call.resp3);
                let parts = Parts { replies: &replies, part_of_key: &txn.part_of_key };
                merge(txn.call.command.spec.response_policy, &parts, &mut reply);
                Some((txn.ticket, reply))
            }
            _ => {
                debug_assert!(false, "a message for a participant");
                None
            }
        }
    }
}

impl Txn {
    fn part(&self, shard: ShardId) -> Option<usize> {
        self.shards.iter().position(|&known| known == shard)
    }
}

/// Runs the command on the coordinator's shard with every entry present, and sends the entries home.
fn run_gathered(txid: TxId, mut txn: Txn, shard: &mut Shard, out: &mut Outbox) -> (Ticket, Reply) {
    for (keys, lent) in txn.keys.iter().zip(&mut txn.granted) {
        shard.take_back(keys, lent.take().unwrap_or_default());
    }
    let mut reply = Reply::new(txn.call.resp3);
    shard.execute(txn.call.as_call(), &mut reply);
    for (keys, &owner) in txn.keys.iter().zip(&txn.shards) {
        out.push((owner, TxnMessage::Restore(txid, shard.give_back(keys))));
    }
    (txn.ticket, reply)
}

/// The command of each participant: the name, the arguments before the first key, and its own keys with what
/// belongs to them.
fn split(txn: &Txn, positions: &[KeyPosition]) -> Vec<OwnedCall> {
    let args: Args<'_> = txn.call.args.as_args();
    let mut split: Vec<OwnedArgs> = vec![OwnedArgs::default(); txn.shards.len()];
    let first = positions.first().map_or(args.len(), |position| position.index);
    let stride = match positions {
        [first, second, ..] => second.index - first.index,
        _ => args.len() - first,
    };
    for index in 0..first {
        split.iter_mut().for_each(|part| part.push_value(args.value(index)));
    }
    for (position, &part) in positions.iter().zip(&txn.part_of_key) {
        for index in position.index..position.index + stride {
            split[part].push_value(args.value(index));
        }
    }
    let OwnedCall { command, db, touch, resp3, .. } = txn.call;
    let call = |args| OwnedCall { command, db, slot: None, touch, resp3, args };
    split.into_iter().map(call).collect()
}
