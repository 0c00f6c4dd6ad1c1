//! Blocking commands: who is served, in which order, and what ends the wait. On every number of shards.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use shards::slot::SlotId;
use testkit::{Client, Server, Value};

use crate::scene::{client_count, dialogue, eventually, is_oracle, is_redis_70, skip_if, start, with_shards};

const SHARDS: [usize; 3] = [1, 2, 3];

/// Waits until so many clients wait in blocking commands.
#[track_caller]
fn await_blocked(server: &Server, count: usize) {
    let mut client = server.client();
    let wanted = format!("blocked_clients:{count}\r\n");
    eventually(&wanted, || client.ask("INFO clients").text().contains(&wanted));
}

/// A client that waits in a command.
#[track_caller]
fn waiting(server: &Server, line: &str, count: usize) -> Client {
    let mut client = server.client();
    client.send_raw(format!("{line}\r\n"));
    await_blocked(server, count);
    client
}

#[test]
fn whoever_waits_is_served_by_whatever_makes_the_key() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut writer = server.client();
        for (wait, writes, served) in [
            ("BLPOP k 0", "RPUSH k a b", "*2[k a]"),
            ("BRPOP nobody k 0", "LPUSH k a b c", "*2[k a]"),
            ("BLPOP k 0", "RPUSH other x|RENAME other k", "*2[k x]"),
            ("BLPOP k 0", "RPUSH other y|COPY other k", "*2[k y]"),
            ("BLPOP k 0", "RPUSH other z|LMOVE other k LEFT LEFT", "*2[k z]"),
            ("BLMPOP 0 2 nobody k RIGHT COUNT 2", "RPUSH k 1 2 3", "*2[k *2[3 2]]"),
            ("BLMOVE k other RIGHT LEFT 0", "RPUSH k 1", "1"),
            ("BRPOPLPUSH k other 0", "RPUSH k 2", "2"),
            ("BZPOPMIN k 0", "ZADD k 2 b 1.5 a", "*3[k a 1.5]"),
            ("BZPOPMAX nobody k 0", "ZADD k 2 b 1.5 a", "*3[k b 2]"),
            ("BZMPOP 0 1 k MAX COUNT 5", "ZADD k 2 b 1 a", "*2[k *2[*2[b 2] *2[a 1]]]"),
            ("BLPOP k 0", "SELECT 1|RPUSH k s|SWAPDB 0 1|SELECT 0", "*2[k s]"),
            ("BLPOP k 0", "SELECT 1|RPUSH k m|MOVE k 0|SELECT 0", "*2[k m]"),
            ("BLPOP k 0", "MULTI|RPUSH k 1|LPUSH k 0|EXEC", "*2[k 0]"),
        ] {
            writer.ask("FLUSHALL");
            let mut waiter = waiting(&server, wait, 1);
            for write in writes.split('|') {
                assert!(!writer.ask(write).is_error(), "{write}");
            }
            assert_eq!(plain(&waiter.recv()), served, "{wait} after {writes}");
        }
    });
}

/// A reply in one line.
fn plain(value: &Value) -> String {
    match value.as_slice() {
        Some(elements) => {
            let elements: Vec<String> = elements.iter().map(plain).collect();
            format!("*{}[{}]", elements.len(), elements.join(" "))
        }
        None if value.is_null() => "nil".to_owned(),
        None => value.as_int().map_or_else(|| value.text(), |number| number.to_string()),
    }
}

#[test]
fn nobody_is_served_by_what_is_not_theirs() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut waiter = waiting(&server, "BLPOP k j 0", 1);
        let mut writer = server.client();
        for line in [
            "SET k 1",
            "DEL k",
            "ZADD k 1 a",
            "DEL k",
            "SELECT 1",
            "RPUSH k a",
            "SELECT 0",
            // What comes and goes in one transaction nobody sees.
            "MULTI",
            "RPUSH k a",
            "RPUSH j b",
            "DEL k j",
            "EXEC",
        ] {
            assert!(!writer.ask(line).is_error(), "{line}");
        }
        await_blocked(&server, 1);
        writer.ask("RPUSH j mine");
        assert_eq!(plain(&waiter.recv()), "*2[j mine]");
    });
}

