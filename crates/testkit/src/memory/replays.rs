//! Replays, and how far each has come.

use model::{Name, Timestamp};
use store::{Answer, AuditEntry, Replay, ReplayProgress, ReplaySpec, ReplayState, Replays, Turn};

use super::MemStore;

#[derive(Default)]
pub(super) struct Book(Vec<Replay>);

impl Book {
    fn find(&mut self, name: &Name) -> Option<&mut Replay> {
        self.0.iter_mut().find(|replay| replay.spec.name == *name)
    }
}

impl Replays for MemStore {
    fn replays(&self) -> Answer<'_, Vec<Replay>> {
        self.call(|tables| {
            let mut replays = tables.replays.0.clone();
            // Of the same moment, the one asked for later comes first.
            replays.reverse();
            replays.sort_by_key(|replay| std::cmp::Reverse(replay.spec.created_at));
            Ok(replays)
        })
    }

    fn add_replay(&self, spec: ReplaySpec, audit: AuditEntry) -> Answer<'_, bool> {
        self.call(move |tables| {
            if tables.replays.find(&spec.name).is_some() {
                return Ok(false);
            }
            let progress = ReplayProgress {
                state: ReplayState::Running,
                looked_until: 0,
                looked_at: 0,
                found: 0,
                ended_at: None,
                reason: String::new(),
            };
            tables.replays.0.push(Replay { spec, progress });
            tables.revise([audit]);
            Ok(true)
        })
    }

    fn turn_replay(
        &self,
        name: Name,
        before: Vec<ReplayState>,
        after: Turn,
        audit: AuditEntry,
    ) -> Answer<'_, bool> {
        self.call(move |tables| {
            let found = tables.replays.find(&name);
            let Some(replay) = found.filter(|replay| before.contains(&replay.progress.state))
            else {
                return Ok(false);
            };
            replay.progress.ended_at = after.state.is_over().then_some(after.at);
            (replay.progress.state, replay.progress.reason) = (after.state, after.reason);
            tables.revise([audit]);
            Ok(true)
        })
    }

    fn note_replay(
        &self,
        name: Name,
        looked_until: u64,
        looked_at: u64,
        found: u64,
    ) -> Answer<'_, ()> {
        self.call(move |tables| {
            let replay = tables.replays.find(&name);
            // What an ended one's reader had still under way is not its progress any more.
            if let Some(Replay { progress, .. }) =
                replay.filter(|replay| !replay.progress.state.is_over())
            {
                (progress.looked_until, progress.looked_at) = (looked_until, looked_at);
                progress.found = found;
            }
            Ok(())
        })
    }

    fn forget_replays(&self, before: Timestamp) -> Answer<'_, usize> {
        self.call(move |tables| {
            let count = tables.replays.0.len();
            let is_old = |replay: &Replay| {
                replay.progress.ended_at.is_some_and(|ended_at| ended_at < before)
            };
            tables.replays.0.retain(|replay| !is_old(replay));
            Ok(count - tables.replays.0.len())
        })
    }
}
