//! `cargo xtask VERB`: runs one of the workspace's own chores.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool answers on its standard streams"
)]

use std::{env, fs, process::ExitCode};

use xtask::order::order;
use xtask::profile::busy;
use xtask::release::{self, By};
use xtask::tidy::{self, Tree};

const HELP: &str = "\
cargo xtask VERB

  tidy   check what the compiler cannot: arrows between crates, owners of
         dependencies, clocks, notes; exit 1 when there is anything to say
  order  BUSY START  print what the linker puts side by side, from two profiles
         by callgrind; see docs/decisions/0018
  busy   LEAST PROFILE  print of a profile in the text of llvm-profdata what has run
         so often at least; see docs/decisions/0019
  release  [WORDS]  cargo build --release WORDS, by the profile of what the program is
         busy with: a fifth less CPU per request
  help   this text";

/// The exit status of a command line that was not understood, as shells and clap have it.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["tidy"] => run_tidy(),
        ["order", busy, start] => run_order(busy, start),
        ["busy", least, profile] => run_busy(least, profile),
        ["release", words @ ..] => run_release(words),
        [] | ["help" | "--help" | "-h"] => {
            println!("{HELP}");
            ExitCode::SUCCESS
        }
        unknown => {
            eprintln!("there is no verb `{}`\n\n{HELP}", unknown.join(" "));
            ExitCode::from(USAGE)
        }
    }
}

fn run_tidy() -> ExitCode {
    let tree = match Tree::read(tidy::root()) {
        Ok(tree) => tree,
        Err(error) => {
            eprintln!("tidy cannot read the tree: {error}");
            return ExitCode::FAILURE;
        }
    };
    let findings = tidy::check(&tree);
    for finding in &findings {
        println!("{finding}");
    }
    if findings.is_empty() {
        println!("tidy");
        ExitCode::SUCCESS
    } else {
        eprintln!("tidy has {} findings", findings.len());
        ExitCode::FAILURE
    }
}

fn run_order(busy: &str, start: &str) -> ExitCode {
    match (fs::read_to_string(busy), fs::read_to_string(start)) {
        (Ok(busy), Ok(start)) => {
            let names = order(&busy, &start);
            print!("{names}");
            if names.is_empty() {
                eprintln!("no names are in the profiles: have callgrind compress no strings");
                return ExitCode::FAILURE;
            }
            ExitCode::SUCCESS
        }
        (Err(error), _) | (_, Err(error)) => {
            eprintln!("a profile cannot be read: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run_busy(least: &str, profile: &str) -> ExitCode {
    let Ok(least) = least.parse() else {
        eprintln!("LEAST is a number, and `{least}` is none");
        return ExitCode::from(USAGE);
    };
    match fs::read_to_string(profile) {
        Ok(profile) => {
            print!("{}", busy(&profile, least));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("the profile cannot be read: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run_release(words: &[&str]) -> ExitCode {
    let root = tidy::root();
    let built = release::by(root).and_then(|by| {
        if let By::Nothing { of, is } = &by {
            let version = of.split(' ').nth(1).unwrap_or("stable");
            eprintln!(
                "the profile is of {of}, and this is {is}: built without, the program takes a quarter \
                 more CPU per request. `rustup run --install {version} cargo xtask release` builds by it."
            );
        }
        release::build(root, &by, words)
    });
    match built {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("the release cannot be built: {error}");
            ExitCode::FAILURE
        }
    }
}
