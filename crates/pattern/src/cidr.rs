//! IP addresses and ranges of them.
//!
//! Which spellings are addresses is decided as by event-ruler, which looks at the characters and
//! then asks Java: parts of IPv4 are decimal whatever zeros they begin with, and IPv6 has neither
//! a zone nor brackets nor an IPv4 part with dots.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest text that Java takes for an IPv4 address.
const V4_CHARS_MAX: usize = 15;

/// Reads an IP address. An IPv4 address inside IPv6 (`::ffff:a00:1`) is that IPv4 address.
pub(crate) fn address(text: &str) -> Option<IpAddr> {
    match Form::of(text)? {
        Form::V4 => v4(text).map(IpAddr::V4),
        Form::V6 => v6(text).map(|address| address.to_canonical()),
    }
}

/// What a text looks like; it may still not be an address.
#[derive(Clone, Copy)]
enum Form {
    V4,
    V6,
}

impl Form {
    fn of(text: &str) -> Option<Self> {
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if text.bytes().all(|byte| byte == b':' || byte.is_ascii_hexdigit()) {
            return text.contains(':').then_some(Self::V6);
        }
        let is_v4 = text.split('.').count() == 4 && text.split('.').all(is_number);
        is_v4.then_some(Self::V4)
    }
}

fn v4(text: &str) -> Option<Ipv4Addr> {
    if text.len() > V4_CHARS_MAX {
        return None;
    }
    let mut octets = [0_u8; 4];
    for (octet, part) in octets.iter_mut().zip(text.split('.')) {
        *octet = part.parse().ok()?;
    }
    Some(Ipv4Addr::from(octets))
}

fn v6(text: &str) -> Option<Ipv6Addr> {
    // Java takes any number of zeros before a group, Rust only as many as make four digits.
    let group = |group: &str| match group.trim_start_matches('0') {
        "" if !group.is_empty() => "0".to_owned(),
        digits => digits.to_owned(),
    };
    let groups: Vec<String> = text.split(':').map(group).collect();
    groups.join(":").parse().ok()
}

/// A range of IP addresses that share their first bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    first: IpAddr,
    /// How many bits the addresses share.
    length: u32,
}

impl Network {
    /// Reads `address/bits`. The bits end before /32 and /128, as in event-ruler: a single address
    /// is written as a plain string.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        // Java drops the empty parts behind the last slash.
        let mut parts: Vec<&str> = text.split('/').collect();
        while parts.last().is_some_and(|part| part.is_empty()) {
            parts.pop();
        }
        let [spelled, bits] = parts.as_slice() else {
            return Err("Malformed CIDR, one '/' required".to_owned());
        };
        let bits: i32 =
            bits.parse().map_err(|_| "Malformed CIDR, mask bits must be an integer".to_owned())?;
        let length = u32::try_from(bits)
            .map_err(|_| "Malformed CIDR, mask bits must not be negative".to_owned())?;
        if Form::of(spelled).is_none() {
            return Err(format!("Nonstandard IP address: {spelled}"));
        }
        match address(spelled) {
            None => Err(format!("Invalid IP address: {spelled}")),
            Some(IpAddr::V4(_)) if length > 31 => Err("IPv4 mask bits must be < 32".to_owned()),
            Some(IpAddr::V6(_)) if length > 127 => Err("IPv6 mask bits must be < 128".to_owned()),
            Some(address) => Ok(Self { first: masked(address, length), length }),
        }
    }

    /// The first address of the range, and how many bits the others share with it.
    pub(crate) fn first(&self) -> (IpAddr, usize) {
        (self.first, self.length as usize)
    }

    /// Whether `text` is an address of this range.
    pub(crate) fn contains(&self, text: &str) -> bool {
        address(text).is_some_and(|address| {
            address.is_ipv4() == self.first.is_ipv4() && masked(address, self.length) == self.first
        })
    }
}

/// The address with all bits but the first `length` cleared, of which it has more.
fn masked(address: IpAddr, length: u32) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & !(u32::MAX >> length)))
        }
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !(u128::MAX >> length)))
        }
    }
}
