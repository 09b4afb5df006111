//! Single claims about the scheduler.

use retry::Policy;
use store::DuePlace;

use super::fake::{Disk, answer, at, lane, plan};
use super::*;

/// A scheduler with a disk that answers at once.
struct Bench {
    scheduler: Scheduler,
    disk: Disk,
    plan: Arc<DestinationPlan>,
    refuses: bool,
    /// How many writes more are refused.
    refuses_more: usize,
    writes: usize,
    asked: usize,
    told: Vec<Tell>,
}

fn moment(ms: i64) -> Now {
    Now { at: at(ms), ticks_ns: ms.unsigned_abs() * 1_000_000 }
}

impl Bench {
    fn new(lanes: u32, in_flight_max: u32, order: Order) -> Self {
        let lanes = (1..=lanes).map(|id| lane(id, Policy::default())).collect();
        let plan = Arc::new(plan(lanes, (10_000, 10_000), in_flight_max, order));
        let scheduler = Scheduler::new(Arc::clone(&plan), None, Remains::default(), moment(0));
        let disk = Disk::default();
        Self {
            scheduler,
            disk,
            plan,
            refuses: false,
            refuses_more: 0,
            writes: 0,
            asked: 0,
            told: Vec::new(),
        }
    }

    /// Begins anew with another plan.
    fn begin_with(&mut self, change: impl FnOnce(&mut DestinationPlan)) {
        let mut plan = (*self.plan).clone();
        change(&mut plan);
        self.plan = Arc::new(plan);
        self.scheduler =
            Scheduler::new(Arc::clone(&self.plan), None, Remains::default(), moment(0));
    }

    fn append(&mut self, lanes: &[LaneId], detail: &str) -> u64 {
        let seq = self.disk.append(lanes, detail.to_owned(), at(0));
        for lane in lanes {
            self.scheduler.take(Input::Woken(*lane as usize - 1), moment(0));
        }
        seq
    }

    /// Does what the scheduler says; gives the attempts it begins.
    fn run(&mut self, ms: i64) -> Vec<Start> {
        let (now, mut started) = (moment(ms), Vec::new());
        while let Some(command) = self.scheduler.next(now) {
            let input = match command {
                Command::Ask(lane, ask) => {
                    self.asked += 1;
                    let id = self.plan.lanes[lane].id;
                    match ask {
                        Ask::Open => Input::Opened(lane, self.disk.open_lane(id)),
                        Ask::Entries { from, limit } => {
                            Input::Entries(lane, self.disk.read_lane(id, from, limit))
                        }
                        Ask::Retries { after, limit } => {
                            Input::Retries(lane, self.disk.due(id, after, limit))
                        }
                    }
                }
                Command::Write(settlements, cursors) => {
                    self.writes += 1;
                    let refused = self.refuses || self.refuses_more > 0;
                    self.refuses_more = self.refuses_more.saturating_sub(1);
                    if !refused {
                        self.disk.settle(&settlements, &cursors);
                    }
                    Input::Written(!refused)
                }
                Command::Keep(_) => Input::Kept(true),
                Command::Start(start) => {
                    started.push(start);
                    continue;
                }
                Command::Tell(tell) => {
                    self.told.push(tell);
                    continue;
                }
            };
            self.scheduler.take(input, now);
        }
        started
    }

    fn end(&mut self, start: Start, status: u16, (ms, wish_ms): (i64, Option<i64>)) {
        let result = answer(status, wish_ms);
        let ended = Box::new(Ended { start, result, spread: 0.5 });
        self.scheduler.take(Input::Ended(ended), moment(ms));
    }

    /// Delivers what begins until nothing does; gives lanes and events in that order.
    fn deliver(&mut self, ms: i64) -> Vec<(usize, u64)> {
        let mut delivered = Vec::new();
        loop {
            let started = self.run(ms);
            if started.is_empty() {
                return delivered;
            }
            for start in started {
                delivered.push((start.delivery.lane, start.delivery.event.id.seq));
                self.end(start, 204, (ms, None));
            }
        }
    }

