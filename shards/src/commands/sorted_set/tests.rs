//! What the commands of sorted sets do, in both encodings where that could matter.

use crate::testing::{Sandbox, check, check_in};

const SYNTAX: &str = "-ERR syntax error";
const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

/// Runs a script on the set `z` of these members, packed and not.
#[track_caller]
fn check_both(members: &str, script: &str, expected: &str) {
    for (encoding, conversion) in [("listpack", ""), ("skiplist", "| ZADD z 0 \"x\"*65 | ZREM z \"x\"*65")] {
        for shards in [1, 3] {
            let mut sandbox = Sandbox::of_shards(shards);
            sandbox.run(&format!("ZADD z {members} {conversion}"));
            check_in(&mut sandbox, "OBJECT ENCODING z", encoding);
            check_in(&mut sandbox, script, expected);
        }
    }
}

/// Runs commands one by one, each on a fresh set `z` of these members and a string at `s`.
#[track_caller]
fn check_each(members: &str, replies: &[(&str, &str)]) {
    for (command, reply) in replies {
        check_both(members, &format!("SET s 1 | {command}"), &format!("OK | {reply}"));
    }
}

#[test]
fn zadd_adds_and_updates_and_says_how_many() {
    check_each(
        "1 a 2 b",
        &[
            ("ZADD z 3 c 4 d 9 a | ZRANGE z 0 -1 WITHSCORES", ":2 | [b 2 c 3 d 4 a 9]"),
            ("ZADD z CH 3 c 4 d 9 a 2 b", ":3"),
            ("ZADD z 3 c 4 c | ZSCORE z c", ":1 | 4"),
            ("ZADD z nx 5 a 5 c | ZRANGE z 0 -1 WITHSCORES", ":1 | [a 1 b 2 c 5]"),
            ("ZADD z XX CH 5 a 5 c | ZRANGE z 0 -1 WITHSCORES", ":1 | [b 2 a 5]"),
            ("ZADD z GT CH 0 a 3 b 0 c | ZRANGE z 0 -1 WITHSCORES", ":2 | [c 0 a 1 b 3]"),
            ("ZADD z LT CH 0 a 3 b 0 c | ZRANGE z 0 -1 WITHSCORES", ":2 | [a 0 c 0 b 2]"),
            (
                "ZADD z inf a -inf b +5. c 0x10 d | ZRANGE z 0 -1 WITHSCORES",
                ":2 | [b \"-inf\" c 5 d 16 a inf]",
            ),
            ("ZADD none XX 1 a | EXISTS none", ":0 | :0"),
            ("ZADD s 1 a", WRONG_TYPE),
        ],
    );
}

#[test]
fn zadd_checks_everything_before_it_writes() {
    let float = "-ERR value is not a valid float";
    check_each(
        "1 a",
        &[
            ("ZADD z 2 a x b | ZSCORE z a", &format!("{float} | 1")),
            ("ZADD s x a", float),
            ("ZADD z nan a", float),
            ("ZADD z 1 a 2", SYNTAX),
            ("ZADD z NX XX", SYNTAX),
            ("ZADD z NX XX 1 a", "-ERR XX and NX options at the same time are not compatible"),
            ("ZADD z NX GT 1 a", "-ERR GT, LT, and/or NX options at the same time are not compatible"),
            ("ZADD z LT GT 1 a", "-ERR GT, LT, and/or NX options at the same time are not compatible"),
            ("ZADD z INCR 1 a 1 b", "-ERR INCR option supports a single increment-element pair"),
        ],
    );
}

#[test]
fn increments_reply_with_the_score_or_nothing() {
    check_each(
        "1 a",
        &[
            ("ZINCRBY z 1.5 a | ZINCRBY z -5 b | ZINCRBY new 2 c", "2.5 | \"-5\" | 2"),
            ("ZADD z INCR 1 a | ZADD z INCR 0 a", "2 | 2"),
            ("ZADD z NX INCR 1 a | ZADD z XX INCR 1 b | ZADD z GT INCR -1 a", "(nil) | (nil) | (nil)"),
            ("ZADD none XX INCR 1 a", "(nil)"),
            ("RESP 3 | ZINCRBY z 0.1 a | ZADD z NX INCR 1 a", ",1.1 | (nil)"),
            (
                "ZADD z inf a | ZINCRBY z -inf a | ZSCORE z a",
                ":0 | -ERR resulting score is not a number (NaN) | inf",
            ),
            ("ZINCRBY z nx a", SYNTAX),
            ("ZINCRBY z x a", "-ERR value is not a valid float"),
        ],
    );
}

