//! A client with credentials of several kinds, which proves itself by one after the other.

use std::net::Ipv4Addr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certificate::Holder;
use credential::{MASTER_BYTES, Master};
use jwt::{Algorithm, Assertion, AssertionFault, AssertionKey, Jwks, Make, Proofs, SigningKey};
use listener::Trusted;
use model::{
    AssertionRule, Client, ClientCredential, ClientKeys, Clock, CredentialKind, Definitions,
    Partner, Random, SecretCredential,
};
use store::{DenyList, UseBook};
use testkit::MemStore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::*;
use crate::state::Source;
use crate::{
    ForeignVerifier, Observer, PublishedKeys, Revocation, TokenRecord, Verifying, WorkloadFault,
    World, ring,
};

const ISSUER: &str = "https://tires.example";
const SECRET: &str = "gps_0123456789abc_a-secret-of-the-test";
const TYPE: &str = "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Everything that the token service needs of its surroundings and these tests do not.
struct Surroundings;

impl Clock for Surroundings {
    fn now(&self) -> Timestamp {
        now()
    }

    fn ticks_ns(&self) -> u64 {
        0
    }
}

impl Random for Surroundings {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

impl Observer for Surroundings {
    fn record(&self, _: TokenRecord) {}

    fn revoked(&self, _: &Revocation) {}
}

impl ForeignVerifier for Surroundings {
    fn verify<'a>(&'a self, _: &'a str, _: &'a [Name], _: Timestamp) -> Verifying<'a> {
        Box::pin(async { Err(WorkloadFault::NotTrusted) })
    }
}

fn now() -> Timestamp {
    Timestamp::from_ms(1_800_000_000_000)
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// A client's key: what signs, its name, and the set that its public half is in.
struct Key {
    private: AssertionKey,
    kid: String,
    set: String,
}

impl Key {
    fn new() -> Self {
        let der = SigningKey::generate().unwrap();
        let public = SigningKey::from_pkcs8(&der).unwrap().jwk().clone();
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(&*der)
        );
        Self {
            private: AssertionKey::parse(&pem).unwrap(),
            kid: public.kid.clone(),
            set: serde_json::to_string(&Jwks { keys: vec![public] }).unwrap(),
        }
    }

    fn way(&self) -> Authentication {
        Authentication::PrivateKeyJwt(AssertionRule {
            keys: ClientKeys::Inline(self.set.clone()),
            algorithms: vec![Algorithm::Es256],
            legacy_audience: false,
        })
    }

    /// The body of a request with an assertion for an audience, under this name.
    fn signed(&self, audience: &str, id: &str) -> String {
        let (client_id, now_s) = ("orders", now().seconds());
        let assertion = Assertion { client_id, audience, id, now_s, lifetime_s: 60 };
        format!("{TYPE}&client_assertion={}", self.private.sign(&assertion, Some(&self.kid)))
    }
}

/// A client with two keys, a certificate and a secret.
struct Scene {
    service: Service,
    uses: Arc<UseBook>,
    keys: [Key; 2],
    certificate: ClientCertificate,
}

impl Scene {
    fn new() -> Self {
        Self::with(|_| {})
    }

    /// The same, with credentials that were changed.
    fn with(change: impl FnOnce(&mut Vec<ClientCredential>)) -> Self {
        let keys = [Key::new(), Key::new()];
        let certificate = ClientCertificate::new(b"a certificate", false);
        let entry = |text: &str, authentication| ClientCredential {
            name: Some(name(text)),
            ..ClientCredential::only(authentication)
        };
        let mut credentials = vec![
            entry("k1", keys[0].way()),
            entry("k2", keys[1].way()),
            entry("hsm", Authentication::TlsCertificates(vec![certificate.fingerprint])),
            entry("secret", Authentication::Secret),
        ];
        change(&mut credentials);
        let client = Client { credentials, ..Client::new(name("orders"), name("cars")) };
        let uses = Arc::new(UseBook::default());
        let state = state(client, &uses);
        let state = Arc::new(ArcSwap::from_pointee(state));
        let service = Service { state, world: world(), replays: Arc::default() };
        Self { service, uses, keys, certificate }
    }

