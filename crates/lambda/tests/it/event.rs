//! The event: whole, and what each part of a request becomes in it.

use lambda::{Authorizer, Call, EventTooLarge, PAYLOAD_BYTES_MAX, Version};
use serde_json::{Map, Value, json};

use crate::{BOTH, bare, claims, event_of, full};

#[test]
fn events_are_as_the_guide_shows_them() {
    let claims = claims();
    let check = |version: Version, call: &Call<'_>, expected: &str| {
        let pretty = serde_json::to_string_pretty(&event_of(version, call)).unwrap();
        assert_eq!(pretty, expected.trim_end());
    };
    check(Version::V1, &full(&claims), include_str!("golden/rest.json"));
    check(Version::V1, &bare(), include_str!("golden/rest_bare.json"));
    check(Version::V2, &full(&claims), include_str!("golden/http.json"));
    check(Version::V2, &bare(), include_str!("golden/http_bare.json"));
}

#[test]
fn versions_are_read_as_they_are_written() {
    for version in BOTH {
        assert_eq!(Version::parse(version.as_str()), Some(version));
    }
    for text in ["", "1", "2", "1.1", "v2.0", " 2.0"] {
        assert_eq!(Version::parse(text), None, "{text}");
    }
}

#[test]
fn query_values_are_decoded_and_the_last_one_wins() {
    let check = |query: &str, single: Value, multi: Value, joined: Value| {
        let call = Call { query, ..bare() };
        let rest = event_of(Version::V1, &call);
        assert_eq!(rest["queryStringParameters"], single, "{query}");
        assert_eq!(rest["multiValueQueryStringParameters"], multi, "{query}");
        let http = event_of(Version::V2, &call);
        assert_eq!(http["queryStringParameters"], joined, "{query}");
        assert_eq!(http["rawQueryString"], query);
    };
    check("a=1", json!({"a": "1"}), json!({"a": ["1"]}), json!({"a": "1"}));
    check("a=2&a=1", json!({"a": "1"}), json!({"a": ["2", "1"]}), json!({"a": "2,1"}));
    let empty = json!({"a": "", "b": ""});
    check("a&&b=", empty.clone(), json!({"a": [""], "b": [""]}), empty);
    check("a%3Db=c%26d", json!({"a=b": "c&d"}), json!({"a=b": ["c&d"]}), json!({"a=b": "c&d"}));
    check("a=b=c", json!({"a": "b=c"}), json!({"a": ["b=c"]}), json!({"a": "b=c"}));
    check("a=1+2%2B3", json!({"a": "1 2+3"}), json!({"a": ["1 2+3"]}), json!({"a": "1 2+3"}));
    let two = json!({"A": "1", "a": "2"});
    check("A=1&a=2", two.clone(), json!({"A": ["1"], "a": ["2"]}), two);
    // Decoded once, and what is no escape stays.
    check("a=%2525", json!({"a": "%25"}), json!({"a": ["%25"]}), json!({"a": "%25"}));
    check("a=%zz%4", json!({"a": "%zz%4"}), json!({"a": ["%zz%4"]}), json!({"a": "%zz%4"}));
    check("a=%C3%BC", json!({"a": "ü"}), json!({"a": ["ü"]}), json!({"a": "ü"}));
    check("a=%FF", json!({"a": "\u{fffd}"}), json!({"a": ["\u{fffd}"]}), json!({"a": "\u{fffd}"}));
    // Nothing is null in 1.0, and not there in 2.0; both read as null here.
    check("", Value::Null, Value::Null, Value::Null);
    check("&", Value::Null, Value::Null, Value::Null);
}

#[test]
fn headers_of_one_name_come_together() {
    let headers: &[(&str, &[u8])] =
        &[("X-Trace", b"1"), ("Via", b"a"), ("x-trace", b"2"), ("Latin", b"\xe9")];
    let call = Call { headers, ..bare() };
    let rest = event_of(Version::V1, &call);
    assert_eq!(rest["headers"], json!({"X-Trace": "2", "Via": "a", "Latin": "\u{fffd}"}));
    assert_eq!(
        rest["multiValueHeaders"],
        json!({"X-Trace": ["1", "2"], "Via": ["a"], "Latin": ["\u{fffd}"]})
    );
    let http = event_of(Version::V2, &call);
    assert_eq!(http["headers"], json!({"x-trace": "1,2", "via": "a", "latin": "\u{fffd}"}));
}

#[test]
fn cookies_are_a_list_of_their_own_in_2_0() {
    let headers: &[(&str, &[u8])] = &[("Cookie", b"a=1;b=2; ;"), ("COOKIE", b"c=3")];
    let call = Call { headers, ..bare() };
    let http = event_of(Version::V2, &call);
    assert_eq!(http["cookies"], json!(["a=1", "b=2", "c=3"]));
    assert_eq!(http["headers"], json!({}));
    let rest = event_of(Version::V1, &call);
    assert_eq!(rest["multiValueHeaders"], json!({"Cookie": ["a=1;b=2; ;", "c=3"]}));
    assert_eq!(rest.get("cookies"), None);
}

