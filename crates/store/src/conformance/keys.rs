//! What holds of credentials and signing keys, told as claims.

use credential::Digest;
use model::{
    CredentialKind, CredentialUse, KeptSecret, KeyCredential, Name, SecretCredential,
    SigningKeyRecord, Timestamp,
};

use super::{Bench, at, audit, name};
use crate::{
    FORMER_USES_KEPT_MS, FORMER_USES_MAX, Placing, SigningKeyChange, SigningKeyTurn, StoreError,
};

/// Credentials are kept, revoked once, and every change is a revision.
pub async fn credentials_are_revoked_once<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let revision = *store.revisions().borrow();
    let key = KeyCredential {
        id: "k1".to_owned(),
        key: name("car-orders"),
        partner: name("cars"),
        digest: Digest::from_bytes([7; 32]),
        last_four: "abcd".to_owned(),
        created_at: at(0),
        not_before: None,
        expires_at: Some(at(50)),
        revoked_at: None,
        last_used: None,
    };
    let secret = SecretCredential {
        id: "s1".to_owned(),
        client: name("car-orders"),
        digest: Digest::from_bytes([8; 32]),
        last_four: "efgh".to_owned(),
        created_at: at(0),
        not_before: Some(at(5)),
        expires_at: None,
        revoked_at: None,
        last_used: None,
        imported: true,
    };
    store.add_key_credential(key, audit("mint")).await.expect("kept");
    store.add_secret_credential(secret, audit("mint")).await.expect("kept");
    let id = || "k1".to_owned();
    assert_eq!(store.revoke_key_credential(id(), at(9), audit("revoke")).await, Ok(true));
    assert_eq!(store.revoke_key_credential(id(), at(9), audit("revoke")).await, Ok(false));
    let none = "s0".to_owned();
    assert_eq!(store.revoke_secret_credential(none, at(9), audit("revoke")).await, Ok(false));
    assert!(*store.revisions().borrow() >= revision + 3);
    let signing = SigningKeyRecord {
        kid: "kid".to_owned(),
        public_jwk: "{}".to_owned(),
        sealed_private: vec![1, 2, 3],
        created_at: at(1),
        retired_at: None,
        published_at: None,
        turn_at: None,
        signs_from: None,
        gone_at: None,
    };
    store.add_signing_key(signing, audit("new key")).await.expect("kept");
    drop(store);
    let store = bench.open().await;
    let keys = store.key_credentials().await.expect("keys");
    assert_eq!(keys[0].revoked_at, Some(at(9)));
    assert!(keys[0].digest.matches(&Digest::from_bytes([7; 32])));
    assert!(!keys[0].is_live(at(10)) && keys[0].expires_at == Some(at(50)));
    let secrets = store.secret_credentials().await.expect("secrets");
    assert!(secrets[0].is_live(at(10_000)) && &*secrets[0].client == "car-orders");
    assert!(!secrets[0].is_live(at(4)) && secrets[0].imported);
    let signing = store.signing_keys().await.expect("signing keys");
    assert_eq!(signing[0].sealed_private, [1, 2, 3]);
    assert_eq!(store.audit(10).await.expect("audit").len(), 4);
}

/// A new key that signs webhooks ends those before it, at the earliest moment they were given.
pub async fn webhook_keys_make_way_for_new_ones<B: Bench>(bench: &B) {
    let key = |kid: &str, created_at| SigningKeyRecord {
        kid: kid.to_owned(),
        public_jwk: "{}".to_owned(),
        sealed_private: vec![1, 2, 3],
        created_at,
        retired_at: None,
        published_at: None,
        turn_at: None,
        signs_from: None,
        gone_at: None,
    };
    let store = bench.open().await;
    assert!(store.webhook_keys().await.expect("keys").is_empty());
    let revision = *store.revisions().borrow();
    store.add_webhook_key(key("b", at(1)), at(1), audit("first")).await.expect("kept");
    store.add_webhook_key(key("a", at(2)), at(50), audit("rotate")).await.expect("kept");
    store.add_webhook_key(key("c", at(3)), at(90), audit("rotate")).await.expect("kept");
    assert!(*store.revisions().borrow() >= revision + 3);
    drop(store);
    let store = bench.open().await;
    let ends = |keys: Vec<SigningKeyRecord>| -> Vec<(String, Option<Timestamp>)> {
        keys.into_iter().map(|key| (key.kid, key.retired_at)).collect()
    };
    let end = |kid: &str, at: Option<Timestamp>| (kid.to_owned(), at);
    let keys = store.webhook_keys().await.expect("keys");
    assert_eq!(keys[0].sealed_private, [1, 2, 3]);
    assert_eq!(ends(keys), [end("b", Some(at(50))), end("a", Some(at(90))), end("c", None)]);
    // At once: nothing before it signs any longer, whatever it was given.
    store.add_webhook_key(key("d", at(4)), at(4), audit("rotate")).await.expect("kept");
    let keys = store.webhook_keys().await.expect("keys");
    let gone = Some(at(4));
    assert_eq!(ends(keys), [end("b", gone), end("a", gone), end("c", gone), end("d", None)]);
    // Keys of one kind are none of the other.
    assert!(store.signing_keys().await.expect("signing keys").is_empty());
    assert_eq!(store.audit(10).await.expect("audit").len(), 4);
}

