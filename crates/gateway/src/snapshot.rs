//! Routes, keys, clients and signing keys as one immutable value.
//!
//! Built anew when definitions or credentials change and swapped in one step; requests under way
//! keep the one they began with. Meters live on from snapshot to snapshot, so that a change of
//! anything does not refill anybody's bucket.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use contract::Contract;
use credential::{Digest, Digester};
use http::{HeaderName, HeaderValue};
use jwt::{Algorithm, Jwk, Jwks, Keys, PROOF_ALGORITHMS, Proofs};
use limit::Bucket;
use model::{
    Api, CredentialKind, Definitions, Function, HeaderRules, IpNet, KeyCredential, Name, Partner,
    Service, SigningKeyRecord, Status, Timestamp, Upstream, UsagePlan,
};
use store::{DenyList, UseBook, UseMark};

use crate::checks::plan::Meter;
use crate::damper::Damper;
use crate::routes::Tree;
use crate::service::ServiceState;
use crate::token_memory::TokenMemory;

/// What requests are held against, for each API that wants it.
pub type Contracts = BTreeMap<Name, Arc<Contract>>;

/// What a snapshot is built from.
pub struct Source<'a> {
    /// What the company defines.
    pub definitions: &'a Definitions,
    /// The contracts of its APIs.
    pub contracts: &'a Contracts,
    /// The values of API keys.
    pub keys: Vec<KeyCredential>,
    /// The signing keys of our own token service.
    pub signing_keys: &'a [SigningKeyRecord],
    /// Digests API keys.
    pub digester: Arc<Digester>,
    /// Knows proofs of possession again; the same over all snapshots.
    pub proofs: Arc<Proofs>,
    /// The tokens that are refused before their end.
    pub denied: Arc<DenyList>,
    /// Where the use of keys is noted.
    pub uses: &'a Arc<UseBook>,
}

/// The stored signing keys are not in the form this version writes.
#[derive(Debug, thiserror::Error)]
#[error("a stored signing key cannot be read")]
pub struct BuildError;

/// An address behind an API, as it is at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressState {
    /// The API.
    pub api: Name,
    /// Host and port.
    pub address: String,
    /// Whether it gets no calls, because of its health checks or of calls that failed.
    pub is_out: bool,
}

/// What the operator has written decides which names are in such a table, and callers only look
/// names up in it: a fast hash is enough.
type Table<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// Everything a request is checked against.
pub struct Snapshot {
    /// No other one has it.
    pub(crate) number: u64,
    apis: Vec<Arc<ApiEntry>>,
    keys: Table<String, Arc<KeyEntry>>,
    clients: Table<Name, ClientEntry>,
    partners: BTreeMap<Name, Arc<PartnerEntry>>,
    meters: BTreeMap<String, Arc<Meter>>,
    pub(crate) issuer: String,
    pub(crate) signing_keys: Keys,
    pub(crate) digester: Arc<Digester>,
    pub(crate) tokens: TokenMemory,
    /// Changes without a new snapshot.
    pub(crate) denied: Arc<DenyList>,
    pub(crate) damper: Arc<Damper>,
    pub(crate) proofs: Arc<Proofs>,
    /// The algorithms that the profile in force permits for them.
    pub(crate) proof_algorithms: Vec<Algorithm>,
}

/// Numbers routes and partners over the whole life of the program, so that what is counted by
/// number is never another's.
static NEXT_NUMBER: AtomicUsize = AtomicUsize::new(1);
/// Numbers snapshots, so that what is known by one is not taken for what another says.
static NEXT_SNAPSHOT: AtomicU64 = AtomicU64::new(1);

