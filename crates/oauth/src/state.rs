//! Clients, their secrets and the signing key as one immutable value.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use credential::{Digester, Vault};
use jwt::{Jwk, Jwks, KeySet, Keys, NonceRule, Proofs, SigningKey};
use model::{
    Api, Authentication, Client, ClientKeys, Definitions, Name, SecretCredential, SigningKeyRecord,
    Status,
};

use crate::claims::Rules;
use crate::ring::{self, RingError};
use crate::target::{self, Server};

/// What a state is built from.
pub struct Source<'a> {
    /// What the company defines.
    pub definitions: &'a Definitions,
    /// The secrets of clients.
    pub secrets: Vec<SecretCredential>,
    /// The signing keys.
    pub signing_keys: &'a [SigningKeyRecord],
    /// Digests client secrets.
    pub digester: Arc<Digester>,
    /// Opens signing keys.
    pub vault: &'a Vault,
    /// Knows proofs of possession again; the same over all states.
    pub proofs: Arc<Proofs>,
}

/// Everything a token request is judged by.
pub struct State {
    pub(crate) issuer: String,
    /// The token endpoint's URL.
    pub(crate) endpoint: String,
    pub(crate) realm: String,
    pub(crate) scopes: Vec<String>,
    /// The APIs by their base paths.
    pub(crate) resources: BTreeMap<String, Resource>,
    pub(crate) digester: Arc<Digester>,
    pub(crate) signing_key: SigningKey,
    /// What verifies our own tokens.
    pub(crate) keys: Keys,
    /// The APIs as those know them who ask for their tokens.
    pub(crate) servers: Vec<Server>,
    pub(crate) jwks: Document,
    pub(crate) proofs: Arc<Proofs>,
    pub(crate) dpop_nonce: NonceRule,
    /// How long tokens live, how many there are, and what they say more.
    pub(crate) rules: Rules,
    clients: HashMap<Name, ClientEntry>,
}

/// A client with its secrets.
pub(crate) struct ClientEntry {
    pub(crate) client: Client,
    pub(crate) partner_status: Status,
    pub(crate) secrets: Vec<SecretCredential>,
    /// The public keys that the file has of it.
    pub(crate) keys: Option<Arc<KeySet>>,
}

/// What an API says of itself.
pub(crate) struct Resource {
    pub(crate) scopes: Vec<String>,
    /// The issuers it trusts beside us.
    pub(crate) issuers: Vec<String>,
}

/// A published document and its `ETag`.
pub(crate) struct Document {
    pub(crate) body: String,
    pub(crate) etag: String,
}

impl State {
    /// Builds a state; needs at least one signing key (see [`crate::ensure_signing_key`]).
    pub fn build(source: Source<'_>) -> Result<Self, RingError> {
        let definitions = source.definitions;
        let of_api = |api: &Api| -> Vec<String> {
            api.scopes.keys().map(|scope| format!("{}/{scope}", api.name)).collect()
        };
        let resource = |api: &Api| {
            let issuers = api.issuers.iter().filter_map(|name| definitions.issuers.get(name));
            let issuers = issuers.map(|issuer| issuer.issuer.clone()).collect();
            Resource { scopes: of_api(api), issuers }
        };
        let apis = definitions.apis.values();
        let resources = apis.map(|api| (api.base_path.clone(), resource(api))).collect();
        let scopes = definitions.apis.values().flat_map(of_api);
        Ok(Self {
            issuer: definitions.public_url.clone(),
            endpoint: format!("{}/oauth2/token", definitions.public_url),
            realm: realm(&definitions.company),
            scopes: scopes.collect(),
            resources,
            signing_key: ring::active(source.signing_keys, source.vault)?,
            jwks: jwks(source.signing_keys)?,
            keys: keys(source.signing_keys)?,
            servers: target::servers(definitions),
            rules: Rules::new(definitions),
            clients: clients(definitions, source.secrets),
            digester: source.digester,
            proofs: source.proofs,
            dpop_nonce: definitions.dpop_nonce,
        })
    }

    pub(crate) fn client(&self, id: &str) -> Option<&ClientEntry> {
        self.clients.get(id)
    }
}

/// What stands in a quoted string of a challenge: no quotes, no controls.
fn realm(company: &str) -> String {
    company.chars().filter(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\')).collect()
}

fn clients(
    definitions: &Definitions,
    secrets: Vec<SecretCredential>,
) -> HashMap<Name, ClientEntry> {
    let entry = |client: &Client| {
        let partner = definitions.partners.get(&client.partner);
        ClientEntry {
            client: client.clone(),
            partner_status: partner.map_or(Status::Suspended, |partner| partner.status),
            secrets: Vec::new(),
            keys: inline_keys(client),
        }
    };
    let mut clients: HashMap<Name, ClientEntry> =
        definitions.clients.values().map(|client| (client.id.clone(), entry(client))).collect();
    for secret in secrets {
        if let Some(entry) = clients.get_mut(&secret.client) {
            entry.secrets.push(secret);
        }
    }
    clients
}

/// The file's reader has read them before, so what cannot be read is nobody's fault but ours; such
/// a client proves nothing.
fn inline_keys(client: &Client) -> Option<Arc<KeySet>> {
    let Authentication::PrivateKeyJwt(rule) = &client.authentication else { return None };
    let ClientKeys::Inline(set) = &rule.keys else { return None };
    KeySet::parse_public(set.as_bytes()).ok().map(Arc::new)
}

/// All keys that are published: a token is good as long as its key is.
fn keys(records: &[SigningKeyRecord]) -> Result<Keys, RingError> {
    let read = |record: &SigningKeyRecord| serde_json::from_str::<Jwk>(&record.public_jwk);
    let keys = records.iter().map(read).collect::<Result<_, _>>();
    let keys = keys.map_err(|_| RingError::Unreadable)?;
    Ok(Keys::new(&Jwks { keys })?)
}

fn jwks(records: &[SigningKeyRecord]) -> Result<Document, RingError> {
    let read = |record: &SigningKeyRecord| serde_json::from_str::<Jwk>(&record.public_jwk);
    let keys = records.iter().map(read).collect::<Result<_, _>>();
    let keys = keys.map_err(|_| RingError::Unreadable)?;
    let body = serde_json::to_string(&Jwks { keys }).map_err(|_| RingError::Unreadable)?;
    let kids: Vec<_> =
        records.iter().map(|record| &record.kid[..12.min(record.kid.len())]).collect();
    Ok(Document { etag: format!("\"{}\"", kids.join(".")), body })
}
