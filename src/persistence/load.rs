//! An RDB file on its way into the shards: read ahead a little, gone through once, and handed out by keys.
//!
//! One worker has this and decodes nothing: it finds where each key's value ends ([`Scanner`]) and puts its
//! bytes into a batch for the shard that owns the key. So all cores decode, which is most of the work even
//! for small strings. All that is on its way has a bound in bytes: a file is read no further ahead than
//! [`AHEAD_BYTES`], and a shard that has [`CREDIT_BYTES`] of batches that it has not put in stops the going
//! through, and by that the reading. Nothing here waits: ends of requests to the disk come by [`Load::take`],
//! batches come back by [`Load::taken`], and [`Load::step`] does a bounded piece of what can be done.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::path::PathBuf;

use shards::key::DbIndex;
use shards::loading::{LoadBatch, LoadCounts, LoadFault, shown_key};
use shards::rdb::error::RdbError;
use shards::rdb::scan::{Checksum, Scanned, Scanner};
use shards::slot::{ShardId, SlotId};

use crate::io::Owner;
use crate::io::disk::{Disk, FileDone, FileId, FileOutcome, FileRequest, OpId, OpenMode};
use crate::node::functions::FUNCTIONS_BYTES_MAX;
use crate::persistence::failure::{LoadFailure, Reason};

/// Bytes of one request to the disk: so much it reads in one call.
const READ_BYTES: usize = 256 << 10;
/// Bytes that are read before they are needed: while a few hundred microseconds' worth of them is gone
/// through the next ones come. An element of a value that is longer is waited for in full.
pub const AHEAD_BYTES: usize = 1 << 20;
/// Bytes that are gone through in a step, which takes about half a millisecond.
const STEP_BYTES: usize = 256 << 10;
/// Bytes of batches that a shard may have before it, the last one of them on top: some milliseconds of its
/// work, so that it never waits while others have nothing to do, and little for a machine of many cores.
pub const CREDIT_BYTES: usize = 1 << 20;
/// Emptied batches that are kept for their next use.
const SPARE_BATCHES_MAX: usize = 64;
/// A window that has become larger than this, for a long value, does not stay so.
const WINDOW_KEPT_BYTES: usize = 4 * AHEAD_BYTES;

/// What is to be loaded, and for whom.
#[derive(Clone, Debug)]
pub struct LoadPlan {
    /// The file.
    pub path: PathBuf,
    /// How many shards there are.
    pub shards: usize,
    /// How many databases there are.
    pub databases: u16,
    /// Whether the file's checksum is held against its bytes (rdbchecksum).
    pub checks: bool,
    /// The time, in seconds since 1970.
    pub now_s: u64,
}

/// What a file says of itself beside its keys.
#[derive(Debug, Default)]
pub struct FileFacts {
    /// What its writer used, in bytes.
    pub used_bytes: u64,
    /// The libraries of functions in it.
    pub functions: Vec<Box<[u8]>>,
    function_bytes: usize,
}

/// How a load has ended.
pub type Loaded = Result<(LoadCounts, FileFacts), Box<LoadFailure>>;

/// How far a step has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// The step is over, and more can be done at once.
    More,
    /// Something has to come: bytes, or emptied batches.
    Waits,
    /// The file has been gone through, or is no more: all shards are to be told that there is no more, once.
    Scanned,
}

/// What is done with the file.
enum Stage {
    Opening,
    Sizing(FileId),
    Reading(FileId),
    /// Nothing any more.
    Over,
}

/// One load of a file.
pub struct Load {
    owner: Owner,
    plan: LoadPlan,
    stage: Stage,
    /// The request that is under way.
    op: Option<OpId>,
    /// Bytes that have been read.
    read_bytes: u64,
    is_at_end: bool,
    total_bytes: u64,
    /// What the scanner sees: it has not passed what is from `at` on.
    window: Vec<u8>,
    at: usize,
    /// What has been read and comes behind that.
    ahead: VecDeque<Vec<u8>>,
    ahead_bytes: usize,
    /// So many bytes there must be before it is worth going on.
    needed: usize,
    scanner: Scanner,
    /// The shard of the value that is being passed.
    part_of: usize,
    shards: Vec<ShardOut>,
    #[expect(clippy::vec_box, reason = "batches travel boxed: a hop has a pointer")]
    spare: Vec<Box<LoadBatch>>,
    facts: FileFacts,
    /// Keys that have been passed.
    keys: u64,
    /// Shards that have not said that all is in.
    awaited: usize,
    is_scanned: bool,
    counts: LoadCounts,
    failure: Option<Box<LoadFailure>>,
}

/// What is on its way to a shard.
#[derive(Default)]
struct ShardOut {
    batch: Box<LoadBatch>,
    /// The bytes of those batches that have not come back, in their order.
    sent: VecDeque<usize>,
    sent_bytes: usize,
}

