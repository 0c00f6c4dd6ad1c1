//! The log: Redis's line format, to the standard output or a file, behind the crates `log` and `env_logger`.
//!
//! `1234:M 01 Feb 2026 12:34:56.789 * message`. Operators' tools know this format. Which lines are written
//! follows from the directive loglevel, and for the modules that `SHOAL_LOG` or `RUST_LOG` names, from these.
//! This file must not know who logs.

use std::env;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use env_logger::Target;
use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::host::clock;
use crate::host::sys;

/// How often a line that a client can cause is written at most, in milliseconds (Redis:
/// securityWarningCommand).
const LIMITED_LINE_PERIOD_MS: u64 = 60_000;
/// So much later it is quiet: while such lines go on one of them has passed, and has told how many were left
/// out.
const QUIET_MS: u64 = LIMITED_LINE_PERIOD_MS + 1000;
/// Kinds of lines that have a limit. There are a few; what is beyond is told with the next line of its kind
/// only.
const KINDS_MAX: usize = 64;

/// The kinds of lines of which some were left out since the start.
static KINDS: [OnceLock<&'static LineLimit>; KINDS_MAX] = [const { OnceLock::new() }; KINDS_MAX];
/// Of some kind lines were left out of which nobody knows who will tell of them.
static HAS_LEFT_OUT: AtomicBool = AtomicBool::new(false);

/// Redis's log levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// Much.
    Verbose,
    /// What an operator wants to know.
    Notice,
    /// What is wrong.
    Warning,
    /// Nothing at all.
    Nothing,
}

/// What the process is, as the letter after its id says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Role {
    /// A primary, also before it is known.
    Primary = b'M',
    /// A replica.
    Replica = b'S',
    /// A sentinel.
    Sentinel = b'X',
    /// A child process, for example one that saves.
    Child = b'C',
}

/// Lets one line in a minute pass of all those that any thread would write for the same cause: what clients
/// can cause must not fill the disk. To be a `static` beside its line. How many did not pass the next one
/// tells, or [`tell_left_out`] if there is none.
#[derive(Debug)]
pub struct LineLimit {
    /// The module of its lines.
    target: &'static str,
    level: Level,
    /// What they say.
    what: &'static str,
    /// Somebody will look whether it is quiet.
    is_watched: AtomicBool,
    /// When the last line passed, in milliseconds since 1970; 0 for never.
    last_ms: AtomicU64,
    /// Lines that have not passed since.
    left_out: AtomicU64,
}

/// What one worker tells another of the log.
pub enum LogHop {
    /// Lines were left out: tell of them when it is quiet. To the control worker.
    LeftOut,
}

/// How many lines a [`LineLimit`] has kept back; shown behind the next one.
#[derive(Debug)]
pub struct LeftOut(u64);

impl LineLimit {
    /// A limit of lines of a module (`module_path!()`), of this level, that say this.
    pub const fn new(target: &'static str, level: Level, what: &'static str) -> LineLimit {
        let (last_ms, left_out) = (AtomicU64::new(0), AtomicU64::new(0));
        LineLimit { target, level, what, is_watched: AtomicBool::new(false), last_ms, left_out }
    }

    /// Whether the line may be written, and what is to be shown at its end. Takes no memory and no lock.
    pub fn admit(&'static self) -> Option<LeftOut> {
        let admitted = self.admit_at(clock::now_ms());
        if admitted.is_none() && !self.is_watched.load(Ordering::SeqCst) {
            self.ask_to_watch();
        }
        admitted
    }

    #[cold]
    fn ask_to_watch(&'static self) {
        let is_wanted = log::log_enabled!(target: self.target, self.level);
        if !is_wanted || self.is_watched.swap(true, Ordering::SeqCst) {
            return;
        }
        // It has a place already, or takes the first that is free.
        let has_place =
            |place: &OnceLock<&'static LineLimit>| std::ptr::eq(*place.get_or_init(|| self), self);
        if KINDS.iter().any(has_place) {
            HAS_LEFT_OUT.store(true, Ordering::Release);
        }
    }

