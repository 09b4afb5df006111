//! The life of deliveries on a store: accepted, under way, and then done, waiting for another attempt
//! or dead, and put back. Nothing that was acknowledged ever vanishes, and nothing comes back that
//! ended, wherever the program is cut off.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{
    Attempt, DeadReason, EventDraft, EventFields, EventId, LaneKey, Name, Outcome, Timestamp,
};
use proptest::collection::vec;
use proptest::prelude::*;
use store::conformance::Bench;
use store::{AttemptFilter, DeadFilter, Entry, Keep, LaneId, Position, Settlement, Store, Then};

/// More than there ever is of anything.
const ALL: usize = 1000;

/// One thing that happens. Numbers choose among what there is by then.
#[derive(Debug, Clone)]
pub enum Step {
    /// So many events are accepted, for the first lane, the second or both.
    Accept(u8, u8),
    /// A delivery that waits, or whose retry is there, is begun.
    Begin(u16),
    /// A delivery under way ends, and that is acknowledged together with the lanes' cursors.
    End(u16, End),
    /// All dead letters are put back.
    Redrive,
    /// What is old and settled is dropped.
    Drop,
    /// The program is cut off: what was under way is forgotten, the store opened again.
    Cut,
}

/// How an attempt ends.
#[derive(Debug, Clone, Copy)]
pub enum End {
    /// Delivered.
    Done,
    /// To be tried again.
    Retry,
    /// Given up.
    Dead,
}

/// Lists of what happens.
pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let end = prop_oneof![2 => Just(End::Done), 2 => Just(End::Retry), 1 => Just(End::Dead)];
    let step = prop_oneof![
        3 => (1..4_u8, 1..4_u8).prop_map(|(count, lanes)| Step::Accept(count, lanes)),
        6 => any::<u16>().prop_map(Step::Begin),
        6 => (any::<u16>(), end).prop_map(|(number, end)| Step::End(number, end)),
        1 => Just(Step::Redrive),
        1 => Just(Step::Drop),
        2 => Just(Step::Cut),
    ];
    vec(step, 1..80)
}

/// Where a delivery is in its life, as far as the store was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waiting,
    Retrying,
    Dead,
    Done,
}

/// One event on one lane.
struct Life {
    lane: usize,
    event: EventId,
    /// Where it stands at present.
    at: Position,
    since: Timestamp,
    attempts: u32,
    stage: Stage,
    /// Begun, and not yet ended: only the program knows.
    under_way: bool,
}

struct Run<'a, B> {
    bench: &'a B,
    store: Option<Arc<dyn Store>>,
    lanes: Vec<LaneId>,
    lives: Vec<Life>,
    now: Timestamp,
}

/// Lets it all happen, and looks after each step for every delivery that was acknowledged; in the end
/// delivers what is left.
pub async fn live<B: Bench>(bench: &B, steps: &[Step]) {
    let mut run = Run::open(bench).await;
    for step in steps {
        run.now = run.now.plus_ms(1000);
        Box::pin(run.take(step)).await;
        Box::pin(run.look()).await;
    }
    Box::pin(run.finish()).await;
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a plain word is a name")
}

impl<'a, B: Bench> Run<'a, B> {
    async fn open(bench: &'a B) -> Self {
        let store = bench.open().await;
        let key = |target| LaneKey::Target {
            bus: name("orders"),
            rule: name("rule"),
            target: name(target),
        };
        let lanes = store.lanes(vec![key("a"), key("b")]).await.expect("lanes");
        let now = Timestamp::from_ms(1_700_000_000_000);
        Self { bench, store: Some(store), lanes, lives: Vec::new(), now }
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(self.store.as_ref().expect("it is open"))
    }

