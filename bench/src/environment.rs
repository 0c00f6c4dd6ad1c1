//! Where and of what the figures were taken: date, machine, commit, versions of the servers. Only reads.

use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::{Kind, binary};

use crate::rows::server_name;

/// The binary of a server; none when it is not installed.
pub fn binary_of(kind: Kind) -> Option<PathBuf> {
    match kind {
        Kind::Shoal => Some(binary::shoal(None)),
        Kind::Redis => Some(binary::redis()),
        Kind::Valkey => binary::valkey(),
        Kind::Kevy => binary::kevy(),
    }
}

/// The first line that a program prints; none when it cannot be run or fails.
pub fn first_line(program: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).current_dir(binary::workspace_root()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().map(str::trim).filter(|line| !line.is_empty());
    output.status.success().then_some(line?.to_owned())
}

/// Lines for the head of a report.
pub fn describe(servers: &[Kind], cores: &[usize], rounds: usize) -> Vec<String> {
    let program = |name: &str, args: &[&str]| first_line(Path::new(name), args).unwrap_or_else(unknown);
    let commit = program("git", &["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]);
    let mut lines = vec![
        format!("Date: {}", program("date", &["-u", "+%Y-%m-%d %H:%M UTC"])),
        format!(
            "Machine: {}, {} cores usable, kernel {}",
            cpu_model(),
            cores.len(),
            program("uname", &["-r"])
        ),
        format!("Commit: {commit}. Rounds: {rounds}. A cell is the median (smallest - largest)."),
    ];
    for &kind in servers {
        let version = binary_of(kind).and_then(|binary| first_line(&binary, &["--version"]));
        lines.push(format!("{}: {}", server_name(kind), version.unwrap_or_else(unknown)));
    }
    lines
}

fn unknown() -> String {
    "unknown".to_owned()
}

fn cpu_model() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(unknown, |(_, model)| model.trim().to_owned())
}