#[test]
fn a_set_is_converted_by_the_limits_of_redis_7_2() {
    let pairs = |count: usize| (0..count).map(|n| format!(" {n} m{n}")).collect::<String>();
    check(
        &format!("ZADD z {} | OBJECT ENCODING z | ZADD z 1 n | OBJECT ENCODING z | ZCARD z", pairs(128)),
        ":128 | listpack | :1 | skiplist | :129",
    );
    check(&format!("ZADD z {} | OBJECT ENCODING z", pairs(129)), ":129 | skiplist");
    check(
        "ZADD z 1 \"m\"*64 | OBJECT ENCODING z | ZADD z 2 \"n\"*65 | OBJECT ENCODING z",
        ":1 | listpack | :1 | skiplist",
    );
    check("ZADD z 1 \"m\"*65 | OBJECT ENCODING z", ":1 | skiplist");
    // So many pairs convert it, whatever they are.
    let same = " 1 a".repeat(129);
    check(&format!("ZADD z {same} | OBJECT ENCODING z"), ":1 | skiplist");
    check(&format!("ZADD z 1 a | ZADD z XX {same} | OBJECT ENCODING z"), ":1 | :0 | skiplist");
}

#[test]
fn an_expire_stays_while_a_set_is_changed_and_converted() {
    check(
        "ZADD z 1 a | PEXPIRE z 100 | ZADD z 2 \"n\"*65 | PTTL z | ZPOPMIN z | PTTL z | SLEEP 101 | ZCARD z",
        ":1 | :1 | :1 | :100 | [a 1] | :100 | :0",
    );
}

#[test]
fn single_members_are_found_ranked_and_removed() {
    check_each(
        "1 a 2 b 2.5 c 3 10",
        &[
            ("ZCARD z | ZCARD none | ZCARD s", &format!(":4 | :0 | {WRONG_TYPE}")),
            ("ZSCORE z c | ZSCORE z 10 | ZSCORE z x | ZSCORE none a", "2.5 | 3 | (nil) | (nil)"),
            ("RESP 3 | ZSCORE z c | ZMSCORE z a x", ",2.5 | [,1 (nil)]"),
            ("ZMSCORE z a x 10 | ZMSCORE none a b", "[1 (nil) 3] | [(nil) (nil)]"),
            ("ZRANK z a | ZRANK z 10 | ZREVRANK z 10 | ZREVRANK z b", ":0 | :3 | :0 | :2"),
            ("ZRANK z x | ZRANK none a | ZRANK z x WITHSCORE", "(nil) | (nil) | (nil array)"),
            ("ZRANK z c withscore | ZREVRANK z c WITHSCORE", "[:2 2.5] | [:1 2.5]"),
            ("RESP 3 | ZRANK z c WITHSCORE | ZRANK z x WITHSCORE", "[:2 ,2.5] | (nil)"),
            ("ZRANK z c x", SYNTAX),
            ("ZRANK z c WITHSCORE x", "-ERR wrong number of arguments for 'zrank' command"),
            ("ZREM z x | ZREM z a x a 10 | ZRANGE z 0 -1", ":0 | :2 | [b c]"),
            ("ZREM z a b c 10 a | EXISTS z | ZREM z a", ":4 | :0 | :0"),
            ("ZREM s a", WRONG_TYPE),
        ],
    );
}

#[test]
fn members_are_popped_from_both_ends() {
    check_each(
        "1 a 2 b 2.5 c",
        &[
            ("ZPOPMIN z | ZPOPMAX z | ZCARD z | ZPOPMIN z | EXISTS z", "[a 1] | [c 2.5] | :1 | [b 2] | :0"),
            ("ZPOPMIN z 2 | ZPOPMAX z 9223372036854775807 | ZPOPMAX z 1", "[a 1 b 2] | [c 2.5] | []"),
            ("ZPOPMAX z 2 | ZPOPMIN none | ZPOPMIN z 0", "[c 2.5 b 2] | [] | []"),
            ("RESP 3 | ZPOPMIN z | ZPOPMIN z 1 | ZPOPMAX z 5", "[a ,1] | [[b ,2]] | [[c ,2.5]]"),
            ("ZPOPMIN z -1", "-ERR value is out of range, must be positive"),
            ("ZPOPMIN z x", "-ERR value is out of range, must be positive"),
            ("ZPOPMIN z 1 2", SYNTAX),
            ("ZPOPMIN s 0", WRONG_TYPE),
        ],
    );
}

