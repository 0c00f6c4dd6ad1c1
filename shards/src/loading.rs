//! Keys on their way from a file into the shards that own them: batches of values that nobody has decoded,
//! how far a shard has come with them, and what can be wrong with one.
//!
//! Whoever reads the file fills batches and hands each to the worker of a shard; the shard decodes and puts
//! in ([`crate::shard::Shard::load_some`]). This file must not know files, nor who sends what to whom.

use std::collections::VecDeque;
use std::fmt;

use crate::access::LastUse;
use crate::key::DbIndex;
use crate::rdb::error::RdbError;
use crate::rdb::frame::Usage;
use crate::rdb::load::ValueLoader;
use crate::rdb::scan::ScannedKey;
use crate::rdb::value_type::ValueType;
use crate::slot::SlotId;

/// Bytes of keys and values with which a batch is full: some hundred small keys, which a shard puts in within
/// a tenth of a millisecond. A value of several elements is cut into parts before it is much longer
/// ([`crate::rdb::scan::PART_BYTES`]); one that is a single long string fills a batch alone.
pub const BATCH_BYTES: usize = 64 << 10;

/// So many skipped keys are named in the log (Redis: rdbLoadRioWithLoadingCtx).
pub const SKIPPED_NAMED_MAX: usize = 10;

/// Bytes of a key that a message shows.
const SHOWN_KEY_BYTES_MAX: usize = 128;

/// What is loaded, in bytes of the file, for the shard that owns the keys.
#[derive(Default)]
pub struct LoadBatch {
    /// Keys, each followed by its value or a part of that.
    bytes: Vec<u8>,
    items: Vec<Item>,
    /// In the order of the items that have one.
    extras: Vec<Extra>,
}

/// A key with its value or the first part of it, or a further part.
#[derive(Clone, Copy)]
pub(crate) struct Item {
    /// Where the value, or the part, begins in the file.
    pub(crate) offset: u64,
    key_len: u32,
    value_len: u32,
    pub(crate) db: DbIndex,
    pub(crate) slot: SlotId,
    pub(crate) form: ValueType,
    pub(crate) piece: Piece,
    has_extra: bool,
}

/// What of a value an item has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Piece {
    Whole,
    First,
    Middle,
    Last,
}

/// What few keys have beside their value.
#[derive(Clone, Copy, Default)]
pub(crate) struct Extra {
    /// When it expires, in milliseconds since 1970.
    pub(crate) expire_ms: Option<u64>,
    pub(crate) last_use: LastUse,
}

/// A key or a part that is too long for its batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooLong;

impl LoadBatch {
    /// Adds a key of this slot and database with its value, or with the first part of it.
    ///
    /// # Errors
    /// When the key or the value has 4 GB or more.
    pub fn push_key(&mut self, db: DbIndex, slot: SlotId, scanned: &ScannedKey<'_>) -> Result<(), TooLong> {
        let &ScannedKey { key, expire_ms, usage, form, value, offset, is_whole, .. } = scanned;
        let has_extra = expire_ms.is_some() || usage != Usage::Unknown;
        if has_extra {
            let last_use = match usage {
                Usage::Unknown => LastUse::Now,
                Usage::IdleSeconds(seconds) => LastUse::Ago { seconds },
                Usage::Frequency(counter) => LastUse::Frequency(counter),
            };
            self.extras.push(Extra { expire_ms, last_use });
        }
        let piece = if is_whole { Piece::Whole } else { Piece::First };
        let (key_len, value_len) = (len(key)?, len(value)?);
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
        self.items.push(Item { offset, key_len, value_len, db, slot, form, piece, has_extra });
        Ok(())
    }

    /// Adds a further part of the last key's value.
    ///
    /// # Errors
    /// When it has 4 GB or more.
    pub fn push_part(&mut self, bytes: &[u8], offset: u64, is_last: bool) -> Result<(), TooLong> {
        let piece = if is_last { Piece::Last } else { Piece::Middle };
        let (db, slot, form) = (DbIndex(0), SlotId::FIRST, ValueType::String);
        let value_len = len(bytes)?;
        self.bytes.extend_from_slice(bytes);
        self.items.push(Item { offset, key_len: 0, value_len, db, slot, form, piece, has_extra: false });
        Ok(())
    }

    /// There is enough in it.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.bytes.len() >= BATCH_BYTES
    }

    /// There is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Bytes that it takes while it is on its way.
    pub fn held_bytes(&self) -> usize {
        self.bytes.capacity() + self.items.len() * size_of::<Item>() + self.extras.len() * size_of::<Extra>()
    }

    /// Empties it for its next use, and lets go of what only a long value has needed.
    pub fn clear(&mut self) {
        if self.bytes.capacity() > 4 * BATCH_BYTES {
            self.bytes = Vec::new();
        }
        self.bytes.clear();
        self.items.clear();
        self.extras.clear();
    }

    /// The items from a place on.
    pub(crate) fn items_from(&self, at: Position) -> &[Item] {
        &self.items[at.item..]
    }

    /// The key and the value of the item at a place, and what it has beside them.
    #[inline]
    pub(crate) fn parts_at(&self, at: Position) -> (&[u8], &[u8], Extra) {
        let item = &self.items[at.item];
        let value_at = at.byte + item.key_len as usize;
        let (key, value) =
            (&self.bytes[at.byte..value_at], &self.bytes[value_at..][..item.value_len as usize]);
        let extra = if item.has_extra { self.extras[at.extra] } else { Extra::default() };
        (key, value, extra)
    }
}

