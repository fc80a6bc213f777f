//! Exact sums of the values of columns and of the products of all pairs, whatever the order of rows.
//!
//! Each value is cut into digits at fixed places ([`super::digits`]). The digits of a column at one place
//! make a column of small whole numbers, and products of these add up exactly in f64 over 512 rows; so the
//! kernel of covariances multiplies them ([`super::gram`]), and whole numbers of 128 bits take the sums.
//!
//! Source: error-free splitting as in Ozaki, Ogita, Oishi, Rump 2012, at places fixed beforehand, so that
//! parts of the rows can be summed apart.
//! Cost: (p·d)²/2 multiplications per row where values span p digits, three to five as a rule.

use super::check::Rows;
use super::digits::{self, Digits};
use super::gram::{self, PANEL};
use super::parallel;

/// Rows whose products of digits add up exactly: 2⁹ · 2²² · 2²² is 2⁵³.
const BLOCK: usize = 512;

/// Σ x per column, and Σ x·y of all pairs of columns, the upper triangle row by row.
pub(crate) fn sums(rows: &Rows<'_>) -> (Vec<Digits>, Vec<Digits>) {
    let (n, d) = (rows.n_rows(), rows.n_columns());
    // Parts are whole numbers: as many as there are threads give the sums of one.
    let n_blocks = n.div_ceil(BLOCK);
    let n_parts = parallel::n_threads().min(n_blocks);
    let work = n.saturating_mul(8 * d * d) / n_parts;
    let parts = parallel::map(n_parts, work, |part| {
        let mut sums = ProductSums::new(d);
        for block in part * n_blocks / n_parts..(part + 1) * n_blocks / n_parts {
            sums.add(rows.range(block * BLOCK..n.min((block + 1) * BLOCK)));
        }
        sums
    });
    let digits = |of: fn(&ProductSums) -> &Vec<Places>| {
        let each = 0..of(&parts[0]).len();
        each.map(|at| {
            let mut all = Places::default();
            for part in &parts {
                let more = &of(part)[at];
                more.counts.iter().enumerate().for_each(|(i, v)| all.add(more.low + i, *v));
            }
            Digits::of_places(all.low, &all.counts)
        })
        .collect()
    };
    (digits(|sums| &sums.values), digits(|sums| &sums.products))
}

/// Whole numbers at some places.
#[derive(Debug, Clone, Default)]
struct Places {
    low: usize,
    counts: Vec<i128>,
}

impl Places {
    #[inline]
    fn add(&mut self, place: usize, value: i128) {
        if value == 0 {
            return;
        }
        if self.counts.is_empty() {
            self.low = place;
        }
        if place < self.low {
            self.counts.splice(0..0, std::iter::repeat_n(0, self.low - place));
            self.low = place;
        }
        let at = place - self.low;
        if at >= self.counts.len() {
            self.counts.resize(at + 1, 0);
        }
        self.counts[at] += value;
    }
}

/// Sums of some rows.
#[derive(Debug)]
struct ProductSums {
    values: Vec<Places>,
    products: Vec<Places>,
}

impl ProductSums {
    fn new(d: usize) -> Self {
        Self {
            values: vec![Places::default(); d],
            products: vec![Places::default(); d * (d + 1) / 2],
        }
    }

