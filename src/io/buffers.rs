//! The provided buffers of a ring: memory that the kernel takes from when bytes arrive.
#![expect(unsafe_code, reason = "the kernel writes to the buffers and reads their list")]

use std::io;
use std::ops::Deref;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::{IoUring, types};

/// Provided buffers of a worker at most; a power of two. Their memory is untouched until bytes arrive.
const BUFFERS: u16 = 256;
/// Buffers in turn at least. The kernel takes them one after the other, so few of them stay in the
/// processor's cache.
const BUFFERS_MIN: u16 = 16;
/// Bytes of one provided buffer.
pub(super) const BUFFER_BYTES: usize = 4 * 1024;
/// The only list of them in a ring.
pub(super) const BUFFER_GROUP: u16 = 0;

/// Bytes that have come, in a buffer that belongs to this process until it is given back to its ring.
#[derive(Debug)]
pub struct Received {
    memory: Rc<Mapping>,
    buffer: u16,
    len: usize,
}

impl Deref for Received {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: inside the mapping, which `self` keeps alive; the kernel does not write to a buffer between
        // its completion and `give_back`, which consumes `self`.
        unsafe { std::slice::from_raw_parts(self.memory.buffer(self.buffer), self.len) }
    }
}

/// Anonymous memory, page-aligned: `BUFFERS` entries, then the buffers themselves.
#[derive(Debug)]
struct Mapping(NonNull<u8>);

/// Bytes of the list of provided buffers.
pub(super) const ENTRIES_BYTES: usize = BUFFERS as usize * size_of::<types::BufRingEntry>();
const MAPPED_BYTES: usize = ENTRIES_BYTES + BUFFERS as usize * BUFFER_BYTES;

impl Mapping {
    fn new() -> io::Result<Mapping> {
        // SAFETY: a fresh private mapping; the result is checked.
        let memory = unsafe {
            let protection = libc::PROT_READ | libc::PROT_WRITE;
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            libc::mmap(std::ptr::null_mut(), MAPPED_BYTES, protection, flags, -1, 0)
        };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Mapping(NonNull::new(memory.cast()).expect("mmap never returns null here")))
    }

    fn buffer(&self, buffer: u16) -> *mut u8 {
        assert!(buffer < BUFFERS);
        // SAFETY: inside the mapping.
        unsafe { self.0.as_ptr().add(ENTRIES_BYTES + buffer as usize * BUFFER_BYTES) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped in `new` with this length, and nobody refers to it any more.
        unsafe { libc::munmap(self.0.as_ptr().cast(), MAPPED_BYTES) };
    }
}

/// Buffers that the kernel takes from when bytes arrive, so that an idle connection holds none. It takes them
/// in the order in which they are given, so only as many are in turn as are needed: the rest is kept in
/// reserve.
pub(super) struct BufferRing {
    memory: Rc<Mapping>,
    tail: u16,
    reserve: Vec<u16>,
    /// How many are to be in turn: with the kernel, or filled and not given back.
    turning_max: u16,
    /// The most that were filled at once since the last [`BufferRing::narrow`].
    filled_max: u16,
}

impl BufferRing {
    pub(super) fn new(ring: &IoUring) -> io::Result<BufferRing> {
        let memory = Rc::new(Mapping::new()?);
        let reserve = (0..BUFFERS).rev().collect();
        let mut buffers = BufferRing { memory, tail: 0, reserve, turning_max: BUFFERS_MIN, filled_max: 0 };
        // SAFETY: the entries are page-aligned, BUFFERS long and stay mapped as long as the ring: the worker
        // drops both together.
        unsafe {
            let address = buffers.memory.0.as_ptr() as u64;
            ring.submitter().register_buf_ring_with_flags(address, BUFFERS, BUFFER_GROUP, 0)?;
        }
        buffers.give_reserve();
        Ok(buffers)
    }

    fn turning(&self) -> u16 {
        BUFFERS - self.reserve.len() as u16
    }

    /// The bytes that the kernel has put into a buffer.
    pub(super) fn received(&self, buffer: u16, len: usize) -> Received {
        assert!(buffer < BUFFERS && len <= BUFFER_BYTES);
        Received { memory: Rc::clone(&self.memory), buffer, len }
    }

    /// So many were filled at once.
    #[inline]
    pub(super) fn count_filled(&mut self, filled: u16) {
        self.filled_max = self.filled_max.max(filled);
    }

    pub(super) fn give_back(&mut self, received: Received) {
        let Received { buffer, .. } = received;
        if self.turning() > self.turning_max {
            self.reserve.push(buffer);
        } else {
            self.give(buffer);
        }
    }

    /// Some bytes found no buffer.
    pub(super) fn widen(&mut self) {
        self.turning_max = (self.turning_max * 2).min(BUFFERS);
        self.give_reserve();
    }

    /// Half is enough when a quarter would have been.
    pub(super) fn narrow(&mut self) {
        if self.filled_max < self.turning_max / 4 {
            self.turning_max = (self.turning_max / 2).max(BUFFERS_MIN);
        }
        self.filled_max = 0;
    }

    fn give_reserve(&mut self) {
        while self.turning() < self.turning_max
            && let Some(buffer) = self.reserve.pop()
        {
            self.give(buffer);
        }
    }

    fn give(&mut self, buffer: u16) {
        let address = self.memory.buffer(buffer) as u64;
        let entries = self.memory.0.as_ptr().cast::<types::BufRingEntry>();
        // SAFETY: the index is under BUFFERS; the kernel reads the entry only after the tail has moved past
        // it.
        unsafe {
            let entry = &mut *entries.add((self.tail & (BUFFERS - 1)) as usize);
            entry.set_addr(address);
            entry.set_len(BUFFER_BYTES as u32);
            entry.set_bid(buffer);
            self.tail = self.tail.wrapping_add(1);
            let tail = types::BufRingEntry::tail(entries).cast::<AtomicU16>();
            (*tail).store(self.tail, Ordering::Release);
        }
    }
}
