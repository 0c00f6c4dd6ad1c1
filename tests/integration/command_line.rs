//! The command line and the configuration file: what is taken, and how a mistake is shown.

use std::net::Ipv4Addr;
use std::process::Command;

use testkit::port::PortLease;
use testkit::{Client, TempDir, Value};

use crate::bare::Bare;
use crate::scene::{dialogue, is_oracle, skip_if, start};

/// Runs the program with the given words, which must end it with an error, and returns what it printed.
#[track_caller]
fn refusal(words: &[&str]) -> String {
    let (code, output) = Bare::run(TempDir::new().unwrap(), words);
    assert_ne!(code, 0, "{words:?}: {output}");
    output
}

#[test]
fn a_mistake_in_a_directive_is_shown_with_its_reason() {
    for (words, shown, reason) in [
        (["--nosuch", "1"].as_slice(), "nosuch \"1\"", "Bad directive or wrong number of arguments"),
        (&["--nosuch"], "nosuch", "Bad directive or wrong number of arguments"),
        (&["--TIMEOUT x"], "TIMEOUT x", "argument couldn't be parsed into an integer"),
        (&["--timeout", "a \"b\\"], "timeout \"a \\\"b\\\\\"", "argument couldn't be parsed into an integer"),
        (
            &["--timeout", "--maxclients"],
            "timeout \"--maxclients\"",
            "argument couldn't be parsed into an integer",
        ),
        (&["--maxclients", "abc"], "maxclients \"abc\"", "argument couldn't be parsed into an integer"),
        (&["--maxclients", "0"], "maxclients \"0\"", "argument must be between 1 and 4294967295 inclusive"),
        (&["--maxclients"], "maxclients", "wrong number of arguments"),
        (&["--maxclients", "1", "2"], "maxclients \"1\" \"2\"", "wrong number of arguments"),
        (&["--port", "99999"], "port \"99999\"", "argument must be between 0 and 65535 inclusive"),
        (&["--port", "-1"], "port \"-1\"", "argument must be between 0 and 65535 inclusive"),
        (&["--timeout", "-1"], "timeout \"-1\"", "argument must be between 0 and 2147483647 inclusive"),
        (&["--databases", "0"], "databases \"0\"", "argument must be between 1 and 2147483647 inclusive"),
        (&["--protected-mode", "maybe"], "protected-mode \"maybe\"", "argument must be 'yes' or 'no'"),
        (
            &["--unixsocketperm", "999"],
            "unixsocketperm \"999\"",
            "argument couldn't be parsed as an octal number",
        ),
        (
            &["--proto-max-bulk-len", "1"],
            "proto-max-bulk-len \"1\"",
            "argument must be between 1048576 and 9223372036854775807 inclusive",
        ),
        (&["--proto-max-bulk-len", "1zb"], "proto-max-bulk-len \"1zb\"", "argument must be a memory value"),
        (
            &["--client-output-buffer-limit", "normal", "1x", "0", "0"],
            "client-output-buffer-limit \"normal\" \"1x\" \"0\" \"0\"",
            "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
        ),
    ] {
        // A port first, so that nothing listens should the mistake be overlooked, and the server runs into
        // the wait.
        let output = refusal(&[&["--port", "0"], words].concat());
        assert!(output.contains("FATAL CONFIG FILE ERROR"), "{words:?}: {output}");
        assert!(output.contains(&format!("\n>>> '{shown}'\n")), "{shown} in {output}");
        // Shoal has its own upper bounds of some numbers.
        let reason = reason.split_once(" and ").filter(|_| !is_oracle()).map_or(reason, |(start, _)| start);
        assert!(output.contains(reason), "{reason} in {output}");
    }
}

#[test]
fn a_wrong_number_of_shards_is_an_error_that_names_it() {
    for value in ["0", "-1", "abc", "1000000"] {
        let output = refusal(&["--port", "0", "--shards", value]);
        assert!(output.contains("shards"), "{output}");
        if !is_oracle() {
            assert!(output.contains(value), "{output}");
        }
    }
}

