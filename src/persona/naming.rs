//! One name per group, all different, of what is told of the groups.
//!
//! Up to two strong phrases make a name. Groups that would share one, whatever the order of its phrases, get
//! their next phrase each, as long as they have one. Groups that still share a name differ by degree: they are
//! told apart by their order in the first column of the name in which all of them are apart. Of two, the one that
//! is ahead of every other group is called so, "biggest spenders"; otherwise all are told with their medians,
//! "big spenders (around 100)". Only what is equal then is numbered.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::numbers::{capitalised, measure};
use super::standing::Order;
use super::vocabulary::Vocabulary;

/// A trait as a part of a name.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct NamePhrase {
    pub(super) text: String,
    pub(super) feature: String,
    /// The place of the feature in the index.
    pub(super) column: usize,
    /// Whether it says that there is more.
    pub(super) is_more: bool,
    /// What the group at the end of that side is called.
    pub(super) superlative: Option<String>,
    /// Whether it is about numbers, so that groups have an order.
    pub(super) is_ordered: bool,
}

impl NamePhrase {
    /// A text that is not about a column.
    pub(super) fn of(text: String) -> Self {
        Self { text, ..Self::default() }
    }
}

/// Phrases for a name, the strong ones first, and how many are strong.
pub(super) type Phrases = (Vec<NamePhrase>, usize);

/// A name per group from its phrases, strongest first; none for a group that is too small to be described.
/// `order` puts groups in the order of a column.
pub(super) fn names(
    words: &Vocabulary,
    groups: &[Option<Phrases>],
    order: &dyn Fn(usize, &[usize]) -> Option<Order>,
) -> Vec<String> {
    let mut parts = first_different(groups);
    for tied in shared(groups, &parts) {
        // The order of phrases tells nobody apart. One text can be about several columns, which have no order.
        let mut phrases = parts[tied[0]].clone();
        for phrase in &mut phrases {
            let is_it = |own: &NamePhrase| {
                own.text == phrase.text
                    && (own.column, own.is_more) == (phrase.column, phrase.is_more)
            };
            phrase.is_ordered &= tied.iter().all(|&group| parts[group].iter().any(is_it));
        }
        tied.iter().for_each(|&group| parts[group].clone_from(&phrases));
        let forms = phrases.iter().enumerate().filter(|(_, phrase)| phrase.is_ordered).find_map(
            |(at, phrase)| Some((at, ordered(words, phrase, &order(phrase.column, &tied)?)?)),
        );
        if let Some((at, forms)) = forms {
            for (group, text) in forms {
                parts[group][at].text = text;
            }
        }
    }
    numbered(written(words, groups, &parts))
}

/// The phrases that each group is named by: its first ones, and further ones while others have the same.
fn first_different(groups: &[Option<Phrases>]) -> Vec<Vec<NamePhrase>> {
    let first = |group: &Option<Phrases>| group.as_ref().map_or(0, |(_, strong)| (*strong).min(2));
    let mut used: Vec<usize> = groups.iter().map(first).collect();
    loop {
        let parts: Vec<Vec<NamePhrase>> = groups
            .iter()
            .zip(&used)
            .map(|(group, &used)| {
                let phrases = group.as_ref().map_or(&[][..], |(phrases, _)| phrases);
                phrases[..used.min(phrases.len())].to_vec()
            })
            .collect();
        let more =
            |i: usize| groups[i].as_ref().is_some_and(|(phrases, _)| used[i] < phrases.len());
        let shared = shared(groups, &parts).into_iter().flatten();
        let longer: Vec<usize> = shared.filter(|&group| more(group)).collect();
        if longer.is_empty() {
            return parts;
        }
        longer.into_iter().for_each(|group| used[group] += 1);
    }
}

