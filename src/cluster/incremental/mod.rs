//! DBSCAN of rows that come and go, equal to [`Dbscan`] on what is there after every
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

use super::canonical_labels::canonical_labels;
use super::dbscan::Dbscan;
use crate::num::check;
use crate::num::neighbors::{Buckets, Metric, NONE};
use crate::num::scale::Scale;
use crate::{Error, Labels, Result};

use components::{Parts, SlotComponents, groups_near_by};
use stored::Stored;
pub use window::Window;

/// DBSCAN that takes rows one by one and lets them go again, exact after every step.
///
/// ```
/// use personas::cluster::{IncrementalDbscan, Window};
/// use personas::{cluster::Dbscan, ndarray::aview1};
///
/// let mut groups = IncrementalDbscan::new(Dbscan::new(1.0, 2), Window::All)?;
/// for value in [0.0, 0.9, 1.8, 9.0] {
///     groups.insert(aview1(&[value]), None)?;
/// }
/// let (rows, labels) = groups.labels()?;
/// assert_eq!((rows, labels.to_vec()), (vec![0, 1, 2, 3], vec![Some(0), Some(0), Some(0), None]));
/// // Without the row in the middle, the others no longer reach each other.
/// groups.remove(1);
/// let (rows, labels) = groups.labels()?;
/// assert_eq!((rows, labels.to_vec()), (vec![0, 2, 3], vec![None, None, None]));
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
    slots: Vec<RowSlot>,
    /// Slots without a row.
    free: Vec<u32>,
    components: SlotComponents,
    /// Slots by number, and numbers by moment.
    by_number: BTreeMap<u64, u32>,
    by_moment: BTreeSet<(i64, u64)>,
    next_number: u64,
    newest: i64,
}

impl PartialEq for IncrementalDbscan {
    /// Equal settings and rows; costs as much as copying both.
    fn eq(&self, other: &Self) -> bool {
        Stored::from(self.clone()) == Stored::from(other.clone())
    }
}

/// What is known of a row.
#[derive(Debug, Clone, Default)]
struct RowSlot {
    at: i64,
    /// Rows within eps, itself included.
    count: usize,
    /// If it is not core, the slots of the other rows within eps.
    near: Vec<u32>,
}

/// Scaled values stay below 2¹⁰⁰⁰.
const ROOM: f64 = 1.071_508_607_186_267_3e301;

impl IncrementalDbscan {
    /// Creates a model without rows, with the settings of a [`Dbscan`]. The [`Window`] says which rows stay;
    /// rows outside it are removed when the next row comes.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for an `eps` that is not above 0 and finite or `min_samples` 0, and for
    /// a window of no rows or of a negative span.
    pub fn new(settings: Dbscan, window: Window) -> Result<Self> {
        settings.check()?;
        window.check()?;
        let Dbscan { eps, min_samples, metric } = settings;
        let scale = Scale::lifting(if metric == Metric::Cosine { 1.0 } else { eps }, 1.0);
        Ok(Self {
            eps,
            min_samples,
            metric,
            window,
            scale,
            radius: metric.radius(eps * scale.factor()),
            buckets: None,
            slots: Vec::new(),
            free: Vec::new(),
            components: SlotComponents::default(),
            by_number: BTreeMap::new(),
            by_moment: BTreeSet::new(),
            next_number: 0,
            newest: i64::MIN,
        })
    }

    /// Adds a row and returns its number, by which it can be removed: 0, 1, 2, …
    ///
    /// The moment is in any unit of time; `None` stands for the moment of the newest row. (For the first row,
    /// `None` is earlier than every moment, so a [`Window::Span`] removes it when a row with a moment comes.)
    /// Moments may come in any order. After the insertion, rows outside the window are removed, the new one
    /// included; of rows with equal moments, the one added first is removed first.
    ///
    /// # Errors
    /// [`Error::DimensionMismatch`] for another number of columns than the first row;
    /// [`Error::NoColumns`], [`Error::NonFinite`], [`Error::MagnitudeTooLarge`],
    /// [`Error::UndefinedMetric`] for a row that cannot be computed with;
    /// [`Error::TooManySamples`] for more than 2³² − 2 rows at a time. Nothing has changed then.
    pub fn insert(&mut self, row: ArrayView1<'_, f64>, at: impl Into<Option<i64>>) -> Result<u64> {
        let at = at.into().unwrap_or(self.newest);
        let row = self.prepared(row)?;
        check::at_most(self.by_number.len() + 1, check::MAX_ROWS - 1, "IncrementalDbscan")?;
        let number = self.next_number;
        self.next_number += 1;
        self.newest = self.newest.max(at);
        self.add(number, at, &row);
        self.expire();
        Ok(number)
    }

    /// Removes a row by its number; returns whether it was there.
    pub fn remove(&mut self, number: u64) -> bool {
        let Some(slot) = self.by_number.remove(&number) else { return false };
        self.by_moment.remove(&(self.slots[slot as usize].at, number));
        self.take_out(slot);
        true
    }

    /// The numbers of the rows that are there, ascending, and their clusters in the same order: what
    /// [`Dbscan::fit`] finds for them. O(rows · log) time.
    ///
    /// # Errors
    /// [`Error::TooManySamples`] from 2³² − 1 rows on.
    pub fn labels(&self) -> Result<(Vec<u64>, Labels)> {
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
        let labels = canonical_labels(&self.by_number.values().map(claim).collect::<Vec<u32>>())?;
        Ok((self.by_number.keys().copied().collect(), labels))
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
            self.slots.push(RowSlot::default());
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
        self.slots[slot as usize] = RowSlot { at, count, near };
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
        self.slots[slot as usize] = RowSlot::default();
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
        let invalid = |reason: &'static str| Err(Error::snapshot("IncrementalDbscan", reason));
        let Stored { eps, min_samples, metric, window, rows, values, next_number, newest } = stored;
        let settings = Dbscan::new(eps, min_samples).metric(metric);
        let mut groups = Self::new(settings, window)?;
        if rows.len() != values.nrows() {
            return invalid("a row lacks its number or its values");
        }
        if !rows.is_sorted_by(|a, b| a.0 < b.0)
            || rows.last().is_some_and(|row| row.0 >= next_number)
        {
            return invalid("the rows are not in the order they came");
        }
        if next_number == u64::MAX {
            return invalid("no number is left for another row");
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
mod tests;