    /// By which credential and method a request proves to be of the client.
    fn ask(
        &self,
        body: &str,
        certificate: Option<&ClientCertificate>,
    ) -> Result<(String, &'static str), Refusal> {
        let (state, form) = (self.service.state.load_full(), Form::parse(body.as_bytes())?);
        let address = Ipv4Addr::LOCALHOST.into();
        let with = Proving { certificate, address, now: now(), ticks_ns: 0 };
        let claim = claim(&self.service, &state, (&HeaderMap::new(), &form), with)?;
        let proven = prove(&self.service, &state, &claim, with)?;
        Ok((proven.credential.unwrap_or_default().to_owned(), proven.method))
    }

    fn by_key(&self, at: usize, id: &str) -> Result<(String, &'static str), Refusal> {
        self.ask(&self.keys[at].signed(ISSUER, id), None)
    }

    fn by_certificate(&self) -> Result<(String, &'static str), Refusal> {
        self.ask("client_id=orders", Some(&self.certificate))
    }

    fn by_secret(&self) -> Result<(String, &'static str), Refusal> {
        self.ask(&format!("client_id=orders&client_secret={SECRET}"), None)
    }
}

fn state(client: Client, uses: &Arc<UseBook>) -> State {
    let master = Master::new([3; MASTER_BYTES]);
    let (vault, digester) = (master.vault(), Arc::new(master.digester()));
    let partner = Partner {
        name: name("cars"),
        title: "Cars".to_owned(),
        contact: None,
        plan: None,
        allow_ips: Vec::new(),
        certificates: Vec::new(),
        status: Status::Active,
    };
    let secret = SecretCredential {
        id: "s1".to_owned(),
        client: client.id.clone(),
        digest: digester.digest(SECRET),
        last_four: "test".to_owned(),
        created_at: now(),
        not_before: None,
        expires_at: None,
        revoked_at: None,
        last_used: None,
        imported: false,
    };
    let mut definitions = Definitions { public_url: ISSUER.to_owned(), ..Definitions::default() };
    definitions.partners.insert(partner.name.clone(), partner);
    definitions.clients.insert(client.id.clone(), client);
    let makers = (&vault, &Surroundings as &dyn Random);
    let signing_key = ring::make(Algorithm::Es256, Make::Active, makers, now()).unwrap();
    let source = Source {
        definitions: &definitions,
        secrets: vec![secret],
        signing_keys: &[signing_key],
        digester,
        vault: &vault,
        proofs: Arc::new(Proofs::new(&master.proof_nonce_key())),
        uses,
        declared_uses: &[],
    };
    State::build(source).unwrap()
}

fn world() -> World {
    let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
    let keys = PublishedKeys::new(Arc::new(Surroundings), Arc::new(Surroundings), tracker, stop);
    World {
        clock: Arc::new(Surroundings),
        random: Arc::new(Surroundings),
        observer: Arc::new(Surroundings),
        keys: Arc::new(keys),
        trusted: Arc::new(Trusted::default()),
        certificates: true,
        store: Arc::new(MemStore::new()),
        denied: Arc::new(DenyList::new()),
        limits: Arc::default(),
        foreign: Arc::new(Surroundings),
    }
}

fn by(credential: &str, method: &'static str) -> (String, &'static str) {
    (credential.to_owned(), method)
}

#[test]
fn each_of_a_clients_credentials_lets_it_in_and_its_use_is_noted() {
    let scene = Scene::new();
    assert_eq!(scene.by_key(0, "j1"), Ok(by("orders/k1", "private_key_jwt")));
    assert_eq!(scene.by_key(1, "j2"), Ok(by("orders/k2", "private_key_jwt")));
    assert_eq!(scene.by_certificate(), Ok(by("orders/hsm", "self_signed_tls_client_auth")));
    let uses = scene.uses.drain();
    let ids: Vec<&str> = uses.iter().map(|used| used.id.as_str()).collect();
    assert_eq!(ids, ["orders/hsm", "orders/k1", "orders/k2"]);
    assert!(uses.iter().all(|used| used.kind == CredentialKind::Declared));
    assert_eq!(scene.by_secret(), Ok(by("s1", "client_secret_post")));
    let uses = scene.uses.drain();
    assert_eq!(uses.len(), 1);
    assert_eq!((uses[0].kind, uses[0].id.as_str()), (CredentialKind::ClientSecret, "s1"));
}

