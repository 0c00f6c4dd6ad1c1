//! Tests of the commands on streams: what clients see.

use crate::encoding::limits::Limits;
use crate::testing::{START_MS, Sandbox, check, check_in};

/// A stream of three entries and a group that has got the first two of them, one for each of two consumers.
pub(super) const DELIVERED: &str = "XADD s 1-1 a 1 | XADD s 2-1 b 2 | XADD s 3-1 c 3 | XGROUP CREATE s g 0 \
    | XREADGROUP GROUP g alice COUNT 1 STREAMS s > | XREADGROUP GROUP g bob COUNT 1 STREAMS s >";

/// Runs a script behind [`DELIVERED`].
#[track_caller]
fn check_delivered(script: &str, expected: &str) {
    for shard_count in [1, 3] {
        let mut sandbox = Sandbox::of_shards(shard_count);
        sandbox.run(DELIVERED);
        check_in(&mut sandbox, script, expected);
    }
}

#[test]
fn entries_are_added_with_given_and_with_made_ids() {
    check("XADD s 5-1 a 1 | XADD s 5-* b 2 | XADD s 6 c 3 | XLEN s", "5-1 | 5-2 | 6-0 | :3");
    let now = START_MS;
    check(
        "XADD s * a 1 | XADD s * a 2 | SLEEP 1 | XADD s * a 3",
        &format!("{now}-0 | {now}-1 | {}-0", now + 1),
    );
    check("XADD s 0-* a 1 | TYPE s | OBJECT ENCODING s", "0-1 | stream | stream");
    let small = "-ERR The ID specified in XADD is equal or smaller than the target stream top item";
    check("XADD s 5-1 a 1 | XADD s 5-1 a 1 | XADD s 4-* a 1", &format!("5-1 | {small} | {small}"));
    check("XADD s 0-0 a 1 | EXISTS s", "-ERR The ID specified in XADD must be greater than 0-0 | :0");
    let exhausted = "-ERR The stream has exhausted the last possible ID, unable to add more items";
    let last = "18446744073709551615-18446744073709551615";
    check(&format!("XADD s {last} a 1 | XADD s * a 1"), &format!("{last} | {exhausted}"));
}

#[test]
fn a_wrong_xadd_makes_no_key() {
    let id = "-ERR Invalid stream ID specified as stream command argument";
    let arity = "-ERR wrong number of arguments for 'xadd' command";
    for (command, error) in [
        ("XADD s x a 1", id),
        ("XADD s - a 1", id),
        ("XADD s * a 1 b", arity),
        ("XADD s MAXLEN ~ 5 *", arity),
        ("XADD s NOMKSTREAM MAXLEN 5", arity),
        ("XADD s MAXLEN x * a 1", "-ERR value is not an integer or out of range"),
        ("XADD s MAXLEN -1 * a 1", "-ERR The MAXLEN argument must be >= 0."),
        ("XADD s MAXLEN ~ 1 LIMIT -1 * a 1", "-ERR The LIMIT argument must be >= 0."),
        (
            "XADD s LIMIT 1 * a 1",
            "-ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
        ),
        (
            "XADD s MAXLEN 1 LIMIT 1 * a 1",
            "-ERR syntax error, LIMIT cannot be used without the special ~ option",
        ),
        (
            "XADD s MAXLEN 1 MINID 1 * a 1",
            "-ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
        ),
    ] {
        check(&format!("{command} | EXISTS s"), &format!("{error} | :0"));
    }
    check("XADD s NOMKSTREAM * a 1 | EXISTS s", "(nil) | :0");
    check("XADD s 1-1 a 1 | XADD s NOMKSTREAM 2-1 a 1", "1-1 | 2-1");
    check("SET s 1 | XADD s * a 1 | XLEN s", &format!("OK | {0} | {0}", WRONG_TYPE));
}

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

