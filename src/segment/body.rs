//! A body: one call, a list of calls, a batch, or lines of these.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use super::call::{Call, NotACall};
use super::envelope::{self, Envelope};
use super::field::Lost;
use super::json::{self, Care};
use super::received::ReadSettings;
use super::zones::Zones;
use crate::event::IngestReport;
use crate::{Event, Refusal, Timestamp};

/// The parts of a body.
pub(crate) enum Body<'a> {
    /// One value that can stand on several lines.
    One(&'a str),
    /// A value on each line.
    Lines(&'a [u8]),
}

/// Tells one value from lines. A value on several lines is known by its first line, which breaks off.
pub(crate) fn split(body: &[u8]) -> Body<'_> {
    let Ok(text) = std::str::from_utf8(body) else { return Body::Lines(body) };
    let text = without_mark(text).trim_ascii();
    let Some((first, _)) = text.split_once('\n') else { return Body::One(text) };
    let breaks_off = |text: &str| {
        let read = serde_json::from_str::<IgnoredAny>(text);
        read.is_err_and(|error| error.is_eof())
    };
    let is_one = |text: &str| serde_json::from_str::<IgnoredAny>(text).is_ok();
    let first = readable(first).map_or(Cow::Borrowed(first), |(text, _)| Cow::Owned(text));
    if breaks_off(&first) && (is_one(text) || readable(text).is_some_and(|(text, _)| is_one(&text)))
    {
        return Body::One(text);
    }
    Body::Lines(body)
}

/// Windows programs begin a file with a byte order mark.
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// Values of the calls of one text that are held at once, about, where they can be handed on.
const FULL: usize = 1 << 14;

/// Calls that were read, one after another; the space is used again.
#[derive(Debug, Default)]
pub(crate) struct CallReader<'a> {
    call: Call<'a>,
    zones: Zones,
    /// The events that were read, as many as there are `positions`, and further ones to write over:
    /// what is neither allocated nor freed costs no time.
    events: Vec<Event<'a>>,
    /// The position of each event in the text.
    positions: Vec<usize>,
    n_lines: usize,
    /// Values of the events that were read.
    n_values: usize,
    /// What was refused and left out.
    pub(crate) report: IngestReport,
}

impl<'a> CallReader<'a> {
    /// The events that were read.
    pub(crate) fn events(&self) -> &[Event<'a>] {
        &self.events[..self.positions.len()]
    }

    pub(crate) fn positions(&self) -> &[usize] {
        &self.positions
    }

    /// How many lines there were.
    pub(crate) fn n_lines(&self) -> usize {
        self.n_lines
    }

    /// The events that were read, their positions, and the report.
    pub(crate) fn into_parts(mut self) -> (Vec<Event<'a>>, Vec<usize>, IngestReport) {
        self.events.truncate(self.positions.len());
        (self.events, self.positions, self.report)
    }

    /// Reads lines, in place of what was read before. Positions are numbers of lines, from 1.
    pub(crate) fn read_lines(&mut self, text: &'a [u8], settings: ReadSettings<'_>) {
        self.clear();
        self.n_lines = 0;
        match std::str::from_utf8(text) {
            Ok(text) => {
                text.split_terminator('\n').for_each(|line| self.line(Ok(line), settings));
            }
            Err(_) => {
                let text = text.strip_suffix(b"\n").unwrap_or(text);
                text.split(|&byte| byte == b'\n').for_each(|line| {
                    let line = std::str::from_utf8(line).map_err(|error| error.valid_up_to());
                    self.line(line, settings);
                });
            }
        }
    }

    /// Reads a line, or records the place where it is no text.
    fn line(&mut self, line: Result<&'a str, usize>, settings: ReadSettings<'_>) {
        self.n_lines += 1;
        let position = self.n_lines;
        match line {
            Ok(text) if text.trim_ascii().is_empty() => {}
            Ok(text) => self.value(text, settings, |_| position, &mut |_| ()),
            Err(at) => self.report.refuse(position, Refusal::NotJson { at }),
        }
    }

    /// Reads one value, in place of what was read before. Positions are numbers of calls, from 1. Each
    /// time that many values were read, `full` may use the events and then clear them.
    pub(crate) fn read_one(
        &mut self,
        text: &'a str,
        settings: ReadSettings<'_>,
        full: &mut dyn FnMut(&mut Self),
    ) {
        self.clear();
        if !text.is_empty() {
            self.value(text, settings, |call| call + 1, full);
        }
    }

    /// Makes room for further events. What was refused stays in the report.
    pub(crate) fn clear(&mut self) {
        self.positions.clear();
        self.n_values = 0;
    }

