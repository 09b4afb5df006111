//! Tokens of workloads in exchange for ours (RFC 8693): a key server on loopback, keys made here.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use jwt::{Jwks, SigningKey};
use serde_json::{Value, json};
use testkit::{Receiver, Reply, until};

use crate::claims::now_s;
use crate::program::{Answer, Program};
use crate::token_limits::is_limited;

const ISSUER: &str = "https://cluster.example";
const AUDIENCE: &str = "https://api.tires.example";
const SENDER: &str = "system:serviceaccount:orders:sender";
const EXCHANGE: &str = "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&\
    subject_token_type=urn:ietf:params:oauth:token-type:jwt";
/// More bad tokens than are let through within what a slow machine takes for them.
const MANY: usize = 45;

fn definitions(upstream: &str, keys: &str) -> String {
    format!(
        "
apis:
  tires:
    base_path: /prod
    upstream: {upstream}
    scopes: {{ create.order: Create }}
    routes: {{ POST /orders: {{ scopes: [tires/create.order] }} }}
issuers:
  cluster:
    issuer: {ISSUER}
    jwks_url: {keys}
    audiences: [{AUDIENCE}, sts]
    algorithms: [ES256]
    partner: cars
    allow_private: [127.0.0.0/8]
partners:
  cars:
    clients:
      car-orders:
        scopes: [tires/create.order]
        federation: [{{ issuer: cluster, subject: \"{SENDER}\", audience: {AUDIENCE} }}]
      car-builds:
        scopes: [tires/create.order]
        federation: [{{ issuer: cluster, subject: \"system:serviceaccount:builds:*\" }}]
      car-tests:
        scopes: [tires/create.order]
        federation: [{{ issuer: cluster, subject: \"system:serviceaccount:builds:tester\" }}]
"
    )
}

/// A cluster's key: its published form, and as the library that plays the cluster signs with it.
struct Key {
    jwk: SigningKey,
    pkcs8: Vec<u8>,
}

impl Key {
    fn new() -> Self {
        let pkcs8 = SigningKey::generate().unwrap().to_vec();
        Self { jwk: SigningKey::from_pkcs8(&pkcs8).unwrap(), pkcs8 }
    }

    fn sign(&self, claims: &Value) -> String {
        // As a cluster writes them: without `typ`.
        let mut header = Header::new(Algorithm::ES256);
        header.typ = None;
        header.kid = Some(self.jwk.jwk().kid.clone());
        let key = EncodingKey::from_ec_der(&self.pkcs8);
        jsonwebtoken::encode(&header, claims, &key).unwrap()
    }
}

/// What a good token says.
fn claims() -> Value {
    let now = now_s();
    json!({
        "iss": ISSUER, "sub": SENDER, "aud": [AUDIENCE], "iat": now, "nbf": now, "exp": now + 600,
        "kubernetes.io": { "namespace": "orders" },
    })
}

fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims();
    claims[name] = value.into();
    claims
}

struct World {
    program: Program,
    upstream: Receiver,
    server: Receiver,
    key: Key,
}

impl World {
    async fn start() -> Self {
        let key = Key::new();
        let set = serde_json::to_string(&Jwks { keys: vec![key.jwk.jwk().clone()] }).unwrap();
        let server = Receiver::start(move |_, _| Reply::status(200).body(&set)).await;
        let upstream = Receiver::start(|_, _| Reply::status(201)).await;
        let keys = format!("{}/keys", server.url());
        let program = Program::start(&definitions(&upstream.url(), &keys)).await;
        Self { program, upstream, server, key }
    }

    /// Another key under the name of the cluster's.
    fn forger(&self) -> Key {
        let jwk = SigningKey::from_pkcs8(&self.key.pkcs8).unwrap();
        Key { jwk, pkcs8: Key::new().pkcs8 }
    }

    async fn ask(&self, body: &str, headers: &[(&str, &str)]) -> Answer {
        let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
        all.extend(headers);
        self.program.call("POST", "/oauth2/token", &all, body).await
    }

    async fn exchange(&self, token: &str, more: &str) -> Answer {
        self.ask(&format!("{EXCHANGE}&subject_token={token}{more}"), &[]).await
    }

    fn audited(&self, arguments: &[&str]) -> Vec<Value> {
        let text = self.program.done(&[&["token", "audit", "--json"][..], arguments].concat());
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn refused(answer: &Answer, error: &str, says: &str) {
    assert_eq!((answer.status, &answer.json()["error"]), (400, &error.into()), "{says}");
    let description = answer.json()["error_description"].as_str().unwrap().to_owned();
    assert!(description.contains(says), "{description}");
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[tokio::test]
async fn rfc8693_a_workloads_token_gets_a_token_of_its_client_without_any_secret() {
    let world = World::start().await;
    let answer = world.exchange(&world.key.sign(&claims()), "").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let body = answer.json();
    // §2.2.1
    let issued = "urn:ietf:params:oauth:token-type:access_token";
    assert_eq!(
        (&body["issued_token_type"], &body["token_type"]),
        (&issued.into(), &"Bearer".into())
    );
    assert_eq!((&body["scope"], &body["expires_in"]), (&"tires/create.order".into(), &3600.into()));
    assert_eq!(body.get("refresh_token"), None);
    let bearer = format!("Bearer {}", body["access_token"].as_str().unwrap());
    let order = world.program.call("POST", "/prod/orders", &[("authorization", &bearer)], "").await;
    assert_eq!(order.status, 201, "{}", order.body);
    assert_eq!(world.upstream.got()[0].header("gatepost-client"), "car-orders");
    // The token itself is none for the API.
    let bearer = format!("Bearer {}", world.key.sign(&claims()));
    let order = world.program.call("POST", "/prod/orders", &[("authorization", &bearer)], "").await;
    assert_eq!(order.status, 401);
}

#[tokio::test]
async fn rfc8693_a_token_that_is_not_good_is_an_invalid_request() {
    let world = World::start().await;
    let late = claims()["iat"].as_u64().unwrap() - 100;
    for (claims, says) in [
        (with("exp", late), "expired"),
        (with("nbf", late + 400), "not valid yet"),
        (with("aud", "https://other.example"), "another API"),
        (with("iss", "https://evil.example"), "no client takes tokens of its issuer"),
        (with("sub", "system:serviceaccount:orders:sender2"), "stand for no client"),
        (with("sub", "system:serviceaccount:builds"), "stand for no client"),
        // An audience of the issuer's, and not that of the rule.
        (with("aud", "sts"), "stand for no client"),
        (with("sub", Value::Null), "lacks a claim"),
    ] {
        let answer = world.exchange(&world.key.sign(&claims), "").await;
        refused(&answer, "invalid_request", says);
    }
    let answer = world.exchange(&Key::new().sign(&claims()), "").await;
    refused(&answer, "invalid_request", "does not publish");
    refused(&world.exchange("x", "").await, "invalid_request", "malformed");
    assert_eq!(world.exchange(&world.key.sign(&claims()), "").await.status, 200);
}

#[tokio::test]
async fn the_audit_has_of_each_exchange_whose_token_it_was() {
    let world = World::start().await;
    let long = format!("system:serviceaccount:builds:{}", "x".repeat(400));
    let other = "system:serviceaccount:orders:other";
    let tokens = [
        (world.key.sign(&claims()), 200),
        (world.key.sign(&with("sub", long.as_str())), 200),
        (world.key.sign(&with("sub", other)), 400),
        // What nobody has verified says nothing.
        (world.forger().sign(&with("sub", "system:serviceaccount:orders:forged")), 400),
    ];
    for (token, status) in &tokens {
        let answer = world.exchange(token, "").await;
        assert_eq!(answer.status, *status, "{}", answer.body);
    }
    until("all are in the audit", async || (world.audited(&[]).len() == 4).then_some(())).await;
    let seen = |arguments: &[&str]| -> Vec<Value> {
        let rows = world.audited(arguments);
        let seen = |row: &Value| json!([row["outcome"], row["client"], row["subject"]]);
        assert!(rows.iter().all(|row| row["issuer"] == "cluster"), "{rows:?}");
        rows.iter().map(seen).collect()
    };
    let sender = json!(["issued", "car-orders", SENDER]);
    let builder = json!(["issued", "car-builds", &long[..256]]);
    let nobody = json!(["refused", null, other]);
    let all = [nobody.clone(), builder.clone(), sender.clone()];
    assert_eq!(seen(&["--issuer", "cluster"]), all);
    assert_eq!(seen(&["--subject", SENDER]), [sender]);
    assert_eq!(seen(&["--subject", &long, "--issuer", "cluster"]), [builder]);
    assert_eq!(seen(&["--subject", other, "--refused"]), [nobody]);
    assert!(seen(&["--issuer", "elsewhere"]).is_empty());
    assert!(seen(&["--subject", "system:serviceaccount:orders:forged"]).is_empty());
    let table = world.program.done(&["token", "audit"]);
    assert!(table.contains("SUBJECT") && table.contains(SENDER), "{table}");
    let mut seen = table + &world.program.done(&["token", "audit", "--json"]);
    seen.push_str(&world.program.read("stdout"));
    for (token, _) in &tokens {
        let signature = token.rsplit('.').next().unwrap();
        assert!(!seen.contains(signature), "a token is in the audit or the log");
    }
    let line = world.program.lines("token").into_iter().find(|line| line["subject"] == SENDER);
    assert_eq!(line.unwrap()["issuer"], "cluster");
}

#[tokio::test]
async fn a_token_that_an_operator_has_revoked_is_not_exchanged_and_others_are() {
    let world = World::start().await;
    let (leaked, other) = (with("jti", "leaked at 7 h, ü"), with("jti", "leaked"));
    assert_eq!(world.exchange(&world.key.sign(&leaked), "").await.status, 200);
    world.program.done(&["token", "revoke", "--jti", "leaked at 7 h, ü", "--issuer", "cluster"]);
    let answer = world.exchange(&world.key.sign(&leaked), "").await;
    refused(&answer, "invalid_request", "revoked");
    for claims in [other, claims()] {
        assert_eq!(world.exchange(&world.key.sign(&claims), "").await.status, 200, "{claims}");
    }
}

#[tokio::test]
async fn bad_subject_tokens_are_damped_and_lock_no_workload_out_that_has_proven_itself() {
    let world = World::start().await;
    assert_eq!(world.exchange(&world.key.sign(&claims()), "").await.status, 200);
    let forger = world.forger();
    let mut statuses = Vec::new();
    for number in 0..MANY {
        let bad = forger.sign(&with("jti", number.to_string()));
        let answer = world.exchange(&bad, "").await;
        if answer.status == 429 {
            is_limited(&answer);
        } else {
            refused(&answer, "invalid_request", "signature does not fit");
        }
        statuses.push(answer.status);
    }
    assert_eq!(statuses[0], 400);
    assert!(statuses.contains(&429), "{statuses:?}");
    assert_eq!(world.exchange(&world.key.sign(&claims()), "").await.status, 200);
}

#[tokio::test]
async fn rfc8693_a_token_stands_for_one_client() {
    let world = World::start().await;
    let tester = world.key.sign(&with("sub", "system:serviceaccount:builds:tester"));
    refused(&world.exchange(&tester, "").await, "invalid_request", "several clients");
    for client in ["car-tests", "car-builds"] {
        let answer = world.exchange(&tester, &format!("&client_id={client}")).await;
        assert_eq!(answer.status, 200, "{client}: {}", answer.body);
    }
    let answer = world.exchange(&tester, "&client_id=car-orders").await;
    refused(&answer, "invalid_request", "stand for no client");
    let answer = world.exchange(&tester, "&client_id=nobody").await;
    refused(&answer, "invalid_request", "no client takes tokens of its issuer");
}

#[tokio::test]
async fn rfc8693_parameters_are_read_strictly() {
    let world = World::start().await;
    let token = world.key.sign(&claims());
    for (more, error, says) in [
        ("&client_secret=x", "invalid_request", "send no other"),
        ("&actor_token=x", "invalid_request", "actor_token"),
        ("&requested_token_type=urn:x", "invalid_request", "requested_token_type"),
        ("&subject_token=y", "invalid_request", "repeated"),
        ("&scope=tires/cancel.order", "invalid_scope", "tires/cancel.order"),
        ("&audience=wheels", "invalid_target", "names no API"),
        ("&resource=https://other.example/prod", "invalid_target", "names no API"),
    ] {
        if more.starts_with("&subject_token=") {
            // Unreadable as a form: refused before anything else is looked at.
            let answer = world.exchange(&token, more).await;
            assert_eq!((answer.status, &answer.json()["error"]), (400, &error.into()));
            continue;
        }
        refused(&world.exchange(&token, more).await, error, says);
    }
    let body = format!("{EXCHANGE}&subject_token={token}");
    let answer = world.ask(&body, &[("authorization", "Basic YTpi")]).await;
    refused(&answer, "invalid_request", "send no other");
    let body = body.replace("token-type:jwt", "token-type:saml2");
    refused(&world.ask(&body, &[]).await, "invalid_request", "subject_token_type");
    let resource = format!("&audience=tires&resource={}/prod", world.program.public);
    assert_eq!(world.exchange(&token, &resource).await.status, 200);
    // RFC 6749 §3.2: the query never counts.
    let path = format!("/oauth2/token?{EXCHANGE}&subject_token={token}");
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    assert_ne!(world.program.call("POST", &path, &kind, "").await.status, 200);
}

#[tokio::test]
async fn metadata_offer_the_exchange_and_a_suspended_partner_gets_nothing_by_it() {
    let mut world = World::start().await;
    let path = "/.well-known/oauth-authorization-server";
    let document = world.program.call("GET", path, &[], "").await.json();
    let exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    assert_eq!(document["grant_types_supported"], json!(["client_credentials", exchange]));
    world.program.rewrite(|file| {
        file.replace("  cars:\n    clients:", "  cars:\n    status: suspended\n    clients:")
    });
    assert!(world.program.stop().success());
    world.program.start_again().await;
    let answer = world.exchange(&world.key.sign(&claims()), "").await;
    refused(&answer, "unauthorized_client", "suspended");
}

#[tokio::test]
async fn without_the_issuers_keys_nobody_is_refused_for_good() {
    let world = World::start().await;
    world.server.answer(|_, _| Reply::status(503));
    let keys = format!("{}/keys", world.server.url());
    let program = Program::start(&definitions(&world.upstream.url(), &keys)).await;
    let world = World { program, ..world };
    let answer = world.exchange(&world.key.sign(&claims()), "").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "5"));
    assert_eq!(answer.json()["error"], "temporarily_unavailable");
}
