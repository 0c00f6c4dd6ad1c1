//! Published messages under a seeded scheduler: publishers that also write keys, subscribers that come and
//! go, on some workers between which hops are slow.
//!
//! What must hold: all subscribers of a channel see its messages in one order, and those of one publisher in
//! its order, whichever channels they are for. When PUBLISH is answered with a number, so many have the
//! message, and no more will; whoever had subscribed before is one of them. Who gets a message finds what its
//! publisher has written before. And nobody waits for ever.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::super::node::{Events, Node, Request, SessionCommand, Told};
use super::super::{START_MS, elements, lookup};
use super::{for_each_seed, text};
use crate::args::OwnedArgs;
use crate::glob;
use crate::pubsub::SubscriptionKind;
use crate::random::Random;
use crate::router::blocked_calls::Ending;
use crate::slot::ShardId;

/// Steps after which a simulation is taken to go in circles.
const STEPS_MAX: usize = 400_000;
const SCRIPTS: usize = 150;
const PUBLISHERS: usize = 3;
const CLIENTS: usize = 7;
/// Keys that each publisher writes, and nobody else.
const KEYS: usize = 3;

/// What a client has sent and not heard of.
enum Sent {
    /// Its reply says nothing.
    Other,
    Publish(usize),
    /// Nobody wants to hear how many have got it.
    QuietPublish(usize),
    /// The messages among the commands of a transaction.
    Exec(Vec<Option<usize>>),
    Subscribe(SubscriptionKind, String),
    Unsubscribe(SubscriptionKind, String),
}

struct Client {
    connection: usize,
    /// How often it has written its keys.
    writes: [u64; KEYS],
    sent: VecDeque<Sent>,
    /// The last message that it was told, of each publisher.
    last: [usize; PUBLISHERS],
}

/// A message, numbered in the order in which messages are sent.
struct Publication {
    kind: SubscriptionKind,
    channel: String,
    /// When its command went out, when its reply came, and how many have got it by that.
    answer: Option<(u64, u64, usize)>,
    /// Who has got it by which pattern, and when.
    told: Vec<(usize, Option<String>, u64)>,
}

/// A subscription of a connection, from when to when.
struct Subscription {
    connection: usize,
    kind: SubscriptionKind,
    name: String,
    since: u64,
    until: u64,
}

impl Subscription {
    /// By which pattern a message comes this way, if it does.
    fn way(&self, message: &Publication) -> Option<Option<String>> {
        let fits = match self.kind {
            SubscriptionKind::Pattern => {
                let matches = glob::matches(self.name.as_bytes(), message.channel.as_bytes());
                message.kind == SubscriptionKind::Channel && matches
            }
            kind => message.kind == kind && self.name == message.channel,
        };
        fits.then(|| (self.kind == SubscriptionKind::Pattern).then(|| self.name.clone()))
    }
}

struct Scene {
    node: Node,
    random: Random,
    clients: Vec<Client>,
    channels: Vec<String>,
    patterns: Vec<String>,
    /// Makes the names of keys different with each seed.
    base: usize,
    messages: Vec<Publication>,
    subscriptions: Vec<Subscription>,
    /// The messages of each channel in the order in which each subscriber has got them, by each way.
    seen: BTreeMap<(usize, Option<String>, String, bool), VecDeque<usize>>,
}

impl Scene {
    fn new(seed: u64) -> Scene {
        let mut random = Random::new(seed);
        let shards = 1 + random.below(3);
        let mut node = if random.one_in(2) {
            Node::with_control_worker(shards, 512 << 20)
        } else {
            Node::new(shards, 512 << 20)
        };
        let workers = node.worker_count();
        node.set_now(START_MS);
        node.slow_down(&mut random, [1, 4, 30][seed as usize % 3]);
        node.limit_sequencers(1 + random.below(shards));
        node.hold_replies([0, 3, 20][random.below(3)]);
        let base = random.below(1000);
        let mut client = || Client {
            connection: node.connect(ShardId(random.below(workers) as u16)),
            writes: [0; KEYS],
            sent: VecDeque::new(),
            last: [0; PUBLISHERS],
        };
        Scene {
            clients: (0..CLIENTS).map(|_| client()).collect(),
            node,
            random,
            channels: ["news", "noise", "x", "y"].map(|name| format!("{name}{base}")).to_vec(),
            patterns: vec!["n*".to_owned(), format!("*{base}"), "[xy]*".to_owned()],
            base,
            messages: Vec::new(),
            subscriptions: Vec::new(),
            seen: BTreeMap::new(),
        }
    }

