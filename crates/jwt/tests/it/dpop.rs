//! Proofs of possession (RFC 9449): which are good, and each way to be bad.

use jwt::{
    Accepted, Algorithm, NONCE_PERIOD_S, NewProof, NonceRule, PROOF_ALGORITHMS, PROOF_WINDOW,
    Proof, ProofDemand, ProofFault, ProofKey, ProofNonces, Proofs, Standing, normal_target,
    proof_algorithm_names, thumbprint, verify_proof,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::NOW;
use super::foreign::{ED25519, OTHER_ED25519, P256, P384, Pair, RSA, encode};

const URL: &str = "https://api.example/prod/orders";
const TOKEN: &str = "a.b.c";
/// `ath` of [`TOKEN`]: `printf a.b.c | openssl dgst -sha256 -binary | basenc --base64url`, unpadded.
const ATH: &str = "hF4wRIgJ4ryJWOsCW_x5UjXROwd6U9DDq70jhRcNybg";

fn demand() -> ProofDemand<'static> {
    ProofDemand {
        method: "POST",
        url: URL,
        algorithms: &PROOF_ALGORITHMS,
        thumbprint: None,
        access_token: Some(TOKEN),
        window: PROOF_WINDOW,
        now_s: NOW,
    }
}

fn header(pair: &Pair, alg: &str) -> Value {
    json!({ "typ": "dpop+jwt", "alg": alg, "jwk": pair.jwk(&json!({})) })
}

fn claims() -> Value {
    json!({ "jti": "j1", "htm": "POST", "htu": URL, "iat": NOW, "ath": ATH })
}

/// An object with one member changed; null takes it away.
fn with(mut object: Value, name: &str, value: Value) -> Value {
    if value.is_null() {
        object.as_object_mut().unwrap().remove(name);
    } else {
        object[name] = value;
    }
    object
}

/// What becomes of these claims under a good signature.
fn judged(claims: &Value) -> Result<Proof, ProofFault> {
    verify_proof(&P256.token(&header(&P256, "ES256"), claims), &demand())
}

#[test]
fn every_allowed_algorithm_proves_with_a_key_of_its_kind_and_no_other() {
    let rows: [(&Pair, &[&str]); 4] = [
        (&*P256, &["ES256"]),
        (&*P384, &["ES384"]),
        (&*ED25519, &["EdDSA", "Ed25519"]),
        (&*RSA, &["PS256", "RS256"]),
    ];
    let names = proof_algorithm_names();
    for (pair, own) in rows {
        for alg in &names {
            let verified = verify_proof(&pair.token(&header(pair, alg), &claims()), &demand());
            if own.contains(alg) {
                let proof = verified.unwrap();
                assert_eq!((&*proof.jti, proof.iat, proof.nonce), ("j1", NOW, None), "{alg}");
                let jkt = thumbprint(&pair.jwk(&json!({}))).unwrap();
                assert_eq!(proof.thumbprint, jkt, "{alg}");
            } else {
                assert_eq!(verified, Err(ProofFault::Algorithm), "{alg}");
            }
        }
    }
    for alg in ["RS384", "RS512", "none", "HS256", "es256", ""] {
        let proof = RSA.token(&header(&RSA, alg), &claims());
        assert_eq!(verify_proof(&proof, &demand()), Err(ProofFault::Algorithm), "{alg}");
    }
    let only = [Algorithm::Ps256];
    let demand = ProofDemand { algorithms: &only, ..demand() };
    let proof = P256.token(&header(&P256, "ES256"), &claims());
    assert_eq!(verify_proof(&proof, &demand), Err(ProofFault::Algorithm));
}

