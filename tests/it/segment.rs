//! Calls of the Segment spec, as clients send them and as they should not.

use std::collections::BTreeMap;

use personas::features::{Feature, Measure, Values};
use personas::segment::{Received, receive};
use personas::{Event, FeatureSet, Profiles, Refusal, Rules, Timestamp, Value};
use proptest::prelude::*;
use serde_json::json;

use super::identity::laws::cases;

/// A call of Segment's analytics.js: an order of three lines.
const ORDER: &str = r#"{
    "anonymousId": "507f191e810c19729de860ea", "channel": "client",
    "context": {
        "active": true, "ip": "8.8.8.8", "locale": "en-US", "timezone": "America/New_York",
        "library": {"name": "analytics.js", "version": "next-1.62.0"},
        "userAgent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)",
        "campaign": {"source": "newsletter", "medium": "email", "name": "spring"},
        "page": {"path": "/checkout", "referrer": "", "search": "?step=3", "title": "Caf\u00e9", "url": "https://shop.org/checkout"}
    },
    "event": "Order Completed", "integrations": {"All": true, "Mixpanel": false},
    "messageId": "ajs-next-1700000000000-022bb90c",
    "originalTimestamp": "2023-07-14T22:13:18.900Z",
    "properties": {
        "order_id": "50314b8e", "total": 27.5, "coupon": null, "gift": false, "path": "/own",
        "shipping": {"method": "ups", "address": {"city": "New York"}},
        "tags": ["sale", "summer"],
        "products": [
            {"sku": "G-32", "price": 19, "category": "Games"},
            {"sku": "F-32", "price": 5.5, "category": "Games", "badges": ["new", "hot"]},
            {"price": 3, "sku": "T-1", "brand": {"name": "Tea & Co"}}
        ]
    },
    "receivedAt": "2023-07-14T22:13:20.127Z", "sentAt": "2023-07-14T22:13:19.500Z",
    "timestamp": "2023-07-14T22:13:19.527Z", "type": "track", "userId": "97980cfea0067", "version": 2
}"#;

/// Reads one call of a stored log.
fn read_call(json: &str) -> Result<Event<'_>, Refusal> {
    let mut calls = receive(json, &Received::default());
    match calls.report.refused.pop() {
        Some(refused) => Err(refused.what),
        None => Ok(calls.events.remove(0)),
    }
}

/// What an event says, by name; of a property given twice, both in order.
fn check(json: &str, expected: serde_json::Value) {
    let event = read_call(json).unwrap();
    let pairs = |pairs: &[(std::borrow::Cow<'_, str>, Value<'_>)]| {
        pairs.iter().map(|(name, value)| json!([name, value])).collect::<Vec<_>>()
    };
    let ids: Vec<_> = event.identifiers.iter().map(|id| json!([id.kind, id.value])).collect();
    let said = json!({
        "name": event.name, "at": event.at.to_string(), "offset": event.utc_offset_minutes,
        "ids": ids, "message": event.message_id,
        "properties": pairs(&event.properties), "attributes": pairs(&event.attributes),
    });
    assert_eq!(said, expected, "{said:#}");
}

fn refusal(json: &str) -> Refusal {
    read_call(json).unwrap_err()
}

#[test]
fn an_order_of_segments_browser_client() {
    check(
        ORDER,
        json!({
            "name": "Order Completed", "at": "2023-07-14T22:13:19.527Z", "offset": -240,
            "ids": [["user_id", "97980cfea0067"], ["anonymous_id", "507f191e810c19729de860ea"]],
            "message": "ajs-next-1700000000000-022bb90c",
            "properties": [
                ["locale", "en-US"],
                ["user_agent", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"],
                ["campaign.source", "newsletter"],
                ["campaign.medium", "email"],
                ["campaign.name", "spring"],
                ["path", "/checkout"],
                ["search", "?step=3"],
                ["title", "Café"],
                ["url", "https://shop.org/checkout"],
                ["channel", "client"],
                ["order_id", "50314b8e"],
                ["total", 27.5],
                ["gift", false],
                ["path", "/own"],
                ["shipping.method", "ups"],
                ["shipping.address.city", "New York"],
                ["tags", ["sale", "summer"]],
                ["products", [
                    {"sku": "G-32", "price": 19.0, "category": "Games"},
                    {"sku": "F-32", "price": 5.5, "category": "Games", "badges": ["new", "hot"]},
                    {"price": 3.0, "sku": "T-1", "brand": {"name": "Tea & Co"}}
                ]],
            ],
            "attributes": [],
        }),
    );
}

#[test]
fn a_screen_of_segments_phone_client() {
    check(
        r#"{
            "type": "screen", "name": "Home", "category": "Main", "messageId": "m-2",
            "anonymousId": "3a12eab0", "userId": null, "timestamp": "2023-01-14T08:00:00.5+05:30",
            "context": {
                "app": {"name": "Shop", "version": "5.4", "build": "545", "namespace": "org.shop"},
                "device": {
                    "id": "B5372DB0", "advertisingId": "7A3CBEA0", "adTrackingEnabled": true,
                    "manufacturer": "Apple", "model": "iPhone14,2", "name": "maguro", "type": "ios"
                },
                "location": {"city": "Pune", "country": "India", "region": "MH", "latitude": 18.5},
                "network": {"wifi": true}, "os": {"name": "iOS", "version": "17.1"},
                "screen": {"width": 320, "height": 568}, "timezone": "Asia/Kolkata"
            },
            "properties": {"Feed Type": "private"}
        }"#,
        json!({
            "name": "screen", "at": "2023-01-14T02:30:00.5Z", "offset": 330, "message": "m-2",
            "ids": [["anonymous_id", "3a12eab0"], ["device_id", "B5372DB0"], ["advertising_id", "7A3CBEA0"]],
            "properties": [
                ["app", "Shop"], ["app.version", "5.4"], ["device.manufacturer", "Apple"],
                ["device.model", "iPhone14,2"], ["device", "ios"], ["city", "Pune"],
                ["country", "India"], ["region", "MH"], ["os", "iOS"], ["os.version", "17.1"],
                ["name", "Home"], ["category", "Main"], ["Feed Type", "private"],
            ],
            "attributes": [],
        }),
    );
}

