//! Clouds without groups that keep all that is built into the columns: what noise would score.
//!
//! Rows are draws of one normal vector, each column a function of one of its entries
//! (`margin.rs`): a Gaussian copula. So a cloud keeps skew, tails, zeros, few values and whole numbers
//! of every column and how columns go together by rank, and has no groups beyond that. What no
//! correlation can say is kept as it is:
//!
//! - *Copies and thresholds.* Columns that rise and fall together without exception (a column and its
//!   copy, a number and whether it is high) are functions of the same entry.
//! - *Regimes.* Where two columns are constant on the same rows but for one in a hundred (a missing value and
//!   its indicator; one visit and no gap between visits), these rows are drawn on their own, with margins
//!   and correlations of their own.
//! - *Categories.* Two-valued columns that exclude each other are one column of several values.
//! - *Sums.* Where some combination of columns has no spread, neither has it in the cloud; shares that
//!   sum to 1 are drawn as quantities (`shares.rs`) and divided by their sum.
//!
//! Source: the parametric bootstrap of Hennig, Lin 2015; latent correlations of mixed columns as Fan,
//! Liu, Ning, Zou 2017, by Mehler's series instead of an integral. Against uniform boxes (Tibshirani,
//! Walther, Hastie 2001) any correlation, skew or flag passes for groups.
//! Cost: O(n·d·log n + n·d² + d³) once, O(n·d²) per cloud.

use super::exclusive;
use super::margin::Margin;
use super::regimes::{LEAST_ROWS, regimes};
use super::shares;
use super::varying::{Varying, follows};
use crate::num::check::Rows;
use crate::num::eigen;
use crate::num::normal;
use crate::num::rng::Stream;
use crate::num::union_find::UnionFind;

/// Terms of Mehler's series for two columns of few values.
const TERMS: usize = 40;
/// Spread below this part of the greatest is none.
const NO_SPREAD: f64 = 1e-10;

/// What the clouds have in common with the data.
#[derive(Debug)]
pub(super) struct Null {
    n_columns: usize,
    regimes: Vec<Regime>,
    flat: Vec<Flat>,
}

/// A direction without spread.
#[derive(Debug)]
struct Flat {
    direction: Vec<f64>,
    /// Where the data lie along it.
    at: f64,
    /// The least value of every column, where these and the direction make shares of a whole: no part
    /// of the direction is negative.
    least: Option<Vec<f64>>,
}

impl Flat {
    fn along(direction: Vec<f64>, columns: &[Vec<f64>], means: &[f64]) -> Self {
        let at = direction.iter().zip(means).map(|(part, mean)| part * mean).sum();
        let least = |column: &Vec<f64>| column.iter().copied().fold(f64::INFINITY, f64::min);
        let n_parts = direction.iter().filter(|part| **part > 0.0).count();
        let shares = n_parts > 2 && direction.iter().all(|part| *part >= 0.0);
        Self { least: shares.then(|| columns.iter().map(least).collect()), direction, at }
    }

    /// Moves a row to where the data lie: shares keep their proportions, any other row takes the
    /// shortest way.
    fn flatten(&self, row: &mut [f64]) {
        let along = |row: &[f64]| -> f64 {
            row.iter().zip(&self.direction).map(|(v, part)| v * part).sum()
        };
        if let Some(least) = &self.least {
            let none = along(least);
            // A category's columns are whole already, but for rounding.
            if ((along(row) - none) / (self.at - none) - 1.0).abs() < 1e-9 {
                return;
            }
            let parts = || row.iter().zip(least).map(|(v, least)| (v - least).max(0.0));
            let whole: f64 = parts().zip(&self.direction).map(|(v, part)| v * part).sum();
            if whole > 0.0 {
                let factor = (self.at - none) / whole;
                for ((v, least), part) in row.iter_mut().zip(least).zip(&self.direction) {
                    if *part > 0.0 {
                        *v = least + (*v - least).max(0.0) * factor;
                    }
                }
                return;
            }
        }
        let off = along(row) - self.at;
        row.iter_mut().zip(&self.direction).for_each(|(v, part)| *v -= off * part);
    }
}

