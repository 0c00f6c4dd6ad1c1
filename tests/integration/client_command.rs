//! CLIENT without KILL: who is connected, on whichever worker, and what a connection says about itself.

use testkit::{Client, Server, Value};

use crate::scene::{
    client_count, dialogue, eventually, is_oracle, is_redis_70, last_words, skip_if, start, with_shards,
};

/// Connections enough that every worker has some.
const CONNECTIONS: usize = 24;

/// The fields of a CLIENT LIST line in Redis 7.2, in order.
const FIELDS: &str = "id addr laddr fd name age idle flags db sub psub ssub multi qbuf qbuf-free argv-mem multi-mem rbs \
rbp obl oll omem tot-mem events cmd user redir resp lib-name lib-ver";

fn named_clients(server: &Server) -> Vec<Client> {
    let clients = (0..CONNECTIONS).map(|index| {
        let mut client = server.client();
        assert_eq!(client.cmd(&["CLIENT", "SETNAME", &format!("name:{index}")]), Value::ok());
        client
    });
    clients.collect()
}

/// The value of a field in a line of CLIENT LIST.
fn field<'a>(line: &'a str, name: &str) -> &'a str {
    let mut pairs = line.split_ascii_whitespace().filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).unwrap_or_else(|| panic!("no {name} in {line}")).1
}

fn id_of(client: &mut Client) -> i64 {
    client.ask("CLIENT ID").as_int().expect("CLIENT ID is an integer")
}

#[test]
fn ids_are_unique_and_grow() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut ids = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut client = server.client();
            ids.push(id_of(&mut client));
            assert_eq!(id_of(&mut client), ids[ids.len() - 1]);
        }
        assert!(ids.is_sorted() && ids[0] > 0, "{ids:?}");
        ids.dedup();
        assert_eq!(ids.len(), CONNECTIONS);
    });
}

#[test]
fn list_shows_the_clients_of_all_workers_from_each_of_them() {
    with_shards(&[1, 2, 3], |shards| {
        let server = start(shards, "");
        let mut clients = named_clients(&server);
        let mut expected: Vec<(String, String, String)> = clients
            .iter_mut()
            .enumerate()
            .map(|(index, client)| {
                let addr = client.local_addr().unwrap().to_string();
                (id_of(client).to_string(), addr, format!("name:{index}"))
            })
            .collect();
        expected.sort();
        for client in &mut clients {
            eventually("only our clients are connected", || client_count(client) == CONNECTIONS);
            let list = client.ask("CLIENT LIST").text();
            let mut shown: Vec<(String, String, String)> = list
                .lines()
                .map(|line| {
                    assert_eq!(field(line, "laddr"), server.addr().to_string());
                    ["id", "addr", "name"].map(|name| field(line, name).to_owned()).into()
                })
                .collect();
            shown.sort();
            assert_eq!(shown, expected);
        }
    });
}

#[test]
fn a_line_has_the_fields_of_redis_72_in_their_order() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        eventually("nobody else is connected", || client_count(&mut client) == 1);
        let info = client.ask("CLIENT INFO").text();
        assert!(info.ends_with('\n'), "{info:?}");
        let shown: Vec<&str> =
            info.trim_end().split(' ').map(|pair| pair.split_once('=').expect("name=value").0).collect();
        let mut expected: Vec<&str> = FIELDS.split_ascii_whitespace().collect();
        if is_redis_70() {
            expected.truncate(28);
        }
        if !is_oracle() || is_redis_70() {
            assert_eq!(shown, expected);
        }
        for (name, value) in [
            ("name", ""),
            ("flags", "N"),
            ("db", "0"),
            ("sub", "0"),
            ("psub", "0"),
            ("ssub", "0"),
            ("multi", "-1"),
            ("events", "r"),
            ("cmd", "client|info"),
            ("user", "default"),
            ("redir", "-1"),
            ("resp", "2"),
        ] {
            assert_eq!(field(&info, name), value, "{name} in {info}");
        }
        for name in [
            "fd",
            "age",
            "idle",
            "qbuf",
            "qbuf-free",
            "argv-mem",
            "multi-mem",
            "rbs",
            "rbp",
            "obl",
            "oll",
            "omem",
            "tot-mem",
        ] {
            assert!(field(&info, name).parse::<u64>().is_ok(), "{name} in {info}");
        }
        assert_eq!(field(&client.ask("CLIENT LIST").text(), "cmd"), "client|list");
    });
}

