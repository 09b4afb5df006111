//! Who asks, and what: the same at every endpoint that takes a form from a client (RFC 6749 §2.3,
//! RFC 7009 §2.1, RFC 7662 §2.1).

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use listener::ClientCertificate;
use model::Timestamp;

use crate::Service;
use crate::authentication::{self, Proving};
use crate::error::Refusal;
use crate::form::Form;
use crate::state::{ClientEntry, State};

/// The parameters of a request. They come in the body; those of the query never count (RFC 6749
/// §3.2).
pub(crate) fn form(headers: &HeaderMap, body: &[u8]) -> Result<Form, Refusal> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let what = "Content-Type must be application/x-www-form-urlencoded";
        return Err(Refusal::Malformed(what));
    }
    Form::parse(body)
}

/// The form, and the client whose request it is. Keys that the client publishes must have been got
/// before ([`crate::assertion::prepare`]).
pub(crate) fn caller<'a>(
    service: &Service,
    state: &'a State,
    (headers, certificate): (&HeaderMap, Option<&ClientCertificate>),
    (body, now): (&[u8], Timestamp),
) -> Result<(Form, &'a ClientEntry), Refusal> {
    let form = form(headers, body)?;
    let claim = authentication::claim(state, headers, &form, now)?;
    let client = authentication::prove(service, state, &claim, Proving { certificate, now })?;
    drop(claim);
    if client.client.tokens.is_over(now) {
        return Err(Refusal::Expired);
    }
    Ok((form, client))
}

/// The token a request is about. What kind it is said to be (`token_type_hint`) is not looked at:
/// there are access tokens only, and a wrong hint must change nothing (RFC 7009 §2.1).
pub(crate) fn token(form: &Form) -> Result<&str, Refusal> {
    form.get("token").ok_or(Refusal::Malformed("token is missing"))
}
