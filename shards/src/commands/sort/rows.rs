//! The rows of SORT and SORT_RO.

use super::options;
use crate::command::flags::{self, acl};
use crate::command::keys::{BeginSearch, FindKeys};
use crate::command::{Arg, ArgKind, Arity, CommandSpec, DataCommand, KeySpec, keys};

const KEY: Arg = Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE };
const BY: Arg = Arg {
    name: "pattern",
    kind: ArgKind::Pattern,
    key_spec_index: Some(1),
    token: "BY",
    optional: true,
    ..Arg::BASE
};
const LIMIT: Arg = Arg {
    name: "offset_count",
    kind: ArgKind::Block,
    token: "LIMIT",
    optional: true,
    args: &[
        Arg { name: "offset", kind: ArgKind::Integer, ..Arg::BASE },
        Arg { name: "count", kind: ArgKind::Integer, ..Arg::BASE },
    ],
    ..Arg::BASE
};
const GET: Arg = Arg {
    name: "pattern",
    kind: ArgKind::Pattern,
    key_spec_index: Some(1),
    token: "GET",
    optional: true,
    multiple: true,
    multiple_token: true,
    ..Arg::BASE
};
const ORDER: Arg = Arg {
    name: "order",
    kind: ArgKind::OneOf,
    optional: true,
    args: &[
        Arg { name: "asc", kind: ArgKind::PureToken, token: "ASC", ..Arg::BASE },
        Arg { name: "desc", kind: ArgKind::PureToken, token: "DESC", ..Arg::BASE },
    ],
    ..Arg::BASE
};
const ALPHA: Arg =
    Arg { name: "sorting", kind: ArgKind::PureToken, token: "ALPHA", optional: true, ..Arg::BASE };

/// The rows of this family.
pub(crate) static COMMANDS: &[DataCommand] = &[
    DataCommand {
        run: super::sort,
        spec: CommandSpec {
            name: "sort",
            summary: "Sort the elements in a list, set or sorted set",
            since: "1.0.0",
            complexity: "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M \
                the number of returned elements. When the elements are not sorted, complexity is O(N).",
            arity: Arity::AtLeast(2),
            flags: flags::WRITE | flags::DENYOOM | flags::MOVABLE_KEYS,
            acl: acl::SET | acl::SORTEDSET | acl::LIST | acl::DANGEROUS,
            keys: &[
                KeySpec::at(1, keys::RO | keys::ACCESS),
                KeySpec {
                    flags: keys::RO | keys::ACCESS,
                    begin: BeginSearch::Unknown,
                    find: FindKeys::Unknown,
                    notes: "For the optional BY/GET keyword. It is marked 'unknown' because the key names \
                        derive from the content of the key we sort",
                },
                KeySpec {
                    flags: keys::OW | keys::UPDATE,
                    begin: BeginSearch::Unknown,
                    find: FindKeys::Unknown,
                    notes: "For the optional STORE keyword. It is marked 'unknown' because the keyword can \
                        appear anywhere in the argument array",
                },
            ],
            find_keys: Some(options::sort_keys),
            reads_any_key: Some(options::sort_reads_any_key),
            args: &[
                KEY,
                BY,
                LIMIT,
                GET,
                ORDER,
                ALPHA,
                Arg {
                    name: "destination",
                    kind: ArgKind::Key,
                    key_spec_index: Some(2),
                    token: "STORE",
                    optional: true,
                    ..Arg::BASE
                },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: super::sort_ro,
        spec: CommandSpec {
            name: "sort_ro",
            summary: "Sort the elements in a list, set or sorted set. Read-only variant of SORT.",
            since: "7.0.0",
            complexity: "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M \
                the number of returned elements. When the elements are not sorted, complexity is O(N).",
            arity: Arity::AtLeast(2),
            flags: flags::READONLY | flags::MOVABLE_KEYS,
            acl: acl::SET | acl::SORTEDSET | acl::LIST | acl::DANGEROUS,
            keys: &[
                KeySpec::at(1, keys::RO | keys::ACCESS),
                KeySpec {
                    flags: keys::RO | keys::ACCESS,
                    begin: BeginSearch::Unknown,
                    find: FindKeys::Unknown,
                    notes: "For the optional BY/GET keyword. It is marked 'unknown' because the key names \
                        derive from the content of the key we sort",
                },
            ],
            find_keys: Some(options::sort_ro_keys),
            reads_any_key: Some(options::sort_ro_reads_any_key),
            args: &[KEY, BY, LIMIT, GET, ORDER, ALPHA],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
];
