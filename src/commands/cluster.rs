//! CLUSTER and its kin: known by name, and refused, because the node is in no cluster.
//!
//! Clients that ask whether there is a cluster (CLUSTER INFO, CLUSTER SLOTS) understand this error, and not
//! that of an unknown command.

use shards::args::Args;
use shards::command::flags::{self, acl};
use shards::command::shapes::{container_of, help_of};
use shards::command::{Arg, Arity, CommandGroup, CommandSpec};
use shards::error::CommandError;

use crate::session::command::{Flow, SessionCommand, SessionCtx};

/// What most of the rows have in common.
const OF_CLUSTER: CommandSpec =
    CommandSpec { since: "3.0.0", complexity: "O(1)", group: CommandGroup::Cluster, ..CommandSpec::BASE };

/// Whether a connection may read from a replica.
const READING: CommandSpec =
    CommandSpec { flags: flags::LOADING | flags::STALE | flags::FAST, acl: acl::CONNECTION, ..OF_CLUSTER };

/// Tells something.
const TELLS: CommandSpec = CommandSpec { arity: Arity::Exactly(2), flags: flags::STALE, ..OF_CLUSTER };

/// Tells something of all nodes.
const TELLS_OF_NODES: CommandSpec = CommandSpec {
    complexity: "O(N) where N is the total number of Cluster nodes",
    tips: &["nondeterministic_output"],
    ..TELLS
};

/// Tells something of one node to administrators.
const ABOUT_ONE_NODE: CommandSpec = CommandSpec {
    arity: Arity::Exactly(3),
    flags: flags::ADMIN | flags::STALE,
    tips: &["nondeterministic_output"],
    args: &[Arg::string("node-id")],
    ..OF_CLUSTER
};

/// Tells something of one slot.
const OF_SLOT: CommandSpec = CommandSpec { arity: Arity::Exactly(3), ..TELLS };

/// Changes the cluster as this node sees it.
const CHANGES: CommandSpec = CommandSpec {
    arity: Arity::Exactly(2),
    flags: flags::ADMIN | flags::STALE | flags::NO_ASYNC_LOADING,
    ..OF_CLUSTER
};

/// Changes whose the slots are that it names.
const SLOTS: CommandSpec = CommandSpec {
    complexity: "O(N) where N is the total number of hash slot arguments",
    arity: Arity::AtLeast(3),
    args: &[Arg::integer("slot").multiple()],
    ..CHANGES
};

/// The same by first and last one.
const SLOT_RANGES: CommandSpec = CommandSpec {
    since: "7.0.0",
    complexity: "O(N) where N is the total number of the slots between the start slot and end slot \
        arguments.",
    arity: Arity::AtLeast(4),
    args: &[
        Arg::block("start-slot_end-slot", &[Arg::integer("start-slot"), Arg::integer("end-slot")]).multiple()
    ],
    ..CHANGES
};

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
            ..READING
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "readwrite",
            summary: "Disables read queries for a connection to a cluster replica node",
            ..READING
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "cluster",
            summary: "A container for cluster commands",
            since: "3.0.0",
            ..container_of(CommandGroup::Cluster)
        },
        SUBCOMMANDS,
    ),
];

