//! A connection's bytes, with or without TLS.

use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

/// The bytes of a connection: plain, or in TLS.
pub(crate) type Transport = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// Lets the other side see that a connection breaks off, and does not end.
pub(crate) fn break_off(transport: &Transport) {
    let stream = match transport {
        Either::Left(stream) => stream,
        Either::Right(stream) => stream.get_ref().0,
    };
    if let Err(error) = SockRef::from(stream).set_linger(Some(Duration::ZERO)) {
        tracing::debug!(%error, "a connection could not be broken off");
    }
}
