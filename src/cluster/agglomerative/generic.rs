//! The nearest pair, merged over and over, on a matrix of all distances.
//!
//! Every cluster goes by its smallest row. For each, the nearest cluster of a greater row is kept with
//! its distance; the least of these is the next merge. A merge rewrites one row and one column; a
//! cluster whose nearest one went away keeps its old distance as a lower bound and looks again only
//! when that bound is the least of all. So the merges are those of the primitive algorithm
//! (`primitive.rs`), to the last bit, for every linkage, also where merges fall.
//!
//! Ties: equal distances are ordered by the smaller, then the greater of the two smallest rows.
//!
//! Source: Müllner 2011, the generic algorithm; he keeps a heap of the lower bounds, where a plain
//! minimum over an array is faster for what fits in memory.
//! Cost: O(n²) time on ordinary data, O(n³) at worst; the matrix is updated in place, and drops the
//! rows and columns of merged clusters whenever a third of them are gone.

use super::linkage::{Linkage, RowMerge};
use crate::num::argmin::{first_least, first_least_sum};
use crate::num::parallel;
use crate::num::triangle::{ROWS, Triangle};

/// No cluster: the nearest one is to be looked for.
const UNKNOWN: u32 = u32::MAX;

/// Prefetch distance down a column, in rows.
const AHEAD: usize = 24;

/// Merged clusters are forgotten when fewer than this share of the places is left.
const KEPT: (usize, usize) = (2, 3);

/// Merges (smallest row of the one, smallest row of the other, distance), in the order they are made.
///
/// The clusters are given by their smallest rows, ascending, and their weights.
pub(super) fn merges(
    linkage: Linkage,
    clusters: &[(u32, f64)],
    distances: Triangle,
) -> Vec<RowMerge> {
    let n_clusters = clusters.len();
    debug_assert_eq!(distances.n(), n_clusters);
    // On a thread of the pool, waking the others for every merge is cheaper.
    parallel::beside(
        || {
            let mut clusters = CondensedClusters::new(linkage, clusters, distances);
            let mut merges = Vec::with_capacity(n_clusters - 1);
            while let Some((a, b, distance)) = clusters.nearest_pair() {
                merges.push((clusters.rows[a] as usize, clusters.rows[b] as usize, distance));
                clusters.merge(a, b, distance);
                clusters.forget_merged();
            }
            debug_assert_eq!(merges.len(), n_clusters - 1);
            merges
        },
        || (),
    )
}

/// The clusters that are left, and the places of some that are not.
///
/// A place is an index into all of these; places ascend by the clusters' smallest rows.
struct CondensedClusters {
    linkage: Linkage,
    n_left: usize,
    /// The smallest row.
    rows: Vec<u32>,
    /// The weight; 0 if the cluster was merged into one of a smaller row.
    sizes: Vec<f64>,
    /// 0, or infinity if the cluster was merged: added to distances, it hides them.
    hidden: Vec<f64>,
    /// Between places.
    distances: Triangle,
    /// The least distance to a later place, or a lower bound of it where `nearest` is unknown;
    /// infinite if there is none.
    least: Vec<f64>,
    /// The first place where it stands.
    nearest: Vec<u32>,
    /// One row of distances, and another.
    scratch: [Vec<f64>; 2],
}

impl CondensedClusters {
    fn new(linkage: Linkage, clusters: &[(u32, f64)], distances: Triangle) -> Self {
        let n = clusters.len();
        let found = parallel::map(n, n / 2, |place| {
            let mut row = Vec::new();
            distances.row_into(place, &mut row);
            first_least(&row)
        });
        let nearest = |(place, found): (usize, &Option<(usize, f64)>)| {
            found.map_or(UNKNOWN, |(after, _)| (place + 1 + after) as u32)
        };
        Self {
            linkage,
            n_left: n,
            rows: clusters.iter().map(|cluster| cluster.0).collect(),
            sizes: clusters.iter().map(|cluster| cluster.1).collect(),
            hidden: vec![0.0; n],
            distances,
            nearest: found.iter().enumerate().map(nearest).collect(),
            least: found.iter().map(|found| found.map_or(f64::INFINITY, |found| found.1)).collect(),
            scratch: [Vec::new(), Vec::new()],
        }
    }

    /// The two nearest clusters' places and their distance; none if one cluster is left.
    fn nearest_pair(&mut self) -> Option<(usize, usize, f64)> {
        loop {
            let (place, distance) = first_least(&self.least)?;
            if self.nearest[place] != UNKNOWN {
                return Some((place, self.nearest[place] as usize, distance));
            }
            let [row, _] = &mut self.scratch;
            self.distances.row_into(place, row);
            self.set_nearest(place);
        }
    }

    /// Finds the nearest cluster after a place, whose distances are in the scratch.
    fn set_nearest(&mut self, place: usize) {
        let found = first_least_sum(&self.scratch[0], &self.hidden[place + 1..]);
        let (nearest, least) = match found {
            Some((after, least)) => ((place + 1 + after) as u32, least),
            None => (UNKNOWN, f64::INFINITY),
        };
        (self.nearest[place], self.least[place]) = (nearest, least);
    }