/// A kept secret is what it was set to last, until it is forgotten; every change is a revision.
pub async fn a_kept_secret_is_the_last_one_set<B: Bench>(bench: &B) {
    let secret = |text: &str, sealed: u8, at_ms| KeptSecret {
        name: name(text),
        sealed: vec![sealed; 40],
        set_at: at(at_ms),
    };
    let store = bench.open().await;
    assert!(store.kept_secrets().await.expect("secrets").is_empty());
    let revision = *store.revisions().borrow();
    store.keep_secret(secret("b", 1, 1), audit("set")).await.expect("kept");
    store.keep_secret(secret("a", 2, 2), audit("set")).await.expect("kept");
    store.keep_secret(secret("b", 3, 3), audit("set")).await.expect("kept");
    assert_eq!(*store.revisions().borrow(), revision + 3);
    drop(store);
    let store = bench.open().await;
    let kept = store.kept_secrets().await.expect("secrets");
    assert_eq!(kept, [secret("a", 2, 2), secret("b", 3, 3)]);
    assert_eq!(store.forget_secret(name("b"), audit("remove")).await, Ok(true));
    assert_eq!(store.forget_secret(name("b"), audit("remove")).await, Ok(false));
    assert_eq!(store.kept_secrets().await.expect("secrets"), [secret("a", 2, 2)]);
    assert_eq!(store.audit(10).await.expect("audit").len(), 4);
}

fn secret(id: &str, client: &str) -> SecretCredential {
    SecretCredential {
        id: id.to_owned(),
        client: Name::client_id(client).expect("a client id"),
        digest: Digest::from_bytes([8; 32]),
        last_four: "efgh".to_owned(),
        created_at: at(0),
        not_before: None,
        expires_at: None,
        revoked_at: None,
        last_used: None,
        imported: false,
    }
}

fn value(id: &str, key: &str) -> KeyCredential {
    KeyCredential {
        id: id.to_owned(),
        key: name(key),
        partner: name("cars"),
        digest: Digest::from_bytes([7; 32]),
        last_four: "abcd".to_owned(),
        created_at: at(0),
        not_before: None,
        expires_at: None,
        revoked_at: None,
        last_used: None,
    }
}

/// A credential finds room beside those of its owner that are not over, and may end them; where there
/// is none, nothing changes.
pub async fn credentials_have_a_bound_and_end_those_before_them<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let placing = |now, others_end: Option<i64>| Placing {
        now: at(now),
        live_max: 2,
        others_end: others_end.map(at),
    };
    let placed = async |id: &str, client: &str, placing| {
        let placed = store.place_secret_credential(secret(id, client), placing, audit("mint"));
        placed.await.expect("an answer")
    };
    // One of another server's, and one of another client.
    assert!(placed("a", "+acme", placing(0, None)).await);
    assert!(placed("other", "beta", placing(0, None)).await);
    assert!(placed("b", "+acme", placing(0, None)).await);
    assert!(!placed("c", "+acme", placing(1, None)).await, "two are live");
    // An overlap leaves them live for a while, so there is no room for it either.
    assert!(!placed("c", "+acme", placing(1, Some(100))).await);
    let revoked = store.revoke_secret_credential("a".to_owned(), at(2), audit("revoke")).await;
    assert_eq!(revoked, Ok(true));
    assert!(placed("c", "+acme", placing(3, Some(100))).await);
    assert!(!placed("d", "+acme", placing(99, None)).await);
    assert!(placed("d", "+acme", placing(100, None)).await, "one has ended");
    // At once: those before it leave their room.
    assert!(placed("e", "+acme", placing(101, Some(101))).await);
    // Where other kinds of credentials have taken all of it there is none, and nothing is ended.
    let full = Placing { live_max: 0, ..placing(102, Some(102)) };
    assert!(!placed("f", "+acme", full).await);
    for (id, placing, expected) in [
        ("v1", placing(0, None), true),
        ("v2", placing(0, None), true),
        ("v3", placing(0, None), false),
    ] {
        let placed = store.place_key_credential(value(id, "orders"), placing, audit("mint"));
        assert_eq!(placed.await, Ok(expected), "{id}");
    }
    let placed =
        store.place_key_credential(value("v4", "orders"), placing(1, Some(1)), audit("mint"));
    assert_eq!(placed.await, Ok(true));
    drop(store);
    let store = bench.open().await;
    let mut ends: Vec<_> = store.secret_credentials().await.expect("secrets");
    ends.sort_by(|a, b| a.id.cmp(&b.id));
    let ends: Vec<_> = ends.iter().map(|one| (one.id.as_str(), one.expires_at)).collect();
    let (hundred, later) = (Some(at(100)), Some(at(101)));
    let expected =
        [("a", None), ("b", hundred), ("c", later), ("d", later), ("e", None), ("other", None)];
    assert_eq!(ends, expected);
    let values = store.key_credentials().await.expect("values");
    let live = values.iter().filter(|one| one.is_live(at(2))).map(|one| one.id.as_str());
    assert_eq!(live.collect::<Vec<_>>(), ["v4"]);
}

