//! Asks both stores everything there is to ask of the log and its deliveries, and compares.

use std::collections::BTreeSet;

use model::{Attempt, DeadReason, EventId, Name, Timestamp};
use store::conformance::Bench;
use store::{
    AttemptFilter, AttemptPlace, DeadFilter, Deliveries as _, EventRange, LaneEnd, LaneId,
    LaneState, Store,
};

use super::{ALL, BUSES, LANES, Pair, behind, operation};

/// How many pages a listing may take.
const PAGES_MAX: usize = 2000;

/// Sizes of pages, taken in turn.
const PAGES: [usize; 4] = [3, 1, ALL, 2];

/// Which of the stores is asked; what it answers is told without its own numbers.
#[derive(Clone, Copy)]
struct Side<'a> {
    store: &'a dyn Store,
    is_ours: bool,
}

/// A dead letter: its lane, its event, and what is kept of it.
type Letter = (usize, usize, (Name, Timestamp, u32, DeadReason));

/// An attempt: its event and its lane, the later ones first in a listing.
type Made = (usize, usize, Attempt);

impl<B: Bench> Pair<'_, B> {
    /// Compares every answer.
    pub(super) async fn look(&self) {
        let theirs = self.theirs();
        let (ours, theirs) =
            (Side { store: &self.ours, is_ours: true }, Side { store: &*theirs, is_ours: false });
        for lane in 0..LANES {
            let end = self.lane_end(theirs, lane).await;
            assert_eq!(end, self.lane_end(ours, lane).await, "the end of lane {lane}");
            if self.in_use(lane) {
                self.look_at_lane(ours, theirs, lane).await;
            }
        }
        for bus in BUSES {
            for range in self.ranges(bus) {
                let what = format!("{range:?}");
                let expected = self.events_in(ours, range.clone()).await;
                assert_eq!(self.events_in(theirs, range).await, expected, "events of {what}");
            }
        }
        self.look_at_letters(ours, theirs).await;
        self.look_at_attempts(ours, theirs).await;
        let fired = ours.store.last_fired("nightly".to_owned()).await;
        assert_eq!(theirs.store.last_fired("nightly".to_owned()).await, fired, "last fired");
    }

    /// So many rows a page has now.
    fn page(&self) -> usize {
        PAGES[self.step % PAGES.len()]
    }

    fn event_number(&self, side: Side<'_>, seq: u64) -> usize {
        let of =
            |one: &super::Known| if side.is_ours { one.id.ours.seq } else { one.id.theirs.seq };
        let number = self.events.iter().position(|known| of(known) == seq);
        number.expect("only what was accepted is told of")
    }

    fn lane_id(&self, side: Side<'_>, lane: usize) -> LaneId {
        let both = self.lanes[lane];
        if side.is_ours { both.ours } else { both.theirs }
    }

    fn lane_number(&self, side: Side<'_>, id: LaneId) -> usize {
        let number = (0..LANES).find(|lane| self.lane_id(side, *lane) == id);
        number.expect("only our lanes are told of")
    }

    async fn lane_end(&self, side: Side<'_>, lane: usize) -> (u64, Option<usize>) {
        let end = side.store.lane_end(self.lane_id(side, lane)).await.expect("an end");
        let LaneEnd { entries, last } = end;
        (entries, last.map(|seq| self.event_number(side, seq)))
    }

    async fn look_at_lane(&self, ours: Side<'_>, theirs: Side<'_>, lane: usize) {
        let expected = self.entries(ours, lane).await;
        assert_eq!(self.entries(theirs, lane).await, expected, "entries of lane {lane}");
        let expected = self.opened(ours, lane).await;
        assert_eq!(self.opened(theirs, lane).await, expected, "waiting and settled on lane {lane}");
        let expected = self.due(ours, lane).await;
        assert_eq!(self.due(theirs, lane).await, expected, "retries of lane {lane}");
        let id = self.lane_id(theirs, lane);
        let (backlog, oldest) = (theirs.store.backlog(id).await, theirs.store.oldest(id).await);
        let (least, most) = (self.waiting(lane, true).await, self.waiting(lane, false).await);
        // What is settled behind the cursor may be gone already.
        let backlog = backlog.expect("a backlog");
        assert!(
            (least.0..=most.0).contains(&backlog),
            "{backlog} wait on lane {lane}, not {most:?}"
        );
        let oldest = oldest.expect("a moment");
        let known = [least.1, most.1].contains(&oldest);
        assert!(known, "the oldest of lane {lane} is of {oldest:?}, not of {most:?}");
    }

    /// How many entries wait on a lane and since when the oldest does, with or without those whose
    /// events are gone.
    async fn waiting(&self, lane: usize, only_kept: bool) -> (u64, Option<Timestamp>) {
        let id = self.lanes[lane].ours;
        let due = self.ours.due(id, None, ALL).await.expect("due");
        let behind_cursor = self.stands.iter().filter(|stand| {
            stand.lane == lane
                && stand.at.ours >= self.cursors[lane].ours
                && (!only_kept || self.events[stand.event].kept)
        });
        let since = behind_cursor.map(|stand| stand.since);
        let since: Vec<_> = since.chain(due.iter().map(|one| one.since)).collect();
        if !only_kept {
            let told = (self.ours.backlog(id).await, self.ours.oldest(id).await);
            let expected = (Ok(since.len() as u64), Ok(since.iter().min().copied()));
            assert_eq!(told, expected, "what we say ourselves of lane {lane}");
        }
        (since.len() as u64, since.into_iter().min())
    }

    /// Which entries of a lane are read, by their order, in pages.
    async fn entries(&self, side: Side<'_>, lane: usize) -> Vec<(usize, Timestamp, Option<u32>)> {
        let (mut found, mut from) = (Vec::new(), store::Position::default());
        for _ in 0..PAGES_MAX {
            let id = self.lane_id(side, lane);
            let page = side.store.read_lane(id, from, self.page()).await.expect("a lane").entries;
            let Some(last) = page.last() else { return found };
            from = behind(last.position);
            for entry in page {
                let place = self.stand_at(side, lane, entry.position);
                let event = self.event_number(side, entry.event.id.seq);
                assert_eq!(self.stands[place].event, event, "the event of an entry");
                // Of what is settled, nobody asks any more how often it was tried before.
                let waits = self.stands[place].state == super::State::Waiting;
                found.push((place, entry.since, waits.then_some(entry.attempts_before)));
            }
        }
        unreachable!("the lane has no end");
    }

    /// The entry at a position, by its order among all.
    fn stand_at(&self, side: Side<'_>, lane: usize, at: store::Position) -> usize {
        let of = |stand: &super::Stand| if side.is_ours { stand.at.ours } else { stand.at.theirs };
        let place = self.stands.iter().position(|one| one.lane == lane && of(one) == at);
        place.expect("only what was put there stands on a lane")
    }

    /// What a worker would deliver that opens the lane now, of what is still there; and, as long as
    /// nothing was dropped, what of it is settled already. A lane's cursor is not compared: where
    /// none was saved, or what is before it is gone, it may be anywhere before the first entry.
    async fn opened(&self, side: Side<'_>, lane: usize) -> (BTreeSet<usize>, BTreeSet<usize>) {
        let open = side.store.open_lane(self.lane_id(side, lane)).await.expect("a lane");
        let LaneState { cursor, settled } = open;
        assert!(settled.iter().all(|at| *at >= cursor), "settled before the cursor");
        let of = |one: &usize| {
            let at = self.stands[*one].at;
            if side.is_ours { at.ours } else { at.theirs }
        };
        let is_kept = |one: &usize| {
            let stand = &self.stands[*one];
            stand.lane == lane && self.events[stand.event].kept
        };
        let kept = (0..self.stands.len()).filter(is_kept).filter(|one| of(one) >= cursor);
        let (settled, waiting): (BTreeSet<_>, BTreeSet<_>) =
            kept.partition(|one| settled.contains(&of(one)));
        (waiting, if self.dropped { BTreeSet::new() } else { settled })
    }

    /// The retries of a lane, in pages.
    async fn due(
        &self,
        side: Side<'_>,
        lane: usize,
    ) -> Vec<(usize, Timestamp, u32, Timestamp, u32)> {
        let (mut found, mut after) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let id = self.lane_id(side, lane);
            let page = side.store.due(id, after, self.page()).await.expect("due");
            let Some(last) = page.last() else { return found };
            after = Some(last.place());
            for one in page {
                let event = self.event_number(side, one.event.id.seq);
                let place = self.stands.iter().position(|stand| {
                    let at = if side.is_ours { stand.at.ours } else { stand.at.theirs };
                    stand.lane == lane && at.chunk == one.chunk && stand.event == event
                });
                let place = place.expect("a retry stands on its lane");
                found.push((place, one.due, one.tries, one.since, one.attempts));
            }
        }
        unreachable!("the retries have no end");
    }

    /// All of a bus, and the middle third of its time.
    fn ranges(&self, bus: &str) -> [EventRange; 2] {
        let bus = || bus.to_owned();
        let first = self.events.first().map_or(self.now, |known| known.id.ours.accepted_at);
        let third = self.now.since_ms(first) / 3;
        let (from, until) = (first.plus_ms(third), first.plus_ms(2 * third));
        [
            EventRange { bus: bus(), from: first, until: self.now.plus_ms(1), after: None },
            EventRange { bus: bus(), from, until, after: None },
        ]
    }

    async fn events_in(&self, side: Side<'_>, mut range: EventRange) -> Vec<usize> {
        let mut found = Vec::new();
        for _ in 0..PAGES_MAX {
            let page = side.store.read_events(range.clone(), self.page()).await.expect("a page");
            assert!(page.events.len() <= self.page(), "a page is too long");
            for event in &page.events {
                assert!(event.id.seq <= page.looked_until, "it was looked at");
                found.push(self.event_number(side, event.id.seq));
            }
            if page.at_end {
                return found;
            }
            assert!(page.looked_until > range.after.unwrap_or(0), "the reader stands still");
            range.after = Some(page.looked_until);
        }
        unreachable!("the range has no end");
    }

    async fn look_at_letters(&self, ours: Side<'_>, theirs: Side<'_>) {
        let all = || DeadFilter { limit: ALL, ..DeadFilter::default() };
        let expected = self.letters_of(ours, all()).await;
        assert_eq!(self.letters_of(theirs, all()).await, expected, "dead letters");
        let filters = [
            DeadFilter { code: Some(operation::code(true)), ..all() },
            DeadFilter { queue: Some(operation::queue(false)), from: Some(self.now), ..all() },
        ];
        for filter in filters {
            let expected = self.letters_of(ours, filter.clone()).await;
            assert_eq!(self.letters_of(theirs, filter).await, expected, "some dead letters");
        }
        // Pages go on by delivery: one that died in two places may be cut off between them.
        let deliveries: BTreeSet<_> = expected.iter().map(|one| (one.0, one.1)).collect();
        if deliveries.len() == expected.len() {
            assert_eq!(self.letters_in_pages(theirs).await, expected, "pages of dead letters");
        }
        let counts = ours.store.dead_counts().await;
        assert_eq!(theirs.store.dead_counts().await, counts, "dead letters by queue");
    }

    async fn letters_in_pages(&self, side: Side<'_>) -> Vec<Letter> {
        let mut filter = DeadFilter { limit: self.page(), ..DeadFilter::default() };
        let mut found = Vec::new();
        for _ in 0..PAGES_MAX {
            let page = self.letters_of(side, filter.clone()).await;
            let Some((lane, event, _)) = page.last() else { return found };
            let seq = self.event_id(side, *event).seq;
            filter.after = Some((self.lane_id(side, *lane), seq));
            found.extend(page);
        }
        unreachable!("the letters have no end");
    }

    async fn letters_of(&self, side: Side<'_>, filter: DeadFilter) -> Vec<Letter> {
        let letters = side.store.dead_letters(filter).await.expect("letters");
        let mut found: Vec<Letter> = Vec::new();
        for letter in letters {
            let event = self.event_number(side, letter.id.event.seq);
            let whole = self.event_id(side, event);
            assert_eq!(letter.id.event, whole, "the id of a dead letter's event");
            let lane = self.lane_number(side, letter.id.lane);
            assert_eq!(letter.lane, super::lane_key(lane), "the lane of a dead letter");
            let kept = (letter.queue, letter.at, letter.attempts, letter.reason);
            found.push((lane, event, kept));
        }
        assert!(found.is_sorted_by_key(|one| (one.0, one.1)), "letters by lane and event");
        found.sort_by(|a, b| (a.0, a.1, &a.2.3.message).cmp(&(b.0, b.1, &b.2.3.message)));
        found
    }

    fn event_id(&self, side: Side<'_>, event: usize) -> EventId {
        let both = self.events[event].id;
        if side.is_ours { both.ours } else { both.theirs }
    }

    async fn look_at_attempts(&self, ours: Side<'_>, theirs: Side<'_>) {
        let lanes = |side: Side<'_>| vec![self.lane_id(side, 0), self.lane_id(side, 2)];
        let middle = self.events.get(self.events.len() / 2);
        let filters = |side: Side<'_>| {
            let all = || AttemptFilter { limit: self.page(), ..AttemptFilter::default() };
            let middle = middle.filter(|known| known.kept);
            let event =
                middle.map(|known| if side.is_ours { known.id.ours } else { known.id.theirs });
            [
                all(),
                AttemptFilter { limit: ALL, ..all() },
                AttemptFilter { lanes: Some(lanes(side)), failed_only: true, ..all() },
                AttemptFilter { statuses: Some(400..=503), ..all() },
                AttemptFilter { from: Some(self.now), until: Some(self.now.plus_ms(1)), ..all() },
                AttemptFilter { until: Some(self.now), ..all() },
                AttemptFilter { event, ..all() },
            ]
        };
        for (one, other) in filters(ours).into_iter().zip(filters(theirs)) {
            let what = format!("{one:?}");
            let whole = one.limit == ALL;
            let (ours, theirs) =
                (self.attempts_of(ours, one).await, self.attempts_of(theirs, other).await);
            if whole {
                assert_eq!(theirs, ours, "attempts of {what}");
            } else {
                // Pages go on by place: of two attempts at one place the second may be cut off.
                let place = |one: &Made| (one.0, one.1, one.2.number);
                let places = |all: &[Made]| all.iter().map(place).collect::<BTreeSet<_>>();
                assert_eq!(places(&theirs), places(&ours), "attempts of {what}");
            }
        }
    }

    async fn attempts_of(&self, side: Side<'_>, mut filter: AttemptFilter) -> Vec<Made> {
        let mut found: Vec<Made> = Vec::new();
        for _ in 0..PAGES_MAX {
            let page = side.store.attempts(filter.clone()).await.expect("attempts");
            assert!(page.rows.len() <= filter.limit, "a page is too long");
            for row in page.rows {
                let event = self.event_number(side, row.id.event.seq);
                let lane = self.lane_number(side, row.id.lane);
                assert_eq!(row.lane, super::lane_key(lane), "the lane of an attempt");
                found.push((event, lane, Attempt { address: None, ..row.attempt }));
            }
            let Some(next) = page.next else {
                let place = |one: &Made| std::cmp::Reverse((one.0, one.1, one.2.number));
                assert!(found.is_sorted_by_key(place), "the newest attempts first");
                found.sort_by_key(|one| (place(one), one.2.took_ms));
                return found;
            };
            let forwards = |after: AttemptPlace| next < after;
            assert!(filter.after.is_none_or(forwards), "the listing stands still");
            filter.after = Some(next);
        }
        unreachable!("the listing has no end");
    }
}
