//! The configuration: one immutable value that every worker holds, replaced as a whole by CONFIG SET.
//!
//! [`load`] makes it from the command line and the file; [`get`], [`set`] and [`rewritten`] are what the
//! command CONFIG needs. The fields are in `settings`, the table of all directives is in `params`.

mod arguments;
mod command;
mod directive;
mod file;
mod help;
mod kind;
mod params;
mod refusal;
mod rewrite;
mod settings;
mod special;
mod words;

pub use arguments::load;
pub use command::{get, newly_idle, rewrite_failed, set, without_file};
pub use file::{Action, Loaded, Rename};
pub use refusal::{ConfigError, Origin};
pub use rewrite::rewritten;
pub use settings::{Allowed, Config, OutputLimit, SavePoint, ShutdownOptions, Supervision};
