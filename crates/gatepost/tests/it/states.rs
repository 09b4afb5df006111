//! What destinations and rules go through: answers judged by their own table, pauses, switched off
//! and on again, over restarts.

use serde_json::{Value, json};
use testkit::{Receiver, Reply, until};

use crate::program::Program;

/// A rule `all` that sends every event of the bus to `hook`, one call at a time; `more` is put into
/// the destination.
fn definitions(receiver: &Receiver, more: &str) -> String {
    format!(
        "
buses:
  orders:
    rules:
      all:
        when: {{ source: [shop] }}
        send: [{{ to: hook, path: [$.detail.n], body: $.detail, retry: {{ delays: [50ms, 50ms] }} }}]
destinations:
  hook:
    request: POST {}/hook/*
    allow_private: [127.0.0.0/8]
    in_flight: 1
{more}",
        receiver.url()
    )
}

fn numbered(n: &str) -> Value {
    json!({ "source": "shop", "detail_type": "Numbered", "detail": { "n": n } })
}

async fn publish(program: &Program, numbers: impl IntoIterator<Item = u32>) {
    let entries: Vec<_> = numbers.into_iter().map(|number| numbered(&number.to_string())).collect();
    let (status, answer) = program.publish("orders", &json!({ "entries": entries })).await;
    assert_eq!((status, &answer["failed"]), (200, &0.into()));
}

/// The last parts of the paths that were called, in order.
fn called(receiver: &Receiver, path: &str) -> Vec<String> {
    let got = receiver.got();
    let targets = got.iter().filter_map(|got| got.target.strip_prefix(path));
    targets.map(str::to_owned).collect()
}

fn rows(program: &Program, arguments: &[&str]) -> Vec<Value> {
    let text = program.done(arguments);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_destination_judges_statuses_by_its_own_table() {
    let receiver = Receiver::start(|_, got| {
        let status = got.target.strip_prefix("/hook/").and_then(|status| status.parse().ok());
        Reply::status(status.unwrap_or(500))
    })
    .await;
    let table = "    retry_on: { 404: retry, 409: dead_letter, 5xx: dead_letter, 503: retry }\n";
    let program = Program::start(&definitions(&receiver, table)).await;
    publish(&program, [204, 404, 409, 500, 503, 429, 400]).await;
    let letters = until("all that fail are given up", async || {
        let letters = rows(&program, &["dead-letters", "list", "--json"]);
        (letters.len() == 6).then_some(letters)
    })
    .await;
    let mut attempts: Vec<_> = letters
        .iter()
        .map(|letter| {
            let code = letter["error_code"].as_str().unwrap().to_owned();
            (code, letter["attempts"].as_u64().unwrap())
        })
        .collect();
    attempts.sort();
    let expected = [
        ("HTTP_400", 1),
        ("HTTP_404", 3),
        ("HTTP_409", 1),
        ("HTTP_429", 3),
        ("HTTP_500", 1),
        ("HTTP_503", 3),
    ];
    assert_eq!(attempts, expected.map(|(code, count)| (code.to_owned(), count)));
}
