//! A worker without a thread of its own, and clients without sockets: their commands are handed in, and their
//! replies are read from their queues.

mod balance;
mod errands;
mod loading;
mod told;
mod travels;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use shards::args::OwnedArgs;
use shards::reply::Reply;
use shards::router::session::ReplyPlace;
use shards::router::slot_move::SlotMap;
use shards::router::step::Waiting;
use shards::router::wire::Publishing;
use shards::shard::{Shard, ShardConfig};
use shards::slot::ShardId;
use shards::txn::Ticket;

use super::{CRON_CONNECTIONS_PART, Worker, WorkerParts};
use crate::commands;
use crate::config::{Allowed, Config, OutputLimit};
use crate::io::ring::ClientRing;
use crate::mesh::Mesh;
use crate::node::Node;
use crate::node::client_workers::ClientWorkers;
use crate::node::counts::{SubscriptionCounts, TrackingCounts};
use crate::node::memory::NodeMemory;
use crate::node::pulses::Pulses;
use crate::pubsub::SubscriptionKind;
use crate::session::Session;
use crate::session::client::{AWAITED_REPLIES_MAX, CallerKind, Client};
use crate::session::order::Closing;

/// Turns within which everything has happened that a worker does without being asked again.
const TURNS_MAX: usize = 10;

fn worker() -> Worker {
    workers(1).remove(0)
}

/// The workers of one node. Whoever has them takes their turns.
fn workers(count: usize) -> Vec<Worker> {
    workers_with_file(count, None)
}

/// The same of a node that was started with a file of its configuration.
fn workers_with_file(count: usize, config_file: Option<PathBuf>) -> Vec<Worker> {
    workers_of_shards(count, count, config_file)
}

/// The same, the last one without a shard if there is one more of them.
fn workers_of_shards(count: usize, shards: usize, config_file: Option<PathBuf>) -> Vec<Worker> {
    let (registry, session_commands) = commands::registry(Vec::new()).unwrap();
    let node: &'static Node = Box::leak(Box::new(Node {
        shards,
        config_file,
        memory: NodeMemory::new(count),
        subscriptions: SubscriptionCounts::new(count),
        tracking: TrackingCounts::new(count),
        pulses: Pulses::new(count),
        client_workers: ClientWorkers::new(count, count, count),
        ..Node::for_tests(registry)
    }));
    let session_commands = &*Box::leak(Box::new(session_commands));
    let config = Arc::new(Config::default());
    let made = Mesh::new(count).into_iter().map(|mesh| {
        let shard = ShardConfig {
            id: mesh.me(),
            registry: &node.registry,
            databases: config.databases,
            hash_seeds: [1, 2, 3, 4],
            random_seed: 5,
            string_len_max: config.proto_max_bulk_len_bytes as usize,
        };
        Worker::new(WorkerParts {
            node,
            session_commands,
            config: Arc::clone(&config),
            slots: SlotMap::dealt_to(shards),
            mesh,
            shard: Shard::new(&shard),
            listeners: Vec::new(),
            ring: ClientRing::new().unwrap(),
            control: None,
        })
    });
    made.collect()
}

fn client(worker: &mut Worker) -> u32 {
    let id = worker.node.next_client_id.fetch_add(1, Ordering::Relaxed);
    let mut client = Client::without_socket(Session { id, authenticated: true, ..Session::default() });
    // Others shall meet it.
    client.kind = CallerKind::Normal;
    worker.take_in(client)
}

/// A client of the server's own.
fn stream(worker: &mut Worker) -> u32 {
    let id = worker.node.next_client_id.fetch_add(1, Ordering::Relaxed);
    worker.take_in(Client::without_socket(Session { id, authenticated: true, ..Session::default() }))
}

fn call(worker: &mut Worker, client: u32, command: &str) {
    let mut args = OwnedArgs::default();
    command.split(' ').for_each(|word| args.push(word.as_bytes()));
    assert!(worker.call(client, args.as_args()), "{command}: the client waits");
}

