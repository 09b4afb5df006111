//! What a connection adds to a call: parameters, tokens, certificates, secrets that Gatepost keeps.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use parking_lot::Mutex;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use testkit::{Got, Receiver, Reply, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::program::{PROGRAM, Program};

/// One destination, `receiver`, that is sent every event of the source `test`; `more` are lines of
/// it, `sections` what else is in the file.
fn definitions(request: &str, more: &str, sections: &str) -> String {
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
            retry: {{ delays: [200ms, 200ms, 400ms, 1s, 1s, 1s, 1s, 1s, 1s, 1s] }}
destinations:
  receiver:
    request: {request}
    allow_private: [127.0.0.0/8]
{more}
{sections}
"
    )
}

async fn publish(program: &Program, detail: Value) {
    let event = json!({ "source": "test", "detail_type": "T", "detail": detail });
    let (status, answer) = program.publish("orders", &event).await;
    assert_eq!((status, &answer["failed"]), (200, &0.into()));
}

async fn arrived(receiver: &Receiver, count: usize) -> Vec<Got> {
    until("the calls arrive", async || Some(receiver.got()).filter(|got| got.len() >= count)).await
}

fn rows(program: &Program, arguments: &[&str]) -> Vec<Value> {
    let text = program.done(arguments);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The error of the first attempt that the log tells of.
async fn first_error(program: &Program) -> String {
    let line =
        until("the attempt is in the log", async || program.lines("attempt").into_iter().next())
            .await;
    line["error"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn parameters_are_merged_and_the_connections_win() {
    let receiver = Receiver::start(|_, _| Reply::status(200).body("taken")).await;
    let request = format!("POST {}/in?a=url&b=url&c=url", receiver.url());
    let more = "    connection: partner
    headers: { x-one: destination, x-two: destination }
    query: { b: destination, c: destination }";
    let sections = "connections:
  partner:
    api_key: { header: x-key, value: { file: ./key } }
    headers: { X-Two: connection, x-key: { file: ./other } }
    query: { c: connection, secret-id: { file: ./other } }
    body: { tenant: acme, number: 7 }
";
    let mut program = Program::start(&definitions(&request, more, sections)).await;
    std::fs::write(program.path("key"), "the-key\n").unwrap();
    std::fs::write(program.path("other"), "s3cr&t\n").unwrap();
    publish(&program, json!({ "number": 1.50, "kept": [1, 2] })).await;
    let got = &arrived(&receiver, 1).await[0];
    assert_eq!(got.target, "/in?a=url&b=destination&c=connection&secret-id=s3cr%26t");
    assert_eq!(got.body, r#"{"kept":[1,2],"tenant":"acme","number":"7"}"#);
    let headers = ["x-one", "x-two", "x-key"].map(|name| got.header(name));
    assert_eq!(headers, ["destination", "connection", "the-key"]);
    // What the receiver gets is what was signed.
    let set = program.call("GET", "/.well-known/webhook-jwks.json", &[], "").await;
    let set: signature::Jwks = serde_json::from_str(&set.body).unwrap();
    let key = set.keys[0].public_key().unwrap();
    let text = |name: &str| got.header(name).to_owned();
    let signed = signature::SignatureHeaders {
        id: text(signature::ID),
        timestamp: text(signature::TIMESTAMP),
        signature: text(signature::SIGNATURE),
    };
    let now_s = signed.timestamp.parse().unwrap();
    let keys = [signature::VerifyingKey::Ed25519(&key)];
    assert_eq!(signature::verify(&signed, got.body.as_bytes(), now_s, 0, &keys), Ok(()));

    let line = until("the attempt is in the log", async || program.lines("attempt").pop()).await;
    let url = format!("{}/in?a=…&b=…&c=…", receiver.url());
    assert_eq!(
        (&line["url"], &line["peer"]),
        (&url.into(), &receiver.address().to_string().into())
    );
    // Of a delivered attempt too the beginning of the answer is kept.
    let attempt = until("the attempt is recorded", async || {
        rows(&program, &["deliveries", "list", "--json"]).into_iter().next()
    })
    .await;
    assert_eq!((&attempt["status"], &attempt["response"]), (&200.into(), &"taken".into()));
    assert!(program.stop().success());
    for file in ["stdout", "stderr"] {
        let log = program.read(file);
        assert!(!log.contains("s3cr") && !log.contains("the-key"), "a secret is in {file}");
    }
}

#[tokio::test]
async fn a_receiver_that_answers_with_what_it_was_sent_shows_no_secret() {
    let receiver = Receiver::start(|_, got| {
        let all = format!("{} {} {}", got.target, got.header("authorization"), got.header("x-key"));
        Reply::status(400).body(&all)
    })
    .await;
    let request = format!("POST {}/in", receiver.url());
    let sections = "connections:
  partner:
    basic: { username: acme, password: { file: ./password } }
    headers: { x-key: { file: ./key } }
    query: { k: { file: ./key }, plain: shown }
";
    let file = definitions(&request, "    connection: partner", sections);
    let program = Program::start(&file).await;
    std::fs::write(program.path("password"), "hunter2").unwrap();
    std::fs::write(program.path("key"), "s3cr&t").unwrap();
    publish(&program, json!({})).await;
    let expected = "/in?k=…&plain=shown Basic … …";
    assert_eq!(arrived(&receiver, 1).await[0].header("authorization"), "Basic YWNtZTpodW50ZXIy");
    let letter = dead_letter(&program).await;
    assert_eq!(letter["error_code"], "HTTP_400");
    let attempts = rows(&program, &["deliveries", "list", "--json"]);
    assert_eq!(attempts[0]["response"], expected);
}

#[tokio::test]
async fn a_target_s_headers_and_parameters_are_read_from_the_event() {
    let receiver = Receiver::start(|_, _| Reply::status(204)).await;
    let request = format!("POST {}/in?a=url&b=url&c=url&d=url", receiver.url());
    let more = "    connection: partner
    headers: { x-one: destination, x-two: destination, x-three: destination }
    query: { b: destination, c: destination, d: destination }";
    let sections = "connections:
  partner:
    headers: { x-three: connection }
    query: { d: connection }
";
    let own = "            body: $.detail
            headers: { X-Two: $.detail.number, x-three: target, x-id: $.id }
            query: { c: $.detail.text, d: target, e: $x }
";
    let file = definitions(&request, more, sections);
    let program = Program::start(&file.replace("            body: $.detail\n", own)).await;
    publish(&program, json!({ "number": 1.50, "text": "a b&c" })).await;
    let got = &arrived(&receiver, 1).await[0];
    assert_eq!(got.target, "/in?a=url&b=destination&c=a%20b%26c&e=%24x&d=connection");
    assert_eq!(got.body, r#"{"number":1.5,"text":"a b&c"}"#);
    let headers = ["x-one", "x-two", "x-three"].map(|name| got.header(name));
    assert_eq!(headers, ["destination", "1.5", "connection"]);
    assert_eq!(got.header("x-id").get(..4), Some("evt_"));
    // What no header can have, what is too long, and what is not there.
    for (number, text, reason) in [
        (json!("a\nb"), json!("b"), "the header `X-Two` would have characters that no header"),
        (json!("x".repeat(513)), json!("b"), "would have 513 bytes; 512 are the most"),
        (json!(1), json!(["b"]), "the event has no text or number at $.detail.text"),
    ] {
        let before = rows(&program, &["dead-letters", "list", "--json"]).len();
        publish(&program, json!({ "number": number, "text": text })).await;
        let letter = until("it is a dead letter", async || {
            let letters = rows(&program, &["dead-letters", "list", "--json"]);
            (letters.len() > before).then_some(letters)
        })
        .await;
        let found = letter.iter().any(|letter| {
            letter["error_code"] == "INVALID_PARAMETER"
                && letter["error_message"].as_str().is_some_and(|text| text.contains(reason))
        });
        assert!(found, "{reason}: {letter:?}");
    }
    assert_eq!(receiver.got().len(), 1);
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_tried_again_and_not_called() {
    let receiver = Receiver::start(|_, _| Reply::status(204)).await;
    let request = format!("POST http://localhost:{}/in", receiver.address().port());
    let file = definitions(&request, "", "");
    let file = file.replace("    allow_private: [127.0.0.0/8]\n", "");
    let program = Program::start(&file).await;
    publish(&program, json!({})).await;
    until("it is tried again", async || (program.lines("attempt").len() > 1).then_some(())).await;
    let lines = program.lines("attempt");
    let error = lines[0]["error"].as_str().unwrap();
    assert!(error.contains("is not a public address"), "{error}");
    assert_eq!((&lines[1]["attempt"], &lines[0]["outcome"]), (&2.into(), &"retry".into()));
    assert!(receiver.got().is_empty());
}

#[tokio::test]
async fn members_cannot_join_a_body_that_is_no_object() {
    let receiver = Receiver::start(|_, _| Reply::status(204)).await;
    let request = format!("POST {}/in", receiver.url());
    let sections = "connections: { partner: { body: { tenant: acme } } }";
    let file = definitions(&request, "    connection: partner", sections);
    let program = Program::start(&file.replace("body: $.detail", "body: $.detail.list")).await;
    publish(&program, json!({ "list": [1] })).await;
    let letter = dead_letter(&program).await;
    assert_eq!(letter["error_code"], "INVALID_PARAMETER");
    let message = letter["error_message"].as_str().unwrap();
    assert!(message.starts_with("connection partner adds members to the body"), "{message}");
    assert!(receiver.got().is_empty());
}

/// The parameters of a form, decoded.
fn form(text: &str) -> Vec<(String, String)> {
    let url = reqwest::Url::parse(&format!("http://x/?{text}")).unwrap();
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

fn of<'f>(form: &'f [(String, String)], name: &str) -> &'f str {
    form.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
}

fn token(value: &str) -> Reply {
    let body = json!({ "access_token": value, "token_type": "Bearer", "expires_in": 3600 });
    Reply::status(200).header("content-type", "application/json").body(&body.to_string())
}

/// What an assertion is called, once it is verified as a token endpoint would.
fn assertion_id(assertion: &str, key: &KeyPair, audience: &str) -> String {
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&[audience]);
    validation.set_issuer(&["acme"]);
    validation.sub = Some("acme".to_owned());
    validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    let known = DecodingKey::from_ec_der(key.public_key_raw());
    let read = decode::<Value>(assertion, &known, &validation).unwrap();
    assert_eq!(read.header.kid.as_deref(), Some("k-2026"));
    let lifetime_s = read.claims["exp"].as_i64().unwrap() - read.claims["iat"].as_i64().unwrap();
    assert_eq!(lifetime_s, 60);
    read.claims["jti"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_private_key_proves_who_asks_for_a_token() {
    let receiver = Receiver::start(|before, got| match (&*got.target, before) {
        ("/token?tenant=t", _) => token("t1"),
        (_, 1) => Reply::status(401),
        _ => Reply::status(204),
    })
    .await;
    let request = format!("POST {}/in", receiver.url());
    let sections = format!(
        "connections:
  partner:
    oauth:
      token_url: {}/token
      client_id: acme
      private_key: {{ file: ./acme.pem }}
      key_id: k-2026
      scope: a b
      method: PUT
      headers: {{ x-tenant: t }}
      query: {{ tenant: t }}
      body: {{ audience: \"https://api.example\", resource: r }}
",
        receiver.url()
    );
    let program =
        Program::start(&definitions(&request, "    connection: partner", &sections)).await;
    publish(&program, json!({})).await;
    let error = first_error(&program).await;
    assert!(error.contains("acme.pem cannot be read"), "{error}");
    let key = KeyPair::generate().unwrap();
    std::fs::write(program.path("acme.pem"), key.serialize_pem()).unwrap();
    // A token, a call that is refused, another token, the call that passes.
    let got = arrived(&receiver, 4).await;
    let asked: Vec<&Got> = got.iter().filter(|got| got.target.starts_with("/token")).collect();
    assert_eq!(asked.len(), 2);
    let mut ids = Vec::new();
    for ask in asked {
        assert_eq!((ask.method.as_str(), ask.header("x-tenant")), ("PUT", "t"));
        assert_eq!(ask.header("authorization"), "");
        let form = form(&ask.body);
        for (name, value) in [
            ("grant_type", "client_credentials"),
            ("scope", "a b"),
            ("client_id", "acme"),
            ("audience", "https://api.example"),
            ("resource", "r"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ] {
            assert_eq!(of(&form, name), value, "{form:?}");
        }
        let audience = format!("{}/token", receiver.url());
        ids.push(assertion_id(of(&form, "client_assertion"), &key, &audience));
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_token_request_by_get_has_its_form_in_the_query() {
    let receiver = Receiver::start(|_, got| match got.method.as_str() {
        "GET" => token("t1"),
        _ => Reply::status(204),
    })
    .await;
    let request = format!("POST {}/in", receiver.url());
    let sections = format!(
        "connections:
  partner:
    oauth:
      token_url: {}/token?v=1
      client_id: acme
      client_secret: {{ file: ./secret }}
      method: GET
      query: {{ audience: api }}
",
        receiver.url()
    );
    let program =
        Program::start(&definitions(&request, "    connection: partner", &sections)).await;
    std::fs::write(program.path("secret"), "hunter2").unwrap();
    publish(&program, json!({})).await;
    let got = arrived(&receiver, 2).await;
    assert_eq!(got[0].target, "/token?v=1&audience=api&grant_type=client_credentials");
    assert_eq!((got[0].body.as_str(), got[0].header("content-type")), ("", ""));
    assert_eq!(got[0].header("authorization"), "Basic YWNtZTpodW50ZXIy");
    assert_eq!(got[1].header("authorization"), "Bearer t1");
}

#[tokio::test]
async fn a_destination_that_refuses_every_token_stops_no_other_on_its_connection() {
    let receiver = Receiver::start(|before, got| match &*got.target {
        "/token" => token(&format!("t{before}")),
        "/in" => Reply::status(204),
        _ => Reply::status(401),
    })
    .await;
    let url = receiver.url();
    let sections = format!(
        "  refusing:
    request: POST {url}/refusing
    allow_private: [127.0.0.0/8]
    connection: partner
connections:
  partner:
    oauth: {{ token_url: {url}/token, client_id: acme, client_secret: {{ file: ./secret }} }}
"
    );
    let request = format!("POST {url}/in");
    let both = definitions(&request, "    connection: partner", &sections).replace(
        "          - to: receiver\n",
        "          - to: refusing
            retry: { delays: [100ms, 100ms, 100ms, 100ms, 100ms, 100ms, 100ms, 100ms, 100ms] }
          - to: receiver\n",
    );
    let program = Program::start(&both).await;
    std::fs::write(program.path("secret"), "hunter2").unwrap();
    let count = |target: &str| receiver.got().iter().filter(|got| got.target == target).count();
    for sent in 1..=20 {
        publish(&program, json!({ "n": sent })).await;
        until("the other is delivered", async || (count("/in") >= sent).then_some(())).await;
    }
    // Twice, and then by probes that wait longer each time.
    until("it was refused again and again", async || (count("/refusing") >= 4).then_some(())).await;
    // One token to begin with, one after the first refusal, and later ones seconds apart.
    assert!((2..=4).contains(&count("/token")), "{} tokens", count("/token"));
    assert_eq!(count("/in"), 20);
    let destinations = rows(&program, &["destinations", "list", "--json"]);
    assert!(destinations.iter().all(|row| row["state"] == "enabled"), "{destinations:?}");
}

/// Accepts connections, reads what comes, and never answers.
async fn silent() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            held.push(listener.accept().await.unwrap());
        }
    });
    address
}

#[tokio::test]
async fn the_error_says_which_bound_was_reached() {
    let address = silent().await;
    for (url, more, expected) in [
        ("http", "first_byte_timeout: 150ms", "no beginning of an answer within 150 ms"),
        ("https", "connect_timeout: 150ms", "no connection within 150 ms"),
        ("http", "timeout: 1s", "no whole answer within 1000 ms"),
    ] {
        let request = format!("POST {url}://{address}/in");
        let program = Program::start(&definitions(&request, &format!("    {more}"), "")).await;
        publish(&program, json!({})).await;
        assert_eq!(first_error(&program).await, expected);
        let peer = program.lines("attempt")[0]["peer"].clone();
        assert_eq!(peer.is_string(), url == "http", "{peer}");
    }
}

#[tokio::test]
async fn the_wait_for_a_token_is_a_part_of_the_attempts_time() {
    // Answers with a token after a while, or never.
    let slow = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = slow.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = slow.accept().await.unwrap();
        let mut read = Vec::new();
        while !read.ends_with(b"client_credentials") {
            stream.read_buf(&mut read).await.unwrap();
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 22\r\n\r\n{\"access_token\":\"t1\"} ";
        stream.write_all(answer.as_bytes()).await.unwrap();
        std::future::pending::<()>().await;
    });
    let request = format!("POST http://{}/in", silent().await);
    for (endpoint, timeout, expected) in
        [(silent().await, "1s", ": no answer within 1000 ms"), (address, "2s", "no whole answer")]
    {
        let sections = format!(
            "connections:
  partner:
    oauth:
      token_url: http://{endpoint}/token
      client_id: acme
      client_secret: {{ file: ./secret }}
"
        );
        let more = format!("    connection: partner\n    timeout: {timeout}");
        let program = Program::start(&definitions(&request, &more, &sections)).await;
        std::fs::write(program.path("secret"), "hunter2").unwrap();
        publish(&program, json!({})).await;
        let error = first_error(&program).await;
        assert!(error.contains(expected), "{error}");
        // With what is left to the call, the whole is what the destination has.
        let took_ms = program.lines("attempt")[0]["duration_ms"].as_i64().unwrap();
        assert!(took_ms < 2_400, "{took_ms}");
    }
}

async fn dead_letter(program: &Program) -> Value {
    until("it is a dead letter", async || {
        rows(program, &["dead-letters", "list", "--json"]).into_iter().next()
    })
    .await
}

#[tokio::test]
async fn a_range_that_is_no_longer_allowed_is_not_reached_by_an_idle_connection() {
    let receiver = Receiver::start(|_, _| Reply::status(204)).await;
    let request = format!("POST {}/in", receiver.url());
    let program = Program::start(&definitions(&request, "", "")).await;
    publish(&program, json!({})).await;
    arrived(&receiver, 1).await;
    program.rewrite(|text| text.replace("    allow_private: [127.0.0.0/8]\n", ""));
    program.signal("-HUP");
    let read = "the configuration was read again";
    until("it is read", async || program.read("stderr").contains(read).then_some(())).await;
    publish(&program, json!({})).await;
    assert_eq!(dead_letter(&program).await["error_code"], "ADDRESS_REFUSED");
    assert_eq!(receiver.got().len(), 1);
}

#[tokio::test]
async fn a_redirect_to_the_machines_own_metadata_ends_the_delivery() {
    let receiver = Receiver::start(|_, _| {
        Reply::status(307).header("location", "http://169.254.169.254/latest/meta-data/")
    })
    .await;
    let request = format!("POST {}/in", receiver.url());
    let program = Program::start(&definitions(&request, "", "")).await;
    publish(&program, json!({})).await;
    assert_eq!(dead_letter(&program).await["error_code"], "HTTP_307");
    assert_eq!(receiver.got().len(), 1);
    let told =
        until("the log tells of it", async || program.lines("attempt").into_iter().next()).await;
    assert_eq!(told["status"], 307, "{told}");
    assert_eq!(program.lines("attempt").len(), 1);
}

/// An authority that makes certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate and its key, in PEM.
    fn leaf(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// Who called a TLS server, and for what.
type Calls = Arc<Mutex<Vec<(Vec<u8>, String)>>>;

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

/// A TLS server that demands a client certificate; it gives tokens at `/token` and takes the rest.
async fn tls_server(authority: &Authority) -> (u16, Calls) {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(der(&authority.pem)).unwrap();
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
        Arc::new(roots),
        Arc::clone(&provider),
    );
    let (certificate, key) = authority.leaf("127.0.0.1");
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![der(&certificate)],
            PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
        )
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let calls = Calls::default();
    let seen = Arc::clone(&calls);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(tls_connection(acceptor.clone(), stream, Arc::clone(&seen)));
        }
    });
    (port, calls)
}

async fn tls_connection(acceptor: tokio_rustls::TlsAcceptor, stream: TcpStream, calls: Calls) {
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    let caller = stream.get_ref().1.peer_certificates().unwrap()[0].to_vec();
    let mut read = Vec::new();
    while let Ok(1..) = stream.read_buf(&mut read).await {
        let text = String::from_utf8_lossy(&read).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() < length.map_or(0, |length| length.parse().unwrap()) {
            continue;
        }
        read.clear();
        let target = head.split(' ').nth(1).unwrap().to_owned();
        let token = r#"{"access_token":"t1","expires_in":3600}"#;
        let body = if target == "/token" { token } else { "{}" };
        calls.lock().push((caller.clone(), target));
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_receiver_and_token_endpoint_and_changed_by_its_files() {
    let authority = Authority::new();
    let (port, calls) = tls_server(&authority).await;
    let request = format!("POST https://127.0.0.1:{port}/in");
    let sections = format!(
        "connections:
  partner:
    oauth:
      token_url: https://127.0.0.1:{port}/token
      client_id: acme
      client_secret: {{ file: ./secret }}
    tls: {{ certificate: {{ file: ./acme.crt }}, key: {{ file: ./acme.key }}, ca: ./ca.pem }}
"
    );
    let program =
        Program::start(&definitions(&request, "    connection: partner", &sections)).await;
    std::fs::write(program.path("secret"), "hunter2").unwrap();
    publish(&program, json!({ "n": 1 })).await;
    let error = first_error(&program).await;
    assert!(error.contains("ca.pem cannot be read"), "{error}");
    let warned = program.run(&["check"]);
    let warned = String::from_utf8_lossy(&warned.stderr).into_owned();
    assert!(warned.contains("acme.crt") && warned.contains("acme.key"), "{warned}");
    std::fs::write(program.path("ca.pem"), &authority.pem).unwrap();
    let write = |(certificate, key): &(String, String)| {
        std::fs::write(program.path("acme.crt"), certificate).unwrap();
        std::fs::write(program.path("acme.key"), key).unwrap();
        der(certificate).to_vec()
    };
    let first = write(&authority.leaf("acme"));
    let expected = [(first.clone(), "/token".to_owned()), (first, "/in".to_owned())];
    until("it is delivered", async || (*calls.lock() == expected).then_some(())).await;
    let warned = program.run(&["check"]);
    assert!(!String::from_utf8_lossy(&warned.stderr).contains("warning"), "{warned:?}");

    let second = write(&authority.leaf("acme"));
    until("the new certificate is shown", async || {
        publish(&program, json!({ "n": 2 })).await;
        let shown = calls.lock().last().cloned();
        (shown == Some((second.clone(), "/in".to_owned()))).then_some(())
    })
    .await;
    let mixed = authority.leaf("acme").1;
    std::fs::write(program.path("acme.key"), mixed).unwrap();
    let warned = program.run(&["check"]);
    let warned = String::from_utf8_lossy(&warned.stderr).into_owned();
    assert!(warned.contains("`key` is not the key of `certificate`"), "{warned}");
}

/// Runs a command with something on its standard input.
fn run_with(program: &Program, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(PROGRAM)
        .args(arguments)
        .current_dir(program.directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[tokio::test]
async fn a_kept_secret_is_in_force_at_once_and_nowhere_to_be_read() {
    let receiver = Receiver::start(|_, _| Reply::status(204)).await;
    let request = format!("POST {}/in", receiver.url());
    let sections = "connections:
  partner: { basic: { username: acme, password: { kept: globex } } }
";
    let mut program =
        Program::start(&definitions(&request, "    connection: partner", sections)).await;
    let warning = "connections.partner: the secret `globex` is not set yet";
    until("it is told", async || program.read("stderr").contains(warning).then_some(())).await;
    assert!(program.read("stderr").contains("run `gatepost secret set globex`"));
    publish(&program, json!({})).await;
    let error = first_error(&program).await;
    assert_eq!(
        error,
        "the secret in Gatepost's keeping (globex) cannot be read: it is not set; run `gatepost \
         secret set globex`"
    );
    let listed = rows(&program, &["secret", "list", "--json"]);
    let unset = json!({ "name": "globex", "set_at": null, "used_by": ["connections.partner"] });
    assert_eq!(listed, [unset]);

    let set = run_with(&program, &["secret", "set", "globex"], "hunter2\n");
    assert!(set.status.success(), "{set:?}");
    assert_eq!(String::from_utf8_lossy(&set.stdout), "globex is set.\n");
    let got = arrived(&receiver, 1).await;
    assert_eq!(got[0].header("authorization"), "Basic YWNtZTpodW50ZXIy");
    // A change holds from the next call on, also by a file, and over a kill.
    std::fs::write(program.path("value"), "s3cret-two\r\n").unwrap();
    program.done(&["secret", "set", "globex", "--file", "value"]);
    publish(&program, json!({})).await;
    let second = arrived(&receiver, 2).await[1].header("authorization").to_owned();
    assert_ne!(second, got[0].header("authorization"));
    program.kill_and_restart().await;
    publish(&program, json!({})).await;
    assert_eq!(arrived(&receiver, 3).await[2].header("authorization"), second);

    let listed = program.done(&["secret", "list"]);
    assert!(listed.contains("globex") && listed.contains("connections.partner"), "{listed}");
    assert_eq!(program.done(&["secret", "remove", "globex"]), "globex is removed.");
    assert!(!program.run(&["secret", "remove", "globex"]).status.success());
    publish(&program, json!({})).await;
    until("what needs it fails", async || {
        let last = program.lines("attempt").pop()?;
        last["error"].as_str()?.contains("it is not set").then_some(())
    })
    .await;
    let audit = rows(&program, &["audit", "--json"]);
    let mut told: Vec<_> = audit
        .iter()
        .filter(|entry| entry["subject"] == "secret/globex")
        .map(|entry| entry["what"].as_str().unwrap())
        .collect();
    told.reverse();
    assert_eq!(told, ["set secret", "change secret", "remove secret"]);
    assert!(program.stop().success());
    for file in ["stdout", "stderr", "data/core.db", "data/core.db-wal"] {
        let bytes = std::fs::read(program.path(file)).unwrap_or_default();
        for value in ["hunter2", "s3cret-two"] {
            let shown = bytes.windows(value.len()).any(|part| part == value.as_bytes());
            assert!(!shown, "{value} is in {file}");
        }
    }
}

#[tokio::test]
async fn a_kept_secret_that_cannot_be_one_is_refused() {
    let program = Program::start("").await;
    for (name, input, message) in [
        ("a", "", "the value is empty"),
        ("a", "\n", "the value is empty"),
        ("a b", "x", "a name has 1 to 128"),
        ("a", &*"x".repeat(33 * 1024), "longer than 32 KiB"),
    ] {
        let output = run_with(&program, &["secret", "set", name], input);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains(message), "{name}: {told}");
    }
    // The value is no argument: it would be in the history of the shell and in the list of processes.
    assert_eq!(program.run(&["secret", "set", "a", "hunter2"]).status.code(), Some(2));
    assert_eq!(rows(&program, &["secret", "list", "--json"]), Vec::<Value>::new());
}
