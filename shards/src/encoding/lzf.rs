//! The LZF compression, in the format that RDB files and compressed list nodes use.
//!
//! ```text
//!  000nnnnn + n + 1 bytes        these bytes                 (n + 1 is 1..=32)
//!  nnnooooo + o                  n + 2 bytes from o + 1 back (n + 2 is 3..=8, o is 0..=8191)
//!  111ooooo + n + o              n + 9 bytes from o + 1 back (n + 9 is 9..=264)
//! ```
//!
//! The crate `lzf` is deprecated by its author, and the format is small. This file must not know what is
//! compressed.

/// Literal bytes in a run.
const RUN_LEN_MAX: usize = 32;
const MATCH_LEN_MIN: usize = 3;
const MATCH_LEN_MAX: usize = 264;
const OFFSET_LIMIT: usize = 1 << 13;

/// A match takes at least 2 bytes and gives at most `MATCH_LEN_MAX`.
const EXPANSION_MAX: usize = MATCH_LEN_MAX / 2;

/// Places of the table for short, middle and long inputs. It is cleared for each input, which with the
/// largest one would take longer than all the rest if the input is short.
const PLACES_SHORT: usize = 1 << 9;
const PLACES_MIDDLE: usize = 1 << 11;
const PLACES_LONG: usize = 1 << 13;
/// In bytes.
const SHORT_LEN_MAX: usize = 512;
const MIDDLE_LEN_MAX: usize = 4096;

/// The compressed bytes, if they are at most `len_max`. Longer inputs than 4 GB are not compressed.
pub fn compress(input: &[u8], len_max: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(len_max.min(input.len()));
    compress_onto(input, len_max, &mut out).then_some(out)
}

/// The same, behind what is in `out`, which is left as it was if the compressed bytes are more.
pub fn compress_onto(input: &[u8], len_max: usize, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let fits = if input.len() <= SHORT_LEN_MAX {
        compress_by::<PLACES_SHORT>(input, len_max, out)
    } else if input.len() <= MIDDLE_LEN_MAX {
        compress_by::<PLACES_MIDDLE>(input, len_max, out)
    } else {
        u32::try_from(input.len()).is_ok() && compress_by::<PLACES_LONG>(input, len_max, out)
    };
    if !fits {
        out.truncate(start);
    }
    fits
}

/// Greedy: at each place the last occurrence of the next three bytes is continued as far as it goes. The
/// table has `PLACES` places, which is a power of two.
fn compress_by<const PLACES: usize>(input: &[u8], len_max: usize, out: &mut Vec<u8>) -> bool {
    // Where each hash of three bytes occurred last. 0 is a place like any other: what is found is compared.
    let mut places = [0u32; PLACES];
    let end = out.len().saturating_add(len_max);
    let (mut at, mut literals) = (0, 0);
    while let Some(three) = input[at..].first_chunk::<MATCH_LEN_MIN>() {
        let place = &mut places[hash::<PLACES>(*three)];
        let from = *place as usize;
        *place = at as u32;
        let offset = at.wrapping_sub(from).wrapping_sub(1);
        if offset >= OFFSET_LIMIT || &input[from..from + MATCH_LEN_MIN] != three {
            at += 1;
            continue;
        }
        write_literals(out, &input[literals..at]);
        let same = input[at..].iter().zip(&input[from..]).take(MATCH_LEN_MAX);
        let len = same.take_while(|(a, b)| a == b).count();
        write_match(out, offset, len);
        at += len;
        literals = at;
        if out.len() > end {
            return false;
        }
    }
    write_literals(out, &input[literals..]);
    out.len() <= end
}

#[inline]
fn hash<const PLACES: usize>(three: [u8; MATCH_LEN_MIN]) -> usize {
    let [a, b, c] = three.map(u32::from);
    // Fibonacci hashing: the high bits of the product depend on all bits.
    ((a << 16 | b << 8 | c).wrapping_mul(0x9E37_79B1) >> (u32::BITS - PLACES.ilog2())) as usize
}

fn write_literals(out: &mut Vec<u8>, literals: &[u8]) {
    for run in literals.chunks(RUN_LEN_MAX) {
        out.push((run.len() - 1) as u8);
        out.extend_from_slice(run);
    }
}

fn write_match(out: &mut Vec<u8>, offset: usize, len: usize) {
    let high = (offset >> 8) as u8;
    match len - 2 {
        short @ 0..7 => out.push((short as u8) << 5 | high),
        long => out.extend_from_slice(&[7 << 5 | high, (long - 7) as u8]),
    }
    out.push(offset as u8);
}

/// Bytes that are not compressed by LZF, or do not expand to the length that was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;

/// Expands foreign bytes to exactly `len` ones. A length that these bytes cannot have is refused before
/// memory is taken for it.
pub fn decompress(input: &[u8], len: usize) -> Result<Vec<u8>, Corrupt> {
    let mut out = Vec::new();
    decompress_into(input, len, &mut out)?;
    Ok(out)
}

