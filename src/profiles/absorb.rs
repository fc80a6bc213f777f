//! Pieces into a store: checked whole, then merged like a shard.

use super::content::PieceColumns;
use super::piece::{Origin, PieceHead, PieceSettings, invalid, open};
use super::restored::Restored;
use super::store::Profiles;
use crate::features::Needs;
use crate::identity::{Links, Moves};
use crate::num::parallel;
use crate::{Error, ProfileId, Result, Timestamp};

/// A piece that can be added to a store: everything was checked, and there is room.
struct CheckedPiece<'b> {
    id: u128,
    origin: Origin,
    /// Whether the whole store is of its set and those before.
    is_all: bool,
    head: PieceHead<'b>,
    needs: Needs<'b>,
    links: Option<Links<'b>>,
    forgotten: Vec<ProfileId>,
    allowed: Vec<ProfileId>,
    columns: PieceColumns<'b>,
}

impl Profiles {
    /// Adds a piece that [`Profiles::pieces`] made, of this or another store; returns whether it was new.
    ///
    /// Pieces of a whole store can come in any order. A piece that was absorbed before changes nothing; this is
    /// remembered as long as the store is in memory, and is not part of the store's own pieces. What either
    /// store has forgotten is forgotten, as with [`Profiles::merge`].
    ///
    /// Pieces of changes must come in the order in which they were made, after all pieces before them, and into
    /// a store that nothing else has changed. A person who was allowed again since then is allowed.
    ///
    /// # Errors
    /// [`Error::StartOver`] if pieces before this one are missing, or if the store was changed by other means;
    /// [`Error::InvalidSnapshot`] for bytes that are not a whole, unchanged piece of this version;
    /// [`Error::InvalidParameter`] if the piece was made under another setting, which it names: rules,
    /// key, features, fixed columns, store options; [`Error::TooManyAttributes`] if there would be more than 32,767;
    /// [`Error::Refused`] if there is no room. Nothing
    /// changes then.
    pub fn absorb(&mut self, piece: &[u8]) -> Result<bool> {
        let piece = self.check_piece(piece)?;
        let is_new = piece.is_some();
        piece.into_iter().for_each(|piece| self.add_piece(piece));
        Ok(is_new)
    }

