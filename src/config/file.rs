//! Reading redis.conf: lines, comments, quoting, `include`, and errors that say where.
//!
//! The errors are worded as redis-server words them, with the name of the file added. This file must not know
//! the command line's syntax, only that directives can come from there.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::directive::{Class, Directive};
use super::kind::Reason;
use super::params::{self, DIRECTIVES};
use super::refusal::{ConfigError, Missing, Origin};
use super::settings::Config;
use super::special;
use super::words;

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
    /// Print the version and exit.
    PrintVersion,
    /// Print this text and exit.
    Print(String),
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
    /// The lines of `rename-command`, in order.
    pub renames: Vec<Rename>,
    /// `--sentinel` was given.
    pub sentinel: bool,
}

/// A line that gives a command another name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rename {
    /// Where it stands.
    pub place: Origin,
    /// The line without blanks around it.
    pub line: String,
    /// The name that the command has.
    pub from: Vec<u8>,
    /// The name that it is to have; empty takes the command away.
    pub to: Vec<u8>,
}

impl Rename {
    /// What the operator reads when the command cannot have that name.
    pub fn refused(self, reason: &str) -> ConfigError {
        ConfigError::Line { place: self.place, line: self.line, reason: reason.to_owned() }
    }
}

/// The words of a line, unless its quotes are not closed.
pub(super) type Split = Result<Vec<Vec<u8>>, words::MisplacedQuote>;

/// Collects directives from all sources, in order. One per start of the server.
pub(super) struct Loader {
    config: Config,
    sentinel: bool,
    /// The first `save` of all sources replaces the default, the others add to it.
    save_seen: bool,
    /// Lines that cannot be had, in order. Of a directive only the last line counts.
    missing: Vec<Missing>,
    renames: Vec<Rename>,
}

impl Loader {
    pub(super) fn new(sentinel: bool) -> Loader {
        Loader {
            config: Config::default(),
            sentinel,
            save_seen: false,
            missing: Vec::new(),
            renames: Vec::new(),
        }
    }

    /// Reads a file and all that it includes.
    pub(super) fn file(&mut self, path: &Path) -> Result<(), ConfigError> {
        self.included_file(path, 0)
    }

    fn included_file(&mut self, path: &Path, depth: usize) -> Result<(), ConfigError> {
        let text = std::fs::read(path).map_err(|error| ConfigError::Open(path.to_path_buf(), error))?;
        self.text(&text, |line| Origin::File(path.to_path_buf(), line), depth)
    }

    /// Reads lines from `input` to its end.
    pub(super) fn stdin(&mut self, mut input: impl Read) -> Result<(), ConfigError> {
        let mut text = Vec::new();
        input.read_to_end(&mut text).map_err(|error| ConfigError::Open("-".into(), error))?;
        self.text(&text, Origin::Stdin, 0)
    }

    fn text(
        &mut self,
        text: &[u8],
        place: impl Fn(usize) -> Origin,
        depth: usize,
    ) -> Result<(), ConfigError> {
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
        self.line(Origin::CommandLine(argument), shown, words, 0)
    }

    /// Executes one line. `depth` counts the files that include the one where it stands.
    fn line(&mut self, place: Origin, shown: &str, words: Split, depth: usize) -> Result<(), ConfigError> {
        let done = match words.as_deref() {
            Ok([name, pattern]) if name.eq_ignore_ascii_case(b"include") => {
                if depth < INCLUDE_DEPTH_MAX {
                    return self.include(pattern, depth + 1);
                }
                Err("include is nested too deeply".into())
            }
            Ok(words) => self.directive(words, &place, shown),
            Err(words::MisplacedQuote) => Err("Unbalanced quotes in configuration line".into()),
        };
        let refused =
            |reason: Reason| ConfigError::Line { place, line: shown.to_owned(), reason: reason.into_owned() };
        done.map_err(refused)
    }

