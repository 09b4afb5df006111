//! The stage: two companies on loopback, each a Gatepost and a service, with fresh data
//! directories. Used by the demo and by whole-program tests.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use http::Request;
use http::header::{CONTENT_TYPE, HOST};
use http_body_util::Full;
use outbound::{Bounds, Guard, Origin, Pool, send_whole};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::hops::Hop;
use crate::files::private_directory;

/// Hops that may wait to be shown.
const HOPS_MAX: usize = 65_536;
/// How long a process may take until it is ready.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How long a process may take to stop before it is made to.
const STOP_WITHIN: Duration = Duration::from_secs(20);
/// How many blocks of ports are tried when some are busy.
const BLOCKS_TRIED: u16 = 200;
/// From one block to the next.
const BLOCK: u16 = 200;

/// What a stage is made of.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The `gatepost` program.
    pub program: PathBuf,
    /// An empty directory for everything.
    pub root: PathBuf,
    /// How often the tire company completes its orders.
    pub every: String,
    /// More variables for the companies' files, such as `TIRES_PLAN_RATE`.
    pub environment: Vec<(String, String)>,
}

/// The addresses of one company.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// Gateway and token service.
    pub public: SocketAddr,
    /// Where its own service publishes.
    pub internal: SocketAddr,
    /// Operators, health, metrics.
    pub admin: SocketAddr,
    /// Its own service.
    pub service: SocketAddr,
}

/// One company: a directory, a Gatepost, a service.
pub struct Company {
    /// `cars` or `tires`.
    pub name: &'static str,
    /// Its directory.
    pub directory: PathBuf,
    /// Its addresses.
    pub ports: Ports,
    gatepost: Option<Child>,
    service: Option<Child>,
}

/// Two companies.
pub struct Stage {
    /// The car maker.
    pub cars: Company,
    /// The tire supplier.
    pub tires: Company,
    settings: Settings,
    hops: mpsc::Receiver<Hop>,
    told: mpsc::Sender<Hop>,
    tracker: TaskTracker,
    _ports: TcpListener,
}

/// One step of the hand-over, as it was typed and answered.
#[derive(Debug, Clone)]
pub struct Step {
    /// Whose terminal.
    pub company: &'static str,
    /// The command, as a person types it.
    pub command: String,
    /// What it printed.
    pub output: String,
}

impl Stage {
    /// Starts both companies and waits until they are ready.
    pub async fn open(settings: Settings) -> anyhow::Result<Self> {
        let (told, hops) = mpsc::channel(HOPS_MAX);
        let Block { cars, tires, taken } = Block::find()?;
        let cars = Company::new("cars", &settings.root, cars)?;
        let tires = Company::new("tires", &settings.root, tires)?;
        let tracker = TaskTracker::new();
        let mut stage = Self { cars, tires, settings, hops, told, tracker, _ports: taken };
        stage.start_tires().await?;
        stage.start_cars().await?;
        Ok(stage)
    }

    /// Starts the car company's Gatepost and service.
    pub async fn start_cars(&mut self) -> anyhow::Result<()> {
        let starter = self.starter();
        self.cars.start_gatepost(&starter)?;
        self.cars.start_service(&starter)?;
        self.cars.wait_ready().await
    }

    /// Starts the tire company's Gatepost and service.
    pub async fn start_tires(&mut self) -> anyhow::Result<()> {
        let starter = self.starter();
        self.tires.start_gatepost(&starter)?;
        self.tires.start_service(&starter)?;
        self.tires.wait_ready().await
    }

    /// Starts the tire company's Gatepost again after it was killed.
    pub async fn restart_tires_gatepost(&mut self) -> anyhow::Result<()> {
        let starter = self.starter();
        self.tires.start_gatepost(&starter)?;
        self.tires.wait_ready().await
    }

    fn starter(&self) -> Starter {
        let mut environment = self.settings.environment.clone();
        let mut set = |name: &str, value: String| environment.push((name.to_owned(), value));
        for company in [&self.cars, &self.tires] {
            let upper = company.name.to_uppercase();
            let public = format!("http://{}", company.ports.public);
            set(&format!("{upper}_TOKEN_URL"), format!("{public}/oauth2/token"));
            set(&format!("{upper}_PUBLIC_URL"), public);
            set(&format!("{upper}_PUBLIC"), company.ports.public.to_string());
            set(&format!("{upper}_INTERNAL"), company.ports.internal.to_string());
            set(&format!("{upper}_ADMIN"), company.ports.admin.to_string());
            set(&format!("{upper}_SERVICE"), format!("http://{}", company.ports.service));
        }
        set("COMPLETE_EVERY", self.settings.every.clone());
        Starter {
            program: self.settings.program.clone(),
            environment,
            told: self.told.clone(),
            tracker: self.tracker.clone(),
        }
    }