impl Load {
    /// Begins a load. The ends of the owner's requests are to be handed to [`Load::take`].
    pub fn start(plan: LoadPlan, owner: Owner, disk: &mut Disk) -> Load {
        let op = disk.start(owner, FileRequest::Open { path: plan.path.clone(), mode: OpenMode::Read });
        Load {
            owner,
            stage: Stage::Opening,
            op: Some(op),
            read_bytes: 0,
            is_at_end: false,
            total_bytes: 0,
            window: Vec::new(),
            at: 0,
            ahead: VecDeque::new(),
            ahead_bytes: 0,
            needed: 0,
            scanner: Scanner::new(plan.checks),
            part_of: 0,
            shards: (0..plan.shards).map(|_| ShardOut::default()).collect(),
            spare: Vec::new(),
            facts: FileFacts::default(),
            keys: 0,
            awaited: plan.shards,
            is_scanned: false,
            counts: LoadCounts::default(),
            failure: None,
            plan,
        }
    }

    /// The length of the file, as far as it is known; how much of it has been passed; what its writer used.
    pub fn progress(&self) -> (u64, u64, u64) {
        (self.total_bytes, self.scanner.offset(), self.facts.used_bytes)
    }

    /// How many keys have been passed.
    pub fn keys(&self) -> u64 {
        self.keys
    }

    /// Takes the end of a request to the disk.
    pub fn take(&mut self, done: FileDone, disk: &mut Disk) {
        if self.op != Some(done.op) {
            // A file was closed.
            return;
        }
        self.op = None;
        match (&self.stage, done.result) {
            (Stage::Opening, Ok(FileOutcome::Opened(file))) => {
                self.stage = Stage::Sizing(file);
                self.op = Some(disk.start(self.owner, FileRequest::Size { file }));
            }
            (Stage::Opening, Err(error)) => self.fail(0, Reason::Open(error), disk),
            (&Stage::Sizing(file), result) => {
                // The length is for progress alone.
                self.total_bytes = if let Ok(FileOutcome::Size(bytes)) = result { bytes } else { 0 };
                self.stage = Stage::Reading(file);
            }
            (Stage::Reading(_), Ok(_)) => {
                self.read_bytes += done.moved_bytes as u64;
                self.is_at_end = done.moved_bytes < READ_BYTES;
                self.ahead_bytes += done.buffer.len();
                self.ahead.push_back(done.buffer);
            }
            (Stage::Reading(_), Err(error)) => self.fail(self.read_bytes, Reason::Read(error), disk),
            (Stage::Opening | Stage::Over, Ok(_)) | (Stage::Over, Err(_)) => {}
        }
    }

    /// Does what can be done, up to a bound. Batches go out by `send`, each with its bytes.
    pub fn step(
        &mut self,
        owner_of: impl Fn(SlotId) -> ShardId,
        mut send: impl FnMut(ShardId, Box<LoadBatch>, usize),
        disk: &mut Disk,
    ) -> Progress {
        if self.is_scanned {
            return Progress::Waits;
        }
        let progress = self.scan(owner_of, &mut send, disk);
        self.read_on(disk);
        if progress == Progress::Scanned {
            self.is_scanned = true;
            self.close(disk);
            for shard in 0..self.shards.len() {
                self.send_batch(shard, &mut send);
            }
        }
        progress
    }

    /// A batch of a shard has come back.
    pub fn taken(&mut self, shard: ShardId, batch: Box<LoadBatch>) {
        let out = &mut self.shards[shard.index()];
        out.sent_bytes -= out.sent.pop_front().unwrap_or(0);
        if self.spare.len() < SPARE_BATCHES_MAX {
            self.spare.push(batch);
        }
    }

    /// A shard has found something wrong: the file is gone through no further.
    pub fn found(&mut self, fault: LoadFault) {
        self.note(LoadFailure::of_key(&self.plan.path, fault));
    }

    /// A shard has done all that it was given.
    pub fn ended(&mut self, counts: LoadCounts) {
        self.awaited -= 1;
        self.counts.add(counts);
    }

    /// All shards have said that all is in.
    pub fn is_over(&self) -> bool {
        self.is_scanned && self.awaited == 0
    }

    /// How it has ended, when it is over.
    pub fn outcome(self) -> Loaded {
        match self.failure {
            Some(failure) => Err(failure),
            None => Ok((self.counts, self.facts)),
        }
    }

    /// Gives the load up: what is under way is taken back.
    pub fn give_up(&mut self, disk: &mut Disk) {
        if let Some(op) = self.op {
            disk.cancel(op);
        }
        self.close(disk);
    }

    fn close(&mut self, disk: &mut Disk) {
        if let Stage::Sizing(file) | Stage::Reading(file) = self.stage {
            disk.start(self.owner, FileRequest::Close { file });
        }
        self.stage = Stage::Over;
    }

