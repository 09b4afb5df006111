//! Answers of functions: which response they are, and which are none.

use lambda::{Answer, BadAnswer, HEADERS_MAX, PAYLOAD_BYTES_MAX, Version, answer};
use serde_json::{Value, json};

use crate::BOTH;

fn read(version: Version, payload: &Value) -> Result<Answer, BadAnswer> {
    answer(version, payload.to_string().as_bytes(), None)
}

/// The header lines of an answer that is good.
fn lines(version: Version, payload: &Value) -> Vec<String> {
    let answer = read(version, payload).unwrap();
    answer.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect()
}

/// Both versions refuse `payload` for the sake of `member`.
fn check_refused(payload: &Value, expected: &str) {
    for version in BOTH {
        check_refused_by(version, payload.to_string().as_bytes(), expected);
    }
}

fn check_refused_by(version: Version, payload: &[u8], expected: &str) {
    let shown = String::from_utf8_lossy(payload);
    let error = answer(version, payload, None).unwrap_err();
    let member = if let BadAnswer::Malformed { member, .. } = error { member } else { "" };
    assert_eq!(member, expected, "{version:?} {shown}: {error}");
}

#[test]
fn an_answer_of_the_format_is_a_response() {
    let payload = json!({
        "statusCode": 201,
        "headers": { "Location": "/orders/7", "Content-Type": "text/html" },
        "body": "<p>ü</p>",
        "isBase64Encoded": false,
    });
    for version in BOTH {
        let answer = read(version, &payload).unwrap();
        assert_eq!((answer.status, answer.body), (201, "<p>ü</p>".as_bytes().to_vec()));
        assert_eq!(lines(version, &payload), ["location: /orders/7", "content-type: text/html"]);
    }
}

#[test]
fn a_status_is_a_whole_number_or_its_digits() {
    for version in BOTH {
        for (status, expected) in
            [(json!(200), 200), (json!(599), 599), (json!("404"), 404), (json!(429), 429)]
        {
            assert_eq!(read(version, &json!({"statusCode": status})).unwrap().status, expected);
        }
    }
    for status in [
        json!(0),
        json!(-200),
        json!(99),
        json!(101),
        json!(199),
        json!(600),
        json!(1000),
        json!(200.0),
        json!(""),
        json!("20x"),
        json!("+20"),
        json!(" 200"),
        json!("200 OK"),
        json!(true),
        json!([200]),
        json!({}),
    ] {
        check_refused(&json!({ "statusCode": status }), "statusCode");
    }
    for payload in [json!({}), json!({"body": "x"}), json!({"statusCode": null})] {
        check_refused_by(Version::V1, payload.to_string().as_bytes(), "statusCode");
    }
}

#[test]
fn headers_of_both_members_are_one_list() {
    let check = |single: Value, multi: Value, expected: &[&str]| {
        let payload = json!({"statusCode": 200, "headers": single, "multiValueHeaders": multi});
        for version in BOTH {
            assert_eq!(lines(version, &payload), expected, "{payload}");
        }
    };
    check(json!({"A": "1"}), json!({"b": ["2", "3"]}), &["b: 2", "b: 3", "a: 1"]);
    // One pair in both comes once, another value is one more line.
    check(json!({"a": "1"}), json!({"A": ["0", "1"]}), &["a: 0", "a: 1"]);
    check(json!({"a": "2"}), json!({"A": ["1"]}), &["a: 1", "a: 2"]);
    // Of types there is one.
    check(json!({"Content-Type": "a/b"}), json!({"content-type": ["c/d"]}), &["content-type: c/d"]);
    check(json!({"a": 1, "b": true, "c": null}), Value::Null, &["a: 1", "b: true"]);
    check(Value::Null, json!({"a": [], "b": null, "c": [null, 7]}), &["c: 7"]);
    check(json!({"a": " x\t"}), Value::Null, &["a: x"]);
}

#[test]
fn what_frames_a_message_is_not_the_functions_and_the_rest_keeps_its_name() {
    let payload = json!({
        "statusCode": 401,
        "headers": {
            "Connection": "close",
            "Transfer-Encoding": "chunked",
            "Content-Length": 7,
            "Keep-Alive": "timeout=5",
            "Trailer": "x",
            "TE": "trailers",
            "Upgrade": "h2c",
            "Host": "elsewhere",
            "Proxy-Authenticate": "Basic",
            "WWW-Authenticate": "Bearer",
            "Server": "mine",
            "Date": "Thu, 09 Apr 2026 12:34:56 GMT",
        },
    });
    let expected =
        ["www-authenticate: Bearer", "server: mine", "date: Thu, 09 Apr 2026 12:34:56 GMT"];
    for version in BOTH {
        assert_eq!(lines(version, &payload), expected);
    }
}

