//! What is signed and what is accepted, as tables; the expected signatures were worked out with
//! Python's `hmac` and `cryptography`.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use signature::{
    InvalidKey, InvalidSecret, Jwk, Key, PublicKey, Secret, SignatureHeaders, Signer, SigningKey,
    TOLERANCE_S, VerifyError, VerifyingKey, mint_secret, sign, verify,
};

const NOW: i64 = 1_800_000_000;

/// Secrets of 24, 32 and 64 bytes.
const SECRETS: [&str; 3] = [
    "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX",
    "whsec_ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoM=",
    "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==",
];

/// The seed 01 02 … 20.
fn key() -> SigningKey {
    SigningKey::from_seed(&std::array::from_fn(|at| u8::try_from(at + 1).unwrap())).unwrap()
}

fn secret(at: usize) -> Secret {
    Secret::parse(SECRETS[at]).unwrap()
}

fn without_end(key: Key<'_>) -> Signer<'_> {
    Signer { key, not_after_s: None }
}

#[test]
fn signatures_are_those_that_python_makes() {
    let check = |(id, timestamp_s, body): (&str, i64, &str), hmacs: [&str; 3], ed25519: &str| {
        for (at, expected) in hmacs.into_iter().enumerate() {
            let secret = secret(at);
            let signers = [without_end(Key::Hmac(&secret))];
            let signed = sign(id, timestamp_s, body.as_bytes(), &signers).unwrap();
            assert_eq!(signed.signature, expected, "{id}, secret {at}");
        }
        let key = key();
        let signers = [without_end(Key::Ed25519(&key))];
        let signed = sign(id, timestamp_s, body.as_bytes(), &signers).unwrap();
        let expected = SignatureHeaders {
            id: id.to_owned(),
            timestamp: timestamp_s.to_string(),
            signature: ed25519.to_owned(),
        };
        assert_eq!(signed, expected);
    };
    check(
        ("dlv_1_01a202c9", NOW, r#"{"id":"A-7"}"#),
        [
            "v1,1s53OoTQHHaj0esv+brMsX8qC4IpQGYuflTB6EVMJL8=",
            "v1,UN68cLNnsJj55ll6TgSr3fUIKHoZ95+ElFQg6QCblZk=",
            "v1,Oxek6qLJbm8ltS4zeSaNNktXZzEKS/rHlNVK7leW8cg=",
        ],
        "v1a,R8BPpeOagzuOMWOXdlGMzSGEfJMu8fpcx9UNPatGJQKdGoncuISMpdKlIP18CrY9pFvDRaIbfy0+4czZll8QDQ==",
    );
    check(
        ("m", 0, ""),
        [
            "v1,4ZYR0NdAafrU7ATmDeF39znwODA2WDBlpheJt3Ckank=",
            "v1,3oqe6+i48f/YhV5tHTXAgBAp8Ly8Z8nehrhcBNXfckQ=",
            "v1,f52fS8MMI3AaLVODCkYqKAwHsLlcHsHtmqpPYSFUypg=",
        ],
        "v1a,zDf6gr3qh4yZB4qOjcyd9B9B7TwxjVtyCrACPimTOnr18K8IlIjb/QK4AY2G2ICcvBf0QMeBnNopN0vE+DBHCQ==",
    );
    check(
        ("dlv_7_x", 1_700_000_001, "{\"größe\":\"ü\"}\n"),
        [
            "v1,2N3GK/Ocg82NB/voRFOpaASHaGaIShEGgfT3a6W6quI=",
            "v1,L73eH3InUnry5QpTnNqI7ozReQl8/aSqFNEPWlJHJKM=",
            "v1,W8Mrw+5Z8SI72Uqyas4jt6J7RSoVy1wuqbfqDTy3qgY=",
        ],
        "v1a,aBmMFDDf5MxSM2Q1ftogLAIkrZV0WJ7SdsBA6QcGh0N98H7wpH2MwpGXdjvOVacNy/1JDXNZk/rUNdqECwBABQ==",
    );
}

#[test]
fn secrets_are_whsec_and_24_to_64_bytes() {
    let check = |text: &str, expected: Result<(), InvalidSecret>| {
        assert_eq!(Secret::parse(text).map(drop), expected, "{text}");
    };
    let of = |count: usize| format!("whsec_{}", STANDARD.encode(vec![7; count]));
    check(&of(24), Ok(()));
    check(&of(64), Ok(()));
    check(&of(23), Err(InvalidSecret::Length(23)));
    check(&of(65), Err(InvalidSecret::Length(65)));
    check("whsec_", Err(InvalidSecret::Length(0)));
    check("", Err(InvalidSecret::Prefix));
    check(of(24).trim_start_matches("whsec_"), Err(InvalidSecret::Prefix));
    check("WHSEC_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX", Err(InvalidSecret::Prefix));
    check(&format!("{} ", of(24)), Err(InvalidSecret::Base64));
    // The official libraries do not read base64 without its padding, nor base64url.
    check(of(32).trim_end_matches('='), Err(InvalidSecret::Base64));
    check("whsec_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_", Err(InvalidSecret::Base64));
    assert_eq!(format!("{:?}", secret(0)), "Secret(…)");
}

#[test]
fn a_minted_secret_is_a_secret() {
    let minted = mint_secret(&std::array::from_fn(|at| u8::try_from(at + 100).unwrap()));
    assert_eq!(minted.as_str(), SECRETS[1]);
    assert!(Secret::parse(&minted).is_ok());
}

#[test]
fn public_keys_are_whpk_or_a_jwk() {
    let key = key();
    let text = key.public().to_string();
    assert_eq!(text, "whpk_ebVWLo/mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ=");
    let jwk = key.public().jwk();
    assert_eq!(
        serde_json::to_value(&jwk).unwrap(),
        serde_json::json!({
            "kid": "WWpn_pfHui9YKR4CZtQsDGMu7_Gch2zYChfSvnxgtPk",
            "kty": "OKP",
            "crv": "Ed25519",
            "x": "ebVWLo_mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ",
            "use": "sig",
            "alg": "EdDSA",
        })
    );
    assert_eq!(PublicKey::parse(&text).unwrap().jwk(), jwk);
    assert_eq!(jwk.public_key().unwrap().to_string(), text);
    // What is printed for people to find the key shows the public half alone.
    assert!(format!("{key:?}").contains("whpk_"));
    for text in ["", "whpk_", "whpk_AAAA", "whsk_ebVWLo/mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ="] {
        assert_eq!(PublicKey::parse(text).map(drop), Err(InvalidKey::Public), "{text}");
    }
    for (from, to) in [("OKP", "EC"), ("Ed25519", "X25519"), ("ebVW", "ebV"), ("ebVW", "=bVW")] {
        let text = serde_json::to_string(&jwk).unwrap().replacen(from, to, 1);
        let other: Jwk = serde_json::from_str(&text).unwrap();
        assert_eq!(other.public_key().map(drop), Err(InvalidKey::Public), "{text}");
    }
}

/// RFC 8037 appendices A.1 to A.3.
#[test]
fn rfc8037_the_thumbprint_is_the_standards_own() {
    let seed = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
    let key = SigningKey::from_seed(&seed.try_into().unwrap()).unwrap();
    let jwk = serde_json::to_value(key.public().jwk()).unwrap();
    assert_eq!(jwk["x"], "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    assert_eq!(jwk["kid"], "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn during_a_rotation_all_in_force_sign_and_then_the_new_one_alone() {
    let (new, old, pair) = (secret(1), secret(0), key());
    let signers = [
        without_end(Key::Hmac(&new)),
        Signer { key: Key::Hmac(&old), not_after_s: Some(NOW) },
        Signer { key: Key::Ed25519(&pair), not_after_s: Some(NOW + 1) },
    ];
    let check = |now_s: i64, versions: &[&str], accepted: [bool; 3]| {
        let signed = sign("m", now_s, b"x", &signers).unwrap();
        let found: Vec<_> =
            signed.signature.split(' ').map(|one| one.split_once(',').unwrap().0).collect();
        assert_eq!(found, versions, "at {now_s}");
        let keys = [
            VerifyingKey::Hmac(&new),
            VerifyingKey::Hmac(&old),
            VerifyingKey::Ed25519(pair.public()),
        ];
        for (key, accepted) in keys.into_iter().zip(accepted) {
            let verified = verify(&signed, b"x", now_s, TOLERANCE_S, &[key]);
            assert_eq!(verified.is_ok(), accepted, "{key:?} at {now_s}");
        }
    };
    check(NOW, &["v1", "v1", "v1a"], [true, true, true]);
    check(NOW + 1, &["v1", "v1a"], [true, false, true]);
    check(NOW + 2, &["v1"], [true, false, false]);
    assert_eq!(sign("m", NOW + 2, b"x", &signers[1..]), None);
    assert_eq!(sign("m", NOW, b"x", &[]), None);
}

/// What a receiver says at `now_s` to a message signed at [`NOW`] whose headers were changed.
fn check_changed(
    now_s: i64,
    expected: Result<(), VerifyError>,
    change: impl Fn(&mut SignatureHeaders),
) {
    let secret = secret(0);
    let mut headers = sign("m", NOW, b"body", &[without_end(Key::Hmac(&secret))]).unwrap();
    change(&mut headers);
    let verified = verify(&headers, b"body", now_s, TOLERANCE_S, &[VerifyingKey::Hmac(&secret)]);
    assert_eq!(verified, expected, "{headers:?} at {now_s}");
}

#[test]
fn a_message_is_good_for_five_minutes() {
    for (now_s, expected) in [
        (NOW, Ok(())),
        (NOW + 300, Ok(())),
        (NOW + 301, Err(VerifyError::TooOld)),
        (NOW - 300, Ok(())),
        (NOW - 301, Err(VerifyError::TooNew)),
        (i64::MAX, Err(VerifyError::TooOld)),
    ] {
        check_changed(now_s, expected, |_| {});
    }
    for text in ["x", "-5", "+1800000000", " 1800000000", "99999999999999999999", "1.8e9", ""] {
        check_changed(NOW, Err(VerifyError::Timestamp), |h| text.clone_into(&mut h.timestamp));
    }
    let later = (NOW + 1).to_string();
    check_changed(NOW, Err(VerifyError::Signature), |h| later.clone_into(&mut h.timestamp));
}

#[test]
fn a_receiver_refuses_by_name() {
    check_changed(NOW, Err(VerifyError::Id), |h| h.id.clear());
    check_changed(NOW, Err(VerifyError::Id), |h| h.id.push_str(".1"));
    check_changed(NOW, Err(VerifyError::Signature), |h| h.id.push('x'));
    for text in ["", "v1", "v1,not base64", "v2,AAAA", ","] {
        check_changed(NOW, Err(VerifyError::Unsigned), |h| text.clone_into(&mut h.signature));
    }
    for text in ["v1,", "v1,AAAA", "v1a,AAAA", "v1,AAAA v1a,AAAA"] {
        check_changed(NOW, Err(VerifyError::Signature), |h| text.clone_into(&mut h.signature));
    }
    // One that fits is enough, wherever it stands among a reasonable number.
    check_changed(NOW, Ok(()), |h| {
        h.signature = format!("v2,AAAA v1,AAAA {} v1a,AAAA", h.signature);
    });
    check_changed(NOW, Err(VerifyError::Signature), |h| {
        h.signature = format!("{}{}", "v1,AAAA ".repeat(16), h.signature);
    });
    // A signature of one kind is none of the other.
    check_changed(NOW, Err(VerifyError::Signature), |h| {
        h.signature = h.signature.replace("v1,", "v1a,");
    });
}

/// Without the rule on ids, the signature of one message would fit the other.
#[test]
fn a_message_cannot_be_parted_in_another_place() {
    let secret = secret(0);
    let keys = [VerifyingKey::Hmac(&secret)];
    let body = format!("{NOW}.b");
    let signed = sign("a", NOW, body.as_bytes(), &[without_end(Key::Hmac(&secret))]).unwrap();
    assert_eq!(verify(&signed, body.as_bytes(), NOW, TOLERANCE_S, &keys), Ok(()));
    let moved = SignatureHeaders { id: format!("a.{NOW}"), ..signed };
    assert_eq!(verify(&moved, b"b", NOW, TOLERANCE_S, &keys), Err(VerifyError::Id));
}

proptest::proptest! {
    #[test]
    fn what_is_signed_verifies_and_nothing_else(
        id in "[A-Za-z0-9_-]{1,40}",
        body in proptest::collection::vec(0_u8.., 0..200),
        other_body in proptest::collection::vec(0_u8.., 0..200),
        other_id in "[A-Za-z0-9_-]{1,40}",
        shift_s in 1_i64..300,
        at in proptest::prelude::any::<proptest::sample::Index>(),
        letter in "[A-Za-z0-9+/]",
    ) {
        let (secret, pair) = (secret(2), key());
        let cases = [
            (Key::Hmac(&secret), VerifyingKey::Hmac(&secret)),
            (Key::Ed25519(&pair), VerifyingKey::Ed25519(pair.public())),
        ];
        for (signer, verifier) in cases {
            let signed = sign(&id, NOW, &body, &[without_end(signer)]).unwrap();
            let accepts = |headers: &SignatureHeaders, body: &[u8]| {
                verify(headers, body, NOW, TOLERANCE_S, &[verifier]).is_ok()
            };
            proptest::prop_assert!(accepts(&signed, &body));
            proptest::prop_assert_eq!(accepts(&signed, &other_body), other_body == body);
            let headers = SignatureHeaders { id: other_id.clone(), ..signed.clone() };
            proptest::prop_assert_eq!(accepts(&headers, &body), other_id == id);
            let timestamp = (NOW + shift_s).to_string();
            let headers = SignatureHeaders { timestamp, ..signed.clone() };
            proptest::prop_assert!(!accepts(&headers, &body));
            let mut signature = signed.signature.clone();
            let at = at.index(signature.len());
            signature.replace_range(at..=at, &letter);
            let same = signature == signed.signature;
            let headers = SignatureHeaders { signature, ..signed };
            proptest::prop_assert_eq!(accepts(&headers, &body), same);
        }
    }

    #[test]
    fn any_headers_are_judged_without_panic(id in ".{0,20}", timestamp in ".{0,20}", signature in ".{0,120}") {
        let headers = SignatureHeaders { id, timestamp, signature };
        let secret = secret(0);
        let keys = [VerifyingKey::Hmac(&secret)];
        proptest::prop_assert!(verify(&headers, b"", NOW, TOLERANCE_S, &keys).is_err());
    }
}
