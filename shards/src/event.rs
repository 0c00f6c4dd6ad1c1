//! What can happen to a key, by Redis's names: the events of `notify-keyspace-events`.
//!
//! A writing handler names the event with each key that it has changed ([`crate::keyspace::Keyspace::changed`]). This
//! file must not know who listens.

/// What happened to a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// The letter of `notify-keyspace-events` that asks for it: `g`, `$`, `l`, `s`, `h`, `z`, `t`, `x`, `e`, `n`, `m`.
    pub class: u8,
    /// Redis's name of the event.
    pub name: &'static str,
}

const fn event(class: u8, name: &'static str) -> Event {
    Event { class, name }
}

// Any type.
/// DEL, UNLINK, and every command that leaves a container empty.
pub const DEL: Event = event(b'g', "del");
/// A time to live was set.
pub const EXPIRE: Event = event(b'g', "expire");
/// PERSIST, and GETEX with PERSIST.
pub const PERSIST: Event = event(b'g', "persist");
/// The old name of a renamed key.
pub const RENAME_FROM: Event = event(b'g', "rename_from");
/// The new name of a renamed key.
pub const RENAME_TO: Event = event(b'g', "rename_to");
/// MOVE, in the database that the key has left.
pub const MOVE_FROM: Event = event(b'g', "move_from");
/// MOVE, in the database that the key has come to.
pub const MOVE_TO: Event = event(b'g', "move_to");
/// The destination of COPY.
pub const COPY_TO: Event = event(b'g', "copy_to");
/// The key's time was over.
pub const EXPIRED: Event = event(b'x', "expired");
/// The key had to go because of `maxmemory`.
pub const EVICTED: Event = event(b'e', "evicted");
/// A key that was not there before.
pub const NEW: Event = event(b'n', "new");
/// A reading command did not find its key.
pub const KEY_MISS: Event = event(b'm', "keymiss");

// Strings.
/// SET and its kin.
pub const SET: Event = event(b'$', "set");
/// SETRANGE.
pub const SETRANGE: Event = event(b'$', "setrange");
/// APPEND.
pub const APPEND: Event = event(b'$', "append");
/// INCR, DECR and their kin.
pub const INCRBY: Event = event(b'$', "incrby");
/// INCRBYFLOAT.
pub const INCRBYFLOAT: Event = event(b'$', "incrbyfloat");
/// SETBIT, and BITFIELD that wrote.
pub const SETBIT: Event = event(b'$', "setbit");

// Sets.
/// SADD, and the destination of SMOVE.
pub const SADD: Event = event(b's', "sadd");
/// SREM and the source of SMOVE, if members are left.
pub const SREM: Event = event(b's', "srem");
/// SPOP, if members are left.
pub const SPOP: Event = event(b's', "spop");
/// The destination of SINTERSTORE.
pub const SINTERSTORE: Event = event(b's', "sinterstore");
/// The destination of SUNIONSTORE.
pub const SUNIONSTORE: Event = event(b's', "sunionstore");
/// The destination of SDIFFSTORE.
pub const SDIFFSTORE: Event = event(b's', "sdiffstore");
