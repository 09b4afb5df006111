//! Receivers that answer too much, too slowly, or somewhere else: bounded in memory and time, and
//! the connection is closed.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use http_body_util::Full;
use outbound::{
    Answer, Bounds, DialError, Guard, Refusal, SendError, Unanswered, Wait, in_words, send_whole,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::server::{
    Answers, BlackHole, Server, Silent, TestPool, answering, pool, read_request, request,
};

const KIB_64: usize = 64 * 1024;
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
/// More than what the system's buffers and ours hold together.
const TAKEN_MAX: usize = 24 * 1024 * 1024;
const AT_ONCE: Duration = Duration::ZERO;

fn bounds() -> Bounds {
    Bounds::within(Duration::from_secs(10))
}

/// Bounds of which one is short.
fn short(wait: Wait) -> Bounds {
    let short = Duration::from_millis(300);
    match wait {
        Wait::Connect => Bounds { connect_timeout: short, ..bounds() },
        Wait::FirstByte => Bounds { first_byte_timeout: short, ..bounds() },
        Wait::Whole => Bounds::within(short),
    }
}

async fn call(pool: &TestPool, bounds: Bounds) -> Result<Answer, Unanswered> {
    let began = Instant::now();
    let answer = send_whole(pool, request(), bounds).await;
    assert!(began.elapsed() < Duration::from_secs(9), "it took {:?}", began.elapsed());
    answer
}

fn is_timeout(unanswered: &Unanswered, expected: Wait) -> bool {
    matches!(unanswered.error, SendError::Timeout { wait, .. } if wait == expected)
}

#[tokio::test]
async fn an_answer_without_end_is_cut_and_its_connection_closed() {
    let huge = "HTTP/1.1 200 OK\r\ncontent-length: 9999999999999\r\n\r\n";
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let to_the_end = "HTTP/1.1 200 OK\r\n\r\n";
    for (first, then) in
        [(huge, &[b'x'; 4096][..]), (chunked, b"10\r\n0123456789abcdef\r\n"), (to_the_end, b"x")]
    {
        let server = Server::endless(first, then, AT_ONCE).await;
        let answer = call(&server.pool(), bounds()).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.body.len()), (200, KIB_64), "{first}");
        assert_eq!(answer.peer, server.address);
        server.closed(1).await;
        assert!(server.written() < TAKEN_MAX, "{} bytes were taken", server.written());
    }
}

#[tokio::test]
async fn chunks_that_hold_nothing_but_extensions_are_refused() {
    let first = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;";
    let server = Server::endless(first, &[b'e'; 4096], AT_ONCE).await;
    let error = call(&server.pool(), bounds()).await.unwrap_err();
    assert!(matches!(error.error, SendError::Broken(_)), "{error:?}");
    server.closed(1).await;
}

#[tokio::test]
async fn headers_without_end_are_refused() {
    let one = "HTTP/1.1 200 OK\r\nx-long: ";
    let many = "HTTP/1.1 200 OK\r\n";
    for (first, then) in [(one, &[b'y'; 1024][..]), (many, b"x-more: 1\r\n")] {
        let server = Server::endless(first, then, AT_ONCE).await;
        let error = call(&server.pool(), bounds()).await.unwrap_err();
        assert!(matches!(error.error, SendError::Broken(_)), "{error:?}");
        assert_eq!(error.peer, Some(server.address));
        server.closed(1).await;
        assert!(server.written() < TAKEN_MAX, "{} bytes were taken", server.written());
    }
}

#[tokio::test]
async fn interim_answers_are_passed_over_but_not_without_end() {
    let early = "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n";
    let few: &'static str = Box::leak((early.repeat(8) + OK).into_boxed_str());
    let server = Server::start(answering(few)).await;
    assert_eq!(call(&server.pool(), bounds()).await.unwrap().body, "ok");
    let server = Server::endless(early, early.as_bytes(), AT_ONCE).await;
    let error = call(&server.pool(), bounds()).await.unwrap_err();
    assert!(matches!(error.error, SendError::Interim), "{error:?}");
    server.closed(1).await;
}

#[tokio::test]
async fn what_is_dripped_ends_at_the_bound_that_it_reaches_first() {
    let second_part = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n";
    for (first, wait, words) in [
        ("HTTP/1.1 200 OK\r\nx-drip: ", Wait::FirstByte, "no beginning of an answer within 300 ms"),
        ("HTTP/1.1 200 O", Wait::FirstByte, "no beginning of an answer within 300 ms"),
        (second_part, Wait::Whole, "no whole answer within 300 ms"),
        ("HTTP/1.1 200 OK\r\nx-drip: ", Wait::Whole, "no whole answer within 300 ms"),
    ] {
        let server = Server::endless(first, b"d", Duration::from_millis(20)).await;
        let error = call(&server.pool(), short(wait)).await.unwrap_err();
        assert!(is_timeout(&error, wait), "{error:?}");
        assert_eq!(in_words(&error), words);
        assert_eq!(error.peer, Some(server.address));
        server.closed(1).await;
    }
}

