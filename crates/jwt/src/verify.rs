//! Token → claims, under a [`Demand`].

use std::collections::HashMap;

use serde_json::Value;

use crate::compact::{self, Compact};
use crate::json;
use crate::{AccessToken, Algorithm, Demand, Fault, Jwks, KeyError, VerifyingKey};

/// The published keys of one issuer, parsed, by name.
#[derive(Debug, Default)]
pub struct Keys(HashMap<String, VerifyingKey>);

impl Keys {
    /// Parses a set; one bad key refuses the whole set, for it means the set was altered.
    pub fn new(set: &Jwks) -> Result<Self, KeyError> {
        let parsed = set.keys.iter().map(|jwk| Ok((jwk.kid.clone(), jwk.verifying_key()?)));
        parsed.collect::<Result<_, _>>().map(Self)
    }
}

/// Verifies an access token: form, type, algorithm, key, signature, then claims and time.
///
/// The order tells a caller the most useful fault first without saying anything about a token
/// whose signature does not fit.
pub fn verify(token: &str, keys: &Keys, demand: &Demand<'_>) -> Result<AccessToken, Fault> {
    let compact = compact::parse(token)?;
    signature(&compact, keys)?;
    let claims = claims(&compact.payload)?;
    if claims.iss != demand.issuer {
        return Err(Fault::Issuer);
    }
    if claims.aud != demand.audience {
        return Err(Fault::Audience);
    }
    // RFC 7519 §4.1.4: "on or after which" it must not be accepted.
    if demand.now_s >= claims.exp.saturating_add(demand.leeway_s) {
        return Err(Fault::Expired { since_s: claims.exp });
    }
    if claims.iat > demand.now_s.saturating_add(demand.leeway_s) {
        return Err(Fault::NotYet);
    }
    Ok(claims)
}

fn signature(compact: &Compact<'_>, keys: &Keys) -> Result<(), Fault> {
    let header = |name: &str| compact.header.get(name).and_then(Value::as_str);
    compact.without_extensions()?;
    let typ = header("typ").ok_or(Fault::Type)?;
    // RFC 7515 §4.1.9: `application/` may be left off; media types are case-insensitive.
    if !typ.eq_ignore_ascii_case("at+jwt") && !typ.eq_ignore_ascii_case("application/at+jwt") {
        return Err(Fault::Type);
    }
    let alg = header("alg").and_then(Algorithm::parse).ok_or(Fault::Algorithm)?;
    let key = header("kid").and_then(|kid| keys.0.get(kid));
    // The algorithm is the key's; the header may only agree (RFC 8725 §3.1), by either name of
    // Ed25519 (RFC 9864 §2.2).
    if !key.map_or(alg.signs(), |key| key.algorithm == alg) {
        return Err(Fault::Algorithm);
    }
    let key = key.ok_or(Fault::UnknownKey)?;
    if key.verifies(compact.signed.as_bytes(), &compact.signature) {
        Ok(())
    } else {
        Err(Fault::Signature)
    }
}

fn claims(payload: &[u8]) -> Result<AccessToken, Fault> {
    let object =
        json::object(payload).ok_or(Fault::Malformed("its payload is not one JSON object"))?;
    // RFC 7519 §4.1.5: a token we issue has no `nbf`; one that has it is not ours to interpret.
    if object.contains_key("nbf") {
        return Err(Fault::Claims);
    }
    serde_json::from_value(Value::Object(object)).map_err(|_| Fault::Claims)
}
