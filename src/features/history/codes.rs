//! Histories that come from elsewhere: values and summaries with the codes of this store for those of another
//! store or of a piece.

use super::Histories;
use crate::features::dictionary::Dictionary;
use crate::features::schema::{Field, Scope};
use crate::features::stored::FieldValue;
use crate::features::summary::Layout;

impl Histories {
    /// The summary of another store with the codes of this one.
    pub(crate) fn translated_summary(&mut self, summary: &[u64], from: &Self) -> Box<[u64]> {
        let Self { layout, dictionary, .. } = self;
        relabelled(layout, summary, |label| dictionary.intern(from.dictionary.text(label)))
    }

    /// Gives a summary of a piece the codes of this store; `code` uses a text of the piece once more.
    pub(crate) fn relabel_summary(
        &mut self,
        words: &mut [u64],
        mut code: impl FnMut(&mut Dictionary, u32) -> u32,
    ) {
        let Self { layout, dictionary, .. } = self;
        layout.translate(words, |value| value.relabelled(|label| code(dictionary, label)));
    }

    /// Whether a summary of a piece can be one of some events, and names texts below a number only.
    pub(crate) fn can_hold(&self, summary: &[u64], n_texts: usize) -> bool {
        let has_text = |label| (label as usize) < n_texts;
        self.layout.can_be(summary) && self.layout.labels(summary).all(has_text)
    }

    /// A summary with other codes for its texts.
    pub(crate) fn relabelled_summary(
        &self,
        summary: &[u64],
        code: impl FnMut(u32) -> u32,
    ) -> Box<[u64]> {
        relabelled(&self.layout, summary, code)
    }

    /// Counts a further value of an attribute's field.
    pub(crate) fn retain_field(&mut self, field: Field) {
        if field != Field::NONE {
            self.schema.retain(field, 1);
        }
    }

    /// Ends one value of an attribute's field.
    pub(crate) fn release_field(&mut self, field: Field) {
        if field != Field::NONE {
            self.schema.release(field);
        }
    }

    /// A field by name, used once more if it is an attribute's.
    pub(crate) fn field(&mut self, scope: Scope, name: &str) -> Field {
        match scope {
            Scope::Property => self.schema.property(name),
            Scope::Attribute => match self.schema.declare(name) {
                Some(field) => {
                    self.schema.retain(field, 1);
                    field
                }
                None => Field::NONE,
            },
        }
    }
}

fn relabelled(layout: &Layout, summary: &[u64], mut code: impl FnMut(u32) -> u32) -> Box<[u64]> {
    let mut words: Box<[u64]> = summary.into();
    layout.translate(&mut words, |value| value.relabelled(&mut code));
    words
}

/// A value with the codes of another store.
pub(crate) fn translated(value: FieldValue, from: &Histories, to: &mut Histories) -> FieldValue {
    let field = match value.field {
        Field::NONE => Field::NONE,
        field => to.field(from.schema.scope(field), from.schema.name(field)),
    };
    let text = |label| to.dictionary.intern(from.dictionary.text(label));
    value.relabelled(text).of_field(field)
}
