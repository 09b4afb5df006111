//! OAuth 2.0 client credentials (RFC 6749 §4.4) for programs that call somebody's API.
//!
//! One [`Client`] holds one token and gives it to however many callers ask at once: one request is
//! made for all of them, a new token is there before the old one ends, a token endpoint that fails
//! is left alone for a second, and an API that refuses a token gets a new one once.
//!
//! It has no opinion on the HTTP library ([`Transport`]), the runtime ([`Spawn`]), the clock or the
//! source of randomness; what most programs take is behind the features `hyper`, `tokio` and
//! `system`. A client certificate (RFC 8705) is the transport's: see [`ClientAuth::Tls`].
//!
//! ```
//! use bytes::Bytes;
//! use gatepost_client::{BoxError, Client, ClientAuth, Secret, Settings, World};
//! use http::{Request, Response};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Any HTTP library will do; this function plays the token endpoint and the API.
//! let transport = |request: Request<Bytes>| async move {
//!     let body = match request.uri().path() {
//!         "/oauth2/token" => r#"{"access_token":"t1","token_type":"Bearer","expires_in":3600}"#,
//!         _ if request.headers()["authorization"] == "Bearer t1" => "ordered",
//!         _ => "who are you?",
//!     };
//!     Ok::<_, BoxError>(Response::new(Bytes::from_static(body.as_bytes())))
//! };
//! let auth = ClientAuth::basic(Secret::new("the secret"));
//! let settings = Settings::new("https://api.tires.example/oauth2/token", "car-orders", auth)?
//!     .scope("tires/create.order");
//! let client = Client::new(settings, transport, World::system());
//!
//! let order = Request::post("https://api.tires.example/orders").body(Bytes::from("{}"))?;
//! assert_eq!(client.call(order).await?.body(), "ordered");
//! # Ok(())
//! # }
//! ```
//!
//! ```text
//! settings.rs   whose token, from where, with which proof
//! client.rs     a call with the token; once more after a 401
//! tokens.rs     one token for many callers, one request at a time
//!   cache.rs    use, renew, ask or fail: decides from numbers alone
//! endpoint.rs   the request for a token
//! answer.rs     its answer: a token or a refusal (RFC 6749 §5)
//! assertion.rs  private_key_jwt (RFC 7523); key.rs signs it
//! dpop.rs       the hook for proofs of possession (RFC 9449)
//! ```

mod answer;
mod assertion;
mod cache;
mod client;
mod clock;
mod dpop;
mod endpoint;
mod error;
mod form;
#[cfg(feature = "hyper")]
mod hyper;
#[cfg(feature = "private-key")]
mod key;
mod secret;
mod settings;
mod tokens;
mod transport;
mod world;

pub use answer::{
    ANSWER_BYTES_MAX, AnswerError, ErrorCode, Granted, Refusal, Token, TokenKind, read_granted,
    read_refusal,
};
pub use assertion::Signer;
pub use cache::{Again, Renewal};
pub use client::Client;
#[cfg(feature = "system")]
pub use clock::{SystemClock, SystemRandom};
pub use dpop::{Prover, Proving};
pub use error::{BoxError, Cause, Error};
pub use form::{basic_authorization, form_encode};
#[cfg(feature = "hyper")]
pub use hyper::HyperTransport;
#[cfg(feature = "private-key")]
pub use key::{KeyError, PrivateKey};
pub use secret::{ReadSecret, Secret};
pub use settings::{ClientAuth, Settings, SettingsError};
pub use tokens::{Ask, Tokens};
pub use transport::{BoxFuture, Transport};
#[cfg(feature = "tokio")]
pub use world::OnTokio;
pub use world::{Clock, Random, Spawn, World};
