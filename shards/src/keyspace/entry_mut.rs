//! An entry that a command changes: whatever happens to its times, those who keep them learn of it.

use crate::db::ExpireChange;
use crate::entry::{Entry, EntryRef, Expire, NewValue, PackedMut, StrValue};
use crate::object::Object;
use crate::table::Word;

/// An entry that may be changed.
pub struct EntryMut<'a> {
    pub(super) word: &'a mut Word,
    pub(super) expire_change: ExpireChange<'a>,
}

impl EntryMut<'_> {
    /// The entry as readers see it.
    #[inline]
    pub fn view(&self) -> EntryRef<'_> {
        self.word.entry()
    }

    /// The string value.
    #[inline]
    pub fn string(&self) -> StrValue<'_> {
        self.view().string()
    }

    /// Changes the value and the expire.
    #[inline]
    pub fn replace(&mut self, value: NewValue<'_>, expire: Expire) {
        self.telling_of_times(|word| word.with_entry(|entry| entry.replace(value, expire)));
    }

    /// Sets or removes the expire, in milliseconds since 1970.
    pub fn set_expire(&mut self, expire_ms: Option<u64>) {
        self.telling_of_times(|word| word.with_entry(|entry| entry.set_expire(expire_ms)));
    }

    /// Changes the packed bytes in place; see [`Entry::packed_mut`].
    #[inline]
    pub fn with_packed<R>(&mut self, change: impl FnOnce(&mut PackedMut<'_>) -> R) -> R {
        self.word.with_entry(|entry| change(&mut entry.packed_mut()))
    }

    /// Changes the object in place; see [`Entry::object_mut`].
    #[inline]
    pub fn with_object<R>(&mut self, change: impl FnOnce(&mut Object) -> R) -> R {
        self.telling_of_times(|word| word.with_entry(|entry| change(entry.object_mut())))
    }

    /// Takes the object out; see [`Entry::take_object`].
    pub fn take_object(&mut self) -> Option<Object> {
        self.telling_of_times(|word| word.with_entry(Entry::take_object))
    }

    /// Sets the access statistics.
    pub(super) fn set_access(&mut self, access: u32) {
        self.word.with_entry(|entry| entry.set_access(access));
    }

    /// Overwrites an integer value in place. The kind must be `Kind::Int`.
    #[inline]
    pub fn set_int(&mut self, value: i64) {
        self.word.with_entry(|entry| entry.set_int(value));
    }

    /// Changes the string's bytes in place; see [`Entry::raw_mut`].
    pub fn with_raw<R>(&mut self, change: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        self.word.with_entry(|entry| change(entry.raw_mut()))
    }

    #[inline]
    fn telling_of_times<R>(&mut self, change: impl FnOnce(&mut Word) -> R) -> R {
        let (before, fields_before) = (self.view().expire_ms(), self.view().fields_expire_ms());
        let result = change(self.word);
        let (after, fields_after) = (self.view().expire_ms(), self.view().fields_expire_ms());
        if before != after {
            self.expire_change.happened(self.word.tag(), before, after);
        }
        if fields_before != fields_after {
            self.expire_change.happened_to_fields(self.word.tag(), fields_before, fields_after);
        }
        result
    }
}
