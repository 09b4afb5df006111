//! A connection's headers: API key, Basic, or a bearer token that is cached, renewed early, and
//! asked for by one request at a time.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use http_body_util::Full;
use model::{
    Auth, ClientAuth, Clock, Connection, HeaderValue as Value, OAuthClient, Secret, SecretError,
    SecretReader, SecretSource, Timestamp,
};
use outbound::{Bounds, Guard, Origin, Pool, in_words, send_whole};
use parking_lot::Mutex;
use tokio_util::task::TaskTracker;

use crate::attempt::USER_AGENT_VALUE;

/// How long one token request may take in all.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(10);
/// The lifetime assumed of a token whose answer names none.
const LIFETIME_DEFAULT_S: i64 = 300;
/// A token is renewed when a fifth of its life is left, at most two minutes before its end.
const EARLY_MAX_MS: i64 = 120_000;
/// After a failed token request the next one waits, so that a dead token endpoint is not hammered.
const AFTER_FAILURE_MS: i64 = 1_000;

/// Why there are no credentials.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum CredentialsError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("a value of connection {0} cannot stand in a header")]
    HeaderValue(String),
    #[error("no token from {url}: {reason}")]
    Token { url: String, reason: String },
}

/// One connection in use.
pub(crate) struct Credentials {
    connection: Connection,
    secrets: Arc<dyn SecretReader>,
    clock: Arc<dyn Clock>,
    token: Mutex<TokenState>,
    /// Held by the one request that fetches a token.
    fetching: tokio::sync::Mutex<()>,
    pool: Option<Pool<Full<Bytes>>>,
}

#[derive(Default)]
struct TokenState {
    token: Option<Token>,
    /// The last failure, and until when it is given as the answer.
    failure: Option<(Timestamp, CredentialsError)>,
}

#[derive(Clone)]
struct Token {
    value: Secret,
    renew_at: Timestamp,
    ends_at: Timestamp,
}

enum Look {
    Use(Token),
    /// Usable, but somebody should renew it.
    Renew(Token),
    Fetch,
    Failed(CredentialsError),
}

impl Credentials {
    pub(crate) fn new(
        connection: Connection,
        guard: Guard,
        (secrets, clock): (Arc<dyn SecretReader>, Arc<dyn Clock>),
        tracker: TaskTracker,
    ) -> Self {
        let pool = match &connection.auth {
            Auth::OAuth(client) => client
                .token_url
                .parse::<Uri>()
                .ok()
                .and_then(|url| Origin::of(&url))
                .map(|origin| Pool::new(origin, guard, 1, tracker)),
            _ => None,
        };
        let (token, fetching) = (Mutex::default(), tokio::sync::Mutex::new(()));
        Self { connection, secrets, clock, token, fetching, pool }
    }

    /// The connection they are of.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Adds the connection's headers; they win over those that are there, and authentication is
    /// added last (EventBridge, connections).
    pub(crate) async fn add_to(&self, headers: &mut HeaderMap) -> Result<(), CredentialsError> {
        for (name, value) in &self.connection.headers {
            let value = match value {
                Value::Plain(text) => Secret::new(text.clone()),
                Value::Secret(source) => self.secrets.read(source)?,
            };
            self.insert(headers, name, value.expose())?;
        }
        match &self.connection.auth {
            Auth::None => Ok(()),
            Auth::ApiKey { header, value } => {
                let value = self.secrets.read(value)?;
                self.insert(headers, header, value.expose())
            }
            Auth::Basic { username, password } => {
                let value = self.basic(username, password)?;
                self.insert(headers, AUTHORIZATION.as_str(), value.expose())
            }
            Auth::OAuth(client) => {
                let token = self.token(client).await?;
                let value = Secret::new(format!("Bearer {}", token.value.expose()));
                self.insert(headers, AUTHORIZATION.as_str(), value.expose())
            }
        }
    }

    /// Forgets the token that a receiver refused, if it still is the present one.
    pub(crate) fn refused(&self, headers: &HeaderMap) {
        let sent = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let sent = sent.and_then(|value| value.strip_prefix("Bearer "));
        let mut state = self.token.lock();
        if state.token.as_ref().is_some_and(|token| Some(token.value.expose()) == sent) {
            state.token = None;
        }
    }

    fn insert(
        &self,
        headers: &mut HeaderMap,
        name: &str,
        value: &str,
    ) -> Result<(), CredentialsError> {
        let unfit = || CredentialsError::HeaderValue(self.connection.name.to_string());
        let name = HeaderName::try_from(name).map_err(|_| unfit())?;
        let mut value = HeaderValue::from_str(value).map_err(|_| unfit())?;
        value.set_sensitive(true);
        headers.insert(name, value);
        Ok(())
    }

    fn basic(&self, user: &str, password: &SecretSource) -> Result<Secret, SecretError> {
        let password = self.secrets.read(password)?;
        let pair = Secret::new(format!("{user}:{}", password.expose()));
        Ok(Secret::new(format!("Basic {}", STANDARD.encode(pair.expose()))))
    }

