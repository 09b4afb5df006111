//! What reaches the company's own service, and what returns.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;
use testkit::{Receiver, Reply, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::program::Program;

fn definitions(upstream: &str) -> String {
    format!(
        "
apis:
  open:
    base_path: /prod
    upstream: {upstream}/inner
    routes: {{ \"ANY /things/{{rest+}}\": {{}}, POST /things: {{}} }}
  tires:
    upstream: {upstream}
    scopes: {{ create.order: Create }}
    routes:
      POST /orders: {{ scopes: [tires/create.order], api_key: required }}
plans: {{ wide: {{ rate: 1000/s, burst: 100, quota: 1000/day }} }}
partners:
  cars:
    plan: wide
    clients: {{ car-orders: {{ scopes: [tires/create.order] }} }}
    api_keys: {{ cars: {{}} }}
"
    )
}

async fn credentials(program: &Program) -> (String, String) {
    let secret = program.done(&["client", "secret", "car-orders"]);
    let token = program.token("car-orders", &secret, "tires/create.order").await;
    (token, program.done(&["key", "value", "cars"]))
}

#[tokio::test]
async fn the_service_learns_who_calls_and_nothing_a_caller_claims() {
    let upstream = Receiver::start(|_, _| Reply::status(201)).await;
    let program = Program::start(&definitions(&upstream.url())).await;
    let (token, key) = credentials(&program).await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers = [
        ("authorization", &*format!("Bearer {token}")),
        ("x-api-key", &key),
        ("gatepost-partner", "somebody"),
        ("gatepost-client", "somebody"),
        ("gatepost-api-key-id", "somebody"),
        ("gatepost-scopes", "everything"),
        ("gatepost-admin", "yes"),
        ("Gatepost_Partner", "somebody"),
        ("x_forwarded_for", "192.0.2.1"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-host", "evil.example"),
        ("x-real-ip", "192.0.2.1"),
        ("forwarded", "for=192.0.2.1"),
        ("x-request-id", "theirs"),
        ("traceparent", trace),
        ("connection", "x-secret-hop"),
        ("x-secret-hop", "1"),
        ("te", "trailers"),
        ("x-kept", "yes"),
    ];
    let answer = program.call("POST", "/orders", &headers, r#"{"id":"7"}"#).await;
    assert_eq!(answer.status, 201);
    let got = upstream.got().pop().unwrap();
    assert_eq!(got.json(), json!({ "id": "7" }));
    for (name, value) in [
        ("gatepost-partner", "cars"),
        ("gatepost-client", "car-orders"),
        ("gatepost-scopes", "tires/create.order"),
        ("x-forwarded-for", "127.0.0.1"),
        ("forwarded", "for=127.0.0.1;proto=http"),
        ("x-request-id", answer.header("x-request-id")),
        ("via", "1.1 gatepost"),
        ("x-kept", "yes"),
    ] {
        assert_eq!(got.header(name), value, "{name}");
    }
    let listed: serde_json::Value =
        serde_json::from_str(&program.done(&["key", "list", "--json"])).unwrap();
    assert_eq!(got.header("gatepost-api-key-id"), listed["values"][0]["id"]);
    for name in [
        "gatepost_partner",
        "x_forwarded_for",
        "authorization",
        "x-api-key",
        "gatepost-admin",
        "x-real-ip",
        "x-secret-hop",
        "te",
    ] {
        assert!(!got.headers.contains_key(name), "{name}");
    }
    // The trace is continued, with a span of our own.
    let passed = got.header("traceparent");
    assert!(passed.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && passed != trace);
    assert_ne!(got.header("x-forwarded-host"), "evil.example");
}

#[tokio::test]
async fn path_query_method_status_headers_and_body_pass_unchanged() {
    let upstream = Receiver::start(|_, got| {
        Reply::status(409).header("x-own", "1").header("keep-alive", "1").body(&got.body)
    })
    .await;
    let program = Program::start(&definitions(&upstream.url())).await;
    for method in ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        let path = "/prod/things/a%20b/c?x=1&y=%2F";
        let answer = program.call(method, path, &[], "body").await;
        assert_eq!((answer.status, &*answer.body), (409, "body"), "{method}");
        assert_eq!((answer.header("x-own"), answer.header("keep-alive")), ("1", ""));
        let got = upstream.got().pop().unwrap();
        assert_eq!(
            (got.method.as_str(), &*got.target),
            (method, "/inner/things/a%20b/c?x=1&y=%2F")
        );
    }
    let answer = program.call("HEAD", "/prod/things/x", &[], "").await;
    assert_eq!((answer.status, &*answer.body), (409, ""));
}

#[tokio::test]
async fn bodies_are_streamed_both_ways() {
    let upstream = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", upstream.local_addr().unwrap());
    let program = Program::start(&definitions(&url)).await;
    let address = program.public.trim_start_matches("http://").to_owned();
    let (tell, told) = std::sync::mpsc::channel::<&str>();
    // The service answers after the first piece of the request's body, and its own answer comes in
    // two pieces: the second only when the caller has seen the first.
    let service = tokio::task::spawn_blocking(move || {
        let upstream = upstream.into_std().unwrap();
        upstream.set_nonblocking(false).unwrap();
        let (mut stream, _) = upstream.accept().unwrap();
        let mut seen = String::new();
        let mut buffer = [0; 4096];
        while !seen.contains("first") {
            let count = stream.read(&mut buffer).unwrap();
            seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\none").unwrap();
        assert_eq!(told.recv().unwrap(), "saw one");
        stream.write_all(b"two").unwrap();
    });
    let caller = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let head = "POST /prod/things HTTP/1.1\r\nhost: x\r\ncontent-length: 11\r\n\r\nfirst";
        stream.write_all(head.as_bytes()).unwrap();
        let mut seen = String::new();
        let mut buffer = [0; 4096];
        while !seen.ends_with("one") {
            let count = stream.read(&mut buffer).unwrap();
            assert!(count > 0, "{seen}");
            seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        tell.send("saw one").unwrap();
        stream.write_all(b"second").unwrap();
        while !seen.ends_with("onetwo") {
            let count = stream.read(&mut buffer).unwrap();
            assert!(count > 0, "{seen}");
            seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    });
    caller.await.unwrap();
    service.await.unwrap();
}

#[tokio::test]
async fn a_body_without_a_length_is_cut_at_its_bound() {
    let upstream = Receiver::start(|_, _| Reply::status(200)).await;
    let file = definitions(&upstream.url())
        .replace("base_path: /prod", "base_path: /prod\n    body_max: 1KiB");
    let program = Program::start(&file).await;
    let mut stream = TcpStream::connect(program.public.trim_start_matches("http://")).unwrap();
    let head = "POST /prod/things HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let chunk = format!("200\r\n{}\r\n", "x".repeat(512));
    for _ in 0..4 {
        // The door may close before the last piece.
        drop(stream.write_all(chunk.as_bytes()));
    }
    let mut answer = String::new();
    drop(stream.read_to_string(&mut answer));
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_spelling_finds_no_weaker_route() {
    let upstream = Receiver::start(|_, _| Reply::status(204)).await;
    let file = definitions(&upstream.url()).replace(
        "      POST /orders: { scopes: [tires/create.order], api_key: required }\n",
        "      POST /orders: { scopes: [tires/create.order], api_key: required }\n      ANY /{rest+}: {}\n",
    );
    let program = Program::start(&file).await;
    assert_eq!(program.call_raw("POST", "/elsewhere").status, 204);
    assert_eq!(program.call_raw("POST", "/orders").status, 401);
    for path in ["/%6Frders", "//orders", "/orders/", "/orders;x=1", "/orders;x/", "/./orders"] {
        assert_eq!(program.call_raw("POST", path).status, 400, "{path}");
    }
    assert_eq!(program.call_raw("CONNECT", "/elsewhere").status, 405);
    assert_eq!(upstream.got().len(), 1, "a protected route was reached");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_can_be_taken_apart_in_two_ways_are_refused() {
    let upstream = Receiver::start(|_, _| Reply::status(204)).await;
    let program = Program::start(&definitions(&upstream.url())).await;
    for head in [
        "POST /prod/things HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc",
        "GET /prod/things/x HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n",
        "GET /prod/things/x HTTP/1.1\r\n\r\n",
        "GET /prod/things/x HTTP/1.1\r\nhost: x\r\na: b\r\n c\r\n\r\n",
        // Both framings at once (RFC 9112 §6.1).
        "POST /prod/things HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n5\r\nwhole\r\n0\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(program.public.trim_start_matches("http://")).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 400"), "{head:?}: {answer}");
    }
    assert!(upstream.got().is_empty());
}

#[tokio::test]
async fn a_caller_that_goes_away_is_in_the_log_too() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let program = Program::start(&definitions(&url)).await;
    let mut stream = TcpStream::connect(program.public.trim_start_matches("http://")).unwrap();
    stream.write_all(b"GET /prod/things/y HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let held = silent.accept().await.unwrap();
    drop(stream);
    let line = until("the log has it", async || {
        program.lines("request").into_iter().find(|line| line["path"] == "/prod/things/y")
    })
    .await;
    assert_eq!((&line["status"], &line["refusal"]), (&499.into(), &"caller-gone".into()));
    drop(held);
}

#[tokio::test]
async fn an_upstream_connection_closed_while_idle_costs_no_request() {
    let upstream = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", upstream.local_addr().unwrap());
    let program = Program::start(&definitions(&url)).await;
    // Each connection answers one request as if it could stay, then closes.
    let service = tokio::spawn(async move {
        while let Ok((mut stream, _)) = upstream.accept().await {
            let mut buffer = [0; 4096];
            if stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {
                drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await);
            }
        }
    });
    for _ in 0..30 {
        let answer = program.call("POST", "/prod/things", &[], "body").await;
        assert_eq!((answer.status, &*answer.body), (200, "ok"));
    }
    service.abort();
}

#[tokio::test]
async fn a_reload_and_a_stop_lose_no_request_under_way() {
    let upstream = Receiver::start(|_, _| Reply::status(200).body("ok")).await;
    let mut program = Program::start(&definitions(&upstream.url())).await;
    assert_eq!(program.call("GET", "/prod/new", &[], "").await.status, 404);
    program.rewrite(|file| file.replace("POST /things: {}", "POST /things: {}, GET /new: {}"));
    program.signal("-HUP");
    until("the new route is there", async || {
        (program.call("GET", "/prod/new", &[], "").await.status == 200).then_some(())
    })
    .await;
    // A bad file leaves everything as it is, and the log says what is wrong.
    program.rewrite(|file| file.replace("rate: 1000/s", "rate: fast"));
    program.signal("-HUP");
    until("the mistake is in the log", async || {
        program.read("stderr").contains("was not taken over").then_some(())
    })
    .await;
    assert_eq!(program.call("GET", "/prod/new", &[], "").await.status, 200);

    let slow = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", slow.local_addr().unwrap());
    program
        .rewrite(|file| file.replace("rate: fast", "rate: 1000/s").replace(&upstream.url(), &url));
    program.signal("-HUP");
    let address = format!("{}/prod/new", program.public);
    let asked = tokio::spawn(crate::program::http().get(address).send());
    // The request may still go to the old service if the reload has not happened: ask until it
    // arrives at the slow one.
    let accepted = tokio::time::timeout(std::time::Duration::from_secs(2), slow.accept()).await;
    let (asked, mut stream) = if let Ok(accepted) = accepted {
        (asked, accepted.unwrap().0)
    } else {
        assert_eq!(asked.await.unwrap().unwrap().status(), 200);
        let address = format!("{}/prod/new", program.public);
        let asked = tokio::spawn(crate::program::http().get(address).send());
        (asked, slow.accept().await.unwrap().0)
    };
    let mut buffer = [0; 4096];
    assert!(stream.read(&mut buffer).await.unwrap() > 0);
    program.signal("-TERM");
    until("the program drains", async || {
        crate::program::http().get(&program.public).send().await.is_err().then_some(())
    })
    .await;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate").await.unwrap();
    assert_eq!(asked.await.unwrap().unwrap().text().await.unwrap(), "late");
    drop(stream);
    assert!(program.ended().success());
}