#[test]
fn an_identify_of_rudderstacks_client_with_its_traits_in_the_context() {
    check(
        r#"{
            "channel": "web", "type": "identify", "event": "", "messageId": "r-1", "rudderId": "x",
            "context": {
                "externalIds": [{"type": "card", "id": 4711, "collection": "users", "encoding": "none"}],
                "externalId": [{"type": "brazeExternalId", "id": "b-7"}],
                "sessionId": 1700000000,
                "traits": {
                    "email": "Ann@Shop.org", "age": 41, "vip": true, "interests": ["chess", "tea"],
                    "address": {"city": "Rome", "zip": null}, "createdAt": "2020-02-02"
                }
            },
            "traits": {"age": 42},
            "originalTimestamp": "2022-02-01T19:14:18.381Z", "sentAt": "2022-02-01T19:14:18.999Z",
            "anonymousId": "", "userId": "ann", "integrations": {"All": true}
        }"#,
        json!({
            "name": "identify", "at": "2022-02-01T19:14:18.381Z", "offset": null, "message": "r-1",
            "ids": [["user_id", "ann"], ["email", "Ann@Shop.org"], ["card", "4711"], ["brazeExternalId", "b-7"]],
            "properties": [["session_id", 1_700_000_000.0], ["channel", "web"]],
            "attributes": [
                ["age", 41.0], ["vip", true], ["interests", ["chess", "tea"]],
                ["address.city", "Rome"], ["address.zip", []], ["createdAt", "2020-02-02"], ["age", 42.0],
            ],
        }),
    );
}

#[test]
fn a_page_of_jitsus_client() {
    check(
        r#"{
            "timestamp": "2024-05-01T10:00:00.000Z", "sentAt": "2024-05-01T10:00:00.100Z",
            "messageId": "1qqb1jq9kdr2cwlp", "groupId": null, "userId": null, "anonymousId": "j-1",
            "type": "page", "name": null,
            "context": {
                "timezone": null,
                "library": {"name": "@jitsu/js", "version": "1.9.2", "env": "browser"},
                "page": {"url": "https://shop.org/", "path": "/", "title": "Shop", "host": "shop.org"},
                "clientIds": {"fbp": "fb.1.2"}, "campaign": {}, "screen": {"width": 1},
                "geo": {
                    "country": {"code": "US", "name": "United States", "isEU": false},
                    "region": {"code": "NY"}, "city": {"name": "Buffalo"},
                    "location": {"latitude": 42.9, "longitude": -78.8, "timezone": "America/New_York"}
                }
            },
            "properties": {"title": "Shop", "width": 1440},
            "requestIp": "1.2.3.4", "receivedAt": "2024-05-01T10:00:00.200Z"
        }"#,
        json!({
            "name": "page", "at": "2024-05-01T10:00:00Z", "offset": -240, "message": "1qqb1jq9kdr2cwlp",
            "ids": [["anonymous_id", "j-1"]],
            "properties": [
                ["url", "https://shop.org/"], ["path", "/"], ["title", "Shop"],
                ["country", "US"], ["region", "NY"], ["city", "Buffalo"],
                ["title", "Shop"], ["width", 1440.0],
            ],
            "attributes": [],
        }),
    );
}

