//! How long an event is on its way at a modest rate: from the moment its publisher sends it to the
//! first byte of its delivery, a durable write in between.

use std::time::Duration;

use crate::Scale;
use crate::load::{Steady, publish, timed_event};
use crate::program::Program;
use crate::receiver::Receiver;
use crate::report::{cpu_us, row, slowest_ms};
use crate::scenarios::{destination, rule};

const PER_SECOND: u64 = 1_000;

pub(crate) async fn measure(scale: Scale) {
    let receiver = Receiver::start().await;
    let definitions = format!(
        "buses:\n  steady:\n    rules:\n{}destinations:\n{}",
        rule("one"),
        destination("one", receiver.address())
    );
    let (program, _) = Program::start(&definitions).await;
    let clock = receiver.clock();
    let time = scale.run * 2;
    let steady = Steady { address: program.internal.clone(), per_second: PER_SECOND, time };
    let before = program.cpu();
    steady.run(move |_, now| publish("steady", &timed_event("one", clock(now)))).await;
    let events = PER_SECOND * time.as_secs();
    receiver.wait_for(events, Duration::from_secs(30)).await;
    let cpu_us = cpu_us(program.cpu().saturating_sub(before), events);
    let latencies = receiver.take_latencies();
    row(
        &format!("from publishing to the delivery's first byte, at {PER_SECOND} events/s"),
        format_args!(
            "{latencies}, slowest {:.1} ms, of {}; {cpu_us:.0} µs CPU each",
            slowest_ms(&latencies),
            latencies.count()
        ),
    );
}
