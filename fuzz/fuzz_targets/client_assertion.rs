//! Any bytes as an assertion by which a client proves itself: whole, and as the claims or the header
//! of one that is signed. No panic, nothing is read that the rules forbid, and only the client's key
//! proves anything. `README.md` says how to run it.

#![no_main]

mod signer;

use std::slice;
use std::sync::LazyLock;

use jwt::{
    ASSERTION_LIFETIME_MAX_S, Algorithm, AssertionDemand, AudienceForm, ClaimedAssertion, KeySet,
};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

use signer::{Signer, changed, part};

const ISSUER: &str = "http://issuer.example";
const ENDPOINT: &str = "http://issuer.example/oauth2/token";
const NOW_S: i64 = 1_800_000_000;
const LEEWAY_S: i64 = 30;
/// The longest name of an assertion, in bytes.
const ID_BYTES_MAX: usize = 512;

struct Client {
    signer: Signer,
    keys: KeySet,
}

/// The client that signs, and one whose key it has not.
static CLIENT: LazyLock<Client> = LazyLock::new(Client::new);
static OTHER: LazyLock<Client> = LazyLock::new(Client::new);

impl Client {
    fn new() -> Self {
        let signer = Signer::new();
        // Without a name it is the only key that fits a header without one.
        let set = json!({ "keys": [signer.jwk] }).to_string();
        let keys = KeySet::parse(set.as_bytes()).expect("its public half is a key");
        Self { signer, keys }
    }
}

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    for claimed in claimed(&text) {
        let proven = claimed.verify(&CLIENT.keys, &Algorithm::SIGNING);
        assert!(proven.is_err(), "what nobody signed proves somebody");
    }
    let header = json!({ "alg": "ES256" });
    let claims = json!({
        "iss": "cars", "sub": "cars", "aud": ISSUER, "exp": NOW_S + 60, "jti": "1",
    });
    let (as_header, as_claims) = (changed(header.clone(), data), changed(claims.clone(), data));
    let (header, claims) = (header.to_string(), claims.to_string());
    signed(header.as_bytes(), data);
    signed(header.as_bytes(), &as_claims);
    signed(&as_header, claims.as_bytes());
});

/// The same signed by the client.
fn signed(header: &[u8], claims: &[u8]) {
    let text = CLIENT.signer.sign(header, claims);
    for claimed in claimed(&text) {
        let proven = claimed.verify(&OTHER.keys, &Algorithm::SIGNING);
        assert!(proven.is_err(), "another's key proves the client");
        let is_proven = claimed.verify(&CLIENT.keys, &Algorithm::SIGNING).is_ok();
        let Some(header) = part(&text, 0).filter(|_| is_proven) else { continue };
        assert_eq!(header.get("alg").and_then(Value::as_str), Some("ES256"));
        assert!(!header.contains_key("crit"), "an extension is passed over");
    }
}

/// What is read of it, by each rule of audiences.
fn claimed(text: &str) -> impl Iterator<Item = ClaimedAssertion<'_>> {
    let forms = [AudienceForm::TextOrList, AudienceForm::Text];
    forms.into_iter().filter_map(move |audience| {
        let (issuer, endpoint, now_s, leeway_s) = (ISSUER, ENDPOINT, NOW_S, LEEWAY_S);
        let demand = AssertionDemand { issuer, endpoint, audience, now_s, leeway_s };
        match ClaimedAssertion::read(text, &demand) {
            Ok(claimed) => {
                is_said(text, &claimed);
                Some(claimed)
            }
            Err(fault) => {
                assert!(!fault.to_string().is_empty());
                None
            }
        }
    })
}

/// Whether another reader sees in it what was read.
fn is_said(text: &str, claimed: &ClaimedAssertion<'_>) {
    let exp = claimed.exp();
    assert!(NOW_S < exp && exp <= NOW_S + LEEWAY_S + ASSERTION_LIFETIME_MAX_S, "{exp}");
    assert!((1..=ID_BYTES_MAX).contains(&claimed.id().len()));
    let Some(claims) = part(text, 1) else { return };
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    assert_eq!(text("iss"), Some(claimed.client()));
    assert_eq!(text("sub"), Some(claimed.client()));
    assert_eq!(text("jti"), Some(claimed.id()));
    assert_eq!(claims.get("exp").and_then(Value::as_i64), Some(exp));
    let audiences = match &claims["aud"] {
        Value::Array(all) => all.as_slice(),
        one => slice::from_ref(one),
    };
    let audience = if claimed.is_legacy() { ENDPOINT } else { ISSUER };
    assert_eq!(audiences, [Value::from(audience)], "it is for one alone");
}
