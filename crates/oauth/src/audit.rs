//! Who got which token, who was refused one, and who revoked its own: gathered in memory until
//! somebody keeps it.
//!
//! Every token is an entry of its own. Refusals of one second that do not differ are one entry with
//! their number, and so are revocations of one token, so that a flood of them is no flood of entries.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use model::Timestamp;
use parking_lot::Mutex;
use store::{TokenAct, TokenEntry};
use tokio::sync::Notify;

use crate::exchange::Exchanged;
use crate::revoke::Revocation;
use crate::token::TokenRecord;

/// Entries that may wait; what comes then is counted and not told apart.
const WAITING_MAX: usize = 50_000;
/// So many that wait are worth keeping before the second is over.
const MANY: usize = 500;
/// What stands in place of a reason where entries had no room.
const NOT_RECORDED: &str = "not-recorded";

/// What the token service did that is not kept yet.
#[derive(Default)]
pub struct AuditBook {
    waiting: Mutex<Waiting>,
    many: Notify,
}

#[derive(Default)]
struct Waiting {
    entries: Vec<TokenEntry>,
    /// Where the entry of what is alike stands.
    alike: HashMap<Alike, usize>,
    /// Answers for which there was no room, and when the first was.
    lost: Option<(u64, Timestamp)>,
}

/// What refusals of one entry have in common, or revocations.
#[derive(PartialEq, Eq, Hash)]
struct Alike {
    second: i64,
    client: Option<String>,
    partner: Option<String>,
    method: Option<&'static str>,
    credential: Option<String>,
    exchanged: Option<Exchanged>,
    what: What,
    observed: Option<&'static str>,
    address: IpAddr,
}

/// What was done that may be done again and again.
#[derive(PartialEq, Eq, Hash)]
enum What {
    /// A token was refused, for this reason.
    Refused(&'static str),
    /// The token of this id was revoked.
    Revoked(String),
}

impl AuditBook {
    /// Writes an answer of the token endpoint down.
    pub fn add(&self, record: &TokenRecord) {
        self.write(|waiting| waiting.add(record));
    }

    /// Writes a revocation down.
    pub fn revoked(&self, revocation: &Revocation) {
        self.write(|waiting| waiting.revoked(revocation));
    }

    fn write(&self, write: impl FnOnce(&mut Waiting)) {
        let mut waiting = self.waiting.lock();
        write(&mut waiting);
        if waiting.entries.len() == MANY {
            self.many.notify_one();
        }
    }

    /// Everything that waits, in the order it came.
    pub fn drain(&self) -> Vec<TokenEntry> {
        let Waiting { mut entries, lost, .. } = std::mem::take(&mut *self.waiting.lock());
        entries.extend(lost.map(|(times, at)| TokenEntry {
            at,
            act: TokenAct::Asked,
            client: None,
            partner: None,
            method: None,
            credential: None,
            issuer: None,
            subject: None,
            scope: None,
            audience: None,
            address: Ipv4Addr::UNSPECIFIED.into(),
            kid: None,
            token_id: None,
            refusal: Some(NOT_RECORDED.to_owned()),
            observed: None,
            times,
        }));
        entries
    }

    /// Waits until so many wait that they are worth keeping.
    pub async fn filled(&self) {
        self.many.notified().await;
    }
}

impl Waiting {
    fn add(&mut self, record: &TokenRecord) {
        let reason = record.reason.or(record.refusal);
        let alike = reason.map(|reason| Alike {
            second: record.at.seconds(),
            client: record.client.clone(),
            partner: record.partner.clone(),
            method: record.method,
            credential: record.credential.clone(),
            exchanged: record.exchanged.clone(),
            what: What::Refused(reason),
            observed: record.observed,
            address: record.address,
        });
        let exchanged = record.exchanged.as_ref();
        self.put(record.at, alike, || TokenEntry {
            at: record.at,
            act: TokenAct::Asked,
            client: record.client.clone(),
            partner: record.partner.clone(),
            method: record.method.map(str::to_owned),
            credential: record.credential.clone(),
            issuer: exchanged.map(|exchanged| exchanged.issuer.clone()),
            subject: exchanged.map(|exchanged| exchanged.subject.clone()),
            scope: record.scope.clone(),
            audience: record.audience.clone(),
            address: record.address,
            kid: record.kid.clone(),
            token_id: record.token_id.clone(),
            refusal: reason.map(str::to_owned),
            observed: record.observed.map(str::to_owned),
            times: 1,
        });
    }

