//! Everything that proves somebody is replaced under load, round by round: signing keys, a client's
//! secret, another's own key, clients' certificates and their authority, and the door's own
//! certificate. Who goes over to what is new while both count is never refused; who is disabled
//! meanwhile is, at once.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::ClientConfig;
use serde_json::{Value, json};
use testkit::{Receiver, Reply, until, until_within};
use tokio::task::JoinSet;

use crate::authority::{Authority, Leaf};
use crate::client::{HERE, Line, code, connect, shake};
use crate::dpop::fresh;
use crate::program::{Answer, Program};
use crate::proofs::{Key, TYPE, key, refused};

/// A disabled client's token is refused within this time.
const SOON: Duration = Duration::from_secs(1);
/// How long a round may take, on a machine that does other things too.
const ROUND_LONGEST: Duration = Duration::from_mins(5);
/// Tokens that are asked for on one connection; the next one shakes hands anew.
const TOKENS_OF_LINE: usize = 20;
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const GRANT: &str = "grant_type=client_credentials";
const HTTP: [&str; 1] = ["http/1.1"];
/// The file with the public keys of the client `signed`.
const KEYS: &str = "signed.jwks.json";

/// One API, and a client for each way to prove oneself that can be replaced.
fn definitions(files: &Path, upstream: &str, pinned: &str) -> String {
    let file = |name: &str| files.join(name).display().to_string();
    let (certificate, key, clients) = (file("door.pem"), file("door.key"), file("clients.pem"));
    let keys = file(KEYS);
    format!(
        "
tls: {{ client_certificates: any, certificate: {certificate}, key: {{ file: {key} }}, client_ca: {clients} }}
apis:
  tires:
    upstream: {upstream}
    scopes: {{ create.order: Create }}
    routes: {{ GET /orders: {{ scopes: [tires/create.order] }} }}
partners:
  cars:
    clients:
      orders: {{ scopes: [tires/create.order] }}
      last: {{ scopes: [tires/create.order] }}
      signed: {{ auth: private_key_jwt, jwks: {{ file: {keys} }}, scopes: [tires/create.order] }}
      named: {{ auth: tls_client_auth, tls_subject: CN=named, scopes: [tires/create.order] }}
      pinned: {{ auth: self_signed_tls_client_auth, certificates: [\"{pinned}\"], scopes: [tires/create.order] }}
"
    )
}

/// The definitions with other certificates of the client `pinned`.
fn with_certificates(file: &str, certificates: &str) -> String {
    let (before, rest) = file.split_once("certificates: [").unwrap();
    let (_, after) = rest.split_once(']').unwrap();
    format!("{before}certificates: [{certificates}]{after}")
}

/// Writes down what the door's TLS is made of.
fn put(files: &Path, door: &Leaf, authorities: &str) {
    for (name, text) in [
        ("door.key", door.key.as_str()),
        ("door.pem", door.certificate.as_str()),
        ("clients.pem", authorities),
    ] {
        std::fs::write(files.join(name), text).unwrap();
    }
}

/// Writes down the public keys of the client `signed`.
fn publish(files: &Path, keys: &[&Key]) {
    let keys: Vec<&Value> = keys.iter().map(|key| &key.jwk).collect();
    std::fs::write(files.join(KEYS), json!({ "keys": keys }).to_string()).unwrap();
}

/// A secret and its id.
struct Minted {
    id: String,
    secret: String,
}

impl Minted {
    fn by(program: &Program, arguments: &[&str]) -> Self {
        let minted = program.done(&[arguments, &["--json"]].concat());
        let minted: Value = serde_json::from_str(&minted).unwrap();
        let text = |name: &str| minted[name].as_str().unwrap().to_owned();
        Self { id: text("id"), secret: text("client_secret") }
    }
}

/// How a caller proves itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Secret,
    Signed,
    Named,
    Pinned,
}

const WAYS: [Way; 4] = [Way::Secret, Way::Signed, Way::Named, Way::Pinned];
/// Callers of each.
const SHARING: usize = 2;

/// What callers prove themselves with in a round.
struct Proofs {
    round: usize,
    /// To whom assertions are made out.
    issuer: String,
    secret: String,
    key: Key,
    plain: Arc<ClientConfig>,
    named: Arc<ClientConfig>,
    pinned: Arc<ClientConfig>,
}

impl Proofs {
    /// The TLS of a way.
    fn tls(&self, way: Way) -> &Arc<ClientConfig> {
        match way {
            Way::Secret | Way::Signed => &self.plain,
            Way::Named => &self.named,
            Way::Pinned => &self.pinned,
        }
    }

    async fn ask(&self, way: Way, line: &mut Line) -> hyper::Result<Answer> {
        let basic = basic("orders", &self.secret);
        let both = [FORM, ("authorization", basic.as_str())];
        let headers = if way == Way::Secret { &both[..] } else { &both[..1] };
        line.try_send(("POST", "/oauth2/token"), headers, &self.body(way)).await
    }

    /// The body of a token request. An assertion is new each time, for it counts once.
    fn body(&self, way: Way) -> String {
        match way {
            Way::Secret => GRANT.to_owned(),
            Way::Signed => {
                let assertion = self.key.sign("signed", &self.issuer, &fresh());
                format!("{GRANT}&{TYPE}&client_assertion={assertion}")
            }
            Way::Named => format!("{GRANT}&client_id=named"),
            Way::Pinned => format!("{GRANT}&client_id=pinned"),
        }
    }
}

fn basic(client: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{client}:{secret}")))
}

async fn order(line: &mut Line, token: &str) -> hyper::Result<Answer> {
    let bearer = format!("Bearer {token}");
    line.try_send(("GET", "/orders"), &[("authorization", bearer.as_str())], "").await
}

fn token_of(answer: &Answer) -> String {
    let token = answer.json()["access_token"].as_str().map(str::to_owned);
    token.unwrap_or_else(|| panic!("{}: {}", answer.status, answer.body))
}

/// Callers that each get tokens and order with them, again and again.
struct Load {
    program: Program,
    proofs: RwLock<Arc<Proofs>>,
    /// A token from before the first round, by a secret.
    first: String,
    /// The round of each caller's proofs: it has none of an earlier one any more.
    rounds: [AtomicUsize; WAYS.len() * SHARING],
    stop: AtomicBool,
    answered: AtomicUsize,
    refused: Mutex<Vec<String>>,
    /// The headers of tokens: one for each key that has signed.
    headers: Mutex<BTreeSet<String>>,
}

impl Load {
    /// Those of the present round.
    fn proofs(&self) -> Arc<Proofs> {
        Arc::clone(&self.proofs.read().unwrap())
    }

    fn begin(self: &Arc<Self>) -> JoinSet<()> {
        let mut callers = JoinSet::new();
        for number in 0..self.rounds.len() {
            let way = WAYS[number % WAYS.len()];
            callers.spawn(Arc::clone(self).call(number, way));
        }
        callers
    }

    async fn call(self: Arc<Self>, number: usize, way: Way) {
        while !self.stop.load(Ordering::Relaxed) {
            let proofs = self.proofs();
            self.rounds[number].store(proofs.round, Ordering::Relaxed);
            let Some(mut line) = self.connected(proofs.tls(way)).await else { return };
            for _ in 0..TOKENS_OF_LINE {
                let is_over = self.proofs.read().unwrap().round != proofs.round;
                if is_over || self.stop.load(Ordering::Relaxed) {
                    break;
                }
                if self.trade(&mut line, &proofs, way).await.is_none() {
                    return;
                }
            }
        }
    }

    async fn connected(&self, tls: &Arc<ClientConfig>) -> Option<Line> {
        let told = match shake(connect(&self.program, HERE).await, tls).await {
            Ok(stream) => match Line::over_tls(stream).await {
                Ok(line) => return Some(line),
                Err(error) => error.to_string(),
            },
            Err(error) => error.to_string(),
        };
        self.refused.lock().unwrap().push(format!("a connection: {told}"));
        None
    }

    /// A token and an order with it; for who has a secret also one with the first token of all.
    /// None where something is refused.
    async fn trade(&self, line: &mut Line, proofs: &Proofs, way: Way) -> Option<()> {
        let asked = proofs.ask(way, line).await;
        let token = token_of(&self.count("a token", way, asked)?);
        let (header, _) = token.split_once('.').unwrap();
        self.headers.lock().unwrap().insert(header.to_owned());
        let ordered = order(line, &token).await;
        self.count("an order", way, ordered)?;
        if way == Way::Secret {
            let ordered = order(line, &self.first).await;
            self.count("an order with the first token", way, ordered)?;
        }
        Some(())
    }

    /// Counts an answer; none where it is no success.
    fn count(&self, what: &str, way: Way, answer: hyper::Result<Answer>) -> Option<Answer> {
        self.answered.fetch_add(1, Ordering::Relaxed);
        let told = match answer {
            Ok(answer) if answer.status == 200 => return Some(answer),
            Ok(answer) => format!("{} {}", answer.status, answer.body),
            Err(error) => error.to_string(),
        };
        self.refused.lock().unwrap().push(format!("{what} by {way:?}: {told}"));
        None
    }

    /// Waits until something of the load is so; ends the test at the first refusal.
    async fn goes_on(&self, what: &str, is_so: impl Fn() -> bool) {
        until_within(ROUND_LONGEST, what, async || {
            let refused = self.refused.lock().unwrap().first().cloned();
            assert_eq!(refused, None, "nobody is refused");
            is_so().then_some(())
        })
        .await;
    }
}

/// What is in force, and who changes it.
struct Scene {
    load: Arc<Load>,
    company: Authority,
    files: tempfile::TempDir,
    round: usize,
    /// The partner's authority, in PEM.
    authority: String,
    /// The fingerprint of the client `pinned`.
    fingerprint: String,
    /// The id of the secret.
    secret: String,
    last: Minted,
    _upstream: Receiver,
}

impl Scene {
    async fn open() -> Self {
        let (files, company) = (tempfile::tempdir().unwrap(), Authority::new("the company"));
        let partners = Authority::new("the partners");
        let (named, pinned) = (partners.leaf("named"), Leaf::self_signed("pinned"));
        put(files.path(), &company.leaf("the door"), &partners.pem);
        let key = key("round 0");
        publish(files.path(), &[&key]);
        let upstream = Receiver::start(|_, _| Reply::status(200).body("ok")).await;
        let text = definitions(files.path(), &upstream.url(), &pinned.fingerprint());
        let program = Program::start(&text).await;
        let minted = Minted::by(&program, &["client", "secret", "add", "orders"]);
        let last = Minted::by(&program, &["client", "secret", "add", "last"]);
        let trusted = |leaf: Option<&Leaf>| company.trusted(leaf, &HTTP);
        let proofs = Proofs {
            round: 0,
            issuer: program.public.clone(),
            secret: minted.secret,
            key,
            plain: trusted(None),
            named: trusted(Some(&named)),
            pinned: trusted(Some(&pinned)),
        };
        let mut line = Line::with_tls(&program, &proofs.plain).await;
        let first = token_of(&proofs.ask(Way::Secret, &mut line).await.unwrap());
        let load = Load {
            program,
            proofs: RwLock::new(Arc::new(proofs)),
            first,
            rounds: Default::default(),
            stop: AtomicBool::new(false),
            answered: AtomicUsize::new(0),
            refused: Mutex::default(),
            headers: Mutex::default(),
        };
        Self {
            load: Arc::new(load),
            company,
            files,
            round: 0,
            authority: partners.pem,
            fingerprint: pinned.fingerprint(),
            secret: minted.id,
            last,
            _upstream: upstream,
        }
    }

    /// Replaces everything, as operators and partners do it: what is new counts beside what was
    /// before, then everybody goes over to it, then what was before ends.
    async fn renew(&mut self) {
        self.round += 1;
        let partners = Authority::new(&format!("the partners in round {}", self.round));
        let (named, pinned) = (partners.leaf("named"), Leaf::self_signed("pinned"));
        let door = self.company.leaf(&format!("the door in round {}", self.round));
        let program = &self.load.program;
        let (before, key) = (self.load.proofs(), key(&format!("round {}", self.round)));
        // Of two rounds ago nothing counts from here on.
        put(self.files.path(), &door, &format!("{}\n{}", self.authority, partners.pem));
        publish(self.files.path(), &[&before.key, &key]);
        let both = format!("\"{}\", \"{}\"", self.fingerprint, pinned.fingerprint());
        program.rewrite(|file| with_certificates(&file, &both));
        program.signal("-HUP");
        let trusted = |leaf: Option<&Leaf>| self.company.trusted(leaf, &HTTP);
        let (plain, named) = (trusted(None), trusted(Some(&named)));
        let (fingerprint, pinned) = (pinned.fingerprint(), trusted(Some(&pinned)));
        self.shown(&door).await;
        self.next_key().await;
        let rotate = ["client", "secret", "rotate", "orders", "--overlap", "1h"];
        let Minted { id, secret } = Minted::by(program, &rotate);
        let (round, issuer) = (self.round, before.issuer.clone());
        let proofs = Arc::new(Proofs { round, issuer, secret, key, plain, named, pinned });
        self.in_force(&proofs).await;
        *self.load.proofs.write().unwrap() = proofs;
        let rounds = &self.load.rounds;
        let has_gone_over = || rounds.iter().all(|one| one.load(Ordering::Relaxed) == round);
        self.load.goes_on("all callers go over", has_gone_over).await;
        program.done(&["client", "secret", "revoke", &self.secret]);
        publish(self.files.path(), &[&self.load.proofs().key]);
        program.signal("-HUP");
        self.out_of_force(&before).await;
        (self.authority, self.fingerprint, self.secret) = (partners.pem, fingerprint, id);
    }

    /// Waits until the door shows a certificate to new callers.
    async fn shown(&self, door: &Leaf) {
        until("the door shows its new certificate", async || {
            // A new configuration remembers no session, so that the door has to show it.
            let config = self.company.trusted(None, &HTTP);
            let stream = shake(connect(&self.load.program, HERE).await, &config).await.unwrap();
            let shown = stream.get_ref().1.peer_certificates().unwrap()[0].to_vec();
            (shown == door.der().to_vec()).then_some(())
        })
        .await;
    }

    /// Has the next signing key sign, once it is published.
    async fn next_key(&self) {
        until("the next signing key is published", async || {
            let rows = self.load.program.done(&["key", "signing", "--json"]);
            let mut rows = rows.lines().map(|row| serde_json::from_str::<Value>(row).unwrap());
            rows.any(|row| row["stage"] == "next" && row["published_at"].is_string()).then_some(())
        })
        .await;
        self.load.program.done(&["key", "rotate", "--now"]);
    }

    /// Waits until all of these prove who shows them.
    async fn in_force(&self, proofs: &Proofs) {
        for way in WAYS {
            until("the new proofs count", async || {
                let mut line = Line::with_tls(&self.load.program, proofs.tls(way)).await;
                (proofs.ask(way, &mut line).await.unwrap().status == 200).then_some(())
            })
            .await;
        }
    }

    /// Waits until the key of these proves nobody any more, while the others go on.
    async fn out_of_force(&self, proofs: &Proofs) {
        let mut line = Line::with_tls(&self.load.program, &proofs.plain).await;
        let answer = until("the key before is no longer taken", async || {
            let answer = proofs.ask(Way::Signed, &mut line).await.unwrap();
            (answer.status != 200).then_some(answer)
        })
        .await;
        refused(&answer, 401, "invalid_client", "not signed with a key of this client");
    }

    /// Disables a client while the others go on: its token is refused within a second.
    async fn disable_the_last(&self) {
        let program = &self.load.program;
        let plain = self.company.trusted(None, &HTTP);
        let mut line = Line::with_tls(program, &plain).await;
        let basic = basic("last", &self.last.secret);
        let headers = [FORM, ("authorization", basic.as_str())];
        let token = token_of(&line.send("POST", "/oauth2/token", &headers, GRANT).await);
        assert_eq!(order(&mut line, &token).await.unwrap().status, 200);
        program.rewrite(|file| file.replace("last: { ", "last: { status: suspended, "));
        let began = Instant::now();
        program.signal("-HUP");
        loop {
            let answer = order(&mut line, &token).await.unwrap();
            let took = began.elapsed();
            if answer.status != 200 {
                assert_eq!((answer.status, &*code(&answer)), (401, "token-revoked"));
                break;
            }
            assert!(took < SOON, "it is good {took:?} after its client was disabled");
        }
        let answer = line.send("POST", "/oauth2/token", &headers, GRANT).await;
        assert_eq!(answer.json()["error"], "unauthorized_client", "{}", answer.body);
    }
}

/// Renews everything so many times during so many requests.
async fn nobody_is_refused(renewals: usize, requests: usize) {
    let mut scene = Scene::open().await;
    let load = Arc::clone(&scene.load);
    let callers = load.begin();
    for renewal in 1..=renewals {
        scene.renew().await;
        let share = requests * renewal / renewals;
        let has_share = || load.answered.load(Ordering::Relaxed) >= share;
        load.goes_on("the round's share is answered", has_share).await;
    }
    scene.disable_the_last().await;
    load.stop.store(true, Ordering::Relaxed);
    callers.join_all().await;
    assert_eq!(*load.refused.lock().unwrap(), Vec::<String>::new());
    assert!(load.answered.load(Ordering::Relaxed) >= requests);
    let keys = load.headers.lock().unwrap().len();
    assert_eq!(keys, renewals + 1, "a key for each renewal, and the first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn keys_secrets_and_certificates_change_under_load_without_a_refusal() {
    nobody_is_refused(2, 3_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "a hundred thousand requests take a minute; CONTRIBUTING.md says when"]
async fn keys_secrets_and_certificates_change_in_a_hundred_thousand_requests_without_a_refusal() {
    nobody_is_refused(7, 100_000).await;
}
