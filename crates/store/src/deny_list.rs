//! The tokens that are refused before their end, in memory, as every request is held against them.
//!
//! One value that all doors of a process share. What this process revokes is in it as soon as it is
//! on disk; what another process on the same store revokes comes with the next [`DenyList::follow`].
//! No snapshot is built anew for it, and no memory of verified tokens forgotten.
//!
//! A look-up takes no lock: it costs an atomic load while nothing is revoked, and otherwise a keyed
//! hash and a probe for each kind of entry there is. Only the hashes are held, 64 bits under a key
//! drawn at the start: with the most entries there may be, a good token would be taken for a revoked
//! one once in 10^14.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use model::Timestamp;

use crate::denied::at_issuer;
use crate::{AuditEntry, Denied, DenyBounds, DenyEntry, Store, StoreError};

/// How many single tokens are denied at the most: 100,000 take some 5 MiB, and copying them for a
/// change about a millisecond; no client can take more than a hundredth of that room. Beside them
/// there is one entry at the most for each client and for each credential.
pub const DENY_BOUNDS: DenyBounds = DenyBounds { of_client: 1_000, in_all: 100_000 };

/// Entries read at once.
const PAGE: u32 = 10_000;

/// A good token, as far as it may have been revoked.
#[derive(Debug, Clone, Copy)]
pub struct Presented<'a> {
    /// Its own name (`jti`).
    pub id: &'a str,
    /// The client it was issued to.
    pub client: &'a str,
    /// The id of the credential it was got with, if it says so.
    pub credential: Option<&'a str>,
    /// When it was issued, in seconds since 1970.
    pub issued_s: i64,
}

/// The tokens that are refused.
#[derive(Default)]
pub struct DenyList {
    /// Whether anything was ever refused: most programs never ask further.
    any: AtomicBool,
    refused: ArcSwap<Refused>,
    /// The number of the last entry that was read from the store.
    seen: AtomicU64,
    /// Makes the keys: nobody can choose names that fall together.
    keys: RandomState,
}

/// All of it as one immutable value, by the hashes of names.
#[derive(Default, Clone)]
struct Refused {
    tokens: Map<Single>,
    clients: Map<Many>,
    credentials: Map<Many>,
}

type Map<V> = HashMap<u64, V, BuildHasherDefault<Hashed>>;

/// One token.
#[derive(Clone, Copy)]
struct Single {
    client: Option<u64>,
    until: Timestamp,
}

/// All that were issued until a moment.
#[derive(Clone, Copy)]
struct Many {
    at: Timestamp,
    until: Timestamp,
}

impl DenyList {
    /// An empty list; [`Self::follow`] fills it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a token that is good otherwise was revoked.
    ///
    /// A token says its second only: of those that a client got in the very second in which all of
    /// its tokens were revoked, all are refused.
    pub fn refuses(&self, token: &Presented<'_>) -> bool {
        if !self.any.load(Ordering::Acquire) {
            return false;
        }
        let refused = self.refused.load();
        let among = |many: &Map<Many>, name: &str| {
            // The name is hashed only if there is something to find.
            !many.is_empty()
                && many.get(&self.key(name)).is_some_and(|one| token.issued_s <= one.at.seconds())
        };
        (!refused.tokens.is_empty() && refused.tokens.contains_key(&self.key(token.id)))
            || among(&refused.clients, token.client)
            || token.credential.is_some_and(|id| among(&refused.credentials, id))
    }

    /// Whether a token of another issuer, good otherwise, was revoked by name ([`Denied::of_issuer`]).
    pub fn refuses_of_issuer(&self, issuer: &str, id: &str) -> bool {
        let refused = self.refused.load();
        !refused.tokens.is_empty() && refused.tokens.contains_key(&self.key(&at_issuer(issuer, id)))
    }

    /// Refuses tokens from now on: on disk first, then here. Gives what is kept, as
    /// [`deny`](crate::DeniedTokens::deny) does within [`DENY_BOUNDS`].
    pub async fn deny(
        &self,
        store: &dyn Store,
        entry: DenyEntry,
        audit: Option<AuditEntry>,
    ) -> Result<Option<DenyEntry>, StoreError> {
        let kept = store.deny(entry, DENY_BOUNDS, audit).await?;
        if let Some(kept) = &kept {
            self.add(std::slice::from_ref(kept));
        }
        Ok(kept)
    }

