//! What the request parser accepts and refuses, with the exact text of every refusal, and the texts for
//! commands that do not exist or are called wrongly.

use testkit::Value;
use testkit::client::encode_into;

use crate::scene::{client_count, dialogue, eventually, last_words, start, with_shards};

#[test]
fn a_protocol_error_is_told_after_the_earlier_replies_and_closes() {
    let long = "1".repeat(70_000);
    let cases = [
        ("*abc\r\n", "invalid multibulk length"),
        ("*\r\n", "invalid multibulk length"),
        ("* 1\r\n", "invalid multibulk length"),
        ("*+1\r\n", "invalid multibulk length"),
        ("*01\r\n", "invalid multibulk length"),
        ("*2147483648\r\n", "invalid multibulk length"),
        ("*99999999999999999999999\r\n", "invalid multibulk length"),
        ("*1\r\n+PING\r\n", "expected '$', got '+'"),
        ("*1\r\n\r\n", "expected '$', got ' '"),
        ("*2\r\n$4\r\nECHO\r\n:1\r\n", "expected '$', got ':'"),
        ("*1\r\n$abc\r\n", "invalid bulk length"),
        ("*1\r\n$\r\n", "invalid bulk length"),
        ("*1\r\n$-1\r\n", "invalid bulk length"),
        ("*1\r\n$04\r\n", "invalid bulk length"),
        ("*1\r\n$536870913\r\n", "invalid bulk length"),
        ("*1\r\n$9999999999999999999999\r\n", "invalid bulk length"),
        (&format!("*{long}"), "too big mbulk count string"),
        (&format!("*1\r\n${long}"), "too big bulk count string"),
        (&long, "too big inline request"),
        ("ECHO \"abc\r\n", "unbalanced quotes in request"),
        ("ECHO 'abc\r\n", "unbalanced quotes in request"),
        ("ECHO \"a\"b\r\n", "unbalanced quotes in request"),
    ];
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        for (request, text) in cases {
            let mut client = server.client();
            // GETs of several slots: their replies may come from other workers and must still come first.
            client.send_raw(format!("SET a 1\r\nGET a\r\nGET b\r\nGET c\r\nGET d\r\n{request}"));
            let expected = format!("+OK\r\n$1\r\n1\r\n$-1\r\n$-1\r\n$-1\r\n-ERR Protocol error: {text}\r\n");
            assert_eq!(last_words(&mut client), expected, "after {:.40?}", request);
        }
        let mut witness = server.client();
        eventually("all of them are gone", || client_count(&mut witness) == 1);
    });
}

#[test]
fn what_follows_a_protocol_error_is_not_executed() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        client.send_raw("SET before 1\r\n*1\r\n+X\r\nSET after 1\r\n");
        assert_eq!(last_words(&mut client), "+OK\r\n-ERR Protocol error: expected '$', got '+'\r\n");
        dialogue(&mut server.client(), &[("EXISTS before", "(integer) 1"), ("EXISTS after", "(integer) 0")]);
    });
}

#[test]
fn requests_without_arguments_are_passed_over() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "");
        for nothing in ["*0\r\n", "*-1\r\n", "*-5\r\n", "\r\n", "\n", "   \r\n", "\r\n\r\n\n*0\r\n"] {
            let mut client = server.client();
            client.send_raw(format!("ECHO a\r\n{nothing}ECHO b\r\n"));
            assert_eq!([client.recv(), client.recv()], [Value::bulk("a"), Value::bulk("b")], "{nothing:?}");
        }
    });
}

#[test]
fn inline_commands_are_split_and_unquoted_as_redis_does() {
    let server = start(2, "");
    let mut client = server.client();
    let cases: [(&str, &[u8]); 12] = [
        ("ECHO plain\n", b"plain"),
        ("  ECHO \t plain  \r\n", b"plain"),
        ("echo \"a b\"\r\n", b"a b"),
        ("ECHO 'a b'\r\n", b"a b"),
        ("ECHO \"\"\r\n", b""),
        ("ECHO ''\r\n", b""),
        ("ECHO \"\\x41\\xfF\\n\\r\\t\\b\\a\\\\\\\"\\q\"\r\n", b"A\xff\n\r\t\x08\x07\\\"q"),
        ("ECHO \"\\xZ1\"\r\n", b"xZ1"),
        ("ECHO 'it\\'s'\r\n", b"it's"),
        ("ECHO 'a\\nb'\r\n", b"a\\nb"),
        ("\"ECHO\" \"quoted name\"\r\n", b"quoted name"),
        ("ECHO a\u{e4}\r\n", "a\u{e4}".as_bytes()),
    ];
    for (request, expected) in cases {
        client.send_raw(request);
        assert_eq!(client.recv(), Value::bulk(expected), "{request:?}");
    }
    client.send_raw("SET key \"a b\"\r\nGET key\r\n");
    assert_eq!([client.recv(), client.recv()], [Value::ok(), Value::bulk("a b")]);
}

