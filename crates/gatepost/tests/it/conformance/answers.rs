//! What the upstream answers, and what of it the client gets (RFC 9110 §7.6, §15; RFC 9112 §4,
//! §6, §8).

use super::row::Claim::{Body, Has, Lacks, Start};
use super::row::{CHUNKED, GET, Next, OK, POST, Row, TWO, answer, broken};

/// An answer that nobody asked for.
const EVIL: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";

/// What may not be sent once more when no answer comes (RFC 9110 §9.2.2).
const NEVER_AGAIN: &[&[u8]] = &[POST, b"Content-Length: 0\r\n\r\n"];

pub(super) const FIELDS: &[Row] = &[
    answer(
        "9110 §7.6.1 what concerns a connection is dropped",
        &[
            OK,
            b"Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n",
            b"Proxy-Connection: keep-alive\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\n",
            b"Trailer: x\r\nContent-Length: 2\r\nX-A: 1\r\n\r\nok",
        ],
        &[200],
        &[
            Lacks("keep-alive"),
            Lacks("proxy-connection"),
            Lacks("upgrade"),
            Lacks("connection"),
            Has("x-a", "1"),
            Body(b"ok"),
        ],
    ),
    answer(
        "9110 §7.6.1 what Connection names is dropped",
        &[OK, b"Connection: X-A, ,x-b\r\nX-A: 1\r\nX-B: 1\r\nX-C: 1\r\n", TWO],
        &[200],
        &[Lacks("x-a"), Lacks("x-b"), Has("x-c", "1"), Body(b"ok")],
    ),
    answer(
        "9110 §7.6.1 a length cannot be named away",
        &[OK, b"Connection: content-length\r\n", TWO],
        &[200, 502],
        &[],
    ),
    answer("9110 §7.6.3 Via is added", &[OK, TWO], &[200], &[Has("via", "1.1 gatepost")]),
    answer(
        "9110 §7.6.3 Via goes on",
        &[OK, b"Via: 1.1 inner\r\n", TWO],
        &[200],
        &[Has("via", "1.1 inner, 1.1 gatepost")],
    ),
    answer(
        "9110 §7.6.3 Via says HTTP/1.0",
        &[b"HTTP/1.0 200 OK\r\n", TWO],
        &[200],
        &[Start("HTTP/1.1 200 OK"), Has("via", "1.0 gatepost"), Body(b"ok")],
    )
    .closing(),
    answer(
        "9112 §9.6 a close is between us and the upstream",
        &[OK, b"Connection: close\r\n", TWO],
        &[200],
        &[Lacks("connection"), Body(b"ok")],
    )
    .closing(),
    answer(
        "9112 §9.6 a close that the upstream does not keep",
        &[OK, b"Connection: close\r\n", TWO],
        &[200],
        &[Body(b"ok")],
    ),
    answer(
        "9110 §5.3 lines of one name stay lines",
        &[OK, b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n", TWO],
        &[200],
        &[Has("set-cookie", "a=1, b=2")],
    ),
    answer(
        "9110 §5.5 high bytes in a value pass as they are",
        &[OK, b"X-A: b\xe4\r\n", TWO],
        &[200],
        &[Has("x-a", "b\u{e4}")],
    ),
    answer(
        "9112 §5.2 a folded line is refused or made one",
        &[OK, b"X-A: b\r\n c\r\n", TWO],
        &[200, 502],
        &[],
    )
    .then(Next::Either),
    broken("9112 §5.1 a space before a colon", &[OK, b"X-A : 1\r\n", TWO]),
    broken("9110 §5.5 a NUL in a value", &[OK, b"X-A: \0\r\n", TWO]),
    broken("9112 §2.2 a bare CR in a value", &[OK, b"X-A: b\rContent-Length: 0\r\n", TWO]),
    broken("9112 §5 a line without a colon", &[OK, b"X-A\r\n", TWO]),
    broken("9110 §5.1 a name that is no token", &[OK, b"X(A): 1\r\n", TWO]),
    answer("9110 §5.4 more fields than anybody needs", &[OK, b"@@", TWO], &[502], &[])
        .filled(b"X-A: 1\r\n", 1_000),
    answer("9110 §5.4 a head larger than anybody needs", &[OK, b"X-A: @@\r\n", TWO], &[502], &[])
        .filled(b"x", 2_000_000),
];

pub(super) const LINES: &[Row] = &[
    answer("9112 §4 no reason", &[b"HTTP/1.1 200 \r\n", TWO], &[200], &[Body(b"ok")]),
    answer(
        "9112 §4 no reason and no space before it",
        &[b"HTTP/1.1 200\r\n", TWO],
        &[200, 502],
        &[],
    ),
    answer(
        "9110 §15 a status that nobody registered",
        &[b"HTTP/1.1 299 Odd\r\n", TWO],
        &[299],
        &[Body(b"ok")],
    ),
    answer("9112 §4 no HTTP", &[b"SSH-2.0-x\r\n\r\n"], &[502], &[]),
    answer("9112 §4 HTTP/2.0", &[b"HTTP/2.0 200 OK\r\n", TWO], &[502], &[]),
    answer("9112 §4 two digits", &[b"HTTP/1.1 20 OK\r\n", TWO], &[502], &[]),
    answer("9112 §4 four digits", &[b"HTTP/1.1 2000 OK\r\n", TWO], &[502], &[]),
    answer("9112 §4 letters", &[b"HTTP/1.1 2xx OK\r\n", TWO], &[502], &[]),
    answer("9112 §4 no status", &[b"HTTP/1.1\r\n", TWO], &[502], &[]),
    answer("9110 §15 a status below 100", &[b"HTTP/1.1 099 Odd\r\n", TWO], &[502], &[]),
    answer("9110 §15 a status above 599", &[b"HTTP/1.1 999 Odd\r\n", TWO], &[502, 999], &[]),
    answer("9112 §4 a space before the status line", &[b" HTTP/1.1 200 OK\r\n", TWO], &[502], &[]),
    answer("9112 §8 an end without an answer", &[], &[502], &[]).asked(NEVER_AGAIN).closing(),
    answer("9112 §8 an end within the head", &[OK, b"Content-Le"], &[502], &[])
        .asked(NEVER_AGAIN)
        .closing(),
];

pub(super) const INTERIM: &[Row] = &[
    answer(
        "9110 §15.2.1 100 before the answer",
        &[b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n", TWO],
        &[200],
        &[Body(b"ok")],
    ),
    answer(
        "8297 §2 103 before the answer is none of its fields",
        &[b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n", TWO],
        &[200],
        &[Lacks("link"), Body(b"ok")],
    ),
    answer(
        "9110 §15.2 several of them",
        &[
            b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n",
            b"HTTP/1.1 199 Odd\r\n\r\nHTTP/1.1 200 OK\r\n",
            TWO,
        ],
        &[200],
        &[Body(b"ok")],
    ),
    answer(
        "9110 §15.2 an interim answer has no body",
        &[b"HTTP/1.1 103 Early Hints\r\nContent-Length: 2\r\n\r\nHTTP/1.1 200 OK\r\n", TWO],
        &[200, 502],
        &[],
    ),
    answer(
        "9110 §15.2 an interim answer and an end",
        &[b"HTTP/1.1 103 Early Hints\r\n\r\n"],
        &[502],
        &[],
    )
    .asked(NEVER_AGAIN)
    .closing(),
    answer(
        "9110 §15.2.2 101 that nobody asked for",
        &[
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n",
            b"Upgrade: websocket\r\n",
            b"\r\nGET /",
        ],
        &[502],
        &[],
    ),
    answer(
        "9110 §15.2.2 101 without a protocol",
        &[b"HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 200 OK\r\n", TWO],
        &[502],
        &[],
    ),
    answer(
        "9110 §7.8 101 to an upgrade that was not passed on",
        &[
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: quic\r\n",
            b"\r\n",
            b"GET /",
        ],
        &[502],
        &[],
    )
    .asked(&[GET, b"Connection: Upgrade\r\nUpgrade: quic\r\n\r\n"])
    .then(Next::Either),
];

pub(super) const BODIES: &[Row] = &[
    answer(
        "9112 §6.3 chunks",
        &[OK, CHUNKED, b"1\r\no\r\n1;x=y\r\nk\r\n0\r\n\r\n"],
        &[200],
        &[Has("transfer-encoding", "chunked"), Body(b"ok")],
    ),
    answer(
        "9112 §6.3 a body to the end of the connection",
        &[OK, b"\r\nok"],
        &[200],
        &[Body(b"ok")],
    )
    .closing(),
    answer(
        "9112 §6.3 a body to the end of HTTP/1.0",
        &[b"HTTP/1.0 200 OK\r\n\r\nok"],
        &[200],
        &[Body(b"ok")],
    )
    .closing(),
    answer(
        "9112 §6.3 a length of 0",
        &[OK, b"Content-Length: 0\r\n\r\n"],
        &[200],
        &[Has("content-length", "0"), Body(b"")],
    ),
    answer(
        "9112 §6.3 HEAD has the length of GET and no body",
        &[OK, b"Content-Length: 1000\r\n\r\n"],
        &[200],
        &[Has("content-length", "1000"), Body(b"")],
    )
    .asked(&[b"HEAD /t/a HTTP/1.1\r\nHost: gate\r\n\r\n"]),
    answer("9112 §6.3 HEAD answered with a body", &[OK, TWO], &[200], &[Body(b"")])
        .asked(&[b"HEAD /t/a HTTP/1.1\r\nHost: gate\r\n\r\n"]),
    answer("9112 §6.3 HEAD answered with the coding of GET", &[OK, CHUNKED], &[200], &[Body(b"")])
        .asked(&[b"HEAD /t/a HTTP/1.1\r\nHost: gate\r\n\r\n"]),
    answer(
        "9110 §15.3.5 204",
        &[b"HTTP/1.1 204 No Content\r\n\r\n"],
        &[204],
        &[Lacks("content-length"), Lacks("transfer-encoding")],
    ),
    answer(
        "9110 §15.3.5 204 with a body",
        &[b"HTTP/1.1 204 No Content\r\n", TWO],
        &[204, 502],
        &[],
    ),
    answer(
        "9110 §15.3.5 204 with chunks",
        &[b"HTTP/1.1 204 No Content\r\n", CHUNKED, b"2\r\nok\r\n0\r\n\r\n"],
        &[204, 502],
        &[],
    ),
    answer(
        "9110 §15.4.5 304 has the length of 200 and no body",
        &[b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\nETag: \"a\"\r\n\r\n"],
        &[304],
        &[Has("etag", "\"a\""), Body(b"")],
    ),
    answer(
        "9110 §15.4.5 304 with a body",
        &[b"HTTP/1.1 304 Not Modified\r\n", TWO],
        &[304, 502],
        &[],
    ),
    answer(
        "9110 §15.3.6 205 with a length of 0",
        &[b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n"],
        &[205],
        &[Body(b"")],
    ),
    broken("9112 §8 fewer bytes than the length", &[OK, b"Content-Length: 10\r\n\r\nok"]).closing(),
    broken("9112 §8 fewer chunks than the last", &[OK, CHUNKED, b"2\r\nok\r\n"]).closing(),
    broken("9112 §8 an end within a chunk", &[OK, CHUNKED, b"5\r\nok"]).closing(),
    broken("9112 §8 an end behind the head", &[OK, b"Content-Length: 2\r\n\r\n"]).closing(),
    broken("9112 §8 an end before the last line", &[OK, CHUNKED, b"2\r\nok\r\n0\r\n"]).closing(),
    broken("9112 §7.1 a size that is none", &[OK, CHUNKED, b"zz\r\nok\r\n0\r\n\r\n"]),
    broken("9112 §7.1 a size with 0x", &[OK, CHUNKED, b"0x2\r\nok\r\n0\r\n\r\n"]),
    broken("9112 §7.1 a negative size", &[OK, CHUNKED, b"-2\r\nok\r\n0\r\n\r\n"]),
    broken(
        "9112 §7.1 a size that no number holds",
        &[OK, CHUNKED, b"10000000000000002\r\nok\r\n0\r\n\r\n"],
    ),
    broken("9112 §7.1 a chunk longer than its size", &[OK, CHUNKED, b"2\r\noktoo\r\n0\r\n\r\n"]),
    broken("9112 §7.1 bare LFs", &[OK, CHUNKED, b"2\nok\n0\n\n"]).closing(),
    broken("9112 §6.3 a negative length", &[OK, b"Content-Length: -2\r\n\r\nok"]).closing(),
    broken("9112 §6.3 a length with a plus", &[OK, b"Content-Length: +2\r\n\r\nok"]).closing(),
    broken(
        "9112 §6.3 a length that no number holds",
        &[OK, b"Content-Length: 18446744073709551616\r\n\r\nok"],
    )
    .closing(),
    broken("9112 §6.3 two lengths", &[OK, b"Content-Length: 2\r\nContent-Length: 1\r\n\r\nok"])
        .closing(),
    broken("9112 §6.3 two lengths in a list", &[OK, b"Content-Length: 2, 1\r\n\r\nok"]).closing(),
    answer(
        "9112 §6.3 the same length twice is one, or a fault",
        &[OK, b"Content-Length: 2\r\n", TWO],
        &[200, 502],
        &[Has("content-length", "2"), Body(b"ok")],
    )
    .then(Next::Either),
    answer(
        "9112 §6.3 the same length in a list is one, or a fault",
        &[OK, b"Content-Length: 2, 2\r\n\r\nok"],
        &[200, 502],
        &[Has("content-length", "2"), Body(b"ok")],
    )
    .then(Next::Either),
    answer(
        "9112 §6.3 a length and a coding: the coding counts, or both are a fault",
        &[OK, b"Content-Length: 1\r\n", CHUNKED, b"2\r\nok\r\n0\r\n\r\n"],
        &[200, 502],
        &[Body(b"ok")],
    )
    .then(Next::Either),
    answer(
        "9112 §6.3 a coding and a shorter length",
        &[OK, b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n2\r\nok\r\n0\r\n\r\n"],
        &[200, 502],
        &[Body(b"ok")],
    )
    .then(Next::Either),
    answer(
        "9112 §6.3 a coding and a longer length",
        &[OK, b"Transfer-Encoding: chunked\r\nContent-Length: 50\r\n\r\n2\r\nok\r\n0\r\n\r\n"],
        &[200, 502],
        &[Body(b"ok")],
    )
    .then(Next::Either),
    answer(
        "9112 §6.3 a coding and a length, to HEAD",
        &[OK, b"Transfer-Encoding: chunked\r\nContent-Length: 50\r\n\r\n"],
        &[200, 502],
        &[],
    )
    .asked(&[b"HEAD /t/a HTTP/1.1\r\nHost: gate\r\n\r\n"])
    .then(Next::Either),
    answer(
        "9112 §6.1 a coding that we do not undo, before chunked",
        &[OK, b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"],
        &[502],
        &[],
    )
    .then(Next::Either),
    answer(
        "9112 §6.1 a coding that we do not undo",
        &[OK, b"Transfer-Encoding: gzip\r\n\r\nok"],
        &[502],
        &[],
    )
    .closing()
    .then(Next::Either),
    answer(
        "9112 §6.1 chunked twice",
        &[OK, b"Transfer-Encoding: chunked, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"],
        &[502],
        &[],
    )
    .then(Next::Either),
    answer(
        "9112 §6.1 a coding in HTTP/1.0",
        &[b"HTTP/1.0 200 OK\r\n", CHUNKED, b"2\r\nok\r\n0\r\n\r\n"],
        &[200, 502],
        &[],
    )
    .closing()
    .then(Next::Either),
    answer(
        "9112 §7.1.2 trailers are no fields",
        &[
            OK,
            b"Trailer: x-a\r\n",
            CHUNKED,
            b"2\r\nok\r\n0\r\nX-A: 1\r\nSet-Cookie: a=1\r\nContent-Length: 9\r\n\r\n",
        ],
        &[200],
        &[Body(b"ok"), Lacks("set-cookie"), Lacks("content-length")],
    )
    .asked(&[GET, b"TE: trailers\r\nConnection: TE\r\n\r\n"]),
    broken("9112 §7.1.2 a trailer without a colon", &[OK, CHUNKED, b"2\r\nok\r\n0\r\nX-A\r\n\r\n"])
        .closing(),
];

pub(super) const BEHIND: &[Row] = &[
    answer("9112 §9.2 a second answer goes to nobody", &[OK, TWO, EVIL], &[200], &[Body(b"ok")]),
    answer(
        "9112 §9.2 a second answer behind chunks goes to nobody",
        &[OK, CHUNKED, b"2\r\nok\r\n0\r\n\r\n", EVIL],
        &[200],
        &[Body(b"ok")],
    ),
    answer(
        "9112 §9.2 a second answer behind 204 goes to nobody",
        &[b"HTTP/1.1 204 No Content\r\n\r\n", EVIL],
        &[204],
        &[],
    ),
    answer(
        "9112 §9.2 a second answer behind 304 goes to nobody",
        &[b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n", EVIL],
        &[304],
        &[],
    ),
    answer(
        "9112 §9.2 a second answer behind that to HEAD goes to nobody",
        &[OK, b"Content-Length: 4\r\n\r\n", EVIL],
        &[200],
        &[],
    )
    .asked(&[b"HEAD /t/a HTTP/1.1\r\nHost: gate\r\n\r\n"]),
    answer(
        "9112 §9.2 a second answer behind a close goes to nobody",
        &[OK, b"Connection: close\r\n", TWO, EVIL],
        &[200],
        &[Body(b"ok")],
    ),
    answer(
        "9112 §6.3 bytes behind a length go to nobody",
        &[OK, TWO, b" and more"],
        &[200],
        &[Body(b"ok")],
    ),
    answer(
        "9112 §2.2 an empty line behind a body is no answer",
        &[OK, TWO, b"\r\n"],
        &[200],
        &[Body(b"ok")],
    ),
];
