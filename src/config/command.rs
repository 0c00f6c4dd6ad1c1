//! CONFIG GET, SET and REWRITE as functions of the configuration, with the errors that the client sees.
//!
//! Semantics and texts are those of Redis 7, byte for byte. This file must not know connections or workers:
//! who calls [`set`] makes the new configuration effective, or refuses it.

use std::io;

use shards::args::Args;
use shards::error::CommandError;
use shards::glob;

use super::directive::Directive;
use super::file::idle;
use super::params::{self, DIRECTIVES};
use super::settings::Config;
use super::words::error_text;

/// CONFIG GET: names and values of the directives that at least one of `patterns` fits, in the table's order
/// and each once. Aliases count as directives.
///
/// A pattern without any of `[*?` is a name: it is replied as the client has spelled it, and finds hidden
/// directives too. Patterns and names are compared without regard to case.
pub fn get(config: &Config, patterns: Args<'_>) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for directive in DIRECTIVES {
        for name in [Some(directive.name), directive.alias].into_iter().flatten() {
            let shown = patterns.iter_from(0).find_map(|pattern| shown_name(directive, name, pattern));
            if let Some(shown) = shown {
                found.push((shown, directive.get(config)));
            }
        }
    }
    found
}

/// The name to reply when the pattern fits the directive's `name`.
fn shown_name(directive: &Directive, name: &str, pattern: &[u8]) -> Option<String> {
    if !pattern.iter().any(|byte| b"[*?".contains(byte)) {
        let spelled = std::str::from_utf8(pattern).ok()?;
        return spelled.eq_ignore_ascii_case(name).then(|| spelled.to_owned());
    }
    let fits = !directive.hidden && glob::matches_nocase(pattern, name.as_bytes());
    fits.then(|| name.to_owned())
}

/// CONFIG SET: the configuration with all pairs of `pairs` set. On error none is.
///
/// `client_is_local` says whether the client came over a loopback address or the Unix socket; it matters for
/// directives under `enable-protected-configs local`.
pub fn set(config: &Config, pairs: Args<'_>, client_is_local: bool) -> Result<Config, CommandError> {
    if !pairs.len().is_multiple_of(2) {
        return Err(CommandError::Syntax);
    }
    let found = find_all(config, pairs, client_is_local)?;
    let mut new = config.clone();
    for (pair, (directive, name)) in found.into_iter().enumerate() {
        let value = pairs.get(pair * 2 + 1);
        let words: Vec<&[u8]> = match directive.kind.takes_words() {
            true if value.is_empty() => Vec::new(),
            true => value.split(|&byte| byte == b' ').collect(),
            false => vec![value],
        };
        // A new list of points replaces the old one; only in a file do they accumulate.
        if directive.name == "save" {
            directive.set(&mut new, &[b""]).map_err(|reason| refusal(name.as_bytes(), &reason))?;
        }
        directive.set(&mut new, &words).map_err(|reason| refusal(name.as_bytes(), &reason))?;
        if let Some(reason) = directive.refusal(&new) {
            return Err(refusal(name.as_bytes(), reason));
        }
    }
    Ok(new)
}