#[test]
fn a_line_tells_what_each_client_did_last() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut clients = named_clients(&server);
        for (index, client) in clients.iter_mut().enumerate() {
            match index % 4 {
                0 => client.ask("SELECT 3"),
                1 => client.ask("SET key value"),
                2 => client.hello(3),
                _ => client.ask("GET none"),
            };
        }
        let list = server.client().ask("CLIENT LIST TYPE normal").text();
        for line in list.lines().filter(|line| !field(line, "name").is_empty()) {
            let index: usize = field(line, "name")["name:".len()..].parse().unwrap();
            let (cmd, db, resp) =
                [("select", "3", "2"), ("set", "0", "2"), ("hello", "0", "3"), ("get", "0", "2")][index % 4];
            assert_eq!(
                [field(line, "cmd"), field(line, "db"), field(line, "resp")],
                [cmd, db, resp],
                "{line}"
            );
        }
    });
}

#[test]
fn list_filters_by_type_and_by_id() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut clients = named_clients(&server);
        let ids: Vec<String> = clients.iter_mut().map(|client| id_of(client).to_string()).collect();
        let mut asker = server.client();
        let list = asker.cmd(&["CLIENT", "LIST", "ID", &ids[3], "99999999", &ids[17], &ids[9]]).text();
        let mut shown: Vec<&str> = list.lines().map(|line| field(line, "name")).collect();
        shown.sort_unstable();
        assert_eq!(shown, ["name:17", "name:3", "name:9"]);
        assert_eq!(asker.ask("CLIENT LIST TYPE normal").text().lines().count(), client_count(&mut asker));
        dialogue(
            &mut asker,
            &[
                ("CLIENT LIST ID 99999999", "\"\""),
                ("CLIENT LIST TYPE replica", "\"\""),
                ("CLIENT LIST TYPE slave", "\"\""),
                ("CLIENT LIST TYPE master", "\"\""),
                ("CLIENT LIST TYPE pubsub", "\"\""),
                ("CLIENT LIST TYPE nosuch", "(error) ERR Unknown client type 'nosuch'"),
                ("CLIENT LIST TYPE", "(error) ERR syntax error"),
                ("CLIENT LIST ID", "(error) ERR syntax error"),
                ("CLIENT LIST nosuch", "(error) ERR syntax error"),
            ],
        );
        if is_redis_70() || !is_oracle() {
            dialogue(&mut asker, &[("CLIENT LIST ID abc", "(error) ERR Invalid client ID")]);
            dialogue(&mut asker, &[("CLIENT LIST TYPE normal ID 1", "(error) ERR syntax error")]);
        }
    });
}

#[test]
fn list_by_ids_shows_each_as_often_as_it_is_asked_for_in_that_order_and_numbers_of_nobody_not() {
    if skip_if(is_oracle() && !is_redis_70(), "Valkey takes positive numbers alone") {
        return;
    }
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut clients = named_clients(&server);
        let ids: Vec<String> = clients.iter_mut().map(|client| id_of(client).to_string()).collect();
        let mut asker = server.client();
        let nobody = ["0", "-1", "-9223372036854775808", "9223372036854775807"];
        let list =
            [&["CLIENT", "LIST", "ID", &ids[9], "0", &ids[3]], &nobody[..], &[&ids[17], &ids[9]]].concat();
        let list = asker.cmd(&list).text();
        let shown: Vec<&str> = list.lines().map(|line| field(line, "name")).collect();
        assert_eq!(shown, ["name:9", "name:3", "name:17", "name:9"]);
        assert_eq!(asker.cmd(&[&["CLIENT", "LIST", "ID"], &nobody[..]].concat()).text(), "");
        for wrong in ["", "abc", "1.5", "0x1", "+1", "01", "18446744073709551615"] {
            let reply = asker.cmd(&["CLIENT", "LIST", "ID", &ids[3], wrong]);
            assert_eq!(reply, Value::error("ERR Invalid client ID"), "{wrong}");
        }
    });
}

