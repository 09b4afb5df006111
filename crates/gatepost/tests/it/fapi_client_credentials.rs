//! The FAPI 2.0 Security Profile for programs (`tokens.profile: fapi-2`), over HTTP: what the
//! conformance plan for client credentials asks of a server, module by module, in rows of our own.
//!
//! Its fifteen modules are, in its order: the metadata; the whole way, of two clients; the scheme
//! in another case; a proof with `nbf` and `exp`; one made ten seconds ago; one made in ten
//! seconds; another client's id; no proof of possession, and TLS; an assertion by RS256; none; one
//! that has ended; one for somebody else; one without `sub`; assertions that are wrong in all other
//! ways; and the steps with bad proofs, which are in `dpop_negative.rs`. The plan is gone through
//! with each way to prove a client and to bind its tokens: with certificates, and so with TLS, in
//! `fapi_certificates.rs`.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use testkit::Receiver;

use crate::claims::now_s;
use crate::client::code;
use crate::dpop::{Change, Draft, Key, fresh};
use crate::program::{Answer, Program};
use crate::proofs::{FORM, GRANT, TYPE, claims, refused, upstream, with_assertion};

/// What partners know the program by: a name, and the scheme's own port. Its socket has another.
pub(crate) const ISSUER: &str = "http://localhost";
/// The route that takes tokens.
pub(crate) const ORDERS: &str = "/prod/orders";

/// A key of 2,048 bits takes a while to find: one for all.
pub(crate) static RSA: LazyLock<Key> = LazyLock::new(Key::rsa);

/// A program that keeps to the profile, an API behind it, and the keys of its clients. Each client
/// signs its assertions and its proofs with one key, which the plan does as well.
pub(crate) struct Fapi {
    pub(crate) program: Program,
    pub(crate) upstream: Receiver,
    /// That of `orders`.
    pub(crate) own: Key,
    /// That of `other`.
    other: Key,
}

fn definitions(upstream: &str, [own, other]: [&Key; 2]) -> String {
    let client = |name: &str, key: &Key| {
        let jwk = &key.jwk;
        format!(
            "      {name}: {{ auth: private_key_jwt, token_lifetime: 10m, jwks: {{ keys: [{jwk}] }}, scopes: [tires/create.order] }}\n"
        )
    };
    let clients = client("orders", own) + &client("other", other) + &client("rsa", &RSA);
    format!(
        "
tokens: {{ profile: fapi-2 }}
apis:
  tires:
    base_path: /prod
    upstream: {upstream}
    scopes: {{ create.order: Create }}
    routes: {{ POST /orders: {{ scopes: [tires/create.order] }} }}
partners:
  cars:
    clients:
{clients}"
    )
}

impl Fapi {
    pub(crate) async fn start() -> Self {
        let upstream = upstream().await;
        let (own, other) = (Key::new(), Key::new());
        let mut program = Program::start(&definitions(&upstream.url(), [&own, &other])).await;
        let socket = format!("public_url: {}\n", program.public);
        program.rewrite(|file| file.replace(&socket, &format!("public_url: {ISSUER}\n")));
        assert!(program.stop().success());
        program.start_again().await;
        Self { program, upstream, own, other }
    }

    /// An assertion of a client that is in order, good for a minute.
    pub(crate) fn assertion(key: &Key, client: &str) -> Draft {
        let now_s = now_s();
        let header = json!({ "typ": "JWT", "alg": key.algorithm() });
        let claims = json!({
            "iss": client, "sub": client, "aud": ISSUER, "jti": fresh(),
            "iat": now_s, "exp": now_s + 60,
        });
        Draft { header, claims }
    }

    /// A body with an assertion that is in order.
    pub(crate) fn body(key: &Key, client: &str) -> String {
        with_assertion(&key.sign(&Self::assertion(key, client)))
    }

    /// A proof for the token endpoint that is in order.
    pub(crate) fn proof(key: &Key) -> Draft {
        key.draft(("POST", &format!("{ISSUER}/oauth2/token")), None)
    }

    /// A proof for a call of the API that is in order.
    pub(crate) fn call_proof(key: &Key, token: &str) -> Draft {
        key.draft(("POST", &format!("{ISSUER}{ORDERS}")), Some(token))
    }

