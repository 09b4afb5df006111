//! Engines decide from data: no clock, randomness, sockets, files, environment or async.

use super::{Finding, manifest::Manifest, source::mentions, tree::Tree};

/// Packages of others that decide nothing but by their arguments, or are used that way.
const MAY_USE: [&str; 18] = [
    "thiserror",
    "serde",
    "serde_json",
    "jiff",
    "jsonschema",
    "aws-lc-rs",
    "base64",
    "crc32fast",
    "subtle",
    "zeroize",
    "memchr",
    "wide",
    "zmij",
    "ipnet",
    "x509-parser",
    "bytes",
    "http",
    "httparse",
];

/// What an engine's code may not name outside its tests, and what to do instead.
const ABSENT: [(&str, &str); 13] = [
    ("tokio", WAITING),
    ("async", WAITING),
    ("TcpStream", NETWORK),
    ("TcpListener", NETWORK),
    ("UdpSocket", NETWORK),
    ("std::fs", "take the contents as an argument"),
    ("std::env", "take the setting as an argument"),
    ("SystemTime", TIME),
    ("Instant", TIME),
    ("Timestamp::now", TIME),
    ("Zoned::now", TIME),
    ("getrandom", CHANCE),
    ("rand::", CHANCE),
];

const WAITING: &str = "an engine answers at once; what waits is a shell";
const NETWORK: &str = "an engine calls nobody; what calls out is a shell";
const TIME: &str = "take `now` as an argument";
const CHANCE: &str = "take the random bytes as an argument";

/// Parts of shells and ports that decide as an engine does: what begins with one of these paths.
const DECIDING: [&str; 4] = [
    "crates/client/src/cache.rs",
    "crates/courier/src/scheduler",
    "crates/courier/src/settle.rs",
    "crates/courier/src/condition.rs",
];

/// What such a part may name even less than an engine, for its shell may.
const SHELLS: [(&str, &str); 2] = [
    ("dyn Store", "give a command; the worker asks the store"),
    ("tracing", "give what is to be told; the worker tells it"),
];

/// What one engine may name all the same: room, word, why.
const EXCEPTIONS: [(&str, &str, &str); 1] = [(
    "crates/jwt",
    "rand::",
    "aws-lc-rs's signing calls take a random source as a parameter, and a signature is no decision",
)];

/// Every dependency of an engine that is not on the list, every line that names what is absent.
pub(crate) fn check(crates: &[Manifest], tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for engine in crates.iter().filter(|one| one.layer == "engine") {
        findings.extend(foreign_dependencies(engine, crates));
        findings.extend(effects(engine, tree));
    }
    findings.extend(deciding(tree));
    findings
}

fn foreign_dependencies(engine: &Manifest, crates: &[Manifest]) -> Vec<Finding> {
    let foreign = engine.dependencies.iter().filter(|dependency| {
        // Crates of ours are the arrows' business.
        !MAY_USE.contains(&dependency.name.as_str())
            && !crates.iter().any(|one| one.package == dependency.name)
    });
    foreign
        .map(|dependency| {
            let what = format!("an engine uses {}", dependency.name);
            let remedy = "do without, or add it to the engines' list in a commit of its own";
            Finding::new(&engine.path, dependency.line, what, remedy)
        })
        .collect()
}

fn effects(engine: &Manifest, tree: &Tree) -> Vec<Finding> {
    let words = ABSENT.map(|(word, _)| word);
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.room() == engine.room) {
        for (line, word) in mentions(&file.code, &words) {
            if !is_excepted(&engine.room, word) {
                let what = format!("an engine names {word}");
                findings.push(Finding::new(&file.path, line, what, remedy(word)));
            }
        }
    }
    findings
}

fn deciding(tree: &Tree) -> Vec<Finding> {
    let absent = ABSENT.into_iter().chain(SHELLS);
    let words: Vec<&str> = absent.clone().map(|(word, _)| word).collect();
    let mut findings = Vec::new();
    let parts =
        tree.files.iter().filter(|file| DECIDING.iter().any(|at| file.path.starts_with(at)));
    for file in parts {
        for (line, word) in mentions(&file.code, &words) {
            let remedy = absent.clone().find(|(one, _)| *one == word).map_or("", |(_, why)| why);
            let what = format!("what decides names {word}");
            findings.push(Finding::new(&file.path, line, what, remedy));
        }
    }
    findings
}

