//! Tokens of other issuers, and their sets of keys: what is accepted, what is refused and why.

use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsBigEndian as _, EcPublicKeyUncompressedBin};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RsaEncoding,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt::{
    Algorithm, Fault, ForeignDemand, ForeignToken, KeySet, SET_BYTES_MAX, SetError, TokenType,
    claimed_issuer, verify_foreign,
};
use serde_json::{Value, json};

use super::NOW;

const ISSUER: &str = "https://login.example/tenant/v2.0";
const EVERY: [Algorithm; 7] = [
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::EdDsa,
];

pub(super) static P256: LazyLock<Pair> =
    LazyLock::new(|| Pair::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()));
pub(super) static P384: LazyLock<Pair> =
    LazyLock::new(|| Pair::Ec(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap()));
pub(super) static ED25519: LazyLock<Pair> =
    LazyLock::new(|| Pair::Ed(Ed25519KeyPair::generate().unwrap()));
pub(super) static OTHER_ED25519: LazyLock<Pair> =
    LazyLock::new(|| Pair::Ed(Ed25519KeyPair::generate().unwrap()));
pub(super) static RSA: LazyLock<Pair> =
    LazyLock::new(|| Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()));

pub(super) enum Pair {
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Pair {
    /// The public half, with these members beside its own.
    pub(super) fn jwk(&self, more: &Value) -> Value {
        let mut jwk = match self {
            Self::Ec(pair) => {
                let point: EcPublicKeyUncompressedBin<'_> =
                    pair.public_key().as_be_bytes().unwrap();
                let point = &point.as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let crv = if x.len() == 32 { "P-256" } else { "P-384" };
                json!({ "kty": "EC", "crv": crv, "x": encode(x), "y": encode(y) })
            }
            Self::Ed(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key()) })
            }
            Self::Rsa(pair) => {
                // RFC 8017 §A.1.1: SEQUENCE { INTEGER n, INTEGER e }, of fixed lengths at 2,048
                // bits and the exponent 65,537.
                let der = pair.public_key().as_ref();
                json!({ "kty": "RSA", "n": encode(&der[9..265]), "e": encode(&der[267..]) })
            }
        };
        for (name, value) in more.as_object().unwrap() {
            jwk[name] = value.clone();
        }
        jwk
    }

    fn sign(&self, alg: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Ed(pair) => pair.sign(message).as_ref().to_vec(),
            Self::Rsa(pair) => {
                let padding: &'static dyn RsaEncoding = match alg {
                    "RS384" => &RSA_PKCS1_SHA384,
                    "RS512" => &RSA_PKCS1_SHA512,
                    "PS256" => &RSA_PSS_SHA256,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }

    /// A token with this header and these claims.
    pub(super) fn token(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let alg = header["alg"].as_str().unwrap_or_default();
        let signature = self.sign(alg, signed.as_bytes());
        format!("{signed}.{}", encode(signature))
    }
}

fn set(keys: &[Value]) -> Result<KeySet, SetError> {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": "api://tires", "sub": "s1", "azp": "c1", "exp": NOW + 3600,
        "iat": NOW, "nbf": NOW, "jti": "t1", "scope": "tires/create.order tires/cancel.order",
    })
}

/// The claims with one of them changed; null takes it away.
fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    if value.is_null() {
        claims.as_object_mut().unwrap().remove(name);
    } else {
        claims[name] = value;
    }
    claims
}