/// The names that phrases make.
fn written(
    words: &Vocabulary,
    groups: &[Option<Phrases>],
    parts: &[Vec<NamePhrase>],
) -> Vec<String> {
    let name = |(group, parts): (&Option<Phrases>, &Vec<NamePhrase>)| match parts.as_slice() {
        _ if group.is_none() => words.say("Small group", &[]),
        [] => words.say("Mixed", &[]),
        parts => {
            let texts: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
            capitalised(&texts.join(", "))
        }
    };
    groups.iter().zip(parts).map(name).collect()
}

/// The groups of all phrases that several share.
fn shared(groups: &[Option<Phrases>], parts: &[Vec<NamePhrase>]) -> Vec<Vec<usize>> {
    let mut by_name: BTreeMap<Vec<&str>, Vec<usize>> = BTreeMap::new();
    for (group, parts) in parts.iter().enumerate().filter(|(group, _)| groups[*group].is_some()) {
        let mut texts: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
        texts.sort_unstable();
        by_name.entry(texts).or_default().push(group);
    }
    by_name.into_values().filter(|groups| groups.len() > 1).collect()
}

/// What each of some groups in order is called instead of a phrase that all of them share; none if that would
/// not tell them apart.
fn ordered(words: &Vocabulary, phrase: &NamePhrase, order: &Order) -> Option<Vec<(usize, String)>> {
    let end = match phrase.is_more {
        true => order.ascending.last().filter(|_| order.is_highest),
        false => order.ascending.first().filter(|_| order.is_lowest),
    };
    if let (Some(&(group, _)), Some(superlative), 2) =
        (end, &phrase.superlative, order.ascending.len())
    {
        return Some(vec![(group, superlative.clone())]);
    }
    let around = |&(group, median): &(usize, f64)| {
        let value = measure(words, &phrase.feature, median);
        let parts = [("phrase", phrase.text.as_str()), ("value", &value)];
        (group, words.say("{phrase} (around {value})", &parts))
    };
    let forms: Vec<(usize, String)> = order.ascending.iter().map(around).collect();
    let distinct: HashSet<&String> = forms.iter().map(|(_, text)| text).collect();
    (distinct.len() == forms.len()).then_some(forms)
}

/// Appends 2, 3, … to repeated names, skipping what is taken.
fn numbered(names: Vec<String>) -> Vec<String> {
    let mut taken: HashSet<String> = names.iter().cloned().collect();
    let mut last: HashMap<String, usize> = HashMap::new();
    let mut distinct = Vec::with_capacity(names.len());
    for name in names {
        let Some(number) = last.get_mut(&name) else {
            last.insert(name.clone(), 1);
            distinct.push(name);
            continue;
        };
        let free = loop {
            *number += 1;
            let candidate = format!("{name} {number}");
            if taken.insert(candidate.clone()) {
                break candidate;
            }
        };
        distinct.push(free);
    }
    distinct
}

#[cfg(test)]
mod tests {
    use super::super::vocabulary::english;
    use super::*;

    fn without_order(groups: &[Option<Phrases>]) -> Vec<String> {
        names(english(), groups, &|_, _| None)
    }

    #[test]
    fn many_groups_of_one_name_are_numbered_at_once() {
        let mut groups = vec![None; 20_000];
        groups.push(Some((vec![NamePhrase::of("small group 7".to_owned())], 1)));
        let names = without_order(&groups);
        let distinct: HashSet<&String> = names.iter().collect();
        assert_eq!(
            (distinct.len(), names[0].as_str(), names[1].as_str()),
            (20_001, "Small group", "Small group 2")
        );
        assert_eq!(names[20_000], "Small group 7");
    }

    #[test]
    fn names_differ_by_the_next_phrase_and_only_then_by_number() {
        let group = |phrases: &[&str]| {
            let texts = phrases.iter().map(|&phrase| NamePhrase::of(phrase.to_owned()));
            Some((texts.collect(), phrases.len()))
        };
        let names = without_order(&[
            group(&["a", "b", "c"]),
            group(&["a", "b", "d", "e"]),
            group(&["a", "b"]),
            group(&[]),
            group(&[]),
            group(&["mixed 2"]),
            None,
        ]);
        let expected = ["A, b, c", "A, b, d", "A, b", "Mixed", "Mixed 3", "Mixed 2", "Small group"];
        assert_eq!(names, expected);
    }

