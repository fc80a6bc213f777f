//! Summaries: what is left of events that are no longer in the log, as numbers that can still be
//! added to.
//!
//! Counts, sums, extremes, first and last values: each can add an event in any order, and be merged
//! with its like, bit for bit the same as if it had seen all events. A [`Layout`], made once for a
//! set of features, says which slots there are; a summary is their words of 64 bits. Answers are
//! those of the whole log as of any moment from the newest event on.
//!
//! | slot | words |
//! |---|---|
//! | the log | time of the newest event that left it |
//! | times of a filter's events | number, first, last |
//! | sum of a field | number of values, sum in fixed point (2) |
//! | smallest, largest value | 1 each |
//! | squares | 4: their sum as an integer of 256 bits |
//! | first, last value | time, number, text and which of the two there are, or that the value is gone |
//!
//! Cost: one pass over the slots per event.

use super::dictionary::{Dictionary, NONE};
use super::filter::{BoundFilter, EventFilter};
use super::schema::Field;
use super::stored::{FieldValue, StoredEvent};
use super::totals::{Keep, Totals, fixed};
use crate::Timestamp;
use crate::num::fixed::Fixed;
use crate::num::moments::Squares;

/// No event has left the log. An event as early as this is recorded a millisecond later.
const UNCUT: u64 = i64::MIN.cast_unsigned();

/// Counts stay here, so that those of many summaries can be added: 2⁴⁸, more than any store sees.
const MOST_EVENTS: u64 = 1 << 48;

/// The first word is the time of the newest event that is no longer in the log, or [`UNCUT`].
const HEADER: usize = 1;

const TIMES: usize = 3;

/// Which slots a summary has.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layout {
    groups: Vec<FilterGroup>,
    n_words: usize,
}

/// The slots of the events that pass one filter.
#[derive(Debug, Clone, PartialEq)]
struct FilterGroup {
    filter: EventFilter,
    bound: BoundFilter,
    /// Where the times are.
    at: usize,
    slots: Vec<SummarySlot>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct SummarySlot {
    keep: Keep,
    field: Field,
    at: usize,
}

/// Where the totals of a feature are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct TotalsPlace {
    keep: Keep,
    times: usize,
    /// Of squares, where the sum is.
    sum: usize,
    slot: usize,
}

fn n_words(keep: Keep) -> usize {
    match keep {
        Keep::Times => 0,
        Keep::Min | Keep::Max => 1,
        Keep::Sum | Keep::First | Keep::Last => 3,
        Keep::Squares => 4,
    }
}

fn is_value(keep: Keep) -> bool {
    matches!(keep, Keep::First | Keep::Last)
}

impl Default for Layout {
    /// Number and times of all events.
    fn default() -> Self {
        let filter = EventFilter::default();
        let all =
            FilterGroup { filter, bound: BoundFilter::default(), at: HEADER, slots: Vec::new() };
        Self { groups: vec![all], n_words: HEADER + TIMES }
    }
}

impl Layout {
    /// Makes room for the totals of a field over the events of a filter, whose texts keep their
    /// codes as long as the layout is used.
    pub(super) fn add(
        &mut self,
        (filter, bound): (&EventFilter, BoundFilter),
        keep: Keep,
        field: Field,
    ) -> TotalsPlace {
        let is_same = |group: &FilterGroup| group.filter == *filter && group.bound == bound;
        let group = match self.groups.iter().position(is_same) {
            Some(known) => known,
            None => {
                let (filter, at) = (filter.clone(), self.n_words);
                self.groups.push(FilterGroup { filter, bound, at, slots: Vec::new() });
                self.n_words += TIMES;
                self.groups.len() - 1
            }
        };
        let times = self.groups[group].at;
        let sum = if keep == Keep::Squares { self.slot(group, Keep::Sum, field) } else { 0 };
        let slot = if keep == Keep::Times { 0 } else { self.slot(group, keep, field) };
        TotalsPlace { keep, times, sum, slot }
    }

    fn slot(&mut self, group: usize, keep: Keep, field: Field) -> usize {
        let slots = &mut self.groups[group].slots;
        if let Some(known) = slots.iter().find(|slot| slot.keep == keep && slot.field == field) {
            return known.at;
        }
        slots.push(SummarySlot { keep, field, at: self.n_words });
        self.n_words += n_words(keep);
        self.n_words - n_words(keep)
    }

    /// Words of one summary.
    pub(super) fn n_words(&self) -> usize {
        self.n_words
    }

    fn slots(&self) -> impl Iterator<Item = SummarySlot> {
        self.groups.iter().flat_map(|group| group.slots.iter().copied())
    }

    /// Whether summaries hold nothing but numbers.
    pub(super) fn is_numeric(&self) -> bool {
        self.slots().all(|slot| !is_value(slot.keep))
    }

    /// Writes the summary of no events.
    pub(super) fn clear(&self, words: &mut [u64]) {
        words.fill(0);
        words[0] = UNCUT;
        for slot in self.slots() {
            match slot.keep {
                Keep::Min | Keep::Max => words[slot.at] = f64::NAN.to_bits(),
                keep if is_value(keep) => Dated::default().write(words, slot.at),
                _ => {}
            }
        }
    }

