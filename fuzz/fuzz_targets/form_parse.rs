//! Any bytes as the body of a token request: no panic, and no parameter without a value. `README.md`
//! says how to run it.

#![no_main]

use libfuzzer_sys::fuzz_target;

/// The one refusal that the reader knows; its own has more, and needs the whole service.
mod error {
    #[derive(Debug)]
    pub(crate) enum Refusal {
        Malformed(&'static str),
    }
}

#[path = "../../crates/oauth/src/form.rs"]
mod form;

fuzz_target!(|data: &[u8]| {
    match form::Form::parse(data) {
        Ok(form) => {
            for name in ["grant_type", "client_id", "client_secret", "scope", ""] {
                assert!(form.get(name) != Some(""), "an empty value is there");
            }
        }
        Err(error::Refusal::Malformed(why)) => assert!(!why.is_empty()),
    }
    let text = String::from_utf8_lossy(data);
    if let Some(decoded) = form::decode(&text) {
        assert!(decoded.len() <= text.len(), "decoding makes nothing longer");
    }
});
