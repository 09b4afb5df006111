//! A connection's bearer token: cached, renewed early, and asked for by one request at a time.
//!
//! The request runs by itself, whoever waits: an attempt gives up at its own bound, and the token
//! that comes later is there for the next one. While a token is good nobody waits for another.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use http::Uri;
use http_body_util::Full;
use model::{OAuthClient, Timestamp};
use outbound::{Bounds, Guard, Origin, Pool, Tls, in_words, send_whole};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

use super::{CredentialsError, Means};
use crate::attempt::without_values;
use crate::token_request::{Surroundings, Token, read_token, refusal, token_request};

/// How long one token request may take in all.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(10);
/// After a failed token request the next one waits, so that a dead token endpoint is not hammered.
const AFTER_FAILURE_MS: i64 = 1_000;
/// A receiver that refuses every token gets a new one this often at the most: it shares the
/// connection, and its token endpoint, with others.
const AFTER_REFUSAL_MS: i64 = 10_000;

/// The token of one client.
pub(super) struct Tokens {
    client: OAuthClient,
    means: Means,
    state: Mutex<State>,
    pool: Option<Pool<Full<Bytes>>>,
    tracker: TaskTracker,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    /// The last failure, and until when it is given as the answer.
    failure: Option<(Timestamp, CredentialsError)>,
    /// When a token was last forgotten because a receiver refused it.
    refused_at: Option<Timestamp>,
    /// The last request, ended or not.
    request: Option<Fetch>,
}

type Fetched = Result<Token, CredentialsError>;
type Fetch = Shared<BoxFuture<'static, Fetched>>;

enum Look {
    Use(Token),
    Wait(Fetch),
    Failed(CredentialsError),
}

impl Tokens {
    /// Without a way to the token endpoint yet.
    pub(super) fn new(client: OAuthClient, means: Means, tracker: TaskTracker) -> Self {
        Self { client, means, state: Mutex::default(), pool: None, tracker }
    }

    /// Asks the token endpoint under this guard, with this TLS.
    pub(super) fn over(mut self, guard: Guard, tls: Option<Arc<Tls>>) -> Self {
        let origin = self.client.token_url.parse::<Uri>().ok().and_then(|url| Origin::of(&url));
        let tracker = self.tracker.clone();
        self.pool = origin.map(|origin| Pool::new(origin, guard, 1, tracker).with_tls(tls));
        self
    }

    /// A token, and how long it was waited for.
    pub(super) async fn token(
        self: &Arc<Self>,
        within: Duration,
    ) -> Result<(Token, Duration), CredentialsError> {
        let fetch = match self.look() {
            Look::Use(token) => return Ok((token, Duration::ZERO)),
            Look::Failed(error) => return Err(error),
            Look::Wait(fetch) => fetch,
        };
        let began_ns = self.means.clock.ticks_ns();
        let fetched = tokio::time::timeout(within, fetch).await;
        let late = |_| self.failed(format!("no answer within {} ms", within.as_millis()));
        let token = fetched.map_err(late)??;
        let waited_ns = self.means.clock.ticks_ns().saturating_sub(began_ns);
        Ok((token, Duration::from_nanos(waited_ns)))
    }

    /// Forgets the token that a receiver refused, if it still is the present one; not again and
    /// again for one that refuses all.
    pub(super) fn refused(&self, sent: &str) {
        let now = self.means.clock.now();
        let mut state = self.state.lock();
        let lately = state.refused_at.is_some_and(|at| now.since_ms(at) < AFTER_REFUSAL_MS);
        let present = state.token.as_ref().is_some_and(|token| token.value.expose() == sent);
        if present && !lately {
            state.token = None;
            state.refused_at = Some(now);
        }
    }

    fn look(self: &Arc<Self>) -> Look {
        let now = self.means.clock.now();
        let mut state = self.state.lock();
        let failure = state.failure.as_ref().filter(|(until, _)| now < *until);
        let good = state.token.as_ref().filter(|token| now < token.ends_at);
        match (good.cloned(), failure) {
            (Some(token), failure) => {
                if now >= token.renew_at && failure.is_none() {
                    drop(self.fetch(&mut state));
                }
                Look::Use(token)
            }
            (None, Some((_, error))) => Look::Failed(error.clone()),
            (None, None) => Look::Wait(self.fetch(&mut state)),
        }
    }

    /// The request under way, or a new one.
    fn fetch(self: &Arc<Self>, state: &mut State) -> Fetch {
        if let Some(under_way) = state.request.as_ref().filter(|fetch| fetch.peek().is_none()) {
            return under_way.clone();
        }
        let (tell, told) = oneshot::channel();
        let interrupted = self.failed("interrupted".to_owned());
        let fetch = told.map(|fetched| fetched.unwrap_or(Err(interrupted))).boxed().shared();
        state.request = Some(fetch.clone());
        let tokens = Arc::clone(self);
        self.tracker.spawn(async move {
            let fetched = tokens.request().await;
            tokens.keep(&fetched);
            // Those who waited may have gone.
            tell.send(fetched).ok();
        });
        fetch
    }

