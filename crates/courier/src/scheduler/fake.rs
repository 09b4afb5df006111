//! For tests: a store in memory that keeps exactly what was written and says when something is
//! written that must not be, and plans.

use std::collections::{BTreeMap, BTreeSet};

use limit::{Limit, Rate};
use model::{
    Auth, ClientAuth, ClientProof, Connection, ConnectionTls, OAuthClient, SecretSource, Signing,
};
use model::{Destination, Event, EventFields, EventId, LaneKey, Method, Name, Order, Timestamp};
use retry::Policy;
use store::{
    DestinationState, DueDelivery, DuePlace, LaneEntry, LaneId, LanePage, LaneState, Position,
};
use store::{Settlement, Switch, SwitchState, Then};
use transform::{Input, UrlTemplate};

use crate::attempt::{self, What};
use crate::plan::{DestinationPlan, LanePlan};

/// A linear congruential generator: the same numbers for the same seed, everywhere.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// A number below `sides`.
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides.max(1)
    }

    /// True in so many of a hundred cases.
    pub(super) fn percent(&mut self, percent: u64) -> bool {
        self.roll(100) < percent
    }
}

pub(super) fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(ms)
}

pub(super) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// A lane of the rule `r<id>`, or of the replay `again`.
pub(super) fn lane(id: LaneId, policy: Policy) -> LanePlan {
    let key = LaneKey::Target {
        bus: name("orders"),
        rule: name(&format!("r{id}")),
        target: name("hook"),
    };
    LanePlan {
        id,
        key,
        rule: name(&format!("r{id}")),
        path: Vec::new(),
        headers: Vec::new(),
        query: Vec::new(),
        body: Input::Whole,
        retry: policy,
        dead_letters: name("dead"),
        paused: false,
        replay: None,
    }
}

pub(super) fn of_replay(lane: LanePlan) -> LanePlan {
    let key = LaneKey::Replay { replay: name("again"), target: None };
    LanePlan { key, replay: Some(name("again")), ..lane }
}

/// A destination with these lanes, so fast and so many at once.
pub(super) fn plan(
    lanes: Vec<LanePlan>,
    (per_second, burst): (u32, u32),
    in_flight_max: u32,
    order: Order,
) -> DestinationPlan {
    let destination = Destination {
        name: name("hook"),
        connection: None,
        method: Method::Post,
        url: UrlTemplate::parse("http://127.0.0.1:9/").unwrap(),
        rate: Limit::new(Rate::per_second(per_second), burst),
        in_flight_max,
        timeout_ms: 10_000,
        connect_timeout_ms: 3_000,
        first_byte_timeout_ms: 10_000,
        headers: Vec::new(),
        query: Vec::new(),
        retry_on: retry::StatusTable::default(),
        order,
        signing: Signing::off(),
        allow_private: Vec::new(),
    };
    DestinationPlan { destination, connection: None, lanes, switch: None }
}

/// A connection with a token.
pub(super) fn connection() -> Connection {
    let secret = SecretSource::Env("SECRET".to_owned());
    let client = OAuthClient {
        token_url: "http://127.0.0.1:9/token".to_owned(),
        client_id: "us".to_owned(),
        proof: ClientProof::Secret { secret, by: ClientAuth::Basic },
        scope: None,
        method: Method::Post,
        headers: Vec::new(),
        query: Vec::new(),
        body: Vec::new(),
    };
    Connection {
        name: name("partner"),
        auth: Auth::OAuth(Box::new(client)),
        headers: Vec::new(),
        query: Vec::new(),
        body: Vec::new(),
        tls: ConnectionTls::default(),
    }
}

/// What an attempt gives that was answered so.
pub(super) fn answer(status: u16, wish_ms: Option<i64>) -> attempt::Result {
    let what = match status {
        200..=299 => What::Delivered,
        410 => What::Gone,
        401 | 429 | 500..=599 => What::Retry { wish_ms },
        0 => What::Retry { wish_ms: None },
        _ => What::Refused { code: format!("HTTP_{status}") },
    };
    let error = (what != What::Delivered).then(|| format!("the receiver answered {status}"));
    let status = Some(status).filter(|status| *status > 0);
    let (response, advertised, peer) = (None, None, None);
    attempt::Result { what, status, error, response, advertised, url: String::new(), peer }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Waiting,
    Done,
    Dead,
    Retry { due: Timestamp, tries: u32, since: Timestamp, attempts: u32 },
}

/// What one place of a lane lists: when, the event's place, whether it was redriven.
#[derive(Debug, Clone, Copy)]
struct Listed {
    since: Timestamp,
    seq: u64,
    redriven: bool,
}

