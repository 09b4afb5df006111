//! Every way the gateway says no: status, body, headers, and the log's line.

use credential::Master;
use jwt::{AccessToken, SigningKey};
use serde_json::Value;
use testkit::{Receiver, Reply, until};

use crate::claims::claims;
use crate::program::{Answer, Program};

/// A tire company with two partners and the same API in both styles of refusal.
fn definitions(upstream: &str) -> String {
    let api = |style: &str, base: &str| {
        format!(
            "
    base_path: {base}
    upstream: {upstream}
    errors: {style}
    body_max: 64
    timeout: 1s
    scopes: {{ create.order: Create, cancel.order: Cancel }}"
        )
    };
    format!(
        "
apis:
  tires:{}
    routes:
      POST /orders: {{ scopes: [tires/create.order], api_key: required }}
      DELETE /orders/{{id}}: {{ scopes: [tires/cancel.order], api_key: required }}
      GET /open: {{}}
  aws:{}
    routes:
      POST /orders: {{ scopes: [aws/create.order], api_key: required }}
      GET /open: {{}}
  far:
    base_path: /far
    upstream: {upstream}
    allow_ips: [192.0.2.0/24]
    routes: {{ GET /open: {{}} }}
  dead:
    base_path: /dead
    upstream: http://127.0.0.1:9
    routes: {{ GET /open: {{}} }}
plans:
  wide: {{ rate: 1000/s, burst: 1000 }}
  slow: {{ rate: 1/min, burst: 2 }}
  small: {{ rate: 1000/s, burst: 1000, quota: 3/month }}
partners:
  cars:
    plan: wide
    clients:
      car-orders: {{ scopes: [tires/create.order, tires/cancel.order] }}
      car-aws: {{ scopes: [aws/create.order] }}
    api_keys: {{ wide: {{}}, slow: {{ plan: slow }}, small: {{ plan: small }} }}
  planless: {{ api_keys: {{ planless: {{}} }}, clients: {{ planless: {{ scopes: [tires/create.order] }} }} }}
  asleep:
    plan: wide
    status: suspended
    clients: {{ asleep: {{ scopes: [tires/create.order] }} }}
    api_keys: {{ asleep: {{}} }}
  elsewhere:
    plan: wide
    allow_ips: [203.0.113.7/32]
    clients: {{ elsewhere: {{ scopes: [tires/create.order] }} }}
    api_keys: {{ elsewhere: {{}} }}
",
        api("problem", "/prod"),
        api("aws", "/aws")
    )
}

struct Door {
    program: Program,
    upstream: Receiver,
    token: String,
    key: String,
}

async fn door() -> Door {
    let upstream = Receiver::start(|_, _| Reply::status(201).body("made")).await;
    let program = Program::start(&definitions(&upstream.url())).await;
    let secret = program.done(&["client", "secret", "car-orders"]);
    let token = program.token("car-orders", &secret, "tires/create.order").await;
    let key = program.done(&["key", "value", "wide"]);
    Door { program, upstream, token, key }
}

impl Door {
    async fn order(&self, token: Option<&str>, key: Option<&str>) -> Answer {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let mut headers = Vec::new();
        if let Some(bearer) = &bearer {
            headers.push(("authorization", bearer.as_str()));
        }
        if let Some(key) = key {
            headers.push(("x-api-key", key));
        }
        self.program.call("POST", "/prod/orders", &headers, "{}").await
    }