    /// How many lines are to be told of now, and after how many milliseconds to look again if there are any
    /// that are not. The line that tells of them counts as one of the kind.
    fn look_at(&self, now_ms: u64) -> (u64, Option<u64>) {
        let last_ms = self.last_ms.load(Ordering::SeqCst);
        let passed_ms = now_ms.abs_diff(last_ms);
        if self.left_out.load(Ordering::SeqCst) > 0 {
            if passed_ms < QUIET_MS {
                return (0, Some(QUIET_MS - passed_ms));
            }
            if self.last_ms.compare_exchange(last_ms, now_ms, Ordering::SeqCst, Ordering::SeqCst).is_err() {
                return (0, Some(QUIET_MS));
            }
        }
        let lines = self.left_out.swap(0, Ordering::SeqCst);
        self.is_watched.store(false, Ordering::SeqCst);
        // One that was left out just now may still have seen that it is watched.
        let is_late =
            self.left_out.load(Ordering::SeqCst) > 0 && !self.is_watched.swap(true, Ordering::SeqCst);
        (lines, is_late.then_some(QUIET_MS))
    }

    /// A clock that was set back counts like one that went on, so that the log does not stay silent.
    fn admit_at(&self, now_ms: u64) -> Option<LeftOut> {
        let last_ms = self.last_ms.load(Ordering::Relaxed);
        let is_due = last_ms == 0 || now_ms.abs_diff(last_ms) >= LIMITED_LINE_PERIOD_MS;
        let passes = is_due
            && self.last_ms.compare_exchange(last_ms, now_ms, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if !passes {
            self.left_out.fetch_add(1, Ordering::SeqCst);
            return None;
        }
        Some(LeftOut(self.left_out.swap(0, Ordering::Relaxed)))
    }
}

/// True when lines were left out since the last call, of kinds that nobody watches: [`tell_left_out`] is to
/// be called.
pub fn has_left_out() -> bool {
    HAS_LEFT_OUT.load(Ordering::Relaxed) && HAS_LEFT_OUT.swap(false, Ordering::Acquire)
}

/// Tells how many lines were left out of each kind of which none has come for a while. Returns after how long
/// to call it again, if there are others.
pub fn tell_left_out() -> Option<Duration> {
    tell_left_out_at(clock::now_ms())
}

/// Tells how many lines were left out of any kind: no more will come.
pub fn tell_all_left_out() {
    tell_left_out_at(u64::MAX);
}

fn tell_left_out_at(now_ms: u64) -> Option<Duration> {
    let look = |kind: &&'static LineLimit| {
        let (lines, again_ms) = kind.look_at(now_ms);
        let LineLimit { target, level, what, .. } = kind;
        match lines {
            0 => {}
            1 => log::log!(target: target, *level, "{what}: 1 more line like it was left out"),
            _ => log::log!(target: target, *level, "{what}: {lines} more lines like it were left out"),
        }
        again_ms
    };
    let again_ms = KINDS.iter().filter_map(OnceLock::get).filter_map(look).min();
    again_ms.map(Duration::from_millis)
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            lines => write!(f, " (left out since the last such line: {lines})"),
        }
    }
}

/// The environment variables that choose lines by module. The first that is set counts.
const FILTER_VARIABLES: [&str; 2] = ["SHOAL_LOG", "RUST_LOG"];

/// The process's log.
struct Logger {
    /// Writes what is not forbidden by name: every line that the filter lets pass or says nothing about.
    lines: env_logger::Logger,
    /// Only filters: lets pass what is wanted by name.
    wanted: env_logger::Logger,
}

/// The log's file. It is opened for each line, as in Redis, so that it can be renamed away at any time.
struct LogFile(PathBuf);

