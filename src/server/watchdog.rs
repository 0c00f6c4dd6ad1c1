//! Workers whose turn does not come, for the log.
//!
//! Each worker counts its turns where the main thread can read it ([`crate::node::pulses`]). The main
//! thread looks at the counts now and then ([`Watchdog::look`]), and a worker whose count stands still for a
//! second is reported once, with what its thread is doing, and once more when its turn has come. A look that
//! itself comes late proves nothing: the process was stopped, or the whole machine is short of time. It is
//! said as that, and the time until then does not count. A worker that rests until it is called ([`RESTS`])
//! has nothing to be late for. The main thread does this, and not the control worker, because it looks after
//! that one too, and because a look a second would be all that keeps the control worker from resting. This
//! file must not know what happens in a turn, nor who waits for signals.

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::host::clock;
use crate::host::cpu_use::{self, CpuUse};
use crate::metrics::turns::LATE;
use crate::node::pulses::{Pulse, Pulses, RESTS};

/// The time between two looks, when all is well.
const LOOK_PERIOD: Duration = LATE;
/// The same, when a count stands still.
const CLOSE_LOOK_PERIOD: Duration = Duration::from_millis(250);
/// A look that comes later than this was not on time.
const LOOK_LATE: Duration = Duration::from_millis(250);
/// A process that has stood still is spoken of once in this time at most: on a loaded machine it may do so
/// for hours.
const STANDSTILL_PERIOD: Duration = Duration::from_secs(60);

/// What keeps a worker from its turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cause {
    Busy,
    NoProcessor,
    BlockedInTurn,
    Asleep,
}

/// Of whom there is something to say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Who {
    /// The worker of this shard.
    Worker(usize),
    Control,
}

/// What there is to say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Finding {
    /// A worker has had no turn for so long.
    Late(Who, Duration, Cause),
    /// It has had one again, after so long.
    Back(Who, Duration),
    /// The main thread itself was not run for so long.
    Standstill(Duration),
}

/// What was seen of one worker.
struct Seen {
    count: u64,
    /// The first look that has seen this count.
    since: Instant,
    /// The thread's use of the processor at the first look that saw the count again.
    standing: Option<CpuUse>,
    is_reported: bool,
}

/// The main thread's end. One per process.
pub(super) struct Watchdog {
    /// Of the workers of all shards, and behind them of the control worker.
    pulses: &'static Pulses,
    shards: usize,
    cpu_use: fn(i32) -> CpuUse,
    seen: Vec<Seen>,
    /// When the next look is due.
    due: Instant,
    standstill_said: Option<Instant>,
}

impl Watchdog {
    /// Watches from now on. All workers should be running.
    pub(super) fn new(pulses: &'static Pulses, shards: usize) -> Watchdog {
        Watchdog::at(pulses, shards, clock::moment(), cpu_use::of_thread)
    }

    fn at(pulses: &'static Pulses, shards: usize, now: Instant, cpu_use: fn(i32) -> CpuUse) -> Watchdog {
        let seen = |pulse: &Pulse| Seen::new(pulse.count.load(Ordering::Relaxed), now);
        let seen = pulses.iter().map(seen).collect();
        Watchdog { pulses, shards, cpu_use, seen, due: now + LOOK_PERIOD, standstill_said: None }
    }

    /// Looks at all workers and logs what there is to say. Returns after how long to call again; a call
    /// before that does no harm.
    pub(super) fn look(&mut self) -> Duration {
        let now = clock::moment();
        for event in self.examine(now) {
            log::warn!("{event}");
        }
        self.due.saturating_duration_since(now)
    }

