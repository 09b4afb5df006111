//! What is live: snapshots of definitions and credentials, rebuilt at every revision and swapped.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use arc_swap::ArcSwap;
use bus::{Bus, Feeds, LaneNumbers, Rules, Schedules, lane_keys, replay_keys, replay_parts};
use courier::{Holds, KeptSecrets, Plan, ReplayLane, WebhookKeys};
use credential::{Digester, Master, Vault};
use gateway::{Contracts, Snapshot};
use jwt::Proofs;
use model::{
    Clock as _, Definitions, LIVE_CREDENTIALS_MAX, LaneKey, Name, Random, Revision,
    SecretCredential, SecretSource, SigningKeyRecord, Timestamp,
};
use store::{Replay, ReplayState, Store};
use tokio::sync::{Mutex, watch};

use super::federation::Foreign;
use super::{Parts, webhook_jwks};
use crate::config::Server;

/// How long a rebuilding that failed is put off.
const AGAIN: Duration = Duration::from_millis(200);

/// Everything that requests and deliveries are judged by.
pub(super) struct Live {
    definitions: Arc<ArcSwap<Definitions>>,
    /// What the requests to its APIs are held against; they change with the definitions.
    contracts: ArcSwap<Contracts>,
    gateway: Arc<ArcSwap<Snapshot>>,
    tokens: Arc<ArcSwap<oauth::State>>,
    token_limits: Arc<oauth::Limits>,
    rules: Arc<ArcSwap<Rules>>,
    plans: watch::Sender<Arc<Plan>>,
    schedules: watch::Sender<Arc<Schedules>>,
    feeds: watch::Sender<Arc<Feeds>>,
    webhook_keys: watch::Sender<Arc<WebhookKeys>>,
    kept_secrets: watch::Sender<Arc<KeptSecrets>>,
    digester: Arc<Digester>,
    vault: Arc<Vault>,
    proofs: Arc<Proofs>,
    /// The revision of the store that is in force everywhere.
    caught_up: watch::Sender<Revision>,
    /// One rebuilding at a time: a later one sees everything an earlier one saw.
    rebuilding: Mutex<()>,
}

/// One consistent set of snapshots.
struct Built {
    gateway: Snapshot,
    tokens: oauth::State,
    rules: Rules,
    plan: Plan,
    schedules: Schedules,
    feeds: Feeds,
    webhook_keys: WebhookKeys,
    kept_secrets: KeptSecrets,
}

impl Live {
    pub(super) async fn open(
        parts: &Parts,
        master: &Master,
        (definitions, contracts): (Definitions, Contracts),
    ) -> anyhow::Result<Self> {
        let (digester, vault) = (Arc::new(master.digester()), Arc::new(master.vault()));
        let proofs = Arc::new(Proofs::new(&master.proof_nonce_key()));
        let revision = *parts.store.revisions().borrow();
        declare(parts, &definitions).await?;
        let defined = (&definitions, &contracts);
        let built = build(parts, defined, (&digester, &vault, &proofs), None).await?;
        parts.issuers.define(&definitions.issuers);
        Ok(Self {
            caught_up: watch::Sender::new(revision),
            definitions: Arc::new(ArcSwap::from_pointee(definitions)),
            contracts: ArcSwap::from_pointee(contracts),
            gateway: Arc::new(ArcSwap::from_pointee(built.gateway)),
            tokens: Arc::new(ArcSwap::from_pointee(built.tokens)),
            token_limits: Arc::default(),
            rules: Arc::new(ArcSwap::from_pointee(built.rules)),
            plans: watch::Sender::new(Arc::new(built.plan)),
            schedules: watch::Sender::new(Arc::new(built.schedules)),
            feeds: watch::Sender::new(Arc::new(built.feeds)),
            webhook_keys: watch::Sender::new(Arc::new(built.webhook_keys)),
            kept_secrets: watch::Sender::new(Arc::new(built.kept_secrets)),
            digester,
            vault,
            proofs,
            rebuilding: Mutex::new(()),
        })
    }

    /// Takes new definitions over.
    pub(super) async fn define(
        &self,
        parts: &Parts,
        (definitions, contracts): (Definitions, Contracts),
    ) -> anyhow::Result<()> {
        let _one = self.rebuilding.lock().await;
        declare(parts, &definitions).await?;
        self.swap(parts, (Arc::new(definitions), Arc::new(contracts))).await
    }

