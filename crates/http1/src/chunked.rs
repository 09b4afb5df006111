//! Chunks (RFC 9112 §7.1), strictly: a size of hexadecimal digits, CR LF where it belongs.

use bytes::{Buf as _, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use memchr::memchr;

use crate::body::Piece;
use crate::{FIELDS_MAX, Fault, Scan};

/// The most digits of a size: more than 2^60 bytes nobody sends.
const DIGITS_MAX: usize = 15;
/// The most bytes of all lines before chunks beyond their sizes: extensions, which nobody reads, cost
/// the reader and not the sender.
const EXTENSIONS_BYTES_MAX: usize = 16 * 1024;

/// Where in the chunks we are.
#[derive(Debug)]
pub(crate) struct Chunked {
    at: At,
    extensions: usize,
    scan: Scan,
    trailers_max: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before a size.
    Size,
    /// Within a chunk; so many bytes are missing.
    Data(u64),
    /// Before the CR LF behind a chunk.
    Behind,
    /// Behind the last chunk.
    Trailers,
}

impl Chunked {
    pub(crate) fn new(trailers_max: usize) -> Self {
        Self { at: At::Size, extensions: 0, scan: Scan::default(), trailers_max }
    }

    pub(crate) fn take(&mut self, buffer: &mut BytesMut) -> Result<Piece, Fault> {
        loop {
            match self.at {
                At::Size => match self.size(buffer)? {
                    Some(0) => self.at = At::Trailers,
                    Some(size) => self.at = At::Data(size),
                    None => return Ok(Piece::More),
                },
                At::Data(_) if buffer.is_empty() => return Ok(Piece::More),
                At::Data(missing) => {
                    let here = usize::try_from(missing).unwrap_or(usize::MAX).min(buffer.len());
                    let rest = missing - here as u64;
                    self.at = if rest == 0 { At::Behind } else { At::Data(rest) };
                    return Ok(Piece::Data(buffer.split_to(here).freeze()));
                }
                At::Behind => match **buffer {
                    [b'\r', b'\n', ..] => {
                        buffer.advance(2);
                        self.at = At::Size;
                    }
                    [] | [b'\r'] => return Ok(Piece::More),
                    _ => return Err(Fault::Chunk),
                },
                At::Trailers => return self.trailers(buffer),
            }
        }
    }

    /// The size before a chunk, when its line has come.
    fn size(&mut self, buffer: &mut BytesMut) -> Result<Option<u64>, Fault> {
        let end = memchr(b'\n', buffer);
        let line = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
        let (size, digits) = size_of(line)?;
        let behind = line.get(digits..).unwrap_or_default();
        if self.extensions + behind.len() > EXTENSIONS_BYTES_MAX {
            return Err(Fault::Chunk);
        }
        let Some(end) = end else { return Ok(None) };
        let extension = behind.strip_suffix(b"\r").ok_or(Fault::Chunk)?;
        if digits == 0 || !is_extension(extension) {
            return Err(Fault::Chunk);
        }
        self.extensions += extension.len();
        buffer.advance(end + 1);
        Ok(Some(size))
    }

    fn trailers(&mut self, buffer: &mut BytesMut) -> Result<Piece, Fault> {
        let end = self.scan.end(buffer).map_err(|_| Fault::Trailer)?;
        if end.unwrap_or(buffer.len()) > self.trailers_max {
            return Err(Fault::HeadTooLarge);
        }
        let Some(end) = end else { return Ok(Piece::More) };
        let lines = buffer.split_to(end).freeze();
        if lines.len() == 2 {
            return Ok(Piece::End);
        }
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let parsed = httparse::parse_headers(&lines, &mut fields).map_err(|_| Fault::Trailer)?;
        let httparse::Status::Complete((length, fields)) = parsed else {
            return Err(Fault::Trailer);
        };
        if length != lines.len() {
            return Err(Fault::Trailer);
        }
        let mut trailers = HeaderMap::with_capacity(fields.len());
        for field in fields {
            let name = HeaderName::from_bytes(field.name.as_bytes());
            let value = HeaderValue::from_maybe_shared(lines.slice_ref(field.value));
            let (Ok(name), Ok(value)) = (name, value) else { return Err(Fault::Trailer) };
            trailers.append(name, value);
        }
        Ok(Piece::Trailers(trailers))
    }
}

/// The number that a line begins with, and how many digits it has.
fn size_of(line: &[u8]) -> Result<(u64, usize), Fault> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    if digits > DIGITS_MAX {
        return Err(Fault::Chunk);
    }
    let digit = |byte: &u8| u64::from(char::from(*byte).to_digit(16).unwrap_or_default());
    let number = line.iter().take(digits).fold(0, |number, byte| number * 16 + digit(byte));
    match line.get(digits) {
        None | Some(b'\r' | b';' | b' ' | b'\t') => Ok((number, digits)),
        Some(_) => Err(Fault::Chunk),
    }
}

/// Whether what stands behind a size is nothing, or an extension: a `;`, perhaps after spaces, and no
/// control character.
fn is_extension(text: &[u8]) -> bool {
    let begins = text.trim_ascii_start();
    text.is_empty()
        || (begins.starts_with(b";")
            && text.iter().all(|byte| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f)))
}
