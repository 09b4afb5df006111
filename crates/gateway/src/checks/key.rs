//! The API key: present, known, live.

use std::sync::Arc;

use credential::{Kind, claimed_id, credential_id};
use http::HeaderMap;
use model::Timestamp;

use crate::denial::{Denial, UnknownKey};
use crate::routes::Found;
use crate::snapshot::{KeyEntry, Snapshot};

/// Finds the key by its public part and compares the digest of the whole in constant time.
pub(crate) fn check(
    snapshot: &Snapshot,
    found: &Found,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Arc<KeyEntry>, Denial> {
    let header = &found.api.key_header;
    let mut values = headers.get_all(header).iter();
    let missing = || Denial::KeyMissing { header: header.to_string() };
    let value = values.next().ok_or_else(missing)?;
    let unknown = |why| Denial::KeyUnknown { why, id: None };
    let (Ok(text), None) = (value.to_str(), values.next()) else {
        return Err(unknown(UnknownKey::Unreadable));
    };
    // Check digits tell a mistyped key from an unknown one: looked at only where none is found.
    let unfound = || match credential_id(Kind::ApiKey, text.trim()) {
        Ok(_) => unknown(UnknownKey::Unknown),
        Err(_) => unknown(UnknownKey::Unreadable),
    };
    let Ok(id) = claimed_id(Kind::ApiKey, text.trim()) else { return Err(unfound()) };
    let digest = snapshot.digester.digest(text.trim());
    let entry = snapshot.key(id).ok_or_else(unfound)?;
    if !entry.digest.matches(&digest) {
        return Err(Denial::KeyUnknown { why: UnknownKey::Unknown, id: Some(entry.id.clone()) });
    }
    live(entry, now)?;
    Ok(Arc::clone(entry))
}

/// Whether a key that is the caller's is good now; notes its use.
pub(crate) fn live(entry: &KeyEntry, now: Timestamp) -> Result<(), Denial> {
    let named = |why| Denial::KeyUnknown { why, id: Some(entry.id.clone()) };
    if entry.revoked {
        return Err(named(UnknownKey::Revoked));
    }
    if entry.not_before.is_some_and(|begins| now < begins) {
        return Err(named(UnknownKey::NotYet));
    }
    if let Some(ended) = entry.expires_at.filter(|end| now >= *end) {
        return Err(Denial::KeyExpired { ended, id: entry.id.clone() });
    }
    if entry.plan.is_none() {
        return Err(Denial::KeyWithoutPlan { id: entry.id.clone() });
    }
    entry.mark.used(now);
    Ok(())
}
