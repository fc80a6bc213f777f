//! Do the clusters come back when the rows had been others?
//!
//! It clusters the distinct rows of bootstrap resamples. For every original cluster,
//! restricted to the rows present, it takes the best Jaccard coefficient |A ∩ B| / |A ∪ B| over the
//! clusters of the resample.
//!
//! Source: Hennig 2007, "Cluster-wise assessment of cluster stability", and his `clusterboot` in
//! R's fpc, from which the thresholds are. Where we differ: a resample without any row of a cluster
//! says nothing about it and is left out of its mean.
//! Cost: one clustering per resample, in parallel; memory for one copy of the rows each.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::external::{Contingency, check_length};
use crate::num::check::{self, Rows};
use crate::num::rng::Stream;
use crate::num::samples::Samples;
use crate::num::{parallel, stats};
use crate::{Error, Labels, Result};

/// From this mean Jaccard coefficient on a cluster is stable.
pub(crate) const STABLE_FROM: f64 = 0.75;
/// A resample with at most this Jaccard coefficient has dissolved the cluster.
const DISSOLVED_TO: f64 = 0.5;
/// A resample with more than this has recovered it.
const RECOVERED_ABOVE: f64 = 0.75;

/// How often one cluster came back.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClusterStability {
    /// Mean over the resamples of its best Jaccard coefficient, in [0, 1]; 0 if no resample held
    /// any of its rows. Below 0.6 the cluster is not to be trusted; from 0.6 there is a pattern, but
    /// who belongs to it is doubtful; from 0.75 it comes back; from 0.85 almost unchanged (Hennig 2007).
    pub mean_jaccard: f64,
    /// Share of resamples that recovered it (Jaccard above 0.75).
    pub recovered: f64,
    /// Share of resamples that dissolved it (Jaccard at most 0.5).
    pub dissolved: f64,
}

/// Stability of a grouping under resampling; see [`stability`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Stability {
    /// The mean Jaccard coefficient over the clusters that have rows, each counting alike.
    pub mean: f64,
    /// The adjusted Rand index between original and resampled labels on the rows present, mean over
    /// the resamples. Large clusters weigh more here than in the mean Jaccard coefficient.
    pub adjusted_rand: f64,
    /// One entry per cluster of the original labels.
    pub per_cluster: Vec<ClusterStability>,
}

/// Clusters `n_resamples` bootstrap resamples of `x` again, and says which clusters come back.
///
/// `x` is `(n_samples, n_features)`, `labels` its grouping, and `cluster` the method that made the grouping. The
/// method gets the distinct rows of each resample (about 63 %) in their original order. Resample `i` depends
/// only on `seed` and `i`. 50 resamples separate stable from unstable clusters; 100 are usual in publications.
///
/// Noise is not compared, but an original noise row that a resample puts in a cluster counts
/// against that cluster. Stable is not the same as real: see the [module](crate::validate).
///
/// ```
/// use personas::{Labels, ndarray::Array2, validate};
///
/// let x = Array2::from_shape_fn((40, 1), |(row, _)| (row + row / 20 * 100) as f64);
/// let by_side = |x: personas::ndarray::ArrayView2<'_, f64>| {
///     Labels::new(x.column(0).iter().map(|&v| Some(usize::from(v > 60.0))))
/// };
/// let evidence = validate::stability(&x, &by_side(x.view())?, 50, 7, by_side)?;
/// assert_eq!(evidence.mean, 1.0);
/// assert_eq!(evidence.per_cluster[0].recovered, 1.0);
/// # Ok::<(), personas::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidParameter`] for no resamples, [`Error::UndefinedMetric`] if all labels are
/// noise, [`Error::DimensionMismatch`] if `labels` or what `cluster` returns has not one label per
/// row; any error of `cluster`, that of the first resample that has one; and as every method for a
/// matrix that is empty or not finite.
pub fn stability<'a>(
    x: impl Into<Samples<'a>>,
    labels: &Labels,
    n_resamples: usize,
    seed: u64,
    cluster: impl Fn(ArrayView2<'_, f64>) -> Result<Labels> + Sync,
) -> Result<Stability> {
    let x = x.into().into_rows()?;
    let rows = check::rows(x.view())?;
    check_length("labels", rows.n_rows(), labels)?;
    super::trials::check_count("n_resamples", n_resamples, 1)?;
    if labels.n_occupied() == 0 {
        return Err(Error::UndefinedMetric {
            metric: "stability",
            reason: "every row is noise, so there is no cluster to find again".into(),
        });
    }
    resampled(&rows, labels, n_resamples, seed, resample, &cluster)
}

