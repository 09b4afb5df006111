//! Assertions: what the other side finds, for every kind of key and form of it.

use aws_lc_rs::encoding::AsBigEndian as _;
use aws_lc_rs::encoding::{EcPrivateKeyBin, EcPublicKeyUncompressedBin, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
    VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jwt::{Assertion, AssertionKey, AssertionKeyError};
use serde_json::{Value, json};

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn ec() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()
}

/// Signs with a key's text, and verifies as the other side would.
fn check(
    text: &str,
    (algorithm, name): (&'static dyn VerificationAlgorithm, &str),
    public: &[u8],
    (kid, shown): (Option<&str>, Option<&str>),
) {
    let key = AssertionKey::parse(text).unwrap();
    let assertion = Assertion {
        client_id: "acme",
        audience: "https://a.example/\"token",
        id: "j1",
        now_s: 1_800_000_000,
        lifetime_s: 60,
    };
    let token = key.sign(&assertion, kid);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let read = |part: &str| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    let header = read(header);
    assert_eq!((&header["alg"], &header["typ"]), (&name.into(), &"JWT".into()));
    assert_eq!(header["kid"].as_str(), shown);
    let expected = json!({
        "iss": "acme", "sub": "acme", "aud": "https://a.example/\"token", "jti": "j1",
        "iat": 1_800_000_000_i64, "exp": 1_800_000_060_i64,
    });
    assert_eq!(read(claims), expected);
    let public = UnparsedPublicKey::new(algorithm, public);
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    public.verify(signed.as_bytes(), &signature).unwrap();
    public.verify(b"another text", &signature).unwrap_err();
    assert!(!format!("{key:?}").contains(text));
}

#[test]
fn the_other_side_can_verify_every_kind_of_key() {
    let es256 = (&ECDSA_P256_SHA256_FIXED as &'static dyn VerificationAlgorithm, "ES256");
    let eddsa = (&ED25519 as &'static dyn VerificationAlgorithm, "EdDSA");
    let rs256 = (&RSA_PKCS1_2048_8192_SHA256 as &'static dyn VerificationAlgorithm, "RS256");
    let key = ec();
    let public = key.public_key().as_ref();
    let text = pem(key.to_pkcs8v1().unwrap().as_ref());
    check(&text, es256, public, (None, None));
    check(&format!("a note\n{text}"), es256, public, (Some("k1"), Some("k1")));
    let private: EcPrivateKeyBin<'_> = key.private_key().as_be_bytes().unwrap();
    let point: EcPublicKeyUncompressedBin<'_> = key.public_key().as_be_bytes().unwrap();
    let point = point.as_ref();
    let jwk = json!({
        "kty": "EC", "crv": "P-256", "kid": "own", "d": encode(private.as_ref()),
        "x": encode(&point[1..33]), "y": encode(&point[33..]),
    });
    check(&jwk.to_string(), es256, public, (None, Some("own")));
    check(&jwk.to_string(), es256, public, (Some("theirs"), Some("theirs")));

    let key = Ed25519KeyPair::generate().unwrap();
    let public = key.public_key().as_ref();
    let der = key.to_pkcs8v1().unwrap();
    check(&pem(der.as_ref()), eddsa, public, (None, None));
    let seed = key.seed().unwrap().as_be_bytes().unwrap();
    let jwk = json!({
        "kty": "OKP", "crv": "Ed25519", "d": encode(seed.as_ref()), "x": encode(public),
    });
    check(&jwk.to_string(), eddsa, public, (None, None));

    let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = aws_lc_rs::encoding::AsDer::as_der(&key).unwrap();
    check(&pem(der.as_ref()), rs256, key.public_key().as_ref(), (None, None));
}

#[test]
fn what_cannot_sign_is_told_by_its_reason() {
    let (one, other) = (ec(), ec());
    let private: EcPrivateKeyBin<'_> = one.private_key().as_be_bytes().unwrap();
    let point: EcPublicKeyUncompressedBin<'_> = other.public_key().as_be_bytes().unwrap();
    let mixed = json!({
        "kty": "EC", "crv": "P-256", "d": encode(private.as_ref()),
        "x": encode(&point.as_ref()[1..33]), "y": encode(&point.as_ref()[33..]),
    });
    let public_only = json!({ "kty": "OKP", "crv": "Ed25519", "x": encode([1; 32]) });
    for (text, expected) in [
        ("hunter2".to_owned(), AssertionKeyError::Form),
        (String::new(), AssertionKeyError::Form),
        ("x".repeat(20_000), AssertionKeyError::Form),
        ("{\"kty\":\"EC\",\"kty\":\"EC\"}".to_owned(), AssertionKeyError::Form),
        (
            "-----BEGIN EC PRIVATE KEY-----\nAA==\n-----END EC PRIVATE KEY-----".to_owned(),
            AssertionKeyError::Form,
        ),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==".to_owned(), AssertionKeyError::Encrypted),
        (pem(b"no key"), AssertionKeyError::Kind),
        (mixed.to_string(), AssertionKeyError::Parts),
        (public_only.to_string(), AssertionKeyError::Parts),
        (json!({ "kty": "RSA", "n": "AA" }).to_string(), AssertionKeyError::RsaJwk),
        (json!({ "kty": "oct", "k": "AA" }).to_string(), AssertionKeyError::Kind),
    ] {
        assert_eq!(AssertionKey::parse(&text).unwrap_err(), expected, "{text}");
    }
}
