//! Several requests on one connection, and the bounds of one (RFC 9112 §9.3; RFC 9110 §15.5).

use super::row::Claim::{Body, Has, Start};
use super::row::{GET, Next, OK, POST, Row, SMUGGLED, declined, may_pass, passes, refused};

pub(super) const PIPELINES: &[Row] = &[
    passes(
        "9112 §9.3.2 two in one packet",
        &[b"GET /t/b HTTP/1.1\r\nHost: gate\r\n\r\nGET /t/a HTTP/1.1\r\nHost: gate\r\n\r\n"],
        &[Start("GET /up/a HTTP/1.1")],
    )
    .times(2),
    passes(
        "9112 §9.3.2 one with a body, one without",
        &[
            b"POST /t/b HTTP/1.1\r\nHost: gate\r\nContent-Length: 3\r\n\r\n",
            b"abcGET /t/a HTTP/1.1\r\nHost: gate\r\n\r\n",
        ],
        &[Start("GET /up/a HTTP/1.1"), Body(b"")],
    )
    .times(2),
    passes(
        "9112 §9.3.2 one with chunks, one with a length",
        &[
            b"POST /t/b HTTP/1.1\r\nHost: gate\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n",
            b"abc\r\n0\r\n\r\nPUT /t/a HTTP/1.1\r\nHost: gate\r\nContent-Length: 2\r\n\r\nde",
        ],
        &[Start("PUT /up/a HTTP/1.1"), Body(b"de")],
    )
    .times(2),
    passes(
        "9112 §2.2 an empty line behind a body",
        &[
            b"POST /t/b HTTP/1.1\r\nHost: gate\r\nContent-Length: 3\r\n\r\nabc\r\n",
            b"GET /t/a HTTP/1.1\r\nHost: gate\r\n\r\n",
        ],
        &[Start("GET /up/a HTTP/1.1")],
    )
    .times(2),
    passes(
        "9112 §9.6 nothing behind a close",
        &[GET, b"Connection: close\r\n\r\nGET /t/b HTTP/1.1\r\nHost: gate\r\n\r\n"],
        &[Start("GET /up/a HTTP/1.1")],
    )
    .then(Next::Never),
    passes(
        "9112 §6.2 a body that looks like a request",
        &[POST, b"Content-Length: 41\r\n\r\n", SMUGGLED, b"X"],
        &[Body(b"GET /t/smuggled HTTP/1.1\r\nHost: gate\r\n\r\nX")],
    ),
    passes(
        "9110 §9.3.1 a body of GET that looks like a request",
        &[GET, b"Content-Length: 41\r\n\r\n", SMUGGLED, b"X"],
        &[Body(b"GET /t/smuggled HTTP/1.1\r\nHost: gate\r\n\r\nX")],
    ),
    passes(
        "9110 §9.3.2 a body of HEAD that looks like a request",
        &[b"HEAD /t/a HTTP/1.1\r\nHost: gate\r\nContent-Length: 41\r\n\r\n", SMUGGLED, b"X"],
        &[Body(b"GET /t/smuggled HTTP/1.1\r\nHost: gate\r\n\r\nX")],
    )
    .replied(&[OK, b"content-length: 2\r\n\r\n"]),
    passes(
        "9110 §7.8 a body of an upgrade that looks like a request",
        &[
            POST,
            b"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 41\r\n\r\n",
            SMUGGLED,
            b"X",
        ],
        &[Body(b"GET /t/smuggled HTTP/1.1\r\nHost: gate\r\n\r\nX")],
    )
    .then(Next::Either),
    declined(
        "9112 §9.3 the body of what has no route is no request",
        &[404],
        &[b"POST /nowhere HTTP/1.1\r\nHost: gate\r\nContent-Length: 40\r\n\r\n", SMUGGLED],
    ),
    declined(
        "9112 §9.3 nor are its chunks",
        &[404],
        &[
            b"POST /nowhere HTTP/1.1\r\nHost: gate\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"28\r\n",
            SMUGGLED,
            b"\r\n0\r\n\r\n",
        ],
    ),
    declined(
        "9112 §9.3 nor the body of another method",
        &[405],
        &[b"PATCH /n/only-get HTTP/1.1\r\nHost: gate\r\nContent-Length: 40\r\n\r\n", SMUGGLED],
    ),
    declined(
        "9112 §9.3 nor the body of a method nobody knows",
        &[405, 501],
        &[b"PURGE /t/a HTTP/1.1\r\nHost: gate\r\nContent-Length: 40\r\n\r\n", SMUGGLED],
    ),
    declined(
        "9112 §9.3 nor the body of a path of two readings",
        &[400],
        &[b"POST /t/../t/a HTTP/1.1\r\nHost: gate\r\nContent-Length: 40\r\n\r\n", SMUGGLED],
    ),
    declined(
        "9112 §9.3 nor the body of a call without its token",
        &[401],
        &[b"POST /t/secret HTTP/1.1\r\nHost: gate\r\nContent-Length: 40\r\n\r\n", SMUGGLED],
    ),
    declined(
        "9112 §3.2 nor what follows two Hosts",
        &[400],
        &[POST, b"Host: other\r\nContent-Length: 40\r\n\r\n", SMUGGLED],
    ),
    refused(
        "9112 §6.3 nor what follows two lengths",
        &[400],
        &[POST, b"Content-Length: 0\r\nContent-Length: 40\r\n\r\n", SMUGGLED],
    ),
    refused(
        "9112 §6.1 nor what follows a coding nobody knows",
        &[400, 501],
        &[POST, b"Transfer-Encoding: cow\r\n\r\n", SMUGGLED],
    ),
    refused(
        "9112 §5.1 nor what follows a name with a space",
        &[400],
        &[POST, b"Content-Length : 40\r\n\r\n", SMUGGLED],
    ),
    refused(
        "9112 §7.1 nor what follows a broken chunk",
        &[400, 0],
        &[POST, b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n0\r\n\r\n", SMUGGLED],
    ),
    refused(
        "9112 §9.3 nor the beginning of a body that is too large",
        &[413],
        &[POST, b"Content-Length: 1000000\r\n\r\n", SMUGGLED],
    ),
    refused(
        "9110 §9.3.6 nor what follows a CONNECT that is refused",
        &[400, 404, 405, 501],
        &[b"CONNECT gate:80 HTTP/1.1\r\nHost: gate:80\r\nContent-Length: 40\r\n\r\n", SMUGGLED],
    )
    .then(Next::Either),
];

pub(super) const BOUNDS: &[Row] = &[
    passes("9112 §3 a target of 7,000 bytes", &[b"GET /t/@@ HTTP/1.1\r\nHost: gate\r\n\r\n"], &[])
        .filled(b"a", 7_000),
    refused(
        "9110 §15.5.15 a target of 70,000 bytes",
        &[400, 414, 431],
        &[b"GET /t/@@ HTTP/1.1\r\nHost: gate\r\n\r\n"],
    )
    .filled(b"a", 70_000),
    refused("9110 §15.5.15 a target without an end", &[400, 414, 431], &[b"GET /t/@@"])
        .filled(b"a", 300_000),
    passes("9112 §5 a field of 4,000 bytes", &[GET, b"X-A: @@\r\n\r\n"], &[]).filled(b"a", 4_000),
    declined("6585 §5 a field of 12,000 bytes", &[431], &[GET, b"X-A: @@\r\n\r\n"])
        .filled(b"a", 12_000),
    declined("6585 §5 a field of 70,000 bytes", &[431], &[GET, b"X-A: @@\r\n\r\n"])
        .filled(b"a", 70_000),
    refused("6585 §5 a name of 70,000 bytes", &[400, 431], &[GET, b"@@: 1\r\n\r\n"])
        .filled(b"a", 70_000),
    passes("9112 §5 80 fields", &[GET, b"@@\r\n"], &[]).filled(b"X-A: 1\r\n", 80),
    refused("6585 §5 1,000 fields", &[431], &[GET, b"@@\r\n"]).filled(b"X-A: 1\r\n", 1_000),
    refused("6585 §5 fields without an end", &[431], &[GET, b"@@"]).filled(b"X-A: 1\r\n", 20_000),
    may_pass(
        "9112 §2.2 1,000 empty lines before a request",
        &[400, 431, 0],
        &[b"@@GET /t/a HTTP/1.1\r\nHost: gate\r\n\r\n"],
        &[Start("GET /up/a HTTP/1.1")],
    )
    .filled(b"\r\n", 1_000),
    passes(
        "9110 §8.6 a body of the largest size",
        &[POST, b"Content-Length: 2048\r\n\r\n@@"],
        &[Has("content-length", "2048")],
    )
    .filled(b"x", 2_048),
    declined("9110 §15.5.14 a byte more", &[413], &[POST, b"Content-Length: 2049\r\n\r\n@@"])
        .filled(b"x", 2_049),
    refused(
        "9110 §15.5.14 a body without a length, and without an end",
        &[413],
        &[POST, b"Transfer-Encoding: chunked\r\n\r\n@@"],
    )
    .filled(b"4\r\nabcd\r\n", 20_000),
    declined(
        "9110 §15.5.14 a chunk that is too large",
        &[413],
        &[POST, b"Transfer-Encoding: chunked\r\n\r\n1000\r\n@@\r\n0\r\n\r\n"],
    )
    .filled(b"x", 4_096),
];
