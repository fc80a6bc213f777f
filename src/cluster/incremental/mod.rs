//! DBSCAN of rows that come and go, equal to [`Dbscan`](super::Dbscan) on what is there after every
//! step.
//!
//! Kept are every row's number of neighbours, the component of every core row, and, of every other
//! row, its neighbours, which are fewer than `min_samples`. A new row is one search: it may make rows
//! core, whose neighbours are known, and join components (`components.rs`). A removed row may cost
//! others their core state; if the core rows around them still reach each other near by, the component
//! holds, else it is searched from all of them at once until they meet or one part is exhausted.
//! Labels are made when asked for.
//!
//! Source: Ester, Kriegel, Sander, Wimmer, Xu 1998. A search expands as far as the component goes, not
//! one hop, and a question changes nothing.
//! Cost: an insertion one search among the rows (`num/neighbors/buckets.rs`), a removal a few, at worst
//! one for every row of its component; labels O(n·min_samples); memory O(n·(d + min_samples)).

mod components;
mod stored;
mod window;

use std::collections::{BTreeMap, BTreeSet};

use ndarray::{Array2, ArrayView1};
use serde::{Deserialize, Serialize};

use super::claims::labels_of_claims;
use super::eps::check_eps;
use crate::num::check;
use crate::num::neighbors::{Buckets, Metric, NONE};
use crate::num::scale::Scale;
use crate::{Error, Labels, Result};

use components::{Components, Parts, groups_near_by};
use stored::Stored;
pub use window::Window;

/// DBSCAN that takes rows one by one and lets them go again, exact after every step.
///
/// ```
/// use personas::{cluster::IncrementalDbscan, ndarray::aview1};
///
/// let mut groups = IncrementalDbscan::new(1.0, 2)?;
/// let rows = [0.0, 0.9, 1.8, 9.0].map(|v| groups.insert(aview1(&[v])));
/// assert_eq!(groups.labels()?.to_vec(), [Some(0), Some(0), Some(0), None]);
/// // Without the row in the middle, the others no longer reach each other.
/// groups.remove(rows[1].clone()?);
/// assert_eq!(groups.labels()?.to_vec(), [None, None, None]);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct IncrementalDbscan {
    eps: f64,
    min_samples: usize,
    metric: Metric,
    window: Window,
    scale: Scale,
    /// Reduced and scaled.
    radius: f64,
    /// None until the first row comes.
    buckets: Option<Buckets>,
    slots: Vec<Slot>,
    /// Slots without a row.
    free: Vec<u32>,
    components: Components,
    /// Slots by number, and numbers by moment.
    by_number: BTreeMap<u64, u32>,
    by_moment: BTreeSet<(i64, u64)>,
    next_number: u64,
    newest: i64,
}

/// What is known of a row.
#[derive(Debug, Clone, Default)]
struct Slot {
    at: i64,
    /// Rows within eps, itself included.
    count: usize,
    /// If it is not core, the slots of the other rows within eps.
    near: Vec<u32>,
}

/// Scaled values stay below 2¹⁰⁰⁰.
const ROOM: f64 = 1.071_508_607_186_267_3e301;

impl IncrementalDbscan {
    /// Without rows. `eps` and `min_samples` as of [`Dbscan`](super::Dbscan).
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for an `eps` that is not above 0 and finite or `min_samples` 0.
    pub fn new(eps: f64, min_samples: usize) -> Result<Self> {
        check_eps(eps)?;
        if min_samples == 0 {
            return Err(Error::parameter("min_samples", "at least 1", 0));
        }
        let mut new = Self {
            eps,
            min_samples,
            metric: Metric::Euclidean,
            window: Window::All,
            scale: Scale::lifting(1.0, 1.0),
            radius: 0.0,
            buckets: None,
            slots: Vec::new(),
            free: Vec::new(),
            components: Components::default(),
            by_number: BTreeMap::new(),
            by_moment: BTreeSet::new(),
            next_number: 0,
            newest: i64::MIN,
        };
        new.measure();
        Ok(new)
    }

    /// How distances are measured; [`Metric::Euclidean`] unless set. Only before the first row.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if there have been rows.
    pub fn metric(mut self, metric: Metric) -> Result<Self> {
        if self.buckets.is_some() {
            return Err(Error::parameter("metric", "set before the first row", "set after it"));
        }
        self.metric = metric;
        self.measure();
        Ok(self)
    }

