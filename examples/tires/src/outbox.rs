//! The outbox: events wait in the database, beside what they tell of, until the bus has
//! them.
//!
//! At least once: a row is sent again until its result is committed here. The bus tells a
//! repetition by the row's id, and after a day the receiver by the order. A refused row is
//! kept, said loudly and not sent again until somebody asks.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use rusqlite::{Connection, TransactionBehavior, params};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::id;
use crate::store::Store;

/// Entries in one request; the bus takes up to 100.
const BATCH_MAX: u32 = 100;
/// How often to look without being woken.
const POLL_EVERY: Duration = Duration::from_secs(1);
/// The first wait after a failure; it doubles with each.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest wait after failures.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How long the bus may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// How much of an unexpected answer goes to the log.
const QUOTED_CHARS_MAX: usize = 300;
/// How many refused events are shown.
const SHOWN_MAX: u32 = 100;

/// Codes of an entry's error that mean "not now" (the codes of `PutEvents`); every other
/// means "never".
const NOT_NOW: [&str; 4] =
    ["InternalException", "InternalFailure", "ServiceUnavailable", "ThrottlingException"];

pub(crate) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS outbox (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  source TEXT NOT NULL,
  detail_type TEXT NOT NULL,
  detail TEXT NOT NULL,
  traceparent TEXT,
  state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'published', 'failed')),
  event_id TEXT,
  reason TEXT,
  written_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  settled_at TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS outbox_by_state ON outbox (state, seq);
";

/// An event to be told, with the id it keeps however often it is sent.
#[derive(Debug)]
pub(crate) struct Event {
    id: String,
    source: &'static str,
    detail_type: &'static str,
    detail: String,
    traceparent: Option<String>,
}

impl Event {
    /// A new event about `detail`, in the trace of the request that caused it.
    pub(crate) fn new(
        source: &'static str,
        detail_type: &'static str,
        detail: &Value,
        traceparent: Option<String>,
    ) -> anyhow::Result<Self> {
        Ok(Self { id: id::fresh()?, source, detail_type, detail: detail.to_string(), traceparent })
    }
}

/// Puts an event in the outbox, as part of the caller's transaction.
pub(crate) fn write(connection: &Connection, event: &Event) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO outbox (id, source, detail_type, detail, traceparent)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let Event { id, source, detail_type, detail, traceparent } = event;
    statement.execute(params![id, source, detail_type, detail, traceparent])?;
    Ok(())
}

/// How many events wait, are published and failed, and the oldest of those that failed.
pub(crate) fn report(connection: &Connection) -> anyhow::Result<Value> {
    let mut counts = json!({"waiting": 0, "published": 0, "failed": 0});
    let mut statement =
        connection.prepare_cached("SELECT state, count(*) FROM outbox GROUP BY state")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let state: String = row.get(0)?;
        counts[state] = json!(row.get::<_, i64>(1)?);
    }
    let mut statement = connection.prepare_cached(
        "SELECT id, source, detail_type, reason FROM outbox WHERE state = 'failed'
         ORDER BY seq LIMIT ?1",
    )?;
    let failures = statement.query_map([SHOWN_MAX], |row| {
        Ok(json!({
            "id": row.get::<_, String>(0)?,
            "source": row.get::<_, String>(1)?,
            "detailType": row.get::<_, String>(2)?,
            "reason": row.get::<_, Option<String>>(3)?,
        }))
    })?;
    counts["failures"] = Value::Array(failures.collect::<rusqlite::Result<_>>()?);
    Ok(counts)
}

/// Lets every event that failed be sent again; answers how many.
pub(crate) fn retry_failed(connection: &Connection) -> anyhow::Result<usize> {
    let sql = "UPDATE outbox SET state = 'waiting', reason = NULL, settled_at = NULL
               WHERE state = 'failed'";
    Ok(connection.execute(sql, [])?)
}

/// Carries events from the outbox to the bus.
pub(crate) struct Publisher {
    store: Store,
    wake: Arc<Notify>,
    http: reqwest::Client,
    url: String,
}

enum Progress {
    /// Nothing waited.
    Idle,
    /// A batch is settled; there may be more.
    Sent,
}

impl Publisher {
    /// A publisher to `bus` behind the internal door at `events_url`; `wake` tells it of
    /// new rows.
    pub(crate) fn new(
        store: Store,
        wake: Arc<Notify>,
        events_url: &str,
        bus: &str,
    ) -> anyhow::Result<Self> {
        // The door is the company's own, on its own network: no proxy is between.
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(ANSWER_MAX)
            .build()
            .context("making the client of the events door")?;
        let url = format!("{}/events/{bus}", events_url.trim_end_matches('/'));
        Ok(Self { store, wake, http, url })
    }

