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
    /// The key at argument `index`. What is known of it is not computed again.
    #[inline]
    pub fn key<'k>(&self, args: Args<'k>, index: usize) -> Key<'k> {
        let bytes = args.get(index);
        if let Some(OnlyKey { argument, slot, hash: Some(hash) }) = self.only_key
            && usize::from(argument.get()) == index
        {
            return Key { bytes, slot, hash: hash.get() };
        }
        self.key_anew(bytes)
    }

    /// A key of which nothing is known, one of several for example.
    #[inline(never)]
    fn key_anew<'k>(&self, bytes: &'k [u8]) -> Key<'k> {
        self.keys.key(bytes)
    }
}
