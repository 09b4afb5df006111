//! Holds a store against the one in memory: the same operations on both, and the same answers after
//! each of them.
//!
//! The two number their events, lanes and chunks as they like; what is compared is which event it is
//! (the first, the second …) and in which place of its lane it stands. After retention a store may
//! have kept more than it had to: what it dropped must have been permitted, and is dropped in memory
//! too. One lane, the last, is out of use for retention, and nothing is asked of it from then on.

mod look;
mod operation;
mod retention;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{
    Attempt, DeadReason, DeliveryId, EntryId, EventDraft, EventFields, EventId, LaneKey, Name,
    Outcome, Timestamp,
};
use store::conformance::Bench;
use store::{
    Appended, DeadFilter, Deliveries as _, Entry, EventLog as _, LaneId, Once, Position,
    Settlement, Store, Then,
};

use crate::{MemStore, Standing};

pub use operation::{Choice, Draft, Fate, Operation, operations};

/// The buses events go to.
const BUSES: [&str; 3] = ["orders", "parcels", "system"];
/// How many lanes there are; the last one is out of use for retention.
const LANES: usize = 4;
/// More than there ever is of anything.
const ALL: usize = 1000;
/// How long entries' ids are remembered.
const WINDOW_MS: i64 = 30_000;

/// The two sides of what is the same in both stores.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Both<T> {
    ours: T,
    theirs: T,
}

/// An event, and whether it is still in the log.
struct Known {
    id: Both<EventId>,
    kept: bool,
}

/// An entry of a lane.
struct Stand {
    lane: usize,
    at: Both<Position>,
    /// Which event, by the order of acceptance.
    event: usize,
    since: Timestamp,
    /// Attempts made in all.
    attempts: u32,
    /// Attempts made since it was put there.
    tries: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Retrying,
    /// Done or dead.
    Ended,
}

/// Both stores, and what is known of what they hold.
struct Pair<'a, B> {
    bench: &'a B,
    ours: MemStore,
    /// None only while it is opened again.
    theirs: Option<Arc<dyn Store>>,
    lanes: [Both<LaneId>; LANES],
    cursors: [Both<Position>; LANES],
    events: Vec<Known>,
    stands: Vec<Stand>,
    /// Where each attempt was made, by what tells it from all others.
    made: BTreeMap<u32, (Standing, u32)>,
    now: Timestamp,
    /// Operations so far; pages have other sizes after each.
    step: usize,
    /// Whether retention was at work.
    dropped: bool,
    /// Which ids were given when, by bus and id, each time that an event became theirs.
    given: Vec<((Name, String), Timestamp)>,
    /// How many the other store forgot.
    forgotten: usize,
}

/// Does the operations with the bench's store and with the one in memory, looking at everything after
/// each; panics where the answers differ.
pub async fn agree<B: Bench>(bench: &B, operations: &[Operation]) {
    let mut pair = Pair::open(bench).await;
    for operation in operations {
        Box::pin(pair.perform(operation)).await;
        Box::pin(pair.learn()).await;
        Box::pin(pair.look()).await;
        pair.step += 1;
    }
    pair.restart().await;
    Box::pin(pair.look()).await;
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a plain word is a name")
}

fn lane_key(lane: usize) -> LaneKey {
    match lane {
        0 => LaneKey::Schedule(name("nightly")),
        1 => LaneKey::Replay { replay: name("again"), target: None },
        _ => LaneKey::Target {
            bus: name("orders"),
            rule: name("rule"),
            target: name(&format!("target-{lane}")),
        },
    }
}

/// Seconds, so that there is room between any two moments.
fn seconds(seconds: u16) -> i64 {
    i64::from(seconds) * 1000
}

/// One of so many; none of nothing.
fn pick(pick: u16, count: usize) -> Option<usize> {
    usize::from(pick).checked_rem(count)
}

fn behind(position: Position) -> Position {
    Position { index: position.index + 1, ..position }
}

