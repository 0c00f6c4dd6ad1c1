//! Where a command has to run: on one shard as it is, or as a transaction over several.
//!
//! The router alone asks, for whoever holds one: the server's workers and the simulation go the same way.

use crate::args::Args;
use crate::command::keys::KeyPosition;
use crate::command::{CommandSpec, Plan};
use crate::slot::{ShardId, SlotId};

/// How a transaction over several shards is carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Method {
    /// Each shard runs the command on its own keys; the replies are merged (`request_policy:multi_shard`).
    Split,
    /// All entries are brought to the coordinator's shard and the commands run there.
    Gather,
    /// Every shard runs the whole command (`request_policy:all_shards`).
    All,
    /// All keys of an EXEC lie on one shard: it goes there as a whole.
    Single,
    /// All slots are brought to the coordinator's shard: an EXEC with a command for all shards, or a command
    /// that reads keys which its arguments do not name.
    GatherAll,
}

/// Who owns which slot, and how many shards there are.
#[derive(Clone, Copy)]
pub(super) struct Owners<'a> {
    /// The slot map.
    pub owner: &'a dyn Fn(SlotId) -> ShardId,
    /// The number of shards.
    pub shard_count: usize,
    /// The number of workers: some may have no slots.
    pub worker_count: usize,
}

impl Owners<'_> {
    pub(super) fn of(&self, key: &[u8]) -> ShardId {
        (self.owner)(SlotId::of(key))
    }
}

/// Where to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Route {
    /// To the only shard concerned; `None` when any will do.
    Shard(Option<ShardId>),
    /// To several shards.
    Txn(Method),
    /// To one shard after the other: `crate::router::walk::Walk`.
    Walk,
}

/// True for a command of this plan that must come behind all that its connection has sent before, so that
/// their replies have to be there when it begins: whatever concerns several keys, or all of them. A command
/// on one key keeps its order by the hop to its shard, one on several keys of one slot does so as well
/// ([`is_of_one_slot`]), and one without keys needs none. For commands of the session
/// [`crate::router::barrier::Barrier`] says it.
#[inline]
pub(super) fn follows_all(plan: Plan) -> bool {
    match plan {
        Plan::SingleKey(_) | Plan::NoKeys => false,
        Plan::Split | Plan::Gather | Plan::AllShards | Plan::Walk => true,
    }
}

/// True for a command on several keys that all lie in one slot, and on nothing else: whatever concerns that
/// slot goes to its owner in its order, so such a command need not wait for replies before it. Commands on
/// several slots of one shard do wait: clients rely on their being behind all that was sent before, wherever
/// the keys lie.
#[cold]
pub fn is_of_one_slot(
    spec: &CommandSpec,
    plan: Plan,
    args: Args<'_>,
    positions: &mut Vec<KeyPosition>,
) -> bool {
    if !matches!(plan, Plan::Split | Plan::Gather)
        || spec.may_block(args)
        || spec.reads_any_key.is_some_and(|reads_any_key| reads_any_key(args))
    {
        return false;
    }
    positions.clear();
    spec.key_positions(args, positions);
    let mut slots = positions.iter().map(|key| SlotId::of(args.get(key.index)));
    slots.next().is_some_and(|first| slots.all(|slot| slot == first))
}

/// Finds the way of a command. `plan` is its row's ([`CommandSpec::plan`]), `owner` the slot map of
/// `shard_count` shards; `positions` is memory to work in, and holds the command's keys afterwards unless its
/// plan knows them already.
#[inline]
pub(super) fn route(
    spec: &CommandSpec,
    plan: Plan,
    args: Args<'_>,
    owner: impl Fn(SlotId) -> ShardId,
    shard_count: usize,
    positions: &mut Vec<KeyPosition>,
) -> Route {
    match plan {
        Plan::SingleKey(index) => Route::Shard(Some(owner(SlotId::of(args.get(index))))),
        Plan::NoKeys => Route::Shard(None),
        Plan::AllShards => Route::Txn(Method::All),
        Plan::Walk => Route::Walk,
        _ if shard_count > 1 && spec.reads_any_key.is_some_and(|reads_any_key| reads_any_key(args)) => {
            Route::Txn(Method::GatherAll)
        }
        Plan::Split | Plan::Gather => route_several(spec, plan, args, owner, positions),
    }
}

fn route_several(
    spec: &CommandSpec,
    plan: Plan,
    args: Args<'_>,
    owner: impl Fn(SlotId) -> ShardId,
    positions: &mut Vec<KeyPosition>,
) -> Route {
    positions.clear();
    spec.key_positions(args, positions);
    let mut owners = positions.iter().map(|key| owner(SlotId::of(args.get(key.index))));
    // A command whose keys cannot be found is one with a syntax error, which its handler reports.
    let first = owners.next();
    if owners.all(|owner| Some(owner) == first) {
        return Route::Shard(first);
    }
    // MSET with a key that lacks its value: the handler says so, wherever it runs.
    let is_incomplete = positions
        .first()
        .is_some_and(|first| !(args.len() - first.index).is_multiple_of(key_stride(positions, args.len())));
    match plan {
        Plan::Split if is_incomplete => Route::Shard(first),
        Plan::Split => Route::Txn(Method::Split),
        _ => Route::Txn(Method::Gather),
    }
}

/// How many arguments belong to each key of a command that can be split: the key itself and what follows it.
pub(super) fn key_stride(positions: &[KeyPosition], argc: usize) -> usize {
    match positions {
        [first, second, ..] => second.index - first.index,
        [only] => argc - only.index,
        [] => 1,
    }
}
