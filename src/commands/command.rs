//! COMMAND: the table of commands, told to clients.
//!
//! Source of the replies: redis-server 7.0.15, byte for byte, except for the order of commands, which is that
//! of the rows where Redis has the order of a hash table. This file must not know any other command by name.

mod description;

use std::collections::HashSet;

use shards::args::Args;
use shards::command::flags::{self, acl};
use shards::command::keys::KeyPosition;
use shards::command::registry::{CommandEntry, Registry};
use shards::command::shapes::help_of;
use shards::command::{Arg, Arity, CommandGroup, CommandSpec};
use shards::error::CommandError;
use shards::glob;
use shards::reply::Reply;

use self::description::{docs_of_all, info_of, key_flags};
use crate::session::command::{Flow, SessionCommand, SessionCtx};

/// What COMMAND and its subcommands have in common.
const OF_COMMAND: CommandSpec = CommandSpec {
    since: "2.8.13",
    group: CommandGroup::Server,
    flags: flags::LOADING | flags::STALE,
    acl: acl::CONNECTION,
    ..CommandSpec::BASE
};

/// What tells of the commands that are named.
const LOOK_UP: CommandSpec = CommandSpec {
    complexity: "O(N) where N is the number of commands to look up",
    arity: Arity::AtLeast(2),
    tips: &["nondeterministic_output_order"],
    args: &[Arg::string("command-name").optional().multiple()],
    ..OF_COMMAND
};

/// What finds the keys of a command.
const KEYS_OF: CommandSpec = CommandSpec {
    complexity: "O(N) where N is the number of arguments to the command",
    arity: Arity::AtLeast(4),
    ..OF_COMMAND
};

/// The rows of COMMAND and its subcommands.
pub static COMMANDS: &[SessionCommand] = &[SessionCommand::new(
    |ctx, args| told(ctx, args, command),
    CommandSpec {
        name: "command",
        summary: "Get array of Redis command details",
        complexity: "O(N) where N is the total number of Redis commands",
        arity: Arity::AtLeast(1),
        tips: &["nondeterministic_output_order"],
        ..OF_COMMAND
    },
)
.with_subcommands(&[
    SessionCommand::new(
        |ctx, args| told(ctx, args, count),
        CommandSpec {
            name: "count",
            summary: "Get total number of Redis commands",
            complexity: "O(1)",
            arity: Arity::Exactly(2),
            ..OF_COMMAND
        },
    ),
    SessionCommand::new(
        |ctx, args| told(ctx, args, docs),
        CommandSpec {
            name: "docs",
            summary: "Get array of specific Redis command documentation",
            since: "7.0.0",
            ..LOOK_UP
        },
    ),
    SessionCommand::new(
        |ctx, args| told(ctx, args, getkeys),
        CommandSpec { name: "getkeys", summary: "Extract keys given a full Redis command", ..KEYS_OF },
    ),
    SessionCommand::new(
        |ctx, args| told(ctx, args, getkeysandflags),
        CommandSpec {
            name: "getkeysandflags",
            summary: "Extract keys and access flags given a full Redis command",
            since: "7.0.0",
            ..KEYS_OF
        },
    ),
    SessionCommand::new(
        |ctx, args| told(ctx, args, help),
        CommandSpec { since: "5.0.0", ..help_of(OF_COMMAND) },
    ),
    SessionCommand::new(
        |ctx, args| told(ctx, args, info),
        CommandSpec {
            name: "info",
            summary: "Get array of specific Redis command details, or all when no argument is given.",
            history: &[("7.0.0", "Allowed to be called with no argument to get info on all commands.")],
            ..LOOK_UP
        },
    ),
    SessionCommand::new(
        |ctx, args| told(ctx, args, list),
        CommandSpec {
            name: "list",
            summary: "Get an array of Redis command names",
            since: "7.0.0",
            complexity: "O(N) where N is the total number of Redis commands",
            args: &[Arg::one_of(
                "filterby",
                &[
                    Arg::string("module-name").after("MODULE"),
                    Arg::string("category").after("ACLCAT"),
                    Arg::pattern("pattern").after("PATTERN"),
                ],
            )
            .after("FILTERBY")
            .optional()],
            ..LOOK_UP
        },
    ),
])];

