//! `gatepost demo`: two companies, four processes, live in the terminal.

pub mod books;
mod hops;
mod narrate;
pub mod stage;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use model::{Clock as _, Timestamp};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::clock::SystemClock;
use books::Books;
use hops::{Hop, Tally};
use narrate::Narrator;
use stage::{Settings, Stage};

/// How the demo is played.
#[derive(Args, Debug, Clone)]
pub struct Arguments {
    /// How many car orders are placed
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    orders: u32,
    /// How often the tire company completes its orders (60s in the reference)
    #[arg(long, default_value = "2s", value_parser = period)]
    every: String,
    /// Take the car company down while the tire company completes, then bring it back
    #[arg(long)]
    outage: bool,
    /// Leave everything running until Ctrl-C, and print what to try
    #[arg(long)]
    keep: bool,
    /// One JSON object per hop, then a summary
    #[arg(long)]
    json: bool,
}

/// A duration that the companies' file takes too.
fn period(text: &str) -> Result<String, String> {
    match schedule::Schedule::parse(text) {
        Ok(schedule::Schedule::Every(_)) => Ok(text.to_owned()),
        Ok(_) => Err("write a duration like `2s` or `1m`".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// How long the car company stays down in an outage.
const OUTAGE: Duration = Duration::from_secs(4);
/// How long everything may take at the most, besides a second per order.
const LONGEST: Duration = Duration::from_mins(2);

/// Plays the demo; succeeds only if every order is completed in both companies' books.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let narrator = Narrator::new(arguments.json, std::io::stdout().is_terminal());
    tokio::select! {
        played = play(&arguments, &narrator) => played,
        told = told_to_stop() => {
            told?;
            narrator.say("interrupted: everything is stopped and cleared away");
            Ok(ExitCode::from(130))
        }
    }
}

/// Waits for Ctrl-C, or for whoever ends programs politely.
async fn told_to_stop() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}

async fn play(arguments: &Arguments, narrator: &Narrator) -> anyhow::Result<ExitCode> {
    let program = std::env::current_exe().context("the program's own file cannot be found")?;
    let directory = tempfile::Builder::new().prefix("gatepost-demo-").tempdir()?;
    let settings = Settings {
        program,
        root: directory.path().to_owned(),
        every: arguments.every.clone(),
        environment: Vec::new(),
    };
    let clock = SystemClock::new();
    narrator.heading("Two companies, each with its own service behind its own Gatepost");
    let mut stage = Stage::open(settings).await?;
    narrator.companies(&stage);
    narrator.heading("Credentials are handed over: sealed letters, no secret in clear");
    for step in stage.hand_over().await? {
        narrator.step(&step);
    }
    narrator.heading(&format!("{} car orders are placed", arguments.orders));
    let began = clock.now();
    let mut tally = Tally::new(began);
    let outcome = trade(arguments, narrator, &mut stage, &mut tally).await;
    let seconds = seconds_since(&clock, began);
    let books = match &outcome {
        Ok(books) => books.clone(),
        Err(_) => Books::read(&stage).await.unwrap_or_default(),
    };
    // What was told while the books were read.
    drain(narrator, &mut stage, &mut tally);
    let good = outcome.is_ok() && books.all_completed(arguments.orders);
    narrator.summary(&summary(arguments.orders, &books, &tally, seconds, good));
    if let Err(error) = &outcome {
        narrator.say(&format!("{error:#}"));
    }
    if arguments.keep && good {
        narrator.to_try(&stage, &directory.path().display().to_string());
        narrator.follow(&mut stage, &mut tally).await;
    }
    let logs = stage.logs();
    stage.close().await;
    if good {
        return Ok(ExitCode::SUCCESS);
    }
    let kept: PathBuf = directory.keep();
    narrator.say(&format!("the logs are kept in {}: {}", kept.display(), logs.join(", ")));
    Ok(ExitCode::FAILURE)
}

/// Places the orders and watches until both books agree.
async fn trade(
    arguments: &Arguments,
    narrator: &Narrator,
    stage: &mut Stage,
    tally: &mut Tally,
) -> anyhow::Result<Books> {
    for number in 1..=arguments.orders {
        stage.place_order(number).await?;
        drain(narrator, stage, tally);
    }
    if arguments.outage {
        outage(arguments.orders, narrator, stage, tally).await?;
    }
    let longest = LONGEST + Duration::from_secs(u64::from(arguments.orders));
    let done = async {
        loop {
            watch_for(narrator, stage, tally, Duration::from_millis(250)).await;
            let counts = Books::counts(stage).await;
            if counts.is_ok_and(|counts| counts == (arguments.orders, arguments.orders)) {
                return;
            }
        }
    };
    if tokio::time::timeout(longest, done).await.is_err() {
        bail!("not every order was completed within {} s", longest.as_secs());
    }
    // The last attempts' lines are on their way.
    watch_for(narrator, stage, tally, Duration::from_millis(300)).await;
    Books::read(stage).await
}

/// Takes the car company down when its tires are ordered, and brings it back a little later.
async fn outage(
    orders: u32,
    narrator: &Narrator,
    stage: &mut Stage,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let ordered = async {
        while Books::tire_orders(stage).await.unwrap_or(0) < orders {
            watch_for(narrator, stage, tally, Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(LONGEST, ordered).await.context("the tires were not ordered in time")?;
    narrator.heading("The car company goes down, its Gatepost and its service");
    stage.cars.stop().await;
    watch_for(narrator, stage, tally, OUTAGE).await;
    narrator.heading("The car company is back");
    stage.start_cars().await
}

/// Shows what happens for so long.
async fn watch_for(narrator: &Narrator, stage: &mut Stage, tally: &mut Tally, time: Duration) {
    let show = async {
        while let Some(hop) = stage.next_hop().await {
            show(narrator, tally, &hop);
        }
    };
    drop(tokio::time::timeout(time, show).await);
}

fn drain(narrator: &Narrator, stage: &mut Stage, tally: &mut Tally) {
    while let Some(hop) = stage.hop_now() {
        show(narrator, tally, &hop);
    }
}

fn show(narrator: &Narrator, tally: &mut Tally, hop: &Hop) {
    let number = tally.count(hop);
    narrator.hop(number, tally.began(), hop);
}

fn summary(
    orders: u32,
    books: &Books,
    tally: &Tally,
    seconds: f64,
    good: bool,
) -> serde_json::Value {
    json!({
        "summary": {
            "result": if good { "every order is completed in both companies' books" } else { "failed" },
            "orders": orders,
            "completed_at_cars": books.cars_completed,
            "completed_at_tires": books.tires_completed,
            "ordered_twice": books.ordered_twice,
            "hops": tally.hops(),
            "refused_429": tally.too_fast(),
            "retries": tally.retries(),
            "dead_letters": tally.dead(),
            "seconds": (seconds * 10.0).round() / 10.0,
        }
    })
}

fn seconds_since(clock: &SystemClock, began: Timestamp) -> f64 {
    let ms = clock.now().since_ms(began).clamp(0, i64::from(u32::MAX));
    f64::from(u32::try_from(ms).unwrap_or(u32::MAX)) / 1000.0
}
