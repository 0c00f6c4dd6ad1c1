//! Commands that put the value of one key under another one: RENAME, RENAMENX, COPY, MOVE.
//!
//! They move or copy entries whatever their type is. An entry keeps its expire on the way.

use crate::args::Args;
use crate::command::keys::KeyPosition;
use crate::command::shapes::{DESTINATION, KEYSPACE, SOURCE};
use crate::command::{Arg, Arity, CommandSpec, DataCommand, KeySpec, flags, keys};
use crate::ctx::Ctx;
use crate::error::CommandError;
use crate::event;
use crate::key::DbIndex;
use crate::num;

/// Gives a key another name.
const RENAME: CommandSpec = CommandSpec {
    since: "1.0.0",
    complexity: "O(1)",
    arity: Arity::Exactly(3),
    args: &[Arg::key(), Arg::key_named("newkey").of_key_spec(1)],
    ..KEYSPACE
};

/// The rows of this family.
pub(super) static COMMANDS: &[DataCommand] = &[
    DataCommand::new(
        rename,
        CommandSpec {
            name: "rename",
            summary: "Rename a key",
            flags: flags::WRITE,
            keys: &[
                KeySpec::at(1, keys::RW | keys::ACCESS | keys::DELETE),
                KeySpec::at(2, keys::OW | keys::UPDATE),
            ],
            ..RENAME
        },
    ),
    DataCommand::new(
        renamenx,
        CommandSpec {
            name: "renamenx",
            summary: "Rename a key, only if the new key does not exist",
            flags: flags::WRITE | flags::FAST,
            keys: &[
                KeySpec::at(1, keys::RW | keys::ACCESS | keys::DELETE),
                KeySpec::at(2, keys::OW | keys::INSERT),
            ],
            history: &[(
                "3.2.0",
                "The command no longer returns an error when source and destination names are the same.",
            )],
            ..RENAME
        },
    ),
    DataCommand::new(
        copy,
        CommandSpec {
            name: "copy",
            summary: "Copy a key",
            since: "6.2.0",
            complexity: "O(N) worst case for collections, where N is the number of nested items. O(1) for \
                string values.",
            arity: Arity::AtLeast(3),
            flags: flags::WRITE | flags::DENYOOM,
            keys: &COPY_KEYS,
            find_keys: Some(find_copy_keys),
            args: &[
                SOURCE,
                DESTINATION.of_key_spec(1),
                Arg::integer("destination-db").after("DB").optional(),
                Arg::word("replace", "REPLACE").optional(),
            ],
            ..KEYSPACE
        },
    ),
    DataCommand::new(
        move_key,
        CommandSpec {
            name: "move",
            summary: "Move a key to another database",
            since: "1.0.0",
            complexity: "O(1)",
            arity: Arity::Exactly(3),
            flags: flags::WRITE | flags::FAST,
            keys: &[KeySpec::at(1, MOVE_FLAGS)],
            find_keys: Some(find_move_keys),
            args: &[Arg::key(), Arg::integer("db")],
            ..KEYSPACE
        },
    ),
];

const COPY_KEYS: [KeySpec; 2] =
    [KeySpec::at(1, keys::RO | keys::ACCESS), KeySpec::at(2, keys::OW | keys::UPDATE)];
const MOVE_FLAGS: u32 = keys::RW | keys::ACCESS | keys::UPDATE;

/// The number of a database as routing sees it; one that cannot be is none, and the handler refuses it.
fn named_db(number: &[u8]) -> Option<DbIndex> {
    num::parse_i64(number).and_then(|number| u16::try_from(number).ok()).map(DbIndex)
}

fn find_copy_keys(args: Args<'_>, found: &mut Vec<KeyPosition>) {
    if args.len() < 3 {
        return;
    }
    let db = CopyOptions::parse(args, |number| named_db(number).ok_or(CommandError::DbIndex));
    let db = db.ok().and_then(|options| options.db);
    found.push(KeyPosition { index: 1, flags: COPY_KEYS[0].flags, db: None });
    found.push(KeyPosition { index: 2, flags: COPY_KEYS[1].flags, db });
}

fn find_move_keys(args: Args<'_>, found: &mut Vec<KeyPosition>) {
    if args.len() != 3 {
        return;
    }
    found.push(KeyPosition { index: 1, flags: MOVE_FLAGS, db: None });
    let db = named_db(args.get(2));
    found.extend(db.map(|db| KeyPosition { index: 1, flags: MOVE_FLAGS, db: Some(db) }));
}

