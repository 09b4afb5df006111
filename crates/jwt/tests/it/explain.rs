//! What is said of tokens: the fault that each has is named, and a whole one has none.

use jwt::{
    AccessToken, Bare, ExplainWith, Explanation, KeySet, SigningKey, Verdict, bare, explain, sign,
};
use serde_json::json;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{NOW, claims, key};

fn explained(token: &str, keys: &SigningKey) -> Explanation {
    let set = serde_json::to_string(&json!({ "keys": [keys.jwk()] })).unwrap();
    let set = KeySet::parse(set.as_bytes()).unwrap();
    let audiences = ["tires".to_owned(), "wheels".to_owned()];
    let issuer = Some("http://issuer.example");
    explain(token, &ExplainWith { issuer, audiences: &audiences, keys: Some(&set), now_s: NOW })
}

/// What it is refused for: the part and a word of the text.
fn check(token: &str, keys: &SigningKey, expected: &[(&str, &str)]) {
    let explanation = explained(token, keys);
    let bad = explanation.findings.iter().filter(|finding| finding.verdict == Verdict::Bad);
    let bad: Vec<_> = bad.map(|finding| (finding.about, &*finding.text)).collect();
    assert_eq!(bad.len(), expected.len(), "{bad:?}");
    for ((about, text), (part, word)) in bad.iter().zip(expected) {
        assert!(about == part && text.contains(word), "{about}: {text}");
    }
    assert_eq!(explanation.is_good(), expected.is_empty());
}

#[test]
fn a_whole_token_has_no_fault_and_is_shown() {
    let key = key();
    let token = sign(&claims(), &key);
    check(&token, &key, &[]);
    check(&format!("Bearer {token}\n"), &key, &[]);
    let explanation = explained(&token, &key);
    assert_eq!(explanation.claims.unwrap()["client_id"], "car-orders");
    assert_eq!(explanation.header.unwrap()["alg"], "ES256");
    let about: Vec<_> = explanation.findings.iter().map(|finding| finding.about).collect();
    assert_eq!(about, ["typ", "alg", "kid", "signature", "iss", "aud", "client_id", "exp"]);
}

#[test]
fn each_fault_is_named() {
    let (key, other) = (key(), key());
    let signed = |claims: AccessToken| sign(&claims, &key);
    check(&sign(&claims(), &other), &key, &[("kid", "not published")]);
    check(&signed(AccessToken { exp: NOW - 200, ..claims() }), &key, &[("exp", "3 min 20 s ago")]);
    check(&signed(AccessToken { exp: NOW, ..claims() }), &key, &[("exp", "0 s ago")]);
    check(&signed(AccessToken { iat: NOW + 60, ..claims() }), &key, &[("iat", "clocks")]);
    check(&signed(AccessToken { aud: "cars".into(), ..claims() }), &key, &[("aud", "wheels")]);
    let slash = AccessToken { iss: "http://issuer.example/".into(), ..claims() };
    check(&signed(slash), &key, &[("iss", "no `/`")]);
    let other = AccessToken { iss: "http://other.example".into(), ..claims() };
    check(&signed(other), &key, &[("iss", "issued by")]);
    let token = signed(claims());
    let (head, signature) = token.rsplit_once('.').unwrap();
    check(&format!("{head}."), &key, &[("signature", "none"), ("signature", "does not fit")]);
    let mirrored: String = signature.chars().rev().collect();
    assert!(!explained(&format!("{head}.{mirrored}"), &key).is_good());
}

#[test]
fn what_is_no_token_of_ours_is_said_in_words() {
    let key = key();
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let kid = &key.jwk().kid;
    let whole = part(serde_json::to_value(claims()).unwrap());
    let with = |header: serde_json::Value| format!("{}.{whole}.AAAA", part(header));
    check("hunter2", &key, &[("form", "no dots")]);
    check("a.b", &key, &[("form", "2 parts")]);
    check("a.b.c.d.e", &key, &[("form", "encrypted")]);
    check("a b.c.d", &key, &[("form", "white space")]);
    check(&"x".repeat(9_000), &key, &[("form", "8 KiB")]);
    check(
        &with(json!({ "typ": "at+jwt", "alg": "none", "kid": kid })),
        &key,
        &[("alg", "not signed")],
    );
    check(
        &with(json!({ "typ": "JWT", "alg": "HS256", "kid": kid })),
        &key,
        &[("typ", "ID token"), ("alg", "shared secret")],
    );
    check(
        &with(json!({ "typ": "at+jwt", "alg": "RS256", "kid": kid })),
        &key,
        &[("alg", "not for RS256")],
    );
    check(
        &with(json!({ "typ": "at+jwt", "alg": "ES256", "crit": ["x"] })),
        &key,
        &[("form", "extension"), ("kid", "does not say")],
    );
    let empty = format!("{}.{}.AAAA", part(json!({ "alg": "ES256", "kid": kid })), part(json!({})));
    let explanation = explained(&empty, &key);
    let lacks = explanation.findings.iter().any(|finding| finding.text.contains("client_id, iat"));
    assert!(lacks, "{explanation:?}");
}

proptest::proptest! {
    #[test]
    fn any_text_is_explained_without_panic(text in ".{0,200}", parts in ".{0,40}\\..{0,40}\\..{0,9}") {
        let key = key();
        for text in [&text, &parts] {
            proptest::prop_assert!(!explained(text, &key).is_good());
        }
    }
}

#[test]
fn what_people_copy_along_is_no_part_of_a_token() {
    for (text, token, scheme) in [
        ("a.b.c", "a.b.c", None),
        (" \t\"a.b.c\"\r\n", "a.b.c", None),
        ("Bearer a.b.c", "a.b.c", Some("Bearer")),
        ("'dpop   `a.b.c`'", "a.b.c", Some("dpop")),
        ("Authorization: Bearer a.b.c\n", "a.b.c", Some("Bearer")),
        ("\u{feff}authorization:a.b.c", "a.b.c", None),
        // What stands inside is its own: it was cut or wrapped.
        ("a.b. c", "a.b. c", None),
        ("Basic a.b.c", "Basic a.b.c", None),
        ("bearer", "bearer", None),
        ("x:y", "x:y", None),
        ("", "", None),
    ] {
        assert_eq!(bare(text), Bare { token, scheme }, "{text:?}");
    }
}
