//! Heads: what is read of them, and what is no head (RFC 9112 §2.2, §3, §4, §5, §6).

use bytes::BytesMut;
use http::{Method, Version};
use http1::{AnswerHead, FIELDS_MAX, Fault, Framing, RequestHead, Scan};

const MOST: usize = 8 * 1024;

fn request(text: &str) -> Result<Option<RequestHead>, Fault> {
    RequestHead::take(&mut BytesMut::from(text), &mut Scan::default(), MOST)
}

fn answer(asked: &Method, text: &str) -> Result<Option<AnswerHead>, Fault> {
    AnswerHead::take(&mut BytesMut::from(text), &mut Scan::default(), (MOST, asked))
}

#[test]
fn a_request_says_how_its_body_ends_and_whether_the_connection_goes_on() {
    for (fields, framing, keeps_open) in [
        ("", Framing::None, true),
        ("content-length: 0\r\n", Framing::None, true),
        ("Content-Length: 0042\r\n", Framing::Length(42), true),
        ("transfer-encoding: Chunked\r\n", Framing::Chunked, true),
        ("connection: close\r\n", Framing::None, false),
        ("connection: keep-alive, CLOSE\r\n", Framing::None, false),
        ("connection: close\r\nconnection: keep-alive\r\n", Framing::None, false),
    ] {
        let head = request(&format!("POST /a HTTP/1.1\r\nhost: b\r\n{fields}\r\n"));
        let head = head.unwrap().unwrap();
        assert_eq!((head.framing, head.keeps_open), (framing, keeps_open), "{fields:?}");
    }
    let old = |fields: &str| request(&format!("GET / HTTP/1.0\r\n{fields}\r\n")).unwrap().unwrap();
    assert!(!old("").keeps_open && old("connection: keep-alive\r\n").keeps_open);
    assert_eq!(old("").request.version(), Version::HTTP_10);
}

#[test]
fn who_waits_for_100_is_heard_where_a_body_is_to_come() {
    for (line, fields, expects) in [
        ("POST / HTTP/1.1", "expect: 100-Continue\r\ncontent-length: 3\r\n", true),
        ("POST / HTTP/1.1", "expect: 100-continue\r\n", false),
        ("POST / HTTP/1.0", "expect: 100-continue\r\ncontent-length: 3\r\n", false),
        ("POST / HTTP/1.1", "expect: wonders\r\ncontent-length: 3\r\n", false),
    ] {
        let head = request(&format!("{line}\r\n{fields}\r\n")).unwrap().unwrap();
        assert_eq!(head.expects, expects, "{line} {fields:?}");
    }
}

#[test]
fn what_has_no_one_reading_is_no_request() {
    for (text, fault) in [
        ("GET / HTTP/1.1\nhost: a\r\n\r\n", Fault::BareLf),
        ("GET / HTTP/1.1\r\nhost: a\n\r\n", Fault::BareLf),
        ("GET / HTTP/1.1\r\na: b\rc: d\r\n\r\n", Fault::Field),
        ("GET / HTTP/1.1\r\na : b\r\n\r\n", Fault::Field),
        ("GET / HTTP/1.1\r\na: b\r\n c\r\n\r\n", Fault::Field),
        ("GET / HTTP/1.1\r\na\r\n\r\n", Fault::Field),
        ("GET / HTTP/1.1\r\na: \0\r\n\r\n", Fault::Field),
        ("GET / HTTP/2.0\r\n\r\n", Fault::Version),
        ("GET / SPDY/3\r\n\r\n", Fault::FirstLine),
        ("PROXY TCP4 203.0.113.7 203.0.113.1 1 2\r\nGET / HTTP/1.1\r\n\r\n", Fault::FirstLine),
        ("G(T / HTTP/1.1\r\n\r\n", Fault::FirstLine),
        ("POST / HTTP/1.1\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\n", Fault::Length),
        ("POST / HTTP/1.1\r\ncontent-length: 3, 3\r\n\r\n", Fault::Length),
        ("POST / HTTP/1.1\r\ncontent-length: +3\r\n\r\n", Fault::Length),
        ("POST / HTTP/1.1\r\ncontent-length: 18446744073709551616\r\n\r\n", Fault::Length),
        ("POST / HTTP/1.1\r\ntransfer-encoding: gzip, chunked\r\n\r\n", Fault::Coding),
        ("POST / HTTP/1.1\r\ntransfer-encoding: chunked, chunked\r\n\r\n", Fault::Coding),
        (
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n",
            Fault::Coding,
        ),
        ("POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n", Fault::CodingInOld),
        (
            "POST / HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
            Fault::LengthAndCoding,
        ),
    ] {
        assert_eq!(request(text).unwrap_err(), fault, "{text:?}");
    }
}

