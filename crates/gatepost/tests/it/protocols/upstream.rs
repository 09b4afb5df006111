//! HTTP/2 with the company's own service.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body_util::BodyExt as _;
use hyper::body::Frame;
use testkit::until;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::http2::{connect, request};
use super::service::{Http, Parts, Service};
use super::{address, definitions};
use crate::program::Program;

#[tokio::test]
async fn trailers_pass_both_ways() {
    let service = Service::start(Http::Two).await;
    let program = Program::start(&definitions(&service.upstream(), "")).await;
    let mut sender = connect(&program).await;
    let (parts, body) = Parts::new();
    parts.send(Frame::data(Bytes::from_static(b"body"))).await.unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("x-asked", HeaderValue::from_static("seven"));
    parts.send(Frame::trailers(trailers)).await.unwrap();
    drop(parts);
    let asked = request(&program, "POST", "/open/trailers", body);
    sender.ready().await.unwrap();
    let answer = sender.send_request(asked).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["via"].as_bytes()),
        (200, &b"2.0 gatepost"[..])
    );
    let collected = answer.into_body().collect().await.unwrap();
    assert_eq!(collected.trailers().unwrap()["x-heard"], "seven");
    assert_eq!(collected.to_bytes(), "body");
}

#[tokio::test]
async fn a_service_learns_that_trailers_are_taken_and_nothing_of_one_connection() {
    let service = Service::start(Http::Two).await;
    let program = Program::start(&definitions(&service.upstream(), "")).await;
    let mut sender = connect(&program).await;
    let mut asked = request(&program, "GET", "/open/headers", Parts::none());
    asked.headers_mut().insert("te", HeaderValue::from_static("trailers"));
    sender.ready().await.unwrap();
    let answer = sender.send_request(asked).await.unwrap();
    let names = answer.into_body().collect().await.unwrap().to_bytes();
    let names = String::from_utf8(names.to_vec()).unwrap();
    let has = |name: &str| names.split(' ').any(|other| other == name);
    assert!(has("te") && has("via") && has("forwarded"), "{names}");
    assert!(!has("connection") && !has("host") && !has("transfer-encoding"), "{names}");
}

#[tokio::test]
async fn calls_of_a_connection_share_one_to_the_service() {
    let service = Service::start(Http::Two).await;
    let program = Program::start(&definitions(&service.upstream(), "")).await;
    let sender = connect(&program).await;
    let asked: Vec<_> = (0..100)
        .map(|_| {
            let mut sender = sender.clone();
            let request = request(&program, "GET", "/open/late", Parts::none());
            tokio::spawn(async move {
                sender.ready().await.unwrap();
                sender.send_request(request).await.unwrap().status().as_u16()
            })
        })
        .collect();
    until("all are under way at once", async || (service.shared.held() == 100).then_some(())).await;
    service.shared.go.notify_waiters();
    for status in asked {
        assert_eq!(status.await.unwrap(), 200);
    }
    // A core has one of its own, and a connection stays on its core.
    assert_eq!(service.shared.connections(), 1);
}

#[tokio::test]
async fn who_asks_an_http2_service_for_a_websocket_gets_http_and_harms_nobody() {
    let service = Service::start(Http::Two).await;
    let program = Program::start(&definitions(&service.upstream(), "")).await;
    let head = "GET /open/ok HTTP/1.1\r\nhost: gate\r\nconnection: upgrade, close\r\n\
                upgrade: websocket\r\nsec-websocket-version: 13\r\n\
                sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    // Five failures in a row would take the address out.
    for _ in 0..10 {
        let mut stream = TcpStream::connect(address(&program)).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert_eq!(program.call("GET", "/open/ok", &[], "").await.status, 200);
}