    async fn take(&mut self, step: &Step) {
        match step {
            Step::Accept(count, lanes) => self.accept(*count, *lanes).await,
            Step::Begin(number) => {
                let open = |life: &Life| {
                    !life.under_way && matches!(life.stage, Stage::Waiting | Stage::Retrying)
                };
                if let Some(one) = self.choose(*number, open) {
                    self.lives[one].under_way = true;
                }
            }
            Step::End(number, end) => {
                if let Some(one) = self.choose(*number, |life| life.under_way) {
                    self.end(one, *end).await;
                }
            }
            Step::Redrive => self.redrive().await,
            Step::Drop => {
                let keep = Keep {
                    now: self.now,
                    others: self.now,
                    attempts: self.now.plus_ms(-5000),
                    in_use: self.lanes.clone(),
                    ..Keep::default()
                };
                // Once may not be enough, and need not be: the next step goes on.
                self.store().drop_old(keep).await.expect("dropped");
            }
            Step::Cut => self.cut().await,
        }
    }

    fn choose(&self, number: u16, is_one: impl Fn(&Life) -> bool) -> Option<usize> {
        let some: Vec<usize> =
            (0..self.lives.len()).filter(|one| is_one(&self.lives[*one])).collect();
        usize::from(number).checked_rem(some.len()).map(|at| some[at])
    }

    async fn cut(&mut self) {
        self.store = None;
        self.store = Some(self.bench.open().await);
        for life in &mut self.lives {
            life.under_way = false;
        }
    }