    fn revoked(&mut self, revocation: &Revocation) {
        let Revocation { at, address, client, partner, method, credential, token_id, audience } =
            revocation;
        let alike = Alike {
            second: at.seconds(),
            client: Some(client.clone()),
            partner: Some(partner.clone()),
            method: Some(*method),
            credential: credential.clone(),
            exchanged: None,
            what: What::Revoked(token_id.clone()),
            observed: None,
            address: *address,
        };
        self.put(*at, Some(alike), || TokenEntry {
            at: *at,
            act: TokenAct::Revoked,
            client: Some(client.clone()),
            partner: Some(partner.clone()),
            method: Some((*method).to_owned()),
            credential: credential.clone(),
            issuer: None,
            subject: None,
            scope: None,
            audience: Some(audience.clone()),
            address: *address,
            kid: None,
            token_id: Some(token_id.clone()),
            refusal: None,
            observed: None,
            times: 1,
        });
    }

    /// Adds an entry, or one more to the one that is alike.
    fn put(&mut self, at: Timestamp, alike: Option<Alike>, entry: impl FnOnce() -> TokenEntry) {
        let known = alike.as_ref().and_then(|alike| self.alike.get(alike));
        if let Some(entry) = known.and_then(|at| self.entries.get_mut(*at)) {
            entry.times += 1;
            return;
        }
        if self.entries.len() >= WAITING_MAX {
            self.lost.get_or_insert((0, at)).0 += 1;
            return;
        }
        if let Some(alike) = alike {
            self.alike.insert(alike, self.entries.len());
        }
        self.entries.push(entry());
    }
}

#[cfg(test)]
mod tests {
    use store::TokenOutcome;

    use super::*;

    fn record(ms: i64, reason: Option<&'static str>, host: u32) -> TokenRecord {
        TokenRecord {
            at: Timestamp::from_ms(ms),
            address: IpAddr::from(host.to_be_bytes()),
            client: Some("car-orders".to_owned()),
            partner: None,
            method: Some("client_secret_basic"),
            credential: Some("s1".to_owned()),
            exchanged: None,
            scope: None,
            token_id: reason.is_none().then(|| ms.to_string()),
            audience: None,
            kid: None,
            refusal: reason.map(|_| "invalid_client"),
            reason,
            observed: None,
            status: 0,
            took_us: 0,
            traceparent: None,
        }
    }

    #[test]
    fn refusals_of_a_second_that_do_not_differ_are_one_entry() {
        let book = AuditBook::default();
        let wrong = Some("wrong-credentials");
        for (ms, reason, host) in [
            (1000, wrong, 1),
            (1001, None, 1),
            (1002, wrong, 1),
            (1002, Some("damped"), 1),
            (1003, wrong, 2),
            (1999, wrong, 1),
            (2000, wrong, 1),
            (2001, None, 1),
        ] {
            book.add(&record(ms, reason, host));
        }
        let seen = |entry: &TokenEntry| (entry.at.ms(), entry.refusal.is_some(), entry.times);
        let entries: Vec<_> = book.drain().iter().map(seen).collect();
        let expected = [
            (1000, true, 3),
            (1001, false, 1),
            (1002, true, 1),
            (1003, true, 1),
            (2000, true, 1),
            (2001, false, 1),
        ];
        assert_eq!(entries, expected);
        assert!(book.drain().is_empty());
    }