/// Verifies under the usual demand, changed.
fn verify(
    token: &str,
    keys: &KeySet,
    change: impl FnOnce(&mut ForeignDemand<'_>),
) -> Result<ForeignToken, Fault> {
    let audiences = ["api://tires".to_owned(), "tires".to_owned()];
    let mut demand = ForeignDemand {
        issuer: ISSUER,
        audiences: &audiences,
        algorithms: &EVERY,
        token_type: TokenType::Jwt,
        client_claim: "azp",
        scope_claim: None,
        now_s: NOW,
        leeway_s: 60,
    };
    change(&mut demand);
    verify_foreign(token, keys, &demand)
}

/// What becomes of these claims under a good signature.
fn judged(claims: &Value) -> Result<ForeignToken, Fault> {
    let keys = set(&[ED25519.jwk(&json!({ "kid": "k1" }))]).unwrap();
    let header = json!({ "alg": "EdDSA", "kid": "k1", "typ": "at+jwt" });
    verify(&ED25519.token(&header, claims), &keys, |_| {})
}

#[test]
fn every_algorithm_is_verified_with_a_key_of_its_kind_and_no_other() {
    let keys = set(&[
        P256.jwk(&json!({ "kid": "p256", "use": "sig", "alg": "ES256" })),
        P384.jwk(&json!({ "kid": "p384", "key_ops": ["verify"] })),
        RSA.jwk(&json!({ "kid": "rsa", "x5t": "ignored" })),
        ED25519.jwk(&json!({ "kid": "ed" })),
    ])
    .unwrap();
    assert_eq!((keys.count(), keys.skipped()), (4, 0));
    let rows: [(&Pair, &str, &[&str]); 4] = [
        (&*P256, "p256", &["ES256"]),
        (&*P384, "p384", &["ES384"]),
        (&*RSA, "rsa", &["RS256", "RS384", "RS512", "PS256"]),
        (&*ED25519, "ed", &["EdDSA", "Ed25519"]),
    ];
    for (pair, kid, algorithms) in rows {
        for alg in Algorithm::NAMES.into_iter().chain(["Ed25519"]) {
            let token = pair.token(&json!({ "alg": alg, "kid": kid }), &claims());
            let verified = verify(&token, &keys, |_| {});
            if algorithms.contains(&alg) {
                assert_eq!(verified.unwrap().sub, "s1", "{kid} {alg}");
            } else {
                assert_eq!(verified.unwrap_err(), Fault::Algorithm, "{kid} {alg}");
            }
        }
        let header = json!({ "alg": algorithms[0], "kid": kid });
        let token = pair.token(&header, &claims());
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let mut broken = URL_SAFE_NO_PAD.decode(signature).unwrap();
        broken[3] ^= 1;
        for signature in [broken, Vec::new(), vec![0; 64], vec![0; 256]] {
            let token = format!("{signed}.{}", encode(signature));
            assert_eq!(verify(&token, &keys, |_| {}), Err(Fault::Signature), "{kid}");
        }
    }
}

#[test]
fn the_key_is_the_named_one_or_the_only_one_that_fits() {
    let (ed, other) = (&*ED25519, &*OTHER_ED25519);
    let named = |kid: &str| json!({ "kid": kid });
    let header = |kid: Option<&str>| match kid {
        Some(kid) => json!({ "alg": "EdDSA", "kid": kid }),
        None => json!({ "alg": "EdDSA" }),
    };
    let check = |keys: &[Value], kid: Option<&str>, expected: Result<(), Fault>| {
        let token = ed.token(&header(kid), &claims());
        let verified = verify(&token, &set(keys).unwrap(), |_| {});
        assert_eq!(verified.map(drop), expected, "{keys:?} {kid:?}");
    };
    let one = [ed.jwk(&named("k1"))];
    check(&one, Some("k1"), Ok(()));
    check(&one, None, Ok(()));
    check(&one, Some("k2"), Err(Fault::UnknownKey));
    let two = [other.jwk(&named("k0")), ed.jwk(&named("k1"))];
    check(&two, Some("k1"), Ok(()));
    check(&two, Some("k0"), Err(Fault::Signature));
    check(&two, None, Err(Fault::AmbiguousKey));
    let same_name = [other.jwk(&named("k1")), ed.jwk(&named("k1"))];
    check(&same_name, Some("k1"), Err(Fault::AmbiguousKey));
    let other_kind = [RSA.jwk(&named("k1")), ed.jwk(&named("k1"))];
    check(&other_kind, Some("k1"), Ok(()));
    check(&other_kind, None, Ok(()));
    check(&[RSA.jwk(&named("k1"))], Some("k1"), Err(Fault::Algorithm));
    check(&[RSA.jwk(&named("k1"))], None, Err(Fault::UnknownKey));
    check(&[ed.jwk(&json!({}))], None, Ok(()));
    check(&[ed.jwk(&json!({}))], Some("k1"), Err(Fault::UnknownKey));
}

#[test]
fn a_public_key_is_no_secret_and_no_algorithm_is_none() {
    let jwk = RSA.jwk(&json!({ "kid": "k1" }));
    let keys = set(std::slice::from_ref(&jwk)).unwrap();
    for secret in [jwk.to_string(), jwk["n"].as_str().unwrap().to_owned(), String::from("k1")] {
        let header = json!({ "alg": "HS256", "kid": "k1" });
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims().to_string()));
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let token = format!("{signed}.{}", encode(hmac::sign(&key, signed.as_bytes())));
        assert_eq!(verify(&token, &keys, |_| {}), Err(Fault::Algorithm));
    }
    for alg in ["none", "None", "NONE", "nOnE", "HS256", "HS384", "rs256", "RS1", "ES256K", ""] {
        let header = json!({ "alg": alg, "kid": "k1" });
        let token = RSA.token(&header, &claims());
        assert_eq!(verify(&token, &keys, |_| {}), Err(Fault::Algorithm), "{alg}");
        let (signed, _) = token.rsplit_once('.').unwrap();
        assert_eq!(verify(&format!("{signed}."), &keys, |_| {}), Err(Fault::Algorithm), "{alg}");
    }
    let token = RSA.token(&json!({ "alg": "PS256", "kid": "k1" }), &claims());
    assert!(verify(&token, &keys, |_| {}).is_ok());
    let verified = verify(&token, &keys, |demand| {
        demand.algorithms = &[Algorithm::Rs256, Algorithm::Es256];
    });
    assert_eq!(verified, Err(Fault::Algorithm));
}

