//! One destination's worker: what to try next, when, and what to keep of it.
//!
//! Everything that decides is an engine (token bucket, breaker, retry policy); this loop asks them
//! and acts. An attempt begins when there is a delivery, a place in flight, no pause, a closed
//! breaker (or its probe), and a permit of the rate. Outcomes are gathered while the last ones are
//! being written, so that a slow disk makes batches larger and not the queue longer.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use http_body_util::Full;
use limit::{Bucket, Limit, Rate};
use model::{DeliveryId, EventId, LaneKey, Name, Outcome, Timestamp};
use outbound::{Guard, Origin, Pool};
use retry::{Breaker, Gate, Notice, Passage, pause_ms};
use store::{DueDelivery, LaneId, Position, Settlement, StoreError, Then};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::World;
use crate::attempt::{self, Route, What, attempt};
use crate::board::Standing;
use crate::condition::{Condition, Keep};
use crate::credentials::Credentials;
use crate::lane::{Delivery, Lane};
use crate::plan::{DestinationPlan, LanePlan};
use crate::settle::{Moment, settlement, too_old};
use crate::signing::Signatures;

/// Outcomes that may wait to be written; above it nothing new is begun.
const OUTCOMES_MAX: usize = 1024;
/// How often a cursor that moved is saved.
const CURSOR_EVERY_MS: i64 = 1_000;
/// How long a store that refuses is left alone.
const STORE_PAUSE: Duration = Duration::from_millis(500);
/// The longest sleep; a poll that finds what a missed wake-up left.
const SLEEP_MAX_MS: i64 = 1_000;

/// One attempt as the log and the metrics see it.
#[derive(Debug, Clone)]
pub struct AttemptRecord {
    /// When it began.
    pub at: Timestamp,
    /// The delivery.
    pub delivery: DeliveryId,
    /// Its lane.
    pub lane: LaneKey,
    /// The destination.
    pub destination: Name,
    /// The method.
    pub method: &'static str,
    /// Where it was sent.
    pub url: String,
    /// The address it was sent to, if there was a connection.
    pub peer: Option<SocketAddr>,
    /// Which attempt it was.
    pub number: u32,
    /// The receiver's status.
    pub status: Option<u16>,
    /// How it ended.
    pub outcome: Outcome,
    /// What went wrong.
    pub error: Option<String>,
    /// How long it took, in milliseconds.
    pub took_ms: i64,
    /// From the event's acceptance to the end of this attempt, in milliseconds.
    pub age_ms: i64,
    /// When it will be tried again.
    pub due: Option<Timestamp>,
    /// The event's trace.
    pub traceparent: Option<String>,
}

/// Is told of every attempt, of every opening and closing of a breaker, and of destinations that
/// take nothing. Must not block.
pub trait Observer: Send + Sync {
    /// An attempt has ended.
    fn attempted(&self, record: AttemptRecord);
    /// A destination's breaker has opened or closed.
    fn breaker(&self, destination: &Name, open: bool);
    /// A destination is in trouble, or was disabled for it.
    fn noticed(&self, destination: &Name, notice: Notice);
}

/// What a worker works with.
#[derive(Clone)]
pub(crate) struct Worker {
    plan: Arc<DestinationPlan>,
    credentials: Option<Arc<Credentials>>,
    world: World,
    bell: Arc<Notify>,
    tracker: TaskTracker,
}

/// An attempt that has ended.
struct Ended {
    lane: usize,
    delivery: Delivery,
    passage: Passage,
    began: Timestamp,
    result: attempt::Result,
}

/// An outcome on its way to the disk.
#[derive(Clone)]
struct Kept {
    lane: usize,
    position: Option<Position>,
    event: EventId,
    again: Option<DueDelivery>,
    settlement: Settlement,
}

type Batch = (Vec<Kept>, Vec<(usize, Position)>);
type Written = (Batch, Result<(), StoreError>);
/// What was kept of the destination's condition, and how that went.
type Noted = (Keep, Result<(), StoreError>);

/// The worker's present state.
struct Run {
    plan: Arc<DestinationPlan>,
    world: World,
    sender: Arc<Sender>,
    lanes: Vec<Lane>,
    turn: usize,
    bucket: Bucket,
    limit: Limit,
    breaker: Breaker,
    condition: Condition,
    paused_until: Timestamp,
    /// What the board shows.
    posted: Option<Standing>,
    under_way: FuturesUnordered<BoxFuture<'static, Ended>>,
    outcomes: VecDeque<Kept>,
    writing: Option<BoxFuture<'static, Written>>,
    noting: Option<BoxFuture<'static, Noted>>,
    cursors_saved_at: Timestamp,
}

