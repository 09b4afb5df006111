//! What is told of requests: lines in the form that is asked for, trace spans, metrics.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{Receiver, Reply, until};

use crate::program::{Program, http};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";
const READ_AGAIN: &str = "the configuration was read again";

fn definitions(receiver: &Receiver) -> String {
    let address = receiver.address();
    format!(
        "
apis:
  open:
    base_path: /prod
    upstream: http://{address}
    scopes: {{ read: Read }}
    routes: {{ \"GET /things/{{rest+}}\": {{}} }}
partners:
  cars: {{ clients: {{ car-orders: {{ scopes: [open/read] }} }} }}
buses:
  orders:
    rules:
      everything:
        when: {{ source: [{{ prefix: \"\" }}] }}
        send: [{{ to: audit, retry: {{ attempts: 0 }} }}]
destinations:
  audit:
    request: POST http://{address}/audit
    allow_private: [127.0.0.0/8]
"
    )
}

async fn upstream() -> Receiver {
    Receiver::start(|_, _| Reply::status(200).body("ok")).await
}

/// Replaces the `log` of the file, and has it read again.
async fn log(program: &Program, section: &str) {
    let before = program.said(READ_AGAIN).len();
    program.rewrite(|text| {
        let others = text.lines().filter(|line| !line.starts_with("log:"));
        format!("{}\n{section}\n", others.collect::<Vec<_>>().join("\n"))
    });
    program.signal("-HUP");
    until("the file was read again", async || {
        (program.said(READ_AGAIN).len() > before).then_some(())
    })
    .await;
}

/// The next line of the log that contains a text.
async fn line_with(program: &Program, text: &str) -> String {
    until("the line is written", async || {
        let log = program.read("stdout");
        log.lines().find(|line| line.contains(text)).map(str::to_owned)
    })
    .await
}

fn keys(line: &str) -> Vec<String> {
    let line: Value = serde_json::from_str(line).unwrap();
    line.as_object().unwrap().keys().cloned().collect()
}

#[tokio::test]
async fn a_line_has_the_fields_that_are_asked_for_and_a_reload_changes_them() {
    let upstream = upstream().await;
    let program = Program::start(&definitions(&upstream)).await;
    let call = async |path: &str| {
        let headers = [("user-agent", "shop/1 \"x\""), ("referer", "https://shop.example/a")];
        let answer = program.call("GET", path, &headers, "").await;
        assert_eq!(answer.status, 200);
    };
    call("/prod/things/usual?code=hunter2").await;
    let usual = keys(&line_with(&program, "/prod/things/usual").await);
    assert!(!program.read("stdout").contains("hunter2"), "a query is not told unasked");
    // All of them by their names, in the usual order: the same line.
    log(&program, &format!("log: {{ fields: [{}] }}", usual[1..].join(", "))).await;
    call("/prod/things/same").await;
    assert_eq!(keys(&line_with(&program, "/prod/things/same").await), usual);
    log(
        &program,
        "log: { fields: [path, query, user_agent, referer, host, http_version, tls, upstream, retries, status] }",
    )
    .await;
    call("/prod/things/more?a=1").await;
    let line: Value =
        serde_json::from_str(&line_with(&program, "/prod/things/more").await).unwrap();
    let expected = json!({
        "kind": "request",
        "path": "/prod/things/more",
        "query": "a=1",
        "user_agent": "shop/1 \"x\"",
        "referer": "https://shop.example/a",
        "host": program.public.trim_start_matches("http://"),
        "http_version": "1.1",
        "tls": null,
        "upstream": upstream.address().to_string(),
        "retries": 0,
        "status": 200,
    });
    assert_eq!(line, expected);
    log(&program, "log: { requests: off }").await;
    call("/prod/things/silent").await;
    log(&program, "log: { requests: on }").await;
    call("/prod/things/again").await;
    line_with(&program, "/prod/things/again").await;
    assert!(!program.read("stdout").contains("/prod/things/silent"));
}

#[tokio::test]
async fn no_caller_makes_a_line_of_its_own() {
    let upstream = upstream().await;
    let program = Program::start(&definitions(&upstream)).await;
    log(&program, "log: { template: '{status} {method} {path} \"{user_agent}\" {{{partner}}}' }")
        .await;
    let forged = [("user-agent", "a\" 500\tGET /forged \"\\x0a")];
    program.call("GET", "/prod/things/a%0ab", &forged, "").await;
    let line = line_with(&program, "/prod/things/a").await;
    assert_eq!(line, r#"200 GET /prod/things/a%0ab "a\x22 500\x09GET /forged \x22\x5cx0a" {-}"#);
    log(&program, "log: { fields: [status, user_agent] }").await;
    program.call("GET", "/prod/things/b", &forged, "").await;
    let line = line_with(&program, "\"kind\":\"request\"").await;
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["user_agent"], forged[0].1);
    assert_eq!(line["status"], 200);
}

/// Starts a program that exports its spans to `collector`, with more of the environment.
async fn traced(receiver: &Receiver, collector: &str, more: &[(&'static str, &str)]) -> Program {
    let mut program = Program::start(&definitions(receiver)).await;
    program.environment = vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", PathBuf::from(collector)),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json".into()),
        ("OTEL_BSP_SCHEDULE_DELAY", "100".into()),
        ("OTEL_SERVICE_NAME", "tires".into()),
    ];
    program.environment.extend(more.iter().map(|(name, value)| (*name, PathBuf::from(value))));
    assert!(program.stop().success());
    program.start_again().await;
    program
}

/// All spans that the collector has got.
fn spans(collector: &Receiver) -> Vec<Value> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut spans = Vec::new();
    for got in collector.got() {
        for resource in list(&got.json()["resourceSpans"]) {
            for scope in list(&resource["scopeSpans"]) {
                spans.extend(list(&scope["spans"]));
            }
        }
    }
    spans
}

/// The span of this name and kind (2 server, 3 client, 4 producer).
async fn span(collector: &Receiver, name: &str, kind: u64) -> Value {
    until("the span is exported", async || {
        spans(collector).into_iter().find(|span| span["name"] == name && span["kind"] == kind)
    })
    .await
}

fn attribute(span: &Value, name: &str) -> String {
    let attributes = span["attributes"].as_array().unwrap();
    let found = attributes.iter().find(|attribute| attribute["key"] == name);
    let value = found.map_or(Value::Null, |attribute| attribute["value"].clone());
    let text = value["stringValue"].as_str().or(value["intValue"].as_str());
    text.unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_span_of_ours_joins_the_callers_and_the_services() {
    let (upstream, collector) =
        (upstream().await, Receiver::start(|_, _| Reply::status(200)).await);
    let secret = [("OTEL_EXPORTER_OTLP_HEADERS", "api-key=hunter2")];
    let program = traced(&upstream, &collector.url(), &secret).await;
    let theirs = format!("00-{TRACE}-{SPAN}-01");
    let headers = [("traceparent", &*theirs)];
    program.call("GET", "/prod/things/a?code=hunter3", &headers, "").await;
    let served = span(&collector, "GET /prod/things/{rest+}", 2).await;
    assert_eq!((&served["traceId"], &served["parentSpanId"]), (&TRACE.into(), &SPAN.into()));
    let call = span(&collector, "GET", 3).await;
    assert_eq!(call["parentSpanId"], served["spanId"]);
    let passed = upstream.got().pop().unwrap().header("traceparent").to_owned();
    assert_eq!(passed, format!("00-{TRACE}-{}-01", call["spanId"].as_str().unwrap()));
    for (name, value) in [
        ("http.request.method", "GET"),
        ("http.route", "/prod/things/{rest+}"),
        ("url.path", "/prod/things/a"),
        ("url.scheme", "http"),
        ("http.response.status_code", "200"),
        ("client.address", "127.0.0.1"),
        ("server.address", "127.0.0.1"),
        ("network.protocol.version", "1.1"),
        ("gatepost.api", "open"),
        ("gatepost.refusal", ""),
        ("error.type", ""),
    ] {
        assert_eq!(attribute(&served, name), value, "{name}");
    }
    let port = upstream.address().port().to_string();
    assert_eq!(attribute(&call, "server.port"), port);
    // A refusal is told with its code, and a caller's mistake is no error of ours.
    program.call("GET", "/prod/nothing", &headers, "").await;
    let refused = span(&collector, "GET", 2).await;
    assert_eq!(attribute(&refused, "gatepost.refusal"), "no-route");
    assert!(refused.get("status").is_none());
    let got = collector.got();
    assert!(got.iter().all(|got| got.header("api-key") == "hunter2" && got.target == "/v1/traces"));
    assert!(got.iter().all(|got| !got.body.contains("hunter")));
    assert!(!program.read("stderr").contains("hunter"));
    let resource = &got[0].json()["resourceSpans"][0]["resource"];
    assert_eq!(attribute(resource, "service.name"), "tires");
}

// The collector answers while the end of the program is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_continues_the_trace_of_its_event() {
    let (receiver, collector) =
        (upstream().await, Receiver::start(|_, _| Reply::status(200)).await);
    let mut program = traced(&receiver, &collector.url(), &[]).await;
    let theirs = format!("00-{TRACE}-{SPAN}-01");
    let event = json!({ "source": "a", "detail_type": "b", "detail": {}, "traceparent": theirs });
    assert_eq!(program.publish("orders", &event).await.0, 200);
    let published = span(&collector, "publish orders", 4).await;
    assert_eq!((&published["traceId"], &published["parentSpanId"]), (&TRACE.into(), &SPAN.into()));
    let attempt = span(&collector, "POST", 3).await;
    assert_eq!(attempt["parentSpanId"], published["spanId"]);
    assert_eq!(attribute(&attempt, "gatepost.destination"), "audit");
    let passed = receiver.got().pop().unwrap().header("traceparent").to_owned();
    assert_eq!(passed, format!("00-{TRACE}-{}-01", attempt["spanId"].as_str().unwrap()));
    // Of a token request too, and what waits at the end is not lost.
    let secret = program.done(&["client", "secret", "car-orders"]);
    program.token("car-orders", &secret, "open/read").await;
    assert!(program.stop().success());
    let token = span(&collector, "POST /oauth2/token", 2).await;
    assert_eq!(attribute(&token, "gatepost.client"), "car-orders");
}

// The collector answers while the end of the program is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_passed_on_as_sampled_is_what_is_exported() {
    let (upstream, collector) =
        (upstream().await, Receiver::start(|_, _| Reply::status(200)).await);
    let half =
        [("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0.5")];
    let mut program = traced(&upstream, &collector.url(), &half).await;
    for _ in 0..60 {
        program.call("GET", "/prod/things/a", &[], "").await;
    }
    // Who has decided is followed in both directions.
    for flags in ["00", "01"] {
        let theirs = format!("00-{TRACE}-{SPAN}-{flags}");
        program.call("GET", "/prod/things/a", &[("traceparent", &*theirs)], "").await;
    }
    assert!(program.stop().success());
    let passed: Vec<String> =
        upstream.got().iter().map(|got| got.header("traceparent").to_owned()).collect();
    let mut sampled: Vec<&str> =
        passed.iter().filter(|text| text.ends_with("-01")).map(|text| &text[3..35]).collect();
    let spans = spans(&collector);
    let served = spans.iter().filter(|span| span["kind"] == 2);
    let mut exported: Vec<&str> = served.map(|span| span["traceId"].as_str().unwrap()).collect();
    sampled.sort_unstable();
    exported.sort_unstable();
    assert_eq!(exported, sampled);
    assert!((10..=52).contains(&exported.len()), "{}", exported.len());
    assert_eq!(exported.iter().filter(|trace| **trace == TRACE).count(), 1);
}

#[tokio::test]
async fn a_collector_that_is_away_slows_no_request_and_no_end() {
    let upstream = upstream().await;
    // Nobody listens there any more.
    let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let mut program = traced(&upstream, &format!("http://{gone}"), &[]).await;
    for _ in 0..50 {
        let began = Instant::now();
        assert_eq!(program.call("GET", "/prod/things/a", &[], "").await.status, 200);
        assert!(began.elapsed() < Duration::from_secs(2));
    }
    let began = Instant::now();
    assert!(program.stop().success());
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
    assert_eq!(program.said("the collector takes no spans; they are dropped and counted").len(), 1);
}

#[tokio::test]
async fn a_batch_that_the_collector_cannot_take_now_is_sent_again() {
    let upstream = upstream().await;
    let collector = Receiver::start(|before, _| match before {
        0 => Reply::status(503).header("retry-after", "0"),
        _ => Reply::status(200),
    })
    .await;
    let program = traced(&upstream, &collector.url(), &[]).await;
    program.call("GET", "/prod/things/a", &[], "").await;
    let again = until("the batch comes again", async || {
        let got = collector.got();
        (got.len() >= 2).then_some(got)
    })
    .await;
    assert_eq!(again[0].body, again[1].body);
    until("both spans are counted once", async || {
        metrics(&program).await.contains("gatepost_spans_exported_total 2\n").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_setting_that_cannot_be_used_keeps_nobody_from_serving() {
    let upstream = upstream().await;
    let program = traced(&upstream, "hunter2", &[]).await;
    assert_eq!(program.call("GET", "/prod/things/a", &[], "").await.status, 200);
    let said = program.read("stderr");
    assert!(said.contains("OTEL_EXPORTER_OTLP_ENDPOINT is no `http` or `https` URL"), "{said}");
    assert!(!said.contains("hunter2"));
}

async fn metrics(program: &Program) -> String {
    let url = format!("{}/metrics", program.admin);
    http().get(url).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn the_metrics_tell_of_services_and_connections() {
    let upstream = upstream().await;
    let program = Program::start(&definitions(&upstream)).await;
    program.call("GET", "/prod/things/a", &[], "").await;
    let address = upstream.address();
    let expected = [
        "gatepost_upstream_duration_seconds_count{api=\"open\",route=\"/things/{rest+}\"} 1",
        "gatepost_upstream_retries_total{api=\"open\",route=\"/things/{rest+}\"} 0",
        &format!("gatepost_upstream_out{{api=\"open\",upstream=\"{address}\"}} 0"),
        "gatepost_requests_under_way 0",
        "gatepost_connections_open{door=\"admin\"} 1",
        "gatepost_tls_handshakes_failed_total{door=\"public\"} 0",
        "gatepost_door_cores{door=\"public\"} 1",
        "gatepost_connections_moved_total{door=\"public\"} 0",
    ];
    until("all of them are there", async || {
        let text = metrics(&program).await;
        expected.iter().all(|line| text.lines().any(|known| known == *line)).then_some(())
    })
    .await;
}
