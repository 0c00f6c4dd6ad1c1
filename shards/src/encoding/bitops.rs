//! Strings as arrays of bits: counting, searching, combining them, and reading and writing integers of any
//! width.
//!
//! Bit 0 is the highest bit of the first byte, as everywhere in Redis. A string goes on with zeros behind its
//! end, without end. The speed of the bulk operations comes from loops over plain words that the compiler
//! vectorises. This file must not know how a string is stored or a command spelt.

/// Bytes that [`combine`] works through before it turns to the next source, so that its result stays in a
/// core's first cache meanwhile.
const COMBINE_BLOCK_BYTES: usize = 8 * 1024;

/// Words that are counted side by side: as many as wide vector registers hold.
const LANES: usize = 4;
/// Vectors of [`LANES`] words that one round of the adder tree in [`count_ones`] takes.
const ROUND_VECTORS: usize = 8;
const ROUND_BYTES: usize = ROUND_VECTORS * LANES * 8;

/// What the start and the end of a range count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexUnit {
    /// Bytes: the default.
    Byte,
    /// Bits.
    Bit,
}

/// Bit `offset`; 0 behind the end.
#[inline]
pub fn get_bit(bytes: &[u8], offset: u64) -> bool {
    let byte = usize::try_from(offset / 8).ok().and_then(|index| bytes.get(index)).copied().unwrap_or(0);
    byte & (0x80 >> (offset % 8)) != 0
}

/// Sets bit `offset` and returns what it was. Panics behind the end: the caller grows the string first.
#[inline]
pub fn set_bit(bytes: &mut [u8], offset: u64, on: bool) -> bool {
    let byte = &mut bytes[(offset / 8) as usize];
    let mask = 0x80 >> (offset % 8);
    let was_on = *byte & mask != 0;
    *byte = if on { *byte | mask } else { *byte & !mask };
    was_on
}

