//! The store in memory passes what every store must pass, so that others can be held against it.

mod oracle;

mod conformance {
    use testkit::MemStore;

    store::claims!(MemStore::new());
}
