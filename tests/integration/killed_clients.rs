//! Clients that are killed are gone for everything that comes behind; clients that are only being sent the
//! rest are there.

use testkit::client::encode;
use testkit::{Client, Server, Value};

use crate::scene::{PATIENCE, client_count, eventually, is_oracle, skip_if, start, with_shards};

/// A number of INFO.
fn info(text: &str, name: &str) -> usize {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.unwrap_or_else(|| panic!("INFO has no {name}")).parse().unwrap()
}

fn id(client: &mut Client) -> String {
    client.ask("CLIENT ID").as_int().unwrap().to_string()
}

fn is_blocked(admin: &mut Client, id: &str) -> bool {
    admin.ask(&format!("CLIENT LIST ID {id}")).text().contains(" flags=b ")
}

#[test]
fn what_stands_behind_client_kill_in_a_pipeline_does_not_meet_the_client() {
    with_shards(&[1, 4], |shards| {
        let server = start(shards, "");
        let mut admin = server.client();
        let cases = [
            ("SUBSCRIBE ch", "PUBSUB NUMSUB ch", "1) \"ch\"\n2) (integer) 0"),
            ("SUBSCRIBE ch", "PUBSUB CHANNELS", "(empty array)"),
            ("SUBSCRIBE ch", "PUBLISH ch x", "(integer) 0"),
            ("PSUBSCRIBE c*", "PUBSUB NUMPAT", "(integer) 0"),
            ("PSUBSCRIBE c*", "PUBLISH ch x", "(integer) 0"),
            ("SSUBSCRIBE sh", "PUBSUB SHARDNUMSUB sh", "1) \"sh\"\n2) (integer) 0"),
            ("SSUBSCRIBE sh", "PUBSUB SHARDCHANNELS", "(empty array)"),
            ("SSUBSCRIBE sh", "SPUBLISH sh x", "(integer) 0"),
            ("BLPOP q 0", "RPUSH q x", "(integer) 1"),
            ("XREAD BLOCK 0 STREAMS st $", "CLIENT LIST TYPE pubsub", "\"\""),
        ];
        for round in 0..10 {
            for (line, question, expected) in cases {
                let mut victim = server.client();
                let id = id(&mut victim);
                victim.send_raw(encode(&line.split(' ').collect::<Vec<_>>()));
                if line.contains('0') {
                    eventually("it waits", || is_blocked(&mut admin, &id));
                } else {
                    victim.recv();
                }
                let kill = ["CLIENT", "KILL", "ID", &id];
                let replies =
                    admin.pipeline(&[&kill[..], &question.split(' ').collect::<Vec<_>>(), &["DEL", "q"]]);
                assert_eq!(replies[0], Value::Int(1), "{line}");
                assert_eq!(
                    replies[1].to_string(),
                    expected,
                    "{line}; CLIENT KILL; {question}; round {round}"
                );
            }
        }
    });
}

#[test]
fn info_and_client_list_behind_client_kill_count_the_client_no_more() {
    with_shards(&[1, 4], |shards| {
        let server = start(shards, "");
        let mut admin = server.client();
        eventually("nobody else is connected", || client_count(&mut admin) == 1);
        for line in
            ["BLPOP q 0", "CLIENT TRACKING ON BCAST PREFIX p", "SUBSCRIBE a", "PSUBSCRIBE a*", "SSUBSCRIBE a"]
        {
            for _ in 0..5 {
                let mut victim = server.client_resp3();
                let id = id(&mut victim);
                victim.send_raw(encode(&line.split(' ').collect::<Vec<_>>()));
                if line.starts_with('B') {
                    eventually("it waits", || is_blocked(&mut admin, &id));
                } else {
                    victim.recv();
                }
                let kill = ["CLIENT", "KILL", "ID", &id];
                let replies = admin.pipeline(&[&kill[..], &["INFO"], &["CLIENT", "LIST"]]);
                let text = replies[1].text();
                assert_eq!(info(&text, "connected_clients"), 1, "{line}");
                let names =
                    ["blocked_clients", "tracking_clients", "tracking_total_prefixes", "pubsub_channels"];
                for name in names.into_iter().chain(["pubsub_patterns", "pubsubshard_channels"]) {
                    assert_eq!(info(&text, name), 0, "{line}; CLIENT KILL; INFO: {name}");
                }
                assert_eq!(replies[2].text().lines().count(), 1, "{line}");
            }
        }
    });
}

/// More than the kernel takes for one connection, and less than what keeps the server from executing what
/// comes behind.
const BIG_BYTES: usize = 12 << 20;