/// The number of bits set in all of `bytes`.
pub fn count_ones(bytes: &[u8]) -> u64 {
    type Vector = [u64; LANES];

    fn load(round: &[u8; ROUND_BYTES], index: usize) -> Vector {
        let (words, _) = round.as_chunks::<8>();
        std::array::from_fn(|lane| u64::from_ne_bytes(words[index * LANES + lane]))
    }

    /// A full adder for each bit: adds `b` and `c` to `sum` and returns the carries.
    fn add(sum: &mut Vector, b: Vector, c: Vector) -> Vector {
        std::array::from_fn(|lane| {
            let half = sum[lane] ^ b[lane];
            let carry = sum[lane] & b[lane] | half & c[lane];
            sum[lane] = half ^ c[lane];
            carry
        })
    }

    fn count(words: &[u64]) -> u64 {
        words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    // A tree of carry-save adders (Harley and Seal): eight vectors are added to the bits of weight 1, 2 and 4
    // that are still open, so that only one vector in eight, the carries of weight 8, has its bits counted.
    let (rounds, rest) = bytes.as_chunks::<ROUND_BYTES>();
    let (mut ones, mut twos, mut fours) = ([0; LANES], [0; LANES], [0; LANES]);
    let mut eights = 0;
    for round in rounds {
        let mut carries_of_4 = [[0; LANES]; 2];
        for (half, carry_of_4) in carries_of_4.iter_mut().enumerate() {
            let first = half * ROUND_VECTORS / 2;
            let carry_of_2 = add(&mut ones, load(round, first), load(round, first + 1));
            let other_of_2 = add(&mut ones, load(round, first + 2), load(round, first + 3));
            *carry_of_4 = add(&mut twos, carry_of_2, other_of_2);
        }
        eights += count(&add(&mut fours, carries_of_4[0], carries_of_4[1]));
    }
    let (words, tail) = rest.as_chunks::<8>();
    let words: u64 = words.iter().map(|word| u64::from(u64::from_ne_bytes(*word).count_ones())).sum();
    let tail: u64 = tail.iter().map(|byte| u64::from(byte.count_ones())).sum();
    eights * 8 + count(&fours) * 4 + count(&twos) * 2 + count(&ones) + words + tail
}

/// The number of bits set from `start` to `end`, both included, negative ones counted from the end of the
/// string (Redis: BITCOUNT).
pub fn count_ones_in(bytes: &[u8], start: i64, end: i64, unit: IndexUnit) -> u64 {
    // Redis looks at this before it clamps: BITCOUNT "a" -50 -100 is 0 although both ends clamp to 0.
    if start < 0 && end < 0 && start > end {
        return 0;
    }
    let Some(range) = BitRange::clamped(bytes.len(), start, end, unit) else { return 0 };
    let (first, last) = ((range.first / 8) as usize, (range.last / 8) as usize);
    let before = bytes[first] & !range.first_mask();
    let after = bytes[last] & !range.last_mask();
    count_ones(&bytes[first..=last]) - u64::from(before.count_ones()) - u64::from(after.count_ones())
}

/// The position of the first bit that is `bit`, from `start` to `end`, both included, negative ones counted
/// from the end of the string (Redis: BITPOS). `None` as `end` means the end of the string.
///
/// `None` when there is none: Redis replies -1. A search for 0 without an end goes on behind the string, so
/// it finds the bit after the last one, unless the range is empty. A key that does not exist is the caller's
/// business: Redis takes it as endless zeros, although it finds nothing in an empty string.
pub fn find_bit(bytes: &[u8], bit: bool, start: i64, end: Option<i64>, unit: IndexUnit) -> Option<u64> {
    let range = BitRange::clamped(bytes.len(), start, end.unwrap_or(-1), unit)?;
    let (first, last) = ((range.first / 8) as usize, (range.last / 8) as usize);
    // Looking for 0 is looking for 1 in the complement.
    let flip = if bit { 0 } else { 0xff };
    let wanted = |index: usize| {
        let mut byte = bytes[index] ^ flip;
        if index == first {
            byte &= range.first_mask();
        }
        if index == last {
            byte &= range.last_mask();
        }
        byte
    };
    let found = if wanted(first) != 0 {
        Some(first)
    } else if first == last {
        None
    } else {
        let inner = &bytes[first + 1..last];
        let skipped = first + 1 + leading_equal(inner, flip);
        (wanted(skipped) != 0).then_some(skipped)
    };
    match found {
        Some(index) => Some(index as u64 * 8 + u64::from(wanted(index).leading_zeros())),
        None if !bit && end.is_none() => Some(bytes.len() as u64 * 8),
        None => None,
    }
}

/// How many bytes at the front equal `value`.
fn leading_equal(bytes: &[u8], value: u8) -> usize {
    const BLOCK_BYTES: usize = 64;
    let (blocks, _) = bytes.as_chunks::<BLOCK_BYTES>();
    // Without an early exit inside a block, so that it is a handful of vector instructions.
    let differs =
        |block: &&[u8; BLOCK_BYTES]| block.iter().fold(0, |differs, byte| differs | (byte ^ value)) == 0;
    let skipped = blocks.iter().take_while(differs).count() * BLOCK_BYTES;
    skipped + bytes[skipped..].iter().take_while(|&&byte| byte == value).count()
}

/// A range of bits that is not empty and lies within a string.
struct BitRange {
    first: u64,
    last: u64,
}

impl BitRange {
    /// The part of `start..=end` that lies within a string of `len` bytes; `None` when it is empty.
    fn clamped(len: usize, start: i64, end: i64, unit: IndexUnit) -> Option<BitRange> {
        let units = match unit {
            IndexUnit::Byte => len as i64,
            IndexUnit::Bit => len as i64 * 8,
        };
        let from_front = |index: i64| if index < 0 { (index + units).max(0) } else { index };
        let (start, end) = (from_front(start), from_front(end).min(units - 1));
        if start > end {
            return None;
        }
        let (start, end) = (start as u64, end as u64);
        Some(match unit {
            IndexUnit::Byte => BitRange { first: start * 8, last: end * 8 + 7 },
            IndexUnit::Bit => BitRange { first: start, last: end },
        })
    }

    /// The bits of the first byte that belong to the range, if it is not also the last one.
    fn first_mask(&self) -> u8 {
        0xff >> (self.first % 8)
    }

    /// The bits of the last byte that belong to the range, if it is not also the first one.
    fn last_mask(&self) -> u8 {
        0xff << (7 - self.last % 8)
    }
}

/// How [`combine`] makes one string of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BitOp {
    /// Set where all sources are.
    And,
    /// Set where any source is.
    Or,
    /// Set where an odd number of sources is.
    Xor,
    /// Set where the one source is not.
    Not,
}