/// Lines for the log about directives that have no effect, and that have in `new` another value than in
/// `old`. Those that `is_new` does not find new are left out.
pub fn newly_idle(old: &Config, new: &Config, mut is_new: impl FnMut(&'static str) -> bool) -> Vec<String> {
    let changed =
        DIRECTIVES.iter().filter(|directive| directive.is_idle() && directive.get(old) != directive.get(new));
    idle(changed.filter(|directive| is_new(directive.name)))
}

/// What CONFIG REWRITE says when the server was started without a file.
pub fn without_file() -> CommandError {
    CommandError::other("ERR The server is running without a config file")
}

/// What CONFIG REWRITE says when the file could not be written.
pub fn rewrite_failed(error: &io::Error) -> CommandError {
    CommandError::other(format!("ERR Rewriting config file: {}", error_text(error)))
}

/// Looks up the names of all pairs and checks that these may be set. An unknown name comes before all other
/// errors that are found after it, as in Redis.
fn find_all(
    config: &Config,
    pairs: Args<'_>,
    client_is_local: bool,
) -> Result<Vec<(&'static Directive, &'static str)>, CommandError> {
    let mut found: Vec<(&Directive, &str)> = Vec::with_capacity(pairs.len() / 2);
    for index in (0..pairs.len()).step_by(2) {
        let given = pairs.get(index);
        let Some((directive, name)) = params::lookup(given) else {
            let given = String::from_utf8_lossy(given);
            let text = format!("ERR Unknown option or number of arguments for CONFIG SET - '{given}'");
            return Err(CommandError::other(text));
        };
        if directive.immutable {
            return Err(refusal(given, "can't set immutable config"));
        }
        if directive.protected && !may_set_protected(config, client_is_local) {
            return Err(refusal(given, "can't set protected config"));
        }
        if found.iter().any(|(_, earlier)| *earlier == name) {
            return Err(refusal(given, "duplicate parameter"));
        }
        found.push((directive, name));
    }
    Ok(found)
}

fn may_set_protected(config: &Config, client_is_local: bool) -> bool {
    match config.kept.get("enable-protected-configs").map(Vec::as_slice) {
        Some(b"yes") => true,
        Some(b"local") => client_is_local,
        _ => false,
    }
}

fn refusal(name: &[u8], reason: &str) -> CommandError {
    let name = String::from_utf8_lossy(name);
    CommandError::other(format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}"))
}

#[cfg(test)]
mod tests {
    use shards::args::OwnedArgs;

    use super::*;

    const NO_MIN_REPLICAS: &str =
        "This version has no replicas, so it cannot refuse writes for want of copies of them.";

    fn owned(words: &[&str]) -> OwnedArgs {
        words.iter().collect()
    }

    fn values(config: &Config, patterns: &[&str]) -> Vec<(String, String)> {
        let pairs = get(config, owned(patterns).as_args());
        pairs.into_iter().map(|(name, value)| (name, String::from_utf8(value).unwrap())).collect()
    }

    fn names(patterns: &[&str]) -> Vec<String> {
        values(&Config::default(), patterns).into_iter().map(|(name, _)| name).collect()
    }

    fn set_all(config: &Config, pairs: &[&str]) -> Result<Config, String> {
        set(config, owned(pairs).as_args(), false).map_err(|error| error.text().into_owned())
    }

    #[test]
    fn get_finds_by_several_patterns_each_name_once_in_table_order() {
        assert_eq!(names(&["timeout", "port"]), ["port", "timeout"]);
        assert_eq!(names(&["MAXMEMORY-S*", "maxmemory-samples"]), ["maxmemory-samples"]);
        assert_eq!(names(&["*-max-ziplist-value"]), ["hash-max-ziplist-value", "zset-max-ziplist-value"]);
        assert_eq!(names(&["nothing-like-that", "x*"]), [""; 0]);
        assert_eq!(names(&[]), [""; 0]);
    }

    #[test]
    fn get_shows_a_name_as_the_client_spelled_it() {
        assert_eq!(names(&["HZ", "hz", "H?"]), ["HZ"]);
        assert_eq!(names(&["H?", "HZ"]), ["hz"]);
    }

    #[test]
    fn get_shows_hidden_directives_only_by_name() {
        assert_eq!(names(&["watchdog-period"]), ["watchdog-period"]);
        assert_eq!(names(&["watchdog*"]), [""; 0]);
    }

    #[test]
    fn set_changes_all_or_nothing() {
        let old = Config::default();
        let new = set_all(&old, &["TIMEOUT", "7", "maxmemory", "1gb", "slave-priority", "3"]).unwrap();
        assert_eq!(new.timeout_s, 7);
        assert_eq!(values(&new, &["maxmemory"])[0].1, "1073741824");
        assert_eq!(values(&new, &["replica-priority"])[0].1, "3");
        assert_eq!(
            set_all(&old, &["timeout", "7", "maxclients", "0"]).unwrap_err(),
            "ERR CONFIG SET failed (possibly related to argument 'maxclients') - \
             argument must be between 1 and 4294967295 inclusive"
        );
    }

    #[test]
    fn set_refuses_in_the_words_of_redis() {
        let failed = |name: &str, reason: &str| {
            format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}")
        };
        let unknown = "ERR Unknown option or number of arguments for CONFIG SET - 'foo'".to_string();
        for (pairs, expected) in [
            (&["foo", "1"][..], unknown.clone()),
            (&["foo", "1", "daemonize", "yes"], unknown),
            (&["hz", "1", "foo"], "ERR syntax error".to_string()),
            (&["Daemonize", "yes"], failed("Daemonize", "can't set immutable config")),
            (&["dir", "/"], failed("dir", "can't set protected config")),
            (&["hz", "1", "HZ", "2"], failed("HZ", "duplicate parameter")),
            (&["APPENDONLY", "1"], failed("appendonly", "argument must be 'yes' or 'no'")),
            (&["timeout", "abc"], failed("timeout", "argument couldn't be parsed into an integer")),
            (
                &["appendonly", "yes"],
                failed(
                    "appendonly",
                    "This version has no append-only file, so all keys are lost when the server ends.",
                ),
            ),
            (&["min-slaves-to-write", "1"], failed("min-slaves-to-write", NO_MIN_REPLICAS)),
            (&["save", "60"], failed("save", "Invalid save parameters")),
            (&["save", " 60 1"], failed("save", "Invalid save parameters")),
            (
                &["client-output-buffer-limit", "normal  1 1 1"],
                failed(
                    "client-output-buffer-limit",
                    "Wrong number of arguments in buffer limit configuration.",
                ),
            ),
        ] {
            assert_eq!(set_all(&Config::default(), pairs).unwrap_err(), expected, "{pairs:?}");
        }
    }

    #[test]
    fn set_takes_what_asks_for_nothing_and_clears_bind() {
        let config = set_all(&Config::default(), &["save", "", "appendonly", "no", "bind", ""]).unwrap();
        assert_eq!(values(&config, &["save"])[0].1, "");
        assert_eq!(config.bind, [""; 0]);
        let config = set_all(&config, &["bind", "127.0.0.1 -::1"]).unwrap();
        assert_eq!(config.bind, ["127.0.0.1", "-::1"]);
    }

    #[test]
    fn what_was_set_without_effect_is_told_by_reason() {
        let old = Config::default();
        let new =
            set_all(&old, &["hz", "50", "dynamic-hz", "no", "timeout", "5", "repl-timeout", "9"]).unwrap();
        let hz = "Configuration without effect: hz, dynamic-hz, because there is no periodic job whose rate \
            it could set.";
        let repl = "Configuration without effect: repl-timeout, because there is no replication.";
        assert_eq!(newly_idle(&old, &new, |_| true), [hz, repl]);
        assert_eq!(newly_idle(&old, &new, |name| name == "repl-timeout"), [repl]);
        assert_eq!(newly_idle(&new, &new, |_| true), [""; 0]);
    }

    #[test]
    fn protected_directives_open_to_everybody_or_to_local_clients() {
        let mut config = Config::default();
        let (directive, _) = params::lookup(b"enable-protected-configs").unwrap();
        let pairs = owned(&["dbfilename", "x.rdb"]);
        directive.set(&mut config, &[b"local"]).unwrap();
        assert!(set(&config, pairs.as_args(), true).is_ok());
        assert!(set(&config, pairs.as_args(), false).is_err());
        directive.set(&mut config, &[b"yes"]).unwrap();
        assert!(set(&config, pairs.as_args(), false).is_ok());
    }

    #[test]
    fn values_may_hold_any_bytes() {
        let mut pairs = owned(&["requirepass"]);
        pairs.push(b"\xff\0 x");
        let config = set(&Config::default(), pairs.as_args(), false).unwrap();
        assert_eq!(config.requirepass, b"\xff\0 x");
        assert_eq!(get(&config, owned(&["requirepass"]).as_args())[0].1, b"\xff\0 x");
    }
}