    /// Takes over what the store has more than was read of it before: everything at a start, and
    /// afterwards what others have revoked. An `Err` leaves the list as far as it was read.
    pub async fn follow(&self, store: &dyn Store, now: Timestamp) -> Result<(), StoreError> {
        loop {
            let after = self.seen.load(Ordering::Relaxed);
            let page = store.denied(after, now, PAGE).await?;
            let Some(last) = page.last().map(|(number, _)| *number) else { return Ok(()) };
            let is_whole = page.len() < PAGE as usize;
            let entries: Vec<DenyEntry> = page.into_iter().map(|(_, entry)| entry).collect();
            self.add(&entries);
            self.seen.fetch_max(last, Ordering::Relaxed);
            if is_whole {
                return Ok(());
            }
        }
    }

    /// Forgets what is over.
    pub fn forget(&self, now: Timestamp) {
        let refused = self.refused.load();
        let is_over = refused.tokens.values().any(|one| one.until <= now)
            || refused.clients.values().any(|many| many.until <= now)
            || refused.credentials.values().any(|many| many.until <= now);
        drop(refused);
        if is_over {
            self.change(|refused| {
                refused.tokens.retain(|_, one| now < one.until);
                refused.clients.retain(|_, many| now < many.until);
                refused.credentials.retain(|_, many| now < many.until);
            });
        }
    }

    /// How many entries there are.
    pub fn count(&self) -> usize {
        let refused = self.refused.load();
        refused.tokens.len() + refused.clients.len() + refused.credentials.len()
    }

    fn add(&self, entries: &[DenyEntry]) {
        if !entries.is_empty() {
            self.any.store(true, Ordering::Release);
        }
        self.change(|refused| {
            for entry in entries {
                self.put(refused, entry);
            }
        });
    }

    fn put(&self, refused: &mut Refused, entry: &DenyEntry) {
        let DenyEntry { at, until, .. } = *entry;
        match &entry.what {
            Denied::Token { id, client } => {
                let client = client.as_ref().map(|client| self.key(client.as_str()));
                refused.tokens.insert(self.key(id), Single { client, until });
            }
            Denied::Client { client } => {
                let client = self.key(client.as_str());
                // Those that were revoked one by one are among them.
                refused.tokens.retain(|_, one| one.client != Some(client));
                extend(&mut refused.clients, client, Many { at, until });
            }
            Denied::Credential { id, .. } => {
                extend(&mut refused.credentials, self.key(id), Many { at, until });
            }
        }
    }

    /// Swaps a changed copy in; whoever looks meanwhile sees the one before.
    fn change(&self, change: impl Fn(&mut Refused)) {
        drop(self.refused.rcu(|before| {
            let mut refused = Refused::clone(before);
            change(&mut refused);
            Arc::new(refused)
        }));
    }

    fn key(&self, name: &str) -> u64 {
        self.keys.hash_one(name)
    }
}

impl std::fmt::Debug for DenyList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DenyList({} entries)", self.count())
    }
}

/// Entries come in any order: the later moments stand.
fn extend(map: &mut Map<Many>, key: u64, new: Many) {
    let known = map.entry(key).or_insert(new);
    known.at = known.at.max(new.at);
    known.until = known.until.max(new.until);
}