/// The bitwise combination of `sources`, as long as the longest one; shorter ones go on with zeros (Redis:
/// BITOP). [`BitOp::Not`] looks at the first source only. Empty when all sources are.
pub fn combine(op: BitOp, sources: &[&[u8]]) -> Vec<u8> {
    let Some((&first, others)) = sources.split_first() else { return Vec::new() };
    if op == BitOp::Not {
        return first.iter().map(|byte| !byte).collect();
    }
    let len = sources.iter().map(|source| source.len()).max().unwrap_or(0);
    let mut combined = Vec::with_capacity(len);
    let part = |source: &[u8], start: usize, end: usize| start.min(source.len())..end.min(source.len());
    while combined.len() < len {
        let start = combined.len();
        let end = len.min(start + COMBINE_BLOCK_BYTES);
        combined.extend_from_slice(&first[part(first, start, end)]);
        combined.resize(end, 0);
        for source in others {
            let target = &mut combined[start..];
            let source = &source[part(source, start, end)];
            let (common, beyond) = target.split_at_mut(source.len());
            match op {
                BitOp::And => {
                    common.iter_mut().zip(source).for_each(|(target, source)| *target &= source);
                    beyond.fill(0);
                }
                BitOp::Or => common.iter_mut().zip(source).for_each(|(target, source)| *target |= source),
                _ => common.iter_mut().zip(source).for_each(|(target, source)| *target ^= source),
            }
        }
    }
    combined
}

/// What happens to a number that does not fit its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// The high bits are cut off: the default.
    Wrap,
    /// It becomes the largest or the smallest number that fits.
    Saturate,
    /// Nothing is written.
    Fail,
}

/// The type of an integer inside a string (Redis: BITFIELD's `u8`, `i16` and so on).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldType {
    signed: bool,
    /// 1 to 63, for signed ones to 64: the values fit an `i64`.
    bits: u8,
}

impl FieldType {
    /// A type of 1 to 64 bits when signed, of 1 to 63 bits when not; `None` for another width.
    pub fn new(signed: bool, bits: i64) -> Option<FieldType> {
        let bits_max = if signed { 64 } else { 63 };
        (1..=bits_max).contains(&bits).then_some(FieldType { signed, bits: bits as u8 })
    }

    /// The width in bits.
    pub fn bits(self) -> u32 {
        u32::from(self.bits)
    }

    /// The number at bit `offset`; bits behind the end are 0.
    pub fn read(self, bytes: &[u8], offset: u64) -> i64 {
        let (first, shift) = self.place(offset);
        let window = bytes.get(first..).unwrap_or(&[]);
        let window = &window[..window.len().min(WINDOW_BYTES)];
        let mut buffer = [0; WINDOW_BYTES];
        buffer[..window.len()].copy_from_slice(window);
        let raw = (u128::from_be_bytes(buffer) >> shift) as u64;
        self.extended(raw)
    }

