//! Weight, mean and sum of squared deviations per cluster, which can be added to and merged.
//!
//! BETULA's features (Lang, Schubert 2020) instead of sums and sums of squares, which lose all
//! digits far from the origin; merged by the formulas of Chan, Golub, LeVeque 1979, which only ever
//! add terms of 0 or more to the squares. A mean is kept as the unevaluated sum of two f64: a long
//! stream moves it by steps far below its last digit, which a single one would drop.
//! Memory: 24 bytes per cluster and column.

use serde::{Deserialize, Serialize};

use crate::num::check::MAX_MAGNITUDE;

/// A weight stops growing here, where one more row could not be counted: from then on each row
/// moves the mean by 2⁻⁵³ of its distance and the oldest count for less.
pub(super) const MAX_WEIGHT: f64 = 9_007_199_254_740_992.0; // 2⁵³

/// Weights below are forgotten altogether, before they could become denormal.
const FORGOTTEN: f64 = 1e-100;

/// Means of halves of a normal distribution lie this many standard deviations from the middle: √(2/π).
const HALF_NORMAL: f64 = 0.797_884_560_802_865_4;

/// Summaries of `k` clusters, row-major `(k, width)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Moments {
    /// Rows, as they count; 0 for a place without rows, whose mean is then where it was put.
    #[serde(with = "crate::num::exact")]
    pub(super) weights: Vec<f64>,
    #[serde(with = "crate::num::exact")]
    pub(super) means: Vec<f64>,
    /// What the means' last digits leave: the mean is `means + carries`, and rounds to `means`.
    #[serde(with = "crate::num::exact")]
    carries: Vec<f64>,
    /// Σ (x − mean)² per column.
    #[serde(with = "crate::num::exact")]
    squares: Vec<f64>,
}

impl Moments {
    /// Places without rows.
    pub(super) fn at(means: Vec<f64>, k: usize) -> Self {
        let zeros = vec![0.0; means.len()];
        Self { weights: vec![0.0; k], means, carries: zeros.clone(), squares: zeros }
    }

    pub(super) fn width(&self) -> usize {
        self.means.len() / self.weights.len()
    }

    fn span(&self, cluster: usize) -> std::ops::Range<usize> {
        let width = self.width();
        cluster * width..(cluster + 1) * width
    }

    pub(super) fn mean(&self, cluster: usize) -> &[f64] {
        &self.means[self.span(cluster)]
    }

    /// Population variances, row-major; 0 without rows.
    pub(super) fn variances(&self) -> Vec<f64> {
        let width = self.width();
        let variance = |(at, square): (usize, &f64)| match self.weights[at / width] {
            0.0 => 0.0,
            weight => square / weight,
        };
        self.squares.iter().enumerate().map(variance).collect()
    }

    /// Adds a row of weight 1.
    pub(super) fn push(&mut self, cluster: usize, row: &[f64]) {
        debug_assert_eq!(row.len(), self.width());
        let span = self.span(cluster);
        let before = self.weights[cluster];
        let after = before + 1.0;
        self.weights[cluster] = after;
        if before == 0.0 {
            self.means[span.clone()].copy_from_slice(row);
            self.carries[span.clone()].fill(0.0);
            self.squares[span].fill(0.0);
            return;
        }
        let (part, spread) = (1.0 / after, before / after);
        for (at, x) in span.zip(row) {
            let delta = (x - self.means[at]) - self.carries[at];
            self.squares[at] += delta * delta * spread;
            self.move_mean(at, delta * part);
        }
    }

    /// Merges in a cluster of `other`, its weight times `factor`.
    pub(super) fn absorb(&mut self, cluster: usize, other: &Self, theirs: usize, factor: f64) {
        debug_assert_eq!(self.width(), other.width());
        let added = other.weights[theirs] * factor;
        if added == 0.0 {
            return;
        }
        let (span, from) = (self.span(cluster), other.span(theirs));
        let before = self.weights[cluster];
        let after = before + added;
        let (part, spread) = (added / after, before * (added / after));
        for (at, from) in span.zip(from) {
            let more = other.squares[from] * factor;
            if before == 0.0 {
                self.means[at] = other.means[from];
                self.carries[at] = other.carries[from];
                self.squares[at] = more;
                continue;
            }
            let delta =
                (other.means[from] - self.means[at]) + (other.carries[from] - self.carries[at]);
            self.squares[at] += more + delta * delta * spread;
            self.move_mean(at, delta * part);
        }
        self.set_weight(cluster, after);
    }

    /// Multiplies all weights by a factor of at most 1.
    pub(super) fn fade(&mut self, factor: f64) {
        if factor == 1.0 {
            return;
        }
        for cluster in 0..self.weights.len() {
            let weight = self.weights[cluster] * factor;
            let kept = if weight < FORGOTTEN { 0.0 } else { factor };
            self.weights[cluster] *= kept;
            let span = self.span(cluster);
            for square in &mut self.squares[span] {
                let faded = *square * kept;
                *square = if faded < f64::MIN_POSITIVE { 0.0 } else { faded };
            }
        }
    }

