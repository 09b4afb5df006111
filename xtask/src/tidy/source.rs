//! Rust as the checks need it: which characters are code, which comment, which belong to a test.
//!
//! Not a parser. It knows comments, literals, brackets and `use`, which is enough to say "this
//! line names that" without being fooled by a word in a comment or a message. Everything that is
//! left out is blanked, never removed, so that line numbers stay true.

use std::collections::BTreeSet;

/// One source text in two views with the same lines.
pub(crate) struct Source {
    /// Code; comments and literals are blank.
    pub(crate) code: String,
    /// Comments; everything else is blank.
    pub(crate) comments: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

impl Source {
    pub(crate) fn read(text: &str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let mut source = Self { code: String::new(), comments: String::new() };
        let mut at = 0;
        while at < chars.len() {
            let (kind, length) = token(&chars, at);
            for &c in &chars[at..at + length] {
                source.push(c, kind);
            }
            at += length;
        }
        source
    }

    fn push(&mut self, c: char, kind: Kind) {
        self.code.push(if kind == Kind::Code { c } else { blank(c) });
        self.comments.push(if kind == Kind::Comment { c } else { blank(c) });
    }
}

/// The kind and length (at least 1) of what begins at `chars[at]`.
fn token(chars: &[char], at: usize) -> (Kind, usize) {
    let rest = &chars[at..];
    let begins_word = at == 0 || !is_word(chars[at - 1]);
    match rest {
        ['/', '/', ..] => (Kind::Comment, line_comment(rest)),
        ['/', '*', ..] => (Kind::Comment, block_comment(rest)),
        ['r', '"' | '#', ..] | ['b' | 'c', 'r', '"' | '#', ..] if begins_word => {
            raw_string(rest).map_or((Kind::Code, 1), |length| (Kind::Literal, length))
        }
        ['"', ..] => (Kind::Literal, quoted(rest, '"')),
        // Any other apostrophe begins a lifetime or a label.
        ['\'', '\\', ..] | ['\'', _, '\'', ..] => (Kind::Literal, quoted(rest, '\'')),
        _ => (Kind::Code, 1),
    }
}

fn line_comment(rest: &[char]) -> usize {
    rest.iter().position(|&c| c == '\n').unwrap_or(rest.len())
}

fn block_comment(rest: &[char]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at + 1 < rest.len() {
        match (rest[at], rest[at + 1]) {
            ('/', '*') => {
                depth += 1;
                at += 2;
            }
            ('*', '/') => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length of the raw string that `rest` begins with; `None` for a raw name such as `r#type`.
fn raw_string(rest: &[char]) -> Option<usize> {
    let prefix = rest.iter().take_while(|&&c| matches!(c, 'r' | 'b' | 'c')).count();
    let hashes = leading_hashes(&rest[prefix..]);
    if rest.get(prefix + hashes) != Some(&'"') {
        return None;
    }
    let body = prefix + hashes + 1;
    let close =
        (body..rest.len()).find(|&at| rest[at] == '"' && leading_hashes(&rest[at + 1..]) >= hashes);
    Some(close.map_or(rest.len(), |at| at + 1 + hashes))
}

fn leading_hashes(rest: &[char]) -> usize {
    rest.iter().take_while(|&&c| c == '#').count()
}

/// The length of a literal from its opening to its closing `quote`, escapes skipped.
fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() {
        if rest[at] == quote {
            return at + 1;
        }
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    rest.len()
}

fn blank(c: char) -> char {
    if c == '\n' { '\n' } else { ' ' }
}

/// Whether `c` can be part of a name.
pub(crate) fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// What begins an item that only tests see.
const TEST_MARKS: [&str; 4] = ["#[cfg(test)]", "#[cfg(all(test", "#[test]", "#[bench]"];

/// `code` with the items that only tests see blanked.
pub(crate) fn outside_tests(code: &str) -> String {
    if code.contains("#![cfg(test)]") {
        return code.chars().map(blank).collect();
    }
    let mut kept = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(start) = TEST_MARKS.iter().filter_map(|mark| rest.find(*mark)).min() {
        let (before, from_item) = rest.split_at(start);
        let (item, after) = from_item.split_at(item_length(from_item));
        kept.push_str(before);
        kept.extend(item.chars().map(blank));
        rest = after;
    }
    kept.push_str(rest);
    kept
}

/// The length of the item `text` begins with, its attributes included: up to its closing brace,
/// its semicolon, or the end of what encloses it. At least 1, as an attribute begins with `#`.
fn item_length(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => return at,
            ')' | ']' => depth -= 1,
            '}' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Each of `words` that `code` names, with its line; words inside a grouped `use` count with the
/// path they stand for (`use std::{fs}` names `std::fs`).
pub(crate) fn mentions<'w>(code: &str, words: &[&'w str]) -> BTreeSet<(usize, &'w str)> {
    let lines = code.lines().enumerate().map(|(index, line)| (index + 1, line.to_owned()));
    let mut found = BTreeSet::new();
    for (line, text) in lines.chain(imports(code)) {
        for &word in words {
            if names(&text, word) {
                found.insert((line, word));
            }
        }
    }
    found
}

/// Whether `line` contains `word` and not merely as a part of a longer name.
fn names(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        let longer_before = word.starts_with(is_word) && before.ends_with(is_word);
        let longer_after = word.ends_with(is_word) && after.starts_with(is_word);
        !longer_before && !longer_after
    })
}

/// Every path that `code` imports, in full, with its line.
fn imports(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, keyword) in code.match_indices("use ") {
        let before = &code[..at];
        if before.ends_with(is_word) {
            continue;
        }
        let after = &code[at + keyword.len()..];
        let branch = after.split_once(';').map_or(after, |(branch, _)| branch);
        expand("", branch, 1 + newlines(before), &mut found);
    }
    found
}

