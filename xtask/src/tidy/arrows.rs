//! Which crate may use which: the only table of permitted arrows.

use super::{
    Finding,
    manifest::{Dependency, Manifest},
};

/// A layer and the layers it may use.
const MAY_USE: [(&str, &[&str]); 9] = [
    ("engine", &[]),
    ("model", &["engine"]),
    ("port", &["model", "engine"]),
    ("adapter", &["port", "model", "engine"]),
    ("shell", &["port", "model", "engine"]),
    ("door", &["shell", "port", "model", "engine"]),
    // Everything but the tools, which are for tests (dev-dependencies) and the desk.
    ("leaf", &["example", "door", "shell", "adapter", "port", "model", "engine"]),
    ("tool", &["port", "model", "engine"]),
    // The examples are the partners' side: they know Gatepost only by its HTTP.
    ("example", &[]),
];

/// The shells that each door may use, and what for. A door without a row uses none.
const DOOR_USES: [(&str, &[&str], &str); 4] = [
    ("admin", &["bus", "courier", "oauth", "gateway"], "every service is administered there"),
    ("intake", &["bus"], "it is the bus's own door"),
    ("eventbridge", &["bus"], "it is the bus's door in AWS's words"),
    ("console", &[], "it can do nothing the admin API cannot"),
];

/// The ports that may use another port: from, to, why.
const PORT_USES: &[(&str, &str, &str)] = &[];

/// Every arrow between two of `crates` that the tables do not permit, and every crate without a
/// layer to look up.
pub(crate) fn check(crates: &[Manifest]) -> Vec<Finding> {
    check_with(crates, PORT_USES)
}

fn check_with(crates: &[Manifest], port_uses: &[(&str, &str, &str)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for from in crates {
        findings.extend(misplaced(from));
        for (dependency, to) in ours(&from.dependencies, crates) {
            if let Some(remedy) = refusal(from, to, port_uses) {
                findings.push(arrow(from, dependency, to, remedy));
            }
        }
        for (dependency, to) in ours(&from.dev_dependencies, crates) {
            // A crate that names itself only switches on its own features for its tests.
            if from.layer == "engine" && to.layer != "engine" && to.room != from.room {
                let remedy = "an engine is tested with data alone; move the test to the user";
                findings.push(arrow(from, dependency, to, remedy.to_owned()));
            }
        }
    }
    findings
}

/// The finding on a crate whose layer is not in the table, or not that of its folder.
fn misplaced(one: &Manifest) -> Option<Finding> {
    if layers_for(&one.layer).is_none() {
        let what = format!("layer {:?} is not in the table", one.layer);
        let layers = MAY_USE.map(|(layer, _)| layer).join(", ");
        let remedy = format!("write [package.metadata] layer = one of {layers}");
        return Some(Finding::new(&one.path, one.layer_line, what, remedy));
    }
    if (one.owner() == "examples") != (one.layer == "example") {
        let what = format!("{} has layer {}", one.room, one.layer);
        let remedy = "crates under examples/, and only they, have layer example";
        return Some(Finding::new(&one.path, one.layer_line, what, remedy));
    }
    None
}

/// The dependencies that are crates of ours.
fn ours<'a>(
    dependencies: &'a [Dependency],
    crates: &'a [Manifest],
) -> impl Iterator<Item = (&'a Dependency, &'a Manifest)> {
    dependencies.iter().filter_map(move |dependency| {
        let to = crates.iter().find(|one| one.package == dependency.name)?;
        Some((dependency, to))
    })
}

fn arrow(from: &Manifest, dependency: &Dependency, to: &Manifest, remedy: String) -> Finding {
    let what =
        format!("{} ({}) may not use {} ({})", from.owner(), from.layer, to.owner(), to.layer);
    Finding::new(&from.path, dependency.line, what, remedy)
}

/// Why `from` may not use `to`, as advice; `None` if it may, or if `from` has no known layer.
fn refusal(from: &Manifest, to: &Manifest, port_uses: &[(&str, &str, &str)]) -> Option<String> {
    let layers = layers_for(&from.layer)?;
    let (layer, user, used) = (from.layer.as_str(), from.owner(), to.owner());
    match (layer, to.layer.as_str()) {
        ("port", "port") if port_uses.iter().any(|(a, b, _)| (*a, *b) == (user, used)) => None,
        ("port", "port") => Some("let their user join them, or add the pair to PORT_USES".into()),
        ("shell", "shell") => {
            Some("siblings meet in the store only; what both need belongs to a port".into())
        }
        ("door", "shell") if shells_of(user).contains(&used) => None,
        ("door", "shell") => Some(format!(
            "the door may use [{}]; read through a port, or add it to DOOR_USES",
            shells_of(user).join(", ")
        )),
        (_, other) if layers.contains(&other) => None,
        _ => Some(format!("layer {layer} may use [{}]", layers.join(", "))),
    }
}

fn layers_for(layer: &str) -> Option<&'static [&'static str]> {
    MAY_USE.iter().find(|(name, _)| *name == layer).map(|(_, layers)| *layers)
}

