//! What changed since pieces were made, so that further pieces hold only that.
//!
//! Every change has a number, and the trail lists the signatures and marks by number, from the oldest set of
//! pieces that somebody may continue from. A set of pieces is known by the checksum of its last piece. Nothing
//! is listed before pieces were made or absorbed.
//!
//! Cost: four bytes for each event since then, and at most eight for each signature: with more changes than
//! that, all pieces are made again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use super::piece::Origin;
use crate::features::NONE;
use crate::{Error, ProfileId, Result};

/// Changes that are listed at most: for each signature, and where there are few.
const MOST: (usize, usize) = (2, 1 << 16);
/// Sets of pieces that can be continued: those that were made last.
const SETS: usize = 8;

/// What changed, by number.
#[derive(Debug, Default)]
pub(super) struct Trail {
    /// Number of the latest change.
    last: u64,
    /// Changes up to this number are not listed.
    lost: u64,
    /// The signature of every later change, [`NONE`] for those that are of none.
    signatures: VecDeque<u32>,
    /// Ids that were forgotten or allowed again, by the number of the change.
    marks: VecDeque<(u64, ProfileId)>,
    /// Number of the latest change of manual links.
    links: u64,
    /// Changes that are listed at most.
    most: usize,
    /// The number at which sets of pieces ended, by the id of their last piece.
    sets: Mutex<BTreeMap<u128, u64>>,
    /// The pieces that the whole store was restored from.
    followed: Option<Followed>,
}

/// What came of the sets of pieces of one store into another that has nothing else.
#[derive(Debug, Clone)]
struct Followed {
    /// The full set: its shard, and the number at which it was made.
    full: (u64, u64),
    /// Pieces of it that were absorbed.
    n: u32,
    /// How many there are, and the id of the last.
    all: Option<(u32, u128)>,
    /// The last set that is whole, and how many pieces of the next were absorbed.
    place: Option<(u128, u32)>,
    /// Number of the change after which nothing else may have come.
    at: u64,
}

/// What a set of pieces is to hold.
pub(super) struct Since {
    /// The last piece of the set before.
    pub(super) after: u128,
    /// Ascending; some may be gone.
    pub(super) signatures: Vec<u32>,
    /// Ids that were forgotten or allowed again, ascending.
    pub(super) marks: Vec<ProfileId>,
    pub(super) has_links: bool,
}

impl Clone for Trail {
    fn clone(&self) -> Self {
        let sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (signatures, marks) = (self.signatures.clone(), self.marks.clone());
        let followed = self.followed.clone();
        Self { signatures, marks, sets: Mutex::new(sets), followed, ..*self }
    }
}

fn start_over(reason: &'static str) -> Error {
    Error::StartOver { reason: reason.into() }
}

impl Trail {
    /// Number of the latest change.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Bytes of the changes that are listed.
    pub(super) fn bytes(&self) -> usize {
        self.signatures.capacity() * size_of::<u32>()
            + self.marks.capacity() * size_of::<(u64, ProfileId)>()
    }

    // What changes.

    /// Records that signatures changed, of all that there are; [`NONE`] stands for none.
    pub(super) fn add(&mut self, changed: &[u32], n_signatures: usize) {
        self.last += changed.len() as u64;
        self.most = MOST.1.max(MOST.0 * n_signatures).max(self.most);
        let sets = self.sets.get_mut().unwrap_or_else(PoisonError::into_inner);
        if sets.is_empty() {
            self.lost = self.last;
            return;
        }
        self.signatures.extend(changed);
        if self.signatures.len() > self.most {
            let is_listed = |at: &u64| self.last - at <= self.most as u64;
            self.lost = sets.values().copied().filter(is_listed).min().unwrap_or(self.last);
            sets.retain(|_, at| *at >= self.lost);
            let n_left = (self.last - self.lost) as usize;
            self.signatures.drain(..self.signatures.len() - n_left);
            self.marks.drain(..self.marks.partition_point(|mark| mark.0 <= self.lost));
        }
    }

    /// Records a change that is of no signature.
    pub(super) fn add_other(&mut self) {
        self.add(&[NONE], 0);
    }

    /// Records that ids were forgotten or allowed again.
    pub(super) fn add_marks(&mut self, ids: &[ProfileId]) {
        for &id in ids {
            self.add_other();
            if self.lost < self.last {
                self.marks.push_back((self.last, id));
            }
        }
    }

    /// Records that manual links changed.
    pub(super) fn add_links(&mut self) {
        self.add_other();
        self.links = self.last;
    }

