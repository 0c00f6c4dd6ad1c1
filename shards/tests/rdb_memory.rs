//! What foreign bytes make the loader allocate: no more than some multiple of themselves, whatever lengths
//! they announce.
#![expect(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ahash::RandomState;
use shards::encoding::limits::Limits;
use shards::random::Random;
use shards::rdb::load::load_value;
use shards::rdb::loaded::Making;
use shards::rdb::scan::Scanner;
use shards::rdb::value_type::ValueType;
use shards::rdb::version::Dialect;

/// What is allocated for each byte at the most: a compressed string becomes so many times as long, and may
/// then be copied into a collection.
const TIMES_MAX: usize = 2 * 132 + 64;
/// And whatever the bytes are.
const BASE_BYTES: usize = 8 << 10;

struct Counting;

thread_local! {
    static ALLOCATED_BYTES: Cell<usize> = const { Cell::new(0) };
    static PEAK_BYTES: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let allocated = ALLOCATED_BYTES.get().wrapping_add(layout.size());
        ALLOCATED_BYTES.set(allocated);
        // What was allocated before and elsewhere may be freed here: then the count is below zero.
        if (allocated as isize) > PEAK_BYTES.get() as isize {
            PEAK_BYTES.set(allocated);
        }
        // SAFETY: the caller keeps the rules of this very function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        ALLOCATED_BYTES.set(ALLOCATED_BYTES.get().wrapping_sub(layout.size()));
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most that was allocated at once while this ran.
fn peak(run: impl FnOnce()) -> usize {
    ALLOCATED_BYTES.set(0);
    PEAK_BYTES.set(0);
    run();
    PEAK_BYTES.get()
}

fn check(bytes: &[u8], context: &str) {
    let (limits, hasher) = (Limits::default(), RandomState::with_seeds(1, 2, 3, 4));
    let making = Making { limits: &limits, hasher: &hasher };
    let bytes_max = BASE_BYTES + TIMES_MAX * bytes.len();
    for dialect in [Dialect::Redis, Dialect::Valkey] {
        for form in (0..=u8::MAX).filter_map(|number| ValueType::of(number, dialect).ok()) {
            let peak = peak(|| drop(load_value(form, bytes, 0, making)));
            assert!(peak <= bytes_max, "{context}: {peak} bytes for {form:?} of {bytes:?}");
        }
    }
    let file = [b"REDIS0010", bytes].concat();
    let peak = peak(|| {
        let (mut scanner, mut at) = (Scanner::new(true), 0);
        while let Ok((passed, _)) = scanner.next(&file[at..]) {
            at += passed;
        }
    });
    assert!(peak <= bytes_max, "{context}: {peak} bytes for the file {bytes:?}");
}

#[test]
fn no_memory_is_taken_on_the_word_of_a_length() {
    let lengths: [&[u8]; 6] = [
        b"\x3f",
        b"\x7f\xff",
        b"\x80\x00\x0f\xff\xff",
        b"\x80\xff\xff\xff\xff",
        b"\x81\x00\x00\x00\xff\xff\xff\xff\xff",
        b"\x81\xff\xff\xff\xff\xff\xff\xff\xff",
    ];
    for first in lengths {
        for second in lengths {
            check(&[first, second, b"text"].concat(), "two lengths");
            check(&[&[0; 8], first, second, b"text"].concat(), "two lengths behind a time");
            check(&[first, b"\x02", second, b"text"].concat(), "a node");
            check(&[first, b"\xc3", second, first, b"text"].concat(), "a compressed string");
            check(&[b"\x01\xc3\x04", second, b"text"].concat(), "a string that is compressed too well");
            check(&[first, b"\x01a", second, b"\x01b"].concat(), "members");
        }
    }
}

#[test]
fn no_bytes_take_more_memory_than_a_multiple_of_themselves() {
    let seed = 0x3e3;
    let mut random = Random::new(seed);
    for round in 0..3000 {
        let len = random.below(200);
        let mut bytes: Vec<u8> = (0..len).map(|_| random.below(256) as u8).collect();
        if let Some(first) = bytes.first_mut() {
            *first &= 0x3f;
        }
        check(&bytes, &format!("seed {seed:#x}, round {round}"));
    }
}
