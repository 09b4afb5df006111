//! Method and path → route.

use std::collections::HashMap;
use std::sync::Arc;

use http::{Method, Request};
use model::{Function, PathTemplate, Route, Segment};

use crate::Refusal;
use crate::denial::Denial;
use crate::path;
use crate::service::ServiceState;
use crate::snapshot::{ApiEntry, Snapshot};

/// A route that a request asked for.
pub(crate) struct Found {
    pub(crate) api: Arc<ApiEntry>,
    route: usize,
    /// Where the path below the API's base path begins.
    below: usize,
}

impl Found {
    pub(crate) fn route(&self) -> &Route {
        &self.api.api.routes[self.route]
    }

    /// The route's place among those of its API.
    pub(crate) fn index(&self) -> usize {
        self.route
    }

    /// The route as the file has it.
    pub(crate) fn key(&self) -> &str {
        self.api.route_keys.get(self.route).map_or("", String::as_str)
    }

    /// The path below the base path, `/` at least.
    pub(crate) fn path<'a>(&self, path: &'a str) -> &'a str {
        match &path[self.below..] {
            "" => "/",
            below => below,
        }
    }

    /// The function that answers in the service's place, and the endpoint it is invoked at.
    pub(crate) fn function(&self) -> Option<(&Function, &Arc<ServiceState>)> {
        let function = self.route().function.as_ref()?;
        let state = self.api.functions.get(self.route)?.as_ref()?;
        Some((function, state))
    }

    /// The largest body of a request, in bytes; no larger than an event where a function answers.
    pub(crate) fn body_bytes_max(&self) -> u64 {
        let route = self.route();
        let bytes_max = route.body_bytes_max.unwrap_or(self.api.api.body_bytes_max);
        match route.function {
            Some(_) => bytes_max.min(lambda::PAYLOAD_BYTES_MAX as u64),
            None => bytes_max,
        }
    }

    /// How long whoever answers may take, in milliseconds.
    pub(crate) fn timeout_ms(&self) -> u64 {
        self.route().timeout_ms.unwrap_or(self.api.api.timeout_ms)
    }

    pub(crate) fn refusal(&self, denial: Denial) -> Refusal {
        Refusal { denial, api: Some(Arc::clone(&self.api)), limits: None }
    }
}

/// Finds the route: the API with the longest base path, then the path, then the method.
pub(crate) fn find<B>(snapshot: &Snapshot, request: &Request<B>) -> Result<Found, Refusal> {
    let whole = request.uri().path();
    let Some((api, below)) = snapshot.apis().iter().find_map(|api| {
        let rest = whole.strip_prefix(api.api.base_path.as_str())?;
        let ends_there = rest.is_empty() || rest.starts_with('/');
        ends_there.then(|| (api, whole.len() - rest.len()))
    }) else {
        return Err(Refusal::bare(Denial::NoRoute));
    };
    let refuse = |denial| Refusal { denial, api: Some(Arc::clone(api)), limits: None };
    path::check(whole).map_err(|bad| refuse(Denial::BadPath(bad)))?;
    let found = api.tree.find(&whole[below..], request.method());
    let plain = path::plain(&whole[below..]);
    if found.is_ok() && plain != whole[below..] {
        // Another route, or one that demands another method, would answer for the plain reading.
        match api.tree.find(&plain, request.method()) {
            Err(Missed::Path) => {}
            other if other == found => {}
            _ => return Err(refuse(Denial::BadPath(path::BadPath::OtherRoute))),
        }
    }
    match found {
        Ok(route) => Ok(Found { api: Arc::clone(api), route, below }),
        Err(Missed::Path) => Err(refuse(Denial::NoRoute)),
        Err(Missed::Method(allow)) => Err(refuse(Denial::MethodNotAllowed { allow })),
    }
}

/// Why no route was found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Missed {
    Path,
    /// The path has other methods; these, as `Allow` lists them.
    Method(String),
}

/// The routes of one API as a tree of path segments: finding one costs the length of the path.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    literals: HashMap<String, Self, foldhash::fast::RandomState>,
    parameter: Option<Box<Self>>,
    /// Routes that end here, and those that end here with everything below.
    here: Vec<(Option<model::Method>, usize)>,
    rest: Vec<(Option<model::Method>, usize)>,
}

impl Tree {
    pub(crate) fn new(routes: &[Route]) -> Self {
        let mut tree = Self::default();
        for (number, route) in routes.iter().enumerate() {
            tree.add(&route.path, (route.method, number));
        }
        tree
    }

