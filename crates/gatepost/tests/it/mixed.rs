//! A client with several credentials of mixed kinds: each lets it in and has its last use, one is
//! taken away while the others go on, and there are four at the most.

use serde_json::Value;
use testkit::until;

use crate::authority::{Authority, Leaf};
use crate::client::code;
use crate::program::Answer;
use crate::proofs::{Door, GRANT, Key, claims, key, refused, with_assertion};

/// A client with two keys, a certificate and a secret.
struct Scene {
    door: Door,
    keys: [Key; 2],
    certificate: Leaf,
    /// The secret, and its id.
    secret: (String, String),
}

impl Scene {
    async fn open() -> Self {
        let (partners, certificate) = (Authority::new("the partners"), Leaf::self_signed("hsm"));
        let keys = [key("k1"), key("k2")];
        let clients = format!(
            "      orders:
        scopes: [tires/create.order]
        credentials:
          key-2026: {{ auth: private_key_jwt, jwks: {{ keys: [{}] }} }}
          key-2027: {{ auth: private_key_jwt, jwks: {{ keys: [{}] }}, expires: 2100-01-01 }}
          hsm: {{ auth: self_signed_tls_client_auth, certificates: [\"{}\"] }}
          secret: {{ auth: client_secret }}\n",
            keys[0].jwk,
            keys[1].jwk,
            certificate.fingerprint()
        );
        let door = Door::open_with("", &partners, &clients).await;
        let minted = door.program.done(&["client", "secret", "add", "orders", "--json"]);
        let minted: Value = serde_json::from_str(&minted).unwrap();
        let text = |name: &str| minted[name].as_str().unwrap().to_owned();
        let secret = (text("client_secret"), text("id"));
        Self { door, keys, certificate, secret }
    }

    async fn by_key(&self, at: usize, id: &str) -> Answer {
        let assertion = self.keys[at].sign("orders", &self.door.program.public, id);
        self.door.ask(None, &with_assertion(&assertion)).await
    }

    async fn by_certificate(&self) -> Answer {
        self.door.ask(Some(&self.certificate), &format!("{GRANT}&client_id=orders")).await
    }

    async fn by_secret(&self) -> Answer {
        let (secret, _) = &self.secret;
        self.door.ask(None, &format!("{GRANT}&client_id=orders&client_secret={secret}")).await
    }

    /// The credentials of the client, as `client list` has them.
    fn listed(&self) -> Vec<Value> {
        let line = self.door.program.done(&["client", "list", "--json"]);
        let client: Value = serde_json::from_str(&line).unwrap();
        client["credentials"].as_array().unwrap().clone()
    }

    /// What a command that must fail says.
    fn said(&self, arguments: &[&str]) -> String {
        let output = self.door.program.run(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

fn token(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_client_gets_tokens_by_each_of_its_credentials_and_each_has_its_last_use() {
    let mut scene = Scene::open().await;
    let tokens = [
        token(&scene.by_key(0, "j1").await),
        token(&scene.by_key(1, "j2").await),
        token(&scene.by_certificate().await),
        token(&scene.by_secret().await),
    ];
    let ids = ["orders/key-2026", "orders/key-2027", "orders/hsm", scene.secret.1.as_str()];
    for (token, id) in tokens.iter().zip(ids) {
        assert_eq!(claims(token)["credential_id"], id);
    }
    // What was got by a certificate is good with it alone, and everything else without one.
    let [by_key, _, by_certificate, by_secret] = &tokens;
    for (token, shown, status) in [
        (by_key, None, 201),
        (by_secret, None, 201),
        (by_certificate, Some(&scene.certificate), 201),
        (by_certificate, None, 401),
    ] {
        assert_eq!(scene.door.order(shown, token).await.status, status);
    }
    let methods = until("the audit has all four", async || {
        let rows = scene.door.program.done(&["token", "audit", "--client", "orders", "--json"]);
        let rows: Vec<Value> = rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
        let method = |row: &Value| row["method"].as_str().unwrap().to_owned();
        let mut methods: Vec<String> = rows.iter().map(method).collect();
        methods.sort();
        (methods.len() == 4).then_some(methods)
    })
    .await;
    let expected =
        ["client_secret_post", "private_key_jwt", "private_key_jwt", "self_signed_tls_client_auth"];
    assert_eq!(methods, expected);
    // Each of them is found by its credential, as the token has it.
    for id in ids {
        let asked = ["token", "audit", "--json", "--credential", id];
        let rows = scene.door.program.done(&asked);
        let row: Value = serde_json::from_str(&rows).unwrap();
        assert_eq!((&row["credential"], &row["outcome"]), (&id.into(), &"issued".into()));
    }
    // An orderly end keeps the uses that were not handed over yet.
    assert!(scene.door.program.stop().success());
    scene.door.program.start_again().await;
    let listed = scene.listed();
    assert_eq!(listed.iter().map(|one| &one["id"]).collect::<Vec<_>>(), ids);
    for credential in &listed {
        assert_eq!(credential["state"], "live", "{credential}");
        let day = credential["last_used"].as_str().unwrap_or_default();
        assert_eq!(day.len(), 10, "{credential}");
    }
    assert_eq!(listed[1]["kind"], "private_key_jwt");
    assert_eq!(listed[1]["expires_at"], "2100-01-01T00:00:00.000Z");
    let table = scene.door.program.done(&["client", "list"]);
    for part in ["orders/hsm (self_signed_tls_client_auth, used ", "until 2100-01-01", "ends in"] {
        assert!(table.contains(part), "{part}: {table}");
    }
    assert_eq!(table.matches(", used ").count(), 4, "of each: {table}");
    the_day_stays_with_the_name(&scene, &listed[0]).await;
}

/// Also while the name is not in the file.
async fn the_day_stays_with_the_name(scene: &Scene, listed: &Value) {
    for (from, to, count) in [("  key-2026:", "  # key-2026:", 3), ("# key-2026:", "key-2026:", 4)]
    {
        scene.door.program.rewrite(|text| text.replace(from, to));
        scene.door.program.signal("-HUP");
        until("the file is read", async || (scene.listed().len() == count).then_some(())).await;
    }
    assert_eq!(scene.listed()[0]["last_used"], listed["last_used"]);
}

#[tokio::test]
async fn what_is_taken_away_is_refused_and_the_others_go_on() {
    let scene = Scene::open().await;
    let program = &scene.door.program;
    let before = token(&scene.by_key(0, "j1").await);
    program.rewrite(|text| {
        let kept: Vec<&str> = text.lines().filter(|line| !line.contains("key-2026:")).collect();
        kept.join("\n") + "\n"
    });
    program.signal("-HUP");
    let mut number = 1;
    let answer = until("the key counts no more", async || {
        number += 1;
        let answer = scene.by_key(0, &format!("j{number}")).await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    refused(&answer, 401, "invalid_client", "not signed with a key of this client");
    token(&scene.by_key(1, "k1").await);
    token(&scene.by_certificate().await);
    token(&scene.by_secret().await);
    let ids: Vec<_> = scene.listed().iter().map(|one| one["id"].clone()).collect();
    assert_eq!(ids, ["orders/key-2027", "orders/hsm", scene.secret.1.as_str()]);
    // As with secrets: what it got is good to its end, or until it is revoked.
    assert_eq!(scene.door.order(None, &before).await.status, 201);
    // Whether it was removed or is a slip of the pen cannot be seen of it.
    let said = scene.said(&["token", "revoke", "--credential", "orders/key-2026"]);
    assert!(said.contains("Did you mean `orders/key-2027`?"), "{said}");
    assert!(said.contains("--removed"), "{said}");
    assert_eq!(scene.door.order(None, &before).await.status, 201);
    let said = program.done(&["token", "revoke", "--credential", "orders/key-2026", "--removed"]);
    assert!(said.contains("No credential of this name is declared now"), "{said}");
    let answer = scene.door.order(None, &before).await;
    assert_eq!((answer.status, &*code(&answer)), (401, "token-revoked"));
}

#[tokio::test]
async fn tokens_of_one_declared_credential_are_revoked_and_no_others() {
    let scene = Scene::open().await;
    let program = &scene.door.program;
    let (first, second) =
        (token(&scene.by_key(0, "j1").await), token(&scene.by_key(1, "j2").await));
    let revoke = ["token", "revoke", "--json", "--credential", "orders/key-2026"];
    let said: Value = serde_json::from_str(&program.done(&revoke)).unwrap();
    assert_eq!((&said["id"], &said["declared"]), (&"orders/key-2026".into(), &true.into()));
    let answer = scene.door.order(None, &first).await;
    assert_eq!((answer.status, &*code(&answer)), (401, "token-revoked"));
    assert_eq!(scene.door.order(None, &second).await.status, 201);
    for (id, part) in [
        ("nobody/key-2026", "no client"),
        (
            "orders/hsmm",
            "There is no declared credential `orders/hsmm`. Did you mean `orders/hsm`?",
        ),
        // Its tokens say which secret it was.
        ("orders/secret", "gatepost client secret list orders"),
    ] {
        let said = scene.said(&["token", "revoke", "--credential", id]);
        assert!(said.contains(part), "{id}: {said}");
    }
    // The credential itself ends where it is declared.
    let said = scene.said(&["client", "revoke", "orders/key-2026"]);
    assert!(said.contains("partners.cars.clients.orders.credentials.key-2026"), "{said}");
}

#[tokio::test]
async fn four_of_all_kinds_are_live_at_the_most() {
    let scene = Scene::open().await;
    let program = &scene.door.program;
    for command in [&["client", "secret", "orders"][..], &["client", "secret", "rotate", "orders"]]
    {
        let said = scene.said(command);
        let list = "gatepost client secret list orders";
        let idle = "remove partners.cars.clients.orders.credentials.key-2026";
        for part in
            ["4 at the most", "3 of them are declared", list, "gatepost client revoke", idle]
        {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert_eq!(said.contains("`--overlap 0s`"), command.contains(&"rotate"), "{said}");
    }
    // One that takes the place of the other finds it.
    let rotated = program.done(&["client", "secret", "rotate", "orders", "--overlap", "0s"]);
    assert_eq!(scene.by_secret().await.status, 401);
    let body = format!("{GRANT}&client_id=orders&client_secret={rotated}");
    token(&scene.door.ask(None, &body).await);
    program.rewrite(|text| {
        let fifth = "          fifth: { auth: self_signed_tls_client_auth, certificates: [";
        let hsm = text.lines().find(|line| line.contains("hsm:")).unwrap().to_owned();
        let (_, certificates) = hsm.split_once("certificates: [").unwrap();
        text.replace(&hsm, &format!("{hsm}\n{fifth}{certificates}"))
    });
    let said = scene.said(&["check"]);
    assert!(said.contains("there are 5 credentials, and may be 4"), "{said}");
}

#[tokio::test]
async fn a_key_is_changed_for_the_next_one_with_an_overlap() {
    let (keys, partners) = ([key("k1"), key("k2")], Authority::new("the partners"));
    let entry = |name: &str, key: &Key, time: &str| {
        format!(
            "          {name}: {{ auth: private_key_jwt, jwks: {{ keys: [{}] }}, {time} }}\n",
            key.jwk
        )
    };
    let head = "      orders:\n        scopes: [tires/create.order]\n        credentials:\n";
    let clients = format!(
        "{head}{}{}",
        entry("old", &keys[0], "expires: 2001-01-01"),
        entry("new", &keys[1], "not_before: 2001-01-01")
    );
    let door = Door::open_with("", &partners, &clients).await;
    let issuer = door.program.public.clone();
    let ask = async |at: usize, id: &str| {
        let assertion = keys[at].sign("orders", &issuer, id);
        door.ask(None, &with_assertion(&assertion)).await.status
    };
    assert_eq!((ask(0, "j1").await, ask(1, "j2").await), (401, 200), "the old one is over");
    let told = until("the log tells why", async || {
        let log = door.program.read("stderr");
        log.lines().find(|line| line.contains("a client assertion is refused")).map(str::to_owned)
    })
    .await;
    assert!(told.contains("old: ended 2001-01-01T00:00:00Z; new: "), "{told}");
    let warned = door.program.run(&["check"]);
    let warned = String::from_utf8(warned.stderr).unwrap();
    assert!(warned.contains("credentials.old has not counted since 2001-01-01"), "{warned}");
    // Both count while their times overlap.
    door.program.rewrite(|text| text.replace("expires: 2001-01-01", "expires: 2100-01-01"));
    door.program.signal("-HUP");
    let mut number = 2;
    until("the old one counts", async || {
        number += 1;
        (ask(0, &format!("j{number}")).await == 200).then_some(())
    })
    .await;
    assert_eq!(ask(1, "k1").await, 200);
    // And before its time the next one does not.
    door.program.rewrite(|text| text.replace("not_before: 2001", "not_before: 2100"));
    door.program.signal("-HUP");
    until("the new one waits", async || {
        number += 1;
        (ask(1, &format!("j{number}")).await != 200).then_some(())
    })
    .await;
    assert_eq!(ask(0, "k2").await, 200);
}

#[tokio::test]
async fn what_is_declared_beside_more_secrets_than_there_is_room_for_is_not_taken_over() {
    let (keys, partners) = ([key("k1"), key("k2"), key("k3")], Authority::new("the partners"));
    let entry = |at: usize| {
        let jwk = &keys[at].jwk;
        format!("          key-{at}: {{ auth: private_key_jwt, jwks: {{ keys: [{jwk}] }} }}\n")
    };
    let secret = "          secret: { auth: client_secret }\n";
    let head = "      orders:\n        scopes: [tires/create.order]\n        credentials:\n";
    let mut door = Door::open_with("", &partners, &format!("{head}{secret}{}", entry(0))).await;
    let ids = [0; 3].map(|_| {
        let minted = door.program.done(&["client", "secret", "add", "orders", "--json"]);
        let minted: Value = serde_json::from_str(&minted).unwrap();
        minted["id"].as_str().unwrap().to_owned()
    });
    let issuer = door.program.public.clone();
    let status = async |door: &Door, at: usize, id: &str| {
        let assertion = keys[at].sign("orders", &issuer, id);
        door.ask(None, &with_assertion(&assertion)).await.status
    };
    let declare = |door: &Door, at: usize| {
        door.program.rewrite(|text| text.replace(secret, &format!("{secret}{}", entry(at))));
    };
    declare(&door, 1);
    door.program.signal("-HUP");
    let line = until("the file is not taken over", async || {
        let log = door.program.read("stderr");
        log.lines().find(|line| line.contains("was not taken over")).map(str::to_owned)
    })
    .await;
    for part in ["orders would have 5 live", "revoke 1 of", "client secret list orders"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert_eq!((status(&door, 1, "a1").await, status(&door, 0, "a2").await), (401, 200));
    door.program.done(&["client", "revoke", ids[0].as_str()]);
    door.program.signal("-HUP");
    let mut number = 0;
    until("there is room for it", async || {
        number += 1;
        (status(&door, 1, &format!("b{number}")).await == 200).then_some(())
    })
    .await;
    // A start takes the file as it is, and says what is too much; what is there stays.
    assert!(door.program.stop().success());
    declare(&door, 2);
    door.program.start_again().await;
    let warned = "has more than 4 live credentials";
    until("it is told", async || door.program.read("stderr").contains(warned).then_some(())).await;
    assert_eq!(status(&door, 2, "c1").await, 200);
    let before = door.program.said("the configuration was read again").len();
    door.program.signal("-HUP");
    until("a file that makes it no worse is taken over", async || {
        (door.program.said("the configuration was read again").len() > before).then_some(())
    })
    .await;
}
