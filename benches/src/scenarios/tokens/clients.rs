//! An API for each algorithm that signs tokens, the clients that ask for them, and what they send.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jwt::{Assertion, AssertionKey, SigningKey};
use serde_json::Value;

use crate::load::request;

use super::alone::{self, Signs};

/// Clients that share a load of assertions. Of each, 16,384 used ones are remembered at a time, and
/// more are refused.
const SHARING: u64 = 8;
/// How long an assertion is good: longer than signing and sending all of a load takes.
const LIFETIME_S: i64 = 300;

pub(super) const FORM: &str = "content-type: application/x-www-form-urlencoded\r\n";
pub(super) const GRANT: &str = "grant_type=client_credentials";
const TYPE: &str = "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What signs tokens.
pub(super) struct Signing {
    /// Its name in the table.
    pub(super) name: &'static str,
    /// Its `token_algorithm`, which is the `alg` of its tokens.
    setting: &'static str,
    /// The API whose tokens it signs.
    api: &'static str,
    /// The same done by the library alone, with a new key.
    pub(super) alone: fn() -> Signs,
}

/// The usual one first.
pub(super) const SIGNINGS: [Signing; 3] = [
    Signing { name: "ES256", setting: "ES256", api: "es256", alone: alone::es256 },
    Signing { name: "RS256", setting: "RS256", api: "rs256", alone: alone::rs256 },
    Signing { name: "Ed25519", setting: "EdDSA", api: "ed25519", alone: alone::ed25519 },
];

/// The key of all clients that sign.
pub(super) struct Key {
    private: AssertionKey,
    kid: String,
    /// The public half.
    jwk: String,
}

impl Key {
    /// A new one, for ES256.
    pub(super) fn generate() -> Self {
        let pkcs8 = SigningKey::generate().unwrap();
        let public = SigningKey::from_pkcs8(&pkcs8).unwrap().jwk().clone();
        let body = STANDARD.encode(pkcs8.as_slice());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
        let private = AssertionKey::parse(&pem).unwrap();
        let jwk = serde_json::to_string(&public).unwrap();
        Self { private, kid: public.kid, jwk }
    }

    /// So many requests for tokens of an API, each with an assertion of its own, good once.
    pub(super) fn requests(&self, signing: &Signing, issuer: &str, count: u64) -> Vec<Vec<u8>> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let now_s = i64::try_from(now.as_secs()).unwrap();
        let ask = |number: u64| {
            let (client_id, id) = (signing.sharer(number % SHARING), number.to_string());
            let (client_id, id, audience) = (client_id.as_str(), id.as_str(), issuer);
            let lifetime_s = LIFETIME_S;
            let assertion = Assertion { client_id, audience, id, now_s, lifetime_s };
            let assertion = self.private.sign(&assertion, Some(&self.kid));
            let body = format!("{GRANT}&{TYPE}&client_assertion={assertion}");
            request("POST", "/oauth2/token", FORM, &body)
        };
        (0..count).map(ask).collect()
    }
}

impl Signing {
    /// The client that asks with a secret.
    pub(super) fn client(&self) -> String {
        format!("secret-{}", self.api)
    }

    /// One of the clients that sign.
    fn sharer(&self, number: u64) -> String {
        format!("key-{}-{number}", self.api)
    }

    /// Ends where something else has signed the token of an answer.
    pub(super) fn check(&self, answer: &str) {
        let answer: Value = serde_json::from_str(answer).unwrap();
        let (header, _) = answer["access_token"].as_str().unwrap().split_once('.').unwrap();
        let header = URL_SAFE_NO_PAD.decode(header).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        assert_eq!(header["alg"], self.setting);
    }

    fn api(&self) -> String {
        let Self { setting, api, .. } = self;
        format!(
            "  {api}:
    base_path: /{api}
    upstream: http://127.0.0.1:9
    token_algorithm: {setting}
    scopes: {{ call: Call }}
    routes: {{ GET /x: {{ scopes: [{api}/call] }} }}
"
        )
    }

    fn clients(&self, key: &Key) -> String {
        let scopes = format!("scopes: [{}/call]", self.api);
        let by_secret = format!("      {}: {{ {scopes} }}\n", self.client());
        let by_key = (0..SHARING).map(|number| {
            let (client, jwk) = (self.sharer(number), &key.jwk);
            let proof = format!("auth: private_key_jwt, jwks: {{ keys: [{jwk}] }}");
            format!("      {client}: {{ {proof}, {scopes} }}\n")
        });
        by_secret + &by_key.collect::<Vec<_>>().concat()
    }
}

/// All bounds of token requests, so that they are counted as in earnest, and so wide that none is met.
const BOUNDS: &str = "tokens:
  rate: 1000000/s
  address_rate: 1000000/s
  quota: { hour: 1000000000, day: 1000000000 }
";

/// All bounds and APIs, and one partner with all clients.
pub(super) fn definitions(key: &Key) -> String {
    let apis = SIGNINGS.iter().map(Signing::api).collect::<Vec<_>>().concat();
    let clients = SIGNINGS.iter().map(|signing| signing.clients(key)).collect::<Vec<_>>().concat();
    format!("{BOUNDS}apis:\n{apis}partners:\n  bench:\n    clients:\n{clients}")
}
