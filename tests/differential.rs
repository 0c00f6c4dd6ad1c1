//! The same random commands sent to shoal and to a redis-server started here: every reply must be equal, on
//! 1, 2 and 3 shards; and random edits near the thresholds of encodings, to which Valkey knows the right ones
//! too. A difference is shrunk to the fewest commands that still show it, and printed as redis-cli lines.
//! Deep pipelines of several connections at once, which no two runs mix alike, are told as they are.
//!
//! `DIFF_COMMANDS` sets the number of commands in all (default 200 000), `DIFF_SEED` the first seed (a
//! number, or `random` to look for new differences). Streams have consecutive seeds, so a failing seed can be
//! given as `DIFF_SEED` and comes first. A command is added by a row in `differential/rows.rs`. This file
//! must not know any command.

#[path = "differential/argument.rs"]
mod argument;
#[path = "differential/compare.rs"]
mod compare;
#[path = "differential/encodings.rs"]
mod encodings;
#[path = "differential/pipelines.rs"]
mod pipelines;
#[path = "differential/rig.rs"]
mod rig;
#[path = "differential/rows.rs"]
mod rows;
#[path = "differential/shrink.rs"]
mod shrink;
#[path = "differential/stream.rs"]
mod stream;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use testkit::{Kind, Server};

use encodings::{Family, Pair};
use pipelines::Moving;
use rig::{Difference, Rig, Tally};
use stream::Step;

/// Commands of one stream: long enough that keys meet each other, short enough that shrinking is quick.
const STREAM_LEN: usize = 600;
const COMMANDS_DEFAULT: usize = 200_000;
const SEED_DEFAULT: u64 = 20_260_101;
/// Shrinking ends after this time even if the list could be shorter.
const SHRINK_TIME_MAX: Duration = Duration::from_secs(90);
/// The numbers of shards that the commands are divided between.
const SHARD_COUNTS: [usize; 3] = [1, 2, 3];
/// From this many commands on, each row of the table must have had a reply that is no error.
const COMMANDS_MIN_FOR_COVERAGE: usize = 10_000;

#[test]
fn replies_equal_those_of_redis_on_1_shard() {
    replies_equal_those_of_redis(1);
}

#[test]
fn replies_equal_those_of_redis_on_2_shards() {
    replies_equal_those_of_redis(2);
}

#[test]
fn replies_equal_those_of_redis_on_3_shards() {
    replies_equal_those_of_redis(3);
}

fn replies_equal_those_of_redis(shards: usize) {
    let mut rig = Rig::start(testkit::shoal!().shards(shards), Server::builder(Kind::Redis));
    let commands = env_number("DIFF_COMMANDS").map_or(COMMANDS_DEFAULT, |count| count as usize);
    let streams = commands.div_ceil(SHARD_COUNTS.len() * STREAM_LEN);
    let seed = first_seed();
    let mut tally = Tally::default();
    for seed in seed..seed + streams as u64 {
        let steps = stream::generate(seed, STREAM_LEN);
        if let Some(difference) = rig.run(&steps, &mut tally) {
            panic!(
                "with {shards} shards, seed {seed} (DIFF_SEED={seed}):\n{}",
                shrunk_report(&mut rig, steps, difference)
            );
        }
    }
    if streams * STREAM_LEN >= COMMANDS_MIN_FOR_COVERAGE {
        assert_eq!(tally.rows_without_success(), Vec::<String>::new(), "rows that only ever got errors");
    }
}

/// Seeds of deep pipelines, of which `DIFF_COMMANDS` makes more or fewer.
const PIPELINES_ONE_OF: usize = 200_000;

#[test]
fn deep_pipelines_are_answered_as_by_redis_on_1_shard() {
    pipelines_are_answered_as_by_redis(1, Moving::Nothing);
}

#[test]
fn deep_pipelines_are_answered_as_by_redis_on_2_shards_while_clients_move() {
    pipelines_are_answered_as_by_redis(2, Moving::Clients);
}

#[test]
fn deep_pipelines_are_answered_as_by_redis_on_3_shards_while_clients_move() {
    pipelines_are_answered_as_by_redis(3, Moving::Clients);
}

#[test]
fn deep_pipelines_are_answered_as_by_redis_on_3_shards_while_clients_and_slots_move() {
    pipelines_are_answered_as_by_redis(3, Moving::ClientsAndSlots);
}

#[test]
fn deep_pipelines_are_answered_as_by_redis_on_2_shards_while_slots_are_gathered_and_spread() {
    pipelines_are_answered_as_by_redis(2, Moving::ClientsAndAllSlots);
}

#[test]
fn deep_pipelines_are_answered_as_by_redis_on_3_shards_while_slots_are_gathered_and_spread() {
    pipelines_are_answered_as_by_redis(3, Moving::ClientsAndAllSlots);
}

fn pipelines_are_answered_as_by_redis(shards: usize, moving: Moving) {
    let commands = env_number("DIFF_COMMANDS").map_or(COMMANDS_DEFAULT, |count| count as usize);
    let seed = first_seed();
    for seed in seed..seed + commands.div_ceil(PIPELINES_ONE_OF) as u64 {
        if let Some(difference) = pipelines::difference(seed, shards, moving) {
            panic!("with {shards} shards, moving {moving:?}, seed {seed} (DIFF_SEED={seed}): {difference}");
        }
    }
}