fn rename(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    rename_unless(ctx, args, false)?;
    ctx.reply.ok();
    Ok(())
}

fn renamenx(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let is_renamed = rename_unless(ctx, args, true)?;
    ctx.reply.int(is_renamed.into());
    Ok(())
}

/// Renames a key, but not to one that is there if `only_new`. To its own name it does nothing, and says that
/// the new name was there.
fn rename_unless(ctx: &mut Ctx<'_>, args: Args<'_>, only_new: bool) -> Result<bool, CommandError> {
    let (from, to) = (ctx.key(args, 1), ctx.key(args, 2));
    if ctx.keys.write(&from).is_none() {
        return Err(CommandError::NoSuchKey);
    }
    if from.bytes == to.bytes || (only_new && ctx.keys.write(&to).is_some()) {
        return Ok(false);
    }
    ctx.keys.delete(&to, ctx.keys.freeing_by_server());
    if let Some(entry) = ctx.keys.remove(&from) {
        ctx.keys.insert_as_is(entry.renamed(to.bytes));
        ctx.keys.notify(&to, event::NEW);
    }
    ctx.keys.changed(&from, event::RENAME_FROM);
    ctx.keys.changed(&to, event::RENAME_TO);
    Ok(true)
}

/// What may follow the keys of COPY.
#[derive(Default)]
struct CopyOptions {
    db: Option<DbIndex>,
    replace: bool,
}

impl CopyOptions {
    /// `check` looks at the database in its place among the options, as Redis does.
    fn parse(
        args: Args<'_>,
        check: impl Fn(&[u8]) -> Result<DbIndex, CommandError>,
    ) -> Result<CopyOptions, CommandError> {
        let mut options = CopyOptions::default();
        let mut at = 3;
        while at < args.len() {
            if args[at].eq_ignore_ascii_case(b"replace") {
                options.replace = true;
            } else if args[at].eq_ignore_ascii_case(b"db") && at + 1 < args.len() {
                at += 1;
                options.db = Some(check(args.get(at))?);
            } else {
                return Err(CommandError::Syntax);
            }
            at += 1;
        }
        Ok(options)
    }
}

/// The database that a command names.
fn other_db(ctx: &Ctx<'_>, number: &[u8]) -> Result<DbIndex, CommandError> {
    let number = num::parse_i64(number).ok_or(CommandError::NotAnInteger)?;
    if i32::try_from(number).is_err() {
        return Err(CommandError::other(
            "ERR value is out of range, value must between -2147483648 and 2147483647",
        ));
    }
    ctx.keys.db_index(number).ok_or(CommandError::DbIndex)
}

fn copy(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let options = CopyOptions::parse(args, |number| other_db(ctx, number))?;
    let (from, to) = (ctx.key(args, 1), ctx.key(args, 2));
    let db = options.db.unwrap_or(ctx.keys.selected());
    if from.bytes == to.bytes && db == ctx.keys.selected() {
        return Err(CommandError::SameObject);
    }
    let Some(entry) = ctx.keys.read(&from).map(|entry| entry.with_key(to.bytes)) else {
        ctx.reply.int(0);
        return Ok(());
    };
    let freeing = ctx.keys.freeing_by_server();
    let is_copied = ctx.keys.in_db(db, |keys| {
        if keys.write(&to).is_some() && !options.replace {
            return false;
        }
        keys.delete(&to, freeing);
        keys.insert(&to, entry);
        keys.changed(&to, event::COPY_TO);
        true
    });
    ctx.reply.int(is_copied.into());
    Ok(())
}

