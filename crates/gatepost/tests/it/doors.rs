//! The public door: TLS and its change while it is open, client certificates, and the word of the
//! proxies and balancers before it.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, HandshakeKind};
use testkit::{Receiver, Reply, until, until_within};
use tokio::io::AsyncWriteExt as _;

use crate::authority::{Authority, Leaf};
use crate::client::{ELSEWHERE, HERE, Line, code, connect, door_of, raw, shake};
use crate::program::{Program, http};

/// What the door's TLS is made of.
struct Files {
    directory: tempfile::TempDir,
    authority: Authority,
}

impl Files {
    /// A certificate of an authority of our own; gives it too.
    fn new() -> (Self, Leaf) {
        let (directory, authority) = (tempfile::tempdir().unwrap(), Authority::new("the company"));
        let files = Self { directory, authority };
        let leaf = files.authority.leaf("the door");
        files.put(&leaf);
        files.write("ca.pem", &files.authority.pem);
        (files, leaf)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn put(&self, leaf: &Leaf) {
        self.write("door.key", &leaf.key);
        self.write("door.pem", &leaf.certificate);
    }

    /// The section of the configuration.
    fn section(&self) -> String {
        let (certificate, key) = (self.path("door.pem"), self.path("door.key"));
        let (certificate, key) = (certificate.display(), key.display());
        format!("tls: {{ certificate: {certificate}, key: {{ file: {key} }} }}\n")
    }

    /// The same with authorities of client certificates.
    fn section_with_clients(&self, clients: &Authority) -> String {
        self.write("clients.pem", &clients.pem);
        let file = self.path("clients.pem");
        self.section().replace(" } }\n", &format!(" }}, client_ca: {} }}\n", file.display()))
    }
}

/// An API that anybody may call, and one that takes calls from 203.0.113.0/24 alone.
fn apis(upstream: &Receiver) -> String {
    let url = upstream.url();
    format!(
        "
apis:
  open: {{ base_path: /open, upstream: {url}, routes: {{ GET /a: {{}} }} }}
  far:
    base_path: /far
    upstream: {url}
    allow_ips: [203.0.113.0/24]
    routes: {{ GET /a: {{}} }}
"
    )
}

async fn upstream() -> Receiver {
    Receiver::start(|_, _| Reply::status(200).body("ok")).await
}

/// The certificate that the door shows to a new caller.
async fn shown(program: &Program, files: &Files) -> Vec<u8> {
    // A new configuration remembers no session, so that the door has to show it.
    let config = files.authority.trusted(None, &[]);
    let stream = shake(connect(program, HERE).await, &config).await.unwrap();
    let (_, state) = stream.get_ref();
    state.peer_certificates().unwrap().first().unwrap().to_vec()
}

/// What `curl` prints, and with which status it ends.
async fn curl(program: &Program, arguments: &[&str]) -> (String, Option<i32>) {
    let mut command = tokio::process::Command::new("curl");
    command.args(["--silent", "--max-time", "20", "--noproxy", "*"]);
    command.args(["--write-out", " %{http_version} %{http_code}"]);
    command.args(arguments).arg(format!("https://{}/open/a", door_of(program)));
    let output = command.output().await.expect("`curl` is installed");
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code())
}

#[tokio::test]
async fn the_door_speaks_both_versions_of_http_over_tls() {
    let ((files, _), upstream) = (Files::new(), upstream().await);
    let program = Program::start(&(files.section() + &apis(&upstream))).await;
    for (offered, via) in [
        (&["h2", "http/1.1"][..], "2.0 gatepost"),
        (&["http/1.1", "h2"], "2.0 gatepost"),
        (&["http/1.1"], "1.1 gatepost"),
        (&[], "1.1 gatepost"),
    ] {
        let config = files.authority.trusted(None, offered);
        let mut line = Line::with_tls(&program, &config).await;
        for _ in 0..2 {
            let answer = line.call("GET", "/open/a", &[]).await;
            assert_eq!((answer.status, &*answer.body), (200, "ok"), "{offered:?}");
        }
        let got = upstream.got().pop().unwrap();
        for (name, value) in [
            ("via", via),
            ("forwarded", "for=127.0.0.1;proto=https"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "gate.example"),
        ] {
            assert_eq!(got.header(name), value, "{offered:?}: {name}");
        }
    }
    // Who speaks plain HTTP gets no answer in HTTP.
    assert!(http().get(format!("{}/open/a", program.public)).send().await.is_err());
}