#[test]
fn the_first_who_waits_is_served_first_and_each_takes_one() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut waiters = Vec::new();
        for index in 0..6 {
            // Every other one waits for a key of another shard, too.
            let line = if index % 2 == 0 { "BLPOP k 0" } else { "BLPOP other another k 0" };
            waiters.push(waiting(&server, line, index + 1));
        }
        let mut writer = server.client();
        assert_eq!(writer.ask("RPUSH k 0 1 2").as_int(), Some(3));
        for (index, waiter) in waiters.iter_mut().enumerate().take(3) {
            assert_eq!(plain(&waiter.recv()), format!("*2[k {index}]"));
        }
        await_blocked(&server, 3);
        assert_eq!(writer.ask("RPUSH k 3 4 5 6").as_int(), Some(4));
        for (index, waiter) in waiters.iter_mut().enumerate().skip(3) {
            assert_eq!(plain(&waiter.recv()), format!("*2[k {index}]"));
        }
        assert_eq!(plain(&writer.ask("LRANGE k 0 -1")), "*1[6]");
    });
}

#[test]
fn one_who_is_served_may_serve_the_next() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut last = waiting(&server, "BLPOP c 0", 1);
        let mut second = waiting(&server, "BLMOVE b c LEFT LEFT 0", 2);
        let mut first = waiting(&server, "BRPOPLPUSH a b 0", 3);
        let mut writer = server.client();
        writer.ask("RPUSH a x");
        assert_eq!(plain(&first.recv()), "x");
        assert_eq!(plain(&second.recv()), "x");
        assert_eq!(plain(&last.recv()), "*2[c x]");
        assert_eq!(writer.ask("EXISTS a b c").as_int(), Some(0));
    });
}

#[test]
fn a_wait_ends_with_its_time() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        for line in [
            "BLPOP a b c 0.01",
            "BLMOVE a b LEFT LEFT 0.01",
            "BRPOPLPUSH a b 0.01",
            "BLMPOP 0.01 2 a b LEFT",
            "BZPOPMIN a b 0.01",
            "BZMPOP 0.01 2 a b MIN",
        ] {
            client.send_raw(format!("{line}\r\n"));
            assert_eq!(client.try_recv_raw(5).unwrap(), b"*-1\r\n", "{line}");
        }
        // Nothing is left behind of those who have waited.
        let mut writer = server.client();
        assert_eq!(writer.ask("RPUSH a 1 2").as_int(), Some(2));
        assert_eq!(writer.ask("LLEN a").as_int(), Some(2));
        let mut resp3 = server.client_resp3();
        resp3.send_raw("BLPOP none 0.01\r\n");
        assert_eq!(resp3.try_recv_raw(3).unwrap(), b"_\r\n");
    });
}

/// How long a wait takes is the machine's affair, but it must not be shorter than was asked for.
#[test]
fn a_wait_is_never_over_early() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "--enable-debug-command yes");
        let mut client = server.client();
        for round in 0..40 {
            for line in ["BLPOP none 0.01", "XREAD BLOCK 10 STREAMS none $", "DEBUG SLEEP 0.01"] {
                if round >= 5 && line.starts_with("DEBUG") {
                    continue;
                }
                let begun = Instant::now();
                client.ask(line);
                assert!(begun.elapsed() >= Duration::from_millis(10), "{line} took {:?}", begun.elapsed());
            }
        }
    });
}

/// A push wakes a client whose command runs as a transaction, so that what comes behind the push in its
/// pipeline has to wait for a lock; and it is done with while the end of the pipeline is worked on.
#[test]
fn a_reply_that_is_made_while_its_connection_is_worked_on_is_not_lost() {
    if skip_if(is_oracle(), "slots do not move there") {
        return;
    }
    let server = start(2, "--enable-debug-command yes");
    let mut admin = server.client();
    for round in 0..12 {
        for last in ["UNWATCH", "MULTI|DISCARD", "RESET", "CLIENT UNBLOCK 99999"] {
            // One key of each shard, in slots of their own; then both lie on the first one.
            let key = |shard: usize| {
                let mut names = (0..).map(|number| format!("{shard}:{round}:{}:{number}", last.len()));
                names.find(|name| usize::from(SlotId::of(name.as_bytes()).number()) / 8192 == shard).unwrap()
            };
            let (here, there) = (key(0), key(1));
            let mut waiter = waiting(&server, &format!("BLPOP {here} {there} 0"), 1);
            let slot = SlotId::of(there.as_bytes()).number();
            assert_eq!(admin.ask(&format!("DEBUG SLOT-MOVE {slot} 0")), Value::ok());
            let mut client = server.client();
            let lines = [format!("WATCH {here}"), format!("RPUSH {here} v"), format!("LLEN {here}")];
            let lines: Vec<&str> = lines.iter().map(String::as_str).chain(last.split('|')).collect();
            let commands: Vec<Vec<&str>> = lines.iter().map(|line| line.split(' ').collect()).collect();
            let replies = client.pipeline(&commands);
            assert_eq!(replies[1].as_int(), Some(1), "{lines:?}");
            assert_eq!(plain(&waiter.recv()), format!("*2[{here} v]"));
            assert_eq!(client.ask("PING"), Value::simple("PONG"));
        }
    }
}

