//! Assertions of clients: what our token endpoint accepts and refuses, as tables.

use aws_lc_rs::encoding::{AsBigEndian as _, EcPrivateKeyBin, EcPublicKeyUncompressedBin};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jwt::{
    Algorithm, Assertion, AssertionDemand, AssertionFault, AssertionKey, AudienceForm,
    CertificatesError, ClaimedAssertion, KeySet, SetError, certificates_of,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: i64 = 1_800_000_000;
const ISSUER: &str = "https://api.tires.example";
const ENDPOINT: &str = "https://api.tires.example/oauth2/token";

/// A client's key: what signs, and the public half as a JWK.
struct Client {
    pair: EcdsaKeyPair,
    key: AssertionKey,
    jwk: Value,
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn client(kid: &str) -> Client {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let private: EcPrivateKeyBin<'_> = pair.private_key().as_be_bytes().unwrap();
    let point: EcPublicKeyUncompressedBin<'_> = pair.public_key().as_be_bytes().unwrap();
    let point = point.as_ref();
    let jwk = json!({
        "kty": "EC", "crv": "P-256", "kid": kid,
        "x": encode(&point[1..33]), "y": encode(&point[33..]),
    });
    let mut with_private = jwk.clone();
    with_private["d"] = encode(private.as_ref()).into();
    let key = AssertionKey::parse(&with_private.to_string()).unwrap();
    Client { pair, key, jwk }
}

impl Client {
    fn set(&self) -> KeySet {
        KeySet::parse_public(json!({ "keys": [self.jwk] }).to_string().as_bytes()).unwrap()
    }

    /// A JWT of any header and claims, signed with the key.
    fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let random = aws_lc_rs::rand::SystemRandom::new();
        let signature = self.pair.sign(&random, signed.as_bytes()).unwrap();
        format!("{signed}.{}", encode(signature))
    }
}

fn header() -> Value {
    json!({ "alg": "ES256", "typ": "JWT", "kid": "k1" })
}

fn claims() -> Value {
    json!({
        "iss": "car-orders", "sub": "car-orders", "aud": ISSUER, "jti": "j1",
        "iat": NOW, "exp": NOW + 60,
    })
}

fn demand() -> AssertionDemand<'static> {
    let audience = AudienceForm::TextOrList;
    AssertionDemand { issuer: ISSUER, endpoint: ENDPOINT, audience, now_s: NOW, leeway_s: 30 }
}

fn judge(client: &Client, header: &Value, claims: &Value) -> Result<bool, AssertionFault> {
    let text = client.sign(header, claims);
    let claimed = ClaimedAssertion::read(&text, &demand())?;
    claimed.verify(&client.set(), &[Algorithm::Es256])?;
    Ok(claimed.is_legacy())
}

#[test]
fn an_assertion_of_our_own_maker_is_accepted_and_says_whose_it_is() {
    let client = client("k1");
    let assertion = Assertion {
        client_id: "car-orders",
        audience: ISSUER,
        id: "j7",
        now_s: NOW,
        lifetime_s: 60,
    };
    for kid in [None, Some("k1")] {
        let text = client.key.sign(&assertion, kid);
        let claimed = ClaimedAssertion::read(&text, &demand()).unwrap();
        assert_eq!((claimed.client(), claimed.id()), ("car-orders", "j7"));
        assert_eq!((claimed.exp(), claimed.is_legacy()), (NOW + 60, false));
        assert!(claimed.has_key_in(&client.set()));
        claimed.verify(&client.set(), &[Algorithm::Es256]).unwrap();
        let refused = claimed.verify(&client.set(), &[Algorithm::Rs256]);
        assert_eq!(refused, Err(AssertionFault::Algorithm));
    }
}

