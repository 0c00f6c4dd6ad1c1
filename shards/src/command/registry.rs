//! The table of all commands: from a name to its row, its dense id and its plan.
//!
//! Built once at start from the rows and shared by all workers, so an id means the same command on every
//! core. Rows that contradict themselves stop the start. This file must not know any command by name.

use std::ops::Range;

use crate::args::Args;
use crate::command::name_table::NameTable;
use crate::command::{
    Arg, Arity, BeginSearch, CommandSpec, DataCommand, FindKeys, KeySpec, Plan, RequestPolicy,
};
use crate::command::{flags, keys};
use crate::error::CommandError;

/// The number of a session command: by it the connection's worker finds what the command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionNumber(pub u16);

/// A session command as the registry is told of it: what it is, and by which number its worker knows what it
/// does.
#[derive(Debug)]
pub struct SessionRow {
    /// What the command is.
    pub spec: &'static CommandSpec,
    /// Its number, and nobody else's.
    pub number: SessionNumber,
    /// Its subcommands.
    pub subcommands: Vec<SessionRow>,
    /// What shards do of it, by the argument behind its name, although COMMAND shows no subcommands of it:
    /// DEBUG OBJECT.
    pub unlisted: &'static [DataCommand],
}

/// Who carries a command out.
#[derive(Clone, Copy, Debug)]
pub enum Command {
    /// The shards that own its keys.
    Data(&'static DataCommand),
    /// The connection's worker: it works on the connection, the server or this table.
    Session(SessionNumber),
}

/// A row of either kind, while the registry is made.
#[derive(Clone, Copy)]
enum Row<'a> {
    Data(&'static DataCommand),
    Session(&'a SessionRow),
}

impl<'a> Row<'a> {
    fn spec(self) -> &'static CommandSpec {
        match self {
            Row::Data(command) => &command.spec,
            Row::Session(row) => row.spec,
        }
    }

    fn command(self) -> Command {
        match self {
            Row::Data(command) => Command::Data(command),
            Row::Session(row) => Command::Session(row.number),
        }
    }

    /// Its subcommands; they are of the same kind.
    fn subcommands(self) -> Vec<Row<'a>> {
        match self {
            Row::Data(command) => command.subcommands.iter().map(Row::Data).collect(),
            Row::Session(row) => row.subcommands.iter().map(Row::Session).collect(),
        }
    }

    fn unlisted(self) -> &'static [DataCommand] {
        match self {
            Row::Data(_) => &[],
            Row::Session(row) => row.unlisted,
        }
    }
}

/// A command's place in the registry: small, dense, the same on all workers. What hops carry instead of a
/// name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CommandId(pub u16);

/// All that is known of a command before it is called.
#[derive(Debug)]
pub struct CommandEntry {
    /// Its place in the registry.
    pub id: CommandId,
    /// Who carries it out.
    pub command: Command,
    /// What it is.
    spec: &'static CommandSpec,
    /// How it finds its shards. What a session command sends to other shards is its own business: it has only
    /// the plans of its keys.
    pub plan: Plan,
    /// `name`, or `container|name`.
    pub full_name: String,
    /// The ids of its subcommands.
    subcommands: Range<usize>,
    /// The ids of those that nobody is shown.
    unlisted: Range<usize>,
    /// The argument behind its name may call another entry.
    is_divided: bool,
}

impl CommandEntry {
    /// What the command is.
    #[inline]
    pub fn spec(&self) -> &'static CommandSpec {
        self.spec
    }

    /// True for a command with subcommands.
    #[inline]
    pub fn is_container(&self) -> bool {
        !self.subcommands.is_empty()
    }
}

/// All commands. One per process, immutable.
#[derive(Debug)]
pub struct Registry {
    /// The commands in the order of the rows, then all subcommands; `entries[id]`.
    entries: Vec<CommandEntry>,
    /// The commands that can be called, in the order of the rows, by the names that they are called by.
    callable: Vec<(String, CommandId)>,
    names: NameTable,
}

