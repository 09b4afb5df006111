//! What holds of dead letters, told as claims.

use model::{DeadReason, Outcome};

use super::{
    Bench, Place, append, at, attempt, behind, dead, done, entry, everything, ids, lane_of, name,
    one_lane, places, places_from, settle, tried, waiting,
};
use crate::{AttemptFilter, DeadFilter, LaneId, Position, Settlement, Store, Then};

/// A letter of this queue and code, given up at this moment.
fn letter(lane: LaneId, place: Place, (queue, code, ms): (&str, &str, i64)) -> Settlement {
    let reason = DeadReason { code: code.to_owned(), message: "no".to_owned(), exhausted: None };
    let then = Then::Dead { queue: name(queue), reason, attempts: 1, at: at(ms) };
    tried(lane, place, attempt(1, Outcome::Dead), then)
}

/// Dead letters are listed, redriven to the end of their lane, and purged.
pub async fn dead_letters_are_redriven_once<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let (lane, first) = lane_of(&*store, 3).await;
    settle(&*store, first.iter().map(|place| dead(lane, *place, "dlq")).collect()).await;
    let listed = store.dead_letters(everything()).await.expect("dead letters");
    assert_eq!(listed.iter().map(|letter| letter.id.event).collect::<Vec<_>>(), ids(&first));
    assert_eq!(store.dead_counts().await.expect("counts"), [(name("dlq"), 3)]);
    let elsewhere = DeadFilter { lanes: Some(vec![lane + 1]), ..everything() };
    assert_eq!(store.redrive(elsewhere, at(900)).await, Ok(0));
    let one = DeadFilter { delivery: Some(listed[1].id), lanes: Some(vec![lane]), ..everything() };
    assert_eq!(store.redrive(one.clone(), at(900)).await, Ok(1));
    assert_eq!(store.redrive(one, at(900)).await, Ok(0));
    let end = store.read_lane(lane, Position::default(), 10).await.expect("a lane").entries.pop();
    let end = end.expect("the redriven entry");
    assert_eq!((end.event.id, end.since, end.attempts_before), (first[1].1, at(900), 1));
    drop(store);
    let store = bench.open().await;
    assert_eq!(waiting(&*store, lane).await, [(end.position, first[1].1)]);
    let next = append(&*store, at(5), vec![entry(9, &[lane])]).await;
    assert_eq!(places_from(&*store, lane, end.position).await[1].1, next[0]);
    assert_eq!(store.purge(everything()).await, Ok(2));
    assert!(store.dead_letters(everything()).await.expect("dead letters").is_empty());
}

/// What was redriven waits after a restart, once, also when the cursor has not come by its first
/// place; when it is delivered, it waits no more.
pub async fn after_a_restart_a_redriven_letter_waits_once<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let (lane, first) = lane_of(&*store, 3).await;
    settle(&*store, vec![dead(lane, first[1], "dlq")]).await;
    assert_eq!(store.redrive(everything(), at(900)).await, Ok(1));
    assert!(store.dead_letters(everything()).await.expect("dead letters").is_empty());
    assert!(store.dead_counts().await.expect("counts").is_empty());
    drop(store);
    let store = bench.open().await;
    assert!(store.dead_letters(everything()).await.expect("dead letters").is_empty());
    let waits = waiting(&*store, lane).await;
    assert_eq!(ids(&waits), [first[0].1, first[2].1, first[1].1]);
    assert_eq!(waits[..2], [first[0], first[2]]);
    let again = waits[2];
    assert!(again.0 > first[2].0);
    let second = tried(lane, again, attempt(2, Outcome::Delivered), Then::Done);
    settle(&*store, vec![second]).await;
    drop(store);
    let store = bench.open().await;
    assert_eq!(waiting(&*store, lane).await, [first[0], first[2]]);
    assert_eq!(store.redrive(everything(), at(901)).await, Ok(0));
}

/// A redriven letter counts its attempts on; it may die and be redriven again, as often as wished,
/// and each attempt stays in its history.
pub async fn a_redriven_letter_counts_on_and_may_die_again<B: Bench>(bench: &B) {
    let mut store = bench.open().await;
    let (lane, first) = lane_of(&*store, 1).await;
    let (mut place, event) = first[0];
    for number in 1..=4_u32 {
        let reason =
            DeadReason { code: "NO_ANSWER".to_owned(), message: "no".to_owned(), exhausted: None };
        let moment = at(i64::from(number) * 100);
        let then = Then::Dead { queue: name("dlq"), reason, attempts: number, at: moment };
        let died = tried(lane, (place, event), attempt(number, Outcome::Dead), then);
        store.settle(vec![died], vec![(lane, behind((place, event)))]).await.expect("settled");
        let letters = store.dead_letters(everything()).await.expect("dead letters");
        assert_eq!((letters.len(), letters[0].attempts, letters[0].at), (1, number, moment));
        assert_eq!(store.redrive(everything(), moment.plus_ms(1)).await, Ok(1));
        drop(store);
        store = bench.open().await;
        let waits = waiting(&*store, lane).await;
        assert_eq!(ids(&waits), [event]);
        let read = store.read_lane(lane, waits[0].0, 1).await.expect("a lane").entries;
        assert_eq!((read[0].attempts_before, read[0].since), (number, moment.plus_ms(1)));
        place = waits[0].0;
    }
    let filter = AttemptFilter { event: Some(event), limit: 10, ..AttemptFilter::default() };
    let rows = store.attempts(filter).await.expect("attempts").rows;
    assert_eq!(rows.iter().map(|row| row.attempt.number).collect::<Vec<_>>(), [4, 3, 2, 1]);
}

