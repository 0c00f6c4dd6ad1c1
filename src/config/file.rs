//! Reading redis.conf: lines, comments, quoting, `include`, and errors that say where.
//!
//! The errors are worded as redis-server words them, with the name of the file added. This file must not know the
//! command line's syntax, only that directives can come from there.

use std::fmt::{self, Display};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::kind::Reason;
use super::params::{self, Class, DIRECTIVES};
use super::{Config, words};

/// How deep files may include files. A file that includes itself ends here.
const INCLUDE_DEPTH_MAX: usize = 16;

/// Directives of older versions that Redis accepts with one value and ignores.
const OBSOLETE: [&[u8]; 3] =
    [b"list-max-ziplist-entries", b"list-max-ziplist-value", b"lua-replicate-commands"];

/// What the command line asks for.
#[derive(Debug)]
pub enum Action {
    /// Run the server.
    Run(Box<Loaded>),
    /// Print [`super::version_text`] and exit.
    PrintVersion,
    /// Print [`super::help_text`] and exit.
    PrintHelp,
}

/// The outcome of reading all sources of configuration.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// The absolute path of the configuration file, for CONFIG REWRITE and INFO.
    pub file: Option<PathBuf>,
    /// One line each, for the log at level warning.
    pub warnings: Vec<String>,
    /// `--sentinel` was given.
    pub sentinel: bool,
}

/// Where a directive was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A line of a file, counted from 1.
    File(PathBuf, usize),
    /// A line of the standard input, counted from 1.
    Stdin(usize),
    /// An argument of the command line, counted from 1.
    CommandLine(usize),
}

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File(path, line) => {
                write!(f, "Reading the configuration file {}, at line {line}", path.display())
            }
            Place::Stdin(line) => {
                write!(f, "Reading the configuration from standard input, at line {line}")
            }
            Place::CommandLine(argument) => write!(f, "Reading the command line, at argument {argument}"),
        }
    }
}

/// Why there is no configuration. Displays as the text for the operator; the process then exits with status 1.
#[derive(Debug)]
pub enum ConfigError {
    /// A directive that is refused.
    Line {
        /// Where it stands.
        place: Place,
        /// The line without blanks around it.
        line: String,
        /// What is wrong, in Redis's words.
        reason: String,
    },
    /// A file that cannot be read.
    Open(PathBuf, io::Error),
    /// Directives that are right each and wrong together.
    Conflict(&'static str),
}

impl Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const TITLE: &str =
            concat!("\n*** FATAL CONFIG FILE ERROR (shoal ", env!("CARGO_PKG_VERSION"), ") ***");
        match self {
            ConfigError::Line { place, line, reason } => {
                write!(f, "{TITLE}\n{place}\n>>> '{line}'\n{reason}")
            }
            ConfigError::Open(path, error) => {
                write!(f, "Fatal error, can't open config file '{}': {}", path.display(), error_text(error))
            }
            ConfigError::Conflict(reason) => write!(f, "{TITLE}\n{reason}"),
        }
    }
}

impl std::error::Error for ConfigError {}

/// The system's words for an error, without the number that Rust adds.
pub(super) fn error_text(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error ") {
        Some(end) => text[..end].to_string(),
        None => text,
    }
}

/// The words of a line, unless its quotes are not closed.
pub(super) type Split = Result<Vec<Vec<u8>>, words::UnbalancedQuotes>;

/// Collects directives from all sources, in order. One per start of the server.
pub(super) struct Loader {
    config: Config,
    sentinel: bool,
    /// The first `save` of all sources replaces the default, the others add to it.
    save_seen: bool,
}

impl Loader {
    pub(super) fn new(sentinel: bool) -> Loader {
        Loader { config: Config::default(), sentinel, save_seen: false }
    }

    /// Reads a file and all that it includes.
    pub(super) fn file(&mut self, path: &Path) -> Result<(), ConfigError> {
        self.included_file(path, 0)
    }

    fn included_file(&mut self, path: &Path, depth: usize) -> Result<(), ConfigError> {
        let text = std::fs::read(path).map_err(|error| ConfigError::Open(path.to_path_buf(), error))?;
        self.text(&text, |line| Place::File(path.to_path_buf(), line), depth)
    }

    /// Reads lines from `input` to its end.
    pub(super) fn stdin(&mut self, mut input: impl Read) -> Result<(), ConfigError> {
        let mut text = Vec::new();
        input.read_to_end(&mut text).map_err(|error| ConfigError::Open("-".into(), error))?;
        self.text(&text, Place::Stdin, 0)
    }

