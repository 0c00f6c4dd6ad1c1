//! How far a request has come when the router gives it back, and what its connection waits for then.

/// What has become of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Its reply is written, or has a place and comes later: the connection goes on.
    Done,
    /// It has not begun: all replies to the requests before it must be there.
    AfterReplies,
    /// It has not begun: it concerns a slot that is on its way.
    Slot,
    /// It has begun, and nothing may overtake it: the connection waits for its reply.
    Reply,
    /// The same, and the reply may take for ever: a blocking command.
    Blocked,
    /// A transaction with commands of the session among its commands has begun. When the connection is looked
    /// at it may have come further ([`crate::router::exec::go_on_with_exec`], with the number of the place of
    /// its reply).
    Exec(u32),
}

/// What a connection waits for before anything more is executed for it, with the request that is to be taken
/// up again.
#[derive(Debug, Default)]
pub enum Waiting<R> {
    /// For nothing.
    #[default]
    No,
    /// For all replies that are awaited; then this request runs.
    AfterReplies(R),
    /// For a slot to arrive at its new shard: this request concerns it.
    Slot(R),
    /// For the reply of a request that nothing may overtake.
    Reply,
    /// For a key: it is in a blocking command.
    Blocked,
    /// For the next part of a transaction that has commands of the session among its commands, with the
    /// number of the place of its reply.
    Exec(u32),
    /// For its next worker, which it is about to be handed to: it executes nothing more here.
    HandOver,
}

impl<R> Waiting<R> {
    /// What follows from a step. `request` makes what has to be taken up again, if it has to be.
    pub fn after(step: Step, request: impl FnOnce() -> R) -> Waiting<R> {
        match step {
            Step::Done => Waiting::No,
            Step::AfterReplies => Waiting::AfterReplies(request()),
            Step::Slot => Waiting::Slot(request()),
            Step::Reply => Waiting::Reply,
            Step::Blocked => Waiting::Blocked,
            Step::Exec(seq) => Waiting::Exec(seq),
        }
    }

    /// The request at hand has not begun, and will be taken up again.
    #[inline]
    pub fn begins_later(&self) -> bool {
        matches!(self, Waiting::AfterReplies(_) | Waiting::Slot(_))
    }

    /// True while nothing more may be executed.
    #[inline]
    pub fn is_waiting(&self) -> bool {
        !matches!(self, Waiting::No)
    }

    /// True while the connection waits for what may take for ever: pushes do not wait with it.
    pub fn is_blocked(&self) -> bool {
        matches!(self, Waiting::Blocked)
    }

    /// True when the connection waits and its wait may be over. Whoever waits for replies goes on when none
    /// is awaited any more. A request that waits for a slot is tried whenever its connection is looked at,
    /// and waits again if need be.
    fn may_be_over(&self, awaited: usize) -> bool {
        match self {
            Waiting::No | Waiting::Exec(_) | Waiting::HandOver => false,
            Waiting::Slot(_) => true,
            Waiting::AfterReplies(_) | Waiting::Reply | Waiting::Blocked => awaited == 0,
        }
    }

    /// The request that is to be taken up again, when it can be. With none, the next one can be executed
    /// unless the connection still waits.
    pub fn take_up(&mut self, awaited: usize) -> Option<R> {
        if !self.may_be_over(awaited) {
            return None;
        }
        match std::mem::take(self) {
            Waiting::AfterReplies(request) | Waiting::Slot(request) => Some(request),
            Waiting::No | Waiting::Reply | Waiting::Blocked | Waiting::Exec(_) | Waiting::HandOver => None,
        }
    }
}

/// What a simulation chooses by.
#[cfg(any(test, feature = "testing"))]
impl<R> Waiting<R> {
    /// True when something may come of it that the connection is looked at.
    pub(crate) fn is_worth_a_look(&self, awaited: usize, is_looked_at: bool, has_requests: bool) -> bool {
        match self {
            Waiting::No => has_requests,
            Waiting::Reply | Waiting::Blocked => has_requests && self.may_be_over(awaited),
            Waiting::AfterReplies(_) => self.may_be_over(awaited),
            Waiting::Slot(_) | Waiting::Exec(_) => is_looked_at,
            Waiting::HandOver => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_not_begun_is_taken_up_again_and_only_when_its_time_has_come() {
        let steps = [Step::Done, Step::AfterReplies, Step::Slot, Step::Reply, Step::Blocked, Step::Exec(3)];
        // What is taken up while replies are awaited, and when none is; and whether the connection still
        // waits then.
        let expected = [
            (None, None, false),
            (None, Some(7), false),
            (Some(7), None, false),
            (None, None, false),
            (None, None, false),
            (None, None, true),
        ];
        for (step, (early, late, still_waits)) in steps.into_iter().zip(expected) {
            let mut made = 0;
            let mut waiting = Waiting::after(step, || {
                made += 1;
                7
            });
            assert_eq!(made == 1, waiting.begins_later(), "{step:?}");
            assert_eq!((waiting.take_up(1), waiting.take_up(0)), (early, late), "{step:?}");
            assert_eq!(waiting.is_waiting(), still_waits, "{step:?}");
        }
    }
}
