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

/// `f(0), f(1), …, f(n - 1)` in order. `unit` is the work of one call, in multiply-adds.
pub(crate) fn map<T: Send>(n: usize, unit: usize, f: impl Fn(usize) -> T + Sync) -> Vec<T> {
    if n.saturating_mul(unit) < SERIAL {
        return (0..n).map(f).collect();
    }
    (0..n).into_par_iter().map(&f).collect()
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
    if items.len().saturating_mul(unit) < SERIAL {
        return items.chunks_mut(chunk_len).enumerate().map(|(i, chunk)| f(i, chunk)).collect();
    }
    items.par_chunks_mut(chunk_len).enumerate().map(|(i, chunk)| f(i, chunk)).collect()
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
    items.into_par_iter().enumerate().map(|(i, item)| f(i, item)).collect()
}

/// `f` of every item and its index, in order. `unit` is the work per item.
pub(crate) fn map_mut<T: Send, R: Send>(
    items: &mut [T],
    unit: usize,
    f: impl Fn(usize, &mut T) -> R + Sync,
) -> Vec<R> {
    if items.len().saturating_mul(unit) < SERIAL {
        return items.iter_mut().enumerate().map(|(i, item)| f(i, item)).collect();
    }
    items.par_iter_mut().enumerate().map(|(i, item)| f(i, item)).collect()
}

/// `f` of every item, in order. `unit` is the work per item.
pub(crate) fn map_owned<T: Send, R: Send>(
    items: Vec<T>,
    unit: usize,
    f: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    if items.len().saturating_mul(unit) < SERIAL {
        return items.into_iter().map(f).collect();
    }
    items.into_par_iter().map(&f).collect()
}

/// `f` of every item and its index, each on its own; `work` is that of all together.
pub(crate) fn for_each<T: Send>(items: Vec<T>, work: usize, f: impl Fn(usize, T) + Sync) {
    if work < SERIAL {
        items.into_iter().enumerate().for_each(|(i, item)| f(i, item));
    } else {
        items.into_par_iter().enumerate().for_each(|(i, item)| f(i, item));
    }
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
        items.par_extend((0..n).into_par_iter().map(&f));
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
    fn what_is_added_on_all_threads_stands_in_order_behind_what_is_there() {
        for n in [0, 3, SERIAL + 1] {
            let mut items = vec![7, 8];
            extend(&mut items, n, |i| i);
            assert!(items.into_iter().eq([7, 8].into_iter().chain(0..n)), "{n}");
        }
    }
}
