//! Token exchange (RFC 8693) as workload federation: the token that a partner's program has anyway,
//! of its cloud, its cluster or its build server, in place of a secret.
//!
//! The caller is nobody until the token has been verified; then it is the one client whose rules of
//! issuer, subject and audience admit it, and everything else is as for any other client. Delegation
//! (`actor_token`) is not offered. A token may be exchanged as often as its issuer lets it live: that
//! is what bounds a stolen one.

use std::pin::Pin;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use jwt::Fault;
use model::{Name, Timestamp};
use store::kept_subject;

use crate::Service;
use crate::error::Refusal;
use crate::form::Form;
use crate::state::State;
use crate::token::TokenRecord;

/// The grant type (RFC 8693 §2.1).
pub(crate) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// What is issued (RFC 8693 §3).
pub(crate) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// What is taken (RFC 8693 §3): both are JWTs, and what differs is what their issuer calls them.
const SUBJECT_TYPES: [&str; 2] =
    ["urn:ietf:params:oauth:token-type:jwt", "urn:ietf:params:oauth:token-type:id_token"];

/// A verified token of another issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// The issuer's name here.
    pub issuer: Name,
    /// Its `iss`.
    pub iss: String,
    /// Its `jti`, if it says one.
    pub jti: Option<String>,
    /// Its `sub`.
    pub subject: String,
    /// Its `aud`, each of them.
    pub audiences: Vec<String>,
}

/// Whose token was exchanged, or was to be, as log and audit see it. Known only once it is verified.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Exchanged {
    /// The issuer's name here.
    pub issuer: String,
    /// Whom the token is about, as [`kept_subject`] gives it.
    pub subject: String,
}

/// Why a token of another issuer is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WorkloadFault {
    /// The token itself is not in order.
    #[error(transparent)]
    Token(#[from] Fault),
    /// An operator has revoked it.
    #[error("it was revoked")]
    Revoked,
    /// Nothing is known of it: so many from there were not good that it was not looked at.
    #[error("it was not verified")]
    NotVerified,
    /// Its issuer is none of those that were asked for.
    #[error("no client takes tokens of its issuer")]
    NotTrusted,
    /// The issuer's keys cannot be got. Nothing is known of the token.
    #[error("the keys of its issuer cannot be got")]
    NoKeys,
}

/// The answer of a [`ForeignVerifier`].
pub type Verifying<'a> = Pin<Box<dyn Future<Output = Result<Workload, WorkloadFault>> + Send + 'a>>;

/// Verifies tokens of other issuers; the program hands it over, for the keys are kept elsewhere.
pub trait ForeignVerifier: Send + Sync {
    /// Verifies a token of one of these issuers at this moment: signature, algorithm, time, and that
    /// it is for one of the issuer's audiences. May wait for keys, for a bounded time.
    fn verify<'a>(&'a self, token: &'a str, issuers: &'a [Name], now: Timestamp) -> Verifying<'a>;
}

/// Why nothing is exchanged. RFC 8693 §2.2.2: `invalid_request` for whatever is wrong with the
/// request or the token. What it is asked for is judged as for any other grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unexchanged {
    /// The request says something that is not taken.
    Request(&'static str),
    /// The token is not good.
    Subject(WorkloadFault),
    /// It is good, and stands for no client.
    Nobody,
    /// It stands for several.
    Several,
}

impl Unexchanged {
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Subject(WorkloadFault::NoKeys) => "temporarily_unavailable",
            _ => "invalid_request",
        }
    }

    /// Whether it is the token that is bad, and not the request or what is known here.
    pub(crate) fn is_of_bad_token(&self) -> bool {
        match self {
            Self::Subject(fault) => *fault != WorkloadFault::NoKeys,
            Self::Nobody => true,
            Self::Request(_) | Self::Several => false,
        }
    }

    pub(crate) fn description(&self) -> String {
        match self {
            Self::Request(what) => format!("The request cannot be exchanged: {what}."),
            Self::Subject(WorkloadFault::NoKeys) => {
                "The keys of the token's issuer cannot be got now. Try again in some seconds."
                    .to_owned()
            }
            Self::Subject(fault) => format!("The subject token is not taken: {fault}."),
            Self::Nobody => {
                "The subject token is good, but its issuer, subject and audience stand \
                 for no client here. Ask for them to be added to the client's federation."
                    .to_owned()
            }
            Self::Several => {
                "The subject token stands for several clients. Say which one by client_id.".into()
            }
        }
    }
}

impl From<Unexchanged> for Refusal {
    fn from(unexchanged: Unexchanged) -> Self {
        Self::Exchange(unexchanged)
    }
}

