//! What a matcher does with the records: what it finds, how much CPU and how many bytes it takes.

use std::fs;
use std::hint::black_box;
use std::time::{Duration, Instant};

use pattern::{Event, Matcher, Pattern, Scratch};
use stats_alloc::INSTRUMENTED_SYSTEM;

use crate::parcels::Parcels;

/// What the scheduler counts for a thread: nanoseconds on a CPU, then two numbers that do not
/// matter here. It counts in ticks of a few milliseconds.
const SCHEDULER: &str = "/proc/thread-self/schedstat";
/// After so long, counting stops, and the rest is done with the records so far.
const COUNTING_MAX: Duration = Duration::from_secs(10);

/// The clock of all measurements.
pub(crate) enum Clock {
    /// What this thread spent on a CPU.
    Cpu,
    /// What went by since then, where there is no such count.
    Wall(Instant),
}

impl Clock {
    pub(crate) fn new() -> Self {
        match on_cpu() {
            Some(spent) if !spent.is_zero() => Self::Cpu,
            _ => Self::Wall(Instant::now()),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Cpu => "CPU time of the thread (/proc/thread-self/schedstat)",
            Self::Wall(_) => "wall clock, for want of /proc/thread-self/schedstat",
        }
    }

    fn now(&self) -> Duration {
        match self {
            Self::Cpu => on_cpu().expect("the file was there at the start"),
            Self::Wall(start) => start.elapsed(),
        }
    }
}

fn on_cpu() -> Option<Duration> {
    let text = fs::read_to_string(SCHEDULER).ok()?;
    let spent = text.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(spent))
}

/// What the allocator has counted so far.
#[derive(Clone, Copy)]
struct Heap {
    /// Bytes that are in use.
    bytes: usize,
    /// Allocations and reallocations ever.
    allocations: usize,
}

impl Heap {
    fn now() -> Self {
        let stats = INSTRUMENTED_SYSTEM.stats();
        Self {
            bytes: stats.bytes_allocated - stats.bytes_deallocated,
            allocations: stats.allocations + stats.reallocations,
        }
    }
}

/// How long something took with many records.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    pub(crate) events: usize,
    pub(crate) spent: Duration,
    pub(crate) allocations: usize,
}

impl Timing {
    pub(crate) fn events_per_second(&self) -> f64 {
        self.events as f64 / self.spent.max(Duration::from_nanos(1)).as_secs_f64()
    }

    pub(crate) fn allocations_per_event(&self) -> f64 {
        self.allocations as f64 / self.events as f64
    }
}

/// What a matcher did and took.
pub(crate) struct Measured {
    pub(crate) rules: usize,
    /// How many of the records it was shown; all, unless it is very slow.
    pub(crate) records: usize,
    /// How many of these each rule matched.
    pub(crate) counts: Vec<usize>,
    pub(crate) timing: Timing,
    /// What the matcher takes once it is built.
    pub(crate) bytes: usize,
    /// What it takes together with its scratch when everything is done.
    pub(crate) bytes_after: usize,
}

/// Passes over records, timed.
pub(crate) struct Stopwatch {
    pub(crate) clock: Clock,
    /// Whole passes are repeated until this is over.
    pub(crate) at_least: Duration,
}

impl Stopwatch {
    /// Builds a matcher, counts what it finds in a first pass, and times what follows.
    pub(crate) fn measure(
        &self,
        parcels: &Parcels,
        rules: usize,
        pattern: impl Fn(usize) -> String,
    ) -> Measured {
        let mut counts = vec![0; rules];
        let empty = Heap::now();
        let mut matcher = Matcher::new();
        for number in 0..rules {
            matcher.add(number, &parse(&pattern(number)));
        }
        let built = Heap::now();
        let mut scratch = Scratch::default();
        let records = self.count(parcels, &matcher, &mut scratch, &mut counts);
        let mut found = 0;
        let timing = self.time(&parcels.records().take(records), |record| {
            found += matcher.matches(&Event::of_valid(record), &mut scratch).len();
        });
        let after = Heap::now();
        let passes = timing.events / records;
        assert_eq!(found, passes * counts.iter().sum::<usize>(), "every pass finds the same");
        let bytes = built.bytes - empty.bytes;
        Measured { rules, records, counts, timing, bytes, bytes_after: after.bytes - empty.bytes }
    }

    /// Counts the matches of each rule, and gives the number of records this was done with.
    pub(crate) fn count(
        &self,
        parcels: &Parcels,
        matcher: &Matcher<usize>,
        scratch: &mut Scratch,
        counts: &mut [usize],
    ) -> usize {
        let began = self.clock.now();
        for (index, record) in parcels.records().enumerate() {
            let is_time_to_look = index % 1_000 == 999;
            if is_time_to_look && self.clock.now().saturating_sub(began) > COUNTING_MAX {
                return index;
            }
            let event = Event::of_valid(record);
            for number in matcher.matches(&event, scratch) {
                counts[*number] += 1;
            }
        }
        parcels.len()
    }

    /// Times `visit` over whole passes.
    pub(crate) fn time<'a>(
        &self,
        records: &(impl Iterator<Item = &'a str> + Clone),
        mut visit: impl FnMut(&'a str),
    ) -> Timing {
        let (heap, began) = (Heap::now(), self.clock.now());
        let mut events = 0;
        loop {
            for record in records.clone() {
                visit(black_box(record));
                events += 1;
            }
            let spent = self.clock.now().saturating_sub(began);
            if spent >= self.at_least {
                let allocations = Heap::now().allocations - heap.allocations;
                return Timing { events, spent, allocations };
            }
        }
    }
}

/// Reads a pattern of ours.
pub(crate) fn parse(pattern: &str) -> Pattern {
    Pattern::parse(pattern).expect("patterns of a benchmark are valid")
}
