//! How many groups, and whether there are any.
//!
//! k-means splits whatever it is given, so for every k three questions are asked, and only a k
//! that passes all three counts as groups:
//!
//! 1. *Are the clusters tighter than noise would be?* Their silhouette exceeds those of clouds without
//!    groups that keep all that is built into the columns (`null.rs`), by [`TIGHTER`] standard deviations.
//! 2. *Is there less between them than in them?* The shallowest valley between two clusters
//!    (`valley.rs`) is deeper than in such clouds, by up to [`DEEPER`] standard deviations, fewer the
//!    tighter the clusters are. More clusters than those that exceed the clouds most need a valley that
//!    is clear by itself.
//! 3. *Do they come back?* The mean Jaccard coefficient of the least stable cluster over resamples
//!    ([`stability`](super::stability())) is at least 0.75.
//!
//! Where the rows on the border of two clusters are as dense as in them (`border.rs`), as in parts of half a circle,
//! the answer is borderline. And a larger number than one that passes must show more groups than that (`more_groups.rs`), as a long group
//! among others is cut in two.
//!
//! Each alone is fooled: a square cut in four comes back every time (3), a long tail is tighter
//! than any Gaussian (1), a 0/1 column has valleys (2). Of the k that pass, the largest is chosen: the
//! silhouette alone prefers to merge neighbours when another group lies far off. If none passes, it is
//! the tightest of those that come back.
//!
//! **One answer for one data set.** Every number above but the first is estimated from random draws.
//! Where it lies within [`CERTAIN`](super::choice::CERTAIN) standard errors of its threshold, more are drawn, twenty at
//! a time, up to [`MOST_CLOUDS`] and [`MOST_RESAMPLES`]. What is not decided then is *borderline*, and says so. These
//! draws have one fixed seed, so that the seed given changes nothing where all rows are judged.
//!
//! Of more than 2,000 rows (ten per cluster above 200) so many are drawn. There the draw of the rows is what makes
//! answers differ, so instead of more clouds and resamples more draws of rows are made, up to [`MOST_DRAWS`] as long as
//! more of them may decide, each with one batch of both (`k_evidence.rs`); groups must show in two at least.
//!
//! Calinski–Harabasz, Davies–Bouldin and the bend of the inertia curve (`elbow.rs`) are given beside
//! it, for comparison: each has a best k on noise, too.
//!
//! Source: Hennig, Lin 2015 (1); Hennig 2007 (3); Gandy, Hahn, Ding 2020 (sequential tests whose
//! answers may overlap); Dolnicar, Grün, Leisch 2018 for the kinds of [`Structure`]. The combination is
//! ours. Cost: it does not grow with the number of rows above 2,000. For every k there are some 200 runs of
//! k-means on 2,000 rows where the answer is clear, and at most 3,000 where it is not; of larger tables 200 to 1,400.

use std::ops::RangeInclusive;

use super::border::Density;
use super::choice::{KChoice, TestResult};
use super::elbow::kneedle;
use super::external::Contingency;
use super::k_evidence::{Indices, KEvidence, MOST_DRAWS, OneDraw};
use super::more_groups;
use super::null::Null;
use super::simplified;
use super::stability;
use super::trials::{self, Purpose, stream};
use super::valley::{self, Valley};
use crate::cluster::KMeansFit;
use crate::num::check::{self, Rows};
use crate::num::parallel;
use crate::num::samples::Samples;
use crate::num::scale::Scale;
use crate::{Labels, Result};

/// The seed of all draws but that of the rows: one table has one answer.
const DRAWS: u64 = 0;
/// Clouds and resamples drawn at a time.
const BATCH: usize = 20;
/// Clouds drawn at most.
const MOST_CLOUDS: usize = 200;
/// Resamples drawn at most.
const MOST_RESAMPLES: usize = 400;

