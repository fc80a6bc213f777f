//! What is known of one number of clusters: its groupings of one draw of rows or of several, and the answers
//! that they give together.
//!
//! A table of few rows is one draw, so only clouds and resamples are random. Of a larger table, every draw of rows
//! has numbers of its own. Their mean counts, and it is off by as much as other draws would differ: by the spread of
//! the numbers seen, in which the spread that is expected before any draw counts as much as [`EXPECTED_WEIGHT`]
//! draws would. So two draws that happen to agree are not taken for certain. Where a mean is so near its threshold that not
//! even all draws would tell, no more are made.
//!
//! Source: the mean of the variances, seen and expected, is that of a scaled inverse χ² prior (Gelman and others
//! 2013, section 2.6). Cost: nothing beside the draws.

use super::choice::{CERTAIN, Candidate, TIGHTER, TestResult};
use super::scatter::Scatter;
use super::stability::STABLE_FROM;
use super::valley::Valley;
use crate::cluster::KMeansFit;
use crate::num::check::Rows;
use crate::num::stats;

/// Draws of rows at most.
pub(super) const MOST_DRAWS: usize = 6;
/// Draws of rows that must agree before groups are called natural, if not all rows are judged.
const LEAST_DRAWS: usize = 2;
/// Standard deviations by which the evidence of valleys must exceed that of clouds: the first where clusters are
/// barely tighter than noise, down to the second where they are far tighter (a shallow valley beside a group ten times
/// as large is all there is to see).
const DEEPER: (f64, f64) = (3.0, 1.0);
/// From this excess of the silhouette on less of a valley is needed, ...
const FAR_TIGHTER: f64 = 4.0;
/// ... one standard deviation less for so many more.
const TRADE: f64 = 3.0;
/// Evidence of a valley, in standard deviations, that more clusters than the tightest need.
const CLEAR_VALLEY: f64 = 4.0;
/// Standard errors within which a mean over draws is too near its threshold to tell: more than [`CERTAIN`], as it is
/// looked at after every draw.
const CERTAIN_OF_DRAWS: f64 = 3.0;
/// How many draws the expected spread between draws counts for.
const EXPECTED_WEIGHT: f64 = 2.0;
/// Other rows change the mean Jaccard coefficient by about this share of the standard deviation of resamples, or less:
/// where it was tried, by 0.007 to 0.14 beside standard deviations of 0.03 to 0.23.
const ROWS_PER_RESAMPLE: f64 = 0.5;

/// What one grouping of one draw of rows gave.
pub(super) struct OneDraw {
    silhouette: f64,
    pub(super) valley: Valley,
    /// The silhouette and the evidence of the shallowest valley of every cloud.
    pub(super) clouds: Vec<(f64, f64)>,
    /// For every cluster, its best Jaccard coefficient in each resample that holds it.
    pub(super) jaccards: Vec<Vec<f64>>,
    /// Whether these are more groups than a smaller number of them that was found already.
    /// `None` if it was not asked.
    pub(super) are_more: Option<TestResult>,
    /// Whether the rows on some border of two clusters are as dense as in them.
    goes_on: bool,
}

impl OneDraw {
    pub(super) fn new(silhouette: f64, valley: Valley, k: usize, goes_on: bool) -> Self {
        let (clouds, jaccards) = (Vec::new(), vec![Vec::new(); k]);
        Self { silhouette, valley, clouds, jaccards, are_more: None, goes_on }
    }
}

/// What the first draw of rows gave for comparison.
#[derive(Debug, Clone, Copy)]
pub(super) struct Indices {
    inertia: f64,
    /// The share of the scatter that the clusters leave.
    pub(super) left: f64,
    calinski_harabasz: Option<f64>,
    davies_bouldin: Option<f64>,
}

impl Indices {
    pub(super) fn of(rows: &Rows<'_>, fit: &KMeansFit) -> Self {
        let scatter = Scatter::new(rows, &fit.labels);
        Self {
            inertia: fit.inertia,
            left: scatter.left(),
            calinski_harabasz: scatter.calinski_harabasz().ok(),
            davies_bouldin: scatter.davies_bouldin().ok(),
        }
    }
}

