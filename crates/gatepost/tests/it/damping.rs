//! Wrong credentials of every kind, at every endpoint that takes a client: damped where they come
//! from, and nobody is locked out by them.

use testkit::until;

use crate::program::{Answer, Program};
use crate::proofs::{Key, TYPE, key};
use crate::token_limits::{HERE, THERE, is_limited};

const PATHS: [&str; 3] = ["/oauth2/token", "/oauth2/revoke", "/oauth2/introspect"];
/// More than are let through within what a slow machine takes for them.
const MANY: usize = 45;

struct Service {
    program: Program,
    signs: Key,
    other: Key,
    secret: String,
}

impl Service {
    async fn start() -> Self {
        let (signs, other) = (key("k1"), key("k2"));
        let of = |key: &Key| {
            format!("auth: private_key_jwt, jwks: {{ keys: [{}] }}, scopes: [tires/turn]", key.jwk)
        };
        let definitions = format!(
            "
proxies: {{ trust: [127.0.0.1/32] }}
apis:
  tires:
    upstream: http://127.0.0.1:9
    scopes: {{ turn: Turn }}
    routes: {{ GET /: {{}} }}
partners:
  cars:
    clients:
      signs: {{ {} }}
      other: {{ {} }}
      plain: {{ scopes: [tires/turn] }}
",
            of(&signs),
            of(&other)
        );
        let program = Program::start(&definitions).await;
        let secret = program.done(&["client", "secret", "plain"]);
        Self { program, signs, other, secret }
    }

    /// A form that says what each of the endpoints wants to know.
    async fn post(&self, path: &str, address: &str, proof: &str) -> Answer {
        let headers =
            [("content-type", "application/x-www-form-urlencoded"), ("x-forwarded-for", address)];
        let body = format!("grant_type=client_credentials&token=x&{proof}");
        self.program.call("POST", path, &headers, &body).await
    }

    async fn by_assertion(&self, path: &str, address: &str, assertion: &str) -> Answer {
        self.post(path, address, &format!("{TYPE}&client_assertion={assertion}")).await
    }

    async fn by_secret(&self, path: &str, address: &str, secret: &str) -> Answer {
        self.post(path, address, &format!("client_id=plain&client_secret={secret}")).await
    }
}

#[tokio::test]
async fn wrong_secrets_are_damped_at_all_endpoints_together_and_a_right_one_is_let_in() {
    let service = Service::start().await;
    for number in 0..MANY {
        let answer = service.by_secret(PATHS[number % 3], HERE, "wrong").await;
        if number == 0 || answer.status != 429 {
            assert_eq!((answer.status, &answer.json()["error"]), (401, &"invalid_client".into()));
        }
    }
    // The endpoints beside the token endpoint have no audit: it is the log that tells.
    let said = service.program.said("a request to revoke or introspect is refused");
    assert!(
        said.iter().any(|line| line["error"] == "invalid_client" && line["address"] == HERE),
        "{said:?}"
    );
    for path in PATHS {
        let damped = async || {
            let answer = service.by_secret(path, HERE, "wrong").await;
            (answer.status == 429).then_some(answer)
        };
        is_limited(&until("the wrong secret is damped", damped).await);
        assert_eq!(service.by_secret(path, HERE, &service.secret).await.status, 200, "{path}");
        assert_eq!(service.by_secret(path, THERE, "wrong").await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn whatever_is_wrong_with_assertions_is_damped() {
    let service = Service::start().await;
    let (issuer, bad) = (service.program.public.clone(), key("k1"));
    let unknown = key("k9");
    let kinds = [
        (&bad, "signs", issuer.as_str()),
        (&unknown, "signs", &issuer),
        (&service.signs, "nobody", &issuer),
        (&service.signs, "plain", &issuer),
        (&service.signs, "signs", "https://other.example"),
    ];
    for (host, (signer, client, audience)) in kinds.into_iter().enumerate() {
        let address = format!("203.0.113.{host}");
        let mut statuses = Vec::new();
        for number in 0..MANY {
            let assertion = signer.sign(client, audience, &format!("{host}-{number}"));
            let answer = service.by_assertion(PATHS[number % 3], &address, &assertion).await;
            if answer.status == 429 {
                is_limited(&answer);
            } else {
                assert_eq!(answer.status, 401, "{}", answer.body);
            }
            statuses.push(answer.status);
        }
        assert_eq!(statuses[0], 401, "{host}");
        assert!(statuses.contains(&429), "{host}: {statuses:?}");
    }
}

#[tokio::test]
async fn bad_signatures_lock_no_client_out_that_has_proven_itself_from_there() {
    let service = Service::start().await;
    let (issuer, token) = (service.program.public.clone(), PATHS[0]);
    let good = service.signs.sign("signs", &issuer, "first");
    assert_eq!(service.by_assertion(token, HERE, &good).await.status, 200);
    for client in ["signs", "other"] {
        let bad = key(if client == "signs" { "k1" } else { "k2" });
        let mut statuses = Vec::new();
        for number in 0..MANY {
            let assertion = bad.sign(client, &issuer, &format!("bad-{number}"));
            statuses.push(service.by_assertion(token, HERE, &assertion).await.status);
        }
        assert!(statuses.contains(&429), "{client}: {statuses:?}");
    }
    for path in PATHS {
        let good = service.signs.sign("signs", &issuer, path);
        assert_eq!(service.by_assertion(path, HERE, &good).await.status, 200, "{path}");
    }
    // Also from an address from which it never did.
    let good = service.other.sign("other", &issuer, "there");
    assert_eq!(service.by_assertion(token, THERE, &good).await.status, 200);
    let good = service.other.sign("other", &issuer, "here");
    assert_eq!(service.by_assertion(token, HERE, &good).await.status, 200);
}

#[tokio::test]
async fn a_client_that_is_new_is_let_in_while_bad_signatures_flood_its_address() {
    let service = Service::start().await;
    let (issuer, token, bad) = (service.program.public.clone(), PATHS[0], key("k1"));
    let attack = async |client: &str, number: usize| {
        let assertion = bad.sign(client, &issuer, &format!("bad-{number}"));
        service.by_assertion(token, HERE, &assertion).await.status
    };
    // In the name of a client that is there, and in ever other names: in the end the address is
    // damped, for a name that was never heard too.
    let mut statuses = Vec::new();
    for number in 0..400 {
        if number < MANY {
            attack("signs", number).await;
        }
        statuses.push(attack(&format!("nobody-{number}"), number).await);
    }
    assert!(statuses.contains(&429), "{statuses:?}");
    let good = service.other.sign("other", &issuer, "first");
    let (_, answer) = tokio::join!(attack("nobody", 400), service.by_assertion(token, HERE, &good));
    assert_eq!(answer.status, 200, "{}", answer.body);
    // Whose very name is abused there is slowed, and let in.
    let mut number = 0;
    until("the client whose name is abused is let in", async || {
        number += 1;
        let good = service.signs.sign("signs", &issuer, &format!("good-{number}"));
        let answer = service.by_assertion(token, HERE, &good).await;
        if answer.status == 429 {
            is_limited(&answer);
        }
        (answer.status == 200).then_some(())
    })
    .await;
}
