//! What a command's row holds. See [`super`] for what derives from it.

use super::flags::{self, acl};
use super::keys::{self, BeginSearch, FindKeys, KeyPosition, KeySpec};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::error::CommandError;
use crate::reply::Reply;

/// The body of a data command. It runs to its end on one shard; on `Err` nothing has been changed and the
/// caller writes the error, dropping whatever the body had put into the reply.
pub type Handler = fn(&mut Ctx<'_>, Args<'_>) -> Result<(), CommandError>;

/// Appends the keys of a concrete command, or none when the arguments make no sense.
pub type KeyFinder = fn(Args<'_>, &mut Vec<KeyPosition>);

/// A command as COMMAND INFO and COMMAND DOCS describe it, and as routing sees it.
#[derive(Debug)]
pub struct CommandSpec {
    /// Lower case. A subcommand bears its own name only: the full name is `container|name`.
    pub name: &'static str,
    /// One sentence (COMMAND DOCS).
    pub summary: &'static str,
    /// The Redis version that brought it.
    pub since: &'static str,
    /// Time complexity, for people.
    pub complexity: &'static str,
    /// The group that it is documented in.
    pub group: CommandGroup,
    /// How many arguments it takes, its name (and its container's) included.
    pub arity: Arity,
    /// Bits of [`super::flags`].
    pub flags: u64,
    /// ACL categories besides those that follow from the flags.
    pub acl: u64,
    /// Its keys.
    pub keys: &'static [KeySpec],
    /// Finds the keys of a concrete command where `keys` cannot say it all: their places depend on options
    /// (SORT), or what is done with them does (SET reads only with GET).
    pub find_keys: Option<KeyFinder>,
    /// How the command is spread over shards.
    pub request_policy: Option<RequestPolicy>,
    /// How the shards' replies become one.
    pub response_policy: Option<ResponsePolicy>,
    /// What it does to one key depends on another (MSETNX), so inside a node its keys are brought together
    /// even though its `request_policy`, which speaks to cluster clients, would split it.
    pub keys_depend: bool,
    /// Every shard runs it, although its `request_policy` does not tell cluster clients so: SWAPDB.
    pub on_all_shards: bool,
    /// Of a command that every shard runs: workers without slots have a part in it too, since they may be
    /// lent all slots afterwards.
    pub on_all_workers: bool,
    /// How a command for all shards is carried out when no policy can make its reply of theirs.
    pub combined: Option<Combined>,
    /// Whether, with these arguments, it may read keys that are not among them (SORT with BY): then it runs
    /// where all slots of the node are at hand.
    pub reads_any_key: Option<fn(Args<'_>) -> bool>,
    /// It walks over the slots from a cursor on and goes from shard to shard: [`crate::walk`].
    pub walks: bool,
    /// Of a command that blocks: the option without which it does not, such as BLOCK of XREAD.
    pub block_option: Option<&'static str>,
    /// What CLIENT CACHING has said still holds when the command is over: the subcommands of CLIENT.
    pub keeps_caching: bool,
    /// Other command tips, such as `nondeterministic_output`.
    pub tips: &'static [&'static str],
    /// Documentation flags besides `deprecated`, such as `syscmd`.
    pub doc_flags: &'static [&'static str],
    /// Since when it is deprecated, and what to use instead.
    pub deprecated: Option<(&'static str, &'static str)>,
    /// Versions and what they changed.
    pub history: &'static [(&'static str, &'static str)],
    /// Its arguments as documented.
    pub args: &'static [Arg],
}

impl CommandSpec {
    /// What rows leave out: `..CommandSpec::BASE`.
    pub const BASE: CommandSpec = CommandSpec {
        name: "",
        summary: "",
        since: "",
        complexity: "",
        group: CommandGroup::Generic,
        arity: Arity::Exactly(1),
        flags: 0,
        acl: 0,
        keys: &[],
        find_keys: None,
        request_policy: None,
        response_policy: None,
        keys_depend: false,
        on_all_shards: false,
        on_all_workers: false,
        combined: None,
        reads_any_key: None,
        walks: false,
        block_option: None,
        keeps_caching: false,
        tips: &[],
        doc_flags: &[],
        deprecated: None,
        history: &[],
        args: &[],
    };

    /// True when any of the flags in `mask` is set.
    #[inline]
    pub const fn has(&self, mask: u64) -> bool {
        self.flags & mask != 0
    }

    /// All ACL categories, those that follow from the flags included.
    pub const fn acl_categories(&self) -> u64 {
        self.acl | acl::implied(self.flags, self.acl)
    }

