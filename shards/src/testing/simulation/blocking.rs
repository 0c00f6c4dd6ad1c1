//! Blocking commands under a seeded scheduler: producers push numbered elements, consumers wait for them on
//! one list or several, go away, are unblocked, run out of time; slots move meanwhile.
//!
//! What must hold: each element is taken once or still there, in the order in which it was pushed; nothing is
//! taken for a client that is known to be gone; and nobody waits at the end for what is there.

use std::collections::{BTreeMap, BTreeSet};

use super::super::node::{Events, Node, Request};
use super::super::{START_MS, elements, lookup, on_the_wire};
use super::for_each_seed;
use crate::args::OwnedArgs;
use crate::random::Random;
use crate::router::blocked_calls::Ending;
use crate::slot::{ShardId, SlotId};

/// Steps for each command after which a simulation is taken to go in circles.
const STEPS_MAX: usize = 2000;
const LISTS: [&str; 4] = ["l0", "l1", "l2", "l3"];
/// Where BLMOVE puts what it takes.
const DONE: &str = "done";

/// Takes elements, one command at a time.
struct Consumer {
    connection: usize,
    left: usize,
    /// The lists of the command whose reply is missing.
    asked: Option<Vec<&'static str>>,
    /// The command leaves what it takes in [`DONE`].
    moves: bool,
}

struct Scene {
    node: Node,
    random: Random,
    now_ms: u64,
    /// For each list its producer and the next number.
    producers: Vec<(usize, usize)>,
    consumers: Vec<Consumer>,
    /// What was taken from each list.
    taken: BTreeMap<&'static str, Vec<usize>>,
    admin: usize,
}

fn send(node: &mut Node, connection: usize, line: &str) {
    let args: OwnedArgs = line.split(' ').collect();
    let command = lookup(args.as_args());
    node.request(connection, command, args);
}

/// The list and the number of an element such as `l2:17`.
fn parse(element: &str) -> (&'static str, usize) {
    let (list, number) = element.split_once(':').expect("an element names its list");
    let list = LISTS.iter().find(|name| **name == list).expect("a list of the scene");
    (list, number.parse().expect("and its number"))
}

impl Scene {
    fn new(seed: u64) -> Scene {
        let mut random = Random::new(seed);
        let shards = 1 + random.below(3);
        let mut node = Node::with_control_worker(shards, 512 << 20);
        node.set_now(START_MS);
        node.slow_down(&mut random, [1, 4, 30][seed as usize % 3]);
        node.hold_replies([0, 10][seed as usize / 3 % 2]);
        let mut connect = || node.connect(ShardId(random.below(shards + 1) as u16));
        let producers = LISTS.iter().map(|_| (connect(), 0)).collect();
        let consumer = |connection| Consumer { connection, left: 12, asked: None, moves: false };
        let consumers = (0..6).map(|_| consumer(connect())).collect();
        let admin = connect();
        Scene { node, random, now_ms: START_MS, producers, consumers, taken: BTreeMap::new(), admin }
    }

    fn produce(&mut self) {
        let which = self.random.below(LISTS.len());
        let (connection, next) = &mut self.producers[which];
        let list = LISTS[which];
        let count = 1 + self.random.below(3);
        let new: Vec<String> = (*next..*next + count).map(|number| format!("{list}:{number}")).collect();
        *next += count;
        let node = &mut self.node;
        if self.random.one_in(3) {
            node.ask(*connection, Request::Multi);
            new.iter().for_each(|element| send(node, *connection, &format!("RPUSH {list} {element}")));
            node.ask(*connection, Request::Exec);
        } else {
            send(node, *connection, &format!("RPUSH {list} {}", new.join(" ")));
        }
    }

    fn consume(&mut self, which: usize) {
        let mut lists: Vec<&str> = LISTS.iter().copied().filter(|_| self.random.one_in(2)).collect();
        if lists.is_empty() {
            lists.push(LISTS[self.random.below(LISTS.len())]);
        }
        let timeout = ["0", "0", "0.005"][self.random.below(3)];
        let form = self.random.below(6);
        let consumer = &mut self.consumers[which];
        consumer.moves = form == 0;
        let line = match form {
            0 => {
                lists.truncate(1);
                format!("BLMOVE {} {DONE} LEFT RIGHT {timeout}", lists[0])
            }
            1 => format!("BLMPOP {timeout} {} {} LEFT COUNT 2", lists.len(), lists.join(" ")),
            2 => format!("LMPOP {} {} LEFT", lists.len(), lists.join(" ")),
            // Its keys cannot be found, so no shard has to be asked.
            3 => format!("BLMPOP {timeout} 0 {} LEFT", lists.join(" ")),
            _ => format!("BLPOP {} {timeout}", lists.join(" ")),
        };
        consumer.left -= 1;
        consumer.asked = Some(lists);
        send(&mut self.node, consumer.connection, &line);
    }

