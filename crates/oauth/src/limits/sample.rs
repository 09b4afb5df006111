//! Clients, settings and moments for the tests of bounds.

use std::net::IpAddr;

use limit::{Limit, Rate};
use model::{Client, ClientTokens, Name, TokenSettings};

use crate::error::Refusal;

pub(super) const SECOND: u64 = 1_000_000_000;
pub(super) const NOW: u64 = 5 * SECOND;

pub(super) fn client(id: &str, tokens: ClientTokens) -> Client {
    let client = Client::new(Name::new(id).unwrap(), Name::new("cars").unwrap());
    Client { scopes: vec!["tires/create.order".to_owned()], tokens, ..client }
}

pub(super) fn settings(rate: Option<u32>, observe: bool) -> TokenSettings {
    let rate = rate.map(|count| Limit::new(Rate::per_second(count), 2));
    TokenSettings { rate, address_rate: rate, observe, ..TokenSettings::default() }
}

pub(super) fn reason(outcome: Result<(), Refusal>) -> Option<&'static str> {
    match outcome {
        Ok(()) => None,
        Err(Refusal::Limited(limited)) => Some(limited.reason),
        Err(other) => panic!("{other:?}"),
    }
}

pub(super) fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}