    /// Asks for a token.
    pub(crate) async fn ask(&self, body: &str, proofs: &[String]) -> Answer {
        let mut headers = vec![FORM];
        headers.extend(proofs.iter().map(|proof| ("dpop", proof.as_str())));
        self.program.call("POST", "/oauth2/token", &headers, body).await
    }

    /// Asks for a token of `orders` by this body, with a proof that is in order.
    async fn ask_proven(&self, body: &str) -> Answer {
        self.ask(body, &[self.own.sign(&Self::proof(&self.own))]).await
    }

    /// Asks for a token of `orders` by an assertion that was changed before it was signed.
    async fn ask_by(&self, change: impl FnOnce(&mut Draft)) -> Answer {
        let mut assertion = Self::assertion(&self.own, "orders");
        change(&mut assertion);
        self.ask_proven(&with_assertion(&self.own.sign(&assertion))).await
    }

    /// A token of a client, bound to its key.
    pub(crate) async fn bound(&self, key: &Key, client: &str) -> String {
        let answer = self.ask(&Self::body(key, client), &[key.sign(&Self::proof(key))]).await;
        assert_eq!(answer.status, 200, "{client}: {}", answer.body);
        assert_eq!(answer.json()["token_type"], "DPoP", "{client}");
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// A call of the API with a proof, if there is one.
    async fn order(&self, authorization: &str, proof: Option<&str>) -> Answer {
        let mut headers = vec![("authorization", authorization)];
        headers.extend(proof.map(|proof| ("dpop", proof)));
        self.program.call("POST", ORDERS, &headers, "{}").await
    }
}

/// The texts of a list in a document.
fn texts<'a>(document: &'a Value, name: &str) -> Vec<&'a str> {
    let listed = document[name].as_array().unwrap_or_else(|| panic!("{name}: {document}"));
    listed.iter().map(|text| text.as_str().unwrap()).collect()
}

#[tokio::test]
async fn fapi2_5_4_1_module_1_the_metadata_offer_what_the_profile_permits_and_no_more() {
    let fapi = Fapi::start().await;
    let place = "/.well-known/oauth-authorization-server";
    let answer = fapi.program.call("GET", place, &[], "").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    let document = answer.json();
    // RFC 8414 §3.3: the issuer is the one whose metadata were asked for.
    assert_eq!(document["issuer"], ISSUER);
    assert_eq!(document["token_endpoint"], format!("{ISSUER}/oauth2/token"));
    assert_eq!(texts(&document, "grant_types_supported"), ["client_credentials"]);
    assert!(texts(&document, "response_types_supported").is_empty(), "{document}");
    for endpoint in ["token", "revocation", "introspection"] {
        let name = format!("{endpoint}_endpoint_auth_methods_supported");
        assert_eq!(texts(&document, &name), ["private_key_jwt"], "{name}");
        let name = format!("{endpoint}_endpoint_auth_signing_alg_values_supported");
        assert_eq!(texts(&document, &name), ["ES256", "PS256", "EdDSA"], "{name}");
    }
    let proofs = ["ES256", "EdDSA", "PS256", "Ed25519"];
    assert_eq!(texts(&document, "dpop_signing_alg_values_supported"), proofs);
    // RFC 9728 §2: the API says the same of itself.
    let place = "/.well-known/oauth-protected-resource/prod";
    let document = fapi.program.call("GET", place, &[], "").await.json();
    assert_eq!(texts(&document, "dpop_signing_alg_values_supported"), proofs);
    assert_eq!(texts(&document, "bearer_methods_supported"), ["header"]);
}

