//! Lengths that a client announces and does not keep: they must cost the server next to nothing.

use testkit::{Client, Value};

use crate::scene::{alone, start, with_shards};

/// Growth of resident memory, in bytes, that a hundred idle connections may cause, whatever they announced.
const GROWTH_MAX: u64 = 64 << 20;

fn hundred_clients_that_send(announcement: &str) {
    let _alone = alone();
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "");
        let mut witness = server.client();
        let before = server.resident_bytes();
        let announcers: Vec<Client> = (0..100)
            .map(|_| {
                let mut client = server.client();
                // The reply to PING proves that the server has read up to the announcement, which is in the
                // same packet.
                client.send_raw(format!("PING\r\n{announcement}"));
                assert_eq!(client.recv(), Value::simple("PONG"));
                client
            })
            .collect();
        assert_eq!(witness.ask("PING"), Value::simple("PONG"));
        let growth = server.resident_bytes().saturating_sub(before);
        assert!(growth < GROWTH_MAX, "{growth} bytes more for {} announcements", announcers.len());
    });
}

#[test]
fn an_announced_argument_of_512_mb_costs_no_memory() {
    hundred_clients_that_send("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$536870912\r\n");
}

#[test]
fn an_announced_argument_of_512_mb_with_a_few_bytes_costs_no_memory() {
    hundred_clients_that_send(&format!("*2\r\n$4\r\nECHO\r\n$536870912\r\n{}", "x".repeat(40_000)));
}

#[test]
fn two_billion_announced_arguments_cost_no_memory() {
    hundred_clients_that_send("*2147483647\r\n$3\r\nDEL\r\n$1\r\nk\r\n");
}