/// An API with its routes as a tree.
pub(crate) struct ApiEntry {
    /// The number of its first route; the others follow.
    pub(crate) number: usize,
    pub(crate) api: Api,
    pub(crate) tree: Tree,
    pub(crate) realm: String,
    /// Where the API describes itself to clients (RFC 9728).
    pub(crate) metadata_url: String,
    /// The algorithms that proofs may have, as its challenges list them (RFC 9449 §7.1, `algs`).
    pub(crate) proof_algorithms: String,
    /// The routes as the file has them, `POST /orders`.
    pub(crate) route_keys: Vec<String>,
    pub(crate) key_header: HeaderName,
    pub(crate) request_headers: Rules,
    pub(crate) response_headers: Rules,
    /// What counts all callers together.
    pub(crate) bucket: Arc<Bucket>,
    pub(crate) upstream: Arc<ServiceState>,
    pub(crate) canary: Option<(Arc<ServiceState>, u32)>,
    /// For each route, the endpoint of the function that answers instead.
    pub(crate) functions: Vec<Option<Arc<ServiceState>>>,
    /// What requests are held against.
    pub(crate) contract: Option<Arc<Contract>>,
}

/// Rules for headers, ready to be applied.
#[derive(Default)]
pub(crate) struct Rules {
    pub(crate) set: Vec<(HeaderName, HeaderValue)>,
    pub(crate) remove: Vec<HeaderName>,
}

impl Rules {
    fn new(rules: &HeaderRules) -> Self {
        let name = |text: &str| HeaderName::from_bytes(text.as_bytes()).ok();
        let set = rules.set.iter().filter_map(|(header, value)| {
            Some((name(header)?, HeaderValue::from_str(value).ok()?))
        });
        let remove = rules.remove.iter().filter_map(|header| name(header));
        Self { set: set.collect(), remove: remove.collect() }
    }
}

impl ApiEntry {
    /// The service that a partner's calls go to: the same one as long as the canary's part stays.
    pub(crate) fn service(&self, partner: Option<&Name>, address: IpAddr) -> &Arc<ServiceState> {
        let Some((canary, percent)) = &self.canary else { return &self.upstream };
        let who = partner.map_or_else(|| address.to_string(), ToString::to_string);
        // FNV-1a: spreads names evenly, and the same way at every start.
        let hash = who.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        if (hash >> 32) % 100 < u64::from(*percent) { canary } else { &self.upstream }
    }
}

/// One value of an API key.
pub(crate) struct KeyEntry {
    pub(crate) id: String,
    /// The name of the key that it is a value of.
    pub(crate) name: Name,
    /// The id as the service gets it.
    pub(crate) id_value: HeaderValue,
    pub(crate) digest: Digest,
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) revoked: bool,
    /// Where its use is noted.
    pub(crate) mark: UseMark,
    pub(crate) partner: Arc<PartnerEntry>,
    pub(crate) plan: Option<Arc<UsagePlan>>,
    pub(crate) meter: Arc<Meter>,
}

/// A client, as far as a token of it is concerned.
#[derive(Clone)]
pub(crate) struct ClientEntry {
    pub(crate) partner: Arc<PartnerEntry>,
    pub(crate) status: Status,
    /// From when on its tokens are no longer good.
    pub(crate) expires_at: Option<Timestamp>,
}

/// A partner, as far as its requests are concerned.
pub(crate) struct PartnerEntry {
    pub(crate) number: usize,
    pub(crate) name: Name,
    pub(crate) status: Status,
    pub(crate) allow_ips: Vec<IpNet>,
    /// Fingerprints of the certificates it must call with; empty means any or none.
    pub(crate) certificates: Vec<[u8; 32]>,
    /// Its requests under way, where its plan bounds them.
    pub(crate) under_way: Arc<AtomicU32>,
}

