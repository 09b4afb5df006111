//! Replays: stretches of a bus that are sent once more, and how far each has come.

use limit::Rate;
use model::{Name, Timestamp};

use crate::{Answer, AuditEntry};

/// How a replay stands (EventBridge, `DescribeReplay`; pausing is ours).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayState {
    /// Its events are put on its lanes.
    Running,
    /// It stands still.
    Paused,
    /// All its events are delivered or given up.
    Completed,
    /// It was ended before.
    Cancelled,
    /// It cannot go on.
    Failed,
}

impl ReplayState {
    /// All of them, for reading and for messages.
    pub const ALL: [Self; 5] =
        [Self::Running, Self::Paused, Self::Completed, Self::Cancelled, Self::Failed];

    /// For people, JSON and storage; EventBridge's words in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// Reads what [`Self::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether its lanes lead somewhere; dead letters of one that is completed can be redriven.
    pub fn has_lanes(self) -> bool {
        !matches!(self, Self::Cancelled | Self::Failed)
    }

    /// Whether nothing follows any more.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled | Self::Failed)
    }
}

/// What is sent once more, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplaySpec {
    /// Its name, unique among replays.
    pub name: Name,
    /// The bus.
    pub bus: Name,
    /// Events accepted at or after.
    pub from: Timestamp,
    /// Events accepted before.
    pub until: Timestamp,
    /// Only for these rules; none means all rules of the bus.
    pub rules: Vec<Name>,
    /// Only events that match this pattern too (JSON).
    pub pattern: Option<String>,
    /// Only for targets that lead to this destination.
    pub destination: Option<Name>,
    /// To this destination, in place of the rules' targets.
    pub to: Option<Name>,
    /// At most so fast.
    pub rate: Option<Rate>,
    /// When it was asked for.
    pub created_at: Timestamp,
}

/// How far a replay has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayProgress {
    /// How it stands.
    pub state: ReplayState,
    /// The place up to which the log was looked through.
    pub looked_until: u64,
    /// How many events were looked at.
    pub looked_at: u64,
    /// How many entries were put on its lanes.
    pub found: u64,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// Why it failed or stands still; empty where there is nothing to say.
    pub reason: String,
}

/// A replay and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// What is sent.
    pub spec: ReplaySpec,
    /// How far it has come.
    pub progress: ReplayProgress,
}

/// Reads and changes replays.
pub trait Replays: Send + Sync {
    /// All replays, the latest first.
    fn replays(&self) -> Answer<'_, Vec<Replay>>;

    /// Keeps a new replay, as running; durable when it answers, and a new revision. False when its
    /// name is taken, and nothing was kept.
    fn add_replay(&self, spec: ReplaySpec, audit: AuditEntry) -> Answer<'_, bool>;

    /// Makes a replay stand so; durable when it answers, and a new revision. False when it does not
    /// stand as one of `before`, and nothing was kept.
    fn turn_replay(
        &self,
        name: Name,
        before: Vec<ReplayState>,
        after: Turn,
        audit: AuditEntry,
    ) -> Answer<'_, bool>;

    /// Keeps how far a running replay has come. No new revision.
    fn note_replay(
        &self,
        name: Name,
        looked_until: u64,
        looked_at: u64,
        found: u64,
    ) -> Answer<'_, ()>;

    /// Forgets replays that were over before. Gives how many.
    fn forget_replays(&self, before: Timestamp) -> Answer<'_, usize>;
}

/// How a replay is to stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// So.
    pub state: ReplayState,
    /// Since.
    pub at: Timestamp,
    /// Why, in words; may be empty.
    pub reason: String,
}
