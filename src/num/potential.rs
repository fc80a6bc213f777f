//! Squared distances to a few candidates, in f32 on tiles: the kernel under k-means++.
//!
//! The draws of k-means++ depend on these values, so they must not depend on the CPU: differences,
//! squares and sums are rounded one by one (never fused), lane by lane, which every build does
//! alike to the last bit. Sums run over sixteen tiles in f32 lanes, then lane after lane in f64.
//!
//! Cost: 3·d vector operations per 16 rows and candidate; reads the tiles and 4 bytes per row.

use super::builds::{self, all_builds};
use super::lanes::{Singles, SinglesPortable};
#[cfg(target_arch = "x86_64")]
use super::lanes::{SinglesAvx2, SinglesAvx512};
use super::pack::LANES;

/// Tiles whose sums are added in f32.
const RUN: usize = 16;

/// Tiles side by side, `[tile][column][lane]`, and what their rows weigh.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WeightedTiles<'a> {
    pub(crate) values: &'a [f32],
    /// Per row; none weighs all as 1.
    pub(crate) weights: Option<&'a [f32]>,
    pub(crate) n_columns: usize,
}

/// For each candidate (row-major), the sum over the rows of min(closest, squared distance to it),
/// weighted.
pub(crate) type SumFn =
    fn(tiles: WeightedTiles<'_>, closest: &[f32], candidates: &[f32], sums: &mut [f64]);

/// Lowers `closest` to the squared distances to one point; the new sum, weighted.
pub(crate) type LowerFn = fn(tiles: WeightedTiles<'_>, closest: &mut [f32], point: &[f32]) -> f64;

/// The two kernels, built for the same CPU.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PotentialKernels {
    pub(crate) sum: SumFn,
    pub(crate) lower: LowerFn,
}

impl PotentialKernels {
    /// All builds that this CPU runs.
    fn all() -> impl Iterator<Item = Self> {
        sums().zip(lowerings()).map(|(sum, lower)| Self { sum, lower })
    }
}

/// The fastest build that this CPU runs.
pub(crate) fn fastest() -> PotentialKernels {
    builds::fastest(PotentialKernels::all())
}

all_builds! {
    fn sums(tiles: WeightedTiles<'_>, closest: &[f32], candidates: &[f32], sums: &mut [f64]) {
        ["avx512f"] => sum::<SinglesAvx512>,
        ["avx2", "fma"] => sum::<SinglesAvx2>,
        [] => sum::<SinglesPortable>,
    }
}

all_builds! {
    fn lowerings(tiles: WeightedTiles<'_>, closest: &mut [f32], point: &[f32]) -> f64 {
        ["avx512f"] => lower::<SinglesAvx512>,
        ["avx2", "fma"] => lower::<SinglesAvx2>,
        [] => lower::<SinglesPortable>,
    }
}

/// Squared distance of every lane to a point.
#[inline(always)]
fn squares<L: Singles>(tile: &[[f32; LANES]], point: &[f32]) -> L {
    let mut sum = L::splat(0.0);
    for (column, &value) in tile.iter().zip(point) {
        let difference = L::load(column).minus(L::splat(value));
        sum = sum.plus(difference.times(difference));
    }
    sum
}

/// The lanes one after another, in f64.
#[inline(always)]
fn total<L: Singles>(sum: L) -> f64 {
    let mut lanes = [0.0; LANES];
    sum.store(&mut lanes);
    lanes.into_iter().map(f64::from).sum()
}

#[inline(always)]
fn sum<L: Singles>(
    tiles: WeightedTiles<'_>,
    closest: &[f32],
    candidates: &[f32],
    sums: &mut [f64],
) {
    let d = tiles.n_columns;
    let (columns, _) = tiles.values.as_chunks::<LANES>();
    let (closest, _) = closest.as_chunks::<LANES>();
    debug_assert_eq!(columns.len(), closest.len() * d);
    for (i, (columns, closest)) in columns.chunks(RUN * d).zip(closest.chunks(RUN)).enumerate() {
        for (point, out) in candidates.chunks_exact(d).zip(&mut *sums) {
            let mut run = L::splat(0.0);
            for (j, (tile, closest)) in columns.chunks_exact(d).zip(closest).enumerate() {
                let near = L::load(closest).min(squares::<L>(tile, point));
                run = run.plus(weighted(tiles, i * RUN + j, near));
            }
            *out += total(run);
        }
    }
}

#[inline(always)]
fn lower<L: Singles>(tiles: WeightedTiles<'_>, closest: &mut [f32], point: &[f32]) -> f64 {
    let d = tiles.n_columns;
    let (columns, _) = tiles.values.as_chunks::<LANES>();
    let (closest, _) = closest.as_chunks_mut::<LANES>();
    debug_assert_eq!(columns.len(), closest.len() * d);
    let mut sum = 0.0;
    for (i, (columns, closest)) in columns.chunks(RUN * d).zip(closest.chunks_mut(RUN)).enumerate()
    {
        let mut run = L::splat(0.0);
        for (j, (tile, closest)) in columns.chunks_exact(d).zip(closest).enumerate() {
            let near = L::load(closest).min(squares::<L>(tile, point));
            near.store(closest);
            run = run.plus(weighted(tiles, i * RUN + j, near));
        }
        sum += total(run);
    }
    sum
}

/// Lanes times what their rows weigh.
#[inline(always)]
fn weighted<L: Singles>(tiles: WeightedTiles<'_>, tile: usize, lanes: L) -> L {
    let Some(weights) = tiles.weights else { return lanes };
    lanes.times(L::load(&weights.as_chunks::<LANES>().0[tile]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::rng::Stream;

    /// One row after another, in plain f32.
    fn naive(tiles: &[f32], closest: &[f32], point: &[f32], d: usize) -> Vec<f32> {
        let near = |(row, &closest): (usize, &f32)| {
            let mut sum = 0.0f32;
            for (column, value) in point.iter().enumerate() {
                let x = tiles[(row / LANES * d + column) * LANES + row % LANES];
                sum += (x - value) * (x - value);
            }
            closest.min(sum)
        };
        closest.iter().enumerate().map(near).collect()
    }

    #[test]
    fn every_build_gives_the_bits_of_the_naive_loop() {
        let mut stream = Stream::new(5, 0);
        let (d, n_tiles) = (3, 37);
        let mut draw = |n: usize| -> Vec<f32> { (0..n).map(|_| stream.normal() as f32).collect() };
        let (tiles, points) = (draw(n_tiles * d * LANES), draw(2 * d));
        let closest: Vec<f32> = draw(n_tiles * LANES).iter().map(|v| v.abs()).collect();
        let weights: Vec<f32> = draw(n_tiles * LANES).iter().map(|v| v.abs()).collect();
        let mut all_sums = Vec::new();
        for build in PotentialKernels::all() {
            for weights in [None, Some(&weights[..])] {
                let tiles = WeightedTiles { values: &tiles, weights, n_columns: d };
                let mut lowered = closest.clone();
                let sum = (build.lower)(tiles, &mut lowered, &points[..d]);
                assert_eq!(lowered, naive(tiles.values, &closest, &points[..d], d));
                let mut sums = [0.0; 2];
                (build.sum)(tiles, &closest, &points, &mut sums);
                assert_eq!(sums[0], sum);
                let weight = |row: usize| weights.map_or(1.0, |weights| f64::from(weights[row]));
                let plain: f64 =
                    lowered.iter().enumerate().map(|(row, &v)| f64::from(v) * weight(row)).sum();
                assert!((sum - plain).abs() < 1e-5 * plain, "{sum} {plain}");
                all_sums.push(sums);
            }
        }
        let pairs = all_sums.windows(3).map(|three| (three[0], three[2]));
        assert!(pairs.clone().count() > 1 && pairs.clone().all(|(a, b)| a == b), "{all_sums:?}");
    }
}
