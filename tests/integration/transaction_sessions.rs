//! A transaction and the session it belongs to: session commands in the queue, RESET and QUIT, silenced
//! clients, what CLIENT LIST shows, authentication.

use testkit::{Client, Value};

use crate::scene::{dialogue, eventually, is_redis_70, last_words, shoal, skip_if, start, with_shards};
use crate::transactions::{EXECABORT, transaction};

const SHARDS: [usize; 3] = [1, 2, 3];

/// The value of a field of CLIENT INFO.
fn client_field(info: &Value, field: &str) -> Option<String> {
    let text = info.text();
    let prefix = format!("{field}=");
    text.split_ascii_whitespace().find_map(|word| word.strip_prefix(&prefix)).map(str::to_owned)
}

#[test]
fn session_commands_are_queued_too() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        let reply = transaction(
            &mut client,
            &[
                "CLIENT SETNAME teller",
                "CLIENT GETNAME",
                "ECHO hi",
                "CONFIG GET maxclients",
                "CLIENT ID",
                "COMMAND COUNT",
            ],
        );
        let elements = reply.as_slice().unwrap();
        assert_eq!(elements[..3], [Value::ok(), Value::bulk("teller"), Value::bulk("hi")]);
        assert_eq!(elements[3].as_slice().unwrap()[0], Value::bulk("maxclients"));
        assert!(elements[4].as_int().is_some() && elements[5].as_int().is_some(), "{reply}");

        assert_eq!(client.ask("MULTI"), Value::ok());
        assert_eq!(client.ask("HELLO 3"), Value::simple("QUEUED"));
        assert_eq!(client.ask("GET nosuch"), Value::simple("QUEUED"));
        let reply = client.ask("EXEC");
        let elements = reply.as_slice().unwrap();
        assert!(matches!(elements[0], Value::Map(_)), "{reply}");
        assert_eq!(elements[1], Value::Null, "the rest is RESP3");
        assert_eq!(client.ask("GET nosuch"), Value::Null);
    });
}

#[test]
fn reset_and_quit_end_a_transaction() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        dialogue(
            &mut client,
            &[
                ("MULTI", "OK"),
                ("SET a 1", "QUEUED"),
                ("RESET", "RESET"),
                ("EXEC", "(error) ERR EXEC without MULTI"),
                ("MULTI", "OK"),
                ("SET a 1", "QUEUED"),
                ("QUIT", "OK"),
            ],
        );
        assert_eq!(last_words(&mut client), "");
        let mut client = server.client();
        client.send_raw("MULTI\r\nSET a 1\r\n");
        client.shutdown_write();
        assert_eq!(last_words(&mut client), "+OK\r\n+QUEUED\r\n");
        assert_eq!(server.client().ask("EXISTS a"), Value::Int(0));
    });
}

#[test]
fn commands_that_forbid_transactions_are_refused_in_them() {
    let server = start(2, "");
    let mut client = server.client();
    let table = client.ask("COMMAND");
    let has_flag = |row: &Value, flag: &str| {
        row.as_slice().unwrap()[2].as_slice().unwrap().contains(&Value::simple(flag))
    };
    let forbidden = table.as_slice().unwrap().iter().filter(|row| has_flag(row, "no_multi"));
    for row in forbidden {
        let row = row.as_slice().unwrap();
        let (name, arity) = (row[0].text(), row[1].as_int().unwrap().unsigned_abs());
        // WATCH answers by itself and spoils nothing.
        if ["multi", "watch"].contains(&&*name) {
            continue;
        }
        let line = format!("{name}{}", " x".repeat(arity as usize - 1));
        dialogue(
            &mut client,
            &[
                ("MULTI", "OK"),
                (&line, "(error) ERR Command not allowed inside a transaction"),
                ("EXEC", EXECABORT),
            ],
        );
    }
}

#[test]
fn a_silenced_client_s_transaction_runs() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        client.send_raw("CLIENT REPLY OFF\r\nMULTI\r\nMSET a 1 b 2\r\nINCR a\r\nEXEC\r\nCLIENT REPLY ON\r\n");
        assert_eq!(client.recv(), Value::ok());
        assert_eq!(client.ask("MGET a b"), Value::array([Value::bulk("2"), Value::bulk("2")]));
        client.send_raw("CLIENT REPLY SKIP\r\nMULTI\r\nINCR a\r\nEXEC\r\n");
        assert_eq!([client.recv(), client.recv()], [Value::simple("QUEUED"), Value::array([Value::Int(3)])]);
        client.send_raw("MULTI\r\nINCR a\r\nINCR b\r\nCLIENT REPLY OFF\r\nDISCARD\r\n");
        let replies = [client.recv(), client.recv(), client.recv(), client.recv(), client.recv()];
        assert_eq!(replies[4], Value::ok(), "a discarded CLIENT REPLY OFF has no effect");
        assert_eq!(client.ask("GET a"), Value::bulk("3"));
    });
}

