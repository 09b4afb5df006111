//! First numbers: the real program, a real receiver and a load on loopback, bounded in count and
//! time. `cargo build --release && cargo run --release -p gatepost-benches` prints a table.
//!
//! Load and receiver share the machine's cores with the program, so requests per second say what
//! this machine does with all three; CPU per request is the program's own and travels better.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a measuring program: it reads the clock, prints, and ends where something is wrong"
)]

mod load;
mod program;
mod receiver;

use std::time::{Duration, Instant};

use load::{Load, Outcome};
use program::Program;
use receiver::Receiver;

/// How long each load runs.
const RUN: Duration = Duration::from_secs(5);
/// Connections of a load.
const CONNECTIONS: usize = 64;
/// Events of the end-to-end measurement.
const EVENTS: u64 = 20_000;

fn main() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(measure());
}

async fn measure() {
    let receiver = Receiver::start().await;
    let began = Instant::now();
    let program = Program::start(receiver.address()).await;
    let start_up = began.elapsed();
    let idle_mib = program.memory_mib();
    println!("| what | result |");
    println!("|---|---|");
    println!("| `fsync` of 4 KiB on this disk, median | {:.0} µs |", fsync_us());
    println!("| start-up until ready, first start | {} ms |", start_up.as_millis());
    println!("| memory, idle | {idle_mib:.1} MiB |");

    let secret = program.run(&["client", "secret", "bench"]);
    let key = program.run(&["key", "value", "bench"]);
    let token = program.token(&secret).await;
    let plain = request("GET", "/plain/x", "", "");
    run("gateway, plain proxying", &program, &program.public, plain).await;
    let headers = format!("authorization: Bearer {token}\r\nx-api-key: {key}\r\n");
    let checked = request("GET", "/checked/x", &headers, "");
    let name = "gateway, fully checked: ES256 token, scope, API key, rate, quota, log, metrics";
    run(name, &program, &program.public, checked).await;
    let basic = program::base64(&format!("bench:{secret}"));
    let headers = format!(
        "authorization: Basic {basic}\r\ncontent-type: application/x-www-form-urlencoded\r\n"
    );
    let ask = request("POST", "/oauth2/token", &headers, "grant_type=client_credentials");
    run("tokens issued, ES256, secret by Basic", &program, &program.public, ask).await;

    let json = "content-type: application/json\r\n";
    let event = r#"{"source":"bench","detail_type":"Accepted","detail":{"id":"7","note":"two hundred bytes of detail are about what an order has, so here is some text that makes it that long, and a little more"}}"#;
    let one = request("POST", "/events/quiet", json, event);
    run("events accepted durably, one per request", &program, &program.internal, one).await;
    let many = format!(r#"{{"entries":[{}]}}"#, vec![event; 100].join(","));
    let many = request("POST", "/events/quiet", json, &many);
    run("requests of 100 events, accepted durably", &program, &program.internal, many).await;
    let event = event.replace("Accepted", "Delivered");
    deliver(("to one destination", "loud", 1), &program, &receiver, &event).await;
    deliver(("to two", "twofold", 2), &program, &receiver, &event).await;
    deliver(("to two, unsigned", "unsigned", 2), &program, &receiver, &event).await;
    println!("| memory, after all this | {:.1} MiB |", program.memory_mib());
}

async fn run(name: &str, program: &Program, address: &str, request: Vec<u8>) {
    let load = Load { address: address.to_owned(), request, connections: CONNECTIONS };
    // A short run first: connections are opened, tokens remembered.
    load.run(Duration::from_millis(500)).await;
    let before = program.cpu();
    let Outcome { requests, seconds, mut latencies_us } = load.run(RUN).await;
    let cpu_us = program.cpu().checked_sub(before).unwrap().as_micros() as f64 / requests as f64;
    latencies_us.sort_unstable();
    let at = |share: f64| latencies_us[((latencies_us.len() - 1) as f64 * share) as usize];
    println!(
        "| {name} | {:.0}/s, {cpu_us:.0} µs CPU each, p50 {} µs, p99 {} µs |",
        requests as f64 / seconds,
        at(0.5),
        at(0.99)
    );
}

/// From publishing to a receiver's answer, events waiting in the log.
async fn deliver(
    (name, bus, copies): (&str, &str, u64),
    program: &Program,
    receiver: &Receiver,
    event: &str,
) {
    let entries = format!(r#"{{"entries":[{}]}}"#, vec![event; 100].join(","));
    let path = format!("/events/{bus}");
    let request = request("POST", &path, "content-type: application/json\r\n", &entries);
    let (before, already) = (program.cpu(), receiver.count());
    let began = Instant::now();
    let address = program.internal.clone();
    for _ in 0..EVENTS / 100 {
        load::once(&address, &request).await;
    }
    let published = began.elapsed();
    while receiver.count() - already < EVENTS * copies && began.elapsed() < Duration::from_mins(2) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (count, seconds) = (receiver.count() - already, began.elapsed().as_secs_f64());
    let cpu_us = program.cpu().checked_sub(before).unwrap().as_micros() as f64 / count as f64;
    println!(
        "| events delivered end to end over HTTP, {name}, {count} of them | {:.0}/s, {cpu_us:.0} µs CPU \
         each (publishing took {:.1} s) |",
        count as f64 / seconds,
        published.as_secs_f64()
    );
}

fn request(method: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\n{headers}content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// What a durable write costs here at the least.
fn fsync_us() -> f64 {
    use std::io::Write as _;
    let mut file = tempfile::tempfile().unwrap();
    let mut times: Vec<u128> = (0..50)
        .map(|_| {
            file.write_all(&[7; 4096]).unwrap();
            let began = Instant::now();
            file.sync_data().unwrap();
            began.elapsed().as_micros()
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2] as f64
}
