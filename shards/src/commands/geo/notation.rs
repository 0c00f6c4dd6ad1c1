//! How clients write positions and lengths, and how they get them in replies.

use crate::encoding::geohash::{LengthUnit, Position, Shape};
use crate::error::CommandError;
use crate::num;
use crate::reply::Reply;

/// Digits of a coordinate behind the point, zeros at the end included.
const COORDINATE_DIGITS: u32 = 17;
/// Digits of a distance behind the point.
const DISTANCE_DIGITS: u32 = 4;

/// The position that two arguments say.
pub(super) fn position(longitude: &[u8], latitude: &[u8]) -> Result<Position, CommandError> {
    let longitude = num::parse_f64(longitude).ok_or(CommandError::NotAFloat)?;
    let latitude = num::parse_f64(latitude).ok_or(CommandError::NotAFloat)?;
    Position::new(longitude, latitude).ok_or_else(|| {
        let text = format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}");
        CommandError::other(text)
    })
}

/// The circle that two arguments say.
pub(super) fn circle(radius: &[u8], unit_name: &[u8]) -> Result<(Shape, LengthUnit), CommandError> {
    let radius = length(radius, "ERR need numeric radius")?;
    if radius < 0.0 {
        return Err(CommandError::other("ERR radius cannot be negative"));
    }
    Ok((Shape::Circle { radius }, unit(unit_name)?))
}

/// The rectangle that three arguments say.
pub(super) fn rectangle(
    width: &[u8],
    height: &[u8],
    unit_name: &[u8],
) -> Result<(Shape, LengthUnit), CommandError> {
    let width = length(width, "ERR need numeric width")?;
    let height = length(height, "ERR need numeric height")?;
    if width < 0.0 || height < 0.0 {
        return Err(CommandError::other("ERR height or width cannot be negative"));
    }
    Ok((Shape::Rectangle { width, height }, unit(unit_name)?))
}

/// The unit of length that an argument names.
pub(super) fn unit(name: &[u8]) -> Result<LengthUnit, CommandError> {
    let unsupported = CommandError::other("ERR unsupported unit provided. please use M, KM, FT, MI");
    LengthUnit::named(name).ok_or(unsupported)
}

fn length(text: &[u8], refusal: &'static str) -> Result<f64, CommandError> {
    num::parse_f64(text).ok_or(CommandError::other(refusal))
}

/// A position as an array of longitude and latitude; in RESP2 they are bulk strings.
pub(super) fn write_position(reply: &mut Reply, position: Position) {
    reply.array(2);
    for degrees in [position.longitude(), position.latitude()] {
        let mut text = Text::default();
        text.push_coordinate(degrees);
        if reply.is_resp3() {
            reply.raw(b",");
            reply.raw(text.bytes());
            reply.raw(b"\r\n");
        } else {
            reply.bulk(text.bytes());
        }
    }
}

/// A distance, in whatever unit, as a bulk string.
pub(super) fn write_distance(reply: &mut Reply, distance: f64) {
    let mut text = Text::default();
    text.push_distance(distance);
    reply.bulk(text.bytes());
}

/// A number as text, which has no more than 32 bytes: a sign, 19 digits before the point or 3 of degrees, 17
/// behind it.
#[derive(Default)]
struct Text {
    bytes: [u8; 32],
    len: usize,
}

impl Text {
    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// `number / 10^digits` with exactly `digits` behind the point.
    fn push_fixed(&mut self, is_negative: bool, number: u128, digits: u32) {
        let one = 10_u128.pow(digits);
        if is_negative {
            self.push(b"-");
        }
        // Both parts fit: the callers' numbers are below 2^64, and below 180 times 10^17.
        self.push(itoa::Buffer::new().format((number / one) as u64).as_bytes());
        self.push(b".");
        let mut buffer = itoa::Buffer::new();
        let fraction = buffer.format((number % one) as u64).as_bytes();
        self.push(&[b'0'; COORDINATE_DIGITS as usize][..digits as usize - fraction.len()]);
        self.push(fraction);
    }