    /// Writes the low bits of `value` at bit `offset`. Panics when the field ends behind the string: the
    /// caller grows it first.
    pub fn write(self, bytes: &mut [u8], offset: u64, value: i64) {
        let (first, shift) = self.place(offset);
        let covered = ((offset % 8) as usize + usize::from(self.bits)).div_ceil(8);
        let window = &mut bytes[first..first + covered];
        let mut buffer = [0; WINDOW_BYTES];
        buffer[..covered].copy_from_slice(window);
        let mask = u128::from(self.mask()) << shift;
        let written = u128::from_be_bytes(buffer) & !mask | u128::from(value as u64) << shift & mask;
        window.copy_from_slice(&written.to_be_bytes()[..covered]);
    }

    /// What SET writes for `value`, or `None` when it does not fit and `overflow` is [`Overflow::Fail`].
    ///
    /// As in Redis an unsigned field takes a negative number for one of 2^63 and more, so that saturating
    /// makes it the largest one; and a signed field narrower than 64 bits does the same to a number so far
    /// below zero that the distance to its largest one leaves the range of `i64`.
    pub fn fit(self, value: i64, overflow: Overflow) -> Option<i64> {
        let (min, max) = self.bounds();
        let taken_as_large =
            if self.signed { max.checked_sub(value).is_none() && self.bits < 64 } else { value < 0 };
        let direction = if taken_as_large { 1 } else { i32::from(value > max) - i32::from(value < min) };
        self.overflown(value, direction, overflow)
    }

    /// What INCRBY makes of the field's number `value`, or `None` when the sum does not fit and `overflow` is
    /// [`Overflow::Fail`].
    pub fn add(self, value: i64, increment: i64, overflow: Overflow) -> Option<i64> {
        let (min, max) = self.bounds();
        let sum = i128::from(value) + i128::from(increment);
        let direction = i32::from(sum > i128::from(max)) - i32::from(sum < i128::from(min));
        self.overflown(value.wrapping_add(increment), direction, overflow)
    }

    /// `direction`: positive above the largest number, negative below the smallest one, 0 for what fits.
    fn overflown(self, wrapped: i64, direction: i32, overflow: Overflow) -> Option<i64> {
        let (min, max) = self.bounds();
        match (direction, overflow) {
            (0, _) => Some(wrapped),
            (_, Overflow::Wrap) => Some(self.extended(wrapped as u64)),
            (_, Overflow::Saturate) => Some(if direction > 0 { max } else { min }),
            (_, Overflow::Fail) => None,
        }
    }

    fn bounds(self) -> (i64, i64) {
        let max = (self.mask() >> u32::from(self.signed)) as i64;
        (if self.signed { -max - 1 } else { 0 }, max)
    }

    fn mask(self) -> u64 {
        u64::MAX >> (64 - self.bits())
    }

    /// The number whose low bits are those of `raw`.
    fn extended(self, raw: u64) -> i64 {
        if self.signed {
            let unused = 64 - self.bits();
            (raw << unused) as i64 >> unused
        } else {
            (raw & self.mask()) as i64
        }
    }

    /// The first byte of a window of [`WINDOW_BYTES`] bytes and how far left of its end the field ends, in
    /// bits.
    fn place(self, offset: u64) -> (usize, u32) {
        let first = usize::try_from(offset / 8).unwrap_or(usize::MAX);
        (first, u128::BITS - (offset % 8) as u32 - self.bits())
    }
}

