//! One destination's scheduler: what to read, try, keep and tell next, and when. Pure.
//!
//! [`Scheduler::take`] is told what happened, [`Scheduler::next`] gives what is to be done, one
//! command at a time, and when there is none [`Scheduler::wait`] says how long. Time and the number
//! that spreads retries are arguments; what a command asks for, `worker.rs` does. So a day of
//! outages, crashes and refusing disks is a test of a second.
//!
//! An attempt begins when there is a delivery, a place in flight, no pause, a permit of the rate and
//! a closed breaker, or its probe. Lanes take turns: each delivery costs one permit and one place
//! whatever its size, so an equal share is one delivery each. A lane's retries that are due come
//! before its new deliveries. Where an order is kept (`order.rs`), new deliveries come in the order
//! of the log instead. Outcomes are gathered while the last ones are being written, so that a slow
//! disk makes batches larger and not the queue longer.
//!
//! `choice.rs` says which delivery begins, `ended.rs` what the end of an attempt means, `outcomes.rs`
//! how that comes to the disk; `lane.rs` and `order.rs` are what a lane and an order know.

mod choice;
mod ended;
#[cfg(test)]
mod fake;
mod lane;
#[cfg(test)]
mod life;
mod order;
mod outcomes;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use limit::{Bucket, Limit, Rate};
use model::{Event, EventId, Order, Outcome, Timestamp};
use retry::{Breaker, Passage};
use store::{DestinationState, DueDelivery, LaneId, LanePage, LaneState, Position, Settlement};

use crate::attempt;
use crate::board::Standing;
use crate::condition::{Condition, Keep, News};
use crate::plan::{DestinationPlan, LanePlan};
use choice::groups;
use lane::Lane;
use order::{Keys, OrderKey};

pub(crate) use lane::{Ask, Delivery};

/// Outcomes that may wait to be written; above it nothing new is begun.
const OUTCOMES_MAX: usize = 1024;
/// Bytes of events that wait with them for another attempt.
const OUTCOMES_BYTES: usize = 4 * 1024 * 1024;
/// How often a cursor that moved is saved.
const CURSOR_EVERY_MS: i64 = 1_000;
/// How long a few outcomes wait for others to share their write: where little is delivered, a flush for
/// each would cost more than the delivery. Ended by a crash, they are delivered again.
const GATHER_MS: i64 = 4;
/// So many outcomes wait for no others.
const GATHER_MAX: usize = 64;
/// How long a store that refuses is left alone.
pub(crate) const STORE_PAUSE_MS: i64 = 500;
/// How often lanes are looked at that nobody was woken for, and so the longest wait. Whoever appends
/// rings after the append is on disk, so that this finds something only after a fault of ours.
const POLL_MS: i64 = 30_000;
/// Questions to the store under way: a destination of many lanes leaves room for others.
const ASKS_MAX: usize = 4;

/// The moment, by the calendar and by a clock that never goes backwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Now {
    pub(crate) at: Timestamp,
    pub(crate) ticks_ns: u64,
}

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Input {
    /// A lane stands there.
    Opened(usize, LaneState),
    /// A lane has these entries next.
    Entries(usize, LanePage),
    /// A lane has these retries next.
    Retries(usize, Vec<DueDelivery>),
    /// The store did not answer what was asked of a lane.
    Unread(usize),
    /// Something was appended to a lane.
    Woken(usize),
    /// An attempt has ended.
    Ended(Box<Ended>),
    /// The last [`Command::Write`] is on disk; or it was refused, and what of it is there is not
    /// known. It may be written again.
    Written(bool),
    /// The last [`Command::Keep`] is on disk, or was refused.
    Kept(bool),
}

/// An attempt that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) start: Start,
    pub(crate) result: attempt::Result,
    /// A number in `0.0..1.0` that spreads retries.
    pub(crate) spread: f64,
}

/// An attempt to be made.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    pub(crate) delivery: Delivery,
    pub(crate) passage: Passage,
    pub(crate) began: Timestamp,
}

/// Something to be done.
#[derive(Debug)]
pub(crate) enum Command {
    /// Ask the store about a lane; to be answered.
    Ask(usize, Ask),
    /// Make an attempt; to be answered.
    Start(Start),
    /// Write outcomes and cursors in one; to be answered.
    Write(Vec<Settlement>, Vec<(LaneId, Position)>),
    /// Keep the destination's condition; to be answered.
    Keep(Keep),
    /// Tell whoever watches.
    Tell(Tell),
}

