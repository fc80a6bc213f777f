//! The rule that places a person: nearest centroid, or nearest row within reach.
//!
//! Both are "the nearest of some reference points", each of which belongs to a persona; the
//! runner-up is the nearest reference point of another persona. So one loop answers both, and why
//! a person is in one persona and not the other is a difference of two squared distances.
//!
//! Groups that leave people out need not be round, so that a centroid says nothing of who belongs: their
//! rows are the points, each with the reach of its group, and the rows left out are points of nobody. So
//! everybody who was grouped is placed where the grouping has them.
//!
//! Ties go to the earlier point. Cost per person: points · columns; of many people at once, a search on a
//! tree for each persona.

use serde::{Deserialize, Serialize};

use crate::cluster::{DbscanFit, KMeansFit};
use crate::num::check::{self, Rows};
use crate::num::distance::squared;
use crate::num::group_means::group_means;
use crate::num::neighbors::{Metric, Tree, by_neighbors};
use crate::num::parallel;
use crate::num::tiles::{Lanes, Tiles, WIDTH};
use crate::{Error, Labels, Result};

/// How the rows of a table are grouped, and how new rows are to be placed.
///
/// | made from | a new row goes to |
/// |---|---|
/// | `&KMeansFit` | the nearest centroid, as the fit itself predicts |
/// | `&DbscanFit` | the nearest core row within `eps`, else to no persona, as the fit itself predicts |
/// | `&Labels` without noise | the nearest centroid |
/// | `&Labels` with noise, as of HDBSCAN | the cluster of the nearest row, if that row is in a cluster and within its reach; else to no persona |
///
/// The reach of a cluster is the greatest distance from a member to its nearest other member. Rows are placed
/// by Euclidean distance, so a `DbscanFit` with another metric is refused; describe its labels instead.
#[derive(Debug, Clone, PartialEq)]
pub struct Grouping {
    pub(super) labels: Labels,
    kind: PlaceKind,
}

#[derive(Debug, Clone, PartialEq)]
enum PlaceKind {
    /// Centroids, row-major, and their width.
    Centroids(Vec<f64>, usize),
    /// Core rows, ascending.
    Cores {
        eps: f64,
        rows: Vec<usize>,
        metric: Metric,
    },
    Labels,
}

impl From<&KMeansFit> for Grouping {
    fn from(fit: &KMeansFit) -> Self {
        let centroids = &fit.centroids;
        let kind = PlaceKind::Centroids(centroids.iter().copied().collect(), centroids.ncols());
        Self { labels: fit.labels.clone(), kind }
    }
}

impl From<&DbscanFit> for Grouping {
    fn from(fit: &DbscanFit) -> Self {
        let rows = fit.core_rows.clone();
        let kind = PlaceKind::Cores { eps: fit.eps, rows, metric: fit.metric };
        Self { labels: fit.labels.clone(), kind }
    }
}

impl From<&Labels> for Grouping {
    fn from(labels: &Labels) -> Self {
        Self { labels: labels.clone(), kind: PlaceKind::Labels }
    }
}

impl Grouping {
    /// The rule, for the rows that were grouped.
    pub(super) fn rule(&self, rows: &Rows<'_>) -> Result<Rule> {
        let mismatch = |what: &'static str, expected, got| Error::DimensionMismatch {
            what: what.into(),
            expected,
            got,
        };
        if self.labels.len() != rows.n_rows() {
            return Err(mismatch("rows of the table", self.labels.len(), rows.n_rows()));
        }
        let n_personas = self.labels.n_clusters();
        if let Some(empty) = self.labels.sizes().iter().position(|&size| size == 0) {
            let got = format!("without one in cluster {empty}");
            return Err(Error::parameter("groups", "labels with a row in every cluster", got));
        }
        let centroids = |points| Rule {
            points,
            personas: (0..n_personas).collect(),
            reach: Vec::new(),
            outside: Vec::new(),
        };
        match &self.kind {
            PlaceKind::Centroids(_, width) if *width != rows.n_columns() => {
                Err(mismatch("columns of the matrix", *width, rows.n_columns()))
            }
            PlaceKind::Centroids(points, _) => Ok(centroids(points.clone())),
            PlaceKind::Labels if self.labels.n_noise() == 0 => Ok(centroids(group_means(
                rows.iter(),
                rows.n_columns(),
                self.labels.iter(),
                n_personas,
            ))),
            PlaceKind::Labels => Ok(of_rows(rows, &self.labels)),
            PlaceKind::Cores { metric, .. } if *metric != Metric::Euclidean => {
                let expected =
                    "by Euclidean distance; describe the labels of a fit by another metric";
                Err(Error::parameter("groups", expected, format!("{metric:?}")))
            }
            PlaceKind::Cores { eps, rows: cores, .. } => Ok(Rule {
                points: cores.iter().flat_map(|&row| rows.row(row)).copied().collect(),
                personas: cores.iter().filter_map(|&row| self.labels.get(row)).collect(),
                reach: vec![*eps; n_personas],
                outside: Vec::new(),
            }),
        }
    }
}

