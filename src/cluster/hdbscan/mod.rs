//! HDBSCAN: clusters at every density, of which the most persistent are kept.
//!
//! The core distance of a row is the distance to its `min_samples`-th nearest row, itself counted. Two
//! rows are mutually reachable at the greatest of their distance and their core distances. The minimum
//! spanning tree by this measure is DBSCAN at all `eps` at once; its condensed tree (`condense.rs`)
//! keeps what has `min_cluster_size` rows; of the clusters in it those are selected that last longest.
//!
//! Source: Campello, Moulavi, Sander 2013 and 2015 (outlier scores); McInnes, Healy, Astels 2017;
//! Malzer, Baum 2020 (epsilon). `min_samples` counts the row itself, as scikit-learn does and hdbscan
//! does not. Edges of equal weight are ordered by their rows, so the result is a function of the data.
//! Cost: the search for the nearest rows and a spanning tree by Borůvka (see `num/neighbors`), about
//! O(n log n) in few dimensions, at most O(n²·d) times the rounds; memory O(n·(d + min_samples)).

mod condense;
mod fitted;

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::canonical_labels::canonical_labels;
use crate::num::check;
use crate::num::neighbors::{Distances, MOST_LISTED, Metric, NONE, SpanningEdge, Tree, brute};
use crate::num::parallel;
use crate::num::samples::Samples;
use crate::num::scale::Scale;
use crate::{Error, Result};

use condense::Condensed;
pub use fitted::HdbscanFit;

/// Which clusters of the hierarchy to keep. Clusters that part at a distance below `epsilon`, in the
/// units of the data, stay together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum ClusterSelection {
    /// Those that together last longest (excess of mass): few and large where they hold together.
    ExcessOfMass {
        /// 0 or more.
        #[serde(with = "crate::num::exact")]
        epsilon: f64,
    },
    /// Those that do not split any further: many and small.
    Leaf {
        /// 0 or more.
        #[serde(with = "crate::num::exact")]
        epsilon: f64,
    },
}

impl Default for ClusterSelection {
    fn default() -> Self {
        Self::ExcessOfMass { epsilon: 0.0 }
    }
}

impl ClusterSelection {
    fn epsilon(self) -> f64 {
        let (Self::ExcessOfMass { epsilon } | Self::Leaf { epsilon }) = self;
        epsilon
    }
}

/// Finds groups of any shape and of different densities, and leaves out the rest as noise.
///
/// Unlike [`Dbscan`](crate::cluster::Dbscan) it needs no `eps`, only the least size of a group. It finds two
/// groups or more, or none: if all rows form one group, all of them are noise. A row between two groups
/// belongs weakly to the nearer one; see [`strengths`](HdbscanFit::strengths). Scale the columns first.
///
/// ```
/// use personas::{cluster::Hdbscan, ndarray::Array2};
///
/// // A dense group, a wide one, and a row farther out than they are apart.
/// let x = Array2::from_shape_fn((21, 1), |(i, _)| match i {
///     0..10 => i as f64 * 0.01,
///     10..20 => 50.0 + i as f64 * 2.0,
///     _ => 300.0,
/// });
/// let fit = Hdbscan::new(5).fit(&x)?;
/// assert_eq!(fit.labels.sizes(), [10, 10]);
/// assert_eq!(fit.labels.get(20), None);
/// assert_eq!(fit.predict(&Array2::from_elem((1, 1), 0.055))?.to_vec(), [Some(0)]);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hdbscan {
    min_cluster_size: usize,
    min_samples: Option<usize>,
    selection: ClusterSelection,
    metric: Metric,
}

impl Hdbscan {
    /// Groups have at least `min_cluster_size` rows, 2 or more.
    #[must_use]
    pub fn new(min_cluster_size: usize) -> Self {
        Self {
            min_cluster_size,
            min_samples: None,
            selection: ClusterSelection::default(),
            metric: Metric::Euclidean,
        }
    }

    /// Sets the number of rows, itself included, over which a row's density is measured; 1 or more, by default
    /// `min_cluster_size`. With a greater number, more rows are noise.
    #[must_use]
    pub fn min_samples(mut self, min_samples: usize) -> Self {
        self.min_samples = Some(min_samples);
        self
    }

