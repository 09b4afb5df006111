//! First numbers: the real program, real receivers and a load on loopback, bounded in count and
//! time. `cargo build --release && cargo run --release -p gatepost-benches` prints a table; a
//! scenario's name behind `--` runs that one alone, `--quick` only shows that all of it runs.
//!
//! Load and receiver share the machine's cores with the program, so requests per second say what
//! this machine does with all three; CPU per request is the program's own and travels better.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a measuring program: it reads the clock, prints, and ends where something is wrong"
)]

mod load;
mod program;
mod receiver;
mod report;
mod scenarios;

use std::process::ExitCode;
use std::time::Duration;

use report::row;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// How long each load runs.
    pub(crate) run: Duration,
    /// Numbers of events are divided by this.
    divisor: u64,
}

impl Scale {
    const FULL: Self = Self { run: Duration::from_secs(5), divisor: 1 };
    /// Whether it runs, not how fast.
    const QUICK: Self = Self { run: Duration::from_secs(1), divisor: 50 };

    pub(crate) fn events(self, events: u64) -> u64 {
        events / self.divisor
    }
}

const NAMES: [&str; 5] = ["gateway", "publish", "deliver", "latency", "isolation"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (options, names): (Vec<&String>, Vec<&String>) =
        arguments.iter().partition(|argument| argument.starts_with("--"));
    let wrong = names.iter().find(|name| !NAMES.contains(&name.as_str()));
    let odd = options.iter().find(|option| **option != "--quick");
    if let Some(wrong) = wrong.or(odd) {
        eprintln!("`{wrong}` is no scenario; there are {}, and --quick", NAMES.join(", "));
        return ExitCode::from(2);
    }
    let scale = if options.is_empty() { Scale::FULL } else { Scale::QUICK };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    println!("| what | result |");
    println!("|---|---|");
    row("`fsync` of 4 KiB on this disk, median", format_args!("{:.0} µs", fsync_us()));
    let chosen = NAMES.iter().filter(|name| names.is_empty() || names.iter().any(|n| n == *name));
    for name in chosen {
        runtime.block_on(async {
            match *name {
                "gateway" => scenarios::gateway::measure(scale).await,
                "publish" => scenarios::publish::measure(scale).await,
                "deliver" => scenarios::deliver::measure(scale).await,
                "latency" => scenarios::latency::measure(scale).await,
                _ => scenarios::isolation::measure(scale).await,
            }
        });
    }
    ExitCode::SUCCESS
}

/// What a durable write costs here at the least.
fn fsync_us() -> f64 {
    use std::io::Write as _;
    let mut file = tempfile::tempfile().unwrap();
    let mut times: Vec<u128> = (0..50)
        .map(|_| {
            file.write_all(&[7; 4096]).unwrap();
            let began = std::time::Instant::now();
            file.sync_data().unwrap();
            began.elapsed().as_micros()
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2] as f64
}
