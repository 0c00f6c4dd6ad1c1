//! Groups and their consumers made, moved and removed: XGROUP.

use super::value::{Done, any_id, exact_id, integer, no_group, subcommand_syntax};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::encoding::stream::{Group, Groups, Stream};
use crate::entry::{Expire, NewValue};
use crate::error::CommandError;
use crate::event;
use crate::key::Key;
use crate::object::{DataType, Object};
use crate::values::stream::{change, stream_mut, stream_of};

/// The options of XGROUP CREATE and XGROUP SETID.
struct Options {
    make_stream: bool,
    entries_read: Option<i64>,
}

impl Options {
    fn parse(args: Args<'_>, allows_making: bool) -> Result<Options, CommandError> {
        let mut options = Options { make_stream: false, entries_read: None };
        let mut at = 5;
        while at < args.len() {
            if allows_making && args[at].eq_ignore_ascii_case(b"mkstream") {
                options.make_stream = true;
                at += 1;
            } else if at + 1 < args.len() && args[at].eq_ignore_ascii_case(b"entriesread") {
                let read = integer(args.get(at + 1))?;
                if read < -1 {
                    let text = "ERR value for ENTRIESREAD must be positive or -1";
                    return Err(CommandError::other(text));
                }
                options.entries_read = Some(read).filter(|&read| read >= 0);
                at += 2;
            } else {
                return Err(subcommand_syntax(args.get(1), "XGROUP"));
            }
        }
        Ok(options)
    }
}

/// The most arguments of XGROUP CREATE and of XGROUP SETID. Options may be repeated up to them, and that
/// there are more is found out last (Redis: xgroupCommand).
const CREATE_ARGS_MAX: usize = 8;
const SETID_ARGS_MAX: usize = 7;

fn check_len(args: Args<'_>, len_max: usize) -> Done {
    if args.len() > len_max { Err(subcommand_syntax(args.get(1), "XGROUP")) } else { Ok(()) }
}

fn no_stream() -> CommandError {
    CommandError::other(
        "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the \
            MKSTREAM option to create an empty stream automatically.",
    )
}

pub(super) fn create(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let options = Options::parse(args, true)?;
    let key = ctx.key(args, 2);
    let (name, id) = (args.get(3), args.get(4));
    let create = |stream: &mut Stream| -> Done {
        check_len(args, CREATE_ARGS_MAX)?;
        let id = if id == b"$" { stream.log.last_id() } else { exact_id(id)? };
        let created = stream.groups.create(name, id, options.entries_read);
        let taken = CommandError::other("BUSYGROUP Consumer Group name already exists");
        created.map(|_| ()).ok_or(taken)
    };
    match ctx.keys.write_typed(&key, DataType::Stream)? {
        Some(mut entry) => entry.with_object(|object| create(stream_mut(object)))?,
        None if options.make_stream => {
            let mut stream = Stream::default();
            create(&mut stream)?;
            ctx.keys.add(&key, NewValue::Object(Box::new(Object::Stream(stream))), Expire::Clear);
            // Only a new key breaks watches, not a new group.
            ctx.keys.changed(&key, event::XGROUP_CREATE_WITH_STREAM);
            ctx.reply.ok();
            return Ok(());
        }
        None => return Err(no_stream()),
    }
    ctx.keys.changed(&key, event::XGROUP_CREATE);
    ctx.reply.ok();
    Ok(())
}

/// The key of a subcommand that wants the group of argument 3 to be there.
fn key_with_group<'a>(ctx: &mut Ctx<'_>, args: Args<'a>) -> Result<Key<'a>, CommandError> {
    let key = ctx.key(args, 2);
    let entry = ctx.keys.write_typed(&key, DataType::Stream)?.ok_or_else(no_stream)?;
    match stream_of(entry.view()).groups.get(args.get(3)) {
        Some(_) => Ok(key),
        None => Err(no_group(key.bytes, args.get(3))),
    }
}

/// Changes the group of argument 3, which is known to be there.
fn change_group<R>(
    ctx: &mut Ctx<'_>,
    args: Args<'_>,
    key: &Key<'_>,
    change_it: impl FnOnce(&mut Group) -> R,
) -> R {
    change(&mut ctx.keys, key, |stream| {
        change_it(stream.groups.get_mut(args.get(3)).expect("the group was looked up"))
    })
}

pub(super) fn setid(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let options = Options::parse(args, false)?;
    let key = key_with_group(ctx, args)?;
    check_len(args, SETID_ARGS_MAX)?;
    let id = match args.get(4) {
        b"$" => ctx.keys.view(&key).map(|entry| stream_of(entry).log.last_id()).unwrap_or_default(),
        text => any_id(text)?,
    };
    change_group(ctx, args, &key, |group| group.set_last_id(id, options.entries_read));
    ctx.keys.changed(&key, event::XGROUP_SETID);
    ctx.reply.ok();
    Ok(())
}

pub(super) fn destroy(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.key(args, 2);
    let mut entry = ctx.keys.write_typed(&key, DataType::Stream)?.ok_or_else(no_stream)?;
    let group = entry.with_object(|object| stream_mut(object).groups.remove(args.get(3)));
    let was_there = group.is_some();
    if let Some(group) = group {
        ctx.keys.changed(&key, event::XGROUP_DESTROY);
        // A group may have millions of pending entries: a stream without entries takes them along to be freed
        // in steps.
        let remains = Stream { groups: Groups::of(group), ..Stream::default() };
        ctx.keys.free_in_steps(Object::Stream(remains));
    }
    ctx.reply.int(was_there.into());
    Ok(())
}

pub(super) fn createconsumer(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = key_with_group(ctx, args)?;
    let now_ms = ctx.keys.now_ms();
    let is_new = change_group(ctx, args, &key, |group| group.create_consumer(args.get(4), now_ms).is_some());
    if is_new {
        ctx.keys.changed(&key, event::XGROUP_CREATECONSUMER);
    }
    ctx.reply.int(is_new.into());
    Ok(())
}

pub(super) fn delconsumer(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = key_with_group(ctx, args)?;
    let pending = change_group(ctx, args, &key, |group| group.delete_consumer(args.get(4)));
    if pending.is_some() {
        ctx.keys.changed(&key, event::XGROUP_DELCONSUMER);
    }
    ctx.reply.len_int(pending.unwrap_or(0));
    Ok(())
}

pub(super) fn help(ctx: &mut Ctx<'_>, _args: Args<'_>) -> Done {
    ctx.reply.array(HELP.len());
    HELP.iter().for_each(|line| ctx.reply.simple(line));
    Ok(())
}

const HELP: &[&str] = &[
    "XGROUP <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CREATE <key> <groupname> <id|$> [option]",
    "    Create a new consumer group. Options are:",
    "    * MKSTREAM",
    "      Create the empty stream if it does not exist.",
    "    * ENTRIESREAD entries_read",
    "      Set the group's entries_read counter (internal use).",
    "CREATECONSUMER <key> <groupname> <consumer>",
    "    Create a new consumer in the specified group.",
    "DELCONSUMER <key> <groupname> <consumer>",
    "    Remove the specified consumer.",
    "DESTROY <key> <groupname>",
    "    Remove the specified group.",
    "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
    "    Set the current group ID and entries_read counter.",
    "HELP",
    "    Prints this help.",
];