#[test]
fn trimming_leaves_the_last_entries() {
    let ten: String = (1..=10).map(|ms| format!("XADD s {ms}-1 a {ms} | ")).collect();
    let ran = |script: &str| {
        let mut sandbox = Sandbox::new();
        sandbox.shard_mut().set_limits(Limits { stream_node_entries_max: 3, ..Limits::default() });
        sandbox.run(ten.trim_end_matches([' ', '|']));
        sandbox.run(script)
    };
    assert_eq!(ran("XTRIM s MAXLEN 4 | XTRIM s MAXLEN = 4 | XLEN s"), ":6 | :0 | :4");
    assert_eq!(ran("XTRIM s MAXLEN ~ 5 | XLEN s"), ":3 | :7", "whole nodes of three entries");
    assert_eq!(ran("XTRIM s MAXLEN ~ 0 LIMIT 3 | XLEN s"), ":3 | :7");
    assert_eq!(ran("XTRIM s MINID 9 | XRANGE s - +"), ":8 | [[9-1 [a 9]] [10-1 [a 10]]]");
    assert_eq!(ran("XTRIM s MINID ~ 6 | XLEN s"), ":3 | :7");
    assert_eq!(
        ran("XADD s MAXLEN = 2 11-1 a 11 | XLEN s | XADD s MAXLEN 0 12-1 a 12 | XLEN s"),
        "11-1 | :2 | 12-1 | :0"
    );
    assert_eq!(
        ran("XTRIM s MAXLEN 0 | EXISTS s | XADD s 5-1 a 1"),
        ":10 | :1 | \
        -ERR The ID specified in XADD is equal or smaller than the target stream top item"
    );
    check("XTRIM s MAXLEN 0", ":0");
    let missing = "-ERR syntax error, XTRIM must be called with a trimming strategy";
    check("XTRIM s LIMIT 0 | XTRIM s NOMKSTREAM MAXLEN 1", &format!("{missing} | -ERR syntax error"));
}

#[test]
fn an_entry_added_and_others_trimmed_are_one_change() {
    let mut sandbox = Sandbox::new();
    sandbox.run("XADD s 1-1 a 1");
    let before = sandbox.shard().env().dirty;
    sandbox.run("XADD s MAXLEN 1 2-1 a 1");
    assert_eq!(sandbox.shard().env().dirty - before, 1);
}

#[test]
fn ranges_go_both_ways_and_may_exclude_their_ends() {
    let four = "XADD s 1-1 a 1 | XADD s 1-2 a 2 | XADD s 2-1 a 3 b 4 | XADD s 3-0 a 5 | ";
    let after = |script: &str, expected: &str| {
        check(&format!("{four}{script}"), &format!("1-1 | 1-2 | 2-1 | 3-0 | {expected}"));
    };
    after("XRANGE s 1 1", "[[1-1 [a 1]] [1-2 [a 2]]]");
    after("XRANGE s (1-2 + COUNT 1", "[[2-1 [a 3 b 4]]]");
    after("XREVRANGE s + (1-2", "[[3-0 [a 5]] [2-1 [a 3 b 4]]]");
    after("XREVRANGE s (3-0 - COUNT 2", "[[2-1 [a 3 b 4]] [1-2 [a 2]]]");
    after("XRANGE s 9 1 | XRANGE s - + COUNT 0 | XRANGE s - + COUNT -3", "[] | (nil array) | (nil array)");
    after("XRANGE s - (0-0", "-ERR invalid end ID for the interval");
    after("XDEL s 1-2 9-9 1-2 | XRANGE s - 2 COUNT 2", ":1 | [[1-1 [a 1]] [2-1 [a 3 b 4]]]");
    check("XRANGE none - + COUNT 0 | XREVRANGE none + - | XLEN none", "[] | [] | :0");
    check("RESP 3 | XADD s 1-1 a 1 | XRANGE s - +", "1-1 | [[1-1 [a 1]]]");
}

#[test]
fn a_stream_without_entries_stays() {
    check("XADD s 1-1 a 1 | XDEL s 1-1 | EXISTS s | XLEN s | XDEL s 1-1", "1-1 | :1 | :1 | :0 | :0");
    let invalid = "-ERR Invalid stream ID specified as stream command argument";
    check("XDEL none x | XADD s 1-1 a 1 | XDEL s 1-1 x | XLEN s", &format!(":0 | 1-1 | {invalid} | :1"));
}

#[test]
fn a_stream_is_copied_moved_scanned_and_deleted_like_any_key() {
    let copied = "XADD s 1-1 a 1 | XGROUP CREATE s g 0 | COPY s t | XADD s 2-1 a 2 | XLEN t | XINFO GROUPS t";
    let group = "[[name g consumers :0 pending :0 last-delivered-id 0-0 entries-read (nil) lag :1]]";
    check(copied, &format!("1-1 | OK | :1 | 2-1 | :1 | {group}"));
    check(
        "XADD s 1-1 a 1 | RENAME s t | SCAN 0 TYPE stream | DEL t | EXISTS t",
        "1-1 | OK | [0 [t]] | :1 | :0",
    );
    check("XADD s 1-1 a 1 | UNLINK s | XLEN s", "1-1 | :1 | :0");
}

