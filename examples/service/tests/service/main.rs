//! The service as its clients see it: what they post, what they read, and what a kill leaves.

#![allow(clippy::unwrap_used)]

mod load;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

const WRITE: &str = "Authorization: Basic c2VjcmV0Og==\r\n";
const READ: &str = "Authorization: Basic cmVhZGVyOg==\r\n";

/// A running service; killed when it is dropped.
struct Running {
    child: Child,
    address: String,
}

impl Running {
    fn start(folder: &Path) -> Self {
        Self::start_with(folder, "secret")
    }

    fn start_with(folder: &Path, write_key: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_personas-service"))
            .arg(folder)
            .arg("127.0.0.1:0")
            .env("WRITE_KEY", write_key)
            .env("READ_KEY", "reader")
            .env("PROFILE_KEY", "000102030405060708090a0b0c0d0e0f")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Self { child, address }
    }

    fn send(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Option<(u16, Value)> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(body).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let status = answer.split(' ').nth(1)?.parse().ok()?;
        let body = answer.split_once("\r\n\r\n")?.1;
        Some((status, serde_json::from_str(body).unwrap_or_default()))
    }

    /// With the write key as the clients send it, `secret:`, for calls; else with the read key.
    fn ask(&self, method: &str, path: &str, body: &str) -> Option<(u16, Value)> {
        let key = if method == "POST" { WRITE } else { READ };
        self.send(method, path, key, body.as_bytes())
    }

