//! What is loaded from a file, on the shard that owns the keys: values are decoded and put in as if clients
//! had written them, and nobody is told: no watch, no notice, no effect.
//!
//! This file must not know where the bytes come from.

use crate::db::Freeing;
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
                if let Err(fault) = self.load_item(load, item, key, value, extra) {
                    load.fault = Some(fault);
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

    /// Removes all keys before others are loaded. No command is under way that could meet some of both.
    pub fn flush_for_load(&mut self) {
        self.keyspace(DbIndex(0)).flush_all(Freeing::InSteps);
        self.close_effects();
        self.serve_news();
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
    ) -> Result<(), LoadFault> {
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
        result.map_err(|what| LoadFault { key: key.bytes.into(), db: item.db, offset: item.offset, what })
    }

    /// Takes a part of the value that is open.
    fn load_part(&mut self, load: &mut ShardLoad, item: &Item, bytes: &[u8]) -> Result<(), LoadFault> {
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
        result.map_err(|what| LoadFault { key: open.key, db: open.db, offset: item.offset, what })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::Env;
    use crate::loading::{LoadCounts, LoadOptions};
    use crate::rdb::scan::{Scanned, Scanner};
    use crate::shard::ShardConfig;
    use crate::slot::ShardId;
    use crate::watch::ClientId;

    const NOW_MS: u64 = 1_000_000_000_000;

    fn shard() -> Shard {
        let mut shard = Shard::new(&ShardConfig {
            id: ShardId(0),
            databases: 4,
            hash_seeds: [1, 2, 3, 4],
            random_seed: 5,
            string_len_max: 512 << 20,
            registry: crate::testing::registry(),
        });
        shard.set_now(NOW_MS);
        shard
    }

    /// Loads these items of a file, so many bytes in a step.
    fn load(
        shard: &mut Shard,
        items: &[u8],
        options: LoadOptions,
        step_bytes: usize,
    ) -> Result<LoadCounts, LoadFault> {
        let file = [b"REDIS0010", items, b"\xff\0\0\0\0\0\0\0\0"].concat();
        let (mut scanner, mut at, mut batch) = (Scanner::new(true), 0, Box::<LoadBatch>::default());
        loop {
            let (passed, scanned) = scanner.next(&file[at..]).unwrap();
            at += passed;
            match scanned {
                Scanned::Key(key) => {
                    let (db, slot) = (DbIndex(key.db as u16), SlotId::of(key.key));
                    batch.push_key(db, slot, &key).unwrap();
                }
                Scanned::Part { bytes, offset, is_last } => batch.push_part(bytes, offset, is_last).unwrap(),
                Scanned::End(_) => break,
                _ => {}
            }
        }
        let mut load = ShardLoad::new(options);
        load.push(batch);
        while load.has_work() {
            shard.load_some(&mut load, step_bytes);
        }
        load.fault().map_or_else(|| Ok(load.counts().clone()), |fault| Err(fault.clone()))
    }

    fn expiring(at_ms: u64, key: &str) -> Vec<u8> {
        let mut item = vec![252];
        item.extend(at_ms.to_le_bytes());
        item.extend([0, key.len() as u8]);
        item.extend(key.bytes());
        item.extend(b"\x01v");
        item
    }

    fn names(shard: &Shard, db: usize) -> Vec<String> {
        let mut names: Vec<_> = shard.dbs()[db]
            .entries()
            .map(|entry| String::from_utf8_lossy(entry.key()).into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn keys_whose_time_is_over_are_left_out_and_counted_unless_somebody_else_says_when_they_go() {
        let items = [expiring(NOW_MS - 1, "over"), expiring(NOW_MS + 9, "later"), b"\0\x01a\x01b".to_vec()];
        for (keeps_expired, kept, expired) in
            [(false, &["a", "later"][..], 1), (true, &["a", "later", "over"], 0)]
        {
            for step_bytes in [1, usize::MAX] {
                let mut shard = shard();
                let options = LoadOptions { keeps_expired, ..LoadOptions::default() };
                let counts = load(&mut shard, &items.concat(), options, step_bytes).unwrap();
                assert_eq!((counts.loaded, counts.expired), (kept.len() as u64, expired));
                assert_eq!(names(&shard, 0), kept);
                assert_eq!(shard.dbs()[0].keys_with_expire(), kept.len() - 1);
                shard.dbs()[0].assert_exact();
            }
        }
    }

    #[test]
    fn a_key_that_is_there_is_a_fault_or_gives_way() {
        let items = b"\xfe\x02\0\x01a\x01b\0\x01c\x01d\0\x01a\x01e\0\x01f\x01g";
        let fault = load(&mut shard(), items, LoadOptions::default(), usize::MAX).unwrap_err();
        assert_eq!((&*fault.key, fault.db, &fault.what), (&b"a"[..], DbIndex(2), &LoadFaultKind::Duplicate));
        let mut shard = shard();
        let options = LoadOptions { may_replace: true, ..LoadOptions::default() };
        assert_eq!(load(&mut shard, items, options, usize::MAX).unwrap().loaded, 4);
        assert_eq!(names(&shard, 2), ["a", "c", "f"]);
        let mut keys = shard.reading_keyspace(DbIndex(2));
        let key = keys.key(b"a");
        assert_eq!(keys.read_string(&key).unwrap().unwrap().bytes(&mut itoa::Buffer::new()), b"e");
    }

    #[test]
    fn keys_were_used_as_their_file_says() {
        let items = b"\xf8\x40\x64\0\x01i\x01v\xf9\x63\0\x01f\x01v\0\x01n\x01v";
        for (is_lfu, idle_s, frequency) in [(false, 100, 0), (true, 0, 99)] {
            let mut shard = shard();
            shard.env_mut().access.is_lfu = is_lfu;
            load(&mut shard, items, LoadOptions::default(), usize::MAX).unwrap();
            let access = |name: &[u8]| {
                let entries = shard.dbs()[0].entries();
                entries.filter(|entry| entry.key() == name).map(|entry| entry.access()).next().unwrap()
            };
            let Env { access: policy, now_ms, .. } = shard.env();
            match is_lfu {
                false => assert_eq!(policy.idle_ms(access(b"i"), *now_ms), idle_s * 1000),
                true => assert_eq!(policy.frequency(access(b"f"), *now_ms), frequency),
            }
            assert_eq!(access(b"n"), policy.at_start(*now_ms));
        }
    }

    #[test]
    fn nobody_is_told_of_what_is_loaded() {
        let mut shard = shard();
        shard.listen_to_effects(true);
        let mut keys = shard.keyspace(DbIndex(0));
        let key = keys.key(b"a");
        keys.watch(&key, ClientId(7));
        load(&mut shard, b"\0\x01a\x01b", LoadOptions::default(), usize::MAX).unwrap();
        assert!(shard.take_effects().is_empty() && !shard.has_notices());
        assert_eq!(shard.env().dirty, 0);
        let keys = shard.keyspace(DbIndex(0));
        let key = keys.key(b"a");
        assert!(!keys.is_watch_broken(&key, ClientId(7)));
    }

    #[test]
    fn a_fault_ends_the_load_where_it_is() {
        // A hash as a listpack of one element.
        let items = b"\0\x01a\x01b\x10\x01h\x0a\x0a\0\0\0\x01\0\x81a\x02\xff\0\x01c\x01d";
        for step_bytes in [1, usize::MAX] {
            let mut shard = shard();
            let fault = load(&mut shard, items, LoadOptions::default(), step_bytes).unwrap_err();
            assert_eq!((&*fault.key, fault.db), (&b"h"[..], DbIndex(0)));
            assert!(matches!(fault.what, LoadFaultKind::Value(RdbError::Corrupt { .. })), "{fault}");
            assert_eq!(names(&shard, 0), ["a"]);
        }
    }
}
