//! Token issuers beside our own: their keys, kept fresh in the background, and their tokens.
//!
//! ```text
//! Issuers           shared by all cores; the present keys of each issuer by an atomic pointer
//!   outbound::keys  the keys of one: those in force, when they are asked for, asking for them
//!   workload.rs     tokens that stand for a client of ours at the token service
//! ```
//!
//! A key that is not known is asked for once, and the request that brought it waits for the answer
//! for a moment. When an issuer cannot be reached its keys stay in force for a day.

mod workload;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jwt::{AccessToken, Confirmation, Fault, ForeignDemand, ForeignToken};
use model::{Clock, Issuer, Name, Random, Timestamp};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use outbound::keys::KeysStanding;
use outbound::keys::{self, KeySource, KeysState, Place, Renewal};

/// How far an issuer's clock and ours may differ, in seconds.
const LEEWAY_S: i64 = 60;
/// How long the background task sleeps at the most.
const LONGEST_MS: u64 = 60_000;

/// A verified token of another issuer, and who calls with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// The issuer's name here.
    pub issuer: Name,
    /// The partner that calls.
    pub partner: Name,
    /// What the token says; its scopes are those that the issuer may grant.
    pub token: ForeignToken,
}

/// Why a token of another issuer is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssuerFault {
    /// The token itself is not in order.
    #[error(transparent)]
    Token(#[from] Fault),
    /// The API does not trust its issuer.
    #[error("the token's issuer is not one that this API trusts")]
    NotTrusted,
    /// There are no keys to verify it with. Nothing is known of the token.
    #[error("the keys of the issuer {issuer} cannot be got")]
    NoKeys {
        /// The issuer's name here.
        issuer: Name,
    },
    /// The token is good, and its client belongs to no partner.
    #[error("the client {client} of the issuer {issuer} belongs to no partner")]
    UnknownClient {
        /// The issuer's name here.
        issuer: Name,
        /// The client's name there.
        client: String,
    },
}

/// How it stands with an issuer, for operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerState {
    /// The issuer's name here.
    pub name: Name,
    /// How many of its keys can verify.
    pub keys: usize,
    /// Whether they are in force.
    pub standing: KeysStanding,
    /// Failures since they were last got.
    pub failures: u32,
    /// Why the last request failed, if it did.
    pub error: Option<String>,
}

/// The issuers that are trusted beside our own.
pub struct Issuers {
    table: ArcSwap<BTreeMap<Name, Arc<Trusted>>>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    tracker: TaskTracker,
    /// Wakes the background task: something is due, or is not any more.
    wake: Notify,
}

/// One issuer as it is configured now.
struct Trusted {
    issuer: Issuer,
    /// Outlives changes of what does not say where the keys are.
    source: Arc<KeySource>,
}

