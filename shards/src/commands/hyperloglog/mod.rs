//! HyperLogLogs: PFADD, PFCOUNT, PFMERGE, PFDEBUG, PFSELFTEST. They are strings of a certain form
//! ([`crate::encoding::hyperloglog`]), so any string command works on them too.

pub(super) mod rows;

use crate::args::{Args, Blob};
use crate::ctx::Ctx;
use crate::encoding::hyperloglog::{self as hll, Encoding, HllError, Union};
use crate::entry::{Expire, NewValue};
use crate::error::CommandError;
use crate::event;
use crate::keyspace::Keyspace;

type Done = Result<(), CommandError>;

pub(crate) fn pfadd(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.key(args, 1);
    let sparse_bytes_max = sparse_bytes_max(&ctx.keys);
    let has_changed = match ctx.keys.write_string(&key)? {
        Some(mut entry) => {
            hll::encoding(entry.string().bytes(&mut itoa::Buffer::new())).map_err(refusal)?;
            entry.with_raw(|value| add(value, args, sparse_bytes_max)).map_err(refusal)?
        }
        None => {
            let value = hll::create(args.iter_from(2), sparse_bytes_max);
            ctx.keys.add(&key, NewValue::Blob(Blob::new(value)), Expire::Clear);
            true
        }
    };
    if has_changed {
        ctx.keys.changed(&key, event::PFADD);
    }
    ctx.reply.int(i64::from(has_changed));
    Ok(())
}

/// Adds all elements, which begin at argument 2, or none when the value is damaged.
fn add(value: &mut Vec<u8>, args: Args<'_>, sparse_bytes_max: usize) -> Result<bool, HllError> {
    let elements = args.iter_from(2);
    if hll::encoding(value)? == Encoding::Dense {
        return hll::add_to_dense(value, elements);
    }
    // Damage is found before anything is changed by the element that meets it.
    if args.len() <= 3 {
        return hll::add(value, elements, sparse_bytes_max);
    }
    let mut copy = value.clone();
    let has_changed = hll::add(&mut copy, elements, sparse_bytes_max)?;
    if has_changed {
        *value = copy;
    }
    Ok(has_changed)
}

pub(crate) fn pfcount(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    if args.len() > 2 {
        let count = union_of(ctx, args)?.count();
        ctx.reply.int(count);
        return Ok(());
    }
    let key = ctx.key(args, 1);
    let mut text = itoa::Buffer::new();
    let Some(value) = ctx.keys.read_string(&key)? else {
        ctx.reply.int(0);
        return Ok(());
    };
    let value = value.bytes(&mut text);
    hll::encoding(value).map_err(refusal)?;
    if let Some(count) = hll::cached_count(value) {
        // The highest bit is not set: it would have said that the count is out of date.
        ctx.reply.int(count as i64);
        return Ok(());
    }
    let count = hll::count(value).map_err(refusal)?;
    if let Some(mut entry) = ctx.keys.write(&key) {
        entry.with_raw(|value| hll::set_cached_count(value, count)).map_err(refusal)?;
        ctx.keys.changed(&key, event::UNTOLD);
    }
    ctx.reply.int(count);
    Ok(())
}

/// All keys lie on this shard: a transaction has brought them here when they live on several.
pub(crate) fn pfmerge(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let union = union_of(ctx, args)?;
    let sparse_bytes_max = sparse_bytes_max(&ctx.keys);
    let destination = ctx.key(args, 1);
    match ctx.keys.write_string(&destination)? {
        Some(mut entry) => {
            entry.with_raw(|value| union.store(value, sparse_bytes_max)).map_err(refusal)?;
        }
        None => {
            let mut value = hll::empty();
            union.store(&mut value, sparse_bytes_max).map_err(refusal)?;
            ctx.keys.add(&destination, NewValue::Blob(Blob::new(value)), Expire::Clear);
        }
    }
    ctx.keys.changed(&destination, event::PFADD);
    ctx.reply.ok();
    Ok(())
}

/// The union of the keys from argument 1 on. Keys that are not there are empty.
fn union_of(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<Union, CommandError> {
    let mut union = Union::default();
    let mut text = itoa::Buffer::new();
    for index in 1..args.len() {
        let key = ctx.key(args, index);
        if let Some(value) = ctx.keys.read_string(&key)? {
            union.merge(value.bytes(&mut text)).map_err(refusal)?;
        }
    }
    Ok(union)
}

/// As in Redis a conversion is no change of the key to those who watch it, but it has an effect.
pub(crate) fn pfdebug(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.key(args, 2);
    let Some(mut entry) = ctx.keys.write_string(&key)? else {
        return Err(CommandError::other("ERR The specified key does not exist"));
    };
    let encoding = hll::encoding(entry.string().bytes(&mut itoa::Buffer::new())).map_err(refusal)?;
    let command = args.get(1);
    let is = |name: &str| command.eq_ignore_ascii_case(name.as_bytes());
    let mut is_converted = false;
    if is("getreg") {
        is_converted = entry.with_raw(hll::make_dense).map_err(refusal)?;
        let registers = entry.with_raw(|value| hll::registers(value)).map_err(refusal)?;
        ctx.reply.array(registers.len());
        for &register in registers.iter() {
            ctx.reply.int(i64::from(register));
        }
    } else if is("decode") {
        let runs = entry.with_raw(|value| hll::decode(value)).map_err(refusal)?;
        let runs = runs.ok_or(CommandError::other("ERR HLL encoding is not sparse"))?;
        ctx.reply.bulk(runs.as_bytes());
    } else if is("encoding") {
        ctx.reply.simple(match encoding {
            Encoding::Dense => "dense",
            Encoding::Sparse => "sparse",
        });
    } else if is("todense") {
        is_converted = entry.with_raw(hll::make_dense).map_err(refusal)?;
        ctx.reply.int(i64::from(is_converted));
    } else {
        return Err(CommandError::quoting("ERR Unknown PFDEBUG subcommand '", command, "'"));
    }
    if is_converted {
        ctx.keys.effect(args.iter_from(0));
    }
    Ok(())
}

pub(crate) fn pfselftest(ctx: &mut Ctx<'_>, _: Args<'_>) -> Done {
    hll::self_test(ctx.keys.random_bits()).map_err(|failure| CommandError::other(failure.to_string()))?;
    ctx.reply.ok();
    Ok(())
}

/// hll-sparse-max-bytes.
fn sparse_bytes_max(keys: &Keyspace<'_>) -> usize {
    usize::try_from(keys.limits().hll_sparse_bytes_max).unwrap_or(usize::MAX)
}

fn refusal(error: HllError) -> CommandError {
    CommandError::other(match error {
        HllError::NotHyperLogLog => "WRONGTYPE Key is not a valid HyperLogLog string value.",
        HllError::Corrupted => "INVALIDOBJ Corrupted HLL object detected",
    })
}

#[cfg(test)]
mod tests;
