//! The worker's own io_uring, through which all clients and all wake-ups from other workers come.
//!
//! Multishot accept and receive, a ring of provided buffers, sends of a whole turn submitted together: one
//! `io_uring_enter` a turn for everything (about half of what sockets with readiness and a system call each
//! cost). This file knows sockets and buffers, but no connection, no protocol and no other worker.
#![expect(unsafe_code, reason = "the kernel reads and writes memory that the ring's entries name")]

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::ptr::NonNull;
use std::time::{Duration, Instant};

use io_uring::{EnterFlags, IoUring, Probe, cqueue, opcode, squeue, types};

pub use super::buffers::Received;
use super::buffers::{BUFFER_BYTES, BUFFER_GROUP, BufferRing, ENTRIES_BYTES};
use crate::host::clock;

/// Entries of the submission queue. When it is full, what is queued is submitted and the turn goes on: one
/// system call more for so many entries. Both queues are locked memory, of which a normal user has 8 MB for
/// 64 workers.
const SUBMISSION_ENTRIES: u32 = 512;
/// Entries of the completion queue. The kernel keeps what does not fit and delivers it later.
const COMPLETION_ENTRIES: u32 = 2048;
/// The time of a [`ClientRing::tick`].
static TICK_PERIOD: types::Timespec = types::Timespec::new().nsec(TICK_PERIOD_MS as u32 * 1_000_000);
/// The same in milliseconds (Redis: hz 10).
pub const TICK_PERIOD_MS: u64 = 100;

/// Locked memory that a ring counts for where the kernel counts all of it (Linux 6.14), in bytes, rounded up
/// to pages: entries and queues, with a page for their heads, and the list of provided buffers.
pub const LOCKED_BYTES_OF_RING: u64 = {
    let submissions = SUBMISSION_ENTRIES as u64 * (size_of::<squeue::Entry>() as u64 + 4);
    let completions = COMPLETION_ENTRIES as u64 * size_of::<cqueue::Entry>() as u64;
    submissions.next_multiple_of(4096) + completions + 4096 + ENTRIES_BYTES as u64
};

/// What a completion belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Op {
    /// A listener (by its index) has accepted.
    Accept = 1,
    /// Bytes for a connection in a provided buffer.
    Receive = 2,
    /// Bytes for a connection in its own memory.
    ReceiveInto = 3,
    /// A connection's send is over.
    Send = 4,
    /// Another worker calls.
    Wake = 5,
    /// The timer of [`ClientRing::tick`].
    Tick = 6,
    /// A call on a file (`disk`) is over.
    File = 7,
    /// A call on a link's socket (`links`) is over.
    Socket = 8,
    /// The nearest timer (`timers`) is due.
    Alarm = 9,
    /// The answer to a request whose result nobody needs.
    Ignored = 10,
    /// A wake-up has not reached the ring of this number.
    Unheard = 11,
    /// A descriptor that was watched has something to be read.
    Readable = 12,
}

impl Op {
    fn user_data(self, index: u32) -> u64 {
        (self as u64) << 32 | u64::from(index)
    }

    fn of(user_data: u64) -> Op {
        match user_data >> 32 {
            1 => Op::Accept,
            2 => Op::Receive,
            3 => Op::ReceiveInto,
            4 => Op::Send,
            5 => Op::Wake,
            6 => Op::Tick,
            7 => Op::File,
            8 => Op::Socket,
            9 => Op::Alarm,
            11 => Op::Unheard,
            12 => Op::Readable,
            _ => Op::Ignored,
        }
    }
}

/// One completion.
#[derive(Clone, Copy, Debug)]
pub struct Completion {
    /// What it belongs to.
    pub op: Op,
    /// The connection or listener.
    pub index: u32,
    /// Bytes or descriptor; a negated errno.
    pub result: i32,
    /// The provided buffer that was filled.
    pub buffer: Option<u16>,
    /// The request goes on and will complete again.
    pub more: bool,
}

