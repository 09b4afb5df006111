//! The credentials of a client: one that stands at it, or several by name, each with its own time.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    Authentication, BoundTokens, ClientCredential, ClientKeys, LIVE_CREDENTIALS_MAX, Name,
};

use super::Reader;
use super::authentication::{BELONG, CLIENT_SECRET};
use crate::config::fields::Fields;
use crate::config::forms;
use crate::config::node::Value;
use crate::config::problem::{Problem, join};

/// The objects that say how a client proves itself: its `credentials`, or itself.
pub(super) fn ways<'a>(client: &Fields<'a>) -> Vec<Fields<'a>> {
    if client.entry("credentials").is_none() {
        return vec![client.clone()];
    }
    client.children("credentials").into_iter().map(|(_, fields)| fields).collect()
}

/// The RFC 7638 thumbprints of the keys that the file has of a credential.
fn thumbprints(authentication: &Authentication) -> BTreeSet<String> {
    let Authentication::PrivateKeyJwt(rule) = authentication else { return BTreeSet::new() };
    let ClientKeys::Inline(set) = &rule.keys else { return BTreeSet::new() };
    let set: serde_json::Value = serde_json::from_str(set).unwrap_or_default();
    let keys = set["keys"].as_array();
    keys.into_iter().flatten().filter_map(jwt::thumbprint).collect()
}

/// Which of a client's tokens are bound. Those for which a certificate is the proof are where nothing
/// is said: nobody else can use them then, and the client has it at hand. All of them, if it has no
/// other proof.
pub(super) fn bound_tokens(client: &Fields<'_>, credentials: &[ClientCredential]) -> BoundTokens {
    let by_certificate = |one: &ClientCredential| one.authentication.is_by_certificate();
    match client.text("bound_tokens").as_deref() {
        Some("true") => BoundTokens::Always,
        None if credentials.iter().all(by_certificate) => BoundTokens::Always,
        None if credentials.iter().any(by_certificate) => BoundTokens::ByCertificate,
        Some(_) | None => BoundTokens::Never,
    }
}

impl Reader<'_> {
    /// How a client may prove itself.
    pub(super) fn credentials(&mut self, client: &Fields<'_>, id: &Name) -> Vec<ClientCredential> {
        let Some(entry) = client.entry("credentials") else {
            return vec![ClientCredential::only(self.authentication(client))];
        };
        self.two_forms(client);
        let (mut credentials, mut secret) = (Vec::new(), None);
        let named = client.children("credentials");
        self.has_room(client, named.len());
        if named.is_empty() && matches!(entry.value.value, Value::Null | Value::Map(_)) {
            let problem = client.problem("credentials", "`credentials` is empty");
            let help =
                "write from 1 to 4 of them, as `secret: { auth: client_secret }`, or remove it";
            self.error(problem, help);
        }
        for (entry, fields) in named {
            let authentication = self.authentication(&fields);
            if fields.text("auth").as_deref() == Some(CLIENT_SECRET) {
                let key = entry.key.as_str();
                self.secrets(&fields, (key, secret), id);
                secret = secret.or(Some(key));
            }
            let (not_before, expires_at) =
                (fields.parse("not_before", forms::end), fields.parse("expires", forms::end));
            if let (Some(begin), Some(end)) = (not_before, expires_at)
                && end <= begin
            {
                let problem = fields.problem("expires", "`expires` is not after `not_before`");
                self.error(problem, "write a later time, or remove one of the two");
            }
            // Another key than a name was reported.
            let Ok(name) = Name::new(&entry.key) else { continue };
            let name = Some(name);
            credentials.push(ClientCredential { name, authentication, not_before, expires_at });
        }
        self.same_keys(client, &credentials);
        credentials
    }

    /// Warns of a key that stands in two entries: when the one ends the key counts on by the other.
    fn same_keys(&mut self, client: &Fields<'_>, credentials: &[ClientCredential]) {
        let mut known: BTreeMap<String, &str> = BTreeMap::new();
        for credential in credentials {
            let name = credential.name();
            let keys = thumbprints(&credential.authentication);
            if let Some(first) = keys.iter().find_map(|key| known.get(key).copied()) {
                let message = format!(
                    "`{name}` has a key that `{first}` has too, so that it counts on by the one when the \
                     other has ended"
                );
                let path = join(&client.path, "credentials");
                let entry = client.get("credentials").and_then(|all| all.get(name));
                let at = entry.map_or(client.at, |entry| entry.span);
                let help = "give each entry keys of its own, or remove one of the two";
                let problem = Problem::new(at, &join(&path, name), &message);
                self.problems.warn(problem.help(help));
            }
            known.extend(keys.into_iter().map(|key| (key, name)));
        }
    }

    /// Says which keys of the short form stand beside `credentials`.
    fn two_forms(&mut self, client: &Fields<'_>) {
        let of_a_way = BELONG.iter().map(|(key, _)| *key);
        for key in std::iter::once("auth").chain(of_a_way) {
            let Some(entry) = client.entry(key) else { continue };
            let message =
                format!("`{key}` is of a client with one way, and here are `credentials`");
            let problem = Problem::new(entry.key_span, &client.path, &message);
            let help = "move it into an entry of `credentials`, as in `key-2027: { auth: \
                        private_key_jwt, jwks: { file: ./k.json } }`, or remove `credentials`";
            self.error(problem, help);
        }
    }

    fn has_room(&mut self, client: &Fields<'_>, count: usize) {
        if count > LIVE_CREDENTIALS_MAX {
            let message =
                format!("there are {count} credentials, and may be {LIVE_CREDENTIALS_MAX}");
            let help = "remove those that are over or no longer used";
            self.error(client.problem("credentials", &message), help);
        }
    }

    /// Says what an entry by secrets cannot have: a twin, and times that each secret has itself.
    fn secrets(&mut self, fields: &Fields<'_>, (key, first): (&str, Option<&str>), id: &Name) {
        if let Some(first) = first {
            let message =
                format!("`{first}` lets all secrets of the client count, and so would `{key}`");
            let problem = fields.problem("auth", &message);
            let help = format!(
                "remove one of the two: each secret has its own time, `gatepost client secret add \
                 {id} --not-before TIME --expires 180d`"
            );
            self.error(problem, &help);
        }
        for (key, option) in [("not_before", "--not-before TIME"), ("expires", "--expires 180d")] {
            let Some(entry) = fields.entry(key) else { continue };
            let message = format!("`{key}` has no meaning with `auth: {CLIENT_SECRET}`");
            let problem = Problem::new(entry.key_span, &fields.path, &message);
            let help = format!(
                "remove it: each secret has its own, `gatepost client secret add {id} {option}`"
            );
            self.error(problem, &help);
        }
    }
}
