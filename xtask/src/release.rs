//! Builds the program as it is released: by the profile of what it is busy with.
//!
//! See docs/decisions/0019-a-profile-for-releases.md.

#![expect(
    clippy::disallowed_methods,
    reason = "cargo tells what it is called with by its environment, and is told so"
)]

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::{env, fs, io};

/// The profile, and the compiler whose names of functions are in it.
const PROFILE: &str = "crates/gatepost/link/profile.profdata";
const COMPILER: &str = "crates/gatepost/link/profile.rustc";
/// In how many units a crate is built, for the profile as well as by it.
const UNITS: (&str, &str) = ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1");
/// What stands between the flags of `CARGO_ENCODED_RUSTFLAGS`.
const BETWEEN: char = '\u{1f}';

/// How a release is built.
#[derive(Debug, PartialEq, Eq)]
pub enum By {
    /// By this profile.
    Profile(PathBuf),
    /// Without.
    Nothing {
        /// The compiler that the profile is of, as it says its version.
        of: String,
        /// The present one.
        is: String,
    },
}

/// By what the release of the tree at `root` can be built here.
pub fn by(root: &Path) -> io::Result<By> {
    let of = fs::read_to_string(root.join(COMPILER))?.trim().to_owned();
    let told = Command::new(compiler()).arg("--version").output()?.stdout;
    let is = String::from_utf8_lossy(&told).trim().to_owned();
    if is != of {
        return Ok(By::Nothing { of, is });
    }
    // Named by what is in it, and written once: cargo builds anew what flags have changed for, and the
    // compiler's word for a profile's age is when its file was written.
    let profile = fs::read(root.join(PROFILE))?;
    let mut hasher = DefaultHasher::new();
    profile.hash(&mut hasher);
    let directory = root.join("target/profiles");
    let copy = directory.join(format!("{:016x}.profdata", hasher.finish()));
    if !copy.exists() {
        fs::create_dir_all(&directory)?;
        let unfinished = copy.with_extension("part");
        fs::write(&unfinished, profile)?;
        fs::rename(&unfinished, &copy)?;
    }
    Ok(By::Profile(copy))
}

/// Builds the program, or what `words` say as `cargo build --release` takes them. Flags of the
/// environment stay; those of cargo's configuration do not, for cargo takes either.
pub fn build(root: &Path, by: &By, words: &[&str]) -> io::Result<ExitStatus> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.current_dir(root).args(["build", "--release"]);
    if words.is_empty() {
        build.args(["--package", "gatepost"]);
    }
    build.args(words);
    // One unit for each crate: with more, the same function is in several, and the profile fits one.
    build.env(UNITS.0, UNITS.1);
    if let By::Profile(profile) = by {
        let before = env::var("CARGO_ENCODED_RUSTFLAGS").ok();
        let before = before.or_else(|| {
            let flags = env::var("RUSTFLAGS").ok()?;
            Some(flags.split_whitespace().collect::<Vec<_>>().join(&BETWEEN.to_string()))
        });
        build.env("CARGO_ENCODED_RUSTFLAGS", flags(before.as_deref().unwrap_or(""), profile));
    }
    build.status()
}

fn compiler() -> std::ffi::OsString {
    env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())
}

/// The compiler's flags: those there were, and the profile.
fn flags(before: &str, profile: &Path) -> String {
    // A function that was changed since the profile was made is built as without it, and no word of it.
    let own = [
        format!("-Cprofile-use={}", profile.display()),
        "-Cllvm-args=-no-pgo-warn-mismatch".to_owned(),
    ];
    let before = (!before.is_empty()).then(|| before.to_owned());
    before.into_iter().chain(own).collect::<Vec<_>>().join(&BETWEEN.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_that_there_were_stay() {
        let profile = Path::new("/a path/profile.profdata");
        let own = flags("", profile);
        assert!(own.starts_with("-Cprofile-use=/a path/profile.profdata\u{1f}"), "{own}");
        let both = flags("-Ctarget-cpu=native", profile);
        assert_eq!(both, format!("-Ctarget-cpu=native\u{1f}{own}"));
    }

    #[test]
    fn the_tree_has_a_profile_and_says_of_which_compiler_it_is() {
        let root = crate::tidy::root();
        let profile = fs::read(root.join(PROFILE)).unwrap();
        // An indexed profile begins with this, backwards: 255, "lprofi", 129.
        assert_eq!(profile.get(..8), Some(&b"\xfflprofi\x81"[..]));
        assert!(by(root).is_ok());
    }
}
