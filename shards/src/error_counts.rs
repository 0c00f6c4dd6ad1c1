//! How many errors the calling thread has replied, by their codes, for INFO.
//!
//! Each worker is a thread with a shard, so the sum over all threads is that of the node. It must not know
//! who asks.

use std::cell::RefCell;

/// Codes that are told apart on one thread. What a server says has a few dozen; DEBUG ERROR lets a client
/// invent more, which only count in the total.
const CODES_MAX: usize = 128;

/// A code ends at the first blank among so many bytes, or the error has none (Redis: afterErrorReply).
const CODE_LEN_MAX: usize = 32;

/// Errors since the thread was started or [`reset`]. A number may be negative where an error was counted
/// elsewhere and [`uncount`]ed here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorCounts {
    /// All errors.
    pub total: i64,
    /// Those of each code.
    pub by_code: Vec<(Box<str>, i64)>,
}

thread_local! {
    static COUNTS: RefCell<ErrorCounts> = RefCell::default();
}

/// Counts an error with this text, which starts with its code.
#[cold]
pub fn count(text: &[u8]) {
    add(text, 1);
}

/// Takes back one error with this text: several shards have replied it to what is one command.
#[cold]
pub(crate) fn uncount(text: &[u8]) {
    add(text, -1);
}

/// What the calling thread has counted.
pub fn of_this_thread() -> ErrorCounts {
    COUNTS.with_borrow(ErrorCounts::clone)
}

/// Begins anew (CONFIG RESETSTAT).
pub fn reset() {
    COUNTS.take();
}

fn add(text: &[u8], number: i64) {
    let code = code_of(text);
    COUNTS.with_borrow_mut(|counts| {
        counts.total += number;
        if let Some((_, count)) = counts.by_code.iter_mut().find(|(known, _)| known.as_bytes() == code) {
            *count += number;
        } else if counts.by_code.len() < CODES_MAX {
            counts.by_code.push((String::from_utf8_lossy(code).into(), number));
        }
    });
}

/// The code at the start of an error's text; `ERR` for a text without one.
fn code_of(text: &[u8]) -> &[u8] {
    let start = &text[..text.len().min(CODE_LEN_MAX)];
    match start.iter().position(|&byte| byte == b' ') {
        Some(end) => &start[..end],
        None => b"ERR",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::CommandError;
    use crate::reply::Reply;

    #[test]
    fn errors_are_counted_by_their_codes() {
        reset();
        let mut reply = Reply::default();
        reply.error(&CommandError::WrongType);
        reply.error(&CommandError::Syntax);
        reply.error(&CommandError::Syntax);
        reply.error(&CommandError::other("nothing"));
        uncount(b"WRONGTYPE x");
        let counts = of_this_thread();
        assert_eq!(counts.total, 3);
        assert_eq!(counts.by_code, [("WRONGTYPE".into(), 0), ("ERR".into(), 3)]);
        reset();
        assert_eq!(of_this_thread(), ErrorCounts::default());
    }

    #[test]
    fn invented_codes_are_not_kept_without_end() {
        reset();
        (0..1000).for_each(|number| count(format!("CODE{number} x").as_bytes()));
        let counts = of_this_thread();
        assert_eq!((counts.total, counts.by_code.len()), (1000, CODES_MAX));
    }
}
