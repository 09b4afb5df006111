//! A connection whose last caller is known again: whatever is not the same, or no longer good, is
//! refused as on a new connection.

use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::{Receiver, Reply, until};

use crate::client::{HERE, Line, code, connect};
use crate::program::{Answer, Program};
use crate::refusals::signed;

fn definitions(upstream: &str) -> String {
    format!(
        "
apis:
  tires:
    base_path: /tires
    upstream: {upstream}
    scopes: {{ make: Make, look: Look }}
    routes:
      GET /both: {{ scopes: [tires/make], api_key: required }}
      GET /other: {{ scopes: [tires/look], api_key: required }}
      GET /token: {{ scopes: [tires/make] }}
      GET /key: {{ api_key: required }}
      GET /open: {{}}
  wheels:
    base_path: /wheels
    upstream: {upstream}
    scopes: {{ turn: Turn }}
    routes: {{ GET /both: {{ scopes: [wheels/turn], api_key: required }} }}
plans: {{ wide: {{ rate: 1000/s, burst: 1000 }}, slow: {{ rate: 1/h, burst: 1 }} }}
partners:
  cars:
    plan: wide
    clients: {{ car-orders: {{ scopes: [tires/make] }} }}
    api_keys: {{ cars: {{}}, slow: {{ plan: slow }} }}
  vans:
    plan: wide
    clients: {{ van-orders: {{ scopes: [tires/make] }} }}
    api_keys: {{ vans: {{}} }}
"
    )
}

/// What a partner calls with.
struct Papers {
    token: String,
    key: String,
}

struct Scene {
    program: Program,
    cars: Papers,
    vans: Papers,
    /// The connection on which everybody calls, as behind a proxy.
    line: Line,
    _upstream: Receiver,
}

async fn papers(program: &Program, client: &str, key: &str) -> Papers {
    let secret = program.done(&["client", "secret", client]);
    let token = program.token(client, &secret, "tires/make").await;
    Papers { token, key: program.done(&["key", "value", key]) }
}

/// A connection on which the first partner has just been let in.
async fn scene() -> Scene {
    let upstream = Receiver::start(|_, _| Reply::status(200).body("ok")).await;
    let program = Program::start(&definitions(&upstream.url())).await;
    let cars = papers(&program, "car-orders", "cars").await;
    let vans = papers(&program, "van-orders", "vans").await;
    let line = Line::plain(connect(&program, HERE).await).await;
    let mut scene = Scene { program, cars, vans, line, _upstream: upstream };
    assert_eq!(scene.again().await, (200, String::new()));
    scene
}

impl Scene {
    async fn call(&mut self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.line.call("GET", path, headers).await
    }

