//! Who has read the port has read the adapters' table of contents: the same file names.

use super::{Finding, tree::Tree};

/// The folder whose file names the adapters repeat.
const PORT: &str = "crates/store/src/";

/// Names that only an adapter needs: how it keeps what the port's files ask for.
const SUPPORT: [&str; 8] = [
    "lib.rs",
    "writer.rs",
    "reader.rs",
    "schema.rs",
    "segment.rs",
    "files.rs",
    "notify.rs",
    "migrations",
];

/// Every file of a store adapter whose name the port does not have.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.room().starts_with("crates/store-")) {
        let Some(path) = file.inside().strip_prefix("src/") else { continue };
        // A folder counts as the module it belongs to.
        let entry = path.split_once('/').map_or(path, |(folder, _)| folder);
        if !is_support(entry) && !port_has(tree, entry) && file.name() != "tests.rs" {
            let what = format!("{entry} is not a name of {PORT}");
            let remedy = "name it after the port's file it implements, or add it to SUPPORT";
            findings.push(Finding::new(&file.path, 1, what, remedy));
        }
    }
    findings
}

fn is_support(entry: &str) -> bool {
    SUPPORT.iter().any(|name| is_same_module(name, entry))
}

fn port_has(tree: &Tree, entry: &str) -> bool {
    tree.files.iter().any(|file| {
        file.path.strip_prefix(PORT).is_some_and(|path| {
            let name = path.split_once('/').map_or(path, |(folder, _)| folder);
            is_same_module(name, entry)
        })
    })
}

/// Whether both names are of one module: `log.rs` and the folder `log`.
fn is_same_module(a: &str, b: &str) -> bool {
    a.trim_end_matches(".rs") == b.trim_end_matches(".rs")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    fn check_file(path: &str, allowed: bool) {
        let tree = Tree::of(&[
            ("crates/store/src/lib.rs", ""),
            ("crates/store/src/log.rs", ""),
            ("crates/store/src/document/plan.rs", ""),
            (path, ""),
        ]);
        let expected = if allowed { vec![] } else { vec![format!("{path}:1")] };
        assert_eq!(places(&check(&tree)), expected);
    }

    #[test]
    fn an_adapter_repeats_the_ports_file_names() {
        check_file("crates/store-sqlite/src/log.rs", true);
        check_file("crates/store-sqlite/src/events.rs", false);
        check_file("crates/store-postgres/src/events.rs", false);
        check_file("crates/store-sqlite/src/log/append.rs", true);
        check_file("crates/store-sqlite/src/document.rs", true);
        check_file("crates/store-sqlite/src/rows/append.rs", false);
    }

    #[test]
    fn an_adapter_has_a_few_names_of_its_own() {
        check_file("crates/store-sqlite/src/lib.rs", true);
        check_file("crates/store-sqlite/src/writer.rs", true);
        check_file("crates/store-sqlite/src/writer/batch.rs", true);
        check_file("crates/store-postgres/src/migrations/0001.sql", true);
        check_file("crates/store-sqlite/src/tests.rs", true);
    }

    #[test]
    fn other_files_and_crates_are_free() {
        check_file("crates/store-sqlite/tests/it/main.rs", true);
        check_file("crates/bus/src/events.rs", true);
    }
}