/// One per worker; lives on the worker's thread.
pub struct ClientRing {
    ring: IoUring,
    buffers: BufferRing,
    /// Kernels before 6.0 have no multishot receive.
    multishot_receive: bool,
    /// Kernels before 6.9 truncate no file in a ring.
    has_truncate: bool,
    /// With what the kernel is asked to wait.
    wait_flags: EnterFlags,
    /// When the tick is due that is under way. Without one only [`Wait::HoweverLong`] is without a time.
    tick_due: Option<Instant>,
    /// When the alarm goes off that is under way.
    alarm_due: Option<Duration>,
    /// The same as the kernel reads it.
    alarm_time: Box<types::Timespec>,
    /// The error, an errno, by which the ring has refused to take entries for good.
    broken: Option<i32>,
}

/// How long [`ClientRing::submit`] waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait {
    /// Not at all.
    No,
    /// Until something completes.
    ForCompletion,
    /// The same, also without a tick, however long that takes: for who is woken by all that concerns it.
    HoweverLong,
    /// Until something completes, or so long. The kernel sets a timer for it at every wait, which costs a
    /// virtual machine two microseconds and more; so what comes regularly is a [`ClientRing::tick`].
    AtMost(Duration),
}

impl ClientRing {
    /// Sets the ring up on the calling thread.
    ///
    /// # Errors
    /// Those of `io_uring_setup`; the caller explains them to the operator.
    pub fn new() -> io::Result<ClientRing> {
        let ring = build_ring()?;
        let mut probe = Probe::new();
        ring.submitter().register_probe(&mut probe)?;
        if !probe.is_supported(opcode::MsgRingData::CODE) {
            let text = "this kernel's io_uring lacks messages between rings; Linux 5.19 or later is needed";
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        }
        let buffers = BufferRing::new(&ring)?;
        // SendZc came with the same release as multishot receive, 6.0, which has no operation code of its
        // own.
        let multishot_receive = probe.is_supported(opcode::SendZc::CODE);
        let has_truncate = probe.is_supported(opcode::Ftruncate::CODE);
        // Linux 6.15. Without it the kernel counts a sleeping worker as one that waits for a disk.
        let without_iowait = ring.params().is_feature_no_iowait();
        let wait_flags = if without_iowait { EnterFlags::NO_IOWAIT } else { EnterFlags::empty() };
        let wait_flags = wait_flags | EnterFlags::GETEVENTS;
        Ok(ClientRing {
            ring,
            buffers,
            multishot_receive,
            has_truncate,
            wait_flags,
            tick_due: None,
            alarm_due: None,
            alarm_time: Box::new(types::Timespec::new()),
            broken: None,
        })
    }

    /// The descriptor that other workers send their wake-ups to.
    pub fn fd(&self) -> RawFd {
        self.ring.as_raw_fd()
    }

    /// Accepts connections on a listener until further notice.
    pub fn accept(&mut self, listener: RawFd, index: u32) {
        // Not SOCK_NONBLOCK: on such a socket io_uring answers EAGAIN instead of waiting.
        let entry = opcode::AcceptMulti::new(types::Fd(listener)).flags(libc::SOCK_CLOEXEC).build();
        self.push(entry, Op::Accept, index);
    }

    /// Receives from a connection into provided buffers until further notice (or once, on old kernels).
    pub fn receive(&mut self, fd: RawFd, index: u32) {
        let entry = if self.multishot_receive {
            opcode::RecvMulti::new(types::Fd(fd), BUFFER_GROUP).build()
        } else {
            let recv = opcode::Recv::new(types::Fd(fd), std::ptr::null_mut(), BUFFER_BYTES as u32);
            recv.buf_group(BUFFER_GROUP).build().flags(squeue::Flags::BUFFER_SELECT)
        };
        self.push(entry, Op::Receive, index);
    }

    /// Ends [`ClientRing::receive`]: its last completion comes without `more`.
    pub fn cancel_receive(&mut self, index: u32) {
        let entry = opcode::AsyncCancel::new(Op::Receive.user_data(index)).build();
        self.push(entry, Op::Ignored, 0);
    }

