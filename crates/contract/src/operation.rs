//! An operation of the document that a request belongs to, and what the request is asked by it.

use std::borrow::Cow;

use crate::body::{BodyRule, RequestBody};
use crate::encoding::decode_query;
use crate::fault::{FAULTS_MAX, Fault, Location};
use crate::parameter::{Parameter, Received};
use crate::schema::Schemas;

/// What the document says of an operation.
#[derive(Debug)]
pub(crate) struct Definition {
    /// The names of the path's parameters, in order.
    pub(crate) names: Vec<String>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) body: Option<RequestBody>,
}

/// The operation that a request belongs to, with what the path says.
#[derive(Debug)]
pub struct Operation<'c, 'p> {
    schemas: &'c Schemas,
    definition: &'c Definition,
    captures: Vec<&'p str>,
}

impl<'c, 'p> Operation<'c, 'p> {
    pub(crate) fn new(
        schemas: &'c Schemas,
        definition: &'c Definition,
        captures: Vec<&'p str>,
    ) -> Self {
        Self { schemas, definition, captures }
    }

    /// The parameters of the path, by name, as they were sent.
    pub fn path(&self) -> impl Iterator<Item = (&'c str, &'p str)> {
        let names = self.definition.names.iter().map(String::as_str);
        names.zip(self.captures.iter().copied())
    }

    /// What is wrong with the parameters, 20 faults at most; nothing if they fit. Parameters that
    /// the document does not name are none of its business.
    ///
    /// `query` is what stands behind the `?`, as it was sent. `header` gives the value of a field by
    /// its name, in any case: several lines of a field joined by `, ` (RFC 9110 §5.3), those of
    /// `cookie` by `; ` (RFC 9113 §8.2.3), bytes that are no UTF-8 replaced.
    pub fn check_parameters<'h>(
        &self,
        query: &str,
        header: impl Fn(&str) -> Option<Cow<'h, str>>,
    ) -> Vec<Fault> {
        let has_query =
            self.definition.parameters.iter().any(|one| one.location() == Location::Query);
        let query = if has_query { query } else { "" };
        let received =
            Received { path: self.path().collect(), query: pairs(query), header: &header };
        let mut faults = Vec::new();
        for parameter in &self.definition.parameters {
            faults.extend(parameter.check(&received, self.schemas));
        }
        faults.truncate(FAULTS_MAX);
        faults
    }

    /// What is asked of the body, by the request's `Content-Type`.
    pub fn body(&self, content_type: Option<&str>) -> BodyRule<'c> {
        match &self.definition.body {
            None => BodyRule::NotDescribed,
            Some(body) => body.rule(content_type, self.schemas),
        }
    }
}

/// The names of a query, decoded, and their values, which are not.
fn pairs(query: &str) -> Vec<(String, &str)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.filter_map(|(name, value)| Some((decode_query(name).ok()?, value))).collect()
}