const SUBCOMMANDS: &[SessionCommand] = &[
    refused(
        CommandSpec { name: "addslots", summary: "Assign new hash slots to receiving node", ..SLOTS },
        &[],
    ),
    refused(
        CommandSpec {
            name: "addslotsrange",
            summary: "Assign new hash slots to receiving node",
            ..SLOT_RANGES
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "bumpepoch",
            summary: "Advance the cluster config epoch",
            tips: &["nondeterministic_output"],
            ..CHANGES
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "count-failure-reports",
            summary: "Return the number of failure reports active for a given node",
            complexity: "O(N) where N is the number of failure reports",
            ..ABOUT_ONE_NODE
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "countkeysinslot",
            summary: "Return the number of local keys in the specified hash slot",
            args: &[Arg::integer("slot")],
            ..OF_SLOT
        },
        &[],
    ),
    refused(
        CommandSpec { name: "delslots", summary: "Set hash slots as unbound in receiving node", ..SLOTS },
        &[],
    ),
    refused(
        CommandSpec {
            name: "delslotsrange",
            summary: "Set hash slots as unbound in receiving node",
            ..SLOT_RANGES
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "failover",
            summary: "Forces a replica to perform a manual failover of its master.",
            arity: Arity::AtLeast(2),
            args: &[Arg::one_of(
                "options",
                &[Arg::word("force", "FORCE"), Arg::word("takeover", "TAKEOVER")],
            )
            .optional()],
            ..CHANGES
        },
        &[],
    ),
    refused(
        CommandSpec { name: "flushslots", summary: "Delete a node's own slots information", ..CHANGES },
        &[],
    ),
    refused(
        CommandSpec {
            name: "forget",
            summary: "Remove a node from the nodes table",
            arity: Arity::Exactly(3),
            args: &[Arg::string("node-id")],
            ..CHANGES
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "getkeysinslot",
            summary: "Return local key names in the specified hash slot",
            complexity: "O(log(N)) where N is the number of requested keys",
            arity: Arity::Exactly(4),
            tips: &["nondeterministic_output"],
            args: &[Arg::integer("slot"), Arg::integer("count")],
            ..OF_SLOT
        },
        &[],
    ),
    refused(CommandSpec { since: "5.0.0", ..help_of(OF_CLUSTER) }, &[]),
    refused(
        CommandSpec {
            name: "info",
            summary: "Provides info about Redis Cluster node state",
            tips: &["nondeterministic_output"],
            ..TELLS
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "keyslot",
            summary: "Returns the hash slot of the specified key",
            complexity: "O(N) where N is the number of bytes in the key",
            args: &[Arg::string("key")],
            ..OF_SLOT
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "links",
            summary: "Returns a list of all TCP links to and from peer nodes in cluster",
            since: "7.0.0",
            ..TELLS_OF_NODES
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "meet",
            summary: "Force a node cluster to handshake with another node",
            arity: Arity::AtLeast(4),
            history: &[("4.0.0", "Added the optional `cluster_bus_port` argument.")],
            args: &[
                Arg::string("ip"),
                Arg::integer("port"),
                Arg::integer("cluster_bus_port").since("4.0.0").optional(),
            ],
            ..CHANGES
        },
        &[],
    ),
    refused(CommandSpec { name: "myid", summary: "Return the node id", ..TELLS }, &[]),
    refused(
        CommandSpec {
            name: "myshardid",
            summary: "Returns the shard ID of a node.",
            since: "7.2.0",
            tips: &["nondeterministic_output"],
            ..TELLS
        },
        &[],
    ),
    refused(CommandSpec { name: "nodes", summary: "Get Cluster config for the node", ..TELLS_OF_NODES }, &[]),
    refused(
        CommandSpec {
            name: "replicas",
            summary: "List replica nodes of the specified master node",
            since: "5.0.0",
            ..ABOUT_ONE_NODE
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "replicate",
            summary: "Reconfigure a node as a replica of the specified master node",
            arity: Arity::Exactly(3),
            args: &[Arg::string("node-id")],
            ..CHANGES
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
            ..CHANGES
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "set-config-epoch",
            summary: "Set the configuration epoch in a new node",
            arity: Arity::Exactly(3),
            args: &[Arg::integer("config-epoch")],
            ..CHANGES
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "setslot",
            summary: "Bind a hash slot to a specific node",
            arity: Arity::AtLeast(4),
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
            ..CHANGES
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "shards",
            summary: "Get array of cluster slots to node mappings",
            since: "7.0.0",
            complexity: "O(N) where N is the total number of cluster nodes",
            ..TELLS_OF_NODES
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "slaves",
            summary: "List replica nodes of the specified master node",
            deprecated: Some(("5.0.0", "`CLUSTER REPLICAS`")),
            ..ABOUT_ONE_NODE
        },
        &[],
    ),
    refused(
        CommandSpec {
            name: "slots",
            summary: "Get array of Cluster slot to node mappings",
            deprecated: Some(("7.0.0", "`CLUSTER SHARDS`")),
            history: &[
                ("4.0.0", "Added node IDs."),
                ("7.0.0", "Added additional networking metadata field."),
            ],
            ..TELLS_OF_NODES
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
