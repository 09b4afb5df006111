//! One entry of a field's list → the condition it asks for.

use crate::cidr::{self, Network};
use crate::condition::Condition;
use crate::fold::Folded;
use crate::json::Token;
use crate::number::Number;
use crate::wildcard::Wildcard;

use super::tokens::Tokens;
use super::{Refusal, anything_but, extended, numeric};

/// What is said of an operator's object with a second member.
const ONE_KEY: &str = "Only one key allowed in match expression";

/// Reads one entry, of which `first` was read.
pub(super) fn condition(tokens: &mut Tokens<'_>, first: Token) -> Result<Condition, Refusal> {
    match first {
        Token::ObjectStart => operator(tokens),
        Token::Text => {
            let text = tokens.text()?;
            Ok(match cidr::address(&text) {
                Some(address) => Condition::Address(address),
                None => Condition::Text(text.into()),
            })
        }
        Token::Number => Ok(number(tokens.number())),
        Token::True => Ok(Condition::Bool(true)),
        Token::False => Ok(Condition::Bool(false)),
        Token::Null => Ok(Condition::Null),
        _ => Err(tokens.refusal("Match value must be String, number, true, false, or null")),
    }
}

/// A number that is compared as a double if it can be, and by its spelling if not.
fn number(spelling: &str) -> Condition {
    let number = Number::new(spelling).expect("the grammar of JSON is part of Rust's");
    if number.is_exact() {
        Condition::Number(number.double())
    } else {
        Condition::Spelling(spelling.into(), number.double())
    }
}

/// Reads the object of an operator, which was opened.
fn operator(tokens: &mut Tokens<'_>) -> Result<Condition, Refusal> {
    if tokens.next()? != Token::Name {
        return Err(tokens.refusal("Match expression name not found"));
    }
    let name = tokens.name().to_owned();
    let condition = match name.as_str() {
        "exactly" => Condition::Text(operand(tokens, "exact")?.into()),
        "prefix" => match affix(tokens, "prefix")? {
            Affix::Exact(prefix) => Condition::Prefix(prefix.into()),
            Affix::IgnoringCase(prefix) => Condition::PrefixIgnoringCase(prefix),
        },
        "suffix" => match affix(tokens, "suffix")? {
            Affix::Exact(suffix) => Condition::Suffix(suffix.into()),
            Affix::IgnoringCase(suffix) => Condition::SuffixIgnoringCase(suffix),
        },
        "equals-ignore-case" => {
            Condition::EqualsIgnoringCase(Folded::new(&operand(tokens, "equals-ignore-case")?))
        }
        "wildcard" => {
            let text = operand(tokens, "wildcard")?;
            Condition::Wildcard(Wildcard::parse(&text).map_err(|why| tokens.refusal(why))?)
        }
        "numeric" => Condition::Numeric(numeric::range(tokens)?.into()),
        "anything-but" => Condition::AnythingBut(anything_but::excluded(tokens)?.into()),
        "exists" => match tokens.next()? {
            Token::True => Condition::Present,
            Token::False => Condition::Absent,
            _ => return Err(tokens.refusal("exists match pattern must be either true or false.")),
        },
        "cidr" => {
            // The words are event-ruler's.
            let text = operand(tokens, "prefix")?;
            let network = Network::parse(&text);
            Condition::Cidr(network.map_err(|why| tokens.refusal_without_place(why))?.into())
        }
        "contains-all" if tokens.extensions().contains_all => {
            Condition::ContainsAll(extended::contains_all(tokens)?.into())
        }
        "compare" if tokens.extensions().compare => {
            Condition::Compare(extended::comparison(tokens)?.into())
        }
        "date" if tokens.extensions().date => Condition::Date(extended::period(tokens)?.into()),
        _ => return Err(tokens.refusal(format!("Unrecognized match type {name}"))),
    };
    tokens.object_end(match name.as_str() {
        "numeric" | "anything-but" => numeric::TOO_MANY,
        _ => ONE_KEY,
    })?;
    Ok(condition)
}

/// Reads the string that an operator takes.
fn operand(tokens: &mut Tokens<'_>, operator: &str) -> Result<String, Refusal> {
    match tokens.next()? {
        Token::Text => tokens.text(),
        _ => Err(tokens.refusal(format!("{operator} match pattern must be a string"))),
    }
}

/// What `prefix` and `suffix` take.
enum Affix {
    Exact(String),
    IgnoringCase(Folded),
}

/// Reads a string, or `{"equals-ignore-case": …}`.
fn affix(tokens: &mut Tokens<'_>, operator: &str) -> Result<Affix, Refusal> {
    match tokens.next()? {
        Token::Text => Ok(Affix::Exact(tokens.text()?)),
        Token::ObjectStart => {
            let mut capital = operator.to_owned();
            capital[..1].make_ascii_uppercase();
            if tokens.next()? != Token::Name {
                return Err(tokens.refusal(format!("{capital} expression name not found")));
            }
            if tokens.name() != "equals-ignore-case" {
                let message = format!("Unsupported {operator} pattern: {}", tokens.name());
                return Err(tokens.refusal(message));
            }
            let folded = Folded::new(&operand(tokens, "equals-ignore-case")?);
            tokens.object_end(ONE_KEY)?;
            Ok(Affix::IgnoringCase(folded))
        }
        _ => Err(tokens.refusal(format!("{operator} match pattern must be a string"))),
    }
}
