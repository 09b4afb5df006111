//! Tokens bound to a key, over HTTP and at both ends: the token endpoint (RFC 9449 §5) and an API
//! (RFC 9449 §7).

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsBigEndian as _, EcPublicKeyUncompressedBin};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jwt::{Algorithm, SigningKey};
use serde_json::{Value, json};
use testkit::{Receiver, Reply, until};

use crate::claims::now_s;
use crate::program::{Answer, Program};

/// A client's key, and its public half.
pub(crate) struct Key {
    pair: Pair,
    pub(crate) jwk: Value,
}

enum Pair {
    P256(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

/// A proof in the making.
pub(crate) struct Draft {
    pub(crate) header: Value,
    pub(crate) claims: Value,
}

pub(crate) type Change = fn(&mut Draft);

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A name that no other proof of this run has.
pub(crate) fn fresh() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!("proof-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

impl Key {
    pub(crate) fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point: EcPublicKeyUncompressedBin<'_> = pair.public_key().as_be_bytes().unwrap();
        let point = &point.as_ref()[1..];
        let (x, y) = (encode(&point[..32]), encode(&point[32..]));
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y });
        Self { pair: Pair::P256(pair), jwk }
    }

    /// One that could sign by several algorithms, and does not say by which.
    pub(crate) fn rsa() -> Self {
        let pkcs8 = SigningKey::generate_for(Algorithm::Ps256).unwrap();
        let public = SigningKey::read(Algorithm::Ps256, &pkcs8).unwrap();
        let public = serde_json::to_value(public.jwk()).unwrap();
        let jwk = json!({ "kty": "RSA", "n": public["n"], "e": public["e"] });
        Self { pair: Pair::Rsa(RsaKeyPair::from_pkcs8(&pkcs8).unwrap()), jwk }
    }

    /// What it signs with.
    pub(crate) fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::P256(_) => "ES256",
            Pair::Rsa(_) => "PS256",
        }
    }

    /// A proof that is in order.
    pub(crate) fn draft(&self, (method, url): (&str, &str), token: Option<&str>) -> Draft {
        let header = json!({ "typ": "dpop+jwt", "alg": self.algorithm(), "jwk": self.jwk });
        let mut claims = json!({ "jti": fresh(), "htm": method, "htu": url, "iat": now_s() });
        if let Some(token) = token {
            claims["ath"] = encode(digest(&SHA256, token.as_bytes())).into();
        }
        Draft { header, claims }
    }

    pub(crate) fn sign(&self, draft: &Draft) -> String {
        self.sign_written(draft, &draft.claims.to_string())
    }

    /// Signs claims as they are written, by the algorithm of the draft's header.
    pub(crate) fn sign_written(&self, draft: &Draft, claims: &str) -> String {
        let signed = format!("{}.{}", encode(draft.header.to_string()), encode(claims));
        let alg = draft.header["alg"].as_str().unwrap_or_default();
        let signature = self.signature(alg, signed.as_bytes());
        format!("{signed}.{}", encode(signature))
    }

    /// An algorithm that is not of this kind of key is not heeded, as forgers do not.
    fn signature(&self, alg: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            _ if alg == "none" => Vec::new(),
            Pair::P256(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let padding: &'static dyn RsaEncoding =
                    if alg == "RS256" { &RSA_PKCS1_SHA256 } else { &RSA_PSS_SHA256 };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }
}

impl Draft {
    pub(crate) fn without(&mut self, name: &str) {
        for object in [&mut self.header, &mut self.claims] {
            object.as_object_mut().unwrap().remove(name);
        }
    }
}

struct Door {
    program: Program,
    upstream: Receiver,
    key: Key,
}

async fn door(tokens: &str) -> Door {
    let upstream = Receiver::start(|_, _| Reply::status(201).body("made")).await;
    let url = upstream.url();
    let definitions = format!(
        "
{tokens}
apis:
  tires:
    base_path: /prod
    upstream: {url}
    scopes: {{ create.order: Create }}
    routes:
      POST /orders: {{ scopes: [tires/create.order] }}
      PUT /orders: {{ scopes: [tires/create.order], idempotency: optional }}
  strict:
    base_path: /strict
    upstream: {url}
    dpop_nonce: required
    scopes: {{ read: Read }}
    routes: {{ POST /orders: {{ scopes: [strict/read] }} }}
partners:
  cars:
    clients:
      car-orders: {{ scopes: [tires/create.order] }}
      always: {{ scopes: [tires/create.order], dpop: required }}
      reader: {{ scopes: [strict/read] }}
"
    );
    Door { program: Program::start(&definitions).await, upstream, key: Key::new() }
}