    fn signal(&mut self, name: &str) {
        Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

fn call(user: &str, message: usize) -> Value {
    json!({"type": "track", "event": "Order Completed", "userId": user, "messageId": format!("m{message}"),
        "timestamp": "2024-05-01T12:00:00Z", "properties": {"revenue": 2.5}})
}

#[test]
fn calls_go_in_and_profiles_come_out() {
    let service = Running::start(&folder("calls"));
    let one = call("u1", 1);
    assert_eq!(service.send("POST", "/v1/track", "", one.to_string().as_bytes()).unwrap().0, 401);
    let wrong = "Authorization: Basic eDo=\r\n";
    assert_eq!(service.send("POST", "/v1/track", wrong, b"{}").unwrap().0, 401);
    assert_eq!(service.ask("POST", "/v1/track", "{").unwrap().0, 400);

    let batch = json!({"batch": [one, call("u1", 2)], "writeKey": "secret"}).to_string();
    // A client may pack a body in parts.
    let packed = batch.as_bytes().chunks(100).flat_map(|part| {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(part).unwrap();
        packed.finish().unwrap()
    });
    let packed: Vec<u8> = packed.collect();
    let headers = "Content-Encoding: gzip\r\n";
    let (status, answer) = service.send("POST", "/v1/batch", headers, &packed).unwrap();
    assert_eq!((status, &answer["success"]), (200, &json!(true)));
    let identify =
        r#"{"userId":"u1","anonymousId":"a1","traits":{"email":"a@kunden.test","plan":"pro"}}"#;
    assert_eq!(service.ask("POST", "/v1/identify", identify).unwrap().0, 200);
    assert_eq!(service.ask("POST", "/v1/track", &call("u1", 2).to_string()).unwrap().0, 200);

    let read = |path: &str| service.ask("GET", &format!("/v1/profiles/{path}"), "").unwrap();
    let (_, traits) = read("user_id:u1/traits");
    assert_eq!(
        (&traits["traits"]["orders"], &traits["traits"]["revenue"]),
        (&json!(2.0), &json!(5.0))
    );
    let (_, ids) = read("email:a@kunden.test/external_ids");
    assert_eq!(ids["data"].as_array().unwrap().len(), 3);
    let (_, events) = read("user_id:u1/events?limit=1");
    assert_eq!(events["data"][0]["event"], json!("identify"));
    let next = events["cursor"]["next"].as_str().unwrap();
    let (_, rest) = read(&format!("user_id:u1/events?limit=2&next={next}"));
    assert_eq!(
        (rest["data"].as_array().unwrap().len(), &rest["cursor"]["has_more"]),
        (2, &json!(false))
    );
    let (_, all) = read("user_id:u1/all");
    assert_eq!(all["events"].as_array().unwrap().len(), 3);
    assert_eq!(all["traits"]["plan"], json!("pro"));
    assert_eq!(all["identifiers"].as_array().unwrap().len(), 3);
    let (_, old) = read("anonymous_id:a1/metadata");
    let id = old["metadata"]["id"].as_str().unwrap();
    assert_eq!(read(&format!("{id}/metadata")).1, old);
    assert_eq!(read("user_id:u1/events?limit=0").1["data"].as_array().unwrap().len(), 1);
    for wrong in ["next=soon", "limit=many"] {
        let (status, body) = read(&format!("user_id:u1/events?{wrong}"));
        assert_eq!((status, &body["code"]), (400, &json!("invalid_request")));
        assert_eq!(read(&format!("user_id:u1/traits?{wrong}")).0, 200);
    }
    assert_eq!(read("user_id:u2/traits").0, 404);
    let (_, dry) = service.ask("DELETE", "/v1/profiles/user_id:u1?dry_run=true", "").unwrap();
    assert_eq!(dry["events"], json!(4));
    assert_eq!(read("user_id:u1/traits").0, 200);
    assert_eq!(service.ask("DELETE", "/v1/profiles/user_id:u1", "").unwrap().0, 200);
    assert_eq!(read("user_id:u1/traits").0, 410);
}

#[test]
fn events_that_arrive_between_two_pages_neither_repeat_nor_hide_others() {
    let service = Running::start(&folder("pages"));
    let track = |name: &str, second: u32| {
        let at = format!("2024-05-01T12:00:{second:02}Z");
        let call = json!({"event": name, "userId": "u1", "timestamp": at}).to_string();
        assert_eq!(service.ask("POST", "/v1/track", &call).unwrap().0, 200);
    };
    for (name, second) in
        [("a", 10), ("b", 20), ("c", 30), ("d", 30), ("e", 30), ("f", 40), ("g", 50)]
    {
        track(name, second);
    }
    let page = |next: &str| {
        let path = format!("/v1/profiles/user_id:u1/events?limit=2&next={next}");
        let (_, page) = service.ask("GET", &path, "").unwrap();
        let names = page["data"].as_array().unwrap().iter();
        let names: Vec<String> = names.map(|e| e["event"].as_str().unwrap().to_owned()).collect();
        (names, page["cursor"]["next"].as_str().unwrap().to_owned())
    };
    let (first, next) = page("");
    assert_eq!(first, ["g", "f"]);
    // Newer than what was shown, at one of its moments, between, and later than the event they stand before.
    for (name, second) in [("new", 59), ("at f", 40), ("between", 45), ("late", 35)] {
        track(name, second);
    }
    let (second, next) = page(&next);
    // All of a moment, since the events of a moment have no order that lasts.
    assert_eq!(second, ["late", "e", "d", "c"]);
    track("at c", 30);
    track("last", 5);
    let (third, next) = page(&next);
    assert_eq!(third, ["b", "a"]);
    assert_eq!(page(&next), (vec!["last".to_owned()], String::new()));
}

#[test]
fn no_call_is_lost_after_its_200_and_nobody_forgotten_comes_back() {
    kill_again_and_again("kills", 12);
}

#[test]
#[ignore = "takes a minute or two"]
fn no_call_is_lost_in_a_hundred_kills() {
    kill_again_and_again("a-hundred-kills", 100);
}

fn kill_again_and_again(name: &str, n_rounds: u64) {
    let folder = folder(name);
    let (mut acknowledged, mut sent) = (0, 0);
    for round in 0..n_rounds {
        let mut service = Running::start(&folder);
        if round == 0 {
            service.ask("POST", "/v1/track", &call("gone", 1_000_000).to_string()).unwrap();
            service.ask("DELETE", "/v1/profiles/user_id:gone", "").unwrap();
        }
        // Killed while a client sends, after a number of calls that differs; twice it ends by itself.
        let pid = service.child.id().to_string();
        let killer = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(
                5 + 17 * (round % 12) + round / 12,
            ));
            let signal = if round % 5 == 4 { "-TERM" } else { "-KILL" };
            Command::new("kill").args([signal, &pid]).status().unwrap();
        });
        for _ in 0..200 {
            sent += 1;
            match service.ask("POST", "/v1/track", &call("u1", sent).to_string()) {
                Some((200, _)) => acknowledged += 1,
                _ => break,
            }
        }
        killer.join().unwrap();
        service.child.wait().unwrap();
    }
    let mut service = Running::start(&folder);
    let n = |service: &Running| {
        let (_, answer) = service.ask("GET", "/v1/profiles/user_id:u1/metadata", "").unwrap();
        answer["metadata"]["n_events"].as_u64().unwrap() as usize
    };
    assert!((acknowledged..=sent).contains(&n(&service)), "{acknowledged} {} {sent}", n(&service));
    service.ask("POST", "/v1/track", &call("gone", 1_000_000).to_string()).unwrap();
    let before = n(&service);
    service.signal("-TERM");
    let service = Running::start(&folder);
    assert_eq!(n(&service), before);
    assert_eq!(service.ask("GET", "/v1/profiles/user_id:gone/traits", "").unwrap().0, 410);
}

