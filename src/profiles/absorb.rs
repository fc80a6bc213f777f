//! Pieces into a store: checked whole, then merged like a shard.

use std::sync::OnceLock;

use super::edit::Loose;
use super::messages::Copy;
use super::piece::{Cell, Content, Settings, invalid, open};
use super::store::Profiles;
use crate::features::{Dictionary, Field, FieldValue, Histories, NONE, Scope, StoredEvent};
use crate::identity::{Moves, Pair};
use crate::{Error, Result, Timestamp};

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
        let (id, content) = open(piece)?;
        if self.absorbed.contains(&id) {
            return Ok(false);
        }
        let (settings, content): (Settings, &[u8]) =
            postcard::take_from_bytes(content).map_err(|_| invalid("its settings"))?;
        self.check_settings("piece", &settings)?;
        let is_all = self.trail.check(&settings.origin)?;
        let mut content: Content =
            postcard::from_bytes(content).map_err(|_| invalid("its content"))?;
        content.check(self)?;
        let attributes = content.fields.iter().filter(|field| field.0);
        self.check_attributes(attributes.map(|field| &*field.1))?;
        let texts = content.texts.split().ok_or_else(|| invalid("a text in it"))?;
        let links = content.links.take();
        let theirs = self.absorb_evidence(&content, links, settings.origin.after.is_some())?;
        self.histories.schema.keep_needs(&settings.needs);
        self.newest = OnceLock::new();
        self.absorb_events(&content, &texts, &theirs);
        self.absorbed.insert(id);
        self.trail.absorbed(&settings.origin, id, content.end, is_all);
        Ok(true)
    }

    /// Adds the evidence of a piece, which may hold only what changed, and lets the events follow; returns where
    /// its signatures went. Events of signatures that the piece has whole are removed.
    fn absorb_evidence(
        &mut self,
        content: &Content,
        links: Option<[Vec<Pair>; 3]>,
        is_change: bool,
    ) -> Result<Moves> {
        let has_links = links.is_some();
        let allowed = is_change.then_some(&content.allowed[..]);
        let (ours, theirs) = self.graph.absorb(&content.evidence, links, allowed)?;
        if has_links {
            self.trail.add_links();
        }
        self.trail.add_marks(&content.evidence.forgotten);
        self.added_to(&theirs);
        self.move_events(&ours);
        if is_change {
            let whole = theirs.iter().filter(|(from, _)| Some(*from) != content.continued);
            let whole: Moves = whole.filter_map(|&(_, to)| Some((to?, None))).collect();
            self.move_events(&whole);
        }
        Ok(theirs)
    }

    /// Adds the events and summaries of a piece to the signatures to which its own went.
    fn absorb_events(&mut self, content: &Content, texts: &[&str], theirs: &Moves) {
        if let Some(horizon) = content.horizon {
            self.raise_horizon(Timestamp::from_millis(horizon));
        }
        let horizon = self.horizon();
        let mut words = content.summaries.chunks_exact(self.histories.summary_len().unwrap_or(1));
        let text = |label: u32| texts.get(label as usize).copied().unwrap_or_default();
        for (&(_, to), _) in theirs.iter().zip(&content.has_summary).filter(|(_, has)| **has) {
            let summary = words.next().map(|words| self.histories.restored_summary(words, text));
            match (summary, to) {
                (Some(summary), Some(to)) => self.histories.add_summary(to, &summary),
                (Some(summary), None) => self.histories.release_summary(&summary),
                _ => {}
            }
        }
        let mut loose = Loose::default();
        let mut codes = Codes { texts, known: vec![NONE; texts.len()], fields: &content.fields };
        let (mut values, mut cells) = (Vec::new(), &content.cells[..]);
        let mut events = content.events.iter().enumerate();
        for (&(_, to), &n_events) in theirs.iter().zip(&content.n_events) {
            for (place, &(at, name, n_values)) in events.by_ref().take(n_events as usize) {
                let own;
                (own, cells) = cells.split_at(n_values as usize);
                let at = Timestamp::from_millis(at);
                let Some(to) = to.filter(|_| Some(at) >= horizon) else { continue };
                let histories = &mut self.histories;
                values.clear();
                values.extend(own.iter().map(|cell| codes.value(histories, cell)));
                let name = codes.text(&mut histories.dictionary, name);
                let message = content.messages.get(place).map_or(0, |id| u128::from_le_bytes(*id));
                match &mut self.messages {
                    Some(messages) if message != 0 => {
                        let message = messages.number_of(message);
                        loose.events.push(Copy::new(
                            to,
                            StoredEvent { at, name, message, values: &values },
                        ));
                    }
                    _ => histories
                        .add_logged(to, StoredEvent { at, name, message: NONE, values: &values }),
                }
            }
        }
        codes.release(&mut self.histories.dictionary);
        self.put(loose);
        self.bind();
        self.tidy();
    }

    /// Whether what another store, or a piece of one, holds can be added.
    pub(super) fn check_settings(&self, what: &'static str, other: &Settings) -> Result<()> {
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

/// The texts and fields of a piece, and the codes of those texts that were met. Each of these is used once more until
/// the piece is absorbed, so that no code is given to another text when the event that brought it is cut.
struct Codes<'c> {
    texts: &'c [&'c str],
    known: Vec<u32>,
    fields: &'c [(bool, String)],
}

