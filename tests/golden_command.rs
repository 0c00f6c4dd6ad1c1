//! Holds what COMMAND INFO and COMMAND DOCS say of every command of shoal against redis-server 7.0.15, in
//! RESP2 and RESP3. Differences are allowed only where the table below gives a reason.

use std::collections::{BTreeMap, BTreeSet};

use testkit::{Client, Kind, Server, Value};

/// Where shoal may say something else than redis-server 7.0.15.
struct Allowed {
    /// The command's full name.
    command: &'static str,
    /// The field that differs; [`COMMAND_ITSELF`] when redis-server does not have the command.
    field: &'static str,
    /// Why.
    reason: &'static str,
}

/// The field of a command that redis-server does not know.
const COMMAND_ITSELF: &str = "command";

const ALLOWED: &[Allowed] = &[
    Allowed { command: "client|setinfo", field: COMMAND_ITSELF, reason: "new in Redis 7.2" },
    Allowed { command: "client|no-touch", field: COMMAND_ITSELF, reason: "new in Redis 7.2" },
    Allowed { command: "cluster|myshardid", field: COMMAND_ITSELF, reason: "new in Redis 7.2" },
    Allowed { command: "hexpire", field: COMMAND_ITSELF, reason: "new in Redis 7.4 and Valkey 9" },
    Allowed { command: "hexpireat", field: COMMAND_ITSELF, reason: "new in Redis 7.4 and Valkey 9" },
    Allowed { command: "hexpiretime", field: COMMAND_ITSELF, reason: "new in Redis 7.4 and Valkey 9" },
    Allowed { command: "hgetdel", field: COMMAND_ITSELF, reason: "new in Redis 8.0 and Valkey 9.1" },
    Allowed { command: "hgetex", field: COMMAND_ITSELF, reason: "new in Redis 8.0 and Valkey 9" },
    Allowed { command: "hpersist", field: COMMAND_ITSELF, reason: "new in Redis 7.4 and Valkey 9" },
    Allowed { command: "hpexpire", field: COMMAND_ITSELF, reason: "new in Redis 7.4 and Valkey 9" },
    Allowed { command: "hpexpireat", field: COMMAND_ITSELF, reason: "new in Redis 7.4 and Valkey 9" },
    Allowed { command: "hpexpiretime", field: COMMAND_ITSELF, reason: "new in Redis 7.4 and Valkey 9" },
    Allowed { command: "hpttl", field: COMMAND_ITSELF, reason: "new in Redis 7.4 and Valkey 9" },
    Allowed { command: "hsetex", field: COMMAND_ITSELF, reason: "new in Redis 8.0 and Valkey 9" },
    Allowed { command: "httl", field: COMMAND_ITSELF, reason: "new in Redis 7.4 and Valkey 9" },
    Allowed { command: "zrank", field: "info: arity", reason: "WITHSCORE is new in Redis 7.2" },
    Allowed { command: "zrank", field: "docs: arguments", reason: "WITHSCORE is new in Redis 7.2" },
    Allowed { command: "zrank", field: "docs: history", reason: "WITHSCORE is new in Redis 7.2" },
    Allowed { command: "zrevrank", field: "info: arity", reason: "WITHSCORE is new in Redis 7.2" },
    Allowed { command: "zrevrank", field: "docs: arguments", reason: "WITHSCORE is new in Redis 7.2" },
    Allowed { command: "zrevrank", field: "docs: history", reason: "WITHSCORE is new in Redis 7.2" },
];

/// The elements of COMMAND INFO. Subcommands are compared one by one under their full names: a container may
/// have fewer of them than in Redis.
const INFO_FIELDS: [&str; 9] = [
    "info: name",
    "info: arity",
    "info: flags",
    "info: first key",
    "info: last key",
    "info: key step",
    "info: ACL categories",
    "info: tips",
    "info: key specs",
];

