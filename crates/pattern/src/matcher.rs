//! Many patterns at once: which of them does an event match?

use std::cmp::Reverse;
use std::sync::Arc;

use crate::condition::Condition;
use crate::event::Event;
use crate::hash;
use crate::index::Key;
use crate::list::List;
use crate::map::Map;
use crate::names::{Node, PathId};
use crate::pattern::Pattern;
use crate::rule::Field;
use crate::scan::{self, Findings, PlaceId, Scratch};
use crate::test::{self, Test};

/// How many bits of an entry's number say which alternative of a rule it is; a rule has no more
/// than a thousand.
const ALTERNATIVE_BITS: u32 = 10;

/// A set of patterns, each under a key; several may have equal keys.
///
/// One pass over an event finds the patterns it may match, through one field of each: the one that
/// fewest others share. Only these are then asked for the rest. So the cost of an event is that of
/// its length and of what it finds, not of the number of patterns.
///
/// A clone costs nothing and shares everything; a change copies a few kilobytes of what is shared.
/// So a writer keeps a matcher, changes it and hands out clones, and readers never wait.
#[derive(Clone, Debug)]
pub struct Matcher<K> {
    names: Node,
    /// How many numbers of paths there are, and which of them are free.
    paths: u32,
    free_paths: Arc<Vec<PathId>>,
    /// Every test once, by its hash.
    tests: Map<Shared>,
    /// How many numbers of tests there are, and which of them are free.
    test_numbers: u32,
    free_tests: Arc<Vec<u32>>,
    rules: List<Arc<Entry<K>>>,
    /// The alternatives that an event without any of their fields may match.
    unanchored: Map<u64>,
}

/// Which pattern of a [`Matcher`]; later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(usize);

#[derive(Clone, Debug)]
struct Shared {
    test: Arc<Test>,
    /// How many alternatives ask it.
    uses: u32,
}

#[derive(Debug)]
struct Entry<K> {
    key: K,
    /// Those of all alternatives, one behind the other; of each in the order of their paths.
    tests: Box<[Arc<Test>]>,
    spans: Spans,
}

/// Which tests are those of an alternative.
#[derive(Debug)]
enum Spans {
    /// All of them, as of most rules; and which one it is entered at.
    One(Option<u16>),
    /// Of each alternative, where its tests end and which one it is entered at.
    Several(Box<[(u32, Option<u16>)]>),
}

/// The tests of one alternative.
#[derive(Clone, Copy)]
struct Alternative<'a> {
    tests: &'a [Arc<Test>],
    /// The one it is entered at; none if an event may lack the fields of all.
    anchor: Option<&'a Arc<Test>>,
}

impl<K> Entry<K> {
    fn alternative(&self, index: usize) -> Option<Alternative<'_>> {
        let (tests, anchor) = match &self.spans {
            Spans::One(anchor) if index == 0 => (&*self.tests, *anchor),
            Spans::One(_) => return None,
            Spans::Several(spans) => {
                let (end, anchor) = *spans.get(index)?;
                let start = index.checked_sub(1).map_or(0, |before| spans[before].0);
                (self.tests.get(start as usize..end as usize)?, anchor)
            }
        };
        let anchor = anchor.and_then(|anchor| tests.get(usize::from(anchor)));
        Some(Alternative { tests, anchor })
    }
}

impl<K> Matcher<K> {
    /// The matcher without patterns.
    pub fn new() -> Self {
        Self {
            names: Node::default(),
            paths: 0,
            free_paths: Arc::default(),
            tests: Map::new(),
            test_numbers: 0,
            free_tests: Arc::default(),
            rules: List::new(),
            unanchored: Map::new(),
        }
    }