type Done = Result<(), CommandError>;

/// COMMAND.
/// The body of a command that only reads the table.
type Body = fn(&Registry, Args<'_>, &mut Reply) -> Done;

fn told(ctx: &mut SessionCtx<'_>, args: Args<'_>, body: Body) -> Result<Flow, CommandError> {
    body(&ctx.node.registry, args, ctx.reply)?;
    Ok(Flow::Done)
}

fn command(registry: &Registry, _args: Args<'_>, reply: &mut Reply) -> Done {
    reply.array(registry.commands().len());
    for entry in registry.commands() {
        info_of(registry, entry, reply);
    }
    Ok(())
}

/// COMMAND COUNT.
fn count(registry: &Registry, _args: Args<'_>, reply: &mut Reply) -> Done {
    reply.len_int(registry.commands().len());
    Ok(())
}

/// COMMAND INFO [name ...]: an unknown name gives a null.
fn info(registry: &Registry, args: Args<'_>, reply: &mut Reply) -> Done {
    if args.len() == 2 {
        return command(registry, args, reply);
    }
    reply.array(args.len() - 2);
    for name in args.iter_from(2) {
        match registry.find(name) {
            Some(entry) => info_of(registry, entry, reply),
            None => reply.null(),
        }
    }
    Ok(())
}

/// COMMAND DOCS [name ...]: an unknown name is left out.
fn docs(registry: &Registry, args: Args<'_>, reply: &mut Reply) -> Done {
    if args.len() == 2 {
        docs_of_all(registry, registry.commands(), reply);
    } else {
        let found: Vec<&CommandEntry> = args.iter_from(2).filter_map(|name| registry.find(name)).collect();
        docs_of_all(registry, found.into_iter(), reply);
    }
    Ok(())
}

/// COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN pattern]: full names, subcommands included.
fn list(registry: &Registry, args: Args<'_>, reply: &mut Reply) -> Done {
    let mut filter = Filter::Any;
    if args.len() > 2 {
        let is_filter = args.len() == 5 && args[2].eq_ignore_ascii_case(b"filterby");
        filter = is_filter
            .then(|| Filter::parse(args.get(3), args.get(4)))
            .flatten()
            .ok_or(CommandError::Syntax)?;
    }
    let fits = |entry: &&CommandEntry| filter.fits(entry);
    let families =
        || registry.commands().flat_map(|entry| std::iter::once(entry).chain(registry.subcommands(entry)));
    reply.array(families().filter(fits).count());
    for entry in families().filter(fits) {
        reply.bulk(entry.full_name.as_bytes());
    }
    Ok(())
}

/// What COMMAND LIST may be narrowed to.
enum Filter<'a> {
    Any,
    /// No command: there are no modules.
    Module,
    /// The bit of an ACL category; 0 for an unknown one.
    Category(u64),
    Pattern(&'a [u8]),
}

impl<'a> Filter<'a> {
    fn parse(kind: &[u8], operand: &'a [u8]) -> Option<Filter<'a>> {
        if kind.eq_ignore_ascii_case(b"module") {
            return Some(Filter::Module);
        }
        if kind.eq_ignore_ascii_case(b"aclcat") {
            let named = |&&(_, name): &&(u64, &str)| operand.eq_ignore_ascii_case(name.as_bytes());
            return Some(Filter::Category(acl::NAMES.iter().find(named).map_or(0, |&(bit, _)| bit)));
        }
        kind.eq_ignore_ascii_case(b"pattern").then_some(Filter::Pattern(operand))
    }

    fn fits(&self, entry: &CommandEntry) -> bool {
        match self {
            Filter::Any => true,
            Filter::Module => false,
            Filter::Category(bit) => entry.spec().acl_categories() & bit != 0,
            Filter::Pattern(pattern) => glob::matches_nocase(pattern, entry.full_name.as_bytes()),
        }
    }
}

/// COMMAND GETKEYS command [arg ...].
fn getkeys(registry: &Registry, args: Args<'_>, reply: &mut Reply) -> Done {
    let called = args.skip(2);
    let found = keys_of(registry, called)?;
    reply.array(found.len());
    for key in found {
        reply.bulk(called.get(key.index));
    }
    Ok(())
}

/// COMMAND GETKEYSANDFLAGS command [arg ...].
fn getkeysandflags(registry: &Registry, args: Args<'_>, reply: &mut Reply) -> Done {
    let called = args.skip(2);
    let found = keys_of(registry, called)?;
    reply.array(found.len());
    for key in found {
        reply.array(2);
        reply.bulk(called.get(key.index));
        key_flags(key.flags, reply);
    }
    Ok(())
}

/// The keys of a whole command (Redis: getKeysSubcommandImpl).
fn keys_of(registry: &Registry, called: Args<'_>) -> Result<Vec<KeyPosition>, CommandError> {
    let entry = registry.called(called).ok_or(CommandError::other("ERR Invalid command specified"))?;
    let spec = entry.spec();
    if !spec.has_keys() {
        return Err(CommandError::other("ERR The command has no key arguments"));
    }
    if !spec.arity.accepts(called.len()) {
        return Err(CommandError::other("ERR Invalid number of arguments specified for command"));
    }
    let mut found = Vec::new();
    spec.key_positions(called, &mut found);
    // MOVE names one argument in two databases.
    let mut told = HashSet::new();
    found.retain(|key| told.insert(key.index));
    if found.is_empty() && !spec.has(flags::NO_MANDATORY_KEYS) {
        return Err(CommandError::other("ERR Invalid arguments specified for command"));
    }
    Ok(found)
}

/// COMMAND HELP.
fn help(_registry: &Registry, _args: Args<'_>, reply: &mut Reply) -> Done {
    reply.array(HELP.len());
    for line in HELP {
        reply.simple(line);
    }
    Ok(())
}

const HELP: &[&str] = &[
    "COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "(no subcommand)",
    "    Return details about all Redis commands.",
    "COUNT",
    "    Return the total number of commands in this Redis server.",
    "LIST",
    "    Return a list of all commands in this Redis server.",
    "INFO [<command-name> ...]",
    "    Return details about multiple Redis commands.",
    "    If no command names are given, documentation details for all",
    "    commands are returned.",
    "DOCS [<command-name> ...]",
    "    Return documentation details about multiple Redis commands.",
    "    If no command names are given, documentation details for all",
    "    commands are returned.",
    "GETKEYS <full-command>",
    "    Return the keys from a full Redis command.",
    "GETKEYSANDFLAGS <full-command>",
    "    Return the keys and the access flags from a full Redis command.",
    "HELP",
    "    Prints this help.",
];

#[cfg(test)]
mod tests {
    use shards::args::OwnedArgs;
    use shards::command::registry::Command;
    use shards::command::{DataCommand, KeySpec, RequestPolicy, ResponsePolicy, keys};
    use shards::ctx::Ctx;

    use super::*;
    use crate::session::command::SessionCommands;
    use crate::session::command::testing::reply_of;

    fn unused(_ctx: &mut Ctx<'_>, _args: Args<'_>) -> Done {
        Ok(())
    }

    static DATA: &[DataCommand] = &[
        DataCommand {
            run: unused,
            spec: CommandSpec {
                name: "mset",
                summary: "Set multiple keys to multiple values",
                since: "1.0.1",
                arity: Arity::AtLeast(3),
                flags: flags::WRITE | flags::DENYOOM,
                acl: acl::STRING,
                keys: &[KeySpec::range(1, -1, 2, keys::OW | keys::UPDATE)],
                request_policy: Some(RequestPolicy::MultiShard),
                response_policy: Some(ResponsePolicy::AllSucceeded),
                ..CommandSpec::BASE
            },
            subcommands: &[],
        },
        DataCommand {
            run: unused,
            spec: CommandSpec {
                name: "zunionstore",
                summary: "Add multiple sorted sets and store the resulting sorted set in a new key",
                since: "2.0.0",
                arity: Arity::AtLeast(4),
                flags: flags::WRITE | flags::DENYOOM | flags::MOVABLE_KEYS,
                acl: acl::SORTEDSET,
                keys: &[
                    KeySpec::at(1, keys::OW | keys::UPDATE),
                    KeySpec::counted(2, keys::RO | keys::ACCESS),
                ],
                ..CommandSpec::BASE
            },
            subcommands: &[],
        },
        DataCommand {
            run: unused,
            spec: CommandSpec {
                name: "substr",
                summary: "Get a substring of the string stored at a key",
                since: "1.0.0",
                complexity: "O(N)",
                group: CommandGroup::String,
                arity: Arity::Exactly(4),
                flags: flags::READONLY,
                acl: acl::STRING,
                keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
                deprecated: Some(("2.0.0", "`GETRANGE`")),
                args: &[Arg::key(), Arg::integer("start")],
                ..CommandSpec::BASE
            },
            subcommands: &[],
        },
    ];

    /// The reply in RESP, blanks for line ends.
    fn ask(resp3: bool, line: &str) -> String {
        let (session, rows) = SessionCommands::numbered(&[COMMANDS]);
        let registry = Registry::new(&[DATA], &rows);
        let owned: OwnedArgs = line.split(' ').collect();
        let args = owned.as_args();
        let reply = match registry.called(args).map(|entry| entry.command) {
            Some(Command::Session(number)) => reply_of(registry, session.get(number), args, resp3),
            _ => {
                let mut reply = Reply::new(resp3);
                reply.error(&registry.unknown(args));
                reply
            }
        };
        String::from_utf8(reply.bytes().to_vec()).unwrap().trim_end().replace("\r\n", " ")
    }

    #[test]
    fn info_is_what_redis_says_in_both_protocols() {
        let mset3 = "*1 *10 $4 mset :-3 ~2 +write +denyoom :1 :-1 :2 ~3 +@write +@string +@slow \
            ~2 $26 request_policy:multi_shard $29 response_policy:all_succeeded \
            ~1 %3 $5 flags ~2 +OW +update $12 begin_search %2 $4 type $5 index $4 spec %1 $5 index :1 \
            $9 find_keys %2 $4 type $5 range $4 spec %3 $7 lastkey :-1 $7 keystep :2 $5 limit :0 ~0";
        assert_eq!(ask(true, "COMMAND INFO MSet"), mset3);
        let mset2 = "*1 *10 $4 mset :-3 *2 +write +denyoom :1 :-1 :2 *3 +@write +@string +@slow \
            *2 $26 request_policy:multi_shard $29 response_policy:all_succeeded \
            *1 *6 $5 flags *2 +OW +update $12 begin_search *4 $4 type $5 index $4 spec *2 $5 index :1 \
            $9 find_keys *4 $4 type $5 range $4 spec *6 $7 lastkey :-1 $7 keystep :2 $5 limit :0 *0";
        assert_eq!(ask(false, "COMMAND INFO mset"), mset2);
        let zunionstore = "*1 *10 $11 zunionstore :-4 ~3 +write +denyoom +movablekeys :1 :1 :1 \
            ~3 +@write +@sortedset +@slow ~0 ~2 \
            %3 $5 flags ~2 +OW +update $12 begin_search %2 $4 type $5 index $4 spec %1 $5 index :1 \
            $9 find_keys %2 $4 type $5 range $4 spec %3 $7 lastkey :0 $7 keystep :1 $5 limit :0 \
            %3 $5 flags ~2 +RO +access $12 begin_search %2 $4 type $5 index $4 spec %1 $5 index :2 \
            $9 find_keys %2 $4 type $6 keynum $4 spec %3 $9 keynumidx :0 $8 firstkey :1 $7 keystep :1 ~0";
        assert_eq!(ask(true, "command info zunionstore"), zunionstore);
    }

    #[test]
    fn docs_leave_out_what_is_empty() {
        let substr = "%1 $6 substr %8 $7 summary $45 Get a substring of the string stored at a key \
            $5 since $5 1.0.0 $5 group $6 string $10 complexity $4 O(N) $9 doc_flags ~1 +deprecated \
            $16 deprecated_since $5 2.0.0 $11 replaced_by $10 `GETRANGE` \
            $9 arguments *2 %3 $4 name $3 key $4 type $3 key $14 key_spec_index :0 \
            %2 $4 name $5 start $4 type $7 integer";
        assert_eq!(ask(true, "COMMAND DOCS substr nosuch"), substr);
        let info = "*2 $12 command|info *12 $7 summary \
            $78 Get array of specific Redis command details, or all when no argument is given. \
            $5 since $6 2.8.13 $5 group $6 server $10 complexity \
            $49 O(N) where N is the number of commands to look up $7 history *1 *2 $5 7.0.0 \
            $66 Allowed to be called with no argument to get info on all commands. \
            $9 arguments *1 *6 $4 name $12 command-name $4 type $6 string $5 flags *2 +optional +multiple";
        assert_eq!(ask(false, "COMMAND DOCS Command|Info"), info);
    }

    #[test]
    fn unknown_names_are_nulls_in_info_and_absent_in_docs() {
        assert_eq!(
            ask(false, "COMMAND INFO nosuch command|nosuch mset|x command|info|x"),
            "*4 $-1 $-1 $-1 $-1"
        );
        assert_eq!(ask(true, "COMMAND INFO nosuch"), "*1 _");
        assert_eq!(ask(true, "COMMAND DOCS nosuch"), "%0");
        assert_eq!(ask(false, "COMMAND DOCS nosuch"), "*0");
    }

    #[test]
    fn list_is_narrowed_by_one_filter() {
        assert_eq!(ask(true, "COMMAND COUNT"), ":4");
        assert!(
            ask(true, "COMMAND LIST").starts_with("*11 $4 mset $11 zunionstore $6 substr $7 command $13 ")
        );
        assert_eq!(ask(true, "COMMAND LIST filterby AclCat STRING"), "*2 $4 mset $6 substr");
        assert_eq!(ask(true, "COMMAND LIST FILTERBY aclcat @string"), "*0");
        assert_eq!(ask(true, "COMMAND LIST FILTERBY pattern C*|INF?"), "*1 $12 command|info");
        assert_eq!(ask(true, "COMMAND LIST FILTERBY module json"), "*0");
        for line in ["x", "FILTERBY", "FILTERBY PATTERN", "FILTERBY x y", "FILTERBY PATTERN a b"] {
            assert_eq!(ask(true, &format!("COMMAND LIST {line}")), "-ERR syntax error", "{line}");
        }
    }

    #[test]
    fn keys_are_found_in_a_whole_command() {
        assert_eq!(ask(true, "COMMAND GETKEYS mset a 1 b 2"), "*2 $1 a $1 b");
        assert_eq!(ask(true, "COMMAND GETKEYS zunionstore d 2 a b WEIGHTS 1 2"), "*3 $1 d $1 a $1 b");
        assert_eq!(ask(true, "COMMAND GETKEYSANDFLAGS mset a 1"), "*1 *2 $1 a ~2 +OW +update");
        let error = |called| ask(true, &format!("COMMAND GETKEYS {called}"));
        assert_eq!(error("nosuch a"), "-ERR Invalid command specified");
        assert_eq!(error("command nosuch"), "-ERR Invalid command specified");
        assert_eq!(error("command count"), "-ERR The command has no key arguments");
        assert_eq!(error("mset a"), "-ERR Invalid number of arguments specified for command");
        assert_eq!(error("zunionstore d x a"), "-ERR Invalid arguments specified for command");
        assert_eq!(error("zunionstore d 3 a"), "-ERR Invalid arguments specified for command");
    }
}
