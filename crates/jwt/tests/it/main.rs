//! What a verifier accepts and refuses, as tables.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod algorithms;
mod assertion;
mod client_assertion;
mod dpop;
mod explain;
mod foreign;
mod rotation;
mod strict;

use jwt::{AccessToken, Demand, Fault, Jwks, Keys, SigningKey, is_reserved_claim, sign, verify};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const NOW: i64 = 1_800_000_000;

fn key() -> SigningKey {
    SigningKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap()
}

fn keys(key: &SigningKey) -> Keys {
    Keys::new(&Jwks { keys: vec![key.jwk().clone()] }).unwrap()
}

fn claims() -> AccessToken {
    AccessToken {
        iss: "http://issuer.example".into(),
        aud: "tires".into(),
        sub: "car-orders".into(),
        client_id: "car-orders".into(),
        scope: "tires/create.order tires/cancel.order".into(),
        exp: NOW + 3600,
        iat: NOW,
        auth_time: NOW,
        jti: "t1".into(),
        token_use: "access".into(),
        version: 2,
        credential_id: None,
        cnf: None,
        extra: std::collections::BTreeMap::new(),
    }
}

fn demand() -> Demand<'static> {
    Demand { issuer: "http://issuer.example", audience: "tires", now_s: NOW, leeway_s: 0 }
}

fn check(claims: &AccessToken, expected: Result<(), Fault>) {
    let key = key();
    assert_eq!(verify(&sign(claims, &key), &keys(&key), &demand()).map(drop), expected);
}

/// A token of our own signing with any header and payload text.
fn forged(key: &SigningKey, header: &str, payload: &str) -> String {
    // The signature belongs to another text, which is what a forger has.
    let real = sign(&claims(), key);
    let signature = real.rsplit('.').next().unwrap();
    format!("{}.{}.{signature}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload))
}

#[test]
fn a_token_of_ours_is_accepted_whole() {
    let key = key();
    let read = verify(&sign(&claims(), &key), &keys(&key), &demand()).unwrap();
    assert_eq!(read, claims());
    assert!(read.has_scope("tires/create.order") && read.has_scope("tires/cancel.order"));
    assert!(!read.has_scope("tires/create") && !read.has_scope("tires/create.order "));
}

#[test]
fn what_else_a_token_says_stands_beside_its_claims_and_comes_back() {
    let key = key();
    let extra = [("tenant", "cars".into()), ("tier", 3.into()), ("gold", true.into())];
    let extra = extra.map(|(name, value): (&str, serde_json::Value)| (name.to_owned(), value));
    let said = AccessToken { extra: extra.into(), ..claims() };
    let json = serde_json::to_value(&said).unwrap();
    assert_eq!((&json["tenant"], &json["tier"]), (&"cars".into(), &3.into()));
    assert_eq!((&json["sub"], &json["extra"]), (&"car-orders".into(), &serde_json::Value::Null));
    assert_eq!(verify(&sign(&said, &key), &keys(&key), &demand()).unwrap(), said);
    // Nothing more is no member more.
    let members = serde_json::to_value(claims()).unwrap();
    assert_eq!(members.as_object().unwrap().len(), 11);
}

#[test]
fn every_claim_of_our_own_is_reserved_in_either_case() {
    let members = serde_json::to_value(claims()).unwrap();
    for name in members.as_object().unwrap().keys() {
        assert!(is_reserved_claim(name), "{name}");
    }
    for (name, expected) in
        [("ISS", true), ("cnf", true), ("nbf", true), ("tenant", false), ("groups", false)]
    {
        assert_eq!(is_reserved_claim(name), expected, "{name}");
    }
}

#[test]
fn issuer_audience_and_time_are_demanded() {
    check(&claims(), Ok(()));
    check(&AccessToken { iss: "http://issuer.example/".into(), ..claims() }, Err(Fault::Issuer));
    check(&AccessToken { aud: "cars".into(), ..claims() }, Err(Fault::Audience));
    check(&AccessToken { exp: NOW + 1, ..claims() }, Ok(()));
    check(&AccessToken { exp: NOW, ..claims() }, Err(Fault::Expired { since_s: NOW }));
    check(&AccessToken { iat: NOW + 1, ..claims() }, Err(Fault::NotYet));
}

#[test]
fn another_key_or_an_altered_text_is_refused() {
    let (ours, theirs) = (key(), key());
    let token = sign(&claims(), &theirs);
    assert_eq!(verify(&token, &keys(&ours), &demand()), Err(Fault::UnknownKey));
    let token = sign(&claims(), &ours);
    for at in [token.find('.').unwrap() + 5, token.len() - 5] {
        let mut altered = token.clone().into_bytes();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).unwrap();
        assert!(verify(&altered, &keys(&ours), &demand()).is_err());
    }
}

