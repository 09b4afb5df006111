//! Starting, and the public door: proxying with and without checks, and tokens.

use crate::Scale;
use crate::load::{Load, request};
use crate::program::{Program, base64};
use crate::receiver::Receiver;
use crate::report::row;
use crate::scenarios::run;

const CONNECTIONS: usize = 64;

pub(crate) async fn measure(scale: Scale) {
    let receiver = Receiver::start().await;
    let (program, start_up) = Program::start(&definitions(&receiver)).await;
    row("start-up until ready, first start", format_args!("{} ms", start_up.as_millis()));
    row("memory, idle", format_args!("{:.1} MiB", program.memory_mib()));
    let secret = program.run(&["client", "secret", "bench"]);
    let key = program.run(&["key", "value", "bench"]);
    let token = program.token(&secret).await;
    let load =
        |request| Load { address: program.public.clone(), request, connections: CONNECTIONS };
    let plain = load(request("GET", "/plain/x", "", ""));
    run("gateway, plain proxying", &program, &plain, scale.run).await;
    let headers = format!("authorization: Bearer {token}\r\nx-api-key: {key}\r\n");
    let checked = load(request("GET", "/checked/x", &headers, ""));
    let what = "gateway, fully checked: ES256 token, scope, API key, rate, quota, log, metrics";
    run(what, &program, &checked, scale.run).await;
    let basic = base64(&format!("bench:{secret}"));
    let headers = format!(
        "authorization: Basic {basic}\r\ncontent-type: application/x-www-form-urlencoded\r\n"
    );
    let ask = load(request("POST", "/oauth2/token", &headers, "grant_type=client_credentials"));
    run("tokens issued, ES256, secret by Basic", &program, &ask, scale.run).await;
}

fn definitions(receiver: &Receiver) -> String {
    let receiver = receiver.address();
    format!(
        "apis:
  plain: {{ base_path: /plain, upstream: \"http://{receiver}\", routes: {{ GET /x: {{}} }} }}
  checked:
    base_path: /checked
    upstream: http://{receiver}
    scopes: {{ call: Call }}
    routes: {{ GET /x: {{ scopes: [checked/call], api_key: required }} }}
plans: {{ wide: {{ rate: 1000000/s, burst: 1000000, quota: 1000000000/month }} }}
partners:
  bench: {{ plan: wide, clients: {{ bench: {{ scopes: [checked/call] }} }}, api_keys: {{ bench: {{}} }} }}
"
    )
}
