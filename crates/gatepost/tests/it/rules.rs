//! The rules of the token service and of tokens at the gateway, over HTTP, each test named by the
//! section it is about. `tokens.rs` has the journeys; here are the rows.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use credential::Master;
use oauth2::basic::{BasicClient, BasicErrorResponseType, BasicTokenType};
use oauth2::{
    AuthType, ClientId, ClientSecret, HttpRequest, HttpResponse, RequestTokenError, Scope,
    TokenResponse as _, TokenUrl,
};
use serde_json::{Value, json};
use testkit::{Receiver, Reply};

use crate::program::{Answer, Program, http};

const GRANT: &str = "grant_type=client_credentials";
const FORM: &str = "application/x-www-form-urlencoded";
const BOTH_SCOPES: &str = "tires/create.order tires/cancel.order";

fn definitions(upstream: &str) -> String {
    format!(
        "
apis:
  tires:
    upstream: {upstream}
    scopes: {{ create.order: Create, cancel.order: Cancel }}
    routes:
      POST /orders: {{ scopes: [tires/create.order] }}
      DELETE /orders/{{id}}: {{ scopes: [tires/cancel.order] }}
      GET /known: {{ token: required }}
  wheels:
    base_path: /wheels
    upstream: {upstream}
    scopes: {{ turn: Turn }}
    routes: {{ GET /turns: {{ scopes: [wheels/turn] }} }}
  bare:
    base_path: /bare
    upstream: {upstream}
    bare_token: true
    scopes: {{ call: Call }}
    routes: {{ GET /x: {{ scopes: [bare/call] }} }}
partners:
  cars:
    clients:
      car-orders: {{ scopes: [tires/create.order, tires/cancel.order], token_lifetime: 10m }}
      barefoot: {{ scopes: [bare/call] }}
"
    )
}

struct World {
    program: Program,
    upstream: Receiver,
    secret: String,
}

impl World {
    async fn start() -> Self {
        let upstream = Receiver::start(|_, _| Reply::status(201)).await;
        let program = Program::start(&definitions(&upstream.url())).await;
        let secret = program.done(&["client", "secret", "car-orders"]);
        Self { program, upstream, secret }
    }

    fn basic(&self) -> String {
        basic("car-orders", &self.secret)
    }

    /// Asks for a token as the client, with this body.
    async fn ask(&self, body: &str) -> Answer {
        let own = self.basic();
        self.ask_with(&[("authorization", own.as_str()), ("content-type", FORM)], body).await
    }

    async fn ask_with(&self, headers: &[(&str, &str)], body: &str) -> Answer {
        self.program.call("POST", "/oauth2/token", headers, body).await
    }

    async fn token(&self, scope: &str) -> String {
        self.program.token("car-orders", &self.secret, scope).await
    }

    /// Orders with this in `Authorization`.
    async fn order(&self, authorization: &str) -> Answer {
        self.program.call("POST", "/orders", &[("authorization", authorization)], "").await
    }

