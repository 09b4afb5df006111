//! Signatures: what a receiver finds on a delivery, and how it tells that it is ours.

use gatepost::clock::SystemClock;
use model::Clock as _;
use serde_json::{Value, json};
use signature::{
    ID, Jwks, PublicKey, SIGNATURE, Secret, SignatureHeaders, TIMESTAMP, TOLERANCE_S, VerifyError,
    VerifyingKey, verify,
};
use testkit::{Got, Receiver, Reply, until};

use crate::program::Program;

const PLACE: &str = "/.well-known/webhook-jwks.json";

/// One destination, `signing` being a line of it.
fn definitions(receiver: &Receiver, signing: &str) -> String {
    let address = receiver.address();
    format!(
        "
buses:
  orders:
    rules:
      all:
        when: {{ source: [test] }}
        send:
          - to: receiver
            body: $.detail
            retry: {{ delays: [1100ms, 1100ms, 1100ms, 1100ms, 1100ms] }}
destinations:
  receiver:
    request: POST http://{address}/in
    allow_private: [127.0.0.0/8]
    {signing}
"
    )
}

async fn publish(program: &Program) {
    let event = json!({ "source": "test", "detail_type": "T", "detail": { "größe": 1.50 } });
    let (status, answer) = program.publish("orders", &event).await;
    assert_eq!((status, &answer["failed"]), (200, &0.into()));
}

async fn arrived(receiver: &Receiver, count: usize) -> Vec<Got> {
    until("the deliveries arrive", async || {
        let got = receiver.got();
        (got.len() >= count).then_some(got)
    })
    .await
}

/// Publishes an event and gives what arrives of it.
async fn delivered(program: &Program, receiver: &Receiver) -> Got {
    let before = receiver.got().len();
    publish(program).await;
    arrived(receiver, before + 1).await.swap_remove(before)
}

/// The kinds of a delivery's signatures, in their order.
fn kinds(got: &Got) -> Vec<&str> {
    let signatures = got.header(SIGNATURE).split(' ');
    signatures.map(|one| one.split_once(',').unwrap_or_default().0).collect()
}

/// What a receiver with this key says to the delivery, had it this body.
fn verdict(got: &Got, body: &str, key: VerifyingKey<'_>) -> Result<(), VerifyError> {
    let text = |name: &str| got.header(name).to_owned();
    let headers =
        SignatureHeaders { id: text(ID), timestamp: text(TIMESTAMP), signature: text(SIGNATURE) };
    let now_s = SystemClock::new().now().seconds();
    verify(&headers, body.as_bytes(), now_s, TOLERANCE_S, &[key])
}

/// The program's own keys, as any receiver finds them; the newest first.
async fn published(program: &Program) -> Vec<PublicKey> {
    let answer = program.call("GET", PLACE, &[], "").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let set: Jwks = serde_json::from_str(&answer.body).unwrap();
    set.keys.iter().map(|jwk| jwk.public_key().unwrap()).collect()
}

