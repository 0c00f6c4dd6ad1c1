//! The binary `shoal`: command line, logging, exit codes.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use shoal::commands;
use shoal::config::{self, Action};
use shoal::host::allocator;
use shoal::host::version::{REDIS_VERSION, SHOAL_VERSION};
use shoal::server;
use shoal::server::process;

#[global_allocator]
static ALLOCATOR: allocator::Allocator = allocator::Allocator;

fn main() -> ExitCode {
    allocator::tune();
    shards::words::on_refusal(allocator::tell_of_refusal);
    let loaded = match config::load(std::env::args_os().skip(1)) {
        Ok(Action::Run(loaded)) => loaded,
        Ok(Action::PrintVersion) => return print(&version_text()),
        Ok(Action::Print(text)) => return print(&text),
        Err(error) => return fail(&error.to_string()),
    };
    if loaded.sentinel {
        return fail("Sentinel mode is not part of this version of shoal.");
    }
    let commands = match commands::registry(loaded.renames) {
        Ok(commands) => commands,
        Err(error) => return fail(&error.to_string()),
    };
    let config = loaded.config;
    if let Err(text) = process::settle(&config) {
        return fail(&text);
    }
    log_panics();
    for warning in &loaded.warnings {
        log::warn!("{warning}");
    }
    match server::run(config, loaded.file, commands) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// A panic is told in the log too: the standard error of a service often goes nowhere.
fn log_panics() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.to_string().replace('\n', " ");
        log::error!("Shoal {} has found a defect in itself: {text}", SHOAL_VERSION);
        tell(panic);
    }));
}

/// What `--version` prints: the program's version as redis-server shows its own, and that of Redis which
/// clients are told.
fn version_text() -> String {
    format!("Shoal server v={SHOAL_VERSION} redis_version={REDIS_VERSION} bits={}", usize::BITS)
}

fn print(text: &str) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()) {
        // A reader that has gone has read what it wanted.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            fail(&format!("Could not write to the standard output: {error}"))
        }
        _ => ExitCode::SUCCESS,
    }
}

fn fail(text: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{}", text.trim_end());
    ExitCode::FAILURE
}
