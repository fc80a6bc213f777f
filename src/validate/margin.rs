//! How one column is distributed, as a function of a standard normal draw.
//!
//! A column of few values keeps them and their shares. Any other column gets a smooth curve with one
//! mode, x = a + b·(e^{gt} − 1)/g with t = sinh(asinh(z)/τ): g bends it to one side (a log-normal
//! column has τ = 1 exactly), τ makes its tails lighter or heavier. Values held by many rows keep
//! their share and their place in the order, and whole numbers stay whole. So a margin keeps skew,
//! tails, zeros and steps, but not two modes: those would be groups.
//!
//! Source: Hoaglin 1985 (g); Jones, Pewsey 2009 (sinh–arcsinh, one mode for any parameters).
//! Cost: O(n log n), and some hundred regressions on at most 200 points.

use crate::num::{normal, portable};

/// Columns of at most so many values keep them.
pub(super) const FEW_VALUES: usize = 12;
/// A value of a smooth column keeps its share if this part of the rows holds it.
const ATOM: f64 = 0.05;
/// Quantiles that the curve is fitted to.
const POINTS: usize = 200;
/// How far beyond the range of the column its curve may reach, as a part of the range.
const BEYOND: f64 = 0.25;

/// Skews and tail weights tried.
const SKEWS: usize = 33;
const TAILS: [f64; 13] =
    [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.15, 1.4, 1.8, 2.5, 5.0, f64::INFINITY];

/// A column as a function of a standard normal draw.
#[derive(Debug, Clone)]
pub(super) enum Margin {
    /// (least z, value), ascending: the value of the last step at or below z.
    Steps(Vec<(f64, f64)>),
    Smooth(Smooth),
}

#[derive(Debug, Clone)]
pub(super) struct Smooth {
    curve: Curve,
    range: (f64, f64),
    /// (least z, z beyond, value) of values that many rows hold.
    atoms: Vec<(f64, f64, f64)>,
    grid: ValueGrid,
}

/// The values that a column can have.
#[derive(Debug, Clone)]
enum ValueGrid {
    Any,
    /// Multiples of a step from a start: also such as no row has.
    Even(f64, f64),
    /// Ascending.
    Seen(Vec<f64>),
}

impl ValueGrid {
    /// Of distinct values, ascending, at least two.
    fn of(values: Vec<f64>) -> Self {
        let step = values.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
        let off = |v: &f64| {
            let at = (v - values[0]) / step;
            (at - at.round()).abs()
        };
        if values.iter().all(|v| off(v) < 1e-6) {
            Self::Even(values[0], step)
        } else {
            Self::Seen(values)
        }
    }

    fn nearest(&self, value: f64) -> f64 {
        match self {
            Self::Any => value,
            Self::Even(start, step) => start + ((value - start) / step).round() * step,
            Self::Seen(values) => {
                let above = values.partition_point(|v| *v < value);
                let (low, high) = (above.saturating_sub(1), above.min(values.len() - 1));
                let nearer = value - values[low] <= values[high] - value;
                values[if nearer { low } else { high }]
            }
        }
    }
}

impl Margin {
    /// The margin of values in ascending order, at least one.
    pub(super) fn of(sorted: &[f64]) -> Self {
        let n = sorted.len() as f64;
        let runs: Vec<(usize, &[f64])> = sorted
            .chunk_by(|a, b| a == b)
            .scan(0, |start, run| {
                *start += run.len();
                Some((*start - run.len(), run))
            })
            .collect();
        let z = |rank: usize| normal::quantile(rank as f64 / n);
        if runs.len() <= FEW_VALUES {
            return Self::Steps(runs.iter().map(|(start, run)| (z(*start), run[0])).collect());
        }
        let many = |run: &&(usize, &[f64])| run.1.len() as f64 >= (ATOM * n).max(5.0);
        let on_grid = 2 * runs.len() <= sorted.len();
        let atoms: Vec<(f64, f64, f64)> = if on_grid && !sparse(&runs) {
            Vec::new()
        } else {
            let atoms = runs.iter().filter(many);
            atoms.map(|(start, run)| (z(*start), z(start + run.len()), run[0])).collect()
        };
        let values = || runs.iter().map(|(_, run)| run[0]).collect();
        let grid = if on_grid { ValueGrid::of(values()) } else { ValueGrid::Any };
        let curve = Curve::through(sorted, &atoms);
        let range = (sorted[0], sorted[sorted.len() - 1]);
        let room = BEYOND * (range.1 - range.0);
        let range = (range.0 - room, range.1 + room);
        Self::Smooth(Smooth { curve, range, atoms, grid })
    }