/// Rows that are drawn by one rule.
#[derive(Debug)]
struct Regime {
    n_rows: usize,
    /// Rows kept as they are; empty where drawn.
    kept: Vec<f64>,
    /// Columns with one value.
    constants: Vec<(usize, f64)>,
    entries: Vec<Entry>,
    /// Square: what each of so many independent normals adds to every entry, normal after normal.
    mix: Vec<f64>,
}

/// One entry of the normal vector and the columns made from it.
#[derive(Debug)]
struct Entry {
    /// (column, whether it falls where the entry rises, margin).
    columns: Vec<(usize, bool, Margin)>,
    /// A category instead: (least z, values of the columns), ascending.
    patterns: Vec<(f64, Vec<f64>)>,
    category: Vec<usize>,
}

impl Null {
    /// Values of finite rows, at magnitudes whose squares neither vanish nor overflow.
    pub(super) fn new(rows: &Rows<'_>) -> Self {
        let d = rows.n_columns();
        let columns: Vec<Vec<f64>> =
            (0..d).map(|c| rows.iter().map(|row| row[c]).collect()).collect();
        let flat = flat(&columns);
        let chosen = regimes(&columns);
        let mut quantities = columns;
        for Flat { direction, least, .. } in &flat {
            if let Some(least) = least {
                shares::to_quantities(&mut quantities, direction, least);
            }
        }
        let regimes = chosen.iter().map(|chosen| Regime::new(&quantities, chosen));
        Self { n_columns: d, regimes: regimes.collect(), flat }
    }

    /// A cloud, row-major, of as many rows as the data.
    pub(super) fn draw(&self, stream: &mut Stream) -> Vec<f64> {
        let n_rows: usize = self.regimes.iter().map(|regime| regime.n_rows).sum();
        let mut cloud = Vec::with_capacity(n_rows * self.n_columns);
        for regime in &self.regimes {
            regime.draw(self.n_columns, stream, &mut cloud);
        }
        for row in cloud.chunks_exact_mut(self.n_columns) {
            self.flat.iter().for_each(|flat| flat.flatten(row));
        }
        cloud
    }
}

impl Regime {
    fn new(columns: &[Vec<f64>], chosen: &[usize]) -> Self {
        let n_rows = chosen.len();
        let mut regime =
            Self { n_rows, kept: vec![], constants: vec![], entries: vec![], mix: vec![] };
        if n_rows < LEAST_ROWS {
            let values = chosen.iter().flat_map(|&row| columns.iter().map(move |c| c[row]));
            regime.kept = values.collect();
            return regime;
        }
        let of_chosen = |column: &Vec<f64>| chosen.iter().map(|&row| column[row]).collect();
        let columns: Vec<Vec<f64>> = columns.iter().map(of_chosen).collect();
        let mut varying = Vec::new();
        for (c, column) in columns.iter().enumerate() {
            if column.iter().all(|v| v == &column[0]) {
                regime.constants.push((c, column[0]));
            } else {
                varying.push(Varying::new(c, column));
            }
        }
        let families = families(&varying, &columns);
        let mut scores = Vec::new();
        let mut waiting = Vec::new();
        for family in families {
            let leader = &varying[family[0].0];
            if leader.n_values == 2 && family.len() == 1 {
                waiting.push(leader);
                continue;
            }
            let entry = family.iter().map(|&(at, falls)| {
                let column = &varying[at];
                (column.column, falls, Margin::of(&column.sorted_for(falls)))
            });
            let entry = Entry::of(entry.collect());
            scores.push(Scores::of(leader, &entry.columns[0].2));
            regime.entries.push(entry);
        }
        let two_valued: Vec<(&[f64], f64)> =
            waiting.iter().map(|v| (&columns[v.column][..], v.sorted[0])).collect();
        for block in exclusive::blocks(&two_valued) {
            let block: Vec<usize> = block.into_iter().map(|at| waiting[at].column).collect();
            let (entry, score) = if let [column] = block[..] {
                let leader = waiting.iter().find(|v| v.column == column).expect("it waits");
                let entry = Entry::of(vec![(column, false, Margin::of(&leader.sorted))]);
                let scores = Scores::of(leader, &entry.columns[0].2);
                (entry, scores)
            } else {
                category(block, &columns, &scores)
            };
            regime.entries.push(entry);
            scores.push(score);
        }
        regime.mix = mix(&scores);
        regime
    }

