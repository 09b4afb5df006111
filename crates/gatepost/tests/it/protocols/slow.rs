//! Clients that are slow on purpose, and very many that say nothing.

use std::process::Command;
use std::time::Duration;

use testkit::until;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::raw::{self, frame};
use super::service::{Http, MANY_BYTES, Service};
use super::{address, definitions, logged};
use crate::program::Program;

/// Short bounds, so that tests of them end soon.
const SHORT: &str = "limits: { head_timeout: 2s, idle_timeout: 4s, stuck_timeout: 2s }";
/// What a look at a connection may come late, and a busy machine with it.
const LATE: Duration = Duration::from_secs(3);

/// Open files that the tests with very many connections need.
const FILES: usize = 16_000;

/// Lets this process, and what it starts, have so many.
fn allow_files() {
    let id = std::process::id().to_string();
    let limit = format!("--nofile={FILES}:");
    let raised = Command::new("prlimit").args(["--pid", &id, &limit]).status().unwrap();
    assert!(raised.success(), "this test needs {FILES} open files: raise the hard limit");
}

async fn start(limits: &str) -> (Service, Program) {
    let service = Service::start(Http::One).await;
    let program = Program::start(&definitions(&service.upstream(), limits)).await;
    (service, program)
}

/// How long a connection lives on which `drip` is sent every 100 ms after `first`.
async fn life(program: &Program, first: &[u8], drip: &[u8]) -> Duration {
    let mut stream = TcpStream::connect(address(program)).await.unwrap();
    let began = tokio::time::Instant::now();
    stream.write_all(first).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let mut answer = Vec::new();
    let dripping = async {
        while writer.write_all(drip).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        // An error is an end too: what was not read resets the connection.
        _ = reader.read_to_end(&mut answer) => {}
        () = dripping => {}
    }
    assert!(answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
    began.elapsed()
}

#[tokio::test]
async fn heads_that_do_not_come_to_their_end_are_cut_off() {
    let (service, program) = start(SHORT).await;
    let head = Duration::from_secs(2)..Duration::from_secs(2) + LATE;
    let idle = Duration::from_secs(4)..Duration::from_secs(4) + LATE;
    let rows: [(&str, &[u8], &[u8], _); 5] = [
        ("a field after the other", b"GET /open/ok HTTP/1.1\r\nhost: gate\r\n", b"x: y\r\n", &head),
        ("a letter after the other", b"G", b"E", &head),
        ("what may become HTTP/2", b"P", b"", &head),
        ("half of HTTP/2's beginning", b"PRI * HTTP/2.0\r\n", b"", &head),
        ("nothing", b"", b"", &idle),
    ];
    let program = &program;
    let lives = rows.iter().map(|(what, first, drip, bound)| async move {
        let lived = life(program, first, drip).await;
        assert!(bound.contains(&lived), "{what}: {lived:?}");
    });
    futures_util::future::join_all(lives).await;
    assert_eq!(service.shared.came(), 0);
}

#[tokio::test]
async fn who_begins_like_http2_and_says_no_more_costs_next_to_nothing() {
    allow_files();
    let (_service, program) = start("").await;
    let mut held = Vec::new();
    for _ in 0..1_000 {
        let mut stream = TcpStream::connect(address(&program)).await.unwrap();
        stream.write_all(b"P").await.unwrap();
        held.push(stream);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = program.cpu_ticks();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let used = program.cpu_ticks() - before;
    // A fifth of a core would be 40.
    assert!(used < 20, "{used} hundredths of a second in two seconds");
}

#[tokio::test]
async fn heads_have_a_bound() {
    let (service, program) = start("").await;
    for (bytes, status) in [(8_000, "200"), (12_000, "431"), (70_000, "431")] {
        let mut stream = TcpStream::connect(address(&program)).await.unwrap();
        let long = "v".repeat(bytes);
        let head = format!("GET /open/ok HTTP/1.1\r\nhost: gate\r\nx-long: {long}\r\n\r\n");
        // The door may close before the last byte.
        drop(stream.write_all(head.as_bytes()).await);
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), format!("HTTP/1.1 {status}"), "{bytes}");
    }
    assert_eq!(service.shared.came(), 1);
}

