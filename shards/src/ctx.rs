//! What a handler may touch while it runs: `ctx.reply`, `ctx.keys`, and nothing else.

use crate::args::Args;
use crate::key::{Key, OnlyKey};
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
        match self.only_key.filter(|key| usize::from(key.argument.get()) == index) {
            Some(OnlyKey { slot, hash: Some(hash), .. }) => Key { bytes, slot, hash: hash.get() },
            known => self.key_anew(bytes, known.map(|key| key.slot)),
        }
    }

    /// A key that was not looked at ahead. One of several was not routed alone: its slot is not known either.
    #[inline(never)]
    fn key_anew<'k>(&self, bytes: &'k [u8], slot: Option<SlotId>) -> Key<'k> {
        match slot {
            Some(slot) => self.keys.key_in_slot(bytes, slot),
            None => self.keys.key(bytes),
        }
    }
}
