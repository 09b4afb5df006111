//! An outgoing connection's bytes, with or without TLS.

use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

/// The bytes of a connection: plain, or in TLS.
pub(crate) type Transport = Either<TcpStream, Box<TlsStream<TcpStream>>>;
