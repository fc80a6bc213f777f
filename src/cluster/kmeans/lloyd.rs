//! Lloyd's iteration: label every row by its nearest centroid, move every centroid to its mean.
//!
//! Stops as scikit-learn does: when no label changed, or when the centroids together moved by no
//! more than the tolerance (sum of squared moves). A cluster that lost all rows takes the row
//! farthest from its centroid, the lowest of equally far ones, and never a row at a place already
//! taken or the last of its cluster.
//!
//! Two promises cost extra care. *The numbering is canonical while ties are decided*: the result
//! is numbered by size, so a row as near to two centroids may change sides when they swap numbers,
//! and then the iteration goes on. *No cluster is empty at the end*: the last labelling may leave a
//! centroid without rows; it is then put on the farthest row, whose distance to it is 0, so that it
//! can never be left again and at most k such steps are needed.
//!
//! A mean is the cluster's first row plus the mean difference from it, summed in fixed chunks:
//! a function of the labels alone, exact for equal rows, unhurt by offsets and by far-off clusters.
//! Source: Lloyd 1982. Cost: O(n·k·d) time per iteration; memory O(n + n/4096·k·d).

use std::cmp::Reverse;

use crate::num::check::Rows;
use crate::num::distance::{nearest, squared};
use crate::num::parallel;

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stop {
    pub(super) max_iter: usize,
    /// Greatest sum of squared moves that counts as standing still.
    pub(super) shift: f64,
}

/// The end of one run: numbered canonically, every centroid nearest to at least one row.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) centroids: Vec<f64>,
    pub(super) inertia: f64,
    /// Inertia before each update.
    pub(super) inertia_per_iter: Vec<f64>,
    pub(super) converged: bool,
    pub(super) refilled: usize,
}

/// Every row's nearest centroid and its squared distance.
#[derive(Debug)]
pub(super) struct Assignment {
    pub(super) labels: Vec<u32>,
    pub(super) distances: Vec<f64>,
    pub(super) inertia: f64,
}

/// Iterates from `start`. `snap` rounds a coordinate to what can be stored.
///
/// # Errors
/// The number of distinct places, if too few can be told apart for every centroid to have a row.
pub(super) fn run(
    rows: &Rows<'_>,
    start: Vec<f64>,
    stop: Stop,
    snap: impl Fn(f64) -> f64,
) -> Result<Run, usize> {
    let mut centroids = start;
    let mut labels = Vec::new();
    let mut inertia_per_iter = Vec::new();
    let mut refilled = 0;
    while inertia_per_iter.len() < stop.max_iter {
        let mut assigned = assign(rows, &centroids);
        inertia_per_iter.push(assigned.inertia);
        let moved = refill(rows, &mut assigned, centroids.len() / rows.n_columns());
        refilled += moved;
        let mut next = means(rows, &assigned.labels, &centroids);
        next.iter_mut().for_each(|v| *v = snap(*v));
        let shift = squared(&next, &centroids);
        let exact = labels == assigned.labels || shift == 0.0;
        let still = moved == 0 && (exact || shift <= stop.shift);
        (centroids, labels) = (next, assigned.labels);
        if still {
            let settled = settle(rows, centroids, labels)?;
            refilled += settled.pinned;
            // A tie that the canonical numbering decides otherwise moves means: go on.
            if settled.pinned == 0 && !(exact && settled.regrouped) {
                return Ok(Run {
                    centroids: settled.centroids,
                    inertia: settled.assignment.inertia,
                    inertia_per_iter,
                    converged: true,
                    refilled,
                });
            }
            (centroids, labels) = (settled.centroids, settled.assignment.labels);
        }
    }
    let settled = settle(rows, centroids, labels)?;
    Ok(Run {
        centroids: settled.centroids,
        inertia: settled.assignment.inertia,
        inertia_per_iter,
        converged: false,
        refilled: refilled + settled.pinned,
    })
}

/// Labels every row by its nearest centroid; ties go to the lowest number.
pub(super) fn assign(rows: &Rows<'_>, centroids: &[f64]) -> Assignment {
    assign_by(rows.n_rows(), centroids.len(), |row| nearest(rows.row(row), centroids))
}

/// Labels every row by `nearest`, a cluster and a squared distance, of the given `work`.
pub(super) fn assign_by(
    n_rows: usize,
    work: usize,
    nearest: impl Fn(usize) -> (usize, f64) + Sync,
) -> Assignment {
    let chunks =
        parallel::map_chunks(n_rows, work, |range| range.map(&nearest).collect::<Vec<_>>());
    let mut labels = Vec::with_capacity(n_rows);
    let mut distances = Vec::with_capacity(n_rows);
    let mut inertia = 0.0;
    for chunk in chunks {
        inertia += chunk.iter().map(|(_, d)| d).sum::<f64>();
        labels.extend(chunk.iter().map(|&(cluster, _)| cluster as u32));
        distances.extend(chunk.iter().map(|&(_, d)| d));
    }
    Assignment { labels, distances, inertia }
}

/// Rows per cluster and each cluster's first row (`usize::MAX` for none).
fn census(labels: &[u32], k: usize) -> Vec<(usize, usize)> {
    let mut census = vec![(0, usize::MAX); k];
    for (row, &cluster) in labels.iter().enumerate() {
        let (size, first) = &mut census[cluster as usize];
        *size += 1;
        *first = row.min(*first);
    }
    census
}

