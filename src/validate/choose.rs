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
//! the answer is borderline. And a larger number than one that passes must show more groups than that (`further.rs`), as a long group
//! among others is cut in two.
//!
//! Each alone is fooled: a square cut in four comes back every time (3), a long tail is tighter
//! than any Gaussian (1), a 0/1 column has valleys (2). Of the k that pass, the largest is chosen: the
//! silhouette alone prefers to merge neighbours when another group lies far off. If none passes, it is
//! the tightest of those that come back.
//!
//! **One answer for one data set.** Every number above but the first is estimated from random draws.
//! Where it lies within [`CERTAIN`] standard errors of its threshold, more are drawn, twenty at a time,
//! up to [`MOST_CLOUDS`] and [`MOST_RESAMPLES`]. What is not decided then is *borderline*, and says so.
//! All draws but that of the rows have one fixed seed, so that the seed given changes nothing for tables of up to 2,000
//! rows. How far other draws would agree is in `benches/record/`: they were tried by permuting the rows.
//!
//! Calinski–Harabasz, Davies–Bouldin and the bend of the inertia curve (`elbow.rs`) are given beside
//! it, for comparison: each has a best k on noise, too.
//!
//! Source: Hennig, Lin 2015 (1); Hennig 2007 (3); Gandy, Hahn, Ding 2020 (sequential tests whose
//! answers may overlap); Dolnicar, Grün, Leisch 2018 for the kinds of [`Structure`]. The combination is
//! ours. Cost: at most 2,000 rows are judged (ten per cluster above 200), drawn at random if there are more, so that it is bounded:
//! for every k some 200 runs of k-means where the answer is clear, and at most 3,000 where it is not.

use std::ops::RangeInclusive;

use super::border::Density;
use super::choice::{Answer, CERTAIN, Candidate, KChoice, Structure, TIGHTER};
use super::elbow::kneedle;
use super::external::Contingency;
use super::further;
use super::null::Null;
use super::scatter::Scatter;
use super::simplified;
use super::stability::{self, STABLE_FROM};
use super::trials::{self, Purpose, stream};
use super::valley::{self, Valley};
use crate::cluster::KMeansFit;
use crate::num::check::{self, Rows};
use crate::num::parallel;
use crate::num::samples::Samples;
use crate::num::scale::Scale;
use crate::num::stats;
use crate::{Labels, Result};

/// The seed of all draws but that of the rows: one table has one answer.
const DRAWS: u64 = 0;
/// Clouds and resamples drawn at a time.
const BATCH: usize = 20;
/// Clouds drawn at most.
const MOST_CLOUDS: usize = 200;
/// Resamples drawn at most.
const MOST_RESAMPLES: usize = 400;
/// Standard deviations by which the evidence of valleys must exceed that of clouds: so many where clusters are barely tighter than noise, down to so few where
/// they are far tighter (a shallow valley beside a group ten times as large is all there is to see).
const DEEPER: (f64, f64) = (3.0, 1.0);
/// From this excess of the silhouette on less of a valley is needed, ...
const FAR_TIGHTER: f64 = 4.0;
/// ... one standard deviation less for so many more.
const TRADE: f64 = 3.0;
/// Evidence of a valley, in standard deviations, that more clusters than the tightest need.
const CLEAR_VALLEY: f64 = 4.0;

/// Tries every number of clusters in `range` and says which the data support, if any.
///
/// `x` is `(n_samples, n_features)`, scaled as for k-means, which makes the clusters. `seed` draws the 2,000 rows
/// that are judged (ten per cluster above 200 clusters); where there are no more than that, it changes nothing.
/// Groups found in drawn rows must show in a second draw, or the answer is borderline. Other rows can still give
/// another answer: of 20 seeds on 23,570 customers of a shop, ten said reproducible and ten borderline. Try some
/// seeds where much depends on it.
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
    let drawn = trials::judged(rows.clone(), last, seed, 0);
    let choice = judge(&drawn, range.clone())?;
    if choice.structure != Structure::Natural || drawn.n_rows() == rows.n_rows() {
        return Ok(choice);
    }
    // Groups that some rows show must show in a second draw, too.
    let first = *range.start();
    let again = judge(&trials::judged(rows, last, seed, 1), range)?;
    Ok(choice.confirmed_by(&again, first))
}

/// A grouping and what is known of it so far.
struct Trial {
    k: usize,
    fit: KMeansFit,
    silhouette: f64,
    valley: Valley,
    /// Of every cloud, the silhouette and the evidence of the shallowest valley.
    clouds: Vec<(f64, f64)>,
    /// Of every resample, the best Jaccard coefficient of each cluster that it holds.
    resamples: Vec<Vec<Option<f64>>>,
    /// Whether these are more groups than a smaller number of them that was found already.
    are_more: Answer,
    /// Whether the rows on some border of two clusters are as dense as in them.
    goes_on: bool,
}

