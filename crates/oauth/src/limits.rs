//! Bounds of token requests: rates per client and per address, quotas, and what becomes of whoever
//! offers wrong credentials over and over.
//!
//! Nobody can lock a partner out. A client's rate and quota are counted once it has proved who it is,
//! so that nobody else can spend them. Wrong credentials are counted per address and per address and
//! client; whoever has sent too many gets 429 in place of 401 for the next wrong ones. **A right
//! secret is let in at once all the same**, also from such an address: partners share addresses with
//! others and with their own machines that still have an old secret, and a bound that refuses right
//! secrets would be a switch that any of these can throw. It costs no safety: secrets have 256 random
//! bits, imported ones at least 24 characters, so no rate of guessing finds one, and to look at a
//! secret costs a digest, to look at a certificate a comparison. What is damped is the flood: its
//! answers say when to come again, and its entries in the audit are added up. What a single address
//! may cost us at all is `address_rate`, which comes before anything is looked at.
//!
//! A signed assertion is dearer to look at, and so is a subject token. Where so many were bad that the
//! address, or the address and client, is damped, the next are refused **unverified**, but for a
//! client that has proven itself in this way within a day, from wherever; and of any other client two
//! a second are verified at each address, whatever is sent there in other names
//! ([`Limits::may_verify`]). So a stranger gets in within a second or two while an attack goes on, and
//! only who uses its very name from its very address can slow it.
//!
//! What is remembered has a bound. Where that is reached, what is as good as forgotten goes first, and
//! then everything: a bound that is forgotten refuses nobody.
//!
//! `rates.rs`, `quotas.rs` and `proofs.rs` have what is asked of [`Limits`], `buckets.rs` what most of
//! it is made of.

mod buckets;
mod proofs;
mod quotas;
mod rates;
#[cfg(test)]
mod sample;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use limit::{Bucket, Limit, Taken};
use model::{Name, TokenSettings};
use parking_lot::Mutex;
use tokio_util::task::TaskTracker;

use crate::damping::{Failures, Proven, Shares};
use crate::error::Refusal;
use crate::fields::{Bound, Fields};
use crate::quota::Periodic;

pub(crate) use buckets::{Buckets, KEPT_MAX, group};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// What is counted of token requests, from the start of the program to its end.
#[derive(Default)]
pub struct Limits {
    /// Those that have proved who they are; never more than there were clients since the start.
    clients: Mutex<BTreeMap<Name, Arc<Meter>>>,
    addresses: Buckets<IpAddr>,
    /// Wrong credentials of any kind.
    wrong: Failures,
    /// Of these, assertions and tokens that were verified in vain.
    in_vain: Failures,
    shares: Shares,
    proven: Proven,
}

/// The counters of a client.
struct Meter {
    tokens: Bucket,
    /// Requests for something else than a token.
    requests: Bucket,
    hour: Periodic,
    day: Periodic,
}

/// What is said of bounds in an answer and in the log.
#[derive(Default)]
pub(crate) struct Told {
    /// The bounds that were looked at.
    pub(crate) fields: Fields,
    /// What would have refused the request, if it did more than observe.
    pub(crate) observed: Option<&'static str>,
    /// Where what goes on beside the request runs.
    pub(crate) tasks: TaskTracker,
}

/// A request beyond a bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limited {
    /// The bound, in a word.
    pub(crate) reason: &'static str,
    /// What to do.
    pub(crate) description: String,
    /// How long until there is room.
    pub(crate) wait: Duration,
}

impl Told {
    /// Tells of a rate that was looked at; gives how long until there is a permit, if there is none.
    fn take(
        &mut self,
        name: &'static str,
        limit: Limit,
        taken: Result<Taken, Duration>,
    ) -> Result<(), Duration> {
        let left = taken.map_or(0, |taken| taken.remaining);
        self.fields.add(rate(name, limit, left.into()));
        taken?;
        Ok(())
    }

    /// Refuses, or only notes that it would.
    fn refuse(&mut self, settings: &TokenSettings, limited: Limited) -> Result<(), Refusal> {
        if settings.observe {
            self.observed.get_or_insert(limited.reason);
            return Ok(());
        }
        Err(Refusal::Limited(Box::new(limited)))
    }
}

impl Limits {
    fn meter(&self, client: &Name) -> Arc<Meter> {
        let mut clients = self.clients.lock();
        if let Some(known) = clients.get(client) {
            return Arc::clone(known);
        }
        let meter = Arc::new(Meter {
            tokens: Bucket::new(),
            requests: Bucket::new(),
            hour: Periodic::new(client, "hour", HOUR_MS),
            day: Periodic::new(client, "day", DAY_MS),
        });
        clients.insert(client.clone(), Arc::clone(&meter));
        meter
    }
}

fn rate(name: &'static str, limit: Limit, left: u64) -> Bound {
    let window_s = u64::from(limit.rate().window_seconds());
    Bound { name, most: limit.rate().count().into(), window_s, left, until_s: window_s }
}