#[test]
fn zmpop_pops_from_the_first_set_that_is_there() {
    check_each(
        "1 a 2 b 3 c",
        &[
            ("ZMPOP 2 none z MIN | ZMPOP 1 z max COUNT 5 | EXISTS z", "[z [[a 1]]] | [z [[c 3] [b 2]]] | :0"),
            ("RESP 3 | ZMPOP 2 none z MIN | ZMPOP 1 none MIN", "[z [[a ,1]]] | (nil)"),
            ("ZMPOP 2 none n2 MIN", "(nil array)"),
            ("ZMPOP 2 s z MIN", WRONG_TYPE),
            ("ZMPOP 2 z s MIN", "[z [[a 1]]]"),
            ("ZMPOP 0 z MIN", "-ERR numkeys should be greater than 0"),
            ("ZMPOP x z MIN", "-ERR numkeys should be greater than 0"),
            ("ZMPOP 9223372036854775807 z MIN", SYNTAX),
            ("ZMPOP 1 z MID", SYNTAX),
            ("ZMPOP 1 z MIN COUNT 0", "-ERR count should be greater than 0"),
            ("ZMPOP 1 z MIN COUNT", SYNTAX),
            ("ZMPOP 1 z MIN COUNT 1 COUNT 1", SYNTAX),
        ],
    );
}

#[test]
fn ranges_by_rank_count_from_both_ends() {
    check_each(
        "1 a 2 b 3 c",
        &[
            ("ZRANGE z 0 -1 | ZRANGE z -2 -1 | ZRANGE z 1 1", "[a b c] | [b c] | [b]"),
            ("ZRANGE z 0 1 REV | ZREVRANGE z 0 -2 WITHSCORES", "[c b] | [c 3 b 2]"),
            ("ZRANGE z 2 1 | ZRANGE z 3 9 | ZRANGE z -9 -4 | ZRANGE none 0 -1", "[] | [] | [] | []"),
            ("ZRANGE z -9223372036854775808 9223372036854775807 WITHSCORES", "[a 1 b 2 c 3]"),
            ("RESP 3 | ZRANGE z 0 1 WITHSCORES | ZRANGE z 0 0", "[[a ,1] [b ,2]] | [a]"),
            ("ZRANGE z a b", "-ERR value is not an integer or out of range"),
            (
                "ZRANGE z 0 -1 LIMIT 0 5",
                "-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
            ),
            ("ZRANGE z 0 -1 LIMIT 1 -1", "[a b c]"),
            ("ZRANGE z 0 -1 REV REV", SYNTAX),
            ("ZREVRANGE z 0 -1 REV", SYNTAX),
            ("ZRANGE s 0 -1", WRONG_TYPE),
        ],
    );
}

#[test]
fn ranges_by_score_are_open_or_closed_and_limited() {
    check_each(
        "1 a 2 b 2 bb 3 c inf d",
        &[
            ("ZRANGEBYSCORE z 2 3 | ZRANGEBYSCORE z (2 (inf | ZRANGEBYSCORE z 3 2", "[b bb c] | [c] | []"),
            ("ZREVRANGEBYSCORE z +inf -inf | ZREVRANGEBYSCORE z 2 (1", "[d c bb b a] | [bb b]"),
            ("ZRANGE z 2 inf BYSCORE LIMIT 1 2 WITHSCORES", "[bb 2 c 3]"),
            ("ZRANGE z inf 2 BYSCORE REV LIMIT 1 2", "[c bb]"),
            ("ZRANGEBYSCORE z -inf inf LIMIT 3 -7 | ZRANGEBYSCORE z 1 3 LIMIT 0 0", "[c d] | []"),
            ("ZRANGEBYSCORE z -inf inf LIMIT -1 2 | ZREVRANGEBYSCORE z 9 0 LIMIT -1 2", "[] | []"),
            ("ZRANGEBYSCORE z 1 3 LIMIT 9223372036854775807 9223372036854775807", "[]"),
            ("ZCOUNT z 2 3 | ZCOUNT z (1 (3 | ZCOUNT z 5 1 | ZCOUNT none 0 1", ":3 | :2 | :0 | :0"),
            ("ZRANGEBYSCORE z x 1", "-ERR min or max is not a float"),
            ("ZCOUNT s nan 1", "-ERR min or max is not a float"),
            ("ZRANGEBYSCORE z 0 1 BYSCORE", SYNTAX),
            ("ZRANGE z 0 1 BYSCORE BYLEX", SYNTAX),
            ("ZRANGE z 0 1 BYSCORE LIMIT 0", SYNTAX),
            ("ZRANGE z 0 1 BYSCORE LIMIT 0 x", "-ERR value is not an integer or out of range"),
        ],
    );
}

