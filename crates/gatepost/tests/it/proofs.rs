//! Clients that prove themselves without a shared secret: by assertions (RFC 7523, RFC 10070), by
//! certificates (RFC 8705), also behind a proxy (RFC 9440); and tokens bound to certificates.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use aws_lc_rs::encoding::{AsBigEndian as _, EcPrivateKeyBin, EcPublicKeyUncompressedBin};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jwt::{Assertion, AssertionKey};
use serde_json::{Value, json};
use testkit::{Receiver, Reply, until};

use crate::authority::{Authority, Leaf};
use crate::claims::now_s;
use crate::client::{ELSEWHERE, HERE, Line, code, connect};
use crate::program::{Answer, Program};

pub(crate) const GRANT: &str = "grant_type=client_credentials&scope=tires/create.order";
pub(crate) const TYPE: &str =
    "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
pub(crate) const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A client's key: what signs, and the public half as a JWK.
pub(crate) struct Key {
    private: AssertionKey,
    pub(crate) jwk: Value,
}

pub(crate) fn key(kid: &str) -> Key {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let private: EcPrivateKeyBin<'_> = pair.private_key().as_be_bytes().unwrap();
    let point: EcPublicKeyUncompressedBin<'_> = pair.public_key().as_be_bytes().unwrap();
    let point = point.as_ref();
    let jwk = json!({
        "kty": "EC", "crv": "P-256", "kid": kid,
        "x": encode(&point[1..33]), "y": encode(&point[33..]),
    });
    let mut whole = jwk.clone();
    whole["d"] = encode(private.as_ref()).into();
    Key { private: AssertionKey::parse(&whole.to_string()).unwrap(), jwk }
}

impl Key {
    fn set(&self) -> String {
        json!({ "keys": [self.jwk] }).to_string()
    }

    /// An assertion of a client for an audience, good for a minute, under this name.
    pub(crate) fn sign(&self, client_id: &str, audience: &str, id: &str) -> String {
        let (now_s, lifetime_s) = (now_s(), 60);
        let assertion = Assertion { client_id, audience, id, now_s, lifetime_s };
        self.private.sign(&assertion, None)
    }
}

/// An API with a route that needs a token, and these clients of one partner.
fn definitions(upstream: &str, clients: &str) -> String {
    format!(
        "
apis:
  tires:
    upstream: {upstream}
    scopes: {{ create.order: Create }}
    routes: {{ POST /orders: {{ scopes: [tires/create.order] }} }}
partners:
  cars:
    clients:
{clients}"
    )
}

pub(crate) async fn upstream() -> Receiver {
    Receiver::start(|_, _| Reply::status(201).body("made")).await
}

async fn ask(program: &Program, body: &str) -> Answer {
    program.call("POST", "/oauth2/token", &[FORM], body).await
}

pub(crate) fn with_assertion(assertion: &str) -> String {
    format!("{GRANT}&{TYPE}&client_assertion={assertion}")
}

pub(crate) fn refused(answer: &Answer, status: u16, error: &str, says: &str) {
    let body = answer.json();
    assert_eq!((answer.status, &body["error"]), (status, &error.into()), "{body}");
    let description = body["error_description"].as_str().unwrap();
    assert!(description.contains(says), "{description}");
}

