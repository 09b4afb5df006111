//! The log in several files: one lane through them, and what becomes of the old ones.

use std::path::PathBuf;

use model::{
    Attempt, DeadReason, EntryId, EventDraft, EventFields, EventId, LaneKey, Name, Outcome,
    Timestamp,
};
use store::{
    Appended, AttemptFilter, DeadFilter, Deliveries as _, Dropped, Entry, EventLog as _,
    EventRange, Keep, LaneId, Once, Position, Settlement, Then,
};
use store_sqlite::{Sealing, SqliteStore};

const DAY: i64 = 86_400_000;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(1_700_000_000_000 + ms)
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn entry(bus: &str, number: u32, lanes: &[LaneId]) -> Entry {
    let fields = EventFields {
        source: "s".into(),
        detail_type: "t".into(),
        detail: format!(r#"{{"n":{number},"fill":"{}"}}"#, "x".repeat(200)),
        ..EventFields::default()
    };
    let draft = EventDraft::new(name(bus), fields).unwrap();
    Entry { draft, lanes: lanes.to_vec(), once: None }
}

struct Log {
    directory: tempfile::TempDir,
    store: SqliteStore,
    lane: LaneId,
}

impl Log {
    async fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path()).unwrap();
        let key = LaneKey::Target { bus: name("orders"), rule: name("r"), target: name("t") };
        let lane = store.lanes(vec![key]).await.unwrap()[0];
        Self { directory, store, lane }
    }

    fn again(self) -> Self {
        let Self { directory, store, lane } = self;
        drop(store);
        let store = SqliteStore::open(directory.path()).unwrap();
        Self { directory, store, lane }
    }

    async fn append(&self, ms: i64, numbers: std::ops::Range<u32>) -> Vec<EventId> {
        let entries = numbers.map(|number| entry("orders", number, &[self.lane])).collect();
        let appended = self.store.append(at(ms), entries).await.unwrap();
        appended.into_iter().map(Appended::event).collect()
    }

    async fn places(&self) -> Vec<(Position, EventId)> {
        let entries =
            self.store.read_lane(self.lane, Position::default(), 1000).await.unwrap().entries;
        entries.into_iter().map(|entry| (entry.position, entry.event.id)).collect()
    }

    /// What a worker that begins now would try.
    async fn unsettled(&self) -> Vec<EventId> {
        let open = self.store.open_lane(self.lane).await.unwrap();
        let entries = self.store.read_lane(self.lane, open.cursor, 1000).await.unwrap().entries;
        let left = entries.into_iter().filter(|entry| !open.settled.contains(&entry.position));
        left.map(|entry| entry.event.id).collect()
    }

    async fn settle(&self, (position, event): (Position, EventId), then: Then) {
        let outcome = match then {
            Then::Done => Outcome::Delivered,
            Then::Retry { .. } => Outcome::Retry,
            Then::Dead { .. } => Outcome::Dead,
        };
        let attempt = Some(Attempt {
            number: 1,
            at: event.accepted_at.plus_ms(5),
            took_ms: 1,
            status: Some(200),
            error: None,
            address: None,
            response: None,
            outcome,
        });
        let (lane, chunk) = (self.lane, position.chunk);
        let settlement = Settlement { lane, chunk, event, attempt, then };
        self.store.settle(vec![settlement], vec![]).await.unwrap();
    }

    async fn advance(&self, position: Position) {
        self.store.settle(vec![], vec![(self.lane, position)]).await.unwrap();
    }

    fn files(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.directory.path().join("log")).unwrap();
        let files = files.map(|file| file.unwrap().path());
        let mut files: Vec<_> = files.filter(|path| path.extension().unwrap() == "db").collect();
        files.sort();
        files
    }

    async fn drop_old(&self, before: Timestamp) -> Dropped {
        let keep = Keep {
            now: at(100 * DAY),
            others: before,
            attempts: before,
            in_use: vec![self.lane],
            ..Keep::default()
        };
        let mut all = Dropped::default();
        loop {
            let dropped = self.store.drop_old(keep.clone()).await.unwrap();
            all.events += dropped.events;
            all.attempts += dropped.attempts;
            all.bytes += dropped.bytes;
            if !dropped.more {
                return all;
            }
        }
    }
}

fn after(position: Position) -> Position {
    Position { index: position.index + 1, ..position }
}

fn dead(ms: i64) -> Then {
    let reason =
        DeadReason { code: "HTTP_404".into(), message: "not there".into(), exhausted: None };
    Then::Dead { queue: name("dlq"), reason, attempts: 1, at: at(ms) }
}