/// A client that has asked for more than the kernel takes, has then sent `end`, and does not read.
fn full_client(server: &Server, end: &str) -> Client {
    let mut client = server.client();
    client.send_raw(format!("GET big\r\n{end}"));
    client
}

const ENDS: [(&str, usize); 2] = [("QUIT\r\n", 10), ("*1\r\nnonsense\r\n", 10)];

/// Fills `clients` with such clients, and waits until all are seen as what they are.
fn fill(server: &Server, admin: &mut Client) -> Vec<Client> {
    admin.cmd(&["SET", "big", &"x".repeat(BIG_BYTES)]);
    eventually("nobody else is connected", || client_count(admin) == 1);
    let clients: Vec<Client> =
        ENDS.iter().flat_map(|(end, count)| (0..*count).map(|_| full_client(server, end))).collect();
    eventually("all are listed as being closed", || {
        let list = admin.ask("CLIENT LIST").text();
        list.lines().filter(|line| line.contains(" flags=c ")).count() == clients.len()
    });
    clients
}

#[test]
fn a_client_that_is_being_sent_the_rest_is_listed_counted_and_can_be_killed() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut admin = server.client();
        let clients = fill(&server, &mut admin);
        let count = clients.len();
        assert_eq!(info(&admin.ask("INFO clients").text(), "connected_clients"), count + 1);
        let kill = ["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"];
        let replies = admin.pipeline(&[&kill[..], &["CLIENT", "LIST"], &["INFO", "clients"], &kill]);
        assert_eq!(replies[0], Value::Int(count as i64));
        assert_eq!(replies[1].text().lines().count(), 1);
        assert_eq!(info(&replies[2].text(), "connected_clients"), 1);
        assert_eq!(replies[3], Value::Int(0));
    });
}

#[test]
fn a_client_that_is_being_sent_the_rest_is_subject_to_timeout_and_output_limits() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut admin = server.client();
        for limit in ["timeout 1", "client-output-buffer-limit"] {
            let clients = fill(&server, &mut admin);
            if limit.starts_with('t') {
                admin.ask("CONFIG SET timeout 1");
            } else {
                admin.cmd(&["CONFIG", "SET", limit, "normal 0 1000000 1"]);
            }
            eventually("they are closed", || client_count(&mut admin) == 1);
            admin.cmd(&["CONFIG", "SET", "timeout", "0", "client-output-buffer-limit", "normal 0 0 0"]);
            drop(clients);
        }
    });
}

#[test]
fn a_subscriber_that_is_being_sent_the_rest_counts_and_gets_no_more() {
    let server = start(1, "");
    let mut admin = server.client();
    admin.cmd(&["SET", "big", &"x".repeat(BIG_BYTES)]);
    let mut client = server.client_resp3();
    client.set_timeout(PATIENCE);
    client.ask("SUBSCRIBE c");
    client.send_raw("GET big\r\nQUIT\r\n");
    eventually("it is being closed", || admin.ask("CLIENT LIST").text().contains(" flags=Pc "));
    assert_eq!(admin.ask("PUBLISH c m"), Value::Int(1));
    assert_eq!(admin.ask("PUBSUB NUMSUB c").to_string(), "1) \"c\"\n2) (integer) 1");
    assert_eq!(client.recv().text().len(), BIG_BYTES);
    assert_eq!(client.recv_until_closed(), b"+OK\r\n");
    eventually("it has gone", || admin.ask("PUBLISH c m") == Value::Int(0));
}

#[test]
fn a_transaction_of_a_killed_client_runs_to_its_end_and_subscribes_to_nothing() {
    if skip_if(is_oracle(), "nobody can be killed inside EXEC there") {
        return;
    }
    with_shards(&[3], |shards| {
        let server = start(shards, "");
        let mut admin = server.client();
        for round in 0..30 {
            let mut victim = server.client();
            let id = id(&mut victim);
            // Inquiries to all workers keep the transaction under way while it is killed.
            let inquiries = "INFO\r\n".repeat(40);
            victim
                .send_raw(format!("MULTI\r\n{inquiries}SUBSCRIBE left\r\nPUBLISH done {round}\r\nEXEC\r\n"));
            admin.ask(&format!("CLIENT KILL ID {id}"));
            eventually("it subscribes to nothing", || {
                admin.ask("PUBSUB NUMSUB left").to_string() == "1) \"left\"\n2) (integer) 0"
            });
        }
        eventually("nothing is left", || client_count(&mut admin) == 1);
        let text = admin.ask("INFO").text();
        assert_eq!((info(&text, "pubsub_channels"), info(&text, "connected_clients")), (0, 1));
    });
}
