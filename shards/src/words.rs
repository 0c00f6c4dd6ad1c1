//! The array of words of a table's part, allocated with the C library's allocator.
//!
//! Why not the process's allocator: tables grow by small steps, all at about the same time. An allocator with
//! size classes keeps a page for a size as long as one block of it is in use, and some slots always lag
//! behind, so the sizes that most tables have left behind stayed in memory: 25 bytes for each key of a
//! million. The C library joins neighbouring free blocks of any size. This file must not know what a word
//! means.
#![expect(unsafe_code, reason = "an array in memory of a chosen allocator, which `Box` cannot have yet")]

use std::alloc::{GlobalAlloc, Layout, System, handle_alloc_error};
use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::OnceLock;

/// Is told how many bytes the C library has refused, before the process ends for want of them.
static TOLD_OF_REFUSAL: OnceLock<fn(usize)> = OnceLock::new();

/// Names who is told, with the bytes that were asked for, when there is no memory for an array. The process
/// ends then.
pub fn on_refusal(tell: fn(usize)) {
    let _ = TOLD_OF_REFUSAL.set(tell);
}

/// The end of a process that has no memory for an array.
#[cold]
fn refused(layout: Layout) -> ! {
    if let Some(tell) = TOLD_OF_REFUSAL.get() {
        tell(layout.size());
    }
    handle_alloc_error(layout)
}

thread_local! {
    static ALLOCATED_BYTES: Cell<isize> = const { Cell::new(0) };
}

/// Bytes that the arrays take which this thread has allocated, less those which it has freed.
pub fn allocated_bytes() -> isize {
    ALLOCATED_BYTES.get()
}

/// What the C library takes for a block of `len` words: its own header, and a multiple of 16 bytes.
fn block_bytes(len: usize) -> isize {
    ((len * 8 + 8).next_multiple_of(16)).max(32) as isize
}

/// A fixed number of words, owned. Two machine words; holds no memory when empty.
pub(crate) struct Words {
    memory: NonNull<u64>,
    len: usize,
}

// SAFETY: the array is owned alone, like a box, and the C library frees on any thread.
unsafe impl Send for Words {}

impl Words {
    /// An array of `len` zeros.
    pub(crate) fn zeroed(len: usize) -> Words {
        if len == 0 {
            return Words::default();
        }
        let layout = Words::layout(len);
        // SAFETY: the layout's size is not zero.
        let memory = unsafe { System.alloc_zeroed(layout) };
        let Some(memory) = NonNull::new(memory.cast()) else { refused(layout) };
        ALLOCATED_BYTES.set(ALLOCATED_BYTES.get() + block_bytes(len));
        Words { memory, len }
    }

    fn layout(len: usize) -> Layout {
        Layout::array::<u64>(len).expect("a part has some thousand words")
    }
}

impl Default for Words {
    fn default() -> Words {
        Words { memory: NonNull::dangling(), len: 0 }
    }
}

impl Deref for Words {
    type Target = [u64];

    #[inline]
    fn deref(&self) -> &[u64] {
        // SAFETY: `len` words were allocated and zeroed; none for the dangling pointer of an empty array.
        unsafe { std::slice::from_raw_parts(self.memory.as_ptr(), self.len) }
    }
}

impl DerefMut for Words {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u64] {
        // SAFETY: as above, and `&mut self` excludes other users.
        unsafe { std::slice::from_raw_parts_mut(self.memory.as_ptr(), self.len) }
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        if self.len > 0 {
            ALLOCATED_BYTES.set(ALLOCATED_BYTES.get() - block_bytes(self.len));
            // SAFETY: allocated in `zeroed` with this layout.
            unsafe { System.dealloc(self.memory.as_ptr().cast(), Words::layout(self.len)) }
        }
    }
}

/// The words that are in use, one after the other.
#[derive(Default)]
pub(crate) struct UsedWords {
    words: Words,
    at: usize,
}

impl Words {
    /// Hands out the words that are not zero.
    pub(crate) fn into_used(self) -> UsedWords {
        UsedWords { words: self, at: 0 }
    }
}

impl Iterator for UsedWords {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let ahead = self.words[self.at..].iter().position(|&word| word != 0)?;
        self.at += ahead + 1;
        Some(self.words[self.at - 1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allocated_is_counted_until_it_is_freed() {
        let before = allocated_bytes();
        let words = [Words::zeroed(1), Words::zeroed(5), Words::zeroed(0)];
        assert_eq!(allocated_bytes() - before, 32 + 48);
        drop(words);
        assert_eq!(allocated_bytes(), before);
    }

    #[test]
    fn the_used_words_come_in_order() {
        let mut words = Words::zeroed(6);
        words[1] = 7;
        words[5] = 9;
        assert_eq!(words.into_used().collect::<Vec<_>>(), [7, 9]);
        assert_eq!(Words::zeroed(0).into_used().next(), None);
        assert_eq!(Words::zeroed(3).into_used().next(), None);
    }
}