#[tokio::test]
async fn every_attempt_is_signed_anew_under_the_deliverys_one_id() {
    let receiver =
        Receiver::start(|before, _| Reply::status(if before == 0 { 503 } else { 204 })).await;
    let signing = "signing: { secret: { file: ./secret }, ed25519: true }";
    let program = Program::start(&definitions(&receiver, signing)).await;
    let text = program.done(&["webhooks", "secret"]);
    std::fs::write(program.path("secret"), format!("{text}\n")).unwrap();
    publish(&program).await;
    let got = arrived(&receiver, 2).await;
    let secret = Secret::parse(&text).unwrap();
    let own = published(&program).await;
    assert_eq!(own.len(), 1);
    for one in &got {
        assert_eq!(one.body, r#"{"größe":1.5}"#);
        assert_eq!(kinds(one), ["v1", "v1a"]);
        assert_eq!(one.header(ID), one.header("idempotency-key"));
        for key in [VerifyingKey::Hmac(&secret), VerifyingKey::Ed25519(&own[0])] {
            assert_eq!(verdict(one, &one.body, key), Ok(()), "{key:?}");
            let other = one.body.replace("1.5", "2.5");
            assert_eq!(verdict(one, &other, key), Err(VerifyError::Signature), "{key:?}");
        }
    }
    assert_eq!(got[0].header(ID), got[1].header(ID));
    assert_ne!(got[0].header(TIMESTAMP), got[1].header(TIMESTAMP));
    assert!(!program.read("stdout").contains("whsec_"), "a secret is in the log");
}

#[tokio::test]
async fn without_a_word_the_programs_own_key_signs_and_is_published() {
    let receiver = Receiver::start(|_, _| Reply::status(204)).await;
    let mut program = Program::start(&definitions(&receiver, "")).await;
    let got = delivered(&program, &receiver).await;
    assert_eq!(kinds(&got), ["v1a"]);
    let own = published(&program).await;
    assert_eq!(verdict(&got, &got.body, VerifyingKey::Ed25519(&own[0])), Ok(()));

    let set = program.call("GET", PLACE, &[], "").await;
    assert_eq!(set.header("content-type"), "application/jwk-set+json");
    assert_eq!(set.header("cache-control"), "public, max-age=300");
    let known = [("if-none-match", set.header("etag"))];
    assert_eq!(program.call("GET", PLACE, &known, "").await.status, 304);
    let key = &set.json()["keys"][0];
    assert_eq!((&key["kty"], &key["crv"]), (&"OKP".into(), &"Ed25519".into()));
    assert_eq!(key["d"], Value::Null);
    let refused = program.call("POST", PLACE, &[], "").await;
    assert_eq!((refused.status, refused.header("allow")), (405, "GET, HEAD"));
    // It is none of the token service's keys: neither kind of signature is the other's.
    let tokens = program.call("GET", "/.well-known/jwks.json", &[], "").await;
    assert_eq!(tokens.json()["keys"].as_array().unwrap().len(), 2);
    assert_ne!(tokens.json()["keys"][0]["kid"], key["kid"]);

    program.kill_and_restart().await;
    assert_eq!(program.call("GET", PLACE, &[], "").await.body, set.body);
    let got = delivered(&program, &receiver).await;
    assert_eq!(verdict(&got, &got.body, VerifyingKey::Ed25519(&own[0])), Ok(()));
}

#[tokio::test]
async fn a_former_secret_signs_beside_the_new_one_until_its_time() {
    let receiver = Receiver::start(|_, _| Reply::status(204)).await;
    let signing = "signing: { secret: { file: ./new }, previous: { secret: { file: ./old }, until: \
                   2100-01-01T00:00:00Z } }";
    let program = Program::start(&definitions(&receiver, signing)).await;
    assert!(program.read("stderr").contains("end it within seven days"));
    for name in ["new", "old"] {
        program.done(&["webhooks", "secret", "--out", name]);
    }
    let (new, old) = (program.read("new"), program.read("old"));
    let (new, old) = (Secret::parse(&new).unwrap(), Secret::parse(&old).unwrap());
    let got = delivered(&program, &receiver).await;
    assert_eq!(kinds(&got), ["v1", "v1"]);
    for secret in [&new, &old] {
        assert_eq!(verdict(&got, &got.body, VerifyingKey::Hmac(secret)), Ok(()));
    }
    program.rewrite(|file| file.replace("2100-01-01", "2000-01-01"));
    program.signal("-HUP");
    let got = until("the former secret has ended", async || {
        let got = delivered(&program, &receiver).await;
        let ended = kinds(&got) == ["v1"];
        ended.then_some(got)
    })
    .await;
    assert_eq!(verdict(&got, &got.body, VerifyingKey::Hmac(&new)), Ok(()));
    let refused = verdict(&got, &got.body, VerifyingKey::Hmac(&old));
    assert_eq!(refused, Err(VerifyError::Signature));
}

#[tokio::test]
async fn the_programs_own_key_is_changed_with_an_overlap_or_at_once() {
    let receiver = Receiver::start(|_, _| Reply::status(204)).await;
    let program = Program::start(&definitions(&receiver, "")).await;
    let first = &published(&program).await[0];
    let told = program.done(&["webhooks", "rotate", "--overlap", "1h"]);
    assert!(told.ends_with("signs from now on."), "{told}");
    let own = published(&program).await;
    assert_eq!((own.len(), own[1].to_string()), (2, first.to_string()));
    let got = delivered(&program, &receiver).await;
    assert_eq!(kinds(&got), ["v1a", "v1a"]);
    for key in &own {
        assert_eq!(verdict(&got, &got.body, VerifyingKey::Ed25519(key)), Ok(()));
    }

    program.done(&["webhooks", "rotate", "--overlap", "0s"]);
    let after = published(&program).await;
    // The former keys may be known to others: nothing signed with them is to be believed.
    assert_eq!(after.len(), 1);
    let got = delivered(&program, &receiver).await;
    assert_eq!(kinds(&got), ["v1a"]);
    assert_eq!(verdict(&got, &got.body, VerifyingKey::Ed25519(&after[0])), Ok(()));
    for key in &own {
        let refused = verdict(&got, &got.body, VerifyingKey::Ed25519(key));
        assert_eq!(refused, Err(VerifyError::Signature));
    }
    let listed = program.done(&["webhooks", "keys", "--json"]);
    let signs: Vec<Value> = listed
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["signs"].clone())
        .collect();
    assert_eq!(signs, [true, false, false]);
    assert!(listed.contains(&after[0].to_string()), "{listed}");
    assert!(program.done(&["audit"]).contains("rotate webhook key"));
}

