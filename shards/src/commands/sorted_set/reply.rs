//! Sorted sets that a command has made: stored in the place of whatever a key holds, or written to the reply.
//!
//! This file must not know the arguments of any command.

use crate::ctx::Ctx;
use crate::encoding::listpack::{self, Value as Member};
use crate::encoding::sorted_pack;
use crate::encoding::sorted_set::SortedSet;
use crate::entry::{Expire, NewValue, Packing};
use crate::event::{self, Event};
use crate::key::Key;
use crate::object::Object;
use crate::reply::Reply;
use crate::values::sorted_set::PackLimits;

/// Puts a set in the place of whatever a key holds. An empty set leaves no key.
pub(in crate::commands) fn store(ctx: &mut Ctx<'_>, key: &Key<'_>, set: SortedSet, event: Event) {
    if set.is_empty() {
        if ctx.keys.delete(key, ctx.keys.freeing_by_server()) {
            ctx.keys.changed(key, event::DEL);
        }
        return;
    }
    let items = || set.items(0..set.len());
    let limits = PackLimits::of(&ctx.keys);
    let is_packed = limits.allow(set.len(), 0)
        && items().all(|item| limits.allow(0, item.member.len()))
        && listpack::has_room(0, items().map(|item| item.member.len()).sum());
    if is_packed {
        let pack = sorted_pack::new(items().map(|item| (item.member, item.score)));
        ctx.keys.set(key, NewValue::Packed(Packing::SortedSet, &pack), Expire::Clear);
    } else {
        ctx.keys.set(key, NewValue::Object(Box::new(Object::SortedSet(set))), Expire::Clear);
    }
    ctx.keys.changed(key, event);
}

/// The header of a list of members. With scores RESP3 has pairs, RESP2 twice as many elements.
pub(super) fn write_header(reply: &mut Reply, len: usize, with_scores: bool) {
    reply.array(if with_scores && !reply.is_resp3() { len * 2 } else { len });
}

/// One member of such a list.
#[inline]
pub(super) fn write_item(reply: &mut Reply, member: Member<'_>, score: f64, with_scores: bool) {
    if with_scores && reply.is_resp3() {
        reply.array(2);
    }
    write_member(reply, member);
    if with_scores {
        reply.double(score);
    }
}

/// A member alone.
#[inline]
pub(in crate::commands) fn write_member(reply: &mut Reply, member: Member<'_>) {
    match member {
        Member::Int(int) => reply.bulk_int(int),
        Member::Str(bytes) => reply.bulk(bytes),
    }
}
