//! Publishing: events accepted durably, by one publisher who waits for each answer and by many who
//! share a flush.

use crate::Scale;
use crate::load::{Load, batch, event, publish};
use crate::program::Program;
use crate::report::row;
use crate::scenarios::run;

pub(crate) async fn measure(scale: Scale) {
    let (program, _) = Program::start("buses: { quiet: { rules: {} } }\n").await;
    let load = |body: &str, connections| Load {
        address: program.internal.clone(),
        requests: vec![publish("quiet", body)],
        connections,
    };
    for publishers in [1, 64, 512] {
        let what = format!("events accepted durably, one per request, publishers: {publishers}");
        run(&what, &program, &load(&event("bench"), publishers), scale.run).await;
    }
    let hundred = batch(vec![event("bench"); 100]);
    let what = "requests of 100 events, accepted durably, publishers: 64";
    run(what, &program, &load(&hundred, 64), scale.run).await;
    row("memory, after publishing", format_args!("{:.1} MiB", program.memory_mib()));
}
