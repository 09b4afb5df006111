//! What a connection adds to a call: its parameters, and an API key, Basic, or a bearer token that
//! is cached, renewed early, and asked for by one request at a time.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use http_body_util::Full;
use model::{
    Auth, Clock, Connection, OAuthClient, Parameter, Random, Secret, SecretError, SecretReader,
    SecretSource, Timestamp,
};
use outbound::{Bounds, Guard, Origin, Pool, Tls, in_words, send_whole};
use parking_lot::Mutex;
use tokio_util::task::TaskTracker;
use transform::{merge_body, merge_query};

use crate::attempt::Draft;
use crate::material;
use crate::token_request::{Surroundings, Token, read_token, refusal, token_request};

/// How long one token request may take in all.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(10);
/// After a failed token request the next one waits, so that a dead token endpoint is not hammered.
const AFTER_FAILURE_MS: i64 = 1_000;
/// A receiver that refuses every token gets a new one this often at the most: it shares the
/// connection, and its token endpoint, with others.
const AFTER_REFUSAL_MS: i64 = 10_000;
/// The longest value of a parameter (EventBridge API, `ConnectionHeaderParameter`).
const VALUE_BYTES_MAX: usize = 512;

/// Why there are no credentials.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum CredentialsError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("a value of connection {0} cannot stand in a header")]
    HeaderValue(String),
    #[error("the secret in {place} is a parameter of connection {name}, and longer than 512 bytes")]
    TooLong { name: String, place: String },
    #[error(
        "connection {0} adds members to the body, and what this target sends is no JSON object; \
         let it send one, or give the destination another connection"
    )]
    NoObject(String),
    #[error("the parameters of connection {0} cannot stand in a URL")]
    Query(String),
    #[error("no token from {url}: {reason}")]
    Token { url: String, reason: String },
}

impl CredentialsError {
    /// Whether trying again gives the same.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::NoObject(_))
    }
}

/// What credentials are made with.
pub(crate) struct Means {
    pub(crate) secrets: Arc<dyn SecretReader>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
}

/// One connection in use.
pub(crate) struct Credentials {
    connection: Connection,
    means: Means,
    token: Mutex<TokenState>,
    /// Held by the one request that fetches a token.
    fetching: tokio::sync::Mutex<()>,
    pool: Option<Pool<Full<Bytes>>>,
    tls: Option<Arc<Tls>>,
}

#[derive(Default)]
struct TokenState {
    token: Option<Token>,
    /// The last failure, and until when it is given as the answer.
    failure: Option<(Timestamp, CredentialsError)>,
    /// When a token was last forgotten because a receiver refused it.
    refused_at: Option<Timestamp>,
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
        means: Means,
        tracker: TaskTracker,
    ) -> Self {
        let (secrets, clock) = (Arc::clone(&means.secrets), Arc::clone(&means.clock));
        let tls = material::own(&connection.tls, secrets, clock);
        let pool = match &connection.auth {
            Auth::OAuth(client) => client
                .token_url
                .parse::<Uri>()
                .ok()
                .and_then(|url| Origin::of(&url))
                .map(|origin| Pool::new(origin, guard, 1, tracker).with_tls(tls.clone())),
            _ => None,
        };
        let (token, fetching) = (Mutex::default(), tokio::sync::Mutex::new(()));
        Self { connection, means, token, fetching, pool, tls }
    }

    /// The connection they are of.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// How TLS is spoken, if not as everybody does.
    pub(crate) fn tls(&self) -> Option<Arc<Tls>> {
        self.tls.clone()
    }

    /// Adds the connection's parameters; they win over those that are there, and authentication is
    /// added last (EventBridge, connections).
    pub(crate) async fn add_to(&self, draft: &mut Draft) -> Result<(), CredentialsError> {
        let name = || self.connection.name.to_string();
        for (header, value) in self.parameters(&self.connection.headers)? {
            self.insert(&mut draft.headers, header, value.expose())?;
        }
        let query = self.parameters(&self.connection.query)?;
        if !query.is_empty() {
            let merged = merge_query(draft.target.query(), &exposed(&query));
            let target = format!("{}?{merged}", draft.target.path());
            draft.target = target.parse().map_err(|_| CredentialsError::Query(name()))?;
        }
        let members = self.parameters(&self.connection.body)?;
        if let Some(body) = draft.body.as_mut().filter(|_| !members.is_empty()) {
            let merged = merge_body(body, &exposed(&members));
            *body = merged.ok_or_else(|| CredentialsError::NoObject(name()))?;
        }
        self.authenticate(&mut draft.headers).await
    }

    async fn authenticate(&self, headers: &mut HeaderMap) -> Result<(), CredentialsError> {
        match &self.connection.auth {
            Auth::None => Ok(()),
            Auth::ApiKey { header, value } => {
                let value = self.means.secrets.read(value)?;
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

    /// Parameters with their values, none of them too long.
    fn parameters<'p>(
        &self,
        of: &'p [(String, Parameter)],
    ) -> Result<Vec<(&'p str, Secret)>, CredentialsError> {
        let read = |(name, value): &'p (String, Parameter)| {
            let value = match value {
                Parameter::Plain(text) => Secret::new(text.clone()),
                Parameter::Secret(source) => {
                    let value = self.means.secrets.read(source)?;
                    if value.expose().len() > VALUE_BYTES_MAX {
                        let (name, place) = (self.connection.name.to_string(), source.to_string());
                        return Err(CredentialsError::TooLong { name, place });
                    }
                    value
                }
            };
            Ok((name.as_str(), value))
        };
        of.iter().map(read).collect()
    }

    /// Forgets the token that a receiver refused, if it still is the present one; not again and
    /// again for one that refuses all.
    pub(crate) fn refused(&self, headers: &HeaderMap) {
        let sent = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let sent = sent.and_then(|value| value.strip_prefix("Bearer "));
        let now = self.means.clock.now();
        let mut state = self.token.lock();
        let lately = state.refused_at.is_some_and(|at| now.since_ms(at) < AFTER_REFUSAL_MS);
        let present = state.token.as_ref().is_some_and(|token| Some(token.value.expose()) == sent);
        if present && !lately {
            state.token = None;
            state.refused_at = Some(now);
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
        let password = self.means.secrets.read(password)?;
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
        let now = self.means.clock.now();
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
        let now = self.means.clock.now();
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
        let around = Surroundings {
            secrets: &*self.means.secrets,
            random: &*self.means.random,
            now: self.means.clock.now(),
            authority: &pool.origin().authority(),
        };
        let request = token_request(client, &around).map_err(&failed)?;
        let sent = send_whole(pool, request, Bounds::within(TOKEN_TIMEOUT)).await;
        let answer = sent.map_err(|error| failed(in_words(&error)))?;
        if !answer.status.is_success() {
            return Err(failed(refusal(answer.status.as_u16(), &answer.body)));
        }
        read_token(&answer.body, self.means.clock.now()).map_err(failed)
    }
}

fn exposed<'p>(of: &'p [(&'p str, Secret)]) -> Vec<(&'p str, &'p str)> {
    of.iter().map(|(name, value)| (*name, value.expose())).collect()
}