fn everything() -> DeadFilter {
    DeadFilter { limit: 100, ..DeadFilter::default() }
}

#[tokio::test]
async fn a_lane_goes_through_all_segments_in_order_and_over_restarts() {
    let log = Log::open().await;
    let mut ids = Vec::new();
    for (day, numbers) in [(0, 0..3), (1, 3..6), (2, 6..9)] {
        ids.extend(log.append(day * DAY, numbers).await);
        log.store.seal().await.unwrap();
    }
    let log = log.again();
    ids.extend(log.append(3 * DAY, 9..12).await);
    assert_eq!(log.files().len(), 4);
    let places = log.places().await;
    assert_eq!(places.iter().map(|(_, id)| *id).collect::<Vec<_>>(), ids);
    assert!(places.is_sorted_by_key(|(position, _)| *position));
    assert_eq!(log.store.backlog(log.lane).await, Ok(12));
    assert_eq!(log.store.lane_end(log.lane).await.unwrap().entries, 12);
    // Settled out of order, in two segments, with the cursor in the first.
    for index in [0, 1, 4, 7] {
        log.settle(places[index], Then::Done).await;
    }
    log.advance(after(places[1].0)).await;
    assert_eq!(log.store.backlog(log.lane).await, Ok(10));
    let log = log.again();
    let left: Vec<_> = [2, 3, 5, 6, 8, 9, 10, 11].map(|index| ids[index]).into();
    assert_eq!(log.unsettled().await, left);
    // The cursor passes into the third segment.
    for index in [2, 3, 5] {
        log.settle(places[index], Then::Done).await;
    }
    log.advance(places[6].0).await;
    let log = log.again();
    assert_eq!(log.unsettled().await, [6, 8, 9, 10, 11].map(|index| ids[index]));
    assert_eq!(log.store.backlog(log.lane).await, Ok(6));
    assert_eq!(log.store.oldest(log.lane).await, Ok(Some(at(2 * DAY))));
}

