//! The dictionary: every distinct text is stored once, as long as something uses it, and has a code.
//!
//! Each [`Dictionary::intern`] is one use, which [`Dictionary::release`] ends. A text that nothing
//! uses is removed, and its code may name another text. Codes are compared for equality only; where
//! an order shows, the texts decide.
//!
//! Threads that read events *intern locally*: they look up known texts, which changes nothing, and
//! give new texts codes of their own. [`Dictionary::absorb`] then remaps these.
//!
//! The table stores hashes, so that it grows without reading texts, and a look-up can be prefetched.
//!
//! Cost: one hash and one look-up per text.

use std::hash::BuildHasher;

use hashbrown::DefaultHashBuilder;

use crate::num::bytes::TextTable;
use crate::num::prefetch;
use crate::num::table::Table;

/// The code of no text.
pub(crate) const NONE: u32 = u32::MAX;

/// Set on codes that only a [`LocalDictionary`] knows.
const LOCAL: u32 = 1 << 31;

/// Texts by which look-ups are prefetched.
const PREFETCH: usize = 8;

/// Texts by code, and codes by text.
#[derive(Clone, Default)]
pub(crate) struct Dictionary {
    texts: Vec<Text>,
    codes: Table,
    hasher: DefaultHashBuilder,
    /// Codes of removed texts.
    free: Vec<u32>,
}

#[derive(Debug, Clone)]
struct Text {
    text: Box<str>,
    /// 0 for a free code; a text used `u32::MAX` times stays for ever.
    uses: u32,
}

/// Texts that one thread met, beside those the dictionary knows.
#[derive(Default)]
pub(crate) struct LocalDictionary {
    /// Uses of known codes: the code and how often.
    uses: Vec<(u32, u32)>,
    new: Dictionary,
}

/// What became of the codes of a [`LocalDictionary`].
pub(crate) struct Remap(Vec<u32>);

impl LocalDictionary {
    /// The code of a text, known or new.
    pub(crate) fn intern(&mut self, known: &Dictionary, text: &str) -> u32 {
        match known.code(text) {
            NONE => self.new.intern(text) | LOCAL,
            code => {
                match self.uses.last_mut() {
                    // Events of one name mostly follow each other.
                    Some((last, n)) if *last == code => *n += 1,
                    _ => self.uses.push((code, 1)),
                }
                code
            }
        }
    }

    /// Adds to the uses of a code that [`LocalDictionary::intern`] returned; takes one away for -1.
    pub(crate) fn change_uses(&mut self, code: u32, n: i64) {
        let uses = match code & LOCAL {
            0 => self.uses.iter_mut().find(|(known, _)| *known == code).map(|(_, uses)| uses),
            _ => Some(&mut self.new.texts[(code & !LOCAL) as usize].uses),
        };
        if let Some(uses) = uses {
            *uses = uses.saturating_add_signed(i32::try_from(n).unwrap_or(i32::MAX));
        }
    }

    /// The text of a code that [`LocalDictionary::intern`] returned.
    pub(crate) fn text<'d>(&'d self, known: &'d Dictionary, code: u32) -> &'d str {
        match code & LOCAL {
            0 => known.text(code),
            _ => self.new.text(code & !LOCAL),
        }
    }
}

impl Remap {
    /// The code in the dictionary of a code in the local one.
    pub(crate) fn code(&self, code: u32) -> u32 {
        if code == NONE || code & LOCAL == 0 { code } else { self.0[(code & !LOCAL) as usize] }
    }

    /// Whether no code changes.
    pub(crate) fn is_identity(&self) -> bool {
        self.0.is_empty()
    }
}

impl Dictionary {
    /// The code of a text, which is new or used once more.
    pub(crate) fn intern(&mut self, text: &str) -> u32 {
        self.add(self.hash(text), text, 1)
    }

    /// The codes of many texts, each of which is new or used once more.
    pub(crate) fn intern_all(&mut self, texts: &TextTable<'_>) -> Vec<u32> {
        let hashes: Vec<u32> = texts.iter().map(|text| self.hash(text)).collect();
        let mut codes = Vec::with_capacity(hashes.len());
        for (i, text) in texts.iter().enumerate() {
            self.prefetch_hashes(&hashes[i..]);
            codes.push(self.add(hashes[i], text, 1));
        }
        codes
    }

    /// Prefetches what looking up the texts of later hashes reads, one step for each: the place in the table, where
    /// the text is, the text.
    fn prefetch_hashes(&self, hashes: &[u32]) {
        let later = |n_steps: usize| hashes.get(n_steps * PREFETCH).copied();
        let code = |n_steps| later(n_steps).and_then(|hash| self.codes.guess(hash));
        later(3).into_iter().for_each(|hash| self.codes.prefetch(hash));
        code(2).into_iter().for_each(|code| self.prefetch(code));
        code(1).into_iter().for_each(|code| self.prefetch_text(code));
    }