/// Writes a configuration file and returns the folder it is in.
fn with_config(name: &str, text: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join(name), text).unwrap();
    folder
}

#[test]
fn a_mistake_in_a_file_is_shown_with_its_line() {
    for (text, line, shown, reason) in [
        ("# comment\nport 0\n\nnosuch 12\n", 4, "nosuch 12", "Bad directive or wrong number of arguments"),
        ("port 0\nmaxclients abc\n", 2, "maxclients abc", "argument couldn't be parsed into an integer"),
        (
            "port 0\n\n\nlogfile \"abc\ntimeout 1\n",
            4,
            "logfile \"abc",
            "Unbalanced quotes in configuration line",
        ),
        ("timeout 1 2\nport 0\n", 1, "timeout 1 2", "wrong number of arguments"),
    ] {
        let (code, output) = Bare::run(with_config("my.conf", text), &["my.conf"]);
        assert_ne!(code, 0, "{output}");
        assert!(output.contains(&format!("at line {line}\n>>> '{shown}'\n{reason}")), "{output}");
        if !is_oracle() {
            assert!(output.contains("my.conf"), "the file is named: {output}");
        }
    }
}

#[test]
fn a_mistake_in_an_included_file_is_shown_with_the_line_there() {
    let folder = with_config("my.conf", "port 0\ninclude more.conf\n");
    std::fs::write(folder.path().join("more.conf"), "# one\n# two\nmaxclients abc\n").unwrap();
    let (code, output) = Bare::run(folder, &["my.conf"]);
    assert_ne!(code, 0, "{output}");
    assert!(output.contains("at line 3\n>>> 'maxclients abc'"), "{output}");
    if !is_oracle() {
        assert!(output.contains("more.conf"), "the file is named: {output}");
    }
}

#[test]
fn a_missing_file_is_an_error_that_names_it() {
    let output = refusal(&["nosuch.conf"]);
    assert!(output.contains("Fatal error, can't open config file"), "{output}");
    assert!(output.contains("nosuch.conf': No such file or directory"), "{output}");
}

#[test]
fn a_file_is_read_and_the_command_line_overrides_it() {
    let lease = PortLease::take().unwrap();
    let port = lease.port();
    let text = format!(
        "# A node.\n  PORT   {port}  \nbind 127.0.0.1\nmaxclients 123\ntimeout 77\n\nrequirepass \"a \\\"b\\\" \\x63\"\n\
         client-output-buffer-limit normal 1mb 2kb 3\nproto-max-bulk-len 2mb\ntcp-keepalive '60'\n{}",
        if is_oracle() { "save \"\"\n" } else { "shards 2\n" }
    );
    let mut server = Bare::spawn(with_config("my.conf", &text), &["my.conf", "--maxclients", "45"]);
    server.wait_until_ready();
    let mut client = Client::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    assert_eq!(client.cmd(&["AUTH", "a \"b\" c"]), Value::ok());
    let limits = "1) \"client-output-buffer-limit\"\n2) \"normal 1048576 2048 3 slave 268435456 67108864 60 pubsub \
                  33554432 8388608 60\"";
    dialogue(
        &mut client,
        &[
            ("CONFIG GET maxclients", "1) \"maxclients\"\n2) \"45\""),
            ("CONFIG GET timeout", "1) \"timeout\"\n2) \"77\""),
            ("CONFIG GET tcp-keepalive", "1) \"tcp-keepalive\"\n2) \"60\""),
            ("CONFIG GET proto-max-bulk-len", "1) \"proto-max-bulk-len\"\n2) \"2097152\""),
            ("CONFIG GET client-output-buffer-limit", limits),
        ],
    );
    assert!(server.folder().join("my.conf").exists());
}

#[test]
fn the_command_line_takes_the_last_of_two_values() {
    let server = start(2, "--maxclients 10 --timeout 5 --maxclients 20");
    dialogue(&mut server.client(), &[("CONFIG GET maxclients", "1) \"maxclients\"\n2) \"20\"")]);
}

