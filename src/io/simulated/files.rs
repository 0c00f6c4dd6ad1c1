//! A file system that forgets what was not synced, and fails as real ones do.
//!
//! Every file and every directory has what is seen and what is on the disk. A sync carries the first over to
//! the second; a loss of power puts the second in the place of the first. Paths begin at the root, which
//! exists.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use shards::random::Random;

use crate::io::disk::{FileCall, FileCalls};

/// What a loss of power does to what was not synced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unsynced {
    /// It is gone.
    Forgotten,
    /// By chance a prefix of it stays: of the changes of each file, the last of them cut anywhere, and of the
    /// changes of names.
    Torn,
}

/// What may go wrong by chance. Nothing does by default.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FileChances {
    /// One in so many reads and writes moves fewer bytes than it could; 0 is none.
    pub(crate) short_in: usize,
    /// One in so many calls is interrupted (`EINTR`); 0 is none.
    pub(crate) interrupted_in: usize,
    /// A call takes up to so long.
    pub(crate) delay_max: Duration,
}

/// Calls that fail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    /// Which.
    pub(crate) is_hit: fn(&FileCall) -> bool,
    /// How.
    pub(crate) errno: i32,
    /// How many of them.
    pub(crate) times: usize,
}

#[derive(Debug)]
pub(crate) struct SimulatedFiles {
    pub(crate) chances: FileChances,
    pub(crate) faults: Vec<Fault>,
    /// The size of the disk.
    pub(crate) capacity_bytes: usize,
    pub(crate) now: Duration,
    random: Random,
    /// Files and directories, by number; those without a name too.
    nodes: Vec<Node>,
    names: BTreeMap<PathBuf, usize>,
    names_on_disk: BTreeMap<PathBuf, usize>,
    unsynced_names: Vec<NameChange>,
    descriptors: BTreeMap<i32, usize>,
    next_descriptor: i32,
    under_way: Vec<Flight>,
}

/// A file, or a directory, which has no bytes.
#[derive(Debug, Default)]
struct Node {
    is_directory: bool,
    bytes: Vec<u8>,
    on_disk: Vec<u8>,
    /// What leads from the second to the first, each with its number.
    unsynced: Vec<(u64, Change)>,
    next_change: u64,
}

#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Truncate { len: usize },
}

#[derive(Clone, Debug)]
enum NameChange {
    Add { path: PathBuf, node: usize },
    Remove { path: PathBuf },
    Rename { from: PathBuf, to: PathBuf, node: usize },
}

#[derive(Debug)]
struct Flight {
    due: Duration,
    index: u32,
    call: Box<FileCall>,
    /// A sync covers what was changed before it began.
    changes_before: u64,
    cancelled: bool,
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Change::Truncate { len } => bytes.resize(*len, 0),
            Change::Write { offset, bytes: written } => {
                let end = offset + written.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(written);
            }
        }
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            NameChange::Add { path, node } => {
                names.insert(path.clone(), *node);
            }
            NameChange::Remove { path } => {
                names.remove(path);
            }
            NameChange::Rename { from, to, node } => {
                names.remove(from);
                names.insert(to.clone(), *node);
            }
        }
    }

    /// What of it the sync of a directory covers, and what it leaves.
    fn split(self, directory: &Path) -> (Option<NameChange>, Option<NameChange>) {
        let is_of = |path: &Path| path.parent() == Some(directory);
        match self {
            NameChange::Rename { from, to, node } if is_of(&from) != is_of(&to) => {
                let is_source = is_of(&from);
                let (remove, add) = (NameChange::Remove { path: from }, NameChange::Add { path: to, node });
                if is_source { (Some(remove), Some(add)) } else { (Some(add), Some(remove)) }
            }
            NameChange::Add { ref path, .. }
            | NameChange::Remove { ref path }
            | NameChange::Rename { from: ref path, .. } => {
                if is_of(path) {
                    (Some(self), None)
                } else {
                    (None, Some(self))
                }
            }
        }
    }
}

