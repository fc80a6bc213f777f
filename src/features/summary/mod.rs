//! What is left of events that are no longer in the log: a few numbers that can still be added to.
//!
//! Counts, sums, extremes, first and last values: every one of them can take in an event in any
//! order, and be merged with its like, bit for bit the same as if it had seen all events. A plan,
//! made once for a set of features, says which numbers there are; a summary is those numbers, in
//! words of 64 bits. Its answers are those of the whole log as of any moment from the newest event on.
//!
//! | slot | words |
//! |---|---|
//! | the log | time of the newest event that left it |
//! | times of a filter's events | number, first, last |
//! | sum of a property | number of values, sum in fixed point (2) |
//! | smallest, largest value | 1 each |
//! | squares | 4: their sum as an integer of 256 bits |
//! | first, last, declared value | time, number, text and kind |
//!
//! Cost: one pass over the plan per event.

mod words;

use super::definition::Feature;
use super::entry::{Cell, Entry};
use super::filter::{self, EventFilter, WordFilter};
use super::local::Derived;
use super::measure::Measure;
use super::set::FeatureSet;
use super::texts::Texts;
use crate::{Event, Timestamp, Value};
use words::{
    HEADER, Said, TIMES, Times, UNCUT, join_number, read_fixed, read_squares, write_fixed,
};

pub(crate) use words::Summary;

/// Which numbers are kept, and which feature is read off which.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    groups: Vec<Group>,
    /// By feature: its group, and the slot of its values. `None` if a summary cannot tell.
    readings: Vec<Option<(usize, Option<usize>)>>,
    n_words: usize,
}

/// Slots of the events of one filter.
#[derive(Debug, Clone, PartialEq)]
struct Group {
    filter: EventFilter,
    bound: WordFilter,
    /// Where its times are.
    at: usize,
    slots: Vec<Slot>,
}

/// Something kept of a property or an attribute.
#[derive(Debug, Clone, PartialEq)]
struct Slot {
    kind: Kind,
    /// Number of the name.
    name: u32,
    at: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Number of values and their sum.
    Sum,
    Min,
    Max,
    Squares,
    First,
    Last,
    Declared,
}

impl Group {
    /// Slots of one property mostly follow each other.
    fn slots_by_name(&self) -> impl Iterator<Item = &[Slot]> {
        self.slots.chunk_by(|a, b| a.name == b.name)
    }
}

impl Kind {
    /// Whether it is a value with its time.
    fn is_said(self) -> bool {
        matches!(self, Self::First | Self::Last | Self::Declared)
    }

    fn n_words(self) -> usize {
        match self {
            Self::Min | Self::Max => 1,
            Self::Sum | Self::First | Self::Last | Self::Declared => 3,
            Self::Squares => 4,
        }
    }
}

impl Plan {
    /// The plan for a set of features. The first group is that of all events.
    pub(crate) fn new(features: &FeatureSet, texts: &mut Texts) -> Self {
        let mut plan = Self { groups: Vec::new(), readings: Vec::new(), n_words: HEADER };
        plan.group(&EventFilter::all(), texts);
        for feature in features.features() {
            let reading = plan.reading(feature, texts);
            plan.readings.push(reading);
        }
        plan
    }

    /// Where a feature is read, making room for it.
    fn reading(&mut self, feature: &Feature, texts: &mut Texts) -> Option<(usize, Option<usize>)> {
        if feature.after(Timestamp::from_millis(0)).is_some() || feature.half_life().is_some() {
            return None;
        }
        let kind = match feature.measure() {
            Measure::Count
            | Measure::Exists
            | Measure::RecencyDays
            | Measure::TenureDays
            | Measure::SpanDays
            | Measure::FirstTime
            | Measure::LastTime => {
                return Some((self.group(feature.filter(), texts), None));
            }
            Measure::Sum(_) | Measure::Mean(_) => Kind::Sum,
            Measure::Min(_) => Kind::Min,
            Measure::Max(_) => Kind::Max,
            Measure::Deviation(_) => Kind::Squares,
            Measure::FirstNumber(_) | Measure::FirstCategory(_) => Kind::First,
            Measure::LastNumber(_) | Measure::LastCategory(_) => Kind::Last,
            Measure::AttributeNumber(_) | Measure::AttributeCategory(_) => Kind::Declared,
            _ => return None,
        };
        let group = self.group(feature.filter(), texts);
        let name = texts.intern(feature.measure().words()[0]);
        if kind == Kind::Squares {
            // A deviation is of the sum as well.
            self.slot(group, Kind::Sum, name);
        }
        Some((group, Some(self.slot(group, kind, name))))
    }

