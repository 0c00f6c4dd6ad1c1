//! Which versions of the format are read and which are written, and in whose dialect a number has its
//! meaning.
//!
//! Redis counts 1, 2, 3 and on. Valkey has its own numbers from 80 on, and leaves 12 to 79 to Redis. Some
//! numbers of types and opcodes mean one thing to Redis and another to Valkey. This file must not know what a
//! version can hold.

use super::error::Refused;

/// Bytes of the magic with which a file begins.
pub const MAGIC_LEN: usize = 9;

/// The last version of Redis that is read (Redis 8.10).
const REDIS_LAST: u32 = 15;
/// The versions of Valkey that are read (Valkey 9.0 to 9.2).
const VALKEY_FIRST: u32 = 80;
const VALKEY_LAST: u32 = 81;

/// Files from this version on end with a checksum.
const CHECKSUM_FIRST: u32 = 5;

/// How the envelope begins that Valkey puts around a compressed file.
const ENVELOPE: &[u8] = b"VKCS";

/// Whose numbers they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// Those of Redis, and of Valkey before 9.0.
    Redis,
    /// Those of Valkey 9.0 and later.
    Valkey,
}

/// The version of a file or a payload that is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileVersion {
    /// Whose version it is.
    pub dialect: Dialect,
    /// Its number.
    pub number: u32,
}

impl FileVersion {
    /// The version that a file names in its first bytes.
    ///
    /// # Errors
    /// What else the file is: none of ours, or of a version that is not read.
    pub fn of_magic(magic: &[u8; MAGIC_LEN]) -> Result<FileVersion, Refused> {
        let (dialect, digits) = match magic {
            [b'R', b'E', b'D', b'I', b'S', digits @ ..] => (Dialect::Redis, &digits[..]),
            [b'V', b'A', b'L', b'K', b'E', b'Y', digits @ ..] => (Dialect::Valkey, &digits[..]),
            magic if magic.starts_with(ENVELOPE) => return Err(Refused::Envelope),
            _ => return Err(Refused::Magic),
        };
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(Refused::Magic);
        }
        let number = digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
        FileVersion::known(dialect, number).ok_or(Refused::Version(number))
    }

    /// The version in the footer of what DUMP gives; `None` for one that is not read.
    pub fn of_dump(number: u16) -> Option<FileVersion> {
        let number = u32::from(number);
        let dialect = if number < VALKEY_FIRST { Dialect::Redis } else { Dialect::Valkey };
        FileVersion::known(dialect, number)
    }

    fn known(dialect: Dialect, number: u32) -> Option<FileVersion> {
        let is_known = match dialect {
            Dialect::Redis => (1..=REDIS_LAST).contains(&number),
            Dialect::Valkey => (VALKEY_FIRST..=VALKEY_LAST).contains(&number),
        };
        is_known.then_some(FileVersion { dialect, number })
    }

    /// Whether a checksum stands behind the end of the file.
    pub fn has_checksum(self) -> bool {
        self.number >= CHECKSUM_FIRST
    }
}

/// A version that is written. In ascending order of what it can hold, but for the last two, which hold the
/// same for different readers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum WriteVersion {
    /// 10: Redis 7.0 and later, Valkey.
    Redis10,
    /// 11: Redis 7.2 and later, Valkey. Small sets of strings are packed, consumers have active times.
    Redis11,
    /// 12: Redis 7.4 and later. Fields of hashes have expires.
    Redis12,
    /// 80: Valkey 9.0 and later. Fields of hashes have expires.
    Valkey80,
}

impl WriteVersion {
    /// All of them.
    pub const ALL: [WriteVersion; 4] =
        [WriteVersion::Redis10, WriteVersion::Redis11, WriteVersion::Redis12, WriteVersion::Valkey80];

    /// How the version is called where it is configured, and in the footer of DUMP.
    pub const fn number(self) -> u16 {
        match self {
            WriteVersion::Redis10 => 10,
            WriteVersion::Redis11 => 11,
            WriteVersion::Redis12 => 12,
            WriteVersion::Valkey80 => 80,
        }
    }

    /// The version of this number.
    pub fn of_number(number: u16) -> Option<WriteVersion> {
        WriteVersion::ALL.into_iter().find(|version| version.number() == number)
    }

    /// The first bytes of a file.
    pub const fn magic(self) -> &'static [u8; MAGIC_LEN] {
        match self {
            WriteVersion::Redis10 => b"REDIS0010",
            WriteVersion::Redis11 => b"REDIS0011",
            WriteVersion::Redis12 => b"REDIS0012",
            WriteVersion::Valkey80 => b"VALKEY080",
        }
    }

    /// The version as a reader sees it.
    pub const fn read(self) -> FileVersion {
        let dialect = match self {
            WriteVersion::Valkey80 => Dialect::Valkey,
            WriteVersion::Redis10 | WriteVersion::Redis11 | WriteVersion::Redis12 => Dialect::Redis,
        };
        FileVersion { dialect, number: self.number() as u32 }
    }

    /// Whether fields of hashes may have expires.
    pub const fn has_field_expires(self) -> bool {
        matches!(self, WriteVersion::Redis12 | WriteVersion::Valkey80)
    }

    /// Whether there is what came with Redis 7.2: packed sets of strings, active times of consumers.
    pub const fn has_types_of_7_2(self) -> bool {
        !matches!(self, WriteVersion::Redis10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_magic_says_whose_version_it_is() {
        let known =
            |magic: &[u8; 9]| FileVersion::of_magic(magic).map(|version| (version.dialect, version.number));
        assert_eq!(known(b"REDIS0001"), Ok((Dialect::Redis, 1)));
        assert_eq!(known(b"REDIS0015"), Ok((Dialect::Redis, 15)));
        assert_eq!(known(b"VALKEY081"), Ok((Dialect::Valkey, 81)));
        for (magic, refused) in [
            (b"REDIS0000", Refused::Version(0)),
            (b"REDIS0016", Refused::Version(16)),
            (b"REDIS0080", Refused::Version(80)),
            (b"VALKEY011", Refused::Version(11)),
            (b"VALKEY082", Refused::Version(82)),
            (b"REDIS001 ", Refused::Magic),
            (b"REDIX0010", Refused::Magic),
            (b"VKCS\x01\x01\0\0R", Refused::Envelope),
        ] {
            assert_eq!(FileVersion::of_magic(magic), Err(refused));
        }
        for version in WriteVersion::ALL {
            assert_eq!(FileVersion::of_magic(version.magic()), Ok(version.read()));
            assert_eq!(FileVersion::of_dump(version.number()), Some(version.read()));
        }
        assert_eq!(FileVersion::of_dump(16), None);
        assert_eq!(FileVersion::of_dump(79), None);
    }
}
