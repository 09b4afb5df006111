//! What holds of entries that carry an id, told as claims.

use std::collections::HashMap;

use model::{EntryId, EventDraft, EventFields, EventId, Timestamp};

use super::retention::drop_all;
use super::{Bench, at, behind, done, entry, ids, lane_key, name, places};
use crate::{Appended, Entry, Keep, LaneId, Once, Store};

/// How long the claims' ids are remembered.
const WINDOW_MS: i64 = 1000;

/// How many steps the naive book is compared for.
const STEPS: u32 = 300;

/// An entry with an id; entries of the same number have the same content.
fn named(bus: &str, id: &str, number: u32, lanes: &[LaneId]) -> Entry {
    let fields = entry(number, &[]).draft.fields().clone();
    let draft = EventDraft::new(name(bus), fields).expect("a whole event");
    let id = EntryId::new(id).expect("visible characters are an id");
    Entry { draft, lanes: lanes.to_vec(), once: Some(Once { id, window_ms: WINDOW_MS }) }
}

async fn append_one(store: &dyn Store, now: Timestamp, entry: Entry) -> Appended {
    store.append(now, vec![entry]).await.expect("appended")[0]
}

/// An entry with an id is appended once, also when the store was opened again in between.
pub async fn an_entry_with_an_id_is_appended_once<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let lanes = store.lanes(vec![lane_key("a"), lane_key("b")]).await.expect("lanes");
    let appended = append_one(&*store, at(0), named("orders", "x", 1, &lanes)).await;
    let first = appended.event();
    assert_eq!(appended, Appended::New(first));
    // Rules may have changed in between: what counts is where the first one went.
    let again = named("orders", "x", 1, &lanes[..1]);
    let duplicate = Appended::Duplicate { first, lanes: 2 };
    assert_eq!(append_one(&*store, at(1), again.clone()).await, duplicate);
    drop(store);
    let store = bench.open().await;
    assert_eq!(append_one(&*store, at(2), again).await, duplicate);
    assert_eq!(ids(&places(&*store, lanes[0]).await), [first]);
    assert_eq!(store.backlog(lanes[1]).await, Ok(1));
    // Another bus, another id and no id are other entries.
    let mut without = named("orders", "x", 1, &[]);
    without.once = None;
    for other in [named("parcels", "x", 1, &[]), named("orders", "X", 1, &[]), without] {
        assert!(matches!(append_one(&*store, at(3), other).await, Appended::New(_)));
    }
}

/// The same id twice in one call is one event, and its neighbours are not disturbed.
pub async fn the_same_id_twice_in_one_call_is_one_event<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let lane = store.lanes(vec![lane_key("a")]).await.expect("lanes")[0];
    let named = |id, number| named("orders", id, number, &[lane]);
    let entries =
        vec![named("x", 1), named("y", 2), named("x", 1), entry(3, &[lane]), named("y", 7)];
    let appended = store.append(at(0), entries).await.expect("appended");
    let (x, y, plain) = (appended[0].event(), appended[1].event(), appended[3].event());
    assert_eq!(
        appended,
        [
            Appended::New(x),
            Appended::New(y),
            Appended::Duplicate { first: x, lanes: 1 },
            Appended::New(plain),
            Appended::Mismatch { first: y },
        ]
    );
    assert_eq!(ids(&places(&*store, lane).await), [x, y, plain]);
}

/// Each part of the content counts but the trace, which may be another one each time.
pub async fn an_id_with_another_content_is_a_mismatch<B: Bench>(bench: &B) {
    type Change = fn(&mut EventFields);
    let store = bench.open().await;
    let first = append_one(&*store, at(0), named("orders", "x", 1, &[])).await.event();
    let changes: [Change; 6] = [
        |fields| fields.source.push('2'),
        |fields| fields.detail_type.push('2'),
        |fields| fields.detail = String::from(r#"{"number":2}"#),
        |fields| fields.time = None,
        |fields| fields.time = Some(at(-6)),
        |fields| fields.resources = vec!["onetwo".to_owned()],
    ];
    let changed = |change: Change| {
        let mut entry = named("orders", "x", 1, &[]);
        let mut fields = entry.draft.fields().clone();
        change(&mut fields);
        entry.draft = EventDraft::new(name("orders"), fields).expect("a whole event");
        entry
    };
    for change in changes {
        let appended = append_one(&*store, at(1), changed(change)).await;
        assert_eq!(appended, Appended::Mismatch { first });
    }
    let traced = changed(|fields| fields.traceparent = None);
    let duplicate = Appended::Duplicate { first, lanes: 0 };
    assert_eq!(append_one(&*store, at(2), traced).await, duplicate);
}

/// An id is remembered for its window, though its event is gone; then it may be used anew.
pub async fn an_id_is_forgotten_after_its_window<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let lane = store.lanes(vec![lane_key("a")]).await.expect("lanes")[0];
    let named = |id, number| named("orders", id, number, &[lane]);
    let first = append_one(&*store, at(0), named("x", 1)).await.event();
    append_one(&*store, at(500), named("y", 2)).await;
    let place = places(&*store, lane).await[0];
    store.settle(vec![done(lane, place)], vec![(lane, behind(place))]).await.expect("settled");
    let keep = Keep { now: at(1), others: at(1), in_use: vec![lane], ..Keep::default() };
    drop_all(&*store, &keep).await;
    let duplicate = Appended::Duplicate { first, lanes: 1 };
    assert_eq!(append_one(&*store, at(WINDOW_MS - 1), named("x", 1)).await, duplicate);
    assert_eq!(store.forget_entries(at(WINDOW_MS - 1), 100).await, Ok(0));
    // Its content does not matter any more.
    let second = append_one(&*store, at(WINDOW_MS), named("x", 7)).await;
    assert!(matches!(second, Appended::New(id) if id.seq > first.seq), "{second:?}");
    let duplicate = Appended::Duplicate { first: second.event(), lanes: 1 };
    assert_eq!(append_one(&*store, at(WINDOW_MS + 1), named("x", 7)).await, duplicate);
    // Of y and the second x, only y is over; then what is over goes in pieces.
    assert_eq!(store.forget_entries(at(500 + WINDOW_MS), 100).await, Ok(1));
    append_one(&*store, at(WINDOW_MS + 2), named("z", 3)).await;
    assert_eq!(store.forget_entries(at(3 * WINDOW_MS), 1).await, Ok(1));
    assert_eq!(store.forget_entries(at(3 * WINDOW_MS), 100).await, Ok(1));
    assert_eq!(store.forget_entries(at(3 * WINDOW_MS), 100).await, Ok(0));
}

