//! Columns that say the same count once: balanced blocks.
//!
//! A block's columns are divided by the square root of the first eigenvalue of their covariance, so
//! that no direction of a block varies more than one standardised column does, whether one column
//! says it or five. Weights of the caller come on top: what blocks there are does not depend on them, and a
//! block whose columns all have weight 2 counts as much as one column of weight 2.
//!
//! Two groups of people far apart make every column that tells them apart correlate with every other.
//! That is what is looked for, and no reason to count such columns less. So two columns say the same
//! only if they also correlate among the people on either side of the middle.
//!
//! Covariances are sums of whole numbers, so that they depend on neither the order of rows nor the
//! number of threads: prepared values are cut at ±64 and rounded to steps of 2⁻¹⁶.
//!
//! Source: Escofier, Pagès 1994 (multiple factor analysis); blocks are found by complete linkage at a
//! correlation of 0.7. Cost: n·p²/2 multiplications, and four passes of n for every pair that correlates strongly;
//! p² numbers, and half the matrix again for columns that do. Beyond 512 columns none are looked for.

use super::fitted::PreprocessorFit;
use super::options::WEIGHTS;
use super::step::{Encoding, FeatureStep};
use crate::num::{eigen, parallel, stats};
use crate::{FeatureTable, Result};

/// Correlation that all columns of a block have with each other, at least.
const SAME: f64 = 0.7;
/// Mean correlation within both halves of the rows, at least: 0.5 for normal columns that correlate by
/// 0.7, and 0 if only two groups make them correlate.
const SAME_IN_HALVES: f64 = 0.35;
/// Copies, from here on, also of columns that are constant in a half, such as flags.
const COPY: f64 = 0.99;
/// What the correlation exceeds at 95 % confidence.
const SURELY: f64 = 0.5;
/// Most columns among which blocks are looked for.
const MOST_COLUMNS: usize = 512;

/// Cells are whole numbers of these steps.
const STEP: f64 = 1.0 / 65_536.0;
const GREATEST: f64 = 64.0;
/// Rows whose products of two such numbers (at most 2⁴⁴) can be added in f64 without rounding.
const EXACT_ROWS: usize = 256;

/// The steps of a fit, with the weights that balance the named blocks, or those that are found if none is
/// named.
pub(super) fn balanced(
    fit: &PreprocessorFit,
    table: &FeatureTable,
    named: &[(&str, &[String])],
) -> Result<Vec<FeatureStep>> {
    let mut steps = fit.steps().to_vec();
    // The first column of every feature, and how many it has.
    let mut columns = Vec::with_capacity(steps.len());
    let mut at = 0;
    for step in &steps {
        columns.push(at..at + step.n_columns());
        at += step.n_columns();
    }
    let candidates: Vec<usize> = match named {
        [] => (0..steps.len()).filter(|&step| is_one_column(&steps[step])).collect(),
        _ => (0..steps.len())
            .filter(|&s| named.iter().any(|(_, f)| f.contains(&steps[s].feature)))
            .collect(),
    };
    let used: Vec<usize> = candidates.iter().flat_map(|&step| columns[step].clone()).collect();
    if used.len() < 2 || (named.is_empty() && used.len() > MOST_COLUMNS) {
        return Ok(steps);
    }
    let unweighted = steps.iter().cloned().map(|step| FeatureStep { weight: 1.0, ..step });
    let matrix = PreprocessorFit::of(unweighted.collect()).transform(table)?;
    let data = matrix.as_slice().expect("a matrix of people is row-major");
    let covariance = Covariance::of(data, fit.columns().len(), &used);
    let blocks: Vec<(String, Vec<usize>)> = if named.is_empty() {
        let prepared = Prepared { data, width: fit.columns().len(), columns: &used };
        found(&covariance, &prepared, &candidates, &steps)
    } else {
        let members = |features: &[String]| {
            let of_block = |&step: &usize| features.contains(&steps[step].feature);
            candidates.iter().copied().filter(of_block).collect()
        };
        named.iter().map(|&(name, features)| (name.to_owned(), members(features))).collect()
    };
    for (name, members) in blocks {
        let places: Vec<usize> = members
            .iter()
            .flat_map(|&step| columns[step].clone())
            .filter_map(|column| used.iter().position(|&other| other == column))
            .collect();
        // Members without a column do not count.
        if members.iter().filter(|&&step| !columns[step].is_empty()).count() < 2 {
            continue;
        }
        let eigenvalue = covariance.first_eigenvalue(&places);
        let factor = 1.0 / eigenvalue.sqrt();
        for step in members {
            let weight = steps[step].weight * factor;
            steps[step].block = Some(name.clone());
            if weight.is_finite() {
                steps[step].weight = weight.clamp(*WEIGHTS.start(), *WEIGHTS.end());
            }
        }
    }
    Ok(steps)
}

