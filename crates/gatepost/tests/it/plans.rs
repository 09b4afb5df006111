//! Usage plans: rates of keys, routes and APIs, requests at once, quotas over a crash, plans that
//! only observe; and who sends so many bad tokens that they are no longer looked at.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{Receiver, Reply, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::client::{ELSEWHERE, HERE, Line, code, connect};
use crate::program::{Answer, Program};

async fn upstream() -> Receiver {
    Receiver::start(|_, _| Reply::status(200).body("ok")).await
}

/// One API, all of whose routes want a key, and partners with plans; `plans` is their lines.
fn definitions(upstream: &str, plans: &str, partners: &str) -> String {
    format!(
        "
apis:
  tires:
    upstream: {upstream}
    routes:
      POST /orders: {{ api_key: required }}
      GET /orders: {{ api_key: required }}
      GET /orders/{{id}}: {{ api_key: required }}
plans:
{plans}partners:
{partners}"
    )
}

fn key(program: &Program, name: &str) -> String {
    program.done(&["key", "value", name])
}

/// The refusals' codes of so many calls, one after the other; empty for those that passed.
async fn codes(
    line: &mut Line,
    count: usize,
    (method, path, key): (&str, &str, &str),
) -> Vec<String> {
    let mut codes = Vec::new();
    for _ in 0..count {
        codes.push(code(&line.call(method, path, &[("x-api-key", key)]).await));
    }
    codes
}