#[tokio::test]
async fn fapi2_5_3_module_2_two_clients_get_bound_tokens_and_each_its_own_alone() {
    let fapi = Fapi::start().await;
    let accepted = ["application/json", "application/json; charset=UTF-8", "*/*"];
    for (client, key, anothers) in
        [("orders", &fapi.own, &fapi.other), ("other", &fapi.other, &fapi.own)]
    {
        let answer = fapi.ask(&Fapi::body(key, client), &[key.sign(&Fapi::proof(key))]).await;
        assert_eq!(answer.status, 200, "{client}: {}", answer.body);
        assert_eq!(answer.header("cache-control"), "no-store", "{client}");
        let body = answer.json();
        assert_eq!((&body["token_type"], &body["expires_in"]), (&"DPoP".into(), &600.into()));
        assert!(body.get("refresh_token").is_none(), "{body}");
        let token = body["access_token"].as_str().unwrap();
        let said = claims(token);
        assert_eq!(said["cnf"], json!({ "jkt": jwt::thumbprint(&key.jwk).unwrap() }), "{client}");
        assert_eq!((&said["client_id"], &said["iss"]), (&client.into(), &ISSUER.into()));
        let authorization = format!("DPoP {token}");
        for accept in accepted {
            let proof = key.sign(&Fapi::call_proof(key, token));
            let headers = [
                ("authorization", authorization.as_str()),
                ("dpop", proof.as_str()),
                ("accept", accept),
            ];
            let answer = fapi.program.call("POST", ORDERS, &headers, "{}").await;
            assert_eq!((answer.status, &*answer.body), (201, "made"), "{client}: {accept}");
        }
        let proof = anothers.sign(&Fapi::call_proof(anothers, token));
        let answer = fapi.order(&authorization, Some(&proof)).await;
        assert_eq!((answer.status, &*code(&answer)), (401, "dpop-proof-invalid"), "{client}");
        // §5.3.4: never in the query, proven or not.
        let path = format!("{ORDERS}?access_token={token}");
        let proof = key.sign(&Fapi::call_proof(key, token));
        let answer = fapi.program.call("POST", &path, &[("dpop", proof.as_str())], "{}").await;
        assert_eq!((answer.status, &*code(&answer)), (400, "token-in-query"), "{client}");
    }
    assert_eq!(fapi.upstream.got().len(), 2 * accepted.len());
}

#[tokio::test]
async fn rfc9110_11_1_module_3_the_schemes_name_is_read_in_any_case() {
    let fapi = Fapi::start().await;
    let token = fapi.bound(&fapi.own, "orders").await;
    for scheme in ["DPoP", "dpop", "DPOP", "dPoP"] {
        let proof = fapi.own.sign(&Fapi::call_proof(&fapi.own, &token));
        let answer = fapi.order(&format!("{scheme} {token}"), Some(&proof)).await;
        assert_eq!(answer.status, 201, "{scheme}: {}", answer.body);
    }
}

/// What proofs say of time, and whether they count.
const TIMES: [(&str, Change, bool); 7] = [
    (
        "module 4: good from now on, for five minutes",
        |draft| {
            draft.claims["nbf"] = now_s().into();
            draft.claims["exp"] = (now_s() + 300).into();
        },
        true,
    ),
    ("module 5: made ten seconds ago", |draft| draft.claims["iat"] = (now_s() - 10).into(), true),
    ("module 6: made in ten seconds", |draft| draft.claims["iat"] = (now_s() + 10).into(), true),
    ("good in ten seconds", |draft| draft.claims["nbf"] = (now_s() + 10).into(), true),
    ("made in more than a minute", |draft| draft.claims["iat"] = (now_s() + 65).into(), false),
    ("good in more than a minute", |draft| draft.claims["nbf"] = (now_s() + 65).into(), false),
    ("at its end", |draft| draft.claims["exp"] = now_s().into(), false),
];

#[tokio::test]
async fn fapi2_5_3_2_1_modules_4_to_6_proofs_may_be_ten_seconds_off_and_no_minute() {
    let fapi = Fapi::start().await;
    let own = &fapi.own;
    let token = fapi.bound(own, "orders").await;
    let authorization = format!("DPoP {token}");
    for (what, change, counts) in TIMES {
        let mut proof = Fapi::proof(own);
        change(&mut proof);
        let answer = fapi.ask(&Fapi::body(own, "orders"), &[own.sign(&proof)]).await;
        if counts {
            assert_eq!(answer.status, 200, "{what}: {}", answer.body);
        } else {
            refused(&answer, 400, "invalid_dpop_proof", "the DPoP proof");
        }
        let mut proof = Fapi::call_proof(own, &token);
        change(&mut proof);
        let answer = fapi.order(&authorization, Some(&own.sign(&proof))).await;
        let expected = if counts { (201, "") } else { (401, "dpop-proof-invalid") };
        assert_eq!((answer.status, &*code(&answer)), expected, "{what}: {}", answer.body);
    }
}

