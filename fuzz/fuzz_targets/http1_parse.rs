//! Requests and answers in HTTP/1.1, by the byte and at once: one reading, and no panic.
#![no_main]

use bytes::BytesMut;
use http1::{Decoder, Piece, RequestHead, Scan};
use libfuzzer_sys::fuzz_target;

/// Reads as many requests as there are; tells them as text.
fn read(bytes: &[u8], step: usize) -> String {
    let (mut buffer, mut scan, mut told) = (BytesMut::new(), Scan::default(), String::new());
    let mut body = Decoder::done();
    for piece in bytes.chunks(step.max(1)) {
        buffer.extend_from_slice(piece);
        loop {
            match body.take(&mut buffer) {
                Ok(Piece::Data(data)) => {
                    for byte in data {
                        told.push(char::from(byte));
                    }
                    continue;
                }
                Ok(Piece::More) => break,
                Ok(Piece::End | Piece::Trailers(_)) => {}
                Err(_) => return told + " bad body",
            }
            match RequestHead::take(&mut buffer, &mut scan, 4096) {
                Ok(Some(head)) => {
                    told += &format!(" {:?} {:?} ", head.request, head.framing);
                    body = Decoder::new(head.framing, 4096);
                }
                Ok(None) => break,
                Err(_) => return told + " bad head",
            }
        }
    }
    told
}

fuzz_target!(|bytes: &[u8]| {
    if bytes.len() <= 4096 {
        assert_eq!(read(bytes, 1), read(bytes, bytes.len()));
    }
});
