//! The car company's service, whole: over HTTP, with its database on disk and a stand-in
//! for the events door.

mod orders;
mod outbox;
mod stage;
mod webhook;
