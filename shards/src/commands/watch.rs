//! WATCH as shards run it, each on its own keys. What the client calls is a command of the session, which
//! knows MULTI.

use crate::args::Args;
use crate::command::{Arity, CommandSpec, DataCommand, KeySpec, RequestPolicy, ResponsePolicy, keys};
use crate::ctx::Ctx;
use crate::error::CommandError;

/// Not one of the families: no client can call it.
pub static WATCH: DataCommand = DataCommand {
    run: watch,
    spec: CommandSpec {
        name: "watch",
        arity: Arity::AtLeast(2),
        keys: &[KeySpec::range(1, -1, 1, keys::RO)],
        request_policy: Some(RequestPolicy::MultiShard),
        response_policy: Some(ResponsePolicy::AllSucceeded),
        ..CommandSpec::BASE
    },
    subcommands: &[],
};

fn watch(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    for index in 1..args.len() {
        let key = ctx.key(args, index);
        ctx.keys.watch(&key, ctx.client);
    }
    ctx.reply.ok();
    Ok(())
}
