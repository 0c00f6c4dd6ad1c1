//! The process's allocator: mimalloc, called so that it wastes nothing.
//!
//! The crate `mimalloc` asks for every block with its alignment. mimalloc 3 then takes a block large enough
//! to be shifted into place unless the size is a power of two, although its blocks are aligned to 16 bytes
//! anyway: a 96-byte entry took 112 bytes, by a slower path. So the alignment is only named when it is
//! over 16.
#![expect(unsafe_code, reason = "an allocator")]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;

use libmimalloc_sys::{
    mi_free, mi_malloc, mi_malloc_aligned, mi_realloc, mi_realloc_aligned, mi_zalloc, mi_zalloc_aligned,
};

use crate::host::log::LineLimit;
use crate::host::signals;
use crate::host::sys;

/// The alignment that every block has whose size is at least as large (mimalloc: MI_MAX_ALIGN_SIZE).
const NATURAL_ALIGN: usize = 16;

/// The size, in KiB, from which on mimalloc gives a block a mapping of its own.
const OWN_MAPPING_KIB_MIN: libc::c_long = 8 * 1024;
/// `mi_option_arena_max_object_size` of mimalloc 3, which its Rust bindings do not name.
const ARENA_MAX_OBJECT_SIZE: libmimalloc_sys::mi_option_t = 45;
/// The option's default in KiB, by which it is recognised.
const ARENA_MAX_OBJECT_SIZE_DEFAULT_KIB: libc::c_long = 2 * 1024 * 1024;

/// To be the program's `#[global_allocator]`.
#[derive(Debug)]
pub struct Allocator;

/// Blocks over this size, in bytes, are counted as whole pages: mimalloc gives them no size class.
const CLASS_BYTES_MAX: usize = 128 << 10;
const PAGE_BYTES: usize = 4096;

static REFUSED_LINES: LineLimit = LineLimit::new(module_path!(), log::Level::Error, "Out Of Memory");

thread_local! {
    static ALLOCATED_BYTES: Cell<isize> = const { Cell::new(0) };
}

/// Bytes of the blocks that this thread has allocated, less those that it has freed, whoever had allocated
/// them. So only the sum over all threads means anything (Redis: zmalloc_used_memory).
#[inline]
pub fn allocated_bytes() -> isize {
    ALLOCATED_BYTES.get()
}

#[inline]
fn count(bytes: isize) {
    ALLOCATED_BYTES.set(ALLOCATED_BYTES.get().wrapping_add(bytes));
}

/// What mimalloc takes for a block: up to 64 bytes a multiple of 16 (or 8), above that four size classes for
/// each doubling.
#[inline]
fn block_bytes(size: usize) -> isize {
    let bytes = if size <= 64 {
        if size <= 8 { 8 } else { (size + 15) & !15 }
    } else if size <= CLASS_BYTES_MAX {
        let step = (1 << (size - 1).ilog2()) / 4;
        (size + step - 1) & !(step - 1)
    } else {
        (size + PAGE_BYTES - 1) & !(PAGE_BYTES - 1)
    };
    bytes as isize
}

/// A block is refused that would have taken the place of one which counts `old_bytes`.
#[cold]
#[inline(never)]
fn refused(size: usize, old_bytes: isize) {
    count(old_bytes - block_bytes(size));
    tell_of_refusal(size);
}

/// Says that the system has refused a block. Most who have asked for one end the process then; who has asked
/// with `try_reserve` goes on. Nothing here takes memory.
pub fn tell_of_refusal(size: usize) {
    if let Some(left_out) = REFUSED_LINES.admit() {
        signals::say(format_args!(
            "Out Of Memory allocating {size} bytes! The process has {} bytes resident. Set maxmemory to less \
                than it may use, or allow it more: 'ulimit -v', the memory limit of its cgroup or container, \
                'sysctl vm.overcommit_memory=1'.{left_out}",
            sys::resident_bytes()
        ));
    }
}

fn is_natural(layout: Layout) -> bool {
    layout.align() <= NATURAL_ALIGN && layout.align() <= layout.size()
}

// SAFETY: mimalloc's functions are those of the C library's malloc family, and `is_natural` holds what
// mimalloc promises of its alignment; other layouts go to the functions that take an alignment. All blocks
// are freed by `mi_free`.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(block_bytes(layout.size()));
        // SAFETY: any size and any power of two are allowed.
        let memory: *mut u8 = unsafe {
            match is_natural(layout) {
                true => mi_malloc(layout.size()).cast(),
                false => mi_malloc_aligned(layout.size(), layout.align()).cast(),
            }
        };
        if memory.is_null() {
            refused(layout.size(), 0);
        }
        memory
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(block_bytes(layout.size()));
        // SAFETY: any size and any power of two are allowed.
        let memory: *mut u8 = unsafe {
            match is_natural(layout) {
                true => mi_zalloc(layout.size()).cast(),
                false => mi_zalloc_aligned(layout.size(), layout.align()).cast(),
            }
        };
        if memory.is_null() {
            refused(layout.size(), 0);
        }
        memory
    }

    #[inline]
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(-block_bytes(layout.size()));
        // SAFETY: the caller gives back what this allocator gave out.
        unsafe { mi_free(memory.cast()) }
    }

    #[inline]
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(block_bytes(size) - block_bytes(layout.size()));
        // SAFETY: the caller gives back what this allocator gave out.
        let memory: *mut u8 = unsafe {
            match is_natural(layout) && layout.align() <= size {
                true => mi_realloc(memory.cast(), size).cast(),
                false => mi_realloc_aligned(memory.cast(), size, layout.align()).cast(),
            }
        };
        if memory.is_null() {
            refused(size, block_bytes(layout.size()));
        }
        memory
    }
}

