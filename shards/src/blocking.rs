//! What a command says that has found nothing and would rather wait: BLPOP and its kin.
//!
//! The handler of a blocking command does what it would do without waiting. When there is nothing for it, it
//! writes the reply of a transaction that does not wait and calls [`crate::keyspace::Keyspace::block`].
//! Whoever runs the command decides what comes of it: inside EXEC the reply stands; otherwise the client
//! waits, and the command is run again when one of its keys has changed (Redis 7.2: blockForKeys,
//! handleClientsBlockedOnKeys).

use crate::args::OwnedArgs;
use crate::error::CommandError;
use crate::num::{LongDouble, parse_i64};
use crate::object::DataType;

/// What a command waits for.
#[derive(Clone, Debug)]
pub struct Block {
    /// How long, in milliseconds; 0 means for ever.
    pub timeout_ms: u64,
    /// A key is worth a look when it holds this type.
    pub wanted: DataType,
    /// It is also worth one when it has gone or has another type now: XREADGROUP, which then has an error to
    /// tell.
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

/// A timeout in seconds with a fraction, as BLPOP takes it, in milliseconds: a C `long double` (Valkey:
/// getTimeoutFromObjectOrReply). One below a millisecond is a millisecond, not for ever.
///
/// # Errors
/// When it is no number, negative, or ends behind what 64 bits can count.
pub fn parse_timeout_s(text: &[u8], now_ms: u64) -> Result<u64, CommandError> {
    let timeout_ms = match parse_i64(text) {
        Some(seconds) => seconds.saturating_mul(1000),
        None => LongDouble::parse(text)
            .ok_or(CommandError::other("ERR timeout is not a float or out of range"))?
            .times_ceil(1000),
    };
    bounded(timeout_ms, now_ms)
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

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_800_000_000_000;
    const NO_FLOAT: &str = "ERR timeout is not a float or out of range";
    const TOO_LONG: &str = "ERR timeout is out of range";
    const NEGATIVE: &str = "ERR timeout is negative";

    fn check(text: &str, expected: Result<u64, &str>) {
        let timeout = parse_timeout_s(text.as_bytes(), NOW_MS).map_err(|error| error.text().into_owned());
        assert_eq!(timeout, expected.map_err(str::to_owned), "{text:?}");
    }

    #[test]
    fn a_timeout_is_rounded_up_to_milliseconds() {
        for (text, timeout_ms) in
            [("0", 0), ("5", 5000), ("0.05", 50), ("1e-3", 1), ("0.0011", 2), ("0x.8", 500), ("-0.0001", 0)]
        {
            check(text, Ok(timeout_ms));
        }
    }

    #[test]
    fn a_timeout_too_small_for_a_double_is_a_millisecond() {
        for text in ["2e-324", "1e-400", "3.6e-4951", "0x1p-1075"] {
            check(text, Ok(1));
        }
        check("-1e-400", Ok(0));
    }

    #[test]
    fn a_timeout_beyond_the_range_of_a_double_is_out_of_range_and_not_unreadable() {
        for text in ["inf", "1e308", "1e309", "1e4932", "9223372036854775807", "9223372036854775.807", "1e16"]
        {
            check(text, Err(TOO_LONG));
        }
        for text in ["-inf", "-1", "-1e309", "-1e4932", "-9223372036854775808", "-0.01"] {
            check(text, Err(NEGATIVE));
        }
        for text in ["nan", "1e4933", "-1e5000", "1e-5000", "", " 1", "1 ", "1e", "soon"] {
            check(text, Err(NO_FLOAT));
        }
        check(&format!("1.{}", "0".repeat(5117)), Ok(1000));
        check(&format!("1.{}", "0".repeat(5118)), Err(NO_FLOAT));
    }

    #[test]
    fn a_timeout_may_end_at_the_last_millisecond_that_can_be_counted() {
        let last_ms = i64::MAX as u64 - NOW_MS;
        let timeout = |timeout_ms: u64| parse_timeout_ms(timeout_ms.to_string().as_bytes(), NOW_MS);
        assert_eq!(timeout(last_ms), Ok(last_ms));
        assert_eq!(timeout(last_ms + 1), Err(CommandError::other(TOO_LONG)));
    }
}
