//! What every HTTP door shares: accepting connections, the form of problems, request ids and
//! traces, and an orderly end.

mod accept;
mod activity;
mod bell;
mod body;
mod certificate;
mod closing;
mod connection;
mod cores;
mod counts;
mod date;
mod incoming;
mod load;
mod one;
mod peer;
mod problem;
mod proxy_header;
mod room;
mod router;
mod spread;
mod timer;
mod tls;
mod trace;
mod transport;
mod upgrade;
mod wire;

pub use accept::{Door, Handler, Limits, Memory, bind, serve};
pub use body::{Body, BoxError, empty, full};
pub use certificate::ClientCertificate;
pub use closing::{Closing, GRACE};
pub use cores::serve_on_cores;
pub use counts::DoorCounts;
pub use incoming::{BodyError, Incoming};
pub use peer::{CallerScheme, Peer, TlsPeer, Told, Trusted};
pub use problem::{Problem, panicked};
pub use router::RouterHandler;
pub use timer::Timer;
pub use tls::{ClientCertificates, TlsDoor, TlsError, TlsMaterial};
pub use trace::TraceParent;
pub use upgrade::{OnUpgrade, Upgraded};
