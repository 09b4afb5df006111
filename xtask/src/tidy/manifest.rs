//! What the checks want to know of a crate's `Cargo.toml`, read line by line.
//!
//! Not a TOML parser: it reads the ways in which people write dependencies, with or without
//! `workspace`, on one line, over several, or as a table of their own.

use super::tree::Tree;

/// One crate of ours.
pub(crate) struct Manifest {
    /// The manifest's path.
    pub(crate) path: String,
    /// The crate's folder: `crates/bus`.
    pub(crate) room: String,
    /// The package's name: `gatepost-bus`.
    pub(crate) package: String,
    /// The library's name in code: `bus`.
    pub(crate) library: String,
    /// `package.metadata.layer`; "" when there is none.
    pub(crate) layer: String,
    /// The line of the layer; 1 when there is none.
    pub(crate) layer_line: usize,
    /// What the crate and its build script use.
    pub(crate) dependencies: Vec<Dependency>,
    /// What only its tests use.
    pub(crate) dev_dependencies: Vec<Dependency>,
}

/// A package that a manifest names.
#[derive(Debug, PartialEq)]
pub(crate) struct Dependency {
    /// The package's own name, whatever the manifest calls it.
    pub(crate) name: String,
    pub(crate) line: usize,
}

/// The manifests of all crates of `tree`.
pub(crate) fn all(tree: &Tree) -> Vec<Manifest> {
    tree.files
        .iter()
        .filter(|file| !file.room().is_empty() && file.inside() == "Cargo.toml")
        .map(|file| Manifest::parse(file.room(), &file.text))
        .collect()
}

impl Manifest {
    pub(crate) fn parse(room: &str, text: &str) -> Self {
        let mut manifest = Self::empty(room);
        let mut section = String::new();
        let (mut opened, mut closed) = (0, 0);
        for (index, raw) in text.lines().enumerate() {
            let line = without_comment(raw);
            let continues = opened > closed;
            opened += line.matches(['[', '{']).count();
            closed += line.matches([']', '}']).count();
            if continues {
                continue;
            }
            if let Some(header) = line.strip_prefix('[') {
                header.trim_matches(['[', ']']).clone_into(&mut section);
                manifest.open(&section, index + 1);
            } else if let Some((key, value)) = line.split_once('=') {
                manifest.take(&section, index + 1, key.trim(), value.trim());
            }
        }
        if manifest.library.is_empty() {
            manifest.library = manifest.package.replace('-', "_");
        }
        manifest
    }

    fn empty(room: &str) -> Self {
        Self {
            path: format!("{room}/Cargo.toml"),
            room: room.to_owned(),
            package: String::new(),
            library: String::new(),
            layer: String::new(),
            layer_line: 1,
            dependencies: Vec::new(),
            dev_dependencies: Vec::new(),
        }
    }

    /// How the tables of the checks call this crate: its folder's name, `examples` for all of
    /// them, `xtask`.
    pub(crate) fn owner(&self) -> &str {
        self.room.strip_prefix("crates/").unwrap_or_else(|| {
            self.room.split_once('/').map_or(self.room.as_str(), |(folder, _)| folder)
        })
    }

    /// Begins a section, which may itself be a dependency: `[dependencies.hyper]`.
    fn open(&mut self, section: &str, line: usize) {
        if let Some((purpose, Some(name))) = dependency_section(section) {
            self.add(purpose, unquoted(name), line);
        }
    }

    fn take(&mut self, section: &str, line: usize, key: &str, value: &str) {
        match (section, key) {
            ("package", "name") => unquoted(value).clone_into(&mut self.package),
            ("lib", "name") => unquoted(value).clone_into(&mut self.library),
            ("package.metadata", "layer") => {
                unquoted(value).clone_into(&mut self.layer);
                self.layer_line = line;
            }
            _ => self.take_dependency(section, line, key, value),
        }
    }

    fn take_dependency(&mut self, section: &str, line: usize, key: &str, value: &str) {
        match dependency_section(section) {
            None => {}
            Some((purpose, None)) => {
                let name = key.split_once('.').map_or(key, |(name, _)| name);
                self.add(purpose, renamed(value).unwrap_or(unquoted(name)), line);
            }
            Some((purpose, Some(_))) => {
                if key == "package"
                    && let Some(last) = self.list(purpose).last_mut()
                {
                    unquoted(value).clone_into(&mut last.name);
                }
            }
        }
    }

