//! CLUSTER and its kin: known by name, and refused, because the node is in no cluster.
//!
//! Clients that ask whether there is a cluster (CLUSTER INFO, CLUSTER SLOTS) understand this error, and not
//! that of an unknown command.

use shards::args::Args;
use shards::command::flags::{self, acl};
use shards::command::{Arg, Arity, CommandGroup, CommandSpec};
use shards::error::CommandError;

use crate::session::command::{Flow, SessionCommand, SessionCtx};

/// What most of the rows have in common.
const OF_CLUSTER: CommandSpec =
    CommandSpec { since: "3.0.0", complexity: "O(1)", group: CommandGroup::Cluster, ..CommandSpec::BASE };

/// The rows.
pub static COMMANDS: &[SessionCommand] = &[
    refused(
        CommandSpec {
            name: "asking",
            summary: "Sent by cluster clients after an -ASK redirect",
            flags: flags::FAST,
            acl: acl::CONNECTION,
            ..OF_CLUSTER
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "readonly",
            summary: "Enables read queries for a connection to a cluster replica node",
            flags: flags::LOADING | flags::STALE | flags::FAST,
            acl: acl::CONNECTION,
            ..OF_CLUSTER
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "readwrite",
            summary: "Disables read queries for a connection to a cluster replica node",
            flags: flags::LOADING | flags::STALE | flags::FAST,
            acl: acl::CONNECTION,
            ..OF_CLUSTER
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "cluster",
            summary: "A container for cluster commands",
            complexity: "Depends on subcommand.",
            arity: Arity::AtLeast(2),
            ..OF_CLUSTER
        },
        SUBCOMMANDS,
    ),
];