#[test]
fn ranges_by_member_go_by_bytes() {
    let lex = "-ERR min or max not valid string range item";
    check_each(
        "0 a 0 b 0 bb 0 c 0 10",
        &[
            (
                "ZRANGEBYLEX z - + | ZRANGEBYLEX z [b (c | ZRANGEBYLEX z (b +",
                "[10 a b bb c] | [b bb] | [bb c]",
            ),
            ("ZREVRANGEBYLEX z + (b | ZRANGE z [c [b BYLEX REV LIMIT 1 1", "[c bb] | [bb]"),
            ("ZRANGEBYLEX z + - | ZRANGEBYLEX z [c [b | ZRANGEBYLEX z (b (b", "[] | [] | []"),
            ("ZLEXCOUNT z - + | ZLEXCOUNT z [b (c | ZLEXCOUNT none - +", ":5 | :2 | :0"),
            ("ZRANGEBYLEX z b c", lex),
            ("ZLEXCOUNT z - +x", lex),
            ("ZRANGEBYLEX z \"\" +", lex),
            (
                "ZRANGEBYLEX z - + WITHSCORES",
                "-ERR syntax error, WITHSCORES not supported in combination with BYLEX",
            ),
        ],
    );
}

#[test]
fn ranges_are_removed() {
    check_each(
        "1 a 2 b 3 c 4 d",
        &[
            ("ZREMRANGEBYRANK z 1 -2 | ZRANGE z 0 -1", ":2 | [a d]"),
            ("ZREMRANGEBYRANK z 5 9 | ZREMRANGEBYRANK z 0 -1 | EXISTS z", ":0 | :4 | :0"),
            ("ZREMRANGEBYSCORE z (1 3 | ZRANGE z 0 -1", ":2 | [a d]"),
            ("ZREMRANGEBYSCORE z -inf inf | EXISTS z | ZREMRANGEBYSCORE z 1 2", ":4 | :0 | :0"),
            ("ZADD z 0 a 0 b 0 c 0 d | ZREMRANGEBYLEX z [b (d | ZRANGE z 0 -1", ":0 | :2 | [a d]"),
            ("ZREMRANGEBYLEX z b c", "-ERR min or max not valid string range item"),
            ("ZREMRANGEBYSCORE s 1 2", WRONG_TYPE),
        ],
    );
}

#[test]
fn zrangestore_replaces_its_destination() {
    check_each(
        "1 a 2 b 3 c",
        &[
            ("ZRANGESTORE s z 0 1 | ZRANGE s 0 -1 WITHSCORES", ":2 | [a 1 b 2]"),
            ("ZRANGESTORE z z 3 2 BYSCORE REV LIMIT 0 1 | ZRANGE z 0 -1 WITHSCORES", ":1 | [c 3]"),
            ("EXPIRE s 10 | ZRANGESTORE s z 0 1 REV | TTL s | ZRANGE s 0 -1", ":1 | :2 | :-1 | [b c]"),
            ("ZRANGESTORE s z 5 6 | EXISTS s", ":0 | :0"),
            ("ZRANGESTORE s none 0 -1 | EXISTS s", ":0 | :0"),
            ("ZRANGESTORE z s 0 -1 | ZCARD z", &format!("{WRONG_TYPE} | :3")),
            ("ZRANGESTORE s z 0 -1 WITHSCORES", SYNTAX),
            ("ZRANGESTORE d z 0 1 | OBJECT ENCODING d", ":2 | listpack"),
        ],
    );
}

