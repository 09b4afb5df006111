//! The parts of a request that come from the event.

use serde_json::value::RawValue;
use transform::{FillError, Filled, UrlError, UrlTemplate, forbidden_header, value_text};

fn fill(url: &str, values: &[&str]) -> Result<String, FillError> {
    let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
    UrlTemplate::parse(url).expect("a URL of the table").fill(&values)
}

fn fills(url: &str, values: &[&str], expected: &str) {
    assert_eq!(fill(url, values).as_deref(), Ok(expected), "{url}");
}

fn refused(url: &str, expected: &UrlError, message: &str) {
    let error = UrlTemplate::parse(url).expect_err(url);
    assert_eq!(&error, expected, "{url}");
    assert!(error.to_string().contains(message), "{url}: {error}");
}

#[test]
fn each_star_takes_one_value() {
    fills("https://a.example/orders", &[], "https://a.example/orders");
    fills("https://a.example/orders/*", &["42"], "https://a.example/orders/42");
    fills("http://127.0.0.1:7300/*/o-*/x", &["a", "b"], "http://127.0.0.1:7300/a/o-b/x");
    fills("https://a.example/**", &["a", "b"], "https://a.example/ab");
    fills("https://a.example/*?q=*&r=%20", &["a", "b&c"], "https://a.example/a?q=b%26c&r=%20");
    fills("https://[::1]:8443/*", &["*"], "https://[::1]:8443/%2A");
    let url = UrlTemplate::parse("https://a.example/*/x/*").expect("a URL");
    assert_eq!(url.parameters(), 2);
    assert_eq!(url.as_str(), "https://a.example/*/x/*");
    assert_eq!(url.to_string(), url.as_str());
}

#[test]
fn a_value_stays_in_its_segment() {
    let check = |value: &str, expected: &str| {
        fills("https://a.example/o/*/x", &[value], &format!("https://a.example/o/{expected}/x"));
    };
    check("AZaz09-._~", "AZaz09-._~");
    check("a/b", "a%2Fb");
    check("../x", "..%2Fx");
    check("...", "...");
    check("a b", "a%20b");
    check("a?b#c", "a%3Fb%23c");
    check("50%", "50%25");
    check("%2e%2e", "%252e%252e");
    check("a:b@c;d=e+f,g", "a%3Ab%40c%3Bd%3De%2Bf%2Cg");
    check("é😀", "%C3%A9%F0%9F%98%80");
    check("a\r\nb\0", "a%0D%0Ab%00");
    check("\\", "%5C");
}

#[test]
fn a_value_that_names_another_path_is_refused() {
    let url = "https://a.example/o/*/*";
    assert_eq!(fill(url, &["a", ""]), Err(FillError::Empty { position: 2 }));
    assert_eq!(fill(url, &[".", "b"]), Err(FillError::DotSegment { position: 1 }));
    assert_eq!(fill(url, &["a", ".."]), Err(FillError::DotSegment { position: 2 }));
    assert_eq!(fill(url, &["a"]), Err(FillError::Count { wanted: 2, given: 1 }));
    assert_eq!(fill(url, &["a", "b", "c"]), Err(FillError::Count { wanted: 2, given: 3 }));
    let error = FillError::DotSegment { position: 2 }.to_string();
    assert!(error.contains("path parameter 2 is `.` or `..`"), "{error}");
}