const SUBCOMMANDS: &[SessionCommand] = &[
    refused(
        CommandSpec {
            name: "addslots",
            summary: "Assign new hash slots to receiving node",
            complexity: "O(N) where N is the total number of hash slot arguments",
            arity: Arity::AtLeast(3),
            flags: flags::ADMIN | flags::STALE | flags::NO_ASYNC_LOADING,
            args: &[Arg::integer("slot").multiple()],
            ..OF_CLUSTER
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "addslotsrange",
            summary: "Assign new hash slots to receiving node",
            since: "7.0.0",
            complexity: "O(N) where N is the total number of the slots between the start slot and end slot \
                arguments.",
            arity: Arity::AtLeast(4),
            flags: flags::ADMIN | flags::STALE | flags::NO_ASYNC_LOADING,
            args: &[Arg::block(
                "start-slot_end-slot",
                &[Arg::integer("start-slot"), Arg::integer("end-slot")],
            )
            .multiple()],
            ..OF_CLUSTER
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "bumpepoch",
            summary: "Advance the cluster config epoch",
            arity: Arity::Exactly(2),
            flags: flags::ADMIN | flags::STALE | flags::NO_ASYNC_LOADING,
            tips: &["nondeterministic_output"],
            ..OF_CLUSTER
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "count-failure-reports",
            summary: "Return the number of failure reports active for a given node",
            complexity: "O(N) where N is the number of failure reports",
            arity: Arity::Exactly(3),
            flags: flags::ADMIN | flags::STALE,
            tips: &["nondeterministic_output"],
            args: &[Arg::string("node-id")],
            ..OF_CLUSTER
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "countkeysinslot",
            summary: "Return the number of local keys in the specified hash slot",
            arity: Arity::Exactly(3),
            flags: flags::STALE,
            args: &[Arg::integer("slot")],
            ..OF_CLUSTER
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "delslots",
            summary: "Set hash slots as unbound in receiving node",
            complexity: "O(N) where N is the total number of hash slot arguments",
            arity: Arity::AtLeast(3),
            flags: flags::ADMIN | flags::STALE | flags::NO_ASYNC_LOADING,
            args: &[Arg::integer("slot").multiple()],
            ..OF_CLUSTER
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "delslotsrange",
            summary: "Set hash slots as unbound in receiving node",
            since: "7.0.0",
            complexity: "O(N) where N is the total number of the slots between the start slot and end slot \
                arguments.",
            arity: Arity::AtLeast(4),
            flags: flags::ADMIN | flags::STALE | flags::NO_ASYNC_LOADING,
            args: &[Arg::block(
                "start-slot_end-slot",
                &[Arg::integer("start-slot"), Arg::integer("end-slot")],
            )
            .multiple()],
            ..OF_CLUSTER
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "failover",
            summary: "Forces a replica to perform a manual failover of its master.",
            arity: Arity::AtLeast(2),
            flags: flags::ADMIN | flags::STALE | flags::NO_ASYNC_LOADING,
            args: &[Arg::one_of(
                "options",
                &[Arg::word("force", "FORCE"), Arg::word("takeover", "TAKEOVER")],
            )
            .optional()],
            ..OF_CLUSTER
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "flushslots",
            summary: "Delete a node's own slots information",
            arity: Arity::Exactly(2),
            flags: flags::ADMIN | flags::STALE | flags::NO_ASYNC_LOADING,
            ..OF_CLUSTER
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "forget",
            summary: "Remove a node from the nodes table",
            arity: Arity::Exactly(3),
            flags: flags::ADMIN | flags::STALE | flags::NO_ASYNC_LOADING,
            args: &[Arg::string("node-id")],
            ..OF_CLUSTER
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "getkeysinslot",
            summary: "Return local key names in the specified hash slot",
            complexity: "O(log(N)) where N is the number of requested keys",
            arity: Arity::Exactly(4),
            flags: flags::STALE,
            tips: &["nondeterministic_output"],
            args: &[Arg::integer("slot"), Arg::integer("count")],
            ..OF_CLUSTER
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "help",
            summary: "Show helpful text about the different subcommands",
            since: "5.0.0",
            arity: Arity::Exactly(2),
            flags: flags::LOADING | flags::STALE,
            ..OF_CLUSTER
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "info",
            summary: "Provides info about Redis Cluster node state",
            arity: Arity::Exactly(2),
            flags: flags::STALE,
            tips: &["nondeterministic_output"],
            ..OF_CLUSTER
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "keyslot",
            summary: "Returns the hash slot of the specified key",
            complexity: "O(N) where N is the number of bytes in the key",
            arity: Arity::Exactly(3),
            flags: flags::STALE,
            args: &[Arg::string("key")],
            ..OF_CLUSTER
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "links",
            summary: "Returns a list of all TCP links to and from peer nodes in cluster",
            since: "7.0.0",
            complexity: "O(N) where N is the total number of Cluster nodes",
            arity: Arity::Exactly(2),
            flags: flags::STALE,
            tips: &["nondeterministic_output"],
            ..OF_CLUSTER
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "meet",
            summary: "Force a node cluster to handshake with another node",
            arity: Arity::AtLeast(4),
            flags: flags::ADMIN | flags::STALE | flags::NO_ASYNC_LOADING,
            history: &[("4.0.0", "Added the optional `cluster_bus_port` argument.")],
            args: &[
                Arg::string("ip"),
                Arg::integer("port"),
                Arg::integer("cluster_bus_port").since("4.0.0").optional(),
            ],
            ..OF_CLUSTER
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "myid",
            summary: "Return the node id",
            arity: Arity::Exactly(2),
            flags: flags::STALE,
            ..OF_CLUSTER
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "myshardid",
            summary: "Returns the shard ID of a node.",
            since: "7.2.0",
            arity: Arity::Exactly(2),
            flags: flags::STALE,
            tips: &["nondeterministic_output"],
            ..OF_CLUSTER
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "nodes",
            summary: "Get Cluster config for the node",
            complexity: "O(N) where N is the total number of Cluster nodes",
            arity: Arity::Exactly(2),
            flags: flags::STALE,
            tips: &["nondeterministic_output"],
            ..OF_CLUSTER
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "replicas",
            summary: "List replica nodes of the specified master node",
            since: "5.0.0",
            arity: Arity::Exactly(3),
            flags: flags::ADMIN | flags::STALE,
            tips: &["nondeterministic_output"],
            args: &[Arg::string("node-id")],
            ..OF_CLUSTER
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "replicate",
            summary: "Reconfigure a node as a replica of the specified master node",
            arity: Arity::Exactly(3),
            flags: flags::ADMIN | flags::STALE | flags::NO_ASYNC_LOADING,
            args: &[Arg::string("node-id")],
            ..OF_CLUSTER
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "reset",
            summary: "Reset a Redis Cluster node",
            complexity: "O(N) where N is the number of known nodes. The command may execute a FLUSHALL as a \
                side effect.",
            arity: Arity::AtLeast(2),
            flags: flags::ADMIN | flags::NOSCRIPT | flags::STALE,
            args: &[
                Arg::one_of("hard_soft", &[Arg::word("hard", "HARD"), Arg::word("soft", "SOFT")]).optional()
            ],
            ..OF_CLUSTER
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "saveconfig",
            summary: "Forces the node to save cluster state on disk",
            arity: Arity::Exactly(2),
            flags: flags::ADMIN | flags::STALE | flags::NO_ASYNC_LOADING,
            ..OF_CLUSTER
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "set-config-epoch",
            summary: "Set the configuration epoch in a new node",
            arity: Arity::Exactly(3),
            flags: flags::ADMIN | flags::STALE | flags::NO_ASYNC_LOADING,
            args: &[Arg::integer("config-epoch")],
            ..OF_CLUSTER
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "setslot",
            summary: "Bind a hash slot to a specific node",
            arity: Arity::AtLeast(4),
            flags: flags::ADMIN | flags::STALE | flags::NO_ASYNC_LOADING,
            args: &[
                Arg::integer("slot"),
                Arg::one_of(
                    "subcommand",
                    &[
                        Arg::string("node-id").after("IMPORTING"),
                        Arg::string("node-id").after("MIGRATING"),
                        Arg::string("node-id").after("NODE"),
                        Arg::word("stable", "STABLE"),
                    ],
                ),
            ],
            ..OF_CLUSTER
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "shards",
            summary: "Get array of cluster slots to node mappings",
            since: "7.0.0",
            complexity: "O(N) where N is the total number of cluster nodes",
            arity: Arity::Exactly(2),
            flags: flags::STALE,
            tips: &["nondeterministic_output"],
            ..OF_CLUSTER
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "slaves",
            summary: "List replica nodes of the specified master node",
            arity: Arity::Exactly(3),
            flags: flags::ADMIN | flags::STALE,
            tips: &["nondeterministic_output"],
            deprecated: Some(("5.0.0", "`CLUSTER REPLICAS`")),
            args: &[Arg::string("node-id")],
            ..OF_CLUSTER
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "slots",
            summary: "Get array of Cluster slot to node mappings",
            complexity: "O(N) where N is the total number of Cluster nodes",
            arity: Arity::Exactly(2),
            flags: flags::STALE,
            tips: &["nondeterministic_output"],
            deprecated: Some(("7.0.0", "`CLUSTER SHARDS`")),
            history: &[
                ("4.0.0", "Added node IDs."),
                ("7.0.0", "Added additional networking metadata field."),
            ],
            ..OF_CLUSTER
        },
        &[],
    ),
];

const fn refused(spec: CommandSpec, subcommands: &'static [SessionCommand]) -> SessionCommand {
    SessionCommand::new(disabled, spec).with_subcommands(subcommands)
}

fn disabled(_ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    Err(CommandError::other("ERR This instance has cluster support disabled"))
}
