//! Any bytes as another issuer's set of keys: no panic, and the bounds hold. `README.md` says how to
//! run it.

#![no_main]

use jwt::{KeySet, SET_BYTES_MAX, SET_KEYS_MAX};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    match KeySet::parse(data) {
        Ok(set) => {
            assert!(data.len() <= SET_BYTES_MAX);
            assert!(set.count() > 0, "a set of no use is read");
            assert!(set.count() + set.skipped() <= SET_KEYS_MAX);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
