//! TLS against real servers: private authorities, client certificates, and their change.

use std::sync::Arc;
use std::time::Duration;

use model::Secret;
use outbound::{
    Answer, Bounds, DialError, Identity, Material, SendError, Tls, TlsError, TlsSource, Unanswered,
    in_words, send_whole,
};
use parking_lot::Mutex;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::server::{Server, TestPool, answering, pool, request};

/// An authority of our own.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its key, in PEM.
struct Leaf {
    certificate: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn leaf(&self, name: &str) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Leaf { certificate, key: key.serialize_pem() }
    }
}

/// What a test's connection has; `change` puts another in its place.
struct Source(Mutex<Result<Arc<Material>, TlsError>>);

impl Source {
    fn new(ca: Option<&str>, leaf: Option<&Leaf>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Ok(material(ca, leaf)))))
    }

    fn change(&self, to: Result<Arc<Material>, TlsError>) {
        *self.0.lock() = to;
    }
}

impl TlsSource for Source {
    fn material(&self) -> Result<Arc<Material>, TlsError> {
        self.0.lock().clone()
    }
}

fn material(ca: Option<&str>, leaf: Option<&Leaf>) -> Arc<Material> {
    let secret = |text: &str| Secret::new(text.to_owned());
    let identity = leaf
        .map(|leaf| Identity { certificates: secret(&leaf.certificate), key: secret(&leaf.key) });
    Arc::new(Material { authorities: ca.map(secret), identity })
}

/// A TLS server that answers every request with the DER length and bytes of who called.
struct TlsServer {
    port: u16,
    callers: Arc<Mutex<Vec<Option<Vec<u8>>>>>,
}

impl TlsServer {
    /// With a certificate for 127.0.0.1; `clients` is the authority of client certificates, which
    /// are then demanded.
    async fn start(leaf: &Leaf, clients: Option<&Authority>) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(der(&authority.pem)).unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap();
        let config = builder.with_single_cert(vec![der(&leaf.certificate)], key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let callers: Arc<Mutex<Vec<Option<Vec<u8>>>>> = Arc::default();
        let seen = Arc::clone(&callers);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(acceptor.clone(), stream, Arc::clone(&seen)));
            }
        });
        Self { port, callers }
    }

    fn pool(&self, host: &str, source: &Arc<Source>) -> TestPool {
        let tls = Arc::new(Tls::new(Arc::clone(source) as _));
        pool(&format!("https://{host}:{}", self.port), &["127.0.0.0/8"]).with_tls(Some(tls))
    }

    /// Who called, one entry per connection.
    fn callers(&self) -> Vec<Option<Vec<u8>>> {
        self.callers.lock().clone()
    }
}

async fn serve(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    callers: Arc<Mutex<Vec<Option<Vec<u8>>>>>,
) {
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    let caller = stream.get_ref().1.peer_certificates().map(|chain| chain[0].to_vec());
    callers.lock().push(caller);
    let mut read = Vec::new();
    while let Ok(1..) = stream.read_buf(&mut read).await {
        if read.ends_with(b"{}") {
            read.clear();
            let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
            stream.write_all(answer).await.unwrap();
        }
    }
}

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

async fn call(pool: &TestPool) -> Result<Answer, Unanswered> {
    send_whole(pool, request(), Bounds::within(Duration::from_secs(5))).await
}

async fn passes(pool: &TestPool) {
    assert_eq!(call(pool).await.unwrap().status.as_u16(), 204);
}

#[tokio::test]
async fn only_the_authorities_of_the_connection_are_trusted() {
    let (ours, other) = (Authority::new(), Authority::new());
    let server = TlsServer::start(&ours.leaf("127.0.0.1"), None).await;
    let both = format!("{}{}", other.pem, ours.pem);
    for (ca, trusted) in
        [(Some(&*ours.pem), true), (Some(&*both), true), (Some(&*other.pem), false), (None, false)]
    {
        let pool = server.pool("127.0.0.1", &Source::new(ca, None));
        if trusted {
            passes(&pool).await;
            continue;
        }
        let error = call(&pool).await.unwrap_err();
        assert!(matches!(error.error, SendError::Dial(DialError::Tls { .. })), "{error:?}");
        assert!(in_words(&error).contains("TLS with 127.0.0.1 failed: "), "{}", in_words(&error));
        assert_eq!(error.peer.map(|peer| peer.port()), Some(server.port));
    }
    // Without anything of its own a connection trusts the public authorities only.
    let plain = pool(&format!("https://127.0.0.1:{}", server.port), &["127.0.0.0/8"]);
    assert!(call(&plain).await.is_err());
}

