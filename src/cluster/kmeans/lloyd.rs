//! Lloyd's iteration: label every row by its nearest centroid, move every centroid to its mean.
//!
//! Stops as scikit-learn does: when no label changed, or when the centroids together moved by no
//! more than the tolerance (sum of squared moves). A cluster that lost all rows takes the row
//! farthest from its centroid, the lowest of equally far ones, and never a row at a place already
//! taken or the last of its cluster. Weights have no say in that; rows without weight are not here.
//!
//! Two promises cost extra care. *The numbering is canonical while ties are decided*: the result
//! is numbered by size, so a row as near to two centroids may change sides when they swap numbers,
//! and then the iteration goes on. *No cluster is empty at the end*: the last labelling may leave a
//! centroid without rows; it is then put on the farthest row, whose distance to it is 0, so that it
//! can never be left again and at most k such steps are needed.
//!
//! Labels and sums come from the [`Assigner`], exact as naive f64; distances are only computed where
//! a cluster has lost its rows, and at the end.
//!
//! Source: Lloyd 1982. Cost: at most O(n·k·d) time per iteration; memory of the assigner.

use std::cmp::Reverse;
use std::ops::ControlFlow;

use super::assign::Assigner;
use super::tiled::Tiled;
use super::weights;
use crate::num::check::Rows;
use crate::num::distance::squared;
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
    pub(super) labels: Vec<u32>,
    pub(super) centroids: Vec<f64>,
    pub(super) inertia: f64,
    /// Inertia before each update.
    pub(super) inertia_per_iter: Vec<f64>,
    pub(super) converged: bool,
    /// Whether the observer cut it short.
    pub(super) stopped: bool,
    pub(super) refilled: usize,
}

/// One iteration, for the observer.
#[derive(Debug, Clone, Copy)]
pub(super) struct LloydStep {
    pub(super) n_iter: usize,
    /// Before the centroids moved.
    pub(super) inertia: f64,
    pub(super) n_changed: usize,
    /// Sum of squared moves.
    pub(super) shift: f64,
}

/// Iterates from `start`. `snap` rounds a coordinate to what can be stored. A run that `observe`
/// stops ends as one whose iterations are used up.
///
/// # Errors
/// The number of distinct places, if too few can be told apart for every centroid to have a row.
pub(super) fn run(
    tiled: &mut Tiled<'_>,
    start: Vec<f64>,
    stop: Stop,
    snap: impl Fn(f64) -> f64,
    mut observe: impl FnMut(LloydStep) -> ControlFlow<()>,
) -> Result<Run, usize> {
    let rows = tiled.rows;
    let mut centroids = start;
    let mut assigner = Assigner::new(tiled, centroids.len() / rows.n_columns());
    let mut inertia_per_iter = Vec::new();
    let (mut refilled, mut converged, mut stopped) = (0, false, false);
    while inertia_per_iter.len() < stop.max_iter {
        let changed = assigner.assign(&centroids);
        let inertia = if assigner.is_coarse() {
            inertia(assigner.tiled(), &assigner.labels(), &centroids)
        } else {
            assigner.inertia(&centroids)
        };
        inertia_per_iter.push(inertia);
        let moved = refill(rows, &mut assigner, &centroids);
        refilled += moved;
        let mut next = assigner.means(&centroids);
        next.iter_mut().for_each(|v| *v = snap(*v));
        let shift = squared(&next, &centroids);
        let exact = changed == 0 || shift == 0.0;
        centroids = next;
        let n_iter = inertia_per_iter.len();
        stopped = observe(LloydStep { n_iter, inertia, n_changed: changed, shift }).is_break();
        if stopped {
            break;
        }
        if moved == 0 && (exact || shift <= stop.shift) {
            let last = renumber_until_stable(rows, &mut assigner, &mut centroids)?;
            refilled += last.pinned;
            // A tie that the canonical numbering decides otherwise moves means: go on.
            if last.pinned == 0 && !(exact && last.regrouped) {
                converged = true;
                break;
            }
        }
    }
    if !converged {
        refilled += renumber_until_stable(rows, &mut assigner, &mut centroids)?.pinned;
    }
    let labels = assigner.take_labels();
    let inertia = inertia(assigner.tiled(), &labels, &centroids);
    Ok(Run { labels, centroids, inertia, inertia_per_iter, converged, stopped, refilled })
}

/// Every row's squared distance to its centroid.
fn distances(rows: &Rows<'_>, labels: &[u32], centroids: &[f64]) -> Vec<f64> {
    let d = rows.n_columns();
    parallel::map(rows.n_rows(), d, |row| {
        squared(rows.row(row), &centroids[labels[row] as usize * d..][..d])
    })
}

