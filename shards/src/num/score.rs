//! Scores as text, as Redis 7.2 prints them. It must not know whose scores they are.
//!
//! Redis 7.2 prints an integer up to 2^62 as one, and of other doubles the digits that Grisu2 finds (Loitsch,
//! PLDI 2010): they read back as the same double, and in all but some 0.3 % of the cases are the fewest that
//! do. Exactly those digits are printed here, `-7.1798400000000004` for one, because clients compare texts.
//! Redis 7.0 prints 17 digits ([`super::format_double`]), so nearly every score that is not an integer looks
//! different there.

use std::ops::Deref;

/// The longest text of a score: a sign, 17 digits and 7 zeros, or `0.`, 6 zeros and 17 digits.
const TEXT_LEN_MAX: usize = 32;

/// The text of a score.
#[derive(Clone, Copy, Debug)]
pub struct ScoreText {
    bytes: [u8; TEXT_LEN_MAX],
    len: usize,
}

impl Deref for ScoreText {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl ScoreText {
    fn push(&mut self, text: &[u8]) {
        self.bytes[self.len..self.len + text.len()].copy_from_slice(text);
        self.len += text.len();
    }

    fn push_zeros(&mut self, zeros: usize) {
        self.bytes[self.len..self.len + zeros].fill(b'0');
        self.len += zeros;
    }
}

/// Integers up to this magnitude are printed as such (Redis: double2ll, half of a 64-bit integer's range).
const INTEGER_MAX: f64 = (1i64 << 62) as f64;

/// A score as Redis 7.2 replies with it (Redis: addReplyDouble, d2string, fpconv_dtoa).
pub fn format_score(score: f64) -> ScoreText {
    if score.abs() <= INTEGER_MAX && score == score.trunc() && (score != 0.0 || score.is_sign_positive()) {
        let mut text = ScoreText { bytes: [0; TEXT_LEN_MAX], len: 0 };
        text.push(itoa::Buffer::new().format(score as i64).as_bytes());
        return text;
    }
    format_shortest(score)
}

/// A score in its shortest form, as Redis 7.2 takes it into digests (Redis: fpconv_dtoa): whole numbers with
/// many zeros have an exponent too.
pub fn format_shortest(score: f64) -> ScoreText {
    let mut text = ScoreText { bytes: [0; TEXT_LEN_MAX], len: 0 };
    if score.is_nan() {
        text.push(b"nan");
        return text;
    }
    if score.is_sign_negative() {
        text.push(b"-");
    }
    if score == 0.0 {
        text.push(b"0");
    } else if score.is_infinite() {
        text.push(b"inf");
    } else {
        push_digits(&mut text, &Digits::of(score.abs()));
    }
    text
}

/// Redis's choice between the three notations.
fn push_digits(text: &mut ScoreText, found: &Digits) {
    let digits = &found.digits[..found.len];
    let len = found.len as i32;
    // The exponent of the first digit.
    let exponent = found.exponent + len - 1;
    if found.exponent >= 0 && exponent < len + 7 {
        text.push(digits);
        text.push_zeros(found.exponent as usize);
    } else if found.exponent < 0 && (found.exponent > -7 || exponent.abs() < 4) {
        let whole = len + found.exponent;
        if whole <= 0 {
            text.push(b"0.");
            text.push_zeros(whole.unsigned_abs() as usize);
            text.push(digits);
        } else {
            text.push(&digits[..whole as usize]);
            text.push(b".");
            text.push(&digits[whole as usize..]);
        }
    } else {
        text.push(&digits[..1]);
        if len > 1 {
            text.push(b".");
            text.push(&digits[1..]);
        }
        text.push(if exponent < 0 { b"e-" } else { b"e+" });
        text.push(itoa::Buffer::new().format(exponent.unsigned_abs()).as_bytes());
    }
}

/// `digits * 10^exponent`.
struct Digits {
    digits: [u8; 20],
    len: usize,
    exponent: i32,
}

/// `significand * 2^exponent`.
#[derive(Clone, Copy)]
struct Binary {
    significand: u64,
    exponent: i32,
}

impl Binary {
    /// With the highest bit set.
    fn normalized(self) -> Binary {
        let shift = self.significand.leading_zeros();
        Binary { significand: self.significand << shift, exponent: self.exponent - shift as i32 }
    }