    fn keep(&self, fetched: &Fetched) {
        let now = self.means.clock.now();
        let mut state = self.state.lock();
        state.request = None;
        match fetched {
            Ok(token) => {
                state.failure = None;
                state.token = Some(token.clone());
            }
            Err(error) => {
                state.failure = Some((now.plus_ms(AFTER_FAILURE_MS), error.clone()));
            }
        }
    }

    fn failed(&self, reason: String) -> CredentialsError {
        CredentialsError::Token { url: without_values(&self.client.token_url), reason }
    }

    async fn request(&self) -> Fetched {
        let failed = |reason| self.failed(reason);
        let pool = self.pool.as_ref().ok_or_else(|| failed("the address is no URL".to_owned()))?;
        let around = Surroundings {
            secrets: &*self.means.secrets,
            random: &*self.means.random,
            now: self.means.clock.now(),
            authority: &pool.origin().authority(),
        };
        let request = token_request(&self.client, &around).map_err(failed)?;
        let sent = send_whole(pool, request, Bounds::within(TOKEN_TIMEOUT)).await;
        let answer = sent.map_err(|error| failed(in_words(&error)))?;
        if !answer.status.is_success() {
            return Err(failed(refusal(answer.status.as_u16(), &answer.body)));
        }
        read_token(&answer.body, self.means.clock.now()).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use model::{
        ClientAuth, ClientProof, Clock, Method, Random, Secret, SecretError, SecretReader,
        SecretSource,
    };
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// A clock that stands, no randomness, and one secret.
    struct Still;

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::from_ms(1_800_000_000_000)
        }

        fn ticks_ns(&self) -> u64 {
            0
        }
    }

    impl Random for Still {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    impl SecretReader for Still {
        fn read(&self, _: &SecretSource) -> Result<Secret, SecretError> {
            Ok(Secret::new("hunter2".to_owned()))
        }
    }

    fn tokens(listener: &TcpListener) -> Arc<Tokens> {
        let client = OAuthClient {
            token_url: format!("http://{}/token?key=hunter2", listener.local_addr().unwrap()),
            client_id: "acme".to_owned(),
            proof: ClientProof::Secret {
                secret: SecretSource::Env("X".to_owned()),
                by: ClientAuth::Basic,
            },
            scope: None,
            method: Method::Post,
            headers: Vec::new(),
            query: Vec::new(),
            body: Vec::new(),
        };
        let means =
            Means { secrets: Arc::new(Still), clock: Arc::new(Still), random: Arc::new(Still) };
        Arc::new(Tokens::new(client, means, TaskTracker::new()).over(Guard::Own, None))
    }

    /// Takes one request and answers it with a token.
    async fn answer(listener: &TcpListener, token: &str) {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = Vec::new();
        while !read.ends_with(b"client_credentials") {
            assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0);
        }
        let body = format!(r#"{{"access_token":"{token}","expires_in":3600}}"#);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all((head + &body).as_bytes()).await.unwrap();
    }

    const SHORT: Duration = Duration::from_millis(100);
    const LONG: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn an_attempt_gives_up_at_its_bound_and_the_token_is_there_for_the_next() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tokens = tokens(&listener);
        for _ in 0..3 {
            let error = tokens.token(SHORT).await.unwrap_err().to_string();
            assert!(error.ends_with("/token?key=…: no answer within 100 ms"), "{error}");
        }
        // One request was made for all of them, and is answered now.
        let (token, ()) = tokio::join!(tokens.token(LONG), answer(&listener, "t1"));
        assert_eq!(token.unwrap().0.value.expose(), "t1");
        assert_eq!(tokens.token(SHORT).await.unwrap().1, Duration::ZERO);
        assert!(listener.accept().now_or_never().is_none());
    }

    #[tokio::test]
    async fn nobody_waits_for_a_token_while_one_is_good() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tokens = tokens(&listener);
        let now = Still.now();
        tokens.state.lock().token = Some(Token {
            value: Secret::new("t1".to_owned()),
            renew_at: now,
            ends_at: now.plus_ms(1_000),
        });
        for _ in 0..3 {
            let token = tokens.token(LONG).now_or_never().expect("it is at hand");
            assert_eq!(token.unwrap().0.value.expose(), "t1");
        }
        answer(&listener, "t2").await;
        let renewed = tokens.state.lock().request.clone();
        if let Some(renewed) = renewed {
            renewed.await.unwrap();
        }
        assert_eq!(tokens.token(LONG).await.unwrap().0.value.expose(), "t2");
        assert!(listener.accept().now_or_never().is_none());
    }
}