/// Whether a feature is one column of numbers.
fn is_one_column(step: &FeatureStep) -> bool {
    matches!(step.encoding, Encoding::Numeric { .. } | Encoding::Ordered { .. })
        && !step.missing_indicator
}

/// Blocks of columns that all correlate strongly with each other. Pairs are joined by falling
/// correlation, equal ones by name, so that the order of columns does not matter.
fn found(
    covariance: &Covariance,
    prepared: &Prepared<'_>,
    candidates: &[usize],
    steps: &[FeatureStep],
) -> Vec<(String, Vec<usize>)> {
    let p = candidates.len();
    let name = |place: usize| steps[candidates[place]].feature.as_str();
    let mut alike = vec![false; p * p];
    let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
    let all = (0..p).flat_map(|i| (i + 1..p).map(move |j| (i, j)));
    let strong: Vec<(f64, usize, usize)> = all
        .map(|(i, j)| (covariance.correlation(i, j).abs(), i, j))
        .filter(|&(r, ..)| r >= SAME && covariance.surely_above(r))
        .collect();
    let doubtful: Vec<(usize, usize)> =
        strong.iter().filter(|&&(r, ..)| r < COPY).map(|&(_, i, j)| (i, j)).collect();
    let mut within = within_halves(prepared, p, &doubtful).into_iter();
    for (r, i, j) in strong {
        if r >= COPY || within.next().is_some_and(|within| within >= SAME_IN_HALVES) {
            let (first, second) = if name(i) <= name(j) { (i, j) } else { (j, i) };
            pairs.push((r, first, second));
            (alike[i * p + j], alike[j * p + i]) = (true, true);
        }
    }
    pairs.sort_by(|a, b| {
        b.0.total_cmp(&a.0).then_with(|| (name(a.1), name(a.2)).cmp(&(name(b.1), name(b.2))))
    });
    let mut block_of: Vec<usize> = (0..p).collect();
    for (_, i, j) in pairs {
        let (a, b) = (block_of[i], block_of[j]);
        let members = |block: usize| -> Vec<usize> {
            (0..p).filter(|&place| block_of[place] == block).collect()
        };
        let (left, right) = (members(a), members(b));
        let all_alike = a != b && left.iter().all(|&x| right.iter().all(|&y| alike[x * p + y]));
        if all_alike {
            block_of.iter_mut().filter(|block| **block == b).for_each(|block| *block = a);
        }
    }
    let mut blocks: Vec<(String, Vec<usize>)> = Vec::new();
    for place in 0..p {
        let members: Vec<usize> =
            (0..p).filter(|&other| block_of[other] == block_of[place]).collect();
        if members.len() > 1 && members[0] == place {
            let names: Vec<&str> = members.iter().map(|&member| name(member)).collect();
            let steps = members.iter().map(|&member| candidates[member]).collect();
            blocks.push((names.join(" + "), steps));
        }
    }
    blocks
}

/// Some columns of a prepared matrix.
struct Prepared<'a> {
    data: &'a [f64],
    width: usize,
    columns: &'a [usize],
}

impl Prepared<'_> {
    /// The cell as a whole number of steps.
    fn whole(value: f64) -> f64 {
        (value.clamp(-GREATEST, GREATEST) / STEP).round()
    }

    /// A column in whole numbers of steps, which are below 2²³.
    fn column(&self, column: usize) -> Vec<i32> {
        let cells = self.data.iter().skip(self.columns[column]).step_by(self.width);
        cells.map(|&value| Self::whole(value) as i32).collect()
    }
}

