//! Spans → an export request of OpenTelemetry's protocol (OTLP 1, `ExportTraceServiceRequest`), in
//! Protobuf or in JSON.
//!
//! Written by hand: seven messages whose numbers are fixed for good.

use serde_json::{Value as Json, json};

use super::make::{Span, Value};

/// How an export request is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Protobuf,
    Json,
}

impl Form {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}

/// What is said of who exports.
const SCOPE: &str = "gatepost";
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The status of a span that failed (`STATUS_CODE_ERROR`).
const ERROR: u32 = 2;
/// What is known of a span's parent (`SpanFlags`): that it is known whether it is elsewhere, and that
/// it is.
const FLAG_KNOWN: u32 = 0x100;
const FLAG_REMOTE: u32 = 0x200;

/// The request that exports these spans.
pub(super) fn encode(form: Form, resource: &[(String, String)], spans: &[Span]) -> Vec<u8> {
    match form {
        Form::Protobuf => protobuf(resource, spans),
        Form::Json => json(resource, spans).to_string().into_bytes(),
    }
}

/// The trace's flags, and whether the parent is somebody else's.
fn flags(span: &Span) -> u32 {
    // Only what was called from elsewhere is a part of somebody else's span.
    let elsewhere = span.of.parent().is_some() && span.kind != super::make::Kind::Client;
    let remote = if elsewhere { FLAG_REMOTE } else { 0 };
    u32::from(span.of.is_sampled()) | FLAG_KNOWN | remote
}

fn json(resource: &[(String, String)], spans: &[Span]) -> Json {
    let text = |name: &str, text: &str| json!({ "key": name, "value": { "stringValue": text } });
    let resource: Vec<Json> = resource.iter().map(|(name, value)| text(name, value)).collect();
    let span = |span: &Span| {
        let attributes = span.attributes.iter().map(|(name, value)| match value {
            Value::Text(value) => text(name, value),
            // Numbers of 64 bits are texts in Protobuf's JSON.
            Value::Number(value) => {
                json!({ "key": name, "value": { "intValue": value.to_string() } })
            }
        });
        let mut written = json!({
            "traceId": format!("{:032x}", span.of.trace()),
            "spanId": format!("{:016x}", span.of.span()),
            "name": span.name,
            "kind": span.kind.number(),
            "startTimeUnixNano": span.start_ns.to_string(),
            "endTimeUnixNano": span.end_ns.to_string(),
            "attributes": attributes.collect::<Vec<Json>>(),
            "flags": flags(span),
        });
        if let Some(parent) = span.of.parent() {
            written["parentSpanId"] = format!("{parent:016x}").into();
        }
        if let Some(why) = &span.failed {
            written["status"] = json!({ "code": ERROR, "message": why });
        }
        written
    };
    json!({ "resourceSpans": [{
        "resource": { "attributes": resource },
        "scopeSpans": [{
            "scope": { "name": SCOPE, "version": VERSION },
            "spans": spans.iter().map(span).collect::<Vec<Json>>(),
        }],
    }] })
}

fn protobuf(resource: &[(String, String)], spans: &[Span]) -> Vec<u8> {
    let mut request = Message::default();
    request.message(1, |resource_spans| {
        resource_spans.message(1, |of| {
            for (name, value) in resource {
                of.message(1, |pair| pair.text_pair(name, value));
            }
        });
        resource_spans.message(2, |scope_spans| {
            scope_spans.message(1, |scope| {
                scope.bytes(1, SCOPE.as_bytes());
                scope.bytes(2, VERSION.as_bytes());
            });
            for span in spans {
                scope_spans.message(2, |message| message.span(span));
            }
        });
    });
    request.0
}

