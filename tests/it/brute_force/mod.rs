//! Every feature the slow way: from the raw events, and from the words of a feature set as they
//! are written in a configuration file. Shares no code with the crate but its plain data.

mod said;

use std::collections::{BTreeMap, BTreeSet};

use personas::features::{Best, ColumnType, Measure, SessionMeasure, Share};
use personas::{Event, FeatureSet, ProfileId, Timestamp};
use said::{Said, When, amount, day, declared, passes, values};
use serde::Deserialize;

const DAY: i64 = 86_400_000;

/// A value of a column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Number(f64),
    Text(String),
}

/// Columns by name.
pub(crate) type Columns = Vec<(String, Vec<Option<Cell>>)>;

/// A person and the events that are known by the moment, as raw as they came.
pub(crate) struct Person<'e> {
    pub(crate) id: ProfileId,
    events: Vec<&'e Event<'e>>,
}

/// Who is who by merging sets of identifiers until nothing changes; the rows as of a moment.
pub(crate) fn people<'e>(events: &'e [Event<'e>], as_of: Timestamp) -> Vec<Person<'e>> {
    type Group<'e> = (BTreeSet<(String, String)>, Vec<&'e Event<'e>>);
    let mut groups: Vec<Group<'_>> = Vec::new();
    for event in events {
        let ids = event.identifiers.iter().map(|id| (id.kind.to_string(), id.value.to_string()));
        let mut group = (ids.collect::<BTreeSet<_>>(), vec![event]);
        while let Some(touching) = groups.iter().position(|(ids, _)| !ids.is_disjoint(&group.0)) {
            let (ids, events) = groups.remove(touching);
            group.0.extend(ids);
            group.1.extend(events);
        }
        groups.push(group);
    }
    let mut rows = Vec::new();
    for (ids, events) in groups {
        let first_seen = |(kind, value): &(String, String)| {
            let carries = |e: &&&Event<'_>| {
                e.identifiers.iter().any(|id| id.kind == *kind && id.value == *value)
            };
            events.iter().filter(carries).map(|event| event.at).min()
        };
        let strength = |kind: &str| if kind == "email" { 0 } else { 1 };
        let anchor = ids
            .iter()
            .min_by_key(|id| (strength(&id.0), first_seen(id), id.1.clone()))
            .expect("a group has an identifier");
        let id = crate::identity::worlds::profile_id(&anchor.0, &anchor.1);
        let events: Vec<_> = events.into_iter().filter(|event| event.at <= as_of).collect();
        if let Some(first) = events.iter().map(|event| event.at).min() {
            rows.push((first, Person { id, events }));
        }
    }
    rows.sort_by_key(|(first, person)| (*first, person.id));
    rows.into_iter().map(|(_, person)| person).collect()
}

/// A feature as it is written.
#[derive(Deserialize)]
struct Written {
    name: String,
    measure: Measure,
    events: Vec<String>,
    #[serde(default)]
    when: Vec<When>,
    within_days: Option<f64>,
    half_life_days: Option<f64>,
    #[serde(default)]
    optional: bool,
}

/// The same words read as another type.
fn read<T: serde::de::DeserializeOwned>(of: impl serde::Serialize) -> T {
    serde_json::from_value(serde_json::to_value(of).unwrap()).unwrap()
}

/// The events of some person that a feature counts, and how it counts them.
struct Seen<'e> {
    events: Vec<&'e Event<'e>>,
    as_of: Timestamp,
    half_life_days: Option<f64>,
}

impl Written {
    fn seen<'e>(&self, person: &Person<'e>, as_of: Timestamp) -> Seen<'e> {
        let start =
            self.within_days.map(|days| as_of.millis() - (days * DAY as f64).round() as i64);
        // Calls that say who somebody is are not activity; attributes are read of them.
        let is_asked = !self.events.is_empty()
            || self.when.iter().any(|when| when.property == "@event")
            || matches!(self.measure, Measure::Attribute { .. } | Measure::Attributes);
        let counts = |event: &&&Event<'_>| {
            start.is_none_or(|start| event.at.millis() > start)
                && (is_asked || !["alias", "identify"].contains(&&*event.name))
                && passes(event, &self.events, &self.when)
        };
        let events = person.events.iter().filter(counts).copied().collect();
        Seen { events, as_of, half_life_days: self.half_life_days }
    }
}

