//! Every file of ours says in its first lines what it is.

use super::{Finding, tree::Tree};

/// By which line the sentence has begun; an attribute such as `#![no_std]` may come before it.
const BEGINS_BY_LINE: usize = 3;

/// Every Rust file under a crate's `src/` that does not open with `//!`.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    tree.files
        .iter()
        .filter(|file| file.is_rust() && !file.room().is_empty())
        .filter(|file| file.inside().starts_with("src/") && !opens(&file.text))
        .map(|file| {
            let remedy = "say in a sentence what it is, and if needed what it promises";
            Finding::new(&file.path, 1, "the file does not begin with //!", remedy)
        })
        .collect()
}

fn opens(text: &str) -> bool {
    text.lines()
        .take(BEGINS_BY_LINE)
        .find(|line| !line.trim().is_empty() && !line.starts_with("#!"))
        .is_some_and(|line| line.starts_with("//!"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    fn check_file(path: &str, text: &str, allowed: bool) {
        let expected = if allowed { vec![] } else { vec![format!("{path}:1")] };
        assert_eq!(places(&check(&Tree::of(&[(path, text)]))), expected, "{text:?}");
    }

    #[test]
    fn a_file_begins_with_what_it_is() {
        let file = "crates/bus/src/put.rs";
        check_file(file, "//! Takes entries.\n\nuse a::b;\n", true);
        check_file(file, "#![no_std]\n//! Takes entries.\n", true);
        check_file(file, "#![no_std]\n\n//! Takes entries.\n", true);
        check_file(file, "", false);
        check_file(file, "use a::b;\n//! Too late.\n", false);
        check_file(file, "// Takes entries.\n", false);
        check_file(file, "\n\n\n//! Takes entries.\n", false);
    }

    #[test]
    fn sources_of_crates_examples_and_xtask_are_asked() {
        check_file("examples/cars/src/main.rs", "fn main() {}\n", false);
        check_file("xtask/src/tidy/time.rs", "fn main() {}\n", false);
        check_file("crates/bus/tests/it/main.rs", "fn main() {}\n", true);
        check_file("crates/bus/src/put.sql", "select 1;\n", true);
    }
}
