//! `PATTERNS.md` against the code: every example in its tables is tried.
//!
//! The head row of a table says how its rows are read. A table with another head, and a row that
//! is not of this form, are faults like an example that is wrong.

use pattern::{Event, Extensions, Pattern};

const SPECIFICATION: &str = include_str!("../../PATTERNS.md");

/// How many examples there are at least, because nobody would miss a table that is not taken for
/// one.
const EXAMPLES_MIN: usize = 507;

/// What went wrong, to be told with its line.
type Fault = String;

#[test]
fn every_example_is_true() {
    let mut examples = 0;
    let mut faults = Vec::new();
    for row in rows(SPECIFICATION) {
        match row.tried() {
            Ok(count) => examples += count,
            Err(fault) => faults.push(format!("line {}: {fault}", row.line)),
        }
    }
    assert!(faults.is_empty(), "in PATTERNS.md\n{}", faults.join("\n"));
    assert!(examples >= EXAMPLES_MIN, "only {examples} examples are found in PATTERNS.md");
}

#[test]
fn the_bounds_are_told_in_the_words_of_their_refusals() {
    let patterns = [
        format!(r#"{{"a": ["{}"]}}"#, "x".repeat(4_096)),
        r#"{"a":"#.repeat(65),
        format!("{{{}}}", [r#""$or":[{"a":[1]},{"b":[2]}]"#; 10].join(",")),
    ];
    for pattern in patterns {
        let error = Pattern::parse(&pattern).expect_err("the pattern is beyond a bound");
        assert!(SPECIFICATION.contains(&format!("`{}`", error.message)), "{}", error.message);
    }
    for event in [r#"{"a":"#.repeat(129), "[]".to_owned()] {
        let error = Event::parse(&event).expect_err("the event is beyond a bound").to_string();
        assert!(SPECIFICATION.contains(&format!("`{error}`")), "{error}");
    }
}

#[test]
fn every_extension_has_its_section() {
    for name in Extensions::NAMES {
        assert!(SPECIFICATION.contains(&format!("\n### `{name}`\n")), "{name}");
    }
}

#[test]
fn what_cannot_be_read_is_a_fault() {
    let operators = "| operator | matches | does not |";
    let tables = [
        ("| operator | matches | doesn't |", r#"| `{"prefix": "x"}` | `"x"` | |"#),
        (operators, r#"| `{"prefix": "x"}` | `"x"` |"#),
        (operators, r#"| `{"prefix": "x"}` | "x" | |"#),
        (operators, r#"| `{"prefix": "x"}` | `"x"` and `"xy"` | |"#),
        (operators, r#"| `{"prefix": "x"}` | | |"#),
        (operators, r#"| `{"prefix": "x"}` | `"y"` | |"#),
        (operators, r#"| `{"prefix": 1}` | `"x"` | |"#),
        ("| extension | matches | does not |", r#"| `{"prefix": "x"}` | `"x"` | |"#),
        ("| pattern | refused with |", "| `{}` | `Empty arrays are not allowed` |"),
        ("| pattern | refused with |", r#"| `{"a": [1]}` | `Empty arrays are not allowed` |"#),
    ];
    let only_row = |head: &str, row: &str| {
        let mut rows = rows(&format!("{head}\n|---|\n{row}\n"));
        assert_eq!(rows.len(), 1, "{row}");
        rows.remove(0)
    };
    for (head, row) in tables {
        assert!(only_row(head, row).tried().is_err(), "{row}");
    }
    assert_eq!(only_row(operators, r#"| `{"prefix": "x"}` | `"x"`, `"xy"` | |"#).tried(), Ok(2));
}

/// A row of a table, with the head of the table.
struct Row {
    /// The line of the page it is, counted from 1.
    line: usize,
    head: Vec<String>,
    cells: Vec<String>,
}

/// The rows of all tables of a page.
fn rows(page: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut head: Option<Vec<String>> = None;
    for (index, line) in page.lines().enumerate() {
        if !line.starts_with('|') {
            head = None;
            continue;
        }
        let cells = cells(line);
        match &head {
            None => head = Some(cells),
            // The line under the head.
            Some(_) if cells.iter().all(|cell| cell == "---") => {}
            Some(head) => rows.push(Row { line: index + 1, head: head.clone(), cells }),
        }
    }
    rows
}

/// The cells of a line. A bar inside of one is written with a backslash, in code as well (GitHub
/// Flavored Markdown, "Tables").
fn cells(line: &str) -> Vec<String> {
    const BAR: &str = "\u{1}";
    let line = line.trim().replace("\\|", BAR);
    let inside = line.strip_prefix('|').unwrap_or(&line);
    let inside = inside.strip_suffix('|').unwrap_or(inside);
    inside.split('|').map(|cell| cell.trim().replace(BAR, "|")).collect()
}

/// The examples of a cell: texts in backticks, with commas between them, and nothing else.
fn examples(cell: &str) -> Result<Vec<&str>, Fault> {
    if cell.is_empty() {
        return Ok(Vec::new());
    }
    let inside = cell.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
    let examples: Vec<&str> = inside.unwrap_or_default().split("`, `").collect();
    if examples.iter().any(|example| example.is_empty() || example.contains('`')) {
        return Err(format!("no list of examples: {cell}"));
    }
    Ok(examples)
}

/// The one example of a cell.
fn example(cell: &str) -> Result<&str, Fault> {
    let examples = examples(cell)?;
    match examples.as_slice() {
        [example] => Ok(*example),
        _ => Err(format!("not one example: {cell}")),
    }
}

/// The pattern that asks one entry of the field `a`.
fn of_entry(cell: &str) -> Result<String, Fault> {
    Ok(format!(r#"{{"a": [{}]}}"#, example(cell)?))
}

/// The event with a value in the field `a`; what begins with a brace is an event already.
fn event(example: &str) -> String {
    if example.starts_with('{') { example.to_owned() } else { format!(r#"{{"a": {example}}}"#) }
}

fn all() -> Extensions {
    Extensions::named(Extensions::NAMES).expect("these are the names there are")
}

impl Row {
    /// Tries the examples of the row, and says how many there are.
    fn tried(&self) -> Result<usize, Fault> {
        let head: Vec<&str> = self.head.iter().map(String::as_str).collect();
        let cells: Vec<&str> = self.cells.iter().map(String::as_str).collect();
        match (head.as_slice(), cells.as_slice()) {
            (["rule", "pattern", "matches", "does not"], [_, pattern, matching, others]) => {
                answers(example(pattern)?, Extensions::NONE, matching, others)
            }
            (["operator", "matches", "does not"], [operator, matching, others]) => {
                answers(&of_entry(operator)?, Extensions::NONE, matching, others)
            }
            (
                ["rule", "pattern with extensions", "matches", "does not"],
                [_, pattern, matching, others],
            ) => {
                let pattern = example(pattern)?;
                is_asked_for(pattern)?;
                answers(pattern, all(), matching, others)
            }
            (["extension", "matches", "does not"], [extension, matching, others]) => {
                let pattern = of_entry(extension)?;
                is_asked_for(&pattern)?;
                answers(&pattern, all(), matching, others)
            }
            (["pattern", "refused with"], [pattern, message]) => {
                refused(example(pattern)?, Extensions::NONE, example(message)?)
            }
            (["operator", "refused with"], [operator, message]) => {
                refused(&of_entry(operator)?, Extensions::NONE, example(message)?)
            }
            (["extension", "refused with"], [extension, message]) => {
                let pattern = of_entry(extension)?;
                is_asked_for(&pattern)?;
                refused(&pattern, all(), example(message)?)
            }
            (
                ["pattern", "refused with", "column", "place shown"],
                [pattern, message, column, shown],
            ) => refused_at(example(pattern)?, example(message)?, column, shown),
            (["reserved inside $or"], [names]) => reserved(&examples(names)?),
            _ => Err(format!("no row of {} cells in a table {head:?}", cells.len())),
        }
    }
}

/// Tries which events a pattern matches.
fn answers(
    pattern: &str,
    extensions: Extensions,
    matching: &str,
    others: &str,
) -> Result<usize, Fault> {
    let parsed = Pattern::parse_with(pattern, extensions)
        .map_err(|error| format!("{pattern} is refused: {error}"))?;
    let (matching, others) = (examples(matching)?, examples(others)?);
    let matching = matching.into_iter().map(|example| (example, true));
    let rows: Vec<_> = matching.chain(others.into_iter().map(|example| (example, false))).collect();
    for (example, expected) in &rows {
        let text = event(example);
        let event = Event::parse(&text).map_err(|error| format!("{text}: {error}"))?;
        if parsed.matches(&event) != *expected {
            let verdict = if *expected { "does not match" } else { "matches" };
            return Err(format!("{pattern} {verdict} {text}"));
        }
    }
    match rows.len() {
        0 => Err(format!("no event for {pattern}")),
        count => Ok(count),
    }
}

/// Tries whether a pattern with extensions is refused where none are asked for.
fn is_asked_for(pattern: &str) -> Result<(), Fault> {
    let message = match Pattern::parse(pattern) {
        Ok(_) => return Err(format!("{pattern} needs no extension")),
        Err(error) => error.message,
    };
    match message.strip_prefix("Unrecognized match type ") {
        Some(name) if Extensions::NAMES.contains(&name) => Ok(()),
        _ => Err(format!("{pattern} without extensions is refused otherwise: {message}")),
    }
}

/// Tries the words a pattern is refused with.
fn refused(pattern: &str, extensions: Extensions, message: &str) -> Result<usize, Fault> {
    match Pattern::parse_with(pattern, extensions) {
        Err(error) if error.message == message => Ok(1),
        Err(error) => Err(format!("{pattern} is refused otherwise: {}", error.message)),
        Ok(_) => Err(format!("{pattern} is not refused")),
    }
}

/// Tries the words, the column and how often the place is shown.
fn refused_at(pattern: &str, message: &str, column: &str, shown: &str) -> Result<usize, Fault> {
    refused(pattern, Extensions::NONE, message)?;
    let Err(error) = Pattern::parse(pattern) else {
        return Err(format!("{pattern} is not refused"));
    };
    let found_shown = match error.to_string().matches("[Source: ").count() {
        0 => "never",
        1 => "once",
        2 => "twice",
        _ => "often",
    };
    if (error.column.to_string().as_str(), found_shown) != (column, shown) {
        return Err(format!("{pattern}: column {}, shown {found_shown}", error.column));
    }
    Ok(1)
}

/// Tries whether a field inside of `$or` may not have these names.
fn reserved(names: &[&str]) -> Result<usize, Fault> {
    for name in names {
        let pattern = format!(r#"{{"$or": [{{"{name}": ["x"]}}, {{"b": ["y"]}}]}}"#);
        let message =
            format!("{name} is Ruler reserved fieldName which cannot be used inside $or.");
        refused(&pattern, Extensions::NONE, &message)?;
    }
    Ok(names.len())
}
