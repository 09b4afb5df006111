//! Calls against receivers that mean no good, and against real TLS servers.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests end where something is not as it should be, and their servers end with them"
)]

mod early;
mod hostile;
mod server;
mod tls;