    /// Which rows stay; [`Window::All`] unless set. Rows outside go when the next row comes.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a window of no rows or of a negative span.
    pub fn window(mut self, window: Window) -> Result<Self> {
        window.check()?;
        self.window = window;
        Ok(self)
    }

    fn measure(&mut self) {
        let eps = if self.metric == Metric::Cosine { 1.0 } else { self.eps };
        self.scale = Scale::lifting(eps, 1.0);
        self.radius = self.metric.radius(self.eps * self.scale.factor());
    }

    /// Adds a row at the moment of the newest one; its number, by which it can be removed.
    ///
    /// # Errors
    /// As [`insert_at`](Self::insert_at).
    pub fn insert(&mut self, row: ArrayView1<'_, f64>) -> Result<u64> {
        self.insert_at(row, self.newest)
    }

    /// Adds a row at a moment, in any unit of time, and removes those that are outside the window
    /// then: of rows of one moment the first goes first. Moments may come in any order. A row that is
    /// outside at once goes at once. Numbers are 0, 1, 2, …
    ///
    /// # Errors
    /// [`Error::DimensionMismatch`] for another number of columns than the first row;
    /// [`Error::NoColumns`], [`Error::NonFinite`], [`Error::MagnitudeTooLarge`],
    /// [`Error::UndefinedMetric`] for a row that cannot be computed with;
    /// [`Error::TooManySamples`] for more than 2³² − 2 rows at a time. Nothing has changed then.
    pub fn insert_at(&mut self, row: ArrayView1<'_, f64>, at: i64) -> Result<u64> {
        let row = self.prepared(row)?;
        let limit = u32::MAX as usize - 2;
        if self.by_number.len() == limit {
            return Err(Error::TooManySamples { what: "IncrementalDbscan", limit, got: limit + 1 });
        }
        let number = self.next_number;
        self.next_number += 1;
        self.newest = self.newest.max(at);
        self.add(number, at, &row);
        self.expire();
        Ok(number)
    }

    /// Removes a row; whether it was there.
    pub fn remove(&mut self, number: u64) -> bool {
        let Some(slot) = self.by_number.remove(&number) else { return false };
        self.by_moment.remove(&(self.slots[slot as usize].at, number));
        self.take_out(slot);
        true
    }

