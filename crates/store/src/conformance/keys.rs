//! What holds of credentials and signing keys, told as claims.

use credential::Digest;
use model::{KeptSecret, KeyCredential, SecretCredential, SigningKeyRecord, Timestamp};

use super::{Bench, at, audit, name};

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
        expires_at: Some(at(50)),
        revoked_at: None,
    };
    let secret = SecretCredential {
        id: "s1".to_owned(),
        client: name("car-orders"),
        digest: Digest::from_bytes([8; 32]),
        last_four: "efgh".to_owned(),
        created_at: at(0),
        expires_at: None,
        revoked_at: None,
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