    fn text(&mut self, text: &[u8], place: impl Fn(usize) -> Place, depth: usize) -> Result<(), ConfigError> {
        for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if !line.is_empty() && line[0] != b'#' {
                let shown = String::from_utf8_lossy(line);
                self.line(place(index + 1), &shown, words::split(line), depth)?;
            }
        }
        Ok(())
    }

    /// Executes one directive of the command line. `shown` is what the operator wrote.
    pub(super) fn option(&mut self, argument: usize, shown: &str, words: Split) -> Result<(), ConfigError> {
        self.line(Place::CommandLine(argument), shown, words, 0)
    }

    /// Executes one line. `depth` counts the files that include the one where it stands.
    fn line(&mut self, place: Place, shown: &str, words: Split, depth: usize) -> Result<(), ConfigError> {
        let done = match words.as_deref() {
            Ok([name, pattern]) if name.eq_ignore_ascii_case(b"include") => {
                if depth < INCLUDE_DEPTH_MAX {
                    return self.include(pattern, depth + 1);
                }
                Err("include is nested too deeply".into())
            }
            Ok(words) => self.directive(words),
            Err(words::UnbalancedQuotes) => Err("Unbalanced quotes in configuration line".into()),
        };
        let refused =
            |reason: Reason| ConfigError::Line { place, line: shown.to_owned(), reason: reason.into_owned() };
        done.map_err(refused)
    }

    /// Reads the files that fit a pattern, in the order of their names. No file at all is an error only when there
    /// are no wildcards, so that a directory may be empty.
    fn include(&mut self, pattern: &[u8], depth: usize) -> Result<(), ConfigError> {
        let plain = super::special::path_from(pattern);
        let text = match std::str::from_utf8(pattern) {
            Ok(text) if text.contains(['*', '?', '[']) => text,
            _ => return self.included_file(&plain, depth),
        };
        let Ok(paths) = glob::glob(text) else {
            return Ok(());
        };
        for path in paths {
            let path = path.map_err(|error| ConfigError::Open(error.path().into(), error.into()))?;
            self.included_file(&path, depth)?;
        }
        Ok(())
    }

    /// Sets one directive: its name and its values.
    fn directive(&mut self, words: &[Vec<u8>]) -> Result<(), Reason> {
        let Some((name, values)) = words.split_first() else {
            return Ok(());
        };
        let Some((directive, _)) = params::lookup(name) else {
            return self.file_only(words);
        };
        // Several words may come as one: `--save "60 1"`, `bind "127.0.0.1 -::1"`.
        let split = match values {
            [several] if directive.kind.takes_words() && !several.is_empty() => words::split(several),
            _ => Ok(values.to_vec()),
        };
        let values = split.map_err(|_| "Unbalanced quotes in configuration line")?;
        let values: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
        if directive.name == "save" && !self.save_seen {
            self.save_seen = true;
            directive.set(&mut self.config, &[b""])?;
        }
        directive.set(&mut self.config, &values)
    }

    /// Directives that CONFIG does not know.
    fn file_only(&mut self, words: &[Vec<u8>]) -> Result<(), Reason> {
        let name = words[0].to_ascii_lowercase();
        match (name.as_slice(), words.len()) {
            (obsolete, 2) if OBSOLETE.contains(&obsolete) => return Ok(()),
            (b"user" | b"loadmodule", 2..) | (b"rename-command", 3) => {}
            // Alone it only says what the command line has said already.
            (b"sentinel", 1) => return Ok(()),
            (b"sentinel", _) if self.sentinel => {}
            (b"sentinel", _) => return Err("sentinel directive while not in sentinel mode".into()),
            _ => return Err("Bad directive or wrong number of arguments".into()),
        }
        let mut words = words.to_vec();
        words[0] = name;
        self.config.file_only.push(words);
        Ok(())
    }

    /// Checks what directives mean together.
    pub(super) fn finish(self, file: Option<PathBuf>) -> Result<Loaded, ConfigError> {
        let value = |name: &str| {
            let (directive, _) = params::lookup(name.as_bytes()).expect("a name of the table");
            directive.get(&self.config)
        };
        if value("cluster-enabled") == b"yes" && !value("replicaof").is_empty() {
            return Err(ConfigError::Conflict("replicaof directive not allowed in cluster mode"));
        }
        let warnings = warnings(&self.config);
        Ok(Loaded { config: self.config, file, warnings, sentinel: self.sentinel })
    }
}

