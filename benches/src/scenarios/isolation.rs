//! Isolation: what fifty healthy destinations notice of one that takes every connection, answers
//! nothing, and has a million events waiting; and how soon the program starts again with them.

use std::time::Duration;

use crate::Scale;
use crate::load::{Load, Steady, batch, event, publish, timed_event};
use crate::program::Program;
use crate::receiver::{Receiver, black_hole};
use crate::report::{Latencies, cpu_us, row, slowest_ms};
use crate::scenarios::{destination, rule};

const HEALTHY: u64 = 50;
/// Of all healthy destinations together.
const PER_SECOND: u64 = 1_000;
const WAITING: u64 = 1_000_000;

pub(crate) async fn measure(scale: Scale) {
    let receiver = Receiver::start().await;
    let hole = black_hole().await;
    let mut rules: String = (0..HEALTHY).map(|number| rule(&format!("to-{number}"))).collect();
    rules.push_str(&rule("hole"));
    let mut destinations: String = (0..HEALTHY)
        .map(|number| destination(&format!("to-{number}"), receiver.address()))
        .collect();
    destinations.push_str(&destination("hole", hole));
    let definitions = format!("buses:\n  all:\n    rules:\n{rules}destinations:\n{destinations}");
    let (mut program, _) = Program::start(&definitions).await;

    // Connections are made and files grow in the first seconds of any program.
    told("at first", &program, &receiver, scale).await;
    told("without a dead one", &program, &receiver, scale).await;
    row("memory before", format_args!("{:.1} MiB", program.memory_mib()));

    let waiting = scale.events(WAITING);
    let load = Load {
        address: program.internal.clone(),
        requests: vec![publish("all", &batch(vec![event("hole"); 100]))],
        connections: 16,
    };
    let seconds = load.send(waiting / 100).await.seconds;
    row(
        &format!("events published to a destination that never answers: {waiting}"),
        format_args!("in {seconds:.1} s"),
    );
    told("with a dead one", &program, &receiver, scale).await;
    row("memory with those waiting", format_args!("{:.1} MiB", program.memory_mib()));

    let ready = program.kill_and_restart().await;
    row(
        "restart after `kill -9` until ready, with those waiting",
        format_args!("{} ms", ready.as_millis()),
    );
    told("after that restart", &program, &receiver, scale).await;
    row("memory after that restart", format_args!("{:.1} MiB", program.memory_mib()));
}

/// Publishes to the healthy ones at their rate, and tells how long deliveries took.
async fn told(when: &str, program: &Program, receiver: &Receiver, scale: Scale) {
    let (clock, time) = (receiver.clock(), scale.run * 2);
    let steady = Steady { address: program.internal.clone(), per_second: PER_SECOND, time };
    let (before, had) = (program.cpu(), receiver.count());
    let make = move |number: u64, now| {
        let name = format!("to-{}", number % HEALTHY);
        publish("all", &timed_event(&name, clock(now)))
    };
    steady.run(make).await;
    let events = PER_SECOND * time.as_secs();
    let count = receiver.wait_for(had + events, Duration::from_secs(30)).await - had;
    let cpu_us = cpu_us(program.cpu().saturating_sub(before), count);
    let latencies: Latencies = receiver.take_latencies();
    row(
        &format!("{HEALTHY} healthy destinations at {PER_SECOND} events/s together, {when}"),
        format_args!(
            "from publishing to the first byte {latencies}, slowest {:.1} ms; {count} of {events}; {cpu_us:.0} µs CPU each",
            slowest_ms(&latencies)
        ),
    );
}
