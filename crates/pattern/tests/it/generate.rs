//! Patterns and events for the properties: texts, so that every spelling reaches the parsers.
//!
//! A text is made from a tape of choices, and a shorter tape makes a simpler text, so proptest
//! shrinks the tape. Names and values are few and most events have one shape, of which most
//! patterns ask: about a quarter of all pairs match, and in some the arrays decide.

use std::fmt::Write as _;

use proptest::prelude::*;

/// The most choices for one text; behind them the first possibility is taken each time.
const CHOICES_MAX: usize = 400;

/// The most values in an event. Of fourteen values, however they are shared out among the fields of
/// a pattern, there are at most 162 ways to choose one for each field. So the naive matcher takes
/// no time, and no event comes near the steps that `PATTERNS.md` bounds.
const VALUES_MAX: usize = 14;

/// The most lists of `$or` in a pattern; of three branches each, so at most 27 combinations.
const ORS_MAX: usize = 3;

/// How deep the objects that have no usual shape nest.
const DEPTH_MAX: usize = 4;

/// How many of a pool are taken most often.
const FAVOURITES: usize = 5;

/// White space; the last is longer than what a processor compares at once.
const GAPS: [&str; 6] = [" ", "\n", "\t", "\r\n", "  ", "\n                                      "];

const NAMES: [&str; 12] = [
    "a",
    "b",
    "source",
    "a.b",
    "b.a",
    "c",
    "a.b.é",
    "detail-type",
    "$or",
    "",
    "\"\\",
    "a-name-that-is-longer-than-what-a-processor-compares-at-once-or-twice",
];

const TEXTS: [&str; 31] = [
    "x",
    "xy",
    "X",
    "y",
    "yx",
    "XY",
    "xyx",
    "",
    "ß",
    "SS",
    "ss",
    "é",
    "É",
    "e\u{301}",
    "Σ",
    "σ",
    "ς",
    "İ",
    "i\u{307}",
    "i",
    "😀",
    "x😀y",
    "a*b",
    "a\\b",
    "*",
    "3",
    "null",
    "a/b",
    "\"",
    "\n",
    "x-abcdefghijklmnopqrstuvwxyz-0123456789-ABCDEFGHIJKLMNOPQRSTUVWXYZ-y",
];

/// Spellings on which every reading of what an address is agrees.
const ADDRESSES: [&str; 8] = [
    "10.0.0.1",
    "::1",
    "10.0.1.200",
    "0:0:0:0:0:0:0:1",
    "2001:db8::a",
    "2001:DB8:0::A",
    "::ffff:a00:1",
    "192.168.1.1",
];

const RANGES: [&str; 9] = [
    "10.0.0.0/8",
    "10.0.0.77/24",
    "0.0.0.0/0",
    "::1/127",
    "2001:db8::/32",
    "2001:db8::8/125",
    "192.168.1.0/31",
    "fe80::/10",
    "::/0",
];

/// Numbers that are doubles, in several spellings each.
const NUMBERS: [&str; 24] = [
    "3",
    "0",
    "3.0",
    "1",
    "3e0",
    "-3",
    "0.3E1",
    "30e-1",
    "-0",
    "0.0",
    "0e5",
    "-0.0E-3",
    "100",
    "1E+2",
    "-1.5",
    "0.3",
    "3e-1",
    "0.30000000000000004",
    "1e15",
    "1000000000000000.0",
    "9007199254740992",
    "5e-324",
    "1.7976931348623157e308",
    "-17976931348623157E292",
];

/// The ends of ranges, each larger than the one before.
const BOUNDS: [&str; 12] = [
    "-1.7976931348623157e308",
    "-3",
    "-1.5",
    "-0.0",
    "5e-324",
    "0.3",
    "0.30000000000000004",
    "1.0",
    "3",
    "1e2",
    "1e15",
    "1.7976931348623157e308",
];

const WORDS: [&str; 3] = ["null", "true", "false"];

/// Beginnings and ends of [`TEXTS`].
const AFFIXES: [&str; 13] =
    ["x", "xy", "y", "X", "é", "ß", "ss", "Σ", "😀", "İ", "1", "\\", "x-abcdefghijklmnopqrst"];

/// Between the stars of a wildcard.
const PARTS: [&str; 11] =
    ["x", "y", "xy", "é", r"\*", "X", "😀", r"\\", "ß", "1", "abcdefghijklmnopqrstuvwxyz"];

type Members = &'static [(&'static str, Shape)];

/// What stands at a name.
#[derive(Clone, Copy)]
enum Shape {
    /// A value, or an array of values.
    Value,
    /// An object with these members, or an array of such objects.
    Object(Members),
    /// Anything.
    Any,
}

