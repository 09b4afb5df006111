//! Over how many cores a door spreads its connections, and which of them are to move.
//!
//! One core serves all as long as it can: it finds more to do each time it wakes, and what it needs is
//! in its caches. The next one joins when those in use are busy **and** the machine has a core to
//! spare. Without one to spare another thread adds nothing: it takes turns with the first, and with
//! the services and callers on the same machine, and whoever is not its turn waits for the scheduler's
//! next tick. In between, the busiest gives some of its connections to the least busy: a caller that
//! asks a thousand times a second stays connected for days, beside whomever it came to sit.

/// A core is busy when it works, or waits to work, for more than this share of the time.
const BUSY: f64 = 0.6;
/// The machine has a core to spare when so much of one does nothing.
const SPARE: f64 = 0.5;
/// For so many looks in a row, before another core is taken: a single one may be chance.
const PRESSED_LOOKS: u32 = 3;
/// What those that stay may be busy with, when one is given up: far below what takes it again.
const ROOM: f64 = 0.35;
/// The same where the machine has nothing to spare and taking turns costs everybody: a little more than
/// they can do, for one that finds more to do each time it wakes needs less for each.
const ROOM_NO_SPARE: f64 = 1.1;
/// For how long, before one is given up.
const LOOSE_MS: u64 = 2_000;
/// Cores differ so much in what they are busy with, before connections move.
const UNEVEN: f64 = 0.25;

/// What one core did since the last look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Seen {
    /// The share of the time in which it worked.
    pub(crate) worked: f64,
    /// And in which it had something to do, and something else ran in its place.
    pub(crate) waited: f64,
    /// Its connections.
    pub(crate) open: usize,
}

impl Seen {
    fn pressed(&self) -> f64 {
        self.worked + self.waited
    }

    /// How busy it is, in steps that make a difference.
    pub(crate) fn steps(&self) -> usize {
        whole(self.pressed() / UNEVEN)
    }
}

/// What follows from a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Orders {
    /// The first so many are in use.
    pub(crate) used: usize,
    /// How many connections are to leave each core.
    pub(crate) leaving: Vec<usize>,
}

/// How connections are spread, from look to look.
#[derive(Debug)]
pub(crate) struct Spread {
    used: usize,
    pressed_looks: u32,
    loose_ms: u64,
}

impl Spread {
    /// Over one core.
    pub(crate) fn new() -> Self {
        Self { used: 1, pressed_looks: 0, loose_ms: 0 }
    }

    /// Looks at all cores, after so many milliseconds. `idle` is how many of the machine's did nothing,
    /// in parts of one.
    pub(crate) fn look(&mut self, cores: &[Seen], idle: f64, passed_ms: u64) -> Orders {
        let used = cores.get(..self.used).unwrap_or(cores);
        let hottest = used.iter().map(Seen::pressed).fold(0.0, f64::max);
        let is_pressed = hottest >= BUSY && idle >= SPARE;
        self.pressed_looks = if is_pressed { self.pressed_looks + 1 } else { 0 };
        // Of all of them, for some connections stay where they are.
        let worked: f64 = cores.iter().map(|core| core.worked).sum();
        let room = if idle < SPARE { ROOM_NO_SPARE } else { ROOM };
        let is_loose = self.used > 1 && worked <= room * count(self.used - 1);
        self.loose_ms = if is_loose { self.loose_ms + passed_ms } else { 0 };
        if self.pressed_looks >= PRESSED_LOOKS && self.used < cores.len() {
            self.pressed_looks = 0;
            let spare = 1 + whole(idle - SPARE);
            self.used = (self.used + spare.min(self.used)).min(cores.len());
            return self.even(cores);
        }
        if self.loose_ms >= LOOSE_MS {
            self.loose_ms = 0;
            self.used -= 1;
        }
        self.uneven(cores)
    }

    /// As many connections for each core in use.
    fn even(&self, cores: &[Seen]) -> Orders {
        let open: usize = cores.iter().map(|core| core.open).sum();
        let each = open.div_ceil(self.used);
        let leaving = |(number, core): (usize, &Seen)| {
            core.open.saturating_sub(if number < self.used { each } else { 0 })
        };
        Orders { used: self.used, leaving: cores.iter().enumerate().map(leaving).collect() }
    }

