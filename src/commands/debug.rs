//! DEBUG: what tests ask of a server and nobody else should. Refused unless `enable-debug-command` allows it.
//!
//! As in Redis COMMAND shows no subcommands. Those on keys have rows all the same, by which they find their
//! shards; the others the handler tells apart.

use std::time::Duration;

use shards::args::Args;
use shards::command::{Arity, CommandGroup, CommandSpec, flags};
use shards::error::CommandError;
use shards::num::{self, parse_i64};
use shards::slot::{SLOT_COUNT, ShardId, SlotId};

use crate::commands::persistence::finish_save;
use crate::session::change::{ChangeQuestion, NodeChange};
use crate::session::command::{Flow, SessionCommand, SessionCtx, SlotFlow};
use crate::session::inquiry::{Question, finish_change};
use crate::session::saving::{ReloadOptions, SaveQuestion};

/// The row.
pub static COMMANDS: &[SessionCommand] = &[SessionCommand::new(
    debug,
    CommandSpec {
        name: "debug",
        summary: "A container for debugging commands",
        since: "1.0.0",
        complexity: "Depends on subcommand.",
        group: CommandGroup::Server,
        arity: Arity::AtLeast(2),
        flags: flags::ADMIN | flags::NOSCRIPT | flags::LOADING | flags::STALE | flags::PROTECTED,
        doc_flags: &["syscmd"],
        ..CommandSpec::BASE
    },
)
.with_unlisted(shards::commands::debug::ON_KEYS)
.after_replies_for(comes_behind)];

/// A subcommand: its name, how many arguments there are with it, whether it comes behind all commands before
/// it, and what it does.
struct Subcommand {
    name: &'static str,
    arity: Arity,
    after_replies: bool,
    run: fn(&mut SessionCtx<'_>, Args<'_>) -> Result<Flow, CommandError>,
    help: &'static [&'static str],
}

/// HELP is the last.
const SUBCOMMANDS: &[Subcommand] = &[
    Subcommand {
        name: "error",
        arity: Arity::Exactly(3),
        after_replies: false,
        run: error,
        help: &[
            "ERROR <string>",
            "    Return a Redis protocol error with <string> as message. Useful for clients",
            "    unit tests to simulate Redis errors.",
        ],
    },
    Subcommand {
        name: "handover",
        arity: Arity::Exactly(3),
        after_replies: false,
        run: hand_over,
        help: &[
            "HANDOVER <worker>",
            "    Hand this connection to another worker: that of a shard, by its number, or the",
            "    control worker, whose number is the next. The reply comes when it is there. One",
            "    that subscribes to anything or tracks keys goes when it does so no more.",
        ],
    },
    Subcommand {
        name: "reload",
        arity: Arity::AtLeast(2),
        after_replies: true,
        run: reload,
        help: &[
            "RELOAD [option ...]",
            "    Save the RDB on disk and reload it back to memory. Valid <option> values:",
            "    * MERGE: conflicting keys will be loaded from RDB.",
            "    * NOFLUSH: the existing database will not be removed before load, but",
            "      conflicting keys are loaded from the file.",
            "    * NOSAVE: the database will be loaded from an existing RDB file.",
            "    Examples:",
            "    * DEBUG RELOAD: verify that the server is able to persist, flush and reload",
            "      the database.",
            "    * DEBUG RELOAD NOSAVE: replace the current database with the contents of an",
            "      existing RDB file.",
            "    * DEBUG RELOAD NOSAVE NOFLUSH MERGE: add the contents of an existing RDB",
            "      file to the database.",
        ],
    },
    Subcommand {
        name: "set-active-expire",
        arity: Arity::Exactly(3),
        after_replies: true,
        run: set_active_expire,
        help: &[
            "SET-ACTIVE-EXPIRE <0|1>",
            "    Setting it to 0 disables expiring keys in background when they are not",
            "    accessed (otherwise the Redis behavior). Setting it to 1 reenables back the",
            "    default.",
        ],
    },
    Subcommand {
        name: "sleep",
        arity: Arity::Exactly(3),
        after_replies: false,
        run: sleep,
        help: &["SLEEP <seconds>", "    Stop the server for <seconds>. Decimals allowed."],
    },
    Subcommand {
        name: "slot-move",
        arity: Arity::Exactly(4),
        after_replies: false,
        run: slot_move,
        help: &[
            "SLOT-MOVE <slot> <shard>",
            "    Hand a hash slot with all its keys to another shard of this node, while clients",
            "    go on using it.",
        ],
    },
    Subcommand {
        name: "slots-deal",
        arity: Arity::Exactly(3),
        after_replies: false,
        run: slots_deal,
        help: &[
            "SLOTS-DEAL <shards>",
            "    Deal all hash slots evenly to the first <shards> shards of this node, while clients",
            "    go on using them. The reply comes when it has begun.",
        ],
    },
    Subcommand {
        name: "slots",
        arity: Arity::Exactly(2),
        after_replies: false,
        run: |_, _| Ok(Flow::Slots(SlotFlow::Show)),
        help: &["SLOTS", "    Show which shard owns which slots: first slot, last slot, shard."],
    },
    Subcommand {
        name: "help",
        arity: Arity::Exactly(2),
        after_replies: false,
        run: help,
        help: &["HELP", "    Prints this help."],
    },
];

