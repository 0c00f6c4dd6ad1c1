//! DUMP and RESTORE: a value as bytes that other servers read, and back.
//!
//! What RESTORE is given is validated whole before anything is made of it, whatever `sanitize-dump-payload`
//! says, and nothing may stand behind the value.

use crate::access::LastUse;
use crate::args::{Args, BLOB_LEN_MIN, Blob};
use crate::command::flags::{self, acl};
use crate::command::shapes::KEYSPACE;
use crate::command::{Arg, Arity, CommandGroup, CommandSpec, DataCommand, KeySpec, keys};
use crate::ctx::Ctx;
use crate::entry::{Entry, EntryRef};
use crate::error::CommandError;
use crate::event;
use crate::keyspace::Keyspace;
use crate::num::parse_i64;
use crate::object::DataType;
use crate::rdb::loaded::{Loaded, Making};
use crate::rdb::save::{SaveOptions, form_of, needs, save_value};
use crate::rdb::value_type::ValueType;
use crate::rdb::version::WriteVersion;
use crate::rdb::{dump, load};
use crate::values::hash::HashRef;

/// Makes a key of what DUMP gave.
const RESTORE: CommandSpec = CommandSpec {
    name: "restore",
    summary: "Create a key using the provided serialized value, previously obtained using DUMP.",
    since: "2.6.0",
    complexity: "O(1) to create the new key and additional O(N*M) to reconstruct the serialized value, \
        where N is the number of Redis objects composing the value and M their average size. For small \
        string values the time complexity is thus O(1)+O(1*M) where M is small, so simply O(1). However for \
        sorted set values the complexity is O(N*M*log(N)) because inserting values into sorted sets is \
        O(log(N)).",
    arity: Arity::AtLeast(4),
    flags: flags::WRITE | flags::DENYOOM,
    acl: acl::KEYSPACE | acl::DANGEROUS,
    keys: &[KeySpec::at(1, keys::OW | keys::UPDATE)],
    history: &[
        ("3.0.0", "Added the `REPLACE` modifier."),
        ("5.0.0", "Added the `ABSTTL` modifier."),
        ("5.0.0", "Added the `IDLETIME` and `FREQ` options."),
    ],
    args: &[
        Arg::key(),
        Arg::integer("ttl"),
        Arg::string("serialized-value"),
        Arg::word("replace", "REPLACE").since("3.0.0").optional(),
        Arg::word("absttl", "ABSTTL").since("5.0.0").optional(),
        Arg::integer("seconds").after("IDLETIME").since("5.0.0").optional(),
        Arg::integer("frequency").after("FREQ").since("5.0.0").optional(),
    ],
    ..KEYSPACE
};

/// The rows of this family.
pub(super) static COMMANDS: &[DataCommand] = &[
    DataCommand::new(
        dump_key,
        CommandSpec {
            name: "dump",
            summary: "Return a serialized version of the value stored at the specified key.",
            since: "2.6.0",
            complexity: "O(1) to access the key and additional O(N*M) to serialize it, where N is the \
                number of Redis objects composing the value and M their average size. For small string \
                values the time complexity is thus O(1)+O(1*M) where M is small, so simply O(1).",
            arity: Arity::Exactly(2),
            flags: flags::READONLY,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            tips: &["nondeterministic_output"],
            args: &[Arg::key()],
            ..KEYSPACE
        },
    ),
    DataCommand::new(restore, RESTORE),
    DataCommand::new(
        restore,
        CommandSpec {
            name: "restore-asking",
            summary: "An internal command for migrating keys in a cluster",
            since: "3.0.0",
            group: CommandGroup::Server,
            flags: RESTORE.flags | flags::ASKING,
            doc_flags: &["syscmd"],
            ..RESTORE
        },
    ),
];

type Done = Result<(), CommandError>;