    /// The numbers of the rows that are there, ascending: the order of [`labels`](Self::labels).
    pub fn numbers(&self) -> impl ExactSizeIterator<Item = u64> + '_ {
        self.by_number.keys().copied()
    }

    /// The cluster of every row that is there, in the order they came: what
    /// [`Dbscan::fit`](super::Dbscan::fit) finds for them.
    ///
    /// # Errors
    /// [`Error::TooManySamples`] from 2³² − 1 rows on.
    pub fn labels(&self) -> Result<Labels> {
        // A component is named by its first core row.
        let mut first = vec![NONE; self.components.n_names()];
        for (row, &slot) in self.by_number.values().enumerate() {
            if let Some(component) = self.components.of(slot) {
                let first = &mut first[component];
                *first = (*first).min(row as u32);
            }
        }
        let name = |slot: u32| self.components.of(slot).map(|component| first[component]);
        let claim = |&slot: &u32| {
            let near = &self.slots[slot as usize].near;
            let lowest = || near.iter().filter_map(|&near| name(near)).min();
            name(slot).or_else(lowest).unwrap_or(NONE)
        };
        labels_of_claims(&self.by_number.values().map(claim).collect::<Vec<u32>>())
    }

    /// The row as its distances are taken.
    fn prepared(&self, row: ArrayView1<'_, f64>) -> Result<Vec<f64>> {
        let rows = row.insert_axis(ndarray::Axis(0));
        let rows = match &self.buckets {
            Some(buckets) => check::rows_of_width(rows, buckets.width())?,
            None => check::rows(rows)?,
        };
        let rows = self.metric.prepare(rows)?;
        let factor = self.scale.factor();
        let limit = ROOM / factor;
        let values = rows.row(0);
        if let Some(column) = values.iter().position(|value| value.abs() > limit) {
            return Err(Error::MagnitudeTooLarge { row: 0, column, value: values[column], limit });
        }
        Ok(values.iter().map(|value| value * factor).collect())
    }

    fn expire(&mut self) {
        while let Some(&(at, number)) = self.by_moment.first() {
            if !self.window.is_past(at, self.newest, self.by_number.len()) {
                return;
            }
            self.remove(number);
        }
    }

    fn is_core(&self, slot: u32) -> bool {
        self.components.of(slot).is_some()
    }

    /// The slots within eps of a row, and the nearest bucket.
    fn search(&self, row: &[f64]) -> (Vec<u32>, Option<usize>) {
        let mut found = Vec::new();
        let buckets = self.buckets.as_ref();
        let nearest = buckets.and_then(|buckets| buckets.within(row, self.radius, &mut found));
        (found, nearest)
    }

    /// The slots within eps of a slot's row, without itself.
    fn neighbors(&self, slot: u32) -> Vec<u32> {
        let mut row = Vec::new();
        if let Some(buckets) = &self.buckets {
            buckets.row(slot, &mut row);
        }
        let (mut found, _) = self.search(&row);
        found.retain(|&near| near != slot);
        found
    }

    fn add(&mut self, number: u64, at: i64, row: &[f64]) {
        let (near, nearest) = self.search(row);
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            (self.slots.len() - 1) as u32
        });
        let (metric, width) = (self.metric, row.len());
        self.buckets.get_or_insert_with(|| Buckets::new(metric, width)).insert(slot, row, nearest);
        self.by_number.insert(number, slot);
        self.by_moment.insert((at, number));
        let mut new_cores = Vec::new();
        for &other in &near {
            let is_core = self.is_core(other);
            let of = &mut self.slots[other as usize];
            of.count += 1;
            if !is_core {
                of.near.push(slot);
                if of.count == self.min_samples {
                    new_cores.push(other);
                }
            }
        }
        let count = near.len() + 1;
        self.slots[slot as usize] = Slot { at, count, near };
        if count >= self.min_samples {
            new_cores.push(slot);
        }
        for core in new_cores {
            // All its neighbours were kept, as it was not core.
            let near = std::mem::take(&mut self.slots[core as usize].near);
            self.components.add(core);
            for other in near {
                if self.is_core(other) {
                    self.components.join(core, other);
                }
            }
        }
    }

    fn take_out(&mut self, slot: u32) {
        let near = self.neighbors(slot);
        if let Some(buckets) = &mut self.buckets {
            buckets.remove(slot);
        }
        // Core rows that no longer are, and, of each, its neighbours.
        let mut lost = Vec::new();
        if self.is_core(slot) {
            lost.push((slot, near.clone()));
        }
        for &other in &near {
            self.slots[other as usize].count -= 1;
            if !self.is_core(other) {
                self.slots[other as usize].near.retain(|&near| near != slot);
            } else if self.slots[other as usize].count < self.min_samples {
                lost.push((other, self.neighbors(other)));
            }
        }
        let mut touched: Vec<(usize, Vec<u32>)> = Vec::new();
        for (core, _) in &lost {
            let component = self.components.of(*core).expect("it is core");
            self.components.remove(*core);
            if !touched.iter().any(|(other, _)| *other == component) {
                touched.push((component, Vec::new()));
            }
        }
        for (core, near) in lost {
            for &other in &near {
                let component = self.components.of(other);
                let seeds = touched.iter_mut().find(|(touched, _)| Some(*touched) == component);
                if let Some((_, seeds)) = seeds {
                    seeds.push(other);
                }
            }
            if core != slot {
                self.slots[core as usize].near = near;
            }
        }
        self.slots[slot as usize] = Slot::default();
        self.free.push(slot);
        for (component, mut seeds) in touched {
            seeds.sort_unstable();
            seeds.dedup();
            self.hold_together(component, seeds);
        }
    }

    /// Splits a component into the parts that its seeds, the core rows around those that left it, can
    /// still reach.
    fn hold_together(&mut self, component: usize, seeds: Vec<u32>) {
        let Some(buckets) = &self.buckets else { return };
        let groups = groups_near_by(buckets, self.metric, self.radius, seeds);
        let mut parts = Parts::new(groups);
        while let Some(slot) = parts.next() {
            for near in self.neighbors(slot) {
                if self.components.of(near) == Some(component) {
                    parts.reach(slot, near);
                }
            }
        }
        for part in parts.apart() {
            self.components.split_off(&part);
        }
    }
}

