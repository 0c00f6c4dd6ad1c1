//! An entry: one key and its value in one allocation.
//!
//! ```text
//!  0        4         8        16           16 or 24      + key length
//!  | meta   | key len | value  | expire ms  | key bytes   | inline value bytes
//! ```
//!
//! `meta` holds 24 bits of access statistics (LRU clock or LFU counter), the kind of the value, whether
//! there is an expire, and a mark for each snapshot that may be under way ([`crate::snapshot`]). `value` is
//! the integer, the length of the inline value, or a pointer. A 16-byte key with a 64-byte value takes 96
//! bytes. This file must not know tables, slots or commands.
#![expect(unsafe_code, reason = "an entry is laid out by hand to be one allocation of the exact size")]

#[cfg(test)]
mod tests;
mod value;

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::ptr::NonNull;

use crate::args::Blob;
use crate::encoding::splice::Splice;
use crate::object::{DataType, Object};
use value::KIND_MASK;
pub use value::{Expire, INLINE_LEN_MAX, Kind, NewValue, Packing, StrValue, Value};

/// Giving a page back to the system takes about as long as freeing a small entry, something under a
/// microsecond.
const FREEING_UNIT_BYTES: usize = 4096;

const ACCESS_MASK: u32 = (1 << 24) - 1;
const HAS_EXPIRE: u32 = 1 << 28;
const MARKS_SHIFT: u32 = 29;
/// How many marks an entry has room for.
pub const MARKS: u32 = u32::BITS - MARKS_SHIFT;
const MARKS_MASK: u32 = ((1 << MARKS) - 1) << MARKS_SHIFT;
/// What an entry keeps when its value takes another allocation.
const KEPT_MASK: u32 = ACCESS_MASK | MARKS_MASK;
const ENTRY_ALIGN: usize = 8;
/// Entries of packed collections up to this length, in bytes, have no room to grow.
const PACKED_EXACT_LEN_MAX: usize = 256;

/// Which member is valid follows from the kind in `meta`.
#[repr(C)]
union Word {
    /// `Kind::Int`: the value. `Kind::Inline`, `Kind::Packed`: the length of the inline value in bytes.
    number: i64,
    /// `Kind::Raw`.
    blob: ManuallyDrop<Blob>,
    /// `Kind::Object`.
    object: ManuallyDrop<Box<Object>>,
}

#[repr(C)]
struct Header {
    meta: u32,
    key_len: u32,
    value: Word,
}

const HEADER_LEN: usize = size_of::<Header>();

/// An owned entry. The keyspace's tables keep it as a bare pointer; see [`Entry::into_raw`].
pub struct Entry {
    header: NonNull<Header>,
}

// SAFETY: an entry owns all it points to; a `Blob` is an `Arc<Vec<u8>>`, which is `Send`, and so is an
// `Object`.
unsafe impl Send for Entry {}

impl Entry {
    /// An entry for `key`, without an expire when `expire_ms` is `None`. Times are milliseconds since 1970.
    pub fn new(key: &[u8], value: NewValue<'_>, expire_ms: Option<u64>) -> Entry {
        let value = value.settled();
        let (kind, inline) = (value.kind(), value.inline());
        let word = value.into_word();
        let layout = layout(kind, key.len(), inline.len(), expire_ms.is_some());
        // SAFETY: the layout's size is at least HEADER_LEN, never zero.
        let memory = unsafe { alloc(layout) };
        let Some(header) = NonNull::new(memory.cast::<Header>()) else { handle_alloc_error(layout) };
        let expire_flag = if expire_ms.is_some() { HAS_EXPIRE } else { 0 };
        let meta = kind.bits() | expire_flag;
        // SAFETY: `memory` has room for the header, the expire, the key and the inline value, as `layout`
        // says.
        unsafe {
            header.write(Header { meta, key_len: key.len() as u32, value: word });
            if let Some(at_ms) = expire_ms {
                memory.add(HEADER_LEN).cast::<u64>().write(at_ms);
            }
            let key_at = memory.add(key_offset(meta));
            key_at.copy_from_nonoverlapping(key.as_ptr(), key.len());
            key_at.add(key.len()).copy_from_nonoverlapping(inline.as_ptr(), inline.len());
        }
        Entry { header }
    }

