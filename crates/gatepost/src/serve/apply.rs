//! The file's definitions → the store: what changed, in one commit, with its audit trail.

use std::collections::BTreeMap;

use anyhow::Context as _;
use model::Timestamp;
use store::{AuditEntry, Change, Document, Store, StoreError};

/// How often it is tried where somebody else changes definitions at the same moment.
const TRIES: u32 = 10;

/// Makes the store's documents of origin `file` what the file says. Documents of another origin
/// are left alone.
pub(super) async fn documents(
    store: &dyn Store,
    wanted: &[Document],
    now: Timestamp,
) -> anyhow::Result<()> {
    for _ in 1..TRIES {
        match once(store, wanted, now).await {
            // A key that changes, or a secret that is added, at this very moment.
            Err(StoreError::Conflict) => {}
            applied => return applied.context("the definitions cannot be kept"),
        }
    }
    once(store, wanted, now).await.context("the definitions cannot be kept")
}

async fn once(store: &dyn Store, wanted: &[Document], now: Timestamp) -> Result<(), StoreError> {
    let (revision, present) = store.documents().await?;
    let (changes, audit) = changes(&present, wanted, now);
    if changes.is_empty() {
        return Ok(());
    }
    store.commit(revision, changes, audit).await?;
    Ok(())
}

fn changes(
    present: &[Document],
    wanted: &[Document],
    now: Timestamp,
) -> (Vec<Change>, Vec<AuditEntry>) {
    let key = |document: &Document| (document.kind.clone(), document.name.clone());
    let present: BTreeMap<_, _> =
        present.iter().map(|document| (key(document), document)).collect();
    let named: BTreeMap<_, _> = wanted.iter().map(|document| (key(document), document)).collect();
    let entry = |what: &str, document: &Document, detail: String| AuditEntry {
        at: now,
        who: "file".to_owned(),
        what: what.to_owned(),
        subject: format!("{}/{}", document.kind, document.name),
        detail,
    };
    let (mut changes, mut audit) = (Vec::new(), Vec::new());
    for (key, document) in &named {
        let before = present.get(key);
        // A definition that only moved in the file is kept up to date without a trail.
        if before.is_some_and(|before| *before == *document) {
            continue;
        }
        changes.push(Change::Put((*document).clone()));
        let same = before.is_some_and(|b| b.body == document.body && b.origin == document.origin);
        if !same {
            let before = before.map_or("nothing", |before| before.body.as_str());
            audit.push(entry("apply", document, format!("{before} → {}", document.body)));
        }
    }
    for (key, document) in &present {
        if document.origin == "file" && !named.contains_key(key) {
            let (kind, name) = key.clone();
            changes.push(Change::Remove { kind, name });
            audit.push(entry("remove", document, document.body.clone()));
        }
    }
    (changes, audit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(name: &str, origin: &str, place: &str, body: &str) -> Document {
        let text = str::to_owned;
        Document {
            kind: text("plan"),
            name: text(name),
            origin: text(origin),
            place: text(place),
            body: text(body),
        }
    }

    #[test]
    fn only_what_changed_is_written_and_what_others_own_is_left_alone() {
        let present = [
            document("same", "file", "a:1", "1"),
            document("moved", "file", "a:2", "1"),
            document("changed", "file", "a:3", "1"),
            document("gone", "file", "a:4", "1"),
            document("theirs", "api", "", "1"),
        ];
        let wanted = [
            document("same", "file", "a:1", "1"),
            document("moved", "file", "a:9", "1"),
            document("changed", "file", "a:3", "2"),
            document("new", "file", "a:5", "1"),
        ];
        let (changes, audit) = changes(&present, &wanted, Timestamp::from_ms(0));
        let names: Vec<_> = changes
            .iter()
            .map(|change| match change {
                Change::Put(document) => format!("put {}", document.name),
                Change::Remove { name, .. } => format!("remove {name}"),
            })
            .collect();
        assert_eq!(names, ["put changed", "put moved", "put new", "remove gone"]);
        let told: Vec<_> = audit.iter().map(|a| format!("{} {}", a.what, a.subject)).collect();
        assert_eq!(told, ["apply plan/changed", "apply plan/new", "remove plan/gone"]);
    }
}