    /// The cluster of the greatest weight; of equal ones the first.
    pub(super) fn heaviest(&self) -> usize {
        let mut best = 0;
        for (cluster, &weight) in self.weights.iter().enumerate() {
            if weight > self.weights[best] {
                best = cluster;
            }
        }
        best
    }

    /// Splits `heavy` in two along its column of largest variance, the upper half becoming
    /// `other`, whose own rows are given up. Each half has the mean weight of the two, and lies and
    /// spreads as the half of a normal distribution does, so that variances add up to those before.
    /// False, and nothing changes, if there is no spread to split.
    pub(super) fn split(&mut self, heavy: usize, other: usize) -> bool {
        debug_assert_ne!(heavy, other);
        let start = self.span(heavy).start;
        let mut axis = 0;
        for column in 1..self.width() {
            if self.squares[start + column] > self.squares[start + axis] {
                axis = column;
            }
        }
        let weight = self.weights[heavy];
        let step = HALF_NORMAL * (self.squares[start + axis] / weight).sqrt();
        let middle = self.means[start + axis];
        let clamp = |v: f64| v.clamp(-MAX_MAGNITUDE, MAX_MAGNITUDE);
        let (low, high) = (clamp(middle - step), clamp(middle + step));
        if weight == 0.0 || low >= middle || high <= middle {
            return false;
        }
        let half = 0.5 * weight + 0.5 * self.weights[other];
        (self.weights[heavy], self.weights[other]) = (half, half);
        let from = self.span(heavy);
        for (at, to) in from.clone().zip(self.span(other)) {
            self.squares[at] *= half / weight;
            self.means[to] = self.means[at];
            self.carries[to] = self.carries[at];
            self.squares[to] = self.squares[at];
        }
        for (cluster, mean) in [(heavy, low), (other, high)] {
            let at = self.span(cluster).start + axis;
            self.means[at] = mean;
            self.carries[at] = 0.0;
            self.squares[at] *= 1.0 - HALF_NORMAL * HALF_NORMAL;
        }
        true
    }

