//! What a token costs: signed, verified whole, and verified by the library alone, which is the part
//! that nothing here can make faster; and the digest and look-up that a remembered token costs.
//! `cargo bench -p gatepost-jwt`.
#![expect(clippy::unwrap_used, reason = "a measurement ends where something is wrong")]

use std::collections::HashMap;
use std::hint::black_box;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    ParsedPublicKey,
};
use criterion::Criterion;
use jwt::{
    AccessToken, Algorithm, Demand, ForeignDemand, Jwks, KeySet, Keys, SigningKey, TokenType, sign,
    verify, verify_foreign,
};

const NOW: i64 = 1_800_000_000;
const ISSUER: &str = "https://api.tires.example";

fn claims() -> AccessToken {
    AccessToken {
        iss: ISSUER.to_owned(),
        aud: "tires".to_owned(),
        sub: "car-orders".to_owned(),
        client_id: "car-orders".to_owned(),
        scope: "tires/create.order tires/cancel.order".to_owned(),
        exp: NOW + 3600,
        iat: NOW,
        auth_time: NOW,
        jti: "tok_01a21995-0beb-7e42-8000-000000000000".to_owned(),
        token_use: "access".to_owned(),
        version: 2,
        credential_id: None,
        cnf: None,
        extra: std::collections::BTreeMap::new(),
    }
}

/// The library's own signing and verifying of a text as long as a token's.
fn raw(criterion: &mut Criterion, message: &[u8]) {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let random = SystemRandom::new();
    let signature = pair.sign(&random, message).unwrap();
    let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref()).unwrap();
    criterion.bench_function("ES256: the library alone signs", |bench| {
        bench.iter(|| pair.sign(&random, black_box(message)).unwrap());
    });
    criterion.bench_function("ES256: the library alone verifies", |bench| {
        bench.iter(|| key.verify_sig(black_box(message), signature.as_ref()).unwrap());
    });
}

/// Ours, with everything that is read and compared.
fn whole(criterion: &mut Criterion, key: &SigningKey, token: &str) {
    let set = Jwks { keys: vec![key.jwk().clone()] };
    let keys = Keys::new(&set).unwrap();
    let demand = Demand { issuer: ISSUER, audience: "tires", now_s: NOW, leeway_s: 0 };
    let claims = claims();
    criterion.bench_function("ES256: a token is signed", |bench| {
        bench.iter(|| sign(black_box(&claims), key));
    });
    criterion.bench_function("ES256: a token is verified", |bench| {
        bench.iter(|| verify(black_box(token), &keys, &demand).unwrap());
    });
    let published = KeySet::parse(&serde_json::to_vec(&set).unwrap()).unwrap();
    let audiences = ["tires".to_owned()];
    let demand = ForeignDemand {
        issuer: ISSUER,
        audiences: &audiences,
        algorithms: &[Algorithm::Es256],
        token_type: TokenType::AccessToken,
        client_claim: "client_id",
        scope_claim: None,
        now_s: NOW,
        leeway_s: 0,
    };
    criterion.bench_function("ES256: a token of another issuer is verified", |bench| {
        bench.iter(|| verify_foreign(black_box(token), &published, &demand).unwrap());
    });
}

/// As the gateway's memory does it: SHA-256 of the token, then a look-up by it.
fn remembered(criterion: &mut Criterion, token: &str) {
    let name = |token: &str| -> [u8; 32] {
        digest(&SHA256, token.as_bytes()).as_ref().try_into().unwrap()
    };
    let mut memory = HashMap::new();
    for number in 0..1000 {
        memory.insert(name(&format!("{token}{number}")), number);
    }
    memory.insert(name(token), -1);
    criterion.bench_function("a remembered token: digest and look-up", |bench| {
        bench.iter(|| memory.get(&name(black_box(token))).copied().unwrap());
    });
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let key = SigningKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap();
    let token = sign(&claims(), &key);
    let (message, _) = token.rsplit_once('.').unwrap();
    raw(&mut criterion, message.as_bytes());
    whole(&mut criterion, &key, &token);
    remembered(&mut criterion, &token);
    criterion.final_summary();
}
