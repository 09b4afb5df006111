//! The token service over HTTP, row by row (RFC 6749, RFC 8414, RFC 9068).

use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use testkit::until;

use crate::program::{Answer, Program};

const DEFINITIONS: &str = "
apis:
  tires:
    upstream: http://127.0.0.1:9
    scopes: { create.order: Create, cancel.order: Cancel }
    routes: { POST /orders: { scopes: [tires/create.order] } }
  wheels:
    base_path: /wheels
    upstream: http://127.0.0.1:9
    scopes: { turn: Turn }
    routes: { GET /: {} }
partners:
  cars:
    clients:
      car-orders: { scopes: [tires/create.order, tires/cancel.order], token_lifetime: 10m }
      both: { scopes: [tires/create.order, wheels/turn] }
      \"odd+id\": { scopes: [wheels/turn] }
  asleep:
    status: suspended
    clients: { asleep: { scopes: [wheels/turn] } }
";

struct Service {
    program: Program,
    secret: String,
}

async fn service() -> Service {
    let program = Program::start(DEFINITIONS).await;
    let secret = program.done(&["client", "secret", "car-orders"]);
    Service { program, secret }
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

impl Service {
    async fn ask(&self, authorization: Option<&str>, body: &str) -> Answer {
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
        headers.extend(authorization.map(|value| ("authorization", value)));
        self.program.call("POST", "/oauth2/token", &headers, body).await
    }

    async fn refused(&self, authorization: Option<&str>, body: &str, row: (u16, &str)) -> Answer {
        let answer = self.ask(authorization, body).await;
        let (status, error) = row;
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
        assert_eq!(answer.json()["error"], error, "{body}");
        assert!(!answer.json()["error_description"].as_str().unwrap().is_empty());
        assert_eq!(answer.header("cache-control"), "no-store");
        answer
    }
}

const GRANT: &str = "grant_type=client_credentials";

#[tokio::test]
async fn rfc6749_4_4_a_client_gets_a_token_by_basic_or_body() {
    let service = service().await;
    let own = basic("car-orders", &service.secret);
    let in_body = format!("{GRANT}&client_id=car-orders&client_secret={}", service.secret);
    for (authorization, body) in [
        (Some(own.as_str()), GRANT.to_owned()),
        (Some(&own), format!("{GRANT}&client_id=car-orders")),
        (Some(&own), format!("{GRANT}&unknown=ignored&scope=")),
        (None, in_body),
    ] {
        let answer = service.ask(authorization, &body).await;
        assert_eq!(answer.status, 200, "{body}: {}", answer.body);
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("content-type"), "application/json");
        let body = answer.json();
        assert_eq!((&body["token_type"], &body["expires_in"]), (&"Bearer".into(), &600.into()));
        assert_eq!(body["scope"], "tires/create.order tires/cancel.order");
        let mut names: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
        names.sort();
        assert_eq!(names, ["access_token", "expires_in", "scope", "token_type"]);
    }
}