#[test]
fn the_header_is_a_proofs_and_its_key_public() {
    let good = header(&P256, "ES256");
    let jwk = |more: Value| with(good.clone(), "jwk", P256.jwk(&more));
    let extension = ProofFault::Malformed("its header asks for an extension");
    for (header, expected) in [
        (good.clone(), None),
        (with(good.clone(), "typ", json!("application/dpop+jwt")), None),
        (with(good.clone(), "typ", json!("DPoP+JWT")), None),
        (with(good.clone(), "kid", json!("ignored")), None),
        (jwk(json!({ "kid": "k", "use": "sig", "alg": "ES256" })), None),
        (with(good.clone(), "typ", Value::Null), Some(ProofFault::Type)),
        (with(good.clone(), "typ", json!("JWT")), Some(ProofFault::Type)),
        (with(good.clone(), "typ", json!("at+jwt")), Some(ProofFault::Type)),
        (with(good.clone(), "typ", json!(7)), Some(ProofFault::Type)),
        (with(good.clone(), "alg", Value::Null), Some(ProofFault::Algorithm)),
        (with(good.clone(), "alg", json!(["ES256"])), Some(ProofFault::Algorithm)),
        (with(good.clone(), "jwk", Value::Null), Some(ProofFault::Key)),
        (with(good.clone(), "jwk", json!("text")), Some(ProofFault::Key)),
        (with(good.clone(), "jwk", json!({})), Some(ProofFault::Key)),
        (jwk(json!({ "x": "AA" })), Some(ProofFault::Key)),
        (jwk(json!({ "x": "a\"b" })), Some(ProofFault::Key)),
        (jwk(json!({ "crv": "P-521" })), Some(ProofFault::Key)),
        (jwk(json!({ "use": "enc" })), Some(ProofFault::Key)),
        (jwk(json!({ "alg": "ES384" })), Some(ProofFault::Key)),
        (jwk(json!({ "d": "AA" })), Some(ProofFault::PrivateKey)),
        (
            with(good.clone(), "jwk", json!({ "kty": "oct", "k": "AA" })),
            Some(ProofFault::PrivateKey),
        ),
        (with(good.clone(), "crit", json!(["exp"])), Some(extension)),
        (with(good.clone(), "b64", json!(true)), Some(extension)),
        // Somebody else's key: the signature is not of it.
        (
            with(good.clone(), "jwk", ProofKey::generate().unwrap().jwk().clone()),
            Some(ProofFault::Signature),
        ),
    ] {
        let verified = verify_proof(&P256.token(&header, &claims()), &demand());
        assert_eq!(verified.err(), expected, "{header}");
    }
}

#[test]
fn the_claims_are_of_this_request_this_moment_and_this_token() {
    let long = "j".repeat(513);
    for (name, value, expected) in [
        ("jti", Value::Null, Some(ProofFault::Claims)),
        ("jti", json!(""), Some(ProofFault::Claims)),
        ("jti", json!(7), Some(ProofFault::Claims)),
        ("jti", json!(long), Some(ProofFault::Claims)),
        ("htm", Value::Null, Some(ProofFault::Claims)),
        ("htm", json!("GET"), Some(ProofFault::Method)),
        ("htm", json!("post"), Some(ProofFault::Method)),
        ("htu", Value::Null, Some(ProofFault::Claims)),
        ("htu", json!("HTTPS://API.Example:443/prod/orders?a=b#c"), None),
        ("htu", json!("http://api.example/prod/orders"), Some(ProofFault::Target)),
        ("htu", json!("https://api.example/prod/orders/"), Some(ProofFault::Target)),
        ("htu", json!("https://api.example/prod/Orders"), Some(ProofFault::Target)),
        ("htu", json!("https://api.example:8443/prod/orders"), Some(ProofFault::Target)),
        ("htu", json!("/prod/orders"), Some(ProofFault::Target)),
        ("iat", Value::Null, Some(ProofFault::Claims)),
        ("iat", json!("1800000000"), Some(ProofFault::Claims)),
        ("iat", json!(NOW - 60), None),
        ("iat", json!(NOW - 61), Some(ProofFault::TooOld)),
        ("iat", json!(NOW + 30), None),
        ("iat", json!(NOW + 31), Some(ProofFault::NotYet)),
        ("iat", json!(i64::MIN), Some(ProofFault::TooOld)),
        ("exp", json!(NOW + 1), None),
        ("exp", json!(NOW), Some(ProofFault::TooOld)),
        ("nbf", json!(NOW + 31), Some(ProofFault::NotYet)),
        ("ath", Value::Null, Some(ProofFault::AccessToken)),
        ("ath", json!(""), Some(ProofFault::AccessToken)),
        ("ath", json!(format!("{ATH}=")), Some(ProofFault::AccessToken)),
        ("nonce", json!(7), Some(ProofFault::Claims)),
        ("unknown", json!({ "a": 1 }), None),
    ] {
        let told = format!("{name}: {value}");
        assert_eq!(judged(&with(claims(), name, value)).err(), expected, "{told}");
    }
    let nonce = judged(&with(claims(), "nonce", json!("n1"))).unwrap().nonce;
    assert_eq!(nonce.as_deref(), Some("n1"));
    // Where a token is asked for, there is none to name.
    let demand = ProofDemand { access_token: None, ..demand() };
    let proof = P256.token(&header(&P256, "ES256"), &with(claims(), "ath", Value::Null));
    assert!(verify_proof(&proof, &demand).is_ok());
}