    /// Rebuilds at every revision of the store, until stopped; one that fails is tried again.
    pub(super) async fn follow(self: Arc<Self>, parts: Parts) {
        let mut revisions = parts.store.revisions();
        // A change between the first building and now is one to follow.
        revisions.mark_changed();
        loop {
            tokio::select! {
                changed = revisions.changed() => if changed.is_err() { return },
                () = parts.stop.cancelled() => return,
            }
            let revision = *revisions.borrow_and_update();
            let rebuilt = {
                let _one = self.rebuilding.lock().await;
                let defined = (self.definitions.load_full(), self.contracts.load_full());
                self.swap(&parts, defined).await
            };
            match rebuilt {
                Ok(()) => drop(self.caught_up.send_replace(revision)),
                Err(error) => {
                    tracing::error!("a change of credentials is not in force yet: {error:#}");
                    tokio::time::sleep(AGAIN).await;
                    revisions.mark_changed();
                }
            }
        }
    }

    /// Tells of what is in force and is not as somebody may expect.
    pub(super) async fn tell(&self, parts: &Parts) {
        self.tell_of_orphans(&*parts.store).await;
        self.tell_of_unset_secrets();
        self.tell_of_full_clients(parts).await;
    }

    /// Tells of lanes that something waits on, and that no rule reads any more.
    async fn tell_of_orphans(&self, store: &dyn Store) {
        let defined = lane_keys(&self.definitions.load());
        // A replay's lanes are told of by `gatepost replay list`.
        let defined =
            |key: &LaneKey| matches!(key, LaneKey::Replay { .. }) || defined.contains(key);
        let Ok(lanes) = store.all_lanes().await else { return };
        for (key, lane) in lanes.into_iter().filter(|(key, _)| !defined(key)) {
            match store.backlog(lane).await {
                Ok(0) | Err(_) => {}
                Ok(waiting) => tracing::warn!(
                    lane = %key,
                    waiting,
                    "deliveries wait on a lane whose rule or target is no longer defined; they go \
                     on when its name is back, and end with their bus's `archive.keep`"
                ),
            }
        }
    }

    /// Tells of secrets that the configuration leaves to us, and that nobody has set yet.
    fn tell_of_unset_secrets(&self) {
        let kept = self.kept_secrets.borrow();
        for (place, source) in self.definitions.load().secrets() {
            if let SecretSource::Kept(name) = source
                && !kept.has(name)
            {
                tracing::warn!(
                    "{place}: the secret `{name}` is not set yet, and what needs it is not sent; \
                     run `gatepost secret set {name}`"
                );
            }
        }
    }

    /// Whether each client's secrets that live have room beside what these definitions declare, or no
    /// less than they have now; an `Err` says which client's have not, and what to do.
    pub(super) async fn have_room(
        &self,
        parts: &Parts,
        wanted: &Definitions,
    ) -> anyhow::Result<()> {
        let secrets = parts.store.secret_credentials().await;
        let secrets = secrets.context("the secrets cannot be read")?;
        let (present, now) = (self.definitions.load_full(), parts.clock.now());
        let before = without_room(&present, &secrets, now);
        for (id, count) in without_room(wanted, &secrets, now) {
            ensure!(
                before.get(&id).is_some_and(|before| count <= *before),
                "the client {id} would have {} live credentials, and may have \
                 {LIVE_CREDENTIALS_MAX}: revoke {count} of its secrets first (`gatepost client \
                 secret list {id}` shows their ids, `gatepost client revoke ID` ends one), or declare \
                 fewer of its `credentials`",
                LIVE_CREDENTIALS_MAX + count
            );
        }
        Ok(())
    }

    /// Tells of clients with more live credentials than they may have: none is minted, nor declared at a
    /// reload, but a file that a process starts with is taken as it is.
    async fn tell_of_full_clients(&self, parts: &Parts) {
        let Ok(secrets) = parts.store.secret_credentials().await else { return };
        let definitions = self.definitions.load_full();
        for id in without_room(&definitions, &secrets, parts.clock.now()).into_keys() {
            tracing::warn!(
                client = %id,
                "the client has more than {LIVE_CREDENTIALS_MAX} live credentials, and all of \
                 them count; revoke secrets that are no longer used, or remove an entry of its \
                 `credentials`"
            );
        }
    }

    async fn swap(
        &self,
        parts: &Parts,
        (definitions, contracts): (Arc<Definitions>, Arc<Contracts>),
    ) -> anyhow::Result<()> {
        let before = self.gateway.load_full();
        let secrets = (&self.digester, &self.vault, &self.proofs);
        let defined = (&*definitions, &*contracts);
        let built = build(parts, defined, secrets, Some(&before)).await?;
        // Before what trusts them.
        parts.issuers.define(&definitions.issuers);
        self.definitions.store(definitions);
        self.contracts.store(contracts);
        self.gateway.store(Arc::new(built.gateway));
        self.tokens.store(Arc::new(built.tokens));
        self.rules.store(Arc::new(built.rules));
        self.webhook_keys.send_replace(Arc::new(built.webhook_keys));
        self.kept_secrets.send_replace(Arc::new(built.kept_secrets));
        self.plans.send_replace(Arc::new(built.plan));
        self.feeds.send_replace(Arc::new(built.feeds));
        self.schedules.send_if_modified(|present| {
            let changed = **present != built.schedules;
            if changed {
                *present = Arc::new(built.schedules);
            }
            changed
        });
        Ok(())
    }

