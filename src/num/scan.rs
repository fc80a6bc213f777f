//! Best and second best centroid of sixteen rows at once, in f32: the kernel under k-means.
//!
//! One lane is one row. For every centroid the lanes hold s = ½|c|² − x·c, which orders centroids
//! as the squared distance |x|² + 2s does, at one multiply-add per column. What comes out is only
//! a candidate: the gap between best and second, held against a proved error bound (`pack.rs`),
//! says whether it is certain, and the caller asks the naive f64 distance where it is not. So the
//! three builds of this one source may differ in their last f32 bits, never in a label.
//!
//! **Margins.** A row's margin is a lower bound of its distance to the second nearest centroid, f,
//! minus that to the nearest, n. As f − n = (f² − n²)/(f + n) and (f + n)/2 ≤ √((f² + n²)/2), it is
//! at least (f² − n²)/2 over that root: one approximate root, and little is lost where it matters,
//! which is where n is near f. Margins decide which rows may be skipped, never a label, so they may
//! differ between CPUs too.
//!
//! Cost: k·(d + 5) vector operations per 16 rows; no memory beyond the tile and its result.

use super::builds::{self, all_builds};
use super::lanes::{Singles, SinglesPortable};
#[cfg(target_arch = "x86_64")]
use super::lanes::{SinglesAvx2, SinglesAvx512};
use super::pack::{LANES, Limit};
use super::prefetch;

/// Centroids that are scanned together.
const BLOCK: usize = 4;

/// What the scan of one tile found.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Scan {
    /// The centroid of the smallest score per lane; of equals the first.
    pub(crate) index: [u32; LANES],
    /// The margin per lane, if margins were wanted.
    pub(crate) margins: [f32; LANES],
    /// The smallest margin; minus infinity if no margins were wanted or a lane is uncertain.
    pub(crate) margin: f32,
    /// Bit i is set where lane i needs f64 to decide.
    pub(crate) uncertain: u16,
    /// Bit i is set where lane i is not what it was before.
    pub(crate) differs: u16,
    /// Bit i is set where the margin of lane i is beyond the horizon.
    pub(crate) far: u16,
}

impl Scan {
    /// As if f32 could tell nothing.
    pub(crate) const UNKNOWN: Self = Self {
        index: [0; LANES],
        margins: [f32::NEG_INFINITY; LANES],
        margin: f32::NEG_INFINITY,
        uncertain: u16::MAX,
        differs: 0,
        far: 0,
    };
}

/// Centroids as the kernel reads them: rounded to f32, with half their squared norm.
#[derive(Debug, Clone)]
pub(crate) struct Centroids {
    /// `[block][column][centroid of the block]`; the last block is filled up.
    values: Vec<[f32; BLOCK]>,
    /// ½|c|² per centroid, infinite for those that fill up: never the best nor the second.
    half_squares: Vec<[f32; BLOCK]>,
    k: usize,
}

impl Centroids {
    /// Rounds row-major centroids of `d` columns.
    pub(crate) fn new(centroids: &[f64], d: usize) -> Self {
        let k = centroids.len() / d;
        let n_blocks = k.div_ceil(BLOCK);
        let mut values = vec![[0.0; BLOCK]; n_blocks * d];
        let mut half_squares = vec![[f32::INFINITY; BLOCK]; n_blocks];
        for (c, centroid) in centroids.chunks_exact(d).enumerate() {
            let (block, place) = (c / BLOCK, c % BLOCK);
            for (values, &value) in values[block * d..].iter_mut().zip(centroid) {
                values[place] = value as f32;
            }
            let square: f64 = centroid.iter().map(|v| v * v).sum();
            half_squares[block][place] = (0.5 * square) as f32;
        }
        Self { values, half_squares, k }
    }
}

/// Tiles side by side, `[tile][column][lane]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScanTiles<'a> {
    pub(crate) values: &'a [f32],
    /// What will be scanned next, to be fetched meanwhile: pages are too small for the CPU to guess
    /// far enough ahead.
    pub(crate) next: &'a [f32],
    pub(crate) n_columns: usize,
    /// What each row was found to be before.
    pub(crate) labels: &'a [[u32; LANES]],
    /// Per tile, what f32 can tell.
    pub(crate) limits: &'a [Limit],
    /// The margin beyond which a row is far from changing; none: no margins wanted.
    pub(crate) horizon: Option<f32>,
}

