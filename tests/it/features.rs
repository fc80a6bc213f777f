//! Features against a brute force over the raw events, written apart.

use std::collections::{BTreeMap, BTreeSet};

use personas::features::{Feature, Measure, Values};
use personas::{Event, FeatureSet, Features, ProfileId, Profiles, Rules, Timestamp, Value};
use proptest::prelude::*;

const DAY: i64 = 86_400_000;
const START: i64 = 1_500_000_000_000;

/// A moment, in quarters of a day.
fn at(quarters: i64) -> Timestamp {
    Timestamp::from_millis(START + quarters * DAY / 4)
}

/// Every measure, on all events and on some.
pub(crate) fn every_measure() -> FeatureSet {
    let department = || "department".to_owned();
    let amount = || Some("amount".to_owned());
    let share = |value: &str, by| {
        let value = value.to_owned();
        Measure::Share { property: department(), value, by }
    };
    let top = |by, n| Measure::TopShares { property: department(), by, n };
    let ratio = |of: &str, per: &str| Measure::Ratio { of: of.into(), per: per.into() };
    let portion = Measure::Portion { part: "discount".into(), rest: "amount".into() };
    [
        Feature::new("count", Measure::Count),
        Feature::new("visits", Measure::Count).on("visit"),
        Feature::new("never", Measure::Count).on("never"),
        Feature::new("sum", Measure::Sum("amount".into())).on("purchase"),
        Feature::new("mean", Measure::Mean("amount".into())),
        Feature::new("min", Measure::Min("amount".into())),
        Feature::new("max", Measure::Max("amount".into())),
        Feature::new("deviation", Measure::Deviation("amount".into())),
        Feature::new("distinct", Measure::Distinct(department())),
        Feature::new("orders", Measure::Orders("order".into())).on("purchase"),
        Feature::new("recency", Measure::RecencyDays).on("purchase"),
        Feature::new("tenure", Measure::TenureDays),
        Feature::new("span", Measure::SpanDays),
        Feature::new("active", Measure::ActiveDays),
        Feature::new("gap", Measure::GapDays),
        Feature::new("share of A", share("A", None)),
        Feature::new("spend in 5", share("5", amount())).on("purchase"),
        Feature::new("top", top(None, 2)),
        Feature::new("share of", top(amount(), 9)).on("purchase"),
        Feature::new("number of", Measure::EventCounts { except: vec!["visit".into()], n: 1 }),
        Feature::new("portion", portion.clone()),
        Feature::new("no portion", portion).on("never").optional(),
        Feature::new("favourite", Measure::MostFrequent(department())),
        Feature::new("age", Measure::Attribute("age".into())),
        Feature::new("age as number", Measure::AttributeNumber("age".into())),
        Feature::new("age as text", Measure::AttributeCategory("age".into())),
        Feature::new("all others", Measure::Attributes),
        Feature::new("mean order", ratio("sum", "orders")),
        Feature::new("orders per gap", ratio("orders", "gap")),
        Feature::new("age per visit", ratio("age", "visits")),
    ]
    .into_iter()
    .collect()
}

/// A value of a brute-force column.
#[derive(Debug, Clone, PartialEq)]
enum Cell {
    Number(f64),
    Text(String),
}

fn text(value: &Value<'_>) -> String {
    match value {
        Value::Number(number) => number.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::Text(text) => text.to_string(),
        _ => unreachable!("no other values are made here"),
    }
}

/// The person's events that a feature sees, as raw as they came.
struct Person<'e> {
    id: ProfileId,
    events: Vec<&'e Event<'e>>,
}

fn property<'e>(event: &'e Event<'e>, name: &str) -> Option<&'e Value<'e>> {
    event.properties.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

fn number(event: &Event<'_>, name: &str) -> Option<f64> {
    match property(event, name)? {
        Value::Number(number) => Some(*number),
        _ => None,
    }
}

fn day(event: &Event<'_>) -> i64 {
    event.at.millis().div_euclid(DAY)
}

/// Who is who by merging sets of identifiers until nothing changes; the rows as of a moment.
fn people<'e>(events: &'e [Event<'e>], as_of: Timestamp) -> Vec<Person<'e>> {
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
        let id = ProfileId::of(&anchor.0, &anchor.1);
        let events: Vec<_> = events.into_iter().filter(|event| event.at <= as_of).collect();
        if let Some(first) = events.iter().map(|event| event.at).min() {
            rows.push((first, Person { id, events }));
        }
    }
    rows.sort_by_key(|(first, person)| (*first, person.id));
    rows.into_iter().map(|(_, person)| person).collect()
}

