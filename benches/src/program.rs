//! The program under load: a release build of `gatepost serve` in a directory of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{load, process};

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
        Self::start_with(definitions, &[]).await
    }

    /// The same with more files of the configuration.
    pub(crate) async fn start_with(definitions: &str, more: &[String]) -> (Self, Duration) {
        let directory = tempfile::tempdir().unwrap();
        let (public, internal, admin) =
            (process::free_address(), process::free_address(), process::free_address());
        let file = format!(
            "version: 1
company: Bench
public_url: http://{public}
listen: {{ public: \"{public}\", internal: \"{internal}\", admin: \"{admin}\" }}
{definitions}"
        );
        std::fs::write(directory.path().join("gatepost.yaml"), file).unwrap();
        for (number, text) in more.iter().enumerate() {
            std::fs::write(directory.path().join(format!("more-{number}.yaml")), text).unwrap();
        }
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
        self.again().await
    }

    /// Ends it in good order; everything it knows stays in its directory.
    pub(crate) fn stop(&mut self) {
        process::end(&mut self.child);
    }

    /// Starts it again after it was stopped; gives how long it took to be ready.
    pub(crate) async fn again(&mut self) -> Duration {
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
        let output = command(self.directory.path()).args(arguments).output().unwrap();
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

    /// Its data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// CPU time used so far, user and system.
    pub(crate) fn cpu(&self) -> Duration {
        process::cpu(&[self.child.id()])
    }

    /// Resident memory.
    pub(crate) fn memory_mib(&self) -> f64 {
        process::memory_mib(&[self.child.id()])
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
    command(directory)
        .args(["serve", "--log", "json"])
        .stdin(Stdio::null())
        .stdout(null())
        .stderr(null())
        .spawn()
        .unwrap()
}

/// A command in a program's directory, all of whose files are its configuration.
fn command(directory: &Path) -> Command {
    let mut command = Command::new(binary());
    command.current_dir(directory).env("GATEPOST_CONFIG", ".");
    command
}

/// The release build beside this program.
fn binary() -> PathBuf {
    let binary = std::env::current_exe().unwrap().with_file_name("gatepost");
    assert!(binary.exists(), "build the program first: cargo xtask release");
    binary
}