    async fn accept(&mut self, count: u8, lanes: u8) {
        let chosen: Vec<usize> = (0..2).filter(|lane| lanes & (1 << lane) != 0).collect();
        let entry = |number: u8| {
            let fields = EventFields {
                source: "lives".to_owned(),
                detail_type: "Numbered".to_owned(),
                detail: format!(r#"{{"number":{number}}}"#),
                ..EventFields::default()
            };
            let draft = EventDraft::new(name("orders"), fields).expect("a whole event");
            let lanes = chosen.iter().map(|lane| self.lanes[*lane]).collect();
            Entry { draft, lanes, once: None }
        };
        let entries = (0..count).map(entry).collect();
        let appended = self.store().append(self.now, entries).await.expect("appended");
        for lane in chosen {
            for one in &appended {
                let event = one.event();
                let at = self.last_place_of(lane, event).await;
                self.lives.push(Life {
                    lane,
                    event,
                    at,
                    since: self.now,
                    attempts: 0,
                    stage: Stage::Waiting,
                    under_way: false,
                });
            }
        }
    }

    /// Where an event stands on a lane, for the last time.
    async fn last_place_of(&self, lane: usize, event: EventId) -> Position {
        let read = self.store().read_lane(self.lanes[lane], Position::default(), ALL).await;
        let mut entries = read.expect("a lane").entries.into_iter();
        let last = entries.rfind(|entry| entry.event.id == event);
        last.expect("what was accepted stands on its lane").position
    }

    async fn end(&mut self, one: usize, end: End) {
        let now = self.now;
        let life = &mut self.lives[one];
        life.attempts += 1;
        life.under_way = false;
        let (stage, outcome, then) = match end {
            End::Done => (Stage::Done, Outcome::Delivered, Then::Done),
            End::Retry => {
                let due = now.plus_ms(7000);
                let then = Then::Retry { due, tries: 1, since: life.since };
                (Stage::Retrying, Outcome::Retry, then)
            }
            End::Dead => {
                let (code, message) = ("HTTP_404".to_owned(), "no".to_owned());
                let reason = DeadReason { code, message, exhausted: None };
                let attempts = life.attempts;
                let then = Then::Dead { queue: name("dlq"), reason, attempts, at: now };
                (Stage::Dead, Outcome::Dead, then)
            }
        };
        life.stage = stage;
        let attempt = Attempt {
            number: life.attempts,
            at: now,
            took_ms: 1,
            status: None,
            error: None,
            address: None,
            response: None,
            outcome,
        };
        let (chunk, event, attempt) = (life.at.chunk, life.event, Some(attempt));
        let settlement = Settlement { lane: self.lanes[life.lane], chunk, event, attempt, then };
        let cursors = (0..self.lanes.len()).map(|lane| (self.lanes[lane], self.cursor(lane)));
        let cursors = cursors.collect();
        self.store().settle(vec![settlement], cursors).await.expect("settled");
    }

    /// Before the first that waits, or behind all.
    fn cursor(&self, lane: usize) -> Position {
        let of_lane = || self.lives.iter().filter(|life| life.lane == lane);
        let first = of_lane().filter(|life| life.stage == Stage::Waiting).map(|life| life.at).min();
        let last = of_lane().map(|life| life.at).max();
        let behind = |at: Position| Position { index: at.index + 1, ..at };
        first.or(last.map(behind)).unwrap_or_default()
    }

    async fn redrive(&mut self) {
        let everything = DeadFilter { limit: ALL, ..DeadFilter::default() };
        let count = self.store().redrive(everything, self.now).await.expect("redriven");
        let dead = |life: &Life| life.stage == Stage::Dead;
        let dead: Vec<usize> =
            (0..self.lives.len()).filter(|one| dead(&self.lives[*one])).collect();
        assert_eq!(count, dead.len() as u64, "letters put back");
        for one in dead {
            let Life { lane, event, .. } = self.lives[one];
            let at = self.last_place_of(lane, event).await;
            let life = &mut self.lives[one];
            assert!(at > life.at, "it is put back behind the others");
            (life.at, life.since, life.stage) = (at, self.now, Stage::Waiting);
        }
    }

    /// What a program that begins now would find is what was acknowledged, and nothing else.
    async fn look(&self) {
        let store = self.store();
        let in_stage = |lane: usize, stage: Stage| -> BTreeSet<EventId> {
            let of_lane = self.lives.iter().filter(|life| life.lane == lane);
            of_lane.filter(|life| life.stage == stage).map(|life| life.event).collect()
        };
        let everything = DeadFilter { limit: ALL, ..DeadFilter::default() };
        let letters = store.dead_letters(everything).await.expect("letters");
        for (lane, id) in self.lanes.iter().enumerate() {
            let open = store.open_lane(*id).await.expect("a lane");
            let read = store.read_lane(*id, open.cursor, ALL).await.expect("a lane").entries;
            let mut waiting = BTreeSet::new();
            for entry in read.iter().filter(|entry| !open.settled.contains(&entry.position)) {
                assert!(waiting.insert(entry.event.id), "it waits twice");
                let life = self.lives.iter().find(|life| {
                    (life.lane, life.event, life.at) == (lane, entry.event.id, entry.position)
                });
                let life = life.expect("it waits where it was put");
                assert_eq!((entry.since, entry.attempts_before), (life.since, life.attempts));
            }
            assert_eq!(waiting, in_stage(lane, Stage::Waiting), "waiting on lane {lane}");
            let due = store.due(*id, None, ALL).await.expect("due");
            let due: BTreeSet<_> = due.iter().map(|one| one.event.id).collect();
            assert_eq!(due, in_stage(lane, Stage::Retrying), "retries of lane {lane}");
            let of_lane = letters.iter().filter(|letter| letter.id.lane == *id);
            let dead: BTreeSet<_> = of_lane.map(|letter| letter.id.event).collect();
            assert_eq!(dead, in_stage(lane, Stage::Dead), "dead letters of lane {lane}");
        }
    }

    /// Puts back what is dead and delivers everything that is left.
    async fn finish(&mut self) {
        self.cut().await;
        self.redrive().await;
        let mut ended = Vec::new();
        while let Some(one) = self.choose(0, |life| life.stage != Stage::Done) {
            self.end(one, End::Done).await;
            let Life { lane, event, attempts, .. } = self.lives[one];
            ended.push((self.lanes[lane], event, attempts));
        }
        self.cut().await;
        self.look().await;
        let store = self.store();
        for lane in &self.lanes {
            assert_eq!(store.backlog(*lane).await, Ok(0), "nothing waits in the end");
        }
        let filter = AttemptFilter { limit: ALL, ..AttemptFilter::default() };
        let rows = store.attempts(filter).await.expect("attempts").rows.into_iter();
        let told = rows.filter(|row| row.attempt.outcome == Outcome::Delivered);
        let told: BTreeSet<_> =
            told.map(|row| (row.id.lane, row.id.event, row.attempt.number)).collect();
        assert!(ended.iter().all(|one| told.contains(one)), "what was delivered is told");
    }
}
