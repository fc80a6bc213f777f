//! Texts by number: every distinct text is stored once.
//!
//! Numbers are given in order of arrival, so they may only be compared for equality; where an order
//! shows, the texts decide.

use std::collections::HashMap;
use std::sync::Arc;

/// A number that is never given out.
pub(crate) const NONE: u32 = u32::MAX;

/// The texts seen so far.
#[derive(Clone, Default)]
#[cfg_attr(test, derive(PartialEq))]
pub(crate) struct Texts {
    texts: Vec<Arc<str>>,
    index: HashMap<Arc<str>, u32>,
}

impl Texts {
    /// The number of a text, given now if it is new.
    pub(crate) fn intern(&mut self, text: &str) -> u32 {
        if let Some(&code) = self.index.get(text) {
            return code;
        }
        let code = self.texts.len();
        assert!(code < NONE as usize, "four billion distinct texts");
        let shared: Arc<str> = text.into();
        self.texts.push(Arc::clone(&shared));
        self.index.insert(shared, code as u32);
        code as u32
    }

    /// The number of a text, or [`NONE`] if nobody ever said it.
    pub(crate) fn code(&self, text: &str) -> u32 {
        self.index.get(text).copied().unwrap_or(NONE)
    }

    /// The text of a number that was given out.
    pub(crate) fn text(&self, code: u32) -> &str {
        &self.texts[code as usize]
    }
}
