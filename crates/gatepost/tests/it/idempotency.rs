//! `Idempotency-Key` at the partners' door: what is sent again is carried out once.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use testkit::{Receiver, Reply, until};

use crate::program::{Answer, Program};

fn definitions(upstream: &str) -> String {
    format!(
        "
apis:
  parts:
    upstream: {upstream}
    timeout: 5s
    routes:
      POST /orders: {{ idempotency: optional, api_key: required }}
      POST /brief: {{ idempotency: optional, api_key: required, timeout: 1s }}
      POST /strict: {{ idempotency: required, api_key: required }}
      ANY /any: {{ idempotency: required, api_key: required }}
      POST /open: {{ idempotency: optional }}
      POST /plain: {{ api_key: required }}
  aws:
    base_path: /aws
    upstream: {upstream}
    errors: aws
    routes: {{ POST /orders: {{ idempotency: optional, api_key: required }} }}
  dead:
    base_path: /dead
    upstream: http://127.0.0.1:9
    routes: {{ POST /orders: {{ idempotency: optional, api_key: required }} }}
plans:
  wide: {{ rate: 10000/s, burst: 10000, quota: 100000/day }}
  small: {{ rate: 10000/s, burst: 10000, quota: 2/month }}
partners:
  cars: {{ plan: wide, api_keys: {{ one: {{}}, two: {{}}, small: {{ plan: small }} }} }}
  vans: {{ plan: wide, api_keys: {{ three: {{}} }} }}
"
    )
}

struct Door {
    program: Program,
    key: String,
}

impl Door {
    async fn open(upstream: &str) -> Self {
        let program = Program::start(&definitions(upstream)).await;
        let key = program.done(&["key", "value", "one"]);
        Self { program, key }
    }

    /// A POST under a key, by the first API key.
    async fn post(&self, path: &str, key: &str, body: &str) -> Answer {
        let headers = [("x-api-key", self.key.as_str()), ("idempotency-key", key)];
        self.program.call("POST", path, &headers, body).await
    }
}

/// A service that numbers the orders it makes.
async fn numbering() -> Receiver {
    Receiver::start(|before, _| {
        let reply = Reply::status(201).header("content-type", "text/plain").header("x-own", "yes");
        reply.body(&format!("order {}", before + 1))
    })
    .await
}

fn is_replay(answer: &Answer) -> bool {
    answer.header("idempotency-replayed") == "true"
}

fn check_refusal(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{code}: {}", answer.body);
    assert_eq!(answer.json()["type"], format!("urn:gatepost:problem:{code}"), "{}", answer.body);
}

/// A service that answers each request when it is told to, and makes an order of each.
struct Held {
    url: String,
    arrived: Arc<AtomicUsize>,
    go: Sender<()>,
}

impl Held {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (go, told) = channel();
        let arrived = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&arrived);
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                let mut seen = Vec::new();
                let mut buffer = [0; 4096];
                while !seen.ends_with(b"\r\n\r\n{}") {
                    match stream.read(&mut buffer) {
                        Ok(read @ 1..) => seen.extend_from_slice(&buffer[..read]),
                        _ => break,
                    }
                }
                let number = count.fetch_add(1, Ordering::SeqCst) + 1;
                if told.recv().is_err() {
                    return;
                }
                let answer = format!(
                    "HTTP/1.1 201 Created\r\ncontent-length: 7\r\nconnection: close\r\n\r\norder {number}"
                );
                // Whoever asked may have gone.
                drop(stream.write_all(answer.as_bytes()));
            }
        });
        Self { url, arrived, go }
    }

    async fn has(&self, requests: usize) {
        until("the service has the request", async || {
            (self.arrived.load(Ordering::SeqCst) == requests).then_some(())
        })
        .await;
    }
}

/// Sends a request under a key and does not wait for its answer.
fn send(door: &Door, path: &str, key: &str) -> TcpStream {
    let address = door.program.public.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nx-api-key: {}\r\nidempotency-key: {key}\r\ncontent-length: 2\r\n\r\n{{}}",
        door.key
    );
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

