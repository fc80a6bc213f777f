//! Sixteen rows against sixteen rows, and one box against sixteen boxes, in f32.
//!
//! One lane is one candidate. A pair of leaves meets as follows: the query leaf is shifted into the
//! frame of the candidate leaf, whose rows are stored as offsets from its centre; queries that lie
//! too far from the candidate leaf's box, or from the ball around its rows, drop out, sixteen at once
//! (boxes tell with few columns, balls with many); the rest, four at a time, are subtracted from the
//! candidates. What comes out says of each pair *near* (perhaps within reach)
//! and *sure* (certainly within reach); the caller asks the naive f64 distance about pairs that are
//! near but not sure.
//!
//! **The bound.** Let u = 2⁻²⁴, q and b the offsets of two rows from their leaves' centres, t the
//! difference of the centres, all in f64 up to 2⁻⁵² of themselves. The kernel computes
//! (q + t) − b from values rounded to f32, with an error of at most u·(|q| + |t| + |q + t| + |b| +
//! |q + t − b|) ≤ u·(2|q| + 3|b| + 3|q + t − b|) per column. So in any norm the computed difference
//! is off by at most u·(2R + 3S) + 3u·D, where R and S bound the offsets of the two leaves and D is the
//! true distance; adding d terms costs a further (d + 2)·u of the result. A pair is *near* if its
//! computed distance is at most reach·(1 + ρ) + δ and *sure* if at most reach·(1 − ρ) − δ, with
//! ρ = (d + 8)·u and δ = u·(2R + 3S)·1.01 (see `tree.rs`, which provides them). Because the bound is
//! relative to the leaves, an offset of the data or a far outlier costs nothing.

use super::metric::Metric;
use crate::num::builds::{all_builds, fastest};
use crate::num::lanes::{Singles, SinglesPortable};
#[cfg(target_arch = "x86_64")]
use crate::num::lanes::{SinglesAvx2, SinglesAvx512};
use crate::num::pack::LANES;

/// Sixteen floats in one cache line.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [f32; LANES]);

/// One more than the relative rounding of a few operations.
const UP: f32 = 1.0 + 8.0 * f32::EPSILON;
const DOWN: f32 = 1.0 - 8.0 * f32::EPSILON;

/// Two leaves that are to meet.
#[derive(Debug, Clone, Copy)]
pub(super) struct LeafPair<'a> {
    /// Offsets of the queries from their centre, one line per column.
    pub(super) queries: &'a [Line],
    /// Offsets of the candidates from theirs; NaN in lanes without a row, which are near nothing.
    pub(super) candidates: &'a [Line],
    /// Greatest offset of the candidates per column.
    pub(super) half: &'a [f32],
    /// Greatest distance of a candidate from their centre, as a norm.
    pub(super) ball: f32,
    /// The centres, in units of the data, and the factor from these to packed units.
    pub(super) from: &'a [f64],
    pub(super) to: &'a [f64],
    pub(super) scale: f64,
    /// δ.
    pub(super) slack: f32,
    /// reach·(1 + ρ) and reach·(1 − ρ) per query, as norms in packed units.
    pub(super) reach: &'a Line,
    pub(super) surely: &'a Line,
    /// Bit i is set where query i takes part.
    pub(super) wanted: u16,
}

/// What a pair of leaves found.
#[derive(Debug, Clone, Copy)]
pub(super) struct LeafMatches {
    /// Queries that were compared with the candidates; of the others nothing is near.
    pub(super) active: u16,
    /// Per active query, the candidates that may be within reach.
    pub(super) near: [u16; LANES],
    /// Per active query, the candidates that certainly are.
    pub(super) sure: [u16; LANES],
    /// Per active query, the computed distances to the candidates, as powers of the norm.
    pub(super) powers: [Line; LANES],
}

impl Default for LeafMatches {
    fn default() -> Self {
        let powers = [Line([0.0; LANES]); LANES];
        Self { active: 0, near: [0; LANES], sure: [0; LANES], powers }
    }
}

