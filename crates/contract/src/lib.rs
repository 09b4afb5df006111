//! Requests held against an OpenAPI document, 3.0 or 3.1: parameters and JSON bodies.
//!
//! [`Contract::new`] reads the document once and says everything that is wrong with it,
//! [`Contract::operation`] finds what is written about a method and a path, and an [`Operation`]
//! checks the parameters and gives the [`BodyRule`]. What does not fit is a [`Fault`] per place.
//!
//! Pure: the document and the request come in as values, no reference is fetched. The schemas are
//! judged by `jsonschema` in the dialect of draft 2020-12; those of OpenAPI 3.0 are translated.
//! Work and memory per request are bounded, whatever the body is (`schema/bounded.rs`).
//!
//! Left to others: which requests are looked at, the status of a refusal, the bound of a body, and
//! what a document says about authentication, servers and answers.

mod body;
mod document;
mod encoding;
mod error;
mod fault;
mod json;
mod operation;
mod parameter;
mod pointer;
mod reading;
mod route;
mod schema;

use serde_json::Value;

use operation::Definition;
use route::Routes;
use schema::Schemas;

pub use body::{BodyRule, JsonBody};
pub use error::ContractError;
pub use fault::{Fault, Location};
pub use operation::Operation;

/// An OpenAPI document, ready to hold requests against.
#[derive(Debug)]
pub struct Contract {
    routes: Routes,
    definitions: Vec<Definition>,
    schemas: Schemas,
}

impl Contract {
    /// Reads a document. An error is everything that is wrong with it, 100 things at most, each
    /// with its place and a remedy.
    ///
    /// Only what a request is checked by is read: paths, parameters, request bodies, their schemas.
    /// A mistake elsewhere, as in an answer, is none of ours.
    pub fn new(document: &Value) -> Result<Self, Vec<ContractError>> {
        let (routes, definitions, schemas) = reading::read(document)?;
        Ok(Self { routes, definitions, schemas })
    }

    /// What the document says about a request: `method` in capitals, `path` as it was sent, without
    /// its query and below the API's base path. `None` if it says nothing.
    ///
    /// A literal segment wins over a parameter (OpenAPI 3.1 §4.8.8.2); `HEAD` is judged as `GET`
    /// where the document has none of its own (RFC 9110 §9.3.2).
    pub fn operation<'c, 'p>(&'c self, method: &str, path: &'p str) -> Option<Operation<'c, 'p>> {
        let found = self.routes.find(method, path);
        let found = found.or_else(|| {
            let is_head = method == "HEAD";
            is_head.then(|| self.routes.find("GET", path)).flatten()
        });
        let (number, captures) = found?;
        let definition = self.definitions.get(number)?;
        Some(Operation::new(&self.schemas, definition, captures))
    }

    /// How many operations the document has.
    pub fn operations(&self) -> usize {
        self.definitions.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contract_is_shared_by_threads() {
        fn check<T: Send + Sync>() {}
        check::<Contract>();
        check::<JsonBody<'static>>();
    }
}
