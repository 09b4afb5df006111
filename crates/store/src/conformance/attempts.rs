//! What holds of the history of attempts, told as claims.

use model::{Attempt, EventId, Outcome};

use super::{
    Bench, Place, append, at, attempt, behind, done, entry, lane_key, lane_of, places, settle,
    tried,
};
use crate::{AttemptFilter, AttemptPlace, AttemptRow, LaneId, Settlement, Store, Then};

/// How many pages a listing this small may take.
const PAGES_MAX: usize = 1000;

fn all() -> AttemptFilter {
    AttemptFilter { limit: 100, ..AttemptFilter::default() }
}

/// The `number`th attempt, with this status, begun at this moment.
fn made(number: u32, status: Option<u16>, ms: i64) -> Attempt {
    let outcome = if status == Some(204) { Outcome::Delivered } else { Outcome::Retry };
    let error = status.is_none().then(|| "refused".to_owned());
    Attempt { status, at: at(ms), error, ..attempt(number, outcome) }
}

fn told(lane: LaneId, place: Place, attempt: Attempt) -> Settlement {
    let then = match attempt.outcome {
        Outcome::Delivered => Then::Done,
        _ => Then::Retry { due: at(9000), tries: attempt.number, since: at(0) },
    };
    tried(lane, place, attempt, then)
}

/// What tells one row from another.
type Row = (EventId, LaneId, u32);

fn row(row: &AttemptRow) -> Row {
    (row.id.event, row.id.lane, row.attempt.number)
}

/// Reads a listing to its end, from page to page.
async fn list(store: &dyn Store, mut filter: AttemptFilter) -> Vec<Row> {
    let mut found = Vec::new();
    for _ in 0..PAGES_MAX {
        let page = store.attempts(filter.clone()).await.expect("a page");
        assert!(page.rows.len() <= filter.limit);
        found.extend(page.rows.iter().map(row));
        let Some(next) = page.next else { return found };
        assert!(filter.after.is_none_or(|after| next < after), "the listing stands still");
        filter.after = Some(next);
    }
    unreachable!("the listing has no end");
}

/// Two lanes and three events; on each lane each event is attempted as often as its number says.
async fn history(store: &dyn Store) -> (Vec<LaneId>, Vec<EventId>) {
    let lanes = store.lanes(vec![lane_key("a"), lane_key("b")]).await.expect("lanes");
    let entries = (1..=3).map(|number| entry(number, &lanes)).collect();
    let events = append(store, at(0), entries).await;
    let mut settlements = Vec::new();
    for lane in &lanes {
        for (times, place) in (1..).zip(places(store, *lane).await) {
            for number in 1..=times {
                let status =
                    if number == times { Some(204) } else { Some(500 + number_of(number)) };
                let ms = i64::from(times) * 10 + i64::from(number);
                settlements.push(told(*lane, place, made(number, status, ms)));
            }
        }
    }
    settle(store, settlements).await;
    (lanes, events)
}

fn number_of(number: u32) -> u16 {
    u16::try_from(number).expect("a small number")
}

/// Attempts are listed from the newest event to the oldest, of one event from the highest lane, of
/// one delivery from the last attempt; paging gives each exactly once, however large the pages.
pub async fn attempts_are_listed_newest_first_and_each_once<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let (lanes, events) = history(&*store).await;
    drop(store);
    let store = bench.open().await;
    let mut expected = Vec::new();
    for (times, event) in [(3, events[2]), (2, events[1]), (1, events[0])] {
        for lane in [lanes[1], lanes[0]] {
            expected.extend((1..=times).rev().map(|number| (event, lane, number)));
        }
    }
    for limit in [1, 2, 3, 5, 12, 13, 100] {
        assert_eq!(list(&*store, AttemptFilter { limit, ..all() }).await, expected, "by {limit}");
    }
    let place = AttemptPlace { seq: events[1].seq, lane: lanes[1], number: 1 };
    let after = AttemptFilter { after: Some(place), limit: 2, ..all() };
    assert_eq!(list(&*store, after).await, expected[8..]);
    let rows = store.attempts(all()).await.expect("attempts").rows;
    assert_eq!(rows[0].lane, lane_key("b"));
    let first = &rows[2].attempt;
    let expected = Attempt { address: first.address, ..made(1, Some(501), 31) };
    assert_eq!(*first, expected);
}

