//! What the product asks of storage: the port that every adapter implements.
//!
//! Calls are batch-shaped and there is no SQL in them. A call that has answered is durable: it
//! survives the end of the process and of the machine. The store is where the services meet: the
//! gateway finds its keys here and the courier its events, and neither knows the other.
//!
//! **To add a call:** put it into the trait whose noun it belongs to, say what is durable when it
//! returns, add its claim to [`conformance`], then implement it in each adapter's file of the same
//! name.

pub mod answers;
pub mod conformance;
pub mod definitions;
pub mod deliveries;
pub mod denied;
pub mod deny_list;
pub mod keys;
mod leased;
pub mod log;
pub mod replays;
pub mod states;
pub mod token_audit;
pub mod usage;
mod uses;

use std::future::Future;
use std::pin::Pin;

pub use answers::{
    ANSWERS_KEPT_MS, AnswerBounds, AnswerContent, AnswerKey, Beginning, Begun, KeptAnswer,
    KeptAnswers,
};
pub use definitions::{AuditEntry, Catalog, Change, Document};
pub use deliveries::{
    AttemptFilter, AttemptPage, AttemptPlace, AttemptRow, DeadFilter, Deliveries, DueDelivery,
    DuePlace, LaneState, Settlement, Then,
};
pub use denied::{Denied, DeniedTokens, DenyBounds, DenyEntry, TOKEN_LIFE_MAX_MS};
pub use deny_list::{DENY_BOUNDS, DenyList, Presented};
pub use keys::{
    FORMER_USES_KEPT_MS, FORMER_USES_MAX, Keys, Placing, SigningKeyChange, SigningKeyTurn,
    forgotten,
};
pub use leased::{Debited, Errand, Leased, NotDebited};
pub use log::{
    Appended, Dropped, Entry, EventLog, EventPage, EventRange, Keep, LaneEnd, LaneEntry, LaneId,
    LanePage, LaneWaker, Once, Position,
};
pub use replays::{Replay, ReplayProgress, ReplaySpec, ReplayState, Replays, Turn};
pub use states::{
    DestinationNote, DestinationState, PausedRule, States, Switch, SwitchState, Trouble,
};
pub use token_audit::{
    TokenAct, TokenAudit, TokenEntry, TokenOutcome, TokenQuery, TokenRow, kept_subject,
};
pub use usage::{Lease, Usage, UsageOnly, UsageQuery, UsageRow};
pub use uses::{UseBook, UseMark};

/// Everything together; what the program hands to the services.
pub trait Store:
    Catalog
    + Keys
    + EventLog
    + Deliveries
    + Usage
    + States
    + Replays
    + KeptAnswers
    + DeniedTokens
    + TokenAudit
{
}

impl<T> Store for T where
    T: Catalog
        + Keys
        + EventLog
        + Deliveries
        + Usage
        + States
        + Replays
        + KeptAnswers
        + DeniedTokens
        + TokenAudit
{
}

/// What every call gives: an answer later.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Why the store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Somebody else changed the definitions in between; read them again.
    #[error("the definitions were changed by somebody else in between")]
    Conflict,
    /// The store cannot be reached or the disk refuses; nothing of the call was kept.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// What is on disk does not have the form this version writes.
    #[error("the store holds something this version cannot read: {0}")]
    Unreadable(String),
    /// The program is shutting down.
    #[error("the store is closed")]
    Closed,
}
