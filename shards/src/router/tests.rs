//! The router against a world that only takes notes. What several routers do together is simulated in
//! [`crate::testing`].

use super::*;
use crate::args::{Args, OwnedArgs};
use crate::caller::Caller;
use crate::command::flags;
use crate::command::registry::{Command, SessionNumber};
use crate::key::DbIndex;
use crate::notify::Notice;
use crate::object::DataType;
use crate::router::exec::{ExecSession, go_on_with_exec};
use crate::router::progress::Audience;
use crate::router::reply_queue::ReplyQueue;
use crate::router::session::{QueuedCommands, Replied};
use crate::router::slot_move::MoveMessage;
use crate::shard::ShardConfig;
use crate::testing::{lookup, registry};
use crate::txn::blocked_client::BlockedClient;
use crate::txn::credit::CREDIT_BYTES;
use crate::txn::{Grant, Keys, Part, TxId};
use crate::watch::ClientId;

#[derive(Default)]
struct Notes {
    /// That of the only connection.
    replies: ReplyQueue,
    filled: Vec<(u32, Vec<u8>)>,
    owed: Vec<(ShardId, usize)>,
    is_gone: bool,
    looked_at: Vec<u32>,
    commands: Vec<(ShardId, Ticket)>,
    txns: Vec<(ShardId, TxnMessage)>,
    moving: Vec<(ShardId, MoveMessage)>,
    taken: Vec<(ShardId, TakenReplies)>,
    has_no_room: bool,
    buffer: Reply,
    sent: Vec<Ticket>,
}

impl Wire for Notes {
    fn replies(&mut self, _connection: u32) -> &mut ReplyQueue {
        &mut self.replies
    }

    fn fill(&mut self, ticket: Ticket, bytes: &[u8], blobs: &[(usize, Blob)]) {
        assert!(self.replies.fill(ticket.seq, bytes, blobs), "{ticket:?} has no place");
        self.filled.push((ticket.seq, bytes.to_vec()));
    }

    fn owes(&mut self, shard: ShardId, _ticket: Ticket, bytes: usize) -> bool {
        self.owed.push((shard, bytes));
        !self.is_gone
    }

    fn look_at(&mut self, connection: u32) {
        self.looked_at.push(connection);
    }

    fn command(&mut self, to: ShardId, ticket: Ticket, _call: Call<'_>) -> usize {
        self.commands.push((to, ticket));
        0
    }

    fn txn(&mut self, to: ShardId, message: TxnMessage) {
        self.txns.push((to, message));
    }

    fn moving(&mut self, to: ShardId, message: MoveMessage) {
        self.moving.push((to, message));
    }

    fn taken(&mut self, to: ShardId, taken: TakenReplies) {
        self.taken.push((to, taken));
    }

    fn has_room_for_replies(&self, _to: ShardId) -> bool {
        !self.has_no_room
    }

    fn reply_buffer(&mut self, _to: ShardId, _resp3: bool) -> &mut Reply {
        &mut self.buffer
    }

    fn end_reply(&mut self, ticket: Ticket) {
        self.sent.push(ticket);
    }

    fn tell(&mut self, _shard: &mut Shard, _notices: Vec<Notice>) {}

    fn make_room(&mut self, _shard: &mut Shard) {}

    fn clock_ms(&mut self) -> u64 {
        1_000_000
    }
}

const OTHER: ShardId = ShardId(1);

fn router_of(shards: usize) -> Router {
    let (id, hash_seeds) = (ShardId(0), [1, 2, 3, 4]);
    let config = ShardConfig {
        id,
        databases: 16,
        hash_seeds,
        random_seed: 1,
        string_len_max: 512 << 20,
        registry: registry(),
    };
    Router::new(Shard::new(&config), shards, shards, SlotMap::dealt_to(shards))
}

/// A key that a shard of two owns.
fn key_of(shard: ShardId) -> String {
    keys_of(shard).next().expect("a shard has slots")
}

/// Keys of a shard of two, each in a slot of its own.
fn keys_of(shard: ShardId) -> impl Iterator<Item = String> {
    let map = SlotMap::dealt_to(2);
    let names = (0..).map(|number| format!("k{number}"));
    names.filter(move |name| map.owner(SlotId::of(name.as_bytes())) == shard)
}

fn run(router: &mut Router, notes: &mut Notes, line: &str, wanted: bool) -> Step {
    run_in(router, notes, DbIndex(0), line, wanted)
}

