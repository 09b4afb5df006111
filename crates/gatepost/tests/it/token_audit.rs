//! Who got which token, who was refused one, and who revoked its own: kept, found, and never with a
//! secret in it.

use serde_json::{Value, json};
use testkit::until;

use crate::program::{Answer, Program};

const DEFINITIONS: &str = "
apis:
  tires:
    upstream: http://127.0.0.1:9
    scopes: { create.order: Create }
    routes: { GET /: {} }
partners:
  cars: { clients: { car-orders: { scopes: [tires/create.order] } } }
  bikes: { clients: { bike-orders: { scopes: [tires/create.order] } } }
";

struct Service {
    program: Program,
    cars: String,
    bikes: String,
}

impl Service {
    async fn start() -> Self {
        let program = Program::start(DEFINITIONS).await;
        let secret = |client: &str| program.done(&["client", "secret", client]);
        let (cars, bikes) = (secret("car-orders"), secret("bike-orders"));
        Self { program, cars, bikes }
    }

    async fn ask(&self, client: &str, secret: &str) -> Answer {
        self.post("/oauth2/token", "grant_type=client_credentials", (client, secret)).await
    }

    async fn revoke(&self, token: &str, of: (&str, &str)) -> Answer {
        self.post("/oauth2/revoke", &format!("token={token}"), of).await
    }

    async fn post(&self, path: &str, what: &str, (client, secret): (&str, &str)) -> Answer {
        let body = format!("{what}&client_id={client}&client_secret={secret}");
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.program.call("POST", path, &headers, &body).await
    }