    /// The place of a slot among those of its group, which may be new.
    fn slot(&mut self, group: usize, kind: Kind, name: u32) -> usize {
        let slots = &mut self.groups[group].slots;
        if let Some(known) = slots.iter().position(|s| s.kind == kind && s.name == name) {
            return known;
        }
        slots.push(Slot { kind, name, at: self.n_words });
        self.n_words += kind.n_words();
        slots.len() - 1
    }

    fn group(&mut self, filter: &EventFilter, texts: &mut Texts) -> usize {
        if let Some(known) = self.groups.iter().position(|group| group.filter == *filter) {
            return known;
        }
        for word in filter.words() {
            texts.intern(word);
        }
        let bound = filter.with_words(texts);
        let at = self.n_words;
        self.groups.push(Group { filter: filter.clone(), bound, at, slots: Vec::new() });
        self.n_words += TIMES;
        self.groups.len() - 1
    }

    /// Whether a feature can be read off a summary.
    pub(crate) fn tells(&self, feature: usize) -> bool {
        self.readings[feature].is_some()
    }

    /// Whether events can be [folded](Plan::fold) in as they come: nothing but numbers is kept, and
    /// no filter asks for local time.
    pub(crate) fn is_of_numbers(&self) -> bool {
        let properties = self.groups.iter().flat_map(|group| group.filter.properties());
        self.slots().all(|slot| !slot.kind.is_said())
            && properties.into_iter().all(|name| Derived::named(name).is_none())
    }

    /// Adds what is to be [folded](Plan::fold) of an event to a draft, where nothing but numbers is
    /// kept: its time; of every group that it is in the number, and of the slots of each property how
    /// many values there are, and the values.
    pub(crate) fn draft(&self, event: &Event<'_>, texts: &Texts, draft: &mut Vec<u64>) {
        draft.push(event.at.millis().cast_unsigned());
        for (number, group) in (0..).zip(&self.groups) {
            if !group.filter.passes(event) {
                continue;
            }
            draft.push(number);
            for same in group.slots_by_name() {
                let place = draft.len();
                draft.push(0);
                let value = filter::value(event, texts.text(same[0].name));
                let numbers = value.into_iter().flat_map(Value::each).filter_map(filter::number);
                draft.extend(numbers.map(f64::to_bits));
                draft[place] = (draft.len() - place - 1) as u64;
            }
        }
    }

    /// Takes in the draft of an event: the same as [`Plan::add`] of its entry.
    pub(crate) fn fold(&self, summary: &mut Summary, draft: &[u64]) {
        let words = &mut summary.0;
        let Some((&at, mut draft)) = draft.split_first() else { return };
        let at = Timestamp::from_millis(at.cast_signed());
        while let Some((&group, rest)) = draft.split_first() {
            draft = rest;
            let group = &self.groups[group as usize];
            Times { n: 1, first: at, last: at }.join(words, group.at);
            for same in group.slots_by_name() {
                let numbers;
                (numbers, draft) = draft[1..].split_at(draft[0] as usize);
                for (slot, &number) in same.iter().flat_map(|s| numbers.iter().map(move |n| (s, n)))
                {
                    join_number(words, slot.kind, slot.at, f64::from_bits(number));
                }
            }
        }
        summary.cut_to(at);
    }

    /// A summary of nothing.
    pub(crate) fn nothing(&self) -> Summary {
        let mut words = vec![0; self.n_words].into_boxed_slice();
        words[0] = UNCUT;
        for slot in self.slots() {
            match slot.kind {
                Kind::Min | Kind::Max => words[slot.at] = f64::NAN.to_bits(),
                Kind::First | Kind::Last | Kind::Declared => {
                    Said::default().write(&mut words, slot.at);
                }
                Kind::Sum | Kind::Squares => {}
            }
        }
        Summary(words)
    }

    fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.groups.iter().flat_map(|group| &group.slots)
    }

    /// Takes in an event. Every text that a summary keeps is one use of it.
    pub(crate) fn add(&self, summary: &mut Summary, entry: &Entry, texts: &mut Texts) {
        let words = &mut summary.0;
        for group in &self.groups {
            if !group.bound.passes(entry, texts) {
                continue;
            }
            Times { n: 1, first: entry.at, last: entry.at }.join(words, group.at);
            for &Slot { kind, name, at } in &group.slots {
                let said = match kind {
                    Kind::First | Kind::Last => entry.property(name).next(),
                    Kind::Declared => entry.attribute(name).next(),
                    _ => {
                        for number in entry.property(name).filter_map(Cell::number) {
                            join_number(words, kind, at, number);
                        }
                        continue;
                    }
                };
                let said = Said { at: entry.at, cell: said };
                said.label().into_iter().for_each(|label| texts.retain(label));
                let lost = said.join(words, kind, at, texts);
                lost.label().into_iter().for_each(|label| texts.release(label));
            }
        }
    }

    /// Takes in a summary of the same plan and texts. The labels whose uses are no longer needed
    /// are told.
    pub(crate) fn merge(
        &self,
        into: &mut Summary,
        other: &Summary,
        texts: &Texts,
        mut lost: impl FnMut(u32),
    ) {
        if let Some(cut) = other.cut() {
            into.cut_to(cut);
        }
        let (words, other) = (&mut into.0, &other.0);
        for group in &self.groups {
            Times::read(other, group.at).join(words, group.at);
        }
        for &Slot { kind, at, .. } in self.slots() {
            match kind {
                Kind::Sum => {
                    words[at] += other[at];
                    write_fixed(
                        words,
                        at + 1,
                        read_fixed(words, at + 1).add(read_fixed(other, at + 1)),
                    );
                }
                Kind::Squares => {
                    let sum = read_squares(words, at).add(read_squares(other, at));
                    words[at..at + 4].copy_from_slice(&sum.words());
                }
                Kind::Min | Kind::Max => join_number(words, kind, at, f64::from_bits(other[at])),
                Kind::First | Kind::Last | Kind::Declared => {
                    let loser = Said::read(other, at).join(words, kind, at, texts);
                    loser.label().into_iter().for_each(&mut lost);
                }
            }
        }
    }

    /// The labels that a summary uses, each as often as it does.
    pub(crate) fn labels(&self, summary: &Summary) -> impl Iterator<Item = u32> {
        let said = self.slots().filter(|slot| slot.kind.is_said());
        said.filter_map(|slot| Said::read(&summary.0, slot.at).label())
    }

    /// The summary with its texts in another store.
    pub(crate) fn translated(&self, summary: &Summary, from: &Texts, to: &mut Texts) -> Summary {
        let mut words = summary.0.clone();
        for slot in self.slots().filter(|slot| slot.kind.is_said()) {
            let mut said = Said::read(&words, slot.at);
            if let Some(Cell::Label(label) | Cell::Both(_, label)) = &mut said.cell {
                *label = to.intern(from.text(*label));
            }
            said.write(&mut words, slot.at);
        }
        Summary(words)
    }

    /// A feature as of a moment from the last event on; `None` if it is missing.
    pub(crate) fn answer(
        &self,
        feature: usize,
        measure: &Measure,
        summary: &Summary,
        as_of: Timestamp,
    ) -> Option<Cell> {
        let (group, slot) = self.readings[feature]?;
        let (words, group) = (&summary.0, &self.groups[group]);
        let times = Times::read(words, group.at);
        let some = (times.n > 0).then_some(times);
        let at = slot.map_or(0, |slot| group.slots[slot].at);
        let sum = |at: usize| (words[at], read_fixed(words, at + 1));
        let number = match measure {
            Measure::Count => Some(times.n as f64),
            Measure::Exists => Some(if times.n > 0 { 1.0 } else { 0.0 }),
            Measure::RecencyDays => some.map(|times| as_of.days_since(times.last)),
            Measure::TenureDays => some.map(|times| as_of.days_since(times.first)),
            Measure::SpanDays => some.map(|times| times.last.days_since(times.first)),
            Measure::FirstTime => some.map(|times| times.first.days()),
            Measure::LastTime => some.map(|times| times.last.days()),
            Measure::Sum(_) => Some(sum(at).1.value()),
            Measure::Mean(_) => {
                let (n, sum) = sum(at);
                (n > 0).then(|| sum.value() / n as f64)
            }
            Measure::Min(_) | Measure::Max(_) => Some(f64::from_bits(words[at])),
            Measure::Deviation(_) => {
                let name = group.slots[slot?].name;
                let is_sum = |slot: &&Slot| slot.kind == Kind::Sum && slot.name == name;
                let (n, sum) = sum(group.slots.iter().find(is_sum)?.at);
                (n > 1).then(|| read_squares(words, at).deviation(sum, n))
            }
            _ => return Said::read(words, at).cell,
        };
        number.filter(|number| number.is_finite()).map(Cell::Number)
    }
}
