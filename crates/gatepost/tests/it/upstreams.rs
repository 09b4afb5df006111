//! The services behind an API: several addresses, those that fail and come back, retries and their
//! budget, canaries, header rules, CORS, cookies.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use testkit::{Receiver, Reply, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::client::{HERE, Line, code, connect};
use crate::program::Program;

/// A service that takes every call whole, and then answers it or breaks off.
struct Moody {
    url: String,
    calls: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Moody {
    /// `answers` is given how many calls came before.
    async fn start(answers: impl Fn(usize) -> bool + Send + Sync + 'static) -> Self {
        Self::slow(Duration::ZERO, answers).await
    }

    /// The same, after a pause.
    async fn slow(
        pause: Duration,
        answers: impl Fn(usize) -> bool + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (calls, answers) = (Arc::<AtomicUsize>::default(), Arc::new(answers));
        let counted = Arc::clone(&calls);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, pause, (Arc::clone(&counted), Arc::clone(&answers))));
            }
        });
        Self { url, calls, task }
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Drop for Moody {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve<F>(
    mut stream: TcpStream,
    pause: Duration,
    (calls, answers): (Arc<AtomicUsize>, Arc<F>),
) where
    F: Fn(usize) -> bool + Send + Sync + 'static,
{
    let mut read = Vec::new();
    while let Ok(1..) = stream.read_buf(&mut read).await {
        if !is_whole(&read) {
            continue;
        }
        read.clear();
        let before = calls.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(pause).await;
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nmoody";
        if !answers(before) || stream.write_all(answer).await.is_err() {
            return;
        }
    }
}

/// Whether a request's head is there, and the body of the length it tells.
fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let mut lengths = head.lines().filter_map(|line| line.strip_prefix("content-length: "));
    let length = lengths.next().map_or(0, |length| length.parse().unwrap());
    body.len() >= length
}

/// A service that always answers with its name.
async fn named(name: &'static str) -> Receiver {
    Receiver::start(move |_, _| Reply::status(200).body(name)).await
}

/// An address where nobody listens, as long as the socket lives.
fn nobody() -> (TcpSocket, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    (socket, url)
}

/// An API under `/NAME` with a route for everything; `upstream` and what else it has is given.
fn api(name: &str, upstream: &str) -> String {
    let routes = "routes: { \"ANY /{rest+}\": {} }";
    format!("  {name}:\n    base_path: /{name}\n    {routes}\n    upstream: {upstream}\n")
}

/// Only the calls, and not the questions how it is.
fn calls(receiver: &Receiver) -> usize {
    receiver.got().iter().filter(|got| got.target != "/health").count()
}

#[tokio::test]
async fn calls_are_spread_evenly_over_the_addresses() {
    let services = [named("a").await, named("b").await, named("c").await];
    let urls = services.each_ref().map(Receiver::url).join(", ");
    let program =
        Program::start(&format!("apis:\n{}", api("x", &format!("{{ to: [{urls}] }}")))).await;
    let mut line = Line::to(&program).await;
    for _ in 0..300 {
        assert_eq!(line.call("GET", "/x/a", &[]).await.status, 200);
    }
    let counts = services.each_ref().map(calls);
    assert!(counts.iter().all(|count| (95..=105).contains(count)), "{counts:?}");
}

#[tokio::test]
async fn no_caller_sees_that_one_of_several_addresses_is_down() {
    let (a, b, (_socket, down)) = (named("a").await, named("b").await, nobody());
    let service = format!("{{ to: [{}, {down}, {}] }}", a.url(), b.url());
    let program = Arc::new(Program::start(&format!("apis:\n{}", api("x", &service))).await);
    let mut callers = Vec::new();
    for number in 0..8 {
        let program = Arc::clone(&program);
        callers.push(tokio::spawn(async move {
            // A call that was not begun goes elsewhere, whatever its method and body.
            let (method, body) = if number % 2 == 0 { ("GET", "") } else { ("POST", "body") };
            for _ in 0..30 {
                let answer = program.call(method, "/x/a", &[], body).await;
                assert_eq!(answer.status, 200, "{method}: {}", answer.body);
            }
        }));
    }
    for caller in callers {
        caller.await.unwrap();
    }
    assert_eq!(calls(&a) + calls(&b), 240, "each call was made once");
    assert!(b.got().iter().all(|got| got.method == "GET" || got.body == "body"));
}

