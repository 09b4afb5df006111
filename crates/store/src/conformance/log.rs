//! What holds of the log and its lanes, told as claims.

use std::sync::Arc;
use std::time::Duration;

use model::{EventId, LaneKey, Timestamp};
use tokio::sync::mpsc;

use super::{
    Bench, append, at, attempt, behind, done, entry, entry_of, ids, lane_key, lane_of, name,
    one_lane, places, places_from, settle, tried, waiting,
};
use crate::{EventRange, LaneEnd, LaneId, LaneWaker, Position, Store, Then};

/// How many pages a reader may take for a log this small.
const PAGES_MAX: usize = 1000;

/// How long it may take until a listener is told.
const TOLD_WITHIN: Duration = Duration::from_secs(20);

/// A lane gives its events in the order they were appended, whole, from any position.
pub async fn a_lane_reads_what_was_appended_in_order<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let lanes = store.lanes(vec![lane_key("a"), lane_key("b")]).await.expect("lanes");
    assert_eq!(store.lanes(vec![lane_key("b")]).await.expect("lanes"), [lanes[1]]);
    let both = [lanes[0], lanes[1]];
    let entries = vec![entry(1, &both), entry(2, &lanes[..1]), entry(3, &[])];
    let mut all = append(&*store, at(0), entries).await;
    all.extend(append(&*store, at(1), vec![entry(4, &both)]).await);
    assert!(all.is_sorted_by_key(|id| id.seq));
    let read = places(&*store, lanes[0]).await;
    assert_eq!(ids(&read), [all[0], all[1], all[3]]);
    assert!(read.is_sorted_by_key(|(position, _)| *position));
    assert_eq!(places_from(&*store, lanes[0], read[1].0).await, read[1..]);
    assert_eq!(ids(&places(&*store, lanes[1]).await), [all[0], all[3]]);
    let whole = store.event(all[2]).await.expect("an event").expect("it is there");
    assert_eq!(whole.fields, *entry(3, &[]).draft.fields());
    let stranger = EventId { accepted_at: at(77), seq: all[2].seq };
    assert_eq!(store.event(stranger).await, Ok(None));
    drop(store);
    let store = bench.open().await;
    assert_eq!(places(&*store, lanes[0]).await, read);
    let next = append(&*store, at(2), vec![entry(5, &both)]).await;
    assert!(next[0].seq > all[3].seq);
    let keys = [(lane_key("a"), lanes[0]), (lane_key("b"), lanes[1])];
    assert_eq!(store.all_lanes().await.expect("lanes"), keys);
}

/// An event that is put on a lane once more is delivered there once more, also after a restart, with
/// an age that counts from then.
pub async fn what_is_put_on_a_lane_again_is_delivered_again<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let (lane, first) = lane_of(&*store, 3).await;
    let all = first.iter().map(|place| done(lane, *place)).collect();
    store.settle(all, vec![(lane, behind(first[2]))]).await.expect("settled");
    let seqs = vec![first[0].1.seq, first[2].1.seq];
    store.extend_lanes(vec![(lane, seqs)], at(700)).await.expect("extended");
    // Onto a lane of its own, as a replay does.
    let replay = LaneKey::Replay { replay: name("again"), target: None };
    let other = store.lanes(vec![replay]).await.expect("lanes")[0];
    store.extend_lanes(vec![(other, vec![first[1].1.seq])], at(800)).await.expect("extended");
    drop(store);
    let store = bench.open().await;
    let again = waiting(&*store, lane).await;
    assert_eq!(ids(&again), [first[0].1, first[2].1]);
    assert_eq!(store.backlog(lane).await, Ok(2));
    assert_eq!(store.oldest(lane).await, Ok(Some(at(700))));
    let entries = store.read_lane(lane, again[0].0, 10).await.expect("a lane").entries;
    assert!(entries.iter().all(|one| (one.since, one.attempts_before) == (at(700), 0)));
    assert_eq!(ids(&waiting(&*store, other).await), [first[1].1]);
    // What is appended now comes after it.
    let next = append(&*store, at(900), vec![entry(9, &[lane])]).await[0];
    assert_eq!(ids(&waiting(&*store, lane).await), [first[0].1, first[2].1, next]);
    // Its attempts are numbered from the beginning; the standing before keeps its own.
    let told = tried(lane, again[0], attempt(1, model::Outcome::Delivered), Then::Done);
    settle(&*store, vec![told]).await;
    drop(store);
    let store = bench.open().await;
    assert_eq!(ids(&waiting(&*store, lane).await), [first[2].1, next]);
}

