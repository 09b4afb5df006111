//! Looks one by one, and a machine whose loads follow what is ordered.

use super::*;

const LOOK_MS: u64 = 100;

fn seen(worked: f64, asking: usize) -> Seen {
    Seen { worked, waited: 0.0, asking }
}

/// After so many looks that all see the same.
fn after(spread: &mut Spread, looks: u32, cores: &[Seen], idle: f64) -> Orders {
    let mut orders = None;
    for _ in 0..looks {
        orders = Some(spread.look(cores, idle, LOOK_MS));
    }
    orders.unwrap()
}

#[test]
fn a_core_that_is_busy_gets_another_where_there_is_one_to_spare() {
    let none = seen(0.0, 0);
    for (what, busy, idle, used) in [
        ("it has time", seen(0.5, 64), 3.4, 1),
        ("it has none", seen(0.7, 64), 3.2, 2),
        ("others run in its place", Seen { worked: 0.4, waited: 0.3, asking: 64 }, 0.9, 2),
        ("others need them all", seen(1.0, 64), 0.1, 1),
    ] {
        let mut spread = Spread::new();
        let cores = [busy, none, none, none];
        assert_eq!(after(&mut spread, 2, &cores, idle).used, 1, "{what}: two looks are chance");
        assert_eq!(after(&mut spread, 1, &cores, idle).used, used, "{what}");
    }
}

#[test]
fn a_core_without_time_gets_another_where_little_is_spared_but_not_at_once() {
    let none = seen(0.0, 0);
    for (what, hot, idle, used) in [
        ("there is little to spare", seen(0.95, 64), 0.3, 2),
        ("nothing is to spare, and it has what there is", seen(0.97, 64), 0.1, 1),
        ("it has time", Seen { worked: 0.5, waited: 0.3, asking: 64 }, 0.3, 1),
    ] {
        let mut spread = Spread::new();
        assert_eq!(after(&mut spread, 9, &[hot, none], idle).used, 1, "{what}");
        assert_eq!(after(&mut spread, 1, &[hot, none], idle).used, used, "{what}");
    }
}

#[test]
fn as_many_join_as_are_there_and_as_are_spared() {
    let cores = [seen(1.0, 100); 8];
    let mut spread = Spread::new();
    let used: Vec<usize> = (0..4).map(|_| after(&mut spread, 3, &cores, 7.0).used).collect();
    assert_eq!(used, [2, 4, 8, 8]);
    let mut spread = Spread { used: 4, ..Spread::new() };
    assert_eq!(after(&mut spread, 3, &cores, 1.5).used, 6);
}

#[test]
fn one_is_given_up_when_the_others_have_room_for_long() {
    let quiet = [seen(0.1, 30), seen(0.1, 34)];
    let mut spread = Spread { used: 2, ..Spread::new() };
    assert_eq!(after(&mut spread, 19, &quiet, 1.8).used, 2);
    assert_eq!(spread.look(&quiet, 1.8, LOOK_MS), Orders { used: 1, leaving: vec![0, usize::MAX] });
    let mut spread = Spread { used: 2, ..Spread::new() };
    after(&mut spread, 19, &quiet, 1.8);
    spread.look(&[seen(0.3, 30), seen(0.3, 34)], 1.4, LOOK_MS);
    assert_eq!(after(&mut spread, 19, &quiet, 1.8).used, 2, "the time begins anew");
}

#[test]
fn the_busiest_gives_some_to_the_others_and_not_all_at_once() {
    for (what, cores, leaving) in [
        ("alike", [seen(0.7, 40), seen(0.6, 24)], 0),
        ("unlike, and there is time", [seen(0.5, 40), seen(0.1, 24)], 0),
        ("unlike", [seen(0.9, 40), seen(0.1, 24)], 8),
        ("unlike by few", [seen(0.9, 2), seen(0.1, 2)], 1),
        ("by one alone", [seen(0.9, 1), seen(0.1, 2)], 1),
        ("by what cannot move", [seen(0.9, 0), seen(0.1, 2)], 0),
    ] {
        let mut spread = Spread { used: 2, ..Spread::new() };
        let orders = after(&mut spread, 4, &cores, 0.1);
        assert_eq!(orders.leaving, [0, 0], "{what}: it may pass");
        let orders = spread.look(&cores, 0.1, LOOK_MS);
        assert_eq!(orders, Orders { used: 2, leaving: vec![leaving, 0] }, "{what}");
        // Those that have just joined have nothing to do yet.
        let mut spread = Spread { used: 2, since_joined_ms: 0, ..Spread::new() };
        assert_eq!(spread.look(&cores, 0.1, LOOK_MS).leaving, [leaving, 0], "{what}");
    }
}

/// A connection: what of a core it needs, whether it can move, and how often of ten looks it asks.
#[derive(Clone, Copy)]
struct Caller {
    load: f64,
    moves: bool,
    asks: u32,
}

