//! Archetypes: a few pure types, and every row as a mixture of them.
//!
//! Where people differ by degree, groups cut a continuum at arbitrary places. Archetypes describe it: k
//! points on the rim of the data (each itself a mixture of rows), so that mixtures of them, with parts
//! that are 0 or more and sum to 1, lie as near to all rows as they can. Least Σ w·‖x − Zᵀa‖² over
//! archetypes Z = B·X and mixtures a, where the rows of B are mixtures, too.
//!
//! Source: Cutler, Breiman 1994; starts as Mørup, Hansen 2012. Both halves of the problem are solved
//! exactly (active sets), not by penalties. From 2,048 rows on, starts are tried on a sample with
//! its extremes, and the best is improved on all rows.
//! Cost: n·k·(k + d) per turn, tens of turns, in parallel; memory 8·n·k bytes.

mod alternate;
mod hull;
mod simplex;
mod starts;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use self::alternate::{Cloud, Fitted, Mixer, products};
use self::hull::Corner;
use crate::num::check::{self, Rows};
use crate::num::columns::Columns;
use crate::num::parallel;
use crate::num::rng::Stream;
use crate::num::samples::Samples;
use crate::num::scale::Scale;
use crate::{Error, Result};

/// Archetypes at most: nobody reads more, and mixtures take 8·n·k bytes.
const MOST: usize = 256;
/// Rows on which starts are tried.
const SAMPLE: usize = 2048;
/// Directions whose ends join the sample, besides the columns.
const DIRECTIONS: usize = 32;
/// A start is improved until a turn saves less than this part of all variance …
const ROUGHLY: f64 = 1e-5;
/// … and so many of the best, until a turn saves less than this part.
const FINALISTS: usize = 3;

/// Starts whose results are held at once; any number gives the same result.
const BATCH: usize = 64;
const CLOSELY: f64 = 1e-10;
/// The same for more rows than the sample.
const CLOSELY_MANY: f64 = 1e-8;

/// Archetypal analysis: describes rows as mixtures of a few extreme types.
///
/// Scale the columns first ([`Scaler`](crate::scale::Scaler)) unless they share a unit. Extreme values become
/// archetypes, so reduce far values first, with a logarithm or ranks. More archetypes always explain more:
/// take the number after which the gain is small, and check whether other samples give the same archetypes.
///
/// ```
/// use personas::{reduce::Archetypes, ndarray::array};
///
/// // Rows between three extremes.
/// let x = array![[0.0, 0.0], [6.0, 0.0], [0.0, 6.0], [1.0, 1.0], [2.0, 1.0], [3.0, 3.0]];
/// let fit = Archetypes::new(3).fit(&x)?;
/// assert!((fit.explained_variance - 1.0).abs() < 1e-12);
/// // Row 5 is half of the one and half of the other.
/// let parts = fit.parts.row(5);
/// assert_eq!(parts.iter().filter(|part| (*part - 0.5).abs() < 1e-9).count(), 2);
/// assert!(fit.squared_distances[5] < 1e-12);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Archetypes {
    k: usize,
    n_init: usize,
    seed: u64,
}

impl Archetypes {
    /// `k` archetypes, 1 to 256; 20 starts, seed 0.
    pub fn new(k: usize) -> Self {
        Self { k, n_init: 20, seed: 0 }
    }

    /// Number of starts, at least 1; 20 unless set. Half begin at extremes, half by chance.
    #[must_use]
    pub fn n_init(mut self, n_init: usize) -> Self {
        self.n_init = n_init;
        self
    }

