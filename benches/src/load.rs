//! Loads: connections that each send as soon as they are answered, and connections that send at a
//! steady rate.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What is sent where.
pub(crate) struct Load {
    pub(crate) address: String,
    /// Sent in turn by each connection, and each begins elsewhere.
    pub(crate) requests: Vec<Vec<u8>>,
    pub(crate) connections: usize,
}

/// What came of it.
pub(crate) struct Outcome {
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    pub(crate) latencies_us: Vec<u32>,
}

impl Load {
    /// For so long, as fast as answers come.
    pub(crate) async fn run(&self, time: Duration) -> Outcome {
        self.drive(time, u64::MAX).await
    }

    /// So many requests, as fast as answers come; bounded in time all the same.
    pub(crate) async fn send(&self, requests: u64) -> Outcome {
        self.drive(Duration::from_mins(5), requests).await
    }

    async fn drive(&self, time: Duration, requests_max: u64) -> Outcome {
        let requests: Arc<[Vec<u8>]> = self.requests.clone().into();
        let begun = Arc::new(AtomicU64::new(0));
        let began = Instant::now();
        let mut connections = JoinSet::new();
        for number in 0..self.connections {
            let (address, requests) = (self.address.clone(), Arc::clone(&requests));
            let begun = Arc::clone(&begun);
            let mut next = number * requests.len() / self.connections;
            connections.spawn(async move {
                let mut stream = connect(&address).await;
                let mut latencies_us = Vec::new();
                while began.elapsed() < time && begun.fetch_add(1, Ordering::Relaxed) < requests_max
                {
                    let sent = Instant::now();
                    exchange(&mut stream, &requests[next]).await;
                    latencies_us.push(micros(sent.elapsed()));
                    next = (next + 1) % requests.len();
                }
                latencies_us
            });
        }
        Outcome::of(connections, began).await
    }

    /// Each request once, by whichever connection has time for it, as fast as answers come.
    pub(crate) async fn send_each(&self) -> Outcome {
        let requests: Arc<[Vec<u8>]> = self.requests.clone().into();
        let next = Arc::new(AtomicUsize::new(0));
        let began = Instant::now();
        let mut connections = JoinSet::new();
        for _ in 0..self.connections {
            let (address, requests) = (self.address.clone(), Arc::clone(&requests));
            let next = Arc::clone(&next);
            connections.spawn(async move {
                let mut stream = connect(&address).await;
                let mut latencies_us = Vec::new();
                while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let sent = Instant::now();
                    exchange(&mut stream, request).await;
                    latencies_us.push(micros(sent.elapsed()));
                }
                latencies_us
            });
        }
        Outcome::of(connections, began).await
    }
}

impl Outcome {
    /// Of all connections, once each is done.
    async fn of(connections: JoinSet<Vec<u32>>, began: Instant) -> Self {
        let latencies_us: Vec<u32> = connections.join_all().await.concat();
        let requests = latencies_us.len() as u64;
        Self { requests, seconds: began.elapsed().as_secs_f64(), latencies_us }
    }
}

/// Requests at a steady rate, whether or not the last one was answered soon.
pub(crate) struct Steady {
    pub(crate) address: String,
    pub(crate) per_second: u64,
    pub(crate) time: Duration,
}

/// Connections that share a steady rate: one slow answer must not hold up the rest.
const STEADY_CONNECTIONS: u64 = 32;
/// A connection that is later than this sends with the time at which it should have.
const LATE: Duration = Duration::from_millis(5);

impl Steady {
    /// Sends what `make` gives for a number and for the moment of sending.
    pub(crate) async fn run(&self, make: impl Fn(u64, Instant) -> Vec<u8> + Send + Sync + 'static) {
        let make = Arc::new(make);
        let all = self.per_second * self.time.as_millis() as u64 / 1000;
        let began = Instant::now() + Duration::from_millis(20);
        let pause = Duration::from_secs(1) / self.per_second as u32;
        let mut connections = JoinSet::new();
        for first in 0..STEADY_CONNECTIONS {
            let (address, make) = (self.address.clone(), Arc::clone(&make));
            connections.spawn(async move {
                let mut stream = connect(&address).await;
                for number in (first..all).step_by(STEADY_CONNECTIONS as usize) {
                    let due = began + pause * number as u32;
                    tokio::time::sleep_until(due.into()).await;
                    // A load that waits for slow answers and then forgets it would hide them.
                    let late = due.elapsed() > LATE;
                    let request = make(number, if late { due } else { Instant::now() });
                    exchange(&mut stream, &request).await;
                }
            });
        }
        connections.join_all().await;
    }
}

pub(crate) fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

/// Sends one request on a connection of its own.
pub(crate) async fn once(address: &str, request: &[u8]) -> String {
    exchange(&mut connect(address).await, request).await
}

/// Whether a path answers with success.
pub(crate) async fn answers_well(address: &str, path: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(address).await else { return false };
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    let mut answer = String::new();
    stream.write_all(request.as_bytes()).await.is_ok()
        && stream.read_to_string(&mut answer).await.is_ok()
        && answer.starts_with("HTTP/1.1 20")
}

/// The status that a request on a connection of its own is answered with, if it is.
pub(crate) async fn status(address: &str, request: &[u8]) -> Option<u16> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(request).await.ok()?;
    let mut answer = Vec::new();
    while !answer.contains(&b'\n') {
        if stream.read_buf(&mut answer).await.ok()? == 0 {
            return None;
        }
    }
    String::from_utf8_lossy(&answer).split(' ').nth(1)?.parse().ok()
}

async fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Sends a request and reads the answer by its length; gives the body. Anything but success ends
/// the measurement: a refusal is no request served.
async fn exchange(stream: &mut TcpStream, request: &[u8]) -> String {
    stream.write_all(request).await.unwrap();
    let mut buffer = Vec::with_capacity(2048);
    loop {
        assert!(stream.read_buf(&mut buffer).await.unwrap() > 0, "the connection was closed");
        let Some(head) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&buffer[..head]).to_lowercase();
        assert!(text.starts_with("http/1.1 200 "), "{}", String::from_utf8_lossy(&buffer));
        let length = text.split("content-length: ").nth(1).unwrap_or("0");
        let length: usize = length.lines().next().unwrap_or("0").trim().parse().unwrap();
        if buffer.len() >= head + 4 + length {
            return String::from_utf8_lossy(&buffer[head + 4..]).into_owned();
        }
    }
}

pub(crate) fn request(method: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\n{headers}content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// An event, or several, for a bus.
pub(crate) fn publish(bus: &str, body: &str) -> Vec<u8> {
    request("POST", &format!("/events/{bus}"), "content-type: application/json\r\n", body)
}

/// An event of about what an order has: two hundred bytes of detail.
pub(crate) fn event(source: &str) -> String {
    timed_event(source, 0)
}

/// The same with a number in it: when it was sent.
pub(crate) fn timed_event(source: &str, at_us: u64) -> String {
    format!(
        r#"{{"source":"{source}","detail_type":"Measured","detail":{{"at":{at_us},"id":"7","note":"two hundred bytes of detail are about what an order has, so here is some text that makes it that long, and a little more"}}}}"#
    )
}

/// Several events in one request.
pub(crate) fn batch(events: impl IntoIterator<Item = String>) -> String {
    let events: Vec<String> = events.into_iter().collect();
    format!(r#"{{"entries":[{}]}}"#, events.join(","))
}
