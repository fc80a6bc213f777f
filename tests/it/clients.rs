//! Bodies in the shape in which real clients post them, each with what it must become.
//!
//! Captured from @segment/analytics-node 3.1, @segment/analytics-next 1.84, @rudderstack/rudder-sdk-node
//! 3.0, @rudderstack/analytics-js 3.34, @jitsu/js 1.11, @customerio/cdp-analytics-node 0.5,
//! segment-analytics-python 2.4, rudder-sdk-python 2.1 and analytics-python 1.4; all values are made up.

use personas::features::{Feature, Measure, Values};
use personas::profiles::StoreOptions;
use personas::segment::{Calls, Received, receive};
use personas::{FeatureSet, IngestReport, Profiles, Refusal, Rules, Timestamp, Value};

/// Five seconds after noon.
fn now() -> Received {
    Received { at: Some(Timestamp::parse("2026-11-01T12:00:05Z").unwrap()), ..Received::default() }
}

fn ids(calls: &Calls<'_>) -> Vec<Vec<String>> {
    let of = |event: &personas::Event<'_>| {
        event.identifiers.iter().map(|id| format!("{}:{}", id.kind, id.value)).collect()
    };
    calls.events.iter().map(of).collect()
}

fn times(calls: &Calls<'_>) -> Vec<String> {
    calls.events.iter().map(|event| event.at.to_string()).collect()
}

fn unread(report: &IngestReport) -> Vec<(&str, usize)> {
    report.unread.iter().map(|unread| (&*unread.what, unread.n)).collect()
}

#[test]
fn a_batch_of_segments_node_client() {
    let body = r#"{"batch":[
        {"timestamp":"2026-11-01T11:59:00.000Z","integrations":{},"traits":{"email":"a@kunden.test","plan":"gold"},"userId":"u1","type":"identify","context":{"library":{"name":"@segment/analytics-node","version":"3.1.0"}},"_metadata":{"nodeVersion":"22"},"messageId":"node-next-1"},
        {"properties":{"amount":2},"event":"A","type":"track","userId":"u1","anonymousId":"a1","timestamp":"2026-11-01T11:59:30.000Z","messageId":"node-next-2"}
    ],"writeKey":"wk","sentAt":"2026-11-01T12:00:00.000Z"}"#;
    let calls = receive(body, &now());
    assert_eq!(
        ids(&calls),
        [vec!["user_id:u1", "email:a@kunden.test"], vec!["user_id:u1", "anonymous_id:a1"]]
    );
    // Their clock is five seconds slow, or the way took five seconds: it cannot be told.
    assert_eq!(times(&calls), ["2026-11-01T11:59:05Z", "2026-11-01T11:59:35Z"]);
    assert_eq!(calls.positions, [1, 2]);
    assert_eq!(calls.report, IngestReport::default());
    let mut people = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
    assert_eq!(people.extend_json(body, &now()).accepted, 2);
    assert_eq!(people.n_profiles(), 1);
}