#[test]
fn a_body_that_is_no_text_is_base64() {
    let check = |body: &[u8], expected: Option<&str>, is_base64: bool| {
        for version in BOTH {
            let event = event_of(version, &Call { body, ..bare() });
            assert_eq!(event["body"].as_str(), expected, "{body:?}");
            assert_eq!(event["isBase64Encoded"], is_base64, "{body:?}");
        }
    };
    check(b"", None, false);
    check(b"{\"a\": 1.0}\r\n", Some("{\"a\": 1.0}\r\n"), false);
    check("Grüße".as_bytes(), Some("Grüße"), false);
    check(b"\0", Some("\0"), false);
    check(b"\xff\x00", Some("/wA="), true);
    check(b"a\xc3", Some("YcM="), true);
}

#[test]
fn an_event_over_the_quota_is_refused_with_its_size() {
    let check = |body: &[u8], expected: Option<usize>| {
        for version in BOTH {
            let event = lambda::event(version, &Call { body, ..bare() });
            let refused = event.err().map(|EventTooLarge { bytes }| bytes);
            assert_eq!(refused.is_some(), expected.is_some(), "{} {version:?}", body.len());
            assert!(refused >= expected, "{refused:?} {expected:?}");
        }
    };
    check(&vec![b'x'; PAYLOAD_BYTES_MAX - 2_048], None);
    check(&vec![b'x'; PAYLOAD_BYTES_MAX], Some(PAYLOAD_BYTES_MAX + 1));
    check(&vec![b'x'; PAYLOAD_BYTES_MAX + 1], Some(PAYLOAD_BYTES_MAX + 1));
    // What is short as it came grows by its escapes, or as base64.
    check(&vec![b'"'; PAYLOAD_BYTES_MAX / 2 + 1], Some(PAYLOAD_BYTES_MAX + 1));
    check(&vec![0xff; PAYLOAD_BYTES_MAX / 4 * 3 + 3], Some(PAYLOAD_BYTES_MAX + 1));
    let text = EventTooLarge { bytes: 7_000_000 }.to_string();
    assert!(text.contains("7000000") && text.contains("6291456"), "{text}");
}

#[test]
fn the_value_of_an_api_key_is_not_in_the_event() {
    let call = Call { api_key_id: Some("key_1"), ..bare() };
    let identity = event_of(Version::V1, &call)["requestContext"]["identity"].clone();
    assert_eq!(identity["apiKeyId"], "key_1");
    assert_eq!(identity.get("apiKey"), None);
    assert!(!event_of(Version::V2, &call).to_string().contains("key_1"));
}

#[test]
fn a_token_without_claims_or_scopes_is_still_an_authorizer() {
    let claims = Map::new();
    let authorizer = Some(Authorizer { claims: &claims, scopes: &[] });
    let call = Call { authorizer, ..bare() };
    let expected = json!({"claims": {}, "scopes": null});
    let rest = event_of(Version::V1, &call);
    assert_eq!(rest["requestContext"]["authorizer"], expected);
    let http = event_of(Version::V2, &call);
    assert_eq!(http["requestContext"]["authorizer"], json!({"jwt": expected}));
}

#[test]
fn a_named_stage_stands_before_the_path_in_2_0_only() {
    let call = Call { stage: "prod", route_method: None, ..bare() };
    let http = event_of(Version::V2, &call);
    assert_eq!(http["rawPath"], "/prod/orders");
    assert_eq!(http["requestContext"]["http"]["path"], "/prod/orders");
    assert_eq!(http["routeKey"], "ANY /orders");
    let rest = event_of(Version::V1, &call);
    assert_eq!(rest["path"], "/tires/orders");
    assert_eq!(rest["requestContext"]["stage"], "prod");
}

#[test]
fn a_path_parameter_may_hold_a_rest_of_the_path() {
    let call = Call { path_parameters: &[("proxy", "a/b%2Fc+d")], ..bare() };
    for version in BOTH {
        assert_eq!(event_of(version, &call)["pathParameters"], json!({"proxy": "a/b/c+d"}));
    }
}

#[test]
fn any_moment_has_a_time() {
    let check = |received_ms: i64, expected: &str| {
        let call = Call { received_ms, ..bare() };
        let rest = event_of(Version::V1, &call)["requestContext"].clone();
        assert_eq!(rest["requestTime"], expected);
        assert_eq!(rest["requestTimeEpoch"], received_ms);
        let http = event_of(Version::V2, &call)["requestContext"].clone();
        assert_eq!(http["time"], expected);
        assert_eq!(http["timeEpoch"], received_ms);
    };
    check(0, "01/Jan/1970:00:00:00 +0000");
    check(1_709_251_199_999, "29/Feb/2024:23:59:59 +0000");
    check(i64::MAX, "01/Jan/1970:00:00:00 +0000");
}