    /// The private key that signs the installation's tokens, and its name.
    fn key(&self) -> (EcdsaKeyPair, String) {
        let master: [u8; 32] =
            std::fs::read(self.program.path("data/key")).unwrap().try_into().unwrap();
        let store = rusqlite::Connection::open(self.program.path("data/core.db")).unwrap();
        let (kid, sealed): (String, Vec<u8>) = store
            .query_row("SELECT kid, sealed_private FROM signing_key WHERE signs_from IS NOT NULL AND retired_at IS NULL", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap();
        let vault = Master::new(master).vault();
        let private = vault.open(&format!("signing key {kid}"), &sealed).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &private).unwrap();
        (pair, kid)
    }
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A part of a token, read without verifying anything.
fn part(token: &str, at: usize) -> Value {
    let part = token.split('.').nth(at).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// A token of this header and these claims under this key.
fn signed(key: &EcdsaKeyPair, header: &Value, claims: &Value) -> String {
    let text = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
    let signature = key.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
    format!("{text}.{}", encode(signature.as_ref()))
}

/// The refusal has this status and code, and the form of RFC 6749 §5.2.
fn check_refused(answer: &Answer, (status, error): (u16, &str), what: &str) {
    assert_eq!(answer.status, status, "{what}: {}", answer.body);
    let body = answer.json();
    assert_eq!(body["error"], error, "{what}");
    assert!(body.get("access_token").is_none(), "{what}");
    let description = body["error_description"].as_str().unwrap();
    let plain = |c: char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
    assert!(!description.is_empty() && description.chars().all(plain), "{what}: {description}");
    assert_eq!(answer.header("content-type"), "application/json", "{what}");
    assert_eq!(answer.header("cache-control"), "no-store", "{what}");
}

/// The scopes of a token that was issued.
fn granted(answer: &Answer, what: &str) -> String {
    assert_eq!(answer.status, 200, "{what}: {}", answer.body);
    answer.json()["scope"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn rfc6749_3_2_a_token_is_asked_for_by_post_and_in_the_body() {
    let world = World::start().await;
    let own = world.basic();
    let headers = [("authorization", own.as_str()), ("content-type", FORM)];
    for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        let path = format!("/oauth2/token?{GRANT}");
        let answer = world.program.call(method, &path, &headers, "").await;
        assert_eq!((answer.status, answer.header("allow")), (405, "POST"), "{method}");
        assert!(!answer.body.contains("access_token"), "{method}");
    }
    let in_query = format!("/oauth2/token?{GRANT}");
    let answer = world.program.call("POST", &in_query, &headers, "").await;
    check_refused(&answer, (400, "invalid_request"), "the grant in the query");
    let credentials = format!("client_id=car-orders&client_secret={}", world.secret);
    let path = format!("/oauth2/token?{credentials}");
    let answer = world.program.call("POST", &path, &headers[1..], GRANT).await;
    check_refused(&answer, (401, "invalid_client"), "credentials in the query");
    let path = "/oauth2/token?scope=wheels/turn&grant_type=password";
    let answer = world.program.call("POST", path, &headers, GRANT).await;
    assert_eq!(granted(&answer, "the query never counts"), BOTH_SCOPES);
    assert!(!world.program.read("stdout").contains(&world.secret), "the query is in the log");

    for (kind, is_form) in [
        (FORM, true),
        ("application/x-www-form-urlencoded; charset=UTF-8", true),
        ("Application/X-WWW-Form-URLencoded;charset=utf-8", true),
        ("application/json", false),
        ("multipart/form-data; boundary=x", false),
        ("text/plain", false),
        ("application/x-www-form-urlencoded-too", false),
        ("", false),
    ] {
        let headers = [("authorization", own.as_str()), ("content-type", kind)];
        let answer = world.ask_with(&headers, GRANT).await;
        if is_form {
            assert_eq!(granted(&answer, kind), BOTH_SCOPES);
        } else {
            check_refused(&answer, (400, "invalid_request"), kind);
        }
    }
}

#[tokio::test]
async fn rfc6749_3_2_a_parameter_counts_once_and_an_empty_one_not() {
    let world = World::start().await;
    for more in [
        "",
        "&",
        "&&",
        "&scope=",
        "&scope",
        "&client_id=",
        "&client_secret=",
        "&unknown=x",
        "&resource_of_tomorrow=%C3%A4",
        "&=x",
        "&client_id=car-orders",
    ] {
        let answer = world.ask(&format!("{GRANT}{more}")).await;
        assert_eq!(granted(&answer, more), BOTH_SCOPES);
    }
    for more in [
        "&grant_type=client_credentials",
        "&grant_type=",
        "&scope=tires/create.order&scope=tires/create.order",
        "&scope=&scope=tires/create.order",
        "&unknown=1&unknown=2",
        "&client_id=car-orders&client_id=car-orders",
        "&gr%61nt_type=client_credentials",
        "&scope=%",
        "&scope=%4",
        "&scope=%zz",
        "&scope=%ff",
        "&scope=%+1",
    ] {
        let answer = world.ask(&format!("{GRANT}{more}")).await;
        check_refused(&answer, (400, "invalid_request"), more);
    }
}

#[tokio::test]
async fn rfc6749_2_3_1_basic_is_form_decoded_behind_base64() {
    let world = World::start().await;
    let secret = &world.secret;
    let first = secret.as_bytes()[0];
    let upper = format!("%{first:02X}{}", &secret[1..]);
    let lower = format!("%{first:02x}{}", &secret[1..]);
    let own = world.basic();
    let encoded = own.strip_prefix("Basic ").unwrap();
    for good in [
        own.clone(),
        format!("basic {encoded}"),
        format!("BASIC  {encoded}"),
        basic("car-orders", &upper),
        basic("car-orders", &lower),
        basic("car%2Dorders", secret),
    ] {
        let headers = [("authorization", good.as_str()), ("content-type", FORM)];
        let answer = world.ask_with(&headers, GRANT).await;
        assert_eq!(granted(&answer, "one of the forms of Basic"), BOTH_SCOPES);
    }
    let in_body = format!("{GRANT}&client_id=car%2dorders&client_secret={lower}");
    let answer = world.ask_with(&[("content-type", FORM)], &in_body).await;
    assert_eq!(granted(&answer, "in the body"), BOTH_SCOPES);
    for bad in [
        basic("car-orders", &format!("{secret}:")),
        basic("car-orders", &format!("{secret}+")),
        basic("car-orders", &format!(":{secret}")),
        basic("car-orders", &format!("%zz{secret}")),
        basic("car-orders", "%"),
        basic("car-orders", ""),
        basic("", secret),
        basic("", ""),
        basic("Car-Orders", secret),
        basic("car-orders ", secret),
        format!("Basic {}", STANDARD.encode("car-orders")),
        format!("Basic {}", STANDARD.encode([0xff, b':', 0xff])),
        format!("Basic {encoded} x"),
        format!("Basic{encoded}"),
        "Basic".to_owned(),
        "Basic =".to_owned(),
        format!("Bearer {secret}"),
        secret.clone(),
    ] {
        let headers = [("authorization", bad.as_str()), ("content-type", FORM)];
        let answer = world.ask_with(&headers, GRANT).await;
        check_refused(&answer, (401, "invalid_client"), "not one of the forms of Basic");
        assert!(answer.header("www-authenticate").starts_with("Basic realm="));
    }
}

#[tokio::test]
async fn rfc6749_2_3_a_client_proves_itself_in_one_way() {
    let world = World::start().await;
    let own = world.basic();
    for more in [
        format!("&client_secret={}", world.secret),
        "&client_secret=wrong".to_owned(),
        format!("&client_id=car-orders&client_secret={}", world.secret),
        "&client_id=barefoot".to_owned(),
    ] {
        let answer = world.ask(&format!("{GRANT}{more}")).await;
        check_refused(&answer, (400, "invalid_request"), "two ways at once");
    }
    let twice =
        [("authorization", own.as_str()), ("authorization", own.as_str()), ("content-type", FORM)];
    check_refused(&world.ask_with(&twice, GRANT).await, (400, "invalid_request"), "twice");
    for body in [
        GRANT.to_owned(),
        format!("{GRANT}&client_id=car-orders"),
        format!("{GRANT}&client_id=car-orders&client_secret="),
        format!("{GRANT}&client_secret={}", world.secret),
        format!("{GRANT}&client_id=barefoot&client_secret={}", world.secret),
        format!("{GRANT}&client_id=car-orders&client_secret={}", world.secret.to_uppercase()),
    ] {
        let answer = world.ask_with(&[("content-type", FORM)], &body).await;
        check_refused(&answer, (401, "invalid_client"), "no proof, or another's");
    }
}

#[tokio::test]
async fn rfc6749_4_4_2_there_is_one_grant_type_and_it_is_written_exactly() {
    let world = World::start().await;
    for grant in [
        "password",
        "authorization_code",
        "refresh_token",
        "Client_Credentials",
        "client_credentials+",
        "client_credentials%00",
        "urn%3Aexample%3Aunknown",
    ] {
        let answer = world.ask(&format!("grant_type={grant}")).await;
        check_refused(&answer, (400, "unsupported_grant_type"), grant);
    }
    for body in ["", "grant_type", "grant_type=", "scope=tires/create.order", "GRANT_TYPE=x"] {
        check_refused(&world.ask(body).await, (400, "invalid_request"), body);
    }
}

#[tokio::test]
async fn rfc6749_3_3_scopes_are_the_clients_or_refused() {
    let world = World::start().await;
    for (asked, expected) in [
        ("tires/create.order", "tires/create.order"),
        ("tires/cancel.order+tires/create.order", "tires/cancel.order tires/create.order"),
        ("tires/create.order+tires/create.order", "tires/create.order"),
        ("+tires/create.order++", "tires/create.order"),
        ("tires%2Fcreate.order%20tires%2Fcancel.order", BOTH_SCOPES),
    ] {
        let answer = world.ask(&format!("{GRANT}&scope={asked}")).await;
        assert_eq!(granted(&answer, asked), expected);
        let token = answer.json()["access_token"].as_str().unwrap().to_owned();
        assert_eq!(part(&token, 1)["scope"], expected, "what is said is what is granted");
    }
    for asked in [
        "tires/Create.Order",
        "create.order",
        "tires/",
        "tires/*",
        "*",
        "openid",
        "wheels/turn",
        "tires/create.order+wheels/turn",
        "tires/create.order%09tires/cancel.order",
        "tires/create.order%0Atires/cancel.order",
        "tires/create.order,tires/cancel.order",
        "%22%5C%C3%A9",
        "tires/create.order%00",
    ] {
        let answer = world.ask(&format!("{GRANT}&scope={asked}")).await;
        check_refused(&answer, (400, "invalid_scope"), asked);
    }
}

#[tokio::test]
async fn rfc6749_5_1_an_answer_is_never_kept_and_brings_no_refresh_token() {
    let world = World::start().await;
    let answer = world.ask(&format!("{GRANT}&scope=tires/create.order")).await;
    assert_eq!(granted(&answer, "asked for"), "tires/create.order", "always said");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("pragma"), "no-cache");
    let body = answer.json();
    let claims = part(body["access_token"].as_str().unwrap(), 1);
    let lifetime = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!((&body["expires_in"], lifetime), (&json!(600), 600));
    assert_eq!(body["token_type"], "Bearer");
    // RFC 6749 §4.4.3.
    assert!(body.get("refresh_token").is_none() && body.get("id_token").is_none());
}

#[tokio::test]
async fn rfc9068_2_2_every_claim_is_there_and_no_name_is_used_twice() {
    let world = World::start().await;
    let mut names = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let token = world.token("tires/create.order").await;
        let claims = part(&token, 1);
        for name in ["iss", "aud", "sub", "client_id", "jti", "scope"] {
            assert!(claims[name].as_str().is_some_and(|text| !text.is_empty()), "{name}");
        }
        for name in ["exp", "iat", "auth_time"] {
            assert!(claims[name].is_i64(), "{name}");
        }
        assert_eq!(part(&token, 0)["typ"], "at+jwt");
        assert!(names.insert(claims["jti"].as_str().unwrap().to_owned()), "a name is used twice");
    }
}

#[tokio::test]
async fn rfc9068_4_a_token_that_is_not_whole_is_refused_under_a_good_signature() {
    let world = World::start().await;
    let (key, kid) = world.key();
    let good = world.token("tires/create.order").await;
    let (header, claims) = (part(&good, 0), part(&good, 1));
    assert_eq!(header["kid"], kid.as_str());
    let check = async |header: &Value, claims: &Value, status: u16, what: &str| {
        let answer = world.order(&format!("Bearer {}", signed(&key, header, claims))).await;
        assert_eq!(answer.status, status, "{what}: {}", answer.body);
        let challenge = answer.header("www-authenticate");
        let says_why = challenge.contains(r#"error="invalid_token""#);
        assert_eq!(says_why, status == 401, "{what}: {challenge}");
    };
    check(&header, &claims, 201, "the token that every row spoils").await;
    for name in ["iss", "aud", "sub", "client_id", "iat", "exp", "jti", "scope"] {
        let mut less = claims.clone();
        less.as_object_mut().unwrap().remove(name);
        check(&header, &less, 401, name).await;
    }
    let now = claims["iat"].as_i64().unwrap();
    for (name, value) in [
        ("iss", json!(format!("{}/", world.program.public))),
        ("aud", json!("wheels")),
        ("aud", json!(["tires"])),
        ("exp", json!(now - 1)),
        ("exp", json!((now + 600).to_string())),
        ("iat", json!(now + 3600)),
        ("nbf", json!(now + 3600)),
        ("scope", json!(["tires/create.order"])),
        ("client_id", json!("nobody")),
    ] {
        let mut other = claims.clone();
        other[name] = value.clone();
        check(&header, &other, 401, &format!("{name} {value}")).await;
    }
    for (name, value) in [
        ("typ", json!("JWT")),
        ("typ", Value::Null),
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("alg", json!("RS256")),
        ("kid", json!("another")),
        ("crit", json!(["exp"])),
    ] {
        let mut other = header.clone();
        other[name] = value.clone();
        check(&other, &claims, 401, &format!("{name} {value}")).await;
    }
    assert_eq!(world.upstream.got().len(), 1, "a refused request reached the service");
}

#[tokio::test]
async fn rfc8725_2_1_no_signature_and_a_public_key_as_secret_are_refused() {
    let world = World::start().await;
    let good = world.token("tires/create.order").await;
    let claims = part(&good, 1).to_string();
    let kid = part(&good, 0)["kid"].clone();
    let jwks = world.program.call("GET", "/.well-known/jwks.json", &[], "").await;
    for alg in ["none", "None", "NONE", "HS256"] {
        let header = json!({ "typ": "at+jwt", "alg": alg, "kid": kid });
        let text = format!("{}.{}", encode(header.to_string()), encode(&claims));
        let public = jwks.json()["keys"][0].to_string();
        let tag =
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, public.as_bytes()), text.as_bytes());
        for signature in [String::new(), encode(tag.as_ref())] {
            let answer = world.order(&format!("Bearer {text}.{signature}")).await;
            assert_eq!(answer.status, 401, "{alg}");
        }
    }
    assert!(world.upstream.got().is_empty());
}

