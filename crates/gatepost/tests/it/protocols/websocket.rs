//! `WebSockets` (RFC 6455): what is carried, for whom, how long, and what is told of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use testkit::until;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{address, definitions, logged};
use crate::program::Program;

/// The key of RFC 6455 §1.3, and what a server says to it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;

/// Any four bytes.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A whole message as one frame (RFC 6455 §5.2); what a client sends is masked.
fn frame(opcode: u8, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![0x80 | opcode];
    let length = u16::try_from(payload.len()).unwrap();
    match u8::try_from(length) {
        Ok(short) if short < 126 => bytes.push(masked | short),
        _ => {
            bytes.push(masked | 0x7e);
            bytes.extend(length.to_be_bytes());
        }
    }
    if let Some(mask) = mask {
        bytes.extend(mask);
    }
    let mask = mask.unwrap_or_default();
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// The next frame: its code and its payload, unmasked. None when the other side has ended.
async fn next(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 2];
    stream.read_exact(&mut head).await.ok()?;
    let length = match head[1] & 0x7f {
        126 => {
            let mut length = [0; 2];
            stream.read_exact(&mut length).await.ok()?;
            u16::from_be_bytes(length)
        }
        short => u16::from(short),
    };
    let mut mask = [0; 4];
    if head[1] & 0x80 != 0 {
        stream.read_exact(&mut mask).await.ok()?;
    }
    let mut payload = vec![0; usize::from(length)];
    stream.read_exact(&mut payload).await.ok()?;
    payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    Some((head[0] & 0xf, payload))
}

/// A head, and nothing behind it.
async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8_lossy(&bytes).to_ascii_lowercase())
}

/// A service that says what it hears; `/declined` stays with HTTP.
struct Echo {
    address: String,
    came: Arc<AtomicUsize>,
}

impl Echo {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let came = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&came);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(echo(stream, Arc::clone(&counted)));
            }
        });
        Self { address, came }
    }
}

async fn echo(mut stream: TcpStream, came: Arc<AtomicUsize>) {
    while let Some(head) = head(&mut stream).await {
        came.fetch_add(1, Ordering::SeqCst);
        let answer = if head.starts_with("get /declined") {
            "HTTP/1.1 403 Forbidden\r\ncontent-length: 8\r\n\r\ndeclined".to_owned()
        } else if !head.contains("\r\nupgrade: websocket\r\n") {
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nplain".to_owned()
        } else {
            assert!(head.contains("\r\nconnection: upgrade\r\n"), "{head}");
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                 sec-websocket-accept: {ACCEPT}\r\n\r\n"
            )
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        if answer.starts_with("HTTP/1.1 101") {
            return converse(stream).await;
        }
    }
}

/// Answers frames until one closes.
async fn converse(mut stream: TcpStream) {
    while let Some((opcode, payload)) = next(&mut stream).await {
        let code = if opcode == PING { PONG } else { opcode };
        if stream.write_all(&frame(code, None, &payload)).await.is_err() || opcode == CLOSE {
            return;
        }
    }
}

/// A client's connection after its head was answered, and the answer.
async fn open(program: &Program, path: &str, protocol: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(address(program)).await.unwrap();
    let asked = format!(
        "GET {path} HTTP/1.1\r\nhost: gate\r\nconnection: keep-alive, Upgrade\r\n\
         upgrade: {protocol}\r\nsec-websocket-version: 13\r\nsec-websocket-key: {KEY}\r\n\r\n"
    );
    stream.write_all(asked.as_bytes()).await.unwrap();
    let answer = head(&mut stream).await.unwrap();
    (stream, answer)
}

/// Sends a frame and gives the answer; adds its bytes to `sent`.
async fn exchange(
    stream: &mut TcpStream,
    (opcode, payload): (u8, &[u8]),
    sent: &mut usize,
) -> (u8, Vec<u8>) {
    let bytes = frame(opcode, Some(MASK), payload);
    *sent += bytes.len();
    stream.write_all(&bytes).await.unwrap();
    next(stream).await.unwrap()
}