static LOGGER: OnceLock<Logger> = OnceLock::new();
/// The least serious lines of modules that the filter does not name, as the number of a `LevelFilter`.
static LEVEL: AtomicUsize = AtomicUsize::new(LevelFilter::Off as usize);
static COPIES_TO_SYSLOG: AtomicBool = AtomicBool::new(false);
static ROLE: AtomicU8 = AtomicU8::new(Role::Primary as u8);

/// Starts logging. To be called once, before the first thread is started; called again, it only sets the
/// level.
///
/// `logfile` is created when it is not there and appended to; empty means the standard output. Fails when the
/// file cannot be opened for writing. A filter that cannot be understood is told in the log and counts for
/// nothing.
pub fn init(level: LogLevel, logfile: &Path) -> io::Result<()> {
    if !logfile.as_os_str().is_empty() {
        open(logfile)?;
    }
    let filter = FILTER_VARIABLES.iter().find_map(|name| Some((name, env::var_os(name)?)));
    let filter = filter.map(|(name, text)| (name, text.to_string_lossy().into_owned()));
    let wrong = filter.as_ref().and_then(|(_, text)| what_is_wrong(text));
    let text = filter.as_ref().filter(|_| wrong.is_none()).map_or("", |(_, text)| text.as_str());
    let logger = LOGGER.get_or_init(|| Logger::new(logfile, text));
    // Fails only when a logger is there already.
    let _ = log::set_logger(logger);
    set_level(level);
    if let (Some((name, text)), Some(wrong)) = (&filter, wrong) {
        log::warn!(
            "The environment variable {name}={text:?} is ignored, since it is not a list of MODULE=LEVEL, \
                such as shoal::worker=debug,shoal::io=off, with a level of off, error, warn, info, debug or \
                trace: {wrong}"
        );
    }
    Ok(())
}

/// Why a filter does not count, in one line. `/text` at its end would leave out all lines without the text,
/// whatever they are about and however serious.
fn what_is_wrong(filter: &str) -> Option<String> {
    if let Some((_, text)) = filter.split_once('/') {
        return Some(format!("'/{text}' would leave out all lines that do not contain it"));
    }
    let error = env_filter::Builder::new().try_parse(filter).err()?;
    Some(error.to_string().replace('\n', " "))
}

/// Chooses which lines are written from now on, in all threads, of the modules that the filter does not name.
pub fn set_level(level: LogLevel) {
    let level = match level {
        LogLevel::Debug => LevelFilter::Trace,
        LogLevel::Verbose => LevelFilter::Debug,
        LogLevel::Notice => LevelFilter::Info,
        LogLevel::Warning => LevelFilter::Warn,
        LogLevel::Nothing => LevelFilter::Off,
    };
    LEVEL.store(level as usize, Ordering::Relaxed);
    let wanted = LOGGER.get().map_or(LevelFilter::Off, |logger| logger.wanted.filter());
    // What nobody wants costs one comparison where it would be logged.
    log::set_max_level(level.max(wanted));
}

/// From now on lines go to the system's log too, which has been opened by [`sys::open_syslog`].
pub fn copy_to_syslog() {
    COPIES_TO_SYSLOG.store(true, Ordering::Relaxed);
}

/// The system's word for how serious a line is (Redis: syslogLevelMap).
fn syslog_priority(level: Level) -> i32 {
    match level {
        Level::Trace => libc::LOG_DEBUG,
        Level::Debug => libc::LOG_INFO,
        Level::Info => libc::LOG_NOTICE,
        Level::Warn | Level::Error => libc::LOG_WARNING,
    }
}

/// Chooses the letter of the lines from now on.
pub fn set_role(role: Role) {
    ROLE.store(role as u8, Ordering::Relaxed);
}

fn open(logfile: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(logfile)
}