    fn any(random: &mut Random, names: &[String]) -> String {
        names[random.below(names.len())].clone()
    }

    fn key(&self, publisher: usize, number: usize) -> String {
        format!("k{}.{publisher}.{number}", self.base)
    }

    fn ask(&mut self, client: usize, request: Request, sent: Sent) {
        self.node.ask(self.clients[client].connection, request);
        self.clients[client].sent.push_back(sent);
    }

    /// Sends a command on keys.
    fn send(&mut self, client: usize, line: &str) {
        let args: OwnedArgs = line.split(' ').collect();
        self.ask(client, Request::Data(lookup(args.as_args()), args), Sent::Other);
    }

    /// Sends a write of one key, or of some, which are on different shards as a rule.
    fn write(&mut self, publisher: usize) {
        let count = [1, 2][self.random.below(2)];
        let first = self.random.below(KEYS);
        let mut line = String::from(if count == 1 { "SET" } else { "MSET" });
        for number in (first..first + count).map(|number| number % KEYS) {
            self.clients[publisher].writes[number] += 1;
            line += &format!(" {} {}", self.key(publisher, number), self.clients[publisher].writes[number]);
        }
        self.send(publisher, &line);
    }

    /// Makes a message: it says of itself which it is, and what its publisher has written before.
    fn publish(&mut self, publisher: usize, sent: fn(usize) -> Sent) -> usize {
        let is_sharded = self.random.one_in(6);
        let kind = if is_sharded { SubscriptionKind::ShardChannel } else { SubscriptionKind::Channel };
        let channel = Scene::any(&mut self.random, &self.channels);
        let number = self.messages.len();
        let writes = self.clients[publisher].writes.map(|count| count.to_string()).join("/");
        let payload = format!("{number}/{publisher}/{writes}");
        let args: OwnedArgs = ["PUBLISH", &channel, &payload].into_iter().collect();
        self.messages.push(Publication { kind, channel, answer: None, told: Vec::new() });
        self.ask(publisher, Request::Session(SessionCommand::Publish(kind), args), sent(number));
        number
    }

    fn transaction(&mut self, publisher: usize) {
        self.ask(publisher, Request::Multi, Sent::Other);
        let mut items = Vec::new();
        for _ in 0..1 + self.random.below(4) {
            if self.random.one_in(2) {
                self.write(publisher);
                items.push(None);
            } else {
                let number = self.publish(publisher, |_| Sent::Other);
                items.push(Some(number));
            }
        }
        self.ask(publisher, Request::Exec, Sent::Exec(items));
    }

    fn change_subscription(&mut self, client: usize) {
        let kind = SubscriptionKind::ALL[self.random.below(SubscriptionKind::ALL.len())];
        let names = if kind == SubscriptionKind::Pattern { &self.patterns } else { &self.channels };
        let name = Scene::any(&mut self.random, names);
        let args: OwnedArgs = ["", name.as_str()].into_iter().collect();
        if self.random.one_in(3) {
            let request = Request::Session(SessionCommand::Unsubscribe(kind), args);
            self.ask(client, request, Sent::Unsubscribe(kind, name));
        } else {
            let request = Request::Session(SessionCommand::Subscribe(kind), args);
            self.ask(client, request, Sent::Subscribe(kind, name));
        }
    }

    fn act(&mut self, client: usize) {
        match self.random.below(10) {
            _ if client >= PUBLISHERS && self.random.one_in(12) => self.replace(client),
            // Messages pass the reply to this one.
            _ if client >= PUBLISHERS && self.random.one_in(8) => self.send(client, "BLPOP nothing 0"),
            _ if client >= PUBLISHERS => self.change_subscription(client),
            0 => self.change_subscription(client),
            1 | 2 => self.transaction(client),
            3..6 => self.write(client),
            6 => {
                let args: OwnedArgs = ["", "SKIP"].into_iter().collect();
                self.ask(client, Request::Session(SessionCommand::Reply, args), Sent::Other);
                self.publish(client, Sent::QuietPublish);
            }
            _ => _ = self.publish(client, Sent::Publish),
        }
    }