    fn examine(&mut self, now: Instant) -> Vec<Finding> {
        let mut events = Vec::new();
        if now < self.due {
            return events;
        }
        let overdue = now - self.due;
        let on_time = overdue <= LOOK_LATE;
        let is_silent = self.standstill_said.is_some_and(|said| now - said < STANDSTILL_PERIOD);
        if overdue > LATE && !is_silent {
            events.push(Finding::Standstill(overdue));
            self.standstill_said = Some(now);
        }
        let mut all_well = true;
        for (worker, (pulse, seen)) in self.pulses.iter().zip(&mut self.seen).enumerate() {
            let count = pulse.count.load(Ordering::Relaxed);
            let who = if worker == self.shards { Who::Control } else { Who::Worker(worker) };
            if count != seen.count || count & RESTS != 0 {
                if seen.is_reported {
                    events.push(Finding::Back(who, now - seen.since));
                }
                *seen = Seen::new(count, now);
                continue;
            }
            all_well = false;
            if !on_time && !seen.is_reported {
                *seen = Seen::new(count, now);
                continue;
            }
            let used = (self.cpu_use)(pulse.thread.load(Ordering::Relaxed));
            match seen.standing {
                // One look more, in which the main thread has run, so that the worker could have.
                None => seen.standing = Some(used),
                Some(before) if !seen.is_reported && now - seen.since >= LATE => {
                    seen.is_reported = true;
                    events.push(Finding::Late(who, now - seen.since, Cause::of(count, before, used)));
                }
                Some(_) => {}
            }
        }
        self.due = now + if all_well { LOOK_PERIOD } else { CLOSE_LOOK_PERIOD };
        events
    }
}

impl Seen {
    fn new(count: u64, since: Instant) -> Seen {
        Seen { count, since, standing: None, is_reported: false }
    }
}

