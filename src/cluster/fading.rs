//! DBSCAN of a stream whose rows fade: a bounded number of micro-clusters stand for all rows seen.
//!
//! The rule, which is ours: a row joins the micro-cluster with the nearest centre, if that is within
//! half of `eps` (of equals the oldest), and moves the centre to the weighted mean of its rows; else it
//! becomes a micro-cluster of its own. Weights halve with every half-life. When there are more
//! micro-clusters than allowed, the lightest goes (of equals the oldest). Groups are those that
//! [`Dbscan`](super::Dbscan) finds among the centres with these weights, `eps` and a least weight. A
//! question changes nothing, and a row is learned once, whatever the moment.
//!
//! Source: the idea of fading micro-clusters is that of Cao, Ester, Qian, Zhou 2006 (DenStream), whose
//! own rules differ and which libraries implement differently; forgetting is exact forward decay (see
//! [`Decay`]).
//! Cost per row: O(micro-clusters · n_features); memory the same, however long the stream.

use ndarray::{Array2, ArrayView1};
use serde::{Deserialize, Serialize};

use super::dbscan::{Dbscan, DbscanFit};
use super::eps::check_eps;
use super::online::{Age, Decay};
use crate::num::check;
use crate::{Error, Result};

/// Groups of a stream by density, where what is old counts less and less.
///
/// Approximate, and its memory is bounded; [`IncrementalDbscan`](super::IncrementalDbscan) is exact and
/// keeps every row.
///
/// ```
/// use personas::{cluster::{Decay, FadingDbscan}, ndarray::aview1};
///
/// let mut stream = FadingDbscan::new(1.0, 3.0, Decay::HalfLifePoints(50.0), 1000)?;
/// for i in 0..200 {
///     let group = if i < 100 { 0.0 } else { 20.0 };
///     stream.insert(aview1(&[group + f64::from(i % 10) * 0.1]), 0)?;
/// }
/// // A hundred rows later the first group weighs a quarter.
/// let groups = stream.groups(0)?.expect("there are rows");
/// assert_eq!(groups.labels.sizes().len(), 2);
/// // Another two hundred, and it is no longer dense.
/// for i in 0..200 {
///     stream.insert(aview1(&[20.0 + f64::from(i % 10) * 0.1]), 0)?;
/// }
/// let groups = stream.groups(0)?.expect("there are rows");
/// assert_eq!(groups.labels.sizes().len(), 1);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct FadingDbscan {
    eps: f64,
    min_weight: f64,
    decay: Decay,
    max_micro_clusters: usize,
    /// Row-major, the oldest first; none before the first row.
    centres: Vec<f64>,
    n_features: usize,
    /// As of the moment that `age` counts from.
    weights: Vec<f64>,
    age: Age,
    newest_ms: Option<i64>,
}

impl FadingDbscan {
    /// Creates a model without rows.
    ///
    /// - `eps` is the greatest distance between micro-clusters of one group, in the units of the data, above
    ///   0 and finite.
    /// - `min_weight`, above 0 and finite: a micro-cluster is dense if the micro-clusters within `eps`, itself
    ///   included, weigh that much or more. A new row weighs 1.
    /// - `decay` says how weights fade.
    /// - `max_micro_clusters`, 1 or more, bounds the memory; 1000 is a good number.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a setting out of range.
    pub fn new(eps: f64, min_weight: f64, decay: Decay, max_micro_clusters: usize) -> Result<Self> {
        check_eps(eps)?;
        if !(min_weight > 0.0 && min_weight.is_finite()) {
            return Err(Error::parameter("min_weight", "above 0 and finite", min_weight));
        }
        decay.check()?;
        if max_micro_clusters == 0 {
            return Err(Error::parameter("max_micro_clusters", "at least 1", 0));
        }
        Ok(Self {
            eps,
            min_weight,
            decay,
            max_micro_clusters,
            centres: Vec::new(),
            n_features: 0,
            weights: Vec::new(),
            age: Age::default(),
            newest_ms: None,
        })
    }