impl Registry {
    /// The registry of all rows, in their order.
    ///
    /// # Panics
    /// When a name is there twice or a row contradicts itself: see the checks below.
    pub fn new(data: &[&'static [DataCommand]], session: &[SessionRow]) -> Registry {
        let data = data.iter().copied().flatten().map(Row::Data);
        let rows: Vec<Row<'_>> = data.chain(session.iter().map(Row::Session)).collect();
        let mut entries = Vec::new();
        for row in &rows {
            push_entry(&mut entries, *row, None);
        }
        let command_count = entries.len();
        for (container, row) in rows.into_iter().enumerate() {
            let start = entries.len();
            for subcommand in row.subcommands() {
                assert!(
                    subcommand.subcommands().is_empty(),
                    "{}: a container in a container",
                    subcommand.spec().name
                );
                push_entry(&mut entries, subcommand, Some(container));
            }
            let added = &entries[start..];
            for (index, entry) in added.iter().enumerate() {
                let twice = added[..index].iter().any(|other| other.full_name == entry.full_name);
                assert!(!twice, "the command {} is there twice", entry.full_name);
            }
            entries[container].subcommands = start..entries.len();
            let unlisted = entries.len();
            for command in row.unlisted() {
                push_entry(&mut entries, Row::Data(command), Some(container));
                entries.last_mut().expect("it was just pushed").full_name = row.spec().name.to_owned();
            }
            entries[container].unlisted = unlisted..entries.len();
            entries[container].is_divided = start < entries.len();
        }
        let commands = entries[..command_count].iter();
        let callable: Vec<_> = commands.map(|entry| (entry.spec().name.to_owned(), entry.id)).collect();
        let names = NameTable::new(callable.iter().map(|(name, id)| (name.as_str(), id.0)));
        Registry { entries, callable, names }
    }

    /// From now on the command that is called `from` is called `to` and nothing else; with an empty `to` it
    /// cannot be called. What it is called in COMMAND's replies and in errors stays as it is, as in Redis.
    ///
    /// # Errors
    /// Redis's words for a name that no command has, and for one that another command has.
    pub fn rename(&mut self, from: &[u8], to: &[u8]) -> Result<(), &'static str> {
        let is_called = |(name, _): &(String, CommandId)| from.eq_ignore_ascii_case(name.as_bytes());
        let Some(at) = self.callable.iter().position(is_called) else {
            return Err("No such command in rename-command");
        };
        let Ok(to) = std::str::from_utf8(to) else {
            return Err("The new name of a command must be text in UTF-8");
        };
        let to = to.to_ascii_lowercase();
        if self.callable.iter().enumerate().any(|(other, (name, _))| other != at && *name == to) {
            return Err("Target command name already exists");
        }
        if to.is_empty() {
            self.callable.remove(at);
        } else {
            self.callable[at].0 = to;
        }
        self.names = NameTable::new(self.callable.iter().map(|(name, id)| (name.as_str(), id.0)));
        Ok(())
    }

    /// The command of this name, in any case; not for subcommands. Does not allocate.
    #[inline]
    pub fn lookup(&self, name: &[u8]) -> Option<CommandId> {
        self.names.position(name).map(CommandId)
    }

    /// The command with this id.
    ///
    /// # Panics
    /// When no such id was given out.
    #[inline]
    pub fn get(&self, id: CommandId) -> &CommandEntry {
        &self.entries[usize::from(id.0)]
    }

    /// All commands that can be called, in the order of the rows, without subcommands.
    pub fn commands(&self) -> impl ExactSizeIterator<Item = &CommandEntry> + Clone {
        self.callable.iter().map(|(_, id)| self.get(*id))
    }

    /// The subcommands of a container.
    pub fn subcommands(&self, container: &CommandEntry) -> &[CommandEntry] {
        &self.entries[container.subcommands.clone()]
    }

    /// The command of this full name (`get`, `client|id`), in any case.
    pub fn find(&self, full_name: &[u8]) -> Option<&CommandEntry> {
        match full_name.iter().position(|&byte| byte == b'|') {
            None => self.lookup(full_name).map(|id| self.get(id)),
            Some(bar) => {
                let container = self.get(self.lookup(&full_name[..bar])?);
                self.find_subcommand(container, &full_name[bar + 1..])
            }
        }
    }

