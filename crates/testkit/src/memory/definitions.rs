//! Definitions as documents, and the audit trail.

use std::collections::BTreeMap;

use model::Revision;
use store::{Answer, AuditEntry, Catalog, Change, Document, StoreError};
use tokio::sync::watch;

use super::{MemStore, Tables};

#[derive(Default)]
pub(super) struct Definitions {
    pub(super) revision: Revision,
    /// By kind and name.
    documents: BTreeMap<(String, String), Document>,
    /// Oldest first.
    audit: Vec<AuditEntry>,
}

impl Definitions {
    /// Keeps entries of the trail without a new revision.
    pub(super) fn note_all(&mut self, audit: impl IntoIterator<Item = AuditEntry>) {
        self.audit.extend(audit);
    }
}

impl Tables {
    /// Notes who did what, and makes a new revision of it.
    pub(super) fn revise(&mut self, audit: impl IntoIterator<Item = AuditEntry>) -> Revision {
        self.definitions.audit.extend(audit);
        self.definitions.revision += 1;
        self.definitions.revision
    }
}

impl Catalog for MemStore {
    fn documents(&self) -> Answer<'_, (Revision, Vec<Document>)> {
        self.call(|tables| {
            let definitions = &tables.definitions;
            Ok((definitions.revision, definitions.documents.values().cloned().collect()))
        })
    }

    fn commit(
        &self,
        expected: Revision,
        changes: Vec<Change>,
        audit: Vec<AuditEntry>,
    ) -> Answer<'_, Revision> {
        self.call(move |tables| {
            if tables.definitions.revision != expected {
                return Err(StoreError::Conflict);
            }
            let documents = &mut tables.definitions.documents;
            for change in changes {
                match change {
                    Change::Put(document) => {
                        let key = (document.kind.clone(), document.name.clone());
                        documents.insert(key, document);
                    }
                    Change::Remove { kind, name } => {
                        documents.remove(&(kind, name));
                    }
                }
            }
            Ok(tables.revise(audit))
        })
    }

    fn revisions(&self) -> watch::Receiver<Revision> {
        self.revisions.subscribe()
    }

    fn note(&self, entry: AuditEntry) -> Answer<'_, ()> {
        self.call(move |tables| {
            tables.definitions.audit.push(entry);
            Ok(())
        })
    }

    fn audit(&self, limit: usize) -> Answer<'_, Vec<AuditEntry>> {
        self.call(move |tables| {
            Ok(tables.definitions.audit.iter().rev().take(limit).cloned().collect())
        })
    }
}
