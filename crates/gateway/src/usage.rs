//! What is counted of every request, gathered in memory until somebody keeps it.
//!
//! Counting must cost a request next to nothing: each thread has a part of the book to itself, a key
//! is found by its texts and without a copy of them, and only the first request of a key and minute
//! makes one. What is in the book is lost when the process is killed; who drains it says how often.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use model::{AnsweredBy, Grain, Name, Timestamp, UsageCounts, UsageKey, UsageSample};
use parking_lot::Mutex;
use store::UsageRow;

use crate::Record;

/// More parts than most machines have cores. Threads that share one wait for each other, no more.
pub const THREADS_APART: usize = 32;
/// So many keys and minutes are held apart in one part between two drainings; what more there is, is
/// counted together. Keys are of the configuration, and no caller can make one up.
const KEYS_MAX: usize = 4096;
/// Room for what is counted together: a row for each minute, for as long as nobody drains.
const OTHERS_MAX: usize = 64;
/// How many keys may stand side by side because their digests are the same.
const PROBES: u64 = 4;

/// Under what a request is counted, as texts of whoever asks; an empty one is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UsageOf<'a> {
    /// The partner.
    pub partner: &'a str,
    /// The token's client.
    pub client: &'a str,
    /// The API key's name.
    pub api_key: &'a str,
    /// The API.
    pub api: &'a str,
    /// The route as the configuration has it, `POST /orders`.
    pub route: &'a str,
}

impl UsageOf<'_> {
    const OTHERS: Self = Self {
        partner: UsageKey::OTHERS,
        client: UsageKey::OTHERS,
        api_key: UsageKey::OTHERS,
        api: UsageKey::OTHERS,
        route: UsageKey::OTHERS,
    };

    fn key(&self) -> UsageKey {
        UsageKey {
            partner: self.partner.into(),
            client: self.client.into(),
            api_key: self.api_key.into(),
            api: self.api.into(),
            route: self.route.into(),
        }
    }

    fn is(&self, key: &UsageKey) -> bool {
        *self.partner == *key.partner
            && *self.client == *key.client
            && *self.api_key == *key.api_key
            && *self.api == *key.api
            && *self.route == *key.route
    }

    /// A digest of the texts and the minute. It need not withstand anybody, for no caller chooses
    /// them; it must be quick.
    fn digest(&self, minute_ms: i64) -> u64 {
        let mut state = mix(0, minute_ms.cast_unsigned());
        for text in [self.partner, self.client, self.api_key, self.api, self.route] {
            let (words, rest) = text.as_bytes().as_chunks::<8>();
            for word in words {
                state = mix(state, u64::from_le_bytes(*word));
            }
            let mut last = [0; 8];
            for (to, from) in last.iter_mut().zip(rest) {
                *to = *from;
            }
            // The length keeps apart what would be equal text after text.
            state = mix(state, u64::from_le_bytes(last));
            state = mix(state, text.len() as u64);
        }
        // A product's low bits depend on low bits alone, and the table looks at both ends.
        state ^ (state >> 32)
    }
}