#[test]
fn rfc7523_3_every_claim_is_demanded() {
    let client = client("k1");
    let without = json!(null);
    for (name, value, expected) in [
        ("iss", without.clone(), Err(AssertionFault::Subject)),
        ("iss", json!("other"), Err(AssertionFault::Subject)),
        ("iss", json!(7), Err(AssertionFault::Subject)),
        ("sub", without.clone(), Err(AssertionFault::Subject)),
        ("sub", json!("other"), Err(AssertionFault::Subject)),
        ("jti", without.clone(), Err(AssertionFault::Id)),
        ("jti", json!(""), Err(AssertionFault::Id)),
        ("jti", json!(7), Err(AssertionFault::Id)),
        ("jti", json!("x".repeat(513)), Err(AssertionFault::Id)),
        ("exp", without.clone(), Err(AssertionFault::End)),
        ("exp", json!("1800000060"), Err(AssertionFault::End)),
        ("exp", json!(1_800_000_060.5), Err(AssertionFault::End)),
        ("exp", json!(NOW), Err(AssertionFault::Expired)),
        ("exp", json!(NOW - 1), Err(AssertionFault::Expired)),
        ("exp", json!(NOW + 1), Ok(false)),
        ("exp", json!(NOW + 630), Ok(false)),
        ("exp", json!(NOW + 631), Err(AssertionFault::TooLong)),
        ("exp", json!(i64::MAX), Err(AssertionFault::TooLong)),
        ("nbf", json!(NOW + 30), Ok(false)),
        ("nbf", json!(NOW + 31), Err(AssertionFault::NotYet)),
        ("iat", json!(NOW + 31), Err(AssertionFault::NotYet)),
        ("iat", json!(NOW - 100_000), Ok(false)),
        ("iat", without, Ok(false)),
        ("iat", json!("now"), Err(AssertionFault::Malformed("`nbf` or `iat` is no whole number"))),
    ] {
        let mut claims = claims();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
        assert_eq!(judge(&client, &header(), &claims), expected, "{name}: {value:.40}");
    }
}

#[test]
fn rfc10070_the_audience_is_the_issuer_and_nothing_else() {
    let client = client("k1");
    let refused = Err(AssertionFault::Audience);
    for (aud, expected) in [
        (json!(ISSUER), Ok(false)),
        (json!([ISSUER]), Ok(false)),
        // Told apart, so that it counts for those only who may.
        (json!(ENDPOINT), Ok(true)),
        (json!([ENDPOINT]), Ok(true)),
        (json!([ISSUER, ENDPOINT]), refused),
        (json!([ISSUER, "https://other.example"]), refused),
        (json!([ISSUER, ISSUER]), refused),
        (json!([[ISSUER]]), refused),
        (json!([]), refused),
        (json!("https://api.tires.example/"), refused),
        (json!("HTTPS://api.tires.example"), refused),
        (json!("https://other.example"), refused),
        (json!(""), refused),
        (json!(7), refused),
        (json!(null), refused),
        (json!({ "url": ISSUER }), refused),
    ] {
        let mut claims = claims();
        claims["aud"] = aud.clone();
        assert_eq!(judge(&client, &header(), &claims), expected, "{aud}");
    }
}

#[test]
fn fapi2_5_3_2_1_an_audience_in_a_list_is_none() {
    let client = client("k1");
    let demand = AssertionDemand { audience: AudienceForm::Text, ..demand() };
    for (aud, expected) in [
        (json!(ISSUER), None),
        (json!([ISSUER]), Some(AssertionFault::AudienceList)),
        (json!([ISSUER, "https://other.example"]), Some(AssertionFault::AudienceList)),
        (json!("https://other.example"), Some(AssertionFault::Audience)),
        (json!(null), Some(AssertionFault::Audience)),
    ] {
        let mut claims = claims();
        claims["aud"] = aud.clone();
        let text = client.sign(&header(), &claims);
        assert_eq!(ClaimedAssertion::read(&text, &demand).err(), expected, "{aud}");
    }
}

#[test]
fn rfc8725_the_header_chooses_neither_the_kind_of_key_nor_the_key() {
    let client = client("k1");
    for (name, value, expected) in [
        ("alg", json!("none"), Err(AssertionFault::Algorithm)),
        ("alg", json!("HS256"), Err(AssertionFault::Algorithm)),
        ("alg", json!("es256"), Err(AssertionFault::Algorithm)),
        ("alg", json!("RS256"), Err(AssertionFault::Algorithm)),
        ("alg", json!(7), Err(AssertionFault::Algorithm)),
        ("kid", json!("k2"), Err(AssertionFault::UnknownKey)),
        ("kid", json!(7), Err(AssertionFault::Malformed("its `kid` is not a text"))),
        ("typ", json!("client-authentication+jwt"), Ok(false)),
        ("typ", json!("application/client-authentication+JWT"), Ok(false)),
        ("typ", json!("at+jwt"), Err(AssertionFault::Type)),
        ("typ", json!("dpop+jwt"), Err(AssertionFault::Type)),
        ("typ", json!(7), Err(AssertionFault::Type)),
        (
            "crit",
            json!(["exp"]),
            Err(AssertionFault::Malformed("its header asks for an extension")),
        ),
        // What an assertion says of its own key is not looked at.
        ("jwk", json!({ "kty": "oct", "k": "AA" }), Ok(false)),
        ("jku", json!("https://evil.example/keys"), Ok(false)),
    ] {
        let mut header = header();
        header[name] = value.clone();
        assert_eq!(judge(&client, &header, &claims()), expected, "{name}: {value}");
    }
    let mut bare = header();
    bare.as_object_mut().unwrap().remove("typ");
    bare.as_object_mut().unwrap().remove("kid");
    assert_eq!(judge(&client, &bare, &claims()), Ok(false));
}

