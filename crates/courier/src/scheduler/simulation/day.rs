//! The day that a seed gives: the plan it begins with, and what happens when.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use model::Order;
use retry::{Delays, Policy};
use transform::JsonPath;

use super::{DAY_MS, Happening, REPLAY, Simulation, Weather};
use crate::scheduler::fake::{Dice, Disk, at, lane, of_replay, plan};

impl Simulation {
    pub(super) fn new(seed: u64) -> Self {
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
}
