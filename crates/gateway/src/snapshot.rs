//! Routes, keys, clients and signing keys as one immutable value.
//!
//! Built anew when definitions or credentials change and swapped in one step; requests under way
//! keep the one they began with. Meters live on from snapshot to snapshot, so that a change of
//! anything does not refill anybody's bucket.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use credential::{Digest, Digester};
use jwt::{Jwk, Jwks, Keys};
use model::{
    Api, Definitions, IpNet, KeyCredential, Name, Partner, SigningKeyRecord, Status, Timestamp,
    UsagePlan,
};

use crate::checks::plan::Meter;
use crate::routes::Tree;
use crate::token_memory::TokenMemory;

/// What a snapshot is built from.
pub struct Source<'a> {
    /// What the company defines.
    pub definitions: &'a Definitions,
    /// The values of API keys.
    pub keys: Vec<KeyCredential>,
    /// The signing keys of our own token service.
    pub signing_keys: &'a [SigningKeyRecord],
    /// Digests API keys.
    pub digester: Arc<Digester>,
}

/// The stored signing keys are not in the form this version writes.
#[derive(Debug, thiserror::Error)]
#[error("a stored signing key cannot be read")]
pub struct BuildError;

/// Everything a request is checked against.
pub struct Snapshot {
    apis: Vec<Arc<ApiEntry>>,
    keys: HashMap<String, Arc<KeyEntry>>,
    clients: HashMap<Name, ClientEntry>,
    partners: BTreeMap<Name, Arc<PartnerEntry>>,
    meters: BTreeMap<String, Arc<Meter>>,
    pub(crate) issuer: String,
    pub(crate) signing_keys: Keys,
    pub(crate) digester: Arc<Digester>,
    pub(crate) tokens: TokenMemory,
}

/// An API with its routes as a tree.
pub(crate) struct ApiEntry {
    pub(crate) api: Api,
    pub(crate) tree: Tree,
    pub(crate) realm: String,
    /// Where the API describes itself to clients (RFC 9728).
    pub(crate) metadata_url: String,
}

/// One value of an API key.
pub(crate) struct KeyEntry {
    pub(crate) id: String,
    pub(crate) digest: Digest,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) revoked: bool,
    pub(crate) partner: Arc<PartnerEntry>,
    pub(crate) plan: Option<Arc<UsagePlan>>,
    pub(crate) meter: Arc<Meter>,
}

/// A client, as far as a token of it is concerned.
#[derive(Clone)]
pub(crate) struct ClientEntry {
    pub(crate) partner: Arc<PartnerEntry>,
    pub(crate) status: Status,
}

/// A partner, as far as its requests are concerned.
pub(crate) struct PartnerEntry {
    pub(crate) name: Name,
    pub(crate) status: Status,
    pub(crate) allow_ips: Vec<IpNet>,
}

impl Snapshot {
    /// Builds a snapshot; meters are taken over from `before`.
    pub fn build(source: Source<'_>, before: Option<&Self>) -> Result<Self, BuildError> {
        let definitions = source.definitions;
        let partners = partners(definitions);
        let mut meters = BTreeMap::new();
        let mut keys = HashMap::new();
        for credential in source.keys {
            let Some(entry) = key(credential, definitions, &partners, |meter| {
                let kept = before.and_then(|before| before.meters.get(meter).cloned());
                Arc::clone(meters.entry(meter.to_owned()).or_insert_with(|| {
                    kept.unwrap_or_else(|| Arc::new(Meter::new(meter.to_owned())))
                }))
            }) else {
                continue;
            };
            keys.insert(entry.id.clone(), Arc::new(entry));
        }
        Ok(Self {
            apis: apis(definitions),
            keys,
            clients: clients(definitions, &partners),
            partners,
            meters,
            issuer: definitions.public_url.clone(),
            signing_keys: signing_keys(source.signing_keys)?,
            digester: source.digester,
            tokens: TokenMemory::default(),
        })
    }

