//! Tokens that end before their time, are looked at, and are asked for one API (RFC 7009, RFC 7662,
//! RFC 8707, RFC 8414). Two clients are there throughout: what is one's is not the other's.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use testkit::{Receiver, Reply, until};

use crate::program::{Answer, Program};
use crate::refusals::signed;

/// What is revoked or disabled is refused within this time.
const SOON: Duration = Duration::from_secs(1);
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn definitions(upstream: &str) -> String {
    format!(
        "
apis:
  tires:
    base_path: /prod
    upstream: {upstream}
    scopes: {{ create.order: Create, cancel.order: Cancel }}
    introspection: [tires-service]
    routes: {{ POST /orders: {{ scopes: [tires/create.order] }} }}
  wheels:
    base_path: /wheels
    upstream: {upstream}
    resource: https://wheels.example/api
    scopes: {{ turn: Turn }}
    introspection: [wheels-service]
    routes: {{ GET /: {{ scopes: [wheels/turn] }} }}
partners:
  cars:
    clients:
      car-orders: {{ scopes: [tires/create.order, tires/cancel.order] }}
      both: {{ scopes: [tires/create.order, wheels/turn] }}
  vans:
    clients:
      van-orders: {{ scopes: [tires/create.order] }}
  ourselves:
    clients:
      tires-service: {{}}
      wheels-service: {{ scopes: [wheels/turn] }}
"
    )
}

/// A client with a live secret.
struct Client {
    id: &'static str,
    secret: String,
    /// The secret's id.
    credential: String,
}

impl Client {
    fn of(program: &Program, id: &'static str) -> Self {
        let minted = program.done(&["client", "secret", id, "--json"]);
        let minted: Value = serde_json::from_str(&minted).unwrap();
        let text = |name: &str| minted[name].as_str().unwrap().to_owned();
        Self { id, secret: text("client_secret"), credential: text("id") }
    }

    fn basic(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.id, self.secret)))
    }
}

struct Service {
    program: Program,
    cars: Client,
    vans: Client,
    _upstream: Receiver,
}

async fn service() -> Service {
    let upstream = Receiver::start(|_, _| Reply::status(201).body("made")).await;
    let program = Program::start(&definitions(&upstream.url())).await;
    let cars = Client::of(&program, "car-orders");
    let vans = Client::of(&program, "van-orders");
    Service { program, cars, vans, _upstream: upstream }
}

impl Service {
    async fn post(&self, path: &str, client: &Client, body: &str) -> Answer {
        let basic = client.basic();
        let headers = [FORM, ("authorization", basic.as_str())];
        self.program.call("POST", path, &headers, body).await
    }

    async fn token(&self, client: &Client) -> String {
        self.program.token(client.id, &client.secret, "tires/create.order").await
    }

    async fn revoke(&self, client: &Client, token: &str) -> Answer {
        self.post("/oauth2/revoke", client, &format!("token={token}")).await
    }

    async fn introspect(&self, client: &Client, token: &str) -> Answer {
        self.post("/oauth2/introspect", client, &format!("token={token}")).await
    }

    /// A call with a token; its status.
    async fn order(&self, token: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        self.program.call("POST", "/prod/orders", &[("authorization", bearer.as_str())], "{}").await
    }

