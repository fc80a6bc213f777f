//! The nearest pair, merged over and over, on a condensed matrix.
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
//! Cost: O(n²) time on ordinary data, O(n³) at worst; the matrix is updated in place, and rows drop
//! the columns of merged clusters whenever half of them are gone.

use super::linkage::Linkage;
use crate::num::least::{first_least, first_least_sum};
use crate::num::{condensed, parallel};

/// No cluster: the nearest one is to be looked for.
const UNKNOWN: u32 = u32::MAX;

/// Merges (smallest row of the one, smallest row of the other, distance), in the order they are made.
///
/// `distances` are condensed, one for each pair of weights.
pub(super) fn merges(
    linkage: Linkage,
    weights: &[f64],
    distances: &mut [f64],
) -> Vec<(usize, usize, f64)> {
    let n_rows = weights.len();
    debug_assert_eq!(distances.len(), n_rows * (n_rows - 1) / 2);
    debug_assert!(u32::try_from(n_rows).is_ok_and(|n| n < UNKNOWN));
    // On a thread of the pool, waking the others for every merge is cheaper.
    parallel::beside(
        || {
            let mut clusters = Clusters::new(linkage, weights, distances);
            let mut merges = Vec::with_capacity(n_rows - 1);
            while let Some((a, b, distance)) = clusters.nearest_pair() {
                merges.push((clusters.rows[a] as usize, clusters.rows[b] as usize, distance));
                clusters.merge(a, b, distance);
                clusters.drop_columns();
            }
            debug_assert_eq!(merges.len(), n_rows - 1);
            merges
        },
        || (),
    )
}

/// The clusters that are left, and the places of some that are not.
///
/// A place is an index into all of these; places ascend by the clusters' smallest rows.
struct Clusters<'a> {
    linkage: Linkage,
    n_left: usize,
    /// The smallest row.
    rows: Vec<u32>,
    /// The weight; 0 if the cluster was merged into one of a smaller row.
    sizes: Vec<f64>,
    /// 0, or infinity if the cluster was merged: added to distances, it hides them.
    hidden: Vec<f64>,
    /// Distances to the clusters at the places after this one.
    distances: Vec<&'a mut [f64]>,
    /// The least of them, or a lower bound where `nearest` is unknown; infinite if there are none.
    least: Vec<f64>,
    /// The first place where it stands.
    nearest: Vec<u32>,
}

impl<'a> Clusters<'a> {
    fn new(linkage: Linkage, weights: &[f64], distances: &'a mut [f64]) -> Self {
        let n = weights.len();
        let distances = condensed::split(distances, n);
        let least = parallel::map(n, n / 2, |place| first_least(distances[place]));
        Self {
            linkage,
            n_left: n,
            rows: (0..n as u32).collect(),
            sizes: weights.to_vec(),
            hidden: vec![0.0; n],
            distances,
            nearest: least
                .iter()
                .enumerate()
                .map(|(place, least)| {
                    least.map_or(UNKNOWN, |(after, _)| (place + 1 + after) as u32)
                })
                .collect(),
            least: least.iter().map(|least| least.map_or(f64::INFINITY, |least| least.1)).collect(),
        }
    }

    /// The two nearest clusters' places and their distance; none if one cluster is left.
    fn nearest_pair(&mut self) -> Option<(usize, usize, f64)> {
        loop {
            let (place, distance) = first_least(&self.least)?;
            if self.nearest[place] != UNKNOWN {
                return Some((place, self.nearest[place] as usize, distance));
            }
            self.look(place);
        }
    }

    /// Finds the nearest cluster after a place.
    fn look(&mut self, place: usize) {
        let found = first_least_sum(self.distances[place], &self.hidden[place + 1..]);
        let (nearest, least) = match found {
            Some((after, least)) => ((place + 1 + after) as u32, least),
            None => (UNKNOWN, f64::INFINITY),
        };
        (self.nearest[place], self.least[place]) = (nearest, least);
    }