impl Issuers {
    /// Knows no issuer yet. Calls run on `tracker` and are known to whoever shuts down.
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>, tracker: TaskTracker) -> Self {
        Self { table: ArcSwap::default(), clock, random, tracker, wake: Notify::new() }
    }

    /// Takes new definitions over. Keys stay where the place they come from is the same.
    pub fn define(&self, issuers: &BTreeMap<Name, Issuer>) {
        let (present, now_ms) = (self.table.load_full(), self.now_ms());
        let table = issuers.iter().map(|(name, issuer)| {
            let place = Place {
                issuer: issuer.issuer.clone(),
                jwks_url: issuer.jwks_url.clone(),
                allow_private: issuer.allow_private.clone(),
            };
            let kept = present.get(name).filter(|trusted| *trusted.source.place() == place);
            let source = match kept {
                Some(trusted) => Arc::clone(&trusted.source),
                None => Arc::new(KeySource::new(place, now_ms)),
            };
            (name.clone(), Arc::new(Trusted { issuer: issuer.clone(), source }))
        });
        self.table.store(Arc::new(table.collect()));
        self.wake.notify_one();
    }

    /// Keeps keys fresh until stopped.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let wait = self.begin_what_is_due(&stop);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.wake.notified() => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Verifies a token of one of these issuers at this moment: the one it names, by its own word,
    /// among these alone. May wait 2 s for keys where one is not known.
    pub async fn verify(
        &self,
        token: &str,
        trusted: &[Name],
        now: Timestamp,
    ) -> Result<Verified, IssuerFault> {
        let iss = jwt::claimed_issuer(token)?;
        let trusted = self.find(trusted, &iss).ok_or(IssuerFault::NotTrusted)?;
        let ended = trusted.source.ended();
        match trusted.judge(token, now, self.now_ms()) {
            Err(IssuerFault::NoKeys { .. } | IssuerFault::Token(Fault::UnknownKey)) => {}
            judged => return judged,
        }
        self.renew(&trusted, ended).await;
        trusted.judge(token, now, self.now_ms())
    }

    /// The partner that calls with a token of this issuer and client, as things are defined now;
    /// for a token that was verified before.
    pub fn caller(&self, trusted: &[Name], iss: &str, client: &str) -> Option<Name> {
        self.find(trusted, iss)?.issuer.caller(Some(client)).cloned()
    }

    /// How it stands with every issuer.
    pub fn states(&self) -> Vec<IssuerState> {
        let now_ms = self.now_ms();
        let table = self.table.load_full();
        table.values().map(|trusted| trusted.state(now_ms)).collect()
    }

    fn find(&self, names: &[Name], iss: &str) -> Option<Arc<Trusted>> {
        let table = self.table.load_full();
        let mut known = names.iter().filter_map(|name| table.get(name));
        known.find(|trusted| trusted.issuer.issuer == iss).cloned()
    }

    /// Asks for keys, if that is not too soon, and waits for them for a moment; not if a request
    /// has ended since this count of them.
    async fn renew(&self, trusted: &Trusted, ended: u64) {
        let Some(coming) = trusted.source.ask(ended, self.now_ms()) else { return };
        self.wake.notify_one();
        if !coming.wait().await {
            let issuer = &trusted.issuer.name;
            tracing::debug!(%issuer, "keys did not come in time for a request");
        }
    }

    /// Begins the requests that are due; how long until the next is.
    fn begin_what_is_due(self: &Arc<Self>, stop: &CancellationToken) -> Duration {
        let (table, now_ms) = (self.table.load_full(), self.now_ms());
        let mut wait_ms = LONGEST_MS;
        for trusted in table.values() {
            if trusted.source.begin(now_ms) {
                self.begin(Arc::clone(trusted), stop.clone());
            }
            wait_ms = wait_ms.min(trusted.source.wait_ms(now_ms).unwrap_or(LONGEST_MS));
        }
        Duration::from_millis(wait_ms)
    }

    fn begin(self: &Arc<Self>, trusted: Arc<Trusted>, stop: CancellationToken) {
        let issuers = Arc::clone(self);
        self.tracker.spawn(async move {
            let source = &trusted.source;
            let got = tokio::select! {
                got = keys::fetch(source.place(), &issuers.tracker) => got,
                () = stop.cancelled() => return,
            };
            let mut spread = [0; 2];
            issuers.random.fill(&mut spread);
            let renewal = source.take(got, issuers.now_ms(), u16::from_le_bytes(spread));
            tell(&trusted.issuer.name, &renewal);
            issuers.wake.notify_one();
        });
    }

    fn now_ms(&self) -> u64 {
        self.clock.ticks_ns() / 1_000_000
    }
}

impl Trusted {
    fn judge(&self, token: &str, now: Timestamp, now_ms: u64) -> Result<Verified, IssuerFault> {
        let issuer = &self.issuer;
        let name = || issuer.name.clone();
        let mut token = self.verified(token, now, now_ms)?;
        let Some(partner) = issuer.caller(token.client.as_deref()).cloned() else {
            let client = token.client.unwrap_or_default();
            return Err(IssuerFault::UnknownClient { issuer: name(), client });
        };
        token.scopes.retain(|scope| issuer.may_grant(scope));
        Ok(Verified { issuer: name(), partner, token })
    }

