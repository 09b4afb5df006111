//! The schemas that a document's operations use, collected, translated and compiled as one.
//!
//! Each schema that is used or referred to becomes a definition of one document of draft 2020-12,
//! so references stay references and circles of them are no matter.

use std::collections::{BTreeSet, HashMap};

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{Map, Value};

use super::bounded::Bounded;
use super::{SchemaId, Schemas};
use crate::document::Document;
use crate::error::Problems;
use crate::fault::short;

/// How often compiling is begun again without the schema that failed, so that several are told.
const ROUNDS_MAX: usize = 20;

/// The longest message of the compiler that is repeated, in characters.
const MESSAGE_CHARS_MAX: usize = 200;

/// How many messages about one schema are told.
const MESSAGES_MAX: usize = 5;

/// What stands before a schema's number in a reference to it.
const REFERENCE: &str = "#/$defs/s";

/// Collects schemas by their place in the document.
#[derive(Debug)]
pub(crate) struct Compiler<'d> {
    pub(super) document: Document<'d>,
    slots: Vec<Slot>,
    known: HashMap<String, usize>,
    used: BTreeSet<usize>,
    /// How many schemas, inner ones too, were translated.
    pub(super) count: usize,
}

/// A schema that is used or referred to.
#[derive(Debug)]
struct Slot {
    /// Its place in the document.
    pointer: String,
    /// Its translation; `true` until it has one, and if it is not to be had.
    schema: Value,
}

impl<'d> Compiler<'d> {
    pub(crate) fn new(document: Document<'d>) -> Self {
        Self { document, slots: Vec::new(), known: HashMap::new(), used: BTreeSet::new(), count: 0 }
    }

    /// The schema at `pointer`, for values of requests.
    pub(crate) fn used(&mut self, pointer: &str) -> SchemaId {
        let number = self.slot(pointer);
        self.used.insert(number);
        SchemaId(name(number))
    }

    /// The reference that stands for the schema at `pointer`.
    pub(super) fn reference(&mut self, pointer: &str) -> String {
        reference(self.slot(pointer))
    }

    fn slot(&mut self, pointer: &str) -> usize {
        if let Some(number) = self.known.get(pointer) {
            return *number;
        }
        let number = self.slots.len();
        self.slots.push(Slot { pointer: pointer.to_owned(), schema: Value::Bool(true) });
        self.known.insert(pointer.to_owned(), number);
        number
    }

    /// Translates and compiles what was collected, and what it refers to.
    pub(crate) fn finish(mut self, problems: &mut Problems) -> Option<Schemas> {
        self.translate(problems);
        self.refuse_circles(problems);
        self.refuse_wrong_schemas(problems);
        let judge = self.compile(problems)?;
        Some(Schemas { judge })
    }

    fn translate(&mut self, problems: &mut Problems) {
        let mut number = 0;
        // Translating one finds others.
        while let Some(pointer) = self.slots.get(number).map(|slot| slot.pointer.clone()) {
            if let Some(schema) = self.document.at(&pointer) {
                let schema = self.translated(schema, &pointer, problems);
                self.replace(number, schema);
            }
            number += 1;
        }
    }

    fn replace(&mut self, number: usize, schema: Value) {
        if let Some(slot) = self.slots.get_mut(number) {
            slot.schema = schema;
        }
    }

    /// Refuses schemas that are nothing but references to one another.
    fn refuse_circles(&mut self, problems: &mut Problems) {
        let circles: Vec<usize> =
            (0..self.slots.len()).filter(|number| self.is_circle(*number)).collect();
        for number in circles {
            if let Some(slot) = self.slots.get_mut(number) {
                let what = "the references lead in a circle without a schema in it";
                problems.add(&slot.pointer, what, "say what the value is");
                slot.schema = Value::Bool(true);
            }
        }
    }