type MeetFn = fn(&LeafPair<'_>, &mut [Line], &mut LeafMatches);
type GapsFn = fn(&[Line], &[f32], &[f32]) -> Line;

/// The kernels of one norm, built for the CPU at hand.
#[derive(Debug, Clone, Copy)]
pub(super) struct NormKernels {
    /// Meets a pair; the lines are scratch, one per column.
    pub(super) meet: MeetFn,
    /// The gaps, as powers of the norm, between a box (its low and high corner) and sixteen boxes
    /// (a line of low and one of high values per column). Too large by (d + 3)·u of themselves at
    /// most.
    pub(super) gaps: GapsFn,
}

const TWO: u8 = 2;
const ONE: u8 = 1;
const MAX: u8 = 0;

impl NormKernels {
    /// The fastest build for this CPU.
    pub(super) fn of(metric: Metric) -> Self {
        match metric {
            Metric::Euclidean | Metric::Cosine => Self::fastest::<TWO>(),
            Metric::Manhattan => Self::fastest::<ONE>(),
            Metric::Chebyshev => Self::fastest::<MAX>(),
        }
    }

    fn fastest<const NORM: u8>() -> Self {
        fastest(Self::all::<NORM>())
    }

    /// All builds that this CPU runs.
    fn all<const NORM: u8>() -> impl Iterator<Item = Self> {
        meetings::<NORM>().zip(all_gaps::<NORM>()).map(|(meet, gaps)| Self { meet, gaps })
    }
}

all_builds! {
    fn meetings<const NORM: u8>(pair: &LeafPair<'_>, shifted: &mut [Line], met: &mut LeafMatches) {
        ["avx512f", "avx512dq", "avx512vl", "fma"] => meet::<SinglesAvx512, NORM>,
        ["avx2", "fma"] => meet::<SinglesAvx2, NORM>,
        [] => meet::<SinglesPortable, NORM>,
    }
}

all_builds! {
    fn all_gaps<const NORM: u8>(boxes: &[Line], low: &[f32], high: &[f32]) -> Line {
        ["avx512f", "avx512dq", "avx512vl", "fma"] => gaps::<SinglesAvx512, NORM>,
        ["avx2", "fma"] => gaps::<SinglesAvx2, NORM>,
        [] => gaps::<SinglesPortable, NORM>,
    }
}

#[inline(always)]
fn magnitude<L: Singles>(value: L) -> L {
    value.max(L::splat(0.0).minus(value))
}

/// Adds one column's difference to the power of the norm.
#[inline(always)]
fn fold<L: Singles, const NORM: u8>(sum: L, difference: L) -> L {
    match NORM {
        TWO => sum.plus_product(difference, difference),
        ONE => sum.plus(magnitude(difference)),
        _ => sum.max(magnitude(difference)),
    }
}

/// A norm as the power that [`fold`] sums.
#[inline(always)]
fn power<L: Singles, const NORM: u8>(norm: L) -> L {
    if NORM == TWO { norm.times(norm) } else { norm }
}

/// The greatest gap that a search of this reach must look behind; infinite for an infinite reach.
pub(super) fn gap_limit(metric: Metric, reach: f32) -> f32 {
    let power = match metric {
        Metric::Euclidean | Metric::Cosine => reach * reach,
        Metric::Manhattan | Metric::Chebyshev => reach,
    };
    power * UP + f32::MIN_POSITIVE
}

#[inline(always)]
fn gaps<L: Singles, const NORM: u8>(boxes: &[Line], low: &[f32], high: &[f32]) -> Line {
    let mut sum = L::splat(0.0);
    for ((sides, &low), &high) in boxes.chunks_exact(2).zip(low).zip(high) {
        let above = L::load(&sides[0].0).minus(L::splat(high));
        let below = L::splat(low).minus(L::load(&sides[1].0));
        sum = fold::<L, NORM>(sum, above.max(below).max(L::splat(0.0)));
    }
    let mut line = Line([0.0; LANES]);
    sum.store(&mut line.0);
    line
}

#[inline(always)]
fn meet<L: Singles, const NORM: u8>(
    pair: &LeafPair<'_>,
    shifted: &mut [Line],
    met: &mut LeafMatches,
) {
    let (mut beyond, mut from_centre) = (L::splat(0.0), L::splat(0.0));
    let centres = pair.from.iter().zip(pair.to);
    let columns = pair.queries.iter().zip(pair.half).zip(shifted.iter_mut());
    for ((from, to), ((queries, &half), shifted)) in centres.zip(columns) {
        let shift = ((from - to) * pair.scale) as f32;
        let queries = L::load(&queries.0).plus(L::splat(shift));
        queries.store(&mut shifted.0);
        let outside = magnitude(queries).minus(L::splat(half)).max(L::splat(0.0));
        beyond = fold::<L, NORM>(beyond, outside);
        from_centre = fold::<L, NORM>(from_centre, queries);
    }
    let (tiny, up) = (L::splat(f32::MIN_POSITIVE), L::splat(UP));
    let reach = L::load(&pair.reach.0).plus(L::splat(pair.slack));
    let to_ball = power::<L, NORM>(reach.plus(L::splat(pair.ball)).times(up)).times(up).plus(tiny);
    let reach = power::<L, NORM>(reach).times(up).plus(tiny);
    met.active = pair.wanted & reach.above(beyond) & to_ball.above(from_centre);
    if met.active == 0 {
        return;
    }
    let surely = L::load(&pair.surely.0).minus(L::splat(pair.slack)).max(L::splat(0.0));
    let surely = power::<L, NORM>(surely).times(L::splat(DOWN)).minus(tiny);
    let (mut reaches, mut sures) = ([0.0; LANES], [0.0; LANES]);
    reach.store(&mut reaches);
    surely.store(&mut sures);
    let mut left = met.active;
    let mut next = || {
        let lane = left.trailing_zeros() as usize % LANES;
        left &= left.wrapping_sub(1);
        lane
    };
    // Four queries share every load of the candidates and hide each other's latency.
    let mut n_left = met.active.count_ones();
    while n_left > 0 {
        if n_left >= 3 {
            // A block that is one short repeats its last query.
            let mut lanes = [next(), next(), next(), 0];
            lanes[3] = if n_left == 3 { lanes[2] } else { next() };
            compare::<L, NORM, 4>(pair.candidates, shifted, lanes, &reaches, &sures, met);
            n_left -= n_left.min(4);
        } else {
            compare::<L, NORM, 1>(pair.candidates, shifted, [next()], &reaches, &sures, met);
            n_left -= 1;
        }
    }
}

/// Compares some queries with all candidates.
#[inline(always)]
fn compare<L: Singles, const NORM: u8, const N: usize>(
    candidates: &[Line],
    shifted: &[Line],
    lanes: [usize; N],
    reaches: &[f32; LANES],
    sures: &[f32; LANES],
    met: &mut LeafMatches,
) {
    let mut sums = [L::splat(0.0); N];
    for (candidates, shifted) in candidates.iter().zip(shifted) {
        let candidates = L::load(&candidates.0);
        for (sum, &lane) in sums.iter_mut().zip(&lanes) {
            let query = L::splat(shifted.0[lane % LANES]);
            *sum = fold::<L, NORM>(*sum, query.minus(candidates));
        }
    }
    for (sum, &lane) in sums.into_iter().zip(&lanes) {
        let lane = lane % LANES;
        met.near[lane] = L::splat(reaches[lane]).above(sum);
        met.sure[lane] = L::splat(sures[lane]).above(sum);
        sum.store(&mut met.powers[lane].0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::rng::Stream;

    fn norm<const NORM: u8>(differences: impl Iterator<Item = f64>) -> f64 {
        match NORM {
            TWO => differences.map(|v| v * v).sum::<f64>().sqrt(),
            ONE => differences.map(f64::abs).sum(),
            _ => differences.fold(0.0, |most: f64, v| v.abs().max(most)),
        }
    }

    fn check<const NORM: u8>() {
        let mut stream = Stream::new(7, 0);
        for d in [1, 2, 5, 9] {
            let mut lines = || -> Vec<Line> {
                (0..d).map(|_| Line(std::array::from_fn(|_| stream.unit() as f32 - 0.5))).collect()
            };
            let (queries, mut candidates) = (lines(), lines());
            candidates.iter_mut().for_each(|line| line.0[15] = f32::NAN);
            let row = |b: usize| norm::<NORM>(candidates.iter().map(|l| f64::from(l.0[b])));
            let ball = (0..15).map(row).fold(0.0, f64::max) as f32 * 1.001;
            let (from, to) = (vec![1e9 + 0.25; d], vec![1e9; d]);
            let (reach, surely) = (Line([0.6001; LANES]), Line([0.5999; LANES]));
            let pair = LeafPair {
                queries: &queries,
                candidates: &candidates,
                half: &vec![0.5; d],
                ball,
                from: &from,
                to: &to,
                scale: 1.0,
                slack: 1e-5,
                reach: &reach,
                surely: &surely,
                wanted: 0b1011_1111_1111_1111,
            };
            for build in NormKernels::all::<NORM>() {
                let mut met = LeafMatches::default();
                (build.meet)(&pair, &mut vec![Line([0.0; LANES]); d], &mut met);
                assert_eq!(met.active >> 14 & 1, 0);
                for q in (0..LANES).filter(|&q| q != 14) {
                    for b in 0..15 {
                        let difference = |j: usize| {
                            f64::from(queries[j].0[q]) + 0.25 - f64::from(candidates[j].0[b])
                        };
                        let exact = norm::<NORM>((0..d).map(difference));
                        let active = met.active >> q & 1 == 1;
                        let near = active && met.near[q] >> b & 1 == 1;
                        let sure = active && met.sure[q] >> b & 1 == 1;
                        let power = if NORM == TWO { exact * exact } else { exact };
                        let computed = f64::from(met.powers[q].0[b]);
                        assert!(!active || (computed - power).abs() < 1e-5);
                        assert!(near || exact > 0.6);
                        assert!(!near || exact < 0.6003);
                        assert!(!sure || exact < 0.6);
                        assert!(sure || exact > 0.5997);
                    }
                    assert_eq!(met.near[q] >> 15, 0);
                }
            }
        }
    }

    #[test]
    fn every_build_finds_the_pairs_within_reach_in_every_norm() {
        check::<TWO>();
        check::<ONE>();
        check::<MAX>();
    }

    #[test]
    fn gaps_are_distances_between_boxes_and_empty_lanes_are_infinitely_far() {
        let mut boxes = [Line([f32::INFINITY; LANES]), Line([f32::NEG_INFINITY; LANES])].repeat(2);
        for (line, value) in boxes.iter_mut().zip([4.0, 5.0, -1.0, 3.0]) {
            line.0[0] = value;
        }
        let gap = |build: NormKernels| {
            let line = (build.gaps)(&boxes, &[0.0, 6.0], &[1.0, 7.0]);
            assert_eq!(line.0[1], f32::INFINITY);
            line.0[0]
        };
        assert!(NormKernels::all::<TWO>().all(|build| gap(build) == 18.0));
        assert!(NormKernels::all::<ONE>().all(|build| gap(build) == 6.0));
        assert!(NormKernels::all::<MAX>().all(|build| gap(build) == 3.0));
    }
}