/// What attempts share.
struct Sender {
    plan: Arc<DestinationPlan>,
    pool: Pool<Full<Bytes>>,
    credentials: Option<Arc<Credentials>>,
    signatures: Signatures,
}

impl Worker {
    pub(crate) fn new(
        plan: Arc<DestinationPlan>,
        credentials: Option<Arc<Credentials>>,
        world: World,
        (bell, tracker): (Arc<Notify>, TaskTracker),
    ) -> Self {
        Self { plan, credentials, world, bell, tracker }
    }

    /// Delivers until stopped. A panic, which is a fault of ours, ends neither the destination nor
    /// the program: the worker begins anew from what is on disk.
    pub(crate) async fn run(self, stop: CancellationToken) {
        loop {
            let once = AssertUnwindSafe(self.clone().once(stop.clone()));
            if once.catch_unwind().await.is_ok() {
                return;
            }
            let name = &self.plan.destination.name;
            tracing::error!(destination = %name, "the worker ended in a panic and begins anew");
            tokio::time::sleep(STORE_PAUSE).await;
        }
    }

    /// A store that cannot be read is asked again.
    async fn once(self, stop: CancellationToken) {
        let Some(sender) = self.sender() else {
            let name = &self.plan.destination.name;
            tracing::error!(destination = %name, "the address is no URL; nothing is delivered");
            return;
        };
        let mut run = loop {
            match self.open(&sender).await {
                Ok(run) => break run,
                Err(error) => {
                    let name = &self.plan.destination.name;
                    tracing::error!(%error, destination = %name, "the lanes cannot be opened");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(STORE_PAUSE) => {}
                () = stop.cancelled() => return,
            }
        };
        while !stop.is_cancelled() {
            run.step(&self.bell, &stop).await;
        }
        run.end().await;
    }

    fn sender(&self) -> Option<Arc<Sender>> {
        let destination = &self.plan.destination;
        let origin = Origin::of(&destination.url.as_str().parse().ok()?)?;
        let guard = Guard::Public { allow: destination.allow_private.clone() };
        let idle_max = usize::try_from(destination.in_flight_max).unwrap_or(1);
        let credentials = self.credentials.clone();
        let tls = credentials.as_ref().and_then(|credentials| credentials.tls());
        let pool = Pool::new(origin, guard, idle_max, self.tracker.clone()).with_tls(tls);
        let (secrets, keys) = (Arc::clone(&self.world.secrets), self.world.webhook_keys.clone());
        let signatures = Signatures::new(destination.signing.clone(), secrets, keys);
        Some(Arc::new(Sender { plan: Arc::clone(&self.plan), pool, credentials, signatures }))
    }

    async fn open(&self, sender: &Arc<Sender>) -> Result<Run, StoreError> {
        let mut lanes = Vec::new();
        for plan in &self.plan.lanes {
            lanes.push(Lane::open(plan.clone(), Arc::clone(&self.world.store)).await?);
        }
        let name = self.plan.destination.name.clone();
        let state = self.world.store.destination_state(name.clone()).await?;
        let (now, observer) = (self.world.clock.now(), Arc::clone(&self.world.observer));
        let condition = Condition::open(name, state, now, observer);
        Ok(Run {
            plan: Arc::clone(&self.plan),
            sender: Arc::clone(sender),
            lanes,
            turn: 0,
            bucket: Bucket::new(),
            limit: with_slack(self.plan.destination.rate),
            breaker: Breaker::default(),
            paused_until: self.paused_until(&condition),
            condition,
            posted: None,
            under_way: FuturesUnordered::new(),
            outcomes: VecDeque::new(),
            writing: None,
            noting: None,
            cursors_saved_at: now,
            world: self.world.clone(),
        })
    }

    /// The pause in which the last worker of this destination left it: a definition that was read
    /// again ends no pause, a switching does.
    fn paused_until(&self, condition: &Condition) -> Timestamp {
        let before = self.world.board.standing(&self.plan.destination.name);
        let same = before.filter(|before| before.switched_at == condition.switched_at());
        same.and_then(|before| before.paused_until).unwrap_or_default()
    }
}

impl Run {
    /// Begins what may begin, then waits for the next thing to happen.
    async fn step(&mut self, bell: &Notify, stop: &CancellationToken) {
        for lane in &mut self.lanes {
            if let Err(error) = lane.refill().await {
                tracing::error!(%error, lane = %lane.plan.key, "the lane cannot be read");
            }
        }
        let wait = self.begin();
        self.write();
        self.note();
        self.post();
        tokio::select! {
            Some(ended) = self.under_way.next(), if !self.under_way.is_empty() => self.ended(ended),
            written = end_of(&mut self.writing) => self.written(written),
            noted = end_of(&mut self.noting) => self.noted(noted),
            () = bell.notified() => self.lanes.iter_mut().for_each(Lane::wake),
            () = tokio::time::sleep(wait) => self.lanes.iter_mut().for_each(Lane::wake),
            () = stop.cancelled() => {}
        }
    }

