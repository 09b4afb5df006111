//! Any bytes as an access token of our own, whole and as the parts of one: no panic, and nothing is
//! accepted, for the fuzzer has no key. `README.md` says how to run it.

#![no_main]

use std::sync::LazyLock;

use jwt::{Demand, Jwks, Keys, SigningKey, verify};
use libfuzzer_sys::fuzz_target;

static KEYS: LazyLock<(Keys, String)> = LazyLock::new(|| {
    let private = SigningKey::generate().expect("the system gives randomness");
    let key = SigningKey::from_pkcs8(&private).expect("a key just made is read");
    let keys = Keys::new(&Jwks { keys: vec![key.jwk().clone()] }).expect("its public half too");
    (keys, key.jwk().kid.clone())
});

fuzz_target!(|data: &[u8]| {
    let (keys, kid) = &*KEYS;
    let text = String::from_utf8_lossy(data);
    let demand = Demand {
        issuer: "http://issuer.example",
        audience: "tires",
        now_s: 1_800_000_000,
        leeway_s: 0,
    };
    // The name of the key is random, and no fuzzer would find it.
    let named = text.replace("KID", kid);
    for token in [&*text, &named] {
        assert!(verify(token, keys, &demand).is_err(), "what nobody signed is accepted");
    }
});