/// Wrong arguments can hide all keys of a command, and then no shard has to be asked.
#[test]
fn a_command_that_hides_its_keys_is_answered_behind_transactions() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut client = server.client();
                    let mset = ["MSET", "a", "1", "b", "2", "c", "3", "d", "4"];
                    while !is_over.load(Ordering::Relaxed) {
                        client.pipeline(&[mset; 20]);
                    }
                });
            }
            let lines = [
                "XREAD BLOCK 0 STREAMS s",
                "XREADGROUP GROUP g c BLOCK 0 STREAMS s",
                "BLMPOP 0 0 LEFT",
                "BZMPOP 0 x a MIN",
            ];
            let wrong = (0..240).map(|number| lines[number % lines.len()]).find_map(|line| {
                let reply = server.client().try_cmd(&line.split(' ').collect::<Vec<_>>());
                (!reply.as_ref().is_ok_and(Value::is_error)).then_some((line, reply))
            });
            is_over.store(true, Ordering::Relaxed);
            assert!(wrong.is_none(), "{wrong:?}");
        });
        let mut witness = server.client();
        eventually("all have left", || client_count(&mut witness) == 1);
    });
}

/// What a client has sent behind its blocking command is taken in, so that its end is seen.
#[test]
fn a_client_that_goes_while_it_waits_is_noticed_however_much_it_has_sent() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut witness = server.client();
        let mut waiter = waiting(&server, "BLPOP k 0", 1);
        for _ in 0..16 {
            waiter.send_raw("*1\r\n$4\r\nPING\r\n".repeat(100_000));
        }
        drop(waiter);
        await_blocked(&server, 0);
        eventually("it has left", || client_count(&mut witness) == 1);
        assert_eq!(witness.ask("RPUSH k v").as_int(), Some(1));
        assert_eq!(witness.ask("LLEN k").as_int(), Some(1));
    });
}

#[test]
fn inside_a_transaction_nobody_waits() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        for line in [
            "MULTI",
            "BLPOP a b 0",
            "BLMOVE a b LEFT LEFT 0",
            "BLMPOP 0 2 a b LEFT",
            "BZPOPMIN z 0",
            "RPUSH b 1",
            "BRPOP a b 0",
        ] {
            client.ask(line);
        }
        assert_eq!(plain(&client.ask("EXEC")), "*6[nil nil nil nil 1 *2[b 1]]");
        dialogue(&mut client, &[("PING", "PONG")]);
    });
}

#[test]
fn commands_behind_a_wait_wait_too() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut waiter = waiting(&server, "SET before 1\r\nBLPOP k 0\r\nSET after 1\r\nGET after", 1);
        let mut writer = server.client();
        assert_eq!(writer.ask("GET before").text(), "1");
        assert!(writer.ask("GET after").is_null());
        writer.ask("RPUSH k x");
        for expected in ["OK", "*2[k x]", "OK", "1"] {
            assert_eq!(plain(&waiter.recv()), expected);
        }
    });
}

#[test]
fn client_unblock_ends_a_wait_as_a_timeout_or_as_an_error() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut admin = server.client();
        for (reason, raw) in [
            ("", "*-1\r\n"),
            (" TIMEOUT", "*-1\r\n"),
            (" error", "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n"),
        ] {
            let mut waiter = server.client();
            let id = waiter.ask("CLIENT ID").as_int().unwrap();
            assert_eq!(admin.ask(&format!("CLIENT UNBLOCK {id}{reason}")).as_int(), Some(0));
            waiter.send_raw("BLPOP a b c 0\r\n");
            await_blocked(&server, 1);
            assert_eq!(admin.ask(&format!("CLIENT UNBLOCK {id}{reason}")).as_int(), Some(1));
            assert_eq!(waiter.try_recv_raw(raw.len()).unwrap(), raw.as_bytes());
            assert_eq!(admin.ask(&format!("CLIENT UNBLOCK {id}{reason}")).as_int(), Some(0));
            assert_eq!(waiter.ask("PING").text(), "PONG");
        }
        admin.ask("RPUSH a 1");
        assert_eq!(admin.ask("LLEN a").as_int(), Some(1));
        dialogue(
            &mut admin,
            &[
                ("CLIENT UNBLOCK x", "(error) ERR value is not an integer or out of range"),
                ("CLIENT UNBLOCK 1 up", "(error) ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"),
            ],
        );
    });
}