    fn draw(&self, d: usize, stream: &mut Stream, cloud: &mut Vec<f64>) {
        if !self.kept.is_empty() {
            cloud.extend_from_slice(&self.kept);
            return;
        }
        let m = self.entries.len();
        let mut scores = vec![0.0; m];
        for _ in 0..self.n_rows {
            let start = cloud.len();
            cloud.resize(start + d, 0.0);
            let row = &mut cloud[start..];
            self.constants.iter().for_each(|&(column, value)| row[column] = value);
            scores.fill(0.0);
            for parts in self.mix.chunks_exact(m.max(1)) {
                let free = stream.normal();
                scores.iter_mut().zip(parts).for_each(|(score, part)| *score += part * free);
            }
            self.entries.iter().zip(&scores).for_each(|(entry, &score)| entry.write(score, row));
        }
    }
}

impl Entry {
    fn of(columns: Vec<(usize, bool, Margin)>) -> Self {
        Self { columns, patterns: vec![], category: vec![] }
    }

    fn write(&self, z: f64, row: &mut [f64]) {
        for (column, falls, margin) in &self.columns {
            row[*column] = if *falls { -margin.at(z) } else { margin.at(z) };
        }
        if !self.patterns.is_empty() {
            let above = self.patterns.partition_point(|(least, _)| *least <= z);
            let values = &self.patterns[above.saturating_sub(1)].1;
            self.category.iter().zip(values).for_each(|(&column, &value)| row[column] = value);
        }
    }
}

/// Columns that are functions of one another's order, the finest first: (place, whether it falls).
fn families(varying: &[Varying], columns: &[Vec<f64>]) -> Vec<Vec<(usize, bool)>> {
    let mut by_fineness: Vec<usize> = (0..varying.len()).collect();
    by_fineness.sort_by_key(|&at| (std::cmp::Reverse(varying[at].n_values), at));
    let mut families: Vec<Vec<(usize, bool)>> = Vec::new();
    for at in by_fineness {
        let values = &columns[varying[at].column];
        let found = families.iter_mut().find_map(|family| {
            let leader = &varying[family[0].0];
            let falls = follows(leader, &columns[leader.column], values)?;
            Some((family, falls))
        });
        match found {
            Some((family, falls)) => family.push((at, falls)),
            None => families.push(vec![(at, false)]),
        }
    }
    families
}

/// A category of several columns as one entry: its patterns in the order in which the other columns
/// go with them.
fn category(block: Vec<usize>, columns: &[Vec<f64>], others: &[Scores]) -> (Entry, Scores) {
    let n = columns[0].len();
    let mut patterns: Vec<Vec<f64>> = Vec::new();
    let of_row: Vec<usize> = (0..n)
        .map(|row| {
            let pattern: Vec<f64> = block.iter().map(|&c| columns[c][row]).collect();
            patterns.iter().position(|p| *p == pattern).unwrap_or_else(|| {
                patterns.push(pattern);
                patterns.len() - 1
            })
        })
        .collect();
    let (m, p) = (others.len(), patterns.len());
    let mut means = vec![0.0; p * m];
    let mut counts = vec![0.0; p];
    of_row.iter().for_each(|&pattern| counts[pattern] += 1.0);
    for (j, other) in others.iter().enumerate() {
        for (&pattern, score) in of_row.iter().zip(&other.values) {
            means[pattern * m + j] += score / counts[pattern];
        }
    }
    // The direction in which the patterns' means lie farthest apart.
    let mut spread = vec![0.0; m * m];
    for (mean, count) in means.chunks_exact(m.max(1)).zip(&counts) {
        for a in 0..m {
            for b in 0..m {
                spread[a * m + b] += count * mean[a] * mean[b];
            }
        }
    }
    let axes = eigen::symmetric(&spread, m);
    let along = |pattern: usize| -> f64 {
        axes.vectors.iter().take(m).zip(&means[pattern * m..]).map(|(a, b)| a * b).sum()
    };
    let places: Vec<f64> = (0..p).map(along).collect();
    let mut order: Vec<usize> = (0..p).collect();
    order.sort_by(|&a, &b| places[a].total_cmp(&places[b]).then(a.cmp(&b)));
    let mut rank = vec![0.0; p];
    order.iter().enumerate().for_each(|(at, &pattern)| rank[pattern] = at as f64);
    let values: Vec<f64> = of_row.iter().map(|&pattern| rank[pattern]).collect();
    let mut below = 0.0;
    let mut steps = Vec::new();
    for &pattern in &order {
        steps.push((normal::quantile(below / n as f64), patterns[pattern].clone()));
        below += counts[pattern];
    }
    let varying = Varying::new(usize::MAX, &values);
    let edges: Vec<f64> = steps.iter().skip(1).map(|(z, _)| *z).collect();
    let scores = Scores::new(&varying, Some(edges));
    (Entry { columns: vec![], patterns: steps, category: block }, scores)
}

