//! One real `gatepost serve` in a directory of its own.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use command_fds::{CommandFdExt as _, FdMapping};
use serde_json::Value;
use testkit::until;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_gatepost");

/// A running program; killed when dropped.
pub(crate) struct Program {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) public: String,
    pub(crate) internal: String,
    pub(crate) admin: String,
    /// What its next starts are given besides the test's own environment.
    pub(crate) environment: Vec<(&'static str, PathBuf)>,
    child: Child,
    /// The process that took over from the child, and from which the test has no handle.
    follower: Option<u32>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl Program {
    /// Starts on free ports; `definitions` is what follows the server settings in the file.
    pub(crate) async fn start(definitions: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let ports = free_ports();
        let address = |port: u16| format!("127.0.0.1:{port}");
        let head = format!(
            "version: 1\ncompany: Test\npublic_url: http://{0}\nlisten: {{ public: \"{0}\", internal: \"{1}\", admin: \"{2}\" }}\n",
            address(ports[0]),
            address(ports[1]),
            address(ports[2])
        );
        std::fs::write(directory.path().join("gatepost.yaml"), head + definitions).unwrap();
        let child = spawn(directory.path(), &[]);
        let url = |port| format!("http://{}", address(port));
        let mut program = Self {
            public: url(ports[0]),
            internal: url(ports[1]),
            admin: url(ports[2]),
            directory,
            environment: Vec::new(),
            child,
            follower: None,
        };
        program.wait_ready().await;
        program
    }

    pub(crate) async fn wait_ready(&mut self) {
        let url = format!("{}/readyz", self.admin);
        until("the program is ready", async || {
            if let Some(status) = self.has_ended() {
                panic!("it ended with {status}: {}", self.read("stderr"));
            }
            let answer = http().get(&url).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// The definitions' part of the file, replaced; takes effect at a reload.
    pub(crate) fn rewrite(&self, change: impl FnOnce(String) -> String) {
        let path = self.path("gatepost.yaml");
        std::fs::write(&path, change(std::fs::read_to_string(&path).unwrap())).unwrap();
    }

    /// Runs another command of the program in the same directory.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).current_dir(self.directory.path()).output().unwrap()
    }

    /// The same with a text on its standard input.
    pub(crate) fn input(&self, arguments: &[&str], text: &str) -> Output {
        let mut child = Command::new(PROGRAM)
            .args(arguments)
            .current_dir(self.directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// Runs a command that must succeed; gives what it printed.
    pub(crate) fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout).trim_end().to_owned()
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// The process that serves, as far as the test has followed.
    pub(crate) fn id(&self) -> u32 {
        self.follower.unwrap_or(self.child.id())
    }

    /// Has the program started anew with the open sockets; waits until that process serves. The one
    /// before may still have requests under way: its id is the answer.
    pub(crate) async fn take_over(&mut self) -> u32 {
        let before = self.id();
        let served = self.said("serving").len();
        self.signal("-USR2");
        until("another process serves", async || {
            (self.said("serving").len() > served).then_some(())
        })
        .await;
        let pid = self.said("another process takes over").pop().unwrap()["pid"].as_u64().unwrap();
        self.follower = Some(u32::try_from(pid).unwrap());
        before
    }

    /// The same, and waits for the end of the one before.
    pub(crate) async fn hand_over(&mut self) {
        let before = self.take_over().await;
        until("the process before has ended", async || is_gone(before).then_some(())).await;
    }

    /// What it said of its own to standard error, with a message.
    pub(crate) fn said(&self, message: &str) -> Vec<Value> {
        let log = self.read("stderr");
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["message"] == message).collect()
    }

    /// Kills it as a power cut would, and starts it again.
    pub(crate) async fn kill_and_restart(&mut self) {
        self.kill();
        self.start_again().await;
    }

    /// Kills it as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again after it has ended.
    pub(crate) async fn start_again(&mut self) {
        self.launch();
        self.wait_ready().await;
    }

    /// Begins to start it again, without waiting for anything.
    pub(crate) fn launch(&mut self) {
        self.child = spawn(self.directory.path(), &self.environment);
        self.follower = None;
    }

    /// Starts it again as systemd does that has its sockets; an empty name is none.
    pub(crate) async fn start_with(&mut self, sockets: Vec<(&str, TcpListener)>) {
        let mut command = command(self.directory.path(), &self.environment);
        let names: Vec<&str> = sockets.iter().map(|(name, _)| *name).collect();
        command.env("LISTEN_FDS", names.len().to_string());
        if names != [""] {
            command.env("LISTEN_FDNAMES", names.join(":"));
        }
        let mapping = |(child_fd, (_, socket)): (i32, (&str, TcpListener))| FdMapping {
            parent_fd: socket.into(),
            child_fd,
        };
        command.fd_mappings((3..).zip(sockets).map(mapping).collect()).unwrap();
        self.child = command.spawn().unwrap();
        self.follower = None;
        drop(command);
        self.wait_ready().await;
    }

    /// The exit status, if it has ended.
    pub(crate) fn has_ended(&mut self) -> Option<std::process::ExitStatus> {
        if self.follower.is_some() { None } else { self.child.try_wait().unwrap() }
    }

    /// A number in KiB out of `/proc`: `VmRSS` is its resident memory, `VmHWM` the most it had.
    pub(crate) fn memory_kib(&self, name: &str) -> u64 {
        let status = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// How much of the processor it has used, in ticks: hundredths of a second.
    pub(crate) fn cpu_ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // proc(5): the name, in brackets, may have spaces; utime and stime are 12th and 13th behind.
        let (_, behind) = stat.rsplit_once(')').unwrap();
        let fields: Vec<_> = behind.split_whitespace().collect();
        fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    }

    /// Stops it orderly; gives the exit status.
    pub(crate) fn stop(&mut self) -> std::process::ExitStatus {
        self.signal("-TERM");
        self.child.wait().unwrap()
    }

    /// Waits for the end that a signal has begun; gives the exit status.
    pub(crate) fn ended(&mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }

    /// A request whose path no client library tidies.
    pub(crate) fn call_raw(&self, method: &str, path: &str) -> Answer {
        use std::io::{Read as _, Write as _};
        let address = self.public.trim_start_matches("http://");
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let request =
            format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.parse::<reqwest::header::HeaderName>().unwrap(), value.parse().unwrap())
        };
        Answer { status, headers: lines.map(header).collect(), body: body.to_owned() }
    }

    /// The log's lines of a kind.
    pub(crate) fn lines(&self, kind: &str) -> Vec<Value> {
        let log = self.read("stdout");
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["kind"] == kind).collect()
    }

    /// A token for a client with a freshly minted secret.
    pub(crate) async fn token(&self, client: &str, secret: &str, scope: &str) -> String {
        let answer = http()
            .post(format!("{}/oauth2/token", self.public))
            .basic_auth(client, Some(secret))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("grant_type=client_credentials&scope={}", scope.replace('/', "%2F")))
            .send()
            .await
            .unwrap();
        let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        body["access_token"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned()
    }

    /// A request at the public door.
    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let method = method.parse().unwrap();
        let mut request = http().request(method, format!("{}{path}", self.public));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.body(body.to_owned()).send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Answer { status, headers, body: answer.text().await.unwrap() }
    }

    /// Asks the admin door.
    pub(crate) async fn admin_get(&self, path: &str) -> Value {
        let token = self.read("data/admin-token");
        let url = format!("{}/admin/v1/{path}", self.admin);
        let answer = http().get(url).bearer_auth(token.trim()).send().await.unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default()
    }

    /// Publishes entries at the internal door.
    pub(crate) async fn publish(&self, bus: &str, body: &Value) -> (u16, Value) {
        let answer = http()
            .post(format!("{}/events/{bus}", self.internal))
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
    }

    /// Publishes one entry to `orders`; none when the program goes before it answers.
    pub(crate) async fn publish_or_nothing(&self, entry: &Value) -> Option<u16> {
        let request = http()
            .post(format!("{}/events/orders", self.internal))
            .header("content-type", "application/json");
        Some(request.body(entry.to_string()).send().await.ok()?.status().as_u16())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(follower) = self.follower.filter(|follower| !is_gone(*follower)) {
            drop(Command::new("kill").args(["-KILL", &follower.to_string()]).status());
        }
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            eprintln!("{}\n{}", tail(&self.read("stderr")), tail(&self.read("stdout")));
        }
    }
}

