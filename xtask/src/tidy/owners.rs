//! Dependencies that pull a way of working with them, and the few crates that may have them.

use super::{Finding, manifest::Manifest};

/// A package, the crates that may use it, and why not the others. Tests may use anything.
const OWNERS: [(&str, &[&str], &str); 12] = [
    ("rusqlite", &["store-sqlite", "examples"], "only adapters know SQL"),
    ("tokio-postgres", &["store-postgres"], "only adapters know SQL"),
    (
        "hyper",
        &["listener", "outbound", "gateway", "courier", "oauth", "testkit", "gatepost"],
        "connections are listener's (in) and outbound's (out)",
    ),
    (
        "axum",
        &["listener", "oauth", "admin", "intake", "gatepost", "testkit", "examples"],
        "only doors route HTTP",
    ),
    ("clap", &["gatepost", "xtask", "examples"], "only programs have a command line"),
    ("miette", &["gatepost"], "only the program talks to its operator"),
    (
        "anyhow",
        &["gatepost", "xtask", "examples"],
        "a library's errors are an enum, a variant per thing a caller can do",
    ),
    ("reqwest", &["examples"], "our own calls pass the guard in outbound"),
    ("saphyr-parser", &["gatepost"], "only the program reads its configuration"),
    ("listenfd", &["gatepost"], "only the program is started with sockets"),
    ("command-fds", &["gatepost"], "only the program starts another that inherits"),
    ("jsonschema", &["contract"], "what it tells of a value is unbounded; contract bounds it"),
];

/// Every use of a package by a crate that does not own it.
pub(crate) fn check(crates: &[Manifest]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for user in crates {
        for dependency in &user.dependencies {
            let row = OWNERS.iter().find(|(package, _, _)| *package == dependency.name);
            if let Some((package, owners, reason)) = row
                && !owners.contains(&user.owner())
            {
                let what = format!("{} uses {package}: {reason}", user.owner());
                let remedy = format!("go through its owners: {}", owners.join(", "));
                findings.push(Finding::new(&user.path, dependency.line, what, remedy));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_use(room: &str, package: &str, allowed: bool) {
        let text = format!("[dependencies]\n{package}.workspace = true\n");
        let findings = check(&[Manifest::parse(room, &text)]);
        assert_eq!(findings.is_empty(), allowed, "{room} {package}");
        assert!(findings.iter().all(|finding| finding.line == 2), "{findings:?}");
    }

    #[test]
    fn a_risky_dependency_has_owners() {
        check_use("crates/store-sqlite", "rusqlite", true);
        check_use("examples/cars", "rusqlite", true);
        check_use("crates/bus", "rusqlite", false);
        check_use("crates/store-postgres", "tokio-postgres", true);
        check_use("crates/store-sqlite", "tokio-postgres", false);
        check_use("crates/gateway", "hyper", true);
        check_use("crates/admin", "hyper", false);
        check_use("crates/admin", "axum", true);
        check_use("crates/gateway", "axum", false);
        check_use("xtask", "clap", true);
        check_use("xtask", "miette", false);
        check_use("crates/gatepost", "miette", true);
        check_use("crates/oauth", "anyhow", false);
        check_use("examples/tires", "reqwest", true);
        check_use("crates/courier", "reqwest", false);
        check_use("crates/admin", "saphyr-parser", false);
        check_use("crates/contract", "jsonschema", true);
        check_use("crates/gateway", "jsonschema", false);
        check_use("crates/gatepost", "listenfd", true);
        check_use("crates/listener", "listenfd", false);
        check_use("crates/bus", "serde", true);
    }

    #[test]
    fn tests_may_use_anything() {
        let text = "[dev-dependencies]\nreqwest.workspace = true\nrusqlite = \"1\"\n";
        assert!(check(&[Manifest::parse("crates/bus", text)]).is_empty());
    }
}
