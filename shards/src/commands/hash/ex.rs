//! Fields with what else is done to them in one step: HGETDEL, HGETEX, HSETEX.
//!
//! Redis has them since 8.0, Valkey since 9. Where the two differ, in texts of errors, in what is checked
//! first and in NX and XX of HSETEX, this is Valkey's way. This file must not know how hashes are stored.

use super::bulk;
use crate::args::Args;
use crate::ctx::Ctx;
use crate::db::Freeing;
use crate::encoding::listpack::Value;
use crate::encoding::member_table::FieldExpire;
use crate::error::CommandError;
use crate::event;
use crate::expire_options::{TimeUnit, Ttl};
use crate::key::Key;
use crate::num;
use crate::object::DataType;
use crate::reply::Reply;
use crate::values::hash;

type Done = Result<(), CommandError>;

pub(super) const WRONG_COUNT: CommandError = CommandError::Other(std::borrow::Cow::Borrowed(
    "ERR numfields should be greater than 0 and match the provided number of fields",
));

/// What must be there, or must not, for HSETEX to do anything.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    Any,
    /// NX, FNX
    Absent,
    /// XX, FXX
    Present,
}

impl Presence {
    /// This option beside those before it: the other one excludes it.
    fn merge(&mut self, given: Presence) -> Done {
        if *self != Presence::Any && *self != given {
            return Err(CommandError::Syntax);
        }
        *self = given;
        Ok(())
    }
}

/// The options, and where the fields begin.
struct Options<'a> {
    ttl: Ttl<'a>,
    key: Presence,
    fields: Presence,
    first: usize,
}

