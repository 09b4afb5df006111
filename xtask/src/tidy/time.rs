//! Time is an argument: clocks are read in files named `clock.rs` and nowhere else.

use super::{Finding, source::mentions, tree::Tree};

/// Reading a clock.
const READINGS: [&str; 4] = ["SystemTime::now", "Instant::now", "Timestamp::now", "Zoned::now"];

/// The one file of a crate that may.
const CLOCK: &str = "clock.rs";

/// Every clock read outside `clock.rs`, tests, benches and examples.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let files = tree.files.iter().filter(|file| !file.path.starts_with("examples/"));
    for file in files.filter(|file| file.name() != CLOCK) {
        for (line, reading) in mentions(&file.code, &READINGS) {
            let what = format!("{reading} outside {CLOCK}");
            let remedy = "take `now`, or the clock, as an argument";
            findings.push(Finding::new(&file.path, line, what, remedy));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    fn check_file(path: &str, text: &str, allowed: bool) {
        let expected = if allowed { vec![] } else { vec![format!("{path}:2")] };
        assert_eq!(places(&check(&Tree::of(&[(path, text)]))), expected, "{path}: {text:?}");
    }

    #[test]
    fn a_clock_is_read_in_clock_rs() {
        let text = "\nlet now = SystemTime::now();\n";
        check_file("crates/gatepost/src/clock.rs", text, true);
        check_file("crates/gatepost/src/serve.rs", text, false);
        check_file("xtask/src/main.rs", text, false);
    }

    #[test]
    fn every_clock_counts() {
        let file = "crates/bus/src/put.rs";
        check_file(file, "\nlet now = std::time::Instant::now();\n", false);
        check_file(file, "\nlet now = once.get_or_init(Instant::now);\n", false);
        check_file(file, "\nlet now = Timestamp::now();\n", false);
        check_file(file, "\nlet now = Zoned::now();\n", false);
        check_file(file, "\nlet now = clock.now();\n", true);
        check_file(file, "\n// Not Instant::now, which goes on.\n", true);
    }

    #[test]
    fn tests_benches_and_examples_are_free() {
        let text = "\nlet now = Instant::now();\n";
        check_file("crates/bus/tests/it/main.rs", text, true);
        check_file("crates/bus/benches/put.rs", text, true);
        check_file("examples/cars/src/main.rs", text, true);
        check_file(
            "crates/bus/src/put.rs",
            "#[cfg(test)]\nmod a { fn b() { Instant::now(); } }",
            true,
        );
    }
}
