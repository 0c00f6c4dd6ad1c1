//! The log: Redis's line format, to the standard output or a file, behind the crate `log`.
//!
//! `1234:M 01 Feb 2026 12:34:56.789 * message`. Operators' tools know this format. This file must not know who logs.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::config::LogLevel;
use crate::sys;

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
    /// Other crates' lines below the level of a warning would be noise to an operator.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let crate_name = metadata.target().split("::").next().unwrap_or_default();
        metadata.level() <= Level::Warn || ["shoal", "shards"].contains(&crate_name)
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
        write(Level::Warn, "glommio::executor", "after");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.ends_with("# after\n") && text.lines().count() == 1);
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_an_error() {
        let error = init(LogLevel::Notice, Path::new("/nonexistent/shoal.log")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
