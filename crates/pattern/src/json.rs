//! A small JSON reader (RFC 8259) that keeps what the usual ones drop: where each value stands,
//! and every member of an object in document order, repeated names included.
//!
//! Promises to stop at a given nesting depth. Refuses lone surrogates: a string is UTF-8 here.

/// A member of an object: its name and its value.
pub(crate) type Member = (String, Value);

/// A JSON value with its place in the text, as byte offsets.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    /// What it is.
    pub(crate) node: Node,
    /// Just behind the first character of a string, an array or an object; else the same as `end`.
    /// This is the place where Jackson, and so AWS, reports a value of the wrong type.
    pub(crate) opened: usize,
    /// Just behind the last character.
    pub(crate) end: usize,
}

/// A JSON value without its place.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number as IEEE double; infinite if it is beyond the range of one.
    Number(f64),
    /// A string, unescaped.
    Text(String),
    /// The elements in order.
    Array(Vec<Value>),
    /// The members in order.
    Object(Vec<Member>),
}

/// Why a text could not be read, and the byte offset where.
#[derive(Debug)]
pub(crate) struct Fault {
    /// What is wrong.
    pub(crate) kind: FaultKind,
    /// Where.
    pub(crate) at: usize,
}

/// What can be wrong with a text.
#[derive(Debug)]
pub(crate) enum FaultKind {
    /// It is not JSON, for this reason.
    Syntax(String),
    /// It nests arrays and objects deeper than allowed.
    TooDeep,
}

/// Reads one JSON value that is the whole of `text`, with at most `depth_max` arrays and objects
/// inside each other.
pub(crate) fn read(text: &str, depth_max: usize) -> Result<Value, Fault> {
    let mut reader = Reader { text, at: 0, depth_left: depth_max };
    let value = reader.value()?;
    reader.skip_space();
    if reader.at < text.len() {
        return Err(reader.unexpected("the end of the text"));
    }
    Ok(value)
}

/// Line and column of a byte offset, both counted from 1, the column in characters.
pub(crate) fn position(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// The reader's state; `at` always lies between two characters.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth_left: usize,
}

impl Reader<'_> {
    fn value(&mut self) -> Result<Value, Fault> {
        self.skip_space();
        let behind_first = self.at + 1;
        let (node, opened) = match self.peek() {
            Some(b'{') => (self.object()?, Some(behind_first)),
            Some(b'[') => (self.array()?, Some(behind_first)),
            Some(b'"') => (Node::Text(self.string()?), Some(behind_first)),
            Some(b'-' | b'0'..=b'9') => (self.number()?, None),
            Some(b't') => (self.word("true", Node::Bool(true))?, None),
            Some(b'f') => (self.word("false", Node::Bool(false))?, None),
            Some(b'n') => (self.word("null", Node::Null)?, None),
            _ => return Err(self.unexpected("a JSON value")),
        };
        Ok(Value { node, opened: opened.unwrap_or(self.at), end: self.at })
    }

    fn object(&mut self) -> Result<Node, Fault> {
        self.enter()?;
        let mut members = Vec::new();
        self.skip_space();
        if !self.take(b'}') {
            loop {
                self.skip_space();
                if self.peek() != Some(b'"') {
                    return Err(self.unexpected("a field name in double quotes"));
                }
                let name = self.string()?;
                self.skip_space();
                if !self.take(b':') {
                    return Err(self.unexpected("a colon"));
                }
                members.push((name, self.value()?));
                if self.last(b'}', "a comma or a closing brace")? {
                    break;
                }
            }
        }
        self.depth_left += 1;
        Ok(Node::Object(members))
    }

    fn array(&mut self) -> Result<Node, Fault> {
        self.enter()?;
        let mut elements = Vec::new();
        self.skip_space();
        if !self.take(b']') {
            loop {
                elements.push(self.value()?);
                if self.last(b']', "a comma or a closing bracket")? {
                    break;
                }
            }
        }
        self.depth_left += 1;
        Ok(Node::Array(elements))
    }

    /// Steps over the opening bracket or brace that stands here.
    fn enter(&mut self) -> Result<(), Fault> {
        self.at += 1;
        match self.depth_left.checked_sub(1) {
            Some(left) => {
                self.depth_left = left;
                Ok(())
            }
            None => Err(Fault { kind: FaultKind::TooDeep, at: self.at }),
        }
    }

    /// Steps over what follows an element: `true` for the closing character, `false` for a comma.
    fn last(&mut self, closing: u8, wanted: &str) -> Result<bool, Fault> {
        self.skip_space();
        if self.take(closing) {
            Ok(true)
        } else if self.take(b',') {
            Ok(false)
        } else {
            Err(self.unexpected(wanted))
        }
    }

    /// Reads the string whose opening quote stands here.
    fn string(&mut self) -> Result<String, Fault> {
        self.at += 1;
        let mut string = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest
                .find(|character| character == '"' || character == '\\' || character < ' ')
                .unwrap_or(rest.len());
            string.push_str(&rest[..plain]);
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(string);
                }
                Some(b'\\') => string.push(self.escape()?),
                _ => return Err(self.unexpected("the rest of a string")),
            }
        }
    }

    /// Reads the escape whose backslash stands here.
    fn escape(&mut self) -> Result<char, Fault> {
        self.at += 1;
        let character = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.code_point();
            }
            _ => return Err(self.unexpected("a JSON escape")),
        };
        self.at += 1;
        Ok(character)
    }

    /// Reads the digits behind `\u`, and the second half of a surrogate pair (RFC 8259 §7).
    fn code_point(&mut self) -> Result<char, Fault> {
        let first = self.four_hex_digits()?;
        let mut code = first;
        if (0xD800..0xDC00).contains(&first) && self.text[self.at..].starts_with("\\u") {
            self.at += 2;
            let second = self.four_hex_digits()?;
            if (0xDC00..0xE000).contains(&second) {
                code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
            }
        }
        char::from_u32(code).ok_or_else(|| self.syntax("A surrogate stands alone in a string"))
    }

    fn four_hex_digits(&mut self) -> Result<u32, Fault> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else {
                return Err(self.unexpected("a hexadecimal digit"));
            };
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }

    fn number(&mut self) -> Result<Node, Fault> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            if !self.take(b'+') {
                self.take(b'-');
            }
            self.digits()?;
        }
        match self.text[start..self.at].parse() {
            Ok(number) => Ok(Node::Number(number)),
            Err(_) => Err(self.syntax("Not a number")),
        }
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.unexpected("a digit")) } else { Ok(()) }
    }

    fn word(&mut self, word: &str, node: Node) -> Result<Node, Fault> {
        if self.text[self.at..].starts_with(word) {
            self.at += word.len();
            Ok(node)
        } else {
            Err(self.unexpected("a JSON value"))
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Steps over `byte` if it stands here, and says whether it did.
    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.at += 1;
        }
        found
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn unexpected(&self, wanted: &str) -> Fault {
        match self.text[self.at..].chars().next() {
            Some(found) => {
                let code = u32::from(found);
                self.syntax(&format!(
                    "Unexpected character ({found:?} (code {code})): was expecting {wanted}"
                ))
            }
            None => self.syntax(&format!("Unexpected end-of-input: was expecting {wanted}")),
        }
    }

    fn syntax(&self, message: &str) -> Fault {
        Fault { kind: FaultKind::Syntax(message.to_owned()), at: self.at }
    }
}
