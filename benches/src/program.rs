//! The program under load: a release build of `gatepost serve` in a directory of its own.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::load;

/// How long a start may take, with whatever waits in the log.
const READY_WITHIN: Duration = Duration::from_mins(2);

pub(crate) struct Program {
    pub(crate) public: String,
    pub(crate) internal: String,
    admin: String,
    directory: tempfile::TempDir,
    child: Child,
}

impl Program {
    /// Starts with these definitions; gives how long it took to be ready.
    pub(crate) async fn start(definitions: &str) -> (Self, Duration) {
        let directory = tempfile::tempdir().unwrap();
        let held: Vec<_> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let address = |at: usize| held[at].local_addr().unwrap().to_string();
        let (public, internal, admin) = (address(0), address(1), address(2));
        drop(held);
        let file = format!(
            "version: 1
company: Bench
public_url: http://{public}
listen: {{ public: \"{public}\", internal: \"{internal}\", admin: \"{admin}\" }}
{definitions}"
        );
        std::fs::write(directory.path().join("gatepost.yaml"), file).unwrap();
        let began = Instant::now();
        let child = spawn(directory.path());
        let program = Self { public, internal, admin, directory, child };
        program.wait_ready().await;
        (program, began.elapsed())
    }

    /// Kills it and starts it again; gives how long it took to be ready.
    pub(crate) async fn kill_and_restart(&mut self) -> Duration {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let began = Instant::now();
        self.child = spawn(self.directory.path());
        self.wait_ready().await;
        began.elapsed()
    }

    async fn wait_ready(&self) {
        let ready = async {
            while !load::answers_well(&self.admin, "/readyz").await {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(READY_WITHIN, ready).await.expect("the program is ready in time");
    }

    /// Runs a command in the program's directory; gives what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(binary());
        let output = command.args(arguments).current_dir(self.directory.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub(crate) async fn token(&self, secret: &str) -> String {
        let body = format!("grant_type=client_credentials&client_id=bench&client_secret={secret}");
        let headers = "content-type: application/x-www-form-urlencoded\r\n";
        let request = load::request("POST", "/oauth2/token", headers, &body);
        let answer: Value =
            serde_json::from_str(&load::once(&self.public, &request).await).unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// CPU time used so far, user and system (`/proc/<pid>/stat`, in ticks of 10 ms).
    pub(crate) fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10)
    }

    /// Resident memory.
    pub(crate) fn memory_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn spawn(directory: &Path) -> Child {
    let null = || Stdio::from(std::fs::File::create("/dev/null").unwrap());
    Command::new(binary())
        .args(["serve", "--log", "json"])
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(null())
        .stderr(null())
        .spawn()
        .unwrap()
}

/// The release build beside this program.
fn binary() -> PathBuf {
    let binary = std::env::current_exe().unwrap().with_file_name("gatepost");
    assert!(binary.exists(), "build the program first: cargo build --release");
    binary
}

/// Standard base64, for one header.
pub(crate) fn base64(text: &str) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |three: &[u8]| {
        let bytes = [three[0], *three.get(1).unwrap_or(&0), *three.get(2).unwrap_or(&0)];
        let bits = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
        let sign = |at: usize| char::from(SIGNS[(bits >> (18 - 6 * at) & 63) as usize]);
        let signs = (0..4).map(|at| if at > three.len() { '=' } else { sign(at) });
        signs.collect::<String>()
    };
    text.as_bytes().chunks(3).map(group).collect()
}