fn run_in(router: &mut Router, notes: &mut Notes, db: DbIndex, line: &str, wanted: bool) -> Step {
    let args: OwnedArgs = line.split(' ').collect();
    let command = lookup(args.as_args());
    let caller = Caller { db, ..Caller::new(ClientId(7)) };
    let call = Call { command, key: None, caller, args: args.as_args() };
    router.run(call, command.spec.plan(), wanted, notes)
}

#[test]
fn what_concerns_several_keys_comes_behind_all_replies_and_what_concerns_one_does_not() {
    let (here, there) = (key_of(ShardId(0)), key_of(OTHER));
    let also_here = keys_of(ShardId(0)).nth(1).unwrap();
    let mut router = router_of(2);
    let mut notes = Notes::default();
    assert_eq!(run(&mut router, &mut notes, &format!("GET {there}"), true), Step::Done);
    assert_eq!(notes.replies.awaited(), 1);
    for line in [
        format!("MGET {here} {also_here}"),
        format!("MGET {here} {there}"),
        format!("RENAME {here} {also_here}"),
        format!("SORT {here} BY x*"),
        format!("BLPOP {here} 0"),
        "DBSIZE".to_owned(),
        "SCAN 0".to_owned(),
    ] {
        assert_eq!(run(&mut router, &mut notes, &line, true), Step::AfterReplies, "{line}");
    }
    assert_eq!(run(&mut router, &mut notes, &format!("GET {here}"), true), Step::Done);
    assert_eq!((notes.replies.ready_bytes(), notes.replies.awaited()), (0, 1));
    let ticket = notes.commands[0].1;
    router.take_reply(OTHER, ticket, b"$-1\r\n", &[], &mut notes);
    assert_eq!(notes.replies.ready().bytes(), b"$-1\r\n$-1\r\n");
    assert_eq!(run(&mut router, &mut notes, &format!("MGET {here} {also_here}"), true), Step::Done);
    assert_eq!(run(&mut router, &mut notes, &format!("BLPOP {here} 0"), true), Step::Blocked);
}

#[test]
fn what_concerns_one_slot_waits_for_no_reply() {
    let (here, there) = (key_of(ShardId(0)), key_of(OTHER));
    let mut router = router_of(2);
    let mut notes = Notes::default();
    assert_eq!(run(&mut router, &mut notes, &format!("GET {there}"), true), Step::Done);
    let lines = [
        format!("DEL {here}"),
        format!("EXISTS {there}"),
        format!("MGET {here}"),
        format!("MSET {there} v"),
        format!("MGET {here} {{{here}}}x"),
        format!("RENAMENX {{{there}}}x {there}"),
        format!("SUNION {here} {here}"),
    ];
    for line in &lines {
        assert_eq!(run(&mut router, &mut notes, line, true), Step::Done, "{line}");
    }
    assert_eq!(notes.replies.awaited(), 4, "three of them went to the other shard");
}

#[test]
fn a_key_is_found_by_the_hash_that_was_computed_ahead() {
    let (here, there) = (key_of(ShardId(0)), key_of(OTHER));
    let mut router = router_of(2);
    let mut notes = Notes::default();
    let mut expected = Vec::new();
    for (line, is_here, is_hashed) in [
        (format!("SET {here} v"), true, true),
        (format!("MGET {here} {here}"), false, false),
        (format!("DEL {there}"), true, false),
    ] {
        let args: OwnedArgs = line.split(' ').collect();
        let command = lookup(args.as_args());
        let key = router.expect(DbIndex(0), command.spec.plan(), args.as_args(), &mut expected);
        assert_eq!(key.is_some(), is_here, "{line}");
        assert_eq!(key.is_some_and(|key| key.hash.is_some()), is_hashed, "{line}");
        let call = Call { command, key, caller: Caller::new(ClientId(7)), args: args.as_args() };
        router.run(call, command.spec.plan(), true, &mut notes);
    }
    assert_eq!(notes.replies.ready().bytes(), b"+OK\r\n*2\r\n$1\r\nv\r\n$1\r\nv\r\n");
}

