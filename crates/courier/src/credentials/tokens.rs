//! A connection's bearer token: how the courier asks for one.
//!
//! Keeping it, renewing it early and asking by one request at a time is `gatepost-client`'s, the
//! library that partners use too. What is asked is ours, for connections can say more of it than a
//! client library needs: the method, parameters of their own, secrets that Gatepost keeps, TLS with
//! material that changes, under the guard. The request runs by itself, on the tracker that shutdown
//! waits for: an attempt gives up at its own bound, and the token is there for the next one.

use std::sync::Arc;
use std::time::Duration;

use gatepost_client::{
    Ask, BoxFuture, Renewal, Spawn, Token, TokenKind, read_granted, read_refusal,
};
use http::Uri;
use model::{Clock, OAuthClient, Secret};
use outbound::{Bounds, Guard, Origin, Pool, Tls, in_words, send_whole};
use tokio_util::task::TaskTracker;

use super::{CredentialsError, Means};
use crate::attempt::without_values;
use crate::token_request::{Surroundings, token_request};

/// How long one token request may take in all.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(10);
/// A token is renewed two minutes before its end at the most: token endpoints of partners may be
/// away for a while, and deliveries go on meanwhile.
const RENEWAL: Renewal = Renewal { early_max_ms: 120_000 };

/// The token of one client.
pub(super) struct Tokens {
    tokens: gatepost_client::Tokens<Endpoint>,
    clock: Arc<dyn Clock>,
}

/// The token endpoint of a connection.
struct Endpoint {
    client: OAuthClient,
    means: Means,
    pool: Option<Pool>,
}

impl Tokens {
    /// Asks the token endpoint under this guard, with this TLS.
    pub(super) fn new(
        client: OAuthClient,
        means: Means,
        (guard, tls): (Guard, Option<Arc<Tls>>),
        tracker: TaskTracker,
    ) -> Self {
        let origin = client.token_url.parse::<Uri>().ok().and_then(|url| Origin::of(&url));
        let pool = |origin| Pool::new(origin, guard, 1, tracker.clone()).with_tls(tls);
        let pool = origin.map(pool);
        let clock = Arc::clone(&means.clock);
        let ticking = Arc::new(OurClock(Arc::clone(&clock)));
        let endpoint = Endpoint { client, means, pool };
        let tokens = gatepost_client::Tokens::new(endpoint, ticking, Arc::new(Tracked(tracker)));
        Self { tokens, clock }
    }

    /// A token, and how long it was waited for.
    pub(super) async fn token(
        &self,
        within: Duration,
    ) -> Result<(Secret, Duration), CredentialsError> {
        let began_ns = self.clock.ticks_ns();
        let fetched = tokio::time::timeout(within, self.tokens.token()).await;
        let late =
            |_| self.tokens.asker().failed(format!("no answer within {} ms", within.as_millis()));
        let token = fetched.map_err(late)??;
        let waited_ns = self.clock.ticks_ns().saturating_sub(began_ns);
        let value = Secret::new(token.value.expose().to_owned());
        Ok((value, Duration::from_nanos(waited_ns)))
    }

    /// Forgets the token that a receiver refused, if it still is the present one; not again and
    /// again for one that refuses all, for it shares the connection with others.
    pub(super) fn refused(&self, sent: &str) {
        // The attempt is tried again by its destination's rules, with whatever token is there then.
        self.tokens.refused(sent);
    }
}

impl Endpoint {
    fn failed(&self, reason: String) -> CredentialsError {
        CredentialsError::Token { url: without_values(&self.client.token_url), reason }
    }

    async fn request(&self) -> Result<Token, CredentialsError> {
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
            let refusal = read_refusal(answer.status.as_u16(), &answer.body);
            return Err(failed(refusal.to_string()));
        }
        let granted = read_granted(&answer.body, TokenKind::Bearer);
        let granted = granted.map_err(|error| failed(error.to_string()))?;
        let mut chance = [0; 2];
        self.means.random.fill(&mut chance);
        let now_ms = self.means.clock.now().ms();
        Ok(granted.at(now_ms, RENEWAL, u16::from_le_bytes(chance)))
    }
}

impl Ask for Endpoint {
    type Error = CredentialsError;

    fn ask(&self) -> BoxFuture<'_, Result<Token, CredentialsError>> {
        Box::pin(self.request())
    }

    fn interrupted(&self) -> CredentialsError {
        self.failed("interrupted".to_owned())
    }
}

/// The program's clock, as the library asks for it.
struct OurClock(Arc<dyn Clock>);

impl gatepost_client::Clock for OurClock {
    fn now_ms(&self) -> i64 {
        self.0.now().ms()
    }
}

/// Requests that shutdown waits for.
struct Tracked(TaskTracker);

impl Spawn for Tracked {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.0.spawn(task);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use model::{
        ClientAuth, ClientProof, Method, Random, SecretError, SecretReader, SecretSource, Timestamp,
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

    fn tokens(listener: &TcpListener) -> Tokens {
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
        Tokens::new(client, means, (Guard::Own, None), TaskTracker::new())
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
        assert_eq!(token.unwrap().0.expose(), "t1");
        assert_eq!(tokens.token(SHORT).await.unwrap().1, Duration::ZERO);
        assert!(listener.accept().now_or_never().is_none());
    }
}
