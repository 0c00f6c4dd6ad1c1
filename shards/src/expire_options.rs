//! How commands word the time at which a key or a field shall expire, and when it is set: EX, PX, EXAT, PXAT,
//! KEEPTTL and PERSIST; NX, XX, GT and LT; and the units of EXPIRE and TTL.
//!
//! This file must not know keys and fields.

use crate::error::CommandError;
use crate::num;

/// What a number in a command counts, and from when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeUnit {
    /// From now on: EX, EXPIRE, TTL.
    Seconds,
    /// From now on: PX, PEXPIRE, PTTL.
    Milliseconds,
    /// Since 1970: EXAT, EXPIREAT, EXPIRETIME.
    UnixSeconds,
    /// Since 1970: PXAT, PEXPIREAT, PEXPIRETIME.
    UnixMilliseconds,
}

impl TimeUnit {
    /// The unit of an option.
    pub(crate) fn parse(word: &[u8]) -> Option<TimeUnit> {
        match word {
            _ if word.eq_ignore_ascii_case(b"EX") => Some(TimeUnit::Seconds),
            _ if word.eq_ignore_ascii_case(b"PX") => Some(TimeUnit::Milliseconds),
            _ if word.eq_ignore_ascii_case(b"EXAT") => Some(TimeUnit::UnixSeconds),
            _ if word.eq_ignore_ascii_case(b"PXAT") => Some(TimeUnit::UnixMilliseconds),
            _ => None,
        }
    }

    /// The time that `text` means at the time `now_ms`, both in milliseconds since 1970.
    ///
    /// # Errors
    /// `NotAnInteger`, and `InvalidExpire` for `command` when the number is below `least` or the time is
    /// beyond the range of `i64` (Redis: getExpireMillisecondsOrReply).
    pub(crate) fn at_ms(
        self,
        text: &[u8],
        least: i64,
        now_ms: u64,
        command: &'static str,
    ) -> Result<i64, CommandError> {
        let number = num::parse_i64(text).ok_or(CommandError::NotAnInteger)?;
        let ms = if self.is_in_seconds() { number.checked_mul(1000) } else { Some(number) };
        let at_ms = if self.is_from_now() { ms.and_then(|ms| ms.checked_add_unsigned(now_ms)) } else { ms };
        at_ms.filter(|_| number >= least).ok_or(CommandError::InvalidExpire(command))
    }

    /// A time in this unit, as it is told at `now_ms`. Seconds are rounded to the nearest.
    pub(crate) fn told(self, at_ms: u64, now_ms: u64) -> i64 {
        let ms = if self.is_from_now() { at_ms.saturating_sub(now_ms) } else { at_ms };
        let rounded = if self.is_in_seconds() { (ms + 500) / 1000 } else { ms };
        rounded as i64
    }

    fn is_in_seconds(self) -> bool {
        matches!(self, TimeUnit::Seconds | TimeUnit::UnixSeconds)
    }

    fn is_from_now(self) -> bool {
        matches!(self, TimeUnit::Seconds | TimeUnit::Milliseconds)
    }
}

/// What the options of a command say about the expire of what it works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ttl<'a> {
    /// Nothing.
    Unsaid,
    /// KEEPTTL
    Keep,
    /// PERSIST
    Persist,
    /// The text is a number that has not been checked yet: a bad option, and in some commands the key, comes
    /// first.
    Time(TimeUnit, &'a [u8]),
}

impl<'a> Ttl<'a> {
    /// This option followed by another. Options of different kinds exclude each other; of the same kind the
    /// last counts.
    pub(crate) fn merged(self, next: Ttl<'a>) -> Result<Ttl<'a>, CommandError> {
        let fits = match (self, next) {
            (Ttl::Unsaid, _) => true,
            (Ttl::Time(unit, _), Ttl::Time(next_unit, _)) => unit == next_unit,
            (before, next) => before == next,
        };
        if fits { Ok(next) } else { Err(CommandError::Syntax) }
    }

    /// The time that it names, if it does, in milliseconds since 1970. `least` as in [`TimeUnit::at_ms`], and
    /// not below zero.
    pub(crate) fn at_ms(
        self,
        least: u32,
        now_ms: u64,
        command: &'static str,
    ) -> Result<Option<u64>, CommandError> {
        match self {
            Ttl::Time(unit, text) => {
                unit.at_ms(text, i64::from(least), now_ms, command).map(|at_ms| Some(at_ms.unsigned_abs()))
            }
            _ => Ok(None),
        }
    }
}

/// The options of EXPIRE, and of HEXPIRE and their kin. All that are given must be met.
#[derive(Default)]
pub(crate) struct ExpireCondition {
    /// Only when there is no expire.
    nx: bool,
    /// Only when there is one.
    xx: bool,
    /// Only to a later time. What has no expire lives forever, so nothing is later.
    gt: bool,
    /// Only to an earlier time. What has no expire lives forever, so everything is earlier.
    lt: bool,
}

impl ExpireCondition {
    /// Reads all options.
    pub(crate) fn parse<'a>(
        options: impl Iterator<Item = &'a [u8]>,
    ) -> Result<ExpireCondition, CommandError> {
        let mut condition = ExpireCondition::default();
        for option in options {
            let given = if option.eq_ignore_ascii_case(b"nx") {
                &mut condition.nx
            } else if option.eq_ignore_ascii_case(b"xx") {
                &mut condition.xx
            } else if option.eq_ignore_ascii_case(b"gt") {
                &mut condition.gt
            } else if option.eq_ignore_ascii_case(b"lt") {
                &mut condition.lt
            } else {
                return Err(CommandError::quoting("ERR Unsupported option ", option, ""));
            };
            *given = true;
        }
        if condition.nx && (condition.xx || condition.gt || condition.lt) {
            return Err(CommandError::other(
                "ERR NX and XX, GT or LT options at the same time are not compatible",
            ));
        }
        if condition.gt && condition.lt {
            return Err(CommandError::other("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(condition)
    }

    /// Whether a time may be set where there is this one, both in milliseconds since 1970.
    pub(crate) fn is_met(&self, present_ms: Option<u64>, at_ms: i64) -> bool {
        match present_ms {
            None => !self.xx && !self.gt,
            Some(present_ms) => {
                let present_ms = present_ms as i64;
                !self.nx && (!self.gt || at_ms > present_ms) && (!self.lt || at_ms < present_ms)
            }
        }
    }
}
