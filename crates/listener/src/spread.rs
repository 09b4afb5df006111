//! Over how many cores a door spreads its connections, and which of them are to move.
//!
//! One core serves all as long as it can: it finds more to do each time it wakes, and what it needs is
//! in its caches. The next one joins when those in use are busy **and** the machine has a core to
//! spare. Without one to spare another thread adds nothing: it takes turns with the first, and with
//! the services and callers on the same machine, and whoever is not its turn waits for the scheduler's
//! next tick. Unless it is strangers who take the core away: then two threads get more of it than one.
//! In between, the busiest give some of their connections to the others: a caller that asks a thousand
//! times a second stays connected for days, beside whomever it came to sit.
//!
//! Joining is quick and leaving slow, and between the two lies a wide range in which nothing changes.
//! Whether it is strangers' work that fills a machine, or the work of whoever asks and is asked by us,
//! cannot be seen, so it is tried: seldom, and for a second.

/// A core is busy when it works, or waits to work, for more than this share of the time.
const BUSY: f64 = 0.6;
/// The machine has a core to spare when so much of one does nothing.
const SPARE: f64 = 0.5;
/// For so many looks in a row, before another core is taken: a single one may be chance.
const PRESSED_LOOKS: u32 = 3;
/// A core that has no time left gets another also where less is spared; that has to last, for it is
/// closer to chance.
const FULL: f64 = 0.9;
const LITTLE: f64 = 0.25;
const FULL_LOOKS: u32 = 10;
/// For how long all that are used have been full, with nothing to spare, before it is tried whether one
/// more gets more done; how long again when the last trial has shown so, and at most, twice as long
/// each time it has not. A tenth of it where something else runs in a core's place for a part of the
/// time, on average of late. So many looks may see it otherwise in between.
const TRIAL_AFTER_MS: u64 = 10_000;
const TRIAL_AGAIN_MS: u64 = 1_000;
const TRIAL_AFTER_MS_MAX: u64 = 300_000;
const SOONER: u64 = 10;
const WAITS: f64 = 0.25;
const DIP_LOOKS: u32 = 3;
/// When cores have had time for so long, what trials have shown is forgotten.
const FORGOTTEN_MS: u64 = 60_000;
/// A trial's time, and how much of it passes until connections have moved.
const TRIAL_MS: u64 = 1_000;
const SETTLING_MS: u64 = 300;
/// How much more is done at the least.
const GAIN: f64 = 1.15;
/// Where so much less is done in a trial, there was less to do, and it shows nothing.
const GONE: f64 = 0.8;
/// What those that stay may be busy with, when one is given up: far below what takes it again.
const ROOM: f64 = 0.35;
/// For how long, before one is given up.
const LOOSE_MS: u64 = 2_000;
/// A core does so much more than all do on average, before connections leave it.
const UNEVEN: f64 = 0.125;
/// For so many looks, and at most, twice as many each time that it has not helped.
const UNEVEN_LOOKS: u32 = 5;
const UNEVEN_LOOKS_MAX: u32 = 3_000;
/// For so long after cores have joined, at each look: they have nothing to do yet.
const JOINED_MS: u64 = 1_000;
/// After so many in which cores do alike, what has helped is forgotten.
const EVEN_LOOKS: u32 = 10;
/// By how much the busiest has less to do, if it has helped.
const HELPED: f64 = 0.05;

/// What one core did since the last look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Seen {
    /// The share of the time in which it worked.
    pub(crate) worked: f64,
    /// And in which it had something to do, and something else ran in its place.
    pub(crate) waited: f64,
    /// On how many of its connections, of those that can move, something was asked.
    pub(crate) asking: usize,
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
    full_looks: u32,
    uneven_looks: u32,
    even_looks: u32,
    uneven_looks_min: u32,
    /// The least that the busiest had to do when some left it.
    hottest_then: f64,
    loose_ms: u64,
    since_joined_ms: u64,
    lately: Lately,
    /// For how long all that are used have been full, and for how long they have not.
    full_ms: u64,
    spared_ms: u64,
    full_run: u32,
    spared_run: u32,
    trial_after_ms: u64,
    trial: Option<Trial>,
    /// Whether the last trial has shown nothing.
    showed_nothing: bool,
}

/// What was seen of late, more of it the later.
#[derive(Debug, Clone, Copy, Default)]
struct Lately {
    /// Of all cores together.
    worked: f64,
    /// Of the one that waited most.
    waited: f64,
}