    /// The index of the key when the command has exactly one, at a fixed place: the fast path of routing.
    pub const fn single_key(&self) -> Option<usize> {
        match self.keys {
            [KeySpec { begin: BeginSearch::Index(index), find: FindKeys::Range { last: 0, .. }, .. }] => {
                Some(*index as usize)
            }
            _ => None,
        }
    }

    /// How a data command with this row finds its shards.
    pub const fn plan(&self) -> Plan {
        match (self.request_policy, self.single_key()) {
            _ if self.walks => Plan::Walk,
            _ if self.on_all_shards => Plan::AllShards,
            (Some(RequestPolicy::MultiShard), _) if !self.keys_depend => Plan::Split,
            (Some(RequestPolicy::AllShards | RequestPolicy::AllNodes), _) => Plan::AllShards,
            (_, Some(index)) => Plan::SingleKey(index),
            (_, None) if self.has_keys() => Plan::Gather,
            (_, None) => Plan::NoKeys,
        }
    }

    /// True for a command that may wait for its keys. One that has a key of the option's name merely takes
    /// the longer way.
    pub fn may_block(&self, args: Args<'_>) -> bool {
        let is_given =
            |option: &str| args.iter_from(1).any(|arg| arg.eq_ignore_ascii_case(option.as_bytes()));
        self.has(flags::BLOCKING) && self.block_option.is_none_or(is_given)
    }

    /// True for a command that, with these arguments, may look at any key: inside EXEC it needs all slots at
    /// hand.
    pub fn is_for_all_shards(&self, args: Args<'_>) -> bool {
        matches!(self.plan(), Plan::AllShards | Plan::Walk)
            || self.reads_any_key.is_some_and(|reads_any_key| reads_any_key(args))
    }

    /// Appends the keys of a concrete command, spec by spec. When one spec does not fit the arguments there
    /// are no keys at all: the handler will report a syntax error (Redis: getKeysFromCommandWithSpecs).
    pub fn key_positions(&self, args: Args<'_>, found: &mut Vec<KeyPosition>) {
        if let Some(find_keys) = self.find_keys {
            return find_keys(args, found);
        }
        let before = found.len();
        for spec in self.keys {
            if spec.flags & keys::NOT_KEY == 0 && !spec.positions(args, found) {
                found.truncate(before);
                return;
            }
        }
    }

    /// True when some of its arguments are keys; channels of sharded pub/sub are none.
    pub const fn has_keys(&self) -> bool {
        let mut index = 0;
        while index < self.keys.len() {
            if self.keys[index].flags & keys::NOT_KEY == 0 {
                return true;
            }
            index += 1;
        }
        self.find_keys.is_some()
    }

    /// First key, last key and step as they were before key specs: `(0, 0, 0)` when there are no keys at
    /// fixed places; a negative last key counts from the end (Redis: populateCommandLegacyRangeSpec).
    pub fn legacy_range(&self) -> (i32, i32, i32) {
        let fixed = |spec: &KeySpec| match (spec.begin, spec.find) {
            (BeginSearch::Index(first), FindKeys::Range { last, step, .. }) => {
                Some((first, if last >= 0 { first + last } else { last }, step))
            }
            _ => None,
        };
        if let [only] = self.keys {
            return fixed(only).unwrap_or((0, 0, 0));
        }
        let mut whole: Option<(i32, i32)> = None;
        for (first, last, step) in self.keys.iter().filter_map(fixed) {
            whole = match whole {
                None if step == 1 => Some((first, last)),
                Some((start, end)) if step == 1 && end == first - 1 => Some((start, last)),
                unchanged => unchanged,
            };
        }
        whole.map_or((0, 0, 0), |(first, last)| (first, last, 1))
    }
}

/// How a command finds its shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// It has no keys: any shard will do.
    NoKeys,
    /// Exactly one key, at this argument.
    SingleKey(usize),
    /// Every shard gets the keys that it owns, with what belongs to them (`request_policy:multi_shard`).
    Split,
    /// Every shard runs it (`request_policy:all_shards` or `all_nodes`).
    AllShards,
    /// Several keys that have to be seen together, or keys whose places depend on the arguments.
    Gather,
    /// One shard after the other, from the slot in its cursor on.
    Walk,
}

impl Plan {
    /// The argument that is the only key of a call with so many arguments, if it has one key and no more: DEL
    /// with one key goes the way of GET. The keys of a command that can be split begin behind its name.
    #[inline]
    pub fn only_key(self, argc: usize) -> Option<usize> {
        match self {
            Plan::SingleKey(index) => Some(index),
            Plan::Split if argc == 2 => Some(1),
            _ => None,
        }
    }
}

