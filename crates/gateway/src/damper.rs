//! Bad tokens, damped per address: verifying a signature is dear, and a flood of nonsense must not
//! make us verify each piece of it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use parking_lot::Mutex;

/// Bad tokens an address may send at once, and how long each is remembered.
const BURST: u64 = 100;
const EACH_NS: u64 = 200_000_000;
/// Addresses that are remembered; when there are more, those that have paid off go, or else all.
const ADDRESSES_MAX: usize = 8192;

/// What addresses owe for their bad tokens: until when each would have paid.
#[derive(Default)]
pub(crate) struct Damper(Mutex<HashMap<IpAddr, u64>>);

impl Damper {
    /// Whether a token from this address may be verified; else how long not.
    pub(crate) fn may_try(&self, address: IpAddr, now_ns: u64) -> Result<(), Duration> {
        let debts = self.0.lock();
        let Some(until) = debts.get(&group(address)) else { return Ok(()) };
        let ahead = until.saturating_sub(now_ns);
        let over = ahead.saturating_sub((BURST - 1) * EACH_NS);
        if over == 0 { Ok(()) } else { Err(Duration::from_nanos(over)) }
    }

    /// A token from this address was bad.
    pub(crate) fn failed(&self, address: IpAddr, now_ns: u64) {
        let mut debts = self.0.lock();
        if debts.len() >= ADDRESSES_MAX {
            debts.retain(|_, until| *until > now_ns);
        }
        if debts.len() >= ADDRESSES_MAX {
            debts.clear();
        }
        let until = debts.entry(group(address)).or_insert(now_ns);
        *until = (*until).max(now_ns).saturating_add(EACH_NS);
    }
}

/// Whoever has an IPv6 address has its whole /64.
fn group(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let bits = v6.to_bits() >> 64 << 64;
            std::net::Ipv6Addr::from_bits(bits).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn an_address_may_err_a_hundred_times_and_five_times_a_second() {
        let (damper, address) = (Damper::default(), "203.0.113.7".parse().unwrap());
        let mut let_in = 0;
        for _ in 0..1000 {
            if damper.may_try(address, SECOND).is_ok() {
                let_in += 1;
                damper.failed(address, SECOND);
            }
        }
        assert_eq!(let_in, 100);
        assert_eq!(damper.may_try(address, SECOND).unwrap_err(), Duration::from_millis(200));
        assert!(damper.may_try("203.0.113.8".parse().unwrap(), SECOND).is_ok());
        assert!(damper.may_try(address, SECOND + SECOND / 5).is_ok());
    }

    #[test]
    fn an_ipv6_network_is_one_caller() {
        let damper = Damper::default();
        for host in 0..100_u128 {
            let address = std::net::Ipv6Addr::from_bits((0x2001_0db8 << 96) | host);
            damper.failed(address.into(), SECOND);
        }
        assert!(damper.may_try("2001:db8::ffff".parse().unwrap(), SECOND).is_err());
        assert!(damper.may_try("2001:db8:0:1::1".parse().unwrap(), SECOND).is_ok());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let damper = Damper::default();
        for host in 0..20_000_u32 {
            damper.failed(std::net::Ipv4Addr::from_bits(host).into(), SECOND);
        }
        assert!(damper.0.lock().len() <= ADDRESSES_MAX);
    }
}
