//! Queries and bodies, with problems for what cannot be read.

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// The parameters of the query.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        read.map(|query| Self(query.0))
            .map_err(|error: QueryRejection| Problem::Malformed(error.body_text()))
    }
}

/// The body as JSON.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let read = axum::Json::<T>::from_request(request, state).await;
        read.map(|body| Self(body.0))
            .map_err(|error: JsonRejection| Problem::Malformed(error.body_text()))
    }
}

/// The body as JSON, where there is one: a call that only asks for the usual needs none.
pub(crate) struct MaybeBody<T>(pub(crate) T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for MaybeBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let read = Bytes::from_request(request, state).await;
        let bytes = read.map_err(|error: BytesRejection| Problem::Malformed(error.body_text()))?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        let parsed = serde_json::from_slice(&bytes).map(Self);
        parsed.map_err(|error| {
            Problem::Malformed(format!("The body is not what is asked for: {error}."))
        })
    }
}
