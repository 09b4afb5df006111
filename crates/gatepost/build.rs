//! Has the linker put those functions side by side that run: see docs/decisions/0018.

#![expect(
    clippy::disallowed_methods,
    reason = "a build script is told everything by its environment"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

/// The functions, those that requests need first.
const ORDER: &str = "link/order.txt";
/// Linkers that take no script of this kind: with them all is as it would be without the order.
const CANNOT: [&str; 3] = ["gold", "mold", "wild"];

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed={ORDER}");
    println!("cargo::rerun-if-env-changed=GATEPOST_LINK_ORDER");
    let is_release = told("CARGO_CFG_TARGET_OS") == "linux" && told("PROFILE") == "release";
    if is_release && told("GATEPOST_LINK_ORDER") != "off" && reads_scripts() {
        let path = Path::new(&told("OUT_DIR")).join("order.ld");
        fs::write(&path, script(&fs::read_to_string(ORDER)?))?;
        println!("cargo::rustc-link-arg-bins=-T");
        println!("cargo::rustc-link-arg-bins={}", path.display());
    }
    Ok(())
}

/// Adds to what the linker does by itself, and replaces nothing of it.
fn script(order: &str) -> String {
    let mut script = "SECTIONS { .text.ordered : {\n".to_owned();
    for name in order.lines() {
        // Writing to a text cannot fail. What seldom runs has a place of its own, and what often does
        // by a profile.
        let kinds = format!(".text.{name} .text.hot.{name} .text.unlikely.{name}");
        let _written = writeln!(script, "*({kinds})");
    }
    script.push_str("} }\nINSERT BEFORE .text;\n");
    script
}

fn reads_scripts() -> bool {
    let flags = told("CARGO_ENCODED_RUSTFLAGS");
    // Where the profile lies says nothing of linkers.
    let flags = flags.split('\u{1f}').filter(|flag| !flag.starts_with("-Cprofile-use="));
    let chosen = flags.collect::<String>() + &told("RUSTC_LINKER");
    !CANNOT.iter().any(|linker| chosen.contains(linker))
}

fn told(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
