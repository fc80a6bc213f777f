//! A customer data service in three files: calls of Segment's clients in, profiles out.
//!
//! ```text
//! WRITE_KEY=… READ_KEY=… PROFILE_KEY=… cargo run --release -p personas-service -- folder [127.0.0.1:8080]
//! ```
//!
//! | request | does |
//! |---|---|
//! | `POST /v1/{track,identify,page,screen,group,alias,batch}`, for Jitsu's clients `/api/s/…` and `/api/s/s2s/…` | adds calls, as the clients post them; gzip or not |
//! | `GET /v1/profiles/{kind}:{value}/{traits,external_ids,events,metadata,persona,all}` | in the shape of Segment's Profile API; `all` is everything stored about the person. `events` takes `limit` and `next`. In place of `{kind}:{value}` stands any profile id that was ever handed out; the answer says where the person moved |
//! | `GET /v1/changes?since=…&limit=…` | profiles that changed since a cursor, each with its traits; without a cursor, from the start |
//! | `PUT /v1/model` | finds the personas of everybody as of now |
//! | `DELETE /v1/profiles/{kind}:{value}`, or a profile id | forgets the person; with `?dry_run=true` only says what would go |
//! | `DELETE /v1/identifiers/{kind}:{value}` | forgets this one identifier, which may be nobody's, and what was seen with nothing stronger |
//! | `GET /health` | says that it runs |
//!
//! Three secrets come from the environment. The write key is the user of basic authentication, as the clients
//! send it, or the header `X-Write-Key`, or `writeKey` in the body. It stands in every page that sends calls, so it lets nobody read: all other
//! requests need the read key, as the user of basic authentication. Since anybody can send calls, aliases do
//! not join user ids. `PROFILE_KEY`, 32 hexadecimal digits, makes profile ids and the marks of the forgotten:
//! without it, nobody who has the folder can test whether somebody was forgotten. Keep it elsewhere.
//!
//! Unknown people are 404, forgotten ones 410, moved ones 307. A cursor of changes that is too old, or not one of this
//! process, is 410 `start_over`, with the cursor to go on from once everybody was read. What has got its 200 survives
//! `kill -9`: see `keep.rs`. `README.md` says what is guaranteed and what is not.

mod keep;
mod model;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use keep::Kept;
use model::Model;
use personas::features::{ColumnType, Feature, Measure, Values};
use personas::identity::Subject;
use personas::profiles::{Change, Profile, StoreOptions};
use personas::{FeatureSet, ProfileId, Profiles, Refusal, Rules, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Bytes of a body at most, also when it is unpacked.
const MAX_BODY: usize = 4 << 20;
const BETWEEN_SNAPSHOTS: Duration = Duration::from_secs(300);

/// Changes that are kept for those who follow.
const CHANGES: usize = 100_000;

struct Service {
    write_key: String,
    read_key: String,
    folder: PathBuf,
    /// What a folder is restored into.
    empty: Profiles,
    kept: Mutex<Kept>,
    /// Held while a snapshot is made and written, or the folder is read.
    writing: Mutex<()>,
    model: Model,
}

/// What is known of a person: features that do not depend on others, so that a read is cheap.
fn features() -> FeatureSet {
    FeatureSet::default()
        .with(Feature::new("days since last event", Measure::RecencyDays))
        .with(Feature::new("events", Measure::Count))
        .with(Feature::new("orders", Measure::Count).on("Order Completed"))
        .with(Feature::new("revenue", Measure::Sum("revenue".into())).on("Order Completed"))
        .with(
            Feature::new("orders this month", Measure::Count)
                .on("Order Completed")
                .within_days(30.0),
        )
        .with(Feature::new(
            "plan",
            Measure::Attribute { name: "plan".into(), column: ColumnType::Category },
        ))
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: personas-service FOLDER [ADDRESS]")?;
    let address = arguments.next().unwrap_or("127.0.0.1:8080".into());
    let secret = |name: &str| match std::env::var(name) {
        Ok(secret) if !secret.is_empty() => Ok(secret),
        _ => Err(format!("{name} is not set")),
    };
    let (write_key, read_key) = (secret("WRITE_KEY")?, secret("READ_KEY")?);
    if write_key == read_key {
        return Err("WRITE_KEY and READ_KEY must differ".into());
    }
    let digits = secret("PROFILE_KEY")?;
    let key = u128::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 32);
    let key = key.ok_or("PROFILE_KEY must be 32 hexadecimal digits")?;
    let mut rules = Rules::default().key(key.to_be_bytes());
    rules.aliases = false;
    let options = StoreOptions { dedupe: true, changes: Some(CHANGES), ..StoreOptions::default() };
    let people = Profiles::with_options(rules, features(), options)?;
    let (folder, empty) = (PathBuf::from(folder), people.clone());
    std::fs::create_dir_all(&folder)?;
    // The system takes the lock back when the process ends, however it does.
    let lock = File::create(folder.join("lock"))?;
    match lock.try_lock() {
        Err(TryLockError::WouldBlock) => {
            return Err(format!("another process uses {}", folder.display()).into());
        }
        locked => locked?,
    }
    let kept = Kept::open(&folder, people)?;
    let (is_new, kept) = (kept.is_new(), Mutex::new(kept));
    let model = Model::open(&folder)?;
    let writing = Mutex::default();
    let service = Arc::new(Service { write_key, read_key, folder, empty, kept, writing, model });
    if is_new {
        service.snapshot()?;
    }
    tokio::runtime::Runtime::new()?.block_on(serve(service, &address))?;
    Ok(())
}