#[test]
fn what_is_fetched_ahead_is_decided_for_each_key() {
    let mut router = router_of(2);
    let mut notes = Notes::default();
    let (small, large) = (DbIndex(0), DbIndex(3));
    let keys: Vec<String> = (0..10_000).map(|number| format!("key:{number}")).collect();
    for key in &keys {
        run_in(&mut router, &mut notes, large, &format!("SET {key} v"), true);
    }
    let is_here = |key: &&String| router.map().owner(SlotId::of(key.as_bytes())) == ShardId(0);
    let (here, there) = (keys.iter().find(is_here).unwrap(), key_of(OTHER));
    let get = lookup(["GET", "key"].into_iter().collect::<OwnedArgs>().as_args());
    let mut expected = Vec::new();
    for (db, key, is_fetched) in
        [(small, here, false), (large, here, true), (small, here, false), (large, &there, false)]
    {
        let before = expected.len();
        let args: OwnedArgs = ["GET", key].into_iter().collect();
        assert!(router.expect(db, get.spec.plan(), args.as_args(), &mut expected).is_some());
        assert_eq!(expected.len() > before, is_fetched, "{key} in {db:?}");
    }
    router.shard().fetch(&[expected[0], expected[0]]);
}

#[test]
fn a_key_is_looked_for_in_the_slot_to_which_it_was_routed() {
    let mut router = router_of(1);
    let mut notes = Notes::default();
    // Not the key's own, so that it shows when that is computed again.
    let key = Some(OnlyKey::at(1, SlotId::of(b"another")));
    for (line, key) in [("SET key v", key), ("GET key", key), ("GET key", None)] {
        let args: OwnedArgs = line.split(' ').collect();
        let command = lookup(args.as_args());
        let call = Call { command, key, caller: Caller::new(ClientId(7)), args: args.as_args() };
        router.run(call, command.spec.plan(), true, &mut notes);
    }
    assert_eq!(notes.replies.ready().bytes(), b"+OK\r\n$1\r\nv\r\n$-1\r\n");
}

#[test]
fn a_reply_that_nobody_wants_is_written_nowhere() {
    let mut router = router_of(1);
    let mut notes = Notes::default();
    assert_eq!(run(&mut router, &mut notes, "SET k v", false), Step::Done);
    assert_eq!(run(&mut router, &mut notes, "LPUSH l a", false), Step::Done);
    assert_eq!(run(&mut router, &mut notes, "BLPOP l 0", false), Step::Done);
    assert!(notes.replies.is_empty() && notes.replies.next_seq() == 0);
    assert_eq!(run(&mut router, &mut notes, "DBSIZE", false), Step::Reply);
    assert_eq!(notes.filled, [(0, b":1\r\n".to_vec())]);
    assert!(notes.replies.is_empty());
}

#[test]
fn only_a_large_reply_of_one_command_is_owed_and_only_until_its_client_has_gone() {
    let there = key_of(OTHER);
    let mut router = router_of(2);
    let mut notes = Notes::default();
    let large = vec![b'x'; LARGE_REPLY_BYTES + 1];
    let mut reply_to = |notes: &mut Notes, line: &str, bytes: &[u8]| {
        run(&mut router, notes, line, true);
        let ticket = notes.commands.last().unwrap().1;
        router.take_reply(OTHER, ticket, bytes, &[], notes);
    };
    reply_to(&mut notes, &format!("GET {there}"), &large[1..]);
    assert!(notes.owed.is_empty());
    reply_to(&mut notes, &format!("GET {there}"), &large);
    assert_eq!((&notes.owed[..], notes.taken.len()), (&[(OTHER, large.len())][..], 0));
    notes.is_gone = true;
    reply_to(&mut notes, &format!("GET {there}"), &large);
    let taken = TakenReplies { connection: 0, bytes: large.len(), is_gone: false };
    assert_eq!(notes.taken, [(OTHER, taken)]);
    notes.owed.clear();
    // The answer of a shard to a walk is read on the way: its keys make the reply, which nobody owes.
    let slot = (0..16384u16).find(|&slot| router.map().owner(SlotId::new(slot)) == OTHER).unwrap();
    let walk = format!("SCAN {slot} COUNT 100000");
    let answer = [b"*2\r\n$1\r\n0\r\n*1\r\n$20000\r\n", &[b'x'; 20_000][..], b"\r\n"].concat();
    run(&mut router, &mut notes, &walk, true);
    let ticket = notes.commands.last().unwrap().1;
    router.take_reply(OTHER, ticket, &answer, &[], &mut notes);
    assert_eq!(notes.filled.last(), Some(&(ticket.seq, answer)));
    assert!(notes.owed.is_empty());
}