    /// Another plan for the same destination.
    fn change(&mut self, ms: i64) {
        self.scheduler.stop();
        assert!(self.run(ms).is_empty());
        assert!(self.scheduler.is_done());
        let state = self.disk.state();
        let plan = Arc::clone(&self.plan);
        let fresh = Scheduler::new(Arc::clone(&plan), None, Remains::default(), moment(ms));
        let remains = std::mem::replace(&mut self.scheduler, fresh).remains();
        self.scheduler = Scheduler::new(plan, state, remains, moment(ms));
    }
}

#[test]
fn lanes_take_turns_however_much_waits_on_one() {
    let mut bench = Bench::new(3, 1, Order::None);
    for _ in 0..400 {
        bench.append(&[1], "{}");
    }
    for _ in 0..20 {
        bench.append(&[2, 3], "{}");
    }
    let delivered = bench.deliver(0);
    assert_eq!(delivered.len(), 440);
    for lane in [1, 2] {
        let last = delivered.iter().rposition(|(of, _)| *of == lane).unwrap();
        assert!(last < 70, "lane {lane} waits for a busy neighbour: {last}");
    }
}

#[test]
fn a_retry_comes_before_what_is_new_and_keeps_its_place_in_the_turns() {
    let mut bench = Bench::new(2, 1, Order::None);
    let (first, other) = (bench.append(&[1], "{}"), bench.append(&[2], "{}"));
    let start = bench.run(0).remove(0);
    bench.end(start, 503, (0, None));
    let second = bench.append(&[1], "{}");
    let start = bench.run(0).remove(0);
    assert_eq!(start.delivery.event.id.seq, other);
    // The outcome of the first has waited for others, and is written.
    assert!(bench.run(GATHER_MS).is_empty());
    bench.end(start, 204, (1_000, None));
    assert_eq!(bench.deliver(1_000), [(0, first), (0, second)]);
}

#[test]
fn pause_and_breaker_outlive_a_plan_and_end_when_it_is_switched() {
    let mut bench = Bench::new(1, 16, Order::None);
    for _ in 0..40 {
        bench.append(&[1], "{}");
    }
    for start in bench.run(0) {
        bench.end(start, 503, (10, None));
    }
    bench.change(20);
    assert!(bench.run(500).is_empty(), "the breaker is open");
    let probe = bench.run(1_100);
    assert_eq!(probe.len(), 1, "one probe");
    bench.end(probe.into_iter().next().unwrap(), 429, (1_100, Some(60_000)));
    bench.change(1_200);
    assert!(bench.run(50_000).is_empty(), "the receiver asked for a minute");
    bench.disk.enable(at(50_000));
    bench.change(50_000);
    assert_eq!(bench.run(50_000).len(), 16, "who enables it wants it tried");
}

#[test]
fn the_bucket_outlives_a_plan() {
    let mut bench = Bench::new(1, 32, Order::None);
    bench.begin_with(|plan| plan.destination.rate = Limit::new(Rate::per_second(1), 4));
    for _ in 0..9 {
        bench.append(&[1], "{}");
    }
    assert_eq!(bench.deliver(0).len(), 4);
    bench.change(10);
    assert!(bench.deliver(10).is_empty(), "a new plan is no new burst");
    assert_eq!(bench.deliver(1_000).len(), 1);
}

#[test]
fn a_refusing_store_is_asked_again_and_nothing_is_forgotten() {
    let mut bench = Bench::new(1, 8, Order::None);
    bench.refuses = true;
    for _ in 0..2_000 {
        bench.append(&[1], "{}");
    }
    let delivered = bench.deliver(0).len();
    // One write is being tried; the outcomes behind it have a bound.
    assert!((1_000..1_100).contains(&delivered), "{delivered}");
    let writes = bench.writes;
    bench.run(499);
    assert_eq!(bench.writes, writes, "it is left alone for half a second");
    bench.refuses = false;
    bench.deliver(500);
    bench.deliver(1_500);
    assert_eq!((bench.disk.waiting(), bench.deliver(3_000).len()), (0, 0));
}

