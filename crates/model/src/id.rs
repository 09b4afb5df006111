//! Identifiers: prefixed, sortable by time, shaped like UUID version 7 (RFC 9562 §5.7).

use std::fmt;

use crate::{Random, Timestamp};

const MASK_62: u64 = (1 << 62) - 1;
/// An odd multiplier spreads the sequence number over all 62 bits, so that an id does not tell a
/// partner how many events there are. It hides; it does not protect.
const SPREAD: u64 = 0x2545_F491_4F6C_DD1D & MASK_62;
/// The multiplier's inverse modulo 2^62.
const GATHER: u64 = inverse(SPREAD);

/// The public id of an event: carries when it was accepted and its place in the log, so that no
/// index is needed to find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    /// When the event was accepted.
    pub accepted_at: Timestamp,
    /// Its place in the log.
    pub seq: u64,
}

impl EventId {
    /// Reads `evt_…`; anything we cannot have written is none.
    pub fn parse(text: &str) -> Option<Self> {
        let uuid = text.strip_prefix("evt_")?;
        let hyphens_fit = uuid.len() == 36
            && uuid.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            });
        if !hyphens_fit {
            return None;
        }
        let digits: String = uuid.chars().filter(|c| *c != '-').collect();
        let bits = u128::from_str_radix(&digits, 16).ok()?;
        let ms = i64::try_from(bits >> 80).ok()?;
        let spread = u64::try_from(bits & u128::from(MASK_62)).ok()?;
        let seq = spread.wrapping_mul(GATHER) & MASK_62;
        let id = Self { accepted_at: Timestamp::from_ms(ms), seq };
        (id.to_string() == text).then_some(id)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spread = self.seq.wrapping_mul(SPREAD) & MASK_62;
        let ms = u64::try_from(self.accepted_at.ms()).unwrap_or(0);
        // Twelve bits that follow from the rest: an invented id is recognised.
        let check = (spread ^ (spread >> 24) ^ (spread >> 48) ^ ms.wrapping_mul(31)) & 0xfff;
        f.write_str("evt_")?;
        write_uuid(f, ms, check, spread)
    }
}

/// A fresh request id, `req_` + UUID version 7.
pub fn request_id(now: Timestamp, random: &dyn Random) -> String {
    fresh("req_", now, random)
}

/// A fresh token id (`jti`): a UUID version 7 without a prefix.
pub fn token_id(now: Timestamp, random: &dyn Random) -> String {
    fresh("", now, random)
}

/// When a token of that id was issued: [`token_id`] writes it in front. Nothing of any other text.
pub fn token_issued_at(id: &str) -> Option<Timestamp> {
    let (first, rest) = (id.get(..8)?, id.get(8..)?);
    let (second, rest) = rest.strip_prefix('-')?.split_once('-')?;
    // Version 7, and as long as they all are.
    let fits = second.len() == 4 && rest.starts_with('7') && id.len() == UUID_CHARS;
    let digits = [first, second].concat();
    if !fits || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    i64::from_str_radix(&digits, 16).ok().map(Timestamp::from_ms)
}

fn fresh(prefix: &'static str, now: Timestamp, random: &dyn Random) -> String {
    let mut bytes = [0; 10];
    random.fill(&mut bytes);
    let [a, b, rest @ ..] = bytes;
    let high = u64::from(u16::from_be_bytes([a, b]) & 0xfff);
    let low = u64::from_be_bytes(rest) & MASK_62;
    let mut text = String::with_capacity(prefix.len() + UUID_CHARS);
    text.push_str(prefix);
    push_uuid(&mut text, u64::try_from(now.ms()).unwrap_or(0), high, low);
    text
}

/// Characters of a UUID.
const UUID_CHARS: usize = 36;

fn write_uuid(f: &mut fmt::Formatter<'_>, ms: u64, high: u64, low: u64) -> fmt::Result {
    let mut text = String::with_capacity(UUID_CHARS);
    push_uuid(&mut text, ms, high, low);
    f.write_str(&text)
}

/// Version 7: the time, then what tells ids of one millisecond apart. By hand, for every request
/// and every event has one.
fn push_uuid(text: &mut String, ms: u64, high: u64, low: u64) {
    let bits = u128::from(ms & 0xffff_ffff_ffff) << 80
        | u128::from(0x7000 | high & 0xfff) << 64
        | u128::from(low & MASK_62 | 1 << 63);
    let mut digits = [b'-'; UUID_CHARS];
    let places = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
    let bytes = bits.to_be_bytes();
    for (place, byte) in places.into_iter().zip(bytes) {
        digits[place] = HEX[usize::from(byte >> 4)];
        digits[place + 1] = HEX[usize::from(byte & 0xf)];
    }
    text.push_str(std::str::from_utf8(&digits).unwrap_or_default());
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// The inverse of an odd number modulo 2^62, by Newton's iteration.
const fn inverse(odd: u64) -> u64 {
    let mut inverse = odd;
    let mut round = 0;
    while round < 6 {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(inverse)));
        round += 1;
    }
    inverse & MASK_62
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_id_carries_time_and_place() {
        for (ms, seq) in [(0, 0), (1_700_000_000_123, 1), (1_700_000_000_123, MASK_62), (1, 77)] {
            let id = EventId { accepted_at: Timestamp::from_ms(ms), seq };
            assert_eq!(EventId::parse(&id.to_string()), Some(id));
        }
    }

    #[test]
    fn texts_we_cannot_have_written_are_no_ids() {
        let id = EventId { accepted_at: Timestamp::from_ms(1_700_000_000_123), seq: 9 };
        let text = id.to_string();
        for other in [
            text.replace("evt_", "dlv_"),
            text.to_uppercase(),
            text.replace('-', ""),
            format!("{text}0"),
            "evt_018bcfe5-6800-7000-8000-000000000000".to_owned(),
            String::new(),
        ] {
            assert_eq!(EventId::parse(&other), None, "{other}");
        }
    }

    #[test]
    fn a_token_id_tells_when_it_was_issued() {
        struct Ones;
        impl Random for Ones {
            fn fill(&self, bytes: &mut [u8]) {
                bytes.fill(1);
            }
        }
        let at = Timestamp::from_ms(1_700_000_000_123);
        let id = token_id(at, &Ones);
        assert_eq!(token_issued_at(&id), Some(at), "{id}");
        for other in ["", "t1", &id[1..], &format!("{id}0"), &id.replace('-', ""), "äöü-1-7"] {
            assert_eq!(token_issued_at(other), None, "{other}");
        }
    }

    #[test]
    fn ids_sort_by_time() {
        let at = |ms| EventId { accepted_at: Timestamp::from_ms(ms), seq: 5 }.to_string();
        assert!(at(1_700_000_000_000) < at(1_700_000_000_001));
    }
}