    /// Seed of the starts; 0 unless set. The same seed and rows give the same bits.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Finds the archetypes of `x`, `(n_samples, n_features)`.
    ///
    /// Rows may have weights: a finite number of 0 or more each. A row of weight 2 counts as the row twice;
    /// one of weight 0 only gets a mixture.
    ///
    /// ```
    /// use personas::{reduce::Archetypes, ndarray::array};
    ///
    /// let x = array![[0.0], [1.0], [2.0], [90.0]];
    /// let fit = Archetypes::new(2).fit((&x, &[1.0, 5.0, 1.0, 0.0]))?;
    /// assert_eq!(fit.archetypes.iter().copied().fold(0.0, f64::max), 2.0);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// How much k archetypes explain, against k:
    ///
    /// ```
    /// use personas::{reduce::Archetypes, ndarray::Array2};
    ///
    /// let x = Array2::from_shape_fn((60, 2), |(i, j)| ((i * (7 + 4 * j)) % 11) as f64);
    /// let explained = |k| Ok(Archetypes::new(k).fit(&x)?.explained_variance);
    /// let curve: Vec<f64> = (1..=4).map(explained).collect::<Result<_, personas::Error>>()?;
    /// assert!(curve[0].abs() < 1e-12 && curve.is_sorted());
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a number of archetypes outside 1 to 256, or no starts;
    /// [`Error::TooFewSamples`] for fewer distinct rows than archetypes; [`Error::Empty`], [`Error::NoColumns`],
    /// [`Error::NonFinite`], [`Error::MagnitudeTooLarge`] for a matrix that cannot be computed with. For weights:
    /// [`Error::DimensionMismatch`] for another number than rows, [`Error::InvalidParameter`] for one that is
    /// negative or not finite, naming its row.
    pub fn fit<'a>(&self, x: impl Into<Samples<'a>>) -> Result<ArchetypesFit> {
        let (x, weights) = x.into().split();
        let x = x.into_rows()?;
        let rows = check::rows(x.view())?;
        weights.map_or(Ok(()), |weights| check::weights(weights, rows.n_rows()))?;
        self.fit_rows(&rows, weights)
    }

    fn fit_rows(&self, given: &Rows<'_>, weights: Option<&[f64]>) -> Result<ArchetypesFit> {
        if !(1..=MOST).contains(&self.k) {
            return Err(Error::parameter("k", "between 1 and 256", self.k));
        }
        if self.n_init == 0 {
            return Err(Error::parameter("n_init", "at least 1", 0));
        }
        // Rows that count, centred and lifted; weights as parts of the greatest.
        let counting: Vec<usize> = match weights {
            None => (0..given.n_rows()).collect(),
            Some(weights) => (0..given.n_rows()).filter(|&row| weights[row] > 0.0).collect(),
        };
        let greatest = weights.map_or(1.0, |w| w.iter().copied().fold(0.0, f64::max));
        let parts: Vec<f64> =
            counting.iter().map(|&row| weights.map_or(1.0, |w| w[row] / greatest)).collect();
        let too_few = || Error::TooFewSamples {
            what: "Archetypes (distinct rows)",
            needed: self.k,
            got: distinct(given, &counting, self.k),
        };
        if counting.len() < self.k {
            return Err(too_few());
        }
        let chosen = given.select(&counting);
        let columns = Columns::of(&chosen);
        let factor = Scale::spanning(&columns, None).factor();
        let rows = chosen.minus(&columns.means).times(factor);
        let cloud = Cloud::new(&rows, &parts);
        let fitted = self.best(&cloud).ok_or_else(too_few)?;
        let places = fitted.corners.iter().flat_map(|corner| {
            corner.at.iter().zip(&columns.means).map(|(v, mean)| v / factor + mean)
        });
        let shape = (self.k, given.n_columns());
        let archetypes = Array2::from_shape_vec(shape, places.collect()).expect("whole rows");
        let made_of = fitted.corners.iter().map(|corner| {
            corner.of.iter().map(|&(row, part)| (counting[row], part)).collect::<Vec<_>>()
        });
        ArchetypesFit::new(
            given,
            weights,
            archetypes,
            made_of.collect(),
            cloud.total,
            factor,
            greatest,
        )
    }

    /// The best of all starts; `None` if there are fewer different rows than archetypes.
    fn best(&self, cloud: &Cloud<'_>) -> Option<Fitted> {
        if cloud.rows.n_rows() > SAMPLE {
            let chosen = sample(cloud, self.seed);
            let rows = cloud.rows.select(&chosen);
            // The sample stands for all rows; an extreme stands for itself.
            let heavy = cloud.rows.n_rows() as f64 / SAMPLE as f64;
            let weight = |(at, &row): (usize, &usize)| {
                cloud.weights[row] * if at < SAMPLE { heavy } else { 1.0 }
            };
            let weights: Vec<f64> = chosen.iter().enumerate().map(weight).collect();
            if let Some(found) = self.search(&Cloud::new(&rows, &weights)) {
                let of_all = found.corners.into_iter().map(|corner| Corner {
                    of: sorted(corner.of.iter().map(|&(row, part)| (chosen[row], part))),
                    at: corner.at,
                });
                return Some(cloud.improve(of_all.collect(), CLOSELY_MANY));
            }
        }
        self.search(cloud)
    }

    fn search(&self, cloud: &Cloud<'_>) -> Option<Fitted> {
        let work = cloud.rows.data().len().saturating_mul(self.k);
        let start = |index: usize| {
            let mut stream = Stream::new(self.seed, index as u64);
            let chosen = if index.is_multiple_of(2) {
                starts::furthest_sum(cloud.rows, self.k, &mut stream)
            } else {
                starts::plus_plus(cloud.rows, cloud.weights, self.k, &mut stream)
            }?;
            let corners = chosen.iter().map(|&row| Corner::row(cloud.rows, row)).collect();
            Some(cloud.improve(corners, ROUGHLY))
        };
        let mut rough: Vec<Fitted> = Vec::new();
        for first in (0..self.n_init).step_by(BATCH) {
            let batch = (self.n_init - first).min(BATCH);
            for fitted in parallel::map(batch, work, |at| start(first + at)) {
                rough.push(fitted?);
            }
            rough.sort_by(|a, b| a.residual.total_cmp(&b.residual));
            rough.truncate(FINALISTS);
        }
        let close = rough.into_iter().map(|fitted| cloud.improve(fitted.corners, CLOSELY));
        close.min_by(|a, b| a.residual.total_cmp(&b.residual))
    }
}