/// Tries every number of clusters in `range` and says which the data support, if any.
///
/// `x` is `(n_samples, n_features)`, scaled as for k-means, which makes the clusters. Tables of more than 2,000 rows
/// (ten per cluster above 200 clusters) are judged by random draws of so many rows: two where these decide, up to six
/// where they do not and more may. `seed` is that of these draws. It changes nothing for smaller tables, and rarely the structure found in
/// larger ones; near a threshold it is [`Borderline`](super::Structure::Borderline).
///
/// The answer is about groups that k-means can find: round or oval ones of similar spread. Rings and winding
/// bands, or groups inside one another, are not found, however real they are; and in many columns a hollow
/// shape, such as the surface of a ball, can pass for several groups.
///
/// Not evidence of groups is what is built into the columns: correlation, skew and tails, few values
/// and whole numbers, a column and its copy, a number and whether it is high, a missing value and its
/// indicator, one category in several columns, shares that sum to 1. So groups that show only in the
/// mode of one column of few values, or in a flag that some other column implies, are not seen either.
/// In up to three directions, parts of a bent group, such as half a circle, are mostly recognised: the answer is
/// borderline and says so.
/// Far outliers claim clusters of their own and hide the groups, so put them aside first.
///
/// ```
/// use personas::{ndarray::Array2, validate};
///
/// // Two groups on a grid, far apart.
/// let x = Array2::from_shape_fn((80, 2), |(row, column)| {
///     (row / 40 * 30) as f64 + if column == 0 { row % 8 } else { row % 5 } as f64
/// });
/// let choice = validate::choose_k(&x, 2..=4, 7)?;
/// assert_eq!(choice.structure, validate::Structure::Natural);
/// assert_eq!(choice.k, 2);
/// assert!(choice.to_string().starts_with("The data hold 2 groups."));
/// # Ok::<(), personas::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidParameter`](crate::Error::InvalidParameter) if `range` is empty, starts below 2 or ends above 1,000;
/// [`Error::TooFewSamples`](crate::Error::TooFewSamples) if it does not end below the number of rows; and as every method for a matrix that is empty or not
/// finite. Data without groups are a result, not an error.
pub fn choose_k<'a>(
    x: impl Into<Samples<'a>>,
    range: RangeInclusive<usize>,
    seed: u64,
) -> Result<KChoice> {
    let x = x.into().into_rows()?;
    let rows = check::rows(x.view())?;
    let last = *range.end();
    trials::check_range(&range, 2, rows.n_rows(), ("choose_k", last.saturating_add(1)))?;
    let of_all_rows = trials::n_judged(&rows, last) == rows.n_rows();
    let mut evidence = Vec::new();
    let mut n_draws = 0;
    let mut open: Vec<usize> = range.clone().collect();
    while !open.is_empty() && n_draws < if of_all_rows { 1 } else { MOST_DRAWS } {
        let drawn = trials::judged(&rows, last, seed, n_draws);
        Sample::new(drawn, n_draws, of_all_rows).judge(&open, &mut evidence)?;
        n_draws += 1;
        open = open_ks(&evidence);
    }
    let tightest = tightest(&evidence);
    // One cluster leaves all of the scatter; known, so a range from 2 can bend at 2.
    let first = *range.start();
    let one: Option<(f64, f64)> = (first == 2).then_some((1.0, 1.0));
    let left = evidence.iter().map(|of_k: &KEvidence| (of_k.k as f64, of_k.indices.left));
    let curve: Vec<(f64, f64)> = one.into_iter().chain(left).collect();
    let elbow = kneedle(&curve).map(|at| curve[at].0 as usize);
    let candidates = evidence.iter().map(|of_k| of_k.candidate(tightest)).collect();
    let judged = (trials::n_judged(&rows, last), n_draws);
    Ok(KChoice::among(candidates, elbow, first, judged))
}

/// One draw of rows.
struct Sample<'a> {
    rows: Rows<'a>,
    /// What the measures but k-means itself are taken of.
    centred: Rows<'static>,
    draw: usize,
    of_all_rows: bool,
}

