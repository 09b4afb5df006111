//! What holds for every request and every answer.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda::{Call, HEADER_BYTES_MAX, HEADERS_MAX, Version, answer};
use proptest::prelude::*;
use serde_json::Value;

use crate::{BOTH, bare, event_of};

/// Queries with many escapes, good and bad, and names that come again.
const QUERY: &str = "([ab&=+%]|%[0-9a-fA-F]{2}|%2[56]|\\PC){0,30}";

/// JSON of any form, whose members often have the names that an answer knows.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (100_i64..700).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[0-9]{1,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        let names = prop_oneof![
            3 => prop::sample::select(&[
                "statusCode",
                "headers",
                "multiValueHeaders",
                "cookies",
                "body",
                "isBase64Encoded",
                "errorType",
                "errorMessage",
                "content-type",
                "connection",
            ][..])
            .prop_map(str::to_owned),
            1 => any::<String>(),
        ];
        let member = (names, inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..5).prop_map(Value::from),
            prop::collection::vec(member, 0..7)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A good answer has only what can be sent.
fn check_answer(version: Version, payload: &[u8]) {
    let Ok(answer) = answer(version, payload, None) else { return };
    assert!((200..=599).contains(&answer.status));
    // A default type may come on top.
    assert!(answer.headers.len() <= HEADERS_MAX + 1);
    let mut bytes = 0;
    for (name, value) in &answer.headers {
        bytes += name.len() + value.len();
        assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()));
        assert!(!name.contains([':', ' ', '"']), "{name}");
        assert_eq!(*name, name.to_ascii_lowercase());
        assert!(!["connection", "content-length", "transfer-encoding"].contains(&name.as_str()));
        assert!(!value.bytes().any(|byte| matches!(byte, 0..=8 | 10..=31 | 127)), "{value:?}");
    }
    assert!(bytes <= HEADER_BYTES_MAX + 64);
}

proptest! {
    #[test]
    fn an_event_is_json_that_holds_the_body(
        texts in prop::collection::vec(any::<String>(), 10),
        query in QUERY,
        lines in prop::collection::vec(("[A-Za-z-]{1,4}", prop::collection::vec(any::<u8>(), 0..8)), 0..8),
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..64),
            any::<String>().prop_map(String::into_bytes),
        ],
        received_ms in any::<i64>(),
    ) {
        let headers: Vec<(&str, &[u8])> =
            lines.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        let parameters = [(texts[0].as_str(), texts[1].as_str())];
        let call = Call {
            method: &texts[2],
            path: &texts[3],
            path_in_api: &texts[4],
            route: &texts[5],
            path_parameters: &parameters,
            query: &query,
            headers: &headers,
            body: &body,
            request_id: &texts[6],
            received_ms,
            domain_name: &texts[7],
            stage: &texts[8],
            user_agent: Some(&texts[9]),
            ..bare()
        };
        for version in BOTH {
            let event = event_of(version, &call);
            let text = event["body"].as_str().unwrap_or_default();
            let held = match event["isBase64Encoded"].as_bool() {
                Some(true) => STANDARD.decode(text).unwrap(),
                _ => text.as_bytes().to_vec(),
            };
            prop_assert_eq!(&held, &body);
        }
    }

    /// A naive twin: each single value is the last of its list, and 2.0 joins the list.
    #[test]
    fn the_maps_of_an_event_agree(query in QUERY) {
        let call = Call { query: &query, ..bare() };
        let rest = event_of(Version::V1, &call);
        let http = event_of(Version::V2, &call);
        let lists = rest["multiValueQueryStringParameters"].as_object().cloned();
        let lists = lists.unwrap_or_default();
        let pieces = query.split('&').filter(|piece| !piece.is_empty()).count();
        let values: usize = lists.values().map(|list| list.as_array().unwrap().len()).sum();
        prop_assert_eq!(values, pieces);
        for (name, list) in &lists {
            let list: Vec<&str> =
                list.as_array().unwrap().iter().map(|value| value.as_str().unwrap()).collect();
            prop_assert_eq!(rest["queryStringParameters"][name].as_str(), list.last().copied());
            let joined = list.join(",");
            prop_assert_eq!(http["queryStringParameters"][name].as_str(), Some(joined.as_str()));
        }
    }

    #[test]
    fn a_value_that_was_encoded_comes_back(value in any::<String>()) {
        let mut encoded = String::new();
        for byte in value.bytes() {
            write!(encoded, "%{byte:02x}").unwrap();
        }
        let query = format!("v={encoded}");
        let parameters = [("v", encoded.as_str())];
        let call = Call { query: &query, path_parameters: &parameters, ..bare() };
        let expected = Value::from(value.as_str());
        for version in BOTH {
            let event = event_of(version, &call);
            prop_assert_eq!(&event["queryStringParameters"]["v"], &expected);
            prop_assert_eq!(&event["pathParameters"]["v"], &expected);
        }
    }

    #[test]
    fn any_bytes_are_judged_without_panic(
        payload in prop::collection::vec(any::<u8>(), 0..200),
        header in prop::option::of(".{0,20}"),
    ) {
        for version in BOTH {
            let judged = answer(version, &payload, header.as_deref());
            prop_assert!(header.is_none() || judged.is_err());
            check_answer(version, &payload);
        }
    }

    #[test]
    fn any_json_is_judged_without_panic(payload in any_json()) {
        let payload = payload.to_string();
        for version in BOTH {
            check_answer(version, payload.as_bytes());
            prop_assert!(answer(version, payload.as_bytes(), Some("Unhandled")).is_err());
        }
    }

    #[test]
    fn an_answer_in_2_0_that_has_no_status_is_its_own_body(payload in any_json()) {
        let is_special = ["statusCode", "errorMessage"].iter().any(|name| {
            payload.get(name).is_some_and(|value| !value.is_null())
        });
        let text = payload.to_string();
        if !is_special {
            let answer = answer(Version::V2, text.as_bytes(), None).unwrap();
            prop_assert_eq!(answer.body, text.into_bytes());
        }
    }
}
