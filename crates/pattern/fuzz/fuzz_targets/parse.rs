//! Any bytes as the text of a pattern and of an event: nothing panics, and what was read as a
//! pattern keeps its text.
//!
//! To run it for ten minutes, in `crates/pattern`, with `cargo install cargo-fuzz` and the stable
//! toolchain:
//!
//! ```text
//! cargo fuzz run parse --sanitizer none --target-dir ../../target/fuzz -- \
//!     -max_total_time=600 -max_len=4096 -dict=fuzz/patterns.dict
//! ```

#![no_main]

use libfuzzer_sys::fuzz_target;
use pattern::{Event, Pattern};

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    match Pattern::parse(&text) {
        Ok(pattern) => {
            assert_eq!(pattern.source(), text);
            let again = Pattern::parse(pattern.source());
            assert!(again.is_ok(), "a pattern is not read again");
            // An event that is its own pattern seldom matches; this is about reading both.
            let _answer = pattern.matches(&Event::of_valid(&text));
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert!(error.line > 0 && error.column > 0, "places are counted from 1");
        }
    }
    if let Err(error) = Event::parse(&text) {
        assert!(!error.to_string().is_empty());
    }
});
