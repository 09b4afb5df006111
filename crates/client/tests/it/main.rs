//! The client against a server in memory, with a clock that stands until it is moved.
#![expect(clippy::unwrap_used, reason = "tests end where something is not as it should be")]

mod proofs;
mod sharing;

use std::future::pending;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use gatepost_client::{
    BoxError, BoxFuture, Client, ClientAuth, Clock, OnTokio, Random, Secret, Settings, Transport,
    World,
};
use http::{Request, Response};

const TOKEN_URL: &str = "https://api.tires.example/oauth2/token";
const API_URL: &str = "https://api.tires.example/orders?v=1";

/// A clock that stands.
struct Still(AtomicI64);

impl Clock for Still {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Numbers that count, so that no name is used twice.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let count = self.0.fetch_add(1, Ordering::SeqCst).to_le_bytes();
        bytes.fill(0);
        for (byte, value) in bytes.iter_mut().rev().zip(count) {
            *byte = value;
        }
    }
}

type Answer = dyn Fn(usize, &Request<Bytes>) -> Response<Bytes> + Send + Sync;

/// A server that answers by a function of the number of requests before and the request.
#[derive(Clone)]
struct Server {
    got: Arc<Mutex<Vec<Request<Bytes>>>>,
    answer: Arc<Answer>,
    /// Whether it keeps everybody waiting.
    is_stuck: Arc<std::sync::atomic::AtomicBool>,
}

impl Server {
    fn new(
        answer: impl Fn(usize, &Request<Bytes>) -> Response<Bytes> + Send + Sync + 'static,
    ) -> Self {
        Self { got: Arc::default(), answer: Arc::new(answer), is_stuck: Arc::default() }
    }

    /// The requests for tokens and those to the API.
    fn counts(&self) -> (usize, usize) {
        let got = self.got.lock().unwrap();
        let tokens = got.iter().filter(|request| request.uri().path() == "/oauth2/token").count();
        (tokens, got.len() - tokens)
    }

    fn last(&self) -> Request<Bytes> {
        self.got.lock().unwrap().last().unwrap().clone()
    }

    /// The last request for something else than a token.
    fn last_order(&self) -> Request<Bytes> {
        self.got.lock().unwrap().iter().rfind(|got| !is_token(got)).unwrap().clone()
    }
}

impl Transport for Server {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, BoxError>> {
        let before = {
            let mut got = self.got.lock().unwrap();
            got.push(request.clone());
            got.len() - 1
        };
        Box::pin(async move {
            // Those who ask at the same moment have their turn.
            tokio::task::yield_now().await;
            if self.is_stuck.load(Ordering::SeqCst) {
                pending::<()>().await;
            }
            Ok::<_, BoxError>((self.answer)(before, &request))
        })
    }
}

fn json(status: u16, body: &str) -> Response<Bytes> {
    Response::builder().status(status).body(Bytes::from(body.to_owned())).unwrap()
}

/// A token that is good for a hundred seconds.
fn token(value: &str) -> Response<Bytes> {
    let body = format!(r#"{{"access_token":"{value}","token_type":"Bearer","expires_in":100}}"#);
    json(200, &body)
}

fn is_token(request: &Request<Bytes>) -> bool {
    request.uri().path() == "/oauth2/token"
}

fn settings() -> Settings {
    let auth = ClientAuth::basic(Secret::new("s:1"));
    Settings::new(TOKEN_URL, "car-orders", auth).unwrap().scope("tires/create.order")
}

fn client(settings: Settings, server: &Server) -> (Client, Arc<Still>) {
    let clock = Arc::new(Still(AtomicI64::new(1_800_000_000_000)));
    let world = World {
        clock: Arc::clone(&clock) as _,
        random: Arc::new(Counting::default()),
        spawn: Arc::new(OnTokio),
    };
    (Client::new(settings, server.clone(), world), clock)
}

fn order() -> Request<Bytes> {
    Request::post(API_URL).body(Bytes::from_static(b"{}")).unwrap()
}

fn header<'r>(request: &'r Request<Bytes>, name: &str) -> &'r str {
    request.headers().get(name).map_or("", |value| value.to_str().unwrap())
}
