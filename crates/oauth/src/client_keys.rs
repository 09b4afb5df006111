//! The public keys of clients that publish them (`jwks_uri`, RFC 7591 §2): got when a client needs
//! them, kept, and got anew at a key that is not known, though not again and again.
//!
//! Nothing is asked for in the background: a client that gets a token an hour need not be asked
//! for its keys all day.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use jwt::KeySet;
use model::{Clock, Name, Random};
use outbound::in_words;
use outbound::keys::{FetchError, Got, KeysStanding, Place, Refresh, fetch};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a request waits for keys.
const WAIT: Duration = Duration::from_secs(2);
/// More clients than a company has; then all is forgotten and got anew.
const SOURCES_MAX: usize = 10_000;

/// The keys of clients that publish them.
pub struct PublishedKeys {
    sources: Mutex<HashMap<Name, Arc<Source>>>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    tracker: TaskTracker,
    stop: CancellationToken,
}

/// One client's keys.
struct Source {
    client: Name,
    place: Place,
    keys: ArcSwapOption<KeySet>,
    refresh: Mutex<Refresh>,
    /// Counts the calls that ended.
    ended: watch::Sender<u64>,
}

impl PublishedKeys {
    /// Knows no keys yet. Calls run on `tracker` and end at `stop`.
    pub fn new(
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        tracker: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        Self { sources: Mutex::default(), clock, random, tracker, stop }
    }

    /// The keys of a client that are here and in force.
    pub(crate) fn of(&self, client: &Name, place: &Place) -> Option<Arc<KeySet>> {
        let source = self.sources.lock().get(client).cloned()?;
        if source.place == *place { source.in_force(self.now_ms()) } else { None }
    }

    /// Gets a client's keys, where they are not fresh or none of them is known to be the right one,
    /// and waits a moment for them.
    pub(crate) async fn ready(
        &self,
        client: &Name,
        place: &Place,
        is_known: impl Fn(&KeySet) -> bool + Send,
    ) {
        let (source, now_ms) = (self.source(client, place), self.now_ms());
        let mut ended = source.ended.subscribe();
        let is_fresh = source.refresh.lock().standing(now_ms) == KeysStanding::Fresh;
        if is_fresh && source.keys.load_full().is_some_and(|keys| is_known(&keys)) {
            return;
        }
        let (are_coming, begins) = {
            let mut refresh = source.refresh.lock();
            (refresh.ask(now_ms), refresh.begin(now_ms))
        };
        if begins {
            self.begin(source);
        }
        if are_coming && tokio::time::timeout(WAIT, ended.changed()).await.is_err() {
            tracing::debug!(%client, "keys did not come in time for a request");
        }
    }

    fn source(&self, client: &Name, place: &Place) -> Arc<Source> {
        let mut sources = self.sources.lock();
        if let Some(source) = sources.get(client)
            && source.place == *place
        {
            return Arc::clone(source);
        }
        if sources.len() >= SOURCES_MAX {
            sources.clear();
        }
        let source = Arc::new(Source::new(client.clone(), place.clone(), self.now_ms()));
        sources.insert(client.clone(), Arc::clone(&source));
        source
    }

    fn begin(&self, source: Arc<Source>) {
        let (clock, random) = (Arc::clone(&self.clock), Arc::clone(&self.random));
        let (tracker, stop) = (self.tracker.clone(), self.stop.clone());
        // Not dropped with the request that waits: what comes is for the next one too.
        self.tracker.spawn(async move {
            let got = tokio::select! {
                got = fetch(&source.place, &tracker) => got,
                () = stop.cancelled() => return,
            };
            let mut spread = [0; 2];
            random.fill(&mut spread);
            source.take(got, clock.ticks_ns() / 1_000_000, u16::from_le_bytes(spread));
        });
    }

    fn now_ms(&self) -> u64 {
        self.clock.ticks_ns() / 1_000_000
    }
}

impl Source {
    fn new(client: Name, place: Place, now_ms: u64) -> Self {
        Self {
            client,
            place,
            keys: ArcSwapOption::empty(),
            refresh: Mutex::new(Refresh::new(now_ms)),
            ended: watch::Sender::new(0),
        }
    }

    fn in_force(&self, now_ms: u64) -> Option<Arc<KeySet>> {
        let standing = self.refresh.lock().standing(now_ms);
        match standing {
            KeysStanding::Fresh | KeysStanding::Stale => self.keys.load_full(),
            KeysStanding::Missing | KeysStanding::Over => None,
        }
    }

    /// Takes over what a call gave, and tells of it.
    fn take(&self, got: Result<Got, FetchError>, now_ms: u64, spread: u16) {
        let client = &self.client;
        match got {
            Ok(got) => {
                let (keys, skipped) = (got.keys.count(), got.keys.skipped());
                // The keys first: who sees them fresh must see the new ones.
                let before = self.keys.swap(Some(Arc::new(got.keys)));
                self.refresh.lock().succeeded(now_ms, got.fresh_ms, spread);
                if before.is_none() {
                    tracing::info!(%client, keys, skipped, "the keys of a client are in force");
                }
            }
            Err(error) => {
                self.refresh.lock().failed(now_ms, spread);
                let error = in_words(&error);
                tracing::warn!(
                    %client, %error,
                    "the keys of a client cannot be got; those that were got before are in force \
                     for a day"
                );
            }
        }
        self.ended.send_modify(|count| *count = count.wrapping_add(1));
    }
}

#[cfg(test)]
mod tests;
