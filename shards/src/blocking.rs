//! What a command says that has found nothing and would rather wait: BLPOP and its kin.
//!
//! The handler of a blocking command does what it would do without waiting. When there is nothing for it, it writes the
//! reply of a transaction that does not wait and calls [`crate::keyspace::Keyspace::block`]. Whoever runs the command decides what comes of it: inside
//! EXEC the reply stands; otherwise the client waits, and the command is run again when one of its keys has
//! changed (Redis 7.2: blockForKeys, handleClientsBlockedOnKeys).

use crate::args::OwnedArgs;
use crate::error::CommandError;
use crate::num::{parse_f64, parse_i64};
use crate::object::DataType;

/// What a command waits for.
#[derive(Clone, Debug)]
pub struct Block {
    /// How long, in milliseconds; 0 means for ever.
    pub timeout_ms: u64,
    /// A key is worth a look when it holds this type.
    pub wanted: DataType,
    /// It is also worth one when it has gone or has another type now: XREADGROUP, which then has an error to tell.
    pub wakes_on_removal: bool,
    /// The command as it has to be run again, when that is not what was sent: XREAD with `$`.
    pub args: Option<OwnedArgs>,
}

impl Block {
    /// Until a key holds this type; the command is run again as it was sent.
    pub fn until(wanted: DataType, timeout_ms: u64) -> Block {
        Block { timeout_ms, wanted, wakes_on_removal: false, args: None }
    }
}

/// A timeout in seconds with a fraction, as BLPOP takes it, in milliseconds (Redis: getTimeoutFromObjectOrReply).
///
/// # Errors
/// When it is no number, negative, or ends behind what 64 bits can count.
pub fn parse_timeout_s(text: &[u8], now_ms: u64) -> Result<u64, CommandError> {
    let seconds = parse_f64(text)
        .filter(|seconds| !seconds.is_nan())
        .ok_or(CommandError::other("ERR timeout is not a float or out of range"))?;
    let timeout_ms = (seconds * 1000.0).ceil();
    if timeout_ms >= i64::MAX as f64 {
        return Err(CommandError::other("ERR timeout is out of range"));
    }
    bounded(timeout_ms as i64, now_ms)
}

/// A timeout in whole milliseconds, as XREAD takes it.
///
/// # Errors
/// When it is no integer, negative, or ends behind what 64 bits can count.
pub fn parse_timeout_ms(text: &[u8], now_ms: u64) -> Result<u64, CommandError> {
    let error = || CommandError::other("ERR timeout is not an integer or out of range");
    bounded(parse_i64(text).ok_or_else(error)?, now_ms)
}

fn bounded(timeout_ms: i64, now_ms: u64) -> Result<u64, CommandError> {
    let timeout_ms = u64::try_from(timeout_ms).map_err(|_| CommandError::other("ERR timeout is negative"))?;
    if timeout_ms > (i64::MAX as u64).saturating_sub(now_ms) {
        return Err(CommandError::other("ERR timeout is out of range"));
    }
    Ok(timeout_ms)
}
