//! W3C trace context: taken over, continued, or begun.

use std::fmt;

use http::HeaderMap;
use model::Random;

/// A `traceparent` (W3C Trace Context, version 00).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    trace: u128,
    span: u64,
    flags: u8,
}

impl TraceParent {
    /// Continues the caller's trace with a span of our own, or begins one.
    pub fn continued(headers: &HeaderMap, random: &dyn Random) -> Self {
        let mut span = [0; 8];
        random.fill(&mut span);
        let span = u64::from_be_bytes(span).max(1);
        let theirs = headers.get("traceparent").and_then(|value| value.to_str().ok());
        if let Some(theirs) = theirs.and_then(Self::parse) {
            return Self { span, ..theirs };
        }
        let mut trace = [0; 16];
        random.fill(&mut trace);
        Self { trace: u128::from_be_bytes(trace).max(1), span, flags: 1 }
    }

    /// Reads a header value; anything the standard calls invalid is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (version, trace) = (parts.next()?, parts.next()?);
        let (span, flags) = (parts.next()?, parts.next()?);
        let lower_hex = |text: &str, length| {
            text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let shaped = lower_hex(version, 2)
            && version != "ff"
            && (version != "00" || parts.next().is_none())
            && lower_hex(trace, 32)
            && lower_hex(span, 16)
            && lower_hex(flags, 2);
        if !shaped {
            return None;
        }
        let trace = u128::from_str_radix(trace, 16).ok().filter(|trace| *trace != 0)?;
        let span = u64::from_str_radix(span, 16).ok().filter(|span| *span != 0)?;
        Some(Self { trace, span, flags: u8::from_str_radix(flags, 16).ok()? & 1 })
    }

    /// As it stands in the header.
    pub fn to_bytes(&self) -> [u8; 55] {
        let mut bytes = *b"00-00000000000000000000000000000000-0000000000000000-00";
        hex(&mut bytes[3..35], self.trace);
        hex(&mut bytes[36..52], u128::from(self.span));
        hex(&mut bytes[53..55], u128::from(self.flags));
        bytes
    }

    /// The trace both companies share.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace)
    }
}

/// The low digits of a number.
fn hex(digits: &mut [u8], mut number: u128) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number & 0xf) as usize];
        number >>= 4;
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sevens;

    impl Random for Sevens {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    fn continued(value: Option<&str>) -> String {
        let mut headers = HeaderMap::new();
        if let Some(value) = value {
            headers.insert("traceparent", value.parse().unwrap());
        }
        TraceParent::continued(&headers, &Sevens).to_string()
    }

    #[test]
    fn a_valid_trace_is_continued_with_our_own_span() {
        let theirs = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(
            continued(Some(theirs)),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0707070707070707-01"
        );
    }

    #[test]
    fn an_invalid_trace_is_replaced() {
        let fresh = "00-07070707070707070707070707070707-0707070707070707-01";
        for theirs in [
            None,
            Some(""),
            Some("00-00000000000000000000000000000000-00f067aa0ba902b7-01"),
            Some("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"),
            Some("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"),
            Some("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x"),
        ] {
            assert_eq!(continued(theirs), fresh, "{theirs:?}");
        }
    }
}
