//! Density-based cluster validation: are clusters denser inside than the ways between them?
//!
//! For groups of any shape, where silhouettes mislead. The *core distance* of a row says how sparse its
//! own cluster of n rows is around it: (Σ d⁻ᵖ / (n − 1))^(−1/p) over the distances d to the others, p
//! the number of columns. Rows *reach* each other at the greatest of their distance and their two core
//! distances. In the minimum spanning tree of a cluster by reachability, rows with more than one edge
//! are *inner*. The cluster is as *sparse* as its longest edge between inner rows, and as *separate*
//! from another as their inner rows' least reachability. Its validity is (separation − sparseness) /
//! max(separation, sparseness), with the least separation; the index weighs clusters by rows.
//!
//! Source: Moulavi, Jaskowiak, Campello, Zimek, Sander 2014. What the paper leaves open: equal rows have
//! core distance 0, the limit, where hdbscan's `validity_index` drops the zero distances; trees are
//! unique by (reachability, distance, rows), so that the order of rows does not matter unless distances
//! tie, where `validity_index` moved by 0.04 when 90 rows were shuffled; without an edge
//! between inner rows all edges count, as in the authors' own program, and without inner rows (a
//! pair) all rows; a cluster of one row has no density and counts as noise.
//! Cost: O(Σ nᵢ² · d) time for core distances and trees (Prim 1957; a tree on one thread) and O(m² · d) for the separation of m inner rows; O(n)
//! memory.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::grouped::{self, Grouped};
use crate::num::check::Rows;
use crate::num::parallel;
use crate::num::portable;
use crate::num::samples::Samples;
use crate::num::tiles::{Lanes, Tiles, WIDTH};
use crate::{Error, Labels, Result};

/// How well groups of any shape are set apart by density; returned by [`dbcv`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Dbcv {
    /// The validities of the clusters, each times its share of all rows, noise included; in [−1, 1].
    /// Noise lowers the absolute value.
    pub index: f64,
    /// The validity of each cluster, in [−1, 1]: above 0, the way to the nearest other cluster is
    /// sparser than the cluster. `None` for a cluster of fewer than two rows.
    pub per_cluster: Vec<Option<f64>>,
    /// The share of rows in clusters of two or more.
    pub coverage: f64,
}

/// The density-based validity (DBCV) of a grouping of `x`, `(n_samples, n_features)`, by Euclidean
/// distance.
///
/// For the results of [`Dbscan`](crate::cluster::Dbscan) and [`Hdbscan`](crate::cluster::Hdbscan), to
/// compare settings on the same rows: noise counts against a grouping.
///
/// ```
/// use personas::{Labels, ndarray::Array2, validate};
///
/// // A ring around a ball: clear groups, but not to a silhouette.
/// let x = Array2::from_shape_fn((120, 2), |(row, column)| {
///     let turn = row as f64 * std::f64::consts::TAU / 80.0;
///     let radius = if row < 80 { 10.0 } else { (row % 7) as f64 / 4.0 };
///     radius * if column == 0 { turn.cos() } else { turn.sin() }
/// });
/// let labels = Labels::new((0..120).map(|row| Some(usize::from(row >= 80))))?;
/// let dense = validate::dbcv(&x, &labels)?;
/// assert!(dense.index > 0.6);
/// assert!(validate::silhouette(&x, &labels, validate::SilhouetteKind::Exact)?.mean < 0.3);
/// # Ok::<(), personas::Error>(())
/// ```
///
/// # Errors
/// [`Error::UndefinedMetric`] unless there are two clusters of at least two rows;
/// [`Error::DimensionMismatch`] if there is not one label per row; and as every method
/// for a matrix that is empty or not finite.
pub fn dbcv<'a>(x: impl Into<Samples<'a>>, labels: &Labels) -> Result<Dbcv> {
    let metric = "the density-based validity";
    let x = x.into().into_rows()?;
    let rows = grouped::ready(x.view(), labels, metric)?;
    let large: Vec<usize> = (0..labels.n_clusters()).filter(|&c| labels.sizes()[c] > 1).collect();
    if large.len() < 2 {
        let reason = "it compares at least 2 clusters of 2 rows or more".into();
        return Err(Error::UndefinedMetric { metric, reason });
    }
    let mut sparseness = vec![0.0; labels.n_clusters()];
    // The core distances of inner rows.
    let mut inner = vec![None; labels.len()];
    let work = rows.n_rows().saturating_mul(rows.n_rows());
    let densities = parallel::map(large.len(), work, |at| {
        let members = labels.rows_of(large[at]);
        (ClusterDensity::of(&rows.select(&members), &labels.select(&members)), members)
    });
    for (&cluster, (density, members)) in large.iter().zip(densities) {
        sparseness[cluster] = density.sparseness;
        let known = members.iter().zip(density.core).zip(density.is_inner);
        known
            .filter(|(_, is_inner)| *is_inner)
            .for_each(|((&row, core), _)| inner[row] = Some(core));
    }
    let separation = separations(&rows, labels, &inner)?;
    let n = labels.len() as f64;
    let (mut index, mut covered) = (0.0, 0);
    let mut per_cluster = vec![None; labels.n_clusters()];
    for &cluster in &large {
        let (apart, sparse) = (separation[cluster], sparseness[cluster]);
        let greater = apart.max(sparse);
        let validity = if greater > 0.0 { (apart - sparse) / greater } else { 0.0 };
        per_cluster[cluster] = Some(validity);
        index += validity * (labels.sizes()[cluster] as f64 / n);
        covered += labels.sizes()[cluster];
    }
    Ok(Dbcv { index, per_cluster, coverage: covered as f64 / n })
}