/// Their weighted sum, in fixed chunks.
fn inertia(tiled: &Tiled<'_>, labels: &[u32], centroids: &[f64]) -> f64 {
    let (rows, d) = (tiled.rows, tiled.rows.n_columns());
    let sums = parallel::map_chunks(rows.n_rows(), d, |range| {
        let own = |label: &u32| &centroids[*label as usize * d..][..d];
        let pairs = rows.range(range.clone()).chunks_exact(d).zip(&labels[range.clone()]);
        let each = pairs.map(|(row, label)| squared(row, own(label)));
        weights::sum(tiled.weights, range.start, each)
    });
    sums.iter().sum()
}

/// Gives every empty cluster the farthest row that its own cluster can spare; how many it gave.
fn refill(rows: &Rows<'_>, assigner: &mut Assigner<'_, '_>, centroids: &[f64]) -> usize {
    let mut sizes = assigner.sizes();
    let empty: Vec<usize> = (0..sizes.len()).filter(|&cluster| sizes[cluster] == 0).collect();
    if empty.is_empty() {
        return 0;
    }
    let labels = assigner.labels();
    let distances = distances(rows, &labels, centroids);
    let mut farthest: Vec<usize> = (0..rows.n_rows()).filter(|&r| distances[r] > 0.0).collect();
    parallel::sort_by(&mut farthest, |&a, &b| {
        distances[b].total_cmp(&distances[a]).then(a.cmp(&b))
    });
    let mut taken: Vec<usize> = Vec::with_capacity(empty.len());
    for row in farthest {
        if taken.len() == empty.len() {
            break;
        }
        let donor = &mut sizes[labels[row] as usize];
        // Equal rows are equally far.
        let mut same = taken.iter().rev().take_while(|&&t| distances[t] == distances[row]);
        if *donor < 2 || same.any(|&t| squared(rows.row(t), rows.row(row)) == 0.0) {
            continue;
        }
        *donor -= 1;
        assigner.relabel(row, empty[taken.len()] as u32);
        taken.push(row);
    }
    taken.len()
}

/// What renumbering changed.
struct Renumbered {
    /// Centroids put on a row because they had none.
    pinned: usize,
    /// Whether the grouping is another than the one that came in.
    regrouped: bool,
}

/// Numbers the clusters by size, then first row, and labels by that numbering until both agree.
///
/// Ends because a row that changes sides goes to a cluster of a lower number, that is of no smaller
/// size: the sum of squared sizes grows until nothing moves or a centroid is pinned.
fn renumber_until_stable(
    rows: &Rows<'_>,
    assigner: &mut Assigner<'_, '_>,
    centroids: &mut Vec<f64>,
) -> Result<Renumbered, usize> {
    let width = rows.n_columns();
    let k = centroids.len() / width;
    let (mut pinned, mut regrouped) = (0, false);
    loop {
        let (sizes, first) = (assigner.sizes(), assigner.first_rows());
        let mut order: Vec<usize> = (0..k).collect();
        order.sort_by_key(|&cluster| (Reverse(sizes[cluster]), first[cluster]));
        let mut number = vec![0; k];
        order.iter().enumerate().for_each(|(new, &old)| number[old] = new as u32);
        *centroids =
            order.iter().flat_map(|&c| &centroids[c * width..(c + 1) * width]).copied().collect();
        assigner.renumber(&number);

        let changed = assigner.assign(centroids);
        let pins = pin(rows, centroids, assigner)?;
        if pins == 0 && changed == 0 {
            return Ok(Renumbered { pinned, regrouped });
        }
        regrouped = true;
        pinned += pins;
    }
}

/// Puts every centroid without rows on the row farthest from all others; how many.
fn pin(
    rows: &Rows<'_>,
    centroids: &mut [f64],
    assigner: &mut Assigner<'_, '_>,
) -> Result<usize, usize> {
    let width = rows.n_columns();
    let sizes = assigner.sizes();
    if !sizes.contains(&0) {
        return Ok(0);
    }
    let mut distances = distances(rows, &assigner.labels(), centroids);
    let mut pins = 0;
    for cluster in (0..sizes.len()).filter(|&cluster| sizes[cluster] == 0) {
        let mut farthest = 0;
        for row in 1..rows.n_rows() {
            if distances[row] > distances[farthest] {
                farthest = row;
            }
        }
        if distances[farthest] == 0.0 {
            return Err(sizes.iter().filter(|size| **size > 0).count() + pins);
        }
        centroids[cluster * width..(cluster + 1) * width].copy_from_slice(rows.row(farthest));
        assigner.relabel(farthest, cluster as u32);
        for (row, distance) in distances.iter_mut().enumerate() {
            *distance = distance.min(squared(rows.row(row), rows.row(farthest)));
        }
        pins += 1;
    }
    Ok(pins)
}
