//! What is left for later has somebody's name, or is not left.

use super::{
    Finding,
    source::{is_word, mentions},
    tree::{File, Tree},
};

/// Notes to somebody: `TODO(name)`.
const NOTES: [&str; 2] = ["TODO", "FIXME"];

/// What stands for code that is missing.
const HOLES: [&str; 2] = ["todo!", "unimplemented!"];

/// Every note without a name in a file that is read, every hole in Rust outside tests.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        findings.extend(unnamed_notes(file));
        findings.extend(holes(file));
    }
    findings
}

fn unnamed_notes(file: &File) -> Vec<Finding> {
    let text = if file.is_rust() { &file.comments } else { &file.text };
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for note in NOTES.into_iter().filter(|note| is_unnamed(line, note)) {
            let remedy = format!("write {note}(name), or do it now");
            let what = format!("{note} without a name");
            findings.push(Finding::new(&file.path, index + 1, what, remedy));
        }
    }
    findings
}

fn is_unnamed(line: &str, note: &str) -> bool {
    line.match_indices(note).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + note.len()..]);
        let is_note = !before.ends_with(is_word) && !after.starts_with(is_word);
        is_note && !is_named(after)
    })
}

fn is_named(after: &str) -> bool {
    after
        .strip_prefix('(')
        .and_then(|after| after.split_once(')'))
        .is_some_and(|(name, _)| !name.trim().is_empty())
}

fn holes(file: &File) -> Vec<Finding> {
    mentions(&file.code, &HOLES)
        .into_iter()
        .map(|(line, hole)| {
            let remedy = "write it, or refuse with an error the caller can name";
            Finding::new(&file.path, line, format!("{hole} outside tests"), remedy)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    fn check_file(path: &str, text: &str, expected: &[&str]) {
        assert_eq!(places(&check(&Tree::of(&[(path, text)]))), expected, "{text:?}");
    }

    #[test]
    fn a_note_has_a_name() {
        let file = "crates/bus/src/put.rs";
        let refused = ["crates/bus/src/put.rs:2"];
        check_file(file, "\n// TODO(ada): bound this\n", &[]);
        check_file(file, "\n// TODO: bound this\n", &refused);
        check_file(file, "\n// TODO(): bound this\n", &refused);
        check_file(file, "\nlet a = 1; /* FIXME */\n", &refused);
        check_file(file, "\n// A TODOLIST, fix me.\n", &[]);
        check_file(file, "\nlet a = \"TODO\";\n", &[]);
        check_file(file, "\n#[cfg(test)]\nmod tests {} // TODO\n", &["crates/bus/src/put.rs:3"]);
        check_file("crates/bus/Cargo.toml", "\n# TODO\n", &["crates/bus/Cargo.toml:2"]);
    }

    #[test]
    fn a_hole_is_for_tests_only() {
        let file = "crates/bus/src/put.rs";
        check_file(file, "fn a() {\n    todo!()\n}\n", &["crates/bus/src/put.rs:2"]);
        check_file(file, "fn a() {\n    unimplemented!(\"b\")\n}\n", &["crates/bus/src/put.rs:2"]);
        check_file(file, "#[cfg(test)]\nmod tests {\n    fn a() { todo!() }\n}\n", &[]);
        check_file("crates/bus/tests/it/main.rs", "fn a() { unimplemented!() }\n", &[]);
        check_file(file, "fn todo() {}\n", &[]);
    }
}
