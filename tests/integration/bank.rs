//! A bank whose accounts lie on all shards: clients move amounts between them, other clients add all of them
//! up, and the sum never changes, also while slots move between shards and connections are cut. Bounded by
//! operations. This file knows transfers and sums only; what else the server does is its own affair.

use std::io;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::thread;

use testkit::client::encode_into;
use testkit::{Client, Server, Value};

use crate::scene::{alone, is_oracle, skip_if, start, with_shards};
use crate::slot_moves::{answers_slots, mover_round};

const SHARDS: [usize; 3] = [1, 2, 4];
const ACCOUNTS: usize = 16;
const DEPOSIT: i64 = 1_000;
const TOTAL: i64 = ACCOUNTS as i64 * DEPOSIT;
const TELLERS: usize = 6;
const AUDITORS: usize = 3;
const TRANSFERS: usize = 250;
/// A transfer by WATCH that fails so often in a row never ends.
const ATTEMPTS_MAX: usize = 20_000;
/// Connections that are killed while tellers work.
const KILLS: usize = 150;
/// Each kill waits for so many transfers, so that tellers get on between two of them.
const TRANSFERS_PER_KILL: usize = 5;

/// What all threads of a run share.
struct Bank<'a> {
    server: &'a Server,
    accounts: Vec<String>,
    tellers_left: AtomicUsize,
    transfers: AtomicUsize,
    /// The client id of each teller's connection.
    ids: Vec<AtomicI64>,
}

/// A teller's own source of choices: the same in each run, different for each teller.
struct Choices(u64);

impl Choices {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

/// Counts a teller out when dropped, so that one that panics does not leave the others running.
struct Countdown<'a>(&'a AtomicUsize);