/// What an exchange asks for.
struct Asked<'f> {
    token: &'f str,
    client_id: Option<&'f str>,
}

/// The client that a request's subject token stands for, verified; none if it asks for another
/// grant. Bad tokens are counted, and damped, as bad assertions are.
pub(crate) async fn proof(
    service: &Service,
    headers: &HeaderMap,
    form: &Form,
    record: &mut TokenRecord,
) -> Result<Option<Name>, Refusal> {
    let state = service.state.load_full();
    // Where nobody federates, the grant is unsupported like any other.
    if form.get("grant_type") != Some(GRANT_TYPE) || state.federation.is_empty() {
        return Ok(None);
    }
    record.method = Some("token_exchange");
    let asked = read(form, headers)?;
    let claimed = claimed(&state, &asked);
    let (limits, ticks_ns) = (&service.world.limits, service.world.clock.ticks_ns());
    let from = (record.address, claimed);
    limits.may_verify(from, ticks_ns).map_err(|wait| {
        let refusal = Unexchanged::Subject(WorkloadFault::NotVerified).into();
        limits.unverified(&refusal, from, wait, ticks_ns)
    })?;
    match verified(service, &state, &asked, record).await {
        Ok(client) => {
            limits.proven(claimed, ticks_ns);
            Ok(Some(client))
        }
        Err(unexchanged) => {
            if unexchanged.is_of_bad_token() {
                limits.verified_in_vain(from, ticks_ns);
            }
            Err(limits.failed(unexchanged.into(), from, ticks_ns))
        }
    }
}

/// The client in whose name a token is sent, as far as can be told before it is verified; no name
/// where there is none.
fn claimed<'a>(state: &'a State, asked: &Asked<'a>) -> &'a str {
    if let Some(id) = asked.client_id {
        return id;
    }
    let Ok(subject) = jwt::claimed_subject(asked.token) else { return "" };
    let mut clients = state.federation.iter();
    let found = clients.find(|(_, rules)| rules.iter().any(|rule| rule.subject.matches(&subject)));
    found.map_or("", |(id, _)| id.as_str())
}

async fn verified(
    service: &Service,
    state: &State,
    asked: &Asked<'_>,
    record: &mut TokenRecord,
) -> Result<Name, Unexchanged> {
    let issuers = issuers(state, asked.client_id);
    let verified = service.world.foreign.verify(asked.token, &issuers, record.at).await;
    let workload = verified.map_err(|fault| {
        tracing::debug!(%fault, address = %record.address, "a subject token is not taken");
        Unexchanged::Subject(fault)
    })?;
    record.exchanged = Some(Exchanged {
        issuer: workload.issuer.to_string(),
        subject: kept_subject(&workload.subject).to_owned(),
    });
    if is_revoked(service, &workload) {
        let Workload { issuer, subject, .. } = &workload;
        tracing::info!(%issuer, %subject, "a subject token is not taken: it was revoked");
        return Err(Unexchanged::Subject(WorkloadFault::Revoked));
    }
    let client = choose(state, &workload, asked.client_id).inspect_err(|_| {
        let Workload { issuer, subject, .. } = &workload;
        // What an operator needs who adds the rule; a verified subject is a name and no secret.
        tracing::info!(%issuer, %subject, "a subject token stands for no client, or for several");
    })?;
    Ok(client.clone())
}

/// Whether an operator has revoked it, by issuer and id. One without an id cannot be named.
fn is_revoked(service: &Service, workload: &Workload) -> bool {
    let Workload { iss, jti, .. } = workload;
    jti.as_ref().is_some_and(|id| service.world.denied.refuses_of_issuer(iss, id))
}

fn read<'f>(form: &'f Form, headers: &HeaderMap) -> Result<Asked<'f>, Unexchanged> {
    // RFC 6749 §2.3: one proof a request; the subject token is one.
    if headers.contains_key(AUTHORIZATION)
        || form.get("client_secret").is_some()
        || form.get("client_assertion").is_some()
    {
        return Err(Unexchanged::Request("the subject token is the proof, send no other"));
    }
    if form.get("actor_token").is_some() || form.get("actor_token_type").is_some() {
        return Err(Unexchanged::Request("nobody acts for others here, leave actor_token out"));
    }
    if form.get("requested_token_type").is_some_and(|wanted| wanted != ACCESS_TOKEN) {
        return Err(Unexchanged::Request("requested_token_type is an access_token or nothing"));
    }
    let kind = form.get("subject_token_type");
    let kind = kind.ok_or(Unexchanged::Request("subject_token_type is missing"))?;
    if !SUBJECT_TYPES.contains(&kind) {
        return Err(Unexchanged::Request("subject_token_type is that of a jwt or an id_token"));
    }
    let token = form.get("subject_token");
    let token = token.ok_or(Unexchanged::Request("subject_token is missing"))?;
    Ok(Asked { token, client_id: form.get("client_id") })
}

