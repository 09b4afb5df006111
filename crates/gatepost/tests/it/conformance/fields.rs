//! Field lines, fields of one connection only, and fields that are ours to write (RFC 9110 §5, §7.6,
//! §10.1.1, §11.7; RFC 9112 §5, §9).

use super::row::Claim::{Body, Has, Lacks, Start};
use super::row::{GET, Next, POST, Row, declined, may_pass, passes, refused};

pub(super) const SYNTAX: &[Row] = &[
    refused("9112 §5.1 a space before the colon", &[400], &[GET, b"X-A : 1\r\n\r\n"]),
    refused("9112 §5.1 a tab before the colon", &[400], &[GET, b"X-A\t: 1\r\n\r\n"]),
    refused(
        "9112 §5.1 a space before the length's colon",
        &[400],
        &[POST, b"Content-Length : 3\r\n\r\nabc"],
    ),
    refused(
        "9112 §5.1 a space before the coding's colon",
        &[400],
        &[POST, b"Transfer-Encoding : chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"],
    ),
    may_pass(
        "9112 §5.2 a folded line is refused or made one",
        &[400],
        &[GET, b"X-A: b\r\n c\r\n\r\n"],
        &[Has("x-a", "b c")],
    ),
    refused(
        "9112 §5.2 a folded coding",
        &[400, 501],
        &[POST, b"Transfer-Encoding:\r\n chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"],
    ),
    refused(
        "9112 §5.2 a coding folded into another field",
        &[400],
        &[POST, b"X-A: 1\r\n Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"],
    ),
    refused(
        "9112 §2.2 a space before the first field",
        &[400],
        &[b"GET /t/a HTTP/1.1\r\n X-A: 1\r\nHost: gate\r\n\r\n"],
    ),
    refused("9112 §2.2 a bare CR in a value", &[400], &[GET, b"X-A: b\rc\r\n\r\n"]),
    refused(
        "9112 §2.2 a bare CR that hides a length",
        &[400],
        &[POST, b"X-A: b\rContent-Length: 3\r\n\r\nabc"],
    ),
    refused(
        "9112 §2.2 a bare CR that hides a coding",
        &[400],
        &[POST, b"Content-Length: 3\r\nX-A: b\rTransfer-Encoding: chunked\r\n\r\nabc"],
    ),
    refused("9112 §2.2 a bare CR in a name", &[400], &[GET, b"X\rA: b\r\n\r\n"]),
    refused("9112 §2.2 CR CR LF ends no line", &[400], &[GET, b"X-A: b\r\r\n\r\n"]),
    may_pass(
        "9112 §2.2 bare LFs end lines or are refused",
        &[400],
        &[b"POST /t/a HTTP/1.1\nHost: gate\nX-A: b\nContent-Length: 3\n\nabc"],
        &[Has("x-a", "b"), Body(b"abc")],
    ),
    may_pass(
        "9112 §2.2 one bare LF among others",
        &[400],
        &[POST, b"X-A: b\nContent-Length: 3\r\n\r\nabc"],
        &[Has("x-a", "b"), Body(b"abc")],
    ),
    refused("9110 §5.5 a NUL in a value", &[400], &[GET, b"X-A: b\0c\r\n\r\n"]),
    may_pass(
        "9110 §5.5 a control byte in a value",
        &[400],
        &[GET, b"X-A: b\x01c\r\n\r\n"],
        &[Start("GET /up/a HTTP/1.1")],
    ),
    may_pass(
        "9110 §5.5 DEL in a value",
        &[400],
        &[GET, b"X-A: b\x7fc\r\n\r\n"],
        &[Start("GET /up/a HTTP/1.1")],
    ),
    refused("9110 §5.1 an empty name", &[400], &[GET, b": b\r\n\r\n"]),
    refused("9110 §5.1 a name with a space", &[400], &[GET, b"X A: b\r\n\r\n"]),
    refused("9110 §5.1 a name with a bracket", &[400], &[GET, b"X(A): b\r\n\r\n"]),
    refused("9110 §5.1 a name with a NUL", &[400], &[GET, b"X\0A: b\r\n\r\n"]),
    refused("9110 §5.1 a name that is not ASCII", &[400], &[GET, b"X\xe4: b\r\n\r\n"]),
    refused("9112 §5 a line without a colon", &[400], &[GET, b"X-A\r\n\r\n"]),
    passes(
        "9112 §5.1 no space after the colon",
        &[b"GET /t/a HTTP/1.1\r\nHost:gate\r\nX-A:b\r\n\r\n"],
        &[Has("x-a", "b")],
    ),
    passes(
        "9112 §5.1 space around a value is not of it",
        &[GET, b"X-A: \t b \t\r\n\r\n"],
        &[Has("x-a", "b")],
    ),
    passes(
        "9110 §5.5 a tab within a value is of it",
        &[GET, b"X-A: b\tc\r\n\r\n"],
        &[Has("x-a", "b\tc")],
    ),
    passes(
        "9110 §5.5 high bytes in a value pass as they are",
        &[GET, b"X-A: b\xe4\xff\r\n\r\n"],
        &[Has("x-a", "b\u{e4}\u{ff}")],
    ),
    passes("9110 §5.5 an empty value", &[GET, b"X-A:\r\n\r\n"], &[Has("x-a", "")]),
    passes(
        "9110 §5.3 lines of one name keep their order",
        &[GET, b"X-A: 1\r\nX-B: 2\r\nx-a: 3\r\n\r\n"],
        &[Has("x-a", "1, 3"), Has("x-b", "2")],
    ),
];

