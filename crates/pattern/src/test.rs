//! A field of a rule, ready to be asked of events.

use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;

use crate::condition::Condition;
use crate::consistency::{self, Places};
use crate::extensions::ContainsAll;
use crate::names::PathId;
use crate::scan::{Findings, PlaceId};
use crate::value::Value;

/// The most values of a field that are compared with those of another, of which as many are looked
/// at.
const COMPARED_MAX: usize = 1_000;

/// A field, shared by all rules that ask the same of the same path.
#[derive(Debug)]
pub(crate) struct Test {
    /// The dotted path.
    pub(crate) path: Arc<str>,
    /// Its number in the tree of names.
    pub(crate) id: PathId,
    /// The number of this test, small and used again once nobody asks it.
    pub(crate) number: u32,
    /// The first entry of the list, one of which has to hold; most lists have no other.
    pub(crate) first: Condition,
    /// The others.
    pub(crate) others: Box<[Condition]>,
    /// The numbers of the paths that conditions compare with, one for each that does.
    pub(crate) compared: Box<[PathId]>,
}

/// What an event has to say to a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nobody has asked.
    #[default]
    Unknown,
    /// It does not satisfy the field.
    Never,
    /// It satisfies it, whatever the others do.
    Freely,
    /// It satisfies it in some array elements.
    Tied,
    /// Whether it is absent depends on the elements the others are satisfied in.
    Depends,
}

impl Test {
    /// The entries of the list.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = &Condition> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Whether a field without any value satisfies this.
    pub(crate) fn holds_for_absence(&self) -> bool {
        self.conditions().any(Condition::holds_for_absence)
    }

    /// Whether a value satisfies this.
    #[inline]
    fn holds_for(&self, value: Value<'_>) -> bool {
        self.first.holds_for(value)
            || self.others.iter().any(|condition| condition.holds_for(value))
    }

    /// Appends the places where a condition holds for which one value is not enough.
    fn add_special(&self, findings: Findings<'_>, satisfied: &mut Vec<PlaceId>) {
        let mut compared = self.compared.iter();
        for condition in self.conditions() {
            match condition {
                Condition::ContainsAll(all) => self.add_containing(all, findings, satisfied),
                Condition::Compare(comparison) => {
                    let Some(other) = compared.next() else { continue };
                    let places = findings.places;
                    let holds = |(value, place): &(Value<'_>, PlaceId)| {
                        let mut others = findings.leaves(*other).take(COMPARED_MAX);
                        // Out of steps all places seem to agree.
                        others.any(|(other, beside)| {
                            comparison.sign.holds(*value, other)
                                && places.agree(*place, beside)
                                && !places.is_spent()
                        })
                    };
                    let own = findings.leaves(self.id).take(COMPARED_MAX).filter(holds);
                    satisfied.extend(own.map(|(_, place)| place));
                }
                _ => {}
            }
        }
    }

    /// Appends the places among whose own values each of `all` holds for some.
    fn add_containing(
        &self,
        all: &ContainsAll,
        findings: Findings<'_>,
        satisfied: &mut Vec<PlaceId>,
    ) {
        let mut containing: Option<Vec<PlaceId>> = None;
        for condition in &all.0 {
            let leaves = findings.leaves(self.id);
            let holding = leaves.filter(|(value, _)| condition.holds_for(*value));
            let mut places: Vec<PlaceId> = holding.map(|(_, place)| place).collect();
            sort(&mut places, 0);
            if let Some(before) = &containing {
                places.retain(|place| before.binary_search(place).is_ok());
            }
            containing = Some(places);
        }
        satisfied.extend(containing.into_iter().flatten());
    }

    /// Whether some condition needs more than one value.
    fn is_special(&self) -> bool {
        self.conditions()
            .any(|condition| matches!(condition, Condition::ContainsAll(_) | Condition::Compare(_)))
    }

    /// Whether a condition that needs more than one value holds somewhere.
    pub(crate) fn holds_specially(&self, findings: Findings<'_>) -> bool {
        let mut satisfied = Vec::new();
        self.add_special(findings, &mut satisfied);
        !satisfied.is_empty()
    }

    /// Whether the field may be absent from the array elements that those before it are satisfied
    /// in.
    pub(crate) fn may_be_absent_beside(
        &self,
        before: &[Arc<Self>],
        findings: Findings<'_>,
    ) -> bool {
        let in_arrays =
            |test: &Self| findings.leaves(test.id).any(|(_, place)| place != PlaceId::ROOT);
        self.holds_for_absence()
            && findings.leaves(self.id).all(|(_, place)| place != PlaceId::ROOT)
            && before.iter().any(|test| in_arrays(test))
    }

    /// Asks the event; once only, where the answer is kept.
    fn ask(&self, findings: Findings<'_>) -> Answer {
        let kept = findings.answer(self.number);
        if let Some(answer) = kept.map(Cell::get).filter(|answer| *answer != Answer::Unknown) {
            return answer;
        }
        let answer = self.work_out(findings);
        // What a rule without steps left could not find out, the next one may.
        if let Some(kept) = kept.filter(|_| !findings.places.is_spent()) {
            kept.set(answer);
        }
        answer
    }