#[test]
fn the_header_may_not_ask_for_more_nor_bring_its_own_key() {
    let keys = set(&[ED25519.jwk(&json!({ "kid": "k1" }))]).unwrap();
    let check = |header: Value, rule: TokenType, expected: Result<(), Fault>| {
        let token = ED25519.token(&header, &claims());
        let verified = verify(&token, &keys, |demand| demand.token_type = rule);
        assert_eq!(verified.map(drop), expected, "{header}");
    };
    let header = |name: &str, value: Value| {
        let mut header = json!({ "alg": "EdDSA", "kid": "k1" });
        header[name] = value;
        header
    };
    for (typ, jwt, access_token) in [
        (json!("at+jwt"), true, true),
        (json!("application/AT+JWT"), true, true),
        (json!("JWT"), true, false),
        (json!("application/jwt"), true, false),
        (json!("dpop+jwt"), false, false),
        (json!("logout+jwt"), false, false),
        (json!(""), false, false),
        (json!(1), false, false),
    ] {
        let expected = |fits: bool| if fits { Ok(()) } else { Err(Fault::Type) };
        check(header("typ", typ.clone()), TokenType::Jwt, expected(jwt));
        check(header("typ", typ), TokenType::AccessToken, expected(access_token));
    }
    let plain = json!({ "alg": "EdDSA", "kid": "k1" });
    check(plain.clone(), TokenType::Jwt, Ok(()));
    check(plain, TokenType::AccessToken, Err(Fault::Type));
    let extension = Err(Fault::Malformed("its header asks for an extension"));
    check(header("crit", json!(["exp"])), TokenType::Jwt, extension);
    check(header("b64", json!(false)), TokenType::Jwt, extension);
    let kid = Err(Fault::Malformed("its `kid` is not a text"));
    check(header("kid", json!(1)), TokenType::Jwt, kid);
    let mut own = header("jwk", OTHER_ED25519.jwk(&json!({})));
    own["jku"] = "https://evil.example/jwks".into();
    let token = OTHER_ED25519.token(&own, &claims());
    assert_eq!(verify(&token, &keys, |_| {}), Err(Fault::Signature));
}

#[test]
fn issuer_audience_and_names_are_demanded() {
    let no_id = Fault::Malformed("its `jti` has more than 1,024 bytes, or control characters");
    let rows = [
        ("iss", json!("https://login.example/tenant/v2.0/"), Some(Fault::Issuer)),
        ("iss", json!("https://LOGIN.example/tenant/v2.0"), Some(Fault::Issuer)),
        ("iss", Value::Null, Some(Fault::Claims)),
        ("aud", json!("tires"), None),
        ("aud", json!(["x", "tires"]), None),
        ("aud", json!("api://wheels"), Some(Fault::Audience)),
        ("aud", json!(["api://wheels"]), Some(Fault::Audience)),
        ("aud", json!([]), Some(Fault::Audience)),
        ("aud", json!(["tires", 1]), Some(Fault::Claims)),
        ("aud", json!({ "tires": 1 }), Some(Fault::Claims)),
        ("aud", Value::Null, Some(Fault::Claims)),
        ("sub", json!(""), Some(Fault::Claims)),
        ("sub", json!("a\nb"), Some(Fault::Claims)),
        ("sub", Value::Null, Some(Fault::Claims)),
        ("azp", Value::Null, None),
        ("azp", json!(""), Some(Fault::Claims)),
        ("azp", json!("é"), Some(Fault::Claims)),
        ("azp", json!("x".repeat(257)), Some(Fault::Claims)),
        ("azp", json!(7), Some(Fault::Claims)),
        ("jti", json!(7), Some(Fault::Claims)),
        ("jti", Value::Null, None),
        ("jti", json!("a b ü \u{1f6de} %20\"\\"), None),
        ("jti", json!("x".repeat(1024)), None),
        ("jti", json!("x".repeat(1025)), Some(no_id)),
        ("jti", json!("ü".repeat(513)), Some(no_id)),
        ("jti", json!("a\nb"), Some(no_id)),
        ("jti", json!("a\u{0}b"), Some(no_id)),
        ("token_use", json!("access"), None),
        ("token_use", json!("id"), Some(Fault::Type)),
    ];
    for (name, value, expected) in rows {
        assert_eq!(judged(&with(name, value.clone())).err(), expected, "{name} {value}");
    }
    let token = judged(&claims()).unwrap();
    assert_eq!((token.iss.as_str(), token.sub.as_str()), (ISSUER, "s1"));
    assert_eq!((token.client.as_deref(), token.jti.as_deref()), (Some("c1"), Some("t1")));
    assert_eq!(token.claims["azp"], "c1");
    assert_eq!(judged(&with("azp", Value::Null)).unwrap().client, None);
}