/// The issuers whose tokens stand for a client, or for any.
fn issuers(state: &State, client_id: Option<&str>) -> Vec<Name> {
    let clients = state.federation.iter();
    let clients = clients.filter(|(id, _)| client_id.is_none_or(|wanted| id.as_str() == wanted));
    let mut issuers: Vec<Name> =
        clients.flat_map(|(_, rules)| rules.iter().map(|rule| rule.issuer.clone())).collect();
    issuers.sort();
    issuers.dedup();
    issuers
}

/// The one client that a token stands for.
fn choose<'s>(
    state: &'s State,
    workload: &Workload,
    client_id: Option<&str>,
) -> Result<&'s Name, Unexchanged> {
    let Workload { issuer, subject, audiences, .. } = workload;
    let admitted = state.federation.iter().filter(|(id, rules)| {
        client_id.is_none_or(|wanted| id.as_str() == wanted)
            && rules.iter().any(|rule| rule.admits(issuer, subject, audiences))
    });
    let mut admitted = admitted.map(|(id, _)| id);
    match (admitted.next(), admitted.next()) {
        (Some(client), None) => Ok(client),
        (Some(_), Some(_)) => Err(Unexchanged::Several),
        (None, _) => Err(Unexchanged::Nobody),
    }
}

/// The grant types that metadata offer (RFC 8414).
pub(crate) fn grant_types(state: &State) -> Vec<&'static str> {
    let mut types = vec!["client_credentials"];
    if !state.federation.is_empty() {
        types.push(GRANT_TYPE);
    }
    types
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, authorization: Option<&str>, expected: Result<&str, &str>) {
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, value.parse().unwrap());
        }
        let form = Form::parse(body.as_bytes()).unwrap();
        let read = read(&form, &headers);
        let read = read.as_ref().map(|asked| asked.token).map_err(Unexchanged::description);
        let expected = expected.map_err(|what| format!("The request cannot be exchanged: {what}."));
        assert_eq!(read, expected, "{body}");
    }

    #[test]
    fn rfc8693_an_exchange_has_one_token_of_a_known_type_and_no_other_proof() {
        let jwt = "subject_token_type=urn:ietf:params:oauth:token-type:jwt";
        let good = format!("{jwt}&subject_token=t");
        check(&good, None, Ok("t"));
        check(&good.replace(":jwt", ":id_token"), None, Ok("t"));
        let access = "urn:ietf:params:oauth:token-type:access_token";
        check(&format!("{good}&requested_token_type={access}"), None, Ok("t"));
        let proof = Err("the subject token is the proof, send no other");
        check(&good, Some("Basic YTpi"), proof);
        check(&format!("{good}&client_id=a&client_secret=b"), None, proof);
        check(&format!("{good}&client_assertion=x"), None, proof);
        let actor = Err("nobody acts for others here, leave actor_token out");
        check(&format!("{good}&actor_token=x"), None, actor);
        let wanted = Err("requested_token_type is an access_token or nothing");
        check(&format!("{good}&requested_token_type=urn:x"), None, wanted);
        check(jwt, None, Err("subject_token is missing"));
        check("subject_token=t", None, Err("subject_token_type is missing"));
        let kind = Err("subject_token_type is that of a jwt or an id_token");
        check("subject_token=t&subject_token_type=urn:x", None, kind);
        check(&format!("subject_token=t&subject_token_type={access}"), None, kind);
    }

    #[test]
    fn rfc8693_every_refusal_has_its_code() {
        for (refusal, code) in [
            (Unexchanged::Request("x"), "invalid_request"),
            (Unexchanged::Subject(WorkloadFault::NotTrusted), "invalid_request"),
            (Unexchanged::Subject(WorkloadFault::Revoked), "invalid_request"),
            (Unexchanged::Subject(WorkloadFault::Token(Fault::Signature)), "invalid_request"),
            (Unexchanged::Subject(WorkloadFault::NoKeys), "temporarily_unavailable"),
            (Unexchanged::Nobody, "invalid_request"),
            (Unexchanged::Several, "invalid_request"),
        ] {
            assert_eq!(refusal.code(), code, "{refusal:?}");
        }
    }
}
