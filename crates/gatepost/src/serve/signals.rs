//! What the operator tells the running program by signals: read the file again, be followed by
//! another process, end.

use model::Clock as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;

use super::successor::Successor;
use super::{Options, Running, apply};

/// The signals that would kill a process that does not watch for them, and must not: they may come
/// while it still starts, and wait then.
pub(super) struct Signals {
    reload: Signal,
    follow: Signal,
}

/// Why the program ends.
pub(super) enum End {
    /// It was told to.
    Stop,
    /// This process takes over.
    Followed(Successor),
}

impl Signals {
    pub(super) fn watch() -> std::io::Result<Self> {
        Ok(Self {
            reload: signal(SignalKind::hangup())?,
            follow: signal(SignalKind::user_defined2())?,
        })
    }

    /// Waits for the end; until then reads the file again at SIGHUP, and starts the process that
    /// follows at SIGUSR2. What is returned beside the end must be held as long as the end lasts:
    /// it watches for those who cannot wait for it.
    pub(super) async fn end(
        mut self,
        running: &mut Running,
        options: &Options,
    ) -> std::io::Result<(End, JoinSet<()>)> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let end = loop {
            tokio::select! {
                _ = terminate.recv() => break End::Stop,
                _ = interrupt.recv() => break End::Stop,
                _ = self.reload.recv() => reload(running, options).await,
                _ = self.follow.recv() => {
                    let followed = tokio::select! {
                        followed = follow(running) => followed,
                        _ = terminate.recv() => break End::Stop,
                        _ = interrupt.recv() => break End::Stop,
                    };
                    if let Some(successor) = followed {
                        break End::Followed(successor);
                    }
                }
            }
        };
        // A process that is followed ends anyway, and systemd tells both to: the first time means
        // the other one.
        let patience = if matches!(end, End::Followed(_)) { 2 } else { 1 };
        let mut impatient = JoinSet::new();
        impatient.spawn(async move {
            for _ in 0..patience {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            }
            at_once();
        });
        Ok((end, impatient))
    }
}

#[expect(clippy::exit, reason = "the operator asked again")]
fn at_once() {
    std::process::exit(130);
}

/// Reads the file again; a bad one leaves everything as it is.
async fn reload(running: &Running, options: &Options) {
    running.notify.reloading();
    match take_over(running, options).await {
        Ok(()) => tracing::info!("the configuration was read again"),
        Err(reason) => tracing::error!("the configuration was not taken over: {reason}"),
    }
    running.notify.ready();
}

/// Says why the file was not taken over.
async fn take_over(running: &Running, options: &Options) -> Result<(), String> {
    let Running { parts, live, .. } = running;
    let loaded = crate::config::load(&options.config, &crate::files::environment)
        .map_err(|report| report.in_a_line())?;
    if loaded.server != options.server {
        tracing::warn!(
            "a change of `listen`, `tls`, `proxies`, `limits`, `data` or `segment` takes effect at \
             the next start only"
        );
    }
    let in_words = |error: anyhow::Error| format!("{error:#}");
    live.have_room(parts, &loaded.definitions).await.map_err(in_words)?;
    apply::documents(&*parts.store, &loaded.documents, parts.clock.now())
        .await
        .map_err(in_words)?;
    live.define(parts, (loaded.definitions, loaded.contracts)).await.map_err(in_words)?;
    parts.telemetry.tell_requests(loaded.log);
    live.tell(parts).await;
    Ok(())
}

/// Starts the process that follows this one. One that cannot take over, because the configuration
/// has a mistake for example, leaves everything as it is.
async fn follow(running: &mut Running) -> Option<Successor> {
    running.notify.reloading();
    // What that process counted to its end is kept by this one.
    if let Some(before) = running.predecessor.as_mut() {
        super::ended(before.await);
        running.predecessor = None;
    }
    match Successor::start(&running.sockets).await {
        Ok(successor) => {
            tracing::info!(pid = successor.id(), "another process takes over");
            running.notify.main_process(successor.id());
            Some(successor)
        }
        Err(error) => {
            tracing::error!("no other process takes over, and this one goes on: {error:#}");
            running.notify.ready();
            None
        }
    }
}