impl SimulatedFiles {
    pub(crate) fn new(seed: u64) -> SimulatedFiles {
        let root = Node { is_directory: true, ..Node::default() };
        let names = BTreeMap::from([(PathBuf::from("/"), 0)]);
        SimulatedFiles {
            chances: FileChances::default(),
            faults: Vec::new(),
            capacity_bytes: usize::MAX,
            now: Duration::ZERO,
            random: Random::new(seed),
            nodes: vec![root],
            names_on_disk: names.clone(),
            names,
            unsynced_names: Vec::new(),
            descriptors: BTreeMap::new(),
            next_descriptor: 3,
            under_way: Vec::new(),
        }
    }

    /// When the next call is done.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.under_way.iter().map(|flight| flight.due).min()
    }

    /// Carries out a call that is due, one of them by chance.
    pub(crate) fn complete(&mut self, now: Duration) -> Option<(u32, Box<FileCall>, i32)> {
        let due: Vec<usize> = (0..self.under_way.len()).filter(|&at| self.under_way[at].due <= now).collect();
        if due.is_empty() {
            return None;
        }
        let at = due[self.random.below(due.len())];
        let mut flight = self.under_way.swap_remove(at);
        let result = if flight.cancelled {
            Err(libc::ECANCELED)
        } else {
            self.carry_out(&mut flight.call, flight.changes_before)
        };
        Some((flight.index, flight.call, result.unwrap_or_else(|errno| -errno)))
    }

    /// What the disk has is all there is from now on.
    pub(crate) fn power_loss(&mut self, unsynced: Unsynced) {
        let flights = std::mem::take(&mut self.under_way);
        let mut names = self.names_on_disk.clone();
        if unsynced == Unsynced::Torn {
            // A write that was under way may have come as far as any other.
            for mut flight in flights {
                if let FileCall::Write { .. } = &*flight.call {
                    let _ = self.carry_out(&mut flight.call, flight.changes_before);
                }
            }
            let kept = self.random.below(self.unsynced_names.len() + 1);
            self.unsynced_names.iter().take(kept).for_each(|change| change.apply(&mut names));
        }
        for node in &mut self.nodes {
            if unsynced == Unsynced::Torn {
                let kept = self.random.below(node.unsynced.len() + 1);
                for (at, (_, change)) in node.unsynced.iter().take(kept).enumerate() {
                    let mut change = change.clone();
                    if let Change::Write { bytes, .. } = &mut change
                        && at + 1 == kept
                    {
                        bytes.truncate(self.random.below(bytes.len() + 1));
                    }
                    change.apply(&mut node.on_disk);
                }
            }
            node.unsynced.clear();
            node.bytes.clone_from(&node.on_disk);
        }
        // A file whose directory is not there cannot be found.
        self.names = BTreeMap::new();
        for (path, node) in names {
            let is_found = path.parent().is_none_or(|parent| self.names.contains_key(parent));
            if is_found {
                self.names.insert(path, node);
            }
        }
        self.names_on_disk.clone_from(&self.names);
        self.unsynced_names.clear();
        self.descriptors.clear();
    }

    /// What a path has, if it is a file.
    pub(crate) fn content(&self, path: &str) -> Option<&[u8]> {
        self.names.get(Path::new(path)).map(|&node| &*self.nodes[node].bytes)
    }

    /// Descriptors that have not been given back.
    pub(crate) fn open_descriptors(&self) -> usize {
        self.descriptors.len()
    }

    fn is_chance(&mut self, one_in: usize) -> bool {
        one_in > 0 && self.random.one_in(one_in)
    }

    fn fault(&mut self, call: &FileCall) -> Option<i32> {
        let fault = self.faults.iter_mut().find(|fault| fault.times > 0 && (fault.is_hit)(call))?;
        fault.times -= 1;
        Some(fault.errno)
    }

    fn carry_out(&mut self, call: &mut FileCall, changes_before: u64) -> Result<i32, i32> {
        let fault = self.fault(call);
        if fault.is_some()
            && let FileCall::Sync { descriptor, .. } = call
        {
            // The kernel has tried, failed, and counts the pages as written (fsync(2)).
            let node = self.node(*descriptor)?;
            self.nodes[node].unsynced.clear();
        }
        if let Some(errno) = fault {
            return Err(errno);
        }
        if self.is_chance(self.chances.interrupted_in) && !matches!(call, FileCall::Close { .. }) {
            return Err(libc::EINTR);
        }
        match call {
            FileCall::Open { path, flags, .. } => self.open(&path_of(path), *flags),
            FileCall::Read { descriptor, offset, buffer, from } => {
                let node = self.node(*descriptor)?;
                let memory = &mut buffer[*from..];
                let at = (*offset as usize + *from).min(self.nodes[node].bytes.len());
                let len = memory.len().min(self.nodes[node].bytes.len() - at);
                let len = self.maybe_short(len);
                memory[..len].copy_from_slice(&self.nodes[node].bytes[at..at + len]);
                Ok(len as i32)
            }
            FileCall::Write { descriptor, offset, buffer, from, to } => {
                let node = self.node(*descriptor)?;
                let len = self.maybe_short(*to - *from);
                self.write(node, *offset as usize + *from, &buffer[*from..*from + len])
            }
            FileCall::Sync { descriptor, .. } => {
                let node = self.node(*descriptor)?;
                self.sync(node, changes_before);
                Ok(0)
            }
            FileCall::SetPermissions { descriptor, .. } => self.node(*descriptor).map(|_| 0),
            FileCall::Truncate { descriptor, len_bytes } => {
                let node = self.node(*descriptor)?;
                self.change(node, Change::Truncate { len: *len_bytes as usize });
                Ok(0)
            }
            FileCall::Size { descriptor, len_bytes } => {
                *len_bytes = self.nodes[self.node(*descriptor)?].bytes.len() as u64;
                Ok(0)
            }
            FileCall::Close { descriptor } => {
                self.descriptors.remove(descriptor).map(|_| 0).ok_or(libc::EBADF)
            }
            FileCall::Rename { from, to } => self.rename(path_of(from), path_of(to)),
            FileCall::Remove { path } => {
                let path = path_of(path);
                let node = *self.names.get(&path).ok_or(libc::ENOENT)?;
                if self.nodes[node].is_directory {
                    return Err(libc::EISDIR);
                }
                self.change_name(NameChange::Remove { path });
                Ok(0)
            }
            FileCall::MakeDirectory { path } => {
                let path = path_of(path);
                self.check_parent(&path)?;
                if self.names.contains_key(&path) {
                    return Err(libc::EEXIST);
                }
                self.add(path, true);
                Ok(0)
            }
        }
    }

    fn maybe_short(&mut self, len: usize) -> usize {
        if len > 1 && self.is_chance(self.chances.short_in) { 1 + self.random.below(len - 1) } else { len }
    }

    fn node(&self, descriptor: i32) -> Result<usize, i32> {
        self.descriptors.get(&descriptor).copied().ok_or(libc::EBADF)
    }

    fn check_parent(&self, path: &Path) -> Result<(), i32> {
        let parent = path.parent().ok_or(libc::EEXIST)?;
        let node = self.names.get(parent).ok_or(libc::ENOENT)?;
        if self.nodes[*node].is_directory { Ok(()) } else { Err(libc::ENOTDIR) }
    }

    fn open(&mut self, path: &Path, flags: i32) -> Result<i32, i32> {
        let node = match self.names.get(path).copied() {
            Some(_) if flags & libc::O_EXCL != 0 => return Err(libc::EEXIST),
            Some(node) if flags & libc::O_DIRECTORY != 0 && !self.nodes[node].is_directory => {
                return Err(libc::ENOTDIR);
            }
            Some(node) if flags & libc::O_ACCMODE != 0 && self.nodes[node].is_directory => {
                return Err(libc::EISDIR);
            }
            Some(node) => node,
            None if flags & libc::O_CREAT == 0 => return Err(libc::ENOENT),
            None => {
                self.check_parent(path)?;
                self.add(path.to_owned(), false)
            }
        };
        if flags & libc::O_TRUNC != 0 {
            self.change(node, Change::Truncate { len: 0 });
        }
        let descriptor = self.next_descriptor;
        self.next_descriptor += 1;
        self.descriptors.insert(descriptor, node);
        Ok(descriptor)
    }

    fn add(&mut self, path: PathBuf, is_directory: bool) -> usize {
        let node = self.nodes.len();
        self.nodes.push(Node { is_directory, ..Node::default() });
        self.change_name(NameChange::Add { path, node });
        node
    }

    fn rename(&mut self, from: PathBuf, to: PathBuf) -> Result<i32, i32> {
        let node = *self.names.get(&from).ok_or(libc::ENOENT)?;
        self.check_parent(&to)?;
        if self.names.get(&to).is_some_and(|&replaced| self.nodes[replaced].is_directory) {
            return Err(libc::EISDIR);
        }
        self.change_name(NameChange::Rename { from, to, node });
        Ok(0)
    }

    /// A disk that has no room for all takes what it has room for.
    fn write(&mut self, node: usize, offset: usize, bytes: &[u8]) -> Result<i32, i32> {
        let used: usize = self.names.values().map(|&node| self.nodes[node].bytes.len()).sum();
        // A file without a name is not among those that count.
        let len_max = self.nodes[node].bytes.len().saturating_add(self.capacity_bytes.saturating_sub(used));
        let len = bytes.len().min(len_max.saturating_sub(offset));
        if len == 0 && !bytes.is_empty() {
            return Err(libc::ENOSPC);
        }
        self.change(node, Change::Write { offset, bytes: bytes[..len].to_vec() });
        Ok(len as i32)
    }

    fn change(&mut self, node: usize, change: Change) {
        let node = &mut self.nodes[node];
        change.apply(&mut node.bytes);
        node.unsynced.push((node.next_change, change));
        node.next_change += 1;
    }

    fn change_name(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.unsynced_names.push(change);
    }

    fn sync(&mut self, node: usize, changes_before: u64) {
        if self.nodes[node].is_directory {
            let path = self.names.iter().find(|&(_, &other)| other == node).map(|(path, _)| path.clone());
            let Some(path) = path else { return };
            for change in std::mem::take(&mut self.unsynced_names) {
                let (synced, left) = change.split(&path);
                synced.inspect(|change| change.apply(&mut self.names_on_disk));
                self.unsynced_names.extend(left);
            }
            return;
        }
        let Node { unsynced, on_disk, .. } = &mut self.nodes[node];
        let later =
            unsynced.iter().position(|&(number, _)| number >= changes_before).unwrap_or(unsynced.len());
        unsynced.drain(..later).for_each(|(_, change)| change.apply(on_disk));
    }
}

impl FileCalls for SimulatedFiles {
    fn begin(&mut self, index: u32, call: Box<FileCall>) {
        let delay_max = self.chances.delay_max.as_micros() as usize;
        let delay = Duration::from_micros(self.random.below(delay_max + 1) as u64);
        let changes_before = match &*call {
            FileCall::Sync { descriptor, .. } => {
                self.node(*descriptor).map_or(0, |node| self.nodes[node].next_change)
            }
            _ => 0,
        };
        let due = self.now + delay;
        self.under_way.push(Flight { due, index, call, changes_before, cancelled: false });
    }

    /// Half of the time it is too late.
    fn cancel(&mut self, index: u32) {
        let is_in_time = self.random.one_in(2);
        if let Some(flight) = self.under_way.iter_mut().find(|flight| flight.index == index) {
            flight.cancelled |= is_in_time && !matches!(*flight.call, FileCall::Close { .. });
        }
    }
}

fn path_of(path: &std::ffi::CStr) -> PathBuf {
    PathBuf::from(path.to_str().expect("paths of tests are text"))
}
