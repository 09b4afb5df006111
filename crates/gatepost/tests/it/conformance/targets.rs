//! Methods, request targets, versions and `Host` (RFC 9110 §7, §9; RFC 9112 §2, §3).

use super::row::Claim::{Body, Has, Lacks, Start};
use super::row::{GET, Next, OK, Row, declined, may_pass, passes, refused};

const PLAIN: &str = "GET /up/a HTTP/1.1";

pub(super) const METHODS: &[Row] = &[
    passes(
        "9110 §9.3.1 GET",
        &[GET, b"\r\n"],
        &[Start(PLAIN), Lacks("content-length"), Lacks("transfer-encoding")],
    )
    .gets(&[Start("HTTP/1.1 200 OK"), Body(b"ok")]),
    passes(
        "9110 §9.3.2 HEAD",
        &[b"HEAD /t/a HTTP/1.1\r\nHost: gate\r\n\r\n"],
        &[Start("HEAD /up/a HTTP/1.1")],
    )
    .replied(&[OK, b"content-length: 2\r\n\r\n"]),
    passes(
        "9110 §9.3.7 OPTIONS",
        &[b"OPTIONS /t/a HTTP/1.1\r\nHost: gate\r\n\r\n"],
        &[Start("OPTIONS /up/a HTTP/1.1")],
    ),
    declined(
        "9110 §9.1 a method nobody knows",
        &[405, 501],
        &[b"PURGE /t/a HTTP/1.1\r\nHost: gate\r\n\r\n"],
    ),
    declined(
        "9110 §9.1 methods are case-sensitive",
        &[400, 405, 501],
        &[b"get /t/a HTTP/1.1\r\nHost: gate\r\n\r\n"],
    ),
    declined(
        "9110 §9.3.6 CONNECT to an authority",
        &[400, 404, 405, 501],
        &[b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n"],
    ),
    declined(
        "9110 §9.3.6 CONNECT to a path",
        &[400, 405, 501],
        &[b"CONNECT /t/a HTTP/1.1\r\nHost: gate\r\n\r\n"],
    ),
    declined(
        "9110 §9.3.8 TRACE shows what was sent to whoever asks",
        &[405, 501],
        &[b"TRACE /t/a HTTP/1.1\r\nHost: gate\r\nCookie: secret\r\n\r\n"],
    ),
    refused(
        "9112 §3.1 a method that is no token",
        &[400, 501],
        &[b"G@T /t/a HTTP/1.1\r\nHost: gate\r\n\r\n"],
    ),
    refused(
        "9112 §3.1 a method with a NUL",
        &[400, 501],
        &[b"GE\0T /t/a HTTP/1.1\r\nHost: gate\r\n\r\n"],
    ),
    refused("9112 §3.1 no method", &[400], &[b" /t/a HTTP/1.1\r\nHost: gate\r\n\r\n"]),
    declined(
        "9112 §3.1 a very long method",
        &[400, 405, 431, 501],
        &[b"@@ /t/a HTTP/1.1\r\nHost: gate\r\n\r\n"],
    )
    .filled(b"A", 70_000),
];

pub(super) const TARGETS: &[Row] = &[
    may_pass(
        "9112 §3.2.2 absolute-form counts, and not Host",
        &[400, 421],
        &[b"GET http://other.example/t/a HTTP/1.1\r\nHost: gate\r\n\r\n"],
        &[Start(PLAIN), Has("x-forwarded-host", "other.example")],
    ),
    passes(
        "9112 §3.2.2 absolute-form of the same host",
        &[b"GET http://gate/t/a?x=1 HTTP/1.1\r\nHost: gate\r\n\r\n"],
        &[Start("GET /up/a?x=1 HTTP/1.1"), Has("x-forwarded-host", "gate")],
    ),
    may_pass(
        "9110 §4.2.4 absolute-form with user information",
        &[400, 421],
        &[b"GET http://user:pass@gate/t/a HTTP/1.1\r\nHost: gate\r\n\r\n"],
        &[Start(PLAIN), Has("x-forwarded-host", "gate")],
    ),
    declined(
        "9112 §3.2.2 absolute-form without a path",
        &[400, 404],
        &[b"GET http://gate HTTP/1.1\r\nHost: gate\r\n\r\n"],
    ),
    declined(
        "9112 §3.2.2 absolute-form hides no dot segment",
        &[400, 404],
        &[b"GET http://gate/t/../t/a HTTP/1.1\r\nHost: gate\r\n\r\n"],
    ),
    declined(
        "9112 §3.2.3 authority-form without CONNECT",
        &[400, 404],
        &[b"GET gate:80 HTTP/1.1\r\nHost: gate\r\n\r\n"],
    ),
    declined(
        "9112 §3.2.4 asterisk-form with OPTIONS asks us",
        &[200, 204, 404, 405, 501],
        &[b"OPTIONS * HTTP/1.1\r\nHost: gate\r\n\r\n"],
    ),
    declined(
        "9112 §3.2.4 asterisk-form with GET",
        &[400, 404],
        &[b"GET * HTTP/1.1\r\nHost: gate\r\n\r\n"],
    ),
    declined(
        "9112 §3.2.1 a path without its slash",
        &[400, 404],
        &[b"GET t/a HTTP/1.1\r\nHost: gate\r\n\r\n"],
    ),
    may_pass(
        "9112 §3.2 a fragment is never sent on",
        &[400],
        &[b"GET /t/a#part HTTP/1.1\r\nHost: gate\r\n\r\n"],
        &[Start(PLAIN)],
    ),
    refused(
        "9112 §3.2 a space in the target",
        &[400, 505],
        &[b"GET /t/a b HTTP/1.1\r\nHost: gate\r\n\r\n"],
    ),
    refused(
        "9112 §3.2 a tab in the target",
        &[400],
        &[b"GET /t/a\tb HTTP/1.1\r\nHost: gate\r\n\r\n"],
    ),
    refused(
        "9112 §3.2 a control byte in the target",
        &[400],
        &[b"GET /t/a\x01 HTTP/1.1\r\nHost: gate\r\n\r\n"],
    ),
    refused(
        "9112 §3.2 a NUL in the target",
        &[400],
        &[b"GET /t/a\0 HTTP/1.1\r\nHost: gate\r\n\r\n"],
    ),
    refused(
        "9112 §3.2 DEL in the target",
        &[400],
        &[b"GET /t/a\x7f HTTP/1.1\r\nHost: gate\r\n\r\n"],
    ),
    refused(
        "9112 §2.2 a bare CR in the target",
        &[400],
        &[b"GET /t/a\rb HTTP/1.1\r\nHost: gate\r\n\r\n"],
    ),
    declined(
        "9112 §3.2 a path that is not ASCII is a second spelling of the encoded one",
        &[400],
        &[b"GET /t/\xc3\xa4 HTTP/1.1\r\nHost: gate\r\n\r\n"],
    ),
    declined(
        "9112 §3.2 a path that is not even UTF-8",
        &[400],
        &[b"GET /t/\xff HTTP/1.1\r\nHost: gate\r\n\r\n"],
    ),
    declined(
        "9112 §3.2 a query that is not ASCII",
        &[400],
        &[b"GET /t/a?x=\xc3\xa4 HTTP/1.1\r\nHost: gate\r\n\r\n"],
    ),
    passes(
        "3986 §2.4 what is encoded twice is decoded by nobody",
        &[b"GET /t/%2541%252e HTTP/1.1\r\nHost: gate\r\n\r\n"],
        &[Start("GET /up/%2541%252e HTTP/1.1")],
    ),
    passes(
        "3986 §3.4 a query stays as it is",
        &[b"GET /t/a?x=%2F..//&y=/../%2e?& HTTP/1.1\r\nHost: gate\r\n\r\n"],
        &[Start("GET /up/a?x=%2F..//&y=/../%2e?& HTTP/1.1")],
    ),
    passes(
        "3986 §3.4 an empty query is one",
        &[b"GET /t/a? HTTP/1.1\r\nHost: gate\r\n\r\n"],
        &[Start("GET /up/a? HTTP/1.1")],
    ),
    declined("3986 §5.2.4 ..", &[400, 404], &[b"GET /t/b/../a HTTP/1.1\r\nHost: gate\r\n\r\n"]),
    declined("3986 §5.2.4 .", &[400, 404], &[b"GET /t/./a HTTP/1.1\r\nHost: gate\r\n\r\n"]),
    declined(
        "3986 §5.2.4 encoded dots",
        &[400, 404],
        &[b"GET /t/%2e%2E/a HTTP/1.1\r\nHost: gate\r\n\r\n"],
    ),
    declined(
        "3986 §5.2.4 dots out of the base path",
        &[400, 404],
        &[b"GET /t/../secret HTTP/1.1\r\nHost: gate\r\n\r\n"],
    ),
    declined(
        "3986 §6.2.2 an encoded slash",
        &[400, 404],
        &[b"GET /t/b%2Fa HTTP/1.1\r\nHost: gate\r\n\r\n"],
    ),
    declined(
        "3986 §6.2.2 a backslash",
        &[400, 404],
        &[b"GET /t\\a HTTP/1.1\r\nHost: gate\r\n\r\n"],
    ),
    declined(
        "3986 §6.2.2 an encoded NUL",
        &[400, 404],
        &[b"GET /t/a%00 HTTP/1.1\r\nHost: gate\r\n\r\n"],
    ),
    declined("3986 §2.1 half an encoding", &[400], &[b"GET /t/a%2 HTTP/1.1\r\nHost: gate\r\n\r\n"]),
    declined("3986 §3.3 an empty segment", &[400], &[b"GET /t//a HTTP/1.1\r\nHost: gate\r\n\r\n"]),
    declined(
        "3986 §3.3 two slashes first",
        &[400, 404],
        &[b"GET //t/a HTTP/1.1\r\nHost: g\r\n\r\n"],
    ),
];

pub(super) const LINES: &[Row] = &[
    passes(
        "9112 §2.2 an empty line before the request line",
        &[b"\r\nGET /t/a HTTP/1.1\r\nHost: gate\r\n\r\n"],
        &[Start(PLAIN)],
    ),
    refused(
        "9112 §2.2 a space before the request line",
        &[400],
        &[b" GET /t/a HTTP/1.1\r\nHost: gate\r\n\r\n"],
    ),
    may_pass(
        "9112 §3 two spaces after the method",
        &[400],
        &[b"GET  /t/a HTTP/1.1\r\nHost: gate\r\n\r\n"],
        &[Start(PLAIN)],
    ),
    may_pass(
        "9112 §3 two spaces before the version",
        &[400, 505],
        &[b"GET /t/a  HTTP/1.1\r\nHost: gate\r\n\r\n"],
        &[Start(PLAIN)],
    ),
    may_pass(
        "9112 §3 a space after the version",
        &[400, 505],
        &[b"GET /t/a HTTP/1.1 \r\nHost: gate\r\n\r\n"],
        &[Start(PLAIN)],
    ),
    refused(
        "9112 §3 tabs instead of spaces",
        &[400],
        &[b"GET\t/t/a\tHTTP/1.1\r\nHost: gate\r\n\r\n"],
    ),
    refused("9112 §3 no target", &[400], &[b"GET HTTP/1.1\r\nHost: gate\r\n\r\n"]),
    refused(
        "9112 §3 nothing but binary",
        &[400, 0],
        &[b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n"],
    ),
];

pub(super) const VERSIONS: &[Row] = &[
    passes(
        "9110 §7.6.3 HTTP/1.0 is in Via, and we speak HTTP/1.1",
        &[b"GET /t/a HTTP/1.0\r\nHost: gate\r\n\r\n"],
        &[Start(PLAIN), Has("via", "1.0 gatepost")],
    )
    .then(Next::Never),
    passes("9112 §3.2 HTTP/1.0 needs no Host", &[b"GET /t/a HTTP/1.0\r\n\r\n"], &[Start(PLAIN)])
        .then(Next::Never),
    passes(
        "9112 §9.3 HTTP/1.0 that asks to stay",
        &[b"GET /t/a HTTP/1.0\r\nHost: gate\r\nConnection: keep-alive\r\n\r\n"],
        &[Start(PLAIN)],
    )
    .then(Next::Either),
    refused("9112 §2.3 HTTP/0.9", &[400, 505, 0], &[b"GET /t/a\r\n"]),
    may_pass(
        "9110 §6.2 HTTP/1.2 is read as HTTP/1.1",
        &[400, 505],
        &[b"GET /t/a HTTP/1.2\r\nHost: gate\r\n\r\n"],
        &[Start(PLAIN)],
    ),
    refused("9112 §2.3 HTTP/2.0", &[400, 505], &[b"GET /t/a HTTP/2.0\r\nHost: gate\r\n\r\n"]),
    refused("9112 §2.3 HTTP/3", &[400, 505], &[b"GET /t/a HTTP/3\r\nHost: gate\r\n\r\n"]),
    refused("9112 §2.3 HTTP/1.10", &[400, 505], &[b"GET /t/a HTTP/1.10\r\nHost: gate\r\n\r\n"]),
    refused("9112 §2.3 HTTP/01.1", &[400, 505], &[b"GET /t/a HTTP/01.1\r\nHost: gate\r\n\r\n"]),
    refused("9112 §2.3 HTTP/1.1x", &[400, 505], &[b"GET /t/a HTTP/1.1x\r\nHost: gate\r\n\r\n"]),
    refused(
        "9112 §2.3 the name in lower case",
        &[400, 505],
        &[b"GET /t/a http/1.1\r\nHost: g\r\n\r\n"],
    ),
    refused("9112 §2.3 another name", &[400, 505], &[b"GET /t/a HTCP/1.1\r\nHost: gate\r\n\r\n"]),
    refused("9112 §2.3 no number", &[400, 505], &[b"GET /t/a HTTP/\r\nHost: gate\r\n\r\n"]),
];

pub(super) const HOSTS: &[Row] = &[
    declined("9112 §3.2 no Host", &[400], &[b"GET /t/a HTTP/1.1\r\n\r\n"]),
    declined("9112 §3.2 two of them", &[400], &[GET, b"Host: other\r\n\r\n"]),
    declined("9112 §3.2 the same twice", &[400], &[GET, b"host: gate\r\n\r\n"]),
    declined(
        "9112 §3.2 absolute-form needs Host too",
        &[400],
        &[b"GET http://gate/t/a HTTP/1.1\r\n\r\n"],
    ),
    may_pass(
        "9112 §3.2 an empty one",
        &[400],
        &[b"GET /t/a HTTP/1.1\r\nHost:\r\n\r\n"],
        &[Start(PLAIN)],
    ),
    declined("9112 §3.2 a list", &[400], &[b"GET /t/a HTTP/1.1\r\nHost: gate, other\r\n\r\n"]),
    declined("9112 §3.2 user information", &[400], &[b"GET /t/a HTTP/1.1\r\nHost: u@gate\r\n\r\n"]),
    declined(
        "9112 §3.2 a port of letters",
        &[400],
        &[b"GET /t/a HTTP/1.1\r\nHost: gate:8a\r\n\r\n"],
    ),
    declined("9112 §3.2 two ports", &[400], &[b"GET /t/a HTTP/1.1\r\nHost: gate:80:81\r\n\r\n"]),
    declined("9112 §3.2 a path", &[400], &[b"GET /t/a HTTP/1.1\r\nHost: gate/t/b\r\n\r\n"]),
    declined("9112 §3.2 a query", &[400], &[b"GET /t/a HTTP/1.1\r\nHost: gate?x\r\n\r\n"]),
    declined("9112 §3.2 a space", &[400], &[b"GET /t/a HTTP/1.1\r\nHost: ga te\r\n\r\n"]),
    declined("9112 §3.2 a quote", &[400], &[b"GET /t/a HTTP/1.1\r\nHost: ga\"te\r\n\r\n"]),
    declined("9112 §3.2 not ASCII", &[400], &[b"GET /t/a HTTP/1.1\r\nHost: g\xe4te\r\n\r\n"]),
    declined("9112 §3.2 an open bracket", &[400], &[b"GET /t/a HTTP/1.1\r\nHost: [::1\r\n\r\n"]),
    passes(
        "3986 §3.2.3 an empty port is a port",
        &[b"GET /t/a HTTP/1.1\r\nHost: gate:\r\n\r\n"],
        &[Start(PLAIN)],
    ),
    passes(
        "3986 §3.2.2 an address in brackets",
        &[b"GET /t/a HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"],
        &[Start(PLAIN), Has("x-forwarded-host", "[::1]:80")],
    ),
];