/// A standing: its lane, its event and its chunk.
pub(super) type Id = (LaneId, u64, u64);

/// The store.
#[derive(Debug, Default)]
pub(super) struct Disk {
    pub(super) events: BTreeMap<u64, Event>,
    lanes: BTreeMap<LaneId, BTreeMap<Position, Listed>>,
    pub(super) states: BTreeMap<Id, State>,
    pub(super) attempts: BTreeMap<Id, u32>,
    /// Dead letters that stand on their lanes again.
    redriven: BTreeSet<Id>,
    /// What stands on a lane behind later events.
    moved: BTreeSet<(LaneId, u64)>,
    cursors: BTreeMap<LaneId, Position>,
    next: u64,
    switch: Option<Switch>,
    /// The code of the last letter of a delivery.
    pub(super) codes: BTreeMap<Id, String>,
}

impl Disk {
    /// Appends an event to lanes; gives its place.
    pub(super) fn append(&mut self, lanes: &[LaneId], detail: String, now: Timestamp) -> u64 {
        self.next += 1;
        let seq = self.next;
        let id = EventId { accepted_at: now, seq };
        let source = "shop".to_owned();
        let fields = EventFields { source, detail, ..EventFields::default() };
        self.events.insert(seq, Event { id, bus: "orders".to_owned(), fields });
        for lane in lanes {
            self.list(*lane, seq, (now, false));
        }
        seq
    }

    /// Puts an event that is there on a lane, where it may stand already; gives the chunk.
    pub(super) fn list(
        &mut self,
        lane: LaneId,
        seq: u64,
        (since, redriven): (Timestamp, bool),
    ) -> u64 {
        let again = self.last_state(lane, seq).is_some();
        self.next += u64::from(redriven || again);
        let chunk = self.next;
        let places = self.lanes.entry(lane).or_default();
        let index = u32::try_from(places.keys().filter(|at| at.chunk == chunk).count()).unwrap();
        places.insert(Position { chunk, index }, Listed { since, seq, redriven });
        self.states.insert((lane, seq, chunk), State::Waiting);
        self.moved.extend(again.then_some((lane, seq)));
        chunk
    }

    /// How an event's last standing on a lane is.
    pub(super) fn last_state(&self, lane: LaneId, seq: u64) -> Option<State> {
        self.states.range((lane, seq, 0)..=(lane, seq, u64::MAX)).next_back().map(|(_, one)| *one)
    }

    /// Puts dead letters back.
    pub(super) fn redrive(&mut self, limit: usize, now: Timestamp) {
        let dead = self.states.iter().filter(|(_, state)| **state == State::Dead);
        let letters = dead.map(|(id, _)| *id).filter(|id| !self.redriven.contains(id));
        let letters: Vec<_> = letters.take(limit).collect();
        for id in letters {
            let (lane, seq, _) = id;
            let chunk = self.list(lane, seq, (now, true));
            let made = self.attempts.get(&id).copied().unwrap_or(0);
            self.attempts.insert((lane, seq, chunk), made);
            self.redriven.insert(id);
        }
    }

    pub(super) fn state(&self) -> Option<DestinationState> {
        let switch = Some(self.switch.clone()?);
        Some(DestinationState { name: name("hook"), switch, trouble: None, last_success: None })
    }

    pub(super) fn disable(&mut self, before: Option<Timestamp>, off: Switch) {
        if self.switch.as_ref().map(|switch| switch.since) == before {
            self.switch = Some(off);
        }
    }

    pub(super) fn enable(&mut self, now: Timestamp) {
        let state = SwitchState::Enabled;
        self.switch = Some(Switch { state, reason: String::new(), since: now });
    }

    pub(super) fn open_lane(&self, lane: LaneId) -> LaneState {
        let cursor = self.cursors.get(&lane).copied().unwrap_or_default();
        let settled = self.places(lane).filter(|(at, _)| *at >= cursor);
        let settled = settled.filter(|(at, listed)| self.is_settled(lane, *at, *listed));
        LaneState { cursor, settled: settled.map(|(at, _)| at).collect() }
    }