#[test]
fn what_is_wrong_is_refused_whatever_else_the_client_has() {
    let scene = Scene::new();
    let stranger = Key::new();
    let signed = stranger.signed(ISSUER, "j1");
    assert_eq!(scene.ask(&signed, None), Err(Refusal::AssertionUnproven));
    let other = ClientCertificate::new(b"another certificate", true);
    assert_eq!(scene.ask("client_id=orders", Some(&other)), Err(Refusal::Certificate));
    assert_eq!(scene.ask("client_id=orders", None), Err(Refusal::ClientMissing));
    let wrong = "client_id=orders&client_secret=wrong";
    assert_eq!(scene.ask(wrong, None), Err(Refusal::Client));
    assert!(scene.uses.drain().is_empty(), "what proves nothing is no use");
}

#[test]
fn a_credential_counts_in_its_time_alone_and_the_others_go_on() {
    let (soon, before) = (now().plus_ms(1), now().plus_ms(-1));
    let scene = Scene::with(|credentials| {
        credentials[0].expires_at = Some(now());
        credentials[1].not_before = Some(now());
        credentials[2].not_before = Some(soon);
    });
    assert_eq!(scene.by_key(0, "j1"), Err(Refusal::AssertionUnproven), "it has ended");
    assert_eq!(scene.by_key(1, "j2"), Ok(by("orders/k2", "private_key_jwt")));
    assert_eq!(scene.by_certificate(), Err(Refusal::Certificate), "it is not good yet");
    assert_eq!(scene.by_secret(), Ok(by("s1", "client_secret_post")));
    let scene = Scene::with(|credentials| {
        credentials[0].expires_at = Some(soon);
        credentials[2].not_before = Some(before);
    });
    assert_eq!(scene.by_key(0, "j1"), Ok(by("orders/k1", "private_key_jwt")));
    assert_eq!(scene.by_certificate(), Ok(by("orders/hsm", "self_signed_tls_client_auth")));
}

#[test]
fn operators_are_told_of_each_credential_why_it_did_not_count() {
    let day_ms = 86_400_000;
    let scene = Scene::with(|credentials| {
        credentials[0].expires_at = Some(now());
        credentials[1].not_before = Some(now().plus_ms(day_ms));
        credentials[2].not_before = Some(now().plus_ms(day_ms));
        let other = Authentication::TlsCertificates(vec![[1; 32]]);
        credentials.push(ClientCredential::only(other));
    });
    let state = scene.service.state.load_full();
    let client = state.client("orders").unwrap();
    let signed = scene.keys[0].signed(ISSUER, "j1");
    let form = Form::parse(signed.as_bytes()).unwrap();
    let text = form.get("client_assertion").unwrap();
    let claimed = ClaimedAssertion::read(text, &assertion::demand(&state, now())).unwrap();
    let signer = assertion::signer(&scene.service, (client, state.profile), &claimed, now());
    let faults = signer.map(drop).unwrap_err();
    assert_eq!(faults, "k1: ended 2027-01-15T08:00:00Z; k2: not before 2027-01-16T08:00:00Z");
    let faults = certificates::holder(client, &scene.certificate, now()).map(drop).unwrap_err();
    let expected = "hsm: not before 2027-01-16T08:00:00Z; self_signed_tls_client_auth: it is \
                    another certificate";
    assert_eq!(faults, expected);
    // One that is live is told of by what is wrong with the signature.
    let scene = Scene::with(|credentials| credentials[0].expires_at = Some(now()));
    let state = scene.service.state.load_full();
    let client = state.client("orders").unwrap();
    let signer = assertion::signer(&scene.service, (client, state.profile), &claimed, now());
    let faults = signer.map(drop).unwrap_err();
    let (over, wrong) = faults.split_once("; ").unwrap();
    assert_eq!(over, "k1: ended 2027-01-15T08:00:00Z");
    assert!(wrong.starts_with("k2: ") && !wrong.contains("before"), "{faults}");
}