impl From<IncrementalDbscan> for Stored {
    fn from(groups: IncrementalDbscan) -> Self {
        let width = groups.buckets.as_ref().map_or(0, |buckets| buckets.width());
        let mut values = Vec::with_capacity(groups.by_number.len() * width);
        let mut row = Vec::new();
        let inverse = groups.scale.inverse();
        for &slot in groups.by_number.values() {
            if let Some(buckets) = &groups.buckets {
                buckets.row(slot, &mut row);
            }
            values.extend(row.iter().map(|value| value * inverse));
        }
        Self {
            eps: groups.eps,
            min_samples: groups.min_samples,
            metric: groups.metric,
            window: groups.window,
            rows: groups
                .by_number
                .iter()
                .map(|(&n, &s)| (n, groups.slots[s as usize].at))
                .collect(),
            values: Array2::from_shape_vec((groups.by_number.len(), width), values)
                .expect("every row has all columns"),
            next_number: groups.next_number,
            newest: groups.newest,
        }
    }
}

impl TryFrom<Stored> for IncrementalDbscan {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        let invalid = |reason: &'static str| {
            Err(Error::InvalidSnapshot { what: "IncrementalDbscan", reason: reason.into() })
        };
        let Stored { eps, min_samples, metric, window, rows, values, next_number, newest } = stored;
        let mut groups = Self::new(eps, min_samples)?.metric(metric)?.window(window)?;
        if rows.len() != values.nrows() {
            return invalid("a row lacks its number or its values");
        }
        if !rows.is_sorted_by(|a, b| a.0 < b.0)
            || rows.last().is_some_and(|row| row.0 >= next_number)
        {
            return invalid("the rows are not in the order they came");
        }
        if rows.iter().any(|row| row.1 > newest) {
            return invalid("a row is newer than the newest");
        }
        if !rows.is_empty() {
            check::rows(values.view())?;
        }
        (groups.next_number, groups.newest) = (next_number, newest);
        if values.ncols() > 0 {
            groups.buckets = Some(Buckets::new(metric, values.ncols()));
        }
        let factor = groups.scale.factor();
        for (&(number, at), row) in rows.iter().zip(values.rows()) {
            let row: Vec<f64> = row.iter().map(|value| value * factor).collect();
            if row.iter().any(|value| value.abs() > ROOM) {
                return invalid("a value is too large for eps");
            }
            groups.add(number, at, &row);
        }
        Ok(groups)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dbscan;
    use crate::num::rng::Stream;
    use ndarray::aview1;
    use proptest::prelude::*;

    /// The rows that are there, beside the numbers of all.
    struct Twin {
        groups: IncrementalDbscan,
        rows: BTreeMap<u64, (i64, Vec<f64>)>,
    }

    impl Twin {
        fn check(&self) {
            let groups = &self.groups;
            assert!(groups.numbers().eq(self.rows.keys().copied()));
            if self.rows.is_empty() {
                assert!(groups.numbers().len() == 0 && groups.labels().unwrap().is_empty());
                return;
            }
            let width = self.rows.values().next().unwrap().1.len();
            let values = self.rows.values().flat_map(|(_, row)| row.clone()).collect();
            let x = Array2::from_shape_vec((self.rows.len(), width), values).unwrap();
            let batch = Dbscan::new(groups.eps, groups.min_samples).metric(groups.metric);
            let batch = batch.fit(&x).unwrap();
            assert_eq!(groups.labels().unwrap(), batch.labels);
            let is_core = groups.by_number.values().map(|&slot| groups.is_core(slot));
            let cores: Vec<usize> =
                is_core.enumerate().filter(|(_, is_core)| *is_core).map(|(row, _)| row).collect();
            assert_eq!(cores, batch.core_rows);
        }

        fn insert(&mut self, row: &[f64], at: i64) {
            let number = self.groups.insert_at(aview1(row), at).unwrap();
            self.rows.insert(number, (at, row.to_vec()));
            let newest = self.groups.newest;
            loop {
                let oldest = self.rows.iter().map(|(&number, (at, _))| (*at, number)).min();
                let Some((at, number)) = oldest else { return };
                let outside = match self.groups.window {
                    Window::All => false,
                    Window::Rows(n) => self.rows.len() > n,
                    Window::Span(span) => at < newest - span,
                };
                if !outside {
                    return;
                }
                self.rows.remove(&number);
            }
        }
    }

    proptest! {
        #[test]
        fn every_step_equals_the_batch(
            steps in prop::collection::vec((0i32..24, 0i32..6, 0u8..3, 0i64..4), 1..90),
            min_samples in 1usize..6,
            window in prop::sample::select(vec![
                Window::All, Window::Rows(1), Window::Rows(20), Window::Span(15),
            ]),
            metric in prop::sample::select(vec![Metric::Euclidean, Metric::Chebyshev]),
            unit in prop::sample::select(vec![1.0, 1e-200]),
        ) {
            let groups = IncrementalDbscan::new(1.5 * unit, min_samples).unwrap();
            let groups = groups.window(window).unwrap().metric(metric).unwrap();
            let mut twin = Twin { groups, rows: BTreeMap::new() };
            let mut at = 0;
            for (x, y, action, later) in steps {
                at += later - 1;
                if action == 0 && !twin.rows.is_empty() {
                    let which = x as usize % twin.rows.len();
                    let number = *twin.rows.keys().nth(which).unwrap();
                    prop_assert!(twin.groups.remove(number));
                    prop_assert!(!twin.groups.remove(number));
                    twin.rows.remove(&number);
                } else {
                    twin.insert(&[f64::from(x) * unit, f64::from(y) * unit], at);
                }
                twin.check();
            }
            // Stored and restored, the same again.
            let json = serde_json::to_string(&twin.groups).unwrap();
            twin.groups = serde_json::from_str(&json).unwrap();
            twin.check();
            prop_assert_eq!(&serde_json::to_string(&twin.groups).unwrap(), &json);
        }
    }

    #[test]
    fn a_long_chain_is_cut_and_mended_again_and_again() {
        // Two rows that go and come split the chain far from its ends and join it.
        let mut twin =
            Twin { groups: IncrementalDbscan::new(1.0, 2).unwrap(), rows: BTreeMap::new() };
        (0..400).for_each(|i| twin.insert(&[f64::from(i), 0.0], 0));
        let mut stream = Stream::new(4, 0);
        for step in 0..60 {
            let which = stream.below(twin.rows.len());
            let number = *twin.rows.keys().nth(which).unwrap();
            twin.groups.remove(number);
            let (_, row) = twin.rows.remove(&number).unwrap();
            twin.check();
            if step % 3 != 0 {
                twin.insert(&row, 0);
                twin.check();
            }
        }
    }

    #[test]
    fn rows_that_do_not_fit_are_refused_and_change_nothing() {
        let mut groups = IncrementalDbscan::new(1.0, 2).unwrap();
        groups.insert(aview1(&[0.0, 1.0])).unwrap();
        assert!(groups.insert(aview1(&[0.0])).is_err());
        assert!(groups.insert(aview1(&[0.0, f64::NAN])).is_err());
        assert_eq!(groups.numbers().len(), 1);
        assert!(groups.clone().metric(Metric::Manhattan).is_err());
        assert!(groups.clone().window(Window::Rows(0)).is_err());
        assert!(groups.window(Window::Span(-1)).is_err());
        let mut tiny = IncrementalDbscan::new(1e-200, 2).unwrap();
        let error = tiny.insert(aview1(&[1e144])).unwrap_err();
        assert!(matches!(error, Error::MagnitudeTooLarge { .. }));
        assert!(IncrementalDbscan::new(0.0, 2).is_err() && IncrementalDbscan::new(1.0, 0).is_err());
        let mut angles = IncrementalDbscan::new(0.1, 2).unwrap().metric(Metric::Cosine).unwrap();
        assert!(angles.insert(aview1(&[0.0, 0.0])).is_err());
        angles.insert(aview1(&[1.0, 0.0])).unwrap();
        angles.insert(aview1(&[9.0, 0.1])).unwrap();
        assert_eq!(angles.labels().unwrap().sizes(), [2]);
    }
}
