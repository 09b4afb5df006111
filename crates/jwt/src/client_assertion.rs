//! Assertions by which a client proves itself to our own token endpoint (RFC 7523 §2.2, §3), with
//! the audience rule of RFC 10070: the issuer, and nothing else.
//!
//! What an assertion says is judged before whose it is: that a claim is wrong can be told to
//! anybody, and a flood of nonsense costs no signature. [`ClaimedAssertion::read`] does the first,
//! [`ClaimedAssertion::verify`] the second. That an `id` is used once is the caller's to watch.

use serde_json::Value;

use crate::compact::{self, Compact};
use crate::{Algorithm, Fault, KeySet, json};

/// How far ahead an assertion may end: longer ones lie about in logs and stay good.
pub const ASSERTION_LIFETIME_MAX_S: i64 = 600;
/// The longest `jti`; what is remembered is its digest.
const ID_BYTES_MAX: usize = 512;

/// What an assertion must say, whichever client's it is.
#[derive(Debug, Clone, Copy)]
pub struct AssertionDemand<'a> {
    /// Our issuer, byte for byte.
    pub issuer: &'a str,
    /// The token endpoint's URL, which clients named before RFC 10070.
    pub endpoint: &'a str,
    /// How the audience may be written.
    pub audience: AudienceForm,
    /// The moment, in seconds since 1970.
    pub now_s: i64,
    /// How far two clocks may differ, in seconds.
    pub leeway_s: i64,
}

/// How an assertion writes its one audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudienceForm {
    /// As a text, or as the only one of a list (RFC 7519 §4.1.3).
    TextOrList,
    /// As a text (FAPI 2.0 Security Profile §5.3.2.1).
    Text,
}

/// Why an assertion is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AssertionFault {
    /// Not a JWT, or one that asks for what is not done here.
    #[error("it is malformed: {0}")]
    Malformed(&'static str),
    /// It calls itself something else.
    #[error("its typ must be client-authentication+jwt or JWT")]
    Type,
    /// `iss` and `sub` are not one client.
    #[error("iss and sub must both be the client id")]
    Subject,
    /// `aud` is not our issuer alone.
    #[error("aud must be the issuer of the metadata and nothing else (RFC 10070)")]
    Audience,
    /// `aud` is a list where only a text is taken.
    #[error("aud must be a text and not a list (FAPI 2.0)")]
    AudienceList,
    /// No `exp`, or no whole number.
    #[error("exp must be there, in whole seconds since 1970")]
    End,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// It ends too late.
    #[error("exp must be at most 10 minutes ahead")]
    TooLong,
    /// `nbf` or `iat` is in the future.
    #[error("it is not good yet: nbf or iat is in the future")]
    NotYet,
    /// No `jti`, or not a short text.
    #[error("jti must be there, a text of at most 512 bytes")]
    Id,
    /// The algorithm is none of the client's.
    #[error("its algorithm is none of the client's")]
    Algorithm,
    /// No key of the client is meant by it.
    #[error("the client has no such key")]
    UnknownKey,
    /// Several keys of the client could be meant.
    #[error("it does not say which of the client's keys signed it (kid)")]
    AmbiguousKey,
    /// The signature does not fit.
    #[error("its signature does not fit")]
    Signature,
}

/// An assertion whose claims are in order, of whom nothing is proven.
pub struct ClaimedAssertion<'a> {
    compact: Compact<'a>,
    kid: Option<String>,
    algorithm: Option<Algorithm>,
    client: String,
    id: String,
    exp: i64,
    is_legacy: bool,
}

impl<'a> ClaimedAssertion<'a> {
    /// Takes an assertion apart and judges what it says. One for the token endpoint's URL passes
    /// here and says so: whether that is enough depends on its client.
    pub fn read(text: &'a str, demand: &AssertionDemand<'_>) -> Result<Self, AssertionFault> {
        let compact = compact::parse(text).map_err(malformed)?;
        compact.without_extensions().map_err(malformed)?;
        is_of_type(&compact.header)?;
        let kid = match compact.header.get("kid") {
            Some(Value::String(kid)) => Some(kid.clone()),
            Some(_) => return Err(AssertionFault::Malformed("its `kid` is not a text")),
            None => None,
        };
        let algorithm = compact.header.get("alg").and_then(Value::as_str);
        let algorithm = algorithm.and_then(Algorithm::parse);
        let not_json = AssertionFault::Malformed("its payload is not one JSON object");
        let claims = json::object(&compact.payload).ok_or(not_json)?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let client = match (text("iss"), text("sub")) {
            (Some(iss), Some(sub)) if iss == sub && !iss.is_empty() => iss.to_owned(),
            _ => return Err(AssertionFault::Subject),
        };
        let is_legacy = audience(claims.get("aud"), demand)?;
        let exp = times(&claims, demand)?;
        let id = text("jti").filter(|id| (1..=ID_BYTES_MAX).contains(&id.len()));
        let id = id.ok_or(AssertionFault::Id)?.to_owned();
        Ok(Self { compact, kid, algorithm, client, id, exp, is_legacy })
    }

