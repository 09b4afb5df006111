//! Somebody's keys as they are kept: those that are in force, and the requests that renew them.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use jwt::KeySet;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::fetch::{FetchError, Got, Place};
use super::refresh::{KeysStanding, Refresh};
use crate::in_words;

/// How long a request waits for keys that are coming.
const WAIT: Duration = Duration::from_secs(2);

/// The keys of one issuer or client.
///
/// Whoever looks for a key reads first [`Self::ended`] and then the keys; where the right one is
/// not among them, [`Self::ask`] says whether to wait for others. Whoever gets keys asks
/// [`Self::begin`] when to, and hands what came to [`Self::take`].
///
/// Moments are milliseconds of a clock that never goes backwards.
pub struct KeySource {
    place: Place,
    keys: ArcSwapOption<KeySet>,
    asking: Mutex<Asking>,
    /// Counts the requests that ended. It moves only while `asking` is locked, so that nobody sees
    /// a request over and its end not counted.
    ended: watch::Sender<u64>,
}

struct Asking {
    refresh: Refresh,
    /// Why the last request failed, if it did.
    error: Option<String>,
}

/// What a request for keys has changed, for whoever tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renewal {
    /// There are keys, and they are fresh.
    Came {
        /// How many can verify.
        keys: usize,
        /// How many are of no use here.
        skipped: usize,
        /// How many requests in a row had failed before.
        failures: u32,
        /// Whether there were no keys before.
        first: bool,
    },
    /// There are none, or those that were there before.
    Failed {
        /// The error with its causes.
        error: String,
        /// How many requests in a row have failed.
        failures: u32,
        /// How it stands with those that were there before.
        standing: KeysStanding,
    },
}

/// How it stands with somebody's keys, for operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeysState {
    /// How many can verify.
    pub keys: usize,
    /// Whether they are in force.
    pub standing: KeysStanding,
    /// Failures since they were last got.
    pub failures: u32,
    /// Why the last request failed, if it did.
    pub error: Option<String>,
}

/// Keys that are on their way.
pub struct Coming(watch::Receiver<u64>);

impl KeySource {
    /// Has no keys yet; they are due at once.
    pub fn new(place: Place, now_ms: u64) -> Self {
        Self {
            place,
            keys: ArcSwapOption::empty(),
            asking: Mutex::new(Asking { refresh: Refresh::new(now_ms), error: None }),
            ended: watch::Sender::new(0),
        }
    }

    /// Where the keys are.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The keys, unless they are too old.
    pub fn in_force(&self, now_ms: u64) -> Option<Arc<KeySet>> {
        if self.standing(now_ms).is_in_force() { self.keys.load_full() } else { None }
    }

    /// The keys, if they are as their owner has them.
    pub fn fresh(&self, now_ms: u64) -> Option<Arc<KeySet>> {
        if self.standing(now_ms) == KeysStanding::Fresh { self.keys.load_full() } else { None }
    }

    /// How many requests have ended, for [`Self::ask`]: to be read before the keys are.
    pub fn ended(&self) -> u64 {
        *self.ended.borrow()
    }

    /// Asks for keys because the right one is not here, unless that is too soon or a request has
    /// ended since this count of them: then the keys are to be looked at again. Gives what waits
    /// for keys that are coming; the request for them may be still to [begin](Self::begin).
    pub fn ask(&self, ended: u64, now_ms: u64) -> Option<Coming> {
        let mut asking = self.asking.lock();
        let coming = self.ended.subscribe();
        if *coming.borrow() != ended {
            return None;
        }
        asking.refresh.ask(now_ms).then_some(Coming(coming))
    }

    /// Begins a request if one is due and none is under way: the caller makes it.
    pub fn begin(&self, now_ms: u64) -> bool {
        self.asking.lock().refresh.begin(now_ms)
    }

    /// How long until a request is due; none while one is under way.
    pub fn wait_ms(&self, now_ms: u64) -> Option<u64> {
        self.asking.lock().refresh.wait_ms(now_ms)
    }

