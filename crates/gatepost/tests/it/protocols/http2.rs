//! HTTP/2 with callers: real clients, many requests at once, and those who mean harm.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt as _;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, KeyPair};
use testkit::until;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::raw::{self, frame};
use super::service::{Http, Parts, Service};
use super::{address, definitions, run};
use crate::program::Program;

/// How much the most memory may grow over what it was, whatever a caller does.
const MEMORY_KIB_MAX: u64 = 32 * 1024;

/// A connection of hyper's client.
pub(super) async fn connect(program: &Program) -> SendRequest<Parts> {
    let stream = TcpStream::connect(address(program)).await.unwrap();
    let connected = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (sender, connection) = connected.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    sender
}

/// A request of a path at the public door.
pub(super) fn request(program: &Program, method: &str, path: &str, body: Parts) -> Request<Parts> {
    let url = format!("{}{path}", program.public);
    Request::builder().method(method).uri(url).body(body).unwrap()
}

/// The status and the body of a GET.
async fn ask(sender: &mut SendRequest<Parts>, request: Request<Parts>) -> (u16, Bytes) {
    sender.ready().await.unwrap();
    let answer = sender.send_request(request).await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.into_body().collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn curl_nghttp_and_h2load_are_answered_in_http2() {
    let service = Service::start(Http::One).await;
    let program = Program::start(&definitions(&service.upstream(), "")).await;
    let url = format!("{}/open/ok", program.public);
    let wanted = "%{http_version} %{response_code} %{size_download}";
    let curl = ["-sS", "--http2-prior-knowledge", "-o", "/dev/null", "-w", wanted, &url];
    if let Some(said) = run("curl", &curl).await {
        assert_eq!(said, "2 200 2");
    }
    if let Some(said) = run("nghttp", &["-v", &url]).await {
        assert!(said.contains(":status: 200"), "{said}");
    }
    if let Some(said) = run("h2load", &["-n", "2000", "-c", "1", "-m", "100", &url]).await {
        assert!(said.contains("2000 succeeded, 0 failed, 0 errored"), "{said}");
        assert!(said.contains("status codes: 2000 2xx"), "{said}");
    }
}

#[tokio::test]
async fn over_tls_a_caller_chooses_between_http2_and_http1() {
    let service = Service::start(Http::One).await;
    let files = tempfile::tempdir().unwrap();
    let (certificate, key) = (files.path().join("door.pem"), files.path().join("door.key"));
    let pair = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let pem = params.self_signed(&pair).unwrap().pem();
    std::fs::write(&certificate, pem).unwrap();
    std::fs::write(&key, pair.serialize_pem()).unwrap();
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let tls = format!("tls: {{ certificate: {certificate}, key: {{ file: {key} }} }}");
    let program = Program::start(&definitions(&service.upstream(), &tls)).await;
    let url = format!("https://{}/open/ok", address(&program));
    for (offer, spoken) in [("--http2", "2 200"), ("--http1.1", "1.1 200")] {
        let wanted = "%{http_version} %{response_code}";
        let curl = ["-sS", offer, "--cacert", certificate, "-o", "/dev/null", "-w", wanted, &url];
        if let Some(said) = run("curl", &curl).await {
            assert_eq!(said, spoken, "{offer}");
        }
    }
}

#[tokio::test]
async fn two_hundred_requests_at_once_share_a_connection() {
    let service = Service::start(Http::One).await;
    let program = Program::start(&definitions(&service.upstream(), "")).await;
    let sender = connect(&program).await;
    let asked: Vec<_> = (0..200)
        .map(|_| {
            let mut sender = sender.clone();
            let request = request(&program, "GET", "/open/late", Parts::none());
            tokio::spawn(async move { ask(&mut sender, request).await })
        })
        .collect();
    until("all are under way at once", async || (service.shared.held() == 200).then_some(())).await;
    // One that comes later is not held up by them.
    let quick = request(&program, "GET", "/open/ok", Parts::none());
    assert_eq!(ask(&mut sender.clone(), quick).await, (200, Bytes::from_static(b"ok")));
    service.shared.go.notify_waiters();
    for answer in asked {
        assert_eq!(answer.await.unwrap(), (200, Bytes::from_static(b"late")));
    }
}

#[tokio::test]
async fn a_list_of_headers_has_a_bound() {
    let service = Service::start(Http::One).await;
    let program = Program::start(&definitions(&service.upstream(), "")).await;
    let mut sender = connect(&program).await;
    for (bytes, status) in [(8_000, 200), (12_000, 431), (60_000, 431)] {
        let mut request = request(&program, "GET", "/open/ok", Parts::none());
        let value = "v".repeat(bytes).parse().unwrap();
        request.headers_mut().insert("x-long", value);
        assert_eq!(ask(&mut sender, request).await.0, status, "{bytes}");
    }
}

#[tokio::test]
async fn a_head_without_an_end_is_cut_off() {
    let service = Service::start(Http::One).await;
    let program = Program::start(&definitions(&service.upstream(), "")).await;
    let before = program.memory_kib("VmHWM");
    // One field over and over, as large as a frame may be, and frames of nothing (CVE-2024-27316).
    let field = [&[0x00, 1, b'a', 100][..], &[b'v'; 100][..]].concat();
    for piece in [field.repeat(150), Vec::new()] {
        let mut stream = raw::connect(address(&program), &[]).await;
        let head = frame(raw::HEADERS, raw::END_STREAM, 1, &raw::get("/open/ok"));
        stream.write_all(&head).await.unwrap();
        let pieces = frame(raw::CONTINUATION, 0, 1, &piece).repeat(100);
        let cut = async { while stream.write_all(&pieces).await.is_ok() {} };
        tokio::time::timeout(Duration::from_secs(10), cut).await.unwrap();
    }
    let grown = program.memory_kib("VmHWM") - before;
    assert!(grown < MEMORY_KIB_MAX, "{grown} KiB");
    assert_eq!(program.call("GET", "/open/ok", &[], "").await.status, 200);
    assert_eq!(service.shared.came(), 1);
}

/// Opens and resets streams, a hundred at a time and with a pause in between, until it is cut off;
/// gives how many.
async fn resets_until_cut_off(program: &Program, pause: Duration) -> usize {
    const MOST: usize = 50_000;
    const AT_ONCE: u32 = 100;
    let mut stream = raw::connect(address(program), &[]).await;
    let block = raw::get("/open/never");
    let flags = raw::END_STREAM | raw::END_HEADERS;
    let cancel = 8_u32.to_be_bytes();
    let mut opened = 0;
    let mut first = 1;
    while opened < MOST {
        let ids = || (0..AT_ONCE).map(|number| first + 2 * number);
        let opening: Vec<u8> =
            ids().flat_map(|id| frame(raw::HEADERS, flags, id, &block)).collect();
        let resetting: Vec<u8> =
            ids().flat_map(|id| frame(raw::RST_STREAM, 0, id, &cancel)).collect();
        if stream.write_all(&opening).await.is_err() {
            break;
        }
        tokio::time::sleep(pause).await;
        if stream.write_all(&resetting).await.is_err() {
            break;
        }
        tokio::time::sleep(pause).await;
        opened += 100;
        first += 2 * AT_ONCE;
    }
    opened
}

#[tokio::test]
async fn a_caller_that_opens_and_resets_thousands_of_streams_is_cut_off() {
    let service = Service::start(Http::One).await;
    let program = Program::start(&definitions(&service.upstream(), "")).await;
    let before = program.memory_kib("VmHWM");
    // As fast as they go (CVE-2023-44487); then each is looked at before it is reset.
    for pause in [Duration::ZERO, Duration::from_millis(20)] {
        let opened = resets_until_cut_off(&program, pause).await;
        assert!(opened < 5_000, "{opened} streams with {pause:?} in between");
    }
    until("the service is let go", async || (service.shared.held() == 0).then_some(())).await;
    let grown = program.memory_kib("VmHWM") - before;
    assert!(grown < MEMORY_KIB_MAX, "{grown} KiB");
    // Nobody else has noticed, and one that changes its mind now and then may stay.
    let mut sender = connect(&program).await;
    for _ in 0..30 {
        let taken_back = request(&program, "GET", "/open/never", Parts::none());
        sender.ready().await.unwrap();
        let asked = sender.send_request(taken_back);
        assert!(tokio::time::timeout(Duration::from_millis(5), asked).await.is_err());
    }
    let last = request(&program, "GET", "/open/ok", Parts::none());
    assert_eq!(ask(&mut sender, last).await.0, 200);
}

#[tokio::test]
async fn a_stop_says_goaway_and_lets_what_is_under_way_end() {
    let service = Service::start(Http::One).await;
    let mut program = Program::start(&definitions(&service.upstream(), "")).await;
    let mut stream = raw::connect(address(&program), &[]).await;
    let flags = raw::END_STREAM | raw::END_HEADERS;
    let head = frame(raw::HEADERS, flags, 1, &raw::get("/open/late"));
    stream.write_all(&head).await.unwrap();
    until("it is under way", async || (service.shared.held() == 1).then_some(())).await;
    program.signal("-TERM");
    let goaway = raw::next_of(&mut stream, raw::GOAWAY).await.unwrap();
    let (_, error) = goaway.payload.split_at(4);
    assert_eq!(error[..4], [0; 4], "NO_ERROR");
    until("no new connection is taken", async || {
        TcpStream::connect(address(&program)).await.is_err().then_some(())
    })
    .await;
    // The ping that follows is how the door learns that the caller has seen it.
    let ping = raw::next_of(&mut stream, raw::PING).await.unwrap();
    assert_eq!((ping.stream, ping.flags & raw::ACK), (0, 0));
    stream.write_all(&frame(raw::PING, raw::ACK, 0, &ping.payload)).await.unwrap();
    service.shared.go.notify_waiters();
    let data = raw::next_of(&mut stream, raw::DATA).await.unwrap();
    assert_eq!((data.stream, &*data.payload), (1, &b"late"[..]));
    while raw::next(&mut stream).await.is_some() {}
    assert!(program.ended().success());
}
