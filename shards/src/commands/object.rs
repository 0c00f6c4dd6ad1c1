//! OBJECT: how a value is stored, and when it was used.

use crate::args::Args;
use crate::command::shapes::{KEYSPACE, help_of};
use crate::command::{Arg, Arity, CommandSpec, DataCommand, KeySpec, flags, keys};
use crate::ctx::Ctx;
use crate::entry::EntryRef;
use crate::error::CommandError;
use crate::values::description::{encoding_name, reference_count};

/// What the subcommands that look at a key have in common.
const OF_KEY: CommandSpec = CommandSpec {
    since: "2.2.3",
    complexity: "O(1)",
    arity: Arity::Exactly(3),
    flags: flags::READONLY,
    keys: &[KeySpec::at(2, keys::RO)],
    tips: &["nondeterministic_output"],
    args: &[Arg::key()],
    ..KEYSPACE
};

/// The rows of this family.
pub(super) static COMMANDS: &[DataCommand] = &[DataCommand::new(
    help,
    CommandSpec {
        name: "object",
        summary: "A container for object introspection commands",
        since: "2.2.3",
        complexity: "Depends on subcommand.",
        arity: Arity::AtLeast(2),
        ..CommandSpec::BASE
    },
)
.with_subcommands(&[
    DataCommand::new(
        encoding,
        CommandSpec {
            name: "encoding",
            summary: "Inspect the internal encoding of a Redis object",
            ..OF_KEY
        },
    ),
    DataCommand::new(
        freq,
        CommandSpec {
            name: "freq",
            summary: "Get the logarithmic access frequency counter of a Redis object",
            since: "4.0.0",
            ..OF_KEY
        },
    ),
    DataCommand::new(help, CommandSpec { since: "6.2.0", ..help_of(KEYSPACE) }),
    DataCommand::new(
        idletime,
        CommandSpec {
            name: "idletime",
            summary: "Get the time since a Redis object was last accessed",
            ..OF_KEY
        },
    ),
    DataCommand::new(
        refcount,
        CommandSpec {
            name: "refcount",
            summary: "Get the number of references to the value of the key",
            ..OF_KEY
        },
    ),
])];

type Done = Result<(), CommandError>;

