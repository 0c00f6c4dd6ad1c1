//! What commands of the session come behind. For commands on keys [`crate::router::route::follows_all`] says
//! so.

use crate::args::Args;
use crate::router::publish::Messages;
use crate::router::wire::MessageWire;

/// What a command of the session comes behind, of all that its client has asked for before it and awaits.
/// Within a transaction that is nothing: all of it has waited.
#[derive(Clone, Copy, Debug, Default)]
pub enum Barrier {
    /// Nothing: it runs when it comes, and only its reply takes its turn.
    #[default]
    Nothing,
    /// Everything: what it does may concern the keys or the receivers of a command that is on its way to
    /// another worker.
    Everything,
    /// The same for some arguments.
    EverythingFor(fn(Args<'_>) -> bool),
    /// Everything but messages on the way to the worker that puts its own, which goes to its first argument,
    /// in order.
    OtherThanMessages,
}

impl Barrier {
    /// True while a connection awaits anything that its command with these arguments comes behind. It is
    /// looked at once, before the command runs.
    #[inline]
    pub fn holds_back<W: MessageWire>(
        self,
        connection: u32,
        args: Args<'_>,
        messages: &Messages,
        wire: &mut W,
    ) -> bool {
        match self {
            Barrier::Nothing => false,
            Barrier::Everything => wire.awaited(connection) > 0,
            Barrier::EverythingFor(holds) => wire.awaited(connection) > 0 && holds(args),
            Barrier::OtherThanMessages => messages.is_behind(connection, args.get(1), wire),
        }
    }
}
