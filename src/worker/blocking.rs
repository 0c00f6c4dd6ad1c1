//! What ends blocking commands of this worker's clients from outside. How they begin and wait is decided in
//! [`shards::router`].

use shards::router::blocked_calls::Ending;
use shards::watch::ClientId;

use crate::session::order::Closing;
use crate::worker::Worker;

impl Worker {
    /// Ends the blocking command of a client, if it is in one. See [`shards::router::Router::end_blocking`].
    pub(crate) fn end_blocking(&mut self, client: ClientId, ending: Ending, only_waiting: bool) -> bool {
        let (router, mut desk) = self.at_desk();
        router.end_blocking(client, ending, only_waiting, &mut desk)
    }

    /// A client that waits is being closed, or has gone: it waits no more.
    pub(crate) fn stop_waiting(&mut self, index: u32) {
        let client = ClientId(self.clients.at(index).session.id);
        let (router, mut desk) = self.at_desk();
        router.stop_waiting(client, &mut desk);
        self.clients.at(index).closing = Some(Closing::Now);
    }
}
