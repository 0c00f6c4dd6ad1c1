//! Dense registers: 6 bits each, from the lowest bit of the first byte on.
//!
//! Bulk operations turn 8 registers, 48 bits, into the 8 bytes of a word and back, by three halvings that work on the
//! whole word at once: a table look-up or a shift for each register would cost several times as much.

use super::{REGISTERS, estimate::Histogram};

/// Bytes of all registers.
pub(super) const REGISTERS_BYTES: usize = REGISTERS * 6 / 8;

/// Registers that bulk operations take at a time: whole words on both sides.
const BLOCK: usize = 32;
const BLOCK_BYTES: usize = BLOCK * 6 / 8;

const MASK: u8 = 63;

/// Raises a register to `rank`; false when it was as high already. `register` is below 16384, `rank` below 64.
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

/// Raises each of `registers` to the one in `packed`.
pub(super) fn merge(packed: &[u8; REGISTERS_BYTES], registers: &mut [u8; REGISTERS]) {
    let (blocks, _) = packed.as_chunks::<BLOCK_BYTES>();
    let (targets, _) = registers.as_chunks_mut::<BLOCK>();
    for (block, target) in blocks.iter().zip(targets) {
        for (register, other) in target.iter_mut().zip(unpack_block(block)) {
            *register = other.max(*register);
        }
    }
}

/// Writes all registers, which are below 64.
pub(super) fn pack(registers: &[u8; REGISTERS], packed: &mut [u8; REGISTERS_BYTES]) {
    let (blocks, _) = registers.as_chunks::<8>();
    let (targets, _) = packed.as_chunks_mut::<6>();
    for (block, target) in blocks.iter().zip(targets) {
        let word = squeeze(u64::from_le_bytes(*block));
        target.copy_from_slice(&word.to_le_bytes()[..6]);
    }
}

/// How many registers have each value.
pub(super) fn histogram(packed: &[u8; REGISTERS_BYTES]) -> Histogram {
    let mut tally = Tally([[0; 64]; 4]);
    for block in packed.as_chunks::<BLOCK_BYTES>().0 {
        tally.add(&unpack_block(block));
    }
    tally.total()
}

/// How many of `registers` have each value.
pub(super) fn histogram_of_bytes(registers: &[u8; REGISTERS]) -> Histogram {
    let mut tally = Tally([[0; 64]; 4]);
    for block in registers.as_chunks::<BLOCK>().0 {
        tally.add(block);
    }
    tally.total()
}

/// Counts in four rows that take turns: neighbours often have the same value, and an addition to a number that was
/// written just before has to wait for it.
struct Tally([Histogram; 4]);

impl Tally {
    #[inline]
    fn add(&mut self, block: &[u8; BLOCK]) {
        for four in block.as_chunks::<4>().0 {
            for (row, &register) in self.0.iter_mut().zip(four) {
                row[usize::from(register & MASK)] += 1;
            }
        }
    }

    fn total(&self) -> Histogram {
        std::array::from_fn(|value| self.0.iter().map(|row| row[value]).sum())
    }
}

#[inline]
fn unpack_block(block: &[u8; BLOCK_BYTES]) -> [u8; BLOCK] {
    const BITS_48: u64 = (1 << 48) - 1;
    let (words, _) = block.as_chunks::<8>();
    let [a, b, c] = std::array::from_fn(|index| u64::from_le_bytes(words[index]));
    let packed = [a & BITS_48, (a >> 48 | b << 16) & BITS_48, (b >> 32 | c << 32) & BITS_48, c >> 16];
    let mut registers = [0; BLOCK];
    for (target, word) in registers.as_chunks_mut::<8>().0.iter_mut().zip(packed) {
        *target = spread(word).to_le_bytes();
    }
    registers
}

/// 8 times 6 bits become 8 bytes.
#[inline]
fn spread(word: u64) -> u64 {
    let word = word & 0x0000_0000_00ff_ffff | (word & 0x0000_ffff_ff00_0000) << 8;
    let word = word & 0x0000_0fff_0000_0fff | (word & 0x00ff_f000_00ff_f000) << 4;
    word & 0x003f_003f_003f_003f | (word & 0x0fc0_0fc0_0fc0_0fc0) << 2
}

/// 8 bytes below 64 become 8 times 6 bits.
#[inline]
fn squeeze(word: u64) -> u64 {
    let word = word & 0x003f_003f_003f_003f | (word & 0x3f00_3f00_3f00_3f00) >> 2;
    let word = word & 0x0000_0fff_0000_0fff | (word & 0x0fff_0000_0fff_0000) >> 4;
    word & 0x0000_0000_00ff_ffff | (word & 0x00ff_ffff_0000_0000) >> 8
}