#[test]
fn cookies_become_set_cookie_in_2_0_and_are_unknown_in_1_0() {
    let payload = json!({"statusCode": 200, "cookies": ["a=1; Secure", "b=2"]});
    let expected = ["set-cookie: a=1; Secure", "set-cookie: b=2"];
    assert_eq!(lines(Version::V2, &payload), expected);
    check_refused_by(Version::V1, payload.to_string().as_bytes(), "it");
    for cookies in [json!("a=1"), json!({"a": "1"}), json!(["a\r\nb: 1"]), json!([1])] {
        let payload = json!({"statusCode": 200, "cookies": cookies});
        check_refused_by(Version::V2, payload.to_string().as_bytes(), "cookies");
    }
}

#[test]
fn headers_that_are_none_are_refused() {
    for headers in [
        json!([]),
        json!("a: 1"),
        json!({"a": ["1"]}),
        json!({"a": {}}),
        json!({"": "1"}),
        json!({"a b": "1"}),
        json!({"a:": "1"}),
        json!({"ü": "1"}),
        json!({"a": "1\r\nset-cookie: b=2"}),
        json!({"a": "1\n"}),
        json!({"a": "\u{0}"}),
        json!({"a": "\u{7f}"}),
        // Also where the header would be dropped.
        json!({"connection": "a\nb"}),
    ] {
        check_refused(&json!({"statusCode": 200, "headers": headers}), "headers");
    }
    for headers in [json!([]), json!({"a": "1"}), json!({"a": [["1"]]}), json!({"a": ["\n"]})] {
        let payload = json!({"statusCode": 200, "multiValueHeaders": headers});
        check_refused(&payload, "multiValueHeaders");
    }
}

#[test]
fn headers_have_a_bound() {
    let count =
        |count: usize| json!({"statusCode": 200, "multiValueHeaders": {"a": vec![""; count]}});
    let bytes = |bytes: usize| json!({"statusCode": 200, "headers": {"a": "x".repeat(bytes)}});
    for version in BOTH {
        assert_eq!(lines(version, &count(HEADERS_MAX)).len(), HEADERS_MAX);
        assert_eq!(lines(version, &bytes(16_383)).len(), 1);
    }
    check_refused(&count(HEADERS_MAX + 1), "headers");
    check_refused(&bytes(16_384), "headers");
    check_refused(&count(1_000_000), "multiValueHeaders");
}

#[test]
fn a_body_is_a_string_or_its_base64() {
    let check = |body: Value, is_base64: Value, expected: &[u8]| {
        let payload = json!({"statusCode": 200, "body": body, "isBase64Encoded": is_base64});
        for version in BOTH {
            assert_eq!(read(version, &payload).unwrap().body, expected, "{payload}");
        }
    };
    check(json!("x"), json!(false), b"x");
    check(json!("x"), Value::Null, b"x");
    check(json!("/wA="), json!(true), b"\xff\x00");
    check(json!("/wA"), json!(true), b"\xff\x00");
    check(json!("/wA="), json!(false), b"/wA=");
    check(Value::Null, json!(true), b"");
    for body in [json!({}), json!([]), json!(1), json!(true)] {
        check_refused(&json!({"statusCode": 200, "body": body}), "body");
    }
    let payload = json!({"statusCode": 200, "body": "no base64!", "isBase64Encoded": true});
    check_refused(&payload, "body");
    for is_base64 in [json!("true"), json!(1), json!([])] {
        let payload = json!({"statusCode": 200, "isBase64Encoded": is_base64});
        check_refused(&payload, "isBase64Encoded");
    }
}

#[test]
fn a_status_without_a_body_has_none() {
    for status in [204, 205, 304] {
        let payload = json!({"statusCode": status, "body": "x", "headers": {"etag": "\"1\""}});
        for version in BOTH {
            assert_eq!(read(version, &payload).unwrap().body, b"", "{status}");
            assert_eq!(lines(version, &payload), ["etag: \"1\""], "{status}");
        }
    }
}

