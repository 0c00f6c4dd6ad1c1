//! What can happen to a key, by Redis's names: the events of `notify-keyspace-events`.
//!
//! A writing handler names the event with each key that it has changed
//! ([`crate::keyspace::Keyspace::changed`]). This file must not know who listens.

use crate::key::DbIndex;

/// What happened to a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// The letter of `notify-keyspace-events` that asks for it: `g`, `$`, `l`, `s`, `h`, `z`, `t`, `x`, `e`,
    /// `n`, `m`.
    pub class: u8,
    /// Redis's name of the event.
    pub name: &'static str,
    /// The key's value has changed for WATCH. Groups of streams can change without that, and counters of a
    /// stream (Redis: no signalModifiedKey).
    pub breaks_watches: bool,
}

/// A key that was changed on a shard that is not its own.
pub type ChangedKey = (DbIndex, Box<[u8]>, Change);

/// What its owner has to know of it. Of several changes the greatest counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Change {
    /// It breaks no watch; clients that wait for the key have a look.
    Aside,
    /// The key has gone because its time was over, or for want of memory.
    Removal,
    /// The value or the expire has changed.
    Value,
}

const fn event(class: u8, name: &'static str) -> Event {
    Event { class, name, breaks_watches: true }
}

const fn unwatched(class: u8, name: &'static str) -> Event {
    Event { class, name, breaks_watches: false }
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
/// RESTORE.
pub const RESTORE: Event = event(b'g', "restore");
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

// HyperLogLogs, which are strings.
/// PFADD and PFMERGE.
pub const PFADD: Event = event(b'$', "pfadd");
/// No event at all, whatever is asked for: PFCOUNT that keeps its estimate changes the value, but Redis tells
/// nobody.
pub const UNTOLD: Event = event(0, "");

// Lists.
/// LINSERT.
pub const LINSERT: Event = event(b'l', "linsert");
/// An element was taken from the head.
pub const LPOP: Event = event(b'l', "lpop");
/// Elements were added at the head.
pub const LPUSH: Event = event(b'l', "lpush");
/// LREM.
pub const LREM: Event = event(b'l', "lrem");
/// LSET.
pub const LSET: Event = event(b'l', "lset");
/// LTRIM.
pub const LTRIM: Event = event(b'l', "ltrim");
/// An element was taken from the tail.
pub const RPOP: Event = event(b'l', "rpop");
/// Elements were added at the tail.
pub const RPUSH: Event = event(b'l', "rpush");
/// The destination of SORT.
pub const SORTSTORE: Event = event(b'l', "sortstore");
// Hashes.
/// HSET, HMSET and HSETNX.
pub const HSET: Event = event(b'h', "hset");
/// HDEL.
pub const HDEL: Event = event(b'h', "hdel");
/// HINCRBY.
pub const HINCRBY: Event = event(b'h', "hincrby");
/// HINCRBYFLOAT.
pub const HINCRBYFLOAT: Event = event(b'h', "hincrbyfloat");
/// HEXPIRE and its kin have set the times of fields.
pub const HEXPIRE: Event = event(b'h', "hexpire");
/// Fields have gone because their time was over.
pub const HEXPIRED: Event = event(b'h', "hexpired");
/// HPERSIST.
pub const HPERSIST: Event = event(b'h', "hpersist");
// Sorted sets.
/// The destination of GEORADIUS and GEORADIUSBYMEMBER.
pub const GEORADIUSSTORE: Event = event(b'z', "georadiusstore");
/// The destination of GEOSEARCHSTORE.
pub const GEOSEARCHSTORE: Event = event(b'z', "geosearchstore");
/// ZADD.
pub const ZADD: Event = event(b'z', "zadd");
/// ZDIFFSTORE.
pub const ZDIFFSTORE: Event = event(b'z', "zdiffstore");
/// ZINCRBY, and ZADD with INCR.
pub const ZINCR: Event = event(b'z', "zincr");
/// ZINTERSTORE.
pub const ZINTERSTORE: Event = event(b'z', "zinterstore");
/// ZPOPMAX, and ZMPOP with MAX.
pub const ZPOPMAX: Event = event(b'z', "zpopmax");
/// ZPOPMIN, and ZMPOP with MIN.
pub const ZPOPMIN: Event = event(b'z', "zpopmin");
/// ZRANGESTORE.
pub const ZRANGESTORE: Event = event(b'z', "zrangestore");
/// ZREM.
pub const ZREM: Event = event(b'z', "zrem");
/// ZREMRANGEBYLEX.
pub const ZREMRANGEBYLEX: Event = event(b'z', "zremrangebylex");
/// ZREMRANGEBYRANK.
pub const ZREMRANGEBYRANK: Event = event(b'z', "zremrangebyrank");
/// ZREMRANGEBYSCORE.
pub const ZREMRANGEBYSCORE: Event = event(b'z', "zremrangebyscore");
/// ZUNIONSTORE.
pub const ZUNIONSTORE: Event = event(b'z', "zunionstore");
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
// Streams.
/// XADD.
pub const XADD: Event = event(b't', "xadd");
/// Entries were trimmed, by XTRIM or XADD.
pub const XTRIM: Event = event(b't', "xtrim");
/// XDEL.
pub const XDEL: Event = event(b't', "xdel");
/// XSETID.
pub const XSETID: Event = unwatched(b't', "xsetid");
/// XGROUP CREATE, of a stream that was there.
pub const XGROUP_CREATE: Event = unwatched(b't', "xgroup-create");
/// XGROUP CREATE with MKSTREAM that has made the key.
pub const XGROUP_CREATE_WITH_STREAM: Event = event(b't', "xgroup-create");
/// A consumer was created, by XGROUP CREATECONSUMER or by a command that named it.
pub const XGROUP_CREATECONSUMER: Event = unwatched(b't', "xgroup-createconsumer");
/// XGROUP DELCONSUMER.
pub const XGROUP_DELCONSUMER: Event = unwatched(b't', "xgroup-delconsumer");
/// XGROUP DESTROY.
pub const XGROUP_DESTROY: Event = unwatched(b't', "xgroup-destroy");
/// XGROUP SETID.
pub const XGROUP_SETID: Event = unwatched(b't', "xgroup-setid");