    /// Reads a piece; returns what can be added without an error, nothing if it was absorbed before.
    fn check_piece<'b>(&self, piece: &'b [u8]) -> Result<Option<CheckedPiece<'b>>> {
        let (id, content) = open(piece)?;
        if self.absorbed.contains(&id) {
            return Ok(None);
        }
        let (settings, content): (PieceSettings, &[u8]) =
            postcard::take_from_bytes(content).map_err(|_| invalid("its settings"))?;
        self.check_settings("piece", &settings)?;
        let is_all = self.trail.check(&settings.origin)?;
        let (head, columns): (PieceHead<'b>, &[u8]) =
            postcard::take_from_bytes(content).map_err(|_| invalid("its head"))?;
        let unread = || invalid("its head");
        let needs = Needs::read(head.needs).ok_or_else(unread)?;
        let links = head.links.map(|links| Links::read(links).ok_or_else(unread)).transpose()?;
        let [forgotten, allowed] = [head.forgotten, head.allowed].map(ProfileId::all);
        let (forgotten, allowed) = forgotten.zip(allowed).ok_or_else(unread)?;
        let columns = PieceColumns::read(columns).ok_or_else(|| invalid("its columns"))?;
        self.check_columns(&columns, links.as_ref())?;
        self.check_attributes(needs, columns.attributes())?;
        let origin = settings.origin;
        // Nothing of the piece was remembered before all of it was checked.
        let (forgotten, allowed) = (forgotten.collect(), allowed.collect());
        Ok(Some(CheckedPiece {
            id,
            origin,
            is_all,
            head,
            needs,
            links,
            forgotten,
            allowed,
            columns,
        }))
    }

    /// Whether everything in a piece could have been observed, and there is room for it.
    fn check_columns(&self, columns: &PieceColumns<'_>, links: Option<&Links<'_>>) -> Result<()> {
        let (mut events, mut evidence) = (Ok(()), Ok(()));
        parallel::join(
            || events = columns.check(self),
            || evidence = self.graph.check_extract(&columns.evidence, links),
        );
        events.and(evidence)
    }

    /// Adds a piece that was checked, which may hold only what changed.
    fn add_piece(&mut self, piece: CheckedPiece<'_>) {
        let CheckedPiece { columns, links, forgotten, .. } = &piece;
        if let Some(horizon) = piece.head.horizon {
            self.raise_horizon(Timestamp::from_millis(horizon));
        }
        let horizon = self.horizon();
        self.histories.schema.keep_needs(piece.needs);
        let is_change = piece.origin.after.is_some();
        let allowed = is_change.then_some(&piece.allowed[..]);
        let (graph, histories, messages) =
            (&mut self.graph, &mut self.histories, &mut self.messages);
        // Events that go with the forgotten, or are replaced, must go first.
        let is_only_added = forgotten.is_empty() && !is_change;
        let (mut moves, mut restored) = (Default::default(), None);
        parallel::join(
            || moves = graph.absorb(&columns.evidence, forgotten, links.as_ref(), allowed),
            || {
                restored = is_only_added
                    .then(|| Restored::read(columns, histories, messages.as_mut(), horizon))
            },
        );
        let (ours, theirs): (Moves, Moves) = moves;
        self.added_evidence(links.is_some(), forgotten, (&ours, &theirs));
        if is_change {
            let whole = theirs.iter().filter(|(from, _)| Some(*from) != piece.head.continued);
            let whole: Moves = whole.filter_map(|&(_, to)| Some((to?, None))).collect();
            self.move_events(&whole);
        }
        let restored = restored.unwrap_or_else(|| {
            Restored::read(columns, &mut self.histories, self.messages.as_mut(), horizon)
        });
        self.put_restored(restored, &theirs);
        self.bind();
        self.tidy();
        self.absorbed.insert(piece.id);
        self.trail.absorbed(&piece.origin, piece.id, piece.head.end, piece.is_all);
    }

    /// Whether what another store, or a piece of one, holds can be added.
    pub(super) fn check_settings(&self, what: &'static str, other: &PieceSettings) -> Result<()> {
        let own = self.settings();
        let differs = match () {
            () if other.rules != own.rules => "rules",
            () if other.key != own.key => "key",
            () if other.is_fixed != own.is_fixed => "fixed columns",
            () if other.features != own.features => "features",
            () if other.options != own.options => "store options",
            () => return Ok(()),
        };
        Err(Error::parameter(what, format!("from a store with equal {differs}"), "from another"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::content::Filling;
    use super::super::piece::write;
    use super::*;
    use crate::features::{Feature, Field, FieldValue, Measure, Scope, StoredEvent, Values};
    use crate::num::bytes::TextWriter;
    use crate::profiles::StoreOptions;
    use crate::{Event, FeatureSet, Identifier, Rules};

    fn at(day: i64) -> Timestamp {
        Timestamp::from_millis(1_500_000_000_000 + day * 86_400_000)
    }

    fn visit(day: i64) -> Event<'static> {
        Event::new("visit", at(day)).id("card", "1")
    }

    fn restored(people: &Profiles, options: StoreOptions) -> Profiles {
        let features = people.features.clone();
        let mut again = Profiles::with_options(Rules::default(), features, options).unwrap();
        for piece in people.pieces(0, None).unwrap() {
            again.absorb(&piece).unwrap();
        }
        again
    }

    #[test]
    fn a_store_frozen_before_some_property_came_is_restored_and_goes_on_storing_it() {
        let mut people = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
        people.observe(&visit(1)).unwrap();
        people.freeze(at(1)).unwrap();
        let order = |day| {
            let order = Event::new("purchase", at(day)).id("card", "1").property("discount", 2.0);
            order.property("category", "tea").attribute("city", "rome")
        };
        people.observe(&order(2)).unwrap();
        let mut again = restored(&people, StoreOptions::default());
        assert_eq!(again.state_hash(), people.state_hash());
        people.observe(&order(3)).unwrap();
        again.observe(&order(3)).unwrap();
        assert_eq!(again.state_hash(), people.state_hash());
        let mut shard = restored(&people, StoreOptions::default());
        shard.merge(&people).unwrap();
    }

    #[test]
    fn a_frozen_column_of_an_attribute_stays_that_attributes_own() {
        let features = FeatureSet::default().with(Feature::new("a", Measure::Attributes));
        let options = || StoreOptions { retention_days: Some(10.0), ..StoreOptions::default() };
        let mut people = Profiles::with_options(Rules::default(), features, options()).unwrap();
        people.observe(&visit(1).attribute("city", "rome")).unwrap();
        people.freeze(at(1)).unwrap();
        people.advance(at(20)).unwrap();
        people.observe(&visit(20).attribute("pet", "cat")).unwrap();
        let city = |people: &Profiles| {
            let table = people.features(at(30)).unwrap();
            let Some(Values::Categorical(values)) = table.column("city").map(|c| &c.values) else {
                panic!("{table:?}")
            };
            values[0].clone()
        };
        assert_eq!(city(&people), None);
        people.observe(&visit(21).attribute("city", "oslo")).unwrap();
        assert_eq!(city(&people).as_deref(), Some("oslo"));
    }

    #[test]
    fn a_message_with_a_copy_before_the_horizon_still_counts_once() {
        let options =
            || StoreOptions { dedupe: true, retention_days: Some(10.0), ..StoreOptions::default() };
        let store =
            || Profiles::with_options(Rules::default(), FeatureSet::retail(), options()).unwrap();
        let (mut people, mut shard) = (store(), store());
        shard.extend(&[visit(1).message_id("m"), visit(20).message_id("m")]);
        people.advance(at(15)).unwrap();
        people.merge(&shard).unwrap();
        assert_eq!(people.extend(&[visit(20).message_id("m")]).duplicates, 1);
        people.observe(&visit(21).message_id("n")).unwrap();
        assert_eq!(people.get(("card", "1")).map(|ann| ann.n_events), Some(2));
        // The copy that counts now is the newest event, once the first is too old.
        assert_eq!(shard.newest(), Some(at(1)));
        shard.advance(at(15)).unwrap();
        assert_eq!(shard.newest(), Some(at(20)));
    }

    #[test]
    fn manual_links_show_in_columns_that_depend_on_everybody() {
        let mut people = Profiles::new(Rules::default(), FeatureSet::engagement()).unwrap();
        people.observe(&visit(1)).unwrap();
        people
            .observe(&Event::new("call", at(2)).id("card", "2").attribute("city", "rome"))
            .unwrap();
        let [one, two] = ["1", "2"].map(|card| Identifier::new("card", card));
        let row = |people: &Profiles| people.get(("card", "1")).unwrap().features(at(9)).unwrap();
        let before = row(&people);
        people.must_link(&one, &two).unwrap();
        assert_ne!(row(&people), before);
        assert_eq!(row(&people), people.features(at(9)).unwrap());
        people.unlink(&one, &two).unwrap();
        assert_eq!(row(&people), before);
    }

    /// Many sets of identifiers: people with cookies of their own and shared ones, claims, placeholders, messages.
    fn crowd(n: u64) -> Vec<Event<'static>> {
        let mut state = 7u64;
        let mut below = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % n
        };
        let mut event = |i| {
            let event = Event::new(format!("e{}", below(3)), at(below(300) as i64))
                .property("amount", below(9) as f64)
                .property("category", format!("c{}", below(40)));
            let cookie = if below(5) == 0 { below(4) } else { below(n) };
            let event =
                event.id("cookie", if cookie == 0 { "null".into() } else { cookie.to_string() });
            let event = match below(3) {
                0 => event.id("user_id", below(n / 4).to_string()).attribute("city", "rome"),
                1 => event.claimed_id("user_id", below(n / 4).to_string()),
                _ => event,
            };
            if below(2) == 0 { event.message_id(format!("m{i}")) } else { event }
        };
        (0..n).map(&mut event).collect()
    }

    #[test]
    fn pieces_of_thousands_of_sets_join_those_that_a_store_has_as_its_own_events_do() {
        let events = crowd(4000);
        for dedupe in [false, true] {
            let store = || {
                let options = StoreOptions { dedupe, ..StoreOptions::default() };
                Profiles::with_options(Rules::default(), FeatureSet::retail(), options).unwrap()
            };
            let (mut all, mut people, mut shard) = (store(), store(), store());
            let (ours, theirs) = events.split_at(1500);
            all.extend(&events);
            people.extend(ours);
            shard.extend(theirs);
            for store in [&mut all, &mut people] {
                (0..9).for_each(|i| drop(store.forget(("user_id", &*i.to_string())).unwrap()));
            }
            for piece in shard.pieces(0, None).unwrap() {
                assert!(people.absorb(&piece).unwrap());
            }
            assert_eq!(people.state_hash(), all.state_hash());
            assert!(people.graph == all.graph);
            assert_eq!(people.identity().profiles(), all.identity().profiles());
            assert_eq!(people.histories.dictionary.held(), all.histories.dictionary.held());
        }
    }

    /// A piece of another head and other columns in a right frame.
    fn forged_with(
        people: &Profiles,
        head: PieceHead<'_>,
        fill: impl FnOnce(&mut Filling),
    ) -> Vec<u8> {
        let mut filling = Filling::default();
        fill(&mut filling);
        let needs = people.histories.schema.needs();
        let needs = if head.needs.is_empty() { &needs } else { head.needs };
        write(&people.settings(), &filling.write(PieceHead { needs, ..head }))
    }

    fn forged(people: &Profiles, fill: impl FnOnce(&mut Filling)) -> Vec<u8> {
        forged_with(people, PieceHead::default(), fill)
    }

    /// Manual links in bytes: must-links, cannot-links, links of aliases that were taken back; of each the two ends.
    fn links(columns: [&[[(&str, &str); 2]]; 3]) -> Vec<u8> {
        let (mut out, mut texts) = (Vec::new(), TextWriter::default());
        for links in columns {
            let ends = links.iter().flatten();
            ends.flat_map(|&(kind, value)| [kind, value]).for_each(|text| texts.push(text));
            texts.write(&mut out);
        }
        out
    }

    #[test]
    fn the_link_of_an_alias_in_a_piece_is_checked_as_other_links_are() {
        let mut people = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
        let before = people.state_hash();
        let piece = |people: &Profiles, a, b| {
            let links = links([&[], &[], &[[a, b]]]);
            forged_with(people, PieceHead { links: Some(&links), ..PieceHead::default() }, |_| ())
        };
        let long = "7".repeat(2000);
        for (a, b) in [
            (("user_id", "8"), ("user_id", "7")),
            (("user_id", "7"), ("user_id", "7")),
            (("user_id", "7"), ("user_id", " 8")),
            (("user_id", "7"), ("user_id", "8\n")),
            (("user_id", &long), ("user_id", "8")),
            (("anonymous_id", "7"), ("previous_id", "8")),
            (("email", "7"), ("email", "8")),
        ] {
            let piece = piece(&people, a, b);
            assert!(people.absorb(&piece).is_err(), "{a:?} {b:?}");
        }
        assert_eq!(people.state_hash(), before);
        let right = piece(&people, ("user_id", "7"), ("user_id", "8"));
        assert!(people.absorb(&right).unwrap());
        assert_ne!(people.state_hash(), before);
    }

    #[test]
    fn a_piece_without_room_for_its_links_forgets_nobody_and_adds_nothing() {
        let mut people = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
        people.observe(&visit(1)).unwrap();
        let kinds: Vec<String> = (0..2000).map(|i| format!("kind{i}")).collect();
        let ends: Vec<_> = kinds.iter().map(|kind| [("card", "2"), (&**kind, "1")]).collect();
        let links = links([&ends, &[], &[]]);
        let mark = people.identity().rules().profile_id("card", "1").to_bytes();
        let before = people.state_hash();
        let head = PieceHead {
            links: Some(&links),
            forgotten: &mark,
            horizon: Some(0),
            ..PieceHead::default()
        };
        let piece = forged_with(&people, head, |_| ());
        assert!(matches!(people.absorb(&piece), Err(Error::Refused(_))));
        assert_eq!((people.state_hash(), people.n_profiles()), (before, 1));
    }

    #[test]
    fn attributes_that_a_piece_keeps_and_those_it_has_values_of_are_counted_together() {
        let people = || Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
        let mut other = people();
        other.observe(&visit(1)).unwrap();
        let event = other.clone();
        let event = event.histories.log(0).unwrap().iter().next().unwrap();
        let mut schema = people().histories.schema;
        (0..20_000).for_each(|i| schema.keep_attribute(&format!("a{i}")));
        let needs = schema.needs();
        let piece = |letter| {
            let mut other = other.clone();
            let field = |i| other.histories.field(Scope::Attribute, &format!("{letter}{i}"));
            let values: Vec<FieldValue> = (0..20_000)
                .map(field)
                .map(|field| FieldValue::new(field, 0, Some(1.0), None))
                .collect();
            forged_with(&people(), PieceHead { needs: &needs, ..PieceHead::default() }, |filling| {
                other.graph.write_signature(0, 1, &mut filling.evidence);
                filling.event(&other, StoredEvent { values: &values, ..event });
                filling.end_events(1);
            })
        };
        let (same, others) = (piece('a'), piece('b'));
        let mut refusing = people();
        assert!(matches!(
            refusing.absorb(&others),
            Err(Error::TooManyAttributes { got: 40_000.., .. })
        ));
        assert_eq!(refusing.state_hash(), people().state_hash());
        let mut people = people();
        assert!(people.absorb(&same).unwrap());
        let values = people.histories.log(0).unwrap().iter().map(|event| event.values.len());
        assert_eq!(values.sum::<usize>(), 20_000);
    }

    #[test]
    fn a_right_checksum_does_not_make_wrong_columns_right() {
        let mut people = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
        people.observe(&visit(1).property("amount", 2.0)).unwrap();
        let other = people.clone();
        let log: Vec<_> = other.histories.log(0).unwrap().iter().collect();
        let before = people.state_hash();
        let with = |people: &Profiles, n_signatures: usize, n_events: usize, name: bool| {
            forged(people, |filling| {
                for _ in 0..n_signatures {
                    other.graph.write_signature(0, 1, &mut filling.evidence);
                }
                filling.event(&other, log[0]);
                if name {
                    // A text that no event has.
                    filling.text(&other, log[0].name);
                }
                filling.end_events(n_events);
            })
        };
        for (n_signatures, n_events) in [(0, 1), (1, 0), (1, 2), (2, 1), (0, 500_000)] {
            let piece = with(&people, n_signatures, n_events, false);
            assert!(people.absorb(&piece).is_err(), "{n_signatures} {n_events}");
        }
        let zero_count = forged(&people, |filling| {
            other.graph.write_signature(0, 0, &mut filling.evidence);
            filling.end_events(0);
        });
        let infinite = forged(&people, |filling| {
            other.graph.write_signature(0, 1, &mut filling.evidence);
            let values = [FieldValue::new(Field::NONE, 0, Some(f64::INFINITY), None)];
            filling.event(&other, StoredEvent { values: &values, ..log[0] });
            filling.end_events(1);
        });
        let summary = forged(&people, |filling| filling.summary(Some(&[1, 2, 3])));
        for piece in [zero_count, infinite, summary] {
            assert!(people.absorb(&piece).is_err());
        }
        assert_eq!(people.state_hash(), before);
        let right = with(&people, 1, 1, true);
        assert!(people.absorb(&right).unwrap());
        assert_eq!(people.get(("card", "1")).map(|ann| ann.n_events), Some(2));
    }

    #[test]
    fn an_event_in_a_piece_for_a_store_that_keeps_numbers_only_is_refused() {
        let options = StoreOptions { max_log: Some(0), ..StoreOptions::default() };
        let features = FeatureSet::from_iter([Feature::new("n", Measure::Count)]);
        let mut people = Profiles::with_options(Rules::default(), features, options).unwrap();
        let mut other = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
        people.observe(&visit(1)).unwrap();
        other.observe(&visit(1)).unwrap();
        let event = other.histories.log(0).unwrap().iter().next().unwrap();
        let before = people.state_hash();
        let piece = forged(&people, |filling| {
            other.graph.write_signature(0, 1, &mut filling.evidence);
            filling.event(&other, event);
            filling.end_events(1);
        });
        assert!(people.absorb(&piece).is_err());
        assert_eq!(people.state_hash(), before);
    }

    #[test]
    fn a_store_with_hundreds_of_kinds_is_restored() {
        let mut people = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
        for kind in 0..700 {
            people.observe(&Event::new("visit", at(1)).id(format!("kind{kind}"), "1")).unwrap();
        }
        let again = restored(&people, StoreOptions::default());
        assert_eq!(again.state_hash(), people.state_hash());
        people.merge(&again).unwrap();
    }

    #[test]
    fn marks_of_a_user_reach_the_aliases_of_the_user_before_or_after_them() {
        let alias = Event::new("alias", at(1)).id("user_id", "new").id("previous_id", "old");
        let mut marked = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
        let mut people = marked.clone();
        people.observe(&alias).unwrap();
        marked.forget(("user_id", "old")).unwrap();
        let mut first = marked.clone();
        first.observe(&alias).unwrap();
        people.merge(&marked).unwrap();
        assert_eq!(people.state_hash(), first.state_hash());
    }
}
