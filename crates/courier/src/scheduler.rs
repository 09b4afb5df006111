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

#[cfg(test)]
mod fake;
mod lane;
#[cfg(test)]
mod life;
mod order;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use limit::{Bucket, Limit, Rate};
use model::{Auth, Event, EventId, LaneKey, Name, Order, Outcome, Timestamp};
use retry::{Breaker, Gate, Passage, Reception, pause_ms};
use store::{DestinationState, DueDelivery, LaneId, LanePage, LaneState, Position};
use store::{Settlement, Then};

use crate::attempt::{self, What};
use crate::board::Standing;
use crate::condition::{Condition, Keep, News};
use crate::plan::{DestinationPlan, LanePlan};
use crate::settle::{Moment, settlement, too_old};
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
/// How often the last write is tried.
const LAST_TRIES: u32 = 3;
/// What the store may refuse at the end, as it is counted.
const OUTCOMES: usize = 0;
const CONDITION: usize = 1;

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

    /// An attempt to begin, if there is work, room and permission.
    fn start(&mut self, now: Now) -> Option<Start> {
        let one = self.plan.destination.order == Order::Strict;
        let in_flight_max = if one { 1 } else { self.plan.destination.in_flight_max as usize };
        let room = self.under_way < in_flight_max && self.has_room();
        if self.condition.is_off() || !room {
            return None;
        }
        if now.at < self.paused_until {
            return self.not_before(until(self.paused_until, now.at));
        }
        let permit = self.bucket.wait(self.limit, now.ticks_ns);
        if !permit.is_zero() {
            return self.not_before(permit);
        }
        match self.breaker.wait_ms(now.at.ms()) {
            Some(0) => {}
            Some(ms) => return self.not_before(Duration::from_millis(ms.unsigned_abs())),
            None => return None,
        }
        let delivery = self.choose(now.at)?;
        let taken = self.bucket.take(self.limit, now.ticks_ns);
        debug_assert!(taken.is_ok(), "nobody else takes from this bucket since it was asked");
        let gate = self.breaker.gate(now.at.ms());
        debug_assert!(matches!(gate, Gate::Pass(_)), "the breaker was asked at this moment");
        let passage = if let Gate::Pass(passage) = gate { passage } else { Passage::Normal };
        self.under_way += 1;
        Some(Start { delivery, passage, began: now.at })
    }

    fn not_before(&mut self, wait: Duration) -> Option<Start> {
        self.wait = self.wait.min(wait);
        None
    }

    /// The next delivery: the lanes take turns, so that none starves.
    fn choose(&mut self, now: Timestamp) -> Option<Delivery> {
        let in_order = self.keeps_order();
        while let Some(at) = self.active.pop_front() {
            let lane = &mut self.lanes[at];
            lane.active = false;
            let mut delivery = lane.take_retry(now);
            if delivery.is_none() && !in_order {
                delivery = lane.take_new();
            }
            self.touch(at, now);
            if delivery.is_some() {
                return delivery;
            }
        }
        if in_order { self.choose_in_order(now) } else { None }
    }

    /// The next delivery in the order of the log whose key nobody holds. None begins before all
    /// that wait for another attempt are known.
    fn choose_in_order(&mut self, now: Timestamp) -> Option<Delivery> {
        if let Some(delivery) = self.ready.pop_front() {
            return Some(delivery);
        }
        if !self.lanes.iter().all(|lane| lane.paused || lane.knows_retries()) {
            return None;
        }
        while self.keys.has_room() && self.has_room() {
            let at = self.head(now)?;
            let delivery = self.lanes[at].take_new()?;
            self.touch(at, now);
            if self.lanes[at].is_too_old(&delivery, now) {
                self.bury(delivery, now);
            } else if let Some(delivery) = self.keys.admit(delivery) {
                return Some(delivery);
            }
        }
        None
    }

    /// The lane whose new delivery comes first: of the lanes of one order the earliest, orders by
    /// turns.
    fn head(&mut self, now: Timestamp) -> Option<usize> {
        let count = self.groups.len();
        for offset in 0..count {
            let turn = (self.turn + offset) % count;
            let group = std::mem::take(&mut self.groups[turn]);
            let head = self.head_of(&group, now);
            self.groups[turn] = group;
            if head.is_some() {
                self.turn = (turn + 1) % count;
                return head;
            }
        }
        None
    }

    /// The earliest of these lanes, if it is known that none of the others has something earlier.
    fn head_of(&mut self, group: &[usize], now: Timestamp) -> Option<usize> {
        let heads = group.iter().filter_map(|at| {
            let (rank, read) = self.lanes[*at].head()?;
            Some((rank, *at, read))
        });
        let (_, first, read) = heads.min()?;
        let mut known = true;
        for at in group {
            if !self.lanes[*at].has_new() && !self.lanes[*at].is_empty_since(read) {
                known = false;
                self.touch(*at, now);
            }
        }
        known.then_some(first)
    }

    fn ended(&mut self, ended: Ended, now: Timestamp) {
        let Ended { start: Start { delivery, passage, began }, result, spread } = ended;
        self.under_way -= 1;
        let reception = reception(&result);
        let mut turned = self.breaker.record(passage, reception, now.ms());
        turned |= self.look_for_refusal(&result, began, now);
        if turned {
            self.tell(Tell::Breaker(self.breaker.is_open()));
        }
        let news = match result.what {
            What::Delivered => self.condition.succeeded(now),
            What::Gone => self.condition.gone(now),
            _ if reception == Reception::Unknown => None,
            What::Refused { .. } | What::Retry { .. } => self.condition.failed(now),
        };
        if let Some(news) = news {
            self.tell(Tell::Condition(news));
        }
        if let What::Retry { wish_ms: Some(wish_ms) } = result.what {
            // The wish is the receiver's, not the event's: everybody waits, but not beyond the last
            // attempt of this event.
            let policy = &self.plan.lanes[delivery.lane].retry;
            let last = Timestamp::from_ms(retry::last_ms(policy, delivery.since.ms()));
            let until = now.plus_ms(pause_ms(wish_ms)).min(last);
            self.paused_until = self.paused_until.max(until);
        }
        if let Some(rate) = result.advertised {
            self.slow_down(Rate::per_seconds(rate.count, rate.window_seconds));
        }
        let plan = &self.plan.lanes[delivery.lane];
        let moment = Moment { began, ended: now, spread };
        let settlement = settlement(plan, &delivery, &result, &moment);
        let (outcome, due) = match &settlement.then {
            Then::Done => (Outcome::Delivered, None),
            // One that is held has no time of its own.
            Then::Retry { due, .. } => (Outcome::Retry, Some(*due).filter(|due| *due >= now)),
            Then::Dead { .. } => (Outcome::Dead, None),
        };
        self.tell(Tell::Attempted(Box::new(Attempted {
            lane: delivery.lane,
            event: Arc::clone(&delivery.event),
            number: delivery.attempts + 1,
            began,
            ended: now,
            url: result.url,
            peer: result.peer,
            status: result.status,
            error: result.error,
            outcome,
            due,
        })));
        self.keep(delivery, settlement, now);
    }

    /// A receiver that refuses the credentials refuses all: nothing but a probe is sent there. A
    /// token may have ended before its time, so that only a refusal counts of what was sent after the
    /// first one. Returns true when the breaker opened.
    fn look_for_refusal(
        &mut self,
        result: &attempt::Result,
        began: Timestamp,
        now: Timestamp,
    ) -> bool {
        let Some(status) = result.status.filter(|status| *status < 500) else { return false };
        if !matches!(status, 401 | 407) || !matches!(result.what, What::Retry { .. }) {
            self.refused_at = None;
            self.refusal_told = false;
            return false;
        }
        let first = *self.refused_at.get_or_insert(now);
        if self.has_token() && began <= first {
            return false;
        }
        if !std::mem::replace(&mut self.refusal_told, true) {
            self.tell(Tell::Condition(News::Credentials(status)));
        }
        self.breaker.trip(now.ms())
    }

    /// Whether its credentials are a token, which is fetched anew when it is refused.
    fn has_token(&self) -> bool {
        let connection = self.plan.connection.as_ref();
        connection.is_some_and(|connection| matches!(connection.auth, Auth::OAuth(_)))
    }

    fn tell(&mut self, tell: Tell) {
        self.out.push_back(Command::Tell(tell));
    }

    /// Keeps to the rate the receiver publishes, once it has refused for being called too fast.
    fn slow_down(&mut self, theirs: Rate) {
        if theirs.permits_per_hour() < self.limit.rate().permits_per_hour() {
            self.tell(Tell::Slower(theirs));
            self.limit = with_slack(Limit::new(theirs, 1));
            self.learned = Some((self.plan.destination.rate, theirs));
        }
    }

    /// Buries what has become too old, before anything is asked for a permit: a recovered receiver
    /// is probed with something that can still be delivered.
    fn bury_expired(&mut self, now: Timestamp) {
        while self.has_room() {
            let Some(at) = self.expiring.front().copied() else { break };
            if let Some(delivery) = self.lanes[at].take_expired(now) {
                self.bury(delivery, now);
            } else {
                self.expiring.pop_front();
                self.lanes[at].expiring = false;
                self.touch(at, now);
            }
        }
        while self.has_room()
            && let Some(delivery) = self.ready.pop_front()
        {
            if !self.lanes[delivery.lane].is_too_old(&delivery, now) {
                self.ready.push_front(delivery);
                break;
            }
            self.bury(delivery, now);
        }
    }

    fn bury(&mut self, delivery: Delivery, now: Timestamp) {
        let settlement = too_old(&self.plan.lanes[delivery.lane], &delivery, now);
        self.keep(delivery, settlement, now);
    }

    fn keep(&mut self, delivery: Delivery, settlement: Settlement, now: Timestamp) {
        if self.settlements.is_empty() {
            self.settling_since = now;
        }
        let (lane, event, standing) = (delivery.lane, delivery.event.id, delivery.standing());
        let (position, key) = (delivery.position, delivery.key);
        let again = match &settlement.then {
            Then::Done => None,
            Then::Retry { due, tries, .. } => {
                self.settling_bytes += delivery.bytes();
                self.lanes[lane].goes_again(standing);
                let (tries, attempts) = (*tries, delivery.attempts + 1);
                Some((*due, Delivery { position: None, tries, attempts, ..delivery }))
            }
            Then::Dead { reason, .. } => {
                self.tell(Tell::Buried { lane, event, code: reason.code.clone() });
                None
            }
        };
        self.settling.push(Settling { lane, standing, position, again, key });
        self.settlements.push(settlement);
    }

    /// Hands over what waits, if nothing is being written. The cursors that the outcomes lead to go
    /// into the same write.
    fn write(&mut self, now: Timestamp) -> Option<Command> {
        let gathered = |until| is_due(until, now, GATHER_MS);
        if self.writing.is_none() && self.gathers_until().is_none_or(gathered) {
            self.writing = self.batch(now);
        }
        let batch = self.writing.as_mut()?;
        batch.at.take_if(|at| is_due(*at, now, STORE_PAUSE_MS))?;
        Some(Command::Write(batch.settlements.clone(), batch.cursors.clone()))
    }

    /// Until when outcomes wait for others; none when they do not. Where an order is kept, the next
    /// delivery waits for the last one's outcome, and at the end nothing does.
    fn gathers_until(&self) -> Option<Timestamp> {
        let few = !self.settlements.is_empty() && self.settlements.len() < GATHER_MAX;
        let gathers = few && !self.stopping && !self.keeps_order();
        gathers.then(|| self.settling_since.plus_ms(GATHER_MS))
    }

    fn batch(&mut self, now: Timestamp) -> Option<Batch> {
        let settling = std::mem::take(&mut self.settling);
        let settlements = std::mem::take(&mut self.settlements);
        self.settling_bytes = 0;
        let mut moved = BTreeSet::new();
        for one in &settling {
            if let Some(place) = one.position {
                self.lanes[one.lane].settling(place);
            }
            moved.insert(one.lane);
        }
        if now.since_ms(self.cursors_saved_at).abs() >= CURSOR_EVERY_MS {
            self.cursors_saved_at = now;
            self.moved_on = false;
            moved.extend(0..self.lanes.len());
        }
        let mut cursor = |at: usize| {
            let cursor = self.lanes[at].take_moved()?;
            Some((self.plan.lanes[at].id, cursor))
        };
        // Once outcomes are lost, no cursor may pass them; other outcomes may be kept.
        let moved = moved.into_iter().filter(|_| !self.lost);
        let cursors: Vec<_> = moved.filter_map(&mut cursor).collect();
        let nothing = settlements.is_empty() && cursors.is_empty();
        (!nothing).then_some(Batch { settling, settlements, cursors, at: Some(now) })
    }

    fn written(&mut self, done: bool, now: Timestamp) {
        let Some(mut batch) = self.writing.take() else { return };
        if !done && !self.gives_up(OUTCOMES) {
            batch.at = Some(now.plus_ms(STORE_PAUSE_MS));
            self.writing = Some(batch);
            return;
        }
        if done {
            self.failures[OUTCOMES] = 0;
        } else {
            self.lost = true;
        }
        let mut touched = BTreeSet::new();
        for Settling { lane, standing, again, key, .. } in batch.settling {
            let for_good = again.is_none();
            self.lanes[lane].settled(standing, again);
            if let Some(key) = key.filter(|_| for_good) {
                self.ready.extend(self.keys.release(key, (lane, standing)));
            }
            touched.insert(lane);
        }
        for lane in touched {
            self.touch(lane, now);
        }
    }

    /// Hands over what is new of the destination's condition, if nothing of it is being kept.
    fn keep_condition(&mut self, now: Timestamp) -> Option<Command> {
        if self.keeping.is_none() {
            let keep = self.condition.take_unkept(now);
            let last = || self.last.then(|| self.condition.take_last()).flatten();
            self.keeping = keep.or_else(last).map(|keep| (keep, Some(now)));
        }
        let (keep, at) = self.keeping.as_mut()?;
        at.take_if(|at| is_due(*at, now, STORE_PAUSE_MS))?;
        Some(Command::Keep(keep.clone()))
    }

    fn kept(&mut self, done: bool, now: Timestamp) {
        let gives_up = !done && self.gives_up(CONDITION);
        match &mut self.keeping {
            Some((_, at)) if !done && !gives_up => *at = Some(now.plus_ms(STORE_PAUSE_MS)),
            _ => self.keeping = None,
        }
    }

    /// Whether a store that has refused this is not to be asked again: at the program's end, after
    /// some tries.
    fn gives_up(&mut self, what: usize) -> bool {
        if !self.stopping || !self.hurried || self.under_way > 0 {
            return false;
        }
        self.failures[what] += 1;
        self.failures[what] >= LAST_TRIES
    }
}

/// What an attempt says of the receiver: what could not be sent says nothing, and whoever answers
/// "later" fails for now, whatever the status.
fn reception(result: &attempt::Result) -> Reception {
    match (&result.what, result.status) {
        (What::Refused { .. }, None) => Reception::Unknown,
        (What::Retry { .. }, _) | (_, Some(500..)) => Reception::Failing,
        _ => Reception::Healthy,
    }
}

/// The lanes that are kept in one order. A lane that stands still holds nobody up.
fn groups(lanes: &[LanePlan]) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<Option<&Name>, Vec<usize>> = BTreeMap::new();
    for (at, lane) in lanes.iter().enumerate().filter(|(_, lane)| !lane.paused) {
        let replay = match &lane.key {
            LaneKey::Replay { replay, .. } => Some(replay),
            LaneKey::Target { .. } | LaneKey::Schedule(_) => None,
        };
        groups.entry(replay).or_default().push(at);
    }
    groups.into_values().collect()
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