impl Lately {
    fn add(&mut self, cores: &[Seen]) {
        const WEIGHT: f64 = 0.3;
        let worked: f64 = cores.iter().map(|core| core.worked).sum();
        let waited = cores.iter().map(|core| core.waited).fold(0.0, f64::max);
        self.worked += (worked - self.worked) * WEIGHT;
        self.waited += (waited - self.waited) * WEIGHT;
    }
}

/// What all cores together did over a time.
#[derive(Debug, Clone, Copy, Default)]
struct Span {
    ms: u64,
    worked_ms: f64,
}

impl Span {
    fn add(&mut self, worked: f64, ms: u64) {
        self.ms += ms;
        self.worked_ms += worked * count_of(ms);
    }

    fn worked(&self) -> f64 {
        self.worked_ms / count_of(self.ms.max(1))
    }
}

/// More cores than before, to see what comes of it.
#[derive(Debug, Clone, Copy)]
struct Trial {
    used_before: usize,
    worked_before: f64,
    ms: u64,
    since: Span,
}

impl Spread {
    /// Over one core.
    pub(crate) fn new() -> Self {
        Self {
            used: 1,
            pressed_looks: 0,
            full_looks: 0,
            uneven_looks: 0,
            even_looks: 0,
            uneven_looks_min: UNEVEN_LOOKS,
            hottest_then: f64::INFINITY,
            loose_ms: 0,
            since_joined_ms: JOINED_MS,
            lately: Lately::default(),
            full_ms: 0,
            spared_ms: 0,
            full_run: 0,
            spared_run: 0,
            trial_after_ms: TRIAL_AFTER_MS,
            trial: None,
            showed_nothing: false,
        }
    }

    /// Looks at all cores, after so many milliseconds. `idle` is how many of the machine's did nothing,
    /// in parts of one.
    pub(crate) fn look(&mut self, cores: &[Seen], idle: f64, passed_ms: u64) -> Orders {
        self.since_joined_ms = self.since_joined_ms.saturating_add(passed_ms);
        let pressed = |core: &Seen| core.pressed();
        let used = cores.get(..self.used).unwrap_or(cores);
        let hottest = used.iter().map(pressed).fold(0.0, f64::max);
        // Of all of them, for some connections cannot move.
        let all: f64 = cores.iter().map(pressed).sum();
        let is_loose = hottest < BUSY && self.used > 1 && all <= ROOM * count(self.used - 1);
        self.loose_ms = if is_loose { self.loose_ms + passed_ms } else { 0 };
        let joins = self.joins(used, idle) && self.used < cores.len();
        let all_full = used.iter().all(|core| core.pressed() >= FULL) && idle < SPARE;
        self.note_full(all_full, passed_ms);
        if joins {
            self.trial = None;
            self.join(1 + whole(idle - SPARE), cores.len());
        } else if let Some(trial) = self.trial.take() {
            self.judge(trial, cores.iter().map(|core| core.worked).sum(), passed_ms);
        } else {
            self.lately.add(cores);
        }
        let waits = if self.lately.waited >= WAITS { SOONER } else { 1 };
        let tries_after_ms = (self.trial_after_ms / waits).max(TRIAL_AGAIN_MS);
        let is_free = !joins && self.trial.is_none() && self.used < cores.len();
        if is_free && self.full_ms >= tries_after_ms {
            let (used_before, worked_before) = (self.used, self.lately.worked);
            let since = Span::default();
            self.trial = Some(Trial { used_before, worked_before, ms: 0, since });
            self.join(self.used, cores.len());
        } else if self.loose_ms >= LOOSE_MS {
            self.used -= 1;
            self.loose_ms = 0;
        }
        Orders { used: self.used, leaving: self.leaving(cores) }
    }

    fn note_full(&mut self, is_full: bool, passed_ms: u64) {
        again(&mut self.full_run, is_full);
        again(&mut self.spared_run, !is_full);
        if is_full {
            self.full_ms += passed_ms;
        } else {
            self.spared_ms += passed_ms;
        }
        if self.spared_run > DIP_LOOKS {
            self.full_ms = 0;
        }
        if self.full_run > DIP_LOOKS {
            self.spared_ms = 0;
        }
        if self.spared_ms >= FORGOTTEN_MS {
            (self.trial_after_ms, self.showed_nothing) = (TRIAL_AFTER_MS, false);
        }
    }