/// The table of all people's features as of a moment.
pub(crate) fn columns(events: &[Event<'_>], set: &FeatureSet, as_of: Timestamp) -> Columns {
    let people = people(events, as_of);
    let features: Vec<Written> = set.into_iter().map(read).collect();
    let is_one = |measure: &Measure| {
        !matches!(
            measure,
            Measure::TopShares { .. } | Measure::EventCounts { .. } | Measure::Attributes
        )
    };
    let mut taken: BTreeSet<String> =
        features.iter().filter(|f| is_one(&f.measure)).map(|f| f.name.clone()).collect();
    let mut free = |name: String| {
        let others = (2..).map(|n| format!("{name} ({n})"));
        let free = std::iter::once(name.clone()).chain(others).find(|name| !taken.contains(name));
        let free = free.expect("numbers do not end");
        taken.insert(free.clone());
        free
    };
    let mut columns: Columns = Vec::new();
    for feature in &features {
        let rows: Vec<Seen<'_>> = people.iter().map(|p| feature.seen(p, as_of)).collect();
        let new = columns_of(feature, &features, &rows, &columns, &mut free);
        let is_there = |(_, column): &(String, Vec<Option<Cell>>)| {
            !feature.optional || column.iter().any(Option::is_some)
        };
        columns.extend(new.into_iter().filter(is_there));
    }
    columns
}

/// The columns of one feature.
fn columns_of(
    feature: &Written,
    features: &[Written],
    rows: &[Seen<'_>],
    earlier: &Columns,
    free: &mut impl FnMut(String) -> String,
) -> Columns {
    let everything = || rows.iter().flat_map(|row| row.events.iter().copied());
    let name = feature.name.clone();
    let each_row = |f: &dyn Fn(&Seen<'_>) -> Option<Cell>| rows.iter().map(f).collect::<Vec<_>>();
    let numbers = |f: &dyn Fn(&Seen<'_>) -> Option<f64>| each_row(&|row| f(row).map(Cell::Number));
    // A column of numbers if all that is said are, else of texts.
    let typed = |all: Vec<Said>, f: &dyn Fn(&Seen<'_>) -> Option<Said>| {
        if all.iter().all(|said| said.number.is_some()) {
            each_row(&|row| f(row)?.into_number())
        } else {
            each_row(&|row| f(row).map(Said::into_text))
        }
    };
    let column = match &feature.measure {
        Measure::TopShares { property, by, n } => {
            let mut weights: BTreeMap<String, f64> = BTreeMap::new();
            for (value, weight) in everything().flat_map(|e| weighed(e, property, by)) {
                *weights.entry(value).or_default() += weight;
            }
            let mut ranked: Vec<_> = weights.into_iter().filter(|(_, w)| *w > 0.0).collect();
            ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            let top = ranked.into_iter().take(*n).map(|(value, _)| {
                let column = numbers(&|row| row.share(property, &value, by));
                (free(format!("{name} {value}")), column)
            });
            return top.collect();
        }
        Measure::EventCounts { except, n } => {
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            for event in everything().filter(|e| except.iter().all(|other| *other != e.name)) {
                *counts.entry(&event.name).or_default() += 1;
            }
            let mut ranked: Vec<_> = counts.into_iter().collect();
            ranked.sort_by_key(|&(event, count)| (usize::MAX - count, event));
            let top = ranked.into_iter().take(*n).map(|(event, _)| {
                let column = numbers(&|row| {
                    let counted = row.events.iter().filter(|e| e.name == event);
                    Some(counted.map(|e| row.weight(e)).sum())
                });
                (free(format!("{name} {event}")), column)
            });
            return top.collect();
        }
        Measure::Attributes => {
            let asked_for = |name: &str| {
                features.iter().any(|feature| match &feature.measure {
                    Measure::Attribute { name: of, column: ColumnType::Auto }
                    | Measure::Attribute { name: of, column: ColumnType::Number }
                    | Measure::Attribute { name: of, column: ColumnType::Category } => of == name,
                    _ => false,
                })
            };
            let said = |event: &&Event<'_>, name: &str| declared(event, name).flatten().is_some();
            let all: BTreeSet<&str> = everything()
                .flat_map(|e| e.attributes.iter().map(move |(name, _)| (e, name.as_ref())))
                .filter(|(event, name)| said(event, name) && !asked_for(name))
                .map(|(_, name)| name)
                .collect();
            let column = |of: &str| {
                typed(everything().filter_map(|e| declared(e, of).flatten()).collect(), &|row| {
                    row.newest(of)
                })
            };
            return all.into_iter().map(|of| (free(of.to_owned()), column(of))).collect();
        }
        Measure::Attribute { name: of, column: ColumnType::Auto } => {
            typed(everything().filter_map(|e| declared(e, of).flatten()).collect(), &|row| {
                row.newest(of)
            })
        }
        Measure::Attribute { name: of, column: ColumnType::Number } => {
            each_row(&|row| row.newest(of)?.into_number())
        }
        Measure::Attribute { name: of, column: ColumnType::Category } => {
            each_row(&|row| row.newest(of).map(Said::into_text))
        }
        Measure::First { property: p, column: ColumnType::Auto } => {
            typed(everything().flat_map(|e| values(e, p)).collect(), &|row| row.first(p))
        }
        Measure::Last { property: p, column: ColumnType::Auto } => {
            typed(everything().flat_map(|e| values(e, p)).collect(), &|row| row.last(p))
        }
        Measure::First { property: p, column: ColumnType::Number } => {
            each_row(&|row| row.first(p)?.into_number())
        }
        Measure::Last { property: p, column: ColumnType::Number } => {
            each_row(&|row| row.last(p)?.into_number())
        }
        Measure::First { property: p, column: ColumnType::Category } => {
            each_row(&|row| row.first(p).map(Said::into_text))
        }
        Measure::Last { property: p, column: ColumnType::Category } => {
            each_row(&|row| row.last(p).map(Said::into_text))
        }
        Measure::UniqueList(p) => each_row(&|row| {
            let all: BTreeSet<String> = row.texts(p).into_iter().collect();
            let list = all.into_iter().collect::<Vec<_>>().join(", ");
            (!row.texts(p).is_empty()).then_some(Cell::Text(list))
        }),
        Measure::Values(p) => each_row(&|row| Some(Cell::Number(row.texts(p).len() as f64))),
        Measure::MostFrequent(p) => each_row(&|row| {
            let texts = row.texts(p);
            let count = |text: &String| texts.iter().filter(|other| *other == text).count();
            let best = texts.iter().map(count).max()?;
            let value = texts.iter().filter(|text| count(text) == best).min()?;
            let n_events = row.events.iter().filter(|e| !values(e, p).is_empty()).count();
            (n_events > 1).then(|| Cell::Text(value.clone()))
        }),
        Measure::Ratio { of, per } => {
            let pairs = numbers_of(earlier, of).into_iter().zip(numbers_of(earlier, per));
            let divide = |(of, per): (Option<f64>, Option<f64>)| {
                Some(Cell::Number(of? / per.filter(|per| *per != 0.0)?))
            };
            pairs.map(divide).collect()
        }
        Measure::Score { of, n, best } => {
            let column = numbers_of(earlier, of);
            let all: Vec<f64> = column.iter().flatten().copied().collect();
            let score = |value: f64| {
                let worse = all.iter().filter(|other| is_worse(**other, value, *best)).count();
                Cell::Number((1 + n * worse / all.len()) as f64)
            };
            column.into_iter().map(|value| value.map(score)).collect()
        }
        Measure::ScoreFrom { of, borders, best } => {
            let score = |value: f64| {
                let reached = borders.iter().filter(|border| !is_worse(value, **border, *best));
                Cell::Number(1.0 + reached.count() as f64)
            };
            numbers_of(earlier, of).into_iter().map(|value| value.map(score)).collect()
        }
        measure => numbers(&|row| row.number(measure)),
    };
    vec![(name, column)]
}

fn is_worse(one: f64, other: f64, best: Best) -> bool {
    match best {
        Best::Low => one > other,
        Best::High => one < other,
    }
}

fn numbers_of(columns: &Columns, name: &str) -> Vec<Option<f64>> {
    let (_, column) = columns.iter().find(|(known, _)| known == name).expect("it is earlier");
    let number = |cell: &Option<Cell>| match cell {
        Some(Cell::Number(number)) => Some(*number),
        _ => None,
    };
    column.iter().map(number).collect()
}

/// The values of a property with the weight of the event.
fn weighed(event: &Event<'_>, property: &str, by: &Option<String>) -> Vec<(String, f64)> {
    let weight = match by {
        None => Some(1.0),
        Some(by) => amount(event, by),
    };
    match weight.filter(|weight| *weight >= 0.0) {
        Some(weight) => values(event, property).into_iter().map(|v| (v.text, weight)).collect(),
        None => Vec::new(),
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn deviation(values: &[f64]) -> Option<f64> {
    let centre = mean(values)?;
    mean(&values.iter().map(|v| (v - centre).powi(2)).collect::<Vec<_>>()).map(f64::sqrt)
}

impl<'e> Seen<'e> {
    /// 1, or half of it for every half-life.
    fn weight(&self, event: &Event<'_>) -> f64 {
        let age = (self.as_of.millis() - event.at.millis()) as f64 / DAY as f64;
        self.half_life_days.map_or(1.0, |days| 0.5f64.powf(age / days))
    }

    fn texts(&self, property: &str) -> Vec<String> {
        self.events.iter().flat_map(|e| values(e, property)).map(|said| said.text).collect()
    }

    fn numbers(&self, property: &str) -> Vec<f64> {
        self.events.iter().flat_map(|e| values(e, property)).filter_map(|s| s.number).collect()
    }

    /// The smallest that was said at a moment.
    fn at(&self, moment: Timestamp, property: &str) -> Option<Said> {
        let events = self.events.iter().filter(|e| e.at == moment);
        events.flat_map(|e| values(e, property)).min_by(Said::compare)
    }

    fn first(&self, property: &str) -> Option<Said> {
        let has = |e: &&&Event<'_>| !values(e, property).is_empty();
        self.at(self.events.iter().filter(has).map(|e| e.at).min()?, property)
    }

    fn last(&self, property: &str) -> Option<Said> {
        let has = |e: &&&Event<'_>| !values(e, property).is_empty();
        self.at(self.events.iter().filter(has).map(|e| e.at).max()?, property)
    }

    fn newest(&self, attribute: &str) -> Option<Said> {
        let said = |e: &&'e Event<'e>| Some((e.at, declared(e, attribute)?));
        let all: Vec<(Timestamp, Option<Said>)> = self.events.iter().filter_map(said).collect();
        let newest = all.iter().map(|(at, _)| *at).max()?;
        let newest: Vec<Option<Said>> =
            all.into_iter().filter(|(at, _)| *at == newest).map(|(_, v)| v).collect();
        // Numbers before what is gone, and that before texts.
        let number = newest.iter().flatten().filter(|said| said.number.is_some());
        match number.cloned().min_by(Said::compare) {
            None if newest.contains(&None) => None,
            None => newest.into_iter().flatten().min_by(Said::compare),
            number => number,
        }
    }

    fn share(&self, property: &str, value: &str, by: &Option<String>) -> Option<f64> {
        let (mut part, mut whole) = (0.0, 0.0);
        for event in &self.events {
            for (text, weight) in weighed(event, property, by) {
                whole += weight * self.weight(event);
                part += if text == value { weight * self.weight(event) } else { 0.0 };
            }
        }
        (whole > 0.0).then(|| part / whole)
    }

    /// First and last time of every session.
    fn sessions(&self, gap_minutes: f64) -> Vec<(i64, i64)> {
        let mut times: Vec<i64> = self.events.iter().map(|e| e.at.millis()).collect();
        times.sort_unstable();
        let mut sessions: Vec<(i64, i64)> = Vec::new();
        for time in times {
            match sessions.last_mut() {
                Some((_, end)) if ((time - *end) as f64 / 60_000.0) < gap_minutes => *end = time,
                _ => sessions.push((time, time)),
            }
        }
        sessions
    }

    /// A measure that is a number of one person's events.
    fn number(&self, measure: &Measure) -> Option<f64> {
        let days: BTreeSet<i64> = self.events.iter().map(|event| day(event)).collect();
        let first = self.events.iter().map(|e| e.at.millis()).min();
        let last = self.events.iter().map(|e| e.at.millis()).max();
        let in_days = |millis: i64| millis as f64 / DAY as f64;
        let as_of = self.as_of.millis();
        let decayed = |property: &str| {
            let each = |e: &&'e Event<'e>| {
                let weight = self.weight(e);
                let numbers = values(e, property).into_iter().filter_map(|said| said.number);
                numbers.map(move |number| (number * weight, weight)).collect::<Vec<_>>()
            };
            let all: Vec<(f64, f64)> = self.events.iter().flat_map(each).collect();
            (all.iter().map(|(n, _)| n).sum::<f64>(), all.iter().map(|(_, w)| w).sum::<f64>())
        };
        let gaps = |minutes: f64| -> Vec<f64> {
            self.sessions(minutes).windows(2).map(|pair| in_days(pair[1].0 - pair[0].1)).collect()
        };
        match measure {
            Measure::Count => Some(self.events.iter().map(|e| self.weight(e)).sum()),
            Measure::Exists => Some(f64::from(u8::from(!self.events.is_empty()))),
            Measure::Sum(p) => Some(decayed(p).0),
            Measure::Mean(p) => {
                let (sum, weights) = decayed(p);
                (weights > 0.0).then(|| sum / weights)
            }
            Measure::Min(p) => self.numbers(p).into_iter().min_by(f64::total_cmp),
            Measure::Max(p) => self.numbers(p).into_iter().max_by(f64::total_cmp),
            Measure::Std(p) => {
                let values = self.numbers(p);
                deviation(&values).filter(|_| values.len() > 1)
            }
            Measure::Quantile { property, q } => {
                let mut values = self.numbers(property);
                values.sort_by(f64::total_cmp);
                let place = q * (values.len().checked_sub(1)? as f64);
                let (below, part) = (place.floor() as usize, place.fract());
                let above = values.get(below + 1).unwrap_or(&values[below]);
                Some(values[below] * (1.0 - part) + above * part)
            }
            Measure::Distinct(p) => Some(BTreeSet::from_iter(self.texts(p)).len() as f64),
            Measure::Orders(p) => {
                let orders: BTreeSet<String> = self.texts(p).into_iter().collect();
                let without = self.events.iter().filter(|e| values(e, p).is_empty());
                let days = BTreeSet::from_iter(without.map(|event| day(event)));
                Some((orders.len() + days.len()) as f64)
            }
            Measure::RecencyDays => Some(in_days(as_of - last?)),
            Measure::TenureDays => Some(in_days(as_of - first?)),
            Measure::SpanDays => Some(in_days(last? - first?)),
            Measure::FirstTime => first.map(in_days),
            Measure::LastTime => last.map(in_days),
            Measure::ActiveDays => Some(days.len() as f64),
            Measure::GapDays => {
                let days: Vec<i64> = days.into_iter().collect();
                mean(&days.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect::<Vec<_>>())
            }
            Measure::RepeatMean(p) => {
                let mut sums: BTreeMap<i64, f64> = BTreeMap::new();
                for event in &self.events {
                    if let Some(amount) = amount(event, p) {
                        *sums.entry(day(event)).or_default() += amount;
                    }
                }
                sums.remove(days.first()?);
                mean(&sums.into_values().collect::<Vec<_>>())
            }
            Measure::Session { of: SessionMeasure::Count, minutes } => {
                Some(self.sessions(*minutes).len() as f64)
            }
            Measure::Session { of: SessionMeasure::Events, minutes } => {
                let n = self.sessions(*minutes).len();
                (n > 0).then(|| self.events.len() as f64 / n as f64)
            }
            Measure::Session { of: SessionMeasure::Minutes, minutes } => {
                let length = |(start, end): (i64, i64)| (end - start) as f64 / 60_000.0;
                mean(&self.sessions(*minutes).into_iter().map(length).collect::<Vec<_>>())
            }
            Measure::Session { of: SessionMeasure::GapDays, minutes } => mean(&gaps(*minutes)),
            Measure::Session { of: SessionMeasure::GapVariation, minutes } => {
                let gaps = gaps(*minutes);
                let variation = deviation(&gaps).zip(mean(&gaps)).map(|(d, mean)| d / mean);
                variation.filter(|_| gaps.len() > 1)
            }
            Measure::Share(Share::Events(further)) => {
                let further: Filter = read(further);
                let weights = |passing: bool| -> f64 {
                    let counts =
                        |e: &&&Event<'_>| !passing || passes(e, &further.events, &further.when);
                    self.events.iter().filter(counts).map(|e| self.weight(e)).sum()
                };
                (!self.events.is_empty()).then(|| weights(true) / weights(false))
            }
            Measure::Entropy(p) => {
                let texts = self.texts(p);
                let share = |text: &String| {
                    texts.iter().filter(|other| *other == text).count() as f64 / texts.len() as f64
                };
                let bits = |text: &String| -share(text) * share(text).log2();
                let values: BTreeSet<&String> = texts.iter().collect();
                (!texts.is_empty()).then(|| values.into_iter().map(bits).sum())
            }
            Measure::Share(Share::Value { property, value, by }) => self.share(property, value, by),
            Measure::Share(Share::Part { part, rest }) => {
                let both = |e: &&Event<'_>| Some((amount(e, part)?, amount(e, rest)?));
                let usable: Vec<(f64, f64)> = self
                    .events
                    .iter()
                    .filter_map(both)
                    .filter(|(a, b)| *a >= 0.0 && *b >= 0.0)
                    .collect();
                let whole: f64 = usable.iter().map(|(a, b)| a + b).sum();
                (whole > 0.0).then(|| usable.iter().map(|(a, _)| a).sum::<f64>() / whole)
            }
            other => panic!("{other:?} is no number of one person's events"),
        }
    }
}

#[derive(Deserialize)]
struct Filter {
    events: Vec<String>,
    #[serde(default)]
    when: Vec<When>,
}
