//! Access tokens of other issuers: the form as strict as that of our own, the claims as RFC 9068
//! has them or as the large authorization servers write them.

use serde_json::Value;

use crate::compact::{self, Compact};
use crate::{Algorithm, Fault, KeySet, json};

/// The longest client name; RFC 6749 sets no bound, and names stand in headers and logs.
const CLIENT_CHARS_MAX: usize = 256;
/// The longest `jti`, in bytes. RFC 7519 sets no bound; whoever revokes a token by its name has that
/// kept, so that one with a longer name could not be revoked.
pub const FOREIGN_ID_BYTES_MAX: usize = 1024;

/// What a token may call itself in `typ`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TokenType {
    /// `at+jwt` (RFC 9068 §2.1), `JWT`, or nothing: many authorization servers do not tell their
    /// access tokens from others. The audience then is what keeps other tokens out.
    #[default]
    Jwt,
    /// `at+jwt` only.
    AccessToken,
}

/// What a verifier demands of a token of another issuer.
#[derive(Debug, Clone, Copy)]
pub struct ForeignDemand<'a> {
    /// The issuer, byte for byte.
    pub issuer: &'a str,
    /// The audiences of which the token must carry one, byte for byte.
    pub audiences: &'a [String],
    /// The algorithms that are accepted; the key must be of the same.
    pub algorithms: &'a [Algorithm],
    /// What the token may call itself.
    pub token_type: TokenType,
    /// The claim that names the client: `client_id` (RFC 9068 §2.2), `azp`, `appid`, `sub` …
    pub client_claim: &'a str,
    /// The claim that holds the scopes; `scope`, or else `scp`, where none is said.
    pub scope_claim: Option<&'a str>,
    /// The moment, in seconds since 1970.
    pub now_s: i64,
    /// How far two clocks may differ, in seconds.
    pub leeway_s: i64,
}

/// What a verified token of another issuer says.
#[derive(Debug, Clone, PartialEq)]
pub struct ForeignToken {
    /// Who issued it.
    pub iss: String,
    /// Whom it is about.
    pub sub: String,
    /// The client, if the claim that names it is there: 1 to 256 printable ASCII characters.
    pub client: Option<String>,
    /// Granted scopes, each in the form of RFC 6749 §3.3; what has another form is left out.
    pub scopes: Vec<String>,
    /// When it ends, in seconds since 1970.
    pub exp: i64,
    /// From when it is good.
    pub nbf: Option<i64>,
    /// When it was issued.
    pub iat: Option<i64>,
    /// Its own name, of the form of [`is_foreign_id`].
    pub jti: Option<String>,
    /// Everything it says.
    pub claims: serde_json::Map<String, Value>,
}

/// Whom a token says it is from. Nothing is verified: the answer only chooses whose keys to try.
pub fn claimed_issuer(token: &str) -> Result<String, Fault> {
    let claims = claims(&compact::parse(token)?)?;
    text(&claims, "iss")?.ok_or(Fault::Claims)
}

/// Whom a token says it is about. Nothing is verified: the answer only says in whose name the token
/// is counted if it is bad.
pub fn claimed_subject(token: &str) -> Result<String, Fault> {
    let claims = claims(&compact::parse(token)?)?;
    text(&claims, "sub")?.ok_or(Fault::Claims)
}

/// Whether a token of another issuer may have this name (`jti`), and so be revoked by it: of any
/// characters but control characters, blanks and others than ASCII too.
pub fn is_foreign_id(id: &str) -> bool {
    id.len() <= FOREIGN_ID_BYTES_MAX && !id.contains(char::is_control)
}

/// Verifies a token of another issuer: form, type, algorithm, key, signature, then claims and time.
///
/// Keys and addresses of keys in the token itself (`jwk`, `jku`, `x5c`, `x5u`) are never looked at.
pub fn verify_foreign(
    token: &str,
    keys: &KeySet,
    demand: &ForeignDemand<'_>,
) -> Result<ForeignToken, Fault> {
    let compact = compact::parse(token)?;
    signature(&compact, keys, demand)?;
    let token = read(claims(&compact)?, demand)?;
    // RFC 7519 §4.1.4: "on or after which" it must not be accepted.
    if demand.now_s >= token.exp.saturating_add(demand.leeway_s) {
        return Err(Fault::Expired { since_s: token.exp });
    }
    let latest = demand.now_s.saturating_add(demand.leeway_s);
    if token.nbf.is_some_and(|nbf| nbf > latest) || token.iat.is_some_and(|iat| iat > latest) {
        return Err(Fault::NotYet);
    }
    Ok(token)
}

fn signature(
    compact: &Compact<'_>,
    keys: &KeySet,
    demand: &ForeignDemand<'_>,
) -> Result<(), Fault> {
    compact.without_extensions()?;
    is_of_type(&compact.header, demand.token_type)?;
    let alg = compact.header.get("alg").and_then(Value::as_str);
    let alg = alg.and_then(Algorithm::parse).ok_or(Fault::Algorithm)?;
    if !demand.algorithms.contains(&alg) {
        return Err(Fault::Algorithm);
    }
    let kid = match compact.header.get("kid") {
        Some(kid) => Some(kid.as_str().ok_or(Fault::Malformed("its `kid` is not a text"))?),
        None => None,
    };
    // The key verifies this algorithm and no other: a public key is never taken for a secret.
    let key = keys.choose(kid, alg)?;
    if key.verifies(compact.signed.as_bytes(), &compact.signature) {
        Ok(())
    } else {
        Err(Fault::Signature)
    }
}

