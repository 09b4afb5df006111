//! Answers that are kept under a key, to be given again.

use std::collections::BTreeMap;

use model::Timestamp;
use store::{
    ANSWERS_KEPT_MS, Answer, AnswerBounds, AnswerContent, AnswerKey, Beginning, Begun, KeptAnswer,
    KeptAnswers,
};

use super::MemStore;

/// Requests under a key, in the order they began.
#[derive(Default)]
pub(super) struct Book {
    rows: BTreeMap<u64, Row>,
    next: u64,
}

struct Row {
    key: AnswerKey,
    fingerprint: [u8; 32],
    request: String,
    begun_at: Timestamp,
    until: Timestamp,
    kept: Option<KeptAnswer>,
}

impl Row {
    fn is_over(&self, now: Timestamp) -> bool {
        self.begun_at.plus_ms(ANSWERS_KEPT_MS) <= now
    }

    fn bytes(&self) -> u64 {
        let content = self.kept.as_ref().and_then(|kept| kept.content.as_ref());
        content.map_or(0, |AnswerContent { head, body }| (head.len() + body.len()) as u64)
    }
}

impl Book {
    fn find(&self, key: &AnswerKey) -> Option<(u64, &Row)> {
        let mut rows = self.rows.iter();
        rows.find(|(_, row)| row.key == *key).map(|(number, row)| (*number, row))
    }

    /// The number of the request of that id, while it is under way.
    fn under_way(&self, key: &AnswerKey, request: &str) -> Option<u64> {
        let (number, row) = self.find(key)?;
        (row.request == request && row.kept.is_none()).then_some(number)
    }

    fn begin(&mut self, beginning: Beginning, bounds: AnswerBounds) -> Begun {
        let Beginning { key, fingerprint, request, now, until } = beginning;
        if let Some((number, row)) = self.find(&key) {
            if !row.is_over(now) {
                if row.fingerprint != fingerprint {
                    return Begun::Different;
                }
                if let Some(kept) = &row.kept {
                    return Begun::Answered(kept.clone());
                }
                if now < row.until {
                    return Begun::UnderWay { until: row.until };
                }
            }
            self.rows.remove(&number);
        }
        let partner = key.partner.clone();
        let row = Row { key, fingerprint, request, begun_at: now, until, kept: None };
        self.rows.insert(self.next, row);
        self.next += 1;
        self.make_room(&partner, bounds);
        Begun::Fresh
    }

    fn keep(
        &mut self,
        key: &AnswerKey,
        request: &str,
        kept: KeptAnswer,
        bounds: AnswerBounds,
    ) -> bool {
        let Some(number) = self.under_way(key, request) else { return false };
        if let Some(row) = self.rows.get_mut(&number) {
            row.kept = Some(kept);
        }
        self.make_room(&key.partner, bounds);
        true
    }

    fn release(&mut self, key: &AnswerKey, request: &str) -> bool {
        let number = self.under_way(key, request);
        number.is_some_and(|number| self.rows.remove(&number).is_some())
    }

    fn make_room(&mut self, partner: &str, bounds: AnswerBounds) {
        let own = |rows: &BTreeMap<u64, Row>| -> Vec<(u64, u64)> {
            let own = rows.iter().filter(|(_, row)| row.key.partner == partner);
            own.map(|(number, row)| (*number, row.bytes())).collect()
        };
        let all = own(&self.rows);
        let keys = usize::try_from(bounds.keys).unwrap_or(usize::MAX);
        for (number, _) in all.iter().take(all.len().saturating_sub(keys)) {
            self.rows.remove(number);
        }
        let left = own(&self.rows);
        let mut bytes: u64 = left.iter().map(|(_, bytes)| bytes).sum();
        for (number, size) in left {
            if bytes <= bounds.bytes {
                break;
            }
            let kept = self.rows.get_mut(&number).and_then(|row| row.kept.as_mut());
            if let Some(kept) = kept.filter(|_| size > 0) {
                kept.content = None;
                bytes -= size;
            }
        }
    }

    fn trim(&mut self, now: Timestamp) -> u64 {
        let before = self.rows.len();
        self.rows.retain(|_, row| !row.is_over(now));
        (before - self.rows.len()) as u64
    }
}

impl KeptAnswers for MemStore {
    fn begin_answer(&self, beginning: Beginning, bounds: AnswerBounds) -> Answer<'_, Begun> {
        self.call(move |tables| Ok(tables.answers.begin(beginning, bounds)))
    }

    fn keep_answer(
        &self,
        key: AnswerKey,
        request: String,
        kept: KeptAnswer,
        bounds: AnswerBounds,
    ) -> Answer<'_, bool> {
        self.call(move |tables| Ok(tables.answers.keep(&key, &request, kept, bounds)))
    }

    fn release_answer(&self, key: AnswerKey, request: String) -> Answer<'_, bool> {
        self.call(move |tables| Ok(tables.answers.release(&key, &request)))
    }

    fn trim_answers(&self, now: Timestamp) -> Answer<'_, u64> {
        self.call(move |tables| Ok(tables.answers.trim(now)))
    }
}
