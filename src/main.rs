//! The binary `shoal`: command line, logging, exit codes.

use std::process::ExitCode;

use shoal::config::{self, Action};
use shoal::{log as logging, server};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let loaded = match config::load(std::env::args_os().skip(1)) {
        Ok(Action::Run(loaded)) => loaded,
        Ok(Action::PrintVersion | Action::PrintHelp) => return ExitCode::SUCCESS,
        Err(error) => {
            let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("{error}\n").as_bytes());
            return ExitCode::FAILURE;
        }
    };
    let config = loaded.config;
    if let Err(error) = logging::init(config.loglevel, &config.logfile) {
        let text = format!("Can't open the log file {}: {error}\n", config.logfile.display());
        let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
        return ExitCode::FAILURE;
    }
    for warning in &loaded.warnings {
        log::warn!("{warning}");
    }
    match server::run(config, loaded.file) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
