//! Searching by what stands in events: a pattern in the language of rules.

use std::collections::HashMap;

use model::EventId;
use pattern::Pattern;
use store::Store;

use crate::problem::Problem;

/// A pattern that events are asked with.
pub(crate) struct Where(Pattern);

impl Where {
    /// Reads a pattern, `{"detail":{"orderId":["A-7"]}}`.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let unfit = |error: pattern::PatternError| {
            let example = r#"{"detail":{"orderId":["A-7"]}}"#;
            Problem::Malformed(format!(
                "`where` is no event pattern: {}; write one like {example}",
                error.message
            ))
        };
        Ok(Self(Pattern::parse(text).map_err(unfit)?))
    }

    pub(crate) fn holds_for(&self, event: &model::Event) -> bool {
        // The envelope is ours, and its detail was read when the event was accepted.
        self.0.matches(&pattern::Event::of_valid(&event.envelope()))
    }
}

/// Asks events by their ids, each read once.
#[derive(Default)]
pub(crate) struct Asked(HashMap<EventId, bool>);

impl Asked {
    /// Whether the pattern holds for an event; not for one that is gone.
    pub(crate) async fn holds(
        &mut self,
        store: &dyn Store,
        pattern: &Where,
        id: EventId,
    ) -> Result<bool, Problem> {
        if let Some(known) = self.0.get(&id) {
            return Ok(*known);
        }
        let event = store.event(id).await?;
        let holds = event.is_some_and(|event| pattern.holds_for(&event));
        self.0.insert(id, holds);
        Ok(holds)
    }
}