/// How much the columns of each pair correlate, either way, among the rows below and above the middle of what
/// they have in common: the mean of both halves, 0 for a half where one is constant.
fn within_halves(prepared: &Prepared<'_>, p: usize, pairs: &[(usize, usize)]) -> Vec<f64> {
    let mut is_needed = vec![false; p];
    pairs.iter().for_each(|&(i, j)| (is_needed[i], is_needed[j]) = (true, true));
    let n_rows = prepared.data.len() / prepared.width.max(1);
    let columns = parallel::map(p, n_rows, |column| match is_needed[column] {
        true => prepared.column(column),
        false => Vec::new(),
    });
    parallel::map(pairs.len(), 16 * n_rows, |pair| {
        let (x, y) = (&columns[pairs[pair].0], &columns[pairs[pair].1]);
        let sign = if correlation(x, y, |_| true) < 0.0 { -1 } else { 1 };
        let mut common: Vec<i32> = x.iter().zip(y).map(|(&x, &y)| x + sign * y).collect();
        let middle = middle(&mut common);
        let below = correlation(x, y, |(x, y)| f64::from(x + sign * y) <= middle);
        let above = correlation(x, y, |(x, y)| f64::from(x + sign * y) > middle);
        f64::from(sign) * f64::midpoint(below, above)
    })
}

/// The median, which reorders the values; 0 of none.
fn middle(values: &mut [i32]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let n = values.len();
    let (lower, &mut upper, _) = values.select_nth_unstable(n / 2);
    let before = if n.is_multiple_of(2) { lower.iter().max().copied() } else { None };
    stats::middle(f64::from(before.unwrap_or(upper)), f64::from(upper))
}

/// Of some pairs of whole numbers, by exact sums; 0 if one side is constant.
fn correlation(x: &[i32], y: &[i32], is_in: impl Fn((i32, i32)) -> bool) -> f64 {
    /// Products of two numbers below 2²³ that fit into 63 bits.
    const ROWS: usize = 1 << 17;
    let mut sums = [0i128; 6];
    for (x, y) in x.chunks(ROWS).zip(y.chunks(ROWS)) {
        let mut part = [0i64; 6];
        for (&x, &y) in x.iter().zip(y).filter(|&(&x, &y)| is_in((x, y))) {
            let (x, y) = (i64::from(x), i64::from(y));
            part.iter_mut()
                .zip([1, x, y, x * x, y * y, x * y])
                .for_each(|(sum, term)| *sum += term);
        }
        sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += i128::from(part));
    }
    let [n, x, y, xx, yy, xy] = sums;
    let (vx, vy) = ((n * xx - x * x) as f64, (n * yy - y * y) as f64);
    if vx > 0.0 && vy > 0.0 { (n * xy - x * y) as f64 / (vx.sqrt() * vy.sqrt()) } else { 0.0 }
}

/// Covariances of some columns, from sums of whole numbers.
struct Covariance {
    n: f64,
    p: usize,
    /// Σxᵢxⱼ − ΣxᵢΣxⱼ / n over n, row-major.
    values: Vec<f64>,
}

impl Covariance {
    /// Of columns of a row-major matrix of this width.
    fn of(data: &[f64], width: usize, columns: &[usize]) -> Self {
        let p = columns.len();
        let n_rows = data.len() / width.max(1);
        let parts = parallel::map_chunks(n_rows, p * (p + 2), |range| {
            let mut sums = vec![0i128; p + p * p];
            let mut row = vec![0.0; p];
            for start in range.clone().step_by(EXACT_ROWS) {
                let mut part = vec![0.0; p + p * p];
                for at in start..(start + EXACT_ROWS).min(range.end) {
                    for (cell, &column) in row.iter_mut().zip(columns) {
                        *cell = Prepared::whole(data[at * width + column]);
                    }
                    for i in 0..p {
                        part[i] += row[i];
                        let products = &mut part[p + i * p + i..p + (i + 1) * p];
                        products.iter_mut().zip(&row[i..]).for_each(|(sum, x)| *sum += row[i] * x);
                    }
                }
                sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part as i128);
            }
            sums
        });
        let mut sums = vec![0i128; p + p * p];
        for part in parts {
            sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
        let n = n_rows as i128;
        let mut values = vec![0.0; p * p];
        for i in 0..p {
            for j in i..p {
                let centred = n * sums[p + i * p + j] - sums[i] * sums[j];
                let value = centred as f64 / (n * n).max(1) as f64 * (STEP * STEP);
                values[i * p + j] = value;
                values[j * p + i] = value;
            }
        }
        Self { n: n_rows as f64, p, values }
    }

