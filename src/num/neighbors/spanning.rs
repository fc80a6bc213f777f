//! The minimum spanning tree of rows by mutual reachability, or by plain distance.
//!
//! The weight of an edge is the greatest of its length and the *core distances* of its two rows; with
//! core distances of 0 it is the length, and the tree that of single linkage. Edges are ordered by
//! (weight, lower row, higher row), so the tree is unique, whichever way it is found.
//!
//! Borůvka's rounds: every row looks for its nearest row outside its component (see
//! `nearest_outside.rs`); every component takes the least edge that its rows found, and all of these join.
//!
//! Source: Borůvka 1926; March, Ram, Gray 2010 (on trees of boxes); McInnes, Healy 2017 (mutual
//! reachability); the single-tree form with lists of neighbours follows Gagolewski et al. 2025.
//! Cost: a few searches for the nearest per row in few dimensions; O(n) memory.

use std::sync::atomic::AtomicU64;

use super::edge::{KnownNearest, SpanningEdge};
use super::nearest::Nearest;
use super::nearest_outside::Round;
use super::tree::Tree;
use super::within::NONE;
use crate::num::pack::LANES;
use crate::num::parallel;
use crate::num::union_find::UnionFind;

impl Tree {
    /// The n − 1 edges of the minimum spanning tree, ascending. `core` has the reduced core distance
    /// of every row; `nearest` some nearest rows of each in this tree, best a few more than core
    /// distances count.
    pub(crate) fn spanning_tree(&self, nearest: &Nearest, core: &[f64]) -> Vec<SpanningEdge> {
        let n = self.n_rows();
        debug_assert!(core.len() == n && n > 1);
        // By place from here on, so that what lies together is read together.
        let core: Vec<f64> = parallel::map(n, 8, |place| core[self.row_at(place)]);
        let least_core = self.fold_up(&core, f64::INFINITY, f64::min);
        let mut known: Vec<KnownNearest> =
            parallel::map(n, 8, |place| KnownNearest::after(core[place]));
        let mut edges = self.stars(nearest, &core);
        let mut components = PlaceComponents::new(n);
        components.join(
            edges
                .iter()
                .map(|edge| [edge.low, edge.high].map(|row| nearest.place_of(row as usize) as u32)),
        );
        while components.n > 1 {
            let infinite = |_| AtomicU64::new(f64::INFINITY.to_bits());
            let bounds: Vec<AtomicU64> = parallel::map(components.n, 1, infinite);
            let round = Round {
                tree: self,
                nearest,
                core: &core,
                least_core: &least_core,
                components: &components.of,
                bounds: &bounds,
            };
            round.look(&mut known);
            round.search(&mut known);
            let joining = components.least_edges(&known);
            let ends = joining.iter().map(|&place| [place, known[place as usize].outside]);
            let joined = components.join(ends);
            let of_joined = joining.iter().zip(joined).filter(|(_, joined)| *joined);
            edges.extend(of_joined.map(|(&place, _)| known[place as usize].edge));
        }
        parallel::sort_by(&mut edges, SpanningEdge::order);
        edges
    }

    /// The edges of weight 0 between equal rows: a star around the first of them each. Borůvka would
    /// find them as well, but would compare all copies with all. `core` goes by place.
    fn stars(&self, nearest: &Nearest, core: &[f64]) -> Vec<SpanningEdge> {
        let is_copy = |place: &u32| {
            core[*place as usize] == 0.0 && nearest.at(*place as usize)[0].reduced == 0.0
        };
        let mut order: Vec<u32> = (0..self.n_rows() as u32).filter(is_copy).collect();
        let compare = |a: u32, b: u32| {
            let (a, b) = (self.values_at(a as usize), self.values_at(b as usize));
            a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal)
        };
        let row = |place: u32| self.row_at(place as usize) as u32;
        parallel::sort_by(&mut order, |&a, &b| compare(a, b).then(row(a).cmp(&row(b))));
        let groups = order.chunk_by(|&a, &b| compare(a, b).is_eq());
        groups
            .flat_map(|group| {
                group[1..].iter().map(|&copy| SpanningEdge::new(0.0, row(group[0]), row(copy)))
            })
            .collect()
    }

    /// What a value of every place comes to below each leaf and node, leaves first.
    fn fold_up<T: Copy>(&self, by_place: &[T], none: T, f: impl Fn(T, T) -> T) -> Vec<Vec<T>> {
        let mut levels: Vec<Vec<T>> = Vec::new();
        for level in 0..=self.n_levels() {
            let below = level.checked_sub(1).map_or(by_place, |level| &levels[level]);
            levels.push(
                below.chunks(LANES).map(|node| node.iter().copied().fold(none, &f)).collect(),
            );
        }
        levels
    }
}

/// Which component each place is in: 0, 1, … in the order of their first places, so that places that
/// lie together have components that do.
#[derive(Debug)]
struct PlaceComponents {
    of: Vec<u32>,
    n: usize,
}

impl PlaceComponents {
    /// Every place by itself.
    fn new(n: usize) -> Self {
        Self { of: parallel::map(n, 1, |place| place as u32), n }
    }

