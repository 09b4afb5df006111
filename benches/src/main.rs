//! First numbers: the real program, real receivers and a load on loopback, bounded in count and
//! time. `cargo xtask release -p gatepost -p gatepost-benches && target/release/gatepost-benches`
//! prints a table; a scenario's name behind it runs that one alone, `--quick` only shows that all of
//! it runs, and `--long` takes more time for steadier numbers. What compares runs only when it is
//! named.
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
mod process;
mod program;
mod receiver;
mod report;
mod scenarios;
mod stored;

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
    /// How often each of those that are compared has its turn.
    pub(crate) rounds: usize,
    /// How long each load of a turn runs.
    pub(crate) turn: Duration,
}

impl Scale {
    const FULL: Self =
        Self { run: Duration::from_secs(5), divisor: 1, rounds: 3, turn: Duration::from_secs(3) };
    const LONG: Self =
        Self { run: Duration::from_secs(20), divisor: 1, rounds: 7, turn: Duration::from_secs(5) };
    /// Whether it runs, not how fast.
    const QUICK: Self = Self {
        run: Duration::from_secs(1),
        divisor: 50,
        rounds: 1,
        turn: Duration::from_millis(300),
    };

    /// What the options ask for, or the one that is none.
    fn of<'a>(options: &[&'a String]) -> Result<Self, &'a str> {
        match options.iter().map(|option| option.as_str()).collect::<Vec<_>>()[..] {
            [] => Ok(Self::FULL),
            ["--quick"] => Ok(Self::QUICK),
            ["--long"] => Ok(Self::LONG),
            [.., odd] => Err(odd),
        }
    }

    pub(crate) fn events(self, events: u64) -> u64 {
        events / self.divisor
    }
}

/// What runs when nothing is named: one table, a row for each number.
const NAMES: [&str; 5] = ["gateway", "publish", "deliver", "latency", "isolation"];
/// What runs then too, with tables of its own.
const TABLES: [&str; 1] = ["tokens"];
/// What takes minutes, with tables of its own.
const COMPARED: [&str; 2] = ["compare", "sizes"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (options, names): (Vec<&String>, Vec<&String>) =
        arguments.iter().partition(|argument| argument.starts_with("--"));
    let all = || NAMES.into_iter().chain(TABLES).chain(COMPARED);
    let wrong = names.iter().find(|name| !all().any(|one| one == name.as_str()));
    let scale = match (wrong, Scale::of(&options)) {
        (None, Ok(scale)) => scale,
        (Some(wrong), _) => return refused(wrong),
        (None, Err(odd)) => return refused(odd),
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let is_named = |one: &&str| names.iter().any(|name| name.as_str() == *one);
    let is_wanted = |one: &&str| names.is_empty() || is_named(one);
    let rows: Vec<&str> = NAMES.into_iter().filter(is_wanted).collect();
    if !rows.is_empty() {
        println!("| what | result |");
        println!("|---|---|");
        row("`fsync` of 4 KiB on this disk, median", format_args!("{:.0} µs", fsync_us()));
    }
    let tables = TABLES.into_iter().filter(is_wanted);
    let tables = tables.chain(COMPARED.into_iter().filter(is_named));
    for name in rows.into_iter().chain(tables) {
        runtime.block_on(measure(name, scale));
    }
    ExitCode::SUCCESS
}

fn refused(wrong: &str) -> ExitCode {
    let names = [&NAMES[..], &TABLES[..], &COMPARED[..]].concat().join(", ");
    eprintln!("`{wrong}` does not fit; there are {names}, and one of --quick and --long");
    ExitCode::from(2)
}

async fn measure(name: &str, scale: Scale) {
    match name {
        "gateway" => scenarios::gateway::measure(scale).await,
        "tokens" => scenarios::tokens::measure(scale).await,
        "publish" => scenarios::publish::measure(scale).await,
        "deliver" => scenarios::deliver::measure(scale).await,
        "latency" => scenarios::latency::measure(scale).await,
        "isolation" => scenarios::isolation::measure(scale).await,
        "compare" => scenarios::compare::measure(scale).await,
        _ => scenarios::sizes::measure(scale).await,
    }
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
