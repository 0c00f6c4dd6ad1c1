//! Snapshots: what all keys of a shard were at one moment, written out by and by while commands go on.
//!
//! How it works. A snapshot begins with a *cut*, a moment at which no transaction is under way on any shard.
//! From then on each entry is written once, with the value that it had at the cut: by the walk that goes
//! over all tables in small steps ([`crate::shard::Shard::write_snapshot`]), or before that by whoever is
//! about to change, remove or lend it ([`Snapshots::save`]). So what a snapshot needs of memory are the bytes
//! that have been written and are not on the disk yet.
//!
//! Which entries have been written is told by a *mark* in each, a bit for each of the [`SNAPSHOTS_MAX`]
//! snapshots that may be under way. Between two snapshots all entries bear the same marks. A cut turns the
//! mark around that *written* entries bear: with that, in one step, none is written. A key that is made
//! afterwards bears the new mark from its beginning, since it belongs to no snapshot that is under way.
//! All shards bear the same marks, so entries, tables and slots go from one to another as they are.
//!
//! A big value is written in pieces, with other work between them. Who is about to change the one that is
//! being written has the rest of it written first.
//!
//! Why not by fork, as Redis: the copy of the page table stalls a process of many gigabytes, and each page
//! that is written to afterwards is copied, up to the whole memory once more. Why not slot by slot: random
//! writes touch most slots within a second.
//!
//! This file must not know files, formats, commands or transactions.

use std::collections::VecDeque;
use std::fmt;

use ahash::RandomState;

use crate::access::AccessPolicy;
use crate::db::Db;
use crate::entry::{EntryRef, MARKS, StrValue, Value};
use crate::garbage::Garbage;
use crate::key::{DbIndex, Key};
use crate::slot::{SLOT_COUNT, SlotId};
use crate::slot_tables::IntoTables;
use crate::table::{IntoEntries, ScanPosition};

/// So many snapshots may be under way at once: a save, a rewrite of the append-only file, and one for
/// replicas.
pub const SNAPSHOTS_MAX: usize = MARKS as usize;

/// A value of more bytes than this is written in pieces of about so many. Under test most values are.
pub const PIECE_BYTES: usize = if cfg!(test) { 4 } else { 64 << 10 };

/// Which of the snapshots that may be under way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SnapshotId(u8);

impl SnapshotId {
    /// The one of this number, which is less than [`SNAPSHOTS_MAX`].
    pub fn new(number: u8) -> Option<SnapshotId> {
        (usize::from(number) < SNAPSHOTS_MAX).then_some(SnapshotId(number))
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = SnapshotId> {
        (0..SNAPSHOTS_MAX as u8).map(SnapshotId)
    }

    /// Its number.
    pub fn number(self) -> u8 {
        self.0
    }

    fn mark(self) -> u8 {
        1 << self.0
    }
}

/// How an entry was used, as far as the policy of eviction keeps account of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Usage {
    /// LRU: for so long it has not been used, in milliseconds.
    IdleMs(u64),
    /// LFU: how often it was used, on the policy's logarithmic scale.
    Frequency(u8),
}