#[test]
fn segments_browser_posts_single_calls_with_the_type_in_the_path_and_batches() {
    let call = r#"{"timestamp":"2026-11-01T11:59:59.000Z","integrations":{"All":true},"anonymousId":"a1","properties":{"path":"/","url":"https://shop.test/"},"context":{"page":{"path":"/"},"timezone":"Asia/Kolkata","userAgentData":{"mobile":true,"platform":"Android"}},"messageId":"ajs-next-1","writeKey":"wk","userId":null,"sentAt":"2026-11-01T12:00:05.000Z","_metadata":{"bundled":[]}}"#;
    for word in ["page", "p"] {
        let mut received = now();
        received.call = Some(word.into());
        let calls = receive(call, &received);
        assert_eq!(calls.events[0].name, "page");
        assert_eq!(
            (times(&calls), calls.events[0].utc_offset_minutes),
            (vec!["2026-11-01T11:59:59Z".into()], Some(330))
        );
    }
    let mut received = now();
    received.call = Some("batch".into());
    assert_eq!(receive(call, &received).report.refused[0].what, Refusal::UnknownType);
    // The type of the body wins over that of the path.
    received.call = Some("track".into());
    let typed = call.replacen('{', r#"{"type":"page","#, 1);
    assert_eq!(receive(&typed, &received).events[0].name, "page");
}

#[test]
fn rudderstacks_node_client_repeats_times_and_ids_in_every_call() {
    let body = r#"{"batch":[{"userId":"u1","previousId":7,"type":"alias","originalTimestamp":"2026-11-01T11:00:00.000Z","sentAt":"2026-11-01T12:00:05.000Z","messageId":"m1","channel":"server","context":{"library":{}}},
        {"userId":"u1","groupId":7,"traits":{"plan":"team"},"context":{"traits":{"plan":"gold"}},"type":"group","originalTimestamp":"2026-11-01T11:00:01.000Z","messageId":"m2"}],
        "timestamp":"2026-11-01T12:00:04.000Z","sentAt":"2026-11-01T12:00:05.000Z"}"#;
    let calls = receive(body, &now());
    assert_eq!(times(&calls), ["2026-11-01T11:00:00Z", "2026-11-01T11:00:01Z"]);
    assert_eq!(ids(&calls), [vec!["user_id:u1", "previous_id:7"], vec!["user_id:u1"]]);
    // The traits of a group belong to the group, and those of the context to identify.
    let group = [("group.plan".into(), Value::from("team")), ("group_id".into(), Value::from("7"))];
    assert_eq!(calls.events[1].attributes, group);
}

#[test]
fn rudderstacks_browser_writes_null_for_what_a_call_does_not_have() {
    let body = r#"{"type":"identify","event":null,"properties":null,"channel":"web","userId":"u1","anonymousId":"a1","originalTimestamp":"2026-11-01T12:00:00.000Z","sentAt":"2026-11-01T12:00:05.000Z","messageId":"m1","rudderId":"r","integrations":{"All":true},
        "context":{"traits":{"email":"a@kunden.test","plan":"gold"},"timezone":"GMT+0530","sessionId":1700000000,"ua-ch":{"mobile":false}}}"#;
    let calls = receive(body, &now());
    assert_eq!(calls.report, IngestReport::default());
    let event = &calls.events[0];
    assert_eq!(
        (event.utc_offset_minutes, &event.attributes[..]),
        (Some(330), &[("plan".into(), Value::from("gold"))][..])
    );
    for (zone, minutes) in
        [("GMT-0500", Some(-300)), ("GMT+0000", Some(0)), ("+01:00", Some(60)), ("NA", None)]
    {
        let calls = body.replace("GMT+0530", zone);
        assert_eq!(receive(&calls, &now()).events[0].utc_offset_minutes, minutes, "{zone}");
    }
}

#[test]
fn the_python_clients_write_offsets_and_words_that_are_no_json() {
    let body = r#"{"batch":[{"integrations":{},"anonymousId":null,"properties":{"amount":2,"score":NaN,"low":-Infinity,"note":"NaN"},"timestamp":"2026-11-01T12:00:00.123456+00:00","context":{"library":{"name":"analytics-python"}},"userId":"u1","type":"track","event":"A","messageId":"m1"},
        {"type":"track","event":"B","userId":"u1","timestamp":"2026-11-01T12:00:01+00:00","properties":{"high":Infinity}}],"sentAt":"2026-11-01T12:00:05.000000+00:00","writeKey":"wk"}"#;
    let calls = receive(body, &now());
    assert_eq!(times(&calls), ["2026-11-01T12:00:00.123Z", "2026-11-01T12:00:01Z"]);
    assert_eq!(
        calls.events[0].properties,
        [("amount".into(), Value::from(2)), ("note".into(), Value::from("NaN"))]
    );
    assert_eq!(unread(&calls.report), [("score", 2), ("high", 1)]);
    assert!(calls.events.iter().all(|event| event.utc_offset_minutes.is_none()));
    // A line with such a word, and where a broken one stops.
    let lines = "{\"type\":\"page\",\"userId\":\"1\",\"properties\":{\"a\":NaN}}\n{\"a\":NaN,]";
    let calls = receive(lines, &now());
    assert_eq!((calls.events.len(), &calls.positions[..]), (1, &[1][..]));
    assert_eq!(calls.report.refused[0].what, Refusal::NotJson { at: 9 });
}

