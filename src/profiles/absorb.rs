//! Pieces into a store: checked whole, then merged like a shard.

use std::sync::OnceLock;

use super::edit::Loose;
use super::messages::Copy;
use super::piece::{Cell, Content, History, Settings, Stored, invalid, open};
use super::store::Profiles;
use crate::features::{Field, FieldValue, NONE, Scope, StoredEvent};
use crate::identity::Moves;
use crate::{Error, Result, Timestamp};

impl Profiles {
    /// Adds a piece that [`Profiles::pieces`] made, of this or another store, in any order; whether it
    /// was new. The same piece a second time changes nothing, as long as the store lives: which
    /// pieces it has absorbed is not part of its own.
    ///
    /// What either store has forgotten is forgotten, as by [`Profiles::merge`].
    ///
    /// Pieces that hold only what changed come in the order in which they were made, after all pieces before them, into a
    /// store to which nothing else was added; a person allowed again since is allowed.
    ///
    /// # Errors
    /// [`Error::StartOver`] if pieces before this one are missing, or if the store has changed by other means.
    /// [`Error::InvalidSnapshot`] for bytes that are not a whole, unchanged piece of this version;
    /// [`Error::InvalidParameter`] if the piece was made under another setting, which it names: rules,
    /// key, features, fixed columns, store options, or if there would be more than 32,767 names of attributes;
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
        self.check_attributes("piece", attributes.map(|field| &*field.1))?;
        content.evidence.forgotten.sort_unstable();
        let theirs = self.absorb_evidence(&mut content, settings.origin.after.is_some())?;
        self.histories.schema.keep_needs(&settings.needs);
        self.newest = OnceLock::new();
        let Content { horizon, texts, fields, histories, end, .. } = content;
        let mut loose = Loose::default();
        for (from, to) in theirs.into_iter().filter_map(|(from, to)| Some((from, to?))) {
            let history = &histories[from as usize];
            for event in &history.events {
                loose.events.push(self.restored(to, event, &texts, &fields));
            }
            if let Some(words) = &history.summary {
                let text = |label: u32| texts.get(label as usize).map_or("", String::as_str);
                let summary = self.histories.restored_summary(words, text);
                loose.summaries.push((to, summary));
            }
        }
        self.add_from(horizon.map(Timestamp::from_millis), loose);
        self.absorbed.insert(id);
        self.trail.absorbed(&settings.origin, id, end, is_all);
        Ok(true)
    }

    /// Adds the evidence of a piece, which may hold only what changed, and lets the events follow; returns where
    /// its signatures went. Events of signatures that the piece has whole are removed.
    fn absorb_evidence(&mut self, content: &mut Content, is_change: bool) -> Result<Moves> {
        let (mut evidence, links) = (std::mem::take(&mut content.evidence), content.links.take());
        let marks = evidence.forgotten.clone();
        let has_links = links.is_some();
        if is_change {
            evidence.forgotten.clear();
        }
        let other = self.graph.of_evidence(evidence, links.unwrap_or_default())?;
        let (ours, theirs) = if is_change {
            self.graph.catch_up(&other, has_links, marks.clone(), &content.allowed)?
        } else {
            self.graph.merge_moving(&other)?
        };
        if has_links {
            self.trail.add_links();
        }
        self.trail.add_marks(&marks);
        self.added_to(&theirs);
        self.move_events(&ours);
        if is_change {
            let whole = theirs.iter().filter(|(from, _)| Some(*from) != content.continued);
            let whole: Moves = whole.filter_map(|&(_, to)| Some((to?, None))).collect();
            self.move_events(&whole);
        }
        Ok(theirs)
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
        Err(Error::parameter(what, format!("made with the same {differs}"), "made with others"))
    }

    /// An event of a piece with the codes of this store.
    fn restored(
        &mut self,
        to: u32,
        event: &Stored,
        texts: &[String],
        fields: &[(bool, String)],
    ) -> Copy {
        let message = match &mut self.messages {
            Some(messages) if event.message != 0 => messages.number_of(event.message),
            _ => NONE,
        };
        let histories = &mut self.histories;
        let name =
            event.name.map_or(NONE, |name| histories.dictionary.intern(&texts[name as usize]));
        let values: Vec<FieldValue> = event
            .values
            .iter()
            .map(|&(field, item, number, text)| {
                let text = text.map(|text| &*texts[text as usize]);
                match field.map(|field| &fields[field as usize]) {
                    Some((true, name)) => {
                        histories.restored(Scope::Attribute, name, item, number, text)
                    }
                    Some((false, name)) => {
                        histories.restored(Scope::Property, name, item, number, text)
                    }
                    None => {
                        let label = text.map(|text| histories.dictionary.intern(text));
                        FieldValue::new(Field::NONE, item, number, label)
                    }
                }
            })
            .collect();
        let at = Timestamp::from_millis(event.at);
        Copy::new(to, StoredEvent { at, name, message, values: &values })
    }
}

impl Content {
    /// Whether everything that it names is there.
    fn check(&self, people: &Profiles) -> Result<()> {
        let has_text =
            |text: Option<u32>| text.is_none_or(|text| (text as usize) < self.texts.len());
        let has_field =
            |field: Option<u32>| field.is_none_or(|field| (field as usize) < self.fields.len());
        let is_cell = |cell: &Cell| has_field(cell.0) && has_text(cell.3);
        let (min, max) = people.graph.rules().clock_range();
        let is_event = |event: &Stored| {
            let at = Timestamp::from_millis(event.at);
            let has_name = event.name.is_some() && has_text(event.name);
            has_name && min <= at && at <= max && event.values.iter().all(is_cell)
        };
        let is_history = |history: &History| {
            let stored = people.histories.summary_len();
            let len = history.summary.as_ref().map(Vec::len);
            history.events.iter().all(is_event) && (len.is_none() || len == stored)
        };
        if self.histories.len() != self.evidence.n_signatures()
            || !self.histories.iter().all(is_history)
        {
            return Err(invalid("an event in it"));
        }
        Ok(())
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
