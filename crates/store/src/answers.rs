//! Answers to requests that carry an `Idempotency-Key`, kept to be given again.
//!
//! A request is written down before anybody carries it out, and its answer before its last byte is
//! given: whoever asks again under the same key is told the truth, over restarts and crashes too.
//! What a key is the key of, and what is kept of an answer, is the caller's to say.

use model::Timestamp;

use crate::Answer;

/// How long an answer is kept from when its request began, in milliseconds: a day, as is usual for
/// such keys.
pub const ANSWERS_KEPT_MS: i64 = 86_400_000;

/// Under what a request is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AnswerKey {
    /// Whose share of the room its answer takes: a partner's name, or nothing for all callers
    /// together of whom no partner is known.
    pub partner: String,
    /// A SHA-256 digest of who asks, where, and of the key it sent.
    pub digest: [u8; 32],
}

/// A request that is about to be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beginning {
    /// Under what it is known.
    pub key: AnswerKey,
    /// A SHA-256 digest of what it asks.
    pub fingerprint: [u8; 32],
    /// Its own id, unlike that of any other request: only who begins can end.
    pub request: String,
    /// When.
    pub now: Timestamp,
    /// Until when it may be under way: if nothing is known of it by then, it may begin anew.
    pub until: Timestamp,
}

/// What is known of a request that wants to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// Nothing, or nothing any more: now it is written down as under way.
    Fresh,
    /// One under the same key has begun and not ended.
    UnderWay {
        /// Until when it may be under way.
        until: Timestamp,
    },
    /// It was carried out before.
    Answered(KeptAnswer),
    /// The key belongs to a request that asks something else.
    Different,
}

/// What is kept of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// Its status.
    pub status: u16,
    /// What it said; none where that was too much to be kept.
    pub content: Option<AnswerContent>,
}

/// What an answer said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerContent {
    /// Its headers, in the caller's own form.
    pub head: Vec<u8>,
    /// Its body.
    pub body: Vec<u8>,
}

/// How much is kept of each partner's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerBounds {
    /// So many requests; when there are more, the oldest are forgotten.
    pub keys: u64,
    /// So many bytes of heads and bodies together; when there are more, the content of the oldest is
    /// forgotten, and not that they were carried out.
    pub bytes: u64,
}

/// Keeps what was answered under a key.
pub trait KeptAnswers: Send + Sync {
    /// Says what is known of a request, and if nothing is, writes it down as under way; durable when
    /// it answers. Of two that begin under one key one is [`Begun::Fresh`].
    fn begin_answer(&self, beginning: Beginning, bounds: AnswerBounds) -> Answer<'_, Begun>;

    /// Keeps the answer to the request of that id; durable when it answers. False if it is not under
    /// way: it was forgotten, or another one has begun in its place.
    fn keep_answer(
        &self,
        key: AnswerKey,
        request: String,
        kept: KeptAnswer,
        bounds: AnswerBounds,
    ) -> Answer<'_, bool>;

    /// Forgets the request of that id, so that it may begin anew; durable when it answers. False if
    /// it is not under way.
    fn release_answer(&self, key: AnswerKey, request: String) -> Answer<'_, bool>;

    /// Drops a piece of what is past [`ANSWERS_KEPT_MS`], the oldest first; how many, 0 when there is
    /// nothing more to drop.
    fn trim_answers(&self, now: Timestamp) -> Answer<'_, u64>;
}
