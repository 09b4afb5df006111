//! One destination's worker: does what its scheduler says, and says what came of it.
//!
//! Everything that decides is in `scheduler.rs`, which is pure; here are the clock, the store, the
//! tasks that attempt, and the waiting. Attempts run as tasks of their own, so that rendering and
//! signing for one destination use all threads.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use model::{DeliveryId, EventId, LaneKey, Name, Outcome, Timestamp};
use outbound::{Guard, Origin, Pool};
use retry::Notice;
use store::{AuditEntry, DestinationState, Store, StoreError};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::World;
use crate::attempt::{self, Route, What, attempt};
use crate::bell::Rope;
use crate::board::Standing;
use crate::condition::{Keep, News};
use crate::credentials::Credentials;
use crate::plan::DestinationPlan;
use crate::scheduler::{
    Ask, Attempted, Command, Ended, Input, Now, Remains, STORE_PAUSE_MS, Scheduler, Start, Tell,
};
use crate::signing::Signatures;

/// How long a store that refuses is left alone, and a worker that panicked.
const STORE_PAUSE: Duration = Duration::from_millis(STORE_PAUSE_MS.unsigned_abs());

/// The code of a delivery that a fault of ours ended.
const INTERNAL_ERROR: &str = "INTERNAL_ERROR";

/// One attempt as the log and the metrics see it.
#[derive(Debug, Clone)]
pub struct AttemptRecord<'a> {
    /// When it began.
    pub at: Timestamp,
    /// The delivery.
    pub delivery: DeliveryId,
    /// Its lane.
    pub lane: &'a LaneKey,
    /// The destination.
    pub destination: &'a Name,
    /// The method.
    pub method: &'static str,
    /// Where it was sent.
    pub url: &'a str,
    /// The address it was sent to, if there was a connection.
    pub peer: Option<SocketAddr>,
    /// Which attempt it was.
    pub number: u32,
    /// The receiver's status.
    pub status: Option<u16>,
    /// How it ended.
    pub outcome: Outcome,
    /// What went wrong.
    pub error: Option<&'a str>,
    /// How long it took, in milliseconds.
    pub took_ms: i64,
    /// From the event's acceptance to the end of this attempt, in milliseconds.
    pub age_ms: i64,
    /// When it will be tried again.
    pub due: Option<Timestamp>,
    /// The event's trace.
    pub traceparent: Option<&'a str>,
}

/// Is told of every attempt, of every dead letter, of every opening and closing of a breaker, and of
/// destinations that take nothing. Must not block.
pub trait Observer: Send + Sync {
    /// The `traceparent` that an attempt sends, given the event's; the same where nothing is
    /// recorded.
    fn traceparent(
        &self,
        of_event: Option<&str>,
        _delivery: DeliveryId,
        _number: u32,
    ) -> Option<String> {
        of_event.map(str::to_owned)
    }

    /// An attempt has ended.
    fn attempted(&self, record: &AttemptRecord<'_>);
    /// A delivery was given up, after an attempt or for its age, with this code.
    fn buried(&self, destination: &Name, code: &str);
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
    rope: Arc<Rope>,
    tracker: TaskTracker,
    /// Cancelled when the program ends.
    end: CancellationToken,
    /// Writes under way. They go on when the worker ends in a panic.
    writes: TaskTracker,
}

/// What attempts share.
struct Sender {
    plan: Arc<DestinationPlan>,
    pool: Pool,
    credentials: Option<Arc<Credentials>>,
    signatures: Signatures,
    observer: Arc<dyn Observer>,
}

/// The worker at work.
struct Run {
    plan: Arc<DestinationPlan>,
    world: World,
    tracker: TaskTracker,
    writes: TaskTracker,
    sender: Arc<Sender>,
    scheduler: Scheduler,
    attempts: JoinSet<(Start, attempt::Result)>,
    /// What the store is asked and told.
    answers: FuturesUnordered<BoxFuture<'static, Input>>,
    /// What the board shows.
    posted: Option<Standing>,
}

impl Worker {
    pub(crate) fn new(
        plan: Arc<DestinationPlan>,
        credentials: Option<Arc<Credentials>>,
        world: World,
        (rope, tracker, end): (Arc<Rope>, TaskTracker, CancellationToken),
    ) -> Self {
        Self { plan, credentials, world, rope, tracker, end, writes: TaskTracker::new() }
    }

