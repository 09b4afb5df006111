//! A matcher that is slow and obviously right, written from the reference and `PATTERNS.md` alone:
//! it shares no code with the crate, and tries every way to choose the values of the fields.
//!
//! It takes valid texts only, and has no bounds; `generate` keeps its texts small enough, and makes
//! no numbers that are no doubles and no addresses that only some readers take for such.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The names that make a list of objects under `$or` a field.
const OPERATORS: [&str; 9] = [
    "exactly",
    "prefix",
    "suffix",
    "equals-ignore-case",
    "wildcard",
    "anything-but",
    "numeric",
    "exists",
    "cidr",
];

/// For each path the list there. A path has a dot before every name.
type Alternative = BTreeMap<String, Vec<Json>>;

/// A pattern, expanded.
pub(crate) struct Pattern {
    /// The ways to satisfy it, each of which asks for all its fields.
    alternatives: Vec<Alternative>,
}

impl Pattern {
    /// Reads the text of a valid pattern.
    pub(crate) fn read(text: &str) -> Self {
        Self { alternatives: expand(&read(text), "", vec![Alternative::new()]) }
    }

    /// Whether `event` satisfies some alternative.
    pub(crate) fn matches(&self, event: &Event) -> bool {
        self.alternatives.iter().any(|alternative| event.satisfies(alternative))
    }
}

/// Goes on with what stands at `path`, in the order of the text: of one path the last list wins.
fn expand(pattern: &Json, path: &str, mut so_far: Vec<Alternative>) -> Vec<Alternative> {
    match pattern {
        Json::Object(members) => {
            for (name, value) in members {
                so_far = match branches(name, value) {
                    Some(branches) => branches
                        .iter()
                        .flat_map(|branch| expand(branch, path, so_far.clone()))
                        .collect(),
                    None => expand(value, &format!("{path}.{name}"), so_far),
                };
            }
        }
        Json::Array(conditions) => {
            for alternative in &mut so_far {
                alternative.insert(path.to_owned(), conditions.clone());
            }
        }
        _ => unreachable!("a pattern consists of objects and lists"),
    }
    so_far
}

/// The branches, if this member is the `$or` that makes alternatives and no field of that name.
fn branches<'a>(name: &str, value: &'a Json) -> Option<&'a [Json]> {
    let is_branch = |entry: &Json| match entry {
        Json::Object(members) => {
            members.iter().all(|(name, _)| !OPERATORS.contains(&name.as_str()))
        }
        _ => false,
    };
    match value {
        Json::Array(entries) if name == "$or" && entries.len() >= 2 => {
            entries.iter().all(is_branch).then_some(entries.as_slice())
        }
        _ => None,
    }
}

/// An event, flattened.
pub(crate) struct Event {
    leaves: Vec<Leaf>,
    arrays: usize,
}

/// A value that is neither an object nor an array.
struct Leaf {
    path: String,
    value: Json,
    /// The elements of arrays it lies in: the number of the array and the index of the element.
    /// Only an element that is an object or an array counts; a plain value is not tied to others.
    inside: Vec<(usize, usize)>,
}

impl Event {
    /// Reads the text of a valid event.
    pub(crate) fn read(text: &str) -> Self {
        let mut event = Self { leaves: Vec::new(), arrays: 0 };
        event.flatten(read(text), "", &[]);
        event
    }

    fn flatten(&mut self, value: Json, path: &str, inside: &[(usize, usize)]) {
        match value {
            Json::Object(members) => {
                for (name, value) in members {
                    self.flatten(value, &format!("{path}.{name}"), inside);
                }
            }
            Json::Array(elements) => {
                let array = self.arrays;
                self.arrays += 1;
                for (index, element) in elements.into_iter().enumerate() {
                    let mut inside = inside.to_vec();
                    if matches!(element, Json::Object(_) | Json::Array(_)) {
                        inside.push((array, index));
                    }
                    self.flatten(element, path, &inside);
                }
            }
            value => {
                let leaf = Leaf { path: path.to_owned(), value, inside: inside.to_vec() };
                self.leaves.push(leaf);
            }
        }
    }

    fn satisfies(&self, alternative: &Alternative) -> bool {
        let fields: Vec<Field<'_>> = alternative
            .iter()
            .map(|(path, conditions)| Field {
                leaves: self.leaves.iter().filter(|leaf| leaf.path == *path).collect(),
                conditions,
            })
            .collect();
        can_choose(&fields, &[])
    }
}