/// All that is known of `k` clusters.
pub(super) struct KEvidence {
    pub(super) k: usize,
    pub(super) indices: Indices,
    /// One per draw of rows, or that of all rows.
    groupings: Vec<OneDraw>,
    /// Whether all rows are judged, so that no other draw can differ.
    of_all_rows: bool,
}

/// A mean and its standard error.
#[derive(Debug, Clone, Copy)]
struct Estimate {
    mean: f64,
    error: f64,
}

impl KEvidence {
    pub(super) fn new(k: usize, indices: Indices, of_all_rows: bool) -> Self {
        Self { k, indices, groupings: Vec::new(), of_all_rows }
    }

    /// Adds the grouping of another draw of rows.
    pub(super) fn add(&mut self, grouping: OneDraw) {
        debug_assert!(self.groupings.is_empty() || !self.of_all_rows);
        self.groupings.push(grouping);
    }

    /// The grouping added last.
    pub(super) fn newest(&mut self) -> &mut OneDraw {
        self.groupings.last_mut().expect("the first draw of rows has a grouping of every k")
    }

    /// The mean of what every draw gave. Its error has two parts: `within`, from random clouds and resamples, and the
    /// spread between draws, which is expected to be about `expected`.
    fn over_draws(&self, values: &[f64], within: f64, expected: f64) -> Estimate {
        let (mean, n) = (stats::mean(values), values.len() as f64);
        if self.of_all_rows {
            return Estimate { mean, error: within };
        }
        let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
        let variance = (EXPECTED_WEIGHT * expected * expected + squares)
            / (EXPECTED_WEIGHT + values.len() as f64 - 1.0);
        Estimate { mean, error: (within * within + variance / n).sqrt() }
    }

    fn is_above(&self, bar: f64, estimate: Estimate) -> TestResult {
        let certain = if self.of_all_rows { CERTAIN } else { CERTAIN_OF_DRAWS };
        TestResult::of(estimate.mean - bar, certain * estimate.error)
    }

    /// The mean of a value of the clouds of every draw, and its standard deviation around these means.
    fn of_clouds(&self, of_cloud: fn(&(f64, f64)) -> f64) -> (Vec<f64>, f64) {
        let (mut squares, mut n_clouds) = (0.0, 0.0);
        let mean_of = |grouping: &OneDraw| {
            let values: Vec<f64> = grouping.clouds.iter().map(of_cloud).collect();
            let (mean, std) = stats::mean_and_std(&values);
            squares += std * std * values.len() as f64;
            n_clouds += values.len() as f64;
            mean
        };
        let means: Vec<f64> = self.groupings.iter().map(mean_of).collect();
        let std = (squares / (n_clouds - means.len() as f64)).sqrt();
        (means, std)
    }

    /// By how many standard deviations of clouds a value of the groupings exceeds that of their clouds.
    fn excess(&self, of: fn(&OneDraw) -> f64, of_cloud: fn(&(f64, f64)) -> f64) -> Estimate {
        let (means, std) = self.of_clouds(of_cloud);
        // What differs by rounding alone is equal.
        let std = means.iter().fold(std, |std, mean| std.max(1e-9 * (1.0 + mean.abs())));
        let beyond = self.groupings.iter().zip(&means).map(|(own, mean)| (of(own) - mean) / std);
        let beyond: Vec<f64> = beyond.collect();
        let mean = stats::mean(&beyond);
        let n_clouds: usize = self.groupings.iter().map(|grouping| grouping.clouds.len()).sum();
        // Mean and standard deviation of n normal draws are off by 1/√n and 1/√2n. Other rows change a value
        // about as much as another cloud does.
        let within = ((1.0 + 0.5 * mean * mean) / n_clouds as f64).sqrt();
        self.over_draws(&beyond, within, 1.0)
    }

    /// By how many standard deviations the clusters are tighter than clouds.
    fn tighter(&self) -> Estimate {
        self.excess(|grouping| grouping.silhouette, |cloud| cloud.0)
    }

