//! What is to be said of a token, in words: for the person who asks why it is not accepted.
//!
//! The token is taken apart without being trusted. That a finding is good says nothing of the others:
//! whether a token is accepted is decided by [`verify`](crate::verify) alone.

use serde_json::Value;

use crate::compact::TOKEN_BYTES_MAX;
use crate::json::Object;
use crate::{Algorithm, Fault, KeySet, compact, json};

/// Claims that an access token has (RFC 9068 §2.2).
const REQUIRED: [&str; 7] = ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"];

/// What a token is held against; what is not known is not judged.
#[derive(Debug, Clone, Copy)]
pub struct ExplainWith<'a> {
    /// The issuer it should be of.
    pub issuer: Option<&'a str>,
    /// The audiences there are: the names of our APIs.
    pub audiences: &'a [String],
    /// The published keys.
    pub keys: Option<&'a KeySet>,
    /// The moment, in seconds since 1970.
    pub now_s: i64,
}

/// How a finding is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Good,
    /// A reason for which the token is refused.
    Bad,
    /// To be known; or it cannot be judged.
    Note,
}

impl Verdict {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "wrong",
            Self::Note => "note",
        }
    }
}

/// One thing that is to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How it is to be taken.
    pub verdict: Verdict,
    /// The part of the token it is about: `form`, `typ`, `alg`, `kid`, `signature`, or a claim.
    pub about: &'static str,
    /// A sentence.
    pub text: String,
}

/// Everything that is to be said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Explanation {
    /// The header, as it claims to be.
    pub header: Option<serde_json::Map<String, Value>>,
    /// The claims, as they claim to be.
    pub claims: Option<serde_json::Map<String, Value>>,
    /// What was found, in the order in which a verifier would look.
    pub findings: Vec<Finding>,
}

impl Explanation {
    /// Whether nothing was found for which the token would be refused.
    pub fn is_good(&self) -> bool {
        self.findings.iter().all(|finding| finding.verdict != Verdict::Bad)
    }

    fn add(&mut self, verdict: Verdict, about: &'static str, text: impl Into<String>) {
        self.findings.push(Finding { verdict, about, text: text.into() });
    }

    fn good(&mut self, about: &'static str, text: impl Into<String>) {
        self.add(Verdict::Good, about, text);
    }

    fn bad(&mut self, about: &'static str, text: impl Into<String>) {
        self.add(Verdict::Bad, about, text);
    }

    fn note(&mut self, about: &'static str, text: impl Into<String>) {
        self.add(Verdict::Note, about, text);
    }
}

/// Says what there is to say of a text that should be an access token.
pub fn explain(text: &str, with: &ExplainWith<'_>) -> Explanation {
    let mut explanation = Explanation::default();
    let Bare { token, scheme } = bare(text);
    if let Some(scheme) = scheme {
        explanation.note("form", format!("`{scheme}` before it belongs to the header, not to it."));
    }
    let Some((header, payload)) = parts(token, &mut explanation) else { return explanation };
    explanation.header = read(header, "header", &mut explanation);
    explanation.claims = read(payload, "payload", &mut explanation);
    if let Some(header) = explanation.header.clone() {
        of_header(&header, &mut explanation);
        signature(token, &header, with, &mut explanation);
    }
    if let Some(claims) = explanation.claims.clone() {
        of_claims(&claims, with, &mut explanation);
        of_time(&claims, with.now_s, &mut explanation);
    }
    explanation
}

/// A token without what people copy along with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bare<'a> {
    /// The token itself, or whatever the text was.
    pub token: &'a str,
    /// The scheme of the `Authorization` header that stood before it, as it was written.
    pub scheme: Option<&'a str>,
}

/// Takes off what does not belong to a token: the header's name and scheme before it, quotes and white
/// space around it. What stands inside is left as it is.
pub fn bare(text: &str) -> Bare<'_> {
    let text = unwrapped(text);
    let header = text.split_once(':').filter(|(name, _)| is_word(name, "authorization"));
    let token = header.map_or(text, |(_, value)| unwrapped(value));
    let parts = token.split_once(char::is_whitespace);
    match parts.filter(|(scheme, _)| is_word(scheme, "bearer") || is_word(scheme, "dpop")) {
        Some((scheme, rest)) => Bare { token: unwrapped(rest), scheme: Some(scheme) },
        None => Bare { token, scheme: None },
    }
}

fn is_word(text: &str, word: &str) -> bool {
    text.trim().eq_ignore_ascii_case(word)
}

/// Without quotes, white space and the mark that some editors begin a file with.
fn unwrapped(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '\u{feff}'))
}

