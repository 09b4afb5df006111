//! The audit of tokens: what the token service gave, refused and revoked is kept each second, or sooner where much
//! waits, and at the end; what is past its time (`tokens.audit_keep`) is dropped each hour
//! (`keeping.rs`).

use std::collections::VecDeque;
use std::sync::Arc;

use arc_swap::ArcSwap;
use model::{Definitions, Timestamp};
use oauth::AuditBook;
use store::{StoreError, TokenEntry};

use super::Parts;
use super::keeping::{Gathered, PIECE, TRIMS_MAX};
use super::retention::drop_pieces;

/// Entries that may wait here for a store that refuses; as many more wait in the book.
const WAITING_MAX: usize = 50_000;

/// Who got which token.
pub(super) struct Answered {
    book: Arc<AuditBook>,
    definitions: Arc<ArcSwap<Definitions>>,
    waiting: VecDeque<TokenEntry>,
}

impl Answered {
    /// What is written down in this book from now on, and kept as long as the definitions say.
    pub(super) fn of(book: Arc<AuditBook>, definitions: Arc<ArcSwap<Definitions>>) -> Self {
        Self { book, definitions, waiting: VecDeque::new() }
    }
}

impl Gathered for Answered {
    const NAME: &'static str = "the audit of tokens";

    async fn keep(&mut self, parts: &Parts) -> Result<(), StoreError> {
        if self.waiting.len() < WAITING_MAX {
            self.waiting.extend(self.book.drain());
        }
        while !self.waiting.is_empty() {
            let piece: Vec<_> = self.waiting.iter().take(PIECE).cloned().collect();
            let count = piece.len();
            parts.store.record_tokens(piece).await?;
            self.waiting.drain(..count);
        }
        Ok(())
    }

    async fn trim(&mut self, parts: &Parts, now: Timestamp) {
        let keep_ms = self.definitions.load().tokens.audit_keep_ms;
        let (store, before) = (&*parts.store, now.plus_ms(keep_ms.saturating_neg()));
        let dropped = drop_pieces(parts, TRIMS_MAX, || store.trim_tokens(before)).await;
        if let Err(error) = dropped {
            tracing::error!(%error, "what is past its time in the audit of tokens could not be dropped");
        }
    }

    async fn filled(&self) {
        self.book.filled().await;
    }

    fn tell_lost(&self, error: &StoreError) {
        let entries = self.waiting.len();
        tracing::error!(%error, entries, "the last of the audit of tokens is lost");
    }
}

/// Tells of what was answered after the store was closed: it stands in the log's lines only.
pub(super) fn tell_of_the_rest(book: &AuditBook) {
    let entries = book.drain().len();
    if entries > 0 {
        tracing::warn!(entries, "the last token requests are not in the audit of tokens");
    }
}
