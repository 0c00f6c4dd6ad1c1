//! Why a file was not loaded, as the operator reads it: Redis's words where it has some, with the file, the
//! place in it and what to do.

use std::io;
use std::path::{Path, PathBuf};

use shards::loading::{LoadFault, LoadFaultKind, shown_key};
use shards::rdb::error::{RdbError, Refused};

use crate::node::functions::FUNCTIONS_BYTES_MAX;

/// Why a file was not loaded.
#[derive(Debug)]
pub struct LoadFailure {
    /// The file, which is as it was.
    pub path: PathBuf,
    /// Where in it, in bytes.
    pub offset: u64,
    /// What is wrong.
    pub reason: Reason,
}

/// What can be wrong.
#[derive(Debug)]
pub enum Reason {
    /// The file cannot be opened.
    Open(io::Error),
    /// It cannot be read.
    Read(io::Error),
    /// The bytes between the values, or where a value ends, at this key.
    Bytes(RdbError, Option<Box<[u8]>>),
    /// A key with its value.
    Key(LoadFault),
    /// The checksum of its bytes is `found`, and it says `expected`.
    Checksum {
        /// What the file says.
        expected: u64,
        /// What its bytes have.
        found: u64,
    },
    /// It has a database of a number that the node does not have, which has so many.
    Databases(u16),
    /// A key or a value of 4 GB or more.
    TooLong(Box<[u8]>),
    /// More libraries of functions than are kept.
    TooManyFunctions,
}

impl LoadFailure {
    /// The lines of the log.
    pub fn lines(&self) -> Vec<String> {
        let (path, offset) = (self.path.display(), self.offset);
        let at = |key: &Option<Box<[u8]>>| match key {
            Some(key) => format!(" (key '{}')", shown_key(key)),
            None => String::new(),
        };
        let internal = |reason: &str| format!("Internal error in RDB reading offset {offset} -> {reason}");
        let mut lines = match &self.reason {
            Reason::Open(error) => {
                return vec![format!("Fatal error: can't open the RDB file {path} for reading: {error}")];
            }
            Reason::Read(error) => {
                vec![format!("Fatal error: can't read the RDB file {path} at offset {offset}: {error}")]
            }
            Reason::Bytes(error @ RdbError::Incomplete { .. }, key) => vec![
                "Short read or OOM loading DB. Unrecoverable error, aborting now.".to_owned(),
                format!("{}{}", internal(&error.to_string()), at(key)),
            ],
            Reason::Bytes(RdbError::Refused { what, .. }, key) => vec![match what {
                Refused::Magic | Refused::Envelope | Refused::Version(_) => what.to_string(),
                what => format!("{}{}", internal(&what.to_string()), at(key)),
            }],
            Reason::Bytes(error, key) => vec![format!("{error}{}", at(key))],
            Reason::Key(fault) => vec![match fault.what {
                LoadFaultKind::Duplicate => fault.to_string(),
                LoadFaultKind::Value(RdbError::Incomplete { .. }) => {
                    format!("{}: a value has fewer bytes than it says", internal(&fault.to_string()))
                }
                LoadFaultKind::Value(_) => fault.to_string(),
            }],
            Reason::Checksum { expected, found } => vec![
                format!("Wrong RDB checksum expected: ({found:x}) but got ({expected:x}). Aborting now."),
                internal("RDB CRC error"),
            ],
            Reason::Databases(databases) => vec![format!(
                "FATAL: Data file was created with a Redis server configured to handle more than {databases} \
                    databases. Exiting"
            )],
            Reason::TooLong(key) => {
                vec![internal(&format!("key '{}' or its value has 4 GB or more", shown_key(key)))]
            }
            Reason::TooManyFunctions => vec![internal(&format!(
                "its libraries of functions have more than {} MB together",
                FUNCTIONS_BYTES_MAX >> 20
            ))],
        };
        lines.push(self.advice());
        lines
    }

    fn advice(&self) -> String {
        let (path, offset) = (self.path.display(), self.offset);
        match self.reason {
            Reason::Databases(_) => format!("Start with more databases to load {path}, which is as it was."),
            Reason::Read(_) => format!("{path} is as it was; the disk or the file system below it fails."),
            Reason::Bytes(RdbError::Refused { ref what, .. }, _)
                if !matches!(what, Refused::UnknownType(_)) =>
            {
                format!(
                    "{path} is as it was. Load it with the server that has written it, or move it away to \
                        start with no keys."
                )
            }
            _ => format!(
                "{path} is damaged, at offset {offset} at the latest, and is as it was: no key of it is \
                    served. redis-check-rdb says more of it. Put a good copy in its place, or move it away \
                    to start with no keys."
            ),
        }
    }

    /// The same of something that was found at another place of the file: the first one is told.
    pub fn or_earlier(self, other: LoadFailure) -> LoadFailure {
        if other.offset < self.offset { other } else { self }
    }

    /// What a shard has found.
    pub fn of_key(path: &Path, fault: LoadFault) -> LoadFailure {
        let offset = match &fault.what {
            LoadFaultKind::Value(RdbError::Corrupt { offset, .. } | RdbError::Refused { offset, .. }) => {
                *offset
            }
            LoadFaultKind::Value(RdbError::Incomplete { .. }) | LoadFaultKind::Duplicate => fault.offset,
        };
        LoadFailure { path: path.to_owned(), offset, reason: Reason::Key(fault) }
    }
}