/// What the rows of one cluster say of its density.
#[derive(Debug)]
struct ClusterDensity {
    core: Vec<f64>,
    is_inner: Vec<bool>,
    sparseness: f64,
}

impl ClusterDensity {
    /// Of at least two rows, all of one cluster.
    fn of(rows: &Rows<'_>, labels: &Labels) -> Self {
        let n = rows.n_rows();
        let core = core_distances(rows, labels);
        let edges = spanning_tree(rows, &core);
        let mut degrees = vec![0; n];
        for edge in &edges {
            degrees[edge.low] += 1;
            degrees[edge.high] += 1;
        }
        let is_inner: Vec<bool> = degrees.iter().map(|&degree| degree > 1 || n == 2).collect();
        let longest = |inner: bool| {
            let counts =
                |edge: &&ReachabilityEdge| !inner || (is_inner[edge.low] && is_inner[edge.high]);
            edges.iter().filter(counts).map(|edge| edge.weight).reduce(f64::max)
        };
        let sparseness = longest(true).or(longest(false)).unwrap_or(0.0);
        Self { core, is_inner, sparseness }
    }
}

/// An edge between two rows.
#[derive(Debug, Clone, Copy)]
struct ReachabilityEdge {
    /// Mutual reachability.
    weight: f64,
    distance: f64,
    low: usize,
    high: usize,
}

impl ReachabilityEdge {
    fn new(a: usize, b: usize, distance: f64, core: &[f64]) -> Self {
        let weight = distance.max(core[a]).max(core[b]);
        Self { weight, distance, low: a.min(b), high: a.max(b) }
    }

    /// The total order of edges.
    fn order(&self, other: &Self) -> Ordering {
        let weights = self.weight.total_cmp(&other.weight);
        let distances = || self.distance.total_cmp(&other.distance);
        weights.then_with(distances).then((self.low, self.high).cmp(&(other.low, other.high)))
    }
}

/// The minimum spanning tree by mutual reachability.
fn spanning_tree(rows: &Rows<'_>, core: &[f64]) -> Vec<ReachabilityEdge> {
    let n = rows.n_rows();
    let tiles = Tiles::new(rows.iter(), rows.n_columns());
    let mut distances = vec![Lanes::FAR; n.div_ceil(WIDTH)];
    // Of every row that is not in the tree, the least edge to it. The tree begins with row 0.
    let far = ReachabilityEdge { weight: f64::INFINITY, distance: f64::INFINITY, low: n, high: n };
    let mut left: Vec<(usize, ReachabilityEdge)> = (1..n).map(|row| (row, far)).collect();
    let mut edges = Vec::with_capacity(n - 1);
    let mut newest = 0;
    while !left.is_empty() {
        tiles.distances(rows.row(newest), 0, &mut distances);
        let mut nearest = 0;
        for at in 0..left.len() {
            let (row, known) = left[at];
            let edge =
                ReachabilityEdge::new(newest, row, distances[row / WIDTH].0[row % WIDTH], core);
            if edge.order(&known).is_lt() {
                left[at].1 = edge;
            }
            if left[at].1.order(&left[nearest].1).is_lt() {
                nearest = at;
            }
        }
        let (row, edge) = left.swap_remove(nearest);
        edges.push(edge);
        newest = row;
    }
    edges
}