    /// By how many standard deviations the evidence of the shallowest valley exceeds that of clouds.
    fn deeper(&self) -> Estimate {
        self.excess(|grouping| grouping.valley.evidence, |cloud| cloud.1)
    }

    /// Whether more draws of rows may tell on which side of the bar the mean is. In `n` of [`MOST_DRAWS`] draws the
    /// mean has an error e. When all are drawn it will have e·√(n / most), and have moved by about e·√(1 − n / most):
    /// where that does not take it far enough from the bar, more draws are in vain.
    fn may_decide(&self, bar: f64, Estimate { mean, error }: Estimate) -> bool {
        let n_draws = self.groupings.len();
        let seen = n_draws as f64 / MOST_DRAWS as f64;
        let farthest = (mean - bar).abs() + error * (1.0 - seen).sqrt();
        let is_unclear = self.is_above(bar, Estimate { mean, error }) == TestResult::Unclear;
        let needed = CERTAIN_OF_DRAWS * error * seen.sqrt();
        is_unclear && (n_draws < LEAST_DRAWS || farthest >= needed)
    }

    /// Whether more draws of rows may give a [`vote`] its majority.
    fn may_carry(&self, answers: impl Iterator<Item = TestResult> + Clone) -> bool {
        let left = std::iter::repeat_n((), MOST_DRAWS - self.groupings.len().min(MOST_DRAWS));
        let with = |answer: TestResult| vote(answers.clone().chain(left.clone().map(|()| answer)));
        let is_reached =
            with(TestResult::Yes) == TestResult::Yes || with(TestResult::No) == TestResult::No;
        vote(answers.clone()) == TestResult::Unclear && is_reached
    }

    /// Whether the clusters are tighter than noise, with deeper valleys: means and what each must exceed.
    fn cloud_tests(&self, tightest: usize) -> impl Iterator<Item = (f64, Estimate)> {
        let valley = self.over_draws(&self.each(|grouping| grouping.valley.evidence), 0.0, 1.0);
        let clear = (self.k > tightest).then_some((CLEAR_VALLEY, valley));
        let tighter = self.tighter();
        let bar = DEEPER.0 - (tighter.mean - FAR_TIGHTER).max(0.0) / TRADE;
        let deeper = (bar.max(DEEPER.1), self.deeper());
        clear.into_iter().chain([(TIGHTER, tighter), deeper])
    }

    /// The answer of all tests against clouds together.
    pub(super) fn against_clouds(&self, tightest: usize) -> TestResult {
        let answers =
            self.cloud_tests(tightest).map(|(bar, estimate)| self.is_above(bar, estimate));
        answers.fold(TestResult::Yes, TestResult::and)
    }

    /// The mean Jaccard coefficient of the least stable cluster.
    fn stability(&self) -> Estimate {
        let (mut means, mut variance, mut spread) = (Vec::new(), 0.0, 0.0);
        for grouping in &self.groupings {
            let (mean, std, n) = least_stable(&grouping.jaccards);
            means.push(mean);
            variance += std * std / n;
            spread += std;
        }
        let n = means.len() as f64;
        self.over_draws(&means, variance.sqrt() / n, ROWS_PER_RESAMPLE * spread / n)
    }

    pub(super) fn comes_back(&self) -> TestResult {
        self.is_above(STABLE_FROM, self.stability())
    }

    /// Whether these are more groups than fewer that were found; they are where there are no fewer.
    fn are_more(&self) -> TestResult {
        vote(self.answers_of_more())
    }

    fn answers_of_more(&self) -> impl Iterator<Item = TestResult> + Clone {
        self.groupings.iter().filter_map(|grouping| grouping.are_more)
    }

    fn goes_on(&self) -> TestResult {
        vote(self.answers_of_going_on())
    }

    fn answers_of_going_on(&self) -> impl Iterator<Item = TestResult> + Clone {
        let answer = |goes_on: bool| if goes_on { TestResult::Yes } else { TestResult::No };
        self.groupings.iter().map(move |grouping| answer(grouping.goes_on))
    }