    /// Which clusters to keep; excess of mass with an epsilon of 0 unless set.
    ///
    /// ```
    /// use personas::cluster::{ClusterSelection, Hdbscan};
    /// use personas::ndarray::Array2;
    ///
    /// // Two pairs of groups; those of a pair lie 5 apart.
    /// let x = Array2::from_shape_fn((40, 1), |(i, _)| {
    ///     [0.0, 5.0, 100.0, 105.0][i / 10] + (i % 10) as f64 * 0.1
    /// });
    /// let all = Hdbscan::new(5).cluster_selection(ClusterSelection::Leaf { epsilon: 0.0 });
    /// assert_eq!(all.fit(&x)?.labels.sizes().len(), 4);
    /// let joined = Hdbscan::new(5).cluster_selection(ClusterSelection::Leaf { epsilon: 10.0 });
    /// assert_eq!(joined.fit(&x)?.labels.sizes().len(), 2);
    /// # Ok::<(), personas::Error>(())
    /// ```
    #[must_use]
    pub fn cluster_selection(mut self, selection: ClusterSelection) -> Self {
        self.selection = selection;
        self
    }

    /// How distances are measured; [`Metric::Euclidean`] unless set.
    #[must_use]
    pub fn metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }

    /// Groups the rows of `x`, `(n_samples, n_features)`, or samples by their distances
    /// ([`Samples`]). All rows noise is a result, not an error.
    ///
    /// With distances the metric set does not matter, `predict` is an error, and the time is O(n²).
    ///
    /// ```
    /// use personas::{cluster::{Hdbscan, Samples}, ndarray::Array2};
    ///
    /// let place = [0.0, 1.0, 2.0, 10.0, 11.0, 12.0_f64];
    /// let distances = Array2::from_shape_fn((6, 6), |(a, b)| (place[a] - place[b]).abs());
    /// let fit = Hdbscan::new(3).min_samples(2).fit(Samples::Distances(distances.into()))?;
    /// assert_eq!(fit.labels.to_vec(), [0, 0, 0, 1, 1, 1].map(Some));
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for `min_cluster_size` below 2, `min_samples` 0 or an epsilon that
    /// is negative or not finite; [`Error::Empty`], [`Error::NoColumns`], [`Error::NonFinite`],
    /// [`Error::MagnitudeTooLarge`] for such a matrix; [`Error::TooManySamples`] from 2³² − 2 rows on;
    /// [`Error::UndefinedMetric`] for a row of zeros under [`Metric::Cosine`]. For distances as
    /// [`Dbscan::fit`](crate::cluster::Dbscan::fit).
    pub fn fit<'a>(&self, x: impl Into<Samples<'a>>) -> Result<HdbscanFit> {
        match &x.into() {
            Samples::Rows(x) => self.fit_view(x.view()),
            distances => self.fit_distances(&Distances::new(distances)?),
        }
    }

    fn fit_distances(&self, distances: &Distances<'_>) -> Result<HdbscanFit> {
        self.check()?;
        let n = distances.n_rows();
        let k = self.n_others(n);
        let core: Vec<f64> = parallel::map(n, n, |row| {
            let others = (0..n).filter(|&other| other != row);
            let near = |k| brute::nearest(others, k, |other| distances.of(row)[other]);
            if k == 0 { 0.0 } else { near(k)[k - 1].reduced }
        });
        let edges = prim(distances, &core);
        let (rows, scale) = (Vec::new(), Scale::lifting(1.0, 1.0));
        self.select(rows, 0, scale, core, &edges, |weight| weight)
    }

    fn fit_view(&self, x: ArrayView2<'_, f64>) -> Result<HdbscanFit> {
        self.check()?;
        let original = check::rows(x)?;
        let (n, width) = (original.n_rows(), original.n_columns());
        check::at_most(n, check::MAX_ROWS - 1, "Hdbscan")?;
        let kept = original.data().to_vec();
        let rows = self.metric.prepare(original)?;
        let scale = self.metric.scale(&rows, None);
        let rows = rows.times(scale.factor());
        let k = self.n_others(n);
        let (mut core, mut edges) = (vec![0.0; n], Vec::new());
        if n > 1 {
            let tree = Tree::new(&rows, self.metric);
            // A few neighbours more than core distances need answer most of Borůvka's first rounds.
            let listed = (k + MORE).min(n - 1);
            let nearest = if n.saturating_mul(listed) <= MOST_LISTED {
                let nearest = tree.k_nearest(listed);
                if k > 0 {
                    core = parallel::map(n, 1, |row| nearest.of(row)[k - 1].reduced);
                }
                nearest
            } else {
                core = tree.kth_nearest(k);
                tree.k_nearest(MORE.min(n - 1))
            };
            edges = tree.spanning_tree(&nearest, &core);
        }
        let core = core.into_iter().map(|core| self.metric.distance(core)).collect();
        let distance = |weight| self.metric.distance(weight);
        self.select(kept, width, scale, core, &edges, distance)
    }

    /// The fit of a spanning tree's ascending edges; `core` in lifted units.
    fn select(
        &self,
        rows: Vec<f64>,
        n_features: usize,
        scale: Scale,
        core: Vec<f64>,
        edges: &[SpanningEdge],
        distance: impl Fn(f64) -> f64,
    ) -> Result<HdbscanFit> {
        let n = core.len();
        let tree = Condensed::new(n, edges, self.min_cluster_size, distance);
        let mut selected = match self.selection {
            ClusterSelection::ExcessOfMass { .. } => tree.most_stable(),
            ClusterSelection::Leaf { .. } => tree.leaves(),
        };
        if self.selection.epsilon() > 0.0 {
            tree.merge_below(&mut selected, self.selection.epsilon() * scale.factor());
        }
        let holders = tree.holders(&selected);
        // Clusters are named by their first rows until they have their numbers.
        let mut first = vec![NONE; tree.clusters.len()];
        let mut claims = vec![NONE; n];
        for (row, fall) in tree.rows.iter().enumerate() {
            if let Some(holder) = holders[fall.cluster] {
                first[holder] = first[holder].min(row as u32);
                claims[row] = first[holder];
            }
        }
        let labels = canonical_labels(&claims)?;
        let densest = tree.densest();
        let part = |part: f64, whole: f64| if whole > 0.0 { (part / whole).min(1.0) } else { 1.0 };
        let strengths = tree.rows.iter().map(|fall| {
            holders[fall.cluster].map_or(0.0, |at| part(fall.lambda, tree.clusters[at].death))
        });
        let outlier_scores =
            tree.rows.iter().map(|fall| 1.0 - part(fall.lambda, densest[fall.cluster]));
        // In the order of their numbers.
        let mut chosen: Vec<usize> = (0..selected.len()).filter(|&at| selected[at]).collect();
        chosen.sort_by_key(|&at| labels.get(first[at] as usize));
        let clusters = chosen.iter().map(|&at| &tree.clusters[at]);
        let persistence =
            |cluster: &condense::Cluster| part(cluster.stability, cluster.size as f64 * densest[0]);
        Ok(HdbscanFit {
            persistence: clusters.clone().map(persistence).collect(),
            births: clusters.map(|cluster| cluster.birth).collect(),
            strengths: strengths.collect(),
            outlier_scores: outlier_scores.collect(),
            labels,
            rows,
            n_features,
            metric: self.metric,
            scale,
            n_others: self.n_others(n),
            core,
        })
    }

    /// How many other rows a core distance needs among `n` rows.
    fn n_others(&self, n: usize) -> usize {
        (self.min_samples.unwrap_or(self.min_cluster_size) - 1).min(n - 1)
    }

    fn check(&self) -> Result<()> {
        if self.min_cluster_size < 2 {
            let got = self.min_cluster_size;
            return Err(Error::parameter("min_cluster_size", "at least 2", got));
        }
        if self.min_samples == Some(0) {
            return Err(Error::parameter("min_samples", "at least 1", 0));
        }
        if !(self.selection.epsilon() >= 0.0 && self.selection.epsilon().is_finite()) {
            let expected = "0 or more and finite";
            return Err(Error::parameter("cluster_selection", expected, self.selection.epsilon()));
        }
        Ok(())
    }
}