#[test]
fn a_bound_token_takes_its_own_key_alone() {
    let own = thumbprint(&ED25519.jwk(&json!({}))).unwrap();
    let demand = ProofDemand { thumbprint: Some(&own), ..demand() };
    let proof = |pair: &Pair| verify_proof(&pair.token(&header(pair, "EdDSA"), &claims()), &demand);
    assert!(proof(&ED25519).is_ok());
    assert_eq!(proof(&OTHER_ED25519), Err(ProofFault::OtherKey));
}

#[test]
fn an_altered_proof_is_no_proof() {
    let token = P256.token(&header(&P256, "ES256"), &claims());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (head, _) = signed.split_once('.').unwrap();
    let other = encode(with(claims(), "htm", json!("GET")).to_string());
    for text in [
        format!("{head}.{other}.{signature}"),
        format!("{signed}."),
        format!("{signed}.{}", encode([0; 64])),
    ] {
        assert_eq!(verify_proof(&text, &demand()), Err(ProofFault::Signature), "{text}");
    }
    for text in [
        String::new(),
        "a.b.c".to_owned(),
        signed.to_owned(),
        format!("{token}.x"),
        format!("{token}, {token}"),
        format!(" {token}"),
        "x".repeat(9_000),
    ] {
        let fault = verify_proof(&text, &demand()).unwrap_err();
        assert!(matches!(fault, ProofFault::Malformed(_)), "{text}: {fault:?}");
    }
}

#[test]
fn what_we_make_is_what_we_take() {
    let key = ProofKey::generate().unwrap();
    let new = NewProof {
        method: "POST",
        url: "https://api.example/prod/orders?a=b#c",
        id: "j\"1",
        access_token: Some(TOKEN),
        nonce: Some("n1"),
        now_s: NOW,
    };
    let demand = ProofDemand { thumbprint: Some(key.thumbprint()), ..demand() };
    let proof = verify_proof(&key.prove(&new), &demand).unwrap();
    let expected = Proof {
        thumbprint: key.thumbprint().to_owned(),
        jti: "j\"1".to_owned(),
        iat: NOW,
        nonce: Some("n1".to_owned()),
    };
    assert_eq!(proof, expected);
    assert!(ProofKey::from_pkcs8(b"no key").is_err());
}

#[test]
fn rfc7638_3_1_the_thumbprint_of_the_standards_example() {
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let jwk = json!({ "kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29" });
    let expected = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
    assert_eq!(thumbprint(&jwk).as_deref(), Some(expected));
    assert_eq!(thumbprint(&json!({ "kty": "oct", "k": "AA" })), None);
}

