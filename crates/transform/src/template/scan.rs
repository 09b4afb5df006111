//! A template's text, cut into plain text and placeholders.
//!
//! A placeholder is `<name>`, the name without blanks and quotes; neither sign can be escaped
//! (EventBridge, input transformation). The scan knows quotes and keys, and leaves it to a JSON
//! parser to say whether the rest is right: that is what the probe is for.

/// The parts of a template.
pub(super) struct Scan<'a> {
    pub(super) tokens: Vec<Token<'a>>,
    /// The template with a JSON string, or text, as long as each placeholder in its place. Where
    /// the probe is JSON, so is the template filled with any values.
    pub(super) probe: String,
}

pub(super) enum Token<'a> {
    /// Text to keep; the white space between JSON's own signs is gone.
    Text(String),
    Placeholder {
        name: &'a str,
        place: Place,
    },
}

/// Where a placeholder stands.
#[derive(Clone, Copy)]
pub(super) enum Place {
    /// In place of a JSON value.
    Value,
    /// Within the quotes of a string.
    Quoted,
    /// In the key of an object, within its quotes or in place of it.
    Key,
}

/// Cuts `text`.
pub(super) fn scan(text: &str) -> Scan<'_> {
    let mut scanner = Scanner::default();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        if !scanner.escaped
            && let Some(name) = placeholder(rest)
        {
            scanner.placeholder(name);
            rest = &rest[name.len() + 2..];
        } else {
            scanner.character(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    scanner.end_text();
    Scan { tokens: scanner.tokens, probe: scanner.probe }
}

/// The name of the placeholder at the beginning of `rest`, if there is one.
fn placeholder(rest: &str) -> Option<&str> {
    let (name, _) = rest.strip_prefix('<')?.split_once('>')?;
    let stray = |next: char| next.is_whitespace() || next == '<' || next == '"';
    (!name.is_empty() && !name.contains(stray)).then_some(name)
}

#[derive(Default)]
struct Scanner<'a> {
    tokens: Vec<Token<'a>>,
    probe: String,
    /// Text since the last placeholder.
    text: String,
    /// The brackets that are open, outermost first.
    open: Vec<char>,
    in_string: bool,
    /// After a backslash within a string.
    escaped: bool,
    /// Where an object has its key.
    in_key: bool,
}

impl<'a> Scanner<'a> {
    fn character(&mut self, next: char) {
        self.probe.push(next);
        if self.in_string {
            self.text.push(next);
            if self.escaped {
                self.escaped = false;
            } else if next == '\\' {
                self.escaped = true;
            } else if next == '"' {
                self.in_string = false;
            }
            return;
        }
        match next {
            '"' => self.in_string = true,
            '{' | '[' => {
                self.open.push(next);
                self.in_key = next == '{';
            }
            '}' | ']' => {
                self.open.pop();
                self.in_key = false;
            }
            ',' => self.in_key = self.open.last() == Some(&'{'),
            ':' => self.in_key = false,
            _ => {}
        }
        if !next.is_ascii_whitespace() {
            self.text.push(next);
        }
    }

    fn placeholder(&mut self, name: &'a str) {
        let place = match (self.in_key, self.in_string) {
            (true, _) => Place::Key,
            (false, true) => Place::Quoted,
            (false, false) => Place::Value,
        };
        // As many bytes as `<name>`, so that the parser's columns are the template's.
        let edge = if self.in_string { 'x' } else { '"' };
        self.probe.push(edge);
        self.probe.extend(std::iter::repeat_n('x', name.len()));
        self.probe.push(edge);
        self.end_text();
        self.tokens.push(Token::Placeholder { name, place });
    }

    fn end_text(&mut self) {
        if !self.text.is_empty() {
            self.tokens.push(Token::Text(std::mem::take(&mut self.text)));
        }
    }
}