    /// With these papers; the status and the code of a refusal.
    async fn with(&mut self, path: &str, token: &str, key: &str) -> (u16, String) {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("x-api-key", key)];
        let answer = self.call(path, &headers).await;
        (answer.status, if answer.status == 200 { String::new() } else { code(&answer) })
    }

    /// As the caller that is known.
    async fn again(&mut self) -> (u16, String) {
        let (token, key) = (self.cars.token.clone(), self.cars.key.clone());
        self.with("/tires/both", &token, &key).await
    }

    /// Waits until the caller is refused: sooner than a connection that rests forgets its caller
    /// anyway, which is after five seconds.
    async fn refused_soon(&mut self, wanted: &str) {
        let began = Instant::now();
        until("the caller is refused", async || {
            let (_, code) = self.again().await;
            (code == wanted).then_some(())
        })
        .await;
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn whoever_else_calls_on_the_connection_is_somebody_else() {
    let mut scene = scene().await;
    let (cars, vans) = ((scene.cars.token.clone(), scene.cars.key.clone()), &scene.vans);
    let vans = (vans.token.clone(), vans.key.clone());
    let forged = {
        let (signed, signature) = cars.0.rsplit_once('.').unwrap();
        format!("{signed}.{}", signature.chars().rev().collect::<String>())
    };
    let longer = format!("{}x", cars.1);
    let both = "/tires/both";
    // Each after a call as the one who is known, to the same route and to another.
    for (path, token, key, status, code) in [
        (both, forged.as_str(), cars.1.as_str(), 401, "token-invalid"),
        (both, &cars.0, &longer, 403, "api-key-unknown"),
        (both, &cars.0, &vans.1, 403, "api-key-of-other"),
        (both, &vans.0, &cars.1, 403, "api-key-of-other"),
        (both, &vans.0, &vans.1, 200, ""),
        ("/tires/other", &cars.0, &cars.1, 403, "insufficient-scope"),
        ("/wheels/both", &cars.0, &cars.1, 401, "token-invalid"),
        ("/tires/token", &cars.0, &vans.1, 200, ""),
        ("/tires/key", &forged, &cars.1, 200, ""),
        ("/tires/token", &forged, &cars.1, 401, "token-invalid"),
        ("/tires/key", &cars.0, &longer, 403, "api-key-unknown"),
        ("/tires/open", &forged, &longer, 200, ""),
    ] {
        for before in [both, "/tires/token", "/tires/key"] {
            let let_in = scene.with(before, &cars.0, &cars.1).await;
            assert_eq!(let_in, (200, String::new()), "before {path} {code}");
            let answered = scene.with(path, token, key).await;
            assert_eq!(answered, (status, code.to_owned()), "{path} after {before}");
        }
    }
    assert_eq!(scene.again().await, (200, String::new()));
}

#[tokio::test]
async fn what_is_shown_twice_or_in_the_query_is_refused_all_the_same() {
    let mut scene = scene().await;
    let bearer = format!("Bearer {}", scene.cars.token);
    let key = scene.cars.key.clone();
    let (token, key) = (("authorization", bearer.as_str()), ("x-api-key", key.as_str()));
    for (path, headers, status, refusal) in [
        ("/tires/both", &[token, token, key][..], 400, "token-twice"),
        ("/tires/both", &[token, key, key], 403, "api-key-unknown"),
        ("/tires/both", &[token], 403, "api-key-missing"),
        ("/tires/both", &[key], 401, "token-missing"),
        ("/tires/both?access_token=x", &[token, key], 400, "token-in-query"),
    ] {
        assert_eq!(scene.again().await.0, 200);
        let answer = scene.call(path, headers).await;
        assert_eq!((answer.status, code(&answer).as_str()), (status, refusal), "{path}");
    }
}

#[tokio::test]
async fn the_log_and_the_plan_know_who_calls_each_time() {
    let mut scene = scene().await;
    let (cars, vans) = (scene.cars.token.clone(), scene.vans.token.clone());
    let (cars_key, vans_key) = (scene.cars.key.clone(), scene.vans.key.clone());
    let slow = scene.program.done(&["key", "value", "slow"]);
    assert_eq!(scene.with("/tires/both", &vans, &vans_key).await.0, 200);
    assert_eq!(scene.with("/tires/both", &cars, &slow).await.0, 200);
    assert_eq!(scene.with("/tires/both", &cars, &slow).await, (429, "rate-exceeded".into()));
    assert_eq!(scene.with("/tires/both", &cars, &cars_key).await.0, 200);
    let lines = until("all requests are in the log", async || {
        let lines = scene.program.lines("request");
        let calls: Vec<Value> =
            lines.into_iter().filter(|line| line["path"] == "/tires/both").collect();
        (calls.len() == 5).then_some(calls)
    })
    .await;
    let partners: Vec<_> = lines.iter().map(|line| line["partner"].as_str().unwrap()).collect();
    assert_eq!(partners, ["cars", "vans", "cars", "cars", "cars"]);
    let all = ["route", "token", "scope", "key", "partner", "rate"];
    for (line, passed) in lines.iter().zip([&all[..], &all, &all, &all[..5], &all]) {
        assert_eq!(line["passed"], serde_json::json!(passed), "{line}");
    }
    let ids: Vec<_> = lines.iter().map(|line| line["key_id"].as_str().unwrap()).collect();
    assert!(ids[0] == ids[4] && ids[2] == ids[3] && ids[0] != ids[2] && ids[0] != ids[1]);
}

#[tokio::test]
async fn a_token_ends_on_a_connection_that_knows_it() {
    let mut scene = scene().await;
    let token = signed(&scene.program, |claims| {
        (claims.aud, claims.scope) = ("tires".into(), "tires/make".into());
        claims.exp = claims.iat + 2;
    });
    scene.cars.token = token;
    assert_eq!(scene.again().await, (200, String::new()));
    scene.refused_soon("token-expired").await;
}

#[tokio::test]
async fn two_partners_on_one_connection_in_http2_are_told_apart() {
    let mut scene = scene().await;
    scene.line = Line::plain_two(connect(&scene.program, HERE).await).await;
    let (cars, vans) = (scene.cars.token.clone(), scene.vans.token.clone());
    let (cars_key, vans_key) = (scene.cars.key.clone(), scene.vans.key.clone());
    for _ in 0..3 {
        assert_eq!(scene.with("/tires/both", &cars, &cars_key).await.0, 200);
        assert_eq!(scene.with("/tires/both", &vans, &vans_key).await.0, 200);
        assert_eq!(scene.with("/tires/both", &cars, &vans_key).await.1, "api-key-of-other");
        assert_eq!(scene.with("/tires/both", &vans, &cars_key).await.1, "api-key-of-other");
    }
}

#[tokio::test]
async fn the_log_says_of_a_refused_caller_what_was_known_by_then() {
    let mut scene = scene().await;
    let (token, key) = (scene.cars.token.clone(), scene.cars.key.clone());
    // On the connection that knows the caller, and on one that does not.
    for _ in 0..2 {
        scene.with("/tires/other", &token, &key).await;
        scene.with("/tires/both?access_token=x", &token, &key).await;
        scene.line = Line::plain(connect(&scene.program, HERE).await).await;
    }
    let lines = until("all requests are in the log", async || {
        let lines = scene.program.lines("request");
        let refused: Vec<Value> =
            lines.into_iter().filter(|line| line["refusal"].is_string()).collect();
        (refused.len() == 4).then_some(refused)
    })
    .await;
    for name in ["refusal", "partner", "client", "key_id", "passed"] {
        let told: Vec<&Value> = lines.iter().map(|line| &line[name]).collect();
        assert_eq!(told[..2], told[2..], "{name}");
    }
    assert_eq!((&lines[0]["client"], &lines[0]["key_id"]), (&"car-orders".into(), &Value::Null));
    assert_eq!(lines[1]["partner"], Value::Null);
}

#[tokio::test]
async fn a_caller_that_is_known_is_refused_when_it_is_revoked_or_changed() {
    let mut scene = scene().await;
    let token = scene.cars.token.clone();
    std::fs::write(scene.program.path("token"), &token).unwrap();
    scene.program.done(&["token", "revoke", "--file", "token"]);
    scene.refused_soon("token-revoked").await;
    let secret = scene.program.done(&["client", "secret", "car-orders"]);
    scene.cars.token = scene.program.token("car-orders", &secret, "tires/make").await;
    assert_eq!(scene.again().await.0, 200);

    let (before, after) = ("make: Make", "make: Make, more: More");
    scene.program.rewrite(|file| file.replace(before, after));
    let (before, after) = ("{ scopes: [tires/make], api_key", "{ scopes: [tires/more], api_key");
    scene.program.rewrite(|file| file.replace(before, after));
    scene.program.signal("-HUP");
    scene.refused_soon("insufficient-scope").await;

    scene.program.rewrite(|file| file.replace(after, before));
    let (before, after) =
        ("  cars:\n    plan: wide", "  cars:\n    status: suspended\n    plan: wide");
    scene.program.rewrite(|file| file.replace(before, after));
    scene.program.signal("-HUP");
    scene.refused_soon("partner-suspended").await;
}