    /// Receives once, straight into `memory`.
    ///
    /// # Safety
    /// `memory` stays valid and untouched until the completion.
    pub unsafe fn receive_into(&mut self, fd: RawFd, index: u32, memory: NonNull<u8>, len: usize) {
        let len = len.min(1 << 30) as u32;
        let entry = opcode::Recv::new(types::Fd(fd), memory.as_ptr(), len).build();
        self.push(entry, Op::ReceiveInto, index);
    }

    /// Sends bytes. The completion tells how many have gone.
    ///
    /// # Safety
    /// The memory stays valid and unchanged until the completion.
    pub unsafe fn send(&mut self, fd: RawFd, index: u32, memory: *const u8, len: usize) {
        let len = len.min(1 << 30) as u32;
        let flags = libc::MSG_NOSIGNAL | libc::MSG_WAITALL;
        let entry = opcode::Send::new(types::Fd(fd), memory, len).flags(flags).build();
        self.push(entry, Op::Send, index);
    }

    /// Sends the pieces that a message header names.
    ///
    /// # Safety
    /// The header and all it points to stay valid and unchanged until the completion.
    pub unsafe fn send_pieces(&mut self, fd: RawFd, index: u32, header: *const libc::msghdr) {
        let flags = (libc::MSG_NOSIGNAL | libc::MSG_WAITALL) as u32;
        let entry = opcode::SendMsg::new(types::Fd(fd), header).flags(flags).build();
        self.push(entry, Op::Send, index);
    }

    /// Wakes the worker that waits on another ring.
    pub fn wake(&mut self, ring: RawFd) {
        let entry = opcode::MsgRingData::new(types::Fd(ring), 0, Op::Wake.user_data(0), None).build();
        // Success is of no interest.
        self.push(entry.flags(squeue::Flags::SKIP_SUCCESS), Op::Unheard, ring as u32);
    }

    /// A [`ClientRing::wake`] has failed. It is tried again when the kernel was short of something, as the
    /// other worker may sleep without a tick. A ring that has gone needs no wake-up.
    pub fn wake_failed(&mut self, completion: Completion) {
        if [-libc::ENOMEM, -libc::EOVERFLOW, -libc::EAGAIN, -libc::EINTR].contains(&completion.result) {
            self.wake(completion.index as RawFd);
        }
    }

    /// Completes once, as [`Op::Readable`], when a descriptor has something to be read.
    pub fn await_readable(&mut self, fd: RawFd) {
        self.push(opcode::PollAdd::new(types::Fd(fd), libc::POLLIN as u32).build(), Op::Readable, 0);
    }

    /// Completes once, as [`Op::Tick`], after `TICK_PERIOD`. To be called when none is under way.
    pub fn tick(&mut self) {
        self.buffers.narrow();
        self.tick_due = Some(clock::moment() + Duration::from_millis(TICK_PERIOD_MS));
        // The kernel reads the time when the entry is submitted.
        self.push(opcode::Timeout::new(&raw const TICK_PERIOD).build(), Op::Tick, 0);
    }

    /// The tick has completed: how late it is looked at. It has to be asked for again.
    pub fn ticked(&mut self) -> Duration {
        self.tick_due.take().map_or(Duration::ZERO, |due| clock::moment().saturating_duration_since(due))
    }

    /// A tick is under way.
    pub fn is_ticking(&self) -> bool {
        self.tick_due.is_some()
    }

    /// The kernel truncates files in a ring.
    pub(super) fn has_truncate(&self) -> bool {
        self.has_truncate
    }

    /// Begins what the entry says.
    ///
    /// # Safety
    /// What the entry names stays valid, and untouched by others, until the completion.
    pub(super) unsafe fn begin(&mut self, entry: squeue::Entry, op: Op, index: u32) {
        self.push(entry, op, index);
    }