#[tokio::test]
async fn rfc7523_2_2_a_client_gets_a_token_by_an_assertion_and_each_counts_once() {
    let (own, other) = (key("k1"), key("k1"));
    let clients = format!(
        "      orders: {{ auth: private_key_jwt, jwks: {{ keys: [{}] }}, scopes: [tires/create.order] }}
      plain: {{ scopes: [tires/create.order] }}\n",
        own.jwk
    );
    let upstream = upstream().await;
    let program = Program::start(&definitions(&upstream.url(), &clients)).await;
    let issuer = program.public.clone();
    let first = own.sign("orders", &issuer, "j1");
    let answer = ask(&program, &with_assertion(&first)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    let headers = [("authorization", &*format!("Bearer {token}"))];
    assert_eq!(program.call("POST", "/orders", &headers, "").await.status, 201);
    let again = ask(&program, &with_assertion(&first)).await;
    refused(&again, 401, "invalid_client", "used before");
    // RFC 7521 §4.2: the client id may stand beside it.
    let body = format!("{}&client_id=orders", with_assertion(&own.sign("orders", &issuer, "j2")));
    assert_eq!(ask(&program, &body).await.status, 200);
    let endpoint = format!("{issuer}/oauth2/token");
    let unproven = "not signed with a key of this client";
    for (assertion, says) in [
        (other.sign("orders", &issuer, "j3"), unproven),
        // Whether there is such a client is not told.
        (own.sign("nobody", &issuer, "j4"), unproven),
        (own.sign("plain", &issuer, "j5"), unproven),
        (own.sign("orders", &endpoint, "j6"), "aud must be the issuer"),
        (own.sign("nobody", &endpoint, "j7"), "aud must be the issuer"),
        (own.sign("orders", "https://other.example", "j8"), "aud must be the issuer"),
        (own.sign("orders", &format!("{issuer}/"), "j9"), "aud must be the issuer"),
        ("a.b.c".to_owned(), "malformed"),
    ] {
        let answer = ask(&program, &with_assertion(&assertion)).await;
        refused(&answer, 401, "invalid_client", says);
    }
    let good = with_assertion(&own.sign("orders", &issuer, "j10"));
    for body in [
        format!("{good}&client_secret=x"),
        format!("{good}&client_id=plain"),
        good.replace("jwt-bearer", "saml2-bearer"),
        good.replace(TYPE, "a=b"),
        format!("{GRANT}&{TYPE}"),
    ] {
        refused(&ask(&program, &body).await, 400, "invalid_request", "");
    }
    let basic = format!("Basic {}", STANDARD.encode("plain:x"));
    let headers = [FORM, ("authorization", basic.as_str())];
    let answer = program.call("POST", "/oauth2/token", &headers, &good).await;
    refused(&answer, 400, "invalid_request", "two ways at once");
    // None of that has used it up.
    assert_eq!(ask(&program, &good).await.status, 200);
}

#[tokio::test]
async fn the_log_names_the_way_and_never_the_assertion() {
    let own = key("k1");
    let clients = format!(
        "      orders: {{ auth: private_key_jwt, jwks: {{ keys: [{}] }}, scopes: [tires/create.order] }}\n",
        own.jwk
    );
    let program = Program::start(&definitions("http://127.0.0.1:9", &clients)).await;
    let assertion = own.sign("orders", &program.public, "j1");
    for _ in 0..2 {
        ask(&program, &with_assertion(&assertion)).await;
    }
    let lines = until("both are in the log", async || {
        let lines = program.lines("token");
        (lines.len() == 2).then_some(lines)
    })
    .await;
    for line in lines {
        assert_eq!(
            (&line["method"], &line["client"]),
            (&"private_key_jwt".into(), &"orders".into())
        );
    }
    let signature = assertion.rsplit('.').next().unwrap();
    for log in ["stdout", "stderr"] {
        assert!(!program.read(log).contains(signature), "an assertion is in {log}");
    }
}

#[tokio::test]
async fn a_secret_from_before_does_not_count_for_a_client_that_signs() {
    let own = key("k1");
    let secret_first = "      orders: { scopes: [tires/create.order] }\n";
    let program = Program::start(&definitions("http://127.0.0.1:9", secret_first)).await;
    let secret = program.done(&["client", "secret", "orders"]);
    program.token("orders", &secret, "tires/create.order").await;
    program.rewrite(|text| {
        let keys = format!("{{ auth: private_key_jwt, jwks: {{ keys: [{}] }}, ", own.jwk);
        text.replace("      orders: { ", &format!("      orders: {keys}"))
    });
    program.signal("-HUP");
    let body = format!("{GRANT}&client_id=orders&client_secret={secret}");
    until("the secret counts no more", async || {
        (ask(&program, &body).await.status == 401).then_some(())
    })
    .await;
    let assertion = own.sign("orders", &program.public, "j1");
    assert_eq!(ask(&program, &with_assertion(&assertion)).await.status, 200);
    // A new one would not either, and is not minted.
    let (mint, rotate) = (["client", "secret", "orders"], ["client", "secret", "rotate", "orders"]);
    for command in [&mint[..], &rotate[..]] {
        let output = program.run(command);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && output.stdout.is_empty(), "{command:?}");
        for word in ["private_key_jwt", "auth: client_secret", "partners.cars.clients.orders"] {
            assert!(said.contains(word), "{command:?}: {said}");
        }
    }
}