async fn serve(service: Arc<Service>, address: &str) -> io::Result<()> {
    let router = Router::new()
        .route("/v1/{call}", post(receive))
        .route("/api/s/{call}", post(receive))
        .route("/api/s/s2s/{call}", post(receive))
        .route("/v1/changes", get(changes))
        .route("/v1/model", axum::routing::put(fit))
        .route("/v1/profiles/{who}/{what}", get(read))
        .route("/v1/profiles/{who}", axum::routing::delete(forget))
        .route("/v1/identifiers/{who}", axum::routing::delete(forget_identifier))
        .route("/health", get(|| async { "ok" }))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(service.clone());
    let listener = TcpListener::bind(address).await?;
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    let timed = service.clone();
    tokio::spawn(async move {
        let mut timer = tokio::time::interval(BETWEEN_SNAPSHOTS);
        timer.tick().await; // the first is at once
        loop {
            timer.tick().await;
            if let Err(error) = tokio::task::block_in_place(|| timed.snapshot()) {
                let _ = writeln!(io::stderr(), "no snapshot: {error}");
            }
        }
    });
    let mut end = signal(SignalKind::terminate())?;
    let until = async move { _ = end.recv().await };
    axum::serve(listener, router).with_graceful_shutdown(until).await?;
    service.snapshot()
}

impl Service {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what the store holds; while it is written, nobody waits.
    fn snapshot(&self) -> io::Result<()> {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let cut = self.lock().cut()?;
        let written = cut.write();
        self.lock().finish(cut, written)
    }

    /// A copy of the store, from the folder: the store itself is not locked, and only snapshots wait.
    fn copy(&self) -> io::Result<Profiles> {
        let _no_snapshot = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut people = self.empty.clone();
        keep::restore(&self.folder, &mut people)?;
        Ok(people)
    }

    /// Whether a request, or its body, has the write key.
    fn lets_write(&self, headers: &HeaderMap, body: &str) -> bool {
        let named = || Some(headers.get("x-write-key")?.as_bytes().to_vec());
        let key = user(headers).or_else(named).or_else(|| key_of(body));
        key.is_some_and(|key| key.ct_eq(self.write_key.as_bytes()).into())
    }

    /// Whether a request has the read key.
    fn lets_read(&self, headers: &HeaderMap) -> bool {
        user(headers).is_some_and(|key| key.ct_eq(self.read_key.as_bytes()).into())
    }
}

/// A body, as far as it says who sends it.
#[derive(Deserialize)]
struct Keyed<'b> {
    #[serde(borrow, rename = "writeKey")]
    write_key: Option<Cow<'b, str>>,
}

/// The key in a body. It is not known to be right yet: nothing else of the body is kept. Python's clients may write
/// words that are not JSON; there the last one named so is taken, as it stands after the calls.
fn key_of(body: &str) -> Option<Vec<u8>> {
    let key = match serde_json::from_str::<Keyed<'_>>(body) {
        Ok(keyed) => keyed.write_key?,
        Err(_) => {
            let (_, from) = body.rsplit_once(r#""writeKey""#)?;
            let value = from.trim_start().strip_prefix(':')?;
            serde_json::Deserializer::from_str(value).into_iter().next()?.ok()?
        }
    };
    Some(key.as_bytes().to_vec())
}

