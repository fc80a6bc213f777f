//! How many groups, and whether there are any.
//!
//! k-means splits whatever it is given, so for every k three questions are asked, and only a k
//! that passes all three counts as groups:
//!
//! 1. *Do the clusters come back?* [`stability`] of the least stable cluster, at least 0.75.
//! 2. *Are they tighter than noise would be?* The silhouette exceeds those of clouds without groups
//!    by more than three deviations, for Gaussian clouds and for boxes (`reference.rs`).
//! 3. *Is there less between them than in them?* A gap between every two clusters (`gap.rs`).
//!
//! Each alone is fooled: a square cut in four comes back every time (1), a long tail is tighter
//! than any Gaussian (2), a 0/1 column has gaps (3). Of the k that pass, the one with the greatest
//! silhouette is chosen; if none does, the one that comes back best.
//!
//! Source: Hennig 2007 (1); Tibshirani, Walther, Hastie 2001 (2); Dolnicar, Grün, Leisch 2018 for
//! the three kinds of [`Structure`]. The combination is ours.
//! Cost: at most 2,000 rows are judged, drawn at random if there are more, so that it is bounded:
//! for every k some 40 runs of k-means, and 21 silhouettes of O(n² · d) for all k at once.

use std::ops::RangeInclusive;

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::gap;
use super::internal;
use super::reference::Reference;
use super::stability::{STABLE_FROM, stability};
use crate::cluster::{KMeans, KMeansFit};
use crate::num::check::{self, Rows};
use crate::num::parallel;
use crate::num::rng::Stream;
use crate::num::stats;
use crate::{Error, Labels, Result};

/// Rows judged at most. A group of 1 % still has 20 of them.
const MAX_ROWS: usize = 2000;
/// Reference clouds of each kind.
const CLOUDS: usize = 10;
/// Bootstrap resamples per k.
const RESAMPLES: usize = 20;
/// Runs of k-means per fit, the same for data, clouds and resamples so that they compare.
const RUNS: usize = 2;
/// Deviations by which a silhouette must exceed the mean of the clouds'.
const DEVIATIONS: f64 = 3.0;

/// What kind of groups the data hold, after Dolnicar, Grün and Leisch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Structure {
    /// Groups with gaps between them, tighter than noise, that come back on other samples.
    Natural,
    /// No such groups, but a cut that comes back: usable, as long as nobody takes it for nature's.
    Reproducible,
    /// Neither: another sample would be cut otherwise.
    Constructed,
}

/// What was found for one number of clusters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Candidate {
    /// The number of clusters.
    pub k: usize,
    /// Sum of squared distances to the centroids over the rows judged.
    pub inertia: f64,
    /// Mean silhouette, in [−1, 1].
    pub silhouette: f64,
    /// Mean silhouette of clouds without groups (of the kind that is harder to beat).
    pub null_silhouette: f64,
    /// Standard deviation of those silhouettes.
    pub null_spread: f64,
    /// Mean Jaccard coefficient of the least stable cluster, in [0, 1].
    pub stability: f64,
    /// Depth of the shallowest gap between two clusters, in [0, 1]: at 0.8 there are at least 80 %
    /// fewer rows half-way than around the centroids; 0 is no gap.
    pub gap: f64,
}

impl Candidate {
    fn comes_back(&self) -> bool {
        self.stability >= STABLE_FROM
    }

    /// The silhouette that clouds without groups practically never exceed.
    fn bar(&self) -> f64 {
        self.null_silhouette + DEVIATIONS * self.null_spread
    }

    fn is_tighter_than_noise(&self) -> bool {
        self.silhouette > self.bar()
    }

    fn is_natural(&self) -> bool {
        self.comes_back() && self.is_tighter_than_noise() && self.gap > 0.0
    }
}

/// The number of clusters that the data support best, and whether they support any; see
/// [`choose_k`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KChoice {
    k: usize,
    structure: Structure,
    candidates: Vec<Candidate>,
    n_rows: usize,
}

impl KChoice {
    /// The best number of clusters; of little worth unless [`supported`](Self::supported).
    pub fn k(&self) -> usize {
        self.k
    }

    /// Whether the data hold groups at all, that is, whether their structure is
    /// [`Natural`](Structure::Natural).
    pub fn supported(&self) -> bool {
        self.structure == Structure::Natural
    }

    /// What kind of grouping [`k`](Self::k) clusters would be.
    pub fn structure(&self) -> Structure {
        self.structure
    }

