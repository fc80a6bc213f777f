//! k-means for many k, on a number of rows that bounds the cost: what all choices of k share.

use std::ops::RangeInclusive;

use ndarray::ArrayView2;

use crate::cluster::{KMeans, KMeansFit};
use crate::num::check::Rows;
use crate::num::rng::Stream;
use crate::{Error, Result};

/// Clusters looked for at most: every pair of them has a valley between.
const MOST_CLUSTERS: usize = 1000;
/// Rows judged at most, unless more than 200 clusters are looked for. A group of 1 % still has 20 of them.
pub(super) const MAX_ROWS: usize = 2000;
/// Runs of k-means per fit: for the data themselves, enough that the best grouping hardly depends on
/// the seed; ...
pub(super) const MANY_RUNS: usize = 20;
/// ... for clouds, resamples and halves, of which there are many.
pub(super) const RUNS: usize = 5;
/// Resamples, splits or references at most: each keeps a result of its own.
const MAX_TRIALS: usize = 1_000_000;

/// What random numbers are for: streams of different purposes never meet.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    Rows = 1,
    Cloud = 2,
    Uniform = 3,
    Halves = 4,
    Resample = 5,
    Groups = 6,
}

pub(super) fn stream(seed: u64, purpose: Purpose, index: usize) -> Stream {
    Stream::new(seed, ((purpose as u64) << 32) | index as u64)
}

/// Whole rows, one after the other, as a matrix.
pub(super) fn view(data: &[f64], n_columns: usize) -> ArrayView2<'_, f64> {
    ArrayView2::from_shape((data.len() / n_columns, n_columns), data)
        .expect("whole rows, one after the other")
}

/// Refuses a range that is empty, starts below `least` or ends above [`MOST_CLUSTERS`], and fewer rows
/// than `needed` by `what`.
pub(super) fn check_range(
    range: &RangeInclusive<usize>,
    least: usize,
    n_rows: usize,
    (what, needed): (&'static str, usize),
) -> Result<()> {
    let refused = |expected: String| {
        let got = format!("{}..={}", range.start(), range.end());
        Err(Error::parameter("range", expected, got))
    };
    let clusters = if least == 1 { "1 cluster" } else { "2 clusters" };
    if range.is_empty() || *range.start() < least {
        return refused(format!("not empty and from {clusters} on"));
    }
    if needed > n_rows {
        return Err(Error::TooFewSamples { what, needed, got: n_rows });
    }
    if *range.end() > MOST_CLUSTERS {
        return refused(format!("up to {MOST_CLUSTERS} clusters"));
    }
    Ok(())
}

/// How many rows are judged: all, or 2,000 if there are more; ten per cluster where more than 200, up to `last`, are
/// looked for, as many clusters need more rows to be seen at all.
pub(super) fn n_judged(rows: &Rows<'_>, last: usize) -> usize {
    rows.n_rows().min(MAX_ROWS.max(last.saturating_mul(10)))
}

/// All rows, or as many as are judged, drawn at random. Each `draw` is another.
pub(super) fn judged<'a>(rows: &Rows<'a>, last: usize, seed: u64, draw: usize) -> Rows<'a> {
    let n = n_judged(rows, last);
    if n == rows.n_rows() {
        return rows.clone();
    }
    rows.select(&stream(seed, Purpose::Rows, draw).rows(rows.n_rows(), n))
}

/// Refuses a number of trials below `least`, or one whose results would fill memory.
pub(super) fn check_count(name: &'static str, count: usize, least: usize) -> Result<()> {
    let expected = match least {
        1 => "from 1 to 1000000",
        _ => "from 2 to 1000000",
    };
    if (least..=MAX_TRIALS).contains(&count) {
        Ok(())
    } else {
        Err(Error::parameter(name, expected, count))
    }
}

/// k-means with k clusters; `None` if there are fewer distinct rows.
pub(super) fn fit(
    x: ArrayView2<'_, f64>,
    k: usize,
    runs: usize,
    seed: u64,
) -> Result<Option<KMeansFit>> {
    match KMeans::new(k).n_init(runs).seed(seed).fit(x) {
        Ok(fit) => Ok(Some(fit)),
        Err(Error::TooFewSamples { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// k-means with k, or with as many clusters as there are distinct rows.
pub(super) fn fit_at_most(x: ArrayView2<'_, f64>, k: usize, seed: u64) -> Result<KMeansFit> {
    match KMeans::new(k.min(x.nrows())).n_init(RUNS).seed(seed).fit(x) {
        Err(Error::TooFewSamples { got, .. }) if got > 0 && got < k => {
            KMeans::new(got).n_init(RUNS).seed(seed).fit(x)
        }
        other => other,
    }
}
