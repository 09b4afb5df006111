//! One table of bad tokens for both verifiers: what one refuses, the other does too. Where it
//! matters the signature is a good one over the bad text, as a careless issuer would make it.

use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsBigEndian as _, EcPublicKeyUncompressedBin};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use jwt::{
    Algorithm, Fault, ForeignDemand, Jwks, KeySet, Keys, SetError, SigningKey, TOKEN_BYTES_MAX,
    TokenType, verify, verify_foreign,
};
use proptest::prelude::any;
use proptest::sample::Index;
use serde_json::{Value, json};

use super::{NOW, demand};

/// The order of P-256's group (FIPS 186-4 §D.1.2.3).
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// Who signs anything at all, and the keys with which both verifiers judge it.
struct Smith {
    pair: EcdsaKeyPair,
    kid: String,
    jwk: Value,
    own: Keys,
    foreign: KeySet,
}

static SMITH: LazyLock<Smith> = LazyLock::new(Smith::new);

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Smith {
    fn new() -> Self {
        let private = SigningKey::generate().unwrap();
        let key = SigningKey::from_pkcs8(&private).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &private).unwrap();
        let jwk = serde_json::to_value(key.jwk()).unwrap();
        let own = Keys::new(&Jwks { keys: vec![key.jwk().clone()] }).unwrap();
        let foreign = KeySet::parse(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap();
        Self { pair, kid: key.jwk().kid.clone(), jwk, own, foreign }
    }

    fn signature(&self, signed: &str) -> Vec<u8> {
        self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap().as_ref().to_vec()
    }

    /// A well signed token of these texts.
    fn token(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        let signed = format!("{}.{}", encode(header), encode(payload));
        let signature = encode(self.signature(&signed));
        format!("{signed}.{signature}")
    }

    fn good(&self) -> String {
        self.token(header(""), claims(""))
    }

    /// What both say, our own verifier first.
    fn judged(&self, token: &str) -> [Result<(), Fault>; 2] {
        let own = demand();
        let audiences = [own.audience.to_owned()];
        let foreign = ForeignDemand {
            issuer: own.issuer,
            audiences: &audiences,
            algorithms: &[Algorithm::Es256],
            token_type: TokenType::AccessToken,
            client_claim: "client_id",
            scope_claim: None,
            now_s: own.now_s,
            leeway_s: own.leeway_s,
        };
        [
            verify(token, &self.own, &own).map(drop),
            verify_foreign(token, &self.foreign, &foreign).map(drop),
        ]
    }

    fn accepts(&self, token: &str) -> bool {
        self.judged(token).iter().any(Result::is_ok)
    }
}