/// Adds every path of the `use` tree `branch`, which begins in `line` and stands after `prefix`.
fn expand(prefix: &str, branch: &str, line: usize, found: &mut Vec<(usize, String)>) {
    let indent = branch.len() - branch.trim_start().len();
    let mut line = line + newlines(&branch[..indent]);
    let branch = branch.trim();
    if let Some((head, body)) = branch.split_once('{') {
        let body = body.rsplit_once('}').map_or(body, |(body, _)| body);
        let prefix = format!("{prefix}{}", head.trim());
        line += newlines(head);
        for branch in branches(body) {
            expand(&prefix, branch, line, found);
            line += newlines(branch);
        }
    } else if !branch.is_empty() {
        let path = branch.split_once(" as ").map_or(branch, |(path, _)| path);
        found.push((line, format!("{prefix}{path}")));
    }
}

/// Splits at the commas that no brace encloses.
fn branches(body: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut depth = 0_usize;
    let mut from = 0;
    for (at, c) in body.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&body[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&body[from..]);
    parts
}

fn newlines(text: &str) -> usize {
    text.matches('\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_no_code() {
        let check = |text: &str, code: &str| {
            let read = Source::read(text).code;
            assert_eq!(read.split_whitespace().collect::<Vec<_>>().join(" "), code, "{text}");
        };
        check("let a = 1; // tokio", "let a = 1;");
        check("a /* b /* c */ d */ e", "a e");
        check(r#"f("tokio // \" {", b)"#, "f( , b)");
        check(r##"f(r#"a " b"#, c)"##, "f( , c)");
        check(r##"f(br#"a"#, b"x", c"y")"##, "f( , b , c )");
        check(r"f('{', '\'', '\\', '\u{7b}')", "f( , , , )");
        check("fn f<'a>(x: &'a str, y: &'a str)", "fn f<'a>(x: &'a str, y: &'a str)");
        check("let r#type = for_r; bar\"x\"", "let r#type = for_r; bar");
        check("\"never closed", "");
        check("/* never closed", "");
    }

    #[test]
    fn comments_are_comments_only_outside_literals() {
        let source = Source::read("let a = \"// no\"; // yes\n/// and this\n");
        let lines: Vec<&str> = source.comments.lines().map(str::trim).collect();
        assert_eq!(lines, ["// yes", "/// and this"]);
    }

    #[test]
    fn both_views_keep_the_lines() {
        let source = Source::read("a\n/* b\nc */ d\n\"e\nf\" g\n");
        assert_eq!(source.code.lines().map(str::trim).collect::<Vec<_>>(), ["a", "", "d", "", "g"]);
        assert_eq!(source.comments.lines().count(), 5);
    }

    #[test]
    fn items_only_tests_see_are_blanked() {
        let check = |code: &str, kept: &str| {
            let outside = outside_tests(code);
            assert_eq!(outside.split_whitespace().collect::<Vec<_>>().join(" "), kept, "{code}");
            assert_eq!(newlines(&outside), newlines(code), "{code}");
        };
        check(
            "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { {} } }\nfn c() {}",
            "fn a() {} fn c() {}",
        );
        check("#[cfg(test)]\nmod tests;\nfn a() {}", "fn a() {}");
        check("#[cfg(test)]\n#[expect(x)]\nfn b(x: [u8; 2]) {}\nfn a() {}", "fn a() {}");
        check("impl A { fn a() {} #[cfg(test)] fn b() {} }", "impl A { fn a() {} }");
        check("struct A { #[cfg(test)] b: u8 }", "struct A { }");
        check("#[cfg(all(test, unix))]\nmod tests {}\nfn a() {}", "fn a() {}");
        check("#[cfg(not(test))]\nfn a() {}", "#[cfg(not(test))] fn a() {}");
        check("#![cfg(test)]\nfn b() {}", "");
    }

    #[test]
    fn a_word_is_named_only_whole() {
        let check = |line: &str, word: &str, expected: bool| {
            assert_eq!(names(line, word), expected, "{word} in {line}");
        };
        check("use tokio::time;", "tokio", true);
        check("tokio_util::x()", "tokio", false);
        check("let a = Instant::now();", "Instant::now", true);
        check("MyInstant::now()", "Instant::now", false);
        check("Instant::nowhere()", "Instant::now", false);
        check("aws_lc_rs::rand::fill()", "rand::", true);
        check("operand::new()", "rand::", false);
        check("todo!()", "todo!", true);
    }

    #[test]
    fn grouped_imports_are_named_in_full_and_by_line() {
        let code =
            "use std::{\n    fmt,\n    net::{IpAddr, TcpStream as T},\n    fs,\n};\nuse a::b;\n";
        let found: Vec<(usize, String)> = imports(code);
        let found: Vec<(usize, &str)> = found.iter().map(|(line, path)| (*line, &**path)).collect();
        assert_eq!(
            found,
            [
                (2, "std::fmt"),
                (3, "std::net::IpAddr"),
                (3, "std::net::TcpStream"),
                (4, "std::fs"),
                (6, "a::b"),
            ]
        );
        let mentioned: Vec<_> = mentions(code, &["std::fs", "std::env"]).into_iter().collect();
        assert_eq!(mentioned, [(4, "std::fs")]);
    }
}
