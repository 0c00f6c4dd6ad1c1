//! Sparse registers: runs of equal registers, one or two bytes each, that make up all 16384 together.
//!
//! ```text
//! 00nnnnnn             n + 1 zero registers (z, up to 64)
//! 01nnnnnn nnnnnnnn    n + 1 zero registers (Z, up to 16384)
//! 1vvvvvnn             n + 1 registers of rank v + 1 (v, up to 4 of up to 32)
//! ```
//!
//! Redis never writes its runs anew: it splits one run and then looks whether a few neighbours can be joined.
//! Which of the many possible sequences results depends on the order of the changes, so the same steps are
//! taken here.

use std::fmt::Write;

use super::estimate::Histogram;
use super::hash::{Placed, REGISTERS};
use super::layout::{HEADER_BYTES, HllError};

/// Ranks above this one cannot be written.
const RANK_MAX: u8 = 32;
/// Registers of a rank in one run.
const RANKED_RUN_MAX: usize = 4;
/// Zero registers in a run of one byte.
const SHORT_RUN_MAX: usize = 64;
/// Runs that are looked at for joining after a change (Redis: scanlen).
const JOIN_RUNS: usize = 5;

/// Registers with the same value, as some bytes say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    /// 0 to 32.
    value: u8,
    /// At least 1.
    registers: usize,
    /// 1 or 2.
    bytes: usize,
}

/// Whether a run starts with this byte and has two bytes.
#[inline]
fn is_long(byte: u8) -> bool {
    byte & 0xc0 == 0x40
}

#[inline]
fn is_ranked(byte: u8) -> bool {
    byte & 0x80 != 0
}

impl Run {
    /// The run at `at`, `None` at the end or when its second byte is missing.
    #[inline]
    fn read(bytes: &[u8], at: usize) -> Option<Self> {
        let first = *bytes.get(at)?;
        let low = usize::from(first & 0x3f);
        Some(if is_ranked(first) {
            Self { value: (first >> 2 & 0x1f) + 1, registers: (low & 3) + 1, bytes: 1 }
        } else if is_long(first) {
            Self { value: 0, registers: (low << 8 | usize::from(*bytes.get(at + 1)?)) + 1, bytes: 2 }
        } else {
            Self { value: 0, registers: low + 1, bytes: 1 }
        })
    }
}

/// The bytes of a run, and how many there are: none for 0 registers. At most 4 registers with a rank, at most
/// 16384 without.
#[inline]
pub(super) fn encode(value: u8, registers: usize) -> ([u8; 2], usize) {
    let Some(more) = registers.checked_sub(1) else { return ([0; 2], 0) };
    match value {
        0 if registers > SHORT_RUN_MAX => ([0x40 | (more >> 8) as u8, more as u8], 2),
        0 => ([more as u8, 0], 1),
        rank => ([0x80 | (rank - 1) << 2 | more as u8, 0], 1),
    }
}

/// Visits all runs with their first registers. Every visited register exists; an error when the runs do not
/// make up exactly all of them.
pub(super) fn each_run(runs: &[u8], mut visit: impl FnMut(usize, usize, u8)) -> Result<(), HllError> {
    let mut at = 0;
    let mut first = 0;
    while let Some(run) = Run::read(runs, at) {
        if first + run.registers > REGISTERS {
            return Err(HllError::Corrupted);
        }
        visit(first, run.registers, run.value);
        first += run.registers;
        at += run.bytes;
    }
    if at == runs.len() && first == REGISTERS { Ok(()) } else { Err(HllError::Corrupted) }
}

/// How many registers have each value.
pub(super) fn histogram(runs: &[u8]) -> Result<Histogram, HllError> {
    let mut histogram = [0; 64];
    each_run(runs, |_, registers, value| histogram[usize::from(value)] += registers as u32)?;
    Ok(histogram)
}

/// The runs as text. Their sum is not checked, as in Redis.
pub(super) fn decode(runs: &[u8]) -> Result<String, HllError> {
    let mut text = String::new();
    let mut at = 0;
    while let Some(Run { value, registers, bytes }) = Run::read(runs, at) {
        let space = if at == 0 { "" } else { " " };
        match (value, bytes) {
            (0, 1) => write!(text, "{space}z:{registers}"),
            (0, _) => write!(text, "{space}Z:{registers}"),
            _ => write!(text, "{space}v:{value},{registers}"),
        }
        .expect("a String takes any text");
        at += bytes;
    }
    if at == runs.len() { Ok(text) } else { Err(HllError::Corrupted) }
}

/// What became of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was as high already.
    Unchanged,
    /// It was raised.
    Changed,
    /// Nothing was changed, because the value would become too long or the rank is too high.
    DoesNotFit,
}

