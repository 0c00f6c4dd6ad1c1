//! The program's own options, what `--help` prints and the scripts that complete command lines, by the crate
//! `clap`.
//!
//! All directives are options of the help and of the scripts, from their table; what the command line sets is
//! read in `arguments`, since Redis's form of it (`--save --port 1`, `--bind a b`, `--timeout "--1"`) is not
//! one that clap knows. This file must not set anything.

use std::ffi::OsString;

use clap::builder::PossibleValuesParser;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Command, ValueHint, value_parser};
use clap_complete::Shell;

use super::directive::{Class, Directive};
use super::file::Action;
use super::params::DIRECTIVES;
use super::refusal::ConfigError;

/// The program's own options, which count only as the first argument.
const OWN_OPTIONS: [&str; 5] = ["-h", "--help", "-v", "--version", COMPLETION];
const COMPLETION: &str = "--completion";

/// The heading of directives that tune what is not there.
const IDLE: &str = "Accepted without effect";
/// The heading of directives that stop the start when they ask for something.
const REFUSED: &str = "Accepted only with the value that asks for nothing";

const USAGE: &str = "shoal [/path/to/shoal.conf] [--directive value ...] [-]
       shoal - (read config from stdin)
       shoal -v or --version
       shoal -h or --help
       shoal --completion <SHELL>";

const INTRODUCTION: &str =
    "A Redis-compatible in-memory cache server that uses all cores of a machine behind one endpoint.";

const CLOSING: &str =
    "Every directive of the configuration file is an option too. The file is read first, then the
standard input, then the options; the last value of a directive counts. SHOAL_LOG or RUST_LOG in the
environment chooses the lines of the log by module, for example SHOAL_LOG=shoal::worker=debug.

Examples:
       shoal (run the server with default conf)
       echo 'maxmemory 128mb' | shoal -
       shoal /etc/shoal/6379.conf
       shoal --port 7777 --shards 2
       shoal --port 7777 --bind 127.0.0.1 -::1
       shoal /etc/shoal.conf --loglevel verbose -
       shoal --completion bash > /etc/bash_completion.d/shoal";

/// Directives that have effect, by topic, with what they do. In the order of the help.
const TOPICS: &[(&str, &[(&str, &str)])] = &[
    (
        "Shoal's own",
        &[
            ("shards", "Workers, each with its share of the keys; without it one for each CPU"),
            ("client-workers", "Workers that take clients, at most; 0 for all"),
            ("workers-by-load", "Whether keys and clients lie with as few workers as the load needs"),
            (
                "pipeline-order",
                "Whether a command of a pipeline waits for the one before it on another shard",
            ),
            ("turn-clock", "What the turns of workers are measured by"),
        ],
    ),
    (
        "Network and clients",
        &[
            ("bind", "Addresses to listen on; one with a '-' in front may be missing"),
            ("port", "TCP port; 0 for none"),
            ("unixsocket", "Path of a Unix socket to listen on"),
            ("unixsocketperm", "Its permissions, octal; 0 leaves them to the umask"),
            ("tcp-backlog", "Connections that may wait to be accepted"),
            ("tcp-keepalive", "Seconds without traffic before a client is probed; 0 for never"),
            ("timeout", "Seconds after which an idle client is closed; 0 for never"),
            ("maxclients", "The most clients at a time"),
            ("protected-mode", "Refuse clients from elsewhere while there is no password"),
            ("requirepass", "The password of the default user"),
            (
                "client-output-buffer-limit",
                "When a client that does not read is closed: class, hard, soft, seconds",
            ),
            ("client-query-buffer-limit", "The most a client may have sent without its being executed"),
            ("proto-max-bulk-len", "The longest argument and the longest string"),
            ("tracking-table-max-keys", "Keys remembered for clients that keep copies; 0 for any number"),
        ],
    ),
    (
        "Saving",
        &[
            ("save", "Save after so many seconds if there were so many changes; \"\" only when asked to"),
            ("dbfilename", "The file, in the working directory"),
            ("stop-writes-on-bgsave-error", "Refuse writes while the last save has failed"),
            ("rdbcompression", "Compress long strings in the file"),
            ("rdbchecksum", "Give the file a checksum, and look at it when it is read"),
            ("rdb-version", "The version of the file; auto is the oldest that holds everything"),
            ("rdb-version-loss", "What becomes of expires of hash fields that the version has no place for"),
            ("rdb-save-incremental-fsync", "Make the disk write while the file comes"),
            ("shutdown-on-sigint", "How SIGINT ends the server"),
            ("shutdown-on-sigterm", "How SIGTERM ends the server"),
        ],
    ),
    (
        "The process",
        &[
            ("databases", "Databases to SELECT from"),
            ("loglevel", "The least serious lines that are logged"),
            ("logfile", "File of the log; the standard output without it"),
            ("syslog-enabled", "Send the lines of the log to the system's log too"),
            ("syslog-ident", "The name under which they go there"),
            ("syslog-facility", "The facility under which they go there"),
            ("daemonize", "Run in the background"),
            ("supervised", "Who is to be told that the server is ready"),
            ("pidfile", "File that holds the number of the process"),
            ("set-proc-title", "Show where the server listens in the title of the process"),
        ],
    ),
    (
        "Protection",
        &[
            ("enable-protected-configs", "Who may change 'dir' and its like by CONFIG SET"),
            ("enable-debug-command", "Who may use DEBUG"),
        ],
    ),
    (
        "Memory",
        &[
            ("maxmemory", "The most memory to use before keys are evicted or writes refused; 0 for no limit"),
            ("maxmemory-policy", "Which keys are evicted"),
            ("maxmemory-samples", "Keys looked at for one eviction"),
            ("maxmemory-eviction-tenacity", "How long one command may evict, from 0 to 100"),
            ("lfu-log-factor", "How hard it is for the counter of a key's uses to grow"),
            ("lfu-decay-time", "Minutes after which that counter loses one; 0 for never"),
            ("lazyfree-lazy-expire", "Free big values that expire in later turns"),
            ("lazyfree-lazy-server-del", "Free big values that are overwritten in later turns"),
            ("lazyfree-lazy-user-del", "Have DEL free like UNLINK"),
            ("lazyfree-lazy-user-flush", "Have FLUSHALL and FLUSHDB free in later turns"),
        ],
    ),
    (
        "Encodings",
        &[
            ("hash-max-listpack-entries", "Fields of a hash that is kept packed"),
            ("hash-max-listpack-value", "Bytes of a field or value of a hash that is kept packed"),
            ("list-max-listpack-size", "Elements in a node of a list; -1 to -5 for 4 to 64 KB"),
            ("list-compress-depth", "Nodes at each end of a list that are not compressed; 0 compresses none"),
            ("set-max-intset-entries", "Members of a set of integers that is kept packed"),
            ("set-max-listpack-entries", "Members of a set that is kept packed"),
            ("set-max-listpack-value", "Bytes of a member of a set that is kept packed"),
            ("zset-max-listpack-entries", "Members of a sorted set that is kept packed"),
            ("zset-max-listpack-value", "Bytes of a member of a sorted set that is kept packed"),
            ("hll-sparse-max-bytes", "Bytes of a HyperLogLog that is kept sparse"),
            ("stream-node-max-bytes", "Bytes in a block of a stream"),
            ("stream-node-max-entries", "Entries in a block of a stream"),
        ],
    ),
    (
        "Events and files",
        &[
            ("notify-keyspace-events", "Letters of the events of keys that are published"),
            ("dir", "The working directory"),
        ],
    ),
];