#[tokio::test]
async fn a_routes_own_rate_is_counted_alone() {
    let upstream = upstream().await;
    let plans = "  p:
    rate: 1/h
    burst: 3
    routes:
      tires POST /orders: { rate: 1/min, burst: 2 }
      \"tires GET /orders/{id}\": { rate: 1000/s }
";
    let partners = "  cars: { plan: p, api_keys: { one: {}, other: {} } }\n";
    let program = Program::start(&definitions(&upstream.url(), plans, partners)).await;
    let (one, other) = (key(&program, "one"), key(&program, "other"));
    let mut line = Line::to(&program).await;
    let (passed, refused) = ("", "rate-exceeded");
    let row = ("POST", "/orders", &*one);
    assert_eq!(codes(&mut line, 3, row).await, [passed, passed, refused]);
    let answer = line.call("POST", "/orders", &[("x-api-key", &one)]).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, "60"));
    assert_eq!(answer.header("ratelimit-policy"), r#""p";q=1;w=60"#);
    assert_eq!(answer.header("ratelimit"), r#""p";r=0;t=60"#);
    assert_eq!((&answer.json()["limit"], &answer.json()["burst"]), (&json!("1/min"), &json!(2)));
    // The other routes have what they had, and among them a fast one takes nothing of the rest.
    let row = ("GET", "/orders/7", &*one);
    assert!(codes(&mut line, 20, row).await.iter().all(String::is_empty));
    let row = ("GET", "/orders", &*one);
    assert_eq!(codes(&mut line, 4, row).await, [passed, passed, passed, refused]);
    let answer = line.call("GET", "/orders", &[("x-api-key", &one)]).await;
    assert_eq!(answer.header("ratelimit-policy"), r#""p";q=1;w=3600"#);
    // Another key of the same partner and plan has spent nothing.
    let row = ("POST", "/orders", &*other);
    assert_eq!(codes(&mut line, 3, row).await, [passed, passed, refused]);
    let row = ("GET", "/orders", &*other);
    assert_eq!(codes(&mut line, 4, row).await, [passed, passed, passed, refused]);
}

#[tokio::test]
async fn a_rate_that_is_raised_holds_on_a_connection_that_had_spent_the_slower_one() {
    let upstream = upstream().await;
    let plans = "  p: { rate: 1/h, burst: 3 }\n";
    let partners = "  cars: { plan: p, api_keys: { one: {} } }\n";
    let program = Program::start(&definitions(&upstream.url(), plans, partners)).await;
    let one = key(&program, "one");
    let mut line = Line::to(&program).await;
    let (passed, refused) = ("", "rate-exceeded");
    let row = ("GET", "/orders", &*one);
    assert_eq!(codes(&mut line, 4, row).await, [passed, passed, passed, refused]);
    program.rewrite(|file| file.replace("rate: 1/h, burst: 3", "rate: 1000/s, burst: 500"));
    program.signal("-HUP");
    // An hour for each of the three, if they were still owed.
    let answer = until("the new rate holds", async || {
        let answer = line.call("GET", "/orders", &[("x-api-key", &one)]).await;
        (answer.status == 200).then_some(answer)
    })
    .await;
    assert_eq!(answer.header("ratelimit-policy"), r#""p";q=1000;w=1"#);
}

#[tokio::test]
async fn an_apis_own_rate_holds_for_all_callers_together() {
    let upstream = upstream().await;
    let api = "
apis:
  tires:
    upstream: URL
    rate: 1/min
    burst: 4
    routes: { GET /open: {}, GET /keyed: { api_key: required } }
plans: { wide: { rate: 1000/s }, narrow: { rate: 1/h, burst: 1 } }
partners:
  cars: { plan: wide, api_keys: { cars: {} } }
  bikes: { plan: narrow, api_keys: { bikes: {} } }
";
    let program = Program::start(&api.replace("URL", &upstream.url())).await;
    let (cars, bikes) = (key(&program, "cars"), key(&program, "bikes"));
    let mut line = Line::to(&program).await;
    // Who asks beyond his plan is refused by it and costs the others nothing.
    let row = ("GET", "/keyed", &*bikes);
    let told = codes(&mut line, 8, row).await;
    assert!(told[0].is_empty() && told[1..].iter().all(|code| code == "rate-exceeded"), "{told:?}");
    // So does who has no good key.
    let told = codes(&mut line, 8, ("GET", "/keyed", "nonsense")).await;
    assert!(told.iter().all(|code| code == "api-key-unknown"), "{told:?}");
    let (passed, refused) = ("", "api-rate-exceeded");
    assert_eq!(codes(&mut line, 2, ("GET", "/keyed", &cars)).await, [passed, passed]);
    assert_eq!(codes(&mut line, 2, ("GET", "/open", "")).await, [passed, refused]);
    let answer = line.call("GET", "/keyed", &[("x-api-key", &cars)]).await;
    assert_eq!((answer.status, &*code(&answer)), (429, refused));
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(upstream.got().len(), 4);
}

/// A service that begins each answer with `one`, and ends it with `two` when it is told.
struct Held {
    url: String,
    told: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Held {
    async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (told, telling) = watch::channel(false);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(hold(stream, telling.clone()));
            }
        });
        Self { url, told, task }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn hold(mut stream: TcpStream, mut telling: watch::Receiver<bool>) {
    let mut read = Vec::new();
    while let Ok(1..) = stream.read_buf(&mut read).await {
        if !read.ends_with(b"\r\n\r\n") {
            continue;
        }
        read.clear();
        let begun = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\none";
        if stream.write_all(begun).await.is_err() {
            return;
        }
        if telling.wait_for(|told| *told).await.is_err() {
            return;
        }
        if stream.write_all(b"two").await.is_err() {
            return;
        }
    }
}

/// A call that is under way: its connection, and what has come of its answer.
struct Begun {
    stream: TcpStream,
    seen: String,
}

impl Begun {
    /// Asks, and waits for the answer's head.
    async fn begin(program: &Program, path: &str, key: &str) -> Self {
        let mut stream = connect(program, HERE).await;
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut begun = Self { stream, seen: String::new() };
        begun.read_until("\r\n\r\n").await;
        begun
    }

    /// Asks for what must be answered, and waits for the body's beginning.
    async fn call(program: &Program, path: &str, key: &str) -> Self {
        let mut begun = Self::begin(program, path, key).await;
        begun.read_until("\r\n\r\none").await;
        begun
    }

    async fn read_until(&mut self, text: &str) {
        let mut buffer = [0; 4096];
        while !self.seen.contains(text) {
            let count = self.stream.read(&mut buffer).await.unwrap();
            assert!(count > 0, "{}", self.seen);
            self.seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    }
}

#[tokio::test]
async fn one_request_more_than_may_be_under_way_is_refused_until_another_is_over() {
    let held = Held::start().await;
    let plans = "  p: { rate: 1000/s, concurrency: 2, quota: 1000/day }\n";
    let partners = "  cars: { plan: p, api_keys: { one: {}, other: {} } }
  bikes: { plan: p, api_keys: { bikes: {} } }
";
    let program = Program::start(&definitions(&held.url, plans, partners)).await;
    let (one, other) = (key(&program, "one"), key(&program, "other"));
    let bikes = key(&program, "bikes");
    let next = async || {
        let mut line = Line::to(&program).await;
        line.call("GET", "/orders", &[("x-api-key", &one)]).await
    };
    // Its keys count together: the bound is the partner's.
    let first = Begun::call(&program, "/orders", &one).await;
    let mut second = Begun::call(&program, "/orders", &other).await;
    let answer = next().await;
    assert_eq!((answer.status, &*code(&answer)), (429, "concurrency-exceeded"));
    assert_eq!((answer.header("retry-after"), &answer.json()["limit"]), ("1", &json!(2)));
    // Another partner has its own.
    let mut of_bikes = Begun::call(&program, "/orders", &bikes).await;
    assert!(of_bikes.seen.contains("q=1000;w=86400"), "{}", of_bikes.seen);
    // A caller that goes away frees its place.
    drop(first);
    let mut third = until("a place is free", async || {
        let begun = Begun::begin(&program, "/orders", &one).await;
        begun.seen.starts_with("HTTP/1.1 200").then_some(begun)
    })
    .await;
    assert_eq!(next().await.status, 429, "both places are taken again");
    // So does an answer's end, though the connection stays.
    held.told.send(true).unwrap();
    for begun in [&mut second, &mut third, &mut of_bikes] {
        begun.read_until("onetwo").await;
    }
    until("all places are free", async || (next().await.status == 200).then_some(())).await;
    // Of the key's calls four were let through, and what was refused has cost no quota.
    let answer = next().await;
    let left = answer.header("ratelimit").split("-day\";r=").nth(1).unwrap();
    assert!(left.starts_with("996;"), "{left}");
}

#[tokio::test]
async fn a_plan_that_observes_admits_and_says_whom_it_would_have_refused() {
    let held = Held::start().await;
    held.told.send(true).unwrap();
    let plans = "  slow: { rate: 1/h, burst: 2, observe: true }
  few: { rate: 1000/s, quota: 2/month, observe: true }
  one: { rate: 1000/s, concurrency: 1, observe: true }
";
    let partners = "  cars: { api_keys: { slow: { plan: slow }, few: { plan: few } } }
  bikes: { api_keys: { one: { plan: one } } }
";
    let program = Program::start(&definitions(&held.url, plans, partners)).await;
    let observed = async |name: &str, count: usize| {
        until("the log has them", async || {
            let lines = program.lines("request").into_iter();
            let lines = lines.filter(|line| line["path"] == format!("/orders/{name}"));
            let lines: Vec<_> = lines.map(|line| line["observed"].clone()).collect();
            (lines.len() == count).then_some(lines)
        })
        .await
    };
    let mut line = Line::to(&program).await;
    for (name, refusal) in [("slow", "rate-exceeded"), ("few", "quota-exceeded")] {
        let (path, key) = (format!("/orders/{name}"), key(&program, name));
        let told = codes(&mut line, 5, ("GET", &path, &key)).await;
        assert!(told.iter().all(String::is_empty), "{name}: {told:?}");
        let refusal = json!(refusal);
        let expected = [&Value::Null, &Value::Null, &refusal, &refusal, &refusal];
        assert_eq!(observed(name, 5).await.iter().collect::<Vec<_>>(), expected, "{name}");
    }
    held.told.send(false).unwrap();
    let key = key(&program, "one");
    let mut first = Begun::call(&program, "/orders/one", &key).await;
    let mut second = Begun::call(&program, "/orders/one", &key).await;
    held.told.send(true).unwrap();
    for begun in [&mut first, &mut second] {
        begun.read_until("onetwo").await;
    }
    let told = observed("one", 2).await;
    assert!(
        told.contains(&Value::Null) && told.contains(&json!("concurrency-exceeded")),
        "{told:?}"
    );
    let lines = program.lines("request");
    assert!(lines.iter().all(|line| line["status"] == 200 && line["refusal"].is_null()));
}

/// What one caller of a flood was let through, and when it asked for the last time.
struct Flood {
    admitted: u32,
    last: Instant,
}

/// Calls every four milliseconds until the time is up.
async fn flood(mut line: Line, key: String, end: Instant) -> Flood {
    let mut pace = tokio::time::interval(Duration::from_millis(4));
    let mut flood = Flood { admitted: 0, last: Instant::now() };
    loop {
        pace.tick().await;
        if Instant::now() >= end {
            return flood;
        }
        flood.last = Instant::now();
        let answer = line.call("GET", "/orders", &[("x-api-key", &key)]).await;
        assert!([200, 429].contains(&answer.status), "{}: {}", answer.status, answer.body);
        flood.admitted += u32::from(answer.status == 200);
    }
}

/// Asks ten times as much as a plan allows: rate × time + burst pass, within one in a hundred.
async fn ten_times_the_rate(seconds: u64) {
    let upstream = upstream().await;
    let plans = "  p: { rate: 100/s, burst: 20 }\n";
    let partners = "  cars: { plan: p, api_keys: { flood: {}, calm: {} } }\n";
    let program = Program::start(&definitions(&upstream.url(), plans, partners)).await;
    let (of_flood, calm) = (key(&program, "flood"), key(&program, "calm"));
    let mut lines = Vec::new();
    for _ in 0..4 {
        lines.push(Line::to(&program).await);
    }
    let mut quiet = Line::to(&program).await;
    let began = Instant::now();
    let end = began + Duration::from_secs(seconds);
    let floods = lines.into_iter().map(|line| tokio::spawn(flood(line, of_flood.clone(), end)));
    let floods: Vec<_> = floods.collect();
    // Another key of the same plan, at a third of its rate, notices nothing.
    let mut pace = tokio::time::interval(Duration::from_millis(30));
    while Instant::now() < end {
        pace.tick().await;
        let answer = quiet.call("GET", "/orders", &[("x-api-key", &calm)]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    let (mut admitted, mut last) = (0, began);
    for flood in floods {
        let flood = flood.await.unwrap();
        admitted += flood.admitted;
        last = last.max(flood.last);
    }
    let expected = 100.0 * last.duration_since(began).as_secs_f64() + 20.0;
    let off = (f64::from(admitted) - expected).abs() / expected;
    assert!(off <= 0.01, "{admitted} passed, and {expected:.1} should have");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_times_the_rate_the_rate_and_the_burst_pass() {
    ten_times_the_rate(6).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute"]
async fn of_ten_times_the_rate_the_rate_and_the_burst_pass_for_a_minute() {
    ten_times_the_rate(60).await;
}

#[tokio::test]
async fn a_quota_is_never_exceeded_over_kills_and_at_most_a_lease_is_lost_by_each() {
    const QUOTA: usize = 1000;
    const KILLS: usize = 3;
    // What is held is at most a hundredth of what is left.
    const LEASE_MAX: usize = QUOTA / 100;
    let upstream = upstream().await;
    let plans = format!("  p: {{ quota: {QUOTA}/month }}\n");
    let partners = "  cars: { plan: p, api_keys: { cars: {} } }\n";
    let mut program = Program::start(&definitions(&upstream.url(), &plans, partners)).await;
    let key = key(&program, "cars");
    for _ in 0..KILLS {
        let before = upstream.got().len();
        let mut line = Line::to(&program).await;
        let of_task = key.clone();
        let calling = tokio::spawn(async move {
            let headers = [("x-api-key", &*of_task)];
            while line.try_call("GET", "/orders", &headers).await.is_ok() {}
        });
        until("some calls have passed", async || {
            (upstream.got().len() > before + 50).then_some(())
        })
        .await;
        program.kill_and_restart().await;
        calling.await.unwrap();
    }
    let mut line = Line::to(&program).await;
    let refused = loop {
        let answer = line.call("GET", "/orders", &[("x-api-key", &key)]).await;
        if answer.status != 200 {
            break answer;
        }
    };
    assert_eq!((refused.status, &*code(&refused)), (429, "quota-exceeded"));
    let passed = upstream.got().len();
    let least = QUOTA - KILLS * LEASE_MAX;
    assert!((least..=QUOTA).contains(&passed), "{passed} of {QUOTA} passed");
    // Spent is spent, also after an orderly end.
    assert!(program.stop().success());
    program.start_again().await;
    let answer = program.call("GET", "/orders", &[("x-api-key", &key)], "").await;
    assert_eq!(code(&answer), "quota-exceeded");
    assert_eq!(upstream.got().len(), passed);
}

/// An API whose routes want a token.
fn of_tokens(upstream: &str) -> String {
    format!(
        "
apis:
  tires:
    upstream: {upstream}
    scopes: {{ read: Read, write: Write }}
    routes:
      GET /one: {{ scopes: [tires/read, tires/write] }}
      GET /both: {{ scopes: [tires/read, tires/write], all_scopes: true }}
partners:
  cars: {{ clients: {{ cars: {{ scopes: [tires/read, tires/write] }} }} }}
"
    )
}

async fn with_token(line: &mut Line, path: &str, token: &str) -> Answer {
    line.call("GET", path, &[("authorization", &format!("Bearer {token}"))]).await
}

#[tokio::test]
async fn whoever_sends_bad_tokens_is_put_off_and_a_known_token_passes_all_the_same() {
    let upstream = upstream().await;
    let program = Program::start(&of_tokens(&upstream.url())).await;
    let secret = program.done(&["client", "secret", "cars"]);
    let known = program.token("cars", &secret, "tires/read").await;
    let unknown = program.token("cars", &secret, "tires/read").await;
    let mut line = Line::to(&program).await;
    assert_eq!(with_token(&mut line, "/one", &known).await.status, 200);
    let began = Instant::now();
    let mut bad = 0;
    let answer = loop {
        let forged = format!("{}{bad:08}", &unknown[..unknown.len() - 8]);
        let answer = with_token(&mut line, "/one", &forged).await;
        if answer.status != 401 {
            break answer;
        }
        bad += 1;
        assert!(bad < 1_000, "bad tokens are verified without an end");
    };
    // A hundred at once, and five for each second.
    let paid = 5 * (began.elapsed().as_secs() + 1);
    assert!((100..=100 + paid).contains(&bad), "{bad}");
    assert_eq!((answer.status, &*code(&answer)), (429, "bad-tokens"));
    assert_eq!(answer.header("retry-after"), "1");
    // From that address no token is verified; one that is known need not be.
    assert_eq!(with_token(&mut line, "/one", &known).await.status, 200);
    let mut elsewhere = Line::plain(connect(&program, ELSEWHERE).await).await;
    assert_eq!(code(&with_token(&mut line, "/one", "nonsense").await), "bad-tokens");
    assert_eq!(code(&with_token(&mut elsewhere, "/one", "nonsense").await), "token-invalid");
    until("a token is looked at again", async || {
        (with_token(&mut line, "/one", &unknown).await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn one_scope_of_a_route_suffices_unless_all_are_demanded() {
    let upstream = upstream().await;
    let program = Program::start(&of_tokens(&upstream.url())).await;
    let secret = program.done(&["client", "secret", "cars"]);
    let one = program.token("cars", &secret, "tires/write").await;
    let both = program.token("cars", &secret, "tires/read+tires/write").await;
    let mut line = Line::to(&program).await;
    for (path, token, status) in
        [("/one", &one, 200), ("/one", &both, 200), ("/both", &one, 403), ("/both", &both, 200)]
    {
        assert_eq!(with_token(&mut line, path, token).await.status, status, "{path}");
    }
    let answer = with_token(&mut line, "/both", &one).await;
    assert_eq!(code(&answer), "insufficient-scope");
    assert!(answer.body.contains("tires/read and tires/write"), "{}", answer.body);
    let challenge = answer.header("www-authenticate");
    assert!(challenge.contains(r#"scope="tires/read tires/write""#), "{challenge}");
}

#[tokio::test]
async fn the_key_stands_in_the_header_that_the_api_names() {
    let upstream = upstream().await;
    let plans = "  p: { rate: 1000/s }\n";
    let partners = "  cars: { plan: p, api_keys: { cars: {} } }\n";
    let definitions = definitions(&upstream.url(), plans, partners)
        .replace("  tires:\n", "  tires:\n    key_header: X-Partner-Key\n");
    let program = Program::start(&definitions).await;
    let (key, mut line) = (key(&program, "cars"), Line::to(&program).await);
    let headers = [("x-partner-key", &*key), ("x-api-key", "somebody else's")];
    assert_eq!(line.call("GET", "/orders", &headers).await.status, 200);
    let got = upstream.got().pop().unwrap();
    assert_eq!((got.header("x-partner-key"), got.header("x-api-key")), ("", ""), "it is ours");
    let answer = line.call("GET", "/orders", &[("x-api-key", &key)]).await;
    assert_eq!(code(&answer), "api-key-missing");
    assert!(answer.body.contains("`x-partner-key`"), "{}", answer.body);
}
