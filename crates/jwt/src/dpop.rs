//! Proofs of possession (`DPoP`, RFC 9449): what a proof says, whether it is good, and how one is
//! made.
//!
//! ```text
//! dpop.rs      a proof → who holds which key, for which request (RFC 9449 §4.3)
//!   target.rs  URLs, compared as `htu` is (RFC 3986 §6.2.2, §6.2.3)
//!   nonce.rs   nonces that nobody has to keep (RFC 9449 §8, §9)
//!   memory.rs  proofs that were seen (RFC 9449 §11.1)
//!   key.rs     keys that prove, and proofs in the making (RFC 9449 §4.2)
//! ```
//!
//! The key stands in the proof itself, so a good signature says only that the sender has that key.
//! What makes it worth something is its thumbprint: that of the key a token is bound to.

mod key;
mod memory;
mod nonce;
mod target;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;

use crate::compact::{self, Compact};
use crate::set::{PRIVATE, set_key};
use crate::{Algorithm, Fault, json};

pub use key::{NewProof, ProofKey};
pub use memory::ProofMemory;
pub use nonce::{NONCE_PERIOD_S, ProofNonces, Standing};
pub use target::normal_target;

/// The algorithms that proofs may be signed with, the best first.
pub const PROOF_ALGORITHMS: [Algorithm; 5] =
    [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Es384, Algorithm::Ps256, Algorithm::Rs256];

/// When proofs are good: clients make one for each request, so a minute is long; and clocks differ.
/// FAPI 2.0 §5.3.2.1 wants 10 s ahead accepted and 60 s ahead refused.
pub const PROOF_WINDOW: Window = Window { past_s: 60, future_s: 30 };

/// The longest `jti`; 128 bits of randomness have 22 characters.
const ID_BYTES_MAX: usize = 512;

/// How far from the present moment a proof's `iat` may be, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// How long ago.
    pub past_s: i64,
    /// How far ahead.
    pub future_s: i64,
}

impl Window {
    /// The longest time for which one proof can be good.
    pub fn length_s(self) -> i64 {
        self.past_s.saturating_add(self.future_s)
    }
}

/// Whether a proof must carry a nonce of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NonceRule {
    /// Yes: a proof cannot be made in advance.
    Required,
    /// One that is there must be good; whoever has none is offered one.
    #[default]
    Optional,
}

/// What a verifier demands of a proof.
#[derive(Debug, Clone, Copy)]
pub struct ProofDemand<'a> {
    /// The request's method (`htm`).
    pub method: &'a str,
    /// The request's URL as the client knows it (`htu`); query and fragment do not count.
    pub url: &'a str,
    /// The algorithms that are accepted.
    pub algorithms: &'a [Algorithm],
    /// The thumbprint of the key that the token is bound to; none where a token is asked for.
    pub thumbprint: Option<&'a str>,
    /// The access token that comes with it (`ath`); none where a token is asked for.
    pub access_token: Option<&'a str>,
    /// When `iat` may be.
    pub window: Window,
    /// The moment, in seconds since 1970.
    pub now_s: i64,
}

/// A proof that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The RFC 7638 thumbprint of its key, which is what tokens are bound to (`jkt`).
    pub thumbprint: String,
    /// Its own name.
    pub jti: String,
    /// When it was made, in seconds since 1970.
    pub iat: i64,
    /// The nonce it carries.
    pub nonce: Option<String>,
}

/// Why a proof is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofFault {
    /// There is none.
    #[error("the request has no DPoP header")]
    Missing,
    /// There are several (RFC 9449 §4.3, check 1).
    #[error("the request has more than one DPoP header")]
    Twice,
    /// Not a signed JWT at all.
    #[error("the DPoP proof is malformed: {0}")]
    Malformed(&'static str),
    /// Another `typ`.
    #[error("the DPoP proof's typ is not dpop+jwt")]
    Type,
    /// Another `alg`, or one that the key is not for.
    #[error("the DPoP proof's algorithm is not accepted, or is not that of its key")]
    Algorithm,
    /// No `jwk`, or one that cannot verify.
    #[error("the DPoP proof has no public key (jwk) that could verify it")]
    Key,
    /// The private key itself, which is now known to whoever saw the request.
    #[error("the DPoP proof carries a private key, which is to be replaced")]
    PrivateKey,
    /// Not the key that the token is bound to.
    #[error("the token is bound to another key than the DPoP proof's")]
    OtherKey,
    /// The signature does not fit.
    #[error("the DPoP proof's signature does not fit")]
    Signature,
    /// A claim is missing or of another type.
    #[error("the DPoP proof lacks one of jti, htm, htu and iat, or it is of the wrong type")]
    Claims,
    /// For another method.
    #[error("the DPoP proof is for another method (htm)")]
    Method,
    /// For another URL.
    #[error("the DPoP proof is for another URL (htu)")]
    Target,
    /// Made too long ago.
    #[error("the DPoP proof is too old (iat)")]
    TooOld,
    /// Made in the future.
    #[error("the DPoP proof was made in the future (iat); compare the clocks")]
    NotYet,
    /// For another access token, or for none.
    #[error("the DPoP proof is for another access token (ath)")]
    AccessToken,
    /// No nonce of ours, or one that has had its time.
    #[error("the DPoP proof needs the nonce that stands in the DPoP-Nonce header")]
    Nonce,
    /// It was sent before.
    #[error("the DPoP proof was used before (jti)")]
    Replayed,
    /// There is no room to remember it, so that it could be sent again.
    #[error("more DPoP proofs come in than can be remembered")]
    Full,
}

