//! Asking a token endpoint: the request of the client-credentials grant, and its answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method as HttpMethod, Request, Uri};
use http_body_util::Full;
use jwt::{Assertion, AssertionKey};
use model::{
    ClientAuth, ClientProof, Method, OAuthClient, Parameter, PrivateKeyProof, Random, Secret,
    SecretReader, Timestamp, token_id,
};
use transform::merge_query;
use zeroize::Zeroizing;

use crate::attempt::USER_AGENT_VALUE;

/// The lifetime assumed of a token whose answer names none.
const LIFETIME_DEFAULT_S: i64 = 300;
/// A token is renewed when a fifth of its life is left, at most two minutes before its end.
const EARLY_MAX_MS: i64 = 120_000;
/// How much of a text of a token endpoint's is shown.
const SHOWN_CHARS_MAX: usize = 200;
/// How long an assertion is good: one request, and clocks that differ a little.
const ASSERTION_S: i64 = 60;
/// What kind of assertion ours is (RFC 7523 §2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A token, and when it is to be renewed.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) value: Secret,
    pub(crate) renew_at: Timestamp,
    pub(crate) ends_at: Timestamp,
}

/// What a token request is made of, beside the client.
pub(crate) struct Surroundings<'a> {
    pub(crate) secrets: &'a dyn SecretReader,
    pub(crate) random: &'a dyn Random,
    pub(crate) now: Timestamp,
    /// What stands in `Host`.
    pub(crate) authority: &'a str,
}

/// The form, each value in clear until it is encoded.
type Form = Vec<(&'static str, Secret)>;

/// A client-credentials request (RFC 6749 §4.4.2), in the method that the endpoint wants. A GET has
/// no body: the form stands in its query.
pub(crate) fn token_request(
    client: &OAuthClient,
    around: &Surroundings<'_>,
) -> Result<Request<Full<bytes::Bytes>>, String> {
    let plain = |text: &str| Secret::new(text.to_owned());
    let mut form: Form = vec![("grant_type", plain("client_credentials"))];
    form.extend(client.scope.as_deref().map(|scope| ("scope", plain(scope))));
    let mut headers = HeaderMap::new();
    for (name, value) in &client.headers {
        let value = around.read(value)?;
        headers.insert(header_name(name)?, header_value(value.expose())?);
    }
    match &client.proof {
        ClientProof::Secret { secret, by } => {
            let secret = around.secrets.read(secret).map_err(|error| error.to_string())?;
            match by {
                ClientAuth::Basic => {
                    let value = basic(&client.client_id, &secret);
                    headers.insert(AUTHORIZATION, header_value(&value)?);
                }
                ClientAuth::Body => {
                    form.push(("client_id", plain(&client.client_id)));
                    form.push(("client_secret", secret));
                }
            }
        }
        ClientProof::PrivateKey(proof) => {
            form.push(("client_id", plain(&client.client_id)));
            form.push(("client_assertion_type", plain(ASSERTION_TYPE)));
            form.push(("client_assertion", assertion(client, proof, around)?));
        }
    }
    let url: Uri = client.token_url.parse().map_err(|_| "the address is no URL".to_owned())?;
    let extra = around.all(&client.query)?;
    let mut query: Vec<(&str, &str)> = pairs(&extra);
    let mut request = Request::new(Full::default());
    if client.method == Method::Get {
        query.extend(form.iter().map(|(name, value)| (*name, value.expose())));
    } else {
        let more = around.all(&client.body)?;
        let own = form.iter().map(|(name, value)| (*name, value.expose()));
        let body = Zeroizing::new(encoded(own.chain(pairs(&more))));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        *request.body_mut() = Full::from(body.to_string());
    }
    let method = HttpMethod::from_bytes(client.method.as_str().as_bytes());
    *request.method_mut() = method.map_err(|error| error.to_string())?;
    *request.uri_mut() = target(&url, &query)?;
    headers.insert(HOST, header_value(around.authority)?);
    headers.insert(USER_AGENT, HeaderValue::from_static(USER_AGENT_VALUE));
    headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/json"));
    *request.headers_mut() = headers;
    Ok(request)
}

impl Surroundings<'_> {
    fn read(&self, parameter: &Parameter) -> Result<Secret, String> {
        match parameter {
            Parameter::Plain(text) => Ok(Secret::new(text.clone())),
            Parameter::Secret(source) => {
                self.secrets.read(source).map_err(|error| error.to_string())
            }
        }
    }

    fn all<'p>(&self, of: &'p [(String, Parameter)]) -> Result<Vec<(&'p str, Secret)>, String> {
        of.iter().map(|(name, value)| Ok((name.as_str(), self.read(value)?))).collect()
    }
}

fn pairs<'p>(of: &'p [(&'p str, Secret)]) -> Vec<(&'p str, &'p str)> {
    of.iter().map(|(name, value)| (*name, value.expose())).collect()
}

fn header_name(name: &str) -> Result<HeaderName, String> {
    HeaderName::try_from(name).map_err(|error| error.to_string())
}

fn header_value(text: &str) -> Result<HeaderValue, String> {
    let value = HeaderValue::from_str(text);
    let mut value = value.map_err(|_| "a value cannot stand in a header".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

fn target(url: &Uri, query: &[(&str, &str)]) -> Result<Uri, String> {
    let query = merge_query(url.query(), query);
    let path = if url.path().is_empty() { "/" } else { url.path() };
    let target = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
    target.parse().map_err(|_| "its query cannot stand in a URL".to_owned())
}

/// In Basic, id and secret are form-urlencoded first (RFC 6749 §2.3.1).
fn basic(id: &str, secret: &Secret) -> Zeroizing<String> {
    let secret = Zeroizing::new(form_encode(secret.expose()));
    let pair = Zeroizing::new(format!("{}:{}", form_encode(id), *secret));
    Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())))
}

