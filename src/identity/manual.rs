//! What people said by hand: must-links and cannot-links between nodes.
//!
//! Kept for look-up by node; the rules hold the texts and are the truth.

use std::collections::{BTreeMap, BTreeSet};

use super::IdentityGraph;
use super::evidence::{CAPACITY, CLAIM, flag};
use super::rules::{Name, Rules};
use crate::{Error, Identifier, Refusal, Result};

#[derive(Debug, Clone, Default)]
pub(crate) struct Manual {
    must: BTreeMap<u32, BTreeSet<u32>>,
    cannot: BTreeMap<u32, BTreeSet<u32>>,
    /// The smallest node that must-links connect with a node.
    class: BTreeMap<u32, u32>,
}

impl Manual {
    pub(crate) fn must(&mut self, a: u32, b: u32) {
        self.must.entry(a).or_default().insert(b);
        self.must.entry(b).or_default().insert(a);
    }

    pub(crate) fn cannot(&mut self, a: u32, b: u32) {
        self.cannot.entry(a).or_default().insert(b);
        self.cannot.entry(b).or_default().insert(a);
    }

    /// To be called when all links are in.
    pub(crate) fn classify(&mut self) {
        self.class.clear();
        for &start in self.must.keys() {
            if self.class.contains_key(&start) {
                continue;
            }
            let mut open = vec![start];
            while let Some(node) = open.pop() {
                if self.class.insert(node, start).is_none() {
                    open.extend(&self.must[&node]);
                }
            }
        }
    }

    pub(crate) fn class(&self, node: u32) -> u32 {
        self.class.get(&node).copied().unwrap_or(node)
    }

    pub(crate) fn friends(&self, node: u32) -> impl Iterator<Item = &u32> {
        self.must.get(&node).into_iter().flatten()
    }

    pub(crate) fn enemies(&self, node: u32) -> impl Iterator<Item = &u32> {
        self.cannot.get(&node).into_iter().flatten()
    }

    /// All nodes that are named.
    pub(crate) fn nodes(&self) -> BTreeSet<u32> {
        self.must.keys().chain(self.cannot.keys()).copied().collect()
    }
}

impl IdentityGraph {
    /// Two identifiers are one person's; see [`Rules::must_link`]. Only their components are
    /// resolved anew.
    ///
    /// # Errors
    /// As [`IdentityGraph::new`]; and if one of them was forgotten.
    pub fn must_link(&mut self, a: &Identifier<'_>, b: &Identifier<'_>) -> Result<()> {
        let rules = self.rules.clone().must_link(a, b);
        self.change_manual(rules, [a, b])
    }

    /// Two identifiers are never one person's; see [`Rules::cannot_link`]. Only their component is
    /// resolved anew.
    ///
    /// # Errors
    /// As [`IdentityGraph::must_link`].
    pub fn cannot_link(&mut self, a: &Identifier<'_>, b: &Identifier<'_>) -> Result<()> {
        let rules = self.rules.clone().cannot_link(a, b);
        self.change_manual(rules, [a, b])
    }

    /// Takes back what was said of two identifiers by hand.
    ///
    /// # Errors
    /// As [`IdentityGraph::must_link`].
    pub fn unlink(&mut self, a: &Identifier<'_>, b: &Identifier<'_>) -> Result<()> {
        let rules = self.rules.clone().unlink(a, b);
        self.change_manual(rules, [a, b])
    }