    /// The product's 64 leading bits, rounded.
    fn times(self, other: Binary) -> Binary {
        let product = u128::from(self.significand) * u128::from(other.significand);
        Binary {
            significand: ((product + (1 << 63)) >> 64) as u64,
            exponent: self.exponent + other.exponent + 64,
        }
    }
}

/// The exponents, base 2, to which a power of ten must bring the upper bound, so that its whole part has 32
/// bits at most and a digit of the rest fits above it.
const SCALED_EXPONENTS: std::ops::RangeInclusive<i32> = -60..=-32;

/// The first power of ten in [`POWERS_OF_TEN`], and the step between two.
const POWER_MIN: i32 = -348;
const POWER_STEP: i32 = 8;

impl Digits {
    /// Grisu2: scale the double and the middles between it and its neighbours by a power of ten, and print
    /// the upper bound until what is left is less than the width of the interval.
    fn of(value: f64) -> Digits {
        let bits = value.to_bits();
        let (fraction, biased) = (bits & ((1 << 52) - 1), (bits >> 52) as i32);
        let exact = match biased {
            0 => Binary { significand: fraction, exponent: -1074 },
            _ => Binary { significand: fraction | 1 << 52, exponent: biased - 1075 },
        };
        let upper =
            Binary { significand: (exact.significand << 1) + 1, exponent: exact.exponent - 1 }.normalized();
        // The neighbour below a power of two is half as far away.
        let shift = if exact.significand == 1 << 52 { 2 } else { 1 };
        let lower_exponent = exact.exponent - shift;
        let lower = Binary {
            significand: ((exact.significand << shift) - 1) << (lower_exponent - upper.exponent),
            exponent: upper.exponent,
        };
        let (power, scale) = power_for(upper.exponent);
        // One unit inwards on both sides makes up for what rounding has lost.
        let upper = upper.times(scale);
        let high = upper.significand - 1;
        let low = lower.times(scale).significand + 1;
        let distance = high - exact.normalized().times(scale).significand;
        let mut digits = Digits { digits: [0; 20], len: 0, exponent: -power };
        digits.generate(Binary { significand: high, ..upper }, high - low, distance);
        digits
    }

    /// Prints `upper` until less than `width` is left. `distance` is that from the double itself up to
    /// `upper`.
    fn generate(&mut self, upper: Binary, width: u64, distance: u64) {
        let shift = -upper.exponent as u32;
        let one = 1u64 << shift;
        let (mut whole, mut rest) = (upper.significand >> shift, upper.significand & (one - 1));
        let mut divisor = 1_000_000_000;
        for places in (0..10).rev() {
            self.push(whole / divisor);
            whole %= divisor;
            let left = (whole << shift) + rest;
            if left <= width {
                self.exponent += places;
                self.round(width, left, divisor << shift, distance);
                return;
            }
            divisor /= 10;
        }
        let (mut width, mut distance) = (width, distance);
        loop {
            // None overflows: the distance is at most the width, that at most the rest, and the rest is below
            // 2^60.
            rest *= 10;
            width *= 10;
            distance *= 10;
            self.exponent -= 1;
            self.push(rest >> shift);
            rest &= one - 1;
            if rest < width {
                self.round(width, rest, one, distance);
                return;
            }
        }
    }

    fn push(&mut self, digit: u64) {
        if digit > 0 || self.len > 0 {
            self.digits[self.len] = b'0' + digit as u8;
            self.len += 1;
        }
    }

