//! The tree → the nouns of the model.
//!
//! One file per group of nouns. A reader judges what depends on more than one key; it collects
//! everything that is wrong and goes on.

mod api;
mod authentication;
mod bus;
mod connection;
mod credentials;
mod destination;
mod document;
mod federation;
mod issuer;
mod log;
mod partner;
mod profile;
mod token;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use gateway::Contracts;
use listener::{ClientCertificates, Limits, Trusted};
use model::{Definitions, Name};
use serde_json::Value;
use store::Document;

use super::fields::Fields;
use super::forms;
use super::json;
use super::node::{Entry, Node};
use super::problem::{Problem, Problems};
use super::schema::ROOT;
use super::source::{Source, Span};
use super::{DoorTls, Server};
use crate::telemetry::RequestLog;

/// The sections of the file and the kinds of their documents.
const KINDS: [(&str, &str); 8] = [
    ("apis", "api"),
    ("issuers", "issuer"),
    ("plans", "plan"),
    ("partners", "partner"),
    ("buses", "bus"),
    ("connections", "connection"),
    ("destinations", "destination"),
    ("schedules", "schedule"),
];

/// Everything that was read.
pub(crate) struct Read {
    pub(crate) definitions: Definitions,
    pub(crate) server: Server,
    pub(crate) log: RequestLog,
    pub(crate) documents: Vec<Document>,
    pub(crate) openapi: BTreeMap<Name, Value>,
    pub(crate) contracts: Contracts,
    /// The texts of OpenAPI documents; their places in the list of sources are behind the others.
    pub(crate) texts: Vec<Source>,
}

/// Reads the whole tree. The result is worth something only if no errors were found.
pub(crate) fn read(root: &Node, sources: &[Source], problems: &mut Problems) -> Read {
    let fields = Fields::root(root, &ROOT);
    let mut reader = Reader {
        sources,
        problems,
        definitions: Definitions::default(),
        openapi: BTreeMap::new(),
        contracts: Contracts::new(),
        texts: Vec::new(),
    };
    let server = reader.server(&fields);
    let log = reader.log(&fields);
    reader.definitions.company = fields.text("company").unwrap_or_default();
    reader.definitions.public_url =
        fields.text("public_url").unwrap_or_else(|| format!("http://{}", server.public));
    reader.definitions.dpop_nonce = api::dpop_nonce(&fields.child("tokens"));
    reader.issuers(&fields);
    reader.apis(&fields);
    reader.plans(&fields);
    reader.tokens(&fields);
    reader.partners(&fields);
    reader.profile(&fields);
    reader.demanded_certificates(&fields);
    reader.seen_certificates(&fields);
    reader.connections(&fields);
    reader.destinations(&fields);
    reader.buses(&fields);
    reader.schedules(&fields);
    let history_keep_ms = fields.child("history").duration_ms("keep");
    reader.definitions.history_keep_ms = i64::try_from(history_keep_ms).unwrap_or(i64::MAX);
    let rotate_keys_ms = fields.child("tokens").duration_ms("rotate_keys");
    reader.definitions.rotate_keys_ms = i64::try_from(rotate_keys_ms).unwrap_or(i64::MAX);
    let documents = documents(root, sources);
    let Reader { definitions, openapi, contracts, texts, .. } = reader;
    Read { definitions, server, log, documents, openapi, contracts, texts }
}

/// The state of reading.
struct Reader<'a> {
    sources: &'a [Source],
    problems: &'a mut Problems,
    definitions: Definitions,
    openapi: BTreeMap<Name, Value>,
    contracts: Contracts,
    texts: Vec<Source>,
}