/// The usual shape of an event.
const USUAL: Members = &[
    ("a", Shape::Object(&[("a", Shape::Value), ("b", Shape::Value)])),
    ("source", Shape::Value),
    ("b", Shape::Object(&[("a", Shape::Value), ("b", Shape::Object(INNER))])),
    ("detail-type", Shape::Value),
];

const INNER: Members = &[("a", Shape::Value), ("é", Shape::Value)];

/// Choices made beforehand, taken one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Tape {
    choices: Vec<u16>,
    at: usize,
}

impl Tape {
    /// A full tape, always the same for the same seed (`SplitMix64`).
    pub(crate) fn seeded(seed: u64) -> Self {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut mixed = state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            let [low, high, ..] = (mixed ^ (mixed >> 31)).to_le_bytes();
            u16::from_le_bytes([low, high])
        };
        Self { choices: (0..CHOICES_MAX).map(|_| next()).collect(), at: 0 }
    }

    /// A number below `bound`; 0 behind the end.
    fn below(&mut self, bound: usize) -> usize {
        let choice = self.choices.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        usize::from(choice) % bound
    }

    /// True one time in so many; false behind the end.
    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }

    fn pick(&mut self, pool: &[&'static str]) -> &'static str {
        let favourites = pool.len().min(FAVOURITES);
        let reach = if self.one_in(4) { pool.len() } else { favourites };
        pool[self.below(reach)]
    }
}

/// Texts of patterns, all valid.
pub(crate) fn patterns() -> impl Strategy<Value = String> {
    tapes().prop_map(pattern)
}

/// Texts of events, all valid.
pub(crate) fn events() -> impl Strategy<Value = String> {
    tapes().prop_map(event)
}

fn tapes() -> impl Strategy<Value = Tape> {
    prop::collection::vec(any::<u16>(), 0..CHOICES_MAX).prop_map(|choices| Tape { choices, at: 0 })
}

/// The pattern that a tape makes.
pub(crate) fn pattern(tape: Tape) -> String {
    let mut draft = Draft::new(tape);
    // It is one or the other in all of a pattern.
    if draft.tape.one_in(8) {
        draft.or = Or::Field;
    }
    draft.pattern_object(0, USUAL);
    draft.text
}

/// The event that a tape makes.
pub(crate) fn event(tape: Tape) -> String {
    let mut draft = Draft::new(tape);
    draft.event_object(0, USUAL);
    draft.text
}

/// A text in the making.
struct Draft {
    tape: Tape,
    text: String,
    values_left: usize,
    ors_left: usize,
    or: Or,
}

/// What `$or` is in a pattern.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Or {
    Choice,
    Field,
}

/// What patterns and events have in common.
impl Draft {
    fn new(tape: Tape) -> Self {
        Self {
            tape,
            text: String::new(),
            values_left: VALUES_MAX,
            ors_left: ORS_MAX,
            or: Or::Choice,
        }
    }

    /// Appends a mark, at times with white space before or behind it.
    fn mark(&mut self, mark: &str) {
        let kind = self.tape.below(16);
        if kind == 14 {
            self.gap();
        }
        self.text.push_str(mark);
        if kind == 15 {
            self.gap();
        }
    }

    fn gap(&mut self) {
        let gap = self.tape.pick(&GAPS);
        self.text.push_str(gap);
    }

    fn items(&mut self, brackets: [&str; 2], count: usize, item: impl Fn(&mut Self, usize)) {
        self.mark(brackets[0]);
        for index in 0..count {
            if index > 0 {
                self.mark(",");
            }
            item(self, index);
        }
        self.mark(brackets[1]);
    }

    /// Appends a string, at times with escapes that it could do without.
    fn string(&mut self, text: &str) {
        let is_plain = !self.tape.one_in(4);
        self.text.push('"');
        for character in text.chars() {
            if character < ' ' || (!is_plain && self.tape.one_in(3)) {
                self.escape(character);
                continue;
            }
            if matches!(character, '"' | '\\') || (character == '/' && !is_plain) {
                self.text.push('\\');
            }
            self.text.push(character);
        }
        self.text.push('"');
    }

    fn escape(&mut self, character: char) {
        let is_upper = self.tape.one_in(2);
        for unit in character.encode_utf16(&mut [0; 2]).iter() {
            let escape = if is_upper {
                write!(self.text, "\\u{unit:04X}")
            } else {
                write!(self.text, "\\u{unit:04x}")
            };
            escape.expect("a String takes all");
        }
    }

    fn any_string(&mut self) {
        let is_address = self.tape.one_in(8);
        let text = if is_address { self.tape.pick(&ADDRESSES) } else { self.tape.pick(&TEXTS) };
        self.string(text);
    }

