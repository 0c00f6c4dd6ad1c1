//! HyperLogLog: how many different elements were added, within 0.81 percent, in at most 12 KB.
//!
//! A HyperLogLog is an ordinary string value that begins with `HYLL`, and its bytes are Redis's: whoever
//! reads one with GET may write it to another server with SET. An element is hashed; 14 bits of the hash
//! choose one of 16384 *registers*, and the register keeps the highest *rank* (one plus the zeros at the end
//! of the other 50 bits) that any of its elements had.
//!
//! ```text
//! "HYLL"  encoding (0 dense, 1 sparse)  3 bytes unused  cached count, 8 bytes, low first  registers
//! ```
//!
//! Bit 63 of the cached count says that it is out of date. [`dense`] registers are 6 bits each, [`sparse`]
//! ones are runs of equal registers. A value becomes dense when it outgrows a limit (Redis:
//! hll-sparse-max-bytes) or when a rank is above 32, and never sparse again.
//!
//! Bytes may be foreign (SET, RESTORE): nothing here panics for any, and [`encoding`] is what Redis checks
//! before all commands. This module must not know any command, key or reply.

mod dense;
mod estimate;
mod hash;
mod layout;
mod self_test;
mod sparse;
mod union;

pub use hash::REGISTERS;
pub use layout::{DENSE_BYTES, Encoding, HllError, encoding};
pub use self_test::{SelfTestFailure, self_test};
pub use union::Union;

use hash::Placed;
use layout::{
    COUNT_AT, ENCODING_AT, HEADER_BYTES, MAGIC, SPARSE, STALE, dense_registers, dense_registers_mut,
    invalidate, write_dense,
};

/// A HyperLogLog without elements, sparse, with a valid count of 0.
pub fn empty() -> Vec<u8> {
    let mut value = vec![0; HEADER_BYTES];
    value[..MAGIC.len()].copy_from_slice(MAGIC);
    value[ENCODING_AT] = SPARSE;
    value.extend(sparse::encode(0, REGISTERS).0);
    value
}

/// The value of a key that PFADD creates: all `elements`, of which there may be none.
pub fn create<'a>(elements: impl IntoIterator<Item = &'a [u8]>, sparse_bytes_max: usize) -> Vec<u8> {
    let mut value = empty();
    add(&mut value, elements, sparse_bytes_max).expect("an empty HyperLogLog is whole");
    invalidate(&mut value);
    value
}

/// Adds `elements` and says whether any register changed (PFADD). A sparse value that would need more than
/// `sparse_bytes_max` bytes, header included, becomes dense.
///
/// As in Redis only the runs up to an element's register are looked at, so damage may be found after elements
/// before it were added: the caller who wants all or nothing works on a copy.
pub fn add<'a>(
    value: &mut Vec<u8>,
    elements: impl IntoIterator<Item = &'a [u8]>,
    sparse_bytes_max: usize,
) -> Result<bool, HllError> {
    let mut changed = encoding(value).map(|_| false)?;
    for element in elements {
        changed |= raise(value, Placed::of(element), sparse_bytes_max)?;
    }
    Ok(changed)
}

/// Adds `elements` to a dense value where it lies, and says whether any register changed; an error when it is
/// not dense.
pub fn add_to_dense<'a>(
    value: &mut [u8],
    elements: impl IntoIterator<Item = &'a [u8]>,
) -> Result<bool, HllError> {
    if encoding(value)? != Encoding::Dense {
        return Err(HllError::NotHyperLogLog);
    }
    let registers = dense_registers_mut(value);
    let mut changed = false;
    for element in elements {
        let placed = Placed::of(element);
        changed |= dense::raise(registers, placed.register, placed.rank);
    }
    if changed {
        invalidate(value);
    }
    Ok(changed)
}

/// The estimate in the header, unless it is out of date or `value` is no HyperLogLog. Foreign values may
/// claim any.
#[inline]
pub fn cached_count(value: &[u8]) -> Option<u64> {
    encoding(value).ok()?;
    let count = u64::from_le_bytes(*value[COUNT_AT..].first_chunk()?);
    (value[HEADER_BYTES - 1] & STALE == 0).then_some(count)
}

/// Writes the result of [`count`] into the header; a negative one stays out of date, as in Redis.
pub fn set_cached_count(value: &mut [u8], count: i64) -> Result<(), HllError> {
    encoding(value)?;
    value[COUNT_AT..HEADER_BYTES].copy_from_slice(&count.to_le_bytes());
    Ok(())
}

/// The estimate for `value`, computed from its registers (PFCOUNT of one key without a cached count). It is
/// [`i64::MIN`], as in Redis, for registers that no elements can have led to.
pub fn count(value: &[u8]) -> Result<i64, HllError> {
    let histogram = match encoding(value)? {
        Encoding::Dense => dense::histogram(dense_registers(value)),
        Encoding::Sparse => sparse::histogram(&value[HEADER_BYTES..])?,
    };
    Ok(estimate::count(&histogram))
}

/// All registers (PFDEBUG GETREG), each 0 to 63.
pub fn registers(value: &[u8]) -> Result<Box<[u8; REGISTERS]>, HllError> {
    let mut union = Union::default();
    union.merge(value)?;
    Ok(union.into_registers())
}

/// Makes a value dense; true when it was not (PFDEBUG TODENSE). Nothing is changed when it is damaged.
pub fn make_dense(value: &mut Vec<u8>) -> Result<bool, HllError> {
    if encoding(value)? == Encoding::Dense {
        return Ok(false);
    }
    let registers = registers(value)?;
    write_dense(value, &registers);
    Ok(true)
}

/// The runs of a sparse value as text (PFDEBUG DECODE), `None` for a dense one: `z:` and `Z:` with the number
/// of zero registers (one or two bytes long), `v:` with a rank and the number of registers that have it.
pub fn decode(value: &[u8]) -> Result<Option<String>, HllError> {
    match encoding(value)? {
        Encoding::Dense => Ok(None),
        Encoding::Sparse => sparse::decode(&value[HEADER_BYTES..]).map(Some),
    }
}

/// Raises the register of an element to its rank; false when it was as high already.
fn raise(value: &mut Vec<u8>, placed: Placed, sparse_bytes_max: usize) -> Result<bool, HllError> {
    let Placed { register, rank } = placed;
    let mut outcome = sparse::Outcome::DoesNotFit;
    if encoding(value)? == Encoding::Sparse {
        outcome = sparse::raise(value, &mut sparse::Cursor::default(), placed, sparse_bytes_max)?;
    }
    let changed = match outcome {
        sparse::Outcome::Unchanged => false,
        sparse::Outcome::Changed => true,
        sparse::Outcome::DoesNotFit => {
            make_dense(value)?;
            dense::raise(dense_registers_mut(value), register, rank)
        }
    };
    if changed {
        invalidate(value);
    }
    Ok(changed)
}

#[cfg(test)]
mod tests;