#[tokio::test]
async fn a_name_service_that_is_silent_and_a_handshake_that_never_ends_reach_the_first_bound() {
    let silent = pool("http://receiver.test", &[]).with_resolver(std::sync::Arc::new(Silent));
    let error = call(&silent, short(Wait::Connect)).await.unwrap_err();
    assert!(is_timeout(&error, Wait::Connect) && error.peer.is_none(), "{error:?}");
    assert_eq!(in_words(&error), "no connection within 300 ms");
    // It listens, and never says a word of TLS.
    let server = Server::start(|stream| {
        async move {
            let _held = stream;
            std::future::pending().await
        }
        .boxed()
    })
    .await;
    let pool = pool(&format!("https://{}", server.address), &["127.0.0.0/8"]);
    let error = call(&pool, short(Wait::Connect)).await.unwrap_err();
    assert!(is_timeout(&error, Wait::Connect), "{error:?}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer() {
    let server = Server::start(|mut stream| {
        async move {
            read_request(&mut stream).await?;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await?;
            stream.flush().await?;
            // What is unread when a socket closes makes the system send a reset.
            stream.set_zero_linger()?;
            Ok(())
        }
        .boxed()
    })
    .await;
    let error = call(&server.pool(), bounds()).await.unwrap_err();
    assert!(matches!(error.error, SendError::Broken(_)), "{error:?}");
    assert_eq!(error.peer, Some(server.address));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_nobody_is_called() {
    let inner = Server::start_at(Ipv4Addr::new(127, 0, 0, 7), 0, answering(OK)).await;
    let text = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://{}/latest\r\ncontent-length: 0\r\n\r\n",
        inner.address
    );
    let server = Server::start(answering(Box::leak(text.into_boxed_str()))).await;
    let pool = pool(&format!("http://{}", server.address), &["127.0.0.0/8"]);
    let answer = call(&pool, bounds()).await.unwrap();
    assert_eq!(answer.status.as_u16(), 307);
    assert_eq!(inner.accepted(), 0);
}

#[tokio::test]
async fn a_large_call_is_sent_whole() {
    let body = vec![b'b'; 1024 * 1024];
    let expected = body.clone();
    let server = Server::start(move |mut stream| {
        let expected = expected.clone();
        async move {
            let mut read = Vec::new();
            while !read.ends_with(&expected) {
                stream.read_buf(&mut read).await?;
            }
            stream.write_all(OK.as_bytes()).await
        }
        .boxed()
    })
    .await;
    let request = request().map(|_| Full::from(body));
    let answer = send_whole(&server.pool(), request, bounds()).await.unwrap();
    assert_eq!(answer.body, "ok");
}

#[tokio::test]
async fn a_compressed_answer_stays_as_it_is() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f\x0bzz";
    let server = Server::start(answering(answer)).await;
    assert_eq!(call(&server.pool(), bounds()).await.unwrap().body, "\x1f\x0bzz");
}

#[tokio::test]
async fn a_name_that_turns_to_a_private_address_is_refused_and_not_called() {
    // It closes each connection, so that the name is looked up again.
    let close = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let outer = Server::start(answering(close)).await;
    let port = outer.address.port();
    let inner = Server::start_at(Ipv4Addr::new(127, 0, 0, 2), port, answering(OK)).await;
    let answers = Answers::new(vec![vec![outer.address], vec![inner.address]]);
    let pool = pool(&format!("http://receiver.test:{port}"), &["127.0.0.1/32"])
        .with_resolver(std::sync::Arc::clone(&answers) as _);
    assert_eq!(call(&pool, bounds()).await.unwrap().status.as_u16(), 200);
    // What was judged is what was called: one look-up, one connection.
    assert_eq!((answers.asked.load(Ordering::SeqCst), outer.accepted()), (1, 1));
    let error = call(&pool, bounds()).await.unwrap_err();
    let refused = SendError::Dial(DialError::Guard(Refusal::Private(inner.address.ip())));
    assert_eq!(error.error.to_string(), refused.to_string());
    assert_eq!((inner.accepted(), error.peer), (0, None));
}