    fn number(&mut self) {
        let number = self.tape.pick(&NUMBERS);
        self.text.push_str(number);
    }

    fn word(&mut self) {
        let word = self.tape.pick(&WORDS);
        self.text.push_str(word);
    }
}

/// Events.
impl Draft {
    fn event_object(&mut self, depth: usize, usual: Members) {
        let mut members = usual.to_vec();
        if !members.is_empty() {
            members.rotate_left(self.tape.below(usual.len()));
        }
        // Deeper inside more is missing, so that elements of an array differ in what they have.
        let kept_of = if depth == 0 { 8 } else { 4 };
        members.retain(|_| self.tape.below(kept_of) > 0);
        let strange_one_in = if usual.is_empty() { 2 } else { 8 };
        for _ in 0..2 {
            if self.tape.one_in(strange_one_in) {
                members.push((self.tape.pick(&NAMES), Shape::Any));
            }
        }
        self.items(["{", "}"], members.len(), |draft, index| {
            let (name, shape) = members[index];
            draft.string(name);
            draft.mark(":");
            let shape = if draft.tape.one_in(16) { Shape::Any } else { shape };
            draft.event_value(depth + 1, shape);
        });
    }

    fn event_value(&mut self, depth: usize, shape: Shape) {
        let object = |draft: &mut Self, members: Members| draft.event_object(depth, members);
        match shape {
            Shape::Value if self.tape.one_in(6) => self.array(Self::value),
            Shape::Value => self.value(),
            Shape::Any => self.anything(depth),
            Shape::Object(members) => match self.tape.below(8) {
                0 => object(self, members),
                1..=6 => self.array(|draft| object(draft, members)),
                _ => self.array(|draft| draft.array(|draft| object(draft, members))),
            },
        }
    }

    fn anything(&mut self, depth: usize) {
        let kind = if depth > DEPTH_MAX { 0 } else { self.tape.below(8) };
        match kind {
            3 => {
                let empty = self.tape.pick(&["[]", "{}"]);
                self.mark(empty);
            }
            4 => self.event_object(depth, &[]),
            5 => self.event_object(depth, USUAL),
            6 => self.array(|draft| draft.anything(depth + 1)),
            7 => self.array(|draft| draft.event_object(depth, &[])),
            _ => self.value(),
        }
    }

    fn array(&mut self, item: impl Fn(&mut Self)) {
        let count = 1 + self.tape.below(4);
        self.items(["[", "]"], count, |draft, _| item(draft));
    }

    /// Appends a plain value, or an empty array once there are enough of them.
    fn value(&mut self) {
        let Some(left) = self.values_left.checked_sub(1) else {
            return self.mark("[]");
        };
        self.values_left = left;
        match self.tape.below(8) {
            0..=4 => self.any_string(),
            5 | 6 => self.number(),
            _ => self.word(),
        }
    }
}

/// Patterns.
impl Draft {
    fn pattern_object(&mut self, depth: usize, usual: Members) {
        let counts = if depth == 0 { [1, 1, 1, 1, 2, 3] } else { [1, 2, 1, 2, 2, 3] };
        let count = counts[self.tape.below(counts.len())];
        self.items(["{", "}"], count, |draft, _| draft.pattern_member(depth, usual));
    }

    fn pattern_member(&mut self, depth: usize, usual: Members) {
        if self.or == Or::Choice && self.ors_left > 0 && self.tape.one_in(8) {
            self.ors_left -= 1;
            self.string("$or");
            self.mark(":");
            let branches = 2 + self.tape.below(2);
            return self.items(["[", "]"], branches, |draft, _| draft.pattern_object(depth, usual));
        }
        let is_usual = !usual.is_empty() && !self.tape.one_in(12);
        let (name, mut shape) = if is_usual {
            usual[self.tape.below(usual.len())]
        } else {
            (self.unusual_name(), self.unusual_shape(depth))
        };
        let mut path = name.to_owned();
        // At times a dot instead of an object.
        while let Shape::Object(members) = shape
            && !members.is_empty()
            && self.tape.one_in(4)
        {
            let (name, inner) = members[self.tape.below(members.len())];
            path = format!("{path}.{name}");
            shape = inner;
        }
        self.string(&path);
        self.mark(":");
        match shape {
            Shape::Object(members) => self.pattern_object(depth + 1, members),
            Shape::Value | Shape::Any => self.conditions(),
        }
    }

