//! Components that join and split: which core row is in which.
//!
//! Joining relabels the smaller component, so a row is relabelled O(log n) times while components only
//! grow. Splitting relabels what is split off.

use std::collections::HashMap;

use crate::num::neighbors::{Buckets, Metric, NONE};

/// Members by component, and components by slot.
#[derive(Debug, Clone, Default)]
pub(super) struct SlotComponents {
    /// Empty ones are free.
    members: Vec<Vec<u32>>,
    free: Vec<u32>,
    /// Per slot, its component or [`NONE`], and its place among the members.
    places: Vec<(u32, u32)>,
}

impl SlotComponents {
    /// Names of components are below this.
    pub(super) fn n_names(&self) -> usize {
        self.members.len()
    }

    #[inline]
    pub(super) fn of(&self, slot: u32) -> Option<usize> {
        let component = self.places.get(slot as usize)?.0;
        (component != NONE).then_some(component as usize)
    }

    /// A component of one.
    pub(super) fn add(&mut self, slot: u32) {
        debug_assert!(self.of(slot).is_none());
        let component = self.free.pop().unwrap_or_else(|| {
            self.members.push(Vec::new());
            (self.members.len() - 1) as u32
        });
        self.put(slot, component);
    }

    fn put(&mut self, slot: u32, component: u32) {
        if self.places.len() <= slot as usize {
            self.places.resize(slot as usize + 1, (NONE, 0));
        }
        let members = &mut self.members[component as usize];
        self.places[slot as usize] = (component, members.len() as u32);
        members.push(slot);
    }

    /// Takes a slot out of its component.
    pub(super) fn remove(&mut self, slot: u32) {
        let (component, place) = self.places[slot as usize];
        let members = &mut self.members[component as usize];
        members.swap_remove(place as usize);
        if let Some(&moved) = members.get(place as usize) {
            self.places[moved as usize].1 = place;
        }
        if members.is_empty() {
            self.free.push(component);
        }
        self.places[slot as usize].0 = NONE;
    }

    /// Joins the components of two slots.
    pub(super) fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.places[a as usize].0, self.places[b as usize].0);
        if a == b {
            return;
        }
        let size = |component: u32| self.members[component as usize].len();
        let (from, to) = if size(a) < size(b) { (a, b) } else { (b, a) };
        for slot in std::mem::take(&mut self.members[from as usize]) {
            self.put(slot, to);
        }
        self.free.push(from);
    }

    /// Makes some members of a component one of their own.
    pub(super) fn split_off(&mut self, slots: &[u32]) {
        let Some((&first, rest)) = slots.split_first() else { return };
        self.remove(first);
        self.add(first);
        let component = self.places[first as usize].0;
        for &slot in rest {
            self.remove(slot);
            self.put(slot, component);
        }
    }
}

/// Seeds in groups that reach each other through seeds alone.
pub(super) fn groups_near_by(
    buckets: &Buckets,
    metric: Metric,
    radius: f64,
    seeds: Vec<u32>,
) -> Vec<Vec<u32>> {
    let mut left: Vec<(u32, Vec<f64>)> = seeds
        .into_iter()
        .map(|slot| {
            let mut row = Vec::new();
            buckets.row(slot, &mut row);
            (slot, row)
        })
        .collect();
    let mut groups = Vec::new();
    while let Some(first) = left.pop() {
        let mut group = vec![first];
        let mut next = 0;
        while next < group.len() {
            let row = group[next].1.clone();
            next += 1;
            let reached = left.extract_if(.., |(_, other)| metric.reduced(&row, other) <= radius);
            group.extend(reached);
        }
        groups.push(group.into_iter().map(|(slot, _)| slot).collect());
    }
    groups
}

/// Searches that start from several groups of one component and meet, or do not.
///
/// They take turns, so that the cost is that of the smaller parts; the last one left need not finish.
#[derive(Debug)]
pub(super) struct Parts {
    /// The group of each slot that was reached; only ever looked up.
    reached: HashMap<u32, usize>,
    groups: Vec<SearchGroup>,
    turn: usize,
}

#[derive(Debug, Default)]
struct SearchGroup {
    /// The group that it met, if it did.
    merged: Option<usize>,
    slots: Vec<u32>,
    /// Slots up to here have been searched from.
    searched: usize,
}

impl Parts {
    pub(super) fn new(groups: Vec<Vec<u32>>) -> Self {
        let mut reached = HashMap::new();
        for (number, group) in groups.iter().enumerate() {
            reached.extend(group.iter().map(|&slot| (slot, number)));
        }
        let group = |slots| SearchGroup { merged: None, slots, searched: 0 };
        Self { reached, groups: groups.into_iter().map(group).collect(), turn: 0 }
    }

    fn is_searching(group: &SearchGroup) -> bool {
        group.merged.is_none() && group.searched < group.slots.len()
    }

    /// The next slot to search from; none once at most one group is still searching.
    pub(super) fn next(&mut self) -> Option<u32> {
        let n_searching = self.groups.iter().filter(|group| Self::is_searching(group)).count();
        if n_searching < 2 {
            return None;
        }
        let n = self.groups.len();
        let turn = (1..=n).map(|step| (self.turn + step) % n);
        self.turn = turn.clone().find(|&turn| Self::is_searching(&self.groups[turn]))?;
        let group = &mut self.groups[self.turn];
        group.searched += 1;
        Some(group.slots[group.searched - 1])
    }

    fn group_of(&self, slot: u32) -> Option<usize> {
        let mut group = *self.reached.get(&slot)?;
        while let Some(merged) = self.groups[group].merged {
            group = merged;
        }
        Some(group)
    }

    /// A search from one slot has reached another.
    pub(super) fn reach(&mut self, from: u32, to: u32) {
        let Some(own) = self.group_of(from) else { return };
        match self.group_of(to) {
            None => {
                self.reached.insert(to, own);
                self.groups[own].slots.push(to);
            }
            Some(other) if other != own => {
                // What either has yet to search from stays at the end.
                let group = std::mem::take(&mut self.groups[other]);
                self.groups[other].merged = Some(own);
                let own = &mut self.groups[own];
                let (searched, left) = group.slots.split_at(group.searched);
                own.slots.splice(..0, searched.iter().copied());
                own.searched += group.searched;
                own.slots.extend_from_slice(left);
            }
            Some(_) => {}
        }
    }

    /// The groups that met no other, all but the last or the one that is still searching.
    pub(super) fn apart(self) -> Vec<Vec<u32>> {
        let searching = self.groups.iter().position(Self::is_searching);
        let left = self.groups.into_iter().enumerate().filter(|(_, group)| group.merged.is_none());
        let mut left: Vec<(usize, Vec<u32>)> =
            left.map(|(number, group)| (number, group.slots)).collect();
        match searching {
            Some(searching) => left.retain(|(number, _)| *number != searching),
            None => _ = left.pop(),
        }
        left.into_iter().map(|(_, slots)| slots).collect()
    }
}
