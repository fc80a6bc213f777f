//! How many requests the service answers: four clients, each on a connection of its own that stays open, which send
//! the next request once the last was answered.
//!
//! `cargo test --release -p personas-service load -- --ignored --nocapture` prints requests a second and how long they
//! took. Clients and service share the cores.

#![allow(clippy::print_stdout)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{READ, Running, WRITE, call, folder};

const N_PEOPLE: usize = 100_000;
const N_CLIENTS: usize = 4;
/// Requests of each client.
const N_REQUESTS: usize = 25_000;

/// A connection that stays open.
struct Client(BufReader<TcpStream>);

impl Client {
    fn new(service: &Running) -> Self {
        let stream = TcpStream::connect(&service.address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(BufReader::new(stream))
    }

    /// Sends a request and reads the answer; returns its status.
    fn ask(&mut self, method: &str, path: &str, key: &str, body: &str) -> u16 {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n{key}\r\n{body}"
        );
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        let (mut status, mut length, mut line) = (0, 0, String::new());
        loop {
            line.clear();
            self.0.read_line(&mut line).unwrap();
            match line.trim_end().split_once(' ') {
                None => break,
                Some((name, value)) if name.eq_ignore_ascii_case("content-length:") => {
                    length = value.parse().unwrap();
                }
                Some(("HTTP/1.1", value)) => status = value[..3].parse().unwrap(),
                Some(_) => {}
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        status
    }
}

/// Lets all clients send requests, of which `n_reads` in every four are reads; prints how long they took.
fn load(service: &Running, what: &str, n_reads: usize) {
    let start = Instant::now();
    let clients: Vec<_> = (0..N_CLIENTS)
        .map(|client| {
            let mut connection = Client::new(service);
            thread::spawn(move || {
                let request = |i: usize| {
                    let number = i * N_CLIENTS + client;
                    let user = format!("u{}", number * 7919 % N_PEOPLE);
                    let start = Instant::now();
                    let status = if i % 4 < n_reads {
                        let path = format!("/v1/profiles/user_id:{user}/traits");
                        connection.ask("GET", &path, READ, "")
                    } else {
                        let message = (n_reads + 2) * N_PEOPLE + number;
                        let body = call(&user, message).to_string();
                        connection.ask("POST", "/v1/track", WRITE, &body)
                    };
                    assert_eq!(status, 200);
                    start.elapsed()
                };
                (1..=N_REQUESTS).map(request).collect::<Vec<Duration>>()
            })
        })
        .collect();
    let mut took: Vec<Duration> =
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
    let rate = took.len() as f64 / start.elapsed().as_secs_f64();
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    let [median, most, worst] = [0.5, 0.99, 1.0].map(at);
    println!("{what}: {rate:.0} requests/s; median {median:?}, 99 % {most:?}, worst {worst:?}");
}

#[test]
#[ignore = "a measurement: takes a minute"]
fn load_of_four_connections() {
    let service = Running::start(&folder("load"));
    for start in (0..N_PEOPLE).step_by(1000) {
        let calls: Vec<Value> = (start..start + 1000).map(|i| call(&format!("u{i}"), i)).collect();
        let body = json!({"batch": calls}).to_string();
        assert_eq!(service.ask("POST", "/v1/batch", &body).unwrap().0, 200);
    }
    load(&service, "calls", 0);
    load(&service, "calls, one in four requests reads", 1);
    load(&service, "reads", 4);
}