    /// Takes over what a request gave. The next one is up to a tenth sooner, by this chance.
    pub fn take(&self, got: Result<Got, FetchError>, now_ms: u64, spread: u16) -> Renewal {
        let mut asking = self.asking.lock();
        let renewal = match got {
            Ok(got) => {
                let (keys, skipped) = (got.keys.count(), got.keys.skipped());
                // The keys first: who sees them fresh must see the new ones.
                let before = self.keys.swap(Some(Arc::new(got.keys)));
                let failures = asking.refresh.failures();
                asking.refresh.succeeded(now_ms, got.fresh_ms, spread);
                asking.error = None;
                Renewal::Came { keys, skipped, failures, first: before.is_none() }
            }
            Err(error) => {
                let error = in_words(&error);
                asking.refresh.failed(now_ms, spread);
                asking.error = Some(error.clone());
                let failures = asking.refresh.failures();
                Renewal::Failed { error, failures, standing: asking.refresh.standing(now_ms) }
            }
        };
        self.ended.send_modify(|count| *count = count.wrapping_add(1));
        renewal
    }

    /// How it stands with them.
    pub fn state(&self, now_ms: u64) -> KeysState {
        let asking = self.asking.lock();
        KeysState {
            keys: self.keys.load_full().map_or(0, |keys| keys.count()),
            standing: asking.refresh.standing(now_ms),
            failures: asking.refresh.failures(),
            error: asking.error.clone(),
        }
    }

    fn standing(&self, now_ms: u64) -> KeysStanding {
        self.asking.lock().refresh.standing(now_ms)
    }
}

impl Coming {
    /// Waits until the request for them has ended, 2 s at the most; says whether it has.
    pub async fn wait(mut self) -> bool {
        tokio::time::timeout(WAIT, self.0.changed()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> KeySource {
        let place = Place { issuer: String::new(), jwks_url: None, allow_private: Vec::new() };
        KeySource::new(place, 0)
    }

    /// What a request gives whose answer has one key.
    fn one_key() -> Got {
        let key = jwt::SigningKey::generate().unwrap();
        let key = jwt::SigningKey::from_pkcs8(&key).unwrap();
        let set = serde_json::to_vec(&jwt::Jwks { keys: vec![key.jwk().clone()] }).unwrap();
        Got { keys: KeySet::parse(&set).unwrap(), fresh_ms: None }
    }

    #[test]
    fn keys_that_came_meanwhile_are_not_asked_for() {
        let source = source();
        let before = source.ended();
        assert!(source.begin(0) && source.in_force(0).is_none());
        let came = Renewal::Came { keys: 1, skipped: 0, failures: 0, first: true };
        assert_eq!(source.take(Ok(one_key()), 1, 0), came);
        // The caller that saw no keys looks again; no other request is due for it.
        assert!(source.ask(before, 2).is_none() && !source.begin(2));
        assert!(source.in_force(2).is_some());
        // One that has seen them all asks.
        assert!(source.ask(source.ended(), 2).is_some() && source.begin(2));
    }

    #[tokio::test]
    async fn who_asks_while_a_request_is_under_way_waits_for_its_end() {
        let source = source();
        assert!(source.begin(0));
        for got in [Err(FetchError::Url), Ok(one_key())] {
            let coming = source.ask(source.ended(), 0).unwrap();
            source.take(got, 0, 0);
            assert!(coming.wait().await);
        }
    }

    #[test]
    fn a_failure_leaves_the_keys_and_says_why() {
        let source = source();
        let failed = |failures, standing| Renewal::Failed {
            error: FetchError::Url.to_string(),
            failures,
            standing,
        };
        let missing = failed(1, KeysStanding::Missing);
        assert_eq!(source.take(Err(FetchError::Url), 0, 0), missing);
        assert_eq!(source.state(0).error, Some(FetchError::Url.to_string()));
        let came = Renewal::Came { keys: 1, skipped: 0, failures: 1, first: true };
        assert_eq!(source.take(Ok(one_key()), 0, 0), came);
        let fresh = KeysState { keys: 1, standing: KeysStanding::Fresh, failures: 0, error: None };
        assert_eq!(source.state(0), fresh);
        let kept = failed(1, KeysStanding::Fresh);
        assert_eq!(source.take(Err(FetchError::Url), 0, 0), kept);
        assert!(source.fresh(0).is_some());
    }
}