#[test]
fn a_command_for_which_there_is_no_room_runs_when_there_is() {
    let here = key_of(ShardId(0));
    let mut router = router_of(2);
    let mut notes = Notes { has_no_room: true, ..Notes::default() };
    let args: OwnedArgs = ["APPEND", &here, "v"].into_iter().collect();
    let call =
        Call { command: lookup(args.as_args()), key: None, caller: Caller::default(), args: args.as_args() };
    let ticket = |seq| Ticket { worker: OTHER, connection: 3, seq };
    router.execute_remote(call, ticket(0), &mut notes);
    router.run_ready(&mut notes);
    notes.has_no_room = false;
    router.execute_remote(call, ticket(1), &mut notes);
    assert!(notes.sent.is_empty(), "it would overtake the first");
    router.run_ready(&mut notes);
    assert_eq!(notes.sent, [ticket(0), ticket(1)]);
    assert_eq!(notes.buffer.bytes(), b":1\r\n:2\r\n");
    assert!(router.is_quiet());
}

#[test]
fn a_command_here_does_not_overtake_those_of_its_connection_that_wait_for_credit() {
    let (here, there) = (key_of(ShardId(0)), key_of(OTHER));
    let mut router = router_of(2);
    let mut notes = Notes::default();
    run(&mut router, &mut notes, &format!("GET {there}"), true);
    let ticket = Ticket { worker: ShardId(0), connection: 0, seq: 0 };
    router.shard.owe(ticket, CREDIT_BYTES);
    for _ in 0..2 {
        assert_eq!(run(&mut router, &mut notes, &format!("INCR {here}"), true), Step::Done);
    }
    assert_eq!((notes.replies.ready_bytes(), notes.replies.awaited()), (0, 3));
    let taken = TakenReplies { connection: 0, bytes: CREDIT_BYTES, is_gone: false };
    router.say_taken(ShardId(0), taken, &mut notes);
    // It waits for nothing any more, but for its turn.
    run(&mut router, &mut notes, &format!("INCR {here}"), true);
    router.run_ready(&mut notes);
    let replies: Vec<&[u8]> = notes.filled.iter().map(|(_, reply)| &reply[..]).collect();
    assert_eq!(replies, [b":1\r\n", b":2\r\n", b":3\r\n"]);
}

#[test]
fn a_connection_waits_once_for_a_slot_on_its_way_and_is_looked_at_when_it_has_come() {
    let there = key_of(OTHER);
    let slot = SlotId::of(there.as_bytes());
    let mut router = router_of(2);
    let mut notes = Notes::default();
    router.take_move(OTHER, MoveMessage::Freeze(slot), &mut notes);
    for _ in 0..2 {
        assert_eq!(run(&mut router, &mut notes, &format!("GET {there}"), true), Step::Slot);
    }
    assert!(notes.looked_at.is_empty() && notes.replies.next_seq() == 0);
    router.take_move(OTHER, MoveMessage::Moved(slot, ShardId(0)), &mut notes);
    assert_eq!(notes.looked_at, [0]);
    assert_eq!(run(&mut router, &mut notes, &format!("GET {there}"), true), Step::Done);
    assert_eq!(notes.replies.ready().bytes(), b"$-1\r\n");
}

#[test]
fn who_waits_for_a_slot_with_a_request_and_with_a_watch_is_looked_at_once_and_in_order() {
    let there = key_of(OTHER);
    let slot = SlotId::of(there.as_bytes());
    let mut router = router_of(2);
    let mut notes = Notes::default();
    let mut watched = Keys::default();
    watched.push(DbIndex(0), there.as_bytes());
    router.take_move(OTHER, MoveMessage::Freeze(slot), &mut notes);
    router.unwatch(ClientId(7), &mut watched, &mut notes);
    assert!(router.will_unwatch(ClientId(7), 3));
    for _ in 0..2 {
        assert_eq!(run(&mut router, &mut notes, &format!("GET {there}"), true), Step::Slot);
        assert!(router.will_unwatch(ClientId(7), 0));
    }
    router.take_move(OTHER, MoveMessage::Moved(slot, ShardId(0)), &mut notes);
    assert_eq!(notes.looked_at, [3, 0]);
    assert!(!router.will_unwatch(ClientId(7), 0));
    // The next slot is waited for anew, by nobody else.
    let mut names = (0..).map(|number| format!("next:{number}"));
    let of_other = |key: &String| {
        let place = SlotId::of(key.as_bytes());
        place != slot && router.map().owner(place) == OTHER
    };
    let next = names.find(of_other).expect("the other shard has more than one slot");
    let slot = SlotId::of(next.as_bytes());
    router.take_move(OTHER, MoveMessage::Freeze(slot), &mut notes);
    assert_eq!(run(&mut router, &mut notes, &format!("GET {next}"), true), Step::Slot);
    router.take_move(OTHER, MoveMessage::Moved(slot, ShardId(0)), &mut notes);
    assert_eq!(notes.looked_at, [3, 0, 0]);
}

