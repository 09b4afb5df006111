//! References to secrets, and keeping secrets that stand in the file from being shown.

use std::ops::Range;

use model::{Name, SecretSource};

use super::environment::is_variable;
use super::forms::{is_secret_header, is_secret_parameter};
use super::node::{Entry, Node, Value};
use super::schema::{Kind, OFF, Object};
use super::source::{Source, Span};

/// Parts of keys whose values may be secrets wherever they stand.
const SECRET_WORDS: [&str; 9] = [
    "secret",
    "passw",
    "token",
    "api_key",
    "api-key",
    "apikey",
    "authorization",
    "private",
    "credential",
];

/// The reference to a secret, if this is a well-formed one; a file is as it was written.
pub(crate) fn reference(node: &Node) -> Option<SecretSource> {
    let [entry] = node.all_entries() else {
        return None;
    };
    let text = entry.value.text()?.trim();
    match entry.key.as_str() {
        "env" if is_variable(text) => Some(SecretSource::Env(text.to_owned())),
        "file" if !text.is_empty() => Some(SecretSource::File(text.into())),
        // systemd.exec(5): a credential's name is a file name.
        "credential" if !text.is_empty() && !text.contains('/') => {
            Some(SecretSource::Credential(text.to_owned()))
        }
        "kept" => Name::new(text).ok().map(SecretSource::Kept),
        _ => None,
    }
}

/// Hides whatever of a tree is or may be a secret.
pub(crate) fn mask_tree(root: &Node, kind: Kind, sources: &mut [Source]) {
    let mut spans = Vec::new();
    collect(root, kind, false, &mut spans);
    for span in spans {
        if let Some(source) = sources.get_mut(span.source) {
            source.mask(span.start..span.end);
        }
    }
}

/// Hides what follows a key that may be a secret's, in a text that could not be read as a tree.
pub(crate) fn mask_text(source: &mut Source) {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut below: Option<usize> = None;
    for line in 1..=source.lines() {
        let (start, text) = (source.line_start(line), source.line_text(line));
        let indent = text.len() - text.trim_start().len();
        let blank = text.trim().is_empty();
        if below.is_some_and(|key_indent| blank || indent > key_indent) {
            ranges.push(start..start + text.len());
            continue;
        }
        below = None;
        if let Some(at) = after_secret_key(text) {
            ranges.push(start + at..start + text.len());
            // A block text, or a mapping, goes on below.
            below = Some(indent);
        }
    }
    for range in ranges {
        source.mask(range);
    }
}

/// Where the value of the first key begins that may be a secret's.
fn after_secret_key(line: &str) -> Option<usize> {
    line.match_indices(':').map(|(at, _)| at).find_map(|at| {
        let before = line.get(..at)?.trim_end_matches(['"', '\'', ' ']);
        let part_of_key = |next: char| next.is_ascii_alphanumeric() || "_-".contains(next);
        let key_start = before.trim_end_matches(part_of_key).len();
        is_secret_key(before.get(key_start..)?).then_some(at + 1)
    })
}

fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    key == "value" || key == "key" || SECRET_WORDS.iter().any(|word| key.contains(word))
}

fn collect(node: &Node, kind: Kind, guarded: bool, spans: &mut Vec<Span>) {
    if node.is_null() {
        return;
    }
    let is_collection = matches!(kind, Kind::Object(_) | Kind::Map(_) | Kind::List(_));
    match kind {
        Kind::Object(object)
        | Kind::OffOr(object)
        | Kind::WordOr(_, object)
        | Kind::FormOr(_, object)
            if is_mapping(node) =>
        {
            for entry in node.all_entries() {
                match object.field(&entry.key) {
                    Some(field) => {
                        collect(&entry.value, field.kind, guarded || object.guarded, spans);
                    }
                    None => collect_unknown(entry, object, spans),
                }
            }
        }
        Kind::Map(map) if is_mapping(node) => {
            for entry in node.all_entries() {
                match map.value {
                    Kind::HeaderText | Kind::HeaderValue => {
                        collect_parameter(entry, is_secret_header(&entry.key), spans);
                    }
                    Kind::ParameterText | Kind::ParameterValue => {
                        collect_parameter(entry, is_secret_parameter(&entry.key), spans);
                    }
                    kind => collect(&entry.value, kind, guarded, spans),
                }
            }
        }
        Kind::List(list) if matches!(node.value, Value::List(_)) => {
            for element in node.elements() {
                collect(element, list.item, guarded, spans);
            }
        }
        Kind::OffOr(_) if node.text() == Some(OFF) => {}
        Kind::OffOr(_) => spans.push(node.span),
        Kind::Secret if reference(node).is_none() => spans.push(node.span),
        Kind::Secret | Kind::Any(_) => {}
        Kind::Object(object) if node.text().is_some_and(|text| is_path_for(text, object)) => {}
        // Something else than what belongs here.
        _ if is_collection || node.text().is_none() => {
            let is_guarded = guarded || matches!(kind, Kind::Object(object) if object.guarded);
            if is_guarded {
                spans.push(node.span);
            } else {
                collect_doubtful(node, spans);
            }
        }
        _ => {}
    }
}

/// Whether a text that stands for a mapping is no secret but the path that its `file` should have. What
/// secrets are made of has no dot before a slash, and no such ending.
pub(crate) fn is_path_for(text: &str, object: &Object) -> bool {
    const CHARS_MAX: usize = 255;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
    let begins = ["./", "../"].iter().any(|head| text.starts_with(head));
    let ends = [".json", ".jwks", ".pem"].iter().any(|ending| text.ends_with(ending));
    object.field("file").is_some()
        && text.len() <= CHARS_MAX
        && text.bytes().all(fits)
        && (begins || ends)
}

fn is_mapping(node: &Node) -> bool {
    matches!(node.value, Value::Map(_))
}

fn collect_parameter(entry: &Entry, is_secret: bool, spans: &mut Vec<Span>) {
    let in_clear = entry.value.text().is_some() && !is_secret;
    if !in_clear && !entry.value.is_null() && reference(&entry.value).is_none() {
        spans.push(entry.value.span);
    }
}

fn collect_unknown(entry: &Entry, object: &Object, spans: &mut Vec<Span>) {
    if !object.guarded && !is_secret_key(&entry.key) {
        collect_doubtful(&entry.value, spans);
    } else if entry.value.is_null() {
        // `{ hunter2 }` is a key without a value.
        if object.guarded {
            spans.push(entry.key_span);
        }
    } else {
        spans.push(entry.value.span);
    }
}

/// Hides the values of secrets' keys in a tree that nobody knows the meaning of.
fn collect_doubtful(node: &Node, spans: &mut Vec<Span>) {
    for element in node.elements() {
        collect_doubtful(element, spans);
    }
    for entry in node.all_entries() {
        if !is_secret_key(&entry.key) {
            collect_doubtful(&entry.value, spans);
        } else if !entry.value.is_null() && reference(&entry.value).is_none() {
            spans.push(entry.value.span);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn text_that_is_no_tree_hides_what_follows_a_secrets_key() {
        for (text, masked) in [
            ("a: b: c\npassword: hunter2\nd: 1", "a: b: c\npassword:********\nd: 1"),
            ("{ header: x, value: hunter2 }", "{ header: x, value:**********"),
            ("client_secret:\n  hunter2\nx: 1", "client_secret:\n*********\nx: 1"),
            ("'client_secret' : hunter2", "'client_secret' :********"),
        ] {
            let mut source = Source::new("a.yaml", text, Path::new("."));
            mask_text(&mut source);
            assert_eq!(source.masked_text(), masked, "{text}");
        }
    }
}