#[test]
fn a_client_s_line_shows_its_transaction() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        let mut witness = server.client();
        let id = client.ask("CLIENT ID").as_int().unwrap();
        let mut shown = |field: &str| client_field(&witness.ask(&format!("CLIENT LIST ID {id}")), field);
        assert_eq!(shown("multi").as_deref(), Some("-1"));
        assert_eq!(client.ask("MULTI"), Value::ok());
        assert_eq!(shown("multi").as_deref(), Some("0"));
        assert!(shown("flags").unwrap().contains('x'));
        for queued in 1..=3 {
            assert_eq!(client.ask("GET a"), Value::simple("QUEUED"));
            assert_eq!(shown("multi"), Some(queued.to_string()));
        }
        assert_eq!(client.ask("CLIENT INFO"), Value::simple("QUEUED"));
        let reply = client.ask("EXEC");
        let info = &reply.as_slice().unwrap()[3];
        assert_eq!(client_field(info, "multi").as_deref(), Some("4"), "{info}");
        assert_eq!(shown("multi").as_deref(), Some("-1"));
        assert!(!shown("flags").unwrap().contains('x'));
    });
}

/// What CLIENT LIST shows of watched keys came with Redis 7.4; where it is shown it must be right.
#[test]
fn a_client_s_line_shows_the_number_of_keys_it_watches() {
    let server = start(2, "");
    let mut client = server.client();
    let mut watched = || client_field(&client.ask("CLIENT INFO"), "watch");
    if skip_if(watched().is_none(), "this server does not show it") {
        return;
    }
    assert_eq!(watched().as_deref(), Some("0"));
    assert_eq!(client.ask("WATCH a b c a"), Value::ok());
    let mut watched = || client_field(&client.ask("CLIENT INFO"), "watch");
    assert_eq!(watched().as_deref(), Some("3"));
    assert_eq!(client.ask("UNWATCH"), Value::ok());
    assert_eq!(client_field(&client.ask("CLIENT INFO"), "watch").as_deref(), Some("0"));
}

#[test]
fn a_transaction_needs_authentication_as_everything_does() {
    let server = shoal(2).args(["--requirepass", "secret"]).start();
    let mut client = server.client();
    let no_auth = "(error) NOAUTH Authentication required.";
    dialogue(
        &mut client,
        &[
            ("MULTI", no_auth),
            ("EXEC", "(error) EXECABORT Transaction discarded because of: NOAUTH Authentication required."),
            ("DISCARD", no_auth),
            ("AUTH secret", "OK"),
            ("MULTI", "OK"),
            ("AUTH wrong", "QUEUED"),
            ("SET a 1", "QUEUED"),
        ],
    );
    let reply = client.ask("EXEC");
    let elements = reply.as_slice().unwrap();
    assert!(elements[0].text().starts_with("WRONGPASS"), "{reply}");
    assert_eq!(elements[1], Value::ok());
    eventually("the key is seen", || client.ask("EXISTS a") == Value::Int(1));
}

#[test]
fn commands_of_a_transaction_find_what_those_before_them_have_changed() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "--requirepass secret --maxmemory-policy allkeys-lfu --lfu-decay-time 0");
        let mut client = server.client();
        assert_eq!(client.ask("AUTH secret"), Value::ok());

        let reply = transaction(&mut client, &["SELECT 1", "SET k 1", "SELECT 99", "SELECT 0", "EXISTS k"]);
        let elements = reply.as_slice().unwrap();
        assert!(elements[2].text().starts_with("ERR DB index"), "{reply}");
        assert_eq!(elements[4], Value::Int(0), "{reply}");

        let reply = transaction(&mut client, &["HELLO 3 AUTH default wrong", "GET nosuch"]);
        let elements = reply.as_slice().unwrap();
        assert!(elements[0].text().starts_with("WRONGPASS"), "{reply}");
        assert_eq!(elements[1], Value::NullBulk, "a HELLO that is refused changes no protocol");
        let reply = transaction(&mut client, &["HELLO 3 AUTH default secret", "GET nosuch"]);
        assert_eq!(reply.as_slice().unwrap()[1], Value::Null);

        if skip_if(is_redis_70(), "CLIENT NO-TOUCH came with Redis 7.2") {
            return;
        }
        // The first use of a new key counts for certain.
        let frequency = |client: &mut Client, in_transaction: &[&str]| {
            client.ask("SET k 1");
            transaction(client, in_transaction);
            client.ask("OBJECT FREQ k").as_int()
        };
        assert_eq!(frequency(&mut client, &["CLIENT NO-TOUCH ON", "GET k"]), Some(5));
        assert_eq!(frequency(&mut client, &["CLIENT NO-TOUCH maybe", "GET k"]), Some(5));
        assert_eq!(client.ask("DEL k"), Value::Int(1));
        assert_eq!(frequency(&mut client, &["CLIENT NO-TOUCH OFF", "GET k"]), Some(6));
    });
}
