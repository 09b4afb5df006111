//! How fast events are matched: records shaped like a city's parcels against banks of five rules
//! and up to 100,000 rules, on one core. `cargo bench -p gatepost-benches --bench patterns` prints
//! a table.
//!
//! Behind `--`, a word keeps the rows that have it in their name, `--records N` takes fewer records
//! than 200,000, and `--json` prints JSON. What is found is compared with a plain scan of the same
//! records, and the program ends where they differ. A goal that was missed only says so. Without
//! cargo's `--bench` it is a test: few records and rules, each once.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a measuring program: it reads the clock, prints, and counts to less than 2^52"
)]

mod banks;
mod costs;
mod many;
mod measure;
mod parcels;
mod report;
mod scan;

use std::alloc::System;
use std::cell::OnceCell;
use std::time::Duration;

use pattern::Event;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use banks::{BANKS, Rule, TOGETHER, TOGETHER_GOAL};
use many::Kind;
use measure::{Clock, Measured, Stopwatch};
use parcels::{Parcels, Points, RECORDS};
use report::Report;
use scan::Parcel;

/// Counts bytes and allocations. A program's own allocator may be faster, but matching is not to
/// allocate anyway.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// With that many exact rules, this many events per second and core are wanted.
const MANY_GOAL: (usize, f64) = (100_000, 1_000_000.0);
/// A rule with a wildcard may be this much slower than an exact one.
const WILDCARD_SHARE: f64 = 0.7;

fn main() {
    let settings = Settings::read(std::env::args().skip(1));
    let stopwatch = Stopwatch { clock: Clock::new(), at_least: settings.at_least };
    let mut report = Report::begin(settings.is_json, stopwatch.clock.name(), settings.records);
    let bench = Bench { settings, stopwatch, arrays: OnceCell::new(), objects: OnceCell::new() };
    bench.no_rules(&mut report);
    bench.banks(&mut report);
    bench.together(&mut report);
    bench.many(&mut report);
    bench.reading(&mut report);
    bench.changes(&mut report);
    bench.lengths(&mut report);
    report.end();
}

/// What was asked for.
struct Settings {
    records: usize,
    rules_max: usize,
    at_least: Duration,
    is_json: bool,
    word: Option<String>,
}

impl Settings {
    fn read(mut arguments: impl Iterator<Item = String>) -> Self {
        let (mut is_bench, mut is_json) = (false, false);
        let (mut records, mut word): (Option<usize>, Option<String>) = (None, None);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--bench" => is_bench = true,
                "--json" => is_json = true,
                "--records" => {
                    let number = arguments.next().and_then(|number| number.parse().ok());
                    records = Some(number.expect("--records is followed by a number"));
                }
                // What else is meant for the usual harness.
                other if other.starts_with("--") => {}
                _ => word = Some(argument),
            }
        }
        let (usual, rules_max, at_least) = if is_bench {
            (RECORDS, usize::MAX, Duration::from_secs(1))
        } else {
            (2_000, 100, Duration::ZERO)
        };
        let records = records.unwrap_or(usual).clamp(1, RECORDS);
        Self { records, rules_max, at_least, is_json, word }
    }

    /// Whether a row of this name was asked for.
    fn wants(&self, name: &str) -> bool {
        self.word.as_ref().is_none_or(|word| name.contains(word.as_str()))
    }
}

/// The records, made when they are first needed, and what to measure with them.
struct Bench {
    settings: Settings,
    stopwatch: Stopwatch,
    arrays: OnceCell<Parcels>,
    objects: OnceCell<Parcels>,
}

impl Bench {
    fn parcels(&self, points: Points) -> &Parcels {
        let cell = match points {
            Points::Arrays => &self.arrays,
            Points::Objects => &self.objects,
        };
        cell.get_or_init(|| {
            let parcels = Parcels::generate(points, self.settings.records);
            let mean = parcels.bytes() / parcels.len();
            let is_usual = parcels.len() < 1_000 || (800..=900).contains(&mean);
            assert!(is_usual, "records are about 850 bytes long, not {mean}");
            // From here on they are taken as valid.
            let wrong = parcels.records().find(|record| Event::parse(record).is_err());
            assert_eq!(wrong, None, "every record is an event");
            parcels
        })
    }

    fn no_rules(&self, report: &mut Report) {
        let name = "no rules";
        if self.settings.wants(name) {
            let measured =
                self.stopwatch.measure(self.parcels(Points::Arrays), 0, |_| String::new());
            report.row(name, None, &measured);
        }
    }

