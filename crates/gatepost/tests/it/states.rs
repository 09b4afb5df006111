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

#[tokio::test]
async fn retry_after_pauses_every_lane_of_its_destination_and_no_neighbour() {
    let receiver = Receiver::start(|before, got| {
        let first = before == 0 && got.target.starts_with("/hook/");
        if first { Reply::status(503).header("retry-after", "3") } else { Reply::status(204) }
    })
    .await;
    let neighbour = format!(
        "  neighbour: {{ request: POST {}/neighbour/*, allow_private: [127.0.0.0/8] }}\n",
        receiver.url()
    );
    let rules = "      other:
        when: { source: [shop] }
        send: [{ to: hook, id: other, path: [$.detail.n], body: $.detail }]
      near:
        when: { source: [near] }
        send: [{ to: neighbour, path: [$.detail.n], body: $.detail }]
destinations:
";
    let file = definitions(&receiver, &neighbour).replace("destinations:\n", rules);
    let program = Program::start(&file).await;
    publish(&program, [1]).await;
    until("the pause has begun", async || {
        let attempts = rows(&program, &["deliveries", "list", "--json"]);
        attempts.iter().any(|attempt| attempt["status"] == 503).then_some(())
    })
    .await;
    publish(&program, [2]).await;
    let mut near = numbered("3");
    near["source"] = "near".into();
    program.publish("orders", &near).await;
    until("the neighbour is called", async || {
        (called(&receiver, "/neighbour/") == ["3"]).then_some(())
    })
    .await;
    assert_eq!(called(&receiver, "/hook/"), ["1"], "the pause holds both lanes");
    until("both lanes go on", async || (called(&receiver, "/hook/").len() == 5).then_some(()))
        .await;
}

#[tokio::test]
async fn a_negative_retry_after_ends_the_retries_of_that_event_alone() {
    let receiver = Receiver::start(|before, _| {
        if before == 0 {
            return Reply::status(503).header("retry-after", "-1");
        }
        Reply::status(204)
    })
    .await;
    let program = Program::start(&definitions(&receiver, "")).await;
    publish(&program, [1, 2]).await;
    until("the second is delivered", async || {
        (called(&receiver, "/hook/") == ["1", "2"]).then_some(())
    })
    .await;
    let letters = until("the first is given up", async || {
        Some(rows(&program, &["dead-letters", "list", "--json"])).filter(|rows| !rows.is_empty())
    })
    .await;
    assert_eq!(
        (&letters[0]["error_code"], &letters[0]["attempts"]),
        (&"HTTP_503".into(), &1.into())
    );
}
