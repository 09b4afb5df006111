//! The operand of `anything-but` → what it excludes.

use crate::condition::Excluded;
use crate::fold::Folded;
use crate::json::Token;
use crate::number::Ordered;
use crate::wildcard::Wildcard;

use super::tokens::Tokens;
use super::{Refusal, numeric};

/// What may stand inside.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    Prefix,
    Suffix,
    EqualsIgnoreCase,
    Wildcard,
}

impl Operator {
    fn named(name: &str) -> Option<Self> {
        match name {
            "prefix" => Some(Self::Prefix),
            "suffix" => Some(Self::Suffix),
            "equals-ignore-case" => Some(Self::EqualsIgnoreCase),
            "wildcard" => Some(Self::Wildcard),
            _ => None,
        }
    }

    /// What is said of an operand that is no string.
    fn wrong_type(self) -> &'static str {
        match self {
            Self::Prefix | Self::Suffix => "prefix/suffix match pattern must be a string",
            Self::EqualsIgnoreCase => {
                "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not \
                 supported."
            }
            Self::Wildcard => "wildcard match pattern must be a string",
        }
    }
}

/// Reads the operand: a string, a number, a list of either, or one of four operators with a string
/// or a list of strings.
pub(super) fn excluded(tokens: &mut Tokens<'_>) -> Result<Excluded, Refusal> {
    let mut first = tokens.next()?;
    let mut operator = None;
    if first == Token::ObjectStart {
        if tokens.next()? != Token::Name {
            return Err(tokens.refusal("Anything-But expression name not found"));
        }
        operator = Operator::named(tokens.name());
        if operator.is_none() {
            let message = format!("Unsupported anything-but pattern: {}", tokens.name());
            return Err(tokens.refusal(message));
        }
        first = tokens.next()?;
    }
    if !matches!(first, Token::ArrayStart | Token::Text | Token::Number) {
        let message = "Value of anything-but must be an array or single string/number value.";
        return Err(tokens.refusal(message));
    }
    let Some(operator) = operator else {
        let mut plain = Plain::default();
        if first == Token::ArrayStart {
            plain.add_list(tokens).map_err(|refusal| tokens.refusal_of(refusal))?;
        } else {
            plain.add(tokens, first)?;
        }
        return plain.excluded(tokens);
    };
    let mut texts = Vec::new();
    if first == Token::ArrayStart {
        add_texts(tokens, operator, &mut texts).map_err(|refusal| tokens.refusal_of(refusal))?;
    } else {
        texts.push(text(tokens, operator, first)?);
    }
    let excluded = by_operator(tokens, operator, texts)?;
    tokens.object_end(numeric::TOO_MANY)?;
    Ok(excluded)
}

/// The strings and numbers without an operator.
#[derive(Default)]
struct Plain {
    texts: Vec<Box<str>>,
    numbers: Vec<Ordered>,
}

impl Plain {
    /// Takes the elements of the list that was opened last.
    fn add_list(&mut self, tokens: &mut Tokens<'_>) -> Result<(), Refusal> {
        loop {
            match tokens.next()? {
                Token::ArrayEnd => return Ok(()),
                first => self.add(tokens, first)?,
            }
        }
    }

    /// Takes the value of which `first` was read.
    fn add(&mut self, tokens: &mut Tokens<'_>, first: Token) -> Result<(), Refusal> {
        match first {
            Token::Text => self.texts.push(tokens.text()?.into()),
            Token::Number => {
                let number = numeric::comparable(tokens.number());
                self.numbers.push(number.map_err(|why| tokens.refusal_without_place(why))?);
            }
            _ => {
                let message = "Inside anything but list, start|null|boolean is not supported.";
                return Err(tokens.refusal(message));
            }
        }
        Ok(())
    }

    fn excluded(mut self, tokens: &Tokens<'_>) -> Result<Excluded, Refusal> {
        match (self.texts.is_empty(), self.numbers.is_empty()) {
            (false, true) => {
                self.texts.sort_unstable();
                self.texts.dedup();
                Ok(Excluded::Texts(self.texts.into()))
            }
            (true, false) => {
                self.numbers.sort_unstable();
                self.numbers.dedup();
                Ok(Excluded::Numbers(self.numbers.into()))
            }
            _ => {
                let message = "Inside anything but list, either all values are number or string, \
                               mixed type is not supported";
                Err(tokens.refusal(message))
            }
        }
    }
}

/// Takes the strings of the list that was opened last.
fn add_texts(
    tokens: &mut Tokens<'_>,
    operator: Operator,
    texts: &mut Vec<String>,
) -> Result<(), Refusal> {
    loop {
        match tokens.next()? {
            Token::ArrayEnd => return Ok(()),
            first => texts.push(text(tokens, operator, first)?),
        }
    }
}

/// The string of which `first` was read.
fn text(tokens: &mut Tokens<'_>, operator: Operator, first: Token) -> Result<String, Refusal> {
    if first != Token::Text {
        return Err(tokens.refusal(operator.wrong_type()));
    }
    let text = tokens.text()?;
    if text.is_empty() && matches!(operator, Operator::Prefix | Operator::Suffix) {
        return Err(tokens.refusal("Null prefix/suffix not allowed"));
    }
    Ok(text)
}

fn by_operator(
    tokens: &Tokens<'_>,
    operator: Operator,
    texts: Vec<String>,
) -> Result<Excluded, Refusal> {
    // Ours: event-ruler takes an empty list and then cannot use the rule.
    if texts.is_empty() {
        return Err(tokens.refusal("Empty arrays are not allowed"));
    }
    Ok(match operator {
        Operator::Prefix => Excluded::Prefixes(boxed(texts)),
        Operator::Suffix => Excluded::Suffixes(boxed(texts)),
        Operator::EqualsIgnoreCase => {
            Excluded::EqualIgnoringCase(texts.iter().map(|text| Folded::new(text)).collect())
        }
        Operator::Wildcard => Excluded::Wildcards(wildcards(tokens, &texts)?.into()),
    })
}

fn boxed(texts: Vec<String>) -> Box<[Box<str>]> {
    texts.into_iter().map(String::into_boxed_str).collect()
}

/// The wildcards, each once, since each adds to the complexity.
fn wildcards(tokens: &Tokens<'_>, texts: &[String]) -> Result<Vec<Wildcard>, Refusal> {
    let mut wildcards = Vec::with_capacity(texts.len());
    for text in texts {
        let wildcard = Wildcard::parse(text).map_err(|why| tokens.refusal(why))?;
        if !wildcards.contains(&wildcard) {
            wildcards.push(wildcard);
        }
    }
    Ok(wildcards)
}
