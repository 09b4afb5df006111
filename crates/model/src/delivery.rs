//! Deliveries: lanes, attempts, dead letters.

use std::fmt;
use std::net::SocketAddr;

use crate::{EventId, Name, Timestamp};

/// How much of a receiver's answer is kept with an attempt.
pub const RESPONSE_BYTES_KEPT: usize = 1024;

/// What a lane is for: one target of one rule, one schedule, or one part of a replay. Its text is its identity in the
/// store, so that a lane keeps its position when the definitions are read again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LaneKey {
    /// A rule's target.
    Target {
        /// The bus.
        bus: Name,
        /// The rule.
        rule: Name,
        /// The target.
        target: Name,
    },
    /// A schedule.
    Schedule(Name),
    /// Events that are sent once more.
    Replay {
        /// The replay.
        replay: Name,
        /// The rule and its target they are sent for; none where the replay has a destination of
        /// its own.
        target: Option<(Name, Name)>,
    },
}

impl LaneKey {
    /// Reads what [`fmt::Display`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let name = |text| Name::new(text).ok();
        if let Some(schedule) = text.strip_prefix("schedule:") {
            return name(schedule).map(Self::Schedule);
        }
        if let Some(replay) = text.strip_prefix("replay:") {
            let mut parts = replay.split('/').map(name);
            let replay = parts.next()??;
            let target = match (parts.next(), parts.next(), parts.next()) {
                (None, None, None) => None,
                (Some(rule), Some(target), None) => Some((rule?, target?)),
                _ => return None,
            };
            return Some(Self::Replay { replay, target });
        }
        let mut parts = text.split('/');
        let (bus, rule, target) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        Some(Self::Target { bus: name(bus)?, rule: name(rule)?, target: name(target)? })
    }
}

impl fmt::Display for LaneKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target { bus, rule, target } => write!(f, "{bus}/{rule}/{target}"),
            Self::Schedule(name) => write!(f, "schedule:{name}"),
            Self::Replay { replay, target: None } => write!(f, "replay:{replay}"),
            Self::Replay { replay, target: Some((rule, target)) } => {
                write!(f, "replay:{replay}/{rule}/{target}")
            }
        }
    }
}

/// One event on its way along one lane: `dlv_<lane>_<event>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId {
    /// The lane's number in this store.
    pub lane: u32,
    /// The event.
    pub event: EventId,
}

impl DeliveryId {
    /// Reads what [`fmt::Display`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let (lane, uuid) = text.strip_prefix("dlv_")?.split_once('_')?;
        let event = EventId::parse(&format!("evt_{uuid}"))?;
        Some(Self { lane: lane.parse().ok()?, event })
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let event = self.event.to_string();
        write!(f, "dlv_{}_{}", self.lane, event.trim_start_matches("evt_"))
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver took it.
    Delivered,
    /// It will be tried again.
    Retry,
    /// It lies in the dead letters.
    Dead,
}

impl Outcome {
    /// For people and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retry => "retry",
            Self::Dead => "dead",
        }
    }
}

/// One call to a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Which attempt of the delivery, from 1.
    pub number: u32,
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u32,
    /// The receiver's status, when there was one.
    pub status: Option<u16>,
    /// What went wrong, when there was no status or a bad one.
    pub error: Option<String>,
    /// The address it was sent to; none when there was no connection.
    pub address: Option<SocketAddr>,
    /// The beginning of the receiver's answer.
    pub response: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
}

/// Why a delivery was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadReason {
    /// EventBridge's error code, or the status as `HTTP_404`.
    pub code: String,
    /// In words.
    pub message: String,
    /// `MaximumRetryAttempts` or `MaximumEventAgeInSeconds`, only when retries ran out.
    pub exhausted: Option<String>,
}

/// A delivery that was given up, kept until somebody redrives or purges it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The delivery.
    pub id: DeliveryId,
    /// Its lane.
    pub lane: LaneKey,
    /// The queue it is listed under.
    pub queue: Name,
    /// When it was given up.
    pub at: Timestamp,
    /// How many attempts were made.
    pub attempts: u32,
    /// Why.
    pub reason: DeadReason,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_ids_read_back() {
        let name = |text| Name::new(text).unwrap();
        let target = LaneKey::Target { bus: name("orders"), rule: name("r"), target: name("t") };
        let replay = |target| LaneKey::Replay { replay: name("again"), target };
        let part = replay(Some((name("r"), name("t"))));
        for key in [target, LaneKey::Schedule(name("complete-orders")), replay(None), part] {
            assert_eq!(LaneKey::parse(&key.to_string()), Some(key));
        }
        for text in
            ["", "a/b", "a/b/c/d", "schedule:", "a//c", "replay:", "replay:a/b", "replay:a/b/c/d"]
        {
            assert_eq!(LaneKey::parse(text), None, "{text}");
        }
        let event = EventId { accepted_at: Timestamp::from_ms(1_700_000_000_000), seq: 3 };
        let id = DeliveryId { lane: 7, event };
        assert_eq!(DeliveryId::parse(&id.to_string()), Some(id));
        assert_eq!(DeliveryId::parse("dlv_7"), None);
    }
}