    /// The same, and it is ended with `ECANCELED` when it takes longer than the second entry says, a
    /// time-out.
    ///
    /// # Safety
    /// What the entries name stays valid, and untouched by others, until the completion.
    pub(super) unsafe fn begin_within(
        &mut self,
        entry: squeue::Entry,
        timeout: squeue::Entry,
        op: Op,
        index: u32,
    ) {
        let entry = entry.flags(squeue::Flags::IO_LINK).user_data(op.user_data(index));
        let timeout = timeout.user_data(Op::Ignored.user_data(0));
        // The two are submitted together: the kernel looks for the second no further than one submission
        // goes.
        self.push_all(&[entry, timeout]);
    }

    /// Asks to end what was begun early. It completes in any case.
    pub(super) fn cancel(&mut self, op: Op, index: u32) {
        let entry = opcode::AsyncCancel::new(op.user_data(index)).build();
        self.push(entry, Op::Ignored, 0);
    }

    /// True when an alarm at this time would go off before the one that is under way, if one is.
    #[inline]
    pub(super) fn is_alarm_late_for(&self, due: Option<Duration>) -> bool {
        due.is_some_and(|due| self.alarm_due.is_none_or(|under_way| due < under_way))
    }

    /// Completes once, as [`Op::Alarm`], at a time of the monotonic clock: that one, or that of an earlier
    /// call if it is earlier and has not come.
    pub(super) fn set_alarm(&mut self, due: Duration) {
        if !self.is_alarm_late_for(Some(due)) {
            return;
        }
        *self.alarm_time = types::Timespec::from(due);
        // The kernel reads the time when the entry is submitted.
        let (time, flags) = (&raw const *self.alarm_time, types::TimeoutFlags::ABS);
        if self.alarm_due.replace(due).is_some() {
            // Should it go off at this very moment, it is set anew when it has completed.
            let update = opcode::TimeoutUpdate::new(Op::Alarm.user_data(0), time).flags(flags);
            self.push(update.build(), Op::Ignored, 0);
        } else {
            self.push(opcode::Timeout::new(time).flags(flags).build(), Op::Alarm, 0);
        }
    }

    /// The alarm has completed.
    pub(super) fn alarm_completed(&mut self) {
        self.alarm_due = None;
    }

    /// The bytes that a completion has put into a provided buffer.
    pub fn received(&self, buffer: u16, len: usize) -> Received {
        self.buffers.received(buffer, len)
    }

    /// Gives a provided buffer back to the kernel.
    pub fn give_back(&mut self, received: Received) {
        self.buffers.give_back(received);
    }

