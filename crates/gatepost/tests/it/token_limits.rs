//! Bounds of token requests: rates, quotas, wrong credentials, lifetimes and ends, over HTTP.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;
use testkit::until;

use crate::program::{Answer, Program};

const GRANT: &str = "grant_type=client_credentials";

/// An API and two clients, one of which has keys of its own; and what stands above.
fn definitions(above: &str, own: &str) -> String {
    format!(
        "
{above}
proxies: {{ trust: [127.0.0.1/32] }}
apis:
  tires:
    upstream: http://127.0.0.1:9
    scopes: {{ create.order: Create }}
    routes: {{ POST /orders: {{ scopes: [tires/create.order] }} }}
  wheels:
    base_path: /wheels
    upstream: http://127.0.0.1:9
    token_lifetime: 2m
    claims: {{ tier: plain, whose: $partner.title }}
    scopes: {{ turn: Turn }}
    routes: {{ GET /: {{}} }}
partners:
  cars:
    title: Lee James
    clients:
      own: {{ scopes: [tires/create.order, wheels/turn], {own} }}
      plain: {{ scopes: [tires/create.order] }}
"
    )
}

struct Service {
    program: Program,
    own: String,
    plain: String,
}

impl Service {
    async fn start(above: &str, own: &str) -> Self {
        let program = Program::start(&definitions(above, own)).await;
        let secret = |client: &str| program.done(&["client", "secret", client]);
        let (own, plain) = (secret("own"), secret("plain"));
        Self { program, own, plain }
    }

    /// Asks for a token, as a proxy that had the request from an address.
    async fn ask(&self, (client, secret): (&str, &str), address: &str) -> Answer {
        self.ask_for((client, secret), address, "tires/create.order").await
    }

    async fn ask_for(&self, (client, secret): (&str, &str), address: &str, scope: &str) -> Answer {
        let basic = format!("Basic {}", STANDARD.encode(format!("{client}:{secret}")));
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("authorization", basic.as_str()),
            ("x-forwarded-for", address),
        ];
        let body = format!("{GRANT}&scope={scope}");
        self.program.call("POST", "/oauth2/token", &headers, &body).await
    }

    /// Asks an endpoint beside the token endpoint, about something that is no token.
    async fn ask_about(&self, path: &str, who: (&str, &str), address: &str) -> Answer {
        let basic = format!("Basic {}", STANDARD.encode(format!("{}:{}", who.0, who.1)));
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("authorization", basic.as_str()),
            ("x-forwarded-for", address),
        ];
        self.program.call("POST", path, &headers, "token=x").await
    }

    fn plain(&self) -> (&str, &str) {
        ("plain", &self.plain)
    }

    fn own(&self) -> (&str, &str) {
        ("own", &self.own)
    }
}

pub(crate) const HERE: &str = "203.0.113.7";
pub(crate) const THERE: &str = "198.51.100.9";

