//! Has the linker put those functions side by side that run: see docs/decisions/0018.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

/// The functions, those that requests need first.
const ORDER: &str = "link/order.txt";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed={ORDER}");
    println!("cargo::rerun-if-env-changed=GATEPOST_LINK_ORDER");
    let of = |name: &str| env::var(name).unwrap_or_default();
    // A linker that cannot read the script can be told so: it is not needed.
    let wanted = of("GATEPOST_LINK_ORDER") != "off";
    if of("CARGO_CFG_TARGET_OS") != "linux" || of("PROFILE") != "release" || !wanted {
        return Ok(());
    }
    let mut script = "SECTIONS { .text.ordered : {\n".to_owned();
    for name in fs::read_to_string(ORDER)?.lines() {
        // Writing to a text cannot fail.
        let _written = writeln!(script, "*(.text.{name} .text.unlikely.{name})");
    }
    script.push_str("} }\nINSERT BEFORE .text;\n");
    let path = Path::new(&of("OUT_DIR")).join("order.ld");
    fs::write(&path, script)?;
    println!("cargo::rustc-link-arg-bins=-T");
    println!("cargo::rustc-link-arg-bins={}", path.display());
    Ok(())
}
