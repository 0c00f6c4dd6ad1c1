//! What a handler may touch while it runs: `ctx.reply`, `ctx.keys`, and nothing else.

use crate::args::Args;
use crate::key::Key;
use crate::keyspace::Keyspace;
use crate::reply::Reply;
use crate::slot::SlotId;
use crate::watch::ClientId;

/// The world of one running command.
pub struct Ctx<'a> {
    /// Where the reply goes.
    pub reply: &'a mut Reply,
    /// The keys of this shard, in the client's database.
    pub keys: Keyspace<'a>,
    /// The slot of the command's only key, when routing has computed it.
    pub slot: Option<SlotId>,
    /// The client that sent the command.
    pub client: ClientId,
}

impl Ctx<'_> {
    /// The key at argument `index` of a command that has exactly one key: its slot is not computed again.
    #[inline]
    pub fn only_key<'k>(&self, args: Args<'k>, index: usize) -> Key<'k> {
        match self.slot {
            Some(slot) => self.keys.key_in_slot(args.get(index), slot),
            None => self.keys.key(args.get(index)),
        }
    }

    /// The key at argument `index` of a command with several keys.
    #[inline]
    pub fn key<'k>(&self, args: Args<'k>, index: usize) -> Key<'k> {
        self.keys.key(args.get(index))
    }
}
