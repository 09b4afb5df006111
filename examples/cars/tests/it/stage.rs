//! The stage: the service on a free port, and an events door that does as it is told.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

/// How long any condition may take to come true.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the events door does with what it gets.
#[derive(Clone, Copy)]
pub(crate) enum Mood {
    Takes,
    /// Answers 503 to everything.
    Away,
    /// Refuses the entries whose `detail.type` is this, and takes the others.
    Refuses(&'static str),
}

struct Backstage {
    mood: Mutex<Mood>,
    calls: watch::Sender<usize>,
    taken: watch::Sender<Vec<Value>>,
}

/// A stand-in for the internal door of the company's Gatepost, with the bus `orders`.
pub(crate) struct Door {
    pub(crate) url: String,
    backstage: Arc<Backstage>,
    _serving: JoinSet<()>,
}

impl Door {
    pub(crate) async fn open(mood: Mood) -> Self {
        let backstage = Arc::new(Backstage {
            mood: Mutex::new(mood),
            calls: watch::Sender::new(0),
            taken: watch::Sender::new(Vec::new()),
        });
        let router =
            Router::new().route("/events/orders", post(take)).with_state(Arc::clone(&backstage));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.expect("the door serves") });
        Self { url, backstage, _serving: serving }
    }

    pub(crate) fn change(&self, mood: Mood) {
        *self.backstage.mood.lock().expect("no panic before") = mood;
    }

    /// Waits until the door was called so often.
    pub(crate) async fn called(&self, times: usize) {
        let mut calls = self.backstage.calls.subscribe();
        let seen = tokio::time::timeout(PATIENCE, calls.wait_for(|calls| *calls >= times)).await;
        assert!(matches!(seen, Ok(Ok(_))), "the door was not called {times} times");
    }

    /// Waits until so many entries are taken, and gives all of them.
    pub(crate) async fn taken(&self, count: usize) -> Vec<Value> {
        let mut taken = self.backstage.taken.subscribe();
        let seen = tokio::time::timeout(PATIENCE, taken.wait_for(|all| all.len() >= count)).await;
        assert!(matches!(seen, Ok(Ok(_))), "the door did not take {count} entries");
        drop(seen);
        taken.borrow().clone()
    }
}

async fn take(State(backstage): State<Arc<Backstage>>, Json(body): Json<Value>) -> Response {
    backstage.calls.send_modify(|calls| *calls += 1);
    let mood = *backstage.mood.lock().expect("no panic before");
    let refused = match mood {
        Mood::Takes => None,
        Mood::Away => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Mood::Refuses(car_type) => Some(car_type),
    };
    let mut results = Vec::new();
    let mut failed = 0;
    for entry in body["entries"].as_array().expect("entries") {
        if refused.is_some_and(|car_type| entry["detail"]["type"] == car_type) {
            failed += 1;
            let error = json!({"code": "InvalidArgument", "message": "not this one"});
            results.push(json!({"error": error}));
        } else {
            let id = entry["id"].as_str().expect("an id");
            results.push(json!({"id": format!("evt_{id}")}));
            backstage.taken.send_modify(|taken| taken.push(entry.clone()));
        }
    }
    Json(json!({"failed": failed, "entries": results})).into_response()
}

/// What the service answered.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// The body if it is JSON, else null.
    pub(crate) body: Value,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// The service under test.
pub(crate) struct Service {
    url: String,
    http: reqwest::Client,
    stop: Arc<Notify>,
    serving: JoinSet<anyhow::Result<()>>,
}

impl Service {
    pub(crate) async fn start(folder: &Path, events_url: &str) -> Self {
        let config = cars::Config {
            listen: "127.0.0.1:0".parse().expect("an address"),
            data: folder.to_owned(),
            events_url: events_url.to_owned(),
            bus: "orders".to_owned(),
        };
        let listener = cars::bind(&config).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let mut serving = JoinSet::new();
        serving.spawn(cars::serve_on(listener, config, async move { stopped.notified().await }));
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { url, http, stop, serving }
    }

    /// Stops the service in good order.
    pub(crate) async fn stop(mut self) {
        self.stop.notify_one();
        let ended = tokio::time::timeout(PATIENCE, self.serving.join_next()).await;
        assert!(matches!(ended, Ok(Some(Ok(Ok(()))))), "the service ended badly: {ended:?}");
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let url = format!("{}{path}", self.url);
        let mut request = self.http.request(method, url).timeout(PATIENCE).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let bytes = response.bytes().await.expect("a body");
        Reply { status, headers, body: serde_json::from_slice(&bytes).unwrap_or_default() }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, &[], "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Reply {
        self.send(Method::POST, path, &[], body).await
    }

    /// Waits until the outbox stands so: waiting, published, failed.
    pub(crate) async fn outbox_is(&self, waiting: u64, published: u64, failed: u64) -> Value {
        let mut last = Value::Null;
        let reached = tokio::time::timeout(PATIENCE, async {
            let mut ticks = tokio::time::interval(Duration::from_millis(20));
            loop {
                ticks.tick().await;
                last = self.get("/internal/outbox").await.body;
                if last["waiting"] == waiting
                    && last["published"] == published
                    && last["failed"] == failed
                {
                    break;
                }
            }
        })
        .await;
        assert!(reached.is_ok(), "the outbox stands so: {last}");
        last
    }
}

/// The id of the order in an answer.
pub(crate) fn id_of(reply: &Reply) -> String {
    reply.body["id"].as_str().expect("an id").to_owned()
}
