//! Asks for memory that is about to be read, where reads are too scattered for the CPU to guess.

/// Starts fetching values into the cache; a hint without effect on any result.
#[inline(always)]
pub(crate) fn soon<T>(values: &[T]) {
    for line in values.chunks(64 / size_of::<T>().max(1)) {
        soon_ref(line);
    }
    // Values seldom begin where a cache line does, so they end in one line more.
    if let Some(last) = values.last() {
        soon_ref(last);
    }
}

/// Starts fetching the first cache line of an item; a hint without effect on any result.
#[inline(always)]
#[allow(unsafe_code)]
pub(crate) fn soon_ref<T: ?Sized>(item: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: SSE is part of x86-64, and a prefetch reads nothing the program can see.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(item).cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = item;
}

/// The same for the item at an index, if there is one.
#[inline(always)]
pub(crate) fn soon_at<T>(items: &[T], index: usize) {
    if let Some(item) = items.get(index) {
        soon_ref(item);
    }
}