#[test]
fn what_is_removed_or_of_a_kind_that_is_not_there_is_refused() {
    let scene = Scene::with(|credentials| drop(credentials.remove(0)));
    assert_eq!(scene.by_key(0, "j1"), Err(Refusal::AssertionUnproven));
    assert_eq!(scene.by_key(1, "j2"), Ok(by("orders/k2", "private_key_jwt")));
    let scene = Scene::with(|credentials| credentials.truncate(1));
    assert_eq!(scene.by_certificate(), Err(Refusal::Certificate));
    // Its secret is in the store still.
    assert_eq!(scene.by_secret(), Err(Refusal::Client));
    assert_eq!(scene.by_key(0, "j1"), Ok(by("orders/k1", "private_key_jwt")));
    let scene = Scene::with(|credentials| drop(credentials.drain(..3)));
    assert_eq!(scene.by_key(0, "j1"), Err(Refusal::AssertionUnproven));
    assert_eq!(scene.by_secret(), Ok(by("s1", "client_secret_post")));
}

#[test]
fn an_assertion_counts_once_over_all_keys_and_is_not_used_up_by_a_failure() {
    let scene = Scene::new();
    let stranger = Key::new().signed(ISSUER, "j1");
    assert_eq!(scene.ask(&stranger, None), Err(Refusal::AssertionUnproven));
    assert_eq!(scene.by_key(1, "j1"), Ok(by("orders/k2", "private_key_jwt")));
    assert_eq!(scene.by_key(1, "j1"), Err(Refusal::AssertionReused));
    assert_eq!(scene.by_key(0, "j1"), Err(Refusal::AssertionReused));
}

#[test]
fn each_key_is_held_to_its_own_rule() {
    let scene = Scene::with(|credentials| {
        for (at, change) in [(0, Algorithm::Ps256), (1, Algorithm::Es256)] {
            let Authentication::PrivateKeyJwt(rule) = &mut credentials[at].authentication else {
                panic!("no key");
            };
            rule.algorithms = vec![change];
            rule.legacy_audience = at == 1;
        }
    });
    assert_eq!(scene.by_key(0, "j1"), Err(Refusal::AssertionUnproven), "another algorithm");
    assert_eq!(scene.by_key(1, "j2"), Ok(by("orders/k2", "private_key_jwt")));
    let endpoint = format!("{ISSUER}/oauth2/token");
    let [strict, legacy] = scene.keys.each_ref().map(|key| key.signed(&endpoint, "j3"));
    let refused = Err(Refusal::Assertion(AssertionFault::Audience));
    assert_eq!(scene.ask(&strict, None), refused);
    assert_eq!(scene.ask(&legacy, None), Ok(by("orders/k2", "private_key_jwt")));
}

#[test]
fn the_method_is_that_of_the_certificate_that_it_was() {
    let scene = Scene::with(|credentials| {
        let way = Authentication::TlsName(Holder::Dns("orders.cars.example".to_owned()));
        credentials.insert(0, ClientCredential::only(way));
    });
    assert_eq!(scene.by_certificate(), Ok(by("orders/hsm", "self_signed_tls_client_auth")));
    let state = scene.service.state.load();
    assert_eq!(Claim::Certificate("orders").method(&state), "tls_client_auth");
    // Where none was shown it was by none of them.
    let form = Form::parse(b"client_id=orders").unwrap();
    let address = Ipv4Addr::LOCALHOST.into();
    let with = Proving { certificate: None, address, now: now(), ticks_ns: 0 };
    let claim = claim(&scene.service, &state, (&HeaderMap::new(), &form), with).unwrap();
    assert_eq!((claim.client_id(), claim.method(&state)), ("orders", "none"));
}
