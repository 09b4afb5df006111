//! How a client proves who it is, and that it holds the key of its tokens.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use gatepost_client::{
    AnswerError, BoxError, ClientAuth, Error, Prover, Proving, Secret, Settings, Signer,
};
use http::{Request, Response};

use crate::{Server, TOKEN_URL, client, header, is_token, json, order, settings, token};

/// What a request for a token says, in pairs.
fn form(request: &Request<Bytes>) -> Vec<(String, String)> {
    let text = String::from_utf8(request.body().to_vec()).unwrap();
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    };
    text.split('&').map(pair).collect()
}

/// The request for a token that these settings make.
async fn asked(settings: Settings) -> Request<Bytes> {
    let server = Server::new(|_, _| token("t"));
    let (client, _) = client(settings, &server);
    client.token().await.unwrap();
    server.last()
}

fn names(request: &Request<Bytes>) -> Vec<String> {
    form(request).into_iter().map(|(name, _)| name).collect()
}

#[tokio::test]
async fn rfc6749_a_secret_goes_in_the_header_or_the_body_and_never_in_both() {
    let request = asked(settings()).await;
    assert_eq!((request.method().as_str(), request.uri().to_string()), ("POST", TOKEN_URL.into()));
    assert_eq!(header(&request, "content-type"), "application/x-www-form-urlencoded");
    // car-orders:s%3A1
    assert_eq!(header(&request, "authorization"), "Basic Y2FyLW9yZGVyczpzJTNBMQ==");
    assert_eq!(names(&request), ["grant_type", "scope"]);
    assert_eq!(form(&request)[1].1, "tires%2Fcreate.order");

    let auth = ClientAuth::post(Secret::new("a&b"));
    let request = asked(Settings::new(TOKEN_URL, "acme", auth).unwrap()).await;
    assert_eq!(header(&request, "authorization"), "");
    assert_eq!(names(&request), ["grant_type", "client_id", "client_secret"]);
    assert_eq!(form(&request)[2].1, "a%26b");
}

#[tokio::test]
async fn rfc8705_and_rfc8707_a_certificate_needs_the_id_and_a_resource_is_named() {
    let settings = Settings::new(TOKEN_URL, "acme", ClientAuth::Tls).unwrap();
    let request = asked(settings.resource("https://api.tires.example/prod")).await;
    assert_eq!(names(&request), ["grant_type", "resource", "client_id"]);
}

struct Key;

impl Signer for Key {
    fn algorithm(&self) -> &'static str {
        "ES256"
    }

    fn key_id(&self) -> Option<&str> {
        None
    }

    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, BoxError> {
        Ok(vec![7; 64])
    }
}

#[tokio::test]
async fn rfc7523_a_private_key_signs_a_new_assertion_for_each_request() {
    let settings = || Settings::new(TOKEN_URL, "acme", ClientAuth::private_key(Key)).unwrap();
    let request = asked(settings()).await;
    let expected = ["grant_type", "client_id", "client_assertion_type", "client_assertion"];
    assert_eq!(names(&request), expected);
    assert_eq!(
        form(&request)[2].1,
        "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
    );
    let server = Server::new(|_, _| json(400, ""));
    let (client, clock) = client(settings(), &server);
    let mut assertions = Vec::new();
    for _ in 0..2 {
        client.token().await.unwrap_err();
        assertions.push(form(&server.last())[3].1.clone());
        clock.0.fetch_add(1_000, std::sync::atomic::Ordering::SeqCst);
    }
    assert_ne!(assertions[0], assertions[1]);
}

/// A proof that says what it is about.
#[derive(Default)]
struct Plain(Mutex<Vec<String>>);

impl Prover for Plain {
    fn prove(&self, about: &Proving<'_>) -> Result<String, BoxError> {
        let Proving { method, url, token, nonce, id, .. } = about;
        self.0.lock().unwrap().push((*id).to_owned());
        let (token, nonce) = (token.unwrap_or("-"), nonce.unwrap_or("-"));
        Ok(format!("{method} {url} {token} {nonce}"))
    }
}

fn with_nonce(mut answer: Response<Bytes>, nonce: &'static str) -> Response<Bytes> {
    answer.headers_mut().insert("dpop-nonce", http::HeaderValue::from_static(nonce));
    answer
}

#[tokio::test]
async fn rfc9449_every_request_carries_a_proof_with_the_servers_nonce() {
    let server = Server::new(|_, request| {
        let proof = header(request, "dpop").to_owned();
        if is_token(request) {
            if proof.ends_with(" -") {
                return with_nonce(json(400, r#"{"error":"use_dpop_nonce"}"#), "n1");
            }
            return json(200, r#"{"access_token":"t","token_type":"DPoP","expires_in":100}"#);
        }
        if proof.ends_with(" -") {
            let mut answer = with_nonce(json(401, ""), "n2");
            let challenge = http::HeaderValue::from_static("DPoP error=\"use_dpop_nonce\"");
            answer.headers_mut().insert("www-authenticate", challenge);
            return answer;
        }
        json(201, &format!("{proof}, {}", header(request, "authorization")))
    });
    let prover = Arc::new(Plain::default());
    let (client, _) = client(settings().dpop(Arc::clone(&prover) as _), &server);
    let answer = client.call(order()).await.unwrap();
    // The query is no part of the URL (§4.2).
    let expected = "POST https://api.tires.example/orders t n2, DPoP t";
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (201, expected.as_bytes()));
    // The nonce is known now, and the token was not at fault.
    client.call(order()).await.unwrap();
    assert_eq!(server.counts(), (2, 3));
    let mut ids = prover.0.lock().unwrap().clone();
    assert_eq!(ids.len(), 5);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5, "no proof is made twice");
}

#[tokio::test]
async fn rfc9449_a_token_that_is_not_bound_is_not_taken() {
    let server = Server::new(|_, _| token("t"));
    let (client, _) = client(settings().dpop(Arc::new(Plain::default())), &server);
    let error = client.token().await.unwrap_err();
    assert!(matches!(error, Error::Answer(AnswerError::Kind { .. })), "{error}");
}
