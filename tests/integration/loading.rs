//! The start from an RDB file: what other servers have written is served as they serve it, a file that is not
//! whole serves nobody, and clients hear meanwhile that the server loads.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use testkit::server::Kind;
use testkit::{Client, Server, StopSignal, TempDir, Value};

use crate::scene::{PATIENCE, dialogue, eventually, is_oracle, shoal, skip_if, with_shards};

const LOADING: &str = "(error) LOADING Redis is loading the dataset in memory";
const NAME: &str = "dump.rdb";

/// A folder with this file.
fn folder_with(bytes: &[u8]) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join(NAME), bytes).unwrap();
    folder
}

/// The arguments of a server that starts from the file in a folder.
fn args(folder: &Path) -> [String; 4] {
    let folder = folder.to_str().unwrap().to_owned();
    ["--dir".to_owned(), folder, "--enable-debug-command".to_owned(), "yes".to_owned()]
}

#[track_caller]
fn start(shards: usize, folder: &Path) -> Server {
    shoal(shards).args(args(folder)).args(["--save", ""]).start()
}

/// What a server that must not start says, and whether its file is what it was.
#[track_caller]
fn refusal(bytes: &[u8], shards: usize) -> String {
    let folder = folder_with(bytes);
    let exit = shoal(shards).args(args(folder.path())).args(["--save", ""]).spawn_expecting_failure();
    assert_eq!(exit.status.code(), Some(1), "{}", exit.output);
    assert_eq!(fs::read(folder.path().join(NAME)).unwrap(), bytes, "the file has changed");
    assert!(!exit.output.contains("Ready to accept connections"), "{}", exit.output);
    exit.output
}

/// A server of this kind, its commands of DEBUG allowed; none where it is not installed.
fn other(kind: Kind) -> Option<Server> {
    let builder = Server::builder(kind).args(["--enable-debug-command", "yes"]);
    match builder.try_start() {
        Ok(server) => Some(server),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => panic!("{kind:?} does not start: {error}"),
    }
}

/// Has a server save, and gives the file.
#[track_caller]
fn saved(server: &Server) -> Vec<u8> {
    assert_eq!(server.client().ask("SAVE"), Value::ok());
    fs::read(server.dir().join(NAME)).unwrap()
}

/// The lines that make keys of every type and encoding, small and large, in several databases.
fn make_keys(client: &mut Client) {
    let many = |word: &str, count: usize| {
        (0..count).map(|number| word.replace('#', &number.to_string())).collect::<Vec<_>>().join(" ")
    };
    let long = "x".repeat(5000);
    let big = "0123456789abcdef".repeat(20_000);
    for line in [
        "SELECT 0".to_owned(),
        "SET int 12345".to_owned(),
        "SET negative -9223372036854775808".to_owned(),
        "SET text value".to_owned(),
        format!("SET long {long}"),
        format!("SET big {big}"),
        "SET expires soon EXAT 4000000000".to_owned(),
        "RPUSH list a b 1 2 300 70000".to_owned(),
        format!("RPUSH list:large {}", many("element:#", 5000)),
        format!("RPUSH list:plain {long} {big} a"),
        "SADD set:ints 1 2 3".to_owned(),
        format!("SADD set:ints:large {}", many("#", 1000)),
        "SADD set:small a b c".to_owned(),
        format!("SADD set:large {}", many("member:#", 1000)),
        "HSET hash a 1 b 2".to_owned(),
        format!("HSET hash:large {}", many("field:# value:#", 1000)),
        format!("HSET hash:long f {long}"),
        "ZADD zset 1 a 2 b -3 c".to_owned(),
        format!("ZADD zset:large {}", many("# member:#", 1000)),
        "EXPIREAT zset 4000000000".to_owned(),
        "PFADD hll a b c".to_owned(),
        "SELECT 3".to_owned(),
        "SET other db".to_owned(),
        "SELECT 15".to_owned(),
        "HSET last db 1".to_owned(),
    ] {
        let reply = client.ask(&line);
        assert!(!reply.is_error(), "{line}: {reply}");
    }
    client.ask("SELECT 1");
    let small: Vec<Vec<String>> = (0..20_000)
        .map(|number| vec!["SET".to_owned(), format!("key:{number}"), format!("value:{number}")])
        .collect();
    client.pipeline(&small);
    client.ask("SELECT 0");
}