    /// Begins attempts while there is work, room and permission; says how long until there may be.
    fn begin(&mut self) -> Duration {
        let now = self.world.clock.now();
        self.bury_expired(now);
        if self.condition.is_off() {
            return until(SLEEP_MAX_MS);
        }
        loop {
            let room = self.under_way.len() < self.plan.destination.in_flight_max as usize
                && self.outcomes.len() < OUTCOMES_MAX;
            let due = self.lanes.iter().filter_map(Lane::next_due).min();
            if !room || !self.lanes.iter().any(|lane| lane.has_work(now)) {
                return until(due.filter(|_| room).map_or(SLEEP_MAX_MS, |due| due.since_ms(now)));
            }
            if now < self.paused_until {
                return until(self.paused_until.since_ms(now));
            }
            // The permit before the breaker: a probe that was handed out must be sent.
            let wait = self.bucket.wait(self.limit, self.world.clock.ticks_ns());
            if !wait.is_zero() {
                return wait;
            }
            let passage = match self.breaker.gate(now.ms()) {
                Gate::Pass(passage) => passage,
                Gate::Until(at) => return until(at - now.ms()),
                Gate::Probing => return until(SLEEP_MAX_MS),
            };
            let Some((lane, delivery)) = self.choose(now) else {
                return until(SLEEP_MAX_MS);
            };
            let taken = self.bucket.take(self.limit, self.world.clock.ticks_ns());
            debug_assert!(taken.is_ok(), "nobody else takes from this bucket since it was asked");
            self.send(lane, delivery, passage, now);
        }
    }

    /// Round robin over the lanes, so that none starves.
    fn choose(&mut self, now: Timestamp) -> Option<(usize, Delivery)> {
        let count = self.lanes.len();
        for offset in 0..count {
            let lane = (self.turn + offset) % count;
            if let Some(delivery) = self.lanes[lane].take(now) {
                self.turn = (lane + 1) % count;
                return Some((lane, delivery));
            }
        }
        None
    }

    fn send(&mut self, lane: usize, delivery: Delivery, passage: Passage, began: Timestamp) {
        let sender = Arc::clone(&self.sender);
        let attempt = async move {
            let plan = &sender.plan.lanes[lane];
            let route = Route {
                destination: &sender.plan.destination,
                pool: &sender.pool,
                credentials: sender.credentials.as_deref(),
                signatures: &sender.signatures,
            };
            let left_ms = plan.retry.age_ms - began.since_ms(delivery.since);
            let result = attempt(&route, plan, &delivery.event, (began, left_ms)).await;
            Ended { lane, delivery, passage, began, result }
        };
        self.under_way.push(attempt.boxed());
    }

    fn ended(&mut self, ended: Ended) {
        let now = self.world.clock.now();
        let Ended { lane, delivery, passage, began, result } = ended;
        let answered = result.status.is_some_and(|status| status < 500);
        // What could not be sent says nothing of the receiver.
        let unsendable = matches!(result.what, What::Refused { .. }) && result.status.is_none();
        if self.breaker.record(passage, answered || unsendable, now.ms()) {
            let open = self.breaker.is_open();
            self.world.observer.breaker(&self.plan.destination.name, open);
        }
        match result.what {
            What::Delivered => self.condition.succeeded(now),
            What::Gone => self.condition.gone(now),
            _ if unsendable => {}
            What::Refused { .. } | What::Retry { .. } => self.condition.failed(now),
        }
        if let What::Retry { wish_ms: Some(wish_ms) } = result.what {
            // The wish is the receiver's, not the event's: everybody waits.
            self.paused_until = self.paused_until.max(now.plus_ms(pause_ms(wish_ms)));
        }
        if let Some(rate) = result.advertised {
            self.slow_down(Rate::per_seconds(rate.count, rate.window_seconds));
        }
        let spread = self.world.random.fraction();
        let moment = Moment { began, ended: now, spread };
        let settlement = settlement(&self.lanes[lane].plan, &delivery, &result, &moment);
        self.tell(&self.lanes[lane].plan, (&delivery, &result), &settlement, &moment);
        self.keep(lane, delivery, settlement);
    }

