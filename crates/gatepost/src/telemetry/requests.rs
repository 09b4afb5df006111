//! The access line: one per request, written by hand, for it is what every request pays.

use std::cell::RefCell;
use std::io::Write as _;
use std::net::IpAddr;

use gateway::Record;
use model::{Name, Timestamp};

use super::fields::RequestLog;
use super::{Form, chosen};

thread_local! {
    /// The text of the second that was written last: most lines are of the same one.
    static SECOND: RefCell<(i64, String)> = const { RefCell::new((i64::MIN, String::new())) };
}

/// Writes a request's line.
pub(super) fn write(record: &Record, (form, log): (Form, &RequestLog), line: &mut Vec<u8>) {
    match (log, form) {
        (RequestLog::Usual, Form::Json) => json(record, line),
        (RequestLog::Usual, Form::Human) => human(record, line),
        (RequestLog::Fields(fields), Form::Json) => chosen::json(record, fields, line),
        (RequestLog::Fields(fields), Form::Human) => chosen::human(record, fields, line),
        (RequestLog::Template(parts), _) => chosen::template(record, parts, line),
        (RequestLog::Off, _) => {}
    }
}

fn json(record: &Record, line: &mut Vec<u8>) {
    line.extend_from_slice(br#"{"kind":"request","at":""#);
    moment(record.at, line);
    line.push(b'"');
    let mut fields = Fields(line);
    fields.plain("request_id", Some(record.request_id()));
    fields.trace(record);
    fields.address("address", record.address);
    fields.text("method", Some(record.method.as_str()));
    fields.text("path", Some(record.path()));
    // Names of ours have no letters that need escaping.
    fields.plain("api", record.api());
    fields.text("route", record.route());
    fields.plain("partner", record.partner().map(Name::as_str));
    fields.text("client", record.client());
    fields.text("key_id", record.key_id());
    fields.whole("status", record.status.into());
    let (code, reason) = match &record.refusal {
        Some((code, reason)) => (Some(*code), Some(reason.as_str())),
        None => (None, None),
    };
    fields.plain("refusal", code);
    fields.text("reason", reason);
    fields.passed(record);
    fields.plain("observed", record.observed);
    fields.truth("replayed", record.replayed);
    fields.ms("duration_ms", Some(record.took_us));
    fields.ms("upstream_ms", record.upstream_us);
    fields.whole("bytes_in", record.bytes_in);
    fields.whole("bytes_out", record.bytes_out);
    line.push(b'}');
}

/// The bytes that stand for themselves in a text of JSON.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        plain[byte as usize] = byte != b'"' && byte != b'\\';
        byte += 1;
    }
    plain
};

/// Writes a number in decimal digits, with as many zeros before it as make `least` digits.
#[inline(never)]
fn digits(mut number: u64, least: usize, line: &mut Vec<u8>) {
    let mut digits = [b'0'; 20];
    let mut at = digits.len();
    while number > 0 || digits.len() - at < least {
        at -= 1;
        digits[at] = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
    line.extend_from_slice(&digits[at..]);
}

/// The members of an object that has begun. Each kind is written in one place and not where it is used:
/// a line runs once in a request, and what it costs is to fetch its code.
pub(super) struct Fields<'a>(pub(super) &'a mut Vec<u8>);