#[tokio::test]
async fn rfc6749_5_2_module_7_no_client_passes_for_another() {
    let fapi = Fapi::start().await;
    let (own, other) = (&fapi.own, &fapi.other);
    // One client's claims under another's signature, with and without its id beside them.
    let forged = with_assertion(&own.sign(&Fapi::assertion(own, "other")));
    for body in [forged.clone(), format!("{forged}&client_id=other")] {
        refused(&fapi.ask_proven(&body).await, 401, "invalid_client", "not signed with a key of");
    }
    let body = format!("{}&client_id=other", Fapi::body(own, "orders"));
    refused(&fapi.ask_proven(&body).await, 400, "invalid_request", "client_id differs");
    // Its own id does no harm (RFC 7521 §4.2).
    let body = format!("{}&client_id=other", Fapi::body(other, "other"));
    assert_eq!(fapi.ask_proven(&body).await.status, 200);
}

#[tokio::test]
async fn fapi2_5_3_2_1_module_8_without_a_proof_there_is_no_token_and_a_bound_one_is_no_bearers() {
    let fapi = Fapi::start().await;
    let own = &fapi.own;
    let answer = fapi.ask(&Fapi::body(own, "orders"), &[]).await;
    refused(&answer, 400, "invalid_request", "binds every token");
    let token = fapi.bound(own, "orders").await;
    let proof = own.sign(&Fapi::call_proof(own, &token));
    for proof in [None, Some(proof.as_str())] {
        let answer = fapi.order(&format!("Bearer {token}"), proof).await;
        assert_eq!((answer.status, &*code(&answer)), (401, "token-bound"), "{proof:?}");
    }
    // None of that has used the proof up.
    assert_eq!(fapi.order(&format!("DPoP {token}"), Some(&proof)).await.status, 201);
}

#[tokio::test]
async fn fapi2_5_4_1_module_9_an_assertion_by_rs256_proves_nothing() {
    let fapi = Fapi::start().await;
    for (alg, is_taken) in [("PS256", true), ("RS256", false), ("PS256", true)] {
        let mut assertion = Fapi::assertion(&RSA, "rsa");
        assertion.header["alg"] = alg.into();
        let body = with_assertion(&RSA.sign(&assertion));
        let answer = fapi.ask(&body, &[RSA.sign(&Fapi::proof(&RSA))]).await;
        if is_taken {
            assert_eq!(answer.status, 200, "{alg}: {}", answer.body);
        } else {
            refused(&answer, 401, "invalid_client", "by an algorithm it may use");
        }
    }
}

#[tokio::test]
async fn fapi2_5_3_2_1_module_10_nothing_else_proves_a_client() {
    let fapi = Fapi::start().await;
    let named = format!("{GRANT}&client_id=orders");
    for body in [GRANT, &named, &format!("{named}&client_secret=guessed")] {
        refused(&fapi.ask_proven(body).await, 401, "invalid_client", "");
    }
    let basic = format!("Basic {}", STANDARD.encode("orders:guessed"));
    let proof = fapi.own.sign(&Fapi::proof(&fapi.own));
    let headers = [FORM, ("authorization", basic.as_str()), ("dpop", proof.as_str())];
    let answer = fapi.program.call("POST", "/oauth2/token", &headers, GRANT).await;
    refused(&answer, 401, "invalid_client", "");
    // Nor is a secret made for the client.
    assert!(!fapi.program.run(&["client", "secret", "orders"]).status.success());
}

