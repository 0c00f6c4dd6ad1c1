//! The clients of one worker, by their numbers. A client stays in its place while its commands run, so
//! whatever comes for it finds it there: replies of other cores, what other clients publish, the word that a
//! gate has opened.
//!
//! This file must not know commands, the ring or the worker.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use shards::args::Blob;
use shards::reply::Reply;
use shards::router::reply_queue::ReplyQueue;
use shards::spare::{SPARE_BYTES_MAX, Trim};

use crate::session::client::Client;
use crate::session::order::Closing;

/// By how much the numbers of places go on when it has been forgotten where those of some clients were:
/// nothing can still be on its way from so far behind.
const FORGOTTEN_PLACES_STEP: u32 = 1 << 24;

/// One push, encoded for a protocol when the first client needs it.
#[derive(Default)]
pub struct EncodedPush {
    replies: [Reply; 2],
}

impl EncodedPush {
    /// Forgets it, for the next one.
    pub fn clear(&mut self) {
        self.replies.iter_mut().for_each(Reply::clear);
    }

    fn of(&mut self, resp3: bool, write: &impl Fn(&mut Reply)) -> &Reply {
        let reply = &mut self.replies[usize::from(resp3)];
        if reply.is_empty() {
            reply.set_resp3(resp3);
            write(reply);
        }
        reply
    }
}

impl Trim for EncodedPush {
    fn trim(&mut self) {
        self.clear();
        self.replies.iter_mut().for_each(Reply::trim);
    }
}

/// One per worker. A client with all its parts is one allocation.
#[derive(Default)]
pub struct Clients {
    table: Vec<Option<Box<Client>>>,
    /// Numbers without a client, each with the number of the first place of the next client's reply queue.
    free: Vec<(u32, u32)>,
    /// The number of the first place of a client whose number is new.
    new_place_seq: u32,
    /// Those to be looked at before the turn ends.
    dirty: VecDeque<u32>,
    /// The gates of reply queues that are closed, with the clients to be told: at most `AWAITED_REPLIES_MAX`
    /// and a few for each, and as many of clients that have gone.
    gates: BinaryHeap<Reverse<(u64, u32)>>,
    /// How many of them are of clients that have gone. When they are the half, they go too.
    gates_in_vain: usize,
    /// The gates up to this one are open.
    opened: u64,
}

impl Clients {
    /// Takes a client in. Returns its number.
    pub fn add(&mut self, mut client: Client) -> u32 {
        let (index, first_place) = self.free.pop().unwrap_or_else(|| {
            self.table.push(None);
            (self.table.len() as u32 - 1, self.new_place_seq)
        });
        client.index = index;
        client.replies = ReplyQueue::starting_at(first_place);
        self.table[index as usize] = Some(Box::new(client));
        index
    }

    /// Lets a client go. The numbers of its places are not given again, so that nothing can be taken for a
    /// reply to the next one of its number.
    pub fn remove(&mut self, index: u32) -> Option<Box<Client>> {
        let removed = self.table.get_mut(index as usize).and_then(Option::take);
        if let Some(client) = &removed {
            self.free.push((index, client.replies.next_seq()));
            self.gates_in_vain += client.replies.held();
            if self.gates_in_vain * 2 > self.gates.len() {
                let table = &self.table;
                let is_awaited = |&Reverse((_, index)): &Reverse<(u64, u32)>| {
                    let client = table.get(index as usize).and_then(Option::as_ref);
                    client.is_some_and(|client| client.replies.waits_for_gate())
                };
                self.gates.retain(is_awaited);
                self.gates_in_vain = 0;
            }
        }
        removed
    }

    /// A client, if there is one of this number.
    #[inline]
    pub fn get(&self, index: u32) -> Option<&Client> {
        self.table.get(index as usize)?.as_deref()
    }

    /// The same, to be changed.
    #[inline]
    pub fn get_mut(&mut self, index: u32) -> Option<&mut Client> {
        self.table.get_mut(index as usize)?.as_deref_mut()
    }

    /// The client whose command or completion is being worked on.
    ///
    /// # Panics
    /// When there is none of this number: only the look at the end of a turn lets clients go.
    #[inline]
    pub fn at(&mut self, index: u32) -> &mut Client {
        self.table[index as usize].as_deref_mut().expect("a client stays while it is worked on")
    }