#[test]
fn after_a_snapshot_only_changes_are_written_and_a_restart_finds_both() {
    let folder = folder("only-changes");
    let calls: Vec<Value> = (0..200).map(|i| call(&format!("u{i}"), i)).collect();
    let mut service = Running::start(&folder);
    service.ask("POST", "/v1/batch", &json!({"batch": calls}).to_string()).unwrap();
    service.signal("-TERM");
    // The changes are now larger than the first snapshot, of nobody: a whole one follows, and then changes.
    for message in [1000, 1001] {
        let mut service = Running::start(&folder);
        service.ask("POST", "/v1/track", &call("u1", message).to_string()).unwrap();
        service.signal("-TERM");
    }
    let files = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap());
    let size = |name: &str, file: &std::fs::DirEntry| {
        let is_named = file.file_name().to_str().unwrap().starts_with(name);
        is_named.then(|| file.metadata().unwrap().len())
    };
    let files: Vec<_> = files.collect();
    let size = |name: &str| files.iter().find_map(|file| size(name, file)).unwrap();
    assert!(10 * size("changes") < size("snapshot"));
    let service = Running::start(&folder);
    let read = |who: &str| service.ask("GET", &format!("/v1/profiles/user_id:{who}/metadata"), "");
    assert_eq!(read("u1").unwrap().1["metadata"]["n_events"], json!(3));
    assert_eq!(read("u3").unwrap().1["metadata"]["n_events"], json!(1));
}

#[test]
fn a_folder_in_use_or_of_another_key_and_empty_keys_are_refused() {
    let folder = folder("in-use");
    let service = Running::start(&folder);
    let refused = |write_key: &str, read_key: &str, profile_key: &str| {
        let ended = Command::new(env!("CARGO_BIN_EXE_personas-service"))
            .arg(&folder)
            .arg("127.0.0.1:0")
            .env("WRITE_KEY", write_key)
            .env("READ_KEY", read_key)
            .env("PROFILE_KEY", profile_key)
            .output()
            .unwrap();
        assert!(!ended.status.success());
        String::from_utf8(ended.stderr).unwrap()
    };
    let key = "000102030405060708090a0b0c0d0e0f";
    assert!(refused("secret", "reader", key).starts_with("another process uses "));
    assert_eq!(refused("", "reader", key), "WRITE_KEY is not set\n");
    assert_eq!(refused("secret", "", key), "READ_KEY is not set\n");
    // Killed at once, before the first snapshot of the timer.
    drop(service);
    let other = "ffffffffffffffffffffffffffffffff";
    assert!(refused("secret", "reader", other).contains("equal key"));
    assert!(refused("secret", "reader", "f").contains("32 hexadecimal digits"));
    let _again = Running::start(&folder);
}