/// The place of each judged k among the evidence, and its grouping of the sample.
type JudgedFits = Vec<(usize, KMeansFit)>;

impl<'a> Sample<'a> {
    fn new(rows: Rows<'a>, draw: usize, of_all_rows: bool) -> Self {
        Self { centred: centred(&rows), rows, draw, of_all_rows }
    }

    /// Adds what this sample says of these numbers of clusters, ascending. The first sample makes the evidence.
    fn judge(&self, ks: &[usize], evidence: &mut Vec<KEvidence>) -> Result<()> {
        let density = Density::of(&self.centred);
        let mut fits = JudgedFits::new();
        for &k in ks {
            let fit = trials::fit(self.rows.view(), k, trials::MANY_RUNS, DRAWS)?;
            // There are fewer distinct rows.
            let Some(fit) = fit else { break };
            let (silhouette, valley) = measures(&self.centred, &fit.labels);
            let goes_on = density.as_ref().is_some_and(|density| {
                let (rows, d) = (&self.centred, self.centred.n_columns());
                let centroids = simplified::centroids(rows.iter(), d, &fit.labels);
                density.goes_on_across(rows, &fit.labels, &centroids)
            });
            if self.draw == 0 {
                let indices = Indices::of(&self.rows, &fit);
                evidence.push(KEvidence::new(k, indices, self.of_all_rows));
            }
            let at = k - evidence[0].k;
            evidence[at].add(OneDraw::new(silhouette, valley, k, goes_on));
            fits.push((at, fit));
        }
        self.draw_clouds(&fits, evidence)?;
        self.draw_resamples(&fits, evidence)?;
        self.hold_against_fewer(&fits, evidence)
    }

    /// Draws clouds until every number of clusters passes or fails, or as many as allowed.
    fn draw_clouds(&self, fits: &JudgedFits, evidence: &mut [KEvidence]) -> Result<()> {
        let null = Null::new(&self.centred);
        let most = if self.of_all_rows { MOST_CLOUDS } else { BATCH };
        for start in (0..most).step_by(BATCH) {
            let tightest = if start == 0 { 0 } else { tightest(evidence) };
            let is_open = |at: usize| {
                start == 0 || evidence[at].against_clouds(tightest) == TestResult::Unclear
            };
            let open: Vec<usize> = fits.iter().map(|fit| fit.0).filter(|&at| is_open(at)).collect();
            if open.is_empty() {
                break;
            }
            let drawn = parallel::map(BATCH, usize::MAX, |i| {
                let index = self.draw * MOST_CLOUDS + start + i;
                let cloud = null.draw(&mut stream(DRAWS, Purpose::Cloud, index));
                let cloud = check::rows(trials::view(&cloud, self.rows.n_columns()))?;
                let of_k = |&at: &usize| {
                    let fit = trials::fit_at_most(cloud.view(), evidence[at].k, index as u64)?;
                    let (silhouette, valley) = measures(&cloud, &fit.labels);
                    Ok((silhouette, valley.evidence))
                };
                open.iter().map(of_k).collect::<Result<Vec<(f64, f64)>>>()
            });
            for cloud in drawn {
                for (&at, of_k) in open.iter().zip(cloud?) {
                    evidence[at].newest().clouds.push(of_k);
                }
            }
        }
        Ok(())
    }