impl Logger {
    /// Writes to a file, or to the standard output when its path is empty. The filter can be understood.
    fn new(logfile: &Path, filter: &str) -> Logger {
        let target = match logfile.as_os_str().is_empty() {
            true => Target::Stdout,
            false => Target::Pipe(Box::new(LogFile(logfile.to_path_buf()))),
        };
        let filtered = |unnamed| {
            let mut builder = env_logger::Builder::new();
            builder.filter_level(unnamed).parse_filters(filter);
            builder
        };
        let format = |out: &mut env_logger::fmt::Formatter, record: &Record<'_>| {
            let (process, role) = (std::process::id(), ROLE.load(Ordering::Relaxed));
            line(out, process, role, &jiff::Zoned::now(), record.level(), record.args())
        };
        Logger {
            lines: filtered(LevelFilter::Trace).target(target).format(format).build(),
            wanted: filtered(LevelFilter::Off).build(),
        }
    }

    /// Whether a line of a module that the filter does not name is written. Other crates' lines below the
    /// level of an error would be noise to an operator: glommio warns when it cannot register buffers that
    /// nobody uses.
    fn is_unnamed_wanted(metadata: &Metadata<'_>) -> bool {
        let crate_name = metadata.target().split("::").next().unwrap_or_default();
        metadata.level() as usize <= LEVEL.load(Ordering::Relaxed)
            && (metadata.level() <= Level::Error || ["shoal", "shards"].contains(&crate_name))
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.wanted.enabled(metadata) || self.lines.enabled(metadata) && Logger::is_unnamed_wanted(metadata)
    }

    /// One write for each line, so that lines of several threads do not mix. A line that cannot be written is
    /// lost: there is nobody to tell.
    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) || !self.lines.matches(record) {
            return;
        }
        self.lines.log(record);
        if COPIES_TO_SYSLOG.load(Ordering::Relaxed) {
            sys::write_syslog(syslog_priority(record.level()), &record.args().to_string());
        }
    }

    fn flush(&self) {}
}

