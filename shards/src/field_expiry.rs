//! Fields of hashes whose time is over: their removal in bounded steps, when a command meets them and when
//! nobody asks.
//!
//! What is over and has not been removed yet is hidden by whoever reads a hash. This file must not know
//! commands.

use crate::entry::Value;
use crate::event;
use crate::key::Key;
use crate::keyspace::Keyspace;
use crate::object::Object;

impl Keyspace<'_> {
    /// Removes up to `budget` fields of a hash whose time is over, or the whole key when that is all of them,
    /// and tells it: an effect of its own, before that of the running command. Returns how many of the
    /// budget's units were used.
    pub(crate) fn expire_fields(&mut self, key: &Key<'_>, budget: usize) -> usize {
        let (now_ms, hash_of) = (self.now_ms(), self.hash_of());
        let Some(place) = self.db().find(key) else { return 0 };
        let mut entry = self.entry_mut(key, place);
        let Value::Object(Object::Hash(fields)) = entry.view().value() else { return 0 };
        if fields.is_over(now_ms) {
            let count = fields.len();
            return self.remove_hash_that_is_over(key, count);
        }
        let mut ended = Vec::new();
        let count = entry.with_object(|object| match object {
            Object::Hash(fields) => {
                fields.remove_expired(now_ms, budget, hash_of, |field| ended.push(field.field.to_vec()))
            }
            _ => 0,
        });
        self.fields_ended(key, &ended);
        count
    }

    /// A hash of which every field is over goes as a whole.
    fn remove_hash_that_is_over(&mut self, key: &Key<'_>, count: usize) -> usize {
        let Some(entry) = self.take_as_is(key) else { return 0 };
        let (selected, env) = (self.selected(), self.env_mut());
        env.expired_fields += count as u64;
        env.signal(selected, key.bytes, event::HEXPIRED);
        env.removed(selected, key.bytes, event::DEL);
        // Whatever `lazyfree-lazy-expire` says: a large one takes long to free.
        env.free(entry, true);
        1
    }

    /// Tells that fields of a hash have been removed because their time was over, while others are left.
    pub(crate) fn fields_ended(&mut self, key: &Key<'_>, fields: &[Vec<u8>]) {
        if fields.is_empty() {
            return;
        }
        let (selected, env) = (self.selected(), self.env_mut());
        env.expired_fields += fields.len() as u64;
        env.signal(selected, key.bytes, event::HEXPIRED);
        if env.effects.is_listening() {
            let args = [&b"HDEL"[..], key.bytes].into_iter().chain(fields.iter().map(Vec::as_slice));
            env.effects.push(selected, args.collect());
        }
    }

    /// Counts fields that a command has removed by giving them a time that was over.
    pub(crate) fn count_expired_fields(&mut self, count: usize) {
        self.env_mut().expired_fields += count as u64;
    }
}
