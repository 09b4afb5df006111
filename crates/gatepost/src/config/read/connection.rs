//! Connections: how we authenticate to partners.

use std::collections::BTreeMap;

use model::{Auth, ClientAuth, Connection, HeaderValue, Name, OAuthClient, SecretSource};

use super::Reader;
use crate::config::fields::Fields;
use crate::config::forms;
use crate::config::node::{Entry, Node, Value};
use crate::config::problem::Problem;
use crate::config::secret;
use crate::config::source::Span;

/// The ways to authenticate; a connection has at most one.
const WAYS: [&str; 3] = ["api_key", "basic", "oauth"];

impl Reader<'_> {
    pub(super) fn connections(&mut self, root: &Fields<'_>) {
        for (entry, fields) in root.children("connections") {
            let Ok(name) = Name::new(&entry.key) else {
                continue;
            };
            let headers = self.connection_headers(&fields);
            if let Some(auth) = self.auth(&fields) {
                let connection = Connection { name: name.clone(), auth, headers };
                self.definitions.connections.insert(name, connection);
            }
        }
    }

    fn auth(&mut self, fields: &Fields<'_>) -> Option<Auth> {
        let ways: Vec<&Entry> = WAYS.iter().filter_map(|way| fields.entry(way)).collect();
        if let [first, second, ..] = ways.as_slice() {
            let message = format!("`{}` and `{}` cannot both be the way", first.key, second.key);
            let problem = Problem::new(second.key_span, &fields.path, &message);
            self.error(problem.first(first.key_span), "keep one of `api_key`, `basic` and `oauth`");
        }
        let way = ways.first().map(|way| way.key.as_str());
        Some(match way {
            Some("api_key") => {
                let key = fields.child("api_key");
                Auth::ApiKey {
                    header: key.parse("header", forms::header)?,
                    value: self.secret(key.get("value")?)?,
                }
            }
            Some("basic") => {
                let basic = fields.child("basic");
                let username = basic.text("username")?;
                // RFC 7617 §2: a colon would end it.
                if username.contains(':') {
                    let problem = basic.problem("username", "a user name of HTTP Basic has no `:`");
                    self.error(problem, "write the name alone; the password is a reference");
                }
                Auth::Basic { username, password: self.secret(basic.get("password")?)? }
            }
            Some(_) => {
                let oauth = fields.child("oauth");
                Auth::OAuth(OAuthClient {
                    token_url: oauth.text("token_url")?,
                    client_id: oauth.text("client_id")?,
                    client_secret: self.secret(oauth.get("client_secret")?)?,
                    scope: oauth.text("scope"),
                    client_auth: match oauth.text("client_auth").as_deref() {
                        Some("body") => ClientAuth::Body,
                        _ => ClientAuth::Basic,
                    },
                })
            }
            None => Auth::None,
        })
    }

    /// Where a secret is kept; a file beside the file that names it.
    pub(super) fn secret(&self, node: &Node) -> Option<SecretSource> {
        Some(match secret::reference(node)? {
            SecretSource::File(path) => {
                let path = path.to_string_lossy().into_owned();
                SecretSource::File(self.beside(node.span, &path))
            }
            source => source,
        })
    }

    fn connection_headers(&mut self, fields: &Fields<'_>) -> Vec<(String, HeaderValue)> {
        self.unique_headers(fields);
        let read = |entry: &Entry| {
            let value = match &entry.value.value {
                Value::Map(_) => HeaderValue::Secret(self.secret(&entry.value)?),
                _ => HeaderValue::Plain(entry.value.text()?.to_owned()),
            };
            Some((forms::header(&entry.key).ok()?, value))
        };
        fields.entries("headers").filter_map(read).collect()
    }

    /// Says which headers are there twice in different spelling (RFC 9110 §5.1).
    pub(super) fn unique_headers(&mut self, fields: &Fields<'_>) {
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        for entry in fields.entries("headers") {
            let name = entry.key.to_ascii_lowercase();
            if let Some(first) = seen.insert(name, entry.key_span) {
                let message = format!("the header `{}` is there twice", entry.key);
                let path = format!("{}.headers.{}", fields.path, entry.key);
                let problem = Problem::new(entry.key_span, &path, &message).first(first);
                self.error(problem, "keep one: headers are the same in upper and lower case");
            }
        }
    }
}