impl Fields<'_> {
    pub(super) fn name(&mut self, name: &str) {
        self.0.reserve(name.len() + 4);
        self.0.extend_from_slice(b",\"");
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    /// A text of ours that needs no escaping.
    #[inline(never)]
    fn plain(&mut self, name: &str, text: Option<&str>) {
        self.name(name);
        match text {
            Some(text) => {
                self.0.push(b'"');
                self.0.extend_from_slice(text.as_bytes());
                self.0.push(b'"');
            }
            None => self.0.extend_from_slice(b"null"),
        }
    }

    #[inline(never)]
    pub(super) fn text(&mut self, name: &str, text: Option<&str>) {
        match text {
            // What most texts are made of stands for itself.
            Some(plain) if plain.bytes().all(|byte| PLAIN[usize::from(byte)]) => {
                self.plain(name, Some(plain));
            }
            Some(text) => {
                self.name(name);
                self.0.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
            }
            None => self.plain(name, None),
        }
    }

    #[inline(never)]
    pub(super) fn whole(&mut self, name: &str, number: u64) {
        self.name(name);
        digits(number, 1, self.0);
    }

    pub(super) fn truth(&mut self, name: &str, is_so: bool) {
        self.name(name);
        self.0.extend_from_slice(if is_so { b"true" } else { b"false" });
    }

    pub(super) fn address(&mut self, name: &str, address: IpAddr) {
        self.name(name);
        self.0.push(b'"');
        match address {
            IpAddr::V4(v4) => {
                for (place, part) in v4.octets().into_iter().enumerate() {
                    if place > 0 {
                        self.0.push(b'.');
                    }
                    digits(part.into(), 1, self.0);
                }
            }
            IpAddr::V6(v6) => {
                // Writing to a vector cannot fail.
                let _written = write!(self.0, "{v6}");
            }
        }
        self.0.push(b'"');
    }

    pub(super) fn trace(&mut self, record: &Record) {
        self.name("trace_id");
        self.0.push(b'"');
        self.0.extend_from_slice(&record.trace.trace_digits());
        self.0.push(b'"');
    }

    pub(super) fn passed(&mut self, record: &Record) {
        self.0.extend_from_slice(br#","passed":["#);
        for (index, name) in record.passed.names().enumerate() {
            if index > 0 {
                self.0.push(b',');
            }
            self.0.push(b'"');
            self.0.extend_from_slice(name.as_bytes());
            self.0.push(b'"');
        }
        self.0.push(b']');
    }

    #[inline(never)]
    pub(super) fn ms(&mut self, name: &str, us: Option<u64>) {
        let Some(us) = us else { return self.plain(name, None) };
        self.name(name);
        ms(us, self.0);
    }
}

/// Milliseconds with three digits behind the point, without zeros at the end.
pub(super) fn ms(us: u64, line: &mut Vec<u8>) {
    digits(us / 1000, 1, line);
    line.push(b'.');
    digits(us % 1000, 3, line);
    while line.ends_with(b"0") && !line.ends_with(b".0") {
        line.pop();
    }
}

/// RFC 3339 in UTC with milliseconds.
pub(super) fn moment(at: Timestamp, line: &mut Vec<u8>) {
    SECOND.with_borrow_mut(|(second, text)| {
        if *second != at.seconds() {
            *text = at.to_seconds_text();
            text.truncate(19);
            *second = at.seconds();
        }
        line.extend_from_slice(text.as_bytes());
    });
    line.push(b'.');
    digits(at.ms().rem_euclid(1000).unsigned_abs(), 3, line);
    line.push(b'Z');
}

fn human(record: &Record, line: &mut Vec<u8>) {
    let who = record.partner().map_or("-", Name::as_str);
    let end = match &record.refusal {
        Some((code, reason)) => format!("{code}: {reason}"),
        None => record.passed.names().collect::<Vec<_>>().join(" "),
    };
    let replayed = if record.replayed { " (replayed)" } else { "" };
    let clock = record.at.to_string();
    let clock = clock.get(11..23).unwrap_or_default();
    let observed = record.observed.map(|code| format!(" (observed: {code})")).unwrap_or_default();
    let ms = format!("{}.{}", record.took_us / 1000, record.took_us % 1000 / 100);
    let _written = write!(
        line,
        "{clock} {} {} {} {ms} ms {who} {} {end}{observed}{replayed}",
        record.method,
        record.path(),
        record.status,
        record.address,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(text: &str) -> String {
        let mut line = b"{\"a\":1".to_vec();
        Fields(&mut line).text("t", Some(text));
        line.push(b'}');
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        value["t"].as_str().unwrap().to_owned()
    }

    #[test]
    fn every_text_is_read_back_as_it_was() {
        for text in ["/orders", "", "a\"b", "a\\b", "ä", "line\nbreak", "\u{0}", "\u{7f}"] {
            assert_eq!(member(text), text);
        }
    }

    #[test]
    fn numbers_and_addresses_are_written_as_they_are_read() {
        for number in [0, 7, 10, 999, 1_000_000, u64::MAX] {
            let mut line = Vec::new();
            digits(number, 1, &mut line);
            assert_eq!(line, number.to_string().into_bytes());
        }
        for address in ["127.0.0.1", "203.0.113.255", "2001:db8::1", "::"] {
            let mut line = Vec::new();
            Fields(&mut line).address("a", address.parse().unwrap());
            assert_eq!(line, format!(",\"a\":\"{address}\"").into_bytes());
        }
    }

    #[test]
    fn milliseconds_have_no_zeros_at_the_end() {
        for (us, text) in
            [(0, "0.0"), (1, "0.001"), (1500, "1.5"), (12_340, "12.34"), (7000, "7.0")]
        {
            let mut line = Vec::new();
            Fields(&mut line).ms("d", Some(us));
            assert_eq!(line, format!(",\"d\":{text}").into_bytes());
        }
    }

    #[test]
    fn a_moment_has_milliseconds_also_in_another_second() {
        for ms in [1_764_187_200_007, 1_764_187_200_999, 1_764_187_201_000, -1] {
            let mut line = Vec::new();
            moment(Timestamp::from_ms(ms), &mut line);
            assert_eq!(String::from_utf8(line).unwrap(), Timestamp::from_ms(ms).to_string());
        }
    }
}