    fn add(&mut self, template: &PathTemplate, route: (Option<model::Method>, usize)) {
        let mut node = self;
        for segment in template.segments() {
            node = match segment {
                Segment::Literal(text) => node.literals.entry(text.clone()).or_default(),
                Segment::Parameter(_) => node.parameter.get_or_insert_default(),
                Segment::Rest(_) => return node.rest.push(route),
            };
        }
        node.here.push(route);
    }

    /// The route of a path and method. A literal wins over a parameter, a parameter over a rest;
    /// a path that has the method anywhere wins over one that has not.
    pub(crate) fn find(&self, path: &str, method: &Method) -> Result<usize, Missed> {
        let mut other = Vec::new();
        let segments = path.strip_prefix('/').unwrap_or(path);
        let segments = (!segments.is_empty()).then_some(segments);
        if let Some(route) = self.search(segments, method, &mut other) {
            return Ok(route);
        }
        if other.is_empty() {
            return Err(Missed::Path);
        }
        other.sort_unstable();
        other.dedup();
        let names: Vec<_> = other.iter().map(|method| method.as_str()).collect();
        Err(Missed::Method(names.join(", ")))
    }

    fn search(
        &self,
        segments: Option<&str>,
        method: &Method,
        other: &mut Vec<model::Method>,
    ) -> Option<usize> {
        let Some(segments) = segments else { return choose(&self.here, method, other) };
        let (first, after) = match segments.split_once('/') {
            Some((first, after)) => (first, Some(after)),
            None => (segments, None),
        };
        if let Some(route) = self.literals.get(first).and_then(|t| t.search(after, method, other)) {
            return Some(route);
        }
        let parameter = self.parameter.as_ref().filter(|_| !first.is_empty());
        if let Some(route) = parameter.and_then(|t| t.search(after, method, other)) {
            return Some(route);
        }
        choose(&self.rest, method, other)
    }
}

fn choose(
    routes: &[(Option<model::Method>, usize)],
    method: &Method,
    other: &mut Vec<model::Method>,
) -> Option<usize> {
    let exact = routes.iter().find(|(m, _)| m.is_some_and(|m| m.as_str() == method.as_str()));
    // Any method of those a route could name: not CONNECT, and none that somebody made up.
    let known = model::Method::parse(method.as_str()).is_some();
    let any = || routes.iter().find(|(m, _)| m.is_none() && known);
    let found = exact.or_else(any).map(|(_, route)| *route);
    if found.is_none() {
        for (method, _) in routes {
            match method {
                Some(method) => other.push(*method),
                None => other.extend(model::Method::ALL),
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(routes: &[&str]) -> Tree {
        let routes: Vec<_> = routes
            .iter()
            .map(|text| {
                let (method, path) = text.split_once(' ').unwrap();
                Route::open(model::Method::parse(method), PathTemplate::parse(path).unwrap())
            })
            .collect();
        Tree::new(&routes)
    }

    #[test]
    fn the_most_literal_route_wins() {
        let tree = tree(&[
            "GET /orders",
            "GET /orders/{id}",
            "GET /orders/new",
            "ANY /files/{rest+}",
            "GET /files/{a}/meta",
            "GET /",
        ]);
        for (path, route) in [
            ("/orders", Ok(0)),
            ("/orders/7", Ok(1)),
            ("/orders/new", Ok(2)),
            ("/files/a/b/c", Ok(3)),
            ("/files/a/meta", Ok(4)),
            ("/", Ok(5)),
            ("/orders/", Err(Missed::Path)),
            ("/orders/7/items", Err(Missed::Path)),
            ("/files", Err(Missed::Path)),
            ("/Orders", Err(Missed::Path)),
            ("//orders", Err(Missed::Path)),
        ] {
            assert_eq!(tree.find(path, &Method::GET), route, "{path}");
        }
    }

    #[test]
    fn a_path_with_other_methods_names_them() {
        let tree = tree(&["POST /orders", "DELETE /orders/{id}", "GET /orders/{id}"]);
        assert_eq!(tree.find("/orders", &Method::GET), Err(Missed::Method("POST".into())));
        let both = Err(Missed::Method("GET, DELETE".into()));
        assert_eq!(tree.find("/orders/7", &Method::POST), both);
        assert_eq!(tree.find("/orders", &Method::POST), Ok(0));
    }
}
