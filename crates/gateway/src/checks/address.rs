//! Whether an address is on a list.

use std::net::IpAddr;

use model::IpNet;

use crate::denial::Denial;

/// Refuses an address that no range holds; an IPv4 address in IPv6 clothes is judged as IPv4.
pub(crate) fn check(ranges: &[IpNet], address: IpAddr) -> Result<(), Denial> {
    let plain = address.to_canonical();
    if ranges.iter().any(|range| range.contains(&plain) || range.contains(&address)) {
        Ok(())
    } else {
        Err(Denial::AddressRefused { address: plain })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_addresses_pass() {
        let ranges = ["203.0.113.7/32".parse().unwrap(), "2001:db8::/48".parse().unwrap()];
        for (address, passes) in [
            ("203.0.113.7", true),
            ("::ffff:203.0.113.7", true),
            ("203.0.113.8", false),
            ("2001:db8:0:1::1", true),
            ("2001:db9::1", false),
        ] {
            assert_eq!(check(&ranges, address.parse().unwrap()).is_ok(), passes, "{address}");
        }
    }
}
