//! What we set out for, and whether it is met: a row for each goal, a column for each number of
//! connections. The middle of all rounds counts.

use crate::report::verdict;

use super::CONNECTIONS;
use super::contender::{Contender, Turn, Who};

/// CPU of the fully checked Gatepost per request: at most this many times that of another.
const CPU_AT_MOST: [(Who, f64); 4] = [
    (Who::Nginx, 1.0),
    (Who::HaproxyPlain, 1.1),
    (Who::HaproxyRs256, 1.0 / 2.5),
    (Who::HaproxyEs256, 1.0 / 4.0),
];
/// What we add at the 99th percentile to one caller alone, in microseconds.
const ADDED_US: f64 = 300.0;
const MEMORY_MIB: f64 = 25.0;

/// The cells of one goal, for each number of connections.
type Cells = [Option<String>; CONNECTIONS.len()];

pub(super) fn table(contenders: &[Contender]) {
    let columns = CONNECTIONS.map(|connections| format!(" connections: {connections} |")).concat();
    println!("\n| goal for Gatepost, fully checked |{columns}");
    println!("|---|{}", "---|".repeat(CONNECTIONS.len()));
    let Some(ours) = find(contenders, Who::Checked) else { return };
    for (who, share) in CPU_AT_MOST {
        let goal = if share < 1.0 {
            format!("CPU each at least {:.1} times less than {}", 1.0 / share, who.name())
        } else {
            format!("CPU each at most {share:.1} times that of {}", who.name())
        };
        row(
            &goal,
            cells(|at| {
                let theirs = find(contenders, who)?.median(at, |turn| turn.cpu_us);
                let cpu_us = ours.median(at, |turn| turn.cpu_us);
                let times = if share < 1.0 { theirs / cpu_us } else { cpu_us / theirs };
                let numbers = format!("{cpu_us:.1} µs to {theirs:.1} µs, {times:.2} times");
                Some(verdict(&numbers, cpu_us <= theirs * share))
            }),
        );
    }
    remembered(contenders, ours);
    latencies(contenders, ours);
    row(
        &format!("memory below {MEMORY_MIB:.0} MiB"),
        cells(|at| {
            let memory_mib = ours.median(at, |turn| turn.memory_mib);
            Some(verdict(&format!("{memory_mib:.1} MiB"), memory_mib < MEMORY_MIB))
        }),
    );
}

/// No goal, and the fairest comparison: both remember what they have verified.
fn remembered(contenders: &[Contender], ours: &Contender) {
    let who = Who::HaproxyRemembered;
    row(
        &format!("(no goal) CPU each beside {}", who.name()),
        cells(|at| {
            let theirs = find(contenders, who)?.median(at, |turn| turn.cpu_us);
            let cpu_us = ours.median(at, |turn| turn.cpu_us);
            let times = cpu_us / theirs;
            Some(format!("{cpu_us:.1} µs to {theirs:.1} µs, {times:.2} times"))
        }),
    );
}

fn latencies(contenders: &[Contender], ours: &Contender) {
    let p99_us = |contender: &Contender, at| contender.median(at, |turn: &Turn| turn.p99_us);
    let alone = |at: usize| CONNECTIONS[at] == 1;
    row(
        &format!("p99 added to the service alone below {:.1} ms", ADDED_US / 1000.0),
        cells(|at| {
            let direct = find(contenders, Who::Direct).filter(|_| alone(at))?;
            let added_us = p99_us(ours, at) - p99_us(direct, at);
            Some(verdict(&format!("{:.3} ms", added_us / 1000.0), added_us < ADDED_US))
        }),
    );
    row(
        "p99 not above the lowest of the others",
        cells(|at| {
            let others = contenders.iter().filter(|other| other.who.template().is_some());
            let others = others.map(|other| (other.who, p99_us(other, at)));
            let (who, theirs) = others.min_by(|(_, one), (_, two)| one.total_cmp(two))?;
            let ours_us = p99_us(ours, at);
            let numbers = format!("{ours_us:.0} µs to {theirs:.0} µs ({})", who.name());
            Some(verdict(&numbers, ours_us <= theirs))
        }),
    );
}

fn find(contenders: &[Contender], who: Who) -> Option<&Contender> {
    contenders.iter().find(|contender| contender.who == who)
}

fn cells(cell: impl Fn(usize) -> Option<String>) -> Cells {
    std::array::from_fn(cell)
}

/// Prints a goal; a cell is empty where it does not apply or somebody was left out.
fn row(goal: &str, cells: Cells) {
    let cells = cells.map(|cell| format!(" {} |", cell.unwrap_or_default())).concat();
    println!("| {goal} |{cells}");
}
