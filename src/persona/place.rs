//! The rule that places a person: nearest centroid, or nearest core row within reach.
//!
//! Both are "the nearest of some reference points", each of which belongs to a persona; the
//! runner-up is the nearest reference point of another persona. So one loop answers both, and why
//! a person is in one persona and not the other is a difference of two squared distances.
//!
//! Ties go to the earlier point. Cost per person: points · columns.

use serde::{Deserialize, Serialize};

use crate::cluster::{DbscanFit, KMeansFit};
use crate::num::check::{self, Rows};
use crate::num::distance::{nearest, squared};
use crate::num::neighbors::Metric;
use crate::{Error, Labels, Result};

/// How the rows of a table are grouped, and how new rows are to be placed.
///
/// Made from `&KMeansFit` (nearest centroid, as the fit itself predicts), `&DbscanFit` (nearest
/// core row within `eps`, else none, as the fit itself predicts) or `&Labels` of any origin
/// (nearest centroid of the labelled rows).
///
/// Rows are placed by Euclidean distance, so that a `DbscanFit` of another metric is refused: describe
/// its labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Grouping {
    pub(super) labels: Labels,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
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
        let kind = Kind::Centroids(centroids.iter().copied().collect(), centroids.ncols());
        Self { labels: fit.labels.clone(), kind }
    }
}

impl From<&DbscanFit> for Grouping {
    fn from(fit: &DbscanFit) -> Self {
        let rows = fit.core_rows.clone();
        let kind = Kind::Cores { eps: fit.eps, rows, metric: fit.metric };
        Self { labels: fit.labels.clone(), kind }
    }
}

impl From<&Labels> for Grouping {
    fn from(labels: &Labels) -> Self {
        Self { labels: labels.clone(), kind: Kind::Labels }
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
            return Err(Error::parameter("groups", "with a row in every cluster", got));
        }
        let (points, personas, reach) = match &self.kind {
            Kind::Centroids(_, width) if *width != rows.n_columns() => {
                return Err(mismatch("columns of the matrix", *width, rows.n_columns()));
            }
            Kind::Centroids(centroids, _) => (centroids.clone(), (0..n_personas).collect(), None),
            Kind::Labels => {
                (means(rows, &self.labels.to_vec(), n_personas), (0..n_personas).collect(), None)
            }
            Kind::Cores { metric, .. } if *metric != Metric::Euclidean => {
                let expected =
                    "by Euclidean distance; describe the labels of a fit by another metric";
                return Err(Error::parameter("groups", expected, format!("{metric:?}")));
            }
            Kind::Cores { eps, rows: cores, .. } => {
                let personas = cores.iter().filter_map(|&row| self.labels.get(row)).collect();
                let points = cores.iter().flat_map(|&row| rows.row(row)).copied().collect();
                (points, personas, Some(*eps))
            }
        };
        Ok(Rule { points, personas, reach })
    }
}

