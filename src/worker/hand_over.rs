//! Clients that go from one worker to another: descriptor, session, what has been read, and replies that have
//! not been sent.
//!
//! A client goes when nothing of it is under way. From the moment when it can be spared it executes nothing
//! more, and then:
//!
//! 1. All replies that it awaits have come, and it has taken them. One that does not in time stays
//!    (`Worker::refuse_hand_over`).
//! 2. Its next worker is told of it (`HandOverQuestion::Expect`), and lists it from now on, as this one does.
//!    Nothing more is sent to it here, so what follows depends on nobody but the workers and the kernel.
//! 3. All workers are asked for a fence (`HandOverQuestion::Fence`). Hops of two workers keep their order, so
//!    when all have answered all that was sent for the client here has been taken where it went: an UNWATCH
//!    cannot come behind a later WATCH that goes out from the next worker. And whoever asks about clients has
//!    asked this worker before, or asks the next one behind the announcement, so CLIENT LIST, CLIENT KILL and
//!    CLIENT TRACKING REDIRECT find the client in any case. Those that find it twice count it once. Either
//!    worker may end its journey, and both see that at once ([`crate::node::journey`]).
//! 4. The ring lets go of the socket: the receive is cancelled.
//! 5. The client travels in one hop. Its number here is free again, and what may still come for that finds
//!    nobody.
//! 6. Its next worker sends what it has been told meanwhile, and the reply to what has asked for all this, in
//!    their order.
//!
//! WATCH is known to the shards by the client's own number and needs nothing, and who redirects to the client
//! finds it (`redirection.rs`). Who subscribes or tracks is known to its worker alone, by its number there,
//! so such a client is not spared: it is served here until it does neither, and goes then.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use shards::error::CommandError;
use shards::reply::Reply;
use shards::router::session::ReplyPlace;
use shards::router::step::Waiting;
use shards::router::wire::TakenReplies;
use shards::slot::ShardId;
use shards::txn::Ticket;
use shards::watch::ClientId;

use super::Worker;
use crate::mesh::Hop;
use crate::session::client::{Client, LargeReply};
use crate::session::filter::ClientFilter;
use crate::session::hand_over::{Coming, Expected, HandOver, HandOverQuestion, Travelling};
use crate::session::inquiry::{Answer, Question};
use crate::session::order::{Closing, Departure, DepartureStage};
use crate::tracking::kept::KeptCopies;
use crate::worker::invalidations::push_copies;

impl Worker {
    /// Has a client go to another worker as soon as that is possible. The reply is written, or has a place
    /// and comes when the client is there. From within a transaction it goes when that is over; who
    /// subscribes or tracks, when it does neither: these have their reply before, as they could not end it
    /// otherwise.
    pub(super) fn hand_over(&mut self, index: u32, to: ShardId, place: ReplyPlace, reply: &mut Reply) {
        let client = self.clients.at(index);
        // Whoever reads the replies of one of the server's own knows it by its number here.
        let stays = to == self.id || !client.is_normal();
        let goes_now = matches!(place, ReplyPlace::Queue) && client.can_be_spared();
        if stays || !goes_now {
            reply.ok();
        }
        if stays {
            client.departure = None;
            return;
        }
        let place = goes_now.then(|| client.replies.reserve(client.session.reply_mode.is_wanted()));
        client.departure = Some(Box::new(Departure::wanted(to, place)));
        client.wait_for_hand_over(self.now_ms);
        self.clients.look_at(index);
    }

    /// Has a client that may be moved served by another worker, and counted there from now on. Nobody has
    /// asked for it, and nobody is told.
    pub(super) fn move_client(&mut self, index: u32, to: ShardId) {
        let client = self.clients.at(index);
        client.seat = self.node.client_workers.seat(to);
        client.departure = Some(Box::new(Departure::wanted(to, None)));
        client.wait_for_hand_over(self.now_ms);
        self.clients.look_at(index);
    }

    /// Takes a client that shall go one step further. True when it has gone.
    #[cold]
    pub(super) fn depart(&mut self, index: u32) -> bool {
        let client = self.clients.at(index);
        if client.closing.is_some() {
            self.stay(index);
            return false;
        }
        client.wait_for_hand_over(self.now_ms);
        if !client.is_settled() || self.node.stopping.load(Ordering::Relaxed) {
            return false;
        }
        let Some(departure) = &client.departure else { return false };
        match departure.stage {
            DepartureStage::Wanted if client.is_sent() => {
                let id = client.session.id;
                if self.router.will_unwatch(ClientId(id), index) {
                    return false;
                }
                let expected = Expected::of(client, departure, self.now_ms);
                client.seat = self.node.client_workers.seat(expected.to);
                self.ask_on_the_way(index, DepartureStage::Announced, HandOverQuestion::Expect(expected));
                false
            }
            DepartureStage::Wanted => false,
            DepartureStage::Announced => {
                self.ask_on_the_way(index, DepartureStage::Fenced, HandOverQuestion::Fence);
                false
            }
            DepartureStage::Fenced if client.is_at_rest() => {
                self.send_off(index);
                true
            }
            DepartureStage::Fenced => {
                client.let_go(&mut self.ring);
                false
            }
        }
    }