/// The same of streams.
fn make_streams(client: &mut Client) {
    for number in 1..300 {
        client.ask(&format!("XADD stream {number}-1 field {number} other value"));
    }
    for line in [
        "XDEL stream 7-1 8-1",
        "XGROUP CREATE stream group 5-1",
        "XREADGROUP GROUP group consumer COUNT 10 STREAMS stream >",
        "XADD empty 1-1 a b",
        "XDEL empty 1-1",
    ] {
        let reply = client.ask(line);
        assert!(!reply.is_error(), "{line}: {reply}");
    }
}

/// Holds what a loaded server has against the one that has written the file.
#[track_caller]
fn compare(writer: &mut Client, loaded: &mut Client) {
    assert_eq!(loaded.ask("DEBUG DIGEST"), writer.ask("DEBUG DIGEST"));
    let sizes = |client: &mut Client| {
        let text = client.ask("INFO keyspace").text();
        let line = |line: &str| line.split(",avg_ttl").next().unwrap().to_owned();
        text.lines().filter(|text| text.starts_with("db")).map(line).collect::<Vec<_>>()
    };
    assert_eq!(sizes(loaded), sizes(writer));
    for key in ["expires", "zset", "int"] {
        assert_eq!(loaded.ask(&format!("PEXPIRETIME {key}")), writer.ask(&format!("PEXPIRETIME {key}")));
    }
}

#[test]
fn what_other_servers_have_saved_is_served_as_they_serve_it() {
    // A redis-server reads no file of Valkey 9.
    let kinds = if is_oracle() { &[Kind::Redis][..] } else { &[Kind::Redis, Kind::Valkey] };
    for &kind in kinds {
        let Some(writer) = other(kind) else {
            println!("skipped: {kind:?} is not installed");
            continue;
        };
        let mut client = writer.client();
        make_keys(&mut client);
        make_streams(&mut client);
        let folder = folder_with(&saved(&writer));
        with_shards(&[1, 2, 3, 7], |shards| {
            let server = start(shards, folder.path());
            compare(&mut writer.client(), &mut server.client());
            let log = server.log();
            for line in [
                "Loading RDB produced by ",
                "RDB age ",
                "RDB memory usage when created ",
                "DB loaded from disk: ",
            ] {
                assert!(log.contains(line), "{line} is not in the log:\n{log}");
            }
            assert!(log.contains("Done loading RDB, keys loaded: 200"), "{log}");
        });
    }
}

#[test]
fn loaded_keys_take_the_memory_of_written_ones() {
    if skip_if(is_oracle(), "the memory of other servers is their business") {
        return;
    }
    let writer = other(Kind::Redis).expect("redis-server is installed");
    make_keys(&mut writer.client());
    let folder = folder_with(&saved(&writer));
    let (loaded, written) = (start(2, folder.path()), shoal(2).start());
    let (mut loaded, mut written) = (loaded.client(), written.client());
    make_keys(&mut written);
    // It was changed in place when it was written.
    let is_compared = |key: &String| key != "hll";
    let keys = written.ask("KEYS *");
    for key in keys.as_slice().unwrap().iter().map(Value::text).filter(is_compared) {
        let encoding = loaded.ask(&format!("OBJECT ENCODING {key}"));
        assert_eq!(encoding, written.ask(&format!("OBJECT ENCODING {key}")), "{key}");
        let bytes = |client: &mut Client| client.ask(&format!("MEMORY USAGE {key}")).as_int().unwrap();
        let (loaded, written) = (bytes(&mut loaded), bytes(&mut written));
        // The pages of a large table are filled in the order in which its elements come, which is random.
        let more_max = if encoding.text() == "hashtable" { written / 20 } else { 0 };
        // A value that has grown by and by may have room to spare.
        let is_alike = loaded - written <= more_max && written - loaded <= written / 20;
        assert!(is_alike, "{key}: {loaded} bytes, and {written} when it was written");
    }
}

