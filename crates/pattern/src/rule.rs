//! What a pattern means once `$or` is worked out: alternatives, each a list of fields that all have
//! to be satisfied.

use std::cell::OnceCell;
use std::sync::Arc;

use crate::condition::Condition;
use crate::consistency;
use crate::flatten::{Event, PlaceId};

/// A pattern as fields and the ways to combine them.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// Every field the pattern names; one that was overwritten is in no alternative.
    pub(crate) fields: Vec<Field>,
    /// Indexes into `fields`, in the order of their paths.
    pub(crate) alternatives: Vec<Vec<usize>>,
}

/// A leaf of a pattern.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// The names that lead to it, joined with dots.
    pub(crate) path: Arc<str>,
    /// The entries of its list, one of which has to hold.
    pub(crate) conditions: Vec<Condition>,
}

/// What an event has to say to a field.
enum Answer {
    /// It does not satisfy the field.
    Never,
    /// It satisfies it, whatever the others do.
    Freely,
    /// It satisfies it in these array elements.
    In(Vec<PlaceId>),
}

impl Rule {
    /// Whether `event` satisfies all fields of some alternative.
    pub(crate) fn matches(&self, event: &Event) -> bool {
        // Alternatives share most of their fields, so each is asked once at most.
        let answers: Vec<OnceCell<Answer>> = self.fields.iter().map(|_| OnceCell::new()).collect();
        self.alternatives.iter().any(|alternative| {
            let mut tied: Vec<&[PlaceId]> = Vec::new();
            for &field in alternative {
                match answers[field].get_or_init(|| self.fields[field].ask(event)) {
                    Answer::Never => return false,
                    Answer::Freely => {}
                    Answer::In(places) => tied.push(places),
                }
            }
            consistency::possible(event.places(), &tied)
        })
    }

    /// The strings of which an event must have one at `path` to match, if that is so.
    pub(crate) fn texts_required_at(&self, path: &str) -> Option<Vec<&str>> {
        let mut texts = Vec::new();
        for alternative in &self.alternatives {
            let found = alternative.binary_search_by(|&field| (*self.fields[field].path).cmp(path));
            let field = &self.fields[alternative[found.ok()?]];
            for condition in &field.conditions {
                let Condition::Text(text) = condition else {
                    return None;
                };
                texts.push(text.as_str());
            }
        }
        Some(texts)
    }

    /// The paths that may be in every alternative.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        let first = self.alternatives.first().into_iter().flatten();
        first.map(|&field| &*self.fields[field].path)
    }
}

impl Field {
    fn ask(&self, event: &Event) -> Answer {
        let leaves = event.leaves(&self.path);
        if leaves.is_empty() {
            let may_be_absent = self.conditions.iter().any(Condition::holds_for_absence);
            return if may_be_absent { Answer::Freely } else { Answer::Never };
        }
        let mut places = Vec::new();
        for leaf in leaves {
            let is_new = places.last() != Some(&leaf.place);
            if is_new && self.conditions.iter().any(|condition| condition.holds_for(&leaf.scalar)) {
                if leaf.place == PlaceId::ROOT {
                    return Answer::Freely;
                }
                places.push(leaf.place);
            }
        }
        if places.is_empty() { Answer::Never } else { Answer::In(places) }
    }
}
