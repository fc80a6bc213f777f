//! Judging events.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher24};

use super::blank::take_out;
use super::check::BoundCheck;
use super::report::{QualityReport, RuleReport};
use super::rule::{Action, QualityRule, Target};
use crate::event::last_of_each_name;
use crate::{Event, Result, Timestamp, Value};

/// The rules of events, ready for a batch of them.
pub(super) struct Judge<'q> {
    rules: Vec<(&'q QualityRule, BoundCheck<'q>)>,
    /// For each event, whether it repeats another; empty if no rule asks.
    repeats: Vec<bool>,
}

/// What is wrong with an event.
#[derive(Default)]
pub(super) struct Verdict {
    /// The rules it breaks, by their places.
    pub(super) broken: Vec<usize>,
    pub(super) drops: bool,
    blanks: bool,
}

impl Verdict {
    /// Whether the event stays with fewer values.
    pub(super) fn changes(&self) -> bool {
        self.blanks && !self.drops
    }
}

impl<'q> Judge<'q> {
    pub(super) fn new(
        rules: &'q [QualityRule],
        events: &[&Event<'_>],
        now: Timestamp,
    ) -> Result<Self> {
        let mut ready = Vec::new();
        for rule in rules {
            rule.make_sense()?;
            if !rule.is_of_tables() {
                let bound = BoundCheck::new(&rule.check, now).map_err(|fault| rule.error(fault))?;
                ready.push((rule, bound));
            }
        }
        let asks = ready.iter().any(|(rule, _)| rule.of == Target::Event);
        Ok(Self { rules: ready, repeats: if asks { repeats(events) } else { Vec::new() } })
    }

    /// A report that has found nothing yet.
    pub(super) fn report(&self, n_rows: usize) -> QualityReport {
        let rules = self.rules.iter().map(|(rule, _)| RuleReport::none(rule)).collect();
        QualityReport { n_rows, rules, ..QualityReport::default() }
    }

    /// What is wrong with the event at a position.
    pub(super) fn verdict(&self, position: usize, event: &Event<'_>) -> Verdict {
        // Rules name values as features do.
        let dotted = event.with_dotted_names();
        let event = dotted.as_ref().unwrap_or(event);
        let mut verdict = Verdict::default();
        for (place, (rule, bound)) in self.rules.iter().enumerate() {
            if !rule.looks_at(&event.name) {
                continue;
            }
            let is_broken = match &rule.of {
                Target::Property(name) => bound.is_broken(values(&event.properties, name)),
                Target::Attribute(name) => bound.is_broken(values(&event.attributes, name)),
                Target::Identifier(kind) => {
                    let ids = event.identifiers.iter().filter(|id| id.kind == *kind);
                    let texts: Vec<Value<'_>> = ids.map(|id| text(&id.value)).collect();
                    bound.is_broken(texts.iter())
                }
                Target::Time => bound.is_broken([Value::Time(event.at)].iter()),
                Target::Event => self.repeats[position],
                Target::Column(_) | Target::Columns | Target::Rows => false,
            };
            if is_broken {
                verdict.broken.push(place);
                verdict.drops |= rule.action == Action::Drop;
                verdict.blanks |= rule.action == Action::Blank;
            }
        }
        verdict
    }

    /// Takes the bad values out of an event that has some; how many.
    pub(super) fn blank(&self, event: &mut Event<'_>) -> usize {
        let verdict = |rule: &QualityRule| rule.action == Action::Blank;
        let name = event.name.clone();
        let mut n = 0;
        for (rule, bound) in &self.rules {
            if !verdict(rule) || !rule.looks_at(&name) {
                continue;
            }
            match &rule.of {
                Target::Property(name) => {
                    n += take_out(&mut event.properties, name, &|value| bound.passes(value));
                }
                Target::Attribute(name) => {
                    n += take_out(&mut event.attributes, name, &|value| bound.passes(value));
                }
                Target::Identifier(kind) => {
                    let before = event.identifiers.len();
                    event
                        .identifiers
                        .retain(|id| id.kind != *kind || bound.passes(&text(&id.value)));
                    n += before - event.identifiers.len();
                }
                Target::Time
                | Target::Event
                | Target::Column(_)
                | Target::Columns
                | Target::Rows => {}
            }
        }
        n
    }
}

fn text<'a>(text: &'a str) -> Value<'a> {
    Value::Text(Cow::Borrowed(text))
}

