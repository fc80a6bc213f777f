//! Shares of a whole as quantities: what the null model draws before it divides by the sum.
//!
//! Shares that sum to 1 hang together by their sum alone, in a way no rank correlation says. As quantities
//! they need not: shares of Dirichlet's distribution times a whole from the gamma distribution of the
//! same precision are independent. So every row's shares are multiplied by such a whole, and a cloud
//! divides by the sum again.
//!
//! Source: Lukacs 1955; Aitchison 1986 (the basis of a composition). The precision is that of Dirichlet's
//! distribution with the same means and sum of variances. Cost: O(n·d), and a pass for each two
//! columns of a whole and outside it.

use super::margin::FEW_VALUES;
use super::varying::{Varying, follows};
use crate::num::portable;
use crate::num::rng::Stream;
use crate::num::stats;

/// Precisions beyond these are taken as these: nearly one share each, and nearly equal rows.
const PRECISION: (f64, f64) = (0.5, 1e4);

/// Columns that make a whole: `parts` says how much of each, 0 for the columns outside it, and `least`
/// where each starts. Multiplies them row by row by wholes of mean 1; or leaves them as they are if one
/// of them has few values or another column follows it, which a multiple would undo.
pub(super) fn to_quantities(columns: &mut [Vec<f64>], parts: &[f64], least: &[f64]) {
    let members: Vec<usize> = (0..parts.len()).filter(|&c| parts[c] > 0.0).collect();
    let is_bound = |&c: &usize| {
        let member = Varying::new(c, &columns[c]);
        let mut others = (0..columns.len()).filter(|other| !members.contains(other));
        member.n_values <= FEW_VALUES
            || others.any(|other| {
                columns[other].iter().any(|v| v != &columns[other][0])
                    && follows(&member, &columns[c], &columns[other]).is_some()
            })
    };
    if members.iter().any(is_bound) {
        return;
    }
    let precision = precision(columns, &members, parts, least);
    let mut stream = Stream::new(0, 0);
    for row in 0..columns[0].len() {
        let whole = gamma(precision, &mut stream) / precision;
        for &c in &members {
            columns[c][row] = least[c] + (columns[c][row] - least[c]) * whole;
        }
    }
}

/// Σ mᵢ(1 − mᵢ) / Σ variances − 1 of the shares.
fn precision(columns: &[Vec<f64>], members: &[usize], parts: &[f64], least: &[f64]) -> f64 {
    let (mut expected, mut seen, mut whole) = (0.0, 0.0, 0.0);
    let moments = members.iter().map(|&c| {
        let (mean, std) = stats::mean_and_std(&columns[c]);
        (parts[c] * (mean - least[c]), parts[c] * std)
    });
    moments.clone().for_each(|(mean, _)| whole += mean);
    for (mean, std) in moments {
        let (mean, std) = (mean / whole, std / whole);
        expected += mean * (1.0 - mean);
        seen += std * std;
    }
    (expected / seen - 1.0).clamp(PRECISION.0, PRECISION.1)
}

/// A draw from the gamma distribution of scale 1: Marsaglia, Tsang 2000.
fn gamma(shape: f64, stream: &mut Stream) -> f64 {
    if shape < 1.0 {
        let power = portable::pow(1.0 - stream.unit(), 1.0 / shape);
        return power * gamma(shape + 1.0, stream);
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let z = stream.normal();
        let root = 1.0 + c * z;
        let v = root * root * root;
        if root > 0.0
            && portable::ln(1.0 - stream.unit()) < 0.5 * z * z + d * (1.0 - v + portable::ln(v))
        {
            return d * v;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_of_the_gamma_distribution_have_its_mean_and_variance() {
        for shape in [0.5, 1.0, 5.0, 200.0] {
            let mut stream = Stream::new(3, 1);
            let draws: Vec<f64> = (0..20_000).map(|_| gamma(shape, &mut stream)).collect();
            let (mean, std) = stats::mean_and_std(&draws);
            assert!((mean / shape - 1.0).abs() < 0.03, "{shape}: {mean}");
            assert!((std * std / shape - 1.0).abs() < 0.08, "{shape}: {std}");
        }
    }

    fn even_shares(n: usize) -> Vec<Vec<f64>> {
        let mut stream = Stream::new(8, 0);
        let mut columns = vec![Vec::new(); 4];
        for _ in 0..n {
            let parts: Vec<f64> = (0..4).map(|_| -(1.0 - stream.unit()).ln()).collect();
            let sum: f64 = parts.iter().sum();
            columns.iter_mut().zip(parts).for_each(|(column, part)| column.push(part / sum));
        }
        columns
    }

    #[test]
    fn even_shares_become_independent_quantities_in_the_same_proportions() {
        let shares = even_shares(4000);
        let mut columns = shares.clone();
        to_quantities(&mut columns, &[0.5; 4], &[0.0; 4]);
        let correlation = |columns: &[Vec<f64>]| {
            let products = columns[0].iter().zip(&columns[1]).map(|(a, b)| a * b);
            let products: Vec<f64> = products.collect();
            let [a, b] = [0, 1].map(|c| stats::mean_and_std(&columns[c]));
            (stats::mean(&products) - a.0 * b.0) / (a.1 * b.1)
        };
        assert!(correlation(&shares) < -0.3);
        assert!(correlation(&columns).abs() < 0.05);
        let proportions = |columns: &[Vec<f64>]| -> Vec<f64> {
            columns[2].iter().zip(&columns[3]).map(|(a, b)| a / b).collect()
        };
        let pairs = proportions(&columns).into_iter().zip(proportions(&shares));
        assert!(pairs.into_iter().all(|(after, before)| (after / before - 1.0).abs() < 1e-9));
    }

    #[test]
    fn shares_that_another_column_follows_stay_as_they_are() {
        let mut columns = even_shares(200);
        columns.push(columns[1].iter().map(|v| f64::from(u8::from(*v > 0.4))).collect());
        let before = columns.clone();
        to_quantities(&mut columns, &[0.5, 0.5, 0.5, 0.5, 0.0], &[0.0; 5]);
        assert_eq!(columns, before);
    }
}
