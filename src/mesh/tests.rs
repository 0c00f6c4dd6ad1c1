//! Tests of the mesh.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::batch::{WAITING_BYTES_MAX, WAITING_HOPS_MAX};
use super::*;
use crate::pubsub::hop::PubSubHop;

const TICKET: Ticket = Ticket { worker: ShardId(0), connection: 0, seq: 0 };

/// A worker that waits for longer has missed a wake-up. Far more than a loaded machine takes.
const WAKE_TIMEOUT: Duration = Duration::from_secs(60);

fn message(number: usize) -> Hop {
    Hop::PubSub(PubSubHop::Delivered(number as u64, 0))
}

/// What has come from a worker, by its numbers.
fn taken(mesh: &mut Mesh, from: ShardId) -> Option<Vec<usize>> {
    let mut batch = mesh.next_batch(from)?;
    let mut numbers = Vec::new();
    batch.take(|delivery| match delivery {
        Delivery::Other(Hop::PubSub(PubSubHop::Delivered(number, _))) => numbers.push(number as usize),
        _ => panic!("nothing else was sent"),
    });
    Some(numbers)
}

fn silent(_ring: RawFd) {
    panic!("nobody sleeps");
}

#[test]
fn only_workers_that_have_sent_something_are_looked_at() {
    let mut ends = Mesh::new(130);
    for sender in [3, 64, 129] {
        ends[sender].send(ShardId(1), message(sender));
        assert!(ends[sender].has_waiting());
        ends[sender].flush(silent);
        assert!(!ends[sender].has_waiting());
    }
    assert!(ends[1].has_inbox() && !ends[2].has_inbox() && !ends[1].park());
    ends[1].see_arrivals();
    let (mut next, mut found) = (0, Vec::new());
    while let Some(from) = ends[1].next_inbox(next) {
        next = from.index() + 1;
        found.push(from.index());
        assert_eq!(taken(&mut ends[1], from), Some(vec![from.index()]));
    }
    assert_eq!(found, [3, 64, 129]);
    // Each is looked at until nothing has been found.
    for from in [3, 64, 129] {
        assert!(ends[1].has_inbox());
        assert_eq!(ends[1].next_inbox(0), Some(ShardId(from)));
        assert_eq!(taken(&mut ends[1], ShardId(from)), None);
    }
    assert!(!ends[1].has_inbox() && ends[1].next_inbox(0).is_none() && ends[1].park());
}

#[test]
fn a_full_queue_keeps_its_batch_back_and_congests_until_it_has_gone() {
    let mut ends = Mesh::new(3);
    for number in 0..QUEUE_BATCHES {
        ends[0].send(ShardId(1), message(number));
        ends[0].flush(silent);
    }
    for number in 0..=WAITING_HOPS_MAX {
        assert!(!ends[0].is_congested());
        ends[0].send(ShardId(1), message(QUEUE_BATCHES + number));
    }
    ends[0].send(ShardId(2), message(7));
    ends[0].flush(silent);
    assert!(ends[0].is_congested() && ends[0].has_waiting());
    ends[2].see_arrivals();
    assert_eq!(taken(&mut ends[2], ShardId(0)), Some(vec![7]));
    ends[1].see_arrivals();
    assert_eq!(taken(&mut ends[1], ShardId(0)), Some(vec![0]));
    ends[0].flush(silent);
    assert!(!ends[0].is_congested() && !ends[0].has_waiting());
    let rest: Vec<usize> = std::iter::from_fn(|| taken(&mut ends[1], ShardId(0))).flatten().collect();
    assert!(rest.into_iter().eq(1..=QUEUE_BATCHES + WAITING_HOPS_MAX));
}

#[test]
fn bytes_that_a_hop_holds_congest_too() {
    let mut ends = Mesh::new(2);
    ends[0].send_sized(ShardId(1), message(0), WAITING_BYTES_MAX);
    assert!(!ends[0].is_congested());
    ends[0].send_sized(ShardId(1), message(1), 1);
    assert!(ends[0].is_congested());
    ends[0].flush(silent);
    assert!(!ends[0].is_congested());
}

#[test]
fn the_one_who_sends_to_a_sleeper_rings_and_nobody_else() {
    let mut ends = Mesh::new(3);
    ends[1].set_ring(41);
    assert!(ends[1].park());
    let mut rings = Vec::new();
    for sender in [0, 2] {
        ends[sender].send(ShardId(1), message(0));
        ends[sender].flush(|ring| rings.push(ring));
    }
    assert_eq!(rings, [41]);
}