    /// A subscriber goes away, and another one comes.
    fn replace(&mut self, client: usize) {
        let gone = self.clients[client].connection;
        self.node.close(gone);
        // Nobody can tell which messages it should have got.
        self.subscriptions.retain(|subscription| subscription.connection != gone);
        let worker = ShardId(self.random.below(self.node.worker_count()) as u16);
        let connection = self.node.connect(worker);
        let client = &mut self.clients[client];
        (client.connection, client.last) = (connection, [0; PUBLISHERS]);
        client.sent.clear();
    }

    fn receive(&mut self) {
        for client in 0..self.clients.len() {
            for told in self.node.take_told(self.clients[client].connection) {
                self.take_told(client, told);
            }
        }
        for client in 0..self.clients.len() {
            let connection = self.clients[client].connection;
            while let Some(finished) = self.node.take_reply(connection) {
                let sent = self.clients[client].sent.pop_front().expect("every reply was asked for");
                let numbers = match sent {
                    Sent::Other => continue,
                    Sent::QuietPublish(number) => {
                        assert!(finished.reply.is_empty(), "nobody wants this reply");
                        let message = &mut self.messages[number];
                        message.answer = Some((finished.invoked, finished.returned, message.told.len()));
                        continue;
                    }
                    Sent::Publish(number) => vec![Some(number)],
                    Sent::Exec(numbers) => numbers,
                    Sent::Subscribe(kind, name) => {
                        self.subscribed(connection, kind, name, finished.returned);
                        continue;
                    }
                    Sent::Unsubscribe(kind, name) => {
                        let open = self.open_subscription(connection, kind, &name);
                        open.into_iter().for_each(|open| open.until = finished.returned);
                        continue;
                    }
                };
                let replies = elements(&finished.reply);
                assert_eq!(numbers.len(), replies.len(), "{replies:?}");
                for (number, reply) in numbers.into_iter().zip(replies) {
                    let Some(number) = number else { continue };
                    let receivers = reply.trim_start_matches(':').parse().expect("a number of receivers");
                    let message = &mut self.messages[number];
                    // They have it when the reply comes, not only when all is over.
                    assert_eq!(message.told.len(), receivers, "of message {number}");
                    message.answer = Some((finished.invoked, finished.returned, receivers));
                }
            }
        }
    }

    fn open_subscription(
        &mut self,
        connection: usize,
        kind: SubscriptionKind,
        name: &str,
    ) -> Option<&mut Subscription> {
        self.subscriptions.iter_mut().find(|open| {
            open.until == u64::MAX && open.connection == connection && open.kind == kind && open.name == name
        })
    }

    fn subscribed(&mut self, connection: usize, kind: SubscriptionKind, name: String, since: u64) {
        if self.open_subscription(connection, kind, &name).is_none() {
            self.subscriptions.push(Subscription { connection, kind, name, since, until: u64::MAX });
        }
    }

    /// A client is told of a message.
    fn take_told(&mut self, client: usize, told: Told) {
        let payload = text(&told.payload);
        let mut numbers = payload.split('/').map(|number| number.parse::<usize>().expect("a number"));
        let (number, publisher) = (numbers.next().expect("its number"), numbers.next().expect("whose it is"));
        for (key, written) in numbers.enumerate() {
            let key = self.key(publisher, key);
            let Some(reply) = self.node.peek(&key) else { continue };
            let found = elements(&reply).first().and_then(|value| value.parse::<usize>().ok());
            assert!(found.unwrap_or(0) >= written, "message {number} comes before its publisher's {key}");
        }
        let Client { connection, last, .. } = &mut self.clients[client];
        assert!(last[publisher] <= number, "message {number} comes behind {}", last[publisher]);
        last[publisher] = number;
        let message = &mut self.messages[number];
        assert!(message.answer.is_none(), "message {number} was answered, and comes only now");
        assert_eq!(message.channel.as_bytes(), told.channel);
        let pattern = told.pattern.as_deref().map(text);
        message.told.push((*connection, pattern.clone(), told.at));
        let is_sharded = message.kind == SubscriptionKind::ShardChannel;
        let way = (*connection, pattern, message.channel.clone(), is_sharded);
        self.seen.entry(way).or_default().push_back(number);
    }