    /// Adds an event. A text that a summary keeps is one use of it; `changes` lists the uses that begin and those that
    /// end, of which one may be that of the event itself.
    pub(super) fn add_event(
        &self,
        words: &mut [u64],
        event: StoredEvent<'_>,
        dictionary: &Dictionary,
        changes: &mut Vec<LabelChange>,
    ) {
        for group in &self.groups {
            if !group.bound.passes(event, dictionary) {
                continue;
            }
            EventTimes { n: 1, first: event.at, last: event.at }.join(words, group.at);
            for &SummarySlot { keep, field, at } in &group.slots {
                if !is_value(keep) {
                    event.numbers(field).for_each(|number| join_number(words, keep, at, number));
                    continue;
                }
                let value = event.values(field).reduce(|best, value| best.min(value, dictionary));
                let new = Dated { at: event.at, value };
                let lost = new.join(words, keep, at, dictionary);
                if lost.label() != new.label() {
                    changes.extend(new.label().map(LabelChange::Used));
                    changes.extend(lost.label().map(LabelChange::Lost));
                }
            }
        }
    }

    /// Adds a summary of the same layout and dictionary. Calls `lost` with every code that the sum no longer uses.
    pub(super) fn merge(
        &self,
        words: &mut [u64],
        other: &[u64],
        dictionary: &Dictionary,
        mut lost: impl FnMut(u32),
    ) {
        if let Some(cut) = cut(other) {
            cut_to(words, cut);
        }
        for group in &self.groups {
            EventTimes::read(other, group.at).join(words, group.at);
        }
        for SummarySlot { keep, at, .. } in self.slots() {
            match keep {
                Keep::Times => {}
                Keep::Sum => {
                    words[at] = (words[at] + other[at]).min(MOST_EVENTS);
                    let sum = read_fixed(words, at + 1).add(read_fixed(other, at + 1));
                    write_fixed(words, at + 1, sum);
                }
                Keep::Squares => {
                    let sum = read_squares(words, at).add(read_squares(other, at));
                    words[at..at + 4].copy_from_slice(&sum.words());
                }
                Keep::Min | Keep::Max => join_number(words, keep, at, f64::from_bits(other[at])),
                Keep::First | Keep::Last => {
                    let loser = Dated::read(other, at).join(words, keep, at, dictionary);
                    loser.label().into_iter().for_each(&mut lost);
                }
            }
        }
    }

    /// Whether a summary can be one of some events: its counts are small enough to be added, and no first time is
    /// after the last.
    pub(super) fn can_be(&self, words: &[u64]) -> bool {
        let are_times_right = self.groups.iter().all(|group| {
            let times = EventTimes::read(words, group.at);
            times.n <= MOST_EVENTS && (times.n == 0 || times.first <= times.last)
        });
        let mut sums = self.slots().filter(|slot| slot.keep == Keep::Sum);
        are_times_right && sums.all(|slot| words[slot.at] <= MOST_EVENTS)
    }

    /// The codes that a summary uses, each as often as it does.
    pub(super) fn labels<'w>(&'w self, words: &'w [u64]) -> impl Iterator<Item = u32> + 'w {
        let values = self.slots().filter(|slot| is_value(slot.keep));
        values.filter_map(|slot| Dated::read(words, slot.at).label())
    }

    /// Gives the values of a summary other codes and fields.
    pub(super) fn translate(
        &self,
        words: &mut [u64],
        mut translate: impl FnMut(FieldValue) -> FieldValue,
    ) {
        for slot in self.slots().filter(|slot| is_value(slot.keep)) {
            let mut dated = Dated::read(words, slot.at);
            dated.value = dated.value.map(&mut translate);
            dated.write(words, slot.at);
        }
    }
}

/// What adding an event to a summary changes in the uses of texts.
#[derive(Debug, Clone, Copy)]
pub(super) enum LabelChange {
    Used(u32),
    Lost(u32),
}

impl TotalsPlace {
    /// The totals of a summary.
    pub(super) fn totals(self, words: &[u64]) -> Totals {
        let mut totals = Totals::none();
        let times = EventTimes::read(words, self.times);
        (totals.n, totals.first, totals.last) = (times.n, times.first, times.last);
        match self.keep {
            Keep::Times => {}
            Keep::Sum => totals.load_sum(words, self.slot),
            Keep::Min | Keep::Max => totals.extreme = f64::from_bits(words[self.slot]),
            Keep::Squares => {
                totals.load_sum(words, self.sum);
                totals.squares = read_squares(words, self.slot);
            }
            Keep::First | Keep::Last => totals.value = Dated::read(words, self.slot).value,
        }
        totals
    }
}

impl Totals {
    fn load_sum(&mut self, words: &[u64], at: usize) {
        self.n_values = words[at];
        self.sum = read_fixed(words, at + 1);
    }
}

/// Number, first and last time of all events.
pub(crate) fn times(words: &[u64]) -> EventTimes {
    EventTimes::read(words, HEADER)
}