/// The last day of a credential's use is kept, and none takes it back; it is no change to follow.
pub async fn the_last_day_of_a_credentials_use_is_kept<B: Bench>(bench: &B) {
    let store = bench.open().await;
    store.add_secret_credential(secret("s1", "acme"), audit("mint")).await.expect("kept");
    store.add_key_credential(value("k1", "orders"), audit("mint")).await.expect("kept");
    let revision = *store.revisions().borrow();
    let used = |kind, id: &str, day| CredentialUse { kind, id: id.to_owned(), day: at(day) };
    let (secret, key) = (CredentialKind::ClientSecret, CredentialKind::ApiKey);
    store.note_uses(vec![used(secret, "s1", 200), used(key, "k1", 100)]).await.expect("noted");
    let uses = vec![used(secret, "s1", 100), used(key, "k1", 200), used(key, "gone", 1)];
    store.note_uses(uses).await.expect("noted");
    store.note_uses(vec![]).await.expect("noted");
    assert_eq!(*store.revisions().borrow(), revision);
    drop(store);
    let store = bench.open().await;
    let secrets = store.secret_credentials().await.expect("secrets");
    let keys = store.key_credentials().await.expect("keys");
    assert_eq!((secrets[0].last_used, keys[0].last_used), (Some(at(200)), Some(at(200))));
}

/// Uses are noted of the credentials that are declared; they keep theirs when they are declared on, or
/// declared again, and none of it is a change to follow.
pub async fn the_uses_of_declared_credentials_are_kept<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let revision = *store.revisions().borrow();
    let used = |id: &str, day| CredentialUse {
        kind: CredentialKind::Declared,
        id: id.to_owned(),
        day: at(day),
    };
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    // Of what is not declared yet nothing is kept.
    store.note_uses(vec![used("acme/a", 50)]).await.expect("noted");
    let declared = ids(&["acme/b", "acme/a", "acme/a", "beta/a"]);
    store.declare_credentials(declared, at(0)).await.expect("declared");
    assert_eq!(store.declared_uses().await, Ok(vec![]));
    store.note_uses(vec![used("acme/a", 200), used("beta/a", 100)]).await.expect("noted");
    store.note_uses(vec![used("acme/a", 100), used("acme/c", 100)]).await.expect("noted");
    let both = vec![used("acme/a", 200), used("beta/a", 100)];
    assert_eq!(store.declared_uses().await, Ok(both));
    drop(store);
    let store = bench.open().await;
    store.declare_credentials(ids(&["acme/a", "acme/c"]), at(300)).await.expect("declared");
    let both = vec![used("acme/a", 200), used("beta/a", 100)];
    assert_eq!(store.declared_uses().await, Ok(both.clone()));
    // Of one that was never used nothing is kept, so nothing is noted later either.
    store.note_uses(vec![used("acme/b", 300)]).await.expect("noted");
    store.declare_credentials(ids(&["beta/a"]), at(300)).await.expect("declared");
    assert_eq!(store.declared_uses().await, Ok(both));
    store.note_uses(vec![used("beta/a", 300)]).await.expect("noted");
    // The day of one that does not come back is kept for its time, and not longer.
    let later = at(200 + FORMER_USES_KEPT_MS);
    store.declare_credentials(ids(&["beta/a"]), later).await.expect("declared");
    assert_eq!(store.declared_uses().await.map(|uses| uses.len()), Ok(2));
    let later = later.plus_ms(1);
    store.declare_credentials(ids(&["beta/a"]), later).await.expect("declared");
    assert_eq!(store.declared_uses().await, Ok(vec![used("beta/a", 300)]));
    assert_eq!(*store.revisions().borrow(), revision);
}

