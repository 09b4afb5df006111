//! Verified tokens, remembered by their digest, so that a partner's next request costs a look-up
//! and not a signature check.
//!
//! Only after a full verification is a token remembered, for a minute at the most and never beyond
//! its own end; audience and time are compared on every hit, client and partner are looked up in
//! the snapshot on every hit. Refusals are never remembered: whoever sends nonsense would fill the
//! memory. The memory belongs to its snapshot, so a change of keys or clients begins a new one.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use jwt::AccessToken;
use parking_lot::Mutex;

/// Separately locked parts, so that cores seldom wait for each other.
const SHARDS: usize = 16;
/// Tokens per shard; a full shard forgets what has ended, or else everything.
const SHARD_MAX: usize = 1024;
/// How long a verification is believed, in seconds.
const BELIEVED_S: i64 = 60;

/// By digests, which nobody can choose the beginnings of at will.
type Shard = Mutex<HashMap<[u8; 32], Remembered, foldhash::fast::RandomState>>;

struct Remembered {
    claims: Arc<AccessToken>,
    until_s: i64,
}

/// Verified tokens.
#[derive(Default)]
pub(crate) struct TokenMemory {
    shards: [Shard; SHARDS],
}

/// A token's name in the memory. One of another issuer may be good at several APIs, and has other
/// claims at each.
pub(crate) struct Key([u8; 32]);

impl Key {
    pub(crate) fn of(token: &str, api: &str) -> Self {
        let mut context = Context::new(&SHA256);
        // No name of an API has a line's end.
        for part in [api, "\n", token] {
            context.update(part.as_bytes());
        }
        let mut key = [0; 32];
        key.copy_from_slice(context.finish().as_ref());
        Self(key)
    }
}

impl TokenMemory {
    /// A token verified not long ago and not ended, and until when it is believed, in seconds.
    pub(crate) fn recall(&self, key: &Key, now_s: i64) -> Option<(Arc<AccessToken>, i64)> {
        let shard = self.shard(key).lock();
        let found = shard.get(&key.0).filter(|found| now_s < found.until_s)?;
        Some((Arc::clone(&found.claims), found.until_s))
    }

    /// Remembers a token that has been verified just now; says until when.
    pub(crate) fn remember(&self, key: &Key, claims: Arc<AccessToken>, now_s: i64) -> i64 {
        let until_s = claims.exp.min(now_s + BELIEVED_S);
        let mut shard = self.shard(key).lock();
        if shard.len() >= SHARD_MAX {
            shard.retain(|_, kept| now_s < kept.until_s);
        }
        if shard.len() >= SHARD_MAX {
            shard.clear();
        }
        shard.insert(key.0, Remembered { claims, until_s });
        until_s
    }

    fn shard(&self, key: &Key) -> &Shard {
        &self.shards[usize::from(key.0[0]) % SHARDS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(exp: i64) -> Arc<AccessToken> {
        let text = || String::new();
        Arc::new(AccessToken {
            iss: text(),
            aud: text(),
            sub: text(),
            client_id: text(),
            scope: text(),
            exp,
            iat: 0,
            auth_time: 0,
            jti: text(),
            token_use: text(),
            version: 2,
            credential_id: None,
            cnf: None,
            extra: std::collections::BTreeMap::new(),
        })
    }

    #[test]
    fn a_token_is_believed_a_minute_and_never_beyond_its_end() {
        let memory = TokenMemory::default();
        let (long, short) = (Key::of("long", "a"), Key::of("short", "a"));
        memory.remember(&long, claims(10_000), 100);
        memory.remember(&short, claims(130), 100);
        assert!(memory.recall(&long, 159).is_some() && memory.recall(&long, 160).is_none());
        assert!(memory.recall(&short, 129).is_some() && memory.recall(&short, 130).is_none());
        assert!(memory.recall(&Key::of("other", "a"), 100).is_none());
        assert!(memory.recall(&Key::of("long", "b"), 100).is_none());
    }

    #[test]
    fn the_memory_is_bounded() {
        let memory = TokenMemory::default();
        for number in 0..40_000 {
            memory.remember(&Key::of(&number.to_string(), "a"), claims(10_000), 100);
        }
        let held: usize = memory.shards.iter().map(|shard| shard.lock().len()).sum();
        assert!(held <= SHARDS * SHARD_MAX, "{held}");
    }
}
