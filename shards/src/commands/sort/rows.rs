//! The rows of SORT and SORT_RO.

use super::options;
use crate::command::flags::{self, acl};
use crate::command::{Arg, Arity, CommandSpec, DataCommand, KeySpec, keys};

const BY: Arg = Arg::pattern("pattern").of_key_spec(1).after("BY").optional();
const LIMIT: Arg =
    Arg::block("offset_count", &[Arg::integer("offset"), Arg::integer("count")]).after("LIMIT").optional();
const GET: Arg = Arg::pattern("pattern").of_key_spec(1).after("GET").optional().multiple_with_token();
const ORDER: Arg = Arg::one_of("order", &[Arg::word("asc", "ASC"), Arg::word("desc", "DESC")]).optional();
const ALPHA: Arg = Arg::word("sorting", "ALPHA").optional();

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
                KeySpec::unknown(keys::RO | keys::ACCESS).notes(
                    "For the optional BY/GET keyword. It is marked 'unknown' because the key names \
                        derive from the content of the key we sort",
                ),
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
                Arg::key_named("destination").of_key_spec(2).after("STORE").optional(),
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
                KeySpec::unknown(keys::RO | keys::ACCESS).notes(
                    "For the optional BY/GET keyword. It is marked 'unknown' because the key names \
                        derive from the content of the key we sort",
                ),
            ],
            find_keys: Some(options::sort_ro_keys),
            reads_any_key: Some(options::sort_ro_reads_any_key),
            args: &[Arg::key(), BY, LIMIT, GET, ORDER, ALPHA],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
];
