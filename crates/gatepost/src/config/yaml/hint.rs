//! What to do about text that is not YAML.

use crate::config::source::Source;

/// Words of the parser's message, and what usually is the matter.
const HINTS: [(&[&str], &str); 9] = [
    (
        &["mapping values are not allowed", "illegal placement of ':'"],
        "either this line is indented deeper than the key above it, which already has a value, or \
         a text with `: ` in it needs quotes",
    ),
    (
        &["did not find expected key", "invalid indentation", "expected '-'", "wrongly indented"],
        "line this up with the other keys of the same object; what is nested stands two spaces \
         deeper",
    ),
    (
        &["simple key expect"],
        "write a key as `key: value`, with a blank after the colon, and line it up with its \
         neighbours",
    ),
    (
        &["flow mapping"],
        "separate entries with `,` and close with `}`; quote a text that holds these",
    ),
    (
        &["flow sequence"],
        "separate elements with `,` and close with `]`; quote a text that holds these",
    ),
    (&["quoted scalar"], "close the quote on this line; in double quotes a backslash is doubled"),
    (&["anchor", "alias"], "a text that begins with `*` or `&` needs quotes"),
    (&["recursion limit"], "flatten what stands here: it nests too deep"),
    (
        &["unexpected character", "cannot start"],
        "a text that begins with a special character such as `@`, `%` or a backtick needs quotes",
    ),
];

/// What to do about the parser's message on this line.
pub(super) fn hint(message: &str, source: &Source, line: usize) -> String {
    let indented_by_tab = |line: usize| {
        let text = source.line_text(line);
        let content = text.trim_start();
        !content.is_empty() && text[..text.len() - content.len()].contains('\t')
    };
    let tab =
        [line, line.saturating_sub(1)].into_iter().find(|line| *line > 0 && indented_by_tab(*line));
    if let Some(tab) = tab {
        return format!("line {tab} is indented with a tab; YAML takes only spaces");
    }
    let known = HINTS.iter().find(|(words, _)| words.iter().any(|word| message.contains(*word)));
    let hint = known.map(|(_, hint)| *hint);
    hint.unwrap_or("look at the indentation and the quotes of this line and the one before")
        .to_owned()
}