/// Something to be told.
#[derive(Debug)]
pub(crate) enum Tell {
    Attempted(Box<Attempted>),
    /// A delivery lies in the dead letters, with this code.
    Buried {
        lane: usize,
        event: EventId,
        code: String,
    },
    /// The breaker has opened or closed.
    Breaker(bool),
    Condition(News),
    /// From now on at the rate the receiver publishes.
    Slower(Rate),
}

/// An attempt that has ended, as it is told.
#[derive(Debug)]
pub(crate) struct Attempted {
    pub(crate) lane: usize,
    pub(crate) event: Arc<Event>,
    pub(crate) number: u32,
    pub(crate) began: Timestamp,
    pub(crate) ended: Timestamp,
    pub(crate) url: String,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) status: Option<u16>,
    pub(crate) error: Option<String>,
    pub(crate) outcome: Outcome,
    pub(crate) due: Option<Timestamp>,
}

/// What outlives a plan: the receiver is the same, whatever is sent there from now on.
#[derive(Debug, Default)]
pub(crate) struct Remains {
    bucket: Bucket,
    /// The rate that the receiver publishes, and the plan's for which it was taken.
    learned: Option<(Limit, Rate)>,
    breaker: Breaker,
    paused_until: Timestamp,
    switched_at: Option<Timestamp>,
}

/// An outcome on its way to the disk.
#[derive(Debug)]
struct Settling {
    lane: usize,
    standing: lane::Standing,
    position: Option<Position>,
    again: Option<(Timestamp, Delivery)>,
    key: Option<u64>,
}

/// What is being written.
#[derive(Debug)]
struct Batch {
    settling: Vec<Settling>,
    settlements: Vec<Settlement>,
    cursors: Vec<(LaneId, Position)>,
    /// When it is to be handed over; none while it is.
    at: Option<Timestamp>,
}

/// One destination's scheduler.
#[derive(Debug)]
pub(crate) struct Scheduler {
    plan: Arc<DestinationPlan>,
    lanes: Vec<Lane>,
    /// Counts beginnings and ends of reads, so that it is known which came first.
    tick: u64,
    /// Lanes with something to try, each once, in their turns.
    active: VecDeque<usize>,
    /// Lanes that may have something too old.
    expiring: VecDeque<usize>,
    /// Lanes that have a question to the store.
    wanting: VecDeque<usize>,
    /// When to look at a lane again.
    timers: BTreeSet<(Timestamp, usize)>,
    asks: usize,
    /// Lanes that are kept in one order: those of the rules and schedules, and those of each replay.
    groups: Vec<Vec<usize>>,
    turn: usize,
    order_key: OrderKey,
    keys: Keys,
    /// Deliveries that waited for another one and now come before all new ones.
    ready: VecDeque<Delivery>,
    bucket: Bucket,
    limit: Limit,
    learned: Option<(Limit, Rate)>,
    breaker: Breaker,
    paused_until: Timestamp,
    condition: Condition,
    /// The first answer of those since which the credentials are refused.
    refused_at: Option<Timestamp>,
    refusal_told: bool,
    under_way: usize,
    settling: Vec<Settling>,
    settlements: Vec<Settlement>,
    settling_bytes: usize,
    /// When the first of them ended.
    settling_since: Timestamp,
    writing: Option<Batch>,
    keeping: Option<(Keep, Option<Timestamp>)>,
    cursors_saved_at: Timestamp,
    /// Whether a cursor may have moved without an outcome that takes it to the disk.
    moved_on: bool,
    polled_at: Timestamp,
    out: VecDeque<Command>,
    wait: Duration,
    stopping: bool,
    /// Whether everything that is left was handed over for the last time.
    last: bool,
    hurried: bool,
    /// How often in a row the store refused outcomes at the end, and the condition.
    failures: [u32; 2],
    /// Whether outcomes were given up.
    lost: bool,
}