#[test]
fn a_calendar_that_is_set_back_stops_no_write() {
    let mut bench = Bench::new(1, 8, Order::None);
    bench.append(&[1], "{}");
    let start = bench.run(9_000_000).remove(0);
    bench.refuses = true;
    bench.end(start, 204, (9_000_000, None));
    bench.run(9_000_010);
    bench.refuses = false;
    bench.run(1_000_000);
    assert_eq!(bench.disk.waiting(), 0);
}

#[test]
fn what_is_lost_at_the_end_is_passed_by_no_cursor() {
    let mut bench = Bench::new(1, 2, Order::None);
    for _ in 0..4 {
        bench.append(&[1], "{}");
    }
    let mut started = bench.run(0).into_iter();
    bench.end(started.next().unwrap(), 204, (0, None));
    bench.refuses = true;
    bench.scheduler.stop();
    bench.scheduler.hurry();
    // While one is under way there is time; its outcome waits behind what is refused.
    for ms in [0, 500, 1_000, 1_500, 2_000] {
        bench.run(ms);
    }
    bench.end(started.next().unwrap(), 204, (2_000, None));
    (bench.refuses, bench.refuses_more) = (false, 3);
    for ms in [2_500, 3_000] {
        bench.run(ms);
        assert!(!bench.scheduler.is_done());
    }
    bench.run(3_500);
    assert!(bench.scheduler.is_done());
    // The last one is kept, and the disk would object to a cursor beyond the first one.
    assert_eq!(bench.disk.waiting(), 3);
}

#[test]
fn another_plan_is_no_reason_to_give_up_outcomes() {
    let mut bench = Bench::new(1, 2, Order::None);
    bench.append(&[1], "{}");
    let start = bench.run(0).remove(0);
    bench.refuses = true;
    bench.scheduler.stop();
    bench.end(start, 204, (0, None));
    for turn in 0..20 {
        bench.run(turn * 500);
        assert!(!bench.scheduler.is_done());
    }
    bench.refuses = false;
    bench.run(10_000);
    assert!(bench.scheduler.is_done());
    assert_eq!(bench.disk.waiting(), 0);
}

#[test]
fn at_the_end_nothing_is_waited_for_that_is_over() {
    let mut bench = Bench::new(1, 2, Order::None);
    bench.append(&[1], "{}");
    bench.append(&[1], "{}");
    let mut started = bench.run(0).into_iter();
    bench.end(started.next().unwrap(), 503, (0, None));
    bench.run(10);
    bench.scheduler.stop();
    assert!(bench.run(2_000).is_empty());
    // The other one is under way; the retry that is due begins no more.
    let wait = bench.scheduler.wait(moment(2_000));
    assert!(wait > Duration::from_millis(500), "{wait:?}");
}

#[test]
fn idle_lanes_are_left_alone() {
    let mut bench = Bench::new(50, 2, Order::None);
    bench.run(0);
    let asked = bench.asked;
    let mut ms = 0;
    while ms < 20_000 {
        bench.run(ms);
        ms += i64::try_from(bench.scheduler.wait(moment(ms)).as_millis()).unwrap();
    }
    assert_eq!(bench.asked, asked);
    bench.run(31_000);
    assert!(bench.asked > asked, "now and then they are looked at");
}

#[test]
fn a_published_rate_outlives_a_plan_with_the_same_rate() {
    for (same, many) in [(true, 1), (false, 8)] {
        let mut bench = Bench::new(1, 8, Order::None);
        for _ in 0..40 {
            bench.append(&[1], "{}");
        }
        let start = bench.run(0).remove(0);
        let advertised = Some(retry::Advertised { count: 1, window_seconds: 10 });
        let result = attempt::Result { advertised, ..answer(429, None) };
        let ended = Box::new(Ended { start, result, spread: 0.5 });
        bench.scheduler.take(Input::Ended(ended), moment(10));
        bench.scheduler.under_way = 0;
        if !same {
            let mut plan = (*bench.plan).clone();
            plan.destination.rate = Limit::new(Rate::per_second(10), 100);
            bench.plan = Arc::new(plan);
        }
        bench.change(20);
        assert!(bench.run(60_000).len() <= many, "{same}");
        if !same {
            assert_eq!(bench.scheduler.under_way, many);
        }
    }
}

