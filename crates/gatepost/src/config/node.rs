//! A file as a tree: every key and value with its place.

use super::source::Span;

/// A value and its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) value: Value,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// A JSON number, spelt as in the file.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
    /// Whether the key was there before; such an entry was reported and is read by nobody.
    pub(crate) repeated: bool,
}

/// How large a tree is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Size {
    pub(crate) nodes: usize,
    pub(crate) bytes: usize,
    /// Lists and mappings inside each other.
    pub(crate) depth: usize,
}

impl Node {
    pub(crate) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// The text of a scalar, numbers and booleans as they are spelt.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) | Value::Number(text) => Some(text),
            Value::Bool(true) => Some("true"),
            Value::Bool(false) => Some("false"),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The entries of a mapping, repeated ones included.
    pub(crate) fn all_entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The entries of a mapping.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.all_entries().iter().filter(|entry| !entry.repeated)
    }

    /// The elements of a list.
    pub(crate) fn elements(&self) -> &[Self] {
        match &self.value {
            Value::List(elements) => elements,
            _ => &[],
        }
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// What it is, for a message.
    pub(crate) fn found(&self) -> &'static str {
        match &self.value {
            Value::Null => "empty",
            Value::Bool(_) => "a true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    pub(crate) fn size(&self) -> Size {
        let mut size = Size { nodes: 1, bytes: self.text().map_or(0, str::len), depth: 0 };
        let keys = self.all_entries().iter().map(|entry| entry.key.len());
        size.bytes += keys.sum::<usize>();
        let values = self.all_entries().iter().map(|entry| &entry.value);
        for child in self.elements().iter().chain(values) {
            let inner = child.size();
            size.nodes += inner.nodes;
            size.bytes += inner.bytes;
            size.depth = size.depth.max(inner.depth);
        }
        if matches!(self.value, Value::List(_) | Value::Map(_)) {
            size.depth += 1;
        }
        size
    }
}