    /// 0 for a column without variance.
    fn correlation(&self, i: usize, j: usize) -> f64 {
        let variances = self.values[i * self.p + i] * self.values[j * self.p + j];
        if variances > 0.0 { self.values[i * self.p + j] / variances.sqrt() } else { 0.0 }
    }

    /// Whether the lower end of Fisher's 95 % interval is above 0.5.
    fn surely_above(&self, r: f64) -> bool {
        const Z: f64 = 1.959_963_984_540_054;
        self.n > 3.0
            && r.min(1.0 - f64::EPSILON).atanh() - Z / (self.n - 3.0).sqrt() > SURELY.atanh()
    }

    fn first_eigenvalue(&self, places: &[usize]) -> f64 {
        let d = places.len();
        let pairs = places.iter().flat_map(|&i| places.iter().map(move |&j| (i, j)));
        let block: Vec<f64> = pairs.map(|(i, j)| self.values[i * self.p + j]).collect();
        eigen::symmetric(&block, d).values.first().copied().unwrap_or(1.0)
    }
}

#[cfg(test)]
mod tests {
    use crate::{FeatureTable, Preprocessor};

    fn table(columns: &[(&str, Vec<f64>)]) -> FeatureTable {
        columns.iter().fold(FeatureTable::new(columns[0].1.len()), |table, (name, values)| {
            table.numeric(*name, values.iter().copied().map(Some).collect()).unwrap()
        })
    }

    fn scattered(n: usize, factor: usize) -> Vec<f64> {
        (0..n).map(|i| (i * factor % n) as f64).collect()
    }

    #[test]
    fn a_weight_counts_in_a_block_and_decides_nothing_about_blocks() {
        let orders = scattered(60, 7);
        let spend: Vec<f64> = orders.iter().map(|order| 3.0 * order).collect();
        let hours = scattered(60, 13);
        let table = table(&[("orders", orders), ("spend", spend), ("hour", hours)]);
        let told = |prep: Preprocessor| -> Vec<(f64, Option<String>)> {
            let fit = prep.fit(&table).unwrap();
            fit.steps().iter().map(|step| (step.weight, step.block.clone())).collect()
        };
        let plain = told(Preprocessor::default());
        assert_eq!(plain[0].1.as_deref(), Some("orders + spend"));
        for weight in [3.0, 1e3, 1e-3] {
            let prep = Preprocessor::default().weight("orders", weight).weight("spend", weight);
            let weighted = told(prep.weight("hour", weight));
            for (weighted, plain) in weighted.iter().zip(&plain) {
                assert_eq!(weighted.1, plain.1, "{weight}");
                assert!(
                    (weighted.0 / plain.0 / weight - 1.0).abs() < 1e-9,
                    "{weighted:?} {plain:?}"
                );
            }
        }
    }

    #[test]
    fn a_block_of_which_one_column_is_left_keeps_its_weight() {
        let table = table(&[("a", scattered(50, 7)), ("b", vec![1.0; 50])]);
        let fit =
            Preprocessor::default().weight("a", 2.0).block("both", ["a", "b"]).fit(&table).unwrap();
        assert_eq!(fit.steps()[0].weight, 2.0);
    }

    #[test]
    fn the_weights_of_the_published_example_come_out() {
        // Blocks N1 and N3 of an example of multiple factor analysis computed with numpy.
        let n1 = [(1, 2), (2, 1), (3, 4), (4, 3), (5, 6), (6, 5), (7, 8), (8, 7)];
        let n3 = [
            (1, 1, 0),
            (2, 3, 2),
            (1, 2, 0),
            (4, 4, 3),
            (3, 4, 4),
            (5, 6, 5),
            (4, 5, 6),
            (6, 7, 5),
        ];
        let columns = [
            ("a", n1.iter().map(|r| f64::from(r.0)).collect::<Vec<_>>()),
            ("b", n1.iter().map(|r| f64::from(r.1)).collect()),
            ("c", n3.iter().map(|r| f64::from(r.0)).collect()),
            ("d", n3.iter().map(|r| f64::from(r.1)).collect()),
            ("e", n3.iter().map(|r| f64::from(r.2)).collect()),
        ];
        let prep = Preprocessor::default().block("N1", ["a", "b"]).block("N3", ["c", "d", "e"]);
        let fit = prep.fit(&table(&columns)).unwrap();
        let weights: Vec<f64> = fit.steps().iter().map(|step| step.weight).collect();
        for (weight, golden) in weights.iter().zip([0.724_568_8, 0.724_568_8, 0.593_890_8]) {
            assert!((weight - golden).abs() < 1e-4, "{weights:?}");
        }
        assert_eq!((weights[2], weights[2]), (weights[3], weights[4]));
    }