#[tokio::test]
async fn curl_agrees_on_both_versions_and_on_whom_to_trust() {
    let ((files, _), upstream) = (Files::new(), upstream().await);
    let program = Program::start(&(files.section() + &apis(&upstream))).await;
    let authority = files.path("ca.pem").display().to_string();
    for (flag, printed) in [("--http1.1", "ok 1.1 200"), ("--http2", "ok 2 200")] {
        let answer = curl(&program, &["--cacert", &authority, flag]).await;
        assert_eq!(answer, (printed.to_owned(), Some(0)), "{flag}");
    }
    // 60: the certificate is of nobody it knows.
    assert_eq!(curl(&program, &[]).await.1, Some(60));
    assert_eq!(upstream.got().len(), 2);
}

#[tokio::test]
async fn a_replaced_certificate_is_shown_to_new_callers_and_open_connections_go_on() {
    let ((files, first), upstream) = (Files::new(), upstream().await);
    let program = Program::start(&(files.section() + &apis(&upstream))).await;
    let mut open = Vec::new();
    for offered in [&["http/1.1"][..], &["h2"]] {
        let config = files.authority.trusted(None, offered);
        open.push(Line::with_tls(&program, &config).await);
    }
    assert_eq!(shown(&program, &files).await, first.der().to_vec());
    let second = files.authority.leaf("the door, renewed");
    files.put(&second);
    until_within(Duration::from_secs(8), "the other certificate is shown", async || {
        (shown(&program, &files).await == second.der().to_vec()).then_some(())
    })
    .await;
    for line in &mut open {
        assert_eq!(line.call("GET", "/open/a", &[]).await.status, 200);
    }
    assert!(program.read("stderr").contains("the public door has another certificate"));
}

#[tokio::test]
async fn a_half_written_certificate_changes_nothing_and_is_told_of() {
    let ((files, first), upstream) = (Files::new(), upstream().await);
    let program = Program::start(&(files.section() + &apis(&upstream))).await;
    let second = files.authority.leaf("the door, renewed");
    let told = async |reason: &str| {
        until("the log tells of it", async || {
            let log = program.read("stderr");
            (log.contains("keeps its certificate") && log.contains(reason)).then_some(())
        })
        .await;
        assert_eq!(shown(&program, &files).await, first.der().to_vec(), "{reason}");
    };
    files.write("door.pem", &second.certificate[..second.certificate.len() / 2]);
    told("`tls.certificate` holds no certificate that can be read").await;
    files.write("door.pem", &second.certificate);
    told("`tls.key` is not the key of `tls.certificate`").await;
    files.write("door.key", "nothing of the kind\n");
    told("`tls.key` holds no private key that can be read").await;
    files.write("door.key", &second.key);
    until("the other certificate is shown", async || {
        (shown(&program, &files).await == second.der().to_vec()).then_some(())
    })
    .await;
    // No line of a key is.
    let log = program.read("stderr");
    let mut of_key = second.key.lines().filter(|line| !line.starts_with("---") && line.len() > 20);
    assert!(of_key.all(|line| !log.contains(line)), "a key is in the log");
}