/// The rule whose points are the rows themselves.
fn of_rows(rows: &Rows<'_>, labels: &Labels) -> Rule {
    let (inside, outside): (Vec<usize>, Vec<usize>) =
        (0..rows.n_rows()).partition(|&row| labels.get(row).is_some());
    let reach = (0..labels.n_clusters()).map(|group| {
        let members = rows.select(&labels.rows_of(group));
        if members.n_rows() < 2 {
            return 0.0;
        }
        let nearest = Tree::new(&members, Metric::Euclidean).kth_nearest(1);
        nearest.into_iter().fold(0.0, f64::max).sqrt()
    });
    let values = |chosen: &[usize]| chosen.iter().flat_map(|&row| rows.row(row)).copied().collect();
    Rule {
        points: values(&inside),
        personas: inside.iter().filter_map(|&row| labels.get(row)).collect(),
        reach: reach.collect(),
        outside: values(&outside),
    }
}

/// Reference points, each of a persona.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Rule {
    /// Row-major.
    points: Vec<f64>,
    /// The persona of every point.
    personas: Vec<usize>,
    /// Per persona, the greatest distance at which a point of it still takes a row; empty for any.
    reach: Vec<f64>,
    /// Points of nobody, row-major: a row nearer to one of these than to all others is in no persona.
    outside: Vec<f64>,
}

/// A reference point seen from a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Near {
    pub(super) persona: usize,
    /// Squared distance.
    pub(super) distance2: f64,
    point: usize,
}

/// Where a row belongs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct NearestGroups {
    /// The nearest point of all; none without points.
    pub(super) nearest: Option<Near>,
    /// The nearest point of another persona.
    pub(super) second: Option<Near>,
    /// Whether the nearest point takes the row.
    pub(super) within: bool,
}

impl Rule {
    /// Whether the points are rows that were fitted, each with its reach.
    pub(super) fn reaches(&self) -> bool {
        !self.reach.is_empty()
    }