    fn change_manual(&mut self, rules: Rules, ends: [&Identifier<'_>; 2]) -> Result<()> {
        rules.check()?;
        for end in ends.map(Name::new) {
            if self.forgotten.contains(&self.id_of(&end.kind, &end.value)) {
                return Err(Error::InvalidRule {
                    rule: "manual link".into(),
                    reason: "an end of it was forgotten".into(),
                });
            }
        }
        self.set_manual(rules)
    }

    /// Replaces the manual links by those of other rules, which differ in nothing else.
    pub(crate) fn set_manual(&mut self, rules: Rules) -> Result<()> {
        let old = std::mem::replace(&mut self.rules, rules);
        let touched: BTreeSet<Name> = (self.rules.must().symmetric_difference(old.must()))
            .chain(self.rules.cannot().symmetric_difference(old.cannot()))
            .flat_map(|(a, b)| [a.clone(), b.clone()])
            .collect();
        let find = |graph: &Self| -> Vec<u32> {
            let known = touched
                .iter()
                .filter_map(|name| graph.nodes.find(graph.kinds.find(&name.kind)?, &name.value));
            known.collect()
        };
        let mut around = self.seen_with_class_of(&find(self));
        let applied = self.apply_manual();
        if applied.is_err() {
            self.rules = old;
            self.apply_manual()?;
        }
        let ends = find(self);
        around.extend(self.seen_with_class_of(&ends));
        around.sort_unstable();
        around.dedup();
        around.into_iter().for_each(|node| self.reconsider(node, i64::MAX));
        self.settle();
        self.rebuild(ends.clone());
        ends.into_iter().for_each(|node| self.bury(node));
        applied
    }

    /// What was seen with nodes, or with those that must-links make one value with them.
    fn seen_with_class_of(&self, nodes: &[u32]) -> Vec<u32> {
        let classes: BTreeSet<u32> = nodes.iter().map(|&node| self.manual.class(node)).collect();
        let alike = self.manual.class.iter().filter(|entry| classes.contains(entry.1));
        let mut around = Vec::new();
        for node in alike.map(|entry| *entry.0) {
            for (sig, _) in self.signatures.of(&self.nodes, node) {
                around.extend(self.signatures.slots(sig).iter().map(|slot| slot & !CLAIM));
            }
        }
        around
    }

    /// Numbers the ends of all manual links anew. Components are left as they are.
    pub(crate) fn apply_manual(&mut self) -> Result<()> {
        for node in self.manual.nodes() {
            self.nodes.facts[node as usize].flags &= !(flag::MUST | flag::CANNOT);
        }
        self.manual = Manual::default();
        let (must, cannot) = (self.rules.must().clone(), self.rules.cannot().clone());
        if self.nodes.len() + 2 * (must.len() + cannot.len()) > CAPACITY
            || self.kinds.len() + 2 * (must.len() + cannot.len()) > super::kinds::MAX_KINDS
                && !self.kinds_fit(must.iter().chain(&cannot))
        {
            let limit = CAPACITY;
            return Err(Error::Refused(Refusal::Full {
                what: "identifiers or kinds".into(),
                limit,
            }));
        }
        for (a, b) in &must {
            let [a, b] = [a, b].map(|end| self.intern(&end.kind, &end.value));
            if !self.nodes.has(a, flag::BLOCKED) && !self.nodes.has(b, flag::BLOCKED) {
                self.manual.must(a, b);
                [a, b]
                    .into_iter()
                    .for_each(|end| self.nodes.facts[end as usize].flags |= flag::MUST);
                self.unite(a, b);
            }
        }
        for (a, b) in &cannot {
            let [a, b] = [a, b].map(|end| self.intern(&end.kind, &end.value));
            self.manual.cannot(a, b);
            for end in [a, b] {
                self.nodes.facts[end as usize].flags |= flag::CANNOT;
                let root = self.sets.root(end);
                self.nodes.facts[root as usize].flags |= flag::BITTEN;
                self.unsettle(end);
            }
        }
        self.manual.classify();
        Ok(())
    }

    fn kinds_fit<'a>(&self, pairs: impl Iterator<Item = &'a (Name, Name)>) -> bool {
        let names = pairs.flat_map(|(a, b)| [a.kind.as_str(), b.kind.as_str()]);
        let new: BTreeSet<&str> = names.filter(|kind| self.kinds.find(kind).is_none()).collect();
        self.kinds.len() + new.len() <= super::kinds::MAX_KINDS
    }
}
