//! Where a request's body ends: lengths, codings and chunks (RFC 9112 §6, §7), and what has been used
//! to smuggle one request within another.

use super::row::Claim::{Body, Has, Lacks};
use super::row::{CHUNKED, GET, Next, POST, Row, SMUGGLED, may_pass, passes, refused};

/// A body of one chunk, and its end.
const ABC: &[u8] = b"3\r\nabc\r\n0\r\n\r\n";

pub(super) const LENGTHS: &[Row] = &[
    passes(
        "9112 §6.2 a length",
        &[POST, b"Content-Length: 3\r\n\r\nabc"],
        &[Has("content-length", "3"), Lacks("transfer-encoding"), Body(b"abc")],
    ),
    passes("9112 §6.2 a length of 0", &[POST, b"Content-Length: 0\r\n\r\n"], &[Body(b"")]),
    passes(
        "9112 §6.3 neither length nor coding is no body",
        &[POST, b"\r\n"],
        &[Lacks("transfer-encoding"), Body(b"")],
    ),
    passes("9110 §9.3.1 GET with a body", &[GET, b"Content-Length: 3\r\n\r\nabc"], &[Body(b"abc")]),
    passes(
        "9110 §8.6 leading zeros are digits",
        &[POST, b"Content-Length: 0003\r\n\r\nabc"],
        &[Body(b"abc")],
    ),
    may_pass(
        "9112 §6.3 the same length twice",
        &[400],
        &[POST, b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"],
        &[Has("content-length", "3"), Body(b"abc")],
    ),
    may_pass(
        "9112 §6.3 the same length in a list",
        &[400],
        &[POST, b"Content-Length: 3, 3\r\n\r\nabc"],
        &[Has("content-length", "3"), Body(b"abc")],
    ),
    refused(
        "9112 §6.3 two lengths",
        &[400],
        &[POST, b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc"],
    ),
    refused(
        "9112 §6.3 two lengths, the longer first",
        &[400],
        &[POST, b"Content-Length: 4\r\nContent-Length: 3\r\n\r\nabcd"],
    ),
    refused("9112 §6.3 two lengths in a list", &[400], &[POST, b"Content-Length: 3, 4\r\n\r\nabc"]),
    refused(
        "9112 §6.3 the same length, spelled in two ways",
        &[400],
        &[POST, b"Content-Length: 3\r\nContent-Length: +3\r\n\r\nabc"],
    ),
    refused("9112 §6.3 a negative length", &[400], &[POST, b"Content-Length: -3\r\n\r\nabc"]),
    refused("9112 §6.3 a length with a plus", &[400], &[POST, b"Content-Length: +3\r\n\r\nabc"]),
    refused("9112 §6.3 a hexadecimal length", &[400], &[POST, b"Content-Length: 0x3\r\n\r\nabc"]),
    refused("9112 §6.3 a length with letters", &[400], &[POST, b"Content-Length: 3a\r\n\r\nabc"]),
    refused(
        "9112 §6.3 a length with a space in it",
        &[400],
        &[POST, b"Content-Length: 3 3\r\n\r\nabc"],
    ),
    refused(
        "9112 §6.3 a length with a fraction",
        &[400],
        &[POST, b"Content-Length: 3.0\r\n\r\nabc"],
    ),
    refused("9112 §6.3 a length in quotes", &[400], &[POST, b"Content-Length: \"3\"\r\n\r\nabc"]),
    refused(
        "9112 §6.3 a length with an exponent",
        &[400],
        &[POST, b"Content-Length: 1e1\r\n\r\nabc"],
    ),
    refused(
        "9112 §6.3 a length with an underscore",
        &[400],
        &[POST, b"Content-Length: 1_0\r\n\r\nabc"],
    ),
    refused("9112 §6.3 no length", &[400], &[POST, b"Content-Length: \r\n\r\nabc"]),
    refused(
        "9112 §6.3 a length with a comma behind",
        &[400],
        &[POST, b"Content-Length: 3,\r\n\r\nabc"],
    ),
    refused(
        "9112 §6.3 a length with a comma before",
        &[400],
        &[POST, b"Content-Length: ,3\r\n\r\nabc"],
    ),
    refused(
        "9112 §6.3 a length with a parameter",
        &[400],
        &[POST, b"Content-Length: 3;a=b\r\n\r\nabc"],
    ),
    refused(
        "9112 §6.3 a length with a vertical tab",
        &[400],
        &[POST, b"Content-Length: \x0b3\r\n\r\nabc"],
    ),
    refused(
        "9112 §6.3 a length with a form feed",
        &[400],
        &[POST, b"Content-Length: 3\x0c\r\n\r\nabc"],
    ),
    refused(
        "9112 §6.3 a length of high bytes",
        &[400],
        &[POST, b"Content-Length: \xb3\r\n\r\nabc"],
    ),
    refused(
        "9112 §6.3 a length that no number holds",
        &[400, 413],
        &[POST, b"Content-Length: 18446744073709551616\r\n\r\nabc"],
    ),
    refused(
        "9112 §6.3 a length that ends where 32 bits end",
        &[400, 413],
        &[POST, b"Content-Length: 4294967299\r\n\r\nabc"],
    ),
    refused(
        "9112 §6.3 the largest length",
        &[400, 413, 431],
        &[POST, b"Content-Length: 18446744073709551615\r\n\r\nabc"],
    ),
    refused(
        "9112 §6.3 the largest length but some",
        &[400, 413],
        &[POST, b"Content-Length: 18446744073709551612\r\n\r\nabc"],
    ),
    refused("9112 §6.3 a length with a NUL", &[400], &[POST, b"Content-Length: 3\0\r\n\r\nabc"]),
    refused(
        "9112 §6.3 a body shorter than its length",
        &[400, 408, 0],
        &[POST, b"Content-Length: 10\r\n\r\nabc"],
    )
    .half_closed(),
];

pub(super) const CODINGS: &[Row] = &[
    passes(
        "9112 §6.1 chunked",
        &[POST, CHUNKED, ABC],
        &[Has("transfer-encoding", "chunked"), Lacks("content-length"), Body(b"abc")],
    ),
    passes(
        "9112 §7 codings are case-insensitive",
        &[POST, b"Transfer-Encoding: CHunKed\r\n\r\n", ABC],
        &[Body(b"abc")],
    ),
    passes(
        "9110 §5.6.3 space around a coding",
        &[POST, b"Transfer-Encoding: \t chunked \t\r\n\r\n", ABC],
        &[Body(b"abc")],
    ),
    passes(
        "9112 §5.1 no space before a coding",
        &[POST, b"transfer-encoding:chunked\r\n\r\n", ABC],
        &[Body(b"abc")],
    ),
    may_pass(
        "9112 §6.1 a length and a coding: the coding counts, and the connection ends",
        &[400],
        &[POST, b"Content-Length: 3\r\n", CHUNKED, b"5\r\nwhole\r\n0\r\n\r\n"],
        &[Lacks("content-length"), Body(b"whole")],
    )
    .then(Next::Never),
    may_pass(
        "9112 §6.1 a coding and a length: the coding counts, and the connection ends",
        &[400],
        &[POST, b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n5\r\nwhole\r\n0\r\n\r\n"],
        &[Lacks("content-length"), Body(b"whole")],
    )
    .then(Next::Never),
    may_pass(
        "9112 §11.2 a request behind the chunks and within the length (CL.TE)",
        &[400],
        &[POST, b"Content-Length: 45\r\n", CHUNKED, b"0\r\n\r\n", SMUGGLED],
        &[Body(b"")],
    )
    .then(Next::Never),
    may_pass(
        "9112 §11.2 a request within a chunk and behind the length (TE.CL)",
        &[400],
        &[
            POST,
            b"Content-Length: 4\r\n",
            CHUNKED,
            b"2e\r\nGET /t/smuggled HTTP/1.1\r\nHost: gate\r\nX: y\r\n\r\n\r\n0\r\n\r\n",
        ],
        &[Lacks("content-length")],
    )
    .then(Next::Never),
    may_pass(
        "9112 §11.2 a length of 0 beside a coding (CL.0)",
        &[400],
        &[POST, b"Content-Length: 0\r\n", CHUNKED, ABC],
        &[Lacks("content-length"), Body(b"abc")],
    )
    .then(Next::Never),
    refused(
        "9112 §6.3 a length and a coding of which one is not understood",
        &[400, 501],
        &[POST, b"Content-Length: 3\r\nTransfer-Encoding: xchunked\r\n\r\nabc"],
    ),
    may_pass(
        "9112 §6.3 a bad length beside a coding",
        &[400],
        &[POST, b"Transfer-Encoding: chunked\r\nContent-Length: -3\r\n\r\n", ABC],
        &[Lacks("content-length"), Body(b"abc")],
    )
    .then(Next::Never),
    refused(
        "9112 §6.1 a coding in HTTP/1.0",
        &[400, 501],
        &[b"POST /t/a HTTP/1.0\r\nHost: gate\r\n", CHUNKED, ABC],
    ),
    refused(
        "9112 §6.1 a coding in HTTP/1.0 that asks to stay",
        &[400, 501],
        &[
            b"POST /t/a HTTP/1.0\r\nHost: gate\r\nConnection: keep-alive\r\n",
            b"Content-Length: 3\r\n",
            CHUNKED,
            ABC,
        ],
    ),
    refused(
        "9112 §6.1 chunked twice in a list",
        &[400, 501],
        &[POST, b"Transfer-Encoding: chunked, chunked\r\n\r\n", ABC],
    ),
    refused(
        "9112 §6.1 chunked twice",
        &[400, 501],
        &[POST, b"Transfer-Encoding: chunked\r\n", CHUNKED, ABC],
    ),
    refused(
        "9112 §6.1 chunked within another coding",
        &[400, 501],
        &[POST, b"Transfer-Encoding: chunked, gzip\r\n\r\n", ABC],
    ),
    refused(
        "9112 §6.1 chunked, then identity in a second line",
        &[400, 501],
        &[POST, b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", ABC],
    ),
    refused(
        "9112 §6.1 identity, then chunked in a second line",
        &[400, 501],
        &[POST, b"Transfer-Encoding: identity\r\n", CHUNKED, ABC],
    ),
    refused(
        "9112 §6.1 identity",
        &[400, 501],
        &[POST, b"Transfer-Encoding: identity\r\n\r\n", ABC],
    ),
    refused(
        "9112 §6.1 identity, chunked",
        &[400, 501],
        &[POST, b"Transfer-Encoding: identity, chunked\r\n\r\n", ABC],
    ),
    refused(
        "9112 §6.1 chunked, identity",
        &[400, 501],
        &[POST, b"Transfer-Encoding: chunked, identity\r\n\r\n", ABC],
    ),
    refused(
        "9112 §6.1 a coding that we do not undo, before chunked",
        &[400, 501],
        &[POST, b"Transfer-Encoding: gzip, chunked\r\n\r\n", ABC],
    ),
    refused(
        "9112 §6.1 a coding that we do not undo, in a line before chunked",
        &[400, 501],
        &[POST, b"Transfer-Encoding: gzip\r\n", CHUNKED, ABC],
    ),
    refused(
        "9112 §6.1 a coding that nobody knows",
        &[400, 501],
        &[POST, b"Transfer-Encoding: xchunked\r\n\r\n", ABC],
    ),
    refused(
        "9112 §6.1 a coding that nobody knows, before chunked",
        &[400, 501],
        &[POST, b"Transfer-Encoding: x, chunked\r\n\r\n", ABC],
    ),
    refused(
        "9112 §6.1 a coding that begins like chunked",
        &[400, 501],
        &[POST, b"Transfer-Encoding: chunkedx\r\n\r\n", ABC],
    ),
    refused(
        "9112 §6.1 two words",
        &[400, 501],
        &[POST, b"Transfer-Encoding: chunked identity\r\n\r\n", ABC],
    ),
    refused(
        "9112 §6.1 chunked in quotes",
        &[400, 501],
        &[POST, b"Transfer-Encoding: \"chunked\"\r\n\r\n", ABC],
    ),
    refused(
        "9112 §6.1 a coding broken in two",
        &[400, 501],
        &[POST, b"Transfer-Encoding: chun ked\r\n\r\n", ABC],
    ),
    refused("9112 §6.1 no coding", &[400, 501], &[POST, b"Transfer-Encoding: \r\n\r\n", ABC]),
    refused(
        "9112 §6.1 a vertical tab before chunked",
        &[400, 501],
        &[POST, b"Transfer-Encoding: \x0bchunked\r\n\r\n", ABC],
    ),
    refused(
        "9112 §6.1 a vertical tab behind chunked",
        &[400, 501],
        &[POST, b"Transfer-Encoding: chunked\x0b\r\n\r\n", ABC],
    ),
    refused(
        "9112 §6.1 a form feed behind chunked",
        &[400, 501],
        &[POST, b"Transfer-Encoding: chunked\x0c\r\n\r\n", ABC],
    ),
    refused(
        "9112 §6.1 a control byte before chunked",
        &[400, 501],
        &[POST, b"Transfer-Encoding: \x01chunked\r\n\r\n", ABC],
    ),
    refused(
        "9112 §6.1 DEL behind chunked",
        &[400, 501],
        &[POST, b"Transfer-Encoding: chunked\x7f\r\n\r\n", ABC],
    ),
    refused(
        "9112 §6.1 a high byte before chunked",
        &[400, 501],
        &[POST, b"Transfer-Encoding: \xa0chunked\r\n\r\n", ABC],
    ),
    refused(
        "9112 §6.1 a NUL behind chunked",
        &[400, 501],
        &[POST, b"Transfer-Encoding: chunked\0\r\n\r\n", ABC],
    ),
    refused(
        "9112 §6.1 a bare CR behind chunked",
        &[400, 501],
        &[POST, b"Transfer-Encoding: chunked\r\r\n\r\n", ABC],
    ),
    refused(
        "9112 §6.1 chunked with a parameter",
        &[400, 501],
        &[POST, b"Transfer-Encoding: chunked;q=1\r\n\r\n", ABC],
    ),
    refused(
        "9112 §6.1 chunked with a weight of 0",
        &[400, 501],
        &[POST, b"Transfer-Encoding: chunked;q=0\r\n\r\n", ABC],
    ),
    refused(
        "9112 §6.1 chunked behind a semicolon",
        &[400, 501],
        &[POST, b"Transfer-Encoding: x;chunked\r\n\r\n", ABC],
    ),
    may_pass(
        "9110 §5.6.1 chunked with an empty element behind",
        &[400, 501],
        &[POST, b"Transfer-Encoding: chunked,\r\n\r\n", ABC],
        &[Body(b"abc")],
    ),
    may_pass(
        "9110 §5.6.1 chunked with an empty element before",
        &[400, 501],
        &[POST, b"Transfer-Encoding: , chunked\r\n\r\n", ABC],
        &[Body(b"abc")],
    ),
    passes(
        "9112 §6.1 a field that only looks like a coding is none",
        &[POST, b"X-Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc"],
        &[Body(b"abc")],
    ),
];

pub(super) const CHUNKS: &[Row] = &[
    passes(
        "9112 §7.1 several chunks",
        &[POST, CHUNKED, b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"],
        &[Body(b"abcdefg")],
    ),
    passes(
        "9112 §7.1 sizes are hexadecimal in either case",
        &[POST, CHUNKED, b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n"],
        &[Body(b"01234567890123456789")],
    ),
    passes(
        "9112 §7.1 leading zeros",
        &[POST, CHUNKED, b"0003\r\nabc\r\n000\r\n\r\n"],
        &[Body(b"abc")],
    ),
    passes(
        "9112 §7.1 a chunk may hold what looks like an end",
        &[POST, CHUNKED, b"7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n"],
        &[Body(b"\r\n0\r\n\r\n")],
    ),
    passes(
        "9112 §7.1.1 an extension",
        &[POST, CHUNKED, b"3;a=b\r\nabc\r\n0\r\n\r\n"],
        &[Body(b"abc")],
    ),
    passes(
        "9112 §7.1.1 an extension without a value",
        &[POST, CHUNKED, b"3;a\r\nabc\r\n0;z\r\n\r\n"],
        &[Body(b"abc")],
    ),
    passes(
        "9112 §7.1.1 an extension in quotes",
        &[POST, CHUNKED, b"3;a=\"b;c\"\r\nabc\r\n0\r\n\r\n"],
        &[Body(b"abc")],
    ),
    may_pass(
        "9112 §7.1.1 space before an extension",
        &[400],
        &[POST, CHUNKED, b"3 ;a=b\r\nabc\r\n0\r\n\r\n"],
        &[Body(b"abc")],
    ),
    may_pass(
        "9112 §7.1 space behind a size",
        &[400],
        &[POST, CHUNKED, b"3 \r\nabc\r\n0\r\n\r\n"],
        &[Body(b"abc")],
    ),
    refused(
        "9112 §7.1.1 extensions longer than anybody needs",
        &[400, 413, 431, 0],
        &[POST, CHUNKED, b"3;a=@@\r\nabc\r\n0\r\n\r\n"],
    )
    .filled(b"x", 70_000),
    refused(
        "9112 §7.1.1 a bare LF in an extension",
        &[400, 0],
        &[POST, CHUNKED, b"3;a\nabc\r\n0\r\n\r\n"],
    ),
    refused(
        "9112 §7.1.1 a bare LF in an extension that hides a chunk",
        &[400, 0],
        &[POST, CHUNKED, b"3;\n\r\nabc\r\n0\r\n\r\n"],
    ),
    refused(
        "9112 §7.1.1 a bare CR in an extension",
        &[400, 0],
        &[POST, CHUNKED, b"3;a\rb\r\nabc\r\n0\r\n\r\n"],
    ),
    refused(
        "9112 §7.1 a size that no number holds",
        &[400, 413, 0],
        &[POST, CHUNKED, b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n"],
    ),
    refused(
        "9112 §7.1 a size that wraps to 3",
        &[400, 413, 0],
        &[POST, CHUNKED, b"10000000000000003\r\nabc\r\n0\r\n\r\n"],
    ),
    refused("9112 §7.1 a negative size", &[400, 0], &[POST, CHUNKED, b"-", ABC]),
    refused("9112 §7.1 a size with a plus", &[400, 0], &[POST, CHUNKED, b"+", ABC]),
    refused("9112 §7.1 a size with 0x", &[400, 0], &[POST, CHUNKED, b"0x", ABC]),
    refused("9112 §7.1 a size with an underscore", &[400, 0], &[POST, CHUNKED, b"0_", ABC]),
    refused("9112 §7.1 a space before a size", &[400, 0], &[POST, CHUNKED, b" ", ABC]),
    refused(
        "9112 §7.1 a size in quotes",
        &[400, 0],
        &[POST, CHUNKED, b"\"3\"\r\nabc\r\n0\r\n\r\n"],
    ),
    refused("9112 §7.1 no size", &[400, 0], &[POST, CHUNKED, b"\r\nabc\r\n0\r\n\r\n"]),
    refused(
        "9112 §7.1 no size, but an extension",
        &[400, 0],
        &[POST, CHUNKED, b";a\r\nabc\r\n0\r\n\r\n"],
    ),
    refused(
        "9112 §7.1 a size of other letters",
        &[400, 0],
        &[POST, CHUNKED, b"g\r\nabc\r\n0\r\n\r\n"],
    ),
    refused("9112 §7.1 two sizes", &[400, 0], &[POST, CHUNKED, b"3 ", ABC]),
    refused(
        "9112 §7.1 a size with a comma",
        &[400, 0],
        &[POST, CHUNKED, b"3,\r\nabc\r\n0\r\n\r\n"],
    ),
    refused("9112 §7.1 a size with a NUL", &[400, 0], &[POST, CHUNKED, b"3\0\r\nabc\r\n0\r\n\r\n"]),
    refused(
        "9112 §7.1 a size with a vertical tab",
        &[400, 0],
        &[POST, CHUNKED, b"3\x0b\r\nabc\r\n0\r\n\r\n"],
    ),
    refused(
        "9112 §7.1 no line behind a chunk",
        &[400, 0],
        &[POST, CHUNKED, b"3\r\nabc3\r\ndef\r\n0\r\n\r\n"],
    ),
    refused(
        "9112 §7.1 a chunk longer than its size",
        &[400, 0],
        &[POST, CHUNKED, b"3\r\nabcd\r\n0\r\n\r\n"],
    ),
    refused(
        "9112 §7.1 a chunk shorter than its size",
        &[400, 0],
        &[POST, CHUNKED, b"5\r\nabc\r\n0\r\n\r\n"],
    ),
    refused("9112 §7.1 bare LFs", &[400, 0], &[POST, CHUNKED, b"3\nabc\n0\n\n"]),
    refused(
        "9112 §7.1 a bare LF behind a size",
        &[400, 0],
        &[POST, CHUNKED, b"3\nabc\r\n0\r\n\r\n"],
    ),
    refused(
        "9112 §7.1 a bare LF behind a chunk",
        &[400, 0],
        &[POST, CHUNKED, b"3\r\nabc\n0\r\n\r\n"],
    ),
    refused(
        "9112 §7.1 a bare CR behind a size",
        &[400, 0],
        &[POST, CHUNKED, b"3\rabc\r\n0\r\n\r\n"],
    ),
    refused(
        "9112 §7.1 a bare CR behind a chunk",
        &[400, 0],
        &[POST, CHUNKED, b"3\r\nabc\r0\r\n\r\n"],
    ),
    refused(
        "9112 §7.1 CR CR LF behind a size",
        &[400, 0],
        &[POST, CHUNKED, b"3\r\r\nabc\r\n0\r\n\r\n"],
    ),
    refused(
        "9112 §7.1 another byte for CR behind a chunk",
        &[400, 0],
        &[POST, CHUNKED, b"3\r\nabcX\n0\r\n\r\n"],
    ),
    refused(
        "9112 §7.1 bytes instead of a line behind a chunk",
        &[400, 0],
        &[POST, CHUNKED, b"3\r\nabcXX0\r\n\r\n"],
    ),
    refused(
        "9112 §7.1 a bare LF at the very end",
        &[400, 0],
        &[POST, CHUNKED, b"3\r\nabc\r\n0\r\n\n"],
    ),
    refused(
        "9112 §7.1 a bare LF behind the last size",
        &[400, 0],
        &[POST, CHUNKED, b"3\r\nabc\r\n0\n\r\n"],
    ),
    refused(
        "9112 §7.1.2 a bare LF behind a trailer",
        &[400, 0],
        &[POST, CHUNKED, b"3\r\nabc\r\n0\r\nX-A: 1\r\n\n"],
    ),
    refused(
        "9112 §7.1 the largest size",
        &[400, 413, 408, 0],
        &[POST, CHUNKED, b"ffffffffffffffff\r\nabc\r\n0\r\n\r\n"],
    )
    .half_closed(),
    refused("9112 §8 an end within a chunk", &[400, 408, 0], &[POST, CHUNKED, b"5\r\nab"])
        .half_closed(),
    refused(
        "9112 §8 an end before the last chunk",
        &[400, 408, 0],
        &[POST, CHUNKED, b"3\r\nabc\r\n"],
    )
    .half_closed(),
    refused(
        "9112 §8 an end before the last line",
        &[400, 408, 0],
        &[POST, CHUNKED, b"3\r\nabc\r\n0\r\n"],
    )
    .half_closed(),
];

pub(super) const TRAILERS: &[Row] = &[
    may_pass(
        "9112 §7.1.2 trailers do not become fields",
        &[400],
        &[POST, CHUNKED, b"3\r\nabc\r\n0\r\nX-A: 1\r\n\r\n"],
        &[Body(b"abc")],
    ),
    may_pass(
        "9110 §6.5.1 trailers of the frame",
        &[400],
        &[
            POST,
            CHUNKED,
            b"3\r\nabc\r\n0\r\nContent-Length: 9\r\nTransfer-Encoding: gzip\r\n",
            b"Host: evil\r\n",
            b"\r\n",
        ],
        &[Lacks("content-length"), Body(b"abc")],
    ),
    may_pass(
        "9110 §6.5.1 trailers of who calls",
        &[400],
        &[
            POST,
            CHUNKED,
            b"3\r\nabc\r\n0\r\nAuthorization: Basic YTpi\r\nX-Api-Key: k\r\nCookie: c\r\n",
            b"\r\n",
        ],
        &[Lacks("authorization"), Lacks("x-api-key"), Lacks("cookie"), Body(b"abc")],
    ),
    may_pass(
        "9110 §6.5.1 trailers that are ours to write",
        &[400],
        &[
            POST,
            CHUNKED,
            b"3\r\nabc\r\n0\r\nGatepost-Partner: cars\r\nGatepost_Client: c\r\n",
            b"X-Real-IP: 192.0.2.1\r\n\r\n",
        ],
        &[Lacks("gatepost-partner"), Lacks("gatepost_client"), Lacks("x-real-ip"), Body(b"abc")],
    ),
    may_pass(
        "9110 §6.5.1 announced trailers that are ours to write",
        &[400],
        &[
            POST,
            b"TE: trailers\r\nTrailer: gatepost-partner, x-forwarded-for\r\n",
            CHUNKED,
            b"3\r\nabc\r\n0\r\nGatepost-Partner: cars\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n",
        ],
        &[Lacks("gatepost-partner"), Body(b"abc")],
    ),
    refused(
        "9112 §7.1.2 a trailer without a colon",
        &[400, 0],
        &[POST, CHUNKED, b"3\r\nabc\r\n0\r\nX-A\r\n\r\n"],
    ),
    refused(
        "9112 §7.1.2 a trailer without a name",
        &[400, 0],
        &[POST, CHUNKED, b"3\r\nabc\r\n0\r\n: 1\r\n\r\n"],
    ),
    refused(
        "9112 §7.1.2 a space before a trailer's colon",
        &[400, 0],
        &[POST, CHUNKED, b"3\r\nabc\r\n0\r\nX-A : 1\r\n\r\n"],
    ),
    refused(
        "9112 §7.1.2 a NUL in a trailer",
        &[400, 0],
        &[POST, CHUNKED, b"3\r\nabc\r\n0\r\nX-A: \0\r\n\r\n"],
    ),
    refused(
        "9112 §7.1.2 a bare CR in a trailer",
        &[400, 0],
        &[POST, CHUNKED, b"3\r\nabc\r\n0\r\nX-A: 1\r2\r\n\r\n"],
    ),
    refused(
        "9112 §7.1.2 a folded trailer",
        &[400, 0],
        &[POST, CHUNKED, b"3\r\nabc\r\n0\r\nX-A: 1\r\n 2\r\n\r\n"],
    ),
    refused(
        "9112 §7.1.2 more trailers than anybody needs",
        &[400, 413, 431, 0],
        &[POST, CHUNKED, b"3\r\nabc\r\n0\r\n@@\r\n"],
    )
    .filled(b"X-A: 1\r\n", 2_000),
    refused(
        "9112 §7.1.2 a trailer longer than anybody needs",
        &[400, 413, 431, 0],
        &[POST, CHUNKED, b"3\r\nabc\r\n0\r\nX-A: @@\r\n\r\n"],
    )
    .filled(b"x", 70_000),
];
