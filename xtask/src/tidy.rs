//! What the compiler and clippy cannot know about this tree, checked.
//!
//! Each check is a pure function from file contents to findings, one per file of `tidy/`; only
//! [`Tree::read`] touches the disk. The tables of what is permitted are constants at the top of
//! each check, and an exception is a row with its reason.

mod adapters;
mod arrows;
mod engines;
mod notes;
mod opening;
mod owners;
mod time;
mod wiring;

mod manifest;
mod source;
mod tree;

use std::{fmt, path::Path};

pub use tree::Tree;

/// One thing that is not as this tree wants it, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, relative to the workspace's root.
    pub path: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What was found.
    pub what: String,
    /// What to do instead.
    pub remedy: String,
}

impl Finding {
    pub(crate) fn new(
        path: &str,
        line: usize,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { path: path.to_owned(), line, what: what.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {} — {}", self.path, self.line, self.what, self.remedy)
    }
}

/// The root of the workspace this program was built from.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask is a folder of the workspace, so its manifest has a parent")
}

/// Every finding in `tree`, sorted by place.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let crates = manifest::all(tree);
    let mut findings = arrows::check(&crates);
    findings.extend(engines::check(&crates, tree));
    findings.extend(owners::check(&crates));
    findings.extend(wiring::check(&crates, tree));
    findings.extend(adapters::check(tree));
    findings.extend(opening::check(tree));
    findings.extend(notes::check(tree));
    findings.extend(time::check(tree));
    findings.sort();
    findings
}

/// The places of findings as `path:line`, which is what the checks' own tests compare.
#[cfg(test)]
fn places(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|finding| format!("{}:{}", finding.path, finding.line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_tidy() {
        let tree = Tree::read(root()).expect("the workspace is readable");
        // A walk that found nothing would be tidy too.
        assert!(
            manifest::all(&tree).iter().any(|one| one.room == "xtask"),
            "no crates under {}",
            root().display()
        );
        let findings: Vec<String> = check(&tree).iter().map(ToString::to_string).collect();
        assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
    }

    #[test]
    fn a_finding_says_where_what_and_how() {
        let finding = Finding::new("crates/bus/src/put.rs", 7, "names tokio", "pass the time");
        assert_eq!(finding.to_string(), "crates/bus/src/put.rs:7: names tokio — pass the time");
    }

    #[test]
    fn findings_of_all_checks_come_sorted_by_place() {
        let tree = Tree::of(&[
            ("crates/bus/Cargo.toml", "[package]\nname = \"gatepost-bus\"\n"),
            ("crates/bus/src/b.rs", "//! B.\n// TODO later\n"),
            ("crates/bus/src/a.rs", "fn a() { todo!() }\n"),
        ]);
        assert_eq!(
            places(&check(&tree)),
            [
                "crates/bus/Cargo.toml:1",
                "crates/bus/src/a.rs:1",
                "crates/bus/src/a.rs:1",
                "crates/bus/src/b.rs:2",
            ]
        );
    }
}
