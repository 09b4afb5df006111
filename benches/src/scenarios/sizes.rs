//! What a large configuration costs: memory, the time of a start, and the CPU of a fully checked
//! request, each beside a small configuration that is asked the same. Turns in rounds, as in
//! `compare`.

use crate::Scale;
use crate::load::Load;
use crate::program::Program;
use crate::receiver::Receiver;
use crate::report::{Latencies, cpu_us, median};
use crate::scenarios::{WARM_UP, checked};
use crate::stored::{self, Key};

/// Keys that call in turn, in every configuration, one for each connection.
const CALLERS: usize = 64;
const PARTNERS: u64 = 10_000;
const ROUTES: usize = 1_000;
/// A file of the configuration holds this many partners: it is bounded in its values.
const PARTNERS_PER_FILE: usize = 1_000;
/// What a large configuration may add to the CPU of a request and still be called the same: runs of
/// one and the same differ by this much.
const SAME: f64 = 1.05;

pub(crate) async fn measure(scale: Scale) {
    let receiver = Receiver::start().await;
    let service = receiver.address().to_string();
    let partners = scale.events(PARTNERS) as usize;
    let mut sizes = Vec::new();
    for (partners, keys_each, routes) in
        [(0, 0, 0), (partners, 1, 0), (partners, 10, 0), (0, 0, ROUTES)]
    {
        let definitions = checked::definitions(&service, CALLERS, routes);
        sizes.push(Size::set(&definitions, &others(partners, keys_each), routes).await);
    }
    for _ in 0..scale.rounds {
        for size in &mut sizes {
            size.turn(scale).await;
        }
    }
    table(&sizes);
    goals(&sizes);
}

/// Partners who are configured and do not call: files of the configuration, and their keys.
fn others(partners: usize, keys_each: usize) -> (Vec<String>, Vec<Key>) {
    let numbers: Vec<usize> = (0..partners).collect();
    let (mut files, mut all) = (Vec::new(), Vec::new());
    for some in numbers.chunks(PARTNERS_PER_FILE) {
        let mut lines = vec!["partners:\n".to_owned()];
        for number in some {
            let partner = format!("other-{number}");
            let names: Vec<String> = (0..keys_each).map(|key| format!("{partner}-{key}")).collect();
            let keys = names.join(": {}, ");
            lines.push(format!("  {partner}: {{ plan: wide, api_keys: {{ {keys}: {{}} }} }}\n"));
            all.extend(names.into_iter().map(|name| Key { name, partner: partner.clone() }));
        }
        files.push(lines.concat());
    }
    (files, all)
}

/// A program with a configuration of one size.
struct Size {
    name: String,
    program: Program,
    requests: Vec<Vec<u8>>,
    turns: Vec<Turn>,
}

struct Turn {
    ready_ms: f64,
    ready_mib: f64,
    cpu_us: f64,
    p99_us: f64,
    used_mib: f64,
}

impl Size {
    /// Makes the program's store, with a value for each key, and leaves it stopped.
    async fn set(definitions: &str, others: &(Vec<String>, Vec<Key>), routes: usize) -> Self {
        let (files, their_keys) = others;
        let (mut program, _) = Program::start_with(definitions, files).await;
        let secret = program.run(&["client", "secret", "bench"]);
        let token = program.token(&secret).await;
        program.stop();
        let callers = (0..CALLERS)
            .map(|number| Key { name: checked::key(number), partner: "bench".to_owned() });
        let callers: Vec<Key> = callers.collect();
        let values = stored::mint(&program.data(), &callers).await;
        stored::mint(&program.data(), their_keys).await;
        let request = |(number, key): (usize, &String)| {
            // Spread over all routes, if there are many.
            let route = number * routes / CALLERS;
            let path = if routes == 0 { "x".to_owned() } else { format!("r{route}") };
            checked::request(&format!("/checked/{path}"), &token, key)
        };
        let requests = values.iter().enumerate().map(request).collect();
        let keys = CALLERS + their_keys.len();
        let name = format!("checked routes: {}, API keys: {keys}", routes + 1);
        Self { name, program, requests, turns: Vec::new() }
    }

    async fn turn(&mut self, scale: Scale) {
        let ready = self.program.again().await;
        let ready_mib = self.program.memory_mib();
        let load = Load {
            address: self.program.public.clone(),
            requests: self.requests.clone(),
            connections: CALLERS,
        };
        load.run(WARM_UP).await;
        let before = self.program.cpu();
        let outcome = load.run(scale.turn).await;
        let used = self.program.cpu().saturating_sub(before);
        self.turns.push(Turn {
            ready_ms: ready.as_secs_f64() * 1000.0,
            ready_mib,
            cpu_us: cpu_us(used, outcome.requests),
            p99_us: f64::from(Latencies::of(outcome.latencies_us).at(0.99)),
            used_mib: self.program.memory_mib(),
        });
        self.program.stop();
    }

    /// The middle one of all rounds.
    fn median(&self, number: impl Fn(&Turn) -> f64) -> f64 {
        median(self.turns.iter().map(number))
    }
}

fn table(sizes: &[Size]) {
    println!(
        "\n| fully checked, {CALLERS} callers | CPU each, µs | rounds | p99, µs | memory when ready, MiB | \
         under load | ready in, ms |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|");
    for size in sizes {
        let of = |number: fn(&Turn) -> f64| size.median(number);
        let rounds: Vec<String> =
            size.turns.iter().map(|turn| format!("{:.1}", turn.cpu_us)).collect();
        println!(
            "| {} | {:.1} | {} | {:.0} | {:.1} | {:.1} | {:.0} |",
            size.name,
            of(|turn| turn.cpu_us),
            rounds.join(" "),
            of(|turn| turn.p99_us),
            of(|turn| turn.ready_mib),
            of(|turn| turn.used_mib),
            of(|turn| turn.ready_ms)
        );
    }
}

/// The size of a configuration is not to be found in the CPU of a request.
fn goals(sizes: &[Size]) {
    println!("\n| goal: CPU each as with a small configuration | |");
    println!("|---|---|");
    let Some((small, large)) = sizes.split_first() else { return };
    let small_us = small.median(|turn| turn.cpu_us);
    // The rounds of the small one say how far apart equal ones are here.
    let highest_us = small.turns.iter().map(|turn| turn.cpu_us).fold(small_us * SAME, f64::max);
    for size in large {
        let cpu_us = size.median(|turn| turn.cpu_us);
        let verdict = if cpu_us <= highest_us { "met" } else { "**MISSED**" };
        println!("| {} | {cpu_us:.1} µs to {small_us:.1} µs: {verdict} |", size.name);
    }
}
