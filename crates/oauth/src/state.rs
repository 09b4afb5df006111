//! Clients, their credentials and the signing key as one immutable value.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use credential::{Digester, Vault};
use jwt::{Jwk, Jwks, KeySet, Keys, NonceRule, Proofs, SigningKey, Stage};
use model::{
    Api, Authentication, Client, ClientCredential, ClientKeys, CredentialKind, CredentialUse,
    Definitions, Federation, Name, Profile, SecretCredential, SigningKeyRecord, Status, Timestamp,
};
use store::{UseBook, UseMark};

use crate::claims::Rules;
use crate::ring::{self, RingError};
use crate::rotation::{USUAL, stage};
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
    /// Where the use of credentials is noted.
    pub uses: &'a Arc<UseBook>,
    /// The last days on which declared credentials were used.
    pub declared_uses: &'a [CredentialUse],
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
    /// What signs tokens for an API that has no other signer.
    pub(crate) signing_key: Arc<SigningKey>,
    /// The signers of APIs whose tokens are signed with another algorithm.
    signers: HashMap<String, Arc<SigningKey>>,
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
    /// Whose tokens stand for a client, by client id.
    pub(crate) federation: BTreeMap<Name, Vec<Federation>>,
    pub(crate) profile: Profile,
}

/// A client with its credentials.
pub(crate) struct ClientEntry {
    pub(crate) client: Client,
    pub(crate) partner_status: Status,
    pub(crate) secrets: Vec<SecretCredential>,
    /// Of each secret, where its use is noted.
    pub(crate) marks: Vec<UseMark>,
    /// What is known of each of its declared credentials, in their order.
    declared: Vec<Declared>,
}

/// What is known of a credential that is declared with a client, beside what is said of it there.
pub(crate) struct Declared {
    /// What the tokens say that were got by it.
    pub(crate) id: String,
    /// The public keys that the file has of it.
    pub(crate) keys: Option<Arc<KeySet>>,
    /// Where its use is noted.
    pub(crate) mark: UseMark,
}

/// A declared credential of a client, and what is known of it.
pub(crate) type Own<'s> = (&'s ClientCredential, &'s Declared);

impl ClientEntry {
    /// The declared credentials, whether they count at the moment or not.
    pub(crate) fn own(&self) -> impl Iterator<Item = Own<'_>> {
        self.client.declared().zip(&self.declared)
    }

    /// The declared credentials that count at the moment.
    pub(crate) fn live(&self, now: Timestamp) -> impl Iterator<Item = Own<'_>> {
        self.own().filter(move |(credential, _)| credential.is_live(now))
    }
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
        let keys = ring::active(source.signing_keys, source.vault)?;
        // While an algorithm has no key that signs, the usual one does: see `rotation.rs`.
        let signer = |api: &Api| {
            let key = keys.get(&api.token_algorithm).filter(|_| api.token_algorithm != USUAL)?;
            Some((api.name.to_string(), Arc::clone(key)))
        };
        Ok(Self {
            issuer: definitions.public_url.clone(),
            endpoint: format!("{}/oauth2/token", definitions.public_url),
            realm: realm(&definitions.company),
            scopes: scopes.collect(),
            resources,
            signers: definitions.apis.values().filter_map(signer).collect(),
            signing_key: keys.get(&USUAL).cloned().ok_or(RingError::None)?,
            jwks: jwks(source.signing_keys)?,
            keys: verifying(source.signing_keys)?,
            servers: target::servers(definitions),
            rules: Rules::new(definitions),
            clients: clients(definitions, source.secrets, (source.uses, source.declared_uses)),
            federation: definitions.federation.clone(),
            profile: definitions.profile,
            digester: source.digester,
            proofs: source.proofs,
            dpop_nonce: definitions.dpop_nonce,
        })
    }

    /// The key that signs tokens for an API.
    pub(crate) fn signer(&self, audience: &str) -> &SigningKey {
        self.signers.get(audience).unwrap_or(&self.signing_key)
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
    (uses, declared_uses): (&Arc<UseBook>, &[CredentialUse]),
) -> HashMap<Name, ClientEntry> {
    let last_used: BTreeMap<&str, Timestamp> =
        declared_uses.iter().map(|used| (used.id.as_str(), used.day)).collect();
    let declared = |client: &Client, credential: &ClientCredential| {
        let id = client.credential_id(credential);
        let day = last_used.get(id.as_str()).copied();
        let mark = uses.mark(CredentialKind::Declared, &id, day);
        Declared { keys: inline_keys(&credential.authentication), mark, id }
    };
    let entry = |client: &Client| {
        let partner = definitions.partners.get(&client.partner);
        ClientEntry {
            client: client.clone(),
            partner_status: partner.map_or(Status::Suspended, |partner| partner.status),
            secrets: Vec::new(),
            marks: Vec::new(),
            declared: client.declared().map(|credential| declared(client, credential)).collect(),
        }
    };
    let mut clients: HashMap<Name, ClientEntry> =
        definitions.clients.values().map(|client| (client.id.clone(), entry(client))).collect();
    // A revoked one never opens again, and would cost each request a comparison.
    for secret in secrets.into_iter().filter(|secret| secret.revoked_at.is_none()) {
        if let Some(entry) = clients.get_mut(&secret.client) {
            entry.marks.push(uses.mark(CredentialKind::ClientSecret, &secret.id, secret.last_used));
            entry.secrets.push(secret);
        }
    }
    clients
}

/// The file's reader has read them before, so what cannot be read is nobody's fault but ours; such
/// a credential proves nothing.
fn inline_keys(authentication: &Authentication) -> Option<Arc<KeySet>> {
    let Authentication::PrivateKeyJwt(rule) = authentication else { return None };
    let ClientKeys::Inline(set) = &rule.keys else { return None };
    KeySet::parse_public(set.as_bytes()).ok().map(Arc::new)
}

/// All keys that are published: a token is good as long as its key is.
fn verifying(records: &[SigningKeyRecord]) -> Result<Keys, RingError> {
    let read = |record: &SigningKeyRecord| serde_json::from_str::<Jwk>(&record.public_jwk);
    let keys = records.iter().map(read).collect::<Result<_, _>>();
    let keys = keys.map_err(|_| RingError::Unreadable)?;
    Ok(Keys::new(&Jwks { keys })?)
}

fn jwks(records: &[SigningKeyRecord]) -> Result<Document, RingError> {
    let read = |record: &SigningKeyRecord| serde_json::from_str::<Jwk>(&record.public_jwk);
    let mut records: Vec<&SigningKeyRecord> = records.iter().collect();
    // Order has no meaning (RFC 7517 §5), but some look at the first alone.
    records.sort_by_key(|record| match stage(record) {
        Stage::Active => 0,
        Stage::Next => 1,
        Stage::Retiring => 2,
    });
    let keys = records.into_iter().map(read).collect::<Result<_, _>>();
    let keys = keys.map_err(|_| RingError::Unreadable)?;
    let body = serde_json::to_string(&Jwks { keys }).map_err(|_| RingError::Unreadable)?;
    // RFC 9110 §8.8.1: strong, for it changes with every byte of the set.
    Ok(Document { etag: format!("\"{}\"", jwt::text_digest(&body)), body })
}