    #[test]
    fn revocations_of_a_token_within_a_second_are_one_entry_and_no_refusals() {
        let book = AuditBook::default();
        let revoke = |ms, token_id: &str| {
            book.revoked(&Revocation {
                at: Timestamp::from_ms(ms),
                address: IpAddr::from([192, 0, 2, 1]),
                client: "car-orders".to_owned(),
                partner: "cars".to_owned(),
                method: "private_key_jwt",
                credential: Some("car-orders/hsm".to_owned()),
                token_id: token_id.to_owned(),
                audience: "tires".to_owned(),
            });
        };
        for (ms, token_id) in [(1000, "t1"), (1001, "t1"), (1002, "t2"), (2000, "t1")] {
            revoke(ms, token_id);
        }
        let entries = book.drain();
        let seen = |entry: &TokenEntry| (entry.at.ms(), entry.token_id.clone(), entry.times);
        let id = |text: &str| Some(text.to_owned());
        let expected = [(1000, id("t1"), 2), (1002, id("t2"), 1), (2000, id("t1"), 1)];
        assert_eq!(entries.iter().map(seen).collect::<Vec<_>>(), expected);
        for entry in entries {
            assert_eq!(entry.outcome(), TokenOutcome::Revoked);
            assert_eq!((entry.client, entry.partner), (id("car-orders"), id("cars")));
            assert_eq!((entry.method, entry.audience), (id("private_key_jwt"), id("tires")));
            assert_eq!(entry.credential, id("car-orders/hsm"));
        }
    }

    #[test]
    fn refusals_of_exchanges_are_told_apart_by_whose_token_it_was() {
        let book = AuditBook::default();
        for subject in ["a", "b", "a"] {
            let exchanged = Exchanged { issuer: "cluster".into(), subject: subject.into() };
            let refused = record(1000, Some("invalid_request"), 1);
            book.add(&TokenRecord { exchanged: Some(exchanged), ..refused });
        }
        let seen = |entry: &TokenEntry| (entry.issuer.clone(), entry.subject.clone(), entry.times);
        let entries: Vec<_> = book.drain().iter().map(seen).collect();
        let expected = [("a", 2), ("b", 1)]
            .map(|(subject, times)| (Some("cluster".to_owned()), Some(subject.to_owned()), times));
        assert_eq!(entries, expected);
    }

    #[test]
    fn refusals_are_told_apart_by_the_credential_that_was_the_proof() {
        let book = AuditBook::default();
        for credential in [Some("s1"), Some("s2"), Some("s1"), None] {
            let refused = record(1000, Some("quota"), 1);
            let credential = credential.map(str::to_owned);
            book.add(&TokenRecord { credential, ..refused });
        }
        let seen = |entry: &TokenEntry| (entry.credential.clone(), entry.times);
        let entries: Vec<_> = book.drain().iter().map(seen).collect();
        let expected = [(Some("s1"), 2), (Some("s2"), 1), (None, 1)];
        assert_eq!(entries, expected.map(|(id, times)| (id.map(str::to_owned), times)));
    }

    #[test]
    fn what_waits_has_a_bound_and_what_is_left_out_is_counted() {
        let book = AuditBook::default();
        let all = u32::try_from(WAITING_MAX).unwrap() + 7;
        for host in 0..all {
            book.add(&record(i64::from(host), None, host));
        }
        let entries = book.drain();
        assert_eq!(entries.len(), WAITING_MAX + 1);
        let last = entries.last().unwrap();
        assert_eq!((last.refusal.as_deref(), last.times), (Some(NOT_RECORDED), 7));
        assert_eq!(last.at.ms(), 50_000);
    }

    #[tokio::test]
    async fn whoever_waits_is_told_when_many_wait() {
        let book = AuditBook::default();
        for host in 0..500 {
            book.add(&record(5, None, host));
        }
        book.filled().await;
    }
}