    /// Delivers until stopped; gives what the next worker of this destination goes on with. A panic,
    /// which is a fault of ours, ends neither the destination nor the program: the worker begins
    /// anew from what is on disk.
    pub(crate) async fn run(self, stop: CancellationToken, remains: Remains) -> Remains {
        let mut remains = remains;
        loop {
            let before = std::mem::take(&mut remains);
            let once = AssertUnwindSafe(self.clone().once(stop.clone(), before));
            if let Ok(remains) = once.catch_unwind().await {
                return remains;
            }
            let name = &self.plan.destination.name;
            tracing::error!(destination = %name, "the worker ended in a panic and begins anew");
            // What the old one wrote must be there before the new one reads where its lanes stand.
            self.writes.close();
            self.writes.wait().await;
            self.writes.reopen();
            tokio::time::sleep(STORE_PAUSE).await;
        }
    }

    async fn once(self, stop: CancellationToken, remains: Remains) -> Remains {
        let Some(sender) = self.sender() else {
            let name = &self.plan.destination.name;
            tracing::error!(destination = %name, "the address is no URL; nothing is delivered");
            return remains;
        };
        let Some(state) = self.state(&stop).await else { return remains };
        let plan = Arc::clone(&self.plan);
        let now = self.world.now();
        let run = Run {
            scheduler: Scheduler::new(Arc::clone(&plan), state, remains, now),
            plan,
            world: self.world,
            tracker: self.tracker,
            writes: self.writes,
            sender: Arc::new(sender),
            attempts: JoinSet::new(),
            answers: FuturesUnordered::new(),
            posted: None,
        };
        run.until(&self.rope, (&stop, &self.end)).await
    }

    fn sender(&self) -> Option<Sender> {
        let destination = &self.plan.destination;
        let origin = Origin::of(&destination.url.as_str().parse().ok()?)?;
        let guard = Guard::Public { allow: destination.allow_private.clone() };
        let idle_max = usize::try_from(destination.in_flight_max).unwrap_or(1);
        let credentials = self.credentials.clone();
        let tls = credentials.as_ref().and_then(|credentials| credentials.tls());
        let pool = Pool::new(origin, guard, idle_max, self.tracker.clone()).with_tls(tls);
        let (secrets, keys) = (Arc::clone(&self.world.secrets), self.world.webhook_keys.clone());
        let signatures = Signatures::new(destination.signing.clone(), secrets, keys);
        let (plan, observer) = (Arc::clone(&self.plan), Arc::clone(&self.world.observer));
        Some(Sender { plan, pool, credentials, signatures, observer })
    }

    /// What the store knows of the destination; asked again where it cannot be read, until stopped.
    async fn state(&self, stop: &CancellationToken) -> Option<Option<DestinationState>> {
        loop {
            let name = self.plan.destination.name.clone();
            match self.world.store.destination_state(name).await {
                Ok(state) => return Some(state),
                Err(error) => {
                    let name = &self.plan.destination.name;
                    tracing::error!(%error, destination = %name, "its state cannot be read");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(STORE_PAUSE) => {}
                () = stop.cancelled() => return None,
            }
        }
    }
}

impl Run {
    async fn until(
        mut self,
        rope: &Rope,
        (stop, end): (&CancellationToken, &CancellationToken),
    ) -> Remains {
        let (mut stopping, mut ending) = (false, false);
        loop {
            let now = self.world.now();
            while let Some(command) = self.scheduler.next(now) {
                self.act(command);
            }
            if self.scheduler.is_done() {
                return self.scheduler.remains();
            }
            self.post(now);
            let wait = self.scheduler.wait(now);
            tokio::select! {
                Some(ended) = self.attempts.join_next() => self.ended(ended),
                Some(input) = self.answers.next() => self.scheduler.take(input, self.world.now()),
                lanes = rope.pulled() => self.woken(&lanes),
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled(), if !stopping => {
                    stopping = true;
                    self.scheduler.stop();
                }
                () = end.cancelled(), if !ending => {
                    ending = true;
                    self.scheduler.hurry();
                }
            }
        }
    }

    fn woken(&mut self, lanes: &[usize]) {
        let now = self.world.now();
        for lane in lanes {
            self.scheduler.take(Input::Woken(*lane), now);
        }
    }

