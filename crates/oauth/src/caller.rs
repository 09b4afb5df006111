//! Who asks at an endpoint that is no token endpoint: proven as there (RFC 7009 §2.1, RFC 7662 §2.1).

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use model::Timestamp;

use crate::client::{authenticate, proof};
use crate::error::Refusal;
use crate::form::Form;
use crate::state::{ClientEntry, State};

/// The body's form and the client whose request it is. Parameters of the query never count.
pub(crate) fn caller<'a>(
    state: &'a State,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<(Form, &'a ClientEntry), Refusal> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let what = "Content-Type must be application/x-www-form-urlencoded";
        return Err(Refusal::Malformed(what));
    }
    let form = Form::parse(body)?;
    let proof = proof(headers, &form)?;
    let client = authenticate(state, &proof, now)?;
    Ok((form, client))
}

/// The token a request is about. What kind it is said to be (`token_type_hint`) is not looked at:
/// there are access tokens only, and a wrong hint must change nothing (RFC 7009 §2.1).
pub(crate) fn token(form: &Form) -> Result<&str, Refusal> {
    form.get("token").ok_or(Refusal::Malformed("token is missing"))
}
