//! The commands on keys as tests find them: all of the product, and probes that look behind them.

use std::sync::LazyLock;

use crate::args::Args;
use crate::command::registry::Registry;
use crate::command::{Arity, CommandSpec, DataCommand, KeySpec, flags, keys};
use crate::commands::FAMILIES;
use crate::ctx::Ctx;
use crate::error::CommandError;

/// All commands of shards, without those of sessions.
pub fn registry() -> &'static Registry {
    static REGISTRY: LazyLock<Registry> = LazyLock::new(|| Registry::new(FAMILIES, &[]));
    &REGISTRY
}

/// Finds the row of a command, or of a container's subcommand, by its name in any case.
pub(crate) fn lookup(args: Args<'_>) -> &'static DataCommand {
    let name = args.get(0);
    let rows = FAMILIES.iter().copied().flatten().chain(PROBES);
    let mut found = rows.filter(|row| name.eq_ignore_ascii_case(row.spec.name.as_bytes()));
    let row = found.next().unwrap_or_else(|| panic!("no command {}", String::from_utf8_lossy(name)));
    assert!(found.next().is_none(), "two rows for {}", row.spec.name);
    if row.subcommands.is_empty() || args.len() < 2 {
        return row;
    }
    let mut subcommands = row.subcommands.iter();
    let named = |row: &&DataCommand| args[1].eq_ignore_ascii_case(row.spec.name.as_bytes());
    subcommands
        .find(named)
        .unwrap_or_else(|| panic!("no subcommand {}", String::from_utf8_lossy(args.get(1))))
}

/// `name`, or `container|name`.
pub(super) fn full_name(command: &'static DataCommand) -> String {
    let is_in = |row: &&DataCommand| row.subcommands.iter().any(|other| std::ptr::eq(other, command));
    match FAMILIES.iter().copied().flatten().find(is_in) {
        Some(container) => format!("{}|{}", container.spec.name, command.spec.name),
        None => command.spec.name.to_owned(),
    }
}

const PROBE: CommandSpec = CommandSpec {
    arity: Arity::Exactly(2),
    flags: flags::READONLY,
    keys: &[KeySpec::at(1, keys::RO)],
    ..CommandSpec::BASE
};

static PROBES: &[DataCommand] = &[
    DataCommand {
        run: |ctx, args| {
            probe(ctx, args, |ctx, args| {
                let key = ctx.key(args, 1);
                ctx.keys.peek(&key).map(|entry| format!("{:?}", entry.kind()).to_lowercase())
            })
        },
        spec: CommandSpec { name: "probe.kind", ..PROBE },
        subcommands: &[],
    },
    DataCommand {
        run: |ctx, args| {
            probe(ctx, args, |ctx, args| {
                let key = ctx.key(args, 1);
                ctx.keys
                    .peek(&key)
                    .map(|entry| entry.expire_ms().map_or("-1".to_owned(), |at_ms| at_ms.to_string()))
            })
        },
        spec: CommandSpec { name: "probe.expire", ..PROBE },
        subcommands: &[],
    },
];

fn probe(
    ctx: &mut Ctx<'_>,
    args: Args<'_>,
    look: impl Fn(&mut Ctx<'_>, Args<'_>) -> Option<String>,
) -> Result<(), CommandError> {
    match look(ctx, args) {
        Some(seen) => ctx.reply.simple(&seen),
        None => ctx.reply.null(),
    }
    Ok(())
}