    /// Merges the cluster at `b` into the one at `a < b`.
    fn merge(&mut self, a: usize, b: usize, between: f64) {
        debug_assert!(a < b);
        let (linkage, size_a, size_b) = (self.linkage, self.sizes[a], self.sizes[b]);
        let updated =
            |to_a, to_b, size| linkage.updated(to_a, to_b, between, [size_a, size_b, size]);
        self.n_left -= 1;
        self.sizes[a] += size_b;
        self.sizes[b] = 0.0;
        self.hidden[b] = f64::INFINITY;
        self.least[b] = f64::INFINITY;

        self.merge_columns(a, b, updated);
        // Between a and b the distances to b stand in the column b.
        let merged = std::mem::take(&mut self.distances[a]);
        let (between_them, after) = merged.split_at_mut(b - a - 1);
        self.merge_row_and_column(a, b, between_them, updated);
        let (_, after) = after.split_first_mut().expect("the distance of a and b is one of a's");
        let sizes = &self.sizes[b + 1..];
        for ((to_a, &to_b), &size) in after.iter_mut().zip(&*self.distances[b]).zip(sizes) {
            *to_a = updated(*to_a, to_b, size);
        }
        self.distances[a] = merged;
        self.look(a);
    }

    /// Updates the distances of the clusters before `a`, which all stand in their own rows.
    fn merge_columns(&mut self, a: usize, b: usize, updated: impl Fn(f64, f64, f64) -> f64 + Sync) {
        let (work, len) = portions(a);
        let state = self.distances[..a].chunks_mut(len).zip(self.least[..a].chunks_mut(len));
        let state = state.zip(self.nearest[..a].chunks_mut(len)).zip(self.sizes[..a].chunks(len));
        parallel::for_each(state.collect(), work, |part, (((rows, least), nearest), sizes)| {
            for (i, row) in rows.iter_mut().enumerate() {
                if sizes[i] == 0.0 {
                    continue;
                }
                let first = part * len + i + 1;
                let to_a = updated(row[a - first], row[b - first], sizes[i]);
                row[a - first] = to_a;
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
    fn merge_row_and_column(
        &mut self,
        a: usize,
        b: usize,
        row: &mut [f64],
        updated: impl Fn(f64, f64, f64) -> f64 + Sync,
    ) {
        let places = a + 1..b;
        let (work, len) = portions(places.len());
        let rows = self.distances[places.clone()].chunks(len);
        let state = row.chunks_mut(len).zip(rows);
        let state = state.zip(self.nearest[places.clone()].chunks_mut(len));
        let state = state.zip(self.sizes[places].chunks(len));
        parallel::for_each(state.collect(), work, |part, (((row, rows), nearest), sizes)| {
            for (i, to_a) in row.iter_mut().enumerate() {
                if sizes[i] == 0.0 {
                    continue;
                }
                let first = a + 1 + part * len + i + 1;
                *to_a = updated(*to_a, rows[i][b - first], sizes[i]);
                if nearest[i] == b as u32 {
                    nearest[i] = UNKNOWN;
                }
            }
        });
    }

    /// Forgets the places of merged clusters if they are half of all.
    fn drop_columns(&mut self) {
        let n_places = self.rows.len();
        if 2 * self.n_left > n_places || n_places < 64 {
            return;
        }
        let left: Vec<usize> = (0..n_places).filter(|&place| self.sizes[place] > 0.0).collect();
        let mut new_place = vec![UNKNOWN; n_places];
        left.iter().enumerate().for_each(|(new, &old)| new_place[old] = new as u32);
        let rows = left.iter().map(|&place| std::mem::take(&mut self.distances[place])).collect();
        let work = left.len() * left.len();
        self.distances = parallel::map_each(rows, work, |new, row: &'a mut [f64]| {
            let after = &left[new + 1..];
            for (to, &from) in after.iter().enumerate() {
                row[to] = row[from - left[new] - 1];
            }
            &mut row[..after.len()]
        });
        let nearest = |&place: &usize| match self.nearest[place] {
            UNKNOWN => UNKNOWN,
            nearest => new_place[nearest as usize],
        };
        self.nearest = left.iter().map(nearest).collect();
        self.rows = left.iter().map(|&place| self.rows[place]).collect();
        self.sizes = left.iter().map(|&place| self.sizes[place]).collect();
        self.least = left.iter().map(|&place| self.least[place]).collect();
        self.hidden = vec![0.0; left.len()];
    }
}

/// The work of updating so many distances that lie apart in memory, and how many one thread gets.
fn portions(n: usize) -> (usize, usize) {
    // Reading from memory takes as long as some thirty multiply-adds.
    (30 * n, n.div_ceil(parallel::n_threads()).max(512))
}