/// A machine, its strangers' threads that never rest, and the callers on each core.
struct Machine {
    strangers: f64,
    cores: Vec<Vec<Caller>>,
    spread: Spread,
    /// How often connections moved, and how often cores joined or were given up.
    moves: usize,
    changes: usize,
}

impl Machine {
    fn new(cores: usize, strangers: f64, callers: Vec<Caller>) -> Self {
        let mut each = vec![Vec::new(); cores];
        each[0] = callers;
        Self { strangers, cores: each, spread: Spread::new(), moves: 0, changes: 0 }
    }

    fn demand(&self, core: usize) -> f64 {
        self.cores[core].iter().map(|caller| caller.load).sum::<f64>().min(1.0)
    }

    /// What one look sees. Each thread gets what it wants, or as much as any other.
    fn seen(&self, look: u32) -> (Vec<Seen>, f64) {
        let there = count(self.cores.len());
        let wanted: Vec<f64> = (0..self.cores.len()).map(|core| self.demand(core)).collect();
        let given = |most: f64| {
            let ours: f64 = wanted.iter().map(|demand| demand.min(most)).sum();
            ours + self.strangers * most
        };
        let (mut least, mut most) = (0.0, 1.0);
        for _ in 0..40 {
            let middle = f64::midpoint(least, most);
            if given(middle) <= there { least = middle } else { most = middle }
        }
        let asks = |caller: &&Caller| caller.moves && look % 10 < caller.asks;
        let seen = wanted.iter().zip(&self.cores).map(|(demand, callers)| {
            let worked = demand.min(most);
            let asking = callers.iter().filter(asks).count();
            Seen { worked, waited: demand - worked, asking }
        });
        (seen.collect(), there - given(least))
    }

    fn pass(&mut self, looks: u32) {
        (self.moves, self.changes) = (0, 0);
        for look in 0..looks {
            let (seen, idle) = self.seen(look);
            let before = self.spread.used;
            let orders = self.spread.look(&seen, idle, LOOK_MS);
            self.changes += usize::from(orders.used != before);
            let steps: Vec<usize> = seen.iter().map(Seen::steps).collect();
            for (core, leaving) in orders.leaving.iter().enumerate() {
                for _ in 0..*leaving {
                    let asks = |caller: &Caller| caller.moves && look % 10 < caller.asks;
                    // Who asks most is the first to come by.
                    let most = |(_, a): &(usize, &Caller), (_, b): &(usize, &Caller)| {
                        a.load.total_cmp(&b.load)
                    };
                    let all = self.cores[core].iter().enumerate();
                    let Some((at, _)) = all.filter(|(_, one)| asks(one)).max_by(most) else {
                        break;
                    };
                    let others = (0..orders.used).filter(|other| *other != core);
                    let least =
                        others.min_by_key(|other| (steps[*other], self.cores[*other].len()));
                    let Some(least) = least else { break };
                    let caller = self.cores[core].swap_remove(at);
                    self.cores[least].push(caller);
                    self.moves += 1;
                }
            }
        }
    }
}

fn callers(number: usize, load: f64) -> Vec<Caller> {
    vec![Caller { load, moves: true, asks: 10 }; number]
}

#[test]
fn a_load_that_stays_the_same_comes_to_rest() {
    let idle = Caller { load: 0.0, moves: true, asks: 0 };
    let seldom = Caller { load: 0.0005, moves: true, asks: 1 };
    let stays = Caller { load: 0.7, moves: false, asks: 10 };
    let stays_a_little = Caller { load: 0.2, ..stays };
    let heavy = Caller { load: 0.7, moves: true, asks: 10 };
    let with =
        |one: Caller, number: usize, others: Vec<Caller>| [vec![one; number], others].concat();
    // In the last minute of a minute and a half, so many changes and moves; only trials make some.
    for (what, cores, strangers, callers, (used, changes, moves)) in [
        ("next to nothing", 4, 0.0, callers(64, 0.001), (1..=1, 0, 0)),
        ("half a core", 2, 0.0, callers(64, 0.008), (1..=1, 0, 0)),
        ("one core and a half", 4, 0.0, callers(64, 0.0234), (2..=4, 0, 0)),
        ("sixteen full ones", 16, 0.0, callers(640, 0.0275), (16..=16, 0, 0)),
        ("full, beside strangers on each", 16, 16.0, callers(640, 0.0275), (16..=16, 0, 0)),
        ("full, beside two on each", 16, 32.0, callers(640, 0.0275), (16..=16, 0, 0)),
        (
            "a core's worth, and a service that takes the other",
            2,
            1.0,
            callers(64, 0.0156),
            (1..=2, 4, 128),
        ),
        ("one that cannot move", 8, 0.0, vec![stays], (1..=8, 0, 0)),
        (
            "one that cannot move, and others",
            8,
            0.0,
            with(stays, 1, callers(64, 0.01)),
            (2..=8, 0, 0),
        ),
        (
            "ten busy among a thousand idle",
            2,
            0.0,
            with(idle, 1000, callers(10, 0.1)),
            (2..=2, 0, 0),
        ),
        ("one heavy among light ones", 2, 0.0, with(heavy, 1, callers(100, 0.005)), (2..=2, 0, 40)),
        ("one heavy beside what cannot move", 2, 0.0, vec![heavy, stays_a_little], (2..=2, 0, 10)),
        ("two heavy ones", 2, 0.0, with(idle, 0, callers(2, 0.45)), (2..=2, 0, 0)),
        ("thousands that ask seldom", 4, 0.0, vec![seldom; 4000], (2..=4, 0, 0)),
    ] {
        let mut machine = Machine::new(cores, strangers, callers);
        machine.pass(300);
        machine.pass(600);
        assert!(machine.changes <= changes, "{what}: cores come and go, {} times", machine.changes);
        assert!(used.contains(&machine.spread.used), "{what}: {} cores", machine.spread.used);
        assert!(machine.moves <= moves, "{what}: {} moves", machine.moves);
    }
}