/// How many different rows there are, counted up to `enough`.
fn distinct(rows: &Rows<'_>, counting: &[usize], enough: usize) -> usize {
    let mut found: Vec<usize> = Vec::new();
    for &row in counting {
        if found.len() == enough {
            break;
        }
        if found.iter().all(|&other| rows.row(other) != rows.row(row)) {
            found.push(row);
        }
    }
    found.len()
}

fn sorted(pairs: impl Iterator<Item = (usize, f64)>) -> Vec<(usize, f64)> {
    let mut pairs: Vec<(usize, f64)> = pairs.collect();
    pairs.sort_unstable_by_key(|&(row, _)| row);
    pairs
}

/// Rows drawn at random, then the ends of the columns and of random directions.
fn sample(cloud: &Cloud<'_>, seed: u64) -> Vec<usize> {
    let (rows, d) = (cloud.rows, cloud.rows.n_columns());
    let mut stream = Stream::new(seed, u64::MAX);
    let mut chosen = stream.sample(rows.n_rows(), SAMPLE);
    let mut taken = vec![false; rows.n_rows()];
    chosen.iter().for_each(|&row| taken[row] = true);
    let mut directions: Vec<Vec<f64>> =
        (0..DIRECTIONS).map(|_| (0..d).map(|_| stream.normal()).collect()).collect();
    for column in 0..d.min(SAMPLE / 4) {
        directions.push((0..d).map(|other| f64::from(u8::from(other == column))).collect());
    }
    for direction in &directions {
        let against: Vec<f64> = direction.iter().map(|v| -v).collect();
        for direction in [direction, &against] {
            let (row, _) = hull::farthest(rows, direction);
            if !std::mem::replace(&mut taken[row], true) {
                chosen.push(row);
            }
        }
    }
    chosen
}

