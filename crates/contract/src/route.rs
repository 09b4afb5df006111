//! Paths of the document, and the operation that a method and a path belong to.

use std::collections::{BTreeSet, HashMap};

use crate::encoding;

/// The most segments of a path: what a service tells apart has a dozen at most.
const SEGMENTS_MAX: usize = 64;

/// A path of the document, segment by segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    /// A parameter, and what stands around it within the segment.
    Parameter {
        before: String,
        name: String,
        after: String,
    },
}

impl Template {
    /// Reads a path such as `/orders/{id}/items/{item}.json`; an error says what is wrong.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let rest = text.strip_prefix('/').ok_or("the path does not begin with a slash")?;
        let mut segments = Vec::new();
        if !rest.is_empty() {
            for segment in rest.split('/') {
                segments.push(Segment::parse(segment)?);
            }
        }
        if segments.len() > SEGMENTS_MAX {
            return Err("the path has more than 64 segments");
        }
        let template = Self { segments };
        let names: BTreeSet<_> = template.names().collect();
        if names.len() < template.names().count() {
            return Err("the path has the same parameter twice");
        }
        Ok(template)
    }

    /// The names of the parameters, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Literal(_) => None,
            Segment::Parameter { name, .. } => Some(name.as_str()),
        })
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let Some((before, rest)) = text.split_once('{') else {
            if text.contains('}') {
                return Err("a brace is closed that was not opened");
            }
            return Ok(Self::Literal(encoding::segment(text).into_owned()));
        };
        let (name, after) = rest.split_once('}').ok_or("a brace is not closed")?;
        if name.is_empty() {
            return Err("a parameter has no name");
        }
        if before.contains('}') || after.contains(['{', '}']) || name.contains('{') {
            return Err("a segment of the path has more than one parameter");
        }
        Ok(Self::Parameter {
            before: before.to_owned(),
            name: name.to_owned(),
            after: after.to_owned(),
        })
    }
}

/// The operations as a tree of segments: finding one costs the length of the path, and no part of
/// the tree is looked at twice.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    literals: HashMap<String, Self>,
    mixed: Vec<Mixed>,
    parameter: Option<Box<Self>>,
    here: Vec<(&'static str, usize)>,
}

/// A parameter with text around it in its segment.
#[derive(Debug)]
struct Mixed {
    before: String,
    after: String,
    below: Routes,
}

impl Routes {
    /// Adds an operation, unless its method is there with the same path but for names.
    pub(crate) fn add(
        &mut self,
        template: &Template,
        method: &'static str,
        number: usize,
    ) -> Result<(), Taken> {
        let mut node = self;
        for segment in &template.segments {
            node = match segment {
                Segment::Literal(text) => node.literals.entry(text.clone()).or_default(),
                Segment::Parameter { before, after, .. }
                    if before.is_empty() && after.is_empty() =>
                {
                    node.parameter.get_or_insert_default()
                }
                Segment::Parameter { before, after, .. } => node.mixed_below(before, after),
            };
        }
        if node.here.iter().any(|(known, _)| *known == method) {
            return Err(Taken);
        }
        node.here.push((method, number));
        Ok(())
    }

    fn mixed_below(&mut self, before: &str, after: &str) -> &mut Self {
        let same = |mixed: &Mixed| mixed.before == before && mixed.after == after;
        let known = self.mixed.iter().position(same);
        let index = known.unwrap_or(self.mixed.len());
        if known.is_none() {
            self.mixed.push(Mixed {
                before: before.to_owned(),
                after: after.to_owned(),
                below: Self::default(),
            });
        }
        &mut self.mixed[index].below
    }

