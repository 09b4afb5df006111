//! The way to the token endpoint and to the API: any HTTP library.

use std::pin::Pin;

use bytes::Bytes;
use http::{Request, Response};

use crate::BoxError;

/// A future that may be sent between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Sends a request and reads the whole answer.
///
/// It bounds what nobody else does: how long it waits (10 s for a token endpoint is plenty) and how
/// much of an answer it reads. It follows no redirect, for that would carry a secret or a token to
/// whom it was not meant for, and it verifies the server's certificate. A function from a request to
/// a future of a response is a transport.
pub trait Transport: Send + Sync {
    /// The answer, whatever its status; an error only where there is none.
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, BoxError>>;
}

impl<F, Fut> Transport for F
where
    F: Fn(Request<Bytes>) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Response<Bytes>, BoxError>> + Send + 'static,
{
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, BoxError>> {
        Box::pin(self(request))
    }
}
