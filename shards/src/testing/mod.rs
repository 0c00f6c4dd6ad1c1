//! What tests of commands stand on: a script of commands, run under a virtual clock, its replies as one line.
//!
//! ```text
//! check("SET a 1 PX 10 | INCR a | SLEEP 10 | GET a", "OK | :2 | (nil)");
//! ```
//!
//! *Script.* Commands stand between ` | `, arguments between spaces. An argument in double quotes may hold
//! any byte (`\n`, `\r`, `\t`, `\"`, `\\`, `\xHH`), and `"ab"*1000` is a thousand times `ab`. Besides the
//! data commands there are `SLEEP ms`, which advances the clock, `RESP 2` or `RESP 3`, which choose the
//! protocol, and `DB n`, which selects a database: none replies. The probes look behind the commands:
//! `PROBE.KIND key` (how the value is stored) and `PROBE.EXPIRE key` (when it expires, in milliseconds since
//! 1970, or -1).
//!
//! *Replies.* A bulk string is bare where that is clear, else in double quotes; a simple string is bare. The
//! others bear their mark of the wire: `:1`, `-ERR text`, `,1.5`, `#t`, `=txt:text`. No value is `(nil)`, no
//! array `(nil array)`; `[...]` is an array, `{...}` a map, `<...>` a set, `>[...]` a push message.
//!
//! This file must not know what any command does.

mod commands;
#[cfg(test)]
mod history;
#[cfg(test)]
mod model;
pub mod node;

#[cfg(test)]
mod simulation;

pub(crate) use commands::lookup;
pub use commands::registry;
use node::Node;

use crate::args::{ArgValue, Args, BLOB_LEN_MIN, Blob, OwnedArgs};
use crate::key::DbIndex;
use crate::random::Random;
use crate::reply::Reply;
use crate::shard::Shard;
use crate::slot::ShardId;

/// The time at which every script starts, in milliseconds since 1970.
pub const START_MS: u64 = 1_000_000;

/// The numbers of shards on which [`check`] runs each script: what a script replies must not depend on them.
const SHARD_COUNTS: [usize; 2] = [1, 3];

/// Runs a script in a fresh sandbox of one shard and in one of several, and compares what it replies.
///
/// # Panics
/// When the replies are not `expected`, or the script is no script.
#[track_caller]
pub fn check(script: &str, expected: &str) {
    for shard_count in SHARD_COUNTS {
        let replies = Sandbox::of_shards(shard_count).run(script);
        assert_eq!(replies, expected, "replies on {shard_count} shards of: {script}");
    }
}

/// The same in a sandbox that the test has prepared.
#[track_caller]
pub fn check_in(sandbox: &mut Sandbox, script: &str, expected: &str) {
    assert_eq!(sandbox.run(script), expected, "replies of: {script}");
}

/// Shards under a virtual clock, and a connection to the first of them.
pub struct Sandbox {
    node: Node,
    connection: usize,
    now_ms: u64,
    random: Random,
}

impl Default for Sandbox {
    fn default() -> Sandbox {
        Sandbox::new()
    }
}

impl Sandbox {
    /// One empty shard that speaks RESP2, with 16 databases and proto-max-bulk-len at 512 MB.
    pub fn new() -> Sandbox {
        Sandbox::of_shards(1)
    }

    /// The same with several shards.
    pub fn of_shards(shard_count: usize) -> Sandbox {
        Sandbox::around(Node::new(shard_count, 512 << 20))
    }

    /// One shard with another proto-max-bulk-len, in bytes.
    pub fn with_string_len_max(string_len_max: usize) -> Sandbox {
        Sandbox::around(Node::new(1, string_len_max))
    }

    fn around(mut node: Node) -> Sandbox {
        let connection = node.connect(ShardId(0));
        Sandbox { node, connection, now_ms: START_MS, random: Random::new(0) }
    }

    /// The first shard: the only one, unless it was made by [`Sandbox::of_shards`].
    pub fn shard(&self) -> &Shard {
        self.node.shard(ShardId(0))
    }

    /// The same, to be changed.
    pub fn shard_mut(&mut self) -> &mut Shard {
        self.node.shard_mut(ShardId(0))
    }

    /// Runs a script and returns its replies between ` | `.
    pub fn run(&mut self, script: &str) -> String {
        let mut rendered = Vec::new();
        for command in parse_script(script) {
            if self.steer(command.as_args()) {
                continue;
            }
            let reply = self.execute(command.as_args());
            let (text, rest) = render(&reply);
            assert!(rest.is_empty(), "more than one reply of one command in: {script}");
            rendered.push(text);
        }
        rendered.join(" | ")
    }

    /// Runs one command as dispatch does and returns the bytes that its client receives.
    pub fn execute(&mut self, args: Args<'_>) -> Vec<u8> {
        on_the_wire(&self.reply_to(args))
    }

    /// Runs one command as dispatch does and appends its reply.
    pub fn execute_into(&mut self, args: Args<'_>, reply: &mut Reply) {
        self.node.set_resp3(self.connection, reply.is_resp3());
        let own = self.reply_to(args);
        reply.append(own.bytes(), own.blobs());
    }