    pub(super) fn at(&self, z: f64) -> f64 {
        match self {
            Self::Steps(steps) => {
                let above = steps.partition_point(|(least, _)| *least <= z);
                steps[above.saturating_sub(1)].1
            }
            Self::Smooth(smooth) => smooth.at(z),
        }
    }

    /// The z at which a column of few values steps up; none for a smooth column.
    pub(super) fn steps(&self) -> Option<Vec<f64>> {
        match self {
            Self::Steps(steps) => Some(steps.iter().skip(1).map(|(z, _)| *z).collect()),
            Self::Smooth(_) => None,
        }
    }
}

/// Whether some value is held by far more rows than its neighbours on the grid: more than a mode.
fn sparse(runs: &[(usize, &[f64])]) -> bool {
    let greatest = runs.iter().map(|(_, run)| run.len()).max().unwrap_or(0);
    let second = runs.iter().map(|(_, run)| run.len()).filter(|&n| n < greatest).max();
    second.is_some_and(|second| greatest > 3 * second)
}

impl Smooth {
    fn at(&self, z: f64) -> f64 {
        if let Some(atom) = self.atoms.iter().find(|(from, to, _)| (*from..*to).contains(&z)) {
            return atom.2;
        }
        self.grid.nearest(self.curve.at(z).clamp(self.range.0, self.range.1))
    }
}

/// x = a + b·(e^{gt} − 1)/g, t = sinh(asinh(z)/τ).
#[derive(Debug, Clone, Copy)]
struct Curve {
    start: f64,
    slope: f64,
    skew: f64,
    tail: f64,
}

impl Curve {
    /// The curve with the least squared distance to the quantiles outside the atoms.
    fn through(sorted: &[f64], atoms: &[(f64, f64, f64)]) -> Self {
        let n = sorted.len();
        let step = n.div_ceil(POINTS);
        let points: Vec<(f64, f64)> = (0..n)
            .step_by(step)
            .chain([n - 1])
            .filter(|&i| atoms.iter().all(|atom| atom.2 != sorted[i]))
            .map(|i| (normal::quantile((i as f64 + 0.5) / n as f64), sorted[i]))
            .collect();
        let mean = points.iter().map(|p| p.1).sum::<f64>() / points.len().max(1) as f64;
        let mut best = (f64::INFINITY, Self { start: mean, slope: 0.0, skew: 0.0, tail: 1.0 });
        for tail in TAILS {
            let ts: Vec<f64> = points.iter().map(|(z, _)| bent(*z, tail)).collect();
            for i in 0..SKEWS {
                let skew = 0.125 * (i as f64 - (SKEWS / 2) as f64);
                let (error, start, slope) = regress(&points, ts.iter().map(|&t| skewed(t, skew)));
                if slope > 0.0 && error < best.0 {
                    best = (error, Self { start, slope, skew, tail });
                }
            }
        }
        best.1
    }

    fn at(&self, z: f64) -> f64 {
        self.start + self.slope * skewed(bent(z, self.tail), self.skew)
    }
}