    /// Gives the entry up as a pointer, to be taken back by [`Entry::from_raw`]. The pointer fits in 48 bits.
    pub fn into_raw(self) -> u64 {
        let raw = self.header.as_ptr() as u64;
        std::mem::forget(self);
        debug_assert!(raw >> 48 == 0);
        raw
    }

    /// The entry that [`Entry::into_raw`] gave up.
    ///
    /// # Safety
    /// `raw` comes from `into_raw` and is taken back only once.
    pub unsafe fn from_raw(raw: u64) -> Entry {
        // SAFETY: by this function's contract `raw` was a non-null header pointer.
        Entry { header: unsafe { NonNull::new_unchecked(raw as *mut Header) } }
    }

    /// A reader's view.
    pub fn view(&self) -> EntryRef<'_> {
        EntryRef { header: self.header, lifetime: PhantomData }
    }

    /// Changes the value; the key stays, and the expire stays when `expire` says so. Keeps the allocation
    /// when the new content has the same size.
    pub fn replace(&mut self, value: NewValue<'_>, expire: Expire) {
        let value = value.settled();
        let view = self.view();
        let expire_ms = match expire {
            Expire::Keep => view.expire_ms(),
            Expire::Clear => None,
            Expire::At(at_ms) => Some(at_ms),
        };
        let (kind, inline) = (value.kind(), value.inline());
        let new_layout = layout(kind, view.key().len(), inline.len(), expire_ms.is_some());
        let same_shape =
            expire_ms.is_some() == view.expire_ms().is_some() && new_layout.size() == view.layout().size();
        if !same_shape {
            let kept = view.kept();
            let mut entry = Entry::new(view.key(), value, expire_ms);
            entry.set_meta(KEPT_MASK, kept);
            *self = entry;
            return;
        }
        self.drop_value();
        // SAFETY: the allocation has the size that the new value needs, so the inline bytes fit behind the
        // key.
        unsafe {
            self.inline_at(0).copy_from_nonoverlapping(inline.as_ptr(), inline.len());
            let header = self.header.as_mut();
            header.meta = (header.meta & !KIND_MASK) | kind.bits();
            header.value = value.into_word();
            if let Some(at_ms) = expire_ms {
                self.header.as_ptr().cast::<u8>().add(HEADER_LEN).cast::<u64>().write(at_ms);
            }
        }
    }

    /// Sets or removes the expire, in milliseconds since 1970.
    pub fn set_expire(&mut self, expire_ms: Option<u64>) {
        let had = self.view().expire_ms();
        match (had, expire_ms) {
            (None, None) => {}
            (Some(_), Some(at_ms)) => {
                // SAFETY: HAS_EXPIRE is set, so the word behind the header is the expire.
                unsafe { self.header.as_ptr().cast::<u8>().add(HEADER_LEN).cast::<u64>().write(at_ms) }
            }
            _ => self.reshape(None, expire_ms),
        }
    }

    /// The entry with another key and the same value, expire and access statistics.
    pub fn renamed(mut self, key: &[u8]) -> Entry {
        let expire_ms = self.view().expire_ms();
        self.reshape(Some(key), expire_ms);
        self
    }

    /// Moves the value to an allocation for another key, or with another expire. An object or blob is not
    /// touched.
    fn reshape(&mut self, key: Option<&[u8]>, expire_ms: Option<u64>) {
        let old = self.view();
        let (kind, kept) = (old.kind(), old.kept());
        let mut new = Entry::with_room(key.unwrap_or(old.key()), kind, old.inline(), expire_ms);
        new.set_meta(KEPT_MASK, kept);
        // SAFETY: the value moves from the old entry, which is left with an integer, to the new one, whose
        // kind says how to read it.
        unsafe {
            let old = self.header.as_mut();
            std::mem::swap(&mut old.value, &mut new.header.as_mut().value);
        }
        // SAFETY: both headers are valid; the old entry must not drop what has moved, and its layout must be
        // found by what it still holds inline: it keeps its kind and length if those are inline, which own
        // nothing.
        unsafe {
            let old = self.header.as_mut();
            match kind {
                Kind::Inline | Kind::Packed(_) => {
                    old.value = Word { number: new.header.as_ref().value.number }
                }
                Kind::Int | Kind::Raw | Kind::Object => {
                    old.meta &= !KIND_MASK;
                    old.value = Word { number: 0 };
                }
            }
        }
        *self = new;
    }

    /// An entry of this kind with these inline bytes, whose word is to be filled in.
    fn with_room(key: &[u8], kind: Kind, inline: &[u8], expire_ms: Option<u64>) -> Entry {
        let value = match kind {
            Kind::Inline => NewValue::Bytes(inline),
            Kind::Packed(packing) => NewValue::Packed(packing, inline),
            Kind::Int | Kind::Raw | Kind::Object => NewValue::Int(0),
        };
        let mut entry = Entry::new(key, value, expire_ms);
        // SAFETY: the header is valid while the entry is. The word is an integer until the caller fills it
        // in, which it does before anything can look at it.
        let header = unsafe { entry.header.as_mut() };
        header.meta = (header.meta & !KIND_MASK) | kind.bits();
        entry
    }

    /// The object, to be changed in place. The kind must be `Object`.
    pub fn object_mut(&mut self) -> &mut Object {
        assert_eq!(self.view().kind(), Kind::Object, "whoever changes an object has looked for one");
        // SAFETY: the kind says which member is valid; it is only reachable through `self`.
        unsafe { &mut self.header.as_mut().value.object }
    }

    /// Takes the object out and leaves an integer: to free it in steps.
    pub fn take_object(&mut self) -> Option<Object> {
        if self.view().kind() != Kind::Object {
            return None;
        }
        // SAFETY: the kind is Object; it changes to Int below, so the object is taken only once.
        unsafe {
            let header = self.header.as_mut();
            let object = ManuallyDrop::take(&mut header.value.object);
            header.meta &= !KIND_MASK;
            header.value = Word { number: 0 };
            Some(*object)
        }
    }

    /// Where the inline bytes lie, from number `at` on.
    ///
    /// # Safety
    /// `at` is at most the number of bytes that the allocation has behind the key.
    unsafe fn inline_at(&self, at: usize) -> *mut u8 {
        // SAFETY: the header is valid while the entry is, and by this function's contract the place is in the
        // allocation.
        unsafe {
            let header = self.header.as_ref();
            let offset = key_offset(header.meta) + header.key_len as usize + at;
            self.header.as_ptr().cast::<u8>().add(offset)
        }
    }

    /// Puts `with` in the place of a range of the packed bytes, in one move. The kind must be `Packed`.
    fn splice_packed(&mut self, range: Range<usize>, with: &[u8]) {
        let old = self.view();
        let (old_layout, old_len) = (old.layout(), old.inline().len());
        assert!(matches!(old.kind(), Kind::Packed(_)) && range.start <= range.end && range.end <= old_len);
        let len = old_len - range.len() + with.len();
        let new_layout = layout(old.kind(), old.key().len(), len, old.expire_ms().is_some());
        let tail_len = old_len - range.end;
        // SAFETY: the tail moves within the bytes that the larger of both layouts has, while the allocation
        // has that one; then `with` fits before it. The length is set to what was written.
        unsafe {
            if new_layout.size() > old_layout.size() {
                self.reallocate(old_layout, new_layout);
            }
            let tail_to = self.inline_at(range.start + with.len());
            self.inline_at(range.end).copy_to(tail_to, tail_len);
            self.inline_at(range.start).copy_from_nonoverlapping(with.as_ptr(), with.len());
            if new_layout.size() < old_layout.size() {
                self.reallocate(old_layout, new_layout);
            }
            self.header.as_mut().value.number = len as i64;
        }
    }

    /// # Safety
    /// `old` is the layout of the allocation, and all that is in use lies in the first `new.size()` bytes.
    unsafe fn reallocate(&mut self, old: Layout, new: Layout) {
        // SAFETY: the allocation has the layout `old`, and the size of `new` is not zero.
        let memory = unsafe { realloc(self.header.as_ptr().cast::<u8>(), old, new.size()) };
        let Some(header) = NonNull::new(memory.cast::<Header>()) else { handle_alloc_error(new) };
        self.header = header;
    }

    /// The string's bytes, to be changed in place. An integer or inline value moves to its own allocation
    /// first (Redis shows such a value as `raw`); a blob that a reply is still sending is copied.
    pub fn raw_mut(&mut self) -> &mut Vec<u8> {
        let moved = match self.view().string() {
            StrValue::Raw(_) => None,
            StrValue::Int(int) => Some(itoa::Buffer::new().format(int).as_bytes().to_vec()),
            StrValue::Inline(bytes) => Some(bytes.to_vec()),
        };
        if let Some(bytes) = moved {
            self.replace(NewValue::Blob(Blob::new(bytes)), Expire::Keep);
        }
        // SAFETY: the kind is Raw, so the blob is the valid member; it is only reachable through `self`.
        Blob::make_mut(unsafe { &mut self.header.as_mut().value.blob })
    }

    /// Overwrites an integer value in place. The kind must be `Int`.
    #[inline]
    pub fn set_int(&mut self, value: i64) {
        debug_assert_eq!(self.view().kind(), Kind::Int);
        // SAFETY: the header is valid while the entry is.
        unsafe { self.header.as_mut().value.number = value }
    }

    /// Sets the 24 bits of access statistics.
    #[inline]
    pub fn set_access(&mut self, access: u32) {
        self.set_meta(ACCESS_MASK, access);
    }

    /// Sets the marks, one bit for each snapshot.
    #[inline]
    pub fn set_marks(&mut self, marks: u8) {
        self.set_meta(MARKS_MASK, u32::from(marks) << MARKS_SHIFT);
    }

    /// Sets those bits of `meta` that the mask has; no other bits have a say.
    #[inline]
    fn set_meta(&mut self, mask: u32, bits: u32) {
        // SAFETY: the header is valid while the entry is.
        let header = unsafe { self.header.as_mut() };
        header.meta = (header.meta & !mask) | (bits & mask);
    }

    fn drop_value(&mut self) {
        // SAFETY: the header is valid while the entry is.
        let header = unsafe { self.header.as_mut() };
        // SAFETY: the kind says which member is valid; it changes to Int below, so that is dropped only once.
        unsafe {
            match Kind::of(header.meta) {
                Kind::Raw => ManuallyDrop::drop(&mut header.value.blob),
                Kind::Object => ManuallyDrop::drop(&mut header.value.object),
                Kind::Int | Kind::Inline | Kind::Packed(_) => {}
            }
        }
        header.meta &= !KIND_MASK;
        header.value = Word { number: 0 };
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let layout = self.view().layout();
        self.drop_value();
        // SAFETY: allocated with this very layout: key length and expire flag never change, and an inline
        // value is only replaced in place by one that needs the same size, or the allocation is changed with
        // it.
        unsafe { dealloc(self.header.as_ptr().cast::<u8>(), layout) }
    }
}