/// The person's events that a feature counts.
fn seen<'e>(person: &Person<'e>, feature: &Feature) -> Vec<Event<'e>> {
    let counts =
        |event: &&&Event<'_>| feature.filter().event().is_none_or(|name| event.name == name);
    person.events.iter().filter(counts).map(|event| (*event).clone()).collect()
}

type Columns = Vec<(String, Vec<Option<Cell>>)>;

fn brute_force(events: &[Event<'_>], set: &FeatureSet, as_of: Timestamp) -> Columns {
    let people = people(events, as_of);
    let mut columns: Columns = Vec::new();
    for feature in set.features() {
        let everything: Vec<Event<'_>> =
            people.iter().flat_map(|person| seen(person, feature)).collect();
        let name = feature.name().to_owned();
        let mut numbers = |name: String, f: &dyn Fn(&[Event<'_>]) -> Option<f64>| {
            let column =
                people.iter().map(|person| f(&seen(person, feature)).map(Cell::Number)).collect();
            columns.push((name, column));
        };
        match feature.measure() {
            Measure::TopShares { property: p, by, n } => {
                let mut weights: BTreeMap<String, f64> = BTreeMap::new();
                for (value, weight) in everything.iter().filter_map(|e| weighed(e, p, by)) {
                    *weights.entry(value).or_default() += weight;
                }
                let mut ranked: Vec<_> = weights.into_iter().filter(|(_, w)| *w > 0.0).collect();
                ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
                for (value, _) in ranked.into_iter().take(*n) {
                    let column = match format!("{name} {value}") {
                        taken if taken == "share of A" => "share of A (2)".to_owned(),
                        free => free,
                    };
                    numbers(column, &|events| share(events, p, &value, by));
                }
            }
            Measure::EventCounts { except, n } => {
                let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
                for event in everything.iter().filter(|e| except.iter().all(|x| *x != e.name)) {
                    *counts.entry(&event.name).or_default() += 1;
                }
                let mut ranked: Vec<_> = counts.into_iter().collect();
                ranked.sort_by_key(|&(event, count)| (usize::MAX - count, event));
                for (event, _) in ranked.into_iter().take(*n) {
                    numbers(format!("{name} {event}"), &|events| {
                        Some(events.iter().filter(|e| e.name == event).count() as f64)
                    });
                }
            }
            Measure::Attributes => {
                let all = everything.iter().flat_map(|e| &e.attributes).map(|(name, _)| name);
                let names: BTreeSet<_> = all.filter(|name| *name != "age").collect();
                for name in names {
                    columns.push((name.to_string(), declared(&people, feature, name)));
                }
            }
            Measure::Attribute(of) => columns.push((name, declared(&people, feature, of))),
            Measure::AttributeNumber(of) => numbers(name, &|events| match newest(events, of)? {
                Cell::Number(number) => Some(number),
                Cell::Text(_) => None,
            }),
            Measure::AttributeCategory(of) => {
                let cells =
                    people.iter().map(|p| newest(&seen(p, feature), of).map(as_text)).collect();
                columns.push((name, cells));
            }
            Measure::MostFrequent(p) => {
                let favourite = |person: &Person<'_>| {
                    let events = seen(person, feature);
                    let values: Vec<String> =
                        events.iter().filter_map(|e| property(e, p)).map(text).collect();
                    let count = |value: &&String| values.iter().filter(|v| v == value).count();
                    let best = values.iter().map(|v| count(&v)).max()?;
                    let value = values.iter().filter(|v| count(v) == best).min()?;
                    (values.len() > 1).then(|| Cell::Text(value.clone()))
                };
                columns.push((name, people.iter().map(favourite).collect()));
            }
            Measure::Ratio { of, per } => {
                let column = |name: &str| {
                    &columns.iter().find(|(known, _)| known == name).expect("it is earlier").1
                };
                let divide = |(of, per): (&Option<Cell>, &Option<Cell>)| match (of, per) {
                    (Some(Cell::Number(of)), Some(Cell::Number(per))) if *per != 0.0 => {
                        Some(Cell::Number(of / per))
                    }
                    _ => None,
                };
                let cells = column(of).iter().zip(column(per)).map(divide).collect();
                columns.push((name, cells));
            }
            measure => numbers(name, &|events| simple(measure, events, as_of)),
        }
        if columns.last().is_some_and(|(name, _)| name == "no portion") {
            columns.pop();
        }
    }
    columns
}

/// A measure that is a number of one person's events.
fn simple(measure: &Measure, events: &[Event<'_>], as_of: Timestamp) -> Option<f64> {
    let numbers = |p: &str| -> Vec<f64> { events.iter().filter_map(|e| number(e, p)).collect() };
    let mean = |values: &[f64]| {
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let days: BTreeSet<i64> = events.iter().map(day).collect();
    let first = events.iter().map(|e| e.at.millis()).min();
    let last = events.iter().map(|e| e.at.millis()).max();
    let in_days = |millis: i64| millis as f64 / DAY as f64;
    match measure {
        Measure::Count => Some(events.len() as f64),
        Measure::Sum(p) => Some(numbers(p).iter().sum()),
        Measure::Mean(p) => mean(&numbers(p)),
        Measure::Min(p) => numbers(p).into_iter().min_by(f64::total_cmp),
        Measure::Max(p) => numbers(p).into_iter().max_by(f64::total_cmp),
        Measure::Deviation(p) => {
            let values = numbers(p);
            let centre = mean(&values)?;
            let squares: Vec<f64> = values.iter().map(|v| (v - centre).powi(2)).collect();
            mean(&squares).filter(|_| values.len() > 1).map(f64::sqrt)
        }
        Measure::Distinct(p) => {
            let values: BTreeSet<_> =
                events.iter().filter_map(|e| property(e, p)).map(text).collect();
            Some(values.len() as f64)
        }
        Measure::Orders(p) => {
            let order = |e: &Event<'_>| match property(e, p) {
                Some(order) => text(order),
                None => format!("day {}", day(e)),
            };
            Some(events.iter().map(order).collect::<BTreeSet<_>>().len() as f64)
        }
        Measure::RecencyDays => Some(in_days(as_of.millis() - last?)),
        Measure::TenureDays => Some(in_days(as_of.millis() - first?)),
        Measure::SpanDays => Some(in_days(last? - first?)),
        Measure::ActiveDays => Some(days.len() as f64),
        Measure::GapDays => {
            let days: Vec<i64> = days.into_iter().collect();
            mean(&days.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect::<Vec<_>>())
        }
        Measure::Share { property, value, by } => share(events, property, value, by),
        Measure::Portion { part, rest } => {
            let both = |e: &Event<'_>| Some((number(e, part)?, number(e, rest)?));
            let usable: Vec<(f64, f64)> =
                events.iter().filter_map(both).filter(|(a, b)| *a >= 0.0 && *b >= 0.0).collect();
            let whole: f64 = usable.iter().map(|(a, b)| a + b).sum();
            (whole > 0.0).then(|| usable.iter().map(|(a, _)| a).sum::<f64>() / whole)
        }
        other => panic!("{other:?} is not simple"),
    }
}

fn weighed(event: &Event<'_>, p: &str, by: &Option<String>) -> Option<(String, f64)> {
    let weight = by.as_ref().map_or(Some(1.0), |by| number(event, by))?;
    Some((text(property(event, p)?), weight)).filter(|(_, weight)| *weight >= 0.0)
}

fn share(events: &[Event<'_>], p: &str, value: &str, by: &Option<String>) -> Option<f64> {
    let weighed: Vec<_> = events.iter().filter_map(|e| weighed(e, p, by)).collect();
    let whole: f64 = weighed.iter().map(|(_, weight)| weight).sum();
    let part: f64 = weighed.iter().filter(|(v, _)| v == value).map(|(_, w)| w).sum();
    (whole > 0.0).then_some(part / whole)
}

fn newest(events: &[Event<'_>], name: &str) -> Option<Cell> {
    let said: Vec<(Timestamp, &Value<'_>)> = events
        .iter()
        .flat_map(|e| e.attributes.iter().map(move |(known, value)| (e.at, known, value)))
        .filter(|(_, known, _)| *known == name)
        .map(|(at, _, value)| (at, value))
        .collect();
    let last = said.iter().map(|(at, _)| *at).max()?;
    let mut candidates: Vec<Cell> = said
        .into_iter()
        .filter(|(at, _)| *at == last)
        .map(|(_, value)| match value {
            Value::Number(number) => Cell::Number(*number),
            other => Cell::Text(text(other)),
        })
        .collect();
    candidates.sort_by(|a, b| match (a, b) {
        (Cell::Number(a), Cell::Number(b)) => a.total_cmp(b),
        (Cell::Text(a), Cell::Text(b)) => a.cmp(b),
        (Cell::Number(_), Cell::Text(_)) => std::cmp::Ordering::Less,
        (Cell::Text(_), Cell::Number(_)) => std::cmp::Ordering::Greater,
    });
    candidates.into_iter().next()
}

fn as_text(cell: Cell) -> Cell {
    match cell {
        Cell::Number(number) => Cell::Text(number.to_string()),
        text => text,
    }
}

/// The newest values as numbers if all that was ever said are, else as texts.
fn declared(people: &[Person<'_>], feature: &Feature, name: &str) -> Vec<Option<Cell>> {
    let rows: Vec<_> = people.iter().map(|person| seen(person, feature)).collect();
    let said = rows.iter().flatten().flat_map(|event| &event.attributes);
    let mut values = said.filter(|(known, _)| known == name).map(|(_, value)| value);
    let all_numbers = values.all(|value| matches!(value, Value::Number(_)));
    let form = |cell| if all_numbers { cell } else { as_text(cell) };
    rows.iter().map(|events| newest(events, name).map(form)).collect()
}

/// The table as the brute force writes it.
fn cells(table: &Features) -> Columns {
    let column = |values: &Values| match values {
        Values::Numeric(values) => values.iter().map(|v| v.map(Cell::Number)).collect(),
        Values::Categorical(values) => values.iter().map(|v| v.clone().map(Cell::Text)).collect(),
        _ => unreachable!("there are no other columns"),
    };
    table.columns().iter().map(|c| (c.name.clone(), column(&c.values))).collect()
}

fn assert_close(got: &Columns, expected: &Columns) {
    let names =
        |columns: &Columns| columns.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(got), names(expected));
    for ((name, got), (_, expected)) in got.iter().zip(expected) {
        assert_eq!(got.len(), expected.len(), "{name}");
        for (row, pair) in got.iter().zip(expected).enumerate() {
            match pair {
                (Some(Cell::Number(got)), Some(Cell::Number(expected))) => {
                    let tolerance = 1e-9 * expected.abs().max(1.0);
                    assert!((got - expected).abs() <= tolerance, "{name} of row {row}: {pair:?}");
                }
                (got, expected) => assert_eq!(got, expected, "{name} of row {row}"),
            }
        }
    }
}

fn play(events: &[Event<'_>], as_of: Timestamp) -> Features {
    let mut people = Profiles::new(Rules::default(), every_measure()).unwrap();
    let ingest = people.extend(events);
    assert_eq!(ingest.accepted, events.len(), "{ingest}");
    people.features(as_of).unwrap()
}

fn an_event() -> impl Strategy<Value = Event<'static>> {
    let identifiers = (1u8..6, prop::option::of(1u8..6), prop::option::weighted(0.2, 1u8..4));
    let name = prop::sample::select(vec!["purchase", "visit", "identify", "call"]);
    let amount =
        prop::option::weighted(0.8, (-8i32..40).prop_map(|quarters| quarters as f64 / 4.0));
    let discount = prop::option::of(0i32..3);
    let department = prop::option::of(prop::sample::select(vec![
        Value::from("A"),
        Value::from("B"),
        Value::from("5"),
        Value::from(5.0),
        Value::from(true),
    ]));
    let order = prop::option::of(prop::sample::select(vec!["o1", "o2"]));
    let attributes = prop::option::of(prop::sample::select(vec![
        ("age", Value::from(31.0)),
        ("age", Value::from(32.0)),
        ("age", Value::from("32")),
        ("city", Value::from("Rome")),
        ("city", Value::from("Bern")),
        ("count", Value::from(1.5)),
    ]));
    (identifiers, name, 0i64..20, amount, discount, department, order, attributes).prop_map(
        |((card, cookie, email), name, time, amount, discount, department, order, attribute)| {
            let mut event = Event::new(name, at(time)).id("card", card.to_string());
            if let Some(cookie) = cookie.filter(|cookie| *cookie == card) {
                event = event.id("cookie", cookie.to_string());
            }
            if let Some(email) = email {
                event = event.id("email", email.to_string());
            }
            if let Some(amount) = amount {
                event = event.property("amount", amount);
            }
            if let Some(discount) = discount {
                event = event.property("discount", f64::from(discount));
            }
            if let Some(department) = department {
                event = event.property("department", department);
            }
            if let Some(order) = order {
                event = event.property("order", order);
            }
            if let Some((name, value)) = attribute {
                event = event.attribute(name, value);
            }
            event
        },
    )
}

/// Attributes named as a column, as `count` is here, get a number behind.
fn rename(columns: Columns) -> Columns {
    let taken = |name: &str| every_measure().features().iter().any(|f| f.name() == name);
    let mut seen = BTreeSet::new();
    columns
        .into_iter()
        .map(|(name, column)| {
            let again = !seen.insert(name.clone()) && taken(&name);
            (if again { format!("{name} (2)") } else { name }, column)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_measure_equals_a_brute_force_as_of_any_moment(
        events in prop::collection::vec(an_event(), 0..40),
    ) {
        for as_of in [-1, 0, 7, 19, 400].map(at) {
            let table = play(&events, as_of);
            let expected = rename(brute_force(&events, &every_measure(), as_of));
            assert_close(&cells(&table), &expected);
            let ids: Vec<_> = people(&events, as_of).iter().map(|person| person.id).collect();
            prop_assert_eq!(table.ids(), ids.as_slice());
        }
    }

    #[test]
    fn any_order_and_any_batches_give_the_same_table_to_the_bit(
        events in prop::collection::vec(an_event(), 1..40)
            .prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle())),
        cut in 0usize..40,
    ) {
        let (in_order, shuffled) = events;
        let as_of = at(15);
        let bulk = play(&in_order, as_of);
        prop_assert_eq!(&play(&shuffled, as_of), &bulk);

        let mut batches = Profiles::new(Rules::default(), every_measure()).unwrap();
        let (late, early) = shuffled.split_at(cut.min(shuffled.len()));
        let offered = batches.extend(early).accepted + batches.extend(late).accepted;
        prop_assert_eq!(offered, shuffled.len());
        prop_assert_eq!(&batches.features(as_of).unwrap(), &bulk);

        let mut live = Profiles::new(Rules::default(), every_measure()).unwrap();
        for event in &shuffled {
            live.observe(event).unwrap();
            // Reading in between changes nothing.
            live.features(as_of).unwrap();
        }
        prop_assert_eq!(&live.features(as_of).unwrap(), &bulk);
    }

    #[test]
    fn later_events_do_not_change_an_earlier_answer_about_the_same_people(
        events in prop::collection::vec(an_event(), 1..30),
    ) {
        let as_of = at(10);
        // All known people beforehand: later events could still say who is who.
        let known: Vec<_> = events.iter().filter(|event| event.at <= as_of).cloned().collect();
        let mut later = known.clone();
        later.iter_mut().for_each(|event| event.at = at(11));
        let mut people = Profiles::new(Rules::default(), every_measure()).unwrap();
        people.extend(&known);
        let before = people.features(as_of).unwrap();
        people.extend(&later);
        prop_assert_eq!(people.features(as_of).unwrap(), before);
    }

    #[test]
    fn a_settled_row_stands_alone(events in prop::collection::vec(an_event(), 1..30)) {
        let as_of = at(12);
        let mut people = Profiles::new(Rules::default(), every_measure()).unwrap();
        people.extend(&events);
        let open = people.features(as_of).unwrap();
        for settled in [false, true] {
            if settled {
                people.settle(as_of).unwrap();
            }
            let table = people.features(as_of).unwrap();
            prop_assert_eq!(&table, &open);
            for event in &events {
                let id = &event.identifiers[0];
                let profile = people.get(&id.kind, &id.value).unwrap();
                let row = table.ids().iter().position(|known| *known == profile.id());
                let expected = table.select(row.as_slice()).unwrap();
                prop_assert_eq!(profile.features(as_of).unwrap(), expected);
            }
        }
    }

    #[test]
    fn a_message_counts_once_whatever_comes_first(
        events in prop::collection::vec((an_event(), prop::option::weighted(0.8, 0u8..4)), 1..20),
        turn in 0usize..20,
    ) {
        let events: Vec<Event<'_>> = events
            .into_iter()
            .map(|(event, id)| match id {
                Some(id) => event.message_id(id.to_string()),
                None => event,
            })
            .collect();
        let without = events.iter().filter(|event| event.message_id.is_none()).count();
        let ids: BTreeSet<_> = events.iter().filter_map(|event| event.message_id.clone()).collect();
        let play = |events: &[Event<'_>]| {
            let mut people = Profiles::new(Rules::default(), every_measure()).unwrap().dedupe().unwrap();
            let ingest = people.extend(&events[..events.len() / 2]);
            let live = &events[events.len() / 2..];
            let mut accepted = ingest.accepted;
            for event in live {
                accepted += people.extend([event]).accepted;
            }
            assert_eq!(accepted, without + ids.len());
            people.features(at(30)).unwrap()
        };
        let mut turned = events.clone();
        turned.rotate_left(turn % events.len());
        let forward = play(&events);
        prop_assert_eq!(&play(&turned), &forward);
        turned.reverse();
        prop_assert_eq!(&play(&turned), &forward);
        // Sent twice, nothing changes.
        let twice = [events.clone(), events.into_iter().filter(|e| e.message_id.is_some()).collect()];
        prop_assert_eq!(&play(&twice.concat()), &forward);
    }
}