/// Numbers that look random and are the same at every run (Knuth's MMIX generator).
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 33).expect("31 bits") % sides
    }
}

/// The first entry of an id: its event, its number, how many lanes it went to.
#[derive(Clone, Copy)]
struct First {
    event: EventId,
    number: u32,
    lanes: usize,
}

/// A map of everything, which is what the store has to answer like.
#[derive(Default)]
struct Book {
    firsts: HashMap<(&'static str, u32), First>,
    lane_entries: u64,
}

/// One random entry: its bus, its id if it has one, its content's number, whether it has a lane.
#[derive(Debug, Clone, Copy)]
struct Throw {
    bus: &'static str,
    id: Option<u32>,
    number: u32,
    lanes: usize,
}

impl Throw {
    fn new(dice: &mut Dice) -> Self {
        Self {
            bus: if dice.below(3) == 0 { "parcels" } else { "orders" },
            id: (dice.below(4) > 0).then(|| dice.below(12)),
            number: dice.below(2),
            lanes: usize::from(dice.below(2) == 0),
        }
    }

    fn entry(self, lane: LaneId) -> Entry {
        let lanes = vec![lane; self.lanes];
        let mut entry = named(self.bus, &self.id.unwrap_or(0).to_string(), self.number, &lanes);
        entry.once = entry.once.filter(|_| self.id.is_some());
        entry
    }
}

impl Book {
    /// Holds the store's answer against what the book says, and writes it down.
    fn check(&mut self, now: Timestamp, throw: Throw, appended: Appended) {
        let key = throw.id.map(|id| (throw.bus, id));
        let known = key.and_then(|key| self.firsts.get(&key).copied());
        let known = known.filter(|first| now.since_ms(first.event.accepted_at) < WINDOW_MS);
        let Throw { number, lanes, .. } = throw;
        match known {
            None => {
                let event = appended.event();
                assert_eq!(appended, Appended::New(event), "{throw:?}");
                self.lane_entries += lanes as u64;
                self.firsts.extend(key.map(|key| (key, First { event, number, lanes })));
            }
            Some(First { event: first, lanes, number: same }) if same == number => {
                assert_eq!(appended, Appended::Duplicate { first, lanes }, "{throw:?}");
            }
            Some(First { event: first, .. }) => {
                assert_eq!(appended, Appended::Mismatch { first }, "{throw:?}");
            }
        }
    }
}

/// Over many random calls, with restarts and with ids forgotten in between, every answer is that of
/// a map of everything.
pub async fn ids_are_known_as_in_a_naive_book<B: Bench>(bench: &B) {
    let mut store = bench.open().await;
    let lane = store.lanes(vec![lane_key("a")]).await.expect("lanes")[0];
    let (mut dice, mut book, mut now) = (Dice(7), Book::default(), at(0));
    for _ in 0..STEPS {
        now = now.plus_ms(i64::from(dice.below(120)));
        match dice.below(20) {
            0 => {
                drop(store);
                store = bench.open().await;
            }
            1 | 2 => {
                let limit = 1 + dice.below(5) as usize;
                assert!(store.forget_entries(now, limit).await.expect("forgotten") <= limit);
            }
            _ => {
                let throws: Vec<Throw> =
                    (0..=dice.below(6)).map(|_| Throw::new(&mut dice)).collect();
                let entries = throws.iter().map(|throw| throw.entry(lane)).collect();
                let appended = store.append(now, entries).await.expect("appended");
                assert_eq!(appended.len(), throws.len());
                for (throw, appended) in throws.into_iter().zip(appended) {
                    book.check(now, throw, appended);
                }
            }
        }
    }
    assert_eq!(store.backlog(lane).await, Ok(book.lane_entries));
}