    /// What happens besides commands.
    fn happen(&mut self) {
        match self.random.below(60) {
            0 | 1 => {
                let list = LISTS[self.random.below(LISTS.len())];
                let to = ShardId(self.random.below(self.node.shard_count()) as u16);
                self.node.ask(self.admin, Request::MoveSlot(SlotId::of(list.as_bytes()), to));
            }
            7 if self.random.one_in(2) => {
                let shards = 1 + self.random.below(self.node.shard_count());
                self.node.deal(shards, &LISTS.map(str::to_owned));
            }
            2 => {
                self.now_ms += 3;
                self.node.set_now(self.now_ms);
            }
            3 => {
                let which = self.random.below(self.consumers.len());
                let ending = if self.random.one_in(2) { Ending::Error } else { Ending::Timeout };
                self.node.end_blocking(self.consumers[which].connection, ending, true);
            }
            4 => self.replace(),
            // Everything is awaited and nothing is: no key may be lost to a whole lock.
            5 => send(&mut self.node, self.admin, "DBSIZE"),
            _ => {}
        }
    }

    /// A consumer goes away in the middle of its command, and another one comes.
    fn replace(&mut self) {
        let which = self.random.below(self.consumers.len());
        self.receive();
        let gone = self.consumers[which].connection;
        let worker = ShardId(self.random.below(self.node.worker_count()) as u16);
        // Another client has killed it, or its own has gone.
        let waits = match self.random.below(2) {
            0 => self.node.end_blocking(gone, Ending::Closed, false),
            _ => self.node.stop_waiting(gone),
        };
        if !waits && self.consumers[which].asked.is_some() {
            // Not one that blocks, or its reply is there: it is read before the end.
            return;
        }
        self.receive();
        self.node.close(gone);
        self.consumers[which].connection = self.node.connect(worker);
        self.consumers[which].asked = None;
    }

    fn receive(&mut self) {
        while self.node.take_reply(self.admin).is_some() {}
        for (connection, _) in &self.producers {
            while self.node.take_reply(*connection).is_some() {}
        }
        for which in 0..self.consumers.len() {
            let Some(finished) = self.node.take_reply(self.consumers[which].connection) else { continue };
            let asked = self.consumers[which].asked.take().expect("a reply to a command");
            let wire = on_the_wire(&finished.reply);
            if wire.starts_with(b"-") {
                let text = String::from_utf8_lossy(&wire).into_owned();
                assert!(text.starts_with("-UNBLOCKED") || text.starts_with("-ERR numkeys"), "{text}");
                continue;
            }
            let taken: Vec<String> =
                elements(&finished.reply).into_iter().filter(|word| word.contains(':')).collect();
            for element in taken {
                let (list, number) = parse(&element);
                assert!(asked.contains(&list), "{element} is not of {asked:?}");
                self.taken.entry(list).or_default().push(number);
            }
        }
    }

    /// Plays until all commands are sent and nothing more can happen. Consumers that still wait then are left
    /// alone.
    fn play(&mut self, pushes: usize) {
        let mut pushes_left = pushes;
        for step in 0.. {
            assert!(step < STEPS_MAX * 200, "there is no end to it");
            let idle: Vec<usize> = (0..self.consumers.len())
                .filter(|&at| self.consumers[at].asked.is_none() && self.consumers[at].left > 0)
                .collect();
            let can_send = pushes_left > 0 || !idle.is_empty();
            if can_send && self.random.one_in(4) {
                self.happen();
                let pushes = pushes_left > 0 && (idle.is_empty() || self.random.one_in(2));
                if pushes {
                    pushes_left -= 1;
                    self.produce();
                } else if !idle.is_empty() {
                    let which = idle[self.random.below(idle.len())];
                    self.consume(which);
                }
            } else if !self.node.step_at_random(&mut self.random) && !can_send {
                break;
            }
            self.receive();
        }
    }

