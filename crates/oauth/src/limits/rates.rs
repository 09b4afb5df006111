//! Rates: of an address before anything is looked at, and of a client that has proved who it is.

use std::net::IpAddr;

use model::{Client, TokenSettings};

use super::{Limited, Limits, Told, group, rate};
use crate::error::Refusal;

/// What a client's rate bounds, each apart.
#[derive(Debug, Clone, Copy)]
enum Rated {
    Tokens,
    /// To revoke and to introspect.
    Requests,
}

impl Limits {
    /// Counts a request from an address, whoever it is of.
    pub(crate) fn address(
        &self,
        settings: &TokenSettings,
        address: IpAddr,
        ticks_ns: u64,
        told: &mut Told,
    ) -> Result<(), Refusal> {
        let Some(limit) = settings.address_rate else { return Ok(()) };
        let Err(wait) = self.addresses.take(group(address), limit, ticks_ns) else { return Ok(()) };
        told.fields.add(rate("address", limit, 0));
        let (rate, burst) = (limit.rate(), limit.burst());
        let description = format!(
            "More requests come from this address than {rate}, {burst} at once. Keep a token until \
             shortly before its end, and share it."
        );
        told.refuse(settings, Limited { reason: "address-rate", description, wait })
    }

    /// Counts a request for a token, of a client that has proved who it is.
    pub(crate) fn client(
        &self,
        settings: &TokenSettings,
        client: &Client,
        ticks_ns: u64,
        told: &mut Told,
    ) -> Result<(), Refusal> {
        self.rated(settings, (client, Rated::Tokens), ticks_ns, told)
    }

    /// Counts a request to revoke or introspect: the rate is the same, and counted apart, so that
    /// neither costs the other anything.
    pub(crate) fn request(
        &self,
        settings: &TokenSettings,
        client: &Client,
        ticks_ns: u64,
        told: &mut Told,
    ) -> Result<(), Refusal> {
        self.rated(settings, (client, Rated::Requests), ticks_ns, told)
    }

    fn rated(
        &self,
        settings: &TokenSettings,
        (client, rated): (&Client, Rated),
        ticks_ns: u64,
        told: &mut Told,
    ) -> Result<(), Refusal> {
        let Some(limit) = client.tokens.rate.or(settings.rate) else { return Ok(()) };
        let meter = self.meter(&client.id);
        let (name, bucket, does, instead) = match rated {
            Rated::Tokens => (
                "tokens",
                &meter.tokens,
                "asks for tokens",
                "Keep a token until shortly before its end, and share it.",
            ),
            Rated::Requests => (
                "requests",
                &meter.requests,
                "revokes and introspects tokens",
                "Wait as long as Retry-After says, or have its token_rate raised.",
            ),
        };
        let Err(wait) = told.take(name, limit, bucket.take(limit, ticks_ns)) else { return Ok(()) };
        let (rate, burst) = (limit.rate(), limit.burst());
        let description =
            format!("This client {does} more often than {rate}, {burst} at once. {instead}");
        told.refuse(settings, Limited { reason: "client-rate", description, wait })
    }
}

#[cfg(test)]
mod tests {
    use limit::{Limit, Rate};
    use model::ClientTokens;

    use super::*;
    use crate::fields::Fields;
    use crate::limits::KEPT_MAX;
    use crate::limits::sample::{NOW, SECOND, address, client, reason, settings};

    #[test]
    fn a_client_has_its_rate_and_another_its_own() {
        let limits = Limits::default();
        let wide = Some(Limit::new(Rate::per_second(100), 50));
        let own = client("wide", ClientTokens { rate: wide, ..ClientTokens::default() });
        let (a, b) = (client("a", ClientTokens::default()), client("b", ClientTokens::default()));
        let ask = |client: &Client, ticks_ns| {
            let mut told = Told::default();
            reason(limits.client(&settings(Some(1), false), client, ticks_ns, &mut told))
        };
        assert_eq!([ask(&a, NOW), ask(&a, NOW), ask(&a, NOW)], [None, None, Some("client-rate")]);
        assert_eq!((ask(&b, NOW), ask(&a, NOW + SECOND)), (None, None));
        assert!((0..50).all(|_| ask(&own, NOW).is_none()) && ask(&own, NOW).is_some());
    }

    #[test]
    fn what_only_observes_refuses_nobody_and_tells_of_it() {
        let limits = Limits::default();
        let client = client("a", ClientTokens::default());
        for (number, observed) in [(1, None), (2, None), (3, Some("client-rate"))] {
            let mut told = Told::default();
            let asked = limits.client(&settings(Some(1), true), &client, NOW, &mut told);
            assert_eq!((reason(asked), told.observed), (None, observed), "{number}");
        }
        // Without a rate nothing is looked at.
        let mut told = Told::default();
        assert!(limits.client(&settings(None, false), &client, NOW, &mut told).is_ok());
        assert_eq!(told.fields, Fields::default());
    }

    #[test]
    fn an_address_has_its_rate_and_an_ipv6_network_is_one() {
        let limits = Limits::default();
        let ask = |text: &str| {
            let mut told = Told::default();
            reason(limits.address(&settings(Some(1), false), address(text), NOW, &mut told))
        };
        assert_eq!([ask("2001:db8::1"), ask("2001:db8::2")], [None, None]);
        assert_eq!(ask("2001:db8::3"), Some("address-rate"));
        assert_eq!([ask("2001:db8:0:1::1"), ask("192.0.2.1")], [None, None]);
    }

    #[test]
    fn tokens_and_other_requests_have_the_same_rate_each_for_itself() {
        let limits = Limits::default();
        let (client, settings) = (client("a", ClientTokens::default()), settings(Some(1), false));
        let mut told = Told::default();
        let asked: Vec<_> =
            (0..3).map(|_| reason(limits.request(&settings, &client, NOW, &mut told))).collect();
        assert_eq!(asked, [None, None, Some("client-rate")]);
        assert_eq!(reason(limits.client(&settings, &client, NOW, &mut told)), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let limits = Limits::default();
        for host in 0..20_000_u32 {
            let address = IpAddr::from(host.to_be_bytes());
            drop(limits.address(&settings(Some(1), false), address, NOW, &mut Told::default()));
        }
        assert!(limits.addresses.0.lock().len() <= KEPT_MAX);
    }
}