    fn rows(&self, arguments: &[&str]) -> Vec<Value> {
        let text = self.program.done(&[&["token", "audit", "--json"][..], arguments].concat());
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Waits until so many answers are kept.
    async fn kept(&self, expected: u64) {
        until("the answers are kept", async || {
            let rows = self.rows(&[]);
            let times: u64 = rows.iter().map(|row| row["times"].as_u64().unwrap()).sum();
            assert!(times <= expected, "{times} are kept, and {expected} were given");
            (times == expected).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn every_token_and_every_refusal_is_found_by_what_it_was() {
    let service = Service::start().await;
    let issued = service.ask("car-orders", &service.cars).await;
    let token = issued.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(service.ask("bike-orders", &service.bikes).await.status, 200);
    assert_eq!(service.ask("car-orders", "wrong-guess").await.status, 401);
    assert_eq!(service.ask(&service.bikes, "wrong-guess").await.status, 401);
    service.kept(4).await;

    let rows = service.rows(&["--client", "car-orders", "--partner", "cars"]);
    let [row] = &rows[..] else { panic!("{rows:?}") };
    let listed = service.program.done(&["client", "secret", "list", "car-orders", "--json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let credential = listed["id"].as_str().unwrap().to_owned();
    assert_eq!(service.rows(&["--credential", &credential]), rows);
    for (name, value) in [
        ("outcome", "issued"),
        ("method", "client_secret_post"),
        ("credential", credential.as_str()),
        ("scope", "tires/create.order"),
        ("audience", "tires"),
        ("address", "127.0.0.1"),
    ] {
        assert_eq!(row[name], value, "{name}");
    }
    let jwks = service.program.call("GET", "/.well-known/jwks.json", &[], "").await;
    assert_eq!(row["kid"], jwks.json()["keys"][0]["kid"]);
    assert!(row["reason"].is_null());

    let by_id = service.rows(&["--jti", row["jti"].as_str().unwrap()]);
    assert_eq!(by_id, rows);
    assert_eq!(service.rows(&["--client", "car-orders"]).len(), 2);
    let refused = service.rows(&["--refused"]);
    let clients: Vec<_> = refused.iter().map(|row| row["client"].clone()).collect();
    assert_eq!(clients, [Value::Null, "car-orders".into()], "a misplaced secret is no name");
    assert!(refused.iter().all(|row| row["reason"] == "wrong-credentials"));
    assert_eq!(service.rows(&["--from", "1h"]).len(), 4);
    assert!(service.rows(&["--to", "1h"]).is_empty());
    // What operators changed is another trail.
    assert!(!service.program.done(&["audit"]).contains("issued"));

    let table = service.program.done(&["token", "audit"]);
    assert!(table.starts_with("AT ") && table.contains("wrong-credentials"), "{table}");
    let mut seen = service.program.done(&["token", "audit", "--json"]) + &table;
    for file in ["data/core.db", "data/core.db-wal"] {
        let bytes = std::fs::read(service.program.path(file)).unwrap_or_default();
        seen.push_str(&String::from_utf8_lossy(&bytes));
    }
    let signature = token.rsplit('.').next().unwrap();
    for secret in [signature, "wrong-guess", &service.cars, &service.bikes] {
        assert!(!seen.contains(secret), "{secret} is in the audit");
    }
}

#[tokio::test]
async fn what_a_client_revokes_is_found_with_the_token_and_what_changes_nothing_is_not() {
    let service = Service::start().await;
    let issued = service.ask("car-orders", &service.cars).await;
    let token = issued.json()["access_token"].as_str().unwrap().to_owned();
    let (cars, bikes) = (("car-orders", &*service.cars), ("bike-orders", &*service.bikes));
    // All are answered alike: somebody else's token, what is no token, its own, and that once more.
    for (token, of) in [(&*token, bikes), ("nonsense", cars), (&token, cars), (&token, cars)] {
        assert_eq!(service.revoke(token, of).await.status, 200);
    }
    assert_eq!(service.revoke(&token, ("car-orders", "wrong-guess")).await.status, 401);
    service.kept(2).await;

    let rows = service.rows(&["--revoked"]);
    let [row] = &rows[..] else { panic!("{rows:?}") };
    for (name, value) in [
        ("outcome", json!("revoked")),
        ("client", json!("car-orders")),
        ("partner", json!("cars")),
        ("method", json!("client_secret_post")),
        ("audience", json!("tires")),
        ("address", json!("127.0.0.1")),
        ("times", json!(1)),
        ("reason", Value::Null),
    ] {
        assert_eq!(row[name], value, "{name}: {row}");
    }
    let of_token = service.rows(&["--jti", row["jti"].as_str().unwrap()]);
    let outcomes: Vec<_> = of_token.iter().map(|row| row["outcome"].clone()).collect();
    assert_eq!(outcomes, ["revoked", "issued"]);
    // The one secret got it and was the proof for ending it.
    assert!(row["credential"].is_string(), "{row}");
    assert!(of_token.iter().all(|other| other["credential"] == row["credential"]), "{of_token:?}");
    assert_eq!(service.rows(&["--revoked", "--client", "car-orders", "--from", "1h"]), rows);
    assert!(service.rows(&["--revoked", "--partner", "bikes"]).is_empty());
    assert!(service.rows(&["--refused"]).is_empty());
    let issued = service.program.admin_get("token-audit?outcome=issued").await;
    assert_eq!(issued["items"].as_array().unwrap().len(), 1);

    let table = service.program.done(&["token", "audit"]);
    assert!(table.contains("revoked"), "{table}");
    let signature = token.rsplit('.').next().unwrap();
    for file in ["data/core.db", "data/core.db-wal"] {
        let bytes = std::fs::read(service.program.path(file)).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&bytes).contains(signature), "the token is in {file}");
    }
}

#[tokio::test]
async fn a_name_that_is_nowhere_is_said_and_one_without_rows_is_not() {
    let service = Service::start().await;
    assert_eq!(service.ask("bike-orders", &service.bikes).await.status, 200);
    service.kept(1).await;
    for (asked, says) in [
        (["--client", "car-order"], "There is no client `car-order`. Did you mean `car-orders`?"),
        (["--partner", "carz"], "There is no partner `carz`. Did you mean `cars`?"),
        (["--partner", "entirely-another"], "There is no partner `entirely-another`.\n"),
        (["--credential", "cars/hsm"], "There is no credential `cars/hsm`."),
    ] {
        for form in [&[][..], &["--json"]] {
            let output = service.program.run(&[&["token", "audit"][..], &asked, form].concat());
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(1), "{asked:?} {form:?}: {said}");
            assert!(said.contains(says), "{asked:?} {form:?}: {said}");
        }
    }
    assert!(service.rows(&["--client", "car-orders"]).is_empty());
    // What is defined no more is in the audit still, if not in this stretch of it.
    service.program.rewrite(|file| {
        let kept: Vec<_> = file.lines().filter(|line| !line.contains("bike-orders")).collect();
        kept.join("\n") + "\n"
    });
    service.program.signal("-HUP");
    until("the client is defined no more", async || {
        let listed = service.program.done(&["client", "list", "--json"]);
        (!listed.contains("bike-orders")).then_some(())
    })
    .await;
    assert_eq!(service.rows(&["--client", "bike-orders", "--partner", "bikes"]).len(), 1);
    assert!(service.rows(&["--client", "bike-orders", "--to", "1h"]).is_empty());
    assert!(service.rows(&["--partner", "bikes", "--to", "1h"]).is_empty());
}

#[tokio::test]
async fn the_audit_is_read_page_by_page_and_survives_an_orderly_end_whole() {
    let mut service = Service::start().await;
    let mut ids = Vec::new();
    for _ in 0..7 {
        assert_eq!(service.ask("car-orders", &service.cars).await.status, 200);
    }
    // Without waiting: the end keeps what waits.
    assert!(service.program.stop().success());
    service.program.start_again().await;
    let mut after: Option<String> = None;
    loop {
        let place = after.as_ref().map(|after| format!("&after={after}")).unwrap_or_default();
        let page = service.program.admin_get(&format!("token-audit?limit=3{place}")).await;
        let items = page["items"].as_array().unwrap();
        ids.extend(items.iter().map(|row| row["jti"].as_str().unwrap().to_owned()));
        after = page["next"].as_str().map(str::to_owned);
        if after.is_none() {
            break;
        }
    }
    assert_eq!(ids.len(), 7);
    // The newest first, and ids sort by time to the millisecond.
    let ms: Vec<_> = ids.iter().map(|id| id[..13].to_owned()).collect();
    assert!(ms.windows(2).all(|pair| pair[0] >= pair[1]), "{ids:?}");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 7);
}

#[tokio::test]
async fn a_flood_of_refusals_is_added_up_and_a_kill_loses_nothing_that_is_old() {
    let mut service = Service::start().await;
    for _ in 0..40 {
        service.ask("car-orders", "wrong").await;
    }
    service.kept(40).await;
    let rows = service.rows(&[]);
    assert!(rows.len() < 40, "{} entries", rows.len());
    let reasons = |reason: &str| rows.iter().any(|row| row["reason"] == reason);
    assert!(reasons("wrong-credentials") && reasons("damped"), "{rows:?}");
    service.program.kill_and_restart().await;
    assert_eq!(service.rows(&[]), rows);
}