#[tokio::test]
async fn frames_pass_both_ways_and_the_log_tells_of_them_at_the_end() {
    let service = Echo::start().await;
    let program = Program::start(&definitions(&service.address, "")).await;
    let (mut stream, answer) = open(&program, "/open/talk", "websocket").await;
    assert!(answer.starts_with("http/1.1 101"), "{answer}");
    let accept = format!("sec-websocket-accept: {}", ACCEPT.to_ascii_lowercase());
    for field in ["connection: upgrade", "upgrade: websocket", "x-request-id: req_", &accept] {
        assert!(answer.contains(field), "{field} in {answer}");
    }
    let mut sent = 0;
    let large = vec![7; 60_000];
    for (opcode, payload, code) in [
        (TEXT, &b"hello"[..], TEXT),
        (BINARY, &large[..], BINARY),
        (PING, &b"there?"[..], PONG),
        (TEXT, &b""[..], TEXT),
    ] {
        let came = exchange(&mut stream, (opcode, payload), &mut sent).await;
        assert!(came == (code, payload.to_vec()), "{opcode}: {}, {}", came.0, came.1.len());
    }
    assert!(program.lines("request").is_empty(), "it has not ended");
    let goodbye = exchange(&mut stream, (CLOSE, &[0x03, 0xe8]), &mut sent).await;
    assert_eq!(goodbye, (CLOSE, vec![0x03, 0xe8]));
    assert_eq!(next(&mut stream).await, None, "the service has closed");
    drop(stream);
    let line = logged(&program, "/open/talk").await;
    // The service's five frames are not masked: four bytes fewer each.
    let came = sent - 5 * MASK.len();
    assert_eq!(
        (&line["status"], &line["bytes_in"], &line["bytes_out"]),
        (&101.into(), &sent.into(), &came.into())
    );
}

#[tokio::test]
async fn the_checks_come_before_the_upgrade() {
    let service = Echo::start().await;
    let program = Program::start(&definitions(&service.address, "")).await;
    let (_stream, answer) = open(&program, "/closed/talk", "websocket").await;
    assert!(answer.starts_with("http/1.1 401"), "{answer}");
    assert!(!answer.contains("\r\nupgrade:"), "{answer}");
    assert_eq!(service.came.load(Ordering::SeqCst), 0);
    assert_eq!(logged(&program, "/closed/talk").await["refusal"], "token-missing");
}

#[tokio::test]
async fn a_service_that_declines_answers_in_http_and_the_connection_goes_on() {
    let service = Echo::start().await;
    let program = Program::start(&definitions(&service.address, "")).await;
    let (mut stream, answer) = open(&program, "/open/declined", "websocket").await;
    assert!(answer.starts_with("http/1.1 403"), "{answer}");
    let mut body = [0; 8];
    stream.read_exact(&mut body).await.unwrap();
    assert_eq!(&body, b"declined");
    stream.write_all(b"GET /open/next HTTP/1.1\r\nhost: gate\r\n\r\n").await.unwrap();
    assert!(head(&mut stream).await.unwrap().starts_with("http/1.1 200"));
}

#[tokio::test]
async fn no_protocol_but_websocket_is_carried() {
    let service = Echo::start().await;
    let program = Program::start(&definitions(&service.address, "")).await;
    for protocol in ["h2c", "tls/1.0", "irc"] {
        let (mut stream, answer) = open(&program, "/open/talk", protocol).await;
        assert!(answer.starts_with("http/1.1 200"), "{protocol}: {answer}");
        let mut body = [0; 5];
        stream.read_exact(&mut body).await.unwrap();
        assert_eq!(&body, b"plain", "{protocol}");
    }
}

#[tokio::test]
async fn a_stop_waits_for_an_open_one_until_the_drain_is_over() {
    let service = Echo::start().await;
    let limits = "limits: { drain: 2s }";
    let mut program = Program::start(&definitions(&service.address, limits)).await;
    let (mut stream, answer) = open(&program, "/open/talk", "websocket").await;
    assert!(answer.starts_with("http/1.1 101"), "{answer}");
    let stopping = tokio::time::Instant::now();
    program.signal("-TERM");
    until("no new connection is taken", async || {
        TcpStream::connect(address(&program)).await.is_err().then_some(())
    })
    .await;
    let mut sent = 0;
    let came = exchange(&mut stream, (TEXT, b"still there?"), &mut sent).await;
    assert_eq!(came, (TEXT, b"still there?".to_vec()));
    assert_eq!(next(&mut stream).await, None);
    let waited = stopping.elapsed();
    let bound = Duration::from_millis(1_900)..Duration::from_secs(6);
    assert!(bound.contains(&waited), "{waited:?}");
    assert!(program.ended().success());
    // What passed is told though nobody ended it.
    let line = logged(&program, "/open/talk").await;
    assert_eq!((&line["status"], &line["bytes_in"]), (&101.into(), &sent.into()));
}