    /// Records a change that pieces cannot tell.
    pub(super) fn begin_again(&mut self) {
        self.last += 1;
        self.lost = self.last;
        self.signatures.clear();
        self.marks.clear();
        self.sets.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Follows signatures to their new numbers.
    pub(super) fn renumber(&mut self, numbers: &[u32]) {
        for signature in self.signatures.iter_mut().filter(|signature| **signature != NONE) {
            *signature = numbers[*signature as usize];
        }
    }

    // What pieces hold.

    /// What changed since a set of pieces, of which the last has this id.
    pub(super) fn since(&self, after: u128) -> Result<Since> {
        let sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        let at = sets.get(&after).copied().filter(|at| *at >= self.lost);
        let at = at.ok_or_else(|| start_over("what changed since that piece is not known"))?;
        let later = self.signatures.range((at - self.lost) as usize..);
        let mut signatures: Vec<u32> = later.copied().filter(|&sig| sig != NONE).collect();
        signatures.sort_unstable();
        signatures.dedup();
        let later = self.marks.range(self.marks.partition_point(|mark| mark.0 <= at)..);
        let mut marks: Vec<ProfileId> = later.map(|mark| mark.1).collect();
        marks.sort_unstable();
        marks.dedup();
        Ok(Since { after, signatures, marks, has_links: self.links > at })
    }

    /// Records that a set of pieces was made, by the id of the last. Nothing has changed since it was begun.
    pub(super) fn made(&self, id: u128) {
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        sets.insert(id, self.last);
        while sets.len() > SETS
            && let Some((&oldest, _)) = sets.iter().min_by_key(|(_, at)| **at)
        {
            sets.remove(&oldest);
        }
    }

    // What was absorbed.

    /// Whether a piece may be absorbed now, and whether the whole store is of its set and those before.
    pub(super) fn check(&self, origin: &Origin) -> Result<bool> {
        let followed = self.followed.as_ref().filter(|followed| followed.at == self.last);
        let Some(after) = origin.after else {
            let is_next = |followed: &Followed| {
                followed.place.is_none() && followed.full == (origin.shard, origin.at)
            };
            return Ok(followed.map_or(self.last == 0, is_next));
        };
        let place = followed.and_then(|followed| followed.place);
        let before = origin.piece.checked_sub(1).map(|before| (after, before));
        if before.is_none() || place != before {
            return Err(start_over("it must come after pieces that this store was restored from"));
        }
        Ok(true)
    }

    /// Records that a piece with this id was absorbed, which is the last of so many.
    pub(super) fn absorbed(&mut self, origin: &Origin, id: u128, of: Option<u32>, is_all: bool) {
        if !is_all {
            self.followed = None;
            return;
        }
        let full = (origin.shard, origin.at);
        let followed = self.followed.get_or_insert(Followed {
            full,
            n: 0,
            all: None,
            place: None,
            at: self.last,
        });
        followed.at = self.last;
        let whole = if let Some((_, n)) = &mut followed.place {
            *n += 1;
            of.map(|_| id)
        } else {
            followed.n += 1;
            followed.all = followed.all.or(of.map(|n| (n, id)));
            followed.all.filter(|all| all.0 == followed.n).map(|all| all.1)
        };
        if let Some(id) = whole {
            followed.place = Some((id, 0));
            self.made(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::features::{Feature, Measure};
    use crate::profiles::StoreOptions;
    use crate::{Event, FeatureSet, Identifier, Profiles, Rules, Timestamp};

    #[test]
    fn a_piece_of_what_changed_that_has_no_number_is_refused() {
        let origin = |piece| Origin { shard: 0, at: 0, piece, after: Some(7) };
        let mut trail = Trail::default();
        for piece in [0, 1, u32::MAX] {
            assert!(matches!(trail.check(&origin(piece)), Err(Error::StartOver { .. })));
        }
        let full = Origin { after: None, ..origin(1) };
        trail.absorbed(&full, 7, Some(1), true);
        assert_eq!(trail.check(&origin(1)), Ok(true));
        assert!(matches!(trail.check(&origin(0)), Err(Error::StartOver { .. })));
    }

    const KINDS: [&str; 5] = ["user_id", "email", "cookie", "device", "previous_id"];

    fn at(day: i64) -> Timestamp {
        Timestamp::from_millis(1_500_000_000_000 + day * 86_400_000)
    }

    #[derive(Debug, Clone, Copy)]
    enum Kind {
        Plain,
        Dedupe,
        Retained,
        Limited,
    }

    fn store(kind: Kind) -> Profiles {
        let rules = Rules::default().limit("email", 2).hub("cookie", 2, "user_id").weak("device");
        let plain = StoreOptions::default();
        let options = match kind {
            Kind::Plain => plain,
            Kind::Dedupe => StoreOptions { dedupe: true, changes: Some(9), ..plain },
            Kind::Retained => StoreOptions { dedupe: true, retention_days: Some(3.0), ..plain },
            Kind::Limited => StoreOptions { max_log: Some(1), ..plain },
        };
        let number = Feature::new("n", Measure::Count);
        let features = match kind {
            Kind::Limited => FeatureSet::default().with(number),
            _ => FeatureSet::retail(),
        };
        Profiles::with_options(rules.key([3; 16]), features, options).unwrap()
    }

    /// Kind, value, and whether it is only claimed.
    type Ids = Vec<(usize, u8, bool)>;

    #[derive(Debug, Clone)]
    enum Step {
        Event(Ids, i64, Option<u8>, u8),
        Link(u8, (usize, u8), (usize, u8)),
        Forget(usize, u8),
        ForgetPerson(usize, u8),
        Allow(usize, u8),
        Merge(Ids),
        Advance(i64),
        Renumber,
        Pieces,
    }

    fn a_step() -> impl Strategy<Value = Step> {
        let one = || (0usize..5, 0u8..4);
        let ids = || prop::collection::vec((0usize..5, 0u8..4, prop::bool::weighted(0.2)), 1..4);
        let message = prop::option::of(0u8..4);
        prop_oneof![
            8 => (ids(), 0i64..6, message, 0u8..3)
                .prop_map(|(ids, day, message, amount)| Step::Event(ids, day, message, amount)),
            3 => (0u8..3, one(), one()).prop_map(|(what, a, b)| Step::Link(what, a, b)),
            2 => one().prop_map(|(kind, value)| Step::Forget(kind, value)),
            1 => one().prop_map(|(kind, value)| Step::ForgetPerson(kind, value)),
            2 => one().prop_map(|(kind, value)| Step::Allow(kind, value)),
            1 => ids().prop_map(Step::Merge),
            1 => (0i64..9).prop_map(Step::Advance),
            1 => Just(Step::Renumber),
            4 => Just(Step::Pieces),
        ]
    }

    fn event(ids: &[(usize, u8, bool)], day: i64, amount: u8) -> Event<'static> {
        let event = Event::new("purchase", at(day)).property("amount", f64::from(amount));
        let event = event.property("category", format!("c{amount}"));
        ids.iter().fold(event, |event, &(kind, value, claimed)| {
            let (kind, value) = (KINDS[kind], format!("v{value}"));
            if claimed { event.claimed_id(kind, value) } else { event.id(kind, value) }
        })
    }

    fn apply(people: &mut Profiles, kind: Kind, step: &Step) {
        let name = |end: &(usize, u8)| Identifier::new(KINDS[end.0], format!("v{}", end.1));
        match step {
            Step::Event(ids, day, message, amount) => {
                let mut event = event(ids, *day, *amount);
                event.message_id = message.map(|message| format!("m{message}").into());
                people.extend(&[event]);
            }
            Step::Link(what, a, b) => {
                let (a, b) = (name(a), name(b));
                let _ = match what {
                    0 => people.must_link(&a, &b),
                    1 => people.cannot_link(&a, &b),
                    _ => people.unlink(&a, &b),
                };
            }
            Step::Forget(kind, value) => _ = people.forget(name(&(*kind, *value))).unwrap(),
            Step::ForgetPerson(kind, value) => {
                if let Some(id) = people.identity().get(name(&(*kind, *value))) {
                    people.forget(id).unwrap();
                }
            }
            Step::Allow(kind, value) => _ = people.allow(KINDS[*kind], &format!("v{value}")),
            Step::Merge(ids) => {
                let mut shard = store(kind);
                shard.extend(&[event(ids, 3, 1)]);
                shard.forget(("cookie", "v3")).unwrap();
                people.merge(&shard).unwrap();
            }
            Step::Advance(day) => _ = people.advance(at(*day)),
            Step::Renumber => {
                people.look_for_changes();
                let numbers = people.graph.renumber().unwrap();
                people.renumber(&numbers);
            }
            Step::Pieces => {}
        }
    }

    fn kinds() -> impl Strategy<Value = Kind> {
        prop::sample::select(vec![Kind::Plain, Kind::Dedupe, Kind::Retained, Kind::Limited])
    }

    fn made(people: &Profiles, last: &Option<Vec<u8>>, full: usize) -> Vec<Vec<u8>> {
        people.pieces_of(7, last.as_deref(), full).unwrap().collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

        #[test]
        fn all_pieces_and_then_those_of_what_changed_are_the_store(
            kind in kinds(),
            steps in prop::collection::vec(a_step(), 1..30),
            full in prop::sample::select(vec![1usize, 300, 1 << 20]),
            restart in 0usize..30,
        ) {
            let (mut people, mut copy) = (store(kind), store(kind));
            let mut last: Option<Vec<u8>> = None;
            for (place, step) in steps.iter().chain([&Step::Pieces]).enumerate() {
                apply(&mut people, kind, step);
                if !matches!(step, Step::Pieces) {
                    continue;
                }
                for piece in made(&people, &last, full) {
                    prop_assert!(copy.absorb(&piece).unwrap());
                    last = Some(piece);
                }
                prop_assert!(copy.graph == people.graph);
                prop_assert_eq!(copy.state_hash(), people.state_hash());
                prop_assert_eq!(copy.features(at(9)), people.features(at(9)));
                prop_assert_eq!(copy.histories.dictionary.held(), people.histories.dictionary.held());
                // The copy can go on in place of the store, for another copy.
                if place >= restart && place < 2 * restart {
                    people = copy.clone();
                }
            }
        }

        #[test]
        fn pieces_of_a_change_that_do_not_come_next_are_refused_and_change_nothing(
            kind in kinds(),
            first in prop::collection::vec(a_step(), 1..8),
            second in prop::collection::vec(a_step(), 1..8),
            third in prop::collection::vec(a_step(), 1..8),
        ) {
            let (mut people, mut copy) = (store(kind), store(kind));
            let mut last: Option<Vec<u8>> = None;
            let mut sets = Vec::new();
            for steps in [&first, &second, &third] {
                steps.iter().for_each(|step| apply(&mut people, kind, step));
                let pieces = made(&people, &last, 300);
                last = pieces.last().cloned();
                sets.push(pieces);
            }
            let all: Vec<&Vec<u8>> = sets.iter().flatten().collect();
            let n_full = sets[0].len();
            for (place, piece) in all.iter().enumerate() {
                for other in all.iter().enumerate().filter(|(i, _)| *i >= n_full && *i != place.max(n_full)) {
                    if place < n_full || other.0 > place {
                        let hash = copy.state_hash();
                        let refused = copy.absorb(other.1);
                        prop_assert!(matches!(refused, Err(Error::StartOver { .. })), "{refused:?}");
                        prop_assert_eq!(copy.state_hash(), hash);
                    }
                }
                prop_assert!(copy.absorb(piece).unwrap());
            }
            prop_assert_eq!(copy.state_hash(), people.state_hash());
        }
    }

    fn visit(card: usize) -> Event<'static> {
        Event::new("visit", at(1)).id("card", card.to_string())
    }

    #[test]
    fn pieces_of_a_change_are_small_and_need_a_store_that_has_nothing_else() {
        let mut people = store(Kind::Dedupe);
        people.extend(&(0..2000).map(visit).collect::<Vec<_>>());
        let mut pieces = made(&people, &None, 1 << 20);
        let all: usize = pieces.iter().map(Vec::len).sum();
        let last = pieces.last().cloned();
        people.observe(&visit(7)).unwrap();
        let change = made(&people, &last, 1 << 20);
        assert!(100 * change.iter().map(Vec::len).sum::<usize>() < 3 * all);
        // Another store's, one's own later pieces, and one with an event of its own.
        let copy = |pieces: &[Vec<u8>]| {
            let mut copy = store(Kind::Dedupe);
            pieces.iter().for_each(|piece| assert!(copy.absorb(piece).unwrap()));
            copy
        };
        let is_refused = |result: Result<bool>| matches!(result, Err(Error::StartOver { .. }));
        let mut own = copy(&pieces);
        own.observe(&visit(1)).unwrap();
        assert!(is_refused(own.absorb(&change[0])));
        let mut shards = copy(&pieces);
        let other = copy(&[]);
        for piece in other.pieces(9, None).unwrap() {
            shards.absorb(&piece).unwrap();
        }
        assert!(is_refused(shards.absorb(&change[0])));
        assert!(matches!(other.pieces(7, last.as_deref()), Err(Error::StartOver { .. })));
        pieces.extend(change);
        assert_eq!(copy(&pieces).state_hash(), people.state_hash());
    }

    #[test]
    fn a_store_that_was_frozen_or_changed_too_much_starts_over() {
        let mut people = store(Kind::Plain);
        people.observe(&visit(1)).unwrap();
        let last = |people: &Profiles| made(people, &None, 1 << 20).pop().unwrap();
        let is_known = |people: &Profiles, last: &[u8]| people.pieces(7, Some(last)).is_ok();
        let first = last(&people);
        people.freeze(at(2)).unwrap();
        assert!(!is_known(&people, &first));
        let events: Vec<Event<'_>> = (0..MOST.1 / 2).map(|i| visit(i % 9)).collect();
        let first = last(&people);
        people.extend(&events);
        let second = last(&people);
        people.extend(&events);
        assert!(is_known(&people, &first) && is_known(&people, &second));
        people.observe(&visit(1)).unwrap();
        assert!(!is_known(&people, &first) && is_known(&people, &second));
        people.extend(&events);
        assert!(!is_known(&people, &second));
        assert_eq!(people.trail.signatures.len(), 0);
        assert!(matches!(people.pieces(7, Some(b"no piece")), Err(Error::InvalidSnapshot { .. })));
    }
}