    /// Asks all workers on behalf of a client, which gets no reply.
    fn ask_on_the_way(&mut self, index: u32, stage: DepartureStage, question: HandOverQuestion) {
        let client = self.clients.at(index);
        if let Some(departure) = &mut client.departure {
            departure.stage = stage;
        }
        let ticket = Ticket { worker: self.id, connection: index, seq: client.replies.reserve(false) };
        if let Some(reply) = self.ask_with_ticket(ticket, &Question::HandOver(question), Box::new(|_, _| ()))
        {
            self.deliver(ticket, &reply);
        }
        self.clients.look_at(index);
    }

    /// The client is being closed, here.
    fn stay(&mut self, index: u32) {
        let Some(departure) = self.end_departure(index) else { return };
        if let Some(seq) = departure.place {
            self.answer_departure(index, seq, &Reply::default());
        }
        if departure.is_announced() {
            let id = self.clients.at(index).session.id;
            self.mesh.send(departure.to, Hop::HandOver(HandOver::Stays(id)));
        }
    }

    /// The client has not become ready to go in time, and goes on here.
    pub(super) fn refuse_hand_over(&mut self, index: u32) {
        let Some(departure) = self.end_departure(index) else { return };
        self.clients.at(index).seat = self.node.client_workers.seat(self.id);
        if let Some(seq) = departure.place {
            let mut refusal = Reply::default();
            let text =
                "ERR the connection stays where it is: replies to it are awaited or have not been read";
            refusal.error(&CommandError::other(text));
            self.answer_departure(index, seq, &refusal);
        }
        self.clients.look_at(index);
    }

    fn end_departure(&mut self, index: u32) -> Option<Box<Departure>> {
        let client = self.clients.at(index);
        if matches!(client.waiting, Waiting::HandOver) {
            client.waiting = Waiting::No;
        }
        client.departure.take()
    }

    fn answer_departure(&mut self, index: u32, seq: u32, reply: &Reply) {
        let ticket = Ticket { worker: self.id, connection: index, seq };
        self.deliver(ticket, reply);
    }

    fn send_off(&mut self, index: u32) {
        let Some(departure) = self.end_departure(index) else { return };
        if let Some(seq) = departure.place {
            // Its next worker sends it.
            let mut done = Reply::default();
            done.ok();
            self.answer_departure(index, seq, &done);
        }
        // They lie before all that the client will get from now on, on its new worker.
        for LargeReply { shard, bytes, .. } in self.clients.at(index).take_all_told() {
            self.say_taken(shard, TakenReplies { connection: index, bytes, is_gone: false });
        }
        let Some(client) = self.clients.remove(index) else { return };
        self.client_count -= 1;
        self.send_client(departure.to, *client);
    }

    /// Sends a client to its next worker.
    pub(super) fn send_client(&mut self, to: ShardId, client: Client) {
        let travelling = Box::new(Travelling::of(client));
        let bytes = travelling.bytes_held();
        self.mesh.send_sized(to, Hop::HandOver(HandOver::Comes(travelling)), bytes);
    }

    /// Takes what another worker says of a client that was announced.
    pub(super) fn take_hand_over(&mut self, hand_over: HandOver) {
        match hand_over {
            HandOver::Stays(id) => _ = self.take_expected(id),
            HandOver::Comes(travelling) => {
                let coming = self.take_expected(travelling.id());
                let (client, ready) = travelling.arrive();
                let index = self.take_in(client);
                self.clients.look_at(index);
                let client = self.clients.at(index);
                client.replies.set_resp3(client.session.resp3);
                client.replies.ready().append(ready.bytes(), ready.blobs());
                let Some(Coming { expected, copies }) = coming else { return };
                if expected.journey.is_over() {
                    client.closing = Some(Closing::Now);
                    return self.leave(index);
                }
                copies.into_all().iter().for_each(|copies| push_copies(client, copies, true));
            }
        }
    }

    /// Answers a question about a client that is handed over.
    pub(super) fn answer_hand_over(&mut self, question: &HandOverQuestion) -> Answer {
        match question {
            HandOverQuestion::Expect(expected) => self.expect(expected),
            HandOverQuestion::Fence => {}
        }
        Answer::Done
    }

    /// Takes note of a client that will come.
    fn expect(&mut self, expected: &Arc<Expected>) {
        if expected.to == self.id {
            self.expected.push(Coming { expected: Arc::clone(expected), copies: KeptCopies::default() });
        }
    }

    fn take_expected(&mut self, id: u64) -> Option<Coming> {
        let at = self.expected.iter().position(|coming| coming.expected.id == id)?;
        Some(self.expected.swap_remove(at))
    }

    /// CLIENT KILL of clients that will come: their numbers in the process.
    pub(super) fn kill_expected(&self, filter: &ClientFilter) -> Vec<u64> {
        let expected = self.expected.iter().map(|coming| &coming.expected);
        let kill = |expected: &Arc<Expected>| {
            expected.journey.end();
            expected.id
        };
        expected.filter(|expected| expected.is_meant(filter)).map(kill).collect()
    }
}