    fn ask(&mut self, line: &str) -> Vec<String> {
        send(&mut self.node, self.admin, line);
        loop {
            if let Some(finished) = self.node.take_reply(self.admin) {
                return elements(&finished.reply);
            }
            assert!(self.node.step_at_random(&mut self.random), "no reply to {line}");
        }
    }

    fn check(mut self) -> Events {
        self.receive();
        assert!(self.node.is_quiet(), "locks or transactions are left behind");
        let mut in_done: BTreeSet<String> = self.ask(&format!("LRANGE {DONE} 0 -1")).into_iter().collect();
        for (which, list) in LISTS.iter().enumerate() {
            let left: Vec<usize> =
                self.ask(&format!("LRANGE {list} 0 -1")).iter().map(|element| parse(element).1).collect();
            let asked =
                |consumer: &&Consumer| consumer.asked.as_ref().is_some_and(|lists| lists.contains(list));
            let waiting = self.consumers.iter().filter(asked).count();
            assert!(left.is_empty() || waiting == 0, "{waiting} wait for {list}, which has {left:?}");
            let mut all = self.taken.remove(list).unwrap_or_default();
            let taken = all.len();
            all.extend(&left);
            in_done.retain(|element| parse(element).0 != *list || !all[..taken].contains(&parse(element).1));
            all.sort_unstable();
            let pushed: Vec<usize> = (0..self.producers[which].1).collect();
            assert_eq!(all, pushed, "elements of {list} are lost or taken twice");
            assert!(left.is_sorted(), "{list} is out of order: {left:?}");
            // What is left is the newest.
            assert_eq!(left, pushed[taken..], "{list} was not taken from its head");
        }
        assert!(in_done.is_empty(), "moved for nobody: {in_done:?}");
        self.node.events()
    }
}

fn elements_are_taken_once(seed: u64) -> Events {
    let mut scene = Scene::new(seed);
    scene.play(40);
    scene.check()
}

#[test]
fn each_element_is_taken_once_and_nobody_waits_for_what_is_there() {
    let test = "blocking::each_element_is_taken_once_and_nobody_waits_for_what_is_there";
    if let Some(events) = for_each_seed(test, 400, elements_are_taken_once) {
        assert!(events.refused > 100 && events.lent_in_vain > 20 && events.moves > 200, "{events:?}");
        assert!(events.parked > 100 && events.deferred > 10, "{events:?}");
    }
}

/// Those who read one stream from another shard all have their replies when the news has come once: no reader
/// keeps the stream from the next one.
#[test]
fn readers_elsewhere_do_not_wait_for_each_other() {
    let mut random = Random::new(1);
    let mut node = Node::new(3, 512 << 20);
    node.set_now(START_MS);
    let rest = |node: &mut Node, random: &mut Random| while node.step_at_random(random) {};
    let owner = node.owner(b"s");
    let readers: Vec<usize> = (0..30).map(|at| node.connect(ShardId(at % 3))).collect();
    for &reader in &readers {
        send(&mut node, reader, "XREAD BLOCK 0 STREAMS s $");
    }
    // One of them reads two streams, which may lie on two shards.
    let both = node.connect(owner);
    send(&mut node, both, "XREAD BLOCK 0 STREAMS s t $ $");
    rest(&mut node, &mut random);
    assert_eq!(node.waiting_clients(), readers.len() + 1);
    let is_served = |node: &mut Node, reader: usize| {
        let finished = node.take_reply(reader)?;
        assert!(on_the_wire(&finished.reply).starts_with(b"*1\r\n*2\r\n$1\r\ns\r\n"));
        Some(())
    };
    let before = node.events();
    let writer = node.connect(owner);
    send(&mut node, writer, "XADD s 1-1 f v");
    rest(&mut node, &mut random);
    for &reader in readers.iter().chain([&both]) {
        assert!(is_served(&mut node, reader).is_some(), "reader {reader} has nothing");
    }
    assert!(node.is_quiet() && node.waiting_clients() == 0);
    let transactions = node.events().grants - before.grants;
    assert!(transactions <= 3, "{transactions} locks were granted for {} readers", readers.len() + 1);
}

