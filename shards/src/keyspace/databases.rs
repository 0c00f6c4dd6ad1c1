//! Databases as a whole: another one for a while, two of them in each other's place, and without their keys.

use super::Keyspace;
use crate::db::{Db, Freeing};
use crate::key::DbIndex;
use crate::snapshot::{SnapshotId, SnapshotWriter};

impl Keyspace<'_> {
    /// Another view, of another database, for as long as `look` runs.
    pub fn in_db<R>(&mut self, db: DbIndex, look: impl FnOnce(&mut Keyspace<'_>) -> R) -> R {
        look(&mut Keyspace::new(self.dbs, db, self.env, self.touch))
    }

    /// Swaps two databases of this shard, which must be there.
    pub fn swap_dbs(&mut self, first: DbIndex, second: DbIndex) {
        self.env.dirty += 1;
        if first == second {
            return;
        }
        for (db, other) in [(first, second), (second, first)] {
            for bytes in self.env.watches.keys_of(db) {
                let key = self.env.key(&bytes);
                let was_there = self.dbs[db.index()].find(&key).is_some();
                let comes = self.dbs[other.index()].find(&key);
                let comes = comes.map(|_| self.in_db(other, |keys| keys.is_expired(&key)));
                self.env.watches.replaced(db, &bytes, was_there, comes);
            }
            self.env.awaited.signal_all(Some(db));
        }
        self.dbs.swap(first.index(), second.index());
        self.env.snapshots.swap_dbs(first, second);
    }

    /// Begins a snapshot of all databases as they are now: the handler of a command that every worker runs
    /// (`CommandSpec::on_all_workers`). Returns the number of keys that it will have of this shard.
    pub fn begin_snapshot(&mut self, id: SnapshotId, writer: Box<dyn SnapshotWriter>) -> usize {
        self.env.snapshots.begin(id, self.dbs.len(), writer);
        self.dbs.iter().map(Db::len).sum()
    }

    /// Removes every key of the selected database.
    pub fn flush_selected(&mut self, freeing: Freeing) {
        let selected = self.selected;
        self.flush(selected, freeing);
        self.env.tracking.flushed();
    }

    /// Removes every key of every database.
    pub fn flush_all(&mut self, freeing: Freeing) {
        for index in 0..self.dbs.len() {
            self.flush(DbIndex(index as u16), freeing);
        }
        self.env.flushes += u64::from(!self.env.tracking.is_flush_told_elsewhere);
        self.env.tracking.flushed();
    }

    /// As in Redis a FLUSHALL of nothing is a change all the same: it has an effect.
    fn flush(&mut self, index: DbIndex, freeing: Freeing) {
        let db = &mut self.dbs[index.index()];
        for bytes in self.env.watches.keys_of(index) {
            let was_there = db.find(&self.env.key(&bytes)).is_some();
            self.env.watches.replaced(index, &bytes, was_there, None);
        }
        self.env.awaited.signal_all(Some(index));
        self.env.dirty += 1;
        if self.env.snapshots.is_active() {
            return self.flush_into_snapshots(index);
        }
        let db = &mut self.dbs[index.index()];
        db.flush(freeing, &mut self.env.garbage);
    }

    /// Removes every key of a database of which something may have to be written yet.
    #[cold]
    fn flush_into_snapshots(&mut self, index: DbIndex) {
        let (snapshots, mut tables) = self.env.snapshots_and_tables(self.dbs);
        snapshots.finish_big(&mut tables);
        snapshots.take_flushed(index, tables.dbs[index.index()].take_tables());
    }
}