#[test]
fn a_nonce_is_good_in_its_period_and_the_next() {
    let (ours, others) = (ProofNonces::new(&[1; 32]), ProofNonces::new(&[2; 32]));
    let start = NOW - NOW.rem_euclid(NONCE_PERIOD_S);
    let nonce = ours.present(start);
    assert_eq!(nonce.len(), 22);
    for (after_s, standing) in [
        (0, Standing::Present),
        (NONCE_PERIOD_S - 1, Standing::Present),
        (NONCE_PERIOD_S, Standing::Previous),
        (2 * NONCE_PERIOD_S - 1, Standing::Previous),
        (2 * NONCE_PERIOD_S, Standing::Unknown),
        // Not before it is given out either.
        (-1, Standing::Unknown),
    ] {
        assert_eq!(ours.standing(&nonce, start + after_s), standing, "{after_s}");
        assert_eq!(others.standing(&nonce, start + after_s), Standing::Unknown);
    }
    for text in ["", "n1", &nonce[..21], &format!("{nonce}A")] {
        assert_eq!(ours.standing(text, start), Standing::Unknown, "{text}");
    }
}

#[test]
fn a_proof_counts_once_and_a_nonce_is_offered_or_demanded() {
    let proofs = Proofs::new(&[1; 32]);
    let accept = |id: &str, nonce: Option<&str>, rule| {
        let claims = with(with(claims(), "jti", json!(id)), "nonce", json!(nonce));
        let proof = P256.token(&header(&P256, "ES256"), &claims);
        proofs.accept(&proof, &demand(), rule).map(|Accepted { offer, .. }| offer)
    };
    let (required, optional) = (NonceRule::Required, NonceRule::Optional);
    let present = proofs.nonce(NOW);
    let previous = proofs.nonce(NOW - NONCE_PERIOD_S);
    let old = proofs.nonce(NOW - 2 * NONCE_PERIOD_S);
    let offer = || Ok(Some(present.clone()));
    assert_eq!(accept("a", None, optional), offer());
    assert_eq!(accept("a", None, optional), Err(ProofFault::Replayed));
    assert_eq!(accept("b", None, required), Err(ProofFault::Nonce));
    for rule in [required, optional] {
        assert_eq!(accept("c", Some(&old), rule), Err(ProofFault::Nonce));
    }
    // What was refused is not used up.
    assert_eq!(accept("b", Some(&present), required), Ok(None));
    assert_eq!(accept("c", Some(&previous), required), offer());
    assert_eq!(accept("d", Some(&present), optional), Ok(None));
    assert_eq!(accept("d", Some(&present), required), Err(ProofFault::Replayed));
}

#[test]
fn urls_that_mean_the_same_have_one_form() {
    for (url, expected) in [
        ("https://api.example", "https://api.example/"),
        ("https://api.example?a#b", "https://api.example/"),
        ("https://api.example#b?a", "https://api.example/"),
        ("HTTPS://API.EXAMPLE:443/", "https://api.example/"),
        ("https://api.example:/", "https://api.example/"),
        ("https://api.example:0443/", "https://api.example/"),
        ("http://api.example:80/a", "http://api.example/a"),
        ("http://api.example:443/a", "http://api.example:443/a"),
        ("https://api.example:80/a", "https://api.example:80/a"),
        ("https://api.example/%7euser/%41%2f%3f", "https://api.example/~user/A%2F%3F"),
        ("https://api.example/a/./b/../c", "https://api.example/a/c"),
        ("https://api.example/a/..", "https://api.example/"),
        ("https://api.example/a/%2e%2E/b", "https://api.example/b"),
        ("https://api.example/../../b", "https://api.example/b"),
        ("https://api.example/a/.", "https://api.example/a/"),
        ("https://api.example/a//b/", "https://api.example/a//b/"),
        ("http://[::1]:7400/a", "http://[::1]:7400/a"),
        ("http://[2001:DB8:0:0::1]/a", "http://[2001:db8::1]/a"),
    ] {
        assert_eq!(normal_target(url).as_deref(), Some(expected), "{url}");
    }
    for url in [
        "",
        "api.example/a",
        "/a",
        "ftp://api.example/a",
        "https:/api.example/a",
        "https:///a",
        "https://user@api.example/a",
        "https://api.example:x/",
        "https://api.example:+443/",
        "https://api.example:65536/",
        "https://[::1/",
        "https://[::1]x/",
        "https://api.example/a b",
        "https://api.example/ä",
        "https://äpi.example/",
        "https://api.example/%",
        "https://api.example/%4",
        "https://api.example/%+1",
        "https://api.example\\@evil.example/",
    ] {
        assert_eq!(normal_target(url), None, "{url}");
    }
}

