//! Properties and traits: an object as names and values, where nested objects get dotted names.
//!
//! `{"address": {"city": "Rome"}}` is `address.city`. A list stays one value under its name, and the
//! objects in it stay together: an order with three products has one list `products` of three
//! objects. Lists within lists count as their values. What is null, empty or without values within a
//! list is not there. For duplicate keys, the last value wins.
//!
//! Depth, length of names and number of values are bounded, since the sender chooses them; what is
//! beyond is left out and counted. Cost: one pass; the names of nested values are the only copies.

use std::borrow::Cow;
use std::ops::Range;

use serde::de::{MapAccess, SeqAccess};

use super::json::{List, Object, Sink};
use super::plain::Plain;
use crate::Value;
use crate::event::{Fields, keep_last, last_of_each_name};

/// Objects and lists within each other, at most.
const MAX_DEPTH: usize = 8;
/// Values of one object, at most, and names in it, those that are given again included; a list is one value.
const MAX_VALUES: usize = 1000;
/// Bytes of a dotted name, at most.
const MAX_NAME: usize = 256;

/// The values of an object, and what is needed to read them; to be used again.
#[derive(Debug, Default)]
pub(super) struct Dotted<'a> {
    pub(super) values: Fields<'a>,
    /// Whether there was something other than an object.
    pub(super) wrong: bool,
    /// Whether `null` says that there is nothing any more, as it does in traits.
    pub(super) keeps_null: bool,
    /// How many values were left out, and under which key of the object the first was.
    pub(super) left_out: Option<(Cow<'a, str>, usize)>,
    /// The key of the object that is being read.
    key: Cow<'a, str>,
    /// The dotted name, where what is read is nested.
    path: String,
    /// The names in the objects that are being read, and where the values of each are.
    keys: Vec<(Cow<'a, str>, Range<usize>)>,
}

/// Reads a whole object, in place of what was read before.
impl<'a> Sink<'a> for &mut Dotted<'a> {
    fn plain(self, value: Plain<'a>) {
        self.clear();
        // PHP writes an empty object as an empty list.
        self.wrong = !matches!(value, Plain::Null | Plain::List(0));
    }

    #[inline]
    fn object<A: MapAccess<'a>>(self, object: &mut Object<A>) -> Result<(), A::Error> {
        self.clear();
        self.fields(object, 0)
    }
}

impl<'a> Dotted<'a> {
    pub(super) fn clear(&mut self) {
        self.values.clear();
        self.keys.clear();
        self.wrong = false;
        self.left_out = None;
    }

    fn fields<A: MapAccess<'a>>(
        &mut self,
        object: &mut Object<A>,
        depth: usize,
    ) -> Result<(), A::Error> {
        let (len, first) = (self.path.len(), self.keys.len());
        while let Some(key) = object.key()? {
            let is_room = self.values.len() < MAX_VALUES && self.keys.len() < MAX_VALUES;
            let is_short = depth == 0 || len + 1 + key.len() <= MAX_NAME;
            if is_room {
                self.keys.push((key.clone(), self.values.len()..self.values.len()));
            }
            if depth == 0 {
                self.key = key;
            } else if is_short {
                self.path.truncate(len);
                self.path.push('.');
                self.path.push_str(&key);
            }
            if is_room && is_short {
                let at = self.keys.len() - 1;
                object.value(DottedField { dotted: self, depth })?;
                self.keys[at].1.end = self.values.len();
            } else {
                self.leave_out();
                object.skip_value()?;
            }
        }
        self.path.truncate(len);
        self.drop_overruled(first);
        self.keys.truncate(first);
        Ok(())
    }

    /// Removes what the values added whose key comes again later in the same object, from its first key on.
    fn drop_overruled(&mut self, first: usize) {
        let keys = &self.keys[first..];
        let last: Vec<_> = last_of_each_name(keys).map(|(_, values)| values.clone()).collect();
        if last.len() == keys.len() {
            return;
        }
        let mut at = keys[0].1.start;
        let values = self.values.split_off(at);
        let mut kept = last.into_iter().flatten().peekable();
        self.values.extend(values.into_iter().filter(|_| {
            at += 1;
            kept.next_if_eq(&(at - 1)).is_some()
        }));
    }

    fn leave_out(&mut self) {
        match &mut self.left_out {
            Some((_, n)) => *n += 1,
            none => *none = Some((self.key.clone(), 1)),
        }
    }
}

