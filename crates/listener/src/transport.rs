//! A connection's bytes, with or without TLS, and how they come to another core.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

/// The bytes of a connection: plain, or in TLS.
pub(crate) type Transport = Either<TcpStream, Box<TlsStream<Socket>>>;

/// The socket under TLS. It can be taken out and put back, which TLS does not notice.
#[derive(Debug)]
pub(crate) struct Socket(Option<TcpStream>);

impl Socket {
    fn get(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        let absent = || io::Error::from(io::ErrorKind::NotConnected);
        self.0.as_mut().map(Pin::new).ok_or_else(absent)
    }
}

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Self {
        Self(Some(stream))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.get()?.poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get()?.poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get()?.poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.as_ref().is_some_and(TcpStream::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get()?.poll_shutdown(context)
    }
}

/// The bytes of a connection that no runtime watches: on its way from one to another.
#[derive(Debug)]
pub(crate) struct Detached {
    socket: std::net::TcpStream,
    tls: Option<Box<TlsStream<Socket>>>,
}

impl Detached {
    /// Takes a connection from this thread's runtime.
    pub(crate) fn from(transport: Transport) -> io::Result<Self> {
        match transport {
            Either::Left(stream) => Ok(Self { socket: stream.into_std()?, tls: None }),
            Either::Right(mut tls) => {
                let stream = tls.get_mut().0.0.take();
                let stream = stream.ok_or(io::ErrorKind::NotConnected)?;
                Ok(Self { socket: stream.into_std()?, tls: Some(tls) })
            }
        }
    }

    /// Gives it to this thread's runtime.
    pub(crate) fn attach(self) -> io::Result<Transport> {
        let stream = TcpStream::from_std(self.socket)?;
        Ok(match self.tls {
            None => Either::Left(stream),
            Some(mut tls) => {
                tls.get_mut().0.0 = Some(stream);
                Either::Right(tls)
            }
        })
    }
}

/// Lets the other side see that a connection breaks off, and does not end.
pub(crate) fn break_off(transport: &Transport) {
    let stream = match transport {
        Either::Left(stream) => Some(stream),
        Either::Right(stream) => stream.get_ref().0.0.as_ref(),
    };
    let Some(stream) = stream else { return };
    if let Err(error) = SockRef::from(stream).set_linger(Some(Duration::ZERO)) {
        tracing::debug!(%error, "a connection could not be broken off");
    }
}