/// The same letters in random case.
fn cased(text: &str, upper: &[bool]) -> String {
    let letters = text.chars().zip(upper.iter().chain(std::iter::repeat(&false)));
    letters.map(|(c, upper)| if *upper { c.to_ascii_uppercase() } else { c }).collect()
}

proptest! {
    #[test]
    fn spellings_of_a_url_are_one_target(
        host in "[a-z][a-z0-9-]{0,10}(\\.[a-z]{2,5}){0,2}",
        path in "(/[a-zA-Z0-9._~!$&'()*+,;=:@-]{1,8}){0,4}/?",
        upper in proptest::collection::vec(any::<bool>(), 0..40),
        encoded in proptest::collection::vec(any::<bool>(), 0..40),
        is_secure in any::<bool>(),
        with_port in any::<bool>(),
        query in "(\\?[a-z=&/]{0,8})?(#[a-z?/]{0,8})?",
    ) {
        let (scheme, port) = if is_secure { ("https", ":443") } else { ("http", ":80") };
        let plain = format!("{scheme}://{host}{path}");
        // Every character may be percent-encoded that need not be.
        let spelled: String = path
            .chars()
            .zip(encoded.iter().chain(std::iter::repeat(&false)))
            .map(|(c, encode)| {
                let unreserved = c.is_ascii_alphanumeric() || "-._~".contains(c);
                if *encode && unreserved { format!("%{:02x}", u32::from(c)) } else { c.to_string() }
            })
            .collect();
        let port = if with_port { port } else { "" };
        let head = cased(&format!("{scheme}://{host}"), &upper);
        let other = format!("{head}{port}{spelled}{query}");
        let normal = normal_target(&plain);
        prop_assert!(normal.is_some(), "{plain}");
        prop_assert_eq!(normal_target(&other), normal, "{}", other);
    }

    #[test]
    fn the_normal_form_is_its_own(url in "https?://[a-zA-Z0-9.]{1,8}(:[0-9]{0,4})?[ -~]{0,30}") {
        if let Some(normal) = normal_target(&url) {
            prop_assert_eq!(normal_target(&normal), Some(normal.clone()));
            prop_assert!(!normal.contains(['?', '#']), "{normal}");
            let (_, path) = normal[8..].split_once('/').unwrap_or_default();
            let path = format!("/{path}");
            prop_assert!(!path.contains("/../") && !path.contains("/./"), "{normal}");
        }
    }

    #[test]
    fn another_path_is_another_target(one in "/[a-z]{1,6}", other in "/[a-z]{1,6}") {
        let target = |path: &str| normal_target(&format!("https://api.example{path}"));
        prop_assert_eq!(target(&one) == target(&other), one == other);
    }

    #[test]
    fn any_text_is_judged_without_panic(text in ".{0,200}") {
        prop_assert!(verify_proof(&text, &demand()).is_err());
        drop(normal_target(&text));
        drop(normal_target(&format!("https://{text}")));
    }
}
