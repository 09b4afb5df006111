//! Retention on both sides: the other store drops, and the one in memory follows, if it was permitted.

use std::collections::{BTreeMap, BTreeSet};

use store::conformance::Bench;
use store::{AttemptFilter, Deliveries as _, Keep, Store};

use super::{ALL, BUSES, LANES, Pair, seconds};
use crate::Droppable;

/// How often a store may ask to be called again.
const CALLS_MAX: usize = 1000;

impl<B: Bench> Pair<'_, B> {
    /// Drops what is older than so many seconds.
    pub(super) async fn drop_old(&mut self, events: u16, orders: Option<u16>, attempts: u16) {
        self.dropped = true;
        let ago = |ago: u16| self.now.plus_ms(-seconds(ago));
        let buses: BTreeMap<_, _> =
            orders.iter().map(|orders| (BUSES[0].to_owned(), ago(*orders))).collect();
        let in_use = self.lanes[..LANES - 1].iter();
        let keep = Keep {
            now: self.now,
            buses,
            others: ago(events),
            attempts: ago(attempts),
            in_use: in_use.clone().map(|lane| lane.ours).collect(),
        };
        let permitted = self.ours.droppable(&keep);
        let theirs = self.theirs();
        let keep = Keep { in_use: in_use.map(|lane| lane.theirs).collect(), ..keep };
        let mut calls = 0;
        while theirs.drop_old(keep.clone()).await.expect("dropped").more {
            calls += 1;
            assert!(calls < CALLS_MAX, "there is always more to drop");
        }
        let dropped = Droppable {
            events: self.events_gone(&*theirs).await,
            attempts: self.attempts_gone(&*theirs).await,
        };
        let forbidden: Vec<_> = dropped.events.difference(&permitted.events).collect();
        assert!(forbidden.is_empty(), "events were dropped that are needed: {forbidden:?}");
        let forbidden: Vec<_> = dropped.attempts.difference(&permitted.attempts).collect();
        assert!(forbidden.is_empty(), "attempts were dropped too early: {forbidden:?}");
        self.ours.drop_exactly(&dropped);
    }

    /// The events that the other store has no longer.
    async fn events_gone(&mut self, theirs: &dyn Store) -> BTreeSet<u64> {
        let mut gone = BTreeSet::new();
        for known in self.events.iter_mut().filter(|known| known.kept) {
            known.kept = theirs.event(known.id.theirs).await.expect("an event").is_some();
            if !known.kept {
                gone.insert(known.id.ours.seq);
            }
        }
        gone
    }

    /// The attempts that the other store has no longer.
    async fn attempts_gone(&self, theirs: &dyn Store) -> BTreeSet<(crate::Standing, u32)> {
        let mut there = BTreeSet::new();
        let mut filter = AttemptFilter { limit: ALL, ..AttemptFilter::default() };
        loop {
            let page = theirs.attempts(filter.clone()).await.expect("attempts");
            there.extend(page.rows.iter().map(|row| row.attempt.took_ms));
            let Some(next) = page.next else { break };
            filter.after = Some(next);
        }
        let filter = AttemptFilter { limit: usize::MAX, ..AttemptFilter::default() };
        let here = self.ours.attempts(filter).await.expect("attempts").rows;
        let marks = here.iter().map(|row| row.attempt.took_ms);
        let gone = marks.filter(|mark| !there.contains(mark));
        gone.filter_map(|mark| self.made.get(&mark).copied()).collect()
    }
}
