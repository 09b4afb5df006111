//! The files of the workspace, each already divided into code, comments and tests.

use std::{fs, io, path::Path};

use super::source::{Source, outside_tests};

/// Folders of the root that are not ours to check: what is built, git's own, what a run leaves.
const SKIPPED: [&str; 4] = ["target", ".git", "data", ".demo"];

/// The files whose text a check may want; of all others only the path is kept.
const READ: [&str; 6] = ["rs", "toml", "sql", "js", "css", "html"];

/// All files of a workspace, sorted by path.
pub struct Tree {
    pub(crate) files: Vec<File>,
}

/// One file; paths are relative to the root and use `/`.
pub(crate) struct File {
    pub(crate) path: String,
    /// The whole text; empty for kinds of files that no check reads.
    pub(crate) text: String,
    /// Rust outside tests, comments and literals blanked; same lines as `text`.
    pub(crate) code: String,
    /// Only the comments of a Rust file, tests included; same lines as `text`.
    pub(crate) comments: String,
}

impl Tree {
    /// Reads the tree under `root`; fails with the path of the first file it cannot read.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        visit(root, "", &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { files })
    }

    /// A made-up tree for the tests of checks.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        Self { files: files.iter().map(|(path, text)| File::new(path, text)).collect() }
    }
}

fn visit(folder: &Path, prefix: &str, files: &mut Vec<File>) -> io::Result<()> {
    for entry in fs::read_dir(folder).map_err(|error| at(prefix, &error))? {
        let entry = entry?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type()?;
        if kind.is_dir() && !SKIPPED.contains(&path.as_str()) {
            visit(&entry.path(), &format!("{path}/"), files)?;
        } else if kind.is_file() && READ.contains(&extension(&path)) {
            let text = fs::read_to_string(entry.path()).map_err(|error| at(&path, &error))?;
            files.push(File::new(&path, &text));
        } else if kind.is_file() {
            files.push(File::new(&path, ""));
        }
    }
    Ok(())
}

fn at(path: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{path}: {error}"))
}

fn extension(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, extension)| extension)
}

impl File {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let mut file = Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code: String::new(),
            comments: String::new(),
        };
        if file.is_rust() {
            let source = Source::read(text);
            file.comments = source.comments;
            if !file.is_test() {
                file.code = outside_tests(&source.code);
            }
        }
        file
    }

    pub(crate) fn is_rust(&self) -> bool {
        extension(&self.path) == "rs"
    }

    /// Whether the path alone says that this is a test, a bench or a crate's example.
    fn is_test(&self) -> bool {
        let mut folders = self.inside().split('/');
        folders.next_back() == Some("tests.rs")
            || folders.any(|folder| matches!(folder, "tests" | "benches" | "examples"))
    }

    /// The crate's folder (`crates/bus`, `examples/cars`, `xtask`), or "" outside all crates.
    pub(crate) fn room(&self) -> &str {
        self.split().0
    }

    /// The path from the crate's folder on, or the whole path outside all crates.
    pub(crate) fn inside(&self) -> &str {
        self.split().1
    }

    /// The last part of the path.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit_once('/').map_or(self.path.as_str(), |(_, name)| name)
    }

    fn split(&self) -> (&str, &str) {
        let slash = if self.path.starts_with("crates/") || self.path.starts_with("examples/") {
            self.path.match_indices('/').nth(1)
        } else if self.path.starts_with("xtask/") {
            self.path.match_indices('/').next()
        } else {
            None
        };
        match slash {
            Some((slash, _)) => (&self.path[..slash], &self.path[slash + 1..]),
            None => ("", self.path.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_knows_its_room() {
        let check = |path: &str, room: &str, inside: &str| {
            let file = File::new(path, "");
            assert_eq!((file.room(), file.inside()), (room, inside), "{path}");
        };
        check("crates/bus/src/put.rs", "crates/bus", "src/put.rs");
        check("examples/cars/Cargo.toml", "examples/cars", "Cargo.toml");
        check("examples/README.md", "", "examples/README.md");
        check("xtask/src/tidy/tree.rs", "xtask", "src/tidy/tree.rs");
        check("Cargo.toml", "", "Cargo.toml");
    }

    #[test]
    fn tests_benches_and_examples_of_a_crate_have_no_code_to_check() {
        let check = |path: &str, code: &str| {
            assert_eq!(File::new(path, "fn f() {}").code, code, "{path}");
        };
        check("crates/bus/src/put.rs", "fn f() {}");
        check("examples/cars/src/main.rs", "fn f() {}");
        check("crates/bus/tests/it/main.rs", "");
        check("crates/bus/benches/put.rs", "");
        check("crates/bus/examples/put.rs", "");
        check("crates/bus/src/put/tests.rs", "");
        check("crates/bus/src/put.md", "");
    }
}
