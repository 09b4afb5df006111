//! Signing keys change in time: the next one is made and published, signs when it is its turn, and
//! goes when its last token has ended. What to do is decided by `oauth::Turn`.
//!
//! A key counts as published from the moment in which the doors have taken over the revision that
//! holds it, so that none signs that verifiers could not have seen.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use model::{Clock as _, Revision};
use store::StoreError;

use super::Parts;
use super::live::Live;

/// How often is looked, where nothing has changed.
const EVERY: Duration = Duration::from_secs(10);
/// How long the doors may take to catch up before it is looked again.
const LONGEST: Duration = Duration::from_secs(30);
/// How long is waited after something went wrong.
const AGAIN: Duration = Duration::from_secs(1);

/// Turns the rings from the start on and until stopped.
pub(super) async fn run(live: Arc<Live>, parts: Parts) {
    let mut revisions = parts.store.revisions();
    while !parts.stop.is_cancelled() {
        let revision = *revisions.borrow_and_update();
        let turned = tokio::select! {
            turned = when_in_force(&live, &parts, revision) => turned,
            () = parts.stop.cancelled() => return,
        };
        if let Err(error) = turned {
            tracing::error!("the signing keys could not be looked after: {error:#}");
            tokio::select! {
                () = tokio::time::sleep(AGAIN) => {}
                () = parts.stop.cancelled() => {}
            }
            continue;
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            changed = revisions.changed() => if changed.is_err() { return },
            () = parts.stop.cancelled() => {}
        }
    }
}

/// Turns the rings once the doors have taken over what the store holds.
async fn when_in_force(live: &Live, parts: &Parts, revision: Revision) -> anyhow::Result<()> {
    let mut caught_up = live.caught_up();
    let waiting = caught_up.wait_for(|live| *live >= revision);
    if tokio::time::timeout(LONGEST, waiting).await.is_err() {
        // `Live::follow` says what hinders it.
        return Ok(());
    }
    turn(live, parts, revision).await
}

async fn turn(live: &Live, parts: &Parts, revision: Revision) -> anyhow::Result<()> {
    let now = parts.clock.now();
    let records = parts.store.signing_keys().await.context("they cannot be read")?;
    let definitions = live.definitions().load_full();
    let turn = oauth::Turn::of(&records, &definitions, now)?;
    if turn.is_nothing() {
        return Ok(());
    }
    let (vault, random) = (live.vault(), Arc::clone(&parts.random));
    // An RSA key takes long to find.
    let made = tokio::task::spawn_blocking(move || turn.make(&vault, &*random, now));
    let turn = made.await.context("a key could not be made")??;
    let told: Vec<_> = turn.audit.clone();
    match parts.store.change_signing_keys(revision, turn.change, turn.audit).await {
        Ok(()) => {
            for entry in told {
                let (key, algorithm) = (&entry.subject, &entry.detail);
                tracing::info!(%key, %algorithm, "{}", entry.what);
            }
            Ok(())
        }
        // Another change came before it: there is a new revision to look at.
        Err(StoreError::Conflict) => Ok(()),
        Err(error) => Err(error).context("a change of them could not be kept"),
    }
}
