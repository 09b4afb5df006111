//! A document read: its operations with their parameters and bodies, and all that is wrong.

use serde_json::Value;

use crate::body::{self, RequestBody};
use crate::document::{Document, Version};
use crate::error::{ContractError, Problems};
use crate::fault::Location;
use crate::operation::Definition;
use crate::parameter::{self, Parameter};
use crate::pointer;
use crate::route::{Routes, Template};
use crate::schema::{Compiler, SchemaId, Schemas};

/// The methods that a document may describe (OpenAPI 3.1 §4.8.9), with their names in requests.
const METHODS: [(&str, &str); 8] = [
    ("get", "GET"),
    ("put", "PUT"),
    ("post", "POST"),
    ("delete", "DELETE"),
    ("options", "OPTIONS"),
    ("head", "HEAD"),
    ("patch", "PATCH"),
    ("trace", "TRACE"),
];

/// The most operations of a document: the largest known have half of that.
const OPERATIONS_MAX: usize = 2_000;

/// The most parameters of an operation, each of which is looked for in every request.
const PARAMETERS_MAX: usize = 100;

/// What becomes of a document.
type Read = (Routes, Vec<Definition>, Schemas);

/// Reads a document, or says all that is wrong with it.
pub(crate) fn read(root: &Value) -> Result<Read, Vec<ContractError>> {
    let mut problems = Problems::default();
    let Some(document) = Document::open(root, &mut problems) else {
        return Err(problems.into_list());
    };
    let mut reading = Reading {
        document,
        compiler: Compiler::new(document),
        problems,
        routes: Routes::default(),
        definitions: Vec::new(),
    };
    reading.paths();
    let Reading { compiler, mut problems, routes, definitions, .. } = reading;
    match compiler.finish(&mut problems) {
        Some(schemas) if problems.is_empty() => Ok((routes, definitions, schemas)),
        _ => Err(problems.into_list()),
    }
}

/// A document while it is read.
pub(crate) struct Reading<'d> {
    document: Document<'d>,
    compiler: Compiler<'d>,
    problems: Problems,
    routes: Routes,
    definitions: Vec<Definition>,
}

impl<'d> Reading<'d> {
    pub(crate) fn document(&self) -> Document<'d> {
        self.document
    }

    /// The object that `value`, found at `at`, is or refers to, and where that is.
    pub(crate) fn resolve(&mut self, value: &'d Value, at: &str) -> Option<(&'d Value, String)> {
        self.document.resolve(value, at, &mut self.problems)
    }

    /// Notes a problem.
    pub(crate) fn refuse(&mut self, at: &str, what: impl Into<String>, remedy: impl Into<String>) {
        self.problems.add(at, what, remedy);
    }

    /// The schema at a place, for values of requests.
    pub(crate) fn schema(&mut self, at: &str) -> SchemaId {
        self.compiler.used(at)
    }

    fn paths(&mut self) {
        match self.document.at("/paths") {
            Some(Value::Object(paths)) => {
                for (path, item) in paths {
                    // What begins so is an extension (OpenAPI 3.1 §4.9).
                    if !path.starts_with("x-") {
                        self.path(path, item);
                    }
                }
            }
            // A document may be about webhooks alone.
            None if self.document.version() == Version::V31 => {}
            _ => self.refuse("/paths", "the document has no paths", "add `paths`"),
        }
    }

    fn path(&mut self, path: &str, item: &'d Value) {
        let at = pointer::child("/paths", path);
        let template = match Template::parse(path) {
            Ok(template) => template,
            Err(what) => {
                self.refuse(&at, what, "write it as in `/orders/{id}`");
                return;
            }
        };
        let Some((item, at)) = self.resolve(item, &at) else { return };
        if !item.is_object() {
            self.refuse(&at, "the path has no operations", "write an object of methods");
            return;
        }
        let shared = self.parameters(item, &at);
        for (word, method) in METHODS {
            let Some(operation) = item.get(word) else { continue };
            let at = pointer::child(&at, word);
            let definition = self.operation(operation, &at, (&template, shared.as_slice()));
            let number = self.definitions.len();
            if number == OPERATIONS_MAX {
                let what = format!("the document has more than {OPERATIONS_MAX} operations");
                self.refuse("/paths", what, "divide it into several APIs");
                return;
            }
            if let Ok(()) = self.routes.add(&template, method, number) {
                self.definitions.push(definition);
            } else {
                let what = "another path is the same but for the names of its parameters";
                self.refuse(&at, what, "keep one of them");
            }
        }
    }

    fn operation(
        &mut self,
        operation: &'d Value,
        at: &str,
        (template, shared): (&Template, &[Parameter]),
    ) -> Definition {
        let mut parameters = self.parameters(operation, at);
        for parameter in shared {
            if !parameters.iter().any(|own| own.is_same(parameter)) {
                parameters.push(parameter.clone());
            }
        }
        let names: Vec<String> = template.names().map(str::to_owned).collect();
        for parameter in &parameters {
            let is_placed = names.iter().any(|name| name == parameter.name());
            if parameter.location() == Location::Path && !is_placed {
                let what = format!("the path has no place for the parameter {}", parameter.name());
                self.problems.add(at, what, "add it to the path in braces, or mend its name");
            }
        }
        let body = self.body(operation, at);
        Definition { names, parameters, body }
    }

    fn body(&mut self, operation: &'d Value, at: &str) -> Option<RequestBody> {
        body::declared(self, operation.get("requestBody")?, &pointer::child(at, "requestBody"))
    }

    /// The parameters that a path or an operation lists.
    fn parameters(&mut self, owner: &'d Value, at: &str) -> Vec<Parameter> {
        let at = pointer::child(at, "parameters");
        let list = match owner.get("parameters") {
            None => return Vec::new(),
            Some(Value::Array(list)) => list,
            Some(_) => {
                self.refuse(&at, "the parameters are no list", "write a list of parameters");
                return Vec::new();
            }
        };
        if list.len() > PARAMETERS_MAX {
            let what = format!("there are more than {PARAMETERS_MAX} parameters");
            self.refuse(&at, what, "take an object in the body instead");
        }
        let mut parameters: Vec<Parameter> = Vec::new();
        for (index, value) in list.iter().take(PARAMETERS_MAX).enumerate() {
            let at = pointer::element(&at, index);
            let Some(parameter) = parameter::declared(self, value, &at) else { continue };
            if parameters.iter().any(|known| known.is_same(&parameter)) {
                self.refuse(&at, "the parameter is declared twice", "keep one of them");
                continue;
            }
            parameters.push(parameter);
        }
        parameters
    }
}