    fn banks(&self, report: &mut Report) {
        for bank in BANKS.iter().filter(|bank| self.settings.wants(bank.name)) {
            let rules: Vec<&Rule> = bank.rules.iter().collect();
            let measured = self.bank(bank.name, bank.points, &rules);
            let is_idle = measured.counts.contains(&0);
            assert!(measured.records < RECORDS || !is_idle, "{}: a rule is idle", bank.name);
            report.row(bank.name, bank.goal, &measured);
        }
    }

    fn together(&self, report: &mut Report) {
        if self.settings.wants(TOGETHER) {
            let rules: Vec<&Rule> = BANKS.iter().flat_map(|bank| bank.rules).collect();
            let measured = self.bank(TOGETHER, Points::Objects, &rules);
            report.row(TOGETHER, Some(TOGETHER_GOAL), &measured);
        }
    }

    /// Measures rules together, and asserts that each finds what it should.
    fn bank(&self, name: &str, points: Points, rules: &[&Rule]) -> Measured {
        let parcels = self.parcels(points);
        let pattern = |number: usize| rules[number].pattern.to_owned();
        let measured = self.stopwatch.measure(parcels, rules.len(), pattern);
        let mut expected: Vec<usize> = vec![0; rules.len()];
        for record in parcels.records().take(measured.records) {
            let parcel = Parcel::read(record);
            for (count, rule) in expected.iter_mut().zip(rules) {
                *count += usize::from((rule.holds)(&parcel));
            }
        }
        for ((found, expected), rule) in measured.counts.iter().zip(&expected).zip(rules) {
            assert_eq!(found, expected, "{name}: {}", rule.pattern);
        }
        measured
    }

    fn many(&self, report: &mut Report) {
        for kind in many::KINDS.into_iter().filter(|kind| self.settings.wants(kind.name())) {
            for rules in many::COUNTS.into_iter().filter(|rules| *rules <= self.settings.rules_max)
            {
                let measured = self.kind(kind, rules);
                let goal = match kind {
                    Kind::Exact => (rules == MANY_GOAL.0).then_some(MANY_GOAL.1),
                    Kind::Wildcard => {
                        let exact = report.events_per_second(Kind::Exact.name(), rules);
                        exact.map(|exact| exact * WILDCARD_SHARE)
                    }
                    _ => None,
                };
                report.row(kind.name(), goal, &measured);
            }
        }
    }

    /// Measures so many rules of a kind, and asserts that each finds what it should.
    fn kind(&self, kind: Kind, rules: usize) -> Measured {
        let parcels = self.parcels(kind.points());
        let measured = self.stopwatch.measure(parcels, rules, |number| kind.pattern(number));
        let mut expected: Vec<usize> = vec![0; rules];
        for record in parcels.records().take(measured.records) {
            let number = kind.number(&Parcel::read(record));
            if let Some(count) = number.and_then(|number| expected.get_mut(number)) {
                *count += 1;
            }
        }
        let wrong =
            measured.counts.iter().zip(&expected).position(|(found, wanted)| found != wanted);
        assert_eq!(wrong, None, "{} of {rules}: the number of a wrong rule", kind.name());
        measured
    }

    fn reading(&self, report: &mut Report) {
        for (name, points) in [
            ("strict reading, points as arrays", Points::Arrays),
            ("strict reading, points as objects", Points::Objects),
        ] {
            if self.settings.wants(name) {
                let parcels = self.parcels(points);
                let timing = costs::reading(&self.stopwatch, parcels);
                let mean = parcels.bytes() as f64 / parcels.len() as f64;
                let rate = timing.events_per_second() * mean / 1e6;
                report.note(name.to_owned(), rate, "MB/s");
                let allocations = timing.allocations_per_event();
                report.note(format!("{name}: allocations"), allocations, "an event");
            }
        }
    }

    fn changes(&self, report: &mut Report) {
        for kind in [Kind::Exact, Kind::Wildcard] {
            let name = format!("change among {} rules ({})", costs::RULES, kind.name());
            if self.settings.wants(&name) && costs::RULES <= self.settings.rules_max {
                let parcels = self.parcels(kind.points());
                let changes = costs::changes(&self.stopwatch, parcels, kind);
                report.times(&format!("{name}: snapshot and add"), &changes.additions);
                report.times(&format!("{name}: snapshot and remove"), &changes.removals);
            }
        }
    }

    fn lengths(&self, report: &mut Report) {
        for (name, cell) in [("arrays", &self.arrays), ("objects", &self.objects)] {
            if let Some(parcels) = cell.get() {
                let mean = parcels.bytes() as f64 / parcels.len() as f64;
                report.note(format!("mean length of a record, points as {name}"), mean, "bytes");
            }
        }
    }
}
