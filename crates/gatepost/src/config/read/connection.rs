//! Connections: how we authenticate to partners, and what every call of ours to them carries.

use std::collections::BTreeMap;

use model::{
    Auth, ClientAuth, ClientCertificate, ClientProof, Connection, ConnectionTls, Method, Name,
    OAuthClient, Parameter, PrivateKeyProof, SecretSource,
};

use super::Reader;
use super::destination::in_clear;
use crate::config::fields::Fields;
use crate::config::forms;
use crate::config::node::{Entry, Node, Value};
use crate::config::problem::{Problem, join};
use crate::config::secret;
use crate::config::source::Span;

/// The ways to authenticate; a connection has at most one.
const WAYS: [&str; 3] = ["api_key", "basic", "oauth"];
/// How many headers, query and body parameters there may be of each (EventBridge quotas).
const PARAMETERS_MAX: usize = 100;
/// The parameters of a token request that are ours (RFC 6749 §4.4.2, RFC 7523 §2.2).
const FORM_PARAMETERS: [&str; 6] = [
    "grant_type",
    "scope",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
];
/// The headers of a token request that are ours.
const FORM_HEADERS: [&str; 2] = ["authorization", "content-type"];

impl Reader<'_> {
    pub(super) fn connections(&mut self, root: &Fields<'_>) {
        for (entry, fields) in root.children("connections") {
            let Ok(name) = Name::new(&entry.key) else {
                continue;
            };
            self.few_parameters(&fields);
            self.unique_headers(&fields);
            let (headers, tls) = (self.headers(&fields), self.tls(&fields));
            let query = self.parameters(&fields, "query");
            let body = self.parameters(&fields, "body");
            if let Some(auth) = self.auth(&fields) {
                let name_of = name.clone();
                let connection = Connection { name: name_of, auth, headers, query, body, tls };
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
            Some(_) => Auth::OAuth(Box::new(self.oauth(&fields.child("oauth"))?)),
            None => Auth::None,
        })
    }

    fn oauth(&mut self, oauth: &Fields<'_>) -> Option<OAuthClient> {
        self.few_parameters(oauth);
        self.unique_headers(oauth);
        self.token_request_is_ours(oauth);
        let token_url = oauth.text("token_url")?;
        if in_clear(&token_url) {
            let message = "the client's secret and its tokens can be read on the way";
            let problem = oauth.problem("token_url", message);
            self.problems.warn(problem.help("write an `https` URL"));
        }
        Some(OAuthClient {
            token_url,
            client_id: oauth.text("client_id")?,
            proof: self.proof(oauth)?,
            scope: oauth.text("scope"),
            method: Method::parse(&oauth.text("method")?)?,
            headers: self.headers(oauth),
            query: self.parameters(oauth, "query"),
            body: self.parameters(oauth, "body"),
        })
    }

    /// How the client proves who it is; says what does not go together.
    fn proof(&mut self, oauth: &Fields<'_>) -> Option<ClientProof> {
        let example = "`client_secret: { env: NAME }` or `private_key: { file: PATH }`";
        self.one_of(oauth, ["client_secret", "private_key"], example);
        if let Some(key) = oauth.get("private_key") {
            if oauth.entry("client_auth").is_some() {
                let message =
                    "`client_auth` is how a secret is sent, and a private key is not sent";
                let problem = oauth.problem("client_auth", message);
                self.error(problem, "remove `client_auth`");
            }
            return Some(ClientProof::PrivateKey(PrivateKeyProof {
                key: self.secret(key)?,
                key_id: oauth.text("key_id"),
                audience: oauth.text("assertion_audience"),
            }));
        }
        for name in ["key_id", "assertion_audience"] {
            if oauth.entry(name).is_some() {
                let message = format!("`{name}` is of assertions, and no `private_key` signs one");
                let problem = oauth.problem(name, &message);
                self.error(problem, &format!("add `private_key`, or remove `{name}`"));
            }
        }
        let by = match oauth.text("client_auth").as_deref() {
            Some("body") => ClientAuth::Body,
            _ => ClientAuth::Basic,
        };
        if by == ClientAuth::Body && oauth.text("method").as_deref() == Some("GET") {
            let message = "a GET has no body, and a secret in a query is logged on its way";
            let problem = oauth.problem("client_auth", message);
            self.error(problem, "write `client_auth: basic`, or another `method`");
        }
        let secret = self.secret(oauth.get("client_secret")?)?;
        Some(ClientProof::Secret { secret, by })
    }

    /// Says what of a token request may not be set.
    fn token_request_is_ours(&mut self, oauth: &Fields<'_>) {
        let sections: [(&str, &[&str]); 3] =
            [("headers", &FORM_HEADERS), ("query", &FORM_PARAMETERS), ("body", &FORM_PARAMETERS)];
        for (section, ours) in sections {
            for entry in oauth.entries(section) {
                if ours.contains(&entry.key.to_ascii_lowercase().as_str()) {
                    let path = join(&join(&oauth.path, section), &entry.key);
                    let message = format!("`{}` of the token request is made for it", entry.key);
                    let problem = Problem::new(entry.key_span, &path, &message);
                    self.error(problem, "remove it; `oauth` has keys of its own for what it says");
                }
            }
        }
        if oauth.text("method").as_deref() == Some("GET") && oauth.entries("body").next().is_some()
        {
            let problem = oauth.problem("body", "a GET has no body");
            self.error(problem, "move these parameters to `query`, or write another `method`");
        }
    }

    fn tls(&mut self, fields: &Fields<'_>) -> ConnectionTls {
        let tls = fields.child("tls");
        let (certificate, key) = (tls.get("certificate"), tls.get("key"));
        if certificate.is_some() != key.is_some() {
            let (there, missing) =
                if key.is_some() { ("key", "certificate") } else { ("certificate", "key") };
            let problem = tls.problem(there, &format!("there is a `{there}` and no `{missing}`"));
            self.error(problem, &format!("add `{missing}: {{ file: PATH }}`"));
        }
        let identity = certificate.zip(key).and_then(|(certificate, key)| {
            let certificates = self.secret(certificate)?;
            Some(ClientCertificate { certificates, key: self.secret(key)? })
        });
        let authorities = tls.get("ca").and_then(|node| Some((node.span, node.text()?)));
        let authorities = authorities.map(|(span, path)| self.beside(span, path));
        ConnectionTls { identity, authorities }
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

    fn headers(&self, fields: &Fields<'_>) -> Vec<(String, Parameter)> {
        let all = self.parameters(fields, "headers").into_iter();
        all.filter_map(|(name, value)| Some((forms::header(&name).ok()?, value))).collect()
    }

    fn parameters(&self, fields: &Fields<'_>, section: &str) -> Vec<(String, Parameter)> {
        let read = |entry: &Entry| {
            let value = match &entry.value.value {
                Value::Map(_) => Parameter::Secret(self.secret(&entry.value)?),
                _ => Parameter::Plain(entry.value.text()?.to_owned()),
            };
            Some((entry.key.clone(), value))
        };
        fields.entries(section).filter_map(read).collect()
    }

    /// Says of which parameters there are too many.
    pub(super) fn few_parameters(&mut self, fields: &Fields<'_>) {
        for section in ["headers", "query", "body"] {
            let count = fields.entries(section).count();
            if count > PARAMETERS_MAX {
                let message = format!("`{section}` has {count} entries");
                let problem = fields.problem(section, &message);
                self.error(problem, &format!("write at most {PARAMETERS_MAX}"));
            }
        }
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