    /// APIs, the longest base path first.
    pub(crate) fn apis(&self) -> &[Arc<ApiEntry>] {
        &self.apis
    }

    pub(crate) fn key(&self, id: &str) -> Option<&Arc<KeyEntry>> {
        self.keys.get(id)
    }

    pub(crate) fn client(&self, id: &str) -> Option<&ClientEntry> {
        self.clients.get(id)
    }

    pub(crate) fn partner(&self, name: &Name) -> Option<&Arc<PartnerEntry>> {
        self.partners.get(name)
    }

    /// The meters, to give unspent leases back at the end.
    pub fn meters(&self) -> impl Iterator<Item = &Arc<Meter>> {
        self.meters.values()
    }
}

fn apis(definitions: &Definitions) -> Vec<Arc<ApiEntry>> {
    let entry = |api: &Api| {
        let realm = format!("{} {}", definitions.company, api.name);
        // The realm stands in a quoted string (RFC 9110 §5.6.4): no quotes, no controls.
        let realm = realm.chars().filter(|c| c.is_ascii_graphic() || *c == ' ');
        let realm = realm.filter(|c| !matches!(c, '"' | '\\')).collect();
        let (issuer, base) = (&definitions.public_url, &api.base_path);
        // RFC 9728 §3.1: the well-known part stands between the host and the resource's own path.
        let metadata_url = format!("{issuer}/.well-known/oauth-protected-resource{base}");
        Arc::new(ApiEntry { tree: Tree::new(&api.routes), api: api.clone(), realm, metadata_url })
    };
    let mut apis: Vec<_> = definitions.apis.values().map(entry).collect();
    apis.sort_by_key(|entry| std::cmp::Reverse(entry.api.base_path.len()));
    apis
}

fn partners(definitions: &Definitions) -> BTreeMap<Name, Arc<PartnerEntry>> {
    let entry = |partner: &Partner| PartnerEntry {
        name: partner.name.clone(),
        status: partner.status,
        allow_ips: partner.allow_ips.clone(),
    };
    let partners = definitions.partners.values();
    partners.map(|partner| (partner.name.clone(), Arc::new(entry(partner)))).collect()
}

fn clients(
    definitions: &Definitions,
    partners: &BTreeMap<Name, Arc<PartnerEntry>>,
) -> HashMap<Name, ClientEntry> {
    let clients = definitions.clients.values();
    clients
        .filter_map(|client| {
            let partner = Arc::clone(partners.get(&client.partner)?);
            Some((client.id.clone(), ClientEntry { partner, status: client.status }))
        })
        .collect()
}

/// A value whose key is no longer defined opens nothing and is left out.
fn key(
    credential: KeyCredential,
    definitions: &Definitions,
    partners: &BTreeMap<Name, Arc<PartnerEntry>>,
    meter: impl FnOnce(&str) -> Arc<Meter>,
) -> Option<KeyEntry> {
    let key = definitions.api_keys.get(&credential.key)?;
    let partner = partners.get(&key.partner).filter(|p| p.name == credential.partner)?;
    let of_partner = definitions.partners.get(&key.partner).and_then(|p| p.plan.as_ref());
    let plan = key.plan.as_ref().or(of_partner).and_then(|plan| definitions.plans.get(plan));
    Some(KeyEntry {
        digest: credential.digest,
        expires_at: credential.expires_at,
        revoked: credential.revoked_at.is_some(),
        partner: Arc::clone(partner),
        plan: plan.cloned().map(Arc::new),
        meter: meter(&format!("{}/{}", key.partner, key.name)),
        id: credential.id,
    })
}

fn signing_keys(records: &[SigningKeyRecord]) -> Result<Keys, BuildError> {
    let read = |record: &SigningKeyRecord| {
        serde_json::from_str::<Jwk>(&record.public_jwk).map_err(|_| BuildError)
    };
    let keys = records.iter().map(read).collect::<Result<_, _>>()?;
    Keys::new(&Jwks { keys }).map_err(|_| BuildError)
}