    fn unusual_name(&mut self) -> &'static str {
        match self.tape.pick(&NAMES) {
            "$or" if self.or == Or::Choice => "c",
            name => name,
        }
    }

    fn unusual_shape(&mut self, depth: usize) -> Shape {
        match self.tape.below(6) {
            4 if depth < DEPTH_MAX => Shape::Object(USUAL),
            5 if depth < DEPTH_MAX => Shape::Object(&[]),
            _ => Shape::Value,
        }
    }

    fn conditions(&mut self) {
        let count = 1 + self.tape.below(5);
        // The wildcards of a field share one budget of complexity, which one entry never exceeds.
        let with_wildcard = self.tape.below(count);
        self.items(["[", "]"], count, |draft, index| {
            if index == with_wildcard && draft.tape.one_in(5) {
                draft.wildcard_condition();
            } else {
                draft.condition();
            }
        });
    }

    fn condition(&mut self) {
        match self.tape.below(24) {
            0..=4 => self.any_string(),
            5..=7 => self.number(),
            8 => self.word(),
            9 | 10 => self.operator("exists", |draft| draft.mark("true")),
            11 => self.operator("exists", |draft| draft.mark("false")),
            12 => self.operator("prefix", Self::affix_or_nothing),
            13 => self.operator("suffix", Self::affix_or_nothing),
            14 => self.operator("prefix", |draft| draft.ignoring_case(Self::affix_or_nothing)),
            15 => self.operator("suffix", |draft| draft.ignoring_case(Self::affix_or_nothing)),
            16 => self.ignoring_case(Self::any_string),
            17 => self.operator("exactly", Self::any_string),
            18 => self.operator("cidr", |draft| draft.one_of(&RANGES)),
            19 | 20 => self.operator("numeric", Self::range),
            _ => self.operator("anything-but", Self::excluded),
        }
    }

    fn wildcard_condition(&mut self) {
        if self.tape.one_in(3) {
            self.operator("anything-but", |draft| {
                draft.operator("wildcard", |draft| draft.one_or_many(Self::short_wildcard));
            });
        } else {
            self.operator("wildcard", Self::wildcard);
        }
    }

    fn operator(&mut self, name: &str, operand: impl Fn(&mut Self)) {
        self.items(["{", "}"], 1, |draft, _| {
            draft.string(name);
            draft.mark(":");
            operand(draft);
        });
    }

    fn ignoring_case(&mut self, operand: impl Fn(&mut Self)) {
        self.operator("equals-ignore-case", operand);
    }

    fn excluded(&mut self) {
        match self.tape.below(6) {
            0 | 1 => self.one_or_many(Self::any_string),
            2 => self.one_or_many(Self::number),
            3 => self.operator("prefix", |draft| draft.one_or_many(Self::affix)),
            4 => self.operator("suffix", |draft| draft.one_or_many(Self::affix)),
            _ => self.ignoring_case(|draft| draft.one_or_many(Self::any_string)),
        }
    }

    fn one_or_many(&mut self, item: impl Fn(&mut Self)) {
        if self.tape.one_in(2) {
            let count = 1 + self.tape.below(3);
            self.items(["[", "]"], count, |draft, _| item(draft));
        } else {
            item(self);
        }
    }

    fn one_of(&mut self, pool: &[&'static str]) {
        let text = self.tape.pick(pool);
        self.string(text);
    }

    fn affix(&mut self) {
        self.one_of(&AFFIXES);
    }

    fn affix_or_nothing(&mut self) {
        if self.tape.one_in(8) {
            self.string("");
        } else {
            self.affix();
        }
    }

    /// Appends a wildcard of up to three stars, no two of which are neighbours.
    fn wildcard(&mut self) {
        let mut text = String::new();
        let stars = self.tape.below(4);
        for star in 0..stars {
            if star > 0 || self.tape.one_in(2) {
                text.push_str(self.tape.pick(&PARTS));
            }
            text.push('*');
        }
        if stars == 0 || self.tape.one_in(2) {
            text.push_str(self.tape.pick(&PARTS));
        }
        self.string(&text);
    }

    fn short_wildcard(&mut self) {
        self.one_of(&["x*", "*x", "*y", "y*", "é*", "*", "x", r"*\*"]);
    }

    fn range(&mut self) {
        let low = self.tape.below(BOUNDS.len() - 1);
        let high = low + 1 + self.tape.below(BOUNDS.len() - 1 - low);
        let above = (self.tape.pick(&[">", ">="]), BOUNDS[low]);
        let below = (self.tape.pick(&["<", "<="]), BOUNDS[high]);
        let terms = match self.tape.below(4) {
            0 => vec![("=", BOUNDS[high])],
            1 => vec![below],
            2 => vec![above],
            _ => vec![above, below],
        };
        self.items(["[", "]"], terms.len(), |draft, index| {
            let (operator, bound) = terms[index];
            draft.string(operator);
            draft.mark(",");
            draft.text.push_str(bound);
        });
    }
}
