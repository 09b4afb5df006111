//! A caller that chooses where it calls from, what it says first, its TLS and its HTTP, and that
//! keeps its connection as long as it wants.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::program::{Answer, Program};

/// Where callers call from, unless a test wants another address.
pub(crate) const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// Another address of the same machine.
pub(crate) const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// What callers take the door's name to be.
const HOST: &str = "gate.example";

/// One connection to the public door.
pub(crate) struct Line {
    sender: Sender,
    scheme: &'static str,
}

enum Sender {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

/// Which HTTP a connection speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Http {
    One,
    Two,
}

/// A connection's bytes, with or without TLS.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Where the program's public door is.
pub(crate) fn door_of(program: &Program) -> SocketAddr {
    program.public.trim_start_matches("http://").parse().unwrap()
}

/// A connection from an address of this machine.
pub(crate) async fn connect(program: &Program, from: Ipv4Addr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((from, 0))).unwrap();
    socket.connect(door_of(program)).await.unwrap()
}

/// Speaks TLS on a connection.
pub(crate) async fn shake(
    stream: TcpStream,
    config: &Arc<ClientConfig>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from("127.0.0.1").unwrap();
    TlsConnector::from(Arc::clone(config)).connect(name, stream).await
}

impl Line {
    /// From this machine's first address, in HTTP/1.1.
    pub(crate) async fn to(program: &Program) -> Self {
        Self::plain(connect(program, HERE).await).await
    }

    /// HTTP/1.1 on a connection.
    pub(crate) async fn plain(stream: TcpStream) -> Self {
        Self::over(Box::new(stream), Http::One, "http").await.unwrap()
    }

    /// HTTP/2 on a connection, by prior knowledge.
    pub(crate) async fn plain_two(stream: TcpStream) -> Self {
        Self::over(Box::new(stream), Http::Two, "http").await.unwrap()
    }

    /// With TLS, in the HTTP that it settles on.
    pub(crate) async fn with_tls(program: &Program, config: &Arc<ClientConfig>) -> Self {
        let stream = shake(connect(program, HERE).await, config).await.unwrap();
        Self::over_tls(stream).await.unwrap()
    }

    /// The HTTP that TLS has settled on.
    pub(crate) async fn over_tls(stream: TlsStream<TcpStream>) -> hyper::Result<Self> {
        let settled = stream.get_ref().1.alpn_protocol() == Some(&b"h2"[..]);
        let http = if settled { Http::Two } else { Http::One };
        Self::over(Box::new(stream), http, "https").await
    }

    async fn over(
        stream: Box<dyn Stream>,
        http: Http,
        scheme: &'static str,
    ) -> hyper::Result<Self> {
        let io = TokioIo::new(stream);
        let sender = match http {
            Http::One => {
                let (sender, connection) = http1::handshake(io).await?;
                tokio::spawn(connection);
                Sender::One(sender)
            }
            Http::Two => {
                let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
                tokio::spawn(connection);
                Sender::Two(sender)
            }
        };
        Ok(Self { sender, scheme })
    }

    /// A request without a body that must be answered.
    pub(crate) async fn call(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        self.try_call(method, path, headers).await.unwrap()
    }

    /// A request with a body that must be answered.
    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        self.try_send((method, path), headers, body).await.unwrap()
    }

    /// A request without a body; an error where the connection ends before its answer.
    pub(crate) async fn try_call(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> hyper::Result<Answer> {
        self.try_send((method, path), headers, "").await
    }

    /// A request with a body; an error where the connection ends before its answer.
    pub(crate) async fn try_send(
        &mut self,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        body: &str,
    ) -> hyper::Result<Answer> {
        let request = Request::builder().method(method);
        let mut request = match &self.sender {
            Sender::One(_) => request.uri(path).header("host", HOST),
            Sender::Two(_) => request.uri(format!("{}://{HOST}{path}", self.scheme)),
        };
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
        let request = request.body(body).unwrap();
        let response = match &mut self.sender {
            Sender::One(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Sender::Two(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        let (parts, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
    }
}

/// Sends bytes as they are; gives everything that comes back. A reset is an end too.
pub(crate) async fn raw(program: &Program, from: Ipv4Addr, bytes: &[u8]) -> String {
    use tokio::io::AsyncReadExt as _;
    let mut stream = connect(program, from).await;
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    String::from_utf8_lossy(&answer).into_owned()
}

/// The code of a refusal; empty where it is none.
pub(crate) fn code(answer: &Answer) -> String {
    let problem = answer.json();
    let kind = problem["type"].as_str().unwrap_or_default();
    kind.trim_start_matches("urn:gatepost:problem:").to_owned()
}
