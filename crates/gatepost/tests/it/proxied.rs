//! What a service hears of a caller that came through a proxy before the public door.

use testkit::{Receiver, Reply};

use crate::client::{ELSEWHERE, HERE, Line, connect};
use crate::program::Program;

/// The headers sent, and what the service hears of the trusted proxy and of somebody else.
type Row<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str);

/// Which scheme the service hears, in `x-forwarded-proto` and in `forwarded`, for requests with
/// such headers from the trusted proxy and from somebody else.
async fn check(header: &str, rows: &[Row<'_>]) {
    let upstream = Receiver::start(|_, _| Reply::status(200).body("ok")).await;
    let program = Program::start(&format!(
        "
proxies: {{ trust: [127.0.0.1/32], header: {header} }}
apis: {{ open: {{ base_path: /open, upstream: {}, routes: {{ GET /a: {{}} }} }} }}
",
        upstream.url()
    ))
    .await;
    for (headers, forwarded, of_another) in rows {
        for (from, forwarded) in [(HERE, forwarded), (ELSEWHERE, of_another)] {
            let mut line = Line::plain(connect(&program, from).await).await;
            assert_eq!(line.call("GET", "/open/a", headers).await.status, 200);
            let got = upstream.got().pop().unwrap();
            assert_eq!(got.header("forwarded"), *forwarded, "{headers:?} from {from}");
            let (_, scheme) = forwarded.split_once("proto=").unwrap();
            assert_eq!(got.header("x-forwarded-proto"), scheme, "{headers:?} from {from}");
        }
    }
}

/// Whoever is not trusted is told of by its own address and scheme, whatever it says.
const ANOTHER: &str = "for=127.0.0.2;proto=http";

#[tokio::test]
async fn a_service_hears_the_scheme_that_a_trusted_proxy_was_called_by() {
    check(
        "x-forwarded-for",
        &[
            (
                &[("x-forwarded-for", "203.0.113.7"), ("x-forwarded-proto", "https")],
                "for=203.0.113.7;proto=https",
                ANOTHER,
            ),
            (&[("x-forwarded-proto", "https")], "for=127.0.0.1;proto=https", ANOTHER),
            (&[("x-forwarded-for", "203.0.113.7")], "for=203.0.113.7;proto=http", ANOTHER),
            (&[("forwarded", "for=203.0.113.7;proto=https")], "for=127.0.0.1;proto=http", ANOTHER),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_service_hears_the_scheme_that_stands_in_forwarded() {
    check(
        "forwarded",
        &[
            (
                &[("forwarded", "for=203.0.113.7;proto=https")],
                "for=203.0.113.7;proto=https",
                ANOTHER,
            ),
            (
                &[("forwarded", "for=203.0.113.7"), ("x-forwarded-proto", "https")],
                "for=203.0.113.7;proto=http",
                ANOTHER,
            ),
        ],
    )
    .await;
}