/// APIs and partners that demand client certificates.
fn certified(upstream: &Receiver, cars: &Leaf, bikes: &Leaf) -> String {
    let (url, cars, bikes) = (upstream.url(), cars.fingerprint(), bikes.fingerprint());
    format!(
        "
apis:
  open: {{ base_path: /open, upstream: {url}, routes: {{ GET /a: {{}} }} }}
  shut:
    base_path: /shut
    upstream: {url}
    client_certificate: required
    routes: {{ GET /a: {{}} }}
  keyed: {{ base_path: /keyed, upstream: {url}, routes: {{ GET /a: {{ api_key: required }} }} }}
plans: {{ wide: {{ rate: 1000/s }} }}
partners:
  cars: {{ plan: wide, certificates: [\"{cars}\"], api_keys: {{ cars: {{}} }} }}
  bikes: {{ plan: wide, certificates: [\"{bikes}\"], api_keys: {{ bikes: {{}} }} }}
  walkers: {{ plan: wide, api_keys: {{ walkers: {{}} }} }}
"
    )
}

/// Whether a caller is let in by nothing that TLS says. In TLS 1.3 it only sees that when it reads.
async fn is_turned_away(program: &Program, config: &Arc<ClientConfig>) -> bool {
    let Ok(stream) = shake(connect(program, HERE).await, config).await else { return true };
    let Ok(mut line) = Line::over_tls(stream).await else { return true };
    line.try_call("GET", "/open/a", &[]).await.is_err()
}

#[tokio::test]
async fn a_client_certificate_is_the_partners_own_or_the_call_is_refused() {
    let ((files, _), upstream) = (Files::new(), upstream().await);
    let partners = Authority::new("the partners");
    let (cars, bikes) = (partners.leaf("cars"), partners.leaf("bikes"));
    let definitions = files.section_with_clients(&partners) + &certified(&upstream, &cars, &bikes);
    let program = Program::start(&definitions).await;
    let key = |name: &str| program.done(&["key", "value", name]);
    let (key_of_cars, key_of_bikes, key_of_walkers) = (key("cars"), key("bikes"), key("walkers"));
    let (missing, refused) = ((403, "certificate-missing"), (403, "certificate-refused"));
    for (path, key, shown, expected) in [
        ("/open/a", "", None, (200, "")),
        ("/open/a", "", Some(&cars), (200, "")),
        ("/shut/a", "", None, missing),
        ("/shut/a", "", Some(&cars), (200, "")),
        ("/shut/a", "", Some(&bikes), (200, "")),
        ("/keyed/a", &key_of_cars, None, missing),
        ("/keyed/a", &key_of_cars, Some(&bikes), refused),
        ("/keyed/a", &key_of_cars, Some(&cars), (200, "")),
        ("/keyed/a", &key_of_bikes, Some(&cars), refused),
        ("/keyed/a", &key_of_bikes, Some(&bikes), (200, "")),
        // Who has no list of certificates calls with any or none.
        ("/keyed/a", &key_of_walkers, None, (200, "")),
        ("/keyed/a", &key_of_walkers, Some(&cars), (200, "")),
    ] {
        for offered in ["h2", "http/1.1"] {
            let config = files.authority.trusted(shown, &[offered]);
            let mut line = Line::with_tls(&program, &config).await;
            let answer = line.call("GET", path, &[("x-api-key", key)]).await;
            let row = format!("{path} {} {offered}", shown.is_some());
            assert_eq!((answer.status, &*code(&answer)), expected, "{row}: {}", answer.body);
        }
    }
    let lines = until("the log has them all", async || {
        let lines = program.lines("request").into_iter();
        let lines: Vec<_> = lines.filter(|line| line["partner"] == "walkers").collect();
        (lines.len() == 4).then_some(lines)
    })
    .await;
    // A certificate that nobody asks for is no check.
    let passed = serde_json::json!(["route", "key", "partner", "rate"]);
    assert!(lines.iter().all(|line| line["passed"] == passed), "{lines:?}");
    // An authority nobody named lets nobody in, not even where no certificate is needed.
    let stranger = Authority::new("somebody else").leaf("cars");
    let before = upstream.got().len();
    for offered in [&["h2"][..], &["http/1.1"]] {
        let config = files.authority.trusted(Some(&stranger), offered);
        assert!(is_turned_away(&program, &config).await, "{offered:?}");
    }
    assert_eq!(upstream.got().len(), before);
}

#[tokio::test]
async fn a_session_is_resumed_and_stays_that_of_its_certificate() {
    let ((files, _), upstream) = (Files::new(), upstream().await);
    let partners = Authority::new("the partners");
    let (cars, bikes) = (partners.leaf("cars"), partners.leaf("bikes"));
    let definitions = files.section_with_clients(&partners) + &certified(&upstream, &cars, &bikes);
    let program = Program::start(&definitions).await;
    let key_of_cars = program.done(&["key", "value", "cars"]);
    let key_of_bikes = program.done(&["key", "value", "bikes"]);
    let mut configs = Vec::new();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = files.authority.trusted_in(&[version], Some(&cars), &[]);
        for resumed in [false, true, true] {
            let stream = shake(connect(&program, HERE).await, &config).await.unwrap();
            let kind = stream.get_ref().1.handshake_kind().unwrap();
            assert_eq!(kind == HandshakeKind::Resumed, resumed, "{version:?}: {kind:?}");
            let mut line = Line::over_tls(stream).await.unwrap();
            let answer = line.call("GET", "/keyed/a", &[("x-api-key", &key_of_cars)]).await;
            assert_eq!(answer.status, 200, "{version:?} {kind:?}: {}", answer.body);
            let answer = line.call("GET", "/keyed/a", &[("x-api-key", &key_of_bikes)]).await;
            assert_eq!(code(&answer), "certificate-refused", "{version:?} {kind:?}");
        }
        configs.push(config);
    }
    // Who was let in by an authority that is no longer named is not let in by its session either.
    let others = Authority::new("other partners");
    files.write("clients.pem", &others.pem);
    let config = files.authority.trusted(Some(&others.leaf("vans")), &[]);
    until("the other authority is in force", async || {
        (!is_turned_away(&program, &config).await).then_some(())
    })
    .await;
    for config in &configs {
        assert!(is_turned_away(&program, config).await);
    }
}

#[tokio::test]
async fn sessions_outlive_a_change_of_the_certificate() {
    let ((files, _), upstream) = (Files::new(), upstream().await);
    let program = Program::start(&(files.section() + &apis(&upstream))).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = files.authority.trusted_in(&[version], None, &[]);
        let mut line = Line::with_tls(&program, &config).await;
        assert_eq!(line.call("GET", "/open/a", &[]).await.status, 200);
        let other = files.authority.leaf("the door, renewed");
        files.put(&other);
        until("the other certificate is shown", async || {
            (shown(&program, &files).await == other.der().to_vec()).then_some(())
        })
        .await;
        let stream = shake(connect(&program, HERE).await, &config).await.unwrap();
        let kind = stream.get_ref().1.handshake_kind();
        assert_eq!(kind, Some(HandshakeKind::Resumed), "{version:?}");
    }
}

/// The PROXY protocol's header, version 1 (HAProxy's specification, §2.1).
fn v1(source: &str) -> Vec<u8> {
    format!("PROXY TCP4 {source} 127.0.0.1 4711 443\r\n").into_bytes()
}

/// The same, version 2 (§2.2), with a field of the kind that balancers add.
fn v2(source: Ipv4Addr) -> Vec<u8> {
    let head = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x10";
    let rest = [127, 0, 0, 1, 0x12, 0x67, 0x01, 0xbb, 0x04, 0, 1, 0];
    [&head[..], &source.octets()[..], &rest[..]].concat()
}

/// What comes back for a request behind such bytes: the status and the code.
async fn behind(
    program: &Program,
    from: Ipv4Addr,
    (first, path): (&[u8], &str),
) -> Option<(u16, String)> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let answer = raw(program, from, &[first, request.as_bytes()].concat()).await;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    let problem: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let kind = problem["type"].as_str().unwrap_or_default();
    Some((status, kind.trim_start_matches("urn:gatepost:problem:").to_owned()))
}

#[tokio::test]
async fn a_balancers_proxy_header_says_who_calls() {
    let upstream = upstream().await;
    let proxies = "proxies: { trust: [127.0.0.1/32], proxy_protocol: true }\n";
    let program = Program::start(&(proxies.to_owned() + &apis(&upstream))).await;
    let (near, far) = (Ipv4Addr::new(203, 0, 113, 7), Ipv4Addr::new(198, 51, 100, 1));
    let passes = || Some((200, String::new()));
    let refused = || Some((403, "address-refused".to_owned()));
    for (first, expected, address) in [
        (v1("203.0.113.7"), passes(), "203.0.113.7"),
        (v1("198.51.100.1"), refused(), "198.51.100.1"),
        (v2(near), passes(), "203.0.113.7"),
        (v2(far), refused(), "198.51.100.1"),
        // The balancer's own connection, and one whose source it does not know.
        (b"PROXY UNKNOWN\r\n".to_vec(), refused(), "127.0.0.1"),
        (b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0".to_vec(), refused(), "127.0.0.1"),
    ] {
        let before = program.lines("request").len();
        let answer = behind(&program, HERE, (&first, "/far/a")).await;
        assert_eq!(answer, expected, "{}", String::from_utf8_lossy(&first));
        let line =
            until("the log has it", async || program.lines("request").into_iter().nth(before))
                .await;
        assert_eq!(line["address"], address);
    }
    assert_eq!(upstream.got().pop().unwrap().header("forwarded"), "for=203.0.113.7;proto=http");
    let before = program.lines("request").len();
    // A balancer's connection that does not begin with a header is closed without an answer.
    for first in [&b""[..], b"PROXY TCP4 203.0.113.7\r\n", b"PROXY TCP4 ::1 ::1 1 2\r\n"] {
        assert_eq!(behind(&program, HERE, (first, "/open/a")).await, None);
    }
    // Nobody else's header is taken: it is no HTTP, and gives no address.
    for first in [v1("203.0.113.7"), v2(near)] {
        let answer = behind(&program, ELSEWHERE, (&first, "/far/a")).await;
        assert!(answer.is_none_or(|(status, _)| status == 400));
    }
    assert_eq!(behind(&program, ELSEWHERE, (b"", "/open/a")).await, passes());
    assert_eq!(behind(&program, ELSEWHERE, (b"", "/far/a")).await, refused());
    let lines = until("the log has both", async || {
        let lines = program.lines("request").split_off(before);
        (lines.len() == 2).then_some(lines)
    })
    .await;
    assert!(lines.iter().all(|line| line["address"] == "127.0.0.2"), "{lines:?}");
}

#[tokio::test]
async fn behind_a_balancer_that_passes_connections_on_no_caller_is_believed() {
    let upstream = upstream().await;
    let proxies = "proxies: { trust: [127.0.0.1/32], proxy_protocol: true }\n";
    let program = Program::start(&(proxies.to_owned() + &apis(&upstream))).await;
    let head = "GET /far/a HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
    let claim = "x-forwarded-for: 203.0.113.7\r\n\r\n";
    // Also not where the balancer does not say whose connection it is.
    for first in [&v1("198.51.100.1"), &b"PROXY UNKNOWN\r\n".to_vec()] {
        let request = [first.as_slice(), head.as_bytes(), claim.as_bytes()].concat();
        let answer = raw(&program, HERE, &request).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{}{answer}", String::from_utf8_lossy(first));
    }
    assert!(upstream.got().is_empty());
}

#[tokio::test]
async fn a_proxy_header_comes_before_tls() {
    let ((files, _), upstream) = (Files::new(), upstream().await);
    let proxies = "proxies: { trust: [127.0.0.1/32], proxy_protocol: true }\n";
    let program = Program::start(&(files.section() + proxies + &apis(&upstream))).await;
    for offered in ["h2", "http/1.1"] {
        let (near, far) = (Ipv4Addr::new(203, 0, 113, 7), Ipv4Addr::new(198, 51, 100, 1));
        for (source, status) in [(near, 200), (far, 403)] {
            let mut stream = connect(&program, HERE).await;
            stream.write_all(&v2(source)).await.unwrap();
            let config = files.authority.trusted(None, &[offered]);
            let stream = shake(stream, &config).await.unwrap();
            let mut line = Line::over_tls(stream).await.unwrap();
            assert_eq!(line.call("GET", "/far/a", &[]).await.status, status, "{offered}");
        }
    }
}

/// Asks for what takes calls from 203.0.113.0/24 alone; gives whom the gateway took the caller for.
async fn taken_for(program: &Program, from: Ipv4Addr, headers: &[(&str, &str)]) -> String {
    let before = program.lines("request").len();
    let mut line = Line::plain(connect(program, from).await).await;
    let answer = line.call("GET", "/far/a", headers).await;
    let told = until("the log has it", async || program.lines("request").into_iter().nth(before));
    let address = told.await["address"].as_str().unwrap().to_owned();
    let is_near = address.starts_with("203.0.113.");
    assert_eq!(answer.status, if is_near { 200 } else { 403 }, "{headers:?}");
    address
}

#[tokio::test]
async fn only_a_trusted_proxy_is_believed_and_only_on_whom_it_saw() {
    let upstream = upstream().await;
    let proxies = "proxies: { trust: [127.0.0.1/32, 10.0.0.0/8] }\n";
    let program = Program::start(&(proxies.to_owned() + &apis(&upstream))).await;
    for (value, address) in [
        ("203.0.113.7", "203.0.113.7"),
        // What stands further left was written by the caller.
        ("203.0.113.7, 198.51.100.1", "198.51.100.1"),
        ("198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("203.0.113.7, 198.51.100.1, 10.1.2.3", "198.51.100.1"),
        ("198.51.100.1,203.0.113.7:4711 , 10.1.2.3, 10.3.2.1", "203.0.113.7"),
        // What cannot be read ends the search.
        ("203.0.113.7, unknown", "127.0.0.1"),
        ("203.0.113.7, unknown, 10.1.2.3", "10.1.2.3"),
        ("", "127.0.0.1"),
    ] {
        let headers = [("x-forwarded-for", value)];
        assert_eq!(taken_for(&program, HERE, &headers).await, address, "{value}");
    }
    // Two fields are one list, and the other header is not read.
    let headers = [("x-forwarded-for", "203.0.113.7"), ("x-forwarded-for", "198.51.100.1")];
    assert_eq!(taken_for(&program, HERE, &headers).await, "198.51.100.1");
    assert_eq!(taken_for(&program, HERE, &[("forwarded", "for=203.0.113.7")]).await, "127.0.0.1");
    for headers in [[("x-forwarded-for", "203.0.113.7")], [("forwarded", "for=203.0.113.7")]] {
        assert_eq!(taken_for(&program, ELSEWHERE, &headers).await, "127.0.0.2");
    }
    let got = upstream.got().pop().unwrap();
    assert_eq!(got.header("x-forwarded-for"), "203.0.113.7", "what it was judged by");
    assert_eq!(got.header("forwarded"), "for=203.0.113.7;proto=http");
}

#[tokio::test]
async fn forwarded_is_read_where_the_file_says_that_proxies_set_it() {
    let upstream = upstream().await;
    let proxies = "proxies: { trust: [127.0.0.1/32], header: forwarded }\n";
    let program = Program::start(&(proxies.to_owned() + &apis(&upstream))).await;
    for (value, address) in [
        ("for=203.0.113.7;proto=https", "203.0.113.7"),
        ("for=203.0.113.7, for=198.51.100.1", "198.51.100.1"),
        (r#"for=198.51.100.1, For="203.0.113.7:4711";by=_us"#, "203.0.113.7"),
        ("for=203.0.113.7, for=_hidden", "127.0.0.1"),
    ] {
        assert_eq!(taken_for(&program, HERE, &[("forwarded", value)]).await, address, "{value}");
    }
    let headers = [("x-forwarded-for", "203.0.113.7")];
    assert_eq!(taken_for(&program, HERE, &headers).await, "127.0.0.1");
    let headers = [("forwarded", "for=203.0.113.7")];
    assert_eq!(taken_for(&program, ELSEWHERE, &headers).await, "127.0.0.2");
}

#[tokio::test]
async fn a_handshake_that_fails_is_counted_and_a_line_has_the_version_of_tls() {
    let ((files, _), upstream) = (Files::new(), upstream().await);
    let log = "log: { fields: [tls, http_version] }\n";
    let program = Program::start(&(files.section() + log + &apis(&upstream))).await;
    let ca = files.path("ca.pem");
    let (said, status) = curl(&program, &["--cacert", &ca.display().to_string()]).await;
    assert_eq!(status, Some(0), "{said}");
    let line = until("the line is written", async || program.lines("request").pop()).await;
    assert_eq!((&line["tls"], &line["http_version"]), (&"1.3".into(), &"2".into()));
    let address = program.public.trim_start_matches("http://");
    let mut plain = tokio::net::TcpStream::connect(address).await.unwrap();
    plain.write_all(b"GET /open/a HTTP/1.1\r\n\r\n").await.unwrap();
    until("it is counted", async || {
        let url = format!("{}/metrics", program.admin);
        let text = http().get(url).send().await.ok()?.text().await.ok()?;
        let counted = "gatepost_tls_handshakes_failed_total{door=\"public\"} 1\n";
        text.contains(counted).then_some(())
    })
    .await;
}