    /// What was found for every number of clusters, ascending. Those that k-means cannot make
    /// because there are fewer distinct rows are left out.
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// How many rows were judged: all, or 2,000 drawn at random.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// The reasons in plain words, with their numbers.
    pub fn reason(&self) -> String {
        let Some(best) = self.candidates.iter().find(|candidate| candidate.k == self.k) else {
            return "There are no groups: the rows have fewer distinct values than groups were \
                    asked for."
                .to_owned();
        };
        let opening = match self.structure {
            Structure::Natural => format!("The data hold {} groups.", best.k),
            Structure::Reproducible => format!(
                "The data hold no groups that could be shown, but a cut in {} that comes back.",
                best.k
            ),
            Structure::Constructed => format!(
                "The data hold no groups that could be shown, and no cut that comes back; the \
                 best is {} clusters.",
                best.k
            ),
        };
        let comes_back = format!(
            "On resampled rows the least stable cluster {} (mean Jaccard {:.2}, needed {STABLE_FROM}).",
            if best.comes_back() { "comes back" } else { "does not come back" },
            best.stability,
        );
        let tighter = format!(
            "Its silhouette of {:.3} is {} that of clouds without groups ({:.3} ± {:.3}, needed \
             above {:.3}).",
            best.silhouette,
            if best.is_tighter_than_noise() { "clearly above" } else { "not clearly above" },
            best.null_silhouette,
            best.null_spread,
            best.bar(),
        );
        let gap = if best.gap > 0.0 {
            format!(
                "Between any two clusters there are at least {:.0} % fewer rows than in them.",
                100.0 * best.gap
            )
        } else {
            "Between some two clusters there are not clearly fewer rows than in them.".to_owned()
        };
        format!("{opening} {comes_back} {tighter} {gap} Judged on {} rows.", self.n_rows)
    }
}

/// Tries every number of clusters in `range` and says which the data support, if any.
///
/// `x` is `(n_samples, n_features)`, scaled as for k-means, which makes the clusters. The answer is
/// about groups that k-means can find: round or oval ones of similar spread. Rings, or groups
/// inside one another, are not supported here however real they are.
///
/// Not evidence of groups: a long or correlated cloud, a heavy tail, and columns of few values (at
/// most 12) by themselves, such as a category encoded in several columns; together with other
/// columns they are. Far outliers claim clusters of their own and hide the groups, so put them
/// aside first. Few rows prove little: two groups far apart need about six rows each, groups that
/// nearly touch some hundreds.
///
/// ```
/// use personas::{ndarray::Array2, validate};
///
/// // Two groups on a grid, far apart.
/// let x = Array2::from_shape_fn((80, 2), |(row, column)| {
///     (row / 40 * 30) as f64 + if column == 0 { row % 8 } else { row % 5 } as f64
/// });
/// let choice = validate::choose_k(&x, 2..=4, 7)?;
/// assert!(choice.supported());
/// assert_eq!(choice.k(), 2);
/// assert!(choice.reason().starts_with("The data hold 2 groups."));
/// # Ok::<(), personas::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidParameter`] if `range` is empty or starts below 2; [`Error::TooFewSamples`] if it
/// does not end below the number of rows; and as every method for a matrix that is empty or not
/// finite. Data without groups are a result, not an error.
pub fn choose_k<'a>(
    x: impl Into<ArrayView2<'a, f64>>,
    range: RangeInclusive<usize>,
    seed: u64,
) -> Result<KChoice> {
    let rows = check::rows(x.into())?;
    let (first, last) = (*range.start(), *range.end());
    if range.is_empty() || first < 2 {
        let got = format!("{first}..={last}");
        return Err(Error::parameter("range", "not empty and from 2 clusters on", got));
    }
    if last >= rows.n_rows() {
        let needed = last.saturating_add(1);
        return Err(Error::TooFewSamples { what: "choose_k", needed, got: rows.n_rows() });
    }
    // Many clusters need more rows to be seen at all.
    let n = MAX_ROWS.max(last.saturating_mul(10)).min(rows.n_rows());
    if n == rows.n_rows() {
        return judge(&rows, range, seed);
    }
    let mut drawn = stream(seed, Purpose::Rows, 0).sample(rows.n_rows(), n);
    drawn.sort_unstable();
    let data: Vec<f64> = drawn.iter().flat_map(|&row| rows.row(row)).copied().collect();
    judge(&check::rows(view(&data, rows.n_columns()))?, range, seed)
}

/// What random numbers are for: streams of different purposes never meet.
#[derive(Debug, Clone, Copy)]
enum Purpose {
    Rows = 1,
    Gaussian = 2,
    Uniform = 3,
}

fn stream(seed: u64, purpose: Purpose, index: usize) -> Stream {
    Stream::new(seed, ((purpose as u64) << 32) | index as u64)
}

fn view(data: &[f64], n_columns: usize) -> ArrayView2<'_, f64> {
    ArrayView2::from_shape((data.len() / n_columns, n_columns), data)
        .expect("whole rows, one after the other")
}