/// A good header, with `more` members behind its own.
fn header(more: &str) -> String {
    format!(r#"{{"typ":"at+jwt","alg":"ES256","kid":"{}"{more}}}"#, SMITH.kid)
}

/// Good claims, with `more` members behind their own.
fn claims(more: &str) -> String {
    timed(&(NOW + 3600).to_string(), &NOW.to_string(), more)
}

/// Claims of these two times, written as they are.
fn timed(exp: &str, iat: &str, more: &str) -> String {
    format!(
        r#"{{"iss":"http://issuer.example","aud":"tires","sub":"car-orders","client_id":"car-orders","scope":"tires/create.order","exp":{exp},"iat":{iat},"auth_time":{NOW},"jti":"t1","token_use":"access","version":2{more}}}"#
    )
}

/// Both refuse it as no token at all.
fn check_malformed(token: &str, what: &str) {
    for answer in SMITH.judged(token) {
        assert!(matches!(answer, Err(Fault::Malformed(_))), "{what}: {answer:?}");
    }
}

fn check(token: &str, expected: Fault, what: &str) {
    assert_eq!(SMITH.judged(token), [Err(expected), Err(expected)], "{what}");
}

#[test]
fn both_verifiers_accept_the_token_that_every_row_spoils() {
    assert_eq!(SMITH.judged(&SMITH.good()), [Ok(()), Ok(())]);
}

#[test]
fn base64url_is_read_in_its_one_form() {
    let good = SMITH.good();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (head, payload) = signed.split_once('.').unwrap();
    // The trailing bits of 64 bytes: 86 characters, the last with four bits that mean nothing.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = alphabet.find(signature.chars().last().unwrap()).unwrap();
    let (stem, _) = signature.split_at(signature.len() - 1);
    for bits in 1..16 {
        let odd = alphabet.as_bytes()[last ^ bits];
        check_malformed(&format!("{signed}.{stem}{}", char::from(odd)), "trailing bits");
    }
    for stray in ["=", "==", " ", "\n", "\r\n", "\t", "+", "/", "%", "\0", "é", "\u{200b}"] {
        check_malformed(&format!("{head}{stray}.{payload}.{signature}"), stray);
        check_malformed(&format!("{head}.{payload}{stray}.{signature}"), stray);
        check_malformed(&format!("{signed}.{signature}{stray}"), stray);
        check_malformed(&format!("{stray}{signed}.{signature}"), stray);
        let (front, back) = signature.split_at(40);
        check_malformed(&format!("{signed}.{front}{stray}{back}"), stray);
    }
}

#[test]
fn a_good_signature_does_not_excuse_another_base64() {
    // Signed as sent: only the reader's strictness refuses it.
    let sign = |head: &str, payload: &str| {
        let signed = format!("{head}.{payload}");
        let signature = encode(SMITH.signature(&signed));
        format!("{signed}.{signature}")
    };
    let (plain, long) = (header(""), header(r#","x":"""#));
    // One of the two lengths is no multiple of three, whatever the key's name is.
    let odd = if plain.len().is_multiple_of(3) { long } else { plain };
    check_malformed(&sign(&URL_SAFE.encode(odd), &encode(claims(""))), "padding");
    // Bytes that stand as `-` and `_` in base64url.
    let odd = header(r#","x":"??????~~~~~~""#);
    let standard = STANDARD.encode(odd).replace('=', "");
    assert!(standard.contains(['+', '/']), "the row tries nothing");
    check_malformed(&sign(&standard, &encode(claims(""))), "the other alphabet");
    check_malformed(&sign(&format!("{}\n", encode(header(""))), &encode(claims(""))), "a line");
}

#[test]
fn a_token_has_three_parts_of_a_bounded_length() {
    let good = SMITH.good();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (head, payload) = signed.split_once('.').unwrap();
    for (token, what) in [
        (String::new(), "nothing"),
        (".".repeat(2), "three empty parts"),
        (signed.to_owned(), "no signature's part"),
        (format!("{good}."), "four parts"),
        (format!(".{good}"), "four parts"),
        (format!("{head}..{payload}.{signature}"), "four parts"),
        // RFC 7516 §3.1: an encrypted token has five.
        (format!("{head}.{payload}.{signature}.AA.AA"), "JWE"),
        // RFC 7515 §7.2: the JSON serialization.
        (
            json!({ "protected": head, "payload": payload, "signature": signature }).to_string(),
            "JSON serialization",
        ),
        (format!("Bearer {good}"), "with its scheme"),
        (format!("\"{good}\""), "quoted"),
    ] {
        check_malformed(&token, what);
    }
    // RFC 7515 appendix F: a payload that travels elsewhere; here it is an empty one.
    check(&format!("{head}..{signature}"), Fault::Signature, "detached payload");
    let padded =
        |bytes: usize| SMITH.token(header(""), claims(&format!(r#","x":"{}""#, "x".repeat(bytes))));
    let fits = padded(5_000);
    assert!(fits.len() <= TOKEN_BYTES_MAX && SMITH.judged(&fits) == [Ok(()), Ok(())]);
    check_malformed(&padded(6_000), "longer than is looked at");
    check_malformed(&padded(1_000_000), "very long");
}

#[test]
fn header_and_claims_are_one_json_object_each() {
    let texts = [
        "",
        " ",
        "null",
        "true",
        "1",
        "\"x\"",
        "[]",
        "[{}]",
        "{",
        "{}{}",
        "{} x",
        "{'a':1}",
        "{\"a\":1,}",
        "{a:1}",
        "\u{feff}{}",
        "{\"a\":NaN}",
        "{\"a\":Infinity}",
        "{\"a\":-}",
        "{\"a\":01}",
        "{\"a\":0x1}",
        "{\"a\":1e999}",
        "{\"a\":\"\u{1}\"}",
        "{\"a\":\"\\ud800\"}",
        "{/**/}",
        "{\"a\":1;}",
    ];
    for text in texts {
        check_malformed(&SMITH.token(text, claims("")), &format!("header {text}"));
        check_malformed(&SMITH.token(header(""), text), &format!("claims {text}"));
    }
    for bytes in [&b"{\"a\":\"\xff\"}"[..], b"\xff", b"\0"] {
        check_malformed(&SMITH.token(bytes, claims("")), "a header that is not UTF-8");
        check_malformed(&SMITH.token(header(""), bytes), "claims that are not UTF-8");
    }
    // A JWT inside (RFC 7519 §5.2): the payload is no object but a token.
    let nested = SMITH.token(header(r#","cty":"JWT""#), SMITH.good());
    check_malformed(&nested, "nested");
}

#[test]
fn json_is_read_to_a_bounded_depth() {
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(200), close.repeat(200));
    for text in [deep("[", "]"), deep("{\"a\":", "}"), "[".repeat(4000)] {
        let member = format!(r#","x":{text}"#);
        check_malformed(&SMITH.token(header(&member), claims("")), "a deep header");
        check_malformed(&SMITH.token(header(""), claims(&member)), "deep claims");
    }
}

#[test]
fn no_member_stands_twice_however_its_name_is_written() {
    // RFC 8725 §2.4; a name written with escapes is the same name (RFC 8259 §8.3).
    for twice in [
        r#","alg":"ES256""#,
        r#","\u0061lg":"none""#,
        r#","al\u0067":"ES256""#,
        r#","typ":"JWT""#,
        r#","kid":"x""#,
        r#","x":{"a":1,"a":1}"#,
        r#","x":[{"a":1,"\u0061":2}]"#,
    ] {
        check_malformed(&SMITH.token(header(twice), claims("")), twice);
    }
    for twice in [
        r#","exp":9999999999"#,
        r#","\u0065xp":9999999999"#,
        r#","aud":"cars""#,
        r#","\u0069\u0073\u0073":"http://issuer.example""#,
        r#","scope":"tires/cancel.order""#,
        r#","x":{"a":1,"a":1}"#,
    ] {
        check_malformed(&SMITH.token(header(""), claims(twice)), twice);
    }
}

#[test]
fn a_header_asks_for_no_extension_and_brings_no_key() {
    for more in [
        r#","crit":["b64"],"b64":false"#,
        r#","crit":[]"#,
        r#","crit":["exp"],"exp":1"#,
        r#","crit":null"#,
        r#","crit":"b64""#,
        r#","b64":true"#,
        r#","b64":false"#,
        r#","\u0063rit":["x"]"#,
    ] {
        check_malformed(&SMITH.token(header(more), claims("")), more);
    }
    // A stranger signs, and says where his key is.
    let stranger = Smith::new();
    let (jwk, kid) = (&stranger.jwk, &stranger.kid);
    for more in [
        format!(r#","jwk":{jwk}"#),
        r#","jku":"https://evil.example/jwks""#.to_owned(),
        r#","x5u":"https://evil.example/chain""#.to_owned(),
        r#","x5c":["AAAA"],"x5t":"AA","x5t#S256":"AA""#.to_owned(),
        format!(r#","jwk":{jwk},"jku":"http://127.0.0.1/","iss":"http://issuer.example""#),
    ] {
        let token = stranger.token(header(&more), claims(""));
        check(&token, Fault::Signature, &more);
        let own_name = format!(r#"{{"typ":"at+jwt","alg":"ES256","kid":"{kid}"{more}}}"#);
        check(&stranger.token(own_name, claims("")), Fault::UnknownKey, &more);
    }
}

#[test]
fn the_algorithm_is_the_keys_and_a_public_key_no_secret() {
    let with = |alg: &str| format!(r#"{{"typ":"at+jwt","alg":{alg},"kid":"{}"}}"#, SMITH.kid);
    for alg in [
        r#""none""#,
        r#""None""#,
        r#""NONE""#,
        r#""nOnE""#,
        r#""""#,
        r#""HS256""#,
        r#""es256""#,
        r#""ES256 ""#,
        r#""ES384""#,
        r#""ES512""#,
        r#""ES256K""#,
        r#""RS256""#,
        r#""PS256""#,
        r#""EdDSA""#,
        r#""dir""#,
        r#""ECDH-ES""#,
        "null",
        "1",
        "true",
        "[\"ES256\"]",
        "{}",
    ] {
        let token = SMITH.token(with(alg), claims(""));
        check(&token, Fault::Algorithm, alg);
        let (signed, _) = token.rsplit_once('.').unwrap();
        check(&format!("{signed}."), Fault::Algorithm, alg);
    }
    let coordinates = ["x", "y"].map(|name| SMITH.jwk[name].as_str().unwrap());
    let mut point = vec![4];
    for text in coordinates {
        point.extend(URL_SAFE_NO_PAD.decode(text).unwrap());
    }
    let of_library: EcPublicKeyUncompressedBin<'_> = SMITH.pair.public_key().as_be_bytes().unwrap();
    let of_library: &[u8] = of_library.as_ref();
    assert_eq!(point, of_library, "the secret that an attacker would take");
    let text = SMITH.jwk.to_string();
    for secret in [&point[..], &point[1..], text.as_bytes(), SMITH.kid.as_bytes(), b""] {
        let signed = format!("{}.{}", encode(with(r#""HS256""#)), encode(claims("")));
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let tag = encode(hmac::sign(&key, signed.as_bytes()));
        check(&format!("{signed}.{tag}"), Fault::Algorithm, "HS256 with a public key");
        // The same tag where the header says what the key is.
        let signed = format!("{}.{}", encode(header("")), encode(claims("")));
        let tag = encode(hmac::sign(&key, signed.as_bytes()));
        check(&format!("{signed}.{tag}"), Fault::Signature, "an HMAC as ES256");
    }
}

#[test]
fn an_access_token_says_that_it_is_one() {
    let with = |typ: &str| format!(r#"{{"alg":"ES256","kid":"{}"{typ}}}"#, SMITH.kid);
    for typ in [
        "",
        r#","typ":"JWT""#,
        r#","typ":"at+jwt ""#,
        r#","typ":"dpop+jwt""#,
        r#","typ":null"#,
        r#","typ":["at+jwt"]"#,
        r#","typ":"application/application/at+jwt""#,
        r#","typ":"""#,
        r#","typ":"text/at+jwt""#,
    ] {
        check(&SMITH.token(with(typ), claims("")), Fault::Type, typ);
    }
}

/// A signature as DER has it (RFC 3279 §2.2.3), which JOSE does not use.
fn der(signature: &[u8]) -> Vec<u8> {
    let integer = |half: &[u8]| {
        let zeros = half.iter().take_while(|byte| **byte == 0).count();
        let mut bytes = half[zeros..].to_vec();
        if bytes.first().is_none_or(|first| *first >= 0x80) {
            bytes.insert(0, 0);
        }
        [vec![2, u8::try_from(bytes.len()).unwrap()], bytes].concat()
    };
    let body = [integer(&signature[..32]), integer(&signature[32..])].concat();
    [vec![0x30, u8::try_from(body.len()).unwrap()], body].concat()
}

#[test]
fn a_signature_is_two_numbers_of_the_curve_and_nothing_else() {
    let signed = format!("{}.{}", encode(header("")), encode(claims("")));
    let good = SMITH.signature(&signed);
    let (r, s) = good.split_at(32);
    let (zero, max) = ([0_u8; 32], [0xff_u8; 32]);
    let mut one = zero;
    one[31] = 1;
    let rows: [(&str, Vec<u8>); 20] = [
        ("nothing", vec![]),
        ("one byte", vec![0]),
        ("r = s = 0", [zero, zero].concat()),
        ("r = 0", [&zero[..], s].concat()),
        ("s = 0", [r, &zero[..]].concat()),
        ("r = s = 1", [one, one].concat()),
        ("r = n", [&ORDER[..], s].concat()),
        ("s = n", [r, &ORDER[..]].concat()),
        ("r = s = n", [ORDER, ORDER].concat()),
        ("all bits", [max, max].concat()),
        ("a byte too short", good[..63].to_vec()),
        ("half", r.to_vec()),
        ("a zero before", [&[0_u8][..], &good[..]].concat()),
        ("a zero behind", [&good[..], &[0_u8]].concat()),
        ("twice", [&good[..], &good[..]].concat()),
        ("padded to P-384", [&[0_u8; 16][..], r, &[0_u8; 16][..], s].concat()),
        ("swapped", [s, r].concat()),
        ("DER", der(&good)),
        ("DER of zeros", der(&[0; 64])),
        ("very long", vec![1; 4096]),
    ];
    for (what, signature) in rows {
        check(&format!("{signed}.{}", encode(signature)), Fault::Signature, what);
    }
    assert_eq!(SMITH.judged(&format!("{signed}.{}", encode(&good))), [Ok(()), Ok(())]);
}

#[test]
fn a_mirrored_signature_is_another_text_of_the_same_token() {
    // ECDSA takes s and n - s alike, and JOSE does not forbid it. Nothing may therefore be refused,
    // or counted as used, by the text of a token: that is what `jti` is for.
    let signed = format!("{}.{}", encode(header("")), encode(claims("")));
    let good = SMITH.signature(&signed);
    let mut mirrored = good.clone();
    let mut borrow = 0;
    for at in (0..32).rev() {
        let difference = i32::from(ORDER[at]) - i32::from(good[32 + at]) - borrow;
        borrow = i32::from(difference < 0);
        mirrored[32 + at] = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    assert_ne!(mirrored, good);
    assert_eq!(SMITH.judged(&format!("{signed}.{}", encode(mirrored))), [Ok(()), Ok(())]);
}

#[test]
fn times_are_whole_numbers_and_not_of_the_future() {
    let hour = (NOW + 3600).to_string();
    let judged = |exp: &str, iat: &str| SMITH.judged(&SMITH.token(header(""), timed(exp, iat, "")));
    let now = NOW.to_string();
    for odd in [
        format!("\"{hour}\""),
        format!("{hour}.0"),
        format!("{hour}.5"),
        "1.8e9".to_owned(),
        "1e300".to_owned(),
        "18446744073709551615".to_owned(),
        "99999999999999999999999999".to_owned(),
        "null".to_owned(),
        "true".to_owned(),
        "[]".to_owned(),
        format!("[{hour}]"),
        format!("{{\"a\":{hour}}}"),
    ] {
        assert_eq!(judged(&odd, &now), [Err(Fault::Claims), Err(Fault::Claims)], "exp {odd}");
        assert_eq!(judged(&hour, &odd), [Err(Fault::Claims), Err(Fault::Claims)], "iat {odd}");
    }
    for word in ["NaN", "Infinity", "-Infinity", "1e999", "+1", "0x7fffffff", ".5"] {
        check_malformed(&SMITH.token(header(""), timed(word, &now, "")), word);
        check_malformed(&SMITH.token(header(""), timed(&hour, word, "")), word);
    }
    for past in [NOW, NOW - 1, 0, -1, i64::MIN] {
        let expired = Err(Fault::Expired { since_s: past });
        assert_eq!(judged(&past.to_string(), &now), [expired, expired], "exp {past}");
    }
    for future in [NOW + 1, NOW + 86_400, i64::MAX] {
        let (never, future) = (i64::MAX.to_string(), future.to_string());
        assert_eq!(judged(&never, &future), [Err(Fault::NotYet), Err(Fault::NotYet)], "{future}");
    }
}

#[test]
fn keys_that_are_no_points_of_the_curve_are_none() {
    let jwk = |x: &str, y: &str| {
        let mut jwk = SMITH.jwk.clone();
        jwk["x"] = x.into();
        jwk["y"] = y.into();
        jwk
    };
    let (x, y) = (SMITH.jwk["x"].as_str().unwrap(), SMITH.jwk["y"].as_str().unwrap());
    let mut beside = URL_SAFE_NO_PAD.decode(y).unwrap();
    beside[31] ^= 1;
    let zeros = encode([0; 32]);
    for (what, bad) in [
        ("beside the curve", jwk(x, &encode(&beside))),
        ("swapped", jwk(y, x)),
        ("the origin", jwk(&zeros, &zeros)),
        ("beyond the field", jwk(&encode([0xff; 32]), y)),
        ("no x", jwk("", y)),
        ("no y", jwk(x, "")),
        ("short", jwk(&encode([1; 31]), y)),
        ("long", jwk(&encode([0; 33]), y)),
        ("padded", jwk(&format!("{x}="), y)),
        ("in a compressed form", jwk(&encode([&[2_u8][..], &beside[..]].concat()), "")),
    ] {
        let own: Jwks = serde_json::from_value(json!({ "keys": [bad] })).unwrap();
        assert!(Keys::new(&own).is_err(), "{what}");
        let text = json!({ "keys": [bad] }).to_string();
        assert_eq!(KeySet::parse(text.as_bytes()).unwrap_err(), SetError::Empty, "{what}");
    }
}

#[test]
fn no_position_of_a_token_may_change() {
    let token = SMITH.good();
    for at in 0..token.len() {
        for byte in [b'A', b'Q', b'_', b'=', b'.', b' ', b'+', token.as_bytes()[at] ^ 1] {
            let mut altered = token.clone().into_bytes();
            if byte == altered[at] {
                continue;
            }
            altered[at] = byte;
            let altered = String::from_utf8(altered).unwrap();
            assert!(!SMITH.accepts(&altered), "{byte} at {at}: {altered}");
        }
    }
    for at in 1..token.len() {
        let (front, back) = token.split_at(at);
        let longer = format!("{front}A{back}");
        for altered in [front, back, longer.as_str()] {
            assert!(!SMITH.accepts(altered), "at {at}: {altered}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn any_single_byte_changed_is_refused(at in any::<Index>(), byte in 0_u8..128) {
        let mut token = SMITH.good().into_bytes();
        let at = at.index(token.len());
        proptest::prop_assume!(token[at] != byte);
        token[at] = byte;
        let token = String::from_utf8(token).unwrap();
        proptest::prop_assert!(!SMITH.accepts(&token), "{}", token);
    }

    #[test]
    fn any_bit_of_the_signature_counts(bit in 0_usize..512) {
        let token = SMITH.good();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        signature[bit / 8] ^= 1 << (bit % 8);
        let token = format!("{signed}.{}", encode(signature));
        proptest::prop_assert!(!SMITH.accepts(&token));
    }

    #[test]
    fn any_parts_well_signed_are_judged_without_panic(header in ".{0,60}", payload in ".{0,60}") {
        proptest::prop_assert!(!SMITH.accepts(&SMITH.token(header, payload)));
    }

    #[test]
    fn any_claim_added_is_judged_without_panic(name in "[a-z]{1,9}", value in ".{0,40}") {
        let more = format!(",{}:{}", json!(name), json!(value));
        let _answers = SMITH.judged(&SMITH.token(header(""), claims(&more)));
    }
}
