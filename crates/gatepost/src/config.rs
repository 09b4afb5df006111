//! The configuration file: what a company defines, read with all that is wrong with it.
//!
//! A text becomes a tree with places (`yaml`), the tree is checked against the table of the
//! language (`schema`, `check`), and the readers below `read/` make the nouns of it. Nothing stops
//! at the first mistake: an `Err` holds all of them, each with its place and remedy, and no secret.

mod check;
mod environment;
mod fields;
mod files;
mod forms;
mod json;
mod merge;
mod nearest;
mod node;
mod problem;
mod read;
mod references;
mod report;
mod schema;
mod secret;
mod source;
#[cfg(test)]
mod tests;
mod yaml;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use gateway::Contracts;
use listener::{ClientCertificates, Limits, Trusted};
use model::{Definitions, Name, SecretSource};
use serde_json::Value;
use store::Document;

use crate::telemetry::RequestLog;
use problem::Problems;
use references::Known;
use schema::{Kind, ROOT};
use source::Source;

pub(crate) use nearest::nearest;
pub use report::{Diagnostic, Report, Severity};

/// What the file says.
#[derive(Debug)]
pub struct Loaded {
    /// Everything the company defines.
    pub definitions: Definitions,
    /// Settings of the server.
    pub server: Server,
    /// What the lines of requests tell.
    pub log: RequestLog,
    /// One document per named noun, as the store keeps them.
    pub documents: Vec<Document>,
    /// The OpenAPI documents of APIs that have one.
    pub openapi: BTreeMap<Name, Value>,
    /// What the requests to APIs with `validate` are held against.
    pub contracts: Contracts,
    /// What can be lived with.
    pub warnings: Vec<Diagnostic>,
}

/// Settings of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Gateway and token service.
    pub public: SocketAddr,
    /// For the company's own services.
    pub internal: SocketAddr,
    /// Console and admin API.
    pub admin: SocketAddr,
    /// The directory of the data.
    pub data: PathBuf,
    /// How large a file of the event log becomes.
    pub segment_bytes: u64,
    /// TLS of the public door.
    pub tls: Option<DoorTls>,
    /// The bounds of the public door's connections.
    pub limits: Limits,
    /// Who stands before the public door and is believed.
    pub trusted: Trusted,
    /// Whether the trusted ones' connections begin with a PROXY header.
    pub proxy_protocol: bool,
}

/// Where the material of the public door's TLS lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoorTls {
    /// The certificate's file.
    pub certificate: PathBuf,
    /// The private key.
    pub key: SecretSource,
    /// The file of the authorities of client certificates.
    pub client_ca: Option<PathBuf>,
    /// Whose client certificates are taken.
    pub client_certificates: ClientCertificates,
}

impl Server {
    /// Whether callers of the public door can show certificates.
    pub fn sees_certificates(&self) -> bool {
        let asks = |tls: &DoorTls| {
            tls.client_ca.is_some() || tls.client_certificates == ClientCertificates::Any
        };
        self.trusted.client_cert || self.tls.as_ref().is_some_and(asks)
    }
}

/// The environment's variables, by name.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads a file, or every `*.yaml`, `*.yml` and `*.json` of a directory as one.
pub fn load(path: &Path, environment: Environment<'_>) -> Result<Loaded, Report> {
    let mut problems = Problems::default();
    let sources = files::read(path, &mut problems);
    if problems.errors.is_empty() {
        return load_sources(sources, environment, problems);
    }
    Err(report(&sources, problems))
}

/// Reads a text called `name` whose relative paths are relative to `base`.
pub fn load_text(
    name: &str,
    text: &str,
    base: &Path,
    environment: Environment<'_>,
) -> Result<Loaded, Report> {
    load_sources(vec![Source::new(name, text, base)], environment, Problems::default())
}

/// The JSON Schema (2020-12) of the file, for editors.
pub fn schema() -> Value {
    schema::json_schema()
}

/// What a key is, its form, default and an example. Names may be left out: both
/// `destinations.rate` and `destinations.cars.rate` are known.
pub fn explain(path: &str) -> Option<String> {
    schema::explain(path)
}

/// Every key of the language as a dotted path, without names.
pub fn keys() -> Vec<String> {
    schema::keys()
}

/// Reads a duration in the file's own form, in milliseconds: `500ms`, `2h`, `7d`.
pub fn duration_ms(text: &str) -> Option<u64> {
    forms::duration_ms(text).ok()
}

/// Whole seconds of a duration as the file has it, at most `max_s`; else what is wrong with it.
pub fn duration_s(text: &str, max_s: u32) -> Result<u32, String> {
    let read = forms::duration_within(text, 0, u64::from(max_s) * 1000);
    let in_words = |wrong: problem::Wrong| match wrong.help {
        Some(help) => format!("{}: {help}", wrong.message),
        None => wrong.message,
    };
    u32::try_from(read.map_err(in_words)? / 1000).map_err(|_| format!("`{text}` is too long"))
}

fn load_sources(
    mut sources: Vec<Source>,
    environment: Environment<'_>,
    mut problems: Problems,
) -> Result<Loaded, Report> {
    let mut roots = Vec::new();
    let mut unreadable = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        match yaml::parse(source, index, environment, &mut problems) {
            Ok(root) => roots.push(root),
            Err(yaml::Stop) => unreadable.push(index),
        }
    }
    for root in &roots {
        secret::mask_tree(root, Kind::Object(&ROOT), &mut sources);
    }
    for index in &unreadable {
        if let Some(source) = sources.get_mut(*index) {
            secret::mask_text(source);
        }
    }
    // With a part of the definitions missing, references would seem to lead nowhere.
    if !unreadable.is_empty() {
        return Err(report(&sources, problems));
    }
    let root = merge::merge(roots, &sources, &mut problems);
    // Of a file that is empty, or no mapping, enough has been said.
    if root.all_entries().is_empty() && !problems.errors.is_empty() {
        return Err(report(&sources, problems));
    }
    check::check(&root, Kind::Object(&ROOT), &Known::of(&root), &mut problems);
    let read = read::read(&root, &sources, &mut problems);
    // What is wrong with an OpenAPI document is shown in it.
    sources.extend(read.texts);
    if !problems.errors.is_empty() {
        return Err(report(&sources, problems));
    }
    let warnings = report::diagnostics(&sources, problems.warnings, Severity::Warning);
    Ok(Loaded {
        definitions: read.definitions,
        server: read.server,
        log: read.log,
        documents: read.documents,
        openapi: read.openapi,
        contracts: read.contracts,
        warnings,
    })
}

fn report(sources: &[Source], problems: Problems) -> Report {
    Report::new(report::diagnostics(sources, problems.errors, Severity::Error))
}