/// sinh(asinh(z)/τ), through (|z| + √(z² + 1))^{1/τ}; for τ = ∞ even between −1 and 1, which is
/// 2Φ(z) − 1, by Page's approximation to 3e-4.
fn bent(z: f64, tail: f64) -> f64 {
    if tail == 1.0 {
        return z;
    }
    if tail == f64::INFINITY {
        let power = portable::exp((1.595_769_1 * z + 0.072_8 * z * z * z).clamp(-40.0, 40.0));
        return (power - 1.0) / (power + 1.0);
    }
    let power = portable::pow(z.abs() + (z * z + 1.0).sqrt(), 1.0 / tail);
    0.5 * (power - 1.0 / power) * z.signum()
}

fn skewed(t: f64, skew: f64) -> f64 {
    if skew == 0.0 { t } else { portable::exp_m1((skew * t).min(500.0)) / skew }
}

/// Sum of squared errors, start and slope of the line through (feature, value).
fn regress(points: &[(f64, f64)], features: impl Iterator<Item = f64> + Clone) -> (f64, f64, f64) {
    let n = points.len() as f64;
    let (mut sx, mut sy) = (0.0, 0.0);
    for (x, (_, y)) in features.clone().zip(points) {
        (sx, sy) = (sx + x, sy + y);
    }
    let (mx, my) = (sx / n, sy / n);
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (x, (_, y)) in features.zip(points) {
        let (x, y) = (x - mx, y - my);
        (xx, xy, yy) = (xx + x * x, xy + x * y, yy + y * y);
    }
    let slope = xy / xx;
    (yy - slope * xy, my - slope * mx, slope)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::rng::Stream;
    use crate::num::stats;

    fn drawn(n: usize, draw: impl Fn(&mut Stream) -> f64) -> Vec<f64> {
        let mut stream = Stream::new(5, 1);
        stats::sorted(&(0..n).map(|_| draw(&mut stream)).collect::<Vec<_>>())
    }

    #[test]
    fn smooth_margins_keep_location_spread_and_skew() {
        for draw in [
            (|s: &mut Stream| s.normal()) as fn(&mut Stream) -> f64,
            |s| s.unit(),
            |s| s.normal().exp(),
            |s| 1e9 - (1.0 - s.unit()).ln(),
        ] {
            let column = drawn(2000, draw);
            let margin = Margin::of(&column);
            let spread = column[1900] - column[100];
            for i in [100, 500, 1000, 1500, 1900] {
                let at = margin.at(normal::quantile(i as f64 / 2000.0));
                assert!((at - column[i]).abs() < 0.06 * spread, "{i}: {at} {}", column[i]);
            }
        }
    }

    #[test]
    fn two_modes_become_one() {
        let column = drawn(2000, |s| s.normal() + if s.unit() < 0.5 { 8.0 } else { 0.0 });
        let margin = Margin::of(&column);
        let near_the_middle = (0..1000)
            .map(|i| margin.at(normal::quantile((f64::from(i) + 0.5) / 1000.0)))
            .filter(|v| (v - 4.0).abs() < 1.0)
            .count();
        // Some 20 in the column itself.
        assert!(near_the_middle > 100, "{near_the_middle}");
    }

    #[test]
    fn few_values_keep_their_shares_and_whole_numbers_stay_whole() {
        let flags: Vec<f64> = (0..100).map(|i| f64::from(u8::from(i >= 70))).collect();
        let margin = Margin::of(&flags);
        assert_eq!(
            (margin.at(normal::quantile(0.69)), margin.at(normal::quantile(0.71))),
            (0.0, 1.0)
        );
        let days = drawn(500, |s| (s.unit() * 40.0).floor());
        let margin = Margin::of(&days);
        assert!((0..100).all(|i| margin.at(normal::quantile(f64::from(i) / 99.0)).fract() == 0.0));
        let spent = drawn(500, |s| if s.unit() < 0.4 { 0.0 } else { s.normal().exp() });
        let margin = Margin::of(&spent);
        let zeros = (1..100).filter(|&i| margin.at(normal::quantile(f64::from(i) / 100.0)) == 0.0);
        assert!((36..44).contains(&zeros.count()));
    }
}
