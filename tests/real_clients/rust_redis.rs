//! The crate `redis`, in RESP2 and RESP3.

use redis::{Commands, Connection, ErrorKind, ProtocolVersion, ServerErrorKind, Value};
use testkit::Server;

fn start() -> Server {
    testkit::shoal!().shards(2).start()
}

fn connect(server: &Server, query: &str) -> Connection {
    let url = format!("redis://{}/{query}", server.addr());
    redis::Client::open(url).expect("the URL is right").get_connection().expect("the server accepts")
}

/// Runs the same checks over both protocols, each on an empty server.
fn in_both_protocols(check: impl Fn(&mut Connection, ProtocolVersion)) {
    let server = start();
    check(&mut connect(&server, ""), ProtocolVersion::RESP2);
    redis::cmd("FLUSHALL").exec(&mut connect(&server, "")).expect("FLUSHALL succeeds");
    check(&mut connect(&server, "?protocol=resp3"), ProtocolVersion::RESP3);
}

#[test]
fn values_come_back_as_they_were_set() {
    in_both_protocols(|connection, _| {
        let bytes = [0_u8, 255, 13, 10];
        let _: () = connection.set("a", &bytes).unwrap();
        assert_eq!(connection.get::<_, Vec<u8>>("a").unwrap(), bytes);
        assert_eq!(connection.get::<_, Option<String>>("missing").unwrap(), None);
        let big = vec![b'x'; 8 << 20];
        let _: () = connection.set("big", &big).unwrap();
        assert!(connection.get::<_, Vec<u8>>("big").unwrap() == big);
        let pairs: Vec<(String, i64)> = (0..100).map(|index| (format!("k{index}"), index)).collect();
        let _: () = connection.mset(&pairs).unwrap();
        let keys: Vec<&String> = pairs.iter().map(|(key, _)| key).collect();
        assert_eq!(connection.mget::<_, Vec<i64>>(&keys).unwrap(), (0..100).collect::<Vec<_>>());
        assert_eq!(connection.del::<_, i64>(&keys).unwrap(), 100);
    });
}

#[test]
fn wire_types_are_those_of_the_protocol() {
    in_both_protocols(|connection, protocol| {
        let _: () = connection.mset(&[("a", "ohmytext"), ("b", "mynewtext")]).unwrap();
        let lcs: Value = redis::cmd("LCS").arg(&["a", "b", "IDX"]).query(connection).unwrap();
        let hello: Value = redis::cmd("HELLO").query(connection).unwrap();
        match protocol {
            ProtocolVersion::RESP2 => {
                assert!(matches!(&lcs, Value::Array(items) if items.len() == 4), "{lcs:?}");
                assert!(matches!(&hello, Value::Array(items) if items.contains(&Value::Int(2))), "{hello:?}");
            }
            _ => {
                assert!(matches!(&lcs, Value::Map(pairs) if pairs.len() == 2), "{lcs:?}");
                let proto = (Value::BulkString(b"proto".to_vec()), Value::Int(3));
                assert!(matches!(&hello, Value::Map(pairs) if pairs.contains(&proto)), "{hello:?}");
            }
        }
    });
}

#[test]
fn errors_have_their_code_and_text() {
    in_both_protocols(|connection, _| {
        let _: () = connection.set("a", "x").unwrap();
        let error = connection.incr::<_, _, i64>("a", 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Server(ServerErrorKind::ResponseError));
        assert_eq!(error.detail(), Some("value is not an integer or out of range"));
        let _: () = connection.set("n", i64::MAX).unwrap();
        let error = connection.incr::<_, _, i64>("n", 1).unwrap_err();
        assert_eq!(error.detail(), Some("increment or decrement would overflow"));
        let error = redis::cmd("HELLO").arg(9).exec(connection).unwrap_err();
        assert_eq!((error.code(), error.detail()), (Some("NOPROTO"), Some("unsupported protocol version")));
        assert_eq!(connection.get::<_, String>("a").unwrap(), "x", "the connection goes on");
    });
}

#[test]
fn a_pipeline_keeps_its_order_over_shards() {
    in_both_protocols(|connection, _| {
        let mut pipeline = redis::pipe();
        for index in 0..3_000 {
            let key = format!("k{}", index % 41);
            pipeline.set(&key, index).ignore().get(&key);
        }
        let values: Vec<i64> = pipeline.query(connection).unwrap();
        assert_eq!(values, (0..3_000).collect::<Vec<_>>());
    });
}

#[test]
fn times_bits_and_floats_are_typed() {
    in_both_protocols(|connection, _| {
        let _: () = connection.set_ex("a", 1, 1_000).unwrap();
        let ttl: i64 = connection.ttl("a").unwrap();
        assert!((990..=1_000).contains(&ttl), "{ttl}");
        assert!(connection.persist::<_, bool>("a").unwrap());
        assert_eq!(connection.ttl::<_, i64>("a").unwrap(), -1);
        assert!(!connection.setbit::<_, bool>("b", 9, true).unwrap());
        assert_eq!(connection.bitcount::<_, i64>("b").unwrap(), 1);
        assert_eq!(connection.incr::<_, _, f64>("f", 3.5).unwrap(), 3.5);
        assert_eq!(connection.incr::<_, _, f64>("f", -0.25).unwrap(), 3.25);
    });
}

#[test]
fn a_database_and_a_password_come_from_the_url() {
    let server = testkit::shoal!().shards(2).args(["--requirepass", "secret"]).start();
    for protocol in ["resp2", "resp3"] {
        let open = |userinfo: &str, path: &str| {
            let url = format!("redis://{userinfo}@{}/{path}?protocol={protocol}", server.addr());
            redis::Client::open(url).expect("the URL is right").get_connection()
        };
        let _: () = open(":secret", "3").unwrap().set("a", protocol).unwrap();
        assert_eq!(open("default:secret", "3").unwrap().get::<_, String>("a").unwrap(), protocol);
        assert_eq!(open(":secret", "0").unwrap().get::<_, Option<String>>("a").unwrap(), None);
        let error = open(":wrong", "0").map(|_| ()).unwrap_err();
        // In RESP2 the crate sends AUTH and words its failure itself, in RESP3 it passes on HELLO's error.
        match protocol {
            "resp2" => assert_eq!(error.kind(), ErrorKind::AuthenticationFailed, "{error}"),
            _ => assert_eq!(error.code(), Some("WRONGPASS"), "{error}"),
        }
    }
}

#[test]
fn a_unix_socket_serves_the_same_keys() {
    let server = testkit::shoal!().shards(2).unix_socket().start();
    let _: () = connect(&server, "").set("a", "tcp").unwrap();
    let url = format!("unix://{}", server.unix_path().expect("asked for").display());
    let mut connection = redis::Client::open(url).unwrap().get_connection().unwrap();
    assert_eq!(connection.get::<_, String>("a").unwrap(), "tcp");
}

#[test]
fn connections_on_all_workers_count_together() {
    const CONNECTIONS: usize = 16;
    const INCREMENTS: usize = 500;
    let server = start();
    std::thread::scope(|scope| {
        for index in 0..CONNECTIONS {
            let query = if index % 2 == 0 { "" } else { "?protocol=resp3" };
            let mut connection = connect(&server, query);
            scope.spawn(move || {
                for _ in 0..INCREMENTS {
                    let _: i64 = connection.incr("n", 1).unwrap();
                }
            });
        }
    });
    assert_eq!(connect(&server, "").get::<_, usize>("n").unwrap(), CONNECTIONS * INCREMENTS);
}