#[test]
fn a_client_that_goes_while_it_waits_takes_nothing() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut admin = server.client();
        for key in ["a", "b", "c"] {
            let gone = waiting(&server, &format!("BLPOP {key} none 0"), 1);
            drop(gone);
            await_blocked(&server, 0);
            assert_eq!(admin.ask(&format!("RPUSH {key} 1")).as_int(), Some(1));
            assert_eq!(admin.ask(&format!("LLEN {key}")).as_int(), Some(1));
            admin.ask(&format!("DEL {key}"));
            let mut killed = server.client();
            let id = killed.ask("CLIENT ID").as_int().unwrap();
            killed.send_raw(format!("BLMOVE {key} {key}2 LEFT LEFT 0\r\n"));
            await_blocked(&server, 1);
            let line = admin.ask("CLIENT LIST").text();
            let line = line.lines().find(|line| line.starts_with(&format!("id={id} "))).unwrap();
            assert!(line.contains(" flags=b ") && line.contains(" cmd=blmove "), "{line}");
            assert_eq!(admin.ask(&format!("CLIENT KILL ID {id}")).as_int(), Some(1));
            await_blocked(&server, 0);
            assert_eq!(admin.ask(&format!("RPUSH {key} 1")).as_int(), Some(1));
            assert_eq!(admin.ask(&format!("EXISTS {key} {key}2")).as_int(), Some(1));
            admin.ask("FLUSHALL");
        }
    });
}

#[test]
fn an_error_met_when_the_turn_comes_ends_the_wait_and_takes_nothing() {
    if skip_if(is_redis_70(), "Redis 7.0 serves the ready key without running the command again") {
        return;
    }
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut waiter = waiting(&server, "BLMOVE a b LEFT LEFT 0", 1);
        let mut writer = server.client();
        writer.ask("SET b text");
        writer.ask("RPUSH a 1");
        let wrong = "WRONGTYPE Operation against a key holding the wrong kind of value";
        assert_eq!(waiter.recv(), Value::error(wrong));
        assert_eq!(writer.ask("LLEN a").as_int(), Some(1));
    });
}

#[test]
fn waits_survive_slots_that_move() {
    if skip_if(is_oracle(), "slots do not move there") {
        return;
    }
    let server = start(3, "--enable-debug-command yes");
    let mut admin = server.client();
    let mut waiters: Vec<Client> = Vec::new();
    for index in 0..4 {
        waiters.push(waiting(&server, "BLPOP {x}a {y}a {z}a 0", index + 1));
    }
    for (round, waiter) in waiters.iter_mut().enumerate() {
        for tag in ["{x}", "{y}", "{z}"] {
            let slot = shards::slot::SlotId::of(tag.as_bytes()).number();
            let to = (round + usize::from(slot)) % 3;
            assert!(!admin.ask(&format!("DEBUG SLOT-MOVE {slot} {to}")).is_error());
        }
        let key = ["{x}a", "{y}a", "{z}a", "{x}a"][round];
        admin.ask(&format!("RPUSH {key} {round}"));
        assert_eq!(plain(&waiter.recv()), format!("*2[{key} {round}]"));
    }
}

