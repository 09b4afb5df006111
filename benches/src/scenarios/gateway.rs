//! Starting, and the public door: proxying with and without checks, and tokens.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Scale;
use crate::load::{Load, request};
use crate::program::Program;
use crate::receiver::Receiver;
use crate::report::row;
use crate::scenarios::{checked, run};

const CONNECTIONS: usize = 64;

pub(crate) async fn measure(scale: Scale) {
    let receiver = Receiver::start().await;
    let definitions = checked::definitions(&receiver.address().to_string(), 1, 0);
    let (program, start_up) = Program::start(&definitions).await;
    row("start-up until ready, first start", format_args!("{} ms", start_up.as_millis()));
    row("memory, idle", format_args!("{:.1} MiB", program.memory_mib()));
    let secret = program.run(&["client", "secret", "bench"]);
    let key = program.run(&["key", "value", &checked::key(0)]);
    let token = program.token(&secret).await;
    let load = |request| Load {
        address: program.public.clone(),
        requests: vec![request],
        connections: CONNECTIONS,
    };
    let plain = load(request("GET", "/plain/x", "", ""));
    run("gateway, plain proxying", &program, &plain, scale.run).await;
    let checked = load(checked::request("/checked/x", &token, &key));
    let what = "gateway, fully checked: ES256 token, scope, API key, rate, quota, log, metrics";
    run(what, &program, &checked, scale.run).await;
    let basic = STANDARD.encode(format!("bench:{secret}"));
    let headers = format!(
        "authorization: Basic {basic}\r\ncontent-type: application/x-www-form-urlencoded\r\n"
    );
    let ask = load(request("POST", "/oauth2/token", &headers, "grant_type=client_credentials"));
    run("tokens issued, ES256, secret by Basic", &program, &ask, scale.run).await;
}