#[test]
fn a_head_has_bounds_and_says_which_was_reached() {
    let long = |length: usize| "a".repeat(length);
    for (text, fault) in [
        (format!("GET /{} HTTP/1.1\r\n\r\n", long(70_000)), Fault::TargetTooLong),
        (format!("{} / HTTP/1.1\r\n\r\n", long(70_000)), Fault::HeadTooLarge),
        (format!("GET / HTTP/1.1\r\na: {}\r\n\r\n", long(MOST)), Fault::HeadTooLarge),
        (format!("GET / HTTP/1.1\r\na: {}", long(MOST)), Fault::HeadTooLarge),
        (format!("GET / HTTP/1.1\r\n{}\r\n", "a: 1\r\n".repeat(101)), Fault::TooManyFields),
    ] {
        assert_eq!(request(&text).unwrap_err(), fault, "{} bytes", text.len());
    }
    let most = format!("GET / HTTP/1.1\r\n{}\r\n", "a: 1\r\n".repeat(FIELDS_MAX));
    assert_eq!(request(&most).unwrap().unwrap().request.headers().len(), FIELDS_MAX);
}

#[test]
fn what_follows_a_head_stays_and_empty_lines_before_it_do_not() {
    let mut buffer = BytesMut::from("\r\n\r\nGET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\nrest");
    let mut scan = Scan::default();
    for path in ["/a", "/b"] {
        let head = RequestHead::take(&mut buffer, &mut scan, MOST).unwrap().unwrap();
        assert_eq!(head.request.uri().path(), path);
    }
    assert!(RequestHead::take(&mut buffer, &mut scan, MOST).unwrap().is_none());
    assert_eq!(&buffer[..], b"rest");
}

#[test]
fn an_answer_ends_as_rfc_9112_6_3_has_it() {
    for (asked, text, framing, keeps_open) in [
        (Method::GET, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n", Framing::Length(2), true),
        (Method::GET, "HTTP/1.1 200\r\ncontent-length: 0\r\n", Framing::None, true),
        (Method::HEAD, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n", Framing::None, true),
        (Method::GET, "HTTP/1.1 204 No\r\ncontent-length: 2\r\n", Framing::None, true),
        (Method::GET, "HTTP/1.1 304 Not\r\ncontent-length: 2\r\n", Framing::None, true),
        (Method::GET, "HTTP/1.1 103 Early\r\ncontent-length: 2\r\n", Framing::None, true),
        (Method::GET, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n", Framing::Chunked, true),
        (Method::GET, "HTTP/1.1 200 OK\r\n", Framing::ToEnd, false),
        (Method::GET, "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n", Framing::Length(2), false),
        (
            Method::GET,
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n",
            Framing::Length(2),
            false,
        ),
    ] {
        let head = answer(&asked, &format!("{text}\r\n")).unwrap().unwrap();
        assert_eq!((head.framing, head.keeps_open), (framing, keeps_open), "{asked} {text:?}");
    }
    // Of a service of the company's a length beside the coding goes, and the coding counts.
    let both = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n";
    let head = answer(&Method::GET, both).unwrap().unwrap();
    assert_eq!(head.framing, Framing::Chunked);
    assert!(!head.answer.headers().contains_key("content-length"));
}

#[test]
fn what_has_no_one_reading_is_no_answer() {
    for (text, fault) in [
        ("SSH-2.0-x\r\n", Fault::FirstLine),
        ("HTTP/1.1 2xx OK\r\n\r\n", Fault::Status),
        ("HTTP/1.1 099 Odd\r\n\r\n", Fault::Status),
        ("HTTP/1.1 200 OK\r\na: b\n\r\n", Fault::BareLf),
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 1\r\n\r\n", Fault::Length),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n", Fault::Coding),
        ("HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", Fault::CodingInOld),
    ] {
        assert_eq!(answer(&Method::GET, text).unwrap_err(), fault, "{text:?}");
    }
    assert!(answer(&Method::GET, "HTTP/1.1 200").unwrap().is_none());
}