/// What an assertion may not say, and what the answer says of it.
const ASSERTIONS: [(&str, Change, &str); 22] = [
    (
        "module 11: ended five minutes ago",
        |draft| draft.claims["exp"] = (now_s() - 300).into(),
        "has expired",
    ),
    (
        "module 12: for another server",
        |draft| draft.claims["aud"] = "https://other.example".into(),
        "aud must be the issuer",
    ),
    ("module 13: no sub", |draft| draft.without("sub"), "iss and sub"),
    // Module 14 from here on.
    ("another sub", |draft| draft.claims["sub"] = "other".into(), "iss and sub"),
    ("no iss", |draft| draft.without("iss"), "iss and sub"),
    ("another iss", |draft| draft.claims["iss"] = "other".into(), "iss and sub"),
    ("no aud", |draft| draft.without("aud"), "aud must be the issuer"),
    (
        "for the token endpoint",
        |draft| draft.claims["aud"] = format!("{ISSUER}/oauth2/token").into(),
        "aud must be the issuer",
    ),
    (
        "for the issuer in other words",
        |draft| draft.claims["aud"] = format!("{ISSUER}/").into(),
        "aud must be the issuer",
    ),
    (
        "for the issuer and another",
        |draft| draft.claims["aud"] = json!([ISSUER, "https://other.example"]),
        "not a list",
    ),
    ("for the issuer, in a list", |draft| draft.claims["aud"] = json!([ISSUER]), "not a list"),
    ("no exp", |draft| draft.without("exp"), "exp must be there"),
    (
        "good for an hour",
        |draft| draft.claims["exp"] = (now_s() + 3_600).into(),
        "at most 10 minutes",
    ),
    ("no jti", |draft| draft.without("jti"), "jti must be there"),
    ("an empty jti", |draft| draft.claims["jti"] = "".into(), "jti must be there"),
    (
        "made in more than a minute",
        |draft| {
            draft.claims["iat"] = (now_s() + 65).into();
            draft.claims["exp"] = (now_s() + 125).into();
        },
        "in the future",
    ),
    (
        "good in more than a minute",
        |draft| {
            draft.claims["nbf"] = (now_s() + 65).into();
            draft.claims["exp"] = (now_s() + 125).into();
        },
        "in the future",
    ),
    ("alg none", |draft| draft.header["alg"] = "none".into(), "not signed with a key"),
    ("a symmetric alg", |draft| draft.header["alg"] = "HS256".into(), "not signed with a key"),
    ("no alg", |draft| draft.without("alg"), "not signed with a key"),
    ("an extension", |draft| draft.header["crit"] = json!(["x"]), "malformed"),
    ("a token's type", |draft| draft.header["typ"] = "at+jwt".into(), "typ must be"),
];

#[tokio::test]
async fn rfc7523_3_modules_11_to_14_an_assertion_that_is_not_in_order_proves_nothing() {
    let fapi = Fapi::start().await;
    for (what, change, says) in ASSERTIONS {
        let answer = fapi.ask_by(change).await;
        let body = answer.json();
        assert_eq!((answer.status, &body["error"]), (401, &"invalid_client".into()), "{what}");
        let description = body["error_description"].as_str().unwrap();
        assert!(description.contains(says), "{what}: {description}");
    }
    let good = Fapi::body(&fapi.own, "orders");
    for body in [good.replace(TYPE, "a=b"), good.replace("jwt-bearer", "saml2-bearer")] {
        refused(&fapi.ask_proven(&body).await, 400, "invalid_request", "client_assertion_type");
    }
    let mut forged = Fapi::assertion(&fapi.own, "orders");
    let signed = fapi.own.sign(&forged);
    let (_, signature) = signed.rsplit_once('.').unwrap();
    forged.claims["jti"] = fresh().into();
    let unsigned = fapi.own.sign(&forged);
    let (unsigned, _) = unsigned.rsplit_once('.').unwrap();
    let body = with_assertion(&format!("{unsigned}.{signature}"));
    refused(&fapi.ask_proven(&body).await, 401, "invalid_client", "not signed with a key of");
    // Ten seconds between two clocks are none of these faults.
    let ahead = fapi.ask_by(|draft| {
        draft.claims["iat"] = (now_s() + 10).into();
        draft.claims["nbf"] = (now_s() + 10).into();
    });
    assert_eq!(ahead.await.status, 200);
    // None of that has used the good one up; being good has.
    assert_eq!(fapi.ask_proven(&good).await.status, 200);
    refused(&fapi.ask_proven(&good).await, 401, "invalid_client", "used before");
}
