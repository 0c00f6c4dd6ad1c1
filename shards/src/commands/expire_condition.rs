//! The conditions under which the expire of a key or of a field is set: NX, XX, GT, LT.

use crate::error::CommandError;

/// The options of EXPIRE, and of HEXPIRE and their kin. All that are given must be met.
#[derive(Default)]
pub(super) struct Condition {
    /// Only when there is no expire.
    nx: bool,
    /// Only when there is one.
    xx: bool,
    /// Only to a later time. What has no expire lives forever, so nothing is later.
    gt: bool,
    /// Only to an earlier time. What has no expire lives forever, so everything is earlier.
    lt: bool,
}

impl Condition {
    /// Reads all options.
    pub(super) fn parse<'a>(options: impl Iterator<Item = &'a [u8]>) -> Result<Condition, CommandError> {
        let mut condition = Condition::default();
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
    pub(super) fn is_met(&self, present_ms: Option<u64>, at_ms: i64) -> bool {
        match present_ms {
            None => !self.xx && !self.gt,
            Some(present_ms) => {
                let present_ms = present_ms as i64;
                !self.nx && (!self.gt || at_ms > present_ms) && (!self.lt || at_ms < present_ms)
            }
        }
    }
}