    fn places(&self, lane: LaneId) -> impl Iterator<Item = (Position, Listed)> + '_ {
        self.lanes.get(&lane).into_iter().flatten().map(|(at, listed)| (*at, *listed))
    }

    fn is_settled(&self, lane: LaneId, at: Position, listed: Listed) -> bool {
        self.states[&(lane, listed.seq, at.chunk)] != State::Waiting
    }

    pub(super) fn read_lane(&self, lane: LaneId, from: Position, limit: usize) -> LanePage {
        let mut page = LanePage { next: from, at_end: true, ..LanePage::default() };
        let Some(places) = self.lanes.get(&lane) else { return page };
        let places = places.range(from..).map(|(at, listed)| (*at, *listed));
        let entry = |(position, listed): (Position, Listed)| {
            let before =
                self.attempts.get(&(lane, listed.seq, position.chunk)).copied().unwrap_or(0);
            let attempts_before = if listed.redriven { before } else { 0 };
            let event = self.events[&listed.seq].clone();
            LaneEntry { position, event, since: listed.since, attempts_before }
        };
        page.at_end = places.clone().nth(limit).is_none();
        page.entries = places.take(limit).map(entry).collect();
        if let Some(last) = page.entries.last() {
            page.next = Position { index: last.position.index + 1, ..last.position };
        }
        page
    }

    pub(super) fn due(
        &self,
        lane: LaneId,
        after: Option<DuePlace>,
        limit: usize,
    ) -> Vec<DueDelivery> {
        let mut due: Vec<DueDelivery> = Vec::new();
        let of_lane = (lane, 0, 0)..=(lane, u64::MAX, u64::MAX);
        for ((_, seq, chunk), state) in self.states.range(of_lane) {
            let State::Retry { due: at, tries, since, attempts } = *state else { continue };
            let (event, chunk) = (self.events[seq].clone(), *chunk);
            due.push(DueDelivery { chunk, event, due: at, tries, since, attempts });
        }
        due.retain(|one| after.is_none_or(|after| one.place() > after));
        due.sort_by_key(DueDelivery::place);
        due.truncate(limit);
        due
    }

    /// Writes, and objects to what must not be written.
    pub(super) fn settle(&mut self, settled: &[Settlement], cursors: &[(LaneId, Position)]) {
        let mut written = BTreeSet::new();
        for one in settled {
            let id = (one.lane, one.event.seq, one.chunk);
            assert!(written.insert(id), "two outcomes of {id:?} in one write");
            let before = self.states[&id];
            assert!(!matches!(before, State::Done | State::Dead), "{id:?} was settled: {before:?}");
            let attempts = self.attempts.entry(id).or_default();
            if let Some(attempt) = &one.attempt {
                assert_eq!(attempt.number, *attempts + 1, "attempts of {id:?} are counted on");
                *attempts = attempt.number;
            }
            let state = match &one.then {
                Then::Done => State::Done,
                Then::Retry { due, tries, since } => {
                    State::Retry { due: *due, tries: *tries, since: *since, attempts: *attempts }
                }
                Then::Dead { reason, attempts: made, .. } => {
                    assert_eq!(*made, *attempts, "a letter of {id:?} says how many there were");
                    self.codes.insert(id, reason.code.clone());
                    State::Dead
                }
            };
            self.states.insert(id, state);
        }
        for (lane, cursor) in cursors {
            let before = self.cursors.insert(*lane, *cursor).unwrap_or_default();
            assert!(before <= *cursor, "the cursor of {lane} goes back");
            let Some(places) = self.lanes.get(lane) else { continue };
            for (at, listed) in places.range(before..*cursor) {
                assert!(self.is_settled(*lane, *at, *listed), "{lane} {at:?} is passed, unsettled");
            }
        }
    }

    /// Deliveries that are neither delivered nor dead.
    pub(super) fn waiting(&self) -> usize {
        let open = |state: &&State| !matches!(state, State::Done | State::Dead);
        self.states.values().filter(open).count()
    }

    /// Deliveries on these lanes, of events before this one, that are neither delivered nor dead and
    /// stand where they were put first.
    pub(super) fn open_before<'a>(
        &'a self,
        lanes: &'a [LaneId],
        seq: u64,
    ) -> impl Iterator<Item = (LaneId, &'a Event)> {
        let of = move |lane: &'a LaneId| {
            self.states.range((*lane, 0, 0)..(*lane, seq, 0)).filter_map(
                |((lane, seq, _), state)| {
                    let open = !matches!(state, State::Done | State::Dead);
                    open.then(|| (*lane, &self.events[seq]))
                },
            )
        };
        let moved = |(lane, event): &(LaneId, &Event)| self.is_moved(*lane, event.id.seq);
        lanes.iter().flat_map(of).filter(move |one| !moved(one))
    }

    /// Whether an event stands on a lane behind later ones.
    pub(super) fn is_moved(&self, lane: LaneId, seq: u64) -> bool {
        self.moved.contains(&(lane, seq))
    }
}