/// Normal scores of a column, of mean 0 and variance 1.
#[derive(Debug)]
struct Scores {
    values: Vec<f64>,
    /// Hermite coefficients of the score as a function of z, from the first on; none if smooth.
    terms: Option<Vec<f64>>,
}

impl Scores {
    fn of(varying: &Varying, margin: &Margin) -> Self {
        Self::new(varying, margin.steps())
    }

    /// `edges` are where a column of few values steps up.
    fn new(varying: &Varying, edges: Option<Vec<f64>>) -> Self {
        let n = varying.order.len() as f64;
        let mut values = vec![0.0; varying.order.len()];
        let mut levels = Vec::new();
        let mut start = 0;
        for run in varying.sorted.chunk_by(|a, b| a == b) {
            let end = start + run.len();
            let (low, high) = (start as f64 / n, end as f64 / n);
            // The mean of z between its two quantiles.
            let mean = (normal::density(normal::quantile(low))
                - normal::density(normal::quantile(high)))
                / (high - low);
            varying.order[start..end].iter().for_each(|&row| values[row] = mean);
            levels.push(mean);
            start = end;
        }
        let variance = values.iter().map(|v| v * v).sum::<f64>() / n;
        let unit = 1.0 / variance.sqrt();
        values.iter_mut().for_each(|v| *v *= unit);
        let terms = edges.map(|edges| {
            levels.iter_mut().for_each(|v| *v *= unit);
            hermite_terms(&levels, &edges)
        });
        Self { values, terms }
    }
}

/// E[f(z)·hₖ(z)] for k = 1 to [`TERMS`] of a step function, hₖ the normalised Hermite polynomials:
/// a step from u to v at e adds (v − u)·hₖ₋₁(e)·φ(e)/√k.
fn hermite_terms(levels: &[f64], edges: &[f64]) -> Vec<f64> {
    let mut terms = vec![0.0; TERMS];
    for (pair, &edge) in levels.windows(2).zip(edges) {
        let step = (pair[1] - pair[0]) * normal::density(edge);
        let (mut before, mut now) = (0.0, 1.0);
        for (k, term) in (1..).zip(&mut terms) {
            let k = f64::from(k);
            *term += step * now / k.sqrt();
            (before, now) = (now, (edge * now - (k - 1.0).sqrt() * before) / k.sqrt());
        }
    }
    terms
}