    /// The command that `args` calls: a container's subcommand when there is an argument after its name. The
    /// number of arguments is not checked, but for subcommands that nobody is shown.
    #[inline]
    pub fn called(&self, args: Args<'_>) -> Option<&CommandEntry> {
        let entry = self.get(self.lookup(args.get(0))?);
        if entry.is_divided && args.len() > 1 {
            return self.called_part(entry, args);
        }
        Some(entry)
    }

    fn called_part<'a>(&'a self, entry: &'a CommandEntry, args: Args<'_>) -> Option<&'a CommandEntry> {
        if entry.is_container() {
            return self.find_subcommand(entry, args.get(1));
        }
        let is_called = |CommandSpec { name, arity, .. }: &CommandSpec| {
            name.as_bytes().eq_ignore_ascii_case(args.get(1)) && arity.accepts(args.len())
        };
        let mut parts = self.entries[entry.unlisted.clone()].iter();
        Some(parts.find(|part| is_called(part.spec)).unwrap_or(entry))
    }

    /// What the client is told when [`Registry::called`] finds nothing (Redis: commandCheckExistence).
    pub fn unknown(&self, args: Args<'_>) -> CommandError {
        let name = quotable(args.get(0), UNKNOWN_QUOTE_BYTES_MAX);
        if args.len() > 1 && self.lookup(args.get(0)).is_some() {
            let subcommand = quotable(args.get(1), UNKNOWN_QUOTE_BYTES_MAX);
            let container = name.to_ascii_uppercase();
            let text: [&[u8]; 5] =
                [b"ERR unknown subcommand '", subcommand, b"'. Try ", &container, b" HELP."];
            return CommandError::Quoting(text.concat());
        }
        let mut text = [b"ERR unknown command '", name, b"', with args beginning with: "].concat();
        let mut room = UNKNOWN_QUOTE_BYTES_MAX;
        for arg in args.iter_from(1) {
            let quoted = [b"'", quotable(arg, room), b"' "].concat();
            text.extend_from_slice(&quoted);
            if quoted.len() >= room {
                break;
            }
            room -= quoted.len();
        }
        CommandError::Quoting(text)
    }

    fn find_subcommand(&self, container: &CommandEntry, name: &[u8]) -> Option<&CommandEntry> {
        self.subcommands(container)
            .iter()
            .find(|entry| entry.spec().name.as_bytes().eq_ignore_ascii_case(name))
    }
}

/// How many bytes of a name, and of all arguments together, an error about an unknown command repeats.
const UNKNOWN_QUOTE_BYTES_MAX: usize = 128;

/// At most `len_max` bytes of an argument, up to its first NUL, as C prints it.
fn quotable(arg: &[u8], len_max: usize) -> &[u8] {
    let arg = &arg[..arg.len().min(len_max)];
    let end = arg.iter().position(|&byte| byte == 0).unwrap_or(arg.len());
    &arg[..end]
}

fn push_entry(entries: &mut Vec<CommandEntry>, row: Row<'_>, container: Option<usize>) {
    let spec = row.spec();
    let full_name = match container {
        None => spec.name.to_owned(),
        Some(container) => format!("{}|{}", entries[container].full_name, spec.name),
    };
    let command = row.command();
    if let Err(contradiction) = check_row(command, spec, container.is_some()) {
        panic!("the row of the command {full_name}: {contradiction}");
    }
    let id = CommandId(u16::try_from(entries.len()).expect("there are a few hundred commands"));
    entries.push(CommandEntry {
        id,
        command,
        spec,
        plan: plan(command, spec),
        full_name,
        subcommands: 0..0,
        unlisted: 0..0,
        is_divided: false,
    });
}

fn plan(command: Command, spec: &CommandSpec) -> Plan {
    match (command, spec.plan()) {
        // It decides itself what it asks of whom.
        (Command::Session(_), Plan::Split | Plan::AllShards) if spec.has_keys() => Plan::Gather,
        (Command::Session(_), Plan::AllShards) => Plan::NoKeys,
        (_, plan) => plan,
    }
}

