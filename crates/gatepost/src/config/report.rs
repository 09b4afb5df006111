//! What is shown of what is wrong: all of it, each with its place and its remedy.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use serde_json::{Value, json};

use super::problem::Problem;
use super::source::{Source, Span};

/// The most diagnostics that are drawn; the others are counted.
const RENDERED_MAX: usize = 50;
/// The most that a line of a log tells of; `gatepost check` shows all.
const LOGGED_MAX: usize = 10;
/// The longest line that is drawn, in bytes: a file made by a program may be one line.
const LINE_BYTES_MAX: usize = 1_000;
/// The narrowest text that can still be read.
const WIDTH_MIN: usize = 40;

/// One thing that is wrong with the configuration.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// Whether it can be lived with.
    pub severity: Severity,
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The key, `destinations.cars.rate`; empty for the file as a whole.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The file's text, secrets masked.
    text: Arc<NamedSource<String>>,
    label: Range<usize>,
    /// Where the same name was first, in the same file.
    first: Option<Range<usize>>,
}

/// Whether something wrong can be lived with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The configuration is not used.
    Error,
    /// It is used.
    Warning,
}

impl Severity {
    /// For people and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// Why a configuration is not used: everything that is wrong with it.
#[derive(Clone)]
pub struct Report {
    diagnostics: Vec<Diagnostic>,
}

impl Report {
    pub(crate) fn new(diagnostics: Vec<Diagnostic>) -> Self {
        Self { diagnostics }
    }

    /// Everything that is wrong, in the order of the files.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// For people: each with the text it is about, underlined, and what to do.
    pub fn render(&self, colour: bool, width: usize) -> String {
        let shown = self.diagnostics.iter().take(RENDERED_MAX);
        let mut parts: Vec<String> = shown.map(|shown| shown.render(colour, width)).collect();
        let more = self.diagnostics.len().saturating_sub(RENDERED_MAX);
        if more > 0 {
            parts.push(format!("… and {more} more\n"));
        }
        parts.join("\n")
    }

    /// For a line of a log: the first few, each with its place and what is wrong.
    pub fn in_a_line(&self) -> String {
        let shown = self.diagnostics.iter().take(LOGGED_MAX);
        let mut parts: Vec<String> = shown.map(ToString::to_string).collect();
        let more = self.diagnostics.len().saturating_sub(LOGGED_MAX);
        if more > 0 {
            parts.push(format!("and {more} more"));
        }
        parts.join("; ").replace('\n', " ")
    }

    /// For programs: a list of file, line, column, path, message and help.
    pub fn to_json(&self) -> Value {
        let diagnostics: Vec<Value> = self.diagnostics.iter().map(Diagnostic::to_json).collect();
        json!({ "diagnostics": diagnostics })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.diagnostics.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Report(\n{self}\n)")
    }
}

impl std::error::Error for Report {}

impl Diagnostic {
    /// For people: with the text it is about, underlined, and what to do.
    pub fn render(&self, colour: bool, width: usize) -> String {
        let theme =
            if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_width(width.max(WIDTH_MIN))
            .with_links(false)
            .without_syntax_highlighting();
        let mut text = String::new();
        match handler.render_report(&mut text, &Drawn(self)) {
            Ok(()) => text,
            Err(fmt::Error) => format!("{self}\n"),
        }
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        json!({
            "severity": self.severity.as_str(),
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "path": self.path,
            "message": self.message,
            "help": self.help,
        })
    }

    /// Whether the text around it can be drawn.
    fn has_snippet(&self) -> bool {
        let text = self.text.inner().as_str();
        let before = text.get(..self.label.start).unwrap_or_default();
        let after = text.get(self.label.start..).unwrap_or_default();
        let here = before.lines().next_back().map_or(0, str::len)
            + after.lines().next().map_or(0, str::len);
        let beside = before.lines().rev().take(2).chain(after.lines().take(2)).map(str::len);
        !after.trim_end().is_empty() && beside.fold(here, usize::max) <= LINE_BYTES_MAX
    }
}

impl fmt::Display for Diagnostic {
    /// One line: place, key and what is wrong.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// A diagnostic as miette draws it: the place is drawn, so the text leaves it out.
#[derive(Debug)]
struct Drawn<'a>(&'a Diagnostic);

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.has_snippet() {
            f.write_str(&self.0.message)
        } else {
            let Diagnostic { file, line, column, message, .. } = self.0;
            write!(f, "{file}:{line}:{column}: {message}")
        }
    }
}

impl std::error::Error for Drawn<'_> {}

impl miette::Diagnostic for Drawn<'_> {
    fn code<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        let path = self.0.path.as_str();
        if path.is_empty() { None } else { Some(Box::new(path)) }
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.0.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        let help = self.0.help.as_deref()?;
        Some(Box::new(help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        if self.0.has_snippet() { Some(&*self.0.text) } else { None }
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let here = LabeledSpan::new_primary_with_span(None, self.0.label.clone());
        let first = self.0.first.clone();
        let first = first.map(|first| LabeledSpan::at(first, "first here"));
        Some(Box::new(std::iter::once(here).chain(first)))
    }
}

/// Problems as they are shown, in the order of the files; secrets are masked from here on.
pub(crate) fn diagnostics(
    sources: &[Source],
    mut problems: Vec<Problem>,
    severity: Severity,
) -> Vec<Diagnostic> {
    if problems.is_empty() {
        return Vec::new();
    }
    problems.sort_by_key(|problem| (problem.span.source, problem.span.start));
    // A line break at the end gives even an empty file a place to point at.
    let texts: Vec<Arc<NamedSource<String>>> = sources
        .iter()
        .map(|source| NamedSource::new(&source.name, format!("{}\n", source.masked_text())))
        .map(Arc::new)
        .collect();
    let shown = problems.into_iter().filter_map(|problem| {
        let source = sources.get(problem.span.source)?;
        let text = Arc::clone(texts.get(problem.span.source)?);
        let (line, column) = source.position(problem.span.start);
        let first = problem.first.filter(|first| first.source == problem.span.source);
        Some(Diagnostic {
            severity,
            file: source.name.clone(),
            line,
            column,
            path: problem.path,
            message: problem.message,
            help: problem.help,
            text,
            label: on_one_line(source, problem.span),
            first: first.map(|first| on_one_line(source, first)),
        })
    });
    shown.collect()
}

/// The part of a span that is on its first line: a rule of thirty lines needs no thirty lines.
fn on_one_line(source: &Source, span: Span) -> Range<usize> {
    let rest = source.text.get(span.start..span.end).unwrap_or_default();
    let length = rest.lines().next().map_or(0, |line| line.trim_end().len());
    span.start..span.start + length
}