impl<'a, B: Bench> Pair<'a, B> {
    async fn open(bench: &'a B) -> Self {
        let (ours, theirs) = (MemStore::new(), bench.open().await);
        let keys: Vec<_> = (0..LANES).map(lane_key).collect();
        let numbers = ours.lanes(keys.clone()).await.expect("lanes");
        let other_numbers = theirs.lanes(keys).await.expect("lanes");
        assert!(other_numbers.is_sorted(), "lanes are numbered as they are asked for");
        let lane = |lane: usize| Both { ours: numbers[lane], theirs: other_numbers[lane] };
        Self {
            bench,
            ours,
            theirs: Some(theirs),
            lanes: std::array::from_fn(lane),
            cursors: [Both::default(); LANES],
            events: Vec::new(),
            stands: Vec::new(),
            made: BTreeMap::new(),
            now: Timestamp::from_ms(1_700_000_000_000),
            step: 0,
            dropped: false,
            given: Vec::new(),
            forgotten: 0,
        }
    }

    fn theirs(&self) -> Arc<dyn Store> {
        Arc::clone(self.theirs.as_ref().expect("it is open"))
    }

    async fn restart(&mut self) {
        self.theirs = None;
        self.theirs = Some(self.bench.open().await);
        self.ours = self.ours.reopen();
    }

    async fn perform(&mut self, operation: &Operation) {
        match operation {
            Operation::Append(drafts) => self.append(drafts).await,
            Operation::Fire(draft) => self.fire(draft).await,
            Operation::Wait(wait) => self.now = self.now.plus_ms(seconds(*wait)),
            Operation::Settle { outcomes, moves } => self.settle(outcomes, *moves).await,
            Operation::Redrive(choice) => self.end_letters(choice, true).await,
            Operation::Purge(choice) => self.end_letters(choice, false).await,
            Operation::Extend(lanes) => self.extend(lanes).await,
            Operation::Forget(limit) => {
                self.forget(usize::from(*limit)).await;
            }
            Operation::Drop { events, orders, attempts } => {
                self.drop_old(*events, *orders, *attempts).await;
            }
            Operation::Restart => self.restart().await,
        }
    }

    /// An id that is given again after its window may lie in two segments, and count twice when both
    /// are forgotten; a segment that retention removes takes its ids along. Without either, the counts
    /// are the same.
    async fn forget(&mut self, limit: usize) {
        let ours = self.ours.forget_entries(self.now, limit).await.expect("forgotten");
        let theirs = self.theirs().forget_entries(self.now, limit).await.expect("forgotten");
        self.forgotten += theirs;
        assert!(theirs <= limit, "forgotten at once");
        let is_over = |at: &Timestamp| self.now.since_ms(*at) >= WINDOW_MS;
        let over = self.given.iter().filter(|(_, at)| is_over(at)).count();
        assert!(self.forgotten <= over, "ids were forgotten too early");
        if self.dropped {
            return;
        }
        let last: BTreeMap<_, _> = self.given.iter().map(|(id, at)| (id, at)).collect();
        if last.len() == self.given.len() {
            assert_eq!(theirs, ours, "forgotten");
        }
        if theirs < limit {
            let ended = last.values().filter(|at| is_over(at)).count();
            assert!(self.forgotten >= ended, "ids were left although there was room");
        }
    }

