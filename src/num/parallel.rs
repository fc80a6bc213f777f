//! Ordered, fixed-chunk parallelism; the only file that names rayon.
//!
//! Results come back in index order and chunk borders never depend on the number of threads, so
//! folding them one after another gives the same bits on any pool. The caller's current pool is
//! used. Work below [`SERIAL`] units stays on the calling thread: waking a pool costs more.

use std::ops::Range;

use rayon::prelude::*;

/// Rows per chunk where floats are summed. Part of every result's definition: do not tune.
pub(crate) const CHUNK: usize = 4096;

/// Units of work (about a multiply-add each) that are not worth waking other threads for.
const SERIAL: usize = 1 << 16;

/// Most blocks that work is cut into: enough for any pool to share evenly.
const BLOCKS: usize = 1 << 10;

/// Calls `work` on ranges that cover `0..n`, side by side; the one place where work is shared out.
/// Not generic, so that the pool's machinery is compiled once and not for every caller.
fn drive(n: usize, work: &(dyn Fn(Range<usize>) + Sync)) {
    let block = n.div_ceil(BLOCKS).max(1);
    (0..n.div_ceil(block)).into_par_iter().for_each(|i| {
        work(i * block..n.min((i + 1) * block));
    });
}

/// `f(0), f(1), …, f(n - 1)` in order. `unit` is the work of one call, in multiply-adds.
pub(crate) fn map<T: Send>(n: usize, unit: usize, f: impl Fn(usize) -> T + Sync) -> Vec<T> {
    if n.saturating_mul(unit) < SERIAL {
        return (0..n).map(f).collect();
    }
    let mut items = Vec::new();
    shared::extend(&mut items, n, f);
    items
}

/// `f` of the ranges `0..CHUNK, CHUNK..2·CHUNK, …` that cover `0..n`, in order.
pub(crate) fn map_chunks<T: Send>(
    n: usize,
    unit: usize,
    f: impl Fn(Range<usize>) -> T + Sync,
) -> Vec<T> {
    let n_chunks = n.div_ceil(CHUNK);
    map(n_chunks, CHUNK.saturating_mul(unit), |i| f(i * CHUNK..n.min((i + 1) * CHUNK)))
}

/// `f` of each chunk of `items` (its number, the chunk), in order. `unit` is the work per item.
pub(crate) fn map_chunks_mut<T: Send, R: Send>(
    items: &mut [T],
    chunk_len: usize,
    unit: usize,
    f: impl Fn(usize, &mut [T]) -> R + Sync,
) -> Vec<R> {
    let work = items.len().saturating_mul(unit);
    map_each(items.chunks_mut(chunk_len).collect(), work, f)
}

/// `f` of every item and its index, in order; `work` is that of all together.
pub(crate) fn map_each<T: Send, R: Send>(
    items: Vec<T>,
    work: usize,
    f: impl Fn(usize, T) -> R + Sync,
) -> Vec<R> {
    if work < SERIAL {
        return items.into_iter().enumerate().map(|(i, item)| f(i, item)).collect();
    }
    shared::map_each(items, f)
}

/// `f` of every item and its index, in order. `unit` is the work per item.
pub(crate) fn map_mut<T: Send, R: Send>(
    items: &mut [T],
    unit: usize,
    f: impl Fn(usize, &mut T) -> R + Sync,
) -> Vec<R> {
    let work = items.len().saturating_mul(unit);
    map_each(items.iter_mut().collect(), work, f)
}

/// `f` of every item, in order. `unit` is the work per item.
pub(crate) fn map_owned<T: Send, R: Send>(
    items: Vec<T>,
    unit: usize,
    f: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let work = items.len().saturating_mul(unit);
    map_each(items, work, |_, item| f(item))
}

/// `f` of every item and its index, each on its own; `work` is that of all together.
pub(crate) fn for_each<T: Send>(items: Vec<T>, work: usize, f: impl Fn(usize, T) + Sync) {
    map_each(items, work, f);
}

/// Threads of the caller's pool: in how many parts to cut what gives the same however it is cut.
pub(crate) fn n_threads() -> usize {
    rayon::current_num_threads()
}

/// Adds `f(0), f(1), …, f(n - 1)`. Fresh memory is slow at the first touch, so even what takes no
/// work is shared by all threads.
pub(crate) fn extend<T: Send>(items: &mut Vec<T>, n: usize, f: impl Fn(usize) -> T + Sync) {
    if n < SERIAL {
        items.extend((0..n).map(f));
    } else {
        shared::extend(items, n, f);
    }
}

#[allow(unsafe_code)]
mod shared {
    //! Results written straight to their places. [`drive`] hands out every index once, so no two
    //! calls share a place. If `f` panics, what was written is leaked, not dropped.

    use std::mem::MaybeUninit;

