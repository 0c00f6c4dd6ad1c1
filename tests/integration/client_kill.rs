//! CLIENT KILL in both its forms, across workers.

use testkit::{Client, Server, Value};

use crate::scene::{client_count, dialogue, eventually, last_words, start, with_shards};

fn clients(server: &Server, count: usize) -> Vec<Client> {
    let connected = (0..count).map(|_| {
        let mut client = server.client();
        assert_eq!(client.ask("PING"), Value::simple("PONG"));
        client
    });
    connected.collect()
}

/// The asking client is alone: connections of the start of the server are forgotten.
fn wait_until_alone(client: &mut Client) {
    eventually("nobody else is connected", || client_count(client) == 1);
}

#[test]
fn the_old_form_kills_by_address_on_every_worker() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut killer = server.client();
        for mut victim in clients(&server, 16) {
            let addr = victim.local_addr().unwrap().to_string();
            assert_eq!(killer.cmd(&["CLIENT", "KILL", &addr]), Value::ok());
            assert_eq!(last_words(&mut victim), "");
            assert_eq!(killer.cmd(&["CLIENT", "KILL", &addr]), Value::error("ERR No such client"));
        }
        dialogue(
            &mut killer,
            &[
                ("CLIENT KILL 1.2.3.4:5", "(error) ERR No such client"),
                ("CLIENT KILL nosuch", "(error) ERR No such client"),
            ],
        );
        assert_eq!(client_count(&mut killer), 1);
    });
}

#[test]
fn the_old_form_kills_the_asker_after_its_reply() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        let addr = client.local_addr().unwrap();
        client.send_raw(format!("CLIENT KILL {addr}\r\nSET after 1\r\n"));
        assert_eq!(last_words(&mut client), "+OK\r\n");
        assert_eq!(server.client().ask("EXISTS after"), Value::Int(0));
    });
}

#[test]
fn kill_by_id_and_by_addr_reaches_every_worker() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut killer = server.client();
        for (index, mut victim) in clients(&server, 16).into_iter().enumerate() {
            let id = victim.ask("CLIENT ID").as_int().unwrap().to_string();
            let addr = victim.local_addr().unwrap().to_string();
            let filters: &[&str] = match index % 4 {
                0 => &["ID", &id],
                1 => &["ADDR", &addr],
                2 => &["id", &id, "addr", &addr, "type", "normal", "user", "default", "skipme", "yes"],
                _ => &["ID", &id, "SKIPME", "no"],
            };
            let kill = [&["CLIENT", "KILL"], filters].concat();
            assert_eq!(killer.cmd(&kill), Value::Int(1), "{kill:?}");
            assert_eq!(last_words(&mut victim), "");
            assert_eq!(killer.cmd(&kill), Value::Int(0), "{kill:?}");
        }
    });
}

#[test]
fn filters_must_all_match() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "");
        let mut killer = server.client();
        let mut victim = server.client();
        let id = victim.ask("CLIENT ID").as_int().unwrap();
        dialogue(
            &mut killer,
            &[
                (&format!("CLIENT KILL ID {id} TYPE pubsub"), "(integer) 0"),
                (&format!("CLIENT KILL ID {id} ADDR 1.1.1.1:1"), "(integer) 0"),
                (&format!("CLIENT KILL ID {id} LADDR 127.0.0.1:1"), "(integer) 0"),
                ("CLIENT KILL TYPE replica", "(integer) 0"),
                ("CLIENT KILL TYPE master", "(integer) 0"),
            ],
        );
        assert_eq!(victim.ask("PING"), Value::simple("PONG"));
    });
}

#[test]
fn kill_by_type_laddr_and_user_spares_the_asker_unless_told_otherwise() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut killer = server.client();
        wait_until_alone(&mut killer);
        let laddr = format!("CLIENT KILL LADDR {}", server.addr());
        for kill in ["CLIENT KILL TYPE normal", &laddr, "CLIENT KILL USER default", "CLIENT KILL SKIPME yes"]
        {
            let victims = clients(&server, 20);
            assert_eq!(killer.ask(kill), Value::Int(20), "{kill}");
            for mut victim in victims {
                assert_eq!(last_words(&mut victim), "");
            }
            assert_eq!(client_count(&mut killer), 1);
        }
        let victims = clients(&server, 20);
        killer.send_raw("CLIENT KILL TYPE normal SKIPME no\r\nSET after 1\r\n");
        assert_eq!(last_words(&mut killer), ":21\r\n");
        for mut victim in victims {
            assert_eq!(last_words(&mut victim), "");
        }
        assert_eq!(server.client().ask("EXISTS after"), Value::Int(0));
    });
}

#[test]
fn wrong_filters_are_refused_and_kill_nobody() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        let mut other = server.client();
        let id = "(error) ERR client-id should be greater than 0";
        let syntax = "(error) ERR syntax error";
        dialogue(
            &mut client,
            &[
                ("CLIENT KILL", "(error) ERR wrong number of arguments for 'client|kill' command"),
                ("CLIENT KILL ID abc", id),
                ("CLIENT KILL ID 0", id),
                ("CLIENT KILL ID -5", id),
                ("CLIENT KILL ID 99999999", "(integer) 0"),
                ("CLIENT KILL TYPE nosuch", "(error) ERR Unknown client type 'nosuch'"),
                ("CLIENT KILL USER nobody", "(error) ERR No such user 'nobody'"),
                ("CLIENT KILL SKIPME maybe", syntax),
                ("CLIENT KILL nosuch x", syntax),
                ("CLIENT KILL TYPE normal SKIPME", syntax),
                ("CLIENT KILL TYPE normal nosuch x", syntax),
            ],
        );
        assert_eq!(other.ask("PING"), Value::simple("PONG"));
    });
}

#[test]
fn a_killed_client_s_pipeline_stops_between_two_commands() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut killer = server.client();
        wait_until_alone(&mut killer);
        for round in 0..20 {
            let mut victim = server.client();
            victim.send_raw(format!("INCR victim:{round}\r\n").repeat(3_000));
            assert_eq!(victim.recv(), Value::Int(1));
            assert_eq!(killer.ask("CLIENT KILL TYPE normal"), Value::Int(1));
            let replies = last_words(&mut victim);
            // Whatever came is the beginning of the right answer.
            let expected: String = (2..=3_000).map(|count| format!(":{count}\r\n")).collect();
            assert!(expected.starts_with(&replies), "round {round}: {replies:.100}");
            assert_eq!(client_count(&mut killer), 1);
        }
    });
}