/// The user of basic authentication, who has no password. A colon may stand in the key, as Jitsu's clients want it.
fn user(headers: &HeaderMap) -> Option<Vec<u8>> {
    let header = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let mut pair = BASE64_STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
    pair.pop_if(|last| *last == b':');
    Some(pair)
}

fn error(status: StatusCode, code: &str, message: &str) -> Response {
    let body =
        json!({"code": code, "message": message, "error": {"code": code, "message": message}});
    answer(status, &body)
}

fn answer(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

async fn receive(
    State(service): State<Arc<Service>>,
    Path(call): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let is_gzip = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"gzip");
    let is_packed = headers.get(header::CONTENT_ENCODING).is_some_and(is_gzip);
    let body = match body {
        Ok(body) if is_packed => unpack(&body).map_err(|_| StatusCode::BAD_REQUEST),
        body => body.map(Into::into).map_err(|rejection| rejection.status()),
    };
    let body = match body.map(String::from_utf8) {
        Ok(Ok(body)) if body.len() <= MAX_BODY => body,
        Ok(Ok(_)) | Err(StatusCode::PAYLOAD_TOO_LARGE) => return too_large(),
        _ => return error(StatusCode::BAD_REQUEST, "invalid_request", "the body cannot be read"),
    };
    if !service.lets_write(&headers, &body) {
        return error(StatusCode::UNAUTHORIZED, "unauthorized", "the write key is wrong");
    }
    let now = Timestamp::from(SystemTime::now());
    match tokio::task::block_in_place(|| service.lock().receive(now, &call, &body)) {
        Ok(report) if report.refused.iter().any(|r| matches!(r.what, Refusal::NotJson { .. })) => {
            let message = format!("malformed JSON: {report}");
            error(StatusCode::BAD_REQUEST, "invalid_request", &message)
        }
        Ok(report) => {
            let report = json!({"success": true, "report": report.to_string()});
            answer(StatusCode::OK, &report)
        }
        // The clients try again.
        Err(_) => {
            error(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the log cannot be written")
        }
    }
}

/// A byte more than is allowed tells that a body is too large.
fn unpack(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut unpacked = Vec::new();
    flate2::read::MultiGzDecoder::new(body).take(MAX_BODY as u64 + 1).read_to_end(&mut unpacked)?;
    Ok(unpacked)
}

fn too_large() -> Response {
    let most = "the body is larger than 4 MiB, as it came or unpacked";
    error(StatusCode::PAYLOAD_TOO_LARGE, "too_large", most)
}

async fn read(
    State(service): State<Arc<Service>>,
    Path((who, what)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    if !service.lets_read(&headers) {
        return error(StatusCode::UNAUTHORIZED, "authentication_error", "the read key is wrong");
    }
    let Some(who) = subject(&who) else { return not_named() };
    let now = Timestamp::from(SystemTime::now());
    // Before the store, so that nobody who waits for the one holds the other.
    let model = service.model.current();
    tokio::task::block_in_place(|| {
        let kept = service.lock();
        let Some(person) = kept.people.get(who.clone()) else {
            return missing(&kept.people, who);
        };
        if matches!(who, Subject::Profile(id) if id != person.id) {
            let to = format!("/v1/profiles/{}/{what}", person.id);
            let body = json!({"code": "moved", "id": person.id});
            let headers = [(header::LOCATION, to)];
            return (StatusCode::TEMPORARY_REDIRECT, headers, body.to_string()).into_response();
        }
        let body = match &*what {
            "traits" => traits(&person, now),
            "external_ids" => external_ids(&person),
            "events" => {
                let Some(limit) = number(&query, "limit", 20) else { return not_a_number("limit") };
                // A cursor is the moment up to which the events are still to come.
                let Some(next) = number(&query, "next", now.millis()) else {
                    return not_a_number("next");
                };
                let until = Timestamp::from_millis(next).min(now);
                events(&person, until, usize::clamp(limit, 1, 100))
            }
            "metadata" => metadata(&person),
            "all" => json!(person.export(now).ok()),
            "persona" => match model.as_deref() {
                None => {
                    let hint = "no model: PUT /v1/model fits one";
                    return error(StatusCode::NOT_FOUND, "not_found", hint);
                }
                Some(model) => match model::persona(model, &person, now) {
                    Ok(persona) => persona,
                    Err(problem) => {
                        let hint = format!("{problem}; PUT /v1/model fits a model again");
                        return error(StatusCode::CONFLICT, "other_model", &hint);
                    }
                },
            },
            _ => return error(StatusCode::NOT_FOUND, "not_found", "no such resource"),
        };
        answer(StatusCode::OK, &body)
    })
}

/// The person that a path names: by an identifier, `kind:value`, or by a profile id, which has no colon.
fn subject(who: &str) -> Option<Subject<'_>> {
    match who.split_once(':') {
        Some(identifier) => Some(identifier.into()),
        None => ProfileId::try_from(who.to_owned()).ok().map(Into::into),
    }
}

/// A number of the query; nothing if it is another text.
fn number<T: FromStr>(query: &HashMap<String, String>, name: &str, default: T) -> Option<T> {
    match query.get(name).filter(|text| !text.is_empty()) {
        Some(text) => text.parse().ok(),
        None => Some(default),
    }
}

fn not_a_number(name: &str) -> Response {
    error(StatusCode::BAD_REQUEST, "invalid_request", &format!("not a number: {name}"))
}

fn not_named() -> Response {
    let expected = "expected kind:value or a profile id";
    error(StatusCode::BAD_REQUEST, "invalid_request", expected)
}

/// The answer for somebody who has no profile.
fn missing(people: &Profiles, who: Subject<'_>) -> Response {
    if people.identity().is_forgotten(who) {
        error(StatusCode::GONE, "forgotten", "Profile was forgotten.")
    } else {
        error(StatusCode::NOT_FOUND, "not_found", "Profile was not found.")
    }
}

async fn changes(
    State(service): State<Arc<Service>>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    if !service.lets_read(&headers) {
        return error(StatusCode::UNAUTHORIZED, "authentication_error", "the read key is wrong");
    }
    let Some(limit) = number(&query, "limit", 100) else { return not_a_number("limit") };
    let since = match query.get("since").filter(|since| !since.is_empty()) {
        None => Some(0),
        Some(text) => text.parse().ok(),
    };
    let now = Timestamp::from(SystemTime::now());
    tokio::task::block_in_place(|| {
        let mut kept = service.lock();
        // A cursor is a number; any other text is answered as a cursor that is lost.
        let page = kept.people.changes(since.unwrap_or(u64::MAX), usize::clamp(limit, 1, 1000));
        let page = match page {
            Ok(page) => page,
            Err(personas::Error::ChangesLost { cursor, .. }) => {
                let body = json!({"code": "start_over", "cursor": cursor.to_string()});
                return answer(StatusCode::GONE, &body);
            }
            Err(problem) => {
                return error(StatusCode::BAD_REQUEST, "invalid_request", &problem.to_string());
            }
        };
        let told = page.profiles.iter().map(|(id, change)| match change {
            Change::Changed => {
                let person = kept.people.get(*id);
                let traits = person.map_or(Value::Null, |person| traits(&person, now));
                json!({"id": id, "change": "changed", "traits": traits["traits"]})
            }
            Change::Moved(to) => json!({"id": id, "change": "moved", "to": to}),
            _ => json!({"id": id, "change": "gone"}),
        });
        let cursor = json!({"has_more": page.has_more, "next": page.cursor.to_string()});
        answer(StatusCode::OK, &json!({"data": told.collect::<Vec<_>>(), "cursor": cursor}))
    })
}

async fn fit(State(service): State<Arc<Service>>, headers: HeaderMap) -> Response {
    if !service.lets_read(&headers) {
        return error(StatusCode::UNAUTHORIZED, "authentication_error", "the read key is wrong");
    }
    let now = Timestamp::from(SystemTime::now());
    tokio::task::block_in_place(|| {
        // One at a time, also of the copies, which are as large as the store. Nobody waits, neither for the copy
        // nor while personas are found.
        let fitted = service.model.fit(|| service.copy(), now);
        match fitted {
            Ok(personas) => answer(StatusCode::OK, &personas),
            Err(problem) => error(StatusCode::CONFLICT, "no_personas", &problem),
        }
    })
}

fn cursor(next: Option<i64>) -> Value {
    let text = next.map_or(String::new(), |next| next.to_string());
    json!({"has_more": next.is_some(), "next": text})
}

fn traits(person: &Profile<'_>, now: Timestamp) -> Value {
    let table = person.features(now);
    let columns = table.iter().flat_map(|table| table.columns());
    let value = |values: &Values| match values {
        Values::Numeric(values) => json!(values.first()),
        Values::Categorical(values) => json!(values.first()),
        _ => Value::Null,
    };
    let traits: serde_json::Map<_, _> =
        columns.map(|column| (column.name.clone(), value(&column.values))).collect();
    json!({"traits": traits, "cursor": cursor(None)})
}

fn external_ids(person: &Profile<'_>) -> Value {
    let ids = person.identifiers().into_iter().map(
        |id| json!({"type": id.kind, "id": id.value, "collection": "users", "encoding": "none"}),
    );
    json!({"data": ids.collect::<Vec<_>>(), "cursor": cursor(None)})
}

/// The newest first. A page ends between two moments, so it can hold more than `limit`: then what arrives between two
/// pages, of whatever time, neither repeats an event nor hides one.
fn events(person: &Profile<'_>, until: Timestamp, limit: usize) -> Value {
    let mut rest = person.timeline(until).rev().peekable();
    let (mut page, mut last) = (Vec::new(), None);
    while let Some(event) = rest.next_if(|next| page.len() < limit || last == Some(next.at)) {
        let properties: serde_json::Map<_, _> =
            event.properties.iter().map(|(name, value)| (name.to_string(), json!(value))).collect();
        page.push(json!({
            "event": event.name, "timestamp": event.at.to_string(), "properties": properties
        }));
        last = Some(event.at);
    }
    let next = rest.peek().and(last).map(|last| last.millis() - 1);
    json!({"data": page, "cursor": cursor(next)})
}

fn metadata(person: &Profile<'_>) -> Value {
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    json!({"metadata": {
        "id": person.id, "n_events": person.n_events,
        "first_seen": time(person.first_seen), "last_seen": time(person.last_seen),
    }})
}

/// Forgets the person that a path leads to; where it leads to nobody, the identifier that it names.
async fn forget(
    State(service): State<Arc<Service>>,
    Path(who): Path<String>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let Some(who) = subject(&who) else { return not_named() };
    let person = |people: &Profiles| people.get(who.clone()).map(|person| person.id.into());
    erase(&service, &headers, &query, |people| person(people).unwrap_or(who.clone()))
}

async fn forget_identifier(
    State(service): State<Arc<Service>>,
    Path(who): Path<String>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let Some(identifier) = who.split_once(':') else { return not_named() };
    erase(&service, &headers, &query, |_| identifier.into())
}

fn erase<'s>(
    service: &Service,
    headers: &HeaderMap,
    query: &HashMap<String, String>,
    whom: impl FnOnce(&Profiles) -> Subject<'s>,
) -> Response {
    if !service.lets_read(headers) {
        return error(StatusCode::UNAUTHORIZED, "authentication_error", "the read key is wrong");
    }
    tokio::task::block_in_place(|| {
        let mut kept = service.lock();
        let who = whom(&kept.people);
        let Ok(would) = kept.people.identity().would_forget(who.clone()) else {
            return error(StatusCode::BAD_REQUEST, "invalid_request", "not an identifier");
        };
        if let Subject::Profile(_) = who
            && would.identifiers.is_empty()
        {
            return missing(&kept.people, who);
        }
        let is_dry = query.get("dry_run").is_some_and(|flag| flag != "false");
        if !is_dry {
            let forgotten = kept.forget(&who);
            drop(kept);
            // What the log does not tell must be in a snapshot before the answer.
            let is_kept = match forgotten {
                Ok(true) => true,
                Ok(false) => service.snapshot().is_ok(),
                Err(_) => false,
            };
            if !is_kept {
                let problem = "the disk cannot be written";
                return error(StatusCode::SERVICE_UNAVAILABLE, "unavailable", problem);
            }
        }
        let gone: Vec<Value> =
            would.identifiers.iter().map(|id| json!({"type": id.kind, "id": id.value})).collect();
        let body = json!({
            "dry_run": is_dry, "events": would.dropped, "changed": would.changed, "identifiers": gone
        });
        answer(StatusCode::OK, &body)
    })
}
