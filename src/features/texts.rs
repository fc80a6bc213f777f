//! Texts by number: every distinct text is stored once, and as long as something uses it.
//!
//! Every [`Texts::intern`] is one use, to be given back by [`Texts::release`]; a text that nothing
//! uses is gone, and its number may name another one. Numbers may only be compared for equality;
//! where an order shows, the texts decide.
//!
//! Several threads can draft the texts of their events, each beside those known: a look-up changes
//! nothing, and what is new has numbers of the draft's own until it is taken in.

use std::sync::Arc;

use hashbrown::HashMap;

/// A number that is never given out.
pub(crate) const NONE: u32 = u32::MAX;

/// Set on the numbers of texts that only a draft has.
const DRAFTED: u32 = 1 << 31;

/// Gives texts their numbers and reads them back.
pub(crate) trait Words {
    /// The number of a text, given now if it is new.
    fn intern(&mut self, text: &str) -> u32;
    /// The text of a number that was given out.
    fn text(&self, code: u32) -> &str;
}

impl Words for Texts {
    fn intern(&mut self, text: &str) -> u32 {
        self.intern(text)
    }

    fn text(&self, code: u32) -> &str {
        self.text(code)
    }
}

/// What some events say: uses of known texts, and new ones.
#[derive(Default)]
pub(crate) struct Draft {
    uses: Vec<u32>,
    new: Texts,
}

/// A draft beside the texts that are known.
pub(crate) struct Drafting<'t> {
    pub(crate) known: &'t Texts,
    pub(crate) draft: &'t mut Draft,
}

impl Words for Drafting<'_> {
    fn intern(&mut self, text: &str) -> u32 {
        match self.known.code(text) {
            NONE => self.draft.new.intern(text) | DRAFTED,
            code => {
                self.draft.uses.push(code);
                code
            }
        }
    }

    fn text(&self, code: u32) -> &str {
        match code & DRAFTED {
            0 => self.known.text(code),
            _ => self.draft.new.text(code & !DRAFTED),
        }
    }
}

/// The numbers of what was drafted.
pub(crate) struct Fair(Vec<u32>);

impl Fair {
    /// Of the number that a draft gave, the one that holds.
    pub(crate) fn code(&self, code: u32) -> u32 {
        if code == NONE || code & DRAFTED == 0 { code } else { self.0[(code & !DRAFTED) as usize] }
    }
}

/// The texts in use.
#[derive(Clone, Default)]
#[cfg_attr(test, derive(PartialEq))]
pub(crate) struct Texts {
    texts: Vec<(Arc<str>, usize)>,
    index: HashMap<Arc<str>, u32>,
    /// Numbers to be given out again.
    free: Vec<u32>,
}

impl Texts {
    /// The number of a text, given now if it is new.
    pub(crate) fn intern(&mut self, text: &str) -> u32 {
        if let Some(&code) = self.index.get(text) {
            self.texts[code as usize].1 += 1;
            return code;
        }
        self.add(text.into(), 1)
    }

    /// Takes in the uses and the texts of a draft.
    pub(crate) fn take_in(&mut self, draft: Draft) -> Fair {
        for code in draft.uses {
            self.retain(code);
        }
        let codes = draft.new.texts.into_iter().map(|(text, uses)| {
            // Another draft may have had it too.
            match self.index.get(&text) {
                Some(&code) => {
                    self.texts[code as usize].1 += uses;
                    code
                }
                None => self.add(text, uses),
            }
        });
        Fair(codes.collect())
    }

    /// A text that is not there.
    fn add(&mut self, shared: Arc<str>, uses: usize) -> u32 {
        let new = (Arc::clone(&shared), uses);
        let code = match self.free.pop() {
            Some(code) => {
                self.texts[code as usize] = new;
                code
            }
            None => {
                let code = self.texts.len();
                assert!(code < DRAFTED as usize, "two billion distinct texts");
                self.texts.push(new);
                code as u32
            }
        };
        self.index.insert(shared, code);
        code
    }

    /// One use more of a number that is in use.
    pub(crate) fn retain(&mut self, code: u32) {
        self.texts[code as usize].1 += 1;
    }

    /// Gives back one use of a number; after the last no byte of the text is held.
    pub(crate) fn release(&mut self, code: u32) {
        let (text, uses) = &mut self.texts[code as usize];
        *uses -= 1;
        if *uses == 0 {
            self.index.remove(&std::mem::take(text));
            self.free.push(code);
        }
    }

    /// The number of a text, or [`NONE`] if nobody says it.
    pub(crate) fn code(&self, text: &str) -> u32 {
        self.index.get(text).copied().unwrap_or(NONE)
    }

    /// The text of a number that was given out.
    pub(crate) fn text(&self, code: u32) -> &str {
        &self.texts[code as usize].0
    }

    /// Everything that is held, with the number of its uses, sorted.
    #[cfg(test)]
    pub(crate) fn held(&self) -> Vec<(&str, usize)> {
        let texts = self.texts.iter().map(|(text, uses)| (text.as_ref(), *uses));
        let mut held: Vec<_> = texts.filter(|(text, uses)| !text.is_empty() || *uses > 0).collect();
        held.sort_unstable();
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_held_while_it_is_used_and_then_no_longer() {
        let mut texts = Texts::default();
        let ann = texts.intern("ann");
        assert_eq!((texts.intern("ann"), texts.intern("bob")), (ann, ann + 1));
        texts.release(ann);
        assert_eq!(texts.held(), [("ann", 1), ("bob", 1)]);
        texts.release(ann);
        assert_eq!((texts.held(), texts.code("ann")), (vec![("bob", 1)], NONE));
        // The number is free for another text.
        assert_eq!((texts.intern(""), texts.text(ann)), (ann, ""));
    }

    #[test]
    fn drafts_say_the_same_as_if_their_texts_had_come_one_after_another() {
        let mut texts = Texts::default();
        let ann = texts.intern("ann");
        let [mut first, mut second] = [Draft::default(), Draft::default()];
        let mut drafting = Drafting { known: &texts, draft: &mut first };
        let codes = ["ann", "bob", "bob"].map(|text| drafting.intern(text));
        assert_eq!(codes.map(|code| drafting.text(code)), ["ann", "bob", "bob"]);
        assert_eq!((codes[0], codes[1]), (ann, codes[2]));
        let other = Drafting { known: &texts, draft: &mut second }.intern("bob");
        let (first, second) = (texts.take_in(first), texts.take_in(second));
        assert_eq!(texts.held(), [("ann", 2), ("bob", 3)]);
        let bob = texts.code("bob");
        assert_eq!((first.code(codes[1]), second.code(other)), (bob, bob));
        assert_eq!((first.code(ann), first.code(NONE)), (ann, NONE));
    }
}
