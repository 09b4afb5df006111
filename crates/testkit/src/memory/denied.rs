//! Tokens that are refused before their end.

use std::collections::BTreeMap;

use model::{Name, Timestamp};
use store::{Answer, AuditEntry, Denied, DeniedTokens, DenyBounds, DenyEntry};

use super::MemStore;

/// Entries by number.
#[derive(Default)]
pub(super) struct Book {
    rows: BTreeMap<u64, DenyEntry>,
    /// The last number that was given.
    last: u64,
}

/// Whether both are about the same thing, and so one entry.
fn is_same(a: &Denied, b: &Denied) -> bool {
    match (a, b) {
        (Denied::Token { id: a, .. }, Denied::Token { id: b, .. })
        | (Denied::Credential { id: a, .. }, Denied::Credential { id: b, .. }) => a == b,
        (Denied::Client { client: a }, Denied::Client { client: b }) => a == b,
        _ => false,
    }
}

impl Book {
    fn known(&self, what: &Denied) -> Option<u64> {
        let mut rows = self.rows.iter();
        rows.find(|(_, row)| is_same(&row.what, what)).map(|(number, _)| *number)
    }

    /// How many single tokens there are that are not over: of one client, or of all.
    fn tokens(&self, of: Option<&Name>, now: Timestamp) -> u64 {
        let fits = |row: &&DenyEntry| match &row.what {
            Denied::Token { client, .. } => {
                now < row.until && (of.is_none() || client.as_ref() == of)
            }
            _ => false,
        };
        self.rows.values().filter(fits).count() as u64
    }

    fn deny(&mut self, entry: DenyEntry, bounds: DenyBounds) -> Option<DenyEntry> {
        let mut entry = entry;
        if let Denied::Token { client, .. } = &entry.what
            && self.known(&entry.what).is_none()
        {
            let client = client.clone();
            let of_client = client.as_ref().map_or(0, |client| self.tokens(Some(client), entry.at));
            let is_full =
                of_client >= bounds.of_client || self.tokens(None, entry.at) >= bounds.in_all;
            if is_full {
                entry = DenyEntry::of_client(client?, entry.at);
            }
        }
        if let Some(known) = self.known(&entry.what).and_then(|number| self.rows.remove(&number)) {
            entry.at = entry.at.max(known.at);
            entry.until = entry.until.max(known.until);
        }
        if let Denied::Client { client } = &entry.what {
            self.rows.retain(|_, row| match &row.what {
                Denied::Token { client: own, .. } => own.as_ref() != Some(client),
                _ => true,
            });
        }
        self.last += 1;
        self.rows.insert(self.last, entry.clone());
        Some(entry)
    }

    fn after(&self, after: u64, now: Timestamp, limit: u32) -> Vec<(u64, DenyEntry)> {
        let rows = self.rows.iter().filter(|(number, row)| **number > after && now < row.until);
        rows.take(limit as usize).map(|(number, row)| (*number, row.clone())).collect()
    }

    fn trim(&mut self, now: Timestamp) -> u64 {
        let before = self.rows.len();
        self.rows.retain(|_, row| now < row.until);
        (before - self.rows.len()) as u64
    }
}

impl DeniedTokens for MemStore {
    fn deny(
        &self,
        entry: DenyEntry,
        bounds: DenyBounds,
        audit: Option<AuditEntry>,
    ) -> Answer<'_, Option<DenyEntry>> {
        self.call(move |tables| {
            let kept = tables.denied.deny(entry, bounds);
            if kept.is_some() {
                tables.definitions.note_all(audit);
            }
            Ok(kept)
        })
    }

    fn denied(&self, after: u64, now: Timestamp, limit: u32) -> Answer<'_, Vec<(u64, DenyEntry)>> {
        self.call(move |tables| Ok(tables.denied.after(after, now, limit)))
    }

    fn trim_denied(&self, now: Timestamp) -> Answer<'_, u64> {
        self.call(move |tables| Ok(tables.denied.trim(now)))
    }
}
