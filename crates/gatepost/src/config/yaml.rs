//! YAML (and JSON, which is YAML) → [`Node`], within bounds.
//!
//! The scalars are those of YAML 1.2's core schema, save that a number is what JSON calls one:
//! anything else that looks like a number (`0x1f`, `007`) stays a text. Aliases are expanded.

mod hint;

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Tag};

use super::node::{Entry, Node, Size, Value};
use super::problem::{Problem, Problems, join};
use super::source::{Source, Span};
use super::{Environment, environment};

/// The largest file. A company with a thousand partners needs a tenth of it.
pub(crate) const TEXT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The most values, those of expanded aliases included.
const NODES_MAX: usize = 200_000;
/// The most bytes of text in all values once aliases and variables are expanded.
const EXPANDED_BYTES_MAX: usize = 2 * TEXT_BYTES_MAX;
/// The most lists and mappings inside each other.
const DEPTH_MAX: usize = 64;

/// The text is no tree; why was reported.
#[derive(Debug)]
pub(crate) struct Stop;

/// Reads the source at `index` of the list of sources. An empty text is a null.
pub(crate) fn parse(
    source: &Source,
    index: usize,
    environment: Environment<'_>,
    problems: &mut Problems,
) -> Result<Node, Stop> {
    parse_with(source, (index, Some(environment)), problems)
}

/// Reads a text of others, in which `${` has no meaning.
pub(crate) fn parse_verbatim(
    source: &Source,
    index: usize,
    problems: &mut Problems,
) -> Result<Node, Stop> {
    parse_with(source, (index, None), problems)
}

