//! Why there is no configuration, and where the line stands that is to blame, as redis-server words it.

use std::fmt::{self, Display};
use std::io;
use std::path::PathBuf;

use super::words::error_text;

/// Where a directive was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A line of a file, counted from 1.
    File(PathBuf, usize),
    /// A line of the standard input, counted from 1.
    Stdin(usize),
    /// An argument of the command line, counted from 1.
    CommandLine(usize),
}

impl Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File(path, line) => {
                write!(f, "Reading the configuration file {}, at line {line}", path.display())
            }
            Origin::Stdin(line) => {
                write!(f, "Reading the configuration from standard input, at line {line}")
            }
            Origin::CommandLine(argument) => write!(f, "Reading the command line, at argument {argument}"),
        }
    }
}

/// Why there is no configuration. Displays as the text for the operator; the process then exits with
/// status 1.
#[derive(Debug)]
pub enum ConfigError {
    /// A directive that is refused.
    Line {
        /// Where it stands.
        place: Origin,
        /// The line without blanks around it.
        line: String,
        /// What is wrong, in Redis's words.
        reason: String,
    },
    /// Directives that protect the server or decide what it is, and that are not there: all of them at once.
    Missing(Vec<Missing>),
    /// A file that cannot be read.
    Open(PathBuf, io::Error),
    /// Directives that are right each and wrong together.
    Conflict(&'static str),
    /// An option of the program itself that is not complete, as the operator reads it.
    OwnOption(String),
}

/// A line that asks for what the server cannot be without for whoever has written it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What the line sets.
    pub(super) directive: &'static str,
    pub(super) place: Origin,
    pub(super) line: String,
    pub(super) reason: &'static str,
}

impl Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Missing { place, line, reason, .. } = self;
        let what = if matches!(place, Origin::CommandLine(_)) { "option" } else { "line" };
        write!(f, "{place}\n>>> '{line}'\n{reason} Remove the {what} to start without it.")
    }
}

impl Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const TITLE: &str =
            concat!("\n*** FATAL CONFIG FILE ERROR (shoal ", env!("CARGO_PKG_VERSION"), ") ***");
        match self {
            ConfigError::Line { place, line, reason } => {
                write!(f, "{TITLE}\n{place}\n>>> '{line}'\n{reason}")
            }
            ConfigError::Missing(lines) => {
                f.write_str(TITLE)?;
                lines.iter().try_for_each(|line| write!(f, "\n{line}"))
            }
            ConfigError::Open(path, error) => {
                write!(f, "Fatal error, can't open config file '{}': {}", path.display(), error_text(error))
            }
            ConfigError::Conflict(reason) => write!(f, "{TITLE}\n{reason}"),
            ConfigError::OwnOption(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for ConfigError {}
