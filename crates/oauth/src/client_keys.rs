//! The public keys of clients that publish them (`jwks_uri`, RFC 7591 §2): got when a client needs
//! them, kept, and got anew at a key that is not known, though not again and again.
//!
//! Nothing is asked for in the background: a client that gets a token an hour need not be asked
//! for its keys all day.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jwt::KeySet;
use model::{Clock, Random};
use outbound::keys::{Coming, KeySource, Place, Renewal, fetch};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// More credentials than a company's partners publish keys of; then all is forgotten and got anew.
const SOURCES_MAX: usize = 10_000;
/// How long a request waits for keys in all.
const WAIT: Duration = Duration::from_secs(2);

/// The keys of clients that publish them.
pub struct PublishedKeys {
    /// By the ids of credentials: a client may have several.
    sources: Mutex<HashMap<String, Arc<KeySource>>>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    tracker: TaskTracker,
    stop: CancellationToken,
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

    /// The keys of a credential that are here and in force.
    pub(crate) fn of(&self, credential: &str, place: &Place) -> Option<Arc<KeySet>> {
        self.known(credential, place)?.in_force(self.now_ms())
    }

    /// Gets the keys of credentials, each where they are not fresh, or the right one is nowhere: neither
    /// among those that are fresh nor `inline`, which are here anyway. Waits a moment for all of them.
    pub(crate) async fn ready(
        &self,
        published: &[(String, Place)],
        inline: &[Arc<KeySet>],
        has_right: impl Fn(&KeySet) -> bool + Send,
    ) {
        let coming = self.awaited(published, inline, has_right);
        let waited = async {
            for (credential, coming) in coming {
                if !coming.wait().await {
                    tracing::debug!(credential, "keys did not come in time for a request");
                }
            }
        };
        if tokio::time::timeout(WAIT, waited).await.is_err() {
            tracing::debug!("not all keys came in time for a request");
        }
    }

    /// Begins to get what is to be got, before anything is waited for; gives what is worth waiting for.
    ///
    /// Where the right key seems to be here, that is not what could not be got the last time either. The
    /// address of one credential may be gone while its client goes over to another, and would cost each
    /// of its requests the whole wait.
    fn awaited<'p>(
        &self,
        published: &'p [(String, Place)],
        inline: &[Arc<KeySet>],
        has_right: impl Fn(&KeySet) -> bool,
    ) -> Vec<(&'p str, Coming)> {
        let fresh = |(credential, place): &(String, Place)| {
            self.known(credential, place)?.fresh(self.now_ms())
        };
        let is_here = inline.iter().any(|keys| has_right(keys))
            || published.iter().filter_map(fresh).any(|keys| has_right(&keys));
        let coming = published.iter().filter_map(|(credential, place)| {
            let source = self.source(credential, place);
            let coming = self.coming(credential, &source, |keys| is_here || has_right(keys))?;
            let is_failing = source.state(self.now_ms()).failures > 0;
            (!(is_here && is_failing)).then_some((credential.as_str(), coming))
        });
        coming.collect()
    }

    /// What waits for the keys of a credential, where they are to be got.
    fn coming(
        &self,
        credential: &str,
        source: &Arc<KeySource>,
        is_known: impl Fn(&KeySet) -> bool,
    ) -> Option<Coming> {
        let (now_ms, ended) = (self.now_ms(), source.ended());
        if source.fresh(now_ms).is_some_and(|keys| is_known(&keys)) {
            return None;
        }
        let coming = source.ask(ended, now_ms)?;
        if source.begin(now_ms) {
            self.begin(credential.to_owned(), Arc::clone(source));
        }
        Some(coming)
    }

    /// Where the keys of a credential are kept, if they were asked for at this place.
    fn known(&self, credential: &str, place: &Place) -> Option<Arc<KeySource>> {
        let source = self.sources.lock().get(credential).cloned();
        source.filter(|source| source.place() == place)
    }

    fn source(&self, credential: &str, place: &Place) -> Arc<KeySource> {
        let mut sources = self.sources.lock();
        if let Some(source) = sources.get(credential)
            && source.place() == place
        {
            return Arc::clone(source);
        }
        if sources.len() >= SOURCES_MAX {
            sources.clear();
        }
        let source = Arc::new(KeySource::new(place.clone(), self.now_ms()));
        sources.insert(credential.to_owned(), Arc::clone(&source));
        source
    }

    fn begin(&self, credential: String, source: Arc<KeySource>) {
        let (clock, random) = (Arc::clone(&self.clock), Arc::clone(&self.random));
        let (tracker, stop) = (self.tracker.clone(), self.stop.clone());
        // Not dropped with the request that waits: what comes is for the next one too.
        self.tracker.spawn(async move {
            let got = tokio::select! {
                got = fetch(source.place(), &tracker) => got,
                () = stop.cancelled() => return,
            };
            let mut spread = [0; 2];
            random.fill(&mut spread);
            let now_ms = clock.ticks_ns() / 1_000_000;
            tell(&credential, &source.take(got, now_ms, u16::from_le_bytes(spread)));
        });
    }

    fn now_ms(&self) -> u64 {
        self.clock.ticks_ns() / 1_000_000
    }
}

/// Says in the log what a call for a client's keys has changed.
fn tell(credential: &str, renewal: &Renewal) {
    match renewal {
        Renewal::Came { keys, skipped, first: true, .. } => {
            tracing::info!(credential, keys, skipped, "the keys of a client are in force");
        }
        Renewal::Came { .. } => {}
        Renewal::Failed { error, .. } => tracing::warn!(
            credential, %error,
            "the keys of a client cannot be got; those that were got before are in force for a day"
        ),
    }
}

#[cfg(test)]
mod tests;