    /// Degrees, rounded to 17 digits behind the point, half to even, without zeros at the end (Redis:
    /// addReplyHumanLongDouble).
    fn push_coordinate(&mut self, degrees: f64) {
        debug_assert!(degrees.abs() < 512.0);
        // Below 2^53 times 10^17, which has 57 bits.
        let (significand, exponent) = parts(degrees.abs());
        let number = num::shift_right_rounding(
            u128::from(significand) * 10_u128.pow(COORDINATE_DIGITS),
            exponent,
            false,
        );
        if number == 0 {
            return self.push(b"0");
        }
        self.push_fixed(degrees < 0.0, number, COORDINATE_DIGITS);
        while self.bytes().ends_with(b"0") {
            self.len -= 1;
        }
        if self.bytes().ends_with(b".") {
            self.len -= 1;
        }
    }

    /// A distance with four digits behind the point, rounded after it was multiplied (Redis 7.2:
    /// fixedpoint_d2string).
    fn push_distance(&mut self, distance: f64) {
        let scaled = (distance * 10_f64.powi(DISTANCE_DIGITS as i32)).round_ties_even();
        // Antipodes may have no distance. This is what a conversion of no number gives on an x86-64.
        let number = if scaled.is_nan() { i64::MIN } else { scaled as i64 };
        self.push_fixed(number < 0, u128::from(number.unsigned_abs()), DISTANCE_DIGITS);
    }
}

/// A number below 512 and not negative as `significand / 2^exponent`.
fn parts(number: f64) -> (u64, u32) {
    let bits = number.to_bits();
    let (exponent, fraction) = ((bits >> 52) as u32, bits & ((1 << 52) - 1));
    if exponent == 0 { (fraction, 1074) } else { (fraction | 1 << 52, 1075 - exponent) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn coordinate(degrees: f64) -> String {
        let mut text = Text::default();
        text.push_coordinate(degrees);
        String::from_utf8(text.bytes().to_vec()).unwrap()
    }

    fn distance(distance: f64) -> String {
        let mut text = Text::default();
        text.push_distance(distance);
        String::from_utf8(text.bytes().to_vec()).unwrap()
    }

    #[test]
    fn coordinates_are_exact_to_17_digits() {
        let mut random = Random::new(17);
        for _ in 0..20_000 {
            let bits = random.bits();
            let degrees = match bits % 4 {
                0 => (bits as i64 >> 10) as f64 / (1_u64 << 46) as f64,
                // Half a unit of the last digit is a multiple of 2^-18.
                1 => (bits as i32 >> 6) as f64 / (1 << 18) as f64,
                2 => f64::from_bits(bits) % 180.0,
                _ => (bits as i16) as f64 / 4096.0,
            };
            if degrees.is_nan() {
                continue;
            }
            let exact = format!("{degrees:.17}");
            let trimmed = exact.trim_end_matches('0').trim_end_matches('.');
            let expected = if trimmed == "-0" { "0" } else { trimmed };
            assert_eq!(coordinate(degrees), expected, "{degrees:e}");
        }
    }

    #[test]
    fn coordinates_look_as_those_of_redis() {
        for (degrees, text) in [
            (13.361_389_338_970_184, "13.36138933897018433"),
            (180.0, "180"),
            (-180.0, "-180"),
            (0.0, "0"),
            (-0.0, "0"),
            (-0.5, "-0.5"),
            (1e-17, "0.00000000000000001"),
            (-1e-18, "0"),
            (f64::MIN_POSITIVE / 2.0, "0"),
        ] {
            assert_eq!(coordinate(degrees), text);
        }
    }

    #[test]
    fn distances_have_four_digits() {
        for (number, text) in [
            (0.0, "0.0000"),
            (166_274.151_562_1, "166274.1516"),
            (0.000_04, "0.0000"),
            (0.000_06, "0.0001"),
            (20_020_734.0, "20020734.0000"),
            (f64::NAN, "-922337203685477.5808"),
        ] {
            assert_eq!(distance(number), text);
        }
    }
}
