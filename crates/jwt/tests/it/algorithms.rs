//! What our own tokens may be signed with: each verifies, by its own key and no other.

use jwt::{Algorithm, Fault, Jwks, KeyError, KeySet, Keys, SigningKey, sign, verify};
use serde_json::Value;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{claims, demand};

fn key(algorithm: Algorithm) -> SigningKey {
    SigningKey::read(algorithm, &SigningKey::generate_for(algorithm).unwrap()).unwrap()
}

fn set(key: &SigningKey) -> Jwks {
    Jwks { keys: vec![key.jwk().clone()] }
}

#[test]
fn every_algorithm_signs_what_its_published_key_verifies() {
    for algorithm in Algorithm::SIGNING {
        let key = key(algorithm);
        let token = sign(&claims(), &key);
        let keys = Keys::new(&set(&key)).unwrap();
        assert_eq!(verify(&token, &keys, &demand()).unwrap(), claims());
        let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        assert_eq!(header["alg"], algorithm.as_str());
        assert_eq!(header["kid"], *key.jwk().kid);
        // The same for a reader that takes the set from the wire.
        let text = serde_json::to_string(&set(&key)).unwrap();
        assert_eq!(KeySet::parse(text.as_bytes()).unwrap().count(), 1);
        let read: Jwks = serde_json::from_str(&text).unwrap();
        assert!(verify(&token, &Keys::new(&read).unwrap(), &demand()).is_ok());
        // Another key of the same algorithm is another key.
        let other = self::key(algorithm);
        let strange = verify(&sign(&claims(), &other), &keys, &demand());
        assert_eq!(strange, Err(Fault::UnknownKey));
    }
}

#[test]
fn published_keys_say_what_they_are_for_and_nothing_private() {
    for (algorithm, members) in [
        (Algorithm::Es256, vec!["alg", "crv", "kid", "kty", "use", "x", "y"]),
        (Algorithm::EdDsa, vec!["alg", "crv", "kid", "kty", "use", "x"]),
        (Algorithm::Rs256, vec!["alg", "e", "kid", "kty", "n", "use"]),
        (Algorithm::Ps256, vec!["alg", "e", "kid", "kty", "n", "use"]),
    ] {
        let key = key(algorithm);
        let jwk = serde_json::to_value(key.jwk()).unwrap();
        let mut names: Vec<_> = jwk.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, members);
        assert_eq!((&jwk["use"], &jwk["alg"]), (&"sig".into(), &algorithm.as_str().into()));
        assert_eq!(key.jwk().algorithm(), Some(algorithm));
        assert!(!format!("{key:?}").contains("pair"));
        if let Some(n) = jwk["n"].as_str() {
            assert_eq!(URL_SAFE_NO_PAD.decode(n).unwrap().len(), 256);
            assert_eq!(jwk["e"], "AQAB");
        }
    }
}

#[test]
fn the_thumbprint_is_that_of_rfc_7638_and_8037() {
    // RFC 7638 §3.1 and RFC 8037 §A.3: what is digested, of the keys given there.
    let of = |jwk: &Value, members: &[&str]| {
        let parts = members.iter().map(|name| format!("\"{name}\":{}", jwk[*name]));
        jwt::text_digest(&format!("{{{}}}", parts.collect::<Vec<_>>().join(",")))
    };
    for (algorithm, members) in [
        (Algorithm::Es256, &["crv", "kty", "x", "y"][..]),
        (Algorithm::EdDsa, &["crv", "kty", "x"][..]),
        (Algorithm::Rs256, &["e", "kty", "n"][..]),
    ] {
        let key = key(algorithm);
        let jwk = serde_json::to_value(key.jwk()).unwrap();
        assert_eq!(of(&jwk, members), key.jwk().kid);
    }
    let okp = serde_json::json!({
        "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    });
    let thumbprint = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
    assert_eq!(of(&okp, &["crv", "kty", "x"]), thumbprint);
}

#[test]
fn both_names_of_ed25519_are_accepted() {
    let pair = aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap();
    let der = pair.to_pkcs8().unwrap();
    let key = SigningKey::read(Algorithm::EdDsa, der.as_ref()).unwrap();
    let keys = Keys::new(&set(&key)).unwrap();
    let payload = URL_SAFE_NO_PAD.encode(serde_json::to_string(&claims()).unwrap());
    for (alg, expected) in [
        ("EdDSA", Ok(())),
        ("Ed25519", Ok(())),
        ("ed25519", Err(Fault::Algorithm)),
        ("Ed448", Err(Fault::Algorithm)),
        ("ES256", Err(Fault::Algorithm)),
    ] {
        let kid = &key.jwk().kid;
        let header = format!(r#"{{"typ":"at+jwt","alg":"{alg}","kid":"{kid}"}}"#);
        let signed = format!("{}.{payload}", URL_SAFE_NO_PAD.encode(header));
        let signature = URL_SAFE_NO_PAD.encode(pair.sign(signed.as_bytes()));
        let token = format!("{signed}.{signature}");
        assert_eq!(verify(&token, &keys, &demand()).map(drop), expected, "{alg}");
    }
}

#[test]
fn keys_of_one_algorithm_are_none_of_another() {
    let (ec, ed) = (Algorithm::Es256, Algorithm::EdDsa);
    let bytes = SigningKey::generate_for(ec).unwrap();
    for algorithm in [ed, Algorithm::Rs256, Algorithm::Ps256] {
        assert_eq!(SigningKey::read(algorithm, &bytes).unwrap_err(), KeyError::Private);
    }
    for algorithm in [Algorithm::Es384, Algorithm::Rs384, Algorithm::Rs512] {
        assert_eq!(SigningKey::generate_for(algorithm).unwrap_err(), KeyError::Unoffered);
        assert_eq!(SigningKey::read(algorithm, &bytes).unwrap_err(), KeyError::Unoffered);
    }
    // An RSA key for one padding does not verify the other.
    let (rs, ps) = (key(Algorithm::Rs256), key(Algorithm::Ps256));
    let keys = Keys::new(&Jwks { keys: vec![rs.jwk().clone(), ps.jwk().clone()] }).unwrap();
    for key in [&rs, &ps] {
        assert!(verify(&sign(&claims(), key), &keys, &demand()).is_ok());
    }
    let token = sign(&claims(), &rs).replacen(
        &URL_SAFE_NO_PAD
            .encode(format!(r#"{{"typ":"at+jwt","alg":"RS256","kid":"{}"}}"#, rs.jwk().kid)),
        &URL_SAFE_NO_PAD
            .encode(format!(r#"{{"typ":"at+jwt","alg":"PS256","kid":"{}"}}"#, rs.jwk().kid)),
        1,
    );
    assert_eq!(verify(&token, &keys, &demand()), Err(Fault::Algorithm));
}