fn parse_with(
    source: &Source,
    (index, environment): (usize, Option<Environment<'_>>),
    problems: &mut Problems,
) -> Result<Node, Stop> {
    let mut builder = Builder {
        source,
        environment,
        problems,
        offsets: Offsets::of(&source.text),
        here: Span::beginning(index),
        open: Vec::new(),
        root: None,
        anchors: BTreeMap::new(),
        documents: 0,
        size: Size::default(),
    };
    if source.text.len() > TEXT_BYTES_MAX {
        return Err(builder.stop("the file is larger than 4 MiB", "split it into several files"));
    }
    for event in Parser::new_from_str(&source.text) {
        match event {
            Ok((event, mark)) => builder.event(event, mark)?,
            Err(error) => return Err(builder.syntax(&error)),
        }
    }
    Ok(builder.root.unwrap_or(Node { span: Span::beginning(index), value: Value::Null }))
}

/// Character offsets, which the parser gives, as byte offsets.
struct Offsets {
    /// The byte of each character; none when all are one byte long.
    bytes: Option<Vec<usize>>,
    end: usize,
}

impl Offsets {
    fn of(text: &str) -> Self {
        let bytes = (!text.is_ascii()).then(|| text.char_indices().map(|(at, _)| at).collect());
        Self { bytes, end: text.len() }
    }

    fn byte(&self, character: usize) -> usize {
        match &self.bytes {
            Some(bytes) => bytes.get(character).copied().unwrap_or(self.end),
            None => character.min(self.end),
        }
    }
}

/// A list or mapping whose end has not been read.
struct Open {
    start: usize,
    anchor: usize,
    what: Collection,
}

enum Collection {
    List(Vec<Node>),
    Map(OpenMap),
}

#[derive(Default)]
struct OpenMap {
    entries: Vec<Entry>,
    /// The key whose value comes next.
    key: Option<(String, Span)>,
    seen: BTreeMap<String, Span>,
}

struct Builder<'a> {
    source: &'a Source,
    /// None where variables are not replaced.
    environment: Option<Environment<'a>>,
    problems: &'a mut Problems,
    offsets: Offsets,
    /// Where the event at hand stands.
    here: Span,
    open: Vec<Open>,
    root: Option<Node>,
    anchors: BTreeMap<usize, Node>,
    documents: usize,
    size: Size,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, mark: saphyr_parser::Span) -> Result<(), Stop> {
        let (start, end) =
            (self.offsets.byte(mark.start.index()), self.offsets.byte(mark.end.index()));
        self.here = Span { source: self.here.source, start, end: end.max(start) };
        match event {
            Event::DocumentStart(_) => self.document(),
            Event::Scalar(text, ..) if self.awaits_key() => self.key(&text),
            Event::Scalar(text, style, anchor, tag) => {
                // Where nothing stands, the parser's place is that of what comes next.
                if text.is_empty() && style == ScalarStyle::Plain {
                    self.here.end = self.here.start;
                }
                let quoted = style != ScalarStyle::Plain || self.is_text_tag(tag.as_deref());
                let value = self.scalar(text.into_owned(), quoted);
                let node = Node { span: self.here, value };
                self.count(node.size())?;
                self.put(node, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.is_text_tag(tag.as_deref());
                self.begin(anchor, Collection::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.is_text_tag(tag.as_deref());
                self.begin(anchor, Collection::Map(OpenMap::default()))
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(anchor),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn document(&mut self) -> Result<(), Stop> {
        self.documents += 1;
        if self.documents > 1 {
            return Err(self.stop(
                "a second document begins here",
                "keep one document per file: remove the `---`, or split the file",
            ));
        }
        Ok(())
    }

    fn awaits_key(&self) -> bool {
        let top = self.open.last().map(|open| &open.what);
        matches!(top, Some(Collection::Map(map)) if map.key.is_none())
    }

    fn key(&mut self, text: &str) -> Result<(), Stop> {
        self.count(Size { nodes: 1, bytes: text.len(), depth: 0 })?;
        if text.is_empty() {
            return Err(self.stop("a key is missing here", "write the key before the `:`"));
        }
        let here = self.here;
        if let Some(Open { what: Collection::Map(map), .. }) = self.open.last_mut() {
            map.key = Some((text.to_owned(), here));
        }
        Ok(())
    }

    fn scalar(&mut self, text: String, quoted: bool) -> Value {
        let replace = |variables| environment::replace(&text, variables);
        let text = match self.environment.map_or(Ok(None), replace) {
            Ok(replaced) => replaced.unwrap_or(text),
            Err(wrong) => {
                let path = self.path();
                let help = wrong.help.unwrap_or_default();
                let problem = Problem::new(self.here, &path, &wrong.message).help(&help);
                self.problems.error(problem);
                // One complaint about this value is enough.
                self.problems.unreadable.insert(self.here);
                return Value::Text(text);
            }
        };
        if quoted { Value::Text(text) } else { plain(text) }
    }

    /// Whether a tag makes a text of what follows; a tag that means nothing here is reported.
    fn is_text_tag(&mut self, tag: Option<&Tag>) -> bool {
        let Some(tag) = tag else {
            return false;
        };
        if tag.is_yaml_core_schema() {
            return tag.suffix == "str";
        }
        if tag.suffix == "!" {
            return true;
        }
        let path = self.path();
        let problem = Problem::new(self.here, &path, "a tag such as `!Ref` has no meaning here")
            .help("remove the tag and write the value itself");
        self.problems.error(problem);
        false
    }

    fn begin(&mut self, anchor: usize, what: Collection) -> Result<(), Stop> {
        if self.awaits_key() {
            return Err(self.stop(
                "a key is a plain text, not a list or mapping",
                "put the key in quotes if it begins with `{` or `[`",
            ));
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(self.too_deep());
        }
        self.count(Size { nodes: 1, bytes: 0, depth: 0 })?;
        self.open.push(Open { start: self.here.start, anchor, what });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Stop> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let (value, last_end) = match open.what {
            Collection::List(elements) => {
                let end = elements.last().map(|element| element.span.end);
                (Value::List(elements), end)
            }
            Collection::Map(map) => {
                let end = map.entries.last().map(|entry| entry.value.span.end);
                (Value::Map(map.entries), end)
            }
        };
        // In a block the parser reports the end where the next thing begins; then the end of the
        // last child is nearer to what people see.
        let rest = self.source.text.get(self.here.start..).unwrap_or_default();
        let closed = rest.starts_with(['}', ']']);
        let end = if closed { self.here.start + 1 } else { last_end.unwrap_or(open.start) };
        let span = Span { source: self.here.source, start: open.start, end: end.max(open.start) };
        self.put(Node { span, value }, open.anchor)
    }

    fn alias(&mut self, anchor: usize) -> Result<(), Stop> {
        if self.awaits_key() {
            return Err(self.stop("an alias cannot be a key", "write the key itself"));
        }
        let Some(size) = self.anchors.get(&anchor).map(Node::size) else {
            return Err(self.stop(
                "this alias stands inside of what it repeats",
                "write the value out instead of the alias",
            ));
        };
        if self.open.len() + size.depth > DEPTH_MAX {
            return Err(self.too_deep());
        }
        self.count(size)?;
        match self.anchors.get(&anchor).cloned() {
            Some(node) => self.put(node, 0),
            None => Ok(()),
        }
    }

    /// Puts a finished value where it belongs.
    fn put(&mut self, mut node: Node, anchor: usize) -> Result<(), Stop> {
        if anchor != 0 {
            self.count(node.size())?;
            self.anchors.insert(anchor, node.clone());
        }
        let map = match self.open.last_mut().map(|open| &mut open.what) {
            Some(Collection::Map(map)) => map,
            Some(Collection::List(elements)) => {
                elements.push(node);
                return Ok(());
            }
            None => {
                self.root = Some(node);
                return Ok(());
            }
        };
        let Some((key, key_span)) = map.key.take() else {
            return Ok(());
        };
        // Nothing stands there that could be underlined.
        if node.is_null() && node.span.start == node.span.end {
            node.span = key_span;
        }
        let first = map.seen.get(&key).copied();
        if first.is_none() {
            map.seen.insert(key.clone(), key_span);
        }
        map.entries.push(Entry {
            key: key.clone(),
            key_span,
            value: node,
            repeated: first.is_some(),
        });
        if let Some(first) = first {
            let line = self.source.line(first.start);
            let problem = Problem::new(
                key_span,
                &join(&self.path(), &key),
                &format!("`{key}` is there twice; the first is on line {line}"),
            );
            self.problems.error(problem.help("remove or rename one of the two").first(first));
        }
        Ok(())
    }

    fn count(&mut self, size: Size) -> Result<(), Stop> {
        self.size.nodes += size.nodes;
        self.size.bytes += size.bytes;
        if self.size.nodes > NODES_MAX || self.size.bytes > EXPANDED_BYTES_MAX {
            return Err(self.stop(
                "the file holds too many values, its aliases and variables expanded",
                "repeat less with aliases, or split the file",
            ));
        }
        Ok(())
    }

    fn too_deep(&mut self) -> Stop {
        self.stop("lists and mappings nest more than 64 deep", "flatten what stands here")
    }

    /// The dotted path of the value that is being read.
    fn path(&self) -> String {
        self.open.iter().fold(String::new(), |path, open| match &open.what {
            Collection::List(elements) => format!("{path}[{}]", elements.len()),
            Collection::Map(map) => match &map.key {
                Some((key, _)) => join(&path, key),
                None => path,
            },
        })
    }

    fn stop(&mut self, message: &str, help: &str) -> Stop {
        let path = self.path();
        self.problems.error(Problem::new(self.here, &path, message).help(help));
        Stop
    }

    fn syntax(&mut self, error: &ScanError) -> Stop {
        let at = self.offsets.byte(error.marker().index());
        // One character, so that there is something to underline.
        let length = self.source.text.get(at..).and_then(|rest| rest.chars().next());
        let end = at + length.map_or(0, char::len_utf8);
        self.here = Span { source: self.here.source, start: at, end };
        let line = self.source.line(at);
        let help = hint::hint(error.info(), self.source, line);
        self.stop(&format!("this is not YAML: {}", error.info()), &help)
    }
}

/// What an unquoted scalar is (YAML 1.2 §10.3.2).
fn plain(text: String) -> Value {
    match text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if is_number(&text) => Value::Number(text),
        _ => Value::Text(text),
    }
}

/// Whether a text is a JSON number (RFC 8259 §6).
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => {
            (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
        }
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    are_digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(are_digits)
        && exponent.is_none_or(are_digits)
}

fn are_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(text: &str) -> (Result<Node, Stop>, Problems) {
        let mut problems = Problems::default();
        let source = Source::new("a.yaml", text, Path::new("."));
        let node = parse(&source, 0, &|_: &str| None, &mut problems);
        (node, problems)
    }

    #[test]
    fn scalars_are_those_of_json_and_everything_else_is_text() {
        for (text, expected) in [
            ("", "Null"),
            ("~", "Null"),
            ("true", "Bool(true)"),
            ("no", "Text(\"no\")"),
            ("10", "Number(\"10\")"),
            ("-1.50e+3", "Number(\"-1.50e+3\")"),
            ("007", "Text(\"007\")"),
            ("'10'", "Text(\"10\")"),
            ("!!str 10", "Text(\"10\")"),
            ("1e", "Text(\"1e\")"),
        ] {
            let (node, problems) = read(&format!("a: {text}"));
            let node = node.unwrap();
            assert_eq!(format!("{:?}", node.get("a").unwrap().value), expected, "{text}");
            assert!(problems.errors.is_empty());
        }
    }

    #[test]
    fn variables_of_a_text_of_others_stay() {
        let mut problems = Problems::default();
        let source = Source::new("a.yaml", "a: ${HOME}\nb: '${'\n", Path::new("."));
        let node = parse_verbatim(&source, 0, &mut problems).unwrap();
        assert_eq!(node.get("a").unwrap().text(), Some("${HOME}"));
        assert_eq!(node.get("b").unwrap().text(), Some("${"));
        assert!(problems.errors.is_empty());
    }

    #[test]
    fn aliases_are_expanded_within_bounds() {
        let (node, _) = read("a: &x {b: 1}\nc: *x\n");
        assert_eq!(node.unwrap().get("c").unwrap().get("b").unwrap().text(), Some("1"));
        let bomb = (1..40).fold("a0: &a0 [x, x, x, x]\n".to_owned(), |text, level| {
            let before = level - 1;
            format!("{text}a{level}: &a{level} [*a{before}, *a{before}, *a{before}]\n")
        });
        let (node, problems) = read(&bomb);
        assert!(node.is_err());
        assert!(problems.errors[0].message.contains("too many values"));
    }

    #[test]
    fn what_has_no_bound_is_refused() {
        for text in ["[".repeat(1_000), "a: &x [*x]".to_owned(), "a: 1\n---\nb: 2".to_owned()] {
            let (node, problems) = read(&text);
            assert!(node.is_err());
            assert_eq!(problems.errors.len(), 1, "{text}");
        }
    }
}
