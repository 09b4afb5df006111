//! The PROXY protocol, versions 1 and 2 (HAProxy's specification): a load balancer's word on who
//! connected, before the first byte of the connection's own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The longest header of version 1, its line end included (specification §2.1).
const V1_MAX: usize = 107;
/// The most of a version 2 header that is taken, its extensions included.
pub(crate) const HEADER_MAX: usize = 16 + 1024;

const V2_SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// What the first bytes of a connection are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// More bytes are needed to tell.
    More,
    /// A header of so many bytes; none where it speaks of the balancer's own connection.
    Header { length: usize, source: Option<SocketAddr> },
    /// No header, or one that cannot be read.
    Bad(&'static str),
}

/// Reads a header at the beginning of a connection.
pub(crate) fn read(bytes: &[u8]) -> Read {
    let begins = |signature: &[u8]| {
        let length = bytes.len().min(signature.len());
        bytes.get(..length) == signature.get(..length)
    };
    if bytes.is_empty() {
        Read::More
    } else if begins(V2_SIGNATURE) {
        read_v2(bytes)
    } else if begins(b"PROXY ") {
        read_v1(bytes)
    } else {
        Read::Bad("the connection does not begin with a PROXY header")
    }
}

fn read_v1(bytes: &[u8]) -> Read {
    let bad = Read::Bad("its PROXY header of version 1 cannot be read");
    let line = bytes.get(..bytes.len().min(V1_MAX)).unwrap_or_default();
    let Some(end) = line.windows(2).position(|pair| pair == b"\r\n") else {
        return if bytes.len() < V1_MAX { Read::More } else { bad };
    };
    let Some(Ok(text)) = line.get(..end).map(std::str::from_utf8) else { return bad };
    let length = end + 2;
    let words: Vec<_> = text.split(' ').collect();
    match words.as_slice() {
        ["PROXY", "UNKNOWN", ..] => Read::Header { length, source: None },
        ["PROXY", family @ ("TCP4" | "TCP6"), source, _, port, _] => {
            let (Ok(source), Ok(port)) = (source.parse::<IpAddr>(), port.parse::<u16>()) else {
                return bad;
            };
            if source.is_ipv4() != (*family == "TCP4") {
                return bad;
            }
            Read::Header { length, source: Some(SocketAddr::new(source, port)) }
        }
        _ => bad,
    }
}

fn read_v2(bytes: &[u8]) -> Read {
    let bad = Read::Bad("its PROXY header of version 2 cannot be read");
    let Some((head, rest)) = bytes.split_at_checked(16) else { return Read::More };
    let [.., version_command, family, high, low] = head else { return bad };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    if version_command >> 4 != 2 || 16 + length > HEADER_MAX {
        return bad;
    }
    let Some(body) = rest.get(..length) else { return Read::More };
    let whole = 16 + length;
    let source = match (version_command & 0x0f, family) {
        (1, 0x11) => match address::<4>(body, 8) {
            Some((octets, port)) => Some(SocketAddr::new(Ipv4Addr::from(octets).into(), port)),
            None => return bad,
        },
        (1, 0x21) => match address::<16>(body, 32) {
            Some((octets, port)) => Some(SocketAddr::new(Ipv6Addr::from(octets).into(), port)),
            None => return bad,
        },
        // LOCAL, the balancer's own connection, a health check for example; UNSPEC, and families
        // that we do not have.
        (0 | 1, _) => None,
        _ => return bad,
    };
    Read::Header { length: whole, source }
}

/// The source address, and its port, which stands at `port_at`.
fn address<const N: usize>(body: &[u8], port_at: usize) -> Option<([u8; N], u16)> {
    let octets = body.get(..N)?.try_into().ok()?;
    let port = body.get(port_at..port_at + 2)?.try_into().ok()?;
    Some((octets, u16::from_be_bytes(port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(length: usize, source: &str) -> Read {
        Read::Header { length, source: source.parse().ok() }
    }

    fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&V2_SIGNATURE[..], &[0x20 | command, family], &length, body].concat()
    }

    #[test]
    fn version_1_is_a_line() {
        let four = b"PROXY TCP4 203.0.113.7 10.0.0.1 4711 443\r\nGET / HTTP/1.1\r\n";
        assert_eq!(read(four), header(42, "203.0.113.7:4711"));
        let six = b"PROXY TCP6 2001:db8::1 ::1 4711 443\r\n";
        assert_eq!(read(six), header(37, "[2001:db8::1]:4711"));
        assert_eq!(read(b"PROXY UNKNOWN\r\nGET"), header(15, "none"));
        assert_eq!(read(b"PROXY TCP4 203.0"), Read::More);
        for bad in [
            "PROXY TCP4 2001:db8::1 ::1 1 2\r\n",
            "PROXY TCP4 203.0.113.7 10.0.0.1 99999 443\r\n",
            "PROXY TCP4 203.0.113.7\r\n",
            "PROXY UDP4 203.0.113.7 10.0.0.1 1 2\r\n",
            "GET / HTTP/1.1\r\n",
            &format!("PROXY TCP4 {}", "1".repeat(200)),
        ] {
            assert!(matches!(read(bad.as_bytes()), Read::Bad(_)), "{bad}");
        }
    }

    #[test]
    fn version_2_is_binary() {
        let four = v2(1, 0x11, &[203, 0, 113, 7, 10, 0, 0, 1, 0x12, 0x67, 0x01, 0xbb]);
        assert_eq!(read(&four), header(28, "203.0.113.7:4711"));
        let mut body = [0_u8; 36];
        (body[0], body[1], body[15], body[32], body[33]) = (0x20, 0x01, 1, 0x12, 0x67);
        assert_eq!(read(&v2(1, 0x21, &body)), header(52, "[2001::1]:4711"));
        assert_eq!(read(&v2(0, 0x00, &[])), header(16, "none"));
        assert_eq!(read(&v2(1, 0x31, &[0; 216])), header(232, "none"));
        for cut in 1..four.len() {
            assert_eq!(read(&four[..cut]), Read::More, "{cut}");
        }
        for bad in [v2(1, 0x11, &[0; 4]), v2(5, 0x11, &[0; 12]), v2(1, 0x11, &[0; 2000])] {
            assert!(matches!(read(&bad), Read::Bad(_)));
        }
    }
}