/// The correlation of two entries for which their columns' scores go together as seen.
fn latent(a: &Scores, b: &Scores) -> f64 {
    let n = a.values.len() as f64;
    let seen = a.values.iter().zip(&b.values).map(|(x, y)| x * y).sum::<f64>() / n;
    let smooth = {
        let mut terms = vec![0.0; TERMS];
        terms[0] = 1.0;
        terms
    };
    let of = |scores: &Scores| scores.terms.clone().unwrap_or_else(|| smooth.clone());
    let products: Vec<f64> = of(a).iter().zip(of(b)).map(|(x, y)| x * y).collect();
    let at = |r: f64| products.iter().rev().fold(0.0, |sum, term| (sum + term) * r);
    let (mut low, mut high) = (-0.9999, 0.9999);
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        if at(middle) < seen { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// The square root of the correlations of the entries, made positive where rounding or chance left
/// them impossible: what each normal adds to every entry.
fn mix(scores: &[Scores]) -> Vec<f64> {
    let m = scores.len();
    let mut correlations = vec![1.0; m * m];
    for i in 0..m {
        for j in i + 1..m {
            let r = latent(&scores[i], &scores[j]);
            (correlations[i * m + j], correlations[j * m + i]) = (r, r);
        }
    }
    let axes = eigen::symmetric(&correlations, m);
    let mut mix = Vec::with_capacity(m * m);
    for (&value, axis) in axes.values.iter().zip(axes.vectors.chunks_exact(m.max(1))) {
        let root = value.max(0.0).sqrt();
        mix.extend(axis.iter().map(|part| part * root));
    }
    let mut squares = vec![0.0; m];
    for parts in mix.chunks_exact(m.max(1)) {
        squares.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part * part);
    }
    for parts in mix.chunks_exact_mut(m.max(1)) {
        parts.iter_mut().zip(&squares).for_each(|(part, square)| *part /= square.sqrt());
    }
    mix
}

/// Directions in which the columns, brought to one spread, do not spread at all.
fn flat(columns: &[Vec<f64>]) -> Vec<Flat> {
    let (d, n) = (columns.len(), columns[0].len() as f64);
    let means: Vec<f64> = columns.iter().map(|c| crate::num::stats::mean(c)).collect();
    let mut covariance = vec![0.0; d * d];
    for i in 0..d {
        for j in i..d {
            let products = columns[i].iter().zip(&columns[j]);
            let sum: f64 = products.map(|(a, b)| (a - means[i]) * (b - means[j])).sum();
            covariance[i * d + j] = sum / n;
        }
    }
    let axes = eigen::symmetric(&covariance, d);
    let greatest = axes.values.first().copied().unwrap_or(0.0);
    let spreads = axes.values.iter().take_while(|value| **value > NO_SPREAD * greatest).count();
    let flat = axes.vectors.chunks_exact(d).skip(spreads);
    // Axes of equal spread are any turn of one another; the projection on them is unique.
    let mut projection = vec![0.0; d * d];
    for axis in flat {
        for (row, a) in projection.chunks_exact_mut(d).zip(axis) {
            row.iter_mut().zip(axis).for_each(|(sum, b)| *sum += a * b);
        }
    }
    let sets = UnionFind::new(d);
    let tied = |i: usize, j: usize| projection[i * d + j].abs() > 1e-6;
    (0..d).for_each(|i| (0..i).filter(|&j| tied(i, j)).for_each(|j| _ = sets.union(i, j)));
    let mut found = Vec::new();
    for set in 0..d {
        let members: Vec<usize> = (0..d).filter(|&c| sets.find(c) == set).collect();
        if members.is_empty() {
            continue;
        }
        let block: Vec<f64> = members
            .iter()
            .flat_map(|&i| members.iter().map(move |&j| (i, j)))
            .map(|(i, j)| projection[i * d + j])
            .collect();
        let axes = eigen::symmetric(&block, members.len());
        let whole = axes.values.iter().filter(|value| **value > 0.5).count();
        for axis in axes.vectors.chunks_exact(members.len()).take(whole) {
            let mut direction = vec![0.0; d];
            members.iter().zip(axis).for_each(|(&c, &part)| direction[c] = part);
            found.push(Flat::along(direction, columns, &means));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::check;
    use crate::num::stats;
    use ndarray::Array2;

    fn cloud(x: &Array2<f64>) -> Vec<Vec<f64>> {
        let rows = check::rows(x.view()).unwrap();
        let cloud = Null::new(&rows).draw(&mut Stream::new(1, 0));
        (0..x.ncols()).map(|c| cloud.chunks_exact(x.ncols()).map(|row| row[c]).collect()).collect()
    }

    fn table(n: usize, d: usize, draw: impl Fn(&mut Stream, &mut [f64])) -> Array2<f64> {
        let mut stream = Stream::new(7, 3);
        let mut x = Array2::zeros((n, d));
        for mut row in x.rows_mut() {
            draw(&mut stream, row.as_slice_mut().unwrap());
        }
        x
    }

    fn correlation(a: &[f64], b: &[f64]) -> f64 {
        let (a0, sa) = stats::mean_and_std(a);
        let (b0, sb) = stats::mean_and_std(b);
        let products: Vec<f64> = a.iter().zip(b).map(|(a, b)| (a - a0) * (b - b0)).collect();
        stats::mean(&products) / sa / sb
    }

    #[test]
    fn clouds_keep_correlations_of_smooth_columns_and_flags() {
        let x = table(4000, 3, |s, row| {
            let z = s.normal();
            row[0] = z;
            row[1] = 0.6 * z + 0.8 * s.normal();
            row[2] = f64::from(u8::from(0.6 * z + 0.8 * s.normal() > 0.5));
        });
        let cloud = cloud(&x);
        let columns: Vec<Vec<f64>> = x.columns().into_iter().map(|c| c.to_vec()).collect();
        for (i, j) in [(0, 1), (0, 2), (1, 2)] {
            let (seen, drawn) =
                (correlation(&columns[i], &columns[j]), correlation(&cloud[i], &cloud[j]));
            assert!((seen - drawn).abs() < 0.05, "{i} {j}: {seen} {drawn}");
        }
    }

    #[test]
    fn clouds_keep_copies_and_thresholds() {
        let x = table(500, 4, |s, row| {
            row[0] = s.normal();
            row[1] = 3.0 - 2.0 * row[0];
            row[2] = f64::from(u8::from(row[0] > 0.3));
            row[3] = s.unit();
        });
        let cloud = cloud(&x);
        let mut rows: Vec<usize> = (0..500).collect();
        rows.sort_by(|&a, &b| cloud[0][a].total_cmp(&cloud[0][b]));
        assert!(rows.is_sorted_by(|&a, &b| cloud[1][a] >= cloud[1][b]));
        assert!(rows.is_sorted_by(|&a, &b| cloud[2][a] <= cloud[2][b]));
        assert!(correlation(&cloud[0], &cloud[3]).abs() < 0.15);
    }

    #[test]
    fn clouds_keep_missing_values_and_their_indicators() {
        let x = table(600, 3, |s, row| {
            let missing = s.unit() < 0.3;
            row[0] = f64::from(u8::from(missing));
            row[1] = if missing { 0.5 } else { s.normal() };
            row[2] = s.normal() + if missing { 1.0 } else { 0.0 };
        });
        let cloud = cloud(&x);
        assert!((0..600).all(|row| (cloud[0][row] == 1.0) == (cloud[1][row] == 0.5)));
    }

    #[test]
    fn clouds_keep_what_is_missing_where_a_known_value_equals_the_one_filled_in() {
        // Of people who came once there is no gap; its median is filled in, which is somebody's own.
        let mut x = table(600, 4, |s, row| {
            let once = s.unit() < 0.5;
            row[0] = if once { 1.0 } else { 2.0 + s.below(3) as f64 };
            row[1] = if once { 0.5 } else { s.unit() };
            row[2] = s.unit();
            row[3] = if once { row[2] } else { row[2] + s.unit() };
        });
        let often = (0..600).find(|&row| x[[row, 0]] > 1.0).unwrap();
        x[[often, 1]] = 0.5;
        let cloud = cloud(&x);
        let once: Vec<usize> = (0..600).filter(|&row| cloud[0][row] == 1.0).collect();
        assert!(once.len() > 200);
        assert!(once.iter().all(|&row| cloud[1][row] == 0.5 && cloud[2][row] == cloud[3][row]));
    }

    #[test]
    fn clouds_keep_categories_and_sums() {
        let x = table(600, 6, |s, row| {
            row[s.below(3)] = 1.0;
            let parts = [s.unit(), s.unit(), s.unit()];
            let sum: f64 = parts.iter().sum();
            row[3..].iter_mut().zip(parts).for_each(|(v, part)| *v = part / sum);
        });
        let cloud = cloud(&x);
        for row in 0..600 {
            let mut pattern: Vec<f64> = cloud[..3].iter().map(|c| c[row]).collect();
            pattern.sort_by(f64::total_cmp);
            assert_eq!(pattern, [0.0, 0.0, 1.0]);
            let sum: f64 = cloud[3..].iter().map(|c| c[row]).sum();
            assert!((sum - 1.0).abs() < 1e-9 && cloud[3..].iter().all(|c| c[row] >= 0.0));
        }
    }

    #[test]
    fn clouds_of_constant_columns_and_of_few_rows_are_possible() {
        for (n, d) in [(1, 1), (3, 2), (40, 1), (40, 3)] {
            assert!(cloud(&Array2::from_elem((n, d), 7.5)).iter().flatten().all(|v| *v == 7.5));
        }
    }
}