fn is_of_type(header: &json::Object, rule: TokenType) -> Result<(), Fault> {
    let fits = match (header.get("typ"), rule) {
        (None, TokenType::Jwt) => true,
        (None, TokenType::AccessToken) => false,
        (Some(typ), rule) => typ.as_str().is_some_and(|typ| {
            let typ = typ.to_ascii_lowercase();
            // RFC 7515 §4.1.9: `application/` may be left off; media types are case-insensitive.
            let typ = typ.strip_prefix("application/").unwrap_or(&typ);
            typ == "at+jwt" || rule == TokenType::Jwt && typ == "jwt"
        }),
    };
    if fits { Ok(()) } else { Err(Fault::Type) }
}

fn claims(compact: &Compact<'_>) -> Result<json::Object, Fault> {
    json::object(&compact.payload).ok_or(Fault::Malformed("its payload is not one JSON object"))
}

fn read(claims: json::Object, demand: &ForeignDemand<'_>) -> Result<ForeignToken, Fault> {
    let iss = text(&claims, "iss")?.ok_or(Fault::Claims)?;
    if iss != demand.issuer {
        return Err(Fault::Issuer);
    }
    audience(claims.get("aud").ok_or(Fault::Claims)?, demand.audiences)?;
    // Amazon Cognito's ID tokens are told from its access tokens by this alone.
    if claims.get("token_use").is_some_and(|usage| usage.as_str() != Some("access")) {
        return Err(Fault::Type);
    }
    let sub = text(&claims, "sub")?;
    let sub = sub.filter(|sub| !sub.is_empty() && !sub.contains(char::is_control));
    let client = text(&claims, demand.client_claim)?;
    if client.as_ref().is_some_and(|client| !is_client(client)) {
        return Err(Fault::Claims);
    }
    let jti = text(&claims, "jti")?;
    if jti.as_ref().is_some_and(|jti| !is_foreign_id(jti)) {
        return Err(Fault::Malformed("its `jti` has more than 1,024 bytes, or control characters"));
    }
    Ok(ForeignToken {
        iss,
        sub: sub.ok_or(Fault::Claims)?,
        client,
        scopes: scopes(&claims, demand.scope_claim)?,
        exp: seconds(&claims, "exp")?.ok_or(Fault::Claims)?,
        nbf: seconds(&claims, "nbf")?,
        iat: seconds(&claims, "iat")?,
        jti,
        claims,
    })
}

/// RFC 7519 §4.1.3: one audience, or a list of them.
fn audience(aud: &Value, audiences: &[String]) -> Result<(), Fault> {
    let ours = |aud: &str| audiences.iter().any(|audience| audience == aud);
    let is_ours = match aud {
        Value::String(aud) => ours(aud),
        Value::Array(all) => {
            let all: Option<Vec<&str>> = all.iter().map(Value::as_str).collect();
            all.ok_or(Fault::Claims)?.into_iter().any(ours)
        }
        _ => return Err(Fault::Claims),
    };
    if is_ours { Ok(()) } else { Err(Fault::Audience) }
}

/// RFC 8693 §4.2 has a text of scopes parted by blanks; others have a list, or call it `scp`.
fn scopes(claims: &json::Object, claim: Option<&str>) -> Result<Vec<String>, Fault> {
    let value = match claim {
        Some(claim) => claims.get(claim),
        None => claims.get("scope").or_else(|| claims.get("scp")),
    };
    let all: Vec<&str> = match value {
        None => Vec::new(),
        Some(Value::String(text)) => text.split(' ').collect(),
        Some(Value::Array(all)) => {
            let all: Option<Vec<&str>> = all.iter().map(Value::as_str).collect();
            all.ok_or(Fault::Claims)?
        }
        Some(_) => return Err(Fault::Claims),
    };
    Ok(all.into_iter().filter(|scope| is_scope(scope)).map(str::to_owned).collect())
}

/// RFC 6749 §3.3, `scope-token`.
fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| matches!(b, b'!'..=b'~') && !matches!(b, b'"' | b'\\'))
}

/// RFC 6749 appendix A.1: printable ASCII.
fn is_client(text: &str) -> bool {
    (1..=CLIENT_CHARS_MAX).contains(&text.len()) && text.bytes().all(|b| matches!(b, b' '..=b'~'))
}

fn text(claims: &json::Object, name: &str) -> Result<Option<String>, Fault> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Fault::Claims),
    }
}

/// A `NumericDate` (RFC 7519 §2) in whole seconds, as every issuer we know of writes it.
fn seconds(claims: &json::Object, name: &str) -> Result<Option<i64>, Fault> {
    let read = |value: &Value| value.as_i64().ok_or(Fault::Claims);
    claims.get(name).map(read).transpose()
}
