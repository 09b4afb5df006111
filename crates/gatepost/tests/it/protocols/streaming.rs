//! Bodies that stream: events one by one, a body that waits to be asked for, and 64 MiB both ways in
//! memory that stays flat.

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Frame;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::http2::{connect, request};
use super::service::{Http, MANY_BYTES, Parts, Service};
use super::{address, definitions};
use crate::program::{Program, http};

/// How much the most memory may grow while 64 MiB pass.
const MEMORY_KIB_MAX: u64 = 24 * 1024;

#[tokio::test]
async fn events_arrive_one_by_one_in_http1() {
    let service = Service::start(Http::One).await;
    let program = Program::start(&definitions(&service.upstream(), "")).await;
    let mut answer = http().get(format!("{}/open/events", program.public)).send().await.unwrap();
    for number in 0..3 {
        // The service tells the next only when this one has come.
        let event = answer.chunk().await.unwrap().unwrap();
        assert_eq!(event, format!("data: {number}\n\n"));
        service.shared.go.notify_one();
    }
    assert_eq!(answer.chunk().await.unwrap(), None);
}

#[tokio::test]
async fn events_arrive_one_by_one_in_http2() {
    for http in [Http::One, Http::Two] {
        let service = Service::start(http).await;
        let program = Program::start(&definitions(&service.upstream(), "")).await;
        let mut sender = connect(&program).await;
        let asked = request(&program, "GET", "/open/events", Parts::none());
        sender.ready().await.unwrap();
        let mut body = sender.send_request(asked).await.unwrap().into_body();
        for number in 0..3 {
            let frame = body.frame().await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), format!("data: {number}\n\n"), "{http:?}");
            service.shared.go.notify_one();
        }
        // The end may come in a frame of its own.
        while let Some(frame) = body.frame().await {
            assert_eq!(frame.unwrap().into_data().unwrap(), "", "{http:?}");
        }
    }
}

#[tokio::test]
async fn a_body_is_asked_for_when_the_checks_have_passed() {
    let service = Service::start(Http::One).await;
    let program = Program::start(&definitions(&service.upstream(), "")).await;
    let head = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: gate\r\nexpect: 100-continue\r\n\
             content-length: 5\r\n\r\n"
        )
    };
    let mut stream = TcpStream::connect(address(&program)).await.unwrap();
    stream.write_all(head("/open/count").as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"whole").await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");

    let mut stream = TcpStream::connect(address(&program)).await.unwrap();
    stream.write_all(head("/closed/count").as_bytes()).await.unwrap();
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 401");
}

#[tokio::test]
async fn much_passes_both_ways_in_flat_memory_in_http1() {
    let service = Service::start(Http::One).await;
    let program = Program::start(&definitions(&service.upstream(), "")).await;
    let before = program.memory_kib("VmHWM");
    let mut answer = http().get(format!("{}/open/many", program.public)).send().await.unwrap();
    let mut came = 0;
    while let Some(part) = answer.chunk().await.unwrap() {
        came += part.len();
    }
    assert_eq!(came, MANY_BYTES);
    let sent = http().post(format!("{}/open/count", program.public)).body(vec![7; MANY_BYTES]);
    let counted = sent.send().await.unwrap().text().await.unwrap();
    assert_eq!(counted, MANY_BYTES.to_string());
    let grown = program.memory_kib("VmHWM") - before;
    assert!(grown < MEMORY_KIB_MAX, "{grown} KiB");
}

#[tokio::test]
async fn much_passes_both_ways_in_flat_memory_in_http2() {
    let service = Service::start(Http::Two).await;
    let program = Program::start(&definitions(&service.upstream(), "")).await;
    let mut sender = connect(&program).await;
    let before = program.memory_kib("VmHWM");
    sender.ready().await.unwrap();
    let asked = request(&program, "GET", "/open/many", Parts::none());
    let mut body = sender.send_request(asked).await.unwrap().into_body();
    let mut came = 0;
    while let Some(frame) = body.frame().await {
        came += frame.unwrap().data_ref().map_or(0, Bytes::len);
    }
    assert_eq!(came, MANY_BYTES);
    let (parts, body) = Parts::new();
    let part = Bytes::from(vec![7; 64 * 1024]);
    tokio::spawn(async move {
        for _ in 0..MANY_BYTES / part.len() {
            parts.send(Frame::data(part.clone())).await.unwrap();
        }
    });
    sender.ready().await.unwrap();
    let sent = request(&program, "POST", "/open/count", body);
    let answer = sender.send_request(sent).await.unwrap();
    let counted = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(counted, MANY_BYTES.to_string());
    let grown = program.memory_kib("VmHWM") - before;
    assert!(grown < MEMORY_KIB_MAX, "{grown} KiB");
}
