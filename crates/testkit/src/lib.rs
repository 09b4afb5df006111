//! For tests: a receiver that answers as told and remembers what it got, one that misbehaves by a
//! seed, a store in memory, a way to hold others against it, and waiting for a condition with a
//! bound.

pub mod agreement;
mod chance;
mod clock;
pub mod lives;
mod memory;
mod receiver;
mod unreliable;

pub use chance::Chance;
pub use memory::{Droppable, MemStore, Standing};
pub use receiver::{Got, Receiver, Reply};
pub use unreliable::{Conduct, Manners, Noted, NotedKey, Unreliable, everyday_trouble};

use std::time::Duration;

/// How long a condition may take to come true.
const LONGEST: Duration = Duration::from_secs(20);

/// Waits until `condition` gives something; panics with `what` when it takes too long.
pub async fn until<T>(what: &str, condition: impl AsyncFnMut() -> Option<T>) -> T {
    until_within(LONGEST, what, condition).await
}

/// The same with a bound of the test's own, for what has much to do.
pub async fn until_within<T>(
    longest: Duration,
    what: &str,
    mut condition: impl AsyncFnMut() -> Option<T>,
) -> T {
    let wait = async {
        loop {
            if let Some(value) = condition().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(longest, wait).await.unwrap_or_else(|_| {
        #[expect(
            clippy::panic,
            reason = "a test's condition that does not come true ends the test"
        )]
        {
            panic!("waited in vain: {what}")
        }
    })
}