    fn add(&mut self, purpose: Purpose, name: &str, line: usize) {
        let list = self.list(purpose);
        if !list.iter().any(|known| known.name == name) {
            list.push(Dependency { name: name.to_owned(), line });
        }
    }

    fn list(&mut self, purpose: Purpose) -> &mut Vec<Dependency> {
        match purpose {
            Purpose::Program => &mut self.dependencies,
            Purpose::Tests => &mut self.dev_dependencies,
        }
    }
}

/// What a dependency is for.
#[derive(Clone, Copy)]
enum Purpose {
    Program,
    Tests,
}

impl Purpose {
    fn of(section: &str) -> Option<Self> {
        match section {
            "dependencies" | "build-dependencies" => Some(Self::Program),
            "dev-dependencies" => Some(Self::Tests),
            _ => None,
        }
    }
}

/// Whether `section` lists dependencies (`dependencies`, `target.'cfg(unix)'.dependencies`) or is
/// one (`dependencies.hyper`, whose name comes second).
fn dependency_section(section: &str) -> Option<(Purpose, Option<&str>)> {
    let mut parts = section.rsplit('.');
    let last = parts.next()?;
    if let Some(purpose) = Purpose::of(last) {
        return Some((purpose, None));
    }
    Purpose::of(parts.next()?).map(|purpose| (purpose, Some(last)))
}

/// The package an inline table names: `{ package = "hyper", version = "1" }`.
fn renamed(value: &str) -> Option<&str> {
    let (_, after) = value.split_once("package")?;
    let name = after.trim_start().strip_prefix('=')?.trim_start().strip_prefix('"')?;
    name.split_once('"').map(|(name, _)| name)
}

fn unquoted(value: &str) -> &str {
    value.trim_matches(['"', '\''])
}

/// `line` up to the first `#` that no quotes enclose, trimmed.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    for (at, c) in line.char_indices() {
        match quote {
            None if c == '#' => return line[..at].trim(),
            None if c == '"' || c == '\'' => quote = Some(c),
            Some(open) if open == c => quote = None,
            _ => {}
        }
    }
    line.trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUS: &str = r#"
[package]
name = "gatepost-bus" # the events' way in
version.workspace = true

[package.metadata]
layer = "shell"

[lib]
name = "bus"

[dependencies]
gatepost-model.workspace = true
hyper = { version = "1", features = [
  "client", # name = "no"
  "http1",
] }
tokio = "1"
db = { package = "rusqlite", version = "0.41" }

[target.'cfg(unix)'.dependencies]
libc = "0.2"

[dependencies.axum]
version = "0.8"

[dependencies.pg]
package = "tokio-postgres"

[build-dependencies]
cc = "1"

[dev-dependencies]
proptest.workspace = true

[lints]
workspace = true
"#;

    #[test]
    fn every_way_to_write_a_dependency_is_read() {
        let bus = Manifest::parse("crates/bus", BUS);
        let names = |list: &[Dependency]| -> Vec<String> {
            list.iter().map(|one| one.name.clone()).collect()
        };
        assert_eq!(
            names(&bus.dependencies),
            [
                "gatepost-model",
                "hyper",
                "tokio",
                "rusqlite",
                "libc",
                "axum",
                "tokio-postgres",
                "cc"
            ]
        );
        assert_eq!(names(&bus.dev_dependencies), ["proptest"]);
        assert_eq!(bus.dependencies[2], Dependency { name: "tokio".to_owned(), line: 18 });
    }

    #[test]
    fn a_manifest_says_who_it_is() {
        let bus = Manifest::parse("crates/bus", BUS);
        assert_eq!(bus.path, "crates/bus/Cargo.toml");
        assert_eq!((bus.package.as_str(), bus.library.as_str()), ("gatepost-bus", "bus"));
        assert_eq!((bus.layer.as_str(), bus.layer_line), ("shell", 7));
    }

    #[test]
    fn a_library_without_a_name_of_its_own_has_its_packages() {
        let bus = Manifest::parse("crates/bus", "[package]\nname = \"gatepost-bus\"\n");
        assert_eq!(bus.library, "gatepost_bus");
        assert_eq!((bus.layer.as_str(), bus.layer_line), ("", 1));
    }

    #[test]
    fn owners_are_called_by_their_folder() {
        let check = |room: &str, owner: &str| {
            assert_eq!(Manifest::parse(room, "").owner(), owner, "{room}");
        };
        check("crates/store-sqlite", "store-sqlite");
        check("examples/cars", "examples");
        check("xtask", "xtask");
    }
}