fn dump_key(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.key(args, 1);
    let (version, compress, now_ms) = {
        let env = ctx.keys.env();
        (env.rdb_version, env.rdb_compression, env.now_ms)
    };
    let Some(entry) = ctx.keys.read(&key).filter(|entry| !is_spent(*entry, now_ms)) else {
        ctx.reply.null();
        return Ok(());
    };
    let value = entry.value();
    let version = version.and_then(WriteVersion::of_number).unwrap_or_else(|| needs(value));
    let options = SaveOptions { version, compress, drop_field_expires_at_ms: None };
    let Ok(form) = form_of(value, options) else {
        let number = version.number();
        return Err(CommandError::other(format!(
            "ERR RDB version {number} cannot hold a hash of which fields have a time to live: set \
                rdb-version to auto"
        )));
    };
    let mut payload = vec![form.number()];
    save_value(value, options, &mut payload).expect("a value that has a form can be written");
    dump::seal(&mut payload, version);
    match payload.len() {
        BLOB_LEN_MIN.. => ctx.reply.bulk_blob(&Blob::new(payload)),
        _ => ctx.reply.bulk(&payload),
    }
    Ok(())
}

/// Whether nothing is left of a hash but fields whose time is over.
fn is_spent(entry: EntryRef<'_>, now_ms: u64) -> bool {
    entry.data_type() == DataType::Hash && HashRef::of(entry, now_ms).is_empty()
}

/// What follows the payload.
#[derive(Default)]
struct RestoreOptions {
    replace: bool,
    absolute: bool,
    last_use: LastUse,
}

impl RestoreOptions {
    fn parse(args: Args<'_>) -> Result<RestoreOptions, CommandError> {
        let mut options = RestoreOptions::default();
        let mut at = 4;
        while at < args.len() {
            let word = args.get(at);
            let number = (at + 1 < args.len()).then(|| parse_i64(args.get(at + 1)));
            match (number, options.last_use) {
                _ if word.eq_ignore_ascii_case(b"replace") => options.replace = true,
                _ if word.eq_ignore_ascii_case(b"absttl") => options.absolute = true,
                (Some(seconds), LastUse::Now | LastUse::Ago { .. })
                    if word.eq_ignore_ascii_case(b"idletime") =>
                {
                    let seconds = u64::try_from(seconds.ok_or(CommandError::NotAnInteger)?);
                    let problem = "ERR Invalid IDLETIME value, must be >= 0";
                    let seconds = seconds.map_err(|_| CommandError::other(problem))?;
                    options.last_use = LastUse::Ago { seconds };
                    at += 1;
                }
                (Some(frequency), LastUse::Now | LastUse::Frequency(_))
                    if word.eq_ignore_ascii_case(b"freq") =>
                {
                    let frequency = u8::try_from(frequency.ok_or(CommandError::NotAnInteger)?);
                    let problem = "ERR Invalid FREQ value, must be >= 0 and <= 255";
                    let frequency = frequency.map_err(|_| CommandError::other(problem))?;
                    options.last_use = LastUse::Frequency(frequency);
                    at += 1;
                }
                _ => return Err(CommandError::Syntax),
            }
            at += 1;
        }
        Ok(options)
    }
}

/// RESTORE key ttl payload [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]. The checks are in Redis's
/// order.
fn restore(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let options = RestoreOptions::parse(args)?;
    let key = ctx.key(args, 1);
    if !options.replace && ctx.keys.write(&key).is_some() {
        return Err(CommandError::other("BUSYKEY Target key name already exists."));
    }
    let ttl_ms = parse_i64(args.get(2)).ok_or(CommandError::NotAnInteger)?;
    if ttl_ms < 0 {
        return Err(CommandError::other("ERR Invalid TTL value, must be >= 0"));
    }
    let value = loaded(&ctx.keys, args.get(3))?;
    let was_there = options.replace && ctx.keys.delete(&key, ctx.keys.freeing_by_server());
    // A sum that is too large comes out negative, and such a time is over, as in Redis.
    let at_ms = match ttl_ms {
        0 => None,
        _ if options.absolute => Some(ttl_ms),
        _ => Some(ttl_ms.wrapping_add(ctx.keys.now_ms() as i64)),
    };
    if at_ms.is_some_and(|at_ms| at_ms <= ctx.keys.now_ms() as i64) {
        if was_there {
            ctx.keys.changed(&key, event::DEL);
            ctx.keys.effect([&b"DEL"[..], key.bytes]);
        }
        ctx.reply.ok();
        return Ok(());
    }
    let entry = value.give(|value| Entry::new(key.bytes, value, at_ms.map(|at_ms| at_ms as u64)));
    ctx.keys.insert_used(&key, entry, options.last_use);
    ctx.keys.changed(&key, event::RESTORE);
    if let Some(at_ms) = at_ms.filter(|_| !options.absolute) {
        let mut text = itoa::Buffer::new();
        let words = [args.get(0), key.bytes, text.format(at_ms).as_bytes()];
        ctx.keys.effect(words.into_iter().chain(args.iter_from(3)).chain([&b"ABSTTL"[..]]));
    }
    ctx.reply.ok();
    Ok(())
}