#[tokio::test]
async fn of_several_addresses_only_those_that_pass_are_called_and_only_the_first_few() {
    let server = Server::start(answering(OK)).await;
    let port = server.address.port();
    let inner = Server::start_at(Ipv4Addr::new(127, 0, 0, 3), port, answering(OK)).await;
    let of = |addresses: Vec<SocketAddr>| {
        let pool = pool(&format!("http://receiver.test:{port}"), &["127.0.0.1/32"]);
        pool.with_resolver(Answers::new(vec![addresses]))
    };
    let both = of(vec![inner.address, server.address]);
    assert_eq!(call(&both, bounds()).await.unwrap().peer, server.address);
    assert_eq!(inner.accepted(), 0);
    let mut many = vec![inner.address; 8];
    many.push(server.address);
    let error = call(&of(many), bounds()).await.unwrap_err();
    assert!(matches!(error.error, SendError::Dial(DialError::Guard(_))), "{error:?}");
    let error = call(&of(vec![]), bounds()).await.unwrap_err();
    assert!(matches!(error.error, SendError::Dial(DialError::Name { .. })), "{error:?}");
}

#[tokio::test]
async fn a_connection_that_rests_too_long_ends_by_itself() {
    let server = Server::start(answering(OK)).await;
    let pool = server.pool().with_idle_for(Duration::from_millis(400));
    for _ in 0..3 {
        call(&pool, bounds()).await.unwrap();
    }
    assert_eq!(server.accepted(), 1, "an idle connection is used again");
    server.closed(1).await;
    call(&pool, bounds()).await.unwrap();
    assert_eq!(server.accepted(), 2);
}

#[tokio::test]
async fn who_closed_an_idle_connection_is_not_who_the_next_call_reached() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut read, mut part) = (Vec::new(), [0; 1024]);
        while !read.ends_with(b"{}") {
            let length = stream.read(&mut part).unwrap();
            read.extend_from_slice(&part[..length]);
        }
        stream.write_all(OK.as_bytes()).unwrap();
        gone.recv().unwrap();
    });
    let pool = pool(&format!("http://{address}"), &["127.0.0.1/32"]);
    assert_eq!(call(&pool, bounds()).await.unwrap().peer, address);
    go.send(()).unwrap();
    server.join().unwrap();
    // The end is noticed, and the connection's task has not run yet: the call is sent on it, comes
    // back, and finds nobody.
    tokio::task::yield_now().await;
    let error = call(&pool, bounds()).await.unwrap_err();
    assert!(matches!(error.error, SendError::Dial(DialError::Connect { .. })), "{error:?}");
    assert_eq!(error.peer, None);
}

#[tokio::test]
async fn a_connection_that_is_never_idle_is_replaced_in_time() {
    let server = Server::start(answering(OK)).await;
    let pool = server.pool().with_used_for(Duration::from_millis(200));
    testkit::until("another connection is made", async || {
        call(&pool, bounds()).await.unwrap();
        (server.accepted() > 1).then_some(())
    })
    .await;
    server.closed(1).await;
}

#[tokio::test]
async fn an_address_that_swallows_everything_does_not_hide_the_others() {
    let server = Server::start(answering(OK)).await;
    let hole = BlackHole::at(server.address.port()).await;
    let answers = Answers::new(vec![vec![hole.address, hole.address, server.address]]);
    let url = format!("http://receiver.test:{}", server.address.port());
    let pool = pool(&url, &["127.0.0.0/8"]).with_resolver(answers);
    let answer = call(&pool, bounds()).await.unwrap();
    assert_eq!((answer.peer, hole.accepts_nobody().await), (server.address, true));
}

#[tokio::test]
async fn an_answer_that_takes_longer_than_the_rest_is_not_cut() {
    let server = Server::start(|mut stream| {
        async move {
            read_request(&mut stream).await?;
            tokio::time::sleep(Duration::from_millis(500)).await;
            stream.write_all(OK.as_bytes()).await
        }
        .boxed()
    })
    .await;
    let pool = server.pool().with_idle_for(Duration::from_millis(100));
    assert_eq!(call(&pool, bounds()).await.unwrap().body, "ok");
}

#[tokio::test]
async fn nobody_is_called_at_a_port_of_another_protocol() {
    let smtp = pool("http://127.0.0.1:25", &["127.0.0.0/8"]);
    let error = call(&smtp, bounds()).await.unwrap_err();
    assert!(
        matches!(error.error, SendError::Dial(DialError::Guard(Refusal::Port(25)))),
        "{error:?}"
    );
    assert!(Guard::Own.judge(Ipv4Addr::LOCALHOST.into(), 25).is_ok());
}
