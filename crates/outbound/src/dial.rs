//! Making a connection: resolve, judge, connect, TLS.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::Uri;
use http::uri::Scheme;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::guard::{Guard, Refusal};
use crate::resolve::Resolver;
use crate::tls::{Tls, TlsError, public};
use crate::transport::Transport;

/// How many addresses of a name are looked at: a name service of somebody else's may give thousands.
const ADDRESSES_MAX: usize = 8;
/// How long an address has before the next one is tried beside it (RFC 8305 §5, which recommends
/// this): one that swallows every packet must not use up the time of those that answer.
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(250);

/// Where a connection leads: scheme, host, port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    tls: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of an absolute `http` or `https` URL.
    pub fn of(uri: &Uri) -> Option<Self> {
        let tls = match uri.scheme()? {
            scheme if *scheme == Scheme::HTTP => false,
            scheme if *scheme == Scheme::HTTPS => true,
            _ => return None,
        };
        let host = uri.host()?.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Some(Self { tls, host, port })
    }

    /// The origin of plain HTTP to `host:port`.
    pub fn plain(authority: &str) -> Option<Self> {
        Self::of(
            &Uri::builder().scheme("http").authority(authority).path_and_query("/").build().ok()?,
        )
    }

    /// Whether the host is an address, and not a name whose addresses may change.
    pub fn is_address(&self) -> bool {
        self.host.parse::<IpAddr>().is_ok()
    }

    /// What stands in `Host`.
    pub fn authority(&self) -> String {
        let host =
            if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name has no address.
    #[error("the name {host} cannot be resolved")]
    Name {
        /// The name.
        host: String,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The guard refuses every address of the name.
    #[error("the guard refuses this address: {0}")]
    Guard(#[from] Refusal),
    /// Nobody answers.
    #[error("no connection to {address}")]
    Connect {
        /// The address tried last.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// The certificate, key or authorities of the connection cannot be used; nobody was called.
    #[error("TLS cannot be spoken")]
    Setup(#[from] TlsError),
    /// The TLS handshake failed.
    #[error("TLS with {host} failed")]
    Tls {
        /// The name.
        host: String,
        /// The address that was called.
        address: SocketAddr,
        /// The library's reason.
        source: io::Error,
    },
    /// The HTTP handshake failed.
    #[error("HTTP could not be spoken")]
    Http(#[source] hyper::Error),
}

impl DialError {
    /// The address that was reached, if one was.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        match self {
            Self::Tls { address, .. } => Some(*address),
            _ => None,
        }
    }
}

/// How connections to an origin are made.
pub(crate) struct Dialer {
    pub(crate) guard: Guard,
    pub(crate) resolver: Arc<dyn Resolver>,
    /// As whom TLS speaks and whom it trusts; nobody and the public roots where there is none.
    pub(crate) tls: Option<Arc<Tls>>,
}

/// A new connection.
pub(crate) struct Dialled {
    pub(crate) stream: Transport,
    /// Whom it reached.
    pub(crate) peer: SocketAddr,
    /// The number of the TLS material it was made with.
    pub(crate) material: u64,
}

impl Dialer {
    /// Connects to the origin, to an address the guard has judged.
    pub(crate) async fn dial(&self, origin: &Origin) -> Result<Dialled, DialError> {
        // Before anybody is called: a certificate that cannot be read calls nobody.
        let (config, material) = self.config(origin)?;
        let (stream, peer) = self.connect(origin).await?;
        let Some(config) = config else {
            return Ok(Dialled { stream: Transport::Left(stream), peer, material });
        };
        let failed = |source| DialError::Tls { host: origin.host.clone(), address: peer, source };
        let name = ServerName::try_from(origin.host.clone())
            .map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
        let stream = TlsConnector::from(config).connect(name, stream).await.map_err(failed)?;
        Ok(Dialled { stream: Transport::Right(Box::new(stream)), peer, material })
    }

    fn config(&self, origin: &Origin) -> Result<(Option<Arc<ClientConfig>>, u64), TlsError> {
        match &self.tls {
            _ if !origin.tls => Ok((None, 0)),
            None => Ok((Some(public()), 0)),
            Some(tls) => tls.present().map(|(config, number)| (Some(config), number)),
        }
    }

    async fn connect(&self, origin: &Origin) -> Result<(TcpStream, SocketAddr), DialError> {
        let mut refused = None;
        let mut judged = self.resolve(origin).await?;
        judged.truncate(ADDRESSES_MAX);
        judged.retain(|address| match self.guard.judge(address.ip(), address.port()) {
            Ok(()) => true,
            Err(refusal) => {
                refused.get_or_insert(refusal);
                false
            }
        });
        let Some(connected) = first(judged).await else {
            return Err(refused.map_or_else(
                || DialError::Name {
                    host: origin.host.clone(),
                    source: io::Error::new(io::ErrorKind::NotFound, "no address"),
                },
                DialError::Guard,
            ));
        };
        let (stream, address) = connected?;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, %address, "no TCP_NODELAY on this connection");
        }
        Ok((stream, address))
    }

    async fn resolve(&self, origin: &Origin) -> Result<Vec<SocketAddr>, DialError> {
        if let Ok(ip) = origin.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, origin.port)]);
        }
        let found = self.resolver.resolve(&origin.host, origin.port).await;
        found.map_err(|source| DialError::Name { host: origin.host.clone(), source })
    }
}

/// The first connection that comes about, or how the last one failed; `None` without an address.
/// An address is tried when the one before it has failed or had its time, which goes on beside it.
async fn first(addresses: Vec<SocketAddr>) -> Option<Result<(TcpStream, SocketAddr), DialError>> {
    let connect = async |address| match TcpStream::connect(address).await {
        Ok(stream) => Ok((stream, address)),
        Err(source) => Err(DialError::Connect { address, source }),
    };
    let mut rest = addresses.into_iter();
    let mut under_way = FuturesUnordered::new();
    let mut failed = None;
    loop {
        under_way.extend(rest.next().map(connect));
        tokio::select! {
            ended = under_way.next() => match ended {
                Some(Err(error)) => failed = Some(Err(error)),
                Some(connected) => return Some(connected),
                None => return failed,
            },
            () = tokio::time::sleep(NEXT_ADDRESS_AFTER), if rest.len() > 0 => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_have_their_default_ports() {
        for (url, text) in [
            ("http://a.example/x", "http://a.example"),
            ("https://a.example:8443/x?y", "https://a.example:8443"),
            ("https://a.example:443", "https://a.example"),
            ("http://[::1]:7300/x", "http://[::1]:7300"),
        ] {
            assert_eq!(Origin::of(&url.parse().unwrap()).unwrap().to_string(), text);
        }
        assert_eq!(Origin::of(&"ftp://a/".parse().unwrap()), None);
        assert_eq!(Origin::of(&"/x".parse().unwrap()), None);
        let is_address = |url: &str| Origin::of(&url.parse().unwrap()).unwrap().is_address();
        assert!(is_address("http://127.0.0.1/x") && is_address("https://[::1]:8443"));
        assert!(!is_address("https://a.example"));
    }
}