#[tokio::test]
async fn rfc6750_2_1_the_token_stands_once_in_the_header() {
    let world = World::start().await;
    let token = world.token("tires/create.order").await;
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR", "Bearer "] {
        assert_eq!(world.order(&format!("{scheme} {token}")).await.status, 201, "{scheme}");
    }
    let whole = format!("Bearer {token}");
    let (own, long) = (world.basic(), format!("Bearer{token}"));
    for none in ["", "Bearer", &own, &token, &long, "Token x"] {
        let answer = world.order(none).await;
        assert_eq!(answer.status, 401, "{none}");
        let challenge = answer.header("www-authenticate");
        assert!(challenge.starts_with("Bearer realm=\""), "{challenge}");
        // RFC 6750 §3.1: no code where no token came.
        assert!(!challenge.contains("error"), "{challenge}");
    }
    for bad in [format!("{whole} x"), format!("{whole}, {whole}"), "Bearer x".to_owned()] {
        let answer = world.order(&bad).await;
        assert_eq!(answer.status, 401);
        assert!(answer.header("www-authenticate").contains(r#"error="invalid_token""#));
    }
    let twice = [("authorization", whole.as_str()), ("authorization", whole.as_str())];
    let answer = world.program.call("POST", "/orders", &twice, "").await;
    assert_eq!(answer.status, 400);
    assert!(answer.header("www-authenticate").contains(r#"error="invalid_request""#));
}

#[tokio::test]
async fn rfc6750_2_3_a_token_in_the_query_is_refused_however_its_name_is_written() {
    let world = World::start().await;
    let token = world.token("tires/create.order").await;
    let before = world.upstream.got().len();
    let whole = format!("Bearer {token}");
    let own = [("authorization", whole.as_str())];
    let names = ["access_token", "a=b&access_token", "access%5Ftoken", "%61ccess_token"];
    for name in names {
        for headers in [&own[..0], &own[..]] {
            // Written out: a client library may tidy what is encoded.
            let path = format!("/orders?{name}={token}");
            let answer = world.program.call("POST", &path, headers, "").await;
            assert_eq!(answer.status, 400, "{name}: {}", answer.body);
            assert!(answer.header("www-authenticate").contains(r#"error="invalid_request""#));
        }
        let raw = world.program.call_raw("POST", &format!("/orders?{name}=x"));
        assert_eq!(raw.status, 400, "{name}");
    }
    assert_eq!(world.upstream.got().len(), before, "a token in a query reached the service");
    assert!(!world.program.read("stdout").contains(&token), "a token is in the log");
}

#[tokio::test]
async fn rfc6750_3_1_a_token_of_too_little_is_told_what_is_missing() {
    let world = World::start().await;
    let little = format!("Bearer {}", world.token("tires/create.order").await);
    let headers = [("authorization", little.as_str())];
    let answer = world.program.call("DELETE", "/orders/7", &headers, "").await;
    assert_eq!(answer.status, 403);
    let challenge = answer.header("www-authenticate");
    assert!(challenge.contains(r#"error="insufficient_scope""#), "{challenge}");
    assert!(challenge.contains(r#"scope="tires/cancel.order""#), "{challenge}");
    // RFC 9700 §2.3: a token is of no use at another API, whatever its scopes.
    let answer = world.program.call("GET", "/wheels/turns", &headers, "").await;
    assert_eq!(answer.status, 401);
    assert!(answer.header("www-authenticate").contains(r#"error="invalid_token""#));
    assert_eq!(world.program.call("GET", "/known", &headers, "").await.status, 201);
}

#[tokio::test]
async fn the_bare_token_of_older_clients_passes_only_where_it_is_switched_on() {
    let world = World::start().await;
    let secret = world.program.done(&["client", "secret", "barefoot"]);
    let token = world.program.token("barefoot", &secret, "bare/call").await;
    let answer = world.program.call("GET", "/bare/x", &[("authorization", &token)], "").await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let token = world.token("tires/create.order").await;
    assert_eq!(world.order(&token).await.status, 401);
}

#[tokio::test]
async fn rfc8414_3_the_issuer_is_written_as_in_tokens_and_the_document_whole() {
    let world = World::start().await;
    let issuer = &world.program.public;
    let places = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];
    let mut bodies = Vec::new();
    for path in places {
        let answer = world.program.call("GET", path, &[], "").await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
        assert!(answer.header("cache-control").contains("max-age"), "{path}");
        let document = answer.json();
        // RFC 8414 §2: these must be there, and §3.3: the issuer identical.
        assert_eq!(document["issuer"], issuer.as_str());
        assert!(document["response_types_supported"].is_array());
        for name in ["token_endpoint", "jwks_uri"] {
            assert!(document[name].as_str().unwrap().starts_with(issuer.as_str()), "{name}");
        }
        let methods = document["token_endpoint_auth_methods_supported"].as_array().unwrap();
        for method in ["client_secret_basic", "client_secret_post"] {
            assert!(methods.contains(&method.into()), "{method}");
        }
        assert!(!methods.contains(&"none".into()), "a client without a proof");
        // §3.2: a claim without a value is left out.
        assert!(document.as_object().unwrap().values().all(|value| !value.is_null()));
        bodies.push(answer.body);
        let head = world.program.call("HEAD", path, &[], "").await;
        assert_eq!((head.status, head.body.as_str()), (200, ""));
        assert_eq!(world.program.call("POST", path, &[], "").await.status, 405);
    }
    assert_eq!(bodies[0], bodies[1]);
    let token = world.token("tires/create.order").await;
    assert_eq!(part(&token, 1)["iss"], issuer.as_str());
    // §3.1: our issuer has no path, so nothing stands behind the well-known part.
    for path in ["/.well-known/oauth-authorization-server/x", "/x/.well-known/openid-configuration"]
    {
        assert_eq!(world.program.call("GET", path, &[], "").await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn rfc7638_3_a_key_is_named_by_its_thumbprint_and_published_without_its_private_half() {
    let world = World::start().await;
    let answer = world.program.call("GET", "/.well-known/jwks.json", &[], "").await;
    assert_eq!(answer.header("content-type"), "application/jwk-set+json");
    assert!(answer.header("cache-control").contains("max-age"));
    assert!(answer.header("etag").starts_with('"'), "a strong one");
    let set = answer.json();
    let keys = set["keys"].as_array().unwrap();
    assert!(!keys.is_empty());
    for key in keys {
        for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            assert!(key.get(private).is_none(), "{private} is published");
        }
        assert_eq!(key["use"], "sig");
        assert!(key["alg"].as_str().is_some_and(|alg| alg != "none" && !alg.starts_with("HS")));
        let members: &[&str] = match key["kty"].as_str().unwrap() {
            "EC" => &["crv", "kty", "x", "y"],
            "OKP" => &["crv", "kty", "x"],
            _ => &["e", "kty", "n"],
        };
        let member = |name: &&str| format!("{}:{}", json!(name), key[*name]);
        let canonical = members.iter().map(member).collect::<Vec<_>>().join(",");
        let thumbprint = digest(&SHA256, format!("{{{canonical}}}").as_bytes());
        assert_eq!(key["kid"], encode(thumbprint.as_ref()).as_str());
    }
    let known = [("if-none-match", answer.header("etag"))];
    let again = world.program.call("GET", "/.well-known/jwks.json", &known, "").await;
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    assert!(again.header("cache-control").contains("max-age"), "RFC 9110 §15.4.5");
    let other = [("if-none-match", "\"another\"")];
    let again = world.program.call("GET", "/.well-known/jwks.json", &other, "").await;
    assert_eq!(again.status, 200);
}

#[tokio::test]
async fn rfc9728_3_every_api_says_whose_tokens_it_takes_and_a_refusal_says_where() {
    let world = World::start().await;
    for (method, path, base, scopes) in [
        ("POST", "/orders", "", vec!["tires/cancel.order", "tires/create.order"]),
        ("GET", "/wheels/turns", "/wheels", vec!["wheels/turn"]),
    ] {
        let refused = world.program.call(method, path, &[], "").await;
        let challenge = refused.header("www-authenticate");
        let (_, place) = challenge.split_once(r#"resource_metadata=""#).unwrap();
        let place = place.split('"').next().unwrap();
        // §3.1: the well-known part stands between the host and the resource's own path.
        let expected = format!("/.well-known/oauth-protected-resource{base}");
        assert_eq!(place, format!("{}{expected}", world.program.public));
        let answer = world.program.call("GET", &expected, &[], "").await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
        let document = answer.json();
        // §3.3: the resource is the address that the well-known part was put into.
        assert_eq!(document["resource"], format!("{}{base}", world.program.public));
        assert_eq!(document["authorization_servers"], json!([world.program.public]));
        assert_eq!(document["bearer_methods_supported"], json!(["header"]));
        let listed = document["scopes_supported"].as_array().unwrap();
        let mut listed: Vec<_> = listed.iter().map(|scope| scope.as_str().unwrap()).collect();
        listed.sort_unstable();
        assert_eq!(listed, scopes);
    }
    let answer =
        world.program.call("GET", "/.well-known/oauth-protected-resource/nowhere", &[], "").await;
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn rfc9700_4_3_neither_secret_nor_token_is_logged() {
    let world = World::start().await;
    let token = world.token("tires/create.order").await;
    assert_eq!(world.order(&format!("Bearer {token}")).await.status, 201);
    let body = format!("{GRANT}&client_id={}&client_secret={}", world.secret, token);
    let answer = world.ask_with(&[("content-type", FORM)], &body).await;
    check_refused(&answer, (401, "invalid_client"), "a secret in the wrong place");
    testkit::until("the requests are in the log", async || {
        (world.program.lines("token").len() >= 2 && !world.program.lines("request").is_empty())
            .then_some(())
    })
    .await;
    for log in ["stdout", "stderr"] {
        let log = world.program.read(log);
        assert!(!log.contains(&world.secret) && !log.contains(&token), "it is in the log");
    }
}

/// Sends what the `oauth2` crate asks to be sent.
async fn send(request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
    let answer = http().execute(request.try_into()?).await?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut response = HttpResponse::new(answer.bytes().await?.to_vec());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

#[tokio::test]
async fn rfc6749_4_4_the_oauth2_crate_gets_a_token_by_either_way() {
    let world = World::start().await;
    let client = |secret: &str, way: AuthType| {
        BasicClient::new(ClientId::new("car-orders".to_owned()))
            .set_client_secret(ClientSecret::new(secret.to_owned()))
            .set_auth_type(way)
            .set_token_uri(TokenUrl::new(format!("{}/oauth2/token", world.program.public)).unwrap())
    };
    for way in [AuthType::BasicAuth, AuthType::RequestBody] {
        let good = client(&world.secret, way.clone());
        let scope = Scope::new("tires/create.order".to_owned());
        let token =
            good.exchange_client_credentials().add_scope(scope.clone()).request_async(&send).await;
        let token = token.unwrap();
        assert_eq!(token.token_type(), &BasicTokenType::Bearer);
        assert_eq!(token.scopes(), Some(&vec![scope]));
        assert_eq!(token.expires_in(), Some(std::time::Duration::from_mins(10)));
        assert!(token.refresh_token().is_none());
        let bearer = format!("Bearer {}", token.access_token().secret());
        assert_eq!(world.order(&bearer).await.status, 201);

        let bad = client("wrong", way);
        let refused = bad.exchange_client_credentials().request_async(&send).await.unwrap_err();
        match refused {
            RequestTokenError::ServerResponse(answer) => {
                assert_eq!(answer.error(), &BasicErrorResponseType::InvalidClient);
            }
            other => panic!("{other:?}"),
        }
    }
}
