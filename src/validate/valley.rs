//! Is there less between two clusters than in them?
//!
//! For every pair of clusters their rows are projected on the line through both centroids and counted
//! in three windows at equal distances: before, in and behind a possible valley. Where the logarithm of
//! the density bends down, as in any one Gaussian, uniform or exponential cloud, the middle window
//! holds at least the geometric mean of the outer two; only a valley, or the shoulder before a
//! smaller group, holds fewer. So a group a tenth of its neighbour's size shows, though the density
//! between them may hardly dip. Heavy tails bend the other way, too, by which the evidence is held
//! against that of clouds with the same tails (`null.rs`).
//!
//! The evidence is the signed root of the likelihood ratio of three Poisson counts: about standard
//! normal if the middle holds just the geometric mean. Of all windows on the line the clearest counts.
//!
//! The idea is that of the dip test on projections (Hartigan, Hartigan 1985; Kalogeratos, Likas
//! 2012), with counts that can be read aloud. Cost: O(n · d · k) for k clusters.

use crate::Labels;
use crate::num::check::Rows;
use crate::num::portable;

/// Bins per unit of the line from one centroid (0) to the other (1).
const PER_UNIT: usize = 20;
/// Where the bins start, and how many there are: from −0.2 to 1.2.
const START: f64 = -0.2;
const BINS: usize = 28;
/// Bins per window: a fifth of the line.
const WINDOW: usize = 4;

/// The shallowest valley between any two clusters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Valley {
    /// By which share the middle holds fewer rows than the outer windows' geometric mean, in [0, 1].
    pub(super) depth: f64,
    /// How clearly, in standard deviations; negative where the middle holds more.
    pub(super) evidence: f64,
}

impl Valley {
    const NONE: Self = Self { depth: 0.0, evidence: 0.0 };
}

/// The valley of least evidence between any two clusters; none if there are fewer than two.
/// `centroids` are row-major.
pub(super) fn shallowest(rows: &Rows<'_>, labels: &Labels, centroids: &[f64]) -> Valley {
    let (d, k) = (rows.n_columns(), labels.n_clusters());
    debug_assert_eq!(centroids.len(), k * d);
    if k < 2 {
        return Valley::NONE;
    }
    // Rows per (own cluster, other cluster) and bin.
    let mut counts = vec![[0u32; BINS]; k * k];
    let squares: Vec<f64> = (0..k * k)
        .map(|at| square(&centroids[at / k * d..][..d], &centroids[at % k * d..][..d]))
        .collect();
    for (row, own) in rows.iter().zip(labels.iter()) {
        let Some(own) = own else { continue };
        let from = &centroids[own * d..(own + 1) * d];
        for (other, to) in centroids.chunks_exact(d).enumerate().filter(|&(c, _)| c != own) {
            // 0 at the own centroid, 1 at the other.
            let at = along(row, from, to) / squares[own * k + other];
            let bin = ((at - START) * PER_UNIT as f64).floor();
            if (0.0..BINS as f64).contains(&bin) {
                counts[own * k + other][bin as usize] += 1;
            }
        }
    }
    let pairs = (0..k).flat_map(|b| (0..b).map(move |a| (a * k + b, b * k + a)));
    let valleys = pairs.map(|(ab, ba)| {
        let (from, to) = (&counts[ab], counts[ba].iter().rev());
        let mut line = [0u32; BINS];
        line.iter_mut().zip(from).zip(to).for_each(|((sum, a), b)| *sum = a + b);
        clearest(&line)
    });
    valleys.reduce(|a, b| if b.evidence < a.evidence { b } else { a }).unwrap_or(Valley::NONE)
}

/// The clearest valley on a line.
fn clearest(line: &[u32; BINS]) -> Valley {
    let window = |start: usize| f64::from(line[start..start + WINDOW].iter().sum::<u32>());
    let mut best = Valley { depth: 0.0, evidence: f64::NEG_INFINITY };
    // The middle from 0.2 to 0.8, the others a fifth to a half away, never beyond the bins.
    for middle in 6..=18usize {
        for apart in 4..=10 {
            let (Some(before), behind) = (middle.checked_sub(apart), middle + apart) else {
                continue;
            };
            if behind + WINDOW > BINS {
                continue;
            }
            let (before, between, behind) = (window(before), window(middle), window(behind));
            let evidence = evidence(before, between, behind);
            if evidence > best.evidence {
                let depth = 1.0 - between / (before * behind).sqrt();
                best = Valley { depth: if depth > 0.0 { depth } else { 0.0 }, evidence };
            }
        }
    }
    best
}

