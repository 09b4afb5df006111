//! Whether the time of a refusal tells an unknown client from a wrong secret (RFC 6749 §5.2, RFC 9700
//! §2.5): samples in turn and in random order, so that whatever else the machine does falls on all
//! alike, and a second unknown client as a control.
//!
//! Asked for by name, for it takes a quiet machine; a debug build shows more than there is:
//!
//! ```text
//! cargo test --release -p gatepost --test it side_channel -- --ignored --nocapture
//! ```

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::program::Program;

/// Each round comes from an address of its own, or damping would answer it.
const DEFINITIONS: &str = "
proxies: { trust: [127.0.0.0/8] }
apis:
  tires:
    upstream: http://127.0.0.1:9
    scopes: { create.order: Create }
    routes: { POST /orders: { scopes: [tires/create.order] } }
partners:
  cars: { clients: { car-orders: { scopes: [tires/create.order] } } }
";

/// Samples of each kind.
const SAMPLES: usize = 30_000;
/// Beyond this many standard deviations it is no chance: the bound of leakage tests (ISO 17825).
const DISTINCT: f64 = 4.5;

/// A token request of this client with a secret that is not its own, from an address that is as long
/// as all others.
fn request(client: &str, secret: &str, round: usize) -> Vec<u8> {
    let (high, low) = (100 + round / 100 % 100, 100 + round % 100);
    let address = format!("10.{}.{high}.{low}", 100 + round / 10_000);
    let body = "grant_type=client_credentials";
    let basic = STANDARD.encode(format!("{client}:{secret}"));
    format!(
        "POST /oauth2/token HTTP/1.1\r\nhost: localhost\r\nauthorization: Basic {basic}\r\n\
         x-forwarded-for: {address}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// How long the refusal took, in nanoseconds.
fn refused(stream: &mut TcpStream, request: &[u8]) -> f64 {
    let mut buffer = [0; 4096];
    let mut length = 0;
    let sent = Instant::now();
    stream.write_all(request).unwrap();
    loop {
        let read = stream.read(&mut buffer[length..]).unwrap();
        assert!(read > 0, "the connection was closed");
        length += read;
        // The JSON of a refusal ends with the only brace it has at an end.
        if buffer[..length].ends_with(b"}") {
            break;
        }
    }
    let took = sent.elapsed();
    assert!(buffer.starts_with(b"HTTP/1.1 401"), "{}", String::from_utf8_lossy(&buffer[..length]));
    took.as_secs_f64() * 1e9
}

/// Where the sum of the ranks of `a` lies among both, in standard deviations (Mann and Whitney).
/// Equal times share the mean of their ranks, so that neither side gains by them; the deviation is that
/// without equal ones, a little too large if there are.
fn mann_whitney(a: &[f64], b: &[f64]) -> f64 {
    let mut all: Vec<(f64, bool)> = a.iter().map(|time| (*time, true)).collect();
    all.extend(b.iter().map(|time| (*time, false)));
    all.sort_by(|one, other| one.0.total_cmp(&other.0));
    let number = |count: usize| f64::from(u32::try_from(count).unwrap());
    let (mut sum, mut before) = (0.0, 0.0);
    for equal in all.chunk_by(|one, other| one.0.total_cmp(&other.0).is_eq()) {
        let of_a = equal.iter().filter(|(_, of_a)| *of_a).count();
        sum += number(of_a) * (before + f64::midpoint(number(equal.len()), 1.0));
        before += number(equal.len());
    }
    let (m, n) = (number(a.len()), number(b.len()));
    let expected = m * (m + n + 1.0) / 2.0;
    (sum - expected) / (m * n * (m + n + 1.0) / 12.0).sqrt()
}

/// Welch's t of the middle nine tenths of each.
fn welch(a: &[f64], b: &[f64]) -> f64 {
    let moments = |samples: &[f64]| {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let cut = sorted.len() / 20;
        let middle = &sorted[cut..sorted.len() - cut];
        let count = f64::from(u32::try_from(middle.len()).unwrap());
        let mean = middle.iter().sum::<f64>() / count;
        let squares: f64 = middle.iter().map(|time| (time - mean).powi(2)).sum();
        (mean, squares / (count - 1.0) / count)
    };
    let ((mean_a, error_a), (mean_b, error_b)) = (moments(a), moments(b));
    (mean_a - mean_b) / (error_a + error_b).sqrt()
}

#[test]
fn the_side_channels_measure_tells_what_differs_from_what_does_not() {
    let same: Vec<f64> = (0..2000).map(|at| f64::from(at * 7919 % 1000)).collect();
    let later: Vec<f64> = same.iter().map(|time| time + 100.0).collect();
    assert!(mann_whitney(&same, &later) < -DISTINCT && welch(&same, &later) < -DISTINCT);
    assert!(mann_whitney(&later, &same) > DISTINCT && welch(&later, &same) > DISTINCT);
    // Equal times favour nobody.
    assert!(mann_whitney(&same, &same).abs() < 0.001);
    let (even, odd): (Vec<f64>, Vec<f64>) = (same[..1000].to_vec(), same[1000..].to_vec());
    assert!(mann_whitney(&even, &odd).abs() < DISTINCT && welch(&even, &odd).abs() < DISTINCT);
}

#[tokio::test]
#[ignore = "a measurement, which takes a quiet machine"]
async fn side_channel_an_unknown_client_is_refused_as_fast_as_a_wrong_secret() {
    let program = Program::start(DEFINITIONS).await;
    let own = program.done(&["client", "secret", "car-orders"]);
    let wrong = format!("{}AAAAAA", &own[..own.len() - 6]);
    // Names of one length, so that the requests and the lines of the log differ in nothing else.
    let clients = ["car-orders", "car-ordesr", "car-xrders"];
    let mut stream = TcpStream::connect(program.public.trim_start_matches("http://")).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut times: [Vec<f64>; 3] = Default::default();
    let mut random = vec![0; SAMPLES];
    getrandom::fill(&mut random).unwrap();
    for (round, first) in random.into_iter().enumerate() {
        let requests = clients.map(|client| request(client, &wrong, round));
        for step in 0..3 {
            let kind = (usize::from(first) + if first < 128 { step } else { 2 * step }) % 3;
            let took = refused(&mut stream, &requests[kind]);
            // The first ones warm everything up.
            if round >= 500 {
                times[kind].push(took);
            }
        }
    }
    let [known, unknown, control] = times;
    let (z, t) = (mann_whitney(&known, &unknown), welch(&known, &unknown));
    let (z_control, t_control) = (mann_whitney(&control, &unknown), welch(&control, &unknown));
    eprintln!("known and unknown: z {z:.1}, t {t:.1}; two unknown: {z_control:.1}, {t_control:.1}");
    assert!(
        z_control.abs() < DISTINCT && t_control.abs() < DISTINCT,
        "two clients that are both unknown differ: this machine is not quiet enough"
    );
    assert!(z.abs() < DISTINCT && t.abs() < DISTINCT, "the time tells which clients there are");
}