impl Cause {
    /// By the thread's use of the processor between two looks, and the worker's count.
    fn of(count: u64, before: CpuUse, after: CpuUse) -> Cause {
        let ran = after.ran.saturating_sub(before.ran);
        let waited = after.waited.saturating_sub(before.waited);
        let longest = CLOSE_LOOK_PERIOD / 2;
        match count % 2 {
            _ if waited > longest => Cause::NoProcessor,
            0 => Cause::Asleep,
            _ if ran > longest => Cause::Busy,
            _ => Cause::BlockedInTurn,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cause::Busy => "it is busy with one long turn",
            Cause::NoProcessor => "its thread waits for a processor that others use",
            Cause::BlockedInTurn => "it neither runs nor waits for a processor, in the middle of a turn",
            Cause::Asleep => "it sleeps although its timer is over",
        })
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Who::Worker(worker) => write!(f, "Worker {worker}"),
            Who::Control => f.write_str("The control worker"),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::Late(who, time, cause) => {
                write!(f, "{who} has not had a turn for {} ms: {cause}", time.as_millis())
            }
            Finding::Back(who, time) => {
                write!(f, "{who} has turns again, after about {} ms", time.as_millis())
            }
            Finding::Standstill(time) => {
                let ms = time.as_millis();
                write!(
                    f,
                    "The process stood still for at least {ms} ms: it was suspended, or got no processor"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use shards::slot::ShardId;

    use super::*;
    use crate::node::pulses::Heart;

    /// A watchdog under a clock of its own, with hearts for two workers with shards and for the control
    /// worker, which rests.
    struct Rig {
        watchdog: Watchdog,
        hearts: [Heart; 3],
        now: Instant,
    }

    fn no_use(_thread: i32) -> CpuUse {
        CpuUse::default()
    }

    impl Rig {
        fn new() -> Rig {
            let pulses: &'static Pulses = Box::leak(Box::new(Pulses::new(3)));
            let now = clock::moment();
            let mut hearts = [0, 1, 2].map(|worker| pulses.heart(ShardId(worker)));
            hearts[2].wake();
            hearts[2].rest();
            Rig { watchdog: Watchdog::at(pulses, 2, now, no_use), hearts, now }
        }

        /// The next look, so long after it was due, when these workers have had turns and sleep again.
        fn look(&mut self, late_ms: u64, turns: &[usize]) -> Vec<String> {
            for &worker in turns {
                self.hearts[worker].wake();
                self.hearts[worker].sleep();
            }
            self.now = self.watchdog.due + Duration::from_millis(late_ms);
            self.watchdog.examine(self.now).iter().map(Finding::to_string).collect()
        }
    }

    #[test]
    fn a_worker_without_a_turn_is_reported_once_and_once_when_it_is_back() {
        let mut rig = Rig::new();
        assert_eq!(rig.look(0, &[0, 1]), [""; 0]);
        assert_eq!(rig.look(0, &[0]), [""; 0]);
        let text = "Worker 1 has not had a turn for 1250 ms: it sleeps although its timer is over";
        assert_eq!(rig.look(0, &[0]), [text]);
        for _ in 0..7 {
            assert_eq!(rig.look(0, &[0]), [""; 0]);
        }
        assert_eq!(rig.look(0, &[0, 1]), ["Worker 1 has turns again, after about 3250 ms"]);
        assert_eq!(rig.look(0, &[0, 1]), [""; 0]);
    }

    #[test]
    fn a_worker_in_a_long_turn_is_told_from_one_that_sleeps() {
        let mut rig = Rig::new();
        rig.hearts[1].wake();
        rig.look(0, &[0]);
        rig.look(0, &[0]);
        let events = rig.look(0, &[0]);
        assert!(events[0].ends_with("in the middle of a turn"), "{events:?}");
    }

    #[test]
    fn a_control_worker_that_rests_is_not_late_and_one_that_is_stuck_is() {
        let mut rig = Rig::new();
        for _ in 0..10 {
            assert_eq!(rig.look(0, &[0, 1]), [""; 0]);
        }
        rig.hearts[2].wake();
        rig.look(0, &[0, 1]);
        rig.look(0, &[0, 1]);
        let stuck = rig.look(0, &[0, 1]);
        let text = "The control worker has not had a turn for 1250 ms: it neither runs nor waits for a \
            processor, in the middle of a turn";
        assert_eq!(stuck, [text]);
        rig.hearts[2].rest();
        assert_eq!(rig.look(0, &[0, 1]), ["The control worker has turns again, after about 1500 ms"]);
        // With clients it has a timer, and then sleeping on is a sign.
        rig.hearts[2].wake();
        rig.hearts[2].sleep();
        rig.look(0, &[0, 1]);
        rig.look(0, &[0, 1]);
        let events = rig.look(0, &[0, 1]);
        assert_eq!(
            events,
            ["The control worker has not had a turn for 1250 ms: it sleeps although its timer is over"]
        );
    }

    #[test]
    fn a_worker_that_never_sleeps_has_turns() {
        let mut rig = Rig::new();
        for _ in 0..5 {
            rig.hearts[0].wake();
            assert_eq!(rig.look(0, &[1]), [""; 0]);
        }
    }

    #[test]
    fn a_process_that_was_stopped_has_no_late_workers() {
        let mut rig = Rig::new();
        rig.look(0, &[0, 1]);
        let text = "The process stood still for at least 30000 ms: it was suspended, or got no processor";
        assert_eq!(rig.look(30_000, &[]), [text]);
        assert_eq!(rig.look(0, &[0, 1]), [""; 0]);
        // Stopped for less than a second, and just when a look was due.
        assert_eq!(rig.look(150, &[]), [""; 0]);
        assert_eq!(rig.look(0, &[0, 1]), [""; 0]);
        // Stopped again and again: nothing is known, and it is not said each time.
        for _ in 0..5 {
            assert_eq!(rig.look(2_000, &[]), [""; 0]);
        }
        let now = rig.now;
        while rig.now < now + STANDSTILL_PERIOD {
            rig.look(0, &[0, 1]);
        }
        assert_eq!(rig.look(2_000, &[]).len(), 1);
    }

    #[test]
    fn the_cause_follows_from_the_use_of_the_processor() {
        let used = |ran_ms, waited_ms| CpuUse {
            ran: Duration::from_millis(ran_ms),
            waited: Duration::from_millis(waited_ms),
        };
        let cause = |count, ran_ms: u64, waited_ms: u64| {
            Cause::of(count, used(500, 500), used(500 + ran_ms, 500 + waited_ms))
        };
        assert_eq!(cause(7, 240, 10), Cause::Busy);
        assert_eq!(cause(7, 10, 240), Cause::NoProcessor);
        assert_eq!(cause(8, 10, 240), Cause::NoProcessor);
        assert_eq!(cause(7, 0, 0), Cause::BlockedInTurn);
        assert_eq!(cause(8, 0, 0), Cause::Asleep);
    }
}