#[tokio::test]
async fn a_call_that_was_sent_is_repeated_only_if_that_does_no_harm() {
    type Row = (&'static str, &'static [(&'static str, &'static str)], &'static str, bool);
    const KEY: &[(&str, &str)] = &[("idempotency-key", "7")];
    let rows: [Row; 8] = [
        ("GET", &[], "", true),
        ("DELETE", &[], "", true),
        ("POST", KEY, "", true),
        ("POST", &[], "", false),
        ("PATCH", &[], "", false),
        // A body goes through and is not kept, so that it cannot be sent again.
        ("POST", &[], "body", false),
        ("POST", KEY, "body", false),
        ("PUT", &[], "body", false),
    ];
    let (mut services, mut definitions) = (Vec::new(), "apis:\n".to_owned());
    for number in 0..rows.len() {
        let (moody, sound) = (Moody::start(|_| false).await, named("sound").await);
        let service = format!("{{ to: [{}, {}] }}", moody.url, sound.url());
        definitions += &api(&format!("row{number}"), &service);
        services.push((moody, sound));
    }
    let program = Program::start(&definitions).await;
    for (number, (method, headers, body, is_repeated)) in rows.into_iter().enumerate() {
        let (moody, sound) = &services[number];
        let mut broke_off = 0;
        for _ in 0..4 {
            let answer = program.call(method, &format!("/row{number}/a"), headers, body).await;
            if answer.status == 502 {
                assert_eq!(code(&answer), "upstream-broke-off");
                broke_off += 1;
            } else {
                assert_eq!((answer.status, &*answer.body), (200, "sound"));
            }
        }
        let row = format!("{method} {headers:?} {body:?}");
        assert!(moody.calls() > 0, "{row}: the address that breaks off was never asked");
        let (expected, made) = if is_repeated { (0, 4) } else { (moody.calls(), 4 - broke_off) };
        assert_eq!((broke_off, calls(sound)), (expected, made), "{row}");
    }
}

#[tokio::test]
async fn health_checks_take_an_address_out_and_bring_it_back() {
    let (a, b) = (named("a").await, named("b").await);
    let health = "health: { path: /health, every: 100ms, timeout: 1s }, slow_start: 0s";
    let service = format!("{{ to: [{}, {}], {health} }}", a.url(), b.url());
    let program = Program::start(&format!("apis:\n{}", api("x", &service))).await;
    let mut line = Line::to(&program).await;
    // Whether any of ten calls goes to the first address; nobody ever sees a failure.
    let mut reaches_a = async || {
        let before = calls(&a);
        for _ in 0..10 {
            assert_eq!(line.call("GET", "/x/a", &[]).await.status, 200);
        }
        calls(&a) > before
    };
    assert!(reaches_a().await);
    a.answer(|_, got| Reply::status(if got.target == "/health" { 503 } else { 200 }));
    until("it is out", async || (!reaches_a().await).then_some(())).await;
    a.answer(|_, _| Reply::status(200));
    until("it is back", async || reaches_a().await.then_some(())).await;
    for said in ["an address is not well and gets no calls", "an address is well again"] {
        assert!(program.read("stderr").contains(said), "{said}");
    }
    let asked = a.got().into_iter().find(|got| got.target == "/health").unwrap();
    assert_eq!(asked.header("user-agent"), "gatepost-health");
    // Where all are out, that is said.
    for service in [&a, &b] {
        service.answer(|_, _| Reply::status(500));
    }
    let answer = until("all are out", async || {
        let answer = line.call("GET", "/x/a", &[]).await;
        (answer.status == 503).then_some(answer)
    })
    .await;
    assert_eq!((&*code(&answer), answer.header("retry-after")), ("upstream-out", "1"));
}

/// A service that speaks HTTP/2 alone, without TLS, as gRPC services do.
async fn of_http2() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = service_fn(|_: Request<Incoming>| async {
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"two"))))
            });
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(server.serve_connection(TokioIo::new(stream), answer));
        }
    });
    url
}

#[tokio::test]
async fn a_service_of_http2_alone_is_asked_how_it_is_in_http2() {
    let url = of_http2().await;
    let health = "health: { path: /health, every: 100ms, timeout: 1s }";
    let service = format!("{{ to: [{url}], http: \"2\", {health} }}");
    let program = Program::start(&format!("apis:\n{}", api("x", &service))).await;
    // Long enough for more checks than take an address out.
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(1) {
        let answer = program.call("GET", "/x/a", &[], "").await;
        assert_eq!((answer.status, &*answer.body), (200, "two"));
    }
    assert!(!program.read("stderr").contains("is not well"));
}