    async fn is_good(&self, token: &str) -> bool {
        let answer = self.order(token).await;
        match answer.status {
            201 => true,
            401 => {
                assert_eq!(answer.json()["type"], "urn:gatepost:problem:token-revoked");
                let challenge = answer.header("www-authenticate");
                assert!(challenge.contains(r#"error="invalid_token""#), "{challenge}");
                false
            }
            other => panic!("{other}: {}", answer.body),
        }
    }

    /// Waits until a token is refused; it takes less than a second from `began`.
    async fn refused_soon(&self, token: &str, began: Instant) {
        until("the token is refused", async || (!self.is_good(token).await).then_some(())).await;
        let took = began.elapsed();
        assert!(took < SOON, "{took:?}");
    }
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[tokio::test]
async fn rfc7009_2_1_a_revoked_token_is_refused_within_a_second_and_no_other() {
    let service = service().await;
    let token = service.token(&service.cars).await;
    let second = service.token(&service.cars).await;
    let other = service.token(&service.vans).await;
    // The gateway knows them all: it will not verify them again.
    for token in [&token, &second, &other] {
        assert!(service.is_good(token).await);
    }
    let began = Instant::now();
    let answer = service.revoke(&service.cars, &token).await;
    assert_eq!((answer.status, &*answer.body), (200, ""));
    assert_eq!(answer.header("cache-control"), "no-store");
    service.refused_soon(&token, began).await;
    assert!(service.is_good(&second).await && service.is_good(&other).await);
    // Again changes nothing.
    assert_eq!(service.revoke(&service.cars, &token).await.status, 200);
    assert!(!service.is_good(&token).await);
}

#[tokio::test]
async fn rfc7009_2_1_a_clients_proof_in_the_body_and_a_hint_are_taken() {
    let service = service().await;
    for hint in ["access_token", "refresh_token", "anything", ""] {
        let token = service.token(&service.cars).await;
        let Client { id, secret, .. } = &service.cars;
        let body = format!(
            "token={token}&token_type_hint={hint}&client_id={id}&client_secret={secret}&unknown=x"
        );
        let answer = service.program.call("POST", "/oauth2/revoke", &[FORM], &body).await;
        assert_eq!(answer.status, 200, "{hint}: {}", answer.body);
        assert!(!service.is_good(&token).await, "{hint}");
    }
}

#[tokio::test]
async fn rfc7009_2_1_somebody_elses_token_is_not_revoked() {
    let service = service().await;
    let token = service.token(&service.cars).await;
    let answer = service.revoke(&service.vans, &token).await;
    assert_eq!((answer.status, &*answer.body), (200, ""));
    assert!(service.is_good(&token).await);
    assert_eq!(service.revoke(&service.cars, &token).await.status, 200);
    assert!(!service.is_good(&token).await);
}

#[tokio::test]
async fn rfc7009_2_2_unknown_expired_and_garbage_are_answered_alike() {
    let service = service().await;
    let mut forged = service.token(&service.cars).await;
    forged.replace_range(forged.len() - 6..forged.len() - 4, "AA");
    let expired = signed(&service.program, |claims| {
        claims.iat -= 100_000;
        claims.exp = claims.iat + 60;
    });
    let foreign = signed(&service.program, |claims| claims.iss = "http://else.example".into());
    for token in ["x", "a.b.c", "%20", &forged, &expired, &foreign] {
        let answer = service.revoke(&service.cars, token).await;
        assert_eq!((answer.status, &*answer.body), (200, ""), "{token}");
    }
}

#[tokio::test]
async fn rfc7009_2_and_rfc7662_2_1_refusals() {
    let service = service().await;
    let own = service.cars.basic();
    let secret = &service.cars.secret;
    let token = service.token(&service.cars).await;
    let wrong = format!("Basic {}", STANDARD.encode(format!("car-orders:{secret}x")));
    let unknown = format!("Basic {}", STANDARD.encode(format!("nobody:{secret}")));
    let body = format!("token={token}");
    let twice = format!("{body}&{body}");
    let two_ways = format!("{body}&client_secret={secret}");
    let large = format!("{body}&x={}", "y".repeat(20_000));
    for path in ["/oauth2/revoke", "/oauth2/introspect"] {
        for (authorization, body, status, error) in [
            (None, body.as_str(), 401, "invalid_client"),
            (Some(&wrong), &body, 401, "invalid_client"),
            (Some(&unknown), &body, 401, "invalid_client"),
            (Some(&own), "", 400, "invalid_request"),
            (Some(&own), "token=", 400, "invalid_request"),
            (Some(&own), "token_type_hint=access_token", 400, "invalid_request"),
            (Some(&own), &twice, 400, "invalid_request"),
            (Some(&own), &two_ways, 400, "invalid_request"),
            (Some(&own), &large, 413, "invalid_request"),
        ] {
            let mut headers = vec![FORM];
            headers.extend(authorization.map(|value| ("authorization", value.as_str())));
            // Nothing in the query counts.
            let at = format!("{path}?token=x");
            let answer = service.program.call("POST", &at, &headers, body).await;
            assert_eq!(answer.status, status, "{path} {body}: {}", answer.body);
            assert_eq!(answer.json()["error"], error, "{path} {body}");
            assert_eq!(answer.header("cache-control"), "no-store");
            let challenged = answer.header("www-authenticate").starts_with("Basic ");
            assert_eq!(challenged, status == 401, "{path} {body}");
        }
        let json = [("content-type", "application/json"), ("authorization", own.as_str())];
        let answer = service.program.call("POST", path, &json, "{}").await;
        assert_eq!((answer.status, &answer.json()["error"]), (400, &"invalid_request".into()));
        let answer =
            service.program.call("GET", path, &[("authorization", own.as_str())], "").await;
        assert_eq!((answer.status, answer.header("allow")), (405, "POST"));
        assert!(answer.json()["request_id"].as_str().unwrap().starts_with("req_"));
    }
    assert!(service.is_good(&token).await, "none of these revoked it");
}

#[tokio::test]
async fn a_client_without_scopes_introspects_and_gets_no_token() {
    let service = service().await;
    let reader = Client::of(&service.program, "tires-service");
    let token = service.token(&service.cars).await;
    let answer = service.introspect(&reader, &token).await;
    assert_eq!((answer.status, &answer.json()["active"]), (200, &true.into()), "{}", answer.body);
    assert_eq!(service.revoke(&reader, &token).await.status, 200);
    assert!(service.is_good(&token).await, "it is not its own");
    let grant = "grant_type=client_credentials";
    for more in ["", "&scope=tires/create.order", "&audience=tires"] {
        let answer = service.post("/oauth2/token", &reader, &format!("{grant}{more}")).await;
        let error = answer.json()["error"].clone();
        assert_eq!((answer.status, error), (400, "unauthorized_client".into()), "{more}");
        assert!(answer.body.contains("no scopes"), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_revocation_survives_a_kill() {
    let mut service = service().await;
    let token = service.token(&service.cars).await;
    let second = service.token(&service.cars).await;
    assert_eq!(service.revoke(&service.cars, &token).await.status, 200);
    service.program.kill_and_restart().await;
    // From the first request on: a door opens when the list is read.
    assert!(!service.is_good(&token).await);
    assert!(service.is_good(&second).await);
}

#[tokio::test]
async fn a_revocation_is_known_to_the_process_that_follows() {
    let mut service = service().await;
    let token = service.token(&service.cars).await;
    assert_eq!(service.revoke(&service.cars, &token).await.status, 200);
    service.program.hand_over().await;
    assert!(!service.is_good(&token).await);
}

#[tokio::test]
async fn a_disabled_clients_last_token_is_refused_within_a_second() {
    let service = service().await;
    let token = service.token(&service.cars).await;
    let other = service.token(&service.vans).await;
    assert!(service.is_good(&token).await && service.is_good(&other).await);
    let active = "car-orders: { ";
    service.program.rewrite(|file| file.replace(active, "car-orders: { status: suspended, "));
    let began = Instant::now();
    service.program.signal("-HUP");
    service.refused_soon(&token, began).await;
    assert!(service.is_good(&other).await);
}

#[tokio::test]
async fn an_operator_revokes_by_id_by_token_by_credential_and_by_client() {
    let service = service().await;
    let token = service.token(&service.cars).await;
    let second = service.token(&service.cars).await;
    let other = service.token(&service.vans).await;
    let claims = claims(&token);
    let id = claims["jti"].as_str().unwrap();
    let began = Instant::now();
    let told = service.program.done(&["token", "explain", &token]);
    assert!(told.contains("good   active"), "{told}");
    let said = service.program.done(&["token", "revoke", "--jti", id]);
    assert!(said.contains(id), "{said}");
    service.refused_soon(&token, began).await;
    let told = service.program.run(&["token", "explain", &token]);
    let text = String::from_utf8(told.stdout).unwrap();
    assert!(!told.status.success() && text.contains("wrong  active"), "{text}");
    assert!(service.is_good(&second).await);

    std::fs::write(service.program.path("token"), &second).unwrap();
    service.program.done(&["token", "revoke", "--file", "token"]);
    assert!(!service.is_good(&second).await);

    // What was got with the other secret of the same client is good still.
    assert_eq!(claims["credential_id"], *service.cars.credential);
    let new = Client::of(&service.program, "car-orders");
    let by_old = service.token(&service.cars).await;
    let by_new = service.token(&new).await;
    let credential = service.cars.credential.as_str();
    service.program.done(&["token", "revoke", "--credential", credential]);
    assert!(!service.is_good(&by_old).await && service.is_good(&by_new).await);

    let said = service.program.done(&["token", "revoke", "--client", "car-orders", "--json"]);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&said["revoked"], &said["id"]), (&"client".into(), &"car-orders".into()));
    assert!(!service.is_good(&by_new).await && service.is_good(&other).await);
    // A second later the client gets tokens that are good.
    until("a new token is good", async || {
        let token = service.token(&new).await;
        service.is_good(&token).await.then_some(())
    })
    .await;
    let trail = service.program.admin_get("audit?limit=10").await;
    let whats: Vec<_> = trail["items"].as_array().unwrap().iter().map(|e| &e["what"]).collect();
    assert!(whats.contains(&&"revoke tokens of client".into()), "{whats:?}");

    for wrong in [
        ["token", "revoke", "--client", "nobody"],
        ["token", "revoke", "--credential", "nothing"],
        ["token", "revoke", "--jti", "a b"],
    ] {
        assert!(!service.program.run(&wrong).status.success(), "{wrong:?}");
    }
}

#[tokio::test]
async fn what_was_copied_along_with_a_token_changes_nothing() {
    let service = service().await;
    for around in ["Bearer {}", "dpop  {}\r\n", "\"{}\"", " '{}' \n", "Authorization: Bearer {}"] {
        let token = service.token(&service.cars).await;
        let given = around.replace("{}", &token);
        let looked = service.program.input(&["token", "introspect", "--json"], &given);
        let looked: Value = serde_json::from_slice(&looked.stdout).unwrap();
        assert_eq!(looked["active"], true, "{around}");
        assert_eq!(looked["jti"], claims(&token)["jti"], "{around}");
        let told = service.program.done(&["token", "explain", &given]);
        assert!(told.contains("good   active"), "{around}: {told}");
        let output = service.program.input(&["token", "revoke"], &given);
        assert!(output.status.success(), "{around}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(!service.is_good(&token).await, "{around}");
    }
    let output = service.program.input(&["token", "introspect"], "a.b.c\nd.e.f\n");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("2 tokens"), "{said}");
}

#[tokio::test]
async fn of_several_tokens_each_has_its_line_and_a_bad_one_keeps_none_from_being_revoked() {
    let service = service().await;
    let mut tokens = Vec::new();
    for _ in 0..3 {
        tokens.push(service.token(&service.cars).await);
    }
    let [first, second, third] = &tokens[..] else { panic!() };
    let text = format!("Bearer {first}\nnonsense\n\n\"{second}\"\n{first}\n");
    std::fs::write(service.program.path("leaked.txt"), text).unwrap();
    let output = service.program.run(&["token", "revoke", "--file", "leaked.txt"]);
    let told = String::from_utf8(output.stdout).unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told} {said}");
    let lines: Vec<_> = told.lines().map(|line| line.split('.').next().unwrap()).collect();
    assert_eq!(lines.len(), 3, "{told}");
    for (line, begins) in
        lines.iter().zip(["line 1: Revoked", "line 2: Not revoked", "line 4: Revoked"])
    {
        assert!(line.starts_with(begins), "{told}");
    }
    assert!(said.contains("1 of 3 tokens"), "{said}");
    for (token, good) in [(first, false), (second, false), (third, true)] {
        assert_eq!(service.is_good(token).await, good);
        let signature = token.rsplit('.').next().unwrap();
        assert!(!told.contains(signature) && !said.contains(signature), "{told} {said}");
    }
    // What is no good any more is said in the same form to programs.
    let again = service.program.run(&["token", "revoke", "--file", "leaked.txt", "--json"]);
    let again = String::from_utf8(again.stdout).unwrap();
    let lines: Vec<Value> = again.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let numbers: Vec<_> = lines.iter().map(|line| line["line"].clone()).collect();
    assert_eq!(numbers, [1, 2, 4]);
    assert!(lines.iter().all(|line| line["error"].is_string()), "{again}");
}

#[tokio::test]
async fn of_a_token_that_its_client_revoked_it_is_said_where_that_stands() {
    let service = service().await;
    let token = service.token(&service.cars).await;
    assert_eq!(service.revoke(&service.cars, &token).await.status, 200);
    let told = service.program.run(&["token", "explain", &token]);
    let text = String::from_utf8(told.stdout).unwrap();
    assert!(!told.status.success(), "{text}");
    let id = claims(&token)["jti"].as_str().unwrap().to_owned();
    assert!(text.contains(&format!("gatepost token audit --jti {id}")), "{text}");
}

#[tokio::test]
async fn a_token_given_as_an_argument_is_refused_and_never_shown() {
    let service = service().await;
    let token = service.token(&service.cars).await;
    let signature = token.rsplit('.').next().unwrap();
    for arguments in [
        vec!["token", "introspect", &token],
        vec!["token", "introspect", "--json", &token],
        vec!["token", "introspect", "--file", "x", &token, &token],
        vec!["token", "revoke", &token],
        vec!["token", "revoke", "--jti", "x", &token],
    ] {
        let output = service.program.run(&arguments);
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        assert!(!output.status.success() && !said.contains(signature), "{said}");
        assert!(said.contains("standard input"), "{said}");
    }
    assert!(service.is_good(&token).await);
}

#[tokio::test]
async fn rfc7662_2_2_a_resource_server_sees_what_is_meant_for_it() {
    let service = service().await;
    let tires = Client::of(&service.program, "tires-service");
    let wheels = Client::of(&service.program, "wheels-service");
    let token = service.token(&service.cars).await;
    let answer = service.introspect(&tires, &token).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    let mut expected = claims(&token);
    expected["active"] = true.into();
    expected["token_type"] = "Bearer".into();
    assert_eq!(answer.json(), expected);
    for (name, value) in [
        ("iss", json!(service.program.public)),
        ("aud", json!("tires")),
        ("client_id", json!("car-orders")),
        ("scope", json!("tires/create.order")),
    ] {
        assert_eq!(expected[name], value, "{name}");
    }
    // RFC 7662 §4: neither whose token it is nor another API's service learns anything.
    for stranger in [&service.cars, &service.vans, &wheels] {
        let answer = service.introspect(stranger, &token).await;
        assert_eq!((answer.status, answer.json()), (200, json!({ "active": false })));
    }
    // The operator sees any.
    std::fs::write(service.program.path("token"), &token).unwrap();
    let said = service.program.done(&["token", "introspect", "--file", "token", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap(), expected);
}

#[tokio::test]
async fn rfc7662_2_2_what_is_not_good_is_inactive_and_nothing_else() {
    let service = service().await;
    let tires = Client::of(&service.program, "tires-service");
    let inactive = async |token: &str| {
        let answer = service.introspect(&tires, token).await;
        assert_eq!(answer.status, 200, "{token}: {}", answer.body);
        assert_eq!(answer.header("cache-control"), "no-store");
        answer.json() == json!({ "active": false })
    };
    let good = service.token(&service.cars).await;
    assert!(!inactive(&good).await);
    let revoked = service.token(&service.cars).await;
    assert_eq!(service.revoke(&service.cars, &revoked).await.status, 200);
    let expired = signed(&service.program, |claims| {
        claims.iat -= 100_000;
        claims.exp = claims.iat + 60;
    });
    let early = signed(&service.program, |claims| claims.iat += 3600);
    let foreign = signed(&service.program, |claims| claims.iss = "http://else.example".into());
    let gone = signed(&service.program, |claims| claims.client_id = "nobody".into());
    let nowhere = signed(&service.program, |claims| claims.aud = "nothing".into());
    let mut forged = good.clone();
    forged.replace_range(forged.len() - 6..forged.len() - 4, "AA");
    for token in ["x", "a.b.c", &revoked, &expired, &early, &foreign, &gone, &nowhere, &forged] {
        assert!(inactive(token).await, "{token}");
    }
    let active = "car-orders: { ";
    let over = "car-orders: { expires: 2026-01-01T00:00:00Z, ";
    service.program.rewrite(|file| file.replace(active, over));
    service.program.signal("-HUP");
    until("a token of a client whose time is over is inactive", async || {
        inactive(&good).await.then_some(())
    })
    .await;
    // Nor does such a client ask.
    assert_ne!(service.revoke(&service.cars, &good).await.status, 200);
    service.program.rewrite(|file| file.replace(over, active));
    service.program.signal("-HUP");
    until("its time is not over", async || (!inactive(&good).await).then_some(())).await;
    service.program.rewrite(|file| file.replace(active, "car-orders: { status: suspended, "));
    service.program.signal("-HUP");
    until("a suspended client's token is inactive", async || inactive(&good).await.then_some(()))
        .await;
}

#[tokio::test]
async fn rfc8707_2_a_token_is_for_the_resource_that_is_named() {
    let service = service().await;
    let both = Client::of(&service.program, "both");
    let public = service.program.public.replace(':', "%3A").replace('/', "%2F");
    for (parameter, audience, scope) in [
        (format!("&resource={public}%2Fprod"), "tires", "tires/create.order"),
        (format!("&resource={public}%2Fwheels"), "wheels", "wheels/turn"),
        ("&resource=https://wheels.example/api".to_owned(), "wheels", "wheels/turn"),
        ("&audience=wheels".to_owned(), "wheels", "wheels/turn"),
        ("&audience=wheels&scope=wheels/turn&resource=".to_owned(), "wheels", "wheels/turn"),
        ("&scope=tires/create.order".to_owned(), "tires", "tires/create.order"),
    ] {
        let body = format!("grant_type=client_credentials{parameter}");
        let answer = service.post("/oauth2/token", &both, &body).await;
        assert_eq!(answer.status, 200, "{parameter}: {}", answer.body);
        assert_eq!(answer.json()["scope"], scope, "{parameter}");
        let token = answer.json()["access_token"].as_str().unwrap().to_owned();
        assert_eq!(claims(&token)["aud"], audience, "{parameter}");
    }
    // What the API's metadata calls itself is understood (RFC 9728).
    let place = "/.well-known/oauth-protected-resource/prod";
    let metadata = service.program.call("GET", place, &[], "").await.json();
    let resource = metadata["resource"].as_str().unwrap();
    let body = format!("grant_type=client_credentials&resource={resource}");
    let answer = service.post("/oauth2/token", &both, &body).await;
    assert_eq!(answer.json()["scope"], "tires/create.order", "{}", answer.body);
}

#[tokio::test]
async fn rfc8707_2_what_is_no_target_of_the_clients_is_invalid() {
    let service = service().await;
    let both = Client::of(&service.program, "both");
    let tires = format!("resource={}/prod", service.program.public);
    let with_fragment = format!("{tires}%23x");
    let twice = format!("{tires}&{tires}");
    let contradiction = format!("{tires}&audience=wheels");
    let other_scope = format!("{tires}&scope=wheels/turn");
    let strange_scope = format!("{tires}&scope=tires/cancel.order");
    for (client, parameter, error) in [
        (&both, "resource=https://else.example", "invalid_target"),
        (&both, "resource=/prod", "invalid_target"),
        (&both, "resource=tires", "invalid_target"),
        (&both, "audience=nothing", "invalid_target"),
        (&both, &with_fragment, "invalid_target"),
        (&both, &contradiction, "invalid_target"),
        (&service.vans, "audience=wheels", "invalid_target"),
        (&service.vans, "resource=https://wheels.example/api", "invalid_target"),
        (&both, &other_scope, "invalid_scope"),
        (&both, &strange_scope, "invalid_scope"),
        (&both, &twice, "invalid_request"),
        // As before: without a target the scopes must be of one API.
        (&both, "", "invalid_scope"),
    ] {
        let body = format!("grant_type=client_credentials&{parameter}");
        let answer = service.post("/oauth2/token", client, &body).await;
        assert_eq!(answer.status, 400, "{parameter}: {}", answer.body);
        assert_eq!(answer.json()["error"], error, "{parameter}");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn rfc8414_2_the_metadata_names_both_endpoints_and_the_issuer_byte_for_byte() {
    let service = service().await;
    let issuer = service.program.public.clone();
    let token = service.token(&service.cars).await;
    let methods = json!(["client_secret_basic", "client_secret_post", "private_key_jwt"]);
    let mut bodies = Vec::new();
    for place in ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"] {
        let answer = service.program.call("GET", place, &[], "").await;
        let document = answer.json();
        // RFC 8414 §3.3, and what the tokens say.
        assert_eq!(document["issuer"], issuer);
        assert_eq!(claims(&token)["iss"], issuer);
        for name in ["revocation", "introspection"] {
            let endpoint = document[format!("{name}_endpoint")].as_str().unwrap();
            let path = endpoint.strip_prefix(&issuer).unwrap();
            assert_eq!(service.program.call("POST", path, &[FORM], "").await.status, 401);
            let supported = &document[format!("{name}_endpoint_auth_methods_supported")];
            assert_eq!(*supported, methods, "{name}");
        }
        bodies.push(answer.body);
    }
    assert_eq!(bodies[0], bodies[1]);
    // RFC 8414 §3.1: the issuer has no path, so nothing is inserted; another path is another issuer.
    for place in [
        "/.well-known/oauth-authorization-server/prod",
        "/.well-known/oauth-authorization-server/",
        "/.well-known/openid-configuration/prod",
    ] {
        assert_eq!(service.program.call("GET", place, &[], "").await.status, 404, "{place}");
    }
}