/// The time of the newest event that is no longer in the log.
pub(crate) fn cut(words: &[u64]) -> Option<Timestamp> {
    (words[0] != UNCUT).then(|| Timestamp::from_millis(words[0].cast_signed()))
}

/// Records that an event of this time left the log.
pub(super) fn cut_to(words: &mut [u64], at: Timestamp) {
    let at = at.millis().max(i64::MIN + 1);
    words[0] = words[0].cast_signed().max(at).cast_unsigned();
}

/// How many events there were, and between which times; times are meaningless if there were none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct EventTimes {
    pub(crate) n: u64,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
}

impl EventTimes {
    fn read(words: &[u64], at: usize) -> Self {
        let time = |i: usize| Timestamp::from_millis(words[at + i].cast_signed());
        Self { n: words[at], first: time(1), last: time(2) }
    }

    fn join(self, words: &mut [u64], at: usize) {
        let known = Self::read(words, at);
        let both = match (known.n, self.n) {
            (_, 0) => known,
            (0, _) => self,
            (a, b) => Self {
                n: (a + b).min(MOST_EVENTS),
                first: known.first.min(self.first),
                last: known.last.max(self.last),
            },
        };
        let times = [both.first, both.last].map(|time| time.millis().cast_unsigned());
        words[at..at + TIMES].copy_from_slice(&[both.n, times[0], times[1]]);
    }
}

/// A value and its time.
#[derive(Debug, Clone, Copy)]
struct Dated {
    at: Timestamp,
    value: Option<FieldValue>,
}

impl Default for Dated {
    fn default() -> Self {
        Self { at: Timestamp::from_millis(0), value: None }
    }
}

/// Marks beside the code of a text.
const HAS_NUMBER: u64 = 1 << 32;
const HAS_LABEL: u64 = 1 << 33;
/// The value says that there is none any more.
const IS_GONE: u64 = 1 << 34;

impl Dated {
    fn read(words: &[u64], at: usize) -> Self {
        let mark = words[at + 2];
        let number = (mark & HAS_NUMBER != 0).then(|| f64::from_bits(words[at + 1]));
        let label = (mark & HAS_LABEL != 0).then_some(mark as u32);
        let is_some = mark & (HAS_NUMBER | HAS_LABEL | IS_GONE) != 0;
        // The field is that of the slot, and nobody asks for it.
        let value = is_some.then(|| FieldValue::new(Field::NONE, 0, number, label));
        Self { at: Timestamp::from_millis(words[at].cast_signed()), value }
    }

    fn write(self, words: &mut [u64], at: usize) {
        let number = self.value.and_then(FieldValue::number);
        let label = self.label();
        let is_gone = self.value.is_some_and(FieldValue::is_gone);
        let mark = number.map_or(0, |_| HAS_NUMBER)
            | label.map_or(0, |_| HAS_LABEL)
            | if is_gone { IS_GONE } else { 0 };
        words[at] = self.at.millis().cast_unsigned();
        words[at + 1] = number.unwrap_or(0.0).to_bits();
        words[at + 2] = mark | u64::from(label.unwrap_or(NONE));
    }

    /// Writes the one that counts and returns the other.
    fn join(self, words: &mut [u64], keep: Keep, at: usize, dictionary: &Dictionary) -> Self {
        let known = Self::read(words, at);
        let counts = match (self.value, known.value) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(new), Some(old)) => {
                let by_time = match keep {
                    Keep::First => self.at.cmp(&known.at),
                    _ => known.at.cmp(&self.at),
                };
                by_time.then_with(|| new.compare(old, dictionary)).is_lt()
            }
        };
        if counts {
            self.write(words, at);
            known
        } else {
            self
        }
    }

    fn label(self) -> Option<u32> {
        self.value?.label()
    }
}

fn read_fixed(words: &[u64], at: usize) -> Fixed {
    let steps = u128::from(words[at]) | u128::from(words[at + 1]) << 64;
    Fixed::from_steps(steps.cast_signed())
}

fn write_fixed(words: &mut [u64], at: usize, sum: Fixed) {
    let steps = sum.steps().cast_unsigned();
    words[at] = steps as u64;
    words[at + 1] = (steps >> 64) as u64;
}

fn read_squares(words: &[u64], at: usize) -> Squares {
    Squares::from_words([words[at], words[at + 1], words[at + 2], words[at + 3]])
}

/// Adds one number to a slot of numbers. NaN stands for no number.
fn join_number(words: &mut [u64], keep: Keep, at: usize, number: f64) {
    match keep {
        Keep::Sum => {
            words[at] = (words[at] + 1).min(MOST_EVENTS);
            write_fixed(words, at + 1, read_fixed(words, at + 1).add(fixed(number)));
        }
        Keep::Squares => {
            let sum = read_squares(words, at).add(Squares::of(fixed(number)));
            words[at..at + 4].copy_from_slice(&sum.words());
        }
        // The smaller and the larger of NaN and a number are the number.
        Keep::Min => words[at] = f64::from_bits(words[at]).min(number).to_bits(),
        _ => words[at] = f64::from_bits(words[at]).max(number).to_bits(),
    }
}
