//! What a connection adds to a call: its parameters, and an API key, Basic, or a bearer token
//! (`tokens.rs`); and which secrets a call carried, so that its answer does not show them
//! (`sent.rs`).

mod sent;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use model::{Auth, Clock, Connection, Parameter, Random, Secret, SecretError, SecretReader};
use outbound::{Guard, Tls};
use tokio_util::task::TaskTracker;
use transform::{merge_body, merge_query};

use crate::attempt::Draft;
use crate::material;
pub(crate) use sent::Sent;
use tokens::Tokens;

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
#[derive(Clone)]
pub(crate) struct Means {
    pub(crate) secrets: Arc<dyn SecretReader>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
}

/// One connection in use.
pub(crate) struct Credentials {
    connection: Connection,
    means: Means,
    tokens: Option<Tokens>,
    tls: Option<Arc<Tls>>,
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
        let tokens = match &connection.auth {
            Auth::OAuth(client) => {
                let way = (guard, tls.clone());
                Some(Tokens::new((**client).clone(), means.clone(), way, tracker))
            }
            _ => None,
        };
        Self { connection, means, tokens, tls }
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
    /// added last (EventBridge, connections). A token is waited for so long at the most. Gives what
    /// the call carries of secrets, and how long it waited.
    pub(crate) async fn add_to(
        &self,
        draft: &mut Draft,
        within: Duration,
    ) -> Result<Sent, CredentialsError> {
        let mut sent = Sent::default();
        let name = || self.connection.name.to_string();
        for (header, value) in self.parameters(&self.connection.headers, &mut sent)? {
            self.insert(&mut draft.headers, header, value.expose())?;
        }
        let query = self.parameters(&self.connection.query, &mut sent)?;
        if !query.is_empty() {
            let merged = merge_query(draft.target.query(), &exposed(&query));
            let target = format!("{}?{merged}", draft.target.path());
            draft.target = target.parse().map_err(|_| CredentialsError::Query(name()))?;
        }
        let members = self.parameters(&self.connection.body, &mut sent)?;
        if let Some(body) = draft.body.as_mut().filter(|_| !members.is_empty()) {
            let merged = merge_body(body, &exposed(&members));
            *body = merged.ok_or_else(|| CredentialsError::NoObject(name()))?;
        }
        self.authenticate(&mut draft.headers, within, &mut sent).await?;
        Ok(sent)
    }

    async fn authenticate(
        &self,
        headers: &mut HeaderMap,
        within: Duration,
        sent: &mut Sent,
    ) -> Result<(), CredentialsError> {
        let (header, value) = match &self.connection.auth {
            Auth::None => return Ok(()),
            Auth::ApiKey { header, value } => {
                let value = self.means.secrets.read(value)?;
                sent.secrets.push(value.clone());
                (header.as_str(), value)
            }
            Auth::Basic { username, password } => {
                let password = self.means.secrets.read(password)?;
                let pair = Secret::new(format!("{username}:{}", password.expose()));
                let pair = Secret::new(STANDARD.encode(pair.expose()));
                let value = Secret::new(format!("Basic {}", pair.expose()));
                sent.secrets.extend([password, pair]);
                (AUTHORIZATION.as_str(), value)
            }
            Auth::OAuth(_) => {
                let Some(tokens) = &self.tokens else { return Ok(()) };
                let (token, waited) = tokens.token(within).await?;
                let value = Secret::new(format!("Bearer {}", token.expose()));
                sent.secrets.push(token);
                sent.waited = waited;
                (AUTHORIZATION.as_str(), value)
            }
        };
        self.insert(headers, header, value.expose())
    }

    /// Parameters with their values, none of them too long.
    fn parameters<'p>(
        &self,
        of: &'p [(String, Parameter)],
        sent: &mut Sent,
    ) -> Result<Vec<(&'p str, Secret)>, CredentialsError> {
        let mut read = |(name, value): &'p (String, Parameter)| {
            let value = match value {
                Parameter::Plain(text) => Secret::new(text.clone()),
                Parameter::Secret(source) => {
                    let value = self.means.secrets.read(source)?;
                    if value.expose().len() > VALUE_BYTES_MAX {
                        let (name, place) = (self.connection.name.to_string(), source.to_string());
                        return Err(CredentialsError::TooLong { name, place });
                    }
                    sent.secrets.push(value.clone());
                    value
                }
            };
            Ok((name.as_str(), value))
        };
        of.iter().map(&mut read).collect()
    }

    /// Tells that a receiver refused what stood in this `Authorization`.
    pub(crate) fn refused(&self, authorization: Option<&HeaderValue>) {
        let sent = authorization.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        if let (Some(tokens), Some(token)) = (&self.tokens, sent) {
            tokens.refused(token);
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
}

fn exposed<'p>(of: &'p [(&'p str, Secret)]) -> Vec<(&'p str, &'p str)> {
    of.iter().map(|(name, value)| (*name, value.expose())).collect()
}