    /// Whether a stored rule fits its model; the reason if not.
    pub(super) fn check(
        &self,
        width: usize,
        n_personas: usize,
    ) -> std::result::Result<(), &'static str> {
        if self.personas.len().checked_mul(width) != Some(self.points.len()) {
            return Err("a reference point is incomplete");
        }
        if self.outside.len().checked_rem(width).is_none_or(|rest| rest != 0) {
            return Err("a reference point of nobody is incomplete");
        }
        let mut values = self.points.iter().chain(&self.outside);
        if values.any(|v| v.is_nan() || v.abs() > check::MAX_MAGNITUDE) {
            return Err("a reference point is not finite or too large");
        }
        if self.personas.iter().any(|&persona| persona >= n_personas) {
            return Err("a reference point belongs to no persona");
        }
        if self.reaches() && self.reach.len() != n_personas {
            return Err("a persona has no reach");
        }
        if !self.reach.iter().all(|reach| *reach >= 0.0 && reach.is_finite()) {
            return Err("the reach is not a distance");
        }
        Ok(())
    }

    /// The nearest points to a row.
    fn place(&self, row: &[f64]) -> NearestGroups {
        let points = self.points.chunks_exact(row.len());
        self.nearest(row, points.map(|values| squared(row, values)))
    }

    /// The nearest points to a row, which is at these squared distances from all of them.
    fn nearest(&self, row: &[f64], distances: impl Iterator<Item = f64>) -> NearestGroups {
        let mut best: Option<Near> = None;
        let mut second: Option<Near> = None;
        for (point, (distance2, &persona)) in distances.zip(&self.personas).enumerate() {
            let near = Near { persona, distance2, point };
            match best {
                Some(b) if near.distance2 >= b.distance2 => {
                    if persona != b.persona && second.is_none_or(|s| near.distance2 < s.distance2) {
                        second = Some(near);
                    }
                }
                _ => {
                    if let Some(b) = best.filter(|b| b.persona != persona) {
                        second = Some(b);
                    }
                    best = Some(near);
                }
            }
        }
        let nobody = self.outside.chunks_exact(row.len());
        let nobody = nobody.map(|values| squared(row, values)).fold(f64::INFINITY, f64::min);
        self.placed(best, second, nobody)
    }

    /// What `tell` makes of the [`place`](Self::place) of every row.
    pub(super) fn place_all<T: Send>(
        &self,
        rows: &Rows<'_>,
        tell: impl Fn(NearestGroups) -> T + Sync,
    ) -> Vec<T> {
        if !self.reaches() {
            return self.place_by_all_points(rows, tell);
        }
        let mut found: Vec<(Option<Near>, Option<Near>)> = vec![(None, None); rows.n_rows()];
        for persona in 0..self.reach.len() {
            let of: Vec<usize> =
                (0..self.personas.len()).filter(|&at| self.personas[at] == persona).collect();
            let points = of.iter().flat_map(|&at| self.at(at, rows.n_columns())).copied();
            let near = nearest_of(points.collect(), rows);
            for ((best, second), near) in found.iter_mut().zip(near) {
                let Some((at, distance2)) = near else { continue };
                let near = Near { persona, distance2, point: of[at] };
                let is_nearer = |other: &Near| {
                    other.distance2.total_cmp(&distance2).then(other.point.cmp(&near.point)).is_gt()
                };
                if best.as_ref().is_none_or(is_nearer) {
                    (*best, *second) = (Some(near), *best);
                } else if second.as_ref().is_none_or(is_nearer) {
                    *second = Some(near);
                }
            }
        }
        let nobody = nearest_of(self.outside.clone(), rows);
        let all = found.into_iter().zip(nobody);
        let distance2 = |near: Option<(usize, f64)>| near.map_or(f64::INFINITY, |near| near.1);
        let place = |((best, second), near)| self.placed(best, second, distance2(near));
        all.map(|found| tell(place(found))).collect()
    }

    /// [`place_all`](Self::place_all) where a row is measured to every point, sixteen of them at a time.
    fn place_by_all_points<T: Send>(
        &self,
        rows: &Rows<'_>,
        tell: impl Fn(NearestGroups) -> T + Sync,
    ) -> Vec<T> {
        if rows.n_rows() < WIDTH {
            return rows.iter().map(|row| tell(self.place(row))).collect();
        }
        let width = rows.n_columns();
        let tiles = Tiles::new(self.points.chunks_exact(width), width);
        let chunks = parallel::map_chunks(rows.n_rows(), self.points.len(), |range| {
            let mut distances = vec![Lanes::ZERO; self.personas.len().div_ceil(WIDTH)];
            let each = range.map(|row| {
                let row = rows.row(row);
                tiles.squared(row, 0, &mut distances);
                let distances = distances.iter().flat_map(|lanes| lanes.0);
                tell(self.nearest(row, distances))
            });
            each.collect::<Vec<T>>()
        });
        chunks.into_iter().flatten().collect()
    }

    /// Whether the nearest point takes a row that lies at a squared distance from the nearest point of
    /// nobody. The root is compared with the reach, as in [`Dbscan`](crate::cluster::Dbscan): the square of
    /// the reach may round the other way.
    fn placed(&self, nearest: Option<Near>, second: Option<Near>, nobody: f64) -> NearestGroups {
        let within = nearest.is_some_and(|near| {
            let reach = self.reach.get(near.persona);
            near.distance2 <= nobody && reach.is_none_or(|reach| near.distance2.sqrt() <= *reach)
        });
        NearestGroups { nearest, second, within }
    }

    /// The coordinates of a point, from a row as long as they are.
    pub(super) fn point(&self, near: Near, width: usize) -> &[f64] {
        self.at(near.point, width)
    }

    fn at(&self, point: usize, width: usize) -> &[f64] {
        &self.points[point * width..(point + 1) * width]
    }
}

impl NearestGroups {
    /// The persona of the row.
    pub(super) fn persona(self) -> Option<usize> {
        self.nearest.filter(|_| self.within).map(|near| near.persona)
    }
}