impl<'a> Options<'a> {
    /// All that is before FIELDS, then the number of fields, each of which takes `stride` arguments.
    /// `is_setter` has the options of HSETEX, else they are those of HGETEX.
    fn parse(args: Args<'a>, stride: usize, is_setter: bool) -> Result<Options<'a>, CommandError> {
        let is_fields = |at: &usize| args[*at].eq_ignore_ascii_case(b"fields");
        let end = (2..args.len() - 1).find(is_fields).ok_or(WRONG_COUNT)?;
        let (key, fields) = (Presence::Any, Presence::Any);
        let mut options = Options { ttl: Ttl::Unsaid, key, fields, first: end + 2 };
        let mut at = 2;
        while at < end {
            let word = args.get(at);
            at += 1;
            if let Some(unit) = TimeUnit::parse(word) {
                if at == end {
                    return Err(CommandError::Syntax);
                }
                options.ttl = options.ttl.merged(Ttl::Time(unit, args.get(at)))?;
                at += 1;
            } else if !is_setter && word.eq_ignore_ascii_case(b"persist") {
                options.ttl = options.ttl.merged(Ttl::Persist)?;
            } else if is_setter && word.eq_ignore_ascii_case(b"keepttl") {
                options.ttl = options.ttl.merged(Ttl::Keep)?;
            } else if is_setter {
                options.merge_presence(word)?;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        check_count(args, end, stride)?;
        Ok(options)
    }

    fn merge_presence(&mut self, word: &[u8]) -> Done {
        match word {
            _ if word.eq_ignore_ascii_case(b"nx") => self.key.merge(Presence::Absent),
            _ if word.eq_ignore_ascii_case(b"xx") => self.key.merge(Presence::Present),
            _ if word.eq_ignore_ascii_case(b"fnx") => self.fields.merge(Presence::Absent),
            _ if word.eq_ignore_ascii_case(b"fxx") => self.fields.merge(Presence::Present),
            _ => Err(CommandError::Syntax),
        }
    }
}

/// Checks the number behind FIELDS, which is argument `at`.
pub(super) fn check_count(args: Args<'_>, at: usize, stride: usize) -> Done {
    let count = num::parse_i64(args.get(at + 1)).ok_or(CommandError::NotAnInteger)?;
    let behind = args.len() - at - 2;
    let wanted = usize::try_from(count).ok().and_then(|count| count.checked_mul(stride));
    if count < 1 || wanted != Some(behind) {
        return Err(WRONG_COUNT);
    }
    Ok(())
}

fn bulk_or_null(reply: &mut Reply, value: Option<Value<'_>>) -> bool {
    match value {
        Some(value) => bulk(reply, value),
        None => reply.null(),
    }
    value.is_some()
}

fn nulls(reply: &mut Reply, count: usize) {
    reply.array(count);
    (0..count).for_each(|_| reply.null());
}

/// Removes a hash that the command has left without fields, whose change was told.
fn remove_empty(ctx: &mut Ctx<'_>, key: &Key<'_>) {
    ctx.keys.delete(key, Freeing::Now);
    ctx.keys.notify(key, event::DEL);
}

/// `HGETDEL key FIELDS numfields field [field ...]`
pub(crate) fn hgetdel(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    if !args[2].eq_ignore_ascii_case(b"fields") {
        return Err(CommandError::Syntax);
    }
    check_count(args, 2, 1)?;
    let key = ctx.key(args, 1);
    let hash_of = ctx.keys.hash_of();
    let reply = &mut *ctx.reply;
    let mut removed = Vec::new();
    let is_empty = hash::write(&mut ctx.keys, &key, |hash| {
        reply.array(args.len() - 4);
        for field in args.iter_from(4) {
            if bulk_or_null(reply, hash.view().get(field, &hash_of)) {
                hash.remove(field, &hash_of);
                removed.push(field);
            }
        }
        hash.view().is_empty()
    })?;
    if is_empty.is_none() {
        nulls(ctx.reply, args.len() - 4);
    }
    if removed.is_empty() {
        return Ok(());
    }
    ctx.keys.changed(&key, event::HDEL);
    ctx.keys.effect([&b"HDEL"[..], key.bytes].into_iter().chain(removed));
    if is_empty == Some(true) {
        remove_empty(ctx, &key);
    }
    Ok(())
}

/// `HGETEX key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds |
/// PERSIST] FIELDS numfields field [field ...]`
pub(crate) fn hgetex(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let options = Options::parse(args, 1, false)?;
    let key = ctx.key(args, 1);
    let (now_ms, hash_of) = (ctx.keys.now_ms(), ctx.keys.hash_of());
    // Its values are read: a miss is told.
    ctx.keys.read_typed(&key, DataType::Hash)?;
    let at_ms = options.ttl.at_ms(0, now_ms, "hgetex")?;
    let reply = &mut *ctx.reply;
    let mut changed = Vec::new();
    let is_empty = hash::write(&mut ctx.keys, &key, |hash| {
        reply.array(args.len() - options.first);
        for field in args.iter_from(options.first) {
            if !bulk_or_null(reply, hash.view().get(field, &hash_of)) {
                continue;
            }
            match at_ms {
                Some(at_ms) if at_ms <= now_ms => _ = hash.remove(field, &hash_of),
                Some(_) => hash.set_expire(field, at_ms, &hash_of),
                None if options.ttl != Ttl::Persist => continue,
                None if hash.view().expire_ms(field, &hash_of).flatten().is_none() => continue,
                None => hash.set_expire(field, None, &hash_of),
            }
            changed.push(field);
        }
        hash.view().is_empty()
    })?;
    if is_empty.is_none() {
        nulls(ctx.reply, args.len() - options.first);
    }
    if !changed.is_empty() {
        tell_expires(ctx, &key, at_ms, &changed);
    }
    if is_empty == Some(true) {
        remove_empty(ctx, &key);
    }
    Ok(())
}

/// Tells that fields have got this expire, or lost theirs.
fn tell_expires(ctx: &mut Ctx<'_>, key: &Key<'_>, at_ms: Option<u64>, fields: &[&[u8]]) {
    let (mut at, mut count) = (itoa::Buffer::new(), itoa::Buffer::new());
    let count = count.format(fields.len()).as_bytes();
    let fields = || fields.iter().copied();
    match at_ms {
        None => {
            ctx.keys.changed(key, event::HPERSIST);
            ctx.keys.effect([&b"HPERSIST"[..], key.bytes, b"FIELDS", count].into_iter().chain(fields()));
        }
        Some(at_ms) if at_ms <= ctx.keys.now_ms() => {
            ctx.keys.changed(key, event::HEXPIRED);
            ctx.keys.count_expired_fields(fields().len());
            ctx.keys.effect([&b"HDEL"[..], key.bytes].into_iter().chain(fields()));
        }
        Some(at_ms) => {
            ctx.keys.changed(key, event::HEXPIRE);
            let words = [&b"HPEXPIREAT"[..], key.bytes, at.format(at_ms).as_bytes(), b"FIELDS", count];
            ctx.keys.effect(words.into_iter().chain(fields()));
        }
    }
}

/// `HSETEX key [NX | XX] [FNX | FXX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT
/// unix-time-milliseconds | KEEPTTL] FIELDS numfields field value [field value ...]`
pub(crate) fn hsetex(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let options = Options::parse(args, 2, true)?;
    let key = ctx.key(args, 1);
    let (now_ms, hash_of) = (ctx.keys.now_ms(), ctx.keys.hash_of());
    // All checks: the type, then the key, then the time, then the fields.
    let (mut is_there, mut is_met) = (false, options.fields != Presence::Present);
    hash::write(&mut ctx.keys, &key, |hash| {
        is_there = true;
        let mut fields = args.iter_from(options.first).step_by(2);
        is_met = match options.fields {
            Presence::Any => true,
            Presence::Absent => fields.all(|field| hash.view().get(field, &hash_of).is_none()),
            Presence::Present => fields.all(|field| hash.view().get(field, &hash_of).is_some()),
        };
    })?;
    let is_key_met = match options.key {
        Presence::Any => true,
        Presence::Absent => !is_there,
        Presence::Present => is_there,
    };
    let at_ms = if is_key_met { options.ttl.at_ms(0, now_ms, "hsetex")? } else { None };
    if !is_key_met || !is_met {
        ctx.reply.int(0);
        return Ok(());
    }
    if at_ms.is_some_and(|at_ms| at_ms <= now_ms) {
        set_over(ctx, &key, args, options.first);
    } else {
        set_all(ctx, &key, args, &options, at_ms, is_there)?;
    }
    ctx.reply.int(1);
    Ok(())
}

/// Sets fields of a hash that is there or not.
fn set_all(
    ctx: &mut Ctx<'_>,
    key: &Key<'_>,
    args: Args<'_>,
    options: &Options<'_>,
    at_ms: Option<u64>,
    is_there: bool,
) -> Done {
    let hash_of = ctx.keys.hash_of();
    let first = options.first;
    let pairs = (first..args.len()).step_by(2).map(|at| (args.get(at), args.get(at + 1)));
    let expire = match (options.ttl, at_ms) {
        (_, Some(at_ms)) => FieldExpire::At(at_ms),
        (Ttl::Keep, None) => FieldExpire::Keep,
        _ => FieldExpire::Clear,
    };
    if !is_there {
        hash::add(&mut ctx.keys, key, pairs.clone());
    }
    // A new hash has the fields by now, and needs their expires only.
    if is_there || at_ms.is_some() {
        hash::write(&mut ctx.keys, key, |hash| match expire {
            FieldExpire::Clear => _ = hash.set_all(pairs, hash_of),
            FieldExpire::Keep => pairs.for_each(|(field, value)| hash.set(field, value, &hash_of)),
            FieldExpire::At(at_ms) => pairs.for_each(|(field, value)| {
                if is_there {
                    hash.set(field, value, &hash_of);
                }
                hash.set_expire(field, Some(at_ms), &hash_of);
            }),
        })?;
    }
    ctx.keys.changed(key, event::HSET);
    if let Some(at_ms) = at_ms {
        ctx.keys.notify(key, event::HEXPIRE);
        let mut at = itoa::Buffer::new();
        let words = [&b"HSETEX"[..], key.bytes, b"PXAT", at.format(at_ms).as_bytes()];
        ctx.keys.effect(words.into_iter().chain(args.iter_from(first - 2)));
    }
    Ok(())
}

/// Sets fields to a time that is over: they are gone at once.
fn set_over(ctx: &mut Ctx<'_>, key: &Key<'_>, args: Args<'_>, first: usize) {
    let hash_of = ctx.keys.hash_of();
    let fields = || args.iter_from(first).step_by(2);
    let is_empty = hash::write(&mut ctx.keys, key, |hash| {
        fields().for_each(|field| _ = hash.remove(field, &hash_of));
        hash.view().is_empty()
    });
    if !matches!(is_empty, Ok(Some(_))) {
        // The hash would have come and gone.
        ctx.keys.notify(key, event::NEW);
    }
    ctx.keys.changed(key, event::HSET);
    ctx.keys.notify(key, event::HEXPIRE);
    ctx.keys.notify(key, event::HEXPIRED);
    ctx.keys.count_expired_fields(fields().count());
    ctx.keys.effect([&b"HDEL"[..], key.bytes].into_iter().chain(fields()));
    if matches!(is_empty, Ok(Some(true))) {
        ctx.keys.delete(key, Freeing::Now);
    }
    if !matches!(is_empty, Ok(Some(false))) {
        ctx.keys.notify(key, event::DEL);
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Sandbox, check};

    const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    const WRONG_COUNT: &str =
        "-ERR numfields should be greater than 0 and match the provided number of fields";
    const SYNTAX: &str = "-ERR syntax error";
    const INTEGER: &str = "-ERR value is not an integer or out of range";

    #[test]
    fn hgetdel_gives_the_values_of_what_it_removes() {
        for front in ["", "HSET h z \"x\"*65 | HDEL h z | "] {
            let before = if front.is_empty() { "" } else { ":1 | :1 | " };
            check(
                &format!(
                    "{front}HSET h a 1 b 2 c 3 | HGETDEL h FIELDS 3 a x a | HGETALL h \
                        | HGETDEL h fields 2 b c | EXISTS h | HGETDEL h FIELDS 2 a b"
                ),
                &format!("{before}:3 | [1 (nil) (nil)] | [b 2 c 3] | [2 3] | :0 | [(nil) (nil)]"),
            );
        }
    }

    #[test]
    fn hgetex_sets_and_takes_away_the_times_of_what_it_gives() {
        check(
            "HSET h a 1 b 2 | HGETEX h FIELDS 2 a x | OBJECT ENCODING h | HGETEX h EX 10 FIELDS 2 a x \
                | HTTL h FIELDS 2 a b | HGETEX h FIELDS 1 a | HPTTL h FIELDS 1 a \
                | HGETEX h PERSIST FIELDS 2 a b | HTTL h FIELDS 2 a b",
            ":2 | [1 (nil)] | listpack | [1 (nil)] | [:10 :-1] | [1] | [:10000] | [1 2] | [:-1 :-1]",
        );
        check(
            "HSET h a 1 b 2 c 3 | HGETEX h PX 2400 FIELDS 1 a | HPTTL h FIELDS 1 a \
                | HGETEX h EXAT 2000 FIELDS 1 a | HPTTL h FIELDS 1 a | HGETEX h pxat 1000001 FIELDS 1 a \
                | HPTTL h FIELDS 1 a | HGETEX h EX 1 EX 20 FIELDS 1 a | HTTL h FIELDS 1 a",
            ":3 | [1] | [:2400] | [1] | [:1000000] | [1] | [:1] | [1] | [:20]",
        );
    }

    #[test]
    fn hgetex_with_a_time_that_is_over_removes() {
        check(
            "HSET h a 1 b 2 c 3 | HGETEX h EX 0 FIELDS 2 a a | HGETALL h | HGETEX h EXAT 1000 FIELDS 1 b \
                | HLEN h | HGETEX h PXAT 0 FIELDS 2 x c | EXISTS h | HGETEX h EX 1 FIELDS 1 a",
            ":3 | [1 (nil)] | [b 2 c 3] | [2] | :1 | [(nil) 3] | :0 | [(nil)]",
        );
    }

    #[test]
    fn hsetex_sets_fields_with_their_time() {
        check(
            "HSETEX h FIELDS 1 a 1 | OBJECT ENCODING h | HSETEX h EX 10 FIELDS 2 a 2 b 3 \
                | HTTL h FIELDS 2 a b | HSETEX h KEEPTTL FIELDS 2 a 4 c 5 | HTTL h FIELDS 2 a c \
                | HSETEX h FIELDS 1 a 6 | HTTL h FIELDS 2 a b | HMGET h a b c",
            ":1 | listpack | :1 | [:10 :10] | :1 | [:10 :-1] | :1 | [:-1 :10] | [6 3 5]",
        );
        check("HSETEX h PX 5 FIELDS 3 a 1 a 2 b 3 | HGETALL h | SLEEP 6 | HGETALL h", ":1 | [a 2 b 3] | []")
    }

    #[test]
    fn hsetex_with_a_time_that_is_over_leaves_nothing() {
        check(
            "HSETEX h EX 0 FIELDS 1 a 1 | EXISTS h | HSET h a 1 b 2 \
                | HSETEX h PXAT 1000000 FIELDS 2 a 3 x 4 | HGETALL h | HSETEX h EXAT 1 FIELDS 1 b 1 \
                | EXISTS h",
            ":1 | :0 | :2 | :1 | [b 2] | :1 | :0",
        );
    }

    #[test]
    fn hsetex_does_all_or_nothing_on_its_conditions() {
        check(
            "HSET h a 1 b 2 | HSETEX h FNX FIELDS 2 z 1 a 9 | HSETEX h FXX FIELDS 2 z 1 a 9 | HGETALL h \
             | HSETEX h FNX FIELDS 2 z 1 z 5 | HSETEX h FXX FXX EX 5 FIELDS 2 z 2 a 2 | HMGET h a b z \
             | HTTL h FIELDS 3 a b z",
            ":2 | :0 | :0 | [a 1 b 2] | :1 | :1 | [2 2 2] | [:5 :-1 :5]",
        );
        check(
            "HSETEX n FXX FIELDS 1 a 1 | HSETEX n XX FIELDS 1 a 1 | HSETEX n XX FNX FIELDS 1 a 1 | EXISTS n \
             | HSETEX n NX FNX FIELDS 1 a 1 | HSETEX n NX FIELDS 1 q 1 | HSETEX n XX FIELDS 1 q 1 \
             | HGETALL n",
            ":0 | :0 | :0 | :0 | :1 | :0 | :1 | [a 1 q 1]",
        );
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let invalid = |name: &str| format!("-ERR invalid expire time in '{name}' command");
        let (hgetex, hsetex) = (invalid("hgetex"), invalid("hsetex"));
        for (command, error) in [
            ("HGETDEL h FIELDS 0 a", WRONG_COUNT),
            ("HGETDEL h FIELDS 2 a", WRONG_COUNT),
            ("HGETDEL h FIELDS 1 a b", WRONG_COUNT),
            ("HGETDEL h FIELDS -1 a", WRONG_COUNT),
            ("HGETDEL h FIELDS x a", INTEGER),
            ("HGETDEL h FOO 1 a", SYNTAX),
            ("HGETDEL s FOO 1 a", SYNTAX),
            ("HGETDEL s FIELDS 1 a", WRONG_TYPE),
            ("HGETEX h FIELDS 9223372036854775807 a", WRONG_COUNT),
            ("HGETEX h a b c d", WRONG_COUNT),
            ("HGETEX h FIELDS 1 a EX 10", WRONG_COUNT),
            ("HGETEX h FOO FIELDS 0 a", SYNTAX),
            ("HGETEX h KEEPTTL FIELDS 1 a", SYNTAX),
            ("HGETEX h FNX FIELDS 1 a", SYNTAX),
            ("HGETEX h EX FIELDS 1 a", SYNTAX),
            ("HGETEX h EX 1 2 FIELDS 1 a", SYNTAX),
            ("HGETEX h EX 10 PX 20 FIELDS 1 a", SYNTAX),
            ("HGETEX h EX 10 PERSIST FIELDS 1 a", SYNTAX),
            ("HGETEX h EX x FIELDS 2 a", WRONG_COUNT),
            ("HGETEX h EX x FIELDS 1 a", INTEGER),
            ("HGETEX nosuch EX x FIELDS 1 a", INTEGER),
            ("HGETEX s EX x FIELDS 1 a", WRONG_TYPE),
            ("HGETEX h EX -1 FIELDS 1 a", &hgetex),
            ("HGETEX h EX 9223372036854775807 FIELDS 1 a", &hgetex),
            ("HGETEX h PX 9223372036854775807 FIELDS 1 a", &hgetex),
            ("HSETEX h FIELDS 2 a 1", WRONG_COUNT),
            ("HSETEX h FIELDS 2 a 1 b", WRONG_COUNT),
            ("HSETEX h FIELDS 1 a 1 b 2", WRONG_COUNT),
            ("HSETEX h FIELDS 9223372036854775807 a 1", WRONG_COUNT),
            ("HSETEX h FIELDS 1 a 1 FNX", WRONG_COUNT),
            ("HSETEX h EX 10 FNX a 1", WRONG_COUNT),
            ("HSETEX h FIELDS x a 1", INTEGER),
            ("HSETEX h FNX FXX FIELDS 1 a 1", SYNTAX),
            ("HSETEX h NX XX FIELDS 1 a 1", SYNTAX),
            ("HSETEX h EX 1 KEEPTTL FIELDS 1 a 1", SYNTAX),
            ("HSETEX h PERSIST FIELDS 1 a 1", SYNTAX),
            ("HSETEX h FNX EX x FIELDS 1 a 1", INTEGER),
            ("HSETEX nosuch FXX EX x FIELDS 1 a 1", INTEGER),
            ("HSETEX h NX EX x FIELDS 1 a 1", ":0"),
            ("HSETEX h EX -1 FIELDS 1 a 1", &hsetex),
            ("HSETEX h PX 9223372036854775807 FIELDS 1 a 1", &hsetex),
            ("HSETEX s EX x FIELDS 1 a 1", WRONG_TYPE),
        ] {
            check(
                &format!("HSET h a 1 | SET s 1 | {command} | HGETALL h | HTTL h FIELDS 1 a | EXISTS nosuch"),
                &format!(":1 | OK | {error} | [a 1] | [:-1] | :0"),
            );
        }
    }

    #[test]
    fn a_hash_that_changes_is_one_change_whatever_is_told_of_it() {
        let mut sandbox = Sandbox::new();
        for command in [
            "HSETEX h EX 10 FIELDS 2 a 1 b 2",
            "HGETEX h EX 20 FIELDS 2 a b",
            "HGETEX h PERSIST FIELDS 1 a",
            "HSETEX h EX 0 FIELDS 1 a 1",
            "HGETEX h EX 0 FIELDS 1 b",
            "HSETEX h EX 0 FIELDS 1 a 1",
            "HSETEX h FIELDS 1 a 1",
            "HGETDEL h FIELDS 1 a",
            "HSET h a 1",
            "HPEXPIRE h 0 FIELDS 1 a",
        ] {
            let before = sandbox.shard().env().dirty;
            sandbox.run(command);
            assert_eq!(sandbox.shard().env().dirty - before, 1, "{command}");
        }
    }

    #[test]
    fn effects_have_absolute_times_and_what_was_removed() {
        let mut sandbox = Sandbox::new();
        sandbox.shard_mut().listen_to_effects(true);
        sandbox.run(
            "HSETEX h EX 10 FIELDS 2 a 1 b 2 | HSETEX h KEEPTTL FIELDS 1 a 2 | HSETEX h FXX FIELDS 1 x 2",
        );
        sandbox.run("HGETEX h FIELDS 1 a | HGETEX h PX 5 FIELDS 2 a x | HGETEX h PERSIST FIELDS 2 a x");
        sandbox.run("HGETDEL h FIELDS 2 a x | HGETEX h EX 0 FIELDS 1 b | HSETEX h EX 0 FIELDS 1 b 2");
        let effects = sandbox.shard_mut().take_effects().into_iter().flat_map(|group| group.effects);
        let texts: Vec<_> = effects
            .map(|effect| {
                let args = effect.args.as_args();
                let words = args.iter_from(0).map(|word| String::from_utf8_lossy(word).into_owned());
                words.collect::<Vec<_>>().join(" ")
            })
            .collect();
        assert_eq!(
            texts,
            [
                "HSETEX h PXAT 1010000 FIELDS 2 a 1 b 2",
                "HSETEX h KEEPTTL FIELDS 1 a 2",
                "HPEXPIREAT h 1000005 FIELDS 1 a",
                "HPERSIST h FIELDS 1 a",
                "HDEL h a",
                "HDEL h b",
                "HDEL h b",
            ]
        );
    }
}