impl Scheduler {
    /// A scheduler of a plan's destination, which the store knows as `state`.
    pub(crate) fn new(
        plan: Arc<DestinationPlan>,
        state: Option<DestinationState>,
        remains: Remains,
        now: Now,
    ) -> Self {
        let condition = Condition::open(plan.destination.name.clone(), state, now.at);
        // Switching it on begins anew; a definition that was read again changes no receiver.
        let same = remains.switched_at == condition.switched_at();
        let (breaker, paused_until) =
            if same { (remains.breaker, remains.paused_until) } else { Default::default() };
        // Whoever sets another rate knows better.
        let learned = remains.learned.filter(|(planned, _)| *planned == plan.destination.rate);
        let lane = |lane: &LanePlan| Lane::new(lane.retry.clone(), lane.paused);
        let mut scheduler = Self {
            lanes: plan.lanes.iter().map(lane).collect(),
            tick: 0,
            active: VecDeque::new(),
            expiring: VecDeque::new(),
            wanting: VecDeque::new(),
            timers: BTreeSet::new(),
            asks: 0,
            groups: groups(&plan.lanes),
            turn: 0,
            order_key: OrderKey::new(&plan.destination.order),
            keys: Keys::default(),
            ready: VecDeque::new(),
            bucket: remains.bucket,
            limit: with_slack(
                learned.map_or(plan.destination.rate, |(_, rate)| Limit::new(rate, 1)),
            ),
            learned,
            breaker,
            paused_until,
            condition,
            refused_at: None,
            refusal_told: false,
            under_way: 0,
            settling: Vec::new(),
            settlements: Vec::new(),
            settling_bytes: 0,
            settling_since: now.at,
            writing: None,
            keeping: None,
            cursors_saved_at: now.at,
            moved_on: false,
            polled_at: now.at,
            out: VecDeque::new(),
            wait: Duration::ZERO,
            stopping: false,
            last: false,
            hurried: false,
            failures: [0; 2],
            lost: false,
            plan,
        };
        let in_order = scheduler.keeps_order();
        for lane in 0..scheduler.lanes.len() {
            scheduler.lanes[lane].idle |= scheduler.condition.is_off();
            scheduler.lanes[lane].needs_keys = in_order && !scheduler.lanes[lane].paused;
            scheduler.touch(lane, now.at);
        }
        scheduler
    }

    /// Begins and reads nothing more; what is under way ends and is kept, however long the store
    /// refuses.
    pub(crate) fn stop(&mut self) {
        self.stopping = true;
        self.wanting.clear();
        // Nobody looks at lanes any more.
        self.timers.clear();
    }

    /// After [`Self::stop`]: the program ends. Once nothing is under way, a store that goes on refusing
    /// is given up.
    pub(crate) fn hurry(&mut self) {
        self.hurried = true;
    }

    /// Whether everything has ended, after [`Self::stop`]. Questions may be under way; nobody needs
    /// their answers.
    pub(crate) fn is_done(&self) -> bool {
        let idle = self.under_way == 0 && self.out.is_empty();
        self.last && idle && self.writing.is_none() && self.keeping.is_none()
    }

    /// What outlives it.
    pub(crate) fn remains(self) -> Remains {
        let Self { bucket, learned, breaker, paused_until, condition, .. } = self;
        let switched_at = condition.switched_at();
        Remains { bucket, learned, breaker, paused_until, switched_at }
    }

    /// How the destination is.
    pub(crate) fn standing(&self, now: Timestamp) -> Standing {
        Standing {
            breaker_open: self.breaker.is_open(),
            paused_until: Some(self.paused_until).filter(|until| *until > now),
            failing_since: self.condition.failing_since(),
            last_success: self.condition.last_success(),
            switched_at: self.condition.switched_at(),
        }
    }

    /// Takes note of what happened.
    pub(crate) fn take(&mut self, input: Input, now: Now) {
        match input {
            Input::Opened(lane, state) => {
                self.answered(lane, now, |one, _| one.open(state));
            }
            Input::Entries(lane, page) => {
                let key = |event: &Event| self.order_key.of(event);
                self.tick += 1;
                self.lanes[lane].read(lane, page, (self.tick, &key));
                self.moved_on |= self.lanes[lane].has_moved();
                self.answered(lane, now, |_, _| {});
            }
            Input::Retries(lane, due) => {
                let key = |event: &Event| self.order_key.of(event);
                let held = self.lanes[lane].read_due(lane, due, &key);
                // What a paused lane has holds nobody up.
                for (key, standing) in held.into_iter().filter(|_| !self.lanes[lane].paused) {
                    self.keys.hold(key, (lane, standing));
                }
                self.answered(lane, now, |_, _| {});
            }
            Input::Unread(lane) => {
                let again_at = now.at.plus_ms(STORE_PAUSE_MS);
                self.answered(lane, now, |one, _| one.refused(again_at));
            }
            Input::Woken(lane) => {
                self.lanes[lane].wake();
                self.touch(lane, now.at);
            }
            Input::Ended(ended) => self.ended(*ended, now.at),
            Input::Written(done) => self.written(done, now.at),
            Input::Kept(done) => self.kept(done, now.at),
        }
    }

    fn answered(&mut self, lane: usize, now: Now, then: impl FnOnce(&mut Lane, Timestamp)) {
        self.asks = self.asks.saturating_sub(1);
        then(&mut self.lanes[lane], now.at);
        self.touch(lane, now.at);
    }

