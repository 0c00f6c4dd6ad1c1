//! Tests of what the commands on streams do beside their replies: what others are told, which watches break,
//! what is waited for, and how memory is freed.

use super::tests::DELIVERED;
use crate::args::OwnedArgs;
use crate::ctx::Ctx;
use crate::db::Db;
use crate::encoding::limits::Limits;
use crate::env::Env;
use crate::key::DbIndex;
use crate::keyspace::Keyspace;
use crate::reply::Reply;
use crate::testing::{Sandbox, check_in, lookup};
use crate::watch::ClientId;

/// What others are told of a script's last command.
fn effects_of(prepared: &str, command: &str) -> Vec<String> {
    let mut sandbox = Sandbox::new();
    sandbox.shard_mut().set_limits(Limits { stream_node_entries_max: 2, ..Limits::default() });
    sandbox.run(prepared);
    sandbox.shard_mut().listen_to_effects(true);
    sandbox.run(command);
    let words = |args: &OwnedArgs| {
        let words: Vec<_> = args.as_args().iter_from(0).map(String::from_utf8_lossy).collect();
        words.join(" ")
    };
    let groups = sandbox.shard_mut().take_effects();
    groups.iter().flat_map(|group| &group.effects).map(|effect| words(&effect.args)).collect()
}

#[test]
fn made_ids_and_inexact_trimming_are_told_as_they_came_out() {
    let five = "XADD s 1-1 a 1 | XADD s 2-1 a 1 | XADD s 3-1 a 1 | XADD s 4-1 a 1 | XADD s 5-1 a 1";
    for (command, effect) in [
        ("XADD s 6-1 a 1", "XADD s 6-1 a 1"),
        ("XADD s 6-* a 1", "XADD s 6-0 a 1"),
        ("XADD s NOMKSTREAM * a 1", "XADD s NOMKSTREAM 1000000-0 a 1"),
        ("XADD s MAXLEN 2 * a 1", "XADD s MAXLEN 2 1000000-0 a 1"),
        ("XADD s MAXLEN ~ 3 LIMIT 2 6-1 a 1", "XADD s MAXLEN = 4 6-1 a 1"),
        ("XADD s MINID ~ 4 6-1 a 1", "XADD s MINID = 3-1 6-1 a 1"),
        ("XTRIM s MAXLEN ~ 4", "XTRIM s MAXLEN = 5"),
        ("XTRIM s MINID ~ 9", "XTRIM s MINID = 18446744073709551615-18446744073709551615"),
        ("XTRIM s MAXLEN 4", "XTRIM s MAXLEN 4"),
    ] {
        let expected: Vec<_> = if command == "XTRIM s MAXLEN ~ 4" { Vec::new() } else { vec![effect] };
        assert_eq!(effects_of(five, command), expected, "{command}");
    }
}

#[test]
fn what_is_pending_is_told_entry_by_entry() {
    for (command, effects) in [
        (
            "XREADGROUP GROUP g bob STREAMS s >",
            &[
                "XCLAIM s g bob 0 3-1 TIME 1000000 RETRYCOUNT 1 FORCE JUSTID LASTID 3-1",
                "XGROUP SETID s g 3-1 ENTRIESREAD 3",
            ][..],
        ),
        (
            "XREADGROUP GROUP g carol NOACK STREAMS s >",
            &["XGROUP CREATECONSUMER s g carol", "XGROUP SETID s g 3-1 ENTRIESREAD 3"],
        ),
        (
            "XREADGROUP GROUP g alice STREAMS s 0",
            &["XCLAIM s g alice 0 1-1 TIME 1000000 RETRYCOUNT 2 FORCE JUSTID LASTID 2-1"],
        ),
        ("XREADGROUP GROUP g carol STREAMS s 0", &["XGROUP CREATECONSUMER s g carol"]),
        ("XREADGROUP GROUP g alice STREAMS s 1-1", &[]),
        ("XACK s g 1-1", &["XACK s g 1-1"]),
        ("XACK s g 3-1", &[]),
        (
            "XCLAIM s g carol 0 1-1",
            &["XCLAIM s g carol 0 1-1 TIME 1000000 RETRYCOUNT 2 FORCE JUSTID LASTID 2-1"],
        ),
        (
            "XCLAIM s g carol 9 1-1 LASTID 3-1",
            &["XGROUP CREATECONSUMER s g carol", "XGROUP SETID s g 3-1 ENTRIESREAD 2"],
        ),
        (
            "XAUTOCLAIM s g bob 0 2-1",
            &["XCLAIM s g bob 0 2-1 TIME 1000000 RETRYCOUNT 2 FORCE JUSTID LASTID 2-1"],
        ),
    ] {
        assert_eq!(effects_of(DELIVERED, command), effects, "{command}");
    }
    let gone = format!("{DELIVERED} | XDEL s 1-1");
    let told = ["XCLAIM s g alice 0 1-1 TIME 1000000 RETRYCOUNT 1 FORCE JUSTID LASTID 2-1"];
    assert_eq!(effects_of(&gone, "XCLAIM s g bob 0 1-1"), told);
}