    /// Merges the cluster at `b` into the one at `a < b`.
    fn merge(&mut self, a: usize, b: usize, between: f64) {
        debug_assert!(a < b);
        let [size_a, size_b] = [self.sizes[a], self.sizes[b]];
        self.n_left -= 1;
        self.sizes[a] += size_b;
        self.sizes[b] = 0.0;
        self.hidden[b] = f64::INFINITY;
        self.least[b] = f64::INFINITY;
        // The formula is chosen here, once for all distances.
        macro_rules! merge_by {
            ($($linkage:ident)*) => {
                match self.linkage {
                    $(Linkage::$linkage => self.update(a, b, |to_a, to_b, size| {
                        let sizes = [size_a, size_b, size];
                        Linkage::$linkage.updated(to_a, to_b, between, sizes)
                    }),)*
                }
            };
        }
        merge_by!(Single Complete Average Weighted Ward Centroid Median);
    }

    fn update(&mut self, a: usize, b: usize, updated: impl Fn(f64, f64, f64) -> f64 + Sync) {
        self.update_before(a, b, &updated);
        // The row of a is changed aside, as rows between a and b may share its panel.
        let [mut to_a, mut to_b] = std::mem::take(&mut self.scratch);
        self.distances.row_into(a, &mut to_a);
        self.distances.row_into(b, &mut to_b);
        let (between, after) = to_a.split_at_mut(b - a - 1);
        self.update_between(a, b, between, &updated);
        for ((to_a, &to_b), &size) in after[1..].iter_mut().zip(&to_b).zip(&self.sizes[b + 1..]) {
            *to_a = updated(*to_a, to_b, size);
        }
        self.distances.set_row(a, &to_a);
        self.scratch = [to_a, to_b];
        self.set_nearest(a);
    }

    /// Updates the distances of the clusters before `a`, which stand in their rows.
    fn update_before(&mut self, a: usize, b: usize, updated: impl Fn(f64, f64, f64) -> f64 + Sync) {
        let (work, len) = portions(a);
        let (n_panels, len) = (len / ROWS, len);
        let state = self.distances.panels_mut(a, n_panels).into_iter();
        let state = state.zip(self.least[..a].chunks_mut(len));
        let state = state.zip(self.nearest[..a].chunks_mut(len)).zip(self.sizes[..a].chunks(len));
        parallel::for_each(state.collect(), work, |_, (((mut panels, least), nearest), sizes)| {
            for (i, row) in panels.rows.clone().enumerate() {
                if row + AHEAD < a {
                    panels.prefetch(row + AHEAD, a);
                    panels.prefetch(row + AHEAD, b);
                }
                if sizes[i] == 0.0 {
                    continue;
                }
                let to_b = *panels.at(row, b);
                let place = panels.at(row, a);
                let to_a = updated(*place, to_b, sizes[i]);
                *place = to_a;
                let (least, nearest) = (&mut least[i], &mut nearest[i]);
                if to_a < *least {
                    (*least, *nearest) = (to_a, a as u32);
                } else if to_a == *least && *nearest != UNKNOWN {
                    // Where b was the nearest, no place before it is as near.
                    *nearest = (*nearest).min(a as u32);
                } else if *nearest == a as u32 || *nearest == b as u32 {
                    *nearest = UNKNOWN;
                }
            }
        });
    }

    /// Updates the distances of `a` to the clusters between `a` and `b`.
    fn update_between(
        &mut self,
        a: usize,
        b: usize,
        to_a: &mut [f64],
        updated: impl Fn(f64, f64, f64) -> f64 + Sync,
    ) {
        let places = a + 1..b;
        let (work, len) = portions(places.len());
        let distances = &self.distances;
        let state = to_a.chunks_mut(len).zip(self.nearest[places.clone()].chunks_mut(len));
        let state = state.zip(self.sizes[places].chunks(len));
        parallel::for_each(state.collect(), work, |part, ((to_a, nearest), sizes)| {
            for (i, to_a) in to_a.iter_mut().enumerate() {
                let place = a + 1 + part * len + i;
                if place + AHEAD < b {
                    distances.prefetch(place + AHEAD, b);
                }
                if sizes[i] == 0.0 {
                    continue;
                }
                let to_b = distances.get(place, b);
                *to_a = updated(*to_a, to_b, sizes[i]);
                if nearest[i] == b as u32 {
                    nearest[i] = UNKNOWN;
                }
            }
        });
    }

    /// Forgets the places of merged clusters if they are a third of all.
    fn forget_merged(&mut self) {
        let n_places = self.rows.len();
        if KEPT.1 * self.n_left > KEPT.0 * n_places || n_places < 64 {
            return;
        }
        let left: Vec<usize> = (0..n_places).filter(|&place| self.sizes[place] > 0.0).collect();
        let mut new_place = vec![UNKNOWN; n_places];
        left.iter().enumerate().for_each(|(new, &old)| new_place[old] = new as u32);
        let nearest = |&place: &usize| match self.nearest[place] {
            UNKNOWN => UNKNOWN,
            nearest => new_place[nearest as usize],
        };
        self.distances.keep(&left);
        self.nearest = left.iter().map(nearest).collect();
        self.rows = left.iter().map(|&place| self.rows[place]).collect();
        self.sizes = left.iter().map(|&place| self.sizes[place]).collect();
        self.least = left.iter().map(|&place| self.least[place]).collect();
        self.hidden = vec![0.0; left.len()];
    }
}

/// The work of updating so many distances that lie apart in memory, and how many one thread gets: a
/// number of whole panels.
fn portions(n: usize) -> (usize, usize) {
    // Reading from memory takes as long as some ten multiply-adds.
    (10 * n, n.div_ceil(parallel::n_threads()).max(512).next_multiple_of(ROWS))
}
