//! Entries deleted one by one, the counters set, and counted: XDEL, XSETID, XLEN.

use super::value::{Done, exact_id, integer};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::encoding::stream::{SetIdError, StreamId};
use crate::error::CommandError;
use crate::event;
use crate::object::DataType;
use crate::values::stream::{stream_mut, stream_of};

pub(super) fn xdel(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.key(args, 1);
    let Some(mut entry) = ctx.keys.write_typed(&key, DataType::Stream)? else {
        ctx.reply.int(0);
        return Ok(());
    };
    let ids = args.iter_from(2).map(exact_id).collect::<Result<Vec<_>, _>>()?;
    let deleted = entry.with_object(|object| stream_mut(object).log.delete(ids));
    ctx.reply.int(deleted as i64);
    if deleted > 0 {
        ctx.keys.changed(&key, event::XDEL);
    }
    Ok(())
}

pub(super) fn xsetid(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let last_id = exact_id(args.get(2))?;
    let (mut entries_added, mut max_deleted_id): (Option<u64>, Option<StreamId>) = (None, None);
    let mut at = 3;
    while at < args.len() {
        let has_value = at + 1 < args.len();
        if has_value && args[at].eq_ignore_ascii_case(b"entriesadded") {
            let added = u64::try_from(integer(args.get(at + 1))?);
            let negative = |_| CommandError::other("ERR entries_added must be positive");
            entries_added = Some(added.map_err(negative)?);
        } else if has_value && args[at].eq_ignore_ascii_case(b"maxdeletedid") {
            let deleted = exact_id(args.get(at + 1))?;
            if last_id < deleted {
                return Err(set_id_error(SetIdError::BelowGivenDeleted));
            }
            max_deleted_id = Some(deleted);
        } else {
            return Err(CommandError::Syntax);
        }
        at += 2;
    }
    let key = ctx.key(args, 1);
    let entry = ctx.keys.write_typed(&key, DataType::Stream)?;
    let mut entry = entry.ok_or(CommandError::NoSuchKey)?;
    let set = entry
        .with_object(|object| stream_mut(object).log.set_last_id(last_id, entries_added, max_deleted_id));
    set.map_err(set_id_error)?;
    ctx.reply.ok();
    ctx.keys.changed(&key, event::XSETID);
    Ok(())
}

fn set_id_error(error: SetIdError) -> CommandError {
    CommandError::other(match error {
        SetIdError::BelowGivenDeleted => {
            "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id"
        }
        SetIdError::BelowDeleted => {
            "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id"
        }
        SetIdError::BelowLastEntry => {
            "ERR The ID specified in XSETID is smaller than the target stream top item"
        }
        SetIdError::AddedBelowLen => {
            "ERR The entries_added specified in XSETID is smaller than the target stream length"
        }
    })
}

pub(super) fn xlen(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.key(args, 1);
    let len = ctx.keys.read_typed(&key, DataType::Stream)?.map_or(0, |entry| stream_of(entry).log.len());
    ctx.reply.int(len as i64);
    Ok(())
}
