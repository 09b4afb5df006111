//! HTTP/1.1 messages held against tables and properties.

mod bodies;
mod heads;
mod properties;
mod written;
