//! What calls out: the guard against private addresses, connections, and their pools.
//!
//! Used by the gateway (to the company's own services, unguarded), by the courier (to partners,
//! guarded), and by whoever needs the published keys of others. A name is resolved once, every address judged, and the connection made to a judged
//! address, so that a second answer of the name service cannot change the decision. Redirects are
//! never followed and answers never decompressed.

mod call;
mod dial;
mod guard;
pub mod keys;
mod multiplexed;
mod pool;
mod resolve;
mod send;
mod tls;
mod transport;
mod wire;

pub use call::{Answered, Arriving, CallError, NotAnswered, Switched};
pub use dial::{DialError, Origin};
pub use guard::{Guard, Refusal};
pub use multiplexed::{Multiplexed, Shared};
pub use pool::{Lent, Pool};
pub use resolve::{Resolver, SystemResolver};
pub use send::{Answer, Bounds, SendError, Unanswered, Wait, in_words, send_whole};
pub use tls::{Identity, Material, Tls, TlsError, TlsSource};