#[test]
fn the_last_id_is_set_but_never_below_an_entry() {
    let top = "-ERR The ID specified in XSETID is smaller than the target stream top item";
    check(
        "XADD s 5-1 a 1 | XSETID s 4-1 | XSETID s 9-1 | XADD s 9-1 a 1 | XADD s 9-* a 1",
        &format!(
            "5-1 | {top} | OK | -ERR The ID specified in XADD is equal or smaller than the target stream top \
                item | 9-2"
        ),
    );
    let small = "-ERR The entries_added specified in XSETID is smaller than the target stream length";
    let deleted = "-ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id";
    check(
        "XADD s 5-1 a 1 | XSETID s 9-1 ENTRIESADDED 0 | XSETID s 9-1 ENTRIESADDED -1 \
            | XSETID s 5-1 MAXDELETEDID 6 | XSETID s 9-1 ENTRIESADDED 7 MAXDELETEDID 3-1 | XSETID s 9-1 X \
            | XSETID none 1-1",
        &format!(
            "5-1 | {small} | -ERR entries_added must be positive | {deleted} | OK | -ERR syntax error \
             | -ERR no such key"
        ),
    );
    check(
        "XADD s 5-1 a 1 | XDEL s 5-1 | XSETID s 4-1",
        "5-1 | :1 | -ERR The ID specified in XSETID is smaller than current max_deleted_entry_id",
    );
}

#[test]
fn xread_shows_what_is_behind_an_id_in_each_stream() {
    let two = "XADD a 1-1 f 1 | XADD a 2-1 f 2 | XADD b 5-1 g 1 | ";
    let after = |script: &str, expected: &str| {
        check(&format!("{two}{script}"), &format!("1-1 | 2-1 | 5-1 | {expected}"));
    };
    after("XREAD STREAMS a b 1-1 0", "[[a [[2-1 [f 2]]]] [b [[5-1 [g 1]]]]]");
    after("XREAD COUNT 1 STREAMS b none a 9 0 0", "[[a [[1-1 [f 1]]]]]");
    after("RESP 3 | XREAD STREAMS a b 1-1 0", "{a [[2-1 [f 2]]] b [[5-1 [g 1]]]}");
    after(
        "XREAD STREAMS a b $ $ | XREAD STREAMS none 0 | XREAD BLOCK 5 STREAMS a 1-1",
        "(nil array) | (nil array) | [[a [[2-1 [f 2]]]]]",
    );
    after("XREAD COUNT 0 STREAMS a 0", "[[a [[1-1 [f 1]] [2-1 [f 2]]]]]");
    after("XDEL a 2-1 | XREAD STREAMS a 1-1", ":1 | (nil array)");
}

#[test]
fn a_wrong_xread_says_what_is_wrong() {
    for (command, error) in [
        (
            "XREAD STREAMS a b c",
            "Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be specified.",
        ),
        (
            "XREADGROUP GROUP g c STREAMS a b c",
            "Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be specified.",
        ),
        ("XREAD COUNT x STREAMS a 0", "value is not an integer or out of range"),
        ("XREAD BLOCK x STREAMS a 0", "timeout is not an integer or out of range"),
        ("XREAD BLOCK -1 STREAMS a 0", "timeout is negative"),
        ("XREAD COUNT 1 a 0", "syntax error"),
        ("XREAD COUNT 1 COUNT", "syntax error"),
        (
            "XREAD STREAMS a >",
            "The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> \
                option.",
        ),
        (
            "XREAD NOACK STREAMS a 0",
            "The NOACK option is only supported by XREADGROUP. You called XREAD instead.",
        ),
        (
            "XREAD GROUP g c STREAMS a 0",
            "The GROUP option is only supported by XREADGROUP. You called XREAD instead.",
        ),
        ("XREADGROUP NOACK COUNT 1 BLOCK 0 STREAMS a >", "Missing GROUP option for XREADGROUP"),
    ] {
        check(command, &format!("-ERR {error}"));
    }
    check(
        "XREADGROUP GROUP g c STREAMS a >",
        "-NOGROUP No such key 'a' or consumer group 'g' in XREADGROUP with GROUP option",
    );
    check("SET a 1 | XREAD STREAMS a 0", &format!("OK | {WRONG_TYPE}"));
    let meaningless = "-ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the \
        history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID \
        would just return an empty result set.";
    check_delivered("XREADGROUP GROUP g alice STREAMS s $", meaningless);
}

