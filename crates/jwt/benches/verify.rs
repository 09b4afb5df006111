//! What a token costs: signed, verified whole, and verified by the library alone, which is the part
//! that nothing here can make faster; and what one costs that was verified before. Behind the numbers
//! of each stand the goals, and whether they are met. `cargo bench -p gatepost-jwt`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement reads the clock, prints, and ends where something is wrong"
)]

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, ParsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use criterion::Criterion;
use jwt::{
    AccessToken, Algorithm, Demand, ForeignDemand, Jwks, KeySet, Keys, SigningKey, TokenType, sign,
    verify, verify_foreign,
};

const NOW: i64 = 1_800_000_000;
const ISSUER: &str = "https://api.tires.example";
const DEMAND: Demand<'static> =
    Demand { issuer: ISSUER, audience: "tires", now_s: NOW, leeway_s: 0 };

/// What we set out for: of a token that is remembered, in nanoseconds; and of one that is not, beside
/// what the library alone takes for its signature.
const REMEMBERED_NS_MAX: f64 = 1_000.0;
const TIMES_OF_LIBRARY_MAX: f64 = 1.2;
/// How often each has its turn, and how often it is done in one: a turn of verifying takes some ten
/// milliseconds, so the middle one of a hundred is hardly moved by what else the machine does.
const TURNS: usize = 101;
const TIMES: u32 = 100;

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

/// A token, and all that is needed to verify it in each way.
struct Subject {
    token: String,
    set: Jwks,
    keys: Keys,
    alone: Alone,
    memory: Memory,
}

impl Subject {
    fn new(key: &SigningKey) -> Self {
        let token = sign(&claims(), key);
        let set = Jwks { keys: vec![key.jwk().clone()] };
        let keys = Keys::new(&set).unwrap();
        let (alone, memory) = (Alone::new(key, &token), Memory::with(&token));
        Self { token, set, keys, alone, memory }
    }

    /// Ours, with everything that is read and compared.
    fn verify(&self) -> AccessToken {
        verify(black_box(self.token.as_str()), &self.keys, &DEMAND).unwrap()
    }
}

/// What the library needs for the signature of a token: that very one, for not all take as long.
struct Alone {
    key: ParsedPublicKey,
    message: String,
    signature: Vec<u8>,
}

impl Alone {
    fn new(key: &SigningKey, token: &str) -> Self {
        let jwk = serde_json::to_value(key.jwk()).unwrap();
        // RFC 7518 §6.2.1: two coordinates; the library takes them behind a 4 (SEC 1 §2.3.3).
        let mut point = vec![4];
        for name in ["x", "y"] {
            point.extend(URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap());
        }
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).unwrap();
        let (message, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        Self { key, message: message.to_owned(), signature }
    }

    fn verify(&self) {
        self.key.verify_sig(black_box(self.message.as_bytes()), &self.signature).unwrap();
    }
}

/// As the gateway remembers tokens: by the SHA-256 of each, behind a lock. Hash and lock are the
/// standard library's here, and slower than the gateway's.
struct Memory(Mutex<HashMap<[u8; 32], Remembered>>);

/// What a token says, and until when that is believed, in seconds.
type Remembered = (Arc<AccessToken>, i64);

impl Memory {
    /// A thousand tokens, this one among them.
    fn with(token: &str) -> Self {
        let (claims, until_s) = (Arc::new(claims()), NOW + 60);
        let others = (0..999).map(|number| format!("{token}{number}"));
        let tokens = others.chain([token.to_owned()]);
        let kept = tokens.map(|token| (name(&token), (Arc::clone(&claims), until_s)));
        Self(Mutex::new(kept.collect()))
    }

    /// What the request goes on with: found, not over, and for this audience.
    fn recall(&self, token: &str) -> Arc<AccessToken> {
        let name = name(black_box(token));
        let kept = self.0.lock().unwrap();
        let (claims, until_s) = kept.get(&name).unwrap();
        assert!(NOW < *until_s && claims.aud == DEMAND.audience);
        Arc::clone(claims)
    }
}

fn name(token: &str) -> [u8; 32] {
    digest(&SHA256, token.as_bytes()).as_ref().try_into().unwrap()
}

/// The library's own signing and verifying of a text as long as a token's.
fn alone(criterion: &mut Criterion, alone: &Alone) {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let random = SystemRandom::new();
    criterion.bench_function("ES256: the library alone signs", |bench| {
        bench.iter(|| pair.sign(&random, black_box(alone.message.as_bytes())).unwrap());
    });
    criterion.bench_function("ES256: the library alone verifies", |bench| {
        bench.iter(|| alone.verify());
    });
}

fn whole(criterion: &mut Criterion, key: &SigningKey, subject: &Subject) {
    let claims = claims();
    criterion.bench_function("ES256: a token is signed", |bench| {
        bench.iter(|| sign(black_box(&claims), key));
    });
    criterion.bench_function("ES256: a token is verified", |bench| {
        bench.iter(|| subject.verify());
    });
    let published = KeySet::parse(&serde_json::to_vec(&subject.set).unwrap()).unwrap();
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
        bench.iter(|| {
            verify_foreign(black_box(subject.token.as_str()), &published, &demand).unwrap()
        });
    });
    criterion.bench_function("a remembered token: digest and look-up", |bench| {
        bench.iter(|| subject.memory.recall(&subject.token));
    });
}

/// Measures once more what goals are set for, each in its turn, so that what else the machine does
/// falls on all alike; tells whether they are met.
fn goals(subject: &Subject) {
    let (mut alone, mut whole, mut remembered) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TURNS {
        alone.push(turn_ns(|| subject.alone.verify()));
        whole.push(turn_ns(|| subject.verify()));
        remembered.push(turn_ns(|| subject.memory.recall(&subject.token)));
    }
    let (alone, whole, remembered) = (middle(alone), middle(whole), middle(remembered));
    println!("\n| goal | result |");
    println!("|---|---|");
    let goal = format!("a remembered token, below {REMEMBERED_NS_MAX:.0} ns");
    row(&goal, &format!("{remembered:.0} ns"), remembered < REMEMBERED_NS_MAX);
    let goal = format!(
        "an ES256 token verified, at most {TIMES_OF_LIBRARY_MAX} times what the library takes for \
         its signature"
    );
    let times = whole / alone;
    let numbers = format!("{:.1} µs to {:.1} µs, {times:.2} times", whole / 1e3, alone / 1e3);
    row(&goal, &numbers, times <= TIMES_OF_LIBRARY_MAX);
}

/// How long one takes of those that are done in a turn, in nanoseconds.
fn turn_ns<T>(act: impl Fn() -> T) -> f64 {
    let began = Instant::now();
    for _ in 0..TIMES {
        black_box(act());
    }
    began.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES)
}

fn middle(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn row(goal: &str, numbers: &str, met: bool) {
    let met = if met { "met" } else { "**MISSED**" };
    println!("| {goal} | {numbers}: {met} |");
}

/// Whether anything is measured; without cargo's `--bench` everything is only tried once.
fn is_measured() -> bool {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    has("--bench") && !has("--test") && !has("--list")
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let key = SigningKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap();
    let subject = Subject::new(&key);
    alone(&mut criterion, &subject.alone);
    whole(&mut criterion, &key, &subject);
    criterion.final_summary();
    if is_measured() {
        goals(&subject);
    }
}
