//! Who is at the other end of a connection, and who a request came from in the end.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;
use tokio_util::task::TaskTracker;

use crate::certificate::ClientCertificate;
use crate::timer::Timer;

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
    /// For the time that its requests may take.
    pub timer: Timer,
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
    /// Of an address, and the scheme that was spoken there.
    pub fn of(address: IpAddr, scheme: &str) -> Self {
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
        let told = Told::of(address.ip(), scheme(tls.as_deref()));
        Self { address, is_vouched_for: true, tls, tasks, told, timer: Timer::default() }
    }

    /// The scheme that is spoken on the connection: `https` or `http`.
    pub fn scheme(&self) -> &'static str {
        scheme(self.tls.as_deref())
    }
}

fn scheme(tls: Option<&TlsPeer>) -> &'static str {
    if tls.is_some() { "https" } else { "http" }
}

/// The scheme that a request's caller spoke to a trusted proxy, where it is not that of the
/// connection. Stands in the request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallerScheme(pub &'static str);

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
        let address = peer.to_canonical();
        if self.has(address) { self.way(address, headers).0 } else { address }
    }

    /// The scheme that a request's caller spoke: `https` or `http`. A trusted proxy's word is
    /// taken, from `proto` of `Forwarded` (RFC 7239 §5.4) or from `X-Forwarded-Proto`, whichever
    /// goes with the header that tells where requests came from. Where there is none, it is what
    /// the connection speaks.
    ///
    /// Proxies that add to the header have the word on the caller as far from its end as the
    /// caller's address is from the end of theirs; one that sets it anew leaves a single word.
    pub fn scheme(&self, peer: &Peer, headers: &HeaderMap) -> &'static str {
        let address = peer.address.ip().to_canonical();
        if !peer.is_vouched_for || !self.has(address) {
            return peer.scheme();
        }
        let (_, hops) = self.way(address, headers);
        let name = if self.by_forwarded { "forwarded" } else { "x-forwarded-proto" };
        let words = elements(headers, name);
        let word = words.iter().rev().take(hops.max(1)).next_back().copied();
        let word = if self.by_forwarded {
            word.and_then(|element| parameter(element, "proto"))
        } else {
            word
        };
        word.and_then(scheme_of).unwrap_or_else(|| peer.scheme())
    }

    /// Where a request came from that the proxy at `address` handed on, and how many hops back
    /// that is.
    fn way(&self, mut address: IpAddr, headers: &HeaderMap) -> (IpAddr, usize) {
        let name = if self.by_forwarded { "forwarded" } else { "x-forwarded-for" };
        let mut hops = 0;
        for hop in elements(headers, name).into_iter().rev().take(HOPS_MAX) {
            let read = if self.by_forwarded { parameter(hop, "for") } else { Some(hop) };
            let Some(next) = read.and_then(address_of) else { break };
            address = next;
            hops += 1;
            if !self.has(address) {
                break;
            }
        }
        (address, hops)
    }
}

/// The elements of a header that is a list, those of all its lines.
fn elements<'h>(headers: &'h HeaderMap, name: &'static str) -> Vec<&'h str> {
    let values = headers.get_all(HeaderName::from_static(name)).iter();
    let values = values.filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).collect()
}

/// A parameter of one element of `Forwarded` (RFC 7239 §4).
fn parameter<'e>(element: &'e str, name: &str) -> Option<&'e str> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(known, _)| known.trim().eq_ignore_ascii_case(name))?;
    Some(value.trim().trim_matches('"'))
}

