//! IP addresses and ranges of them.

use std::net::IpAddr;

/// Reads an IP address. An IPv4 address inside IPv6 (`::ffff:10.0.0.1`) is that IPv4 address.
pub(crate) fn address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// A range of IP addresses that share their first bits.
#[derive(Clone, Debug)]
pub(crate) enum Network {
    /// IPv4.
    V4 {
        /// Any address of the range; the bits outside the mask do not matter.
        base: u32,
        /// One bits where addresses of the range agree with `base`.
        mask: u32,
    },
    /// IPv6.
    V6 {
        /// Any address of the range; the bits outside the mask do not matter.
        base: u128,
        /// One bits where addresses of the range agree with `base`.
        mask: u128,
    },
}

impl Network {
    /// Reads `address/bits`. The bits end before /32 and /128, as in event-ruler: a single address
    /// is written as a plain string.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (address, bits) = text
            .split_once('/')
            .filter(|(_, bits)| !bits.is_empty() && !bits.contains('/'))
            .ok_or("Malformed CIDR, one '/' required")?;
        let bits: i32 =
            bits.parse().map_err(|_| "Malformed CIDR, mask bits must be an integer".to_owned())?;
        let bits = u32::try_from(bits)
            .map_err(|_| "Malformed CIDR, mask bits must not be negative".to_owned())?;
        match address.parse::<IpAddr>() {
            Ok(IpAddr::V4(_)) if bits > 31 => Err("IPv4 mask bits must be < 32".to_owned()),
            Ok(IpAddr::V6(_)) if bits > 127 => Err("IPv6 mask bits must be < 128".to_owned()),
            Ok(IpAddr::V4(base)) => {
                Ok(Self::V4 { base: base.to_bits(), mask: !(u32::MAX >> bits) })
            }
            Ok(IpAddr::V6(base)) => {
                Ok(Self::V6 { base: base.to_bits(), mask: !(u128::MAX >> bits) })
            }
            Err(_) => Err(format!("Nonstandard IP address: {address}")),
        }
    }

    /// Whether `text` is an address of this range.
    pub(crate) fn contains(&self, text: &str) -> bool {
        match (self, text.parse::<IpAddr>()) {
            (Self::V4 { base, mask }, Ok(address)) => match address.to_canonical() {
                IpAddr::V4(address) => (address.to_bits() ^ base) & mask == 0,
                IpAddr::V6(_) => false,
            },
            (Self::V6 { base, mask }, Ok(IpAddr::V6(address))) => {
                (address.to_bits() ^ base) & mask == 0
            }
            _ => false,
        }
    }
}
