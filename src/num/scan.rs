//! Best and second best centroid of sixteen rows at once, in f32: the kernel under k-means.
//!
//! One lane is one row. For every centroid the lanes hold s = ½|c|² − x·c, which orders centroids
//! as the squared distance |x|² + 2s does, at one multiply-add per column. What comes out is only
//! a candidate: the gap between best and second, held against a proved error bound (`pack.rs`),
//! says whether it is certain, and the caller asks the naive f64 distance where it is not. So the
//! three builds of this one source may differ in their last f32 bits, never in a label.
//!
//! Cost: k·(d + 4) vector operations per 16 rows; no memory beyond the tile and its result.

use super::lanes::{Lanes, Portable};
use super::pack::LANES;
use super::prefetch;

/// What the scan of one tile found.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Scan {
    /// The centroid of the smallest score per lane; of equals the first.
    pub(crate) index: [u32; LANES],
    /// Second smallest score minus smallest per lane; infinite for a single centroid.
    pub(crate) gap: [f32; LANES],
    /// The smallest gap of all lanes.
    pub(crate) min_gap: f32,
    /// The least, over all lanes, of distance to the second nearest centroid minus distance to the
    /// nearest, each taken on the safe side by the tile's slack; rounding of the square roots not
    /// included. Minus infinity if no slack was given.
    pub(crate) margin: f32,
    /// The greatest distance that went into `margin`.
    pub(crate) reach: f32,
}

impl Scan {
    pub(crate) const EMPTY: Self = Self {
        index: [0; LANES],
        gap: [0.0; LANES],
        min_gap: 0.0,
        margin: f32::NEG_INFINITY,
        reach: 0.0,
    };
}

/// Centroids as the kernel reads them: rounded to f32, with half their squared norm.
#[derive(Debug, Clone, Default)]
pub(crate) struct Centroids {
    /// Row-major `(k, d)`.
    pub(crate) values: Vec<f32>,
    /// ½|c|² per centroid.
    pub(crate) half_squares: Vec<f32>,
}

/// Tiles side by side, `[tile][column][lane]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tiles<'a> {
    pub(crate) values: &'a [f32],
    /// What will be scanned next, to be fetched meanwhile: pages are too small for the CPU to guess
    /// far enough ahead.
    pub(crate) next: &'a [f32],
    pub(crate) n_columns: usize,
    /// Per tile: how far |x|² + 2s may be off as a squared distance. None: no margins wanted.
    pub(crate) slack: Option<&'a [f32]>,
}

/// Scans as many tiles as `out` has places.
pub(crate) type ScanFn = fn(tiles: Tiles<'_>, centroids: &Centroids, out: &mut [Scan]);

/// The fastest build of the kernel that this CPU runs.
pub(crate) fn fastest() -> ScanFn {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            return x86::avx512;
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return x86::avx2;
        }
    }
    portable
}