/// In what form keys are written. It appends to the bytes that it is given, and never fails: what the form
/// has no place for is left out and counted.
pub trait SnapshotWriter: Send {
    /// Says of which database the keys are that follow.
    fn select(&mut self, db: DbIndex, out: &mut Vec<u8>);
    /// Writes a key with its value.
    fn write(&mut self, entry: EntryRef<'_>, usage: Usage, out: &mut Vec<u8>);
    /// Begins to write a key whose value is big: all that comes before the value's elements.
    fn begin(&mut self, entry: EntryRef<'_>, usage: Usage, out: &mut Vec<u8>);
    /// Goes on with the value that was begun, which has not been changed since: about [`PIECE_BYTES`] more.
    /// True when it has come to the end.
    fn go_on(&mut self, entry: EntryRef<'_>, out: &mut Vec<u8>) -> bool;
    /// Of how many keys something had no place in the form, and was left out.
    fn left_out(&self) -> u64;
}

/// What has been written of a snapshot since the last piece.
#[derive(Default, Debug)]
pub struct SnapshotPiece {
    /// Keys, each with its value. The piece names the database of the first one.
    pub bytes: Vec<u8>,
    /// False when the last value goes on in the next piece, which must follow directly.
    pub is_whole: bool,
    /// The keys that have been written to their end.
    pub keys: u64,
    /// Of how many keys something was left out since the cut.
    pub left_out: u64,
}

/// Where an entry that has not been written lies.
struct Found {
    /// Its database at the cut.
    db: DbIndex,
    slot: SlotId,
    key: Box<[u8]>,
}

/// How far the walk through one database has come.
#[derive(Clone, Copy, Default)]
struct Walk {
    slot: usize,
    position: ScanPosition,
}

/// A snapshot on one shard.
struct Snapshot {
    /// None when the snapshot has been given up and only the marks are put right.
    writer: Option<Box<dyn SnapshotWriter>>,
    out: Vec<u8>,
    /// What was written while a big value was not at its end: it follows that.
    behind_big: Vec<u8>,
    /// The database of the last key in `out`, if the piece has one.
    selected: Option<DbIndex>,
    /// The number that each database had at the cut.
    names: Vec<DbIndex>,
    /// How far the walk has come in each database, by its number at the cut.
    walks: Vec<Walk>,
    /// The database that is being walked through.
    at: usize,
    /// Big values that the walk has met and that are still to be written.
    big: VecDeque<Found>,
    /// The first of them has been begun.
    is_begun: bool,
    keys: u64,
}

/// The numbers that the databases had at the cuts of the snapshots under way. They go with whole slots to the
/// shard that runs a transaction on all of them, and come back as that one has changed them (SWAPDB).
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct DatabaseNames([Vec<DbIndex>; SNAPSHOTS_MAX]);

/// What FLUSHALL or FLUSHDB has taken away before it was written.
struct Flushed {
    /// The snapshots that it belongs to.
    marks: u8,
    /// Its database, by its number at the cut of each snapshot.
    names: [DbIndex; SNAPSHOTS_MAX],
    tables: IntoTables,
    entries: Option<IntoEntries>,
}

/// The snapshots that are under way on one shard, and the marks of those that are not. One per shard.
#[derive(Default)]
pub struct Snapshots {
    /// What an entry bears that every snapshot has written, or that has come after its cut.
    marks: u8,
    /// The snapshots that are under way.
    active: u8,
    under_way: [Option<Box<Snapshot>>; SNAPSHOTS_MAX],
    flushed: VecDeque<Flushed>,
}

impl fmt::Debug for Snapshots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshots")
            .field("marks", &self.marks)
            .field("active", &self.active)
            .finish_non_exhaustive()
    }
}

/// True when a value is written in pieces.
fn is_big(entry: EntryRef<'_>) -> bool {
    match entry.value() {
        Value::Str(StrValue::Inline(bytes)) if cfg!(test) => bytes.len() > PIECE_BYTES,
        Value::Str(StrValue::Raw(blob)) => blob.len() > PIECE_BYTES,
        Value::Object(object) => object.memory_bytes() > PIECE_BYTES,
        _ => false,
    }
}

impl Snapshot {
    /// Writes an entry that is not written yet, whole: the rest of it when it has been begun.
    fn write(&mut self, db: DbIndex, entry: EntryRef<'_>, usage: Usage) {
        self.keys += 1;
        let is_of_this = |found: &Found| found.db == db && *found.key == *entry.key();
        if self.is_begun && self.big.front().is_some_and(is_of_this) {
            while !self.go_on(entry) {}
            return;
        }
        let Some(writer) = &mut self.writer else { return };
        if self.is_begun {
            writer.select(db, &mut self.behind_big);
            writer.write(entry, usage, &mut self.behind_big);
            return;
        }
        if self.selected != Some(db) {
            self.selected = Some(db);
            writer.select(db, &mut self.out);
        }
        writer.write(entry, usage, &mut self.out);
    }

    /// Begins with the first of the big values.
    fn begin(&mut self, db: DbIndex, entry: EntryRef<'_>, usage: Usage) {
        self.is_begun = true;
        let Some(writer) = &mut self.writer else { return };
        if self.selected != Some(db) {
            self.selected = Some(db);
            writer.select(db, &mut self.out);
        }
        writer.begin(entry, usage, &mut self.out);
    }

    /// Goes on with it. True at its end.
    fn go_on(&mut self, entry: EntryRef<'_>) -> bool {
        let is_at_end = self.writer.as_mut().is_none_or(|writer| writer.go_on(entry, &mut self.out));
        if is_at_end {
            self.big.pop_front();
            self.is_begun = false;
            if !self.behind_big.is_empty() {
                self.out.append(&mut self.behind_big);
                self.behind_big = Vec::new();
                self.selected = None;
            }
        }
        is_at_end
    }

