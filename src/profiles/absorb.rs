//! Pieces into a store: checked whole, then merged like a shard.

use std::sync::OnceLock;

use super::change::Loose;
use super::messages::Copy;
use super::piece::{Cell, Content, History, Settings, Stored, invalid, open};
use super::store::Profiles;
use crate::features::{Field, FieldValue, NONE, Scope, StoredEvent};
use crate::{Error, Result, Timestamp};

impl Profiles {
    /// Adds a piece that [`Profiles::pieces`] made, of this or another store, in any order; whether it
    /// was new. The same piece a second time changes nothing, as long as the store lives: which
    /// pieces it has absorbed is not part of its own.
    ///
    /// What either store has forgotten is forgotten, as by [`Profiles::merge`].
    ///
    /// # Errors
    /// [`Error::InvalidSnapshot`] for bytes that are not a whole, unchanged piece of this version;
    /// [`Error::InvalidParameter`] if the piece was made under another setting, which it names: rules,
    /// key, features, fixed columns, store options; [`Error::Refused`] if there is no room. Nothing
    /// changes then.
    pub fn absorb(&mut self, piece: &[u8]) -> Result<bool> {
        let (id, content) = open(piece)?;
        if self.absorbed.contains(&id) {
            return Ok(false);
        }
        let (settings, content): (Settings, &[u8]) =
            postcard::take_from_bytes(content).map_err(|_| invalid("its settings"))?;
        self.check_settings(&settings)?;
        let content: Content = postcard::from_bytes(content).map_err(|_| invalid("its content"))?;
        content.check(self)?;
        let Content { mut evidence, horizon, links, texts, fields, histories } = content;
        evidence.forgotten.sort_unstable();
        let other = self.graph.of_evidence(evidence, links)?;
        let (ours, theirs) = self.graph.merge_moving(&other)?;
        self.newest = OnceLock::new();
        self.follow(&ours);
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
        self.keep_from(horizon.map(Timestamp::from_millis), &mut loose);
        self.put(loose);
        self.bind();
        self.absorbed.insert(id);
        Ok(true)
    }

    fn check_settings(&self, piece: &Settings) -> Result<()> {
        let own = self.settings();
        let differs = match () {
            () if piece.rules != own.rules => "rules",
            () if piece.key != own.key => "key",
            () if piece.is_fixed != own.is_fixed => "fixed columns",
            () if piece.features != own.features => "features",
            () if piece.options != own.options => "store options",
            () => return Ok(()),
        };
        Err(Error::parameter("piece", format!("made with the same {differs}"), "made with others"))
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
        let is_event = |event: &Stored| has_text(event.name) && event.values.iter().all(is_cell);
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
        let is_stored = |(is_attribute, name): &(bool, String)| {
            *is_attribute || people.histories.schema.property(name) != Field::NONE
        };
        match self.fields.iter().all(is_stored) {
            true => Ok(()),
            false => {
                let expected = "made with the same stored properties";
                Err(Error::parameter("piece", expected, "made with others"))
            }
        }
    }
}
