//! Any bytes as a DPoP proof: whole, and as the claims or the header of one that is signed; and as
//! the URL of one. No panic, a proof that counts says what was demanded, and a URL in its normal form
//! stays as it is. `README.md` says how to run it.

#![no_main]

mod signer;

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use jwt::{
    PROOF_ALGORITHMS, PROOF_WINDOW, Proof, ProofDemand, normal_target, thumbprint, verify_proof,
};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

use signer::{Signer, changed, encode, part};

const METHOD: &str = "POST";
const URL: &str = "https://api.example/orders";
const TOKEN: &str = "a.b.c";
const NOW_S: i64 = 1_800_000_000;

/// A client's key, and its thumbprint.
static CLIENT: LazyLock<(Signer, String)> = LazyLock::new(|| {
    let signer = Signer::new();
    let bound = thumbprint(&signer.jwk).expect("a P-256 key has a thumbprint");
    (signer, bound)
});

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    judge(&text);
    if let Some(target) = normal_target(&text) {
        assert_eq!(normal_target(&target), Some(target.clone()), "{text}");
    }
    let (client, _) = &*CLIENT;
    let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": client.jwk });
    let claims = json!({
        "jti": "1", "htm": METHOD, "htu": URL, "iat": NOW_S, "ath": hash(TOKEN),
    });
    let (as_header, as_claims) = (changed(header.clone(), data), changed(claims.clone(), data));
    let (header, claims) = (header.to_string(), claims.to_string());
    judge(&client.sign(header.as_bytes(), data));
    judge(&client.sign(header.as_bytes(), &as_claims));
    judge(&client.sign(&as_header, claims.as_bytes()));
});

/// As the token endpoint takes it, and as the gateway does with a token bound to the client's key.
fn judge(text: &str) {
    let for_token = ProofDemand {
        method: METHOD,
        url: URL,
        algorithms: &PROOF_ALGORITHMS,
        thumbprint: None,
        access_token: None,
        window: PROOF_WINDOW,
        now_s: NOW_S,
    };
    let (_, bound) = &*CLIENT;
    let (thumbprint, access_token) = (Some(bound.as_str()), Some(TOKEN));
    let with_token = ProofDemand { thumbprint, access_token, ..for_token };
    for demand in [for_token, with_token] {
        match verify_proof(text, &demand) {
            Ok(proof) => is_said(text, &demand, &proof),
            Err(fault) => assert!(!fault.to_string().is_empty()),
        }
    }
}

/// Whether another reader sees in it what was demanded.
fn is_said(text: &str, demand: &ProofDemand<'_>, proof: &Proof) {
    let age_s = NOW_S - proof.iat;
    assert!((-PROOF_WINDOW.future_s..=PROOF_WINDOW.past_s).contains(&age_s), "{age_s}");
    assert!(!proof.jti.is_empty());
    assert!(demand.thumbprint.is_none_or(|bound| bound == proof.thumbprint));
    let (Some(header), Some(claims)) = (part(text, 0), part(text, 1)) else { return };
    assert_eq!(thumbprint(&header["jwk"]).as_ref(), Some(&proof.thumbprint));
    assert!(header["jwk"].get("d").is_none(), "a private key is passed over");
    assert!(!header.contains_key("crit"), "an extension is passed over");
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    assert_eq!(text("jti"), Some(proof.jti.as_str()));
    assert_eq!(text("nonce"), proof.nonce.as_deref());
    assert_eq!(text("htm"), Some(METHOD));
    assert_eq!(text("htu").and_then(normal_target).as_deref(), Some(URL));
    assert_eq!(claims.get("iat").and_then(Value::as_i64), Some(proof.iat));
    if let Some(token) = demand.access_token {
        assert_eq!(text("ath"), Some(hash(token).as_str()));
    }
}

fn hash(token: &str) -> String {
    encode(digest(&SHA256, token.as_bytes()))
}