#[test]
fn times_are_judged_with_a_leeway() {
    for (name, value, expected) in [
        ("exp", json!(NOW - 59), None),
        ("exp", json!(NOW - 60), Some(Fault::Expired { since_s: NOW - 60 })),
        ("exp", json!(i64::MIN), Some(Fault::Expired { since_s: i64::MIN })),
        ("exp", json!(i64::MAX), None),
        ("exp", json!(u64::MAX), Some(Fault::Claims)),
        ("exp", json!("1800000000"), Some(Fault::Claims)),
        ("exp", json!(1.8e9), Some(Fault::Claims)),
        ("exp", Value::Null, Some(Fault::Claims)),
        ("nbf", json!(NOW + 60), None),
        ("nbf", json!(NOW + 61), Some(Fault::NotYet)),
        ("nbf", Value::Null, None),
        ("iat", json!(NOW + 61), Some(Fault::NotYet)),
        ("iat", Value::Null, None),
    ] {
        assert_eq!(judged(&with(name, value.clone())).err(), expected, "{name} {value}");
    }
}

#[test]
fn scopes_are_found_as_large_issuers_write_them() {
    let mut without = with("scope", Value::Null);
    for (name, value, expected) in [
        ("scope", json!("a b"), Some(vec!["a", "b"])),
        ("scope", json!("  a   b "), Some(vec!["a", "b"])),
        ("scope", json!(["a", "b"]), Some(vec!["a", "b"])),
        ("scp", json!("a b"), Some(vec!["a", "b"])),
        ("scp", json!(["a", "b c", "d\"e", "é"]), Some(vec!["a"])),
        ("scp", json!(["a", 1]), None),
        ("scope", json!(1), None),
        ("roles", json!(["a"]), Some(vec![])),
    ] {
        let mut claims = without.clone();
        claims[name] = value.clone();
        let scopes = judged(&claims).map(|token| token.scopes);
        match expected {
            Some(expected) => assert_eq!(scopes.unwrap(), expected, "{name} {value}"),
            None => assert_eq!(scopes, Err(Fault::Claims), "{name} {value}"),
        }
    }
    without["roles"] = json!(["tires/create.order"]);
    without["scope"] = json!("email");
    let keys = set(&[ED25519.jwk(&json!({}))]).unwrap();
    let token = ED25519.token(&json!({ "alg": "EdDSA" }), &without);
    let token = verify(&token, &keys, |demand| demand.scope_claim = Some("roles")).unwrap();
    assert_eq!(token.scopes, ["tires/create.order"]);
}