#[tokio::test]
async fn five_failures_in_a_row_let_a_service_rest_until_it_answers_again() {
    let is_well = Arc::new(AtomicBool::new(false));
    let answers = Arc::clone(&is_well);
    let moody = Moody::start(move |_| answers.load(Ordering::SeqCst)).await;
    let service = format!("{{ to: [{}], retries: 0 }}", moody.url);
    let program = Program::start(&format!("apis:\n{}", api("x", &service))).await;
    let mut line = Line::to(&program).await;
    for _ in 0..5 {
        let answer = line.call("GET", "/x/a", &[]).await;
        assert_eq!((answer.status, &*code(&answer)), (502, "upstream-broke-off"));
    }
    for _ in 0..3 {
        let answer = line.call("GET", "/x/a", &[]).await;
        assert_eq!((answer.status, &*code(&answer)), (503, "upstream-out"));
        assert_eq!(answer.header("retry-after"), "1");
    }
    assert_eq!(moody.calls(), 5, "it is left alone");
    is_well.store(true, Ordering::SeqCst);
    until("a call tries it", async || {
        (line.call("GET", "/x/a", &[]).await.status == 200).then_some(())
    })
    .await;
    for _ in 0..20 {
        assert_eq!(line.call("GET", "/x/a", &[]).await.status, 200);
    }
}