#[test]
fn the_version_is_printed_in_one_line() {
    for word in ["--version", "-v"] {
        let (code, output) = Bare::run(TempDir::new().unwrap(), &[word]);
        assert_eq!(code, 0, "{output}");
        assert!(output.contains("server v="), "{output}");
        assert_eq!(output.lines().count(), 1, "{output}");
        if !is_oracle() {
            assert!(output.to_lowercase().contains("shoal"), "{output}");
            assert!(output.contains(env!("CARGO_PKG_VERSION")), "{output}");
            assert!(output.contains(" redis_version=7.2."), "what clients are told: {output}");
        }
    }
}

#[test]
fn help_shows_how_to_start() {
    for word in ["--help", "-h"] {
        let (_, output) = Bare::run(TempDir::new().unwrap(), &[word]);
        assert!(output.contains("Usage:"), "{output}");
        assert!(output.contains("--port"), "{output}");
        if !is_oracle() {
            for shown in ["--shards", "--maxmemory-policy", "--completion <SHELL>", "SHOAL_LOG"] {
                assert!(output.contains(shown), "{output}");
            }
        }
    }
}

#[test]
fn what_cannot_be_printed_is_an_error() {
    if skip_if(is_oracle(), "Redis does not look") {
        return;
    }
    for words in [&["--help"][..], &["--version"], &["--completion", "bash"]] {
        let mut program = Command::new(testkit::binary::shoal(option_env!("CARGO_BIN_EXE_shoal")));
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = program.args(words).stdout(full).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{words:?}: {error}");
        assert!(error.starts_with("Could not write to the standard output: No space left"), "{error}");
    }
}

#[test]
fn a_shell_completes_directives_and_their_values() {
    if skip_if(is_oracle(), "Redis has no such script") {
        return;
    }
    let folder = TempDir::new().unwrap();
    let (code, script) = Bare::run(TempDir::new().unwrap(), &["--completion", "bash"]);
    assert_eq!(code, 0, "{script}");
    std::fs::write(folder.path().join("shoal.bash"), script).unwrap();
    for (words, expected) in [
        ("--maxmemory-p", "--maxmemory-policy\n"),
        ("--compl", "--completion\n"),
        ("--loglevel verb", "verbose\n"),
        ("--completion z", "zsh\n"),
    ] {
        let line: Vec<&str> = words.split(' ').collect();
        let typed = line.last().unwrap();
        let before = line.len().checked_sub(2).map_or("shoal", |index| line[index]);
        let lines = format!(
            "source ./shoal.bash; COMP_WORDS=(shoal {words}); COMP_CWORD={}; _shoal shoal '{typed}' '{before}'; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            line.len()
        );
        let output = Command::new("bash").args(["-c", &lines]).current_dir(folder.path()).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{words}: {output:?}");
    }
}

#[test]
fn a_shell_that_is_not_known_is_an_error_that_names_those_that_are() {
    if skip_if(is_oracle(), "Redis has no such option") {
        return;
    }
    for words in [&["--completion"][..], &["--completion", "ksh"]] {
        let output = refusal(words);
        assert!(output.contains("--completion <SHELL>") && output.contains("bash"), "{output}");
    }
    // Behind other words it is a directive like any other.
    assert!(refusal(&["--port", "0", "--completion", "bash"]).contains("Bad directive"));
}

#[test]
fn a_password_of_the_command_line_is_not_shown_to_other_users() {
    let server = start(2, "--requirepass topsecret");
    // It is answered, so the start is over.
    dialogue(&mut server.client(), &[("PING", "(error) NOAUTH Authentication required.")]);
    let title = std::fs::read_to_string(format!("/proc/{}/cmdline", server.pid())).unwrap();
    assert!(!title.contains("topsecret"), "{title}");
    assert!(title.contains(&server.port().to_string()), "{title}");
}
