//! Requests without arguments: they have no reply, but what was said for the next request is over with them
//! (Redis: resetClient).

use testkit::{Server, Value};

use crate::scene::{last_words, start, with_shards};

/// Each of them is one request without arguments.
const EMPTY: [&str; 4] = ["*0\r\n", "*-1\r\n", "\r\n", "\n"];

/// What a client reads that sends this, in pieces of so many bytes, and leaves.
fn replies(server: &Server, requests: &str, piece_bytes: usize) -> String {
    let mut client = server.client();
    for piece in format!("{requests}QUIT\r\n").as_bytes().chunks(piece_bytes) {
        client.send_raw(piece);
    }
    last_words(&mut client)
}

/// A request as an array, which can be taken apart ahead of its turn.
fn array(words: &[&str]) -> String {
    let words: String = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
    format!("*{}\r\n{words}", words.matches('$').count())
}

#[test]
fn an_empty_request_uses_up_the_skip_of_client_reply() {
    let skip = array(&["CLIENT", "REPLY", "SKIP"]);
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        for empty in EMPTY {
            for piece_bytes in [1, 7, 1000] {
                for ping in ["PING\r\n".to_owned(), array(&["PING"])] {
                    let requests = format!("{ping}{skip}{empty}{ping}{skip}{ping}{empty}{ping}");
                    let expected = "+PONG\r\n+PONG\r\n+PONG\r\n+OK\r\n";
                    assert_eq!(replies(&server, &requests, piece_bytes), expected, "{requests:?}");
                }
            }
        }
        // OFF stays.
        let requests = "CLIENT REPLY OFF\r\n*0\r\nPING\r\nCLIENT REPLY ON\r\n*0\r\n";
        assert_eq!(replies(&server, requests, 1000), "+OK\r\n+OK\r\n");
    });
}

#[test]
fn an_empty_request_uses_up_the_word_of_client_caching_but_not_in_a_transaction() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        for empty in EMPTY {
            let mut client = server.client();
            client.ask("HELLO 3");
            client.ask("CLIENT TRACKING ON OPTIN");
            let mut is_said_after = |before: &[&str]| {
                before.iter().for_each(|request| _ = client.ask(request));
                client.send_raw(empty);
                client.ask("CLIENT TRACKINGINFO").to_string().contains("caching-yes")
            };
            assert!(!is_said_after(&["CLIENT CACHING YES"]), "{empty:?}");
            assert!(!is_said_after(&["CLIENT CACHING YES", "MULTI"]), "queued");
            assert!(client.ask("EXEC").to_string().contains("caching-yes"), "{empty:?}");
            assert_eq!(client.ask("PING"), Value::simple("PONG"));
        }
    });
}