#[test]
fn the_key_that_sends_calls_neither_reads_nor_deletes() {
    let service = Running::start(&folder("keys"));
    let call = call("u1", 1).to_string();
    assert_eq!(service.ask("POST", "/v1/track", &call).unwrap().0, 200);
    assert_eq!(service.send("POST", "/v1/track", READ, call.as_bytes()).unwrap().0, 401);
    let parts = ["traits", "external_ids", "events", "metadata", "persona", "all"];
    let parts = parts.map(|part| ("GET", format!("/v1/profiles/user_id:u1/{part}")));
    let others = [
        ("GET", "/v1/changes"),
        ("PUT", "/v1/model"),
        ("DELETE", "/v1/profiles/user_id:u1"),
        ("DELETE", "/v1/profiles/user_id:u1?dry_run=true"),
        ("DELETE", "/v1/identifiers/user_id:u1"),
    ];
    let others = others.map(|(method, path)| (method, path.to_owned()));
    for (method, path) in parts.into_iter().chain(others) {
        let body = br#"{"writeKey":"secret"}"#;
        for key in [WRITE, ""] {
            assert_eq!(service.send(method, &path, key, body).unwrap().0, 401, "{method} {path}");
        }
    }
    assert_eq!(service.ask("GET", "/v1/profiles/user_id:u1/metadata", "").unwrap().0, 200);
    // Nor does an alias make another user's profile the sender's.
    let alias = r#"{"type":"alias","userId":"me","previousId":"u1"}"#;
    service.ask("POST", "/v1/alias", alias).unwrap();
    let id = |user: &str| {
        let path = format!("/v1/profiles/user_id:{user}/metadata");
        service.ask("GET", &path, "").unwrap().1["metadata"]["id"].clone()
    };
    assert_ne!(id("me"), id("u1"));
}

#[test]
fn whoever_is_deleted_by_any_name_is_gone_from_the_service_and_from_the_folder() {
    for (round, name) in ["", "email:ann@kunden.test", "anonymous_id:a1"].into_iter().enumerate() {
        let folder = folder(&format!("deleted-{round}"));
        let mut service = Running::start(&folder);
        let identify =
            r#"{"userId":"ann-7","anonymousId":"a1","traits":{"email":"ann@kunden.test"}}"#;
        service.ask("POST", "/v1/identify", identify).unwrap();
        service.ask("POST", "/v1/track", &call("ann-7", 1).to_string()).unwrap();
        service.signal("-TERM");
        let mut service = Running::start(&folder);
        let read = |path: &str| service.ask("GET", &format!("/v1/profiles/{path}"), "").unwrap();
        let id = read("user_id:ann-7/metadata").1["metadata"]["id"].as_str().unwrap().to_owned();
        let name = if name.is_empty() { &*id } else { name };
        let path = format!("/v1/profiles/{name}");
        assert_eq!(service.ask("DELETE", &format!("{path}?dry_run=1"), "").unwrap().1["events"], 2);
        let (status, gone) = service.ask("DELETE", &path, "").unwrap();
        assert_eq!((status, &gone["events"]), (200, &json!(2)));
        assert_eq!(gone["identifiers"].as_array().unwrap().len(), 3);
        for who in ["user_id:ann-7", "email:ann@kunden.test", &id] {
            assert_eq!(read(&format!("{who}/all")).0, 410, "{name} {who}");
        }
        assert_eq!(service.ask("DELETE", &format!("/v1/profiles/{id}"), "").unwrap().0, 410);
        service.signal("-TERM");
        for file in std::fs::read_dir(&folder).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            assert!(!bytes.windows(3).any(|text| text == b"ann"), "{name}");
        }
    }
    // One identifier alone, which takes along what was seen with nothing stronger.
    let service = Running::start(&folder("one-identifier"));
    let identify = r#"{"userId":"u1","traits":{"email":"ann@kunden.test"}}"#;
    service.ask("POST", "/v1/identify", identify).unwrap();
    service.ask("DELETE", "/v1/identifiers/email:ann@kunden.test", "").unwrap();
    let status =
        |who: &str| service.ask("GET", &format!("/v1/profiles/{who}/traits"), "").unwrap().0;
    assert_eq!((status("email:ann@kunden.test"), status("user_id:u1")), (410, 200));
}

