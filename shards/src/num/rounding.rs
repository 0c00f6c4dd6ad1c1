//! Division by powers of two, rounded as processors and C libraries round: to the nearest, and to even
//! between two.

/// `value / 2^shift`, rounded to the nearest integer and, exactly between two, to the even one. `inexact`:
/// something below one is missing to `value`.
pub(crate) fn shift_right_rounding(value: u128, shift: u32, inexact: bool) -> u128 {
    if shift == 0 {
        return value;
    }
    let kept = value.checked_shr(shift).unwrap_or(0);
    let Some(half) = 1u128.checked_shl(shift - 1) else { return 0 };
    let dropped = value & (half | (half - 1));
    let round_up = dropped > half || (dropped == half && (inexact || kept & 1 == 1));
    kept + u128::from(round_up)
}
