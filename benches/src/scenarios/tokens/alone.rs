//! What the library alone signs, in this very run: the bound of whatever issues tokens, on whatever
//! machine. One thread, a key that is kept, and nothing but signatures.

use std::hint::black_box;
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};

use crate::process;

use super::per_cpu_second;

/// About as long as what is signed of a token of this scenario.
const MESSAGE_BYTES: usize = 512;
/// Signatures between two looks at the clock: of the slowest, some ten milliseconds.
const BATCH: u64 = 16;

/// Makes a signature of a message and throws it away.
pub(super) type Signs = Box<dyn Fn(&[u8])>;

pub(super) fn es256() -> Signs {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let random = SystemRandom::new();
    Box::new(move |message: &[u8]| {
        black_box(pair.sign(&random, message).unwrap());
    })
}

/// With a key of 2,048 bits, as the program's are.
pub(super) fn rs256() -> Signs {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let random = SystemRandom::new();
    Box::new(move |message: &[u8]| {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
        black_box(signature);
    })
}

pub(super) fn ed25519() -> Signs {
    let pair = Ed25519KeyPair::generate().unwrap();
    Box::new(move |message: &[u8]| {
        black_box(pair.sign(message));
    })
}

/// Signatures of one second of CPU: of one core, for it has one thread.
pub(super) fn signatures(signs: &dyn Fn(&[u8]), time: Duration) -> f64 {
    let (own, message) = ([std::process::id()], [7; MESSAGE_BYTES]);
    let (before, began) = (process::cpu(&own), Instant::now());
    let mut count = 0;
    while began.elapsed() < time {
        for _ in 0..BATCH {
            signs(black_box(message.as_slice()));
        }
        count += BATCH;
    }
    per_cpu_second(process::cpu(&own).saturating_sub(before), count)
}
