//! Delivering: from publishing to a receiver's answer, over HTTP, each delivery signed, with events
//! waiting in the log.

use std::time::{Duration, Instant};

use crate::Scale;
use crate::load::{Load, batch, event, publish};
use crate::program::Program;
use crate::receiver::Receiver;
use crate::report::{cpu_us, row};
use crate::scenarios::{destination, rule};

/// Events for each destination.
const EVENTS: u64 = 20_000;
/// The end of a measurement that does not come to its own.
const LONGEST: Duration = Duration::from_mins(2);

pub(crate) async fn measure(scale: Scale) {
    for destinations in [1, 8] {
        deliver(scale, destinations).await;
    }
}

async fn deliver(scale: Scale, destinations: u64) {
    let receiver = Receiver::start().await;
    let names: Vec<String> = (0..destinations).map(|number| format!("to-{number}")).collect();
    let mut definitions = "buses:\n  loud:\n    rules:\n".to_owned();
    definitions.extend(names.iter().map(|name| rule(name)));
    definitions.push_str("destinations:\n");
    definitions.extend(names.iter().map(|name| destination(name, receiver.address())));
    let (program, _) = Program::start(&definitions).await;
    let events = scale.events(EVENTS) / 100 * 100 * destinations;
    let hundred = batch(names.iter().cycle().take(100).map(|name| event(name)));
    let load = Load {
        address: program.internal.clone(),
        requests: vec![publish("loud", &hundred)],
        connections: 1,
    };
    let before = program.cpu();
    let began = Instant::now();
    let published = load.send(events / 100).await.seconds;
    let count = receiver.wait_for(events, LONGEST).await;
    let seconds = began.elapsed().as_secs_f64();
    let cpu_us = cpu_us(program.cpu().saturating_sub(before), count);
    row(
        &format!(
            "events delivered end to end over HTTP, {count} of {events}, destinations: {destinations}"
        ),
        format_args!(
            "{:.0}/s, {cpu_us:.0} µs CPU each (publishing took {published:.1} s)",
            count as f64 / seconds
        ),
    );
    row("memory, after delivering", format_args!("{:.1} MiB", program.memory_mib()));
}