    fn work_out(&self, findings: Findings<'_>) -> Answer {
        let (mut is_found, mut is_outside, mut is_tied) = (false, false, false);
        for (value, place) in findings.leaves(self.id) {
            is_found = true;
            is_outside |= place == PlaceId::ROOT;
            // One satisfying value in an array is enough to know, but one outside says more.
            if (!is_tied || place == PlaceId::ROOT) && self.holds_for(value) {
                if place == PlaceId::ROOT {
                    return Answer::Freely;
                }
                is_tied = true;
            }
        }
        if self.is_special() {
            let mut places = Vec::new();
            self.add_special(findings, &mut places);
            if places.contains(&PlaceId::ROOT) {
                return Answer::Freely;
            }
            is_tied |= !places.is_empty();
        }
        // A value in no array is there whatever the elements.
        match (is_found, is_outside, is_tied) {
            (false, ..) if self.holds_for_absence() => Answer::Freely,
            (true, false, _) if self.holds_for_absence() => Answer::Depends,
            (.., true) => Answer::Tied,
            _ => Answer::Never,
        }
    }

    /// Appends the places of the values that satisfy this, in order.
    fn add_places(&self, findings: Findings<'_>, satisfied: &mut Vec<PlaceId>) -> Range<usize> {
        let start = satisfied.len();
        let mut read = 0;
        for (value, place) in findings.leaves(self.id) {
            read += 1;
            let is_new = satisfied[start..].last() != Some(&place);
            if is_new && self.holds_for(value) {
                satisfied.push(place);
            }
        }
        // To read on is cheaper than to climb.
        findings.places.spend(read / 8);
        self.add_special(findings, satisfied);
        sort(satisfied, start);
        start..satisfied.len()
    }

    /// Every place where a value is, and every place where one satisfies this.
    fn places(&self, findings: Findings<'_>) -> (Vec<PlaceId>, Vec<PlaceId>) {
        let mut all: Vec<PlaceId> = findings.leaves(self.id).map(|(_, place)| place).collect();
        findings.places.spend(all.len());
        sort(&mut all, 0);
        let mut satisfied = Vec::new();
        self.add_places(findings, &mut satisfied);
        (all, satisfied)
    }
}

/// Puts the places from `start` on in order, each once.
fn sort(places: &mut Vec<PlaceId>, start: usize) {
    if places[start..].is_sorted_by(|one, other| one < other) {
        return;
    }
    let mut sorted = places.split_off(start);
    sorted.sort_unstable();
    sorted.dedup();
    places.append(&mut sorted);
}

/// Whether the event satisfies all of `tests`, which are in the order of their paths.
pub(crate) fn all_hold(
    tests: &[Arc<Test>],
    findings: Findings<'_>,
    satisfied: &mut Vec<PlaceId>,
) -> bool {
    if findings.places.is_spent() {
        return false;
    }
    let (mut tied, mut depends) = (0, false);
    for test in tests {
        match test.ask(findings) {
            Answer::Never | Answer::Unknown => return false,
            Answer::Freely => {}
            Answer::Tied => tied += 1,
            Answer::Depends => depends = true,
        }
    }
    let places = findings.places;
    if depends {
        let goes_on = Walk::new(tests, findings).goes_on(0, &mut Vec::new());
        return goes_on && !places.is_spent();
    }
    if tied < 2 {
        return true;
    }
    satisfied.clear();
    let tied = tests.iter().filter(|test| matches!(test.ask(findings), Answer::Tied));
    let ranges: Vec<Range<usize>> = tied.map(|test| test.add_places(findings, satisfied)).collect();
    let wanted: Vec<&[PlaceId]> = ranges.into_iter().map(|places| &satisfied[places]).collect();
    consistency::possible(places, &wanted)
}

/// The search of event-ruler: field by field in the order of their paths, each in an element that
/// agrees with those chosen before. Where a field may be absent this order matters, because it is
/// absent if it is in none of the elements chosen so far.
struct Walk<'a> {
    fields: Vec<Step>,
    places: Places<'a>,
}

struct Step {
    may_be_absent: bool,
    all: Vec<PlaceId>,
    satisfied: Vec<PlaceId>,
}

impl<'a> Walk<'a> {
    fn new(tests: &[Arc<Test>], findings: Findings<'a>) -> Self {
        let step = |test: &Arc<Test>| {
            let (all, satisfied) = test.places(findings);
            Step { may_be_absent: test.holds_for_absence(), all, satisfied }
        };
        Self { fields: tests.iter().map(step).collect(), places: findings.places }
    }

    /// Whether the fields from `index` on can be satisfied beside the places chosen for others.
    fn goes_on(&self, index: usize, chosen: &mut Vec<PlaceId>) -> bool {
        let Some(field) = self.fields.get(index) else {
            return true;
        };
        let length = field.satisfied.len();
        if field.may_be_absent
            && self.first_agreeing(index, 0, true, chosen).is_none()
            && self.goes_on(index + 1, chosen)
        {
            return true;
        }
        let mut from = 0;
        while from < length
            && let Some((at, place)) = self.first_agreeing(index, from, false, chosen)
        {
            chosen.push(place);
            if self.goes_on(index + 1, chosen) {
                return true;
            }
            chosen.pop();
            from = at + 1;
        }
        false
    }

    /// The first place of a field from `from` on, of `all` or of the satisfied ones, that agrees
    /// with every chosen one.
    fn first_agreeing(
        &self,
        index: usize,
        from: usize,
        all: bool,
        chosen: &[PlaceId],
    ) -> Option<(usize, PlaceId)> {
        let field = self.fields.get(index)?;
        let list = if all { &field.all } else { &field.satisfied };
        let mut at = from;
        // Each chosen place rules out its array but for one element: everything before it and
        // everything behind it is stepped over at once.
        'places: while let Some(place) = list.get(at) {
            for other in chosen {
                if let Some(next) = self.places.next_agreeing(*place, *other) {
                    at = (at + 1).max(list.partition_point(|place| *place < next));
                    continue 'places;
                }
            }
            self.places.spend(1);
            return (!self.places.is_spent()).then_some((at, *place));
        }
        None
    }
}
