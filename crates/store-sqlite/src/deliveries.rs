//! What became of deliveries: positions, retries, attempts, dead letters.
//!
//! Outcomes lie in the segment of the chunk in which the entry stands, so that a segment needs no
//! other one to say what is settled.

mod history;
mod letters;
mod settle;
mod standing;

use std::sync::Arc;

use model::{DeadLetter, Name, Timestamp};
use store::{
    Answer, AttemptFilter, AttemptPage, DeadFilter, Deliveries, DueDelivery, DuePlace, LaneId,
    LaneState, Position, Settlement, StoreError,
};

use crate::files;
use crate::segment::Segment;
use crate::{SqliteStore, error};

pub(crate) use standing::cursor;

impl Deliveries for SqliteStore {
    fn open_lane(&self, lane: LaneId) -> Answer<'_, LaneState> {
        self.log.read(move |segments| standing::open_lane(segments, lane))
    }

    fn settle(
        &self,
        settlements: Vec<Settlement>,
        cursors: Vec<(LaneId, Position)>,
    ) -> Answer<'_, ()> {
        Box::pin(async move {
            // Earlier segments first: a cursor says that everything before it is on disk.
            for (segment, part) in self.parts(settlements, cursors) {
                segment.write(move |connection| part.write(connection).map_err(error)).await?;
            }
            Ok(())
        })
    }

    fn due(
        &self,
        lane: LaneId,
        after: Option<DuePlace>,
        limit: usize,
    ) -> Answer<'_, Vec<DueDelivery>> {
        self.log.read(move |segments| standing::due(segments, lane, after, limit))
    }

    fn backlog(&self, lane: LaneId) -> Answer<'_, u64> {
        self.log.read(move |segments| standing::backlog(segments, lane))
    }

    fn oldest(&self, lane: LaneId) -> Answer<'_, Option<Timestamp>> {
        self.log.read(move |segments| standing::oldest(segments, lane))
    }

    fn dead_letters(&self, filter: DeadFilter) -> Answer<'_, Vec<DeadLetter>> {
        Box::pin(async move {
            let find = move |segments: &[Arc<Segment>]| {
                let letters = letters::find(segments, &letters::listing(filter))?;
                let place = |letter: letters::Found| letter.placed(segments);
                letters.into_iter().map(place).collect::<rusqlite::Result<Vec<_>>>()
            };
            let letters = self.log.read(find).await?;
            let name = move |core: &rusqlite::Connection| {
                letters.into_iter().map(|letter| letters::named(core, letter)).collect()
            };
            self.core_readers.read(name).await
        })
    }

    fn dead_counts(&self) -> Answer<'_, Vec<(Name, u64)>> {
        self.log.read(letters::counts)
    }

    fn redrive(&self, filter: DeadFilter, now: Timestamp) -> Answer<'_, u64> {
        Box::pin(self.redrive_letters(filter, now))
    }

    fn purge(&self, filter: DeadFilter) -> Answer<'_, u64> {
        Box::pin(self.purge_letters(filter))
    }

    fn attempts(&self, filter: AttemptFilter) -> Answer<'_, AttemptPage> {
        Box::pin(async move {
            let page = self.log.read(move |segments| history::page(segments, &filter)).await?;
            self.named(page).await
        })
    }
}

impl SqliteStore {
    /// What is to be written, by segment, in ascending order.
    fn parts(
        &self,
        settlements: Vec<Settlement>,
        cursors: Vec<(LaneId, Position)>,
    ) -> Vec<(Arc<Segment>, settle::Part)> {
        let all = self.log.all();
        let mut parts: Vec<settle::Part> = Vec::new();
        parts.resize_with(all.len(), settle::Part::default);
        for settlement in settlements {
            parts[files::index_of(&all, settlement.chunk)].settlements.push(settlement);
        }
        for (lane, at) in cursors {
            parts[files::index_of(&all, at.chunk)].cursors.push((lane, at));
        }
        let filled = all.iter().cloned().zip(parts).filter(|(_, part)| !part.is_empty());
        filled.collect()
    }

    /// A page of history with the names of its lanes.
    async fn named(&self, page: history::Page) -> Result<AttemptPage, StoreError> {
        let history::Page { rows, next } = page;
        let named = move |connection: &rusqlite::Connection| {
            let name = |row: history::Row| row.named(connection);
            rows.into_iter().map(name).collect::<rusqlite::Result<Vec<_>>>()
        };
        let rows = self.core_readers.read(named).await?;
        Ok(AttemptPage { rows, next })
    }
}