    /// Whether these are groups. Where a border is as dense as the clusters, they may be parts of groups that
    /// are not round.
    pub(super) fn natural(&self, tightest: usize) -> TestResult {
        let round =
            if self.goes_on() == TestResult::No { TestResult::Yes } else { TestResult::Unclear };
        self.against_clouds(tightest).and(self.comes_back()).and(self.are_more()).and(round)
    }

    /// Whether another draw of rows may change the answer.
    pub(super) fn needs_rows(&self, tightest: usize) -> bool {
        let may_come_back = self.may_decide(STABLE_FROM, self.stability());
        let is_open = self.groupings.len() < LEAST_DRAWS
            || self.answers_of_more().count() == 1
            || self.cloud_tests(tightest).any(|(bar, estimate)| self.may_decide(bar, estimate))
            || self.may_carry(self.answers_of_more())
            || self.may_carry(self.answers_of_going_on());
        may_come_back || is_open && self.natural(tightest) != TestResult::No
    }

    /// By how many standard deviations the silhouette exceeds those of clouds, mean over the draws.
    pub(super) fn tightness(&self) -> f64 {
        self.tighter().mean
    }

    /// The silhouette, mean over the draws.
    pub(super) fn silhouette(&self) -> f64 {
        stats::mean(&self.each(|grouping| grouping.silhouette))
    }

    fn each(&self, of: fn(&OneDraw) -> f64) -> Vec<f64> {
        self.groupings.iter().map(of).collect()
    }

    pub(super) fn candidate(&self, tightest: usize) -> Candidate {
        let (null_silhouettes, null_spread) = self.of_clouds(|cloud| cloud.0);
        let stability = self.stability();
        Candidate {
            k: self.k,
            inertia: self.indices.inertia,
            silhouette: self.silhouette(),
            null_silhouette: stats::mean(&null_silhouettes),
            null_spread,
            calinski_harabasz: self.indices.calinski_harabasz,
            davies_bouldin: self.indices.davies_bouldin,
            stability: stability.mean,
            stability_error: stability.error,
            valley: stats::mean(&self.each(|grouping| grouping.valley.depth)),
            valley_excess: self.deeper().mean,
            natural: self.natural(tightest),
            goes_on: self.goes_on() == TestResult::Yes,
            comes_back: self.comes_back(),
        }
    }
}

/// The cluster with the smallest mean: its mean, the standard deviation (divisor n − 1) and the number of its Jaccard
/// coefficients; 0 for a cluster that no resample holds.
fn least_stable(jaccards: &[Vec<f64>]) -> (f64, f64, f64) {
    let of_cluster = |values: &Vec<f64>| {
        let n = values.len() as f64;
        let (mean, std) = stats::mean_and_std(values);
        match values.len() {
            0 => (0.0, 0.0, 1.0),
            1 => (mean, 0.0, 1.0),
            _ => (mean, std * (n / (n - 1.0)).sqrt(), n),
        }
    };
    let each = jaccards.iter().map(of_cluster);
    each.reduce(|a, b| if b.0 < a.0 { b } else { a }).unwrap_or((0.0, 0.0, 1.0))
}