/// Each part of a filter leaves out what it does not fit, in listing, redriving and purging alike.
pub async fn dead_letters_are_found_by_every_filter<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let lanes = vec![super::lane_key("a"), super::lane_key("b")];
    let lanes = store.lanes(lanes).await.expect("lanes");
    let entries = (0..4).map(|number| entry(number, &lanes)).collect();
    append(&*store, at(0), entries).await;
    let (one, other) = (places(&*store, lanes[0]).await, places(&*store, lanes[1]).await);
    let letters = vec![
        letter(lanes[0], one[0], ("x", "HTTP_404", 10)),
        letter(lanes[0], one[1], ("y", "HTTP_404", 20)),
        letter(lanes[0], one[2], ("x", "HTTP_410", 30)),
        letter(lanes[1], other[0], ("x", "NO_ANSWER", 20)),
        letter(lanes[1], other[3], ("y", "HTTP_404", 40)),
    ];
    let all: Vec<_> = letters.iter().map(|one| (one.lane, one.event)).collect();
    settle(&*store, letters).await;
    drop(store);
    let store = bench.open().await;
    let code = |code: &str| DeadFilter { code: Some(code.to_owned()), ..everything() };
    let from = DeadFilter { from: Some(at(20)), ..everything() };
    let until = DeadFilter { until: Some(at(20)), ..everything() };
    let queue = DeadFilter { queue: Some(name("y")), ..code("HTTP_404") };
    let some = DeadFilter { lanes: Some(vec![lanes[1]]), ..code("HTTP_404") };
    let none = DeadFilter { lanes: Some(vec![]), ..everything() };
    let after = DeadFilter { after: Some((all[1].0, all[1].1.seq)), limit: 2, ..everything() };
    let rows: [(DeadFilter, &[usize]); 9] = [
        (everything(), &[0, 1, 2, 3, 4]),
        (code("HTTP_404"), &[0, 1, 4]),
        (code("HTTP_40"), &[]),
        (from, &[1, 2, 3, 4]),
        (until, &[0]),
        (queue, &[1, 4]),
        (some, &[4]),
        (none, &[]),
        (after, &[2, 3]),
    ];
    for (filter, expected) in rows {
        let listed = list(&*store, filter.clone()).await;
        let expected: Vec<_> = expected.iter().map(|index| all[*index]).collect();
        assert_eq!(listed, expected, "{filter:?}");
    }
    let counts = store.dead_counts().await.expect("counts");
    assert_eq!(counts, [(name("x"), 3), (name("y"), 2)]);
    assert_eq!(store.redrive(code("NO_ANSWER"), at(99)).await, Ok(1));
    assert_eq!(store.purge(code("HTTP_410")).await, Ok(1));
    assert_eq!(list(&*store, everything()).await, [all[0], all[1], all[4]]);
    assert_eq!(ids(&waiting(&*store, lanes[0]).await), [one[3].1]);
    assert_eq!(ids(&waiting(&*store, lanes[1]).await), [other[1].1, other[2].1, other[0].1]);
}

async fn list(store: &dyn Store, filter: DeadFilter) -> Vec<(LaneId, model::EventId)> {
    let letters = store.dead_letters(filter).await.expect("dead letters");
    letters.into_iter().map(|letter| (letter.id.lane, letter.id.event)).collect()
}

/// Letters may be redriven and purged in pieces: each piece takes the first ones that are left.
pub async fn letters_are_put_back_in_pieces<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let (lane, first) = lane_of(&*store, 7).await;
    settle(&*store, first.iter().map(|place| dead(lane, *place, "dlq")).collect()).await;
    let piece = DeadFilter { limit: 2, ..everything() };
    assert_eq!(store.redrive(piece.clone(), at(900)).await, Ok(2));
    assert_eq!(store.redrive(piece.clone(), at(901)).await, Ok(2));
    assert_eq!(store.purge(piece.clone()).await, Ok(2));
    assert_eq!(list(&*store, everything()).await, [(lane, first[6].1)]);
    drop(store);
    let store = bench.open().await;
    assert_eq!(ids(&waiting(&*store, lane).await), ids(&first[..4]));
    assert_eq!(store.redrive(piece.clone(), at(902)).await, Ok(1));
    assert_eq!(store.redrive(piece, at(903)).await, Ok(0));
}

/// A purged dead letter stays settled when its lane is opened again before its cursor came by.
pub async fn after_a_restart_a_purged_letter_stays_away<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let lane = one_lane(&*store).await;
    append(&*store, at(0), vec![entry(1, &[lane]), entry(2, &[lane])]).await;
    let first = places(&*store, lane).await;
    settle(&*store, vec![dead(lane, first[0], "dlq")]).await;
    assert_eq!(store.purge(everything()).await, Ok(1));
    assert_eq!(store.purge(everything()).await, Ok(0));
    assert!(store.dead_counts().await.expect("counts").is_empty());
    drop(store);
    let store = bench.open().await;
    assert_eq!(store.open_lane(lane).await.expect("a lane").settled.len(), 1);
    assert_eq!(waiting(&*store, lane).await, first[1..]);
    settle(&*store, vec![done(lane, first[1])]).await;
    assert_eq!(store.redrive(everything(), at(9)).await, Ok(0));
}