/// Gives every empty cluster the farthest row that its own cluster can spare; how many it gave.
fn refill(rows: &Rows<'_>, assigned: &mut Assignment, k: usize) -> usize {
    let mut sizes: Vec<usize> =
        census(&assigned.labels, k).into_iter().map(|(size, _)| size).collect();
    let empty: Vec<usize> = (0..k).filter(|&cluster| sizes[cluster] == 0).collect();
    if empty.is_empty() {
        return 0;
    }
    let distances = &assigned.distances;
    let mut farthest: Vec<usize> = (0..rows.n_rows()).filter(|&r| distances[r] > 0.0).collect();
    parallel::sort_by(&mut farthest, |&a, &b| {
        distances[b].total_cmp(&distances[a]).then(a.cmp(&b))
    });
    let mut taken: Vec<usize> = Vec::with_capacity(empty.len());
    for row in farthest {
        if taken.len() == empty.len() {
            break;
        }
        let donor = &mut sizes[assigned.labels[row] as usize];
        // Equal rows are equally far.
        let mut same = taken.iter().rev().take_while(|&&t| distances[t] == distances[row]);
        if *donor < 2 || same.any(|&t| squared(rows.row(t), rows.row(row)) == 0.0) {
            continue;
        }
        *donor -= 1;
        assigned.labels[row] = empty[taken.len()] as u32;
        taken.push(row);
    }
    taken.len()
}

/// The mean of every cluster's rows; the old centroid where there are none.
fn means(rows: &Rows<'_>, labels: &[u32], centroids: &[f64]) -> Vec<f64> {
    let width = rows.n_columns();
    let census = census(labels, centroids.len() / width);
    let chunks = parallel::map_chunks(rows.n_rows(), width, |range| {
        let mut sums = vec![0.0; centroids.len()];
        for row in range {
            let cluster = labels[row] as usize;
            let origin = rows.row(census[cluster].1);
            let sums = &mut sums[cluster * width..(cluster + 1) * width];
            for ((sum, value), origin) in sums.iter_mut().zip(rows.row(row)).zip(origin) {
                *sum += value - origin;
            }
        }
        sums
    });
    let mut means = centroids.to_vec();
    for (cluster, mean) in means.chunks_exact_mut(width).enumerate() {
        let (size, first) = census[cluster];
        if size == 0 {
            continue;
        }
        for (column, (mean, origin)) in mean.iter_mut().zip(rows.row(first)).enumerate() {
            let sum: f64 = chunks.iter().map(|sums| sums[cluster * width + column]).sum();
            *mean = origin + sum / size as f64;
        }
    }
    means
}

/// Centroids in canonical order with the labels they give.
struct Settled {
    centroids: Vec<f64>,
    assignment: Assignment,
    /// Centroids put on a row because they had none.
    pinned: usize,
    /// Whether the grouping is another than the one that came in.
    regrouped: bool,
}

/// Numbers the clusters by size, then first row, and labels by that numbering until both agree.
///
/// Ends because a row that changes sides goes to a cluster of a lower number, that is of no smaller
/// size: the sum of squared sizes grows until nothing moves or a centroid is pinned.
fn settle(
    rows: &Rows<'_>,
    mut centroids: Vec<f64>,
    mut labels: Vec<u32>,
) -> Result<Settled, usize> {
    let width = rows.n_columns();
    let k = centroids.len() / width;
    let (mut pinned, mut regrouped) = (0, false);
    loop {
        let census = census(&labels, k);
        let mut order: Vec<usize> = (0..k).collect();
        order.sort_by_key(|&cluster| (Reverse(census[cluster].0), census[cluster].1));
        let mut number = vec![0; k];
        order.iter().enumerate().for_each(|(new, &old)| number[old] = new as u32);
        centroids =
            order.iter().flat_map(|&c| &centroids[c * width..(c + 1) * width]).copied().collect();
        labels.iter_mut().for_each(|cluster| *cluster = number[*cluster as usize]);

        let mut assignment = assign(rows, &centroids);
        let pins = pin(rows, &mut centroids, &mut assignment)?;
        if pins == 0 && assignment.labels == labels {
            return Ok(Settled { centroids, assignment, pinned, regrouped });
        }
        regrouped = true;
        pinned += pins;
        labels = assignment.labels;
    }
}

/// Puts every centroid without rows on the row farthest from all others; how many.
fn pin(
    rows: &Rows<'_>,
    centroids: &mut [f64],
    assignment: &mut Assignment,
) -> Result<usize, usize> {
    let width = rows.n_columns();
    let k = centroids.len() / width;
    let census = census(&assignment.labels, k);
    let mut pins = 0;
    for cluster in (0..k).filter(|&cluster| census[cluster].0 == 0) {
        let distances = &mut assignment.distances;
        let mut farthest = 0;
        for row in 1..rows.n_rows() {
            if distances[row] > distances[farthest] {
                farthest = row;
            }
        }
        if distances[farthest] == 0.0 {
            return Err(census.iter().filter(|(size, _)| *size > 0).count() + pins);
        }
        centroids[cluster * width..(cluster + 1) * width].copy_from_slice(rows.row(farthest));
        assignment.labels[farthest] = cluster as u32;
        for (row, distance) in distances.iter_mut().enumerate() {
            *distance = distance.min(squared(rows.row(row), rows.row(farthest)));
        }
        pins += 1;
    }
    Ok(pins)
}