    /// Has the scanner see as much as it needs, if that has been read. Only what it has not passed is moved,
    /// so most bytes are copied once.
    fn fill_window(&mut self) -> bool {
        while self.window.len() - self.at < self.needed.max(1) {
            let Some(bytes) = self.ahead.pop_front() else { return self.is_at_end };
            self.ahead_bytes -= bytes.len();
            self.add_to_window(bytes);
        }
        true
    }

    fn add_to_window(&mut self, bytes: Vec<u8>) {
        self.window.drain(..std::mem::take(&mut self.at));
        if self.window.is_empty() {
            self.window = bytes;
            return;
        }
        if self.window.capacity() > WINDOW_KEPT_BYTES && self.window.len() < self.window.capacity() / 4 {
            self.window.shrink_to(AHEAD_BYTES);
        }
        self.window.extend_from_slice(&bytes);
    }

    /// Has the next bytes read, unless there are enough.
    fn read_on(&mut self, disk: &mut Disk) {
        let Stage::Reading(file) = self.stage else { return };
        let ahead = self.window.len() - self.at + self.ahead_bytes;
        let has_enough = self.is_at_end || ahead >= self.needed.max(AHEAD_BYTES);
        // While others have much under way on the disk, the end of any of it leads here again.
        if self.op.is_some() || has_enough || !disk.has_room(READ_BYTES) {
            return;
        }
        let request =
            FileRequest::Read { file, offset: self.read_bytes, buffer: Vec::new(), len: READ_BYTES };
        self.op = Some(disk.start(self.owner, request));
    }

    fn fail(&mut self, offset: u64, reason: Reason, disk: &mut Disk) {
        self.note(LoadFailure { path: self.plan.path.clone(), offset, reason });
        self.close(disk);
    }

    fn note(&mut self, failure: LoadFailure) {
        self.failure = Some(Box::new(match self.failure.take() {
            Some(before) => before.or_earlier(failure),
            None => failure,
        }));
    }

    fn send_batch(&mut self, shard: usize, send: &mut impl FnMut(ShardId, Box<LoadBatch>, usize)) {
        let out = &mut self.shards[shard];
        if out.batch.is_empty() {
            return;
        }
        let batch = std::mem::replace(&mut out.batch, self.spare.pop().unwrap_or_default());
        let bytes = batch.held_bytes();
        out.sent.push_back(bytes);
        out.sent_bytes += bytes;
        send(ShardId(shard as u16), batch, bytes);
    }

    fn scan(
        &mut self,
        owner_of: impl Fn(SlotId) -> ShardId,
        send: &mut impl FnMut(ShardId, Box<LoadBatch>, usize),
        disk: &mut Disk,
    ) -> Progress {
        let mut budget = STEP_BYTES;
        loop {
            if self.failure.is_some() {
                return Progress::Scanned;
            }
            if matches!(self.stage, Stage::Opening | Stage::Sizing(_)) || !self.fill_window() {
                self.hand_out_all(send);
                return Progress::Waits;
            }
            if self.shards.iter().any(|out| out.sent_bytes >= CREDIT_BYTES) {
                return Progress::Waits;
            }
            if budget == 0 {
                return Progress::More;
            }
            match self.scan_some(&owner_of, &mut budget) {
                Ok(Scan::Full(shard)) => self.send_batch(shard, send),
                Ok(Scan::Hungry) => {}
                Ok(Scan::Ended) => return Progress::Scanned,
                Err((offset, reason)) => {
                    self.fail(offset, reason, disk);
                    return Progress::Scanned;
                }
            }
        }
    }

    /// The reading waits for the disk: the shards need not.
    fn hand_out_all(&mut self, send: &mut impl FnMut(ShardId, Box<LoadBatch>, usize)) {
        for shard in 0..self.shards.len() {
            if self.shards[shard].sent.is_empty() {
                self.send_batch(shard, send);
            }
        }
    }