#[test]
fn one_that_waits_for_long_lets_only_so_many_be_settled_beyond_it() {
    let mut lane = Lane::new(Policy::default(), false);
    lane.asking(Ask::Open, 1);
    lane.open(LaneState::default());
    lane.asking(lane.wants(at(0)).unwrap(), 1);
    lane.read_due(0, Vec::new(), &|_| None);
    let event = large(1, 0).event;
    let event = Event { fields: model::EventFields::default(), ..event };
    let mut places = Vec::new();
    while let Some(Ask::Entries { from, limit }) = lane.wants(at(0)) {
        lane.asking(Ask::Entries { from, limit }, 2);
        let entry = |index: usize| store::LaneEntry {
            position: Position { index: from.index + u32::try_from(index).unwrap(), ..from },
            event: event.clone(),
            since: at(0),
            attempts_before: 0,
        };
        let entries: Vec<_> = (0..limit).map(entry).collect();
        let next = Position { index: from.index + u32::try_from(limit).unwrap(), ..from };
        lane.read(0, LanePage { entries, next, at_end: false }, (3, &|_| None));
        while let Some(delivery) = lane.take_new() {
            places.extend(delivery.position);
            if places.len() > 1 {
                lane.settling(delivery.position.unwrap());
            }
        }
        assert!(places.len() < 200_000);
    }
    assert!(places.len() >= 100_000, "{}", places.len());
    lane.settling(places[0]);
    assert!(lane.wants(at(0)).is_some());
    assert_eq!(
        lane.cursor(),
        Position { index: u32::try_from(places.len()).unwrap(), ..places[0] }
    );
}

#[test]
fn a_retry_of_a_write_that_is_refused_in_part_is_under_way_once() {
    let mut lane = Lane::new(Policy::default(), false);
    lane.asking(Ask::Open, 1);
    lane.open(LaneState::default());
    lane.asking(lane.wants(at(0)).unwrap(), 1);
    // The outcome of a first try: it is on disk, and the courier was told that it is not.
    lane.goes_again((1, 1));
    lane.read_due(0, vec![large(1, 20)], &|_| None);
    assert!(lane.take_retry(at(20)).is_none());
    let retry = large(1, 20);
    let retry = Delivery {
        lane: 0,
        event: Arc::new(retry.event),
        chunk: 1,
        position: None,
        since: at(0),
        tries: 1,
        attempts: 1,
        key: None,
    };
    lane.settled((1, 1), Some((at(30), retry)));
    assert!(lane.take_retry(at(29)).is_none());
    assert!(lane.take_retry(at(30)).is_some());
}

#[test]
fn in_order_a_lane_waits_for_what_another_one_may_have_before() {
    let mut bench = Bench::new(2, 8, Order::Strict);
    bench.run(0);
    // Nobody was woken for the second lane, which has the earlier event.
    let earlier = bench.disk.append(&[2], "{}".to_owned(), at(0));
    let later = bench.append(&[1], "{}");
    assert_eq!(bench.deliver(0), [(1, earlier), (0, later)]);
}

