//! Whatever comes, and in whatever pieces: one reading, and no panic.

use bytes::BytesMut;
use http::Method;
use http1::{AnswerHead, Framing, RequestHead, Scan};
use proptest::prelude::*;

use crate::bodies::take;

/// Bytes that look like heads and chunks, and bytes that do not.
fn messages() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"GET / HTTP/1.1\r\n".to_vec()),
        Just(b"HTTP/1.1 200 OK\r\n".to_vec()),
        Just(b"content-length: 3\r\n".to_vec()),
        Just(b"transfer-encoding: chunked\r\n".to_vec()),
        Just(b"host: a\r\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"3\r\nabc\r\n".to_vec()),
        Just(b"0\r\n".to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
        "[ -~]{0,12}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// What a reader makes of bytes that come in pieces of a size: told as text.
fn read_by(
    step: usize,
    bytes: &[u8],
    read: impl Fn(&mut BytesMut, &mut Scan) -> Option<String>,
) -> String {
    let (mut buffer, mut scan, mut told) = (BytesMut::new(), Scan::default(), Vec::new());
    for piece in bytes.chunks(step.max(1)) {
        buffer.extend_from_slice(piece);
        while let Some(one) = read(&mut buffer, &mut scan) {
            let ends = one.starts_with("fault");
            told.push(one);
            if ends {
                return told.join("\n");
            }
        }
    }
    told.join("\n")
}

proptest! {
    #[test]
    fn a_request_is_the_same_however_it_comes(bytes in messages(), step in 1_usize..9) {
        let read = |buffer: &mut BytesMut, scan: &mut Scan| {
            match RequestHead::take(buffer, scan, 512) {
                Ok(None) => None,
                Ok(Some(head)) => Some(format!("{:?} {:?}", head.request, head.framing)),
                Err(fault) => Some(format!("fault {fault:?}")),
            }
        };
        prop_assert_eq!(read_by(step, &bytes, read), read_by(bytes.len(), &bytes, read));
    }

    #[test]
    fn an_answer_is_the_same_however_it_comes(bytes in messages(), step in 1_usize..9) {
        let read = |buffer: &mut BytesMut, scan: &mut Scan| {
            match AnswerHead::take(buffer, scan, (512, &Method::GET)) {
                Ok(None) => None,
                Ok(Some(head)) => Some(format!("{:?} {:?}", head.answer, head.framing)),
                Err(_) => Some("fault".to_owned()),
            }
        };
        prop_assert_eq!(read_by(step, &bytes, read), read_by(bytes.len(), &bytes, read));
    }

    #[test]
    fn chunks_are_the_same_however_they_come(bytes in messages(), step in 1_usize..9) {
        let (by_step, at_once) =
            (take(Framing::Chunked, &bytes, step), take(Framing::Chunked, &bytes, bytes.len()));
        prop_assert_eq!(by_step.is_ok(), at_once.is_ok());
        if let (Ok(by_step), Ok(at_once)) = (by_step, at_once) {
            prop_assert_eq!(by_step, at_once);
        }
    }

    #[test]
    fn what_is_written_in_chunks_is_read_back(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8), step in 1_usize..400) {
        let mut out = Vec::new();
        for piece in &pieces {
            http1::chunk(&mut out, piece);
        }
        http1::last_chunk(&mut out);
        out.extend_from_slice(b"next");
        let (body, trailers, rest) = take(Framing::Chunked, &out, step).unwrap();
        prop_assert_eq!(body, pieces.concat());
        prop_assert!(trailers.is_empty());
        prop_assert_eq!(rest, b"next".to_vec());
    }
}