    /// How many patterns there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there is no pattern.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a pattern under a key.
    pub fn add(&mut self, key: K, pattern: &Pattern) -> RuleId {
        let number = self.rules.next();
        let rule = pattern.rule();
        let mut tests = Vec::new();
        let mut spans = Vec::new();
        for (index, fields) in rule.alternatives.iter().enumerate() {
            let start = tests.len();
            tests.extend(fields.iter().map(|&field| self.share(&rule.fields[field])));
            // As Java orders strings, which matters to fields that may be absent.
            tests[start..].sort_by(|one: &Arc<Test>, other| {
                one.path.encode_utf16().cmp(other.path.encode_utf16())
            });
            let anchor = self.best_anchor(&tests[start..]);
            self.enter(entry_id(number, index), anchor.map(|anchor| &tests[start + anchor]));
            // A pattern of a few thousand characters has fewer tests than that.
            let end = u32::try_from(tests.len()).unwrap_or(u32::MAX);
            spans.push((end, anchor.and_then(|anchor| u16::try_from(anchor).ok())));
        }
        let spans = match spans.as_slice() {
            [(_, anchor)] => Spans::One(*anchor),
            _ => Spans::Several(spans.into()),
        };
        self.rules.push(Arc::new(Entry { key, tests: tests.into(), spans }));
        RuleId(number)
    }

    /// Takes a pattern out, and returns its key; `None` if it is not there.
    pub fn remove(&mut self, id: RuleId) -> Option<K>
    where
        K: Clone,
    {
        let rule = self.rules.take(id.0)?;
        for index in 0.. {
            let Some(alternative) = rule.alternative(index) else { break };
            self.leave(entry_id(id.0, index), alternative.anchor);
        }
        rule.tests.iter().for_each(|test| self.release(test));
        Some(match Arc::try_unwrap(rule) {
            Ok(rule) => rule.key,
            Err(shared) => shared.key.clone(),
        })
    }

    /// The keys of the patterns that `event` matches, in the order they were added.
    pub fn matches<'a>(&'a self, event: &Event<'_>, scratch: &mut Scratch) -> Vec<&'a K> {
        let mut found = Vec::new();
        scan::scan(&self.names, self.paths as usize, event.text(), scratch);
        scratch.keep_answers(self.test_numbers as usize);
        let (findings, candidates, satisfied) = scratch.findings(event.text());
        self.unanchored.each(&mut |_, id| candidates.push(*id));
        candidates.sort_unstable();
        candidates.dedup();
        let (mut matched, mut last) = (None, None);
        for candidate in candidates {
            let (number, index) = rule_and_alternative(*candidate);
            if matched == Some(number) {
                continue;
            }
            if last.replace(number) != Some(number) {
                findings.places.refill();
            }
            let Some(rule) = self.rules.get(number) else { continue };
            let Some(alternative) = rule.alternative(index) else { continue };
            if test::all_hold(alternative.tests, findings, satisfied) {
                found.push(&rule.key);
                matched = Some(number);
            }
        }
        found
    }

