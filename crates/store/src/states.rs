//! What destinations and rules go through beside their definitions: switched off and on, in
//! trouble, paused.

use model::{Name, Timestamp};

use crate::{Answer, AuditEntry};

/// Whether deliveries go to a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwitchState {
    /// They go.
    Enabled,
    /// They wait in the log.
    Disabled,
}

impl SwitchState {
    /// For people, JSON and storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
        }
    }

    /// Reads what [`Self::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "enabled" => Some(Self::Enabled),
            "disabled" => Some(Self::Disabled),
            _ => None,
        }
    }
}

/// The last time a destination was switched off or on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// What it is since.
    pub state: SwitchState,
    /// Why, in words; empty for switching on.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// Nothing but failures at a destination, and how much was told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trouble {
    /// When the first failure after the last success was.
    pub since: Timestamp,
    /// How many notices were given.
    pub notices: u32,
}

/// What is known of a destination beside its definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationState {
    /// Its name.
    pub name: Name,
    /// The last switching; none means that it never was switched and is enabled.
    pub switch: Option<Switch>,
    /// Its trouble, if it is in any that was told.
    pub trouble: Option<Trouble>,
    /// When it took something last, to within a minute.
    pub last_success: Option<Timestamp>,
}

/// What a destination's worker has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationNote {
    /// The destination.
    pub name: Name,
    /// When the switching was that the worker knows of.
    pub switched_at: Option<Timestamp>,
    /// Its trouble.
    pub trouble: Option<Trouble>,
    /// When it took something last.
    pub last_success: Option<Timestamp>,
}

/// A rule whose lanes stand still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PausedRule {
    /// Its bus.
    pub bus: Name,
    /// Its name.
    pub rule: Name,
    /// Since when.
    pub since: Timestamp,
}

/// Reads and changes what destinations and rules go through.
pub trait States: Send + Sync {
    /// What is known of a destination.
    fn destination_state(&self, name: Name) -> Answer<'_, Option<DestinationState>>;

    /// What is known of all destinations, by name.
    fn destination_states(&self) -> Answer<'_, Vec<DestinationState>>;

    /// Switches a destination off or on; durable when it answers, and a new revision. Its trouble,
    /// if it is in any, is forgotten: what is switched on begins anew.
    fn switch_destination(&self, name: Name, switch: Switch, audit: AuditEntry) -> Answer<'_, ()>;

    /// Switches a destination off as [`Self::switch_destination`] does, unless it was switched since
    /// `known`: whoever did that knows better. False when nothing was done.
    fn disable_destination(
        &self,
        name: Name,
        known: Option<Timestamp>,
        off: Switch,
        audit: AuditEntry,
    ) -> Answer<'_, bool>;

    /// Keeps what a worker has seen. No new revision, and nothing at all when the destination was
    /// switched since: then what was seen belongs to the time before.
    fn note_destination(&self, note: DestinationNote) -> Answer<'_, ()>;

    /// All rules that are paused, by bus and name.
    fn paused_rules(&self) -> Answer<'_, Vec<PausedRule>>;

    /// Pauses a rule; durable when it answers, and a new revision. False when it was paused before,
    /// which then stands as it was.
    fn pause_rule(&self, rule: PausedRule, audit: AuditEntry) -> Answer<'_, bool>;

    /// Resumes a rule; durable when it answers, and a new revision. False when it was not paused.
    fn resume_rule(&self, bus: Name, rule: Name, audit: AuditEntry) -> Answer<'_, bool>;
}
