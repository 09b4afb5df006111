//! Definitions as documents: what was defined, by whom, at which revision.

use model::{Revision, Timestamp};
use tokio::sync::watch;

use crate::Answer;

/// One definition as it is stored: the JSON form of the configuration file's own language, so
/// that file, API and store share one parser and one contract of versions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Document {
    /// `partner`, `plan`, `api` …
    pub kind: String,
    /// Its name, unique in its kind.
    pub name: String,
    /// Who owns it: `file`, `api`, `console`, `handshake`.
    pub origin: String,
    /// Where it stands, `tires.yaml:23`, for documents of a file.
    pub place: String,
    /// The definition as JSON.
    pub body: String,
}

/// One change of the definitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Writes a document over the one of the same kind and name.
    Put(Document),
    /// Removes a document.
    Remove {
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
    },
}

/// Who did what, and what it was before and after. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who: `file`, `admin`, `system`.
    pub who: String,
    /// What: `apply`, `mint key`, `revoke secret` …
    pub what: String,
    /// To which noun: `partner/lee-james`.
    pub subject: String,
    /// In words or JSON.
    pub detail: String,
}

/// Reads and changes the definitions.
pub trait Catalog: Send + Sync {
    /// All documents and the revision they are of.
    fn documents(&self) -> Answer<'_, (Revision, Vec<Document>)>;

    /// Makes all changes or none, if the definitions still are at revision `expected`; durable
    /// with the audit entries when it answers. Gives the new revision.
    fn commit(
        &self,
        expected: Revision,
        changes: Vec<Change>,
        audit: Vec<AuditEntry>,
    ) -> Answer<'_, Revision>;

    /// Tells every new revision: of definitions and of credentials.
    fn revisions(&self) -> watch::Receiver<Revision>;

    /// Keeps an entry of the trail that belongs to no change of definitions; no new revision.
    fn note(&self, entry: AuditEntry) -> Answer<'_, ()>;

    /// The latest audit entries, newest first.
    fn audit(&self, limit: usize) -> Answer<'_, Vec<AuditEntry>>;
}