    /// Hands credentials over in both directions, as two operators would: by their own commands,
    /// each in its own directory, with one sealed letter each way.
    pub async fn hand_over(&mut self) -> anyhow::Result<Vec<Step>> {
        let mut steps = Vec::new();
        for (provider, caller, partner, called) in [
            (&self.tires, &self.cars, "lee-james-luxury-cars", "tires"),
            (&self.cars, &self.tires, "ljg-tires", "cars"),
        ] {
            let key = self.run(caller, &["handover", "key"], &mut steps).await?;
            let letter =
                self.settings.root.join(format!("{}-to-{}.letter", provider.name, caller.name));
            let letter = letter.to_string_lossy().into_owned();
            let seal = ["partner", "handover", partner, "--seal-to", key.trim(), "--out", &letter];
            self.run(provider, &seal, &mut steps).await?;
            self.run(caller, &["handover", "accept", &letter, "--as", called], &mut steps).await?;
        }
        Ok(steps)
    }

    async fn run(
        &self,
        company: &Company,
        arguments: &[&str],
        steps: &mut Vec<Step>,
    ) -> anyhow::Result<String> {
        let starter = self.starter();
        let mut command = Command::new(&starter.program);
        command.args(arguments).current_dir(&company.directory).envs(starter.environment);
        let output = command.output().await.context("a command cannot be started")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let talk = String::from_utf8_lossy(&output.stderr);
            bail!("`gatepost {}` failed: {talk}", arguments.join(" "));
        }
        steps.push(Step {
            company: company.name,
            command: format!("gatepost {}", arguments.join(" ")),
            output: text.trim_end().to_owned(),
        });
        Ok(text)
    }

    /// A buyer places a car order through the car company's gateway; gives the order's id.
    pub async fn place_order(&self, number: u32) -> anyhow::Result<String> {
        let body = json!({ "type": "Tesla Model 3", "price": "£47000" });
        let url = format!("http://{}/prod/orders", self.cars.ports.public);
        let (status, answer) = call("POST", &url, Some(&body)).await?;
        if status != 201 {
            bail!("order {number} was answered {status}: {answer}");
        }
        answer["id"].as_str().map(str::to_owned).context("the order has no id")
    }

    /// The next hop, when it happens.
    pub(super) async fn next_hop(&mut self) -> Option<Hop> {
        self.hops.recv().await
    }

    /// The next hop that has happened already.
    pub(super) fn hop_now(&mut self) -> Option<Hop> {
        self.hops.try_recv().ok()
    }

    /// Forgets hops nobody shows, so that the companies never wait for a reader.
    pub fn discard_hops(&mut self) {
        while self.hop_now().is_some() {}
    }

    /// The log files of all four processes.
    pub fn logs(&self) -> Vec<String> {
        let of = |company: &Company| {
            ["gatepost.log", "service.log"]
                .map(|log| company.directory.join(log).to_string_lossy().into_owned())
        };
        of(&self.cars).into_iter().chain(of(&self.tires)).collect()
    }

    /// Stops everything, orderly.
    pub async fn close(mut self) {
        tokio::join!(self.cars.stop(), self.tires.stop());
        self.hops.close();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

/// What every process is started with.
struct Starter {
    program: PathBuf,
    environment: Vec<(String, String)>,
    told: mpsc::Sender<Hop>,
    tracker: TaskTracker,
}

impl Company {
    fn new(name: &'static str, root: &Path, ports: Ports) -> anyhow::Result<Self> {
        let directory = root.join(name);
        private_directory(&directory)?;
        let (file, document) = match name {
            "cars" => (include_str!("../../../../examples/cars/gatepost.yaml"), cars::openapi()),
            _ => (include_str!("../../../../examples/tires/gatepost.yaml"), tires::openapi()),
        };
        std::fs::write(directory.join("gatepost.yaml"), file)?;
        std::fs::write(directory.join("service.openapi.json"), document.to_string())?;
        Ok(Self { name, directory, ports, gatepost: None, service: None })
    }

    fn start_gatepost(&mut self, starter: &Starter) -> anyhow::Result<()> {
        let arguments = ["serve".to_owned(), "--log".to_owned(), "json".to_owned()];
        self.gatepost = Some(self.start(starter, &arguments, "gatepost.log")?);
        Ok(())
    }

    fn start_service(&mut self, starter: &Starter) -> anyhow::Result<()> {
        let data = self.directory.join("service");
        let arguments = [
            "example".to_owned(),
            self.name.to_owned(),
            "--listen".to_owned(),
            self.ports.service.to_string(),
            "--data".to_owned(),
            data.to_string_lossy().into_owned(),
            "--events-url".to_owned(),
            format!("http://{}", self.ports.internal),
        ];
        self.service = Some(self.start(starter, &arguments, "service.log")?);
        Ok(())
    }

    fn start(&self, starter: &Starter, arguments: &[String], log: &str) -> anyhow::Result<Child> {
        let log = self.directory.join(log);
        let talk = std::fs::OpenOptions::new().create(true).append(true).open(&log)?;
        let mut child = Command::new(&starter.program)
            .args(arguments)
            .envs(starter.environment.iter().cloned())
            .env("RUST_LOG", "info")
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(talk)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} cannot be started", starter.program.display()))?;
        let lines = child.stdout.take().context("the process has no output")?;
        let (told, company) = (starter.told.clone(), self.name);
        starter.tracker.spawn(async move {
            let file = tokio::fs::OpenOptions::new().append(true).open(&log).await;
            let mut file = file.ok();
            let mut lines = BufReader::new(lines).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some(file) = &mut file {
                    drop(file.write_all(format!("{line}\n").as_bytes()).await);
                }
                if let Some(hop) = Hop::read(company, &line) {
                    // Nobody watches any more, or nobody keeps up: the log file has it.
                    drop(told.try_send(hop));
                }
            }
        });
        Ok(child)
    }

    /// Waits until Gatepost and service answer.
    pub async fn wait_ready(&mut self) -> anyhow::Result<()> {
        let urls = [
            format!("http://{}/readyz", self.ports.admin),
            format!("http://{}/livez", self.ports.service),
        ];
        let ready = async {
            for url in &urls {
                while !call("GET", url, None).await.is_ok_and(|(status, _)| status == 200) {
                    self.still_runs()?;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            anyhow::Ok(())
        };
        let waited = tokio::time::timeout(READY_WITHIN, ready).await;
        waited.with_context(|| format!("{} was not ready in time", self.name))?
    }

    fn still_runs(&mut self) -> anyhow::Result<()> {
        for child in self.gatepost.iter_mut().chain(self.service.iter_mut()) {
            if let Some(status) = child.try_wait()? {
                let log = std::fs::read_to_string(self.directory.join("gatepost.log"));
                let service = std::fs::read_to_string(self.directory.join("service.log"));
                let (log, service) = (log.unwrap_or_default(), service.unwrap_or_default());
                bail!("a process of {} ended with {status}:\n{log}{service}", self.name);
            }
        }
        Ok(())
    }

    /// Kills the Gatepost at once, as a power cut would.
    pub async fn kill_gatepost(&mut self) -> anyhow::Result<()> {
        if let Some(mut child) = self.gatepost.take() {
            child.kill().await.context("the Gatepost cannot be killed")?;
        }
        Ok(())
    }

    /// Stops both processes, orderly; made to when they take too long.
    pub async fn stop(&mut self) {
        let children = [self.service.take(), self.gatepost.take()];
        for mut child in children.into_iter().flatten() {
            if let Some(id) = child.id() {
                terminate(id).await;
            }
            if tokio::time::timeout(STOP_WITHIN, child.wait()).await.is_err() {
                drop(child.kill().await);
            }
        }
    }
}

/// Sends SIGTERM to a process of ours. There is no safe call for it in the standard library.
async fn terminate(id: u32) {
    drop(Command::new("kill").args(["-TERM", &id.to_string()]).output().await);
}

/// Free ports for both companies, blocks with a busy port stepped over.
struct Block {
    cars: Ports,
    tires: Ports,
    /// Held as long as the stage stands: while a company is down in an outage, another stage must
    /// not move into its ports.
    taken: TcpListener,
}

impl Block {
    fn find() -> anyhow::Result<Self> {
        let free = |number| {
            let first = 7300_u16.checked_add(BLOCK.checked_mul(number)?)?;
            let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, first + 9)).ok()?;
            let (cars, tires) = (Ports::from(first), Ports::from(first + 100));
            (cars.are_free() && tires.are_free()).then_some(Self { cars, tires, taken })
        };
        (0..BLOCKS_TRIED).find_map(free).context("there are no free ports from 7300 on")
    }
}

