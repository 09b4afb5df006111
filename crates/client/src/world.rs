//! What a client needs of its surroundings: time, randomness, somewhere to run.

use std::fmt;
use std::sync::Arc;

use crate::BoxFuture;

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970, UTC.
    fn now_ms(&self) -> i64;
}

/// Where randomness comes from; fit for names that are used once.
pub trait Random: Send + Sync {
    /// Fills the slice with random bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// Where a request for a token runs, whoever waits for it: a caller may give up, and the token is
/// there for the next one.
pub trait Spawn: Send + Sync {
    /// Runs the task to its end beside everything else.
    fn spawn(&self, task: BoxFuture<'static, ()>);
}

/// Everything a client is handed.
#[derive(Clone)]
pub struct World {
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub random: Arc<dyn Random>,
    /// Where requests run.
    pub spawn: Arc<dyn Spawn>,
}

impl World {
    /// The machine's clock and randomness, and the tokio runtime that callers are on.
    #[cfg(all(feature = "system", feature = "tokio"))]
    pub fn system() -> Self {
        Self {
            clock: Arc::new(crate::SystemClock),
            random: Arc::new(crate::SystemRandom),
            spawn: Arc::new(OnTokio),
        }
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("World")
    }
}

/// On the tokio runtime that the caller is on. Who ends a program orderly spawns on a tracker of
/// its own instead.
#[cfg(feature = "tokio")]
#[derive(Debug, Clone, Copy, Default)]
pub struct OnTokio;

#[cfg(feature = "tokio")]
impl Spawn for OnTokio {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        drop(tokio::runtime::Handle::current().spawn(task));
    }
}
