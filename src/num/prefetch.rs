//! Prefetches memory that is about to be read, where reads are too scattered for the CPU to guess.

/// Prefetches values; a hint without effect on any result.
#[inline(always)]
pub(crate) fn prefetch<T>(values: &[T]) {
    for line in values.chunks(64 / size_of::<T>().max(1)) {
        prefetch_ref(line);
    }
    // Values seldom begin where a cache line does, so they end in one line more.
    if let Some(last) = values.last() {
        prefetch_ref(last);
    }
}

/// Prefetches the first cache line of an item; a hint without effect on any result.
#[inline(always)]
#[allow(unsafe_code)]
pub(crate) fn prefetch_ref<T: ?Sized>(item: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: SSE is part of x86-64, and a prefetch reads nothing the program can see.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(item).cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = item;
}

/// Prefetches the first cache line of the item at an index, if there is one.
#[inline(always)]
pub(crate) fn prefetch_at<T>(items: &[T], index: usize) {
    if let Some(item) = items.get(index) {
        prefetch_ref(item);
    }
}
