//! DEBUG SLOT-MOVE, DEBUG SLOTS-DEAL and DEBUG SLOTS. How a slot changes hands is decided in
//! [`shards::router::slot_move`].

use shards::args::Args;
use shards::error::CommandError;
use shards::reply::Reply;
use shards::router::session::ReplyPlace;
use shards::router::step::Step;
use shards::slot::{ShardId, SlotId};

use crate::session::command::SlotFlow;
use crate::worker::Worker;

impl Worker {
    /// Does what a command about slots asks for.
    pub(super) fn follow_slots(
        &mut self,
        index: u32,
        flow: SlotFlow,
        args: Args<'_>,
        place: ReplyPlace,
        reply: &mut Reply,
    ) {
        match (flow, place) {
            (SlotFlow::Show, _) => self.show_slots(reply),
            (SlotFlow::Deal(shards), _) => {
                let (router, mut desk) = self.at_desk();
                router.deal_slots(shards, &mut desk);
            }
            (SlotFlow::Move(slot, to), ReplyPlace::Queue) => {
                let step = self.move_slot(index, slot, to);
                self.wait(index, step, args);
            }
            (SlotFlow::Move(..), ReplyPlace::Exec(_)) => {
                let text = "ERR DEBUG SLOT-MOVE is not possible inside a transaction";
                reply.error(&CommandError::other(text));
            }
        }
    }

    /// Moves a slot on behalf of a client, which waits for the end.
    fn move_slot(&mut self, index: u32, slot: SlotId, to: ShardId) -> Step {
        let shards = self.router.shard_count();
        if to.index() >= shards {
            let text = format!("ERR there is no shard {}: they are 0 to {}", to.0, shards - 1);
            self.reply_error(index, &CommandError::other(text));
            return Step::Done;
        }
        if self.loading.is_some() {
            self.reply_error(index, &CommandError::other("ERR slots do not move while the node loads"));
            return Step::Done;
        }
        let wanted = self.clients.at(index).session.reply_mode.is_wanted();
        let (router, mut desk) = self.at_desk();
        router.move_slot(slot, to, index, wanted, &mut desk)
    }

    /// The slot map as DEBUG SLOTS shows it: first slot, last slot, shard of each run.
    fn show_slots(&self, reply: &mut Reply) {
        let ranges: Vec<_> = self.router.map().ranges().collect();
        reply.array(ranges.len());
        for (first, last, owner) in ranges {
            reply.array(3);
            reply.int(i64::from(first));
            reply.int(i64::from(last));
            reply.int(i64::from(owner.0));
        }
    }
}