/// The signed root of twice the log-likelihood ratio against "the middle is the geometric mean",
/// positive where it holds fewer rows.
fn evidence(before: f64, between: f64, behind: f64) -> f64 {
    // The likeliest means α, √(αβ), β: α + ½√(αβ) = a and β + ½√(αβ) = b.
    let (a, b) = (before + 0.5 * between, behind + 0.5 * between);
    let half = 0.5 * (a + b);
    let mean = ((half * half + 3.0 * a * b).sqrt() - half) / 1.5;
    let part =
        |count: f64, mean: f64| if count > 0.0 { count * portable::ln(count / mean) } else { 0.0 };
    let ratio = part(before, a - 0.5 * mean) + part(between, mean) + part(behind, b - 0.5 * mean);
    let root = (2.0 * ratio).max(0.0).sqrt();
    if between * between < before * behind { root } else { -root }
}

/// (row − from)·(to − from).
fn along(row: &[f64], from: &[f64], to: &[f64]) -> f64 {
    let mut along = 0.0;
    for ((v, from), to) in row.iter().zip(from).zip(to) {
        along += (v - from) * (to - from);
    }
    along
}

fn square(from: &[f64], to: &[f64]) -> f64 {
    from.iter().zip(to).map(|(a, b)| (b - a) * (b - a)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::check;
    use crate::num::rng::Stream;
    use ndarray::{Array2, array};

    /// Cut at the middle between two centroids on a line.
    fn cut(x: &Array2<f64>, a: f64, b: f64) -> Valley {
        let nearer = |v: f64| Some(usize::from((v - b).abs() < (v - a).abs()));
        let labels = Labels::new(x.column(0).iter().map(|&v| nearer(v))).unwrap();
        let first = labels.rows_of(0)[0];
        let centroids = if nearer(x[[first, 0]]) == Some(0) { [a, b] } else { [b, a] };
        shallowest(&check::rows(x.view()).unwrap(), &labels, &centroids)
    }

    fn draws(n: usize, draw: impl Fn(usize, &mut Stream) -> f64) -> Array2<f64> {
        let mut stream = Stream::new(3, 1);
        Array2::from_shape_fn((n, 1), |(row, _)| draw(row, &mut stream))
    }

    #[test]
    fn one_cloud_has_no_clear_valley_unless_its_tail_is_heavy() {
        let gaussian = draws(2000, |_, s| s.normal());
        let uniform = draws(2000, |_, s| 4.0 * s.unit() - 2.0);
        let exponential = draws(2000, |_, s| -(1.0 - s.unit()).ln());
        for valley in [cut(&gaussian, -0.8, 0.8), cut(&uniform, -1.0, 1.0)] {
            assert!(valley.evidence < 2.5, "{valley:?}");
        }
        assert!(cut(&exponential, 0.6, 2.6).evidence < 2.5);
        // A tail that thins out ever more slowly bends as a valley does; clouds with such a tail show it too.
        let heavy = draws(2000, |_, s| (1.5 * s.normal()).exp());
        assert!(cut(&heavy, 1.0, 12.0).evidence > 2.5);
    }

    #[test]
    fn the_deeper_the_valley_the_greater_depth_and_evidence() {
        let apart = |by: f64| draws(2000, |row, s| (row % 2) as f64 * by + s.normal());
        let valleys = [2.0, 4.0, 6.0, 10.0].map(|by| cut(&apart(by), 0.0, by));
        assert!(valleys[0].evidence < 2.5 && valleys[1].evidence > 4.0, "{valleys:?}");
        assert!(valleys.is_sorted_by(|a, b| a.depth <= b.depth && a.evidence < b.evidence));
    }

    #[test]
    fn a_group_a_tenth_of_its_neighbour_shows() {
        let x = draws(2000, |row, s| if row % 11 == 0 { 4.0 } else { 0.0 } + s.normal());
        assert!(cut(&x, 0.0, 3.7).evidence > 3.0);
    }

    #[test]
    fn two_rows_are_weak_evidence_and_six_are_good() {
        let apart = |n: usize| Array2::from_shape_fn((n, 1), |(row, _)| (row % 2) as f64 * 9.0);
        assert!(cut(&apart(4), 0.0, 9.0).evidence < 2.0);
        assert!(cut(&apart(12), 0.0, 9.0).evidence > 3.0);
    }

    #[test]
    fn one_cluster_and_noise_have_no_valley() {
        let x = array![[0.0], [1.0]];
        let rows = check::rows(x.view()).unwrap();
        let none = Labels::new([None, None]).unwrap();
        assert_eq!(shallowest(&rows, &none, &[]), Valley::NONE);
        let one = Labels::new([Some(0), None]).unwrap();
        assert_eq!(shallowest(&rows, &one, &[0.0]), Valley::NONE);
    }
}
