//! Connections that move from core to core all the time, held against what their callers see.

use std::collections::BTreeSet;

use http::{Request, Response};
use http_body_util::BodyExt as _;
use model::Timestamp;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_util::either::Either;

use super::*;
use crate::accept::bind;
use crate::body::{Body, full};
use crate::closing::Closing;
use crate::connection::Http;
use crate::incoming::Incoming;
use crate::peer::Peer;
use crate::tls::{ClientCertificates, TlsDoor, TlsMaterial};

const CORES: usize = 3;

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(0)
    }

    fn ticks_ns(&self) -> u64 {
        0
    }
}

/// Says on which core it is, who asks, and what it was asked and sent.
#[derive(Clone)]
struct Echo(usize);

impl Handler for Echo {
    type Memory = ();

    async fn handle(&self, request: Request<Incoming>, (peer, ()): (&Peer, &())) -> Response<Body> {
        let scheme = peer.scheme();
        let path = request.uri().path().to_owned();
        let sent = request.into_body().collect().await.unwrap().to_bytes().len();
        // Some answers come a moment later.
        if path.ends_with('7') {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let text = format!("{} {} {scheme} {path} {sent}", self.0, peer.address.port());
        Response::new(full(text))
    }
}

/// Sends every connection elsewhere after each request, and uses one core, two, or all of them.
async fn restless(cores: &Cores) -> Infallible {
    for used in (1..=CORES).cycle() {
        for _ in 0..4 {
            cores.obey(&Orders { used, leaving: vec![100; CORES] });
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    pending().await
}

/// A door on three cores whose connections never rest; ends when it is closed.
struct Restless {
    address: SocketAddr,
    closing: Closing,
    counts: Arc<DoorCounts>,
    served: JoinSet<()>,
}

impl Restless {
    fn open(tls: Option<Arc<TlsDoor>>) -> Self {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let (address, closing) = (listener.local_addr().unwrap(), Closing::default());
        let mut door = Door::plain(listener, closing.clone(), Arc::new(Stopped));
        door.tls = tls;
        let counts = Arc::clone(&door.counts);
        let mut served = JoinSet::new();
        served.spawn(async move {
            let (cores, handed) = Cores::new(CORES, Arc::clone(&door.counts));
            serve_by(door, (&cores, handed), Echo, restless(&cores)).await.unwrap();
        });
        Self { address, closing, counts, served }
    }

    async fn close(self) {
        self.closing.close(Duration::from_millis(200)).await;
        self.served.join_all().await;
        assert_eq!(self.counts.open(), 0);
        assert!(self.counts.moved() > 0);
    }
}

/// A certificate for `localhost`, and who believes it.
fn material() -> (Arc<TlsDoor>, TlsConnector) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = certificate.self_signed(&key).unwrap();
    let (chain, private) = (certificate.pem(), key.serialize_pem());
    let material = TlsMaterial {
        certificates: chain.as_bytes(),
        key: private.as_bytes(),
        client_authorities: None,
        client_certificates: ClientCertificates::Verified,
    };
    let door = TlsDoor::new(&material).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(certificate.der().to_vec())).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(door), TlsConnector::from(Arc::new(config)))
}

/// One answer: whether the connection goes on, and the words of its body.
async fn answer(stream: &mut (impl AsyncRead + Unpin), read: &mut Vec<u8>) -> (bool, Vec<String>) {
    loop {
        let head = read.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
        if let Some(head) = head {
            let text = String::from_utf8(read[..head].to_vec()).unwrap().to_lowercase();
            assert!(text.starts_with("http/1.1 200"), "{text}");
            let length = text.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
            let end = head + length.parse::<usize>().unwrap();
            if read.len() >= end {
                let body = String::from_utf8(read[head..end].to_vec()).unwrap();
                read.drain(..end);
                let goes_on = !text.contains("connection: close");
                return (goes_on, body.split(' ').map(str::to_owned).collect());
            }
        }
        assert!(stream.read_buf(read).await.unwrap() > 0, "closed without an answer");
    }
}