#[test]
fn keys_wait_for_their_own_retries_only_and_what_has_none_for_nobody() {
    let by = transform::JsonPath::parse("$.detail.k").unwrap();
    let mut bench = Bench::new(1, 8, Order::By(by));
    let [a, b] = [r#"{"k":"a"}"#, r#"{"k":"b"}"#];
    let first = bench.append(&[1], a);
    let start = bench.run(0).remove(0);
    assert_eq!(start.delivery.event.id.seq, first);
    bench.end(start, 503, (0, None));
    let (second, other) = (bench.append(&[1], a), bench.append(&[1], b));
    let free = [bench.append(&[1], "{}"), bench.append(&[1], r#"{"k":null}"#)];
    assert_eq!(bench.deliver(10), [(0, other), (0, free[0]), (0, free[1])]);
    assert_eq!(bench.deliver(1_000), [(0, first), (0, second)]);
}

#[test]
fn too_many_that_wait_for_a_key_stop_the_reading_and_not_the_memory() {
    let by = transform::JsonPath::parse("$.detail.k").unwrap();
    let mut bench = Bench::new(1, 8, Order::By(by));
    bench.append(&[1], r#"{"k":"a"}"#);
    let start = bench.run(0).remove(0);
    for _ in 0..2_000 {
        bench.append(&[1], r#"{"k":"a"}"#);
    }
    bench.append(&[1], r#"{"k":"b"}"#);
    assert!(bench.run(0).is_empty());
    assert_eq!(bench.scheduler.keys.parked(), order::PARKED_MAX);
    assert!(bench.scheduler.lanes[0].held()[0] <= lane::AHEAD_MAX);
    bench.end(start, 204, (10, None));
    assert_eq!(bench.deliver(10).len(), 2_001);
}

#[test]
fn every_letter_is_told_of_with_its_code() {
    let mut bench = Bench::new(1, 8, Order::None);
    bench.append(&[1], "{}");
    bench.append(&[1], "{}");
    let mut started = bench.run(0).into_iter();
    bench.end(started.next().unwrap(), 404, (10, None));
    bench.end(started.next().unwrap(), 503, (10, None));
    bench.run(86_400_001);
    let codes = bench.told.iter().filter_map(|tell| match tell {
        Tell::Buried { code, .. } => Some(code.as_str()),
        _ => None,
    });
    assert_eq!(codes.collect::<Vec<_>>(), ["HTTP_404", "TOO_OLD"]);
}

#[test]
fn in_order_what_is_new_waits_for_all_retries_with_its_key_and_for_no_others() {
    let by = transform::JsonPath::parse("$.detail.k").unwrap();
    let mut bench = Bench::new(1, 8, Order::By(by));
    // More of them wait than are read ahead, from a time without an order.
    for number in 0..400 {
        let seq = bench.disk.append(&[1], format!(r#"{{"k":{number}}}"#), at(0));
        let due = at(1_000 + number);
        let state = fake::State::Retry { due, tries: 1, since: at(0), attempts: 1 };
        bench.disk.states.insert((1, seq, seq), state);
        bench.disk.attempts.insert((1, seq, seq), 1);
    }
    let later = bench.append(&[1], r#"{"k":399}"#);
    let free = bench.append(&[1], r#"{"k":"free"}"#);
    // What none of them has a key of does not wait for them.
    assert_eq!(bench.deliver(999), [(0, free)]);
    let delivered = bench.deliver(5_000);
    let place = |of: u64| delivered.iter().position(|(_, seq)| *seq == of).unwrap();
    assert_eq!(delivered.len(), 401);
    assert!(place(400) < place(later), "it waits for the last of them");
}

/// A retry as the store gives it, so large that two fill a lane's share.
fn large(seq: u64, due: i64) -> DueDelivery {
    let id = EventId { accepted_at: at(0), seq };
    let fields = model::EventFields { detail: "x".repeat(400_000), ..Default::default() };
    let event = Event { id, bus: "orders".to_owned(), fields };
    DueDelivery { chunk: 1, event, due: at(due), tries: 1, since: at(0), attempts: 1 }
}

#[test]
fn a_retry_that_the_stores_answer_still_shows_is_not_taken_for_a_new_one() {
    for settled_meanwhile in [true, false] {
        let mut lane = Lane::new(Policy::default(), false);
        let ask = |lane: &mut Lane| {
            let ask = lane.wants(at(0)).unwrap();
            lane.asking(ask, 1);
            ask
        };
        ask(&mut lane);
        lane.open(LaneState::default());
        ask(&mut lane);
        lane.read_due(0, vec![large(1, 20)], &|_| None);
        let under_way = lane.take_retry(at(20)).unwrap();
        // Others come before it, more than are held: all after the second is left to the store.
        for (seq, due) in [(2, 12), (3, 15), (4, 16)] {
            let retry = Delivery { event: Arc::new(large(seq, due).event), ..under_way.clone() };
            lane.settled((seq, 1), Some((at(due), retry)));
        }
        assert_eq!(lane.held()[2], 2);
        lane.take_retry(at(15)).unwrap();
        lane.take_retry(at(15)).unwrap();
        let after = Some(DuePlace { due: at(15), seq: 3, chunk: 1 });
        assert_eq!(ask(&mut lane), Ask::Retries { after, limit: 32 });
        // The store's answer is from before this outcome.
        if settled_meanwhile {
            lane.settled((1, 1), None);
        }
        lane.read_due(0, vec![large(4, 16), large(1, 20)], &|_| None);
        assert_eq!(lane.take_retry(at(20)).unwrap().event.id.seq, 4);
        assert!(lane.take_retry(at(20)).is_none(), "{settled_meanwhile}");
    }
}

#[test]
fn retries_given_up_while_more_were_read_leave_no_gap() {
    let mut lane = Lane::new(Policy::default(), false);
    let ask = |lane: &mut Lane| {
        let ask = lane.wants(at(0)).unwrap();
        lane.asking(ask, 1);
        ask
    };
    ask(&mut lane);
    lane.open(LaneState::default());
    ask(&mut lane);
    let small = |seq: u64| {
        let mut row = large(seq, 100 + i64::try_from(seq).unwrap());
        row.event.fields.detail = "{}".to_owned();
        row
    };
    lane.read_due(0, (1..=32).map(small).collect(), &|_| None);
    assert_eq!(
        ask(&mut lane),
        Ask::Retries { after: Some(DuePlace { due: at(132), seq: 32, chunk: 1 }), limit: 32 }
    );
    // Large ones come to be due before: the last of those that were held are given up.
    let first = lane.take_retry(at(101)).unwrap();
    for (seq, due) in [(50, 1), (51, 2), (52, 3)] {
        let retry = Delivery { event: Arc::new(large(seq, due).event), ..first.clone() };
        lane.settled((seq, 1), Some((at(due), retry)));
    }
    while lane.take_retry(at(100)).is_some() {}
    lane.read_due(0, vec![small(60)], &|_| None);
    let after = Some(DuePlace { due: at(2), seq: 51, chunk: 1 });
    assert_eq!(ask(&mut lane), Ask::Retries { after, limit: 32 }, "the gap is read");
}

#[test]
fn what_is_appended_while_a_lane_is_read_is_read_next() {
    let mut lane = Lane::new(Policy::default(), false);
    lane.asking(Ask::Open, 1);
    lane.open(LaneState::default());
    lane.asking(lane.wants(at(0)).unwrap(), 1);
    lane.read_due(0, Vec::new(), &|_| None);
    for (woken, again) in [(false, false), (true, true)] {
        lane.wake();
        lane.asking(lane.wants(at(0)).unwrap(), 2);
        if woken {
            lane.wake();
        }
        let page = LanePage { at_end: true, ..LanePage::default() };
        lane.read(0, page, (3, &|_| None));
        assert_eq!(lane.wants(at(0)).is_some(), again, "woken meanwhile: {woken}");
    }
}

#[test]
fn two_standings_of_one_event_are_two_deliveries() {
    let mut bench = Bench::new(1, 8, Order::None);
    let seq = bench.append(&[1], "{}");
    bench.disk.list(1, seq, (at(0), false));
    let started = bench.run(0);
    assert_eq!(started.len(), 2);
    // Both are put off, to the same moment.
    for start in started {
        bench.end(start, 503, (0, None));
    }
    assert!(bench.run(10).is_empty());
    let started = bench.run(1_000);
    let chunks: BTreeSet<u64> = started.iter().map(|start| start.delivery.chunk).collect();
    assert_eq!((started.len(), chunks.len()), (2, 2));
    for start in started {
        bench.end(start, 204, (1_000, None));
    }
    bench.run(1_010);
    assert_eq!(bench.disk.waiting(), 0);
}

#[test]
fn two_standings_of_one_event_with_one_key_come_one_after_the_other() {
    let mut bench = Bench::new(1, 8, Order::Strict);
    let seq = bench.append(&[1], "{}");
    bench.disk.list(1, seq, (at(0), false));
    let later = bench.append(&[1], "{}");
    let start = bench.run(0).remove(0);
    bench.end(start, 503, (0, None));
    assert!(bench.run(500).is_empty());
    assert_eq!(bench.deliver(1_000), [(0, seq), (0, seq), (0, later)]);
}

/// Statuses that say "later".
#[test]
fn whoever_says_later_is_left_alone_whatever_the_status() {
    for (status, wish_ms) in [(503, None), (0, None), (429, None), (429, Some(0)), (401, None)] {
        let mut bench = Bench::new(1, 4, Order::None);
        for _ in 0..100 {
            bench.append(&[1], "{}");
        }
        let mut made = 0;
        loop {
            let started = bench.run(10);
            if started.is_empty() {
                break;
            }
            for start in started {
                made += 1;
                bench.end(start, status, (10, wish_ms));
            }
        }
        assert!(made < 14, "{status} {wish_ms:?}: {made}");
        let breaker = |tell: &Tell| matches!(tell, Tell::Breaker(true));
        assert_eq!(bench.told.iter().filter(|tell| breaker(tell)).count(), 1, "{status}");
        // What waits has cost nothing.
        assert!(bench.run(20).is_empty());
        let untouched = |state: &&fake::State| **state == fake::State::Waiting;
        assert_eq!(bench.disk.states.values().filter(untouched).count(), 100 - made);
    }
}

#[test]
fn refused_credentials_are_told_at_once_and_a_token_is_fetched_anew_before() {
    let told = |bench: &Bench| {
        let told = |tell: &&Tell| matches!(tell, Tell::Condition(News::Credentials(401)));
        bench.told.iter().filter(told).count()
    };
    for (token, first) in [(false, 1), (true, 0)] {
        let mut bench = Bench::new(1, 2, Order::None);
        if token {
            bench.begin_with(|plan| plan.connection = Some(fake::connection()));
        }
        for _ in 0..10 {
            bench.append(&[1], "{}");
        }
        // The second one was sent before the first answer came.
        for start in bench.run(0) {
            bench.end(start, 401, (10, None));
        }
        let more = bench.run(11);
        assert_eq!((told(&bench), more.len()), (first, 2 * (1 - first)), "{token}");
        let more = if more.is_empty() { bench.run(1_100) } else { more };
        let count = more.len();
        for start in more {
            bench.end(start, 401, (1_100, None));
        }
        bench.run(1_200);
        assert_eq!((told(&bench), count), (1, if token { 2 } else { 1 }), "{token}");
        let probe = bench.run(5_000).remove(0);
        bench.end(probe, 204, (5_000, None));
        bench.deliver(5_000);
        bench.deliver(20_000);
        assert_eq!((told(&bench), bench.disk.waiting()), (1, 0));
    }
}

#[test]
fn what_cannot_be_sent_is_no_probe() {
    let mut bench = Bench::new(1, 16, Order::None);
    for _ in 0..40 {
        bench.append(&[1], "{}");
    }
    for start in bench.run(0) {
        bench.end(start, 503, (0, None));
    }
    for ms in [1_000, 1_001] {
        let mut probe = bench.run(ms);
        assert_eq!(probe.len(), 1, "one by one at {ms}");
        let mut result = answer(404, None);
        result.status = None;
        let start = probe.remove(0);
        let ended = Box::new(Ended { start, result, spread: 0.5 });
        bench.scheduler.take(Input::Ended(ended), moment(ms));
    }
    let probe = bench.run(1_002);
    assert_eq!(probe.len(), 1, "nobody knows yet");
    assert!(bench.scheduler.standing(at(1_002)).breaker_open);
}

#[test]
fn a_wish_beyond_the_events_time_leaves_it_one_last_attempt() {
    let mut bench = Bench::new(1, 1, Order::None);
    bench.begin_with(|plan| plan.lanes[0].retry.age_ms = 60_000);
    bench.append(&[1], "{}");
    let start = bench.run(0).remove(0);
    // As it is cut when the attempt begins.
    bench.end(start, 429, (500, Some(60_000)));
    for ms in [10_000, 58_999] {
        assert!(bench.run(ms).is_empty(), "{ms}");
    }
    assert_eq!(bench.deliver(59_003).len(), 1);
    bench.run(59_010);
    assert_eq!(bench.disk.last_state(1, 1), Some(fake::State::Done));
}

#[test]
fn large_events_that_wait_to_be_tried_again_stop_no_other_key() {
    let by = transform::JsonPath::parse("$.detail.k").unwrap();
    let mut bench = Bench::new(1, 8, Order::By(by));
    let large = |key: &str| format!(r#"{{"k":"{key}","pad":"{}"}}"#, "x".repeat(700_000));
    let first = [bench.append(&[1], &large("a")), bench.append(&[1], &large("b"))];
    for start in bench.run(0) {
        bench.end(start, 503, (0, None));
    }
    bench.run(10);
    assert!(bench.scheduler.lanes[0].held()[2] < 2, "one of them is left to the store");
    let behind = bench.append(&[1], r#"{"k":"b"}"#);
    let free = bench.append(&[1], r#"{"k":"c"}"#);
    assert_eq!(bench.deliver(20), [(0, free)]);
    let delivered = [bench.deliver(1_000), bench.deliver(2_000)].concat();
    assert_eq!(delivered, [(0, first[0]), (0, first[1]), (0, behind)]);
}

#[test]
fn what_is_too_old_is_buried_wherever_it_waits() {
    let mut bench = Bench::new(1, 8, Order::None);
    // The one that comes first is the younger one, and waits because nothing may be sent.
    for (due, since) in [(10, 50_000_000), (20, 0)] {
        let seq = bench.disk.append(&[1], "{}".to_owned(), at(0));
        let state = fake::State::Retry { due: at(due), tries: 1, since: at(since), attempts: 1 };
        bench.disk.states.insert((1, seq, seq), state);
        bench.disk.attempts.insert((1, seq, seq), 1);
    }
    let state = store::SwitchState::Disabled;
    bench.disk.disable(None, store::Switch { state, reason: String::new(), since: at(0) });
    bench.change(0);
    bench.run(86_400_000);
    assert_eq!(bench.disk.waiting(), 2);
    bench.run(86_400_001);
    bench.run(86_400_010);
    assert_eq!(bench.disk.last_state(1, 2), Some(fake::State::Dead));
    assert_eq!(bench.disk.waiting(), 1);
}

#[test]
fn of_a_lane_that_stands_still_only_what_its_ages_need_is_read() {
    for paused in [true, false] {
        let mut bench = Bench::new(1, 8, Order::None);
        for _ in 0..1_000 {
            bench.append(&[1], "{}");
        }
        bench.begin_with(|plan| plan.lanes[0].paused = paused);
        if !paused {
            let state = store::SwitchState::Disabled;
            bench.disk.disable(None, store::Switch { state, reason: String::new(), since: at(0) });
            bench.change(0);
        }
        bench.run(86_400_000);
        assert!(bench.scheduler.lanes[0].held()[0] <= 32);
        for ms in 86_400_001..86_400_100 {
            assert!(bench.run(ms).is_empty());
        }
        assert_eq!(bench.disk.waiting(), 0, "{paused}");
    }
}