/// What is kept of credentials that are no longer declared has a bound, and those used longest ago go
/// first; what is declared is not counted.
pub async fn the_uses_of_former_credentials_have_a_bound<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let ids: Vec<String> =
        (0..FORMER_USES_MAX + 3).map(|number| format!("acme/{number}")).collect();
    // The later in the list, the earlier used.
    let days = (0_i64..).map(|number| at(1_000_000 - number));
    let used = |(id, day): (&String, Timestamp)| CredentialUse {
        kind: CredentialKind::Declared,
        id: id.clone(),
        day,
    };
    store.declare_credentials(ids.clone(), at(0)).await.expect("declared");
    store.note_uses(ids.iter().zip(days).map(used).collect()).await.expect("noted");
    let last = ids.iter().rev().take(1).cloned().collect();
    store.declare_credentials(last, at(1_000_000)).await.expect("declared");
    let uses = store.declared_uses().await.expect("uses");
    let mut numbers: Vec<usize> =
        uses.iter().filter_map(|used| used.id.strip_prefix("acme/")?.parse().ok()).collect();
    numbers.sort_unstable();
    let expected: Vec<usize> = (0..FORMER_USES_MAX).chain([FORMER_USES_MAX + 2]).collect();
    assert!(numbers == expected, "{} of {}", numbers.len(), expected.len());
}

/// Signing keys change all or none, from the revision they were read at; the private half of one that
/// signs no more is gone.
pub async fn signing_keys_change_together_or_not_at_all<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let key = |kid: &str| SigningKeyRecord {
        kid: kid.to_owned(),
        public_jwk: "{}".to_owned(),
        sealed_private: vec![1, 2, 3],
        created_at: at(1),
        retired_at: None,
        published_at: Some(at(1)),
        turn_at: None,
        signs_from: Some(at(2)),
        gone_at: None,
    };
    store.add_signing_key(key("a"), audit("make")).await.expect("kept");
    let before = *store.revisions().borrow();
    let next = SigningKeyRecord { published_at: None, signs_from: None, ..key("b") };
    let change = SigningKeyChange { added: vec![next], ..SigningKeyChange::default() };
    store.change_signing_keys(before, change.clone(), vec![audit("make")]).await.expect("made");
    let change = SigningKeyChange { removed: vec!["a".to_owned()], ..change };
    let late = store.change_signing_keys(before, change, vec![audit("late")]).await;
    assert_eq!(late, Err(StoreError::Conflict));
    let turn = |kid: &str, signs_from, retired_at: Option<i64>| SigningKeyTurn {
        kid: kid.to_owned(),
        published_at: Some(at(3)),
        turn_at: Some(at(4)),
        signs_from: Some(at(signs_from)),
        retired_at: retired_at.map(at),
        gone_at: retired_at.map(|end| at(end + 10)),
    };
    let changed = vec![turn("a", 2, Some(5)), turn("b", 5, None)];
    let change = SigningKeyChange { changed, added: vec![key("c")], removed: vec![] };
    let now = *store.revisions().borrow();
    store
        .change_signing_keys(now, change, vec![audit("turn"), audit("make")])
        .await
        .expect("turned");
    assert!(*store.revisions().borrow() > now);
    drop(store);
    let store = bench.open().await;
    let keys = store.signing_keys().await.expect("keys");
    assert_eq!(keys.len(), 3);
    let (a, b, c) = (&keys[0], &keys[1], &keys[2]);
    assert_eq!((a.retired_at, a.gone_at, a.signs_from), (Some(at(5)), Some(at(15)), Some(at(2))));
    assert!(a.sealed_private.is_empty(), "the private half of a retired key is kept");
    assert_eq!((b.published_at, b.turn_at, b.signs_from), (Some(at(3)), Some(at(4)), Some(at(5))));
    assert_eq!((&*b.sealed_private, &*c.sealed_private), (&[1, 2, 3][..], &[1, 2, 3][..]));
    assert_eq!((b.retired_at, c.published_at), (None, Some(at(1))));
    let now = *store.revisions().borrow();
    let removed = vec!["a".to_owned(), "nobody".to_owned()];
    let change = SigningKeyChange { removed, ..SigningKeyChange::default() };
    store.change_signing_keys(now, change, vec![audit("remove")]).await.expect("removed");
    assert_eq!(store.signing_keys().await.expect("keys").len(), 2);
    assert_eq!(store.audit(10).await.expect("audit").len(), 5);
}
