//! The texts of a parameter in a request.
//!
//! A value is taken apart at its separators first and decoded then, so that an encoded separator is
//! a part of the text (RFC 6570 §3.2.1). Where two values could be read for one, neither is: the
//! service might take the other.

use super::shape::{Shape, Texts};
use super::{Form, Parameter, Received, Style, Styled};
use crate::encoding::{decode, decode_query};
use crate::fault::Location;

/// What is said of a parameter that has one value and is there more than once.
const TWICE: &str = "is there more than once";

/// What is said of an object whose names and values do not make pairs.
const NO_PAIRS: &str = "must have a value for each name";

type Found = Result<Option<Texts>, &'static str>;
type Decode = fn(&str) -> Result<String, &'static str>;

impl Parameter {
    /// What the request has of it; an error is what is wrong, as the rest of a sentence.
    pub(super) fn texts(&self, received: &Received<'_, '_>) -> Found {
        match self.location {
            Location::Path => self.path(received),
            Location::Query => self.query(received),
            Location::Header => self.header(received),
            Location::Cookie => self.cookie(received),
            Location::Body => Ok(None),
        }
    }

    fn path(&self, received: &Received<'_, '_>) -> Found {
        let found = received.path.iter().find(|(name, _)| *name == self.name);
        found.map(|(_, text)| self.parted(text, decode)).transpose()
    }

    /// A field's value is not encoded (RFC 9110 §5.5).
    fn header(&self, received: &Received<'_, '_>) -> Found {
        let found = (received.header)(&self.name);
        let decode: Decode = |part| Ok(part.trim().to_owned());
        found.map(|text| self.parted(text.trim(), decode)).transpose()
    }

    fn cookie(&self, received: &Received<'_, '_>) -> Found {
        let Some(cookies) = (received.header)("cookie") else { return Ok(None) };
        // RFC 6265 §4.2.1.
        let pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
        let mut found = pairs.filter(|(name, _)| *name == self.name);
        let Some((_, text)) = found.next() else { return Ok(None) };
        if found.next().is_some() {
            return Err(TWICE);
        }
        let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
        self.parted(text, decode).map(Some)
    }

    fn query(&self, received: &Received<'_, '_>) -> Found {
        let mut found =
            received.query.iter().filter(|(name, _)| *name == self.name).map(|(_, text)| *text);
        if matches!(self.form, Form::Any) {
            // That it is there is all that is asked.
            return Ok(found.next().map(|text| Texts::One(text.to_owned())));
        }
        if let Form::Styled(styled) = &self.form {
            match (styled.style, &styled.shape, styled.explode) {
                (Style::Deep, ..) => return self.deep(received),
                (Style::Comma, Shape::Object(known), true) => {
                    let known: Vec<_> = known.keys().map(String::as_str).collect();
                    return pairs_of(received, |name| known.contains(&name).then_some(name));
                }
                (_, Shape::List(_), true) => {
                    let texts: Vec<_> = found.map(decode_query).collect::<Result<_, _>>()?;
                    return Ok((!texts.is_empty()).then_some(Texts::List(texts)));
                }
                _ => {}
            }
        }
        let Some(text) = found.next() else { return Ok(None) };
        if found.next().is_some() {
            return Err(TWICE);
        }
        self.parted(text, decode_query).map(Some)
    }

    /// `name[part]=value` for each part.
    fn deep(&self, received: &Received<'_, '_>) -> Found {
        pairs_of(received, |name| {
            let part = name.strip_prefix(self.name.as_str())?;
            part.strip_prefix('[')?.strip_suffix(']')
        })
    }

    /// A value taken apart as the shape and style say, each part decoded.
    fn parted(&self, text: &str, decode: Decode) -> Result<Texts, &'static str> {
        let Form::Styled(styled) = &self.form else { return Ok(Texts::One(decode(text)?)) };
        match &styled.shape {
            Shape::Scalar(_) => Ok(Texts::One(decode(text)?)),
            Shape::List(_) => {
                let parts = parts(text, styled.style);
                let texts = parts.iter().map(|part| decode(part)).collect::<Result<_, _>>()?;
                Ok(Texts::List(texts))
            }
            Shape::Object(_) => members(&parts(text, styled.style), styled, decode),
        }
    }
}

/// The parameters of a query that are parts of an object, under the names that `part` gives them.
fn pairs_of<'q>(
    received: &'q Received<'_, '_>,
    part: impl Fn(&'q str) -> Option<&'q str>,
) -> Found {
    let mut members: Vec<(String, String)> = Vec::new();
    for (name, text) in &received.query {
        let Some(part) = part(name.as_str()) else { continue };
        if members.iter().any(|(known, _)| known == part) {
            return Err(TWICE);
        }
        members.push((part.to_owned(), decode_query(text)?));
    }
    Ok((!members.is_empty()).then_some(Texts::Members(members)))
}

/// The parts of a value, still encoded. A space and a pipe may not stand in a URL as they are, so
/// they are separators when they are encoded.
fn parts(text: &str, style: Style) -> Vec<String> {
    let (text, separator) = match style {
        Style::Comma | Style::Deep => (text.to_owned(), ','),
        Style::Space => (text.replace("%20", " ").replace('+', " "), ' '),
        Style::Pipe => (text.replace("%7C", "|").replace("%7c", "|"), '|'),
    };
    text.split(separator).map(str::to_owned).collect()
}

/// An object whose names and values follow one another, or are joined by `=` if it is exploded.
fn members(parts: &[String], styled: &Styled, decode: Decode) -> Result<Texts, &'static str> {
    let mut members: Vec<(String, String)> = Vec::new();
    let width = if styled.explode { 1 } else { 2 };
    for chunk in parts.chunks(width) {
        let (name, text) = match chunk {
            [pair] if styled.explode => pair.split_once('=').ok_or(NO_PAIRS)?,
            [name, text] => (name.as_str(), text.as_str()),
            _ => return Err(NO_PAIRS),
        };
        let name = decode(name)?;
        if members.iter().any(|(known, _)| *known == name) {
            return Err("has a member twice");
        }
        members.push((name, decode(text)?));
    }
    Ok(Texts::Members(members))
}