    /// The number that a database has now, by that at the cut.
    fn index_of(&self, db: DbIndex) -> DbIndex {
        let index = self.names.iter().position(|&name| name == db);
        DbIndex(index.expect("every database has the name of one") as u16)
    }

    fn has_walked(&self) -> bool {
        self.at == self.walks.len() && self.big.is_empty()
    }
}

impl Snapshots {
    /// True while a snapshot is under way: who changes, removes or lends an entry then calls
    /// [`Snapshots::save`] before.
    #[inline]
    pub fn is_active(&self) -> bool {
        self.active != 0
    }

    /// True while this one is under way.
    pub fn is_under_way(&self, id: SnapshotId) -> bool {
        self.active & id.mark() != 0
    }

    /// The marks of an entry that has been made now.
    #[inline]
    pub fn marks(&self) -> u8 {
        self.marks
    }

    /// Begins a snapshot of so many databases. It is the cut: on all shards nothing else happens at this
    /// moment, and no entry is lent.
    ///
    /// # Panics
    /// When one of this number is under way: whoever chooses numbers knows which are free.
    pub fn begin(&mut self, id: SnapshotId, databases: usize, writer: Box<dyn SnapshotWriter>) {
        assert!(!self.is_under_way(id), "a snapshot begins whose number is in use");
        self.active |= id.mark();
        self.marks ^= id.mark();
        self.under_way[usize::from(id.0)] = Some(Box::new(Snapshot {
            writer: Some(writer),
            out: Vec::new(),
            behind_big: Vec::new(),
            selected: None,
            names: (0..databases).map(|db| DbIndex(db as u16)).collect(),
            walks: vec![Walk::default(); databases],
            at: 0,
            big: VecDeque::new(),
            is_begun: false,
            keys: 0,
        }));
    }

    /// Gives a snapshot up. Its walk goes on without writing anything, so that the marks are right for the
    /// next one of its number, and it ends as others do.
    pub fn give_up(&mut self, id: SnapshotId) {
        if let Some(snapshot) = &mut self.under_way[usize::from(id.0)] {
            snapshot.writer = None;
            snapshot.out = Vec::new();
            snapshot.behind_big = Vec::new();
        }
    }

    /// Ends a snapshot: every shard has walked through all its tables. Returns what is left of it.
    pub fn end(&mut self, id: SnapshotId) -> SnapshotPiece {
        let piece = self.take(id);
        self.active &= !id.mark();
        self.under_way[usize::from(id.0)] = None;
        piece
    }

    /// Bytes that have been written and not been taken yet, of all snapshots.
    pub fn bytes(&self) -> usize {
        let snapshots = self.under_way.iter().flatten();
        snapshots.map(|snapshot| snapshot.out.len() + snapshot.behind_big.len()).sum()
    }

    /// Takes what has been written.
    pub fn take(&mut self, id: SnapshotId) -> SnapshotPiece {
        let Some(snapshot) = &mut self.under_way[usize::from(id.0)] else { return SnapshotPiece::default() };
        if !snapshot.is_begun {
            snapshot.selected = None;
        }
        SnapshotPiece {
            bytes: std::mem::take(&mut snapshot.out),
            is_whole: !snapshot.is_begun,
            keys: std::mem::take(&mut snapshot.keys),
            left_out: snapshot.writer.as_ref().map_or(0, |writer| writer.left_out()),
        }
    }

    /// True when the walk has come to the end of all tables.
    pub fn has_walked(&self, id: SnapshotId) -> bool {
        let is_flushed = self.flushed.iter().any(|flushed| flushed.marks & id.mark() != 0);
        let snapshot = self.under_way[usize::from(id.0)].as_ref();
        !is_flushed && snapshot.is_none_or(|snapshot| snapshot.has_walked())
    }

    /// The snapshots under way that have not written an entry with these marks.
    #[inline]
    fn missing(&self, marks: u8) -> u8 {
        self.active & (marks ^ self.marks)
    }