#[test]
fn what_is_read_before_the_signature_is_read_as_strictly() {
    let token = ED25519.token(&json!({ "alg": "EdDSA" }), &claims());
    assert_eq!(claimed_issuer(&token).as_deref(), Ok(ISSUER));
    let twice = format!("{}.{}.AA", encode("{}"), encode(r#"{"iss":"a","iss":"b"}"#));
    let long = format!("{token}{}", "A".repeat(9000));
    for text in ["", "a.b", &twice, &long, &format!("{token}="), &format!("{token}.a.b")] {
        assert!(matches!(claimed_issuer(text), Err(Fault::Malformed(_))), "{text}");
    }
    let none = ED25519.token(&json!({ "alg": "EdDSA" }), &json!({ "iss": 1 }));
    assert_eq!(claimed_issuer(&none), Err(Fault::Claims));
}

#[test]
fn keys_of_no_use_are_skipped_and_sets_that_are_none_refused() {
    let good = ED25519.jwk(&json!({ "kid": "k1" }));
    let rsa = |n: &[u8], e: &[u8]| json!({ "kty": "RSA", "n": encode(n), "e": encode(e) });
    let modulus = [0xc1; 256];
    for skipped in [
        json!(1),
        json!({}),
        json!({ "kty": "oct", "k": "AAAA" }),
        json!({ "kty": "AKP", "alg": "ML-DSA-44", "pub": "AA" }),
        json!({ "kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA" }),
        json!({ "kty": "EC", "crv": "P-256", "x": encode([1; 32]), "y": encode([1; 32]) }),
        json!({ "kty": "OKP", "crv": "Ed25519", "x": encode([1; 31]) }),
        json!({ "kty": "OKP", "crv": "X25519", "x": encode([1; 32]) }),
        ED25519.jwk(&json!({ "use": "enc" })),
        ED25519.jwk(&json!({ "key_ops": ["encrypt"] })),
        ED25519.jwk(&json!({ "alg": "RS256" })),
        ED25519.jwk(&json!({ "alg": "none" })),
        ED25519.jwk(&json!({ "kid": 7 })),
        ED25519.jwk(&json!({ "d": encode([1; 32]) })),
        rsa(&[0xc1; 128], &[1, 0, 1]),
        rsa(&[0xc1; 1025], &[1, 0, 1]),
        rsa(&modulus, &[1]),
        rsa(&modulus, &[2]),
        rsa(&modulus, &[]),
        rsa(&modulus, &[1; 6]),
    ] {
        let both = set(&[skipped.clone(), good.clone()]).unwrap();
        assert_eq!((both.count(), both.skipped()), (1, 1), "{skipped}");
        assert_eq!(set(std::slice::from_ref(&skipped)).unwrap_err(), SetError::Empty, "{skipped}");
    }
    let padded = RSA.jwk(&json!({}));
    let n = URL_SAFE_NO_PAD.decode(padded["n"].as_str().unwrap()).unwrap();
    let padded = rsa(&[vec![0], n].concat(), &[1, 0, 1]);
    let token = RSA.token(&json!({ "alg": "RS256" }), &claims());
    assert!(verify(&token, &set(&[padded]).unwrap(), |_| {}).is_ok());

    let many = vec![good.clone(); 101];
    assert_eq!(set(&many).unwrap_err(), SetError::TooMany);
    assert_eq!(set(&many[1..]).unwrap().count(), 100);
    let good = good.to_string();
    let long = format!("{{\"keys\":[{good}],\"x\":\"{}\"}}", "x".repeat(SET_BYTES_MAX));
    assert_eq!(KeySet::parse(long.as_bytes()).unwrap_err(), SetError::TooLong);
    for text in [
        String::new(),
        "[]".to_owned(),
        "{}".to_owned(),
        r#"{"keys":{}}"#.to_owned(),
        format!(r#"{{"keys":[{good}],"keys":[]}}"#),
        format!(r#"{{"keys":[{good},{{"kid":"a","kid":"b"}}]}}"#),
        format!(r#"{{"keys":[{good}]"#),
    ] {
        assert_eq!(KeySet::parse(text.as_bytes()).unwrap_err(), SetError::Form, "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_judged_without_panic(text in ".{0,200}") {
        let keys = set(&[ED25519.jwk(&json!({}))]).unwrap();
        let refused = verify(&text, &keys, |_| {}).is_err();
        proptest::prop_assert!(refused);
        proptest::prop_assert!(claimed_issuer(&text).is_err());
        proptest::prop_assert!(KeySet::parse(text.as_bytes()).is_err());
    }

    #[test]
    fn any_header_and_claims_are_judged_without_panic(
        header in ".{0,60}", name in "[a-z]{1,9}", value in ".{0,60}",
    ) {
        let _judged = judged(&with(&name, json!(value)));
        let text = format!("{}.{}.AA", encode(&header), encode(&value));
        let keys = set(&[ED25519.jwk(&json!({}))]).unwrap();
        let refused = verify(&text, &keys, |_| {}).is_err();
        proptest::prop_assert!(refused);
    }
}