#[test]
fn jitsus_client_puts_the_group_and_mixed_traits_on_every_call() {
    let body = r#"{"type":"track","event":"A","anonymousId":"a1","userId":"u1","groupId":"g1","timestamp":"2026-11-01T12:00:05.000Z","sentAt":"2026-11-01T12:00:05.000Z","context":{"traits":{"plan":"team","email":"a@kunden.test"},"clientIds":{"fbp":"x"}},"properties":{}}"#;
    let calls = receive(body, &now());
    assert_eq!(ids(&calls), [["user_id:u1", "anonymous_id:a1", "email:a@kunden.test"]]);
    assert_eq!(calls.events[0].attributes, [("group_id".into(), Value::from("g1"))]);
}

#[test]
fn calls_of_a_list_and_of_lines_of_batches_are_read() {
    let call = |id: &str| format!(r#"{{"type":"page","userId":"{id}"}}"#);
    let list = format!("[\n{},\n  5,\n{}]", call("1"), call("2"));
    let calls = receive(&list, &now());
    assert_eq!(
        (ids(&calls), &calls.positions[..]),
        (vec![vec!["user_id:1".to_owned()], vec!["user_id:2".to_owned()]], &[1, 3][..])
    );
    assert_eq!(
        (&calls.report.refused[0].what, &calls.report.refused[0].examples[..]),
        (&Refusal::NotACall, &[2][..])
    );
    let lines = format!(
        "{}\n\n{{\"batch\":[{},{}]}}\n[{}]\n[]\n{{}}",
        call("1"),
        call("2"),
        call("3"),
        call("4")
    );
    let calls = receive(&lines, &now());
    assert_eq!((calls.events.len(), &calls.positions[..]), (4, &[1, 3, 3, 4][..]));
    assert_eq!(
        (&calls.report.refused[0].what, &calls.report.refused[0].examples[..]),
        (&Refusal::UnknownType, &[6][..])
    );
    let mut people = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
    let report = people.extend_json(&lines, &now());
    assert_eq!((report.accepted, report.n_refused(), people.n_profiles()), (4, 1, 4));
}

#[test]
fn a_body_with_a_list_of_calls_is_a_batch_whatever_type_stands_beside_it() {
    let calls = r#"[{"type":"page","userId":"1"},{"type":"track","event":"A","userId":"2","batch":["b7"]},{"batch":[]}]"#;
    for (kind, path) in [
        (r#""batch""#, "batch"),
        (r#""track""#, "track"),
        (r#""identify""#, "batch"),
        ("null", "track"),
        ("7", "b"),
    ] {
        let received = Received { call: Some(path.into()), ..now() };
        for body in [
            format!(r#"{{"type":{kind},"batch":{calls},"userId":"9","event":"B"}}"#),
            format!(r#"{{"batch":{calls},"properties":{{"n":NaN}},"type":{kind}}}"#),
        ] {
            let read = receive(&body, &received);
            assert_eq!(ids(&read), [["user_id:1"], ["user_id:2"]], "{body}");
            assert_eq!(
                (read.report.n_refused(), &read.report.refused[0].what),
                (1, &Refusal::NotACall)
            );
            let mut people = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
            assert_eq!(people.extend_json(&body, &received).accepted, 2);
        }
    }
    // Anything but a list under `batch` says nothing.
    let call =
        r#"{"type":"track","event":"A","userId":"1","batch":"b7","properties":{"batch":[{}]}}"#;
    assert_eq!(receive(call, &now()).events.len(), 1);
    // Nor does an empty list beside the type of a call.
    for list in ["[]", "[ ]"] {
        let call = format!(r#"{{"type":"track","event":"A","userId":"1","batch":{list}}}"#);
        assert_eq!(ids(&receive(&call, &now())), [["user_id:1"]]);
    }
    for body in [r#"{"batch":[]}"#, r#"{"type":"batch","batch":[]}"#] {
        let read = receive(body, &now());
        assert_eq!((read.events.len(), read.report.n_refused()), (0, 0), "{body}");
    }
}

#[test]
fn what_a_batch_says_counts_for_its_calls_unless_they_say_otherwise() {
    let body = r#"{"context":{"locale":"en","device":{"id":"d1"},"timezone":"Europe/Rome"},"batch":[
        {"type":"page","userId":"1","timestamp":"2026-11-01T12:00:00Z"},
        {"type":"page","userId":"2","timestamp":"2026-11-01T12:00:00Z","context":{"locale":"it"}}],"sentAt":"2026-11-01T12:00:05Z"}"#;
    let calls = receive(body, &now());
    assert_eq!(ids(&calls), [["user_id:1", "device_id:d1"], ["user_id:2", "device_id:d1"]]);
    let locale = |i: usize| calls.events[i].properties.last().map(|(_, value)| value.clone());
    assert_eq!((locale(0), locale(1)), (Some("en".into()), Some("it".into())));
    assert_eq!(calls.events[1].utc_offset_minutes, Some(60));
}

#[test]
fn the_traits_of_a_batch_and_of_its_calls_are_joined_name_by_name() {
    let body = r#"{"context":{"traits":{"email":"a@b.org","plan":"x","address":{"city":"Rome","zip":"1"}}},"batch":[
        {"type":"identify","userId":"1","context":{"traits":{"plan":"y","address":{"zip":"2"}}}},
        {"type":"page","userId":"2"},
        {"type":"identify","userId":"3","context":{"traits":{"email":null}}}]}"#;
    let calls = receive(body, &now());
    assert_eq!(
        ids(&calls),
        [vec!["user_id:1", "email:a@b.org"], vec!["user_id:2", "email:a@b.org"], vec!["user_id:3"]]
    );
    let attributes = |i: usize| -> Vec<(&str, &str)> {
        let event = &calls.events[i];
        fn text<'v>(value: &'v Value<'_>) -> &'v str {
            if let Value::Text(text) = value { text } else { "" }
        }
        event.attributes.iter().map(|(name, value)| (&**name, text(value))).collect()
    };
    assert_eq!(attributes(0), [("address.city", "Rome"), ("plan", "y"), ("address.zip", "2")]);
    assert_eq!(attributes(1), []);
    assert_eq!(attributes(2), [("plan", "x"), ("address.city", "Rome"), ("address.zip", "1")]);
    assert!(calls.report.unread.is_empty());
}

#[test]
fn a_batch_does_not_grow_without_end_by_its_context() {
    let ids: Vec<_> = (0..1000).map(|i| format!(r#"{{"type":"a","id":"{i}"}}"#)).collect();
    let batch = |context: &str, call: &str, n_calls: usize| {
        format!(r#"{{"context":{context},"batch":[{}]}}"#, vec![call; n_calls].join(","))
    };
    // A thousand identifiers for each of many calls: at 56 bytes each, 5.6 GB.
    let context = format!(r#"{{"externalIds":[{}]}}"#, ids.join(","));
    let received = Received { call: Some("page".into()), ..now() };
    let body = batch(&context, "{}", 100_000);
    let calls = receive(&body, &received);
    assert_eq!(calls.events.len(), 0);
    let (bytes, limit) = (context.len(), 64 * body.len() / 100_000);
    let refusal = Refusal::ContextTooLong { bytes, limit, n_calls: 100_000 };
    assert_eq!(calls.report.refused[0].what, refusal);
    // For calls as long as clients send them a context of a few thousand bytes is welcome.
    let context = format!(r#"{{"locale":"en","skipped":"{}"}}"#, "x".repeat(4000));
    let call = r#"{"type":"page","userId":"1234","messageId":"d9e6d7a4-8b5c-4bd8-9c4b-0f4a8c4fcd01","timestamp":"2026-11-01T12:00:00Z"}"#;
    let calls = batch(&context, call, 1000);
    assert_eq!(receive(&calls, &received).events.len(), 1000);
    // Beyond the 64 identifiers of an event none is stored twice: the event is refused, the rest counted.
    let context = format!(r#"{{"externalIds":[{}]}}"#, ids[..100].join(","));
    let body = batch(&context, &format!(r#"{{"name":"{}"}}"#, "x".repeat(200)), 3);
    let calls = receive(&body, &received);
    assert_eq!((calls.events[0].identifiers.len(), calls.report.unread[0].n), (65, 3 * 35));
    let mut people = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
    assert_eq!(people.extend_json(&body, &received).n_refused(), 3);
}

#[test]
fn a_long_list_of_calls_is_stored_as_its_calls_are_one_by_one() {
    let call = |i: usize| match i % 10 {
        0 => r#"{"type":"dance"}"#.to_owned(),
        1 => r#"{"type":"page","userId":[]}"#.to_owned(),
        _ => format!(r#"{{"type":"page","userId":"{}","channel":"c{i}"}}"#, i % 7),
    };
    let list: Vec<_> = (0..30_000).map(call).collect();
    let body = format!("[{}]", list.join(","));
    let empty = || Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
    let (mut whole, mut parts) = (empty(), empty());
    let report = whole.extend_json(&body, &now());
    let calls = receive(&body, &now());
    let expected = parts.extend(&calls.events);
    assert_eq!((report.accepted, report.n_refused()), (24_000, 6000));
    assert_eq!((report.accepted, report.unread), (expected.accepted, calls.report.unread));
    let refused: Vec<_> = report.refused.iter().map(|r| (r.n, &r.examples[..])).collect();
    assert_eq!(refused, [(3000, &[1, 11, 21][..]), (3000, &[2, 12, 22])]);
    assert_eq!(whole.state_hash(), parts.state_hash());
}

#[test]
fn a_wrong_clock_is_corrected_by_the_time_of_receipt() {
    let at = |fields: &str, received: &Received| {
        let body = format!(r#"{{"type":"track","event":"A","userId":"u1"{fields}}}"#);
        times(&receive(&body, received)).pop()
    };
    let noon = Some("2026-11-01T12:00:00Z".to_owned());
    for fields in [
        r#","originalTimestamp":"2099-01-01T00:00:00Z","sentAt":"2099-01-01T00:00:05Z""#,
        r#","originalTimestamp":"1970-01-01T00:00:00Z","sentAt":"1970-01-01T00:00:05Z""#,
        r#","timestamp":"1970-01-01T00:00:00Z","sentAt":"1970-01-01T00:00:05Z","receivedAt":"1970-01-01T00:00:06Z""#,
        r#","timestamp":4070908800000,"sentAt":4070908805000"#,
        r#","timestamp":"2026-11-01 12:00:00 UTC""#,
        r#","timestamp":1793534400000"#,
    ] {
        assert_eq!(at(fields, &now()), noon, "{fields}");
    }
    // A call without a time, or with a number that is none, happened when it came.
    let receipt = Some("2026-11-01T12:00:05Z".to_owned());
    for fields in
        ["", r#","timestamp":1793534400"#, r#","timestamp":"soon""#, r#","timestamp":null"#]
    {
        assert_eq!(at(fields, &now()), receipt, "{fields}");
    }
    // A log that a trusted server stored says when each call came.
    let stored = r#","originalTimestamp":"2099-01-01T00:00:00Z","sentAt":"2099-01-01T00:00:05Z","receivedAt":"2026-11-01T12:00:05Z""#;
    let mut trusting = Received::default();
    assert_eq!(at(stored, &trusting), Some("2099-01-01T00:00:00Z".to_owned()));
    trusting.trust_received_at = true;
    assert_eq!(at(stored, &trusting), noon);
}

#[test]
fn a_batch_that_a_client_sends_again_is_the_same_calls_with_their_first_times() {
    // As @segment/analytics-node 3.1 posts it, and again after it got a 503: the times of its calls stay,
    // and `sentAt` is that of each try.
    let body = |sent: &str| {
        format!(
            r#"{{"batch":[{{"timestamp":"2026-11-01T11:59:10.340Z","integrations":{{}},"event":"Page Seen","type":"track","properties":{{"page":"/tea"}},"context":{{"library":{{"name":"@segment/analytics-node","version":"3.1.0"}}}},"anonymousId":"a1","messageId":"node-next-1","_metadata":{{"nodeVersion":"v20.20.2","jsRuntime":"node"}}}},
            {{"timestamp":"2026-11-01T11:59:10.341Z","integrations":{{}},"type":"identify","userId":"u1","traits":{{"email":"a@kunden.test","tags":["a","b"],"address":{{"city":"Köln"}}}},"context":{{}},"anonymousId":"a1","messageId":"node-next-2","_metadata":{{}}}}],
            "writeKey":"wk","sentAt":"{sent}"}}"#
        )
    };
    let received =
        |at: &str| Received { at: Some(Timestamp::parse(at).unwrap()), ..Received::default() };
    // The way took 20 ms, then 12 ms.
    let tries = [
        ("2026-11-01T11:59:10.400Z", "2026-11-01T11:59:10.420Z"),
        ("2026-11-01T11:59:11.900Z", "2026-11-01T11:59:11.912Z"),
    ];
    for order in [[0, 1], [1, 0]] {
        let options = StoreOptions { dedupe: true, ..StoreOptions::default() };
        let mut people =
            Profiles::with_options(Rules::default(), FeatureSet::retail(), options).unwrap();
        let [first, again] = order.map(|i| {
            let (sent, at) = tries[i];
            people.extend_json(&*body(sent), &received(at))
        });
        assert_eq!((first.accepted, first.duplicates), (2, 0));
        assert_eq!((again.accepted, again.duplicates, again.differing), (0, 2, 0));
        let user = people.get(("user_id", "u1")).unwrap();
        let until = Timestamp::parse("2026-11-02").unwrap();
        let times: Vec<String> = user.timeline(until).map(|event| event.at.to_string()).collect();
        assert_eq!(times, ["2026-11-01T11:59:10.352Z", "2026-11-01T11:59:10.353Z"]);
        assert!(user.export(until).unwrap().copies.is_empty());
    }
}

#[test]
fn without_a_time_of_sending_a_wrong_clock_is_believed() {
    // As @customerio/cdp-analytics-node 0.5 posts it: there is nothing to correct it by.
    let body = r#"{"batch":[{"timestamp":"2036-11-01T12:00:00.000Z","integrations":{},"event":"A","type":"track","properties":{},"context":{},"userId":"u1","messageId":"node-next-1","_metadata":{}}]}"#;
    assert_eq!(times(&receive(body, &now())), ["2036-11-01T12:00:00Z"]);
    let mut people = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
    assert_eq!(people.extend_json(body, &now()).accepted, 1);
    assert_eq!(people.get(("user_id", "u1")).map(|user| user.n_events), Some(1));
}

#[test]
fn identifiers_and_numbers_are_read_where_the_caller_says_so() {
    let body = r#"{"type":"track","event":"A","anonymousId":"a1","context":{"traits":{"loyalty_no":"c-9"}},
        "properties":{"email":"friend@kunden.test","card":4711,"revenue":"12,50","order_id":"12","products":[{"price":"3.5","sku":"7"}]}}"#;
    let plain = receive(body, &now());
    assert_eq!(ids(&plain), [["anonymous_id:a1"]]);
    assert_eq!(plain.events[0].properties[2].1, Value::from("12,50"));
    let mut received = now();
    received.identifiers.insert("loyalty_no".into(), "loyalty".into());
    received.identifiers.insert("card".into(), "card".into());
    received.numbers.extend(["revenue".into(), "products.price".into()]);
    let calls = receive(body, &received);
    assert_eq!(ids(&calls), [["anonymous_id:a1", "card:4711", "loyalty:c-9"]]);
    let product = Value::from([("price", 3.5.into()), ("sku", "7".into())]);
    let expected = [
        ("email".into(), "friend@kunden.test".into()),
        ("revenue".into(), 12.5.into()),
        ("order_id".into(), "12".into()),
        ("products".into(), Value::List(vec![product])),
    ];
    assert_eq!(calls.events[0].properties, expected);
    // Into a store, also where no feature reads the property.
    let mut people = Profiles::new(Rules::default(), FeatureSet::default()).unwrap();
    people.extend_json(body, &received);
    assert!(people.get(("loyalty", "c-9")).is_some());
}

#[test]
fn accounts_join_nobody_and_a_big_trait_loses_no_login() {
    let body = r#"[
        {"type":"page","anonymousId":"a1","context":{"externalIds":[{"id":"acme-7","type":"account_no","collection":"accounts","encoding":"none"}]}},
        {"type":"page","anonymousId":"a2","context":{"externalIds":[{"id":"acme-7","type":"account_no","collection":"accounts","encoding":"none"},{"id":"c1","type":"card","collection":"users","encoding":"none"}]}},
        {"type":"identify","userId":"u1","anonymousId":"a3","traits":{"discordId":1300000000000000000}},
        {"type":"page","anonymousId":"a4","context":{"device":{"advertisingId":"ad1"}}},
        {"type":"page","anonymousId":"a5","context":{"device":{"advertisingId":"ad1"}}}
    ]"#;
    let mut people = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
    let report = people.extend_json(body, &now());
    assert_eq!((report.accepted, people.n_profiles()), (5, 5));
    assert!(people.get(("user_id", "u1")).is_some_and(|who| who.identifiers().len() == 2));
    let traits = &receive(body, &now()).events[2].attributes;
    assert_eq!(traits[..], [("discordId".into(), Value::from("1300000000000000000"))]);
}

#[test]
fn stale_traits_of_a_browser_do_not_overwrite_those_of_identify() {
    let features = FeatureSet::default().with(Feature::new(
        "plan",
        Measure::Attribute { name: "plan".into(), column: Default::default() },
    ));
    let plan = |calls: &[&str]| {
        let mut people = Profiles::new(Rules::default(), features.clone()).unwrap();
        assert_eq!(
            people.extend_json(calls.join("\n"), &Received::default()).accepted,
            calls.len()
        );
        let table = people.features(people.newest().unwrap()).unwrap();
        let Values::Categorical(plans) = &table.column("plan").unwrap().values else { panic!() };
        plans[0].clone()
    };
    let identify = r#"{"type":"identify","userId":"u1","timestamp":"2026-11-01T12:00:00Z","traits":{"plan":"gold"}}"#;
    let track = r#"{"type":"track","event":"A","userId":"u1","timestamp":"2026-11-01T12:00:01Z","context":{"traits":{"plan":"free"}}}"#;
    assert_eq!(plan(&[identify, track]).as_deref(), Some("gold"));
    // Null, which says that a trait is gone, is handed on as an empty list.
    let null = identify.replace("\"gold\"", "null");
    let attributes = &receive(&null, &Received::default()).events[0].attributes;
    assert_eq!(attributes[..], [("plan".into(), Value::List(Vec::new()))]);
}