    /// Draws resamples until every number of clusters that may matter comes back or not, or as many as
    /// allowed.
    fn draw_resamples(&self, fits: &JudgedFits, evidence: &mut [KEvidence]) -> Result<()> {
        let most = if self.of_all_rows { MOST_RESAMPLES } else { BATCH };
        for start in (0..most).step_by(BATCH) {
            let matter = if start == 0 { Vec::new() } else { may_matter(evidence) };
            let is_open = |at: usize| {
                start == 0
                    || matter.contains(&at) && evidence[at].comes_back() == TestResult::Unclear
            };
            let open: Vec<_> = fits.iter().filter(|fit| is_open(fit.0)).collect();
            if open.is_empty() {
                break;
            }
            let drawn = parallel::map(BATCH, usize::MAX, |i| {
                let index = self.draw * MOST_RESAMPLES + start + i;
                let mut draws = stream(DRAWS, Purpose::Resample, index);
                let present = stability::resample(self.rows.n_rows(), &mut draws);
                let sample = self.rows.select(&present);
                let of_fit = |(at, fit): &&(usize, KMeansFit)| {
                    let k = evidence[*at].k;
                    let again = trials::fit_at_most(sample.view(), k, index as u64)?;
                    let own = present.iter().map(|&row| fit.labels.get(row));
                    let table = Contingency::new(own.zip(again.labels.iter()));
                    Ok(table.best_jaccards(k))
                };
                open.iter().map(of_fit).collect::<Result<Vec<Vec<Option<f64>>>>>()
            });
            for resample in drawn {
                for ((at, _), found) in open.iter().zip(resample?) {
                    let clusters = evidence[*at].newest().jaccards.iter_mut();
                    clusters.zip(found).for_each(|(jaccards, found)| jaccards.extend(found));
                }
            }
        }
        Ok(())
    }

    /// Compares each number of clusters that passes with the groups of the next smaller one that does. What is unclear
    /// stays unclear.
    fn hold_against_fewer(&self, fits: &JudgedFits, evidence: &mut [KEvidence]) -> Result<()> {
        let tightest = tightest(evidence);
        let mut before: Option<&Labels> = None;
        for (at, fit) in fits {
            let of_k = &mut evidence[*at];
            if of_k.against_clouds(tightest).and(of_k.comes_back()) != TestResult::Yes {
                continue;
            }
            if let Some(groups) = before {
                let clusters = (of_k.k, of_k.newest().valley.evidence);
                of_k.newest().are_more =
                    Some(more_groups::are_more(&self.centred, groups, clusters)?);
            }
            if of_k.natural(tightest) == TestResult::Yes {
                before = Some(&fit.labels);
            }
        }
        Ok(())
    }
}

/// The numbers of clusters that another draw of rows may decide. Where some are groups for certain, fewer do not matter.
fn open_ks(evidence: &[KEvidence]) -> Vec<usize> {
    let tightest = tightest(evidence);
    let matter = may_matter(evidence);
    let is_sure = |at: usize| evidence[at].natural(tightest) == TestResult::Yes;
    let sure: Vec<usize> = matter.iter().copied().filter(|&at| is_sure(at)).collect();
    let from = sure.last().copied().unwrap_or(0);
    let needs_rows = |at: usize| at >= from && evidence[at].needs_rows(tightest);
    if !matter.iter().any(|&at| needs_rows(at)) {
        return Vec::new();
    }
    // The groups that the most are held against are drawn with them.
    let before = sure.iter().rev().nth(1).copied();
    let is_drawn = |&at: &usize| at >= from || Some(at) == before;
    matter.into_iter().filter(is_drawn).map(|at| evidence[at].k).collect()
}

/// The places of those that may be groups; if there are none, of the tightest that may come back.
fn may_matter(evidence: &[KEvidence]) -> Vec<usize> {
    let tightest = tightest(evidence);
    let chance = |&at: &usize| evidence[at].natural(tightest) != TestResult::No;
    let natural: Vec<usize> = (0..evidence.len()).filter(chance).collect();
    if !natural.is_empty() {
        return natural;
    }
    let mut order: Vec<usize> = (0..evidence.len()).collect();
    let silhouettes: Vec<f64> = evidence.iter().map(KEvidence::silhouette).collect();
    order.sort_by(|&a, &b| silhouettes[b].total_cmp(&silhouettes[a]));
    order.into_iter().find(|&at| evidence[at].comes_back() != TestResult::No).into_iter().collect()
}