/// The end of a text, of which a long test leaves very much.
fn tail(text: &str) -> &str {
    const SHOWN: usize = 64 * 1024;
    let from = text.ceil_char_boundary(text.len().saturating_sub(SHOWN));
    &text[from..]
}

/// Three neighbouring free ports, below those that the system gives to outgoing connections: between
/// looking and listening nobody takes them by chance.
fn free_ports() -> [u16; 3] {
    loop {
        let mut random = [0; 2];
        getrandom::fill(&mut random).unwrap();
        let first = 10_000 + u16::from_le_bytes(random) % 20_000;
        let ports = [first, first + 1, first + 2];
        if ports.iter().all(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()) {
            return ports;
        }
    }
}

/// Whether a process has ended, also where nobody has asked how yet.
pub(crate) fn is_gone(id: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat"));
    stat.map_or(true, |stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z')))
}

fn spawn(directory: &Path, environment: &[(&'static str, PathBuf)]) -> Child {
    command(directory, environment).spawn().unwrap()
}

fn command(directory: &Path, environment: &[(&'static str, PathBuf)]) -> Command {
    let file = |name: &str| {
        let mut options = std::fs::OpenOptions::new();
        options.create(true).append(true).open(directory.join(name)).unwrap()
    };
    let mut command = Command::new(PROGRAM);
    command
        .args(["serve", "--log", "json"])
        .current_dir(directory)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(file("stdout"))
        .stderr(file("stderr"));
    command
}

pub(crate) fn http() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(std::time::Duration::from_secs(30))
        .build()
        .unwrap()
}