    /// Per component, the place whose edge is the least.
    fn least_edges(&self, known: &[KnownNearest]) -> Vec<u32> {
        let mut least = vec![NONE; self.n];
        for (place, (new, &component)) in known.iter().zip(&self.of).enumerate() {
            let least = &mut least[component as usize];
            let is_least = *least == NONE || new.edge.is_less(&known[*least as usize].edge);
            if new.edge.is_real() && is_least {
                *least = place as u32;
            }
        }
        debug_assert!(!least.contains(&NONE), "every component finds a row outside");
        least
    }

    /// Joins the components of pairs of places, and tells of each whether these were apart.
    fn join(&mut self, pairs: impl Iterator<Item = [u32; 2]>) -> Vec<bool> {
        let sets = UnionFind::new(self.n);
        let component = |place: u32| self.of[place as usize] as usize;
        let joined = pairs.map(|[a, b]| sets.union(component(a), component(b))).collect();
        // The root of a set is its first member, which is numbered before the others.
        let mut renumbered = vec![0; self.n];
        let mut n = 0;
        for component in 0..self.n {
            let root = sets.find(component);
            if root == component {
                renumbered[component] = n;
                n += 1;
            } else {
                renumbered[component] = renumbered[root];
            }
        }
        let of = &self.of;
        self.of = parallel::map(of.len(), 4, |place| renumbered[of[place] as usize]);
        self.n = n as usize;
        joined
    }
}

#[cfg(test)]
mod tests {
    use super::super::Metric;
    use super::*;
    use crate::num::check::{self, Rows};
    use crate::num::rng::Stream;
    use ndarray::Array2;
    use proptest::prelude::*;

    /// Kruskal over all pairs.
    fn naive(rows: &Rows<'_>, metric: Metric, core: &[f64]) -> Vec<SpanningEdge> {
        let n = rows.n_rows();
        let edge = |a: usize, b: usize| {
            let weight = metric.reduced(rows.row(a), rows.row(b)).max(core[a]).max(core[b]);
            SpanningEdge::new(weight, a as u32, b as u32)
        };
        let mut all: Vec<SpanningEdge> =
            (0..n).flat_map(|b| (0..b).map(move |a| (a, b))).map(|(a, b)| edge(a, b)).collect();
        all.sort_by(SpanningEdge::order);
        let sets = UnionFind::new(n);
        all.retain(|edge| sets.union(edge.low as usize, edge.high as usize));
        all
    }

    fn agree(x: &Array2<f64>, k: usize, min_samples: usize, metric: Metric) {
        let rows = check::rows(x.view()).unwrap();
        let tree = Tree::new(&rows, metric);
        let nearest = tree.k_nearest(k);
        let core: Vec<f64> = (0..rows.n_rows())
            .map(|row| if min_samples < 2 { 0.0 } else { nearest.of(row)[min_samples - 2].reduced })
            .collect();
        assert_eq!(tree.spanning_tree(&nearest, &core), naive(&rows, metric, &core));
    }

    #[test]
    fn the_tree_is_kruskals_on_one_thread_or_more() {
        let mut stream = Stream::new(6, 0);
        for (n, d) in [(2, 1), (17, 1), (300, 2), (700, 5)] {
            let x = Array2::from_shape_fn((n, d), |(i, _)| stream.normal() + (i % 3 * 4) as f64);
            for threads in [1, 3] {
                parallel::with_threads(threads, || {
                    agree(&x, 1, 1, Metric::Euclidean);
                    agree(&x, (n - 1).min(9), (n - 1).min(6), Metric::Euclidean);
                });
            }
        }
    }

    #[test]
    fn rows_that_differ_by_less_than_any_distance_are_joined() {
        for metric in [Metric::Euclidean, Metric::Manhattan, Metric::Chebyshev] {
            for low in [-1e-300, -0.0, -5e-324] {
                let x = ndarray::array![[33.0, 33.0, low], [33.0, 33.0, 5e-324]];
                agree(&x, 1, 1, metric);
                agree(&x, 1, 2, metric);
            }
        }
    }

    #[test]
    fn a_multitude_of_copies_is_joined_in_a_moment() {
        let x = Array2::from_shape_fn((60_000, 2), |(row, _)| (row % 3) as f64);
        let tree = Tree::new(&check::rows(x.view()).unwrap(), Metric::Euclidean);
        let edges = tree.spanning_tree(&tree.k_nearest(3), &vec![0.0; 60_000]);
        assert_eq!(edges[59_996], SpanningEdge { weight: 0.0, low: 2, high: 59_999 });
        assert_eq!(edges[59_998], SpanningEdge { weight: 2.0, low: 1, high: 2 });
    }

    proptest! {
        #[test]
        fn any_cloud_has_the_tree_of_kruskal(
            cells in prop::collection::vec(-9i32..9, 4..200),
            d in 1usize..4,
            k in 1usize..9,
            min_samples in 1usize..8,
            metric in prop::sample::select(vec![
                Metric::Euclidean, Metric::Manhattan, Metric::Chebyshev,
            ]),
        ) {
            let n = cells.len() / d;
            prop_assume!(n > k && min_samples <= k + 1);
            let x = Array2::from_shape_fn((n, d), |(i, j)| f64::from(cells[i * d + j]).powi(3));
            agree(&x, k, min_samples, metric);
        }
    }
}
