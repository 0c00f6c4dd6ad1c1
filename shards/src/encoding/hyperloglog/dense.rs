//! Dense registers: 6 bits each, from the lowest bit of the first byte on.
//!
//! Bulk operations turn 8 registers, 48 bits, into the 8 bytes of a word and back, by three halvings that
//! work on the whole word at once: a table look-up or a shift for each register would cost several times as
//! much. The same code is compiled a second time for processors with AVX2, where it takes half the time.
#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "only a look at the processor tells that it can run the code for AVX2")
)]

use super::estimate::Histogram;
use super::hash::REGISTERS;

/// Bytes of all registers.
pub(super) const REGISTERS_BYTES: usize = REGISTERS * 6 / 8;

/// Registers that are unpacked before they are merged: few enough for the first cache, and enough that
/// unpacking and comparing are loops of their own, which the compiler vectorises each in its way.
const BLOCK: usize = 512;
const BLOCK_BYTES: usize = BLOCK * 6 / 8;

/// Bytes before the registers that bulk reading may look at: the 6 bytes of 8 registers are read as a word
/// together with the 2 bytes before them, which lie in the value in any case, while behind the last register
/// nothing does.
pub(super) const LEAD_BYTES: usize = 2;

/// Bytes after which registers begin anew with a word of 64 bits.
const GROUP_BYTES: usize = 24;

const MASK: u8 = 63;
/// What two neighbouring registers can be.
const PAIRS: usize = 1 << 12;

/// Raises a register to `rank`; false when it was as high already. `register` is below 16384, `rank`
/// below 64.
#[inline]
pub(super) fn raise(packed: &mut [u8; REGISTERS_BYTES], register: usize, rank: u8) -> bool {
    let at = register * 6 / 8;
    let shift = register * 6 % 8;
    // The last register ends with the last byte, and has no byte behind it.
    let high = packed.get(at + 1).copied().unwrap_or(0);
    let mut pair = u16::from_le_bytes([packed[at], high]);
    if (pair >> shift) as u8 & MASK >= rank {
        return false;
    }
    pair = pair & !(u16::from(MASK) << shift) | u16::from(rank) << shift;
    let [low, high] = pair.to_le_bytes();
    packed[at] = low;
    if let Some(byte) = packed.get_mut(at + 1) {
        *byte = high;
    }
    true
}

/// Sets each of `registers` to the one in `packed`, whose first [`LEAD_BYTES`] do not matter.
pub(super) fn load(packed: &[u8; LEAD_BYTES + REGISTERS_BYTES], registers: &mut [u8; REGISTERS]) {
    let (targets, _) = registers.as_chunks_mut::<BLOCK>();
    for (index, target) in targets.iter_mut().enumerate() {
        let block = packed[BLOCK_BYTES * index..].first_chunk().expect("there are as many blocks");
        unpack(block, target);
    }
}

/// Raises each of `registers` to the one in `packed`, whose first [`LEAD_BYTES`] do not matter.
pub(super) fn merge(packed: &[u8; LEAD_BYTES + REGISTERS_BYTES], registers: &mut [u8; REGISTERS]) {
    let mut others = [0; BLOCK];
    let (targets, _) = registers.as_chunks_mut::<BLOCK>();
    for (index, target) in targets.iter_mut().enumerate() {
        let block = packed[BLOCK_BYTES * index..].first_chunk().expect("there are as many blocks");
        unpack(block, &mut others);
        for (register, &other) in target.iter_mut().zip(&others) {
            *register = other.max(*register);
        }
    }
}

/// Writes all registers, which are below 64.
pub(super) fn pack(registers: &[u8; REGISTERS], packed: &mut [u8; REGISTERS_BYTES]) {
    let mut words = [0; BLOCK / 8];
    let (blocks, _) = registers.as_chunks::<BLOCK>();
    let (targets, _) = packed.as_chunks_mut::<BLOCK_BYTES>();
    for (block, target) in blocks.iter().zip(targets) {
        squeeze_block(block, &mut words);
        let (groups, _) = target.as_chunks_mut::<GROUP_BYTES>();
        for (four, group) in words.as_chunks().0.iter().zip(groups) {
            let &[a, b, c, d] = four;
            let (words, _) = group.as_chunks_mut();
            words[0] = (a | b << 48).to_le_bytes();
            words[1] = (b >> 16 | c << 32).to_le_bytes();
            words[2] = (c >> 32 | d << 16).to_le_bytes();
        }
    }
}

fn squeeze_block(registers: &[u8; BLOCK], words: &mut [u64; BLOCK / 8]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, which is all that the function asks for.
        return unsafe { squeeze_block_by_avx2(registers, words) };
    }
    squeeze_block_by_words(registers, words);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn squeeze_block_by_avx2(registers: &[u8; BLOCK], words: &mut [u64; BLOCK / 8]) {
    squeeze_block_by_words(registers, words);
}