    /// Shows the fields of every alternative of every rule and what `event` has at their paths.
    pub(crate) fn examine(
        &self,
        event: &Event<'_>,
        scratch: &mut Scratch,
        mut look: impl FnMut(&[Arc<Test>], Findings<'_>, &mut Vec<PlaceId>),
    ) {
        scan::scan(&self.names, self.paths as usize, event.text(), scratch);
        scratch.keep_answers(self.test_numbers as usize);
        let (findings, _, satisfied) = scratch.findings(event.text());
        findings.places.refill();
        let rules = (0..self.rules.next()).filter_map(|number| self.rules.get(number));
        let alternatives = rules.flat_map(|rule| (0..).map_while(|index| rule.alternative(index)));
        alternatives.for_each(|alternative| look(alternative.tests, findings, satisfied));
    }

    /// Enters an alternative of a rule at the keys of its anchor.
    fn enter(&mut self, id: u64, anchor: Option<&Arc<Test>>) {
        let Some(test) = anchor else {
            self.unanchored.entry(hash::mix(id), || id);
            return;
        };
        let keys = test.conditions().filter_map(Key::of);
        self.names.change(&test.path, |index| keys.for_each(|key| index.insert(key, id)));
    }

    fn leave(&mut self, id: u64, anchor: Option<&Arc<Test>>) {
        let Some(test) = anchor else {
            self.unanchored.remove(hash::mix(id));
            return;
        };
        let keys = test.conditions().filter_map(Key::of);
        self.names.change(&test.path, |index| keys.for_each(|key| index.remove(key, id)));
    }

    /// The test that fewest events get past; `None` if an event may lack all their fields.
    fn best_anchor(&self, tests: &[Arc<Test>]) -> Option<usize> {
        let required = tests.iter().enumerate().filter(|(_, test)| !test.holds_for_absence());
        let best = required.min_by_key(|(_, test)| {
            let index = self.names.at(&test.path).map(|asked| &asked.index);
            let keys = test.conditions().filter_map(Key::of);
            let costs = keys.map(|key| index.map_or(0, |index| index.cost(key)));
            // Of equal ones the deeper, which is more likely to say something of its own.
            let depth = test.path.matches('.').count();
            (costs.fold(0, usize::saturating_add), Reverse(depth))
        });
        best.map(|(index, _)| index)
    }

    /// The test that a field is, shared with all others that ask the same.
    fn share(&mut self, field: &Field) -> Arc<Test> {
        let hash = identity(&field.path, &field.conditions);
        if let Some(shared) = self.tests.get_mut(hash)
            && shared.test.path == field.path
            && shared.test.conditions().eq(&field.conditions)
        {
            shared.uses += 1;
            return Arc::clone(&shared.test);
        }
        let (id, path) = self.ask(&field.path, wants_numbers(&field.conditions));
        let compared = field.conditions.iter().filter_map(compared_path);
        let compared: Vec<PathId> = compared.map(|path| self.ask(&path.into(), true).0).collect();
        let mut conditions = field.conditions.iter().cloned();
        // A list has at least one entry; an empty one would ask for nothing that is.
        let first = conditions.next().unwrap_or(Condition::Absent);
        let others = conditions.collect();
        let number = Arc::make_mut(&mut self.free_tests).pop().unwrap_or_else(|| {
            self.test_numbers += 1;
            self.test_numbers - 1
        });
        let compared = compared.into();
        let test = Arc::new(Test { path, id, number, first, others, compared });
        // Where the hash is taken by another test, this one is simply not shared.
        self.tests.entry(hash, || Shared { test: Arc::clone(&test), uses: 1 });
        test
    }

    /// Notes one more who asks for a path.
    fn ask(&mut self, path: &Arc<str>, numeric: bool) -> (PathId, Arc<str>) {
        let unused = self.free_paths.last().copied().unwrap_or(PathId(self.paths));
        let (id, path) = self.names.ask(path, numeric, unused);
        if id == unused && Arc::make_mut(&mut self.free_paths).pop().is_none() {
            self.paths += 1;
        }
        (id, path)
    }

    /// Notes one fewer who asks for a path.
    fn forget(&mut self, path: &str, numeric: bool) {
        if let Some(path) = self.names.forget(path, numeric) {
            Arc::make_mut(&mut self.free_paths).push(path);
        }
    }

    /// Forgets a test if nobody else asks it.
    fn release(&mut self, test: &Arc<Test>) {
        let hash = identity(&test.path, test.conditions());
        if let Some(shared) = self.tests.get_mut(hash)
            && Arc::ptr_eq(&shared.test, test)
        {
            shared.uses -= 1;
            if shared.uses > 0 {
                return;
            }
            self.tests.remove(hash);
        }
        Arc::make_mut(&mut self.free_tests).push(test.number);
        self.forget(&test.path, wants_numbers(test.conditions()));
        test.conditions().filter_map(compared_path).for_each(|path| self.forget(path, true));
    }
}

impl<K> Default for Matcher<K> {
    fn default() -> Self {
        Self::new()
    }
}

/// The number of a rule's alternative among all entries.
fn entry_id(number: usize, index: usize) -> u64 {
    (number as u64) << ALTERNATIVE_BITS | index as u64
}

fn rule_and_alternative(id: u64) -> (usize, usize) {
    let index = id & ((1 << ALTERNATIVE_BITS) - 1);
    // Both were `usize` when the id was made.
    let number = usize::try_from(id >> ALTERNATIVE_BITS).unwrap_or(usize::MAX);
    (number, usize::try_from(index).unwrap_or(usize::MAX))
}

/// The path a condition compares with.
fn compared_path(condition: &Condition) -> Option<&str> {
    match condition {
        Condition::Compare(comparison) => Some(&comparison.path),
        _ => None,
    }
}

fn wants_numbers<'a>(conditions: impl IntoIterator<Item = &'a Condition>) -> bool {
    conditions.into_iter().any(Condition::wants_numbers)
}

/// A hash of what a field asks.
fn identity<'a>(path: &str, conditions: impl IntoIterator<Item = &'a Condition>) -> u64 {
    conditions
        .into_iter()
        .fold(hash::text(path.as_bytes()), |hash, condition| hash::mix(hash ^ condition.identity()))
}
