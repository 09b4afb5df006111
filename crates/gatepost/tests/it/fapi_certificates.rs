//! The FAPI 2.0 Security Profile for programs once more, with certificates: the modules of
//! `fapi_client_credentials.rs` where a client proves itself by mutual TLS, or binds its tokens by
//! it (RFC 8705), and what the door's TLS must be (§5.2).

use std::fmt::Write as _;
use std::time::Duration;

use rustls::ProtocolVersion;
use rustls::crypto::aws_lc_rs::cipher_suite;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::authority::{Authority, Leaf};
use crate::claims::now_s;
use crate::client::{HERE, code, connect, shake};
use crate::dpop::{Draft, Key, fresh};
use crate::program::{Answer, Program};
use crate::proofs::{Door, FORM, GRANT, claims, refused, with_assertion};

const SECTIONS: &str = "tokens: { profile: fapi-2 }\n";

/// A door under the profile: clients with a certificate, one that signs and whose tokens are bound
/// to a certificate, and one with a certificate whose tokens are bound by a proof.
struct Bank {
    door: Door,
    partners: Authority,
    key: Key,
}

impl Bank {
    async fn open() -> Self {
        let (partners, key) = (Authority::new("the partners"), Key::new());
        let mut clients = String::new();
        for (name, way) in [
            ("orders", "auth: tls_client_auth, tls_subject: CN=orders".to_owned()),
            ("other", "auth: tls_client_auth, tls_subject: CN=other".to_owned()),
            ("proves", "auth: tls_client_auth, tls_subject: CN=orders, bound_tokens: false".into()),
            (
                "signs",
                format!(
                    "auth: private_key_jwt, bound_tokens: true, jwks: {{ keys: [{}] }}",
                    key.jwk
                ),
            ),
        ] {
            let rest = "token_lifetime: 10m, scopes: [tires/create.order]";
            writeln!(clients, "      {name}: {{ {way}, {rest} }}").unwrap();
        }
        let door = Door::open_with(SECTIONS, &partners, &clients).await;
        Self { door, partners, key }
    }

    /// Asks for a token of `signs`, with a new assertion.
    async fn ask_signed(&self, shown: Option<&Leaf>) -> Answer {
        let now_s = now_s();
        let header = json!({ "typ": "JWT", "alg": "ES256" });
        let claims = json!({
            "iss": "signs", "sub": "signs", "aud": self.door.program.public, "jti": fresh(),
            "iat": now_s, "exp": now_s + 60,
        });
        let assertion = self.key.sign(&Draft { header, claims });
        self.door.ask(shown, &with_assertion(&assertion)).await
    }
}

/// What the tokens of whoever shows this certificate are bound to.
fn bound_to(leaf: &Leaf) -> Value {
    json!({ "x5t#S256": certificate::thumbprint(&certificate::fingerprint(&leaf.der())) })
}