/// A reader's view of an entry.
#[derive(Clone, Copy)]
pub struct EntryRef<'a> {
    header: NonNull<Header>,
    lifetime: PhantomData<&'a Entry>,
}

impl<'a> EntryRef<'a> {
    /// A view of the entry behind a pointer of [`Entry::into_raw`].
    ///
    /// # Safety
    /// The entry is alive and not changed for the lifetime `'a`.
    #[inline]
    pub unsafe fn from_raw(raw: u64) -> EntryRef<'a> {
        // SAFETY: by this function's contract `raw` is a non-null header pointer.
        EntryRef { header: unsafe { NonNull::new_unchecked(raw as *mut Header) }, lifetime: PhantomData }
    }

    #[inline]
    fn header(&self) -> &'a Header {
        // SAFETY: the entry outlives `'a`.
        unsafe { self.header.as_ref() }
    }

    /// The key.
    #[inline]
    pub fn key(&self) -> &'a [u8] {
        let header = self.header();
        // SAFETY: the key's bytes lie at this offset of the same allocation.
        unsafe {
            let at = self.header.as_ptr().cast::<u8>().add(key_offset(header.meta));
            std::slice::from_raw_parts(at, header.key_len as usize)
        }
    }

    /// The type of the value.
    pub fn data_type(&self) -> DataType {
        match self.kind() {
            Kind::Int | Kind::Inline | Kind::Raw => DataType::String,
            Kind::Packed(packing) => packing.data_type(),
            // SAFETY: the kind says which member is valid.
            Kind::Object => unsafe { &self.header().value.object }.data_type(),
        }
    }

    /// How the value is stored.
    #[inline]
    pub fn kind(&self) -> Kind {
        Kind::of(self.header().meta)
    }

    /// The value.
    #[inline]
    pub fn value(&self) -> Value<'a> {
        let header = self.header();
        match self.kind() {
            // SAFETY: the kind says which member is valid.
            Kind::Int => Value::Str(StrValue::Int(unsafe { header.value.number })),
            Kind::Inline => Value::Str(StrValue::Inline(self.inline())),
            // SAFETY: the kind says which member is valid.
            Kind::Raw => Value::Str(StrValue::Raw(unsafe { &header.value.blob })),
            Kind::Packed(packing) => Value::Packed(packing, self.inline()),
            // SAFETY: the kind says which member is valid.
            Kind::Object => Value::Object(unsafe { &header.value.object }),
        }
    }

    /// The string value; `None` for another type.
    #[inline]
    pub fn as_string(&self) -> Option<StrValue<'a>> {
        match self.value() {
            Value::Str(value) => Some(value),
            Value::Packed(..) | Value::Object(_) => None,
        }
    }

    /// The string value of an entry that is known to hold one.
    #[inline]
    pub fn string(&self) -> StrValue<'a> {
        self.as_string().expect("the type was looked at: Keyspace::write_string")
    }

    /// The bytes that lie inside the entry, behind its key.
    #[inline]
    fn inline(&self) -> &'a [u8] {
        let header = self.header();
        match self.kind() {
            // SAFETY: the inline bytes lie behind the key; `number` counts them.
            Kind::Inline | Kind::Packed(_) => unsafe {
                let at = key_offset(header.meta) + header.key_len as usize;
                let memory = self.header.as_ptr().cast::<u8>().add(at);
                std::slice::from_raw_parts(memory, header.value.number as usize)
            },
            Kind::Int | Kind::Raw | Kind::Object => &[],
        }
    }

    /// When the key expires, in milliseconds since 1970.
    #[inline]
    pub fn expire_ms(&self) -> Option<u64> {
        if self.header().meta & HAS_EXPIRE == 0 {
            return None;
        }
        // SAFETY: HAS_EXPIRE says that the word behind the header is the expire.
        Some(unsafe { self.header.as_ptr().cast::<u8>().add(HEADER_LEN).cast::<u64>().read() })
    }

    /// When the first field of a hash ends, in milliseconds since 1970; `None` when no field has an expire,
    /// and for all other types.
    #[inline]
    pub fn fields_expire_ms(&self) -> Option<u64> {
        if self.kind() != Kind::Object {
            return None;
        }
        match self.value() {
            Value::Object(Object::Hash(fields)) => fields.next_expire_ms(),
            _ => None,
        }
    }

    /// The 24 bits of access statistics.
    #[inline]
    pub fn access(&self) -> u32 {
        self.header().meta & ACCESS_MASK
    }

    /// The marks, one bit for each snapshot.
    #[inline]
    pub fn marks(&self) -> u8 {
        (self.header().meta >> MARKS_SHIFT) as u8
    }

    /// What stays with the entry when its value takes another allocation.
    #[inline]
    fn kept(&self) -> u32 {
        self.header().meta & KEPT_MASK
    }

    /// A new entry with another key and the same value and expire. A blob is shared by both until one of them
    /// is changed. The access statistics are those of this entry.
    pub fn with_key(&self, key: &[u8]) -> Entry {
        let mut entry = Entry::new(key, self.value().into(), self.expire_ms());
        entry.set_access(self.access());
        entry
    }

    /// Bytes of memory that the entry holds, its blob included.
    pub fn memory_bytes(&self) -> usize {
        let outside = match self.value() {
            Value::Str(StrValue::Raw(blob)) => blob.capacity() + 40,
            Value::Object(object) => object.memory_bytes(),
            _ => 0,
        };
        self.layout().size() + outside
    }

    /// How long it takes to free the entry, in units of what a small one takes: each [`FREEING_UNIT_BYTES`]
    /// of a value is one more.
    pub fn freeing_cost(&self) -> usize {
        match self.value() {
            Value::Str(StrValue::Raw(blob)) => 1 + blob.capacity() / FREEING_UNIT_BYTES,
            Value::Object(object) => 1 + object.freeing_cost(),
            _ => 1,
        }
    }

    fn layout(&self) -> Layout {
        let header = self.header();
        layout(self.kind(), header.key_len as usize, self.inline().len(), header.meta & HAS_EXPIRE != 0)
    }
}

