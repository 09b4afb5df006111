//! The line of a request with the fields that the configuration asks for, and by its template.
//!
//! A caller chooses paths, queries and header fields. In JSON they are escaped as JSON has it; in a
//! text everything but visible ASCII and the space, and quotes and backslashes too, is `\xHH`, so
//! that no caller ends a line or a quoted part of it and begins another.

use std::io::Write as _;

use gateway::Record;
use http::Version;
use model::Name;

use super::fields::{LogField, LogPart};
use super::requests::{Fields, moment, ms};

/// One JSON object with these fields, in this order.
pub(super) fn json(record: &Record, chosen: &[LogField], line: &mut Vec<u8>) {
    line.extend_from_slice(br#"{"kind":"request""#);
    let mut fields = Fields(line);
    for field in chosen {
        member(*field, record, &mut fields);
    }
    line.push(b'}');
}

fn member(field: LogField, record: &Record, fields: &mut Fields<'_>) {
    let name = field.name();
    match field {
        LogField::At => {
            fields.name(name);
            fields.0.push(b'"');
            moment(record.at, fields.0);
            fields.0.push(b'"');
        }
        LogField::TraceId => fields.trace(record),
        LogField::Address => fields.address(name, record.address),
        LogField::Status => fields.whole(name, record.status.into()),
        LogField::Replayed => fields.truth(name, record.replayed),
        LogField::Retries => fields.whole(name, record.retries.into()),
        LogField::BytesIn => fields.whole(name, record.bytes_in),
        LogField::BytesOut => fields.whole(name, record.bytes_out),
        LogField::DurationMs => fields.ms(name, Some(record.took_us)),
        LogField::UpstreamMs => fields.ms(name, record.upstream_us),
        LogField::Passed => fields.passed(record),
        _ => {
            let text = text_of(field, record).map(String::from_utf8_lossy);
            fields.text(name, text.as_deref());
        }
    }
}

/// A text, each field as [`value`] has it.
pub(super) fn template(record: &Record, parts: &[LogPart], line: &mut Vec<u8>) {
    for part in parts {
        match part {
            LogPart::Text(text) => line.extend_from_slice(text.as_bytes()),
            LogPart::Field(field) => value(*field, record, line),
        }
    }
}

/// `name=value` for each field; a value with spaces stands in quotes.
pub(super) fn human(record: &Record, chosen: &[LogField], line: &mut Vec<u8>) {
    for (index, field) in chosen.iter().enumerate() {
        if index > 0 {
            line.push(b' ');
        }
        line.extend_from_slice(field.name().as_bytes());
        line.push(b'=');
        let start = line.len();
        value(*field, record, line);
        if line.iter().skip(start).any(|byte| matches!(byte, b' ' | b'=')) {
            line.insert(start, b'"');
            line.push(b'"');
        }
    }
}

/// A field's value; `-` where there is none.
fn value(field: LogField, record: &Record, line: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    let _written = match field {
        LogField::At => {
            moment(record.at, line);
            Ok(())
        }
        LogField::TraceId => write!(line, "{}", record.trace.trace_id()),
        LogField::Address => write!(line, "{}", record.address),
        LogField::Status => write!(line, "{}", record.status),
        LogField::Replayed => write!(line, "{}", record.replayed),
        LogField::Retries => write!(line, "{}", record.retries),
        LogField::BytesIn => write!(line, "{}", record.bytes_in),
        LogField::BytesOut => write!(line, "{}", record.bytes_out),
        LogField::DurationMs => {
            ms(record.took_us, line);
            Ok(())
        }
        LogField::UpstreamMs => match record.upstream_us {
            Some(us) => {
                ms(us, line);
                Ok(())
            }
            None => line.write_all(b"-"),
        },
        LogField::Passed => {
            let names: Vec<&str> = record.passed.names().collect();
            escaped(Some(names.join(",").as_bytes()), line);
            Ok(())
        }
        _ => {
            escaped(text_of(field, record), line);
            Ok(())
        }
    };
}

/// The bytes of a field that is a text.
fn text_of(field: LogField, record: &Record) -> Option<&[u8]> {
    let text = match field {
        LogField::RequestId => Some(record.request_id()),
        LogField::Method => Some(record.method.as_str()),
        LogField::Path => Some(record.path()),
        LogField::Query => record.query(),
        LogField::Api => record.api(),
        LogField::Route => record.route(),
        LogField::Partner => record.partner().map(Name::as_str),
        LogField::Client => record.client(),
        LogField::KeyId => record.key_id(),
        LogField::Refusal => record.refusal.as_ref().map(|(code, _)| *code),
        LogField::Reason => record.refusal.as_ref().map(|(_, reason)| reason.as_str()),
        LogField::Observed => record.observed,
        LogField::HttpVersion => Some(version(record.version)),
        LogField::Tls => record.tls,
        LogField::Upstream => record.upstream(),
        LogField::Host => return record.host(),
        LogField::Referer => return record.referer(),
        LogField::UserAgent => return record.user_agent(),
        // These are no texts.
        LogField::At
        | LogField::TraceId
        | LogField::Address
        | LogField::Status
        | LogField::Passed
        | LogField::Replayed
        | LogField::DurationMs
        | LogField::UpstreamMs
        | LogField::BytesIn
        | LogField::BytesOut
        | LogField::Retries => None,
    };
    text.map(str::as_bytes)
}

/// A version of HTTP as traces name it too.
pub(super) fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    }
}

fn escaped(text: Option<&[u8]>, line: &mut Vec<u8>) {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return line.push(b'-') };
    for byte in text {
        if (b' '..=b'~').contains(byte) && !matches!(byte, b'"' | b'\\') {
            line.push(*byte);
        } else {
            let _written = write!(line, "\\x{byte:02x}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &[u8]) -> String {
        let mut line = Vec::new();
        escaped(Some(text), &mut line);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn nothing_that_a_caller_writes_ends_a_line_or_a_quotation() {
        for (text, expected) in [
            (&b"curl/8 (x)"[..], "curl/8 (x)"),
            (b"", "-"),
            (b"a\nb", "a\\x0ab"),
            (b"a\r\n{\"kind\":\"request\"}", "a\\x0d\\x0a{\\x22kind\\x22:\\x22request\\x22}"),
            (b"\\x0a", "\\x5cx0a"),
            (b"\x1b[2J", "\\x1b[2J"),
            ("ä\u{2028}".as_bytes(), "\\xc3\\xa4\\xe2\\x80\\xa8"),
            (b"\x7f\x80", "\\x7f\\x80"),
        ] {
            assert_eq!(shown(text), expected);
        }
        let mut line = Vec::new();
        escaped(None, &mut line);
        assert_eq!(line, b"-");
    }

    proptest::proptest! {
        #[test]
        fn what_is_escaped_is_one_line_of_ascii(text in proptest::collection::vec(0_u8..=255, 1..60)) {
            let shown = shown(&text);
            assert!(shown.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'"'));
        }
    }
}