/// What is wrong with a row, if anything.
fn check_row(command: Command, spec: &CommandSpec, is_subcommand: bool) -> Result<(), String> {
    let name_is_plain = spec.name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
    if spec.name.is_empty() || !name_is_plain {
        return Err("a name is in lower case, without blanks".into());
    }
    if spec.summary.is_empty() || spec.since.is_empty() {
        return Err("summary and since are for every command".into());
    }
    let (Arity::Exactly(argc_min) | Arity::AtLeast(argc_min)) = spec.arity;
    if argc_min < 1 + u16::from(is_subcommand) {
        return Err("the arity counts the name, and a container's name".into());
    }
    check_keys(spec, i32::from(argc_min))?;
    if matches!(command, Command::Data(_)) && spec.has_keys() {
        let access = [flags::WRITE, flags::READONLY].into_iter().filter(|&flag| spec.has(flag)).count();
        if access != 1 {
            return Err("a data command with keys is either WRITE or READONLY".into());
        }
    }
    match spec.request_policy {
        Some(RequestPolicy::MultiShard) if !spec.has_keys() => Err("there are no keys to split".into()),
        Some(RequestPolicy::MultiShard) if !matches!(spec.keys[0].begin, BeginSearch::Index(1)) => {
            Err("the keys of a command that can be split begin behind its name".into())
        }
        Some(RequestPolicy::AllShards | RequestPolicy::AllNodes) if spec.has_keys() => {
            Err("a command for all shards has no keys of its own".into())
        }
        _ => Ok(()),
    }
}

/// `argc_min` is the least number of arguments: keys at fixed places must be among them.
fn check_keys(spec: &CommandSpec, argc_min: i32) -> Result<(), String> {
    for key in spec.keys {
        let access = key.flags & (keys::RW | keys::RO | keys::OW | keys::RM);
        if access.count_ones() != 1 && key.flags & keys::NOT_KEY == 0 {
            return Err("a key spec is one of RW, RO, OW, RM".into());
        }
        let (first, last) = match (key.begin, key.find) {
            // An open range may be empty: a destination without sources.
            (BeginSearch::Index(first), FindKeys::Range { last: ..0, .. }) => (first, first - 1),
            (BeginSearch::Index(first), FindKeys::Range { last, .. }) => (first, first + last),
            (BeginSearch::Index(first), FindKeys::KeyNum { keynum, .. }) => (first, first + keynum),
            _ => continue,
        };
        if first < 1 || last >= argc_min {
            return Err("a key is outside of the arguments that the arity asks for".into());
        }
    }
    let movable = spec.keys.iter().any(|key| !is_fixed_range(key));
    if movable != spec.has(flags::MOVABLE_KEYS) {
        return Err("MOVABLE_KEYS is for key specs other than ranges at fixed places".into());
    }
    check_args(spec.args, spec.keys.len())
}

fn is_fixed_range(key: &KeySpec) -> bool {
    matches!((key.begin, key.find), (BeginSearch::Index(_), FindKeys::Range { .. }))
        && key.flags & keys::INCOMPLETE == 0
}