#[test]
fn a_stream_made_from_the_effects_is_the_same() {
    let commands = "XREADGROUP GROUP g carol COUNT 1 STREAMS s > | SLEEP 4 | XCLAIM s g bob 2 1-1 2-1 JUSTID \
        | XREADGROUP GROUP g bob STREAMS s 0 | XDEL s 2-1 | XAUTOCLAIM s g dave 0 0 COUNT 2 \
        | XADD s MAXLEN ~ 2 * a 5 | XREADGROUP GROUP g erin NOACK STREAMS s > \
        | XGROUP CREATE s h 0 ENTRIESREAD 3 | XACK s g 3-1";
    let (mut first, mut second) = (Sandbox::new(), Sandbox::new());
    first.shard_mut().listen_to_effects(true);
    first.run(DELIVERED);
    first.run(commands);
    second.sleep(4);
    for group in first.shard_mut().take_effects() {
        for effect in group.effects {
            let reply = second.execute(effect.args.as_args());
            assert!(!reply.starts_with(b"-"), "{}", String::from_utf8_lossy(&reply));
        }
    }
    for look in ["XRANGE s - +", "XINFO GROUPS s", "XPENDING s g - + 9", "XPENDING s h", "XLEN s"] {
        assert_eq!(first.run(look), second.run(look), "{look}");
    }
}

#[test]
fn only_changed_entries_break_a_watch() {
    for (command, is_broken) in [
        ("XADD s 9-1 a 1", true),
        ("XDEL s 1-1", true),
        ("XDEL s 9-1", false),
        ("XTRIM s MAXLEN 1", true),
        ("XTRIM s MAXLEN 9", false),
        ("XSETID s 9-1", false),
        ("XGROUP CREATE s h 0", false),
        ("XGROUP CREATECONSUMER s g carol", false),
        ("XGROUP DESTROY s g", false),
        ("XREADGROUP GROUP g bob STREAMS s >", false),
        ("XACK s g 1-1", false),
        ("XCLAIM s g bob 0 1-1", false),
    ] {
        let mut sandbox = Sandbox::new();
        sandbox.run(DELIVERED);
        let (db, client) = (DbIndex(0), ClientId(7));
        sandbox.shard_mut().env_mut().watches.add(db, b"s", client, false);
        sandbox.run(command);
        let broken = sandbox.shard_mut().env_mut().watches.is_changed(db, b"s", client, false);
        assert_eq!(broken, is_broken, "{command}");
    }
}

fn owned(text: &str) -> OwnedArgs {
    text.split(' ').collect()
}

#[test]
fn what_xread_would_wait_for_is_what_comes_from_now_on() {
    let blocked = |prepared: &[&str], command: &str| {
        let (mut dbs, mut env) = ([Db::default()], Env::new([1, 2, 3, 4], 5, 512 << 20));
        for text in prepared.iter().chain([&command]) {
            let (keys, args) = (Keyspace::new(&mut dbs, DbIndex(0), &mut env, true), owned(text));
            let mut ctx = Ctx { reply: &mut Reply::default(), keys, only_key: None, client: ClientId(1) };
            (lookup(args.as_args()).run)(&mut ctx, args.as_args()).expect("the command is right");
        }
        let block = env.block.expect("it would wait");
        (block.timeout_ms, block.wakes_on_removal, block.args)
    };
    let resolved = Some(owned("XREAD BLOCK 50 STREAMS s $ t 2-1 0-0 0"));
    let two = &["XADD s 1-1 a 1", "XADD s 2-1 a 1"];
    assert_eq!(blocked(two, "XREAD BLOCK 50 STREAMS s $ t $ $ 0"), (50, false, resolved));
    assert_eq!(blocked(two, "XREAD BLOCK 0 STREAMS s 2-1"), (0, false, None));
    let group = &["XADD s 1-1 a 1", "XGROUP CREATE s g $"];
    assert_eq!(blocked(group, "XREADGROUP GROUP g c BLOCK 7 STREAMS s >"), (7, true, None));
}

#[test]
fn a_group_with_many_pending_entries_is_freed_in_steps() {
    for (entries, garbage) in [(5, 0), (5_000, 1)] {
        let mut sandbox = Sandbox::new();
        sandbox.run("XGROUP CREATE s g 0 MKSTREAM");
        (0..entries).for_each(|_| _ = sandbox.run("XADD s * f v"));
        sandbox.run("XREADGROUP GROUP g c STREAMS s >");
        check_in(
            &mut sandbox,
            "XGROUP DESTROY s g | XGROUP DESTROY s g | XLEN s",
            &format!(":1 | :0 | :{entries}"),
        );
        assert_eq!(sandbox.shard().env().garbage.len(), garbage);
        let mut steps = 0;
        while sandbox.shard_mut().free_some(100) {
            steps += 1;
        }
        assert_eq!(steps > 20, garbage > 0, "{steps} steps");
    }
}
