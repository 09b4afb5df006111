//! The head of a request (RFC 9112 §3).

use std::mem::MaybeUninit;

use bytes::{Buf as _, BytesMut};
use http::{HeaderMap, Method, Request, Uri, Version};

use crate::fields::{Side, fault, take};
use crate::{FIELDS_MAX, Fault, Framing, Scan};

/// The longest target, in bytes; the library that holds it takes no longer one.
const TARGET_BYTES_MAX: usize = 65_534;

/// The head of a request, and what it says of itself.
#[derive(Debug)]
pub struct RequestHead {
    /// Method, target, version and fields.
    pub request: Request<()>,
    /// How its body ends.
    pub framing: Framing,
    /// Whether the caller would ask again on the connection.
    pub keeps_open: bool,
    /// Whether the caller waits for `100 Continue` before it sends the body (RFC 9110 §10.1.1).
    pub expects: bool,
    /// Whether the caller would change to another protocol.
    pub upgrades: bool,
}

impl RequestHead {
    /// Takes the next request's head off what has come; none as long as it is not all there. Of a
    /// head larger than `bytes_max` no more is wanted.
    pub fn take(
        buffer: &mut BytesMut,
        scan: &mut Scan,
        bytes_max: usize,
    ) -> Result<Option<Self>, Fault> {
        // RFC 9112 §2.2: an empty line before a request is none.
        while scan.is_fresh() && buffer.starts_with(b"\r\n") {
            buffer.advance(2);
        }
        if scan.is_fresh() && matches!(**buffer, [] | [b'\r']) {
            return Ok(None);
        }
        let end = scan.end(buffer)?;
        if end.unwrap_or(buffer.len()) > bytes_max {
            return Err(too_large(buffer));
        }
        end.map(|end| Self::read(buffer, end)).transpose()
    }

    fn read(buffer: &mut BytesMut, end: usize) -> Result<Self, Fault> {
        let head = buffer.split_to(end).freeze();
        let mut fields = [const { MaybeUninit::uninit() }; FIELDS_MAX];
        let mut parsed = httparse::Request::new(&mut []);
        let status = parsed.parse_with_uninit_headers(&head, &mut fields);
        let status = status.map_err(|error| match error {
            httparse::Error::Token if parsed_method(&head) => Fault::Target,
            httparse::Error::Version if !names_http(&head) => Fault::FirstLine,
            error => fault(error),
        })?;
        // What ends elsewhere than where the lines end is read in two ways.
        if status != httparse::Status::Complete(head.len()) {
            return Err(Fault::FirstLine);
        }
        let (Some(method), Some(target), Some(minor)) =
            (parsed.method, parsed.path, parsed.version)
        else {
            return Err(Fault::FirstLine);
        };
        if target.len() > TARGET_BYTES_MAX {
            return Err(Fault::TargetTooLong);
        }
        let is_11 = minor == 1;
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| Fault::Method)?;
        let uri = Uri::from_maybe_shared(head.slice_ref(target.as_bytes()));
        let uri = uri.map_err(|_| Fault::Target)?;
        let (headers, said) = take(&head, parsed.headers, Side::Request)?;
        let framing = match (said.chunked, said.length) {
            (true, _) if !is_11 => return Err(Fault::CodingInOld),
            (true, _) => Framing::Chunked,
            (false, None | Some(0)) => Framing::None,
            (false, Some(length)) => Framing::Length(length),
        };
        Ok(Self {
            request: request(method, uri, is_11, headers),
            framing,
            keeps_open: said.keeps_open(is_11),
            expects: said.expects && is_11 && framing != Framing::None,
            upgrades: said.upgrade && is_11,
        })
    }
}

fn request(method: Method, uri: Uri, is_11: bool, headers: HeaderMap) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.version_mut() = if is_11 { Version::HTTP_11 } else { Version::HTTP_10 };
    *request.headers_mut() = headers;
    request
}

/// Of what is too large it is said which part.
fn too_large(buffer: &BytesMut) -> Fault {
    let line = memchr::memchr(b'\n', buffer).unwrap_or(buffer.len());
    let method = memchr::memchr(b' ', buffer).unwrap_or(line);
    let target = line.saturating_sub(method);
    if target > TARGET_BYTES_MAX { Fault::TargetTooLong } else { Fault::HeadTooLarge }
}

/// Whether a head begins with a method: then it is the target that is wrong.
fn parsed_method(head: &[u8]) -> bool {
    let word = head.split(|byte| *byte == b' ').next().unwrap_or_default();
    !word.is_empty() && Method::from_bytes(word).is_ok()
}

/// Whether a head's first line ends in a version of HTTP, whichever.
fn names_http(head: &[u8]) -> bool {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let word = line.split(|byte| *byte == b' ').next_back().unwrap_or_default();
    word.starts_with(b"HTTP/") && word.iter().any(u8::is_ascii_digit)
}
