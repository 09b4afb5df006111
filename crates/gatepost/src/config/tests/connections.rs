//! Connections and what calls carry.

use model::{Auth, ClientAuth, ClientProof, ConnectionTls, Method, Parameter, SecretSource};

use super::{only, read_with};

/// What a connection of these keys is refused with.
fn refused(keys: &str) -> String {
    only(read_with(&format!("connections:\n  c: {keys}\n"))).2
}

/// A connection's `oauth` of these keys beside those that it must have.
fn oauth(keys: &str) -> String {
    format!("{{ oauth: {{ token_url: https://a.example/t, client_id: acme, {keys} }} }}")
}

/// The reserved headers of EventBridge's API destinations, and of its `If-*` those that there are.
const RESERVED: &str = "User-Agent Range Host Content-Length Connection TE Trailer \
    Transfer-Encoding Upgrade Via Expect Forwarded From Date Cache-Control Accept-Charset \
    Accept-Datetime Accept-Encoding Content-Encoding Content-MD5 HTTP2-Settings Max-Forwards Origin \
    Pragma Proxy-Authorization Referer Warning A-IM If-Match If-None-Match If-Modified-Since \
    If-Unmodified-Since If-Range If-Schedule-Tag-Match";

#[test]
fn no_reserved_header_can_be_set_anywhere() {
    for header in
        RESERVED.split_whitespace().flat_map(|name| [name.to_owned(), name.to_lowercase()])
    {
        let expected = format!("the header `{header}` may not be set");
        let set = format!("headers: {{ {header}: x }}");
        let secret = format!("headers: {{ {header}: {{ env: X }} }}");
        let key = format!("{{ api_key: {{ header: {header}, value: {{ env: X }} }} }}");
        for keys in [format!("{{ {set} }}"), format!("{{ {secret} }}"), key] {
            assert_eq!(refused(&keys), expected, "{keys}");
        }
        assert_eq!(refused(&oauth(&format!("client_secret: {{ env: X }}, {set}"))), expected);
        let destination = format!("destinations:\n  d: {{ request: GET http://x, {set} }}\n");
        assert_eq!(only(read_with(&destination)).2, expected);
    }
}

#[test]
fn what_says_which_call_it_is_can_be_set_by_nobody() {
    for header in ["Idempotency-Key", "gatepost-replay", "TRACEPARENT", "traceparent"] {
        let expected = format!("the header `{header}` is made for each call");
        let key = format!("{{ api_key: {{ header: {header}, value: {{ env: X }} }} }}");
        for keys in [format!("{{ headers: {{ {header}: x }} }}"), key] {
            assert_eq!(refused(&keys), expected, "{keys}");
        }
        let destination = format!(
            "destinations:\n  d: {{ request: GET http://x, headers: {{ {header}: x }} }}\n"
        );
        assert_eq!(only(read_with(&destination)).2, expected);
    }
}