impl Ports {
    fn from(first: u16) -> Self {
        let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self {
            public: address(first),
            internal: address(first + 1),
            admin: address(first + 2),
            service: address(first + 10),
        }
    }

    fn are_free(&self) -> bool {
        let all = [self.public, self.internal, self.admin, self.service];
        all.iter().all(|address| TcpListener::bind(address).is_ok())
    }
}

/// One call to one of our own addresses; gives status and JSON.
pub async fn call(method: &str, url: &str, body: Option<&Value>) -> anyhow::Result<(u16, Value)> {
    let uri: http::Uri = url.parse()?;
    let origin = Origin::of(&uri).context("no address")?;
    let pool = Pool::new(origin, Guard::Own, 0, TaskTracker::new());
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let text = body.map(ToString::to_string).unwrap_or_default();
    let request = Request::builder()
        .method(method)
        .uri(target)
        .header(HOST, pool.origin().authority())
        .header(CONTENT_TYPE, "application/json")
        .body(Full::from(text))?;
    let bounds =
        Bounds { answer_bytes_max: 16 * 1024 * 1024, ..Bounds::within(Duration::from_secs(30)) };
    let answer = send_whole(&pool, request, bounds).await?;
    Ok((answer.status.as_u16(), serde_json::from_slice(&answer.body).unwrap_or_default()))
}