/// Header and payload, if the text has the form of a signed token.
fn parts<'a>(token: &'a str, explanation: &mut Explanation) -> Option<(&'a str, &'a str)> {
    if token.len() > TOKEN_BYTES_MAX {
        explanation.bad("form", "It is longer than 8 KiB, and is not looked at.");
        return None;
    }
    if token.chars().any(char::is_whitespace) {
        explanation.bad("form", "There is white space in it; it was cut or wrapped on its way.");
        return None;
    }
    let parts: Vec<&str> = token.split('.').collect();
    match parts.as_slice() {
        [header, payload, signature] => {
            if signature.is_empty() {
                explanation.bad("signature", "It has none: the part behind the last dot is empty.");
            }
            Some((*header, *payload))
        }
        [_, _, _, _, _] => {
            let text = "It has five parts, so it is encrypted (JWE, RFC 7516); ours are signed.";
            explanation.bad("form", text);
            None
        }
        [_] => {
            let text = "It has no dots, so it is no JWT: an opaque token, a key or a secret.";
            explanation.bad("form", text);
            None
        }
        other => {
            let text = format!("It has {} parts and should have three.", other.len());
            explanation.bad("form", text);
            None
        }
    }
}

fn read(part: &str, which: &str, explanation: &mut Explanation) -> Option<Object> {
    let Ok(bytes) = compact::decode(part) else {
        explanation.bad("form", format!("Its {which} is not base64url without padding."));
        return None;
    };
    let object = json::object(&bytes);
    if object.is_none() {
        let text = format!("Its {which} is not one JSON object whose members stand once each.");
        explanation.bad("form", text);
    }
    object
}

fn of_header(header: &Object, explanation: &mut Explanation) {
    let member = |name: &str| header.get(name).and_then(Value::as_str);
    match member("typ") {
        Some(typ)
            if typ.eq_ignore_ascii_case("at+jwt")
                || typ.eq_ignore_ascii_case("application/at+jwt") =>
        {
            explanation.good("typ", "It calls itself an access token (`at+jwt`).");
        }
        Some(typ) => {
            let text = format!(
                "It calls itself `{}`; an access token of ours is `at+jwt` (RFC 9068 §2.1). An ID \
                 token is none.",
                shown(typ)
            );
            explanation.bad("typ", text);
        }
        None => explanation.bad("typ", "It does not say what it is; ours say `at+jwt`."),
    }
    algorithm(member("alg"), explanation);
    for name in ["crit", "b64"] {
        if header.contains_key(name) {
            let text = format!("Its header has `{name}`: an extension, which is refused.");
            explanation.bad("form", text);
        }
    }
    for name in ["jwk", "jku", "x5c", "x5u"] {
        if header.contains_key(name) {
            let text =
                format!("Its header brings a key of its own (`{name}`); nobody looks at it.");
            explanation.note("kid", text);
        }
    }
}

fn algorithm(named: Option<&str>, explanation: &mut Explanation) {
    match named {
        Some(alg) if Algorithm::parse(alg).is_some() => {
            explanation.good("alg", format!("It is signed with {alg}."));
        }
        Some(alg) if alg.eq_ignore_ascii_case("none") => {
            explanation
                .bad("alg", "It says that it is not signed (`none`), which nobody may take.");
        }
        Some(alg) if alg.starts_with("HS") => {
            let text = format!(
                "{} is signed with a shared secret; here public keys verify alone.",
                shown(alg)
            );
            explanation.bad("alg", text);
        }
        Some(alg) => {
            let text = format!(
                "`{}` is no algorithm there is here; there are {}.",
                shown(alg),
                Algorithm::NAMES.join(", ")
            );
            explanation.bad("alg", text);
        }
        None => explanation.bad("alg", "It does not say what it is signed with."),
    }
}

fn signature(token: &str, header: &Object, with: &ExplainWith<'_>, explanation: &mut Explanation) {
    let Some(keys) = with.keys else {
        explanation.note("signature", "There are no keys to verify it with.");
        return;
    };
    let kid = header.get("kid").and_then(Value::as_str);
    match kid {
        None => {
            explanation.bad("kid", "It does not say which key signed it (`kid`).");
            return;
        }
        Some(kid) if keys.names().any(|name| name == kid) => {
            explanation.good("kid", format!("The key `{}` is published.", shown(kid)));
        }
        Some(kid) => {
            let text = format!(
                "The key `{}` is not published: it is another issuer's, or went after its last \
                 token had ended.",
                shown(kid)
            );
            explanation.bad("kid", text);
            return;
        }
    }
    let alg = header.get("alg").and_then(Value::as_str).and_then(Algorithm::parse);
    let Some(alg) = alg else {
        explanation.note("signature", "It cannot be verified with such an algorithm.");
        return;
    };
    let compact = match compact::parse(token) {
        Ok(compact) => compact,
        Err(fault) => {
            explanation.bad("signature", format!("It cannot be verified: {fault}."));
            return;
        }
    };
    match keys.choose(kid, alg) {
        Ok(key) if key.verifies(compact.signed.as_bytes(), &compact.signature) => {
            explanation.good("signature", "The signature fits: the key's owner has written it so.");
        }
        Ok(_) => {
            let text = "The signature does not fit: the token was altered or cut, or is a forgery.";
            explanation.bad("signature", text);
        }
        Err(Fault::Algorithm) => {
            let text = format!("The key is there and is not for {}.", alg.as_str());
            explanation.bad("alg", text);
        }
        Err(_) => explanation.note("signature", "No single key of the set fits."),
    }
}