/// The AVX2 build; only for a CPU that has it.
#[cfg(all(test, target_arch = "x86_64"))]
pub(crate) fn avx2() -> ScanFn {
    assert!(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"));
    x86::avx2
}

pub(crate) fn portable(tiles: Tiles<'_>, centroids: &Centroids, out: &mut [Scan]) {
    scan::<Portable>(tiles, centroids, out);
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod x86 {
    use super::super::lanes::{Avx2, Avx512};
    use super::{Centroids, Scan, Tiles, scan};

    #[target_feature(enable = "avx512f")]
    fn with_avx512(tiles: Tiles<'_>, centroids: &Centroids, out: &mut [Scan]) {
        scan::<Avx512>(tiles, centroids, out);
    }

    #[target_feature(enable = "avx2,fma")]
    fn with_avx2(tiles: Tiles<'_>, centroids: &Centroids, out: &mut [Scan]) {
        scan::<Avx2>(tiles, centroids, out);
    }

    pub(super) fn avx512(tiles: Tiles<'_>, c: &Centroids, out: &mut [Scan]) {
        // SAFETY: handed out by `fastest` only after detecting the feature.
        unsafe { with_avx512(tiles, c, out) }
    }

    pub(super) fn avx2(tiles: Tiles<'_>, c: &Centroids, out: &mut [Scan]) {
        // SAFETY: handed out by `fastest` only after detecting the features.
        unsafe { with_avx2(tiles, c, out) }
    }
}

/// The running best, second best and index of one tile.
#[derive(Clone, Copy)]
struct Front<L: Lanes> {
    best: L,
    second: L,
    index: L::Index,
}

impl<L: Lanes> Front<L> {
    #[inline(always)]
    fn new() -> Self {
        let infinite = L::splat(f32::INFINITY);
        Self { best: infinite, second: infinite, index: L::index(0) }
    }

    #[inline(always)]
    fn fold(&mut self, score: L, centroid: usize) {
        self.second = self.second.min(self.best.max(score));
        self.index = score.select_less(self.best, L::index(centroid as u32), self.index);
        self.best = self.best.min(score);
    }

    #[inline(always)]
    fn store(self, tile: &[[f32; LANES]], slack: Option<f32>, out: &mut Scan) {
        L::store_index(self.index, &mut out.index);
        let gap = self.second.minus(self.best);
        gap.store(&mut out.gap);
        out.min_gap = gap.least();
        let Some(slack) = slack else {
            (out.margin, out.reach) = (f32::NEG_INFINITY, 0.0);
            return;
        };
        let (two, zero) = (L::splat(2.0), L::splat(0.0));
        let square = square::<L>(tile);
        let near = square.plus_product(self.best, two).plus(L::splat(slack));
        let far = square.plus_product(self.second, two).minus(L::splat(slack));
        let (near, far) = (near.max(zero).sqrt(), far.max(zero).sqrt());
        out.margin = far.minus(near).least();
        out.reach = far.max(near).greatest();
    }
}

/// The body of every build: two tiles against four centroids at a time, so that every broadcast
/// centroid value and every loaded lane is used more than once.
#[inline(always)]
fn scan<L: Lanes>(tiles: Tiles<'_>, centroids: &Centroids, out: &mut [Scan]) {
    let d = tiles.n_columns;
    let (columns, _) = tiles.values.as_chunks::<LANES>();
    let slack = |tile: usize| tiles.slack.map(|slack| slack[tile]);
    debug_assert_eq!(columns.len(), out.len() * d);
    let n_tiles = out.len();
    let mut outs = out.chunks_exact_mut(2);
    let mut pairs = columns.chunks_exact(2 * d);
    for (i, (pair, out)) in (&mut pairs).zip(&mut outs).enumerate() {
        let (a, b) = pair.split_at(d);
        let pair_len = 2 * d * LANES;
        if let Some(soon) = tiles.next.get(i * pair_len..(i + 1) * pair_len) {
            prefetch::soon(soon);
        }
        let (mut front_a, mut front_b) = (Front::<L>::new(), Front::<L>::new());
        let mut c = 0;
        let mut fours = centroids.values.chunks_exact(4 * d);
        for (four, half) in (&mut fours).zip(centroids.half_squares.chunks_exact(4)) {
            let (r0, rest) = four.split_at(d);
            let (r1, rest) = rest.split_at(d);
            let (r2, r3) = rest.split_at(d);
            let (mut a0, mut a1) = (L::splat(half[0]), L::splat(half[1]));
            let (mut a2, mut a3) = (L::splat(half[2]), L::splat(half[3]));
            let (mut b0, mut b1, mut b2, mut b3) = (a0, a1, a2, a3);
            for j in 0..d {
                let (xa, xb) = (L::load(&a[j]), L::load(&b[j]));
                let (c0, c1) = (L::splat(r0[j]), L::splat(r1[j]));
                a0 = a0.minus_product(xa, c0);
                b0 = b0.minus_product(xb, c0);
                a1 = a1.minus_product(xa, c1);
                b1 = b1.minus_product(xb, c1);
                let (c2, c3) = (L::splat(r2[j]), L::splat(r3[j]));
                a2 = a2.minus_product(xa, c2);
                b2 = b2.minus_product(xb, c2);
                a3 = a3.minus_product(xa, c3);
                b3 = b3.minus_product(xb, c3);
            }
            for (j, (sa, sb)) in [(a0, b0), (a1, b1), (a2, b2), (a3, b3)].into_iter().enumerate() {
                front_a.fold(sa, c + j);
                front_b.fold(sb, c + j);
            }
            c += 4;
        }
        for row in fours.remainder().chunks_exact(d) {
            let mut sa = L::splat(centroids.half_squares[c]);
            let mut sb = sa;
            for j in 0..d {
                let value = L::splat(row[j]);
                sa = sa.minus_product(L::load(&a[j]), value);
                sb = sb.minus_product(L::load(&b[j]), value);
            }
            front_a.fold(sa, c);
            front_b.fold(sb, c);
            c += 1;
        }
        front_a.store(a, slack(2 * i), &mut out[0]);
        front_b.store(b, slack(2 * i + 1), &mut out[1]);
    }
    if let [last] = outs.into_remainder() {
        let tile = pairs.remainder();
        let mut front = Front::<L>::new();
        for (c, row) in centroids.values.chunks_exact(d).enumerate() {
            let mut score = L::splat(centroids.half_squares[c]);
            for j in 0..d {
                score = score.minus_product(L::load(&tile[j]), L::splat(row[j]));
            }
            front.fold(score, c);
        }
        front.store(tile, slack(n_tiles - 1), last);
    }
}

/// |x|² of every lane.
#[inline(always)]
fn square<L: Lanes>(tile: &[[f32; LANES]]) -> L {
    let mut sum = L::splat(0.0);
    for column in tile {
        let x = L::load(column);
        sum = sum.plus_product(x, x);
    }
    sum
}