/// The nearest of some points, row-major, to each row, and its squared distance; none without points.
pub(super) fn nearest_of(points: Vec<f64>, rows: &Rows<'_>) -> Vec<Option<(usize, f64)>> {
    if points.is_empty() {
        return vec![None; rows.n_rows()];
    }
    let points = Rows::owned(points, rows.n_columns());
    by_neighbors(&points, rows, Metric::Euclidean, 1, f64::INFINITY, |_, near| {
        near.first().map(|near| (near.row as usize, near.reduced))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(points: &[f64], personas: &[usize], reach: &[f64]) -> Rule {
        let (points, personas, reach) = (points.to_vec(), personas.to_vec(), reach.to_vec());
        Rule { points, personas, reach, outside: Vec::new() }
    }

    #[test]
    fn the_runner_up_is_the_nearest_point_of_another_persona() {
        let rule = rule(&[5.0, 0.0, 2.0, 9.0], &[1, 0, 0, 2], &[]);
        let place = rule.place(&[1.0]);
        let near = |near: Option<Near>| near.map(|n| (n.persona, n.distance2));
        assert_eq!((near(place.nearest), near(place.second)), (Some((0, 1.0)), Some((1, 16.0))));
        let place = rule.place(&[8.0]);
        assert_eq!((near(place.nearest), near(place.second)), (Some((2, 1.0)), Some((1, 9.0))));
    }

    #[test]
    fn reach_is_closed_and_beyond_it_there_is_no_persona() {
        let rule = rule(&[0.0], &[0], &[1.5]);
        assert_eq!([1.5, 1.6].map(|x| rule.place(&[x]).persona()), [Some(0), None]);
        assert_eq!([1.5, 1.6].map(|x| rule.place(&[x]).within), [true, false]);
        assert_eq!(self::rule(&[], &[], &[]).place(&[1.0]).persona(), None);
    }

    #[test]
    fn a_row_nearer_to_one_that_was_left_out_is_left_out() {
        // Two groups with gaps of 1 and 2, and a row that is in none.
        let points = [0.0, 1.0, 10.0, 12.0, 2.5];
        let rows = Rows::owned(points.to_vec(), 1);
        let labels = Labels::new([Some(0), Some(0), Some(1), Some(1), None]).unwrap();
        let rule = Grouping::from(&labels).rule(&rows).unwrap();
        let placed = |x: f64| rule.place(&[x]).persona();
        assert_eq!(points.map(placed).to_vec(), labels.to_vec());
        assert_eq!([1.5, 2.0, -1.1, 8.0, 7.9].map(placed), [Some(0), None, None, Some(1), None]);
    }

    #[test]
    fn a_broken_rule_is_found() {
        assert!(rule(&[0.0, 1.0], &[0], &[]).check(2, 1).is_ok());
        for broken in [
            rule(&[0.0], &[0], &[]),
            rule(&[0.0, f64::NAN], &[0], &[]),
            rule(&[0.0, 1e200], &[0], &[]),
            rule(&[0.0, 1.0], &[1], &[]),
            rule(&[0.0, 1.0], &[0], &[-1.0]),
            rule(&[0.0, 1.0], &[0], &[f64::INFINITY]),
            rule(&[0.0, 1.0], &[0], &[1.0, 1.0]),
            Rule { outside: vec![1.0], ..rule(&[0.0, 1.0], &[0], &[1.0]) },
            Rule { outside: vec![1.0, f64::NAN], ..rule(&[0.0, 1.0], &[0], &[1.0]) },
        ] {
            assert!(broken.check(2, 1).is_err(), "{broken:?}");
        }
    }

    proptest! {
        #[test]
        fn rows_are_placed_together_as_they_are_one_by_one(
            points in prop::collection::vec((0i8..6, 0i8..6, 0u8..4), 1..60),
            asked in prop::collection::vec((0i8..8, 0i8..8), 1..90),
        ) {
            let coordinates = |x: i8, y: i8| [f64::from(x), f64::from(y)];
            let rows = points.iter().flat_map(|&(x, y, _)| coordinates(x, y)).collect();
            let labels = points.iter().map(|&(.., group)| (group > 0).then(|| usize::from(group)));
            let labels = Labels::new(labels).unwrap();
            let rule = of_rows(&Rows::owned(rows, 2), &labels);
            let asked: Vec<f64> = asked.iter().flat_map(|&(x, y)| coordinates(x, y)).collect();
            let asked = Rows::owned(asked, 2);
            let one_by_one: Vec<_> = asked.iter().map(|row| rule.place(row)).collect();
            prop_assert_eq!(rule.place_all(&asked, |place| place), one_by_one);
            // As centroids, some of one persona.
            let rule = Rule { reach: Vec::new(), outside: Vec::new(), ..rule };
            let one_by_one: Vec<_> = asked.iter().map(|row| rule.place(row)).collect();
            prop_assert_eq!(rule.place_all(&asked, |place| place), one_by_one);
        }
    }
}