    /// Keeps to the rate the receiver publishes, once it has refused for being called too fast.
    fn slow_down(&mut self, theirs: Rate) {
        let slower = theirs.permits_per_hour() < self.limit.rate().permits_per_hour();
        if slower {
            tracing::info!(
                destination = %self.plan.destination.name,
                rate = %theirs,
                "keeping to the rate the receiver publishes"
            );
            self.limit = with_slack(Limit::new(theirs, 1));
        }
    }

    /// Buries what has become too old, before anything is asked for a permit: a recovered receiver
    /// is probed with something that can still be delivered.
    fn bury_expired(&mut self, now: Timestamp) {
        for lane in 0..self.lanes.len() {
            while self.outcomes.len() < OUTCOMES_MAX {
                let Some(delivery) = self.lanes[lane].take_expired(now) else { break };
                self.bury(lane, delivery, now);
            }
        }
    }

    fn bury(&mut self, lane: usize, delivery: Delivery, now: Timestamp) {
        let settlement = too_old(&self.lanes[lane].plan, &delivery, now);
        tracing::warn!(
            lane = %self.lanes[lane].plan.key,
            event.id = %delivery.event.id,
            "dead letter: the event became too old"
        );
        self.keep(lane, delivery, settlement);
    }

    fn keep(&mut self, lane: usize, delivery: Delivery, settlement: Settlement) {
        let (event, position) = (delivery.event.id, delivery.position);
        let again = match &settlement.then {
            Then::Retry { due, tries, since } => Some(DueDelivery {
                event: delivery.event,
                due: *due,
                tries: *tries,
                since: *since,
                attempts: delivery.attempts + 1,
            }),
            _ => None,
        };
        self.outcomes.push_back(Kept { lane, position, event, again, settlement });
    }

    fn tell(
        &self,
        lane: &LanePlan,
        (delivery, result): (&Delivery, &attempt::Result),
        settlement: &Settlement,
        moment: &Moment,
    ) {
        let (outcome, due) = match &settlement.then {
            Then::Done => (Outcome::Delivered, None),
            // One that is held has no time of its own.
            Then::Retry { due, .. } => {
                (Outcome::Retry, Some(*due).filter(|due| *due >= moment.ended))
            }
            Then::Dead { .. } => (Outcome::Dead, None),
        };
        self.world.observer.attempted(AttemptRecord {
            at: moment.began,
            delivery: DeliveryId { lane: lane.id, event: delivery.event.id },
            lane: lane.key.clone(),
            destination: self.plan.destination.name.clone(),
            method: self.plan.destination.method.as_str(),
            url: result.url.clone(),
            peer: result.peer,
            number: delivery.attempts + 1,
            status: result.status,
            outcome,
            error: result.error.clone(),
            took_ms: moment.ended.since_ms(moment.began),
            age_ms: moment.ended.since_ms(delivery.event.id.accepted_at),
            due,
            traceparent: delivery.event.fields.traceparent.clone(),
        });
    }

    /// Writes what waits, if nothing is being written. The cursor that the outcomes lead to goes
    /// into the same write.
    fn write(&mut self) {
        if self.writing.is_some() {
            return;
        }
        let now = self.world.clock.now();
        let outcomes: Vec<Kept> = self.outcomes.drain(..).collect();
        let mut settling: BTreeMap<usize, BTreeSet<Position>> = BTreeMap::new();
        for kept in &outcomes {
            settling.entry(kept.lane).or_default().extend(kept.position);
        }
        let mut cursors: Vec<(usize, Position)> = settling
            .iter()
            .map(|(lane, places)| (*lane, self.lanes[*lane].cursor_after(places)))
            .collect();
        if now.since_ms(self.cursors_saved_at) >= CURSOR_EVERY_MS {
            self.cursors_saved_at = now;
            let moved = self.lanes.iter().enumerate().filter(|(at, _)| !settling.contains_key(at));
            cursors.extend(moved.filter_map(|(at, lane)| Some((at, lane.unsaved_cursor()?))));
        }
        if !outcomes.is_empty() || !cursors.is_empty() {
            self.writing = Some(self.writing_of((outcomes, cursors), Duration::ZERO));
        }
    }