#[test]
fn unions_and_intersections_aggregate_weighted_scores() {
    check_each(
        "1 a 2 b 3 c",
        &[
            ("ZADD y 10 b 20 c 5 d | ZUNION 2 z y WITHSCORES", ":3 | [a 1 d 5 b 12 c 23]"),
            ("ZADD y 10 b 20 c | ZINTER 2 z y WITHSCORES WEIGHTS 2 -1", ":2 | [c \"-14\" b \"-6\"]"),
            ("ZADD y 10 b 0 c | ZUNION 2 z y AGGREGATE MIN WITHSCORES", ":2 | [c 0 a 1 b 2]"),
            ("ZADD y 10 b 0 c | ZINTER 2 z y AGGREGATE MAX WITHSCORES", ":2 | [c 3 b 10]"),
            ("ZADD y 10 b | ZDIFF 2 z y WITHSCORES | ZDIFF 1 none", ":1 | [a 1 c 3] | []"),
            ("RESP 3 | ZUNION 1 z WITHSCORES | ZDIFF 1 z", "[[a ,1] [b ,2] [c ,3]] | [a b c]"),
            ("ZUNION 2 z z WITHSCORES | ZINTER 2 z none | ZDIFF 2 z z", "[a 2 b 4 c 6] | [] | []"),
            ("ZADD y -inf a | ZADD z inf a | ZUNION 2 y z WITHSCORES", ":1 | :0 | [a 0 b 2 c 3]"),
            ("ZADD z inf a | ZUNION 1 z WEIGHTS 0 WITHSCORES", ":0 | [a 0 b 0 c 0]"),
            // Where a product is not a number, ZUNION takes it for 0, and ZINTER makes the sum 0.
            (
                "ZADD z inf a | ZADD y 5 a 1 b 1 c 1 d | ZUNION 2 z y WEIGHTS 0 1 WITHSCORES",
                ":0 | :4 | [b 1 c 1 d 1 a 5]",
            ),
            (
                "ZADD z 5 a | ZADD y inf a 1 b 1 c 1 d | ZINTER 2 z y WEIGHTS 1 0 WITHSCORES",
                ":0 | :4 | [a 0 b 2 c 3]",
            ),
            (
                "ZADD y 1 b 1 c | ZINTERCARD 2 z y | ZINTERCARD 2 z y LIMIT 1 | ZINTERCARD 2 z y LIMIT 0",
                ":2 | :2 | :1 | :2",
            ),
        ],
    );
}

#[test]
fn combinations_are_stored_across_shards() {
    check_each(
        "1 a 2 b 3 c",
        &[
            (
                "ZADD y 1 c 1 d | ZUNIONSTORE s 2 z y | ZRANGE s 0 -1 WITHSCORES",
                ":2 | :4 | [a 1 d 1 b 2 c 4]",
            ),
            ("ZADD y 1 c 1 d | ZINTERSTORE z 2 z y | ZRANGE z 0 -1 WITHSCORES", ":2 | :1 | [c 4]"),
            ("ZADD y 1 c 1 d | ZDIFFSTORE d 2 z y | ZRANGE d 0 -1 WITHSCORES", ":2 | :2 | [a 1 b 2]"),
            ("ZDIFFSTORE s 2 z z | EXISTS s", ":0 | :0"),
            (
                "ZUNIONSTORE d 1 z | OBJECT ENCODING d | ZADD z 1 \"x\"*65 | ZUNIONSTORE d 1 z \
                    | OBJECT ENCODING d",
                ":3 | listpack | :1 | :4 | skiplist",
            ),
        ],
    );
}

#[test]
fn combinations_look_at_keys_before_options() {
    check_each(
        "1 a",
        &[
            ("ZUNION 2 z s FOO", WRONG_TYPE),
            ("ZUNION 1 z FOO", SYNTAX),
            ("ZUNION 0 z", "-ERR at least 1 input key is needed for 'zunion' command"),
            ("ZINTERCARD 0 z", "-ERR at least 1 input key is needed for 'zintercard' command"),
            ("ZUNIONSTORE d -1 z", "-ERR at least 1 input key is needed for 'zunionstore' command"),
            ("ZUNION x z", "-ERR value is not an integer or out of range"),
            ("ZUNION 2 z", SYNTAX),
            ("ZUNION 9223372036854775807 z", SYNTAX),
            ("ZUNION 1 z WEIGHTS", SYNTAX),
            ("ZUNION 1 z WEIGHTS x", "-ERR weight value is not a float"),
            ("ZUNION 1 z AGGREGATE x", SYNTAX),
            ("ZDIFF 1 z WEIGHTS 1", SYNTAX),
            ("ZUNIONSTORE d 1 z WITHSCORES", SYNTAX),
            ("ZINTERCARD 1 z LIMIT -1", "-ERR LIMIT can't be negative"),
            ("ZINTERCARD 1 z WEIGHTS 1", SYNTAX),
        ],
    );
}

