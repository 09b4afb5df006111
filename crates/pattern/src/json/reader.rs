//! The structure of a JSON text: what opens, what closes, what stands between.

use super::fault::{Fault, FaultKind, Named};
use super::place::Place;

/// What Jackson takes for a value.
pub(super) const VALUES: &str =
    "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

/// A piece of a JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// `{`
    ObjectStart,
    /// `}`
    ObjectEnd,
    /// `[`
    ArrayStart,
    /// `]`
    ArrayEnd,
    /// The name of a member, and the colon behind it.
    Name,
    /// The quote that begins a string; the rest is read by [`Reader::text`] or stepped over.
    Text,
    /// A number.
    Number,
    /// `true`
    True,
    /// `false`
    False,
    /// `null`
    Null,
    /// The end of the text, outside of arrays and objects.
    End,
}

/// The reader's state.
pub(crate) struct Reader<'a> {
    pub(super) text: &'a str,
    /// Just behind what was read; always between two characters.
    pub(super) at: usize,
    scopes: Vec<Scope>,
    depth_max: usize,
    /// What was read together with a name: like Jackson, a name is given out when it is known how
    /// its value begins.
    behind_name: Option<Token>,
    /// Where the last value begins.
    pub(super) start: usize,
    /// Whether the last value is a string of which only the quote was read.
    is_unfinished: bool,
    name: String,
}

/// An array or object that was opened.
#[derive(Clone, Copy)]
struct Scope {
    kind: Kind,
    opened: usize,
    /// Whether an element was read, so that a comma comes before the next.
    has_elements: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Array,
    Object,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Array => "Array",
            Self::Object => "Object",
        }
    }

    fn closing(self) -> char {
        match self {
            Self::Array => ']',
            Self::Object => '}',
        }
    }
}

impl<'a> Reader<'a> {
    /// A reader at the start of `text`.
    pub(crate) fn new(text: &'a str, depth_max: usize) -> Self {
        Self {
            text,
            at: 0,
            scopes: Vec::new(),
            depth_max,
            behind_name: None,
            start: 0,
            is_unfinished: false,
            name: String::new(),
        }
    }

    /// Reads the next token.
    pub(crate) fn next(&mut self) -> Result<Token, Fault> {
        if let Some(token) = self.behind_name.take() {
            return self.entered(token);
        }
        if std::mem::take(&mut self.is_unfinished) {
            self.skip_string()?;
        }
        let Some(mut first) = self.visible()? else {
            return self.end();
        };
        if matches!(first, ']' | '}') {
            return self.close(first);
        }
        let scope = self.scopes.last_mut().map(|scope| {
            let before = *scope;
            scope.has_elements = true;
            before
        });
        if let Some(Scope { kind, has_elements: true, .. }) = scope {
            first = self.behind_comma(first, kind)?;
        }
        if scope.is_some_and(|scope| scope.kind == Kind::Object) {
            self.read_name(first)?;
            let first = self.behind_colon()?;
            self.behind_name = Some(self.value(first)?);
            return Ok(Token::Name);
        }
        let token = self.value(first)?;
        self.entered(token)
    }