    /// Writes an entry in every snapshot that has not done so: it is about to be changed, or lent to another
    /// shard. Returns the marks that it bears now.
    #[cold]
    pub fn save(&mut self, db: DbIndex, entry: EntryRef<'_>, usage: Usage) -> u8 {
        let missing = self.missing(entry.marks());
        for id in SnapshotId::all().filter(|id| missing & id.mark() != 0) {
            if let Some(snapshot) = &mut self.under_way[usize::from(id.0)] {
                let name = snapshot.names[db.index()];
                snapshot.write(name, entry, usage);
            }
        }
        entry.marks() ^ missing
    }

    /// Two databases have changed places (SWAPDB).
    pub fn swap_dbs(&mut self, first: DbIndex, second: DbIndex) {
        for snapshot in self.under_way.iter_mut().flatten() {
            snapshot.names.swap(first.index(), second.index());
        }
    }

    /// The numbers of the databases, for the shard to which their tables go.
    pub(crate) fn names(&self) -> DatabaseNames {
        let names =
            |snapshot: &Option<Box<Snapshot>>| snapshot.as_ref().map(|snapshot| snapshot.names.clone());
        DatabaseNames(self.under_way.each_ref().map(|snapshot| names(snapshot).unwrap_or_default()))
    }

    /// Takes those of a shard from which tables come.
    pub(crate) fn set_names(&mut self, names: DatabaseNames) {
        let known = names.0.into_iter().zip(&mut self.under_way).filter(|(names, _)| !names.is_empty());
        for (names, snapshot) in known {
            if let Some(snapshot) = snapshot {
                snapshot.names = names;
            }
        }
    }

    /// Takes all tables of a database, whose keys are gone for commands (FLUSHDB), until they are written.
    pub(crate) fn take_flushed(&mut self, db: DbIndex, tables: IntoTables) {
        let mut names = [DbIndex::default(); SNAPSHOTS_MAX];
        for (name, snapshot) in names.iter_mut().zip(&self.under_way) {
            *name = snapshot.as_ref().map(|snapshot| snapshot.names[db.index()]).unwrap_or_default();
        }
        self.flushed.push_back(Flushed { marks: self.active, names, tables, entries: None });
    }

    /// Goes on with what was flushed: one entry. False when there is nothing.
    pub(crate) fn walk_flushed(&mut self, access: &AccessPolicy, now_ms: u64, garbage: &mut Garbage) -> bool {
        let Some(flushed) = self.flushed.front_mut() else { return false };
        let Some(entry) = flushed.entries.as_mut().and_then(Iterator::next) else {
            flushed.entries = flushed.tables.next().map(|table| table.into_entries());
            if flushed.entries.is_none() {
                self.flushed.pop_front();
            }
            return true;
        };
        let (marks, names) = (flushed.marks, flushed.names);
        let missing = self.missing(entry.view().marks()) & marks;
        let usage = Usage::of(entry.view(), access, now_ms);
        for id in SnapshotId::all().filter(|id| missing & id.mark() != 0) {
            if let Some(snapshot) = &mut self.under_way[usize::from(id.0)] {
                snapshot.write(names[usize::from(id.0)], entry.view(), usage);
            }
        }
        garbage.push_entry(entry);
        true
    }
}

/// The databases of a shard and what is needed to find a key in them: see [`Snapshots::walk`].
pub(crate) struct Tables<'a> {
    pub(crate) dbs: &'a mut [Db],
    pub(crate) hasher: &'a RandomState,
    pub(crate) access: AccessPolicy,
    pub(crate) now_ms: u64,
    pub(crate) garbage: &'a mut Garbage,
}

impl Tables<'_> {
    fn usage(&self, entry: EntryRef<'_>) -> Usage {
        Usage::of(entry, &self.access, self.now_ms)
    }
}

impl Usage {
    /// That of an entry, under a policy, at a time.
    pub fn of(entry: EntryRef<'_>, access: &AccessPolicy, now_ms: u64) -> Usage {
        match access.is_lfu {
            true => Usage::Frequency(access.frequency(entry.access(), now_ms)),
            false => Usage::IdleMs(access.idle_ms(entry.access(), now_ms)),
        }
    }
}

/// So many entries are visited at once: none of them is big.
const SCAN_ENTRIES: usize = 16;