/// The program's own options are the first argument, or nothing is. What is then to be printed.
///
/// # Errors
/// An option of the program that is not complete.
pub(super) fn own_option(args: &[OsString]) -> Option<Result<Action, ConfigError>> {
    let first = args.first()?.to_str()?;
    let name = first.split_once('=').map_or(first, |(name, _)| name);
    if !OWN_OPTIONS.contains(&name) {
        return None;
    }
    let mut command = command();
    let program = OsString::from(command.get_name());
    let action = match command.try_get_matches_from_mut(std::iter::once(&program).chain(args)) {
        Ok(matches) => match matches.get_one::<Shell>("completion") {
            Some(&shell) => Action::Print(completion(shell)),
            None => return None,
        },
        Err(error) if error.kind() == ErrorKind::DisplayVersion => Action::PrintVersion,
        Err(error) if error.kind() == ErrorKind::DisplayHelp => Action::Print(error.to_string()),
        Err(error) => return Some(Err(ConfigError::OwnOption(error.to_string()))),
    };
    Some(Ok(action))
}

/// The script that completes command lines in a shell.
fn completion(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "shoal", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The program as clap knows it.
fn command() -> Command {
    let topics = TOPICS.iter().flat_map(|(topic, lines)| lines.iter().map(move |line| (*topic, line)));
    let live = topics.filter_map(|(topic, (name, about))| {
        let directive = DIRECTIVES.iter().find(|directive| directive.name == *name)?;
        Some(option(directive).help(*about).help_heading(topic))
    });
    let idle = DIRECTIVES.iter().filter_map(|directive| match directive.class {
        Class::Idle(reason) => {
            let line = option(directive).help(format!("Because {reason}")).help_heading(IDLE);
            Some(line.hide_default_value(true).hide_possible_values(true))
        }
        _ => None,
    });
    let refused = DIRECTIVES.iter().filter_map(|directive| match directive.class {
        Class::Refused(refusal) => {
            let line = option(directive).help(refusal.reason).help_heading(REFUSED);
            Some(line.hide_possible_values(true))
        }
        _ => None,
    });
    Command::new("shoal")
        .version(env!("CARGO_PKG_VERSION"))
        .about(INTRODUCTION)
        .override_usage(USAGE)
        .after_help(CLOSING)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .value_parser(value_parser!(OsString))
                .value_hint(ValueHint::FilePath)
                .num_args(0..)
                .help("The configuration file; '-', here or at the end, for the standard input"),
        )
        .arg(Arg::new("help").short('h').long("help").action(ArgAction::HelpShort).help("Print this"))
        .arg(
            Arg::new("version")
                .short('v')
                .long("version")
                .action(ArgAction::Version)
                .help("Print the version"),
        )
        .arg(
            Arg::new("completion")
                .long("completion")
                .value_name("SHELL")
                .value_parser(value_parser!(Shell))
                .exclusive(true)
                .help("Print the script that completes command lines in a shell"),
        )
        .args(live)
        .args(idle)
        .args(refused)
}