    /// Takes the attempt that has ended, and all others that have.
    fn ended(&mut self, ended: Result<(Start, attempt::Result), JoinError>) {
        let now = self.world.now();
        let mut next = Some(ended);
        while let Some(ended) = next {
            match ended {
                Ok((start, result)) => {
                    let again = matches!(result.what, What::Retry { .. });
                    let spread = if again { self.world.random.fraction() } else { 0.0 };
                    let ended = Box::new(Ended { start, result, spread });
                    self.scheduler.take(Input::Ended(ended), now);
                }
                // Where its delivery stands, the disk knows.
                Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
                Err(_) => {}
            }
            next = self.attempts.try_join_next();
        }
    }

    fn act(&mut self, command: Command) {
        match command {
            Command::Start(start) => {
                let attempt = begin(Arc::clone(&self.sender), start);
                self.attempts.spawn(self.tracker.track_future(attempt));
            }
            Command::Ask(lane, ask) => self.answers.push(self.ask(lane, ask)),
            Command::Write(settlements, cursors) => {
                let (store, plan) = (Arc::clone(&self.world.store), Arc::clone(&self.plan));
                let write = async move {
                    let written = store.settle(settlements, cursors).await;
                    tell_refusal(&plan, "outcomes could not be kept; trying again", &written);
                    Input::Written(written.is_ok())
                };
                let write = self.writes.spawn(self.tracker.track_future(write));
                let answer = async { write.await.unwrap_or(Input::Written(false)) };
                self.answers.push(answer.boxed());
            }
            Command::Keep(keep) => {
                let (store, plan) = (Arc::clone(&self.world.store), Arc::clone(&self.plan));
                let write = async move {
                    let kept = write(keep, &*store).await;
                    tell_refusal(&plan, "its state could not be kept; trying again", &kept);
                    Input::Kept(kept.is_ok())
                };
                self.answers.push(write.boxed());
            }
            Command::Tell(tell) => self.tell(tell),
        }
    }

    fn ask(&self, lane: usize, ask: Ask) -> BoxFuture<'static, Input> {
        let (store, plan) = (Arc::clone(&self.world.store), Arc::clone(&self.plan));
        async move {
            let id = plan.lanes[lane].id;
            let answer = match ask {
                Ask::Open => store.open_lane(id).await.map(|state| Input::Opened(lane, state)),
                Ask::Entries { from, limit } => {
                    let page = store.read_lane(id, from, limit).await;
                    page.map(|page| Input::Entries(lane, page))
                }
                Ask::Retries { after, limit } => {
                    let due = store.due(id, after, limit).await;
                    due.map(|due| Input::Retries(lane, due))
                }
            };
            answer.unwrap_or_else(|error| {
                tracing::error!(%error, lane = %plan.lanes[lane].key, "the lane cannot be read");
                Input::Unread(lane)
            })
        }
        .boxed()
    }

    fn tell(&self, tell: Tell) {
        let (destination, observer) = (&self.plan.destination, &self.world.observer);
        let name = &destination.name;
        match tell {
            Tell::Attempted(attempted) => {
                observer.attempted(&record(&self.plan, &attempted));
            }
            Tell::Buried { lane, event, code } => {
                self.tell_of_age(lane, event, &code);
                observer.buried(name, &code);
            }
            Tell::Breaker(open) => observer.breaker(name, open),
            Tell::Condition(news) => {
                tell_news(name, &news);
                match news {
                    News::Notice(notice, _) => observer.noticed(name, notice),
                    News::Off(_) => observer.noticed(name, Notice::Disabled),
                    News::Credentials(_) => observer.noticed(name, Notice::Credentials),
                    News::Recovered => {}
                }
            }
            Tell::Slower(rate) => {
                let told = "keeping to the rate the receiver publishes";
                tracing::info!(destination = %name, %rate, "{told}");
            }
        }
    }

    /// Tells of what was given up without an attempt, which no line of an attempt tells of.
    fn tell_of_age(&self, lane: usize, event: EventId, code: &str) {
        if code == crate::settle::TOO_OLD {
            tracing::warn!(
                lane = %self.plan.lanes[lane].key,
                event.id = %event,
                "dead letter: the event became too old"
            );
        }
    }