#[tokio::test]
async fn at_most_four_keys_sign_and_for_seven_days() {
    let receiver = Receiver::start(|_, _| Reply::status(204)).await;
    let program = Program::start(&definitions(&receiver, "")).await;
    let output = program.run(&["webhooks", "rotate", "--overlap", "8d"]);
    assert_eq!(output.status.code(), Some(2));
    for _ in 0..3 {
        program.done(&["webhooks", "rotate", "--overlap", "7d"]);
    }
    let output = program.run(&["webhooks", "rotate"]);
    assert_eq!(output.status.code(), Some(1));
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(talk.contains("4 keys sign already"), "{talk}");
    assert_eq!(kinds(&delivered(&program, &receiver).await).len(), 4);
    program.done(&["webhooks", "rotate", "--overlap", "0s"]);
    assert_eq!(kinds(&delivered(&program, &receiver).await).len(), 1);
}

#[tokio::test]
async fn off_is_no_signature_at_all() {
    let receiver = Receiver::start(|_, _| Reply::status(204)).await;
    let program = Program::start(&definitions(&receiver, "signing: off")).await;
    let got = delivered(&program, &receiver).await;
    assert!(got.headers.keys().all(|name| !name.as_str().starts_with("webhook-")), "{got:?}");
}

#[tokio::test]
async fn what_cannot_sign_is_told_and_not_shown_and_nothing_goes_out_unsigned() {
    let receiver = Receiver::start(|_, _| Reply::status(204)).await;
    let signing = "signing: { secret: { file: ./secret } }";
    let program = Program::start(&definitions(&receiver, signing)).await;
    std::fs::write(program.path("secret"), "hunter2\n").unwrap();
    let output = program.run(&["check"]);
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(talk.contains("destinations.receiver.signing: the secret in file"), "{talk}");
    publish(&program).await;
    until("the unfit secret is told", async || {
        let told = |line: &Value| line["error"].as_str().is_some_and(|e| e.contains("cannot sign"));
        program.lines("attempt").iter().any(told).then_some(())
    })
    .await;
    assert!(receiver.got().is_empty());
    for text in [talk, program.read("stdout"), program.read("stderr")] {
        assert!(!text.contains("hunter2"), "{text}");
    }
    std::fs::remove_file(program.path("secret")).unwrap();
    program.done(&["webhooks", "secret", "--out", "secret"]);
    let secret = Secret::parse(&program.read("secret")).unwrap();
    let got = arrived(&receiver, 1).await.swap_remove(0);
    assert_eq!(verdict(&got, &got.body, VerifyingKey::Hmac(&secret)), Ok(()));
}

#[tokio::test]
async fn a_secret_is_made_for_its_owner_only_and_never_in_place_of_another() {
    use std::os::unix::fs::PermissionsExt as _;
    let receiver = Receiver::start(|_, _| Reply::status(204)).await;
    let program = Program::start(&definitions(&receiver, "")).await;
    assert_eq!(program.done(&["webhooks", "secret", "--out", "cars.whsec"]), "");
    let made = program.read("cars.whsec");
    assert!(Secret::parse(&made).is_ok());
    let mode = std::fs::metadata(program.path("cars.whsec")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let output = program.run(&["webhooks", "secret", "--out", "cars.whsec"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(program.read("cars.whsec"), made);
    assert_ne!(program.done(&["webhooks", "secret"]), program.done(&["webhooks", "secret"]));
}