/// A directive as an option with values.
fn option(directive: &Directive) -> Arg {
    let arg = Arg::new(directive.name)
        .long(directive.name)
        .value_name(directive.kind.placeholder())
        .action(ArgAction::Append)
        // `yes|no` says it already.
        .hide_possible_values(directive.kind.choices() == Some(&["yes", "no"]))
        .hide(directive.hidden);
    let arg = match directive.alias {
        Some(alias) => arg.alias(alias),
        None => arg,
    };
    let arg = match directive.default {
        "" => arg,
        default => arg.default_value(default),
    };
    match directive.kind.choices() {
        Some(words) => arg.value_parser(PossibleValuesParser::new(words)),
        None if directive.kind.takes_words() => arg.num_args(1..).value_parser(value_parser!(OsString)),
        None => arg.value_parser(value_parser!(OsString)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(args: &[&str]) -> String {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        match own_option(&args) {
            Some(Ok(Action::Print(text))) => text,
            other => panic!("{args:?}: {other:?}"),
        }
    }

    fn refusal(args: &[&str]) -> String {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        match own_option(&args) {
            Some(Err(error)) => error.to_string(),
            other => panic!("{args:?}: {other:?}"),
        }
    }

    #[test]
    fn clap_finds_no_contradiction_in_the_options() {
        command().debug_assert();
    }

    #[test]
    fn every_directive_with_effect_is_explained_once_and_no_other_is() {
        let mut explained: Vec<&str> =
            TOPICS.iter().flat_map(|(_, lines)| lines.iter().map(|(name, _)| *name)).collect();
        let is_shown = |directive: &&Directive| directive.class == Class::Live;
        let mut live: Vec<&str> =
            DIRECTIVES.iter().filter(is_shown).map(|directive| directive.name).collect();
        explained.sort_unstable();
        live.sort_unstable();
        assert_eq!(explained, live);
    }

    #[test]
    fn help_has_a_line_for_each_directive_that_is_not_hidden() {
        for word in ["-h", "--help"] {
            let help = print(&[word]);
            for directive in DIRECTIVES {
                let line = help
                    .lines()
                    .find(|line| line.trim_start().starts_with(&format!("--{} ", directive.name)));
                assert_eq!(line.is_some(), !directive.hidden, "{}", directive.name);
            }
            for heading in ["Usage:", "Network and clients:", "Memory:", "Examples:", "--completion <SHELL>"]
            {
                assert!(help.contains(heading), "{heading} in {help}");
            }
            assert!(help.contains("--port <NUMBER>") && help.contains("[default: 6379]"), "{help}");
        }
    }

    #[test]
    fn help_offers_nothing_that_the_start_refuses() {
        assert!(!print(&["--help"]).to_lowercase().contains("sentinel"));
    }

    #[test]
    fn every_shell_gets_a_script_with_options_and_their_values() {
        for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
            let script = print(&["--completion", shell]);
            for word in ["maxmemory-policy", "zset-max-listpack-value", "completion"] {
                assert!(script.contains(word), "{word} for {shell}");
            }
        }
        assert!(print(&["--completion=bash"]).contains("volatile-lru"));
    }

    #[test]
    fn an_own_option_that_is_not_complete_names_what_was_expected() {
        for args in [&["--completion"][..], &["--completion", "ksh"]] {
            let error = refusal(args);
            assert!(error.contains("--completion <SHELL>"), "{error}");
            assert!(error.contains("[possible values: bash, elvish, fish, powershell, zsh]"), "{error}");
        }
        let error = refusal(&["--completion", "bash", "--port", "1"]);
        assert!(error.contains("cannot be used with"), "{error}");
    }

    #[test]
    fn only_the_first_argument_is_one_of_the_own_options() {
        for args in
            [&[][..], &["--port", "1", "--help"], &["--completions"], &["x.conf", "-v"], &["--helpful"]]
        {
            let args: Vec<OsString> = args.iter().map(OsString::from).collect();
            assert!(own_option(&args).is_none(), "{args:?}");
        }
    }
}