fn judge(rows: &Rows<'_>, range: RangeInclusive<usize>) -> Result<KChoice> {
    let first = *range.start();
    let centred = centred(rows);
    let density = Density::of(&centred);
    let mut trials = Vec::new();
    for k in range {
        let Some(fit) = trials::fit(rows.view(), k, trials::MANY_RUNS, DRAWS)? else { break };
        let (silhouette, valley) = measures(&centred, &fit.labels);
        let centroids = simplified::centroids(centred.iter(), centred.n_columns(), &fit.labels);
        let goes_on = density
            .as_ref()
            .is_some_and(|density| density.goes_on_across(&centred, &fit.labels, &centroids));
        let (clouds, resamples, are_more) = (Vec::new(), Vec::new(), Answer::Yes);
        trials.push(Trial { k, fit, silhouette, valley, clouds, resamples, are_more, goes_on });
    }
    draw_clouds(&mut trials, &centred)?;
    draw_resamples(&mut trials, rows)?;
    hold_against_fewer(&mut trials, &centred)?;
    let tightest = tightest(&trials);
    // One cluster leaves all of the scatter; known, so a range from 2 can bend at 2.
    let mut curve: Vec<(f64, f64)> = (first == 2).then_some((1.0, 1.0)).into_iter().collect();
    let mut candidates = Vec::with_capacity(trials.len());
    for trial in &trials {
        let scatter = Scatter::new(rows, &trial.fit.labels);
        curve.push((trial.k as f64, scatter.left()));
        candidates.push(trial.candidate(&scatter, tightest));
    }
    let elbow = kneedle(&curve).map(|at| curve[at].0 as usize);
    Ok(KChoice::among(candidates, elbow, first, rows.n_rows()))
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

/// Draws clouds until every number of clusters passes or fails, or as many as allowed.
fn draw_clouds(trials: &mut [Trial], rows: &Rows<'_>) -> Result<()> {
    let null = Null::new(rows);
    for start in (0..MOST_CLOUDS).step_by(BATCH) {
        let tightest = if start == 0 { 0 } else { tightest(trials) };
        let open: Vec<usize> = (0..trials.len())
            .filter(|&at| start == 0 || trials[at].against_clouds(tightest) == Answer::Unclear)
            .collect();
        if open.is_empty() {
            break;
        }
        let ks: Vec<usize> = open.iter().map(|&at| trials[at].k).collect();
        let drawn = parallel::map(BATCH, usize::MAX, |i| {
            let index = start + i;
            let cloud = null.draw(&mut stream(DRAWS, Purpose::Cloud, index));
            let cloud = check::rows(trials::view(&cloud, rows.n_columns()))?;
            let of_k = |&k: &usize| {
                let fit = trials::fit_at_most(cloud.view(), k, index as u64)?;
                let (silhouette, valley) = measures(&cloud, &fit.labels);
                Ok((silhouette, valley.evidence))
            };
            ks.iter().map(of_k).collect::<Result<Vec<(f64, f64)>>>()
        });
        for cloud in drawn {
            for (&at, of_k) in open.iter().zip(cloud?) {
                trials[at].clouds.push(of_k);
            }
        }
    }
    Ok(())
}

/// Draws resamples until every number of clusters that may matter comes back or not, or as many as
/// allowed.
fn draw_resamples(trials: &mut [Trial], rows: &Rows<'_>) -> Result<()> {
    for start in (0..MOST_RESAMPLES).step_by(BATCH) {
        let open = if start == 0 { (0..trials.len()).collect() } else { undecided(trials) };
        if open.is_empty() {
            break;
        }
        let drawn = parallel::map(BATCH, usize::MAX, |i| {
            let mut draws = stream(DRAWS, Purpose::Resample, start + i);
            let present = stability::resample(rows.n_rows(), &mut draws);
            let sample = rows.select(&present);
            let of_trial = |&at: &usize| {
                let Trial { k, ref fit, .. } = trials[at];
                let again = trials::fit_at_most(sample.view(), k, (start + i) as u64)?;
                let own = present.iter().map(|&row| fit.labels.get(row));
                let table = Contingency::new(own.zip(again.labels.iter()));
                Ok(table.best_jaccards(k))
            };
            open.iter().map(of_trial).collect::<Result<Vec<Vec<Option<f64>>>>>()
        });
        for resample in drawn {
            for (&at, jaccards) in open.iter().zip(resample?) {
                trials[at].resamples.push(jaccards);
            }
        }
    }
    Ok(())
}

/// Of the numbers of clusters that pass, holds each against the groups of the one before that does. What is unclear
/// stays so.
fn hold_against_fewer(trials: &mut [Trial], rows: &Rows<'_>) -> Result<()> {
    let tightest = tightest(trials);
    let mut before: Option<usize> = None;
    for at in 0..trials.len() {
        let passes = trials[at].against_clouds(tightest).and(trials[at].comes_back());
        if passes != Answer::Yes {
            continue;
        }
        if let Some(before) = before {
            let clusters = (trials[at].k, trials[at].valley.evidence);
            let groups = &trials[before].fit.labels;
            trials[at].are_more = further::are_more(rows, groups, clusters)?;
        }
        if trials[at].are_more == Answer::Yes && !trials[at].goes_on {
            before = Some(at);
        }
    }
    Ok(())
}

/// The trials whose stability is unclear and matters: of those that the clouds leave a chance all; if
/// there are none, of the others the tightest that may come back.
fn undecided(trials: &[Trial]) -> Vec<usize> {
    let tightest = tightest(trials);
    let is_unclear = |&at: &usize| trials[at].comes_back() == Answer::Unclear;
    let chance = |at: &usize| {
        trials[*at].against_clouds(tightest).and(trials[*at].comes_back()) != Answer::No
    };
    let natural: Vec<usize> = (0..trials.len()).filter(chance).collect();
    if !natural.is_empty() {
        return natural.into_iter().filter(is_unclear).collect();
    }
    let mut order: Vec<usize> = (0..trials.len()).collect();
    order.sort_by(|&a, &b| trials[b].silhouette.total_cmp(&trials[a].silhouette));
    let first = order.into_iter().find(|&at| trials[at].comes_back() != Answer::No);
    first.filter(is_unclear).into_iter().collect()
}

impl Trial {
    /// By how many standard deviations silhouette and valley exceed those of the clouds.
    fn excess(&self) -> (f64, f64) {
        let of = |value: f64, pick: fn(&(f64, f64)) -> f64| {
            let (mean, std) = mean_and_std(self.clouds.iter().map(pick));
            // What differs by rounding alone is equal.
            let std = std.max(1e-9 * (1.0 + mean.abs()));
            (value - mean) / std
        };
        (of(self.silhouette, |cloud| cloud.0), of(self.valley.evidence, |cloud| cloud.1))
    }

    /// Whether the clusters are tighter than noise, with deeper valleys.
    fn against_clouds(&self, tightest: usize) -> Answer {
        if self.k > tightest && self.valley.evidence < CLEAR_VALLEY {
            return Answer::No;
        }
        let n = self.clouds.len() as f64;
        let (tighter, deeper) = self.excess();
        // Mean and standard deviation of n normal draws are off by 1/√n and 1/√2n.
        let answer = |excess: f64, bar: f64| {
            Answer::of(excess - bar, CERTAIN * ((1.0 + 0.5 * excess * excess) / n).sqrt())
        };
        let bar = DEEPER.0 - (tighter - FAR_TIGHTER).max(0.0) / TRADE;
        answer(tighter, TIGHTER).and(answer(deeper, bar.max(DEEPER.1)))
    }

    /// The mean Jaccard coefficient of the least stable cluster, and its standard error.
    fn stability(&self) -> (f64, f64) {
        let of_cluster = |cluster: usize| {
            let jaccards = self.resamples.iter().filter_map(|jaccards| jaccards[cluster]);
            let n = jaccards.clone().count().max(1) as f64;
            let (mean, std) = mean_and_std(jaccards);
            (if mean.is_nan() { 0.0 } else { mean }, std / n.sqrt())
        };
        let each = (0..self.k).map(of_cluster);
        each.reduce(|a, b| if b.0 < a.0 { b } else { a }).unwrap_or((0.0, 0.0))
    }

    fn comes_back(&self) -> Answer {
        let (stability, error) = self.stability();
        Answer::of(stability - STABLE_FROM, CERTAIN * error)
    }

    /// Whether these are groups. Where a border is as dense as the clusters, they may be parts of groups that
    /// are not round.
    fn natural(&self, tightest: usize) -> Answer {
        let round = if self.goes_on { Answer::Unclear } else { Answer::Yes };
        self.against_clouds(tightest).and(self.comes_back()).and(self.are_more).and(round)
    }

    fn candidate(&self, scatter: &Scatter, tightest: usize) -> Candidate {
        let (null_silhouette, null_spread) = mean_and_std(self.clouds.iter().map(|cloud| cloud.0));
        let (stability, stability_error) = self.stability();
        Candidate {
            k: self.k,
            inertia: self.fit.inertia,
            silhouette: self.silhouette,
            null_silhouette,
            null_spread,
            calinski_harabasz: scatter.calinski_harabasz().ok(),
            davies_bouldin: scatter.davies_bouldin().ok(),
            stability,
            stability_error,
            valley: self.valley.depth,
            valley_excess: self.excess().1,
            natural: self.natural(tightest),
            goes_on: self.goes_on,
            comes_back: self.comes_back(),
        }
    }
}

/// The number of clusters whose silhouette exceeds those of the clouds most.
fn tightest(trials: &[Trial]) -> usize {
    let excess = |trial: &&Trial| trial.excess().0;
    let greater = |a: &&Trial, b: &&Trial| excess(a).total_cmp(&excess(b));
    trials.iter().max_by(greater).map_or(0, |trial| trial.k)
}

/// Mean and standard deviation (divisor n − 1); NaN and 0 of none.
fn mean_and_std(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let values: Vec<f64> = values.collect();
    let n = values.len() as f64;
    let (mean, std) = stats::mean_and_deviation(&values);
    if values.len() < 2 { (mean, 0.0) } else { (mean, std * (n / (n - 1.0)).sqrt()) }
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