#[test]
fn a_follower_is_told_what_changed_and_who_moved_and_a_person_has_a_persona() {
    let folder = folder("changes");
    let service = Running::start(&folder);
    let get = |path: &str| service.ask("GET", path, "").unwrap();
    let anonymous = json!({"type": "page", "anonymousId": "a1", "messageId": "p1"}).to_string();
    service.ask("POST", "/v1/page", &anonymous).unwrap();
    let (_, first) = get("/v1/changes");
    let old = first["data"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(first["data"][0]["traits"]["events"], json!(1.0));
    let cursor = first["cursor"]["next"].as_str().unwrap();
    let identify = json!({"userId": "u1", "anonymousId": "a1", "messageId": "i1"}).to_string();
    service.ask("POST", "/v1/identify", &identify).unwrap();
    let (_, next) = get(&format!("/v1/changes?since={cursor}"));
    let told = next["data"].as_array().unwrap();
    let moved = told.iter().find(|told| told["change"] == json!("moved")).unwrap();
    assert_eq!((told.len(), &moved["id"]), (2, &json!(old)));
    let (status, body) = get(&format!("/v1/profiles/{old}/traits"));
    assert_eq!((status, &body["id"]), (307, &moved["to"]));
    for foreign in ["1-1", "1", "99", "18446744073709551615"] {
        let (status, body) = get(&format!("/v1/changes?since={foreign}"));
        assert_eq!((status, &body["code"]), (410, &json!("start_over")));
        let now = body["cursor"].as_str().unwrap();
        assert_eq!(get(&format!("/v1/changes?since={now}&limit=0")).0, 200);
    }

    assert_eq!(get("/v1/profiles/user_id:u1/persona").0, 404);
    assert_eq!(service.ask("PUT", "/v1/model", "").unwrap().0, 409); // of one person there are none
    let calls: Vec<Value> = (0..300).map(|i| call(&format!("c{}", i % 60 * (i % 7)), i)).collect();
    service.ask("POST", "/v1/batch", &json!({"batch": calls}).to_string()).unwrap();
    let (status, model) = service.ask("PUT", "/v1/model", "").unwrap();
    assert_eq!(status, 200, "{model}");
    let (_, persona) = get("/v1/profiles/user_id:u1/persona");
    assert!(persona["persona"]["margin"].is_number(), "{persona}");
    drop(service);
    let again = Running::start(&folder);
    assert_eq!(again.ask("GET", "/v1/profiles/user_id:u1/persona", "").unwrap().0, 200);
}

/// A body as a client posts it: path, whether the key is in the header, body, what the report begins with, and
/// whom it is about with how many identifiers.
type Posted = (&'static str, bool, &'static str, &'static str, (&'static str, usize));