fn judge(rows: &Rows<'_>, range: RangeInclusive<usize>, seed: u64) -> Result<KChoice> {
    let x = view(rows.data(), rows.n_columns());
    let first = *range.start();
    let fits = fit_all(x, range, seed)?;
    let all: Vec<usize> = (0..rows.n_rows()).collect();
    let labels: Vec<&Labels> = fits.iter().map(KMeansFit::labels).collect();
    let silhouettes = internal::means(rows, &labels, &all);
    let ks: Vec<usize> = labels.iter().map(|labels| labels.n_clusters()).collect();
    let nulls = null_silhouettes(rows, &ks, seed)?;
    let mut candidates = Vec::with_capacity(fits.len());
    for ((fit, silhouette), (null_silhouette, null_spread)) in
        fits.iter().zip(silhouettes).zip(nulls)
    {
        let k = fit.labels().n_clusters();
        let again = |sample: ArrayView2<'_, f64>| Ok(fit_at_most(sample, k, seed)?.into_labels());
        let evidence = stability(x, fit.labels(), RESAMPLES, seed, again)?;
        let jaccards = evidence.per_cluster().iter().map(|cluster| cluster.mean_jaccard);
        candidates.push(Candidate {
            k,
            inertia: fit.inertia(),
            // Defined: k clusters were made, and 2 ≤ k < n.
            silhouette: silhouette.unwrap_or(0.0),
            null_silhouette,
            null_spread,
            stability: jaccards.fold(1.0, f64::min),
            gap: gap::shallowest(
                rows,
                fit.labels(),
                &fit.centroids().iter().copied().collect::<Vec<_>>(),
            ),
        });
    }
    Ok(decide(first, candidates, rows.n_rows()))
}

/// The choice among what was found; `first` if nothing was.
fn decide(first: usize, candidates: Vec<Candidate>, n_rows: usize) -> KChoice {
    let natural = candidates.iter().rev().find(|c| c.is_natural()).copied();
    let any = candidates.iter().copied().reduce(|best, c| {
        let key = |c: &Candidate| (c.stability, c.silhouette);
        // Ties go to the smaller k.
        if key(&c) > key(&best) { c } else { best }
    });
    let structure = match any {
        _ if natural.is_some() => Structure::Natural,
        Some(best) if best.comes_back() => Structure::Reproducible,
        _ => Structure::Constructed,
    };
    let k = natural.or(any).map_or(first, |best| best.k);
    KChoice { k, structure, candidates, n_rows }
}

/// k-means for every k of the range that the distinct rows allow.
fn fit_all(
    x: ArrayView2<'_, f64>,
    ks: impl IntoIterator<Item = usize>,
    seed: u64,
) -> Result<Vec<KMeansFit>> {
    let mut fits = Vec::new();
    for k in ks {
        match KMeans::new(k).n_init(RUNS).seed(seed).fit(x) {
            Ok(fit) => fits.push(fit),
            Err(Error::TooFewSamples { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(fits)
}

/// k-means with k, or with as many clusters as there are distinct rows.
fn fit_at_most(x: ArrayView2<'_, f64>, k: usize, seed: u64) -> Result<KMeansFit> {
    match KMeans::new(k.min(x.nrows())).n_init(RUNS).seed(seed).fit(x) {
        Err(Error::TooFewSamples { got, .. }) if got > 0 && got < k => {
            KMeans::new(got).n_init(RUNS).seed(seed).fit(x)
        }
        other => other,
    }
}

/// Mean and deviation of the silhouettes of clouds without groups, per k; of the two kinds of
/// cloud the one that is harder to beat.
fn null_silhouettes(rows: &Rows<'_>, ks: &[usize], seed: u64) -> Result<Vec<(f64, f64)>> {
    let reference = Reference::new(rows);
    let all: Vec<usize> = (0..rows.n_rows()).collect();
    let drawn = parallel::map(2 * CLOUDS, usize::MAX, |index| {
        let cloud = if index < CLOUDS {
            reference.gaussian(&mut stream(seed, Purpose::Gaussian, index))
        } else {
            reference.uniform(&mut stream(seed, Purpose::Uniform, index))
        };
        let cloud = check::rows(view(&cloud, rows.n_columns()))?;
        let x = view(cloud.data(), rows.n_columns());
        let fits: Vec<KMeansFit> =
            ks.iter().map(|&k| fit_at_most(x, k, seed)).collect::<Result<_>>()?;
        let labels: Vec<&Labels> = fits.iter().map(KMeansFit::labels).collect();
        Ok(internal::means(&cloud, &labels, &all))
    });
    let drawn: Vec<Vec<Option<f64>>> = drawn.into_iter().collect::<Result<_>>()?;
    let of_kind = |kind: &[Vec<Option<f64>>], at: usize| {
        let values: Vec<f64> = kind.iter().filter_map(|of_cloud| of_cloud[at]).collect();
        if values.len() < 2 {
            return (0.0, 0.0);
        }
        let (mean, deviation) = stats::mean_and_deviation(&values);
        let n = values.len() as f64;
        (mean, deviation * (n / (n - 1.0)).sqrt())
    };
    let bar = |(mean, spread): (f64, f64)| mean + DEVIATIONS * spread;
    let (gaussian, uniform) = drawn.split_at(CLOUDS);
    Ok((0..ks.len())
        .map(|at| {
            let (g, u) = (of_kind(gaussian, at), of_kind(uniform, at));
            if bar(g) >= bar(u) { g } else { u }
        })
        .collect())
}