/// A command for all shards whose shards do something else than the command as a whole, so that their replies
/// can be put together: RANDOMKEY.
#[derive(Clone, Copy, Debug)]
pub struct Combined {
    /// What each shard runs. Alone, as in EXEC, the command is what its row runs.
    pub part: Handler,
    /// Writes the reply from those of the parts, none of which is an error. With 64 random bits.
    pub merge: fn(&[Reply], u64, &mut Reply),
}

/// How many arguments a command takes, its name included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// This many.
    Exactly(u16),
    /// This many or more.
    AtLeast(u16),
}

impl Arity {
    /// True when `argc` arguments are right.
    #[inline]
    pub const fn accepts(self, argc: usize) -> bool {
        match self {
            Arity::Exactly(count) => argc == count as usize,
            Arity::AtLeast(count) => argc >= count as usize,
        }
    }

    /// Redis's number: negative for "at least".
    pub const fn redis_number(self) -> i64 {
        match self {
            Arity::Exactly(count) => count as i64,
            Arity::AtLeast(count) => -(count as i64),
        }
    }
}

/// How a command that concerns several shards is spread over them: Redis's command tip `request_policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestPolicy {
    /// To every node: has to reach all of them (Redis: `all_nodes`).
    AllNodes,
    /// To every shard.
    AllShards,
    /// Split by key; every shard gets the keys it owns.
    MultiShard,
    /// By a rule of its own.
    Special,
}

/// How the replies of several shards become one: Redis's command tip `response_policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponsePolicy {
    /// The first success.
    OneSucceeded,
    /// OK when all are.
    AllSucceeded,
    /// Logical and of integers.
    AggLogicalAnd,
    /// Logical or of integers.
    AggLogicalOr,
    /// The smallest integer.
    AggMin,
    /// The largest integer.
    AggMax,
    /// The sum of integers.
    AggSum,
    /// By a rule of its own.
    Special,
}

impl RequestPolicy {
    /// The tip's word.
    pub const fn name(self) -> &'static str {
        match self {
            RequestPolicy::AllNodes => "all_nodes",
            RequestPolicy::AllShards => "all_shards",
            RequestPolicy::MultiShard => "multi_shard",
            RequestPolicy::Special => "special",
        }
    }
}

impl ResponsePolicy {
    /// The tip's word.
    pub const fn name(self) -> &'static str {
        match self {
            ResponsePolicy::OneSucceeded => "one_succeeded",
            ResponsePolicy::AllSucceeded => "all_succeeded",
            ResponsePolicy::AggLogicalAnd => "agg_logical_and",
            ResponsePolicy::AggLogicalOr => "agg_logical_or",
            ResponsePolicy::AggMin => "agg_min",
            ResponsePolicy::AggMax => "agg_max",
            ResponsePolicy::AggSum => "agg_sum",
            ResponsePolicy::Special => "special",
        }
    }
}

/// The group under which a command is documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandGroup {
    /// Any type.
    Generic,
    /// Strings.
    String,
    /// Lists.
    List,
    /// Sets.
    Set,
    /// Sorted sets.
    SortedSet,
    /// Hashes.
    Hash,
    /// Pub/sub.
    Pubsub,
    /// MULTI and its kin.
    Transactions,
    /// Connections.
    Connection,
    /// The server.
    Server,
    /// Scripts.
    Scripting,
    /// HyperLogLog.
    Hyperloglog,
    /// Cluster.
    Cluster,
    /// Sentinel.
    Sentinel,
    /// Geo.
    Geo,
    /// Streams.
    Stream,
    /// Bitmaps.
    Bitmap,
}

impl CommandGroup {
    /// The name that COMMAND DOCS gives it.
    pub const fn name(self) -> &'static str {
        match self {
            CommandGroup::Generic => "generic",
            CommandGroup::String => "string",
            CommandGroup::List => "list",
            CommandGroup::Set => "set",
            CommandGroup::SortedSet => "sorted-set",
            CommandGroup::Hash => "hash",
            CommandGroup::Pubsub => "pubsub",
            CommandGroup::Transactions => "transactions",
            CommandGroup::Connection => "connection",
            CommandGroup::Server => "server",
            CommandGroup::Scripting => "scripting",
            CommandGroup::Hyperloglog => "hyperloglog",
            CommandGroup::Cluster => "cluster",
            CommandGroup::Sentinel => "sentinel",
            CommandGroup::Geo => "geo",
            CommandGroup::Stream => "stream",
            CommandGroup::Bitmap => "bitmap",
        }
    }
}