    /// Gives unspent quota leases back.
    pub(super) async fn give_back(&self, store: &dyn Store) {
        for meter in self.gateway.load().meters() {
            if let Err(error) = meter.give_back(store).await {
                tracing::warn!(%error, "an unspent part of a quota was not given back");
            }
        }
        if let Err(error) = self.token_limits.give_back(store).await {
            tracing::warn!(%error, "an unspent part of a quota of tokens was not given back");
        }
    }

    pub(super) fn digester(&self) -> Arc<Digester> {
        Arc::clone(&self.digester)
    }

    pub(super) fn vault(&self) -> Arc<Vault> {
        Arc::clone(&self.vault)
    }

    pub(super) fn definitions(&self) -> Arc<ArcSwap<Definitions>> {
        Arc::clone(&self.definitions)
    }

    pub(super) fn gateway(&self) -> Arc<ArcSwap<Snapshot>> {
        Arc::clone(&self.gateway)
    }

    pub(super) fn caught_up(&self) -> watch::Receiver<Revision> {
        self.caught_up.subscribe()
    }

    pub(super) fn plans(&self) -> watch::Receiver<Arc<Plan>> {
        self.plans.subscribe()
    }

    pub(super) fn schedules(&self) -> watch::Receiver<Arc<Schedules>> {
        self.schedules.subscribe()
    }

    /// What feeds replays until it is stopped.
    pub(super) fn feeder(
        &self,
        parts: &Parts,
    ) -> impl Future<Output = ()> + Send + 'static + use<> {
        let feeder = bus::Feeder::new(Arc::clone(&self.rules), parts.bus_world());
        feeder.run(self.feeds.subscribe(), parts.stop.clone())
    }

    pub(super) fn webhook_keys(&self) -> watch::Receiver<Arc<WebhookKeys>> {
        self.webhook_keys.subscribe()
    }

    pub(super) fn kept_secrets(&self) -> watch::Receiver<Arc<KeptSecrets>> {
        self.kept_secrets.subscribe()
    }

    pub(super) fn bus(&self, parts: &Parts) -> Bus {
        Bus::new(Arc::clone(&self.rules), parts.bus_world())
    }

    /// Looks at tokens for the operator.
    pub(super) fn inspector(&self, parts: &Parts) -> oauth::Inspector {
        oauth::Inspector::new(Arc::clone(&self.tokens), Arc::clone(&parts.denied))
    }

    /// The endpoints of the public door that are no API's: tokens, and public keys.
    pub(super) fn token_router(&self, parts: &Parts, server: &Server) -> axum::Router {
        let (clock, random) = (Arc::clone(&parts.clock), Arc::clone(&parts.random));
        let (tracker, stop) = (parts.tracker.clone(), parts.stop.clone());
        let world = oauth::World {
            clock: Arc::clone(&parts.clock) as _,
            random: Arc::clone(&parts.random) as _,
            observer: Arc::clone(&parts.telemetry) as _,
            keys: Arc::new(oauth::PublishedKeys::new(clock, random, tracker, stop)),
            trusted: Arc::new(server.trusted.clone()),
            certificates: server.sees_certificates(),
            store: Arc::clone(&parts.store),
            denied: Arc::clone(&parts.denied),
            limits: Arc::clone(&self.token_limits),
            foreign: Arc::new(Foreign(Arc::clone(&parts.issuers))),
        };
        let published = webhook_jwks::Published {
            keys: self.webhook_keys(),
            clock: Arc::clone(&parts.clock) as _,
        };
        oauth::router(Arc::clone(&self.tokens), world)
            .route(webhook_jwks::PLACE, webhook_jwks::endpoint(published))
    }
}

/// Of each client with more live credentials than it may have, by how many. Secrets that nobody gets in
/// by count for nothing.
fn without_room(
    definitions: &Definitions,
    secrets: &[SecretCredential],
    now: Timestamp,
) -> BTreeMap<Name, usize> {
    let mut live: BTreeMap<&Name, usize> = BTreeMap::new();
    for secret in secrets.iter().filter(|secret| !secret.is_over(now)) {
        *live.entry(&secret.client).or_default() += 1;
    }
    let beyond = live.into_iter().filter_map(|(id, count)| {
        let client = definitions.clients.get(id).filter(|client| client.takes_secrets())?;
        let beyond = count.saturating_sub(client.secrets_max(now));
        (beyond > 0).then(|| (id.clone(), beyond))
    });
    beyond.collect()
}

