//! How a client proves itself: Basic or body secret (RFC 6749 §2.3.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use credential::Digest;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use model::{LIVE_CREDENTIALS_MAX, Timestamp};

use crate::error::Refusal;
use crate::form::{Form, decode};
use crate::state::{ClientEntry, State};

/// What a request offers as proof.
pub(crate) struct Proof {
    pub(crate) client_id: String,
    secret: String,
    pub(crate) method: &'static str,
}

/// Reads the proof; two at once are refused (RFC 6749 §2.3), the same id beside Basic is fine.
pub(crate) fn proof(headers: &HeaderMap, form: &Form) -> Result<Proof, Refusal> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (first, second) = (values.next(), values.next());
    if second.is_some() {
        return Err(Refusal::Malformed("there is more than one Authorization header"));
    }
    let in_body = (form.get("client_id"), form.get("client_secret"));
    let Some(value) = first else {
        return match in_body {
            (Some(id), Some(secret)) => Ok(Proof {
                client_id: id.to_owned(),
                secret: secret.to_owned(),
                method: "client_secret_post",
            }),
            _ => Err(Refusal::ClientMissing),
        };
    };
    if in_body.1.is_some() {
        return Err(Refusal::Malformed("the client authenticates in two ways at once"));
    }
    let (client_id, secret) = value.to_str().ok().and_then(basic).ok_or(Refusal::Client)?;
    if in_body.0.is_some_and(|id| id != client_id) {
        return Err(Refusal::Malformed("client_id differs from the one in Authorization"));
    }
    Ok(Proof { client_id, secret, method: "client_secret_basic" })
}

/// User and password are form-urlencoded before base64 (RFC 6749 §2.3.1).
fn basic(value: &str) -> Option<(String, String)> {
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((decode(user)?, decode(password)?))
}

/// The client whose secret was offered, and the secret's id. An unknown client costs the same work as
/// a wrong secret.
pub(crate) fn authenticate<'a>(
    state: &'a State,
    proof: &Proof,
    now: Timestamp,
) -> Result<(&'a ClientEntry, &'a str), Refusal> {
    let offered = state.digester.digest(&proof.secret);
    let client = state.client(&proof.client_id);
    let live = move || {
        let client = client.into_iter();
        let secrets = client.flat_map(|client| client.secrets.iter().zip(&client.marks));
        secrets.filter(move |(secret, _)| secret.is_live(now))
    };
    let none = Digest::from_bytes([0; 32]);
    let nobodys = std::iter::repeat((&none, None));
    // As many comparisons for whoever asks: their number would tell which clients there are, and of
    // how many secrets. Those that are over are none of them, and may be more than can be live.
    let most = live().count().max(LIVE_CREDENTIALS_MAX);
    let secrets = live().map(|(secret, mark)| (&secret.digest, Some((secret.id.as_str(), mark))));
    let mut proven = None;
    for (digest, of) in secrets.chain(nobodys).take(most) {
        if digest.matches(&offered) {
            proven = proven.or(of);
        }
    }
    // Who has other ways only is not let in by a secret from before.
    let proven = client.filter(|client| client.client.takes_secrets()).zip(proven);
    let (client, (id, mark)) = proven.ok_or(Refusal::Client)?;
    mark.used(now);
    Ok((client, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(authorization: &[&str], body: &str) -> Result<(String, String), Refusal> {
        let mut headers = HeaderMap::new();
        for value in authorization {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        let proof = proof(&headers, &Form::parse(body.as_bytes())?)?;
        Ok((proof.client_id, proof.secret))
    }

    fn basic_of(user: &str, password: &str) -> String {
        format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
    }

    #[test]
    fn basic_credentials_are_form_decoded() {
        let good = |id: &str, secret: &str| Ok((id.to_owned(), secret.to_owned()));
        assert_eq!(read(&[&basic_of("a", "b")], ""), good("a", "b"));
        assert_eq!(read(&[&basic_of("a", "b:c")], ""), good("a", "b:c"));
        assert_eq!(read(&[&basic_of("a%2Bb", "c+d%25")], ""), good("a+b", "c d%"));
        assert_eq!(read(&[&basic_of("a", "b")], "client_id=a"), good("a", "b"));
        assert_eq!(read(&[], "client_id=a&client_secret=b%2B"), good("a", "b+"));
    }

    #[test]
    fn two_ways_at_once_are_refused() {
        let basic = basic_of("a", "b");
        for (headers, body) in [
            (vec![&*basic], "client_secret=b"),
            (vec![&*basic], "client_id=other"),
            (vec![&*basic, &*basic], ""),
        ] {
            assert!(matches!(read(&headers, body), Err(Refusal::Malformed(_))), "{body}");
        }
    }

    #[test]
    fn no_readable_proof_is_no_client() {
        assert_eq!(read(&[], ""), Err(Refusal::ClientMissing));
        assert_eq!(read(&[], "client_id=a"), Err(Refusal::ClientMissing));
        for value in ["Bearer x", "Basic", "Basic !!", "Basic YQ==", &basic_of("%zz", "b")] {
            assert_eq!(read(&[value], ""), Err(Refusal::Client), "{value}");
        }
    }
}
