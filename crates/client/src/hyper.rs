//! A transport over hyper: a pool of HTTP/1.1 connections, no redirects, bounds of time and size.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::TokioExecutor;

use crate::{BoxError, BoxFuture, Transport};

/// How long a call may take in all where nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How much of an answer is read where nothing else is said.
const BYTES_MAX: usize = 1 << 20;

/// A transport over hyper.
#[derive(Clone)]
pub struct HyperTransport<C> {
    client: Client<C, Full<Bytes>>,
    timeout: Duration,
    bytes_max: usize,
}

impl HyperTransport<HttpConnector> {
    /// Plain HTTP, for services on this machine.
    pub fn plain() -> Self {
        Self::over(HttpConnector::new())
    }
}

impl<C: Connect + Clone + Send + Sync + 'static> HyperTransport<C> {
    /// Over connections that somebody else makes, for instance those of `hyper-rustls`, with a
    /// client certificate if the token endpoint asks for one.
    pub fn over(connector: C) -> Self {
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Self { client, timeout: TIMEOUT, bytes_max: BYTES_MAX }
    }

    /// So long in all.
    #[must_use]
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// So many bytes of an answer; a longer one is an error.
    #[must_use]
    pub fn up_to(mut self, bytes_max: usize) -> Self {
        self.bytes_max = bytes_max;
        self
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, BoxError> {
        let exchange = async {
            let answer = self.client.request(request.map(Full::new)).await?;
            let (parts, body) = answer.into_parts();
            let body = Limited::new(body, self.bytes_max).collect().await?.to_bytes();
            Ok::<_, BoxError>(Response::from_parts(parts, body))
        };
        let late = |_| BoxError::from(format!("no answer within {} ms", self.timeout.as_millis()));
        tokio::time::timeout(self.timeout, exchange).await.map_err(late)?
    }
}

impl<C: Connect + Clone + Send + Sync + 'static> Transport for HyperTransport<C> {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, BoxError>> {
        Box::pin(self.exchange(request))
    }
}

impl<C> fmt::Debug for HyperTransport<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HyperTransport").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}