    /// The name that was read last.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The number, `true`, `false` or `null` that was read last, as it is spelled.
    pub(crate) fn spelling(&self) -> &'a str {
        &self.text[self.start..self.at]
    }

    /// Reads the rest of the string that was begun last, and gives it without its escapes.
    pub(crate) fn text(&mut self) -> Result<String, Fault> {
        self.is_unfinished = false;
        self.string()
    }

    /// Just behind what was read, in bytes: where Jackson says it is.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Whether the last value is an array or an object that is not closed yet.
    pub(super) fn is_inside(&self) -> bool {
        !self.scopes.is_empty()
    }

    /// The fault of a text without any value.
    pub(super) fn nothing(&self) -> Fault {
        Fault::syntax("Unexpected end-of-input: there is no value", self.at)
    }

    /// The fault of a text that goes on behind its value.
    pub(super) fn trailing(&self) -> Fault {
        Fault::syntax("Unexpected value behind the end of the text", self.at)
    }

    /// The fault of an unexpected character, which was read last.
    pub(super) fn unexpected(&self, character: char, why: &str) -> Fault {
        let message = format!("Unexpected character ({}): {why}", Named(character));
        Fault::syntax(message, self.at - character.len_utf8())
    }

    /// The fault of a text that ends too soon; `what` continues the sentence.
    pub(super) fn too_short(&self, what: &str) -> Fault {
        Fault::syntax(format!("Unexpected end-of-input{what}"), self.text.len())
    }

    /// The next character, without stepping over it.
    pub(super) fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    /// Steps over the next character.
    pub(super) fn take(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at += character.len_utf8();
        Some(character)
    }

    /// Steps over white space and the character behind it.
    fn visible(&mut self) -> Result<Option<char>, Fault> {
        while let Some(character) = self.take() {
            match character {
                ' ' | '\t' | '\n' | '\r' => {}
                '/' => {
                    let why = "maybe a (non-standard) comment? (not recognized as one since \
                               Feature 'ALLOW_COMMENTS' not enabled for parser)";
                    return Err(self.unexpected('/', why));
                }
                '\0'..' ' => {
                    let message = format!(
                        "Illegal character ({}): only regular white space (\\r, \\n, \\t) is \
                         allowed between tokens",
                        Named(character)
                    );
                    return Err(Fault::syntax(message, self.at));
                }
                _ => return Ok(Some(character)),
            }
        }
        Ok(None)
    }

    fn end(&self) -> Result<Token, Fault> {
        let Some(scope) = self.scopes.last() else {
            return Ok(Token::End);
        };
        let (kind, opened) = (scope.kind.name(), Place::new(self.text, scope.opened));
        Err(self
            .too_short(&format!(": expected close marker for {kind} (start marker at {opened})")))
    }

    fn close(&mut self, bracket: char) -> Result<Token, Fault> {
        let (kind, token) = match bracket {
            ']' => (Kind::Array, Token::ArrayEnd),
            _ => (Kind::Object, Token::ObjectEnd),
        };
        let message = match self.scopes.last() {
            Some(scope) if scope.kind == kind => {
                self.scopes.pop();
                return Ok(token);
            }
            Some(scope) => format!(
                "Unexpected close marker '{bracket}': expected '{}' (for {} starting at {})",
                scope.kind.closing(),
                scope.kind.name(),
                Place::new(self.text, scope.opened)
            ),
            None => {
                format!("Unexpected close marker '{bracket}': no open {} to close", kind.name())
            }
        };
        Err(Fault::syntax(message, self.at - 1))
    }

    /// Steps over what separates two elements and over the first character behind it; `first` was
    /// read where the comma belongs.
    fn behind_comma(&mut self, first: char, kind: Kind) -> Result<char, Fault> {
        if first != ',' {
            let why = format!("was expecting comma to separate {} entries", kind.name());
            return Err(self.unexpected(first, &why));
        }
        match self.visible()? {
            Some(character) => Ok(character),
            None => Err(self.too_short(&format!(" within/between {} entries", kind.name()))),
        }
    }

    /// Reads the name that begins with `first`.
    fn read_name(&mut self, first: char) -> Result<(), Fault> {
        if first != '"' {
            let why = "was expecting double-quote to start field name";
            return Err(self.unexpected(first, why));
        }
        let mut name = std::mem::take(&mut self.name);
        name.clear();
        self.member_name(&mut name)?;
        self.name = name;
        Ok(())
    }

    /// Steps over a colon and the first character of the value behind it.
    fn behind_colon(&mut self) -> Result<char, Fault> {
        let too_short = " within/between Object entries";
        match self.visible()? {
            Some(':') => {}
            Some(other) => {
                let why = "was expecting a colon to separate field name and value";
                return Err(self.unexpected(other, why));
            }
            None => return Err(self.too_short(too_short)),
        }
        self.visible()?.ok_or_else(|| self.too_short(too_short))
    }

    /// Reads the value that begins with `first`, which was read, or how it begins.
    fn value(&mut self, first: char) -> Result<Token, Fault> {
        self.start = self.at - first.len_utf8();
        match first {
            '"' => {
                self.is_unfinished = true;
                Ok(Token::Text)
            }
            '{' => Ok(Token::ObjectStart),
            '[' => Ok(Token::ArrayStart),
            '}' => Err(self.unexpected(first, "expected a value")),
            't' => self.word("true", 1).map(|()| Token::True),
            'f' => self.word("false", 1).map(|()| Token::False),
            'n' => self.word("null", 1).map(|()| Token::Null),
            '-' | '0'..='9' => self.number(first),
            _ => Err(self.odd_value(first)),
        }
    }

    /// Goes into the array or object that `token` opens, if it does.
    fn entered(&mut self, token: Token) -> Result<Token, Fault> {
        let kind = match token {
            Token::ObjectStart => Kind::Object,
            Token::ArrayStart => Kind::Array,
            _ => return Ok(token),
        };
        if self.scopes.len() == self.depth_max {
            return Err(Fault { kind: FaultKind::TooDeep, at: self.at });
        }
        self.scopes.push(Scope { kind, opened: self.start, has_elements: false });
        Ok(token)
    }
}