    /// Away from cores that are not used, and from the busiest where that is much busier than others.
    fn uneven(&self, cores: &[Seen]) -> Orders {
        let leaving =
            |(number, core): (usize, &Seen)| if number < self.used { 0 } else { core.open };
        let mut leaving: Vec<usize> = cores.iter().enumerate().map(leaving).collect();
        let used = cores.get(..self.used).unwrap_or(cores);
        let pressed = |core: &Seen| core.pressed();
        let least = used.iter().map(pressed).fold(f64::INFINITY, f64::min);
        let hottest =
            used.iter().enumerate().max_by(|(_, a), (_, b)| a.pressed().total_cmp(&b.pressed()));
        if let Some((number, core)) = hottest
            && core.pressed() >= BUSY
            && core.pressed() - least >= UNEVEN
            && core.open > 1
        {
            // Half of what would make both alike, so that it does not swing.
            let share = (core.pressed() - least) / core.pressed() / 4.0;
            leaving[number] = whole(count(core.open) * share).max(1);
        }
        Orders { used: self.used, leaving }
    }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of cores and connections are small")]
fn count(number: usize) -> f64 {
    number as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is cut to what fits"
)]
fn whole(number: f64) -> usize {
    number.max(0.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK_MS: u64 = 100;

    fn seen(worked: f64, open: usize) -> Seen {
        Seen { worked, waited: 0.0, open }
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
            ("others run in its place", Seen { worked: 0.4, waited: 0.3, open: 64 }, 0.9, 2),
            ("others need them all", seen(1.0, 64), 0.1, 1),
        ] {
            let mut spread = Spread::new();
            let cores = [busy, none, none, none];
            assert_eq!(after(&mut spread, 2, &cores, idle).used, 1, "{what}: two looks are chance");
            assert_eq!(after(&mut spread, 1, &cores, idle).used, used, "{what}");
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
    fn who_joins_gets_an_equal_part_of_the_connections() {
        let mut spread = Spread::new();
        let orders = after(&mut spread, 3, &[seen(0.9, 65), seen(0.0, 0)], 1.0);
        assert_eq!(orders, Orders { used: 2, leaving: vec![32, 0] });
        // That is said once.
        let orders = spread.look(&[seen(0.4, 33), seen(0.4, 32)], 1.0, LOOK_MS);
        assert_eq!(orders, Orders { used: 2, leaving: vec![0, 0] });
    }

    #[test]
    fn one_is_given_up_when_the_others_have_room_for_long() {
        let quiet = [seen(0.1, 30), seen(0.1, 34)];
        let mut spread = Spread { used: 2, ..Spread::new() };
        assert_eq!(after(&mut spread, 19, &quiet, 1.8).used, 2);
        assert_eq!(spread.look(&quiet, 1.8, LOOK_MS), Orders { used: 1, leaving: vec![0, 34] });
        let mut spread = Spread { used: 2, ..Spread::new() };
        after(&mut spread, 19, &quiet, 1.8);
        spread.look(&[seen(0.3, 30), seen(0.3, 34)], 1.4, LOOK_MS);
        assert_eq!(after(&mut spread, 19, &quiet, 1.8).used, 2, "the time begins anew");
        // Where all cores are busy with something else, sooner: one does what two did in turns.
        let turns = [seen(0.5, 30), seen(0.5, 34)];
        for (idle, used) in [(0.1, 1), (0.9, 2)] {
            let mut spread = Spread { used: 2, ..Spread::new() };
            assert_eq!(after(&mut spread, 20, &turns, idle).used, used, "{idle}");
        }
    }

    #[test]
    fn the_busiest_gives_some_to_the_others_and_not_all_at_once() {
        for (what, cores, leaving) in [
            ("alike", [seen(0.7, 40), seen(0.6, 24)], 0),
            ("unlike, and there is time", [seen(0.5, 40), seen(0.1, 24)], 0),
            ("unlike", [seen(0.9, 40), seen(0.1, 24)], 8),
            ("unlike by few", [seen(0.9, 2), seen(0.1, 2)], 1),
            ("by one alone", [seen(0.9, 1), seen(0.1, 2)], 0),
        ] {
            let mut spread = Spread { used: 2, ..Spread::new() };
            let orders = spread.look(&cores, 0.1, LOOK_MS);
            assert_eq!(orders, Orders { used: 2, leaving: vec![leaving, 0] }, "{what}");
        }
    }
}