/// One round of multiply and rotate, with the odd number next to 2^64 divided by the golden ratio.
fn mix(state: u64, word: u64) -> u64 {
    (state.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Hands a digest through as its own hash.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = mix(self.0, u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// What was counted of a key in a minute.
struct Slot {
    minute_ms: i64,
    key: UsageKey,
    counts: UsageCounts,
}

/// One thread's part. Aligned so that no two threads write to one cache line.
#[derive(Default)]
#[repr(align(128))]
struct Shard(HashMap<u64, Slot, BuildHasherDefault<AsItIs>>);

impl Shard {
    /// Where a key's counts are or may come to stand; none when all its places are others'.
    fn place(&self, minute_ms: i64, of: &UsageOf<'_>) -> Option<(u64, bool)> {
        let digest = of.digest(minute_ms);
        for probe in 0..PROBES {
            let place = digest.wrapping_add(probe);
            match self.0.get(&place) {
                None => return Some((place, false)),
                Some(slot) if slot.minute_ms == minute_ms && of.is(&slot.key) => {
                    return Some((place, true));
                }
                Some(_) => {}
            }
        }
        None
    }

    /// The counts of a key, if it has any or fewer than `most` keys have.
    fn counts(
        &mut self,
        minute_ms: i64,
        of: &UsageOf<'_>,
        most: usize,
    ) -> Option<&mut UsageCounts> {
        let (place, is_there) = self.place(minute_ms, of)?;
        if !is_there && self.0.len() >= most {
            return None;
        }
        let make = || Slot { minute_ms, key: of.key(), counts: UsageCounts::default() };
        Some(&mut self.0.entry(place).or_insert_with(make).counts)
    }

    /// Gives what was counted, and forgets keys of which nothing came since the last time.
    fn drain(&mut self, rows: &mut Vec<UsageRow>) {
        self.0.retain(|_, slot| {
            if slot.counts.is_empty() {
                return false;
            }
            let start = Timestamp::from_ms(slot.minute_ms);
            let counts = std::mem::take(&mut slot.counts);
            rows.push(UsageRow { start, key: slot.key.clone(), counts });
            true
        });
    }
}

/// What was counted and not drained yet.
pub struct UsageBook {
    shards: Vec<Mutex<Shard>>,
    folded: AtomicU64,
}

impl Default for UsageBook {
    fn default() -> Self {
        Self::new()
    }
}

impl UsageBook {
    /// An empty book.
    pub fn new() -> Self {
        let shards = (0..THREADS_APART).map(|_| Mutex::default()).collect();
        Self { shards, folded: AtomicU64::new(0) }
    }

    /// Counts a request that came at a moment. Does not block but for another thread of the same part,
    /// and for whoever drains it.
    pub fn add(&self, at: Timestamp, of: &UsageOf<'_>, sample: &UsageSample) {
        let minute_ms = Grain::Minute.start(at).ms();
        let Some(shard) = self.shards.get(number_of_thread()) else { return };
        let mut shard = shard.lock();
        if let Some(counts) = shard.counts(minute_ms, of, KEYS_MAX) {
            counts.count(sample);
            return;
        }
        let most = KEYS_MAX + OTHERS_MAX;
        if let Some(counts) = shard.counts(minute_ms, &UsageOf::OTHERS, most) {
            counts.count(sample);
        }
        drop(shard);
        self.folded.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request as it was recorded.
    pub fn request(&self, record: &Record) {
        let of = UsageOf {
            partner: record.partner().map_or("", Name::as_str),
            client: record.client().unwrap_or_default(),
            api_key: record.key_name().unwrap_or_default(),
            api: record.api().unwrap_or_default(),
            route: record.route_key().unwrap_or_default(),
        };
        let sample = UsageSample {
            status: record.status,
            answered_by: answered_by(record.refusal.as_ref().map(|(code, _)| *code)),
            bytes_in: record.bytes_in,
            bytes_out: record.bytes_out,
            took_us: record.took_us,
            upstream_us: record.upstream_us.unwrap_or(0),
        };
        self.add(record.at, &of, &sample);
    }

    /// Takes out what was counted since the last time. A key may have several rows, one of each
    /// thread.
    pub fn drain(&self) -> Vec<UsageRow> {
        let mut rows = Vec::new();
        for shard in &self.shards {
            shard.lock().drain(&mut rows);
        }
        rows
    }

    /// How many requests were counted as [`UsageKey::OTHERS`] since the start, because there were too
    /// many keys at once.
    pub fn folded(&self) -> u64 {
        self.folded.load(Ordering::Relaxed)
    }
}

/// Who answered, by the code of a refusal.
pub fn answered_by(refusal: Option<&str>) -> AnsweredBy {
    match refusal {
        // Nobody refused a caller that went away.
        None | Some("caller-gone") => AnsweredBy::Service,
        Some("rate-exceeded" | "quota-exceeded") => AnsweredBy::Plan,
        Some(_) => AnsweredBy::Gateway,
    }
}

/// Which part of what is counted by each thread for itself is this thread's, below
/// [`THREADS_APART`]. Threads are numbered as they come.
pub fn number_of_thread() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static SHARD: Cell<Option<usize>> = const { Cell::new(None) };
    }
    SHARD.with(|shard| {
        shard.get().unwrap_or_else(|| {
            let number = THREADS.fetch_add(1, Ordering::Relaxed) % THREADS_APART;
            shard.set(Some(number));
            number
        })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const MINUTE_MS: i64 = 60_000;

    fn sample(status: u16) -> UsageSample {
        let answered_by = AnsweredBy::Service;
        UsageSample { status, answered_by, bytes_in: 1, bytes_out: 2, took_us: 3, upstream_us: 1 }
    }

    /// Requests by minute and key.
    fn summed(rows: Vec<UsageRow>) -> BTreeMap<(i64, UsageKey), u64> {
        let mut sums = BTreeMap::new();
        for row in rows {
            *sums.entry((row.start.ms(), row.key)).or_default() += row.counts.requests();
        }
        sums
    }

    #[test]
    fn threads_add_up_by_key_and_minute() {
        let book = UsageBook::new();
        let (orders, bills) = (
            UsageOf { partner: "cars", api: "tires", route: "/orders", ..UsageOf::default() },
            UsageOf { partner: "cars", api: "tires", route: "/bills", ..UsageOf::default() },
        );
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for number in 0..300 {
                        let of = if number % 3 == 0 { bills } else { orders };
                        let at = if number < 150 { MINUTE_MS - 1 } else { MINUTE_MS };
                        book.add(Timestamp::from_ms(at), &of, &sample(200));
                    }
                });
            }
        });
        let expected = BTreeMap::from([
            ((0, bills.key()), 200),
            ((0, orders.key()), 400),
            ((MINUTE_MS, bills.key()), 200),
            ((MINUTE_MS, orders.key()), 400),
        ]);
        assert_eq!(summed(book.drain()), expected);
        assert!(book.drain().is_empty(), "what was taken out is gone");
        book.add(Timestamp::from_ms(0), &orders, &sample(200));
        assert_eq!(summed(book.drain()), BTreeMap::from([((0, orders.key()), 1)]));
        assert_eq!(book.folded(), 0);
    }

    #[test]
    fn texts_that_meet_are_not_the_same_key() {
        let one = UsageOf { partner: "ab", client: "c", ..UsageOf::default() };
        let other = UsageOf { partner: "a", client: "bc", ..UsageOf::default() };
        assert_ne!(one.digest(0), other.digest(0));
        assert_ne!(one.digest(0), one.digest(MINUTE_MS));
        let book = UsageBook::new();
        for of in [one, other, UsageOf::default()] {
            book.add(Timestamp::from_ms(0), &of, &sample(200));
        }
        assert_eq!(summed(book.drain()).len(), 3);
    }

    #[test]
    fn keys_of_one_digest_are_held_apart() {
        let mut shard = Shard::default();
        let of = UsageOf { partner: "cars", ..UsageOf::default() };
        let other = Slot { minute_ms: 0, key: UsageKey::others(), counts: UsageCounts::default() };
        shard.0.insert(of.digest(0), other);
        shard.counts(0, &of, KEYS_MAX).unwrap().count(&sample(200));
        shard.counts(0, &of, KEYS_MAX).unwrap().count(&sample(200));
        let mut rows = Vec::new();
        shard.drain(&mut rows);
        assert_eq!(summed(rows), BTreeMap::from([((0, of.key()), 2)]));
    }

    #[test]
    fn more_keys_than_the_bound_are_counted_together_and_none_is_lost() {
        let book = UsageBook::new();
        let all = KEYS_MAX as u64 + 100;
        for number in 0..all {
            let partner = format!("partner-{number}");
            let of = UsageOf { partner: &partner, ..UsageOf::default() };
            book.add(Timestamp::from_ms(0), &of, &sample(200));
        }
        let sums = summed(book.drain());
        assert_eq!(sums.len(), KEYS_MAX + 1);
        assert_eq!(sums.values().sum::<u64>(), all);
        assert_eq!(sums.get(&(0, UsageKey::others())), Some(&100));
        assert_eq!(book.folded(), 100);
    }

    #[test]
    fn a_refusal_says_who_answered() {
        for (refusal, expected) in [
            (None, AnsweredBy::Service),
            (Some("caller-gone"), AnsweredBy::Service),
            (Some("rate-exceeded"), AnsweredBy::Plan),
            (Some("quota-exceeded"), AnsweredBy::Plan),
            (Some("token-missing"), AnsweredBy::Gateway),
            (Some("upstream-timeout"), AnsweredBy::Gateway),
        ] {
            assert_eq!(answered_by(refusal), expected, "{refusal:?}");
        }
    }
}