/// The value in a payload.
fn loaded<'a>(keys: &Keyspace<'_>, payload: &'a [u8]) -> Result<Loaded<'a>, CommandError> {
    let Some((version, body)) = dump::open(payload) else {
        return Err(CommandError::other("ERR DUMP payload version or checksum are wrong"));
    };
    let bad = || CommandError::other("ERR Bad data format");
    let (number, value) = body.split_first().ok_or_else(bad)?;
    let form = ValueType::of(*number, version.dialect).map_err(|_| bad())?;
    let env = keys.env();
    let making = Making { limits: &env.limits, hasher: &env.hasher };
    load::load_value(form, value, 1, making).ok().flatten().ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use crate::access::AccessPolicy;
    use crate::args::OwnedArgs;
    use crate::random::Random;
    use crate::rdb::crc64::crc64;
    use crate::rdb::dump::{open, seal};
    use crate::rdb::version::WriteVersion;
    use crate::testing::{Sandbox, check, check_in};

    /// SET s abc | DUMP s: redis-server 7.0.15.
    const ABC: &str = r#""\x00\x03abc\x0a\x00\xd9\xac0=Ar\xa2\xe2""#;

    #[test]
    fn a_restored_value_has_the_time_to_live_that_is_said() {
        check(
            &format!(
                "RESTORE a 100 {ABC} | GET a | PTTL a | RESTORE b 1000050 {ABC} absttl | PTTL b \
                    | RESTORE c 0 {ABC} ABSTTL | PTTL c | restore-asking d 0 {ABC} | GET d"
            ),
            "OK | abc | :100 | OK | :50 | OK | :-1 | OK | abc",
        );
        check(&format!("SET a 1 PX 100 | RESTORE a 0 {ABC} REPLACE | PTTL a"), "OK | OK | :-1");
    }

    #[test]
    fn what_would_be_over_at_once_is_not_made_and_removes_what_it_replaces() {
        for ttl in ["1000000 ABSTTL", "1 ABSTTL", "9223372036854775807"] {
            let (ttl, option) = ttl.split_once(' ').unwrap_or((ttl, ""));
            check(
                &format!(
                    "RESTORE a {ttl} {ABC} {option} | EXISTS a | SET a 1 | RESTORE a {ttl} {ABC} {option} \
                        REPLACE | EXISTS a"
                ),
                "OK | :0 | OK | OK | :0",
            );
        }
    }

    #[test]
    fn a_payload_that_is_none_leaves_what_is_there() {
        let wrong = "-ERR DUMP payload version or checksum are wrong";
        check(
            "SET a 1 | RESTORE a 0 xyz REPLACE | RESTORE a 0 \"x\"*40 REPLACE | GET a",
            &format!("OK | {wrong} | {wrong} | 1"),
        );
        // Right checksums over no type at all, an unknown type, a cut value, a value with something behind
        // it, and an empty list.
        for body in [&b""[..], b"\xc8abc", b"\x00\x04abc", b"\x00\x03abcd", b"\x01\x00"] {
            let mut payload = body.to_vec();
            seal(&mut payload, WriteVersion::Redis10);
            let mut sandbox = Sandbox::new();
            sandbox.run("SET a 1");
            assert_eq!(restore(&mut sandbox, "a", &payload), "-ERR Bad data format", "{body:?}");
            check_in(&mut sandbox, "GET a", "1");
        }
    }

    #[test]
    fn payloads_of_redis_and_valkey_are_taken_up_to_their_last_known_versions() {
        let mut sandbox = Sandbox::new();
        for number in 0..=100u16 {
            let body = [b"\x00\x03abc", &number.to_le_bytes()[..]].concat();
            let payload = [&body[..], &crc64(&body).to_le_bytes()].concat();
            let is_known = (1..=15).contains(&number) || (80..=81).contains(&number);
            assert_eq!(restore(&mut sandbox, "a", &payload) == "OK", is_known, "version {number}");
        }
    }

    #[test]
    fn its_last_use_is_what_is_said() {
        check(
            &format!(
                "RESTORE a 0 {ABC} IDLETIME 100 | OBJECT IDLETIME a | RESTORE b 0 {ABC} FREQ 9 \
                    | OBJECT IDLETIME b"
            ),
            "OK | :100 | OK | :0",
        );
        let mut sandbox = Sandbox::new();
        sandbox.shard_mut().env_mut().access = AccessPolicy { is_lfu: true, ..AccessPolicy::default() };
        check_in(
            &mut sandbox,
            &format!(
                "RESTORE a 0 {ABC} FREQ 200 | OBJECT FREQ a | RESTORE b 0 {ABC} IDLETIME 9 | OBJECT FREQ b"
            ),
            "OK | :200 | OK | :5",
        );
    }

    #[test]
    fn the_effect_has_an_absolute_time() {
        let effects = |command: &str| {
            let mut sandbox = Sandbox::new();
            sandbox.run("SET old 1");
            sandbox.shard_mut().listen_to_effects(true);
            sandbox.run(command);
            let groups = sandbox.shard_mut().take_effects();
            let words = |args: &OwnedArgs| {
                let words = args.as_args().iter_from(0).map(|word| match word.first() {
                    Some(0) => "PAYLOAD".into(),
                    _ => String::from_utf8_lossy(word).into_owned(),
                });
                words.collect::<Vec<_>>().join(" ")
            };
            let effects = groups.iter().flat_map(|group| &group.effects);
            effects.map(|effect| words(&effect.args)).collect::<Vec<_>>().join(" | ")
        };
        for (command, effect) in [
            (format!("RESTORE a 0 {ABC}"), "RESTORE a 0 PAYLOAD"),
            (format!("RESTORE a 50 {ABC} FREQ 3"), "RESTORE a 1000050 PAYLOAD FREQ 3 ABSTTL"),
            (format!("RESTORE old 50 {ABC} REPLACE"), "RESTORE old 1000050 PAYLOAD REPLACE ABSTTL"),
            (format!("RESTORE a 1000050 {ABC} ABSTTL"), "RESTORE a 1000050 PAYLOAD ABSTTL"),
            (format!("RESTORE old 5 {ABC} ABSTTL REPLACE"), "DEL old"),
            (format!("RESTORE a 5 {ABC} ABSTTL REPLACE"), ""),
            (format!("RESTORE old 50 {ABC}"), ""),
        ] {
            assert_eq!(effects(&command), effect, "{command}");
        }
    }

    #[test]
    fn a_version_that_cannot_hold_the_times_of_fields_is_told() {
        let mut sandbox = Sandbox::new();
        sandbox.run("HSET h f v | HEXPIRE h 100 FIELDS 1 f");
        let mut version = |version| {
            sandbox.shard_mut().set_rdb(version, true);
            sandbox.run("DUMP h").starts_with("-ERR RDB version")
        };
        assert_eq!(
            [None, Some(10), Some(11), Some(12), Some(80)].map(&mut version),
            [false, true, true, false, false]
        );
    }

    fn restore(sandbox: &mut Sandbox, key: &str, payload: &[u8]) -> String {
        let quoted: String = payload.iter().map(|byte| format!("\\x{byte:02x}")).collect();
        sandbox.run(&format!("RESTORE {key} 0 \"{quoted}\" REPLACE"))
    }

    /// Makes values of all kinds.
    const MADE: [&str; 11] = [
        "SET string abc | SET int 12 | SET long \"ab\"*40",
        "RPUSH list a 1 \"x\"*100",
        "SADD ints 1 2 300 | SADD set a b 1",
        "ZADD sorted 1 a 2.5 b -3 c",
        "HSET hash f v g 1",
        "XADD stream 1-1 f v | XADD stream 2-1 f w | XADD stream 3-0 g 1 h 2 | XDEL stream 2-1",
        "XGROUP CREATE stream g 0 | XGROUP CREATE stream h 0",
        "XREADGROUP GROUP g alice COUNT 1 STREAMS stream >",
        "XREADGROUP GROUP g bob STREAMS stream >",
        "HSET times f v g w",
        "HEXPIRE times 100 FIELDS 1 g",
    ];
    /// Reads and changes values of all kinds.
    const READ: [&str; 7] = [
        "GET x | LRANGE x 0 -1 | LPUSH x a | LPOP x",
        "SMEMBERS x | SADD x b 7 | SPOP x",
        "ZRANGE x 0 -1 WITHSCORES | ZADD x 4 z | ZRANK x a",
        "HGETALL x | HSET x f 2 | HTTL x FIELDS 1 g",
        "XRANGE x - + | XREVRANGE x + - | XADD x * f v | XINFO STREAM x FULL",
        "XPENDING x g | XAUTOCLAIM x g carol 0 0 | XTRIM x MAXLEN 1",
        "DUMP x | OBJECT ENCODING x | MEMORY USAGE x | DEL x",
    ];

    /// Payloads of all kinds of values in all versions, without their footers.
    fn bodies() -> Vec<Vec<u8>> {
        let mut sandbox = Sandbox::new();
        for commands in MADE {
            sandbox.run(commands);
        }
        let mut bodies = Vec::new();
        for version in WriteVersion::ALL {
            sandbox.shard_mut().set_rdb(Some(version.number()), true);
            for key in ["string", "int", "long", "list", "ints", "set", "sorted", "hash", "stream", "times"] {
                let args: OwnedArgs = ["DUMP", key].into_iter().collect();
                let reply = sandbox.execute(args.as_args());
                if reply.starts_with(b"$") {
                    let payload = reply.splitn(2, |&byte| byte == b'\n').nth(1).unwrap();
                    bodies.push(open(&payload[..payload.len() - 2]).unwrap().1.to_vec());
                }
            }
        }
        bodies
    }

    #[test]
    #[cfg_attr(miri, ignore = "minutes, and no unsafe code of its own")]
    fn changed_payloads_are_refused_or_make_values_that_all_commands_can_read() {
        let (bodies, mut random) = (bodies(), Random::new(3));
        assert_eq!(bodies.len(), 4 * 10 - 2, "two versions have no times of fields");
        let mut sandbox = Sandbox::new();
        let (mut taken, changes) = (0, 6000);
        for _ in 0..changes {
            let mut body = bodies[random.below(bodies.len())].clone();
            for _ in 0..1 + random.below(3) {
                let at = random.below(body.len());
                match random.below(5) {
                    0 => body[at] = random.bits() as u8,
                    1 => body[at] ^= 1 << random.below(8),
                    2 => body[at] = body[at].wrapping_add(1),
                    3 => body.truncate(at.max(1)),
                    _ => {
                        let from = random.below(body.len());
                        let piece = body[from..(from + 9).min(body.len())].to_vec();
                        body.splice(at..at, piece);
                    }
                }
            }
            let version = WriteVersion::ALL[random.below(4)];
            seal(&mut body, version);
            if restore(&mut sandbox, "x", &body) == "OK" {
                taken += 1;
                for commands in READ {
                    sandbox.run(commands);
                }
            }
        }
        assert!(taken > changes / 20, "only {taken} taken: the changes are too wild to test anything");
    }
}
