//! Manual links as columns of texts, to be stored.
//!
//! Must-links, cannot-links, and links of aliases that were taken back; of each link the kind and value of either end.
//! They are checked one by one where they stand, so that a forged list asks for no memory.

use super::policy::{Name, Pair, Relation, Rules, check_stored_link};
use crate::Result;
use crate::num::bytes::{Reader, TextColumn, TextWriter};

/// Manual links in their bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Links<'b>([TextColumn<'b>; 3]);

impl<'b> Links<'b> {
    /// The manual links of rules as bytes.
    pub(crate) fn write(rules: &Rules) -> Vec<u8> {
        let (mut out, mut texts) = (Vec::new(), TextWriter::default());
        for links in rules.all_links() {
            for Name { kind, value } in links.iter().flat_map(|(a, b)| [a, b]) {
                texts.push(kind);
                texts.push(value);
            }
            texts.write(&mut out);
        }
        out
    }

    /// Reads what [`Links::write`] wrote; [`Links::check`] must follow.
    pub(crate) fn read(bytes: &'b [u8]) -> Option<Self> {
        let bytes = &mut Reader(bytes);
        let links = [TextColumn::read(bytes)?, TextColumn::read(bytes)?, TextColumn::read(bytes)?];
        let are_whole = links.iter().all(|texts| texts.count().is_some_and(|n| n % 4 == 0));
        (are_whole && bytes.is_at_end()).then_some(Self(links))
    }

    /// Checks each link by itself.
    pub(super) fn check(&self) -> Result<()> {
        let mut columns = Relation::STORED.into_iter().zip(self.0);
        columns.try_for_each(|(relation, links)| {
            pairs(links).try_for_each(|pair| check_stored_link(relation, &pair))
        })
    }

    /// The kinds of all ends.
    pub(super) fn kinds(&self) -> impl Iterator<Item = &'b str> {
        self.0.into_iter().flat_map(|texts| texts.iter().step_by(2))
    }

    /// Rules with these links in place of their own.
    pub(super) fn rules(&self, rules: &Rules) -> Rules {
        rules.with_links(self.0.map(|texts| pairs(texts).collect()))
    }
}

/// The links of a column.
fn pairs(mut texts: TextColumn<'_>) -> impl Iterator<Item = Pair> {
    std::iter::from_fn(move || {
        let mut name = || Some(Name { kind: texts.next()?.into(), value: texts.next()?.into() });
        Some((name()?, name()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_come_back_from_their_bytes_and_nothing_else_does() {
        let name = |value: &str| Name { kind: "email".into(), value: value.into() };
        let pair = |a, b| (name(a), name(b));
        let links = [vec![pair("a@x.org", "b@x.org")], vec![pair("a@x.org", "c@x.org")], vec![]];
        let rules = Rules::default().with_links(links);
        let bytes = Links::write(&rules);
        let links = Links::read(&bytes).unwrap();
        links.check().unwrap();
        assert_eq!(links.kinds().collect::<Vec<_>>(), ["email"; 4]);
        assert_eq!(Links::write(&links.rules(&Rules::default())), bytes);
        for cut in 0..bytes.len() {
            assert!(Links::read(&bytes[..cut]).is_none(), "{cut}");
        }
        assert!(Links::read(&[&bytes[..], &[0]].concat()).is_none());
        // What no alias links, ends that are out of order, an end that is not normalised.
        let named = |kind: &str, value: &str| Name { kind: kind.into(), value: value.into() };
        let users = |a, b| (named("user_id", a), named("user_id", b));
        let with_alias = |pair| Rules::default().with_links([vec![], vec![], vec![pair]]);
        let is_right =
            |pair| Links::read(&Links::write(&with_alias(pair))).unwrap().check().is_ok();
        assert!(is_right(users("7", "8")));
        let spaced = users(" 7", "8");
        for pair in [pair("a@x.org", "b@x.org"), users("8", "7"), users("7", "7"), spaced] {
            assert!(!is_right(pair.clone()), "{pair:?}");
            assert!(with_alias(pair).check().is_err());
        }
        // Three texts are no pair of names.
        let (mut three, mut texts) = (Vec::new(), TextWriter::default());
        ["email", "a@x.org", "email"].into_iter().for_each(|text| texts.push(text));
        (0..3).for_each(|_| texts.write(&mut three));
        assert!(Links::read(&three).is_none());
    }
}