    #[test]
    fn copies_are_found_and_count_once_whatever_the_order_of_columns_and_rows() {
        let n = 200;
        let (x, y) = (scattered(n, 7), scattered(n, 59));
        let tripled: Vec<f64> = x.iter().map(|v| -3.0 * v + 1.0).collect();
        let columns = [("x", x.clone()), ("y", y.clone()), ("z", tripled.clone())];
        let steps = |columns: &[(&str, Vec<f64>)]| {
            let fit = Preprocessor::default().fit(&table(columns)).unwrap();
            let mut steps: Vec<_> = fit
                .steps()
                .iter()
                .map(|s| (s.feature.clone(), s.weight, s.block.clone()))
                .collect();
            steps.sort_by(|a, b| a.0.cmp(&b.0));
            steps
        };
        let found = steps(&columns);
        let of = |place: usize| (found[place].1, found[place].2.as_deref());
        assert!((of(0).0 - 0.5f64.sqrt()).abs() < 1e-4 && of(0).1 == Some("x + z"), "{found:?}");
        assert_eq!((of(1), of(2)), ((1.0, None), of(0)));
        let reversed = [("y", y), ("x", x), ("z", tripled)].map(|(name, mut values)| {
            values.reverse();
            (name, values)
        });
        assert_eq!(steps(&reversed), found);
    }

    #[test]
    fn columns_that_two_groups_make_correlate_are_no_block() {
        // Within each group, the two columns have nothing in common.
        let half = |factor: usize| {
            let far = |i: usize| if i < 100 { 0.0 } else { 500.0 };
            (0..200).map(|i| (i % 100 * factor % 100) as f64 + far(i)).collect::<Vec<f64>>()
        };
        let fit = Preprocessor::default().fit(&table(&[("x", half(7)), ("y", half(39))])).unwrap();
        assert!(fit.steps().iter().all(|step| step.block.is_none()), "{:?}", fit.steps());
        // Whether copies of a flag or a continuous column: those are.
        let flag: Vec<f64> = (0..200).map(|i| f64::from(i % 3 == 0)).collect();
        let noisy = |i: usize| (i * 7 % 200) as f64 + (i % 5) as f64 * 4.0;
        let columns = [
            ("f", flag.clone()),
            ("g", flag),
            ("x", scattered(200, 7)),
            ("y", (0..200).map(noisy).collect()),
        ];
        let fit = Preprocessor::default().fit(&table(&columns)).unwrap();
        let blocks: Vec<_> = fit.steps().iter().map(|step| step.block.as_deref()).collect();
        assert_eq!(blocks, [Some("f + g"), Some("f + g"), Some("x + y"), Some("x + y")]);
    }

    #[test]
    fn few_rows_prove_no_block_and_unrelated_columns_make_none() {
        let few = [("x", vec![1.0, 2.0, 3.0, 4.0]), ("y", vec![1.0, 2.0, 4.0, 3.0])];
        let unrelated = [("x", scattered(300, 7)), ("y", scattered(300, 119))];
        for columns in [&few, &unrelated] {
            let fit = Preprocessor::default().fit(&table(columns)).unwrap();
            assert!(fit.steps().iter().all(|step| step.block.is_none() && step.weight == 1.0));
        }
    }

    #[test]
    fn a_block_of_unknown_or_shared_columns_is_refused_by_name() {
        let table = table(&[("x", scattered(9, 2)), ("y", scattered(9, 4))]);
        let fit = |prep: Preprocessor| prep.fit(&table).unwrap_err().to_string();
        let error = fit(Preprocessor::default().block("b", ["x", "nothing"]));
        assert_eq!(
            error,
            "block must be made of columns of the table, but is \"b\", which names \"nothing\""
        );
        let error = fit(Preprocessor::default().block("b", ["x", "y"]).block("c", ["y"]));
        assert_eq!(
            error,
            "block must be made of columns of no other block, but is \"c\", which names \"y\" after \"b\""
        );
    }
}