impl Snapshots {
    /// Goes on with the walk of a snapshot until it has visited `entries_max` entries, or as many bytes as
    /// `bytes_max` are to be taken, or its end.
    pub(crate) fn walk(
        &mut self,
        id: SnapshotId,
        tables: &mut Tables<'_>,
        entries_max: usize,
        bytes_max: usize,
    ) {
        let mut seen = 0;
        while seen < entries_max
            && let Some(snapshot) = &mut self.under_way[usize::from(id.0)]
            && snapshot.out.len() < bytes_max
        {
            if !snapshot.big.is_empty() {
                snapshot.write_big(self.marks, id.mark(), tables);
                seen += 1;
            } else if snapshot.at < snapshot.walks.len() {
                seen += 1 + snapshot.walk_some(self.marks, id.mark(), tables);
            } else if self.walk_flushed(&tables.access, tables.now_ms, tables.garbage) {
                seen += 1;
            } else {
                return;
            }
        }
    }

    /// Writes the rest of big values that have been begun: the tables are about to leave their shard.
    pub(crate) fn finish_big(&mut self, tables: &mut Tables<'_>) {
        for id in SnapshotId::all() {
            while let Some(snapshot) = self.under_way[usize::from(id.0)].as_mut().filter(|one| one.is_begun) {
                snapshot.write_big(self.marks, id.mark(), tables);
            }
        }
    }

    /// Writes all that a slot has: it is about to leave this shard for good.
    pub(crate) fn save_slot(&mut self, slot: SlotId, tables: &mut Tables<'_>) {
        self.finish_big(tables);
        for db in 0..tables.dbs.len() {
            let (access, now_ms) = (tables.access, tables.now_ms);
            let Some(table) = tables.dbs[db].table_mut(slot) else { continue };
            let mut position = Some(ScanPosition::START);
            while let Some(from) = position {
                position = table
                    .scan_mut(from, SCAN_ENTRIES, |word| {
                        let usage = Usage::of(word.entry(), &access, now_ms);
                        let marks = self.save(DbIndex(db as u16), word.entry(), usage);
                        word.with_entry(|entry| entry.set_marks(marks));
                    })
                    .1;
            }
        }
    }
}

impl Snapshot {
    /// Goes on with the walk through the tables, about [`SCAN_ENTRIES`] entries. Returns how many there were.
    fn walk_some(&mut self, marks: u8, mark: u8, tables: &mut Tables<'_>) -> usize {
        let name = DbIndex(self.at as u16);
        let (access, now_ms) = (tables.access, tables.now_ms);
        let db = &mut tables.dbs[self.index_of(name).index()];
        let Walk { mut slot, position } = self.walks[self.at];
        if position == ScanPosition::START {
            slot = db.first_slot_from(slot);
        }
        if slot == SLOT_COUNT {
            self.at += 1;
            return 0;
        }
        let slot_id = SlotId::new(slot as u16);
        let (seen, next) = match db.table_mut(slot_id) {
            Some(table) => table.scan_mut(position, SCAN_ENTRIES, |word| {
                let entry = word.entry();
                if (entry.marks() ^ marks) & mark == 0 {
                    return;
                }
                if is_big(entry) {
                    self.big.push_back(Found { db: name, slot: slot_id, key: entry.key().into() });
                    return;
                }
                self.write(name, entry, Usage::of(entry, &access, now_ms));
                let written = entry.marks() ^ mark;
                word.with_entry(|entry| entry.set_marks(written));
            }),
            None => (0, None),
        };
        self.walks[self.at] = match next {
            Some(position) => Walk { slot, position },
            None => Walk { slot: slot + 1, position: ScanPosition::START },
        };
        seen
    }

    /// Goes on with the first of the big values that the walk has met, unless it has been written meanwhile.
    fn write_big(&mut self, marks: u8, mark: u8, tables: &mut Tables<'_>) {
        let Some(Found { db: name, slot, key }) = self.big.front() else { return };
        let (name, slot) = (*name, *slot);
        let key = Key { bytes: key, slot, hash: tables.hasher.hash_one(key) };
        let index = self.index_of(name).index();
        let found = tables.dbs[index].find_entry(&key);
        let Some((place, entry)) = found.filter(|(_, entry)| (entry.marks() ^ marks) & mark != 0) else {
            self.big.pop_front();
            return;
        };
        if !self.is_begun {
            let usage = tables.usage(entry);
            self.begin(name, entry, usage);
        }
        if self.go_on(entry) {
            self.keys += 1;
            let written = entry.marks() ^ mark;
            tables.dbs[index].word_mut(slot, place).with_entry(|entry| entry.set_marks(written));
        }
    }
}