#[test]
fn forged_headers_are_refused_each_for_its_reason() {
    let key = key();
    let kid = &key.jwk().kid;
    let payload = serde_json::to_string(&claims()).unwrap();
    let rows = [
        (format!(r#"{{"typ":"at+jwt","alg":"none","kid":"{kid}"}}"#), Fault::Algorithm),
        (format!(r#"{{"typ":"at+jwt","alg":"HS256","kid":"{kid}"}}"#), Fault::Algorithm),
        (format!(r#"{{"typ":"at+jwt","alg":"es256","kid":"{kid}"}}"#), Fault::Algorithm),
        (format!(r#"{{"typ":"at+jwt","kid":"{kid}"}}"#), Fault::Algorithm),
        (format!(r#"{{"typ":"JWT","alg":"ES256","kid":"{kid}"}}"#), Fault::Type),
        (format!(r#"{{"alg":"ES256","kid":"{kid}"}}"#), Fault::Type),
        (r#"{"typ":"at+jwt","alg":"ES256"}"#.to_owned(), Fault::UnknownKey),
        (r#"{"typ":"at+jwt","alg":"ES256","kid":"x"}"#.to_owned(), Fault::UnknownKey),
        (
            format!(r#"{{"typ":"at+jwt","alg":"ES256","kid":"{kid}","crit":["b64"],"b64":false}}"#),
            Fault::Malformed("its header asks for an extension"),
        ),
        (
            format!(r#"{{"typ":"at+jwt","alg":"ES256","alg":"ES256","kid":"{kid}"}}"#),
            Fault::Malformed("its header is not one JSON object"),
        ),
        (format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"{kid}"}}"#), Fault::Signature),
    ];
    for (header, fault) in rows {
        let token = forged(&key, &header, &payload);
        assert_eq!(verify(&token, &keys(&key), &demand()), Err(fault), "{header}");
    }
}

#[test]
fn texts_that_are_no_compact_token_are_malformed() {
    let key = key();
    let token = sign(&claims(), &key);
    let (head, signature) = token.rsplit_once('.').unwrap();
    let long = "a".repeat(9000);
    for text in [
        "",
        "a",
        "a.b",
        "..",
        &format!("{token}."),
        &format!("{token}="),
        &format!(" {token}"),
        &format!("{token}\n"),
        &format!("{head}.{signature}.{signature}.x.y"),
        &format!("{head}.{}", signature.replace(['-', '_'], "+")).replace('.', ".+"),
        &long,
    ] {
        let answer = verify(text, &keys(&key), &demand());
        assert!(matches!(answer, Err(Fault::Malformed(_))), "{text:?}: {answer:?}");
    }
}

#[test]
fn an_empty_or_zero_signature_never_fits() {
    let key = key();
    let token = sign(&claims(), &key);
    let (head, _) = token.rsplit_once('.').unwrap();
    for signature in [vec![], vec![0; 64], vec![0; 63], vec![255; 64]] {
        let text = format!("{head}.{}", URL_SAFE_NO_PAD.encode(signature));
        assert_eq!(verify(&text, &keys(&key), &demand()), Err(Fault::Signature));
    }
}

#[test]
fn a_published_key_is_named_by_its_thumbprint_and_has_no_private_part() {
    let key = key();
    let published = serde_json::to_value(Jwks { keys: vec![key.jwk().clone()] }).unwrap();
    let jwk = published["keys"][0].as_object().unwrap();
    let mut names: Vec<_> = jwk.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    assert_eq!(jwk["kid"].as_str().unwrap().len(), 43);
}

proptest::proptest! {
    #[test]
    fn any_text_is_judged_without_panic(text in ".{0,200}") {
        let key = key();
        proptest::prop_assert!(verify(&text, &keys(&key), &demand()).is_err());
    }
}
