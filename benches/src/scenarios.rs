//! What is measured, each on a program of its own.

mod checked;
pub(crate) mod compare;
pub(crate) mod deliver;
pub(crate) mod gateway;
pub(crate) mod isolation;
pub(crate) mod latency;
pub(crate) mod publish;
pub(crate) mod sizes;
pub(crate) mod tokens;

use std::net::SocketAddr;
use std::time::Duration;

use crate::load::Load;
use crate::program::Program;
use crate::report::{Latencies, cpu_us, row};

/// A short load before the one that counts: connections are opened, tokens remembered.
const WARM_UP: Duration = Duration::from_millis(500);

/// A destination as fast as the configuration lets it be.
fn destination(name: &str, receiver: SocketAddr) -> String {
    format!(
        "  {name}:
    request: POST http://{receiver}/events
    rate: 10000/s
    burst: 1000
    in_flight: 64
    allow_private: [127.0.0.0/8]
"
    )
}

/// A rule that sends all that comes from `source` to the destination of the same name.
fn rule(source: &str) -> String {
    format!(
        "      {source}: {{ when: {{ source: [{source}] }}, send: [{{ to: {source}, body: $.detail }}] }}\n"
    )
}

/// Runs a load for its time and tells of it.
async fn run(what: &str, program: &Program, load: &Load, time: Duration) {
    load.run(WARM_UP).await;
    let before = program.cpu();
    let outcome = load.run(time).await;
    let cpu_us = cpu_us(program.cpu().saturating_sub(before), outcome.requests);
    let per_second = outcome.requests as f64 / outcome.seconds;
    let latencies = Latencies::of(outcome.latencies_us);
    row(what, format_args!("{per_second:.0}/s, {cpu_us:.0} µs CPU each, {latencies}"));
}