/// Each part of a filter leaves out what it does not fit.
pub async fn attempts_are_found_by_every_filter<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let (lanes, events) = history(&*store).await;
    let lone = places(&*store, lanes[0]).await[0];
    // One that nobody answered, and so has no status.
    settle(&*store, vec![told(lanes[0], lone, made(2, None, 77))]).await;
    drop(store);
    let store = bench.open().await;
    let rows = list(&*store, all()).await;
    assert_eq!(rows.len(), 13);
    let at_of = |(event, lane, number): Row| {
        let times = events.iter().position(|one| *one == event).expect("an event") + 1;
        let is_lone = (event, lane, number) == (events[0], lanes[0], 2);
        let times = i64::try_from(times).expect("a small number");
        if is_lone { 77 } else { times * 10 + i64::from(number) }
    };
    let status_of = |one: Row| match (at_of(one), one.2) {
        (77, _) => None,
        (ms, number) if ms / 10 == i64::from(number) => Some(204),
        (_, number) => Some(500 + number_of(number)),
    };
    let check = async |what: &str, filter: AttemptFilter, fits: &dyn Fn(Row) -> bool| {
        let expected: Vec<_> = rows.iter().copied().filter(|one| fits(*one)).collect();
        assert!(expected.len() < rows.len(), "{what} leaves something out");
        for limit in [1, 2, 100] {
            let filter = AttemptFilter { limit, ..filter.clone() };
            assert_eq!(list(&*store, filter).await, expected, "{what} by {limit}");
        }
    };
    let event = AttemptFilter { event: Some(events[1]), ..all() };
    check("event", event, &|one| one.0 == events[1]).await;
    let some = AttemptFilter { lanes: Some(vec![lanes[1]]), ..all() };
    check("lanes", some, &|one| one.1 == lanes[1]).await;
    check("no lanes", AttemptFilter { lanes: Some(vec![]), ..all() }, &|_| false).await;
    let failed = AttemptFilter { failed_only: true, ..all() };
    check("failed", failed, &|one| status_of(one) != Some(204)).await;
    let statuses = |range| AttemptFilter { statuses: Some(range), ..all() };
    check("2xx", statuses(200..=299), &|one| status_of(one) == Some(204)).await;
    check("501", statuses(501..=501), &|one| status_of(one) == Some(501)).await;
    check("from", AttemptFilter { from: Some(at(22)), ..all() }, &|one| at_of(one) >= 22).await;
    check("until", AttemptFilter { until: Some(at(22)), ..all() }, &|one| at_of(one) < 22).await;
    let both =
        AttemptFilter { lanes: Some(vec![lanes[0]]), failed_only: true, ..statuses(500..=599) };
    let fits = |one: Row| one.1 == lanes[0] && status_of(one).is_some_and(|status| status > 499);
    check("all at once", AttemptFilter { from: Some(at(32)), ..both }, &|one| {
        fits(one) && at_of(one) >= 32
    })
    .await;
}

/// What was attempted in two standings has the rows of both, also where their numbers are the same.
pub async fn what_was_attempted_in_two_standings_is_listed_twice<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let (lane, first) = lane_of(&*store, 1).await;
    store
        .settle(vec![done(lane, first[0])], vec![(lane, behind(first[0]))])
        .await
        .expect("settled");
    store.extend_lanes(vec![(lane, vec![first[0].1.seq])], at(5)).await.expect("extended");
    let second = places(&*store, lane).await[1];
    settle(&*store, vec![told(lane, second, made(1, Some(503), 50))]).await;
    settle(&*store, vec![told(lane, second, made(2, Some(204), 60))]).await;
    drop(store);
    let store = bench.open().await;
    let rows = store.attempts(all()).await.expect("attempts").rows;
    let mut seen: Vec<_> =
        rows.iter().map(|row| (row.attempt.number, row.attempt.status)).collect();
    seen.sort_unstable();
    assert_eq!(seen, [(1, Some(204)), (1, Some(503)), (2, Some(204))]);
    assert!(rows.is_sorted_by_key(|row| std::cmp::Reverse(row.attempt.number)));
}