/// A Protobuf message (`protobuf.dev`, "Encoding"). Fields at their defaults are left out.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut number: u64) {
        loop {
            let low = u8::try_from(number & 0x7f).unwrap_or(0);
            number >>= 7;
            if number == 0 {
                return self.0.push(low);
            }
            self.0.push(low | 0x80);
        }
    }

    fn key(&mut self, field: u32, wire: u32) {
        self.varint(u64::from((field << 3) | wire));
    }

    fn number(&mut self, field: u32, number: u64) {
        if number != 0 {
            self.key(field, 0);
            self.varint(number);
        }
    }

    fn fixed64(&mut self, field: u32, number: u64) {
        self.key(field, 1);
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn fixed32(&mut self, field: u32, number: u32) {
        self.key(field, 5);
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn bytes(&mut self, field: u32, bytes: &[u8]) {
        self.key(field, 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn message(&mut self, field: u32, write: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        write(&mut inner);
        self.bytes(field, &inner.0);
    }

    /// A `KeyValue` whose value is a text.
    fn text_pair(&mut self, name: &str, value: &str) {
        self.bytes(1, name.as_bytes());
        self.message(2, |any| any.bytes(1, value.as_bytes()));
    }

    /// A `KeyValue` whose value is a number.
    fn number_pair(&mut self, name: &str, value: i64) {
        self.bytes(1, name.as_bytes());
        self.message(2, |any| {
            // A choice's member is written also where it is 0; negative numbers take all 64 bits.
            any.key(3, 0);
            any.varint(u64::from_le_bytes(value.to_le_bytes()));
        });
    }

    fn span(&mut self, span: &Span) {
        self.bytes(1, &span.of.trace().to_be_bytes());
        self.bytes(2, &span.of.span().to_be_bytes());
        if let Some(parent) = span.of.parent() {
            self.bytes(4, &parent.to_be_bytes());
        }
        self.bytes(5, span.name.as_bytes());
        self.number(6, u64::from(span.kind.number()));
        self.fixed64(7, span.start_ns);
        self.fixed64(8, span.end_ns);
        for (name, value) in &span.attributes {
            self.message(9, |pair| match value {
                Value::Text(text) => pair.text_pair(name, text),
                Value::Number(number) => pair.number_pair(name, *number),
            });
        }
        if let Some(why) = &span.failed {
            self.message(15, |status| {
                status.bytes(2, why.as_bytes());
                status.number(3, u64::from(ERROR));
            });
        }
        self.fixed32(16, flags(span));
    }
}

#[cfg(test)]
mod tests {
    use listener::TraceParent;

    use super::super::make::Kind;
    use super::*;

    fn span() -> Span {
        let theirs = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        Span {
            of: TraceParent::parse(theirs).unwrap().child(1),
            name: "GET /a".to_owned(),
            kind: Kind::Server,
            start_ns: 1,
            end_ns: 300,
            attributes: vec![("a", Value::Text("b".to_owned())), ("n", Value::Number(200))],
            failed: Some("why".to_owned()),
        }
    }

    #[test]
    fn numbers_are_written_seven_bits_at_a_time() {
        for (number, bytes) in [
            (0, &[0][..]),
            (1, &[1]),
            (127, &[0x7f]),
            (128, &[0x80, 1]),
            (300, &[0xac, 2]),
            (u64::MAX, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
        ] {
            let mut message = Message::default();
            message.varint(number);
            assert_eq!(message.0, bytes, "{number}");
        }
    }

    #[test]
    fn a_span_is_written_as_the_protocol_has_it() {
        let span = span();
        let mut message = Message::default();
        message.span(&span);
        let expected = [
            &[0x0a, 16][..],
            &0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes(),
            &[0x12, 8],
            &span.of.span().to_be_bytes(),
            &[0x22, 8],
            &0x00f0_67aa_0ba9_02b7_u64.to_be_bytes(),
            b"\x2a\x06GET /a",
            &[0x30, 2],
            &[0x39, 1, 0, 0, 0, 0, 0, 0, 0],
            &[0x41, 0x2c, 1, 0, 0, 0, 0, 0, 0],
            b"\x4a\x08\x0a\x01a\x12\x03\x0a\x01b",
            b"\x4a\x08\x0a\x01n\x12\x03\x18\xc8\x01",
            b"\x7a\x07\x12\x03why\x18\x02",
            &[0x85, 1, 0x01, 0x03, 0, 0],
        ];
        assert_eq!(message.0, expected.concat());
    }

    #[test]
    fn both_forms_hold_spans_in_their_scope_and_resource() {
        let resource = [("service.name".to_owned(), "tires".to_owned())];
        let text = String::from_utf8(encode(Form::Json, &resource, &[span()])).unwrap();
        let written: Json = serde_json::from_str(&text).unwrap();
        let of = &written["resourceSpans"][0];
        assert_eq!(of["resource"]["attributes"][0]["value"]["stringValue"], "tires");
        let span_of = &of["scopeSpans"][0]["spans"][0];
        assert_eq!(span_of["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(span_of["parentSpanId"], "00f067aa0ba902b7");
        assert_eq!(span_of["attributes"][1]["value"]["intValue"], "200");
        assert_eq!((&span_of["kind"], &span_of["endTimeUnixNano"]), (&2.into(), &"300".into()));
        assert_eq!(span_of["status"]["code"], 2);
        let bytes = encode(Form::Protobuf, &resource, &[span()]);
        let mut inner = Message::default();
        inner.span(&span());
        assert!(bytes.windows(inner.0.len()).any(|window| window == inner.0));
        assert!(bytes.windows(5).any(|window| window == b"tires"));
        assert_eq!(bytes[0], 0x0a);
    }
}
