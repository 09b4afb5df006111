//! The tire company's service, whole: over HTTP, with its database on disk and a stand-in
//! for the events door.

mod completion;
mod orders;
mod outbox;
mod stage;
