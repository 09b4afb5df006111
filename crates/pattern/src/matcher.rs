//! Many patterns at once: which of them does an event match?

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::flatten::{Event, Scalar};
use crate::pattern::Pattern;

/// The fields to sort patterns by, if they ask for exact strings there; most patterns do, and
/// every event has both.
const USUAL_PATHS: [&str; 2] = ["source", "detail-type"];

/// A set of patterns, each under a key; several may have equal keys.
///
/// Patterns that require certain strings in some field are tried only on events that have one of
/// them there; all others are tried on every event.
#[derive(Clone, Debug)]
pub struct Matcher<K> {
    entries: Vec<Entry<K>>,
    /// By path and string there: the entries that an event with it may match.
    by_text: BTreeMap<String, HashMap<String, Vec<usize>>>,
    /// The entries that any event may match.
    unsorted: Vec<usize>,
}

#[derive(Clone, Debug)]
struct Entry<K> {
    key: K,
    pattern: Pattern,
}

impl<K> Matcher<K> {
    /// The matcher without patterns.
    pub fn new() -> Self {
        Self { entries: Vec::new(), by_text: BTreeMap::new(), unsorted: Vec::new() }
    }

    /// Adds a pattern under a key.
    pub fn add(&mut self, key: K, pattern: Pattern) {
        let index = self.entries.len();
        match required(&pattern) {
            Some((path, texts)) => {
                let by_text = self.by_text.entry(path.to_owned()).or_default();
                for text in texts {
                    by_text.entry(text.to_owned()).or_default().push(index);
                }
            }
            None => self.unsorted.push(index),
        }
        self.entries.push(Entry { key, pattern });
    }

    /// The keys of the patterns that `event` matches, in the order they were added.
    pub fn matches<'a>(&'a self, event: &Event) -> Vec<&'a K> {
        let candidates = self.candidates(event);
        let entries = candidates.iter().map(|&index| &self.entries[index]);
        entries.filter(|entry| entry.pattern.matches(event)).map(|entry| &entry.key).collect()
    }

    fn candidates(&self, event: &Event) -> BTreeSet<usize> {
        let mut candidates: BTreeSet<usize> = self.unsorted.iter().copied().collect();
        for (path, by_text) in &self.by_text {
            for text in texts_at(event, path) {
                candidates.extend(by_text.get(text).into_iter().flatten());
            }
        }
        candidates
    }
}

impl<K> Default for Matcher<K> {
    fn default() -> Self {
        Self::new()
    }
}

/// The different strings at `path`.
fn texts_at<'a>(event: &'a Event, path: &str) -> BTreeSet<&'a str> {
    let leaves = event.leaves(path).iter();
    leaves
        .filter_map(|leaf| match &leaf.scalar {
            Scalar::Text(text) => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

/// A path and the different strings of which an event must have one there to match.
fn required(pattern: &Pattern) -> Option<(&str, BTreeSet<&str>)> {
    let rule = pattern.rule();
    let mut paths = USUAL_PATHS.into_iter().chain(rule.paths());
    paths.find_map(|path| {
        let texts = rule.texts_required_at(path)?;
        Some((path, texts.into_iter().collect()))
    })
}
