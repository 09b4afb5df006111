//! Tokens of other issuers at the gateway: a key server on loopback, keys made here.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use jwt::{AccessToken, Jwks, SigningKey};
use serde_json::json;
use testkit::{Receiver, Reply, until};
use tokio::io::AsyncWriteExt as _;

use crate::claims::now_s;
use crate::program::{Answer, Program};

const ISSUER: &str = "https://login.example/tenant";

/// An API that trusts an issuer, one that trusts our own token service alone, and the issuer with
/// these keys beside the usual.
fn definitions(upstream: &str, issuer: &str) -> String {
    format!(
        "
apis:
  tires:
    base_path: /prod
    upstream: {upstream}
    issuers: [azure]
    scopes: {{ create.order: Create, cancel.order: Cancel }}
    routes:
      POST /orders: {{ scopes: [tires/create.order] }}
      DELETE /orders/{{id}}: {{ scopes: [tires/cancel.order] }}
  wheels:
    base_path: /wheels
    upstream: {upstream}
    routes: {{ GET /turns: {{ token: required }} }}
issuers:
  azure:
    audiences: [api://tires]
    algorithms: [ES256, RS256]
    token_type: at+jwt
    client_claim: client_id
    clients: {{ 6f1e: cars, 7a2b: asleep }}
    scopes: [tires/create.order]
    allow_private: [127.0.0.0/8]
    {issuer}
partners:
  cars: {{ clients: {{ car-orders: {{ scopes: [tires/create.order] }} }} }}
  asleep: {{ status: suspended }}
"
    )
}

fn key() -> SigningKey {
    SigningKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap()
}

fn jwks(keys: &[&SigningKey]) -> String {
    let keys: Vec<_> = keys.iter().map(|key| key.jwk().clone()).collect();
    serde_json::to_string(&Jwks { keys }).unwrap()
}

/// What a good token says.
fn claims() -> AccessToken {
    let scopes = "tires/create.order tires/cancel.order";
    let claims = crate::claims::claims(ISSUER, "api://tires", "6f1e", scopes);
    AccessToken { sub: "somebody".into(), ..claims }
}

struct World {
    program: Program,
    upstream: Receiver,
    server: Receiver,
    key: SigningKey,
}

impl World {
    /// A program that trusts a server with one key, named by the address of its keys.
    async fn start() -> Self {
        let key = key();
        let set = jwks(&[&key]);
        let server = Receiver::start(move |_, _| Reply::status(200).body(&set)).await;
        let upstream = Receiver::start(|_, _| Reply::status(201)).await;
        let issuer = format!("issuer: {ISSUER}\n    jwks_url: {}/keys", server.url());
        let program = Program::start(&definitions(&upstream.url(), &issuer)).await;
        Self { program, upstream, server, key }
    }

    async fn call(&self, method: &str, path: &str, token: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        self.program.call(method, path, &[("authorization", &bearer)], "").await
    }

    async fn order(&self, token: &str) -> Answer {
        self.call("POST", "/prod/orders", token).await
    }

    /// The order is refused by this status and code.
    async fn refused(&self, token: &str, status: u16, code: &str) -> Answer {
        let answer = self.order(token).await;
        assert_eq!(answer.status, status, "{code}: {}", answer.body);
        assert_eq!(answer.json()["type"], format!("urn:gatepost:problem:{code}"));
        answer
    }

    fn serve_keys(&self, keys: &[&SigningKey]) {
        let set = jwks(keys);
        self.server.answer(move |_, _| Reply::status(200).body(&set));
    }
}

#[tokio::test]
async fn a_token_of_a_trusted_issuer_calls_as_the_partner_of_its_client() {
    let world = World::start().await;
    let token = jwt::sign(&claims(), &world.key);
    for _ in 0..3 {
        assert_eq!(world.order(&token).await.status, 201);
    }
    let got = world.upstream.got().pop().unwrap();
    for (name, value) in [
        ("gatepost-partner", "cars"),
        ("gatepost-client", "6f1e"),
        ("gatepost-scopes", "tires/create.order"),
        ("authorization", ""),
    ] {
        assert_eq!(got.header(name), value, "{name}");
    }
    let line = until("the log has the request", async || {
        world.program.lines("request").into_iter().next()
    })
    .await;
    assert_eq!((&line["partner"], &line["client"]), (&"cars".into(), &"6f1e".into()));
    // What the token carries beyond what its issuer may grant does not count.
    let answer = world.call("DELETE", "/prod/orders/7", &token).await;
    assert_eq!((answer.status, &answer.json()["scopes"]), (403, &json!(["tires/cancel.order"])));
    // Clocks may differ by a minute.
    let ended = jwt::sign(&AccessToken { exp: now_s() - 10, ..claims() }, &world.key);
    for _ in 0..2 {
        assert_eq!(world.order(&ended).await.status, 201);
    }
    // Our own tokens pass as before.
    let secret = world.program.done(&["client", "secret", "car-orders"]);
    let own = world.program.token("car-orders", &secret, "tires/create.order").await;
    assert_eq!(world.order(&own).await.status, 201);
    // RFC 9728: the API says whose tokens it takes.
    let path = "/.well-known/oauth-protected-resource/prod";
    let document = world.program.call("GET", path, &[], "").await.json();
    assert_eq!(document["authorization_servers"], json!([world.program.public, ISSUER]));
    // Another API does not trust the issuer, whatever was remembered of the token.
    let answer = world.call("GET", "/wheels/turns", &token).await;
    assert_eq!(answer.json()["type"], "urn:gatepost:problem:token-invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_while_a_token_of_another_issuer_is_verified_costs_no_answer() {
    let key = key();
    let keys = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = Receiver::start(|_, _| Reply::status(201)).await;
    let address = keys.local_addr().unwrap();
    let issuer = format!("issuer: {ISSUER}\n    jwks_url: http://{address}/keys");
    let program = Program::start(&definitions(&upstream.url(), &issuer)).await;
    // The keys are asked for, and do not come yet: the request waits for them.
    let (mut asked, _) = keys.accept().await.unwrap();
    let (url, bearer) = (
        format!("{}/prod/orders", program.public),
        format!("Bearer {}", jwt::sign(&claims(), &key)),
    );
    let call = crate::program::http().post(url).header("authorization", bearer).send();
    let order = tokio::spawn(call);
    program.rewrite(|file| file.replace("Cancel", "Call off"));
    program.signal("-HUP");
    until("the change is in force", async || {
        program.read("stderr").contains("the configuration was read again").then_some(())
    })
    .await;
    let set = jwks(&[&key]);
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", set.len());
    asked.write_all(format!("{head}{set}").as_bytes()).await.unwrap();
    assert_eq!(order.await.unwrap().unwrap().status(), 201);
}

#[tokio::test]
async fn an_operator_refuses_one_token_of_another_issuer_and_no_other_of_that_name() {
    let mut world = World::start().await;
    let sign = |id: &str| jwt::sign(&AccessToken { jti: id.into(), ..claims() }, &world.key);
    let secret = world.program.done(&["client", "secret", "car-orders"]);
    let own = world.program.token("car-orders", &secret, "tires/create.order").await;
    let payload = URL_SAFE_NO_PAD.decode(own.split('.').nth(1).unwrap()).unwrap();
    let own_id = serde_json::from_slice::<serde_json::Value>(&payload).unwrap();
    let own_id = own_id["jti"].as_str().unwrap().to_owned();
    let (token, other, namesake) = (sign("t1"), sign("t2"), sign(&own_id));
    // The gateway knows them all: it will not verify them again.
    for token in [&token, &other, &namesake, &own] {
        assert_eq!(world.order(token).await.status, 201);
    }
    // Without the issuer it is one of ours that is meant.
    world.program.done(&["token", "revoke", "--jti", "t1"]);
    assert_eq!(world.order(&token).await.status, 201);
    let said = world.program.done(&["token", "revoke", "--jti", "t1", "--issuer", "azure"]);
    assert!(said.contains("t1") && said.contains(ISSUER), "{said}");
    world.refused(&token, 401, "token-revoked").await;
    assert_eq!(world.order(&other).await.status, 201);
    world.program.done(&["token", "revoke", "--jti", &own_id, "--issuer", ISSUER]);
    world.refused(&namesake, 401, "token-revoked").await;
    assert_eq!(world.order(&own).await.status, 201);
    world.program.done(&["token", "revoke", "--jti", &own_id]);
    world.refused(&own, 401, "token-revoked").await;
    let trail = world.program.admin_get("audit?limit=10").await.to_string();
    assert!(trail.contains("revoke token of issuer") && trail.contains(ISSUER), "{trail}");
    for wrong in [
        &["token", "revoke", "--jti", "t1", "--issuer", "nobody"][..],
        &["token", "revoke", "--client", "car-orders", "--issuer", "azure"][..],
    ] {
        assert!(!world.program.run(wrong).status.success(), "{wrong:?}");
    }
    world.program.kill_and_restart().await;
    until("the keys are here again", async || {
        (world.order(&other).await.status == 201).then_some(())
    })
    .await;
    world.refused(&token, 401, "token-revoked").await;
}

#[tokio::test]
async fn a_token_of_another_issuer_is_refused_by_whatever_id_it_was_taken_with() {
    let mut world = World::start().await;
    let sign = |id: &str| jwt::sign(&AccessToken { jti: id.into(), ..claims() }, &world.key);
    let long = "é".repeat(512);
    let ids = ["order 7 of Lee", "größe/ü", "\"quoted\" \\ %20", "--issuer", long.as_str()];
    let tokens = ids.map(sign);
    let beside = sign("order 7");
    for (id, token) in ids.iter().zip(&tokens) {
        assert_eq!(world.order(token).await.status, 201, "{id}");
        let jti = format!("--jti={id}");
        let said = world.program.done(&["token", "revoke", &jti, "--issuer", "azure"]);
        assert!(said.contains(id), "{said}");
        world.refused(token, 401, "token-revoked").await;
    }
    assert_eq!(world.order(&beside).await.status, 201);
    // What could not be revoked is not taken either.
    for id in ["é".repeat(513), "a\u{7}b".to_owned()] {
        let answer = world.refused(&sign(&id), 401, "token-invalid").await;
        assert!(answer.body.contains("`jti`"), "{}", answer.body);
        let jti = format!("--jti={id}");
        let output = world.program.run(&["token", "revoke", &jti, "--issuer", "azure"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("1024 bytes"), "{said}");
    }
    world.program.kill_and_restart().await;
    until("the keys are here again", async || {
        (world.order(&beside).await.status == 201).then_some(())
    })
    .await;
    for token in &tokens {
        world.refused(token, 401, "token-revoked").await;
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_token_of_another_issuer_is_said() {
    let world = World::start().await;
    let (own_key, now) = (&world.key, now_s());
    let signed = |change: fn(&mut AccessToken)| {
        let mut claims = claims();
        change(&mut claims);
        jwt::sign(&claims, own_key)
    };
    let invalid = (401, "token-invalid");
    let late = jwt::sign(&AccessToken { exp: now - 61, ..claims() }, own_key);
    let early = jwt::sign(&AccessToken { iat: now + 120, ..claims() }, own_key);
    for (token, (status, code)) in [
        (signed(|claims| claims.aud = "api://wheels".into()), invalid),
        (signed(|claims| claims.aud = "tires".into()), invalid),
        (signed(|claims| claims.iss = "https://login.example/tenant/".into()), invalid),
        (signed(|claims| claims.iss = "https://evil.example".into()), invalid),
        (signed(|claims| claims.token_use = "id".into()), invalid),
        (late, (401, "token-expired")),
        (early, invalid),
        (jwt::sign(&claims(), &key()), invalid),
        (signed(|claims| claims.client_id = "nobody".into()), (403, "client-unknown")),
        // The name of a client of ours is not a client of theirs.
        (signed(|claims| claims.client_id = "car-orders".into()), (403, "client-unknown")),
        (signed(|claims| claims.client_id = "7a2b".into()), (403, "partner-suspended")),
        (signed(|claims| claims.scope = "tires/cancel.order".into()), (403, "insufficient-scope")),
    ] {
        world.refused(&token, status, code).await;
    }
    // Our own name in a token of theirs is judged by our keys.
    let ours = AccessToken { iss: world.program.public.clone(), aud: "tires".into(), ..claims() };
    world.refused(&jwt::sign(&ours, own_key), 401, "token-invalid").await;
    assert!(world.upstream.got().is_empty());
}

#[tokio::test]
async fn a_public_key_is_no_secret_and_nothing_passes_unsigned() {
    let world = World::start().await;
    let jwk = serde_json::to_value(world.key.jwk()).unwrap();
    let kid = jwk["kid"].as_str().unwrap();
    let x = URL_SAFE_NO_PAD.decode(jwk["x"].as_str().unwrap()).unwrap();
    for secret in [x, jwk.to_string().into_bytes(), kid.as_bytes().to_vec()] {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(kid.to_owned());
        header.typ = Some("at+jwt".to_owned());
        let token = jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(&secret));
        world.refused(&token.unwrap(), 401, "token-invalid").await;
    }
    let encode = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let payload = encode(serde_json::to_value(claims()).unwrap());
    for alg in ["none", "None", "ES256"] {
        let header = encode(json!({ "typ": "at+jwt", "alg": alg, "kid": kid }));
        world.refused(&format!("{header}.{payload}."), 401, "token-invalid").await;
    }
    // Good all the same, so that nothing else was the reason.
    assert_eq!(world.order(&jwt::sign(&claims(), &world.key)).await.status, 201);
}

#[tokio::test]
async fn a_new_key_passes_at_its_first_token_and_an_invented_one_costs_one_request() {
    let world = World::start().await;
    assert_eq!(world.order(&jwt::sign(&claims(), &world.key)).await.status, 201);
    let before = world.server.got().len();
    let rotated = key();
    world.serve_keys(&[&world.key, &rotated]);
    assert_eq!(world.order(&jwt::sign(&claims(), &rotated)).await.status, 201);
    assert_eq!(world.server.got().len(), before + 1);
    for _ in 0..5 {
        world.refused(&jwt::sign(&claims(), &key()), 401, "token-invalid").await;
    }
    assert_eq!(world.server.got().len(), before + 1);
    assert_eq!(world.order(&jwt::sign(&claims(), &world.key)).await.status, 201);
}

#[tokio::test]
async fn an_issuer_that_is_down_stops_nobody_who_has_a_known_key() {
    let world = World::start().await;
    assert_eq!(world.order(&jwt::sign(&claims(), &world.key)).await.status, 201);
    world.server.answer(|_, _| Reply::status(503));
    // A key that is not known makes the gateway ask, in vain.
    world.refused(&jwt::sign(&claims(), &key()), 401, "token-invalid").await;
    until("the log tells of it", async || {
        world.program.read("stderr").contains("could not be got again").then_some(())
    })
    .await;
    assert_eq!(world.order(&jwt::sign(&claims(), &world.key)).await.status, 201);
}

#[tokio::test]
async fn without_keys_nobody_is_refused_for_good_and_metadata_lead_to_them() {
    let key = key();
    let set = jwks(&[&key]);
    let server = Receiver::start(|_, _| Reply::status(503)).await;
    let upstream = Receiver::start(|_, _| Reply::status(201)).await;
    let issuer = format!("{}/tenant", server.url());
    let definitions = definitions(&upstream.url(), &format!("issuer: {issuer}"));
    let program = Program::start(&definitions).await;
    let world = World { program, upstream, server, key };
    let token = || jwt::sign(&AccessToken { iss: issuer.clone(), ..claims() }, &world.key);
    let answer = world.refused(&token(), 503, "issuer-unavailable").await;
    assert_eq!(answer.header("retry-after"), "5");

    let metadata = json!({ "issuer": issuer, "jwks_uri": format!("{}/k", world.server.url()) });
    let metadata = metadata.to_string();
    world.server.answer(move |_, got| match got.target.as_str() {
        "/tenant/.well-known/openid-configuration" => Reply::status(200).body(&metadata),
        "/k" => Reply::status(200).body(&set),
        _ => Reply::status(404),
    });
    until("the keys are there", async || (world.order(&token()).await.status == 201).then_some(()))
        .await;
}