/// What `look` says of the entry at the key, or a null when there is none. Leaves no trace but a hit or miss.
fn of_key<T>(ctx: &mut Ctx<'_>, args: Args<'_>, look: impl FnOnce(EntryRef<'_>) -> T) -> Option<T> {
    let key = ctx.key(args, 2);
    let seen = ctx.keys.read_unnoticed(&key).map(look);
    if seen.is_none() {
        ctx.reply.null();
    }
    seen
}

fn encoding(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    if let Some(name) = of_key(ctx, args, encoding_name) {
        ctx.reply.bulk(name.as_bytes());
    }
    Ok(())
}

const SWITCHING: &str = "Please note that when switching between policies at runtime LRU and LFU data will \
    take some time to adjust.";

fn freq(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    if let Some(access) = of_key(ctx, args, |entry| entry.access()) {
        if !ctx.keys.is_lfu() {
            let problem = "ERR An LFU maxmemory policy is not selected, access frequency not tracked.";
            return Err(CommandError::other(format!("{problem} {SWITCHING}")));
        }
        ctx.reply.int(ctx.keys.frequency(access).into());
    }
    Ok(())
}

fn idletime(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    if let Some(access) = of_key(ctx, args, |entry| entry.access()) {
        if ctx.keys.is_lfu() {
            let problem = "ERR An LFU maxmemory policy is selected, idle time not tracked.";
            return Err(CommandError::other(format!("{problem} {SWITCHING}")));
        }
        ctx.reply.int((ctx.keys.idle_ms(access) / 1000) as i64);
    }
    Ok(())
}

fn refcount(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    if let Some(references) = of_key(ctx, args, reference_count) {
        ctx.reply.int(references.into());
    }
    Ok(())
}

fn help(ctx: &mut Ctx<'_>, _args: Args<'_>) -> Done {
    ctx.reply.array(HELP.len());
    for line in HELP {
        ctx.reply.simple(line);
    }
    Ok(())
}

const HELP: &[&str] = &[
    "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "ENCODING <key>",
    "    Return the kind of internal representation used in order to store the value",
    "    associated with a <key>.",
    "FREQ <key>",
    "    Return the access frequency index of the <key>. The returned integer is",
    "    proportional to the logarithm of the recent access frequency of the key.",
    "IDLETIME <key>",
    "    Return the idle time of the <key>, that is the approximated number of",
    "    seconds elapsed since the last access to the key.",
    "REFCOUNT <key>",
    "    Return the number of references of the value associated with the specified",
    "    <key>.",
    "HELP",
    "    Prints this help.",
];

#[cfg(test)]
mod tests {
    use crate::testing::{Sandbox, check};

    #[test]
    fn the_encoding_of_a_string_is_what_redis_would_choose() {
        for (commands, encoding) in [
            ("SET a 12", "int"),
            ("SET a -9223372036854775808", "int"),
            ("SET a 9223372036854775808", "embstr"),
            ("SET a 012", "embstr"),
            ("SET a \"\"", "embstr"),
            ("SET a \"x\"*44", "embstr"),
            ("SET a \"x\"*45", "raw"),
            ("SET a \"x\"*5000", "raw"),
            ("INCR a", "int"),
            ("APPEND a 1", "int"),
            ("SET a 1 | APPEND a 2", "raw"),
            ("APPEND a x | APPEND a y", "raw"),
            ("SETRANGE a 2 x", "raw"),
            ("SETBIT a 1 1", "raw"),
            ("INCRBYFLOAT a 3", "embstr"),
            ("SET a 1.5 | INCRBYFLOAT a 0.5", "embstr"),
            ("INCRBYFLOAT a 3 | INCR a", "int"),
            ("SET b abc | BITOP NOT a b", "raw"),
            ("BITFIELD a SET u8 0 1", "raw"),
            ("SET b x | APPEND b y | COPY b a", "raw"),
            ("SET b x | APPEND b y | RENAME b a", "raw"),
            ("SET b x | COPY b a | EXPIRE a 100 | PERSIST a", "embstr"),
        ] {
            let mut sandbox = Sandbox::new();
            sandbox.run(commands);
            assert_eq!(sandbox.run("OBJECT ENCODING a"), encoding, "after {commands}");
        }
    }

    #[test]
    fn idle_time_counts_seconds_since_the_last_access_and_does_not_touch() {
        check(
            "SET a 1 | SLEEP 5400 | OBJECT IDLETIME a | OBJECT IDLETIME a | EXISTS a | OBJECT IDLETIME a \
                | GET a | OBJECT IDLETIME a | SLEEP 600 | OBJECT IDLETIME a",
            "OK | :5 | :5 | :1 | :5 | 1 | :0 | :1",
        );
        // The seconds are kept modulo 2^24.
        check("SET a 1 | SLEEP 16777300000 | OBJECT IDLETIME a", "OK | :84");
    }

    #[test]
    fn without_an_lfu_policy_there_is_no_frequency() {
        let error = "-ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note \
            that when switching between policies at runtime LRU and LFU data will take some time to adjust.";
        check("OBJECT FREQ a | SET a 1 | OBJECT FREQ a", &format!("(nil) | OK | {error}"));
    }

    #[test]
    fn small_integers_count_as_shared() {
        for (value, references) in
            [("0", 2147483647), ("9999", 2147483647), ("10000", 1), ("-1", 1), ("x", 1)]
        {
            check(&format!("SET a {value} | OBJECT REFCOUNT a"), &format!("OK | :{references}"));
        }
    }

    #[test]
    fn a_key_that_is_not_there_is_nothing() {
        for subcommand in ["ENCODING", "FREQ", "IDLETIME", "REFCOUNT"] {
            check(&format!("OBJECT {subcommand} a"), "(nil)");
            check(&format!("SET a 1 PX 5 | SLEEP 6 | object {subcommand} a"), "OK | (nil)");
            let error =
                format!("-ERR wrong number of arguments for 'object|{}' command", subcommand.to_lowercase());
            check(&format!("OBJECT {subcommand}"), &error);
        }
        check("OBJECT", "-ERR wrong number of arguments for 'object' command");
    }
}