impl Drop for Countdown<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<'a> Bank<'a> {
    fn open(server: &'a Server) -> Bank<'a> {
        let accounts: Vec<String> = (0..ACCOUNTS).map(|index| format!("account:{index}")).collect();
        let mut mset = vec!["MSET".to_owned()];
        for account in &accounts {
            mset.extend([account.clone(), DEPOSIT.to_string()]);
        }
        assert_eq!(server.client().cmd(&mset), Value::ok());
        let ids = (0..TELLERS).map(|_| AtomicI64::new(0)).collect();
        let (tellers_left, transfers) = (AtomicUsize::new(TELLERS), AtomicUsize::new(0));
        Bank { server, accounts, tellers_left, transfers, ids }
    }

    fn is_open(&self) -> bool {
        self.tellers_left.load(Ordering::Relaxed) > 0
    }

    /// Runs tellers and auditors, and `disturb` beside them until the tellers are done; then adds up once
    /// more.
    fn run(&self, tell: impl Fn(usize) + Sync, disturb: impl FnOnce() + Send) {
        thread::scope(|scope| {
            for number in 0..TELLERS {
                let tell = &tell;
                scope.spawn(move || {
                    let _done = Countdown(&self.tellers_left);
                    tell(number);
                });
            }
            for number in 0..AUDITORS {
                scope.spawn(move || {
                    let mut client = self.server.client();
                    while self.is_open() {
                        self.audit(&mut client, number);
                        self.audit(&mut client, number + 1);
                    }
                });
            }
            scope.spawn(disturb);
        });
        let mut client = self.server.client();
        self.audit(&mut client, 0);
        self.audit(&mut client, 1);
    }

    /// Adds all accounts up, by one command or by one transaction.
    fn audit(&self, client: &mut Client, way: usize) {
        let reply = match way % 3 {
            0 => client.cmd(&self.mget()),
            1 => {
                let mut commands = vec![vec!["MULTI".to_owned()]];
                commands.extend(self.accounts.iter().map(|account| vec!["GET".to_owned(), account.clone()]));
                commands.push(vec!["EXEC".to_owned()]);
                client.pipeline(&commands).pop().expect("EXEC has a reply")
            }
            _ => {
                assert_eq!(client.ask("MULTI"), Value::ok());
                assert_eq!(client.cmd(&self.mget()), Value::simple("QUEUED"));
                let reply = client.ask("EXEC");
                reply.as_slice().expect("EXEC without WATCH succeeds")[0].clone()
            }
        };
        let balances = reply.as_slice().unwrap_or_else(|| panic!("accounts: {reply}"));
        let sum: i64 = balances.iter().map(|balance| balance.text().parse::<i64>().unwrap()).sum();
        assert_eq!((balances.len(), sum), (ACCOUNTS, TOTAL), "the accounts are {reply}");
    }

    fn mget(&self) -> Vec<String> {
        std::iter::once("MGET".to_owned()).chain(self.accounts.iter().cloned()).collect()
    }

    /// Two different accounts and an amount.
    fn order(&self, choices: &mut Choices) -> (&str, &str, i64) {
        let from = choices.below(ACCOUNTS);
        let to = (from + 1 + choices.below(ACCOUNTS - 1)) % ACCOUNTS;
        (&self.accounts[from], &self.accounts[to], 1 + choices.below(100) as i64)
    }

    /// One transfer, in one of four ways. An error means that its outcome is unknown.
    fn transfer(&self, client: &mut Client, choices: &mut Choices) -> io::Result<()> {
        let (from, to, amount) = self.order(choices);
        match choices.below(4) {
            0 => transfer_by_watch(client, from, to, amount, choices)?,
            1 => transfer_by_mset(client, from, to, amount)?,
            2 => {
                let reply = client.try_exchange(&counters(from, to, amount), 4)?.pop().unwrap();
                assert_eq!(reply.as_slice().map(<[Value]>::len), Some(2), "EXEC: {reply}");
            }
            _ => {
                // One command at a time, so that others come between.
                for words in [vec!["MULTI"], vec!["DECRBY", from, &amount.to_string()]] {
                    client.try_cmd(&words)?;
                }
                client.try_cmd(&["INCRBY", to, &amount.to_string()])?;
                let reply = client.try_cmd(&["EXEC"])?;
                assert_eq!(reply.as_slice().map(<[Value]>::len), Some(2), "EXEC: {reply}");
            }
        }
        self.transfers.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// All transfers of one teller, with a new connection after each failure.
    fn tell(&self, number: usize, failures_max: usize) {
        let mut choices = Choices(number as u64 + 1);
        let mut client = self.server.client();
        let mut failures = 0;
        for _ in 0..TRANSFERS {
            let result = match self.ids[number].load(Ordering::Relaxed) {
                0 => client.try_cmd(&["CLIENT", "ID"]).map(|id| {
                    self.ids[number].store(id.as_int().unwrap(), Ordering::Relaxed);
                }),
                _ => Ok(()),
            };
            if let Err(error) = result.and_then(|()| self.transfer(&mut client, &mut choices)) {
                failures += 1;
                assert!(failures <= failures_max, "teller {number}: {error}");
                self.ids[number].store(0, Ordering::Relaxed);
                client = self.server.client();
            }
        }
        self.ids[number].store(0, Ordering::Relaxed);
    }
}

/// MULTI, DECRBY, INCRBY, EXEC as they are sent.
fn counters(from: &str, to: &str, amount: i64) -> Vec<u8> {
    let (mut bytes, amount) = (Vec::new(), amount.to_string());
    encode_into(&mut bytes, &["MULTI"]);
    encode_into(&mut bytes, &["DECRBY", from, &amount]);
    encode_into(&mut bytes, &["INCRBY", to, &amount]);
    encode_into(&mut bytes, &["EXEC"]);
    bytes
}

fn balance(reply: &Value) -> i64 {
    reply.text().parse().unwrap_or_else(|_| panic!("a balance: {reply}"))
}

/// GET both, SET both, again until nobody has come between.
fn transfer_by_watch(
    client: &mut Client,
    from: &str,
    to: &str,
    amount: i64,
    choices: &mut Choices,
) -> io::Result<()> {
    for _ in 0..ATTEMPTS_MAX {
        assert_eq!(client.try_cmd(&["WATCH", from, to])?, Value::ok());
        let has = balance(&client.try_cmd(&["GET", from])?);
        let other_has = balance(&client.try_cmd(&["GET", to])?);
        if choices.below(10) == 0 {
            assert_eq!(client.try_cmd(&["UNWATCH"])?, Value::ok());
            return Ok(());
        }
        let mut bytes = Vec::new();
        encode_into(&mut bytes, &["MULTI"]);
        encode_into(&mut bytes, &["SET", from, &(has - amount).to_string()]);
        encode_into(&mut bytes, &["SET", to, &(other_has + amount).to_string()]);
        encode_into(&mut bytes, &["EXEC"]);
        match client.try_exchange(&bytes, 4)?.pop().unwrap() {
            Value::NullArray => {}
            reply => {
                assert_eq!(reply, Value::array([Value::ok(), Value::ok()]));
                return Ok(());
            }
        }
    }
    panic!("{from} to {to}: never without a change in between");
}

/// As by watch, with both accounts read by one command and written by one.
fn transfer_by_mset(client: &mut Client, from: &str, to: &str, amount: i64) -> io::Result<()> {
    for _ in 0..ATTEMPTS_MAX {
        let mut bytes = Vec::new();
        encode_into(&mut bytes, &["WATCH", from, to]);
        encode_into(&mut bytes, &["MGET", from, to]);
        let read = client.try_exchange(&bytes, 2)?.pop().unwrap();
        let read = read.as_slice().unwrap_or_else(|| panic!("MGET: {read}"));
        let (has, other_has) = (balance(&read[0]) - amount, balance(&read[1]) + amount);
        let mut bytes = Vec::new();
        encode_into(&mut bytes, &["MULTI"]);
        encode_into(&mut bytes, &["MSET", from, &has.to_string(), to, &other_has.to_string()]);
        encode_into(&mut bytes, &["EXEC"]);
        match client.try_exchange(&bytes, 3)?.pop().unwrap() {
            Value::NullArray => {}
            reply => {
                assert_eq!(reply, Value::array([Value::ok()]));
                return Ok(());
            }
        }
    }
    panic!("{from} to {to}: never without a change in between");
}

#[test]
fn the_sum_of_all_accounts_never_changes() {
    let _alone = alone();
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let bank = Bank::open(&server);
        bank.run(|number| bank.tell(number, 0), || {});
        assert!(bank.transfers.load(Ordering::Relaxed) == TELLERS * TRANSFERS);
    });
}