    use super::drive;

    /// The first of many places; each is used by one call only.
    struct SparePlaces<T>(*mut T);

    // SAFETY: a place is read or written by one thread alone, and what it holds may be sent there.
    unsafe impl<T: Send> Sync for SparePlaces<T> {}

    impl<T> SparePlaces<T> {
        /// Place number `i`.
        ///
        /// SAFETY, for the caller: `i` lies within what the pointer was made from.
        unsafe fn at(&self, i: usize) -> *mut T {
            // SAFETY: as the caller says.
            unsafe { self.0.add(i) }
        }
    }

    pub(super) fn extend<T: Send>(items: &mut Vec<T>, n: usize, f: impl Fn(usize) -> T + Sync) {
        items.reserve(n);
        let old = items.len();
        let places = SparePlaces(items.spare_capacity_mut().as_mut_ptr());
        drive(n, &|range| {
            for i in range {
                let place: *mut MaybeUninit<T> =
                    // SAFETY: i < n, and so many places were reserved.
                    unsafe { places.at(i) };
                // SAFETY: the place is reserved, and no other call has the same i.
                unsafe { (*place).write(f(i)) };
            }
        });
        // SAFETY: `drive` has returned, so each of the n places behind the old end is written.
        unsafe { items.set_len(old + n) };
    }

    pub(super) fn map_each<T: Send, R: Send>(
        mut items: Vec<T>,
        f: impl Fn(usize, T) -> R + Sync,
    ) -> Vec<R> {
        let n = items.len();
        // SAFETY: 0 is within the capacity; from here on the items are the calls' to drop.
        unsafe { items.set_len(0) };
        let places = SparePlaces(items.as_mut_ptr());
        let mut results = Vec::new();
        extend(&mut results, n, |i| {
            // SAFETY: i < n; `extend` calls each i once, so every item is moved out once.
            let item = unsafe { places.at(i).read() };
            f(i, item)
        });
        results
    }
}

/// Runs `task` on the pool while `here` runs on the calling thread.
pub(crate) fn beside<R: Send>(task: impl FnOnce() -> R + Send, here: impl FnOnce()) -> R {
    let mut result = None;
    rayon::in_place_scope(|scope| {
        scope.spawn(|_| result = Some(task()));
        here();
    });
    result.expect("a scope waits for its tasks")
}

/// Runs both, at once if a thread is free.
pub(crate) fn join(a: impl FnOnce() + Send, b: impl FnOnce() + Send) {
    rayon::join(a, b);
}

/// Sorts by a total order; equal elements must be interchangeable.
pub(crate) fn sort_by<T: Send>(
    items: &mut [T],
    compare: impl Fn(&T, &T) -> std::cmp::Ordering + Sync,
) {
    if items.len() < SERIAL / 16 {
        items.sort_unstable_by(compare);
    } else {
        items.par_sort_unstable_by(compare);
    }
}

/// Runs `f` on a pool of its own with this many threads.
#[cfg(test)]
pub(crate) fn with_threads<T: Send>(n_threads: usize, f: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap().install(f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_the_range_once_and_in_order() {
        for n in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK] {
            let joined: Vec<usize> = map_chunks(n, 1, |r| r.collect::<Vec<_>>()).concat();
            assert!(joined.into_iter().eq(0..n), "{n}");
        }
    }

    #[test]
    fn work_shared_out_gives_what_plain_loops_give_and_drops_every_item_once() {
        use std::sync::Arc;
        for n in [0, 1, 7, BLOCKS, BLOCKS + 1, 3 * BLOCKS + 5] {
            let items: Vec<Arc<usize>> = (0..n).map(Arc::new).collect();
            let copies = items.clone();
            let found = map_each(items, SERIAL, |i, item| (i, item));
            assert!(found.iter().map(|(i, item)| (*i, **item)).eq((0..n).map(|i| (i, i))), "{n}");
            drop(found);
            assert!(copies.iter().all(|item| Arc::strong_count(item) == 1));
            assert_eq!(map(n, SERIAL, |i| i * i), (0..n).map(|i| i * i).collect::<Vec<_>>());
            let mut numbers: Vec<usize> = (0..n).collect();
            let old = map_mut(&mut numbers, SERIAL, |i, v| std::mem::replace(v, 2 * i));
            assert!(old.into_iter().eq(0..n) && numbers.into_iter().eq((0..n).map(|i| 2 * i)));
        }
    }

    #[test]
    fn what_is_added_on_all_threads_stands_in_order_behind_what_is_there() {
        for n in [0, 3, SERIAL + 1] {
            let mut items = vec![7, 8];
            extend(&mut items, n, |i| i);
            assert!(items.into_iter().eq([7, 8].into_iter().chain(0..n)), "{n}");
        }
    }
}