/// What a client can read by now; line ends are shown as spaces.
fn read(worker: &mut Worker, client: u32) -> String {
    for _ in 0..TURNS_MAX {
        worker.turn();
    }
    let (bytes, _) = worker.clients.at(client).replies.ready().take();
    String::from_utf8(bytes).unwrap().replace("\r\n", " ").trim_end().to_owned()
}

fn check(worker: &mut Worker, client: u32, command: &str, expected: &str) {
    call(worker, client, command);
    assert_eq!(read(worker, client), expected, "{command}");
}

#[test]
fn a_caller_without_a_socket_reads_its_replies_from_its_queue() {
    let worker = &mut worker();
    let caller = client(worker);
    check(worker, caller, "SET key value", "+OK");
    check(worker, caller, "GET key", "$5 value");
    check(worker, caller, "ECHO word", "$4 word");
    check(worker, caller, "NOSUCH", "-ERR unknown command 'NOSUCH', with args beginning with:");
    check(worker, caller, "SELECT 1", "+OK");
    check(worker, caller, "DBSIZE", ":0");
    check(worker, caller, "SCAN 0", "*2 $1 0 *0");
    call(worker, caller, "CLIENT LIST");
    let list = read(worker, caller);
    assert!(
        list.contains(" fd=-1 ") && list.contains(" db=1 ") && list.contains("cmd=client|list"),
        "{list}"
    );
}

