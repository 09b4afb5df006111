//! The process that this one follows, and what the two say to each other.
//!
//! At SIGUSR2 a process starts the program anew and gives it the doors' sockets and one end of a
//! stream (`successor.rs` is the other end). The new one reads its configuration, and when nothing
//! is wrong with it says so by [`READY`] and waits for the data directory. The old one lets go of
//! that, and goes on answering what is under way and takes long, an upload or a WebSocket; what it
//! counted of that comes through the stream in the end ([`Rest`]), because it has no store any more.

use std::io;
use std::time::Duration;

use model::{LATENCY_BUCKETS, Latency, Timestamp, UsageCounts, UsageKey};
use serde::{Deserialize, Serialize};
use store::UsageRow;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::Parts;

/// What a process says that can take over.
pub(super) const READY: &[u8; 6] = b"ready\n";
/// How long the one before may need to its end: the 30 s that requests under way have, and what
/// comes after them.
const GONE_WITHIN: Duration = Duration::from_secs(45);
/// The largest rest. Fifty thousand rows, which is more than are ever counted apart, have half of it.
const REST_BYTES_MAX: u64 = 64 << 20;
/// Rows of one write, as in `usage.rs`.
const PIECE: usize = 500;

/// The other end.
pub(super) struct Predecessor(UnixStream);

impl Predecessor {
    pub(super) fn of(stream: std::os::unix::net::UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self(UnixStream::from_std(stream)?))
    }

    /// Says that this process can take over.
    pub(super) async fn ready(&mut self) -> io::Result<()> {
        self.0.write_all(READY).await
    }

    /// Waits until it has ended, and keeps what it counted to the last.
    pub(super) async fn rest(self, parts: Parts) {
        let mut bytes = Vec::new();
        let mut stream = self.0.take(REST_BYTES_MAX);
        let read = tokio::time::timeout(GONE_WITHIN, stream.read_to_end(&mut bytes)).await;
        if !matches!(read, Ok(Ok(_))) {
            tracing::warn!("the process before does not end, or not in order");
        }
        if bytes.is_empty() {
            return;
        }
        let rows = match serde_json::from_slice::<Rest>(&bytes) {
            Ok(rest) => rest.rows(),
            Err(error) => {
                tracing::error!(%error, "the usage of the last requests of the process before is lost");
                return;
            }
        };
        for piece in rows.chunks(PIECE) {
            if let Err(error) = parts.store.record_usage(piece.to_vec()).await {
                tracing::error!(%error, "usage that the process before counted is lost");
            }
        }
    }
}

/// Usage that was counted after the store was closed. Only two builds that follow each other read
/// it; one that does not know its form loses some counts and nothing else.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Rest {
    usage: Vec<Row>,
}

/// Milliseconds, the key's parts, and the numbers: statuses, refused, limited, bytes in and out,
/// upstream, and how many took how long.
#[derive(Debug, Serialize, Deserialize)]
struct Row(i64, [String; 5], Vec<u64>);

/// Numbers before those of the latencies.
const PLAIN: usize = 10;

impl Rest {
    pub(super) fn of(rows: &[UsageRow]) -> Self {
        Self { usage: rows.iter().map(Row::of).collect() }
    }

    /// The rows that have the form they should have.
    fn rows(self) -> Vec<UsageRow> {
        self.usage.into_iter().filter_map(Row::read).collect()
    }
}

impl Row {
    fn of(row: &UsageRow) -> Self {
        let UsageRow { start, key, counts } = row;
        let parts = [&key.partner, &key.client, &key.api_key, &key.api, &key.route];
        let mut numbers = counts.statuses.to_vec();
        numbers.extend([counts.refused, counts.limited, counts.bytes_in, counts.bytes_out]);
        numbers.push(counts.upstream_us);
        numbers.extend(counts.latency.counts());
        Self(start.ms(), parts.map(ToString::to_string), numbers)
    }

    fn read(self) -> Option<UsageRow> {
        let Self(start_ms, [partner, client, api_key, api, route], numbers) = self;
        let (plain, latency) = numbers.split_at_checked(PLAIN)?;
        let plain: [u64; PLAIN] = plain.try_into().ok()?;
        let latency: [u64; LATENCY_BUCKETS] = latency.try_into().ok()?;
        let [ok, moved, bad, broken, other, refused, limited, bytes_in, bytes_out, upstream_us] =
            plain;
        Some(UsageRow {
            start: Timestamp::from_ms(start_ms),
            key: UsageKey {
                partner: partner.into(),
                client: client.into(),
                api_key: api_key.into(),
                api: api.into(),
                route: route.into(),
            },
            counts: UsageCounts {
                statuses: [ok, moved, bad, broken, other],
                refused,
                limited,
                bytes_in,
                bytes_out,
                upstream_us,
                latency: Latency::of(latency),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use model::{AnsweredBy, UsageSample};

    use super::*;

    #[test]
    fn usage_is_the_same_behind_the_stream() {
        let mut counts = UsageCounts::default();
        for (status, took_us) in [(201, 70), (404, 9_000), (503, 40_000_000)] {
            counts.count(&UsageSample {
                status,
                answered_by: AnsweredBy::Plan,
                bytes_in: 3,
                bytes_out: 5,
                took_us,
                upstream_us: 7,
            });
        }
        let key =
            UsageKey { partner: "cars".into(), route: "/orders".into(), ..UsageKey::default() };
        let rows = vec![UsageRow { start: Timestamp::from_ms(1_700_000_000_000), key, counts }];
        let text = serde_json::to_string(&Rest::of(&rows)).unwrap();
        assert_eq!(serde_json::from_str::<Rest>(&text).unwrap().rows(), rows);
    }

    #[test]
    fn a_row_of_another_form_is_left_out() {
        let short = r#"{"usage":[[0,["","","","",""],[1,2,3]]]}"#;
        assert!(serde_json::from_str::<Rest>(short).unwrap().rows().is_empty());
    }
}