#[test]
fn a_group_named_streams_is_no_option() {
    check(
        "XADD k 1-1 a 1 | XADD l 1-1 b 2 | XGROUP CREATE k streams 0 | XGROUP CREATE l streams 0 \
         | XREADGROUP COUNT 1 GROUP streams streams STREAMS k l > >",
        "1-1 | 1-1 | OK | OK | [[k [[1-1 [a 1]]]] [l [[1-1 [b 2]]]]]",
    );
}

#[test]
fn a_group_gives_each_entry_to_one_consumer() {
    check_delivered(
        "XREADGROUP GROUP g alice STREAMS s > | XREADGROUP GROUP g bob STREAMS s >",
        "[[s [[3-1 [c 3]]]]] | (nil array)",
    );
    check_delivered(
        "XREADGROUP GROUP g alice STREAMS s 0 | XREADGROUP GROUP g bob STREAMS s 2-1",
        "[[s [[1-1 [a 1]]]]] | [[s []]]",
    );
    check_delivered("XDEL s 1-1 | XREADGROUP GROUP g alice STREAMS s 0", ":1 | [[s [[1-1 (nil array)]]]]");
    check_delivered(
        "XREADGROUP GROUP g bob NOACK STREAMS s > | XPENDING s g",
        "[[s [[3-1 [c 3]]]]] | [:2 1-1 2-1 [[alice 1] [bob 1]]]",
    );
    check_delivered("RESP 3 | XREADGROUP GROUP g bob STREAMS s s > >", "{s [[3-1 [c 3]]]}");
}

#[test]
fn pending_entries_are_acknowledged() {
    check_delivered("XACK s g 1-1 1-1 9-9 | XACK s g 1-1 | XPENDING s g", ":1 | :0 | [:1 2-1 2-1 [[bob 1]]]");
    check_delivered(
        "XACK s none 1-1 | XACK none g 1-1 | XACK s g x",
        ":0 | :0 | -ERR Invalid stream ID specified as stream command argument",
    );
    check_delivered("XACK s g 1-1 2-1 | XPENDING s g", ":2 | [:0 (nil) (nil) (nil array)]");
}

#[test]
fn pending_entries_are_shown_by_range_owner_and_idle_time() {
    check_delivered(
        "SLEEP 10 | XREADGROUP GROUP g alice STREAMS s > | SLEEP 5 | XPENDING s g - + 10",
        "[[s [[3-1 [c 3]]]]] | [[1-1 alice :15 :1] [2-1 bob :15 :1] [3-1 alice :5 :1]]",
    );
    check_delivered(
        "XPENDING s g - + 10 alice | XPENDING s g (1-1 + 10",
        "[[1-1 alice :0 :1]] | [[2-1 bob :0 :1]]",
    );
    check_delivered(
        "SLEEP 7 | XPENDING s g IDLE 8 - + 10 | XPENDING s g IDLE 7 - + 1",
        "[] | [[1-1 alice :7 :1]]",
    );
    check_delivered(
        "XPENDING s g - + 0 | XPENDING s g - + -1 | XPENDING s g + - 5 | XPENDING s g - + 5 carol",
        "[] | [] | [] | []",
    );
    check_delivered("XPENDING s g + - 5 alice", "[]");
    let none = "-NOGROUP No such key 's' or consumer group 'x'";
    check_delivered(
        "XPENDING s x | XPENDING s g - + | XPENDING s g IDLE 1 - + | XPENDING s g - + x",
        &format!(
            "{none} | -ERR syntax error | -ERR syntax error | -ERR value is not an integer or out of range"
        ),
    );
    check_delivered(
        "XREADGROUP GROUP g alice STREAMS s 0 | XPENDING s g - + 1",
        "[[s [[1-1 [a 1]]]]] | [[1-1 alice :0 :2]]",
    );
}