#[test]
fn random_members_are_of_the_set() {
    check_each(
        "1 a",
        &[
            ("ZRANDMEMBER z | ZRANDMEMBER none | ZRANDMEMBER none 5", "a | (nil) | []"),
            ("ZRANDMEMBER z 5 WITHSCORES | ZRANDMEMBER z -2 WITHSCORES", "[a 1] | [a 1 a 1]"),
            ("RESP 3 | ZRANDMEMBER z -2 WITHSCORES | ZRANDMEMBER z 1", "[[a ,1] [a ,1]] | [a]"),
            ("ZRANDMEMBER z 0 | ZRANDMEMBER z 9223372036854775807", "[] | [a]"),
            ("ZRANDMEMBER z 4611686018427387904 WITHSCORES", "-ERR value is out of range"),
            ("ZRANDMEMBER z -9223372036854775807", "-ERR value is out of range"),
            ("ZRANDMEMBER z -44739243", "-ERR value is out of range"),
            (
                "ZRANDMEMBER z -9223372036854775808",
                "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
            ),
            ("ZRANDMEMBER z x x", "-ERR value is not an integer or out of range"),
            ("ZRANDMEMBER z 1 x", SYNTAX),
            ("ZRANDMEMBER s", WRONG_TYPE),
        ],
    );
}

#[test]
fn distinct_random_members_come_alike_often() {
    for conversion in ["", "| ZADD z 0 \"x\"*65 | ZREM z \"x\"*65"] {
        let mut sandbox = Sandbox::new();
        sandbox.run(&format!("ZADD z 1 a 2 b 3 c 4 d {conversion}"));
        let mut counts = std::collections::BTreeMap::<String, usize>::new();
        for _ in 0..2000 {
            let reply = sandbox.run("ZRANDMEMBER z 2");
            let names: Vec<_> = reply.trim_matches(['[', ']']).split(' ').map(str::to_owned).collect();
            assert!(names.len() == 2 && names[0] != names[1], "{reply}");
            names.into_iter().for_each(|name| *counts.entry(name).or_default() += 1);
        }
        assert!(counts.len() == 4 && counts.values().all(|count| (850..1150).contains(count)), "{counts:?}");
    }
}

#[test]
fn zscan_walks_over_all_members() {
    check_each(
        "1 a 2.5 b 3 c",
        &[
            ("ZSCAN z 0 MATCH b | ZSCAN none 0 foo", "[0 [b 2.5]] | [0 []]"),
            ("RESP 3 | ZSCAN z 0 MATCH b COUNT 100", "[0 [b 2.5]]"),
            ("ZSCAN z x", "-ERR invalid cursor"),
            ("ZSCAN s 0", WRONG_TYPE),
            ("ZSCAN z 0 COUNT 0", SYNTAX),
            ("ZSCAN z 0 COUNT x", "-ERR value is not an integer or out of range"),
            ("ZSCAN z 0 TYPE zset", SYNTAX),
        ],
    );
    let mut sandbox = Sandbox::new();
    for member in 0..1000 {
        sandbox.run(&format!("ZADD z {member} m{member}"));
    }
    let (mut cursor, mut calls, mut seen) = ("0".to_owned(), 0, std::collections::BTreeSet::new());
    loop {
        let reply = sandbox.run(&format!("ZSCAN z {cursor} COUNT 50"));
        let words: Vec<_> = reply.split(['[', ']', ' ']).filter(|word| !word.is_empty()).collect();
        assert!(words.len() < 300, "a call stays near its COUNT: {}", words.len());
        words[1..].chunks(2).for_each(|pair| assert_eq!(pair[0], format!("m{}", pair[1])));
        seen.extend(words[1..].chunks(2).map(|pair| pair[0].to_owned()));
        (cursor, calls) = (words[0].to_owned(), calls + 1);
        if cursor == "0" {
            break;
        }
    }
    assert!(seen.len() == 1000 && calls >= 5, "{} members in {calls} calls", seen.len());
}

#[test]
fn a_watched_set_breaks_exec_only_when_it_changes() {
    check("ZADD z 1 a | ZADD z 1 a | ZREM z x | TYPE z", ":1 | :0 | :0 | zset");
}