    /// There is none.
    pub fn is_empty(&self) -> bool {
        self.table.len() == self.free.len()
    }

    /// All that are there, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &Client> {
        self.table.iter().flatten().map(|client| &**client)
    }

    /// The same, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Client> {
        self.table.iter_mut().flatten().map(|client| &mut **client)
    }

    /// The clients that others meet, with those that are only being sent the rest.
    pub fn present(&self) -> impl Iterator<Item = &Client> {
        self.iter().filter(|client| client.is_normal() && client.closing != Some(Closing::Now))
    }

    /// Numbers below this one may have clients.
    pub fn end(&self) -> u32 {
        self.table.len() as u32
    }

    /// Has a client looked at before the turn ends.
    #[inline]
    pub fn look_at(&mut self, index: u32) {
        if let Some(Some(client)) = self.table.get_mut(index as usize)
            && !client.is_dirty
        {
            client.is_dirty = true;
            self.dirty.push_back(index);
        }
    }

    /// How many are to be looked at.
    pub fn dirty_len(&self) -> usize {
        self.dirty.len()
    }

    /// The next client to be looked at: its number, and itself unless it has gone.
    pub fn next_dirty(&mut self) -> Option<(u32, Option<&mut Client>)> {
        let index = self.dirty.pop_front()?;
        let mut client = self.get_mut(index);
        if let Some(client) = &mut client {
            client.is_dirty = false;
        }
        Some((index, client))
    }

    /// Puts a reply into its place. False when there is no such place.
    #[must_use = "a reply must have a place"]
    pub fn fill(&mut self, index: u32, seq: u32, bytes: &[u8], blobs: &[(usize, Blob)]) -> bool {
        let Clients { table, dirty, .. } = self;
        let Some(Some(client)) = table.get_mut(index as usize) else { return false };
        // Nobody will read the reply of one that is being closed at once.
        let is_gone = client.closing == Some(Closing::Now);
        let (bytes, blobs) = if is_gone { (&[][..], &[][..]) } else { (bytes, blobs) };
        if !client.is_dirty {
            client.is_dirty = true;
            dirty.push_back(index);
        }
        client.replies.fill(seq, bytes, blobs)
    }

    /// Pushes what `write` writes. True unless the client has gone: one that is only being sent the rest
    /// counts, as in Redis, and gets nothing.
    pub fn push(&mut self, index: u32, encoded: &mut EncodedPush, write: &impl Fn(&mut Reply)) -> bool {
        match self.get_mut(index) {
            None => false,
            Some(client) if client.closing == Some(Closing::Now) => false,
            Some(client) if client.closing.is_some() => true,
            Some(client) => {
                client.push(encoded.of(client.session.resp3, write));
                self.look_at(index);
                true
            }
        }
    }

    /// Holds back what is written for a client from here on until the gate opens. Its further commands go on,
    /// and so do all other clients.
    pub fn hold(&mut self, index: u32, gate: u64) {
        if gate > self.opened
            && let Some(client) = self.get_mut(index)
            && client.replies.hold(gate)
        {
            self.gates.push(Reverse((gate, index)));
        }
    }

    /// Puts a reply into its place, to be held back there, with all behind it, until the gate opens. False
    /// when there is no such place.
    #[must_use = "a reply must have a place"]
    pub fn fill_held(
        &mut self,
        index: u32,
        seq: u32,
        gate: u64,
        bytes: &[u8],
        blobs: &[(usize, Blob)],
    ) -> bool {
        let is_gone = self.get(index).is_some_and(|client| client.closing == Some(Closing::Now));
        if is_gone || gate <= self.opened {
            return self.fill(index, seq, bytes, blobs);
        }
        let Some(client) = self.get_mut(index) else { return false };
        let is_filled = client.replies.fill_held(seq, gate, bytes, blobs);
        self.gates.push(Reverse((gate, index)));
        self.look_at(index);
        is_filled
    }

    /// All gates up to this one are open: the replies that they have held back go their way. Takes time in
    /// proportion to what is let go.
    pub fn open_gates(&mut self, gate: u64) {
        self.opened = self.opened.max(gate);
        while let Some(&Reverse((first, index))) = self.gates.peek()
            && first <= self.opened
        {
            self.gates.pop();
            // A client of this number that has come since has nothing behind this gate.
            let opened = self.opened;
            if let Some(client) = self.get_mut(index) {
                client.replies.open(opened);
                self.look_at(index);
            } else {
                self.gates_in_vain = self.gates_in_vain.saturating_sub(1);
            }
        }
    }

    /// Gives back memory that many clients have needed. Places that a crowd has left behind are at the end.
    pub fn trim(&mut self) {
        let used = self.table.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        if (self.table.len() - used) * size_of::<Option<Box<Client>>>() > SPARE_BYTES_MAX {
            self.table.truncate(used);
            self.free.retain(|&(index, _)| (index as usize) < used);
            self.new_place_seq = self.new_place_seq.wrapping_add(FORGOTTEN_PLACES_STEP);
        }
        self.table.trim();
        self.free.trim();
        self.dirty.trim();
        if self.gates.is_empty() {
            self.gates.shrink_to(SPARE_BYTES_MAX / size_of::<Reverse<(u64, u32)>>());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Session;

    fn clients(count: u32) -> Clients {
        let mut clients = Clients::default();
        for index in 0..count {
            assert_eq!(clients.add(Client::without_socket(Session::default())), index);
        }
        clients
    }

    fn sent(clients: &mut Clients, index: u32) -> String {
        String::from_utf8(clients.at(index).replies.ready().take().0).unwrap()
    }

    #[test]
    fn a_gate_lets_go_what_it_has_held_of_all_clients() {
        let mut clients = clients(3);
        for (index, gate) in [(0, 1), (1, 2), (0, 3)] {
            clients.hold(index, gate);
            clients.at(index).replies.writer().simple(&gate.to_string());
        }
        let seq = clients.at(2).replies.reserve(true);
        assert!(clients.fill_held(2, seq, 2, b"remote", &[]));
        while clients.next_dirty().is_some() {}
        clients.open_gates(2);
        let looked_at: Vec<u32> =
            std::iter::from_fn(|| clients.next_dirty().map(|(index, _)| index)).collect();
        assert_eq!(looked_at.len(), 3, "each once: {looked_at:?}");
        let all: Vec<String> = (0..3).map(|index| sent(&mut clients, index)).collect();
        assert_eq!(all, ["+1\r\n", "+2\r\n", "remote"]);
        clients.hold(1, 2);
        clients.at(1).replies.writer().simple("open");
        clients.open_gates(3);
        assert_eq!((sent(&mut clients, 0), sent(&mut clients, 1)), ("+3\r\n".into(), "+open\r\n".into()));
        assert!(clients.gates.is_empty());
    }

    #[test]
    fn gates_of_clients_that_have_gone_are_forgotten_and_no_others() {
        let mut clients = clients(100);
        for index in 1..100 {
            clients.hold(index, 5);
        }
        let seq = clients.at(0).replies.reserve(true);
        assert!(clients.fill_held(0, seq, 5, b"whole", &[]));
        for index in 1..=60 {
            clients.remove(index);
        }
        assert!(clients.gates.len() < 60, "{}", clients.gates.len());
        assert_eq!(sent(&mut clients, 0), "");
        clients.open_gates(5);
        assert_eq!((sent(&mut clients, 0).as_str(), clients.gates.len()), ("whole", 0));
    }

    #[test]
    fn the_next_client_of_a_number_has_other_places() {
        let mut clients = clients(1);
        let seq = clients.at(0).replies.reserve(true);
        assert!(clients.fill(0, seq, b"reply", &[]));
        clients.remove(0);
        assert!(clients.get(0).is_none() && !clients.fill(0, seq, b"nobody", &[]));
        assert_eq!(clients.add(Client::without_socket(Session::default())), 0);
        let next = clients.at(0).replies.reserve(true);
        assert!(next != seq && !clients.fill(0, seq, b"of the one before", &[]));
        assert!(clients.fill(0, next, b"own", &[]));
        assert_eq!(sent(&mut clients, 0), "own");
    }
}
