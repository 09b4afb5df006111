//! What is spoken with callers and services beside plain HTTP/1.1 exchanges: HTTP/2, gRPC,
//! WebSocket, answers that stream, and clients that are slow on purpose or very many.

mod grpc;
mod http2;
mod raw;
mod service;
mod slow;
mod streaming;
mod upstream;
mod websocket;

use std::io::Write as _;

use serde_json::Value;
use testkit::until;

use crate::program::Program;

/// One API that anybody may call and one that wants a token, both of the same service; `more` is what
/// else is in the file.
fn definitions(upstream: &str, more: &str) -> String {
    format!(
        "
apis:
  open:
    base_path: /open
    upstream: {upstream}
    body_max: 1GiB
    routes: {{ \"ANY /{{rest+}}\": {{}} }}
  closed:
    base_path: /closed
    upstream: {upstream}
    routes: {{ \"ANY /{{rest+}}\": {{ token: required }} }}
{more}
"
    )
}

/// Where the public door is.
fn address(program: &Program) -> &str {
    program.public.trim_start_matches("http://")
}

/// Waits for the log's line about the request of a path.
async fn logged(program: &Program, path: &str) -> Value {
    until("the request is in the log", async || {
        program.lines("request").into_iter().find(|line| line["path"] == path)
    })
    .await
}

/// What a client of somebody else's printed; none, and loudly, where it is not installed.
async fn run(client: &str, arguments: &[&str]) -> Option<String> {
    match tokio::process::Command::new(client).args(arguments).output().await {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{client} {arguments:?}: {errors}\n{text}");
            Some(text)
        }
        Err(error) => {
            // Written past the test's own output, which nobody sees of a test that passes.
            let note = format!("SKIPPED: {client} cannot be run on this machine: {error}\n");
            std::io::stderr().write_all(note.as_bytes()).unwrap();
            None
        }
    }
}
