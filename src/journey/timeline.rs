//! What is kept of an event, said as an event again.

use std::borrow::Cow;

use crate::features::entry::{Cell, Entry, Field};
use crate::features::texts::Texts;
use crate::{Event, Timestamp, Value};

/// The event of an entry, of which no identifiers, no offset and no message id are told.
pub(crate) fn event<'t>(entry: &Entry, texts: &'t Texts) -> Event<'t> {
    let mut event = Event::new(texts.text(entry.name), entry.at);
    for cells in entry.cells.chunk_by(|(a, _), (b, _)| a == b) {
        let value = match cells {
            [(_, one)] => value(*one, texts),
            several => Value::List(several.iter().map(|&(_, cell)| value(cell, texts)).collect()),
        };
        match cells[0].0 {
            Field::Property(name) => event.properties.push((texts.text(name).into(), value)),
            Field::Attribute(name) => event.attributes.push((texts.text(name).into(), value)),
        }
    }
    event
}

fn value(cell: Cell, texts: &Texts) -> Value<'_> {
    match cell {
        Cell::Number(number) => Value::Number(number),
        Cell::Label(label) => Value::Text(Cow::Borrowed(texts.text(label))),
        Cell::Both(number, label) => {
            let text = texts.text(label);
            // What is a number and not called by it is a moment.
            match Timestamp::parse(text) {
                Ok(at) if number.to_string() != text => Value::Time(at),
                _ => Value::Number(number),
            }
        }
    }
}
