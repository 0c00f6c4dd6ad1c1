//! What a handler may touch while it runs: `ctx.reply`, `ctx.keys`, and nothing else.

use crate::args::Args;
use crate::key::{Key, OnlyKey};
use crate::keyspace::Keyspace;
use crate::reply::Reply;
use crate::watch::ClientId;

/// The world of one running command.
pub struct Ctx<'a> {
    /// Where the reply goes.
    pub reply: &'a mut Reply,
    /// The keys of this shard, in the client's database.
    pub keys: Keyspace<'a>,
    /// The command's only key, when routing has found it.
    pub only_key: Option<OnlyKey>,
    /// The client that sent the command.
    pub client: ClientId,
}

impl Ctx<'_> {
    /// The key at argument `index` of a command that has exactly one key: what is known of it is not computed again.
    #[inline]
    pub fn only_key<'k>(&self, args: Args<'k>, index: usize) -> Key<'k> {
        let bytes = args.get(index);
        match self.only_key {
            Some(OnlyKey { slot, hash: Some(hash), .. }) => Key { bytes, slot, hash: hash.get() },
            Some(OnlyKey { slot, .. }) => self.keys.key_in_slot(bytes, slot),
            None => self.keys.key(bytes),
        }
    }

    /// The key at argument `index` of a command with several keys.
    #[inline]
    pub fn key<'k>(&self, args: Args<'k>, index: usize) -> Key<'k> {
        self.keys.key(args.get(index))
    }
}