    fn join(&mut self, more: usize, there: usize) {
        self.used = (self.used + more.min(self.used)).min(there);
        (self.pressed_looks, self.full_looks, self.since_joined_ms) = (0, 0, 0);
        (self.full_ms, self.loose_ms) = (0, 0);
    }

    /// Goes on with a trial, or ends it.
    fn judge(&mut self, mut trial: Trial, worked: f64, passed_ms: u64) {
        trial.ms += passed_ms;
        if trial.ms > SETTLING_MS {
            trial.since.add(worked, passed_ms);
        }
        if trial.ms < TRIAL_MS {
            self.trial = Some(trial);
        } else if trial.since.worked() >= trial.worked_before * GAIN {
            (self.trial_after_ms, self.showed_nothing) = (TRIAL_AGAIN_MS, false);
            self.lately.worked = trial.since.worked();
        } else {
            self.used = trial.used_before;
            // What was seen meanwhile was of more cores.
            (self.pressed_looks, self.full_looks, self.full_ms) = (0, 0, 0);
            // The load may have gone meanwhile; not each time.
            let nothing = trial.since.worked() < trial.worked_before * GONE;
            if !nothing || self.showed_nothing {
                let longer = self.trial_after_ms.saturating_mul(2);
                self.trial_after_ms = longer.clamp(2 * TRIAL_AFTER_MS, TRIAL_AFTER_MS_MAX);
            }
            self.showed_nothing = nothing;
        }
    }

    /// Whether those in use need another.
    fn joins(&mut self, used: &[Seen], idle: f64) -> bool {
        let is_pressed = |core: &Seen| core.pressed() >= BUSY && idle >= SPARE;
        let is_full = |core: &Seen| core.pressed() >= FULL && idle >= LITTLE;
        again(&mut self.pressed_looks, used.iter().any(is_pressed));
        again(&mut self.full_looks, used.iter().any(is_full));
        self.pressed_looks >= PRESSED_LOOKS || self.full_looks >= FULL_LOOKS
    }

    fn note_uneven(&mut self, is_uneven: bool) {
        again(&mut self.even_looks, !is_uneven);
        self.uneven_looks = self.uneven_looks.saturating_add(u32::from(is_uneven));
        if self.even_looks > DIP_LOOKS {
            self.uneven_looks = 0;
        }
        if self.even_looks >= EVEN_LOOKS {
            (self.uneven_looks_min, self.hottest_then) = (UNEVEN_LOOKS, f64::INFINITY);
        }
    }

    /// All away from cores that are not used, and some from those that have more to do than others.
    fn leaving(&mut self, cores: &[Seen]) -> Vec<usize> {
        let used = cores.get(..self.used).unwrap_or(cores);
        let mean = used.iter().map(Seen::pressed).sum::<f64>() / count(self.used);
        let is_uneven = |core: &Seen| {
            core.pressed() >= BUSY && core.pressed() - mean >= UNEVEN && core.asking > 0
        };
        self.note_uneven(used.iter().any(is_uneven));
        let has_joined = self.since_joined_ms < JOINED_MS;
        let enough = if has_joined { 1 } else { self.uneven_looks_min };
        let evens = self.uneven_looks >= enough;
        if evens {
            self.uneven_looks = 0;
            let hottest = used.iter().map(Seen::pressed).fold(0.0, f64::max);
            // One who asks for most of a core makes the next one as busy.
            let helped = has_joined || hottest <= self.hottest_then - HELPED;
            let longer = self.uneven_looks_min.saturating_mul(2).min(UNEVEN_LOOKS_MAX);
            self.uneven_looks_min = if helped { UNEVEN_LOOKS } else { longer };
            self.hottest_then = self.hottest_then.min(hottest);
        }
        let leaving = |(number, core): (usize, &Seen)| match core {
            _ if number >= self.used => usize::MAX,
            // Half of what would bring it to the average, so that it does not swing.
            core if evens && is_uneven(core) => {
                let share = (core.pressed() - mean) / core.pressed() / 2.0;
                whole(count(core.asking) * share).max(1)
            }
            _ => 0,
        };
        cores.iter().enumerate().map(leaving).collect()
    }
}

/// Counts how often in a row something was so.
fn again(looks: &mut u32, is_so: bool) {
    *looks = if is_so { looks.saturating_add(1) } else { 0 };
}

#[expect(clippy::cast_precision_loss, reason = "numbers of cores and connections are small")]
fn count(number: usize) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "times of minutes are small")]
fn count_of(ms: u64) -> f64 {
    ms as f64
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
mod tests;
