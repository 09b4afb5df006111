//! Which lanes an operator speaks of: by destination, by rule, or all that are in use.

use std::collections::BTreeMap;

use bus::{lane_keys, replay_keys, replay_parts};
use model::{LaneKey, Name};
use store::LaneId;

use crate::World;
use crate::problem::Problem;

/// Where a lane leads, and the rule it is for.
pub(crate) struct Leads {
    pub(crate) destination: Name,
    /// `bus/rule`.
    pub(crate) rule: Option<String>,
}

/// The lanes of the definitions and of replays, and where they lead.
pub(crate) async fn in_use(world: &World) -> Result<BTreeMap<LaneKey, Leads>, Problem> {
    let definitions = world.definitions.load_full();
    let mut lanes = BTreeMap::new();
    for rule in definitions.rules.values() {
        for target in &rule.targets {
            let (bus, rule) = (rule.bus.clone(), rule.name.clone());
            let named = Some(format!("{bus}/{rule}"));
            let key = LaneKey::Target { bus, rule, target: target.id.clone() };
            let destination = target.destination.clone();
            lanes.insert(key, Leads { destination, rule: named });
        }
    }
    for schedule in definitions.schedules.values() {
        let key = LaneKey::Schedule(schedule.name.clone());
        let destination = schedule.destination.clone();
        lanes.insert(key, Leads { destination, rule: None });
    }
    let replays = world.store.replays().await?;
    for replay in replays.iter().filter(|replay| replay.progress.state.has_lanes()) {
        for part in replay_parts(&definitions, &replay.spec) {
            let rule = part.rule.map(|rule| format!("{}/{rule}", replay.spec.bus));
            lanes.insert(part.key, Leads { destination: part.target.destination, rule });
        }
    }
    Ok(lanes)
}

/// The numbers of all lanes in use.
pub(crate) async fn numbers_in_use(world: &World) -> Result<Vec<LaneId>, Problem> {
    let definitions = world.definitions.load_full();
    let mut keys = lane_keys(&definitions);
    keys.extend(replay_keys(&definitions, &world.store.replays().await?));
    Ok(world.store.lanes(keys).await?)
}

/// Which lanes are meant; nothing given means all.
pub(crate) struct Which<'a> {
    pub(crate) lane: Option<&'a str>,
    pub(crate) rule: Option<&'a str>,
    pub(crate) destination: Option<&'a str>,
}

impl Which<'_> {
    /// Their numbers; none where all are meant.
    pub(crate) async fn numbers(&self, world: &World) -> Result<Option<Vec<LaneId>>, Problem> {
        if let Some(text) = self.lane {
            let key = LaneKey::parse(text).ok_or_else(|| {
                Problem::Malformed(format!(
                    "`lane` is `{text}`; write bus/rule/target, as listings show it"
                ))
            })?;
            // Also one that no rule reads any more: its history is kept.
            let all = world.store.all_lanes().await?;
            let found = all.into_iter().find(|(one, _)| *one == key);
            let missing = || Problem::Missing { kind: "lane", name: text.to_owned() };
            return Ok(Some(vec![found.ok_or_else(missing)?.1]));
        }
        if self.rule.is_none() && self.destination.is_none() {
            return Ok(None);
        }
        self.are_defined(world)?;
        let keys: Vec<LaneKey> = in_use(world)
            .await?
            .into_iter()
            .filter(|(_, leads)| {
                self.destination.is_none_or(|name| leads.destination.as_str() == name)
                    && self.rule.is_none_or(|rule| leads.rule.as_deref() == Some(rule))
            })
            .map(|(key, _)| key)
            .collect();
        Ok(Some(world.store.lanes(keys).await?))
    }

    /// A name that nothing has is a mistake, not an empty listing.
    fn are_defined(&self, world: &World) -> Result<(), Problem> {
        let definitions = world.definitions.load();
        if let Some(name) = self.destination
            && !definitions.destinations.contains_key(name)
        {
            return Err(Problem::Missing { kind: "destination", name: name.to_owned() });
        }
        if let Some(rule) = self.rule
            && !definitions.rules.keys().any(|(bus, name)| format!("{bus}/{name}") == rule)
        {
            let named = if rule.contains('/') { "" } else { " (write BUS/RULE)" };
            return Err(Problem::Missing { kind: "rule", name: format!("{rule}{named}") });
        }
        Ok(())
    }
}