/// Scans as many tiles as `out` has places.
pub(crate) type ScanFn = fn(tiles: ScanTiles<'_>, centroids: &Centroids, out: &mut [Scan]);

/// The fastest build of the kernel that this CPU runs.
pub(crate) fn fastest() -> ScanFn {
    builds::fastest(scans())
}

all_builds! {
    /// All builds of the kernel that this CPU runs.
    pub(crate) fn scans(tiles: ScanTiles<'_>, centroids: &Centroids, out: &mut [Scan]) {
        ["avx512f"] => scan::<SinglesAvx512, 4>,
        ["avx2", "fma"] => scan::<SinglesAvx2, 1>,
        [] => scan::<SinglesPortable, 1>,
    }
}

/// The running best, second best and index of one tile.
#[derive(Clone, Copy)]
struct Front<L: Singles> {
    best: L,
    second: L,
    index: L::Index,
}

impl<L: Singles> Front<L> {
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

    /// Says what was found for the tile `at`, and how certain that is.
    #[inline(always)]
    fn conclude(
        self,
        tiles: ScanTiles<'_>,
        at: usize,
        tile: &[[f32; LANES]],
        k: usize,
        out: &mut Scan,
    ) {
        let Self { best, second, index } = self;
        let limit = tiles.limits[at];
        L::store_index(index, &mut out.index);
        out.differs = L::differs(index, &tiles.labels[at]);
        let gap = second.minus(best);
        // Not the lanes at most certain: NaN, of centroids out of range, is not certain either.
        out.uncertain = !gap.above(L::splat(limit.certain));
        (out.margin, out.far) = (f32::NEG_INFINITY, 0);
        let Some(horizon) = tiles.horizon else { return };
        // (f² + n²)/2, and more by what it may be off; (f² − n²)/2, and less.
        let slack = L::splat(limit.slack);
        let mean = square::<L>(tile).plus(best.plus(second)).plus(slack);
        // The root is off by up to 2⁻¹¹, all other rounding far less.
        let margins = gap.minus(slack).times(mean.about_inverse_sqrt());
        let margins = margins.times(L::splat(0.999)).minus(L::splat(limit.reserve));
        if out.uncertain == 0 {
            // One centroid alone has no rival.
            out.margin = if k == 1 { f32::INFINITY } else { margins.least() };
        }
        margins.store(&mut out.margins);
        out.far = margins.above(L::splat(horizon));
    }
}

/// The body of every build: `T` tiles against four centroids at a time, as many as the registers
/// hold, so that every broadcast centroid value and every loaded lane is used more than once.
#[inline(always)]
fn scan<L: Singles, const T: usize>(tiles: ScanTiles<'_>, centroids: &Centroids, out: &mut [Scan]) {
    let d = tiles.n_columns;
    let (columns, _) = tiles.values.as_chunks::<LANES>();
    debug_assert_eq!(columns.len(), out.len() * d);
    let mut first = 0;
    while first + T <= out.len() {
        together::<L, T>(tiles, columns, first, centroids, out);
        first += T;
    }
    while first < out.len() {
        together::<L, 1>(tiles, columns, first, centroids, out);
        first += 1;
    }
}

/// Scans `T` tiles from `first` on.
#[inline(always)]
fn together<L: Singles, const T: usize>(
    tiles: ScanTiles<'_>,
    columns: &[[f32; LANES]],
    first: usize,
    centroids: &Centroids,
    out: &mut [Scan],
) {
    let d = tiles.n_columns;
    let mut fronts = [Front::<L>::new(); T];
    // What comes next is asked for little by little: all at once would stop everything else.
    let (next, _) = tiles.next.as_chunks::<LANES>();
    let next = next.get(first * d..(first + T) * d).unwrap_or(&[]);
    let share = next.len().div_ceil(centroids.half_squares.len());
    let mut next = next.chunks(share.max(1));
    let blocks = centroids.values.chunks_exact(d).zip(&centroids.half_squares);
    for (block, (values, half)) in blocks.enumerate() {
        // Sliced to the length of the loop, so that nothing is checked inside.
        let tile: [&[[f32; LANES]]; T] =
            std::array::from_fn(|t| &columns[(first + t) * d..][..values.len()]);
        let mut scores = [half.map(L::splat); T];
        let next = next.next().unwrap_or(&[]);
        let per_column = next.len().div_ceil(d);
        for (j, values) in values.iter().enumerate() {
            for line in next.iter().skip(j * per_column).take(per_column) {
                prefetch::prefetch_ref(line);
            }
            for (scores, tile) in scores.iter_mut().zip(tile) {
                let x = L::load(&tile[j]);
                for (score, &value) in scores.iter_mut().zip(values) {
                    *score = score.minus_product(x, L::splat(value));
                }
            }
        }
        for (front, scores) in fronts.iter_mut().zip(scores) {
            for (c, score) in scores.into_iter().enumerate() {
                front.fold(score, block * BLOCK + c);
            }
        }
    }
    for (front, at) in fronts.into_iter().zip(first..) {
        front.conclude(tiles, at, &columns[at * d..][..d], centroids.k, &mut out[at]);
    }
}

/// |x|² of every lane.
#[inline(always)]
fn square<L: Singles>(tile: &[[f32; LANES]]) -> L {
    let mut sum = L::splat(0.0);
    for column in tile {
        let x = L::load(column);
        sum = sum.plus_product(x, x);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::check;
    use crate::num::columns::Columns;
    use crate::num::pack::Packed;
    use crate::num::rng::Stream;
    use ndarray::Array2;

    #[test]
    fn every_build_finds_the_nearest_and_margins_that_are_a_little_too_small() {
        let mut stream = Stream::new(4, 0);
        let (n, d) = (7 * LANES, 5);
        let x = Array2::from_shape_simple_fn((n, d), || stream.normal());
        let rows = check::rows(x.view()).unwrap();
        let packed = Packed::new(&rows, &Columns::of(&rows));
        for k in [1, 2, 7, 8] {
            let centroids: Vec<f64> = (0..k).flat_map(|row| packed.place(rows.row(row))).collect();
            let bounds = packed.bounds(d as f64);
            let limits = vec![bounds.limit(d as f32, d as f32); 7];
            let tiles = ScanTiles {
                values: packed.tiles(),
                next: &[],
                n_columns: d,
                labels: &[[0; LANES]; 7],
                limits: &limits,
                horizon: Some(0.1),
            };
            for build in scans() {
                let mut scans = [Scan::UNKNOWN; 7];
                build(tiles, &Centroids::new(&centroids, d), &mut scans);
                for row in 0..n {
                    let (scan, lane) = (&scans[row / LANES], row % LANES);
                    let place: Vec<f64> = packed.place(rows.row(row)).collect();
                    let distance = |c: &[f64]| {
                        c.iter().zip(&place).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
                    };
                    let mut distances: Vec<(f64, u32)> =
                        centroids.chunks_exact(d).map(distance).zip(0..).collect();
                    distances.sort_by(|a, b| a.partial_cmp(b).unwrap());
                    assert_eq!(scan.index[lane], distances[0].1);
                    assert_eq!(scan.differs >> lane & 1 == 1, distances[0].1 != 0);
                    assert_eq!(scan.uncertain, 0);
                    if k == 1 {
                        assert_eq!(scan.margin, f32::INFINITY);
                        continue;
                    }
                    let margin = f64::from(scan.margins[lane]);
                    let exact = distances[1].0 - distances[0].0;
                    assert!(margin <= exact && margin > 0.7 * exact - 1e-3, "{margin} {exact}");
                    assert_eq!(scan.far >> lane & 1 == 1, margin > 0.1f32.into());
                    assert!(f64::from(scan.margin) <= margin);
                }
            }
        }
    }
}