/// A scheme that a proxy names. Some name WebSocket's, which is spoken on the same connections.
fn scheme_of(word: &str) -> Option<&'static str> {
    let is = |known: &str| word.eq_ignore_ascii_case(known);
    if is("https") || is("wss") {
        Some("https")
    } else if is("http") || is("ws") {
        Some("http")
    } else {
        None
    }
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

    /// The scheme of a request from an address whose connection speaks plain HTTP.
    fn scheme_by(by_forwarded: bool, peer: &str, fields: &[(&'static str, &str)]) -> &'static str {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        let proxies = vec!["10.0.0.0/8".parse().unwrap()];
        let trusted = Trusted { proxies, by_forwarded, client_cert: false };
        let address = SocketAddr::new(peer.parse().unwrap(), 4711);
        trusted.scheme(&Peer::new(address, None, TaskTracker::new()), &headers)
    }

    #[test]
    fn the_scheme_is_the_one_a_trusted_proxy_was_asked_in() {
        const FOR: &str = "x-forwarded-for";
        const PROTO: &str = "x-forwarded-proto";
        for (peer, fields, found) in [
            ("10.0.0.1", &[(FOR, "203.0.113.7"), (PROTO, "https")][..], "https"),
            ("10.0.0.1", &[(FOR, "203.0.113.7"), (PROTO, "HTTPS")], "https"),
            ("10.0.0.1", &[(FOR, "203.0.113.7"), (PROTO, "http")], "http"),
            ("10.0.0.1", &[(FOR, "203.0.113.7"), (PROTO, "wss")], "https"),
            ("::ffff:10.0.0.1", &[(PROTO, "https")], "https"),
            // What the caller wrote stands further left.
            ("10.0.0.1", &[(FOR, "203.0.113.7"), (PROTO, "https, http")], "http"),
            ("10.0.0.1", &[(FOR, "203.0.113.7"), (PROTO, "https"), (PROTO, "http")], "http"),
            // Two proxies: the caller spoke TLS to the first, which speaks plain HTTP to the other.
            ("10.0.0.1", &[(FOR, "203.0.113.7, 10.0.0.2"), (PROTO, "https, http")], "https"),
            ("10.0.0.1", &[(FOR, "203.0.113.7, 10.0.0.2"), (PROTO, "https")], "https"),
            ("10.0.0.1", &[(FOR, "203.0.113.7, 10.0.0.2"), (PROTO, "https, http, http")], "http"),
            // No word, or none that can be read: what the connection speaks.
            ("10.0.0.1", &[(FOR, "203.0.113.7")], "http"),
            ("10.0.0.1", &[(PROTO, "spdy")], "http"),
            ("10.0.0.1", &[(PROTO, "")], "http"),
            // The other header is not read, and nobody else is believed.
            ("10.0.0.1", &[("forwarded", "for=203.0.113.7;proto=https")], "http"),
            ("203.0.113.9", &[(FOR, "203.0.113.7"), (PROTO, "https")], "http"),
        ] {
            assert_eq!(scheme_by(false, peer, fields), found, "{peer} {fields:?}");
        }
    }

    #[test]
    fn the_scheme_stands_in_forwarded_where_that_is_what_the_proxies_set() {
        for (value, found) in [
            ("for=203.0.113.7;proto=https", "https"),
            (r#"proto="https" ; for=203.0.113.7"#, "https"),
            ("For=203.0.113.7;Proto=HTTP", "http"),
            ("for=203.0.113.7;proto=https, for=10.0.0.2;proto=http", "https"),
            // The caller's own element, in front of the proxy's.
            ("for=198.51.100.1;proto=https, for=203.0.113.7;proto=http", "http"),
            ("for=198.51.100.1;proto=https, for=203.0.113.7", "http"),
            ("for=_hidden;proto=https", "https"),
            ("for=203.0.113.7", "http"),
        ] {
            assert_eq!(scheme_by(true, "10.0.0.1", &[("forwarded", value)]), found, "{value}");
        }
        let other = [("forwarded", "for=203.0.113.7"), ("x-forwarded-proto", "https")];
        assert_eq!(scheme_by(true, "10.0.0.1", &other), "http");
    }

    #[test]
    fn a_connection_that_leaves_open_whose_it_is_is_not_believed() {
        let proxies = vec!["10.0.0.0/8".parse().unwrap()];
        let trusted = Trusted { proxies, ..Trusted::default() };
        let peer = Peer::new("10.0.0.1:4711".parse().unwrap(), None, TaskTracker::new());
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
        assert_eq!(trusted.scheme(&peer, &headers), "https");
        let peer = Peer { is_vouched_for: false, ..peer };
        assert_eq!(trusted.scheme(&peer, &headers), "http");
    }

    #[test]
    fn a_caller_cannot_lengthen_the_way() {
        let many = vec!["10.0.0.3"; 1000].join(", ");
        assert_eq!(origin(false, "10.0.0.1", &[&format!("203.0.113.7, {many}")]), "10.0.0.3");
    }
}
