//! Clients, their secrets and the signing key as one immutable value.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use credential::{Digester, Vault};
use jwt::{Jwk, Jwks, SigningKey};
use model::{
    Api, Client, Definitions, Federation, Name, Profile, SecretCredential, SigningKeyRecord, Status,
};

use crate::ring::{self, RingError};

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
}

/// Everything a token request is judged by.
pub struct State {
    pub(crate) issuer: String,
    pub(crate) realm: String,
    pub(crate) scopes: Vec<String>,
    /// The APIs by their base paths.
    pub(crate) resources: BTreeMap<String, Resource>,
    pub(crate) digester: Arc<Digester>,
    pub(crate) signing_key: SigningKey,
    pub(crate) jwks: Document,
    clients: HashMap<Name, ClientEntry>,
    /// Whose tokens stand for a client, by client id.
    pub(crate) federation: BTreeMap<Name, Vec<Federation>>,
    pub(crate) profile: Profile,
}

/// A client with its secrets.
pub(crate) struct ClientEntry {
    pub(crate) client: Client,
    pub(crate) partner_status: Status,
    pub(crate) secrets: Vec<SecretCredential>,
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
            realm: realm(&definitions.company),
            scopes: scopes.collect(),
            resources,
            signing_key: ring::active(source.signing_keys, source.vault)?,
            jwks: jwks(source.signing_keys)?,
            clients: clients(definitions, source.secrets),
            federation: definitions.federation.clone(),
            profile: definitions.profile,
            digester: source.digester,
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

fn jwks(records: &[SigningKeyRecord]) -> Result<Document, RingError> {
    let read = |record: &SigningKeyRecord| serde_json::from_str::<Jwk>(&record.public_jwk);
    let keys = records.iter().map(read).collect::<Result<_, _>>();
    let keys = keys.map_err(|_| RingError::Unreadable)?;
    let body = serde_json::to_string(&Jwks { keys }).map_err(|_| RingError::Unreadable)?;
    let kids: Vec<_> =
        records.iter().map(|record| &record.kid[..12.min(record.kid.len())]).collect();
    Ok(Document { etag: format!("\"{}\"", kids.join(".")), body })
}