/// The packed bytes of an entry, to be edited in place.
pub struct PackedMut<'a>(&'a mut Entry);

impl Entry {
    /// The packed bytes, to be edited in place. The kind must be `Packed`.
    pub fn packed_mut(&mut self) -> PackedMut<'_> {
        assert!(
            matches!(self.view().kind(), Kind::Packed(_)),
            "whoever edits packed bytes has looked for some"
        );
        PackedMut(self)
    }
}

impl Splice for PackedMut<'_> {
    #[inline]
    fn bytes(&self) -> &[u8] {
        self.0.view().inline()
    }

    fn splice(&mut self, at: Range<usize>, with: &[u8]) {
        self.0.splice_packed(at, with);
    }

    #[inline]
    fn overwrite(&mut self, at: usize, with: &[u8]) {
        assert!(at + with.len() <= self.bytes().len());
        // SAFETY: the bytes lie behind the key, as many as were just compared.
        unsafe { self.0.inline_at(at).copy_from_nonoverlapping(with.as_ptr(), with.len()) }
    }
}

impl NewValue<'_> {
    fn into_word(self) -> Word {
        match self {
            NewValue::Int(int) => Word { number: int },
            NewValue::Bytes(bytes) | NewValue::Packed(_, bytes) => Word { number: bytes.len() as i64 },
            NewValue::Blob(blob) => Word { blob: ManuallyDrop::new(blob) },
            NewValue::Object(object) => Word { object: ManuallyDrop::new(object) },
        }
    }
}

#[inline]
fn key_offset(meta: u32) -> usize {
    if meta & HAS_EXPIRE != 0 { HEADER_LEN + 8 } else { HEADER_LEN }
}

/// Allocation of an entry. Sizes are rounded up to 16 bytes above 64, since allocators do so anyway and more
/// values can then be overwritten in place. A packed collection of more than [`PACKED_EXACT_LEN_MAX`] bytes
/// has some room to grow, an eighth at the most.
#[inline]
fn layout(kind: Kind, key_len: usize, inline_len: usize, has_expire: bool) -> Layout {
    let expire_len = if has_expire { 8 } else { 0 };
    let len = HEADER_LEN + expire_len + key_len + inline_len;
    let len = match len {
        ..=64 => len.next_multiple_of(8),
        PACKED_EXACT_LEN_MAX.. if matches!(kind, Kind::Packed(_)) => {
            len.next_multiple_of(1 << (len.ilog2() - 3))
        }
        _ => len.next_multiple_of(16),
    };
    Layout::from_size_align(len, ENTRY_ALIGN).expect("a key and an inline value are far under isize::MAX")
}
