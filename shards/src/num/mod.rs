//! Numbers to and from text, exactly as Redis prints and accepts them.
//!
//! Three kinds: [`int`] (keys' integer values, counts, stream ids), [`float`] (64-bit doubles; [`score`]
//! prints them as Redis 7.2 prints scores) and [`long_double`] (INCRBYFLOAT: the 80-bit type that Redis
//! computes with). This module must not know any command, any argument vector or any error text: whoever
//! calls it turns `None` into the command's error.

mod big_uint;
pub mod float;
pub mod int;
pub mod long_double;
mod rounding;
pub mod score;

pub use float::{format_double, parse_f64, parse_f64_of_any_range, parse_f64_unless_inexact};
pub use int::{digits10, digits10_i64, format_i64, parse_i64, parse_u64, write_i64};
pub use long_double::LongDouble;
pub(crate) use rounding::shift_right_rounding;
pub use score::{format_score, format_shortest};