#[test]
fn keys_whose_time_is_over_are_left_out_and_counted() {
    let writer = other(Kind::Redis).expect("redis-server is installed");
    dialogue(
        &mut writer.client(),
        &[
            ("DEBUG SET-ACTIVE-EXPIRE 0", "OK"),
            ("SET over x PX 1", "OK"),
            ("SET later x EX 1000", "OK"),
            ("SET never x", "OK"),
        ],
    );
    std::thread::sleep(Duration::from_millis(5));
    let folder = folder_with(&saved(&writer));
    with_shards(&[1, 3], |shards| {
        let server = start(shards, folder.path());
        let mut client = server.client();
        let text = client.ask("INFO persistence").text();
        assert!(text.contains("rdb_last_load_keys_expired:1\r\n"), "{text}");
        assert!(text.contains("rdb_last_load_keys_loaded:2\r\n"), "{text}");
        dialogue(&mut client, &[("DBSIZE", "(integer) 2"), ("EXISTS over later never", "(integer) 2")]);
    });
}

#[test]
fn without_a_file_the_server_starts_without_keys() {
    let folder = TempDir::new().unwrap();
    let server = start(2, folder.path());
    dialogue(&mut server.client(), &[("DBSIZE", "(integer) 0"), ("SET a 1", "OK")]);
    assert!(!server.log().contains("DB loaded"), "{}", server.log());
}

#[test]
fn a_file_of_another_name_is_loaded_if_it_is_named() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("other.rdb");
    fs::write(path, b"REDIS0010\x00\x01a\x01b\xff\0\0\0\0\0\0\0\0").unwrap();
    let server = shoal(2).args(args(folder.path())).args(["--save", "", "--dbfilename", "other.rdb"]).start();
    dialogue(&mut server.client(), &[("GET a", "\"b\"")]);
}

/// A small file of redis-server, with a checksum.
fn small_file() -> Vec<u8> {
    let writer = other(Kind::Redis).expect("redis-server is installed");
    dialogue(
        &mut writer.client(),
        &[
            ("SET text value", "OK"),
            ("RPUSH list a b c", "(integer) 3"),
            ("HSET hash a 1 b 2", "(integer) 2"),
            ("ZADD zset 1 a", "(integer) 1"),
            ("SADD set 1 2 3", "(integer) 3"),
        ],
    );
    saved(&writer)
}

#[test]
fn a_file_that_ends_too_early_serves_nobody() {
    let file = small_file();
    for len in (0..file.len()).step_by(11) {
        let output = refusal(&file[..len], 1 + len % 3);
        for text in ["Short read or OOM loading DB", "Unexpected EOF reading RDB file"] {
            assert!(output.contains(text), "{len} bytes: {text} is not in:\n{output}");
        }
    }
}

#[test]
fn a_file_with_a_flipped_bit_serves_nobody() {
    let file = small_file();
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    for _ in 0..25 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = (random >> 33) as usize % (file.len() * 8);
        let mut damaged = file.clone();
        damaged[at / 8] ^= 1 << (at % 8);
        println!("bit {at}");
        refusal(&damaged, 2);
    }
}

