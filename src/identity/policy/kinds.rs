//! Kinds by number, with what the rules say of each; and the hash of identifiers.
//!
//! The hash of an identifier is made from the name of its kind, so that it is known before the kind
//! has a number. It is randomly seeded and never reaches a result.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher};

use hashbrown::DefaultHashBuilder;

use super::blocklist::Blocklist;
use super::rules::{DEFAULT_HUB, Rules};

pub(crate) type Kind = u16;

/// The kind of an alias call's other id, and the two kinds that it may turn out to be.
pub(crate) const PREVIOUS: &str = "previous_id";
pub(crate) const ANONYMOUS: &str = "anonymous_id";
pub(crate) const USER: &str = "user_id";

/// The other kinds that the calls of clients bring.
const OF_CLIENTS: [&str; 3] = ["email", "device_id", "advertising_id"];

/// Most kinds of identifiers in one graph, beside those that are reserved. Adding one costs as much as
/// there are.
pub(crate) const MAX_KINDS: usize = 1024;

#[derive(Debug, Clone)]
pub(crate) struct KindFacts {
    /// The hash of the name.
    seed: u64,
    pub(crate) name: Box<str>,
    /// Place in the order of strength among all kinds so far; changes as kinds come, but never
    /// the order of two.
    pub(crate) rank: u32,
    /// The same in the order of links, where a previous id stands beside an anonymous one.
    link_rank: u32,
    /// Which of the counters counts its values.
    pub(crate) counter: Option<u16>,
    pub(crate) limit: usize,
    pub(crate) weak: bool,
    pub(crate) strong: bool,
    /// Hub limits that are not the default: of which kind, how many.
    hubs: Vec<(Kind, usize)>,
    blocked: Blocklist,
}