#[test]
fn an_inline_command_may_be_nearly_64_kb_long() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "");
        let value = "v".repeat(60_000);
        let mut client = server.client();
        client.send_raw(format!("ECHO {value}\r\n"));
        assert_eq!(client.recv(), Value::bulk(&value));
    });
}

#[test]
fn the_bytes_after_an_argument_are_not_looked_at() {
    // Redis skips two bytes there, whatever they are.
    let server = start(2, "");
    let mut client = server.client();
    client.send_raw("*2\r\n$4\r\nECHOxx$2\r\nhiyy*1\r\n$4\r\nPING\r\n");
    assert_eq!([client.recv(), client.recv()], [Value::bulk("hi"), Value::simple("PONG")]);
}

#[test]
fn arguments_may_hold_any_bytes() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        let all: Vec<u8> = (0..=255).collect();
        for key in [b"".as_slice(), b"\0", b"\r\n", b"*1\r\n$4\r\nPING\r\n", &all] {
            assert_eq!(client.cmd(&[b"SET".as_slice(), key, &all]), Value::ok());
            assert_eq!(client.cmd(&[b"GET".as_slice(), key]), Value::bulk(&all));
            assert_eq!(client.cmd(&[b"SET".as_slice(), key, b""]), Value::ok());
            assert_eq!(client.cmd(&[b"GET".as_slice(), key]), Value::bulk(""));
        }
    });
}

#[test]
fn a_command_may_have_tens_of_thousands_of_arguments() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        let mut args = vec!["MSET".to_owned()];
        for index in 0..30_000 {
            args.extend([format!("key:{index}"), index.to_string()]);
        }
        assert_eq!(client.cmd(&args), Value::ok());
        let mut mget = vec!["MGET".to_owned()];
        mget.extend((0..30_000).map(|index| format!("key:{index}")));
        let expected = Value::array((0..30_000).map(|index: i32| Value::bulk(index.to_string())));
        assert!(client.cmd(&mget) == expected);
        mget[0] = "DEL".to_owned();
        assert_eq!(client.cmd(&mget), Value::Int(30_000));
    });
}

#[test]
fn http_requests_are_cut_off_without_a_word() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "");
        for request in ["POST / HTTP/1.1\r\n", "Host: example.com\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"] {
            let mut client = server.client();
            client.send_raw(request);
            // For "GET / HTTP/1.1" Redis may or may not have sent the error about arity when it closes.
            let words = last_words(&mut client);
            assert!(words.is_empty() || words.starts_with("-ERR wrong number"), "{request:?}: {words}");
        }
        assert!(server.log().contains("Possible SECURITY ATTACK detected."), "{}", server.log());
    });
}

#[test]
fn an_unknown_command_is_named_with_the_beginning_of_its_arguments() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        let long = "x".repeat(200);
        let name = "n".repeat(200);
        let numbered: Vec<String> = (0..40).map(|index| format!("arg{index}")).collect();
        let mut many = vec!["nosuch"];
        many.extend(numbered.iter().map(String::as_str));
        let start = "ERR unknown command 'nosuch', with args beginning with: ";
        let x127 = format!("'{}' ", "x".repeat(128));
        let cases: [(&[&str], String); 9] = [
            (&["nosuch"], start.into()),
            (&["NoSuch"], start.replace("nosuch", "NoSuch")),
            (&["nosuch", "a", "b"], format!("{start}'a' 'b' ")),
            (&["nosuch", &long, "y"], format!("{start}{x127}")),
            (&[&name, "a"], format!("{}'a' ", start.replace("nosuch", &name[..128]))),
            (
                &many,
                format!(
                    "{start}'arg0' 'arg1' 'arg2' 'arg3' 'arg4' 'arg5' 'arg6' 'arg7' 'arg8' 'arg9' 'arg10' 'arg11' \
                     'arg12' 'arg13' 'arg14' 'arg15' 'arg16' 'ar' "
                ),
            ),
            (&["no\r\nsuch", "a\r\nb"], format!("{}'a  b' ", start.replace("nosuch", "no  such"))),
            (&["", "a"], format!("{}'a' ", start.replace("nosuch", ""))),
            // Redis prints the argument as a C string.
            (&["nosuch", "a\0b", "c"], format!("{start}'a' 'c' ")),
        ];
        for (args, expected) in cases {
            assert_eq!(client.cmd(args), Value::error(&expected), "{args:?}");
        }
    });
}