#[tokio::test]
async fn retries_and_letters_of_a_sealed_segment_live_on() {
    let log = Log::open().await;
    let ids = log.append(0, 0..4).await;
    let places = log.places().await;
    log.store.seal().await.unwrap();
    log.append(DAY, 4..5).await;
    let retry = Then::Retry { due: at(9), tries: 1, since: at(0) };
    log.settle(places[0], retry).await;
    log.settle(places[1], dead(1)).await;
    log.settle(places[2], dead(2)).await;
    log.settle(places[3], Then::Done).await;
    log.advance(after(places[3].0)).await;
    let log = log.again();
    let due = log.store.due(log.lane, None, 10).await.unwrap();
    assert_eq!((due.len(), due[0].event.id, due[0].chunk), (1, ids[0], places[0].0.chunk));
    let letters = log.store.dead_letters(everything()).await.unwrap();
    assert_eq!(letters.iter().map(|letter| letter.id.event).collect::<Vec<_>>(), ids[1..3]);
    // Redriven, the letter stands at the end of the lane, in the last segment, and dies there again.
    let one = DeadFilter { delivery: Some(letters[0].id), ..everything() };
    assert_eq!(log.store.redrive(one, at(DAY)).await, Ok(1));
    assert_eq!(log.store.dead_letters(everything()).await.unwrap().len(), 1);
    let log = log.again();
    let end = log
        .store
        .read_lane(log.lane, Position::default(), 100)
        .await
        .unwrap()
        .entries
        .pop()
        .unwrap();
    assert_eq!((end.event.id, end.attempts_before), (ids[1], 1));
    assert!(end.position.chunk > log.files().len() as u64);
    log.settle((end.position, ids[1]), dead(DAY)).await;
    assert_eq!(log.store.dead_letters(everything()).await.unwrap().len(), 2);
    assert_eq!(log.store.dead_counts().await.unwrap(), [(name("dlq"), 2)]);
    assert_eq!(log.store.purge(everything()).await, Ok(2));
    assert!(log.store.dead_letters(everything()).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_id_is_known_in_later_segments_too_as_long_as_its_window_lasts() {
    let log = Log::open().await;
    let once = |number| {
        let once = Some(Once { id: EntryId::new("x").unwrap(), window_ms: 2 * DAY });
        vec![Entry { once, ..entry("orders", number, &[]) }]
    };
    let first = log.store.append(at(0), once(1)).await.unwrap()[0].event();
    log.store.seal().await.unwrap();
    log.append(DAY, 5..6).await;
    log.store.seal().await.unwrap();
    let log = log.again();
    let again = log.store.append(at(DAY), once(1)).await.unwrap();
    assert_eq!(again, [Appended::Duplicate { first, lanes: 0 }]);
    let other = log.store.append(at(DAY), once(2)).await.unwrap();
    assert_eq!(other, [Appended::Mismatch { first }]);
    let anew = log.store.append(at(2 * DAY), once(2)).await.unwrap();
    assert!(matches!(anew[0], Appended::New(_)), "{anew:?}");
    assert_eq!(log.store.forget_entries(at(2 * DAY), 10).await, Ok(1));
    assert_eq!(log.store.forget_entries(at(2 * DAY), 10).await, Ok(0));
}

#[tokio::test]
async fn a_segment_whose_time_is_over_is_removed_whole() {
    let log = Log::open().await;
    let ids = log.append(0, 0..100).await;
    log.store.seal().await.unwrap();
    log.append(DAY, 100..101).await;
    assert_eq!(log.drop_old(at(DAY)).await.events, 0, "nothing is settled");
    let places = log.places().await;
    for place in &places[..100] {
        log.settle(*place, Then::Done).await;
    }
    log.advance(after(places[99].0)).await;
    assert_eq!(log.drop_old(at(0)).await.events, 0, "its time is not over");
    let dropped = log.drop_old(at(DAY)).await;
    assert_eq!((dropped.events, dropped.attempts), (100, 100));
    assert!(dropped.bytes > 50_000, "{dropped:?}");
    assert_eq!(log.files().len(), 1);
    assert_eq!(log.store.event(ids[0]).await, Ok(None));
    let log = log.again();
    assert_eq!(log.places().await, places[100..]);
    assert_eq!(log.unsettled().await, [places[100].1]);
    assert_eq!(log.store.backlog(log.lane).await, Ok(1));
    // A number is never given twice, though those who had them are gone.
    assert!(log.append(DAY, 101..102).await[0].seq > places[100].1.seq);
}

#[tokio::test]
async fn dead_letters_keep_themselves_and_not_their_whole_segment() {
    let log = Log::open().await;
    let ids = log.append(0, 0..3000).await;
    let places: Vec<_> = {
        let entries =
            log.store.read_lane(log.lane, Position::default(), 3000).await.unwrap().entries;
        entries.into_iter().map(|entry| (entry.position, entry.event.id)).collect()
    };
    log.settle(places[7], dead(1)).await;
    log.settle(places[8], Then::Done).await;
    log.advance(after(places[2999].0)).await;
    log.store.seal().await.unwrap();
    // Closing moves everything into the file.
    let log = log.again();
    let before = std::fs::metadata(&log.files()[0]).unwrap().len();
    let dropped = log.drop_old(at(DAY)).await;
    assert_eq!((dropped.events, dropped.attempts), (2999, 1));
    let after = std::fs::metadata(&log.files()[0]).unwrap().len();
    assert!(after < before / 3, "{before} → {after}");
    assert_eq!(log.drop_old(at(DAY)).await, Dropped::default());
    let letters = log.store.dead_letters(everything()).await.unwrap();
    assert_eq!(letters[0].id.event, ids[7]);
    assert!(log.store.event(ids[7]).await.unwrap().is_some());
    let filter = AttemptFilter { event: Some(ids[7]), limit: 9, ..AttemptFilter::default() };
    assert_eq!(log.store.attempts(filter).await.unwrap().rows.len(), 1);
    // While it waits on its lane once more, and after it was delivered.
    assert_eq!(log.store.redrive(everything(), at(DAY)).await, Ok(1));
    assert_eq!(log.drop_old(at(2 * DAY)).await, Dropped::default());
    let end = log.places().await.pop().unwrap();
    assert_eq!(end.1, ids[7]);
    log.settle(end, Then::Done).await;
    log.advance(Position { index: end.0.index + 1, ..end.0 }).await;
    let dropped = log.drop_old(at(2 * DAY)).await;
    assert_eq!(dropped.events, 1, "{dropped:?}");
    assert_eq!(log.store.event(ids[7]).await, Ok(None));
}

#[tokio::test]
async fn a_bus_that_keeps_less_gives_its_room_back_beside_one_that_keeps_more() {
    let log = Log::open().await;
    let long: Vec<_> = (0..5).map(|number| entry("long", number, &[])).collect();
    let short: Vec<_> = (0..2000).map(|number| entry("short", number, &[])).collect();
    let kept = log.store.append(at(0), long).await.unwrap();
    log.store.append(at(0), short).await.unwrap();
    log.store.seal().await.unwrap();
    let keep = Keep {
        now: at(2 * DAY),
        buses: [("short".to_owned(), at(DAY))].into(),
        others: at(-DAY),
        attempts: at(-DAY),
        in_use: vec![log.lane],
    };
    let dropped = log.store.drop_old(keep.clone()).await.unwrap();
    assert_eq!((dropped.events, dropped.more), (2000, true));
    assert_eq!(log.store.drop_old(keep).await.unwrap(), Dropped::default());
    for one in kept {
        assert!(log.store.event(one.event()).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn the_last_segment_is_sealed_when_it_is_large_or_something_in_it_is_over() {
    let directory = tempfile::tempdir().unwrap();
    // An empty segment has about 300 kB of tables and indexes in its write-ahead log.
    let sealing = Sealing { bytes: 2_000_000, age_ms: DAY, over_bytes: 1_000_000, over_ms: 1_000 };
    let store = SqliteStore::open_with(directory.path(), sealing).unwrap();
    let segments = || {
        let files = std::fs::read_dir(directory.path().join("log")).unwrap();
        files.filter(|file| file.as_ref().unwrap().path().extension().unwrap() == "db").count()
    };
    let keep = |before| Keep { now: before, others: before, attempts: before, ..Keep::default() };
    store.append(at(0), vec![entry("b", 1, &[])]).await.unwrap();
    store.drop_old(keep(at(999))).await.unwrap();
    assert_eq!(segments(), 1, "not over for long enough");
    assert_eq!(store.drop_old(keep(at(1_001))).await.unwrap().events, 1);
    store.append(at(5_000), vec![entry("b", 1, &[])]).await.unwrap();
    store.append(at(5_000 + DAY), vec![entry("b", 1, &[])]).await.unwrap();
    store.drop_old(keep(at(0))).await.unwrap();
    assert_eq!(segments(), 2, "it holds a day");
    let many = (0..10_000).map(|number| entry("b", number, &[])).collect();
    store.append(at(6_000 + DAY), many).await.unwrap();
    store.drop_old(keep(at(0))).await.unwrap();
    assert_eq!(segments(), 3, "it is large");
}

#[tokio::test]
async fn ranges_and_history_are_read_through_all_segments() {
    let log = Log::open().await;
    let mut ids = Vec::new();
    for day in 0..3 {
        let begin = u32::try_from(day).unwrap() * 10;
        ids.extend(log.append(day * DAY, begin..begin + 10).await);
        for place in &log.places().await[ids.len() - 10..] {
            log.settle(*place, Then::Done).await;
        }
        log.store.seal().await.unwrap();
    }
    let mut range =
        EventRange { bus: "orders".to_owned(), from: at(0), until: at(2 * DAY), after: None };
    let mut read = Vec::new();
    loop {
        let page = log.store.read_events(range.clone(), 7).await.unwrap();
        read.extend(page.events.into_iter().map(|event| event.id));
        range.after = Some(page.looked_until);
        if page.at_end {
            break;
        }
    }
    assert_eq!(read, ids[..20]);
    let mut filter = AttemptFilter { limit: 7, ..AttemptFilter::default() };
    let mut listed = Vec::new();
    loop {
        let page = log.store.attempts(filter.clone()).await.unwrap();
        listed.extend(page.rows.into_iter().map(|row| row.id.event));
        let Some(next) = page.next else { break };
        filter.after = Some(next);
    }
    ids.reverse();
    assert_eq!(listed, ids);
    let second = AttemptFilter {
        from: Some(at(DAY)),
        until: Some(at(2 * DAY)),
        limit: 100,
        ..AttemptFilter::default()
    };
    let page = log.store.attempts(second).await.unwrap();
    let listed: Vec<_> = page.rows.into_iter().map(|row| row.id.event).collect();
    assert_eq!(listed, ids[10..20]);
}

#[tokio::test]
async fn a_segment_that_was_not_finished_is_none() {
    let log = Log::open().await;
    let ids = log.append(0, 0..2).await;
    let path = log.directory.path().join("log");
    std::fs::write(path.join("00000000000000000009.db.new"), b"half").unwrap();
    std::fs::write(path.join("00000000000000000009.db.new-wal"), b"half").unwrap();
    let log = log.again();
    assert_eq!(log.unsettled().await, ids);
    let left = std::fs::read_dir(path)
        .unwrap()
        .filter(|file| file.as_ref().unwrap().path().to_string_lossy().contains(".new"));
    assert_eq!(left.count(), 0);
}
