//! Lines of JSON in bulk: as one by one, bad lines and all.

use std::collections::BTreeMap;

use personas::profiles::StoreOptions;

use personas::IngestReport;
use personas::features::{Feature, Measure, Values};
use personas::segment::{Received, receive};
use personas::{Event, FeatureSet, Profiles, Refusal, Rules, Timestamp};
use proptest::prelude::*;

use super::identity::laws::cases;
use super::segment::any_json;

#[test]
fn a_feature_that_adds_says_what_it_could_not_read() {
    let features = FeatureSet::default()
        .with(Feature::new("spend", Measure::Sum("amount".into())).on("purchase"))
        .with(Feature::new("colours", Measure::Distinct("colour".into())));
    let line = |amount: &str| {
        format!(
            r#"{{"type":"track","event":"purchase","userId":"1","timestamp":"2024-05-01","properties":{{"amount":{amount},"colour":"red"}}}}"#
        )
    };
    let lines: Vec<String> =
        ["1", "\"12,50\"", "null", "[2, \"x\", true]", "false", "{\"net\": 5}", "\"abc\""]
            .map(line)
            .into();
    let mut people = Profiles::new(Rules::default(), features).unwrap();
    let ingest = people.extend_json(lines.join("\n"), &Received::default());
    assert_eq!(
        ingest.to_string(),
        "7 accepted, 0 duplicates, 0 refused; not read: 5 of \"amount\", at 2, 4, 5 …"
    );
    let table = people.features(people.newest().unwrap()).unwrap();
    let Values::Numeric(spend) = &table.column("spend").unwrap().values else { panic!() };
    assert_eq!(spend, &[Some(3.0)]);
    // The last of a name counts, and only of events that do.
    let event = receive(&lines[1], &Received::default()).events.remove(0);
    let ingest = people.extend([
        &event.clone().property("amount", 5.0),
        &event,
        &Event::new("e", event.at).property("amount", "x"),
    ]);
    let unread: Vec<_> = ingest.unread.iter().map(|u| (&*u.what, u.n, &u.examples[..])).collect();
    assert_eq!(unread, [("amount", 1, &[1][..])]);
}

#[test]
fn contradictory_offsets_are_counted() {
    let line = |time: &str, zone: &str| {
        format!(
            r#"{{"type":"page","userId":"1","timestamp":"{time}","context":{{"timezone":"{zone}"}}}}"#
        )
    };
    let lines = [
        line("2024-07-15T12:00:00-05:00", "Europe/Rome"),
        line("2024-07-15T12:00:00+02:00", "Europe/Rome"),
        line("2024-07-15T12:00:00Z", "Europe/Rome"),
        line("2024-07-15T12:00:00+02:00[Asia/Tokyo]", "none"),
    ];
    let mut people = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
    let ingest = people.extend_json(lines.join("\n"), &Received::default());
    assert_eq!((ingest.accepted, ingest.contradictory_offsets), (4, 2));
    assert_eq!(
        ingest.to_string(),
        "4 accepted, 0 duplicates, 2 contradictory UTC offsets, 0 refused"
    );
}

/// What the slow way accepted, and what reading refused and left out, by line.
struct Slow {
    ingest: IngestReport,
    refused: Vec<(usize, Refusal)>,
    unread: Vec<(usize, String, usize)>,
}

