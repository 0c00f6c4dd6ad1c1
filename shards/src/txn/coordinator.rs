//! The coordinator's side of transactions: one per worker, for the connections of that worker.

use std::collections::HashMap;

use super::merge::{Parts, merge};
use super::route::key_stride;
use super::{Lent, Outbox, OwnedCall, Part, Ticket, TxId, TxnMessage};
use crate::args::{Args, OwnedArgs};
use crate::command::keys::KeyPosition;
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
    /// The participants; the order is that of `granted`, `lent` and `replies`.
    shards: Vec<ShardId>,
    /// For each key, in the order of the command, its participant.
    part_of_key: Vec<usize>,
    /// Who has granted this attempt.
    granted: Vec<bool>,
    /// Entries that those have lent.
    lent: Vec<Lent>,
    /// Replies of a `Split` or `All`.
    replies: Vec<Option<Reply>>,
}

/// One per worker.
pub struct Coordinator {
    shard: ShardId,
    clock: u64,
    txns: HashMap<TxId, Txn>,
    /// The keys of the command at hand; kept for its memory.
    positions: Vec<KeyPosition>,
}

impl Coordinator {
    /// The coordinator of the worker that owns `shard`.
    pub fn new(shard: ShardId) -> Coordinator {
        Coordinator { shard, clock: 0, txns: HashMap::new(), positions: Vec::new() }
    }

    /// The number of transactions under way.
    pub fn transactions(&self) -> usize {
        self.txns.len()
    }

    /// Starts a transaction. `owner` is the slot map. The result comes by [`Coordinator::handle`], with `ticket`.
    #[expect(
        clippy::too_many_arguments,
        reason = "what to do, for whom, and the worker's own parts, each borrowed"
    )]
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
        self.find_keys(&call);
        let mut shards: Vec<ShardId> = Vec::new();
        let mut part_of_key = Vec::with_capacity(self.positions.len());
        for position in &self.positions {
            let at = owner(SlotId::of(call.args.as_args().get(position.index)));
            part_of_key.push(shards.iter().position(|&known| known == at).unwrap_or_else(|| {
                shards.push(at);
                shards.len() - 1
            }));
        }
        if method == Method::All {
            shards = (0..shard_count).map(|shard| ShardId(shard as u16)).collect();
        }
        let granted = vec![false; shards.len()];
        let lent = shards.iter().map(|_| Lent::new()).collect();
        let replies = shards.iter().map(|_| None).collect();
        let txn = Txn { ticket, call, method, shards, part_of_key, granted, lent, replies };
        self.lock(txn, shard, out);
    }

    /// Asks for all locks, under a new number. `positions` are the keys of the transaction's command.
    fn lock(&mut self, txn: Txn, shard: &Shard, out: &mut Outbox) {
        self.clock = self.clock.max(shard.latest_txid().clock()) + 1;
        let txid = TxId(self.clock << 16 | u64::from(self.shard.0));
        let lock = |part| TxnMessage::Lock(txid, part);
        match txn.method {
            Method::Split => {
                let parts = split(&txn, &self.positions).map(|call| lock(Part::Run(call)));
                out.extend(txn.shards.iter().copied().zip(parts));
            }
            Method::Gather => {
                let mut keys = vec![OwnedArgs::default(); txn.shards.len()];
                for (position, &part) in self.positions.iter().zip(&txn.part_of_key) {
                    keys[part].push(txn.call.args.as_args().get(position.index));
                }
                let parts = keys.into_iter().map(|keys| lock(Part::Lend(txn.call.db, keys)));
                out.extend(txn.shards.iter().copied().zip(parts));
            }
            Method::All => {
                let parts = txn.shards.iter().map(|&shard| (shard, lock(Part::Whole(txn.call.clone()))));
                out.extend(parts);
            }
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
                    out.extend(lent.map(|lent| (from, TxnMessage::Cancel(txid, Some(lent)))));
                    return None;
                };
                let part = txn.part(from)?;
                txn.granted[part] = true;
                txn.lent[part] = lent.unwrap_or_default();
                if !txn.granted.iter().all(|&granted| granted) {
                    return None;
                }
                if txn.method == Method::Gather {
                    let txn = self.txns.remove(&txid)?;
                    return Some(self.run_gathered(txid, txn, shard, out));
                }
                out.extend(txn.shards.iter().map(|&shard| (shard, TxnMessage::Run(txid))));
                None
            }
            TxnMessage::Refused(txid, latest) => {
                self.clock = self.clock.max(latest.clock());
                let mut txn = self.txns.remove(&txid)?;
                for (part, &shard) in txn.shards.iter().enumerate() {
                    let is_lent = std::mem::take(&mut txn.granted[part]) && txn.method == Method::Gather;
                    let lent = is_lent.then(|| std::mem::take(&mut txn.lent[part]));
                    if shard != from {
                        out.push((shard, TxnMessage::Cancel(txid, lent)));
                    }
                }
                self.find_keys(&txn.call);
                self.lock(txn, shard, out);
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
                merge(&txn.call.command.spec, &parts, || shard.random_bits(), &mut reply);
                Some((txn.ticket, reply))
            }
            _ => {
                debug_assert!(false, "a message for a participant");
                None
            }
        }
    }

    fn find_keys(&mut self, call: &OwnedCall) {
        self.positions.clear();
        call.command.spec.key_positions(call.args.as_args(), &mut self.positions);
    }

    /// Runs the command on the coordinator's shard with every entry present, and sends the entries home.
    fn run_gathered(&mut self, txid: TxId, txn: Txn, shard: &mut Shard, out: &mut Outbox) -> (Ticket, Reply) {
        let Txn { ticket, call, shards, part_of_key, lent, .. } = txn;
        for lent in lent {
            shard.take_back(call.db, lent);
        }
        let mut reply = Reply::new(call.resp3);
        shard.execute(call.as_call(), &mut reply);
        self.find_keys(&call);
        for (part, &owner) in shards.iter().enumerate() {
            let of_part = self.positions.iter().zip(&part_of_key).filter(|&(_, &of)| of == part);
            let lent = shard.lend(call.db, of_part.map(|(key, _)| call.args.as_args().get(key.index)));
            out.push((owner, TxnMessage::Restore(txid, lent)));
        }
        (ticket, reply)
    }
}

