//! Deliveries out: one worker per destination, so that no partner's slowness is another's.
//!
//! ```text
//! Courier::run      a worker per destination; begun anew when its definition changes
//!   plan.rs         which lanes lead to which destination
//!   worker.rs       one destination: rate, places in flight, breaker, pauses; what to try next
//!   condition.rs    whether it is switched off, in trouble, and what is told and kept of that
//!   board.rs        how each is at present, for whoever shows it
//!   lane.rs         one lane: where it is read, what is under way, how far all is settled
//!   attempt.rs      one attempt, whole: body, address, credentials, signatures, request, outcome
//!   credentials.rs  what a connection adds; tokens cached, renewed early, one request at a time
//!   token_request.rs  the request for a token, and its answer
//!   material.rs     a connection's certificate, key and authorities, read again when they change
//!   kept.rs         secrets that the program keeps itself, sealed
//!   signing.rs      a destination's signatures (Standard Webhooks)
//!   webhook_keys.rs the program's own keys that sign: made, sealed, published, retired
//! ```

mod attempt;
mod board;
mod condition;
mod credentials;
mod kept;
mod lane;
mod material;
mod plan;
mod settle;
mod signing;
mod token_request;
mod webhook_keys;
mod worker;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use model::{Clock, IpNet, Name, Random, SecretReader};
use outbound::Guard;
use parking_lot::Mutex;
use store::{LaneId, LaneWaker, Store};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use board::{Board, Standing};
pub use kept::{KeptSecrets, seal_secret};
pub use material::unfit_tls;
pub use plan::{DestinationPlan, Holds, LanePlan, Plan};
pub use webhook_keys::{
    WebhookKeyError, WebhookKeys, ensure_webhook_key, mint_webhook_key, webhook_key_is_published,
    webhook_key_signs,
};
pub use worker::{AttemptRecord, Observer};

use credentials::{Credentials, Means};
use worker::Worker;

/// What the courier needs of its surroundings.
#[derive(Clone)]
pub struct World {
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub random: Arc<dyn Random>,
    /// Where events are found and outcomes kept.
    pub store: Arc<dyn Store>,
    /// Reads the secrets of connections and of signatures.
    pub secrets: Arc<dyn SecretReader>,
    /// The program's own keys that sign, as they are at the moment.
    pub webhook_keys: watch::Receiver<Arc<WebhookKeys>>,
    /// Who is told of every attempt.
    pub observer: Arc<dyn Observer>,
    /// Where workers post how their destinations are.
    pub board: Arc<Board>,
}

/// Wakes the worker of a lane when something was appended to it.
#[derive(Default)]
pub struct Bell(Mutex<HashMap<LaneId, Arc<Notify>>>);

impl LaneWaker for Bell {
    fn wake(&self, lanes: &[LaneId]) {
        let bells = self.0.lock();
        for bell in lanes.iter().filter_map(|lane| bells.get(lane)) {
            bell.notify_one();
        }
    }
}

struct Running {
    plan: Arc<DestinationPlan>,
    stop: CancellationToken,
    done: tokio::task::JoinHandle<()>,
}

/// Delivers until stopped.
pub struct Courier {
    world: World,
    bell: Arc<Bell>,
    running: BTreeMap<Name, Running>,
    /// Connections in use: destinations that share one, and its permitted ranges, share its token.
    credentials: Vec<(Vec<IpNet>, Arc<Credentials>)>,
    tracker: TaskTracker,
}

impl Courier {
    /// A courier; it is woken through the store.
    pub fn new(world: World) -> Self {
        let bell = Arc::new(Bell::default());
        world.store.wake_with(Arc::clone(&bell) as Arc<dyn LaneWaker>);
        let (running, credentials) = (BTreeMap::new(), Vec::new());
        Self { world, bell, running, credentials, tracker: TaskTracker::new() }
    }

    /// Runs a worker for every destination of the plan, until stopped; then lets attempts under
    /// way end and keeps their outcomes.
    pub async fn run(mut self, mut plans: watch::Receiver<Arc<Plan>>, stop: CancellationToken) {
        loop {
            let plan = Arc::clone(&plans.borrow_and_update());
            self.follow(&plan).await;
            tokio::select! {
                changed = plans.changed() => if changed.is_err() { break },
                () = stop.cancelled() => break,
            }
        }
        self.follow(&Plan::default()).await;
        self.credentials.clear();
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// Ends the workers whose destination changed or went, then begins those that are new. A lane
    /// is never read by two workers at once.
    async fn follow(&mut self, plan: &Plan) {
        let stays = |name: &Name, running: &Running| {
            plan.destinations.get(name).is_some_and(|plan| **plan == *running.plan)
        };
        let ending: Vec<Name> = self
            .running
            .iter()
            .filter(|(name, running)| !stays(name, running))
            .map(|(name, _)| name.clone())
            .collect();
        let ended: Vec<_> = ending.iter().filter_map(|name| self.running.remove(name)).collect();
        for running in &ended {
            running.stop.cancel();
        }
        for running in ended {
            if running.done.await.is_err() {
                tracing::error!(
                    destination = %running.plan.destination.name,
                    "a destination's worker ended in a panic"
                );
            }
        }
        for name in ending.iter().filter(|name| !plan.destinations.contains_key(*name)) {
            self.world.board.forget(name);
        }
        for (name, plan) in &plan.destinations {
            if !self.running.contains_key(name) {
                let running = self.begin(plan);
                self.running.insert(name.clone(), running);
            }
        }
    }

    fn begin(&mut self, plan: &Arc<DestinationPlan>) -> Running {
        let credentials = self.credentials(plan);
        let bell = Arc::new(Notify::new());
        let mut bells = self.bell.0.lock();
        for lane in &plan.lanes {
            bells.insert(lane.id, Arc::clone(&bell));
        }
        drop(bells);
        let stop = CancellationToken::new();
        let (plan, world) = (Arc::clone(plan), self.world.clone());
        let given = (bell, self.tracker.clone());
        let worker = Worker::new(Arc::clone(&plan), credentials, world, given);
        let done = self.tracker.spawn(worker.run(stop.clone()));
        Running { plan, stop, done }
    }

    /// The credentials of a plan's connection: those in use, or new ones.
    fn credentials(&mut self, plan: &DestinationPlan) -> Option<Arc<Credentials>> {
        let connection = plan.connection.as_ref()?;
        // Nobody but this list holds those whose last worker has ended.
        self.credentials.retain(|(_, held)| Arc::strong_count(held) > 1);
        let allow = &plan.destination.allow_private;
        let same = |(ranges, held): &&(Vec<IpNet>, Arc<Credentials>)| {
            ranges == allow && held.connection() == connection
        };
        if let Some((_, held)) = self.credentials.iter().find(same) {
            return Some(Arc::clone(held));
        }
        let means = Means {
            secrets: Arc::clone(&self.world.secrets),
            clock: Arc::clone(&self.world.clock),
            random: Arc::clone(&self.world.random),
        };
        let guard = Guard::Public { allow: allow.clone() };
        let fresh = Credentials::new(connection.clone(), guard, means, self.tracker.clone());
        let fresh = Arc::new(fresh);
        self.credentials.push((allow.clone(), Arc::clone(&fresh)));
        Some(fresh)
    }
}