#[test]
fn a_secret_that_can_be_read_on_the_way_is_warned_of() {
    let warnings = |text: &str| {
        let warnings = read_with(text).unwrap().warnings;
        warnings.iter().filter(|warning| warning.message.contains("on the way")).count()
    };
    let sent = |connection: &str, url: &str, more: &str| {
        warnings(&format!(
            "connections: {{ c: {connection} }}
destinations: {{ d: {{ request: \"POST {url}\", connection: c {more} }} }}
"
        ))
    };
    let key = "{ api_key: { header: x-key, value: { env: X } } }";
    let far = "http://a.example/x";
    for (connection, url, more, expected) in [
        (key, far, "", 1),
        ("{ query: { k: { env: X } } }", far, "", 1),
        (key, "http://8.8.8.8:80/x", "", 1),
        (key, "http://[2001:4860:4860::8888]/x", "", 1),
        (key, far, ", allow_private: [10.0.0.0/8]", 0),
        ("{ query: { k: x } }", far, "", 0),
        (key, "https://a.example/x", "", 0),
    ] {
        assert_eq!(sent(connection, url, more), expected, "{connection} {url} {more}");
    }
    for near in ["10.0.0.1", "127.0.0.1:80", "[::1]", "tires", "localhost:80", "a.INTERNAL"] {
        assert_eq!(sent(key, &format!("http://{near}/x"), ""), 0, "{near}");
    }
    let oauth = |url: &str| {
        let client = "client_id: acme, client_secret: { env: X }";
        warnings(&format!("connections: {{ c: {{ oauth: {{ token_url: {url}, {client} }} }} }}\n"))
    };
    assert_eq!((oauth("http://a.example/t"), oauth("https://a.example/t")), (1, 0));
    assert_eq!(oauth("http://127.0.0.1:7400/t"), 0);
}

#[test]
fn parameters_are_few_and_their_values_short() {
    let many = |count: usize| -> String {
        let all: Vec<_> = (0..count).map(|number| format!("p{number}: x")).collect();
        format!("{{ {} }}", all.join(", "))
    };
    for section in ["headers", "query", "body"] {
        let keys = |value: String| format!("{{ {section}: {value} }}");
        assert_eq!(refused(&keys(many(101))), format!("`{section}` has 101 entries"));
        assert!(read_with(&format!("connections:\n  c: {}\n", keys(many(100)))).is_ok());
        let value = |length: usize| keys(format!("{{ p: {} }}", "v".repeat(length)));
        assert_eq!(refused(&value(513)), "this value has 513 bytes");
        assert!(read_with(&format!("connections:\n  c: {}\n", value(512))).is_ok());
    }
    let destination =
        format!("destinations:\n  d: {{ request: GET http://x, query: {} }}", many(101));
    assert_eq!(only(read_with(&destination)).2, "`query` has 101 entries");
    assert_eq!(refused("{ query: { \"a\\nb\": x } }"), "this is not a parameter's name");
    let target = |keys: &str| {
        let file = format!(
            "buses:\n  b:\n    rules:\n      r:\n        when: {{ source: [a] }}\n        \
             send: [{{ to: d, {keys} }}]\ndestinations:\n  d: {{ request: GET https://a.example }}\n"
        );
        read_with(&file)
    };
    assert!(target("headers: { x-a: $.id, x-b: $b }, query: { c: '$.detail.d[0]' }").is_ok());
    for (keys, message) in [
        ("headers: { x-a: '$.a[x]' }", "no index at character 5"),
        ("query: { a: $. }", "no name at character"),
        ("headers: { Host: a }", "the header `Host` may not be set"),
        ("headers: { x-a: b, X-A: c }", "the header `X-A` is there twice"),
        ("query: { api_key: b }", "`api_key` is a secret, and belongs in a connection"),
    ] {
        let found = only(target(keys)).2;
        assert!(found.contains(message), "{keys}: {found}");
    }
    assert_eq!(only(target(&format!("query: {}", many(101)))).2, "`query` has 101 entries");
    assert_eq!(refused("{ body: { a: \"x\\ny\" } }"), "this is not a parameter's value");
}

#[test]
fn a_parameter_that_is_a_secret_is_a_reference() {
    let secret = "`Token` is a secret, and a secret may not stand in the file";
    for section in ["query", "body"] {
        assert_eq!(refused(&format!("{{ {section}: {{ Token: hunter2 }} }}")), secret);
        let report =
            read_with(&format!("connections: {{ c: {{ {section}: {{ token: hunter2 }} }} }}"));
        assert!(!report.unwrap_err().render(false, 100).contains("hunter2"));
    }
    let destination =
        "destinations:\n  d: { request: GET http://x, query: { api_key: hunter2 } }\n";
    let expected = "`api_key` is a secret, and belongs in a connection";
    assert_eq!(only(read_with(destination)).2, expected);
}

#[test]
fn a_connection_is_read_whole() {
    let loaded = read_with(
        "connections:
  c:
    oauth:
      token_url: https://a.example/t
      client_id: acme
      private_key: { kept: acme-key }
      key_id: k1
      assertion_audience: https://a.example
      method: PUT
      headers: { X-Tenant: t }
      query: { q: 1 }
      body: { audience: https://api.example, resource: { env: R } }
    tls: { certificate: { file: a.crt }, key: { credential: a.key }, ca: ca.pem }
    query: { tenant: 007 }
    body: { site: { file: site } }
destinations:
  d:
    request: POST https://b.example/x?y=1
    connection: c
    query: { version: 2 }
    timeout: 2s
    first_byte_timeout: 500ms
  e: { request: POST https://b.example/x, connect_timeout: 1s }
",
    );
    let defined = loaded.unwrap().definitions;
    let connection = &defined.connections["c"];
    let Auth::OAuth(oauth) = &connection.auth else { panic!("{connection:?}") };
    let ClientProof::PrivateKey(proof) = &oauth.proof else { panic!("{oauth:?}") };
    assert_eq!(proof.key.to_string(), "Gatepost's keeping (acme-key)");
    assert_eq!(proof.key_id.as_deref(), Some("k1"));
    assert_eq!(proof.audience.as_deref(), Some("https://a.example"));
    assert_eq!((oauth.method, oauth.body.len()), (Method::Put, 2));
    assert_eq!(oauth.headers, [("x-tenant".to_owned(), Parameter::Plain("t".to_owned()))]);
    assert_eq!(connection.query, [("tenant".to_owned(), Parameter::Plain("007".to_owned()))]);
    let file = |name: &str| SecretSource::File(format!("/etc/gatepost/{name}").into());
    assert_eq!(connection.body, [("site".to_owned(), Parameter::Secret(file("site")))]);
    let ConnectionTls { identity: Some(identity), authorities } = &connection.tls else {
        panic!("{connection:?}")
    };
    assert_eq!(identity.certificates, file("a.crt"));
    assert_eq!(authorities.as_ref().unwrap().to_str(), Some("/etc/gatepost/ca.pem"));
    assert_eq!(defined.secrets().len(), 5);
    let bounds = |name: &str| {
        let destination = &defined.destinations[name];
        let parts = (destination.connect_timeout_ms, destination.first_byte_timeout_ms);
        (destination.timeout_ms, parts)
    };
    assert_eq!(bounds("d"), (2_000, (2_000, 500)));
    assert_eq!(bounds("e"), (10_000, (1_000, 10_000)));
    assert_eq!(defined.destinations["d"].query, [("version".to_owned(), "2".to_owned())]);
}

#[test]
fn a_client_proves_itself_in_one_way() {
    let secret = "client_secret: { env: X }";
    for (keys, message) in [
        ("", "neither `client_secret` nor `private_key` is there"),
        (
            "client_secret: { env: X }, private_key: { env: Y }",
            "`client_secret` and `private_key` exclude each other",
        ),
        (
            "private_key: { env: X }, client_auth: body",
            "`client_auth` is how a secret is sent, and a private key is not sent",
        ),
        (
            "client_secret: { env: X }, key_id: k",
            "`key_id` is of assertions, and no `private_key` signs one",
        ),
        (
            "client_secret: { env: X }, assertion_audience: a",
            "`assertion_audience` is of assertions, and no `private_key` signs one",
        ),
        (
            "client_secret: { env: X }, client_auth: body, method: GET",
            "a GET has no body, and a secret in a query is logged on its way",
        ),
        ("client_secret: { env: X }, method: GET, body: { a: b }", "a GET has no body"),
        (
            "client_secret: { env: X }, body: { Grant_Type: password }",
            "`Grant_Type` of the token request is made for it",
        ),
        (
            "client_secret: { env: X }, query: { client_assertion: x }",
            "`client_assertion` of the token request is made for it",
        ),
        (
            "client_secret: { env: X }, headers: { content-type: text/plain }",
            "`content-type` of the token request is made for it",
        ),
        ("client_secret: { env: X }, method: DELETE", "`DELETE` is not known here"),
    ] {
        assert_eq!(refused(&oauth(keys)), message, "{keys}");
    }
    let loaded = read_with(&format!("connections:\n  c: {}\n", oauth(secret))).unwrap();
    let Auth::OAuth(oauth) = &loaded.definitions.connections["c"].auth else { panic!() };
    assert!(matches!(oauth.proof, ClientProof::Secret { by: ClientAuth::Basic, .. }));
    assert_eq!(oauth.method, Method::Post);
}

#[test]
fn a_certificate_has_its_key_and_bounds_are_within_the_whole() {
    for (keys, message) in [
        ("{ tls: { certificate: { file: a } } }", "there is a `certificate` and no `key`"),
        ("{ tls: { key: { file: a } } }", "there is a `key` and no `certificate`"),
        ("{ tls: { ca: \"\" } }", "this text is empty"),
        (
            "{ tls: { certificate: hunter2, key: { file: a } } }",
            "`certificate` is a secret, and a secret may not stand in the file",
        ),
    ] {
        assert_eq!(refused(keys), message, "{keys}");
    }
    for name in ["connect_timeout", "first_byte_timeout"] {
        let keys = format!("{{ request: GET http://x, timeout: 2s, {name}: 3s }}");
        let message = only(read_with(&format!("destinations:\n  d: {keys}\n"))).2;
        assert_eq!(message, format!("`{name}` is longer than `timeout`, which is 2s"));
    }
    let plain = "connections: { c: { tls: { ca: ca.pem } } }
destinations: { d: { request: GET http://x.example, connection: c } }
";
    let warnings = read_with(plain).unwrap().warnings;
    assert!(warnings[0].message.contains("is of no use"), "{warnings:?}");
}