/// A lane's end counts every entry that was ever put on it, and names the last one's event.
pub async fn a_lanes_end_counts_all_that_was_put_on_it<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let lane = one_lane(&*store).await;
    assert_eq!(store.lane_end(lane).await, Ok(LaneEnd::default()));
    let (_, first) = lane_of(&*store, 3).await;
    let end = |entries, last| Ok(LaneEnd { entries, last: Some(last) });
    assert_eq!(store.lane_end(lane).await, end(3, first[2].1.seq));
    let all = first.iter().map(|place| done(lane, *place)).collect();
    store.settle(all, vec![(lane, behind(first[2]))]).await.expect("settled");
    store
        .extend_lanes(vec![(lane, vec![first[0].1.seq, first[1].1.seq])], at(1))
        .await
        .expect("extended");
    drop(store);
    let store = bench.open().await;
    assert_eq!(store.lane_end(lane).await, end(5, first[1].1.seq));
    let next = append(&*store, at(2), vec![entry(9, &[lane]), entry(10, &[])]).await[0];
    assert_eq!(store.lane_end(lane).await, end(6, next.seq));
}

/// Passes on what it is told.
struct Listener(mpsc::Sender<Vec<LaneId>>);

impl LaneWaker for Listener {
    fn wake(&self, lanes: &[LaneId]) {
        self.0.try_send(lanes.to_vec()).expect("the claim wakes a few times only");
    }
}

/// Whoever listens is told of entries that are appended, redriven or put on a lane again, and not
/// after a restart.
pub async fn whoever_listens_is_told_of_new_entries<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let (sender, mut told) = mpsc::channel(16);
    // It may be told a little after the answer.
    let mut next = async || {
        tokio::time::timeout(TOLD_WITHIN, told.recv()).await.expect("it is told").expect("lanes")
    };
    let lanes = store.lanes(vec![lane_key("a"), lane_key("b")]).await.expect("lanes");
    store.wake_with(Arc::new(Listener(sender)));
    let event = append(&*store, at(0), vec![entry(1, &lanes[1..])]).await[0];
    assert_eq!(next().await, lanes[1..]);
    store.extend_lanes(vec![(lanes[0], vec![event.seq])], at(1)).await.expect("extended");
    assert_eq!(next().await, lanes[..1]);
    let place = places(&*store, lanes[1]).await[0];
    settle(&*store, vec![super::dead(lanes[1], place, "dlq")]).await;
    store.redrive(super::everything(), at(2)).await.expect("redriven");
    // Not of the settlement in between.
    assert_eq!(next().await, lanes[1..]);
    drop(store);
    let store = bench.open().await;
    append(&*store, at(3), vec![entry(2, &lanes)]).await;
    // Nobody is left who could tell it anything.
    let end = tokio::time::timeout(TOLD_WITHIN, told.recv()).await;
    assert_eq!(end.expect("the listener was let go"), None);
}

/// Reads a range to its end in pages of so many; gives the events and where it ended.
async fn read_all(store: &dyn Store, mut range: EventRange, limit: usize) -> (Vec<EventId>, u64) {
    let mut found = Vec::new();
    for _ in 0..PAGES_MAX {
        let page = store.read_events(range.clone(), limit).await.expect("a page");
        assert!(page.events.len() <= limit);
        assert!(page.events.iter().all(|event| event.bus == range.bus));
        assert!(page.events.last().is_none_or(|last| last.id.seq <= page.looked_until));
        found.extend(page.events.iter().map(|event| event.id));
        if page.at_end {
            return (found, page.looked_until);
        }
        // A page that is not the last one goes on, though it may be empty.
        assert!(page.looked_until > range.after.unwrap_or(0), "the reader stands still");
        range.after = Some(page.looked_until);
    }
    unreachable!("the range has no end");
}