/// The values of a name; of one that is given twice, the last.
fn values<'e, 'a>(
    named: &'e [(Cow<'a, str>, Value<'a>)],
    name: &str,
) -> impl Iterator<Item = &'e Value<'a>> {
    let last = named.iter().rev().find(|(known, _)| known == name);
    last.into_iter().flat_map(|(_, value)| value.each())
}

/// For each event, whether it repeats another: of equal ones, all but the one of the smallest
/// message id, or else the first.
fn repeats(events: &[&Event<'_>]) -> Vec<bool> {
    let key = |place: usize| {
        let id = events[place].message_id.as_deref();
        (id.is_none(), id, place)
    };
    let mut kept: HashMap<u128, usize> = HashMap::with_capacity(events.len());
    let contents: Vec<u128> = events.iter().map(|event| content(event)).collect();
    for (place, &content) in contents.iter().enumerate() {
        let best = kept.entry(content).or_insert(place);
        *best = if key(place) < key(*best) { place } else { *best };
    }
    contents.iter().enumerate().map(|(place, content)| kept[content] != place).collect()
}

/// An event's content as a hash of 128 bits, which do not meet by chance.
fn content(event: &Event<'_>) -> u128 {
    let mut hasher = SipHasher24::new();
    write(&mut hasher, &event.name);
    hasher.write_i64(event.at.millis());
    hasher.write_i32(event.utc_offset_minutes.map_or(i32::MAX, i32::from));
    let mut ids: Vec<_> =
        event.identifiers.iter().map(|id| (&id.kind, &id.value, id.claimed)).collect();
    ids.sort_unstable();
    ids.dedup();
    hasher.write_usize(ids.len());
    for (kind, value, claimed) in ids {
        write(&mut hasher, kind);
        write(&mut hasher, value);
        hasher.write_u8(u8::from(claimed));
    }
    write_fields(&mut hasher, &event.properties);
    write_fields(&mut hasher, &event.attributes);
    hasher.finish128().as_u128()
}

fn write(hasher: &mut SipHasher24, text: &str) {
    hasher.write_usize(text.len());
    hasher.write(text.as_bytes());
}

fn write_fields(hasher: &mut SipHasher24, named: &[(Cow<'_, str>, Value<'_>)]) {
    let mut fields: Vec<&(Cow<'_, str>, Value<'_>)> = last_of_each_name(named).collect();
    fields.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    hasher.write_usize(fields.len());
    for (name, value) in fields {
        write(hasher, name);
        let mut values = Vec::new();
        add_values(&mut values, value);
        hasher.write_usize(values.len());
        values.into_iter().for_each(|value| write_value(hasher, value));
    }
}

/// Adds a value, or the values of a list and of the lists in it.
fn add_values<'v, 'a>(values: &mut Vec<&'v Value<'a>>, value: &'v Value<'a>) {
    match value {
        Value::List(list) => list.iter().for_each(|value| add_values(values, value)),
        value => values.push(value),
    }
}

fn write_value(hasher: &mut SipHasher24, value: &Value<'_>) {
    match value {
        Value::Flag(flag) => hasher.write_u8(u8::from(*flag)),
        Value::Number(number) => {
            hasher.write_u8(2);
            // Minus zero is zero.
            hasher.write_u64((number + 0.0).to_bits());
        }
        Value::Text(text) => {
            hasher.write_u8(3);
            write(hasher, text);
        }
        Value::Time(at) => {
            hasher.write_u8(4);
            hasher.write_i64(at.millis());
        }
        Value::Object(fields) => {
            hasher.write_u8(5);
            write_fields(hasher, fields);
        }
        Value::List(_) => unreachable!("the values of a list are written one by one"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Condition;
    use crate::quality::{Check, Quality};

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn event() -> Event<'static> {
        Event::new("purchase", at(0)).id("card", "1").property("amount", 2.0)
    }

    fn unique() -> Quality {
        Quality { rules: vec![QualityRule::new(Target::Event, Check::Unique, Action::Drop)] }
    }

    #[test]
    fn equal_content_in_any_order_is_a_repetition_and_anything_else_is_not() {
        let event = event().id("cookie", "c").property("kind", "a").attribute("age", 1.0);
        let item = |price: f64| Value::from([("price", price.into())]);
        let same = Event::new("purchase", at(0))
            .id("cookie", "c")
            .id("card", "1")
            .id("card", "1")
            .property("kind", "overruled")
            .property("kind", vec![Value::from("a")])
            .property("amount", 2.0)
            .attribute("age", 1.0)
            .message_id("m");
        let others = [
            Event { name: "visit".into(), ..event.clone() },
            Event { at: at(1), ..event.clone() },
            event.clone().utc_offset(0),
            event.clone().id("card", "2"),
            event.clone().claimed_id("mail", "x"),
            event.clone().property("amount", "2"),
            event.clone().property("kind", vec![Value::from("a"), Value::from("a")]),
            event.clone().property("", vec![]),
            event.clone().attribute("age", true),
            Event { attributes: Vec::new(), ..event.clone() }.property("age", 1.0),
            event.clone().property("items", vec![item(1.0), item(2.0)]),
            event.clone().property("items", vec![item(2.0), item(1.0)]),
        ];
        let all: Vec<Event<'_>> = [event.clone(), same].into_iter().chain(others).collect();
        let report = unique().clean(all, at(0)).unwrap().1;
        assert_eq!((report.rules[0].n, report.n_dropped), (1, 1));
        // The one with a message id stays.
        assert_eq!(report.rules[0].examples, [0]);
    }

    #[test]
    fn which_repetition_stays_does_not_depend_on_the_order() {
        let messages = [None, Some("b"), Some("a"), Some("c")];
        let events = messages.map(|id| match id {
            Some(id) => event().message_id(id),
            None => event(),
        });
        for turn in 0..4 {
            let mut turned = events.clone();
            turned.rotate_left(turn);
            let (clean, report) = unique().clean(turned, at(0)).unwrap();
            assert_eq!(clean, [event().message_id("a")]);
            assert_eq!(report.n_dropped, 3);
        }
    }

    #[test]
    fn only_bad_values_are_blanked_and_nothing_overruled_comes_back() {
        let mails = Check::Is(Condition::Contains("@".into()));
        let quality = Quality {
            rules: vec![
                QualityRule::new(Target::Property("amount".into()), Check::Number, Action::Blank),
                QualityRule::new(Target::Attribute("mails".into()), mails, Action::Blank),
                QualityRule::new(Target::Identifier("email".into()), Check::Email, Action::Blank),
            ],
        };
        let nested = Value::List(vec!["a@b".into(), Value::List(vec!["c".into(), "d@e".into()])]);
        let bad = event()
            .property("amount", "12,50")
            .attribute("mails", nested)
            .attribute("other", "c")
            .id("email", "none")
            .id("email", "ann@example.org");
        let (clean, report) = quality.clean([bad.clone(), event()], at(0)).unwrap();
        let good = Event::new("purchase", at(0))
            .id("card", "1")
            .id("email", "ann@example.org")
            .attribute("mails", vec!["a@b".into(), Value::List(vec!["d@e".into()])])
            .attribute("other", "c");
        assert_eq!(clean, [good, event()]);
        assert_eq!((report.n_blanked, report.n_dropped), (3, 0));
    }

    #[test]
    fn rules_judge_what_came_whatever_other_rules_do() {
        let blank =
            QualityRule::new(Target::Property("amount".into()), Check::Number, Action::Blank);
        let required = QualityRule::new(
            Target::Property("amount".into()),
            Check::Is(Condition::Exists),
            Action::Keep,
        );
        let drop = QualityRule::new(Target::Time, Check::NotInFuture, Action::Drop);
        let events = [
            event().property("amount", "x"),
            Event { at: at(5), ..event() }.property("amount", "x"),
        ];
        for rules in [[&blank, &required, &drop], [&drop, &required, &blank]] {
            let quality = Quality { rules: rules.into_iter().cloned().collect() };
            let (clean, report) = quality.clean(events.clone(), at(0)).unwrap();
            assert_eq!(clean.len(), 1);
            let mut n: Vec<usize> = report.rules.iter().map(|of_rule| of_rule.n).collect();
            n.sort_unstable();
            assert_eq!(n, [0, 1, 2], "{report}");
            assert_eq!((report.n_blanked, report.n_dropped), (1, 1), "of what stays");
        }
    }

    #[test]
    fn a_rule_on_one_event_leaves_the_others_alone() {
        let rule = QualityRule {
            on: Some("purchase".into()),
            ..QualityRule::new(
                Target::Property("amount".into()),
                Check::Is(Condition::Exists),
                Action::Keep,
            )
        };
        let events = [Event::new("visit", at(0)), Event::new("purchase", at(0)), event()];
        let report = Quality { rules: vec![rule] }.clean(events, at(0)).unwrap().1;
        assert_eq!((report.rules[0].n, report.rules[0].examples.as_slice()), (1, &[1][..]));
    }
}
