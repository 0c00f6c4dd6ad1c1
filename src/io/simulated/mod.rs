//! Files, links and timers in a world of seeded chance and a clock of its own, for tests.
//!
//! A `World` has machines, each with an `Errands`-like set (`disk`, `links`, `timers`), a file system and an
//! address, and one network between them. Nothing happens but in `World::step`, which does what is due next.
//! The same seed does the same again. This room knows no kernel.
//!
//! A test of code elsewhere stands where a worker does: it hands the `disk`, `links` and `timers` of a
//! machine to the state machine that it is about, and after each [`World::step`] hands on what
//! `Disk::next_done`, `Links::next_event` and `Timers::next_due` tell, until nothing is left (`edits.rs`
//! does so with a `FileEdit`). What may go wrong it says beforehand: chances ([`files::FileChances`],
//! [`network::NetworkChances`]), faults ([`files::Fault`]) and the size of the disk, each machine's own.
//! Losses of power are tried at every step: as many steps, [`World::power_loss`], and a fresh start on what
//! the disk has kept. Files are laid down and read by [`World::ended`], and
//! [`files::SimulatedFiles::content`] shows what is seen of one.

mod edits;
pub(crate) mod files;
pub(crate) mod network;
mod tests;

use std::net::IpAddr;
use std::time::Duration;

use shards::random::Random;

use self::files::SimulatedFiles;
use self::network::{CallsOfHost, Network};
use super::Owner;
use super::disk::{Disk, FileDone, FileRequest};
use super::links::Links;
use super::timers::Timers;

/// Who asks in [`World::ended`].
const TESTER: Owner = Owner(u32::MAX);

/// One machine.
#[derive(Debug)]
pub(crate) struct Machine {
    /// Its address.
    pub(crate) ip: IpAddr,
    /// Requests to its files.
    pub(crate) disk: Disk,
    /// Its links.
    pub(crate) links: Links,
    /// Its timers.
    pub(crate) timers: Timers,
    /// Its file system.
    pub(crate) files: SimulatedFiles,
}

/// Machines and the network between them.
#[derive(Debug)]
pub(crate) struct World {
    /// The time.
    pub(crate) now: Duration,
    /// The machines.
    pub(crate) machines: Vec<Machine>,
    /// The network.
    pub(crate) network: Network,
}

impl World {
    /// So many machines, at 10.0.0.1 and so on.
    pub(crate) fn new(seed: u64, machines: usize) -> World {
        let mut random = Random::new(seed);
        let machines = (0..machines).map(|index| Machine {
            ip: IpAddr::from([10, 0, 0, index as u8 + 1]),
            disk: Disk::default(),
            links: Links::default(),
            timers: Timers::default(),
            files: SimulatedFiles::new(random.bits()),
        });
        let machines = machines.collect();
        World { now: Duration::ZERO, machines, network: Network::new(random.bits()) }
    }

    /// Begins what was asked for, and goes to the next moment at which something is done or due. False when
    /// nothing is.
    pub(crate) fn step(&mut self) -> bool {
        if self.begin() {
            return true;
        }
        let due = |machine: &Machine| [machine.files.next_due(), machine.timers.nearest()];
        let dues = self.machines.iter().flat_map(due).chain([self.network.next_due()]);
        let Some(next) = dues.flatten().min() else { return false };
        self.now = self.now.max(next);
        for machine in &mut self.machines {
            while let Some((index, call, result)) = machine.files.complete(self.now) {
                machine.disk.completed(index, call, result);
            }
        }
        self.network.advance(self.now);
        self.tell_links();
        true
    }

    /// Asks the disk of a machine for something and goes on until that has ended. What else ends meanwhile is
    /// told to nobody.
    pub(crate) fn ended(&mut self, machine: usize, request: FileRequest) -> FileDone {
        let op = self.machines[machine].disk.start(TESTER, request);
        loop {
            let disk = &mut self.machines[machine].disk;
            if let Some(done) = std::iter::from_fn(|| disk.next_done()).find(|done| done.op == op) {
                return done;
            }
            assert!(self.step() || self.machines[machine].disk.has_news(), "what was asked for ends");
        }
    }

    /// The electricity fails on one machine: what was under way is gone, its files are as the disk has them,
    /// its links are broken, and it begins anew.
    pub(crate) fn power_loss(&mut self, machine: usize, unsynced: files::Unsynced) {
        self.begin();
        let machine = &mut self.machines[machine];
        machine.files.power_loss(unsynced);
        self.network.power_loss(machine.ip);
        machine.disk = Disk::default();
        machine.links = Links::default();
        machine.timers = Timers::default();
    }

    /// True when something has been done already, so that more may have to be begun.
    fn begin(&mut self) -> bool {
        for machine in &mut self.machines {
            machine.files.now = self.now;
            machine.disk.submit(&mut machine.files);
            self.network.now = self.now;
            machine.links.submit(&mut CallsOfHost { network: &mut self.network, ip: machine.ip });
        }
        self.tell_links()
    }

    fn tell_links(&mut self) -> bool {
        let completed = self.network.take_completed();
        let is_any = !completed.is_empty();
        for (ip, index, call, result) in completed {
            let machine = self.machines.iter_mut().find(|machine| machine.ip == ip);
            machine.expect("calls are those of machines").links.completed(index, *call, result);
        }
        is_any
    }
}
