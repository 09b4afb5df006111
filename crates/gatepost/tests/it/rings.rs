//! Credentials and signing keys change while everything goes on: nobody who has a good token, key or
//! secret is refused.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use testkit::{Receiver, Reply, until};

use crate::program::{Program, http};

fn definitions(upstream: &str, algorithm: &str) -> String {
    format!(
        "
apis:
  tires:
    upstream: {upstream}
    token_algorithm: {algorithm}
    scopes: {{ create.order: Create }}
    routes:
      GET /orders: {{ scopes: [tires/create.order] }}
      GET /keys: {{ api_key: required }}
plans: {{ wide: {{ rate: 10000/s, burst: 10000 }} }}
partners:
  cars:
    plan: wide
    clients:
      car-orders: {{ scopes: [tires/create.order] }}
      \"_1example+23456789\": {{ scopes: [tires/create.order] }}
    api_keys: {{ cars: {{}} }}
"
    )
}

struct Scene {
    program: Program,
    _upstream: Receiver,
}

async fn scene(algorithm: &str) -> Scene {
    let upstream = Receiver::start(|_, _| Reply::status(200).body("ok")).await;
    let program = Program::start(&definitions(&upstream.url(), algorithm)).await;
    Scene { program, _upstream: upstream }
}

impl Scene {
    fn rows(&self, arguments: &[&str]) -> Vec<Value> {
        let text = self.program.done(arguments);
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The kids of the keys in a stage.
    fn keys(&self, stage: &str) -> Vec<String> {
        let rows = self.rows(&["key", "signing", "--json"]);
        let rows = rows.iter().filter(|row| row["stage"] == stage);
        rows.map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until there are so many next keys, all published.
    async fn ready(&self, count: usize) {
        until("the next keys are published", async || {
            let rows = self.rows(&["key", "signing", "--json"]);
            let next = rows.iter().filter(|row| row["stage"] == "next");
            let published: Vec<bool> = next.map(|row| row["published_at"].is_string()).collect();
            (published == vec![true; count]).then_some(())
        })
        .await;
    }

    async fn order(&self, token: &str) -> u16 {
        let bearer = format!("Bearer {token}");
        self.program.call("GET", "/orders", &[("authorization", &*bearer)], "").await.status
    }

    async fn asks(&self, client: &str, secret: &str) -> u16 {
        let request = http()
            .post(format!("{}/oauth2/token", self.program.public))
            .basic_auth(client.replace('+', "%2B"), Some(secret.replace('+', "%2B")))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials");
        request.send().await.unwrap().status().as_u16()
    }

    async fn jwks(&self) -> Vec<Value> {
        let answer = self.program.call("GET", "/.well-known/jwks.json", &[], "").await;
        answer.json()["keys"].as_array().unwrap().clone()
    }
}

fn header(token: &str) -> Value {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice(&header).unwrap()
}

/// Callers that each get a token and order with it, again and again.
#[derive(Default)]
struct Load {
    secret: RwLock<String>,
    stop: AtomicBool,
    answered: AtomicUsize,
    refused: Mutex<Vec<String>>,
    /// The keys that tokens were signed with.
    kids: Mutex<BTreeSet<String>>,
}

impl Load {
    async fn call(self: Arc<Self>, public: String, old: String) {
        let http = http();
        while !self.stop.load(Ordering::Relaxed) {
            let secret = self.secret.read().unwrap().clone();
            let asked = http
                .post(format!("{public}/oauth2/token"))
                .basic_auth("car-orders", Some(secret))
                .header("content-type", "application/x-www-form-urlencoded")
                .body("grant_type=client_credentials")
                .send();
            let text = self.count("token", asked.await).await;
            let body: Value = serde_json::from_str(&text).unwrap_or_default();
            let Some(token) = body["access_token"].as_str() else { continue };
            let kid = header(token)["kid"].as_str().unwrap().to_owned();
            self.kids.lock().unwrap().insert(kid);
            for token in [token, &old] {
                let order = http.get(format!("{public}/orders")).bearer_auth(token).send();
                self.count("order", order.await).await;
            }
        }
    }

    async fn count(&self, what: &str, answer: reqwest::Result<reqwest::Response>) -> String {
        self.answered.fetch_add(1, Ordering::Relaxed);
        let (status, text) = match answer {
            Ok(answer) => (answer.status().as_u16(), answer.text().await.unwrap_or_default()),
            Err(error) => (0, error.to_string()),
        };
        if status != 200 {
            self.refused.lock().unwrap().push(format!("{what}: {status} {text}"));
        }
        text
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn keys_and_secrets_change_under_load_without_a_refusal() {
    let scene = scene("ES256").await;
    let first = scene.program.done(&["client", "secret", "add", "car-orders"]);
    let old = scene.program.token("car-orders", &first, "tires/create.order").await;
    let load = Arc::new(Load { secret: RwLock::new(first), ..Load::default() });
    let mut callers = Vec::new();
    for _ in 0..4 {
        let call = Arc::clone(&load).call(scene.program.public.clone(), old.clone());
        callers.push(tokio::spawn(call));
    }
    for _ in 0..3 {
        scene.ready(1).await;
        scene.program.done(&["key", "rotate", "--now"]);
        let rotate = ["client", "secret", "rotate", "car-orders", "--overlap", "10s"];
        let secret = scene.program.done(&rotate);
        *load.secret.write().unwrap() = secret;
        let so_far = load.answered.load(Ordering::Relaxed);
        until("some hundred requests more are answered", async || {
            (load.answered.load(Ordering::Relaxed) > so_far + 700).then_some(())
        })
        .await;
    }
    load.stop.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.unwrap();
    }
    let refused = load.refused.lock().unwrap().clone();
    assert!(refused.is_empty(), "{} refused, the first: {:?}", refused.len(), refused.first());
    assert!(load.answered.load(Ordering::Relaxed) > 2_000);
    assert_eq!(load.kids.lock().unwrap().len(), 4, "a key for each rotation, and the first");
    assert_eq!(scene.keys("retiring").len(), 3);
    // What was published before is published, and the first token is as good as the last.
    scene.ready(1).await;
    assert_eq!(scene.jwks().await.len(), 5);
    assert_eq!(scene.order(&old).await, 200);
    // The first secret has an end, and its clients were told it.
    let secrets = scene.rows(&["client", "secret", "list", "car-orders", "--json"]);
    assert_eq!(secrets.iter().filter(|secret| secret["expires_at"].is_string()).count(), 3);
}

#[tokio::test]
async fn a_ring_goes_on_after_a_restart_in_each_state() {
    let mut scene = scene("ES256").await;
    let secret = scene.program.done(&["client", "secret", "car-orders"]);
    let token = scene.program.token("car-orders", &secret, "tires/create.order").await;
    scene.ready(1).await;
    let (active, next) = (scene.keys("active"), scene.keys("next"));
    assert_eq!((active.len(), next.len()), (1, 1));
    assert_eq!(header(&token)["kid"], active[0]);
    // Next and active.
    scene.program.kill_and_restart().await;
    assert_eq!((scene.keys("active"), scene.keys("next")), (active.clone(), next.clone()));
    assert_eq!(scene.order(&token).await, 200);
    // A rotation waits for verifiers.
    let told = scene.program.done(&["key", "rotate"]);
    assert!(told.starts_with("ES256: the next key signs from "), "{told}");
    let turn = |scene: &Scene| {
        let rows = scene.rows(&["key", "signing", "--json"]);
        rows.iter().find(|row| row["stage"] == "next").unwrap()["turn_at"].clone()
    };
    let waits = turn(&scene);
    assert!(waits.is_string());
    scene.program.kill_and_restart().await;
    assert_eq!((turn(&scene), scene.keys("active")), (waits, active.clone()));
    // Retiring: the private half is gone, what it signed is good.
    scene.program.done(&["key", "rotate", "--now", "--alg", "ES256"]);
    scene.program.kill_and_restart().await;
    assert_eq!((scene.keys("active"), scene.keys("retiring")), (next.clone(), active.clone()));
    scene.ready(1).await;
    assert_eq!(scene.order(&token).await, 200);
    let newer = scene.program.token("car-orders", &secret, "tires/create.order").await;
    assert_eq!(header(&newer)["kid"], next[0]);
    assert!(scene.program.stop().success());
    let store = rusqlite::Connection::open(scene.program.path("data/core.db")).unwrap();
    let kept: Vec<u8> = store
        .query_row("SELECT sealed_private FROM signing_key WHERE kid = ?", [&active[0]], |row| {
            row.get(0)
        })
        .unwrap();
    assert!(kept.is_empty());
}

#[tokio::test]
async fn so_many_keys_retire_at_once_and_no_more() {
    let scene = scene("ES256").await;
    let secret = scene.program.done(&["client", "secret", "car-orders"]);
    let token = scene.program.token("car-orders", &secret, "tires/create.order").await;
    for _ in 0..8 {
        scene.ready(1).await;
        scene.program.done(&["key", "rotate", "--now"]);
    }
    scene.ready(1).await;
    let refused = scene.program.run(&["key", "rotate", "--now"]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && told.contains("8 keys that sign no more"), "{told}");
    assert_eq!(scene.order(&token).await, 200);
    assert_eq!(scene.jwks().await.len(), 10);
    let refused = scene.program.run(&["key", "rotate", "--alg", "RS256"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("token_algorithm"));
}

#[tokio::test]
async fn an_independent_judge_verifies_every_algorithm() {
    use jsonwebtoken::Algorithm as Judged;
    for (algorithm, judged) in [
        ("ES256", Judged::ES256),
        ("RS256", Judged::RS256),
        ("PS256", Judged::PS256),
        ("EdDSA", Judged::EdDSA),
    ] {
        let scene = scene(algorithm).await;
        let secret = scene.program.done(&["client", "secret", "car-orders"]);
        let token = scene.program.token("car-orders", &secret, "tires/create.order").await;
        assert_eq!(scene.order(&token).await, 200, "{algorithm}");
        let header = header(&token);
        assert_eq!(header["alg"], algorithm);
        let jwks = scene.program.call("GET", "/.well-known/jwks.json", &[], "").await;
        let set: jsonwebtoken::jwk::JwkSet = serde_json::from_str(&jwks.body).unwrap();
        let key = set.find(header["kid"].as_str().unwrap()).unwrap();
        let mut demand = jsonwebtoken::Validation::new(judged);
        demand.set_audience(&["tires"]);
        demand.set_issuer(&[&scene.program.public]);
        let key = jsonwebtoken::DecodingKey::from_jwk(key).unwrap();
        let read = jsonwebtoken::decode::<Value>(&token, &key, &demand).unwrap();
        assert_eq!(read.claims["client_id"], "car-orders");
        for key in scene.jwks().await {
            assert_eq!(key["use"], "sig");
            for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
                assert!(key.get(private).is_none(), "{private} of {algorithm} is published");
            }
        }
    }
}

#[tokio::test]
async fn an_apis_new_algorithm_signs_when_verifiers_know_its_key() {
    let scene = scene("ES256").await;
    let secret = scene.program.done(&["client", "secret", "car-orders"]);
    let token = async || scene.program.token("car-orders", &secret, "tires/create.order").await;
    let before = token().await;
    scene.program.rewrite(|file| file.replace("token_algorithm: ES256", "token_algorithm: EdDSA"));
    scene.program.signal("-HUP");
    scene.ready(2).await;
    // Published, and nobody is surprised by it.
    assert_eq!(header(&token().await)["alg"], "ES256");
    scene.program.done(&["key", "rotate", "--now", "--alg", "EdDSA"]);
    let after = token().await;
    assert_eq!(header(&after)["alg"], "EdDSA");
    assert_eq!((scene.order(&before).await, scene.order(&after).await), (200, 200));
}

#[tokio::test]
async fn rfc7517_the_set_is_cached_by_its_tag_until_it_changes() {
    let scene = scene("ES256").await;
    scene.ready(1).await;
    let path = "/.well-known/jwks.json";
    let set = scene.program.call("GET", path, &[], "").await;
    assert_eq!(set.header("cache-control"), "public, max-age=300");
    let etag = set.header("etag").to_owned();
    assert!(etag.starts_with('"') && etag.len() > 20, "{etag}");
    for (value, status) in [
        (etag.clone(), 304),
        (format!("\"x\", W/{etag}"), 304),
        ("*".into(), 304),
        ("\"x\"".into(), 200),
    ] {
        let answer = scene.program.call("GET", path, &[("if-none-match", &*value)], "").await;
        assert_eq!(answer.status, status, "{value}");
        assert_eq!(answer.header("etag"), etag);
    }
    scene.program.done(&["key", "rotate", "--now"]);
    scene.ready(1).await;
    let again = scene.program.call("GET", path, &[("if-none-match", &*etag)], "").await;
    assert_eq!(again.status, 200);
    assert_eq!(again.json()["keys"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn four_credentials_are_live_at_once_and_a_rotation_ends_those_before() {
    let scene = scene("ES256").await;
    let add = ["client", "secret", "add", "car-orders"];
    let secrets: Vec<String> = (0..4).map(|_| scene.program.done(&add)).collect();
    for secret in &secrets {
        assert_eq!(scene.asks("car-orders", secret).await, 200);
    }
    let refused = |arguments: &[&str]| {
        let output = scene.program.run(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(refused(&add).contains("4 at the most"));
    let rotate = ["client", "secret", "rotate", "car-orders"];
    assert!(refused(&rotate).contains("gatepost client revoke"));
    // Without an overlap there is room at once.
    let last = scene.program.done(&["client", "secret", "rotate", "car-orders", "--overlap", "0s"]);
    for secret in &secrets {
        assert_eq!(scene.asks("car-orders", secret).await, 401);
    }
    assert_eq!(scene.asks("car-orders", &last).await, 200);
    let next = scene.program.done(&["client", "secret", "rotate", "car-orders", "--overlap", "2s"]);
    assert_eq!(scene.asks("car-orders", &last).await, 200, "the overlap has begun");
    until("the overlap is over", async || {
        (scene.asks("car-orders", &last).await == 401).then_some(())
    })
    .await;
    assert_eq!(scene.asks("car-orders", &next).await, 200);
    // Times of its own: one that opens later, and one that has an end.
    let later = [&add[..], &["--not-before", "2100-01-01T00:00:00Z", "--expires", "30d"]].concat();
    let later = scene.program.done(&later);
    assert_eq!(scene.asks("car-orders", &later).await, 401);
    let states: Vec<_> = scene
        .rows(&["client", "secret", "list", "--json"])
        .iter()
        .map(|row| row["state"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(states, ["ended", "ended", "ended", "ended", "ended", "live", "opens later"]);
    assert!(
        refused(&["client", "secret", "rotate", "car-orders", "--overlap", "91d"]).contains("91d")
    );
    assert!(refused(&["client", "secret", "list", "nobody"]).contains("nobody"));
}

#[tokio::test]
async fn the_day_of_the_last_use_is_known_and_kept() {
    let mut scene = scene("ES256").await;
    let used = scene.program.done(&["client", "secret", "car-orders"]);
    scene.program.done(&["client", "secret", "car-orders"]);
    let key = scene.program.done(&["key", "value", "add", "cars"]);
    assert_eq!(scene.asks("car-orders", &used).await, 200);
    let headers = [("x-api-key", &*key)];
    assert_eq!(scene.program.call("GET", "/keys", &headers, "").await.status, 200);
    // An orderly end keeps what was not handed over yet.
    assert!(scene.program.stop().success());
    scene.program.start_again().await;
    let days = |arguments: &[&str]| -> Vec<bool> {
        let rows = scene.rows(arguments);
        rows.iter()
            .map(|row| row["last_used"].as_str().is_some_and(|day| day.len() == 10))
            .collect()
    };
    assert_eq!(days(&["client", "secret", "list", "car-orders", "--json"]), [true, false]);
    assert_eq!(days(&["key", "value", "list", "cars", "--json"]), [true]);
}

#[tokio::test]
async fn values_of_api_keys_rotate_with_an_overlap() {
    let scene = scene("ES256").await;
    let old = scene.program.done(&["key", "value", "cars"]);
    let new = scene.program.done(&["key", "value", "rotate", "cars", "--overlap", "2s"]);
    let asks = async |key: &str| {
        scene.program.call("GET", "/keys", &[("x-api-key", key)], "").await.status
    };
    assert_eq!((asks(&old).await, asks(&new).await), (200, 200));
    until("the overlap is over", async || (asks(&old).await == 403).then_some(())).await;
    assert_eq!(asks(&new).await, 200);
    let later = ["key", "value", "add", "cars", "--not-before", "2100-01-01T00:00:00Z"];
    assert_eq!(asks(&scene.program.done(&later)).await, 403);
    for _ in 0..2 {
        scene.program.done(&["key", "value", "cars"]);
    }
    assert!(!scene.program.run(&["key", "value", "cars"]).status.success(), "a fifth is live");
}

#[tokio::test]
async fn secrets_of_another_server_are_taken_over_and_marked() {
    let scene = scene("ES256").await;
    let (id, secret) = ("_1example+23456789", "abc+def_0123456789ABCDEFGHIJKLMNOP");
    let imported = scene.program.input(&["client", "secret", "import", id], &format!("{secret}\n"));
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    assert_eq!(scene.asks(id, secret).await, 200);
    let again = scene.program.input(&["client", "secret", "import", id], secret);
    assert!(String::from_utf8_lossy(&again.stderr).contains("has this secret already"));
    // A file with several; what is no client of the configuration ends it and is named.
    let other = "zyxwvutsrqponmlkjihgfedcba";
    let lines = format!("# exported\ncar-orders {other}\nnobody {other}\n");
    std::fs::write(scene.program.path("export"), lines).unwrap();
    let output = scene.program.run(&["client", "secret", "import", "--file", "export"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && told.contains("1 of 2 are imported"), "{told}");
    assert!(told.contains("nobody") && !told.contains(other), "{told}");
    assert_eq!(scene.asks("car-orders", other).await, 200);
    for wrong in ["short", &"x".repeat(65), "has-a-dash-and-is-long-enough"] {
        let output = scene.program.input(&["client", "secret", "import", "car-orders"], wrong);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains("24 to 64"), "{told}");
        assert!(!told.contains(wrong), "{told}");
    }
    let listed = scene.program.done(&["client", "list"]);
    assert!(listed.contains("imported: rotate it"), "{listed}");
    // It rotates as any other.
    let new = scene.program.done(&["client", "secret", "rotate", id, "--overlap", "0s"]);
    assert_eq!((scene.asks(id, secret).await, scene.asks(id, &new).await), (401, 200));
    for file in ["stdout", "stderr", "data/core.db", "data/core.db-wal"] {
        let bytes = std::fs::read(scene.program.path(file)).unwrap_or_default();
        let shown = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        assert!(!shown(secret) && !shown(other), "a secret is in {file}");
    }
}

#[tokio::test]
async fn a_token_is_explained_in_words() {
    let scene = scene("EdDSA").await;
    let secret = scene.program.done(&["client", "secret", "car-orders"]);
    let token = scene.program.token("car-orders", &secret, "tires/create.order").await;
    let told = scene.program.done(&["token", "explain", &token]);
    for part in ["issued here", "The signature fits", "for the API `tires`", "It ends in "] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let (head, signature) = token.rsplit_once('.').unwrap();
    let mirrored: String = signature.chars().rev().collect();
    for (text, part) in [
        (format!("{head}.{mirrored}"), "signature"),
        (head.to_owned(), "2 parts"),
        (secret.clone(), "no dots"),
        (format!("{}.{}", "eyJhbGciOiJub25lIn0", "e30."), "not signed"),
    ] {
        let output = scene.program.input(&["token", "explain"], &text);
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(part) && told.contains("wrong"), "{part}: {told}");
    }
    // A set of keys from a file needs no server.
    std::fs::write(scene.program.path("jwks"), scene.program.done(&["token", "jwks"])).unwrap();
    let explain = ["token", "explain", "--jwks", "jwks", "--json", &token];
    let told: Value = serde_json::from_str(&scene.program.done(&explain)).unwrap();
    assert_eq!((&told["good"], &told["claims"]["aud"]), (&true.into(), &"tires".into()));
    std::fs::write(scene.program.path("jwks"), r#"{"keys": []}"#).unwrap();
    assert!(!scene.program.run(&explain).status.success());
}