/// A line for each directive that can have no effect, and one for all those that have none yet. A value that is the
/// default anyway is not worth a line.
fn warnings(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut unused = Vec::new();
    for directive in DIRECTIVES.iter().filter(|directive| directive.is_changed(config)) {
        match directive.class {
            Class::Live => {}
            Class::Later => unused.push(directive.name),
            Class::Meaningless(reason) => {
                warnings.push(format!("Configuration directive {} has no effect: {reason}.", directive.name));
            }
        }
    }
    for words in &config.file_only {
        match words[0].as_slice() {
            b"loadmodule" => warnings.push(format!(
                "Configuration directive loadmodule has no effect: modules cannot be loaded ({}).",
                String::from_utf8_lossy(&words[1])
            )),
            b"user" if !unused.contains(&"user") => unused.push("user"),
            b"rename-command" if !unused.contains(&"rename-command") => unused.push("rename-command"),
            _ => {}
        }
    }
    if !unused.is_empty() {
        warnings.push(format!(
            "Configuration directives that this version accepts and does not use: {}.",
            unused.join(", ")
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files in a directory of their own.
    struct Files(tempfile::TempDir);

    impl Files {
        fn new(files: &[(&str, &str)]) -> Files {
            let home = tempfile::tempdir().unwrap();
            for (name, text) in files {
                std::fs::write(home.path().join(name), text.replace("$DIR", home.path().to_str().unwrap()))
                    .unwrap();
            }
            Files(home)
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn load(&self, name: &str) -> Result<Loaded, String> {
            let mut loader = Loader::new(false);
            let read = loader.file(&self.path(name)).and_then(|()| loader.finish(None));
            read.map_err(|error| error.to_string())
        }
    }

    fn load(text: &str) -> Result<Loaded, String> {
        Files::new(&[("x.conf", text)]).load("x.conf")
    }

    fn value(loaded: &Loaded, name: &str) -> String {
        String::from_utf8(params::lookup(name.as_bytes()).unwrap().0.get(&loaded.config)).unwrap()
    }

    #[test]
    fn comments_blank_lines_case_and_quotes_are_read_as_in_redis_conf() {
        let loaded = load("# port 1\n\n  # x\n\tPort 2\r\nrequirepass \"a b\\x41\"\nTIMEOUT   '5'").unwrap();
        assert_eq!((loaded.config.port, loaded.config.timeout_s), (2, 5));
        assert_eq!(loaded.config.requirepass, b"a bA");
    }

    #[test]
    fn the_last_value_counts_but_save_points_add_up_until_cleared() {
        let loaded = load("port 1\nport 2\nsave 60 1\nsave 30 2 10 3").unwrap();
        assert_eq!(loaded.config.port, 2);
        assert_eq!(value(&loaded, "save"), "60 1 30 2 10 3");
        assert_eq!(value(&load("save 60 1\nsave \"\"\nsave 30 1").unwrap(), "save"), "30 1");
        assert_eq!(value(&load("port 1").unwrap(), "save"), "3600 1 300 100 60 10000");
    }

    #[test]
    fn several_words_may_come_in_one_pair_of_quotes() {
        let loaded = load("bind \"127.0.0.1 -::1\"\nsave '60 1'").unwrap();
        assert_eq!(loaded.config.bind, ["127.0.0.1", "-::1"]);
        assert_eq!(value(&loaded, "save"), "60 1");
    }

    #[test]
    fn output_limits_of_several_lines_add_up() {
        let text = "client-output-buffer-limit normal 1 2 3\nclient-output-buffer-limit replica 4 5 6";
        let limits = load(text).unwrap().config.client_output_buffer_limit;
        assert_eq!((limits[0].hard_bytes, limits[1].soft_s, limits[2].soft_s), (1, 6, 60));
    }

    #[test]
    fn errors_name_file_line_and_reason() {
        for (text, line, shown, reason) in [
            ("port 1\n\n  port abc ", 3, "port abc", "argument couldn't be parsed into an integer"),
            ("port 1 2", 1, "port 1 2", "wrong number of arguments"),
            ("port", 1, "port", "wrong number of arguments"),
            ("foo", 1, "foo", "Bad directive or wrong number of arguments"),
            ("user", 1, "user", "Bad directive or wrong number of arguments"),
            ("include", 1, "include", "Bad directive or wrong number of arguments"),
            ("rename-command x", 1, "rename-command x", "Bad directive or wrong number of arguments"),
            ("port \"1", 1, "port \"1", "Unbalanced quotes in configuration line"),
            ("unixsocketperm 999", 1, "unixsocketperm 999", "argument couldn't be parsed as an octal number"),
            ("dir /no/such", 1, "dir /no/such", "No such file or directory"),
            ("sentinel monitor", 1, "sentinel monitor", "sentinel directive while not in sentinel mode"),
        ] {
            let files = Files::new(&[("x.conf", text)]);
            let expected = format!(
                "\n*** FATAL CONFIG FILE ERROR (shoal {}) ***\n\
                 Reading the configuration file {}, at line {line}\n>>> '{shown}'\n{reason}",
                env!("CARGO_PKG_VERSION"),
                files.path("x.conf").display()
            );
            assert_eq!(files.load("x.conf").unwrap_err(), expected);
        }
    }

    #[test]
    fn include_reads_in_place_and_by_pattern_in_order_of_names() {
        let files = Files::new(&[
            ("x.conf", "port 1\ninclude $DIR/*.inc\ninclude $DIR/empty-*\ntimeout 9"),
            ("a.inc", "port 2\ntimeout 2"),
            ("b.inc", "port 3"),
        ]);
        let config = files.load("x.conf").unwrap().config;
        assert_eq!((config.port, config.timeout_s), (3, 9));
    }

    #[test]
    fn an_error_in_an_included_file_names_that_file() {
        let files = Files::new(&[("x.conf", "\n\ninclude $DIR/a.inc"), ("a.inc", "foo")]);
        let place = format!("file {}, at line 1\n", files.path("a.inc").display());
        assert!(files.load("x.conf").unwrap_err().contains(&place));
    }

    #[test]
    fn a_missing_include_is_fatal_and_a_loop_ends() {
        let files = Files::new(&[("x.conf", "include $DIR/none"), ("loop", "include $DIR/loop")]);
        let expected = format!(
            "Fatal error, can't open config file '{}': No such file or directory",
            files.path("none").display()
        );
        assert_eq!(files.load("x.conf").unwrap_err(), expected);
        assert!(files.load("loop").unwrap_err().ends_with("include is nested too deeply"));
    }

    #[test]
    fn directives_that_can_do_nothing_are_accepted_with_a_warning() {
        let loaded =
            load("io-threads 4\nhz 10\nappendonly yes\nuser a on\nuser b on\nloadmodule /m.so x").unwrap();
        assert_eq!(value(&loaded, "io-threads"), "4");
        assert_eq!(
            loaded.warnings,
            [
                "Configuration directive io-threads has no effect: every worker does its own input and output; \
                 their number is set by shards.",
                "Configuration directive loadmodule has no effect: modules cannot be loaded (/m.so).",
                "Configuration directives that this version accepts and does not use: appendonly, user.",
            ]
        );
    }

    #[test]
    fn directives_of_old_versions_are_ignored() {
        let loaded = load("lua-replicate-commands yes\nslave-read-only no\nlua-time-limit 7").unwrap();
        assert_eq!(value(&loaded, "replica-read-only"), "no");
        assert_eq!(value(&loaded, "busy-reply-threshold"), "7");
    }

    #[test]
    fn a_replica_in_a_cluster_is_a_conflict() {
        let error = load("cluster-enabled yes\nreplicaof 10.0.0.1 6379").unwrap_err();
        assert!(error.ends_with("***\nreplicaof directive not allowed in cluster mode"));
    }

    /// The sample without lines of prose: directives and, after `#`, those that are off by default.
    fn sample_words(line: &str) -> (bool, Vec<String>) {
        let (active, line) = match line.strip_prefix("# ") {
            Some(line) => (false, line),
            None => (true, line),
        };
        let words = words::split(line.as_bytes()).unwrap_or_default();
        (active, words.into_iter().map(|word| String::from_utf8_lossy(&word).into_owned()).collect())
    }

    #[test]
    fn the_sample_file_holds_every_live_directive_with_its_default() {
        let sample = include_str!("../../conf/shoal.conf");
        let loaded = load(sample).unwrap();
        assert_eq!(loaded.config, Config::default());
        assert_eq!(loaded.warnings, [""; 0]);
        let lines: Vec<_> = sample.lines().map(sample_words).collect();
        for directive in DIRECTIVES.iter().filter(|directive| directive.class == Class::Live) {
            let is_there = lines.iter().any(|(active, words)| {
                let named = words.first().is_some_and(|name| name == directive.name);
                named && (*active || directive.default.is_empty() && words.len() == 2)
            });
            assert!(is_there, "conf/shoal.conf lacks {}", directive.name);
        }
    }
}