#[test]
fn claiming_changes_the_owner() {
    check_delivered(
        "XCLAIM s g bob 0 1-1 9-9 | XPENDING s g - + 9 bob",
        "[[1-1 [a 1]]] | [[1-1 bob :0 :2] [2-1 bob :0 :1]]",
    );
    check_delivered("XCLAIM s g bob 5 1-1 | SLEEP 5 | XCLAIM s g bob 5 1-1 JUSTID", "[] | [1-1]");
    check_delivered(
        "XCLAIM s g bob 0 3-1 | XCLAIM s g bob 0 3-1 FORCE JUSTID | XPENDING s g - + 9 bob",
        "[] | [3-1] | [[2-1 bob :0 :1] [3-1 bob :0 :1]]",
    );
    check_delivered(
        "XCLAIM s g bob 0 1-1 IDLE 100 RETRYCOUNT 7 | XPENDING s g - + 1",
        "[[1-1 [a 1]]] | [[1-1 bob :100 :7]]",
    );
    check_delivered("XDEL s 1-1 | XCLAIM s g bob 0 1-1 | XPENDING s g", ":1 | [] | [:1 2-1 2-1 [[bob 1]]]");
    check_delivered("XCLAIM s g bob 0 1-1 X", "-ERR Unrecognized XCLAIM option 'X'");
    check_delivered(
        "XCLAIM s g bob x 1-1 | XCLAIM s g bob 0 1-1 IDLE x",
        "-ERR Invalid min-idle-time argument for XCLAIM | -ERR Invalid IDLE option argument for XCLAIM",
    );
    check("XCLAIM s g bob 0 1-1", "-NOGROUP No such key 's' or consumer group 'g'");
}

#[test]
fn auto_claiming_walks_along_the_pending_entries() {
    check_delivered(
        "XAUTOCLAIM s g carol 0 - COUNT 1 | XAUTOCLAIM s g carol 0 2-1 JUSTID",
        "[2-1 [[1-1 [a 1]]] []] | [0-0 [2-1] []]",
    );
    check_delivered(
        "XDEL s 1-1 | XAUTOCLAIM s g carol 0 0 | XPENDING s g",
        ":1 | [0-0 [[2-1 [b 2]]] [1-1]] | [:1 2-1 2-1 [[carol 1]]]",
    );
    check_delivered("XAUTOCLAIM s g carol 9 0", "[0-0 [] []]");
    let count = "-ERR COUNT must be > 0";
    check_delivered(
        "XAUTOCLAIM s g c 0 0 COUNT 0 | XAUTOCLAIM s g c 0 0 COUNT 9223372036854775807",
        &format!("{count} | {count}"),
    );
}

#[test]
fn groups_and_consumers_come_and_go() {
    check_delivered(
        "XGROUP CREATE s g 0 | XGROUP CREATE s h $ MKSTREAM | XGROUP DESTROY s h | XGROUP DESTROY s h",
        "-BUSYGROUP Consumer Group name already exists | OK | :1 | :0",
    );
    check_delivered(
        "XGROUP CREATECONSUMER s g carol | XGROUP CREATECONSUMER s g carol | XGROUP DELCONSUMER s g alice \
         | XGROUP DELCONSUMER s g alice",
        ":1 | :0 | :1 | :0",
    );
    check_delivered(
        "XGROUP SETID s g 0 | XREADGROUP GROUP g bob STREAMS s > | XPENDING s g",
        "OK | [[s [[1-1 [a 1]] [2-1 [b 2]] [3-1 [c 3]]]]] | [:3 1-1 3-1 [[bob 3]]]",
    );
    let none = "-NOGROUP No such consumer group 'x' for key name 's'";
    check_delivered(
        "XGROUP SETID s x 0 | XGROUP CREATECONSUMER s x c | XGROUP DELCONSUMER s x c",
        &format!("{none} | {none} | {none}"),
    );
    let missing = "-ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want \
        to use the MKSTREAM option to create an empty stream automatically.";
    check(
        "XGROUP CREATE s g 0 | XGROUP DESTROY s g | XGROUP CREATE s g $ MKSTREAM | XLEN s",
        &format!("{missing} | {missing} | OK | :0"),
    );
    let syntax = "-ERR unknown subcommand or wrong number of arguments for 'CREATE'. Try XGROUP HELP.";
    check(
        "XGROUP CREATE s g 0 MKSTREAM MKSTREAM MKSTREAM | XGROUP CREATE s h 0 ENTRIESREAD 1 ENTRIESREAD 2 \
         | XGROUP CREATE t g 0 ENTRIESREAD 1 ENTRIESREAD 2",
        &format!("OK | {syntax} | {missing}"),
    );
    check(
        "XGROUP CREATE s g 0 X | XGROUP CREATE s g 0 ENTRIESREAD -2",
        &format!("{syntax} | -ERR value for ENTRIESREAD must be positive or -1"),
    );
    check(
        "XGROUP CREATE s g x MKSTREAM | EXISTS s",
        "-ERR Invalid stream ID specified as stream command argument | :0",
    );
}

