//! A part of the tree as JSON text: numbers spelt as in the file, `null` included.

use std::ops::Range;

use super::node::{Node, Value};
use super::source::Span;

/// JSON text that knows where its parts come from.
pub(crate) struct Json {
    pub(crate) text: String,
    /// Inner values before outer ones.
    places: Vec<(Range<usize>, Span)>,
}

/// The JSON text of a value.
pub(crate) fn write(node: &Node) -> Json {
    let mut json = Json { text: String::new(), places: Vec::new() };
    json.put(node);
    json
}

impl Json {
    /// Where the smallest part comes from that holds the byte at `byte`, from 0.
    pub(crate) fn place(&self, byte: usize) -> Option<Span> {
        let around = self.places.iter().filter(|(range, _)| range.contains(&byte));
        around.min_by_key(|(range, _)| range.len()).map(|(_, span)| *span)
    }

    fn put(&mut self, node: &Node) {
        let start = self.text.len();
        match &node.value {
            Value::Null => self.text.push_str("null"),
            Value::Bool(truth) => self.text.push_str(if *truth { "true" } else { "false" }),
            Value::Number(number) => self.text.push_str(number),
            Value::Text(text) => self.put_text(text),
            Value::List(elements) => {
                self.text.push('[');
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        self.text.push(',');
                    }
                    self.put(element);
                }
                self.text.push(']');
            }
            Value::Map(_) => self.put_entries(node),
        }
        self.places.push((start..self.text.len(), node.span));
    }

    fn put_entries(&mut self, node: &Node) {
        self.text.push('{');
        for (index, entry) in node.entries().enumerate() {
            if index > 0 {
                self.text.push(',');
            }
            let start = self.text.len();
            self.put_text(&entry.key);
            self.places.push((start..self.text.len(), entry.key_span));
            self.text.push(':');
            self.put(&entry.value);
        }
        self.text.push('}');
    }

    fn put_text(&mut self, text: &str) {
        self.text.push_str(&serde_json::Value::from(text).to_string());
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::problem::Problems;
    use crate::config::source::Source;
    use crate::config::yaml;

    #[test]
    fn numbers_and_nulls_stay_as_they_were_written() {
        let text = "a: [1.50, null, 'x\"', true]\nb:\n  c: 1e3\n";
        let source = Source::new("a.yaml", text, Path::new("."));
        let node = yaml::parse(&source, 0, &|_: &str| None, &mut Problems::default()).unwrap();
        let json = write(&node);
        assert_eq!(json.text, r#"{"a":[1.50,null,"x\"",true],"b":{"c":1e3}}"#);
        let place = json.place(7).unwrap();
        assert_eq!(&text[place.start..place.end], "1.50");
    }
}