const POSTED: &[Posted] = &[
    // @segment/analytics-node
    (
        "batch",
        true,
        r#"{"batch":[{"timestamp":"2026-11-01T11:59:00.000Z","integrations":{},"traits":{"email":"n@kunden.test","plan":"gold"},"userId":"n1","type":"identify","context":{"library":{"name":"@segment/analytics-node","version":"3.1.0"}},"_metadata":{"nodeVersion":"22"},"messageId":"node-next-1"},
        {"properties":{"amount":2},"event":"A","type":"track","userId":"n1","anonymousId":"n-anon","timestamp":"2026-11-01T11:59:30.000Z","messageId":"node-next-2"}],"writeKey":"secret","sentAt":"2026-11-01T12:00:00.000Z"}"#,
        "2 accepted, 0 duplicates, 0 refused",
        ("user_id:n1", 3),
    ),
    // @segment/analytics-next
    (
        "p",
        false,
        r#"{"timestamp":"2026-11-01T11:59:59.000Z","integrations":{"All":true},"anonymousId":"b1","properties":{"path":"/","url":"https://shop.test/"},"context":{"page":{"path":"/"},"timezone":"Asia/Kolkata","userAgentData":{"mobile":true,"platform":"Android"}},"messageId":"ajs-next-1","writeKey":"secret","userId":null,"sentAt":"2026-11-01T12:00:05.000Z","_metadata":{"bundled":[]}}"#,
        "1 accepted, 0 duplicates, 0 refused",
        ("anonymous_id:b1", 1),
    ),
    // @rudderstack/rudder-sdk-node
    (
        "batch",
        true,
        r#"{"batch":[{"userId":"r1","previousId":7,"type":"alias","originalTimestamp":"2026-11-01T11:00:00.000Z","sentAt":"2026-11-01T12:00:05.000Z","messageId":"m1","channel":"server","context":{"library":{}}},
        {"userId":"r1","groupId":7,"traits":{"plan":"team"},"context":{"traits":{"plan":"gold"}},"type":"group","originalTimestamp":"2026-11-01T11:00:01.000Z","messageId":"m2"}],"timestamp":"2026-11-01T12:00:04.000Z","sentAt":"2026-11-01T12:00:05.000Z"}"#,
        "2 accepted, 0 duplicates, 0 refused",
        ("user_id:r1", 2),
    ),
    // @rudderstack/analytics-js
    (
        "identify",
        true,
        r#"{"type":"identify","event":null,"properties":null,"channel":"web","userId":"j1","anonymousId":"ja","originalTimestamp":"2026-11-01T12:00:00.000Z","sentAt":"2026-11-01T12:00:05.000Z","messageId":"m3","rudderId":"r","integrations":{"All":true},"context":{"traits":{"email":"j@kunden.test","plan":"gold"},"timezone":"GMT+0530","sessionId":1700000000,"ua-ch":{"mobile":false}}}"#,
        "1 accepted, 0 duplicates, 0 refused",
        ("user_id:j1", 3),
    ),
    // segment-analytics-python, rudder-sdk-python, analytics-python
    (
        "batch",
        true,
        r#"{"batch":[{"integrations":{},"anonymousId":null,"properties":{"amount":2,"score":NaN,"low":-Infinity,"note":"NaN"},"timestamp":"2026-11-01T12:00:00.123456+00:00","context":{"library":{"name":"analytics-python"}},"userId":"p1","type":"track","event":"A","messageId":"m4"},
        {"type":"track","event":"B","userId":"p1","timestamp":"2026-11-01T12:00:01+00:00","properties":{"high":Infinity}}],"sentAt":"2026-11-01T12:00:05.000000+00:00","writeKey":"secret"}"#,
        "2 accepted, 0 duplicates, 0 refused; not read: 2 of \"score\", at 1 …; 1 of \"high\", at 2",
        ("user_id:p1", 1),
    ),
    // events-sdk-python of Hightouch, journify-python-sdk: the key stands in the body only
    (
        "batch",
        false,
        r#"{"batch": [{"timestamp": "2026-11-01T12:00:00+00:00", "context": {}, "properties": {"score": NaN, "writeKey": "other"}, "userId": "h1", "type": "track", "event": "A", "messageId": "m5"}], "sentAt": "2026-11-01T12:00:05+00:00", "writeKey": "secret"}"#,
        "1 accepted, 0 duplicates, 0 refused; not read: 1 of \"score\", at 1",
        ("user_id:h1", 1),
    ),
    // @jitsu/js
    (
        "track",
        true,
        r#"{"type":"track","event":"A","anonymousId":"ta","userId":"t1","groupId":"g1","timestamp":"2026-11-01T12:00:05.000Z","sentAt":"2026-11-01T12:00:05.000Z","context":{"traits":{"plan":"team","email":"t@kunden.test"},"clientIds":{"fbp":"x"}},"properties":{}}"#,
        "1 accepted, 0 duplicates, 0 refused",
        ("user_id:t1", 3),
    ),
];

