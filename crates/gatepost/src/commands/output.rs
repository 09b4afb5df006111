//! What commands print: tables for people, JSON for programs.

use std::io::{IsTerminal as _, Write as _};

use serde_json::Value;

/// Prints a line of data. A reader that went away ends nothing.
pub fn say(text: &str) {
    drop(writeln!(std::io::stdout().lock(), "{text}"));
}

/// Prints a line of talk.
pub(super) fn complain(text: &str) {
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

/// Whether standard error may be coloured: on a terminal, unless `NO_COLOR` is set.
pub(super) fn colour() -> bool {
    std::io::stderr().is_terminal() && crate::files::environment("NO_COLOR").is_none()
}

/// How wide reports may be.
pub(super) fn width() -> usize {
    crate::files::environment("COLUMNS").and_then(|text| text.parse().ok()).unwrap_or(100)
}

/// A table with aligned columns.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column heads.
    pub fn new(heads: &[&str]) -> Self {
        let heads = heads.iter().map(|head| head.to_uppercase()).collect();
        Self { rows: vec![heads] }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The table as text, without a line break at the end.
    pub fn text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        self.rows.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// A member as a table's cell: text as it is, nothing as a dash.
pub(super) fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

/// Prints the items of a listing: as JSON lines, or as a table of these members.
pub(super) fn list(listing: &Value, json: bool, columns: &[(&str, &str)]) {
    let none = Vec::new();
    let items = listing["items"].as_array().unwrap_or(&none);
    if json {
        for item in items {
            say(&item.to_string());
        }
        return;
    }
    if items.is_empty() {
        complain("none");
        return;
    }
    let mut table = Table::new(&columns.iter().map(|(head, _)| *head).collect::<Vec<_>>());
    for item in items {
        table.row(columns.iter().map(|(_, pointer)| found(item, pointer)).collect());
    }
    say(&table.text());
}

/// In every item, replaces a list of credentials by the live ones' ids and last characters.
pub(super) fn live_ids(listing: &mut Value, member: &str) {
    for item in listing["items"].as_array_mut().into_iter().flatten() {
        let all = item[member].as_array().cloned().unwrap_or_default();
        let live = all.iter().filter(|credential| credential["live"] == true);
        item[member] = live.map(minted).map(Value::from).collect();
    }
}

/// A minted credential by its id and last characters.
pub(super) fn minted(credential: &Value) -> String {
    let since = cell(&credential["created_at"]).chars().take(10).collect::<String>();
    let (id, last) = (cell(&credential["id"]), cell(&credential["last_four"]));
    let mut more = String::new();
    if let Some(end) = credential["expires_at"].as_str() {
        more.push_str(", until ");
        more.extend(end.chars().take(10));
    }
    if let Some(day) = credential["last_used"].as_str() {
        more.push_str(", used ");
        more.push_str(day);
    }
    if credential["imported"] == true {
        more.push_str(", imported: rotate it");
    }
    format!("{id} (ends in {last}, since {since}{more})")
}

fn found(item: &Value, pointer: &str) -> String {
    item.pointer(&format!("/{pointer}")).map_or_else(|| "-".to_owned(), cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(&["name", "rate"]);
        table.row(vec!["äb".to_owned(), "10/s".to_owned()]);
        table.row(vec!["longer".to_owned(), "1/s".to_owned()]);
        assert_eq!(table.text(), "NAME    RATE\näb      10/s\nlonger  1/s");
    }
}