impl Door {
    fn token_url(&self) -> String {
        format!("{}/oauth2/token", self.program.public)
    }

    /// A proof for the token endpoint.
    fn proof(&self, change: impl FnOnce(&mut Draft)) -> String {
        let mut draft = self.key.draft(("POST", &self.token_url()), None);
        change(&mut draft);
        self.key.sign(&draft)
    }

    /// A proof for a call.
    fn call_proof(&self, path: &str, token: &str, change: impl FnOnce(&mut Draft)) -> String {
        let url = format!("{}{path}", self.program.public);
        let mut draft = self.key.draft(("POST", &url), Some(token));
        change(&mut draft);
        self.key.sign(&draft)
    }

    async fn ask(&self, (client, secret): (&str, &str), proofs: &[&str]) -> Answer {
        let basic = format!("Basic {}", STANDARD.encode(format!("{client}:{secret}")));
        let mut headers = vec![
            ("content-type", "application/x-www-form-urlencoded"),
            ("authorization", basic.as_str()),
        ];
        headers.extend(proofs.iter().map(|proof| ("dpop", *proof)));
        let form = "grant_type=client_credentials";
        self.program.call("POST", "/oauth2/token", &headers, form).await
    }

    /// A token of the client, bound to the door's key.
    async fn bound(&self, client: &str) -> String {
        let secret = self.program.done(&["client", "secret", client]);
        let answer = self.ask((client, &secret), &[&self.proof(|_| {})]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.json()["token_type"], "DPoP");
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    async fn order(&self, path: &str, authorization: &str, proofs: &[&str]) -> Answer {
        let mut headers = vec![("authorization", authorization)];
        headers.extend(proofs.iter().map(|proof| ("dpop", *proof)));
        self.program.call("POST", path, &headers, "{}").await
    }
}

/// All challenges of an answer.
pub(crate) fn challenges(answer: &Answer) -> String {
    let values = answer.headers.get_all("www-authenticate").iter();
    values.map(|value| value.to_str().unwrap()).collect::<Vec<_>>().join(" / ")
}

/// What a proof may not be, at either end, and what the answer says of it.
const BAD: [(&str, Change, &str); 25] = [
    ("no typ", |draft| draft.without("typ"), "typ"),
    ("another typ", |draft| draft.header["typ"] = "JWT".into(), "typ"),
    ("no alg", |draft| draft.without("alg"), "algorithm"),
    ("alg none, unsigned", |draft| draft.header["alg"] = "none".into(), "algorithm"),
    ("a symmetric alg", |draft| draft.header["alg"] = "HS256".into(), "algorithm"),
    ("the alg of another kind of key", |draft| draft.header["alg"] = "RS256".into(), "algorithm"),
    ("no key", |draft| draft.without("jwk"), "public key"),
    ("a key that is none", |draft| draft.header["jwk"] = json!({ "kty": "EC" }), "public key"),
    ("a private key", |draft| draft.header["jwk"]["d"] = "AAAA".into(), "private key"),
    (
        "a symmetric key",
        |draft| draft.header["jwk"] = json!({ "kty": "oct", "k": "AAAA" }),
        "private key",
    ),
    ("an extension", |draft| draft.header["crit"] = json!(["x"]), "extension"),
    ("no jti", |draft| draft.without("jti"), "jti"),
    ("an empty jti", |draft| draft.claims["jti"] = "".into(), "jti"),
    ("a jti that is no text", |draft| draft.claims["jti"] = 7.into(), "jti"),
    ("no htm", |draft| draft.without("htm"), "htm"),
    ("another method", |draft| draft.claims["htm"] = "PUT".into(), "htm"),
    ("a method in lower case", |draft| draft.claims["htm"] = "post".into(), "htm"),
    ("no htu", |draft| draft.without("htu"), "htu"),
    (
        "another path",
        |draft| draft.claims["htu"] = format!("{}/x", draft.claims["htu"].as_str().unwrap()).into(),
        "htu",
    ),
    ("another host", |draft| draft.claims["htu"] = "http://other.example/".into(), "htu"),
    (
        "another scheme",
        |draft| {
            let url = draft.claims["htu"].as_str().unwrap().replace("http:", "https:");
            draft.claims["htu"] = url.into();
        },
        "htu",
    ),
    ("no iat", |draft| draft.without("iat"), "iat"),
    ("an iat that is no number", |draft| draft.claims["iat"] = "now".into(), "iat"),
    ("made an hour ago", |draft| draft.claims["iat"] = (now_s() - 3_600).into(), "iat"),
    ("made in an hour", |draft| draft.claims["iat"] = (now_s() + 3_600).into(), "iat"),
];

/// How else a good proof may be written.
const GOOD: [(&str, Change); 6] = [
    ("the whole media type", |draft| draft.header["typ"] = "application/dpop+jwt".into()),
    ("a query and a fragment", |draft| {
        let url = format!("{}?a=b#c", draft.claims["htu"].as_str().unwrap());
        draft.claims["htu"] = url.into();
    }),
    ("a scheme in upper case", |draft| {
        let url = draft.claims["htu"].as_str().unwrap().replace("http:", "HTTP:");
        draft.claims["htu"] = url.into();
    }),
    ("made ten seconds ago", |draft| draft.claims["iat"] = (now_s() - 10).into()),
    ("made in ten seconds", |draft| draft.claims["iat"] = (now_s() + 10).into()),
    ("claims of its own", |draft| draft.claims["x"] = json!({ "a": [1] })),
];

#[tokio::test]
async fn rfc9449_5_a_proof_that_is_not_good_gets_no_token() {
    let door = door("").await;
    let secret = door.program.done(&["client", "secret", "car-orders"]);
    let client = ("car-orders", secret.as_str());
    let refused = |what: &str, answer: &Answer, reason: &str| {
        let body = answer.json();
        assert_eq!((answer.status, &body["error"]), (400, &"invalid_dpop_proof".into()), "{what}");
        let description = body["error_description"].as_str().unwrap();
        assert!(description.contains(reason), "{what}: {description}");
        assert_eq!(answer.header("cache-control"), "no-store", "{what}");
    };
    for (what, change, reason) in BAD {
        refused(what, &door.ask(client, &[&door.proof(change)]).await, reason);
    }
    let good = door.proof(|_| {});
    let (signed, _) = good.rsplit_once('.').unwrap();
    let other = Key::new();
    for (what, proofs, reason) in [
        ("no proof at all", vec!["nonsense"], "malformed"),
        ("an empty header", vec![""], "malformed"),
        ("another's signature", vec![&*format!("{signed}.{}", encode([7; 64]))], "signature"),
        ("two proofs", vec![&*good, &*door.proof(|_| {})], "more than one"),
        (
            "another's key in the header",
            vec![&*door.proof(|draft| draft.header["jwk"] = other.jwk.clone())],
            "signature",
        ),
    ] {
        refused(what, &door.ask(client, &proofs).await, reason);
    }
    for (what, change) in GOOD {
        let answer = door.ask(client, &[&door.proof(change)]).await;
        assert_eq!(answer.status, 200, "{what}: {}", answer.body);
    }
    // None of the refusals has used it up; being good has.
    assert_eq!(door.ask(client, &[&good]).await.status, 200);
    refused("replayed", &door.ask(client, &[&good]).await, "used before");
    // A proof is no client authentication.
    let answer = door.ask(("car-orders", "wrong"), &[&door.proof(|_| {})]).await;
    assert_eq!(answer.json()["error"], "invalid_client");
}

#[tokio::test]
async fn rfc9449_6_1_a_token_is_bound_to_the_proofs_key() {
    let door = door("").await;
    let token = door.bound("car-orders").await;
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let jkt = jwt::thumbprint(&door.key.jwk).unwrap();
    assert_eq!(claims["cnf"], json!({ "jkt": jkt }));
    // A client whose tokens are always bound gets no other.
    let secret = door.program.done(&["client", "secret", "always"]);
    let answer = door.ask(("always", &secret), &[]).await;
    assert_eq!((answer.status, &answer.json()["error"]), (400, &"invalid_request".into()));
    assert!(answer.body.contains("DPoP"), "{}", answer.body);
    let answer = door.ask(("always", &secret), &[&door.proof(|_| {})]).await;
    assert_eq!(answer.json()["token_type"], "DPoP");
    // RFC 9449 §5.1, RFC 9728 §2.
    for path in ["oauth-authorization-server", "oauth-protected-resource/prod"] {
        let path = format!("/.well-known/{path}");
        let document = door.program.call("GET", &path, &[], "").await.json();
        let algorithms = document["dpop_signing_alg_values_supported"].as_array().unwrap();
        assert!(algorithms.contains(&"ES256".into()), "{document}");
        assert!(!algorithms.contains(&"none".into()), "{document}");
    }
}

#[tokio::test]
async fn rfc9449_7_1_a_bound_token_opens_nothing_without_a_good_proof() {
    let door = door("").await;
    let token = door.bound("car-orders").await;
    let authorization = format!("DPoP {token}");
    let path = "/prod/orders";
    let refused = |what: &str, answer: &Answer, reason: &str| {
        assert_eq!(answer.status, 401, "{what}: {}", answer.body);
        let problem = answer.json();
        assert_eq!(problem["type"], "urn:gatepost:problem:dpop-proof-invalid", "{what}");
        assert!(problem["detail"].as_str().unwrap().contains(reason), "{what}: {problem}");
        let challenge = challenges(answer);
        assert!(challenge.starts_with("DPoP "), "{what}: {challenge}");
        assert!(challenge.contains(r#"error="invalid_dpop_proof""#), "{what}: {challenge}");
        assert!(challenge.contains(r#"algs="ES256 "#), "{what}: {challenge}");
    };
    let proof = |change: Change| door.call_proof(path, &token, change);
    for (what, change, reason) in BAD {
        let answer = door.order(path, &authorization, &[&proof(change)]).await;
        refused(what, &answer, reason);
    }
    let good = proof(|_| {});
    let (signed, _) = good.rsplit_once('.').unwrap();
    let other = Key::new();
    let url = format!("{}{path}", door.program.public);
    let of_other = other.sign(&other.draft(("POST", &url), Some(&token)));
    for (what, proofs, reason) in [
        ("none", vec![], "no DPoP header"),
        ("two", vec![&*good, &*proof(|_| {})], "more than one"),
        ("no proof at all", vec!["nonsense"], "malformed"),
        ("another's signature", vec![&*format!("{signed}.{}", encode([7; 64]))], "signature"),
        ("another's key and signature", vec![&*of_other], "another key"),
        ("no ath", vec![&*proof(|draft| draft.without("ath"))], "ath"),
        (
            "the ath of another token",
            vec![&*proof(|draft| draft.claims["ath"] = encode(digest(&SHA256, b"x")).into())],
            "ath",
        ),
        ("that of the token request", vec![&*door.proof(|_| {})], "htu"),
    ] {
        refused(what, &door.order(path, &authorization, &proofs).await, reason);
    }
    assert!(door.upstream.got().is_empty(), "something was passed on");
    for (what, change) in GOOD {
        let answer = door.order(path, &authorization, &[&proof(change)]).await;
        assert_eq!((answer.status, &*answer.body), (201, "made"), "{what}");
    }
    // The scheme's name is not case-sensitive (RFC 9110 §11.1).
    let answer = door.order(path, &format!("dpop {token}"), &[&good]).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    refused("replayed", &door.order(path, &authorization, &[&good]).await, "used before");
    let line = until("the log has one that passed", async || {
        door.program.lines("request").into_iter().find(|line| line["status"] == 201)
    })
    .await;
    assert_eq!(line["passed"], json!(["route", "token", "proof", "scope", "partner"]));
    // The proof was for us.
    assert!(door.upstream.got().iter().all(|got| got.header("dpop").is_empty()));
}

#[tokio::test]
async fn rfc9449_7_2_bound_and_unbound_tokens_have_each_their_scheme() {
    let door = door("").await;
    let (path, bound) = ("/prod/orders", door.bound("car-orders").await);
    let secret = door.program.done(&["client", "secret", "car-orders"]);
    let plain = door.program.token("car-orders", &secret, "tires/create.order").await;
    let proof = |token: &str| door.call_proof(path, token, |_| {});
    for (authorization, proofs, code) in [
        (format!("Bearer {bound}"), vec![], "token-bound"),
        (format!("Bearer {bound}"), vec![proof(&bound)], "token-bound"),
        (format!("DPoP {plain}"), vec![], "token-unbound"),
        (format!("DPoP {plain}"), vec![proof(&plain)], "token-unbound"),
    ] {
        let proofs: Vec<&str> = proofs.iter().map(String::as_str).collect();
        let answer = door.order(path, &authorization, &proofs).await;
        assert_eq!(answer.status, 401, "{code}: {}", answer.body);
        assert_eq!(answer.json()["type"], format!("urn:gatepost:problem:{code}"));
        let challenge = challenges(&answer);
        assert_eq!(challenge.matches(r#"error="invalid_token""#).count(), 2, "{challenge}");
        assert!(challenge.starts_with("Bearer ") && challenge.contains("/ DPoP "), "{challenge}");
    }
    assert!(door.upstream.got().is_empty());
    // Before RFC 9449 there was no such header: it says nothing of a token that is bound to no key.
    let answer = door.order(path, &format!("Bearer {plain}"), &["nonsense"]).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    // Whoever sends nothing learns of both schemes.
    let answer = door.program.call("POST", path, &[], "{}").await;
    let challenge = challenges(&answer);
    assert!(!challenge.contains("error="), "{challenge}");
    assert!(challenge.contains("Bearer realm=") && challenge.contains("algs="), "{challenge}");
    // Nor is one key's token opened by another's, or sent in two ways.
    let both = [
        ("authorization", &*format!("DPoP {bound}")),
        ("authorization", &*format!("Bearer {plain}")),
    ];
    assert_eq!(door.program.call("POST", path, &both, "{}").await.status, 400);
}

#[tokio::test]
async fn rfc9449_8_nonces_are_offered_demanded_and_outlive_a_restart() {
    let mut door = door("tokens: { dpop_nonce: required }").await;
    let secret = door.program.done(&["client", "secret", "reader"]);
    let client = ("reader", secret.as_str());
    let answer = door.ask(client, &[&door.proof(|_| {})]).await;
    assert_eq!((answer.status, &answer.json()["error"]), (400, &"use_dpop_nonce".into()));
    let nonce = answer.header("dpop-nonce").to_owned();
    assert!(nonce.len() >= 22, "{nonce:?}");
    let with = |nonce: &str| door.proof(|draft| draft.claims["nonce"] = nonce.into());
    let answer = door.ask(client, &[&with("made-up")]).await;
    assert_eq!(answer.json()["error"], "use_dpop_nonce");
    assert_eq!(answer.header("dpop-nonce").len(), nonce.len());
    let answer = door.ask(client, &[&with(&nonce)]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    // Without a proof there is nothing to put a nonce into.
    assert_eq!(door.ask(client, &[]).await.json()["token_type"], "Bearer");

    let (path, authorization) = ("/strict/orders", format!("DPoP {token}"));
    let proof = door.call_proof(path, &token, |_| {});
    let answer = door.order(path, &authorization, &[&proof]).await;
    assert_eq!(answer.status, 401, "{}", answer.body);
    assert_eq!(answer.json()["type"], "urn:gatepost:problem:dpop-nonce-needed");
    assert!(challenges(&answer).contains(r#"error="use_dpop_nonce""#), "{}", challenges(&answer));
    let nonce = answer.header("dpop-nonce").to_owned();

    door.program.kill_and_restart().await;
    let with =
        |nonce: &str| door.call_proof(path, &token, |draft| draft.claims["nonce"] = nonce.into());
    let answer = door.order(path, &authorization, &[&with(&nonce)]).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let answer = door.order(path, &authorization, &[&with("made-up")]).await;
    assert_eq!((answer.status, answer.header("dpop-nonce").len()), (401, nonce.len()));
}

#[tokio::test]
async fn rfc9449_8_2_an_answer_gives_a_nonce_to_whoever_has_none() {
    let door = door("").await;
    let secret = door.program.done(&["client", "secret", "car-orders"]);
    let answer = door.ask(("car-orders", &secret), &[&door.proof(|_| {})]).await;
    let nonce = answer.header("dpop-nonce").to_owned();
    assert!(!nonce.is_empty());
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    let authorization = format!("DPoP {token}");
    let path = "/prod/orders";
    let answer = door.order(path, &authorization, &[&door.call_proof(path, &token, |_| {})]).await;
    assert_eq!((answer.status, answer.header("dpop-nonce").is_empty()), (201, false));
    // One that is there is judged, needed or not.
    let proof = door.call_proof(path, &token, |draft| draft.claims["nonce"] = "made-up".into());
    assert_eq!(door.order(path, &authorization, &[&proof]).await.status, 401);
    // A request that is sent again under its key proves itself anew, and learns the nonce as well.
    for replayed in [false, true] {
        let proof = door.call_proof(path, &token, |draft| draft.claims["htm"] = "PUT".into());
        let headers = [
            ("authorization", authorization.as_str()),
            ("dpop", proof.as_str()),
            ("idempotency-key", "k1"),
        ];
        let answer = door.program.call("PUT", path, &headers, "{}").await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        assert_eq!(answer.header("idempotency-replayed") == "true", replayed);
        assert!(!answer.header("dpop-nonce").is_empty());
    }
    // Whoever proves nothing is told nothing.
    let plain = door.program.token("car-orders", &secret, "tires/create.order").await;
    let answer = door.order(path, &format!("Bearer {plain}"), &[]).await;
    assert_eq!((answer.status, answer.header("dpop-nonce")), (201, ""));
}
