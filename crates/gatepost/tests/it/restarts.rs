//! Changes of the configuration, hand-overs to another process, sockets of systemd: no caller
//! notices them.

mod load;

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use testkit::{Receiver, Reply, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixDatagram};
use tokio::sync::mpsc;

use crate::program::{Program, is_gone};
use load::{Load, Tally};

/// An API with all checks, and one that leads to `slow`. What differs from `change` to `change` is
/// the plan, a header, and a route.
fn definitions(upstream: &str, slow: &str, change: usize) -> String {
    format!(
        "
apis:
  tires:
    upstream: {upstream}
    response_headers: {{ set: {{ x-change: \"{change}\" }} }}
    scopes: {{ create.order: Create }}
    routes:
      GET /orders/{{id}}: {{ scopes: [tires/create.order], api_key: required }}
      GET /changes/{change}: {{}}
  slow: {{ base_path: /slow, upstream: {slow}, routes: {{ GET /wait: {{}} }} }}
plans: {{ wide: {{ rate: {}/s, burst: 1000, quota: 1000000/day }} }}
partners:
  cars:
    plan: wide
    clients: {{ car-orders: {{ scopes: [tires/create.order] }} }}
    api_keys: {{ cars: {{}} }}
",
        10_000 + change
    )
}

struct Scene {
    program: Program,
    upstream: Receiver,
    /// A service that the test answers for.
    slow: tokio::net::TcpListener,
    token: String,
    key: String,
}

impl Scene {
    async fn open() -> Self {
        let upstream = Receiver::start(|_, _| Reply::status(200).body("ok")).await;
        let slow = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", slow.local_addr().unwrap());
        let program = Program::start(&definitions(&upstream.url(), &url, 0)).await;
        let secret = program.done(&["client", "secret", "car-orders"]);
        let token = program.token("car-orders", &secret, "tires/create.order").await;
        let key = program.done(&["key", "value", "cars"]);
        Self { program, upstream, slow, token, key }
    }

    fn load(&self) -> Load {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("authorization", &*bearer), ("x-api-key", &*self.key)];
        Load::begin(&self.program, "/orders/7", &headers)
    }

    /// One request; gives what is left of the quota after it, and the change that is in force.
    async fn order(&self) -> (u64, String) {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("authorization", &*bearer), ("x-api-key", &*self.key)];
        let answer = self.program.call("GET", "/orders/7", &headers, "").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let limits = answer.header("ratelimit");
        let quota = limits.split(',').find(|item| item.trim().starts_with("\"wide-day\""));
        let left = quota.unwrap().split(";r=").nth(1).unwrap().split(';').next().unwrap();
        (left.parse().unwrap(), answer.header("x-change").to_owned())
    }

    /// Changes the file and has it read again.
    async fn change(&mut self, change: usize) {
        let slow = format!("http://{}", self.slow.local_addr().unwrap());
        let of = |change| definitions(&self.upstream.url(), &slow, change);
        self.program.rewrite(|file| file.replace(&of(change - 1), &of(change)));
        let message = "the configuration was read again";
        let before = self.program.said(message).len();
        self.program.signal("-HUP");
        let read = async || (self.program.said(message).len() > before).then_some(());
        until("the configuration is read again", read).await;
    }

    /// Requests of an API that are in the usage.
    fn counted(&self, api: &str) -> u64 {
        let rows = self.program.done(&["usage", "--json", "--by", "", "--api", api]);
        let rows = rows.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        rows.map(|row| row["requests"].as_u64().unwrap()).sum()
    }
}

/// A load under which the file changes and processes follow each other: every caller is answered,
/// and afterwards quota and usage are as if nothing had been.
async fn nobody_notices(changes: usize, changes_per_hand_over: usize, rest: Duration) {
    let mut scene = Scene::open().await;
    let (before, _) = scene.order().await;
    let load = scene.load();
    let mut hand_overs = 0;
    for change in 1..=changes {
        scene.change(change).await;
        if change % changes_per_hand_over == 0 {
            scene.program.hand_over().await;
            hand_overs += 1;
        }
        tokio::time::sleep(rest).await;
    }
    let tally = load.end().await;
    let Tally { answered, repeated, failed, slowest } = tally;
    eprintln!(
        "{changes} changes, {hand_overs} hand-overs: {answered} requests answered, {repeated} sent \
         again on another connection, the slowest took {slowest:?}"
    );
    assert!(failed.is_empty(), "{} of {answered} failed: {}", failed.len(), failed[0]);
    // None is expected; a caller that the system did not let run for a second may meet the moment.
    assert!(repeated <= hand_overs, "{repeated} were sent again");
    let (after, change) = scene.order().await;
    assert_eq!(change, changes.to_string());
    // What was sent again may have been done twice.
    let spent = before - after - 1;
    assert!((answered..=answered + repeated).contains(&spent), "{spent} of {answered} are debited");
    let counted = until("usage is kept", async || {
        let counted = scene.counted("tires");
        (counted >= answered + 2).then_some(counted)
    })
    .await;
    assert!(counted <= answered + repeated + 2, "{counted} of {answered} are counted");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_under_load_cost_no_request() {
    nobody_notices(30, usize::MAX, Duration::from_millis(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hand_overs_under_load_cost_no_request_and_no_count() {
    nobody_notices(3, 1, Duration::from_millis(200)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes half a minute; CONTRIBUTING.md says when"]
async fn a_hundred_changes_and_ten_hand_overs_under_load_cost_no_request() {
    nobody_notices(100, 10, Duration::from_millis(100)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_long_is_answered_and_counted_while_another_process_serves() {
    let mut scene = Scene::open().await;
    let asked = tokio::spawn(
        crate::program::http().get(scene.program.public.clone() + "/slow/wait").send(),
    );
    let (mut service, _) = scene.slow.accept().await.unwrap();
    let mut buffer = [0; 4096];
    assert!(service.read(&mut buffer).await.unwrap() > 0);
    let before = scene.program.take_over().await;
    // The other process serves, and the one before waits for its answer.
    scene.order().await;
    assert!(!is_gone(before));
    service.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate").await.unwrap();
    assert_eq!(asked.await.unwrap().unwrap().text().await.unwrap(), "late");
    until("the process before has ended", async || is_gone(before).then_some(())).await;
    until("what it counted is kept", async || (scene.counted("slow") == 1).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_configuration_leaves_the_present_process_serving_and_says_so() {
    let mut scene = Scene::open().await;
    let process = scene.program.id();
    scene.program.rewrite(|file| file.replace("quota: 1000000/day", "quota: plenty"));
    let load = scene.load();
    scene.program.signal("-USR2");
    until("it is said", async || {
        let log = scene.program.read("stderr");
        log.contains("no other process takes over, and this one goes on").then_some(())
    })
    .await;
    // The other process has said what is wrong, with its place.
    let log = scene.program.read("stderr");
    assert!(log.contains("plenty") && log.contains("gatepost.yaml"), "{log}");
    scene.order().await;
    assert!(scene.program.has_ended().is_none() && scene.program.id() == process);
    scene.program.rewrite(|file| file.replace("quota: plenty", "quota: 1000000/day"));
    scene.program.hand_over().await;
    scene.order().await;
    assert_ne!(scene.program.id(), process);
    let tally = load.end().await;
    assert!(tally.failed.is_empty(), "{:?}", tally.failed);
}

/// A request on a connection that stays open.
async fn ask(stream: &mut TcpStream) -> String {
    stream.write_all(b"GET /changes/0 HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"ok") {
        assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "it was closed");
    }
    String::from_utf8(answer).unwrap().to_ascii_lowercase()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_is_told_of_the_end_by_an_answer() {
    let mut scene = Scene::open().await;
    let address = scene.program.public.trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    assert!(!ask(&mut stream).await.contains("connection: close"));
    // A second one keeps the doors open for the grace.
    let mut other = TcpStream::connect(&address).await.unwrap();
    assert!(!ask(&mut other).await.contains("connection: close"));
    scene.program.signal("-TERM");
    let readiness = format!("{}/readyz", scene.program.admin);
    until("it is not ready any more", async || {
        let answer = crate::program::http().get(&readiness).send().await.ok()?;
        (answer.status() == 503).then_some(())
    })
    .await;
    assert!(ask(&mut stream).await.contains("connection: close"));
    assert_eq!(stream.read(&mut [0; 16]).await.unwrap(), 0, "it is closed");
    // Nobody asks on the other one: it is closed in order.
    assert_eq!(other.read(&mut [0; 16]).await.unwrap(), 0, "it is closed");
    assert!(scene.program.ended().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_connects_while_systemd_holds_the_sockets_waits_for_the_program() {
    let mut scene = Scene::open().await;
    let program = &mut scene.program;
    assert!(program.stop().success());
    let bind = |url: &str| TcpListener::bind(url.trim_start_matches("http://")).unwrap();
    let doors = [
        ("admin", bind(&program.admin)),
        ("public", bind(&program.public)),
        ("internal", bind(&program.internal)),
    ];
    let copies = |named: &[&'static str]| -> Vec<(&'static str, TcpListener)> {
        let doors = doors.iter().filter(|(name, _)| named.contains(name));
        doors.map(|(name, socket)| (*name, socket.try_clone().unwrap())).collect()
    };
    for _ in 0..2 {
        let address = program.public.trim_start_matches("http://");
        let mut early = TcpStream::connect(address).await.unwrap();
        early.write_all(b"GET /changes/0 HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        program.start_with(copies(&["admin", "public", "internal"])).await;
        let mut answer = [0; 15];
        early.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200 OK");
        drop(early);
        assert!(program.stop().success());
    }
    // They are handed on too, and a single socket without a name is the public door.
    let [admin, (_, public), internal] = doors;
    drop((admin, internal));
    program.start_with(vec![("", public)]).await;
    program.hand_over().await;
    assert_eq!(program.call("GET", "/changes/0", &[], "").await.status, 200);
}

/// Stands for systemd: takes everything at once, as systemd does.
struct Systemd {
    news: mpsc::Receiver<String>,
    /// How often it was told that the program is alive, which is no news.
    alive: Arc<AtomicUsize>,
}

impl Systemd {
    fn listen(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        let (tell, news) = mpsc::channel(100);
        let alive = Arc::new(AtomicUsize::new(0));
        let heard = Arc::clone(&alive);
        tokio::spawn(async move {
            let mut bytes = [0; 64];
            while let Ok(count) = socket.recv(&mut bytes).await {
                if bytes[..count] == *b"WATCHDOG=1" {
                    heard.fetch_add(1, Ordering::Relaxed);
                } else {
                    let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
                    tell.send(text).await.unwrap();
                }
            }
        });
        Self { news, alive }
    }

    async fn told(&mut self) -> String {
        let next = tokio::time::timeout(Duration::from_secs(20), self.news.recv()).await;
        next.expect("something is told").unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_is_told_what_the_program_does() {
    let mut scene = Scene::open().await;
    assert!(scene.program.stop().success());
    let path = scene.program.path("notify");
    let mut systemd = Systemd::listen(&path);
    scene.program.environment.push(("NOTIFY_SOCKET", path));
    scene.program.environment.push(("WATCHDOG_USEC", "100000".into()));
    scene.program.start_again().await;
    assert_eq!(systemd.told().await, "READY=1");
    until("it is told that the program is alive", async || {
        (systemd.alive.load(Ordering::Relaxed) > 1).then_some(())
    })
    .await;
    scene.program.signal("-HUP");
    assert_eq!(systemd.told().await, "RELOADING=1");
    assert_eq!(systemd.told().await, "READY=1");
    scene.program.hand_over().await;
    assert_eq!(systemd.told().await, "RELOADING=1");
    assert_eq!(systemd.told().await, format!("MAINPID={}", scene.program.id()));
    assert_eq!(systemd.told().await, "READY=1");
    scene.program.signal("-TERM");
    assert_eq!(systemd.told().await, "STOPPING=1");
    let id = scene.program.id();
    until("it has ended", async || is_gone(id).then_some(())).await;
}