fn claims(answer: &Answer) -> Value {
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// The endpoints beside the token endpoint.
const BESIDE: [&str; 2] = ["/oauth2/revoke", "/oauth2/introspect"];

/// RFC 6585 §4, and the form of RFC 6749 §5.2.
pub(crate) fn is_limited(answer: &Answer) {
    assert_eq!(answer.status, 429, "{}", answer.body);
    assert_eq!(answer.json()["error"], "temporarily_unavailable");
    assert!(!answer.json()["error_description"].as_str().unwrap().is_empty());
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(answer.header("retry-after").parse::<u32>().unwrap() >= 1);
    assert!(answer.header("www-authenticate").is_empty());
}

#[tokio::test]
async fn a_client_beyond_its_rate_is_told_when_to_come_again_and_others_are_not_held_up() {
    let all = "tokens: { rate: 1/h, burst: 2 }";
    let service = Service::start(all, "token_rate: 1/h, token_burst: 5").await;
    for left in ["1", "0"] {
        let answer = service.ask(service.plain(), HERE).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.header("ratelimit-policy"), r#""tokens";q=1;w=3600"#);
        assert_eq!(answer.header("ratelimit"), format!(r#""tokens";r={left};t=3600"#));
    }
    let beyond = service.ask(service.plain(), THERE).await;
    is_limited(&beyond);
    assert_eq!(beyond.header("ratelimit"), r#""tokens";r=0;t=3600"#);
    for _ in 0..5 {
        assert_eq!(service.ask(service.own(), HERE).await.status, 200);
    }
    is_limited(&service.ask(service.own(), HERE).await);
}

#[tokio::test]
async fn nobody_spends_the_rate_of_a_client_without_its_secret() {
    let service = Service::start("tokens: { rate: 1/h, burst: 1 }", "").await;
    for _ in 0..5 {
        assert_eq!(service.ask(("plain", "wrong"), THERE).await.status, 401);
    }
    assert_eq!(service.ask(service.plain(), HERE).await.status, 200);
}

#[tokio::test]
async fn what_only_observes_lets_pass_and_tells() {
    let all = "tokens: { rate: 1/h, burst: 1, quota: { day: 1 }, mode: observe }";
    let service = Service::start(all, "").await;
    for _ in 0..3 {
        assert_eq!(service.ask(service.plain(), HERE).await.status, 200);
    }
    let lines = until("the log has all", async || {
        let lines = service.program.lines("token");
        (lines.len() == 3).then_some(lines)
    })
    .await;
    let observed: Vec<_> = lines.iter().map(|line| line["observed"].clone()).collect();
    assert_eq!(observed, [Value::Null, "client-rate".into(), "client-rate".into()]);
}

#[tokio::test]
async fn an_address_is_that_of_the_caller_behind_a_trusted_proxy() {
    let service = Service::start("tokens: { address_rate: 1/h, address_burst: 2 }", "").await;
    assert_eq!(service.ask(service.plain(), HERE).await.status, 200);
    assert_eq!(service.ask(("nobody", "x"), HERE).await.status, 401);
    let beyond = service.ask(service.plain(), HERE).await;
    is_limited(&beyond);
    assert_eq!(beyond.header("ratelimit"), r#""address";r=0;t=3600"#);
    assert_eq!(service.ask(service.plain(), THERE).await.status, 200);
    let line = until("the log has the refusal", async || {
        let lines = service.program.lines("token");
        lines.into_iter().find(|line| line["reason"] == "address-rate")
    })
    .await;
    assert_eq!(line["address"], HERE);
}

#[tokio::test]
async fn revoking_and_introspecting_have_the_clients_rate_and_cost_no_token() {
    let all = "tokens: { rate: 1/h, burst: 2 }";
    let service = Service::start(all, "token_rate: 1/h, token_burst: 5").await;
    let [revoke, introspect] = BESIDE;
    for (path, left) in [(revoke, "1"), (introspect, "0")] {
        let answer = service.ask_about(path, service.plain(), HERE).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.header("ratelimit-policy"), r#""requests";q=1;w=3600"#);
        assert_eq!(answer.header("ratelimit"), format!(r#""requests";r={left};t=3600"#));
    }
    for path in BESIDE {
        let beyond = service.ask_about(path, service.plain(), THERE).await;
        is_limited(&beyond);
        assert_eq!(beyond.header("ratelimit"), r#""requests";r=0;t=3600"#);
        // Nobody else spends it, and others have their own.
        assert_eq!(service.ask_about(path, ("own", "wrong"), HERE).await.status, 401);
    }
    for _ in 0..2 {
        assert_eq!(service.ask(service.plain(), HERE).await.status, 200, "counted apart");
    }
    for _ in 0..5 {
        assert_eq!(service.ask_about(introspect, service.own(), HERE).await.status, 200);
    }
    is_limited(&service.ask_about(introspect, service.own(), HERE).await);
}

#[tokio::test]
async fn revoking_and_introspecting_are_only_told_of_where_bounds_observe() {
    let all = "tokens: { rate: 1/h, burst: 1, address_rate: 1/h, address_burst: 1, mode: observe }";
    let service = Service::start(all, "").await;
    for path in BESIDE {
        for _ in 0..2 {
            assert_eq!(service.ask_about(path, service.plain(), HERE).await.status, 200);
        }
    }
    until("the log tells", async || {
        service.program.read("stderr").contains("only observes").then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_rate_of_an_address_counts_all_endpoints_together() {
    let service = Service::start("tokens: { address_rate: 1/h, address_burst: 3 }", "").await;
    for path in BESIDE {
        assert_eq!(service.ask_about(path, service.plain(), HERE).await.status, 200);
    }
    assert_eq!(service.ask(service.own(), HERE).await.status, 200);
    is_limited(&service.ask(service.plain(), HERE).await);
    for path in BESIDE {
        let beyond = service.ask_about(path, service.own(), HERE).await;
        is_limited(&beyond);
        assert_eq!(beyond.header("ratelimit"), r#""address";r=0;t=3600"#);
        assert_eq!(service.ask_about(path, service.own(), THERE).await.status, 200);
    }
}

#[tokio::test]
async fn wrong_secrets_are_damped_and_a_right_one_is_let_in_from_anywhere() {
    let service = Service::start("", "").await;
    let mut statuses = Vec::new();
    for number in 0..25 {
        let answer = service.ask(("plain", "wrong"), HERE).await;
        if answer.status == 429 {
            is_limited(&answer);
        }
        statuses.push((number, answer.status));
    }
    assert_eq!(statuses[0].1, 401);
    assert_eq!(statuses[24].1, 429, "{statuses:?}");
    // A client that does not exist is treated alike.
    for _ in 0..25 {
        service.ask(("nobody", "wrong"), HERE).await;
    }
    is_limited(&service.ask(("nobody", "wrong"), HERE).await);
    assert_eq!(service.ask(service.plain(), HERE).await.status, 200, "the right secret");
    assert_eq!(service.ask(("plain", "wrong"), THERE).await.status, 401, "from elsewhere");
    assert_eq!(service.ask(service.plain(), THERE).await.status, 200);
    assert_eq!(service.ask(("own", "wrong"), HERE).await.status, 401, "another client");
}

#[tokio::test]
async fn a_quota_of_tokens_is_exact_over_a_kill_and_refusals_cost_none() {
    let mut service = Service::start("tokens: { quota: { day: 3 } }", "").await;
    assert_eq!(service.ask(service.plain(), HERE).await.status, 200);
    assert_eq!(service.ask_for(service.plain(), HERE, "wheels/turn").await.status, 400);
    let second = service.ask(service.plain(), HERE).await;
    assert_eq!(second.header("ratelimit-policy"), r#""tokens-day";q=3;w=86400"#);
    assert!(second.header("ratelimit").starts_with(r#""tokens-day";r=1;t="#));
    service.program.kill_and_restart().await;
    assert_eq!(service.ask(service.plain(), HERE).await.status, 200);
    let beyond = service.ask(service.plain(), HERE).await;
    is_limited(&beyond);
    assert!(beyond.body.contains("3 tokens of this day"), "{}", beyond.body);
    assert_eq!(service.ask(service.own(), HERE).await.status, 200, "another client's is its own");
}

#[tokio::test]
async fn claims_are_those_declared_and_the_shorter_lifetime_holds() {
    let own =
        "token_lifetime: 10m, claims: { tenant: $partner.name, tier: gold, level: 3, big: true }";
    let service = Service::start("", own).await;
    let answer = service.ask_for(service.own(), HERE, "wheels/turn").await;
    assert_eq!(answer.json()["expires_in"], 120);
    let said = claims(&answer);
    assert_eq!(said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(), 120);
    for (name, value) in [
        ("tenant", Value::from("cars")),
        ("tier", "gold".into()),
        ("whose", "Lee James".into()),
        ("level", 3.into()),
        ("big", true.into()),
        ("sub", "own".into()),
    ] {
        assert_eq!(said[name], value, "{name}");
    }
    let answer = service.ask(service.own(), HERE).await;
    assert_eq!(answer.json()["expires_in"], 600);
    assert_eq!(claims(&answer)["whose"], Value::Null);
    // The gateway takes a token that says more; only the service behind is not there.
    let bearer = format!("Bearer {}", answer.json()["access_token"].as_str().unwrap());
    let headers = [("authorization", bearer.as_str())];
    assert_eq!(service.program.call("POST", "/orders", &headers, "").await.status, 502);
    let plain = claims(&service.ask(service.plain(), HERE).await);
    assert_eq!(plain.as_object().unwrap().len(), 12);
}

#[tokio::test]
async fn a_client_whose_time_is_over_gets_no_token_and_its_tokens_are_refused() {
    let service = Service::start("", "expires: 2999-01-01").await;
    let answer = service.ask(service.own(), HERE).await;
    let bearer = format!("Bearer {}", answer.json()["access_token"].as_str().unwrap());
    let headers = [("authorization", bearer.as_str())];
    assert_eq!(service.program.call("POST", "/orders", &headers, "").await.status, 502);
    service.program.rewrite(|text| text.replace("2999-01-01", "2020-01-01"));
    service.program.signal("-HUP");
    until("the end is known", async || {
        let answer = service.ask(service.own(), HERE).await;
        (answer.status == 400).then(|| assert_eq!(answer.json()["error"], "unauthorized_client"))
    })
    .await;
    assert_eq!(service.program.call("POST", "/orders", &headers, "").await.status, 401);
    assert_eq!(service.ask(service.plain(), HERE).await.status, 200);
}
