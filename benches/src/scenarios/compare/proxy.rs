//! The other proxies: found on this machine, started in the foreground with a configuration from
//! `benches/gateway/`, ended in good order.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{load, process};

/// How long one may take until it answers.
const READY_WITHIN: Duration = Duration::from_secs(10);
/// HAProxy takes no more threads than this.
const CORES_MAX: usize = 64;

/// One of them with its configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Template {
    Nginx,
    HaproxyPlain,
    HaproxyChecks,
    HaproxyRemembered,
}

impl Template {
    fn text(self) -> &'static str {
        match self {
            Self::Nginx => include_str!("../../../gateway/nginx.conf.in"),
            Self::HaproxyPlain => include_str!("../../../gateway/haproxy-plain.cfg.in"),
            Self::HaproxyChecks => include_str!("../../../gateway/haproxy-checks.cfg.in"),
            Self::HaproxyRemembered => include_str!("../../../gateway/haproxy-remembered.cfg.in"),
        }
    }

    fn program(self) -> &'static str {
        if self == Self::Nginx { "nginx" } else { "haproxy" }
    }

    fn arguments(self, directory: &Path, file: &Path) -> Vec<String> {
        let (directory, file) = (directory.display().to_string(), file.display().to_string());
        if self == Self::Nginx {
            ["-e", "stderr", "-p", &directory, "-c", &file].map(str::to_owned).to_vec()
        } else {
            ["-db", "-f", &file].map(str::to_owned).to_vec()
        }
    }
}

/// A program of this machine and its version, if there is one.
pub(super) fn find(program: &str, ask_version: &str) -> Option<(PathBuf, String)> {
    // Debian keeps servers where only root looks.
    let places = ["", "/usr/sbin/", "/usr/local/sbin/"];
    places.iter().find_map(|place| {
        let path = PathBuf::from(format!("{place}{program}"));
        let output = Command::new(&path).arg(ask_version).output().ok()?;
        let said = [output.stdout, output.stderr].concat();
        let version = String::from_utf8_lossy(&said).lines().next().unwrap_or_default().to_owned();
        Some((path, version))
    })
}

/// One that runs.
pub(super) struct Proxy {
    pub(super) address: String,
    child: Child,
    /// Its configuration; gone with it.
    directory: tempfile::TempDir,
}

impl Proxy {
    /// Starts one with these values in its template; returns when it listens.
    pub(super) async fn start(template: Template, values: &[(&str, String)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let address = process::free_address();
        let mut values = values.to_vec();
        values.push(("LISTEN", address.clone()));
        values.push(("DIR", directory.path().display().to_string()));
        let cores = std::thread::available_parallelism().unwrap().get().min(CORES_MAX);
        values.push(("CORES", cores.to_string()));
        values.push(("LAST_CORE", (cores - 1).to_string()));
        let file = directory.path().join("proxy.conf");
        std::fs::write(&file, filled(template.text(), &values)).unwrap();
        let errors = std::fs::File::create(directory.path().join("errors")).unwrap();
        let (program, _) = find(template.program(), "-v").unwrap();
        let child = Command::new(program)
            .args(template.arguments(directory.path(), &file))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .unwrap();
        let mut proxy = Self { address, child, directory };
        proxy.wait_ready(template).await;
        proxy
    }

    async fn wait_ready(&mut self, template: Template) {
        let began = Instant::now();
        let plain = load::request("GET", "/", "", "");
        while load::status(&self.address, &plain).await.is_none() {
            let errors = || std::fs::read_to_string(self.directory.path().join("errors"));
            let runs = matches!(self.child.try_wait(), Ok(None));
            let waits = began.elapsed() < READY_WITHIN;
            assert!(runs && waits, "{template:?} does not start: {}", errors().unwrap_or_default());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// All its processes.
    pub(super) fn processes(&self) -> Vec<u32> {
        process::family(self.child.id())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        process::end(&mut self.child);
    }
}

/// The template with its values; nothing may be left open.
fn filled(template: &str, values: &[(&str, String)]) -> String {
    let mut text = template.to_owned();
    for (name, value) in values {
        text = text.replace(&format!("@{name}@"), value);
    }
    let is_name =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    let mut lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let open = lines.find(|line| line.split('@').skip(1).any(is_name));
    assert_eq!(open, None, "a template with a value that nobody gave");
    text
}
