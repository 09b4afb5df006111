//! The nouns of Gatepost: what a company defines, what a partner holds, what happens.
//!
//! Values are checked when they are made; who holds one may trust it. Nothing here serializes:
//! each edge (file, wire, storage) has its own form. References between nouns are names; whoever
//! builds [`Definitions`] checks that they lead somewhere.

mod api;
mod authentication;
mod credentials;
mod definitions;
mod delivery;
mod destination;
mod entry_id;
mod event;
mod federation;
mod id;
mod idempotency;
mod issuer;
mod name;
mod partner;
mod plan;
mod profile;
mod rule;
mod secret;
mod time;
mod tokens;
mod upstream;
mod usage;

pub use api::{
    Api, ErrorStyle, IdempotencyRule, KeyRule, Method, PathTemplate, Route, Segment, TokenRule,
};
pub use authentication::{AssertionRule, Authentication, ClientCredential, ClientKeys};
pub use credentials::{
    CredentialKind, CredentialUse, KeptSecret, KeyCredential, LIVE_CREDENTIALS_MAX, Revision,
    SecretCredential, SigningKeyRecord,
};
pub use definitions::Definitions;
pub use delivery::{
    Attempt, DeadLetter, DeadReason, DeliveryId, LaneKey, Outcome, RESPONSE_BYTES_KEPT,
};
pub use destination::{
    Auth, ClientAuth, ClientCertificate, ClientProof, Connection, ConnectionTls, Destination,
    OAuthClient, Order, Parameter, PrivateKeyProof, Schedule, Signing, SigningSecret,
};
pub use entry_id::{ENTRY_ID_MAX, EntryId};
pub use event::{
    ENTRIES_BYTES_MAX, ENTRIES_MAX, EntryError, Event, EventDraft, EventFields, SYSTEM_BUS,
};
pub use federation::{Federation, SubjectRule, SubjectRuleError};
pub use id::{EventId, request_id, token_id, token_issued_at};
pub use idempotency::idempotency_key;
pub use issuer::{Callers, Issuer};
pub use name::{Name, NameError};
pub use partner::{ApiKey, BoundTokens, Client, DpopRule, Partner, Status};
pub use plan::{RouteLimit, UsagePlan};
pub use profile::Profile;
pub use rule::{Bus, Rule, Target};
pub use secret::{Secret, SecretError, SecretReader, SecretSource};
pub use time::{Clock, Random, Timestamp};
pub use tokens::{
    ApiTokens, CLAIM_CHARS_MAX, Claim, ClaimValue, ClientTokens, PartnerAttribute, TokenQuota,
    TokenSettings,
};
pub use upstream::{Canary, Cors, Function, HeaderRules, Health, Service, Upstream};
pub use usage::{
    AnsweredBy, Grain, LATENCY_BOUNDS_US, LATENCY_BUCKETS, Latency, UsageBy, UsageCounts, UsageKey,
    UsageSample,
};

pub use ipnet::IpNet;
