//! `--jsonl`: a question on each line of standard input, its answer on a line of standard output.

use std::io::{BufRead as _, ErrorKind, Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use serde::Deserialize as _;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// The longest line: an event of a megabyte and a pattern, both as strings with every character
/// escaped.
const LINE_BYTES_MAX: u64 = 8 << 20;

/// An error in an answer: its code and its message.
pub(super) struct LineError {
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl LineError {
    /// The question itself cannot be read.
    pub(super) fn question(message: impl Into<String>) -> Self {
        Self { code: "ValidationException", message: message.into() }
    }
}

/// Answers every line of standard input; an empty one is passed over.
pub(super) fn answer(
    answer: impl Fn(&str) -> Result<Value, LineError>,
) -> anyhow::Result<ExitCode> {
    let mut input = std::io::stdin().lock();
    let mut written = std::io::stdout().lock();
    let mut line = Vec::new();
    loop {
        line.clear();
        // One more byte, to know a line of the greatest length from a longer one.
        let read = (&mut input).take(LINE_BYTES_MAX + 1).read_until(b'\n', &mut line);
        if read.context("standard input cannot be read")? == 0 {
            return Ok(ExitCode::SUCCESS);
        }
        let is_whole = line.ends_with(b"\n") || line.len() as u64 <= LINE_BYTES_MAX;
        if !is_whole {
            skip_line(&mut input)?;
        }
        let text = std::str::from_utf8(&line).map(|line| line.trim_start_matches(MARK).trim());
        let answered = match text {
            _ if !is_whole => Err(LineError::question(format!(
                "The line is longer than {LINE_BYTES_MAX} bytes; shorten the event."
            ))),
            Ok("") => continue,
            Ok(text) => answer(text),
            Err(_) => Err(LineError::question("The line is not UTF-8.")),
        };
        let answer = answered.unwrap_or_else(
            |error| json!({ "error": { "code": error.code, "message": error.message } }),
        );
        match writeln!(written, "{answer}") {
            // Whoever reads has seen enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
            written => written.context("standard output cannot be written")?,
        }
    }
}

/// Reads to the end of a line that was too long, and keeps nothing of it.
fn skip_line(input: &mut impl std::io::BufRead) -> anyhow::Result<()> {
    let rest = input.skip_until(b'\n');
    rest.context("standard input cannot be read").map(drop)
}

/// The text of a file, `-` being standard input; without the mark of byte order some editors write.
pub(super) fn file(path: &Path) -> anyhow::Result<String> {
    let text = if path.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin().lock()).context("standard input cannot be read")?
    } else {
        let hint = if path.to_string_lossy().starts_with('{') {
            "; it wants the name of a file, or - for standard input"
        } else {
            ""
        };
        std::fs::read_to_string(path)
            .with_context(|| format!("{} cannot be read{hint}", path.display()))?
    };
    Ok(text.strip_prefix(MARK).map(str::to_owned).unwrap_or(text))
}

/// The mark of byte order.
const MARK: char = '\u{feff}';

/// The JSON text a member of a question holds: its own, or that inside the string it is. A string
/// keeps repeated names and the spelling of numbers through any program that wrote the line.
pub(super) fn text(member: Option<&RawValue>, name: &str) -> Result<String, LineError> {
    let missing = || LineError::question(format!("The line has no `{name}`; add it."));
    let raw = member.ok_or_else(missing)?.get();
    if raw.starts_with('"') {
        serde_json::from_str(raw)
            .map_err(|error| LineError::question(format!("`{name}` is no text: {error}")))
    } else {
        Ok(raw.to_owned())
    }
}

/// A member that is there, `null` included.
pub(super) fn given<'de: 'a, 'a, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// The question on a line.
pub(super) fn question<'a, T: serde::Deserialize<'a>>(
    line: &'a str,
    example: &str,
) -> Result<T, LineError> {
    if !line.starts_with('{') {
        return Err(LineError::question(format!("The line is no JSON object; write {example}.")));
    }
    serde_json::from_str(line).map_err(|error| {
        LineError::question(format!("The line is no question ({error}); write {example}."))
    })
}
