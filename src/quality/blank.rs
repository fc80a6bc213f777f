//! Taking bad values out of properties and attributes, also out of the objects of a list.
//!
//! A dotted name leads to the values that features read under it: `products.price` to the price of each item. An item
//! loses its bad price and keeps the rest, so that its other fields still belong together.

use std::borrow::Cow;

use crate::Value;
use crate::event::Fields;

/// Takes the values of a name that do not pass out of some fields, and returns how many. Of a name that is given
/// twice, the last value counts.
pub(super) fn take_out(
    fields: &mut Fields<'_>,
    name: &str,
    passes: &dyn Fn(&Value<'_>) -> bool,
) -> usize {
    let Some(last) = fields.iter().rposition(|(known, value)| leads_to_some(known, value, name))
    else {
        return 0;
    };
    let n_bad = take_from(&mut fields[last], name, passes);
    if n_bad > 0 {
        // What was given before and did not count must not count now.
        for earlier in &mut fields[..last] {
            take_from(earlier, name, &|_| false);
        }
        fields.retain(|(known, value)| known != name || !is_empty(value));
    }
    n_bad
}

/// What is left of a name inside the field `known`: nothing for the field itself, `price` inside `products` for
/// `products.price`.
fn inside<'n>(known: &str, name: &'n str) -> Option<Option<&'n str>> {
    let rest = name.strip_prefix(known)?;
    if rest.is_empty() { Some(None) } else { rest.strip_prefix('.').map(Some) }
}

fn leads_to_some(known: &str, value: &Value<'_>, name: &str) -> bool {
    inside(known, name).is_some_and(|rest| holds(value, rest))
}

fn holds(value: &Value<'_>, rest: Option<&str>) -> bool {
    match (value, rest) {
        (Value::List(values), _) => {
            rest.is_none() && values.is_empty() || values.iter().any(|value| holds(value, rest))
        }
        (Value::Object(fields), Some(rest)) => {
            fields.iter().any(|(known, value)| leads_to_some(known, value, rest))
        }
        (Value::Object(_), None) => false,
        (_, rest) => rest.is_none(),
    }
}

fn take_from(
    (known, value): &mut (Cow<'_, str>, Value<'_>),
    name: &str,
    passes: &dyn Fn(&Value<'_>) -> bool,
) -> usize {
    match inside(known, name) {
        Some(rest) => take(value, rest, passes),
        None => 0,
    }
}

fn take(value: &mut Value<'_>, rest: Option<&str>, passes: &dyn Fn(&Value<'_>) -> bool) -> usize {
    match (&mut *value, rest) {
        (Value::List(values), _) => {
            let n = values.iter_mut().map(|value| take(value, rest, passes)).sum();
            if n > 0 && rest.is_none() {
                values.retain(|value| !is_empty(value));
            }
            n
        }
        (Value::Object(fields), Some(rest)) => take_out(fields, rest, passes),
        (Value::Object(_), None) | (_, Some(_)) => 0,
        (plain, None) if passes(plain) => 0,
        (plain, None) => {
            *plain = Value::List(Vec::new());
            1
        }
    }
}

fn is_empty(value: &Value<'_>) -> bool {
    matches!(value, Value::List(values) if values.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields<const N: usize>(fields: [(&'static str, Value<'static>); N]) -> Fields<'static> {
        fields.map(|(name, value)| (Cow::Borrowed(name), value)).into()
    }

    fn positive(value: &Value<'_>) -> bool {
        matches!(value, Value::Number(number) if *number > 0.0)
    }

    #[test]
    fn an_item_loses_its_bad_field_and_keeps_the_rest() {
        let item = |price: f64| Value::from([("name", "tea".into()), ("price", price.into())]);
        let bare = Value::from([("name", Value::from("tea"))]);
        let mut order = fields([("products", vec![item(1.0), item(-1.0), "x".into()].into())]);
        assert_eq!(take_out(&mut order, "products.price", &positive), 1);
        assert_eq!(order, fields([("products", vec![item(1.0), bare, "x".into()].into())]));
        assert_eq!(take_out(&mut order, "products.price", &positive), 0);
        assert_eq!(take_out(&mut order, "products", &positive), 1, "the plain value");
        assert_eq!(take_out(&mut order, "products.size", &positive), 0);
        assert_eq!(take_out(&mut order, "product", &positive), 0);
    }

    #[test]
    fn a_value_that_was_overruled_does_not_come_back() {
        let mut twice = fields([("a", 1.into()), ("b", 1.into()), ("a", 0.into())]);
        assert_eq!(take_out(&mut twice, "a", &positive), 1);
        assert_eq!(twice, fields([("b", 1.into())]));
        let object = Value::from([("b", Value::from(1)), ("c", Value::from(1))]);
        let mut dotted = fields([("a", object), ("a.b", 0.into())]);
        assert_eq!(take_out(&mut dotted, "a.b", &positive), 1);
        assert_eq!(dotted, fields([("a", Value::from([("c", Value::from(1))]))]));
    }

    #[test]
    fn lists_in_lists_lose_what_is_bad() {
        let nested: Value<'_> =
            vec![1.into(), vec![0.into(), 2.into()].into(), vec![0.into()].into()].into();
        let mut list = fields([("a", nested)]);
        assert_eq!(take_out(&mut list, "a", &positive), 2);
        assert_eq!(list, fields([("a", vec![1.into(), vec![Value::from(2)].into()].into())]));
    }
}