impl Snapshot {
    /// Builds a snapshot; meters are taken over from `before`.
    pub fn build(source: Source<'_>, before: Option<&Self>) -> Result<Self, BuildError> {
        let definitions = source.definitions;
        let partners = partners(definitions, before);
        let mut meters = BTreeMap::new();
        let mut keys = Table::default();
        for credential in source.keys {
            let Some(entry) = key(credential, definitions, &partners, source.uses, |meter| {
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
            number: NEXT_SNAPSHOT.fetch_add(1, Ordering::Relaxed),
            apis: apis(definitions, source.contracts, before),
            keys,
            clients: clients(definitions, &partners),
            partners,
            meters,
            issuer: definitions.public_url.clone(),
            signing_keys: signing_keys(source.signing_keys)?,
            digester: source.digester,
            proofs: source.proofs,
            proof_algorithms: definitions.profile.permitted(&PROOF_ALGORITHMS),
            tokens: TokenMemory::default(),
            denied: source.denied,
            damper: before.map_or_else(Arc::default, |before| Arc::clone(&before.damper)),
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

    /// The services of all APIs.
    pub(crate) fn services(&self) -> Vec<Arc<ServiceState>> {
        let mut services = Vec::new();
        for entry in &self.apis {
            services.push(Arc::clone(&entry.upstream));
            services.extend(entry.canary.iter().map(|(canary, _)| Arc::clone(canary)));
        }
        services
    }

    /// The addresses of the services and functions of all APIs, and how each is at the moment.
    pub fn addresses(&self, now_ns: u64) -> Vec<AddressState> {
        let mut addresses = Vec::new();
        for entry in &self.apis {
            let canary = entry.canary.iter().map(|(canary, _)| canary);
            let states = std::iter::once(&entry.upstream).chain(canary);
            let states = states.chain(entry.functions.iter().flatten());
            for member in states.flat_map(|state| &state.members) {
                addresses.push(AddressState {
                    api: entry.api.name.clone(),
                    address: member.upstream.authority.clone(),
                    is_out: member.is_out(now_ns),
                });
            }
        }
        addresses
    }

    pub(crate) fn partner(&self, name: &Name) -> Option<&Arc<PartnerEntry>> {
        self.partners.get(name)
    }

    /// The meters, to give unspent leases back at the end.
    pub fn meters(&self) -> impl Iterator<Item = &Arc<Meter>> {
        self.meters.values()
    }
}

fn apis(
    definitions: &Definitions,
    contracts: &Contracts,
    before: Option<&Snapshot>,
) -> Vec<Arc<ApiEntry>> {
    let proof_algorithms = jwt::proof_algorithm_names();
    let proof_algorithms = definitions.profile.permitted_names(&proof_algorithms).join(" ");
    let entry = |api: &Api| {
        let same = |entry: &&Arc<ApiEntry>| entry.api.name == api.name;
        let known = before.and_then(|before| before.apis.iter().find(same));
        let realm = format!("{} {}", definitions.company, api.name);
        // The realm stands in a quoted string (RFC 9110 §5.6.4): no quotes, no controls.
        let realm = realm.chars().filter(|c| c.is_ascii_graphic() || *c == ' ');
        let realm = realm.filter(|c| !matches!(c, '"' | '\\')).collect();
        let (issuer, base) = (&definitions.public_url, &api.base_path);
        // RFC 9728 §3.1: the well-known part stands between the host and the resource's own path.
        let metadata_url = format!("{issuer}/.well-known/oauth-protected-resource{base}");
        let state = |service: &Service, known: Option<&Arc<ServiceState>>| {
            // How its addresses do is remembered as long as they are the same.
            let known = known.filter(|known| known.service == *service);
            known.map_or_else(|| Arc::new(ServiceState::new(service.clone())), Arc::clone)
        };
        let name = HeaderName::from_bytes(api.key_header.as_bytes());
        Arc::new(ApiEntry {
            number: NEXT_NUMBER.fetch_add(api.routes.len().max(1), Ordering::Relaxed),
            tree: Tree::new(&api.routes),
            route_keys: api.routes.iter().map(model::Route::key).collect(),
            realm,
            metadata_url,
            proof_algorithms: proof_algorithms.clone(),
            key_header: name.unwrap_or(HeaderName::from_static("x-api-key")),
            request_headers: Rules::new(&api.request_headers),
            response_headers: Rules::new(&api.response_headers),
            bucket: known.map_or_else(Arc::default, |known| Arc::clone(&known.bucket)),
            upstream: state(&api.upstream, known.map(|known| &known.upstream)),
            canary: api.canary.as_ref().map(|canary| {
                let known = known.and_then(|known| known.canary.as_ref()).map(|(known, _)| known);
                (state(&canary.service, known), canary.percent)
            }),
            functions: functions(api, known.map(|known| &**known)),
            contract: contracts.get(&api.name).cloned(),
            api: api.clone(),
        })
    };
    let mut apis: Vec<_> = definitions.apis.values().map(entry).collect();
    apis.sort_by_key(|entry| std::cmp::Reverse(entry.api.base_path.len()));
    apis
}

/// The endpoint of each route's function. Each function has a state of its own, so that one that is
/// always too slow does not take the others out; as before, it is remembered while it is the same.
fn functions(api: &Api, known: Option<&ApiEntry>) -> Vec<Option<Arc<ServiceState>>> {
    let place = |function: &Function| {
        let Upstream { authority, path_prefix } = &function.endpoint;
        (authority.clone(), path_prefix.clone(), function.name.clone())
    };
    let mut states: BTreeMap<_, Arc<ServiceState>> = BTreeMap::new();
    if let Some(known) = known {
        for (route, state) in known.api.routes.iter().zip(&known.functions) {
            if let (Some(function), Some(state)) = (&route.function, state) {
                states.insert(place(function), Arc::clone(state));
            }
        }
    }
    let mut functions = Vec::with_capacity(api.routes.len());
    for route in &api.routes {
        let state = route.function.as_ref().map(|function| {
            let made = || Arc::new(ServiceState::new(Service::at(function.endpoint.clone())));
            Arc::clone(states.entry(place(function)).or_insert_with(made))
        });
        functions.push(state);
    }
    functions
}

fn partners(
    definitions: &Definitions,
    before: Option<&Snapshot>,
) -> BTreeMap<Name, Arc<PartnerEntry>> {
    let entry = |partner: &Partner| {
        let known = before.and_then(|before| before.partners.get(&partner.name));
        PartnerEntry {
            number: known
                .map_or_else(|| NEXT_NUMBER.fetch_add(1, Ordering::Relaxed), |known| known.number),
            name: partner.name.clone(),
            status: partner.status,
            allow_ips: partner.allow_ips.clone(),
            certificates: partner.certificates.clone(),
            under_way: known.map_or_else(Arc::default, |known| Arc::clone(&known.under_way)),
        }
    };
    let partners = definitions.partners.values();
    partners.map(|partner| (partner.name.clone(), Arc::new(entry(partner)))).collect()
}

fn clients(
    definitions: &Definitions,
    partners: &BTreeMap<Name, Arc<PartnerEntry>>,
) -> Table<Name, ClientEntry> {
    let clients = definitions.clients.values();
    clients
        .filter_map(|client| {
            let partner = Arc::clone(partners.get(&client.partner)?);
            let (status, expires_at) = (client.status, client.tokens.expires_at);
            Some((client.id.clone(), ClientEntry { partner, status, expires_at }))
        })
        .collect()
}

/// A value whose key is no longer defined opens nothing and is left out.
fn key(
    credential: KeyCredential,
    definitions: &Definitions,
    partners: &BTreeMap<Name, Arc<PartnerEntry>>,
    uses: &Arc<UseBook>,
    meter: impl FnOnce(&str) -> Arc<Meter>,
) -> Option<KeyEntry> {
    let key = definitions.api_keys.get(&credential.key)?;
    let partner = partners.get(&key.partner).filter(|p| p.name == credential.partner)?;
    let of_partner = definitions.partners.get(&key.partner).and_then(|p| p.plan.as_ref());
    let plan = key.plan.as_ref().or(of_partner).and_then(|plan| definitions.plans.get(plan));
    Some(KeyEntry {
        digest: credential.digest,
        mark: uses.mark(CredentialKind::ApiKey, &credential.id, credential.last_used),
        not_before: credential.not_before,
        expires_at: credential.expires_at,
        revoked: credential.revoked_at.is_some(),
        partner: Arc::clone(partner),
        plan: plan.cloned().map(Arc::new),
        meter: meter(&format!("{}/{}", key.partner, key.name)),
        name: key.name.clone(),
        id_value: HeaderValue::from_str(&credential.id)
            .unwrap_or(HeaderValue::from_static("unknown")),
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
