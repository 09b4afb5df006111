//! gRPC through the gateway, with tonic's client and server: the four kinds of calls, statuses,
//! deadlines, and refusals that a gRPC client understands.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Buf as _, BufMut as _};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use http::Request;
use http::uri::PathAndQuery;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use testkit::until;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataMap;
use tonic::server::{
    ClientStreamingService, ServerStreamingService, StreamingService, UnaryService,
};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Response, Status, Streaming};

use super::logged;
use crate::program::Program;

/// Messages that are texts: gRPC does not ask what is in them.
#[derive(Debug, Clone, Copy, Default)]
struct Texts;

impl Codec for Texts {
    type Encode = String;
    type Decode = String;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Texts {
    type Item = String;
    type Error = Status;

    fn encode(&mut self, text: String, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(text.as_bytes());
        Ok(())
    }
}

impl Decoder for Texts {
    type Item = String;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let length = buffer.remaining();
        let bytes = buffer.copy_to_bytes(length);
        let text = String::from_utf8(bytes.to_vec());
        text.map(Some).map_err(|_| Status::internal("a message is no text"))
    }
}

/// What the service has seen.
#[derive(Default)]
struct Seen {
    /// The deadline of the last call, as it was written.
    deadline: Mutex<Option<String>>,
    /// Calls that are not answered and whose callers have not gone.
    held: AtomicUsize,
}

/// A call that is under way.
struct Held(Arc<Seen>);

impl Held {
    fn new(seen: &Arc<Seen>) -> Self {
        seen.held.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(seen))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, Ordering::SeqCst);
    }
}

type Answering<T> = Pin<Box<dyn Future<Output = Result<Response<T>, Status>> + Send>>;
type Texting = BoxStream<'static, Result<String, Status>>;

/// The service, for one call.
struct Echo(Arc<Seen>);

impl UnaryService<String> for Echo {
    type Response = String;
    type Future = Answering<String>;

    fn call(&mut self, request: tonic::Request<String>) -> Self::Future {
        let held = Held::new(&self.0);
        Box::pin(async move {
            let text = request.into_inner();
            match text.as_str() {
                "never" => std::future::pending::<()>().await,
                "fail" => {
                    let mut metadata = MetadataMap::new();
                    metadata.insert("why", "closed".parse().unwrap());
                    let (code, message) = (Code::FailedPrecondition, "not ready — yet");
                    return Err(Status::with_metadata(code, message, metadata));
                }
                _ => {}
            }
            drop(held);
            Ok(Response::new(format!("echo: {text}")))
        })
    }
}

impl ServerStreamingService<String> for Echo {
    type Response = String;
    type ResponseStream = Texting;
    type Future = Answering<Texting>;

    fn call(&mut self, request: tonic::Request<String>) -> Self::Future {
        let text = request.into_inner();
        let texts = (0..5).map(move |number| Ok(format!("{number}: {text}")));
        let end = stream::iter([Err(Status::out_of_range("no more"))]);
        Box::pin(async move { Ok(Response::new(stream::iter(texts).chain(end).boxed())) })
    }
}

impl ClientStreamingService<String> for Echo {
    type Response = String;
    type Future = Answering<String>;

    fn call(&mut self, request: tonic::Request<Streaming<String>>) -> Self::Future {
        Box::pin(async move {
            let mut heard = request.into_inner();
            let mut all = Vec::new();
            while let Some(text) = heard.message().await? {
                all.push(text);
            }
            Ok(Response::new(all.join(" ")))
        })
    }
}

impl StreamingService<String> for Echo {
    type Response = String;
    type ResponseStream = Texting;
    type Future = Answering<Texting>;

    fn call(&mut self, request: tonic::Request<Streaming<String>>) -> Self::Future {
        let heard = request.into_inner();
        let texts = heard.map(|text| text.map(|text| format!("re: {text}")));
        Box::pin(async move { Ok(Response::new(texts.boxed())) })
    }
}

/// Starts the service; gives its address.
async fn serve(seen: &Arc<Seen>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::clone(seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let seen = Arc::clone(&seen);
            let answers = service_fn(move |request: Request<Incoming>| {
                let echo = Echo(Arc::clone(&seen));
                async move {
                    let deadline = request.headers().get("grpc-timeout");
                    let deadline = deadline.map(|value| value.to_str().unwrap().to_owned());
                    *echo.0.deadline.lock() = deadline;
                    let method = request.uri().path().to_owned();
                    let mut grpc = tonic::server::Grpc::new(Texts);
                    Ok::<_, Infallible>(match method.as_str() {
                        "/test.Echo/Many" => grpc.server_streaming(echo, request).await,
                        "/test.Echo/Collect" => grpc.client_streaming(echo, request).await,
                        "/test.Echo/Talk" => grpc.streaming(echo, request).await,
                        _ => grpc.unary(echo, request).await,
                    })
                }
            });
            tokio::spawn(async move {
                let server = http2::Builder::new(TokioExecutor::new());
                drop(server.serve_connection(TokioIo::new(stream), answers).await);
            });
        }
    });
    address
}

