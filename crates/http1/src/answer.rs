//! The head of an answer (RFC 9112 §4).

use std::mem::MaybeUninit;

use bytes::BytesMut;
use http::{Method, Response, StatusCode, Version};

use crate::fields::{Side, fault, take};
use crate::{FIELDS_MAX, Fault, Framing, Scan};

/// The head of an answer, and what it says of itself.
#[derive(Debug)]
pub struct AnswerHead {
    /// Status, version and fields.
    pub answer: Response<()>,
    /// How its body ends.
    pub framing: Framing,
    /// Whether the other side would be asked again on the connection.
    pub keeps_open: bool,
}

impl AnswerHead {
    /// Takes the next answer's head off what has come; none as long as it is not all there. What
    /// was asked decides whether a body follows (RFC 9112 §6.3).
    pub fn take(
        buffer: &mut BytesMut,
        scan: &mut Scan,
        (bytes_max, asked): (usize, &Method),
    ) -> Result<Option<Self>, Fault> {
        if buffer.is_empty() {
            return Ok(None);
        }
        let end = scan.end(buffer)?;
        if end.unwrap_or(buffer.len()) > bytes_max {
            return Err(Fault::HeadTooLarge);
        }
        let Some(end) = end else {
            // What is no HTTP may never have an empty line.
            let is_http = buffer.iter().zip(b"HTTP/1.").all(|(came, wanted)| came == wanted);
            return if is_http { Ok(None) } else { Err(Fault::FirstLine) };
        };
        Self::read(buffer, end, asked).map(Some)
    }

    fn read(buffer: &mut BytesMut, end: usize, asked: &Method) -> Result<Self, Fault> {
        let head = buffer.split_to(end).freeze();
        let mut fields = [const { MaybeUninit::uninit() }; FIELDS_MAX];
        let mut parsed = httparse::Response::new(&mut []);
        let status = httparse::ParserConfig::default().parse_response_with_uninit_headers(
            &mut parsed,
            &head,
            &mut fields,
        );
        if status.map_err(fault)? != httparse::Status::Complete(head.len()) {
            return Err(Fault::FirstLine);
        }
        let (Some(code), Some(minor)) = (parsed.code, parsed.version) else {
            return Err(Fault::FirstLine);
        };
        let status = StatusCode::from_u16(code).map_err(|_| Fault::Status)?;
        let is_11 = minor == 1;
        let (headers, said) = take(&head, parsed.headers, Side::Answer)?;
        if said.chunked && !is_11 {
            return Err(Fault::CodingInOld);
        }
        let framing = match (said.chunked, said.length) {
            _ if is_bare(asked, status) => Framing::None,
            (true, _) => Framing::Chunked,
            (false, Some(0)) => Framing::None,
            (false, Some(length)) => Framing::Length(length),
            (false, None) => Framing::ToEnd,
        };
        let mut answer = Response::new(());
        *answer.status_mut() = status;
        *answer.version_mut() = if is_11 { Version::HTTP_11 } else { Version::HTTP_10 };
        *answer.headers_mut() = headers;
        let keeps_open = said.keeps_open(is_11) && framing != Framing::ToEnd;
        Ok(Self { answer, framing, keeps_open })
    }
}

/// Whether such an answer has no body, whatever its fields say (RFC 9112 §6.3).
pub(crate) fn is_bare(asked: &Method, status: StatusCode) -> bool {
    asked == Method::HEAD
        || status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}