    /// Learns a row, `(n_features)`, that came at a moment, in milliseconds. A moment before the newest one
    /// counts as the newest. With a half-life in rows the moment has no effect.
    ///
    /// # Errors
    /// [`Error::DimensionMismatch`] for another number of columns than the first row;
    /// [`Error::NoColumns`], [`Error::NonFinite`], [`Error::MagnitudeTooLarge`] for a row that cannot
    /// be computed with. Nothing has changed then.
    pub fn insert(&mut self, row: ArrayView1<'_, f64>, at_ms: i64) -> Result<()> {
        let rows = row.insert_axis(ndarray::Axis(0));
        let rows = match self.weights.is_empty() {
            true => check::rows(rows)?,
            false => check::rows_of_width(rows, self.n_features)?,
        };
        let row = rows.row(0);
        self.pass(1, at_ms);
        self.n_features = row.len();
        let unit = self.age.unit(self.decay);
        // In units of eps, whose own square could leave the range of floats; of equals the oldest.
        let square = |centre: &[f64]| {
            let parts = centre.iter().zip(row).map(|(a, b)| (a - b) / self.eps);
            parts.map(|part| part * part).sum::<f64>()
        };
        let squares = self.centres.chunks_exact(row.len()).map(square).enumerate();
        let nearest = squares.min_by(|a, b| a.1.total_cmp(&b.1));
        let joined = nearest.filter(|&(_, square)| square <= 0.25).map(|(at, _)| at);
        match joined {
            Some(at) => {
                self.weights[at] += unit;
                let part = unit / self.weights[at];
                let centre = &mut self.centres[at * row.len()..][..row.len()];
                centre.iter_mut().zip(row).for_each(|(c, value)| *c += (value - *c) * part);
            }
            None => {
                self.centres.extend_from_slice(row);
                self.weights.push(unit);
            }
        }
        while self.weights.len() > self.max_micro_clusters {
            let weights = self.weights.iter().enumerate();
            let lightest = weights.min_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(at, _)| at);
            self.weights.remove(lightest);
            self.centres.drain(lightest * self.n_features..(lightest + 1) * self.n_features);
        }
        Ok(())
    }

    /// The groups as of a moment, the newest or later: labels of the micro-clusters, and a rule for new
    /// rows; none before the first row.
    ///
    /// # Errors
    /// Those of [`Dbscan::fit`](super::Dbscan::fit). They do not occur for rows that
    /// [`insert`](Self::insert) accepted.
    pub fn groups(&self, at_ms: i64) -> Result<Option<DbscanFit>> {
        if self.weights.is_empty() {
            return Ok(None);
        }
        let weights = self.weights(at_ms);
        // One unit of the count is the least weight.
        let share = |weight: &f64| (weight / self.min_weight).min(f64::MAX);
        let weights: Vec<f64> = weights.iter().map(share).collect();
        Dbscan::new(self.eps, 1).fit((&self.centres(), &weights)).map(Some)
    }

    /// The centres of the micro-clusters, `(n_micro_clusters, n_features)`, the oldest first.
    fn centres(&self) -> Array2<f64> {
        Array2::from_shape_vec((self.weights.len(), self.n_features), self.centres.clone())
            .expect("every centre has all columns")
    }

    /// How much each micro-cluster weighs at a moment, the newest or later.
    fn weights(&self, at_ms: i64) -> Vec<f64> {
        let mut later = self.clone();
        later.pass(0, at_ms);
        let unit = later.age.unit(later.decay);
        later.weights.iter().map(|weight| weight / unit).collect()
    }

    fn pass(&mut self, n_rows: usize, at_ms: i64) {
        let step = self.decay.step_of_time(self.newest_ms.unwrap_or(at_ms), at_ms);
        let faded = self.age.pass(step + self.decay.step_of_rows(n_rows), self.decay);
        self.newest_ms = Some(self.newest_ms.map_or(at_ms, |newest| newest.max(at_ms)));
        if faded < 1.0 {
            self.weights.iter_mut().for_each(|weight| *weight *= faded);
        }
    }
}

/// A [`FadingDbscan`] as it is stored, not yet checked.
#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(with = "crate::num::exact")]
    eps: f64,
    #[serde(with = "crate::num::exact")]
    min_weight: f64,
    decay: Decay,
    max_micro_clusters: usize,
    #[serde(with = "crate::num::exact")]
    centres: Vec<f64>,
    n_features: usize,
    #[serde(with = "crate::num::exact")]
    weights: Vec<f64>,
    age: Age,
    newest_ms: Option<i64>,
}

impl From<FadingDbscan> for Stored {
    fn from(stream: FadingDbscan) -> Self {
        Self {
            eps: stream.eps,
            min_weight: stream.min_weight,
            decay: stream.decay,
            max_micro_clusters: stream.max_micro_clusters,
            centres: stream.centres,
            n_features: stream.n_features,
            weights: stream.weights,
            age: stream.age,
            newest_ms: stream.newest_ms,
        }
    }
}

