//! Any bytes as a token of another issuer, whole and with a good header before them: no panic, and
//! nothing is accepted, for the fuzzer has no key. `README.md` says how to run it.

#![no_main]

use std::sync::LazyLock;

use jwt::{
    Algorithm, ForeignDemand, KeySet, SigningKey, TokenType, claimed_issuer, verify_foreign,
};
use libfuzzer_sys::fuzz_target;

static KEYS: LazyLock<KeySet> = LazyLock::new(|| {
    let private = SigningKey::generate().expect("the system gives randomness");
    let key = SigningKey::from_pkcs8(&private).expect("a key just made is read");
    let mut jwk = serde_json::to_value(key.jwk()).expect("a public key is plain JSON");
    // Without a name it is the only key that fits a header without one, so that the fuzzer comes as
    // far as the signature.
    jwk.as_object_mut().expect("a key is an object").remove("kid");
    let set = serde_json::json!({ "keys": [jwk] }).to_string();
    KeySet::parse(set.as_bytes()).expect("its public half is a key")
});

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let audiences = ["tires".to_owned()];
    let demand = ForeignDemand {
        issuer: "http://issuer.example",
        audiences: &audiences,
        algorithms: &[Algorithm::Es256],
        token_type: TokenType::Jwt,
        client_claim: "client_id",
        scope_claim: None,
        now_s: 1_800_000_000,
        leeway_s: 60,
    };
    // `{"alg":"ES256"}`
    let headed = format!("eyJhbGciOiJFUzI1NiJ9.{text}");
    for token in [&*text, &headed] {
        assert!(verify_foreign(token, &KEYS, &demand).is_err(), "what nobody signed is accepted");
        if let Ok(issuer) = claimed_issuer(token) {
            assert!(issuer.len() < token.len(), "an issuer longer than its token");
        }
    }
});
