//! What can be wrong with bytes that are read, and what they are refused for.
//!
//! The texts are whole clauses for the log: whoever knows the file and the key puts these before them.

use std::fmt;

/// Why reading has ended before its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RdbError {
    /// The bytes end too early, which is no fault while more may come.
    Incomplete {
        /// So many bytes are needed before anything more can be said, counted from the first one that was
        /// handed in. A hostile length may make this any number: it is no reason to take memory.
        needed: u64,
    },
    /// The bytes contradict the format.
    Corrupt {
        /// Where: in bytes from the start of the file or the payload.
        offset: u64,
        /// What is wrong there.
        reason: &'static str,
    },
    /// The bytes mean something that has no place here.
    Refused {
        /// Where: in bytes from the start of the file or the payload.
        offset: u64,
        /// What it is.
        what: Refused,
    },
}

/// What is known, or known to be unknown, and not read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refused {
    /// The first bytes are not those of an RDB file.
    Magic,
    /// Valkey's envelope around a compressed file.
    Envelope,
    /// A version that is not read.
    Version(u32),
    /// A type byte that no version has.
    UnknownType(u8),
    /// A type that only release candidates have written, or one for which there is no type here.
    ForeignType {
        /// The type byte.
        number: u8,
        /// What it is called.
        name: &'static str,
    },
    /// A value of a module.
    Module(ModuleId),
    /// What a module has written beside the keys.
    ModuleAux(ModuleId),
    /// What modules have attached to a key.
    KeyMetadata,
    /// A function as release candidates of Redis 7.0 have written it.
    PreReleaseFunction,
    /// Something beside keys that is not read.
    ForeignOpcode {
        /// The byte that stands for it.
        number: u8,
        /// What it is.
        name: &'static str,
    },
}

/// The name and the encoding version of a module's type, in 64 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ModuleId(pub u64);

/// Bits of the version behind the name.
const MODULE_VERSION_BITS: u32 = 10;
const MODULE_NAME_LEN: u32 = 9;
const MODULE_LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl ModuleId {
    /// The name of the module's type, of nine characters.
    pub fn name(self) -> String {
        let letter = |at: u32| {
            let shift = MODULE_VERSION_BITS + 6 * (MODULE_NAME_LEN - 1 - at);
            char::from(MODULE_LETTERS[(self.0 >> shift & 63) as usize])
        };
        (0..MODULE_NAME_LEN).map(letter).collect()
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Magic => write!(f, "Wrong signature trying to load DB from file"),
            Refused::Envelope => write!(f, "The file is compressed as a whole (VKCS), which is not read"),
            Refused::Version(number) => write!(f, "Can't handle RDB format version {number}"),
            Refused::UnknownType(number) => write!(f, "Unknown RDB encoding type {number}"),
            Refused::ForeignType { number, name } => {
                write!(f, "Values of type {number} ({name}) are not read")
            }
            Refused::Module(id) => write!(
                f,
                "The RDB file contains module data I can't load: no matching module type '{}'",
                id.name()
            ),
            Refused::ModuleAux(id) => write!(
                f,
                "The RDB file contains AUX module data I can't load: no matching module '{}'",
                id.name()
            ),
            Refused::KeyMetadata => write!(f, "The key has metadata of modules, which are not read"),
            Refused::PreReleaseFunction => write!(f, "Pre-release function format not supported."),
            Refused::ForeignOpcode { number, name } => {
                write!(f, "The file has {name} (opcode {number}), which are not read")
            }
        }
    }
}

impl fmt::Display for RdbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RdbError::Incomplete { .. } => write!(f, "Unexpected EOF reading RDB file"),
            RdbError::Corrupt { offset, reason } => {
                write!(f, "Internal error in RDB reading offset {offset} -> {reason}")
            }
            RdbError::Refused { what, .. } => what.fmt(f),
        }
    }
}

impl std::error::Error for RdbError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_modules_id_is_its_name_and_a_version() {
        let letters = [b'R', b'e', b'J', b'S', b'O', b'N', b'-', b'R', b'L'];
        let position = |letter| MODULE_LETTERS.iter().position(|&other| other == letter).unwrap() as u64;
        let name = letters.iter().fold(0, |id, &letter| id << 6 | position(letter));
        assert_eq!(ModuleId(name << 10 | 3).name(), "ReJSON-RL");
    }
}
