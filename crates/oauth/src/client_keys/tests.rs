//! Keys of clients over real sockets, with a clock of the test's own.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering};

use jwt::SigningKey;
use model::Timestamp;
use testkit::{Receiver, Reply};

use super::*;

const SECOND_NS: u64 = 1_000_000_000;

/// Ticks as the test says.
#[derive(Default)]
struct Hands(AtomicU64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(1_800_000_000_000)
    }

    fn ticks_ns(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

impl Random for Hands {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

struct Running {
    keys: PublishedKeys,
    hands: Arc<Hands>,
    server: Receiver,
    credential: (String, Place),
}

impl Running {
    async fn start() -> Self {
        let key = SigningKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap();
        let set = serde_json::to_string(&jwt::Jwks { keys: vec![key.jwk().clone()] }).unwrap();
        let server = Receiver::start(move |_, _| Reply::status(200).body(&set)).await;
        let hands = Arc::new(Hands::default());
        let (clock, random) = (Arc::clone(&hands), Arc::clone(&hands));
        let keys = PublishedKeys::new(clock, random, TaskTracker::new(), CancellationToken::new());
        let place = Place {
            issuer: String::new(),
            jwks_url: Some(format!("{}/keys", server.url())),
            allow_private: vec!["127.0.0.0/8".parse().unwrap()],
        };
        Self { keys, hands, server, credential: ("car-orders/key".to_owned(), place) }
    }

    /// How often the server was asked in all, after a request that knows its key or not.
    async fn asked(&self, is_known: bool) -> usize {
        self.keys.ready(std::slice::from_ref(&self.credential), &[], |_| is_known).await;
        self.server.got().len()
    }

    fn later(&self, seconds: u64) {
        self.hands.0.fetch_add(seconds * SECOND_NS, Ordering::SeqCst);
    }

    fn count(&self) -> Option<usize> {
        let (id, place) = &self.credential;
        self.keys.of(id, place).map(|keys| keys.count())
    }
}

#[tokio::test]
async fn keys_are_got_when_they_are_needed_and_kept() {
    let running = Running::start().await;
    assert_eq!(running.count(), None);
    assert_eq!(running.asked(true).await, 1);
    assert_eq!(running.count(), Some(1));
    for _ in 0..3 {
        assert_eq!(running.asked(true).await, 1);
    }
    // Ten minutes is how long they are fresh where nobody says.
    running.later(601);
    assert_eq!(running.asked(true).await, 2);
    // Another place is another credential to us, and so is another name.
    let (id, place) = &running.credential;
    let elsewhere = Place { jwks_url: None, ..place.clone() };
    assert!(running.keys.of(id, &elsewhere).is_none());
    assert!(running.keys.of("car-orders/other", place).is_none());
}

#[tokio::test]
async fn a_key_that_is_not_known_is_asked_for_and_not_again_and_again() {
    let running = Running::start().await;
    assert_eq!(running.asked(true).await, 1);
    assert_eq!(running.asked(false).await, 2);
    assert_eq!(running.asked(false).await, 2);
    running.later(29);
    assert_eq!(running.asked(false).await, 2);
    running.later(1);
    assert_eq!(running.asked(false).await, 3);
}

#[tokio::test]
async fn keys_that_cannot_be_got_again_stay_in_force_for_a_day() {
    let running = Running::start().await;
    running.asked(true).await;
    running.server.answer(|_, _| Reply::status(500));
    running.later(601);
    assert_eq!(running.asked(true).await, 2);
    assert_eq!(running.count(), Some(1));
    running.later(86_400);
    running.asked(true).await;
    assert_eq!(running.count(), None);
}

#[tokio::test]
async fn several_credentials_are_asked_for_at_once_and_each_has_its_own_keys() {
    let running = Running::start().await;
    let (_, place) = running.credential.clone();
    let other = Place { jwks_url: Some(format!("{}/other", running.server.url())), ..place };
    let both = [running.credential.clone(), ("car-orders/other".to_owned(), other)];
    running.keys.ready(&both, &[], |_| true).await;
    assert_eq!(running.server.got().len(), 2);
    for (id, place) in &both {
        assert!(running.keys.of(id, place).is_some(), "{id}");
    }
    // What is fresh is not asked for beside what is not.
    running.keys.ready(&both, &[], |_| true).await;
    assert_eq!(running.server.got().len(), 2);
}

/// Answers the first call that it could not, and none of those that come then.
fn failing_then_silent(listener: TcpListener) -> std::thread::JoinHandle<TcpListener> {
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        assert!(stream.read(&mut request).unwrap() > 0);
        let answer = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer).unwrap();
        listener
    })
}

#[tokio::test]
async fn nobody_waits_for_an_address_that_is_gone_while_the_right_key_is_here() {
    let running = Running::start().await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let (id, place) = running.credential.clone();
    let gone = Place { jwks_url: Some(url), ..place.clone() };
    let both = [(id.clone(), place.clone()), ("car-orders/gone".to_owned(), gone)];
    let first = failing_then_silent(listener);
    running.keys.ready(&both, &[], |_| true).await;
    assert_eq!(running.count(), Some(1));
    let _silent = first.join().unwrap();
    let waits = async |published: &[(String, Place)], inline: &[Arc<KeySet>], has_right: bool| {
        let ready = running.keys.ready(published, inline, |_| has_right);
        tokio::time::timeout(Duration::from_millis(500), ready).await.is_err()
    };
    assert!(!waits(&both, &[], true).await, "it is among the fresh keys of the other");
    assert!(waits(&both, &[], false).await, "it may be among those that are coming");
    let (gone, in_file) = (&both[1..], running.keys.of(&id, &place).unwrap());
    assert!(!waits(gone, &[in_file], true).await, "it stands in the file");
    assert!(waits(gone, &[], true).await, "it is nowhere yet");
}
