//! The process that follows this one: the same command, started anew with the doors' sockets.
//!
//! See `predecessor.rs` for what the two say to each other. The sockets stay open all the time, in
//! one process or the other, so nobody who connects is refused.

use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context as _, bail};
use command_fds::{CommandFdExt as _, FdMapping};
use store::UsageRow;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::predecessor::{READY, Rest};
use super::sockets::{PREDECESSOR, Sockets};

/// How long it may need to read its configuration and say that it can take over.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How long it may take to take what is handed on at the end.
const TAKEN_WITHIN: Duration = Duration::from_secs(5);
/// How often, and in what distance, it is looked whether one that gave up has ended.
const LAST_LOOKS: u32 = 100;
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// The first file descriptor that is handed over (`sd_listen_fds(3)`, `SD_LISTEN_FDS_START`).
const FIRST: i32 = 3;

/// A process that can take over, and waits for the data directory.
pub(super) struct Successor {
    stream: UnixStream,
    id: u32,
}

impl Successor {
    /// Starts it and waits until it can take over. One that cannot, or that nobody waits for any
    /// more, is ended.
    pub(super) async fn start(sockets: &Sockets) -> anyhow::Result<Self> {
        if std::process::id() == 1 {
            bail!("this is the first process of its container, which ends with it; start another");
        }
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut stream = UnixStream::from_std(ours)?;
        // The command holds this process's handles of what it hands over, and goes with the line.
        let child = command(sockets, theirs.into())?.spawn();
        let mut candidate = Candidate(Some(child.context("the program cannot be started")?));
        let mut said = [0; READY.len()];
        let heard = tokio::time::timeout(READY_WITHIN, stream.read_exact(&mut said)).await;
        match heard {
            Ok(Ok(_)) if said == *READY => {}
            Ok(_) => {
                candidate.last_words().await;
                let how = candidate.end().context("nothing is known of its end")?;
                bail!("it ended before it could take over ({how}); what it says is above");
            }
            Err(_) => bail!("it could not take over within {} s", READY_WITHIN.as_secs()),
        }
        let id = candidate.0.take().context("nothing is known of it")?.id();
        Ok(Self { stream, id })
    }

    /// Its process.
    pub(super) fn id(&self) -> u32 {
        self.id
    }

    /// Hands on what was counted after the store was closed.
    pub(super) async fn hand_on(mut self, rows: Vec<UsageRow>) {
        if rows.is_empty() {
            return;
        }
        let requests =
            rows.iter().fold(0_u64, |sum, row| sum.saturating_add(row.counts.requests()));
        let handed = async {
            let text = serde_json::to_vec(&Rest::of(&rows))?;
            self.stream.write_all(&text).await?;
            self.stream.shutdown().await
        };
        let handed = tokio::time::timeout(TAKEN_WITHIN, handed).await;
        if !matches!(handed, Ok(Ok(()))) {
            tracing::error!(requests, "the usage of the last requests is lost");
        }
    }
}

/// A started process that is ended unless it takes over.
struct Candidate(Option<Child>);

impl Candidate {
    /// Lets it end by itself: it may still be saying what is wrong.
    async fn last_words(&mut self) {
        for _ in 0..LAST_LOOKS {
            let Some(child) = &mut self.0 else { return };
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Ends it; says how it ended, which is its own doing if it ended before.
    fn end(&mut self) -> Option<std::process::ExitStatus> {
        let mut child = self.0.take()?;
        drop(child.kill());
        child.wait().ok()
    }
}

impl Drop for Candidate {
    fn drop(&mut self) {
        self.end();
    }
}

/// The command line of this process once more. Another program may lie at its place by now.
fn command(sockets: &Sockets, stream: OwnedFd) -> anyhow::Result<Command> {
    let mut words = std::env::args_os();
    let mut command = Command::new(words.next().context("this program does not know its name")?);
    command.args(words);
    let mut handed = sockets.handles()?;
    handed.push((PREDECESSOR, stream));
    let names: Vec<&str> = handed.iter().map(|(name, _)| *name).collect();
    command.env("LISTEN_FDS", names.len().to_string());
    command.env("LISTEN_FDNAMES", names.join(":"));
    // They speak of this process.
    command.env_remove("LISTEN_PID").env_remove("WATCHDOG_PID");
    let mapping =
        |(child_fd, (_, parent_fd)): (i32, (&str, OwnedFd))| FdMapping { parent_fd, child_fd };
    command.fd_mappings((FIRST..).zip(handed).map(mapping).collect())?;
    Ok(command)
}