/// A hash that is one already.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use model::Name;

    use super::*;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_ms(s * 1000 + 500)
    }

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn token(id: &str, client: Option<&str>, until: i64) -> DenyEntry {
        let what = Denied::Token { id: id.to_owned(), client: client.map(name) };
        DenyEntry { what, at: at(0), until: at(until) }
    }

    fn presented<'a>(id: &'a str, client: &'a str, issued_s: i64) -> Presented<'a> {
        Presented { id, client, credential: Some("s1"), issued_s }
    }

    #[test]
    fn an_empty_list_refuses_nothing() {
        assert!(!DenyList::new().refuses(&presented("a", "cars", 5)));
    }

    #[test]
    fn one_token_is_refused_and_no_other() {
        let list = DenyList::new();
        list.add(&[token("a", Some("cars"), 9)]);
        assert!(list.refuses(&presented("a", "cars", 5)));
        assert!(!list.refuses(&presented("b", "cars", 5)));
        // A client of the name of a token is another thing.
        assert!(!list.refuses(&presented("b", "a", 5)));
    }

    #[test]
    fn a_token_of_another_issuer_is_none_of_ours_and_none_of_a_third() {
        let list = DenyList::new();
        let (issuer, other) = ("https://login.example/a", "https://login.example/b");
        assert!(!list.refuses_of_issuer(issuer, "t"));
        list.add(&[token("own", None, 9)]);
        let what = Denied::of_issuer(issuer, "t");
        assert_eq!(what.issuer_and_id(), Some((issuer, "t")));
        list.add(&[DenyEntry { what, at: at(0), until: at(9) }]);
        assert!(list.refuses_of_issuer(issuer, "t"));
        assert!(!list.refuses_of_issuer(issuer, "u") && !list.refuses_of_issuer(other, "t"));
        assert!(!list.refuses(&presented("t", "cars", 5)));
        assert!(list.refuses(&presented("own", "cars", 5)));
        assert!(!list.refuses_of_issuer(issuer, "own"));
        assert_eq!(token("own", None, 9).what.issuer_and_id(), None);
    }

    #[test]
    fn a_token_of_another_issuer_may_have_any_name() {
        let list = DenyList::new();
        let issuer = "https://login.example/a";
        let long = "x".repeat(1024);
        for id in ["a b", " a", "a ", "ü", "https://login.example/b t", &long] {
            assert!(!list.refuses_of_issuer(issuer, id), "{id}");
            let what = Denied::of_issuer(issuer, id);
            assert_eq!(what.issuer_and_id(), Some((issuer, id)));
            list.add(&[DenyEntry { what, at: at(0), until: at(9) }]);
            assert!(list.refuses_of_issuer(issuer, id), "{id}");
        }
        for id in ["a", "b", "t", "x", "u"] {
            assert!(!list.refuses_of_issuer(issuer, id), "{id}");
        }
        assert!(!list.refuses_of_issuer("https://login.example/b", "t"));
    }

    #[test]
    fn what_a_client_got_until_then_is_refused_and_what_it_gets_later_is_not() {
        let list = DenyList::new();
        list.add(&[DenyEntry::of_client(name("cars"), at(100))]);
        for (issued_s, refused) in [(0, true), (99, true), (100, true), (101, false)] {
            assert_eq!(list.refuses(&presented("a", "cars", issued_s)), refused, "{issued_s}");
            assert!(!list.refuses(&presented("a", "tyres", issued_s)));
        }
        // An older entry that comes late takes nothing back.
        list.add(&[DenyEntry::of_client(name("cars"), at(50))]);
        assert!(list.refuses(&presented("a", "cars", 100)));
    }

    #[test]
    fn what_was_got_with_a_credential_is_refused() {
        let list = DenyList::new();
        let what = Denied::Credential { id: "s1".to_owned(), client: name("cars") };
        list.add(&[DenyEntry { what, at: at(100), until: at(200) }]);
        assert!(list.refuses(&presented("a", "cars", 100)));
        assert!(!list.refuses(&presented("a", "cars", 101)));
        let other = Presented { credential: Some("s2"), ..presented("a", "cars", 100) };
        assert!(!list.refuses(&other));
        let none = Presented { credential: None, ..presented("a", "cars", 100) };
        assert!(!list.refuses(&none));
    }

    #[test]
    fn entries_die_with_their_tokens() {
        let list = DenyList::new();
        list.add(&[token("a", Some("cars"), 9), token("b", None, 10)]);
        list.forget(Timestamp::from_ms(9_499));
        assert_eq!(list.count(), 2);
        list.forget(at(9));
        assert!(!list.refuses(&presented("a", "cars", 5)));
        assert!(list.refuses(&presented("b", "cars", 5)));
    }

    #[test]
    fn an_entry_for_a_client_takes_the_place_of_those_for_its_tokens() {
        let list = DenyList::new();
        for number in 0..50 {
            list.add(&[token(&number.to_string(), Some("cars"), 9)]);
        }
        list.add(&[token("other", Some("tyres"), 9), DenyEntry::of_client(name("cars"), at(7))]);
        assert_eq!(list.count(), 2);
        assert!(list.refuses(&presented("3", "cars", 7)));
        assert!(list.refuses(&presented("other", "tyres", 7)));
    }
}
