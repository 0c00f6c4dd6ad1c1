//! Clients that go from one worker to another: descriptor, session, what has been read, and replies that have not been sent.
//!
//! A client goes when nothing of it is under way. From the moment when it can be spared it executes nothing more, and then:
//!
//! 1. All replies that it awaits have come.
//! 2. Its next worker is told of it (`HandOverQuestion::Expect`), and lists it from now on, as this one does.
//! 3. All workers are asked for a fence (`HandOverQuestion::Fence`). Hops of two workers keep their order, so when all have answered
//!    all that was sent for the client here has been taken where it went: an UNWATCH cannot come behind a later WATCH that
//!    goes out from the next worker. And whoever asks about clients has asked this worker before, or asks the next one
//!    behind the announcement, so CLIENT LIST and CLIENT KILL find the client in any case. Those that find it twice count
//!    it once.
//! 4. The ring lets go of the socket: the receive is cancelled, a send comes to its end, and none is begun.
//! 5. The client travels in one hop. Its number here is free again, and what may still come for that finds nobody.
//!
//! WATCH is known to the shards by the client's own number and needs nothing. Who subscribes or tracks is known to its worker
//! alone, by its number there, so such a client is not spared: it is served here until it does neither, and goes then.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use shards::router::step::Waiting;
use shards::router::wire::TakenReplies;
use shards::slot::ShardId;
use shards::txn::Ticket;
use shards::watch::ClientId;

use super::Worker;
use crate::mesh::Hop;
use crate::session::client::LargeReply;
use crate::session::filter::ClientFilter;
use crate::session::hand_over::{Expected, HandOver, HandOverQuestion, Travelling};
use crate::session::inquiry::{Answer, Question};
use crate::session::order::{Closing, Departure, DepartureStage};

impl Worker {
    /// Has a client go to another worker as soon as that is possible.
    pub(super) fn hand_over(&mut self, index: u32, to: ShardId) {
        let is_here = to == self.id;
        let client = self.clients.at(index);
        let has_begun = client.departure.is_some_and(|departure| departure.stage != DepartureStage::Wanted);
        // Whoever reads the replies of one of the server's own knows it by its number here.
        if is_here || has_begun || !client.is_normal() {
            return;
        }
        client.departure = Some(Departure { to, stage: DepartureStage::Wanted });
        if client.can_be_spared() {
            client.waiting = Waiting::HandOver;
        }
        self.clients.look_at(index);
    }

    /// Takes a client that shall go one step further. True when it has gone.
    #[cold]
    pub(super) fn depart(&mut self, index: u32) -> bool {
        let client = self.clients.at(index);
        let Some(departure) = client.departure else { return false };
        if client.closing.is_some() {
            self.stay(index, departure);
            return false;
        }
        if client.can_be_spared() {
            client.waiting = Waiting::HandOver;
        }
        let is_waiting = matches!(client.waiting, Waiting::HandOver);
        if !is_waiting || !client.replies.is_settled() || self.node.stopping.load(Ordering::Relaxed) {
            return false;
        }
        match departure.stage {
            DepartureStage::Wanted => {
                let id = client.session.id;
                if self.router.will_unwatch(ClientId(id), index) {
                    return false;
                }
                let expected = Expected::of(client, departure.to, self.now_ms);
                self.ask_on_the_way(index, DepartureStage::Announced, HandOverQuestion::Expect(expected));
                false
            }
            DepartureStage::Announced => {
                self.ask_on_the_way(index, DepartureStage::Fenced, HandOverQuestion::Fence);
                false
            }
            DepartureStage::Fenced if client.is_at_rest() => {
                self.send_off(index, departure.to);
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
    fn stay(&mut self, index: u32, departure: Departure) {
        let client = self.clients.at(index);
        client.departure = None;
        if matches!(client.waiting, Waiting::HandOver) {
            client.waiting = Waiting::No;
        }
        if departure.stage != DepartureStage::Wanted {
            let id = client.session.id;
            self.mesh.send(departure.to, Hop::HandOver(HandOver::Stays(id)));
        }
    }

    fn send_off(&mut self, index: u32, to: ShardId) {
        // They lie before all that the client will get from now on, on its new worker.
        for LargeReply { shard, bytes, .. } in self.clients.at(index).take_all_told() {
            self.say_taken(shard, TakenReplies { connection: index, bytes, is_gone: false });
        }
        let Some(client) = self.clients.remove(index) else { return };
        self.client_count -= 1;
        let travelling = Box::new(Travelling::of(*client));
        let bytes = travelling.bytes_held();
        self.mesh.send_sized(to, Hop::HandOver(HandOver::Comes(travelling)), bytes);
    }

    /// Takes what another worker says of a client that was announced.
    pub(super) fn take_hand_over(&mut self, hand_over: HandOver) {
        match hand_over {
            HandOver::Stays(id) => _ = self.take_expected(id),
            HandOver::Comes(travelling) => {
                let expected = self.take_expected(travelling.id());
                let (client, ready) = travelling.arrive();
                let index = self.take_in(client);
                let client = self.clients.at(index);
                client.replies.set_resp3(client.session.resp3);
                client.replies.ready().append(ready.bytes(), ready.blobs());
                if expected.is_some_and(|expected| expected.is_killed) {
                    client.closing = Some(Closing::Now);
                    self.leave(index);
                }
                self.clients.look_at(index);
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
            self.expected.push(Arc::clone(expected));
        }
    }

    fn take_expected(&mut self, id: u64) -> Option<Arc<Expected>> {
        let at = self.expected.iter().position(|expected| expected.id == id)?;
        Some(self.expected.swap_remove(at))
    }

    /// CLIENT KILL of clients that will come: their numbers in the process.
    pub(super) fn kill_expected(&mut self, filter: &ClientFilter) -> Vec<u64> {
        let meant = self.expected.iter_mut().filter(|expected| expected.is_meant(filter));
        let kill = |expected: &mut Arc<Expected>| {
            Arc::make_mut(expected).is_killed = true;
            expected.id
        };
        meant.map(kill).collect()
    }
}