    /// Reads a call, a list of calls or a batch.
    fn value(
        &mut self,
        text: &'a str,
        settings: ReadSettings<'_>,
        position: impl Fn(usize) -> usize,
        full: &mut dyn FnMut(&mut Self),
    ) {
        let bare = without_mark(text);
        let none = Envelope::default();
        let opened = match self.parse(bare, settings, &none) {
            Ok(()) => match self.call.other() {
                None => return self.write(position(0), settings, &none),
                Some(NotACall::Calls) => envelope::open(bare),
                Some(NotACall::Nothing) => Err(Refusal::NotACall),
            },
            Err(at) => match readable(bare) {
                Some((fixed, moved)) => {
                    return self.fixed(&fixed, &moved, text.len() - bare.len(), settings, position);
                }
                None => Err(Refusal::NotJson { at: text.len() - bare.len() + at }),
            },
        };
        match opened {
            Ok((envelope, calls)) => {
                for (i, call) in calls.into_iter().enumerate() {
                    match self.parse(call, settings, &envelope) {
                        Ok(()) if self.call.is_call() => {
                            self.write(position(i), settings, &envelope);
                        }
                        _ => self.report.refuse(position(i), Refusal::NotACall),
                    }
                    if self.n_values >= FULL {
                        full(self);
                    }
                }
            }
            Err(refusal) => self.report.refuse(position(0), refusal),
        }
    }

    /// Reads a call, without tree; the byte at which it stops being JSON.
    fn parse(
        &mut self,
        text: &'a str,
        settings: ReadSettings<'_>,
        envelope: &Envelope<'a>,
    ) -> Result<(), usize> {
        self.call
            .read(text, Care::Whole, settings, envelope)
            .or_else(|_| self.call.read(text, Care::EachValue, settings, envelope))
            .map_err(|error| json::byte_of(&error, text))
    }

    /// Writes the call that was read into the next event.
    fn write(&mut self, position: usize, settings: ReadSettings<'_>, envelope: &Envelope<'a>) {
        if self.events.len() == self.positions.len() {
            self.events.push(Event::new("", Timestamp::from_millis(0)));
        }
        let event = &mut self.events[self.positions.len()];
        match self.call.write(&mut self.zones, event, settings, envelope) {
            Ok(Lost { values, contradicts_offset }) => {
                self.positions.push(position);
                self.n_values += 1 + event.identifiers.len() + event.attributes.len();
                self.n_values += event.properties.len();
                self.report.contradictory_offsets += usize::from(contradicts_offset);
                for (name, n) in values {
                    self.report.unread(&name, position, n);
                }
            }
            Err(reason) => self.report.refuse(position, reason),
        }
    }

    /// Reads a text in which words were replaced. Its events must own their texts.
    fn fixed(
        &mut self,
        text: &str,
        moved: &[usize],
        before: usize,
        settings: ReadSettings<'_>,
        position: impl Fn(usize) -> usize,
    ) {
        let mut calls = CallReader::default();
        calls.value(text, settings, position, &mut |_| ());
        let (events, positions, mut report) = calls.into_parts();
        for refused in &mut report.refused {
            if let Refusal::NotJson { at } = &mut refused.what {
                *at = *at + before - 2 * moved.iter().filter(|&&place| place < *at).count();
            }
        }
        self.events.truncate(self.positions.len());
        self.events.extend(events.into_iter().map(|event| -> Event<'a> { event.into_owned() }));
        self.positions.extend(positions);
        self.report.absorb(report, |position| position);
    }
}

/// Replaces the words `NaN`, `Infinity` and `-Infinity`, as Python's JSON has them, by numbers beyond
/// `f64`, so that they cost one value each; `None` if there are none. Also returns where two bytes
/// were inserted.
fn readable(text: &str) -> Option<(String, Vec<usize>)> {
    if !text.contains("NaN") && !text.contains("Infinity") {
        return None;
    }
    let (mut fixed, mut moved) = (String::with_capacity(text.len() + 16), Vec::new());
    let (mut rest, mut is_changed) = (text, false);
    while let Some(place) = rest.find(['"', 'N', 'I']) {
        let (before, from) = rest.split_at(place);
        fixed.push_str(before);
        let len = if from.starts_with('"') {
            let len = text_len(from);
            fixed.push_str(&from[..len]);
            len
        } else if from.starts_with("NaN") {
            moved.push(fixed.len());
            fixed.push_str("1e999");
            3
        } else if from.starts_with("Infinity") {
            fixed.push_str("1e999999");
            8
        } else {
            fixed.push_str(&from[..1]);
            1
        };
        is_changed |= !from.starts_with('"') && len > 1;
        rest = &from[len..];
    }
    fixed.push_str(rest);
    is_changed.then_some((fixed, moved))
}

/// The bytes of a text in quotes; to the end if it breaks off.
fn text_len(text: &str) -> usize {
    let mut escaped = true; // the opening quote
    for (place, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return place + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_no_json_are_replaced_outside_of_texts_only() {
        let fixed = |text| readable(text).map(|(text, _)| text);
        assert_eq!(
            fixed(r#"{"NaN":NaN,"a":-Infinity}"#),
            Some(r#"{"NaN":1e999,"a":-1e999999}"#.into())
        );
        assert_eq!(fixed(r#"["a\"NaN","Infinity"]"#), None);
        assert_eq!(fixed(r#"[NaN,"NaN"#), Some(r#"[1e999,"NaN"#.into()));
        assert_eq!(fixed("[N,I,Na]"), None);
    }
}