    /// Passes items until the budget is used up, a batch is full, or the window ends.
    fn scan_some(
        &mut self,
        owner_of: &impl Fn(SlotId) -> ShardId,
        budget: &mut usize,
    ) -> Result<Scan, (u64, Reason)> {
        let is_last = self.is_at_end && self.ahead.is_empty();
        let Load { scanner, window, at, shards, part_of, plan, facts, keys, .. } = self;
        while *budget > 0 {
            let offset = scanner.offset();
            let (passed, scanned) = match scanner.next(&window[*at..]) {
                Ok(next) => next,
                Err(RdbError::Incomplete { needed }) if !is_last => {
                    self.needed = usize::try_from(needed).unwrap_or(usize::MAX);
                    return self.check_needed(offset).map(|()| Scan::Hungry);
                }
                Err(error) => return Err(self.told(error, offset)),
            };
            self.needed = 0;
            let mut cost = passed;
            let too_long = |key: &[u8]| (offset, Reason::TooLong(key.into()));
            match scanned {
                Scanned::Key(key) => {
                    let db = u16::try_from(key.db).ok().filter(|&db| db < plan.databases);
                    let db = db.ok_or((offset, Reason::Databases(plan.databases)))?;
                    *keys += 1;
                    // A hash of a template is longer than its bytes in the file.
                    cost = cost.max(key.value.len());
                    let slot = SlotId::of(key.key);
                    *part_of = owner_of(slot).index();
                    let batch = &mut shards[*part_of].batch;
                    batch.push_key(DbIndex(db), slot, &key).map_err(|_| too_long(key.key))?;
                }
                Scanned::Part { bytes, offset, is_last } => {
                    let batch = &mut shards[*part_of].batch;
                    batch.push_part(bytes, offset, is_last).map_err(|_| too_long(b"?"))?;
                }
                Scanned::SelectDb(db) if db >= u64::from(plan.databases) => {
                    return Err((offset, Reason::Databases(plan.databases)));
                }
                Scanned::Aux { name, value } => see_aux(&name, &value, plan.now_s, facts),
                Scanned::Function(code) => {
                    facts.function_bytes += code.len();
                    if facts.function_bytes > FUNCTIONS_BYTES_MAX {
                        return Err((offset, Reason::TooManyFunctions));
                    }
                    facts.functions.push(code.into_owned().into_boxed_slice());
                }
                Scanned::End(checksum) => {
                    *at += passed;
                    see_checksum(checksum).map_err(|reason| (offset, reason))?;
                    return Ok(Scan::Ended);
                }
                Scanned::Version(_)
                | Scanned::SelectDb(_)
                | Scanned::ResizeDb { .. }
                | Scanned::SlotInfo { .. }
                | Scanned::HashTemplate
                | Scanned::SlotImport(_) => {}
            }
            *at += passed;
            *budget = budget.saturating_sub(cost);
            if shards[*part_of].batch.is_full() {
                return Ok(Scan::Full(*part_of));
            }
        }
        Ok(Scan::Hungry)
    }

    /// What the scanner has found wrong behind this place, with its own.
    fn told(&self, error: RdbError, offset: u64) -> (u64, Reason) {
        let offset = match &error {
            RdbError::Incomplete { .. } => offset + (self.window.len() - self.at) as u64,
            RdbError::Corrupt { offset, .. } | RdbError::Refused { offset, .. } => *offset,
        };
        (offset, Reason::Bytes(error, self.scanner.key().map(Box::from)))
    }

    /// What the scanner wants to see at once must be able to come.
    fn check_needed(&self, offset: u64) -> Result<(), (u64, Reason)> {
        let key = || self.scanner.key().map(Box::from);
        if self.total_bytes > 0 && offset.saturating_add(self.needed as u64) > self.total_bytes {
            let needed = self.needed as u64;
            return Err((self.total_bytes, Reason::Bytes(RdbError::Incomplete { needed }, key())));
        }
        if self.needed > u32::MAX as usize {
            return Err((offset, Reason::TooLong(key().unwrap_or_default())));
        }
        Ok(())
    }
}

/// Why a scan has stopped.
enum Scan {
    /// The batch of this shard is full.
    Full(usize),
    /// The budget is used up, or more bytes are needed.
    Hungry,
    /// This was the end of the file.
    Ended,
}

/// Tells what a file says of itself, as Redis does, and keeps what is needed later.
fn see_aux(name: &[u8], value: &[u8], now_s: u64, facts: &mut FileFacts) {
    let number = || std::str::from_utf8(value).ok().and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    match name {
        [b'%', ..] => log::info!("RDB '{}': {}", shown_key(name), shown_key(value)),
        b"redis-ver" => log::info!("Loading RDB produced by version {}", shown_key(value)),
        b"valkey-ver" => log::info!("Loading RDB produced by Valkey version {}", shown_key(value)),
        b"ctime" => log::info!("RDB age {} seconds", now_s.saturating_sub(number())),
        b"used-mem" => {
            facts.used_bytes = number();
            let mb = facts.used_bytes as f64 / f64::from(1 << 20);
            log::info!("RDB memory usage when created {mb:.2} Mb");
        }
        b"aof-base" if number() == 1 => log::info!("RDB is base AOF"),
        _ => {}
    }
}

fn see_checksum(checksum: Checksum) -> Result<(), Reason> {
    match checksum {
        Checksum::Wrong { expected, found } => Err(Reason::Checksum { expected, found }),
        Checksum::Disabled => {
            log::info!("RDB file was saved with checksum disabled: no check performed.");
            Ok(())
        }
        Checksum::Absent | Checksum::Unchecked | Checksum::Right => Ok(()),
    }
}
