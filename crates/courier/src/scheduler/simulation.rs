//! A day of outages in virtual time, by seed: receivers that fail, refuse, drip and go, a store that
//! refuses for a while, a worker that is killed and begins anew from what is on disk, wake-ups that
//! are lost or come twice, plans that change. Whatever happens is checked as it happens; at the end
//! the world is whole again, and everything must have come to its end.
//!
//! A failure names its seed: `one(SEED)` plays it again.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use model::{Order, Timestamp};
use retry::{Delays, Policy, pause_ms};
use store::{LaneId, Position, Settlement};
use transform::JsonPath;

use super::fake::{Dice, Disk, answer, at, lane, of_replay, plan};
use super::lane::{AHEAD_MAX, RETRIES_HELD, UNSETTLED_MAX};
use super::order::PARKED_MAX;
use super::*;
use crate::attempt;

/// When the outages end.
const DAY_MS: i64 = 86_400_000;
/// When everything must have ended: the age of the last event, and what comes after.
const END_MS: i64 = 3 * DAY_MS;
/// The lane of the replay.
const REPLAY: LaneId = 9;

/// What happens at some time.
enum Happening {
    /// The store or a receiver answers, to the worker of that life.
    Answer(u32, Input),
    /// A write reaches the disk, or is refused; the answer comes later.
    Write(u32, Vec<Settlement>, Vec<(LaneId, Position)>),
    Publish,
    Replay,
    Crash,
    Restart,
    /// Another plan: rules are paused and resumed, the destination is enabled.
    Change,
    Redrive,
    /// A wake-up, which may be the second one.
    Wake(usize),
    Weather,
    /// The worker's wait is over, if nothing happened meanwhile.
    Timer(u64),
}

/// How the receiver answers for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weather {
    Fair,
    Failing,
    Mixed,
    Busy,
    Slow,
    Silent,
    Gone,
}

