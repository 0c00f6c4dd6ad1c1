//! What DEBUG says of keys and of the data as a whole: DIGEST, DIGEST-VALUE.
//!
//! These rows find the shards and are shown to nobody: COMMAND knows no subcommands of DEBUG. What they look
//! at is not touched, and they count neither a hit nor a miss.

use crate::args::Args;
use crate::command::{Arity, Combined, CommandGroup, CommandSpec, DataCommand, KeySpec, flags, keys};
use crate::ctx::Ctx;
use crate::digest::{DIGEST_BYTES, Digest, of_databases, of_keys, of_value};
use crate::error::CommandError;
use crate::reply::Reply;

/// What all of them have.
const LOOK: CommandSpec = CommandSpec {
    summary: "A container for debugging commands",
    since: "1.0.0",
    group: CommandGroup::Server,
    flags: flags::ADMIN
        | flags::NOSCRIPT
        | flags::LOADING
        | flags::STALE
        | flags::PROTECTED
        | flags::READONLY,
    ..CommandSpec::BASE
};

/// The subcommands of DEBUG that are carried out where the keys are.
pub static ON_KEYS: &[DataCommand] = &[
    DataCommand::new(
        digest,
        CommandSpec {
            name: "digest",
            arity: Arity::Exactly(2),
            on_all_shards: true,
            combined: Some(Combined { part: digests_of_databases, merge: merge_digests }),
            ..LOOK
        },
    ),
    DataCommand::new(
        digest_value,
        CommandSpec {
            name: "digest-value",
            arity: Arity::AtLeast(2),
            keys: &[KeySpec::range(2, -1, 1, keys::RO)],
            ..LOOK
        },
    ),
];

/// What DEBUG HELP says of them.
pub const HELP: &[&[&str]] = &[
    &["DIGEST", "    Output a hex signature representing the current DB content."],
    &[
        "DIGEST-VALUE <key> [<key> ...]",
        "    Output a hex signature of the values of all the specified keys.",
    ],
];

type Done = Result<(), CommandError>;

fn digest(ctx: &mut Ctx<'_>, _args: Args<'_>) -> Done {
    let databases = databases(ctx);
    ctx.reply.simple(&of_databases(databases.into_iter()).to_hex());
    Ok(())
}

/// The databases with keys of this shard by their numbers, each with the digest of its keys.
fn databases(ctx: &mut Ctx<'_>) -> Vec<(u32, Digest)> {
    let now_ms = ctx.keys.now_ms();
    let numbered = (0..).zip(ctx.keys.dbs().iter());
    numbered.filter_map(|(number, db)| Some((number, of_keys(db, now_ms)?))).collect()
}

/// A database's number and its digest, as shards tell them to each other.
const PART_BYTES: usize = 4 + DIGEST_BYTES;

fn digests_of_databases(ctx: &mut Ctx<'_>, _args: Args<'_>) -> Done {
    for (number, digest) in databases(ctx) {
        ctx.reply.raw(&number.to_be_bytes());
        ctx.reply.raw(&digest.bytes());
    }
    Ok(())
}

fn merge_digests(parts: &[Reply], _random: u64, reply: &mut Reply) {
    let mut databases = std::collections::BTreeMap::<u32, Digest>::new();
    for part in parts.iter().flat_map(|part| part.bytes().chunks_exact(PART_BYTES)) {
        let (number, digest) = part.split_first_chunk().expect("a part begins with its number");
        let digest = Digest::of_bytes(digest.try_into().expect("the rest of a part is its digest"));
        databases.entry(u32::from_be_bytes(*number)).or_default().join(digest);
    }
    reply.simple(&of_databases(databases.into_iter()).to_hex());
}

fn digest_value(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let now_ms = ctx.keys.now_ms();
    ctx.reply.array(args.len() - 2);
    for index in 2..args.len() {
        let key = ctx.key(args, index);
        let digest = ctx.keys.view(&key).map_or(Digest::default(), |entry| of_value(entry, now_ms));
        ctx.reply.simple(&digest.to_hex());
    }
    Ok(())
}
