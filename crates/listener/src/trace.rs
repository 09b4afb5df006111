//! W3C trace context: taken over, continued, or begun.

use std::fmt;

use http::{HeaderMap, HeaderName};
use model::Random;

/// The field's name, made once: a text would be made one for each request.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A `traceparent` (W3C Trace Context, version 00).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    trace: u128,
    span: u64,
    /// The span that this one is a part of; 0 where it is the trace's first, or nobody knows.
    parent: u64,
    flags: u8,
}

impl TraceParent {
    /// Continues the caller's trace with a span of our own, or begins one.
    pub fn continued(headers: &HeaderMap, random: &dyn Random) -> Self {
        let mut span = [0; 8];
        random.fill(&mut span);
        let span = u64::from_be_bytes(span).max(1);
        let theirs = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok());
        if let Some(theirs) = theirs.and_then(Self::parse) {
            return Self { span, parent: theirs.span, ..theirs };
        }
        let mut trace = [0; 16];
        random.fill(&mut trace);
        Self { trace: u128::from_be_bytes(trace).max(1), span, parent: 0, flags: 1 }
    }

    /// Begins a trace whose ids follow from a number: whoever knows the number finds the same ones.
    pub fn of_number(number: u64) -> Self {
        let (high, low) = (mixed(number), mixed(mixed(number)));
        let trace = ((u128::from(high) << 64) | u128::from(low)).max(1);
        Self { trace, span: mixed(low).max(1), parent: 0, flags: 1 }
    }

    /// A span that is a part of this one. Its id follows from this one's and the number.
    #[must_use]
    pub fn child(self, number: u64) -> Self {
        let span = mixed(self.span ^ mixed(number)).max(1);
        Self { span, parent: self.span, ..self }
    }

    /// The same, to be recorded or not.
    #[must_use]
    pub fn with_sampled(self, sampled: bool) -> Self {
        Self { flags: u8::from(sampled), ..self }
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
        let flags = u8::from_str_radix(flags, 16).ok()? & 1;
        Some(Self { trace, span, parent: 0, flags })
    }

    /// The trace's id in hexadecimal digits.
    pub fn trace_digits(&self) -> [u8; 32] {
        let mut digits = [0; 32];
        hex(&mut digits, &self.trace.to_be_bytes());
        digits
    }

    /// As it stands in the header.
    pub fn to_bytes(&self) -> [u8; 55] {
        let mut bytes = *b"00-00000000000000000000000000000000-0000000000000000-00";
        hex(&mut bytes[3..35], &self.trace.to_be_bytes());
        hex(&mut bytes[36..52], &self.span.to_be_bytes());
        hex(&mut bytes[53..55], &[self.flags]);
        bytes
    }

    /// The trace's id as a number; never 0.
    pub fn trace(&self) -> u128 {
        self.trace
    }

    /// The span's id as a number; never 0.
    pub fn span(&self) -> u64 {
        self.span
    }

    /// The id of the span that this one is a part of; none where it is the trace's first.
    pub fn parent(&self) -> Option<u64> {
        (self.parent != 0).then_some(self.parent)
    }

    /// Whether it is to be recorded.
    pub fn is_sampled(&self) -> bool {
        self.flags & 1 == 1
    }

    /// The trace both companies share.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace)
    }
}

/// A number that looks like chance and follows from another: a step of `SplitMix64` (Steele, Lea
/// and Flood, 2014).
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// The low digits of a number.
fn hex(digits: &mut [u8], bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 0xf)];
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
    fn a_part_of_a_span_is_another_span_of_the_same_trace() {
        let theirs = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let whole = TraceParent::parse(theirs).unwrap();
        let (one, other) = (whole.child(1), whole.child(2));
        assert_eq!((whole.parent(), one.parent()), (None, Some(whole.span())));
        assert_eq!((one.trace(), one.is_sampled()), (whole.trace(), true));
        assert_eq!(one, whole.child(1), "whoever knows the number finds it again");
        assert!(one.span() != other.span() && one.span() != whole.span());
        assert!(!one.with_sampled(false).is_sampled());
        assert_ne!(TraceParent::of_number(0).trace(), TraceParent::of_number(1).trace());
        assert_eq!(TraceParent::of_number(7), TraceParent::of_number(7));
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