impl Write for LogFile {
    /// Gets a whole line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        open(&self.0)?.write_all(line)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One line of the log with its end.
fn line(
    out: &mut impl Write,
    process: u32,
    role: u8,
    time: &jiff::Zoned,
    level: Level,
    message: impl fmt::Display,
) -> io::Result<()> {
    let level = match level {
        Level::Trace => '.',
        Level::Debug => '-',
        Level::Info => '*',
        Level::Warn | Level::Error => '#',
    };
    let time = time.strftime("%d %b %Y %H:%M:%S.%3f");
    writeln!(out, "{process}:{} {time} {level} {message}", char::from(role))
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use super::*;

    fn text_of(process: u32, role: u8, time: &jiff::Zoned, level: Level, message: &str) -> String {
        let mut text = Vec::new();
        line(&mut text, process, role, time, level, message).unwrap();
        String::from_utf8(text).unwrap()
    }

    fn write(logger: &Logger, level: Level, target: &str, message: &str) {
        logger.log(&Record::builder().level(level).target(target).args(format_args!("{message}")).build());
    }

    #[test]
    fn lines_have_the_format_of_redis() {
        let time: jiff::Zoned = "2026-02-01T03:04:05.0069[UTC]".parse().unwrap();
        let line = |level, message| text_of(42, Role::Primary as u8, &time, level, message);
        let expected = "42:M 01 Feb 2026 03:04:05.006 * Ready to accept connections\n";
        assert_eq!(line(Level::Info, "Ready to accept connections"), expected);
        let levels = [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error];
        let letters = levels.map(|level| line(level, "").chars().nth(30).unwrap());
        assert_eq!(letters, ['.', '-', '*', '#', '#']);
    }

    #[test]
    fn time_is_local() {
        let time: jiff::Zoned = "2026-02-01T03:04:05+09:00[+09:00]".parse().unwrap();
        assert!(text_of(1, b'S', &time, Level::Info, "x").starts_with("1:S 01 Feb 2026 03:04:05.000 * x"));
    }

    #[test]
    fn a_file_gets_whole_lines_of_all_threads_and_survives_being_renamed() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("shoal.log");
        std::fs::write(&path, "before\n").unwrap();
        let _level = set_level_alone(LogLevel::Notice);
        let logger = Logger::new(&path, "");
        let write = |level, target: &str, message: &str| write(&logger, level, target, message);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || {
                    for number in 0..50 {
                        write(Level::Info, "shoal::net", &format!("{thread}.{number}"));
                    }
                });
            }
        });
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().next(), Some("before"));
        assert_eq!(text.lines().count(), 1 + 4 * 50);
        assert!(text.lines().skip(1).all(|line| line.contains(" * ") && line.contains(":M ")));
        std::fs::rename(&path, home.path().join("shoal.log.1")).unwrap();
        write(Level::Info, "glommio::executor", "noise");
        write(Level::Warn, "glommio::sys::uring", "Error: registering buffers in the main ring. Skipping");
        write(Level::Error, "glommio::executor", "after");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.ends_with("# after\n") && text.lines().count() == 1);
    }

    /// Sets the level of the process, which one test at a time may rely on.
    fn set_level_alone(level: LogLevel) -> MutexGuard<'static, ()> {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        set_level(level);
        alone
    }

    /// The lines that pass with a filter at a level, of one line of each level for each of some modules.
    fn passed(filter: &str, level: LogLevel) -> String {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("shoal.log");
        let _level = set_level_alone(level);
        let logger = Logger::new(&path, filter);
        for target in ["shoal::worker::dispatch", "shoal::io", "shards::shard", "glommio::executor"] {
            for level in [Level::Error, Level::Warn, Level::Info, Level::Debug, Level::Trace] {
                write(&logger, level, target, &format!("{target} {level}"));
            }
        }
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let mut counts: Vec<(String, usize)> = Vec::new();
        for line in text.lines() {
            let target = line.split(' ').rev().nth(1).unwrap().to_owned();
            match counts.last_mut().filter(|(last, _)| *last == target) {
                Some((_, count)) => *count += 1,
                None => counts.push((target, 1)),
            }
        }
        counts
            .iter()
            .map(|(target, count)| format!("{target}:{count} "))
            .collect::<String>()
            .trim_end()
            .to_owned()
    }

    #[test]
    fn without_a_filter_the_level_decides_and_other_crates_tell_errors_only() {
        for (level, count) in
            [(LogLevel::Debug, 5), (LogLevel::Verbose, 4), (LogLevel::Notice, 3), (LogLevel::Warning, 2)]
        {
            let expected = format!(
                "shoal::worker::dispatch:{count} shoal::io:{count} shards::shard:{count} glommio::executor:1"
            );
            assert_eq!(passed("", level), expected);
        }
        assert_eq!(passed("", LogLevel::Nothing), "");
    }

    #[test]
    fn a_filter_decides_for_the_modules_that_it_names() {
        for (filter, level, expected) in [
            (
                "shoal::worker=debug",
                LogLevel::Warning,
                "shoal::worker::dispatch:4 shoal::io:2 shards::shard:2 glommio::executor:1",
            ),
            ("shoal::worker=debug", LogLevel::Nothing, "shoal::worker::dispatch:4"),
            ("shoal=off,glommio=warn", LogLevel::Debug, "shards::shard:5 glommio::executor:2"),
            (
                "shoal=error,shoal::io",
                LogLevel::Notice,
                "shoal::worker::dispatch:1 shoal::io:5 shards::shard:3 glommio::executor:1",
            ),
            (
                "info",
                LogLevel::Nothing,
                "shoal::worker::dispatch:3 shoal::io:3 shards::shard:3 glommio::executor:3",
            ),
            ("off,shards=trace", LogLevel::Debug, "shards::shard:5"),
        ] {
            assert_eq!(passed(filter, level), expected, "{filter} at {level:?}");
        }
    }

    #[test]
    fn a_filter_that_is_not_understood_says_where() {
        assert_eq!(what_is_wrong("shoal::worker=debug, shoal::io=off"), None);
        assert_eq!(what_is_wrong(""), None);
        for (filter, place) in
            [("shoal=loud", "'loud'"), ("a=b=c", "'a=b=c'"), ("a/b/c", "'/b/c'"), ("debug/x", "'/x'")]
        {
            let wrong = what_is_wrong(filter).unwrap();
            assert!(wrong.contains(place), "{wrong}");
        }
    }

    #[test]
    fn of_many_lines_one_a_minute_passes_and_tells_how_many_were_left_out() {
        let limit = LineLimit::new("shoal", Level::Info, "A line");
        let shown = |now_ms| limit.admit_at(now_ms).map(|left_out| left_out.to_string());
        assert_eq!(shown(1_000_000), Some(String::new()));
        assert!((0..500).all(|_| shown(1_000_001).is_none()));
        assert_eq!(shown(1_059_999), None);
        let text = " (left out since the last such line: 501)";
        assert_eq!(shown(1_060_000), Some(text.to_owned()));
        assert_eq!(shown(1_120_000), Some(String::new()));
        assert_eq!(shown(500_000), Some(String::new()), "the clock was set back");
    }

    #[test]
    fn lines_that_were_left_out_are_told_of_when_none_comes_any_more() {
        let limit = LineLimit::new("shoal", Level::Info, "A line");
        let begin_ms = 1_000_000;
        assert_eq!(limit.look_at(begin_ms), (0, None));
        assert!(limit.admit_at(begin_ms).is_some());
        assert_eq!(limit.look_at(begin_ms), (0, None), "none was left out");
        assert!((0..3).all(|_| limit.admit_at(begin_ms + 10).is_none()));
        limit.is_watched.store(true, Ordering::Relaxed);
        assert_eq!(limit.look_at(begin_ms + 1000), (0, Some(QUIET_MS - 1000)));
        // One that passes in time tells itself.
        let passed_ms = begin_ms + LIMITED_LINE_PERIOD_MS;
        assert_eq!(limit.admit_at(passed_ms).unwrap().0, 3);
        assert!(limit.admit_at(passed_ms + 1).is_none());
        assert_eq!(limit.look_at(begin_ms + QUIET_MS), (0, Some(LIMITED_LINE_PERIOD_MS)));
        assert!(limit.is_watched.load(Ordering::Relaxed));
        let told_ms = passed_ms + QUIET_MS;
        assert_eq!(limit.look_at(told_ms), (1, None));
        assert!(!limit.is_watched.load(Ordering::Relaxed));
        assert!(limit.admit_at(told_ms + 1).is_none(), "the line that told of them was one");
        assert_eq!(limit.look_at(u64::MAX), (1, None));
    }

    #[test]
    fn whoever_tells_hears_of_each_kind_of_line_that_is_wanted() {
        static WANTED: LineLimit = LineLimit::new("shoal::host", Level::Warn, "A line of this test");
        static UNWANTED: LineLimit = LineLimit::new("shoal::host", Level::Trace, "Another line of this test");
        let has_place = |limit: &'static LineLimit| {
            KINDS.iter().filter_map(OnceLock::get).any(|kind| std::ptr::eq(*kind, limit))
        };
        let _level = set_level_alone(LogLevel::Notice);
        let _ = init(LogLevel::Notice, Path::new(""));
        for limit in [&WANTED, &UNWANTED] {
            assert!(limit.admit().is_some() && limit.admit().is_none() && limit.admit().is_none());
        }
        assert!(has_place(&WANTED) && !has_place(&UNWANTED));
        assert!(WANTED.is_watched.load(Ordering::Relaxed));
        let again = tell_left_out().expect("it is not quiet yet");
        assert!(again > Duration::from_secs(1) && again <= Duration::from_millis(QUIET_MS), "{again:?}");
        assert_eq!(WANTED.look_at(u64::MAX), (2, None));
    }

    #[test]
    fn threads_share_the_limit_of_a_line() {
        let limit = LineLimit::new("shoal", Level::Info, "A line");
        let passed = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(|| (0..1000).filter_map(|_| limit.admit_at(7)).count())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
        });
        assert_eq!(passed, 1);
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_an_error() {
        let error = init(LogLevel::Notice, Path::new("/nonexistent/shoal.log")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