/// Has the store note uses of the credentials that these definitions declare.
async fn declare(parts: &Parts, definitions: &Definitions) -> anyhow::Result<()> {
    let clients = definitions.clients.values();
    let ids =
        clients.flat_map(|client| client.declared().map(move |one| client.credential_id(one)));
    let declared = parts.store.declare_credentials(ids.collect(), parts.clock.now()).await;
    declared.context("what is declared of credentials cannot be kept")
}

async fn build(
    parts: &Parts,
    (definitions, contracts): (&Definitions, &Contracts),
    (digester, vault, proofs): (&Arc<Digester>, &Arc<Vault>, &Arc<Proofs>),
    before: Option<&Snapshot>,
) -> anyhow::Result<Built> {
    let store = &*parts.store;
    let now = parts.clock.now();
    let algorithms = oauth::signing_algorithms(definitions);
    let makers = (&**vault, &*parts.random as &dyn Random);
    let signing_keys: Vec<SigningKeyRecord> =
        oauth::ensure_signing_keys(store, makers, now, &algorithms).await?;
    let keys = store.key_credentials().await.context("the API keys cannot be read")?;
    let webhook_keys = courier::ensure_webhook_key(store, vault, &*parts.random, now).await?;
    let webhook_keys = WebhookKeys::open(&webhook_keys, vault, now)?;
    let kept = store.kept_secrets().await.context("the kept secrets cannot be read")?;
    let secrets = store.secret_credentials().await.context("the secrets cannot be read")?;
    let uses = store.declared_uses().await.context("the uses of credentials cannot be read")?;
    let replays = store.replays().await.context("the replays cannot be read")?;
    let lanes = lane_numbers(store, definitions, &replays).await?;
    let holds = holds(store).await?;
    let replay_lanes = replay_lanes(definitions, &replays, &lanes);
    let source = gateway::Source {
        definitions,
        contracts,
        keys,
        signing_keys: &signing_keys,
        digester: Arc::clone(digester),
        proofs: Arc::clone(proofs),
        denied: Arc::clone(&parts.denied),
        uses: &parts.uses,
    };
    let gateway = Snapshot::build(source, before)?;
    let tokens = oauth::State::build(oauth::Source {
        definitions,
        secrets,
        signing_keys: &signing_keys,
        digester: Arc::clone(digester),
        vault,
        proofs: Arc::clone(proofs),
        uses: &parts.uses,
        declared_uses: &uses,
    })?;
    Ok(Built {
        gateway,
        tokens,
        rules: Rules::build(definitions, &lanes),
        plan: Plan::new(definitions, &holds, &replay_lanes, |key| lanes.get(key).copied()),
        feeds: Feeds::new(definitions, &replays, &lanes),
        schedules: Schedules::new(definitions, &lanes),
        webhook_keys,
        kept_secrets: KeptSecrets::new(kept, Arc::clone(vault)),
    })
}

/// The lanes of replays, as the courier reads them.
fn replay_lanes(
    definitions: &Definitions,
    replays: &[Replay],
    numbers: &LaneNumbers,
) -> Vec<ReplayLane> {
    let mut lanes = Vec::new();
    for replay in replays.iter().filter(|replay| replay.progress.state.has_lanes()) {
        let paused = replay.progress.state == ReplayState::Paused;
        for part in replay_parts(definitions, &replay.spec) {
            let Some(id) = numbers.get(&part.key).copied() else { continue };
            let (key, target, replay) = (part.key, part.target, replay.spec.name.clone());
            lanes.push(ReplayLane { id, key, replay, target, paused });
        }
    }
    lanes
}

async fn lane_numbers(
    store: &dyn Store,
    definitions: &Definitions,
    replays: &[Replay],
) -> anyhow::Result<LaneNumbers> {
    let mut keys = lane_keys(definitions);
    keys.extend(replay_keys(definitions, replays));
    let numbers = store.lanes(keys.clone()).await.context("the lanes cannot be numbered")?;
    Ok(keys.into_iter().zip(numbers).collect::<BTreeMap<_, _>>())
}

async fn holds(store: &dyn Store) -> anyhow::Result<Holds> {
    let states = store.destination_states().await.context("what is disabled cannot be read")?;
    let switches = states.into_iter().filter_map(|state| Some((state.name, state.switch?)));
    let paused = store.paused_rules().await.context("the paused rules cannot be read")?;
    let paused = paused.into_iter().map(|paused| (paused.bus, paused.rule));
    Ok(Holds { switches: switches.collect(), paused: paused.collect() })
}
