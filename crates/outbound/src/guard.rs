//! The guard: which addresses outgoing calls may reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Ports of services that must not be talked to in HTTP by accident or by trick.
const PORTS_REFUSED: [u16; 35] = [
    0, 1, 7, 9, 13, 17, 19, 20, 21, 22, 23, 25, 53, 69, 110, 111, 119, 135, 137, 139, 143, 179,
    389, 445, 465, 512, 513, 514, 515, 587, 636, 993, 995, 2049, 6000,
];

/// Whom outgoing calls may reach.
#[derive(Debug, Clone)]
pub enum Guard {
    /// Anybody: the company's own services, named in its own configuration.
    Own,
    /// Public addresses, and of the private ones only these ranges.
    Public {
        /// The private ranges an operator allows.
        allow: Vec<IpNet>,
    },
}

/// Why an address is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The address is in a range that is not public.
    #[error("{0} is not a public address; list its range under `allow_private` if it is meant")]
    Private(IpAddr),
    /// The port belongs to another protocol.
    #[error("port {0} belongs to another protocol")]
    Port(u16),
}

impl Guard {
    /// Judges an address as it would be connected to.
    pub fn judge(&self, address: IpAddr, port: u16) -> Result<(), Refusal> {
        let Self::Public { allow } = self else { return Ok(()) };
        if PORTS_REFUSED.contains(&port) {
            return Err(Refusal::Port(port));
        }
        let effective = unwrapped(address);
        let allowed = |ip| allow.iter().any(|range| range.contains(&ip));
        if is_public(effective) || allowed(address) || allowed(effective) {
            Ok(())
        } else {
            Err(Refusal::Private(address))
        }
    }
}

/// The IPv4 address inside an IPv6 one that would lead to it: mapped, translated (RFC 2765),
/// compatible, NAT64, 6to4, Teredo. Others are themselves.
fn unwrapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let o = v6.octets();
    let tail = Ipv4Addr::new(o[12], o[13], o[14], o[15]);
    let s = v6.segments();
    let inner = match s {
        [0, 0, 0, 0, 0, 0xffff, ..]
        | [0, 0, 0, 0, 0xffff, 0, ..]
        | [0x64, 0xff9b, 0, 0, 0, 0, ..] => tail,
        // `::` and `::1` are judged as what they are; the rest of `::/96` leads to IPv4.
        [0, 0, 0, 0, 0, 0, ..] if v6 != Ipv6Addr::UNSPECIFIED && v6 != Ipv6Addr::LOCALHOST => tail,
        [0x2002, ..] => Ipv4Addr::new(o[2], o[3], o[4], o[5]),
        // RFC 4380 §4: the client's address, every bit inverted.
        [0x2001, 0, ..] => Ipv4Addr::new(!o[12], !o[13], !o[14], !o[15]),
        _ => return address,
    };
    IpAddr::V4(inner)
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 168, _)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    )
}

fn is_public_v6(v6: Ipv6Addr) -> bool {
    let first = v6.segments()[0];
    let refused = v6 == Ipv6Addr::UNSPECIFIED
        || v6 == Ipv6Addr::LOCALHOST
        // fc00::/7 unique local, fe80::/10 link local, fec0::/10 site local, ff00::/8 multicast
        || first & 0xfe00 == 0xfc00
        || first & 0xffc0 == 0xfe80
        || first & 0xffc0 == 0xfec0
        || first & 0xff00 == 0xff00
        // 2001:db8::/32 and 3fff::/20 documentation, 2001:2::/48 benchmarks, 100::/64 discard,
        // 64:ff9b:1::/48 local NAT64, 5f00::/16 segment routing (RFC 9602)
        || first == 0x3fff && v6.segments()[1] < 0x1000
        || first == 0x5f00
        || matches!(
            v6.segments(),
            [0x2001, 0xdb8, ..] | [0x2001, 2, 0, ..] | [0x100, 0, 0, 0, ..] | [0x64, 0xff9b, 1, ..]
        );
    !refused
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(allow: &[&str], address: &str, port: u16) -> bool {
        let allow = allow.iter().map(|range| range.parse().unwrap()).collect();
        Guard::Public { allow }.judge(address.parse().unwrap(), port).is_ok()
    }

    #[test]
    fn private_addresses_are_refused_in_every_spelling() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "::169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "2001:0:4136:e378:8000:63bf:80ff:fffe",
            "2001:db8::1",
            "100::1",
            "::ffff:0:127.0.0.1",
            "::ffff:0:10.0.0.1",
            "3fff::1",
            "3fff:fff::1",
            "5f00::1",
            "2001:2::1",
        ] {
            assert!(!judge(&[], address, 443), "{address}");
        }
    }

    #[test]
    fn public_addresses_pass() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.0.1",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::1",
            "::ffff:0:8.8.8.8",
            "3fff:1000::1",
            "2001:4860:4860::8888",
        ] {
            assert!(judge(&[], address, 443), "{address}");
        }
    }

    #[test]
    fn an_operator_may_allow_a_range() {
        assert!(judge(&["127.0.0.0/8"], "127.0.0.1", 7300));
        assert!(judge(&["127.0.0.0/8"], "::ffff:127.0.0.1", 7300));
        assert!(!judge(&["127.0.0.0/8"], "10.0.0.1", 7300));
        assert!(judge(&["::1/128"], "::1", 7300));
    }

    #[test]
    fn ports_of_other_protocols_are_refused() {
        for port in [0, 22, 25, 587, 6000] {
            assert!(!judge(&[], "8.8.8.8", port), "{port}");
        }
        assert!(!judge(&["127.0.0.0/8"], "127.0.0.1", 22));
        assert!(judge(&[], "8.8.8.8", 8443));
    }
}