    fn hash(&self, text: &str) -> u32 {
        (self.hasher.hash_one(text) >> 32) as u32
    }

    fn find(&self, hash: u32, text: &str) -> Option<u32> {
        self.codes.find(hash, |code| &*self.texts[code as usize].text == text)
    }

    fn add(&mut self, hash: u32, text: impl AsRef<str> + Into<Box<str>>, uses: u32) -> u32 {
        if let Some(code) = self.find(hash, text.as_ref()) {
            self.retain(code, uses);
            return code;
        }
        let new = Text { text: text.into(), uses };
        let code = match self.free.pop() {
            Some(code) => {
                self.texts[code as usize] = new;
                code
            }
            None => {
                self.texts.push(new);
                self.texts.len() as u32 - 1
            }
        };
        self.codes.insert(hash, code);
        code
    }

    /// Adds the texts and uses of a local dictionary.
    pub(crate) fn absorb(&mut self, local: LocalDictionary) -> Remap {
        for (code, n) in local.uses {
            self.retain(code, n);
        }
        let mut add = |Text { text, uses }| match uses {
            0 => NONE,
            _ => self.add(self.hash(&text), text, uses),
        };
        Remap(local.new.texts.into_iter().map(&mut add).collect())
    }

    /// Counts further uses of a code in use.
    pub(crate) fn retain(&mut self, code: u32, n: u32) {
        let uses = &mut self.texts[code as usize].uses;
        *uses = uses.saturating_add(n);
    }

    /// Ends one use of a code; after the last one no byte of the text is held.
    pub(crate) fn release(&mut self, code: u32) {
        let Text { text, uses } = &mut self.texts[code as usize];
        if *uses < u32::MAX {
            *uses -= 1;
        }
        if *uses > 0 {
            return;
        }
        let text = std::mem::take(text);
        self.codes.remove(self.hash(&text), code);
        self.free.push(code);
    }

    /// The code of a text, or [`NONE`] if nothing uses it.
    pub(crate) fn code(&self, text: &str) -> u32 {
        self.find(self.hash(text), text).unwrap_or(NONE)
    }

    /// The text of a code in use.
    pub(crate) fn text(&self, code: u32) -> &str {
        &self.texts[code as usize].text
    }

    /// Prefetches where the text of a code is.
    pub(crate) fn prefetch(&self, code: u32) {
        prefetch::prefetch_at(&self.texts, code as usize);
    }

    /// Prefetches the text of a code in use.
    pub(crate) fn prefetch_text(&self, code: u32) {
        prefetch::prefetch_at(self.text(code).as_bytes(), 0);
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        let texts: usize = self.texts.iter().map(|text| text.text.len()).sum();
        texts + self.texts.capacity() * size_of::<Text>() + self.codes.bytes()
    }

    /// All texts in use with their numbers of uses, sorted.
    #[cfg(test)]
    pub(crate) fn held(&self) -> Vec<(&str, u32)> {
        let used = self.texts.iter().filter(|text| text.uses > 0);
        let mut held: Vec<_> = used.map(|text| (&*text.text, text.uses)).collect();
        held.sort_unstable();
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_held_while_it_is_used_and_removed_after_its_last_use() {
        let mut dictionary = Dictionary::default();
        let ann = dictionary.intern("ann");
        assert_eq!((dictionary.intern("ann"), dictionary.intern("bob")), (ann, ann + 1));
        dictionary.release(ann);
        assert_eq!(dictionary.held(), [("ann", 1), ("bob", 1)]);
        dictionary.release(ann);
        assert_eq!((dictionary.held(), dictionary.code("ann")), (vec![("bob", 1)], NONE));
        // The code names another text now.
        assert_eq!((dictionary.intern(""), dictionary.text(ann)), (ann, ""));
    }

    #[test]
    fn local_dictionaries_give_the_uses_of_one_dictionary() {
        let mut dictionary = Dictionary::default();
        let ann = dictionary.intern("ann");
        let [mut first, mut second] = [LocalDictionary::default(), LocalDictionary::default()];
        let codes = ["ann", "ann", "bob", "bob"].map(|text| first.intern(&dictionary, text));
        let texts = codes.map(|code| first.text(&dictionary, code));
        assert_eq!(texts, ["ann", "ann", "bob", "bob"]);
        assert_eq!((codes[0], codes[2]), (ann, codes[3]));
        let other = second.intern(&dictionary, "bob");
        let (first, second) = (dictionary.absorb(first), dictionary.absorb(second));
        assert_eq!(dictionary.held(), [("ann", 3), ("bob", 3)]);
        let bob = dictionary.code("bob");
        assert_eq!((first.code(codes[2]), second.code(other)), (bob, bob));
        assert_eq!((first.code(ann), first.code(NONE)), (ann, NONE));
    }
}