/// Where to begin the search for the next register, when registers are raised in ascending order: the run
/// before the one of the last register, so that it is known as the neighbour of the next one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    at: usize,
    first: usize,
}

impl Default for Cursor {
    fn default() -> Self {
        Self { at: HEADER_BYTES, first: 0 }
    }
}

/// Raises a register of a sparse `value` that may grow to `bytes_max`, header included (Redis: hllSparseSet).
/// Registers must ascend while one cursor is used. Only runs up to the register are looked at.
pub(super) fn raise(
    value: &mut Vec<u8>,
    cursor: &mut Cursor,
    placed: Placed,
    bytes_max: usize,
) -> Result<Outcome, HllError> {
    let Placed { register, rank } = placed;
    if rank > RANK_MAX {
        return Ok(Outcome::DoesNotFit);
    }
    let found = find(value, *cursor, register).ok_or(HllError::Corrupted)?;
    let Found { before, at, first, run } = found;
    if run.value >= rank {
        *cursor = before;
        return Ok(Outcome::Unchanged);
    }

    let (split, split_bytes) = split(first, run, placed);
    if split_bytes > run.bytes && value.len() + split_bytes - run.bytes > bytes_max {
        return Ok(Outcome::DoesNotFit);
    }
    if split_bytes == run.bytes {
        value[at..at + split_bytes].copy_from_slice(&split[..split_bytes]);
    } else {
        value.splice(at..at + run.bytes, split[..split_bytes].iter().copied());
    }
    join(value, before.at);
    *cursor = before;
    Ok(Outcome::Changed)
}

/// The run that has a register.
struct Found {
    /// The run before it, or itself when it is the first.
    before: Cursor,
    at: usize,
    first: usize,
    run: Run,
}

/// `None` when the runs end before the register. The search starts at the cursor, or at the beginning when
/// the register is in the very run of the cursor, which can be when that one was joined with its neighbour.
fn find(value: &[u8], cursor: Cursor, register: usize) -> Option<Found> {
    let under_cursor = Run::read(value, cursor.at)?;
    let start = if register < cursor.first + under_cursor.registers { Cursor::default() } else { cursor };
    let Cursor { mut at, mut first } = start;
    let mut before = start;

    loop {
        if let Some(eight) = value[at..].first_chunk::<8>()
            && let Some(registers) = registers_of_short_runs(u64::from_le_bytes(*eight))
            && first + registers <= register
        {
            at += 8;
            first += registers;
            before = Cursor { at: at - 1, first: first - Run::read(eight, 7)?.registers };
            continue;
        }
        let run = Run::read(value, at)?;
        if first + run.registers > register {
            return Some(Found { before, at, first, run });
        }
        before = Cursor { at, first };
        at += run.bytes;
        first += run.registers;
    }
}

/// The number of registers in eight runs of one byte each, at once; `None` when one of the bytes may belong
/// to a run of two.
#[inline]
fn registers_of_short_runs(word: u64) -> Option<usize> {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const EVEN: u64 = 0x00ff_00ff_00ff_00ff;

    let ranked = word >> 7 & LOW;
    let long = (word >> 6 & LOW) & !ranked;
    if long != 0 {
        return None;
    }
    // A run of a rank has only 2 bits of length, the other 4 bits of the 6 are its rank.
    let lens = (word & (LOW * 0x3f) & !(ranked * 0x3c)) + LOW;
    let pairs = (lens & EVEN) + (lens >> 8 & EVEN);
    Some((pairs.wrapping_mul(0x0001_0001_0001_0001) >> 48) as usize)
}

/// What replaces a run of which one register changes, and its length in bytes.
fn split(first: usize, run: Run, placed: Placed) -> ([u8; 5], usize) {
    let mut bytes = [0; 5];
    let mut len = 0;
    let mut push = |value: u8, registers: usize| {
        let (written, written_len) = encode(value, registers);
        bytes[len..len + written_len].copy_from_slice(&written[..written_len]);
        len += written_len;
    };
    push(run.value, placed.register - first);
    push(placed.rank, 1);
    push(run.value, first + run.registers - 1 - placed.register);
    (bytes, len)
}

/// Joins neighbours of the same rank from `at` on, as far as Redis looks.
fn join(value: &mut Vec<u8>, mut at: usize) {
    for _ in 0..JOIN_RUNS {
        let Some(&byte) = value.get(at) else { return };
        if is_ranked(byte)
            && let Some(&next) = value.get(at + 1)
            && byte >> 2 == next >> 2
            && let registers = usize::from(byte & 3) + usize::from(next & 3) + 2
            && registers <= RANKED_RUN_MAX
        {
            value[at] = byte & !3 | (registers - 1) as u8;
            value.remove(at + 1);
        } else {
            at += if is_long(byte) { 2 } else { 1 };
        }
    }
}
