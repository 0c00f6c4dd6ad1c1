//! What DEBUG says of keys and of the data as a whole: DIGEST, DIGEST-VALUE, OBJECT.
//!
//! These rows find the shards and are shown to nobody: COMMAND knows no subcommands of DEBUG. What they look
//! at is not touched, and they count neither a hit nor a miss.

use crate::args::Args;
use crate::command::{Arity, Combined, CommandGroup, CommandSpec, DataCommand, KeySpec, flags, keys};
use crate::ctx::Ctx;
use crate::digest::{DIGEST_BYTES, Digest, of_databases, of_keys, of_value};
use crate::encoding::quicklist::Export;
use crate::entry::Value;
use crate::error::CommandError;
use crate::object::Object;
use crate::rdb::save::{SaveOptions, ValueSaver, needs};
use crate::reply::Reply;
use crate::values::description::{encoding_name, reference_count};

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
    DataCommand::new(object, CommandSpec { arity: Arity::Exactly(3), ..OBJECT }),
    DataCommand::new(object, CommandSpec { arity: Arity::Exactly(4), ..OBJECT }),
];

const OBJECT: CommandSpec = CommandSpec { name: "object", keys: &[KeySpec::at(2, keys::RO)], ..LOOK };

/// What DEBUG HELP says of them.
pub const HELP: &[&[&str]] = &[
    &["DIGEST", "    Output a hex signature representing the current DB content."],
    &[
        "DIGEST-VALUE <key> [<key> ...]",
        "    Output a hex signature of the values of all the specified keys.",
    ],
    &[
        "OBJECT <key> [fast]",
        "    Show low level info about `key` and associated value.",
        "    Some fields of the default behavior may be time consuming to fetch,",
        "    and `fast` can be passed to avoid fetching them.",
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

/// DEBUG OBJECT key [fast]. What follows the key means nothing unless it is that word, as in Redis.
fn object(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let is_fast = args.len() == 4 && args.get(3).eq_ignore_ascii_case(b"fast");
    let key = ctx.key(args, 2);
    let (list_fill, compress) = (ctx.keys.limits().list_fill, ctx.keys.env().rdb_compression);
    let entry = ctx.keys.view(&key).ok_or(CommandError::NoSuchKey)?;
    let (place, references, encoding) = (entry.key().as_ptr(), reference_count(entry), encoding_name(entry));
    let mut text = format!("Value at:{place:p} refcount:{references} encoding:{encoding}");
    if !is_fast {
        text += &format!(" serializedlength:{}", serialized_len(entry.value(), compress));
    }
    let (access, idle_s) = (entry.access(), ctx.keys.idle_ms(entry.access()) / 1000);
    text += &format!(" lru:{access} lru_seconds_idle:{idle_s}");
    if let Value::Object(Object::List(list)) = entry.value() {
        let (nodes, elements) = (list.node_count(), list.len() as f64);
        let is_compressed = u8::from(ctx.keys.limits().list_compress_depth != 0);
        text += &format!(
            " ql_nodes:{nodes} ql_avg_node:{:.2} ql_listpack_max:{list_fill} ql_compressed:{is_compressed}",
            elements / nodes as f64
        );
        if !is_fast {
            text += &format!(
                " ql_uncompressed_size:{}",
                list.export().map(|node| node_len(&node)).sum::<usize>()
            );
        }
    }
    ctx.reply.simple(&text);
    Ok(())
}

fn node_len(node: &Export<'_>) -> usize {
    match node {
        Export::Listpack(bytes) => bytes.len(),
        Export::Plain(text) => text.len(),
    }
}

/// At most about so many bytes of a large value are serialised at once to measure them. Elements that are
/// longer are measured as they are, not compressed.
const MEASURED_BYTES_MAX: usize = 1 << 20;

/// How long DUMP's payload would be, without the type and the footer.
fn serialized_len(value: Value<'_>, compress: bool) -> usize {
    let options = SaveOptions { version: needs(value), compress, drop_field_expires_at_ms: None };
    let mut saver = ValueSaver::new(value, options).expect("it is the version that the value needs");
    let (mut piece, mut len) = (Vec::new(), 0);
    loop {
        let budget = if matches!(value, Value::Object(_)) { MEASURED_BYTES_MAX } else { usize::MAX };
        let is_all = saver.write_some(value, budget, &mut piece);
        len += piece.len();
        if is_all {
            return len;
        }
        piece.clear();
    }
}
