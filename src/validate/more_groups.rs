//! Are there more groups than those found so far?
//!
//! Clouds without groups are the wrong measure once some groups are there: a long group is cut in two, and as
//! the gaps beside it are real, all clusters together are far tighter than any such cloud. So a larger number
//! of clusters is held against clouds that have the groups found so far, each drawn on its own by the null model
//! (`null.rs`): its shallowest valley must be deeper than what as many clusters find there.
//!
//! Source: the parametric bootstrap for the number of components, one more against those there are (McLachlan
//! 1987). Cost: a null model per group, and some tens of runs of k-means.

use super::choice::{CERTAIN, TestResult};
use super::null::Null;
use super::simplified;
use super::trials::{self, Purpose, stream};
use super::valley;
use crate::num::check::{self, Rows};
use crate::num::{parallel, stats};
use crate::{Labels, Result};

/// The seed of the draws: one table has one answer.
const DRAWS: u64 = 0;
/// Clouds drawn at a time, ...
const BATCH: usize = 20;
/// ... and at most.
const MOST_CLOUDS: usize = 100;
/// Standard deviations by which the evidence of the valleys must exceed that of the clouds.
const DEEPER: f64 = 2.5;

/// Whether `k` clusters, the valleys between which have at least this `evidence`, are more than the groups
/// found so far.
pub(super) fn are_more(
    rows: &Rows<'_>,
    groups: &Labels,
    (k, evidence): (usize, f64),
) -> Result<TestResult> {
    let mut members = vec![Vec::new(); groups.n_clusters()];
    for (row, group) in groups.iter().enumerate() {
        if let Some(group) = group {
            members[group].push(row);
        }
    }
    let nulls: Vec<Null> = members.iter().map(|rows_of| Null::new(&rows.select(rows_of))).collect();
    let mut found: Vec<f64> = Vec::new();
    let mut answer = TestResult::Unclear;
    while answer == TestResult::Unclear && found.len() < MOST_CLOUDS {
        let drawn = parallel::map(BATCH, usize::MAX, |i| {
            let index = ((groups.n_clusters() * 1024 + k) << 8) + found.len() + i;
            let mut draws = stream(DRAWS, Purpose::Groups, index);
            let cloud: Vec<f64> = nulls.iter().flat_map(|null| null.draw(&mut draws)).collect();
            let cloud = check::rows(trials::view(&cloud, rows.n_columns()))?;
            let fit = trials::fit_at_most(cloud.view(), k, index as u64)?;
            let centroids = simplified::centroids(cloud.iter(), cloud.n_columns(), &fit.labels);
            Ok(valley::shallowest(&cloud, &fit.labels, &centroids).evidence)
        });
        found.extend(drawn.into_iter().collect::<Result<Vec<f64>>>()?);
        let (mean, std) = stats::mean_and_std(&found);
        // What differs by rounding alone is equal.
        let excess = (evidence - mean) / std.max(1e-9 * (1.0 + mean.abs()));
        // Mean and standard deviation of n normal draws are off by 1/√n and 1/√2n.
        let error = ((1.0 + 0.5 * excess * excess) / found.len() as f64).sqrt();
        answer = TestResult::of(excess - DEEPER, CERTAIN * error);
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::KMeans;
    use crate::num::rng::Stream;
    use ndarray::Array2;

    fn answer(
        k: usize,
        so_far: usize,
        draw: impl Fn(usize, &mut Stream, &mut [f64]),
    ) -> TestResult {
        let mut stream = Stream::new(9, 0);
        let mut x = Array2::zeros((600, 2));
        for (row, mut values) in x.rows_mut().into_iter().enumerate() {
            draw(row, &mut stream, values.as_slice_mut().unwrap());
        }
        let groups = KMeans::new(so_far).fit(&x).unwrap().labels;
        let labels = KMeans::new(k).fit(&x).unwrap().labels;
        let rows = check::rows(x.view()).unwrap();
        let centroids = simplified::centroids(rows.iter(), 2, &labels);
        let valley = valley::shallowest(&rows, &labels, &centroids);
        are_more(&rows, &groups, (k, valley.evidence)).unwrap()
    }

    #[test]
    fn two_long_groups_are_not_four() {
        let long = |row: usize, s: &mut Stream, v: &mut [f64]| {
            v[0] = (row % 2) as f64 * 6.0 + 0.9 * s.normal();
            v[1] = 3.0 * s.normal();
        };
        assert_ne!(answer(4, 2, long), TestResult::Yes);
    }

    #[test]
    fn three_groups_of_which_two_were_taken_for_one_are_three() {
        let three = |row: usize, s: &mut Stream, v: &mut [f64]| {
            v[0] = [0.0, 9.0, 9.0][row % 3] + s.normal();
            v[1] = [0.0, 0.0, 4.5][row % 3] + s.normal();
        };
        assert_eq!(answer(3, 2, three), TestResult::Yes);
    }
}