fn move_key(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let key = ctx.key(args, 1);
    let db = other_db(ctx, args.get(2))?;
    if db == ctx.keys.selected() {
        return Err(CommandError::SameObject);
    }
    let is_there = ctx.keys.write(&key).is_some();
    let may_move = is_there && ctx.keys.in_db(db, |keys| keys.write(&key).is_none());
    if may_move && let Some(entry) = ctx.keys.remove(&key) {
        ctx.keys.in_db(db, |keys| {
            keys.insert_as_is(entry);
            keys.notify(&key, event::NEW);
        });
        ctx.keys.changed(&key, event::MOVE_FROM);
        ctx.keys.in_db(db, |keys| keys.changed(&key, event::MOVE_TO));
    }
    ctx.reply.int(may_move.into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::{Sandbox, check};

    #[test]
    fn a_renamed_key_keeps_its_value_and_its_expire() {
        check(
            "SET a 1 PX 100 | RENAME a b | EXISTS a | GET b | PTTL b | SET c xyz | RENAME c b | GET b \
                | PTTL b | DBSIZE",
            "OK | OK | :0 | 1 | :100 | OK | OK | xyz | :-1 | :1",
        );
        check(
            "SET a \"x\"*40000 | RENAME a \"k\"*5000 | STRLEN \"k\"*5000 | APPEND \"k\"*5000 y",
            "OK | OK | :40000 | :40001",
        );
    }

    #[test]
    fn renaming_needs_a_key_and_renamenx_a_new_name() {
        let none = "-ERR no such key";
        check("RENAME a b | RENAME a a | RENAMENX a b | RENAMENX a a", &[none; 4].join(" | "));
        check(
            "SET a 1 | RENAME a a | RENAMENX a a | GET a | SET b 2 | RENAMENX a b | RENAMENX a c | GET b \
                | GET c",
            "OK | OK | :0 | 1 | OK | :0 | :1 | 2 | 1",
        );
        check(
            "SET a 1 PX 5 | SET b 2 PX 5 | SLEEP 6 | RENAME a c | SET a 3 | RENAMENX a b | GET b | PTTL b",
            &format!("OK | OK | {none} | OK | :1 | 3 | :-1"),
        );
    }

    #[test]
    fn a_copy_has_the_value_and_the_expire_and_goes_its_own_way() {
        check(
            "SET a abc PX 100 | COPY a b | PTTL b | APPEND b d | GET a | GET b | COPY a b \
                | COPY b a replace | GET a",
            "OK | :1 | :100 | :4 | abc | abcd | :0 | :1 | abcd",
        );
        check(
            "APPEND a \"x\"*40000 | COPY a b | SETRANGE a 0 y | GETRANGE a 0 1 | GETRANGE b 0 1",
            ":40000 | :1 | :40000 | yx | xx",
        );
        check("COPY a b | SET b 1 | COPY a b REPLACE | GET b", ":0 | OK | :0 | 1");
    }

    #[test]
    fn copy_and_move_reach_other_databases() {
        check(
            "SET a 1 PX 100 | COPY a a DB 1 | COPY a b DB 1 | COPY a b DB 1 | DB 1 | GET a | PTTL b | DB 0 \
                | EXISTS b",
            "OK | :1 | :1 | :0 | 1 | :100 | :0",
        );
        check(
            "SET a 1 PX 100 | MOVE a 2 | EXISTS a | MOVE a 2 | SET a 2 | MOVE a 2 | GET a | DB 2 | GET a \
                | PTTL a",
            "OK | :1 | :0 | :0 | OK | :0 | 2 | 1 | :100",
        );
        check("DB 2 | SET a 1 PX 5 | DB 0 | SET a 2 | SLEEP 6 | MOVE a 2 | DB 2 | GET a", "OK | OK | :1 | 2");
    }

    #[test]
    fn arguments_are_checked_before_keys() {
        let number = "-ERR value is not an integer or out of range";
        let range = "-ERR value is out of range, value must between -2147483648 and 2147483647";
        let db = "-ERR DB index is out of range";
        let same = "-ERR source and destination objects are the same";
        for (command, error) in [
            ("MOVE a b", number),
            ("MOVE a 16", db),
            ("MOVE a -1", db),
            ("MOVE a 70000", db),
            ("MOVE a 99999999999", range),
            ("MOVE a 0", same),
            ("COPY a b DB", "-ERR syntax error"),
            ("COPY a b foo", "-ERR syntax error"),
            ("COPY a b DB x foo", number),
            ("COPY a b foo DB x", "-ERR syntax error"),
            ("COPY a b DB 99", db),
            ("COPY a b DB -99999999999", range),
            ("COPY a a", same),
            ("COPY a a REPLACE DB 0", same),
        ] {
            check(command, error);
            check(&format!("SET a 1 | {command} | GET a | EXISTS b"), &format!("OK | {error} | 1 | :0"));
        }
    }

    #[test]
    fn only_copy_reads_in_the_sense_of_statistics() {
        for (command, hits, misses) in
            [("COPY a b", 1, 0), ("COPY c b", 0, 1), ("RENAME a b", 0, 0), ("MOVE a 1", 0, 0)]
        {
            let mut sandbox = Sandbox::new();
            sandbox.run("SET a 1");
            sandbox.run(command);
            let env = sandbox.shard().env();
            assert_eq!((env.keyspace_hits, env.keyspace_misses), (hits, misses), "{command}");
        }
    }
}
