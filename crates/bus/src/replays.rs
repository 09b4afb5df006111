//! Replays: events that are still in the log are put on lanes of their own once more, matched anew
//! with the rules of now.
//!
//! A replay reads on only while little waits on its lanes, so that pausing and cancelling it are in
//! force at once, and a destination that is away holds the replay and not the memory. How far it has
//! come follows from its lanes, which are extended all or none; the noted progress only saves looking
//! again at events that matched nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use limit::{Bucket, Limit};
use model::{Definitions, Event, LaneKey, Name, Target, Timestamp};
use pattern::{Matcher, Pattern, Scratch};
use store::{
    AuditEntry, EventRange, LaneId, Replay, ReplaySpec, ReplayState, Store, StoreError, Turn,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::put::World;
use crate::rules::{LaneNumbers, Rules};

/// So many entries wait on a replay's lanes at the most before it reads on.
const AHEAD_MAX: u64 = 2_000;
/// So many events are looked at in one step.
const PAGE: usize = 500;
/// How often the progress is noted.
const NOTE_EVERY_MS: i64 = 1_000;
/// How long is waited while there is enough ahead, or while what is ahead is delivered.
const PAUSE: Duration = Duration::from_millis(100);
/// How long after a replay's end events of before it may still come in.
const LATE_MS: i64 = 500;
/// How long a store that refuses is left alone.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// One lane of a replay, and what is sent on it.
#[derive(Debug, Clone)]
pub struct ReplayPart {
    /// The lane.
    pub key: LaneKey,
    /// The target: the rule's own, or one that leads to the replay's destination.
    pub target: Target,
    /// The rule that events have to match; none where the replay asks for no rule.
    pub rule: Option<Name>,
}

/// What a replay sends where, by the definitions of now.
pub fn replay_parts(definitions: &Definitions, spec: &ReplaySpec) -> Vec<ReplayPart> {
    if let (Some(to), true) = (&spec.to, spec.rules.is_empty()) {
        let target = Target {
            id: to.clone(),
            destination: to.clone(),
            path: Vec::new(),
            headers: Vec::new(),
            query: Vec::new(),
            body: transform::Input::Whole,
            retry: retry::Policy::default(),
            dead_letters: spec.name.clone(),
        };
        let key = LaneKey::Replay { replay: spec.name.clone(), target: None };
        let part = ReplayPart { key, target, rule: None };
        return Some(part).into_iter().filter(|part| leads(definitions, part)).collect();
    }
    let wanted = |rule: &&model::Rule| {
        rule.bus == spec.bus && (spec.rules.is_empty() || spec.rules.contains(&rule.name))
    };
    let mut parts = Vec::new();
    for rule in definitions.rules.values().filter(wanted) {
        for target in &rule.targets {
            if spec.destination.as_ref().is_some_and(|only| *only != target.destination) {
                continue;
            }
            let place = Some((rule.name.clone(), target.id.clone()));
            let key = LaneKey::Replay { replay: spec.name.clone(), target: place };
            let destination = spec.to.clone().unwrap_or_else(|| target.destination.clone());
            let target = Target { destination, ..target.clone() };
            parts.push(ReplayPart { key, target, rule: Some(rule.name.clone()) });
        }
    }
    parts.retain(|part| leads(definitions, part));
    parts
}

/// Whether the destination of a part is defined.
fn leads(definitions: &Definitions, part: &ReplayPart) -> bool {
    definitions.destinations.contains_key(&part.target.destination)
}

/// The lanes of all replays whose lanes lead somewhere.
pub fn replay_keys(definitions: &Definitions, replays: &[Replay]) -> Vec<LaneKey> {
    let leading = replays.iter().filter(|replay| replay.progress.state.has_lanes());
    let parts = leading.flat_map(|replay| replay_parts(definitions, &replay.spec));
    parts.map(|part| part.key).collect()
}

/// A replay that is running, ready to be fed.
struct Feed {
    replay: Replay,
    /// The lanes of the rules, and for each that of the replay.
    by_lane: BTreeMap<LaneId, LaneId>,
    /// The lane of all events, where the replay asks for no rule.
    all: Option<LaneId>,
    filter: Option<Matcher<()>>,
    limit: Option<Limit>,
}

/// All replays that are running.
#[derive(Default)]
pub struct Feeds(Vec<Feed>);

impl Feeds {
    /// Those of the store's replays that are running; `lanes` has the numbers of the rules' lanes and
    /// of the replays'.
    pub fn new(definitions: &Definitions, replays: &[Replay], lanes: &LaneNumbers) -> Self {
        let running = replays.iter().filter(|one| one.progress.state == ReplayState::Running);
        Self(running.map(|replay| Feed::new(definitions, replay, lanes)).collect())
    }
}

impl Feed {
    fn new(definitions: &Definitions, replay: &Replay, lanes: &LaneNumbers) -> Self {
        let spec = &replay.spec;
        let (mut by_lane, mut all) = (BTreeMap::new(), None);
        for part in replay_parts(definitions, spec) {
            let own = lanes.get(&part.key).copied();
            match (part.key, own) {
                (LaneKey::Replay { target: Some((rule, target)), .. }, Some(own)) => {
                    let live = LaneKey::Target { bus: spec.bus.clone(), rule, target };
                    by_lane.extend(lanes.get(&live).map(|live| (*live, own)));
                }
                (LaneKey::Replay { target: None, .. }, own) => all = own,
                _ => {}
            }
        }
        // It was judged when the replay was asked for.
        let pattern = spec.pattern.as_deref().and_then(|text| Pattern::parse(text).ok());
        let filter = pattern.map(|pattern| {
            let mut matcher = Matcher::new();
            matcher.add((), &pattern);
            matcher
        });
        let limit = spec.rate.map(|rate| Limit::new(rate, rate.count().div_ceil(10)));
        Self { replay: replay.clone(), by_lane, all, filter, limit }
    }

    fn lanes(&self) -> impl Iterator<Item = LaneId> + '_ {
        self.by_lane.values().copied().chain(self.all)
    }

    /// The lanes of the replay that an event goes to.
    fn matched(&self, event: &Event, rules: &Rules, scratch: &mut Scratch) -> Vec<LaneId> {
        let envelope = event.envelope();
        if let Some(filter) = &self.filter
            && filter.matches(&pattern::Event::of_valid(&envelope), scratch).is_empty()
        {
            return Vec::new();
        }
        if let Some(all) = self.all {
            return vec![all];
        }
        let lanes = rules.lanes_of(&self.replay.spec.bus, &envelope, scratch);
        lanes.iter().filter_map(|lane| self.by_lane.get(lane).copied()).collect()
    }
}