/// The result of the slow way: line by line, then all at once.
fn one_by_one(people: &mut Profiles, text: &[u8]) -> Slow {
    let (mut events, mut lines, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    let mut unread = Vec::new();
    for (line, text) in (1..).zip(text.split(|&byte| byte == b'\n')) {
        let calls = receive(text, &Received::default());
        lines.extend(calls.events.iter().map(|_| line));
        events.extend(calls.events);
        refused.extend(calls.report.refused.into_iter().map(|refused| (line, refused.what)));
        unread.extend(calls.report.unread.into_iter().map(|unread| (line, unread.what, unread.n)));
    }
    let mut ingest = people.extend(&events);
    let examples = ingest.refused.iter_mut().map(|refused| &mut refused.examples);
    let left_out = ingest.unread.iter_mut().map(|unread| &mut unread.examples);
    examples.chain(left_out).flatten().for_each(|position| *position = lines[*position]);
    Slow { ingest, refused, unread }
}

/// What was not read, by name: how many values, and the first three lines.
fn by_name(
    unread: impl IntoIterator<Item = (Vec<usize>, String, usize)>,
) -> BTreeMap<String, (usize, Vec<usize>)> {
    let mut names: BTreeMap<String, (usize, Vec<usize>)> = BTreeMap::new();
    for (lines, name, n) in unread {
        let known = names.entry(name).or_default();
        known.0 += n;
        known.1.extend(lines);
    }
    for (_, lines) in names.values_mut() {
        lines.sort_unstable();
        lines.dedup();
        lines.truncate(3);
    }
    names
}

fn same_as_one_by_one(text: &[u8]) -> Result<(), TestCaseError> {
    let empty = || {
        Profiles::with_options(
            Rules::default(),
            FeatureSet::retail(),
            StoreOptions { dedupe: true, ..StoreOptions::default() },
        )
        .unwrap()
    };
    let (mut slow, mut fast) = (empty(), empty());
    let Slow { mut ingest, refused, unread } = one_by_one(&mut slow, text);
    let mut got = fast.extend_json(text, &Received::default());
    let end = Timestamp::parse("2030-01-01").unwrap();
    prop_assert_eq!(fast.features(end).unwrap(), slow.features(end).unwrap());
    // What was refused, by reason, and what was accepted.
    let mut by_reason: BTreeMap<String, (usize, Vec<usize>)> = BTreeMap::new();
    let reason = |refusal: &Refusal| match refusal {
        Refusal::NotJson { .. } => "no JSON".to_owned(),
        other => other.to_string(),
    };
    for (line, refusal) in &refused {
        let known = by_reason.entry(reason(refusal)).or_default();
        known.0 += 1;
        known.1.push(*line);
    }
    for refused in ingest.refused.drain(..) {
        by_reason.insert(reason(&refused.what), (refused.n, refused.examples));
    }
    by_reason.values_mut().for_each(|(_, lines)| lines.truncate(3));
    let said = got.refused.iter().map(|r| (reason(&r.what), (r.n, r.examples.clone())));
    prop_assert_eq!(said.collect::<BTreeMap<_, _>>(), by_reason);
    prop_assert!(got.refused.is_sorted_by_key(|refused| refused.examples[0]));
    got.refused.clear();
    let of = |all: Vec<personas::event::Counted<String>>| {
        all.into_iter().map(|u| (u.examples, u.what, u.n))
    };
    let unread = unread.into_iter().map(|(line, name, n)| (vec![line], name, n));
    let unread = by_name(unread.chain(of(std::mem::take(&mut ingest.unread))));
    prop_assert_eq!(by_name(of(std::mem::take(&mut got.unread))), unread);
    prop_assert_eq!(got.to_string(), ingest.to_string());
    Ok(())
}

#[test]
fn many_lines_with_bad_ones_among_them_are_as_one_by_one() {
    let pad = "x".repeat(400);
    let mut text = Vec::new();
    for i in 0..6000 {
        let (user, day, amount) = (i % 100, 1 + i % 28, i % 7);
        let line = match i % 11 {
            0 => String::new(),
            1 if i % 3 == 0 => "{broken".to_owned(),
            2 if i % 4 == 0 => format!(r#"{{"type":"page","userId":"{user}"}}"#),
            3 if i % 5 == 0 => format!(r#"{{"type":"page","timestamp":"2024-05-{day:02}"}}"#),
            4 => format!(r#"{{"type":"page","userId":{{}},"timestamp":"2024-05-{day:02}"}}"#),
            5 => format!(r#"{{"type":"x","pad":"{pad}"}}{}"#, "\r"),
            _ => format!(
                r#"{{"type":"track","event":"purchase","userId":"{user}","messageId":"{}","timestamp":"2024-05-{day:02}","properties":{{"amount":{},"category":"{pad}"}}}}"#,
                i / 2,
                if i % 10 == 0 { "\"5,0\"".to_owned() } else { amount.to_string() },
            ),
        };
        text.extend(line.bytes());
        if i == 4000 {
            text.extend(b"\xff");
        }
        text.push(b'\n');
    }
    assert!(text.len() > 1 << 21, "{}", text.len());
    same_as_one_by_one(&text).unwrap();
    // A line longer than a block, without an end.
    text.extend(format!(r#"{{"type":"page","pad":"{}"}}"#, "x".repeat(9 << 20)).bytes());
    same_as_one_by_one(&text).unwrap();
}

/// Any JSON in the places of the spec.
fn any_call() -> impl Strategy<Value = serde_json::Value> {
    let names = [
        "type",
        "event",
        "name",
        "category",
        "userId",
        "anonymousId",
        "previousId",
        "groupId",
        "messageId",
        "channel",
        "timestamp",
        "originalTimestamp",
        "sentAt",
        "context",
        "properties",
        "traits",
        "other",
    ];
    let inner = [
        "device",
        "os",
        "location",
        "geo",
        "page",
        "campaign",
        "traits",
        "externalIds",
        "externalId",
        "timezone",
        "locale",
        "groupId",
        "app",
    ];
    let fields =
        prop::collection::btree_map(prop::sample::select(names.to_vec()), any_json(), 0..8);
    let context =
        prop::collection::btree_map(prop::sample::select(inner.to_vec()), any_json(), 0..6);
    let kinds = ["track", "identify", "page", "screen", "group", "alias"];
    (fields, context, prop::sample::select(kinds.to_vec()), any::<[bool; 3]>()).prop_map(
        |(fields, context, kind, [has_kind, has_time, has_context])| {
            let mut call: serde_json::Map<_, _> =
                fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            if has_kind {
                call.insert("type".into(), kind.into());
            }
            if has_time {
                call.insert("timestamp".into(), "2024-05-01".into());
            }
            if has_context {
                let context = context.into_iter().map(|(name, value)| (name.to_owned(), value));
                call.insert("context".into(), serde_json::Value::Object(context.collect()));
            }
            call.into()
        },
    )
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn nothing_makes_the_reader_panic_and_bulk_is_as_one_by_one(
        calls in prop::collection::vec(any_call(), 1..6),
        cut in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let lines: Vec<String> = calls.iter().map(ToString::to_string).collect();
        let mut text = lines.join("\n").into_bytes();
        same_as_one_by_one(&text)?;
        let place = cut.index(text.len());
        text[place] = byte;
        same_as_one_by_one(&text)?;
        text.truncate(place);
        same_as_one_by_one(&text)?;
    }
}
