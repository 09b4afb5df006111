//! HTTP/1.1 messages (RFC 9112): bytes to heads and bodies and back, in one reading only.
//!
//! ```text
//! scan.rs      where a head ends; no line ends otherwise than in CRLF
//! fields.rs    names and values; what they say of the body and of the connection
//! request.rs   the head of a request      answer.rs   the head of an answer
//! body.rs      what follows a head, as its frame says; chunked.rs the chunks
//! write.rs     heads and chunks as bytes
//! ```
//!
//! Where a message could be read in two ways it is refused, also where RFC 9112 lets a recipient
//! be kind: what one server takes for the end of a message and another does not is how a request
//! is hidden in another. Nothing here waits: bytes that have come are given, and what is missing is
//! said.

mod answer;
mod body;
mod chunked;
mod fault;
mod fields;
mod request;
mod scan;
mod write;

pub use answer::AnswerHead;
pub use body::{Decoder, Piece};
pub use fault::Fault;
pub use request::RequestHead;
pub use scan::Scan;
pub use write::{
    Frame, announced, answer_head, chunk, field, last_chunk, request_head, request_line, trailers,
};

/// The most fields that a head may have.
pub const FIELDS_MAX: usize = 100;

/// How the end of a message's body is found (RFC 9112 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    None,
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunked,
    /// The connection's end; only an answer's.
    ToEnd,
}