/// Archetypes, what they are made of, and what the rows are made of; returned by [`Archetypes::fit`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
#[non_exhaustive]
pub struct ArchetypesFit {
    /// The archetypes, `(k, n_features)`, in the units of the matrix; the one of which the rows are
    /// made most comes first.
    #[serde(with = "crate::num::exact")]
    pub archetypes: Array2<f64>,
    /// The rows that each archetype is a mixture of, with their parts, ascending by row. An archetype
    /// of a single row is that row: no type, but an outlier or a person.
    #[serde(with = "crate::num::exact")]
    pub made_of: Vec<Vec<(usize, f64)>>,
    /// The part of every archetype in every row of the fit, `(n_samples, k)`; each row is 0 or more and
    /// sums to 1.
    #[serde(with = "crate::num::exact")]
    pub parts: Array2<f64>,
    /// The squared distance of every row of the fit to its mixture: 0 inside the archetypes' hull. A row
    /// far outside has a mixture like any other, so look here, too.
    #[serde(with = "crate::num::exact")]
    pub squared_distances: Vec<f64>,
    /// Weighted sum of the rows' squared distances to their mixtures.
    #[serde(with = "crate::num::exact")]
    pub residual: f64,
    /// The share of the squared distances to the mean that the mixtures explain, in [0, 1]; 0 for one
    /// archetype, and 1 if all rows are equal.
    #[serde(with = "crate::num::exact")]
    pub explained_variance: f64,
}

/// Rows as mixtures of archetypes.
struct Mixtures {
    parts: Array2<f64>,
    squared_distances: Vec<f64>,
}

impl ArchetypesFit {
    /// Orders the archetypes and mixes the rows.
    fn new(
        given: &Rows<'_>,
        weights: Option<&[f64]>,
        archetypes: Array2<f64>,
        made_of: Vec<Vec<(usize, f64)>>,
        total: f64,
        factor: f64,
        greatest: f64,
    ) -> Result<Self> {
        let parts = mix(&archetypes, given)?.0.parts;
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row] / greatest);
        let mut shares = vec![0.0; archetypes.nrows()];
        for (row, parts) in parts.rows().into_iter().enumerate() {
            shares.iter_mut().zip(parts).for_each(|(share, part)| *share += weight(row) * part);
        }
        let mut order: Vec<usize> = (0..shares.len()).collect();
        order.sort_by(|&a, &b| {
            let values = |j: usize| archetypes.row(j).to_vec();
            let by_value =
                || values(a).partial_cmp(&values(b)).unwrap_or(std::cmp::Ordering::Equal);
            shares[b].total_cmp(&shares[a]).then_with(by_value)
        });
        let archetypes = archetypes.select(ndarray::Axis(0), &order);
        // Once more in the new order, so that `transform` gives the same bits.
        let (mixtures, squares) = mix(&archetypes, given)?;
        let squares = squares.iter().enumerate();
        let lifted: f64 = squares.map(|(row, square)| weight(row) * square).sum();
        let residual = lifted / factor / factor * greatest;
        if !residual.is_finite() {
            let expected = "small enough for the residual to be stored";
            return Err(Error::parameter("weights", expected, greatest));
        }
        Ok(Self {
            archetypes,
            made_of: order.iter().map(|&j| made_of[j].clone()).collect(),
            parts: mixtures.parts,
            squared_distances: mixtures.squared_distances,
            residual,
            explained_variance: if total > 0.0 { (1.0 - lifted / total).max(0.0) } else { 1.0 },
        })
    }

    /// Rows of `x`, `(n_samples, n_features)`, as mixtures of the archetypes: the part of each,
    /// `(n_samples, k)`. Those of the fit get the same bits. The mixtures themselves are
    /// `parts.dot(&fit.archetypes)`.
    ///
    /// With more than n_features + 1 archetypes, several mixtures can be equally near; the result uses as few
    /// archetypes as possible.
    ///
    /// ```
    /// use personas::{reduce::Archetypes, ndarray::array};
    ///
    /// let fit = Archetypes::new(2).fit(&array![[0.0], [4.0], [1.0], [2.0]])?;
    /// let parts = fit.transform(&array![[6.0]])?;
    /// assert_eq!(parts.iter().filter(|part| **part == 1.0).count(), 1);
    /// assert_eq!(parts.dot(&fit.archetypes), array![[4.0]]);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::DimensionMismatch`] for another number of columns than in the fit; else as
    /// [`Archetypes::fit`].
    pub fn transform<'a>(&self, x: impl Into<Samples<'a>>) -> Result<Array2<f64>> {
        mix(
            &self.archetypes,
            &check::rows_of_width(x.into().into_rows()?.view(), self.archetypes.ncols())?,
        )
        .map(|(mixtures, _)| mixtures.parts)
    }
}