    /// The client it says it is of.
    pub fn client(&self) -> &str {
        &self.client
    }

    /// Its own name, which it alone may use until [`Self::exp`].
    pub fn id(&self) -> &str {
        &self.id
    }

    /// When it ends, in seconds since 1970.
    pub fn exp(&self) -> i64 {
        self.exp
    }

    /// Whether it is for the token endpoint's URL and not for the issuer.
    pub fn is_legacy(&self) -> bool {
        self.is_legacy
    }

    /// Whether a set has a key that it could mean; asking its owner again is no use then.
    pub fn has_key_in(&self, keys: &KeySet) -> bool {
        let choose = |algorithm| keys.choose(self.kid.as_deref(), algorithm);
        self.algorithm.is_none_or(|algorithm| !matches!(choose(algorithm), Err(Fault::UnknownKey)))
    }

    /// Verifies that one of these keys signed it, by one of these algorithms. Keys and addresses of
    /// keys in the assertion itself (`jwk`, `jku`, `x5c`, `x5u`) are never looked at.
    pub fn verify(&self, keys: &KeySet, algorithms: &[Algorithm]) -> Result<(), AssertionFault> {
        // `none` and HMAC have no variant, so a public key is never taken for a secret.
        let algorithm = self.algorithm.filter(|algorithm| algorithms.contains(algorithm));
        let algorithm = algorithm.ok_or(AssertionFault::Algorithm)?;
        let key = keys.choose(self.kid.as_deref(), algorithm).map_err(|fault| match fault {
            Fault::AmbiguousKey => AssertionFault::AmbiguousKey,
            Fault::Algorithm => AssertionFault::Algorithm,
            _ => AssertionFault::UnknownKey,
        })?;
        if key.verifies(self.compact.signed.as_bytes(), &self.compact.signature) {
            Ok(())
        } else {
            Err(AssertionFault::Signature)
        }
    }
}

fn malformed(fault: Fault) -> AssertionFault {
    match fault {
        Fault::Malformed(what) => AssertionFault::Malformed(what),
        _ => AssertionFault::Malformed("it is no JWT"),
    }
}

/// RFC 10070 §4 gives assertions a type of their own; older ones say `JWT` or nothing. An access
/// token is none (RFC 8725 §3.11).
fn is_of_type(header: &json::Object) -> Result<(), AssertionFault> {
    let Some(typ) = header.get("typ") else { return Ok(()) };
    let typ = typ.as_str().ok_or(AssertionFault::Type)?.to_ascii_lowercase();
    // RFC 7515 §4.1.9: `application/` may be left off; media types are case-insensitive.
    match typ.strip_prefix("application/").unwrap_or(&typ) {
        "jwt" | "client-authentication+jwt" => Ok(()),
        _ => Err(AssertionFault::Type),
    }
}

/// Whether it is for the token endpoint's URL. One audience alone, as a text or as the only one of
/// a list: an assertion for several servers could be used by each of them at the others.
fn audience(aud: Option<&Value>, demand: &AssertionDemand<'_>) -> Result<bool, AssertionFault> {
    let only = match aud {
        Some(Value::String(aud)) => aud.as_str(),
        Some(Value::Array(_)) if demand.audience == AudienceForm::Text => {
            return Err(AssertionFault::AudienceList);
        }
        Some(Value::Array(all)) => match all.as_slice() {
            [Value::String(aud)] => aud.as_str(),
            _ => return Err(AssertionFault::Audience),
        },
        _ => return Err(AssertionFault::Audience),
    };
    match only {
        aud if aud == demand.issuer => Ok(false),
        aud if aud == demand.endpoint => Ok(true),
        _ => Err(AssertionFault::Audience),
    }
}

/// Judges the times; gives the end.
fn times(claims: &json::Object, demand: &AssertionDemand<'_>) -> Result<i64, AssertionFault> {
    let exp = claims.get("exp").and_then(Value::as_i64).ok_or(AssertionFault::End)?;
    // RFC 7519 §4.1.4: "on or after which" it must not be accepted. Without leeway: who makes an
    // assertion for each request can give it a minute.
    if demand.now_s >= exp {
        return Err(AssertionFault::Expired);
    }
    let latest = demand.now_s.saturating_add(demand.leeway_s);
    if exp > latest.saturating_add(ASSERTION_LIFETIME_MAX_S) {
        return Err(AssertionFault::TooLong);
    }
    for name in ["nbf", "iat"] {
        match claims.get(name).map(Value::as_i64) {
            None => {}
            Some(Some(at)) if at <= latest => {}
            Some(Some(_)) => return Err(AssertionFault::NotYet),
            Some(None) => {
                return Err(AssertionFault::Malformed("`nbf` or `iat` is no whole number"));
            }
        }
    }
    Ok(exp)
}
