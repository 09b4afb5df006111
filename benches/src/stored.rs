//! Values of API keys, put into a program's store while it is stopped: its admin door mints them one
//! at a time, and would take hours for a hundred thousand.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use credential::{Digester, Kind, MASTER_BYTES, Master, Minted, RANDOM_BYTES};
use model::{KeyCredential, Name, Timestamp};
use store::{AuditEntry, Keys as _};
use store_sqlite::SqliteStore;
use tokio::task::JoinSet;

/// How many are written at a time, sharing a flush.
const AT_ONCE: usize = 1_000;

/// An API key and its partner, by their names in the configuration.
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) partner: String,
}

/// Mints a value for each key; gives them as their owners would send them.
pub(crate) async fn mint(data: &Path, keys: &[Key]) -> Vec<String> {
    let master = std::fs::read(data.join("key")).unwrap();
    let master: [u8; MASTER_BYTES] = master.try_into().unwrap();
    let digester = Master::new(master).digester();
    let store = Arc::new(SqliteStore::open(data).unwrap());
    let mut random = File::open("/dev/urandom").unwrap();
    let mut texts = Vec::with_capacity(keys.len());
    for some in keys.chunks(AT_ONCE) {
        let mut adding = JoinSet::new();
        for key in some {
            let (text, credential) = value(key, &digester, &mut random);
            let entry = audit(&credential);
            texts.push(text);
            let store = Arc::clone(&store);
            adding.spawn(async move { store.add_key_credential(credential, entry).await });
        }
        for added in adding.join_all().await {
            added.unwrap();
        }
    }
    store.close();
    texts
}

fn value(key: &Key, digester: &Digester, random: &mut File) -> (String, KeyCredential) {
    let mut bytes = [0; RANDOM_BYTES];
    random.read_exact(&mut bytes).unwrap();
    let Minted { id, text, last_four } = credential::mint(Kind::ApiKey, &bytes);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let credential = KeyCredential {
        id,
        key: Name::new(&key.name).unwrap(),
        partner: Name::new(&key.partner).unwrap(),
        digest: digester.digest(&text),
        last_four,
        created_at: Timestamp::from_ms(now.as_millis() as i64),
        expires_at: None,
        revoked_at: None,
        not_before: None,
        last_used: None,
    };
    (text.as_str().to_owned(), credential)
}

fn audit(credential: &KeyCredential) -> AuditEntry {
    AuditEntry {
        at: credential.created_at,
        who: "benches".to_owned(),
        what: "mint API key".to_owned(),
        subject: format!("key/{}", credential.key.as_str()),
        detail: credential.id.clone(),
    }
}