#[test]
fn a_file_that_is_not_loaded_says_why() {
    if skip_if(is_oracle(), "redis-server says less") {
        return;
    }
    let file = |items: &[u8]| [b"REDIS0010", items, b"\xff\0\0\0\0\0\0\0\0"].concat();
    for (bytes, texts) in [
        (b"XEDIS0010".to_vec(), &["Wrong signature trying to load DB from file"][..]),
        (b"REDIS0099".to_vec(), &["Can't handle RDB format version 99"]),
        (file(b"\x06\x01k"), &["Values of type 6", "key 'k'"]),
        (
            file(b"\x07\x01k\x81\x00\x01\x02\x03\x04\x05\x06\x07"),
            &["no matching module type 'AAECAwQFB'", "key 'k'"],
        ),
        (file(b"\0\x01k\x01v\0\x01k\x01v"), &["RDB has duplicated key 'k' in DB 0"]),
        (file(b"\xfe\x10"), &["configured to handle more than 16 databases"]),
        (
            file(b"\x10\x01h\x08\x08\0\0\0\x02\0\x81a\xff"),
            &[
                "Internal error in RDB reading offset 12 -> Hash listpack integrity check failed. (key 'h' in DB 0)",
            ],
        ),
        ([&b"REDIS0010\0\x01k\x01v\xff"[..], &[1; 8]].concat(), &["Wrong RDB checksum expected: ("]),
    ] {
        let output = refusal(&bytes, 2);
        for text in texts.iter().chain(&[NAME, "is as it was"]) {
            assert!(output.contains(text), "{text} is not in:\n{output}");
        }
    }
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join(NAME)).unwrap();
    let exit = shoal(2).args(args(folder.path())).args(["--save", ""]).spawn_expecting_failure();
    assert!(exit.output.contains("can't read the RDB file"), "{}", exit.output);
}

/// A server that loads from a pipe.
struct Slow {
    server: Server,
    pipe: Pipe,
    path: PathBuf,
    _folder: TempDir,
}

/// The writing end of a pipe, which never blocks its writer.
struct Pipe(File);

impl Pipe {
    #[track_caller]
    fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        eventually("the server reads the pipe", || {
            match self.0.write(rest) {
                Ok(len) => rest = &rest[len..],
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
            rest.is_empty()
        });
    }
}

fn slow(shards: usize) -> Slow {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(NAME);
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    // One that is told to end saves, but not what it has not loaded in full.
    let server = shoal(shards).args(args(folder.path())).args(["--save", "900 1"]).start_without_waiting();
    let mut opened = None;
    eventually("the server opens the pipe", || {
        opened = File::options().write(true).custom_flags(libc::O_NONBLOCK).open(&path).ok();
        opened.is_some()
    });
    Slow { server, pipe: Pipe(opened.unwrap()), path, _folder: folder }
}

fn many_keys() -> Vec<u8> {
    let mut file = b"REDIS0010\xfa\x09redis-ver\x057.0.0\xfa\x08used-mem\xc2\x00\x00\x40\x00".to_vec();
    for number in 0..20_000 {
        file.extend([0, 9]);
        file.extend(format!("key:{number:05}").bytes());
        file.push(50);
        file.extend([b'v'; 50]);
    }
    file.push(0xff);
    file.extend([0; 8]);
    file
}