    fn writing_of(&self, batch: Batch, pause: Duration) -> BoxFuture<'static, Written> {
        let store = Arc::clone(&self.world.store);
        let settlements = batch.0.iter().map(|kept| kept.settlement.clone()).collect();
        let number = |lane: usize| -> LaneId { self.lanes[lane].plan.id };
        let cursors = batch.1.iter().map(|(lane, at)| (number(*lane), *at)).collect();
        async move {
            tokio::time::sleep(pause).await;
            let written = store.settle(settlements, cursors).await;
            (batch, written)
        }
        .boxed()
    }

    fn written(&mut self, (batch, written): Written) {
        self.writing = None;
        if let Err(error) = written {
            let name = &self.plan.destination.name;
            tracing::error!(%error, destination = %name, "outcomes could not be kept; trying again");
            self.writing = Some(self.writing_of(batch, STORE_PAUSE));
            return;
        }
        for kept in batch.0 {
            self.lanes[kept.lane].settled(kept.event, kept.position, kept.again);
        }
        for (lane, cursor) in batch.1 {
            self.lanes[lane].saved(cursor);
        }
    }

    /// Shows how the destination is, if that changed.
    fn post(&mut self) {
        let now = self.world.clock.now();
        let standing = Standing {
            breaker_open: self.breaker.is_open(),
            paused_until: Some(self.paused_until).filter(|until| *until > now),
            failing_since: self.condition.failing_since(),
            last_success: self.condition.last_success(),
            switched_at: self.condition.switched_at(),
        };
        if self.posted.as_ref() != Some(&standing) {
            self.world.board.post(&self.plan.destination.name, standing.clone());
            self.posted = Some(standing);
        }
    }

    /// Keeps what is new of the destination's condition, if nothing of it is being kept.
    fn note(&mut self) {
        if self.noting.is_none()
            && let Some(keep) = self.condition.take_unkept(self.world.clock.now())
        {
            self.noting = Some(self.noting_of(keep, Duration::ZERO));
        }
    }

    fn noting_of(&self, keep: Keep, pause: Duration) -> BoxFuture<'static, Noted> {
        let store = Arc::clone(&self.world.store);
        async move {
            tokio::time::sleep(pause).await;
            let noted = keep.clone().write(&*store).await;
            (keep, noted)
        }
        .boxed()
    }

    fn noted(&mut self, (keep, noted): Noted) {
        self.noting = None;
        if let Err(error) = noted {
            let name = &self.plan.destination.name;
            tracing::error!(%error, destination = %name, "its state could not be kept; trying again");
            self.noting = Some(self.noting_of(keep, STORE_PAUSE));
        }
    }

    /// Keeps the destination's condition before the worker ends: what the store refused, once more,
    /// and what is new since.
    async fn end_note(&mut self) {
        let mut unkept = Vec::new();
        if let Some(noting) = self.noting.take()
            && let (keep, Err(_)) = noting.await
        {
            unkept.push(keep);
        }
        unkept.extend(self.condition.take_last());
        for keep in unkept {
            if let Err(error) = keep.write(&*self.world.store).await {
                let name = &self.plan.destination.name;
                tracing::error!(%error, destination = %name, "its state could not be kept");
            }
        }
    }

    /// Lets attempts under way end, then keeps outcomes and cursors; tried three times.
    async fn end(mut self) {
        while let Some(ended) = self.under_way.next().await {
            self.ended(ended);
        }
        self.end_note().await;
        for _ in 0..3 {
            if self.writing.is_some() {
                let done = end_of(&mut self.writing).await;
                self.written(done);
            }
            self.cursors_saved_at = Timestamp::default();
            self.write();
            if self.writing.is_none() {
                return;
            }
        }
        if self.writing.is_some() {
            let done = end_of(&mut self.writing).await;
            self.written(done);
        }
    }
}

/// A timer wakes up to a few milliseconds late: a fast rate with a small bucket would fall behind
/// itself, so its bucket holds what comes in meanwhile. The rate over any longer time stays the same.
fn with_slack(limit: Limit) -> Limit {
    const LATE_MS: u64 = 5;
    let late = limit.rate().permits_per_hour() * LATE_MS / 3_600_000;
    let late = u32::try_from(late).unwrap_or(0).saturating_add(1);
    Limit::new(limit.rate(), limit.burst().max(late))
}

fn until(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms.clamp(1, SLEEP_MAX_MS)).unwrap_or(1))
}

/// The end of what is under way; never, when there is nothing.
async fn end_of<T>(under_way: &mut Option<BoxFuture<'static, T>>) -> T {
    match under_way {
        Some(under_way) => under_way.await,
        None => std::future::pending().await,
    }
}
