//! What holds of definitions, told as claims.

use super::{Bench, audit};
use crate::{Change, Document, StoreError};

/// Definitions change all or none, only from the revision they were read at, and tell listeners.
pub async fn definitions_change_from_the_revision_they_were_read_at<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let mut told = store.revisions();
    let (revision, documents) = store.documents().await.expect("documents");
    assert!(documents.is_empty());
    let document = Document {
        kind: "plan".to_owned(),
        name: "external".to_owned(),
        origin: "file".to_owned(),
        place: "a.yaml:1".to_owned(),
        body: "{}".to_owned(),
    };
    let put = vec![Change::Put(document.clone())];
    let next = store.commit(revision, put.clone(), vec![audit("apply")]).await.expect("commit");
    assert!(next > revision);
    assert!(told.has_changed().expect("the store is open"));
    assert_eq!(*told.borrow_and_update(), next);
    assert_eq!(store.commit(revision, put, vec![]).await, Err(StoreError::Conflict));
    drop(store);
    let store = bench.open().await;
    assert_eq!(store.documents().await, Ok((next, vec![document.clone()])));
    assert_eq!(store.audit(10).await.expect("audit").len(), 1);
    let remove = Change::Remove { kind: document.kind, name: document.name };
    store.commit(next, vec![remove], vec![]).await.expect("commit");
    assert!(store.documents().await.expect("documents").1.is_empty());
}
