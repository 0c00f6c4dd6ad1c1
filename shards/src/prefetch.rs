//! Asking the processor for memory that will be read soon, so that several misses of the cache overlap.
#![expect(unsafe_code, reason = "an instruction of the processor")]

/// Bytes that come into the cache together.
const LINE_BYTES: usize = 64;

/// Has the processor fetch what is read at an address next. A hint: any address will do, also one that is not
/// there.
#[inline(always)]
pub(crate) fn prefetch<T>(at: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which neither reads nor faults.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(at.cast());
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    // SAFETY: a hint, which neither reads nor faults.
    unsafe {
        use std::arch::asm;
        asm!("prfm pldl1keep, [{at}]", at = in(reg) at, options(nostack, readonly, preserves_flags));
    }
    #[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", not(miri)))))]
    let _ = at;
}

/// The same with the line of the cache behind it.
#[inline(always)]
pub(crate) fn prefetch_two_lines<T>(at: *const T) {
    prefetch(at);
    prefetch(at.wrapping_byte_add(LINE_BYTES));
}
