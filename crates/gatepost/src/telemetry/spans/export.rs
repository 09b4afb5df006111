//! Sending spans, batch by batch, to the collector (OTLP over HTTP).
//!
//! The queue is looked at ten times a second and not waited on, so that no request wakes a thread
//! for its span. A batch that the collector cannot take now is tried again, a few times and further
//! and further apart ("OTLP/HTTP Throttling"); the queue fills meanwhile, and drops.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Full;
use model::Random as _;
use outbound::{
    Answer, Bounds, Guard, Material, Pool, Tls, TlsError, TlsSource, in_words, send_whole,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::encode::encode;
use super::make::{self, Span};
use super::settings::Settings;
use super::{SpanCounts, Told};
use crate::clock::SystemRandom;

/// How often the queue is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often a batch is tried, and the first and the longest pause in between.
const TRIES_MAX: u32 = 5;
const PAUSE_FIRST: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// What we call ourselves.
const AGENT: &str = concat!("OTel-OTLP-Exporter-Gatepost/", env!("CARGO_PKG_VERSION"));

/// Sends the spans that were handed in.
pub struct Exporter {
    settings: Settings,
    queue: mpsc::Receiver<Told>,
    counts: SpanCounts,
    pool: Pool,
    /// Whether the last batch was not taken: told once, and once that it is over.
    in_trouble: bool,
}

/// What came of a try.
enum Sent {
    Taken,
    /// Not now; the collector may say when.
    Later(Option<Duration>, String),
    /// Never.
    Refused(String),
}

impl Exporter {
    pub(super) fn new(settings: Settings, queue: mpsc::Receiver<Told>, counts: SpanCounts) -> Self {
        let origin = settings.origin.clone();
        let tls = settings.authorities.clone().map(|authorities| {
            let material = Material { authorities: Some(authorities), identity: None };
            Arc::new(Tls::new(Arc::new(Authorities(Arc::new(material)))))
        });
        let pool = Pool::new(origin, Guard::Own, 1, TaskTracker::new()).with_tls(tls);
        Self { settings, queue, counts, pool, in_trouble: false }
    }

    /// Sends until told that there are no more, and then what waits.
    pub async fn run(mut self, no_more: CancellationToken) {
        let mut waiting: Vec<Span> = Vec::new();
        let mut since = Duration::ZERO;
        loop {
            let ending = tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => false,
                () = no_more.cancelled() => true,
            };
            since = if waiting.is_empty() { Duration::ZERO } else { since + LOOK_EVERY };
            loop {
                self.take(&mut waiting);
                let is_full = waiting.len() >= self.settings.batch_max;
                let is_due = is_full || ending || since >= self.settings.every;
                if waiting.is_empty() || !is_due {
                    break;
                }
                let batch = std::mem::take(&mut waiting);
                self.send(&batch, &no_more).await;
                since = Duration::ZERO;
            }
            if ending {
                return;
            }
        }
    }

    /// Takes out of the queue what a batch has room for.
    fn take(&mut self, waiting: &mut Vec<Span>) {
        while waiting.len() < self.settings.batch_max
            && let Ok(told) = self.queue.try_recv()
        {
            match told {
                Told::Request(record) => make::request(&record, waiting),
                Told::Span(span) => waiting.push(*span),
            }
        }
    }

    /// Sends a batch until it is taken, refused, or has been tried often enough.
    async fn send(&mut self, batch: &[Span], no_more: &CancellationToken) {
        let body = encode(self.settings.form, &self.settings.resource, batch);
        let (body, count) = (Bytes::from(body), batch.len() as u64);
        let mut pause = PAUSE_FIRST;
        for left in (0..TRIES_MAX).rev() {
            let (wish, reason) = match self.once(body.clone()).await {
                Sent::Taken => {
                    self.counts.exported.inc_by(count);
                    return self.tell(None);
                }
                Sent::Refused(reason) => (None, Err(reason)),
                Sent::Later(wish, reason) => (wish, Ok(reason)),
            };
            // The end does not wait for a collector that is away.
            let again = reason.is_ok() && left > 0 && !no_more.is_cancelled();
            if !again {
                let (Ok(reason) | Err(reason)) = reason;
                self.counts.not_taken.inc_by(count);
                return self.tell(Some(&reason));
            }
            // Half of a pause is chance, so that many gateways do not come back together.
            let spread = pause.mul_f64(0.5 + SystemRandom.fraction() / 2.0);
            tokio::select! {
                () = tokio::time::sleep(wish.unwrap_or(spread).min(PAUSE_MAX)) => {}
                () = no_more.cancelled() => {}
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn once(&self, body: Bytes) -> Sent {
        let request = match self.request(body) {
            Ok(request) => request,
            Err(error) => return Sent::Refused(error.to_string()),
        };
        match send_whole(&self.pool, request, Bounds::within(self.settings.timeout)).await {
            Ok(answer) => judge(&answer),
            Err(error) => Sent::Later(None, in_words(&error)),
        }
    }

    fn request(&self, body: Bytes) -> Result<Request<Full<Bytes>>, http::Error> {
        let target = self.settings.endpoint.path_and_query().cloned();
        let target = target.map_or_else(|| Uri::from_static("/"), Uri::from);
        let mut request = Request::new(Full::new(body));
        (*request.method_mut(), *request.uri_mut()) = (Method::POST, target);
        let headers = request.headers_mut();
        for (name, value) in &self.settings.headers {
            headers.insert(name.clone(), value.clone());
        }
        headers.insert(HOST, HeaderValue::try_from(self.settings.origin.authority())?);
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let form = self.settings.form.content_type();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(form));
        Ok(request)
    }

    /// Tells when the collector begins to take nothing, and when it takes again.
    fn tell(&mut self, trouble: Option<&str>) {
        match trouble {
            Some(reason) if !self.in_trouble => {
                tracing::warn!(
                    reason,
                    "the collector takes no spans; they are dropped and counted"
                );
            }
            None if self.in_trouble => tracing::info!("the collector takes spans again"),
            _ => {}
        }
        self.in_trouble = trouble.is_some();
    }
}

/// What an answer means ("OTLP/HTTP Response").
fn judge(answer: &Answer) -> Sent {
    let reason = format!("it answered {}", answer.status);
    match answer.status {
        status if status.is_success() => Sent::Taken,
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => {
            let wish = answer.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
            let wish = wish.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
            Sent::Later(wish, reason)
        }
        _ => Sent::Refused(reason),
    }
}

/// The authorities of a collector, read once.
struct Authorities(Arc<Material>);

impl TlsSource for Authorities {
    fn material(&self) -> Result<Arc<Material>, TlsError> {
        Ok(Arc::clone(&self.0))
    }
}