    async fn token(&self, client: &OAuthClient) -> Result<Token, CredentialsError> {
        match self.look() {
            Look::Use(token) => return Ok(token),
            Look::Failed(error) => return Err(error),
            Look::Renew(token) => {
                // One renews; the others go on with what is still good.
                let Ok(_one) = self.fetching.try_lock() else { return Ok(token) };
                return Ok(self.fetch(client).await.unwrap_or(token));
            }
            Look::Fetch => {}
        }
        let _one = self.fetching.lock().await;
        match self.look() {
            Look::Use(token) | Look::Renew(token) => Ok(token),
            Look::Failed(error) => Err(error),
            Look::Fetch => self.fetch(client).await,
        }
    }

    fn look(&self) -> Look {
        let now = self.clock.now();
        let state = self.token.lock();
        match (&state.token, &state.failure) {
            (Some(token), _) if now < token.renew_at => Look::Use(token.clone()),
            (Some(token), Some((until, _))) if now < token.ends_at && now < *until => {
                Look::Use(token.clone())
            }
            (Some(token), _) if now < token.ends_at => Look::Renew(token.clone()),
            (_, Some((until, error))) if now < *until => Look::Failed(error.clone()),
            _ => Look::Fetch,
        }
    }

    async fn fetch(&self, client: &OAuthClient) -> Result<Token, CredentialsError> {
        let fetched = self.request(client).await;
        let now = self.clock.now();
        let mut state = self.token.lock();
        match &fetched {
            Ok(token) => {
                state.failure = None;
                state.token = Some(token.clone());
            }
            Err(error) => {
                state.failure = Some((now.plus_ms(AFTER_FAILURE_MS), error.clone()));
            }
        }
        fetched
    }

    async fn request(&self, client: &OAuthClient) -> Result<Token, CredentialsError> {
        let failed =
            |reason: String| CredentialsError::Token { url: client.token_url.clone(), reason };
        let pool = self.pool.as_ref().ok_or_else(|| failed("the address is no URL".to_owned()))?;
        let secret = self.secrets.read(&client.client_secret)?;
        let request = token_request(client, pool.origin(), &secret).map_err(&failed)?;
        let sent = send_whole(pool, request, Bounds::within(TOKEN_TIMEOUT)).await;
        let answer = sent.map_err(|error| failed(in_words(&error)))?;
        if !answer.status.is_success() {
            return Err(failed(refusal(answer.status.as_u16(), &answer.body)));
        }
        read_token(&answer.body, self.clock.now()).map_err(failed)
    }
}

/// A client-credentials request (RFC 6749 §4.4.2); in Basic, id and secret are form-urlencoded
/// first (§2.3.1).
fn token_request(
    client: &OAuthClient,
    origin: &Origin,
    secret: &Secret,
) -> Result<Request<Full<Bytes>>, String> {
    let mut body = "grant_type=client_credentials".to_owned();
    if let Some(scope) = &client.scope {
        body.push_str("&scope=");
        body.push_str(&form_encode(scope));
    }
    let (id, secret) = (form_encode(&client.client_id), form_encode(secret.expose()));
    let url: Uri = client.token_url.parse().map_err(|_| "the address is no URL".to_owned())?;
    let target = url.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::post(target)
        .header(HOST, origin.authority())
        .header(USER_AGENT, USER_AGENT_VALUE)
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    match client.client_auth {
        ClientAuth::Basic => {
            let pair = STANDARD.encode(format!("{id}:{secret}"));
            let value = HeaderValue::from_str(&format!("Basic {pair}"));
            let mut value = value.map_err(|error| error.to_string())?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        ClientAuth::Body => {
            for part in ["&client_id=", &id, "&client_secret=", &secret] {
                body.push_str(part);
            }
        }
    }
    request.body(Full::from(body)).map_err(|error| error.to_string())
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

/// What a token endpoint said when it refused; only the standard's members are shown.
fn refusal(status: u16, body: &[u8]) -> String {
    let document = serde_json::from_slice::<serde_json::Value>(body).unwrap_or_default();
    let member = |name: &str| document[name].as_str().unwrap_or_default().to_owned();
    format!("{status} {} {}", member("error"), member("error_description")).trim().to_owned()
}

fn read_token(body: &[u8], now: Timestamp) -> Result<Token, String> {
    let mut document: serde_json::Value =
        serde_json::from_slice(body).map_err(|_| "the answer is not JSON".to_owned())?;
    let value = match document.get_mut("access_token").map(serde_json::Value::take) {
        Some(serde_json::Value::String(value)) if !value.is_empty() => Secret::new(value),
        _ => return Err("the answer has no access_token".to_owned()),
    };
    let kind = document["token_type"].as_str().unwrap_or("Bearer");
    if !kind.eq_ignore_ascii_case("bearer") {
        return Err(format!("the token is of type {kind}, not Bearer"));
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
    }
}