    /// The next thing to do at this moment; none when there is nothing but to wait.
    pub(crate) fn next(&mut self, now: Now) -> Option<Command> {
        self.wait = Duration::from_millis(POLL_MS.unsigned_abs());
        if let Some(command) = self.out.pop_front() {
            return Some(command);
        }
        if !self.stopping {
            self.look(now.at);
            self.bury_expired(now.at);
            if let Some(command) = self.out.pop_front().or_else(|| self.ask(now.at)) {
                return Some(command);
            }
            if let Some(start) = self.start(now) {
                return Some(Command::Start(start));
            }
            // Choosing in order may have found a question, or something too old.
            if let Some(command) = self.out.pop_front().or_else(|| self.ask(now.at)) {
                return Some(command);
            }
        } else if self.under_way == 0 && !self.last && self.writing.is_none() {
            // Once more with all cursors, and the condition, be their times over or not.
            self.last = true;
            self.cursors_saved_at = Timestamp::default();
        }
        self.write(now.at).or_else(|| self.keep_condition(now.at))
    }

    /// How long until there may be something to do that nothing else tells of, after
    /// [`Self::next`] gave nothing.
    pub(crate) fn wait(&self, now: Now) -> Duration {
        let timer = self.timers.first().map(|(at, _)| *at);
        let batch = self.writing.as_ref().and_then(|batch| batch.at);
        let keep = self.keeping.as_ref().and_then(|(_, at)| *at);
        let gathers = self.gathers_until().filter(|_| self.writing.is_none());
        let saves = self.moved_on && self.writing.is_none();
        let saves = saves.then(|| self.cursors_saved_at.plus_ms(CURSOR_EVERY_MS));
        let times = timer.into_iter().chain(batch).chain(keep).chain(gathers).chain(saves);
        times.map(|at| until(at, now.at)).fold(self.wait, Duration::min)
    }

    /// Notes in which lists a lane belongs; to be called whenever something of it changed.
    fn touch(&mut self, at: usize, now: Timestamp) {
        if self.stopping {
            return;
        }
        let in_order = self.keeps_order();
        let lane = &mut self.lanes[at];
        let due = lane.next_due().filter(|_| !lane.paused);
        let new = lane.has_new() && !lane.paused && !in_order;
        if !lane.active && (new || due.is_some_and(|due| due <= now)) {
            lane.active = true;
            self.active.push_back(at);
        }
        let expires = lane.expires_at();
        if !lane.expiring && expires.is_some_and(|expires| expires <= now) {
            lane.expiring = true;
            self.expiring.push_back(at);
        }
        if !lane.wanting && lane.wants(now).is_some() {
            lane.wanting = true;
            self.wanting.push_back(at);
        }
        let times = due.into_iter().chain(expires).chain([lane.again_at()]);
        let next = times.filter(|time| *time > now).min();
        // An earlier one that is no longer needed costs a look in vain, and less than moving it.
        if let Some(next) = next
            && lane.timer.is_none_or(|timer| next < timer)
        {
            if let Some(before) = lane.timer.replace(next) {
                self.timers.remove(&(before, at));
            }
            self.timers.insert((next, at));
        }
    }

    /// Looks at the lanes whose time has come, and now and then at all.
    fn look(&mut self, now: Timestamp) {
        while let Some((_, lane)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.pop_first();
            self.lanes[lane].timer = None;
            self.touch(lane, now);
        }
        if now.since_ms(self.polled_at).abs() >= POLL_MS {
            self.polled_at = now;
            for lane in 0..self.lanes.len() {
                self.lanes[lane].wake();
                self.touch(lane, now);
            }
        }
    }

    fn ask(&mut self, now: Timestamp) -> Option<Command> {
        while self.asks < ASKS_MAX {
            let lane = self.wanting.pop_front()?;
            self.lanes[lane].wanting = false;
            if let Some(ask) = self.lanes[lane].wants(now) {
                self.tick += 1;
                self.asks += 1;
                self.lanes[lane].asking(ask, self.tick);
                return Some(Command::Ask(lane, ask));
            }
        }
        None
    }

    fn keeps_order(&self) -> bool {
        self.plan.destination.order != Order::None
    }

    /// Whether another outcome may come to wait.
    fn has_room(&self) -> bool {
        self.settlements.len() < OUTCOMES_MAX && self.settling_bytes < OUTCOMES_BYTES
    }

    fn tell(&mut self, tell: Tell) {
        self.out.push_back(Command::Tell(tell));
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

/// Whether a pause that was to last so long at most is over. A calendar that was set back in the
/// meantime makes none longer.
fn is_due(at: Timestamp, now: Timestamp, longest_ms: i64) -> bool {
    let left_ms = at.since_ms(now);
    left_ms <= 0 || left_ms > longest_ms
}

fn until(at: Timestamp, now: Timestamp) -> Duration {
    Duration::from_millis(at.since_ms(now).max(1).unsigned_abs())
}