struct Simulation {
    seed: u64,
    dice: Dice,
    now_us: i64,
    timer: u64,
    order: u64,
    happenings: BinaryHeap<Reverse<(i64, u64)>>,
    what: BTreeMap<u64, Happening>,
    disk: Disk,
    plan: Arc<DestinationPlan>,
    scheduler: Option<Scheduler>,
    /// Counts the workers' lives: what was under way at a crash answers nobody.
    life: u32,
    changing: bool,
    weather: Weather,
    disk_refuses: bool,
    under_way: BTreeSet<(usize, u64, u64)>,
    /// When attempts began since the bucket was new, in microseconds.
    begun_us: Vec<i64>,
    quiet_until: Timestamp,
    off: bool,
    were_paused: BTreeSet<LaneId>,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let order = match seed % 3 {
            0 => Order::None,
            1 => Order::By(JsonPath::parse("$.detail.key").unwrap()),
            _ => Order::Strict,
        };
        let policy = |dice: &mut Dice| Policy {
            attempts: [3, 20, 185][usize::try_from(dice.roll(3)).unwrap()],
            age_ms: [3_600_000, 6 * 3_600_000, DAY_MS][usize::try_from(dice.roll(3)).unwrap()],
            delays: if dice.percent(30) {
                Delays::List(vec![1_000, 60_000, 600_000])
            } else {
                Delays::Exponential
            },
        };
        let count = 1 + u32::try_from(dice.roll(4)).unwrap();
        let mut lanes: Vec<_> = (1..=count).map(|id| lane(id, policy(&mut dice))).collect();
        lanes.push(of_replay(lane(REPLAY, policy(&mut dice))));
        let rate =
            (1 + u32::try_from(dice.roll(20)).unwrap(), 1 + u32::try_from(dice.roll(8)).unwrap());
        let in_flight = 1 + u32::try_from(dice.roll(16)).unwrap();
        let plan = Arc::new(plan(lanes, rate, in_flight, order));
        let mut simulation = Self {
            seed,
            dice,
            now_us: 0,
            timer: 0,
            order: 0,
            happenings: BinaryHeap::new(),
            what: BTreeMap::new(),
            disk: Disk::default(),
            plan,
            scheduler: None,
            life: 0,
            changing: false,
            weather: Weather::Fair,
            disk_refuses: false,
            under_way: BTreeSet::new(),
            begun_us: Vec::new(),
            quiet_until: at(0),
            off: false,
            were_paused: BTreeSet::new(),
        };
        simulation.seed_day();
        simulation
    }

    /// What will happen in the day, apart from what follows from it.
    fn seed_day(&mut self) {
        self.later(0, Happening::Restart);
        for _ in 0..(200 + self.dice.roll(600)) {
            let when = self.sometime();
            self.later(when, Happening::Publish);
        }
        for _ in 0..self.dice.roll(12) {
            let when = self.sometime();
            self.later(when, Happening::Crash);
            // Some of them in the middle of a lot of work.
            for _ in 0..self.dice.roll(40) {
                let before = self.roll(300_000);
                self.later((when - before).max(0), Happening::Publish);
            }
        }
        for _ in 0..self.dice.roll(12) {
            let when = self.sometime();
            self.later(when, Happening::Change);
        }
        for _ in 0..self.dice.roll(6) {
            let when = self.sometime();
            self.later(when, Happening::Redrive);
        }
        for _ in 0..self.dice.roll(3) {
            let when = self.sometime();
            self.later(when, Happening::Replay);
        }
        for _ in 0..self.dice.roll(20) {
            let when = self.sometime();
            self.later(when, Happening::Weather);
        }
        // The end: fair weather, everything on.
        self.later(DAY_MS * 1000, Happening::Weather);
        self.later(DAY_MS * 1000 + 1, Happening::Change);
    }

    fn sometime(&mut self) -> i64 {
        self.roll(DAY_MS) * 1000 + self.roll(1000)
    }

    fn roll(&mut self, sides: i64) -> i64 {
        i64::try_from(self.dice.roll(sides.unsigned_abs())).unwrap()
    }

    fn later(&mut self, in_us: i64, what: Happening) {
        self.order += 1;
        self.happenings.push(Reverse((self.now_us + in_us, self.order)));
        self.what.insert(self.order, what);
    }

    fn now(&self) -> Now {
        Now { at: at(self.now_us / 1000), ticks_ns: self.now_us.unsigned_abs() * 1000 }
    }

    fn is_over(&self) -> bool {
        self.now_us >= DAY_MS * 1000
    }

    fn run(mut self) -> Disk {
        while let Some(Reverse((when, order))) = self.happenings.pop() {
            assert!(
                when < END_MS * 1000,
                "seed {}: it comes to no end: {}",
                self.seed,
                self.told()
            );
            self.now_us = when;
            let what = self.what.remove(&order).unwrap();
            if matches!(what, Happening::Timer(timer) if timer != self.timer) {
                continue;
            }
            self.happen(what);
            self.work();
            if self.is_over() && !self.changing && self.weather == Weather::Fair {
                let done = self.disk.waiting() == 0
                    && self
                        .what
                        .values()
                        .all(|what| matches!(what, Happening::Timer(_) | Happening::Wake(_)));
                if done {
                    break;
                }
            }
        }
        assert_eq!(self.disk.waiting(), 0, "seed {}: lost: {}", self.seed, self.told());
        self.disk
    }

    fn told(&self) -> String {
        format!(
            "{} wait, {:?}, off {}, {} under way, {:?}",
            self.disk.waiting(),
            self.weather,
            self.off,
            self.under_way.len(),
            self.plan.destination.order
        )
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Answer(life, input) if life == self.life => self.answered(input),
            Happening::Answer(..) | Happening::Timer(_) => {}
            Happening::Write(life, settlements, cursors) => {
                self.write(life, &settlements, &cursors);
            }
            Happening::Publish => self.publish(),
            Happening::Replay => {
                // A replay may send once more what another one has sent, or sends at present.
                let mut events: Vec<u64> = self.disk.events.keys().copied().collect();
                events.retain(|seq| {
                    self.disk.last_state(REPLAY, *seq).is_none() || self.dice.percent(20)
                });
                for seq in events.into_iter().take(100) {
                    self.disk.list(REPLAY, seq, (at(self.now_us / 1000), false));
                }
            }
            Happening::Crash => {
                self.scheduler = None;
                self.crash_writes();
                self.life += 1;
                (self.changing, self.under_way) = (false, BTreeSet::new());
                let pause = self.roll(60_000_000);
                self.later(pause, Happening::Restart);
            }
            // Another crash may have come before the restart after the first one.
            Happening::Restart if self.scheduler.is_some() => {}
            Happening::Restart => self.begin(Remains::default()),
            Happening::Change => self.change(),
            Happening::Redrive => {
                let now = at(self.now_us / 1000);
                self.disk.redrive(50, now);
            }
            Happening::Wake(lane) => {
                let now = self.now();
                if let Some(scheduler) = &mut self.scheduler {
                    scheduler.take(Input::Woken(lane), now);
                }
            }
            Happening::Weather => {
                let all = [
                    Weather::Fair,
                    Weather::Failing,
                    Weather::Mixed,
                    Weather::Busy,
                    Weather::Slow,
                    Weather::Silent,
                    Weather::Gone,
                ];
                let one = usize::try_from(self.dice.roll(7)).unwrap();
                self.weather = if self.is_over() { Weather::Fair } else { all[one] };
                self.disk_refuses = !self.is_over() && self.dice.percent(20);
            }
        }
    }

    /// A write under way at a crash is on the disk whole, or not at all; nobody is told.
    fn crash_writes(&mut self) {
        let what = std::mem::take(&mut self.what);
        for one in what.values() {
            if let Happening::Write(life, settlements, cursors) = one
                && *life == self.life
                && self.dice.percent(50)
            {
                self.disk.settle(settlements, cursors);
            }
        }
        self.what = what;
    }

    fn publish(&mut self) {
        let now = at(self.now_us / 1000);
        let live: Vec<LaneId> =
            self.plan.lanes.iter().map(|lane| lane.id).filter(|id| *id != REPLAY).collect();
        for _ in 0..=self.dice.roll(4) {
            let mut lanes = live.clone();
            lanes.retain(|_| self.dice.percent(60));
            let key = self.dice.roll(5);
            let bytes = usize::try_from(self.dice.roll(200)).unwrap();
            let bytes = if self.dice.percent(1) { 400_000 } else { bytes };
            let key = if key == 4 { String::new() } else { format!(r#""key":"k{key}","#) };
            let detail = format!(r#"{{{key}"pad":"{}"}}"#, "x".repeat(bytes));
            self.disk.append(&lanes, detail, now);
            for id in lanes {
                let lane = self.plan.lanes.iter().position(|lane| lane.id == id).unwrap();
                for _ in 0..self.dice.roll(3) {
                    let late = self.roll(50_000);
                    self.later(late, Happening::Wake(lane));
                }
            }
        }
    }

    fn begin(&mut self, remains: Remains) {
        if remains.bucket.wait(self.plan.destination.rate, 0).is_zero() {
            // A new bucket, as after a crash.
            self.begun_us.clear();
            self.quiet_until = at(0);
        }
        let state = self.disk.state();
        self.off = state.as_ref().is_some_and(|state| {
            state.switch.as_ref().is_some_and(|off| off.state == store::SwitchState::Disabled)
        });
        self.scheduler = Some(Scheduler::new(Arc::clone(&self.plan), state, remains, self.now()));
    }

    /// Asks the worker to end; the next one has another plan.
    fn change(&mut self) {
        if self.changing {
            return;
        }
        self.changing = true;
        if let Some(scheduler) = &mut self.scheduler {
            scheduler.stop();
        } else if self.is_over() {
            self.later(60_000_000, Happening::Change);
            self.changing = false;
        }
    }

    fn changed(&mut self, remains: Remains) {
        self.changing = false;
        self.life += 1;
        let mut plan = (*self.plan).clone();
        let calm = self.is_over();
        for lane in &mut plan.lanes {
            lane.paused = !calm && self.dice.percent(20);
            self.were_paused.extend(Some(lane.id).filter(|_| lane.paused));
        }
        self.plan = Arc::new(plan);
        if self.off && (calm || self.dice.percent(70)) {
            self.disk.enable(at(self.now_us / 1000));
            self.quiet_until = at(0);
        }
        self.begin(remains);
    }

    /// Does all that the scheduler says, checks it, and comes back when it wants to.
    fn work(&mut self) {
        let now = self.now();
        let Some(mut scheduler) = self.scheduler.take() else { return };
        while let Some(command) = scheduler.next(now) {
            self.act(command);
        }
        self.check_memory(&scheduler);
        if scheduler.is_done() {
            assert!(self.under_way.is_empty());
            return self.changed(scheduler.remains());
        }
        let wait = i64::try_from(scheduler.wait(now).as_micros()).unwrap();
        // Timers are late.
        let late = self.roll(3_000);
        self.timer += 1;
        self.later(wait + late, Happening::Timer(self.timer));
        self.scheduler = Some(scheduler);
    }

    fn act(&mut self, command: Command) {
        let life = self.life;
        let soon = self.roll(5_000);
        match command {
            Command::Ask(lane, ask) => {
                let refused = self.disk_refuses && self.dice.percent(30);
                let id = self.plan.lanes[lane].id;
                let input = match ask {
                    _ if refused => Input::Unread(lane),
                    Ask::Open => Input::Opened(lane, self.disk.open_lane(id)),
                    Ask::Entries { from, limit } => {
                        // A store may give fewer, but not none.
                        let fewer = usize::try_from(self.dice.roll(limit as u64)).unwrap() + 1;
                        Input::Entries(lane, self.disk.read_lane(id, from, fewer))
                    }
                    Ask::Retries { after, limit } => {
                        Input::Retries(lane, self.disk.due(id, after, limit))
                    }
                };
                self.later(soon, Happening::Answer(life, input));
            }
            Command::Start(start) => self.start(start),
            Command::Write(settlements, cursors) => {
                self.later(soon, Happening::Write(life, settlements, cursors));
            }
            Command::Keep(keep) => {
                if let Keep::Off(_, before, off) = keep {
                    self.disk.disable(before, off);
                }
                self.later(soon, Happening::Answer(life, Input::Kept(true)));
            }
            Command::Tell(_) => {}
        }
    }

    /// A write reaches the disk whole or not at all.
    fn write(&mut self, life: u32, settlements: &[Settlement], cursors: &[(LaneId, Position)]) {
        if life != self.life {
            return;
        }
        let refused = self.disk_refuses && self.dice.percent(60);
        if !refused {
            self.disk.settle(settlements, cursors);
        }
        let soon = self.roll(5_000);
        self.later(soon, Happening::Answer(life, Input::Written(!refused)));
    }

    fn start(&mut self, start: Start) {
        let (seed, now) = (self.seed, self.now());
        let Delivery { lane, event, .. } = &start.delivery;
        let (plan, seq) = (&self.plan.lanes[*lane], event.id.seq);
        let destination = &self.plan.destination;
        assert!(!plan.paused, "seed {seed}: a paused lane sends");
        assert!(!self.off, "seed {seed}: a disabled destination is sent to");
        assert!(now.at >= self.quiet_until, "seed {seed}: sent within the receiver's pause");
        let one = self.under_way.insert((*lane, seq, start.delivery.chunk));
        assert!(one, "seed {seed}: {lane} {seq} is under way twice");
        let at_once = self.under_way.len();
        assert!(at_once <= destination.in_flight_max as usize, "seed {seed}: {at_once} in flight");
        let state = self.disk.states[&(plan.id, seq, start.delivery.chunk)];
        let settled = matches!(state, fake::State::Done | fake::State::Dead);
        assert!(!settled, "seed {seed}: {lane} {seq} was settled");
        let age = now.at.since_ms(start.delivery.since);
        assert!(age <= plan.retry.age_ms, "seed {seed}: {lane} {seq} is too old");
        self.check_order(&start);
        self.begun_us.push(self.now_us);
        self.check_rate();
        let (result, took_us) = self.attempt();
        let spread = f64::from(u32::try_from(self.dice.roll(1000)).unwrap()) / 1000.0;
        let ended = Input::Ended(Box::new(Ended { start, result, spread }));
        self.later(took_us, Happening::Answer(self.life, ended));
    }

    fn attempt(&mut self) -> (attempt::Result, i64) {
        let quick = 1_000 + self.roll(50_000);
        match self.weather {
            Weather::Failing => (answer(503, None), quick),
            Weather::Mixed if self.dice.percent(40) => (answer(500, None), quick),
            Weather::Mixed if self.dice.percent(5) => (answer(404, None), quick),
            Weather::Mixed => (answer(200, None), quick),
            Weather::Busy if self.dice.percent(20) => {
                let wish = self.roll(120_000);
                (answer(429, Some(wish)), quick)
            }
            Weather::Busy => (answer(202, None), quick),
            Weather::Slow => (answer(204, None), self.roll(10_000_000)),
            Weather::Silent => (answer(0, None), 10_000_000),
            Weather::Gone if self.dice.percent(10) => (answer(410, None), quick),
            Weather::Fair | Weather::Gone => (answer(204, None), quick),
        }
    }

    fn answered(&mut self, input: Input) {
        let now = self.now();
        if let Input::Ended(ended) = &input {
            let delivery = &ended.start.delivery;
            self.under_way.remove(&(delivery.lane, delivery.event.id.seq, delivery.chunk));
            self.off |= ended.result.status == Some(410);
            if let What::Retry { wish_ms: Some(wish) } = ended.result.what {
                let policy = &self.plan.lanes[delivery.lane].retry;
                let last = at(retry::last_ms(policy, delivery.since.ms()));
                let until = now.at.plus_ms(pause_ms(wish)).min(last);
                self.quiet_until = self.quiet_until.max(until);
            }
        }
        if let Some(scheduler) = &mut self.scheduler {
            scheduler.take(input, now);
        }
    }

    /// Any n attempts take at least as long as the bucket needs for those beyond its burst.
    fn check_rate(&self) {
        let limit = with_slack(self.plan.destination.rate);
        let (rate, burst) = (i64::from(limit.rate().count()), i64::from(limit.burst()));
        let last = self.begun_us.len() - 1;
        let mut count = 1_usize;
        while count <= last {
            let span_us = self.begun_us[last] - self.begun_us[last - count];
            let needed_us = (i64::try_from(count).unwrap() + 1 - burst) * (1_000_000 / rate);
            assert!(span_us >= needed_us, "seed {}: {count} in {span_us} µs", self.seed);
            count += 1 + count / 4;
        }
    }

    /// Nothing that was accepted before, on the same rules' lanes and with the same key, may still
    /// be open.
    fn check_order(&self, start: &Start) {
        let Delivery { lane, event, key, .. } = &start.delivery;
        let order_key = OrderKey::new(&self.plan.destination.order);
        let id = self.plan.lanes[*lane].id;
        if key.is_none() || self.disk.is_moved(id, event.id.seq) {
            return;
        }
        let replayed = |plan: &LanePlan| plan.replay.is_some();
        let same =
            |plan: &&LanePlan| !plan.paused && replayed(plan) == replayed(&self.plan.lanes[*lane]);
        let lanes: Vec<LaneId> = self.plan.lanes.iter().filter(same).map(|lane| lane.id).collect();
        for (other, earlier) in self.disk.open_before(&lanes, event.id.seq) {
            // While the other rule was paused, this one did not wait for it; now both have begun.
            let begun = start.delivery.position.is_none() && self.were_paused.contains(&other);
            // What is too old is given up, be that on disk or not.
            let plan = self.plan.lanes.iter().find(|lane| lane.id == other).unwrap();
            let age_ms = self.now().at.since_ms(earlier.id.accepted_at);
            assert!(
                begun || age_ms > plan.retry.age_ms || order_key.of(earlier) != *key,
                "seed {}: lane {id} sends {} ({:?}) before lane {other} is done with {}, {:?}",
                self.seed,
                event.id.seq,
                start.delivery.position,
                earlier.id.seq,
                self.disk.last_state(other, earlier.id.seq)
            );
        }
    }

    fn check_memory(&self, scheduler: &Scheduler) {
        for lane in &scheduler.lanes {
            let [ahead, ahead_bytes, retries, retries_bytes, unsettled] = lane.held();
            assert!(ahead <= AHEAD_MAX, "seed {}: {ahead} ahead", self.seed);
            // A read of so many begins below half a mebibyte; here it may bring 256 large ones.
            assert!(ahead_bytes <= 1024 * 1024 + AHEAD_MAX * 400_100, "seed {}", self.seed);
            assert!(retries <= RETRIES_HELD, "seed {}: {retries} retries", self.seed);
            let bytes = retries_bytes <= 1024 * 1024 || retries == 1;
            assert!(bytes, "seed {}: {retries_bytes} bytes of retries", self.seed);
            assert!(unsettled < UNSETTLED_MAX + AHEAD_MAX, "seed {}: {unsettled}", self.seed);
        }
        assert!(scheduler.keys.parked() <= PARKED_MAX);
        assert!(scheduler.settlements.len() <= OUTCOMES_MAX + 16);
        assert!(scheduler.asks <= ASKS_MAX);
    }
}

fn one(seed: u64) -> Disk {
    Simulation::new(seed).run()
}

/// Days by these seeds; of three in a row one keeps no order, one an order by key, one a strict one.
fn days(seeds: impl Iterator<Item = u64>) {
    let (mut done, mut dead, mut old) = (0, 0, 0);
    for seed in seeds {
        let disk = one(seed);
        let ended = |state| disk.states.values().filter(|one| **one == state).count();
        done += ended(fake::State::Done);
        dead += ended(fake::State::Dead);
        old += disk.codes.values().filter(|code| *code == "TOO_OLD").count();
    }
    // They were days with everything in them.
    assert!(done > 2_000 && dead > 50 && old > 10, "{done} {dead} {old}");
}

#[test]
fn days_of_outages_lose_nothing_and_keep_every_bound() {
    days([0, 3, 6].into_iter());
}

#[test]
fn days_of_outages_keep_the_order_of_keys() {
    days([1, 4, 7].into_iter());
}

#[test]
fn days_of_outages_keep_a_strict_order() {
    days([5, 8, 14, 17].into_iter());
}

#[test]
#[ignore = "takes minutes, best with --release; for whoever changes the scheduler"]
fn many_days_of_outages() {
    days(24..1_000);
}
