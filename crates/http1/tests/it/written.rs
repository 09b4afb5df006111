//! What is written is read back as it was.

use bytes::BytesMut;
use http::header::{CONTENT_LENGTH, TRAILER, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use http1::{AnswerHead, Frame, Framing, RequestHead, Scan};

fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_static(value));
    }
    headers
}

#[test]
fn a_request_is_framed_once() {
    for (lines, length, framing) in [
        (&[][..], Some(0), Framing::None),
        (&[][..], Some(5), Framing::Length(5)),
        (&[][..], None, Framing::Chunked),
        (&[("content-length", "5")][..], None, Framing::Length(5)),
        (&[("content-length", "0")][..], Some(0), Framing::None),
        (&[("transfer-encoding", "gzip")][..], None, Framing::Chunked),
    ] {
        let (headers, mut out) = (headers(lines), Vec::new());
        let frame = Frame::of_request(&headers, length);
        http1::request_head(&mut out, (&Method::PUT, "/a?b"), &headers, frame);
        let mut buffer = BytesMut::from(&out[..]);
        let head = RequestHead::take(&mut buffer, &mut Scan::default(), 4096).unwrap().unwrap();
        assert_eq!((head.framing, frame.framing), (framing, framing), "{lines:?} {length:?}");
        assert_eq!(head.request.uri(), "/a?b");
        assert!(buffer.is_empty());
    }
}

/// As HTTP/2 may say it.
const TWICE: &[(&str, &str)] = &[("content-length", "3"), ("content-length", "03")];

#[test]
fn an_answer_has_no_more_framing_than_it_may() {
    let (ok, none, kept) = (StatusCode::OK, StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED);
    let (new, old) = (Version::HTTP_11, Version::HTTP_10);
    for (asked, version, status, lines, length, framing, fields) in [
        (Method::GET, new, ok, &[][..], Some(5), Framing::Length(5), (1, 0)),
        (Method::GET, new, ok, &[][..], Some(0), Framing::Length(0), (1, 0)),
        (Method::GET, new, ok, &[][..], None, Framing::Chunked, (0, 1)),
        (Method::GET, old, ok, &[][..], None, Framing::ToEnd, (0, 0)),
        (Method::HEAD, new, ok, &[("content-length", "9")][..], Some(0), Framing::None, (1, 0)),
        (Method::HEAD, new, ok, TWICE, Some(0), Framing::None, (1, 0)),
        (Method::GET, new, ok, TWICE, None, Framing::Length(3), (1, 0)),
        (Method::GET, new, none, &[("content-length", "9")][..], None, Framing::None, (0, 0)),
        (Method::GET, new, kept, &[("content-length", "9")][..], None, Framing::None, (1, 0)),
        (
            Method::GET,
            new,
            ok,
            &[("transfer-encoding", "x")][..],
            Some(1),
            Framing::Length(1),
            (1, 0),
        ),
    ] {
        let (headers, mut out) = (headers(lines), Vec::new());
        let frame = Frame::of_answer((&asked, version), (status, &headers), length);
        assert_eq!(frame.framing, framing, "{asked} {status} {lines:?} {length:?}");
        http1::answer_head(&mut out, (version, status), &headers, (frame, None, b""));
        let mut buffer = BytesMut::from(&out[..]);
        let most = (4096, &asked);
        AnswerHead::take(&mut buffer, &mut Scan::default(), most).unwrap().unwrap();
        let text = String::from_utf8(out).unwrap();
        let count = |name| text.matches(&format!("\r\n{name}: ")).count();
        assert_eq!((count(CONTENT_LENGTH), count(TRANSFER_ENCODING)), fields, "{status} {lines:?}");
    }
}

#[test]
fn only_announced_trailers_are_written_and_none_that_frames_or_grants() {
    let announced =
        http1::announced(&headers(&[("trailer", "X-A, x-b"), ("trailer", "set-cookie")]));
    assert_eq!(announced.len(), 3);
    let lines = [("x-a", "1"), ("x-c", "2"), ("set-cookie", "a=1"), ("content-length", "9")];
    let mut out = Vec::new();
    http1::trailers(&mut out, &headers(&lines), &announced);
    assert_eq!(out, b"0\r\nx-a: 1\r\n\r\n");
    assert!(http1::announced(&HeaderMap::new()).is_empty());
    assert_eq!(TRAILER.as_str(), "trailer");
}
