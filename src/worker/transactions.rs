//! MULTI ... EXEC and WATCH of a connection: queueing, and the way of the whole to the shards.
//!
//! The data commands of a transaction run together on one shard ([`shards::txn`]). Commands of the connection or the
//! server among them (PING, CONFIG GET, INFO) touch no keys; they run here when the data commands have, and only if
//! those have, and their replies are put into their places. This file compares no command names.

use std::collections::BTreeMap;

use shards::args::Args;
use shards::command::registry::{Command, Entry, SessionNumber};
use shards::commands::watch::WATCH;
use shards::error::CommandError;
use shards::reply::{Reply, ReplyMark};
use shards::router::coordinator::{Method, Owners};
use shards::router::slot_move::MOVING;
use shards::shard::Call;
use shards::slot::{ShardId, SlotId};
use shards::txn::{Exec, Keys, OwnedCall, Ticket, TxnMessage, Watched};
use shards::watch::ClientId;

use crate::session::client::Client;
use crate::session::command::{Flow, Foreseen, SessionCtx};
use crate::session::order::{Closing, ExecItem, Progress, Waiting};
use crate::session::{QueuedCommands, ReplyMode};
use crate::worker::Worker;

impl Worker {
    /// Queues a command behind MULTI.
    pub(crate) fn queue(&mut self, index: u32, entry: &'static Entry, args: Args<'_>) {
        let Client { session, replies, .. } = self.clients.at(index);
        let Some(queue) = &mut session.queue else { return };
        let args = args.to_owned();
        queue.bytes += args.bytes_held();
        queue.commands.push((entry, args));
        if queue.bytes as u64 > self.config.client_query_buffer_limit_bytes {
            self.close_for_query_limit(index);
        } else if session.reply_mode == ReplyMode::On {
            replies.writer().simple("QUEUED");
        }
    }

    /// EXEC. It waits for all commands before it, and the client for it.
    pub(crate) fn exec(&mut self, index: u32, args: Args<'_>) {
        if self.waits_for_replies(index, args) {
            return;
        }
        let Some(queue) = self.clients.at(index).session.queue.take() else { return };
        if queue.is_refused {
            self.unwatch(index);
            let text = "EXECABORT Transaction discarded because of previous errors.";
            return self.reply_error(index, &CommandError::other(text));
        }
        let (items, mut exec) = self.plan_exec(index, *queue);
        exec.watched = self.take_watched(index);
        let is_data_only = items.iter().all(|item| matches!(item, ExecItem::Data));
        let is_here = self.is_here(&exec);
        let Client { session, replies, waiting, .. } = self.clients.at(index);
        // Where commands of the connection can change CLIENT REPLY, the transaction itself leaves out what is not wanted.
        let wanted = session.reply_mode == ReplyMode::On || !is_data_only;
        if is_here && is_data_only && wanted {
            return self.shard.execute_exec(&exec, replies.writer());
        }
        let seq = if is_data_only { replies.reserve(wanted) } else { replies.reserve_collected() };
        *waiting = Waiting::Reply;
        if !is_data_only {
            session.running = Some(items.len());
            let output = Reply::new(session.resp3);
            let items = items.into_iter();
            *waiting = Waiting::Exec(Box::new(Progress { seq, items, data: None, output, is_over: false }));
        }
        let ticket = Ticket { worker: self.id, connection: index, seq };
        if is_here {
            let mut reply = Reply::default();
            self.shard.execute_exec(&exec, &mut reply);
            self.fill_reserved(ticket, reply.bytes(), reply.blobs());
        } else {
            self.stats.transactions += 1;
            let owners = Owners { owner: &|slot| self.slots.owner(slot), shard_count: self.node.shards };
            self.coordinator.start_exec(Box::new(exec), ticket, owners, &self.shard, &mut self.outbox);
            self.send_outbox();
        }
    }

    /// The queued commands, each with the client that it will find.
    fn plan_exec(&mut self, index: u32, queue: QueuedCommands) -> (Vec<ExecItem>, Exec) {
        let caller = self.caller(index);
        let tracking = self.clients.at(index).session.tracking.clone();
        let mut foreseen = Foreseen::new(&self.config, caller, tracking);
        let mut exec = Exec { resp3: caller.resp3, ..Exec::default() };
        let mut items = Vec::with_capacity(queue.commands.len());
        for (entry, args) in queue.commands {
            items.push(match entry.command {
                Command::Data(command) => {
                    exec.calls.push(OwnedCall { command, slot: None, caller: foreseen.caller(), args });
                    ExecItem::Data
                }
                Command::Session(number) => {
                    if let Some(foresees) = self.session_commands.get(number).foresees {
                        foresees(&mut foreseen, args.as_args());
                    }
                    ExecItem::Session(number, args)
                }
            });
        }
        (items, exec)
    }