fn check_args(args: &[Arg], key_spec_count: usize) -> Result<(), String> {
    for arg in args {
        if arg.key_spec_index.is_some_and(|index| usize::from(index) >= key_spec_count) {
            return Err(format!("the argument {} names a key spec that is not there", arg.name));
        }
        check_args(arg.args, key_spec_count)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::args::OwnedArgs;
    use crate::ctx::Ctx;

    use super::*;

    fn run(_ctx: &mut Ctx<'_>, _args: Args<'_>) -> Result<(), CommandError> {
        Ok(())
    }

    const READ: CommandSpec = CommandSpec {
        name: "read",
        summary: "Reads",
        since: "1.0.0",
        arity: Arity::Exactly(2),
        flags: flags::READONLY,
        keys: &[KeySpec::at(1, keys::RO)],
        ..CommandSpec::BASE
    };

    static SESSION: CommandSpec =
        CommandSpec { name: "session", summary: "Talks", since: "1.0.0", ..CommandSpec::BASE };

    static SESSION_ID: CommandSpec = CommandSpec {
        name: "id",
        summary: "Talks",
        since: "1.0.0",
        arity: Arity::Exactly(2),
        ..CommandSpec::BASE
    };

    fn row(spec: &'static CommandSpec, number: u16) -> SessionRow {
        SessionRow { spec, number: SessionNumber(number), subcommands: Vec::new(), unlisted: &[] }
    }

    /// A registry of one data command and one session command with a subcommand. The row is leaked, as rows
    /// live as long as the process.
    fn registry(spec: CommandSpec) -> Registry {
        let session = SessionRow { subcommands: vec![row(&SESSION_ID, 8)], ..row(&SESSION, 7) };
        Registry::new(&[Box::leak(Box::new([DataCommand::new(run, spec)]))], &[session])
    }

    fn called(line: &str) -> Result<String, String> {
        let registry = registry(READ);
        let args: OwnedArgs = line.split(' ').collect();
        let found = registry.called(args.as_args()).map(|entry| entry.full_name.clone());
        found.ok_or_else(|| registry.unknown(args.as_args()).text().into_owned())
    }

    fn plan_of(spec: CommandSpec) -> Plan {
        registry(spec).get(CommandId(0)).plan
    }

    #[test]
    fn a_subcommand_that_nobody_is_shown_is_called_with_the_right_number_of_arguments() {
        static PARTS: [DataCommand; 1] = [DataCommand::new(run, CommandSpec { name: "look", ..READ })];
        let registry = Registry::new(&[], &[SessionRow { unlisted: &PARTS, ..row(&SESSION, 7) }]);
        for (line, id) in [("session", 0), ("session LOOK", 1), ("session look x", 0), ("session x", 0)] {
            let args: OwnedArgs = line.split(' ').collect();
            let entry = registry.called(args.as_args()).unwrap();
            assert_eq!((entry.id, &*entry.full_name), (CommandId(id), "session"), "{line}");
            assert!(!entry.is_container() && registry.find(b"session|look").is_none());
        }
    }

    #[test]
    fn a_call_finds_its_command_or_subcommand_in_any_case() {
        assert_eq!(called("READ"), Ok("read".into()));
        assert_eq!(called("Session"), Ok("session".into()));
        assert_eq!(called("SESSION iD"), Ok("session|id".into()));
        let registry = registry(READ);
        assert_eq!(registry.find(b"Session|ID").unwrap().id, CommandId(2));
        for unknown in [&b"session|"[..], b"session|id|x", b"read|id", b"|", b""] {
            assert!(registry.find(unknown).is_none(), "{}", unknown.escape_ascii());
        }
    }

    #[test]
    fn a_session_command_stands_as_its_number() {
        let registry = registry(READ);
        let number = |name: &str| match registry.find(name.as_bytes()).unwrap().command {
            Command::Session(number) => Some(number.0),
            Command::Data(_) => None,
        };
        assert_eq!([number("session"), number("session|id"), number("read")], [Some(7), Some(8), None]);
    }

    #[test]
    fn a_data_command_can_have_subcommands() {
        static OBJECT: &[DataCommand] = &[DataCommand {
            run,
            spec: CommandSpec { name: "object", arity: Arity::AtLeast(2), keys: &[], ..READ },
            subcommands: &[DataCommand {
                run,
                spec: CommandSpec {
                    name: "freq",
                    arity: Arity::Exactly(3),
                    keys: &[KeySpec::at(2, keys::RO)],
                    ..READ
                },
                subcommands: &[],
            }],
        }];
        let registry = Registry::new(&[OBJECT], &[]);
        let called = |line: &str| {
            let args: OwnedArgs = line.split(' ').collect();
            registry.called(args.as_args()).map(|entry| (entry.full_name.as_str(), entry.plan))
        };
        assert_eq!(called("OBJECT Freq a"), Some(("object|freq", Plan::SingleKey(2))));
        assert_eq!(called("object"), Some(("object", Plan::NoKeys)));
        assert_eq!(called("object nosuch"), None);
    }

    #[test]
    fn a_renamed_command_is_called_by_its_new_name_only() {
        let mut registry = registry(READ);
        let id = |registry: &Registry, name: &str| registry.lookup(name.as_bytes()).map(|id| id.0);
        assert_eq!(registry.rename(b"nosuch", b"x"), Err("No such command in rename-command"));
        assert_eq!(registry.rename(b"session|id", b"x"), Err("No such command in rename-command"));
        assert_eq!(registry.rename(b"READ", b"SESSION"), Err("Target command name already exists"));
        assert_eq!(registry.rename(b"READ", b"\xff"), Err("The new name of a command must be text in UTF-8"));
        assert_eq!(registry.rename(b"READ", b"Fetch It"), Ok(()));
        assert_eq!(registry.rename(b"fetch it", b"again"), Ok(()));
        assert_eq!(
            (id(&registry, "read"), id(&registry, "fetch it"), id(&registry, "AGAIN")),
            (None, None, Some(0))
        );
        assert_eq!(registry.commands().next().unwrap().full_name, "read");
        assert_eq!(registry.rename(b"session", b"read"), Ok(()));
        assert_eq!(registry.find(b"read|id").unwrap().full_name, "session|id");
        assert_eq!(registry.rename(b"read", b""), Ok(()));
        assert_eq!((id(&registry, "read"), registry.commands().len()), (None, 1));
    }

    #[test]
    fn an_unknown_call_is_told_as_redis_tells_it() {
        let unknown = |line: &str| called(line).unwrap_err();
        assert_eq!(unknown("FOO"), "ERR unknown command 'FOO', with args beginning with: ");
        assert_eq!(unknown("foo a b"), "ERR unknown command 'foo', with args beginning with: 'a' 'b' ");
        assert_eq!(unknown("Session Foo x"), "ERR unknown subcommand 'Foo'. Try SESSION HELP.");
        let long = "x".repeat(200);
        let cut = "x".repeat(128);
        assert_eq!(
            unknown(&format!("{long} {long} b")),
            format!("ERR unknown command '{cut}', with args beginning with: '{cut}' ")
        );
    }

    #[test]
    fn plans_follow_from_keys_and_policies() {
        assert_eq!(plan_of(READ), Plan::SingleKey(1));
        const TWO: &[KeySpec] = &[KeySpec::at(1, keys::RO), KeySpec::at(2, keys::RO)];
        const MANY: &[KeySpec] = &[KeySpec::range(1, -1, 1, keys::RO)];
        assert_eq!(plan_of(CommandSpec { keys: TWO, arity: Arity::Exactly(3), ..READ }), Plan::Gather);
        let split = Some(RequestPolicy::MultiShard);
        assert_eq!(plan_of(CommandSpec { keys: MANY, request_policy: split, ..READ }), Plan::Split);
        let everywhere = Some(RequestPolicy::AllShards);
        assert_eq!(plan_of(CommandSpec { keys: &[], request_policy: everywhere, ..READ }), Plan::AllShards);
        assert_eq!(plan_of(CommandSpec { keys: &[], ..READ }), Plan::NoKeys);
    }

    #[test]
    fn rows_that_contradict_themselves_are_refused() {
        const NAME_AS_KEY: &[KeySpec] = &[KeySpec::at(0, keys::RO)];
        const NEITHER_READ_NOR_WRITTEN: &[KeySpec] = &[KeySpec::at(1, keys::ACCESS)];
        const UNKNOWN_SPEC: &[Arg] = &[Arg::key().of_key_spec(1)];
        let check = |spec: CommandSpec| {
            let row = Box::leak(Box::new(DataCommand::new(run, spec)));
            check_row(Command::Data(row), &row.spec, false)
        };
        assert_eq!(check(READ), Ok(()));
        let wrong = [
            CommandSpec { name: "Read", ..READ },
            CommandSpec { name: "", ..READ },
            CommandSpec { summary: "", ..READ },
            CommandSpec { flags: 0, ..READ },
            CommandSpec { flags: flags::READONLY | flags::WRITE, ..READ },
            CommandSpec { flags: flags::READONLY | flags::MOVABLE_KEYS, ..READ },
            CommandSpec { arity: Arity::AtLeast(1), ..READ },
            CommandSpec { keys: NAME_AS_KEY, ..READ },
            CommandSpec { keys: NEITHER_READ_NOR_WRITTEN, ..READ },
            CommandSpec { keys: &[], request_policy: Some(RequestPolicy::MultiShard), ..READ },
            CommandSpec { request_policy: Some(RequestPolicy::AllShards), ..READ },
            CommandSpec { args: UNKNOWN_SPEC, ..READ },
        ];
        for (index, spec) in wrong.into_iter().enumerate() {
            assert!(check(spec).is_err(), "row {index}");
        }
    }

    #[test]
    #[should_panic(expected = "the command session is there twice")]
    fn two_rows_of_one_name_are_refused() {
        registry(CommandSpec { name: "session", ..READ });
    }
}
