//! What can be wrong with a message.

/// Why a message cannot be read. Where the next one would begin is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The first line is none of HTTP.
    #[error("its first line is not one of HTTP/1.1")]
    FirstLine,
    /// The method is no token.
    #[error("its method is no token")]
    Method,
    /// The target is none.
    #[error("its target is no path and query of printable ASCII")]
    Target,
    /// The target is longer than any is read.
    #[error("its target is too long")]
    TargetTooLong,
    /// Another version than 1.0 or 1.1.
    #[error("its version is neither HTTP/1.1 nor HTTP/1.0")]
    Version,
    /// The status is none.
    #[error("its status is no number from 100 to 999")]
    Status,
    /// A line ends in a bare LF (RFC 9112 §2.2).
    #[error("a line of it does not end in CR LF")]
    BareLf,
    /// A field is none (RFC 9112 §5): no token before the colon, a space there, a control character
    /// in the value, a folded line.
    #[error(
        "a field of it is malformed: name, colon and value stand on one line, without a space before the colon and without control characters"
    )]
    Field,
    /// The head is larger than may be.
    #[error("its head is too large")]
    HeadTooLarge,
    /// More fields than may be.
    #[error("it has more than {} fields", crate::FIELDS_MAX)]
    TooManyFields,
    /// A `Content-Length` that is no number, or more than one (RFC 9112 §6.3).
    #[error("its Content-Length is not one number")]
    Length,
    /// Another transfer coding than `chunked`, or `chunked` more than once (RFC 9112 §6.1).
    #[error("it has a transfer coding that is not `chunked`")]
    Coding,
    /// A transfer coding in HTTP/1.0 (RFC 9112 §6.1).
    #[error("it has a transfer coding, which HTTP/1.0 does not know")]
    CodingInOld,
    /// Both a transfer coding and a length (RFC 9112 §6.1).
    #[error("it has both a Content-Length and a Transfer-Encoding")]
    LengthAndCoding,
    /// A chunk is malformed (RFC 9112 §7.1).
    #[error("a chunk of it is malformed")]
    Chunk,
    /// A trailer is malformed (RFC 9112 §7.1.2).
    #[error("a trailer of it is malformed")]
    Trailer,
    /// The connection ended before the message did (RFC 9112 §8).
    #[error("the connection ended before it did")]
    CutOff,
}