    /// True when a transaction concerns this worker's shard alone, and no lock of another can be in its way.
    fn is_here(&mut self, exec: &Exec) -> bool {
        if !self.shard.has_no_locks() {
            return false;
        }
        if self.has_all_slots() {
            return true;
        }
        let mut positions = std::mem::take(&mut self.positions);
        let is_own = |key: &[u8]| self.slots.owner(SlotId::of(key)) == self.id;
        let is_here = exec.watched.keys.iter().all(|(_, key)| is_own(key))
            && exec.calls.iter().all(|call| {
                positions.clear();
                call.command.spec.key_positions(call.args.as_args(), &mut positions);
                !call.command.spec.is_for_all_shards(call.args.as_args())
                    && positions.iter().all(|position| is_own(call.args.as_args().get(position.index)))
            });
        self.positions = positions;
        is_here
    }

    /// Takes a transaction up again for which something has come.
    pub(crate) fn go_on_with_exec(&mut self, index: u32, mut progress: Box<Progress>) {
        let client = self.clients.at(index);
        let Some(arrived) = client.replies.take_part(progress.seq) else {
            client.waiting = Waiting::Exec(progress);
            return;
        };
        let is_wanted = progress.wants_reply(client);
        if progress.data.is_some() {
            if is_wanted {
                progress.output.append(arrived.bytes(), arrived.blobs());
            }
        } else if arrived.bytes().starts_with(b"*") && !arrived.bytes().starts_with(b"*-") {
            if is_wanted {
                progress.output.array(progress.items.len());
            }
            let start = arrived.behind_header();
            progress.data = Some((arrived, start));
        } else {
            // A watched key has changed: nothing runs.
            if is_wanted {
                progress.output.append(arrived.bytes(), arrived.blobs());
            }
            return self.end_exec(index, progress.seq, &progress.output);
        }
        while let Some(item) = progress.items.next() {
            let client = self.clients.at(index);
            progress.is_over = client.closing.is_some();
            match item {
                ExecItem::Data => progress.copy_element(client),
                ExecItem::Session(number, args) => {
                    if !self.run_in_exec(index, number, args.as_args(), &mut progress) {
                        self.clients.at(index).waiting = Waiting::Exec(progress);
                        return;
                    }
                }
            }
        }
        self.end_exec(index, progress.seq, &progress.output);
    }

    fn end_exec(&mut self, index: u32, seq: u32, reply: &Reply) {
        let Client { session, replies, waiting, .. } = self.clients.at(index);
        *waiting = Waiting::Reply;
        session.running = None;
        session.forget_caching();
        let is_finished = replies.finish(seq, reply.bytes(), reply.blobs());
        replies.set_resp3(session.resp3);
        if !is_finished {
            self.reply_is_lost(Ticket { worker: self.id, connection: index, seq });
        }
        self.clients.look_at(index);
    }

    /// Runs a command of the connection or the server inside a transaction. False when its reply is to come.
    fn run_in_exec(
        &mut self,
        index: u32,
        number: SessionNumber,
        args: Args<'_>,
        progress: &mut Progress,
    ) -> bool {
        let mark = progress.output.mark();
        let mut ctx = SessionCtx {
            reply: &mut progress.output,
            client: self.clients.at(index),
            node: self.node,
            config: &self.config,
            now_ms: self.now_ms,
        };
        let flow = (self.session_commands.get(number).run)(&mut ctx, args);
        // Acknowledgements are pushes, which CLIENT REPLY OFF does not hold back.
        let is_push = matches!(flow, Ok(Flow::Subscribe(_) | Flow::Unsubscribe(_)));
        let is_there = self.follow_in_exec(index, flow, args, progress, mark);
        if !is_push && !progress.wants_reply(self.clients.at(index)) {
            progress.output.truncate(mark);
        }
        is_there
    }

