//! Usage: what passed the gateway is counted, kept, and shown to whoever bills.

use serde_json::Value;
use testkit::{Receiver, Reply, until};

use crate::program::Program;

/// Two partners with a key each; the plan of one lets two requests through.
fn definitions(upstream: &Receiver) -> String {
    format!(
        "
apis:
  tires:
    upstream: {}
    routes:
      POST /orders: {{ api_key: required }}
      GET /orders/{{id}}: {{ api_key: required }}
issuers:
  azure:
    issuer: https://login.example/tenant
    jwks_url: http://127.0.0.1:9/keys
    audiences: [api://tires]
    clients: {{ 6f1e: cars }}
    allow_private: [127.0.0.0/8]
plans:
  wide: {{ rate: 1000/s, burst: 100 }}
  narrow: {{ rate: 1/h, burst: 2 }}
partners:
  cars: {{ plan: wide, clients: {{ car-orders: {{}} }}, api_keys: {{ cars: {{}} }} }}
  bikes: {{ plan: narrow, api_keys: {{ bikes: {{}} }} }}
",
        upstream.url()
    )
}

/// Makes what is asked for, and finds nothing.
async fn service() -> Receiver {
    Receiver::start(|_, got| {
        if got.method == "POST" { Reply::status(201).body("made") } else { Reply::status(404) }
    })
    .await
}

fn rows(program: &Program, arguments: &[&str]) -> Vec<Value> {
    let text = program.done(&[&["usage", "--json"][..], arguments].concat());
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The numbers of the only row with such a member.
fn numbers<const N: usize>(rows: &[Value], part: (&str, Value), members: [&str; N]) -> [u64; N] {
    let (name, value) = part;
    let found: Vec<_> = rows.iter().filter(|row| row[name] == value).collect();
    let [row] = found[..] else { panic!("{name} is {value} in: {rows:?}") };
    members.map(|member| row[member].as_u64().unwrap_or_else(|| panic!("{member} in {row}")))
}

fn requests(rows: &[Value]) -> u64 {
    rows.iter().map(|row| row["requests"].as_u64().unwrap()).sum()
}

/// Waits until so many requests are kept.
async fn kept(program: &Program, expected: u64) {
    until("usage is kept", async || {
        let found = requests(&rows(program, &["--by", ""]));
        assert!(found <= expected, "{found} were counted, and {expected} made");
        (found == expected).then_some(())
    })
    .await;
}

async fn order(program: &Program, key: &str, times: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..times {
        let answer = program.call("POST", "/orders", &[("x-api-key", key)], "{}").await;
        statuses.push(answer.status);
    }
    statuses
}

#[tokio::test]
async fn usage_is_counted_per_partner_and_survives_a_kill() {
    let upstream = service().await;
    let mut program = Program::start(&definitions(&upstream)).await;
    let (cars, bikes) =
        (program.done(&["key", "value", "cars"]), program.done(&["key", "value", "bikes"]));
    assert_eq!(order(&program, &cars, 3).await, [201, 201, 201]);
    assert_eq!(order(&program, &bikes, 3).await, [201, 201, 429]);
    assert_eq!(program.call("GET", "/orders/7", &[("x-api-key", &cars)], "").await.status, 404);
    assert_eq!(program.call("POST", "/orders", &[], "{}").await.status, 403);
    kept(&program, 8).await;
    let check = |program: &Program, more: u64| {
        let found = rows(program, &[]);
        let members = ["requests", "errors", "refused", "limited", "bytes_in"];
        let of = |partner: Value| numbers(&found, ("partner", partner), members);
        assert_eq!(of("cars".into()), [4 + more, 1, 0, 0, 6 + 2 * more]);
        let [requests, errors, refused, limited, _] = of("bikes".into());
        assert_eq!([requests, errors, refused, limited], [3, 1, 1, 1]);
        let [requests, errors, refused, limited, _] = of(Value::Null);
        assert_eq!([requests, errors, refused, limited], [1, 1, 1, 0]);
        let routes = rows(program, &["--by", "route", "--partner", "cars"]);
        assert_eq!(
            numbers(&routes, ("route", "POST /orders".into()), ["requests", "bytes_out"]),
            [3 + more, 4 * (3 + more)]
        );
        let one = numbers(&routes, ("route", "GET /orders/{id}".into()), ["requests", "errors"]);
        assert_eq!(one, [1, 1]);
    };
    check(&program, 0);
    program.kill_and_restart().await;
    check(&program, 0);
    assert_eq!(order(&program, &cars, 1).await, [201]);
    kept(&program, 9).await;
    check(&program, 1);
    for grain in ["minute", "hour", "day"] {
        let by = ["--grain", grain, "--by", "period,key"];
        assert_eq!(requests(&rows(&program, &by)), 9, "{grain}");
    }
    let from = ["--from", "2020-01-01T00:00:00Z", "--until", "2020-02-01T00:00:00Z"];
    assert_eq!(rows(&program, &from), Vec::<Value>::new());
}

#[tokio::test]
async fn an_orderly_end_keeps_the_last_request() {
    let upstream = service().await;
    let mut program = Program::start(&definitions(&upstream)).await;
    let cars = program.done(&["key", "value", "cars"]);
    for expected in [5, 10] {
        assert_eq!(order(&program, &cars, 5).await, [201; 5]);
        assert!(program.stop().success());
        program.start_again().await;
        assert_eq!(requests(&rows(&program, &["--api", "tires"])), expected);
    }
}

#[tokio::test]
async fn usage_is_a_table_for_people_and_csv_for_billing() {
    let upstream = service().await;
    let program = Program::start(&definitions(&upstream)).await;
    let cars = program.done(&["key", "value", "cars"]);
    order(&program, &cars, 2).await;
    kept(&program, 2).await;
    let table = program.done(&["usage", "--by", "partner,api", "--last", "1h"]);
    let lines: Vec<Vec<&str>> =
        table.lines().map(|line| line.split_whitespace().collect()).collect();
    let heads = "PARTNER API REQUESTS ERRORS REFUSED LIMITED IN OUT P50 P99 TREND";
    assert_eq!(lines[0].join(" "), heads);
    assert_eq!(lines[1][..6], ["cars", "tires", "2", "0", "0", "0"]);
    assert_eq!(lines.len(), 2, "{table}");
    let csv = program.done(&["usage", "--csv", "--by", "partner,route", "--grain", "day"]);
    let lines: Vec<_> = csv.lines().collect();
    assert!(lines[0].starts_with("from,until,partner,client,key,api,route,requests,"), "{csv}");
    assert!(lines[1].contains(",cars,,,,POST /orders,2,2,0,0,0,0,0,0,4,8,"), "{csv}");
    assert_eq!(lines.len(), 2, "{csv}");
    let output = program.run(&["usage", "--csv", "--json"]);
    assert_eq!(output.status.code(), Some(2), "one form at a time");
}

#[tokio::test]
async fn what_has_no_usage_is_no_mistake_unless_there_is_nothing_of_that_name() {
    let upstream = service().await;
    let program = Program::start(&definitions(&upstream)).await;
    for there in [
        ["--partner", "bikes"],
        ["--client", "car-orders"],
        ["--key", "bikes"],
        ["--api", "tires"],
        ["--client", "6f1e"],
        ["--route", "GET /orders/{id}"],
        ["--route", ""],
        // Of which it is not known, and those that were too many to be told apart.
        ["--client", ""],
        ["--client", "(others)"],
        ["--partner", "(others)"],
    ] {
        let output = program.run(&[&["usage"][..], &there].concat());
        assert!(output.status.success() && output.stdout.is_empty(), "{there:?}");
    }
    for (asked, says) in [
        (["--partner", "carz"], "There is no partner `carz`. Did you mean `cars`?"),
        (["--client", "car-order"], "There is no client `car-order`. Did you mean `car-orders`?"),
        (["--key", "bike"], "There is no API key `bike`. Did you mean `bikes`?"),
        (["--api", "tyres"], "There is no API `tyres`. Did you mean `tires`?"),
        (["--client", "entirely-another"], "There is no client `entirely-another`.\n"),
        (
            ["--route", "POST /order"],
            "There is no route `POST /order`. Did you mean `POST /orders`?",
        ),
    ] {
        for form in [&[][..], &["--json"], &["--csv"]] {
            let output = program.run(&[&["usage"][..], &asked, form].concat());
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(1), "{asked:?} {form:?}: {said}");
            assert!(said.contains(says), "{asked:?} {form:?}: {said}");
        }
    }
}
