//! Several HyperLogLogs as one: for each register the highest of all.

use super::hash::{Placed, REGISTERS};
use super::layout::{Encoding, HEADER_BYTES, HllError, encoding, invalidate, write_dense};
use super::{dense, estimate, sparse};

/// The registers of a union, one byte each (16 KB).
pub struct Union {
    registers: Box<[u8; REGISTERS]>,
    /// A dense value was merged.
    saw_dense: bool,
    /// Nothing was merged: all registers are 0.
    is_new: bool,
}

impl Default for Union {
    /// The union of nothing.
    fn default() -> Self {
        Self { registers: Box::new([0; REGISTERS]), saw_dense: false, is_new: true }
    }
}

impl Union {
    /// Adds a HyperLogLog. After an error the union is of no use.
    pub fn merge(&mut self, value: &[u8]) -> Result<(), HllError> {
        match encoding(value)? {
            Encoding::Dense => {
                let packed = value[HEADER_BYTES - dense::LEAD_BYTES..].first_chunk();
                let packed = packed.expect("a dense value has all registers");
                match std::mem::take(&mut self.is_new) {
                    true => dense::load(packed, &mut self.registers),
                    false => dense::merge(packed, &mut self.registers),
                }
                self.saw_dense = true;
                Ok(())
            }
            Encoding::Sparse => {
                self.is_new = false;
                sparse::each_run(&value[HEADER_BYTES..], |first, registers, rank| {
                    if rank > 0 {
                        for register in &mut self.registers[first..first + registers] {
                            *register = rank.max(*register);
                        }
                    }
                })
            }
        }
    }

    /// The estimate for all elements together (PFCOUNT of several keys); see [`super::count`].
    pub fn count(&self) -> i64 {
        estimate::count(&dense::histogram_of_bytes(&self.registers))
    }

    /// Stores the union in `target` (PFMERGE), which must be one of the HyperLogLogs merged, or an empty one.
    /// The result is dense when one of the merged was, or when the target is or no longer fits into
    /// `sparse_bytes_max`.
    pub fn store(&self, target: &mut Vec<u8>, sparse_bytes_max: usize) -> Result<(), HllError> {
        let stays_sparse = encoding(target)? == Encoding::Sparse
            && !self.saw_dense
            && self.store_sparse(target, sparse_bytes_max)?;
        if !stays_sparse {
            write_dense(target, &self.registers);
        }
        invalidate(target);
        Ok(())
    }

    /// All registers.
    pub(super) fn into_registers(self) -> Box<[u8; REGISTERS]> {
        self.registers
    }

    /// Raises one register after the other, as Redis does; false when the target does not fit any more.
    fn store_sparse(&self, target: &mut Vec<u8>, bytes_max: usize) -> Result<bool, HllError> {
        let mut cursor = sparse::Cursor::default();
        for (register, &rank) in self.registers.iter().enumerate().filter(|&(_, &rank)| rank > 0) {
            match sparse::raise(target, &mut cursor, Placed { register, rank }, bytes_max)? {
                sparse::Outcome::Unchanged | sparse::Outcome::Changed => {}
                sparse::Outcome::DoesNotFit => return Ok(false),
            }
        }
        Ok(true)
    }
}