    /// Adds at most [`BLOCK`] rows.
    fn add(&mut self, rows: &[f64]) {
        let d = self.values.len();
        let n_rows = rows.len() / d;
        // Which column and place each small column is of, and the small columns in panels.
        let mut of: Vec<(usize, usize)> = Vec::new();
        let mut panels: Vec<[f64; PANEL]> = Vec::new();
        for column in 0..d {
            let values = || rows.iter().skip(column).step_by(d).copied().enumerate();
            let places = values().filter(|(_, v)| *v != 0.0).map(|(_, v)| digits::of_value(v).0);
            let ends = places.fold(None, |ends: Option<(usize, usize)>, place| {
                let (low, high) = ends.unwrap_or((place, place));
                Some((low.min(place), high.max(place)))
            });
            let Some((low, high)) = ends else { continue };
            let mut small = vec![vec![0.0; n_rows]; high + 4 - low];
            for (row, value) in values().filter(|(_, v)| *v != 0.0) {
                let (place, digits) = digits::of_value(value);
                for (small, digit) in small[place - low..].iter_mut().zip(digits) {
                    small[row] = digit;
                }
            }
            for (at, small) in small.iter().enumerate() {
                let sum: f64 = small.iter().sum();
                self.values[column].add(low + at, sum as i128);
                if small.iter().all(|&digit| digit == 0.0) {
                    continue;
                }
                let lane = of.len() % PANEL;
                if lane == 0 {
                    panels.resize(panels.len() + n_rows, [0.0; PANEL]);
                }
                let start = panels.len() - n_rows;
                panels[start..].iter_mut().zip(small).for_each(|(row, v)| row[lane] = *v);
                of.push((column, low + at));
            }
        }
        let width = of.len().next_multiple_of(PANEL);
        let mut sums = vec![0.0; width * width];
        gram::add_products(&panels, n_rows, &mut sums);
        for (i, &(a, low)) in of.iter().enumerate() {
            for (j, &(b, high)) in of.iter().enumerate().skip(i) {
                // Two places of one column meet twice.
                let times = if i != j && a == b { 2 } else { 1 };
                let product = &mut self.products[a * (2 * d - a - 1) / 2 + b];
                product.add(low + high, times * sums[i * width + j] as i128);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::check;
    use crate::num::powers::times_two_to;
    use crate::num::rng::Stream;
    use ndarray::{Array2, s};

    fn value(digits: &Digits, places: i32) -> f64 {
        let (value, exponent) = digits.value();
        times_two_to(value, exponent - 1074 * places)
    }

    #[test]
    fn sums_of_whole_numbers_are_those_of_whole_numbers() {
        let mut stream = Stream::new(1, 0);
        let x = Array2::from_shape_simple_fn((700, 3), || stream.below(1_000_000) as f64 - 3e5);
        let (values, products) = sums(&check::rows(x.view()).unwrap());
        let whole = |i: usize, j: usize| -> i64 {
            x.rows().into_iter().map(|row| row[i] as i64 * row[j] as i64).sum()
        };
        let pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)];
        for (product, (i, j)) in products.iter().zip(pairs) {
            assert_eq!(value(product, 2), whole(i, j) as f64);
        }
        for (column, sum) in values.iter().enumerate() {
            assert_eq!(value(sum, 1), x.column(column).sum());
        }
    }

    #[test]
    fn any_split_of_any_values_on_any_threads_gives_the_same_digits() {
        let mut stream = Stream::new(2, 0);
        let x = Array2::from_shape_fn((1500, 4), |(row, column)| match column {
            0 => stream.normal() + 1e9,
            1 => 10f64.powi(stream.below(280) as i32 - 140),
            2 => {
                if row % 3 == 0 {
                    0.0
                } else {
                    -stream.unit()
                }
            }
            _ => f64::from_bits(stream.below(1 << 40) as u64),
        });
        let rows = check::rows(x.view()).unwrap();
        let whole = parallel::with_threads(1, || sums(&rows));
        assert_eq!(parallel::with_threads(3, || sums(&rows)), whole);
        for cut in [1, 511, 512, 700] {
            let [a, b] = [s![..cut, ..], s![cut.., ..]].map(|part| {
                let part = x.slice(part);
                sums(&check::rows(part).unwrap())
            });
            let plus = |a: &[Digits], b: &[Digits]| -> Vec<Digits> {
                a.iter().zip(b).map(|(a, b)| a.plus(b)).collect()
            };
            assert_eq!((plus(&a.0, &b.0), plus(&a.1, &b.1)), whole, "{cut}");
        }
    }
}