/// The same, into memory that may be used again. What was in `out` is gone.
pub fn decompress_into(input: &[u8], len: usize, out: &mut Vec<u8>) -> Result<(), Corrupt> {
    out.clear();
    if len > input.len().saturating_mul(EXPANSION_MAX) {
        return Err(Corrupt);
    }
    out.reserve_exact(len);
    let mut rest = input;
    while let Some((&control, tail)) = rest.split_first() {
        let control = usize::from(control);
        if control < RUN_LEN_MAX {
            let (literals, tail) = tail.split_at_checked(control + 1).ok_or(Corrupt)?;
            if literals.len() > len - out.len() {
                return Err(Corrupt);
            }
            out.extend_from_slice(literals);
            rest = tail;
            continue;
        }
        let (more, tail) = match control >> 5 {
            7 => tail.split_first().map(|(&more, tail)| (usize::from(more), tail)).ok_or(Corrupt)?,
            _ => (0, tail),
        };
        let (&offset, tail) = tail.split_first().ok_or(Corrupt)?;
        let back = ((control & 0x1f) << 8 | usize::from(offset)) + 1;
        let from = out.len().checked_sub(back).ok_or(Corrupt)?;
        let count = (control >> 5) + 2 + more;
        if count > len - out.len() {
            return Err(Corrupt);
        }
        copy_from(out, from, count);
        rest = tail;
    }
    if out.len() == len { Ok(()) } else { Err(Corrupt) }
}

/// Appends `count` bytes of what is there from `from` on; what is appended is there too, so a match may
/// overlap itself.
fn copy_from(out: &mut Vec<u8>, from: usize, count: usize) {
    let mut missing = count;
    while missing > 0 {
        let now = missing.min(out.len() - from);
        out.extend_from_within(from..from + now);
        missing -= now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn what_other_writers_compress_is_read() {
        // SET s aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa (32 times a): DUMP s, redis-server 7.0.15.
        assert_eq!(decompress(b"\x01aa\xe0\x13\x00\x01aa", 32), Ok(b"a".repeat(32)));
        assert_eq!(decompress(b"\x02abc\x20\x02", 6), Ok(b"abcabc".to_vec()));
        assert_eq!(decompress(b"", 0), Ok(Vec::new()));
    }

    #[test]
    fn repetition_is_compressed_and_noise_is_not() {
        let text = b"a list of words, a list of words, and a list of other words".repeat(4);
        let packed = compress(&text, text.len()).unwrap();
        assert!(packed.len() * 3 < text.len(), "{} of {}", packed.len(), text.len());
        assert_eq!(decompress(&packed, text.len()).as_ref(), Ok(&text));

        let mut random = Random::new(5);
        let noise: Vec<u8> = (0..4000).map(|_| random.below(256) as u8).collect();
        assert_eq!(compress(&noise, noise.len()), None);
        let mut out = b"before".to_vec();
        assert!(!compress_onto(&noise, noise.len(), &mut out));
        assert!(!compress_onto(&text, packed.len() - 1, &mut out));
        assert_eq!(out, b"before");
        assert!(compress_onto(&text, packed.len(), &mut out));
        assert_eq!(out, [&b"before"[..], &packed].concat());
        assert_eq!(compress(b"abc", 2), None);
    }

    #[test]
    fn everything_survives() {
        let seed = 0x12f;
        let mut random = Random::new(seed);
        for round in 0..if cfg!(miri) { 10 } else { 400 } {
            let letters = [1, 2, 3, 20, 256][round % 5];
            let len = random.below(1 << (1 + round % 15));
            let text: Vec<u8> = (0..len).map(|_| random.below(letters) as u8).collect();
            let packed = compress(&text, usize::MAX).unwrap();
            assert_eq!(decompress(&packed, len), Ok(text), "seed {seed:#x}, round {round}");
        }
        let far = [b"the same words".to_vec(), vec![0; 8178], b"the same words".to_vec()].concat();
        assert_eq!(decompress(&compress(&far, usize::MAX).unwrap(), far.len()), Ok(far));
    }

    #[test]
    fn foreign_bytes_are_refused() {
        let text = b"to be or not to be, to be or not to be".to_vec();
        let packed = compress(&text, 100).unwrap();
        for len in 0..packed.len() {
            assert_eq!(decompress(&packed[..len], text.len()), Err(Corrupt), "{len} bytes");
        }
        assert_eq!(decompress(&packed, text.len() - 1), Err(Corrupt));
        assert_eq!(decompress(&packed, text.len() + 1), Err(Corrupt));
        assert_eq!(decompress(b"\x00a\x20\x01", 4), Err(Corrupt), "a match from before the start");
        assert_eq!(decompress(b"\x00a", usize::MAX), Err(Corrupt), "no memory for a length alone");
    }
}