/// Neighbours listed beyond those that core distances need.
const MORE: usize = 6;

/// The minimum spanning tree of a matrix by mutual reachability, ascending. Source: Prim 1957.
fn prim(distances: &Distances<'_>, core: &[f64]) -> Vec<SpanningEdge> {
    let n = distances.n_rows();
    let edge = |a: usize, b: usize| {
        let weight = distances.of(a)[b].max(core[a]).max(core[b]);
        SpanningEdge { weight, low: a.min(b) as u32, high: a.max(b) as u32 }
    };
    let mut left: Vec<(usize, SpanningEdge)> = (1..n).map(|row| (row, edge(0, row))).collect();
    let mut edges = Vec::with_capacity(n.saturating_sub(1));
    while let Some(at) = (0..left.len()).min_by(|&a, &b| left[a].1.order(&left[b].1)) {
        let (newest, least) = left.swap_remove(at);
        edges.push(least);
        for (row, least) in &mut left {
            let other = edge(newest, *row);
            if other.order(least).is_lt() {
                *least = other;
            }
        }
    }
    edges.sort_unstable_by(SpanningEdge::order);
    edges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Labels;
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    /// Two clouds without a pattern, three rows outside.
    fn clouds() -> Array2<f64> {
        let mut x = Array2::from_shape_fn((33, 2), |(i, j)| {
            let (turn, shift) =
                (if j == 0 { i * i * 7 % 31 } else { i * i * i * 11 % 37 }, i >= 15);
            turn as f64 / 10.0 + if shift { [9.0, (i % 3) as f64][j] } else { 0.0 }
        });
        for (row, outside) in [[5.5, 1.0], [20.0, 20.0], [4.0, 3.9]].iter().enumerate() {
            x.row_mut(30 + row).assign(&ndarray::aview1(outside));
        }
        x
    }

    #[test]
    fn labels_and_strengths_are_those_of_scikit_learn() {
        let x = clouds();
        let fit = Hdbscan::new(5).fit(&x).unwrap();
        let expected: Vec<Option<usize>> = (0..33)
            .map(|row| match row {
                31 => None,
                0..15 | 30 | 32 => Some(0),
                _ => Some(1),
            })
            .collect();
        assert_eq!(&fit.labels, &Labels::new(expected).unwrap());
        for (row, strength) in [
            (0, 0.8436614877),
            (2, 0.6957010852),
            (7, 0.6609259449),
            (15, 0.5891805818),
            (29, 0.4455814236),
            (30, 0.2971887748),
            (31, 0.0),
            (32, 0.3364370626),
        ] {
            assert!((fit.strengths[row] - strength).abs() < 1e-9, "row {row}");
        }
        let fine = Hdbscan::new(3).min_samples(2);
        let fit = fine.fit(&x).unwrap();
        assert_eq!((fit.labels.sizes(), fit.labels.n_noise()), (&[15, 10, 5][..], 3));
        for (row, strength) in [(2, 0.7294587663), (7, 0.242535625), (12, 0.367607311)] {
            assert!((fit.strengths[row] - strength).abs() < 1e-9, "row {row}");
        }
        let leaves = fine.cluster_selection(ClusterSelection::Leaf { epsilon: 0.0 });
        let fit = leaves.fit(&x).unwrap();
        assert_eq!((fit.labels.n_clusters(), fit.labels.n_noise()), (6, 9));
        // Leaves that part nearer than 1.2 are one.
        let merged =
            leaves.cluster_selection(ClusterSelection::Leaf { epsilon: 1.2 }).fit(&x).unwrap();
        assert!((2..6).contains(&merged.labels.n_clusters()));
        assert!(merged.labels.n_noise() < 9);
    }

    #[test]
    fn one_group_equal_rows_and_too_few_rows_are_noise() {
        for x in [array![[1.0]], array![[1.0], [2.0]], Array2::from_elem((40, 2), 0.3)] {
            let fit = Hdbscan::new(5).fit(&x).unwrap();
            assert_eq!(fit.labels.n_noise(), x.nrows());
            assert!(fit.strengths.iter().all(|&strength| strength == 0.0));
            assert!(fit.outlier_scores.iter().all(|score| (0.0..=1.0).contains(score)));
            assert_eq!(fit.predict(&x).unwrap().n_noise(), x.nrows());
            assert!(fit.reasons(0).unwrap().is_empty());
        }
    }

    #[test]
    fn a_row_far_from_all_is_odder_than_those_between() {
        let fit = Hdbscan::new(5).fit(&clouds()).unwrap();
        let odd = &fit.outlier_scores;
        assert!(odd[31] > odd[32] && odd[31] > 0.9 && odd[1] < 0.3);
        assert_eq!(fit.persistence.len(), 2);
        assert!(fit.persistence.iter().all(|&p| p > 0.0 && p < 1.0));
        assert_eq!(fit.reasons(31).unwrap().len(), 2);
        assert!(fit.reasons(33).is_err());
    }

    #[test]
    fn new_rows_go_where_they_are_reached_and_training_rows_keep_their_labels() {
        let x = clouds();
        let fit = Hdbscan::new(5).fit(&x).unwrap();
        assert_eq!(&fit.predict(&x).unwrap(), &fit.labels);
        let many = ndarray::concatenate![ndarray::Axis(0), x, x, x];
        let predicted = fit.predict(&many).unwrap();
        assert!(predicted.iter().enumerate().all(|(row, label)| label == fit.labels.get(row % 33)));
        let new = array![[1.2, 1.2], [10.4, 3.0], [60.0, 60.0], [-1e144, 0.0]];
        let predicted = fit.predict(&new).unwrap().to_vec();
        assert_eq!(predicted, [fit.labels.get(0), fit.labels.get(20), None, None]);
        assert!(fit.predict(&array![[0.0]]).is_err());
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let x = array![[0.0], [1.0]];
        for (method, parameter) in [
            (Hdbscan::new(1), "min_cluster_size"),
            (Hdbscan::new(2).min_samples(0), "min_samples"),
            (
                Hdbscan::new(2).cluster_selection(ClusterSelection::Leaf { epsilon: -1.0 }),
                "cluster_selection",
            ),
            (
                Hdbscan::new(2).cluster_selection(ClusterSelection::Leaf { epsilon: f64::NAN }),
                "cluster_selection",
            ),
        ] {
            let error = method.fit(&x).unwrap_err();
            assert!(matches!(error, Error::InvalidParameter { name, .. } if name == parameter));
        }
    }

    #[test]
    fn a_stored_fit_comes_back_equal_and_broken_ones_are_refused() {
        let fit = Hdbscan::new(5).fit(&clouds()).unwrap();
        let stored = serde_json::to_value(&fit).unwrap();
        assert_eq!(serde_json::from_value::<HdbscanFit>(stored.clone()).unwrap(), fit);
        for (place, forged) in [
            ("/strengths/0", "1.5"),
            ("/strengths", "[]"),
            ("/births/0", "null"),
            ("/births", "[]"),
            ("/core/3", "-1.0"),
            ("/rows", "[1.0]"),
            ("/n_features", "5"),
            ("/n_others", "33"),
            ("/persistence/1", "-0.1"),
            ("/labels/clusters/31", "1"),
        ] {
            let mut broken = stored.clone();
            *broken.pointer_mut(place).unwrap() = serde_json::from_str(forged).unwrap();
            assert!(serde_json::from_value::<HdbscanFit>(broken).is_err(), "{place} {forged}");
        }
    }

    proptest! {
        #[test]
        fn rows_and_their_distances_give_the_same_whatever_the_unit(
            cells in prop::collection::vec(-30i32..30, 4..160),
            min_cluster_size in 2usize..7,
            min_samples in 1usize..9,
            leaf: bool,
            epsilon in prop::sample::select(vec![0.0, 4.0]),
            exponent in prop::sample::select(vec![300, 460, -560]),
        ) {
            let n = cells.len() / 2;
            let x = Array2::from_shape_fn((n, 2), |(i, j)| f64::from(cells[2 * i + j]));
            let method = |unit: f64| {
                Hdbscan::new(min_cluster_size)
                    .min_samples(min_samples)
                    .metric(Metric::Manhattan)
                    .cluster_selection(match leaf {
                        true => ClusterSelection::Leaf { epsilon: epsilon * unit },
                        false => ClusterSelection::ExcessOfMass { epsilon: epsilon * unit },
                    })
            };
            let fit = method(1.0).fit(&x).unwrap();
            let distances = Array2::from_shape_fn((n, n), |(a, b)| {
                (&x.row(a) - &x.row(b)).iter().map(|v| v.abs()).sum::<f64>()
            });
            let by_distances = method(1.0).fit(Samples::Distances((&distances).into())).unwrap();
            let unit = 2f64.powi(exponent);
            let scaled = method(unit).fit(&(&x * unit)).unwrap();
            for other in [&by_distances, &scaled] {
                prop_assert_eq!(&other.labels, &fit.labels);
                for (a, b) in [
                    (&other.strengths, &fit.strengths),
                    (&other.outlier_scores, &fit.outlier_scores),
                    (&other.persistence, &fit.persistence),
                ] {
                    prop_assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12));
                }
            }
            prop_assert!(fit.labels.sizes().iter().all(|&size| size >= min_cluster_size));
            prop_assert!(fit.labels.is_canonical());
        }
    }
}