    /// The entry for each store.
    fn entry(&self, draft: &Draft) -> Both<Entry> {
        let fields = EventFields {
            source: "agreement".to_owned(),
            detail_type: "Numbered".to_owned(),
            detail: format!(r#"{{"number":{}}}"#, draft.content),
            ..EventFields::default()
        };
        let bus = name(BUSES[usize::from(draft.bus) % BUSES.len()]);
        let event = EventDraft::new(bus, fields).expect("a whole event");
        let lanes = || (0..LANES).filter(|lane| draft.lanes & (1 << lane) != 0);
        let once = draft.id.map(|id| Once {
            id: EntryId::new(id.to_string()).expect("digits are an id"),
            window_ms: WINDOW_MS,
        });
        let entry = |lanes| Entry { draft: event.clone(), lanes, once: once.clone() };
        Both {
            ours: entry(lanes().map(|lane| self.lanes[lane].ours).collect()),
            theirs: entry(lanes().map(|lane| self.lanes[lane].theirs).collect()),
        }
    }

    async fn append(&mut self, drafts: &[Draft]) {
        let both: Vec<_> = drafts.iter().map(|draft| self.entry(draft)).collect();
        let id = |both: &Both<Entry>| {
            both.ours
                .once
                .as_ref()
                .map(|once| (both.ours.draft.bus().clone(), once.id.as_str().to_owned()))
        };
        let ids: Vec<_> = both.iter().map(id).collect();
        let (ours, theirs) = both.into_iter().map(|both| (both.ours, both.theirs)).unzip();
        let ours = self.ours.append(self.now, ours).await.expect("appended");
        let theirs = self.theirs().append(self.now, theirs).await.expect("appended");
        assert_eq!(ours.len(), theirs.len(), "an answer for each entry");
        for ((ours, theirs), id) in ours.into_iter().zip(theirs).zip(ids) {
            if let (Appended::New(ours), Appended::New(theirs)) = (ours, theirs) {
                self.accept(Both { ours, theirs });
                self.given.extend(id.map(|id| (id, self.now)));
            } else {
                let first = self.event_of(Both { ours: ours.event(), theirs: theirs.event() });
                let as_theirs = match ours {
                    Appended::Duplicate { lanes, .. } => Appended::Duplicate { first, lanes },
                    Appended::Mismatch { .. } => Appended::Mismatch { first },
                    Appended::New(_) => ours,
                };
                assert_eq!(theirs, as_theirs, "what became of an entry");
            }
        }
    }

    async fn fire(&mut self, draft: &Draft) {
        let Both { ours, theirs } = self.entry(&Draft { id: None, ..draft.clone() });
        let schedule = || "nightly".to_owned();
        let ours = self.ours.fire(schedule(), self.now, ours).await.expect("fired");
        let theirs = self.theirs().fire(schedule(), self.now, theirs).await.expect("fired");
        self.accept(Both { ours, theirs });
    }

    fn accept(&mut self, id: Both<EventId>) {
        assert_eq!(id.theirs.accepted_at, self.now, "when an event was accepted");
        let last = self.events.last().map(|known| known.id.theirs.seq);
        assert!(last.is_none_or(|last| id.theirs.seq > last), "places ascend");
        self.events.push(Known { id, kept: true });
    }

    /// The event that both ids are of, as the other store names it.
    fn event_of(&self, id: Both<EventId>) -> EventId {
        let known = self.events.iter().find(|known| known.id.ours == id.ours);
        known.map_or(id.theirs, |known| known.id.theirs)
    }

    /// Reads what was put on the lanes since the last time.
    async fn learn(&mut self) {
        let theirs = self.theirs();
        for lane in 0..LANES {
            let last = self.stands.iter().rev().find(|stand| stand.lane == lane);
            let from = last.map_or_else(Both::default, |stand| Both {
                ours: behind(stand.at.ours),
                theirs: behind(stand.at.theirs),
            });
            let Both { ours: number, theirs: other } = self.lanes[lane];
            let ours = self.ours.read_lane(number, from.ours, ALL).await.expect("a lane").entries;
            let theirs = theirs.read_lane(other, from.theirs, ALL).await.expect("a lane").entries;
            assert_eq!(theirs.len(), ours.len(), "new entries of lane {lane}");
            for (ours, theirs) in ours.into_iter().zip(theirs) {
                let id = ours.event.id;
                let event = self.events.iter().position(|known| known.id.ours == id);
                let event = event.expect("only what was accepted is on a lane");
                assert_eq!(
                    theirs.event.id, self.events[event].id.theirs,
                    "the order of lane {lane}"
                );
                let at = Both { ours: ours.position, theirs: theirs.position };
                assert!(at.theirs >= from.theirs, "a lane is read forwards");
                assert_eq!(theirs.attempts_before, ours.attempts_before, "attempts before");
                self.stands.push(Stand {
                    lane,
                    at,
                    event,
                    since: ours.since,
                    attempts: ours.attempts_before,
                    tries: 0,
                    state: State::Waiting,
                });
            }
        }
    }

    /// Whether anything is asked of a lane.
    fn in_use(&self, lane: usize) -> bool {
        !self.dropped || lane + 1 < LANES
    }

    async fn settle(&mut self, outcomes: &[(u16, Fate)], moves: bool) {
        let (mut ours, mut theirs, mut lanes) = (Vec::new(), Vec::new(), BTreeSet::new());
        let mut seen = BTreeSet::new();
        for (number, fate) in outcomes {
            let open: Vec<usize> = (0..self.stands.len())
                .filter(|one| self.stands[*one].state != State::Ended)
                .filter(|one| self.in_use(self.stands[*one].lane) && !seen.contains(one))
                .collect();
            let Some(one) = pick(*number, open.len()).map(|at| open[at]) else { continue };
            seen.insert(one);
            lanes.insert(self.stands[one].lane);
            let both = self.outcome(one, fate);
            ours.push(both.ours);
            theirs.push(both.theirs);
        }
        let (mut cursors, mut other_cursors) = (Vec::new(), Vec::new());
        for lane in lanes.into_iter().filter(|_| moves) {
            self.cursors[lane] = self.cursor(lane);
            cursors.push((self.lanes[lane].ours, self.cursors[lane].ours));
            other_cursors.push((self.lanes[lane].theirs, self.cursors[lane].theirs));
        }
        self.ours.settle(ours, cursors).await.expect("settled");
        self.theirs().settle(theirs, other_cursors).await.expect("settled");
    }

    /// Where a lane's cursor may be: before the first entry that waits, or behind all.
    fn cursor(&self, lane: usize) -> Both<Position> {
        let mut of_lane = self.stands.iter().filter(|stand| stand.lane == lane);
        let first = of_lane.clone().find(|stand| stand.state == State::Waiting);
        let last = of_lane.next_back();
        first.map_or_else(
            || {
                last.map_or_else(Both::default, |stand| Both {
                    ours: behind(stand.at.ours),
                    theirs: behind(stand.at.theirs),
                })
            },
            |stand| stand.at,
        )
    }

    /// Makes an attempt; gives what each store is told.
    fn outcome(&mut self, one: usize, fate: &Fate) -> Both<Settlement> {
        let mark = u32::try_from(self.made.len()).expect("a small number") + 1;
        let Self { stands, events, lanes, now, .. } = self;
        let stand = &mut stands[one];
        let is_attempt = !matches!(fate, Fate::Expired);
        if is_attempt {
            stand.attempts += 1;
            stand.tries += 1;
        }
        let then = fate.then(*now, stand, mark);
        let (state, outcome, status) = match fate {
            Fate::Done => (State::Ended, Outcome::Delivered, Some(204)),
            Fate::Retry { status, .. } => (State::Retrying, Outcome::Retry, status.then_some(503)),
            Fate::Dead { .. } | Fate::Expired => (State::Ended, Outcome::Dead, Some(404)),
        };
        stand.state = state;
        let attempt = is_attempt.then(|| Attempt {
            number: stand.attempts,
            at: *now,
            // What tells this attempt from all others.
            took_ms: mark,
            status,
            error: status.is_none().then(|| "refused".to_owned()),
            address: None,
            response: status.map(|status| status.to_string()),
            outcome,
        });
        let (event, lane) = (&events[stand.event].id, lanes[stand.lane]);
        let standing =
            Standing { lane: lane.ours, chunk: stand.at.ours.chunk, seq: event.ours.seq };
        if is_attempt {
            self.made.insert(mark, (standing, stand.attempts));
        }
        let told = |lane, chunk, event| Settlement {
            lane,
            chunk,
            event,
            attempt: attempt.clone(),
            then: then.clone(),
        };
        Both {
            ours: told(lane.ours, stand.at.ours.chunk, event.ours),
            theirs: told(lane.theirs, stand.at.theirs.chunk, event.theirs),
        }
    }

    async fn end_letters(&mut self, choice: &Choice, redrive: bool) {
        let filter = self.letters(choice).await;
        let theirs = self.theirs();
        let (ended, others) = if redrive {
            (
                self.ours.redrive(filter.ours, self.now).await,
                theirs.redrive(filter.theirs, self.now).await,
            )
        } else {
            (self.ours.purge(filter.ours).await, theirs.purge(filter.theirs).await)
        };
        assert_eq!(others, ended, "letters ended");
    }

    /// The filter for each store.
    async fn letters(&self, choice: &Choice) -> Both<DeadFilter> {
        let everything = || DeadFilter { limit: ALL, ..DeadFilter::default() };
        let both = |filter: DeadFilter| Both { ours: filter.clone(), theirs: filter };
        match choice {
            Choice::All => both(everything()),
            Choice::Queue(second) => {
                both(DeadFilter { queue: Some(operation::queue(*second)), ..everything() })
            }
            Choice::Code(second) => {
                both(DeadFilter { code: Some(operation::code(*second)), ..everything() })
            }
            Choice::Before(before) => {
                let until = Some(self.now.plus_ms(-seconds(*before)));
                both(DeadFilter { until, ..everything() })
            }
            Choice::Lane(lane) => {
                let lane = self.lanes[usize::from(*lane) % LANES];
                let of = |lane| DeadFilter { lanes: Some(vec![lane]), ..everything() };
                Both { ours: of(lane.ours), theirs: of(lane.theirs) }
            }
            Choice::One(number) => {
                let listed = self.ours.dead_letters(everything()).await.expect("letters");
                let Some(one) = pick(*number, listed.len()) else { return both(everything()) };
                let DeliveryId { lane, event } = listed[one].id;
                let of = |lane, event| DeadFilter {
                    delivery: Some(DeliveryId { lane, event }),
                    ..everything()
                };
                let theirs = self.event_of(Both { ours: event, theirs: event });
                let number = self.lanes.iter().find(|both| both.ours == lane);
                Both { ours: of(lane, event), theirs: of(number.expect("a lane").theirs, theirs) }
            }
        }
    }

    async fn extend(&mut self, picks: &[(u8, Vec<u16>)]) {
        let kept: Vec<&Known> = self.events.iter().filter(|known| known.kept).collect();
        let mut chosen: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for (lane, numbers) in picks {
            let events = numbers.iter().filter_map(|number| pick(*number, kept.len()));
            chosen.entry(usize::from(*lane) % LANES).or_default().extend(events);
        }
        chosen.retain(|_, events| !events.is_empty());
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for (lane, events) in chosen {
            let (lane, ids) = (self.lanes[lane], events.iter().map(|one| kept[*one].id));
            ours.push((lane.ours, ids.clone().map(|id| id.ours.seq).collect()));
            theirs.push((lane.theirs, ids.map(|id| id.theirs.seq).collect()));
        }
        self.ours.extend_lanes(ours, self.now).await.expect("extended");
        self.theirs().extend_lanes(theirs, self.now).await.expect("extended");
    }
}

impl Fate {
    /// What follows, of an attempt that has this mark.
    fn then(&self, now: Timestamp, stand: &Stand, mark: u32) -> Then {
        let dead = |second: bool, at| Then::Dead {
            queue: operation::queue(second),
            reason: DeadReason {
                code: operation::code(second),
                message: format!("no {mark}"),
                exhausted: second.then(|| "MaximumRetryAttempts".to_owned()),
            },
            attempts: stand.attempts,
            at,
        };
        match self {
            Self::Done => Then::Done,
            Self::Retry { after, .. } => Then::Retry {
                // No two retries are due at the same moment.
                due: now.plus_ms(seconds(*after) + i64::from(mark % 1000)),
                tries: stand.tries,
                since: stand.since,
            },
            Self::Dead { second } => dead(*second, now),
            Self::Expired => dead(true, now),
        }
    }
}
