//! Deliveries out: one worker per destination, so that no partner's slowness is another's.
//!
//! ```text
//! Courier::run      a worker per destination; begun anew when its definition changes
//!   turns.rs        who begins after whom when plans change
//!   plan.rs         which lanes lead to which destination
//!   worker.rs       one destination: reads, sends, writes and waits as its scheduler says
//!   scheduler.rs    pure: what to read, try and keep next; rate, places in flight, breaker, pauses
//!     lane.rs       one lane: where it is read, what is under way, how far all is settled
//!     order.rs      who waits for whom, where an order is kept
//!   condition.rs    whether it is switched off, in trouble, and what is told and kept of that
//!   settle.rs       what is kept of an attempt, and what follows
//!   bell.rs         who is woken when something was appended
//!   board.rs        how each is at present, for whoever shows it
//!   attempt.rs      one attempt, whole: body, address, credentials, signatures, request, outcome
//!   credentials.rs  what a connection adds; tokens cached, renewed early, one request at a time
//!     tokens.rs     how a token is asked for; gatepost-client keeps and renews it
//!     sent.rs       what was secret in a call, so that no answer that echoes it is kept as it came
//!   token_request.rs  the request for a token, and its answer
//!   material.rs     a connection's certificate, key and authorities, read again when they change
//!   kept.rs         secrets that the program keeps itself, sealed
//!   signing.rs      a destination's signatures (Standard Webhooks)
//!   webhook_keys.rs the program's own keys that sign: made, sealed, published, retired
//! ```

mod attempt;
mod bell;
mod board;
mod condition;
mod credentials;
mod kept;
mod material;
mod plan;
mod scheduler;
mod settle;
mod signing;
mod token_request;
mod turns;
mod webhook_keys;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Clock, IpNet, Name, Random, SecretReader};
use outbound::Guard;
use store::{LaneWaker, Store};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use bell::Bell;
pub use board::{Board, Standing};
pub use kept::{KeptSecrets, seal_secret};
pub use material::unfit_tls;
pub use plan::{DestinationPlan, Holds, LanePlan, Plan, ReplayLane};
pub use webhook_keys::{
    WebhookKeyError, WebhookKeys, ensure_webhook_key, mint_webhook_key, webhook_key_is_published,
    webhook_key_signs,
};
pub use worker::{AttemptRecord, Observer};

use credentials::{Credentials, Means};
use scheduler::Remains;
use turns::{Stop, Turns};
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

/// Delivers until stopped.
pub struct Courier {
    world: World,
    bell: Arc<Bell>,
    /// The plans that are followed.
    plans: BTreeMap<Name, Arc<DestinationPlan>>,
    turns: Turns<Remains>,
    /// Connections in use: destinations that share one, and its permitted ranges, share its token.
    credentials: Vec<(Vec<IpNet>, Arc<Credentials>)>,
    tracker: TaskTracker,
    /// Cancelled when the program ends: until then no worker gives up a store that refuses.
    end: CancellationToken,
}

impl Courier {
    /// A courier; it is woken through the store.
    pub fn new(world: World) -> Self {
        let bell = Arc::new(Bell::default());
        world.store.wake_with(Arc::clone(&bell) as Arc<dyn LaneWaker>);
        let tracker = TaskTracker::new();
        let turns = Turns::new(tracker.clone());
        let (plans, credentials, end) = (BTreeMap::new(), Vec::new(), CancellationToken::new());
        Self { world, bell, plans, turns, credentials, tracker, end }
    }

    /// Runs a worker for every destination of the plan, until stopped; then lets attempts under
    /// way end and keeps their outcomes.
    pub async fn run(mut self, mut plans: watch::Receiver<Arc<Plan>>, stop: CancellationToken) {
        loop {
            let plan = Arc::clone(&plans.borrow_and_update());
            self.follow(&plan);
            tokio::select! {
                changed = plans.changed() => if changed.is_err() { break },
                () = stop.cancelled() => break,
            }
        }
        self.end.cancel();
        self.follow(&Plan::default());
        self.credentials.clear();
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// Asks the workers to end whose destination changed or went, and lets those that are new begin
    /// as soon as these have. A lane is never read by two workers at once.
    fn follow(&mut self, plan: &Plan) {
        let stays = |name: &Name, before: &Arc<DestinationPlan>| {
            plan.destinations.get(name).is_some_and(|plan| **plan == **before)
        };
        let ending: Vec<_> =
            self.plans.extract_if(.., |name, before| !stays(name, before)).collect();
        for (name, before) in ending {
            self.bell.untie(before.lanes.iter().map(|lane| lane.id));
            self.turns.end(&name, !plan.destinations.contains_key(&name));
        }
        for (name, plan) in &plan.destinations {
            if !self.plans.contains_key(name) {
                self.begin(plan);
                self.plans.insert(name.clone(), Arc::clone(plan));
            }
        }
        // Nobody but this list holds those whose last worker has ended.
        self.credentials.retain(|(_, held)| Arc::strong_count(held) > 1);
    }

    fn begin(&mut self, plan: &Arc<DestinationPlan>) {
        let credentials = self.credentials(plan);
        let rope = self.bell.tie(plan.lanes.iter().map(|lane| lane.id));
        let given = (rope, self.tracker.clone(), self.end.clone());
        let worker = Worker::new(Arc::clone(plan), credentials, self.world.clone(), given);
        let (name, board) = (plan.destination.name.clone(), Arc::clone(&self.world.board));
        let lanes = plan.lanes.iter().map(|lane| lane.id).collect();
        // The receiver is the same under another plan: its pause, breaker and bucket go on.
        let work = move |Stop { stop, gone }: Stop, remains| async move {
            let asked_before = stop.is_cancelled();
            let left = if asked_before { remains } else { worker.run(stop, remains).await };
            if gone.is_cancelled() {
                board.forget(&name);
            }
            left
        };
        self.turns.begin(plan.destination.name.clone(), lanes, work);
    }

    /// The credentials of a plan's connection: those in use, or new ones.
    fn credentials(&mut self, plan: &DestinationPlan) -> Option<Arc<Credentials>> {
        let connection = plan.connection.as_ref()?;
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
