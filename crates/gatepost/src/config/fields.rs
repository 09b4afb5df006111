//! One object of the file as its reader sees it: values, or the table's defaults.
//!
//! Forms and references were judged before. A value that has not its form is read as if it were
//! not there: it was reported, and the result is thrown away.

use super::forms;
use super::node::{Entry, Node, Value};
use super::problem::{Problem, Wrong, join};
use super::schema::{Kind, Object};
use super::source::Span;

/// What stands where an object was left out.
static NOTHING: Node = Node { span: Span::beginning(0), value: Value::Null };

/// An object of the file.
#[derive(Clone)]
pub(crate) struct Fields<'a> {
    pub(crate) node: &'a Node,
    object: &'static Object,
    /// Its key.
    pub(crate) at: Span,
    pub(crate) path: String,
}

impl<'a> Fields<'a> {
    pub(crate) fn root(node: &'a Node, object: &'static Object) -> Self {
        Self { node, object, at: node.span, path: String::new() }
    }

    /// The value of a key, if there is one that is not null.
    pub(crate) fn get(&self, name: &str) -> Option<&'a Node> {
        self.node.get(name).filter(|node| !node.is_null())
    }

    /// The entry of a key, its value possibly null.
    pub(crate) fn entry(&self, name: &str) -> Option<&'a Entry> {
        self.node.entries().find(|entry| entry.key == name)
    }

    /// The text of a key, or its default.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let given = self.get(name).and_then(Node::text);
        given.or_else(|| self.default(name)).map(str::to_owned)
    }

    /// The value of a key, read from its text, or from its default.
    pub(crate) fn parse<T>(
        &self,
        name: &str,
        read: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        let given = self.get(name).and_then(Node::text);
        let given = given.and_then(|text| read(text).ok());
        given.or_else(|| self.default(name).and_then(|text| read(text).ok()))
    }

    /// The elements of a list, each read from its text.
    pub(crate) fn parse_list<T>(
        &self,
        name: &str,
        read: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Vec<T> {
        let texts = self.list(name).iter().filter_map(Node::text);
        texts.filter_map(|text| read(text).ok()).collect()
    }

    /// Milliseconds of a duration; 0 where there is neither value nor default.
    pub(crate) fn duration_ms(&self, name: &str) -> u64 {
        self.parse(name, forms::duration_ms).unwrap_or(0)
    }

    /// A whole number, if there is one.
    pub(crate) fn integer(&self, name: &str) -> Option<u32> {
        let number = self.parse(name, |text| forms::integer(text, 0, u64::from(u32::MAX)));
        number.and_then(|number| u32::try_from(number).ok())
    }

    /// Whether a key says `true`.
    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.text(name).is_some_and(|text| text == "true")
    }

    /// The elements of a list.
    pub(crate) fn list(&self, name: &str) -> &'a [Node] {
        match self.get(name) {
            Some(node) => node.elements(),
            None => &[],
        }
    }

    /// The entries of a mapping of scalars.
    pub(crate) fn entries(&self, name: &str) -> impl Iterator<Item = &'a Entry> + use<'a> {
        self.get(name).into_iter().flat_map(Node::entries)
    }

    /// An object below a key; one without keys where there is none.
    pub(crate) fn child(&self, name: &str) -> Self {
        let object = match self.object.field(name).map(|field| field.kind) {
            Some(
                Kind::Object(object)
                | Kind::OffOr(object)
                | Kind::WordOr(_, object)
                | Kind::FormOr(_, object),
            ) => object,
            _ => self.object,
        };
        let entry = self.entry(name);
        Self {
            node: entry.map_or(&NOTHING, |entry| &entry.value),
            object,
            at: entry.map_or(self.at, |entry| entry.key_span),
            path: join(&self.path, name),
        }
    }

    /// The objects below a key, with their keys.
    pub(crate) fn children(&self, name: &str) -> Vec<(&'a Entry, Self)> {
        let Some(Kind::Map(map)) = self.object.field(name).map(|field| field.kind) else {
            return Vec::new();
        };
        let Kind::Object(object) = map.value else {
            return Vec::new();
        };
        let path = join(&self.path, name);
        let fields = |entry: &'a Entry| Self {
            node: &entry.value,
            object,
            at: entry.key_span,
            path: join(&path, &entry.key),
        };
        self.entries(name).map(|entry| (entry, fields(entry))).collect()
    }

    /// The objects of a list.
    pub(crate) fn elements(&self, name: &str) -> Vec<Self> {
        let Some(Kind::List(list)) = self.object.field(name).map(|field| field.kind) else {
            return Vec::new();
        };
        let Kind::Object(object) = list.item else {
            return Vec::new();
        };
        let path = join(&self.path, name);
        let elements = self.list(name).iter().enumerate();
        elements
            .map(|(index, node)| Self {
                node,
                object,
                at: node.span,
                path: format!("{path}[{index}]"),
            })
            .collect()
    }

    /// Something wrong with the value of a key, or with the object where there is none.
    pub(crate) fn problem(&self, name: &str, message: &str) -> Problem {
        let span = self.node.get(name).map_or(self.at, |node| node.span);
        Problem::new(span, &join(&self.path, name), message)
    }

    fn default(&self, name: &str) -> Option<&'static str> {
        self.object.field(name).and_then(|field| field.default)
    }
}