#[test]
fn a_url_is_absolute_and_its_host_fixed() {
    refused("", &UrlError::Scheme, "`https://`");
    refused("a.example/x", &UrlError::Scheme, "`https://`");
    refused("ftp://a.example/x", &UrlError::Scheme, "`https://`");
    refused("https:a.example", &UrlError::Scheme, "`https://`");
    refused("https://", &UrlError::Host, "no host");
    refused("https:///x", &UrlError::Host, "no host");
    refused("https://:443/x", &UrlError::Host, "no host");
    refused("https://*.example/x", &UrlError::StarInHost, "use it in the path");
    refused("https://a.example:*/x", &UrlError::StarInHost, "use it in the path");
    refused("https://u:p@a.example/x", &UrlError::Credentials, "connection");
    let at = |position, found| UrlError::Character { position, found };
    refused("https://a.example/a b", &at(20, ' '), "character 20");
    refused("https://a.example/{id}", &at(19, '{'), "a path parameter as `*`");
    refused("https://a.example/x#y", &at(20, '#'), "percent-encode");
    refused("https://a.example/é", &at(19, 'é'), "percent-encode");
    refused("https://a.example/\r\n", &at(19, '\r'), "'\\r'");
}

#[test]
fn a_url_has_a_longest_length() {
    let url = |chars: usize| format!("https://a.example/{}", "x".repeat(chars - 18));
    assert!(UrlTemplate::parse(&url(2_048)).is_ok());
    refused(&url(2_049), &UrlError::TooLong { chars: 2_049 }, "at most 2048");
}

#[test]
fn texts_numbers_and_booleans_have_a_text() {
    let check = |json: &str, expected: Option<&str>| {
        let value: &RawValue = serde_json::from_str(json).expect("JSON");
        assert_eq!(value_text(value).as_deref(), expected, "{json}");
    };
    check(r#""a \"b\"""#, Some("a \"b\""));
    check(r#""""#, Some(""));
    check(r#""\u00e9\/\ud83d\ude00\u0000""#, Some("é/😀\0"));
    check("42", Some("42"));
    check("-1.5", Some("-1.5"));
    check(" 1.10 ", Some("1.10"));
    check("1E2", Some("1E2"));
    check("1e400", Some("1e400"));
    check("123456789012345678901234567890", Some("123456789012345678901234567890"));
    check("true", Some("true"));
    check("false", Some("false"));
    check("null", None);
    check("[1]", None);
    check(r#"{"a": 1}"#, None);
}

#[test]
fn a_value_is_a_text_or_what_the_event_has_at_a_path() {
    let check = |source: &str, expected: Option<&str>| {
        let event = r#"{"id": "é", "detail": {"n": 1.50, "list": ["a"], "none": null}}"#;
        let value = Filled::parse(source).expect(source);
        assert_eq!(value.value(event).as_deref(), expected, "{source}");
    };
    check("ljg", Some("ljg"));
    check("", Some(""));
    check("$", Some("$"));
    check("$5", Some("$5"));
    check("a $.id", Some("a $.id"));
    check("$.id", Some("é"));
    check("$.detail.n", Some("1.50"));
    check("$.detail.list[0]", Some("a"));
    check("$.detail.list", None);
    check("$.detail.none", None);
    check("$.detail.other", None);
    assert!(Filled::parse("$.").is_err());
    assert!(Filled::parse("$.a[x]").is_err());
}

// The list of EventBridge's API destinations.
#[test]
fn some_headers_are_never_settable() {
    for name in [
        "User-Agent",
        "Range",
        "Host",
        "Content-Length",
        "Connection",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
        "Via",
        "Expect",
        "Forwarded",
        "From",
        "Date",
        "Cache-Control",
        "Accept-Charset",
        "Accept-Datetime",
        "Accept-Encoding",
        "Content-Encoding",
        "Content-MD5",
        "HTTP2-Settings",
        "Max-Forwards",
        "Origin",
        "Pragma",
        "Proxy-Authorization",
        "Referer",
        "Warning",
        "A-IM",
        "If-Match",
        "If-None-Match",
        "If-Modified-Since",
        "If-Anything",
    ] {
        for spelt in [name.to_owned(), name.to_lowercase(), name.to_uppercase()] {
            assert!(forbidden_header(&spelt), "{spelt}");
        }
    }
    for name in ["Content-Type", "Accept", "Authorization", "X-Host", "Hosts", "If", "Iff-X", "é"]
    {
        assert!(!forbidden_header(name), "{name}");
    }
}