/// Asks until told that the connection ends, or so often; gives the cores that have answered.
async fn ask(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    (scheme, port): (&str, u16),
    times: usize,
) -> BTreeSet<String> {
    let (mut cores, mut read) = (BTreeSet::new(), Vec::new());
    for number in 0..times {
        let sent = if number % 3 == 0 { 70_000 } else { 0 };
        let body = "x".repeat(sent);
        // Now and then two at once: the second one is read with the first.
        let paths = [format!("/{number}"), format!("/{number}/next")];
        let paths = if number % 5 == 0 { &paths[..] } else { &paths[..1] };
        let mut text = String::new();
        for path in paths {
            let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\n");
            text += &[&head, "content-length: ", &sent.to_string(), "\r\n\r\n", &*body].concat();
        }
        stream.write_all(text.as_bytes()).await.unwrap();
        for path in paths {
            let (goes_on, words) = answer(&mut stream, &mut read).await;
            let (port, sent) = (port.to_string(), sent.to_string());
            assert_eq!(words[1..], [&port, scheme, path, &sent]);
            cores.insert(words[0].clone());
            if !goes_on {
                return cores;
            }
        }
    }
    cores
}

/// Callers on connections of their own; gives the cores that each of them met.
async fn callers(
    door: &Restless,
    connector: Option<&TlsConnector>,
    times: usize,
) -> JoinSet<BTreeSet<String>> {
    let mut callers = JoinSet::new();
    for _ in 0..6 {
        let stream = TcpStream::connect(door.address).await.unwrap();
        let port = stream.local_addr().unwrap().port();
        match connector.cloned() {
            None => callers.spawn(ask(stream, ("http", port), times)),
            Some(connector) => callers.spawn(async move {
                let name = ServerName::try_from("localhost").unwrap();
                let stream = connector.connect(name, stream).await.unwrap();
                ask(stream, ("https", port), times).await
            }),
        };
    }
    callers
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_on_a_connection_that_moves_is_answered_as_on_one_that_stays() {
    let door = Restless::open(None);
    for cores in callers(&door, None, 300).await.join_all().await {
        assert_eq!(cores.len(), CORES, "a connection has not met them all: {cores:?}");
    }
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_in_tls_moves_with_its_keys() {
    let (tls, connector) = material();
    let door = Restless::open(Some(tls));
    for cores in callers(&door, Some(&connector), 300).await.join_all().await {
        assert_eq!(cores.len(), CORES, "a connection has not met them all: {cores:?}");
    }
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_door_that_closes_loses_no_request_of_connections_that_move() {
    for _ in 0..5 {
        let door = Restless::open(None);
        let callers = callers(&door, None, usize::MAX).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        door.close().await;
        // Each was told of the end by an answer; else it would have met a closed connection.
        callers.join_all().await;
    }
}

/// Two cores, what they are handed, and a connection on the first.
struct Handing {
    cores: Arc<Cores>,
    handed: Vec<Receiver>,
    door: Door,
    _caller: TcpStream,
    stream: Option<TcpStream>,
}

impl Handing {
    async fn new() -> Self {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let caller = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let door = Door::plain(listener, Closing::default(), Arc::new(Stopped));
        let (cores, handed) = Cores::new(2, Arc::clone(&door.counts));
        Self { cores, handed, door, _caller: caller, stream: Some(stream) }
    }

    fn open(&self, core: usize) -> usize {
        self.cores.each[core].open.load(Ordering::Relaxed)
    }

    /// Hands the connection on from the first core; whether it went.
    fn hand_on(&mut self, http: Http) -> bool {
        let stream = self.stream.take().unwrap();
        let peer = Peer::new("127.0.0.1:9".parse().unwrap(), None, TaskTracker::new());
        let moving = Moving::new(Either::Left(stream), &peer, http).unwrap();
        let place = Addresses::of(&self.door).take(peer.address.ip()).unwrap();
        let here = &self.cores.each[0].open;
        let open = Open::new(&self.door, place, &Arc::default(), here).unwrap();
        let seat = Seat { cores: Arc::clone(&self.cores), number: 0 };
        match seat.hand_on(moving, open) {
            Ok(()) => true,
            Err((moving, _)) => {
                assert_eq!(self.open(0), 1, "it is counted where it stays");
                self.stream = Some(moving.into_stream());
                false
            }
        }
    }
}

fn orders(used: usize, leaving: [usize; 2]) -> Orders {
    Orders { used, leaving: leaving.to_vec() }
}

#[tokio::test]
async fn a_connection_moves_when_one_is_to_leave_and_there_is_another_core_that_takes_it() {
    let mut handing = Handing::new().await;
    let leaving = |handing: &Handing| handing.cores.each[0].leaving.load(Ordering::Relaxed);
    for (what, given) in [("none is to leave", orders(2, [0, 0])), ("no other", orders(1, [1, 0]))]
    {
        handing.cores.obey(&given);
        assert!(!handing.hand_on(Http::One), "{what}");
        assert_eq!((leaving(&handing), handing.open(0)), (given.leaving[0], 0), "{what}");
    }
    handing.cores.obey(&orders(2, [1, 0]));
    assert!(handing.hand_on(Http::One));
    assert_eq!((leaving(&handing), handing.open(0), handing.open(1)), (0, 0, 1));
    assert_eq!((handing.door.counts.cores(), handing.door.counts.moved()), (2, 1));
    drop(handing.handed[1].try_recv().ok().unwrap());
    assert_eq!((handing.open(1), handing.door.counts.open()), (0, 0));
}

#[tokio::test]
async fn a_connection_stays_where_the_other_cores_thread_has_ended() {
    let mut handing = Handing::new().await;
    handing.handed.pop();
    handing.cores.obey(&orders(2, [1, 0]));
    assert!(!handing.hand_on(Http::One));
}

#[tokio::test]
async fn a_connection_that_will_not_move_goes_to_each_core_in_turn_before_it_begins() {
    let mut handing = Handing::new().await;
    assert!(!handing.hand_on(Http::Two), "it is this one's turn");
    assert!(handing.hand_on(Http::Two), "it is the other's, whether that is in use or not");
    assert_eq!(handing.door.counts.moved(), 0, "it has only begun");
}

#[tokio::test]
async fn whoever_connects_sits_where_least_is_done_and_else_wherever_there_is_room() {
    let handing = Handing::new().await;
    let cores = &handing.cores;
    let least =
        || cores.each.iter().position(|core| std::ptr::eq(core, cores.least(None).unwrap()));
    cores.obey(&orders(2, [0, 0]));
    assert_eq!(least(), Some(0));
    cores.each[0].open.store(1, Ordering::Relaxed);
    assert_eq!(least(), Some(1));
    let busy = |worked| Seen { worked, waited: 0.1, asking: 1 };
    cores.note(&[busy(0.1), busy(0.8)]);
    assert_eq!(least(), Some(0));
    cores.obey(&orders(1, [0, 0]));
    let (addresses, all) = (Addresses::of(&handing.door), Arc::default());
    let address = handing.door.listener.local_addr().unwrap();
    let give = async || {
        let stream = TcpStream::connect(address).await.unwrap().into_std().unwrap();
        let place = addresses.take(address.ip()).unwrap();
        let open = Open::new(&handing.door, place, &all, &cores.each[0].open)?;
        cores.give((stream, address), open)
    };
    // As if the first one had no time to take any.
    let held: Vec<_> =
        (0..HANDED_MAX).map(|_| cores.each[0].sockets.try_reserve().unwrap()).collect();
    give().await.unwrap();
    assert_eq!((handing.open(0), handing.open(1)), (1, 1));
    drop(held);
}

#[cfg(target_os = "linux")]
#[test]
fn a_thread_that_works_is_seen_to() {
    let this = Thread::this().unwrap();
    let before = this.times().unwrap();
    let worked =
        (0..1_000_000).any(|_| this.times().unwrap().worked_ns > before.worked_ns + 5_000_000);
    assert!(worked);
    let cpus = load::cpus().unwrap();
    assert!(Machine::now(&cpus).unwrap().all > 0);
}
