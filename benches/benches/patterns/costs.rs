//! What is beside matching: reading events strictly, and changing rules while a snapshot is kept.

use std::hint::black_box;
use std::time::{Duration, Instant};

use pattern::{Event, Matcher, Scratch};

use crate::many::Kind;
use crate::measure::{Stopwatch, Timing, parse};
use crate::parcels::Parcels;
use crate::scan::Parcel;

/// The rules that are there when some are added and removed.
pub(crate) const RULES: usize = 100_000;
/// How many are added, and how many are removed then.
const CHANGES: usize = 1_000;
/// Changes end here, however few they were: a snapshot may be a copy.
const CHANGING_MAX: Duration = Duration::from_secs(10);

/// Times the strict reading of events, without a matcher.
pub(crate) fn reading(stopwatch: &Stopwatch, parcels: &Parcels) -> Timing {
    stopwatch.time(&parcels.records(), |record| {
        black_box(&Event::parse(record).expect("the generator writes JSON"));
    })
}

/// How long changes took, each with a snapshot before it that is dropped after it.
pub(crate) struct Changes {
    pub(crate) additions: Vec<Duration>,
    pub(crate) removals: Vec<Duration>,
}

/// Adds rules to many others, removes as many of the others, and checks what is left. The time is
/// the wall clock's, because the CPU's is counted in ticks longer than a change.
pub(crate) fn changes(stopwatch: &Stopwatch, parcels: &Parcels, kind: Kind) -> Changes {
    let mut matcher = Matcher::new();
    let mut ids = Vec::new();
    for number in 0..RULES {
        ids.push(matcher.add(number, &parse(&kind.pattern(number))));
    }
    let new: Vec<_> =
        (RULES..RULES + CHANGES).map(|number| (number, parse(&kind.pattern(number)))).collect();
    let additions = timed(new, |(number, pattern)| {
        let snapshot = matcher.clone();
        matcher.add(number, &pattern);
        drop(black_box(snapshot));
    });
    let removals = timed(ids.into_iter().step_by(RULES / CHANGES), |id| {
        let snapshot = matcher.clone();
        let removed = matcher.remove(id);
        drop(black_box(snapshot));
        assert!(removed.is_some(), "it was added and not removed before");
    });
    check(stopwatch, parcels, kind, &matcher, (additions.len(), removals.len()));
    Changes { additions, removals }
}

fn timed<T>(items: impl IntoIterator<Item = T>, mut change: impl FnMut(T)) -> Vec<Duration> {
    let start = Instant::now();
    let mut times = Vec::with_capacity(CHANGES);
    for item in items {
        let began = Instant::now();
        change(item);
        times.push(began.elapsed());
        if start.elapsed() > CHANGING_MAX {
            break;
        }
    }
    times
}

/// Asserts that exactly the rules that were not removed match.
fn check(
    stopwatch: &Stopwatch,
    parcels: &Parcels,
    kind: Kind,
    matcher: &Matcher<usize>,
    (added, removed): (usize, usize),
) {
    let step = RULES / CHANGES;
    let is_there = |number: usize| {
        let was_removed = number.is_multiple_of(step) && number / step < removed;
        number < RULES + added && (number >= RULES || !was_removed)
    };
    let mut counts = vec![0; RULES + CHANGES];
    let records = stopwatch.count(parcels, matcher, &mut Scratch::default(), &mut counts);
    let mut expected: Vec<usize> = vec![0; RULES + CHANGES];
    for record in parcels.records().take(records) {
        if let Some(number) = kind.number(&Parcel::read(record)).filter(|one| is_there(*one)) {
            expected[number] += 1;
        }
    }
    assert!(counts == expected, "a rule matched what it should not, or was lost");
}