/// The word that a client may read crosses with the end of its wait: then nobody gets it, and nothing is
/// lost.
#[test]
fn what_is_read_for_a_client_that_has_ended_is_for_nobody() {
    let mut random = Random::new(1);
    let mut node = Node::new(2, 512 << 20);
    node.set_now(START_MS);
    let owner = node.owner(b"s");
    let reader = node.connect(ShardId(1 - owner.0));
    send(&mut node, reader, "XREAD BLOCK 0 STREAMS s $");
    while node.step_at_random(&mut random) {}
    let writer = node.connect(owner);
    send(&mut node, writer, "XADD s 1-1 f v");
    while node.take_reply(writer).is_none() {
        assert!(node.step_at_random(&mut random));
    }
    assert!(node.end_blocking(reader, Ending::Timeout, true));
    while node.step_at_random(&mut random) {}
    let finished = node.take_reply(reader).expect("its time is over");
    assert_eq!(on_the_wire(&finished.reply), b"*-1\r\n");
    assert!(node.take_reply(reader).is_none() && node.is_quiet() && node.waiting_clients() == 0);
    send(&mut node, reader, "XREAD STREAMS s 0");
    while node.step_at_random(&mut random) {}
    assert_eq!(elements(&node.take_reply(reader).expect("it is there").reply).len(), 4);
}

/// A deadline is past when a whole millisecond more has gone by than was asked for: the clock may have been
/// about to go on.
#[test]
fn a_wait_ends_when_its_time_is_surely_over() {
    for line in ["BLPOP here 0.005", "BLPOP here there 0.005", "XREAD BLOCK 5 STREAMS s $"] {
        let mut random = Random::new(1);
        let mut node = Node::new(2, 512 << 20);
        node.set_now(START_MS);
        let waiter = node.connect(ShardId(0));
        send(&mut node, waiter, line);
        while node.step_at_random(&mut random) {}
        node.set_now(START_MS + 5);
        while node.step_at_random(&mut random) {}
        assert!(node.take_reply(waiter).is_none(), "{line} ends early");
        node.set_now(START_MS + 6);
        while node.step_at_random(&mut random) {}
        assert!(node.take_reply(waiter).is_some(), "{line} does not end");
    }
}

/// Clients that come one after the other are served in this order, wherever they and their lists are.
fn the_first_waiter_is_first(seed: u64) -> Events {
    let mut random = Random::new(seed);
    let shards = 1 + random.below(3);
    let mut node = Node::new(shards, 512 << 20);
    node.set_now(START_MS);
    node.slow_down(&mut random, [1, 10][seed as usize % 2]);
    let rest = |node: &mut Node, random: &mut Random| while node.step_at_random(random) {};
    let waiters: Vec<usize> = (0..8)
        .map(|_| {
            let waiter = node.connect(ShardId(random.below(shards) as u16));
            let others = ["", "l1 ", "l2 l3 "][random.below(3)];
            send(&mut node, waiter, &format!("BLPOP {others}l0 0"));
            rest(&mut node, &mut random);
            waiter
        })
        .collect();
    assert_eq!(node.waiting_clients(), waiters.len());
    if random.one_in(2) {
        let admin = node.connect(ShardId(0));
        let to = ShardId(random.below(shards) as u16);
        node.ask(admin, Request::MoveSlot(SlotId::of(b"l0"), to));
        rest(&mut node, &mut random);
    }
    let producer = node.connect(ShardId(random.below(shards) as u16));
    let late = node.connect(ShardId(random.below(shards) as u16));
    for number in 0..waiters.len() + 1 {
        send(&mut node, producer, &format!("RPUSH l0 {number}"));
        if random.one_in(3) {
            rest(&mut node, &mut random);
        }
        if number == waiters.len() / 2 {
            // Whoever comes later is last.
            rest(&mut node, &mut random);
            send(&mut node, late, "BLPOP l0 0");
            rest(&mut node, &mut random);
        }
    }
    rest(&mut node, &mut random);
    for (number, &waiter) in waiters.iter().chain([&late]).enumerate() {
        let finished = node.take_reply(waiter).unwrap_or_else(|| panic!("waiter {number} has nothing"));
        assert_eq!(elements(&finished.reply), ["l0", &number.to_string()], "waiter {number}");
    }
    assert!(node.is_quiet() && node.waiting_clients() == 0);
    node.events()
}

#[test]
fn whoever_waits_first_is_served_first() {
    for_each_seed("blocking::whoever_waits_first_is_served_first", 300, the_first_waiter_is_first);
}
