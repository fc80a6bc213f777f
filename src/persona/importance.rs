//! Which features separate the personas, over all of them at once.
//!
//! Numbers: η² of the mid-ranks, the share of their variance that lies between personas, so that
//! one huge spender does not decide (Kruskal, Wallis 1952), less its bias (Kelley 1935).
//! Categories: Cramér's V², less its bias (Bergsma 2013). Both are 0 for no relation and at most 1,
//! and without the bias correction many personas and few people would always look related.
//!
//! Only people in a persona and with a value count. Categories held by fewer than the smallest
//! described size are pooled. Cost: none beyond that of the descriptions.

use serde::{Deserialize, Serialize};

use super::counts::Counts;

/// How strongly a feature separates the personas.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Importance {
    /// The feature.
    pub feature: String,
    /// In [0, 1]: the share of a number's (ranked) variance, or the squared association of a
    /// category, that the personas account for.
    pub strength: f64,
    /// People in a persona and with a value.
    pub n: usize,
}

/// Cramér's V² less its bias; 0 where there are not two categories and two groups.
pub(super) fn cramers_v_squared(counts: &Counts) -> f64 {
    let n_groups = counts.known.len();
    let n: usize = counts.known.iter().sum();
    let frequent = |group: usize| (0..counts.frequent.len()).map(move |c| counts.of(c, group));
    let rest = (0..n_groups).map(|g| counts.known[g] - frequent(g).sum::<usize>());
    let mut table: Vec<Vec<usize>> = (0..counts.frequent.len())
        .map(|c| (0..n_groups).map(|g| counts.of(c, g)).collect())
        .collect();
    table.push(rest.collect());
    table.retain(|row| row.iter().any(|&cell| cell > 0));
    let (r, k) = (table.len(), counts.known.iter().filter(|&&known| known > 0).count());
    if r < 2 || k < 2 {
        return 0.0;
    }
    // χ²/n = Σ cell² / (row · column) − 1.
    let mut phi2 = -1.0;
    for row in &table {
        let in_row = row.iter().sum::<usize>() as f64;
        for (&cell, &known) in row.iter().zip(&counts.known) {
            if known > 0 {
                phi2 += cell as f64 * cell as f64 / (in_row * known as f64);
            }
        }
    }
    let (n, r, k) = (n as f64, r as f64, k as f64);
    let phi2 = (phi2 - (r - 1.0) * (k - 1.0) / (n - 1.0)).max(0.0);
    let corrected = |levels: f64| levels - (levels - 1.0).powi(2) / (n - 1.0) - 1.0;
    let least = corrected(r).min(corrected(k));
    // As many levels as people leave nothing to measure.
    if least > 0.0 { (phi2 / least).min(1.0) } else { 0.0 }
}