    fn play(&mut self) {
        let mut left = SCRIPTS;
        for step in 0.. {
            assert!(step < STEPS_MAX, "there is no end to it");
            if left > 0 && self.random.one_in(5) {
                left -= 1;
                let client = self.random.below(self.clients.len());
                self.act(client);
            }
            if self.random.one_in(20) {
                let client = self.random.below(self.clients.len());
                self.node.end_blocking(self.clients[client].connection, Ending::Timeout, true);
            }
            let goes_on = self.node.step_at_random(&mut self.random);
            self.receive();
            if !goes_on && left == 0 && self.node.waiting_clients() == 0 {
                break;
            }
        }
        let has_read_all = |client: &Client| self.node.has_read_all(client.connection);
        assert!(self.clients.iter().all(has_read_all), "something is left to be read");
        assert!(self.clients.iter().all(|client| client.sent.is_empty()), "clients wait for ever");
        assert!(self.node.is_quiet(), "locks, transactions or messages are left behind");
    }

    fn check(self) -> Events {
        for (number, message) in self.messages.iter().enumerate() {
            let (invoked, returned, receivers) = message.answer.expect("it was answered");
            let ways: BTreeSet<_> = message.told.iter().map(|(to, by, _)| (*to, by.clone())).collect();
            assert_eq!(ways.len(), receivers, "somebody has message {number} twice");
            assert!(message.told.iter().all(|&(_, _, at)| at <= returned), "message {number} came too late");
            for subscription in &self.subscriptions {
                let Subscription { connection, since, until, .. } = *subscription;
                if let Some(way) = subscription.way(message)
                    && since < invoked
                    && returned < until
                {
                    assert!(ways.contains(&(connection, way)), "{connection} misses message {number}");
                }
            }
        }
        let mut channels: BTreeMap<(String, bool), Vec<VecDeque<usize>>> = BTreeMap::new();
        for ((_, _, channel, is_sharded), numbers) in self.seen {
            channels.entry((channel, is_sharded)).or_default().push(numbers);
        }
        for (channel, orders) in channels {
            assert!(
                have_one_order(orders),
                "no order of the messages of {channel:?} is that of all subscribers"
            );
        }
        self.node.events()
    }
}

/// True when there is an order of all numbers of which each sequence is a part.
fn have_one_order(mut sequences: Vec<VecDeque<usize>>) -> bool {
    loop {
        sequences.retain(|sequence| !sequence.is_empty());
        let is_next = |number: &usize| {
            sequences.iter().all(|sequence| sequence[0] == *number || !sequence.contains(number))
        };
        let Some(next) = sequences.iter().map(|sequence| sequence[0]).find(is_next) else {
            return sequences.is_empty();
        };
        for sequence in sequences.iter_mut().filter(|sequence| sequence[0] == next) {
            sequence.pop_front();
        }
    }
}

fn messages_come_in_order(seed: u64) -> Events {
    let mut scene = Scene::new(seed);
    scene.play();
    scene.check()
}

#[test]
fn subscribers_see_the_messages_of_a_channel_in_one_order_and_behind_what_was_written_before() {
    let test =
        "messages::subscribers_see_the_messages_of_a_channel_in_one_order_and_behind_what_was_written_before";
    if let Some(events) = for_each_seed(test, 1500, messages_come_in_order) {
        assert!(events.published > 20_000 && events.published_at_once > 4000, "{events:?}");
        assert!(events.held_messages > 3000 && events.told > 150_000, "{events:?}");
        assert!(events.held_replies > 1000 && events.unwanted > 1000, "{events:?}");
        assert!(events.awaited_items > 10_000 && events.direct_execs > 5000, "{events:?}");
    }
}

#[test]
fn an_order_is_found_when_there_is_one() {
    let sequences = |lists: &[&[usize]]| lists.iter().map(|list| list.iter().copied().collect()).collect();
    assert!(have_one_order(sequences(&[&[1, 2, 4], &[2, 3, 4], &[1, 3]])));
    assert!(!have_one_order(sequences(&[&[1, 2], &[2, 3], &[3, 1]])));
}