#[tokio::test]
async fn a_service_that_takes_no_connection_is_told_of_in_time() {
    // A listener that accepts nothing, and holds as many connections as the system lets it.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = Vec::new();
    let patience = Duration::from_millis(300);
    while let Ok(stream) = tokio::time::timeout(patience, TcpStream::connect(address)).await {
        held.push(stream.unwrap());
        assert!(held.len() < 100, "connections are taken without an end");
    }
    let service = format!("{{ to: [http://{address}], connect_timeout: 200ms, retries: 0 }}");
    let program = Program::start(&format!("apis:\n{}", api("x", &service))).await;
    let began = Instant::now();
    let answer = program.call("POST", "/x/a", &[], "body").await;
    assert_eq!((answer.status, &*code(&answer)), (502, "upstream-unreachable"));
    assert!((200..2_000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    let line = until("the log has it", async || program.lines("request").into_iter().next()).await;
    assert_eq!(line["reason"], "no connection within 200 ms");
}

#[tokio::test]
async fn a_routes_own_timeout_and_bound_of_bodies_hold_in_place_of_its_apis() {
    let slow = Moody::slow(Duration::from_millis(1_500), |_| true).await;
    let definitions = format!(
        "
apis:
  x:
    upstream: {}
    timeout: 1s
    body_max: 8B
    routes:
      GET /short: {{}}
      GET /long: {{ timeout: 20s }}
      POST /short: {{}}
      POST /long: {{ timeout: 20s, body_max: 16B }}
",
        slow.url
    );
    let program = Program::start(&definitions).await;
    let answer = program.call("GET", "/short", &[], "").await;
    assert_eq!((answer.status, &*code(&answer)), (504, "upstream-timeout"));
    assert!(answer.body.contains("within 1000 ms"), "{}", answer.body);
    assert_eq!(program.call("GET", "/long", &[], "").await.status, 200);
    let body = "ten bytes.";
    let answer = program.call("POST", "/short", &[], body).await;
    assert_eq!((answer.status, &*code(&answer)), (413, "body-too-large"));
    assert_eq!(program.call("POST", "/long", &[], body).await.status, 200);
}

#[tokio::test]
async fn retries_are_a_fifth_of_the_calls_and_ten_at_the_most() {
    // Never five failures in a row, so that neither address is taken out.
    let mood = |before: usize| before % 4 == 3;
    let (a, b) = (Moody::start(mood).await, Moody::start(mood).await);
    let service = format!("{{ to: [{}, {}], retries: 1 }}", a.url, b.url);
    let program = Program::start(&format!("apis:\n{}", api("x", &service))).await;
    let mut line = Line::to(&program).await;
    let mut answered = 0;
    for _ in 0..200 {
        answered += usize::from(line.call("GET", "/x/a", &[]).await.status == 200);
    }
    let retries = a.calls() + b.calls() - 200;
    // Ten out of the budget that was there, and a fifth of the calls; three calls in four failed.
    assert!((45..=50).contains(&retries), "{retries}");
    assert!((50..100).contains(&answered), "{answered}");
}

#[tokio::test]
async fn a_canary_gets_its_part_of_the_partners_and_the_same_ones_each_time() {
    let (usual, canary) = (named("usual").await, named("canary").await);
    let partners: Vec<_> = (0..12)
        .map(|number| {
            format!("  partner{number}: {{ plan: wide, api_keys: {{ key{number}: {{}} }} }}\n")
        })
        .collect();
    let definitions = format!(
        "
apis:
  x:
    upstream: {}
    canary: {{ upstream: {}, percent: 40 }}
    routes: {{ GET /a: {{ api_key: required }} }}
plans: {{ wide: {{ rate: 1000/s }} }}
partners:
{}",
        usual.url(),
        canary.url(),
        partners.concat()
    );
    let mut program = Program::start(&definitions).await;
    let keys: Vec<_> =
        (0..12).map(|number| program.done(&["key", "value", &format!("key{number}")])).collect();
    let ways = async |program: &Program| {
        let mut line = Line::to(program).await;
        let mut ways = Vec::new();
        for key in &keys {
            ways.push(line.call("GET", "/a", &[("x-api-key", key)]).await.body);
        }
        ways
    };
    let first = ways(&program).await;
    let of_canary = |ways: &[String]| ways.iter().filter(|way| *way == "canary").count();
    assert!((1..12).contains(&of_canary(&first)), "{first:?}");
    assert_eq!(ways(&program).await, first);
    program.kill_and_restart().await;
    assert_eq!(ways(&program).await, first, "also after a restart");
    // Who is in stays in when the part grows; with the whole all are.
    let mut before = first;
    for percent in [70, 100] {
        program.rewrite(|file| {
            let (head, rest) = file.split_once("percent: ").unwrap();
            let (_, rest) = rest.split_once(" }").unwrap();
            format!("{head}percent: {percent} }}{rest}")
        });
        program.signal("-HUP");
        let after = until("the part has grown", async || {
            // The change may come in the middle of a round: the next one tells.
            let (first, after) = (ways(&program).await, ways(&program).await);
            (first == after && of_canary(&after) > of_canary(&before)).then_some(after)
        })
        .await;
        let stays = before.iter().zip(&after).all(|(was, is)| was == "usual" || is == "canary");
        assert!(stays, "{before:?} {after:?}");
        before = after;
    }
    assert_eq!(of_canary(&before), 12);
}

#[tokio::test]
async fn headers_are_set_and_taken_off_by_rule_both_ways() {
    let upstream = Receiver::start(|_, _| {
        let reply = Reply::status(200).header("server", "secret/1.2").header("x-kept", "yes");
        reply.header("x-powered-by", "secrets").header("cache-control", "no-cache")
    })
    .await;
    let rules = "    request_headers:
      set: { X-Door: partners, user-agent: door }
      remove: [Cookie, x-debug]
    response_headers:
      set: { cache-control: no-store, X-From: us }
      remove: [server, x-powered-by]
";
    let program = Program::start(&format!("apis:\n{}{rules}", api("x", &upstream.url()))).await;
    let headers = [("x-door", "mine"), ("cookie", "a=1"), ("X-Debug", "1"), ("x-mine", "yes")];
    let answer = program.call("GET", "/x/a", &headers, "").await;
    let got = upstream.got().pop().unwrap();
    for (name, value) in [
        ("x-door", "partners"),
        ("user-agent", "door"),
        ("cookie", ""),
        ("x-debug", ""),
        ("x-mine", "yes"),
    ] {
        assert_eq!(got.header(name), value, "{name}");
        assert!(got.headers.get_all(name).iter().count() <= 1, "{name}");
    }
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-from", "us"),
        ("server", ""),
        ("x-powered-by", ""),
        ("x-kept", "yes"),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
}

const PAGE: (&str, &str) = ("origin", "https://portal.example");

/// APIs that pages of one origin may call, and of any.
fn open_to_pages(upstream: &str) -> String {
    format!(
        "
apis:
  one:
    base_path: /one
    upstream: {upstream}
    cors:
      origins: [https://portal.example, https://other.example]
      credentials: true
      max_age: 1h
    routes:
      GET /a: {{}}
      POST /a: {{ api_key: required }}
      ANY /any: {{}}
  all:
    base_path: /all
    upstream: {upstream}
    key_header: x-partner-key
    cors: {{ origins: [\"*\"], expose: [X-Two] }}
    routes: {{ GET /a: {{}} }}
  none: {{ base_path: /none, upstream: {upstream}, routes: {{ GET /a: {{}} }} }}
"
    )
}

#[tokio::test]
async fn a_browsers_question_is_answered_without_asking_the_service() {
    let upstream = named("ok").await;
    let program = Program::start(&open_to_pages(&upstream.url())).await;
    let asks = [PAGE, ("access-control-request-method", "POST")];
    let answer = program.call("OPTIONS", "/one/a", &asks, "").await;
    assert_eq!((answer.status, &*answer.body), (204, ""));
    let usual = "authorization, content-type, idempotency-key, traceparent, x-api-key";
    for (name, value) in [
        ("access-control-allow-origin", "https://portal.example"),
        ("access-control-allow-methods", "GET, POST"),
        ("access-control-allow-headers", usual),
        ("access-control-allow-credentials", "true"),
        ("access-control-max-age", "3600"),
        ("vary", "origin"),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    let answer = program.call("OPTIONS", "/one/any", &asks, "").await;
    assert_eq!(answer.status, 204);
    let all = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
    assert_eq!(answer.header("access-control-allow-methods"), all);
    assert_eq!(answer.headers.get_all("vary").iter().count(), 1);
    let answer = program.call("OPTIONS", "/all/a", &asks, "").await;
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    assert!(answer.header("access-control-allow-headers").ends_with(", x-partner-key"));
    // A page that may not call is not told that it may, and an API without pages has no answer.
    let stranger = [("origin", "https://evil.example"), asks[1]];
    let answer = program.call("OPTIONS", "/one/a", &stranger, "").await;
    assert_eq!((answer.status, answer.header("vary")), (204, "origin"));
    assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control-")));
    assert_eq!(program.call("OPTIONS", "/none/a", &asks, "").await.status, 405);
    // What is no such question is no preflight.
    assert_eq!(program.call("OPTIONS", "/one/a", &[PAGE], "").await.status, 405);
    assert!(upstream.got().is_empty());
    assert_eq!(program.call("OPTIONS", "/one/any", &[PAGE], "").await.status, 200);
}

#[tokio::test]
async fn a_page_may_read_every_answer_refusals_too() {
    let upstream = Receiver::start(|_, _| Reply::status(200).header("vary", "accept")).await;
    let program = Program::start(&open_to_pages(&upstream.url())).await;
    for (method, path, status) in [
        ("GET", "/one/a", 200),
        ("POST", "/one/a", 403),
        ("DELETE", "/one/a", 405),
        ("GET", "/one/nothing", 404),
    ] {
        let row = format!("{method} {path}");
        let answer = program.call(method, path, &[PAGE], "").await;
        assert_eq!(answer.status, status, "{row}");
        assert_eq!(answer.header("access-control-allow-origin"), PAGE.1, "{row}");
        assert_eq!(answer.header("access-control-allow-credentials"), "true", "{row}");
        let readable = answer.header("access-control-expose-headers");
        assert!(readable.contains("x-request-id") && readable.contains("retry-after"), "{row}");
        // Whoever asks, caches must know that it matters who asks.
        for headers in [&[PAGE][..], &[("origin", "https://evil.example")], &[]] {
            let answer = program.call(method, path, headers, "").await;
            let varies = answer.headers.get_all("vary").iter().any(|value| value == "origin");
            assert!(varies, "{row} {headers:?}");
            let is_told = answer.headers.contains_key("access-control-allow-origin");
            assert_eq!(is_told, headers == [PAGE], "{row} {headers:?}");
        }
    }
    let answer = program.call("GET", "/all/a", &[PAGE], "").await;
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-expose-headers"), "x-two");
    assert_eq!(answer.header("vary"), "accept", "the same answer for all");
    let answer = program.call("GET", "/none/a", &[PAGE], "").await;
    assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control-")));
}

#[tokio::test]
async fn cookies_that_http2_has_split_reach_the_service_as_one_field() {
    let upstream = named("ok").await;
    let program = Program::start(&format!("apis:\n{}", api("x", &upstream.url()))).await;
    let mut line = Line::plain_two(connect(&program, HERE).await).await;
    // RFC 9113 §8.2.3.
    let cookies = [("cookie", "a=1"), ("cookie", "b=2; c=3"), ("cookie", "d=4")];
    assert_eq!(line.call("GET", "/x/a", &cookies).await.status, 200);
    let got = upstream.got().pop().unwrap();
    assert_eq!(got.header("cookie"), "a=1; b=2; c=3; d=4");
    assert_eq!(got.headers.get_all("cookie").iter().count(), 1);
    assert_eq!(
        (got.header("via"), got.header("x-forwarded-host")),
        ("2.0 gatepost", "gate.example")
    );
}
