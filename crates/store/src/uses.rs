//! The days on which credentials were used, between the request that uses one and the store.
//!
//! A request costs a comparison of two numbers; the first one of a day notes the day in memory, and
//! whoever keeps the book hands it to the store in batches ([`Keys::note_uses`](crate::Keys)). A kill
//! loses what was noted since the last batch, and the next use notes it again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use model::{CredentialKind, CredentialUse, Timestamp};

const DAY_MS: i64 = 86_400_000;

/// What was noted and is not in the store yet. No larger than there are credentials.
#[derive(Debug, Default)]
pub struct UseBook(Mutex<BTreeMap<(CredentialKind, String), i64>>);

/// One credential's last day, as its requests see it.
#[derive(Debug)]
pub struct UseMark {
    /// The last day that was noted, counted from 1970.
    day: AtomicI64,
    kind: CredentialKind,
    id: String,
    book: Arc<UseBook>,
}

impl UseBook {
    /// The mark of a credential that was last used on this day.
    pub fn mark(
        self: &Arc<Self>,
        kind: CredentialKind,
        id: &str,
        last_used: Option<Timestamp>,
    ) -> UseMark {
        let day = last_used.map_or(i64::MIN, day);
        UseMark { day: AtomicI64::new(day), kind, id: id.to_owned(), book: Arc::clone(self) }
    }

    /// Takes out what was noted.
    pub fn drain(&self) -> Vec<CredentialUse> {
        let noted = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let noted = noted.into_iter();
        noted.map(|((kind, id), day)| CredentialUse { kind, id, day: begin(day) }).collect()
    }

    /// Notes what the store did not take again.
    pub fn put_back(&self, uses: Vec<CredentialUse>) {
        for CredentialUse { kind, id, day: at } in uses {
            self.note(kind, id, day(at));
        }
    }

    fn note(&self, kind: CredentialKind, id: String, day: i64) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = noted.entry((kind, id)).or_insert(day);
        *known = day.max(*known);
    }
}

impl UseMark {
    /// The credential is used now.
    pub fn used(&self, now: Timestamp) {
        let day = day(now);
        // Of several at once the first alone takes the lock.
        if self.day.load(Ordering::Relaxed) < day
            && self.day.fetch_max(day, Ordering::Relaxed) < day
        {
            self.book.note(self.kind, self.id.clone(), day);
        }
    }
}

fn day(at: Timestamp) -> i64 {
    at.ms().div_euclid(DAY_MS)
}

fn begin(day: i64) -> Timestamp {
    Timestamp::from_ms(day.saturating_mul(DAY_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_799_971_200_000 + DAY_MS / 2;

    fn shown(uses: &[CredentialUse]) -> Vec<(String, i64)> {
        uses.iter().map(|one| (one.id.clone(), one.day.ms())).collect()
    }

    #[test]
    fn a_day_is_noted_once_and_its_beginning() {
        let book = Arc::new(UseBook::default());
        let fresh = book.mark(CredentialKind::ClientSecret, "a", None);
        let known = book.mark(CredentialKind::ApiKey, "b", Some(Timestamp::from_ms(NOON)));
        for ms in [NOON, NOON + 1, NOON - 5] {
            fresh.used(Timestamp::from_ms(ms));
            known.used(Timestamp::from_ms(ms));
        }
        assert_eq!(shown(&book.drain()), [("a".to_owned(), NOON - DAY_MS / 2)]);
        assert!(book.drain().is_empty());
        known.used(Timestamp::from_ms(NOON + DAY_MS));
        // A clock that was put back takes no day back.
        known.used(Timestamp::from_ms(NOON));
        assert_eq!(shown(&book.drain()), [("b".to_owned(), NOON + DAY_MS / 2)]);
    }

    #[test]
    fn what_the_store_did_not_take_is_noted_again() {
        let book = Arc::new(UseBook::default());
        let mark = book.mark(CredentialKind::ApiKey, "a", None);
        mark.used(Timestamp::from_ms(NOON));
        let refused = book.drain();
        mark.used(Timestamp::from_ms(NOON + DAY_MS));
        book.put_back(refused);
        assert_eq!(shown(&book.drain()), [("a".to_owned(), NOON + DAY_MS / 2)]);
    }
}