#[tokio::test]
async fn a_certificate_of_another_name_is_refused() {
    let ours = Authority::new();
    let server = TlsServer::start(&ours.leaf("receiver.test"), None).await;
    let pool = server.pool("127.0.0.1", &Source::new(Some(&ours.pem), None));
    let error = call(&pool).await.unwrap_err();
    assert!(in_words(&error).contains("not valid for name"), "{}", in_words(&error));
}

#[tokio::test]
async fn a_server_that_demands_a_certificate_gets_the_connections_own() {
    let (ours, other) = (Authority::new(), Authority::new());
    let server = TlsServer::start(&ours.leaf("127.0.0.1"), Some(&ours)).await;
    let (own, strange) = (ours.leaf("acme"), other.leaf("acme"));
    for leaf in [None, Some(&strange)] {
        let source = Source::new(Some(&ours.pem), leaf);
        assert!(call(&server.pool("127.0.0.1", &source)).await.is_err());
    }
    assert_eq!(server.callers(), []);
    passes(&server.pool("127.0.0.1", &Source::new(Some(&ours.pem), Some(&own)))).await;
    assert_eq!(server.callers(), [Some(der(&own.certificate).to_vec())]);
}

#[tokio::test]
async fn a_changed_certificate_is_shown_from_the_next_call_on() {
    let ours = Authority::new();
    let server = TlsServer::start(&ours.leaf("127.0.0.1"), Some(&ours)).await;
    let (first, second) = (ours.leaf("acme"), ours.leaf("acme"));
    let source = Source::new(Some(&ours.pem), Some(&first));
    let pool = server.pool("127.0.0.1", &source);
    passes(&pool).await;
    passes(&pool).await;
    let shown = |leaf: &Leaf| Some(der(&leaf.certificate).to_vec());
    assert_eq!(server.callers(), [shown(&first)], "the connection is used again");
    // What cannot be read for a moment ends no connection there is, and begins none.
    source.change(Err(TlsError::Unreadable("the file is being written".to_owned())));
    passes(&pool).await;
    source.change(Ok(material(Some(&ours.pem), Some(&second))));
    passes(&pool).await;
    assert_eq!(server.callers(), [shown(&first), shown(&second)]);
    // What was taken away is shown to nobody any more, not even where it was shown before.
    source.change(Err(TlsError::Gone("the file is not there".to_owned())));
    let error = call(&pool).await.unwrap_err();
    assert!(in_words(&error).contains("is not there"), "{}", in_words(&error));
    assert_eq!(server.callers().len(), 2);
}

#[tokio::test]
async fn a_plain_connection_is_used_again_whatever_tls_there_would_be() {
    let answer = "HTTP/1.1 204 No Content\r\n\r\n";
    let server = Server::start(answering(answer)).await;
    let source = Source::new(Some(&Authority::new().pem), None);
    let pool = server.pool().with_tls(Some(Arc::new(Tls::new(source))));
    for _ in 0..3 {
        passes(&pool).await;
    }
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn what_tls_cannot_be_spoken_with_is_said_and_nobody_is_called() {
    let (ours, leaf) = (Authority::new(), Authority::new().leaf("acme"));
    let mixed = Leaf { certificate: leaf.certificate.clone(), key: ours.leaf("acme").key };
    let no_key = Leaf { certificate: leaf.certificate.clone(), key: "hunter2".to_owned() };
    let no_chain = Leaf { certificate: "hunter2".to_owned(), key: leaf.key.clone() };
    let cut = ours.pem[..ours.pem.len() / 2].to_owned();
    let server = TlsServer::start(&ours.leaf("127.0.0.1"), None).await;
    for (ca, leaf, expected) in [
        (Some("hunter2"), None, TlsError::Authorities),
        (Some(""), None, TlsError::Authorities),
        (Some(&*cut), None, TlsError::Authorities),
        (None, Some(&mixed), TlsError::Mismatch),
        (None, Some(&no_key), TlsError::Key),
        (None, Some(&no_chain), TlsError::Certificates),
    ] {
        let source = Source::new(ca, leaf);
        assert_eq!(Tls::new(Arc::clone(&source) as _).check(), Err(expected.clone()));
        let error = call(&server.pool("127.0.0.1", &source)).await.unwrap_err();
        let words = in_words(&error);
        assert!(words.contains(&expected.to_string()) && !words.contains("hunter2"), "{words}");
    }
    let unreadable = Source::new(None, None);
    unreadable
        .change(Err(TlsError::Unreadable("the secret in file a.pem cannot be read".to_owned())));
    let error = call(&server.pool("127.0.0.1", &unreadable)).await.unwrap_err();
    assert!(in_words(&error).contains("file a.pem"), "{}", in_words(&error));
    assert_eq!(server.callers(), []);
}