    /// The number of the operation, and what its parameters are in this path, as it is encoded. A
    /// literal segment wins over one with a parameter, that over a parameter alone; a path that
    /// has the method wins over one that has not.
    pub(crate) fn find<'p>(&self, method: &str, path: &'p str) -> Option<(usize, Vec<&'p str>)> {
        let segments = path.strip_prefix('/').unwrap_or(path);
        let segments = (!segments.is_empty()).then_some(segments);
        let mut captures = Vec::new();
        let number = self.search(segments, method, &mut captures)?;
        Some((number, captures))
    }

    fn search<'p>(
        &self,
        segments: Option<&'p str>,
        method: &str,
        captures: &mut Vec<&'p str>,
    ) -> Option<usize> {
        let Some(segments) = segments else {
            let here = self.here.iter().find(|(known, _)| *known == method);
            return here.map(|(_, number)| *number);
        };
        let (first, after) = match segments.split_once('/') {
            Some((first, after)) => (first, Some(after)),
            None => (segments, None),
        };
        let text = encoding::segment(first);
        if let Some(below) = self.literals.get(&*text)
            && let Some(number) = below.search(after, method, captures)
        {
            return Some(number);
        }
        let mixed =
            self.mixed.iter().filter_map(|mixed| Some((mixed.inside(first)?, &mixed.below)));
        let whole = self.parameter.as_deref().filter(|_| !first.is_empty());
        for (capture, below) in mixed.chain(whole.map(|below| (first, below))) {
            captures.push(capture);
            if let Some(number) = below.search(after, method, captures) {
                return Some(number);
            }
            captures.pop();
        }
        None
    }
}

impl Mixed {
    /// What of a segment is the parameter.
    fn inside<'p>(&self, segment: &'p str) -> Option<&'p str> {
        let inside = segment.strip_prefix(self.before.as_str())?;
        let inside = inside.strip_suffix(self.after.as_str())?;
        (!inside.is_empty()).then_some(inside)
    }
}

/// The method is there already.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Taken;

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(paths: &[&str]) -> Routes {
        let mut routes = Routes::default();
        for (number, path) in paths.iter().enumerate() {
            routes.add(&Template::parse(path).unwrap(), "GET", number).unwrap();
        }
        routes
    }

    #[test]
    fn the_most_literal_path_wins() {
        let routes = routes(&[
            "/",
            "/orders",
            "/orders/{id}",
            "/orders/new",
            "/orders/{id}.json",
            "/orders/{id}/items/{item}",
            "/orders/new/items",
            "/tire sizes/{size}",
        ]);
        for (path, number, captures) in [
            ("/", 0, vec![]),
            ("", 0, vec![]),
            ("/orders", 1, vec![]),
            ("/orders/7", 2, vec!["7"]),
            ("/orders/a%20b", 2, vec!["a%20b"]),
            ("/orders/new", 3, vec![]),
            ("/orders/7.json", 4, vec!["7"]),
            ("/orders/.json", 2, vec![".json"]),
            ("/orders/7/items/3", 5, vec!["7", "3"]),
            ("/orders/new/items/3", 5, vec!["new", "3"]),
            ("/orders/new/items", 6, vec![]),
            ("/tire%20sizes/205", 7, vec!["205"]),
        ] {
            assert_eq!(routes.find("GET", path), Some((number, captures)), "{path}");
        }
        for path in ["/orders/", "/Orders", "/orders/7/items", "//orders", "/orders/7/items/3/"] {
            assert_eq!(routes.find("GET", path), None, "{path}");
        }
        assert_eq!(routes.find("POST", "/orders"), None);
    }

    #[test]
    fn a_path_that_has_the_method_wins() {
        let mut routes = routes(&["/orders/new"]);
        let template = Template::parse("/orders/{id}").unwrap();
        assert_eq!(routes.add(&template, "PUT", 7), Ok(()));
        assert_eq!(routes.find("PUT", "/orders/new"), Some((7, vec!["new"])));
        let same = Template::parse("/orders/{number}").unwrap();
        assert_eq!(routes.add(&same, "PUT", 8), Err(Taken));
        assert_eq!(routes.add(&same, "GET", 8), Ok(()));
    }

    #[test]
    fn a_path_is_well_formed() {
        let long = "/a".repeat(65);
        for text in ["orders", "/{", "/}", "/a}/{b", "/{}", "/{a}{b}", "/{a{b}", "/{a}/{a}", &long]
        {
            assert!(Template::parse(text).is_err(), "{text}");
        }
        let template = Template::parse("/a/{b}/x{c}").unwrap();
        assert_eq!(template.names().collect::<Vec<_>>(), ["b", "c"]);
    }
}
