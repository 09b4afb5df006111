//! Only the program chooses implementations: nobody else names an adapter.

use super::{Finding, manifest::Manifest, source::mentions, tree::Tree};

/// The crate that chooses.
const CHOOSER: &str = "crates/gatepost";

/// Every crate but the chooser that depends on an adapter or names its library outside tests.
pub(crate) fn check(crates: &[Manifest], tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for adapter in crates.iter().filter(|one| one.layer == "adapter") {
        let is_free = |room: &str| room == CHOOSER || room == adapter.room;
        let remedy = || format!("use the port; {CHOOSER} alone chooses {}", adapter.owner());
        for user in crates.iter().filter(|one| !is_free(&one.room)) {
            for dependency in user.dependencies.iter().filter(|one| one.name == adapter.package) {
                let what = format!("{} uses {}", user.owner(), adapter.package);
                findings.push(Finding::new(&user.path, dependency.line, what, remedy()));
            }
        }
        for file in tree.files.iter().filter(|file| !is_free(file.room())) {
            for (line, library) in mentions(&file.code, &[adapter.library.as_str()]) {
                findings.push(Finding::new(&file.path, line, format!("names {library}"), remedy()));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::{manifest, places};

    const ADAPTER: &str = "[package]\nname = \"gatepost-store-sqlite\"\n\
        [package.metadata]\nlayer = \"adapter\"\n[lib]\nname = \"store_sqlite\"\n";

    fn check_file(path: &str, text: &str, expected: &[&str]) {
        let tree = Tree::of(&[("crates/store-sqlite/Cargo.toml", ADAPTER), (path, text)]);
        assert_eq!(places(&check(&manifest::all(&tree), &tree)), expected, "{path}: {text}");
    }

    #[test]
    fn only_the_program_depends_on_an_adapter() {
        let text = "[dependencies]\ngatepost-store-sqlite.workspace = true\n";
        check_file("crates/gatepost/Cargo.toml", text, &[]);
        check_file("crates/bus/Cargo.toml", text, &["crates/bus/Cargo.toml:2"]);
        check_file("crates/bus/Cargo.toml", &text.replace("[dep", "[dev-dep"), &[]);
    }

    #[test]
    fn only_the_program_names_an_adapter() {
        let text = "\nuse store_sqlite::Sqlite;\n";
        check_file("crates/gatepost/src/serve.rs", text, &[]);
        check_file("crates/store-sqlite/src/log.rs", text, &[]);
        check_file("crates/bus/tests/it/main.rs", text, &[]);
        check_file("crates/bus/src/put.rs", text, &["crates/bus/src/put.rs:2"]);
        check_file("crates/bus/src/put.rs", "// As store_sqlite does.\n", &[]);
        check_file("crates/bus/src/put.rs", "use store_sqlite_like::A;\n", &[]);
    }
}