/// As [`stability`], with half-samples: half of the rows, or `most` if that is fewer, drawn without replacement. Each
/// is drawn from all rows, so that their mean hardly depends on which are drawn.
pub(crate) fn half_samples(
    rows: &Rows<'_>,
    labels: &Labels,
    (n_samples, most): (usize, usize),
    seed: u64,
    cluster: impl Fn(ArrayView2<'_, f64>) -> Result<Labels> + Sync,
) -> Result<Stability> {
    let half = |n: usize, stream: &mut Stream| {
        let mut rows = stream.sample(n, n.div_ceil(2).min(most));
        rows.sort_unstable();
        rows
    };
    resampled(rows, labels, n_samples, seed, half, &cluster)
}

fn resampled(
    rows: &Rows<'_>,
    labels: &Labels,
    n_samples: usize,
    seed: u64,
    draw: impl Fn(usize, &mut Stream) -> Vec<usize> + Sync,
    cluster: &(impl Fn(ArrayView2<'_, f64>) -> Result<Labels> + Sync),
) -> Result<Stability> {
    // A clustering is never a small piece of work.
    let samples = parallel::map(n_samples, usize::MAX, |index| {
        let present = draw(rows.n_rows(), &mut Stream::new(seed, index as u64));
        let found = cluster_rows(rows, &present, cluster)?;
        Ok(Contingency::new(present.iter().map(|&row| labels.get(row)).zip(found.iter())))
    });
    let tables: Vec<Contingency> = samples.into_iter().collect::<Result<_>>()?;
    Ok(summarise(&tables, labels.sizes()))
}

/// The distinct rows of one bootstrap, ascending.
pub(super) fn resample(n: usize, stream: &mut Stream) -> Vec<usize> {
    let mut drawn = vec![false; n];
    (0..n).for_each(|_| drawn[stream.below(n)] = true);
    (0..n).filter(|&row| drawn[row]).collect()
}

/// The labels that `cluster` gives to some rows.
pub(super) fn cluster_rows(
    rows: &Rows<'_>,
    chosen: &[usize],
    cluster: impl Fn(ArrayView2<'_, f64>) -> Result<Labels>,
) -> Result<Labels> {
    let labels = cluster(rows.select(chosen).view())?;
    check_length("labels of a sample", chosen.len(), &labels)?;
    // The numbers are not compared; clusters without rows would have no centroid.
    if labels.n_occupied() == labels.n_clusters() { Ok(labels) } else { Labels::new(labels.iter()) }
}

fn summarise(tables: &[Contingency], sizes: &[usize]) -> Stability {
    let n_clusters = sizes.len();
    let best: Vec<Vec<Option<f64>>> =
        tables.iter().map(|table| table.best_jaccards(n_clusters)).collect();
    let of_cluster = |cluster: usize| {
        let jaccards: Vec<f64> = best.iter().filter_map(|of_table| of_table[cluster]).collect();
        let n = jaccards.len().max(1) as f64;
        let share = |holds: &dyn Fn(f64) -> bool| {
            jaccards.iter().filter(|&&jaccard| holds(jaccard)).count() as f64 / n
        };
        let mean_jaccard = jaccards.iter().sum::<f64>() / n;
        ClusterStability {
            mean_jaccard,
            recovered: share(&|jaccard| jaccard > RECOVERED_ABOVE),
            dissolved: share(&|jaccard| jaccard <= DISSOLVED_TO),
        }
    };
    let per_cluster: Vec<ClusterStability> = (0..n_clusters).map(of_cluster).collect();
    let indices: Vec<f64> = tables.iter().map(Contingency::adjusted_rand).collect();
    let occupied = per_cluster.iter().zip(sizes).filter(|&(_, &size)| size > 0);
    let means: Vec<f64> = occupied.map(|(cluster, _)| cluster.mean_jaccard).collect();
    Stability { mean: stats::mean(&means), adjusted_rand: stats::mean(&indices), per_cluster }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};
    use std::sync::Mutex;

    /// Two groups of 20 on a line.
    fn two_groups() -> (Array2<f64>, Labels) {
        let x = Array2::from_shape_fn((40, 1), |(row, _)| (row + row / 20 * 100) as f64);
        let labels = Labels::new((0..40).map(|row| Some(row / 20))).unwrap();
        (x, labels)
    }

    fn by_side(x: ArrayView2<'_, f64>) -> Result<Labels> {
        Labels::new(x.column(0).iter().map(|&v| Some(usize::from(v > 60.0))))
    }

    #[test]
    fn clusters_that_always_come_back_are_highly_stable() {
        let (x, labels) = two_groups();
        let s = stability(&x, &labels, 20, 1, by_side).unwrap();
        assert_eq!((s.mean, s.adjusted_rand), (1.0, 1.0));
        for cluster in s.per_cluster {
            assert_eq!((cluster.recovered, cluster.dissolved), (1.0, 0.0));
        }
    }

    #[test]
    fn a_cluster_that_is_swallowed_is_dissolved_and_the_larger_part_doubtful() {
        // 30 rows and 10 rows; the method finds one cluster of all.
        let x = Array2::from_shape_fn((40, 1), |(row, _)| row as f64);
        let labels = Labels::new((0..40).map(|row| Some(usize::from(row >= 30)))).unwrap();
        let s = stability(&x, &labels, 200, 1, |sample| {
            Labels::new((0..sample.nrows()).map(|_| Some(0)))
        })
        .unwrap();
        let [large, small] = &s.per_cluster[..] else { panic!("{s:?}") };
        // The Jaccard coefficient is the cluster's share of the rows present: 3/4 and 1/4.
        assert!((large.mean_jaccard - 0.75).abs() < 0.02, "{large:?}");
        assert!((small.mean_jaccard - 0.25).abs() < 0.02, "{small:?}");
        assert_eq!(small.dissolved, 1.0);
        assert!((s.mean - 0.5).abs() < 1e-12);
        assert_eq!(s.adjusted_rand, 0.0);
    }

    #[test]
    fn a_resample_holds_distinct_rows_in_order_about_63_percent_of_them() {
        let (x, labels) = two_groups();
        let seen = Mutex::new(Vec::new());
        stability(&x, &labels, 100, 3, |sample| {
            let values = sample.column(0).to_vec();
            assert!(values.is_sorted_by(|a, b| a < b));
            seen.lock().unwrap().push(values.len());
            by_side(sample)
        })
        .unwrap();
        let seen = seen.into_inner().unwrap();
        let mean = seen.iter().sum::<usize>() as f64 / 100.0 / 40.0;
        assert!(seen.len() == 100 && (mean - 0.637).abs() < 0.03, "{mean}");
    }

    #[test]
    fn half_samples_of_many_rows_are_drawn_from_all_of_them() {
        let x = Array2::from_shape_fn((400, 1), |(row, _)| (row + row / 200 * 1000) as f64);
        let labels = Labels::new((0..400).map(|row| Some(row / 200))).unwrap();
        let seen = Mutex::new(vec![false; 400]);
        let by_side = |x: ArrayView2<'_, f64>| {
            assert_eq!(x.nrows(), 20);
            x.column(0).iter().for_each(|&v| seen.lock().unwrap()[v as usize % 1000] = true);
            Labels::new(x.column(0).iter().map(|&v| Some(usize::from(v > 600.0))))
        };
        let rows = check::rows(x.view()).unwrap();
        let found = half_samples(&rows, &labels, (60, 20), 1, by_side).unwrap();
        assert_eq!(found.mean, 1.0);
        // Of 1,200 draws a row is missed by one in 21.
        assert!(seen.lock().unwrap().iter().filter(|&&seen| seen).count() > 350);
    }

    #[test]
    fn a_cluster_of_one_is_judged_by_the_resamples_that_hold_it() {
        let x = array![[0.0], [1.0], [2.0], [100.0]];
        let labels = by_side(x.view()).unwrap();
        let s = stability(&x, &labels, 50, 0, by_side).unwrap();
        assert_eq!(s.per_cluster[1].mean_jaccard, 1.0);
    }

    #[test]
    fn noise_that_joins_a_cluster_counts_against_it() {
        let x = array![[0.0], [1.0], [2.0], [100.0]];
        let labels = Labels::new([Some(0), Some(0), Some(0), None]).unwrap();
        let one = |sample: ArrayView2<'_, f64>| Labels::new(vec![Some(0); sample.nrows()]);
        assert!(stability(&x, &labels, 50, 0, one).unwrap().mean < 0.9);
        let all_noise = |sample: ArrayView2<'_, f64>| Labels::new(vec![None; sample.nrows()]);
        let s = stability(&x, &labels, 50, 0, all_noise).unwrap();
        assert_eq!((s.mean, s.per_cluster[0].dissolved), (0.0, 1.0));
    }

    #[test]
    fn the_error_of_the_first_resample_comes_out() {
        let (x, labels) = two_groups();
        let seen = Mutex::new(Vec::new());
        let refuse = |sample: ArrayView2<'_, f64>| {
            let got = sample.nrows();
            seen.lock().unwrap().push(got);
            Err(Error::TooFewSamples { what: "test", needed: 99, got })
        };
        let first = resample(40, &mut Stream::new(5, 0)).len();
        let error = Error::TooFewSamples { what: "test", needed: 99, got: first };
        assert_eq!(stability(&x, &labels, 9, 5, refuse), Err(error));
        assert!(seen.into_inner().unwrap().iter().any(|&got| got != first));
    }

    #[test]
    fn bad_calls_are_refused() {
        let (x, labels) = two_groups();
        let short = Labels::new([Some(0)]).unwrap();
        let noise = Labels::new(vec![None; 40]).unwrap();
        assert!(matches!(
            stability(&x, &labels, 0, 0, by_side),
            Err(Error::InvalidParameter { name: "n_resamples", .. })
        ));
        assert!(matches!(
            stability(&x, &short, 5, 0, by_side),
            Err(Error::DimensionMismatch { what, expected: 40, got: 1 }) if what == "labels"
        ));
        assert!(matches!(stability(&x, &noise, 5, 0, by_side), Err(Error::UndefinedMetric { .. })));
        assert!(matches!(
            stability(&x, &labels, 5, 0, |_| Labels::new([Some(0)])),
            Err(Error::DimensionMismatch { what, got: 1, .. }) if what == "labels of a sample"
        ));
    }
}