    fn reply_to(&mut self, args: Args<'_>) -> Reply {
        self.node.set_now(self.now_ms);
        self.node.request(self.connection, lookup(args), args.to_owned());
        while self.node.step_at_random(&mut self.random) {}
        assert!(self.node.is_quiet(), "locks or transactions are left behind");
        let reply = self.node.take_reply(self.connection).expect("every command gets a reply").reply;
        assert!(self.node.has_read_all(self.connection), "more than one reply of one command");
        reply
    }

    /// Advances the clock by `by_ms` milliseconds.
    pub fn sleep(&mut self, by_ms: u64) {
        self.now_ms += by_ms;
    }

    /// Obeys a command that is meant for the sandbox itself.
    fn steer(&mut self, args: Args<'_>) -> bool {
        let number =
            || String::from_utf8_lossy(&args[1]).parse::<u64>().expect("SLEEP, RESP and DB take a number");
        match &args[0] {
            b"SLEEP" => self.sleep(number()),
            b"DB" => self.node.set_db(self.connection, DbIndex(number() as u16)),
            b"RESP" => self.node.set_resp3(self.connection, number() == 3),
            _ => return false,
        }
        true
    }
}

/// The bytes that a client receives: encoded bytes with the blobs in their places.
pub(crate) fn on_the_wire(reply: &Reply) -> Vec<u8> {
    let mut wire = Vec::with_capacity(reply.total_len());
    let mut sent = 0;
    for (offset, blob) in reply.blobs() {
        wire.extend_from_slice(&reply.bytes()[sent..*offset]);
        wire.extend_from_slice(blob);
        sent = *offset;
    }
    wire.extend_from_slice(&reply.bytes()[sent..]);
    wire
}

/// The commands of a script.
fn parse_script(script: &str) -> Vec<OwnedArgs> {
    let mut commands = vec![OwnedArgs::default()];
    let mut rest = script.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first == b' ' {
            rest = tail;
            continue;
        }
        let (word, after) = if first == b'"' { quoted_word(tail) } else { bare_word(rest) };
        rest = after;
        if first == b'|' && word == b"|" {
            commands.push(OwnedArgs::default());
            continue;
        }
        let command = commands.last_mut().expect("begins with one command and only grows");
        if word.len() < BLOB_LEN_MIN {
            command.push(&word);
        } else {
            command.push_value(ArgValue::Blob(&Blob::new(word)));
        }
    }
    assert!(commands.iter().all(|command| command.as_args().len() > 0), "an empty command in: {script}");
    commands
}

fn bare_word(text: &[u8]) -> (Vec<u8>, &[u8]) {
    let (word, rest) = text.split_at(text.iter().position(|&byte| byte == b' ').unwrap_or(text.len()));
    (word.to_vec(), rest)
}

/// A word whose opening quote has been taken, with its `*count`.
fn quoted_word(text: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut word = Vec::new();
    let mut rest = text;
    loop {
        let (&byte, tail) = rest.split_first().expect("a quoted argument ends with a quote");
        rest = tail;
        match byte {
            b'"' => break,
            b'\\' => {
                let (&escape, tail) = rest.split_first().expect("something stands behind a backslash");
                rest = tail;
                word.push(match escape {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'x' => {
                        let (digits, tail) = rest.split_at(2);
                        rest = tail;
                        let digits = String::from_utf8_lossy(digits);
                        u8::from_str_radix(&digits, 16).expect("two hexadecimal digits follow \\x")
                    }
                    other => other,
                });
            }
            byte => word.push(byte),
        }
    }
    if rest.first() == Some(&b'*') {
        let (count, tail) = bare_word(&rest[1..]);
        let count = String::from_utf8_lossy(&count).parse().expect("a number follows the quote and `*`");
        return (word.repeat(count), tail);
    }
    (word, rest)
}

