//! What is loaded from a file, on the shard that owns the keys: values are decoded and put in as if clients
//! had written them, and nobody is told: no watch, no notice, no effect.
//!
//! This file must not know where the bytes come from.

use crate::entry::Entry;
use crate::expires::is_over;
use crate::key::{DbIndex, Key};
use crate::loading::{
    Extra, Item, LoadBatch, LoadFault, LoadFaultKind, LoadStep, OpenValue, Piece, Position, ShardLoad,
};
use crate::rdb::error::RdbError;
use crate::rdb::load::{ValueLoader, load_value};
use crate::rdb::loaded::{Loaded, Making};
use crate::shard::Shard;
use crate::slot::SlotId;

/// Keys whose places in the tables are fetched together.
const KEYS_AHEAD: usize = 32;

/// A key that is put in.
#[derive(Clone, Copy)]
struct Place<'a> {
    db: DbIndex,
    key: Key<'a>,
}

impl Shard {
    /// Goes on with a load: takes about so many bytes of its first batch, at least one item. A fault ends the
    /// load: what comes behind it is thrown away.
    pub fn load_some(&mut self, load: &mut ShardLoad, bytes_max: usize) -> LoadStep {
        let Some(batch) = load.batches.pop_front() else { return LoadStep::Idle };
        let (mut at, mut bytes) = (load.at, 0);
        while load.fault.is_none() && bytes < bytes_max && !batch.items_from(at).is_empty() {
            let hashes = self.hashes_ahead(&batch, at);
            let ahead = batch.items_from(at).len().min(KEYS_AHEAD);
            for hash in &hashes[..ahead] {
                let item = &batch.items_from(at)[0];
                let (key, value, extra) = batch.parts_at(at);
                let key = Key { bytes: key, slot: item.slot, hash: *hash };
                if let Err((key, db, offset, what)) = self.load_item(load, item, key, value, extra) {
                    load.fault = Some(LoadFault { key, db, offset, what });
                    break;
                }
                bytes += key.bytes.len() + value.len();
                at = at.behind(item);
            }
        }
        let is_done = load.fault.is_some() || batch.items_from(at).is_empty();
        load.at = at;
        load.batches.push_front(batch);
        if is_done { load.next_batch() } else { LoadStep::More }
    }

    /// The hashes of the next keys of a batch; what their places in the tables are found by is fetched for
    /// all of them together.
    #[inline]
    fn hashes_ahead(&self, batch: &LoadBatch, mut at: Position) -> [u64; KEYS_AHEAD] {
        let mut hashes = [0; KEYS_AHEAD];
        let items = batch.items_from(at);
        for (item, hash) in items.iter().zip(&mut hashes) {
            self.dbs[item.db.index()].prefetch_table(item.slot);
            *hash = self.env.hash_of(batch.parts_at(at).0);
            at = at.behind(item);
        }
        for (item, &hash) in items.iter().zip(&hashes) {
            if let Some(table) = self.dbs[item.db.index()].table(item.slot) {
                table.prefetch_words(hash);
            }
        }
        hashes
    }

    #[inline]
    fn load_item(
        &mut self,
        load: &mut ShardLoad,
        item: &Item,
        key: Key<'_>,
        value: &[u8],
        extra: Extra,
    ) -> Result<(), (Box<[u8]>, DbIndex, u64, LoadFaultKind)> {
        let place = Place { db: item.db, key };
        let is_dropped = !load.options.keeps_expired
            && extra.expire_ms.is_some_and(|at_ms| is_over(at_ms, self.env.now_ms));
        let result = match item.piece {
            Piece::Whole if is_dropped => {
                load.counts.expired += 1;
                Ok(())
            }
            Piece::Whole => {
                let loaded = load_value(item.form, value, item.offset, self.making());
                self.put_in(load, place, extra, loaded)
            }
            Piece::First => {
                let loader = (!is_dropped).then(|| ValueLoader::new(item.form, self.making()));
                let (slot, name) = (item.slot, key.bytes.into());
                load.open = Some(OpenValue { db: item.db, slot, key: name, extra, loader });
                load.counts.expired += u64::from(is_dropped);
                return self.load_part(load, item, value);
            }
            Piece::Middle | Piece::Last => return self.load_part(load, item, value),
        };
        result.map_err(|what| (key.bytes.into(), item.db, item.offset, what))
    }

    /// Takes a part of the value that is open.
    fn load_part(
        &mut self,
        load: &mut ShardLoad,
        item: &Item,
        bytes: &[u8],
    ) -> Result<(), (Box<[u8]>, DbIndex, u64, LoadFaultKind)> {
        let Some(mut open) = load.open.take() else { unreachable!("a part follows the key that it is of") };
        let Some(loader) = &mut open.loader else {
            if item.piece != Piece::Last {
                load.open = Some(open);
            }
            return Ok(());
        };
        let mut result = loader.feed(bytes, item.offset, self.making()).map_err(LoadFaultKind::Value);
        if result.is_ok() && item.piece == Piece::Last {
            let loaded = open.loader.take().expect("just fed").finish(self.making());
            result = self.put_in(load, self.place_of(open.db, open.slot, &open.key), open.extra, loaded);
        } else if result.is_ok() {
            load.open = Some(open);
            return Ok(());
        }
        result.map_err(|what| (open.key, open.db, item.offset, what))
    }

    fn place_of<'k>(&self, db: DbIndex, slot: SlotId, key: &'k [u8]) -> Place<'k> {
        Place { db, key: self.env.key_in_slot(key, slot) }
    }

    fn making(&self) -> Making<'_> {
        Making { limits: &self.env.limits, hasher: &self.env.hasher }
    }

    /// Puts a key with its value in, unless there is nothing in the value.
    #[inline]
    fn put_in(
        &mut self,
        load: &mut ShardLoad,
        Place { db, key }: Place<'_>,
        extra: Extra,
        loaded: Result<Option<Loaded<'_>>, RdbError>,
    ) -> Result<(), LoadFaultKind> {
        let Some(loaded) = loaded.map_err(LoadFaultKind::Value)? else {
            load.counts.skip(key.bytes);
            return Ok(());
        };
        let access = self.env.access.after(extra.last_use, self.env.now_ms);
        let mut keys = self.keyspace(db);
        if keys.db().find(&key).is_some() {
            if !load.options.may_replace {
                return Err(LoadFaultKind::Duplicate);
            }
            drop(keys.take_as_is(&key));
        }
        let mut entry = loaded.give(|value| Entry::new(key.bytes, value, extra.expire_ms));
        entry.set_access(access);
        keys.insert_known(&key, entry);
        load.counts.loaded += 1;
        Ok(())
    }
}
