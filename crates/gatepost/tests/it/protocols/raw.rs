//! HTTP/2 written by hand (RFC 9113), for what no client library would send.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const ACK: u8 = 0x1;
pub(super) const END_STREAM: u8 = 0x1;
pub(super) const END_HEADERS: u8 = 0x4;

/// `SETTINGS_INITIAL_WINDOW_SIZE` of 0: nothing of an answer's body may be sent (RFC 9113 §6.5.2).
pub(super) const NO_WINDOW: [u8; 6] = [0, 4, 0, 0, 0, 0];

/// A frame that came.
#[derive(Debug)]
pub(super) struct Came {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

/// A frame's bytes (RFC 9113 §4.1).
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The header block of a GET (RFC 7541: `:method`, `:scheme`, `:path` and `:authority` by their places
/// in the static table).
pub(super) fn get(path: &str) -> Vec<u8> {
    let mut block = vec![0x82, 0x86];
    for (place, value) in [(0x04, path), (0x01, "gate")] {
        block.push(place);
        block.push(u8::try_from(value.len()).unwrap());
        block.extend(value.as_bytes());
    }
    block
}

/// A connection that has been opened, with settings of its own.
pub(super) async fn connect(address: &str, settings: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, settings)).await.unwrap();
    stream
}

/// The next frame; none when the other side has ended the connection.
pub(super) async fn next(stream: &mut TcpStream) -> Option<Came> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.ok()?;
    let [a, b, c, kind, flags, place @ ..] = head;
    let length = u32::from_be_bytes([0, a, b, c]);
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut payload).await.ok()?;
    Some(Came { kind, flags, stream: u32::from_be_bytes(place), payload })
}

/// The next frame of a kind; none when the other side has ended the connection.
pub(super) async fn next_of(stream: &mut TcpStream, kind: u8) -> Option<Came> {
    loop {
        let came = next(stream).await?;
        if came.kind == kind {
            return Some(came);
        }
    }
}