#[test]
fn anothers_signature_and_changed_claims_do_not_fit() {
    let (one, other) = (client("k1"), client("k1"));
    let text = one.sign(&header(), &claims());
    let claimed = ClaimedAssertion::read(&text, &demand()).unwrap();
    let judged = claimed.verify(&other.set(), &[Algorithm::Es256]);
    assert_eq!(judged, Err(AssertionFault::Signature));
    let mut changed = claims();
    changed["jti"] = "j2".into();
    let (_, signature) = text.rsplit_once('.').unwrap();
    let (header, claims) = (encode(header().to_string()), encode(changed.to_string()));
    for forged in [format!("{header}.{claims}.{signature}"), format!("{header}.{claims}.")] {
        let claimed = ClaimedAssertion::read(&forged, &demand()).unwrap();
        let judged = claimed.verify(&one.set(), &[Algorithm::Es256]);
        assert_eq!(judged, Err(AssertionFault::Signature), "{forged}");
    }
    for text in ["", "a.b", "a.b.c", "e30.e30.", &format!("{text}.{text}")] {
        let read = ClaimedAssertion::read(text, &demand());
        assert!(read.is_err(), "{text}");
    }
}

#[test]
fn two_keys_that_fit_need_a_name() {
    let (one, other) = (client("k1"), client("k2"));
    let set = json!({ "keys": [one.jwk, other.jwk] }).to_string();
    let set = KeySet::parse_public(set.as_bytes()).unwrap();
    let text = one.sign(&json!({ "alg": "ES256" }), &claims());
    let claimed = ClaimedAssertion::read(&text, &demand()).unwrap();
    assert!(claimed.has_key_in(&set));
    let judged = claimed.verify(&set, &[Algorithm::Es256]);
    assert_eq!(judged, Err(AssertionFault::AmbiguousKey));
    let text = one.sign(&header(), &claims());
    let claimed = ClaimedAssertion::read(&text, &demand()).unwrap();
    claimed.verify(&set, &[Algorithm::Es256]).unwrap();
}

#[test]
fn a_private_key_among_public_ones_refuses_the_set() {
    let client = client("k1");
    let mut private = client.jwk.clone();
    private["d"] = "AA".into();
    let symmetric = json!({ "kty": "oct", "k": "c2VjcmV0" });
    for keys in [json!([client.jwk, private]), json!([private]), json!([client.jwk, symmetric])] {
        let set = json!({ "keys": keys }).to_string();
        let refused = KeySet::parse_public(set.as_bytes()).unwrap_err();
        assert_eq!(refused, SetError::Private, "{set}");
        let refused = certificates_of(set.as_bytes()).unwrap_err();
        assert_eq!(refused, CertificatesError::Private, "{set}");
    }
    assert_eq!(KeySet::parse_public(b"{}").unwrap_err(), SetError::Form);
}

#[test]
fn rfc7517_4_7_the_first_certificate_of_a_key_is_its_own() {
    let der = b"not looked into";
    let x5c = STANDARD.encode(der);
    let set = json!({ "keys": [{ "kty": "EC", "x5c": [x5c, "AAAA"] }] }).to_string();
    let mut expected = [0; 32];
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
    expected.copy_from_slice(digest.as_ref());
    assert_eq!(certificates_of(set.as_bytes()), Ok(vec![expected]));
    for (set, error) in [
        (json!({}), CertificatesError::Form),
        (json!({ "keys": [] }), CertificatesError::None),
        (json!({ "keys": [{ "kty": "EC" }] }), CertificatesError::None),
        (json!({ "keys": [{ "x5c": [] }] }), CertificatesError::None),
        (json!({ "keys": [{ "x5c": ["!"] }] }), CertificatesError::None),
        (json!({ "keys": vec![json!({ "x5c": [x5c] }); 101] }), CertificatesError::TooMany),
    ] {
        assert_eq!(certificates_of(set.to_string().as_bytes()), Err(error), "{error}");
    }
}

proptest! {
    #[test]
    fn no_text_is_too_much(text in any::<String>()) {
        prop_assert!(ClaimedAssertion::read(&text, &demand()).is_err());
    }
}