#[test]
fn the_last_command_of_a_line_is_what_was_refused_and_none_after_an_unknown_one() {
    let server = start(1, "");
    let mut client = server.client();
    let id = id_of(&mut client);
    let mut asker = server.client();
    for (line, shown) in
        [("GET", "get"), ("NOSUCH", "NULL"), ("CLIENT NOSUCH", "NULL"), ("CLIENT ID x", "client|id")]
    {
        assert!(client.ask(line).is_error());
        let list = asker.ask(&format!("CLIENT LIST ID {id}")).text();
        assert_eq!(field(&list, "cmd"), shown, "{line}");
    }
}

#[test]
fn names_are_set_read_and_taken_back() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        let refused = Value::error("ERR Client names cannot contain spaces, newlines or special characters.");
        dialogue(
            &mut client,
            &[
                ("CLIENT GETNAME", "(nil) as a bulk string"),
                ("CLIENT SETNAME joe", "OK"),
                ("CLIENT GETNAME", "\"joe\""),
                ("CLIENT SETNAME !~#", "OK"),
            ],
        );
        for name in [b"a b".as_slice(), b"a\nb", b"\x1f", b"a\x7f", b"\xe4"] {
            assert_eq!(client.cmd(&[b"CLIENT".as_slice(), b"SETNAME", name]), refused, "{name:?}");
        }
        assert_eq!(client.ask("CLIENT GETNAME"), Value::bulk("!~#"));
        assert_eq!(client.cmd(&["CLIENT", "SETNAME", ""]), Value::ok());
        assert_eq!(client.ask("CLIENT GETNAME"), Value::NullBulk);
        assert_eq!(server.client_resp3().ask("CLIENT GETNAME"), Value::Null);
    });
}

#[test]
fn setinfo_tells_the_library() {
    if skip_if(is_redis_70(), "CLIENT SETINFO came with Redis 7.2") {
        return;
    }
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        dialogue(
            &mut client,
            &[
                ("CLIENT SETINFO LIB-NAME redis-py", "OK"),
                ("CLIENT SETINFO lib-ver 5.0.1", "OK"),
                ("CLIENT SETINFO nosuch x", "(error) ERR Unrecognized option 'nosuch'"),
                (
                    "CLIENT SETINFO LIB-NAME",
                    "(error) ERR wrong number of arguments for 'client|setinfo' command",
                ),
            ],
        );
        let refused = |what: &str| {
            Value::error(&format!("ERR {what} cannot contain spaces, newlines or special characters."))
        };
        assert_eq!(client.cmd(&["CLIENT", "SETINFO", "lib-name", "a b"]), refused("lib-name"));
        assert_eq!(client.cmd(&["CLIENT", "SETINFO", "LIB-VER", "1\n2"]), refused("LIB-VER"));
        let info = client.ask("CLIENT INFO").text();
        assert_eq!([field(&info, "lib-name"), field(&info, "lib-ver")], ["redis-py", "5.0.1"]);
        // RESET keeps what describes the library: it is still the same program.
        assert_eq!(client.ask("RESET"), Value::simple("RESET"));
        assert_eq!(field(&client.ask("CLIENT INFO").text(), "lib-name"), "redis-py");
        assert_eq!(client.cmd(&["CLIENT", "SETINFO", "lib-name", ""]), Value::ok());
        assert_eq!(field(&client.ask("CLIENT INFO").text(), "lib-name"), "");
    });
}

#[test]
fn reply_off_skip_and_on() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        for (request, replies) in [
            ("CLIENT REPLY ON\r\n", "+OK\r\n"),
            (
                "CLIENT REPLY OFF\r\nSET a 1\r\nGET a\r\nnosuch\r\nMGET a b c\r\nCLIENT REPLY ON\r\nGET a\r\n",
                "+OK\r\n$1\r\n1\r\n",
            ),
            ("CLIENT REPLY SKIP\r\nSET b 1\r\nGET b\r\n", "$1\r\n1\r\n"),
            (
                "CLIENT REPLY SKIP\r\nnosuch\r\nECHO x\r\nCLIENT REPLY SKIP\r\nGET\r\nECHO y\r\n",
                "$1\r\nx\r\n$1\r\ny\r\n",
            ),
            (
                "CLIENT REPLY SKIP\r\nMSET c 1 d 2 e 3\r\nMGET c d e\r\n",
                "*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n",
            ),
            ("CLIENT REPLY SKIP\r\nCLIENT REPLY ON\r\nECHO y\r\n", "+OK\r\n$1\r\ny\r\n"),
            ("CLIENT REPLY OFF\r\nCLIENT REPLY SKIP\r\nECHO y\r\nECHO z\r\nCLIENT REPLY ON\r\n", "+OK\r\n"),
            ("CLIENT REPLY nosuch\r\n", "-ERR syntax error\r\n"),
        ] {
            let mut client = server.client();
            client.send_raw(format!("{request}QUIT\r\n"));
            assert_eq!(last_words(&mut client), format!("{replies}+OK\r\n"), "{request:?}");
        }
        let mut client = server.client();
        client.send_raw("CLIENT REPLY OFF\r\nSET last 1\r\n");
        client.shutdown_write();
        assert_eq!(last_words(&mut client), "");
        assert_eq!(server.client().ask("GET last"), Value::bulk("1"));
    });
}