/// Reads the value of a field.
struct DottedField<'d, 'a> {
    dotted: &'d mut Dotted<'a>,
    /// Objects around it.
    depth: usize,
}

impl<'a> DottedField<'_, 'a> {
    #[inline]
    fn add(self, value: Value<'a>) {
        let Dotted { values, key, path, .. } = self.dotted;
        let name = if self.depth > 0 { Cow::Owned(path.clone()) } else { key.clone() };
        values.push((name, value));
    }
}

impl<'a> Sink<'a> for DottedField<'_, 'a> {
    #[inline]
    fn plain(self, value: Plain<'a>) {
        if value == Plain::Broken {
            self.dotted.leave_out();
        } else if value == Plain::Null && self.dotted.keeps_null {
            self.add(Value::List(Vec::new()));
        } else if let Some(value) = value.value() {
            self.add(value);
        }
    }

    fn object<A: MapAccess<'a>>(self, object: &mut Object<A>) -> Result<(), A::Error> {
        let Self { dotted, depth } = self;
        if depth == MAX_DEPTH {
            dotted.leave_out();
            return object.skip();
        }
        if depth == 0 {
            dotted.path.clear();
            dotted.path.push_str(&dotted.key);
        }
        dotted.fields(object, depth + 1)
    }

    fn list<A: SeqAccess<'a>>(self, list: &mut List<A>) -> Result<(), A::Error> {
        let Self { dotted, depth } = self;
        let name_len = if depth > 0 { dotted.path.len() } else { dotted.key.len() };
        if depth == MAX_DEPTH {
            dotted.leave_out();
            return list.skip().map(|_| ());
        }
        let (mut value, mut n_left_out) = (None, 0);
        let left_out = &mut n_left_out;
        ListedValue { to: &mut value, left_out, depth, name_len }.list(list)?;
        (0..n_left_out).for_each(|_| dotted.leave_out());
        // An empty list says that there is nothing.
        Self { dotted, depth }.add(value.unwrap_or_else(|| Value::List(Vec::new())));
        Ok(())
    }
}

/// Reads a value within a list, which may be an object that stays together.
struct ListedValue<'n, 'a> {
    /// The value, if it says something.
    to: &'n mut Option<Value<'a>>,
    left_out: &'n mut usize,
    /// Objects and lists around it.
    depth: usize,
    /// Bytes of its dotted name.
    name_len: usize,
}

impl<'a> Sink<'a> for ListedValue<'_, 'a> {
    #[inline]
    fn plain(self, value: Plain<'a>) {
        *self.left_out += usize::from(value == Plain::Broken);
        *self.to = value.value();
    }

    fn object<A: MapAccess<'a>>(self, object: &mut Object<A>) -> Result<(), A::Error> {
        if self.depth == MAX_DEPTH {
            *self.left_out += 1;
            return object.skip();
        }
        let mut fields = Vec::new();
        while let Some(key) = object.key()? {
            let name_len = self.name_len + 1 + key.len();
            if name_len > MAX_NAME {
                *self.left_out += 1;
                object.skip_value()?;
                continue;
            }
            let mut value = None;
            let (left_out, depth) = (&mut *self.left_out, self.depth + 1);
            object.value(ListedValue { to: &mut value, left_out, depth, name_len })?;
            fields.push((key, value));
        }
        keep_last(&mut fields);
        let fields = fields.into_iter().filter_map(|(key, value)| Some((key, value?)));
        *self.to = Some(Value::Object(fields.collect())).filter(|object| !is_empty(object));
        Ok(())
    }

    fn list<A: SeqAccess<'a>>(self, list: &mut List<A>) -> Result<(), A::Error> {
        if self.depth == MAX_DEPTH {
            *self.left_out += 1;
            return list.skip().map(|_| ());
        }
        let (mut values, mut value) = (Vec::new(), None);
        let (depth, name_len) = (self.depth + 1, self.name_len);
        while list.next(ListedValue { to: &mut value, left_out: self.left_out, depth, name_len })? {
            match value.take() {
                Some(Value::List(inner)) => values.extend(inner),
                value => values.extend(value),
            }
        }
        *self.to = Some(Value::List(values)).filter(|list| !is_empty(list));
        Ok(())
    }
}

fn is_empty(value: &Value<'_>) -> bool {
    match value {
        Value::List(values) => values.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}
