//! Which properties and attributes somebody reads, so that a reader can leave out the others.

use hashbrown::HashSet;

use super::rows::holds_object;
use super::value::Value;

/// The names of the properties and attributes that are read; without a set of names, all of them.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) properties: Option<HashSet<String>>,
    pub(crate) attributes: Option<HashSet<String>>,
}

impl Wanted {
    /// Whether a property of this name is read.
    pub(crate) fn property(&self, name: &str) -> bool {
        self.properties.as_ref().is_none_or(|names| names.contains(name))
    }

    /// Whether a property is read, or a field of its objects.
    pub(crate) fn property_with_fields(&self, name: &str, value: &Value<'_>) -> bool {
        is_read(self.properties.as_ref(), name, value)
    }

    /// Whether an attribute is read, or a field of its objects.
    pub(crate) fn attribute_with_fields(&self, name: &str, value: &Value<'_>) -> bool {
        is_read(self.attributes.as_ref(), name, value)
    }
}

fn is_read(names: Option<&HashSet<String>>, name: &str, value: &Value<'_>) -> bool {
    let is_field = |wanted: &String| wanted.strip_prefix(name).is_some_and(|r| r.starts_with('.'));
    names.is_none_or(|names| {
        names.contains(name) || holds_object(value) && names.iter().any(is_field)
    })
}
