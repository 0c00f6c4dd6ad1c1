//! `bench-compare`: shoal beside redis-server, Valkey and kevy. One server at a time, the servers in turn
//! within a row, the rows in turn within a round; see README.md for the method. Which rows there are stands
//! in `rows`.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use shoal_bench::measure::{self, Machine, Timing};
use shoal_bench::report::{self, RowFigures};
use shoal_bench::rows::{Row, SERVERS, Work, rows, server_name};
use shoal_bench::{cores, environment};
use testkit::Kind;

/// Measures shoal beside redis-server and, where they are installed, Valkey and kevy.
///
/// The environment variables SHOAL_BIN, REDIS_SERVER, VALKEY_SERVER and KEVY_SERVER name other binaries by
/// absolute path.
#[derive(Parser, Debug)]
struct Options {
    /// How often every row is measured on every server
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// One short round without the rows of 10 million keys: to see that everything runs, not to quote from
    #[arg(long)]
    quick: bool,
    /// Measured seconds of a load
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Only rows whose name contains this
    #[arg(long, value_name = "PART", default_value = "")]
    rows: String,
    /// Print the names of all rows and stop
    #[arg(long)]
    list: bool,
    /// Write the tables to this file as Markdown, too
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

impl Options {
    fn rounds(&self) -> usize {
        if self.quick { 1 } else { self.rounds as usize }
    }

    fn timing(&self) -> Timing {
        if self.quick {
            Timing { load: Duration::from_secs(1), idle: Duration::from_secs(2) }
        } else {
            Timing { load: Duration::from_secs(self.seconds), idle: Duration::from_secs(10) }
        }
    }

    fn rows(&self) -> Vec<Row> {
        let wanted = rows().filter(|row| row.name.contains(&self.rows));
        wanted.filter(|row| !self.quick || row.is_for_quick_runs()).copied().collect()
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    if options.list {
        for row in rows() {
            println!("{}", row.name);
        }
        return ExitCode::SUCCESS;
    }
    match compare(&options) {
        Ok(failures) if failures.is_empty() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench-compare: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures, prints, and returns what failed.
fn compare(options: &Options) -> io::Result<Vec<String>> {
    let rows = options.rows();
    if rows.is_empty() {
        let quick = if options.quick { ", or none that is for quick runs" } else { "" };
        let error = format!("no row's name contains \"{}\"{quick}; see --list", options.rows);
        return Err(io::Error::other(error));
    }
    let machine = Machine { cores: cores::available()?, open_files: cores::raise_open_files_limit() };
    let (servers, mut notes) = servers_present()?;
    notes.extend(notes_on_machine(&rows, &machine));
    if options.quick {
        notes.push("--quick: one short round; do not quote these figures.".to_owned());
    }
    let head = environment::describe(&servers, &machine.cores, options.rounds());
    let (figures, failures, unknown) = measure_all(options, &rows, &servers, &machine);
    notes.extend(unknown);
    notes.extend(failures.iter().cloned());

    let mut tables = report::figure_tables(&figures);
    tables.push(report::goals_table(&figures));
    tables.retain(|table| !table.rows.is_empty());
    let text: Vec<String> = tables.iter().map(|table| table.to_text()).collect();
    println!("{}\n\n{}", head.join("\n"), text.join("\n"));
    for note in &notes {
        println!("Note: {note}");
    }
    if let Some(file) = &options.markdown {
        let tables: Vec<String> = tables.iter().map(|table| table.to_markdown()).collect();
        let notes: String = notes.iter().map(|note| format!("\nNote: {note}\n")).collect();
        std::fs::write(file, format!("{}\n\n{}{notes}", head.join("  \n"), tables.join("\n")))?;
    }
    Ok(failures)
}

/// The servers to measure, and a note for each that is missing.
fn servers_present() -> io::Result<(Vec<Kind>, Vec<String>)> {
    let shoal = environment::binary_of(Kind::Shoal).filter(|binary| binary.is_file());
    if shoal.is_none() {
        return Err(io::Error::other("shoal is not built: run `cargo build --release`, or set SHOAL_BIN"));
    }
    if environment::first_line(Path::new("redis-benchmark"), &["--version"]).is_none() {
        return Err(io::Error::other("redis-benchmark is missing: install the Debian package redis-tools"));
    }
    let runs = |kind: &Kind| {
        *kind == Kind::Shoal
            || environment::binary_of(*kind).is_some_and(|binary| {
                let version = environment::first_line(&binary, &["--version"]);
                version.is_some()
            })
    };
    let (present, missing): (Vec<Kind>, Vec<Kind>) = SERVERS.into_iter().partition(runs);
    let how = |kind| match kind {
        Kind::Valkey => "bench/install-valkey.sh installs it, or set VALKEY_SERVER",
        Kind::Kevy => "bench/install-kevy.sh builds it, or set KEVY_SERVER",
        _ => "install the Debian package redis-server, or set REDIS_SERVER",
    };
    let notes = missing.iter().map(|&kind| format!("{} is not here: {}.", server_name(kind), how(kind)));
    Ok((present, notes.collect()))
}

fn notes_on_machine(rows: &[Row], machine: &Machine) -> Vec<String> {
    let mut notes = Vec::new();
    if machine.cores.len() < 2 {
        notes.push("one core only: server and generator share it in every row.".to_owned());
    }
    for row in rows {
        if let Work::IdleConnections { count } = row.work
            && machine.connections(count) < count
        {
            notes.push(format!(
                "{}: scaled down to {} connections, as no more than {} files may be open.",
                row.name,
                machine.connections(count),
                machine.open_files
            ));
        }
    }
    notes
}

/// The figures of all rounds, what failed, and a note for each row that a rival cannot run at all.
fn measure_all(
    options: &Options,
    rows: &[Row],
    servers: &[Kind],
    machine: &Machine,
) -> (Vec<RowFigures>, Vec<String>, BTreeSet<String>) {
    let mut figures: Vec<RowFigures> = rows.iter().map(|row| RowFigures::new(*row, servers)).collect();
    let (mut failures, mut unknown) = (Vec::new(), BTreeSet::new());
    for round in 1..=options.rounds() {
        for row in &mut figures {
            for &kind in servers {
                let place = format!("round {round}: {}: {}", row.row.name, server_name(kind));
                eprintln!("{place}");
                let measured = measure::measure(&row.row, kind, machine, options.timing());
                match &measured {
                    // Seen at once, so that a long run that is ended early was not in vain.
                    Ok(figures) => eprintln!("  {figures:.2?}"),
                    Err(error) if kind != Kind::Shoal && is_of_unknown_command(error) => {
                        let (name, row) = (server_name(kind), row.row.name);
                        unknown.insert(format!("{name} has no figure for \"{row}\": {error}."));
                    }
                    Err(error) => {
                        eprintln!("FAILED {place}: {error}");
                        failures.push(format!("FAILED {place}: {error}"));
                    }
                }
                row.push(kind, measured.ok());
            }
        }
    }
    (figures, failures, unknown)
}

/// True for a server that answers, and does not know the command.
fn is_of_unknown_command(error: &io::Error) -> bool {
    error.to_string().contains("unknown command")
}