fn assertion(
    client: &OAuthClient,
    proof: &PrivateKeyProof,
    around: &Surroundings<'_>,
) -> Result<Secret, String> {
    let text = around.secrets.read(&proof.key).map_err(|error| error.to_string())?;
    let key = AssertionKey::parse(text.expose());
    let key = key.map_err(|reason| format!("the key in {} cannot sign: {reason}", proof.key))?;
    let assertion = Assertion {
        client_id: &client.client_id,
        audience: proof.audience.as_deref().unwrap_or(&client.token_url),
        id: &token_id(around.now, around.random),
        now_s: around.now.seconds(),
        lifetime_s: ASSERTION_S,
    };
    Ok(Secret::new(key.sign(&assertion, proof.key_id.as_deref())))
}

fn encoded<'p>(form: impl Iterator<Item = (&'p str, &'p str)>) -> String {
    let parts = form.map(|(name, value)| format!("{}={}", form_encode(name), form_encode(value)));
    parts.collect::<Vec<_>>().join("&")
}

/// Form-urlencoding (RFC 6749 appendix B).
fn form_encode(text: &str) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' => {
                encoded.push(char::from(byte));
            }
            b' ' => encoded.push('+'),
            other => {
                encoded.push('%');
                encoded.push(DIGITS[usize::from(other >> 4)]);
                encoded.push(DIGITS[usize::from(other & 15)]);
            }
        }
    }
    encoded
}

/// A text of a token endpoint's, fit to be shown: cut, and without what RFC 6749 §5.2 keeps out of
/// it, such as line breaks and what moves a terminal's cursor.
fn shown(text: &str) -> String {
    let fits = |char: &char| matches!(char, ' '..='~') && !matches!(char, '"' | '\\');
    let shown = text.chars().take(SHOWN_CHARS_MAX);
    shown.map(|char| if fits(&char) { char } else { '?' }).collect()
}

/// What a token endpoint said when it refused; only the standard's members are shown.
pub(crate) fn refusal(status: u16, body: &[u8]) -> String {
    let document = serde_json::from_slice::<serde_json::Value>(body).unwrap_or_default();
    let member = |name: &str| shown(document[name].as_str().unwrap_or_default());
    format!("{status} {} {}", member("error"), member("error_description")).trim().to_owned()
}

/// The token of an answer that is a success.
pub(crate) fn read_token(body: &[u8], now: Timestamp) -> Result<Token, String> {
    let mut document: serde_json::Value =
        serde_json::from_slice(body).map_err(|_| "the answer is not JSON".to_owned())?;
    let value = match document.get_mut("access_token").map(serde_json::Value::take) {
        Some(serde_json::Value::String(value)) if !value.is_empty() => Secret::new(value),
        _ => return Err("the answer has no access_token".to_owned()),
    };
    let kind = document["token_type"].as_str().unwrap_or("Bearer");
    if !kind.eq_ignore_ascii_case("bearer") {
        return Err(format!("the token is of type {}, not Bearer", shown(kind)));
    }
    // Some servers write the number as a string.
    let lifetime = &document["expires_in"];
    let lifetime_s = lifetime.as_i64().or_else(|| lifetime.as_str()?.parse().ok());
    let lifetime_ms = lifetime_s.unwrap_or(LIFETIME_DEFAULT_S).clamp(1, 31_536_000) * 1000;
    let early_ms = (lifetime_ms / 5).min(EARLY_MAX_MS);
    Ok(Token {
        value,
        renew_at: now.plus_ms(lifetime_ms - early_ms),
        ends_at: now.plus_ms(lifetime_ms),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_form_encoded() {
        assert_eq!(form_encode("a b+c:d%é*-._~"), "a+b%2Bc%3Ad%25%C3%A9*-._%7E");
    }

    #[test]
    fn a_token_is_renewed_before_its_end() {
        let now = Timestamp::from_ms(1_000_000);
        let of = |body: &str| {
            read_token(body.as_bytes(), now).map(|token| {
                (token.renew_at.since_ms(now) / 1000, token.ends_at.since_ms(now) / 1000)
            })
        };
        assert_eq!(of(r#"{"access_token":"t","expires_in":3600}"#), Ok((3480, 3600)));
        assert_eq!(of(r#"{"access_token":"t","expires_in":"60"}"#), Ok((48, 60)));
        assert_eq!(of(r#"{"access_token":"t"}"#), Ok((240, 300)));
        assert!(of(r#"{"access_token":""}"#).is_err());
        assert!(of(r#"{"access_token":"t","token_type":"mac"}"#).is_err());
        for other in ["<html>", "[]", "5", "\"x\"", "null", "{}"] {
            assert!(of(other).is_err(), "{other}");
        }
    }

    #[test]
    fn a_refusal_shows_only_what_the_standard_names() {
        let body = br#"{"error":"invalid_client","error_description":"no","secret":"x"}"#;
        assert_eq!(refusal(401, body), "401 invalid_client no");
        assert_eq!(refusal(502, b"<html>"), "502");
        let long = "x".repeat(300);
        let body =
            serde_json::json!({ "error": "a\u{1b}[2J\n\u{202e}\"b", "error_description": long });
        let expected = format!("400 a?[2J???b {}", "x".repeat(200));
        assert_eq!(refusal(400, body.to_string().as_bytes()), expected);
        let body = serde_json::json!({ "access_token": "t", "token_type": format!("m\n{long}") });
        let error = read_token(body.to_string().as_bytes(), Timestamp::default()).unwrap_err();
        assert_eq!(error, format!("the token is of type m?{}, not Bearer", "x".repeat(198)));
    }
}