/// How far a replay has come.
#[derive(Debug, Clone, Default)]
struct Come {
    looked_until: u64,
    looked_at: u64,
    found: u64,
    noted_at: Timestamp,
    noted_until: u64,
}

/// Feeds replays until stopped.
pub struct Feeder {
    rules: Arc<ArcSwap<Rules>>,
    world: World,
    come: HashMap<Name, (Timestamp, Come)>,
    /// What is left of the rates; outlives a change of definitions.
    buckets: HashMap<Name, Bucket>,
    scratch: Scratch,
}

/// What a step came to.
enum Step {
    /// There may be more to do at once.
    On,
    /// Not before a while.
    Wait,
    /// Everything is delivered or given up.
    Over,
}

impl Feeder {
    /// Over rules that somebody else swaps.
    pub fn new(rules: Arc<ArcSwap<Rules>>, world: World) -> Self {
        let (come, buckets) = (HashMap::new(), HashMap::new());
        Self { rules, world, come, buckets, scratch: Scratch::default() }
    }

    /// Feeds what is running until stopped.
    pub async fn run(mut self, mut feeds: watch::Receiver<Arc<Feeds>>, stop: CancellationToken) {
        loop {
            let present = Arc::clone(&feeds.borrow_and_update());
            let of = |feed: &Feed| (feed.replay.spec.name.clone(), feed.replay.spec.created_at);
            let running: Vec<_> = present.0.iter().map(of).collect();
            // A name may have been given to another replay since.
            self.come.retain(|name, (created_at, _)| {
                running.iter().any(|(one, at)| one == name && at == created_at)
            });
            self.buckets.retain(|name, _| running.iter().any(|(one, _)| one == name));
            let wait = self.all(&present).await;
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                changed = feeds.changed() => if changed.is_err() { break },
                () = tokio::time::sleep(wait) => {}
            }
        }
        let present = Arc::clone(&feeds.borrow());
        for feed in &present.0 {
            let name = &feed.replay.spec.name;
            if let Some((_, come)) = self.come.get(name).cloned()
                && let Err(error) = self.note(name, come).await
            {
                tracing::warn!(%error, replay = %name, "how far it came was not noted");
            }
        }
    }

    /// One step of each; says how long to wait for the next.
    async fn all(&mut self, feeds: &Feeds) -> Duration {
        let mut wait = if feeds.0.is_empty() { STORE_PAUSE * 60 } else { PAUSE };
        for feed in &feeds.0 {
            let name = &feed.replay.spec.name;
            match self.step(feed).await {
                Ok(Step::On) => wait = Duration::ZERO,
                Ok(Step::Wait | Step::Over) => {}
                Err(error) => {
                    tracing::error!(%error, replay = %name, "the replay cannot go on; trying again");
                    wait = wait.max(STORE_PAUSE);
                }
            }
        }
        wait
    }

    async fn step(&mut self, feed: &Feed) -> Result<Step, StoreError> {
        let spec = &feed.replay.spec;
        if feed.lanes().next().is_none() {
            let why = "no rule, target or destination that it asks for is defined any more";
            self.turn(feed, ReplayState::Failed, why).await?;
            return Ok(Step::Over);
        }
        let mut come = match self.come.get(&spec.name) {
            Some((_, come)) => come.clone(),
            None => come_so_far(&*self.world.store, feed).await?,
        };
        let waiting = waiting(&*self.world.store, feed).await?;
        if waiting >= AHEAD_MAX {
            return Ok(Step::Wait);
        }
        let range = EventRange {
            bus: spec.bus.to_string(),
            from: spec.from,
            until: spec.until,
            after: Some(come.looked_until).filter(|until| *until > 0),
        };
        // No more than the rate lets through soon: what is left of a page is read again.
        let most = feed.limit.map_or(PAGE, |limit| PAGE.min(2 * limit.burst() as usize));
        let page = self.world.store.read_events(range, most).await?;
        let (taken, whole) = self.take(feed, page.events, &mut come);
        let looked_until = if whole { page.looked_until } else { come.looked_until };
        let put: u64 = taken.values().map(|places| places.len() as u64).sum();
        let now = self.world.clock.now();
        self.world.store.extend_lanes(taken.into_iter().collect(), now).await?;
        let moved = looked_until > come.looked_until || put > 0;
        come.looked_until = looked_until.max(come.looked_until);
        come.found += put;
        self.come.insert(spec.name.clone(), (spec.created_at, come.clone()));
        // An event that was stamped before the end may be committed a little after it.
        let is_past = now.since_ms(spec.until) >= LATE_MS;
        let at_end = whole && page.at_end && is_past;
        let is_due = now.since_ms(come.noted_at) >= NOTE_EVERY_MS;
        if come.noted_until < come.looked_until && (at_end || is_due) {
            self.note(&spec.name, come).await?;
        }
        if at_end && waiting == 0 && put == 0 {
            self.turn(feed, ReplayState::Completed, "").await?;
            return Ok(Step::Over);
        }
        Ok(if moved && !at_end { Step::On } else { Step::Wait })
    }

    /// Finds where events of a page go, as far as the rate permits; says whether it was the whole page.
    fn take(
        &mut self,
        feed: &Feed,
        events: Vec<Event>,
        come: &mut Come,
    ) -> (BTreeMap<LaneId, Vec<u64>>, bool) {
        let rules = self.rules.load_full();
        let bucket = self.buckets.entry(feed.replay.spec.name.clone()).or_default();
        let mut taken: BTreeMap<LaneId, Vec<u64>> = BTreeMap::new();
        for event in events {
            let lanes = feed.matched(&event, &rules, &mut self.scratch);
            if let (Some(limit), false) = (feed.limit, lanes.is_empty())
                && bucket.take(limit, self.world.clock.ticks_ns()).is_err()
            {
                return (taken, false);
            }
            for lane in lanes {
                taken.entry(lane).or_default().push(event.id.seq);
            }
            come.looked_at += 1;
            come.looked_until = event.id.seq;
        }
        (taken, true)
    }

    async fn note(&mut self, name: &Name, come: Come) -> Result<(), StoreError> {
        let Come { looked_until, looked_at, found, .. } = come;
        self.world.store.note_replay(name.clone(), looked_until, looked_at, found).await?;
        if let Some((_, come)) = self.come.get_mut(name) {
            (come.noted_at, come.noted_until) = (self.world.clock.now(), looked_until);
        }
        Ok(())
    }

    async fn turn(&mut self, feed: &Feed, state: ReplayState, why: &str) -> Result<(), StoreError> {
        let name = &feed.replay.spec.name;
        if let Some((_, come)) = self.come.get(name).cloned() {
            self.note(name, come).await?;
        }
        let at = self.world.clock.now();
        let audit = AuditEntry {
            at,
            who: "system".to_owned(),
            what: format!("replay {}", state.as_str()),
            subject: format!("replay/{name}"),
            detail: why.to_owned(),
        };
        let turn = Turn { state, at, reason: why.to_owned() };
        let before = vec![ReplayState::Running];
        let turned = self.world.store.turn_replay(name.clone(), before, turn, audit).await?;
        if turned {
            tracing::info!(replay = %name, state = state.as_str(), why, "a replay is over");
        }
        Ok(())
    }
}

/// How far a replay came before the program began: its lanes know it to the event.
async fn come_so_far(store: &dyn Store, feed: &Feed) -> Result<Come, StoreError> {
    let noted = &feed.replay.progress;
    let (mut found, mut last) = (0, 0);
    for lane in feed.lanes() {
        let end = store.lane_end(lane).await?;
        found += end.entries;
        last = last.max(end.last.unwrap_or(0));
    }
    Ok(Come {
        looked_until: noted.looked_until.max(last),
        looked_at: noted.looked_at,
        found: noted.found.max(found),
        noted_at: Timestamp::default(),
        noted_until: noted.looked_until,
    })
}

async fn waiting(store: &dyn Store, feed: &Feed) -> Result<u64, StoreError> {
    let mut waiting = 0;
    for lane in feed.lanes() {
        waiting += store.backlog(lane).await?;
    }
    Ok(waiting)
}
