//! SCAN from shard to shard: whom one call of a client asks next, and the one reply made of theirs. How a
//! shard walks through its own slots is in [`crate::walk`].

use crate::args::OwnedArgs;
use crate::reply::Reply;
use crate::slot::{ShardId, SlotId};
use crate::txn::OwnedCall;
use crate::walk::{COUNT, Cursor, count_of, first_slot, write_reply};

/// Shards that one call of a client asks, one after the other, before it gives out a cursor although it has
/// seen too few keys. Bounds what it costs when the slots of shards alternate.
const HOPS_MAX: usize = 2048;

/// One call of a client, as it goes from shard to shard.
pub(super) struct Walk {
    /// What the next shard is asked: the client's command, with the cursor and the COUNT that are left.
    call: OwnedCall,
    /// How many arguments the client has sent.
    argc: usize,
    cursor: Cursor,
    /// Who was asked last.
    asked: Option<ShardId>,
    hops: usize,
    count_left: usize,
    keys_found: usize,
    /// The keys, as elements of the reply.
    keys: Reply,
}

impl Walk {
    /// A walk that has not asked anybody yet.
    pub(super) fn new(call: OwnedCall) -> Walk {
        let args = call.args.as_args();
        let (argc, slot, count_left) = (args.len(), first_slot(args), count_of(args));
        let keys = Reply::new(call.caller.resp3);
        Walk { call, argc, cursor: Cursor::at(slot), asked: None, hops: 0, count_left, keys_found: 0, keys }
    }

    /// Whom to ask now, and what.
    pub(super) fn ask(&mut self, owner: impl Fn(SlotId) -> ShardId) -> (ShardId, &OwnedCall) {
        let shard = owner(self.cursor.slot());
        self.asked = Some(shard);
        self.hops += 1;
        (shard, &self.call)
    }

    /// Takes a shard's reply. Returns the client's when it is complete; else [`Walk::ask`] says how to go on.
    pub(super) fn answered(&mut self, answer: &[u8], owner: impl Fn(SlotId) -> ShardId) -> Option<Reply> {
        let Some((cursor, keys_found, keys)) = taken_apart(answer) else {
            // An error, which is the same on every shard.
            let mut reply = Reply::new(self.call.caller.resp3);
            reply.raw(answer);
            return Some(reply);
        };
        self.keys.raw(keys);
        self.keys_found += keys_found;
        self.count_left = self.count_left.saturating_sub(keys_found);
        self.cursor = Cursor::of_number(cursor);
        let goes_on = cursor != 0
            && self.count_left > 0
            && self.hops < HOPS_MAX
            && Some(owner(self.cursor.slot())) != self.asked;
        if goes_on {
            self.call.args = self.next_args(cursor);
            return None;
        }
        let mut reply = Reply::new(self.call.caller.resp3);
        write_reply(&mut reply, cursor, self.keys_found, &self.keys);
        Some(reply)
    }

    fn next_args(&self, cursor: u64) -> OwnedArgs {
        let args = self.call.args.as_args();
        let mut next = OwnedArgs::default();
        let mut text = itoa::Buffer::new();
        next.push(args.get(0));
        next.push(text.format(cursor).as_bytes());
        (2..self.argc).for_each(|index| next.push_value(args.value(index)));
        next.push(COUNT);
        next.push(text.format(self.count_left).as_bytes());
        next
    }
}

/// The cursor, the number of keys and the keys in what [`write_reply`] has written.
fn taken_apart(reply: &[u8]) -> Option<(u64, usize, &[u8])> {
    let (header, rest) = line(reply)?;
    let (_, rest) = line(rest).filter(|_| header == b"*2")?;
    let (cursor, rest) = line(rest)?;
    let (count, keys) = line(rest)?;
    let number = |digits: &[u8]| str::from_utf8(digits).ok()?.parse::<u64>().ok();
    Some((number(cursor)?, number(count.strip_prefix(b"*")?)? as usize, keys))
}

/// The first line without its end, and what is behind it.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b'\n', bytes)?;
    Some((bytes[..end].strip_suffix(b"\r")?, &bytes[end + 1..]))
}