impl Txn {
    fn part(&self, shard: ShardId) -> Option<usize> {
        self.shards.iter().position(|&known| known == shard)
    }
}

/// The command of each participant: the name, the arguments before the first key, and its own keys with what
/// belongs to them.
fn split<'t>(txn: &'t Txn, positions: &[KeyPosition]) -> impl Iterator<Item = OwnedCall> + use<'t> {
    let args: Args<'_> = txn.call.args.as_args();
    let first = positions.first().map_or(args.len(), |position| position.index);
    let stride = key_stride(positions, args.len());
    let places = || {
        let keys = positions.iter().zip(&txn.part_of_key);
        keys.flat_map(|(key, &part)| (key.index..key.index + stride).map(move |index| (index, part)))
    };
    let copied = |range: std::ops::Range<usize>| range.map(|index| args.value(index).copied_bytes()).sum();
    let mut sizes: Vec<(usize, usize)> = vec![(first, copied(0..first)); txn.shards.len()];
    for (index, part) in places() {
        sizes[part].0 += 1;
        sizes[part].1 += args.value(index).copied_bytes();
    }
    let room = |(count, bytes)| OwnedArgs::with_capacity(count, bytes);
    let mut split: Vec<OwnedArgs> = sizes.into_iter().map(room).collect();
    for part in &mut split {
        (0..first).for_each(|index| part.push_value(args.value(index)));
    }
    for (index, part) in places() {
        split[part].push_value(args.value(index));
    }
    let OwnedCall { command, db, client, touch, resp3, .. } = txn.call;
    split.into_iter().map(move |args| OwnedCall { command, db, slot: None, client, touch, resp3, args })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::FAMILIES;
    use crate::db::DbIndex;
    use crate::shard::ShardConfig;
    use crate::watch::ClientId;

    /// The messages of a transaction on the shards 1 and 2, coordinated by worker 0, up to its first locks.
    fn started(line: &str, method: Method) -> (Coordinator, Shard, Outbox) {
        let (id, hash_seeds) = (ShardId(0), [1, 2, 3, 4]);
        let shard = Shard::new(&ShardConfig {
            id,
            databases: 1,
            hash_seeds,
            random_seed: 1,
            string_len_max: 512 << 20,
        });
        let args: OwnedArgs = line.split(' ').collect();
        let mut rows = FAMILIES.iter().copied().flatten();
        let command = rows.find(|row| row.spec.name.as_bytes() == &args.as_args()[0]).unwrap();
        let (db, client) = (DbIndex(0), ClientId(1));
        let call = OwnedCall { command, db, slot: None, client, touch: true, resp3: false, args };
        let ticket = Ticket { worker: id, connection: 0, seq: 0 };
        let owner = |slot| if slot == SlotId::of(b"a") { ShardId(1) } else { ShardId(2) };
        let (mut coordinator, mut out) = (Coordinator::new(id), Outbox::new());
        coordinator.start(method, call, ticket, 3, owner, &shard, &mut out);
        (coordinator, shard, out)
    }

    fn words(args: &OwnedArgs) -> String {
        let words: Vec<_> = args.as_args().iter_from(0).map(String::from_utf8_lossy).collect();
        words.join(" ")
    }

    /// The number of the transaction that all these locks belong to, and what each participant locks.
    fn locks(out: &Outbox) -> (TxId, Vec<(u16, String)>) {
        let lock = |(to, message): &(ShardId, TxnMessage)| match message {
            TxnMessage::Lock(txid, Part::Run(call)) => (*txid, (to.0, words(&call.args))),
            TxnMessage::Lock(txid, Part::Lend(_, keys)) => (*txid, (to.0, words(keys))),
            _ => panic!("only keys are locked"),
        };
        let (txids, parts): (Vec<TxId>, Vec<_>) = out.iter().map(lock).unzip();
        assert!(txids.iter().all(|&txid| txid == txids[0]));
        (txids[0], parts)
    }

    #[test]
    fn each_participant_gets_its_keys_and_what_belongs_to_them() {
        let (_, _, out) = started("mset a 1 b 2 a 3 c 4", Method::Split);
        assert_eq!(locks(&out).1, [(1, "mset a 1 a 3".into()), (2, "mset b 2 c 4".into())]);
        let (_, _, out) = started("msetnx b 2 a 1 c 3", Method::Gather);
        assert_eq!(locks(&out).1, [(2, "b c".into()), (1, "a".into())]);
    }

    #[test]
    fn a_refused_transaction_starts_again_above_every_number_that_was_seen() {
        let (mut coordinator, mut shard, mut out) = started("mset a 1 b 2", Method::Split);
        let (txid, parts) = locks(&out);
        out.clear();
        let latest = TxId(700 << 16 | 9);
        let refused = TxnMessage::Refused(txid, latest);
        assert!(coordinator.handle(ShardId(1), refused, &mut shard, &mut out).is_none());
        assert!(
            matches!(out.remove(0), (ShardId(2), TxnMessage::Cancel(cancelled, None)) if cancelled == txid)
        );
        let (next, next_parts) = locks(&out);
        assert!(next > latest);
        assert_eq!(next_parts, parts);
        // The second refusal of the same attempt changes nothing.
        out.clear();
        coordinator.handle(ShardId(2), TxnMessage::Refused(txid, latest), &mut shard, &mut out);
        assert_eq!((out.len(), coordinator.transactions()), (0, 1));
    }

    #[test]
    fn entries_that_arrive_after_a_refusal_go_home() {
        let (mut coordinator, mut shard, mut out) = started("msetnx a 1 b 2", Method::Gather);
        let (txid, _) = locks(&out);
        coordinator.handle(ShardId(1), TxnMessage::Refused(txid, txid), &mut shard, &mut out);
        out.clear();
        let granted = TxnMessage::Granted(txid, Some(Lent::new()));
        assert!(coordinator.handle(ShardId(2), granted, &mut shard, &mut out).is_none());
        assert!(
            matches!(out[..], [(ShardId(2), TxnMessage::Cancel(cancelled, Some(_)))] if cancelled == txid)
        );
    }
}