impl Codes<'_> {
    /// The code of a text, used once more.
    fn text(&mut self, dictionary: &mut Dictionary, text: u32) -> u32 {
        let known = &mut self.known[text as usize];
        if *known == NONE {
            *known = dictionary.intern(self.texts[text as usize]);
        }
        dictionary.retain(*known, 1);
        *known
    }

    /// Ends the uses by the piece itself.
    fn release(self, dictionary: &mut Dictionary) {
        let known = self.known.into_iter().filter(|&code| code != NONE);
        known.for_each(|code| dictionary.release(code));
    }

    /// A value with the codes of a store.
    fn value(
        &mut self,
        histories: &mut Histories,
        &(field, item, number, text): &Cell,
    ) -> FieldValue {
        let field = field.map_or(Field::NONE, |field| {
            let (is_attribute, name) = &self.fields[field as usize];
            let scope = if *is_attribute { Scope::Attribute } else { Scope::Property };
            histories.field(scope, name)
        });
        let label = text.map(|text| self.text(&mut histories.dictionary, text));
        FieldValue::new(field, item, number, label)
    }
}

impl Content {
    /// Whether everything that it names is there.
    fn check(&self, people: &Profiles) -> Result<()> {
        let n = self.evidence.n_signatures();
        let has_text = |text: u32| (text as usize) < self.texts.len();
        let is_cell = |cell: &Cell| {
            cell.0.is_none_or(|field| (field as usize) < self.fields.len())
                && cell.3.is_none_or(has_text)
        };
        let (min, max) = people.graph.rules().clock_range();
        let is_event = |&(at, name, _): &(i64, u32, u32)| {
            let at = Timestamp::from_millis(at);
            has_text(name) && min <= at && at <= max
        };
        let sum = |counts: &mut dyn Iterator<Item = u32>| counts.map(u64::from).sum::<u64>();
        let fits = self.n_events.len() == n
            && sum(&mut self.n_events.iter().copied()) == self.events.len() as u64
            && sum(&mut self.events.iter().map(|event| event.2)) == self.cells.len() as u64
            && [0, self.events.len()].contains(&self.messages.len())
            && [0, n].contains(&self.has_summary.len());
        let n_summaries = self.has_summary.iter().filter(|has| **has).count();
        let n_words = n_summaries * people.histories.summary_len().unwrap_or(0);
        if fits
            && self.summaries.len() == n_words
            && self.cells.iter().all(is_cell)
            && self.events.iter().all(is_event)
        {
            return Ok(());
        }
        Err(invalid("an event in it"))
    }
}

#[cfg(test)]
mod tests {
    use crate::features::{Feature, Measure, Values};
    use crate::profiles::StoreOptions;
    use crate::{Event, FeatureSet, Identifier, Profiles, Rules, Timestamp};

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
    fn the_text_of_an_event_that_is_cut_at_once_is_still_that_of_later_events_of_the_piece() {
        let options = StoreOptions { max_log: Some(1), ..StoreOptions::default() };
        let features = FeatureSet::from_iter([Feature::new("n", Measure::Count)]);
        let mut newer = Profiles::with_options(Rules::default(), features, options).unwrap();
        let mut older = newer.clone();
        newer.observe(&visit(9)).unwrap();
        for card in ["1", "2", "3"] {
            older.observe(&Event::new("early", at(1)).id("card", card)).unwrap();
            older.observe(&Event::new("late", at(2)).id("card", card)).unwrap();
        }
        let mut all = newer.clone();
        all.merge(&older).unwrap();
        for piece in older.pieces(0, None).unwrap() {
            newer.absorb(&piece).unwrap();
        }
        assert_eq!(newer.state_hash(), all.state_hash());
        assert_eq!(newer.histories.dictionary.held(), all.histories.dictionary.held());
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