#[test]
fn every_command_is_described_as_in_redis() {
    let shoal = testkit::shoal!().start();
    let redis = Server::builder(Kind::Redis).start();
    let versions: [fn(&Server) -> Client; 2] = [Server::client, Server::client_resp3];
    let mut unused: BTreeSet<_> = ALLOWED.iter().map(|allowed| (allowed.command, allowed.field)).collect();
    let mut complaints = Vec::new();
    for (version, connect) in (2..).zip(versions) {
        let (mut ours, mut theirs) = (connect(&shoal), connect(&redis));
        let names = full_names(&mut ours);
        assert!(names.len() > 10, "shoal lists only {names:?}");
        for name in names {
            for (field, our_value, their_value) in differences(&mut ours, &mut theirs, &name) {
                match ALLOWED.iter().find(|allowed| allowed.command == name && allowed.field == field) {
                    Some(allowed) => {
                        println!("{name}, {field}: allowed, {}", allowed.reason);
                        unused.remove(&(allowed.command, allowed.field));
                    }
                    None => complaints.push(format!(
                        "RESP{version}, {name}, {field}:\n  shoal: {our_value}\n  redis: {their_value}"
                    )),
                }
            }
        }
    }
    assert!(complaints.is_empty(), "{} differences:\n{}", complaints.len(), complaints.join("\n"));
    assert!(unused.is_empty(), "these differences are gone, remove them from the table: {unused:?}");
}

#[test]
fn the_forms_of_command_agree_with_each_other() {
    let shoal = testkit::shoal!().start();
    let mut client = shoal.client_resp3();
    let all = client.ask("COMMAND");
    let described = all.as_slice().expect("COMMAND gives an array");
    assert_eq!(client.ask("COMMAND COUNT"), Value::Int(described.len() as i64));
    assert_eq!(client.ask("COMMAND INFO"), all);
    let listed: BTreeSet<String> =
        client.ask("COMMAND LIST").as_slice().expect("an array").iter().map(Value::text).collect();
    assert_eq!(listed, full_names(&mut client));
    let documented = documentation(&client.ask("COMMAND DOCS"));
    assert_eq!(documented.len(), described.len());
    for (name, text) in documented {
        assert_eq!(documentation(&client.cmd(&["COMMAND", "DOCS", &name]))[&name], text, "{name}");
    }
}

#[test]
fn errors_of_command_are_those_of_redis() {
    let shoal = testkit::shoal!().start();
    let redis = Server::builder(Kind::Redis).start();
    let (mut ours, mut theirs) = (shoal.client(), redis.client());
    for line in [
        "COMMAND NOSUCH",
        "COMMAND COUNT x",
        "COMMAND HELP x",
        "COMMAND HELP",
        "COMMAND INFO nosuch get|x client|nosuch client|id|x |",
        "COMMAND DOCS nosuch",
        "COMMAND LIST x",
        "COMMAND LIST FILTERBY",
        "COMMAND LIST FILTERBY PATTERN",
        "COMMAND LIST FILTERBY NOSUCH x",
        "COMMAND LIST FILTERBY MODULE x",
        "COMMAND LIST FILTERBY ACLCAT nosuch",
        "COMMAND LIST FILTERBY ACLCAT @string",
        "COMMAND LIST FILTERBY PATTERN no*such",
        "COMMAND LIST FILTERBY PATTERN GE[T]",
        "COMMAND GETKEYS",
        "COMMAND GETKEYS get",
        "COMMAND GETKEYS nosuch x",
        "COMMAND GETKEYS client nosuch",
        "COMMAND GETKEYS get x y",
        "COMMAND GETKEYS ping x",
        "COMMAND GETKEYS get x",
        "COMMAND GETKEYS mset a 1 b 2",
        "COMMAND GETKEYS bitop and d a b",
        "COMMAND GETKEYSANDFLAGS get x",
        "COMMAND GETKEYSANDFLAGS mset a 1 b 2",
        "COMMAND GETKEYSANDFLAGS bitop and d a b",
        "COMMAND GETKEYSANDFLAGS set x y",
        "COMMAND GETKEYSANDFLAGS set x y get",
        "COMMAND GETKEYSANDFLAGS bitfield x get u8 0",
        "COMMAND GETKEYSANDFLAGS bitfield x overflow sat set u8 0 1",
        "NOSUCH",
        "NOSUCH a b",
        "CLIENT NOSUCH",
        "CLIENT",
        "client|id",
    ] {
        assert_eq!(ours.ask(line), theirs.ask(line), "{line}");
    }
}