#[test]
fn what_a_browser_says_of_its_device_counts_where_nothing_better_is_said() {
    let said = |context: &str| {
        let call = format!(r#"{{"type":"page","timestamp":"2024-05-01","context":{context}}}"#);
        let event = read_call(&call).unwrap();
        // Of a property that is given twice, the last counts.
        ["device", "os"].map(|name| {
            let mut named = event.properties.iter().rev().filter(|(known, _)| known == name);
            named.next().map(|(_, value)| match value {
                Value::Text(text) => text.to_string(),
                other => format!("{other:?}"),
            })
        })
    };
    let check = |data: &str, device: Option<&str>, os: Option<&str>| {
        let expected = [device, os].map(|word| word.map(String::from));
        assert_eq!(said(&format!(r#"{{"userAgentData":{data}}}"#)), expected, "{data}");
    };
    let brands = r#""brands":[{"brand":"Chromium","version":"124"}]"#;
    let mac = format!(r#"{{{brands},"mobile":false,"platform":"macOS"}}"#);
    check(&mac, Some("desktop"), Some("macOS"));
    check(r#"{"platform":"Windows","mobile":false}"#, Some("desktop"), Some("Windows"));
    check(r#"{"platform":"Chrome OS","mobile":false}"#, Some("desktop"), Some("Chrome OS"));
    check(r#"{"platform":"Android","mobile":true}"#, Some("mobile"), Some("Android"));
    check(r#"{"platform":"Android","mobile":false}"#, Some("tablet"), Some("Android"));
    check(r#"{"platform":"Fuchsia","mobile":false}"#, None, Some("Fuchsia"));
    check(r#"{"platform":"Unknown","mobile":true}"#, Some("mobile"), None);
    check(r#"{"platform":"Unknown","mobile":false}"#, None, None);
    check(r#"{"platform":"Linux"}"#, None, Some("Linux"));
    check(r#"{"mobile":false}"#, None, None);
    check(r#"{"platform":"","mobile":"false"}"#, None, None);
    check(r#"{"platform":{"a":1},"mobile":[true]}"#, None, None);
    for none in ["null", "{}", "[]", "true", r#""Windows""#] {
        check(none, None, None);
    }

    // The client's own words, before or after; and nothing of an earlier context.
    let (own, browsers) = (
        r#""os":{"name":"iOS"},"device":{"type":"ios"}"#,
        r#""userAgentData":{"platform":"macOS","mobile":false}"#,
    );
    let expected = ["ios", "iOS"].map(|word| Some(word.to_owned()));
    assert_eq!(said(&format!("{{{own},{browsers}}}")), expected);
    assert_eq!(said(&format!("{{{browsers},{own}}}")), expected);
    assert_eq!(said(&format!(r#"{{{browsers}}},"context":{{}}"#)), [None, None]);
}

#[test]
fn a_group_is_an_attribute_and_its_traits_are_the_groups() {
    check(
        r#"{
            "type": "group", "userId": "7", "groupId": "acme", "timestamp": "2024-05-01T10:00:00Z",
            "traits": {"email": "office@acme.org", "plan": "pro", "size": {"n": 5}},
            "context": {"traits": {"email": "ann@acme.org", "age": 3}, "groupId": "old"}
        }"#,
        json!({
            "name": "group", "at": "2024-05-01T10:00:00Z", "offset": null, "message": null,
            "ids": [["user_id", "7"], ["email", "ann@acme.org"]],
            "properties": [],
            "attributes": [
                ["group.email", "office@acme.org"], ["group.plan", "pro"],
                ["group.size.n", 5.0], ["group_id", "acme"],
            ],
        }),
    );
    let track = r#"{"type":"track","event":"e","userId":7,"timestamp":"2024-05-01",
        "context":{"groupId":"old"},"groupId":"acme"}"#;
    let event = read_call(track).unwrap();
    assert_eq!(event.attributes, [("group_id".into(), Value::from("acme"))]);
}

/// Bodies as the documentation of the events shows them.
#[test]
fn the_features_of_a_shop_read_orders_in_the_words_of_segment_as_they_come() {
    let order = |id: &str, day: u8, money: &str| {
        format!(
            r#"{{"type":"track","event":"Order Completed","userId":"u1","timestamp":"2024-01-0{day}T10:00:00Z",
            "properties":{{"order_id":"{id}",{money}"currency":"EUR","products":[
                {{"product_id":"p1","category":"tea","price":10,"quantity":2}},
                {{"product_id":"p2","category":"cups","price":5}}]}}}}"#
        )
    };
    // Revenue counts before total, and the items where an order has neither.
    let calls = [
        order("o1", 1, r#""revenue":18,"total":23,"discount":2,"#),
        order("o1", 1, r#""revenue":18,"total":23,"discount":2,"#),
        order("o2", 2, r#""total":30,"#),
        order("o3", 3, ""),
    ];
    let batch = format!(r#"{{"batch":[{}]}}"#, calls[1..].join(","));
    let mut people = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
    let report = people.extend_json(batch, &Received::default());
    assert_eq!((report.accepted, report.n_refused()), (3, 0));
    let table = people.features(Timestamp::parse("2024-01-05T10:00:00Z").unwrap()).unwrap();
    let number = |column: &str| match table.column(column).map(|column| &column.values) {
        Some(Values::Numeric(values)) => values[0],
        other => panic!("{column}: {other:?}"),
    };
    assert_eq!(number("frequency"), Some(3.0));
    assert_eq!(number("monetary"), Some(18.0 + 30.0 + 25.0));
    assert_eq!(number("recency_days"), Some(2.0));
    assert_eq!(number("item share of tea"), Some(0.8));
    assert_eq!(number("discount_share"), Some(0.1));
    assert!(table.column("number of Order Completed").is_none());
    assert!(people.unmatched(Timestamp::from_millis(i64::MAX)).unwrap().is_empty());
}

#[test]
fn an_alias_says_who_an_anonymous_id_was() {
    let alias = r#"{"type":"alias","userId":"7","previousId":"a","anonymousId":"b","timestamp":"2024-05-01"}"#;
    let visit =
        |id: &str| format!(r#"{{"type":"page","anonymousId":"{id}","timestamp":"2024-04-01"}}"#);
    let mut people = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
    let ingest = people
        .extend_json([visit("a"), alias.to_owned(), visit("b")].join("\n"), &Received::default());
    assert_eq!((ingest.accepted, people.n_profiles()), (3, 1));
    assert_eq!(people.get(("user_id", "7")).map(|ann| ann.n_events), Some(3));
}

#[test]
fn an_alias_of_a_user_id_makes_one_person_of_two() {
    let track = |user: &str, day: u8| {
        format!(r#"{{"type":"track","event":"a","userId":"{user}","timestamp":"2024-01-0{day}"}}"#)
    };
    let alias = r#"{"type":"alias","userId":"new","previousId":"old","timestamp":"2024-01-02"}"#;
    let calls = [track("old", 1), alias.to_owned(), track("new", 3)];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut people = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
        let lines = order.map(|i| calls[i].clone()).join("\n");
        people.extend_json(lines, &Received::default());
        assert_eq!(people.n_profiles(), 1, "{order:?}");
        assert_eq!(people.get(("user_id", "old")).map(|ann| ann.n_events), Some(3), "{order:?}");
    }
}

#[test]
fn texts_are_borrowed_unless_they_hold_escapes() {
    let json = r#"{"type":"track","event":"e","userId":"a\"b","timestamp":"2024-05-01",
        "properties":{"plain":"x","es\u0063aped":"y\n","n":{"m":"z"}}}"#;
    let event = read_call(json).unwrap();
    let is_in = |text: &str| json.as_bytes().as_ptr_range().contains(&text.as_ptr());
    assert_eq!(event.identifiers[0].value, "a\"b");
    let said: Vec<_> = event
        .properties
        .iter()
        .map(|(name, value)| {
            let Value::Text(text) = value else { panic!("{value:?}") };
            (&**name, is_in(name), &**text, is_in(text))
        })
        .collect();
    assert_eq!(
        said,
        [("plain", true, "x", true), ("escaped", false, "y\n", false), ("n.m", false, "z", true)]
    );
}

#[test]
fn the_time_is_the_best_that_is_there_and_the_offset_is_its_own_or_the_zones() {
    let read = |fields: &str| {
        let json = format!(r#"{{"type":"page","userId":"1",{fields}}}"#);
        let event = read_call(&json).unwrap();
        (event.at.to_string(), event.utc_offset_minutes)
    };
    let at = |text: &str, offset: Option<i16>| (text.to_owned(), offset);
    let received = r#""receivedAt":"2024-01-04""#;
    let only = format!(r#"{{"type":"page","userId":"1",{received}}}"#);
    assert_eq!(refusal(&only), Refusal::NoTime);
    let sent = format!(r#"{received},"sentAt":"2024-01-03T00:00:00+01:00""#);
    assert_eq!(read(&sent), at("2024-01-02T23:00:00Z", Some(60)));
    let original = format!(r#"{sent},"originalTimestamp":"2024-01-02","timestamp":null"#);
    assert_eq!(read(&original), at("2024-01-02T00:00:00Z", None));
    let timestamp = format!(r#"{original},"timestamp":" 2024-01-01T00:00:00.1239Z ""#);
    assert_eq!(read(&timestamp), at("2024-01-01T00:00:00.123Z", None));

    // Winter and summer; the time's own offset; a server's way to write UTC.
    let zoned = |zone: &str, time: &str| {
        read(&format!(r#""context":{{"timezone":{zone}}},"timestamp":"{time}""#)).1
    };
    assert_eq!(zoned(r#""Europe/Rome""#, "2024-01-15T12:00:00Z"), Some(60));
    assert_eq!(zoned(r#""europe/rome""#, "2024-07-15T12:00:00Z"), Some(120));
    assert_eq!(zoned(r#""Europe/Rome""#, "2024-07-15T12:00:00+02:00"), Some(120));
    assert_eq!(zoned(r#""Europe/Rome""#, "2024-07-15T12:00:00[Europe/Rome]"), Some(120));
    // A contradiction.
    assert_eq!(zoned(r#""Europe/Rome""#, "2024-07-15T12:00:00-05:00"), None);
    assert_eq!(zoned(r#""Europe/Rome""#, "2024-07-15T12:00:00+00:00"), Some(120));
    assert_eq!(zoned(r#""UTC""#, "2024-07-15T12:00:00Z"), Some(0));
    let geo = r#""Europe/Rome","geo":{"location":{"timezone":"Asia/Tokyo"}}"#;
    assert_eq!(zoned(geo, "2024-07-15T12:00:00Z"), Some(120));
    let geo = r#"null,"geo":{"location":{"timezone":"Asia/Tokyo"}}"#;
    assert_eq!(zoned(geo, "2024-07-15T12:00:00Z"), Some(540));
    assert_eq!(zoned(geo, "2024-07-15T12:00:00-05:00"), Some(-300));
    for none in [r#""Mars/Olympus""#, r#""""#, "null", "5", "{}", r#""Etc/Unknown""#] {
        assert_eq!(zoned(none, "2024-07-15T12:00:00Z"), None, "{none}");
        assert_eq!(zoned(none, "2024-07-15T12:00:00+00:00"), None, "{none}");
        assert_eq!(zoned(none, "2024-07-15T12:00:00-05:00"), Some(-300), "{none}");
    }
}

#[test]
fn of_a_name_that_is_there_twice_the_last_counts() {
    check(
        r#"{
            "userId": "1", "userId": "2", "type": "page", "type": "track", "event": "e", "event": "f",
            "timestamp": "soon", "timestamp": "2024-05-01",
            "context": {"os": {"name": "gone"}, "device": {"id": "gone"}}, "context": {"locale": "a", "locale": "b"},
            "traits": {"gone": 1}, "traits": {"email": "a@b.org", "email": null, "age": 5},
            "properties": {"gone": 1},
            "properties": {
                "a": 1, "b": {"c": 1, "d": {"e": 1, "e": 2}}, "f": [1], "b": {"g": 3}, "a": null, "b.d": 4, "f": [{"h": 1}]
            }
        }"#,
        json!({
            "name": "f", "at": "2024-05-01T00:00:00Z", "offset": null, "message": null,
            "ids": [["user_id", "2"]],
            "properties": [["locale", "b"], ["b.g", 3.0], ["b.d", 4.0], ["f", [{"h": 1.0}]]],
            "attributes": [["age", 5.0]],
        }),
    );
}

#[test]
fn a_key_that_comes_again_hundreds_of_times_has_its_last_value_and_takes_no_other_with_it() {
    let many: Vec<String> =
        (0..60).map(|i| format!(r#""k{i}": {i}, "o": {{"a{i}": {i}, "b": 1}}"#)).collect();
    let again: Vec<String> = (0..700).map(|i| format!(r#""k7": {i}"#)).collect();
    let json = format!(
        r#"{{"type": "track", "event": "e", "userId": "u", "timestamp": "2024-01-01T00:00:00Z",
            "properties": {{{}, "nothing": null, {}}}}}"#,
        many.join(", "),
        again.join(", ")
    );
    let event = read_call(&json).unwrap();
    let mut names: Vec<&str> = event.properties.iter().map(|(name, _)| &**name).collect();
    let value =
        |name: &str| event.properties.iter().find(|(of, _)| of == name).map(|(_, v)| v.clone());
    assert_eq!(value("k7"), Some(Value::from(699)));
    assert_eq!(
        (value("k8"), value("o.a59"), value("o.a58")),
        (Some(8.into()), Some(59.into()), None)
    );
    names.sort_unstable();
    let n_names = names.len();
    names.dedup();
    assert_eq!((names.len(), n_names), (62, 62));
}

#[test]
fn for_duplicate_keys_in_an_object_of_a_list_the_last_value_wins() {
    let order = r#"{"type":"track","event":"e","userId":"1","timestamp":"2024-05-01",
        "properties":{"products":[{"price":1,"quantity":2,"price":99},{"price":5,"price":null}]}}"#;
    let (name, value) = read_call(order).unwrap().properties.remove(0);
    assert_eq!(name, "products");
    let first = Value::from([("quantity", 2.into()), ("price", 99.into())]);
    assert_eq!(value, Value::List(vec![first]));
    let features = FeatureSet::default()
        .with(Feature::new("spent", Measure::Sum("products.price * products.quantity".into())));
    let mut people = Profiles::new(Rules::default(), features).unwrap();
    people.extend_json(order, &Received::default());
    let table = people.features(people.newest().unwrap()).unwrap();
    assert_eq!(table.column("spent").unwrap().values, Values::Numeric(vec![Some(198.0)]));
}

#[test]
fn an_identifier_is_a_text_or_a_whole_number_that_keeps_its_digits() {
    let received =
        Received { identifiers: [("card".into(), "card".into())].into(), ..Received::default() };
    for (value, expected, n_lost) in [
        ("7", Some("7"), 0),
        ("-7.0", Some("-7"), 0),
        ("9007199254740992.0", Some("9007199254740992"), 0),
        ("\" x\"", Some(" x"), 0),
        ("20240301000000001", Some("20240301000000001"), 0),
        // As floats, different numbers would become one person.
        ("1e300", None, 1),
        ("1e200", None, 1),
        ("1.0000000000000001e17", None, 1),
        ("7.5", None, 1),
        ("true", None, 1),
        ("[\"a\"]", None, 1),
        ("\" \"", None, 0),
        ("null", None, 0),
    ] {
        for part in ["traits", "properties"] {
            let call = format!(
                r#"{{"type":"identify","userId":"1","timestamp":"2024-05-01","{part}":{{"card":{value}}}}}"#
            );
            let calls = receive(&call, &received);
            let event = &calls.events[0];
            let card = event.identifiers.iter().find(|id| id.kind == "card");
            assert_eq!(card.map(|id| &*id.value), expected, "{call}");
            let unread: Vec<_> = calls.report.unread.iter().map(|u| (&*u.what, u.n)).collect();
            assert_eq!(unread, [("card", 1)][..n_lost], "{call}");
            assert!(event.attributes.is_empty() && event.properties.is_empty(), "{call}");
        }
    }
}

#[test]
fn what_keeps_a_call_from_being_an_event_is_said_by_field() {
    let bad = |field: &str| Refusal::BadField { field: field.to_owned() };
    let call = |fields: &str| {
        format!(
            r#"{{"type":"track","event":"e","userId":"ann@shop.org","timestamp":"2024-05-01"{fields}}}"#
        )
    };
    assert!(read_call(&call("")).is_ok());
    for (fields, expected) in [
        (r#","type":"Track""#, Refusal::UnknownType),
        (r#","type":"batch""#, Refusal::UnknownType),
        (r#","type":null"#, Refusal::UnknownType),
        (r#","type":{"type":"track"}"#, Refusal::UnknownType),
        (r#","timestamp":"""#, Refusal::NoTime),
        (r#","timestamp":"ann@shop.org""#, bad("timestamp")),
        (r#","timestamp":1700000000"#, bad("timestamp")),
        (r#","timestamp":"2024-13-01T00:00:00Z""#, bad("timestamp")),
        (r#","timestamp":null,"originalTimestamp":{}"#, bad("originalTimestamp")),
        (r#","event":null"#, bad("event")),
        (r#","event":[" "]"#, bad("event")),
    ] {
        let refusal = refusal(&call(fields));
        assert_eq!(refusal, expected, "{fields}");
        assert!(!refusal.to_string().contains('@'), "{refusal}");
    }
    assert_eq!(refusal(r#"{"type":"page","userId":"1"}"#), Refusal::NoTime);
    assert_eq!(refusal("{}"), Refusal::UnknownType);
}

#[test]
fn a_malformed_field_that_a_call_can_do_without_costs_itself_and_is_counted() {
    for (fields, name) in [
        (r#","timestamp":{},"sentAt":"2024-05-01""#, "timestamp"),
        (r#","sentAt":5"#, "sentAt"),
        (r#","userId":{"id":5}"#, "userId"),
        (r#","userId":1.5"#, "userId"),
        (r#","anonymousId":[]"#, "anonymousId"),
        (r#","anonymousId":true"#, "anonymousId"),
        (r#","messageId":{}"#, "messageId"),
        (r#","channel":{}"#, "channel"),
        (r#","groupId":[]"#, "groupId"),
        (r#","properties":"ann@shop.org""#, "properties"),
        (r#","properties":[5]"#, "properties"),
        (r#","traits":5"#, "traits"),
        (r#","context":false"#, "context"),
        (r#","context":[[]]"#, "context"),
        (r#","context":{"traits":5}"#, "context.traits"),
        (r#","context":{"groupId":{}}"#, "context.groupId"),
        (r#","context":{"device":{"id":{}}}"#, "context.device.id"),
        (
            r#","context":{"device":{"advertisingId":[],"adTrackingEnabled":true}}"#,
            "context.device.advertisingId",
        ),
        (r#","context":{"externalIds":{"card":"5"}}"#, "context.externalIds"),
        (
            r#","context":{"externalIds":[{"id":"5"},{"type":"card","id":"7"}]}"#,
            "context.externalIds",
        ),
        (r#","context":{"externalIds":[{"type":"card","id":{}}]}"#, "context.externalIds"),
        (r#","context":{"externalIds":["5"]}"#, "context.externalIds"),
    ] {
        let call = format!(
            r#"{{"type":"track","event":"e","previousId":"x","timestamp":"2024-05-01","anonymousId":"a"{fields}}}"#
        );
        let calls = receive(&call, &Received::default());
        assert_eq!(calls.events.len(), 1, "{fields}");
        let unread: Vec<_> = calls.report.unread.iter().map(|u| (&*u.what, u.n)).collect();
        assert_eq!(unread, [(name, 1)], "{fields}");
        let has_card = calls.events[0].identifiers.iter().any(|id| id.kind == "card");
        assert_eq!(has_card, fields.contains('7'));
    }
}

#[test]
fn what_says_nothing_is_as_if_it_were_not_there() {
    let bare = r#"{"type":"track","event":"e","userId":"1","timestamp":"2024-05-01"}"#;
    let nothing = r#"{"type":"track","event":"e","userId":"1","timestamp":"2024-05-01",
        "anonymousId":"  ","messageId":"","channel":null,"name":{"not":"of a track"},"category":5,
        "properties":[],"traits":[],"previousId":[1],
        "context":{"device":null,"os":"iOS","page":[],"app":5,"traits":null,"externalIds":[null],
            "externalId":[{"type":"card","id":""},{}],"location":{"city":{},"country":" ","region":[]},
            "geo":{"country":"US"},"locale":null,"device":{"advertisingId":"x","adTrackingEnabled":false}},
        "unknown":[[{"deep":[1e400]}]]}"#;
    assert_eq!(read_call(nothing), read_call(bare));
    let php = r#"{"type":"page","userId":"1","timestamp":"2024-05-01","context":[]}"#;
    assert!(read_call(php).is_ok());
    // That an empty list is there is said; it is no value, but hides that of the context.
    let own = r#"{"type":"page","timestamp":"2024-05-01","context":{"locale":"en"},"properties":{"locale":[null]}}"#;
    let event = read_call(own).unwrap();
    assert_eq!(event.properties[1], ("locale".into(), Value::List(vec![])));
}

#[test]
fn what_is_no_json_says_where_reading_stopped() {
    let at = |json: &str| match refusal(json) {
        Refusal::NotJson { at } => at,
        other => panic!("{other:?}"),
    };
    for nothing in ["", "\u{feff}", " \n\n", "[]", r#"{"batch":[]}"#] {
        assert_eq!(receive(nothing, &Received::default()), Default::default());
    }
    assert_eq!(at(r#"{"type" "#), 6);
    assert_eq!(at("{\"type\": tru }"), 12);
    // A control character in a text: the byte before it.
    assert_eq!(at("{\"a\":\"b\nc\"}"), 6);
    assert_eq!(at("{\"a\":1,}"), 7);
    for other in ["{}{}", "{} x", "{\"a\":\"\0\"}"] {
        assert!(at(other) <= other.len(), "{other}");
    }
    for other in
        ["5", "null", "\"text\"", "[[]]", r#"{"batch":[5]}"#, r#"{"batch":[{"batch":[]}]}"#]
    {
        assert_eq!(refusal(other), Refusal::NotACall, "{other}");
    }
    assert_eq!(refusal("[{}]"), Refusal::UnknownType);
    let bom = format!("\u{feff}{ORDER}");
    assert_eq!(read_call(&bom), read_call(ORDER));
}

#[test]
fn a_value_that_no_computer_can_hold_costs_only_itself() {
    let call = |fields: &str| {
        format!(r#"{{"type":"track","event":"e","userId":"1","timestamp":"2024-05-01"{fields}}}"#)
    };
    // A client that cuts a text in the middle of a character leaves half a surrogate pair.
    let cut = r#""caf\ud83d""#;
    let fields = format!(
        r#","context":{{"page":{{"title":{cut},"url":"u"}}}},"traits":{{"age":1e999,"vip":true}},
            "properties":{{"a":1e999,"b":[1,-1e999,{cut},2],"c":{{"d":{cut}}},"e":5,"\ude00":6}}"#
    );
    let json = call(&fields);
    let event = read_call(&json).unwrap();
    let said: Vec<_> = event.properties.iter().map(|(name, value)| json!([name, value])).collect();
    assert_eq!(
        json!(said),
        json!([["url", "u"], ["b", [1.0, 2.0]], ["e", 5.0], ["\u{fffd}", 6.0]])
    );
    assert_eq!(event.attributes, [("vip".into(), Value::from(true))]);
    // It is counted, where somebody wants it: here, nobody wants the title.
    let mut people = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
    let ingest =
        people.extend_json(format!("{0}\n{0}", json.replace('\n', " ")), &Received::default());
    assert_eq!(
        ingest.to_string(),
        "2 accepted, 0 duplicates, 0 refused; not read: 8 of \"a\", at 1, 2 …; 2 of \"age\", at 1, 2"
    );
    let title = Feature::new("titles", Measure::Distinct("title".into()));
    let mut people = Profiles::new(Rules::default(), [title].into_iter().collect()).unwrap();
    let page = call(&format!(r#","context":{{"page":{{"title":{cut}}}}}"#));
    let unread = people.extend_json(&page, &Received::default()).unread;
    assert_eq!((&*unread[0].what, unread[0].n), ("title", 1));

    // Where a call needs it, it is not what it should be.
    for field in ["event", "timestamp"] {
        for value in [cut, "1e999"] {
            let json = call(&format!(r#","{field}":{value}"#));
            assert_eq!(refusal(&json), Refusal::BadField { field: field.to_owned() });
        }
    }
    assert_eq!(refusal(&call(&format!(r#","type":{cut}"#))), Refusal::UnknownType);
}

#[test]
fn a_call_that_breaks_off_anywhere_is_an_error() {
    let order = ORDER.replace('\n', " ");
    for (end, _) in order.char_indices().skip(1) {
        assert!(matches!(refusal(&order[..end]), Refusal::NotJson { at } if at <= end), "{end}");
    }
}

#[test]
fn what_is_nested_without_end_is_left_out_and_counted() {
    let call = |properties: &str| {
        format!(
            r#"{{"type":"track","event":"e","userId":"1","timestamp":"2024-05-01","properties":{properties}}}"#
        )
    };
    let names = |json: &str| {
        let event = read_call(json).unwrap();
        event.properties.into_iter().map(|(name, _)| name.into_owned()).collect::<Vec<_>>()
    };
    let mut people = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
    let mut left_out = |json: &str| {
        let ingest = people.extend_json(json, &Received::default());
        assert_eq!(ingest.accepted, 1);
        ingest.unread.into_iter().map(|unread| (unread.what, unread.n)).collect::<Vec<_>>()
    };

    // Eight objects within each other are read.
    let deep = |n: usize| format!("{}1{}", r#"{"a":"#.repeat(n), "}".repeat(n));
    assert_eq!(names(&call(&deep(9))), ["a.a.a.a.a.a.a.a.a"]);
    assert_eq!(left_out(&call(&deep(9))), []);
    let (open, close) = (r#"{"a":["#.repeat(50_000), "]}".repeat(50_000));
    for deeper in [deep(10), deep(100_000), format!(r#"{{"a":{open}{close}}}"#)] {
        let json = call(&deeper);
        assert_eq!(left_out(&json), [("a".to_owned(), 1)]);
        assert!(names(&json).len() < 2);
    }
    for field in ["context", "userId", "anything", "traits"] {
        let lists = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let json = format!(r#"{{"type":"page","timestamp":"2024-05-01","{field}":{lists}}}"#);
        let unread = receive(&json, &Received::default()).report.unread;
        assert_eq!(unread.len(), usize::from(field != "anything"));
    }

    let long = format!(r#"{{"{}":{{"b":1,"c":2}}, "d":1}}"#, "x".repeat(300));
    assert_eq!(names(&call(&long)), ["d"]);
    assert_eq!(left_out(&call(&long)), [("x".repeat(300), 2)]);

    let many = |n: usize| {
        let each: Vec<String> = (0..n).map(|i| format!(r#""{i}":{i}"#)).collect();
        format!("{{{}}}", each.join(","))
    };
    assert_eq!(names(&call(&many(1000))).len(), 1000);
    assert_eq!(left_out(&call(&many(1002))), [("1000".to_owned(), 2)]);
    // A list is one value, however many objects and fields it has.
    let list = format!(r#"{{"p":[{},{{"1":5,"new":6}}]}}"#, many(2000));
    assert_eq!(names(&call(&list)), ["p"]);
    assert_eq!(left_out(&call(&list)), []);
    // Within a list, bounds are those of the dotted names of its fields.
    let long = format!(r#"{{"p":[{{"{}":1,"{}":2,"b":3}}]}}"#, "x".repeat(255), "x".repeat(254));
    let json = call(&long);
    let Value::List(rows) = &read_call(&json).unwrap().properties[0].1 else { panic!() };
    assert_eq!(json!(rows), json!([{"x".repeat(254): 2.0, "b": 3.0}]));
    assert_eq!(left_out(&json), [("p".to_owned(), 1)]);
    let rows = format!(r#"{{"p":[{},[[1e999,5]],{{}},null,[]]}}"#, deep(8));
    let json = call(&rows);
    let Value::List(rows) = &read_call(&json).unwrap().properties[0].1 else { panic!() };
    assert_eq!(json!(rows), json!([5.0]));
    assert_eq!(left_out(&json), [("p".to_owned(), 2)]);
}

#[test]
fn whole_numbers_keep_their_digits_whatever_their_length() {
    let read = |digits: &str| {
        let call = format!(
            r#"{{"type":"page","userId":{digits},"timestamp":"2024-05-01","properties":{{"a":{digits},"b":[{digits}]}}}}"#
        );
        let event = read_call(&call).unwrap().into_owned();
        let mut values = event.properties.into_iter().map(|(_, value)| value);
        let (value, list) = (values.next().unwrap(), values.next().unwrap());
        assert_eq!(list, Value::List(vec![value.clone()]));
        assert_eq!(event.identifiers[0].value, digits);
        value
    };
    assert_eq!(read("9007199254740992"), Value::from(9_007_199_254_740_992.0));
    assert_eq!(read("-9007199254740992"), Value::from(-9_007_199_254_740_992.0));
    let long = ["9007199254740993", "-9007199254740993", "18446744073709551615"];
    for digits in long.iter().chain(&["18446744073709551616", "-9223372036854775809"]) {
        assert_eq!(read(digits), Value::from(*digits));
    }
    let digits = "7".repeat(400);
    assert_eq!(read(&digits), Value::from(&*digits));
    // Not whole by the way they are written.
    for (number, expected) in [("1e20", 1e20), ("20240301000000001.0", 20_240_301_000_000_000.0)] {
        let call = format!(
            r#"{{"type":"page","userId":"1","timestamp":"2024-05-01","properties":{{"a":{number}}}}}"#
        );
        assert_eq!(read_call(&call).unwrap().properties[0].1, Value::from(expected));
    }

    // Four orders with numbers of 17 digits are four orders.
    let line = |i: i32| {
        format!(
            r#"{{"type":"track","event":"purchase","userId":"u","timestamp":"2024-03-01","properties":{{"order_id":2024030100000000{i},"amount":10}}}}"#
        )
    };
    let lines: Vec<String> = (1..=4).map(line).collect();
    let mut people = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
    people.extend_json(lines.join("\n"), &Received::default());
    let table = people.features(people.newest().unwrap()).unwrap();
    let Values::Numeric(frequency) = &table.column("frequency").unwrap().values else { panic!() };
    assert_eq!(frequency, &[Some(4.0)]);
}

/// Any JSON.
pub(crate) fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(|n| json!(n)),
        "[a-z@.]{0,4}|\\PC{0,3}|2024-0[1-9]-11".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map("[abc]", inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

/// The names and values of an object, the slow way.
fn flat(name: &str, value: &serde_json::Value, to: &mut BTreeMap<String, serde_json::Value>) {
    match value {
        serde_json::Value::Null => {}
        serde_json::Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| flat(&format!("{name}.{key}"), value, to));
        }
        list if list.is_array() => {
            to.insert(name.to_owned(), row(list).unwrap_or(json!([])));
        }
        plain => to.extend(row(plain).map(|value| (name.to_owned(), value))),
    }
}

/// A value within a list; nothing if it says nothing.
fn row(value: &serde_json::Value) -> Option<serde_json::Value> {
    match value {
        serde_json::Value::Null => None,
        serde_json::Value::Object(fields) => {
            let fields = fields.iter().filter_map(|(key, value)| Some((key.clone(), row(value)?)));
            let fields: serde_json::Map<_, _> = fields.collect();
            (!fields.is_empty()).then(|| fields.into())
        }
        serde_json::Value::Array(values) => {
            let mut rows = Vec::new();
            for value in values.iter().filter_map(row) {
                match value {
                    serde_json::Value::Array(inner) => rows.extend(inner),
                    value => rows.push(value),
                }
            }
            (!rows.is_empty()).then(|| rows.into())
        }
        leaf => Some(match leaf.as_i64() {
            Some(number) => plain(&Value::from(number)),
            None => leaf.clone(),
        }),
    }
}

/// As [`Value`] writes itself, but for long numbers, of which it writes the bits.
fn plain(value: &Value<'_>) -> serde_json::Value {
    match value {
        Value::Number(number) => json!(number),
        Value::List(values) => values.iter().map(plain).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.to_string(), plain(value))).collect()
        }
        _ => json!(value),
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn properties_are_taken_apart_as_the_slow_way_does(
        fields in prop::collection::btree_map("[abc]", any_json(), 0..4),
    ) {
        let mut expected = BTreeMap::new();
        for (name, value) in &fields {
            flat(name, value, &mut expected);
        }
        let call = json!({"type": "page", "timestamp": "2024-05-01", "properties": fields});
        let json = call.to_string();
        let event = read_call(&json).unwrap();
        let n = event.properties.len();
        let got: BTreeMap<String, serde_json::Value> =
            event.properties.iter().map(|(name, value)| (name.to_string(), plain(value))).collect();
        prop_assert_eq!((n, got), (expected.len(), expected));
    }

    #[test]
    fn no_text_makes_the_reader_panic(
        parts in prop::collection::vec(
            prop_oneof![
                "\\PC{0,4}",
                prop::sample::select(vec![
                    "{\"type\":\"page\"", ",\"timestamp\":", "\"2024-05-01\"", "\"properties\":", "\"context\":",
                    "{", "}", "[", "]", ",", ":", "\"", "\\", "\\ud83d", "\\u", "-", "0", "1e999", "99999999999999999999",
                    "null", "true", "\u{feff}", "\n", "\u{0}",
                ])
                .prop_map(str::to_owned),
            ],
            0..20,
        ),
    ) {
        let text = parts.concat();
        let calls = receive(&text, &Received::default());
        for refused in calls.report.refused {
            let Refusal::NotJson { at } = refused.what else { continue };
            prop_assert!(at <= text.len());
        }
        prop_assert!(calls.positions.is_sorted());
    }
}