/// A documented argument (COMMAND DOCS `arguments`), as a row says it:
/// `Arg::integer("seconds").after("EX").optional()`.
#[derive(Clone, Copy, Debug)]
pub struct Arg {
    /// Its name.
    pub name: &'static str,
    /// What kind of thing it is.
    pub kind: ArgKind,
    /// For keys: which of the command's key specs it belongs to.
    pub key_spec_index: Option<u8>,
    /// The word that must come before it; empty when there is none.
    pub token: &'static str,
    /// Since which version; empty when as old as the command.
    pub since: &'static str,
    /// Since which version it is deprecated; empty when it is not.
    pub deprecated_since: &'static str,
    /// May be left out.
    pub optional: bool,
    /// May be repeated.
    pub multiple: bool,
    /// The token is repeated with it.
    pub multiple_token: bool,
    /// The alternatives of a `OneOf`, the members of a `Block`.
    pub args: &'static [Arg],
}

impl Arg {
    /// What no other part of a row says of an argument is empty or false.
    const fn new(name: &'static str, kind: ArgKind) -> Arg {
        Arg {
            name,
            kind,
            key_spec_index: None,
            token: "",
            since: "",
            deprecated_since: "",
            optional: false,
            multiple: false,
            multiple_token: false,
            args: &[],
        }
    }

    /// A key that is called `key`, of the command's first key spec.
    pub const fn key() -> Arg {
        Arg::key_named("key")
    }

    /// A key of the command's first key spec.
    pub const fn key_named(name: &'static str) -> Arg {
        Arg::new(name, ArgKind::Key).of_key_spec(0)
    }

    /// Any string.
    pub const fn string(name: &'static str) -> Arg {
        Arg::new(name, ArgKind::String)
    }

    /// An integer.
    pub const fn integer(name: &'static str) -> Arg {
        Arg::new(name, ArgKind::Integer)
    }

    /// A double.
    pub const fn double(name: &'static str) -> Arg {
        Arg::new(name, ArgKind::Double)
    }

    /// A pattern.
    pub const fn pattern(name: &'static str) -> Arg {
        Arg::new(name, ArgKind::Pattern)
    }

    /// Seconds or milliseconds since 1970.
    pub const fn unix_time(name: &'static str) -> Arg {
        Arg::new(name, ArgKind::UnixTime)
    }

    /// Nothing but this word.
    pub const fn word(name: &'static str, word: &'static str) -> Arg {
        Arg::new(name, ArgKind::PureToken).after(word)
    }

    /// One of these.
    pub const fn one_of(name: &'static str, args: &'static [Arg]) -> Arg {
        Arg { args, ..Arg::new(name, ArgKind::OneOf) }
    }

    /// These, one behind the other.
    pub const fn block(name: &'static str, args: &'static [Arg]) -> Arg {
        Arg { args, ..Arg::new(name, ArgKind::Block) }
    }

    /// It belongs to this one of the command's key specs.
    pub const fn of_key_spec(self, index: u8) -> Arg {
        Arg { key_spec_index: Some(index), ..self }
    }

    /// This word comes before it.
    pub const fn after(self, token: &'static str) -> Arg {
        Arg { token, ..self }
    }

    /// It is younger than the command.
    pub const fn since(self, version: &'static str) -> Arg {
        Arg { since: version, ..self }
    }

    /// It is there for old clients only.
    pub const fn deprecated_since(self, version: &'static str) -> Arg {
        Arg { deprecated_since: version, ..self }
    }

    /// It may be left out.
    pub const fn optional(self) -> Arg {
        Arg { optional: true, ..self }
    }

    /// It may be repeated.
    pub const fn multiple(self) -> Arg {
        Arg { multiple: true, ..self }
    }

    /// It may be repeated, each time with the word before it.
    pub const fn multiple_with_token(self) -> Arg {
        Arg { multiple: true, multiple_token: true, ..self }
    }
}

/// The kinds of documented arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgKind {
    /// Any string.
    String,
    /// An integer.
    Integer,
    /// A double.
    Double,
    /// The name of a key.
    Key,
    /// A pattern.
    Pattern,
    /// Seconds or milliseconds since 1970.
    UnixTime,
    /// Only its token.
    PureToken,
    /// One of several.
    OneOf,
    /// Several together.
    Block,
}

impl ArgKind {
    /// The name that COMMAND DOCS gives it.
    pub const fn name(self) -> &'static str {
        match self {
            ArgKind::String => "string",
            ArgKind::Integer => "integer",
            ArgKind::Double => "double",
            ArgKind::Key => "key",
            ArgKind::Pattern => "pattern",
            ArgKind::UnixTime => "unix-time",
            ArgKind::PureToken => "pure-token",
            ArgKind::OneOf => "oneof",
            ArgKind::Block => "block",
        }
    }
}
