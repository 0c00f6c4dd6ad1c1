//! MEMORY: how many bytes a key takes.

use crate::args::Args;
use crate::command::flags;
use crate::command::{Arg, Arity, CommandGroup, CommandSpec, DataCommand, KeySpec, keys};
use crate::ctx::Ctx;
use crate::error::CommandError;
use crate::num;

/// The rows of this family.
pub(super) static COMMANDS: &[DataCommand] = &[DataCommand::new(
    help,
    CommandSpec {
        name: "memory",
        summary: "A container for memory diagnostics commands",
        since: "4.0.0",
        complexity: "Depends on subcommand.",
        group: CommandGroup::Server,
        arity: Arity::AtLeast(2),
        ..CommandSpec::BASE
    },
)
.with_subcommands(&[
    DataCommand::new(
        help,
        CommandSpec {
            name: "help",
            summary: "Show helpful text about the different subcommands",
            since: "4.0.0",
            complexity: "O(1)",
            group: CommandGroup::Server,
            arity: Arity::Exactly(2),
            flags: flags::LOADING | flags::STALE,
            ..CommandSpec::BASE
        },
    ),
    DataCommand::new(
        usage,
        CommandSpec {
            name: "usage",
            summary: "Estimate the memory usage of a key",
            since: "4.0.0",
            complexity: "O(N) where N is the number of samples.",
            group: CommandGroup::Server,
            arity: Arity::AtLeast(3),
            flags: flags::READONLY,
            keys: &[KeySpec::at(2, keys::RO)],
            args: &[Arg::key(), Arg::integer("count").after("SAMPLES").optional()],
            ..CommandSpec::BASE
        },
    ),
])];

type Done = Result<(), CommandError>;

/// A word of the table of the key's slot, which holds the entry.
const TABLE_WORD_BYTES: usize = 8;

/// MEMORY USAGE key [SAMPLES count]. Every value knows what it has allocated, so nothing is sampled; the
/// number of samples is checked as in Redis and means nothing. The key counts as not used.
fn usage(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let mut at = 3;
    while at < args.len() {
        if !args.get(at).eq_ignore_ascii_case(b"samples") || at + 1 == args.len() {
            return Err(CommandError::Syntax);
        }
        let samples = num::parse_i64(args.get(at + 1)).ok_or(CommandError::NotAnInteger)?;
        if samples < 0 {
            return Err(CommandError::Syntax);
        }
        at += 2;
    }
    let key = ctx.key(args, 2);
    match ctx.keys.view(&key).map(|entry| entry.memory_bytes()) {
        Some(bytes) => ctx.reply.len_int(bytes + TABLE_WORD_BYTES),
        None => ctx.reply.null(),
    }
    Ok(())
}

fn help(ctx: &mut Ctx<'_>, _args: Args<'_>) -> Done {
    ctx.reply.array(HELP.len());
    HELP.iter().for_each(|line| ctx.reply.simple(line));
    Ok(())
}

const HELP: &[&str] = &[
    "MEMORY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "USAGE <key> [SAMPLES <count>]",
    "    Return memory in bytes used by <key> and its value. Nested values are",
    "    sampled up to <count> times (default: 5, 0 means sample all).",
    "HELP",
    "    Prints this help.",
];

#[cfg(test)]
mod tests {
    use crate::testing::{Sandbox, check};

    fn usage(setup: &str) -> i64 {
        let mut sandbox = Sandbox::new();
        sandbox.run(setup);
        sandbox.run("MEMORY USAGE a").trim_start_matches(':').parse().unwrap()
    }

    #[test]
    fn a_small_value_takes_its_entry_and_a_word_of_the_table() {
        // A header of 16 bytes, the key and the value, rounded up as the allocator does.
        assert_eq!(usage("SET a 1"), 24 + 8);
        assert_eq!(usage("SET a \"x\"*64"), 96 + 8);
        assert_eq!(usage("SET a 1 EX 100"), 32 + 8);
    }

    #[test]
    fn a_large_value_takes_what_it_has_allocated() {
        for (setup, data) in [
            ("SET a \"x\"*100000", 100_000),
            ("RPUSH a \"x\"*50000 \"y\"*50000", 100_000),
            ("SADD a \"x\"*50000 \"y\"*50000", 100_000),
            ("HSET a f \"x\"*50000 g \"y\"*50000", 100_000),
            ("ZADD a 1 \"x\"*50000 2 \"y\"*50000", 100_000),
            ("XADD a 1-1 f \"x\"*50000 | XADD a 2-1 f \"x\"*50000", 100_000),
        ] {
            let bytes = usage(setup);
            assert!((data..data * 2).contains(&bytes), "{setup}: {bytes}");
        }
    }

    #[test]
    fn samples_are_checked_and_the_key_is_not_touched() {
        check("SET a 1 | MEMORY USAGE a SAMPLES 0 | MEMORY USAGE a samples 5 SAMPLES 1", "OK | :32 | :32");
        check("MEMORY USAGE a", "(nil)");
        check("SET a 1 PX 5 | SLEEP 6 | MEMORY USAGE a", "OK | (nil)");
        for wrong in ["SAMPLES", "SAMPLES -1", "FOO 1", "SAMPLES 1 FOO"] {
            check(&format!("MEMORY USAGE a {wrong}"), "-ERR syntax error");
        }
        check("MEMORY USAGE a SAMPLES x", "-ERR value is not an integer or out of range");
        check("MEMORY USAGE", "-ERR wrong number of arguments for 'memory|usage' command");
        check("SET a 1 | SLEEP 9000 | MEMORY USAGE a | OBJECT IDLETIME a", "OK | :32 | :9");
    }
}