#[test]
fn xinfo_tells_what_is_there() {
    check_delivered(
        "XINFO STREAM s",
        "[length :3 radix-tree-keys :1 radix-tree-nodes :2 last-generated-id 3-1 max-deleted-entry-id 0-0 \
         entries-added :3 recorded-first-entry-id 1-1 groups :1 first-entry [1-1 [a 1]] last-entry [3-1 [c \
         3]]]",
    );
    check_delivered(
        "XINFO GROUPS s",
        "[[name g consumers :2 pending :2 last-delivered-id 2-1 entries-read :2 lag :1]]",
    );
    check_delivered(
        "SLEEP 3 | XGROUP CREATECONSUMER s g carol | SLEEP 4 | XREADGROUP GROUP g bob STREAMS s 0 \
         | XINFO CONSUMERS s g",
        ":1 | [[s [[2-1 [b 2]]]]] | [[name alice pending :1 idle :7 inactive :7] \
         [name bob pending :1 idle :0 inactive :7] [name carol pending :0 idle :4 inactive :-1]]",
    );
    let at = START_MS;
    check_delivered(
        "RESP 3 | XINFO STREAM s FULL COUNT 1",
        &format!(
            "{{length :3 radix-tree-keys :1 radix-tree-nodes :2 last-generated-id 3-1 max-deleted-entry-id \
                0-0 entries-added :3 recorded-first-entry-id 1-1 entries [[1-1 [a 1]]] groups [{{name g \
                last-delivered-id 2-1 entries-read :2 lag :1 pel-count :2 pending [[1-1 alice :{at} :1]] \
                consumers [{{name alice seen-time :{at} active-time :{at} pel-count :1 pending [[1-1 :{at} \
                :1]]}} {{name bob seen-time :{at} active-time :{at} pel-count :1 pending [[2-1 :{at} \
                :1]]}}]}}]}}"
        ),
    );
    let syntax = "-ERR unknown subcommand or wrong number of arguments for 'STREAM'. Try XINFO HELP.";
    check_delivered(
        "XINFO STREAM s X | XINFO STREAM s FULL COUNT | XINFO STREAM none X",
        &format!("{syntax} | {syntax} | -ERR no such key"),
    );
    check_delivered("XINFO CONSUMERS s x", "-NOGROUP No such consumer group 'x' for key name 's'");
    check(
        "XGROUP CREATE s g 0 MKSTREAM | XINFO STREAM s",
        "OK | [length :0 radix-tree-keys :0 radix-tree-nodes :1 \
        last-generated-id 0-0 max-deleted-entry-id 0-0 entries-added :0 recorded-first-entry-id 0-0 groups \
        :1 first-entry (nil) last-entry (nil)]",
    );
}

#[test]
fn the_lag_is_known_as_long_as_nothing_between_was_deleted() {
    let lag = |script: &str| {
        let mut sandbox = Sandbox::new();
        sandbox.run(DELIVERED);
        sandbox.run(script);
        let groups = sandbox.run("XINFO GROUPS s");
        groups.split("entries-read ").nth(1).expect("it is there").trim_end_matches("]]").to_owned()
    };
    assert_eq!(lag("XLEN s"), ":2 lag :1");
    assert_eq!(lag("XDEL s 1-1"), ":2 lag :1");
    assert_eq!(lag("XDEL s 3-1"), ":2 lag (nil)");
    assert_eq!(lag("XDEL s 3-1 | XADD s 4-1 a 1 | XREADGROUP GROUP g bob STREAMS s >"), ":4 lag :0");
    assert_eq!(lag("XTRIM s MAXLEN 0"), ":2 lag :0");
    assert_eq!(lag("XGROUP SETID s g 0"), "(nil) lag :3");
}
