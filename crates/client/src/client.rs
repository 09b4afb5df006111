//! A call with the token; with a new one once more, if the API refuses it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};

use crate::cache::Again;
use crate::endpoint::Endpoint;
use crate::error::{Cause, Error};
use crate::settings::is_in_clear;
use crate::{Settings, Token, Tokens, Transport, World};

/// A client of somebody's APIs. Cheap to clone; the clones share its token.
#[derive(Clone)]
pub struct Client(Tokens<Endpoint>);

impl Client {
    /// A client without a token yet: the first call asks for one.
    pub fn new(settings: Settings, transport: impl Transport + 'static, world: World) -> Self {
        let (clock, spawn) = (Arc::clone(&world.clock), Arc::clone(&world.spawn));
        let endpoint = Endpoint::new(settings, Arc::new(transport), world);
        Self(Tokens::new(endpoint, clock, spawn))
    }

    /// The token, for whoever calls by other means; such a caller tells of a 401 by
    /// [`Client::refused`].
    pub async fn token(&self) -> Result<Token, Error> {
        self.0.token().await
    }

    /// Tells that an API refused this token. Says whether another one is worth a try.
    pub fn refused(&self, token: &Token) -> Again {
        self.0.refused(token.value.expose())
    }

    /// Calls an API with the token. At a 401 the token is forgotten and the call made once more with
    /// a new one, unless an API refused a token for that reason within the last ten seconds: then
    /// the 401 is the answer. A 401 means that the request was not carried out, so this is safe for
    /// a POST too.
    pub async fn call(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Error> {
        if is_in_clear(request.uri()) {
            return Err(Error::InClear);
        }
        let token = self.token().await?;
        let answer = self.attempt(&request, &token).await?;
        let needs_nonce = self.0.asker().takes_nonce(request.uri(), &answer);
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let token = if needs_nonce {
            token
        } else if self.refused(&token) == Again::Yes {
            self.token().await?
        } else {
            return Ok(answer);
        };
        self.attempt(&request, &token).await
    }

    async fn attempt(
        &self,
        request: &Request<Bytes>,
        token: &Token,
    ) -> Result<Response<Bytes>, Error> {
        let endpoint = self.0.asker();
        let request = endpoint.with_token(request, token)?;
        let answer = endpoint.transport.send(request).await;
        answer.map_err(|error| Error::Api(Cause::from(error)))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.0.asker().settings).finish()
    }
}
