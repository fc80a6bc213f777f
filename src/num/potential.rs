//! Squared distances to a few candidates, in f32 on tiles: the kernel under k-means++.
//!
//! The draws of k-means++ depend on these values, so they must not depend on the CPU: differences,
//! squares and sums are rounded one by one (never fused), lane by lane, which every build does
//! alike to the last bit. Sums run over sixteen tiles in f32 lanes, then lane after lane in f64.
//!
//! Cost: 3·d vector operations per 16 rows and candidate; reads the tiles and 4 bytes per row.

use super::lanes::{Lanes, Portable};
use super::pack::LANES;

/// Tiles whose sums are added in f32.
const RUN: usize = 16;

/// For each candidate (row-major), the sum over the rows of min(closest, squared distance to it).
pub(crate) type SumFn =
    fn(tiles: &[f32], closest: &[f32], candidates: &[f32], n_columns: usize, sums: &mut [f64]);

/// Lowers `closest` to the squared distances to one point; the new sum.
pub(crate) type LowerFn =
    fn(tiles: &[f32], closest: &mut [f32], point: &[f32], n_columns: usize) -> f64;

/// The two kernels, built for the same CPU.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kernels {
    pub(crate) sum: SumFn,
    pub(crate) lower: LowerFn,
}

const PORTABLE: Kernels = Kernels { sum: sum::<Portable>, lower: lower::<Portable> };

/// The fastest build that this CPU runs.
pub(crate) fn fastest() -> Kernels {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            return x86::AVX512;
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return x86::AVX2;
        }
    }
    PORTABLE
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod x86 {
    //! SAFETY, for both calls of each build: handed out by `fastest` only after detecting the
    //! features that the called function is compiled for.

    use super::super::lanes::{Avx2, Avx512};
    use super::{Kernels, lower, sum};

    pub(super) const AVX512: Kernels = Kernels {
        sum: |tiles, closest, candidates, d, sums| unsafe {
            sum_avx512(tiles, closest, candidates, d, sums);
        },
        lower: |tiles, closest, point, d| unsafe { lower_avx512(tiles, closest, point, d) },
    };

    pub(super) const AVX2: Kernels = Kernels {
        sum: |tiles, closest, candidates, d, sums| unsafe {
            sum_avx2(tiles, closest, candidates, d, sums);
        },
        lower: |tiles, closest, point, d| unsafe { lower_avx2(tiles, closest, point, d) },
    };

    #[target_feature(enable = "avx512f")]
    fn sum_avx512(tiles: &[f32], closest: &[f32], candidates: &[f32], d: usize, sums: &mut [f64]) {
        sum::<Avx512>(tiles, closest, candidates, d, sums);
    }

    #[target_feature(enable = "avx2,fma")]
    fn sum_avx2(tiles: &[f32], closest: &[f32], candidates: &[f32], d: usize, sums: &mut [f64]) {
        sum::<Avx2>(tiles, closest, candidates, d, sums);
    }

    #[target_feature(enable = "avx512f")]
    fn lower_avx512(tiles: &[f32], closest: &mut [f32], point: &[f32], d: usize) -> f64 {
        lower::<Avx512>(tiles, closest, point, d)
    }

    #[target_feature(enable = "avx2,fma")]
    fn lower_avx2(tiles: &[f32], closest: &mut [f32], point: &[f32], d: usize) -> f64 {
        lower::<Avx2>(tiles, closest, point, d)
    }
}

/// Squared distance of every lane to a point.
#[inline(always)]
fn squares<L: Lanes>(tile: &[[f32; LANES]], point: &[f32]) -> L {
    let mut sum = L::splat(0.0);
    for (column, &value) in tile.iter().zip(point) {
        let difference = L::load(column).minus(L::splat(value));
        sum = sum.plus(difference.times(difference));
    }
    sum
}

/// The lanes one after another, in f64.
#[inline(always)]
fn total<L: Lanes>(sum: L) -> f64 {
    let mut lanes = [0.0; LANES];
    sum.store(&mut lanes);
    lanes.into_iter().map(f64::from).sum()
}

#[inline(always)]
fn sum<L: Lanes>(tiles: &[f32], closest: &[f32], candidates: &[f32], d: usize, sums: &mut [f64]) {
    let (columns, _) = tiles.as_chunks::<LANES>();
    let (closest, _) = closest.as_chunks::<LANES>();
    debug_assert_eq!(columns.len(), closest.len() * d);
    for (tiles, closest) in columns.chunks(RUN * d).zip(closest.chunks(RUN)) {
        for (point, out) in candidates.chunks_exact(d).zip(&mut *sums) {
            let mut run = L::splat(0.0);
            for (tile, closest) in tiles.chunks_exact(d).zip(closest) {
                run = run.plus(L::load(closest).min(squares::<L>(tile, point)));
            }
            *out += total(run);
        }
    }
}

#[inline(always)]
fn lower<L: Lanes>(tiles: &[f32], closest: &mut [f32], point: &[f32], d: usize) -> f64 {
    let (columns, _) = tiles.as_chunks::<LANES>();
    let (closest, _) = closest.as_chunks_mut::<LANES>();
    debug_assert_eq!(columns.len(), closest.len() * d);
    let mut sum = 0.0;
    for (tiles, closest) in columns.chunks(RUN * d).zip(closest.chunks_mut(RUN)) {
        let mut run = L::splat(0.0);
        for (tile, closest) in tiles.chunks_exact(d).zip(closest) {
            let lowered = L::load(closest).min(squares::<L>(tile, point));
            lowered.store(closest);
            run = run.plus(lowered);
        }
        sum += total(run);
    }
    sum
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
        let mut builds = vec![PORTABLE, fastest()];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            builds.push(x86::AVX2);
        }
        let mut all_sums = Vec::new();
        for build in builds {
            let mut lowered = closest.clone();
            let sum = (build.lower)(&tiles, &mut lowered, &points[..d], d);
            assert_eq!(lowered, naive(&tiles, &closest, &points[..d], d));
            let mut sums = [0.0; 2];
            (build.sum)(&tiles, &closest, &points, d, &mut sums);
            assert_eq!(sums[0], sum);
            let plain: f64 = lowered.iter().map(|&v| f64::from(v)).sum();
            assert!((sum - plain).abs() < 1e-5 * plain, "{sum} {plain}");
            all_sums.push(sums);
        }
        assert!(all_sums.windows(2).all(|pair| pair[0] == pair[1]), "{all_sums:?}");
    }
}