pub(super) const ONE_CONNECTION: &[Row] = &[
    passes(
        "9110 §7.6.1 what Connection names is dropped",
        &[GET, b"Connection: X-A, ,x-b,\r\nX-A: 1\r\nX-B: 1\r\nX-C: 1\r\n\r\n"],
        &[Lacks("x-a"), Lacks("x-b"), Has("x-c", "1")],
    ),
    passes(
        "9110 §7.6.1 also in a second line",
        &[GET, b"Connection: keep-alive\r\nX-A: 1\r\nX-A: 2\r\nconnection:x-A\r\n\r\n"],
        &[Lacks("x-a")],
    ),
    may_pass(
        "9110 §7.6.1 also beside what is no name",
        &[400],
        &[GET, b"Connection: a b, x-a\r\nX-A: 1\r\n\r\n"],
        &[Lacks("x-a")],
    ),
    may_pass(
        "9110 §7.6.1 also beside what is not ASCII",
        &[400],
        &[GET, b"Connection: \xe4, x-a\r\nX-A: 1\r\n\r\n"],
        &[Lacks("x-a")],
    ),
    passes(
        "9110 §7.6.1 what concerns a connection is dropped unnamed",
        &[
            GET,
            b"Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: trailers, ",
            b"gzip\r\n",
            b"Trailer: x\r\nProxy-Authenticate: Basic\r\n\r\n",
        ],
        &[Lacks("keep-alive"), Lacks("te"), Lacks("proxy-authenticate")],
    ),
    passes(
        "9110 §11.7.2 proxy credentials go no further",
        &[GET, b"Proxy-Authorization: Basic YTpi\r\n\r\n"],
        &[Lacks("proxy-authorization")],
    ),
    passes(
        "9110 §7.8 an upgrade that we do not speak is dropped",
        &[GET, b"Connection: Upgrade\r\nUpgrade: quic\r\n\r\n"],
        &[Lacks("upgrade")],
    ),
    passes(
        "9110 §7.8 an upgrade to HTTP/2 is not passed through",
        &[
            GET,
            b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n",
            b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
        ],
        &[Lacks("upgrade"), Lacks("http2-settings")],
    ),
    passes(
        "9112 §9.6 close ends the connection, and is for us only",
        &[GET, b"Connection: close\r\n\r\n"],
        &[Lacks("connection")],
    )
    .gets(&[Has("connection", "close")])
    .then(Next::Never),
    passes(
        "9112 §9.6 close in another case, among others",
        &[GET, b"Connection: keep-alive, CLOSE\r\n\r\n"],
        &[],
    )
    .then(Next::Never),
    passes(
        "9110 §7.6.1 a length cannot be named away",
        &[POST, b"Connection: content-length\r\nContent-Length: 3\r\n\r\nabc"],
        &[Body(b"abc")],
    ),
    passes(
        "9110 §7.6.1 a coding cannot be named away",
        &[
            POST,
            b"Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n",
            b"abc\r\n",
            b"0\r\n\r\n",
        ],
        &[Body(b"abc")],
    ),
    passes(
        "9110 §7.6.1 nor Host",
        &[GET, b"Connection: host\r\n\r\n"],
        &[Has("x-forwarded-host", "gate")],
    ),
    passes(
        "9110 §7.6.1 credentials can",
        &[GET, b"Connection: authorization\r\nAuthorization: Basic YTpi\r\n\r\n"],
        &[Lacks("authorization")],
    ),
    passes(
        "9110 §7.6.1 what we write cannot be named away",
        &[
            GET,
            b"Connection: via, forwarded, x-forwarded-for, x-forwarded-proto, ",
            b"x-request-id, traceparent\r\n\r\n",
        ],
        &[
            Has("via", "1.1 gatepost"),
            Has("forwarded", "for=127.0.0.1;proto=http"),
            Has("x-forwarded-for", "127.0.0.1"),
            Has("x-forwarded-proto", "http"),
        ],
    ),
    passes(
        "9110 §7.6.1 naming an identity makes none",
        &[GET, b"Connection: gatepost-partner\r\nGatepost-Partner: cars\r\n\r\n"],
        &[Lacks("gatepost-partner")],
    ),
];

