//! An object as a list of names and values: what is nested gets a dotted name.
//!
//! `{"address": {"city": "Rome"}}` is `address.city`. The objects of a list are taken apart field by
//! field: an order with three products has one list `products.category` of three. Of a name that an
//! object holds twice the last counts, as JSON readers do; within a list both do.
//!
//! Depth, length of names and number of values are bounded, for all of them are the sender's; what is
//! beyond is left out and counted. Cost: one pass; the names of nested values are the only copies.

use std::borrow::Cow;

use super::json::{Json, NotJson, Token};
use crate::Value;

/// Objects and lists within each other at most.
const MAX_DEPTH: usize = 8;
/// Values of one object at most, and names in it.
const MAX_VALUES: usize = 1000;
/// Bytes of a dotted name at most.
const MAX_NAME: usize = 256;

/// The values of an object, and what is needed to read them; to be used again.
#[derive(Debug, Default)]
pub(super) struct Flat<'a> {
    pub(super) values: Vec<(Cow<'a, str>, Value<'a>)>,
    /// Whether there was something that is no object.
    pub(super) wrong: bool,
    /// How many values were beyond the bounds, and under which name of the object the first was.
    pub(super) left_out: Option<(Cow<'a, str>, usize)>,
    /// The name of the object that is being read.
    key: Cow<'a, str>,
    /// The dotted name, where what is read is nested.
    path: String,
    /// The column of a list that is likely to be next.
    column: usize,
    /// The names of the objects that are being read, with the number of values before each.
    keys: Vec<(Cow<'a, str>, usize)>,
}

impl<'a> Flat<'a> {
    pub(super) fn clear(&mut self) {
        self.values.clear();
        self.keys.clear();
        self.wrong = false;
        self.left_out = None;
    }

    /// Reads a whole object, in place of what was read before.
    pub(super) fn read(&mut self, json: &mut Json<'a>) -> Result<(), NotJson> {
        self.clear();
        match json.value()? {
            Token::Object => self.fields(json, 0, None)?,
            Token::Null => {}
            // An empty object is written as an empty list by PHP.
            Token::List => self.wrong = json.skip_list()? > 0,
            _ => self.wrong = true,
        }
        Ok(())
    }

    fn fields(
        &mut self,
        json: &mut Json<'a>,
        depth: usize,
        list: Option<usize>,
    ) -> Result<(), NotJson> {
        let (len, first) = (self.path.len(), self.keys.len());
        while let Some(key) = json.key()? {
            let is_room = self.values.len() < MAX_VALUES && self.keys.len() < MAX_VALUES;
            let is_short = depth == 0 || len + 1 + key.len() <= MAX_NAME;
            if list.is_none() && is_room {
                self.forget(&key, first);
                self.keys.push((key.clone(), self.values.len()));
            }
            if depth == 0 {
                self.key = key;
            } else if is_short {
                self.path.truncate(len);
                self.path.push('.');
                self.path.push_str(&key);
            }
            if is_room && is_short {
                Spot { flat: self, depth, is_nested: depth > 0, list }.read(json)?;
            } else {
                self.leave_out();
                json.skip()?;
            }
        }
        self.path.truncate(len);
        self.keys.truncate(first);
        Ok(())
    }

    /// Takes back what an earlier value of the same name in the same object brought.
    fn forget(&mut self, key: &str, first: usize) {
        let Some(known) = self.keys[first..].iter().position(|(known, _)| known == key) else {
            return;
        };
        let known = first + known;
        let (_, start) = self.keys.remove(known);
        let end = self.keys.get(known).map_or(self.values.len(), |&(_, start)| start);
        self.values.drain(start..end);
        self.keys[known..].iter_mut().for_each(|(_, later)| *later -= end - start);
    }

    fn leave_out(&mut self) {
        match &mut self.left_out {
            Some((_, n)) => *n += 1,
            none => *none = Some((self.key.clone(), 1)),
        }
    }
}

/// Where in an object a value is.
struct Spot<'f, 'a> {
    flat: &'f mut Flat<'a>,
    /// Objects and lists around it.
    depth: usize,
    /// Whether its name is the path rather than the key.
    is_nested: bool,
    /// In a list: how many values there were before the list.
    list: Option<usize>,
}

impl<'a> Spot<'_, 'a> {
    fn name(&self) -> Cow<'a, str> {
        if self.is_nested { Cow::Owned(self.flat.path.clone()) } else { self.flat.key.clone() }
    }

    #[inline(always)]
    fn put(self, value: Value<'a>) {
        match self.list {
            None => self.flat.values.push((self.name(), value)),
            Some(start) => self.put_in_list(start, value),
        }
    }

    fn put_in_list(self, start: usize, value: Value<'a>) {
        let name: &str = if self.is_nested { &self.flat.path } else { &self.flat.key };
        let columns = &mut self.flat.values[start..];
        let is_here = |(known, _): &(Cow<'a, str>, Value<'a>)| known == name;
        let column = match columns.get(self.flat.column).is_some_and(is_here) {
            true => Some(self.flat.column),
            false => columns.iter().position(is_here),
        };
        self.flat.column = column.map_or(columns.len(), |column| column + 1);
        if let Some(Value::List(values)) = column.map(|column| &mut columns[column].1) {
            values.push(value);
        } else if self.flat.values.len() < MAX_VALUES {
            let name = self.name();
            self.flat.values.push((name, Value::List(vec![value])));
        } else {
            self.flat.leave_out();
        }
    }

    fn read(self, json: &mut Json<'a>) -> Result<(), NotJson> {
        match json.value()? {
            Token::Object => return self.object(json),
            Token::List => return self.list(json),
            Token::Broken => self.flat.leave_out(),
            plain => {
                if let Some(value) = plain.value() {
                    self.put(value);
                }
            }
        }
        Ok(())
    }

    fn object(self, json: &mut Json<'a>) -> Result<(), NotJson> {
        if self.depth == MAX_DEPTH {
            self.flat.leave_out();
            return json.skip_object();
        }
        if !self.is_nested {
            self.flat.path.clear();
            self.flat.path.push_str(&self.flat.key);
        }
        self.flat.fields(json, self.depth + 1, self.list)
    }

    fn list(self, json: &mut Json<'a>) -> Result<(), NotJson> {
        let Self { flat, depth, is_nested, list: outer } = self;
        if depth == MAX_DEPTH {
            flat.leave_out();
            return json.skip_list().map(|_| ());
        }
        let before = flat.values.len();
        let inner = Some(outer.unwrap_or(before));
        flat.column = 0;
        while json.item()? {
            Spot { flat: &mut *flat, depth: depth + 1, is_nested, list: inner }.read(json)?;
        }
        if outer.is_none() && flat.values.len() == before {
            // It was said that there is none.
            Spot { flat, depth, is_nested, list: None }.put(Value::List(Vec::new()));
        }
        Ok(())
    }
}