/// Producers and consumers of a job queue on lists of different shards; consumers are unblocked meanwhile.
#[test]
fn each_job_is_done_once() {
    const JOBS: usize = 3000;
    const QUEUES: [&str; 4] = ["q1", "q2", "q3", "q4"];
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let consumer = |index: usize| {
            let mut client = server.client();
            let mut done = Vec::new();
            let queues = if index.is_multiple_of(2) { "q1 q2 q3 q4" } else { "q4 q2" };
            loop {
                let reply = client.ask(&format!("BLPOP {queues} 1"));
                if reply.is_error() {
                    assert!(reply.text().starts_with("UNBLOCKED"), "{reply}");
                    continue;
                }
                let Some(elements) = reply.as_slice() else { continue };
                match elements[1].text().as_str() {
                    "end" => return done,
                    job => done.push(job.parse::<usize>().unwrap()),
                }
            }
        };
        thread::scope(|scope| {
            let consumers: Vec<_> = (0..8).map(|index| scope.spawn(move || consumer(index))).collect();
            let producers: Vec<_> = (0..3)
                .map(|index| {
                    let server = &server;
                    scope.spawn(move || {
                        let mut client = server.client();
                        for job in (index..JOBS).step_by(3) {
                            client.ask(&format!("RPUSH {} {job}", QUEUES[job % QUEUES.len()]));
                        }
                    })
                })
                .collect();
            let mut admin = server.client();
            while producers.iter().any(|producer| !producer.is_finished()) {
                let list = admin.ask("CLIENT LIST").text();
                let blocked = list.lines().find(|line| line.contains(" flags=b "));
                if let Some(id) = blocked.and_then(|line| line.strip_prefix("id=")?.split(' ').next()) {
                    admin.ask(&format!("CLIENT UNBLOCK {id} ERROR"));
                }
                thread::sleep(Duration::from_millis(3));
            }
            producers.into_iter().for_each(|producer| producer.join().unwrap());
            eventually("all jobs are taken", || {
                QUEUES.iter().all(|queue| admin.ask(&format!("LLEN {queue}")).as_int() == Some(0))
            });
            for _ in 0..8 {
                admin.ask("RPUSH q4 end");
            }
            let done: Vec<Vec<usize>> = consumers.into_iter().map(|all| all.join().unwrap()).collect();
            let all: Vec<usize> = done.concat();
            assert_eq!(all.len(), JOBS, "jobs are lost or done twice");
            assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), JOBS, "jobs are done twice");
        });
    });
}

#[test]
fn a_reader_of_streams_waits_for_what_is_new() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut writer = server.client();
        writer.ask("XADD s 1-1 f old");
        let mut first = waiting(&server, "XREAD BLOCK 0 STREAMS s t $ 0-0", 1);
        let mut second = waiting(&server, "XREAD COUNT 1 BLOCK 0 STREAMS s 1-1", 2);
        let mut third = waiting(&server, "XREAD BLOCK 0 STREAMS s 5-0", 3);
        writer.ask("XADD s 2-0 f new");
        for reader in [&mut first, &mut second] {
            assert_eq!(plain(&reader.recv()), "*1[*2[s *1[*2[2-0 *2[f new]]]]]");
        }
        await_blocked(&server, 1);
        writer.ask("XADD s 6-0 f newer");
        assert_eq!(plain(&third.recv()), "*1[*2[s *1[*2[6-0 *2[f newer]]]]]");
        let mut late = server.client();
        late.send_raw("XREAD BLOCK 10 STREAMS s t $ $\r\n");
        assert_eq!(late.try_recv_raw(5).unwrap(), b"*-1\r\n");
    });
}

#[test]
fn each_entry_goes_to_one_consumer_of_a_group_that_waits() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut writer = server.client();
        writer.ask("XGROUP CREATE s g $ MKSTREAM");
        let line = |consumer| format!("XREADGROUP GROUP g {consumer} COUNT 1 BLOCK 0 STREAMS s >");
        let mut first = waiting(&server, &line("a"), 1);
        let mut second = waiting(&server, &line("b"), 2);
        writer.ask("XADD s 1-0 f 1");
        assert_eq!(plain(&first.recv()), "*1[*2[s *1[*2[1-0 *2[f 1]]]]]");
        await_blocked(&server, 1);
        writer.ask("XADD s 2-0 f 2");
        assert_eq!(plain(&second.recv()), "*1[*2[s *1[*2[2-0 *2[f 2]]]]]");
        assert_eq!(plain(&writer.ask("XPENDING s g")), "*4[2 1-0 2-0 *2[*2[a 1] *2[b 1]]]");
    });
}

#[test]
fn a_reader_of_a_group_that_goes_is_told() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut writer = server.client();
        for gone in [
            "XGROUP DESTROY s g",
            "DEL s",
            "FLUSHALL",
            "SET s text",
            "RENAME s other",
            "MULTI|XGROUP DESTROY s g|SET far away|EXEC",
        ] {
            writer.ask("FLUSHALL");
            writer.ask("XGROUP CREATE s g $ MKSTREAM");
            let mut reader = waiting(&server, "XREADGROUP GROUP g c BLOCK 0 STREAMS s >", 1);
            for line in gone.split('|') {
                assert!(!writer.ask(line).is_error(), "{line}");
            }
            let reply = reader.recv();
            assert!(reply.is_error(), "{gone}: {reply}");
            await_blocked(&server, 0);
        }
    });
}