    /// The rule a restored one breaks, if any.
    pub(super) fn broken_rule(&self) -> Option<&'static str> {
        let k = self.weights.len();
        if k == 0 || self.means.is_empty() || !self.means.len().is_multiple_of(k) {
            return Some("there are no clusters or no columns, or the means do not fill a matrix");
        }
        if self.carries.len() != self.means.len() || self.squares.len() != self.means.len() {
            return Some("means, carries and squares have not the same length");
        }
        if !self.weights.iter().all(|w| (0.0..=MAX_WEIGHT).contains(w)) {
            return Some("a weight is negative, not a number, or above 2^53");
        }
        // Rounding may lead a mean past the greatest value by a digit.
        let usable = |v: &f64| v.abs() <= 2.0 * MAX_MAGNITUDE;
        if !self.means.iter().all(usable) {
            return Some("a centroid is not finite or too large");
        }
        if !self.means.iter().zip(&self.carries).all(|(mean, carry)| mean + carry == *mean) {
            return Some("a centroid is not rounded");
        }
        let width = self.width();
        let bound = |at: usize| 8.0 * MAX_MAGNITUDE * MAX_MAGNITUDE * self.weights[at / width];
        let fits = |(at, square): (usize, &f64)| (0.0..=bound(at)).contains(square);
        (!self.squares.iter().enumerate().all(fits)).then_some("a sum of squares is impossible")
    }

    /// Adds to a mean without losing what its last digit cannot hold (Knuth's two-sum).
    #[inline]
    fn move_mean(&mut self, at: usize, step: f64) {
        let (mean, step) = (self.means[at], self.carries[at] + step);
        let sum = mean + step;
        let seen = sum - mean;
        self.means[at] = sum;
        self.carries[at] = (mean - (sum - seen)) + (step - seen);
    }

    fn set_weight(&mut self, cluster: usize, weight: f64) {
        self.weights[cluster] = weight.min(MAX_WEIGHT);
        if weight > MAX_WEIGHT {
            let span = self.span(cluster);
            self.squares[span].iter_mut().for_each(|square| *square *= MAX_WEIGHT / weight);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::rng::Stream;

    /// One cluster of these rows of one column.
    fn of(values: &[f64]) -> Moments {
        let mut moments = Moments::at(vec![0.0], 1);
        values.iter().for_each(|v| moments.push(0, &[*v]));
        moments
    }

    #[test]
    fn an_offset_of_1e12_costs_neither_mean_nor_variance() {
        let mut stream = Stream::new(1, 0);
        // On the grid of f64 at 1e12, so that the data themselves lose nothing.
        let near: Vec<f64> =
            (0..50_000).map(|_| (stream.normal() * 4096.0).round() / 4096.0).collect();
        let far: Vec<f64> = near.iter().map(|v| v + 1e12).collect();
        let (near, far) = (of(&near), of(&far));
        let mean = (far.means[0] - 1e12) + far.carries[0];
        assert!((mean - near.means[0]).abs() < 1e-9, "{mean} {}", near.means[0]);
        assert!((far.squares[0] / near.squares[0] - 1.0).abs() < 1e-9);
    }

    #[test]
    fn parts_merged_equal_the_whole() {
        let mut stream = Stream::new(2, 0);
        let values: Vec<f64> = (0..1000).map(|_| 1e6 + stream.normal()).collect();
        let whole = of(&values);
        for cut in [0, 1, 3, 500, 1000] {
            let (a, b) = values.split_at(cut);
            let mut merged = of(a);
            merged.absorb(0, &of(b), 0, 1.0);
            assert_eq!(merged.weights, whole.weights);
            assert!((merged.means[0] / whole.means[0] - 1.0).abs() < 1e-15);
            assert!((merged.squares[0] / whole.squares[0] - 1.0).abs() < 1e-12, "{cut}");
        }
    }

    #[test]
    fn equal_rows_have_their_own_value_as_mean_and_no_spread() {
        let moments = of(&[0.1; 77]);
        assert_eq!((moments.means[0], moments.squares[0]), (0.1, 0.0));
        let mut twice = moments.clone();
        assert!(!{
            let mut two = Moments::at(vec![0.1, 9.0], 2);
            two.absorb(0, &moments, 0, 1.0);
            two.split(0, 1)
        });
        twice.absorb(0, &moments, 0, 0.25);
        assert_eq!((twice.means[0], twice.squares[0]), (0.1, 0.0));
    }

    #[test]
    fn a_split_keeps_weight_mean_and_variance_and_takes_the_widest_column() {
        let mut moments = Moments::at(vec![0.0; 4], 2);
        for i in 0..100 {
            let t = f64::from(i) - 49.5;
            moments.push(0, &[t * 0.1, t]);
        }
        let (before, variance) = (moments.clone(), 833.25);
        assert!((before.variances()[1] - variance).abs() < 1e-9);
        assert!(moments.split(0, 1));
        assert_eq!(moments.weights, [50.0, 50.0]);
        let sigma = variance.sqrt();
        assert!((moments.mean(0)[1] + 0.797_884_560_8 * sigma).abs() < 1e-8);
        assert_eq!(moments.mean(0)[1], -moments.mean(1)[1]);
        assert_eq!(moments.mean(0)[0], moments.mean(1)[0]);
        let mut joined = Moments::at(vec![0.0; 2], 1);
        joined.absorb(0, &moments, 0, 1.0);
        joined.absorb(0, &moments, 1, 1.0);
        for (a, b) in joined.squares.iter().zip(&before.squares) {
            assert!((a / b - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn a_full_weight_stands_and_each_row_still_moves_the_mean() {
        let mut moments = Moments::at(vec![0.0], 1);
        moments.weights[0] = MAX_WEIGHT;
        moments.squares[0] = MAX_WEIGHT;
        for _ in 0..3 {
            moments.absorb(0, &of(&[1.0]), 0, 1.0);
        }
        assert_eq!(moments.weights, [MAX_WEIGHT]);
        assert!((moments.means[0] * MAX_WEIGHT - 3.0).abs() < 1e-9);
        // A whole batch on top: a half, and the variance stays one.
        let mut batch = of(&[0.0]);
        (batch.weights[0], batch.squares[0]) = (MAX_WEIGHT, MAX_WEIGHT);
        moments.absorb(0, &batch, 0, 1.0);
        assert_eq!(moments.weights, [MAX_WEIGHT]);
        assert!((moments.variances()[0] - 1.0).abs() < 1e-9);
        assert_eq!(moments.broken_rule(), None);
    }

    #[test]
    fn fading_ends_at_0_without_denormals() {
        let mut moments = of(&[1.0, 2.0]);
        for _ in 0..2000 {
            moments.fade(0.5);
            let values = [moments.weights[0], moments.squares[0]];
            assert!(values.iter().all(|v| *v == 0.0 || v.is_normal()));
        }
        assert_eq!((moments.weights[0], moments.squares[0], moments.means[0]), (0.0, 0.0, 1.5));
        moments.push(0, &[7.0]);
        assert_eq!((moments.means[0], moments.variances()[0]), (7.0, 0.0));
    }

    #[test]
    fn the_greatest_values_allowed_overflow_nothing() {
        let mut moments = Moments::at(vec![0.0, 0.0], 2);
        for i in 0..100 {
            moments.push(0, &[if i == 0 { -MAX_MAGNITUDE } else { MAX_MAGNITUDE }]);
        }
        moments.weights[0] = MAX_WEIGHT;
        moments.squares[0] *= MAX_WEIGHT / 100.0;
        let copy = moments.clone();
        moments.absorb(0, &copy, 0, 1.0);
        assert!(moments.split(0, 1));
        assert_eq!(moments.broken_rule(), None);
    }
}