    #[test]
    fn the_order_of_phrases_tells_nobody_apart() {
        let phrases = ["a", "b"].map(|text| NamePhrase::of(text.to_owned()));
        let turned: Vec<NamePhrase> = phrases.iter().rev().cloned().collect();
        let further = [turned.clone(), vec![NamePhrase::of("c".to_owned())]].concat();
        let both = |second: &[NamePhrase]| {
            without_order(&[Some((phrases.to_vec(), 2)), Some((second.to_vec(), 2))])
        };
        assert_eq!(both(&turned), ["A, b", "A, b 2"]);
        assert_eq!(both(&further), ["A, b", "B, a, c"]);
    }

    /// The names of groups that have all of some phrases, each with a median in the column of each.
    fn by_degree(phrases: &[NamePhrase], medians: &[&[f64]]) -> Vec<String> {
        let groups = vec![Some((phrases.to_vec(), phrases.len())); medians.len()];
        let order = |column: usize, tied: &[usize]| {
            let mut ascending: Vec<(usize, f64)> =
                tied.iter().map(|&group| (group, medians[group][column])).collect();
            ascending.sort_by(|a, b| a.1.total_cmp(&b.1));
            let are_apart = ascending.windows(2).all(|pair| pair[0].1 < pair[1].1);
            are_apart.then_some(Order { ascending, is_lowest: false, is_highest: true })
        };
        names(english(), &groups, &order)
    }

    #[test]
    fn groups_that_differ_by_degree_are_told_apart_by_their_order() {
        let big = || NamePhrase {
            text: "big spenders".into(),
            feature: "spend".into(),
            column: 0,
            is_more: true,
            superlative: Some("biggest spenders".into()),
            is_ordered: true,
        };
        let small = || NamePhrase {
            text: "small spenders".into(),
            is_more: false,
            superlative: Some("smallest spenders".into()),
            ..big()
        };
        let frequent = || NamePhrase {
            text: "frequent visitors".into(),
            feature: "visits".into(),
            column: 1,
            superlative: Some("most frequent visitors".into()),
            ..big()
        };
        let both = [big(), frequent()];
        assert_eq!(
            by_degree(&both, &[&[900.0, 5.0], &[100.0, 5.0]]),
            ["Biggest spenders, frequent visitors", "Big spenders, frequent visitors"]
        );
        assert_eq!(
            by_degree(&both, &[&[9.0, 5.0], &[9.0, 7.0]]),
            ["Big spenders, frequent visitors", "Big spenders, most frequent visitors"]
        );
        assert_eq!(
            by_degree(&both, &[&[9.0, 5.0], &[9.0, 5.0]]),
            ["Big spenders, frequent visitors", "Big spenders, frequent visitors 2"]
        );
        // Somebody else spends less, so that neither is the smallest.
        assert_eq!(
            by_degree(&[small()], &[&[20.0], &[10.0]]),
            ["Small spenders (around 20)", "Small spenders (around 10)"]
        );
        let named = by_degree(&[big()], &[&[20.5], &[10.0], &[4000.0]]);
        let around = ["20.50", "10", "4000"].map(|at| format!("Big spenders (around {at})"));
        assert_eq!(named, around);
        // Told alike, they are not told apart.
        let named = by_degree(&[big()], &[&[10_001.0], &[10_002.0], &[10_003.0]]);
        assert_eq!(named, ["Big spenders", "Big spenders 2", "Big spenders 3"]);
        let untranslated = NamePhrase { superlative: None, ..big() };
        let named = by_degree(&[untranslated], &[&[20.0], &[10.0]]);
        assert_eq!(named, ["Big spenders (around 20)", "Big spenders (around 10)"]);
    }
}