/// The bulk strings in a reply, whatever arrays they are in.
#[cfg(test)]
pub(crate) fn elements(reply: &Reply) -> Vec<String> {
    let (text, _) = render(&on_the_wire(reply));
    let words = text.split(['[', ']', ' ']).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// The first reply in `wire` as text, and the bytes behind it.
fn render(wire: &[u8]) -> (String, &[u8]) {
    let end = memchr::memmem::find(wire, b"\r\n").expect("a reply begins with a line");
    let (line, rest) = (String::from_utf8_lossy(&wire[1..end]), &wire[end + 2..]);
    let len: i64 = line.parse().unwrap_or(0);
    let body = || {
        let (body, rest) = rest.split_at(len as usize);
        (body, rest.strip_prefix(b"\r\n").expect("a bulk string ends with a line break"))
    };
    let list = |open: &str, close: &str, count: i64| {
        let mut parts = Vec::new();
        let mut rest = rest;
        for _ in 0..count {
            let (part, behind) = render(rest);
            parts.push(part);
            rest = behind;
        }
        (format!("{open}{}{close}", parts.join(" ")), rest)
    };
    match wire[0] {
        b'+' => (line.into_owned(), rest),
        b'-' | b':' | b',' | b'#' | b'(' => (format!("{}{line}", wire[0] as char), rest),
        b'_' => ("(nil)".to_owned(), rest),
        b'$' if len < 0 => ("(nil)".to_owned(), rest),
        b'*' if len < 0 => ("(nil array)".to_owned(), rest),
        b'$' => (render_bulk(body().0), body().1),
        b'=' => (format!("={}", render_bulk(body().0)), body().1),
        b'*' => list("[", "]", len),
        b'~' => list("<", ">", len),
        b'>' => list(">[", "]", len),
        b'%' => list("{", "}", len * 2),
        other => panic!("unknown reply type {:?}", other as char),
    }
}

/// From this length on, in bytes, a string of one repeated byte is rendered as a repetition.
const REPETITION_LEN_MIN: usize = 64;

fn render_bulk(bytes: &[u8]) -> String {
    if bytes.len() >= REPETITION_LEN_MIN && bytes.iter().all(|&byte| byte == bytes[0]) {
        return format!("{}*{}", quoted(&bytes[..1]), bytes.len());
    }
    let clear = |byte: &u8| byte.is_ascii_graphic() && !b"\"|[]{}<>".contains(byte);
    let marked = |byte: &u8| b":-,#(=>+".contains(byte);
    match bytes.first() {
        Some(first) if !marked(first) && bytes.iter().all(clear) => {
            String::from_utf8_lossy(bytes).into_owned()
        }
        _ => quoted(bytes),
    }
}

fn quoted(bytes: &[u8]) -> String {
    let text: String = bytes
        .iter()
        .map(|&byte| match byte {
            b'"' => "\\\"".to_owned(),
            b'\\' => "\\\\".to_owned(),
            b'\r' => "\\r".to_owned(),
            b'\n' => "\\n".to_owned(),
            b'\t' => "\\t".to_owned(),
            b' '..=b'~' => (byte as char).to_string(),
            _ => format!("\\x{byte:02x}"),
        })
        .collect();
    format!("\"{text}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::CommandError;

    fn rendered(write: impl Fn(&mut Reply), resp3: bool) -> String {
        let mut reply = Reply::new(resp3);
        write(&mut reply);
        let wire = on_the_wire(&reply);
        let (text, rest) = render(&wire);
        assert!(rest.is_empty());
        text
    }

    #[test]
    fn a_script_is_split_into_commands_and_arguments() {
        let commands = parse_script(r#"SET "a b" "\x00\"|\n" | GET "xy"*3 "" | a|b"#);
        let words: Vec<Vec<&[u8]>> =
            commands.iter().map(|command| command.as_args().iter_from(0).collect()).collect();
        let expected: [&[&[u8]]; 3] = [&[b"SET", b"a b", b"\0\"|\n"], &[b"GET", b"xyxyxy", b""], &[b"a|b"]];
        assert_eq!(words, expected);
    }

    #[test]
    fn long_arguments_come_as_blobs() {
        let commands = parse_script(&format!("SET a \"x\"*{BLOB_LEN_MIN}"));
        assert!(matches!(commands[0].as_args().value(2), ArgValue::Blob(_)));
    }

    #[test]
    fn every_type_of_reply_can_be_told_from_the_others() {
        assert_eq!(rendered(|r| r.int(-1), false), ":-1");
        assert_eq!(rendered(|r| r.bulk(b"-1"), false), "\"-1\"");
        assert_eq!(rendered(|r| r.bulk(b""), false), "\"\"");
        assert_eq!(rendered(|r| r.bulk(b"a\x01 b"), false), "\"a\\x01 b\"");
        assert_eq!(rendered(|r| r.error(&CommandError::Syntax), false), "-ERR syntax error");
        assert_eq!(rendered(|r| r.null(), true), "(nil)");
        assert_eq!(rendered(|r| r.null_array(), false), "(nil array)");
        assert_eq!(rendered(|r| r.bool(true), true), "#t");
        assert_eq!(rendered(|r| r.verbatim("txt", b"hi"), true), "=txt:hi");
        let nested = |r: &mut Reply| {
            r.map(1);
            r.bulk(b"k");
            r.array(2);
            r.set(1);
            r.null();
            r.push(0);
        };
        assert_eq!(rendered(nested, true), "{k [<(nil)> >[]]}");
        assert_eq!(rendered(nested, false), "[k [[(nil)] []]]");
    }

    #[test]
    fn blobs_come_out_at_their_place() {
        let blob = Blob::new(vec![b'x'; BLOB_LEN_MIN]);
        let two = |r: &mut Reply| {
            r.array(3);
            r.bulk_blob(&blob);
            r.int(5);
            r.bulk_blob(&blob);
        };
        assert_eq!(rendered(two, false), "[\"x\"*32768 :5 \"x\"*32768]");
    }

    #[test]
    #[should_panic(expected = "no command NOSUCH")]
    fn an_unknown_command_is_a_mistake_in_the_test() {
        Sandbox::new().run("NOSUCH a");
    }
}