#[tokio::test]
async fn a_request_that_is_sent_again_is_carried_out_once_and_answered_again() {
    let upstream = numbering().await;
    let door = Door::open(&upstream.url()).await;
    let first = door.post("/orders", "\"k-1\"", r#"{"car":7}"#).await;
    assert_eq!((first.status, &*first.body, is_replay(&first)), (201, "order 1", false));
    // With or without quotes it is the same key.
    for key in ["\"k-1\"", "k-1", "\"k-1\""] {
        let again = door.post("/orders", key, r#"{"car":7}"#).await;
        assert_eq!((again.status, &*again.body, is_replay(&again)), (201, "order 1", true));
        for name in ["content-type", "x-own", "via"] {
            assert_eq!(again.header(name), first.header(name), "{name}");
        }
        assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
        assert!(!again.header("ratelimit").is_empty());
        let id = again.header("x-request-id").to_owned();
        let line = until("the log has the request", async || {
            door.program.lines("request").into_iter().find(|line| line["request_id"] == id)
        })
        .await;
        assert_eq!((&line["replayed"], &line["upstream_ms"]), (&true.into(), &().into()));
    }
    assert_eq!(upstream.got().len(), 1);
    assert_eq!(upstream.got()[0].header("idempotency-key"), "\"k-1\"", "it is passed on");
    assert_eq!(door.post("/orders", "k-2", r#"{"car":7}"#).await.body, "order 2");
}

#[tokio::test]
async fn without_a_key_or_a_rule_requests_pass_as_ever() {
    let upstream = numbering().await;
    let door = Door::open(&upstream.url()).await;
    let api_key = [("x-api-key", door.key.as_str())];
    for number in 1..=2 {
        let answer = door.program.call("POST", "/orders", &api_key, "{}").await;
        assert_eq!((answer.status, answer.body), (201, format!("order {number}")));
    }
    for number in 3..=4 {
        assert_eq!(door.post("/plain", "k", "{}").await.body, format!("order {number}"));
    }
    // What changes nothing needs no key, and is not answered out of the store.
    for number in 5..=6 {
        let headers = [api_key[0], ("idempotency-key", "k")];
        let answer = door.program.call("GET", "/any", &headers, "").await;
        assert_eq!(answer.body, format!("order {number}"));
    }
    assert_eq!(door.program.call("GET", "/any", &api_key, "").await.status, 201);
    for method in ["POST", "PATCH", "PUT", "DELETE"] {
        let answer = door.program.call(method, "/any", &api_key, "").await;
        check_refusal(&answer, 400, "idempotency-key-missing");
    }
}

#[tokio::test]
async fn a_key_is_one_of_a_caller_and_a_route_and_of_one_request() {
    let upstream = numbering().await;
    let door = Door::open(&upstream.url()).await;
    assert_eq!(door.post("/orders", "k", r#"{"car":7}"#).await.body, "order 1");
    for (path, body) in
        [("/orders", r#"{"car":8}"#), ("/orders?x=1", r#"{"car":7}"#), ("/orders", "")]
    {
        check_refusal(&door.post(path, "k", body).await, 422, "idempotency-key-reused");
    }
    assert_eq!(door.post("/brief", "k", r#"{"car":7}"#).await.body, "order 2");
    assert_eq!(door.post("/open", "k", r#"{"car":7}"#).await.body, "order 3");
    for (number, name) in [(4, "two"), (5, "three")] {
        let other = door.program.done(&["key", "value", name]);
        let headers = [("x-api-key", other.as_str()), ("idempotency-key", "k")];
        for replayed in [false, true] {
            let answer = door.program.call("POST", "/orders", &headers, r#"{"car":9}"#).await;
            assert_eq!((answer.status, &*answer.body), (201, &*format!("order {number}")));
            assert_eq!(is_replay(&answer), replayed);
        }
    }
    assert_eq!(upstream.got().len(), 5);
    // An answer to the first caller is still its own.
    assert_eq!(door.post("/orders", "k", r#"{"car":7}"#).await.body, "order 1");
}

#[tokio::test]
async fn what_is_no_key_is_refused() {
    let upstream = numbering().await;
    let door = Door::open(&upstream.url()).await;
    let long = "x".repeat(256);
    for key in ["", "\"\"", "a b", "\"a", "a,b", long.as_str()] {
        let answer = door.post("/orders", key, "{}").await;
        check_refusal(&answer, 400, "idempotency-key-invalid");
    }
    let twice =
        [("x-api-key", door.key.as_str()), ("idempotency-key", "a"), ("idempotency-key", "b")];
    let answer = door.program.call("POST", "/orders", &twice, "{}").await;
    check_refusal(&answer, 400, "idempotency-key-invalid");
    assert!(upstream.got().is_empty());
    let longest = "x".repeat(255);
    assert_eq!(door.post("/orders", &longest, "{}").await.status, 201);
    assert_eq!(door.post("/aws/orders", "a b", "{}").await.json()["message"], "Bad Request");
}

#[tokio::test]
async fn of_twins_one_is_carried_out_and_the_other_is_told_to_wait() {
    let upstream = Held::start();
    let door = Door::open(&upstream.url).await;
    let other = async {
        upstream.has(1).await;
        let twin = door.post("/orders", "k", "{}").await;
        check_refusal(&twin, 409, "idempotency-in-flight");
        assert_eq!(twin.header("retry-after"), "1");
        let different = door.post("/orders", "k", "[]").await;
        check_refusal(&different, 422, "idempotency-key-reused");
        upstream.go.send(()).unwrap();
    };
    let (first, ()) = tokio::join!(door.post("/orders", "k", "{}"), other);
    assert_eq!((first.status, &*first.body), (201, "order 1"));
    // The answer was kept before its last byte was given.
    let again = door.post("/orders", "k", "{}").await;
    assert_eq!((&*again.body, is_replay(&again)), ("order 1", true));
}

#[tokio::test]
async fn a_request_whose_caller_has_gone_is_carried_out_and_its_answer_waits() {
    let upstream = Held::start();
    let door = Door::open(&upstream.url).await;
    let caller = send(&door, "/orders", "k");
    upstream.has(1).await;
    drop(caller);
    // The gateway has seen that the caller is gone when the log would say so, or goes on regardless.
    check_refusal(&door.post("/orders", "k", "{}").await, 409, "idempotency-in-flight");
    upstream.go.send(()).unwrap();
    let answer = until("the answer is there", async || {
        let answer = door.post("/orders", "k", "{}").await;
        (answer.status != 409).then_some(answer)
    })
    .await;
    assert_eq!((answer.status, &*answer.body, is_replay(&answer)), (201, "order 1", true));
    assert_eq!(upstream.arrived.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn answers_are_given_again_after_a_kill() {
    let upstream = numbering().await;
    let mut door = Door::open(&upstream.url()).await;
    assert_eq!(door.post("/orders", "k", "{}").await.body, "order 1");
    door.program.kill_and_restart().await;
    let again = door.post("/orders", "k", "{}").await;
    assert_eq!((again.status, &*again.body, is_replay(&again)), (201, "order 1", true));
    assert_eq!(upstream.got().len(), 1);
}

#[tokio::test]
async fn what_was_under_way_at_a_kill_is_said_to_be_unknown_and_passes_again_after_its_time() {
    let upstream = Held::start();
    let mut door = Door::open(&upstream.url).await;
    let _caller = send(&door, "/brief", "k");
    upstream.has(1).await;
    door.program.kill_and_restart().await;
    let told = door.post("/brief", "k", "{}").await;
    check_refusal(&told, 409, "idempotency-unknown");
    let wait: u64 = told.header("retry-after").parse().unwrap();
    assert!((1..=11).contains(&wait), "{wait}");
    check_refusal(&door.post("/brief", "k", "[]").await, 422, "idempotency-key-reused");
    // The first one's answer reaches nobody.
    upstream.go.send(()).unwrap();
    upstream.go.send(()).unwrap();
    let answer = until("it is let through", async || {
        let answer = door.post("/brief", "k", "{}").await;
        if answer.status == 409 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            return None;
        }
        Some(answer)
    })
    .await;
    assert_eq!((answer.status, &*answer.body, is_replay(&answer)), (201, "order 2", false));
}

#[tokio::test]
async fn failures_are_not_kept_and_what_the_service_refuses_is() {
    let upstream = Receiver::start(|before, _| {
        let status = [503, 500, 404].get(before).copied().unwrap_or(201);
        Reply::status(status).body(&format!("{before}"))
    })
    .await;
    let door = Door::open(&upstream.url()).await;
    for (status, replayed) in [(503, false), (500, false), (404, false), (404, true)] {
        let answer = door.post("/orders", "k", "{}").await;
        assert_eq!((answer.status, is_replay(&answer)), (status, replayed));
    }
    assert_eq!(upstream.got().len(), 3);
    for _ in 0..2 {
        // Our own refusals neither: nobody has carried it out.
        let answer = door.post("/dead/orders", "k", "{}").await;
        assert!([502, 503].contains(&answer.status), "{}", answer.body);
    }
}

#[tokio::test]
async fn answers_of_any_length_pass_and_too_large_ones_are_known_to_have_been_given() {
    let large = "x".repeat((1 << 20) + 1);
    let upstream = {
        let large = large.clone();
        Receiver::start(move |_, got| match got.target.as_str() {
            "/orders" => Reply::status(201).body(&large),
            "/brief" => Reply::status(204),
            _ => Reply::status(200),
        })
        .await
    };
    let door = Door::open(&upstream.url()).await;
    let first = door.post("/orders", "k", "{}").await;
    assert!(first.status == 201 && first.body == large, "{}", first.status);
    let again = door.post("/orders", "k", "{}").await;
    check_refusal(&again, 409, "idempotency-not-kept");
    assert!(again.json()["detail"].as_str().unwrap().contains("status 201"), "{}", again.body);
    assert_eq!(again.header("retry-after"), "", "waiting does not help");
    for (path, status) in [("/brief", 204), ("/strict", 200)] {
        for replayed in [false, true] {
            let answer = door.post(path, "k", "{}").await;
            assert_eq!((answer.status, &*answer.body, is_replay(&answer)), (status, "", replayed));
        }
    }
    assert_eq!(upstream.got().len(), 3);
    // What is held until it is whole has a bound of its own.
    check_refusal(&door.post("/orders", "k-2", &large).await, 413, "body-too-large");
    let api_key = [("x-api-key", door.key.as_str())];
    assert_eq!(door.program.call("POST", "/orders", &api_key, &large).await.status, 201);
}

#[tokio::test]
async fn an_answer_that_is_given_again_costs_nothing_of_the_quota() {
    let upstream = numbering().await;
    let door = Door::open(&upstream.url()).await;
    let small = door.program.done(&["key", "value", "small"]);
    let post = async |key: &str| {
        let headers = [("x-api-key", small.as_str()), ("idempotency-key", key)];
        door.program.call("POST", "/orders", &headers, "{}").await
    };
    assert_eq!(post("a").await.body, "order 1");
    for _ in 0..3 {
        assert_eq!(post("a").await.body, "order 1");
    }
    assert_eq!(post("b").await.body, "order 2");
    for _ in 0..2 {
        // Refused, and so not begun: the key stays free.
        check_refusal(&post("c").await, 429, "quota-exceeded");
    }
    assert_eq!(post("a").await.body, "order 1", "also when nothing is left of it");
    assert_eq!(upstream.got().len(), 2);
}