#[test]
fn a_stream_of_bytes_is_executed_without_a_socket() {
    let worker = &mut worker();
    let caller = client(worker);
    worker.execute_received(caller, b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n*2\r\n$3\r\nGE");
    assert_eq!(read(worker, caller), "+OK");
    worker.execute_received(caller, b"T\r\n$1\r\nk\r\nPING\r\n");
    assert_eq!(read(worker, caller), "$1 v +PONG");
}

#[test]
fn a_transaction_of_a_caller_without_a_socket_runs_commands_of_both_kinds() {
    let worker = &mut worker();
    let (caller, other) = (client(worker), client(worker));
    check(worker, caller, "WATCH key", "+OK");
    check(worker, caller, "MULTI", "+OK");
    check(worker, caller, "INCR key", "+QUEUED");
    check(worker, caller, "PING", "+QUEUED");
    check(worker, caller, "CLIENT ID", "+QUEUED");
    check(worker, caller, "CONFIG SET maxclients 99", "+QUEUED");
    check(worker, caller, "INCR key", "+QUEUED");
    check(worker, caller, "EXEC", "*5 :1 +PONG :1 +OK :2");
    check(worker, caller, "WATCH key", "+OK");
    check(worker, other, "SET key 7", "+OK");
    check(worker, caller, "MULTI", "+OK");
    check(worker, caller, "PING", "+QUEUED");
    check(worker, caller, "GET key", "+QUEUED");
    check(worker, caller, "EXEC", "*-1");
}

#[test]
fn a_caller_without_a_socket_waits_for_a_key() {
    let worker = &mut worker();
    let (caller, other) = (client(worker), client(worker));
    check(worker, caller, "BLPOP list 0", "");
    check(worker, other, "RPUSH list a", ":1");
    assert_eq!(read(worker, caller), "*2 $4 list $1 a");
    check(worker, caller, "BLPOP list 0", "");
    check(worker, other, "CLIENT KILL ID 1", ":1");
    check(worker, other, "RPUSH list b", ":1");
    check(worker, other, "LLEN list", ":1");
    assert!(worker.clients.get(caller).is_none(), "who has been killed has gone");
    assert_eq!(worker.client_count, 1);
}

#[test]
fn what_a_command_tells_its_own_client_comes_behind_its_reply() {
    let worker = &mut worker();
    let caller = client(worker);
    check(worker, caller, "CONFIG SET notify-keyspace-events EA", "+OK");
    call(worker, caller, "HELLO 3");
    read(worker, caller);
    check(worker, caller, "CLIENT TRACKING ON", "+OK");
    check(worker, caller, "SUBSCRIBE news", ">3 $9 subscribe $4 news :1");
    check(worker, caller, "PUBLISH news hello", ":1 >3 $7 message $4 news $5 hello");
    check(worker, caller, "GET key", "_");
    check(worker, caller, "SET key 1", "+OK >2 $10 invalidate *1 $3 key");
    check(worker, caller, "SUBSCRIBE __keyevent@0__:set", ">3 $9 subscribe $18 __keyevent@0__:set :2");
    check(worker, caller, "SET key 2", "+OK >3 $7 message $18 __keyevent@0__:set $3 key");
    check(worker, caller, "CLIENT REPLY SKIP", "");
    check(worker, caller, "PUBLISH news quiet", ">3 $7 message $4 news $5 quiet");
    check(worker, caller, "MULTI", "+OK");
    check(worker, caller, "PUBLISH news inside", "+QUEUED");
    check(worker, caller, "SET key 3", "+QUEUED");
    check(
        worker,
        caller,
        "EXEC",
        "*2 :1 +OK >3 $7 message $18 __keyevent@0__:set $3 key >3 $7 message $4 news $6 inside",
    );
}

#[test]
fn a_gate_holds_the_replies_of_one_client_and_nobody_else() {
    let worker = &mut worker();
    let (held, other) = (client(worker), client(worker));
    call(worker, held, "SET a 0");
    worker.clients.hold(held, 3);
    check(worker, held, "SET a 1", "+OK");
    worker.clients.hold(held, 4);
    call(worker, held, "INCR a");
    call(worker, held, "MULTI");
    call(worker, held, "INCR a");
    call(worker, held, "PING");
    check(worker, held, "EXEC", "");
    check(worker, held, "BLPOP list 0", "");
    check(worker, other, "GET a", "$1 3");
    check(worker, other, "RPUSH list x", ":1");
    worker.clients.open_gates(2);
    assert_eq!(read(worker, held), "");
    worker.clients.open_gates(3);
    assert_eq!(read(worker, held), "+OK");
    worker.clients.open_gates(9);
    assert_eq!(read(worker, held), ":2 +OK +QUEUED +QUEUED *2 :3 +PONG *2 $4 list $1 x");
    worker.clients.hold(held, 9);
    check(worker, held, "GET a", "$1 3");
}

#[test]
fn a_client_that_has_quit_gets_held_replies_and_a_killed_one_is_let_go() {
    let worker = &mut worker();
    let (quitting, killed, other) = (client(worker), client(worker), client(worker));
    for client in [quitting, killed] {
        worker.clients.hold(client, 1);
        call(worker, client, "SET a 1");
    }
    call(worker, quitting, "QUIT");
    check(worker, other, "CLIENT KILL ID 2", ":1");
    assert!(worker.clients.get(killed).is_none());
    assert_eq!(worker.clients.at(quitting).closing, Some(Closing::AfterReplies));
    // The next client of that number is not held by what has held the one before.
    let next = client(worker);
    assert_eq!(next, killed);
    check(worker, next, "GET a", "$1 1");
    worker.clients.open_gates(1);
    worker.settle();
    assert_eq!(worker.clients.at(quitting).replies.ready().bytes(), b"+OK\r\n+OK\r\n");
    assert_eq!(read(worker, quitting), "+OK +OK");
    worker.clients.look_at(quitting);
    worker.turn();
    assert!(worker.clients.get(quitting).is_none());
}

#[test]
fn no_more_is_executed_for_a_client_than_may_be_held() {
    let worker = &mut worker();
    let (held, other) = (client(worker), client(worker));
    let mut gate = 0;
    for _ in 0..AWAITED_REPLIES_MAX {
        gate += 1;
        worker.clients.hold(held, gate);
        worker.execute_received(held, b"INCR a\r\n");
    }
    worker.execute_received(held, b"INCR a\r\n");
    check(worker, other, "GET a", &format!("$4 {}", AWAITED_REPLIES_MAX - 1));
    worker.clients.open_gates(gate);
    let replies = read(worker, held);
    assert!(replies.ends_with(&format!(":{}", AWAITED_REPLIES_MAX + 1)), "{replies}");
}

#[test]
fn a_client_makes_one_step_of_output_in_a_turn_however_many_of_its_requests_come_in_it() {
    const PORTIONS: usize = 8;
    const COMMANDS: usize = 150;
    let worker = &mut worker();
    let caller = client(worker);
    let value = "v".repeat(10_000);
    check(worker, caller, &format!("SET key {value}"), "+OK");
    let reply_bytes = "$10000\r\n\r\n".len() + value.len();
    let output_bytes_max = worker.clients.at(caller).output_bytes_of_turn();
    for _ in 0..PORTIONS {
        worker.execute_received(caller, &b"GET key\r\n".repeat(COMMANDS));
    }
    let mut output_bytes = worker.clients.at(caller).output_bytes();
    let mut total_bytes = 0;
    while output_bytes > 0 {
        assert!(output_bytes < output_bytes_max + reply_bytes, "{output_bytes} bytes in one turn");
        let (bytes, _) = worker.clients.at(caller).replies.ready().take();
        total_bytes += bytes.len();
        worker.turn();
        output_bytes = worker.clients.at(caller).output_bytes();
    }
    assert_eq!(total_bytes, PORTIONS * COMMANDS * reply_bytes);
}

#[test]
fn a_transaction_that_has_begun_ends_with_all_its_commands_although_its_client_has_gone() {
    let mut workers = workers(2);
    let [here, there] = &mut workers[..] else { unreachable!("two were asked for") };
    let (leaving, subscriber) = (client(here), client(here));
    check(here, subscriber, "SUBSCRIBE news", "*3 $9 subscribe $4 news :1");
    // The key lies on the other worker.
    for command in ["MULTI", "SET foo 1", "PUBLISH news done", "EXEC"] {
        call(here, leaving, command);
    }
    here.turn();
    here.clients.at(leaving).closing = Some(Closing::Now);
    here.clients.look_at(leaving);
    for _ in 0..TURNS_MAX {
        here.turn();
        there.turn();
    }
    assert_eq!(read(here, subscriber), "*3 $7 message $4 news $4 done");
    assert!(here.clients.get(leaving).is_none());
}

/// Whether a command of a new client, which awaits a reply and these of its messages, is put off. Once the
/// reply has come, the client has it and that of the command.
fn is_put_off(worker: &mut Worker, publishing: Publishing, command: &str) -> bool {
    let caller = client(worker);
    let client = worker.clients.at(caller);
    client.publishing = publishing;
    let ticket = Ticket { worker: ShardId(0), connection: caller, seq: client.replies.reserve(true) };
    call(worker, caller, command);
    let is_put_off = matches!(worker.clients.at(caller).waiting, Waiting::AfterReplies(_));
    let mut before = Reply::default();
    before.simple("before");
    worker.deliver(ticket, &before);
    worker.settle();
    let replies = worker.clients.at(caller).replies.ready().bytes();
    assert!(replies.len() > 9 && replies.starts_with(b"+before\r\n"), "{command}: {replies:?}");
    is_put_off
}

#[test]
fn a_session_command_is_put_off_for_what_its_row_says_it_comes_behind() {
    let worker = &mut worker();
    let config = Config { enable_debug_command: Allowed::ToAll, ..Config::default() };
    worker.config = Arc::new(config);
    for (command, expected) in [
        ("PING", false),
        ("CLIENT LIST", false),
        ("CLIENT KILL ID 999", true),
        ("CLIENT UNBLOCK 999", true),
        ("CONFIG GET port", false),
        ("CONFIG SET maxclients 99", true),
        ("CONFIG REWRITE", true),
        ("CONFIG RESETSTAT", false),
        ("QUIT", true),
        ("RESET", true),
        ("DEBUG SLOTS", false),
        ("DEBUG SLEEP 0", false),
        ("DEBUG SET-ACTIVE-EXPIRE 1", true),
        ("DEBUG SET-ACTIVE-EXPIRE 1 2", false),
        ("SUBSCRIBE a", true),
        ("PUNSUBSCRIBE", true),
        ("PUBSUB CHANNELS", false),
        ("EXEC", true),
        ("WATCH a", true),
        ("UNWATCH", false),
    ] {
        assert_eq!(is_put_off(worker, Publishing::default(), command), expected, "{command}");
    }
}

#[test]
fn a_message_is_put_off_for_other_replies_and_for_messages_in_the_order_of_another_worker() {
    let worker = &mut worker();
    let nothing = Publishing::default();
    assert!(!is_put_off(worker, nothing, "PUBLISH news a"), "nobody subscribes");
    let subscriber = client(worker);
    call(worker, subscriber, "SUBSCRIBE news");
    assert!(is_put_off(worker, nothing, "PUBLISH news a"));
    let to = |worker| Publishing { sequencer: Some(ShardId(worker)), awaited: 1 };
    assert!(!is_put_off(worker, to(0), "PUBLISH news a"), "the messages before it have the same way");
    assert!(is_put_off(worker, to(1), "SPUBLISH news a"));
}

#[test]
fn who_subscribes_when_a_message_is_already_said_to_have_no_subscribers_does_not_get_it() {
    let worker = &mut worker();
    let (publisher, subscriber) = (client(worker), client(worker));
    worker.clients.at(publisher).replies.reserve(true);
    check(worker, subscriber, "SUBSCRIBE news", "*3 $9 subscribe $4 news :1");
    let mut args = OwnedArgs::default();
    ["PUBLISH", "news", "early"].iter().for_each(|word| args.push(word.as_bytes()));
    let mut reply = Reply::default();
    worker.publish(publisher, SubscriptionKind::Channel, args.as_args(), ReplyPlace::Queue, &mut reply);
    assert_eq!((reply.bytes(), &*read(worker, subscriber)), (&b":0\r\n"[..], ""));
}

#[test]
fn nobody_meets_a_stream_of_the_server_and_no_limit_of_clients_is_for_it() {
    let worker = &mut worker();
    let (caller, visitor) = (stream(worker), client(worker));
    let id = worker.clients.at(caller).session.id;
    check(worker, visitor, &format!("CLIENT KILL ID {id}"), ":0");
    check(
        worker,
        visitor,
        &format!("CLIENT TRACKING ON REDIRECT {id}"),
        "-ERR The client ID you want redirect to does not exist",
    );
    assert_eq!(worker.client_count, 1);
    assert_eq!(worker.clients.present().map(|client| client.index).collect::<Vec<_>>(), [visitor]);
    let limit = OutputLimit { hard_bytes: 10, soft_bytes: 10, soft_s: 0 };
    worker.config = Arc::new(Config {
        timeout_s: 1,
        client_output_buffer_limit: [limit; 3],
        client_query_buffer_limit_bytes: 20,
        ..Config::default()
    });
    // It has been silent for long, has replies that nobody has read, and is in the middle of a long request.
    call(worker, caller, "SET key value-that-is-long");
    call(worker, caller, "GET key");
    worker.execute_received(caller, b"*2\r\n$4\r\nECHO\r\n$40\r\n0123456789012345678901234567");
    for index in [caller, visitor] {
        worker.clients.at(index).session.active_ms = 1;
        worker.clients.look_at(index);
    }
    for _ in 0..CRON_CONNECTIONS_PART {
        worker.cron();
    }
    let replies = read(worker, caller);
    assert_eq!(replies, "+OK $18 value-that-is-long");
    assert!(worker.clients.get(visitor).is_none(), "clients that have come have limits");
    worker.execute_received(caller, b"890123456789\r\n");
    assert_eq!(read(worker, caller), "$40 0123456789012345678901234567890123456789");
    for command in ["MULTI", "SET key value-that-is-longer-than-the-limit"] {
        call(worker, caller, command);
    }
    check(worker, caller, "EXEC", "+OK +QUEUED *1 +OK");
    assert_eq!(worker.client_count, 0);
}

#[test]
fn a_stream_is_not_heard_while_it_waits() {
    let worker = &mut worker();
    let (caller, other) = (stream(worker), client(worker));
    check(worker, caller, "BLPOP list 0", "");
    let mut args = OwnedArgs::default();
    ["SET", "key", "1"].iter().for_each(|word| args.push(word.as_bytes()));
    assert!(!worker.call(caller, args.as_args()));
    check(worker, other, "EXISTS key", ":0");
    check(worker, other, "RPUSH list a", ":1");
    assert_eq!(read(worker, caller), "*2 $4 list $1 a");
    assert!(worker.call(caller, args.as_args()));
    assert_eq!(read(worker, caller), "+OK");
}