#[test]
fn clients_hear_that_the_server_loads_until_all_is_there() {
    if skip_if(is_oracle(), "redis-server waits for the pipe with everything") {
        return;
    }
    for shards in [1, 3] {
        let file = many_keys();
        let Slow { server, mut pipe, .. } = slow(shards);
        pipe.feed(&file[..600_000]);
        let mut clients: Vec<Client> = (0..6).map(|_| server.client()).collect();
        for client in &mut clients {
            dialogue(
                client,
                &[
                    ("PING", LOADING),
                    ("GET key:00001", LOADING),
                    ("SET a 1", LOADING),
                    ("BLPOP a 1", LOADING),
                    ("FLUSHALL", LOADING),
                    ("DEBUG SLOT-MOVE 1 0", "(error) ERR slots do not move while the node loads"),
                    ("SELECT 2", "OK"),
                    ("SELECT 0", "OK"),
                    ("MULTI", "OK"),
                    ("GET a", LOADING),
                    ("EXEC", "(error) EXECABORT Transaction discarded because of previous errors."),
                    ("MULTI", "OK"),
                    ("SELECT 1", "QUEUED"),
                    ("EXEC", "1) OK"),
                    ("SELECT 0", "OK"),
                ],
            );
        }
        let mut loaded_bytes = 0;
        eventually("a part is loaded", || {
            let text = clients[0].ask("INFO persistence").text();
            let field = |name: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(name));
                line.unwrap_or_else(|| panic!("no {name} in\n{text}")).trim().to_owned()
            };
            assert_eq!(field("loading:"), "1");
            assert_eq!(field("async_loading:"), "0");
            assert_eq!(field("loading_total_bytes:"), "0");
            assert!(field("loading_start_time:").parse::<u64>().unwrap() > 1_500_000_000);
            assert!(field("loading_loaded_perc:").parse::<f64>().unwrap() < 100.0);
            field("loading_eta_seconds:").parse::<u64>().unwrap();
            loaded_bytes = field("loading_loaded_bytes:").parse::<u64>().unwrap();
            loaded_bytes > 500_000 && field("loading_rdb_used_mem:") == "4194304"
        });
        assert!(loaded_bytes <= 600_000);
        assert!(!server.log().contains("Ready to accept connections"), "{}", server.log());
        pipe.feed(&file[600_000..]);
        drop(pipe);
        eventually("all is loaded", || server.log().contains("Ready to accept connections"));
        for client in &mut clients {
            assert_eq!(client.ask("DBSIZE"), Value::Int(20_000));
            assert_eq!(client.ask("GET key:19999").text(), "v".repeat(50));
        }
        let text = clients[0].ask("INFO persistence").text();
        assert!(text.contains("loading:0\r\n") && !text.contains("loading_start_time"), "{text}");
        assert!(text.contains("rdb_last_load_keys_loaded:20000\r\n"), "{text}");
    }
}

#[test]
fn a_pipe_that_ends_too_early_serves_nobody() {
    if skip_if(is_oracle(), "redis-server waits for the pipe with everything") {
        return;
    }
    let Slow { mut server, mut pipe, .. } = slow(2);
    let mut client = server.client();
    pipe.feed(&many_keys()[..700_000]);
    assert_eq!(client.ask("GET a").to_string(), LOADING);
    drop(pipe);
    let status = server.wait_for_exit(PATIENCE).expect("it ends");
    assert_eq!(status.code(), Some(1));
    assert!(server.log().contains("Internal error in RDB reading offset 700000"), "{}", server.log());
}

#[test]
fn a_signal_ends_a_server_that_loads_at_once() {
    if skip_if(is_oracle(), "redis-server waits for the pipe with everything") {
        return;
    }
    for (signal, bytes) in [(StopSignal::Term, 700_000), (StopSignal::Int, 0)] {
        let Slow { mut server, mut pipe, path, _folder } = slow(2);
        pipe.feed(&many_keys()[..bytes]);
        let mut client = server.client();
        assert_eq!(client.ask("GET a").to_string(), LOADING);
        let status = server.stop(signal).expect("it ends");
        assert_eq!(status.code(), Some(0));
        let log = server.log();
        assert!(log.contains("Received shutdown signal during loading, exiting now."), "{log}");
        assert!(!log.contains("requests to files"), "{log}");
        let kind = path.metadata().unwrap().file_type();
        assert!(kind.is_fifo() && !log.contains("Saving"), "the file is another one:\n{log}");
    }
}

#[test]
fn libraries_of_functions_are_kept() {
    if skip_if(is_oracle(), "redis-server runs them") {
        return;
    }
    let writer = other(Kind::Redis).expect("redis-server is installed");
    let code = "#!lua name=lib\nredis.register_function('f', function() return 1 end)";
    let reply = writer.client().cmd(&["FUNCTION", "LOAD", code]);
    assert_eq!(reply.text(), "lib");
    let folder = folder_with(&saved(&writer));
    let server = start(2, folder.path());
    assert!(server.log().contains("1 function library is kept and not run"), "{}", server.log());
}
