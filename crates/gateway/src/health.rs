//! Asking the addresses of services how they are.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::{HOST, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::Full;
use model::Clock;
use outbound::{Bounds, Guard, Multiplexed, Origin, Pool, send_whole};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::service::{Member, ServiceState};
use crate::snapshot::Snapshot;

/// How often it is looked whose turn it is.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How much of an answer is read.
const ANSWER_BYTES_MAX: usize = 4096;
/// Connections kept to one address for this.
const IDLE_MAX: usize = 1;
/// What we call ourselves.
const AGENT: &str = "gatepost-health";

/// Asks every address of every service that has a health check.
pub struct Health {
    snapshot: Arc<ArcSwap<Snapshot>>,
    clock: Arc<dyn Clock>,
    tracker: TaskTracker,
}

/// What is known of one address between two looks.
struct Asked {
    due_ns: u64,
    line: Arc<Line>,
    /// Whether an answer is still waited for; then nothing more is asked.
    waits: Arc<std::sync::atomic::AtomicBool>,
}

/// How an address is asked: in the HTTP that its service speaks.
enum Line {
    One(Pool),
    Two(Multiplexed<Full<Bytes>>),
}

impl Health {
    /// Over a snapshot that somebody else swaps.
    pub fn new(snapshot: Arc<ArcSwap<Snapshot>>, clock: Arc<dyn Clock>) -> Self {
        Self { snapshot, clock, tracker: TaskTracker::new() }
    }

    /// Asks until stopped.
    pub async fn run(self, stop: CancellationToken) {
        let mut asked: HashMap<usize, Asked> = HashMap::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let services = self.snapshot.load().services();
            let is_there = |number: &usize| {
                services.iter().any(|state| state.members.iter().any(|m| m.number == *number))
            };
            asked.retain(|number, _| is_there(number));
            for state in services {
                for index in 0..state.members.len() {
                    self.ask(&state, index, &mut asked);
                }
            }
        }
    }

    fn ask(&self, state: &Arc<ServiceState>, index: usize, asked: &mut HashMap<usize, Asked>) {
        use std::sync::atomic::Ordering::Relaxed;
        let (Some(health), Some(member)) = (&state.service.health, state.members.get(index)) else {
            return;
        };
        let now_ns = self.clock.ticks_ns();
        let Some(entry) = self.entry(state, member, now_ns, asked) else { return };
        if now_ns < entry.due_ns || entry.waits.swap(true, Relaxed) {
            return;
        }
        entry.due_ns = now_ns.saturating_add(health.every_ms.saturating_mul(1_000_000));
        let (line, waits) = (Arc::clone(&entry.line), Arc::clone(&entry.waits));
        let (state, clock) = (Arc::clone(state), Arc::clone(&self.clock));
        let path = format!("{}{}", member.upstream.path_prefix, health.path);
        let timeout = Duration::from_millis(health.timeout_ms);
        self.tracker.spawn(async move {
            let Some(member) = state.members.get(index) else { return };
            let good = is_well(&line, member, &path, timeout).await;
            waits.store(false, Relaxed);
            match member.checked(good, clock.ticks_ns()) {
                Some(true) => {
                    tracing::info!(address = %member.upstream.authority, "an address is well again");
                }
                Some(false) => {
                    let address = &member.upstream.authority;
                    tracing::warn!(%address, "an address is not well and gets no calls");
                }
                None => {}
            }
        });
    }

    fn entry<'a>(
        &self,
        state: &ServiceState,
        member: &Member,
        now_ns: u64,
        asked: &'a mut HashMap<usize, Asked>,
    ) -> Option<&'a mut Asked> {
        if let std::collections::hash_map::Entry::Vacant(e) = asked.entry(member.number) {
            let origin = Origin::plain(&member.upstream.authority)?;
            let tracker = self.tracker.clone();
            let line = if state.service.http2 {
                Line::Two(Multiplexed::new(origin, Guard::Own, tracker))
            } else {
                Line::One(Pool::new(origin, Guard::Own, IDLE_MAX, tracker))
            };
            let made = Asked { due_ns: now_ns, line: Arc::new(line), waits: Arc::default() };
            e.insert(made);
        }
        asked.get_mut(&member.number)
    }
}

async fn is_well(line: &Line, member: &Member, path: &str, timeout: Duration) -> bool {
    let status = match line {
        Line::One(pool) => ask_one(pool, member, path, timeout).await,
        Line::Two(shared) => {
            let asked = tokio::time::timeout(timeout, ask_two(shared, member, path)).await;
            asked.ok().flatten()
        }
    };
    status.is_some_and(|status| status.is_success() || status.is_redirection())
}

async fn ask_one(
    pool: &Pool,
    member: &Member,
    path: &str,
    timeout: Duration,
) -> Option<StatusCode> {
    let request = Request::builder()
        .uri(path)
        .header(HOST, member.host.clone())
        .header(USER_AGENT, AGENT)
        .body(Full::default());
    let mut bounds = Bounds::within(timeout);
    bounds.answer_bytes_max = ANSWER_BYTES_MAX;
    let answer = send_whole(pool, request.ok()?, bounds).await.ok()?;
    Some(answer.status)
}

/// The answer's body is not read: its stream is reset.
async fn ask_two(
    connections: &Multiplexed<Full<Bytes>>,
    member: &Member,
    path: &str,
) -> Option<StatusCode> {
    let mut shared = match connections.present() {
        Some(present) => present,
        None => connections.connect().await.ok()?,
    };
    let request = Request::builder()
        .uri(format!("http://{}{path}", member.upstream.authority))
        .header(USER_AGENT, AGENT)
        .body(Full::default());
    let response = shared.sender.send_request(request.ok()?).await.ok()?;
    Some(response.status())
}