/// The fields in which the two servers describe this command differently, with what they say.
fn differences(ours: &mut Client, theirs: &mut Client, name: &str) -> Vec<(String, String, String)> {
    let (our_fields, their_fields) = (fields(ours, name), fields(theirs, name));
    if their_fields.is_empty() {
        return vec![(COMMAND_ITSELF.into(), "has it".into(), "unknown".into())];
    }
    let names: BTreeSet<&String> = our_fields.keys().chain(their_fields.keys()).collect();
    let shown = |value: Option<&Value>| value.map_or("nothing".to_owned(), Value::to_string);
    names
        .into_iter()
        .map(|field| (field, our_fields.get(field), their_fields.get(field)))
        .filter(|(_, our_value, their_value)| our_value != their_value)
        .map(|(field, our_value, their_value)| (field.clone(), shown(our_value), shown(their_value)))
        .collect()
}

/// All that a server says of one command, by field; empty when it does not know it.
fn fields(client: &mut Client, name: &str) -> BTreeMap<String, Value> {
    let mut fields = BTreeMap::new();
    let info = client.cmd(&["COMMAND", "INFO", name]);
    let [info] = info.as_slice().expect("an array") else { panic!("{name}: {info}") };
    if !info.is_null() {
        let elements = info.as_slice().expect("an array");
        assert_eq!(elements.len(), INFO_FIELDS.len() + 1, "{name}: {info}");
        fields.extend(INFO_FIELDS.map(str::to_owned).into_iter().zip(elements.iter().cloned()));
        let tips = fields.get_mut("info: tips").expect("INFO has this field");
        *tips = sorted(tips);
    }
    if let Some(text) = documentation(&client.cmd(&["COMMAND", "DOCS", name])).get(name) {
        for (field, value) in pairs(text).into_iter().filter(|(field, _)| field != "subcommands") {
            fields.insert(format!("docs: {field}"), value);
        }
    }
    fields
}

/// Tips have no order that means anything, and Redis has none.
fn sorted(value: &Value) -> Value {
    let mut value = value.clone();
    if let Value::Array(values) | Value::Set(values) = &mut value {
        values.sort_by_key(Value::text);
    }
    value
}

/// The names of all commands and subcommands in the reply of COMMAND.
fn full_names(client: &mut Client) -> BTreeSet<String> {
    fn collect(commands: &Value, names: &mut BTreeSet<String>) {
        for command in commands.as_slice().expect("an array of commands") {
            let elements = command.as_slice().expect("a command is an array");
            assert!(names.insert(elements[0].text()), "{} is there twice", elements[0]);
            collect(&elements[9], names);
        }
    }
    let mut names = BTreeSet::new();
    collect(&client.ask("COMMAND"), &mut names);
    names
}

/// The reply of COMMAND DOCS by command.
fn documentation(reply: &Value) -> BTreeMap<String, Value> {
    pairs(reply).into_iter().collect()
}

/// The pairs of a map, or of the array that stands for it in RESP2.
fn pairs(map: &Value) -> Vec<(String, Value)> {
    match map {
        Value::Map(pairs) => pairs.iter().map(|(key, value)| (key.text(), value.clone())).collect(),
        Value::Array(values) => values.chunks(2).map(|pair| (pair[0].text(), pair[1].clone())).collect(),
        other => panic!("not a map: {other}"),
    }
}