    fn is_circle(&self, number: usize) -> bool {
        let mut at = number;
        for _ in 0..self.slots.len() {
            match self.alias(at) {
                Some(next) => at = next,
                None => return false,
            }
        }
        true
    }

    /// The schema that this one is another name of.
    fn alias(&self, number: usize) -> Option<usize> {
        let members = self.slots.get(number)?.schema.as_object()?;
        let target = members.get("$ref")?.as_str()?;
        if members.len() > 1 {
            return None;
        }
        target.strip_prefix(REFERENCE)?.parse().ok()
    }

    /// Holds each translation against the schema of schemas.
    fn refuse_wrong_schemas(&mut self, problems: &mut Problems) {
        let meta = jsonschema::draft202012::meta::validator();
        for slot in &mut self.slots {
            let mut is_wrong = false;
            for error in meta.iter_errors(&slot.schema).take(MESSAGES_MAX) {
                let at = format!("{}{}", slot.pointer, error.instance_path().as_str());
                let message = short(&error.to_string(), MESSAGE_CHARS_MAX);
                let what = format!("this is no JSON Schema: {message}");
                problems.add(&at, what, "write the keyword as JSON Schema has it");
                is_wrong = true;
            }
            if is_wrong {
                slot.schema = Value::Bool(true);
            }
        }
    }

    fn compile(&mut self, problems: &mut Problems) -> Option<Validator<Bounded>> {
        let options = jsonschema::options_for::<Bounded>()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .offline()
            // Matching takes time that grows with the text; one that backtracks may take forever.
            .with_pattern_options(PatternOptions::regex());
        for _ in 0..ROUNDS_MAX {
            let (path, message) = match options.build(&self.assembled()) {
                Ok(judge) => return Some(judge),
                Err(error) => (error.instance_path().as_str().to_owned(), error.to_string()),
            };
            let place = place(&path);
            let number = place.map(|(number, _)| number);
            let pointer = number.and_then(|number| self.slots.get(number));
            let pointer = pointer.map(|slot| slot.pointer.as_str()).unwrap_or_default();
            let at = format!("{pointer}{}", place.map(|(_, rest)| rest).unwrap_or_default());
            let what =
                format!("the schema does not compile: {}", short(&message, MESSAGE_CHARS_MAX));
            let remedy = "mend it; a pattern may not look behind nor refer back to its groups";
            problems.add(&at, what, remedy);
            self.replace(number?, Value::Bool(true));
        }
        None
    }

    /// One document: the schemas that requests use as properties, all as definitions.
    fn assembled(&self) -> Value {
        let definitions: Map<String, Value> = self
            .slots
            .iter()
            .enumerate()
            .map(|(number, slot)| (name(number), slot.schema.clone()))
            .collect();
        let properties: Map<String, Value> = self
            .used
            .iter()
            .map(|number| {
                let mut schema = Map::new();
                schema.insert("$ref".to_owned(), Value::from(reference(*number)));
                (name(*number), Value::Object(schema))
            })
            .collect();
        let mut document = Map::new();
        document.insert("properties".to_owned(), Value::Object(properties));
        document.insert("$defs".to_owned(), Value::Object(definitions));
        Value::Object(document)
    }
}

fn name(number: usize) -> String {
    format!("s{number}")
}

fn reference(number: usize) -> String {
    format!("{REFERENCE}{number}")
}

/// The number of the schema that a place in the assembled document belongs to, and the place in it.
fn place(path: &str) -> Option<(usize, &str)> {
    let rest = path.strip_prefix("/$defs/s").or_else(|| path.strip_prefix("/properties/s"))?;
    let end = rest.find('/').unwrap_or(rest.len());
    let (number, rest) = rest.split_at_checked(end)?;
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_names_its_schema() {
        assert_eq!(place("/$defs/s12/properties/a"), Some((12, "/properties/a")));
        assert_eq!(place("/properties/s3"), Some((3, "")));
        assert_eq!(place(""), None);
        assert_eq!(place("/$defs"), None);
    }
}
