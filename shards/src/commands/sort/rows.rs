//! The rows of SORT and SORT_RO.

use super::options;
use crate::command::flags::{self, acl};
use crate::command::shapes::{DESTINATION, LIMIT};
use crate::command::{Arg, Arity, CommandSpec, DataCommand, KeySpec, keys};

const BY: Arg = Arg::pattern("pattern").of_key_spec(1).after("BY").optional();
const GET: Arg = Arg::pattern("pattern").of_key_spec(1).after("GET").optional().multiple_with_token();
const ORDER: Arg = Arg::one_of("order", &[Arg::word("asc", "ASC"), Arg::word("desc", "DESC")]).optional();
const ALPHA: Arg = Arg::word("sorting", "ALPHA").optional();

/// Tells the elements of a collection in an order.
const SORT: CommandSpec = CommandSpec {
    complexity: "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M \
                the number of returned elements. When the elements are not sorted, complexity is O(N).",
    arity: Arity::AtLeast(2),
    acl: acl::SET | acl::SORTEDSET | acl::LIST | acl::DANGEROUS,
    ..CommandSpec::BASE
};

const KEYS_OF_PATTERNS: KeySpec = KeySpec::unknown(keys::RO | keys::ACCESS).notes(
    "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content \
        of the key we sort",
);

/// The rows of this family.
pub(crate) static COMMANDS: &[DataCommand] = &[
    DataCommand::new(
        super::sort,
        CommandSpec {
            name: "sort",
            summary: "Sort the elements in a list, set or sorted set",
            since: "1.0.0",
            flags: flags::WRITE | flags::DENYOOM | flags::MOVABLE_KEYS,
            keys: &[
                KeySpec::at(1, keys::RO | keys::ACCESS),
                KEYS_OF_PATTERNS,
                KeySpec::unknown(keys::OW | keys::UPDATE).notes(
                    "For the optional STORE keyword. It is marked 'unknown' because the keyword can \
                        appear anywhere in the argument array",
                ),
            ],
            find_keys: Some(options::sort_keys),
            reads_any_key: Some(options::sort_reads_any_key),
            args: &[
                Arg::key(),
                BY,
                LIMIT,
                GET,
                ORDER,
                ALPHA,
                DESTINATION.of_key_spec(2).after("STORE").optional(),
            ],
            ..SORT
        },
    ),
    DataCommand::new(
        super::sort_ro,
        CommandSpec {
            name: "sort_ro",
            summary: "Sort the elements in a list, set or sorted set. Read-only variant of SORT.",
            since: "7.0.0",
            flags: flags::READONLY | flags::MOVABLE_KEYS,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS), KEYS_OF_PATTERNS],
            find_keys: Some(options::sort_ro_keys),
            reads_any_key: Some(options::sort_ro_reads_any_key),
            args: &[Arg::key(), BY, LIMIT, GET, ORDER, ALPHA],
            ..SORT
        },
    ),
];