#[test]
fn the_bodies_of_real_clients_get_the_right_answers() {
    let service = Running::start(&folder("clients"));
    for &(path, has_header, body, expected, (who, n_identifiers)) in POSTED {
        for (n, is_packed) in [false, true].into_iter().enumerate() {
            let mut headers = String::new();
            if has_header {
                headers += "Authorization: Basic c2VjcmV0Og==\r\n";
            }
            let mut bytes = body.as_bytes().to_vec();
            if is_packed {
                headers += "Content-Encoding: gzip\r\n";
                let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
                packed.write_all(&bytes).unwrap();
                bytes = packed.finish().unwrap();
            }
            let (status, answer) =
                service.send("POST", &format!("/v1/{path}"), &headers, &bytes).unwrap();
            assert_eq!((status, &answer["success"]), (200, &json!(true)), "{body}");
            let report = answer["report"].as_str().unwrap();
            // Sent again, messages with an id are known.
            let is_known = !report.contains(" 0 duplicates");
            assert!(n == 1 || report == expected, "{report}");
            assert_eq!(is_known, n == 1 && body.contains("messageId"), "{report}");
        }
        let read = format!("/v1/profiles/{who}/external_ids");
        let (_, ids) = service.ask("GET", &read, "").unwrap();
        assert_eq!(ids["data"].as_array().unwrap().len(), n_identifiers, "{who}");
    }
}

#[test]
fn jitsus_clients_post_to_paths_of_their_own_with_the_key_in_a_header() {
    let service = Running::start_with(&folder("jitsu"), "id:secret");
    for path in ["/api/s/track", "/api/s/s2s/track"] {
        let body = br#"{"event":"A","userId":"t1","writeKey":"id:***"}"#;
        let (status, answer) =
            service.send("POST", path, "X-Write-Key: id:secret\r\n", body).unwrap();
        assert_eq!((status, &answer["success"]), (200, &json!(true)), "{path}");
        assert_eq!(service.send("POST", path, "X-Write-Key: id\r\n", body).unwrap().0, 401);
    }
    // The same key as other clients send it: id:secret and an empty password, or none.
    for (header, expected) in
        [("aWQ6c2VjcmV0Og==", 200), ("aWQ6c2VjcmV0", 200), ("aWQ6", 401), ("aWQ6c2VjcmV0Ojo=", 401)]
    {
        let header = format!("Authorization: Basic {header}\r\n");
        let (status, _) = service.send("POST", "/v1/page", &header, br#"{"userId":"t1"}"#).unwrap();
        assert_eq!(status, expected, "{header}");
    }
}

#[test]
fn a_body_that_is_too_large_is_told_so_packed_or_not() {
    let service = Running::start(&folder("large"));
    let body = vec![b' '; (4 << 20) + 1];
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&body).unwrap();
    let gzip = "Content-Encoding: GZIP\r\n";
    for (headers, bytes) in [("", body), (gzip, packed.finish().unwrap())] {
        let (status, answer) = service.send("POST", "/v1/batch", headers, &bytes).unwrap();
        assert_eq!((status, &answer["code"]), (413, &json!("too_large")));
    }
}
