//! Asks for memory that is about to be read, where reads are too scattered for the CPU to guess.

/// Starts fetching values into the cache; a hint without effect on any result.
#[inline(always)]
#[allow(unsafe_code)]
pub(crate) fn soon<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in values.chunks(64 / size_of::<T>()) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: SSE is part of x86-64, and a prefetch reads nothing the program can see.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}
