//! Which lanes lead to which destination.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{Connection, Definitions, Destination, LaneKey, Name, Target};
use retry::Policy;
use store::{LaneId, Switch};
use transform::{Filled, Input, JsonPath};

/// The queue of schedules whose firing was given up.
const SCHEDULE_QUEUE: &str = "schedules";

/// All destinations with something to deliver.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// By name.
    pub destinations: BTreeMap<Name, Arc<DestinationPlan>>,
}

/// One destination with its connection and its lanes.
#[derive(Debug, Clone, PartialEq)]
pub struct DestinationPlan {
    /// Where.
    pub destination: Destination,
    /// As whom.
    pub connection: Option<Connection>,
    /// What.
    pub lanes: Vec<LanePlan>,
    /// Its last switching off or on. Any switching makes another plan, and so another worker: one
    /// that was enabled begins without breaker and pause.
    pub switch: Option<Switch>,
}

impl LanePlan {
    /// Whether a part of the request other than its body is read from the event.
    pub(crate) fn reads_event(&self) -> bool {
        !(self.path.is_empty() && self.headers.is_empty() && self.query.is_empty())
    }
}

/// What holds deliveries back although they are defined.
#[derive(Debug, Clone, Default)]
pub struct Holds {
    /// The last switching of destinations that were switched.
    pub switches: BTreeMap<Name, Switch>,
    /// Rules that are paused, by bus and name.
    pub paused: BTreeSet<(Name, Name)>,
}

/// One lane: what of an event is sent, how long it is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LanePlan {
    /// Its number in the store.
    pub id: LaneId,
    /// What it is for.
    pub key: LaneKey,
    /// The rule's name, or the schedule's.
    pub rule: Name,
    /// What fills the URL.
    pub path: Vec<JsonPath>,
    /// Headers in place of the destination's.
    pub headers: Vec<(String, Filled)>,
    /// Query parameters in place of the destination's.
    pub query: Vec<(String, Filled)>,
    /// What is sent.
    pub body: Input,
    /// How long and how often it is tried.
    pub retry: Policy,
    /// The queue of its dead letters.
    pub dead_letters: Name,
    /// Whether it stands still: its rule is paused.
    pub paused: bool,
    /// The replay that it is a part of.
    pub replay: Option<Name>,
}

/// A lane of a replay.
#[derive(Debug, Clone)]
pub struct ReplayLane {
    /// Its number in the store.
    pub id: LaneId,
    /// What it is for.
    pub key: LaneKey,
    /// The replay.
    pub replay: Name,
    /// Where it leads, what is sent and how long it is tried.
    pub target: Target,
    /// Whether it stands still.
    pub paused: bool,
}

impl Plan {
    /// The plan of the definitions and of the replays that are not over; `number` gives the lanes of
    /// the definitions their numbers. A replay whose destination is not defined waits.
    pub fn new(
        definitions: &Definitions,
        holds: &Holds,
        replays: &[ReplayLane],
        number: impl Fn(&LaneKey) -> Option<LaneId>,
    ) -> Self {
        let mut lanes: BTreeMap<Name, Vec<LanePlan>> = BTreeMap::new();
        for (name, rule) in &definitions.rules {
            for target in &rule.targets {
                let key = LaneKey::Target {
                    bus: rule.bus.clone(),
                    rule: rule.name.clone(),
                    target: target.id.clone(),
                };
                if let Some(id) = number(&key) {
                    let paused = holds.paused.contains(name);
                    let lane = LanePlan { paused, ..of_target(id, key, &rule.name, target) };
                    lanes.entry(target.destination.clone()).or_default().push(lane);
                }
            }
        }
        for schedule in definitions.schedules.values() {
            let key = LaneKey::Schedule(schedule.name.clone());
            if let Some(id) = number(&key) {
                let lane = of_schedule(id, key, &schedule.name);
                lanes.entry(schedule.destination.clone()).or_default().push(lane);
            }
        }
        for lane in replays {
            lanes.entry(lane.target.destination.clone()).or_default().push(of_replay(lane));
        }
        let plan = |(name, lanes): (Name, Vec<LanePlan>)| {
            let destination = definitions.destinations.get(&name)?.clone();
            let connection = destination.connection.as_ref();
            let connection = connection.and_then(|name| definitions.connections.get(name)).cloned();
            let switch = holds.switches.get(&name).cloned();
            Some((name, Arc::new(DestinationPlan { destination, connection, lanes, switch })))
        };
        Self { destinations: lanes.into_iter().filter_map(plan).collect() }
    }
}

fn of_target(id: LaneId, key: LaneKey, rule: &Name, target: &Target) -> LanePlan {
    LanePlan {
        id,
        key,
        rule: rule.clone(),
        path: target.path.clone(),
        headers: target.headers.clone(),
        query: target.query.clone(),
        body: target.body.clone(),
        retry: target.retry.clone(),
        dead_letters: target.dead_letters.clone(),
        paused: false,
        replay: None,
    }
}

fn of_replay(lane: &ReplayLane) -> LanePlan {
    let rule = match &lane.key {
        LaneKey::Replay { target: Some((rule, _)), .. } => rule,
        _ => &lane.replay,
    };
    let replay = Some(lane.replay.clone());
    let paused = lane.paused;
    LanePlan { paused, replay, ..of_target(lane.id, lane.key.clone(), rule, &lane.target) }
}

fn of_schedule(id: LaneId, key: LaneKey, name: &Name) -> LanePlan {
    LanePlan {
        id,
        key,
        rule: name.clone(),
        path: Vec::new(),
        headers: Vec::new(),
        query: Vec::new(),
        body: Input::Whole,
        retry: Policy::default(),
        dead_letters: Name::new(SCHEDULE_QUEUE).expect("a plain word is a name"),
        paused: false,
        replay: None,
    }
}