#[test]
fn replies_that_are_off_do_not_swap_those_that_are_on() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        let mut request = String::new();
        let mut expected = String::new();
        for index in 0..500 {
            request.push_str(&format!("SET key:{index} {index}\r\nCLIENT REPLY SKIP\r\nGET key:{index}\r\n"));
            request.push_str(&format!("GET key:{index}\r\n"));
            expected.push_str(&format!("+OK\r\n{}", bulk(index)));
        }
        client.send_raw(format!("{request}QUIT\r\n"));
        assert_eq!(last_words(&mut client), format!("{expected}+OK\r\n"));
    });
}

fn bulk(value: impl ToString) -> String {
    let value = value.to_string();
    format!("${}\r\n{value}\r\n", value.len())
}

#[test]
fn no_evict_and_no_touch_are_switches() {
    let server = start(2, "");
    let mut client = server.client();
    dialogue(
        &mut client,
        &[
            ("CLIENT NO-EVICT on", "OK"),
            ("CLIENT NO-EVICT OFF", "OK"),
            ("CLIENT NO-EVICT maybe", "(error) ERR syntax error"),
            ("CLIENT NO-EVICT", "(error) ERR wrong number of arguments for 'client|no-evict' command"),
            ("CLIENT NO-EVICT on", "OK"),
        ],
    );
    assert_eq!(field(&client.ask("CLIENT INFO").text(), "flags"), "e");
    assert_eq!(client.ask("CLIENT NO-EVICT off"), Value::ok());
    assert_eq!(field(&client.ask("CLIENT INFO").text(), "flags"), "N");
    if skip_if(is_redis_70(), "CLIENT NO-TOUCH came with Redis 7.2") {
        return;
    }
    dialogue(
        &mut client,
        &[
            ("CLIENT NO-TOUCH on", "OK"),
            ("CLIENT NO-TOUCH maybe", "(error) ERR syntax error"),
            ("CLIENT NO-TOUCH", "(error) ERR wrong number of arguments for 'client|no-touch' command"),
        ],
    );
    assert_eq!(field(&client.ask("CLIENT INFO").text(), "flags"), "T");
    assert_eq!(client.ask("CLIENT NO-TOUCH off"), Value::ok());
    assert_eq!(field(&client.ask("CLIENT INFO").text(), "flags"), "N");
}

#[test]
fn help_lists_every_subcommand() {
    let server = start(2, "");
    let reply = server.client().ask("CLIENT HELP");
    let lines: Vec<String> = reply.as_slice().expect("an array").iter().map(Value::text).collect();
    assert_eq!(lines[0], "CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    for word in ["GETNAME", "ID", "INFO", "KILL", "LIST", "REPLY", "SETNAME", "NO-EVICT", "HELP"] {
        let found = lines.iter().any(|line| line.split(' ').next() == Some(word));
        assert!(found, "{word} in {lines:#?}");
    }
    assert_eq!(lines[lines.len() - 2], "HELP");
    assert!(reply.as_slice().unwrap().iter().all(|line| matches!(line, Value::Simple(_))));
}

#[test]
fn info_and_list_are_verbatim_text_in_resp3() {
    let server = start(2, "");
    let mut client = server.client_resp3();
    for command in ["CLIENT INFO", "CLIENT LIST"] {
        assert!(matches!(client.ask(command), Value::Verbatim(format, _) if format == "txt"), "{command}");
    }
}
