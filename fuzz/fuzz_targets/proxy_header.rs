//! Any bytes as the beginning of a connection behind a balancer: no panic; a header lies within what
//! was read, and what follows it does not change it. `README.md` says how to run it.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/listener/src/proxy_header.rs"]
mod proxy_header;

use proxy_header::{HEADER_MAX, Read, read};

fuzz_target!(|data: &[u8]| {
    let answer = read(data);
    match &answer {
        Read::Header { length, source } => {
            assert!(*length <= data.len() && *length <= HEADER_MAX);
            let alone = Read::Header { length: *length, source: *source };
            assert_eq!(read(&data[..*length]), alone, "what follows changes the header");
        }
        Read::More => assert!(data.len() < HEADER_MAX, "no end of waiting"),
        Read::Bad(why) => assert!(!why.is_empty()),
    }
});