/// Streams of edits of each family of types, of which `DIFF_COMMANDS` makes more or fewer.
const ENCODING_STREAMS_OF: usize = 4_000;

#[test]
fn values_are_encoded_as_by_redis_and_valkey_after_any_edits() {
    let commands = env_number("DIFF_COMMANDS").map_or(COMMANDS_DEFAULT, |count| count as usize);
    let seed = first_seed();
    for family in Family::ALL {
        let Some(mut pair) = Pair::start(testkit::shoal!().shards(2), family.oracle()) else {
            println!("{family:?} is left out: no {:?} on this machine", family.oracle());
            continue;
        };
        for seed in seed..seed + commands.div_ceil(ENCODING_STREAMS_OF) as u64 {
            let steps = encodings::generate(family, seed);
            if pair.difference(&steps).is_some() {
                let shrunk = shrink::shrink(steps, SHRINK_TIME_MAX, |steps| pair.difference(steps).is_some());
                let lines = stream::redis_cli_lines(&shrunk);
                let Some((step, difference)) = pair.difference(&shrunk) else {
                    panic!("{family:?}, seed {seed}: the difference comes and goes:\n{lines}");
                };
                panic!(
                    "{family:?}, seed {seed} (DIFF_SEED={seed}), after line {}:\n\n{lines}\n{difference}",
                    step + 1
                );
            }
        }
    }
}

#[test]
fn a_difference_is_found_and_shrunk_to_the_command_that_shows_it() {
    let fewer_databases = Server::builder(Kind::Redis).args(["--databases", "15"]);
    let mut rig = Rig::start(fewer_databases, Server::builder(Kind::Redis));
    let mut seeds = 0..100;
    let steps = seeds
        .find_map(|seed| {
            let steps = stream::generate(seed, STREAM_LEN);
            rig.run(&steps, &mut Tally::default()).map(|_| steps)
        })
        .expect("some stream selects database 15");
    let shrunk =
        shrink::shrink(steps, SHRINK_TIME_MAX, |steps| rig.run(steps, &mut Tally::default()).is_some());
    let line = stream::redis_cli_lines(&shrunk).to_ascii_uppercase();
    // One command that names the database that only one server has.
    assert!(line.lines().count() == 1 && line.contains("15"), "{line}");
}

#[test]
fn a_difference_that_does_not_come_again_is_told_with_both_replies() {
    let mut rig = Rig::start(Server::builder(Kind::Redis), Server::builder(Kind::Redis));
    let steps = vec![step("SET a 1"), step("GET a"), step("GET b")];
    let seen = Difference { step: 1, expected: "right".to_owned(), got: "wrong".to_owned() };
    let report = shrunk_report(&mut rig, steps, seen);
    assert!(report.starts_with("3 commands shrunk to 2, but the difference comes and goes:"), "{report}");
    assert!(
        report.contains("SET a 1\nGET a\n\nthe last reply should be\n  right\nbut is\n  wrong"),
        "{report}"
    );
}

#[test]
fn a_server_that_dies_is_a_difference_and_is_started_again() {
    let dies = Server::builder(Kind::Redis).args(["--rename-command", "SHUTDOWN", "NOSUCHCOMMAND"]);
    let mut rig = Rig::start(dies, Server::builder(Kind::Redis));
    let mut steps = vec![step("SET a 1"), step("NOSUCHCOMMAND NOSAVE"), step("GET a")];
    let difference = rig.run(&steps, &mut Tally::default()).expect("only one server dies");
    assert_eq!(difference.step, 1);
    assert!(difference.to_string().contains("but is\n  the connection failed"), "{difference}");
    steps.remove(1);
    assert!(rig.run(&steps, &mut Tally::default()).is_none());
}

fn step(line: &str) -> Step {
    let args = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    Step { connection: 0, pipelined: false, args, row: 0 }
}

/// The smallest list of commands that still showed a difference, and both replies. `seen` is the difference
/// of `steps`. A difference that depends on the moment may not come again, so the one that is printed is the
/// last that was seen.
fn shrunk_report(rig: &mut Rig, steps: Vec<Step>, mut seen: Difference) -> String {
    let full = steps.len();
    let shrunk = shrink::shrink(steps, SHRINK_TIME_MAX, |steps| {
        let difference = rig.run(steps, &mut Tally::default());
        let is_difference = difference.is_some();
        seen = difference.unwrap_or(seen.clone());
        is_difference
    });
    let comes_again = rig.run(&shrunk, &mut Tally::default()).is_some();
    format!(
        "{full} commands shrunk to {}{}:\n\n{}\n{seen}",
        seen.step + 1,
        if comes_again { "" } else { ", but the difference comes and goes" },
        stream::redis_cli_lines(&shrunk[..=seen.step])
    )
}

fn first_seed() -> u64 {
    if std::env::var("DIFF_SEED").is_ok_and(|seed| seed == "random") {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
        return u64::from(now.subsec_nanos()) << 20 | (now.as_secs() & 0xf_ffff);
    }
    env_number("DIFF_SEED").unwrap_or(SEED_DEFAULT)
}

fn env_number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}")))
}
