//! Which algorithms proofs of possession may have under a profile, at both ends (RFC 9449 §7.1, FAPI
//! 2.0 Security Profile §5.4.1). The key is an RSA key, which signs with a good one and with another.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use testkit::{Receiver, Reply};

use crate::claims::now_s;
use crate::program::{Answer, Program};
use crate::proofs::{Key, TYPE, key};

struct Door {
    program: Program,
    client: Key,
    proofs: RsaKeyPair,
    _upstream: Receiver,
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Door {
    async fn open(tokens: &str) -> Self {
        let upstream = Receiver::start(|_, _| Reply::status(201).body("made")).await;
        let (url, client) = (upstream.url(), key("k1"));
        let jwk = &client.jwk;
        let definitions = format!(
            "
{tokens}
apis:
  tires:
    upstream: {url}
    scopes: {{ create.order: Create }}
    routes: {{ POST /orders: {{ scopes: [tires/create.order] }} }}
partners:
  cars:
    clients:
      orders:
        auth: private_key_jwt
        jwks: {{ keys: [{jwk}] }}
        token_lifetime: 15m
        scopes: [tires/create.order]
"
        );
        let program = Program::start(&definitions).await;
        let proofs = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        Self { program, client, proofs, _upstream: upstream }
    }

    /// A proof for a path, under a name of its own.
    fn proof(&self, alg: &str, (path, id): (&str, &str), token: Option<&str>) -> String {
        // RFC 8017 §A.1.1: SEQUENCE { INTEGER n, INTEGER e }, of fixed lengths at 2,048 bits and the
        // exponent 65,537.
        let der = self.proofs.public_key().as_ref();
        let jwk = json!({ "kty": "RSA", "n": encode(&der[9..265]), "e": encode(&der[267..]) });
        let header = json!({ "typ": "dpop+jwt", "alg": alg, "jwk": jwk });
        let url = format!("{}{path}", self.program.public);
        let mut claims =
            json!({ "jti": format!("{path} {id}"), "htm": "POST", "htu": url, "iat": now_s() });
        if let Some(token) = token {
            claims["ath"] = encode(digest(&SHA256, token.as_bytes())).into();
        }
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let padding: &'static dyn RsaEncoding =
            if alg == "PS256" { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
        let mut signature = vec![0; self.proofs.public_modulus_len()];
        let random = SystemRandom::new();
        self.proofs.sign(padding, &random, signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", encode(signature))
    }

    async fn ask(&self, alg: &str) -> Answer {
        let path = "/oauth2/token";
        let proof = self.proof(alg, (path, alg), None);
        let assertion = self.client.sign("orders", &self.program.public, alg);
        let body = format!("grant_type=client_credentials&{TYPE}&client_assertion={assertion}");
        let headers =
            [("content-type", "application/x-www-form-urlencoded"), ("dpop", proof.as_str())];
        self.program.call("POST", path, &headers, &body).await
    }

    async fn order(&self, token: &str, alg: &str) -> Answer {
        let path = "/orders";
        let (proof, scheme) = (self.proof(alg, (path, alg), Some(token)), format!("DPoP {token}"));
        let headers = [("authorization", scheme.as_str()), ("dpop", proof.as_str())];
        self.program.call("POST", path, &headers, "{}").await
    }
}

fn challenges(answer: &Answer) -> String {
    let values = answer.headers.get_all("www-authenticate").iter();
    values.map(|value| value.to_str().unwrap()).collect::<Vec<_>>().join(" / ")
}

async fn check(tokens: &str, names: &str, takes_rs256: bool) {
    let door = Door::open(tokens).await;
    let issued = door.ask("PS256").await;
    assert_eq!(issued.status, 200, "{tokens}: {}", issued.body);
    let token = issued.json()["access_token"].as_str().unwrap().to_owned();
    let passed = door.order(&token, "PS256").await;
    assert_eq!(passed.status, 201, "{tokens}: {}", passed.body);
    let algs = format!(r#"algs="{names}""#);
    let without = door.program.call("POST", "/orders", &[], "{}").await;
    assert!(challenges(&without).contains(&algs), "{tokens}: {}", challenges(&without));
    let place = "/.well-known/oauth-protected-resource";
    let document = door.program.call("GET", place, &[], "").await.json();
    let listed: Vec<_> = names.split(' ').collect();
    assert_eq!(document["dpop_signing_alg_values_supported"], json!(listed), "{tokens}");
    let (asked, called) = (door.ask("RS256").await, door.order(&token, "RS256").await);
    if takes_rs256 {
        assert_eq!((asked.status, called.status), (200, 201), "{tokens}");
        return;
    }
    assert_eq!((asked.status, &asked.json()["error"]), (400, &"invalid_dpop_proof".into()));
    assert_eq!(called.status, 401, "{}", called.body);
    assert_eq!(called.json()["type"], "urn:gatepost:problem:dpop-proof-invalid");
    let challenge = challenges(&called);
    assert!(challenge.contains(r#"error="invalid_dpop_proof""#), "{challenge}");
    assert!(challenge.contains(&algs), "{challenge}");
}

#[tokio::test]
async fn fapi2_proofs_are_signed_with_few_algorithms_at_the_gateway_too() {
    check("tokens: { profile: fapi-2 }", "ES256 EdDSA PS256 Ed25519", false).await;
    check("", "ES256 EdDSA ES384 PS256 RS256 Ed25519", true).await;
}