fn len(bytes: &[u8]) -> Result<u32, TooLong> {
    u32::try_from(bytes.len()).map_err(|_| TooLong)
}

/// A place in a batch.
#[derive(Clone, Copy, Default)]
pub(crate) struct Position {
    item: usize,
    byte: usize,
    extra: usize,
}

impl Position {
    /// The place behind an item that is here.
    #[inline]
    pub(crate) fn behind(self, item: &Item) -> Position {
        Position {
            item: self.item + 1,
            byte: self.byte + item.key_len as usize + item.value_len as usize,
            extra: self.extra + usize::from(item.has_extra),
        }
    }
}

/// How keys are put in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LoadOptions {
    /// A key that is there already gives way; if not, it is an error (DEBUG RELOAD with NOFLUSH or MERGE).
    pub may_replace: bool,
    /// Keys whose time is over are put in all the same: somebody else says when they go.
    pub keeps_expired: bool,
}

/// What a shard has done with what it was given.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LoadCounts {
    /// Keys that were put in.
    pub loaded: u64,
    /// Keys that were not, as their time is over.
    pub expired: u64,
    /// Collections without elements, which no key may hold.
    pub skipped: u64,
    /// The first ones of these, as messages show them.
    pub skipped_names: Vec<String>,
}

impl LoadCounts {
    /// Adds what another shard has done.
    pub fn add(&mut self, other: LoadCounts) {
        self.loaded += other.loaded;
        self.expired += other.expired;
        self.skipped += other.skipped;
        let room = SKIPPED_NAMED_MAX - self.skipped_names.len();
        self.skipped_names.extend(other.skipped_names.into_iter().take(room));
    }

    pub(crate) fn skip(&mut self, key: &[u8]) {
        self.skipped += 1;
        if self.skipped_names.len() < SKIPPED_NAMED_MAX {
            self.skipped_names.push(shown_key(key));
        }
    }
}

/// A load of one shard: what it has still to do, and what it has done. Whoever has the shard holds it while
/// something is loaded.
#[derive(Default)]
pub struct ShardLoad {
    pub(crate) options: LoadOptions,
    pub(crate) batches: VecDeque<Box<LoadBatch>>,
    /// How far the first of the batches has been taken.
    pub(crate) at: Position,
    /// The value of which parts have come.
    pub(crate) open: Option<OpenValue>,
    pub(crate) counts: LoadCounts,
    pub(crate) fault: Option<LoadFault>,
}

/// A value of which parts have come.
pub(crate) struct OpenValue {
    pub(crate) db: DbIndex,
    pub(crate) slot: SlotId,
    pub(crate) key: Box<[u8]>,
    pub(crate) extra: Extra,
    /// None for that of a key that is dropped.
    pub(crate) loader: Option<ValueLoader>,
}

/// How far a step of a load has come.
pub enum LoadStep {
    /// A batch is done; it was emptied, for its next use.
    Done(Box<LoadBatch>),
    /// The step is over, and more is left.
    More,
    /// There is nothing to do.
    Idle,
}

impl ShardLoad {
    /// Nothing has come.
    pub fn new(options: LoadOptions) -> ShardLoad {
        ShardLoad { options, ..ShardLoad::default() }
    }

    /// Takes the next batch.
    pub fn push(&mut self, batch: Box<LoadBatch>) {
        self.batches.push_back(batch);
    }

    /// There is something to do.
    #[inline]
    pub fn has_work(&self) -> bool {
        !self.batches.is_empty()
    }

    /// What was wrong with a key; nothing behind it was put in.
    pub fn fault(&self) -> Option<&LoadFault> {
        self.fault.as_ref()
    }

    /// What was done.
    pub fn counts(&self) -> &LoadCounts {
        &self.counts
    }

    /// The first of the batches is done with.
    pub(crate) fn next_batch(&mut self) -> LoadStep {
        self.at = Position::default();
        match self.batches.pop_front() {
            Some(mut batch) => {
                batch.clear();
                LoadStep::Done(batch)
            }
            None => LoadStep::Idle,
        }
    }
}

/// What is wrong with a key of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoadFault {
    /// The key.
    pub key: Box<[u8]>,
    /// Its database.
    pub db: DbIndex,
    /// Where its value, or the part that is wrong, begins in the file.
    pub offset: u64,
    /// What is wrong.
    pub what: LoadFaultKind,
}

/// What can be wrong with a key of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LoadFaultKind {
    /// The bytes of its value.
    Value(RdbError),
    /// It has come before.
    Duplicate,
}

impl fmt::Display for LoadFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, db) = (shown_key(&self.key), self.db.0);
        match &self.what {
            LoadFaultKind::Value(error) => write!(f, "{error} (key '{key}' in DB {db})"),
            LoadFaultKind::Duplicate => write!(f, "RDB has duplicated key '{key}' in DB {db}"),
        }
    }
}

/// A key in a message: what is not plain text is escaped, and what is long is cut.
pub fn shown_key(key: &[u8]) -> String {
    let shown = key[..key.len().min(SHOWN_KEY_BYTES_MAX)].escape_ascii().to_string();
    if key.len() > SHOWN_KEY_BYTES_MAX { format!("{shown}... ({} bytes)", key.len()) } else { shown }
}