/// What the distances of a row to the others of its cluster come to.
#[derive(Debug, Clone)]
struct NearDistances {
    /// How many are 0; the row's own is.
    zeros: usize,
    /// The least above 0.
    least: f64,
    /// Σ (least / d)ᵖ over those above 0, in which nothing overflows.
    sum: f64,
}

/// The core distance of every row with regard to all others, at least one; all are of one cluster.
fn core_distances(rows: &Rows<'_>, labels: &Labels) -> Vec<f64> {
    let (n, p) = (rows.n_rows(), rows.n_columns());
    let all: Vec<usize> = (0..n).collect();
    let empty = NearDistances { zeros: 0, least: f64::INFINITY, sum: 0.0 };
    let add = |near: &mut NearDistances, _: usize, _: usize, run: &[f64]| {
        let above = run.iter().copied().filter(|&distance| distance > 0.0);
        let least = above.clone().fold(near.least, f64::min);
        if least < near.least {
            near.sum *= power(least / near.least, p);
            near.least = least;
        }
        near.zeros += run.len() - above.clone().count();
        near.sum += above.map(|distance| power(least / distance, p)).sum::<f64>();
    };
    Grouped::new(rows, labels).gather(&all, &empty, add, |_, near| {
        let mean = near.sum / (n - 1) as f64;
        if near.zeros > 1 { 0.0 } else { near.least * portable::pow(mean, -1.0 / p as f64) }
    })
}

/// x to a power of 1 or more, by squaring: the same bits on every CPU.
fn power(x: f64, mut exponent: usize) -> f64 {
    let (mut result, mut square) = (1.0, x);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result *= square;
        }
        square *= square;
        exponent >>= 1;
    }
    result
}

