//! Tests of the table of directives.

use std::collections::HashSet;
use std::path::PathBuf;

use super::*;

#[test]
fn every_name_and_alias_is_there_once() {
    let mut names = HashSet::new();
    for directive in DIRECTIVES {
        for name in [Some(directive.name), directive.alias].into_iter().flatten() {
            assert!(names.insert(name), "{name} is there twice");
            assert_eq!(lookup(name.to_uppercase().as_bytes()).map(|found| found.1), Some(name));
        }
    }
}

#[test]
fn the_default_in_the_table_is_the_default_of_the_field_and_a_value_of_its_kind() {
    for directive in DIRECTIVES.iter().filter(|directive| directive.name != "dir") {
        let default = directive.default.as_bytes();
        assert_eq!(directive.get(&Config::default()).escape_ascii().to_string(), directive.default);
        let words: Vec<&[u8]> = match directive.kind.takes_words() {
            true => default.split(|&byte| byte == b' ').filter(|word| !word.is_empty()).collect(),
            false => vec![default],
        };
        // `replicaof` has no spelling for its default, and that of `save` is an empty word.
        if !["save", "replicaof"].contains(&directive.name) {
            let parsed = directive.kind.parse(default, &words);
            assert_eq!(parsed.as_deref(), Ok(default), "{}", directive.name);
        }
    }
}

#[test]
fn setting_a_value_to_its_default_leaves_an_equal_configuration() {
    let (directive, _) = lookup(b"maxmemory").unwrap();
    let mut config = Config::default();
    directive.set(&mut config, &[b"1gb"]).unwrap();
    assert!(directive.is_changed(&config) && directive.get(&config) == b"1073741824");
    directive.set(&mut config, &[b"0"]).unwrap();
    assert_eq!(config, Config::default());
}

#[test]
fn live_values_arrive_in_their_fields() {
    let mut config = Config::default();
    for (name, words) in [
        ("bind", &["127.0.0.1", "-::1"][..]),
        ("unixsocket", &["/run/shoal.sock"]),
        ("unixsocketperm", &["700"]),
        ("client-query-buffer-limit", &["2mb"]),
        ("client-output-buffer-limit", &["pubsub", "2k", "1k", "9"]),
        ("loglevel", &["WARNING"]),
        ("pipeline-order", &["strict"]),
        ("turn-clock", &["cpu"]),
        ("protected-mode", &["no"]),
        ("logfile", &["a b"]),
    ] {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        lookup(name.as_bytes()).unwrap().0.set(&mut config, &words).unwrap();
    }
    assert_eq!(config.bind, ["127.0.0.1", "-::1"]);
    assert_eq!(config.unixsocket, Some(PathBuf::from("/run/shoal.sock")));
    assert_eq!(config.unixsocketperm, 0o700);
    assert_eq!(config.client_query_buffer_limit_bytes, 2 << 20);
    let limit = OutputLimit { hard_bytes: 2000, soft_bytes: 1000, soft_s: 9 };
    assert_eq!(config.client_output_buffer_limit[2], limit);
    assert_eq!(config.client_output_buffer_limit[..2], Config::default().client_output_buffer_limit[..2]);
    assert_eq!(config.loglevel, LogLevel::Warning);
    assert!(config.pipeline_order_strict && config.turn_clock_cpu && !config.protected_mode);
    assert_eq!(config.logfile, PathBuf::from("a b"));
}