#[test]
fn a_trial_shows_whether_strangers_fill_the_machine() {
    for (what, strangers, after_ms, used) in [
        ("our own callers and services do", 1.0, 12_000, 1),
        ("strangers do, as many as there are cores", 2.0, 3_000, 2),
        ("strangers do, twice as many", 4.0, 3_000, 2),
    ] {
        let mut machine = Machine::new(2, strangers, callers(64, 0.0156));
        machine.pass(after_ms / 100);
        assert_eq!(machine.spread.used, used, "{what}");
        let again = machine.changes;
        machine.pass(1200);
        assert_eq!(machine.spread.used, used, "{what}, two minutes later");
        assert!(machine.changes <= 2 * 4, "{what}: {again}, then {}", machine.changes);
    }
}

#[test]
fn what_was_cured_an_hour_ago_is_cured_as_soon_again() {
    let (hot, even) = ([seen(0.95, 40), seen(0.2, 40)], [seen(0.55, 40), seen(0.5, 40)]);
    let mut spread = Spread { used: 2, ..Spread::new() };
    for _ in 0..20 {
        assert_eq!(after(&mut spread, 4, &hot, 0.1).leaving, [0, 0]);
        assert!(after(&mut spread, 1, &hot, 0.1).leaving[0] > 0);
        after(&mut spread, 600, &even, 0.9);
    }
}

#[test]
fn a_load_that_goes_while_it_is_tried_shows_nothing() {
    let full = [seen(1.0, 64), seen(0.0, 0)];
    let mut spread = Spread::new();
    assert_eq!(after(&mut spread, 99, &full, 0.0).used, 1);
    assert_eq!(after(&mut spread, 1, &full, 0.0).used, 2, "it is tried");
    assert_eq!(after(&mut spread, 10, &[seen(0.1, 3), seen(0.1, 3)], 1.8).used, 1);
    assert_eq!(spread.trial_after_ms, TRIAL_AFTER_MS);
    // A dip in between is no reason to wait anew.
    after(&mut spread, 60, &full, 0.0);
    after(&mut spread, 3, &[seen(0.8, 64), seen(0.0, 0)], 0.3);
    assert_eq!(after(&mut spread, 40, &full, 0.0).used, 2);
    // It has shown that nothing is gained, and that is forgotten after a minute with time to spare.
    assert_eq!(after(&mut spread, 10, &[seen(0.5, 32), seen(0.5, 32)], 0.0).used, 1);
    assert_eq!(spread.trial_after_ms, 2 * TRIAL_AFTER_MS);
    after(&mut spread, 600, &[seen(0.3, 64), seen(0.0, 0)], 1.0);
    assert_eq!(spread.trial_after_ms, TRIAL_AFTER_MS);
}

#[test]
fn a_burst_is_spread_within_a_second_or_two_and_taken_back_when_it_is_over() {
    let mut machine = Machine::new(8, 0.0, callers(640, 0.01));
    machine.pass(20);
    let hottest = |machine: &Machine| {
        (0..8)
            .map(|core| machine.cores[core].iter().map(|one| one.load).sum::<f64>())
            .fold(0.0, f64::max)
    };
    assert_eq!(machine.spread.used, 8);
    assert!(hottest(&machine) < 1.0, "{}", hottest(&machine));
    for caller in machine.cores.iter_mut().flatten() {
        caller.load = 0.0003;
    }
    machine.pass(300);
    assert_eq!(machine.spread.used, 1);
    let left: usize = machine.cores[1..].iter().map(Vec::len).sum();
    assert_eq!(left, 0, "all that ask have moved");
}