fn token(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn rfc8705_3_modules_1_2_and_8_a_certificate_proves_and_binds_and_no_other_does() {
    let bank = Bank::open().await;
    let (door, orders) = (&bank.door, bank.partners.leaf("orders"));
    let other = bank.partners.leaf("other");
    let place = "/.well-known/oauth-authorization-server";
    let document = door.call(None, ("GET", place), &[], "").await.json();
    let methods = json!(["private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"]);
    assert_eq!(document["token_endpoint_auth_methods_supported"], methods);
    assert_eq!(document["tls_client_certificate_bound_access_tokens"], true);
    for (leaf, anothers, token) in [
        (&orders, &other, door.token(&orders, "orders").await),
        (&other, &orders, door.token(&other, "other").await),
        (&orders, &other, token(&bank.ask_signed(Some(&orders)).await)),
    ] {
        assert_eq!(claims(&token)["cnf"], bound_to(leaf));
        assert_eq!(door.order(Some(leaf), &token).await.status, 201);
        for shown in [None, Some(anothers)] {
            let answer = door.order(shown, &token).await;
            assert_eq!((answer.status, &*code(&answer)), (401, "token-bound-certificate"));
        }
        // §5.3.4: never in the query.
        let path = format!("/orders?access_token={token}");
        let answer = door.call(Some(leaf), ("POST", path.as_str()), &[], "").await;
        assert_eq!((answer.status, &*code(&answer)), (400, "token-in-query"));
        // The scheme's name is read in any case (RFC 9110 §11.1).
        let bearer = format!("BEARER {token}");
        let headers = [("authorization", bearer.as_str())];
        assert_eq!(door.call(Some(leaf), ("POST", "/orders"), &headers, "").await.status, 201);
    }
}

#[tokio::test]
async fn fapi2_5_3_2_1_modules_7_8_and_10_without_its_own_certificate_a_client_gets_nothing() {
    let bank = Bank::open().await;
    let (door, orders) = (&bank.door, bank.partners.leaf("orders"));
    let named = |client: &str| format!("{GRANT}&client_id={client}");
    // One client's certificate under another's id.
    let answer = door.ask(Some(&orders), &named("other")).await;
    refused(&answer, 401, "invalid_client", "not one of this client");
    for client in ["orders", "other", "proves"] {
        refused(&door.ask(None, &named(client)).await, 401, "invalid_client", "");
    }
    // No certificate is a proof for a client that signs.
    let answer = door.ask(Some(&orders), &named("signs")).await;
    refused(&answer, 401, "invalid_client", "not one of this client");
    // Who it is was proven, and there is nothing to bind its token to.
    refused(&bank.ask_signed(None).await, 400, "invalid_request", "bound to a client certificate");
    let answer = door.ask(Some(&orders), &named("proves")).await;
    refused(&answer, 400, "invalid_request", "binds every token");
    // With a proof there is.
    let url = format!("{}/oauth2/token", door.program.public);
    let proof = bank.key.sign(&bank.key.draft(("POST", &url), None));
    let headers = [FORM, ("dpop", proof.as_str())];
    let token_of = ("POST", "/oauth2/token");
    let answer = door.call(Some(&orders), token_of, &headers, &named("proves")).await;
    assert_eq!(answer.json()["token_type"], "DPoP", "{}", answer.body);
    let bound = json!({ "jkt": jwt::thumbprint(&bank.key.jwk).unwrap() });
    assert_eq!(claims(&token(&answer))["cnf"], bound);
}

#[tokio::test]
async fn fapi2_5_2_2_module_8_tls_12_has_the_recommended_cipher_suites_alone() {
    let bank = Bank::open().await;
    let (program, company) = (&bank.door.program, &bank.door.company);
    // The door's key is of the kind that the suites are for; those for RSA are the same otherwise.
    for (suite, is_taken) in [
        (cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, true),
        (cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, true),
        (cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, false),
    ] {
        let config = company.trusted_by(suite);
        let shaken = shake(connect(program, HERE).await, &config).await;
        assert_eq!(shaken.is_ok(), is_taken, "{suite:?}");
    }
    // RFC 9325 §3.1.1: the newer version wherever both have it.
    let stream = shake(connect(program, HERE).await, &company.trusted(None, &[])).await.unwrap();
    assert_eq!(stream.get_ref().1.protocol_version(), Some(ProtocolVersion::TLSv1_3));
}

/// The first message of a client that speaks TLS up to this version, with these cipher suites (RFC
/// 5246 §7.4.1.2).
fn hello(version: u16, suites: &[u16]) -> Vec<u8> {
    // P-256 and X25519; points as they are; ECDSA and RSA with SHA-256 (RFC 8422 §5.1, RFC 5246
    // §7.4.1.4.1).
    let extensions: [u8; 28] = [
        0, 10, 0, 6, 0, 4, 0, 23, 0, 29, //
        0, 11, 0, 2, 1, 0, //
        0, 13, 0, 8, 0, 6, 4, 3, 8, 4, 4, 1,
    ];
    let length = |bytes: usize| u16::try_from(bytes).unwrap().to_be_bytes();
    let mut body = version.to_be_bytes().to_vec();
    body.extend([7; 32]);
    // No session to resume.
    body.push(0);
    body.extend(length(2 * suites.len()));
    body.extend(suites.iter().flat_map(|suite| suite.to_be_bytes()));
    // Uncompressed.
    body.extend([1, 0]);
    body.extend(length(extensions.len()));
    body.extend(extensions);
    let mut message = vec![1, 0];
    message.extend(length(body.len()));
    message.extend(body);
    let mut record = vec![22, 3, 1];
    record.extend(length(message.len()));
    record.extend(message);
    record
}

/// Whether the door goes on with a handshake: its first record is one of that, and no alert.
async fn goes_on(program: &Program, hello: &[u8]) -> bool {
    let mut stream = connect(program, HERE).await;
    stream.write_all(hello).await.unwrap();
    let mut first = [0];
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut first)).await;
    let read = read.expect("the door neither answers nor ends");
    matches!(read, Ok(1)) && first == [22]
}

#[tokio::test]
async fn fapi2_5_2_1_module_8_older_tls_and_weaker_cipher_suites_are_not_spoken() {
    let bank = Bank::open().await;
    let (ecdhe_gcm, ecdhe_cbc, rsa_gcm, rsa_cbc) = (0xc02b, 0xc009, 0x009c, 0x002f);
    for (what, version, suites, expected) in [
        ("TLS 1.2", 0x0303, &[ecdhe_gcm][..], true),
        ("TLS 1.2, the good one last", 0x0303, &[rsa_cbc, ecdhe_cbc, ecdhe_gcm], true),
        ("CBC", 0x0303, &[ecdhe_cbc], false),
        ("no forward secrecy", 0x0303, &[rsa_gcm, rsa_cbc], false),
        ("TLS 1.1", 0x0302, &[ecdhe_cbc, ecdhe_gcm], false),
        ("TLS 1.0", 0x0301, &[ecdhe_cbc, ecdhe_gcm], false),
    ] {
        let goes_on = goes_on(&bank.door.program, &hello(version, suites)).await;
        assert_eq!(goes_on, expected, "{what}");
    }
}