/// One worker of the stress test: passes each number on, with one life less, to a worker that follows
/// from it, and sleeps by the mesh's protocol whenever it has nothing to do. Only the others wake it.
fn pass_numbers_on(mut mesh: Mesh, bells: &[Sender<()>], alarm: &Receiver<()>, left: &AtomicU64) {
    let (me, workers) = (mesh.me().index(), mesh.workers());
    let (mut sent, mut seen) = (vec![0; workers], vec![0; workers]);
    let ring = |worker: usize| {
        // Who has ended already needs no bell.
        let _ = bells[worker].send(());
    };
    let mut todo = VecDeque::from([2_000; 3]);
    loop {
        mesh.see_arrivals();
        let mut next = 0;
        while let Some(from) = mesh.next_inbox(next) {
            next = from.index() + 1;
            for number in taken(&mut mesh, from).unwrap_or_default() {
                // The low bits count what has been sent to us: none is lost, none overtakes another.
                assert_eq!(number & 0xf_ffff, seen[from.index()], "from {from:?} to {me}");
                seen[from.index()] += 1;
                todo.push_back(number >> 20);
            }
        }
        while let Some(life) = todo.pop_front() {
            if life == 0 {
                left.fetch_sub(1, Ordering::SeqCst);
                (0..workers).for_each(ring);
                continue;
            }
            let to = (me + 1 + life % (workers - 1)) % workers;
            mesh.send(ShardId(to as u16), message((life - 1) << 20 | sent[to]));
            sent[to] += 1;
        }
        mesh.flush(|fd| ring(fd as usize));
        if left.load(Ordering::SeqCst) == 0 {
            return;
        }
        if !mesh.has_waiting() && mesh.park() {
            alarm.recv_timeout(WAKE_TIMEOUT).unwrap_or_else(|_| panic!("worker {me} was never woken"));
            mesh.unpark();
        }
    }
}

#[test]
fn no_batch_is_lost_and_no_sleeper_forgotten() {
    for workers in [2, 3, 5] {
        let (bells, alarms): (Vec<_>, Vec<_>) = (0..workers).map(|_| channel()).unzip();
        let left = AtomicU64::new(3 * workers as u64);
        let ends = Mesh::new(workers);
        ends.iter().for_each(|mesh| mesh.set_ring(mesh.me().0.into()));
        std::thread::scope(|scope| {
            for (mesh, alarm) in ends.into_iter().zip(alarms) {
                let (bells, left) = (bells.clone(), &left);
                scope.spawn(move || pass_numbers_on(mesh, &bells, &alarm, left));
            }
        });
    }
}

#[test]
fn empty_batches_are_kept_by_their_memory_and_not_by_what_was_in_them() {
    let mut mesh = Mesh::new(1).remove(0);
    let with_memory = |bytes: usize| {
        let mut batch = Box::<Batch>::default();
        batch.replies.raw(&vec![b'x'; bytes]);
        batch.take(|_| ());
        batch
    };
    mesh.recycle(with_memory(SPARE_BATCHES_BYTES_MAX + 1));
    assert!(mesh.spare.is_empty());
    for _ in 0..2 * SPARE_BATCHES_MAX {
        mesh.recycle(with_memory(SPARE_BATCHES_BYTES_MAX / 4));
    }
    let bytes: usize = mesh.spare.iter().map(|batch| batch.memory_bytes()).sum();
    assert_eq!((mesh.spare.len(), mesh.spare_bytes), (4, bytes));
    while !mesh.spare.is_empty() {
        mesh.take_spare();
    }
    assert_eq!(mesh.spare_bytes, 0);
}

#[test]
fn a_receiver_that_takes_nothing_is_sent_a_bounded_number_of_bytes_and_then_the_rest_in_order() {
    let mut ends = Mesh::new(2);
    let (mut to, mut from) = (ends.remove(1), ends.remove(0));
    let reply = vec![b'x'; QUEUE_BYTES_MAX / 4];
    let mut made = 0;
    for _ in 0..20 {
        while to.has_room_for_replies(ShardId(0)) {
            to.reply_buffer(TICKET.worker, false).raw(&reply);
            to.end_reply(Ticket { seq: made, ..TICKET });
            made += 1;
        }
        to.flush(silent);
    }
    assert!(to.has_waiting() && !to.has_room_for_replies(ShardId(0)));
    assert!(made as usize * reply.len() <= QUEUE_BYTES_MAX + 2 * REPLY_BATCH_BYTES_MAX, "{made} replies");
    let mut taken = 0;
    while let Some(mut batch) = from.next_batch(ShardId(1)) {
        batch.take(|delivery| {
            let Delivery::Reply(ticket, bytes, _) = delivery else { panic!("a reply was sent") };
            assert_eq!((ticket.seq, bytes.len()), (taken, reply.len()));
            taken += 1;
        });
        to.flush(silent);
    }
    assert_eq!(taken, made);
}
