//! Whole-program journeys: real processes, real sockets, real files.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "tests end where something is not as it should be, and print what was"
)]

mod authority;
mod claims;
mod client;
mod commands;
mod conformance;
mod connections;
mod crash;
mod damping;
mod deliveries;
mod disk;
mod doors;
mod dpop;
mod dpop_negative;
mod duplicates;
mod fapi_certificates;
mod fapi_client_credentials;
mod federation;
mod functions;
mod hostile;
mod idempotency;
mod issuers;
mod library;
mod mixed;
mod ordeal;
mod patterns;
mod plans;
mod program;
mod proof_algorithms;
mod proofs;
mod protocols;
mod proxied;
mod proxy;
mod recalled;
mod refusals;
mod renewals;
mod replays;
mod restarts;
mod revocation;
mod rings;
mod room;
mod rules;
mod sidechannel;
mod signing;
mod states;
mod telemetry;
mod token_audit;
mod token_limits;
mod tokens;
mod trade;
mod upstreams;
mod usage;
mod validation;