fn range(bus: &str, from: i64, until: i64) -> EventRange {
    EventRange { bus: bus.to_owned(), from: at(from), until: at(until), after: None }
}

/// The events of a range are those of its bus that were accepted in its time, each once and in the
/// order of the log, however large the pages.
pub async fn events_are_read_by_bus_and_time<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let buses = ["orders", "parcels", "invoices"];
    let mut all: Vec<(&str, EventId)> = Vec::new();
    for batch in 0..12_u32 {
        let entry = |number: u32| entry_of(buses[(number % 3) as usize], batch, &[]);
        let entries = (0..7).map(|number| entry(number + batch)).collect();
        let ids = append(&*store, at(i64::from(batch) * 10), entries).await;
        all.extend((batch..).map(|number| buses[(number % 3) as usize]).zip(ids));
    }
    drop(store);
    let store = bench.open().await;
    let expected = |bus: &str, from: Timestamp, until: Timestamp| -> Vec<EventId> {
        let inside = |id: &EventId| id.accepted_at >= from && id.accepted_at < until;
        let of_bus = all.iter().filter(|(of, id)| *of == bus && inside(id));
        of_bus.map(|(_, id)| *id).collect()
    };
    for (from, until) in [(0, 1000), (0, 0), (30, 70), (31, 70), (30, 71), (110, 111), (500, 900)] {
        for bus in ["orders", "parcels", "invoices", "nobody"] {
            for limit in [1, 2, 5, 100] {
                let (found, _) = read_all(&*store, range(bus, from, until), limit).await;
                let expected = expected(bus, at(from), at(until));
                assert_eq!(found, expected, "{bus} {from}..{until} by {limit}");
            }
        }
    }
    let after = EventRange { after: Some(all[20].1.seq), ..range("orders", 0, 1000) };
    let later = expected("orders", at(0), at(1000));
    let later: Vec<_> = later.into_iter().filter(|id| id.seq > all[20].1.seq).collect();
    assert_eq!(read_all(&*store, after, 3).await.0, later);
}

/// A reader that goes on behind the place it came to misses nothing that is appended later, also
/// after a restart, and reads nothing twice.
pub async fn a_reader_of_a_bus_goes_on_where_it_ended<B: Bench>(bench: &B) {
    let mut store = bench.open().await;
    let (mut found, mut all) = (Vec::new(), Vec::new());
    let mut to_come = range("orders", 0, 1000);
    let lane = one_lane(&*store).await;
    for step in 0..10_u32 {
        let (read, until) = read_all(&*store, to_come.clone(), 2).await;
        found.extend(read);
        to_come.after = Some(until);
        let entries =
            vec![entry(step, &[lane]), entry_of("parcels", step, &[]), entry(step + 1, &[])];
        let ids = append(&*store, at(i64::from(step)), entries).await;
        // Numbers are spent on chunks too: the place come to may not lie before them.
        store
            .extend_lanes(vec![(lane, vec![ids[0].seq])], at(i64::from(step)))
            .await
            .expect("extended");
        all.extend([ids[0], ids[2]]);
        if step % 4 == 3 {
            drop(store);
            store = bench.open().await;
        }
    }
    found.extend(read_all(&*store, to_come, 100).await.0);
    assert_eq!(found, all);
    assert_eq!(places_from(&*store, lane, Position::default()).await.len(), 20);
}

/// A schedule's firing and its event are one write.
pub async fn a_schedule_remembers_when_it_fired<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let lane = store.lanes(vec![LaneKey::Schedule(name("complete"))]).await.expect("lanes")[0];
    let schedule = || "complete".to_owned();
    assert_eq!(store.last_fired(schedule()).await, Ok(None));
    let id = store.fire(schedule(), at(7), entry(1, &[lane])).await.expect("fired");
    drop(store);
    let store = bench.open().await;
    assert_eq!(store.last_fired(schedule()).await, Ok(Some(at(7))));
    assert_eq!(places(&*store, lane).await[0].1, id);
}