/// An [`ArchetypesFit`] as it is stored, not yet checked; its fields in the same order.
#[derive(Deserialize)]
struct Stored {
    #[serde(with = "crate::num::exact")]
    archetypes: Array2<f64>,
    #[serde(with = "crate::num::exact")]
    made_of: Vec<Vec<(usize, f64)>>,
    #[serde(with = "crate::num::exact")]
    parts: Array2<f64>,
    #[serde(with = "crate::num::exact")]
    squared_distances: Vec<f64>,
    #[serde(with = "crate::num::exact")]
    residual: f64,
    #[serde(with = "crate::num::exact")]
    explained_variance: f64,
}

impl TryFrom<Stored> for ArchetypesFit {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        let Stored { archetypes, made_of, parts, squared_distances, .. } = stored;
        let Stored { residual, explained_variance, .. } = stored;
        let invalid = |reason: &'static str| Error::snapshot("ArchetypesFit", reason);
        check::rows(archetypes.view()).map_err(|_| invalid("an archetype has no place"))?;
        let (k, (n, width)) = (archetypes.nrows(), parts.dim());
        if made_of.len() != k || width != k || squared_distances.len() != n {
            return Err(invalid("its parts differ in length"));
        }
        let is_share = |part: &f64| (0.0..=1.0).contains(part);
        let is_mixture = |of: &Vec<(usize, f64)>| {
            of.is_sorted_by(|a, b| a.0 < b.0)
                && of.iter().all(|(row, part)| *row < n && is_share(part))
        };
        if !made_of.iter().all(is_mixture) || !parts.iter().all(is_share) {
            return Err(invalid("a part is outside [0, 1], or of a row that is not there"));
        }
        let is_square = |square: &f64| *square >= 0.0 && square.is_finite();
        let squares = squared_distances.iter().chain([&residual]);
        if !squares.into_iter().all(is_square) || !is_share(&explained_variance) {
            return Err(invalid("a distance or a share is out of range"));
        }
        Ok(Self { archetypes, made_of, parts, squared_distances, residual, explained_variance })
    }
}

/// The best mixtures of `archetypes`, seen from their middle, and the squared distances as lifted.
fn mix(archetypes: &Array2<f64>, x: &Rows<'_>) -> Result<(Mixtures, Vec<f64>)> {
    let places = check::rows(archetypes.view())?;
    let (k, d) = (places.n_rows(), places.n_columns());
    let columns = Columns::of(&places);
    let factor = Scale::spanning(&columns, Some(x)).factor();
    let places = places.minus(&columns.means).times(factor);
    let gram = products(places.data(), d);
    let chunks = parallel::map_chunks(x.n_rows(), k * (k + d + 8), |range| {
        let mut mixer = Mixer::new(places.data(), &gram, d);
        let (mut parts, mut squares) = (vec![0.0; range.len() * k], Vec::new());
        let mut seen = vec![0.0; d];
        for (row, a) in x.range(range).chunks_exact(d).zip(parts.chunks_exact_mut(k)) {
            for ((seen, v), mean) in seen.iter_mut().zip(row).zip(&columns.means) {
                *seen = (v - mean) * factor;
            }
            squares.push(mixer.mix(&seen, a));
        }
        (parts, squares)
    });
    let (mut parts, mut lifted) = (Vec::new(), Vec::new());
    for (some, squares) in chunks {
        parts.extend(some);
        lifted.extend(squares);
    }
    let parts = Array2::from_shape_vec((x.n_rows(), k), parts).expect("whole rows");
    let squared_distances = lifted.iter().map(|square| square / factor / factor).collect();
    Ok((Mixtures { parts, squared_distances }, lifted))
}

#[cfg(test)]
mod tests;
