//! The log: Redis's line format, to the standard output or a file, behind the crate `log`.
//!
//! `1234:M 01 Feb 2026 12:34:56.789 * message`. Operators' tools know this format. This file must not know who logs.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::host::clock;
use crate::host::sys;

/// How often a line that a client can cause is written at most, in milliseconds (Redis: securityWarningCommand).
const LIMITED_LINE_PERIOD_MS: u64 = 60_000;

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

/// Lets one line in a minute pass of all those that any thread would write for the same cause: what clients can cause must
/// not fill the disk. To be a `static` beside its line.
#[derive(Debug, Default)]
pub struct LineLimit {
    /// When the last line passed, in milliseconds since 1970; 0 for never.
    last_ms: AtomicU64,
    /// Lines that have not passed since.
    left_out: AtomicU64,
}

/// How many lines a [`LineLimit`] has kept back; shown behind the next one.
#[derive(Debug)]
pub struct LeftOut(u64);

impl LineLimit {
    /// A limit of its own.
    pub const fn new() -> LineLimit {
        LineLimit { last_ms: AtomicU64::new(0), left_out: AtomicU64::new(0) }
    }

    /// Whether the line may be written, and what is to be shown at its end.
    pub fn admit(&self) -> Option<LeftOut> {
        self.admit_at(clock::now_ms())
    }

    /// A clock that was set back counts like one that went on, so that the log does not stay silent.
    fn admit_at(&self, now_ms: u64) -> Option<LeftOut> {
        let last_ms = self.last_ms.load(Ordering::Relaxed);
        let is_due = last_ms == 0 || now_ms.abs_diff(last_ms) >= LIMITED_LINE_PERIOD_MS;
        let passes = is_due
            && self.last_ms.compare_exchange(last_ms, now_ms, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if !passes {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(LeftOut(self.left_out.swap(0, Ordering::Relaxed)))
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            lines => write!(f, " (left out since the last such line: {lines})"),
        }
    }
}

/// The process's log. The file is opened for each line, as Redis does, so that it can be renamed away at any time.
struct Logger {
    /// Empty for the standard output.
    file: PathBuf,
}

static LOGGER: OnceLock<Logger> = OnceLock::new();
static COPIES_TO_SYSLOG: AtomicBool = AtomicBool::new(false);
static ROLE: AtomicU8 = AtomicU8::new(Role::Primary as u8);

/// Starts logging. To be called once, before the first thread is started; called again, it only sets the level.
///
/// `logfile` is created when it is not there and appended to; empty means the standard output. Fails when the file
/// cannot be opened for writing.
pub fn init(level: LogLevel, logfile: &Path) -> io::Result<()> {
    if !logfile.as_os_str().is_empty() {
        open(logfile)?;
    }
    let logger = LOGGER.get_or_init(|| Logger { file: logfile.to_path_buf() });
    // Fails only when a logger is there already.
    let _ = log::set_logger(logger);
    set_level(level);
    Ok(())
}

/// Chooses which lines are written from now on, in all threads.
pub fn set_level(level: LogLevel) {
    log::set_max_level(match level {
        LogLevel::Debug => LevelFilter::Trace,
        LogLevel::Verbose => LevelFilter::Debug,
        LogLevel::Notice => LevelFilter::Info,
        LogLevel::Warning => LevelFilter::Warn,
        LogLevel::Nothing => LevelFilter::Off,
    });
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

impl Log for Logger {
    /// Other crates' lines below the level of an error would be noise to an operator: glommio warns when it cannot
    /// register buffers that nobody uses.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let crate_name = metadata.target().split("::").next().unwrap_or_default();
        metadata.level() <= Level::Error || ["shoal", "shards"].contains(&crate_name)
    }

    /// One write for each line, so that lines of several threads do not mix. A line that cannot be written is lost:
    /// there is nobody to tell.
    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let line = line(
            std::process::id(),
            ROLE.load(Ordering::Relaxed),
            &jiff::Zoned::now(),
            record.level(),
            &record.args().to_string(),
        );
        let _ = match self.file.as_os_str().is_empty() {
            true => io::stdout().lock().write_all(line.as_bytes()),
            false => open(&self.file).and_then(|mut file| file.write_all(line.as_bytes())),
        };
        if COPIES_TO_SYSLOG.load(Ordering::Relaxed) {
            sys::write_syslog(syslog_priority(record.level()), &record.args().to_string());
        }
    }

    fn flush(&self) {}
}

/// One line of the log with its end.
fn line(process: u32, role: u8, time: &jiff::Zoned, level: Level, message: &str) -> String {
    let level = match level {
        Level::Trace => '.',
        Level::Debug => '-',
        Level::Info => '*',
        Level::Warn | Level::Error => '#',
    };
    let time = time.strftime("%d %b %Y %H:%M:%S.%3f");
    format!("{process}:{} {time} {level} {message}\n", char::from(role))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_the_format_of_redis() {
        let time: jiff::Zoned = "2026-02-01T03:04:05.0069[UTC]".parse().unwrap();
        let line = |level, message| line(42, Role::Primary as u8, &time, level, message);
        let expected = "42:M 01 Feb 2026 03:04:05.006 * Ready to accept connections\n";
        assert_eq!(line(Level::Info, "Ready to accept connections"), expected);
        let levels = [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error];
        let letters = levels.map(|level| line(level, "").chars().nth(30).unwrap());
        assert_eq!(letters, ['.', '-', '*', '#', '#']);
    }

    #[test]
    fn time_is_local() {
        let time: jiff::Zoned = "2026-02-01T03:04:05+09:00[+09:00]".parse().unwrap();
        assert!(line(1, b'S', &time, Level::Info, "x").starts_with("1:S 01 Feb 2026 03:04:05.000 * x"));
    }

    #[test]
    fn a_file_gets_whole_lines_of_all_threads_and_survives_being_renamed() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("shoal.log");
        std::fs::write(&path, "before\n").unwrap();
        let logger = Logger { file: path.clone() };
        let write = |level: Level, target: &str, message: &str| {
            let args = format_args!("{message}");
            logger.log(&Record::builder().level(level).target(target).args(args).build());
        };
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

    #[test]
    fn of_many_lines_one_a_minute_passes_and_tells_how_many_were_left_out() {
        let limit = LineLimit::new();
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
    fn threads_share_the_limit_of_a_line() {
        let limit = LineLimit::new();
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
