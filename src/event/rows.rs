//! Line items under dotted names, as features read them.
//!
//! The objects of a list are taken apart field by field: an order with three products has one list
//! `products.category` of three values. A plain object becomes one property for each field.

use std::borrow::Cow;

use hashbrown::HashMap;

use super::event::Event;
use super::last::last_of_each_name;
use super::value::{Fields, Value};

impl<'a> Event<'a> {
    /// Returns a copy with a dotted name for each field of an object; `None` if there are no objects.
    pub(crate) fn with_dotted_names(&self) -> Option<Self> {
        let has_objects = |fields: &Fields<'_>| fields.iter().any(|(_, value)| holds_object(value));
        if !has_objects(&self.properties) && !has_objects(&self.attributes) {
            return None;
        }
        let properties = dotted(&self.properties);
        let attributes = dotted(&self.attributes);
        Some(Self { properties, attributes, ..self.clone() })
    }
}

pub(super) fn holds_object(value: &Value<'_>) -> bool {
    match value {
        Value::Object(_) => true,
        Value::List(values) => values.iter().any(holds_object),
        _ => false,
    }
}

fn dotted<'a>(fields: &Fields<'a>) -> Fields<'a> {
    let mut columns =
        ItemColumns { done: Vec::with_capacity(fields.len()), places: HashMap::new() };
    for (name, value) in last_of_each_name(fields) {
        if !holds_object(value) {
            columns.done.push((name.clone(), value.clone()));
        } else {
            columns.places.clear();
            columns.add(&mut name.clone().into_owned(), value, false);
        }
    }
    columns.done
}

struct ItemColumns<'a> {
    done: Fields<'a>,
    /// Where the lists made of the property at hand are.
    places: HashMap<String, usize>,
}

impl<'a> ItemColumns<'a> {
    fn add(&mut self, name: &mut String, value: &Value<'a>, is_in_list: bool) {
        match value {
            Value::Object(fields) => {
                let len = name.len();
                for (field, value) in last_of_each_name(fields) {
                    name.push('.');
                    name.push_str(field);
                    self.add(name, value, is_in_list);
                    name.truncate(len);
                }
            }
            Value::List(values) if is_in_list || holds_object(value) => {
                values.iter().for_each(|value| self.add(name, value, true));
            }
            plain if is_in_list => self.add_to_list(name, plain),
            plain => self.done.push((Cow::Owned(name.clone()), plain.clone())),
        }
    }

    fn add_to_list(&mut self, name: &str, value: &Value<'a>) {
        let known = self.places.get(name).and_then(|&place| self.done.get_mut(place));
        if let Some((_, Value::List(values))) = known {
            values.push(value.clone());
        } else {
            self.places.insert(name.to_owned(), self.done.len());
            self.done.push((Cow::Owned(name.to_owned()), Value::List(vec![value.clone()])));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    #[test]
    fn a_list_of_objects_is_a_list_for_each_field() {
        let event = Event::new("order", Timestamp::from_millis(0)).property("amount", 1);
        assert_eq!(event.with_dotted_names(), None);
        let rows = vec![
            Value::from([("category", "tea".into()), ("price", 1.into())]),
            Value::from("a plain value"),
            Value::from([("price", 99.into()), ("tags", vec!["x".into(), "y".into()].into())]),
        ];
        let address = Value::from([("city", "Rome".into()), ("tags", vec!["z".into()].into())]);
        let event = event
            .property("products", Value::from([("overruled", 1.into())]))
            .property("products", rows)
            .attribute("address", address);
        let flat = event.with_dotted_names().unwrap();
        let list = |values: &[&'static str]| {
            Value::List(values.iter().map(|text| Value::from(*text)).collect())
        };
        let expected = Event::new("order", event.at)
            .property("amount", 1)
            .property("products.category", list(&["tea"]))
            .property("products.price", vec![Value::from(1), Value::from(99)])
            .property("products", list(&["a plain value"]))
            .property("products.tags", list(&["x", "y"]))
            .attribute("address.city", "Rome")
            .attribute("address.tags", list(&["z"]));
        assert_eq!(flat, expected);
    }
}
