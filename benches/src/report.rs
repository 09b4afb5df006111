//! The table's rows, and the numbers in them.

use std::fmt::Display;
use std::time::Duration;

/// One row.
pub(crate) fn row(what: &str, result: impl Display) {
    println!("| {what} | {result} |");
}

/// The numbers of a goal, and whether it is met.
pub(crate) fn verdict(numbers: &str, met: bool) -> String {
    if met { format!("{numbers}: met") } else { format!("{numbers}: **MISSED**") }
}

/// Latencies in microseconds, sorted.
pub(crate) struct Latencies(Vec<u32>);

impl Latencies {
    pub(crate) fn of(mut latencies_us: Vec<u32>) -> Self {
        latencies_us.sort_unstable();
        Self(latencies_us)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The latency that this share of all does not exceed.
    pub(crate) fn at(&self, share: f64) -> u32 {
        self.0.get(((self.0.len().max(1) - 1) as f64 * share) as usize).copied().unwrap_or(0)
    }
}

impl Display for Latencies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "p50 {} µs, p99 {} µs", self.at(0.5), self.at(0.99))
    }
}

/// The slowest of all, which a percentile hides.
pub(crate) fn slowest_ms(latencies: &Latencies) -> f64 {
    f64::from(latencies.at(1.0)) / 1000.0
}

/// CPU time of one of `count`.
pub(crate) fn cpu_us(used: Duration, count: u64) -> f64 {
    used.as_micros() as f64 / count.max(1) as f64
}

/// The middle one of several rounds.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