fn of_claims(claims: &Object, with: &ExplainWith<'_>, explanation: &mut Explanation) {
    let missing: Vec<&str> =
        REQUIRED.into_iter().filter(|name| claims.get(*name).is_none_or(Value::is_null)).collect();
    if !missing.is_empty() {
        let text =
            format!("It lacks what an access token has (RFC 9068 §2.2): {}.", missing.join(", "));
        explanation.bad("form", text);
    }
    let issuer = claims.get("iss").and_then(Value::as_str).unwrap_or_default();
    match with.issuer {
        Some(ours) if ours == issuer => {
            explanation.good("iss", format!("It was issued here ({ours})."));
        }
        Some(ours) if ours == issuer.trim_end_matches('/') => {
            let text = format!("The issuer is `{}`; ours has no `/` at its end.", shown(issuer));
            explanation.bad("iss", text);
        }
        Some(ours) => {
            let text = format!("It was issued by `{}`; here is `{ours}`.", shown(issuer));
            explanation.bad("iss", text);
        }
        None => explanation.note("iss", format!("It says it is of `{}`.", shown(issuer))),
    }
    audience(claims.get("aud"), with, explanation);
    if let Some(client) = claims.get("client_id").and_then(Value::as_str) {
        let scope = claims.get("scope").and_then(Value::as_str).unwrap_or("none");
        let text =
            format!("It was issued to the client `{}`; scopes: {}.", shown(client), shown(scope));
        explanation.note("client_id", text);
    }
    for (member, what) in [("x5t#S256", "a client certificate"), ("jkt", "a DPoP key")] {
        if claims.get("cnf").is_some_and(|cnf| cnf.get(member).is_some()) {
            let text = format!("It is bound to {what}: whoever sends it must prove to have that.");
            explanation.note("cnf", text);
        }
    }
}

fn audience(audience: Option<&Value>, with: &ExplainWith<'_>, explanation: &mut Explanation) {
    match audience {
        Some(Value::String(audience)) if with.audiences.is_empty() => {
            explanation.note("aud", format!("It is for `{}`.", shown(audience)));
        }
        Some(Value::String(audience)) if with.audiences.contains(audience) => {
            let text = format!("It is for the API `{audience}`, and opens no other.");
            explanation.good("aud", text);
        }
        Some(Value::String(audience)) => {
            let text = format!(
                "It is for `{}`, and there is no such API here; there are {}.",
                shown(audience),
                with.audiences.join(", ")
            );
            explanation.bad("aud", text);
        }
        Some(_) => explanation.note("aud", "It is for several audiences; ours are for one."),
        None => {}
    }
}

fn of_time(claims: &Object, now_s: i64, explanation: &mut Explanation) {
    let number = |name: &str| claims.get(name).and_then(Value::as_i64);
    match number("exp") {
        Some(exp) if now_s >= exp => {
            let text = format!("It ended {} ago.", span(now_s.saturating_sub(exp)));
            explanation.bad("exp", text);
        }
        Some(exp) => {
            explanation.good("exp", format!("It ends in {}.", span(exp.saturating_sub(now_s))));
        }
        None if claims.contains_key("exp") => {
            explanation.bad("exp", "Its end is no whole number of seconds.");
        }
        None => {}
    }
    for (name, text) in [("iat", "It was issued"), ("nbf", "It is good only from")] {
        if let Some(begins) = number(name).filter(|begins| *begins > now_s) {
            let until = span(begins.saturating_sub(now_s));
            let text = format!("{text} {until} from now: one of two clocks is wrong.");
            explanation.bad(name, text);
        }
    }
}

/// A text that somebody else wrote, without controls and not too long.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().filter(|c| !c.is_control()).take(100).collect();
    if text.chars().count() > 100 {
        shown.push('…');
    }
    shown
}

/// Seconds in the two largest units that fit.
fn span(seconds: i64) -> String {
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest} s"),
        (0, 0, _) => format!("{minutes} min {rest} s"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}
