//! What holds of deliveries and where they stand, told as claims.

use model::Outcome;

use super::{
    Bench, again, append, at, attempt, behind, dead, done, entry, ids, lane_of, one_lane, places,
    settle, tried, waiting,
};
use crate::{AttemptFilter, DueDelivery, Position, Settlement, Then};

/// After a restart a lane knows what was settled beyond its cursor, and nothing else.
pub async fn after_a_restart_a_lane_knows_what_is_settled<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let (lane, places) = lane_of(&*store, 6).await;
    let settlements = vec![
        done(lane, places[0]),
        done(lane, places[2]),
        again(lane, places[3], 5000),
        dead(lane, places[4], "dlq"),
    ];
    store.settle(settlements, vec![(lane, places[1].0)]).await.expect("settled");
    assert_eq!(store.backlog(lane).await, Ok(6));
    assert_eq!(store.oldest(lane).await, Ok(Some(at(0))));
    drop(store);
    let store = bench.open().await;
    let state = store.open_lane(lane).await.expect("a lane");
    assert_eq!(state.cursor, places[1].0);
    assert_eq!(
        state.settled.into_iter().collect::<Vec<_>>(),
        [places[2].0, places[3].0, places[4].0]
    );
    let due = store.due(lane, None, 10).await.expect("due");
    let retry = places[3].1;
    assert_eq!((due.len(), due[0].event.id, due[0].tries, due[0].attempts), (1, retry, 1, 1));
    assert_eq!((due[0].due, due[0].since), (at(5000), at(0)));
    let beyond = Some(due[0].place());
    assert!(store.due(lane, beyond, 10).await.expect("due").is_empty());
    let second = attempt(2, Outcome::Delivered);
    settle(&*store, vec![tried(lane, places[3], second, Then::Done)]).await;
    assert!(store.due(lane, None, 10).await.expect("due").is_empty());
    let filter = AttemptFilter { event: Some(retry), limit: 10, ..AttemptFilter::default() };
    let attempts = store.attempts(filter).await.expect("attempts").rows;
    assert_eq!(attempts.iter().map(|row| row.attempt.number).collect::<Vec<_>>(), [2, 1]);
    let failed = AttemptFilter { failed_only: true, limit: 10, ..AttemptFilter::default() };
    assert_eq!(store.attempts(failed).await.expect("attempts").rows.len(), 2);
}

/// What becomes of an event in one place of a lane settles it in no other place, neither of that
/// lane nor of another one.
pub async fn each_standing_is_settled_by_itself<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let lanes = vec![super::lane_key("a"), super::lane_key("b")];
    let lanes = store.lanes(lanes).await.expect("lanes");
    let (lane, other) = (lanes[0], lanes[1]);
    let entries = (0..4).map(|number| entry(number, &lanes)).collect();
    let events = append(&*store, at(0), entries).await;
    let seqs: Vec<u64> = events.iter().map(|event| event.seq).collect();
    store.extend_lanes(vec![(lane, seqs.clone())], at(1)).await.expect("extended");
    store.extend_lanes(vec![(lane, seqs)], at(2)).await.expect("extended");
    let all = places(&*store, lane).await;
    assert_eq!(all.len(), 12);
    // In the middle chunk one is done, one waits, one is dead; the chunks around it are as before.
    let outcomes = vec![done(lane, all[4]), again(lane, all[5], 5000), dead(lane, all[6], "dlq")];
    settle(&*store, outcomes).await;
    drop(store);
    let store = bench.open().await;
    let untouched = |from: usize, to: usize| all[from..to].to_vec();
    let expected = [untouched(0, 4), untouched(7, 12)].concat();
    assert_eq!(waiting(&*store, lane).await, expected);
    assert_eq!(ids(&waiting(&*store, other).await), events);
    let due = store.due(lane, None, 10).await.expect("due");
    assert_eq!((due.len(), due[0].chunk, due[0].event.id), (1, all[5].0.chunk, events[1]));
    // The retry is done; in the first chunk the same event still waits, and in the last one too.
    let second = attempt(2, Outcome::Delivered);
    settle(&*store, vec![tried(lane, all[5], second, Then::Done), done(lane, all[9])]).await;
    drop(store);
    let store = bench.open().await;
    assert!(store.due(lane, None, 10).await.expect("due").is_empty());
    let expected = [untouched(0, 4), untouched(7, 9), untouched(10, 12)].concat();
    assert_eq!(waiting(&*store, lane).await, expected);
}

