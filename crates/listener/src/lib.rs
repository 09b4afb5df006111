//! What every HTTP door shares: accepting connections, the form of problems, request ids and
//! traces, and an orderly end.

mod accept;
mod body;
mod cores;
mod problem;
mod router;
mod trace;

pub use accept::{Door, Handler, Limits, bind, serve};
pub use body::{Body, BoxError, empty, full};
pub use cores::serve_on_cores;
pub use problem::{Problem, panicked};
pub use router::RouterHandler;
pub use trace::TraceParent;