    /// Shows how the destination is, if that changed.
    fn post(&mut self, now: Now) {
        let standing = self.scheduler.standing(now.at);
        if self.posted.as_ref() != Some(&standing) {
            self.world.board.post(&self.plan.destination.name, standing.clone());
            self.posted = Some(standing);
        }
    }
}

impl World {
    fn now(&self) -> Now {
        Now { at: self.clock.now(), ticks_ns: self.clock.ticks_ns() }
    }
}

async fn begin(sender: Arc<Sender>, start: Start) -> (Start, attempt::Result) {
    let lane = &sender.plan.lanes[start.delivery.lane];
    let event = &start.delivery.event;
    let traceparent = sender.observer.traceparent(
        event.fields.traceparent.as_deref(),
        DeliveryId { lane: lane.id, event: event.id },
        start.delivery.attempts + 1,
    );
    let route = Route {
        destination: &sender.plan.destination,
        pool: &sender.pool,
        credentials: sender.credentials.as_deref(),
        signatures: &sender.signatures,
        traceparent,
    };
    let left_ms = lane.retry.age_ms - start.began.since_ms(start.delivery.since);
    let attempt = attempt(&route, lane, event, (start.began, left_ms));
    let result = unless_it_panics(Box::pin(attempt)).await.unwrap_or_else(|| {
        let destination = &sender.plan.destination.name;
        tracing::error!(%destination, event.id = %event.id, "an attempt ended in a panic");
        failed_by_us()
    });
    (start, result)
}

/// A panic in an attempt is a fault of ours that trying again would repeat: it ends that delivery, and
/// nothing beside it.
async fn unless_it_panics<T>(attempt: impl Future<Output = T>) -> Option<T> {
    AssertUnwindSafe(attempt).catch_unwind().await.ok()
}

fn failed_by_us() -> attempt::Result {
    attempt::Result {
        what: What::Refused { code: INTERNAL_ERROR.to_owned() },
        status: None,
        error: Some("an error inside of Gatepost, whose log has more".to_owned()),
        response: None,
        advertised: None,
        url: String::new(),
        peer: None,
    }
}

fn record<'a>(plan: &'a DestinationPlan, attempted: &'a Attempted) -> AttemptRecord<'a> {
    let lane = &plan.lanes[attempted.lane];
    AttemptRecord {
        at: attempted.began,
        delivery: DeliveryId { lane: lane.id, event: attempted.event.id },
        lane: &lane.key,
        destination: &plan.destination.name,
        method: plan.destination.method.as_str(),
        url: &attempted.url,
        peer: attempted.peer,
        number: attempted.number,
        status: attempted.status,
        outcome: attempted.outcome,
        error: attempted.error.as_deref(),
        took_ms: attempted.ended.since_ms(attempted.began),
        age_ms: attempted.ended.since_ms(attempted.event.id.accepted_at),
        due: attempted.due,
        traceparent: attempted.event.fields.traceparent.as_deref(),
    }
}

fn tell_refusal(plan: &DestinationPlan, what: &str, answer: &Result<(), StoreError>) {
    if let Err(error) = answer {
        tracing::error!(%error, destination = %plan.destination.name, "{what}");
    }
}

fn tell_news(destination: &Name, news: &News) {
    match news {
        News::Notice(Notice::HalfWay, since) => tracing::warn!(
            %destination,
            %since,
            "nothing but failures for two and a half days; it is disabled after five"
        ),
        News::Notice(_, since) => tracing::warn!(
            %destination,
            %since,
            "nothing but failures for a minute; deliveries are tried again, and it is disabled \
             after five days of this"
        ),
        News::Off(reason) => tracing::warn!(
            %destination,
            reason,
            "disabled: deliveries wait in the log; `gatepost destinations enable` lets them go on"
        ),
        News::Recovered => tracing::info!(%destination, "it takes deliveries again"),
        News::Credentials(status) => tracing::warn!(
            %destination,
            status,
            "it refuses the credentials of its connection: deliveries wait, and one at a time asks \
             whether that has ended; check the connection, and the secrets it names"
        ),
    }
}

/// Writes what is to be kept of a destination.
async fn write(keep: Keep, store: &dyn Store) -> Result<(), StoreError> {
    let (name, before, off) = match keep {
        Keep::Off(name, before, off) => (name, before, off),
        Keep::Note(note) => return store.note_destination(note).await,
    };
    let audit = AuditEntry {
        at: off.since,
        who: "system".to_owned(),
        what: "disable destination".to_owned(),
        subject: format!("destination/{name}"),
        detail: off.reason.clone(),
    };
    store.disable_destination(name, before, off, audit).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_attempt_that_panics_is_one_dead_letter_and_no_more() {
        assert_eq!(unless_it_panics(async { 7 }).await, Some(7));
        let panics = async { panic!("a fault") };
        assert_eq!(unless_it_panics::<()>(panics).await, None);
        let code = INTERNAL_ERROR.to_owned();
        assert_eq!(failed_by_us().what, What::Refused { code });
    }
}