#[tokio::test]
async fn rfc9068_the_token_says_what_verifiers_of_both_kinds_look_for() {
    let service = service().await;
    let own = basic("car-orders", &service.secret);
    let answer = service.ask(Some(&own), &format!("{GRANT}&scope=tires%2Fcancel.order")).await;
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    let part = |at: usize| -> Value {
        let part = token.split('.').nth(at).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    let (header, claims) = (part(0), part(1));
    assert_eq!((&header["typ"], &header["alg"]), (&"at+jwt".into(), &"ES256".into()));
    let expected = json!({
        "iss": service.program.public,
        "aud": "tires",
        "sub": "car-orders",
        "client_id": "car-orders",
        "scope": "tires/cancel.order",
        "exp": claims["iat"].as_i64().unwrap() + 600,
        "iat": claims["iat"],
        "auth_time": claims["iat"],
        "jti": claims["jti"],
        "token_use": "access",
        "version": 2,
        "credential_id": claims["credential_id"],
    });
    assert_eq!(claims, expected);
    let jwks = service.program.call("GET", "/.well-known/jwks.json", &[], "").await;
    let key = &jwks.json()["keys"][0];
    assert_eq!((&key["kid"], &key["kty"]), (&header["kid"], &"EC".into()));
    assert!(key.get("d").is_none(), "a private member is published");
    assert!(jwks.header("cache-control").contains("max-age"));
    let etag = jwks.header("etag").to_owned();
    let known = [("if-none-match", etag.as_str())];
    let again = service.program.call("GET", "/.well-known/jwks.json", &known, "").await;
    assert_eq!((again.status, &*again.body), (304, ""));
}

#[tokio::test]
async fn an_independent_judge_verifies_our_token() {
    let service = service().await;
    let token = service.program.token("car-orders", &service.secret, "tires/create.order").await;
    let jwks = service.program.call("GET", "/.well-known/jwks.json", &[], "").await;
    let set: jsonwebtoken::jwk::JwkSet = serde_json::from_str(&jwks.body).unwrap();
    let header = jsonwebtoken::decode_header(&token).unwrap();
    let key = set.find(header.kid.as_deref().unwrap()).unwrap();
    let mut demand = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
    demand.set_audience(&["tires"]);
    demand.set_issuer(&[&service.program.public]);
    let key = jsonwebtoken::DecodingKey::from_jwk(key).unwrap();
    let read = jsonwebtoken::decode::<Value>(&token, &key, &demand).unwrap();
    assert_eq!(read.claims["client_id"], "car-orders");
}

#[tokio::test]
async fn rfc6749_5_2_refusals() {
    let service = service().await;
    let own = basic("car-orders", &service.secret);
    let basic = own.as_str();
    let own = Some(basic);
    let bad = (400, "invalid_request");
    service.refused(own, "", bad).await;
    service.refused(own, "grant_type=", bad).await;
    service.refused(own, &format!("{GRANT}&{GRANT}"), bad).await;
    service.refused(own, &format!("{GRANT}&scope=a&scope=b"), bad).await;
    service.refused(own, &format!("{GRANT}&scope=%zz"), bad).await;
    service.refused(own, &format!("{GRANT}&client_id=other"), bad).await;
    // RFC 6749 §2.3: not more than one method in a request.
    service.refused(own, &format!("{GRANT}&client_secret={}", service.secret), bad).await;
    service.refused(own, "grant_type=password", (400, "unsupported_grant_type")).await;
    let scope = (400, "invalid_scope");
    service.refused(own, &format!("{GRANT}&scope=wheels/turn"), scope).await;
    service.refused(own, &format!("{GRANT}&scope=tires/create.order+x"), scope).await;
    let large = format!("{GRANT}&x={}", "y".repeat(20_000));
    service.refused(own, &large, (413, "invalid_request")).await;

    let json = [("content-type", "application/json"), ("authorization", basic)];
    let answer = service.program.call("POST", "/oauth2/token", &json, "{}").await;
    assert_eq!((answer.status, &answer.json()["error"]), (400, &"invalid_request".into()));
    // RFC 6749 §3.2: POST only; the query never counts.
    let path = format!("/oauth2/token?{GRANT}");
    let answer = service.program.call("GET", &path, &[("authorization", basic)], "").await;
    assert_eq!((answer.status, answer.header("allow")), (405, "POST"));
}

#[tokio::test]
async fn rfc6749_2_3_1_unknown_clients_and_wrong_secrets_look_the_same() {
    let service = service().await;
    let mut bodies = Vec::new();
    let secret = &service.secret;
    let minted_elsewhere = service.program.done(&["client", "secret", "both"]);
    for authorization in [
        basic("nobody", secret),
        basic("car-orders", "wrong"),
        basic("car-orders", &minted_elsewhere),
        basic("car-orders", &secret[..secret.len() - 1]),
        "Basic !!".to_owned(),
        "Bearer x".to_owned(),
    ] {
        let row = (401, "invalid_client");
        let answer = service.refused(Some(&authorization), GRANT, row).await;
        assert_eq!(answer.header("www-authenticate"), "Basic realm=\"Test\"");
        bodies.push(answer.body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    service.refused(None, GRANT, (401, "invalid_client")).await;
    // A misplaced secret is not logged as a client's name.
    service.refused(Some(&basic(secret, "x")), GRANT, (401, "invalid_client")).await;
    until("all requests are in the log", async || {
        (service.program.lines("token").len() >= 8).then_some(())
    })
    .await;
    assert!(!service.program.read("stdout").contains(secret));
}

#[tokio::test]
async fn credentials_in_basic_are_form_decoded_and_secrets_revoked() {
    let service = service().await;
    let odd = service.program.done(&["client", "secret", "odd+id", "--json"]);
    let odd: Value = serde_json::from_str(&odd).unwrap();
    let secret = odd["client_secret"].as_str().unwrap();
    let right = basic("odd%2Bid", secret);
    assert_eq!(service.ask(Some(&right), GRANT).await.status, 200);
    service.program.done(&["client", "revoke", odd["id"].as_str().unwrap()]);
    until("the revocation is known", async || {
        (service.ask(Some(&right), GRANT).await.status == 401).then_some(())
    })
    .await;
    // Two live secrets at once: a rotation without a gap.
    let second = service.program.done(&["client", "secret", "car-orders"]);
    for secret in [&service.secret, &second] {
        assert_eq!(service.ask(Some(&basic("car-orders", secret)), GRANT).await.status, 200);
    }
}

#[tokio::test]
async fn a_token_is_for_one_api_and_a_suspended_partner_gets_none() {
    let service = service().await;
    let secret = service.program.done(&["client", "secret", "both"]);
    let both = basic("both", &secret);
    service.refused(Some(&both), GRANT, (400, "invalid_scope")).await;
    let one = format!("{GRANT}&scope=wheels/turn");
    assert_eq!(service.ask(Some(&both), &one).await.status, 200);
    let secret = service.program.done(&["client", "secret", "asleep"]);
    let row = (400, "unauthorized_client");
    service.refused(Some(&basic("asleep", &secret)), GRANT, row).await;
}

#[tokio::test]
async fn rfc8414_the_metadata_names_what_there_is() {
    let service = service().await;
    for path in ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"] {
        let answer = service.program.call("GET", path, &[], "").await;
        let document = answer.json();
        let issuer = &service.program.public;
        assert_eq!(document["issuer"], **issuer);
        assert_eq!(document["token_endpoint"], format!("{issuer}/oauth2/token"));
        assert_eq!(document["jwks_uri"], format!("{issuer}/.well-known/jwks.json"));
        assert_eq!(document["grant_types_supported"], json!(["client_credentials"]));
        let scopes = document["scopes_supported"].as_array().unwrap();
        assert!(scopes.contains(&"tires/create.order".into()), "{document}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_refused_with_an_id_that_one_line_of_the_log_has() {
    let service = service().await;
    let long = format!("/oauth2/introspect/{}", "t".repeat(500));
    for (method, path, status, code) in [
        ("GET", "/.well-known/nothing?token=secret", 404, "no-route"),
        ("GET", "/.well-known/oauth-protected-resource/nothing", 404, "no-route"),
        ("POST", long.as_str(), 404, "no-route"),
        ("GET", "/oauth2/token", 405, "method-not-allowed"),
        ("POST", "/.well-known/webhook-jwks.json", 405, "method-not-allowed"),
    ] {
        let answer = service.program.call(method, path, &[], "").await;
        let problem = answer.json();
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert_eq!(problem["type"], format!("urn:gatepost:problem:{code}"), "{path}");
        let line = until("the log tells of it", async || {
            let mut said = service.program.said("a request to the token service is refused");
            said.retain(|line| line["request_id"] == problem["request_id"]);
            assert!(said.len() <= 1, "{said:?}");
            said.pop()
        })
        .await;
        let told = line["path"].as_str().unwrap();
        let whole = path.split('?').next().unwrap();
        assert!(whole.starts_with(told) && told.len() == whole.len().min(128), "{line}");
        let seen = json!([line["level"], line["address"], line["method"], line["status"]]);
        assert_eq!(seen, json!(["INFO", "127.0.0.1", method, status]), "{line}");
        assert_eq!(line["refusal"], code, "{line}");
    }
}

#[tokio::test]
async fn keys_and_secrets_survive_a_restart_and_lie_hashed_or_sealed() {
    let mut service = service().await;
    let token = service.program.token("car-orders", &service.secret, "tires/create.order").await;
    let before = service.program.call("GET", "/.well-known/jwks.json", &[], "").await.body;
    service.program.kill_and_restart().await;
    let after = service.program.call("GET", "/.well-known/jwks.json", &[], "").await.body;
    assert_eq!(before, after);
    let headers = [("authorization", &*format!("Bearer {token}"))];
    // Past every check; only the service behind is not there.
    assert_eq!(service.program.call("POST", "/orders", &headers, "").await.status, 502);
    assert!(service.program.stop().success());
    let mut bytes = Vec::new();
    for file in ["data/core.db", "data/core.db-wal"] {
        bytes.extend(std::fs::read(service.program.path(file)).unwrap_or_default());
    }
    let random = service.secret.rsplit('_').next().unwrap();
    assert!(!String::from_utf8_lossy(&bytes).contains(&random[..20]), "a secret lies in clear");
    let log = std::fs::read_dir(service.program.path("data/log")).unwrap();
    let log = log.map(|entry| format!("data/log/{}", entry.unwrap().file_name().display()));
    let files = ["data/key", "data/admin-token", "data/core.db"].map(str::to_owned);
    for file in files.into_iter().chain(log) {
        let mode = std::fs::metadata(service.program.path(&file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}