/// Makes the allocator give big blocks back to the system at once when they are freed. By default it keeps up
/// to a gigabyte of them for a while, and for ever in a thread that allocates nothing any more: a value of
/// 512 MB that was deleted would stay in memory. To be called before other threads are started.
pub fn tune() {
    // SAFETY: reads and writes one option. A later release of mimalloc may number its options anew, so the
    // default is asked for first.
    unsafe {
        if libmimalloc_sys::mi_option_get(ARENA_MAX_OBJECT_SIZE) == ARENA_MAX_OBJECT_SIZE_DEFAULT_KIB {
            libmimalloc_sys::mi_option_set(ARENA_MAX_OBJECT_SIZE, OWN_MAPPING_KIB_MIN);
        }
    }
}

/// `mi_option_purge_delay` of mimalloc 3: for how long freed pages are kept, in milliseconds.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
/// The option's default, by which it is recognised.
const PURGE_DELAY_DEFAULT_MS: libc::c_long = 1000;
/// So long that no thread comes to it.
const PURGE_DELAY_NEVER_MS: libc::c_long = 24 * 60 * 60 * 1000;

/// Ends that whichever thread allocates gives freed pages back to the system when a second is over, all that
/// there are in one go. From now on [`give_back_pages`] does it.
pub fn leave_pages_to_one_thread() {
    // SAFETY: reads and writes one option, as in `tune`.
    unsafe {
        if libmimalloc_sys::mi_option_get(PURGE_DELAY) == PURGE_DELAY_DEFAULT_MS {
            libmimalloc_sys::mi_option_set(PURGE_DELAY, PURGE_DELAY_NEVER_MS);
        }
    }
}

/// Takes pages of the calling thread that have become free out of use, so that they can be given back. Looks
/// at pages that are neither full nor empty, of which a gigabyte of data has some thousand at most.
pub fn collect_own_pages() {
    // SAFETY: has no conditions.
    unsafe { libmimalloc_sys::mi_collect(false) }
}

/// Gives the free pages of all threads back to the system. Takes up to a quarter of a millisecond for each
/// megabyte, on the calling thread: the others go on.
pub fn give_back_pages() {
    // A thread has a heap from its first block on, and without one there is nothing to begin from.
    drop(std::hint::black_box(Box::new(0u64)));
    // SAFETY: has no conditions.
    unsafe { libmimalloc_sys::mi_collect(true) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_counted_at_the_size_that_they_take() {
        for size in (1..20_000).chain([100_000, 128 << 10, 200_000, 1 << 20, 3_000_001]) {
            let layout = Layout::from_size_align(size, 1).unwrap();
            let before = allocated_bytes();
            // SAFETY: allocated and freed with the same allocator.
            unsafe {
                let memory = Allocator.alloc(layout);
                let counted = (allocated_bytes() - before) as usize;
                let taken = libmimalloc_sys::mi_usable_size(memory.cast());
                assert!(counted.abs_diff(taken) <= taken / 7, "{size} bytes: {counted} for {taken}");
                if size <= 32 << 10 {
                    assert_eq!(counted, libmimalloc_sys::mi_good_size(size), "{size} bytes");
                }
                Allocator.dealloc(memory, layout);
            }
            assert_eq!(allocated_bytes(), before);
        }
    }

    #[test]
    fn a_refused_block_is_null_and_not_counted() {
        let before = allocated_bytes();
        let huge = Layout::from_size_align(isize::MAX as usize - 4095, 8).unwrap();
        let small = Layout::from_size_align(64, 8).unwrap();
        // SAFETY: allocated, resized and freed with the same allocator; a refused resize leaves the block.
        unsafe {
            assert!(Allocator.alloc(huge).is_null());
            assert!(Allocator.alloc_zeroed(huge).is_null());
            let memory = Allocator.alloc(small);
            assert!(Allocator.realloc(memory, small, huge.size()).is_null());
            Allocator.dealloc(memory, small);
        }
        assert_eq!(allocated_bytes(), before);
    }

    #[test]
    fn blocks_are_aligned_as_asked_and_no_larger_than_needed() {
        for size in 1..2000 {
            for align in [1, 2, 4, 8, 16, 32, 64, 4096] {
                let layout = Layout::from_size_align(size, align).unwrap();
                // SAFETY: allocated, resized and freed with the same allocator.
                unsafe {
                    let memory = Allocator.alloc(layout);
                    assert!((memory as usize).is_multiple_of(align), "{layout:?}");
                    if is_natural(layout) {
                        let good = libmimalloc_sys::mi_good_size(size);
                        assert!(libmimalloc_sys::mi_usable_size(memory.cast()) <= good, "{layout:?}");
                    }
                    let memory = Allocator.realloc(memory, layout, size * 3);
                    assert!((memory as usize).is_multiple_of(align), "{layout:?}");
                    Allocator.dealloc(memory, Layout::from_size_align(size * 3, align).unwrap());
                }
            }
        }
    }
}