/// The session of the only connection. Its command `off` switches replies off, `kill` has the client leave,
/// `push` replies with a push, and `ask` has its reply later.
struct Session<'a> {
    router: &'a mut Router,
    audience: Audience,
}

impl ExecSession for Session<'_> {
    fn router(&mut self) -> &mut Router {
        self.router
    }

    fn audience(&mut self) -> Audience {
        self.audience
    }

    fn run(&mut self, number: SessionNumber, args: Args<'_>, reply: &mut Reply) -> Replied {
        assert_eq!(number.0, 5);
        let name = String::from_utf8_lossy(&args[0]);
        match &*name {
            "ask" => return Replied::Later,
            "off" => self.audience.is_on = false,
            "on" => self.audience.is_on = true,
            "kill" => self.audience.is_leaving = true,
            _ => {}
        }
        reply.simple(&name);
        if name == "push" { Replied::Pushed } else { Replied::Written }
    }
}

/// Runs EXEC with these commands, of which those in lower case are of the session, and returns what its
/// client reads.
fn exec(commands: &[&str], watched: &[&str]) -> String {
    let mut router = router_of(1);
    let mut notes = Notes::default();
    let caller = Caller::new(ClientId(7));
    let mut keys = crate::txn::Keys::default();
    if !watched.is_empty() {
        let args: OwnedArgs = [&["WATCH"], watched].concat().into_iter().collect();
        router.watch(args.as_args(), caller, &mut keys, true, &mut notes);
        run(&mut router, &mut notes, &format!("SET {} other", watched[0]), true);
        notes.replies.ready().clear();
    }
    let mut queue = QueuedCommands::default();
    for line in commands {
        let args: OwnedArgs = line.split(' ').collect();
        let is_session = line.chars().all(char::is_lowercase);
        let command = match is_session {
            true => Command::Session(SessionNumber(5)),
            false => Command::Data(lookup(args.as_args())),
        };
        queue.push(command, 0, args);
    }
    let plan = queue.plan(caller, |number, _, _| assert_eq!(number.0, 5)).expect("nothing was refused");
    let step = router.exec(plan, caller, &mut keys, true, &mut notes);
    assert!(keys.is_empty());
    let Step::Exec(seq) = step else {
        assert_eq!(step, Step::Done);
        return String::from_utf8_lossy(notes.replies.ready().bytes()).into_owned();
    };
    assert_eq!(notes.looked_at, [0]);
    let audience = Audience { is_on: true, is_leaving: false };
    let mut session = Session { router: &mut router, audience };
    let reply = loop {
        if let Some(reply) = go_on_with_exec(&mut session, 0, seq) {
            break reply;
        }
        assert!(go_on_with_exec(&mut session, 0, seq).is_none(), "nothing has come");
        let mut answer = Reply::default();
        answer.simple("answer");
        session.router.deliver(Ticket { worker: ShardId(0), connection: 0, seq }, &answer, &mut notes);
    };
    router.end_exec(0, seq, &reply, &mut notes);
    assert!(router.is_quiet() && notes.filled.len() == 1);
    String::from_utf8_lossy(notes.replies.ready().bytes()).into_owned()
}

#[test]
fn replies_of_the_session_have_their_places_among_those_of_the_shards() {
    assert_eq!(exec(&["INCR a", "INCR a"], &[]), "*2\r\n:1\r\n:2\r\n");
    assert_eq!(exec(&["own", "INCR a", "own", "INCR a"], &[]), "*4\r\n+own\r\n:1\r\n+own\r\n:2\r\n");
    assert_eq!(exec(&["INCR a", "ask", "ask", "INCR a"], &[]), "*4\r\n:1\r\n+answer\r\n+answer\r\n:2\r\n");
    assert_eq!(exec(&["own"], &[]), "*1\r\n+own\r\n");
    assert_eq!(exec(&["own", "INCR a"], &["a"]), "*-1\r\n");
    assert_eq!(exec(&["INCR a"], &["a"]), "*-1\r\n");
}