fn called(args: Args<'_>) -> Option<&'static Subcommand> {
    SUBCOMMANDS.iter().find(|subcommand| {
        args.get(1).eq_ignore_ascii_case(subcommand.name.as_bytes()) && subcommand.arity.accepts(args.len())
    })
}

fn comes_behind(args: Args<'_>) -> bool {
    called(args).is_some_and(|subcommand| subcommand.after_replies)
}

fn debug(ctx: &mut SessionCtx<'_>, args: Args<'_>) -> Result<Flow, CommandError> {
    let wanted = args.get(1);
    match called(args) {
        Some(subcommand) => (subcommand.run)(ctx, args),
        None => {
            let (before, after) =
                ("ERR unknown subcommand or wrong number of arguments for '", "'. Try DEBUG HELP.");
            Err(CommandError::quoting(before, &wanted[..wanted.len().min(128)], after))
        }
    }
}

fn error(_ctx: &mut SessionCtx<'_>, args: Args<'_>) -> Result<Flow, CommandError> {
    let line: Vec<u8> =
        args.get(2).iter().map(|&byte| if b"\r\n".contains(&byte) { b' ' } else { byte }).collect();
    Err(CommandError::Quoting(line))
}

fn reload(_ctx: &mut SessionCtx<'_>, args: Args<'_>) -> Result<Flow, CommandError> {
    let mut options = ReloadOptions { saves: true, flushes: true };
    for word in args.iter_from(2) {
        match word.to_ascii_lowercase().as_slice() {
            b"nosave" => options.saves = false,
            b"noflush" => options.flushes = false,
            // Keys of the file always take the place of those that are there.
            b"merge" => {}
            _ => {
                let text = "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.";
                return Err(CommandError::other(text));
            }
        }
    }
    Ok(Flow::Ask(Question::Save(SaveQuestion::Reload(options)), Box::new(finish_save)))
}

/// Any number but 0 switches it on, and what is no number is 0 (C: atoi).
fn set_active_expire(_ctx: &mut SessionCtx<'_>, args: Args<'_>) -> Result<Flow, CommandError> {
    let text = args.get(2);
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let len = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is_expiring = digits[..len].iter().any(|&digit| digit != b'0');
    let change = NodeChange::ActiveExpire(is_expiring);
    Ok(Flow::Ask(Question::Change(ChangeQuestion::Order(change)), Box::new(finish_change)))
}

/// Longer than anybody waits, in seconds.
const SLEEP_MAX_S: f64 = 1e6;

/// From so many seconds on Redis's count of microseconds overflows, and it does not sleep at all.
const SLEEP_OVERFLOWS_S: f64 = i64::MAX as f64 / 1e6;

/// What stands behind so many bytes is not looked at. No number that anybody writes is that long.
const SECONDS_LEN_MAX: usize = 64;

fn sleep(_ctx: &mut SessionCtx<'_>, args: Args<'_>) -> Result<Flow, CommandError> {
    let seconds = match leading_number(args.get(2)) {
        seconds if seconds >= SLEEP_OVERFLOWS_S => 0.0,
        seconds => seconds.clamp(0.0, SLEEP_MAX_S),
    };
    let time = Duration::try_from_secs_f64(seconds).expect("it is a number between zero and the maximum");
    Ok(Flow::Ask(Question::Sleep(time), Box::new(|_, reply| reply.ok())))
}

/// The number that a text begins with after blanks; 0 when it begins with none, and for NaN (C: atof).
fn leading_number(text: &[u8]) -> f64 {
    let text = text.trim_ascii_start();
    let longest = text.len().min(SECONDS_LEN_MAX);
    let prefixes = (1..=longest).rev().map(|len| &text[..len]);
    prefixes.filter_map(num::parse_f64_of_any_range).next().unwrap_or(0.0)
}

fn slot_move(_ctx: &mut SessionCtx<'_>, args: Args<'_>) -> Result<Flow, CommandError> {
    let number = |index| parse_i64(args.get(index)).ok_or(CommandError::NotAnInteger);
    let slot = u16::try_from(number(2)?).ok().filter(|&slot| usize::from(slot) < SLOT_COUNT);
    let slot = slot.ok_or_else(|| CommandError::other("ERR Invalid or out of range slot"))?;
    let shard = u16::try_from(number(3)?).map_err(|_| CommandError::other("ERR there is no such shard"))?;
    Ok(Flow::Slots(SlotFlow::Move(SlotId::new(slot), ShardId(shard))))
}

fn slots_deal(ctx: &mut SessionCtx<'_>, args: Args<'_>) -> Result<Flow, CommandError> {
    let number = parse_i64(args.get(2)).ok_or(CommandError::NotAnInteger)?;
    let shards = usize::try_from(number).ok().filter(|shards| (1..=ctx.node.shards).contains(shards));
    let shards = shards.ok_or_else(|| {
        CommandError::other(format!("ERR slots are dealt to 1 to {} shards", ctx.node.shards))
    })?;
    ctx.reply.ok();
    Ok(Flow::Slots(SlotFlow::Deal(shards)))
}

fn hand_over(ctx: &mut SessionCtx<'_>, args: Args<'_>) -> Result<Flow, CommandError> {
    let number = parse_i64(args.get(2)).ok_or(CommandError::NotAnInteger)?;
    let last = ctx.node.control();
    let worker = u16::try_from(number).ok().filter(|&worker| worker <= last.0).ok_or_else(|| {
        CommandError::other(format!("ERR there is no worker {number}: they are 0 to {}", last.0))
    })?;
    Ok(Flow::HandOver(ShardId(worker)))
}

fn help(ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    let (help, others) = SUBCOMMANDS.split_last().expect("HELP is the last");
    let mut texts: Vec<_> = others.iter().map(|subcommand| subcommand.help).collect();
    texts.extend(shards::commands::debug::HELP);
    texts.sort_unstable();
    texts.push(help.help);
    ctx.reply.array(1 + texts.iter().map(|text| text.len()).sum::<usize>());
    ctx.reply.simple("DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    texts.concat().into_iter().for_each(|line| ctx.reply.simple(line));
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_what_the_text_begins_with_and_never_nan() {
        for (text, seconds) in [
            ("0.5", 0.5),
            (" \t0.25x", 0.25),
            ("0x1p-2 ", 0.25),
            ("1e", 1.0),
            ("-3", -3.0),
            ("", 0.0),
            ("x1", 0.0),
            ("nan", 0.0),
            ("-nan(1)", 0.0),
            ("infinite", f64::INFINITY),
            ("1e400", f64::INFINITY),
            ("1e-400", 0.0),
        ] {
            assert_eq!(leading_number(text.as_bytes()), seconds, "{text:?}");
        }
    }
}