#[inline(always)]
fn squeeze_block_by_words(registers: &[u8; BLOCK], words: &mut [u64; BLOCK / 8]) {
    for (eight, word) in registers.as_chunks().0.iter().zip(words) {
        *word = squeeze(u64::from_le_bytes(*eight));
    }
}

/// How many registers have each value.
pub(super) fn histogram(packed: &[u8; REGISTERS_BYTES]) -> Histogram {
    let mut pairs = PairCounts::default();
    for group in packed.as_chunks().0 {
        for word in words_of(group) {
            pairs.add::<12>(word);
        }
    }
    pairs.histogram()
}

/// How many of `registers`, which are below 64, have each value.
pub(super) fn histogram_of_bytes(registers: &[u8; REGISTERS]) -> Histogram {
    let mut pairs = PairCounts::default();
    for eight in registers.as_chunks().0 {
        pairs.add::<16>(join_pairs(u64::from_le_bytes(*eight)));
    }
    pairs.histogram()
}

/// How often each pair of neighbouring registers occurs, which takes half the additions of single registers.
/// Two tables take turns: neighbouring pairs are often the same, and an addition to a number that was written
/// just before has to wait for it.
struct PairCounts([[u16; PAIRS]; 2]);

impl Default for PairCounts {
    fn default() -> Self {
        Self([[0; PAIRS]; 2])
    }
}

impl PairCounts {
    /// Counts four pairs, which begin every `DISTANCE` bits.
    #[inline]
    fn add<const DISTANCE: usize>(&mut self, word: u64) {
        for pair in 0..4 {
            self.0[pair % 2][(word >> (DISTANCE * pair)) as usize % PAIRS] += 1;
        }
    }

    /// How many registers have each value. No number exceeds that of all pairs, so 16 bits suffice for sums
    /// too.
    fn histogram(self) -> Histogram {
        let [mut pairs, others] = self.0;
        for (pair, other) in pairs.iter_mut().zip(&others) {
            *pair += other;
        }
        let mut lows = [0_u16; 64];
        let mut histogram = [0; 64];
        for (row, high) in pairs.as_chunks::<64>().0.iter().zip(&mut histogram) {
            *high = u32::from(row.iter().sum::<u16>());
            for (low, &count) in lows.iter_mut().zip(row) {
                *low += count;
            }
        }
        for (value, &low) in histogram.iter_mut().zip(&lows) {
            *value += u32::from(low);
        }
        histogram
    }
}

// Not inlined: in the loop that compares, the compiler would take the words apart into bytes.
#[inline(never)]
fn unpack(packed: &[u8; LEAD_BYTES + BLOCK_BYTES], registers: &mut [u8; BLOCK]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, which is all that the function asks for.
        return unsafe { unpack_by_avx2(packed, registers) };
    }
    unpack_by_words(packed, registers);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn unpack_by_avx2(packed: &[u8; LEAD_BYTES + BLOCK_BYTES], registers: &mut [u8; BLOCK]) {
    unpack_by_words(packed, registers);
}

#[inline(always)]
fn unpack_by_words(packed: &[u8; LEAD_BYTES + BLOCK_BYTES], registers: &mut [u8; BLOCK]) {
    for (index, target) in registers.as_chunks_mut().0.iter_mut().enumerate() {
        let word = packed[6 * index..].first_chunk().expect("the last word ends with the block");
        *target = spread(u64::from_le_bytes(*word)).to_le_bytes();
    }
}

/// Words with 8 registers each in their lowest 48 bits, and anything above them.
#[inline]
fn words_of(group: &[u8; GROUP_BYTES]) -> [u64; 4] {
    let (words, _) = group.as_chunks();
    let [a, b, c] = std::array::from_fn(|index| u64::from_le_bytes(words[index]));
    [a, a >> 48 | b << 16, b >> 32 | c << 32, c >> 16]
}

/// 8 times 6 bits, the highest 48, become 8 bytes. The 16 bits below do not matter.
#[inline]
fn spread(word: u64) -> u64 {
    let word = (word & 0x0000_00ff_ffff_0000) >> 16 | (word & 0xffff_ff00_0000_0000) >> 8;
    let word = word & 0x0000_0fff_0000_0fff | (word & 0x00ff_f000_00ff_f000) << 4;
    word & 0x003f_003f_003f_003f | (word & 0x0fc0_0fc0_0fc0_0fc0) << 2
}

/// 8 bytes below 64 become 8 times 6 bits.
#[inline]
fn squeeze(word: u64) -> u64 {
    let word = join_pairs(word);
    let word = word & 0x0000_0fff_0000_0fff | (word & 0x0fff_0000_0fff_0000) >> 4;
    word & 0x0000_0000_00ff_ffff | (word & 0x00ff_ffff_0000_0000) >> 8
}

/// 8 bytes below 64 become 4 times 12 bits, in 16 bits each.
#[inline]
fn join_pairs(word: u64) -> u64 {
    word & 0x003f_003f_003f_003f | (word & 0x3f00_3f00_3f00_3f00) >> 2
}
