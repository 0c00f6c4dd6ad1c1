//! From a command's name, in any case, to its number: the first thing that every command pays for.
//!
//! Names of up to 16 bytes, which is nearly all, are loaded as two machine words, brought to lower case
//! there, and compared as words in an open hash table: no loop over bytes, no allocation. This file must not
//! know any command.

/// Longer names are searched one by one; a few geo commands have them.
const WORDS_BYTES_MAX: usize = 16;

/// Slots for each name at least: most probes then end at the first slot.
const SLOTS_PER_NAME: usize = 4;

/// A set of names and their positions. Immutable.
#[derive(Debug)]
pub(crate) struct NameTable {
    /// A power of two of them, at most one in [`SLOTS_PER_NAME`] used.
    slots: Box<[Slot]>,
    /// Bits to drop from a 64-bit hash to get a slot's number.
    shift: u32,
    /// Names of more than [`WORDS_BYTES_MAX`] bytes.
    long: Vec<(String, u16)>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    words: Words,
    position: u16,
}

/// A name of at most 16 bytes in lower case. The two loads overlap, so the length belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Words {
    first: u64,
    last: u64,
    len: u16,
}

impl NameTable {
    /// The table of these names with their positions.
    ///
    /// # Panics
    /// When a name is there twice, is empty or has capitals.
    pub(crate) fn new<'a>(names: impl ExactSizeIterator<Item = (&'a str, u16)>) -> NameTable {
        let slot_count = (names.len() * SLOTS_PER_NAME).next_power_of_two().max(SLOTS_PER_NAME);
        let empty = Slot { words: Words { first: 0, last: 0, len: 0 }, position: 0 };
        let slots = vec![empty; slot_count].into_boxed_slice();
        let mut table = NameTable { slots, shift: u64::BITS - slot_count.trailing_zeros(), long: Vec::new() };
        for (name, position) in names {
            assert!(!name.is_empty() && !name.bytes().any(|byte| byte.is_ascii_uppercase()), "name {name:?}");
            assert!(table.position(name.as_bytes()).is_none(), "the command {name} is there twice");
            match Words::new(name.as_bytes()) {
                Some(words) => {
                    let free = table.probe(words).find(|&at| table.slots[at].words.len == 0);
                    table.slots[free.expect("three in four slots are free")] = Slot { words, position };
                }
                None => table.long.push((name.to_owned(), position)),
            }
        }
        table
    }

    /// The position of `name`, in any case.
    #[inline]
    pub(crate) fn position(&self, name: &[u8]) -> Option<u16> {
        let Some(words) = Words::new(name) else { return self.position_long(name) };
        for at in self.probe(words) {
            let slot = &self.slots[at];
            if slot.words == words {
                return Some(slot.position);
            }
            if slot.words.len == 0 {
                return None;
            }
        }
        None
    }

    #[cold]
    fn position_long(&self, name: &[u8]) -> Option<u16> {
        let found = self.long.iter().find(|(long, _)| long.as_bytes().eq_ignore_ascii_case(name));
        found.map(|&(_, position)| position)
    }

    /// The slots where the name may be, the likeliest first.
    #[inline]
    fn probe(&self, words: Words) -> impl Iterator<Item = usize> + use<> {
        // Names differ most in the low bits of their bytes; the odd multiplier (2^64 / golden ratio) carries
        // all of them into the high bits that are used.
        let mixed = (words.first ^ words.last.rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let start = (mixed >> self.shift) as usize;
        let mask = self.slots.len() - 1;
        (0..=mask).map(move |step| (start + step) & mask)
    }
}

impl Words {
    /// None for names of more than 16 bytes and for the empty name.
    #[inline]
    fn new(name: &[u8]) -> Option<Words> {
        let len = name.len();
        let (first, last) = if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
            if len > WORDS_BYTES_MAX {
                return None;
            }
            (u64::from_le_bytes(*first), lower(u64::from_le_bytes(*last)))
        } else if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
            (u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32, 0)
        } else {
            let (&first, &last) = (name.first()?, name.last()?);
            (u64::from(first) | u64::from(name[len / 2]) << 8 | u64::from(last) << 16, 0)
        };
        Some(Words { first: lower(first), last, len: len as u16 })
    }
}

/// ASCII capitals among the eight bytes become small; all other bytes stay.
#[inline]
fn lower(word: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    // Bit 7 of a byte's sum says whether its low seven bits are at least `A`, and over `Z`.
    let low_bits = word & (EACH * 0x7f);
    let from_a = low_bits + EACH * (0x80 - b'A' as u64);
    let over_z = low_bits + EACH * (0x7f - b'Z' as u64);
    let capital = from_a & !over_z & !word & (EACH * 0x80);
    word | capital >> 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_lower_case_as_ascii_does() {
        for byte in 0..=u8::MAX {
            for place in 0..8 {
                let mut bytes = *b"aZ@[`{\xc1\0";
                bytes[place] = byte;
                let expected = bytes.map(|byte| byte.to_ascii_lowercase());
                assert_eq!(lower(u64::from_le_bytes(bytes)).to_le_bytes(), expected, "{byte} at {place}");
            }
        }
    }

    fn table(names: &[&str]) -> NameTable {
        NameTable::new(names.iter().enumerate().map(|(position, name)| (*name, position as u16)))
    }

    #[test]
    fn names_of_every_length_are_told_apart() {
        let names: Vec<String> = (1..=40).map(|len| "a".repeat(len)).collect();
        let table = table(&names.iter().map(String::as_str).collect::<Vec<_>>());
        for (position, name) in names.iter().enumerate() {
            assert_eq!(table.position(name.to_uppercase().as_bytes()), Some(position as u16), "{name}");
        }
        assert_eq!(table.position(b""), None);
        assert_eq!(table.position(&[b'a'; 41]), None);
    }

    #[test]
    fn one_different_byte_makes_another_name() {
        let names = [
            "a",
            "ab",
            "get",
            "mget",
            "set-a",
            "getrange",
            "sintercard",
            "zrevrangebyscore",
            "georadiusbymember",
        ];
        let table = table(&names);
        for name in names {
            for at in 0..name.len() {
                for byte in (0..=u8::MAX).filter(|byte| byte.to_ascii_lowercase() != name.as_bytes()[at]) {
                    let mut other = name.as_bytes().to_vec();
                    other[at] = byte;
                    assert_eq!(table.position(&other), None, "{}", other.escape_ascii());
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "the command get is there twice")]
    fn a_name_cannot_be_there_twice() {
        table(&["get", "set", "get"]);
    }
}