/// A field of 64 bits can touch 9 bytes; 16 make one integer.
const WINDOW_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes without a pattern, the same on every run.
    fn noise(len: usize, mut seed: u64) -> Vec<u8> {
        let mut next = || {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 56) as u8
        };
        (0..len).map(|_| next()).collect()
    }

    fn field(name: &str) -> FieldType {
        FieldType::new(name.starts_with('i'), name[1..].parse().unwrap()).unwrap()
    }

    #[test]
    fn bits_count_from_the_high_end() {
        let mut bytes = vec![0; 2];
        assert!(!set_bit(&mut bytes, 1, true));
        assert!(!set_bit(&mut bytes, 15, true));
        assert_eq!(bytes, [0x40, 0x01]);
        assert!(get_bit(&bytes, 1) && get_bit(&bytes, 15) && !get_bit(&bytes, 0));
        assert!(set_bit(&mut bytes, 1, false));
        assert_eq!(bytes, [0x00, 0x01]);
        assert!(!get_bit(&bytes, 16));
        assert!(!get_bit(&bytes, u64::MAX));
    }

    #[test]
    fn every_length_is_counted_in_full() {
        let bytes = noise(3 * ROUND_BYTES, 1);
        for len in 0..bytes.len() {
            let expected: u32 = bytes[..len].iter().map(|byte| byte.count_ones()).sum();
            assert_eq!(count_ones(&bytes[..len]), u64::from(expected), "{len}");
        }
        assert_eq!(count_ones(&vec![0xff; 10 * ROUND_BYTES + 3]), 8 * (10 * ROUND_BYTES as u64 + 3));
    }

    #[test]
    fn counting_follows_the_range() {
        let bytes = b"foobar";
        assert_eq!(count_ones_in(bytes, 0, -1, IndexUnit::Byte), 26);
        assert_eq!(count_ones_in(bytes, 0, 0, IndexUnit::Byte), 4);
        assert_eq!(count_ones_in(bytes, 1, 1, IndexUnit::Byte), 6);
        assert_eq!(count_ones_in(bytes, 5, 30, IndexUnit::Bit), 17);
        assert_eq!(count_ones_in(bytes, 9, 9, IndexUnit::Bit), 1);
        assert_eq!(count_ones_in(bytes, 8, 8, IndexUnit::Bit), 0);
        assert_eq!(count_ones_in(bytes, 4, 2, IndexUnit::Byte), 0);
        assert_eq!(count_ones_in(bytes, 6, 9, IndexUnit::Byte), 0);
        assert_eq!(count_ones_in(bytes, -1, 100, IndexUnit::Byte), 4);
        assert_eq!(count_ones_in(bytes, i64::MIN, i64::MAX, IndexUnit::Bit), 26);
        assert_eq!(count_ones_in(b"", 0, -1, IndexUnit::Byte), 0);
    }

    #[test]
    fn a_crossed_range_before_the_string_counts_nothing() {
        assert_eq!(count_ones_in(b"foobar", -50, -100, IndexUnit::Byte), 0);
        assert_eq!(count_ones_in(b"foobar", -100, -50, IndexUnit::Byte), 4);
    }

    #[test]
    fn counting_and_finding_agree_with_single_bits() {
        for (seed, mask) in [(1, 0xff), (2, 0x01), (3, 0x00), (4, 0x80)] {
            let bytes: Vec<u8> = noise(5, seed).iter().map(|byte| byte & mask).collect();
            for (start, end) in (-45..45).flat_map(|start| (-45..45).map(move |end| (start, end))) {
                let clamp = |index: i64| if index < 0 { (index + 40).max(0) } else { index };
                let range = || (clamp(start)..=clamp(end).min(39)).map(|bit| bit as u64);
                let ones = range().filter(|&bit| get_bit(&bytes, bit)).count() as u64;
                let crossed = start < 0 && end < 0 && start > end;
                assert_eq!(count_ones_in(&bytes, start, end, IndexUnit::Bit), if crossed { 0 } else { ones });
                for wanted in [false, true] {
                    let expected = range().find(|&bit| get_bit(&bytes, bit) == wanted);
                    assert_eq!(
                        find_bit(&bytes, wanted, start, Some(end), IndexUnit::Bit),
                        expected,
                        "{start} {end}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_zero_is_found_behind_the_string_unless_the_end_is_given() {
        let ones = [0xff; 3];
        assert_eq!(find_bit(&ones, false, 0, None, IndexUnit::Byte), Some(24));
        assert_eq!(find_bit(&ones, false, 2, None, IndexUnit::Byte), Some(24));
        assert_eq!(find_bit(&ones, false, 3, None, IndexUnit::Byte), None);
        assert_eq!(find_bit(&ones, false, 0, Some(-1), IndexUnit::Byte), None);
        assert_eq!(find_bit(&ones, false, 0, Some(100), IndexUnit::Byte), None);
        assert_eq!(find_bit(&[0; 3], true, 0, None, IndexUnit::Byte), None);
        assert_eq!(find_bit(b"", false, 0, None, IndexUnit::Byte), None);
    }

    #[test]
    fn a_lone_bit_is_found_wherever_it_is() {
        for position in [0, 7, 8, 63, 64, 511, 512, 520, 1023, 1024, 1999] {
            for bit in [false, true] {
                let mut bytes = vec![if bit { 0 } else { 0xff }; 250];
                set_bit(&mut bytes, position, bit);
                assert_eq!(find_bit(&bytes, bit, 0, None, IndexUnit::Byte), Some(position));
                assert_eq!(
                    find_bit(&bytes, bit, position as i64, Some(position as i64), IndexUnit::Bit),
                    Some(position)
                );
                let behind = find_bit(&bytes, bit, position as i64 + 1, Some(-1), IndexUnit::Bit);
                assert_eq!(behind, None);
            }
        }
    }

    #[test]
    fn shorter_sources_go_on_with_zeros() {
        let sources: [&[u8]; 3] = [b"\xff\x0f", b"\xf0\xff\xaa\x01", b"\x3c"];
        assert_eq!(combine(BitOp::And, &sources), b"\x30\x00\x00\x00");
        assert_eq!(combine(BitOp::Or, &sources), b"\xff\xff\xaa\x01");
        assert_eq!(combine(BitOp::Xor, &sources), b"\x33\xf0\xaa\x01");
        assert_eq!(combine(BitOp::Not, &[b"\x0f\xff"]), b"\xf0\x00");
        assert_eq!(combine(BitOp::And, &[b"ab"]), b"ab");
        assert_eq!(combine(BitOp::And, &[b"ab", b""]), b"\0\0");
        assert_eq!(combine(BitOp::Or, &[b"", b""]), b"");
    }

    #[test]
    fn combining_is_the_same_in_every_block() {
        let sources = [
            noise(COMBINE_BLOCK_BYTES + 13, 1),
            noise(3 * COMBINE_BLOCK_BYTES - 1, 2),
            noise(2 * COMBINE_BLOCK_BYTES, 3),
        ];
        let slices: Vec<&[u8]> = sources.iter().map(Vec::as_slice).collect();
        for op in [BitOp::And, BitOp::Or, BitOp::Xor] {
            let combined = combine(op, &slices);
            assert_eq!(combined.len(), sources[1].len());
            for (index, &byte) in combined.iter().enumerate() {
                let at = |source: &[u8]| source.get(index).copied().unwrap_or(0);
                let (a, b, c) = (at(slices[0]), at(slices[1]), at(slices[2]));
                let expected = match op {
                    BitOp::And => a & b & c,
                    BitOp::Or => a | b | c,
                    _ => a ^ b ^ c,
                };
                assert_eq!(byte, expected, "{op:?} {index}");
            }
        }
    }

    #[test]
    fn only_widths_that_fit_an_i64_are_types() {
        assert!(FieldType::new(true, 64).is_some() && FieldType::new(false, 63).is_some());
        assert!(FieldType::new(true, 1).is_some() && FieldType::new(false, 1).is_some());
        for (signed, bits) in [(false, 64), (true, 65), (true, 0), (false, 0), (true, -8), (false, i64::MAX)]
        {
            assert_eq!(FieldType::new(signed, bits), None);
        }
    }

    #[test]
    fn a_field_is_read_back_and_its_neighbours_stay() {
        for signed in [false, true] {
            for bits in 1..=if signed { 64 } else { 63 } {
                let field = FieldType::new(signed, bits).unwrap();
                for offset in 0..17 {
                    let before = noise(12, bits as u64);
                    let mut bytes = before.clone();
                    for value in [field.bounds().0, field.bounds().1, field.extended(0x0123_4567_89ab_cdef)] {
                        field.write(&mut bytes, offset, value);
                        assert_eq!(field.read(&bytes, offset), value, "{field:?} at {offset}");
                    }
                    for bit in (0..offset).chain(offset + bits as u64..96) {
                        assert_eq!(
                            get_bit(&bytes, bit),
                            get_bit(&before, bit),
                            "{field:?} at {offset}: {bit}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_field_may_end_with_the_string_or_be_read_behind_it() {
        let mut bytes = vec![0xff; 9];
        field("i64").write(&mut bytes, 8, 0);
        assert_eq!(bytes, [0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(field("u8").read(&[0xff], 4), 0xf0);
        assert_eq!(field("i8").read(&[0xff], 4), -16);
        assert_eq!(field("u8").read(&[0xff], 8), 0);
        assert_eq!(field("u8").read(&[0xff], u64::MAX - 7), 0);
    }

    // Expected numbers are those of redis-server 7.0.15.

    #[test]
    fn set_fits_numbers_as_redis_does() {
        let min = i64::MIN;
        for (name, value, wrapped, saturated) in [
            ("i5", 100, 4, 15),
            ("i5", -100, -4, -16),
            ("i8", min, 0, 127),
            ("i8", min + 127, 127, 127),
            ("i8", min + 128, -128, -128),
            ("i8", min + 200, -56, -128),
            ("i63", min, 0, 4611686018427387903),
            ("u8", -1, 255, 255),
            ("u8", min, 0, 255),
            ("u8", 257, 1, 255),
            ("u63", -1, i64::MAX, i64::MAX),
        ] {
            assert_eq!(field(name).fit(value, Overflow::Wrap), Some(wrapped), "{name} {value}");
            assert_eq!(field(name).fit(value, Overflow::Saturate), Some(saturated), "{name} {value}");
            assert_eq!(field(name).fit(value, Overflow::Fail), None, "{name} {value}");
        }
        for (name, value) in
            [("i64", min), ("i64", i64::MAX), ("u63", i64::MAX), ("i8", -128), ("u8", 255), ("i1", -1)]
        {
            assert_eq!(field(name).fit(value, Overflow::Fail), Some(value), "{name} {value}");
        }
    }

    #[test]
    fn increments_overflow_as_asked() {
        for (name, value, increment, wrapped, saturated) in [
            ("u2", 3, 1, 0, 3),
            ("u2", 0, -1, 3, 0),
            ("u8", 250, 10, 4, 255),
            ("i8", 127, 1, -128, 127),
            ("i8", -128, -1, 127, -128),
            ("i8", 0, i64::MIN, 0, -128),
            ("i8", -1, i64::MAX, -2, 127),
            ("i64", i64::MAX, 1, i64::MIN, i64::MAX),
            ("i64", i64::MIN, -1, i64::MAX, i64::MIN),
            ("u63", i64::MAX, 1, 0, i64::MAX),
            ("u63", 1, i64::MIN, 1, 0),
        ] {
            assert_eq!(
                field(name).add(value, increment, Overflow::Wrap),
                Some(wrapped),
                "{name} {value} {increment}"
            );
            let saturating = field(name).add(value, increment, Overflow::Saturate);
            assert_eq!(saturating, Some(saturated), "{name} {value} {increment}");
            assert_eq!(field(name).add(value, increment, Overflow::Fail), None, "{name} {value} {increment}");
        }
        assert_eq!(field("i64").add(-5, i64::MAX, Overflow::Fail), Some(i64::MAX - 5));
        assert_eq!(field("u8").add(5, -5, Overflow::Fail), Some(0));
    }
}