    /// The token, whoever calls with it.
    fn verified(
        &self,
        token: &str,
        now: Timestamp,
        now_ms: u64,
    ) -> Result<ForeignToken, IssuerFault> {
        let issuer = &self.issuer;
        let name = || issuer.name.clone();
        let keys = self.source.in_force(now_ms);
        let keys = keys.ok_or_else(|| IssuerFault::NoKeys { issuer: name() })?;
        let demand = ForeignDemand {
            issuer: &issuer.issuer,
            audiences: &issuer.audiences,
            algorithms: &issuer.algorithms,
            token_type: issuer.token_type,
            client_claim: &issuer.client_claim,
            scope_claim: issuer.scope_claim.as_deref(),
            now_s: now.seconds(),
            leeway_s: LEEWAY_S,
        };
        Ok(jwt::verify_foreign(token, &keys, &demand)?)
    }

    fn state(&self, now_ms: u64) -> IssuerState {
        let KeysState { keys, standing, failures, error } = self.source.state(now_ms);
        IssuerState { name: self.issuer.name.clone(), keys, standing, failures, error }
    }
}

impl Verified {
    /// The client's name: what the client claim says, or else whom the token is about.
    pub fn client(&self) -> &str {
        self.token.client.as_deref().unwrap_or(&self.token.sub)
    }

    /// The token as one of our own for this API would say it. Its `iss` stays the issuer's, and its
    /// client is one of the issuer's and never one of ours of the same name.
    pub fn to_access_token(&self, api: &str) -> AccessToken {
        let token = &self.token;
        let iat = token.iat.or(token.nbf).unwrap_or_default();
        AccessToken {
            iss: token.iss.clone(),
            aud: api.to_owned(),
            sub: token.sub.clone(),
            client_id: self.client().to_owned(),
            scope: token.scopes.join(" "),
            // As long as it is taken: with the bare end the memory would forget within the leeway
            // what has been verified just now.
            exp: token.exp.saturating_add(LEEWAY_S),
            iat,
            auth_time: iat,
            jti: token.jti.clone().unwrap_or_default(),
            token_use: "access".to_owned(),
            version: 2,
            credential_id: None,
            cnf: token.claims.get("cnf").map(confirmation),
            extra: BTreeMap::new(),
        }
    }
}

/// What a token is bound to. What cannot be read is a key that nobody has: a token that is bound is
/// never taken for one that is not.
fn confirmation(cnf: &serde_json::Value) -> Confirmation {
    // A list would be read by the places of its elements, and an empty one binds to nothing.
    let read = cnf.is_object().then(|| serde_json::from_value(cnf.clone()));
    let to_nobody = || Confirmation { jkt: Some(String::new()), x5t_s256: None };
    read.and_then(Result::ok).unwrap_or_else(to_nobody)
}

/// Says in the log what a request for an issuer's keys has changed.
fn tell(issuer: &Name, renewal: &Renewal) {
    match renewal {
        Renewal::Came { keys, skipped, failures, first } if *first || *failures > 0 => {
            tracing::info!(%issuer, keys, skipped, failures, "the keys of an issuer are in force");
        }
        Renewal::Came { .. } => {}
        Renewal::Failed { error, failures, standing } if standing.is_in_force() => tracing::warn!(
            %issuer, %error, failures,
            "the keys of an issuer could not be got again; those that are here stay in force for \
             a day"
        ),
        Renewal::Failed { error, failures, .. } => tracing::error!(
            %issuer, %error, failures,
            "the keys of an issuer cannot be got; its tokens are refused"
        ),
    }
}

#[cfg(test)]
mod tests;