#[test]
fn the_sum_stays_while_slots_move_between_shards() {
    let _alone = alone();
    if skip_if(is_oracle(), "only shoal has shards") {
        return;
    }
    for shards in [2, 4] {
        let server = start(shards, "--enable-debug-command yes");
        let mut mover = server.client();
        if !answers_slots(&mut mover) {
            return;
        }
        let bank = Bank::open(&server);
        bank.run(
            |number| bank.tell(number, 0),
            || {
                let mut round = 0;
                while bank.is_open() {
                    mover_round(&mut mover, &bank.accounts, shards, round);
                    round += 1;
                }
                assert!(round > 0, "no slot has moved");
            },
        );
    }
}

#[test]
fn the_sum_stays_when_connections_are_killed() {
    let _alone = alone();
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let bank = Bank::open(&server);
        bank.run(|number| bank.tell(number, KILLS), || kill_tellers(&bank));
    });
}

fn kill_tellers(bank: &Bank<'_>) {
    let mut client = bank.server.client();
    let (mut choices, mut killed) = (Choices(77), 0);
    let mut due = TRANSFERS_PER_KILL;
    while bank.is_open() && killed < KILLS {
        let id = bank.ids[choices.below(TELLERS)].load(Ordering::Relaxed);
        if bank.transfers.load(Ordering::Relaxed) < due || id == 0 {
            assert_eq!(client.ask("PING"), Value::simple("PONG"));
            continue;
        }
        match client.ask(&format!("CLIENT KILL ID {id}")) {
            Value::Int(1) => killed += 1,
            reply => assert_eq!(reply, Value::Int(0)),
        }
        due = bank.transfers.load(Ordering::Relaxed) + TRANSFERS_PER_KILL;
    }
    assert!(killed > 10, "only {killed} connections were killed");
}

#[test]
fn the_sum_stays_when_clients_leave_at_any_byte() {
    let _alone = alone();
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let bank = Bank::open(&server);
        bank.run(
            |number| {
                let mut choices = Choices(100 + number as u64);
                for _ in 0..TRANSFERS {
                    leave_in_the_middle(&bank, &mut choices);
                }
            },
            || {},
        );
    });
}

/// A transfer whose client closes its socket after some byte of it, the last one included: some replies have
/// been read, or none.
fn leave_in_the_middle(bank: &Bank<'_>, choices: &mut Choices) {
    let mut client = bank.server.client();
    let (from, to, amount) = bank.order(choices);
    let mut bytes = Vec::new();
    if choices.below(2) == 0 {
        encode_into(&mut bytes, &["WATCH", from]);
    }
    bytes.extend(counters(from, to, amount));
    // Half of them whole: then EXEC runs, and nobody reads its reply.
    let cut = if choices.below(2) == 0 { bytes.len() } else { choices.below(bytes.len()) };
    client.send_raw(&bytes[..cut]);
    if cut > 60 && choices.below(2) == 0 {
        assert_eq!(client.recv(), Value::ok());
    }
}