impl TryFrom<Stored> for FadingDbscan {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        let invalid = |reason: &'static str| Err(Error::snapshot("FadingDbscan", reason));
        let most = stored.max_micro_clusters;
        let mut new = Self::new(stored.eps, stored.min_weight, stored.decay, most)?;
        let n = stored.weights.len();
        if Some(stored.centres.len()) != n.checked_mul(stored.n_features)
            || (n > 0 && stored.n_features == 0)
            || n > most
        {
            return invalid("the centres do not fit their number");
        }
        if !stored.centres.iter().all(|v| v.abs() <= check::MAX_MAGNITUDE)
            || !stored.weights.iter().all(|w| *w >= 0.0 && w.is_finite())
            || !stored.age.fits(stored.decay)
        {
            return invalid("a centre, weight or age is out of range");
        }
        (new.centres, new.weights) = (stored.centres, stored.weights);
        (new.n_features, new.age, new.newest_ms) =
            (stored.n_features, stored.age, stored.newest_ms);
        Ok(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::aview1;

    fn learn(stream: &mut FadingDbscan, rows: &[f64], at_ms: i64) {
        rows.iter().for_each(|&row| stream.insert(aview1(&[row]), at_ms).unwrap());
    }

    #[test]
    fn near_rows_share_a_micro_cluster_and_centres_are_weighted_means() {
        let mut stream = FadingDbscan::new(2.0, 2.0, Decay::None, 1000).unwrap();
        learn(&mut stream, &[0.0, 1.0, 5.0, 5.5, 5.25], 0);
        assert_eq!(stream.centres().into_raw_vec_and_offset().0, [0.5, 5.25]);
        assert_eq!(stream.weights(0), [2.0, 3.0]);
        let groups = stream.groups(0).unwrap().unwrap();
        assert_eq!(groups.labels.n_clusters(), 2);
    }

    #[test]
    fn everything_fades_whether_questions_are_asked_or_not() {
        let day = 86_400_000;
        let mut stream = FadingDbscan::new(1.0, 2.0, Decay::HalfLifeDays(1.0), 1000).unwrap();
        learn(&mut stream, &[0.0; 8], 0);
        let asked = stream.clone();
        for hour in 0..48 {
            asked.groups(hour * day / 24).unwrap();
        }
        assert_eq!(asked, stream);
        assert_eq!(stream.weights(2 * day), [2.0]);
        assert_eq!(stream.groups(2 * day).unwrap().unwrap().labels.n_clusters(), 1);
        assert_eq!(stream.groups(2 * day + 1).unwrap().unwrap().labels.n_clusters(), 0);
        // The first row that is far from all makes a micro-cluster, also where none is light.
        learn(&mut stream, &[100.0], 2 * day);
        assert_eq!(stream.weights(2 * day), [2.0, 1.0]);
    }

    #[test]
    fn no_more_micro_clusters_are_kept_than_allowed_and_the_lightest_goes() {
        let mut stream = FadingDbscan::new(1.0, 1.0, Decay::HalfLifePoints(10.0), 3).unwrap();
        learn(&mut stream, &[0.0, 10.0, 20.0, 0.0, 30.0, 40.0], 0);
        assert_eq!(stream.centres().into_raw_vec_and_offset().0, [0.0, 30.0, 40.0]);
        let json = serde_json::to_string(&stream).unwrap();
        assert_eq!(serde_json::from_str::<FadingDbscan>(&json).unwrap(), stream);
        for (from, to) in [("\"weights\":[", "\"weights\":[1.0,"), ("\"eps\":1.0", "\"eps\":0.0")] {
            assert!(serde_json::from_str::<FadingDbscan>(&json.replace(from, to)).is_err());
        }
    }

    #[test]
    fn groups_do_not_depend_on_the_unit() {
        let groups = |unit: f64, min_weight: f64| {
            let mut stream = FadingDbscan::new(unit, min_weight, Decay::None, 1000).unwrap();
            for i in 0..60 {
                let value = f64::from(i % 3 * 50) + f64::from(i % 7) * 0.1;
                stream.insert(aview1(&[value * unit]), 0).unwrap();
            }
            (stream.weights(0), stream.groups(0).unwrap().unwrap().labels)
        };
        let plain = groups(1.0, 2.0);
        assert_eq!(plain.1.n_clusters(), 3);
        for unit in [1e-165, 1e-300, 1e100] {
            assert_eq!(groups(unit, 2.0), plain, "{unit}");
        }
        assert_eq!(groups(1.0, 1e-320).1, plain.1);
    }

    #[test]
    fn settings_and_rows_out_of_range_are_refused() {
        assert!(FadingDbscan::new(0.0, 1.0, Decay::None, 9).is_err());
        assert!(FadingDbscan::new(1.0, 0.0, Decay::None, 9).is_err());
        assert!(FadingDbscan::new(1.0, 1.0, Decay::HalfLifePoints(0.0), 9).is_err());
        let mut stream = FadingDbscan::new(1.0, 1.0, Decay::None, 9).unwrap();
        assert!(FadingDbscan::new(1.0, 1.0, Decay::None, 0).is_err());
        assert!(stream.groups(0).unwrap().is_none());
        assert!(stream.insert(aview1(&[f64::NAN]), 0).is_err());
        stream.insert(aview1(&[0.0, 1.0]), 0).unwrap();
        assert!(stream.insert(aview1(&[0.0]), 0).is_err());
        assert_eq!(stream.weights(0), [1.0]);
    }
}
