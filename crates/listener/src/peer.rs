//! Who is at the other end of a connection, and who a request came from in the end.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;
use tokio_util::task::TaskTracker;

use crate::certificate::ClientCertificate;

/// The other end of a connection.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its address; what a PROXY header says, where one is taken.
    pub address: SocketAddr,
    /// Whether what is said on the connection of where requests came from may be believed of it:
    /// not where a balancer's PROXY header leaves open whose connection it is.
    pub is_vouched_for: bool,
    /// What TLS knows of it; none on a plain connection.
    pub tls: Option<Arc<TlsPeer>>,
    /// Where what goes on after an answer runs, such as a WebSocket: whoever stops waits for it.
    pub tasks: TaskTracker,
    /// How a service is told of it, made once and not for each request.
    pub told: Told,
}

/// Where a request came from, as header values.
#[derive(Debug, Clone)]
pub struct Told {
    /// `Forwarded` (RFC 7239).
    pub forwarded: HeaderValue,
    /// `X-Forwarded-For`.
    pub address: HeaderValue,
}

impl Told {
    /// Of an address that spoke TLS or not.
    pub fn of(address: IpAddr, tls: bool) -> Self {
        let scheme = if tls { "https" } else { "http" };
        let address = address.to_canonical();
        let forwarded = match address {
            IpAddr::V4(v4) => format!("for={v4};proto={scheme}"),
            // RFC 7239 §6: an IPv6 address stands in brackets and quotes.
            IpAddr::V6(v6) => format!(r#"for="[{v6}]";proto={scheme}"#),
        };
        let value = |text: String| {
            HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("unknown"))
        };
        Self { forwarded: value(forwarded), address: value(address.to_string()) }
    }
}

impl Peer {
    /// The other end of a connection, which may speak for others where it is a proxy's.
    pub fn new(address: SocketAddr, tls: Option<Arc<TlsPeer>>, tasks: TaskTracker) -> Self {
        let told = Told::of(address.ip(), tls.is_some());
        Self { address, is_vouched_for: true, tls, tasks, told }
    }
}

/// What TLS knows of the other end.
#[derive(Debug)]
pub struct TlsPeer {
    /// The SHA-256 fingerprint of its certificate, which was verified against the door's
    /// authorities; none if it showed none.
    pub certificate: Option<[u8; 32]>,
    /// The name it asked for (SNI).
    pub server_name: Option<String>,
    /// The certificate it showed, also where it leads to none of the door's authorities; only a
    /// door that takes certificates of any maker has those.
    pub shown: Option<Arc<ClientCertificate>>,
    /// Its version: `1.3` or `1.2`.
    pub version: &'static str,
}

/// Which header tells where a request came from, and whom it is believed of.
///
/// Only one of the two is read: a proxy that sets one passes the other on as the caller wrote it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trusted {
    /// The proxies whose word is believed; empty believes nobody.
    pub proxies: Vec<IpNet>,
    /// Whether they set `Forwarded` (RFC 7239) and not `X-Forwarded-For`.
    pub by_forwarded: bool,
    /// Whether they speak TLS in our place and pass callers' certificates on in `Client-Cert`
    /// (RFC 9440).
    pub client_cert: bool,
}

/// More hops than this are not looked at: nobody has so many proxies.
const HOPS_MAX: usize = 32;

impl Trusted {
    /// Whether an address is one of the proxies'.
    pub fn has(&self, address: IpAddr) -> bool {
        let plain = address.to_canonical();
        self.proxies.iter().any(|range| range.contains(&plain))
    }

    /// Where a request came from: the last address on its way that is not one of the proxies'.
    /// What cannot be read ends the search at the last address that could.
    pub fn origin(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut address = peer.to_canonical();
        if self.proxies.is_empty() || !self.has(address) {
            return address;
        }
        let name = if self.by_forwarded { "forwarded" } else { "x-forwarded-for" };
        let values = headers.get_all(HeaderName::from_static(name));
        let mut hops: Vec<&str> = Vec::new();
        for value in values.iter().filter_map(|value| value.to_str().ok()) {
            hops.extend(value.split(',').map(str::trim));
        }
        for hop in hops.into_iter().rev().take(HOPS_MAX) {
            let read = if self.by_forwarded { node_of(hop) } else { Some(hop) };
            let Some(next) = read.and_then(address_of) else { return address };
            address = next;
            if !self.has(address) {
                return address;
            }
        }
        address
    }
}

/// The `for` of one element of `Forwarded` (RFC 7239 §4).
fn node_of(element: &str) -> Option<&str> {
    let pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let mut nodes = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
    let (_, value) = nodes.next()?;
    Some(value.trim().trim_matches('"'))
}

/// An address with or without a port, an IPv6 one with or without brackets.
fn address_of(text: &str) -> Option<IpAddr> {
    let bare = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<IpAddr>().ok();
    bare.or_else(with_port).or_else(in_brackets).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(by_forwarded: bool, peer: &str, values: &[&str]) -> String {
        let proxies = ["10.0.0.0/8", "fd00::/8"].map(|range| range.parse().unwrap()).to_vec();
        let mut headers = HeaderMap::new();
        for value in values {
            let name = if by_forwarded { "forwarded" } else { "x-forwarded-for" };
            headers.append(name, value.parse().unwrap());
        }
        let trusted = Trusted { proxies, by_forwarded, client_cert: false };
        trusted.origin(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn the_last_address_that_is_no_proxys_is_the_callers() {
        for (peer, values, found) in [
            ("10.0.0.1", vec!["203.0.113.7"], "203.0.113.7"),
            ("10.0.0.1", vec!["198.51.100.1, 203.0.113.7"], "203.0.113.7"),
            ("10.0.0.1", vec!["198.51.100.1", "203.0.113.7, 10.2.2.2"], "203.0.113.7"),
            ("10.0.0.1", vec!["203.0.113.7:4711"], "203.0.113.7"),
            ("::ffff:10.0.0.1", vec!["[2001:db8::1]:80"], "2001:db8::1"),
            // Nobody but a proxy is believed.
            ("203.0.113.9", vec!["198.51.100.1"], "203.0.113.9"),
            // What cannot be read ends the search.
            ("10.0.0.1", vec!["198.51.100.1, unknown, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", vec![], "10.0.0.1"),
            ("10.0.0.1", vec![""], "10.0.0.1"),
        ] {
            assert_eq!(origin(false, peer, &values), found, "{peer} {values:?}");
        }
    }

    #[test]
    fn forwarded_is_read_where_it_is_what_the_proxies_set() {
        for (values, found) in [
            (vec!["for=203.0.113.7;proto=https"], "203.0.113.7"),
            (vec![r#"for=198.51.100.1, For="[2001:db8::1]:4711";by=10.0.0.1"#], "2001:db8::1"),
            (vec!["for=_hidden"], "10.0.0.1"),
            (vec!["proto=https"], "10.0.0.1"),
        ] {
            assert_eq!(origin(true, "10.0.0.1", &values), found, "{values:?}");
        }
    }

    #[test]
    fn a_caller_cannot_lengthen_the_way() {
        let many = vec!["10.0.0.3"; 1000].join(", ");
        assert_eq!(origin(false, "10.0.0.1", &[&format!("203.0.113.7, {many}")]), "10.0.0.3");
    }
}
