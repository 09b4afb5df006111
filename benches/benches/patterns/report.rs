//! The table: a row for each matcher that was measured, then a line for everything else.

use std::time::Duration;

use serde_json::{Value, json};

use crate::measure::Measured;

/// No rule is to take more bytes than this.
const BYTES_GOAL: f64 = 400.0;
/// With fewer rules, what a matcher takes without any counts for more than they do.
const BYTES_GOAL_FROM: usize = 1_000;

/// What has been measured so far; the table is printed as it grows, JSON at the end.
pub(crate) struct Report {
    is_json: bool,
    clock: &'static str,
    rows: Vec<Row>,
    notes: Vec<Note>,
}

struct Row {
    bank: String,
    rules: usize,
    records: usize,
    matches: usize,
    events_per_second: f64,
    goal: Option<f64>,
    bytes_per_rule: Option<f64>,
    bytes_per_rule_after: Option<f64>,
    allocations_per_event: f64,
}

struct Note {
    what: String,
    value: f64,
    unit: &'static str,
}

impl Report {
    pub(crate) fn begin(is_json: bool, clock: &'static str, records: usize) -> Self {
        if !is_json {
            println!("{records} records; {clock}; one thread; a goal that was missed says so");
            println!();
            println!(
                "| bank | rules | events/s per core | goal | ns/event | bytes/rule \
                 | after matching | matches | allocations/event |"
            );
            println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|");
        }
        Self { is_json, clock, rows: Vec::new(), notes: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, bank: &str, goal: Option<f64>, measured: &Measured) {
        let rules = measured.rules;
        let per_rule = |bytes: usize| (rules > 0).then(|| bytes as f64 / rules as f64);
        let row = Row {
            bank: bank.to_owned(),
            rules,
            records: measured.records,
            matches: measured.counts.iter().sum(),
            events_per_second: measured.timing.events_per_second(),
            goal,
            bytes_per_rule: per_rule(measured.bytes),
            bytes_per_rule_after: per_rule(measured.bytes_after),
            allocations_per_event: measured.timing.allocations_per_event(),
        };
        if !self.is_json {
            println!("{}", row.line());
        }
        self.rows.push(row);
    }

    /// How fast a bank was with so many rules, if it was measured.
    pub(crate) fn events_per_second(&self, bank: &str, rules: usize) -> Option<f64> {
        let row = self.rows.iter().find(|row| row.bank == bank && row.rules == rules);
        row.map(|row| row.events_per_second)
    }

    /// Adds a line below the table.
    pub(crate) fn note(&mut self, what: String, value: f64, unit: &'static str) {
        self.notes.push(Note { what, value, unit });
    }

    /// Adds two lines: how long changes took in the mean, and the slowest of them.
    pub(crate) fn times(&mut self, what: &str, times: &[Duration]) {
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        let sum: Duration = times.iter().sum();
        let what = format!("{what}, {} times", times.len());
        self.note(format!("{what}: mean"), micros(sum) / times.len() as f64, "µs");
        let slowest = times.iter().max().copied().unwrap_or_default();
        self.note(format!("{what}: slowest"), micros(slowest), "µs");
    }

    /// Prints what is left to print.
    pub(crate) fn end(self) {
        if self.is_json {
            let rows: Vec<Value> = self.rows.iter().map(Row::json).collect();
            let notes: Vec<Value> = self.notes.iter().map(Note::json).collect();
            println!("{:#}", json!({ "clock": self.clock, "rows": rows, "notes": notes }));
            return;
        }
        println!();
        println!("| what | result |");
        println!("|---|--:|");
        for Note { what, value, unit } in &self.notes {
            println!("| {what} | {value:.1} {unit} |");
        }
    }
}

impl Row {
    fn ns_per_event(&self) -> f64 {
        1e9 / self.events_per_second
    }

    fn line(&self) -> String {
        let goal = self.goal.map_or_else(String::new, |goal| {
            format!("{}{}", short(goal), missed(self.events_per_second < goal))
        });
        let bytes = |bytes: Option<f64>| {
            bytes.map_or_else(String::new, |bytes| {
                let too_many = self.rules >= BYTES_GOAL_FROM && bytes > BYTES_GOAL;
                format!("{bytes:.0}{}", missed(too_many))
            })
        };
        format!(
            "| {} | {} | {} | {goal} | {:.0} | {} | {} | {} of {} | {:.2} |",
            self.bank,
            self.rules,
            short(self.events_per_second),
            self.ns_per_event(),
            bytes(self.bytes_per_rule),
            bytes(self.bytes_per_rule_after),
            self.matches,
            self.records,
            self.allocations_per_event,
        )
    }

    fn json(&self) -> Value {
        json!({
            "bank": self.bank,
            "rules": self.rules,
            "records": self.records,
            "matches": self.matches,
            "events_per_second": self.events_per_second,
            "goal": self.goal,
            "ns_per_event": self.ns_per_event(),
            "bytes_per_rule": self.bytes_per_rule,
            "bytes_per_rule_after_matching": self.bytes_per_rule_after,
            "allocations_per_event": self.allocations_per_event,
        })
    }
}

impl Note {
    fn json(&self) -> Value {
        json!({ "what": self.what, "value": self.value, "unit": self.unit })
    }
}

fn missed(is_missed: bool) -> &'static str {
    if is_missed { ", missed" } else { "" }
}

/// Three digits or so: `1.62 M`, `185 k`.
fn short(value: f64) -> String {
    if value >= 999_500.0 {
        format!("{:.2} M", value / 1e6)
    } else if value >= 999.5 {
        format!("{:.0} k", value / 1e3)
    } else {
        format!("{value:.0}")
    }
}
