//! The bytes of a HyperLogLog before its registers, and where dense registers are.
//!
//! This file must not know runs, elements or estimates.

use super::dense;
use super::hash::REGISTERS;

/// Bytes before the registers.
pub(super) const HEADER_BYTES: usize = 16;

/// Bytes of every dense value.
pub const DENSE_BYTES: usize = HEADER_BYTES + dense::REGISTERS_BYTES;

pub(super) const MAGIC: &[u8; 4] = b"HYLL";
/// Where the header says how the registers are written.
pub(super) const ENCODING_AT: usize = 4;
pub(super) const DENSE: u8 = 0;
pub(super) const SPARSE: u8 = 1;
/// Where the header has the cached count.
pub(super) const COUNT_AT: usize = 8;
/// The bit of the header's last byte that is set when the cached count is out of date.
pub(super) const STALE: u8 = 0x80;

/// Why a value cannot be worked with. The texts belong to the commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HllError {
    /// The value is a string, but no HyperLogLog (Redis: isHLLObjectOrReply, "WRONGTYPE Key is not a valid
    /// HyperLogLog string value.").
    NotHyperLogLog,
    /// The runs of a sparse value do not make up exactly all registers (Redis: "INVALIDOBJ Corrupted HLL
    /// object detected").
    Corrupted,
}

/// How the registers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// 6 bits a register.
    Dense,
    /// Runs of equal registers.
    Sparse,
}

/// How the registers of `value` are written; an error when it is no HyperLogLog. Runs are not looked at.
#[inline]
pub fn encoding(value: &[u8]) -> Result<Encoding, HllError> {
    if value.len() < HEADER_BYTES || !value.starts_with(MAGIC) {
        return Err(HllError::NotHyperLogLog);
    }
    match value[ENCODING_AT] {
        DENSE if value.len() == DENSE_BYTES => Ok(Encoding::Dense),
        SPARSE => Ok(Encoding::Sparse),
        _ => Err(HllError::NotHyperLogLog),
    }
}

/// Marks the cached count as out of date.
#[inline]
pub(super) fn invalidate(value: &mut [u8]) {
    value[HEADER_BYTES - 1] |= STALE;
}

/// Replaces what follows the header by dense registers.
pub(super) fn write_dense(value: &mut Vec<u8>, registers: &[u8; REGISTERS]) {
    value[ENCODING_AT] = DENSE;
    // All of it is written below; one that is dense already need not be cleared.
    value.resize(DENSE_BYTES, 0);
    dense::pack(registers, dense_registers_mut(value));
}

pub(super) fn dense_registers(value: &[u8]) -> &[u8; dense::REGISTERS_BYTES] {
    value[HEADER_BYTES..].first_chunk().expect("a dense value has all registers")
}

pub(super) fn dense_registers_mut(value: &mut [u8]) -> &mut [u8; dense::REGISTERS_BYTES] {
    value[HEADER_BYTES..].first_chunk_mut().expect("a dense value has all registers")
}