    /// Publishes for ever. May be dropped at any point without losing an event.
    pub(crate) async fn run(self) {
        let mut pause = PAUSE_MIN;
        loop {
            match self.publish_batch().await {
                Ok(Progress::Sent) => pause = PAUSE_MIN,
                Ok(Progress::Idle) => {
                    pause = PAUSE_MIN;
                    tokio::select! {
                        () = self.wake.notified() => {}
                        () = tokio::time::sleep(POLL_EVERY) => {}
                    }
                }
                Err(error) => {
                    let chain = format!("{error:#}");
                    let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
                    tracing::warn!(
                        company = "tires",
                        url = self.url.as_str(),
                        error = chain.as_str(),
                        pause_ms,
                        "events wait in the outbox"
                    );
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    async fn publish_batch(&self) -> anyhow::Result<Progress> {
        let entries = self.store.run(|connection| waiting(connection)).await?;
        if entries.is_empty() {
            return Ok(Progress::Idle);
        }
        let verdicts = self.post(&entries).await?;
        let put_off =
            verdicts.iter().filter(|verdict| matches!(verdict, Verdict::PutOff(_))).count();
        let settled: Vec<_> = entries.into_iter().map(|entry| entry.id).zip(verdicts).collect();
        say(&settled);
        self.store.run(move |connection| settle(connection, &settled)).await?;
        ensure!(put_off == 0, "the bus put off {put_off} entries");
        Ok(Progress::Sent)
    }

    /// Sends the entries; answers with the verdict on each, in their order.
    async fn post(&self, entries: &[Entry]) -> anyhow::Result<Vec<Verdict>> {
        let request = self.http.post(&self.url).json(&Batch { entries });
        let response = request.send().await.context("reaching the events door")?;
        let status = response.status();
        if !status.is_success() {
            // Also a 4xx is waited out: it speaks of the URL or the bus, not of these
            // events.
            let said = response.text().await.unwrap_or_default();
            let said: String = said.chars().take(QUOTED_CHARS_MAX).collect();
            bail!("the events door answered {status}: {said}");
        }
        let answer: Answer = response.json().await.context("reading the events door's answer")?;
        ensure!(
            answer.entries.len() == entries.len(),
            "the events door answered {} results to {} entries",
            answer.entries.len(),
            entries.len()
        );
        Ok(answer.entries.into_iter().map(Verdict::from).collect())
    }
}

/// A row on its way, as the events door takes it.
#[derive(Serialize)]
struct Entry {
    id: String,
    source: String,
    detail_type: String,
    detail: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
}

#[derive(Serialize)]
struct Batch<'a> {
    entries: &'a [Entry],
}

#[derive(Deserialize)]
struct Answer {
    entries: Vec<EntryResult>,
}

#[derive(Deserialize)]
struct EntryResult {
    id: Option<String>,
    error: Option<EntryError>,
}

#[derive(Deserialize)]
struct EntryError {
    code: String,
    message: Option<String>,
}

enum Verdict {
    /// On the bus, under this event id.
    Published(String),
    /// Refused for good, for this reason.
    Failed(String),
    /// Not taken this time, for this reason.
    PutOff(String),
}

impl From<EntryResult> for Verdict {
    fn from(result: EntryResult) -> Self {
        match result {
            EntryResult { error: Some(error), .. } => {
                let reason = format!("{}: {}", error.code, error.message.unwrap_or_default());
                if NOT_NOW.contains(&error.code.as_str()) {
                    Self::PutOff(reason)
                } else {
                    Self::Failed(reason)
                }
            }
            EntryResult { id: Some(id), .. } => Self::Published(id),
            EntryResult { .. } => Self::PutOff("the result has neither id nor error".to_owned()),
        }
    }
}

fn waiting(connection: &Connection) -> anyhow::Result<Vec<Entry>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, source, detail_type, detail, traceparent FROM outbox WHERE state = 'waiting'
         ORDER BY seq LIMIT ?1",
    )?;
    let mut rows = statement.query([BATCH_MAX])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let detail = RawValue::from_string(row.get(3)?).context("reading an event's detail")?;
        entries.push(Entry {
            id: row.get(0)?,
            source: row.get(1)?,
            detail_type: row.get(2)?,
            detail,
            traceparent: row.get(4)?,
        });
    }
    Ok(entries)
}

fn settle(connection: &mut Connection, settled: &[(String, Verdict)]) -> anyhow::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for (id, verdict) in settled {
        let (state, event_id, reason) = match verdict {
            Verdict::Published(event_id) => ("published", Some(event_id), None),
            Verdict::Failed(reason) => ("failed", None, Some(reason)),
            Verdict::PutOff(reason) => ("waiting", None, Some(reason)),
        };
        transaction.execute(
            "UPDATE outbox SET state = ?2, event_id = ?3, reason = ?4,
               settled_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
             WHERE id = ?1",
            params![id, state, event_id, reason],
        )?;
    }
    transaction.commit()?;
    Ok(())
}

/// One line per refused entry, and one for the batch.
fn say(settled: &[(String, Verdict)]) {
    let mut published = 0_usize;
    for (id, verdict) in settled {
        match verdict {
            Verdict::Published(_) => published += 1,
            Verdict::Failed(reason) => tracing::error!(
                company = "tires",
                outbox.id = id.as_str(),
                reason = reason.as_str(),
                "the bus refused an event; it waits for POST /internal/outbox/retry"
            ),
            Verdict::PutOff(reason) => tracing::warn!(
                company = "tires",
                outbox.id = id.as_str(),
                reason = reason.as_str(),
                "the bus did not take an event this time"
            ),
        }
    }
    tracing::info!(company = "tires", sent = settled.len(), published, "events sent to the bus");
}