    /// The answer is this refusal, says what to do, and stands in the log.
    async fn refused(&self, answer: &Answer, status: u16, code: &str, advice: &str) -> Value {
        assert_eq!(answer.status, status, "{code}: {}", answer.body);
        assert_eq!(answer.header("content-type"), "application/problem+json", "{code}");
        let problem = answer.json();
        assert_eq!(problem["type"], format!("urn:gatepost:problem:{code}"));
        assert_eq!(problem["status"], status);
        assert!(problem["detail"].as_str().unwrap().contains(advice), "{problem}");
        let id = answer.header("x-request-id");
        assert!(!id.is_empty() && problem["request_id"] == id, "{code}: {problem}");
        let line = until("the log has the request", async || {
            self.program.lines("request").into_iter().find(|line| line["request_id"] == id)
        })
        .await;
        assert_eq!((&line["status"], &line["refusal"]), (&status.into(), &code.into()));
        assert_eq!(line["trace_id"], problem["trace_id"]);
        assert_eq!(line["address"], "127.0.0.1");
        line
    }
}

type Change = fn(&mut AccessToken);

/// A token signed with the installation's own key, with changed claims.
pub(crate) fn signed(program: &Program, change: impl FnOnce(&mut AccessToken)) -> String {
    let key: [u8; 32] = std::fs::read(program.path("data/key")).unwrap().try_into().unwrap();
    let vault = Master::new(key).vault();
    let store = rusqlite::Connection::open(program.path("data/core.db")).unwrap();
    let (kid, sealed): (String, Vec<u8>) = store
        .query_row("SELECT kid, sealed_private FROM signing_key WHERE signs_from IS NOT NULL AND retired_at IS NULL", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    let private = vault.open(&format!("signing key {kid}"), &sealed).unwrap();
    let mut claims = claims(&program.public, "tires", "car-orders", "tires/create.order");
    change(&mut claims);
    jwt::sign(&claims, &SigningKey::from_pkcs8(&private).unwrap())
}

#[tokio::test]
async fn a_request_with_everything_passes_and_the_log_says_by_what() {
    let door = door().await;
    let answer = door.order(Some(&door.token), Some(&door.key)).await;
    assert_eq!((answer.status, &*answer.body), (201, "made"));
    assert_eq!(answer.header("ratelimit-policy"), r#""wide";q=1000;w=1"#);
    assert!(answer.header("ratelimit").starts_with(r#""wide";r=999;t=1"#));
    let line =
        until("the log has the request", async || door.program.lines("request").into_iter().next())
            .await;
    let passed = serde_json::json!(["route", "token", "scope", "key", "partner", "rate"]);
    assert_eq!(line["passed"], passed);
    assert_eq!((&line["partner"], &line["client"]), (&"cars".into(), &"car-orders".into()));
    assert!(line["duration_ms"].as_f64().unwrap() > 0.0 && line["upstream_ms"].is_number());
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there() {
    let door = door().await;
    for path in ["/nowhere", "/prod/order", "/prod/orders/", "/prod/Orders", "/production/orders"] {
        let answer = door.program.call("POST", path, &[], "").await;
        door.refused(&answer, 404, "no-route", "upper and lower case").await;
    }
    let answer = door.program.call("GET", "/prod/orders", &[], "").await;
    door.refused(&answer, 405, "method-not-allowed", "POST").await;
    assert_eq!(answer.header("allow"), "POST");
    let twofold = [
        "/prod/orders/%2e%2e",
        "/prod/orders/..",
        "/prod/a%2fb",
        "/prod/%zz",
        "/prod/%6Frders",
        "/prod//orders",
    ];
    for path in twofold {
        let answer = door.program.call_raw("POST", path);
        door.refused(&answer, 400, "bad-path", "Send ").await;
    }
}

#[tokio::test]
async fn tokens_that_are_missing_bad_or_too_little() {
    let door = door().await;
    let key = Some(door.key.as_str());
    let answer = door.order(None, key).await;
    door.refused(&answer, 401, "token-missing", "/oauth2/token").await;
    // RFC 6750 §3.1: no error code where nothing was offered.
    let metadata = format!("{}/.well-known/oauth-protected-resource/prod", door.program.public);
    assert_eq!(
        answer.header("www-authenticate"),
        format!(r#"Bearer realm="Test tires", resource_metadata="{metadata}""#)
    );
    // RFC 9728: there the client learns whom to ask for a token.
    let path = "/.well-known/oauth-protected-resource/prod";
    let document = door.program.call("GET", path, &[], "").await.json();
    assert_eq!(document["authorization_servers"], serde_json::json!([door.program.public]));
    assert_eq!(document["resource"], format!("{}/prod", door.program.public));

    let expired = signed(&door.program, |claims| claims.exp = claims.iat - 60);
    let answer = door.order(Some(&expired), key).await;
    door.refused(&answer, 401, "token-expired", "expired at 20").await;
    assert!(answer.header("www-authenticate").contains(r#"error="invalid_token""#));

    let rows: [(Change, &str); 3] = [
        (|claims| claims.aud = "wheels".into(), "another API"),
        (|claims| claims.iss = "http://else.example".into(), "somebody else"),
        (|claims| claims.iat += 3600, "not valid yet"),
    ];
    for (change, reason) in rows {
        let token = signed(&door.program, change);
        let answer = door.order(Some(&token), key).await;
        door.refused(&answer, 401, "token-invalid", reason).await;
    }
    let answer = door.order(Some("nonsense"), key).await;
    door.refused(&answer, 401, "token-invalid", "malformed").await;
    let mut broken = door.token.clone();
    broken.replace_range(broken.len() - 6..broken.len() - 4, "AA");
    let answer = door.order(Some(&broken), key).await;
    door.refused(&answer, 401, "token-invalid", "signature does not fit").await;

    let gone = signed(&door.program, |claims| claims.client_id = "nobody".into());
    let answer = door.order(Some(&gone), key).await;
    door.refused(&answer, 401, "token-revoked", "removed").await;

    let headers = [("authorization", "Bearer a"), ("authorization", "Bearer b")];
    let answer = door.program.call("POST", "/prod/orders", &headers, "{}").await;
    door.refused(&answer, 400, "token-twice", "exactly one").await;
    let path = format!("/prod/orders?access_token={}", door.token);
    let answer = door.program.call("POST", &path, &[], "{}").await;
    door.refused(&answer, 400, "token-in-query", "Authorization header").await;
    assert!(!door.program.read("stdout").contains(&door.token), "a token is in the log");
}

#[tokio::test]
async fn the_other_scope_is_not_enough() {
    let door = door().await;
    let bearer = format!("Bearer {}", door.token);
    let headers = [("authorization", &*bearer), ("x-api-key", &*door.key)];
    let answer = door.program.call("DELETE", "/prod/orders/7", &headers, "").await;
    let line = door.refused(&answer, 403, "insufficient-scope", "tires/cancel.order").await;
    assert_eq!(answer.json()["scopes"], serde_json::json!(["tires/cancel.order"]));
    let challenge = answer.header("www-authenticate");
    assert!(challenge.contains(r#"error="insufficient_scope""#), "{challenge}");
    assert!(challenge.contains(r#"scope="tires/cancel.order""#), "{challenge}");
    // Refused before anything was known of the partner's rights, yet the log says who it was.
    assert_eq!(line["route"], "/orders/{id}");
    assert_eq!((&line["partner"], &line["client"]), (&"cars".into(), &"car-orders".into()));
    assert_eq!(line["passed"], serde_json::json!(["route", "token"]));
}

#[tokio::test]
async fn api_keys_that_are_missing_unknown_revoked_planless_or_somebody_elses() {
    let door = door().await;
    let token = Some(door.token.as_str());
    let answer = door.order(token, None).await;
    door.refused(&answer, 403, "api-key-missing", "x-api-key").await;
    let answer = door.order(token, Some("hello")).await;
    let unknown = door.refused(&answer, 403, "api-key-unknown", "No live key").await;
    assert_eq!(unknown["reason"], "mistyped or not a key");

    let second = door.program.done(&["key", "value", "wide", "--json"]);
    let second: Value = serde_json::from_str(&second).unwrap();
    let value = second["api_key"].as_str().unwrap();
    assert_eq!(door.order(token, Some(value)).await.status, 201);
    door.program.done(&["key", "revoke", second["id"].as_str().unwrap()]);
    let revoked = until("the revocation is known", async || {
        let answer = door.order(token, Some(value)).await;
        (answer.status != 201).then_some(answer)
    })
    .await;
    let line = door.refused(&revoked, 403, "api-key-unknown", "No live key").await;
    assert!(line["reason"].as_str().unwrap().starts_with("revoked: "), "{line}");
    // The first value lives on: keys are changed without a gap.
    assert_eq!(door.order(token, Some(&door.key)).await.status, 201);

    let secret = door.program.done(&["client", "secret", "planless"]);
    let theirs = door.program.token("planless", &secret, "tires/create.order").await;
    let planless = door.program.done(&["key", "value", "planless"]);
    let answer = door.order(Some(&theirs), Some(&planless)).await;
    door.refused(&answer, 403, "api-key-no-plan", "on no plan").await;
    let answer = door.order(Some(&theirs), Some(&door.key)).await;
    door.refused(&answer, 403, "api-key-of-other", "the company of the token's client").await;
}

#[tokio::test]
async fn suspended_partners_and_foreign_addresses() {
    let door = door().await;
    let token = signed(&door.program, |claims| claims.client_id = "asleep".into());
    let key = door.program.done(&["key", "value", "asleep"]);
    let answer = door.order(Some(&token), Some(&key)).await;
    door.refused(&answer, 403, "partner-suspended", "suspended").await;

    let token = signed(&door.program, |claims| claims.client_id = "elsewhere".into());
    let key = door.program.done(&["key", "value", "elsewhere"]);
    let answer = door.order(Some(&token), Some(&key)).await;
    let line = door.refused(&answer, 403, "address-refused", "agreed addresses").await;
    assert!(line["reason"].as_str().unwrap().contains("127.0.0.1"), "{line}");
    // What the caller claims about its address changes nothing.
    let headers = [("x-forwarded-for", "192.0.2.7"), ("forwarded", "for=192.0.2.7")];
    let answer = door.program.call("GET", "/far/open", &headers, "").await;
    door.refused(&answer, 403, "address-refused", "agreed addresses").await;
    assert!(door.upstream.got().is_empty(), "a refused request reached the service");
}

#[tokio::test]
async fn over_the_rate_and_over_the_quota() {
    let mut door = door().await;
    let slow = door.program.done(&["key", "value", "slow"]);
    let token = Some(door.token.as_str());
    assert_eq!(door.order(token, Some(&slow)).await.status, 201);
    assert_eq!(door.order(token, Some(&slow)).await.status, 201);
    let answer = door.order(token, Some(&slow)).await;
    door.refused(&answer, 429, "rate-exceeded", "1/min and 2 at once").await;
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(answer.header("ratelimit-policy"), r#""slow";q=1;w=60"#);
    assert_eq!(answer.header("ratelimit"), r#""slow";r=0;t=60"#);
    // One key's rate is not another's.
    assert_eq!(door.order(token, Some(&door.key)).await.status, 201);

    let small = door.program.done(&["key", "value", "small"]);
    assert_eq!(door.order(token, Some(&small)).await.status, 201);
    // A refused request uses no quota: neither a bad token nor a body that is too large.
    assert_eq!(door.order(None, Some(&small)).await.status, 401);
    let bearer = format!("Bearer {}", door.token);
    let headers = [("authorization", &*bearer), ("x-api-key", &*small)];
    let large = "x".repeat(65);
    let answer = door.program.call("POST", "/prod/orders", &headers, &large).await;
    door.refused(&answer, 413, "body-too-large", "at most 64 bytes").await;
    // The quota survives the end of the process.
    door.program.kill_and_restart().await;
    let token = Some(door.token.as_str());
    assert_eq!(door.order(token, Some(&small)).await.status, 201);
    assert_eq!(door.order(token, Some(&small)).await.status, 201);
    let answer = door.order(token, Some(&small)).await;
    door.refused(&answer, 429, "quota-exceeded", "quota of 3/month is spent until").await;
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=31 * 86_400).contains(&wait), "{wait}");
    assert!(answer.header("ratelimit").contains(r#""small-month";r=0;t="#));
    // A larger quota is in force at once, and counts what was spent before.
    door.program.rewrite(|file| file.replace("quota: 3/month", "quota: 5/month"));
    door.program.signal("-HUP");
    let answer = until("the larger quota is in force", async || {
        Some(door.order(token, Some(&small)).await).filter(|answer| answer.status == 201)
    })
    .await;
    assert!(answer.header("ratelimit").contains(r#""small-month";r=1;t="#));
    assert_eq!(door.order(token, Some(&small)).await.status, 201);
    assert_eq!(door.order(token, Some(&small)).await.status, 429);
}

#[tokio::test]
async fn upstreams_that_are_away_slow_or_break_off() {
    let door = door().await;
    let answer = door.program.call("GET", "/dead/open", &[], "").await;
    let line = door.refused(&answer, 502, "upstream-unreachable", "Nothing is wrong").await;
    assert!(line["reason"].as_str().unwrap().contains("refused"), "{line}");

    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    door.program.rewrite(|file| file.replacen(&door.upstream.url(), &url, 1));
    door.program.signal("-HUP");
    let timed_out = until("the silent upstream is taken", async || {
        let answer = door.program.call("GET", "/prod/open", &[], "").await;
        (answer.status != 201).then_some(answer)
    })
    .await;
    door.refused(&timed_out, 504, "upstream-timeout", "within 1000 ms").await;
    let breaking = tokio::spawn(async move {
        while let Ok((stream, _)) = silent.accept().await {
            drop(stream);
        }
    });
    let answer = until("the upstream breaks off", async || {
        let answer = door.program.call("GET", "/prod/open", &[], "").await;
        (answer.status == 502).then_some(answer)
    })
    .await;
    door.refused(&answer, 502, "upstream-broke-off", "not known").await;
    breaking.abort();
}

#[tokio::test]
async fn the_aws_style_answers_as_api_gateway_does() {
    let door = door().await;
    let secret = door.program.done(&["client", "secret", "car-aws"]);
    let token = door.program.token("car-aws", &secret, "aws/create.order").await;
    let bearer = format!("Bearer {token}");
    let slow = door.program.done(&["key", "value", "slow"]);
    let both: [(&str, &str); 2] = [("authorization", &bearer), ("x-api-key", &slow)];
    let check =
        async |method: &str, path: &str, headers: &[(&str, &str)], row: (u16, &str, &str)| {
            let answer = door.program.call(method, path, headers, "").await;
            let (status, message, kind) = row;
            assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
            assert_eq!(answer.json(), serde_json::json!({ "message": message }));
            assert_eq!(answer.header("x-amzn-errortype"), kind);
            assert!(!answer.header("x-amzn-requestid").is_empty());
        };
    let none = (403, "Missing Authentication Token", "MissingAuthenticationTokenException");
    check("POST", "/aws/nowhere", &[], none).await;
    check("GET", "/aws/orders", &[], none).await;
    let unauthorized = (401, "Unauthorized", "UnauthorizedException");
    check("POST", "/aws/orders", &[], unauthorized).await;
    check("POST", "/aws/orders", &[("authorization", "Bearer x")], unauthorized).await;
    let forbidden = (403, "Forbidden", "ForbiddenException");
    check("POST", "/aws/orders", &both[..1], forbidden).await;
    assert_eq!(door.program.call("POST", "/aws/orders", &both, "").await.status, 201);
    assert_eq!(door.program.call("POST", "/aws/orders", &both, "").await.status, 201);
    let too_fast = (429, "Too Many Requests", "TooManyRequestsException");
    check("POST", "/aws/orders", &both, too_fast).await;
}