    /// Submits what is queued, and waits. What cannot be submitted keeps the kernel from waiting, so no wait
    /// begins with an entry left behind; and none is without a time while no tick is under way, but for
    /// [`Wait::HoweverLong`].
    ///
    /// # Errors
    /// Those of `io_uring_enter`; an interrupted or timed out wait is none.
    pub fn submit(&mut self, wait: Wait) -> io::Result<()> {
        if let Some(errno) = self.broken {
            return Err(io::Error::from_raw_os_error(errno));
        }
        let result = match wait {
            Wait::No => self.ring.submit(),
            Wait::HoweverLong => self.enter_and_wait(None),
            Wait::ForCompletion if self.is_ticking() => self.enter_and_wait(None),
            Wait::ForCompletion => self.enter_and_wait(Some(Duration::from_millis(TICK_PERIOD_MS))),
            Wait::AtMost(time) => self.enter_and_wait(Some(time)),
        };
        match result {
            Err(error) if !is_passing(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Submits what is queued and waits for a completion, or at most so long.
    fn enter_and_wait(&mut self, time: Option<Duration>) -> io::Result<usize> {
        let queued = self.ring.submission().len() as u32;
        let submitter = self.ring.submitter();
        let Some(time) = time else {
            // SAFETY: no argument; the public functions above make their callers keep alive what the entries
            // name.
            return unsafe { submitter.enter::<libc::sigset_t>(queued, 1, self.wait_flags.bits(), None) };
        };
        let timespec = types::Timespec::from(time);
        let args = types::SubmitArgs::new().timespec(&timespec);
        let flags = self.wait_flags | EnterFlags::EXT_ARG;
        // SAFETY: the flag announces the argument, which lives until the call returns; the entries as above.
        unsafe { submitter.enter(queued, 1, flags.bits(), Some(&args)) }
    }

    /// Moves the waiting completions to `completions`.
    pub fn take_completions(&mut self, completions: &mut Vec<Completion>) {
        let mut queue = self.ring.completion();
        queue.sync();
        let (mut filled, mut starved) = (0, false);
        completions.extend(queue.map(|entry| {
            let buffer = cqueue::buffer_select(entry.flags());
            filled += u16::from(buffer.is_some());
            starved |= entry.result() == -libc::ENOBUFS;
            Completion {
                op: Op::of(entry.user_data()),
                index: entry.user_data() as u32,
                result: entry.result(),
                buffer,
                more: cqueue::more(entry.flags()),
            }
        }));
        self.buffers.count_filled(filled);
        if starved {
            self.buffers.widen();
        }
    }

    fn push(&mut self, entry: squeue::Entry, op: Op, index: u32) {
        self.push_all(&[entry.user_data(op.user_data(index))]);
    }

    #[inline]
    fn push_all(&mut self, entries: &[squeue::Entry]) {
        loop {
            // SAFETY: the public functions above make their callers keep alive what the entries name.
            if unsafe { self.ring.submission().push_multiple(entries) }.is_ok() {
                return;
            }
            // The queue is full. Submitting takes entries from it also while completions wait; it fails for
            // want of memory, and is tried again, or because the ring is broken. Then the entries are lost
            // with the ring, and the next `submit` says so: the node stops.
            if let Err(error) = self.ring.submit() {
                if !is_passing(&error) {
                    self.broken = error.raw_os_error();
                    return;
                }
                std::thread::yield_now();
            }
        }
    }
}

/// Errors of `io_uring_enter` after which the next call may succeed: the time is over, a signal came, memory
/// is short.
fn is_passing(error: &io::Error) -> bool {
    let codes = [libc::ETIME, libc::EINTR, libc::EBUSY, libc::EAGAIN, libc::ENOMEM];
    error.raw_os_error().is_some_and(|code| codes.contains(&code))
}

/// The best ring that the kernel offers: completions are only run when the worker asks for them (6.1), or at
/// least without interrupting it.
fn build_ring() -> io::Result<IoUring> {
    let deferred = IoUring::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_taskrun_flag()
        .setup_cqsize(COMPLETION_ENTRIES)
        .build(SUBMISSION_ENTRIES);
    match deferred {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => IoUring::builder()
            .setup_coop_taskrun()
            .setup_taskrun_flag()
            .setup_cqsize(COMPLETION_ENTRIES)
            .build(SUBMISSION_ENTRIES),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::sync::mpsc::channel;

    use super::*;

    /// Runs on a thread of its own, which must be the one that uses the ring, and does not wait for it for
    /// ever.
    fn within_a_minute<T: Send + 'static>(run: impl FnOnce(ClientRing) -> T + Send + 'static) -> T {
        let (done, result) = channel();
        std::thread::spawn(move || done.send(run(ClientRing::new().unwrap())));
        result.recv_timeout(Duration::from_secs(60)).expect("the thread sleeps, and nothing wakes it")
    }

    fn completed(ring: &mut ClientRing) -> Vec<(Op, i32)> {
        let mut completions = Vec::new();
        ring.take_completions(&mut completions);
        completions.iter().map(|completion| (completion.op, completion.result)).collect()
    }

    #[test]
    fn a_wait_ends_although_no_tick_was_asked_for() {
        within_a_minute(|mut ring| {
            ring.submit(Wait::ForCompletion).unwrap();
            assert_eq!(completed(&mut ring), []);
        });
    }

    #[test]
    fn a_tick_ends_a_wait_and_has_to_be_asked_for_again() {
        within_a_minute(|mut ring| {
            for _ in 0..2 {
                ring.tick();
                assert!(ring.is_ticking());
                ring.submit(Wait::ForCompletion).unwrap();
                assert_eq!(completed(&mut ring), [(Op::Tick, -libc::ETIME)]);
                ring.ticked();
                assert!(!ring.is_ticking());
            }
        });
    }

    #[test]
    fn another_ring_ends_a_wait() {
        let (tell, told) = channel();
        let sleeper = std::thread::spawn(move || {
            within_a_minute(move |mut ring| {
                tell.send(ring.fd()).unwrap();
                while completed(&mut ring) != [(Op::Wake, 0)] {
                    ring.submit(Wait::AtMost(Duration::from_secs(120))).unwrap();
                }
            });
        });
        let fd = told.recv().unwrap();
        within_a_minute(move |mut ring| {
            ring.wake(fd);
            ring.submit(Wait::No).unwrap();
        });
        sleeper.join().unwrap();
    }

    #[test]
    fn a_wake_up_for_which_memory_was_short_is_tried_again_and_one_for_a_ring_that_has_gone_is_not() {
        let (tell, told) = channel();
        let sleeper = std::thread::spawn(move || {
            within_a_minute(move |mut ring| {
                tell.send(ring.fd()).unwrap();
                while completed(&mut ring) != [(Op::Wake, 0)] {
                    ring.submit(Wait::HoweverLong).unwrap();
                }
            });
        });
        let fd = told.recv().unwrap();
        within_a_minute(move |mut ring| {
            let failed =
                |result| Completion { op: Op::Unheard, index: fd as u32, result, buffer: None, more: false };
            ring.wake_failed(failed(-libc::EBADF));
            assert_eq!(ring.ring.submission().len(), 0);
            ring.wake_failed(failed(-libc::ENOMEM));
            ring.submit(Wait::No).unwrap();
        });
        sleeper.join().unwrap();
    }

    #[test]
    fn something_to_be_read_ends_a_wait_of_any_length() {
        within_a_minute(|mut ring| {
            let (watched, mut other) = UnixStream::pair().unwrap();
            ring.await_readable(watched.as_raw_fd());
            ring.submit(Wait::No).unwrap();
            assert_eq!(completed(&mut ring), []);
            other.write_all(b"x").unwrap();
            ring.submit(Wait::HoweverLong).unwrap();
            assert_eq!(completed(&mut ring), [(Op::Readable, i32::from(libc::POLLIN))]);
        });
    }

    #[test]
    fn more_entries_than_the_queue_has_room_for_are_all_submitted() {
        within_a_minute(|mut ring| {
            let many = 2 * SUBMISSION_ENTRIES + 1;
            for _ in 0..many {
                // There is no receive to be ended, so each of them completes with that.
                ring.cancel_receive(0);
            }
            ring.submit(Wait::No).unwrap();
            let mut count = 0;
            while count < many as usize {
                let completions = completed(&mut ring);
                assert!(completions.iter().all(|&completion| completion == (Op::Ignored, -libc::ENOENT)));
                count += completions.len();
                ring.submit(Wait::No).unwrap();
            }
        });
    }

    #[test]
    fn a_ring_that_refuses_entries_for_good_says_so_and_does_not_hold_its_thread() {
        within_a_minute(|mut ring| {
            let fd = ring.fd();
            let null = std::fs::File::open("/dev/null").unwrap();
            // From here on the descriptor is no ring.
            // SAFETY: both descriptors are open, and no one else uses this one.
            assert_eq!(unsafe { libc::dup2(null.as_raw_fd(), fd) }, fd);
            for _ in 0..=SUBMISSION_ENTRIES {
                ring.cancel_receive(0);
            }
            assert!(ring.submit(Wait::No).is_err());
            assert!(ring.submit(Wait::ForCompletion).is_err());
        });
    }
}