#[test]
fn a_body_always_has_a_type() {
    let payload = json!({"statusCode": 200, "body": "x"});
    assert_eq!(lines(Version::V1, &payload), ["content-type: application/json"]);
    assert_eq!(lines(Version::V2, &payload), ["content-type: text/plain; charset=utf-8"]);
    let none: [&str; 0] = [];
    for version in BOTH {
        assert_eq!(lines(version, &json!({"statusCode": 200, "body": ""})), none);
    }
}

#[test]
fn without_a_status_all_is_the_body_in_2_0_as_it_is_spelled() {
    for text in [
        r#"{"a": 1.00, "b": [1e400, 12345678901234567890123]}"#,
        r#"{"body": 7, "headers": "x"}"#,
        r#"{"statusCode": null}"#,
        r#"{"errorMessage": "mine"}"#,
        r#"{"\ud800": 1}"#,
        "[1, 2]",
        r#""Hello""#,
        "null",
        "17",
    ] {
        let answer = answer(Version::V2, format!(" {text}\n").as_bytes(), None).unwrap();
        assert_eq!((answer.status, answer.body), (200, text.as_bytes().to_vec()));
        let line = ("content-type".to_owned(), "application/json".to_owned());
        assert_eq!(answer.headers, [line]);
    }
}

#[test]
fn format_1_0_takes_its_members_and_no_others() {
    for text in ["null", "[]", "[200]", "\"x\"", "7"] {
        check_refused_by(Version::V1, text.as_bytes(), "it");
    }
    let check = |payload: Value, is_taken: bool| {
        assert_eq!(read(Version::V1, &payload).is_ok(), is_taken, "{payload}");
        assert!(read(Version::V2, &payload).is_ok(), "{payload}");
    };
    check(json!({"statusCode": 200, "statusText": "OK"}), false);
    check(json!({"statusCode": 200, "multivalueheaders": {}}), false);
    check(json!({"statusCode": 200, "statusText": null, "cookies": null}), true);
}

#[test]
fn what_is_no_json_is_no_answer() {
    for payload in [&b""[..], b"{", b"{} {}", b"Task timed out after 3.00 seconds", b"\"\xff\""] {
        for version in BOTH {
            check_refused_by(version, payload, "it");
        }
    }
}

#[test]
fn an_answer_over_the_quota_is_refused() {
    let payload = vec![b' '; PAYLOAD_BYTES_MAX + 1];
    for version in BOTH {
        let error = answer(version, &payload, None).unwrap_err();
        assert_eq!(error, BadAnswer::TooLarge { bytes: PAYLOAD_BYTES_MAX + 1 });
    }
}

#[test]
fn a_functions_error_is_told_bounded_and_on_one_line() {
    let check = |payload: &str, header: Option<&str>, kind: &str, message: &str| {
        let expected = BadAnswer::Function { kind: kind.to_owned(), message: message.to_owned() };
        for version in BOTH {
            let error = answer(version, payload.as_bytes(), header).unwrap_err();
            assert_eq!(error, expected, "{payload}");
        }
    };
    let payload = r#"{"errorType": "KeyError", "errorMessage": "'id'", "stackTrace": ["x"]}"#;
    check(payload, Some("Unhandled"), "KeyError", "'id'");
    // A runtime that does not send the header.
    check(payload, None, "KeyError", "'id'");
    check(r#"{"errorMessage": "timed out"}"#, Some("Unhandled"), "Unhandled", "timed out");
    check(r#"{"errorMessage": "a\r\nb"}"#, Some("Handled"), "Handled", "a  b");
    check(r#"{"errorMessage": 7, "secret": 8}"#, Some("Handled"), "Handled", "no errorMessage");
    check("not JSON", Some("Unhandled"), "Unhandled", "no errorMessage");
    check(r#"{"statusCode": 200}"#, Some("Unhandled"), "Unhandled", "no errorMessage");
    let long = json!({"errorType": "E".repeat(200), "errorMessage": "ü".repeat(600)}).to_string();
    check(&long, Some("Unhandled"), &"E".repeat(128), &"ü".repeat(512));
}

#[test]
fn refusals_show_nothing_of_the_answer() {
    let payload = json!({"statusCode": 200, "headers": {"x": "hush\n"}, "body": "hush"});
    for version in BOTH {
        let error = read(version, &payload).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hush"), "{error}");
    }
    let payload = json!({"statusCode": 200, "headers": {"x": "hush"}, "body": "hush"});
    let answer = read(Version::V1, &payload).unwrap();
    assert!(!format!("{answer:?}").contains("hush"), "{answer:?}");
}