/// The number of clusters whose silhouette exceeds those of the clouds most.
fn tightest(evidence: &[KEvidence]) -> usize {
    let excess: Vec<f64> = evidence.iter().map(KEvidence::tightness).collect();
    let greatest = (0..excess.len()).max_by(|&a, &b| excess[a].total_cmp(&excess[b]));
    greatest.map_or(0, |at| evidence[at].k)
}

/// Every column less its mean, by differences from the first row so that an offset costs no digits,
/// and tiny data lifted: what the measures but k-means itself are taken of.
fn centred(rows: &Rows<'_>) -> Rows<'static> {
    let (d, n) = (rows.n_columns(), rows.n_rows() as f64);
    let factor = Scale::of(rows, None).factor();
    let first = rows.row(0).to_vec();
    let mut means = vec![0.0; d];
    for row in rows.iter() {
        means.iter_mut().zip(row).zip(&first).for_each(|((m, v), f)| *m += (v - f) * factor / n);
    }
    let moved = rows
        .iter()
        .flat_map(|row| row.iter().zip(&first).zip(&means).map(|((v, f), m)| (v - f) * factor - m));
    Rows::owned(moved.collect(), d)
}

/// The simplified silhouette of a grouping and its shallowest valley.
fn measures(rows: &Rows<'_>, labels: &Labels) -> (f64, Valley) {
    let centroids = simplified::centroids(rows.iter(), rows.n_columns(), labels);
    let silhouette = simplified::mean(rows, labels, &centroids);
    (silhouette, valley::shallowest(rows, labels, &centroids))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use crate::validate::Structure;
    use crate::validate::trials::MAX_ROWS;
    use ndarray::{Array2, array};

    /// Three groups of 15 on a grid; whole numbers, so that an offset rounds nothing.
    fn three_groups() -> Array2<f64> {
        Array2::from_shape_fn((45, 2), |(row, column)| match column {
            0 => (row / 15 * 40 + row % 5) as f64,
            _ => (row % 15 / 5 * 2) as f64,
        })
    }

    #[test]
    fn ranges_that_make_no_sense_are_refused() {
        let x = three_groups();
        for (first, last) in [(0, 3), (1, 3), (4, 3)] {
            let error = choose_k(&x, first..=last, 0).unwrap_err();
            assert!(matches!(error, Error::InvalidParameter { name: "range", .. }), "{error}");
        }
        for last in [45, usize::MAX] {
            assert!(matches!(choose_k(&x, 2..=last, 0), Err(Error::TooFewSamples { .. })));
        }
        let many = Array2::from_shape_fn((1500, 1), |(row, _)| row as f64);
        let error = choose_k(&many, 2..=1001, 0).unwrap_err();
        assert_eq!(error.to_string(), "range must be up to 1000 clusters, but is 2..=1001");
        let nan = array![[0.0], [f64::NAN], [1.0]];
        assert!(matches!(choose_k(&nan, 2..=2, 0), Err(Error::NonFinite { row: 1, .. })));
    }

    #[test]
    fn rows_that_are_all_alike_are_no_groups_and_no_error() {
        let choice = choose_k(&Array2::from_elem((20, 3), 7.5), 3..=5, 0).unwrap();
        assert_eq!(
            (choice.k, choice.structure == Structure::Natural, choice.candidates.len()),
            (3, false, 0)
        );
    }

    #[test]
    fn k_beyond_the_distinct_rows_is_left_out() {
        // Three distinct rows, 20 times each: few values, which are no evidence by themselves.
        let x = Array2::from_shape_fn((60, 1), |(row, _)| (row % 3 * 10) as f64);
        let choice = choose_k(&x, 2..=6, 0).unwrap();
        let ks: Vec<usize> = choice.candidates.iter().map(|c| c.k).collect();
        assert_eq!((ks, choice.structure == Structure::Natural), (vec![2, 3], false));
        let three = choice.candidates[1];
        assert_eq!((three.silhouette, three.davies_bouldin), (1.0, Some(0.0)));
        assert_eq!(three.calinski_harabasz, None);
    }

    #[test]
    fn a_handful_of_rows_is_judged_without_error() {
        for n in 3..8 {
            let x = Array2::from_shape_fn((n, 1), |(row, _)| (row * row) as f64);
            assert!(choose_k(&x, 2..=n - 1, 0).unwrap().structure != Structure::Natural, "{n}");
        }
    }

    #[test]
    fn offset_and_scale_do_not_change_the_choice() {
        let x = three_groups();
        let choice = choose_k(&x, 2..=4, 3).unwrap();
        assert_eq!((choice.k, choice.structure), (3, Structure::Natural), "{}", choice);
        for other in [&x + 1e12, &x * 1e-250, &x * 1e140] {
            let other = choose_k(&other, 2..=4, 3).unwrap();
            assert_eq!((other.k, other.structure), (3, Structure::Natural), "{}", other);
            // Four clusters can be made in many equally good ways.
            for (a, b) in choice.candidates.iter().zip(other.candidates).take(2) {
                assert!((a.silhouette - b.silhouette).abs() < 1e-9, "{a:?} {b:?}");
                for (a, b) in [
                    (a.calinski_harabasz, b.calinski_harabasz),
                    (a.davies_bouldin, b.davies_bouldin),
                ] {
                    let (a, b) = (a.unwrap(), b.unwrap());
                    assert!((a / b - 1.0).abs() < 1e-9, "{a:?} {b:?}");
                }
            }
            assert_eq!(other.elbow, choice.elbow);
        }
    }

    #[test]
    fn the_cheap_columns_are_those_of_the_public_functions() {
        let x = three_groups();
        let choice = choose_k(&x, 2..=5, 3).unwrap();
        for candidate in choice.candidates {
            let fit =
                trials::fit(x.view(), candidate.k, trials::MANY_RUNS, DRAWS).unwrap().unwrap();
            let index = crate::validate::calinski_harabasz(&x, &fit.labels).ok();
            assert_eq!(candidate.calinski_harabasz, index);
            let index = crate::validate::davies_bouldin(&x, &fit.labels).ok();
            assert_eq!(candidate.davies_bouldin, index);
        }
    }

    #[test]
    fn two_groups_bend_the_curve_at_two_the_first_of_the_range() {
        let x = Array2::from_shape_fn((40, 1), |(row, _)| (row / 20 * 100 + row % 20) as f64);
        assert_eq!(choose_k(&x, 2..=5, 0).unwrap().elbow, Some(2));
        // From 3 on nothing is known of the curve before.
        assert_eq!(choose_k(&x, 3..=5, 0).unwrap().elbow, None);
    }

    #[test]
    fn a_table_of_few_rows_has_one_answer_whatever_the_seed_and_the_number_of_threads() {
        let x = three_groups();
        assert_eq!(choose_k(&x, 2..=4, 4), choose_k(&x, 2..=4, 3));
        let alone = parallel::with_threads(1, || choose_k(&x, 2..=4, 3));
        assert_eq!(parallel::with_threads(3, || choose_k(&x, 2..=4, 3)), alone);
    }

    #[test]
    fn more_rows_than_are_judged_are_sampled() {
        let x = Array2::from_shape_fn((MAX_ROWS + 500, 1), |(row, _)| {
            // Two groups, each spread evenly over [0, 1): steps of the golden section.
            (row % 2 * 5) as f64 + (row as f64 * 0.618_033_988_749_894_9).fract()
        });
        let choice = choose_k(&x, 2..=2, 0).unwrap();
        assert_eq!((choice.n_rows, choice.k, choice.structure), (MAX_ROWS, 2, Structure::Natural));
    }
}