pub(super) const OURS: &[Row] = &[
    passes(
        "9110 §7.6.3 Via goes on",
        &[GET, b"Via: 1.0 fred\r\nVia: 1.1 jane (x, y)\r\n\r\n"],
        &[Has("via", "1.0 fred, 1.1 jane (x, y), 1.1 gatepost")],
    ),
    declined(
        "9110 §7.6.2 OPTIONS that may be forwarded no more",
        &[200, 204, 400, 405, 501],
        &[b"OPTIONS /t/a HTTP/1.1\r\nHost: gate\r\nMax-Forwards: 0\r\n\r\n"],
    ),
    passes(
        "9110 §7.6.2 OPTIONS that may be forwarded again",
        &[b"OPTIONS /t/a HTTP/1.1\r\nHost: gate\r\nMax-Forwards: 5\r\n\r\n"],
        &[Has("max-forwards", "4")],
    ),
    passes(
        "9110 §7.6.2 other methods do not count",
        &[GET, b"Max-Forwards: 0\r\n\r\n"],
        &[Start("GET /up/a HTTP/1.1")],
    ),
    passes(
        "who calls is ours to say",
        &[
            GET,
            b"Gatepost-Partner: cars\r\nGATEPOST-CLIENT: c\r\ngatepost-api-key-id: k\r\n",
            b"gatepost-scopes: s\r\nGatepost-New: n\r\n\r\n",
        ],
        &[
            Lacks("gatepost-partner"),
            Lacks("gatepost-client"),
            Lacks("gatepost-api-key-id"),
            Lacks("gatepost-scopes"),
            Lacks("gatepost-new"),
        ],
    ),
    passes(
        "who calls is ours to say in every spelling",
        &[
            GET,
            b"Gatepost_Partner: cars\r\nGATEPOST_API-KEY_ID: k\r\n",
            b"x_forwarded-for: 192.0.2.1\r\nX_Forwarded_Host: evil\r\n",
            b"X_Real_IP: 192.0.2.1\r\n",
            b"X_Request_Id: r\r\nX_Api_Key: k\r\n\r\n",
        ],
        &[
            Lacks("gatepost_partner"),
            Lacks("gatepost_api-key_id"),
            Lacks("x_forwarded-for"),
            Lacks("x_forwarded_host"),
            Lacks("x_real_ip"),
            Lacks("x_request_id"),
            Lacks("x_api_key"),
        ],
    ),
    passes(
        "7239 §4 where a call comes from is ours to say",
        &[
            GET,
            b"Forwarded: for=192.0.2.1\r\nX-Forwarded-For: 192.0.2.1\r\n",
            b"X-Forwarded-Host: evil\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Port: 1\r\n",
            b"X-Forwarded-Prefix: /x\r\nX-Real-IP: 192.0.2.1\r\n\r\n",
        ],
        &[
            Has("forwarded", "for=127.0.0.1;proto=http"),
            Has("x-forwarded-for", "127.0.0.1"),
            Has("x-forwarded-host", "gate"),
            Has("x-forwarded-proto", "http"),
            Lacks("x-forwarded-port"),
            Lacks("x-forwarded-prefix"),
            Lacks("x-real-ip"),
        ],
    ),
    passes("an API key goes no further", &[GET, b"X-Api-Key: k\r\n\r\n"], &[Lacks("x-api-key")]),
    may_pass(
        "9110 §10.1.1 an expectation nobody knows",
        &[417],
        &[GET, b"Expect: wonders\r\n\r\n"],
        &[Lacks("expect")],
    ),
    passes(
        "9110 §10.1.1 100-continue without a body",
        &[GET, b"Expect: 100-continue\r\n\r\n"],
        &[Start("GET /up/a HTTP/1.1")],
    ),
    passes(
        "9110 §10.1.1 100-continue from HTTP/1.0 is not heard",
        &[
            b"POST /t/a HTTP/1.0\r\nHost: gate\r\nExpect: 100-continue\r\n",
            b"Content-Length: 3\r\n",
            b"\r\nabc",
        ],
        &[Body(b"abc")],
    )
    .then(Next::Never),
];
