//! A value of an event that is neither an array nor an object.

use crate::number::Number;

/// The value, as conditions see it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number.
    Number(Number<'a>),
    /// A string, unescaped.
    Text(&'a str),
}
