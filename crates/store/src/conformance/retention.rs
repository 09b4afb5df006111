//! What holds of retention, told as claims: what must stay. How much an adapter lets go of what need
//! not stay is its own affair.

use std::collections::BTreeMap;

use model::{EventId, Outcome};

use super::{
    Bench, again, append, at, attempt, behind, dead, done, entry, entry_of, everything, ids,
    lane_key, lane_of, one_lane, settle, tried, waiting,
};
use crate::{AttemptFilter, Keep, LaneId, Store, Then};

/// How often a store may ask to be called again for a log this small.
const CALLS_MAX: usize = 1000;

/// Nothing that is settled need be kept.
fn nothing(in_use: &[LaneId]) -> Keep {
    Keep {
        now: at(1_000_000),
        buses: BTreeMap::new(),
        others: at(1_000_000),
        attempts: at(1_000_000),
        in_use: in_use.to_vec(),
    }
}

/// Drops until there is no more.
pub(super) async fn drop_all(store: &dyn Store, keep: &Keep) {
    for _ in 0..CALLS_MAX {
        if !store.drop_old(keep.clone()).await.expect("dropped").more {
            return;
        }
    }
    unreachable!("there is always more to drop");
}

async fn is_there(store: &dyn Store, event: EventId) -> bool {
    store.event(event).await.expect("an event").is_some()
}

/// Appends events that no lane needs, so that what came before is not what was written last.
async fn bury(store: &dyn Store) {
    for number in 0..20 {
        append(store, at(2), vec![entry_of("parcels", number, &[])]).await;
    }
}

/// Retention keeps what a lane in use has still to deliver, what waits for another attempt, and what
/// a dead letter points at; and what is younger than its bus keeps.
pub async fn retention_keeps_what_is_still_needed<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let (lane, first) = lane_of(&*store, 7).await;
    let settlements = vec![
        done(lane, first[0]),
        dead(lane, first[1], "dlq"),
        again(lane, first[2], 5000),
        done(lane, first[3]),
        // Beyond the cursor.
        done(lane, first[5]),
    ];
    store.settle(settlements, vec![(lane, first[4].0)]).await.expect("settled");
    bury(&*store).await;
    // The moment itself is kept, and buses may be kept longer than others.
    let mut keep = nothing(&[lane]);
    keep.buses.insert("orders".to_owned(), at(0));
    drop_all(&*store, &keep).await;
    for (_, id) in &first {
        assert!(is_there(&*store, *id).await);
    }
    drop_all(&*store, &nothing(&[lane])).await;
    let check = async |store: &dyn Store| {
        for index in [1, 2, 4, 6] {
            assert!(is_there(store, first[index].1).await, "{index}");
        }
        assert_eq!(waiting(store, lane).await, [first[4], first[6]]);
        let due = store.due(lane, None, 10).await.expect("due");
        assert_eq!((due.len(), due[0].event.id), (1, first[2].1));
        let letters = store.dead_letters(everything()).await.expect("dead letters");
        assert_eq!((letters.len(), letters[0].id.event), (1, first[1].1));
    };
    check(&*store).await;
    drop(store);
    let store = bench.open().await;
    check(&*store).await;
    // A lane that is no longer in use keeps nothing; a dead letter keeps its event all the same.
    drop_all(&*store, &nothing(&[])).await;
    assert!(is_there(&*store, first[1].1).await);
    assert_eq!(store.redrive(everything(), at(50)).await, Ok(1));
    // Now its lane needs it.
    drop_all(&*store, &nothing(&[lane])).await;
    assert_eq!(waiting(&*store, lane).await.last().map(|(_, id)| *id), Some(first[1].1));
}

/// What was put on a lane again is needed there, wherever its event stands in the log.
pub async fn what_is_settled_stays_settled_when_others_are_dropped<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let (lane, first) = lane_of(&*store, 4).await;
    let all = first.iter().map(|place| done(lane, *place)).collect();
    store.settle(all, vec![(lane, behind(first[3]))]).await.expect("settled");
    bury(&*store).await;
    store
        .extend_lanes(vec![(lane, vec![first[1].1.seq, first[2].1.seq])], at(3))
        .await
        .expect("extended");
    bury(&*store).await;
    let extended = waiting(&*store, lane).await;
    assert_eq!(ids(&extended), ids(&first[1..3]));
    settle(&*store, vec![done(lane, extended[0])]).await;
    let end = store.lane_end(lane).await.expect("an end");
    drop_all(&*store, &nothing(&[lane])).await;
    drop(store);
    let store = bench.open().await;
    assert_eq!(waiting(&*store, lane).await, extended[1..]);
    assert_eq!(store.lane_end(lane).await, Ok(end));
    settle(&*store, vec![done(lane, extended[1])]).await;
    drop_all(&*store, &nothing(&[lane])).await;
    drop(store);
    let store = bench.open().await;
    assert_eq!(waiting(&*store, lane).await, []);
    assert_eq!(store.lane_end(lane).await, Ok(end));
}

/// The attempts of an event that is kept are kept as long as attempts are, whatever happens to what
/// lies around it.
pub async fn attempts_of_what_is_kept_are_kept<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let (lane, first) = lane_of(&*store, 2).await;
    bury(&*store).await;
    settle(&*store, vec![dead(lane, first[0], "dlq"), done(lane, first[1])]).await;
    assert_eq!(store.redrive(everything(), at(20)).await, Ok(1));
    bury(&*store).await;
    let waits = waiting(&*store, lane).await[0];
    let then = Then::Retry { due: at(5000), tries: 1, since: at(20) };
    let second = tried(lane, waits, attempt(2, Outcome::Retry), then);
    store.settle(vec![second], vec![(lane, behind(waits))]).await.expect("settled");
    bury(&*store).await;
    drop_all(&*store, &Keep { attempts: at(2), ..nothing(&[lane]) }).await;
    drop(store);
    let store = bench.open().await;
    let filter = AttemptFilter { event: Some(first[0].1), limit: 10, ..AttemptFilter::default() };
    let rows = store.attempts(filter).await.expect("attempts").rows;
    // The first one, of before, may be gone.
    assert_eq!(rows.first().map(|row| row.attempt.number), Some(2));
    let due = store.due(lane, None, 10).await.expect("due");
    assert_eq!((due.len(), due[0].attempts), (1, 2));
}

/// After a restart numbers go on where they ended, even when retention has dropped every event: a
/// number given twice would lie behind a lane's cursor, and its event would never be read.
pub async fn after_a_restart_numbers_go_on_though_all_is_dropped<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let (lane, first) = lane_of(&*store, 5).await;
    let settled = first.iter().map(|place| done(lane, *place)).collect();
    store.settle(settled, vec![(lane, behind(first[4]))]).await.expect("settled");
    let other = store.lanes(vec![lane_key("b")]).await.expect("lanes")[0];
    assert_eq!(store.lane_end(other).await.expect("an end").entries, 0);
    drop_all(&*store, &nothing(&[lane, other])).await;
    drop(store);
    let store = bench.open().await;
    assert_eq!(one_lane(&*store).await, lane);
    let next = append(&*store, at(9), vec![entry(9, &[lane])]).await;
    assert!(next[0].seq > first[4].1.seq);
    assert_eq!(ids(&waiting(&*store, lane).await), next);
    drop(store);
    let store = bench.open().await;
    assert_eq!(ids(&waiting(&*store, lane).await), next);
}
