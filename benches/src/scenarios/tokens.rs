//! Tokens: how many a second of the program's own CPU issues, over connections that stay, with the
//! log and the metrics on; and what one costs at the gateway, verified and remembered.
//!
//! ES256 is the only algorithm that signs today; another one is a row here.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Scale;
use crate::load::{Load, request};
use crate::program::Program;
use crate::receiver::Receiver;
use crate::report::{Latencies, cpu_us, row};
use crate::scenarios::{WARM_UP, checked};

const CONNECTIONS: usize = 64;
/// Tokens that the gateway has never seen. CPU time comes in hundredths of a second: of so many
/// that is a few percent.
const FRESH: u64 = 4_000;
const FORM: &str = "content-type: application/x-www-form-urlencoded\r\n";

pub(crate) async fn measure(scale: Scale) {
    let receiver = Receiver::start().await;
    let definitions = checked::definitions(&receiver.address().to_string(), 1, 0);
    let (program, _) = Program::start(&definitions).await;
    let secret = program.run(&["client", "secret", "bench"]);
    let grant = "grant_type=client_credentials";
    let basic = STANDARD.encode(format!("bench:{secret}"));
    let headers = format!("authorization: Basic {basic}\r\n{FORM}");
    let by_basic = request("POST", "/oauth2/token", &headers, grant);
    issued("tokens, ES256, secret by Basic", &program, by_basic, scale.run).await;
    let body = format!("{grant}&client_id=bench&client_secret={secret}");
    let by_body = request("POST", "/oauth2/token", FORM, &body);
    issued("tokens, ES256, secret in the body", &program, by_body, scale.run).await;

    let key = program.run(&["key", "value", &checked::key(0)]);
    let mut requests = Vec::new();
    for _ in 0..scale.events(FRESH) {
        requests.push(checked::request("/checked/x", &program.token(&secret).await, &key));
    }
    let count = requests.len() as u64;
    // One connection sends each exactly once; the second time all of them are remembered.
    let load = Load { address: program.public.clone(), requests, connections: 1 };
    for what in [
        "gateway, fully checked, each ES256 token for the first time",
        "gateway, fully checked, the same tokens again, remembered",
    ] {
        let before = program.cpu();
        load.send(count).await;
        let cpu_us = cpu_us(program.cpu().saturating_sub(before), count);
        row(what, format_args!("{cpu_us:.0} µs CPU each, {count} of them"));
    }
}

async fn issued(what: &str, program: &Program, request: Vec<u8>, time: Duration) {
    let load =
        Load { address: program.public.clone(), requests: vec![request], connections: CONNECTIONS };
    load.run(WARM_UP).await;
    let before = program.cpu();
    let outcome = load.run(time).await;
    let used = program.cpu().saturating_sub(before);
    let per_cpu_second = 1_000_000.0 / cpu_us(used, outcome.requests).max(0.001);
    let per_second = outcome.requests as f64 / outcome.seconds;
    let latencies = Latencies::of(outcome.latencies_us);
    row(what, format_args!("{per_cpu_second:.0} per CPU second; {per_second:.0}/s, {latencies}"));
}