#[tokio::test]
async fn who_never_reads_its_answer_is_cut_off() {
    let (service, program) = start(SHORT).await;
    // Little room, so that the answer fills it.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut one = socket.connect(address(&program).parse().unwrap()).await.unwrap();
    one.write_all(b"GET /open/many?one HTTP/1.1\r\nhost: gate\r\n\r\n").await.unwrap();
    let mut two = raw::connect(address(&program), &raw::NO_WINDOW).await;
    let flags = raw::END_STREAM | raw::END_HEADERS;
    let head = frame(raw::HEADERS, flags, 1, &raw::get("/open/many?two"));
    two.write_all(&head).await.unwrap();
    until("both are under way", async || (service.shared.held() == 2).then_some(())).await;
    let began = tokio::time::Instant::now();
    until("the service is let go", async || (service.shared.held() == 0).then_some(())).await;
    let held = began.elapsed();
    assert!(held < Duration::from_secs(2) + LATE, "{held:?}");
    // HTTP/2's connection has nothing unread, so its end is seen.
    while raw::next(&mut two).await.is_some() {}
    let line = logged(&program, "/open/many").await;
    assert!(line["bytes_out"].as_u64().unwrap() < MANY_BYTES as u64, "{line}");
}

#[tokio::test]
async fn a_caller_that_pauses_one_answer_and_takes_another_stays() {
    let (service, program) = start(SHORT).await;
    let mut stream = raw::connect(address(&program), &raw::NO_WINDOW).await;
    let flags = raw::END_STREAM | raw::END_HEADERS;
    for (id, path) in [(1, "/open/many"), (3, "/open/never")] {
        stream.write_all(&frame(raw::HEADERS, flags, id, &raw::get(path))).await.unwrap();
    }
    until("both are under way", async || (service.shared.held() == 2).then_some(())).await;
    let end = async { while raw::next(&mut stream).await.is_some() {} };
    let patience = Duration::from_secs(2) + LATE;
    assert!(tokio::time::timeout(patience, end).await.is_err(), "one waits for its service");
    assert_eq!(service.shared.held(), 2);
}

#[tokio::test]
async fn ten_thousand_that_say_nothing_cost_little_and_delay_nobody() {
    const SILENT: usize = 7_000;
    const ASKED: usize = 3_000;
    allow_files();
    let limits = "limits: { connections: 11000, address_connections: 11000, idle_timeout: 5m }";
    let (_service, program) = start(limits).await;
    assert_eq!(program.call("GET", "/open/ok", &[], "").await.status, 200);
    let mut held = Vec::new();
    let at_first = program.memory_kib("VmRSS");
    for _ in 0..SILENT {
        held.push(TcpStream::connect(address(&program)).await.unwrap());
    }
    until("they are accepted", async || {
        let answered = program.call("GET", "/open/ok", &[], "").await.status;
        (answered == 200).then_some(())
    })
    .await;
    let with_silent = program.memory_kib("VmRSS");
    let mut answer = vec![0; 1024];
    for _ in 0..ASKED {
        let mut stream = TcpStream::connect(address(&program)).await.unwrap();
        stream.write_all(b"GET /open/ok HTTP/1.1\r\nhost: gate\r\n\r\n").await.unwrap();
        assert!(stream.read(&mut answer).await.unwrap() > 0, "it was closed");
        held.push(stream);
    }
    let with_all = program.memory_kib("VmRSS");
    let each = |grown: u64, count: usize| grown * 1024 / count as u64;
    let silent = each(with_silent.saturating_sub(at_first), SILENT);
    let asked = each(with_all.saturating_sub(with_silent), ASKED);
    assert!(silent < 20 * 1024, "{silent} bytes for each that has said nothing");
    assert!(asked < 48 * 1024, "{asked} bytes for each that has asked once");
    for _ in 0..100 {
        let began = tokio::time::Instant::now();
        assert_eq!(program.call("GET", "/open/ok", &[], "").await.status, 200);
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    }
    assert_eq!(held.len(), SILENT + ASKED);
}