#[test]
fn wrong_calls_are_answered_with_redis_s_texts() {
    let arity = |name: &str| format!("(error) ERR wrong number of arguments for '{name}' command");
    let unknown = |name: &str, of: &str| format!("(error) ERR unknown subcommand '{name}'. Try {of} HELP.");
    let cases = [
        ("GET", arity("get")),
        ("get a b", arity("get")),
        ("SET a", arity("set")),
        ("MSET a", arity("mset")),
        ("MSET a 1 b", arity("mset")),
        ("MSETNX a 1 b", arity("msetnx")),
        ("DEL", arity("del")),
        ("DBSIZE x", arity("dbsize")),
        ("TIME x", arity("time")),
        ("CLIENT", arity("client")),
        ("client id x", arity("client|id")),
        ("CLIENT KILL", arity("client|kill")),
        ("CLIENT SETNAME", arity("client|setname")),
        ("CLIENT REPLY", arity("client|reply")),
        ("CONFIG", arity("config")),
        ("CONFIG GET", arity("config|get")),
        ("CLIENT NoPe", unknown("NoPe", "CLIENT")),
        ("client nope x", unknown("nope", "CLIENT")),
        ("CONFIG nope a", unknown("nope", "CONFIG")),
        ("COMMAND nope", unknown("nope", "COMMAND")),
    ];
    let server = start(2, "");
    let mut client = server.client();
    for (line, expected) in &cases {
        dialogue(&mut client, &[(line, expected)]);
    }
    let long = "x".repeat(200);
    let reply = client.cmd(&["CLIENT", &long]);
    let expected = format!("ERR unknown subcommand '{}'. Try CLIENT HELP.", &long[..128]);
    assert_eq!(reply, Value::error(&expected));
}

#[test]
fn resp3_types_are_used_only_after_hello_3() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "");
        let mut old = server.client();
        let mut new = server.client_resp3();
        assert_eq!(old.ask("GET none"), Value::NullBulk);
        assert_eq!(new.ask("GET none"), Value::Null);
        assert_eq!(old.ask("MGET none other"), Value::array([Value::NullBulk, Value::NullBulk]));
        assert_eq!(new.ask("MGET none other"), Value::array([Value::Null, Value::Null]));
        let (key, value) = (Value::bulk("databases"), Value::bulk("16"));
        assert_eq!(old.ask("CONFIG GET databases"), Value::array([key.clone(), value.clone()]));
        assert_eq!(new.ask("CONFIG GET databases"), Value::Map(vec![(key, value)]));
        assert!(matches!(old.ask("INFO server"), Value::Bulk(_)));
        assert!(matches!(new.ask("INFO server"), Value::Verbatim(format, _) if format == "txt"));
        assert!(matches!(new.ask("LCS none other IDX"), Value::Map(pairs) if pairs.len() == 2));
        // The switch takes effect inside a pipeline, from the reply to HELLO on, also for remote keys.
        let mut bytes = Vec::new();
        let mut expected = Vec::new();
        for round in 0..20 {
            for index in 0..10 {
                encode_into(&mut bytes, &["GET", &format!("none:{round}:{index}")]);
                expected.push(if round % 2 == 0 { Value::NullBulk } else { Value::Null });
            }
            encode_into(&mut bytes, &["HELLO", if round % 2 == 0 { "3" } else { "2" }]);
            expected.push(Value::Null);
        }
        let replies = old.try_exchange(&bytes, expected.len()).unwrap();
        for (index, (reply, expected)) in replies.iter().zip(&expected).enumerate() {
            if index % 11 < 10 {
                assert_eq!(reply, expected, "reply {index}");
            } else {
                assert_eq!(matches!(reply, Value::Map(_)), index / 11 % 2 == 0, "HELLO is reply {index}");
            }
        }
    });
}