/// The service under its own name, and under others with what is to go wrong.
fn definitions(service: &str) -> String {
    format!(
        "
apis:
  echo:
    base_path: /test.Echo
    upstream: {{ to: [\"{service}/test.Echo\"], http: \"2\" }}
    routes: {{ \"POST /{{method}}\": {{}} }}
  closed:
    base_path: /test.Closed
    upstream: {{ to: [\"{service}\"], http: \"2\" }}
    routes: {{ \"POST /{{method}}\": {{ token: required }} }}
  aws:
    base_path: /test.Aws
    upstream: {{ to: [\"{service}\"], http: \"2\" }}
    errors: aws
    routes: {{ \"POST /{{method}}\": {{ token: required }} }}
  keyed:
    base_path: /test.Keyed
    upstream: {{ to: [\"{service}\"], http: \"2\" }}
    routes: {{ \"POST /{{method}}\": {{ api_key: required }} }}
  narrow:
    base_path: /test.Narrow
    upstream: {{ to: [\"{service}\"], http: \"2\" }}
    rate: 1/h
    burst: 1
    routes: {{ \"POST /{{method}}\": {{}} }}
  small:
    base_path: /test.Small
    upstream: {{ to: [\"{service}\"], http: \"2\" }}
    body_max: 16B
    routes: {{ \"POST /{{method}}\": {{}} }}
  slow:
    base_path: /test.Slow
    upstream: {{ to: [\"{service}\"], http: \"2\" }}
    timeout: 1s
    routes: {{ \"POST /{{method}}\": {{}} }}
  gone:
    base_path: /test.Gone
    upstream: {{ to: [\"http://127.0.0.1:1\"], http: \"2\" }}
    routes: {{ \"POST /{{method}}\": {{}} }}
"
    )
}

/// A program in front of the service, and tonic's client of it.
struct Gate {
    program: Program,
    grpc: tonic::client::Grpc<Channel>,
    seen: Arc<Seen>,
}

impl Gate {
    async fn open() -> Self {
        let seen = Arc::new(Seen::default());
        let program = Program::start(&definitions(&serve(&seen).await)).await;
        let endpoint = Endpoint::from_shared(program.public.clone()).unwrap();
        let grpc = tonic::client::Grpc::new(endpoint.connect().await.unwrap());
        Self { program, grpc, seen }
    }

    /// A call with one message and one answer.
    async fn ask(&mut self, method: &'static str, text: &str) -> Result<String, Status> {
        self.send(method, tonic::Request::new(text.to_owned())).await
    }

    async fn send(
        &mut self,
        method: &'static str,
        request: tonic::Request<String>,
    ) -> Result<String, Status> {
        self.grpc.ready().await.unwrap();
        let answer = self.grpc.unary(request, PathAndQuery::from_static(method), Texts).await?;
        Ok(answer.into_inner())
    }

    /// A call that is refused.
    async fn refused(&mut self, method: &'static str, text: &str) -> Status {
        self.ask(method, text).await.unwrap_err()
    }
}

#[tokio::test]
async fn a_call_and_its_failure_arrive_as_the_service_says() {
    let mut gate = Gate::open().await;
    assert_eq!(gate.ask("/test.Echo/One", "there?").await.unwrap(), "echo: there?");
    let large = "x".repeat(1024 * 1024);
    assert_eq!(gate.ask("/test.Echo/One", &large).await.unwrap().len(), large.len() + 6);
    let failed = gate.refused("/test.Echo/One", "fail").await;
    assert_eq!((failed.code(), failed.message()), (Code::FailedPrecondition, "not ready — yet"));
    assert_eq!(failed.metadata().get("why").unwrap(), "closed");
}

#[tokio::test]
async fn many_answers_arrive_and_the_status_behind_them() {
    let mut gate = Gate::open().await;
    gate.grpc.ready().await.unwrap();
    let request = tonic::Request::new("x".to_owned());
    let path = PathAndQuery::from_static("/test.Echo/Many");
    let answers = gate.grpc.server_streaming(request, path, Texts).await.unwrap();
    let mut answers: Streaming<String> = answers.into_inner();
    for number in 0..5 {
        assert_eq!(answers.message().await.unwrap().unwrap(), format!("{number}: x"));
    }
    let end = answers.message().await.unwrap_err();
    assert_eq!((end.code(), end.message()), (Code::OutOfRange, "no more"));
}

#[tokio::test]
async fn many_messages_are_one_call() {
    let mut gate = Gate::open().await;
    gate.grpc.ready().await.unwrap();
    let texts = (0..100).map(|number| number.to_string());
    let request = tonic::Request::new(stream::iter(texts.clone()));
    let path = PathAndQuery::from_static("/test.Echo/Collect");
    let answer = gate.grpc.client_streaming(request, path, Texts).await.unwrap();
    let answer: String = answer.into_inner();
    assert_eq!(answer, texts.collect::<Vec<_>>().join(" "));
}

#[tokio::test]
async fn both_sides_talk_in_turns() {
    let mut gate = Gate::open().await;
    gate.grpc.ready().await.unwrap();
    let (say, said) = mpsc::channel::<String>(1);
    let texts = stream::unfold(said, |mut said| async move { Some((said.recv().await?, said)) });
    let path = PathAndQuery::from_static("/test.Echo/Talk");
    let request = tonic::Request::new(texts.boxed());
    let answers = gate.grpc.streaming(request, path, Texts).await.unwrap();
    let mut answers: Streaming<String> = answers.into_inner();
    for number in 0..10 {
        // What comes next is not known before this is answered.
        say.send(number.to_string()).await.unwrap();
        assert_eq!(answers.message().await.unwrap().unwrap(), format!("re: {number}"));
    }
    drop(say);
    assert_eq!(answers.message().await.unwrap(), None);
}

#[tokio::test]
async fn a_deadline_reaches_the_service_and_lets_it_go() {
    let mut gate = Gate::open().await;
    let mut request = tonic::Request::new("never".to_owned());
    request.set_timeout(Duration::from_millis(300));
    let status = gate.send("/test.Echo/One", request).await.unwrap_err();
    // Which of the two is the client's choice: it is the client that gave up.
    assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status:?}");
    let deadline = gate.seen.deadline.lock().clone();
    assert!(deadline.is_some_and(|text| text.starts_with("300")), "the service does not know it");
    until("the service is let go", async || {
        (gate.seen.held.load(Ordering::SeqCst) == 0).then_some(())
    })
    .await;
    assert_eq!(logged(&gate.program, "/test.Echo/One").await["refusal"], "caller-gone");
    assert_eq!(gate.ask("/test.Echo/One", "next").await.unwrap(), "echo: next");
}

#[tokio::test]
async fn refusals_are_statuses_with_messages_and_the_log_keeps_https() {
    let mut gate = Gate::open().await;
    assert_eq!(gate.ask("/test.Narrow/One", "first").await.unwrap(), "echo: first");
    let long = "x".repeat(64);
    for (method, text, code, problem, http) in [
        ("/test.Closed/One", "", Code::Unauthenticated, "token-missing", 401),
        ("/test.Aws/One", "", Code::Unauthenticated, "token-missing", 401),
        ("/test.Keyed/One", "", Code::PermissionDenied, "api-key-missing", 403),
        ("/test.Nowhere/One", "", Code::Unimplemented, "no-route", 404),
        ("/test.Narrow/One", "", Code::ResourceExhausted, "api-rate-exceeded", 429),
        ("/test.Small/One", long.as_str(), Code::ResourceExhausted, "body-too-large", 413),
        ("/test.Gone/One", "", Code::Unavailable, "upstream-unreachable", 502),
        ("/test.Slow/One", "never", Code::DeadlineExceeded, "upstream-timeout", 504),
    ] {
        let status = gate.refused(method, text).await;
        assert_eq!(status.code(), code, "{method}: {status:?}");
        assert!(status.message().starts_with(&format!("{problem}: ")), "{method}: {status:?}");
        let line = until("the refusal is in the log", async || {
            let lines = gate.program.lines("request").into_iter();
            lines.rev().find(|line| line["path"] == method && line["refusal"] == problem)
        })
        .await;
        assert_eq!(line["status"], http, "{method}");
    }
    let narrow = gate.refused("/test.Narrow/One", "").await;
    let wait = narrow.metadata().get("retry-after").unwrap().to_str().unwrap();
    assert!(wait.parse::<u64>().unwrap() > 3_000, "{wait}");
    let closed = gate.refused("/test.Closed/One", "").await;
    let challenge = closed.metadata().get("www-authenticate").unwrap().to_str().unwrap();
    assert!(challenge.contains("resource_metadata="), "{challenge}");
}

#[tokio::test]
async fn who_only_says_grpc_in_http1_is_told_as_http_has_it() {
    let gate = Gate::open().await;
    let headers = [("content-type", "application/grpc")];
    let answer = gate.program.call("POST", "/test.Closed/One", &headers, "").await;
    assert_eq!((answer.status, answer.header("content-type")), (401, "application/problem+json"));
}
