//! Issuers over real sockets, with a clock of the test's own.

use std::sync::atomic::{AtomicU64, Ordering};

use jwt::SigningKey;
use model::Callers;
use serde_json::json;
use testkit::{Receiver, Reply, until};

use super::*;

/// What the issuer calls itself, wherever its keys are.
const ISS: &str = "https://login.example";
const NOW_S: i64 = 1_800_000_000;
const SECOND_NS: u64 = 1_000_000_000;
const DAY_S: u64 = 86_400;

/// Ticks as the test says; people's time stands.
#[derive(Default)]
struct Hands(AtomicU64);

impl Hands {
    fn later(&self, seconds: u64) {
        self.0.fetch_add(seconds * SECOND_NS, Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(NOW_S * 1000)
    }

    fn ticks_ns(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

impl Random for Hands {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn key() -> SigningKey {
    SigningKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap()
}

fn jwks(keys: &[&SigningKey]) -> String {
    let keys: Vec<_> = keys.iter().map(|key| key.jwk().clone()).collect();
    serde_json::to_string(&jwt::Jwks { keys }).unwrap()
}

fn issuer(issuer: &str, jwks_url: Option<String>) -> Issuer {
    let clients = [("c1".to_owned(), name("cars"))];
    Issuer {
        name: name("azure"),
        issuer: issuer.to_owned(),
        jwks_url,
        audiences: vec!["api://tires".to_owned()],
        algorithms: vec![jwt::Algorithm::Es256],
        token_type: jwt::TokenType::AccessToken,
        client_claim: "client_id".to_owned(),
        scope_claim: None,
        scopes: vec!["tires/create.order".to_owned()],
        allow_private: vec!["127.0.0.0/8".parse().unwrap()],
        callers: Callers::Clients(clients.into()),
    }
}

fn token(key: &SigningKey, iss: &str, client: &str) -> String {
    let claims = AccessToken {
        iss: iss.to_owned(),
        aud: "api://tires".to_owned(),
        sub: client.to_owned(),
        client_id: client.to_owned(),
        scope: "tires/create.order tires/cancel.order".to_owned(),
        exp: NOW_S + 60,
        iat: NOW_S,
        auth_time: NOW_S,
        jti: "t1".to_owned(),
        token_use: "access".to_owned(),
        version: 2,
        credential_id: None,
        cnf: None,
        extra: BTreeMap::new(),
    };
    jwt::sign(&claims, key)
}

struct Running {
    issuers: Arc<Issuers>,
    hands: Arc<Hands>,
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl Running {
    fn start(issuer: Issuer) -> Self {
        let (hands, tracker) = (Arc::new(Hands::default()), TaskTracker::new());
        let (clock, random) = (Arc::clone(&hands), Arc::clone(&hands));
        let issuers = Arc::new(Issuers::new(clock, random, tracker.clone()));
        issuers.define(&BTreeMap::from([(issuer.name.clone(), issuer)]));
        let stop = CancellationToken::new();
        tracker.spawn(Arc::clone(&issuers).run(stop.clone()));
        Self { issuers, hands, stop, tracker }
    }

    async fn verify(&self, token: &str) -> Result<Verified, IssuerFault> {
        self.issuers.verify(token, &[name("azure")], self.hands.now()).await
    }

    fn state(&self) -> IssuerState {
        self.issuers.states().pop().unwrap()
    }

    async fn end(self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

#[tokio::test]
async fn a_new_key_is_asked_for_once_and_an_invented_one_not_again_and_again() {
    let (first, second, stranger) = (key(), key(), key());
    let set = jwks(&[&first]);
    let server = Receiver::start(move |_, _| Reply::status(200).body(&set)).await;
    let running = Running::start(issuer(ISS, Some(format!("{}/keys", server.url()))));
    let verified = running.verify(&token(&first, ISS, "c1")).await.unwrap();
    assert_eq!((&verified.issuer, &verified.partner), (&name("azure"), &name("cars")));
    assert_eq!(verified.client(), "c1");
    assert_eq!(verified.token.scopes, ["tires/create.order"]);
    let own = verified.to_access_token("tires");
    assert_eq!((&*own.iss, &*own.aud, &*own.scope), (ISS, "tires", "tires/create.order"));
    assert_eq!((running.state().standing, running.state().keys), (KeysStanding::Fresh, 1));
    assert_eq!(server.got().len(), 1);

    let set = jwks(&[&first, &second]);
    server.answer(move |_, _| Reply::status(200).body(&set));
    assert!(running.verify(&token(&second, ISS, "c1")).await.is_ok());
    assert_eq!((server.got().len(), running.state().keys), (2, 2));

    let unknown = Err(IssuerFault::Token(Fault::UnknownKey));
    for _ in 0..3 {
        assert_eq!(running.verify(&token(&stranger, ISS, "c1")).await, unknown);
    }
    assert_eq!(server.got().len(), 2);
    running.hands.later(31);
    assert_eq!(running.verify(&token(&stranger, ISS, "c1")).await, unknown);
    assert_eq!(server.got().len(), 3);
    running.end().await;
}

#[tokio::test]
async fn tokens_are_judged_by_the_issuer_they_name_among_those_that_are_trusted() {
    let key = key();
    let set = jwks(&[&key]);
    let server = Receiver::start(move |_, _| Reply::status(200).body(&set)).await;
    let running = Running::start(issuer(ISS, Some(server.url())));
    let other = token(&key, "https://login.example/", "c1");
    assert_eq!(running.verify(&other).await, Err(IssuerFault::NotTrusted));
    let good = token(&key, ISS, "c1");
    let not_listed = running.issuers.verify(&good, &[name("google")], running.hands.now()).await;
    assert_eq!(not_listed, Err(IssuerFault::NotTrusted));
    let malformed = running.verify("a.b").await;
    assert!(matches!(malformed, Err(IssuerFault::Token(Fault::Malformed(_)))));
    let unknown = IssuerFault::UnknownClient { issuer: name("azure"), client: "c2".to_owned() };
    assert_eq!(running.verify(&token(&key, ISS, "c2")).await, Err(unknown));
    let caller = |iss: &str, client: &str| running.issuers.caller(&[name("azure")], iss, client);
    assert_eq!(caller(ISS, "c1"), Some(name("cars")));
    assert_eq!((caller(ISS, "c2"), caller("https://a.example", "c1")), (None, None));
    running.end().await;
}

#[tokio::test]
async fn keys_of_an_issuer_that_is_down_stay_in_force_for_a_day() {
    let (known, stranger) = (key(), key());
    let set = jwks(&[&known]);
    let server = Receiver::start(move |_, _| {
        Reply::status(200).header("cache-control", "max-age=60").body(&set)
    })
    .await;
    let running = Running::start(issuer(ISS, Some(server.url())));
    assert!(running.verify(&token(&known, ISS, "c1")).await.is_ok());
    server.answer(|_, _| Reply::status(503));
    running.hands.later(90);
    let unknown = running.verify(&token(&stranger, ISS, "c1")).await;
    assert_eq!(unknown, Err(IssuerFault::Token(Fault::UnknownKey)));
    let state = running.state();
    assert_eq!((state.standing, state.failures > 0), (KeysStanding::Stale, true));
    assert!(state.error.unwrap().contains("answered 503"));
    assert!(running.verify(&token(&known, ISS, "c1")).await.is_ok());

    running.hands.later(2 * DAY_S);
    let over = running.verify(&token(&known, ISS, "c1")).await;
    assert_eq!(over, Err(IssuerFault::NoKeys { issuer: name("azure") }));
    let set = jwks(&[&known]);
    server.answer(move |_, _| Reply::status(200).body(&set));
    running.hands.later(600);
    assert!(running.verify(&token(&known, ISS, "c1")).await.is_ok());
    assert_eq!(running.state().error, None);
    running.end().await;
}

#[tokio::test]
async fn keys_are_found_by_the_metadata_of_the_issuer_and_of_nobody_else() {
    let key = key();
    let set = jwks(&[&key]);
    let server = Receiver::start(|_, _| Reply::status(404)).await;
    let (url, base) = (format!("{}/tenant", server.url()), server.url());
    let metadata = |issuer: &str| json!({ "issuer": issuer, "jwks_uri": format!("{base}/k") });
    let (wrong, right) = (metadata(&base).to_string(), metadata(&url).to_string());
    let answer = move |document: String, set: String| {
        move |_: usize, got: &testkit::Got| match got.target.as_str() {
            "/.well-known/oauth-authorization-server/tenant" => Reply::status(200).body(&document),
            "/k" => Reply::status(200).body(&set),
            _ => Reply::status(404),
        }
    };
    server.answer(answer(wrong, set.clone()));
    let running = Running::start(issuer(&url, None));
    let refused = running.verify(&token(&key, &url, "c1")).await;
    assert_eq!(refused, Err(IssuerFault::NoKeys { issuer: name("azure") }));
    let error = until("the failure is told", async || running.state().error).await;
    assert!(error.contains("`issuer` is not the configured one"), "{error}");
    assert!(server.got().iter().all(|got| got.target != "/k"));

    server.answer(answer(right, set));
    running.hands.later(600);
    assert!(running.verify(&token(&key, &url, "c1")).await.is_ok());
    running.end().await;
}

#[tokio::test]
async fn a_private_address_is_not_called_unless_it_is_allowed() {
    let key = key();
    let set = jwks(&[&key]);
    let server = Receiver::start(move |_, _| Reply::status(200).body(&set)).await;
    let guarded = Issuer { allow_private: Vec::new(), ..issuer(ISS, Some(server.url())) };
    let running = Running::start(guarded);
    let refused = running.verify(&token(&key, ISS, "c1")).await;
    assert_eq!(refused, Err(IssuerFault::NoKeys { issuer: name("azure") }));
    let error = until("the failure is told", async || running.state().error).await;
    assert!(error.contains("not a public address"), "{error}");
    assert!(server.got().is_empty());
    running.end().await;
}

#[tokio::test]
async fn a_change_that_leaves_the_place_leaves_the_keys() {
    let key = key();
    let set = jwks(&[&key]);
    let server = Receiver::start(move |_, _| Reply::status(200).body(&set)).await;
    let before = issuer(ISS, Some(server.url()));
    let running = Running::start(before.clone());
    assert!(running.verify(&token(&key, ISS, "c1")).await.is_ok());
    let partner = Issuer { callers: Callers::Partner(name("boats")), ..before.clone() };
    running.issuers.define(&BTreeMap::from([(name("azure"), partner)]));
    let verified = running.verify(&token(&key, ISS, "c2")).await.unwrap();
    assert_eq!((verified.partner, server.got().len()), (name("boats"), 1));
    running.issuers.define(&BTreeMap::new());
    assert_eq!(running.verify(&token(&key, ISS, "c1")).await, Err(IssuerFault::NotTrusted));
    running.end().await;
}

#[test]
fn a_binding_that_cannot_be_read_is_to_nobodys_key() {
    let of = |cnf: serde_json::Value| confirmation(&cnf).jkt;
    assert_eq!(of(json!({ "jkt": "k1" })).as_deref(), Some("k1"));
    // RFC 7800 §3.1: members that are not known are not looked at.
    assert_eq!(of(json!({ "kid": "k1" })), None);
    for cnf in [json!({ "jkt": 7 }), json!([]), json!("k1"), json!(null)] {
        assert_eq!(of(cnf).as_deref(), Some(""));
    }
}