/// A field of a pattern in an event.
struct Field<'a> {
    leaves: Vec<&'a Leaf>,
    conditions: &'a [Json],
}

/// Whether one leaf that satisfies it can be chosen for each field, in the order of the paths, so
/// that all go together, also with those `chosen` before.
fn can_choose(fields: &[Field<'_>], chosen: &[&Leaf]) -> bool {
    let Some((field, others)) = fields.split_first() else {
        return true;
    };
    let mut leaves = field.leaves.clone();
    leaves.retain(|leaf| chosen.iter().all(|other| go_together(leaf, other)));
    // Absence is asked of the elements that the fields before this one chose, as event-ruler does;
    // to ask it of the whole event, look at `field.leaves` here.
    if leaves.is_empty() && field.conditions.iter().any(holds_for_absence) {
        return can_choose(others, chosen);
    }
    leaves.retain(|leaf| field.conditions.iter().any(|condition| holds(condition, &leaf.value)));
    leaves.into_iter().any(|leaf| {
        let longer: Vec<&Leaf> = chosen.iter().copied().chain([leaf]).collect();
        can_choose(others, &longer)
    })
}

/// Whether no array has the two leaves in different elements.
fn go_together(one: &Leaf, other: &Leaf) -> bool {
    one.inside.iter().all(|(array, element)| {
        other.inside.iter().all(|(same, another)| array != same || element == another)
    })
}

/// Whether this is `{"exists": false}`.
fn holds_for_absence(condition: &Json) -> bool {
    match condition {
        Json::Object(members) => members[0] == ("exists".to_owned(), Json::Bool(false)),
        _ => false,
    }
}

/// Whether a value that is there satisfies one entry of a list.
fn holds(condition: &Json, value: &Json) -> bool {
    match (condition, value) {
        (Json::Object(members), value) => {
            let (name, operand) = &members[0];
            operator_holds(name, operand, value)
        }
        (Json::Text(wanted), Json::Text(found)) => match address(wanted) {
            Some(wanted) => address(found) == Some(wanted),
            None => wanted == found,
        },
        (wanted, found) => wanted == found,
    }
}

fn operator_holds(name: &str, operand: &Json, value: &Json) -> bool {
    match (name, operand, value) {
        ("exists", operand, _) => *operand == Json::Bool(true),
        ("anything-but", excluded, value) => !is_excluded(excluded, value),
        ("numeric", Json::Array(terms), Json::Number(found)) => {
            terms.chunks(2).all(|term| is_on_its_side(*found, &term[0], &term[1]))
        }
        (_, Json::Text(operand), Json::Text(found)) => text_holds(name, operand, found),
        // What else takes an object is `prefix` or `suffix` with `equals-ignore-case`.
        (_, Json::Object(members), Json::Text(found)) => match (name, &members[0].1) {
            ("prefix", Json::Text(start)) => !rests(start, found).is_empty(),
            ("suffix", Json::Text(end)) => tails(found).any(|tail| rests(end, tail).contains(&"")),
            _ => false,
        },
        _ => false,
    }
}

fn text_holds(name: &str, operand: &str, found: &str) -> bool {
    match name {
        "exactly" => found == operand,
        "prefix" => found.starts_with(operand),
        "suffix" => found.ends_with(operand),
        "equals-ignore-case" => rests(operand, found).contains(&""),
        "wildcard" => fits(operand, found),
        "cidr" => is_in_range(operand, found),
        _ => unreachable!("no other operator takes a string"),
    }
}

fn is_excluded(excluded: &Json, value: &Json) -> bool {
    match excluded {
        Json::Array(list) => list.contains(value),
        Json::Object(members) => match &members[0] {
            (name, Json::Array(list)) => list.iter().any(|one| operator_holds(name, one, value)),
            (name, operand) => operator_holds(name, operand, value),
        },
        one => one == value,
    }
}

fn is_on_its_side(found: f64, operator: &Json, bound: &Json) -> bool {
    let (Json::Text(operator), Json::Number(bound)) = (operator, bound) else {
        unreachable!("numeric takes operators and numbers in turn");
    };
    let order = found.partial_cmp(bound).expect("JSON has no NaN");
    match operator.as_str() {
        "=" => order.is_eq(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        ">=" => order.is_ge(),
        _ => unreachable!("numeric has five operators"),
    }
}

/// What may be left of `text` when `start` is taken off its beginning, each character of `start`
/// standing for itself, its lower case and its upper case.
fn rests<'a>(start: &str, text: &'a str) -> Vec<&'a str> {
    let mut rests = vec![text];
    for character in start.chars() {
        let spellings = BTreeSet::from([
            character.to_string(),
            character.to_lowercase().to_string(),
            character.to_uppercase().to_string(),
        ]);
        let mut shorter = Vec::new();
        for rest in rests {
            for spelling in &spellings {
                shorter.extend(rest.strip_prefix(spelling.as_str()));
            }
        }
        rests = shorter;
    }
    rests
}

