//! The command table's row: everything about a command that is not its body.
//!
//! A command is declared once, as one row. Lookup, the arity check, routing to shards, locks, ACL categories,
//! replication and the replies of COMMAND derive from the row; no other code compares command names.

pub mod flags;
pub mod keys;
mod name_table;
pub mod registry;
pub mod shapes;
pub mod spec;

pub use keys::{BeginSearch, FindKeys, KeySpec};
pub use spec::{
    Arg, ArgKind, Arity, Combined, CommandGroup, CommandSpec, Handler, Plan, RequestPolicy, ResponsePolicy,
};

/// A command that works on keys: it runs on the shards that own them and knows nothing of connections.
#[derive(Debug)]
pub struct DataCommand {
    /// What the command is.
    pub spec: CommandSpec,
    /// What it does.
    pub run: Handler,
    /// Its subcommands. A container has at least one; it runs itself only when called without any argument.
    pub subcommands: &'static [DataCommand],
}

impl DataCommand {
    /// A command without subcommands.
    pub const fn new(run: Handler, spec: CommandSpec) -> DataCommand {
        DataCommand { spec, run, subcommands: &[] }
    }

    /// It is a container of these.
    pub const fn with_subcommands(self, subcommands: &'static [DataCommand]) -> DataCommand {
        DataCommand { subcommands, ..self }
    }
}
