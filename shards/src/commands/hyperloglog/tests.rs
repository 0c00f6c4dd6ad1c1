//! Replies and values as redis-server 7.0.15 has them.

use crate::args::Args;
use crate::encoding::limits::Limits;
use crate::testing::{Sandbox, check, check_in};

const NO_HLL: &str = "-WRONGTYPE Key is not a valid HyperLogLog string value.";
const CORRUPTED: &str = "-INVALIDOBJ Corrupted HLL object detected";
const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

#[test]
fn pfadd_says_whether_any_register_changed() {
    check("PFADD k a b c | PFADD k a | PFADD k | PFADD k c d | PFCOUNT k", ":1 | :0 | :0 | :1 | :4");
    check("PFADD k | PFADD k | PFCOUNT k | EXISTS k", ":1 | :0 | :0 | :1");
    check("PFADD k a a | PFADD k \"\" | PFADD k \"\"", ":1 | :1 | :0");
}

#[test]
fn a_value_has_the_bytes_of_redis_and_may_be_set() {
    check("PFADD e | GET e", r#":1 | "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff""#);
    let counted = r#""HYLL\x01\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00`\xf3\x80P\xb1\x84K\xfb\x80BZ""#;
    check("PFADD k a b c | PFCOUNT k | GET k", &format!(":1 | :3 | {counted}"));
    check(
        &format!("SET k {counted} | PFCOUNT k | PFADD k c | PFADD k x | PFCOUNT k | PFDEBUG ENCODING k"),
        "OK | :3 | :0 | :1 | :4 | sparse",
    );
}

#[test]
fn pfcount_believes_the_count_in_the_value_until_something_is_added() {
    let lying = r#""HYLL\x01\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00\x7f\xff""#;
    check(&format!("SET k {lying} | PFCOUNT k | PFCOUNT k k"), "OK | :7 | :0");
    check(&format!("SET k {lying} | PFADD k a | PFCOUNT k"), "OK | :1 | :1");
    check(&format!("SET k {lying} | PFADD k | PFCOUNT k"), "OK | :0 | :7");
    check(&format!("SET k {lying} | PFMERGE k | PFCOUNT k"), "OK | OK | :0");
}

/// The commands of a script that have an effect.
fn effects(script: &str) -> Vec<String> {
    let mut sandbox = Sandbox::new();
    sandbox.shard_mut().listen_to_effects(true);
    sandbox.run(script);
    let effects = sandbox.shard_mut().take_effects().into_iter().flat_map(|group| group.effects);
    let text = |args: Args<'_>| args.iter_from(0).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ");
    effects.map(|effect| text(effect.args.as_args())).collect()
}

#[test]
fn what_changes_a_value_has_an_effect() {
    assert_eq!(
        effects("PFADD k a | PFADD k a | PFADD k b | PFCOUNT k | PFCOUNT k | PFADD k a | PFCOUNT k k"),
        ["PFADD k a", "PFADD k b", "PFCOUNT k"]
    );
    assert_eq!(
        effects("PFMERGE k | PFDEBUG ENCODING k | PFDEBUG GETREG k | PFDEBUG GETREG k | PFDEBUG TODENSE k"),
        ["PFMERGE k", "PFDEBUG GETREG k"]
    );
}

#[test]
fn pfcount_of_several_keys_counts_their_union() {
    check(
        "PFADD a 1 2 3 | PFADD b 3 4 | PFADD c 9 | PFCOUNT a b | PFCOUNT a b c none | PFCOUNT a a \
            | PFCOUNT none none",
        ":1 | :1 | :1 | :4 | :5 | :3 | :0",
    );
    check("PFADD a 1 2 | PFDEBUG TODENSE a | PFADD b 2 3 | PFCOUNT a b", ":1 | :1 | :1 | :3");
}

#[test]
fn pfmerge_adds_the_sources_to_the_destination() {
    check(
        "PFADD a 1 2 3 | PFADD b 3 4 | PFADD c 9 | PFMERGE c a b | PFCOUNT c | PFCOUNT a \
            | PFDEBUG ENCODING c",
        ":1 | :1 | :1 | OK | :5 | :3 | sparse",
    );
    check("PFMERGE n | PFCOUNT n | EXISTS n", "OK | :0 | :1");
    check("PFADD a 1 | PFMERGE n none a none | PFCOUNT n | TTL n", ":1 | OK | :1 | :-1");
    check("PFADD a 1 | EXPIRE a 9 | PFADD b 2 | PFMERGE a b | TTL a", ":1 | :1 | :1 | OK | :9");
    let dense = "PFADD a 1 | PFDEBUG TODENSE a | PFADD b 2";
    check(&format!("{dense} | PFMERGE n a b | PFDEBUG ENCODING n"), ":1 | :1 | :1 | OK | dense");
    check(&format!("{dense} | PFMERGE b a | PFCOUNT b | STRLEN b"), ":1 | :1 | :1 | OK | :2 | :12304");
}

#[test]
fn other_strings_and_other_types_are_refused() {
    for value in [
        "hello",
        "12",
        "\"HYLL\"",
        r#""HYLL\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff""#,
        r#""HYLL\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff""#,
    ] {
        check(
            &format!(
                "SET s {value} | PFADD k a | PFADD s a | PFADD s | PFCOUNT s | PFCOUNT k s | PFMERGE k s"
            ),
            &format!("OK | :1 | {NO_HLL} | {NO_HLL} | {NO_HLL} | {NO_HLL} | {NO_HLL}"),
        );
        check(
            &format!("SET s {value} | PFADD k a | PFMERGE s k | PFDEBUG ENCODING s | PFDEBUG X s | TYPE s"),
            &format!("OK | :1 | {NO_HLL} | {NO_HLL} | {NO_HLL} | string"),
        );
    }
    check(
        "LPUSH l 1 | PFADD l a | PFCOUNT l | PFCOUNT k l | PFMERGE k l | PFMERGE l k | PFDEBUG X l \
            | EXISTS k",
        &format!(
            ":1 | {WRONG_TYPE} | {WRONG_TYPE} | {WRONG_TYPE} | {WRONG_TYPE} | {WRONG_TYPE} | {WRONG_TYPE} \
                | :0"
        ),
    );
}

#[test]
fn a_damaged_value_is_refused_by_whoever_meets_the_damage_and_left_as_it_is() {
    // 64 registers of 16384. The element b belongs to one behind them.
    let set = r#"SET k "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80?""#;
    let got = r#""HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80?""#;
    for command in [
        "PFADD k b",
        "PFADD k b a c",
        "PFCOUNT k",
        "PFCOUNT k k",
        "PFMERGE n k",
        "PFMERGE k",
        "PFDEBUG GETREG k",
        "PFDEBUG TODENSE k",
    ] {
        check(&format!("{set} | {command} | GET k | EXISTS n"), &format!("OK | {CORRUPTED} | {got} | :0"));
    }
    check(
        &format!("{set} | PFADD k | PFDEBUG DECODE k | PFDEBUG ENCODING k | GET k"),
        &format!("OK | :0 | z:64 | sparse | {got}"),
    );
}

#[test]
fn nothing_is_added_when_only_a_later_element_meets_the_damage() {
    // Registers 0 to 12671: that of c (8436) is among them, those of a and b (12711, 15780) are not.
    let head = r#""HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80"#;
    let mut sandbox = Sandbox::new();
    sandbox.run(&format!(r#"SET k {head}\x71\x7f""#));
    let before = sandbox.run("GET k");
    check_in(&mut sandbox, "PFADD k c a b", CORRUPTED);
    check_in(&mut sandbox, "GET k", &before);
    check_in(&mut sandbox, "PFADD k c", ":1");
}

#[test]
fn a_value_becomes_dense_when_it_outgrows_its_limit() {
    for (limit, encoding) in [(0, "dense"), (20, "dense"), (21, "sparse"), (3000, "sparse")] {
        let mut sandbox = Sandbox::new();
        sandbox.shard_mut().set_limits(Limits { hll_sparse_bytes_max: limit, ..Limits::default() });
        check_in(
            &mut sandbox,
            "PFADD k a | PFDEBUG ENCODING k | PFADD k a | PFMERGE m k | PFDEBUG ENCODING m | PFCOUNT m",
            &format!(":1 | {encoding} | :0 | OK | {encoding} | :1"),
        );
    }
}

#[test]
fn pfdebug_shows_the_registers_and_makes_a_value_dense() {
    check(
        "PFADD k a b c | PFDEBUG DECODE k | PFDEBUG encoding k | PFDEBUG TODENSE k | PFDEBUG TODENSE k \
            | PFDEBUG ENCODING k",
        ":1 | \"Z:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603\" | sparse | :1 | :0 | dense",
    );
    check(
        "PFADD k | PFDEBUG TODENSE k | PFDEBUG DECODE k | PFDEBUG foo k | PFDEBUG foo none \
            | PFDEBUG DECODE none",
        ":1 | :1 | -ERR HLL encoding is not sparse | -ERR Unknown PFDEBUG subcommand 'foo' \
         | -ERR The specified key does not exist | -ERR The specified key does not exist",
    );
    let mut sandbox = Sandbox::new();
    sandbox.run("PFADD k a b c");
    let registers = sandbox.run("PFDEBUG GETREG k");
    let registers: Vec<&str> = registers.trim_matches(['[', ']']).split(' ').collect();
    assert_eq!(registers.len(), 16384);
    let ranks = |at: usize| registers[at];
    assert_eq!([ranks(8436), ranks(12711), ranks(15780), ranks(0)], [":1", ":2", ":1", ":0"]);
    assert_eq!(registers.iter().filter(|&&rank| rank != ":0").count(), 3);
    check_in(&mut sandbox, "PFDEBUG ENCODING k | PFCOUNT k", "dense | :3");
}

#[test]
fn the_self_test_passes() {
    check("PFSELFTEST", "OK");
}