/// The ends of `text`, from the whole to nothing.
fn tails(text: &str) -> impl Iterator<Item = &str> {
    text.char_indices().map(|(at, _)| &text[at..]).chain([""])
}

/// Whether `text` fits a wildcard.
fn fits(wildcard: &str, text: &str) -> bool {
    let mut rest = wildcard.chars();
    let wanted = match rest.next() {
        None => return text.is_empty(),
        Some('*') => return tails(text).any(|tail| fits(rest.as_str(), tail)),
        Some('\\') => rest.next().expect("a backslash escapes something"),
        Some(plain) => plain,
    };
    text.strip_prefix(wanted).is_some_and(|text| fits(rest.as_str(), text))
}

/// An IPv4 address inside IPv6 is that IPv4 address.
fn address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

fn is_in_range(range: &str, text: &str) -> bool {
    let (base, length) = range.split_once('/').expect("a range has a slash");
    let base = bits(base).expect("a range begins with an address");
    let length: usize = length.parse().expect("a range ends with a number");
    bits(text).is_some_and(|bits| bits.len() == base.len() && bits[..length] == base[..length])
}

/// The zeros and ones of an address.
fn bits(text: &str) -> Option<String> {
    address(text).map(|address| match address {
        IpAddr::V4(address) => format!("{:032b}", address.to_bits()),
        IpAddr::V6(address) => format!("{:0128b}", address.to_bits()),
    })
}

/// JSON as `serde_json` has it, but that a name may come twice in an object, and that a number is
/// the nearest double, which `serde_json` promises only with a feature this workspace has not.
#[derive(Clone, PartialEq)]
enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

fn read(text: &str) -> Json {
    Reader { rest: text }.value()
}

/// Reads valid JSON; what it does with anything else does not matter.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn value(&mut self) -> Json {
        if self.take('{') {
            Json::Object(self.items('}', |reader| {
                let name = reader.string();
                reader.take(':');
                (name, reader.value())
            }))
        } else if self.take('[') {
            Json::Array(self.items(']', Self::value))
        } else if self.rest.starts_with('"') {
            Json::Text(self.string())
        } else {
            self.word()
        }
    }

    fn items<T>(&mut self, closing: char, item: impl Fn(&mut Self) -> T) -> Vec<T> {
        let mut items = Vec::new();
        while !self.take(closing) {
            items.push(item(self));
            self.take(',');
        }
        items
    }

    fn string(&mut self) -> String {
        let text = self.rest.trim_start();
        let mut is_escaped = false;
        let closes = |(_, character): &(usize, char)| {
            let closes = *character == '"' && !is_escaped;
            is_escaped = *character == '\\' && !is_escaped;
            closes
        };
        let last = text.char_indices().skip(1).find(closes).expect("a string is closed").0;
        let (string, rest) = text.split_at(last + 1);
        self.rest = rest;
        serde_json::from_str(string).expect("a string in JSON")
    }

    fn word(&mut self) -> Json {
        let end = self.rest.find([',', ']', '}', ' ', '\t', '\r', '\n']);
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        match word {
            "null" => Json::Null,
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            number => Json::Number(number.parse().expect("a number in JSON")),
        }
    }

    /// Steps over white space, and over `mark` if it stands behind it.
    fn take(&mut self, mark: char) -> bool {
        let text = self.rest.trim_start();
        let behind = text.strip_prefix(mark);
        self.rest = behind.unwrap_or(text);
        behind.is_some()
    }
}
