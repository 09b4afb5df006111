//! What waits on lanes, and for how long.

use model::LaneKey;
use serde_json::{Value, json};

use crate::problem::Problem;
use crate::{World, wire};

/// What waits on lanes, one by one, and on all of them.
pub(crate) async fn on(world: &World, keys: Vec<LaneKey>) -> Result<(Vec<Value>, Value), Problem> {
    let (mut of_lanes, mut all, mut oldest) = (Vec::new(), 0, None);
    let numbers = world.store.lanes(keys.clone()).await?;
    for (key, number) in keys.iter().zip(numbers) {
        let waiting = world.store.backlog(number).await?;
        of_lanes.push(json!({ "lane": key.to_string(), "waiting": waiting }));
        all += waiting;
        oldest = world.store.oldest(number).await?.into_iter().chain(oldest).min();
    }
    let age_s = oldest.map(|oldest| world.clock.now().since_ms(oldest).max(0) / 1000);
    let sum = json!({ "waiting": all, "oldest_at": wire::time(oldest), "oldest_age_s": age_s });
    Ok((of_lanes, sum))
}