/// The least reachability from the inner rows of each cluster to those of another. `inner` has the core
/// distances of inner rows.
fn separations(rows: &Rows<'_>, labels: &Labels, inner: &[Option<f64>]) -> Result<Vec<f64>> {
    let of_inner = labels.iter().zip(inner).map(|(cluster, core)| core.and(cluster));
    let of_inner = Labels::new(of_inner)?;
    let grouped = Grouped::new(rows, &of_inner);
    let cores: Vec<f64> = grouped.order.iter().filter_map(|&row| inner[row]).collect();
    let empty = vec![f64::INFINITY; of_inner.n_clusters()];
    let add = |least: &mut Vec<f64>, cluster: usize, place: usize, run: &[f64]| {
        let reached = run.iter().zip(&cores[place..]).map(|(distance, core)| distance.max(*core));
        least[cluster] = reached.fold(least[cluster], f64::min);
    };
    let each = grouped.gather(&grouped.order, &empty, add, |row, least| {
        let own = of_inner.get(row);
        let others = least.iter().enumerate().filter(|(cluster, _)| Some(*cluster) != own);
        others
            .fold(f64::INFINITY, |least: f64, (_, other)| least.min(*other))
            .max(inner[row].unwrap_or(0.0))
    });
    let mut separation = vec![f64::INFINITY; labels.n_clusters()];
    for (&row, apart) in grouped.order.iter().zip(each) {
        if let Some(cluster) = labels.get(row) {
            separation[cluster] = separation[cluster].min(apart);
        }
    }
    Ok(separation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::rng::Stream;
    use ndarray::{Array2, Axis, array};
    use proptest::prelude::*;

    /// The paper's definitions over full matrices, the tree by Kruskal.
    fn naive(x: &Array2<f64>, labels: &Labels) -> (f64, Vec<Option<f64>>) {
        let p = x.ncols() as i32;
        let distance = |a: usize, b: usize| {
            crate::num::distance::squared(&x.row(a).to_vec(), &x.row(b).to_vec()).sqrt()
        };
        let members: Vec<Vec<usize>> =
            (0..labels.n_clusters()).map(|c| labels.rows_of(c)).collect();
        let mut core = vec![0.0; x.nrows()];
        let mut sparse = vec![0.0; members.len()];
        let mut inner = vec![Vec::new(); members.len()];
        for (cluster, rows) in members.iter().enumerate().filter(|(_, rows)| rows.len() > 1) {
            for &a in rows {
                let others = rows.iter().filter(|&&b| b != a);
                let sum: f64 = others.map(|&b| (1.0 / distance(a, b)).powi(p)).sum();
                core[a] = (sum / (rows.len() - 1) as f64).powf(-1.0 / f64::from(p));
            }
            let pairs = rows.iter().flat_map(|&b| rows.iter().map(move |&a| (a, b)));
            let mut edges: Vec<(f64, usize, usize)> = pairs
                .filter(|(a, b)| a < b)
                .map(|(a, b)| (distance(a, b).max(core[a]).max(core[b]), a, b))
                .collect();
            // Core distances are rounded otherwise here: nearly equal weights are equal.
            let key = |e: &(f64, usize, usize)| (e.0 * 1e9).round();
            edges.sort_by(|a, b| {
                let distances = distance(a.1, a.2).total_cmp(&distance(b.1, b.2));
                key(a).total_cmp(&key(b)).then(distances).then((a.1, a.2).cmp(&(b.1, b.2)))
            });
            let mut component: Vec<usize> = (0..x.nrows()).collect();
            edges.retain(|&(_, a, b)| {
                let (from, to) = (component[a], component[b]);
                component.iter_mut().filter(|c| **c == from).for_each(|c| *c = to);
                from != to
            });
            let degree = |row: usize| edges.iter().filter(|e| e.1 == row || e.2 == row).count();
            inner[cluster] = rows.iter().copied().filter(|&row| degree(row) > 1).collect();
            let mut between: Vec<f64> =
                edges.iter().filter(|e| degree(e.1) > 1 && degree(e.2) > 1).map(|e| e.0).collect();
            if between.is_empty() {
                between = edges.iter().map(|e| e.0).collect();
            }
            if inner[cluster].is_empty() {
                inner[cluster].clone_from(rows);
            }
            sparse[cluster] = between.into_iter().fold(0.0, f64::max);
        }
        let validity = |cluster: usize| {
            let others = inner.iter().enumerate().filter(|(other, _)| *other != cluster);
            let pairs = others
                .flat_map(|(_, rows)| rows)
                .flat_map(|&b| inner[cluster].iter().map(move |&a| (a, b)));
            let apart = pairs
                .map(|(a, b)| distance(a, b).max(core[a]).max(core[b]))
                .fold(f64::INFINITY, f64::min);
            let greater = apart.max(sparse[cluster]);
            if greater > 0.0 { (apart - sparse[cluster]) / greater } else { 0.0 }
        };
        let per_cluster: Vec<Option<f64>> = (0..members.len())
            .map(|cluster| (members[cluster].len() > 1).then(|| validity(cluster)))
            .collect();
        let share = |cluster: usize| members[cluster].len() as f64 / x.nrows() as f64;
        let index = (0..members.len()).map(|c| per_cluster[c].unwrap_or(0.0) * share(c)).sum();
        (index, per_cluster)
    }

    fn agree(x: &Array2<f64>, labels: &Labels) {
        let found = dbcv(x, labels).unwrap();
        let (index, per_cluster) = naive(x, labels);
        assert!((found.index - index).abs() < 1e-9, "{found:?} {index}");
        for (found, naive) in found.per_cluster.iter().zip(per_cluster) {
            assert_eq!(found.is_some(), naive.is_some());
            assert!((found.unwrap_or(0.0) - naive.unwrap_or(0.0)).abs() < 1e-9);
        }
    }

    #[test]
    fn two_short_lines_have_the_validity_worked_out_by_hand() {
        // Core distances by columns p = 1: (n − 1) / Σ 1/d. 0, 1, 2: 2/1.5 at the ends, 1 between.
        let x = array![[0.0], [1.0], [2.0], [10.0], [11.0], [12.0], [5.0]];
        let labels = Labels::new([0, 0, 0, 1, 1, 1, 9].map(|c| (c < 9).then_some(c))).unwrap();
        let found = dbcv(&x, &labels).unwrap();
        // Both edges weigh 4/3; only the middle is inner, so that all edges count; the middles lie 10
        // apart.
        let validity = (10.0 - 4.0 / 3.0) / 10.0;
        assert!(found.per_cluster.iter().all(|v| (v.unwrap() - validity).abs() < 1e-14));
        assert!((found.index - validity * 6.0 / 7.0).abs() < 1e-14);
        assert_eq!(found.coverage, 6.0 / 7.0);
    }

    /// Worked out with numpy and scipy's spanning trees, ties by distance. With ties by lot the index is
    /// from 0.706 to 0.753; hdbscan's `validity_index` says 0.756, and from 0.719 on in other orders of rows.
    #[test]
    fn three_boxes_have_the_golden_values_in_any_order() {
        // Evenly spread in boxes, by a congruential generator.
        let mut state = 1u64;
        let mut unit = move || {
            let step = state.wrapping_mul(6_364_136_223_846_793_005);
            state = step.wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let x = Array2::from_shape_fn((90, 2), |(i, j)| {
            [[0.0, 6.0, 2.0], [0.0, 1.0, 9.0]][j][i % 3] + [3.0, 2.0][j] * unit()
        });
        let labels = Labels::new((0..90).map(|i| (i % 10 > 0).then_some(i % 3))).unwrap();
        let found = dbcv(&x, &labels).unwrap();
        assert!((found.index - 0.707_827_544_775_542_2).abs() < 1e-12, "{found:?}");
        // Clusters are numbered by their first rows, 1, 2 and 3.
        let golden = [0.722_744_089_436_001_7, 0.860_795_819_246_243_2, 0.775_885_240_569_562_5];
        for (found, golden) in found.per_cluster.iter().zip(golden) {
            assert!((found.unwrap() - golden).abs() < 1e-12);
        }
    }

    #[test]
    fn rings_balls_noise_and_lone_rows_agree_with_the_definition() {
        let mut stream = Stream::new(2, 0);
        for (n, d) in [(60, 1), (200, 2), (150, 5), (90, 40)] {
            let x = Array2::from_shape_fn((n, d), |(i, _)| (i % 4) as f64 * 3.0 + stream.normal());
            let labels = (0..n).map(|i| match i {
                0..5 => None,
                5 => Some(9),
                _ => Some(i % 4),
            });
            agree(&x, &Labels::new(labels).unwrap());
        }
        // Pairs, and rows that are equal.
        let x = array![[0.0], [1.0], [7.0], [7.0], [7.0], [9.0], [30.0], [31.0]];
        agree(&x, &Labels::new([0, 0, 1, 1, 1, 1, 2, 2].map(Some)).unwrap());
    }

    #[test]
    fn no_unit_offset_or_thread_count_matters() {
        let mut stream = Stream::new(4, 0);
        let x = Array2::from_shape_fn((300, 3), |(i, _)| {
            ((i % 3) as f64 * 3.0 + stream.normal()).mul_add(1024.0, 0.0).round()
        });
        let labels = Labels::new((0..300).map(|i| (i % 10 > 0).then_some(i % 3))).unwrap();
        let plain = dbcv(&x, &labels).unwrap();
        assert_eq!(dbcv(&(&x + 1e12), &labels).unwrap(), plain);
        for unit in [1e-250, 1e100] {
            assert!((dbcv(&(&x * unit), &labels).unwrap().index - plain.index).abs() < 1e-12);
        }
        let one = crate::num::parallel::with_threads(1, || dbcv(&x, &labels).unwrap());
        assert_eq!(one, plain);
        // Rows in another order.
        let order: Vec<usize> = (0..300).map(|i| i * 7 % 300).collect();
        let moved = Labels::new(order.iter().map(|&row| labels.get(row))).unwrap();
        let index = dbcv(&x.select(Axis(0), &order), &moved).unwrap().index;
        assert!((index - plain.index).abs() < 1e-12, "{index} {}", plain.index);
    }

    #[test]
    fn copies_only_score_1_and_what_has_no_two_clusters_is_refused() {
        let x = array![[0.0], [0.0], [5.0], [5.0]];
        let two = Labels::new([0, 0, 1, 1].map(Some)).unwrap();
        assert_eq!(dbcv(&x, &two).unwrap().index, 1.0);
        assert_eq!(dbcv(&Array2::<f64>::zeros((4, 1)), &two).unwrap().index, 0.0);
        for raw in [[0, 0, 0, 0], [0, 0, 1, 9], [0, 0, 0, 1], [9, 9, 9, 9]] {
            let labels = Labels::new(raw.map(|c| (c < 9).then_some(c))).unwrap();
            assert!(matches!(dbcv(&x, &labels), Err(Error::UndefinedMetric { .. })), "{raw:?}");
        }
        assert!(matches!(
            dbcv(&x, &Labels::new([Some(0)]).unwrap()),
            Err(Error::DimensionMismatch { .. })
        ));
    }

    proptest! {
        #[test]
        fn any_grouping_agrees_with_the_definition(
            rows in prop::collection::vec((0..4usize, -9..9i32, -9..9i32), 4..40)
        ) {
            let labels = Labels::new(rows.iter().map(|r| (r.0 < 3).then_some(r.0))).unwrap();
            let x = Array2::from_shape_fn((rows.len(), 2), |(i, j)| {
                f64::from(if j == 0 { rows[i].1 } else { rows[i].2 }).powi(3)
            });
            if dbcv(&x, &labels).is_ok() {
                agree(&x, &labels);
            }
        }
    }
}