impl Reader<'_> {
    fn server(&mut self, root: &Fields<'_>) -> Server {
        let listen = root.child("listen");
        // Every address has a default, so this one is never used.
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let address = |name: &str| listen.parse(name, forms::socket).unwrap_or(nowhere);
        let names = ["public", "internal", "admin"];
        for (index, name) in names.iter().enumerate() {
            let taken = names
                .iter()
                .take(index)
                .find(|other| address(other) == address(name) && address(name).port() != 0);
            if let Some(other) = taken {
                let message = format!("`{name}` and `{other}` are the same address");
                let problem = listen.problem(name, &message);
                self.problems.error(problem.help("give each of the three its own port"));
            }
        }
        let data = root.text("data").unwrap_or_default();
        let proxies = root.child("proxies");
        Server {
            public: address("public"),
            internal: address("internal"),
            admin: address("admin"),
            segment_bytes: root.parse("segment", forms::bytes).unwrap_or(1 << 30),
            tls: self.door_tls(root),
            limits: limits(&root.child("limits")),
            trusted: Trusted {
                proxies: proxies.parse_list("trust", forms::cidr),
                by_forwarded: proxies.text("header").as_deref() == Some("forwarded"),
                client_cert: proxies.is_true("client_cert"),
            },
            proxy_protocol: proxies.is_true("proxy_protocol"),
            data: self.beside(root.get("data").map_or(root.at, |node| node.span), &data),
        }
    }

    fn door_tls(&self, root: &Fields<'_>) -> Option<DoorTls> {
        root.get("tls")?;
        let tls = root.child("tls");
        let file = |name| tls.get(name).and_then(|node| Some(self.beside(node.span, node.text()?)));
        Some(DoorTls {
            certificate: file("certificate")?,
            key: self.secret(tls.get("key")?)?,
            client_ca: file("client_ca"),
            client_certificates: match tls.text("client_certificates").as_deref() {
                Some("any") => ClientCertificates::Any,
                _ => ClientCertificates::Verified,
            },
        })
    }

    /// A client certificate that is demanded must be one that is asked for.
    fn demanded_certificates(&mut self, root: &Fields<'_>) {
        let by_proxy = root.child("proxies").is_true("client_cert");
        if by_proxy || root.child("tls").get("client_ca").is_some() {
            return;
        }
        for (section, key) in [("apis", "client_certificate"), ("partners", "certificates")] {
            for (_, fields) in root.children(section) {
                let is_demanded =
                    fields.text(key).as_deref() == Some("required") || !fields.list(key).is_empty();
                if is_demanded {
                    let message = "a client certificate is demanded, and none is ever asked for";
                    let problem = fields.problem(key, message);
                    self.error(problem, "name its authorities in `tls.client_ca`, or remove this");
                }
            }
        }
    }

    /// A path of the file, relative to the file it stands in.
    fn beside(&self, span: Span, path: &str) -> PathBuf {
        // So that it is shown as people write it.
        let path = path.strip_prefix("./").map_or(path, |rest| rest.trim_start_matches('/'));
        let directory = self.sources.get(span.source).map(|source| source.directory.as_path());
        directory.map_or_else(|| PathBuf::from(path), |directory| directory.join(path))
    }

    fn error(&mut self, problem: Problem, help: &str) {
        self.problems.error(problem.help(help));
    }
}

/// The bounds of the public door. Every key has a default.
fn limits(limits: &Fields<'_>) -> Limits {
    let duration = |name| Duration::from_millis(limits.duration_ms(name));
    let count = |name| usize::try_from(limits.integer(name).unwrap_or(1)).unwrap_or(usize::MAX);
    Limits {
        connections_max: count("connections"),
        address_connections_max: count("address_connections"),
        head_timeout: duration("head_timeout"),
        idle_timeout: duration("idle_timeout"),
        stuck_timeout: duration("stuck_timeout"),
        drain: duration("drain"),
        ..Limits::default()
    }
}

/// The documents of everything that has a name, in the order of the file's sections.
fn documents(root: &Node, sources: &[Source]) -> Vec<Document> {
    let sections = KINDS.iter().flat_map(|(section, kind)| {
        let entries = root.get(section).into_iter().flat_map(Node::entries);
        entries.map(move |entry| (*kind, entry))
    });
    let document = |(kind, entry): (&str, &Entry)| {
        let place = sources.get(entry.key_span.source).map_or_else(String::new, |source| {
            format!("{}:{}", source.name, source.line(entry.key_span.start))
        });
        let is_empty = entry.value.is_null();
        Document {
            kind: kind.to_owned(),
            name: entry.key.clone(),
            origin: "file".to_owned(),
            place,
            body: if is_empty { "{}".to_owned() } else { json::write(&entry.value).text },
        }
    };
    sections.map(document).collect()
}