impl From<Fault> for ProofFault {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Malformed(what) => Self::Malformed(what),
            Fault::Algorithm => Self::Algorithm,
            Fault::Signature => Self::Signature,
            Fault::Type => Self::Type,
            _ => Self::Claims,
        }
    }
}

/// The names of [`PROOF_ALGORITHMS`], as metadata and challenges list them. Ed25519 stands there by
/// both of its names (RFC 9864 §2.2).
pub fn proof_algorithm_names() -> Vec<&'static str> {
    let mut names: Vec<&'static str> =
        PROOF_ALGORITHMS.iter().map(|algorithm| algorithm.as_str()).collect();
    names.push("Ed25519");
    names
}

/// Verifies a proof by RFC 9449 §4.3: form, type, algorithm, key, signature, then what it says.
/// Whether its nonce is ours and whether it was seen before is asked elsewhere ([`Proofs`]).
///
/// Where a token is bound to a key, another key is found out before anything is computed with it.
pub fn verify_proof(proof: &str, demand: &ProofDemand<'_>) -> Result<Proof, ProofFault> {
    let compact = compact::parse(proof)?;
    compact.without_extensions()?;
    let thumbprint = signature(&compact, demand)?;
    let payload = json::object(&compact.payload)
        .ok_or(ProofFault::Malformed("its payload is not one JSON object"))?;
    claims(&payload, demand)?;
    let jti = text(&payload, "jti")?.ok_or(ProofFault::Claims)?;
    if jti.is_empty() || jti.len() > ID_BYTES_MAX {
        return Err(ProofFault::Claims);
    }
    let nonce = text(&payload, "nonce")?.map(str::to_owned);
    let iat = seconds(&payload, "iat")?.ok_or(ProofFault::Claims)?;
    Ok(Proof { thumbprint, jti: jti.to_owned(), iat, nonce })
}

/// The thumbprint of the proof's own key, which its signature fits.
fn signature(compact: &Compact<'_>, demand: &ProofDemand<'_>) -> Result<String, ProofFault> {
    let typ = compact.header.get("typ").and_then(Value::as_str).ok_or(ProofFault::Type)?;
    // RFC 7515 §4.1.9: `application/` may be left off; media types are case-insensitive.
    let is_proof = ["dpop+jwt", "application/dpop+jwt"];
    if !is_proof.iter().any(|name| typ.eq_ignore_ascii_case(name)) {
        return Err(ProofFault::Type);
    }
    let alg = compact.header.get("alg").and_then(Value::as_str);
    let alg = alg.and_then(Algorithm::parse).ok_or(ProofFault::Algorithm)?;
    if !demand.algorithms.contains(&alg) {
        return Err(ProofFault::Algorithm);
    }
    let jwk = compact.header.get("jwk").ok_or(ProofFault::Key)?;
    let members = jwk.as_object().ok_or(ProofFault::Key)?;
    // RFC 9449 §4.3, check 7. A symmetric key is a private one as well.
    if PRIVATE.iter().any(|name| members.contains_key(*name)) {
        return Err(ProofFault::PrivateKey);
    }
    let thumbprint = thumbprint(jwk).ok_or(ProofFault::Key)?;
    if demand.thumbprint.is_some_and(|bound| bound != thumbprint) {
        return Err(ProofFault::OtherKey);
    }
    let key = set_key(jwk).ok_or(ProofFault::Key)?;
    // The key verifies this algorithm and no other (RFC 8725 §3.1).
    let key = key.way(alg).ok_or(ProofFault::Algorithm)?;
    if key.verifies(compact.signed.as_bytes(), &compact.signature) {
        Ok(thumbprint)
    } else {
        Err(ProofFault::Signature)
    }
}