fn is_excepted(room: &str, word: &str) -> bool {
    EXCEPTIONS.iter().any(|(one, allowed, _)| (*one, *allowed) == (room, word))
}

fn remedy(word: &str) -> &'static str {
    ABSENT.iter().find(|(one, _)| *one == word).map_or(WAITING, |(_, remedy)| *remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::{manifest, places};

    const ENGINE: &str = "[package]\nname = \"e\"\n[package.metadata]\nlayer = \"engine\"\n";
    const SHELL: &str = "[package]\nname = \"s\"\n[package.metadata]\nlayer = \"shell\"\n";

    fn check_source(path: &str, code: &str, expected: &[&str]) {
        let tree = Tree::of(&[
            ("crates/e/Cargo.toml", ENGINE),
            ("crates/jwt/Cargo.toml", ENGINE),
            ("crates/s/Cargo.toml", SHELL),
            (path, code),
        ]);
        assert_eq!(places(&check(&manifest::all(&tree), &tree)), expected, "{code}");
    }

    #[test]
    fn an_engine_uses_only_packages_of_the_list() {
        let check_dependency = |line: &str, expected: &[&str]| {
            let text = format!("{ENGINE}[dependencies]\n{line}\n");
            let tree =
                Tree::of(&[("crates/e/Cargo.toml", text.as_str()), ("crates/s/Cargo.toml", SHELL)]);
            assert_eq!(places(&check(&manifest::all(&tree), &tree)), expected, "{line}");
        };
        check_dependency("serde_json.workspace = true", &[]);
        check_dependency("tokio.workspace = true", &["crates/e/Cargo.toml:6"]);
        check_dependency("[dev-dependencies]\nproptest.workspace = true", &[]);
        check_dependency("s.workspace = true", &[]);
    }

    #[test]
    fn an_engine_names_no_effect() {
        let file = "crates/e/src/lib.rs";
        let refused = ["crates/e/src/lib.rs:2"];
        check_source(file, "\npub fn next(now: Timestamp) -> Next {}", &[]);
        check_source(file, "\nuse tokio::time;", &refused);
        check_source(file, "\npub async fn next() {}", &refused);
        check_source(file, "\nuse std::net::{IpAddr, TcpStream};", &refused);
        check_source(file, "\nuse std::net::IpAddr;", &[]);
        check_source(file, "\nuse std::{fmt, fs};", &refused);
        check_source(file, "\nlet a = std::env::var(\"A\");", &refused);
        check_source(file, "\nfn f(at: SystemTime) {}", &refused);
        check_source(file, "\nfn f(at: Instant) {}", &refused);
        check_source(file, "\nlet now = jiff::Timestamp::now();", &refused);
        check_source(file, "\nlet now = Zoned::now();", &refused);
        check_source(file, "\ngetrandom::fill(&mut bytes);", &refused);
        check_source(file, "\naws_lc_rs::rand::fill(&mut bytes);", &refused);
    }

    #[test]
    fn what_decides_in_a_shell_names_no_effect_either() {
        for (code, allowed) in [
            ("\nuse store::Settlement;", true),
            ("\nuse tokio::time;", false),
            ("\nfn f(store: &dyn Store) {}", false),
            ("\ntracing::warn!(\"it fails\");", false),
        ] {
            for (file, decides) in [("scheduler/lane.rs", true), ("worker.rs", false)] {
                let path = format!("crates/courier/src/{file}");
                let refused = [format!("{path}:2")];
                let expected = if allowed || !decides { &[][..] } else { &refused[..] };
                let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
                check_source(&path, code, &expected);
            }
        }
    }

    #[test]
    fn what_is_said_or_tested_is_no_effect() {
        let file = "crates/e/src/lib.rs";
        check_source(file, "//! Unlike tokio, no async.\n", &[]);
        check_source(file, "const A: &str = \"tokio\";\n", &[]);
        check_source(file, "#[cfg(test)]\nmod tests { use std::fs; }\n", &[]);
        check_source("crates/e/tests/it/main.rs", "use std::fs;\n", &[]);
        check_source("crates/s/src/lib.rs", "use std::fs;\nasync fn run() {}\n", &[]);
    }

    #[test]
    fn an_exception_holds_for_its_crate_and_word_only() {
        let file = "crates/jwt/src/sign.rs";
        check_source(file, "use aws_lc_rs::rand::SystemRandom;", &[]);
        check_source(file, "use getrandom::fill;", &["crates/jwt/src/sign.rs:1"]);
    }
}
