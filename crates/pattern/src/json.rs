//! A JSON reader (RFC 8259) that gives one token after the other, so that whoever reads a pattern
//! sees its parts in the order of the text and the first fault of any kind is the one reported.
//!
//! Its faults have the words and the places of Jackson 2.17 and later, which AWS shows its users:
//! event-ruler reads patterns with it. Promises to stop at a given nesting depth. A string is UTF-8
//! here, so half a surrogate pair becomes U+FFFD.

mod fault;
mod number;
mod place;
mod reader;
mod string;
mod word;

pub(crate) use fault::{Fault, FaultKind};
pub(crate) use place::{Place, position};
pub(crate) use reader::{Reader, Token};

/// Reads the one JSON value that is the whole of `text`, with at most `depth_max` arrays and objects
/// inside each other, and says whether it is an object.
pub(crate) fn is_object(text: &str, depth_max: usize) -> Result<bool, Fault> {
    let mut reader = Reader::new(text, depth_max);
    let first = reader.next()?;
    if first == Token::End {
        return Err(reader.nothing());
    }
    while reader.is_inside() {
        reader.next()?;
    }
    match reader.next()? {
        Token::End => Ok(first == Token::ObjectStart),
        _ => Err(reader.trailing()),
    }
}
