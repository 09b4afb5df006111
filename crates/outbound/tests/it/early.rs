//! Answers that come before their request has gone out whole.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use http::Request;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use outbound::{Answered, Guard, Origin, Pool};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

type Upload = StreamBody<BoxStream<'static, io::Result<Frame<Bytes>>>>;

/// A body that gives ten bytes, and then what it is told.
fn upload(rest: oneshot::Receiver<io::Result<Bytes>>) -> Upload {
    let first = stream::once(async { Ok(Bytes::from_static(b"ten bytes!")) });
    let then = stream::once(async { rest.await.unwrap_or_else(|_| Err(io::Error::other("gone"))) });
    StreamBody::new(first.chain(then).map_ok(Frame::data).boxed())
}

/// Calls with an upload of 20 bytes that is answered after the first ten, and ends as it is told;
/// whether the connection may be used again.
async fn is_kept(rest: io::Result<Bytes>) -> bool {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let origin = Origin::of(&url.parse().unwrap()).unwrap();
    let pool = Pool::new(origin, Guard::Own, 4, TaskTracker::new());
    let (tell, told) = oneshot::channel();
    let request = Request::post("/").header("content-length", "20").body(upload(told)).unwrap();
    let lent = pool.connect().await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    let mut sent = pin!(lent.send(request));
    let mut seen = Vec::new();
    while !seen.ends_with(b"ten bytes!") {
        tokio::select! {
            _ = &mut sent => unreachable!("nobody has answered"),
            read = server.read_buf(&mut seen) => assert!(read.unwrap() > 0),
        }
    }
    server
        .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n")
        .await
        .unwrap();
    let answered = match sent.await {
        Ok(Answered::Coming(response)) => Some(response),
        _ => None,
    };
    let mut body = answered.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "a");
    tell.send(rest).unwrap();
    let waits =
        poll_fn(|context| Poll::Ready(Pin::new(&mut body.frame()).poll(context).is_pending()));
    assert!(waits.await);
    server.write_all(b"0\r\n\r\n").await.unwrap();
    assert!(body.frame().await.is_none());
    pool.idle().is_some()
}

#[tokio::test]
async fn a_connection_whose_request_broke_off_is_not_used_again() {
    assert!(is_kept(Ok(Bytes::from_static(b"and 10 more"[..10].as_ref()))).await);
    assert!(!is_kept(Err(io::Error::other("the caller broke off"))).await);
    assert!(!is_kept(Ok(Bytes::from_static(b"too few"))).await);
    assert!(!is_kept(Ok(Bytes::from_static(b"more than was announced"))).await);
}