/// Method, URL, time and token (RFC 9449 §4.3, checks 8 to 12).
fn claims(payload: &json::Object, demand: &ProofDemand<'_>) -> Result<(), ProofFault> {
    // RFC 9110 §9.1: methods are case-sensitive.
    if text(payload, "htm")?.ok_or(ProofFault::Claims)? != demand.method {
        return Err(ProofFault::Method);
    }
    let htu = text(payload, "htu")?.ok_or(ProofFault::Claims)?;
    let htu = normal_target(htu).ok_or(ProofFault::Target)?;
    if normal_target(demand.url).is_none_or(|url| url != htu) {
        return Err(ProofFault::Target);
    }
    let Window { past_s, future_s } = demand.window;
    let latest = demand.now_s.saturating_add(future_s);
    let iat = seconds(payload, "iat")?.ok_or(ProofFault::Claims)?;
    // A proof has no end of its own; one that it has all the same counts (RFC 7519 §4.1.4, §4.1.5).
    let is_over = seconds(payload, "exp")?.is_some_and(|exp| demand.now_s >= exp);
    let is_early = seconds(payload, "nbf")?.is_some_and(|nbf| nbf > latest);
    if is_over || iat < demand.now_s.saturating_sub(past_s) {
        return Err(ProofFault::TooOld);
    }
    if is_early || iat > latest {
        return Err(ProofFault::NotYet);
    }
    let Some(token) = demand.access_token else { return Ok(()) };
    // A hash of what the request shows anyway: nothing to compare in constant time.
    if text(payload, "ath")?.is_none_or(|ath| ath != hash(token)) {
        return Err(ProofFault::AccessToken);
    }
    Ok(())
}

/// `ath`: the base64url of the SHA-256 of the token's ASCII (RFC 9449 §4.2).
fn hash(token: &str) -> String {
    compact::encode(digest(&SHA256, token.as_bytes()))
}

/// The RFC 7638 thumbprint of a public key: its required members in lexicographic order. None for
/// kinds of keys that have no use here.
pub fn thumbprint(jwk: &Value) -> Option<String> {
    // Base64url alone needs no escaping, and is all that these members may be.
    let member = |name: &str| {
        let text = jwk.get(name)?.as_str()?;
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (!text.is_empty() && text.bytes().all(fits)).then_some(text)
    };
    let canonical = match member("kty")? {
        "EC" => {
            let (crv, x, y) = (member("crv")?, member("x")?, member("y")?);
            format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#)
        }
        "OKP" => {
            let (crv, x) = (member("crv")?, member("x")?);
            format!(r#"{{"crv":"{crv}","kty":"OKP","x":"{x}"}}"#)
        }
        "RSA" => {
            let (e, n) = (member("e")?, member("n")?);
            format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#)
        }
        _ => return None,
    };
    Some(compact::encode(digest(&SHA256, canonical.as_bytes())))
}

fn text<'a>(claims: &'a json::Object, name: &str) -> Result<Option<&'a str>, ProofFault> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(ProofFault::Claims),
    }
}

/// A `NumericDate` (RFC 7519 §2) in whole seconds.
fn seconds(claims: &json::Object, name: &str) -> Result<Option<i64>, ProofFault> {
    let read = |value: &Value| value.as_i64().ok_or(ProofFault::Claims);
    claims.get(name).map(read).transpose()
}

/// What one installation knows of proofs, for all of its doors and cores: its nonces, and which
/// proofs were seen.
#[derive(Debug)]
pub struct Proofs {
    nonces: ProofNonces,
    memory: ProofMemory,
}

/// A proof that counts, now and never again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The proof.
    pub proof: Proof,
    /// What the answer is to carry in `DPoP-Nonce`: the proof had no nonce, or one whose time is
    /// nearly over (RFC 9449 §8.2).
    pub offer: Option<String>,
}

impl Proofs {
    /// Under a key for nonces, which nobody else has.
    pub fn new(key: &[u8; 32]) -> Self {
        Self { nonces: ProofNonces::new(key), memory: ProofMemory::new(PROOF_WINDOW) }
    }

    /// Verifies a proof, its nonce, and that it was not seen before.
    pub fn accept(
        &self,
        proof: &str,
        demand: &ProofDemand<'_>,
        rule: NonceRule,
    ) -> Result<Accepted, ProofFault> {
        let proof = verify_proof(proof, demand)?;
        let standing =
            proof.nonce.as_deref().map(|nonce| self.nonces.standing(nonce, demand.now_s));
        let is_present = match (standing, rule) {
            (Some(Standing::Present), _) => true,
            (Some(Standing::Previous), _) | (None, NonceRule::Optional) => false,
            (Some(Standing::Unknown), _) | (None, NonceRule::Required) => {
                return Err(ProofFault::Nonce);
            }
        };
        // Last, so that a proof that is refused for another reason is not used up.
        self.memory.admit(&proof, demand.now_s)?;
        Ok(Accepted { proof, offer: (!is_present).then(|| self.nonce(demand.now_s)) })
    }

    /// The nonce of the present moment.
    pub fn nonce(&self, now_s: i64) -> String {
        self.nonces.present(now_s)
    }
}
