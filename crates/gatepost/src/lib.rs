//! The program: configuration, commands, and the wiring of everything.
//!
//! A library beside the binary only so that whole-program tests can use the demo's stage.

pub mod clock;
pub mod commands;
pub mod config;
pub mod demo;
pub mod explain;
pub mod export;
pub mod files;
pub mod serve;
pub mod telemetry;