#[tokio::test]
async fn rfc10070_an_old_client_may_name_the_endpoint_where_the_file_says_so_and_the_log_tells() {
    let own = key("k1");
    let clients = format!(
        "      orders: {{ auth: private_key_jwt, legacy_audience: true, jwks: {{ keys: [{}] }}, scopes: [tires/create.order] }}\n",
        own.jwk
    );
    let program = Program::start(&definitions("http://127.0.0.1:9", &clients)).await;
    let endpoint = format!("{}/oauth2/token", program.public);
    for (audience, id) in [(&program.public, "j1"), (&endpoint, "j2")] {
        let assertion = own.sign("orders", audience, id);
        assert_eq!(ask(&program, &with_assertion(&assertion)).await.status, 200, "{audience}");
    }
    let strange = key("k1").sign("orders", &endpoint, "j3");
    refused(&ask(&program, &with_assertion(&strange)).await, 401, "invalid_client", "aud must be");
    until("the log tells of it once", async || {
        let log = program.read("stderr");
        (log.matches("passes by `legacy_audience`").count() == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn published_keys_are_got_kept_and_got_again_at_a_new_one() {
    let (first, second) = (key("k1"), key("k2"));
    let set = first.set();
    let server = Receiver::start(move |_, _| Reply::status(200).body(&set)).await;
    let clients = format!(
        "      orders: {{ auth: private_key_jwt, jwks_uri: \"{}/keys\", allow_private: [127.0.0.0/8], scopes: [tires/create.order] }}
      shut: {{ auth: private_key_jwt, jwks_uri: \"{}/keys\", scopes: [tires/create.order] }}\n",
        server.url(),
        server.url()
    );
    let program = Program::start(&definitions("http://127.0.0.1:9", &clients)).await;
    let issuer = program.public.clone();
    for id in ["j1", "j2", "j3"] {
        let assertion = first.sign("orders", &issuer, id);
        let answer = ask(&program, &with_assertion(&assertion)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    assert_eq!(server.got().len(), 1);
    let both = json!({ "keys": [first.jwk, second.jwk] }).to_string();
    server.answer(move |_, _| Reply::status(200).body(&both));
    let assertion = second.sign("orders", &issuer, "j4");
    assert_eq!(ask(&program, &with_assertion(&assertion)).await.status, 200);
    assert_eq!(server.got().len(), 2);
    // An invented key is asked for no more for a while.
    for id in ["j5", "j6"] {
        let assertion = key("k9").sign("orders", &issuer, id);
        let answer = ask(&program, &with_assertion(&assertion)).await;
        refused(&answer, 401, "invalid_client", "not signed with a key of this client");
    }
    assert_eq!(server.got().len(), 2);
    // A private address that the file does not allow is never called.
    let assertion = first.sign("shut", &issuer, "j7");
    let answer = ask(&program, &with_assertion(&assertion)).await;
    refused(&answer, 401, "invalid_client", "not signed with a key of this client");
    assert_eq!(server.got().len(), 2);
}

/// A program whose door speaks TLS, and what its callers need.
pub(crate) struct Door {
    pub(crate) program: Program,
    pub(crate) company: Authority,
    _files: tempfile::TempDir,
    _upstream: Receiver,
}

impl Door {
    /// Takes certificates of these authorities and of any maker.
    async fn open(partners: &Authority, clients: &str) -> Self {
        Self::open_with("", partners, clients).await
    }

    /// The same, with other sections in the file.
    pub(crate) async fn open_with(sections: &str, partners: &Authority, clients: &str) -> Self {
        let (files, company) = (tempfile::tempdir().unwrap(), Authority::new("the company"));
        let leaf = company.leaf("the door");
        let mut section = "tls: { client_certificates: any".to_owned();
        for (key, name, text) in [
            ("certificate", "door.pem", &leaf.certificate),
            ("client_ca", "clients.pem", &partners.pem),
        ] {
            let path = files.path().join(name);
            std::fs::write(&path, text).unwrap();
            write!(section, ", {key}: {}", path.display()).unwrap();
        }
        let path = files.path().join("door.key");
        std::fs::write(&path, &leaf.key).unwrap();
        writeln!(section, ", key: {{ file: {} }} }}", path.display()).unwrap();
        let upstream = upstream().await;
        let text = section + sections + &definitions(&upstream.url(), clients);
        let program = Program::start(&text).await;
        Self { program, company, _files: files, _upstream: upstream }
    }

    /// A call by whoever shows this certificate.
    pub(crate) async fn call(
        &self,
        shown: Option<&Leaf>,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let config = self.company.trusted(shown, &["http/1.1"]);
        let mut line = Line::with_tls(&self.program, &config).await;
        line.send(method, path, headers, body).await
    }

    pub(crate) async fn ask(&self, shown: Option<&Leaf>, body: &str) -> Answer {
        self.call(shown, ("POST", "/oauth2/token"), &[FORM], body).await
    }

    /// A token for whoever shows this certificate.
    pub(crate) async fn token(&self, shown: &Leaf, client: &str) -> String {
        let answer = self.ask(Some(shown), &format!("{GRANT}&client_id={client}")).await;
        assert_eq!(answer.status, 200, "{client}: {}", answer.body);
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn order(&self, shown: Option<&Leaf>, token: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        self.call(shown, ("POST", "/orders"), &[("authorization", &bearer)], "").await
    }
}

pub(crate) fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test]
async fn rfc8705_2_a_certificate_proves_a_client_by_name_or_by_itself() {
    let (partners, others) = (Authority::new("the partners"), Authority::new("others"));
    let (named, pinned) = (partners.leaf("named"), Leaf::self_signed("pinned"));
    let clients = format!(
        "      named: {{ auth: tls_client_auth, tls_subject: CN=named, scopes: [tires/create.order] }}
      addressed: {{ auth: tls_client_auth, tls_san_ip: 127.0.0.1, scopes: [tires/create.order] }}
      pinned: {{ auth: self_signed_tls_client_auth, certificates: [\"{}\"], scopes: [tires/create.order] }}
      plain: {{ scopes: [tires/create.order] }}\n",
        pinned.fingerprint()
    );
    let door = Door::open(&partners, &clients).await;
    // Names in certificates of other makers, who can write what they like.
    let (forged, foreign) = (Leaf::self_signed("named"), others.leaf("named"));
    let twin = Leaf::self_signed("pinned");
    for (shown, client, is_its) in [
        (&named, "named", true),
        (&named, "addressed", true),
        (&partners.leaf("other"), "addressed", true),
        (&partners.leaf("other"), "named", false),
        (&forged, "named", false),
        (&foreign, "named", false),
        (&forged, "addressed", false),
        (&pinned, "pinned", true),
        (&twin, "pinned", false),
        (&named, "pinned", false),
        (&named, "plain", false),
        (&named, "nobody", false),
    ] {
        let answer = door.ask(Some(shown), &format!("{GRANT}&client_id={client}")).await;
        if is_its {
            assert_eq!(answer.status, 200, "{client}: {}", answer.body);
            let token = answer.json()["access_token"].as_str().unwrap().to_owned();
            let bound = certificate::thumbprint(&certificate::fingerprint(&shown.der()));
            assert_eq!(claims(&token)["cnf"], json!({ "x5t#S256": bound }), "{client}");
        } else {
            refused(&answer, 401, "invalid_client", "not one of this client");
        }
    }
    // Without a certificate nobody is told which clients there are.
    for client in ["named", "pinned", "plain", "nobody"] {
        let answer = door.ask(None, &format!("{GRANT}&client_id={client}")).await;
        refused(&answer, 401, "invalid_client", "Send client id and secret");
    }
    // A certificate is no proof beside another one, and does no harm.
    let answer = door.ask(Some(&named), &format!("{GRANT}&client_id=named&client_secret=x")).await;
    refused(&answer, 401, "invalid_client", "");
    let place = "/.well-known/oauth-authorization-server";
    let metadata = door.call(None, ("GET", place), &[], "").await.json();
    let methods = metadata["token_endpoint_auth_methods_supported"].as_array().unwrap();
    for method in ["private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"] {
        assert!(methods.contains(&method.into()), "{metadata}");
    }
    assert_eq!(metadata["tls_client_certificate_bound_access_tokens"], true);
    let algorithms = metadata["token_endpoint_auth_signing_alg_values_supported"].as_array();
    assert!(!algorithms.unwrap().contains(&"none".into()), "{metadata}");
}

#[tokio::test]
async fn wrong_certificates_are_damped_and_the_right_one_is_let_in() {
    let partners = Authority::new("the partners");
    let (named, other) = (partners.leaf("named"), partners.leaf("other"));
    let clients = "      named: { auth: tls_client_auth, tls_subject: CN=named, scopes: [tires/create.order] }\n";
    let door = Door::open(&partners, clients).await;
    let body = format!("{GRANT}&client_id=named");
    let mut statuses = Vec::new();
    for _ in 0..45 {
        let answer = door.ask(Some(&other), &body).await;
        assert!(!answer.header("retry-after").is_empty() || answer.status == 401);
        statuses.push(answer.status);
    }
    assert_eq!(statuses[0], 401);
    assert!(statuses.contains(&429), "{statuses:?}");
    assert_eq!(door.ask(Some(&named), &body).await.status, 200);
}

#[tokio::test]
async fn rfc8705_3_a_bound_token_is_good_with_its_certificate_alone() {
    let partners = Authority::new("the partners");
    let (named, pinned) = (partners.leaf("named"), Leaf::self_signed("pinned"));
    let clients = format!(
        "      named: {{ auth: tls_client_auth, tls_subject: CN=named, scopes: [tires/create.order] }}
      free: {{ auth: tls_client_auth, tls_subject: CN=named, bound_tokens: false, scopes: [tires/create.order] }}
      pinned: {{ auth: self_signed_tls_client_auth, certificates: [\"{}\"], scopes: [tires/create.order] }}
      secret: {{ bound_tokens: true, scopes: [tires/create.order] }}\n",
        pinned.fingerprint()
    );
    let door = Door::open(&partners, &clients).await;
    let renewed = partners.leaf("named");
    let by_name = door.token(&named, "named").await;
    let by_pin = door.token(&pinned, "pinned").await;
    let free = door.token(&named, "free").await;
    // Twice: a token that is known is held against its certificate all the same.
    for _ in 0..2 {
        for (token, shown, is_good) in [
            (&by_name, Some(&named), true),
            (&by_name, None, false),
            (&by_name, Some(&renewed), false),
            (&by_name, Some(&pinned), false),
            (&by_pin, Some(&pinned), true),
            (&by_pin, Some(&named), false),
            (&by_pin, None, false),
            (&free, None, true),
            (&free, Some(&pinned), true),
        ] {
            let answer = door.order(shown, token).await;
            if is_good {
                assert_eq!(answer.status, 201, "{}", answer.body);
            } else {
                assert_eq!((answer.status, &*code(&answer)), (401, "token-bound-certificate"));
                let challenge = answer.header("www-authenticate");
                assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
            }
        }
    }
    // RFC 8705 §3: any certificate binds, whichever way the client has proven itself.
    let secret = door.program.done(&["client", "secret", "secret"]);
    let body = format!("{GRANT}&client_id=secret&client_secret={secret}");
    refused(&door.ask(None, &body).await, 400, "invalid_request", "bound to a client certificate");
    let answer = door.ask(Some(&pinned), &body).await;
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(door.order(Some(&pinned), &token).await.status, 201);
    assert_eq!(door.order(Some(&named), &token).await.status, 401);
}

#[tokio::test]
async fn rfc9440_behind_a_proxy_certificates_come_from_the_proxy_and_from_nobody_else() {
    let own = Leaf::self_signed("pinned");
    let clients = format!(
        "      pinned: {{ auth: self_signed_tls_client_auth, certificates: [\"{}\"], scopes: [tires/create.order] }}\n",
        own.fingerprint()
    );
    let upstream = upstream().await;
    let proxies = "proxies: { trust: [127.0.0.1/32], client_cert: true }\n";
    let text = proxies.to_owned() + &definitions(&upstream.url(), &clients);
    let program = Program::start(&text).await;
    let field = |leaf: &Leaf| format!(":{}:", STANDARD.encode(leaf.der()));
    let (field_of_own, of_twin) = (field(&own), field(&Leaf::self_signed("pinned")));
    let (field_of_own, of_twin) = (field_of_own.as_str(), of_twin.as_str());
    let body = format!("{GRANT}&client_id=pinned");
    let call = async |from: Ipv4Addr, (path, body): (&str, &str), headers: &[(&str, &str)]| {
        let mut line = Line::plain(connect(&program, from).await).await;
        line.send("POST", path, headers, body).await
    };
    let certificate = ("client-cert", field_of_own);
    let token_of = ("/oauth2/token", body.as_str());
    let answer = call(HERE, token_of, &[FORM, certificate]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    for (from, headers) in [
        (HERE, &[FORM][..]),
        (HERE, &[FORM, ("client-cert", of_twin)]),
        (HERE, &[FORM, certificate, certificate]),
        (HERE, &[FORM, ("client-cert", "garbage")]),
        // Not a proxy: it may say what it likes.
        (ELSEWHERE, &[FORM, certificate]),
    ] {
        let answer = call(from, token_of, headers).await;
        assert_eq!(answer.status, 401, "{from} {headers:?}");
    }
    let bearer = format!("Bearer {token}");
    let bearer = ("authorization", bearer.as_str());
    let order = ("/orders", "");
    assert_eq!(call(HERE, order, &[bearer, certificate]).await.status, 201);
    for (from, headers) in [
        (HERE, &[bearer][..]),
        (HERE, &[bearer, ("client-cert", of_twin)]),
        (HERE, &[bearer, ("client_cert", field_of_own)]),
        (ELSEWHERE, &[bearer, certificate]),
    ] {
        let answer = call(from, order, headers).await;
        assert_eq!(
            (answer.status, &*code(&answer)),
            (401, "token-bound-certificate"),
            "{from} {headers:?}"
        );
    }
    let got = upstream.got().pop().unwrap();
    assert_eq!(got.header("client-cert"), "", "the service believes what it is told");
}
