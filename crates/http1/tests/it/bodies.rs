//! Bodies taken out of their frames (RFC 9112 §6, §7).

use bytes::BytesMut;
use http1::{Decoder, Fault, Framing, Piece};

const MOST: usize = 1024;

/// The body, its trailers as text, and what is left behind it.
type Taken = (Vec<u8>, Vec<String>, Vec<u8>);

/// Takes a body that comes in pieces of this size, to its end or to that of the connection.
pub(crate) fn take(framing: Framing, bytes: &[u8], step: usize) -> Result<Taken, Fault> {
    let (mut decoder, mut buffer) = (Decoder::new(framing, MOST), BytesMut::new());
    let (mut body, mut trailers) = (Vec::new(), Vec::new());
    let mut coming = bytes.chunks(step.max(1));
    loop {
        match decoder.take(&mut buffer)? {
            Piece::Data(data) => {
                assert!(!data.is_empty());
                body.extend_from_slice(&data);
            }
            Piece::End => break,
            Piece::Trailers(fields) => {
                let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
                    format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))
                };
                trailers = fields.iter().map(line).collect();
                break;
            }
            Piece::More => match coming.next() {
                Some(more) => buffer.extend_from_slice(more),
                None => decoder.ended()?,
            },
        }
    }
    assert!(decoder.is_done());
    let mut rest = buffer.to_vec();
    rest.extend(coming.flatten());
    Ok((body, trailers, rest))
}

#[test]
fn a_body_is_the_same_however_it_comes() {
    for (framing, bytes, body, trailers, rest) in [
        (Framing::None, "GET", "", &[][..], "GET"),
        (Framing::Length(3), "abcGET", "abc", &[][..], "GET"),
        (Framing::ToEnd, "abc", "abc", &[][..], ""),
        (Framing::Chunked, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nGET", "abcde", &[][..], "GET"),
        (Framing::Chunked, "003;x=y\r\nabc\r\n0\r\n\r\n", "abc", &[][..], ""),
        (Framing::Chunked, "3 ; x=\"y;z\"\r\nabc\r\n0\r\n\r\n", "abc", &[][..], ""),
        (Framing::Chunked, "0\r\n\r\n", "", &[][..], ""),
        (
            Framing::Chunked,
            "1\r\na\r\n0\r\nx: 1\r\ny: 2\r\n\r\nGET",
            "a",
            &["x: 1", "y: 2"][..],
            "GET",
        ),
    ] {
        for step in 1..=bytes.len() {
            let taken = take(framing, bytes.as_bytes(), step).unwrap();
            assert_eq!(taken.0, body.as_bytes(), "{bytes:?} by {step}");
            assert_eq!(taken.1, trailers, "{bytes:?} by {step}");
            assert_eq!(taken.2, rest.as_bytes(), "{bytes:?} by {step}");
        }
    }
}

#[test]
fn chunks_of_two_readings_are_none() {
    let many = format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(20_000));
    let trailers = format!("0\r\nx: {}\r\n\r\n", "y".repeat(MOST));
    for (bytes, fault) in [
        ("zz\r\nabc\r\n0\r\n\r\n", Fault::Chunk),
        ("0x3\r\nabc\r\n0\r\n\r\n", Fault::Chunk),
        ("-3\r\nabc\r\n0\r\n\r\n", Fault::Chunk),
        (" 3\r\nabc\r\n0\r\n\r\n", Fault::Chunk),
        ("3,3\r\nabc\r\n0\r\n\r\n", Fault::Chunk),
        ("\r\nabc\r\n0\r\n\r\n", Fault::Chunk),
        (";x\r\nabc\r\n0\r\n\r\n", Fault::Chunk),
        ("3\nabc\r\n0\r\n\r\n", Fault::Chunk),
        ("3\rabc\r\n0\r\n\r\n", Fault::Chunk),
        ("3\r\r\nabc\r\n0\r\n\r\n", Fault::Chunk),
        ("3;a\nb\r\nabc\r\n0\r\n\r\n", Fault::Chunk),
        ("3;a\rb\r\nabc\r\n0\r\n\r\n", Fault::Chunk),
        ("3\r\nabcd\r\n0\r\n\r\n", Fault::Chunk),
        ("3\r\nabc\n0\r\n\r\n", Fault::Chunk),
        ("10000000000000003\r\nabc\r\n0\r\n\r\n", Fault::Chunk),
        (&many, Fault::Chunk),
        ("0\r\nx\r\n\r\n", Fault::Trailer),
        ("0\r\nx: y\n\r\n", Fault::Trailer),
        (&trailers, Fault::HeadTooLarge),
        ("3\r\nab", Fault::CutOff),
        ("3\r\nabc\r\n", Fault::CutOff),
        ("3\r\nabc\r\n0\r\n", Fault::CutOff),
    ] {
        for step in [1, 2, 7, bytes.len()] {
            let taken = take(Framing::Chunked, bytes.as_bytes(), step);
            assert_eq!(taken.unwrap_err(), fault, "{:?} by {step}", bytes.get(..40));
        }
    }
    assert_eq!(take(Framing::Length(4), b"abc", 1).unwrap_err(), Fault::CutOff);
}

#[test]
fn nothing_follows_what_could_not_be_read() {
    let mut decoder = Decoder::new(Framing::Chunked, MOST);
    let mut buffer = BytesMut::from("0\r\nno field\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n");
    for _ in 0..3 {
        assert_eq!(decoder.take(&mut buffer), Err(Fault::Trailer));
        assert!(!decoder.is_done() && decoder.ended().is_err());
    }
}