#[test]
fn who_wants_no_replies_any_more_or_leaves_gets_those_before() {
    assert_eq!(exec(&["INCR a", "off", "INCR a", "own", "ask"], &[]), "*5\r\n:1\r\n");
    assert_eq!(exec(&["INCR a", "off", "on", "INCR a"], &[]), "*4\r\n:1\r\n+on\r\n:2\r\n");
    assert_eq!(exec(&["INCR a", "kill", "INCR a", "own"], &[]), "*4\r\n:1\r\n+kill\r\n");
    assert_eq!(exec(&["off", "own", "push"], &[]), "*3\r\n+push\r\n", "it gets pushes all the same");
}

#[test]
fn nothing_of_a_queue_runs_of_which_a_command_was_refused() {
    let mut queue = QueuedCommands::default();
    let args: OwnedArgs = ["INCR", "a"].into_iter().collect();
    queue.push(Command::Data(lookup(args.as_args())), flags::DENYOOM, args);
    assert!(queue.has(flags::DENYOOM) && queue.len() == 1 && queue.bytes() > 0);
    queue.refuse();
    let error = queue.plan(Caller::default(), |_, _, _| ()).err().expect("it is refused");
    assert_eq!(&*error.bytes(), b"EXECABORT Transaction discarded because of previous errors.");
}

#[test]
fn a_reply_is_skipped_once_and_not_for_a_command_that_is_put_off() {
    use crate::router::session::ReplyMode::{self, Off, On, SkipNext, SkipThis};
    let during = |mut mode: ReplyMode, is_put_off| {
        mode.begin_command();
        let during = mode;
        mode.end_command(is_put_off);
        (during, mode)
    };
    assert_eq!(during(On, false), (On, On));
    assert_eq!(during(Off, false), (Off, Off));
    assert_eq!(during(SkipNext, true), (SkipThis, SkipNext));
    assert_eq!(during(SkipNext, false), (SkipThis, On));
}

#[test]
fn no_client_is_woken_for_a_key_of_a_slot_whose_move_is_refused_and_tried_again() {
    let here = key_of(ShardId(0));
    let slot = SlotId::of(here.as_bytes());
    let (mut router, mut notes) = (router_of(2), Notes::default());
    run(&mut router, &mut notes, &format!("RPUSH {here} a"), true);
    let mut keys = Keys::default();
    keys.push(DbIndex(0), here.as_bytes());
    let (client, ticket) = (ClientId(9), Ticket { worker: OTHER, connection: 1, seq: 0 });
    let (awaited, wanted) = (keys.clone(), DataType::List);
    let blocked = BlockedClient { client, ticket, wanted, wakes_on_removal: false, keys, awaited };
    router.shard_mut().wait(blocked, None);
    router.move_slot(slot, OTHER, 0, true, &mut notes);
    router.take_move(OTHER, MoveMessage::Fence(slot), &mut notes);
    router.advance_moves(&mut notes);
    // As when another slot arrives.
    router.shard_mut().env_mut().awaited.signal_all(None);
    router.serve_blocked(&mut notes);
    let asked = |notes: &mut Notes| match notes.txns.pop() {
        Some((OTHER, TxnMessage::Lock(txid, Part::Arrive(of)))) => (txid, of[0], notes.txns.len()),
        _ => panic!("the new owner is not asked last"),
    };
    let (first, of, others) = asked(&mut notes);
    assert_eq!((of, others), (slot, 0));
    router.take_txn(OTHER, TxnMessage::Refused(first, TxId(99 << 16)), &mut notes);
    let (second, of, others) = asked(&mut notes);
    assert_eq!((of, others), (slot, 0));
    let grant = Grant { lent: None, is_watch_broken: false, watch_ends_ms: None, clock: 0 };
    router.take_txn(OTHER, TxnMessage::Granted(second, grant), &mut notes);
    let Some((OTHER, TxnMessage::Restore(_, come))) = notes.txns.pop() else { panic!("it does not leave") };
    let slots = come.lent.slots.unwrap();
    assert_eq!((slots.tables.len(), slots.blocked.clients.len(), notes.txns.len()), (1, 1, 0));
    assert!(router.shard().has_no_locks());
}
