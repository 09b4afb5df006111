//! The document as it is given: which OpenAPI it is, and what its references lead to.

use serde_json::Value;

use crate::encoding;
use crate::error::Problems;
use crate::fault::{ECHO_CHARS_MAX, short};
use crate::pointer;

/// How many references may lead from one to the next. More than two are rare; a circle has no end.
const HOPS_MAX: usize = 16;

/// The dialects of JSON Schema that a document of OpenAPI 3.1 may name: the one it has without a
/// word, and the one that this is made of (OpenAPI 3.1 §4.8.24).
const DIALECTS: [&str; 2] = [
    "https://spec.openapis.org/oas/3.1/dialect/base",
    "https://json-schema.org/draft/2020-12/schema",
];

/// The versions that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    V30,
    V31,
}

/// A document whose version is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Document<'d> {
    root: &'d Value,
    version: Version,
}

impl<'d> Document<'d> {
    pub(crate) fn open(root: &'d Value, problems: &mut Problems) -> Option<Self> {
        let remedy = "write `openapi: 3.1.0` if it is that; convert the document otherwise";
        let version = match root.get("openapi") {
            Some(Value::String(version)) => version.clone(),
            // YAML without quotes, as in `openapi: 3.1`.
            Some(Value::Number(version)) => version.to_string(),
            _ => {
                problems.add("", "it does not say which version of OpenAPI it is", remedy);
                return None;
            }
        };
        let is = |minor: &str| version == minor || version.starts_with(&format!("{minor}."));
        let version = match (is("3.0"), is("3.1")) {
            (true, _) => Version::V30,
            (_, true) => Version::V31,
            _ => {
                let version = short(&version, ECHO_CHARS_MAX);
                let what = format!("version {version} is not read, only 3.0 and 3.1");
                problems.add("/openapi", what, remedy);
                return None;
            }
        };
        if let Some(dialect) = root.get("jsonSchemaDialect")
            && !dialect.as_str().is_some_and(|dialect| DIALECTS.contains(&dialect))
        {
            let remedy = format!("leave it out, or name {}", DIALECTS[1]);
            problems.add("/jsonSchemaDialect", "this dialect of JSON Schema is not read", remedy);
        }
        Some(Self { root, version })
    }

    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// What a pointer into the document leads to.
    pub(crate) fn at(&self, pointer: &str) -> Option<&'d Value> {
        self.root.pointer(pointer)
    }

    /// The pointer that the `$ref` found at `at` stands for; something is there.
    pub(crate) fn target(
        &self,
        reference: &Value,
        at: &str,
        problems: &mut Problems,
    ) -> Option<String> {
        match self.local(reference) {
            Ok(pointer) => Some(pointer),
            Err(NoTarget::Unreadable) => {
                let remedy = "write it as `#/components/…`, percent-encoded";
                problems.add(at, "the reference is no text, or not encoded as a URL", remedy);
                None
            }
            Err(NoTarget::Elsewhere(to)) => {
                let what = format!("the reference leads out of this document: {to}");
                let remedy = "put what it names below `components` and write `#/components/…`";
                problems.add(at, what, remedy);
                None
            }
            Err(NoTarget::Named(to)) => {
                let what = format!("the reference does not name a place by its pointer: {to}");
                problems.add(at, what, "write `#/components/…`");
                None
            }
            Err(NoTarget::Absent(to)) => {
                let what = format!("the reference leads to nothing: {to}");
                problems.add(at, what, "mend its spelling, or add what it names");
                None
            }
        }
    }

    fn local(&self, reference: &Value) -> Result<String, NoTarget> {
        let text = reference.as_str().ok_or(NoTarget::Unreadable)?;
        let echo = || short(text, ECHO_CHARS_MAX);
        let fragment = text.strip_prefix('#').ok_or_else(|| NoTarget::Elsewhere(echo()))?;
        let pointer = encoding::decode(fragment).map_err(|_| NoTarget::Unreadable)?;
        if !pointer.starts_with('/') {
            return Err(NoTarget::Named(echo()));
        }
        self.at(&pointer).map(|_| pointer.clone()).ok_or_else(|| NoTarget::Absent(echo()))
    }

    /// The object that `value`, found at `at`, is or refers to, and the pointer to it.
    pub(crate) fn resolve(
        &self,
        value: &'d Value,
        at: &str,
        problems: &mut Problems,
    ) -> Option<(&'d Value, String)> {
        let (mut value, mut place) = (value, at.to_owned());
        for _ in 0..HOPS_MAX {
            let Some(reference) = value.get("$ref") else { return Some((value, place)) };
            let target = self.target(reference, &pointer::child(&place, "$ref"), problems)?;
            value = self.at(&target)?;
            place = target;
        }
        let what = format!("more than {HOPS_MAX} references follow one another, or go in a circle");
        problems.add(at, what, "refer to the object itself");
        None
    }

    /// The same without a word: the last that can be reached.
    pub(crate) fn follow(&self, value: &'d Value) -> &'d Value {
        let mut value = value;
        for _ in 0..HOPS_MAX {
            let target = value.get("$ref").and_then(|reference| self.local(reference).ok());
            match target.and_then(|pointer| self.at(&pointer)) {
                Some(next) => value = next,
                None => return value,
            }
        }
        value
    }
}

/// Why a reference leads nowhere, with its text.
enum NoTarget {
    Unreadable,
    Elsewhere(String),
    Named(String),
    Absent(String),
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_says_its_version() {
        for (openapi, version) in [
            (json!("3.0.3"), Some(Version::V30)),
            (json!("3.1.0"), Some(Version::V31)),
            (json!(3.1), Some(Version::V31)),
            (json!("3.10.0"), None),
            (json!("2.0"), None),
            (json!(null), None),
        ] {
            let mut problems = Problems::default();
            let root = json!({"openapi": openapi});
            let opened = Document::open(&root, &mut problems);
            assert_eq!(opened.map(|document| document.version()), version, "{root}");
            assert_eq!(problems.is_empty(), version.is_some(), "{root}");
        }
    }

    #[test]
    fn a_reference_leads_to_a_place_of_this_document() {
        let root =
            json!({"openapi": "3.1.0", "a": {"b/c": {"x": 1}, "loop": {"$ref": "#/a/loop"}}});
        let mut problems = Problems::default();
        let document = Document::open(&root, &mut problems).unwrap();
        let mut target = |reference: &str| document.target(&json!(reference), "/at", &mut problems);
        assert_eq!(target("#/a/b~1c"), Some("/a/b~1c".to_owned()));
        assert_eq!(target("#/a/b%7E1c/x"), Some("/a/b~1c/x".to_owned()));
        for reference in ["", "#", "#b", "#/a/d", "#/a/%zz", "other.yaml#/a", "https://a.example/"]
        {
            assert_eq!(target(reference), None, "{reference}");
        }
        assert_eq!(problems.into_list().len(), 7);
    }

    #[test]
    fn a_circle_of_references_ends() {
        let root = json!({"openapi": "3.1.0", "a": {"$ref": "#/b"}, "b": {"$ref": "#/a"}});
        let mut problems = Problems::default();
        let document = Document::open(&root, &mut problems).unwrap();
        assert_eq!(document.resolve(&root["a"], "/a", &mut problems), None);
        assert!(!problems.is_empty());
        document.follow(&root["a"]);
    }
}