    /// Reads the files that fit a pattern, in the order of their names. No file at all is an error only when
    /// there are no wildcards, so that a directory may be empty.
    fn include(&mut self, pattern: &[u8], depth: usize) -> Result<(), ConfigError> {
        let plain = special::path_from(pattern);
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

    /// Sets one directive: its name and its values. `place` and `shown` are where and how the operator wrote
    /// it.
    fn directive(&mut self, words: &[Vec<u8>], place: &Origin, shown: &str) -> Result<(), Reason> {
        let Some((name, values)) = words.split_first() else {
            return Ok(());
        };
        let Some((directive, _)) = params::lookup(name) else {
            return self.file_only(words, place, shown);
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
        directive.set(&mut self.config, &values)?;
        self.missing.retain(|missing| missing.directive != directive.name);
        if let Some(reason) = directive.refusal(&self.config) {
            self.miss(directive.name, place, shown, reason);
        }
        Ok(())
    }

    fn miss(&mut self, directive: &'static str, place: &Origin, shown: &str, reason: &'static str) {
        let (place, line) = (place.clone(), shown.to_owned());
        self.missing.push(Missing { directive, place, line, reason });
    }

    /// Directives that CONFIG does not know.
    fn file_only(&mut self, words: &[Vec<u8>], place: &Origin, shown: &str) -> Result<(), Reason> {
        let name = words[0].to_ascii_lowercase();
        match (name.as_slice(), words.len()) {
            (obsolete, 2) if OBSOLETE.contains(&obsolete) => return Ok(()),
            (b"user", 2..) => {
                if !is_default_user(&words[1..]) {
                    self.miss("user", place, &masked(words), params::NO_ACL);
                }
                return Ok(());
            }
            (b"loadmodule", 2..) => {
                self.miss("loadmodule", place, shown, "This version cannot load modules.");
                return Ok(());
            }
            (b"rename-command", 3) => {
                let (from, to) = (words[1].clone(), words[2].clone());
                self.renames.push(Rename { place: place.clone(), line: shown.to_owned(), from, to });
                return Ok(());
            }
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
        if !self.missing.is_empty() {
            return Err(ConfigError::Missing(self.missing));
        }
        let changed = DIRECTIVES.iter().filter(|directive| directive.is_changed(&self.config));
        let warnings = idle(changed);
        let Loader { config, sentinel, renames, .. } = self;
        Ok(Loaded { config, file, warnings, renames, sentinel })
    }

    /// What has been read so far, whether this version can do it or not.
    #[cfg(test)]
    pub(super) fn into_config(self) -> Config {
        self.config
    }
}

/// A line of `user`, without its first word, that says what holds without it (Redis writes it with CONFIG
/// REWRITE): the default user may do everything without a password.
fn is_default_user(words: &[Vec<u8>]) -> bool {
    const RULES: [&[&str]; 6] = [
        &["on"],
        &["nopass"],
        &["~*", "allkeys"],
        &["&*", "allchannels"],
        &["+@all", "allcommands"],
        &["sanitize-payload"],
    ];
    let is =
        |word: &Vec<u8>, rule: &[&str]| rule.iter().any(|name| word.eq_ignore_ascii_case(name.as_bytes()));
    words[0] == b"default"
        && words[1..].iter().all(|word| RULES.iter().any(|rule| is(word, rule)))
        && RULES[..5].iter().all(|rule| words[1..].iter().any(|word| is(word, rule)))
}

/// A line of `user` as it may be shown: passwords and their hashes are left out.
fn masked(words: &[Vec<u8>]) -> String {
    let shown = words.iter().map(|word| match word.first() {
        Some(&sign @ (b'>' | b'<' | b'#' | b'!')) => format!("{}...", char::from(sign)),
        _ => String::from_utf8_lossy(word).into_owned(),
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// Lines for the log about those of these directives that have no effect: one for each reason.
pub(super) fn idle<'a>(directives: impl Iterator<Item = &'a Directive>) -> Vec<String> {
    let mut by_reason: Vec<(&str, Vec<&str>)> = Vec::new();
    for directive in directives {
        let Class::Idle(reason) = directive.class else { continue };
        match by_reason.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, names)) => names.push(directive.name),
            None => by_reason.push((reason, vec![directive.name])),
        }
    }
    let line = |(reason, names): (&str, Vec<&str>)| {
        format!("Configuration without effect: {}, because {reason}.", names.join(", "))
    };
    by_reason.into_iter().map(line).collect()
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

    /// What a file holds, whether this version can do it or not.
    fn parsed(text: &str) -> Config {
        let (files, mut loader) = (Files::new(&[("x.conf", text)]), Loader::new(false));
        loader.file(&files.path("x.conf")).unwrap();
        loader.into_config()
    }

    fn value(config: &Config, name: &str) -> String {
        String::from_utf8(params::lookup(name.as_bytes()).unwrap().0.get(config)).unwrap()
    }

    #[test]
    fn comments_blank_lines_case_and_quotes_are_read_as_in_redis_conf() {
        let loaded = load("# port 1\n\n  # x\n\tPort 2\r\nrequirepass \"a b\\x41\"\nTIMEOUT   '5'").unwrap();
        assert_eq!((loaded.config.port, loaded.config.timeout_s), (2, 5));
        assert_eq!(loaded.config.requirepass, b"a bA");
    }

    #[test]
    fn the_last_value_counts_but_save_points_add_up_until_cleared() {
        let loaded = parsed("port 1\nport 2\nsave 60 1\nsave 30 2 10 3");
        assert_eq!(loaded.port, 2);
        assert_eq!(value(&loaded, "save"), "60 1 30 2 10 3");
        assert_eq!(value(&parsed("save 60 1\nsave \"\"\nsave 30 1"), "save"), "30 1");
        assert_eq!(value(&parsed("port 1"), "save"), "3600 1 300 100 60 10000");
    }

    #[test]
    fn several_words_may_come_in_one_pair_of_quotes() {
        let loaded = parsed("bind \"127.0.0.1 -::1\"\nsave '60 1'");
        assert_eq!(loaded.bind, ["127.0.0.1", "-::1"]);
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
    fn directives_that_only_tune_are_accepted_and_named_by_reason() {
        let loaded = load(
            "io-threads 4\nhz 10\nlatency-tracking no\nio-threads-do-reads yes\nrepl-timeout 5\nsave ''",
        )
        .unwrap();
        assert_eq!(value(&loaded.config, "io-threads"), "4");
        assert_eq!(
            loaded.warnings,
            [
                "Configuration without effect: io-threads, io-threads-do-reads, because every worker does \
                    its own input and output; their number is set by shards.",
                "Configuration without effect: latency-tracking, because there is no latency monitor.",
                "Configuration without effect: repl-timeout, because there is no replication.",
            ]
        );
    }

    #[test]
    fn what_protects_or_decides_and_is_not_there_stops_the_start() {
        for line in [
            "user default off",
            "user alice on >secret ~* +@all",
            "user default on nopass ~* &*",
            "aclfile /etc/redis/users.acl",
            "loadmodule /m.so x",
            "replicaof 10.0.0.1 6379",
            "slaveof 10.0.0.1 6379",
            "cluster-enabled yes",
            "appendonly yes",
            "appendfsync always",
            "tls-port 6380",
            "min-replicas-to-write 1",
            "min-slaves-to-write 1",
            "maxmemory-clients 10%",
            "socket-mark-id 7",
        ] {
            let files = Files::new(&[("x.conf", &format!("port 1\n{line}\n"))]);
            let error = files.load("x.conf").unwrap_err();
            let place = format!("{}, at line 2\n>>> '", files.path("x.conf").display());
            assert!(error.contains(&place), "{line}: {error}");
            assert!(error.contains("This version "), "{line}: {error}");
            assert!(error.ends_with(" Remove the line to start without it."), "{line}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn all_that_is_missing_is_named_at_once() {
        let error = load("appendonly yes\nport 1\nuser a on\nuser b on").unwrap_err();
        for line in
            ["at line 1\n>>> 'appendonly yes'", "at line 3\n>>> 'user a on'", "at line 4\n>>> 'user b on'"]
        {
            assert!(error.contains(line), "{error}");
        }
    }

    #[test]
    fn what_is_so_without_the_line_may_be_said() {
        let text = "user default on nopass sanitize-payload ~* &* +@all\nuser default on nopass allkeys \
            allchannels allcommands\nsave \"\"\nappendonly no\nappendfsync no\ncluster-enabled no\ntls-port \
            0\nreplicaof no one\nmin-replicas-to-write 0\naclfile \"\"\nshutdown-on-sigterm nosave \
            now\nmaxmemory-clients 0\ndaemonize no";
        assert_eq!(load(text).unwrap().warnings, [""; 0]);
    }

    #[test]
    fn of_a_directive_that_is_missing_the_last_line_counts() {
        assert!(load("appendonly yes\nsave 60 1\nappendonly no\nsave \"\"").is_ok());
        assert!(load("appendonly no\nappendonly yes").is_err());
    }

    #[test]
    fn renamed_commands_are_told_with_their_lines() {
        let renames = load("port 1\nrename-command FLUSHALL \"\"\nRename-Command get a").unwrap().renames;
        assert_eq!(renames.len(), 2);
        assert_eq!((&*renames[0].from, &*renames[0].to), (&b"FLUSHALL"[..], &b""[..]));
        let error = renames[1].clone().refused("No such command in rename-command").to_string();
        assert!(
            error.ends_with("at line 3\n>>> 'Rename-Command get a'\nNo such command in rename-command"),
            "{error}"
        );
    }

    #[test]
    fn directives_of_old_versions_are_ignored() {
        let loaded = load("lua-replicate-commands yes\nslave-read-only no\nlua-time-limit 7").unwrap();
        assert_eq!(value(&loaded.config, "replica-read-only"), "no");
        assert_eq!(value(&loaded.config, "busy-reply-threshold"), "7");
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
        assert_eq!(loaded.warnings, [] as [String; 0]);
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