/// What at least five in six draws say; yes if there are none.
fn vote(answers: impl Iterator<Item = TestResult> + Clone) -> TestResult {
    let share = |answer: TestResult| {
        answers.clone().filter(|&other| other == answer).count() * 6 >= answers.clone().count() * 5
    };
    match (share(TestResult::Yes), share(TestResult::No)) {
        (true, _) => TestResult::Yes,
        (_, true) => TestResult::No,
        _ => TestResult::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two clusters with these silhouettes, one for each draw of rows; clouds have 0.4 ± 0.01, valleys are deep, and
    /// the clusters come back.
    fn evidence(silhouettes: &[f64], of_all_rows: bool) -> KEvidence {
        let indices =
            Indices { inertia: 1.0, left: 0.5, calinski_harabasz: None, davies_bouldin: None };
        let mut evidence = KEvidence::new(2, indices, of_all_rows);
        for &silhouette in silhouettes {
            let mut grouping =
                OneDraw::new(silhouette, Valley { depth: 0.5, evidence: 9.0 }, 2, false);
            let cloud = |i: usize| (if i < 10 { 0.39 } else { 0.41 }, (i % 2) as f64);
            grouping.clouds = (0..20).map(cloud).collect();
            grouping.jaccards = vec![vec![0.98, 1.0, 0.99], vec![0.97, 0.98]];
            evidence.add(grouping);
        }
        evidence
    }

    #[test]
    fn the_mean_over_draws_of_rows_counts() {
        let candidate = evidence(&[0.55, 0.65], false).candidate(2);
        assert!((candidate.silhouette - 0.6).abs() < 1e-12);
        assert!((candidate.null_silhouette - 0.4).abs() < 1e-12);
        assert!((candidate.null_spread - 0.01 * (20.0f64 / 19.0).sqrt()).abs() < 1e-12);
        assert!((candidate.stability - 0.975).abs() < 1e-12);
        assert_eq!((candidate.valley, candidate.natural), (0.5, TestResult::Yes));
    }

    #[test]
    fn the_more_draws_of_rows_differ_the_less_is_certain() {
        let tighter = |silhouettes: &[f64]| evidence(silhouettes, false).against_clouds(2);
        // Needed is 0.42.
        assert_eq!(tighter(&[0.44, 0.44]), TestResult::Unclear);
        assert_eq!(tighter(&[0.44; 6]), TestResult::Yes);
        assert_eq!(tighter(&[0.46, 0.46]), TestResult::Yes);
        assert_eq!(tighter(&[0.44, 0.60]), TestResult::Unclear);
        assert_eq!(tighter(&[0.30, 0.32]), TestResult::No);
        // All rows are no draw, so only the clouds are random.
        assert_eq!(evidence(&[0.44], true).against_clouds(2), TestResult::Yes);
    }

    #[test]
    fn groups_must_show_in_two_draws_of_rows() {
        assert!(evidence(&[0.9], false).needs_rows(2));
        assert!(!evidence(&[0.9, 0.9], false).needs_rows(2));
        assert!(!evidence(&[0.1], false).needs_rows(2));
        let mut held_once = evidence(&[0.9, 0.9], false);
        held_once.newest().are_more = Some(TestResult::Yes);
        assert!(held_once.needs_rows(2));
    }

    #[test]
    fn rows_are_not_drawn_in_vain() {
        // Needed is 0.42. The spread that is expected alone leaves 0.425 unclear after six draws, too.
        assert!(evidence(&[0.44, 0.44], false).needs_rows(2));
        assert!(!evidence(&[0.42, 0.425], false).needs_rows(2));
        assert_eq!(evidence(&[0.42, 0.425], false).against_clouds(2), TestResult::Unclear);
        assert!(evidence(&[0.40, 0.50], false).needs_rows(2));
        // Two against two cannot become five of six.
        let mut parted = evidence(&[0.9; 4], false);
        parted.groupings.iter_mut().take(2).for_each(|grouping| grouping.goes_on = true);
        assert!(!parted.needs_rows(2));
        parted.groupings[0].goes_on = false;
        assert!(parted.needs_rows(2));
    }

    #[test]
    fn a_cluster_that_no_resample_holds_does_not_come_back() {
        let mut lost = evidence(&[0.9], true);
        lost.newest().jaccards[1].clear();
        assert_eq!((lost.stability().mean, lost.comes_back()), (0.0, TestResult::No));
    }

    #[test]
    fn one_draw_in_six_may_say_otherwise() {
        let vote = |answers: &[TestResult]| super::vote(answers.iter().copied());
        let (yes, no) = (TestResult::Yes, TestResult::No);
        assert_eq!(vote(&[no, yes, yes, yes, yes, yes]), yes);
        assert_eq!(vote(&[no, no, yes, yes, yes, yes]), TestResult::Unclear);
        assert_eq!(vote(&[no, no]), no);
        assert_eq!(vote(&[]), yes);
    }
}