fn shells_of(door: &str) -> &'static [&'static str] {
    let row = DOOR_USES.iter().find(|(name, _, _)| *name == door);
    row.map(|(_, shells, _)| *shells).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    /// Crates as (room, layer, dependencies, dev-dependencies); each is called after its folder.
    type Row<'a> = (&'a str, &'a str, &'a [&'a str], &'a [&'a str]);

    fn crates(rows: &[Row<'_>]) -> Vec<Manifest> {
        rows.iter()
            .map(|(room, layer, dependencies, dev_dependencies)| {
                let package = room.rsplit('/').next().unwrap();
                let text = format!(
                    "[package]\nname = \"{package}\"\n[package.metadata]\nlayer = \"{layer}\"\n\
                     [dependencies]\n{}\n[dev-dependencies]\n{}\n",
                    lines(dependencies),
                    lines(dev_dependencies),
                );
                Manifest::parse(room, &text)
            })
            .collect()
    }

    fn lines(names: &[&str]) -> String {
        let lines: Vec<String> =
            names.iter().map(|name| format!("{name}.workspace = true")).collect();
        lines.join("\n")
    }

    /// One crate of every layer and every door and shell of the tables, plus `row`; the findings
    /// on `row` are counted.
    fn check_row(row: Row<'_>, expected: usize) {
        let mut all = crates(&[
            ("crates/limit", "engine", &[], &[]),
            ("crates/model", "model", &["limit"], &[]),
            ("crates/store", "port", &["model", "limit"], &["testkit"]),
            ("crates/listener", "port", &["model"], &[]),
            ("crates/store-sqlite", "adapter", &["store"], &[]),
            ("crates/bus", "shell", &["store"], &["testkit"]),
            ("crates/oauth", "shell", &["store", "listener"], &["bus"]),
            ("crates/intake", "door", &["bus", "listener"], &[]),
            ("crates/testkit", "tool", &["store"], &[]),
            ("examples/cars", "example", &[], &[]),
        ]);
        assert!(check(&all).is_empty(), "the crates around the row are in order");
        all.retain(|one| one.room != row.0);
        all.extend(crates(&[row]));
        let findings = check(&all);
        assert_eq!(findings.len(), expected, "{row:?}: {findings:?}");
    }

    #[test]
    fn each_layer_uses_the_inner_ones_only() {
        check_row(("crates/retry", "engine", &["serde"], &[]), 0);
        check_row(("crates/retry", "engine", &["limit"], &[]), 1);
        check_row(("crates/model", "model", &["store"], &[]), 1);
        check_row(("crates/store", "port", &["bus"], &[]), 1);
        check_row(("crates/store-postgres", "adapter", &["store", "model", "limit"], &[]), 0);
        check_row(("crates/store-postgres", "adapter", &["store-sqlite"], &[]), 1);
        check_row(("crates/bus", "shell", &["store-sqlite", "intake"], &[]), 2);
        check_row(("crates/testkit", "tool", &["listener", "model"], &[]), 0);
        check_row(("crates/testkit", "tool", &["bus"], &[]), 1);
        check_row(("examples/cars", "example", &["axum"], &[]), 0);
        check_row(("examples/cars", "example", &["limit"], &[]), 1);
    }

    #[test]
    fn the_leaf_uses_everything_but_tools() {
        let all = ["cars", "intake", "oauth", "store-sqlite", "listener", "model", "limit"];
        check_row(("crates/gatepost", "leaf", &all, &["testkit"]), 0);
        check_row(("crates/gatepost", "leaf", &["testkit"], &[]), 1);
    }

    #[test]
    fn siblings_never_meet() {
        check_row(("crates/gateway", "shell", &["oauth"], &[]), 1);
        check_row(("crates/admin", "door", &["intake"], &[]), 1);
    }

    #[test]
    fn a_door_uses_the_shells_of_its_row() {
        check_row(("crates/admin", "door", &["bus", "oauth", "store", "limit"], &[]), 0);
        check_row(("crates/intake", "door", &["oauth"], &[]), 1);
        check_row(("crates/console", "door", &["listener"], &[]), 0);
        check_row(("crates/console", "door", &["bus"], &[]), 1);
        check_row(("crates/lobby", "door", &["bus"], &[]), 1);
    }

    #[test]
    fn a_port_uses_a_port_only_by_a_row_with_a_reason() {
        let all = crates(&[
            ("crates/store", "port", &[], &[]),
            ("crates/listener", "port", &["store"], &[]),
        ]);
        assert_eq!(places(&check_with(&all, &[])), ["crates/listener/Cargo.toml:6"]);
        assert!(check_with(&all, &[("listener", "store", "a reason")]).is_empty());
        assert_eq!(check_with(&all, &[("store", "listener", "the other way")]).len(), 1);
    }

    #[test]
    fn tests_may_use_anything_except_an_engines() {
        check_row(("crates/gateway", "shell", &[], &["oauth", "store-sqlite", "testkit"]), 0);
        check_row(("crates/retry", "engine", &[], &["limit", "proptest"]), 0);
        check_row(("crates/retry", "engine", &[], &["retry"]), 0);
        check_row(("crates/retry", "engine", &[], &["testkit", "model"]), 2);
    }

    #[test]
    fn every_crate_has_the_layer_of_its_folder() {
        check_row(("crates/lobby", "", &[], &[]), 1);
        check_row(("crates/lobby", "lobby", &["bus"], &[]), 1);
        check_row(("crates/lobby", "example", &[], &[]), 1);
        check_row(("examples/boats", "leaf", &[], &[]), 1);
    }
}