/// The mean of every group's rows, row-major, 0 for groups without any; sums go in row order.
pub(super) fn means(rows: &Rows<'_>, groups: &[Option<usize>], n_groups: usize) -> Vec<f64> {
    debug_assert_eq!(rows.n_rows(), groups.len());
    let width = rows.n_columns();
    let (mut means, mut sizes) = (vec![0.0; n_groups * width], vec![0usize; n_groups]);
    for (row, &group) in rows.iter().zip(groups) {
        let Some(group) = group else { continue };
        sizes[group] += 1;
        let mean = &mut means[group * width..(group + 1) * width];
        mean.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
    for (mean, &size) in means.chunks_exact_mut(width).zip(&sizes) {
        mean.iter_mut().for_each(|sum| *sum /= size.max(1) as f64);
    }
    means
}

/// Reference points, each of a persona.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Rule {
    /// Row-major.
    points: Vec<f64>,
    /// The persona of every point.
    personas: Vec<usize>,
    /// Greatest distance at which a point still takes a row; none for any.
    reach: Option<f64>,
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
    pub(super) fn n_points(&self) -> usize {
        self.personas.len()
    }

    /// Whether the points are rows that were fitted, each with its reach.
    pub(super) fn reaches(&self) -> bool {
        self.reach.is_some()
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
        if self.points.iter().any(|v| v.is_nan() || v.abs() > check::MAX_MAGNITUDE) {
            return Err("a reference point is not finite or too large");
        }
        if self.personas.iter().any(|&persona| persona >= n_personas) {
            return Err("a reference point belongs to no persona");
        }
        match self.reach {
            Some(reach) if !(reach >= 0.0 && reach.is_finite()) => {
                Err("the reach is not a distance")
            }
            _ => Ok(()),
        }
    }

    /// The nearest points to a row.
    pub(super) fn place(&self, row: &[f64]) -> NearestGroups {
        let mut best: Option<Near> = None;
        let mut second: Option<Near> = None;
        for (point, (values, &persona)) in
            self.points.chunks_exact(row.len()).zip(&self.personas).enumerate()
        {
            let near = Near { persona, distance2: squared(row, values), point };
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
        let within = best.is_some_and(|near| self.takes(near.distance2));
        NearestGroups { nearest: best, second, within }
    }

    /// The persona of a row, without the runner-up.
    pub(super) fn persona(&self, row: &[f64]) -> Option<usize> {
        if self.personas.is_empty() {
            return None;
        }
        let (point, distance2) = nearest(row, &self.points);
        self.takes(distance2).then(|| self.personas[point])
    }

    /// Whether a point takes a row at this squared distance. The root is compared, as in
    /// [`Dbscan`](crate::cluster::Dbscan): the square of the reach may round the other way.
    fn takes(&self, distance2: f64) -> bool {
        self.reach.is_none_or(|reach| distance2.sqrt() <= reach)
    }

    /// The coordinates of a point, from a row as long as they are.
    pub(super) fn point(&self, near: Near, width: usize) -> &[f64] {
        &self.points[near.point * width..(near.point + 1) * width]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(points: &[f64], personas: &[usize], reach: Option<f64>) -> Rule {
        Rule { points: points.to_vec(), personas: personas.to_vec(), reach }
    }

    #[test]
    fn the_runner_up_is_the_nearest_point_of_another_persona() {
        let rule = rule(&[5.0, 0.0, 2.0, 9.0], &[1, 0, 0, 2], None);
        let place = rule.place(&[1.0]);
        let near = |near: Option<Near>| near.map(|n| (n.persona, n.distance2));
        assert_eq!((near(place.nearest), near(place.second)), (Some((0, 1.0)), Some((1, 16.0))));
        let place = rule.place(&[8.0]);
        assert_eq!((near(place.nearest), near(place.second)), (Some((2, 1.0)), Some((1, 9.0))));
    }

    #[test]
    fn reach_is_closed_and_beyond_it_there_is_no_persona() {
        let rule = rule(&[0.0], &[0], Some(1.5));
        assert_eq!([1.5, 1.6].map(|x| rule.persona(&[x])), [Some(0), None]);
        assert_eq!([1.5, 1.6].map(|x| rule.place(&[x]).within), [true, false]);
        assert_eq!(self::rule(&[], &[], None).persona(&[1.0]), None);
    }

    #[test]
    fn a_broken_rule_is_found() {
        assert!(rule(&[0.0, 1.0], &[0], None).check(2, 1).is_ok());
        for broken in [
            rule(&[0.0], &[0], None),
            rule(&[0.0, f64::NAN], &[0], None),
            rule(&[0.0, 1e200], &[0], None),
            rule(&[0.0, 1.0], &[1], None),
            rule(&[0.0, 1.0], &[0], Some(-1.0)),
            rule(&[0.0, 1.0], &[0], Some(f64::INFINITY)),
        ] {
            assert!(broken.check(2, 1).is_err(), "{broken:?}");
        }
    }
}
