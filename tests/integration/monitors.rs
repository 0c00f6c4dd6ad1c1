//! What monitors and diagnosing clients read: INFO, MEMORY USAGE, and CLUSTER of a node that is in no
//! cluster.

use testkit::Client;

use crate::scene::{dialogue, eventually, is_oracle, skip_if, start, with_shards};

/// A field of INFO.
fn field(client: &mut Client, name: &str) -> Option<String> {
    let text = client.ask("INFO everything").text();
    let field = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    field.map(|value| value.trim_end().to_owned())
}

/// Fields that exporters, dashboards and orchestrators look for, and what they say of a node that is as new,
/// where that is the same everywhere.
const FIELDS: &[(&str, Option<&str>)] = &[
    ("process_supervised", Some("no")),
    ("uptime_in_seconds", None),
    ("lru_clock", None),
    ("used_memory_rss", None),
    ("total_system_memory", None),
    ("mem_clients_normal", None),
    ("mem_fragmentation_ratio", None),
    ("number_of_cached_scripts", Some("0")),
    ("loading", Some("0")),
    ("async_loading", Some("0")),
    ("rdb_changes_since_last_save", Some("0")),
    ("rdb_bgsave_in_progress", Some("0")),
    ("rdb_last_save_time", None),
    ("rdb_last_bgsave_status", Some("ok")),
    ("aof_enabled", Some("0")),
    ("aof_last_write_status", Some("ok")),
    ("instantaneous_ops_per_sec", None),
    ("instantaneous_input_kbps", None),
    ("instantaneous_output_kbps", None),
    ("sync_full", Some("0")),
    ("latest_fork_usec", Some("0")),
    ("total_error_replies", Some("0")),
    ("role", Some("master")),
    ("master_failover_state", Some("no-failover")),
    ("repl_backlog_size", Some("1048576")),
    ("used_cpu_sys_children", Some("0.000000")),
    ("cluster_enabled", Some("0")),
];

#[test]
fn info_has_what_monitors_read() {
    let server = start(2, "");
    let mut client = server.client();
    for (name, expected) in FIELDS {
        let value = field(&mut client, name).unwrap_or_else(|| panic!("INFO has no {name}"));
        assert!(expected.is_none_or(|expected| value == expected), "{name}:{value}");
    }
}

#[test]
fn errors_are_counted_once_wherever_they_arise() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        let strings: Vec<String> = (0..30).map(|number| format!("SET key{number} x")).collect();
        for line in &strings {
            client.ask(line);
        }
        for number in 0..30 {
            assert!(client.ask(&format!("LPUSH key{number} x")).is_error());
        }
        for line in [
            "NOSUCH",
            "GET",
            "FLUSHALL NOSUCH",
            "SWAPDB 0 100000",
            "MULTI",
            "INCR key1",
            "LPUSH key2 x",
            "EXEC",
        ] {
            client.ask(line);
        }
        // The two within the transaction count too.
        assert_eq!(field(&mut client, "total_error_replies").unwrap(), "36", "with {shards} shards");
        assert_eq!(field(&mut client, "errorstat_WRONGTYPE").unwrap(), "count=31");
        assert_eq!(field(&mut client, "errorstat_ERR").unwrap(), "count=5");
        client.ask("CONFIG RESETSTAT");
        assert_eq!(field(&mut client, "total_error_replies").unwrap(), "0");
        assert_eq!(field(&mut client, "errorstat_ERR"), None);
    });
}

#[test]
fn the_rate_of_commands_rises_and_falls() {
    let server = start(2, "");
    let mut client = server.client();
    let rate =
        |client: &mut Client| field(client, "instantaneous_ops_per_sec").unwrap().parse::<u64>().unwrap();
    let pipeline: Vec<[&str; 2]> = (0..1000).map(|_| ["GET", "a"]).collect();
    eventually("many commands a second are seen", || {
        client.pipeline(&pipeline);
        rate(&mut client) > 100
    });
    eventually("that is over", || {
        std::thread::sleep(std::time::Duration::from_millis(100));
        rate(&mut client) < 50
    });
}

#[test]
fn the_memory_of_a_key_is_told_wherever_it_is() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        for number in 0..10 {
            client.cmd(&["SET", &format!("key{number}"), &"x".repeat(100_000)]);
            let bytes = client.ask(&format!("MEMORY USAGE key{number} SAMPLES 0")).as_int().unwrap();
            assert!((100_000..140_000).contains(&bytes), "{bytes}");
        }
        dialogue(
            &mut client,
            &[
                ("MEMORY USAGE nosuch", "(nil) as a bulk string"),
                ("MEMORY USAGE key1 SAMPLES", "(error) ERR syntax error"),
                ("MEMORY USAGE key1 SAMPLES -1", "(error) ERR syntax error"),
                ("MEMORY USAGE key1 SAMPLES x", "(error) ERR value is not an integer or out of range"),
                ("MEMORY USAGE", "(error) ERR wrong number of arguments for 'memory|usage' command"),
                ("MEMORY NOSUCH", "(error) ERR unknown subcommand 'NOSUCH'. Try MEMORY HELP."),
            ],
        );
    });
}

#[test]
fn a_node_without_cluster_mode_says_so() {
    let server = start(2, "");
    const DISABLED: &str = "(error) ERR This instance has cluster support disabled";
    let mut client = server.client();
    for line in [
        "CLUSTER INFO",
        "CLUSTER SLOTS",
        "CLUSTER SHARDS",
        "CLUSTER NODES",
        "CLUSTER HELP",
        "CLUSTER KEYSLOT a",
        "CLUSTER MEET 127.0.0.1 7000",
        "READONLY",
        "READWRITE",
        "ASKING",
    ] {
        dialogue(&mut client, &[(line, DISABLED)]);
    }
    dialogue(
        &mut client,
        &[
            ("CLUSTER", "(error) ERR wrong number of arguments for 'cluster' command"),
            ("CLUSTER KEYSLOT", "(error) ERR wrong number of arguments for 'cluster|keyslot' command"),
            ("CLUSTER NOSUCH", "(error) ERR unknown subcommand 'NOSUCH'. Try CLUSTER HELP."),
            ("READONLY x", "(error) ERR wrong number of arguments for 'readonly' command"),
            ("MULTI", "OK"),
            ("CLUSTER INFO", "QUEUED"),
            ("EXEC", "1) (error) ERR This instance has cluster support disabled"),
        ],
    );
    if !skip_if(is_oracle(), "redis-server 7.0 has no such subcommand") {
        dialogue(&mut client, &[("CLUSTER MYSHARDID", DISABLED)]);
    }
}