/// A retry stays in the chunk it stands in, however often it is put off, and the same event may wait
/// for two.
pub async fn a_retry_stays_in_its_chunk<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let (lane, first) = lane_of(&*store, 1).await;
    store.extend_lanes(vec![(lane, vec![first[0].1.seq])], at(10)).await.expect("extended");
    let all = places(&*store, lane).await;
    let later = |place, number, due| {
        let then = Then::Retry { due: at(due), tries: number, since: at(0) };
        tried(lane, place, attempt(number, Outcome::Retry), then)
    };
    let put_off = vec![later(all[0], 1, 500), later(all[1], 1, 300)];
    store.settle(put_off, vec![(lane, behind(all[1]))]).await.expect("settled");
    settle(&*store, vec![later(all[0], 2, 900)]).await;
    drop(store);
    let store = bench.open().await;
    let due = store.due(lane, None, 10).await.expect("due");
    let seen: Vec<_> =
        due.iter().map(|one| (one.chunk, one.due, one.tries, one.attempts)).collect();
    let expected = [(all[1].0.chunk, at(300), 1, 1), (all[0].0.chunk, at(900), 2, 2)];
    assert_eq!(seen, expected);
    // Both may be due at the same time, and a page may end between them.
    settle(&*store, vec![later(all[1], 2, 900)]).await;
    let first = store.due(lane, None, 1).await.expect("due");
    let second = store.due(lane, first.last().map(DueDelivery::place), 1).await.expect("due");
    let chunks = [&first, &second].map(|page| page.iter().map(|one| one.chunk).collect::<Vec<_>>());
    assert_eq!(chunks, [vec![all[0].0.chunk], vec![all[1].0.chunk]]);
    assert_eq!(store.backlog(lane).await, Ok(2));
    settle(&*store, vec![Settlement { then: Then::Done, ..later(all[0], 3, 0) }]).await;
    let due = store.due(lane, None, 10).await.expect("due");
    assert_eq!((due.len(), due[0].chunk), (1, all[1].0.chunk));
}

/// Retries are read in pages, the earliest due first, each once.
pub async fn retries_are_read_in_the_order_they_are_due<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let (lane, places) = lane_of(&*store, 9).await;
    // Three are due at each of three moments, and the later ones of the lane first.
    let due_at = |index: usize| 1000 - 100 * i64::try_from(index / 3).expect("a small number");
    let put_off =
        places.iter().enumerate().map(|(index, place)| again(lane, *place, due_at(index)));
    store.settle(put_off.collect(), vec![(lane, behind(places[8]))]).await.expect("settled");
    let order: Vec<_> = [6, 7, 8, 3, 4, 5, 0, 1, 2].map(|index: usize| places[index].1).to_vec();
    for limit in [1, 2, 4, 100] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = store.due(lane, after, limit).await.expect("due");
            let Some(last) = page.last() else { break };
            assert!(page.len() <= limit);
            after = Some(last.place());
            found.extend(page.iter().map(|one| one.event.id));
        }
        assert_eq!(found, order, "by {limit}");
    }
}

/// The oldest entry that waits is the first behind the cursor, or a retry before it.
pub async fn the_oldest_that_waits_is_behind_the_cursor_or_a_retry<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let lane = one_lane(&*store).await;
    assert_eq!(store.oldest(lane).await, Ok(None));
    for ms in [10, 20, 30] {
        append(&*store, at(ms), vec![entry(1, &[lane])]).await;
    }
    let places = places(&*store, lane).await;
    assert_eq!(store.oldest(lane).await, Ok(Some(at(10))));
    let then = Then::Retry { due: at(99), tries: 1, since: at(10) };
    let first = tried(lane, places[0], attempt(1, Outcome::Retry), then);
    store.settle(vec![first], vec![(lane, behind(places[0]))]).await.expect("settled");
    assert_eq!(store.oldest(lane).await, Ok(Some(at(10))));
    settle(&*store, vec![done(lane, places[0])]).await;
    assert_eq!(store.oldest(lane).await, Ok(Some(at(20))));
    let rest = vec![done(lane, places[1]), done(lane, places[2])];
    let end = Position { index: places[2].0.index + 1, ..places[2].0 };
    store.settle(rest, vec![(lane, end)]).await.expect("settled");
    assert_eq!(store.oldest(lane).await, Ok(None));
    assert_eq!(store.backlog(lane).await, Ok(0));
}
