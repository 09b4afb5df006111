//! Tokens: how many a second of the program's own CPU issues, by what signs them and by how the client
//! proves itself, over connections that stay, with the log and the metrics on, beside what the library
//! alone signs in a second; and what one costs at the gateway, verified and remembered.

mod alone;
mod clients;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Scale;
use crate::load::{self, Load, request};
use crate::program::Program;
use crate::receiver::Receiver;
use crate::report::{cpu_us, row, verdict};
use crate::scenarios::{WARM_UP, checked};

use clients::{FORM, GRANT, Key, SIGNINGS, Signing};

const CONNECTIONS: usize = 64;
/// Assertions of one load, and of the short one before it. A load by secrets has its time; this one
/// has its number, because each is signed before the clock runs and is good once.
const ASSERTIONS: u64 = 60_000;
const ASSERTIONS_BEFORE: u64 = 4_000;
/// Tokens that the gateway has never seen. CPU time comes in hundredths of a second: of so many
/// that is a few percent.
const FRESH: u64 = 4_000;
/// What we set out for: tokens of a second of CPU, of the usual algorithm with Basic, where the library
/// alone signs about 50,000; the share of that, for a machine that is slower; and memory
/// while nobody asks.
const PER_CPU_SECOND_MIN: f64 = 15_000.0;
const SHARE_MIN: f64 = 0.3;
const MEMORY_MIB_MAX: f64 = 20.0;

pub(crate) async fn measure(scale: Scale) {
    let key = Key::generate();
    let (program, _) = Program::start(&clients::definitions(&key)).await;
    let memory_mib = program.memory_mib();
    println!(
        "\n| of one second of CPU | tokens, secret by Basic | tokens, `private_key_jwt` by ES256 \
         | signatures of the library alone | share of it, Basic | share, `private_key_jwt` |"
    );
    println!("|---|--:|--:|--:|--:|--:|");
    let mut usual = None;
    for signing in &SIGNINGS {
        let basic = by_secret(&program, signing, scale.run).await;
        let assertion = by_assertion((&program, &key), signing, scale).await;
        // Between its loads and the next ones: a machine that is slower for a while is so for both.
        let alone = alone::signatures((signing.alone)().as_ref(), scale.turn);
        let (share, share_assertion) = (basic / alone, assertion / alone);
        println!(
            "| {} | {basic:.0} | {assertion:.0} | {alone:.0} | {share:.2} | {share_assertion:.2} |",
            signing.name
        );
        usual.get_or_insert((signing.name, basic, alone));
    }
    drop(program);
    let (name, basic, alone) = usual.unwrap();
    println!("\n| goal | result |");
    println!("|---|---|");
    // The share is what the goal comes to on a machine that signs more slowly.
    let goal = format!(
        "{name} with Basic, at least {PER_CPU_SECOND_MIN:.0} tokens per CPU second, or {SHARE_MIN:.2} of \
         what the library alone signs"
    );
    let numbers = format!("{basic:.0}, {:.2} of {alone:.0}", basic / alone);
    let is_met = basic >= PER_CPU_SECOND_MIN || basic / alone >= SHARE_MIN;
    row(&goal, verdict(&numbers, is_met));
    let goal = format!("memory, idle, below {MEMORY_MIB_MAX:.0} MiB");
    row(&goal, verdict(&format!("{memory_mib:.1} MiB"), memory_mib < MEMORY_MIB_MAX));
    at_the_gateway(scale).await;
}

/// Tokens per CPU second with the secret in `Authorization`.
async fn by_secret(program: &Program, signing: &Signing, time: Duration) -> f64 {
    let client = signing.client();
    let secret = program.run(&["client", "secret", &client]);
    let basic = STANDARD.encode(format!("{client}:{secret}"));
    let headers = format!("authorization: Basic {basic}\r\n{FORM}");
    let ask = request("POST", "/oauth2/token", &headers, GRANT);
    signing.check(&load::once(&program.public, &ask).await);
    issued(program, ask, time).await
}

/// Tokens per CPU second with an assertion for each, signed beforehand.
async fn by_assertion((program, key): (&Program, &Key), signing: &Signing, scale: Scale) -> f64 {
    let (before, count) = (scale.events(ASSERTIONS_BEFORE), scale.events(ASSERTIONS));
    let issuer = format!("http://{}", program.public);
    let mut warm_up = key.requests(signing, &issuer, before + count);
    let rest = warm_up.split_off(before as usize);
    let load =
        |requests| Load { address: program.public.clone(), requests, connections: CONNECTIONS };
    load(warm_up).send_each().await;
    let rest = load(rest);
    let before = program.cpu();
    let outcome = rest.send_each().await;
    per_cpu_second(program.cpu().saturating_sub(before), outcome.requests)
}

/// Tokens per CPU second, by a request that is good again and again.
async fn issued(program: &Program, request: Vec<u8>, time: Duration) -> f64 {
    let load =
        Load { address: program.public.clone(), requests: vec![request], connections: CONNECTIONS };
    load.run(WARM_UP).await;
    let before = program.cpu();
    let outcome = load.run(time).await;
    per_cpu_second(program.cpu().saturating_sub(before), outcome.requests)
}

fn per_cpu_second(used: Duration, tokens: u64) -> f64 {
    1_000_000.0 / cpu_us(used, tokens).max(0.001)
}

/// What a token costs where it is shown; and the secret in the body, for who cannot do otherwise.
async fn at_the_gateway(scale: Scale) {
    let receiver = Receiver::start().await;
    let definitions = checked::definitions(&receiver.address().to_string(), 1, 0);
    let (program, _) = Program::start(&definitions).await;
    let secret = program.run(&["client", "secret", "bench"]);
    println!("\n| what | result |");
    println!("|---|---|");
    let body = format!("{GRANT}&client_id=bench&client_secret={secret}");
    let by_body = request("POST", "/oauth2/token", FORM, &body);
    let per_cpu_second = issued(&program, by_body, scale.run).await;
    row("tokens, ES256, secret in the body", format_args!("{per_cpu_second:.0} per CPU second"));
    let key = program.run(&["key", "value", &checked::key(0)]);
    let mut requests = Vec::new();
    for _ in 0..scale.events(FRESH) {
        requests.push(checked::request("/checked/x", &program.token(&secret).await, &key));
    }
    let count = requests.len() as u64;
    // One connection sends each exactly once; the second time all of them are remembered.
    let load = Load { address: program.public.clone(), requests, connections: 1 };
    for what in [
        "gateway, fully checked, each ES256 token for the first time",
        "gateway, fully checked, the same tokens again, remembered",
    ] {
        let before = program.cpu();
        load.send(count).await;
        let cpu_us = cpu_us(program.cpu().saturating_sub(before), count);
        row(what, format_args!("{cpu_us:.0} µs CPU each, {count} of them"));
    }
}
