//! The workspace's own chores, in the workspace's own language: nothing to install.
//!
//! The binary is `cargo xtask`. This library exists so that the tidy check is also a test, and
//! `cargo test` stays the one command to remember.

pub mod order;
pub mod profile;
pub mod release;
pub mod tidy;