impl KindFacts {
    /// Whether a normalised value of this kind joins nobody.
    pub(crate) fn blocks(&self, value: &str) -> bool {
        self.blocked.blocks(value)
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Kinds {
    all: Vec<KindFacts>,
    by_name: BTreeMap<Box<str>, Kind>,
    /// The limited kinds in the order of their counters.
    limited: Vec<Kind>,
    /// Kinds that always find room, numbered or not: those of clients and of the rules. Made-up kinds must
    /// not shut them out.
    reserved: BTreeSet<Box<str>>,
    /// How many of the reserved kinds are numbered.
    n_reserved: usize,
    /// The smallest hub limit there is; below it nothing has to be counted.
    least_hub: usize,
    hasher: DefaultHashBuilder,
}

impl Kinds {
    pub(crate) fn new(rules: &Rules) -> Self {
        let of_clients = [USER, ANONYMOUS, PREVIOUS].into_iter().chain(OF_CLIENTS);
        let reserved = of_clients.chain(rules.all_named_kinds()).map(Into::into).collect();
        let mut kinds = Self { least_hub: DEFAULT_HUB, reserved, ..Self::default() };
        for kind in rules.named_kinds() {
            kinds.add(kind, rules);
        }
        let mut limited: Vec<Kind> = (0..kinds.all.len() as Kind)
            .filter(|&k| rules.limit_of(&kinds.all[k as usize].name).is_some())
            .collect();
        // Counters in the order of strength: the strongest broken limit is the one reported.
        limited.sort_unstable_by_key(|&k| kinds.all[k as usize].rank);
        for (counter, &kind) in limited.iter().enumerate() {
            kinds.all[kind as usize].counter = Some(counter as u16);
        }
        kinds.limited = limited;
        kinds
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether kinds of these names can be numbered beside those there are.
    pub(crate) fn has_room_for<'n>(&self, names: impl Iterator<Item = &'n str>) -> bool {
        let is_counted = |name: &&str| self.find(name).is_none() && !self.reserved.contains(*name);
        // One by one, so that a long list of few names allocates little.
        let mut new = BTreeSet::new();
        names.filter(is_counted).all(|name| {
            new.insert(name);
            self.all.len() - self.n_reserved + new.len() <= MAX_KINDS
        })
    }

    /// The hash of a kind's name, for [`Kinds::hash`].
    pub(crate) fn seed(&self, name: &str) -> u64 {
        self.hasher.hash_one(name)
    }

    /// The hash of a value of a kind with this seed.
    pub(crate) fn hash_seeded(&self, seed: u64, value: &str) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u64(seed);
        hasher.write(value.as_bytes());
        (hasher.finish() >> 32) as u32
    }

    /// The hash of an identifier.
    pub(crate) fn hash(&self, kind: Kind, value: &str) -> u32 {
        self.hash_seeded(self.get(kind).seed, value)
    }

    pub(crate) fn get(&self, kind: Kind) -> &KindFacts {
        &self.all[kind as usize]
    }

    pub(crate) fn find(&self, name: &str) -> Option<Kind> {
        // Few kinds are usual; comparing beats a look-up.
        let near = self.all.iter().take(8).position(|kind| &*kind.name == name);
        near.map(|k| k as Kind)
            .or_else(|| (self.all.len() > 8).then(|| self.by_name.get(name).copied()).flatten())
    }

    /// The kind's number; the caller has checked that there is room.
    pub(crate) fn add(&mut self, name: &str, rules: &Rules) -> Kind {
        if let Some(kind) = self.find(name) {
            return kind;
        }
        let new = self.all.len() as Kind;
        let limit = rules.limit_of(name);
        let mut facts = KindFacts {
            seed: self.seed(name),
            name: name.into(),
            rank: 0,
            link_rank: 0,
            counter: None,
            limit: limit.unwrap_or(usize::MAX),
            weak: rules.is_weak(name),
            strong: rules.is_strong(name),
            hubs: Vec::new(),
            blocked: Blocklist::new(name, rules),
        };
        if rules.has_hubs() {
            for (other, known) in self.all.iter_mut().enumerate() {
                let given = |kind: &str, of: &str| {
                    let default = rules.strength(of) < rules.strength(kind);
                    let n = rules.hub_of(kind, of);
                    n.filter(|&n| !default || n != DEFAULT_HUB)
                };
                if let Some(n) = given(name, &known.name) {
                    facts.hubs.push((other as Kind, n));
                    self.least_hub = self.least_hub.min(n);
                }
                if let Some(n) = given(&known.name, name) {
                    known.hubs.push((new, n));
                    self.least_hub = self.least_hub.min(n);
                }
            }
        }
        self.n_reserved += usize::from(self.reserved.contains(name));
        self.all.push(facts);
        self.by_name.insert(name.into(), new);
        let mut order: Vec<usize> = (0..self.all.len()).collect();
        order.sort_unstable_by_key(|&k| rules.strength(&self.all[k].name));
        for (rank, &kind) in order.iter().enumerate() {
            self.all[kind].rank = rank as u32;
        }
        // Whether or not there is an anonymous id, a previous one stands where it would.
        let names = self.all.iter().map(|facts| &*facts.name);
        let names = names.map(|name| if name == PREVIOUS { ANONYMOUS } else { name });
        let strengths: Vec<_> = names.map(|name| rules.strength(name)).collect();
        order.sort_by(|&a, &b| strengths[a].cmp(&strengths[b]));
        let mut rank = 0;
        let mut ranks = vec![0; order.len()];
        for pair in order.windows(2) {
            rank += u32::from(strengths[pair[0]] != strengths[pair[1]]);
            ranks[pair[1]] = rank;
        }
        self.all.iter_mut().zip(ranks).for_each(|(facts, rank)| facts.link_rank = rank);
        new
    }

    pub(crate) fn rank(&self, kind: Kind) -> u32 {
        self.all[kind as usize].rank
    }

    /// The place of a kind in the order of links.
    pub(crate) fn link_rank(&self, kind: Kind) -> u32 {
        self.all[kind as usize].link_rank
    }

    /// More than this many values of `of` make one of `kind` shared.
    pub(crate) fn hub(&self, kind: Kind, of: Kind) -> Option<usize> {
        let facts = &self.all[kind as usize];
        let given = facts.hubs.iter().find(|hub| hub.0 == of).map(|hub| hub.1);
        given.or_else(|| (self.rank(of) < facts.rank).then_some(DEFAULT_HUB))
    }

    pub(crate) fn least_hub(&self) -> usize {
        self.least_hub
    }

    pub(crate) fn n_counters(&self) -> usize {
        self.limited.len()
    }

    /// The limit of a counted kind.
    pub(crate) fn limit_of_counter(&self, counter: usize) -> usize {
        self.get(self.limited[counter]).limit
    }

    /// The limited kinds in the order of their counters.
    pub(crate) fn limited(&self) -> &[Kind] {
        &self.limited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_a_name_once_however_often_it_comes() {
        let kinds = Kinds::new(&Rules::default());
        let names: Vec<String> = (0..=MAX_KINDS).map(|i| format!("kind {i}")).collect();
        let room =
            |names: &[String]| kinds.has_room_for(names.iter().chain(names).map(String::as_str));
        assert!(room(&names[..MAX_KINDS]) && !room(&names));
        assert!(kinds.has_room_for(std::iter::empty()));
    }
}
