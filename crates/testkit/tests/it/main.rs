//! The store in memory passes what every store must pass, so that others can be held against it.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod oracle;

mod conformance {
    use testkit::MemStore;

    store::claims!(MemStore::new());
}