    /// Lowers the last digit, worth `unit`, while that brings the text closer to the double and keeps it in
    /// the interval.
    fn round(&mut self, width: u64, left: u64, unit: u64, distance: u64) {
        let mut left = left;
        while left < distance
            && width - left >= unit
            && (left + unit < distance || distance - left > left + unit - distance)
        {
            self.digits[self.len - 1] -= 1;
            left += unit;
        }
    }
}

/// The power of ten that scales `2^exponent` as wanted. Two may; it matters for the digits which of them is
/// taken.
fn power_for(exponent: i32) -> (i32, Binary) {
    let powers = POWERS_OF_TEN.len() as i32;
    let estimate = (f64::from(-(exponent + powers)) * std::f64::consts::LOG10_2) as i32;
    let mut at = (estimate - POWER_MIN) / POWER_STEP;
    loop {
        let power = POWER_MIN + at * POWER_STEP;
        // The exponent of the normalized power: floor(power * log2(10)) - 63, exact over this range.
        let scale =
            Binary { significand: POWERS_OF_TEN[at as usize], exponent: ((power * 217_706) >> 16) - 63 };
        let scaled = exponent + scale.exponent + 64;
        if scaled < *SCALED_EXPONENTS.start() {
            at += 1;
        } else if scaled > *SCALED_EXPONENTS.end() {
            at -= 1;
        } else {
            return (power, scale);
        }
    }
}

/// The 64 leading bits of 10^-348, 10^-340 and so on up to 10^340, rounded to nearest.
#[rustfmt::skip]
const POWERS_OF_TEN: [u64; 87] = [
    0xFA8F_D5A0_081C_0288, 0xBAAE_E17F_A23E_BF76, 0x8B16_FB20_3055_AC76, 0xCF42_894A_5DCE_35EA,
    0x9A6B_B0AA_5565_3B2D, 0xE61A_CF03_3D1A_45DF, 0xAB70_FE17_C79A_C6CA, 0xFF77_B1FC_BEBC_DC4F,
    0xBE56_91EF_416B_D60C, 0x8DD0_1FAD_907F_FC3C, 0xD351_5C28_3155_9A83, 0x9D71_AC8F_ADA6_C9B5,
    0xEA9C_2277_23EE_8BCB, 0xAECC_4991_4078_536D, 0x823C_1279_5DB6_CE57, 0xC210_9436_4DFB_5637,
    0x9096_EA6F_3848_984F, 0xD774_85CB_2582_3AC7, 0xA086_CFCD_97BF_97F4, 0xEF34_0A98_172A_ACE5,
    0xB238_67FB_2A35_B28E, 0x84C8_D4DF_D2C6_3F3B, 0xC5DD_4427_1AD3_CDBA, 0x936B_9FCE_BB25_C996,
    0xDBAC_6C24_7D62_A584, 0xA3AB_6658_0D5F_DAF6, 0xF3E2_F893_DEC3_F126, 0xB5B5_ADA8_AAFF_80B8,
    0x8762_5F05_6C7C_4A8B, 0xC9BC_FF60_34C1_3053, 0x964E_858C_91BA_2655, 0xDFF9_7724_7029_7EBD,
    0xA6DF_BD9F_B8E5_B88F, 0xF8A9_5FCF_8874_7D94, 0xB944_7093_8FA8_9BCF, 0x8A08_F0F8_BF0F_156B,
    0xCDB0_2555_6531_31B6, 0x993F_E2C6_D07B_7FAC, 0xE45C_10C4_2A2B_3B06, 0xAA24_2499_6973_92D3,
    0xFD87_B5F2_8300_CA0E, 0xBCE5_0864_9211_1AEB, 0x8CBC_CC09_6F50_88CC, 0xD1B7_1758_E219_652C,
    0x9C40_0000_0000_0000, 0xE8D4_A510_0000_0000, 0xAD78_EBC5_AC62_0000, 0x813F_3978_F894_0984,
    0xC097_CE7B_C907_15B3, 0x8F7E_32CE_7BEA_5C70, 0xD5D2_38A4_ABE9_8068, 0x9F4F_2726_179A_2245,
    0xED63_A231_D4C4_FB27, 0xB0DE_6538_8CC8_ADA8, 0x83C7_088E_1AAB_65DB, 0xC45D_1DF9_4271_1D9A,
    0x924D_692C_A61B_E758, 0xDA01_EE64_1A70_8DEA, 0xA26D_A399_9AEF_774A, 0xF209_787B_B47D_6B85,
    0xB454_E4A1_79DD_1877, 0x865B_8692_5B9B_C5C2, 0xC835_53C5_C896_5D3D, 0x952A_B45C_FA97_A0B3,
    0xDE46_9FBD_99A0_5FE3, 0xA59B_C234_DB39_8C25, 0xF6C6_9A72_A398_9F5C, 0xB7DC_BF53_54E9_BECE,
    0x88FC_F317_F222_41E2, 0xCC20_CE9B_D35C_78A5, 0x9816_5AF3_7B21_53DF, 0xE2A0_B5DC_971F_303A,
    0xA8D9_D153_5CE3_B396, 0xFB9B_7CD9_A4A7_443C, 0xBB76_4C4C_A7A4_4410, 0x8BAB_8EEF_B640_9C1A,
    0xD01F_EF10_A657_842C, 0x9B10_A4E5_E991_3129, 0xE710_9BFB_A19C_0C9D, 0xAC28_20D9_623B_F429,
    0x8044_4B5E_7AA7_CF85, 0xBF21_E440_03AC_DD2D, 0x8E67_9C2F_5E44_FF8F, 0xD433_179D_9C8C_B841,
    0x9E19_DB92_B4E3_1BA9, 0xEB96_BF6E_BADF_77D9, 0xAF87_023B_9BF0_EE6B,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn text(score: f64) -> String {
        String::from_utf8(format_score(score).to_vec()).unwrap()
    }

    #[test]
    fn scores_are_printed_as_valkey_9_prints_them() {
        for (score, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-1.0, "-1"),
            (0.1, "0.1"),
            (-0.1, "-0.1"),
            (0.3, "0.3"),
            (1234567.5, "1234567.5"),
            (123456.789, "123456.789"),
            (12345.678901234567, "1.2345678901234567e+4"),
            (3.0000000000000004, "3.0000000000000004"),
            (333333333333333.3, "333333333333333.3"),
            (3333333333333333.5, "3333333333333333.5"),
            (0.0001, "0.0001"),
            (0.00015, "0.00015"),
            (0.001234, "0.001234"),
            (1e-5, "0.00001"),
            (1e-6, "0.000001"),
            (1.5e-6, "1.5e-6"),
            (1e-7, "1e-7"),
            (1.23e-6, "1.23e-6"),
            (1.2345e-5, "1.2345e-5"),
            (1.2345e-10, "1.2345e-10"),
            (1e-300, "1e-300"),
            (9007199254740993.0, "9007199254740992"),
            (123456789012345680.0, "123456789012345680"),
            (1e18, "1000000000000000000"),
            (4611686018427387904.0, "4611686018427387904"),
            (9223372036854775808.0, "9223372036854776000"),
            (-9223372036854775808.0, "-9223372036854776000"),
            (1e19, "1e+19"),
            (1.1e19, "1.1e+19"),
            (12345678901234567890.0, "12345678901234567000"),
            (1e20, "1e+20"),
            (1e21, "1e+21"),
            (1234567890123456789012.0, "1234567890123456800000"),
            (1.234567890123456e21, "1234567890123456000000"),
            (1e22, "1e+22"),
            (1e100, "1e+100"),
            (1.5e300, "1.5e+300"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (5e-324, "5e-324"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(text(score), expected);
        }
    }

    #[test]
    fn where_grisu2_does_not_find_the_shortest_digits_neither_do_we() {
        for (score, expected) in [
            (-7.17984, "-7.1798400000000004"),
            (3.91835, "3.9183500000000002"),
            (-0.00976212, "-0.009762120000000001"),
            (-0.532943, "-0.5329429999999999"),
            (827195.6857856622, "8.271956857856621e+5"),
            (2f64.powi(-25), "2.9802322387695313e-8"),
            (5.329070518200751e-15, "5.3290705182007514e-15"),
            (245700080190628.62, "245700080190628.63"),
            (1e23, "99999999999999990000000"),
            (4.6e22, "46000000000000004000000"),
            (1.4e23, "140000000000000010000000"),
            (8e23, "7.999999999999999e+23"),
            (-2.4758800785707605e27, "-2.4758800785707606e+27"),
            (-1.216460136770408e-154, "-1.2164601367704081e-154"),
            (1.205608772973148e-287, "1.2056087729731481e-287"),
        ] {
            assert_eq!(text(score), expected);
        }
    }

    #[test]
    fn what_is_printed_reads_back_as_the_same_double() {
        let mut random = Random::new(3);
        for exponent in 0..2047u64 {
            for _ in 0..20 {
                let fraction = (random.below(1 << 26) as u64) << 26 | random.below(1 << 26) as u64;
                for fraction in [fraction, fraction & !0xFFFF_FFFF, 0, (1 << 52) - 1] {
                    let score = f64::from_bits(exponent << 52 | fraction);
                    assert_eq!(text(score).parse::<f64>().unwrap().to_bits(), score.to_bits(), "{score:e}");
                    assert_eq!(text(-score), format!("-{}", text(score)));
                }
            }
        }
    }
}