    /// What comes after a session command inside a transaction. False when its reply is to come.
    fn follow_in_exec(
        &mut self,
        index: u32,
        flow: Result<Flow, CommandError>,
        args: Args<'_>,
        progress: &mut Progress,
        mark: ReplyMark,
    ) -> bool {
        match flow {
            Ok(Flow::ShowSlots) => {
                self.show_slots(&mut progress.output);
                true
            }
            Ok(Flow::MoveSlot(..)) => {
                let text = "ERR DEBUG SLOT-MOVE is not possible inside a transaction";
                progress.output.error(&CommandError::other(text));
                true
            }
            // It goes when the transaction is over.
            Ok(Flow::HandOver(to)) => {
                self.hand_over(index, to);
                true
            }
            Ok(Flow::Track(change)) => {
                self.set_tracking(index, change, None);
                true
            }
            Ok(Flow::Done | Flow::Later | Flow::Unwatch | Flow::Watch | Flow::Exec | Flow::Reset) => true,
            Ok(Flow::Subscribe(kind)) => {
                self.subscribe(index, kind, args, &mut progress.output);
                true
            }
            Ok(Flow::Unsubscribe(kind)) => {
                self.unsubscribe(index, kind, args, &mut progress.output);
                true
            }
            Ok(Flow::Publish(kind)) => {
                let ticket = Ticket { worker: self.id, connection: index, seq: progress.seq };
                let receivers = self.publish_with_ticket(ticket, kind, args);
                if let Some(receivers) = receivers {
                    progress.output.len_int(receivers);
                }
                receivers.is_some()
            }
            Ok(Flow::Close) => {
                self.clients.at(index).closing = Some(Closing::AfterReplies);
                true
            }
            Ok(Flow::Ask(question, finish)) => {
                let ticket = Ticket { worker: self.id, connection: index, seq: progress.seq };
                let answer = self.ask_with_ticket(ticket, &question, finish);
                let is_there = answer.is_some();
                if let Some(reply) = answer {
                    progress.output.append(reply.bytes(), reply.blobs());
                }
                is_there
            }
            Err(error) => {
                progress.output.truncate(mark);
                progress.output.error(&error);
                true
            }
        }
    }

    /// WATCH. It waits for all commands before it, and the client for it.
    pub(crate) fn watch(&mut self, index: u32, args: Args<'_>) {
        if self.waits_for_replies(index, args) {
            return;
        }
        let (at, has_all_slots) = (self.at(index), self.has_all_slots());
        let Client { session, replies, .. } = self.clients.at(index);
        for key in args.iter_from(1) {
            session.watched.push(session.db, key);
        }
        if has_all_slots && session.reply_mode == ReplyMode::On {
            let call = Call { command: &WATCH, slot: None, caller: session.caller(at), args };
            return self.shard.execute(call, replies.writer());
        }
        self.start_txn(index, Method::Split, &WATCH, args);
    }

    /// Forgets what the client watches.
    pub(crate) fn unwatch(&mut self, index: u32) {
        let watched = self.take_watched(index);
        if !watched.keys.is_empty() {
            self.unwatch_keys(&watched);
            self.send_outbox();
        }
    }

    /// Puts into the outbox what the owners of watched keys are told.
    pub(crate) fn unwatch_keys(&mut self, watched: &Watched) {
        let client = watched.client;
        let mut of_shard: BTreeMap<ShardId, Keys> = BTreeMap::new();
        for (db, key) in watched.keys.iter() {
            of_shard.entry(self.slots.owner(SlotId::of(key))).or_default().push(db, key);
        }
        if let Some(keys) = of_shard.remove(&MOVING) {
            self.unwatch_later.push(Watched { client, keys });
        }
        let unwatch = |(shard, keys)| (shard, TxnMessage::Unwatch(Watched { client, keys }));
        self.outbox.extend(of_shard.into_iter().map(unwatch));
    }

    fn take_watched(&mut self, index: u32) -> Watched {
        let session = &mut self.clients.at(index).session;
        Watched { client: ClientId(session.id), keys: std::mem::take(&mut session.watched) }
    }
}

impl Progress {
    /// Whether the client gets what is written now: with CLIENT REPLY OFF among the commands of a transaction it gets the
    /// elements before it alone, as in Redis.
    fn wants_reply(&self, client: &Client) -> bool {
        client.session.reply_mode != ReplyMode::Off && !self.is_over
    }

    fn copy_element(&mut self, client: &Client) {
        let is_wanted = self.wants_reply(client);
        if let Some((data, at)) = &mut self.data {
            let end = data.element_end(*at);
            if is_wanted {
                self.output.append_part(data, *at, end);
            }
            *at = end;
        }
    }
}
