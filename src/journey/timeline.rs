//! Turns a stored event back into an event.

use std::borrow::Cow;

use crate::features::local_time::LOCAL_DAY;
use crate::features::{Dictionary, Field, FieldValue, Lexicon, Scope, StoredEvent};
use crate::{Event, Timestamp, Value};

/// The event that is stored, without identifiers, offset and message id. Fields are in order of their
/// names.
pub(crate) fn event<'t>(stored: StoredEvent<'_>, lexicon: Lexicon<'t>) -> Event<'t> {
    let Lexicon { schema, dictionary } = lexicon;
    let mut event = Event::new(dictionary.text(stored.name), stored.at);
    let fields = stored.values.chunk_by(|a, b| a.field == b.field);
    let local_day = schema.property(LOCAL_DAY);
    let is_stored = |values: &&[FieldValue]| ![Field::NONE, local_day].contains(&values[0].field);
    let mut fields: Vec<&[FieldValue]> = fields.filter(is_stored).collect();
    fields.sort_by_key(|values| schema.order_of(values[0].field));
    for values in fields {
        let value = match values {
            [one] => value(*one, dictionary),
            several => Value::List(several.iter().map(|one| value(*one, dictionary)).collect()),
        };
        let field = values[0].field;
        let named = (schema.name(field).into(), value);
        match schema.scope(field) {
            Scope::Property => event.properties.push(named),
            Scope::Attribute => event.attributes.push(named),
        }
    }
    event
}

fn value<'t>(value: FieldValue, dictionary: &'t Dictionary) -> Value<'t> {
    let text = value.label().map(|label| dictionary.text(label));
    match (value.number(), text) {
        (Some(number), None) => Value::Number(number),
        (None, Some(text)) => Value::Text(Cow::Borrowed(text)),
        // An attribute without a value any more.
        (None, None) => Value::List(Vec::new()),
        // A number that is told apart by another text is a time.
        (Some(number), Some(text)) => match Timestamp::parse(text) {
            Ok(at) if number.to_string() != text => Value::Time(at),
            _ => Value::Number(number),
        },
    }
}
