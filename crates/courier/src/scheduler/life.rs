//! One delivery's life against a naive model: it waits, is under way, comes again, is delivered or
//! dead, and lives once more when it is redriven; with kills, refusals of the disk, and 410s between.

use proptest::prelude::*;
use retry::{Delays, Policy};

use super::fake::{Disk, State, answer, at, lane, plan};
use super::*;

const AGE_MS: i64 = 60_000;
const DELAYS_MS: [i64; 3] = [1_000, 20_000, 30_000];

#[derive(Debug, Clone)]
enum Step {
    Answer(u16),
    Pass(i64),
    Kill,
    Refuse(bool),
    Redrive,
    Enable,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let status = prop::sample::select(vec![204_u16, 404, 410, 503, 503, 503, 0]);
    let pass = prop::sample::select(vec![1_i64, 499, 1_000, 5_000, 20_000, 30_000, 61_000]);
    let step = prop_oneof![
        5 => status.prop_map(Step::Answer),
        4 => pass.prop_map(Step::Pass),
        1 => Just(Step::Kill),
        1 => any::<bool>().prop_map(Step::Refuse),
        2 => Just(Step::Redrive),
        1 => Just(Step::Enable),
    ];
    prop::collection::vec(step, 1..30)
}

/// What must be true, by the words of the documentation.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Model {
    state: State,
    since: i64,
    made: u32,
}

impl Model {
    /// After an answer.
    fn answered(self, status: u16, now: i64) -> Self {
        let tries = if let State::Retry { tries, .. } = self.state { tries } else { 0 };
        let attempts = self.made + 1;
        let since = at(self.since);
        let again = |due: i64, tries| State::Retry { due: at(due), tries, since, attempts };
        let state = match status {
            204 => State::Done,
            404 => State::Dead,
            410 => again(self.since, tries),
            _ => match DELAYS_MS.get(tries as usize) {
                Some(delay) if now + delay - self.since <= AGE_MS => again(now + delay, tries + 1),
                _ => State::Dead,
            },
        };
        Self { state, made: attempts, ..self }
    }

    fn is_due(self, now: i64) -> bool {
        match self.state {
            State::Waiting => true,
            State::Retry { due, .. } => due <= at(now),
            State::Done | State::Dead => false,
        }
    }

    fn is_old(self, now: i64) -> bool {
        now - self.since > AGE_MS
    }
}

struct Life {
    plan: Arc<DestinationPlan>,
    scheduler: Scheduler,
    disk: Disk,
    refuses: bool,
    now: i64,
    under_way: Option<Start>,
    /// As the disk has it, and as it will be when what waits is written.
    kept: Model,
    coming: Option<Model>,
    off: bool,
}

impl Life {
    fn new() -> Self {
        let policy = Policy { attempts: 3, age_ms: AGE_MS, delays: Delays::List(DELAYS_MS.into()) };
        let plan = Arc::new(plan(vec![lane(1, policy)], (1_000, 1_000), 1, Order::None));
        let now = Now { at: at(0), ticks_ns: 0 };
        let scheduler = Scheduler::new(Arc::clone(&plan), None, Remains::default(), now);
        let mut disk = Disk::default();
        disk.append(&[1], "{}".to_owned(), at(0));
        let kept = Model { state: State::Waiting, since: 0, made: 0 };
        let (refuses, off, now) = (false, false, 0);
        Self { plan, scheduler, disk, refuses, now, under_way: None, kept, coming: None, off }
    }

    fn moment(&self) -> Now {
        Now { at: at(self.now), ticks_ns: self.now.unsigned_abs() * 1_000_000 }
    }

    fn run(&mut self) {
        let now = self.moment();
        while let Some(command) = self.scheduler.next(now) {
            let input = match command {
                Command::Ask(_, Ask::Open) => Input::Opened(0, self.disk.open_lane(1)),
                Command::Ask(_, Ask::Entries { from, limit }) => {
                    Input::Entries(0, self.disk.read_lane(1, from, limit))
                }
                Command::Ask(_, Ask::Retries { after, limit }) => {
                    Input::Retries(0, self.disk.due(1, after, limit))
                }
                Command::Write(settlements, cursors) => {
                    if !self.refuses {
                        self.disk.settle(&settlements, &cursors);
                        let settled = !settlements.is_empty();
                        self.kept = self.coming.take_if(|_| settled).unwrap_or(self.kept);
                    }
                    Input::Written(!self.refuses)
                }
                Command::Keep(keep) => {
                    if let Keep::Off(_, before, off) = keep {
                        self.disk.disable(before, off);
                    }
                    Input::Kept(true)
                }
                Command::Start(start) => {
                    assert!(self.under_way.is_none() && self.coming.is_none() && !self.off);
                    assert!(self.kept.is_due(self.now) && !self.kept.is_old(self.now));
                    assert_eq!(start.delivery.attempts, self.kept.made);
                    self.under_way = Some(start);
                    continue;
                }
                Command::Tell(Tell::Buried { code, .. }) if code == "TOO_OLD" => {
                    assert!(self.kept.is_due(self.now) && self.kept.is_old(self.now));
                    self.coming = Some(Model { state: State::Dead, ..self.kept });
                    continue;
                }
                Command::Tell(_) => continue,
            };
            self.scheduler.take(input, now);
        }
    }

    fn begin(&mut self) {
        let (state, now) = (self.disk.state(), self.moment());
        let plan = Arc::clone(&self.plan);
        self.scheduler = Scheduler::new(plan, state, Remains::default(), now);
        (self.under_way, self.coming) = (None, None);
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Answer(status) => {
                let Some(start) = self.under_way.take() else { return };
                self.coming = Some(self.kept.answered(*status, self.now));
                self.off |= *status == 410;
                let ended = Box::new(Ended { start, result: answer(*status, None), spread: 0.5 });
                self.scheduler.take(Input::Ended(ended), self.moment());
            }
            Step::Pass(ms) => self.now += ms,
            Step::Kill => self.begin(),
            Step::Refuse(refuses) => self.refuses = *refuses,
            Step::Redrive => {
                self.disk.redrive(1, at(self.now));
                if self.kept.state == State::Dead {
                    self.kept = Model { state: State::Waiting, since: self.now, ..self.kept };
                    self.scheduler.take(Input::Woken(0), self.moment());
                }
            }
            // A switching makes another plan, and so another scheduler. A breaker ends with it, too,
            // so that this model needs none.
            Step::Enable => {
                self.disk.enable(at(self.now));
                self.off = false;
                self.begin();
            }
        }
    }

    fn check(&mut self) {
        self.run();
        let on_disk = self.disk.last_state(1, 1).unwrap();
        assert_eq!(on_disk, self.kept.state);
        if self.coming.is_none() && !self.off && self.under_way.is_none() {
            assert!(!self.kept.is_due(self.now), "due, and not begun: {:?}", self.kept);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn a_delivery_is_where_its_story_says(steps in steps()) {
        let mut life = Life::new();
        life.check();
        let mut failures = 0;
        for step in &steps {
            failures += usize::from(matches!(step, Step::Answer(503 | 0)));
            // Ten failures would open the breaker, which is another story.
            if failures > 9 {
                break;
            }
            life.step(step);
            life.check();
        }
    }
}
